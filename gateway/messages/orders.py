"""Orders: which documents speak of which purchase order, how far it came, and what has to follow by when.

``link`` runs in the transaction that stores a received document or queues one of ours; a document that was linked
before changes nothing. An order's state is derived from its documents, never set: people only close an order or skip
a step, with a reason. ``gateway.messages.orderreview`` derives everything again from the stored documents, the
comparison line by line included; it runs when something came or changed (``stale``), not in the way of a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from sqlalchemy import Table, Text, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.documents import (
    Invoice,
    Order,
    OrderAcknowledgment,
    OrderChange,
    OrderChangeAcknowledgment,
    ReceiptAdvice,
    ShipNotice,
)
from gateway.messages import orderclocks
from gateway.messages.ids import derived_id
from gateway.messages.models import Document
from gateway.messages.ordermatrix import order_number_of
from gateway.messages.ordermodels import OrderDocument, OrderFollowUp, PurchaseOrder
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile
from gateway.store.prepared import Prepared

__all__ = [
    "BUYERS_KINDS",
    "STAGE_OF_KIND",
    "OrderFacts",
    "documents_by_order",
    "facts_of",
    "facts_of_number",
    "link",
    "order_id",
    "role_of",
    "state_of",
    "touch",
    "way_of",
]

#: Kinds that the buyer sends; the others are the seller's.
BUYERS_KINDS = frozenset({"order", "order_change", "receipt_advice"})
#: Kind → column that tells when the stage was reached.
STAGE_OF_KIND = {
    "order": "ordered_at",
    "order_acknowledgment": "acknowledged_at",
    "ship_notice": "shipped_at",
    "invoice": "invoiced_at",
}
#: Kinds whose number is that of the order.
_BY_ORDER_NUMBER = frozenset({"order", "order_acknowledgment", "order_change", "order_change_acknowledgment"})
_CANCELLED = "cancellation"
_LONGEST = 80
#: Digits of an amount that is believed.
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What a document says of orders, taken from it once."""

    #: The buyer's order numbers, each once, in the order of the document.
    numbers: tuple[str, ...]
    #: "cancels", "refuses" or "".
    effect: str = ""
    #: Of an order only: its date, total as decimal text, currency and number of lines.
    order_date: date | None = None
    amount: str | None = None
    currency: str | None = None
    lines: int = 0


# -- what a document says --------------------------------------------------------------------------------------


def facts_of(document: BusinessDocument) -> OrderFacts | None:
    """What a document says of orders; None when it names none or its kind has nothing to do with one."""
    numbers = _numbers(document)
    if not numbers:
        return None
    if isinstance(document, Order):
        return OrderFacts(
            numbers, _effect(document), document.issue_date, _total(document), document.currency, len(document.lines)
        )
    return OrderFacts(numbers, _effect(document))


def facts_of_number(kind: str, number: str | None) -> OrderFacts | None:
    """What is known of a document that was sent unchanged: those that bear the order's own number."""
    return OrderFacts((number[:_LONGEST],)) if number and kind in _BY_ORDER_NUMBER else None


def _numbers(document: BusinessDocument) -> tuple[str, ...]:
    found: list[str | None]
    match document:
        case Order() | OrderAcknowledgment() | OrderChange() | OrderChangeAcknowledgment():
            found = [document.number]
        case ShipNotice():
            found = [
                number
                for unit in document.walk()
                for number in (unit.order.number if unit.order is not None else None, unit.item_id("order_number"))
            ]
        case Invoice():
            found = [document.order_number, *(order_number_of(line, document) for line in document.lines)]
        case ReceiptAdvice():
            found = [line.order_number for line in document.lines]
        case _:
            found = []
    return tuple(dict.fromkeys(number[:_LONGEST] for number in found if number))


def _effect(document: BusinessDocument) -> str:
    if isinstance(document, Order | OrderChange) and str(document.purpose or "") == _CANCELLED:
        return "cancels"
    refuses = isinstance(document, OrderAcknowledgment) and str(document.outcome or "").startswith("rejected")
    return "refuses" if refuses else ""


def _total(order: Order) -> str | None:
    """Quantity times price where every line has both, else the total that the order states."""
    try:
        amounts = [line.amount for line in order.lines]
        total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    except ArithmeticError:  # "1E99999" is a number too
        return None
    if not amounts or None in amounts:
        total = next((entry.amount for entry in order.total_amounts if entry.amount is not None), Decimal("NaN"))
    return None if not total.is_finite() or total.adjusted() > _MOST_DIGITS else format(total, "f")


# -- one order -------------------------------------------------------------------------------------------------


def role_of(kind: str, direction: str) -> str:
    """ "sell" when the partner orders from us, "buy" when we order from it."""
    return "sell" if (kind in BUYERS_KINDS) == (direction == "in") else "buy"


