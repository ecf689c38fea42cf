"""What the staff pages ask of acknowledgements: awaited, overdue, rejected in words, and those that fit nothing sent.

Every function reads only and gives plain values; instants are ISO 8601 in UTC.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Review
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
from gateway.messages.queries import CursorError

__all__ = ["VIEWS", "acknowledged_since", "acknowledgement_counts", "acknowledgement_page", "answer_time"]

#: The four views, in the order in which they need a person.
VIEWS = ("overdue", "rejected", "unmatched", "awaited")
#: Fault class of an acknowledgement that fits nothing we sent (``gateway.pipeline.problems``).
_UNMATCHED = "acknowledgement_unmatched"
#: Documents of which the time to their acknowledgement is looked at.
_SAMPLE = 2_000
#: Documents of one day of which it is looked at for a trend.
_DAY_SAMPLE = 200


def acknowledgement_counts(session: Session) -> dict[str, int]:
    """View → how many documents (or, for "unmatched", open cases) stand there."""
    query = select(Document.acknowledgement, func.count()).where(
        Document.acknowledgement.in_([Acknowledgement.AWAITED, Acknowledgement.OVERDUE, Acknowledgement.REJECTED])
    )
    found = dict.fromkeys(VIEWS, 0)
    for state, count in session.execute(query.group_by(Document.acknowledgement)):
        found[state] = count
    open_cases = select(func.count()).where(
        CaseFile.fault == _UNMATCHED, CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED])
    )
    found["unmatched"] = session.scalar(open_cases) or 0
    return found


def acknowledged_since(session: Session, since: datetime) -> dict[str, Any]:
    """Documents sent since an instant whose acknowledgement came: {"count", "slowest_seconds"}."""
    query = (
        select(Document.received_at, Document.acknowledged_at)
        .where(Document.received_at >= since, Document.acknowledged_at.is_not(None))
        .order_by(Document.received_at.desc())
        .limit(_SAMPLE)
    )
    spans = [at - begun for begun, at in session.execute(query) if at is not None]
    return {"count": len(spans), "slowest_seconds": max(spans, default=timedelta()).total_seconds()}


def answer_time(session: Session, since: datetime, until: datetime) -> float | None:
    """Median seconds from sending to the acknowledgement, of the last 200 documents sent in a span that have one."""
    query = (
        select(Document.received_at, Document.acknowledged_at)
        .where(
            Document.received_at >= since,
            Document.received_at < until,
            Document.direction == "out",
            Document.acknowledged_at.is_not(None),
        )
        .order_by(Document.received_at.desc(), Document.id.desc())
        .limit(_DAY_SAMPLE)
    )
    spans = [(at - begun).total_seconds() for begun, at in session.execute(query) if at is not None]
    return median(spans) if spans else None


def acknowledgement_page(
    session: Session, view: str, *, partner: str = "", kind: str = "", limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """One page of a view: {"rows", "next"}; what is due first comes first, what was refused last comes first.

    Raises CursorError, and KeyError for a view that is not one of VIEWS.
    """
    place = None if after is None else _read_cursor(after)
    return _PAGES[view](session, view, partner, kind, limit, place)


_Place = tuple[datetime, str] | None


def _due(session: Session, view: str, partner: str, kind: str, limit: int, place: _Place) -> dict[str, Any]:
    key = tuple_(Document.acknowledgement_due_at, Document.id)
    query = _documents(view, partner, kind).order_by(Document.acknowledgement_due_at, Document.id).limit(limit + 1)
    if place is not None:
        query = query.where(key > place)
    return _page(session, query, limit, lambda row: row["due_at"])


def _rejected(session: Session, view: str, partner: str, kind: str, limit: int, place: _Place) -> dict[str, Any]:
    key = tuple_(Document.acknowledged_at, Document.id)
    query = _documents(view, partner, kind).order_by(Document.acknowledged_at.desc(), Document.id.desc())
    if place is not None:
        query = query.where(key < place)
    return _page(session, query.limit(limit + 1), limit, lambda row: row["answered_at"])


def _documents(view: str, partner: str, kind: str) -> Any:
    query = (
        select(Document, Transmission)
        .outerjoin(Transmission, Transmission.id == Document.transmission_id)
        .where(Document.acknowledgement == view)
    )
    if partner:
        query = query.where(Document.partner == partner)
    return query.where(Document.kind == kind) if kind else query


def _page(session: Session, query: Any, limit: int, at: Callable[[dict[str, Any]], str | None]) -> dict[str, Any]:
    found = [_row(document, carrier) for document, carrier in session.execute(query)]
    rows = found[:limit]
    cases = _newest_cases(session, [row["id"] for row in rows])
    for row in rows:
        row["case"] = cases.get(row["id"])
    return {"rows": rows, "next": _cursor(at(rows[-1]), rows[-1]["id"]) if len(found) > limit else None}


def _newest_cases(session: Session, ids: list[str]) -> dict[str, dict[str, str]]:
    """Document → its newest case, {"id", "review"}; in one query for a page."""
    query = (
        select(CaseMember.subject_id, CaseFile.id, CaseFile.review)
        .join(CaseFile, CaseFile.id == CaseMember.case_id)
        .where(CaseMember.subject_type == "document", CaseMember.subject_id.in_(ids))
        .order_by(CaseFile.opened_at)
    )
    return {subject: {"id": case, "review": review} for subject, case, review in session.execute(query)}


def _row(document: Document, carrier: Transmission | None) -> dict[str, Any]:
    return {
        "id": document.id,
        "kind": document.kind,
        "set": document.set_id,
        "number": document.number,
        "partner": document.partner,
        "test": document.test,
        "state": document.acknowledgement,
        "delivery": carrier.delivery if carrier else "none",
        "sent_at": document.received_at.isoformat(),
        "due_at": _iso(document.acknowledgement_due_at),
        "answered_at": _iso(document.acknowledged_at),
        "said": list(document.acknowledgement_detail or ()),
        "amount": document.amount,
        "currency": document.currency,
        "case": None,
    }


def _unmatched(session: Session, _view: str, partner: str, _kind: str, limit: int, place: _Place) -> dict[str, Any]:
    key = tuple_(CaseMember.added_at, CaseMember.subject_id)
    query = (
        select(CaseMember, CaseFile)
        .join(CaseFile, CaseFile.id == CaseMember.case_id)
        .where(CaseFile.fault == _UNMATCHED)
        .order_by(CaseMember.added_at.desc(), CaseMember.subject_id.desc())
        .limit(limit + 1)
    )
    if partner:
        query = query.where(CaseFile.partner == partner)
    if place is not None:
        query = query.where(key < place)
    found = [
        {
            "id": member.subject_id,
            "partner": case.partner,
            "at": member.added_at.isoformat(),
            "detail": member.detail,
            "case": {"id": case.id, "review": case.review},
        }
        for member, case in session.execute(query)
    ]
    rows = found[:limit]
    return {"rows": rows, "next": _cursor(rows[-1]["at"], rows[-1]["id"]) if len(found) > limit else None}


_PAGES: dict[str, Callable[[Session, str, str, str, int, _Place], dict[str, Any]]] = {
    "overdue": _due,
    "awaited": _due,
    "rejected": _rejected,
    "unmatched": _unmatched,
}


def _cursor(at: Any, identity: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, identity]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise CursorError(f'"{cursor}" is not the place of a page.') from error
    if at.tzinfo is None:
        raise CursorError(f'"{cursor}" names an instant without its zone.')
    return at, str(identity)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
