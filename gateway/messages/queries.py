"""Looking at messages: lists in pages, one message with all that belongs to it, open cases, what is overdue.

A *message* is what staff work with: a document, or a transmission that holds none (it could not be read, or
it waits to be). Every function reads only and returns plain JSON values; instants are ISO 8601 in UTC.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Review
from gateway.messages.detail import MessageNotFoundError, message_detail, message_row
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission

__all__ = [
    "CursorError",
    "MessageNotFoundError",
    "case_detail",
    "counts",
    "list_messages",
    "message_detail",
    "open_cases",
    "outstanding_acknowledgements",
]

#: Most rows of one page.
PAGE_LIMIT = 500


class CursorError(ValueError):
    """A place in a list that ``list_messages`` did not give out."""


def list_messages(
    session: Session,
    *,
    partner: str | None = None,
    kind: str | None = None,
    direction: str | None = None,
    processing: str | None = None,
    delivery: str | None = None,
    acknowledgement: str | None = None,
    number: str | None = None,
    text: str | None = None,
    test: bool | None = None,
    limit: int = 50,
    after: str | None = None,
) -> dict[str, Any]:
    """One page of messages, the newest first: ``{"messages": [...], "next": cursor or None}``.

    ``number`` is the whole business number, ``text`` a part of a number, file name, transport identity,
    control number or reason. ``after`` is the ``next`` of the page before. ``kind`` and ``acknowledgement``
    find documents only. Raises ValueError for a cursor that this function did not make.
    """
    limit = max(1, min(limit, PAGE_LIMIT))
    before = None if after is None else _read_cursor(after)
    filters = {
        "partner": partner,
        "kind": kind,
        "direction": direction,
        "processing": processing,
        "delivery": delivery,
        "acknowledgement": acknowledgement,
        "number": number,
        "text": text,
        "test": test,
    }
    one_more = limit + 1
    rows = _documents(session, filters, before, one_more) + _transmissions(session, filters, before, one_more)
    rows.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
    page = rows[:limit]
    return {"messages": page, "next": _cursor(page[-1]) if len(rows) > limit else None}


def open_cases(session: Session, *, partner: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """The cases that wait for a person, the newest first, each with the number of its messages."""
    query = (
        select(CaseFile)
        .where(CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED]))
        .order_by(CaseFile.opened_at.desc(), CaseFile.id.desc())
        .limit(limit)
    )
    if partner is not None:
        query = query.where(CaseFile.partner == partner)
    return [_case(session, case) for case in session.scalars(query)]


def case_detail(session: Session, case_id: str) -> dict[str, Any]:
    """One case with its messages. Raises MessageNotFoundError when there is none with this id."""
    case = session.get(CaseFile, case_id)
    if case is None:
        raise MessageNotFoundError(f'There is no case "{case_id}". `gateway message list` shows what there is.')
    members = session.scalars(select(CaseMember).where(CaseMember.case_id == case_id).order_by(CaseMember.added_at))
    return {
        **_case(session, case),
        "members": [
            {
                "type": member.subject_type,
                "id": member.subject_id,
                "added_at": member.added_at.isoformat(),
                "detail": member.detail,
            }
            for member in members
        ],
    }


def outstanding_acknowledgements(
    session: Session, now: datetime, *, due_only: bool = False, limit: int = 500
) -> list[dict[str, Any]]:
    """Outbound documents whose acknowledgement has not come: those without a deadline, then the longest due first.

    Each has ``overdue_seconds``: above zero once the deadline has passed, else None. With ``due_only`` only
    those past their deadline.
    """
    query = (
        select(Document)
        .where(Document.acknowledgement.in_([Acknowledgement.AWAITED, Acknowledgement.OVERDUE]))
        .order_by(Document.acknowledgement_due_at.nulls_first(), Document.id)
        .limit(limit)
    )
    if due_only:
        query = query.where(Document.acknowledgement_due_at <= now)
    found = []
    for document in session.scalars(query):
        late = None
        if document.acknowledgement_due_at is not None and document.acknowledgement_due_at <= now:
            late = (now - document.acknowledgement_due_at).total_seconds()
        found.append({**message_row(document, _carrier(session, document)), "overdue_seconds": late})
    return found


def counts(session: Session) -> dict[str, int]:
    """How many messages stand where, for an overview: "held", "rejected", "overdue", "failed", "cases" …"""
    documents = select(Document.id).where
    transmissions = select(Transmission.id).where
    questions: Mapping[str, Select[Any]] = {
        "held": documents(Document.processing == "held"),
        "held_transmissions": transmissions(Transmission.processing == "held"),
        "rejected": documents(Document.processing == "rejected"),
        "awaiting_acknowledgement": documents(Document.acknowledgement == Acknowledgement.AWAITED),
        "overdue": documents(Document.acknowledgement == Acknowledgement.OVERDUE),
        "queued": transmissions(Transmission.delivery.in_(["queued", "sending", "retrying"])),
        "failed": transmissions(Transmission.delivery == "failed"),
        "cases": select(CaseFile.id).where(CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED])),
    }
    return {name: _count(session, question) for name, question in questions.items()}


# -- pages ---------------------------------------------------------------------------------------------------

_Before = tuple[datetime, str] | None


def _documents(session: Session, filters: Mapping[str, Any], before: _Before, limit: int) -> list[dict[str, Any]]:
    query = (
        select(Document, Transmission)
        .outerjoin(Transmission, Transmission.id == Document.transmission_id)
        .order_by(Document.received_at.desc(), Document.id.desc())
        .limit(limit)
    )
    for name in ("partner", "kind", "direction", "processing", "acknowledgement", "number", "test"):
        if filters[name] is not None:
            query = query.where(getattr(Document, name) == filters[name])
    if filters["delivery"] is not None:
        query = query.where(Transmission.delivery == filters["delivery"], Document.direction == "out")
    if filters["text"]:
        query = query.where(
            _contains(
                filters["text"],
                [
                    Document.number,
                    Document.business_key,
                    Document.set_control,
                    Document.group_control,
                    Document.reason,
                    Transmission.filename,
                    Transmission.transport_id,
                ],
            )
        )
    if before is not None:
        query = query.where(tuple_(Document.received_at, Document.id) < before)
    return [message_row(document, carrier) for document, carrier in session.execute(query)]


def _transmissions(session: Session, filters: Mapping[str, Any], before: _Before, limit: int) -> list[dict[str, Any]]:
    """Transmissions without a document: unreadable, not yet read, or only an acknowledgement of ours."""
    if any(filters[name] is not None for name in ("kind", "acknowledgement", "number")):
        return []
    query = (
        select(Transmission)
        .where(~exists().where(Document.transmission_id == Transmission.id))
        .order_by(Transmission.created_at.desc(), Transmission.id.desc())
        .limit(limit)
    )
    for name in ("partner", "direction", "processing", "delivery", "test"):
        if filters[name] is not None:
            query = query.where(getattr(Transmission, name) == filters[name])
    if filters["text"]:
        columns = [Transmission.filename, Transmission.transport_id, Transmission.reason]
        query = query.where(_contains(filters["text"], columns))
    if before is not None:
        query = query.where(tuple_(Transmission.created_at, Transmission.id) < before)
    return [message_row(transmission, transmission) for transmission in session.scalars(query)]


def _contains(text: str, columns: Sequence[Any]) -> Any:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["at"], row["id"]]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at), str(identity)
    except (ValueError, TypeError) as error:
        raise CursorError(f'"{cursor}" is not the place of a page; take the "next" of the page before.') from error


# -- values --------------------------------------------------------------------------------------------------


def _carrier(session: Session, document: Document) -> Transmission | None:
    return None if document.transmission_id is None else session.get(Transmission, document.transmission_id)


def _case(session: Session, case: CaseFile) -> dict[str, Any]:
    members = _count(session, select(CaseMember.subject_id).where(CaseMember.case_id == case.id))
    return {
        "id": case.id,
        "title": case.title,
        "fault": case.fault,
        "severity": case.severity,
        "partner": case.partner,
        "review": case.review,
        "opened_at": case.opened_at.isoformat(),
        "closed_at": None if case.closed_at is None else case.closed_at.isoformat(),
        "times_opened": case.times_opened,
        "assignee": case.assignee,
        "reason": case.reason,
        "suggestion": case.suggestion,
        "whose_fault": case.whose_fault,
        "messages": members,
    }


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
