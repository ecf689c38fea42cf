"""What the staff pages ask of the cases: cards in the order of urgency, one case, its members, its history.

Every function reads only and gives plain values; instants are ISO 8601 in UTC. Open cases are few, however many
messages they have: they are ranked as a whole and paged by rank. Closed ones are paged by their closing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Numeric, Select, cast, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from gateway.messages.axes import Acknowledgement, Axis, Processing, Review
from gateway.messages.cases import DOCUMENT_WAITS, TRANSMISSION_WAITS
from gateway.messages.models import CaseFile, CaseMember, Document, Interchange, Transmission
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.store.ledger import Event

__all__ = [
    "CaseFilters",
    "cards_of",
    "case_card",
    "case_cards",
    "case_history",
    "case_members",
    "case_messages",
    "cause_of",
    "example_of",
    "faults",
    "last_resolved",
    "under_way",
    "waiting_documents",
    "waiting_transmissions",
]

_CLOSED = (Review.RESOLVED.value, Review.IGNORED.value)
#: Open cases that are ranked; the oldest of them when there are more.
_MOST_OPEN = 1_000
_NEVER = "9999"
#: Characters of an amount that is summed up.
_LONGEST_AMOUNT = 20
#: A transmission that is not read yet, and a document that has no end yet.
_UNREAD = (Processing.RECEIVED.value, Processing.IDENTIFIED.value)
_ON_THE_WAY = (Processing.IDENTIFIED.value, Processing.VALIDATED.value, Processing.MAPPED.value)


@dataclass(frozen=True, slots=True)
class CaseFilters:
    """What the list is narrowed to; "" leaves it open."""

    partner: str = ""
    #: A state of the review axis; "" = every open one.
    state: str = ""
    fault: str = ""
    #: Login name.
    assignee: str = ""


def case_cards(session: Session, filters: CaseFilters, *, limit: int = 25, after: str | None = None) -> dict[str, Any]:
    """One page of cards: {"cases", "next", "total"}.

    Open cases come in the order of urgency: those that wait for the partner last; then by the first deadline, by
    severity and by age. Closed ones come by their closing, the newest first. Raises CursorError.
    """
    query = _narrowed(select(CaseFile), filters)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    place = None if after is None else _read_cursor(after)
    if place is not None and (len(place) == 2) != (filters.state in _CLOSED):
        raise CursorError("This is the place of another list.")
    if filters.state in _CLOSED:
        query = query.order_by(CaseFile.closed_at.desc(), CaseFile.id.desc()).limit(limit + 1)
        if place is not None:
            query = query.where(tuple_(CaseFile.closed_at, CaseFile.id) < (_instant(place[0]), place[-1]))
        rows = list(session.scalars(query))
        cards = _cards(session, rows[:limit])
        more = [rows[limit - 1].closed_at.isoformat(), rows[limit - 1].id] if len(rows) > limit else None
        return {"cases": cards, "next": _cursor(more), "total": total}
    rows = list(session.scalars(query.order_by(CaseFile.opened_at, CaseFile.id).limit(_MOST_OPEN)))
    due = _deadlines(session, [row.id for row in rows])
    ranked = sorted((_rank(row, due.get(row.id)), row) for row in rows)
    if place is not None:
        ranked = [entry for entry in ranked if entry[0] > place]
    page = ranked[:limit]
    return {
        "cases": _cards(session, [row for _, row in page]),
        "next": _cursor(page[-1][0]) if len(ranked) > limit else None,
        "total": total,
    }


def _rank(row: CaseFile, due: str | None) -> list[Any]:
    """Smaller is more urgent; the id makes it unique."""
    waits = row.review == Review.WAITING
    return [int(waits), due or _NEVER, int(row.severity != "error"), row.opened_at.isoformat(), row.id]


def case_card(session: Session, case_id: str) -> dict[str, Any]:
    """One case as its card. Raises MessageNotFoundError."""
    row = session.get(CaseFile, case_id)
    if row is None:
        raise MessageNotFoundError(f'There is no problem "{case_id}". The list of failures shows what there is.')
    return _cards(session, [row])[0]


def cards_of(session: Session, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The cards of several cases by id, for the cost of one; those that are not there are left out."""
    rows = list(session.scalars(select(CaseFile).where(CaseFile.id.in_(ids))))
    return {card["id"]: card for card in _cards(session, rows)}


def faults(session: Session) -> list[tuple[str, int]]:
    """(fault class, number of open cases), the most frequent first."""
    query = select(CaseFile.fault, func.count()).where(CaseFile.review.not_in(_CLOSED)).group_by(CaseFile.fault)
    return sorted(((fault, count) for fault, count in session.execute(query)), key=lambda entry: (-entry[1], entry[0]))


