"""What pages and commands ask of the orders: lists with filters, one order with its timeline, and what is due.

Every function reads only and gives plain values; instants are ISO 8601 in UTC. Lists are paged by key, each by an
index: by the last document, or, for what is late, by the deadline.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.models import Document, Transmission
from gateway.messages.orderlines import plain
from gateway.messages.ordermatrix import Matrix, MatrixLine
from gateway.messages.ordermodels import OrderDocument, OrderFollowUp, PurchaseOrder
from gateway.messages.orderreview import Reviewed, TolerancesOf, review
from gateway.messages.orders import BUYERS_KINDS, documents_by_order, state_of
from gateway.messages.queries import PAGE_LIMIT, CursorError
from gateway.store.ledger import Event

__all__ = [
    "SOON",
    "STAGES",
    "OrderFilters",
    "OrderNotFoundError",
    "find_order",
    "is_ours",
    "matrix_json",
    "open_count",
    "order_detail",
    "order_list",
    "order_of_message",
    "order_row",
    "orders_due",
]

#: How long before its deadline a document is shown as due soon.
SOON = timedelta(hours=4)
#: The stages of an order, (kind, transaction set) in their order.
STAGES = (("order", "850"), ("order_acknowledgment", "855"), ("ship_notice", "856"), ("invoice", "810"))
_MOST_BY_NUMBER = 20
#: Orders that one search by number may lead to.
_MOST_KEYS = 400


class OrderNotFoundError(LookupError):
    """There is no such order, or several fit; the text says what to do."""


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """What a list is narrowed to; "" leaves it open."""

    partner: str = ""
    #: "sell" or "buy".
    role: str = ""
    #: "late", "mismatch", "open" or "".
    which: str = ""
    #: An order number, or its beginning.
    number: str = ""
    test: bool | None = None


# -- lists -----------------------------------------------------------------------------------------------------


def order_list(
    session: Session, filters: OrderFilters, now: datetime, *, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """One page of orders: {"orders", "next"}; the newest first, or with "late" the longest due first.

    Raises CursorError for a cursor that this function did not make.
    """
    limit = max(1, min(limit, PAGE_LIMIT))
    late = filters.which == "late"
    place = None if after is None else _read_cursor(after)
    query: Any = select(PurchaseOrder).limit(limit + 1)
    if late:
        query = query.where(PurchaseOrder.next_due_at <= now).order_by(PurchaseOrder.next_due_at, PurchaseOrder.id)
        if place is not None:
            query = query.where(tuple_(PurchaseOrder.next_due_at, PurchaseOrder.id) > place)
    else:
        query = query.order_by(PurchaseOrder.last_at.desc(), PurchaseOrder.id.desc())
        if place is not None:
            query = query.where(tuple_(PurchaseOrder.last_at, PurchaseOrder.id) < place)
    number = filters.number.replace("\0", "").strip()
    if number:
        query = query.where(PurchaseOrder.id.in_(_by_number(session, number)))
    rows = list(session.scalars(_narrowed(query, filters)))
    page = rows[:limit]
    more = None
    if len(rows) > limit:
        last = page[-1]
        more = _cursor(last.next_due_at or last.last_at if late else last.last_at, last.id)
    return {"orders": _rows(session, page, now), "next": more}


def _narrowed(query: Any, filters: OrderFilters) -> Any:
    if filters.partner:
        query = query.where(PurchaseOrder.partner == filters.partner.replace("\0", ""))
    if filters.role:
        query = query.where(PurchaseOrder.role == filters.role)
    if filters.which == "mismatch":
        query = query.where(PurchaseOrder.mismatch)
    if filters.which == "open":
        query = query.where(PurchaseOrder.is_open)
    if filters.test is not None:
        query = query.where(PurchaseOrder.test == filters.test)
    return query


def _by_number(session: Session, number: str) -> list[str]:
    """The ids of the orders of which this is the number, or its beginning."""
    end = number + "\U0010ffff"
    query = select(PurchaseOrder.id).where(PurchaseOrder.number >= number, PurchaseOrder.number < end)
    return list(session.scalars(query.order_by(PurchaseOrder.number).limit(_MOST_KEYS)))


def open_count(session: Session, most: int = 1000) -> int:
    """How many orders are open; counted up to ``most``."""
    few = select(PurchaseOrder.id).where(PurchaseOrder.is_open).limit(most)
    return session.scalar(select(func.count()).select_from(few.subquery())) or 0


def orders_due(session: Session, now: datetime, limit: int = 5) -> dict[str, Any]:
    """Business documents that are late or due within four hours: {"late", "soon", "orders"}, the longest due first.

    ``late`` and ``soon`` are counts up to 1,000; each order has "next_kind", "next_set", "next_due_at" and "ours".
    """
    query = (
        select(PurchaseOrder)
        .where(PurchaseOrder.next_due_at <= now + SOON)
        .order_by(PurchaseOrder.next_due_at, PurchaseOrder.id)
    )
    late = select(PurchaseOrder.id).where(PurchaseOrder.next_due_at <= now).limit(1000).subquery()
    soon = select(PurchaseOrder.id).where(PurchaseOrder.next_due_at > now, PurchaseOrder.next_due_at <= now + SOON)
    return {
        "late": session.scalar(select(func.count()).select_from(late)) or 0,
        "soon": session.scalar(select(func.count()).select_from(soon.limit(1000).subquery())) or 0,
        "orders": [order_row(order, now) for order in session.scalars(query.limit(limit))],
    }


def _rows(session: Session, orders: Sequence[PurchaseOrder], now: datetime) -> list[dict[str, Any]]:
    linked = documents_by_order(session, [order.id for order in orders]) if orders else {}
    return [{**order_row(order, now), "stages": _stages(order, linked[order.id], now)} for order in orders]


def order_row(order: PurchaseOrder, now: datetime) -> dict[str, Any]:
    """One order as lists show it."""
    return {
        "id": order.id,
        "partner": order.partner,
        "role": order.role,
        "number": order.number,
        "test": order.test,
        "state": state_of(order),
        "order_date": None if order.order_date is None else order.order_date.isoformat(),
        "first_at": _iso(order.first_at),
        "last_at": _iso(order.last_at),
        "amount": order.amount,
        "currency": order.currency,
        "lines": order.lines,
        "mismatch": order.mismatch,
        "is_open": order.is_open,
        "next_kind": order.next_kind,
        "next_due_at": _iso(order.next_due_at),
        "late": order.next_due_at is not None and order.next_due_at <= now,
        "ours": order.next_kind is not None and is_ours(order.role, order.next_kind),
        "closed_reason": order.closed_reason,
    }


def is_ours(role: str, kind: str) -> bool:
    """True when a document of this kind is ours to send in this role."""
    return (role == "sell") != (kind in BUYERS_KINDS)


def _stages(
    order: PurchaseOrder, linked: Sequence[tuple[OrderDocument, Document]], now: datetime
) -> list[dict[str, Any]]:
    """How far each stage came: {"kind", "set", "state", "count", "answers"}.

    ``state`` is "done", "rejected" (the partner or we rejected the last), "held", "skipped", "late", "due" or "none";
    ``answers`` the acknowledgements of what we sent: "rejected", "overdue", "awaited", "accepted" or "".
    """
    skipped = {step["kind"] for step in order.skipped or ()}
    found = []
    for kind, set_id in STAGES:
        rows = [row for entry, row in linked if entry.kind == kind]
        state = _stage_state(rows)
        if not rows and kind in skipped:
            state = "skipped"
        elif not rows and kind == order.next_kind and order.next_due_at is not None:
            state = "late" if order.next_due_at <= now else "due"
        found.append({"kind": kind, "set": set_id, "state": state, "count": len(rows), "answers": _answers(rows)})
    return found


def _stage_state(rows: Sequence[Document]) -> str:
    if not rows:
        return "none"
    good = [row for row in rows if row.processing not in ("rejected", "ignored", "held")]
    if any(row.acknowledgement != "rejected" for row in good):
        return "done"
    return "held" if not good and any(row.processing == "held" for row in rows) else "rejected"


def _answers(rows: Sequence[Document]) -> str:
    states = {row.acknowledgement for row in rows if row.direction == "out"}
    for state in ("rejected", "overdue", "awaited", "accepted_with_errors", "accepted"):
        if state in states:
            return state
    return ""


# -- one order -------------------------------------------------------------------------------------------------


def find_order(session: Session, name: str, partner: str | None = None) -> PurchaseOrder:
    """An order by its id, the beginning of it, or its number. Raises OrderNotFoundError with what fits."""
    name = name.replace("\0", "").strip()
    exact = session.get(PurchaseOrder, name)
    if exact is not None:
        return exact
    query = select(PurchaseOrder).where(PurchaseOrder.number == name)
    if partner:
        query = query.where(PurchaseOrder.partner == partner.replace("\0", ""))
    found = list(session.scalars(query.order_by(PurchaseOrder.last_at.desc()).limit(_MOST_BY_NUMBER)))
    if not found and len(name) >= 8:
        low, high = name.lower(), name.lower() + "\U0010ffff"
        prefix = select(PurchaseOrder).where(PurchaseOrder.id >= low, PurchaseOrder.id < high)
        found = list(session.scalars(prefix.limit(_MOST_BY_NUMBER)))
    if not found:
        raise OrderNotFoundError(f'There is no order "{name}". `gateway order list` shows them.')
    if len(found) > 1:
        fits = ", ".join(
            f"{order.partner} ({order.role}{', test' if order.test else ''}) {order.id}" for order in found
        )
        raise OrderNotFoundError(f'"{name}" is several orders: {fits}. Name one by its id.')
    return found[0]


def order_of_message(session: Session, document_id: str) -> list[dict[str, Any]]:
    """The orders that a document speaks of: [{"id", "number", "partner"}]."""
    query = (
        select(PurchaseOrder.id, PurchaseOrder.number, PurchaseOrder.partner)
        .join(OrderDocument, OrderDocument.order_id == PurchaseOrder.id)
        .where(OrderDocument.document_id == document_id)
        .order_by(PurchaseOrder.number)
        .limit(50)
    )
    return [{"id": row.id, "number": row.number, "partner": row.partner} for row in session.execute(query)]


def order_detail(session: Session, order: PurchaseOrder, now: datetime, tolerances_of: TolerancesOf) -> dict[str, Any]:
    """One order with its documents, its line matrix, its deadlines, and what people decided."""
    found = review(session, order, tolerances_of)
    return {
        **order_row(order, now),
        "mismatch": found.matrix.mismatch if not found.unread else order.mismatch,
        "stages": _stages(order, found.documents, now),
        "documents": _timeline(session, found),
        "matrix": matrix_json(found.matrix),
        "unread": len(found.unread),
        "clocks": _clocks(session, order, now),
        "skipped": list(order.skipped or ()),
        "closed": None
        if order.closed_at is None
        else {"at": _iso(order.closed_at), "by": order.closed_by, "reason": order.closed_reason},
        "history": _history(session, order.id),
    }


def _timeline(session: Session, found: Reviewed) -> list[dict[str, Any]]:
    carriers = {row.transmission_id for _, row in found.documents if row.transmission_id}
    delivery = {
        row.id: row.delivery
        for row in session.execute(select(Transmission.id, Transmission.delivery).where(Transmission.id.in_(carriers)))
    }
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "set": row.set_id,
            "number": row.number,
            "direction": row.direction,
            "at": _iso(entry.at),
            "processing": row.processing,
            "delivery": delivery.get(row.transmission_id or "", "none") if row.direction == "out" else "none",
            "acknowledgement": row.acknowledgement,
            "acknowledgement_due_at": _iso(row.acknowledgement_due_at),
            "acknowledged_at": _iso(row.acknowledged_at),
            "acknowledgement_detail": row.acknowledgement_detail or [],
            "amount": row.amount,
            "currency": row.currency,
            "reason": row.reason,
            "effect": entry.effect,
            "counts": row.id in found.counts,
        }
        for entry, row in found.documents
    ]


def _clocks(session: Session, order: PurchaseOrder, now: datetime) -> list[dict[str, Any]]:
    rows = session.execute(
        select(OrderFollowUp, Document)
        .join(Document, Document.id == OrderFollowUp.document_id)
        .where(OrderFollowUp.order_id == order.id)
        .order_by(OrderFollowUp.due_at, OrderFollowUp.kind)
    )
    return [
        {
            "kind": clock.kind,
            "set": clock.set_id,
            "after": {"id": row.id, "set": row.set_id, "number": row.number},
            "due_at": _iso(clock.due_at),
            "ended_at": _iso(clock.ended_at),
            "outcome": clock.outcome,
            "late": clock.ended_at is None and clock.due_at <= now,
            "was_late": clock.ended_at is not None and clock.outcome == "met" and clock.ended_at > clock.due_at,
            "ours": is_ours(order.role, clock.kind),
        }
        for clock, row in rows
    ]


def _history(session: Session, order: str, limit: int = 50) -> list[dict[str, Any]]:
    """What people decided about the order, the newest first."""
    query = (
        select(Event)
        .where(Event.subject_type == "order", Event.subject_id == order)
        .order_by(Event.seq.desc())
        .limit(limit)
    )
    return [
        {"at": event.at, "event": event.kind, "actor": event.actor, "reason": event.reason}
        for event in session.scalars(query)
    ]


# -- the matrix as JSON ----------------------------------------------------------------------------------------


def matrix_json(matrix: Matrix) -> dict[str, Any]:
    """The line matrix as plain JSON; quantities and prices are decimal text, None when unknown."""
    return {
        "lines": [_line(line) for line in matrix.lines],
        "differences": [
            {"rule": d.rule, "sentence": d.sentence, "document": d.document_id} for d in matrix.differences
        ],
        "currency": matrix.currency,
        "ordered_total": _price(matrix.ordered_total),
        "invoiced_total": _price(matrix.invoiced_total),
        "ship_by": _day(matrix.ship_by),
        "deliver_by": _day(matrix.deliver_by),
        "cancel_after": _day(matrix.cancel_after),
        "known": matrix.known,
        "cancelled": matrix.cancelled,
    }


def _line(line: MatrixLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "item": line.item,
        "description": line.description,
        "unit": line.unit,
        "ordered": _decimal(line.ordered),
        "original": _decimal(line.original),
        "price": _price(line.price),
        "acknowledged": [
            {
                "status": part.status,
                "word": part.word,
                "quantity": _decimal(part.quantity),
                "date": _day(part.date),
            }
            for part in line.parts
        ],
        "acknowledged_price": _price(line.acknowledged_price),
        "shipped": _decimal(line.shipped),
        "invoiced": _decimal(line.invoiced),
        "invoiced_price": _price(line.invoiced_price),
        "to_ship": _decimal(line.to_ship),
        "to_invoice": _decimal(line.to_invoice),
        "differences": [{"rule": d.rule, "sentence": d.sentence, "document": d.document_id} for d in line.differences],
    }


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _price(value: Decimal | None) -> str | None:
    """With its zeros: "4.10" is how people wrote it."""
    return None if value is None else format(value, "f")


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _cursor(at: datetime, identity: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), identity]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at).astimezone(UTC), str(identity)
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorError(f'"{cursor}" is not the place of a page; take the "next" of the page before.') from error