def way_of(document: Document) -> Literal["in", "out"]:
    """The direction of a document as the profile's rules ask for it."""
    return "in" if document.direction == "in" else "out"


def order_id(partner: str, role: str, number: str, test: bool) -> str:
    """The id of an order; the same order always has the same."""
    return derived_id("purchase-order", partner, role, number, int(test))


def state_of(order: PurchaseOrder) -> str:
    """An order's state, from what is known of it.

    "closed", "cancelled", "completed", "invoiced", "shipped", "acknowledged" or "pending"; the last that was reached.
    """
    for column, state in _STATES:
        if getattr(order, column) is not None:
            return state
    return "pending"


_STATES = (
    ("closed_at", "closed"),
    ("cancelled_at", "cancelled"),
    ("settled_at", "completed"),
    ("invoiced_at", "invoiced"),
    ("shipped_at", "shipped"),
    ("acknowledged_at", "acknowledged"),
)

# -- linking ---------------------------------------------------------------------------------------------------

_ORDERS = cast("Table", PurchaseOrder.__table__)
_LINKS = cast("Table", OrderDocument.__table__)
_FOLLOW = cast("Table", OrderFollowUp.__table__)
_CHANGING = (
    *("first_at", "last_at", "order_date", "amount", "currency", "lines", "ordered_at", "acknowledged_at"),
    *("shipped_at", "invoiced_at", "cancelled_at", "next_due_at", "next_kind", "is_open", "stale"),
)
# Built once: they run for every document of an order.
_IS_LINKED = Prepared(
    select(_LINKS.c.kind).where(
        _LINKS.c.document_id == bindparam("document", type_=Text), _LINKS.c.order_id == bindparam("order", type_=Text)
    )
)
_PARENT_IS_LINKED = Prepared(
    select(_LINKS.c.kind)
    .join(Document, Document.parent_id == _LINKS.c.document_id)
    .where(Document.id == bindparam("document", type_=Text))
)
_ORDER = Prepared(
    select(*(_ORDERS.c[name] for name in (*_CHANGING, "settled_at", "closed_at", "skipped")))
    .where(_ORDERS.c.id == bindparam("id", type_=Text))
    .with_for_update()
)
_COLUMNS = ("id", "partner", "role", "number", "test", *_CHANGING, "mismatch")
_NEW_ORDER = {
    "sqlite": Prepared(sqlite.insert(_ORDERS).on_conflict_do_nothing(), _COLUMNS),
    "postgresql": Prepared(postgresql.insert(_ORDERS).on_conflict_do_nothing(), _COLUMNS),
}
_CHANGE_ORDER = Prepared(
    update(_ORDERS)
    .where(_ORDERS.c.id == bindparam("key", type_=Text))
    .values({name: bindparam(f"new_{name}", type_=_ORDERS.c[name].type) for name in _CHANGING})
)
_NEW_LINK = Prepared(insert(_LINKS), ("document_id", "order_id", "kind", "at", "effect"))
_NEW_FOLLOW_UP = Prepared(insert(_FOLLOW), ("document_id", "order_id", "kind", "set_id", "due_at"))
#: An order that nothing is known of yet.
_NEW: dict[str, Any] = {
    **dict.fromkeys((*_CHANGING, "closed_at", "skipped")),
    "lines": 0,
    "is_open": True,
    "stale": False,
}


@dataclass(frozen=True, slots=True)
class _Linked:
    """A document on its way to its orders."""

    document: Document
    facts: OrderFacts
    profile: PartnerProfile
    now: datetime


def link(
    session: Session, document: Document, facts: OrderFacts | None, profile: PartnerProfile, now: datetime
) -> list[str]:
    """Put a document beside the orders that it speaks of, and start or end the clocks that follow; the orders' ids.

    Belongs to the transaction that stores the document. ``document`` is as stored (partner, kind, direction, set_id,
    test and parent_id are read); a document that was linked before changes nothing.
    """
    if facts is None or document.partner is None:
        return []
    found = []
    for number in sorted(facts.numbers):  # always in one order, so that two processes cannot wait for each other
        role = role_of(document.kind, document.direction)
        key = _key(session, document, role, number)
        _link(session, key, role, number, _Linked(document, facts, profile, now))
        found.append(key)
    return found


def _key(session: Session, document: Document, role: str, number: str) -> str:
    """The order that is meant.

    A test order and a live one of one number are two orders. An answer belongs to the one of its own sort, or else to
    the other: a partner may try its test orders on a live relationship.
    """
    partner = document.partner or ""
    own = order_id(partner, role, number, document.test)
    if document.kind == "order" or _ORDER.first(session, {"id": own}) is not None:
        return own
    other = order_id(partner, role, number, not document.test)
    return own if _ORDER.first(session, {"id": other}) is None else other


