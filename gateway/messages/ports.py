"""The ports between the message store and the world: receiving, delivering, posting and work.

Each is a Protocol with the values that cross it. Transports and back offices implement or call them and
never import the pipeline; ``gateway.service`` wires the two sides together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = [
    "Answer",
    "AnswerPort",
    "Delivery",
    "DeliveryOutcome",
    "DeliveryPort",
    "InboundPort",
    "Outcome",
    "PostResult",
    "PostingPort",
    "PreparedWire",
    "Receipt",
    "ReceiveFailure",
    "Received",
    "Task",
    "Work",
    "WorkHandler",
    "WorkStats",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer a transport gave to its peer, kept byte for byte so that a resend gets it again."""

    #: HTTP status, or 0 where the transport has none.
    status: int
    #: Header names and values in the order they are sent.
    headers: tuple[tuple[str, str], ...]
    body: bytes
    #: For AS2: the disposition of the MDN ("processed", "processed/error: decryption-failed"), else "".
    disposition: str = ""


@dataclass(frozen=True, slots=True)
class ReceiveFailure:
    """Why the transport refused the content, for staff; the partner sees only the uniform answer."""

    #: One of the fault classes: "verify", "decrypt", "decompress", "security", "limit", "malformed".
    fault: str
    #: The true reason in one plain sentence.
    reason: str
    #: What staff can do about it.
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """One transmission as a transport received it, complete and checked by its own rules."""

    #: "as2", "sftp", "folder" or "http".
    transport: str
    #: Code of the partner the transport identified, or None when it identifies by content only.
    partner: str | None
    #: The business payload (an X12 interchange, an XML document); b"" when it could not be opened.
    payload: bytes
    #: The bytes as they arrived on the wire, when they differ from the payload.
    wire: bytes | None = None
    #: Identity given by the sender and unique for it: the AS2 Message-ID exactly as received.
    transport_id: str | None = None
    #: SHA-256 (hex) of the wire bytes: tells a resend from a reused identity.
    wire_sha256: str = ""
    filename: str | None = None
    content_type: str | None = None
    #: What was agreed and seen, for people: AS2 names, signed, encrypted, compressed, algorithms, certificates.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The answer that will be sent once this is stored.
    answer: Answer | None = None
    #: Base64 message integrity check and its algorithm as reported to the sender (RFC 4130 §7.3.1).
    mic: str | None = None
    mic_algorithm: str | None = None
    failure: ReceiveFailure | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the store made of a received transmission."""

    transmission_id: str
    #: True when the same identity with the same bytes was stored before; nothing was stored now.
    duplicate: bool = False
    #: True when the same identity came with other bytes; the earlier one is untouched, a case is open.
    conflict: bool = False
    #: The answer to give: the earlier one for a duplicate while it is kept, else the one handed in.
    answer: Answer | None = None


class InboundPort(Protocol):
    """Where a transport puts what it received. Thread-safe; blocks until the commit is durable."""

    def receive(self, received: Received) -> Receipt:
        """Store and acknowledge: returns only after the bytes and their row are durable.

        Raises StoreBusyError when the writer's queue is full (the transport answers 503).
        """
        ...

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        """(wire SHA-256, answer) of the transmission that used this identity before, or None.

        Raises PayloadRemovedError when retention removed the answer; ``receive`` takes a new one then.
        """
        ...


class AnswerPort(Protocol):
    """Answers that belong on the connection that brought a message: a cXML request wants its Response there."""

    def partner_of(self, body: bytes) -> str | Answer:
        """The partner that the content itself proves to be from, or the answer that refuses it."""
        ...

    def answer(self, partner: str, body: bytes) -> tuple[str, Answer] | None:
        """(the message's own identity, its answer), or None when nothing beyond a receipt is wanted."""
        ...

    def conflict(self) -> Answer:
        """The answer when that identity was used before for other bytes."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedWire:
    """Everything that identifies one outbound transmission on the wire, frozen before the first attempt."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    #: AS2 Message-ID; "" for transports without one.
    transport_id: str
    #: algorithm → base64 digest: every MIC the peer may legally answer with.
    mics: Mapping[str, str] = field(default_factory=dict)


class Outcome(Enum):
    """How one delivery attempt ended."""

    #: The peer proved that it has the bytes (signed MDN with equal MIC; rename verified).
    CONFIRMED = "confirmed"
    #: Handed over; the proof comes later (asynchronous MDN).
    SENT = "sent"
    #: Not delivered, or not known: try again later with the same bytes.
    RETRY = "retry"
    #: Refused for good: another try cannot help.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The result of one attempt, with its proof."""

    outcome: Outcome
    #: One plain sentence: what happened, where, why, what to do.
    reason: str
    #: HTTP status or other peer code, 0 when none.
    status: int = 0
    #: The raw answer (MDN with its headers), kept as evidence.
    answer: Answer | None = None
    #: True/False when a MIC was compared, None when there was none.
    mic_matched: bool | None = None
    #: True when the MDN was signed by a pinned certificate of the partner.
    mdn_signed: bool | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbound transmission to bring to a partner."""

    transmission_id: str
    partner: str
    transport: str
    payload: bytes
    filename: str
    content_type: str
    #: Transport identity fixed when the transmission was created (AS2 Message-ID).
    transport_id: str
    created_at: datetime


class DeliveryPort(Protocol):
    """A transport that sends. Called from worker threads; network I/O happens outside any transaction."""

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """Build the wire bytes once; they are stored before the first attempt and reused for every retry."""
        ...

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Make one attempt. Never raises for a peer's or the network's failure: that is an outcome."""
        ...


@dataclass(frozen=True, slots=True)
class PostResult:
    """What the back office made of a posted document."""

    #: "created" or "exists".
    status: str
    #: Where it is now, for people and for the record (the file's relative path, an ERP id).
    reference: str


class PostingPort(Protocol):
    """A back office that takes documents. Idempotent by the document's id."""

    def post(self, document_id: str, partner: str, kind: str, number: str, body: bytes) -> PostResult:
        """Deliver one canonical document (JSON bytes). Raises OSError when it cannot be made durable."""
        ...


class Task(Enum):
    """The kinds of background work; a job is (task, key) and its key is always an id."""

    #: Read, validate, acknowledge and map a received transmission; key = transmission id.
    PROCESS = "process"
    #: Deliver a mapped document to the back office; key = document id.
    POST = "post"
    #: Send what waits for one partner, in order; key = partner code.
    DRAIN = "drain"


WorkHandler = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WorkStats:
    """A look at the queue."""

    waiting: int
    running: int
    failed: int
    #: Seconds that the oldest waiting job has waited, or None.
    oldest_seconds: float | None


class Work(Protocol):
    """Wakes handlers. The business tables are the truth; losing every job loses no message."""

    def submit(self, session: Session, task: Task, key: str, *, lane: str | None = None) -> None:
        """Ask for one run of ``task`` for ``key``, in the caller's transaction.

        The same task and key while one waits is one job; the same lane is never two at once.
        """
        ...

    def run(self, handlers: Mapping[Task, WorkHandler], slots: int) -> None:
        """Start the worker threads; returns at once."""
        ...

    def stop(self, timeout: float = 30.0) -> None:
        """Let running handlers end, then stop the threads."""
        ...

    def stats(self) -> WorkStats:
        """Counts of waiting, running and failed jobs."""
        ...
