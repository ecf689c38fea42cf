"""What the staff pages ask of the messages: the first page's figures, the kinds there are, payload places.

Every function reads only. The list with its filters stands in ``queries_list``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Processing, Review
from gateway.messages.models import CaseFile, CaseMember, Document, Interchange, Transmission
from gateway.messages.queries_list import Filters, search_messages

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

_WRONG = [Processing.REJECTED, Processing.HELD]
_OPEN = CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED])


def waiting_cases(session: Session, limit: int = 8) -> dict[str, Any]:
    """The open cases that weigh most: {"total", "cases"}, each with the number of its messages.

    Those that wait for the partner come last, errors before warnings, then those with the most messages, then the
    oldest.
    """
    members = select(func.count()).select_from(CaseMember).where(CaseMember.case_id == CaseFile.id).scalar_subquery()
    weight = (CaseFile.review == Review.WAITING.value, CaseFile.severity != "error", members.desc())
    query = select(CaseFile, members).where(_OPEN).order_by(*weight, CaseFile.opened_at, CaseFile.id).limit(limit)
    total = session.scalar(select(func.count()).select_from(CaseFile).where(_OPEN)) or 0
    cases = []
    for found, count in session.execute(query):
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
    """Documents received and sent since an instant, and how they fared; counted in an index alone."""
    query = (
        select(Document.direction, Document.processing, func.count())
        .where(Document.processing.in_(list(Processing)), Document.received_at >= since)
        .group_by(Document.processing, Document.direction)
    )
    found = {"received": 0, "sent": 0, "posted": 0, "rejected": 0, "held": 0}
    for direction, processing, count in session.execute(query):
        found["received" if direction == "in" else "sent"] += count
        if direction == "in" and processing in found:
            found[processing] += count
    return found


def daily(session: Session, now: datetime, days: int = 14) -> list[tuple[str, int, int]]:
    """(ISO day in UTC, documents, of which rejected or held) for each of the last ``days`` days, the oldest first.

    Each day is a stretch of an index that is counted without looking at a row.
    """
    first = (now - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for begin in (first + timedelta(days=n) for n in range(days)):
        within = (Document.received_at >= begin, Document.received_at < begin + timedelta(days=1))
        total = session.scalar(select(func.count()).select_from(Document).where(*within)) or 0
        wrong = select(func.count()).select_from(Document).where(Document.processing.in_(_WRONG), *within)
        found.append((begin.date().isoformat(), total, session.scalar(wrong) or 0))
    return found


def kinds(session: Session) -> list[str]:
    """The kinds of documents that are stored, each found by one step through their index."""
    found: list[str] = []
    query = select(Document.kind).order_by(Document.kind).limit(1)
    kind = session.scalar(query)
    while kind is not None:
        found.append(kind)
        kind = session.scalar(query.where(Document.kind > kind))
    return found


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


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
