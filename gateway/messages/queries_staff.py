"""What the staff pages ask of the messages: lists with every filter, the first page's figures, payload places.

Every function reads only. Lists are paged by key; a search looks at whole keys first (numbers, control numbers,
identifiers), which have indexes, and only then for a part of a text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Processing, Review
from gateway.messages.detail import message_row
from gateway.messages.models import CaseFile, CaseMember, Document, Interchange, Transmission
from gateway.messages.queries import PAGE_LIMIT, CursorError

__all__ = [
    "Filters",
    "PayloadPlace",
    "counts_since",
    "daily",
    "kinds",
    "last_seen",
    "overdue",
    "payload_place",
    "search_messages",
    "waiting_cases",
]

#: Keys that one search may lead to.
_MOST_KEYS = 400
_OPEN = CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED])


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None or "" leaves an axis open."""

    text: str = ""
    partner: str = ""
    kind: str = ""
    direction: str = ""
    processing: str = ""
    delivery: str = ""
    acknowledgement: str = ""
    transport: str = ""
    test: bool | None = None
    #: Instants, the first included, the second not.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def documents_only(self) -> bool:
        """True when only documents can fit."""
        return bool(self.kind or self.acknowledgement)


def search_messages(session: Session, filters: Filters, *, limit: int = 50, after: str | None = None) -> dict[str, Any]:
    """One page of messages, the newest first: {"messages", "next", "by"}.

    ``by`` is "key" when the text was found as a number or identifier, "text" when parts of texts were looked at,
    "" without a search. Raises CursorError for a cursor that this function did not make.
    """
    limit = max(1, min(limit, PAGE_LIMIT))
    before = None if after is None else _read_cursor(after)
    text = filters.text.strip()
    keys = _keys(session, text) if text else None
    by = "" if not text else "key" if keys else "text"
    rows = _documents(session, filters, before, limit + 1, keys)
    if not filters.documents_only:
        rows += _transmissions(session, filters, before, limit + 1, keys)
    rows.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
    page = rows[:limit]
    return {"messages": page, "next": _cursor(page[-1]) if len(rows) > limit else None, "by": by}


def waiting_cases(session: Session, limit: int = 8) -> dict[str, Any]:
    """The open cases that wait longest: {"total", "cases"}, each with the number of its messages."""
    members = select(func.count()).select_from(CaseMember).where(CaseMember.case_id == CaseFile.id).scalar_subquery()
    query = select(CaseFile, members).where(_OPEN).order_by(CaseFile.opened_at, CaseFile.id).limit(limit)
    total = session.scalar(select(func.count()).select_from(CaseFile).where(_OPEN)) or 0
    cases = []
    for found, count in session.execute(query):
        first = session.scalar(
            select(CaseMember).where(CaseMember.case_id == found.id).order_by(CaseMember.added_at.desc()).limit(1)
        )
        cases.append(
            {
                "id": found.id,
                "title": found.title,
                "fault": found.fault,
                "severity": found.severity,
                "partner": found.partner,
                "review": found.review,
                "opened_at": found.opened_at.isoformat(),
                "times_opened": found.times_opened,
                "suggestion": found.suggestion,
                "whose_fault": found.whose_fault,
                "messages": count,
                "example": None if first is None else first.subject_id,
            }
        )
    return {"total": total, "cases": cases}


def overdue(session: Session, limit: int = 5) -> dict[str, Any]:
    """Documents whose acknowledgement is overdue, the longest due first: {"total", "awaited", "documents"}."""
    late = Document.acknowledgement == Acknowledgement.OVERDUE
    query = select(Document).where(late).order_by(Document.acknowledgement_due_at, Document.id).limit(limit)
    awaited = Document.acknowledgement == Acknowledgement.AWAITED
    return {
        "total": _count(session, select(Document.id).where(late)),
        "awaited": _count(session, select(Document.id).where(awaited)),
        "documents": [
            {
                "id": document.id,
                "kind": document.kind,
                "number": document.number,
                "partner": document.partner,
                "due_at": _iso(document.acknowledgement_due_at),
            }
            for document in session.scalars(query)
        ],
    }


