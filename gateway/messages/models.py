"""The tables of the messages: transmissions, attempts, interchanges, documents, cases, control numbers, jobs.

A *transmission* is what crosses the wire in one piece (an AS2 message, a file). It holds *interchanges*, and
these hold *documents* (one ST–SE, or one XML document); a document to be sent starts without a transmission.
The lifecycle axes are columns that only ``gateway.messages.lifecycle`` changes. Everything else that has once
been written about a received message stays as it is: corrections are new rows that name their ``parent_id``.
Identifiers are UUIDs as text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.base import Base, JsonText, UtcDateTime
from gateway.store.payloads import Payload, payload_index

__all__ = [
    "Attempt",
    "CaseFile",
    "CaseMember",
    "ControlNumber",
    "Document",
    "Interchange",
    "Job",
    "Transmission",
]


class Transmission(Base):
    """One piece that crossed, or will cross, the wire."""

    __tablename__ = "transmission"
    __table_args__ = (
        Index(
            "uq_transmission_identity",
            "partner",
            "direction",
            "transport",
            "transport_id",
            unique=True,
            sqlite_where=text("transport_id IS NOT NULL"),
            postgresql_where=text("transport_id IS NOT NULL"),
        ),
        Index("ix_transmission_created", "created_at", "id"),
        Index("ix_transmission_processing", "processing", "created_at"),
        Index("ix_transmission_due", "delivery", "next_attempt_at"),
        Index("ix_transmission_order", "partner", "sequence"),
        Index("ix_transmission_transport_id", "transport_id"),
        Index("ix_transmission_acknowledges", "acknowledges_id"),
        Index("ix_transmission_parent", "parent_id"),
        Index("ix_transmission_partner", "partner", "created_at", "id"),
        Index("ix_transmission_delivery", "delivery", "created_at", "id"),
        Index("ix_transmission_filename", "filename"),
        # From a payload to what uses it.
        payload_index("ix_transmission_payload", "payload_sha256"),
        payload_index("ix_transmission_wire", "wire_payload_sha256"),
        payload_index("ix_transmission_receipt", "answer_payload_sha256"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "in" or "out".
    direction: Mapped[str] = mapped_column(Text)
    #: "as2", "sftp", "folder" or "http".
    transport: Mapped[str] = mapped_column(Text)
    #: Partner code; None while the sender is unknown.
    partner: Mapped[str | None] = mapped_column(Text)
    #: Version of the partner's profile that was used.
    partner_version: Mapped[int | None] = mapped_column(Integer)
    #: The transport's identity: the AS2 Message-ID exactly as on the wire.
    transport_id: Mapped[str | None] = mapped_column(Text)
    #: SHA-256 of the wire bytes: tells a resend from a reused identity.
    wire_sha256: Mapped[str] = mapped_column(Text, default="")
    #: The business payload.
    payload_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    #: The raw bytes received or sent, where they are kept and differ from the payload.
    wire_payload_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    #: Bytes of the business payload.
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    filename: Mapped[str | None] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(Text)
    #: What was agreed and seen, for people: names, signed, encrypted, compressed, algorithms, certificates.
    facts: Mapped[Any] = mapped_column(JsonText, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Axis, inbound only: received, then posted once all its content reached a document or an answer.
    processing: Mapped[str | None] = mapped_column(Text)
    #: Axis; "none" for inbound.
    delivery: Mapped[str] = mapped_column(Text, default="none")
    #: The answer we gave, or got: status, headers as [[name, value], …], body and AS2 disposition.
    answer_status: Mapped[int | None] = mapped_column(Integer)
    answer_headers: Mapped[Any] = mapped_column(JsonText, nullable=True)
    answer_payload_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    answer_disposition: Mapped[str | None] = mapped_column(Text)
    #: Base64 message integrity check of the answer, and its algorithm.
    mic: Mapped[str | None] = mapped_column(Text)
    mic_algorithm: Mapped[str | None] = mapped_column(Text)
    #: Outbound: whether the partner's MIC was ours, and whether its MDN was signed by a pinned certificate.
    mic_matched: Mapped[bool | None] = mapped_column(Boolean)
    mdn_signed: Mapped[bool | None] = mapped_column(Boolean)
    #: The transmission that this one corrects, replays or resends.
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("transmission.id"))
    #: Place in the partner's outbound order, 1, 2, 3 …
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    #: Delivery attempts begun.
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    given_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Outbound: the frozen headers as [[name, value], …], and every MIC the peer may answer with.
    wire_headers: Mapped[Any] = mapped_column(JsonText, nullable=True)
    mics: Mapped[Any] = mapped_column(JsonText, nullable=True)
    #: For a TA1, 997 or 999 that we send: the inbound interchange that it answers.
    acknowledges_id: Mapped[str | None] = mapped_column(Text)
    #: "x12-004010", "x12-005010" …
    standard: Mapped[str | None] = mapped_column(Text)
    #: True for test traffic (ISA15 T).
    test: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Where it stands and why, one sentence for people.
    reason: Mapped[str | None] = mapped_column(Text)


class Attempt(Base):
    """One try to deliver an outbound transmission."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("uq_attempt_number", "transmission_id", "number", unique=True),
        Index("ix_attempt_open", "outcome", "started_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    transmission_id: Mapped[str] = mapped_column(ForeignKey("transmission.id"))
    #: 1, 2, 3 …
    number: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: "sending" while open, then "confirmed", "sent", "retry" or "failed".
    outcome: Mapped[str] = mapped_column(Text, default="sending")
    #: HTTP status or another code of the peer, 0 when none.
    status: Mapped[int] = mapped_column(Integer, default=0)
    #: What happened, one sentence.
    reason: Mapped[str | None] = mapped_column(Text)


class Interchange(Base):
    """One ISA–IEA of a transmission."""

    __tablename__ = "interchange"
    __table_args__ = (
        Index("ix_interchange_control", "sender", "receiver", "test", "control", "direction"),
        Index("ix_interchange_number", "control"),
        Index("ix_interchange_transmission", "transmission_id", "position"),
        Index("ix_interchange_acknowledgement", "acknowledgement_transmission_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    transmission_id: Mapped[str] = mapped_column(ForeignKey("transmission.id"))
    #: Place in the transmission, from 1.
    position: Mapped[int] = mapped_column(Integer)
    #: "in" or "out".
    direction: Mapped[str] = mapped_column(Text)
    partner: Mapped[str | None] = mapped_column(Text)
    #: "ZZ:ID": qualifier and trimmed identifier (ISA05/06, ISA07/08).
    sender: Mapped[str] = mapped_column(Text)
    receiver: Mapped[str] = mapped_column(Text)
    #: ISA13 as text, nine digits.
    control: Mapped[str] = mapped_column(Text)
    #: ISA12.
    version: Mapped[str] = mapped_column(Text)
    #: ISA15 is T.
    test: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Of the interchange's bytes: tells a resend from a reused control number.
    sha256: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "accepted", "accepted_with_errors", "partially_accepted", "rejected" or "unreadable".
    verdict: Mapped[str] = mapped_column(Text)
    #: TA105 that was answered, "000" when none was needed.
    ta1_code: Mapped[str | None] = mapped_column(Text)
    #: The transmission that carries our acknowledgement of it.
    acknowledgement_transmission_id: Mapped[str | None] = mapped_column(ForeignKey("transmission.id"))
    findings: Mapped[Any] = mapped_column(JsonText, nullable=True)


class Document(Base):
    """One business document: a transaction set or an XML document, received or to be sent."""

    __tablename__ = "document"
    __table_args__ = (
        Index(
            "uq_document_business_key",
            "partner",
            "direction",
            "business_key",
            unique=True,
            sqlite_where=text("owns_key AND business_key IS NOT NULL"),
            postgresql_where=text("owns_key AND business_key IS NOT NULL"),
        ),
        Index("ix_document_received", "received_at", "id"),
        Index("ix_document_number", "number"),
        Index("ix_document_key", "partner", "direction", "business_key"),
        Index("ix_document_partner", "partner", "received_at", "id"),
        Index("ix_document_kind", "kind", "received_at", "id"),
        # With the direction, so that the figures of a day are counted in the index alone.
        Index("ix_document_processing", "processing", "received_at", "direction"),
        Index("ix_document_answer", "acknowledgement", "received_at", "id"),
        Index("ix_document_acknowledgement", "acknowledgement", "acknowledgement_due_at"),
        Index("ix_document_transmission", "transmission_id"),
        Index("ix_document_interchange", "interchange_id"),
        Index("ix_document_control", "partner", "direction", "group_control", "set_control"),
        Index("ix_document_set_control", "set_control", "received_at"),
        Index("ix_document_group_control", "group_control", "received_at"),
        Index("ix_document_parent", "parent_id"),
        payload_index("ix_document_canonical", "canonical_sha256"),
        payload_index("ix_document_source", "source_sha256"),
    )

    #: UUIDv5 of its place (``gateway.messages.ids.document_id``): a retry after a crash arrives at the same.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "in" or "out".
    direction: Mapped[str] = mapped_column(Text)
    #: "order", "order_acknowledgment", "ship_notice", "invoice" …, "functional_acknowledgment".
    kind: Mapped[str] = mapped_column(Text)
    #: "x12-004010", "x12-005010" …
    standard: Mapped[str] = mapped_column(Text)
    #: "850", or an XML root element.
    set_id: Mapped[str] = mapped_column(Text)
    #: The number people know it by: BEG03, BIG02, BSN02 …
    number: Mapped[str | None] = mapped_column(Text)
    #: What makes it the same business document a second time: kind, purpose and number.
    business_key: Mapped[str | None] = mapped_column(Text)
    #: True for the one document that holds the business key; later ones are duplicates or linked copies.
    owns_key: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    partner: Mapped[str | None] = mapped_column(Text)
    partner_version: Mapped[int | None] = mapped_column(Integer)
    #: None for a document to be sent until it is put into an envelope.
    transmission_id: Mapped[str | None] = mapped_column(ForeignKey("transmission.id"))
    interchange_id: Mapped[str | None] = mapped_column(ForeignKey("interchange.id"))
    #: GS01, GS06 and ST02.
    group_code: Mapped[str | None] = mapped_column(Text)
    group_control: Mapped[str | None] = mapped_column(Text)
    set_control: Mapped[str | None] = mapped_column(Text)
    #: Place in the interchange, from 1, over all groups.
    position: Mapped[int] = mapped_column(Integer, default=1)
    #: Axis.
    processing: Mapped[str] = mapped_column(Text, default="received")
    #: Axis; "not_expected" for inbound.
    acknowledgement: Mapped[str] = mapped_column(Text, default="not_expected")
    acknowledgement_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What the partner's acknowledgement said, a list of plain sentences.
    acknowledgement_detail: Mapped[Any] = mapped_column(JsonText, nullable=True)
    #: The canonical document as JSON.
    canonical_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    #: The set's or XML document's own bytes.
    source_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    #: Which map, schema and software made it: name, version and digest.
    map_identity: Mapped[str | None] = mapped_column(Text)
    schema_identity: Mapped[str | None] = mapped_column(Text)
    software_version: Mapped[str | None] = mapped_column(Text)
    findings: Mapped[Any] = mapped_column(JsonText, nullable=True)
    #: Where it stands and why, one sentence for people.
    reason: Mapped[str | None] = mapped_column(Text)
    #: The document that this one replays, corrects or repeats.
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("document.id"))
    #: Other documents of the same business: [{"id", "relation"}, …].
    related: Mapped[Any] = mapped_column(JsonText, nullable=True)
    test: Mapped[bool] = mapped_column(Boolean, default=False)
    #: When it was received, or handed to us for sending.
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What the back office answered: a path, an ERP id.
    post_reference: Mapped[str | None] = mapped_column(Text)
    #: Total as decimal text, and its ISO 4217 currency.
    amount: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(Text)


class CaseFile(Base):
    """A problem that waits for a person; every message with the same fingerprint belongs to it."""

    __tablename__ = "case_file"
    __table_args__ = (
        Index("uq_case_file_fingerprint", "fingerprint", unique=True),
        Index("ix_case_file_review", "review", "opened_at"),
        Index("ix_case_file_partner", "partner", "opened_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Partner, direction, kind, stage, fault, rule and place (``gateway.messages.cases.fingerprint``).
    fingerprint: Mapped[str] = mapped_column(Text)
    #: What is wrong, one sentence.
    title: Mapped[str] = mapped_column(Text)
    #: Fault class: "partnership", "parse", "validate", "map", "verify", "decrypt", "duplicate", "deliver" …
    fault: Mapped[str] = mapped_column(Text)
    partner: Mapped[str | None] = mapped_column(Text)
    #: Axis.
    review: Mapped[str] = mapped_column(Text, default="new")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: How often it was opened: 2 and more mean that it came again.
    times_opened: Mapped[int] = mapped_column(Integer, default=1)
    assignee: Mapped[str | None] = mapped_column(Text)
    #: Why it was closed or what it waits for.
    reason: Mapped[str | None] = mapped_column(Text)
    #: "error" or "warning".
    severity: Mapped[str] = mapped_column(Text, default="error")
    #: What to do, one sentence.
    suggestion: Mapped[str] = mapped_column(Text, default="")
    #: "partner", "us" or "unknown".
    whose_fault: Mapped[str] = mapped_column(Text, default="unknown")


class CaseMember(Base):
    """One message that has the case's problem."""

    __tablename__ = "case_member"
    __table_args__ = (
        Index("ix_case_member_subject", "subject_type", "subject_id"),
        Index("ix_case_member_added", "case_id", "added_at", "subject_id"),
    )

    case_id: Mapped[str] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    #: "transmission" or "document".
    subject_type: Mapped[str] = mapped_column(Text, primary_key=True)
    subject_id: Mapped[str] = mapped_column(Text, primary_key=True)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: What is wrong with this one, one sentence.
    detail: Mapped[str] = mapped_column(Text, default="")


class ControlNumber(Base):
    """The next control number of one partner at one envelope level."""

    __tablename__ = "control_number"

    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "ISA13", "GS06", "ST02".
    level: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "document", "ack" or "": acknowledgements may have a range of their own.
    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    test: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    #: The number that will be given next; above ``high`` it starts at ``low`` again.
    next: Mapped[int] = mapped_column(BigInteger)
    low: Mapped[int] = mapped_column(BigInteger)
    high: Mapped[int] = mapped_column(BigInteger)


class Job(Base):
    """A wake-up of the embedded work engine: "look at this key". It holds no message and may be lost."""

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "uq_job_ready",
            "task",
            "key",
            unique=True,
            sqlite_where=text("status = 'ready'"),
            postgresql_where=text("status = 'ready'"),
        ),
        Index("ix_job_status", "status", "id"),
        Index(
            "ix_job_lane",
            "lane",
            "id",
            sqlite_where=text("status IN ('ready', 'running')"),
            postgresql_where=text("status IN ('ready', 'running')"),
        ),
        {"sqlite_autoincrement": True},
    )

    #: Never used twice: it is the order within a lane.
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    #: Value of ``gateway.messages.ports.Task``.
    task: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    #: Jobs of one lane run one after the other.
    lane: Mapped[str | None] = mapped_column(Text)
    #: "ready", "running" or "failed".
    status: Mapped[str] = mapped_column(Text, server_default="ready")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    #: Raised at each claim: a finished run of an earlier claim cannot end a later one.
    token: Mapped[int] = mapped_column(Integer, server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