def last_resolved(session: Session) -> dict[str, Any] | None:
    """The case that was closed last, and by whom: {"id", "title", "at", "actor"}."""
    row = session.scalar(
        select(CaseFile).where(CaseFile.review.in_(_CLOSED)).order_by(CaseFile.closed_at.desc()).limit(1)
    )
    if row is None:
        return None
    moves = select(Event.actor).where(
        Event.subject_type == "case", Event.subject_id == row.id, Event.axis == Axis.REVIEW.value
    )
    actor = session.scalar(moves.order_by(Event.seq.desc()).limit(1))
    return {"id": row.id, "title": row.title, "at": _iso(row.closed_at), "actor": actor or "gateway"}


def case_history(session: Session, case_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """The ledger's events of a case, the newest first; members that joined are counted elsewhere."""
    query = (
        select(Event)
        .where(Event.subject_type == "case", Event.subject_id == case_id, Event.kind != "member-added")
        .order_by(Event.seq.desc())
        .limit(limit)
    )
    return [
        {
            "at": event.at,
            "event": event.kind,
            "axis": event.axis,
            "new": event.new,
            "actor": event.actor,
            "reason": event.reason,
            "data": event.data or {},
        }
        for event in session.scalars(query)
    ]


# -- members -------------------------------------------------------------------------------------------------


def case_members(session: Session, case_id: str, *, limit: int = 50, after: str | None = None) -> dict[str, Any]:
    """One page of members, the newest first: {"members", "next"}. Raises CursorError."""
    query = (
        select(CaseMember)
        .where(CaseMember.case_id == case_id)
        .order_by(CaseMember.added_at.desc(), CaseMember.subject_id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        place = _read_cursor(after)
        query = query.where(tuple_(CaseMember.added_at, CaseMember.subject_id) < (_instant(place[0]), place[-1]))
    rows = list(session.scalars(query))
    page = rows[:limit]
    more = [page[-1].added_at.isoformat(), page[-1].subject_id] if len(rows) > limit else None
    return {"members": [_member(session, row) for row in page], "next": _cursor(more)}


def example_of(session: Session, case_id: str) -> dict[str, Any] | None:
    """The member that stands for the others, with its findings: the newest that waits, else the newest."""
    chosen: str | None = None
    for query in (waiting_documents(case_id), waiting_transmissions(case_id)):
        if found := session.execute(query.order_by(CaseMember.added_at.desc()).limit(1)).first():
            chosen = found[0].id
            break
    members = select(CaseMember).where(CaseMember.case_id == case_id)
    if chosen is not None:
        members = members.where(CaseMember.subject_id == chosen)
    row = session.scalar(members.order_by(CaseMember.added_at.desc()).limit(1))
    if row is None:
        return None
    return {**_member(session, row), "findings": _findings(session, row)}


def case_messages(session: Session, case_id: str, limit: int) -> list[dict[str, Any]]:
    """The members that wait, the oldest first: what a letter to the partner names."""
    documents = session.execute(waiting_documents(case_id).order_by(Document.received_at, Document.position))
    found = [_document(row) for row, *_ in documents.fetchmany(limit)]
    transmissions = session.scalars(waiting_transmissions(case_id).order_by(Transmission.created_at).limit(limit))
    found += [_transmission(row) for row in transmissions]
    controls = [one["interchange_id"] for one in found if one.get("interchange_id")]
    interchanges = session.execute(select(Interchange.id, Interchange.control).where(Interchange.id.in_(controls)))
    known = {identity: control for identity, control in interchanges}  # noqa: C416 - rows are no pairs for dict()
    return [{**one, "interchange": known.get(one.get("interchange_id", ""))} for one in found[:limit]]


def waiting_documents(case_id: str) -> Select[Document, CaseMember]:
    """The documents of a case that wait for a decision."""
    return (
        select(Document, CaseMember)
        .join(CaseMember, CaseMember.subject_id == Document.id)
        .where(CaseMember.case_id == case_id, CaseMember.subject_type == "document", DOCUMENT_WAITS)
    )


def waiting_transmissions(case_id: str) -> Select[Transmission]:
    """The transmissions of a case that wait for a decision."""
    return (
        select(Transmission)
        .join(CaseMember, CaseMember.subject_id == Transmission.id)
        .where(CaseMember.case_id == case_id, CaseMember.subject_type == "transmission", TRANSMISSION_WAITS)
    )


def under_way(session: Session, case_id: str) -> int:
    """How many messages of a case are being read again, or are on their way to the back office."""
    again, child = aliased(Transmission), aliased(Document)
    read_again = exists().where(again.parent_id == Document.transmission_id, again.processing.in_(_UNREAD))
    on_its_way = exists().where(child.parent_id == Document.id, child.processing.in_(_ON_THE_WAY))
    documents = waiting_documents(case_id).where(or_(Document.processing.in_(_ON_THE_WAY), read_again, on_its_way))
    whole = exists().where(again.parent_id == Transmission.id, again.processing.in_(_UNREAD))
    transmissions = waiting_transmissions(case_id).where(whole)
    counts = (
        select(func.count()).select_from(query.subquery())
        for query in (documents.with_only_columns(Document.id), transmissions.with_only_columns(Transmission.id))
    )
    return sum(session.scalar(count) or 0 for count in counts)


def _member(session: Session, row: CaseMember) -> dict[str, Any]:
    document = session.get(Document, row.subject_id) if row.subject_type == "document" else None
    carrier = session.get(Transmission, row.subject_id) if row.subject_type == "transmission" else None
    known = _document(document) if document else _transmission(carrier) if carrier else {"id": row.subject_id}
    kind = Document if document else Transmission
    query = select(kind.id, kind.processing).where(kind.parent_id == row.subject_id)
    replay = session.execute(query.order_by(kind.id.desc()).limit(1)).first()
    return {
        **known,
        "type": row.subject_type,
        "added_at": row.added_at.isoformat(),
        "detail": row.detail,
        "replay": None if replay is None else {"id": replay[0], "processing": replay[1]},
    }


def _document(row: Document) -> dict[str, Any]:
    outbound = row.direction == "out"
    return {
        "id": row.id,
        "name": " ".join(filter(None, (row.set_id, row.number))),
        "kind": row.kind,
        "number": row.number,
        "direction": row.direction,
        "axis": "acknowledgement" if outbound else "processing",
        "state": row.acknowledgement if outbound else row.processing,
        "amount": row.amount,
        "currency": row.currency,
        "test": row.test,
        "at": row.received_at.isoformat(),
        "due_at": _iso(row.acknowledgement_due_at) if outbound else None,
        "set_control": row.set_control,
        "interchange_id": row.interchange_id,
        "said": list(row.acknowledgement_detail or ()),
    }


def _transmission(row: Transmission) -> dict[str, Any]:
    outbound = row.direction == "out"
    return {
        "id": row.id,
        "name": row.filename or f"{row.transport} message",
        "kind": None,
        "number": None,
        "direction": row.direction,
        "axis": "delivery" if outbound else "processing",
        "state": row.delivery if outbound else row.processing,
        "amount": None,
        "currency": None,
        "test": row.test,
        "at": row.created_at.isoformat(),
        "due_at": None,
        "set_control": None,
        "transport_id": row.transport_id,
        "said": [],
    }


def _findings(session: Session, row: CaseMember) -> list[dict[str, Any]]:
    if row.subject_type == "document":
        return list(session.scalar(select(Document.findings).where(Document.id == row.subject_id)) or ())
    query = select(Interchange.findings).where(Interchange.transmission_id == row.subject_id)
    return [finding for findings in session.scalars(query.order_by(Interchange.position)) for finding in findings or ()]


# -- cards ---------------------------------------------------------------------------------------------------


def _narrowed(query: Select[Any], filters: CaseFilters) -> Select[Any]:
    if filters.state:
        query = query.where(CaseFile.review == filters.state)
    else:
        query = query.where(CaseFile.review.not_in(_CLOSED))
    for name in ("partner", "fault", "assignee"):
        if getattr(filters, name):
            query = query.where(getattr(CaseFile, name) == getattr(filters, name))
    return query


def _cards(session: Session, rows: Sequence[CaseFile]) -> list[dict[str, Any]]:
    ids = [row.id for row in rows]
    members = _members(session, ids)
    waiting, money, kinds, due = (
        _waiting(session, ids),
        _money(session, ids),
        _kinds(session, ids),
        _deadlines(session, ids),
    )
    nothing = {"members": 0, "first": None, "last": None}
    return [
        {
            "id": row.id,
            "title": row.title,
            "cause": cause_of(row.title),
            "fault": row.fault,
            "severity": row.severity,
            "partner": row.partner,
            "direction": row.fingerprint.split("|")[1] if row.fingerprint.count("|") > 1 else "in",
            "review": row.review,
            "open": row.review not in _CLOSED,
            "opened_at": row.opened_at.isoformat(),
            "closed_at": _iso(row.closed_at),
            "times_opened": row.times_opened,
            "assignee": row.assignee,
            "reason": row.reason,
            "suggestion": row.suggestion,
            "whose_fault": row.whose_fault,
            **members.get(row.id, nothing),
            "waiting": waiting.get(row.id, 0),
            "money": money.get(row.id, []),
            "kinds": kinds.get(row.id, []),
            "due_at": due.get(row.id),
        }
        for row in rows
    ]


#: What comes before the cause in a case's sentence, which names its first member.
_LEADS = (" was rejected: ", " could not be mapped: ", " was rejected as a whole: ")


def cause_of(title: str) -> str:
    """The part of a case's sentence that holds for every member: without the first one's number."""
    for lead in _LEADS:
        _, found, rest = title.partition(lead)
        if found:
            text = rest.rpartition(" (")[0] if rest.endswith(" more)") else rest
            return text[:1].upper() + text[1:]
    return title


def _members(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    query = (
        select(CaseMember.case_id, func.count(), func.min(CaseMember.added_at), func.max(CaseMember.added_at))
        .where(CaseMember.case_id.in_(list(ids)))
        .group_by(CaseMember.case_id)
    )
    return {
        case: {"members": count, "first": first.isoformat(), "last": last.isoformat()}
        for case, count, first, last in session.execute(query)
    }


def _of_documents(ids: Iterable[str], *columns: Any) -> Select[Any]:
    return (
        select(CaseMember.case_id, *columns)
        .join(Document, Document.id == CaseMember.subject_id)
        .where(CaseMember.case_id.in_(list(ids)), CaseMember.subject_type == "document")
    )


def _waiting(session: Session, ids: list[str]) -> dict[str, int]:
    members = select(CaseMember.case_id, func.count()).where(CaseMember.case_id.in_(ids)).group_by(CaseMember.case_id)
    questions = (
        _of_documents(ids, func.count()).where(DOCUMENT_WAITS).group_by(CaseMember.case_id),
        members.join(Transmission, Transmission.id == CaseMember.subject_id).where(
            CaseMember.subject_type == "transmission", TRANSMISSION_WAITS
        ),
        members.where(CaseMember.subject_type == "partner"),
    )
    found: dict[str, int] = {}
    for question in questions:
        for case, count in session.execute(question):
            found[case] = found.get(case, 0) + count
    return found


def _money(session: Session, ids: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Case → (amount, currency) of the members that wait, the largest first.

    Amounts that nobody can mean are left out: what a partner writes must not keep the page from opening.
    """
    total = func.sum(cast(Document.amount, Numeric(38, 6)))
    query = (
        _of_documents(ids, Document.currency, total)
        .where(DOCUMENT_WAITS, func.length(Document.amount) <= _LONGEST_AMOUNT, Document.amount.not_like("%E%"))
        .group_by(CaseMember.case_id, Document.currency)
    )
    found: dict[str, list[tuple[Decimal, str]]] = {}
    for case, currency, amount in session.execute(query):
        found.setdefault(case, []).append((Decimal(str(amount)).quantize(Decimal("0.01")), currency or ""))
    return {
        case: [(str(amount), currency) for amount, currency in sorted(entries, reverse=True)]
        for case, entries in found.items()
    }


def _kinds(session: Session, ids: list[str]) -> dict[str, list[tuple[str, int]]]:
    query = _of_documents(ids, Document.kind, func.count()).group_by(CaseMember.case_id, Document.kind)
    found: dict[str, list[tuple[str, int]]] = {}
    for case, kind, count in session.execute(query.order_by(func.count().desc())):
        found.setdefault(case, []).append((kind, count))
    return found


def _deadlines(session: Session, ids: list[str]) -> dict[str, str]:
    """Case → the first instant by which an acknowledgement of its documents was, or is, due."""
    due = func.min(Document.acknowledgement_due_at)
    late = Document.acknowledgement.in_([Acknowledgement.AWAITED, Acknowledgement.OVERDUE])
    query = _of_documents(ids, due).where(late, Document.processing != Processing.IGNORED).group_by(CaseMember.case_id)
    return {case: at.isoformat() for case, at in session.execute(query) if at is not None}


# -- cursors -------------------------------------------------------------------------------------------------


#: What a place is made of: (instant, id), or a rank.
_PLACES = ([str, str], [int, str, int, str, str])


def _cursor(place: list[Any] | None) -> str | None:
    return None if place is None else base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_cursor(cursor: str) -> list[Any]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise CursorError(f'"{cursor}" is not the place of a page.') from error
    if not isinstance(place, list) or [type(part) for part in place] not in _PLACES:
        raise CursorError(f'"{cursor}" is not the place of a page.')
    return place


def _instant(text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise CursorError(f'"{text}" is not an instant of a page.') from error
    if at.tzinfo is None:
        raise CursorError(f'"{text}" has no time zone.')
    return at


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
