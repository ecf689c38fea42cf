"""The states of the four lifecycle axes, each explained; ``lifecycle`` says what may follow."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Acknowledgement", "Axis", "Delivery", "Processing", "Review"]


class Axis(StrEnum):
    """The four axes; the value is the column's name."""

    PROCESSING = "processing"
    DELIVERY = "delivery"
    ACKNOWLEDGEMENT = "acknowledgement"
    REVIEW = "review"


class Processing(StrEnum):
    """What became of a document, or of an inbound transmission as a whole."""

    #: Durably stored; for a document to be sent: taken over from the back office.
    RECEIVED = "received"
    #: Partner, standard and kind are known.
    IDENTIFIED = "identified"
    #: Checked against the schema and the partner's guide.
    VALIDATED = "validated"
    #: Turned into the other form: canonical when received, the partner's standard when to be sent.
    MAPPED = "mapped"
    #: With the back office; for a document to be sent: in a transmission; for a transmission: all its content
    #: reached a document or an answer.
    POSTED = "posted"
    #: Undecided: waits for a person, who has a case for it.
    HELD = "held"
    #: A rejecting answer went out.
    REJECTED = "rejected"
    #: Deliberately left alone, with the reason.
    IGNORED = "ignored"


class Delivery(StrEnum):
    """Whether an outbound transmission arrived."""

    #: Not to be delivered: it came in.
    NONE = "none"
    #: Waits for its turn.
    QUEUED = "queued"
    #: An attempt is under way, or was when the process died.
    SENDING = "sending"
    #: The bytes were handed over; the proof is still due.
    SENT = "sent"
    #: The partner proved that it has the bytes.
    CONFIRMED = "confirmed"
    #: The last attempt failed or its result is unknown; the next has its time.
    RETRYING = "retrying"
    #: Given up, or refused for good; has a case.
    FAILED = "failed"


class Acknowledgement(StrEnum):
    """What the partner's 997, 999 or TA1 said about an outbound document. An MDN says nothing here."""

    #: None is due.
    NOT_EXPECTED = "not_expected"
    #: Due at ``acknowledgement_due_at``.
    AWAITED = "awaited"
    #: The partner took it.
    ACCEPTED = "accepted"
    #: The partner took it and named errors.
    ACCEPTED_WITH_ERRORS = "accepted_with_errors"
    #: The partner refused it; has a case.
    REJECTED = "rejected"
    #: The deadline passed; has a case. A late acknowledgement ends it.
    OVERDUE = "overdue"


class Review(StrEnum):
    """Where a case stands."""

    #: No case: what a message without one shows. No case is ever stored in this state.
    NONE = "none"
    #: Nobody has taken it yet.
    NEW = "new"
    #: Somebody works on it.
    ASSIGNED = "assigned"
    #: Waits for the partner.
    WAITING = "waiting"
    #: Put right.
    RESOLVED = "resolved"
    #: Closed without a change, with the reason.
    IGNORED = "ignored"
