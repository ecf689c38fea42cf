"""Cases: one file for each distinct problem, with every message that has it.

Two failures are the same problem when they have the same fingerprint: partner, direction, kind, stage,
fault, rule and place, without the counters that tell one line or loop from the next. A new failure joins the
case with its fingerprint; when that one was closed it opens again, with its history. A member that was replayed or
corrected does not wait any more once that replay has come to a decision: what failed again is a member of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.ids import new_id
from gateway.messages.lifecycle import begin, move, note
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
from gateway.messages.ordermodels import OrderFollowUp

__all__ = [
    "DOCUMENT_WAITS",
    "TRANSMISSION_WAITS",
    "cases_of",
    "close_case",
    "close_settled",
    "members_of",
    "open_case",
]

_CLOSED = frozenset({Review.RESOLVED, Review.IGNORED})
#: A rejected message stays in its open case until a person replays it or closes the case.
_SETTLED = [Processing.POSTED, Processing.IGNORED]
_UNSETTLED = [Acknowledgement.REJECTED, Acknowledgement.OVERDUE]
#: A replay in one of these has its own end, or its own case.
_DECIDED = [*_SETTLED, Processing.REJECTED, Processing.HELD]
_REPLAY, _CARRIED, _READ_AGAIN = aliased(Document), aliased(Document), aliased(Transmission)

#: While a person still has to decide about a document, or its way is not at a good end.
DOCUMENT_WAITS: ColumnElement[bool] = or_(
    and_(
        Document.acknowledgement.in_(_UNSETTLED),
        ~exists().where(_REPLAY.parent_id == Document.id, _REPLAY.direction == "out"),  # a corrected copy went out
    ),
    exists().where(  # what must follow it is late
        OrderFollowUp.document_id == Document.id,
        OrderFollowUp.late_at.is_not(None),
        OrderFollowUp.ended_at.is_(None),
    ),
    and_(
        Document.processing.not_in(_SETTLED),
        ~and_(
            Document.processing == Processing.REJECTED,
            exists().where(_REPLAY.parent_id == Document.id, _REPLAY.processing.in_(_DECIDED)),
        ),
    ),
)
#: The same for a transmission that belongs to a case as a whole.
TRANSMISSION_WAITS: ColumnElement[bool] = or_(
    and_(
        Transmission.direction == "out",
        Transmission.delivery != Delivery.CONFIRMED,
        ~exists().where(  # what it carried was corrected and sent again
            Transmission.delivery == Delivery.FAILED,
            _CARRIED.transmission_id == Transmission.id,
            _REPLAY.parent_id == _CARRIED.id,
        ),
    ),
    and_(
        Transmission.direction == "in",
        Transmission.processing.not_in(_SETTLED),
        ~and_(
            Transmission.processing == Processing.REJECTED,
            exists().where(_READ_AGAIN.parent_id == Transmission.id, _READ_AGAIN.processing.in_(_DECIDED)),
        ),
    ),
)


def open_case(
    session: Session,
    *,
    fingerprint: str,
    title: str,
    fault: str,
    subject_type: str,
    subject_id: str,
    now: datetime,
    partner: str | None = None,
    detail: str = "",
    severity: str = "error",
    suggestion: str = "",
    whose_fault: str = "unknown",
    actor: str = "gateway",
) -> str:
    """Put a message into the case with this fingerprint, opening it, or opening it again, when needed.

    ``title`` is one sentence that holds for every member, ``detail`` one for this message, ``subject_type``
    is "transmission" or "document". The same message twice is one member. Returns the case's id. Flushes the
    session.
    """
    case = session.scalar(select(CaseFile).where(CaseFile.fingerprint == fingerprint))
    if case is None:
        case = CaseFile(
            id=new_id(now),
            fingerprint=fingerprint,
            title=title,
            fault=fault,
            partner=partner,
            opened_at=now,
            severity=severity,
            suggestion=suggestion,
            whose_fault=whose_fault,
        )
        begin(session, case, actor=actor, reason=title, now=now)
    elif case.review in _CLOSED:
        again = {
            "closed_at": None,
            "opened_at": now,
            "times_opened": case.times_opened + 1,
            "title": title,
            "reason": None,
        }
        move(session, case, Axis.REVIEW, Review.NEW, actor=actor, reason=title, now=now, values=again)
    if session.get(CaseMember, (case.id, subject_type, subject_id)) is None:
        member = {"subject_type": subject_type, "subject_id": subject_id}
        session.add(CaseMember(case_id=case.id, **member, added_at=now, detail=detail or title))
        session.flush()
        note(session, case, "member-added", actor=actor, reason=detail or title, now=now, data=member)
    return case.id


def close_case(
    session: Session,
    case: CaseFile,
    outcome: Review,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> bool:
    """Close a case as RESOLVED or IGNORED with its reason; False when somebody else changed it first."""
    values = {"closed_at": now, "reason": reason}
    return move(session, case, Axis.REVIEW, outcome, actor=actor, reason=reason, now=now, values=values)


def close_settled(
    session: Session, subject_type: str, subject_id: str, *, actor: str, reason: str, now: datetime
) -> list[str]:
    """Resolve the open cases of a message in which no member waits any more; the ids of those closed.

    Call it after a message, or a replay of it, has come to an end: the cases of what it replays are looked at, too.
    Flushes the session.
    """
    session.flush()
    parents = {
        "document": select(Document.parent_id).where(Document.id == subject_id),
        "transmission": select(Transmission.parent_id).where(Transmission.id == subject_id),
    }
    parent = session.scalar(parents[subject_type]) if subject_type in parents else None
    subjects = [subject_id, parent] if parent else [subject_id]
    closed = []
    for case in (found for subject in subjects for found in cases_of(session, subject_type, subject)):
        if case.review in _CLOSED or _anybody_waits(session, case.id):
            continue
        if close_case(session, case, Review.RESOLVED, actor=actor, reason=reason, now=now):
            closed.append(case.id)
    return closed


def cases_of(session: Session, subject_type: str, subject_id: str) -> Sequence[CaseFile]:
    """The cases that a message belongs to, the newest first."""
    return session.scalars(
        select(CaseFile)
        .join(CaseMember, CaseMember.case_id == CaseFile.id)
        .where(CaseMember.subject_type == subject_type, CaseMember.subject_id == subject_id)
        .order_by(CaseFile.opened_at.desc(), CaseFile.id.desc())
    ).all()


def members_of(session: Session, case_id: str) -> Sequence[CaseMember]:
    """The messages of a case in the order in which they joined."""
    return session.scalars(
        select(CaseMember).where(CaseMember.case_id == case_id).order_by(CaseMember.added_at, CaseMember.subject_id)
    ).all()


def _anybody_waits(session: Session, case_id: str) -> bool:
    """True while a member of the case waits; a partner itself (a closed door) waits until a person says otherwise."""
    members = select(CaseMember.subject_id).where(CaseMember.case_id == case_id)
    documents = members.where(CaseMember.subject_type == "document")
    transmissions = members.where(CaseMember.subject_type == "transmission")
    questions = (
        members.where(CaseMember.subject_type == "partner"),
        documents.join(Document, Document.id == CaseMember.subject_id).where(DOCUMENT_WAITS),
        transmissions.join(Transmission, Transmission.id == CaseMember.subject_id).where(TRANSMISSION_WAITS),
    )
    return any(session.scalar(question.limit(1)) is not None for question in questions)
