"""What the tests of the SFTP client share: a partner with its profile and directories, and an inbound port."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from gateway.messages.ids import derived_id
from gateway.messages.ports import Answer, Delivery, DeliveryOutcome, Receipt, Received
from gateway.partners.profile import PartnerProfile
from gateway.store.engine import Store
from gateway.transports.sftp.client import Credentials, Gates, SftpDelivery, SftpPoller, SftpTarget
from gateway.transports.sftp.client.connection import Timeouts
from gateway.transports.sftp.client.fetching import PollResult
from gateway.transports.sftp.client.target import credentials_from_profile, target_from_profile
from tests.transports.sftp.client.sshd import Sshd

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
ISA = (
    b"ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *260301*0830*U*00401*%09d*0*P*>~"
    b"GS*PO*HARBORRETAIL*ALPINESUPPLY*20260301*0830*1*X*004010~ST*850*0001~SE*2*0001~GE*1*1~IEA*1*%09d~"
)


def interchange(control: int = 1) -> bytes:
    """A small X12 interchange, different for each control number."""
    return ISA % (control, control)


class Inbound:
    """An inbound port that keeps what it is given and knows an identity again."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.duplicates: list[Received] = []
        self.raises: Callable[[Received], Exception | None] = lambda received: None
        self.came = threading.Event()
        self._lock = threading.Lock()

    def receive(self, received: Received) -> Receipt:
        error = self.raises(received)
        if error is not None:
            raise error
        with self._lock:
            known = [
                one for one in self.received if received.transport_id and one.transport_id == received.transport_id
            ]
            transmission = derived_id("test", received.transport_id or len(self.received))
            if known:
                self.duplicates.append(received)
                same = known[0].wire_sha256 == received.wire_sha256
                return Receipt(transmission, duplicate=same, conflict=not same)
            self.received.append(received)
        self.came.set()
        return Receipt(transmission)

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        return None

    @property
    def payloads(self) -> list[bytes]:
        return [one.payload for one in self.received]

    @property
    def names(self) -> list[str]:
        return [one.filename or "" for one in self.received]


class Targets:
    """One partner's target, from a profile that a test may change."""

    def __init__(self, profile: PartnerProfile, secrets: dict[str, bytes]) -> None:
        self.profile, self.version, self.secrets = profile, 1, secrets

    def polled(self) -> list[SftpTarget]:
        target = target_from_profile(self.profile, self.version)
        return [target] if target and target.pull else []

    def for_partner(self, partner: str) -> SftpTarget:
        target = target_from_profile(self.profile, self.version) if partner == self.profile.code else None
        if target is None:
            raise LookupError(f"{partner} has no server")
        return target

    def credentials(self, target: SftpTarget) -> Credentials:
        try:
            return credentials_from_profile(self.profile, self.secrets.__getitem__)
        except KeyError as error:
            raise ValueError(f"The secret {error} is missing.") from error


class Kit:
    """A partner with a server, our poller and our delivery."""

    def __init__(self, store: Store, sshd: Sshd) -> None:
        self.store, self.sshd = store, sshd
        self.home = Path(tempfile.mkdtemp(prefix="partner-", dir=sshd.home))
        self.out, self.inn, self.archive = (self.home / name for name in ("out", "in", "archive"))
        for folder in (self.out, self.inn, self.archive):
            folder.mkdir()
        self.now = NOW
        self.seconds = 0.0
        self.inbound = Inbound()
        self.problems: list[tuple[str, str, str]] = []
        self.mismatches: list[tuple[str, str, str]] = []
        self.targets = Targets(self.make_profile(), {"harbor-key": sshd.secret_key})
        self.gates = Gates(
            clock=lambda: self.now,
            on_host_key_mismatch=lambda *told: self.mismatches.append(told),
            on_problem=lambda *told: self.problems.append(told),
        )
        self.poller = self.new_poller()
        self.delivery = SftpDelivery(self.targets, clock=lambda: self.now, gates=self.gates, timeouts=Timeouts(5, 10))

    def __enter__(self) -> Kit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.poller.stop()
        self.delivery.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # -- setting up ------------------------------------------------------------------------------------------------

    def make_profile(self, **changes: Any) -> PartnerProfile:
        sftp = {
            "host": "127.0.0.1",
            "port": self.sshd.port,
            "user": self.sshd.user,
            "host_keys": self.sshd.fingerprints,
            "key": {"secret": "harbor-key"},
            "inbound": str(self.out),
            "outbound": str(self.inn),
            "archive": str(self.archive),
            "settle_seconds": 0,
            **changes,
        }
        return PartnerProfile.model_validate({"code": "harbor", "name": "Harbor", "status": "live", "sftp": sftp})

    def agree(self, **changes: Any) -> None:
        """A new version of the profile with other SFTP settings."""
        self.targets.profile = self.make_profile(**changes)
        self.targets.version += 1

    def new_poller(self, **options: Any) -> SftpPoller:
        return SftpPoller(
            self.targets,
            self.inbound,
            self.store,
            clock=lambda: self.now,
            gates=self.gates,
            on_problem=lambda *told: self.problems.append(told),
            monotonic=lambda: self.seconds,
            chance=lambda: 0.0,
            timeouts=Timeouts(5, 10),
            **{"tick_seconds": 0.02, **options},
        )

    def restart(self) -> None:
        """A new process: nothing is remembered but what the store holds."""
        self.poller.stop()
        self.poller = self.new_poller()

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.seconds += timedelta(**span).total_seconds()

    # -- doing -----------------------------------------------------------------------------------------------------

    def offer(self, name: str, body: bytes, mtime: int = 1_770_000_000) -> Path:
        """The partner puts a file where we fetch."""
        path = self.out / name
        path.write_bytes(body)
        os.utime(path, (mtime, mtime))
        return path

    def poll(self) -> PollResult:
        return self.poller.poll_once("harbor")

    def item(self, body: bytes = b"", key: str = "a") -> Delivery:
        return Delivery(
            transmission_id=derived_id("out", key),
            partner="harbor",
            transport="sftp",
            payload=body or interchange(),
            filename="850.edi",
            content_type="application/EDI-X12",
            transport_id="",
            created_at=NOW,
        )

    def send(self, delivery: Delivery | None = None) -> DeliveryOutcome:
        delivery = delivery or self.item()
        return self.delivery.deliver(delivery, self.delivery.prepare(delivery))

    def listed(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir())


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
