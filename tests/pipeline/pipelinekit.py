"""A pipeline over a real store whose jobs run when the test says so, and a partner that notes what it is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.backoffice.folder import FolderBackOffice
from gateway.messages import queries
from gateway.messages.models import CaseFile, Document, Interchange, Transmission
from gateway.messages.ports import (
    Answer,
    Delivery,
    DeliveryOutcome,
    Outcome,
    PreparedWire,
    Received,
    ReceiveFailure,
    Task,
    WorkStats,
)
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile
from gateway.pipeline import delivery, inbound, posting
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.receive import Inbox
from gateway.store import payloads
from gateway.store.engine import Store

FIXTURES = Path(__file__).parent.parent / "fixtures"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HARBOR: dict[str, Any] = {
    "code": "harbor",
    "name": "Harbor Retail",
    "status": "live",
    "ids": {"isa": [{"qualifier": "ZZ", "id": "HARBORRETAIL"}], "gs": ["HARBORRETAIL"], "as2": "HARBOR"},
    "inbound": {"test_in_live": "process"},
    "delivery": {"transport": "as2"},
}


class HandWork:
    """The work port run by hand: jobs are noted at commit and run by ``Kit.work``."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Task, str]] = []

    def submit(self, session: Session, task: Task, key: str, *, lane: str | None = None) -> None:
        from gateway.store.engine import after_commit

        after_commit(session, lambda: self.jobs.append((task, key)) if (task, key) not in self.jobs else None)

    def run(self, handlers: object, slots: int) -> None: ...

    def stop(self, timeout: float = 30.0) -> None: ...

    def stats(self) -> WorkStats:
        return WorkStats(len(self.jobs), 0, 0, None)


@dataclass
class Partner:
    """The other end of the wire: keeps what it is sent and answers as it is told."""

    sent: list[tuple[Delivery, PreparedWire]] = field(default_factory=list)
    outcomes: list[DeliveryOutcome] = field(default_factory=list)
    prepared: int = 0
    refuses_to_prepare: Exception | None = None

    def prepare(self, delivery: Delivery) -> PreparedWire:
        if self.refuses_to_prepare:
            raise self.refuses_to_prepare
        self.prepared += 1
        headers = (("Message-ID", delivery.transport_id),)
        return PreparedWire(headers, delivery.payload, delivery.transport_id, {"sha256": "mic"})

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        self.sent.append((delivery, wire))
        if self.outcomes:
            return self.outcomes.pop(0)
        answer = Answer(200, (("Content-Type", "text/plain"),), b"receipt", "processed")
        return DeliveryOutcome(Outcome.CONFIRMED, "Confirmed.", 200, answer, mic_matched=True, mdn_signed=True)

    @property
    def payloads(self) -> list[bytes]:
        return [delivery.payload for delivery, _ in self.sent]


class Kit:
    """One pipeline and everything a test asks about it."""

    def __init__(self, store: Store, home: Path) -> None:
        self.store = store
        self.home = home
        self.now = NOW
        self.partner = Partner()
        self.jobs = HandWork()
        self.pipeline = Pipeline(
            company=Company("alpine", "Alpine Supply", "ZZ", "ALPINESUPPLY", "ALPINESUPPLY", "ALPINE"),
            store=store,
            work=self.jobs,
            directory=Directory(store.read, "ALPINE"),
            clock=lambda: self.now,
            delivery={"as2": self.partner},
            posting=FolderBackOffice(home / "inbox"),
        )
        self.inbox = Inbox(self.pipeline)
        self.befriend()

    # -- doing -------------------------------------------------------------------------------------------------

    def befriend(self, **changes: Any) -> None:
        """Apply the partner's profile with some values replaced."""
        profile = PartnerProfile.model_validate({**HARBOR, **changes})
        self.store.writer.run(
            lambda session: registry.apply(session, [profile], "test", "set up", self.pipeline.clock())
        )

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def receive(
        self,
        payload: bytes,
        *,
        partner: str | None = "harbor",
        message_id: str | None = None,
        failure: ReceiveFailure | None = None,
    ) -> str:
        """Hand in a transmission as the AS2 listener does; its id."""
        self.pass_time(seconds=1)
        answer = Answer(200, (("Content-Type", "multipart/report"),), b"MDN for this", "processed")
        received = Received(
            transport="as2",
            partner=partner,
            payload=payload,
            wire=b"wire:" + payload,
            wire_sha256=hashlib.sha256(b"wire:" + payload).hexdigest(),
            transport_id=message_id,
            filename="in.edi",
            answer=answer,
            failure=failure,
        )
        return self.inbox.receive(received).transmission_id

    def receive_file(self, name: str) -> str:
        """Hand in a fixture and work until nothing waits."""
        identity = self.receive((FIXTURES / name).read_bytes())
        self.work()
        return identity

    def work(self) -> None:
        """Run jobs until none is left, deliveries too."""
        handlers: dict[Task, Callable[[Pipeline, str], None]] = {
            Task.PROCESS: inbound.process,
            Task.POST: posting.post,
            Task.DRAIN: delivery.drain,
        }
        while self.jobs.jobs:
            task, key = self.jobs.jobs.pop(0)
            handlers[task](self.pipeline, key)

    # -- asking ------------------------------------------------------------------------------------------------

    def transmission(self, identity: str) -> Transmission:
        with self.store.read() as session:
            return session.get_one(Transmission, identity)

    def documents(self, **filters: Any) -> list[Document]:
        with self.store.read() as session:
            return list(
                session.scalars(select(Document).filter_by(**filters).order_by(Document.received_at, Document.position))
            )

    def interchanges(self, **filters: Any) -> list[Interchange]:
        with self.store.read() as session:
            return list(session.scalars(select(Interchange).filter_by(**filters).order_by(Interchange.received_at)))

    def cases(self) -> list[CaseFile]:
        with self.store.read() as session:
            return list(session.scalars(select(CaseFile).order_by(CaseFile.opened_at)))

    def case(self) -> CaseFile:
        """The only case there is."""
        (found,) = self.cases()
        return found

    def detail(self, identity: str) -> dict[str, Any]:
        with self.store.read() as session:
            return queries.message_detail(session, identity)

    def payload(self, sha256: str | None) -> bytes:
        with self.store.read() as session:
            return payloads.get(session, sha256 or "")

    def inbox_files(self) -> list[Path]:
        return sorted((self.home / "inbox").glob("*/*.json"))

    def posted(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in self.inbox_files()]

    def answers(self) -> list[dict[str, list[list[str]]]]:
        """What was sent, as segments by tag."""
        return [segments_of(payload) for payload in self.partner.payloads]


def segments_of(data: bytes) -> dict[str, list[list[str]]]:
    """The segments of one interchange by tag, each as its elements."""
    text = data.decode("latin-1")
    element, terminator = text[3], text[105]
    found: dict[str, list[list[str]]] = {}
    for segment in text.split(terminator):
        parts = segment.strip("\r\n").split(element)
        if parts[0]:
            found.setdefault(parts[0], []).append(parts[1:])
    return found


def renumbered(data: bytes, **changes: str) -> bytes:
    """An interchange of a fixture with texts replaced: keys are old texts, values new ones of the same length."""
    for old, new in changes.items():
        data = data.replace(old.encode(), new.encode())
    return data


__all__ = ["FIXTURES", "HARBOR", "NOW", "Kit", "Partner", "renumbered", "replace", "segments_of"]
