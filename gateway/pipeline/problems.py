"""The problems that need a person: one table of what each is called, whose fault it is and what to do.

A problem becomes a case in the message store. Its fingerprint leaves out what differs between two messages
with the same cause (numbers, positions), so a hundred failures of one cause are one case with a hundred members.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy.orm import Session

from gateway.messages.cases import open_case
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Document, Transmission
from gateway.standards.edi.model import Finding

__all__ = [
    "Problem",
    "ProblemKind",
    "finding_sentence",
    "open_partner_problem",
    "open_problem",
    "rejected_set",
    "worst",
]


class ProblemKind(Enum):
    """Every kind of problem; the value is the fault class that is stored with the case."""

    #: Nothing in the bytes can be read as a standard we know.
    UNREADABLE = "unreadable"
    #: The sender's interchange identity belongs to no partner.
    UNKNOWN_SENDER = "unknown_sender"
    #: The sender named in the content is not the partner the transport authenticated.
    SENDER_MISMATCH = "sender_mismatch"
    #: The receiver named in the interchange is not us.
    UNKNOWN_RECEIVER = "unknown_receiver"
    #: The envelope is broken so that nothing was processed.
    ENVELOPE = "envelope"
    #: A control number came again with other bytes.
    DUPLICATE_CONTROL = "duplicate_control_number"
    #: The transport identity (AS2 Message-ID) came again with other bytes.
    DUPLICATE_IDENTITY = "duplicate_message_id"
    #: The version of the group is not one we know or take from this partner.
    UNKNOWN_VERSION = "unknown_version"
    #: The transaction set is not one we know or take from this partner.
    UNKNOWN_SET = "unknown_set"
    #: A transaction set breaks the standard or the partner's rules.
    INVALID = "invalid"
    #: A document is right by its schema, but what it says does not hold together (totals, dates, currencies).
    BUSINESS_RULE = "business_rule"
    #: The set is fine but no map reads it.
    NO_MAP = "no_map"
    #: A map could not read the set.
    MAPPING = "mapping"
    #: The partner's guide is missing or cannot be read, so nothing was judged.
    GUIDE = "guide"
    #: The profile asks a person to approve each document of this kind.
    APPROVAL = "approval"
    #: A document differs from its order by more than the profile lets pass.
    ORDER_DIFFERENCE = "order_difference"
    #: A document with this business number was received before.
    DUPLICATE_NUMBER = "duplicate_number"
    #: Test data came on a live relationship.
    TEST_DATA = "test_data"
    #: The partner is paused or retired.
    PARTNER_STATUS = "partner_status"
    #: The transport refused the content (signature, decryption, limits).
    SECURITY = "security"
    #: The back office did not take a document.
    POSTING = "posting"
    #: A partner's server or mailbox needs a person (host key, login, files nobody collects).
    DOOR = "door"
    #: The partner refused a delivery, or it was given up.
    DELIVERY = "delivery"
    #: The partner rejected a document with a 997, 999 or TA1.
    REJECTED_BY_PARTNER = "rejected_by_partner"
    #: No acknowledgement came in time.
    OVERDUE = "acknowledgement_overdue"
    #: A business document that we owe the partner was not sent in time.
    DOCUMENT_LATE = "document_late"
    #: A business document that the partner owes us did not come in time.
    DOCUMENT_OVERDUE = "document_overdue"
    #: An acknowledgement that belongs to nothing we sent.
    UNMATCHED = "acknowledgement_unmatched"
    #: A message broke its worker several times.
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class _Row:
    whose_fault: str
    suggestion: str
    severity: str = "error"


_PARTNER, _OURS, _UNKNOWN = "partner", "us", "unknown"

_TABLE: dict[ProblemKind, _Row] = {
    ProblemKind.UNREADABLE: _Row(
        _PARTNER, "Look at the bytes; ask the sender to send a whole X12 interchange or XML document."
    ),
    ProblemKind.UNKNOWN_SENDER: _Row(
        _OURS, "Add the identity to the partner's profile (`gateway partner apply`), then replay the message."
    ),
    ProblemKind.SENDER_MISMATCH: _Row(
        _PARTNER, "Ask both partners; if one sends for the other, add the identity to its profile and replay."
    ),
    ProblemKind.UNKNOWN_RECEIVER: _Row(
        _PARTNER, "Tell the partner our right id, or add it under `ours` in the partner's profile and replay."
    ),
    ProblemKind.ENVELOPE: _Row(_PARTNER, "The partner was told by a TA1; ask for a corrected interchange."),
    ProblemKind.DUPLICATE_CONTROL: _Row(
        _PARTNER, "Compare the two messages; ask the partner to send the new one under a new control number."
    ),
    ProblemKind.DUPLICATE_IDENTITY: _Row(
        _PARTNER, "Compare the two messages; ask the partner to send the new one under a new Message-ID."
    ),
    ProblemKind.UNKNOWN_VERSION: _Row(_PARTNER, "Agree on a version with the partner: 004010 or 005010."),
    ProblemKind.UNKNOWN_SET: _Row(_PARTNER, "Tell the partner which documents we take, or add the set to its profile."),
    ProblemKind.INVALID: _Row(
        _PARTNER,
        "Ask the partner to correct and resend; if you accept it, change the rule in the profile and replay.",
    ),
    ProblemKind.BUSINESS_RULE: _Row(
        _PARTNER,
        "Ask the partner to correct and resend; if you accept it, make the rule a warning under inbound.severities in "
        "the profile and replay.",
    ),
    ProblemKind.NO_MAP: _Row(_OURS, "Add a map for this set, or handle the document by hand and ignore it here."),
    ProblemKind.MAPPING: _Row(_OURS, "Look at the field that is named; correct the map and replay."),
    ProblemKind.GUIDE: _Row(_OURS, "Mend the guide's file, or take its name out of the profile; then replay."),
    ProblemKind.APPROVAL: _Row(
        _OURS, "Look at it, then release it (`gateway message replay`) or ignore it with a reason.", "warning"
    ),
    ProblemKind.ORDER_DIFFERENCE: _Row(
        _PARTNER,
        "Look at it on the order's page; release it if you accept the difference, or ask the partner to correct it.",
    ),
    ProblemKind.DUPLICATE_NUMBER: _Row(
        _UNKNOWN, "Compare it with the first one: ignore it if it is a repeat, replay it if both are wanted."
    ),
    ProblemKind.TEST_DATA: _Row(_PARTNER, "Ask the partner; replay it after the profile allows test data."),
    ProblemKind.PARTNER_STATUS: _Row(_OURS, "Set the partner live again and replay, or ignore with a reason."),
    ProblemKind.SECURITY: _Row(_UNKNOWN, "Compare certificates and settings with the partner."),
    ProblemKind.POSTING: _Row(_OURS, "Make room or mend the folder's permissions, then replay the document."),
    ProblemKind.DOOR: _Row(_UNKNOWN, "Test the connection with `gateway partner test`, or ask the partner.", "warning"),
    ProblemKind.DELIVERY: _Row(_UNKNOWN, "Check the partner's address and certificates, then resend."),
    ProblemKind.REJECTED_BY_PARTNER: _Row(
        _OURS, "Read the partner's reasons, correct the document and send it under a new number."
    ),
    ProblemKind.OVERDUE: _Row(_PARTNER, "Ask the partner whether the document arrived; resend it if not.", "warning"),
    ProblemKind.DOCUMENT_LATE: _Row(
        _OURS, "Open the order and send the document, or skip the step or close the order with a reason."
    ),
    ProblemKind.DOCUMENT_OVERDUE: _Row(
        _PARTNER, "Ask the partner for it; if it never sends it, skip the step on the order's page.", "warning"
    ),
    ProblemKind.UNMATCHED: _Row(_PARTNER, "Ask the partner which document it meant.", "warning"),
    ProblemKind.POISON: _Row(_OURS, "Report it with the support bundle; the message is kept and can be replayed."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of one message."""

    kind: ProblemKind
    #: One sentence: what is wrong, where, why.
    sentence: str
    #: What makes two problems the same beyond partner and kind: set, rule and element, never numbers.
    rule: str = ""
    #: Replaces the table's suggestion when the finding knows better.
    fix: str = ""

    @property
    def whose_fault(self) -> str:
        """ "partner", "us" or "unknown"."""
        return _TABLE[self.kind].whose_fault

    @property
    def suggestion(self) -> str:
        """What to do about it."""
        return self.fix or _TABLE[self.kind].suggestion

    @property
    def severity(self) -> str:
        """ "error" or "warning"."""
        return _TABLE[self.kind].severity

    def fingerprint(self, partner: str | None, direction: str) -> str:
        """Equal for all messages with this cause."""
        return "|".join((partner or "-", direction, self.kind.value, self.rule))