def _link(session: Session, key: str, role: str, number: str, linked: _Linked) -> None:
    document, facts, now = linked.document, linked.facts, linked.now
    # An order is nearly always new, everything else nearly never.
    before = None if document.kind == "order" else _ORDER.first(session, {"id": key})
    if before is None:
        values = _values(_NEW, linked)
        values["stale"] = document.kind != "order"
        row = {"id": key, "partner": document.partner, "role": role, "number": number, "test": document.test}
        made = _NEW_ORDER[session.get_bind().dialect.name].change(session, {**row, **values, "mismatch": False})
        before = None if made else _ORDER.first(session, {"id": key})
    if before is not None and _IS_LINKED.first(session, {"document": document.id, "order": key}) is not None:
        return
    known: dict[str, Any] = _NEW if before is None else before._asdict()
    link_row = {"document_id": document.id, "order_id": key, "kind": document.kind, "at": now, "effect": facts.effect}
    _NEW_LINK.change(session, link_row)
    if before is not None:
        values = {**_values(known, linked), "stale": True}
        orderclocks.met(session, key, document.kind, now)
        if values["cancelled_at"] is not None:
            orderclocks.end(session, key, "cancelled", now)
    is_over = known["closed_at"] is not None or values["cancelled_at"] is not None
    started = 0 if is_over else _start_clocks(session, key, known, linked)
    if before is not None or started:
        values["next_due_at"], values["next_kind"] = orderclocks.next_of(session, key)
        _CHANGE_ORDER.change(session, {"key": key, **{f"new_{name}": value for name, value in values.items()}})


def _values(known: Mapping[str, Any], linked: _Linked) -> dict[str, Any]:
    """The order's columns after this document: the stage that it reaches, and what an order says of itself."""
    facts, now, kind = linked.facts, linked.now, linked.document.kind
    values = {name: known[name] for name in _CHANGING}
    stage = STAGE_OF_KIND.get(kind)
    if kind == "order" and values["ordered_at"] is None and not facts.effect:
        values.update(
            order_date=facts.order_date, amount=facts.amount, currency=facts.currency, lines=facts.lines, ordered_at=now
        )
    elif stage is not None and stage != "ordered_at":
        values[stage] = values[stage] or now
    values["first_at"] = min(values["first_at"] or now, now)
    values["last_at"] = max(values["last_at"] or now, now)
    if facts.effect:
        values["cancelled_at"], values["is_open"] = values["cancelled_at"] or now, False
    return values


def _start_clocks(session: Session, key: str, known: Mapping[str, Any], linked: _Linked) -> int:
    """Start the clocks of what must follow the document; how many.

    A second order of the same number starts none, and neither does a replay or a corrected copy of a document that is
    linked already.
    """
    document = linked.document
    rows = list(_due(document, known, linked.profile, linked.now))
    if not rows or (document.kind == "order" and known["ordered_at"] is not None):
        return 0
    if document.parent_id is not None and _PARENT_IS_LINKED.first(session, {"document": document.id}) is not None:
        return 0
    skipped = {entry["kind"] for entry in known["skipped"] or ()}
    wanted = [row for row in rows if row["kind"] not in skipped]
    for row in wanted:
        _NEW_FOLLOW_UP.change(session, {"document_id": document.id, "order_id": key, **row})
    return len(wanted)


def _due(
    document: Document, known: Mapping[str, Any], profile: PartnerProfile, now: datetime
) -> Iterable[dict[str, Any]]:
    """What must follow this document by the profile, unless it is there already."""
    kinds: set[str] = set()
    for rule in rules.document_settings(profile, document.set_id, way_of(document)).follow_up:
        kind = orderclocks.kind_of_set(rule.set)
        there = document.kind == "order" and known.get(STAGE_OF_KIND.get(kind or "", "")) is not None
        if kind is not None and kind not in kinds and not there:
            kinds.add(kind)
            yield {"kind": kind, "set_id": rule.set, "due_at": now + timedelta(hours=rule.hours)}


def touch(session: Session, document_id: str) -> None:
    """A document came to another end than before: its orders are compared again soon."""
    orders = select(_LINKS.c.order_id).where(_LINKS.c.document_id == document_id)
    session.execute(update(_ORDERS).where(_ORDERS.c.id.in_(orders)).values(stale=True))


def documents_by_order(session: Session, ids: Sequence[str]) -> dict[str, list[tuple[OrderDocument, Document]]]:
    """The documents of orders in the order of time, by order id."""
    query = (
        select(OrderDocument, Document)
        .join(Document, Document.id == OrderDocument.document_id)
        .where(OrderDocument.order_id.in_(ids))
        .order_by(OrderDocument.order_id, OrderDocument.at, Document.position, Document.id)
    )
    found: dict[str, list[tuple[OrderDocument, Document]]] = {key: [] for key in ids}
    for linked, document in session.execute(query):
        found[linked.order_id].append((linked, document))
    return found
