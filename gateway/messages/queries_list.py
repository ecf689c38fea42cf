"""The message list: every filter, search by key, and pages whose cost does not grow with the store.

A search text is first looked for as a whole key (numbers, control numbers, identifiers, file names, keys inside
documents), each behind its index. Everything else walks the newest messages first, along one index, and looks at no
more than ``LOOK`` of them (``LOOK_INTO`` where texts are read) for one page: a page that found little by then says how
far back it looked, and its "next" goes on from there. So a rare combination costs the same as a common one, on a
million messages as on a thousand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Select, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Delivery, Processing, Review
from gateway.messages.detail import message_row
from gateway.messages.models import CaseFile, CaseMember, Document, Interchange, Transmission
from gateway.messages.notes import MessageNote
from gateway.messages.queries import PAGE_LIMIT, CursorError
from gateway.messages.searchkeys import documents_with

__all__ = ["LOOK", "LOOK_INTO", "Filters", "cursor_before", "message_ids", "search_messages"]

#: Messages that one page looks at when no index leads straight to what is asked for, and when it looks into texts.
LOOK, LOOK_INTO = 10_000, 4_000
#: Keys of one kind that one search may lead to, the newest first.
_MOST_KEYS = 400
#: Transmissions in one state of delivery that are few enough to start from.
_FEW = 2_000
_END = "\U0010ffff"
#: Lengths to which control numbers are filled with zeros (ISA13 has 9, ST02 and GS06 4 to 9).
_CONTROL_LENGTHS = range(4, 10)
#: States that few messages are in at a time: their index leads straight to them.
_RARE = frozenset(
    {
        *(state.value for state in Processing if state is not Processing.POSTED),
        *(Acknowledgement.AWAITED.value, Acknowledgement.OVERDUE.value, Acknowledgement.REJECTED.value),
        Acknowledgement.ACCEPTED_WITH_ERRORS.value,
        *(Delivery.QUEUED.value, Delivery.SENDING.value, Delivery.RETRYING.value, Delivery.FAILED.value),
    }
)


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
    #: True = messages with a note only.
    noted: bool = False
    #: Login name of who has the open problem of the message.
    assignee: str = ""

    @property
    def documents_only(self) -> bool:
        """True when only documents can fit."""
        return bool(self.kind or self.acknowledgement)


def search_messages(session: Session, filters: Filters, *, limit: int = 50, after: str | None = None) -> dict[str, Any]:
    """One page of messages, the newest first: {"messages", "next", "by", "back_to"}.

    ``by`` is "key" when the text was found as a number or identifier, "text" when parts of texts were looked at,
    "" without a search. ``back_to`` is the instant (ISO) down to which a page looked that is not full although older
    messages may fit; ``next`` goes on there. Raises CursorError for a cursor that this function did not make.
    """
    limit = max(1, min(limit, PAGE_LIMIT))
    before = None if after is None else _read_cursor(after)
    text = filters.text.strip()
    keys = _keys(session, text) if text else None
    by = "" if not text else "key" if keys else "text"
    rows, floor = _rows(session, filters, before, limit + 1, keys or None)
    page = [message_row(message, carrier) for _, message, carrier in rows[:limit]]
    if len(rows) > limit:
        return {"messages": page, "next": _cursor(page[-1]["at"], page[-1]["id"]), "by": by, "back_to": None}
    back = None if floor is None else floor.isoformat()
    return {"messages": page, "next": back and _cursor(back, ""), "by": by, "back_to": back}


def message_ids(session: Session, filters: Filters, limit: int) -> tuple[list[str], bool]:
    """The newest messages that fit, at most ``limit`` of them, and whether there may be more."""
    found: list[str] = []
    after: str | None = None
    while len(found) <= limit:
        page = search_messages(session, filters, limit=min(PAGE_LIMIT, limit + 1 - len(found)), after=after)
        found += [row["id"] for row in page["messages"]]
        after = page["next"]
        if after is None:
            break
    return found[:limit], len(found) > limit or after is not None


def cursor_before(at: datetime) -> str:
    """The place in the list just before an instant: what jumping to a time means."""
    return _cursor(at.astimezone(UTC).isoformat(), "")


# -- keys ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keys:
    """The messages of which a search text is a key."""

    documents: frozenset[str]
    transmissions: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.documents or self.transmissions)


def _keys(session: Session, text: str) -> _Keys:
    """The messages of which the text is a number, a control number, an identity, a file name, or their beginning."""
    bare = text.strip("<>")
    documents = [
        select(Document.id).where(Document.number >= text, Document.number < text + _END),
        *_by_control(text, Document.set_control, Document.group_control),
    ]
    transmissions = [
        select(Transmission.id).where(Transmission.transport_id.in_([text, bare, f"<{bare}>"])),
        select(Transmission.id).where(Transmission.filename >= text, Transmission.filename < text + _END),
    ]
    if len(text) >= 8 and set(text.lower()) <= set("0123456789abcdef-"):
        low, high = text.lower(), text.lower() + _END
        documents.append(select(Document.id).where(Document.id >= low, Document.id < high))
        transmissions.append(select(Transmission.id).where(Transmission.id >= low, Transmission.id < high))
    within = set(_ids(session, transmissions))
    if text.isascii() and text.isdecimal():
        control = select(Interchange.transmission_id).where(Interchange.control.in_({text, text.zfill(9)}))
        within.update(_ids(session, [control]))
    found = {*_ids(session, documents), *documents_with(session, text, _MOST_KEYS)}
    found.update(_ids(session, [select(Document.id).where(Document.transmission_id.in_(within))]) if within else ())
    return _Keys(frozenset(found), frozenset(within))


def _by_control(text: str, *columns: Any) -> list[Select[Any]]:
    """The newest documents with this group or set control number, written with or without leading zeros."""
    if not text.isascii() or len(text) > _CONTROL_LENGTHS[-1]:
        return []
    spelled = {text}
    if text.isdecimal():
        number = text.lstrip("0") or "0"
        spelled |= {number, *(number.zfill(length) for length in _CONTROL_LENGTHS)}
    newest = Document.received_at.desc()
    return [
        select(Document.id).where(column == each).order_by(newest) for column in columns for each in sorted(spelled)
    ]


def _ids(session: Session, queries: Sequence[Select[Any]]) -> list[str]:
    return [identity for query in queries for identity in session.scalars(query.limit(_MOST_KEYS))]


# -- pages ---------------------------------------------------------------------------------------------------

_Before: TypeAlias = tuple[datetime, str] | None
#: (instant, message, the transmission that carries it).
_Found: TypeAlias = tuple[datetime, Document | Transmission, Transmission | None]


def _rows(
    session: Session, filters: Filters, before: _Before, limit: int, keys: _Keys | None
) -> tuple[list[_Found], datetime | None]:
    """The newest rows that fit, and the instant at which the look back ended before it was done."""
    delivery = _few_in_delivery(session, filters.delivery)
    floor = None if keys else _floor(session, Document, filters, before, exact=delivery is not None)
    documents = _documents(session, filters, before, limit, keys, floor, delivery)
    if filters.documents_only:
        return documents, floor
    newer_than = documents[-1][0] if len(documents) == limit else None
    if keys is None and newer_than is None:
        below = _floor(session, Transmission, filters, before, exact=False)
        floor = max(filter(None, (floor, below)), default=None)
    others = _transmissions(session, filters, before, limit, keys, newer_than or floor)
    rows = [row for row in (*documents, *others) if floor is None or row[0] >= floor]
    rows.sort(key=lambda row: (row[0], row[1].id), reverse=True)
    return rows[:limit], floor


def _few_in_delivery(session: Session, state: str) -> list[str] | None:
    """The transmissions in a state of delivery that few are in; None when they are many, or none is asked for."""
    if not state:
        return None
    query = select(Transmission.id).where(Transmission.delivery == state).limit(_FEW + 1)
    found = list(session.scalars(query))
    return found if len(found) <= _FEW else None


#: Filters behind an index with the time, by model; the first that is asked for leads, one of a rare state before all.
_LEADERS: Mapping[type[Any], tuple[str, ...]] = {
    Document: ("acknowledgement", "processing", "partner", "kind"),
    Transmission: ("delivery", "processing", "partner"),
}


def _leader(model: type[Any], filters: Filters) -> str | None:
    """The filter along whose index the rows are walked."""
    asked = [name for name in _LEADERS[model] if getattr(filters, name)]
    rare = [name for name in asked if getattr(filters, name) in _RARE]
    usual = [name for name in asked if name in ("partner", "kind")]
    return next(iter([*rare, *usual, *asked]), None)


def _time(model: type[Any]) -> Any:
    return Document.received_at if model is Document else Transmission.created_at


def _floor(session: Session, model: type[Any], filters: Filters, before: _Before, *, exact: bool) -> datetime | None:
    """The instant of the last row that one page looks at; None when it need not stop.

    A single filter that leads, or none, finds its page at once. ``exact``: the rows are few and known already.
    """
    conditions = [
        name for name in (*_LEADERS[Document], "delivery", "direction", "transport") if getattr(filters, name)
    ]
    conditions += ["text"] * bool(filters.text.strip()) + ["test"] * (filters.test is not None)
    lead = _leader(model, filters)
    if exact or filters.noted or filters.assignee:
        return None
    if model is Document and (not conditions or conditions in ([lead], ["direction"])):
        return None
    at = _time(model)
    most = LOOK_INTO if filters.text.strip() else LOOK
    query = select(at).order_by(at.desc()).offset(most).limit(1)
    if lead is not None:
        query = query.where(getattr(model, lead) == getattr(filters, lead))
    if before is not None:
        query = query.where(at < before[0])
    if filters.until is not None:
        query = query.where(at < filters.until)
    found = session.scalar(query)
    return None if found is None or (filters.since is not None and found < filters.since) else found


def _narrow(query: Any, model: type[Any], filters: Filters, names: Sequence[str], *, lead: bool) -> Any:
    """Add the filters that are columns of the model. Only the leading one may use its index."""
    first = _leader(model, filters) if lead else None
    for name in names:
        if value := getattr(filters, name):
            column = getattr(model, name)
            query = query.where((column if name == first else func.coalesce(column, "")) == value)
    if filters.test is not None:
        query = query.where(model.test == filters.test)
    return query


def _documents(
    session: Session,
    filters: Filters,
    before: _Before,
    limit: int,
    keys: _Keys | None,
    floor: datetime | None,
    delivery: list[str] | None,
) -> list[_Found]:
    query: Any = select(Document, Transmission).outerjoin(Transmission, Transmission.id == Document.transmission_id)
    known = keys is not None or delivery is not None or filters.noted or bool(filters.assignee)
    names = ("partner", "kind", "direction", "processing", "acknowledgement")
    query = _narrow(query, Document, filters, names, lead=not known)
    if filters.transport:
        query = query.where(Transmission.transport == filters.transport)
    if delivery is not None:
        query = query.where(Document.transmission_id.in_(delivery), Document.direction == "out")
    elif filters.delivery:
        # Many are in this state: walk the documents by time, not the index of the state.
        query = query.where(func.coalesce(Transmission.delivery, "") == filters.delivery, Document.direction == "out")
    if keys is not None:
        query = query.where(Document.id.in_(keys.documents))
    elif filters.text.strip():
        columns = (Document.number, Document.reason, Transmission.filename, Transmission.transport_id)
        query = query.where(_contains(filters.text.strip(), columns))
    query = _with_people(query, Document.id, filters)
    query = _page(query, Document, filters, before, floor, limit)
    return [(document.received_at, document, carrier) for document, carrier in session.execute(query)]


def _transmissions(
    session: Session, filters: Filters, before: _Before, limit: int, keys: _Keys | None, floor: datetime | None
) -> list[_Found]:
    """Transmissions without a document: unreadable, not yet read, or only an acknowledgement of ours."""
    query: Any = select(Transmission).where(~exists().where(Document.transmission_id == Transmission.id))
    known = keys is not None or filters.noted or bool(filters.assignee)
    names = ("partner", "direction", "processing", "delivery", "transport")
    query = _narrow(query, Transmission, filters, names, lead=not known)
    if keys is not None:
        query = query.where(Transmission.id.in_(keys.transmissions))
    elif filters.text.strip():
        columns = (Transmission.filename, Transmission.transport_id, Transmission.reason)
        query = query.where(_contains(filters.text.strip(), columns))
    query = _with_people(query, Transmission.id, filters)
    query = _page(query, Transmission, filters, before, floor, limit)
    return [(row.created_at, row, row) for row in session.scalars(query)]


def _with_people(query: Any, identity: Any, filters: Filters) -> Any:
    """Only messages with a note, or with an open problem that somebody has."""
    if filters.noted:
        query = query.where(identity.in_(select(MessageNote.subject_id)))
    if filters.assignee:
        theirs = (
            select(CaseMember.subject_id)
            .join(CaseFile, CaseFile.id == CaseMember.case_id)
            .where(CaseFile.assignee == filters.assignee, CaseFile.review.in_([Review.ASSIGNED, Review.WAITING]))
        )
        query = query.where(identity.in_(theirs))
    return query


def _page(query: Any, model: type[Any], filters: Filters, before: _Before, floor: datetime | None, limit: int) -> Any:
    """The newest first, between the instants that are asked for, from a place on, down to the floor."""
    at = _time(model)
    lowest = max(filter(None, (filters.since, floor)), default=None)
    if lowest is not None:
        query = query.where(at >= lowest)
    if filters.until is not None:
        query = query.where(at < filters.until)
    if before is not None:
        query = query.where(tuple_(at, model.id) < before)
    return query.order_by(at.desc(), model.id.desc()).limit(limit)


def _contains(text: str, columns: tuple[Any, ...]) -> Any:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _cursor(at: str, identity: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, identity]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at).astimezone(UTC), str(identity)
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorError(f'"{cursor}" is not the place of a page; take the "next" of the page before.') from error
