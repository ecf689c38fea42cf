"""What the tests of the SFTP server share: a running listener with accounts, and a port that records what comes in."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import asyncssh
import paramiko

from gateway.messages.ports import Delivery, Receipt
from gateway.partners.transfers import HostedSftp
from gateway.store.engine import Store
from gateway.transports.sftp.hostkeys import HostKey, make_host_keys
from gateway.transports.sftp.server import SftpLimits, SftpListener
from gateway.transports.sftp.server.accounts import AccountKey, LegacyException, MailboxAccount
from gateway.transports.sftp.server.bans import BanRules
from gateway.transports.sftp.server.delivery import HostedMailboxDelivery
from gateway.transports.sftp.server.mailbox import Mailbox

ISA = (
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HARBOR         *260301*1200*U*00401*000000001*0*T*>~"
    b"GS*PO*ACME*HARBOR*20260301*1200*1*X*004010~ST*850*0001~BEG*00*SA*4711**20260301~SE*3*0001~GE*1*1~"
)
ORDER = ISA + b"IEA*1*000000001~"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUICK = SftpLimits(failure_delay=0.0, drain_seconds=0.0, min_free_bytes=0, connections_per_minute=10_000)


def order(number: int, size: int = 0) -> bytes:
    """A different interchange for every number, filled up to about ``size`` bytes."""
    filler = b"NTE*GEN*" + b"X" * max(size - len(ORDER), 0) + b"~" if size else b""
    return ISA.replace(b"000000001", b"%09d" % number) + filler + b"IEA*1*%09d~" % number


@cache
def host_keys() -> tuple[HostKey, ...]:
    return make_host_keys()


def client_key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return _made(kind)


@cache
def _made(kind: str) -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


def account_key(kind: str = "ssh-ed25519", **window: object) -> AccountKey:
    key = client_key(kind)
    return AccountKey(key.public_data, key.get_fingerprint(), **window)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Inbound:
    """Records what was received, as the pipeline would; knows resends by their identity."""

    def __init__(self) -> None:
        self.received: list = []
        self.bodies: dict[str, bytes] = {}
        self.identities: dict[str, str] = {}
        self.fail: Exception | None = None
        self.before = lambda: None
        self._changed = threading.Condition()

    def receive(self, received):
        self.before()
        if self.fail is not None:
            raise self.fail
        with self._changed:
            known = self.identities.get(received.transport_id or "")
            if known is not None:
                return Receipt(known, duplicate=True)
            number = f"t{len(self.received)}"
            self.received.append(received)
            if received.transport_id:
                self.identities[received.transport_id] = number
            self._changed.notify_all()
        return Receipt(number)

    def earlier(self, transport, partner, transport_id):
        known = self.identities.get(transport_id)
        return None if known is None else ("", None)

    @property
    def names(self) -> list[str]:
        return [received.filename for received in self.received]

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, 20), self.names


class Directory:
    """Accounts as a test names them."""

    def __init__(self, *accounts: MailboxAccount, exceptions: tuple[LegacyException, ...] = ()) -> None:
        self.accounts = list(accounts)
        self.asked = 0
        self._exceptions = exceptions

    def account(self, user):
        self.asked += 1
        return next((account for account in self.accounts if account.user == user), None)

    def of_partner(self, partner):
        return next((account for account in self.accounts if account.partner == partner), None)

    def all(self):
        return list(self.accounts)

    def exceptions(self):
        return list(self._exceptions)


class Collected:
    """Records collections."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def collected(self, session, partner, transmission_id, reason, now):
        with self._changed:
            self.seen.append((partner, transmission_id))
            self._changed.notify_all()


@dataclass
class Server:
    """A running listener and everything behind it."""

    listener: SftpListener
    mailbox: Mailbox
    inbound: Inbound
    directory: Directory
    collected: Collected
    clock: Clock
    loop: asyncio.AbstractEventLoop
    alerts: list = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.address[1]

    def call(self, work) -> Future:
        """Run a coroutine on the listener's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def on_loop(self, work):
        """Run a function on the listener's loop and return its value."""

        async def run():
            return work()

        return self.call(run()).result(20)

    def offer(self, name: str, body: bytes, transmission: str | None = None, partner: str = "acme") -> str:
        """Lay a file out; its name."""
        transmission = transmission or f"tx-{name}"
        delivery = Delivery(transmission, partner, "sftp", body, name, "application/EDI-X12", "", self.clock())
        port = HostedMailboxDelivery(self.mailbox, self.directory)
        wire = port.prepare(delivery)
        port.deliver(delivery, type(wire)((("Filename", name),), body, ""))
        return name

    def states(self, folder: str = "in", partner: str = "acme") -> dict[str, str]:
        return {e.name: e.state.value for e in self.mailbox.listing(partner, folder, 100_000)}

    def until(self, condition, what: str = "") -> None:
        """Wait on the loop until a condition of the listener holds."""

        async def wait():
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0.002)

        self.call(wait()).result(25)

    @contextmanager
    def paramiko(self, user: str = "acme", key: str = "ssh-ed25519", password: str | None = None):
        transport = paramiko.Transport(("127.0.0.1", self.port))
        try:
            transport.start_client(timeout=20)
            if password is not None:
                transport.auth_password(user, password)
            else:
                transport.auth_publickey(user, paramiko_key(key))
            yield paramiko.SFTPClient.from_transport(transport)
        finally:
            transport.close()

    def asyncssh(self, **options):
        """A connection of asyncssh's client (an async context manager)."""
        given = {"client_keys": [client_key()], "known_hosts": None, "config": None, "agent_path": None} | options
        return asyncssh.connect("127.0.0.1", self.port, username=given.pop("username", "acme"), **given)


def paramiko_key(kind: str) -> paramiko.PKey:
    from io import StringIO

    classes = {
        "ssh-ed25519": paramiko.Ed25519Key,
        "ssh-rsa": paramiko.RSAKey,
        "ecdsa-sha2-nistp256": paramiko.ECDSAKey,
    }
    return classes[kind].from_private_key(StringIO(client_key(kind).export_private_key("openssh").decode()))


@contextmanager
def running(
    store: Store,
    tmp_path: Path,
    *accounts: MailboxAccount,
    limits: SftpLimits = QUICK,
    ban_rules: BanRules | None = None,
    exceptions: tuple[LegacyException, ...] = (),
    staged=None,
    inbound=None,
):
    """A server with these accounts (default: acme with an ed25519 key), on a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp-test-loop", daemon=True)
    thread.start()
    clock, inbound, collected = Clock(), inbound or Inbound(), Collected()
    directory = Directory(*(accounts or (account(),)), exceptions=exceptions)
    alerts: list = []
    mailbox = Mailbox(store, tmp_path / "staging", clock, collected=collected, alert=alerts.append)
    listener = SftpListener(
        loop, mailbox, directory, inbound, host_keys(), port=0, limits=limits, ban_rules=ban_rules, staged=staged
    )
    server = Server(listener, mailbox, inbound, directory, collected, clock, loop, alerts)
    server.on_loop(listener.start)
    try:
        yield server
    finally:
        server.call(listener.stop()).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def account(partner: str = "acme", *, keys=None, password_hash=None, networks=(), **mailbox) -> MailboxAccount:
    settings = HostedSftp(user=partner, **mailbox)
    given = (account_key(),) if keys is None else tuple(keys)
    return MailboxAccount(partner, partner, given, password_hash, networks, settings)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def counted(names) -> Counter:
    return Counter(names)