def last_seen(session: Session) -> dict[str, dict[str, Any] | None]:
    """The last message each way, {"in", "out"}: proof that the gateway works when nothing happens."""
    found: dict[str, dict[str, Any] | None] = {}
    for direction in ("in", "out"):
        row = session.scalar(
            select(Transmission)
            .where(Transmission.direction == direction)
            .order_by(Transmission.created_at.desc(), Transmission.id.desc())
            .limit(1)
        )
        found[direction] = (
            None
            if row is None
            else {"id": row.id, "partner": row.partner, "at": row.created_at.isoformat(), "transport": row.transport}
        )
    return found


def counts_since(session: Session, since: datetime) -> dict[str, int]:
    """Documents received and sent since an instant, and how they fared."""
    query = (
        select(Document.direction, Document.processing, func.count())
        .where(Document.received_at >= since)
        .group_by(Document.direction, Document.processing)
    )
    found = {"received": 0, "sent": 0, "posted": 0, "rejected": 0, "held": 0}
    for direction, processing, count in session.execute(query):
        found["received" if direction == "in" else "sent"] += count
        if direction == "in" and processing in found:
            found[processing] += count
    return found


def daily(session: Session, now: datetime, days: int = 14) -> list[tuple[str, int, int]]:
    """(ISO day in UTC, documents, of which rejected or held) for each of the last ``days`` days, the oldest first."""
    since = (now - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    bad = case((Document.processing.in_([Processing.REJECTED, Processing.HELD]), 1), else_=0)
    day = func.date(Document.received_at)
    query = select(day, func.count(), func.sum(bad)).where(Document.received_at >= since).group_by(day)
    found = {str(at)[:10]: (count, int(wrong or 0)) for at, count, wrong in session.execute(query)}
    names = [(since + timedelta(days=n)).date().isoformat() for n in range(days)]
    return [(name, *found.get(name, (0, 0))) for name in names]


def kinds(session: Session) -> list[str]:
    """The kinds of documents that are stored."""
    return sorted(session.scalars(select(Document.kind).distinct()))


@dataclass(frozen=True, slots=True)
class PayloadPlace:
    """Where the bytes of a message are."""

    #: SHA-256 of the payload, of the raw wire bytes where they differ, and of the canonical JSON.
    payload: str | None
    wire: str | None
    canonical: str | None
    #: (interchange, document in it), from 1; None for a whole transmission.
    place: tuple[int, int] | None
    filename: str


def payload_place(session: Session, message_id: str) -> PayloadPlace | None:
    """Where the bytes of a message are; None when there is no message with this id."""
    document = session.get(Document, message_id)
    carrier = session.get(Transmission, document.transmission_id or "" if document else message_id)
    if document is None and carrier is None:
        return None
    place = None
    if document is not None and document.interchange_id is not None:
        interchange = session.get(Interchange, document.interchange_id)
        place = None if interchange is None else (interchange.position, document.position)
    name = (carrier.filename if carrier else None) or f"{message_id}.dat"
    return PayloadPlace(
        payload=(document.source_sha256 if document else None) or (carrier.payload_sha256 if carrier else None),
        wire=carrier.wire_payload_sha256 if carrier else None,
        canonical=document.canonical_sha256 if document else None,
        place=place,
        filename=name,
    )


# -- pages ---------------------------------------------------------------------------------------------------

_Before = tuple[datetime, str] | None


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a search text is a key of."""

    documents: frozenset[str]
    transmissions: frozenset[str]
    interchanges: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.documents or self.transmissions or self.interchanges)


def _keys(session: Session, text: str) -> _Keys:
    """The messages of which the text is a number, a control number, an identity, or the beginning of one."""
    end = text + "\U0010ffff"
    bare = text.strip("<>")
    documents = [
        select(Document.id).where(Document.number >= text, Document.number < end),
        select(Document.id).where(or_(Document.set_control == text, Document.group_control == text)),
    ]
    transmissions = [select(Transmission.id).where(Transmission.transport_id.in_([text, bare, f"<{bare}>"]))]
    if len(text) >= 8 and set(text.lower()) <= set("0123456789abcdef-"):
        low, high = text.lower(), text.lower() + "\U0010ffff"
        documents.append(select(Document.id).where(Document.id >= low, Document.id < high))
        transmissions.append(select(Transmission.id).where(Transmission.id >= low, Transmission.id < high))
    controls = select(Interchange.id).where(Interchange.control.in_([text, text.zfill(9)]))
    return _Keys(
        frozenset(key for query in documents for key in session.scalars(query.limit(_MOST_KEYS))),
        frozenset(key for query in transmissions for key in session.scalars(query.limit(_MOST_KEYS))),
        frozenset(session.scalars(controls.limit(_MOST_KEYS)) if text.isdecimal() else ()),
    )


def _documents(
    session: Session, filters: Filters, before: _Before, limit: int, keys: _Keys | None
) -> list[dict[str, Any]]:
    query: Any = (
        select(Document, Transmission)
        .outerjoin(Transmission, Transmission.id == Document.transmission_id)
        .order_by(Document.received_at.desc(), Document.id.desc())
        .limit(limit)
    )
    for name in ("partner", "kind", "direction", "processing", "acknowledgement"):
        if getattr(filters, name):
            query = query.where(getattr(Document, name) == getattr(filters, name))
    if filters.test is not None:
        query = query.where(Document.test == filters.test)
    if filters.transport:
        query = query.where(Transmission.transport == filters.transport)
    if filters.delivery:
        query = query.where(Transmission.delivery == filters.delivery, Document.direction == "out")
    query = _between(query, Document.received_at, filters)
    if keys:
        query = query.where(
            or_(
                Document.id.in_(keys.documents),
                Document.transmission_id.in_(keys.transmissions),
                Document.interchange_id.in_(keys.interchanges),
            )
        )
    elif filters.text.strip():
        columns = (Document.number, Document.reason, Transmission.filename, Transmission.transport_id)
        query = query.where(_contains(filters.text.strip(), columns))
    if before is not None:
        query = query.where(tuple_(Document.received_at, Document.id) < before)
    return [message_row(document, carrier) for document, carrier in session.execute(query)]


def _transmissions(
    session: Session, filters: Filters, before: _Before, limit: int, keys: _Keys | None
) -> list[dict[str, Any]]:
    """Transmissions without a document: unreadable, not yet read, or only an acknowledgement of ours."""
    query = (
        select(Transmission)
        .where(~exists().where(Document.transmission_id == Transmission.id))
        .order_by(Transmission.created_at.desc(), Transmission.id.desc())
        .limit(limit)
    )
    for name in ("partner", "direction", "processing", "delivery", "transport"):
        if getattr(filters, name):
            query = query.where(getattr(Transmission, name) == getattr(filters, name))
    if filters.test is not None:
        query = query.where(Transmission.test == filters.test)
    query = _between(query, Transmission.created_at, filters)
    if keys:
        within = select(Interchange.transmission_id).where(Interchange.id.in_(keys.interchanges))
        query = query.where(or_(Transmission.id.in_(keys.transmissions), Transmission.id.in_(within)))
    elif filters.text.strip():
        columns = (Transmission.filename, Transmission.transport_id, Transmission.reason)
        query = query.where(_contains(filters.text.strip(), columns))
    if before is not None:
        query = query.where(tuple_(Transmission.created_at, Transmission.id) < before)
    return [message_row(transmission, transmission) for transmission in session.scalars(query)]


def _between(query: Any, column: Any, filters: Filters) -> Any:
    if filters.since is not None:
        query = query.where(column >= filters.since)
    return query if filters.until is None else query.where(column < filters.until)


def _contains(text: str, columns: tuple[Any, ...]) -> Any:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["at"], row["id"]]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at).astimezone(UTC), str(identity)
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorError(f'"{cursor}" is not the place of a page; take the "next" of the page before.') from error


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
