"""The next document of an order, made from the order and what was done so far: acknowledgment, ship notice, invoice.

A draft is what a person sees and edits: the number, the date and for each line of the order a quantity, a price and
what becomes of the rest. ``suggested`` fills one with what remains; ``document_of`` makes the canonical document of it
and names every value that does not do, by its field.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.documents import Invoice, OrderAcknowledgment, ShipNotice, to_jsonable
from gateway.documents.order import OrderHeader
from gateway.messages.orderlines import plain
from gateway.messages.ordermatrix import Matrix, MatrixLine
from gateway.messages.orderreview import Reviewed

__all__ = [
    "KINDS",
    "RESTS",
    "Draft",
    "DraftError",
    "DraftLine",
    "document_of",
    "draft_from",
    "suggested",
    "taken_lines",
]

#: What can be made, and the word for the number of the document.
KINDS = {"order_acknowledgment": "", "ship_notice": "SH", "invoice": "INV"}
#: What the seller says of the part of a line that it does not accept as ordered.
RESTS = ("backordered", "rejected", "changed")
_REST_STATUS = {"backordered": "backordered", "rejected": "rejected"}
_NOTHING = Decimal(0)
#: BIG02 holds 22 characters; our suggestions fit into every standard.
_LONGEST_NUMBER = 22
_CARTON = "CTN25"
#: Digits of a number that is believed.
_MOST_DIGITS = 15
_USUAL_NET_DAYS = "30"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DraftError:
    """One value that does not do."""

    #: "number", "quantity-0", "rest-2" …
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line of the order in a draft; every value is text as a person types it."""

    line_id: str = ""
    item: str = ""
    description: str = ""
    unit: str = ""
    ordered: str = ""
    #: What remains to be shipped or invoiced, or was ordered.
    open: str = ""
    quantity: str = ""
    price: str = ""
    #: Acknowledgment: one of RESTS or "".
    rest: str = ""
    #: Ship notice: the package's SSCC, 18 or 20 digits; may stay empty.
    package: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it is made; every value is text as a person types it."""

    kind: str
    number: str = ""
    #: YYYY-MM-DD.
    date: str = ""
    lines: tuple[DraftLine, ...] = ()
    #: Acknowledgment: our own order number, the day of shipping, and that of what is backordered.
    our_number: str = ""
    ship_date: str = ""
    backorder_date: str = ""
    #: Ship notice: SCAC, tracking number, bill of lading, number of packages.
    carrier: str = ""
    tracking: str = ""
    bill_of_lading: str = ""
    packages: str = ""
    #: Invoice: days until it is due, and a charge for freight.
    net_days: str = ""
    freight: str = ""

    def json(self) -> Json:
        """As plain JSON."""
        return {**asdict(self), "lines": [asdict(line) for line in self.lines]}


_TEXTS = tuple(field.name for field in fields(Draft) if field.name not in ("kind", "lines"))
_LINE_TEXTS = ("quantity", "price", "rest", "package")


# -- suggesting ------------------------------------------------------------------------------------------------


def suggested(found: Reviewed, kind: str, today: datetime.date) -> Draft:
    """A draft with what remains to be done of the order."""
    matrix, header = found.matrix, found.matrix.order
    count = 1 + sum(1 for entry, _ in found.documents if entry.kind == kind)
    lines = tuple(_suggested_line(line, kind) for line in matrix.lines if line.source is not None)
    draft = Draft(kind=kind, number=_number(matrix.number, kind, count), date=today.isoformat(), lines=lines)
    if kind == "order_acknowledgment":
        ship = max(matrix.ship_by, today) if matrix.ship_by is not None else today
        return replace(draft, our_number=_our_number(found), ship_date=ship.isoformat())
    if kind == "ship_notice":
        carrier = next((entry.carrier for entry in getattr(header, "routing", []) if entry.carrier), None)
        return replace(draft, carrier=carrier or "")
    terms = next((entry.net_days for entry in getattr(header, "payment_terms", []) if entry.net_days), None)
    return replace(draft, net_days=_USUAL_NET_DAYS if terms is None else str(terms))


def _number(order: str, kind: str, count: int) -> str:
    if kind == "order_acknowledgment":
        return order
    tail = "" if count == 1 else f"-{count}"
    prefix = f"{KINDS[kind]}-"
    return f"{prefix}{order[: _LONGEST_NUMBER - len(prefix) - len(tail)]}{tail}"


def _our_number(found: Reviewed) -> str:
    header = found.matrix.order
    return getattr(header, "seller_order_number", None) or f"SO-{found.matrix.number}"


def _suggested_line(line: MatrixLine, kind: str) -> DraftLine:
    known = DraftLine(
        line_id=line.line_id or "",
        item=line.item,
        description=line.description or "",
        unit=line.unit or "",
        ordered=plain(line.ordered),
    )
    if kind == "order_acknowledgment":
        accepted = line.accepted if line.parts else line.ordered or _NOTHING
        rest = "backordered" if line.backordered else "rejected" if line.rejected else ""
        return replace(
            known, open=plain(line.ordered), quantity=plain(accepted), price=_amount(line.price) or "", rest=rest
        )
    left = line.to_ship if kind == "ship_notice" else line.to_invoice
    return replace(known, open=plain(left), quantity=plain(left), price=_amount(line.price) or "")


def draft_from(base: Draft, given: Mapping[str, Any]) -> Draft:
    """A suggestion with what a person typed in its place; unknown names are left alone."""
    lines = [dict(line) for line in given.get("lines") or [] if isinstance(line, Mapping)]
    texts = {name: _text(given[name]) for name in _TEXTS if name in given}
    changed = tuple(
        replace(line, **{name: _text(typed[name]) for name in _LINE_TEXTS if name in typed})
        for line, typed in zip(base.lines, [*lines, *({} for _ in base.lines)], strict=False)
    )
    return replace(base, **texts, lines=changed)


def _text(value: object) -> str:
    return str(value).strip()[:200]


# -- making ----------------------------------------------------------------------------------------------------


def document_of(matrix: Matrix, draft: Draft, receiver: str) -> tuple[Json, list[DraftError]]:
    """The canonical document of a draft, and everything that is wrong with its values; with mistakes it is empty."""
    reading = _Reading(draft, [line for line in matrix.lines if line.source is not None])
    document = {**reading.common(receiver), **_MAKERS[draft.kind](reading, matrix)}
    return ({} if reading.errors else _without_blanks(document)), reading.errors


def taken_lines(draft: Draft) -> list[int]:
    """The indexes of the lines that the document has: all of an acknowledgment, else those with a quantity."""
    if draft.kind == "order_acknowledgment":
        return [index for index, line in enumerate(draft.lines) if line.ordered not in ("", "0")]
    return [index for index, line in enumerate(draft.lines) if line.quantity.strip("0.")]


class _Reading:
    """The values of a draft on their way into a document, and the mistakes found on it."""

    def __init__(self, draft: Draft, lines: list[MatrixLine]) -> None:
        self.draft = draft
        self.lines = lines
        self.errors: list[DraftError] = []

    def wrong(self, field: str, message: str) -> None:
        self.errors.append(DraftError(field, message))

    def common(self, receiver: str) -> Json:
        if not self.draft.number:
            self.wrong("number", "A number is needed.")
        return {
            "kind": self.draft.kind,
            "receiver": receiver,
            "number": self.draft.number,
            "issue_date": self.day("date", needed=True),
            "purpose": "original",
        }

    def day(self, name: str, *, needed: bool = False) -> str | None:
        typed = getattr(self.draft, name)
        if not typed and not needed:
            return None
        try:
            return datetime.date.fromisoformat(typed).isoformat()
        except ValueError:
            self.wrong(name, "Write the day as 2026-11-22.")
            return None

    def number(self, field: str, typed: str, *, least: Decimal = _NOTHING) -> Decimal | None:
        """A decimal, None when there is none or it is wrong."""
        if not typed:
            return None
        try:
            value = Decimal(typed)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value < least or abs(value.adjusted()) > _MOST_DIGITS:
            self.wrong(field, f'"{typed}" is not a number from {plain(least)} on.')
            return None
        return value

    def chosen(self) -> list[tuple[int, DraftLine, MatrixLine, Decimal, Decimal | None]]:
        """The lines with a quantity above zero: (index, typed, ordered, quantity, price)."""
        found = []
        for index, (typed, line) in enumerate(zip(self.draft.lines, self.lines, strict=True)):
            quantity = self.number(f"quantity-{index}", typed.quantity)
            price = self.number(f"price-{index}", typed.price)
            if quantity:
                found.append((index, typed, line, quantity, price))
        if not found and not self.errors:
            self.wrong("quantity-0", "Give at least one line a quantity.")
        return found


def _line_parts(line: MatrixLine) -> Json:
    """What every document says of a line as it was ordered."""
    source = line.source
    ids = [] if source is None else [to_jsonable(entry) for entry in source.item_ids]
    basis = source.price_basis if source is not None else None
    return {
        "line_id": line.line_id,
        "unit": line.unit,
        "price_basis": None if basis is None else to_jsonable(basis),
        "item_ids": ids,
    }


def _acknowledgment(reading: _Reading, matrix: Matrix) -> Json:
    ship, later = reading.day("ship_date"), reading.day("backorder_date")
    lines, plainly, refused = [], True, True
    for index, (typed, line) in enumerate(zip(reading.draft.lines, reading.lines, strict=True)):
        if not line.ordered:
            continue
        accepted = reading.number(f"quantity-{index}", typed.quantity) or _NOTHING
        price = reading.number(f"price-{index}", typed.price)
        parts = _parts_of(reading, index, typed, line, accepted, price, ship, later)
        plainly = plainly and [part["status"] for part in parts] == ["accepted"]
        refused = refused and all(part["status"] == "rejected" for part in parts)
        quantity = plain(line.ordered)
        lines.append({**_line_parts(line), "quantity": quantity, "price": _amount(price), "acknowledgments": parts})
    outcome = "accepted" if plainly else "rejected" if refused else "accepted_with_changes"
    return {
        "outcome": outcome,
        "currency": matrix.currency,
        "order_date": _order_date(matrix.order),
        "seller_order_number": reading.draft.our_number,
        "lines": lines,
    }


def _parts_of(
    reading: _Reading,
    index: int,
    typed: DraftLine,
    line: MatrixLine,
    accepted: Decimal,
    price: Decimal | None,
    ship: str | None,
    later: str | None,
) -> list[Json]:
    rest = (line.ordered or _NOTHING) - accepted
    if typed.rest and typed.rest not in RESTS:
        reading.wrong(f"rest-{index}", "Choose what becomes of the rest.")
    if rest > 0 and not typed.rest:
        reading.wrong(f"rest-{index}", f"Say what becomes of the other {plain(rest)} {typed.unit}.".replace(" .", "."))
    repriced = price is not None and line.price is not None and price != line.price
    changed = rest < 0 or (rest > 0 and typed.rest == "changed")
    parts = []
    if accepted > 0:
        status = "quantity_changed" if changed else "price_changed" if repriced else "accepted"
        parts.append(_part(status, accepted, typed.unit, ship))
    if rest > 0 and (typed.rest != "changed" or not parts):
        status = _REST_STATUS.get(typed.rest, "rejected")
        parts.append(_part(status, rest, typed.unit, later if status == "backordered" else None))
    return parts


def _part(status: str, quantity: Decimal, unit: str, day: str | None) -> Json:
    dated = {"date_type": "scheduled_ship", "date": day} if day else {}
    return {"status": status, "quantity": plain(quantity), "unit": unit, **dated}


def _ship_notice(reading: _Reading, matrix: Matrix) -> Json:
    draft = reading.draft
    day = draft.date
    packages = reading.number("packages", draft.packages, least=Decimal(1))
    items = []
    for index, typed, line, quantity, _ in reading.chosen():
        item = {**_line_parts(line), "level": "item", "shipped": plain(quantity)}
        item.pop("price_basis")
        items.append(_packed(reading, index, typed, item))
    is_packed = any(item["level"] == "pack" for item in items)
    shipment = {
        "level": "shipment",
        "loads": [{"packaging": _CARTON, "count": int(packages)}] if packages else [],
        "routing": [{"scheme": "scac", "carrier": draft.carrier}] if draft.carrier else [],
        "references": [
            *_reference("bill_of_lading", draft.bill_of_lading),
            *_reference("tracking_number", draft.tracking),
        ],
        "dates": [{"type": "shipped", "date": day}],
        "parties": _parties(matrix.order, "ship_to", "ship_from"),
        "units": [
            {"level": "order", "order": {"number": matrix.number, "date": _order_date(matrix.order)}, "units": items}
        ],
    }
    structure = "shipment_order_pack_item" if is_packed else "shipment_order_item"
    return {"issue_time": "12:00", "structure": structure, "units": [shipment]}


def _packed(reading: _Reading, index: int, typed: DraftLine, item: Json) -> Json:
    """The item in its package, where one is named."""
    code = typed.package.replace(" ", "")
    if not code:
        return item
    if not code.isdecimal() or len(code) not in (18, 20):
        reading.wrong(f"package-{index}", "An SSCC has 18 digits, or 20 with 00 before them.")
    value = code if len(code) == 20 else f"00{code}"
    return {"level": "pack", "marks": [{"type": "sscc_20", "value": value}], "units": [item]}


def _reference(type_: str, value: str) -> list[Json]:
    return [{"type": type_, "value": value}] if value else []


def _invoice(reading: _Reading, matrix: Matrix) -> Json:
    draft = reading.draft
    net = reading.number("net_days", draft.net_days)
    freight = reading.number("freight", draft.freight)
    lines = []
    for index, _, line, quantity, price in reading.chosen():
        if price is None and not any(error.field == f"price-{index}" for error in reading.errors):
            reading.wrong(f"price-{index}", "A price is needed.")
        lines.append({**_line_parts(line), "quantity": plain(quantity), "price": _amount(price)})
    charge = {"indicator": "charge", "service": "freight", "amount": _amount(freight), "handling": "add_to_invoice"}
    terms = {"type": "basic", "basis": "invoice_date", "net_days": int(net or 0)}
    return {
        "purpose": None,
        "currency": matrix.currency,
        "order_number": matrix.number,
        "order_date": _order_date(matrix.order),
        "payment_terms": [terms] if net else [],
        "lines": lines,
        "allowances_charges": [charge] if freight else [],
    }


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _order_date(header: OrderHeader | None) -> str | None:
    day = None if header is None else header.issue_date
    return None if day is None else day.isoformat()


def _parties(header: OrderHeader | None, *types: str) -> list[Json]:
    """Parties of the order as they stand there, without their place in it."""
    parties = [] if header is None else [party for party in header.parties if party.type in types]
    return [{key: value for key, value in to_jsonable(party).items() if key != "anchor"} for party in parties]


def _without_blanks(value: Any) -> Any:
    """Leave out what was not given."""
    if isinstance(value, dict):
        return {key: _without_blanks(part) for key, part in value.items() if part not in (None, "", [], {})}
    return [_without_blanks(part) for part in value] if isinstance(value, list) else value


_MAKERS: dict[str, Callable[[_Reading, Matrix], Json]] = {
    OrderAcknowledgment.model_fields["kind"].default: _acknowledgment,
    ShipNotice.model_fields["kind"].default: _ship_notice,
    Invoice.model_fields["kind"].default: _invoice,
}
