"""Cases: one file for each distinct problem, with every message that has it.

Two failures are the same problem when they have the same fingerprint: partner, direction, kind, stage,
fault, rule and place, without the counters that tell one line or loop from the next. A new failure joins the
case with its fingerprint; when that one was closed it opens again, with its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.ids import new_id
from gateway.messages.lifecycle import begin, move, note
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission

__all__ = ["cases_of", "close_case", "close_settled", "members_of", "open_case"]

_CLOSED = frozenset({Review.RESOLVED, Review.IGNORED})
#: A rejected message stays in its open case until a person closes it.
_SETTLED = frozenset({Processing.POSTED, Processing.IGNORED})
_UNSETTLED = frozenset({Acknowledgement.REJECTED, Acknowledgement.OVERDUE})


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

    Call it after a message, or a replay of it, has come to an end. Flushes the session.
    """
    session.flush()
    closed = []
    for case in cases_of(session, subject_type, subject_id):
        if case.review in _CLOSED or any(_waits(session, member) for member in members_of(session, case.id)):
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


def _waits(session: Session, member: CaseMember) -> bool:
    """True while a person still has to decide about this message, or its way is not at a good end."""
    if member.subject_type == "document":
        document = session.get_one(Document, member.subject_id, populate_existing=True)
        return document.processing not in _SETTLED or document.acknowledgement in _UNSETTLED
    if member.subject_type == "partner":
        return True
    transmission = session.get_one(Transmission, member.subject_id, populate_existing=True)
    if transmission.direction == "out":
        return transmission.delivery != Delivery.CONFIRMED
    return transmission.processing not in _SETTLED