_ORDER = {"error": 0, "warning": 1, "note": 2}


def worst(findings: tuple[Finding, ...] | list[Finding]) -> Finding | None:
    """The finding that a sentence should be about: the first of the gravest severity."""
    return min(findings, key=lambda f: _ORDER[f.severity], default=None)


def finding_sentence(finding: Finding) -> str:
    """A finding as one sentence, ended by a full stop."""
    text = finding.message.strip()
    return text if text.endswith((".", "!", "?")) else text + "."


def rejected_set(set_id: str, number: str, partner: str, findings: tuple[Finding, ...] | list[Finding]) -> Problem:
    """The problem of a set that validation rejected, told by its gravest finding."""
    first = worst(findings)
    name = f"{set_id} {number}".strip()
    if first is None:
        return Problem(ProblemKind.INVALID, f"{name} from {partner} was rejected.", set_id)
    more = sum(1 for f in findings if f.severity == "error") - 1
    tail = f" ({more} more)" if more > 0 else ""
    element = f"{first.segment or ''}{first.element:02d}" if first.element else (first.segment or "")
    # A missing code is its own cause: fixing one code does not fix another.
    value = f"={first.value}" if first.code in {"AK403-7"} and first.value else ""
    return Problem(
        ProblemKind.INVALID,
        f"{name} from {partner} was rejected: {finding_sentence(first)}{tail}",
        f"{set_id}|{first.code}|{element}{value}",
        first.fix,
    )


def open_problem(
    session: Session,
    subject: Transmission | Document,
    problem: Problem,
    now: datetime,
    actor: str = "pipeline",
) -> str:
    """Open a case for a problem of a message, or join the one with the same cause; its id."""
    return open_case(
        session,
        fingerprint=problem.fingerprint(subject.partner, subject.direction),
        title=problem.sentence,
        fault=problem.kind.value,
        subject_type=subject_type(subject),
        subject_id=subject.id,
        now=now,
        partner=subject.partner,
        detail=problem.sentence,
        severity=problem.severity,
        suggestion=problem.suggestion,
        whose_fault=problem.whose_fault,
        actor=actor,
    )


def open_partner_problem(session: Session, partner: str, subject: str, sentence: str, now: datetime) -> str:
    """Open a case about a partner itself, or join the one about the same subject; its id."""
    problem = Problem(ProblemKind.DOOR, sentence, subject)
    return open_case(
        session,
        fingerprint=problem.fingerprint(partner, "in"),
        title=sentence,
        fault=problem.kind.value,
        subject_type="partner",
        subject_id=partner,
        now=now,
        partner=partner,
        detail=sentence,
        severity=problem.severity,
        suggestion=problem.suggestion,
        whose_fault=problem.whose_fault,
        actor="doors",
    )
