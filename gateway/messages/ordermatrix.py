"""The line matrix of an order: ordered, acknowledged, shipped, invoiced and remaining, with every difference in words.

``order_matrix`` takes the canonical documents that count for one order and lays them beside it, line by line. Changes
of the buyer are applied, a later acknowledgment takes the place of an earlier one line by line, shipments and invoices
add up, credit notes take away. It is pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain

from gateway.documents import (
    Invoice,
    InvoiceLine,
    Order,
    OrderAcknowledgment,
    OrderChange,
    OrderChangeAcknowledgment,
    ShipNotice,
    Unit,
)
from gateway.documents.order import AcknowledgedLine, ChangedLine, LineAcknowledgment, OrderHeader
from gateway.messages.orderlines import OrderBook, OrderedLine, Part, PartStatus, in_unit, plain, price_text
from gateway.messages.ordervalues import Difference, Matrix, MatrixLine, Statement

__all__ = ["Difference", "Matrix", "MatrixLine", "Statement", "order_matrix", "order_number_of", "units_of_order"]

_NOTHING = Decimal(0)
#: Status words that do not mean "accepted": word → what it is here (ACK01, UBL LineStatusCode).
_STATUS: dict[str, PartStatus] = {
    "backordered": "backordered",
    "partial_backorder": "backordered",
    "schedule_pending": "backordered",
    "held": "backordered",
    "held_incomplete_description": "backordered",
    "held_waiver_required": "backordered",
    "deleted": "rejected",
    "not_accepted": "rejected",
    "quantity_changed": "changed",
    "price_changed": "changed",
    "changed": "changed",
    "substituted": "changed",
    "rescheduled": "changed",
}
#: Changes of a line that set its quantity (POC02).
_DELETED = frozenset({"delete", "deleted", "cancelled"})
_CANCELLED = "cancellation"


@dataclass(slots=True)
class _Reading:
    """What one pass over the documents works with."""

    number: str
    book: OrderBook = field(default_factory=OrderBook)
    differences: list[Difference] = field(default_factory=list)
    of_lines: dict[int, list[Difference]] = field(default_factory=dict)
    known: bool = False
    cancelled: bool = False
    notices: int = 0
    header: OrderHeader | None = None
    #: The widest tolerance for quantities that a document of a kind has.
    quantity_limit: dict[str, Decimal] = field(default_factory=dict)
    invoiced_total: Decimal = _NOTHING

    def tell(self, line: OrderedLine | None, rule: str, sentence: str, document_id: str = "") -> None:
        if rule == "unknown_line" and not self.known:
            return  # an order that never came here cannot miss a line
        found = Difference(rule, sentence, document_id)
        if line is None:
            self.differences.append(found)
        else:
            self.of_lines.setdefault(id(line), []).append(found)


def order_matrix(number: str, statements: Sequence[Statement]) -> Matrix:
    """Lay the documents of one order beside it; ``statements`` are in the order of time, and all of them count."""
    reading = _Reading(number)
    refused = {
        (answer.document.sequence or "")
        for answer in statements
        if isinstance(answer.document, OrderChangeAcknowledgment) and _refuses(answer.document)
    }
    for one in statements:
        if isinstance(one.document, Order):
            _order(reading, one.document)
    for one in statements:
        if isinstance(one.document, OrderChange) and (one.document.sequence or "") not in refused:
            _change(reading, one.document)
    for one in statements:
        match one.document:
            case OrderAcknowledgment() | OrderChangeAcknowledgment():
                _acknowledgment(reading, one, one.document)
            case ShipNotice():
                _ship_notice(reading, one, one.document)
            case Invoice():
                _invoice(reading, one, one.document)
    _compare(reading)
    return _result(reading)


# -- the order and its changes ---------------------------------------------------------------------------------


def _order(reading: _Reading, order: Order) -> None:
    purpose = str(order.purpose or "original")
    if purpose == _CANCELLED:
        reading.cancelled = True
        return
    is_release = reading.header is not None and order.release != reading.header.release
    if not is_release:
        reading.book.lines.clear()  # a later order of the same number takes the place of the earlier one
    reading.known, reading.header = True, order
    for line in order.lines:
        reading.book.add(line)


def _change(reading: _Reading, change: OrderChange) -> None:
    purpose = str(change.purpose or "change")
    if purpose == _CANCELLED:
        reading.cancelled = True
        for line in reading.book.lines:
            line.ordered = _NOTHING
        return
    if purpose == "replace":
        reading.book.lines.clear()
    reading.header = reading.header or change
    for changed in change.lines:
        _changed_line(reading.book, changed, replaces=purpose == "replace")


def _changed_line(book: OrderBook, line: ChangedLine, *, replaces: bool) -> None:
    what = str(line.change or "change")
    found = None if replaces or what == "add" else book.find(line.line_id, line.item_ids)
    if found is None:
        if what not in _DELETED:
            book.add(line)
        return
    if what in _DELETED:
        found.ordered, found.deleted = _NOTHING, True
        return
    found.ordered = line.quantity if line.quantity is not None else found.ordered
    found.unit = line.unit or found.unit
    found.price = line.price if line.price is not None else found.price


# -- what the seller says --------------------------------------------------------------------------------------


def _refuses(answer: OrderAcknowledgment | OrderChangeAcknowledgment) -> bool:
    return str(answer.outcome or "").startswith("rejected")


def _acknowledgment(reading: _Reading, one: Statement, answer: OrderAcknowledgment | OrderChangeAcknowledgment) -> None:
    if isinstance(answer, OrderChangeAcknowledgment) and _refuses(answer):
        return
    outcome = str(answer.outcome or "")
    if not answer.lines and outcome not in ("received", "held", ""):
        status: PartStatus = "rejected" if _refuses(answer) else "accepted"
        for line in reading.book.lines:
            line.parts = (Part(status, line.ordered, outcome),)
        return
    for stated in answer.lines:
        found = reading.book.find(stated.line_id, stated.item_ids)
        if found is None:
            found = reading.book.strange(stated.line_id, stated.item_ids, stated.unit)
            reading.tell(found, "unknown_line", f"{found.name} was acknowledged, but it was not ordered.", one.id)
        found.parts = tuple(_parts(stated, found))
        found.acknowledged = sum((part.quantity or _NOTHING for part in found.parts), _NOTHING)
        found.acknowledged_price = stated.price
        _compare_price(reading, found, stated.price, stated.unit, one, "acknowledged")
    reading.quantity_limit["acknowledged"] = Decimal(str(one.tolerances.quantity_percent))


def _parts(stated: AcknowledgedLine | ChangedLine, line: OrderedLine) -> Iterator[Part]:
    if not stated.acknowledgments:
        yield Part("accepted", _quantity(stated.quantity, stated.unit, line), "accepted")
    for entry in stated.acknowledgments:
        word = str(entry.status or "accepted")
        yield Part(_status_of(word), _answered(entry, stated, line), word, entry.date)


def _status_of(word: str) -> PartStatus:
    return "rejected" if word.startswith("rejected") else _STATUS.get(word, "accepted")


def _answered(entry: LineAcknowledgment, stated: AcknowledgedLine | ChangedLine, line: OrderedLine) -> Decimal | None:
    if entry.quantity is not None:
        return _quantity(entry.quantity, entry.unit or stated.unit, line)
    whole = _quantity(stated.quantity, stated.unit, line)
    return whole if whole is not None else line.ordered


def _quantity(quantity: Decimal | None, unit: str | None, line: OrderedLine) -> Decimal | None:
    return None if quantity is None else in_unit(quantity, unit, line)


# -- shipments and invoices ------------------------------------------------------------------------------------


def units_of_order(notice: ShipNotice, number: str) -> Iterator[Unit]:
    """The item units of a ship notice that are for this order; all of them when it names no order at all."""
    named = any(unit.order is not None and unit.order.number for unit in notice.walk())
    yield from _items(notice.units, None if named else number, number)


def _items(units: Sequence[Unit], around: str | None, number: str) -> Iterator[Unit]:
    for unit in units:
        here = unit.order.number if unit.order is not None and unit.order.number else around
        here = unit.item_id("order_number") or here
        if here == number and unit.shipped is not None:
            yield unit
        yield from _items(unit.units, here, number)


def _ship_notice(reading: _Reading, one: Statement, notice: ShipNotice) -> None:
    if str(notice.purpose or "") == _CANCELLED:
        return
    reading.notices += 1
    reading.quantity_limit["shipped"] = Decimal(str(one.tolerances.quantity_percent))
    for unit in units_of_order(notice, reading.number):
        line_id = (unit.order.line_id if unit.order is not None else None) or unit.line_id
        found = reading.book.find(line_id, unit.item_ids, "shipped")
        if found is None:
            found = reading.book.strange(unit.line_id, unit.item_ids, unit.unit)
            reading.tell(found, "unknown_line", f"{found.name} was shipped, but it was not ordered.", one.id)
        quantity = in_unit(unit.shipped or _NOTHING, unit.unit, found)
        if quantity is None:
            _units_differ(reading, found, unit.unit, "shipped", one)
        else:
            found.shipped += quantity
    _compare_dates(reading, one, notice)


def order_number_of(line: InvoiceLine, invoice: Invoice) -> str | None:
    """The order that a line of an invoice belongs to: its own, else the invoice's (BIG04)."""
    return line.order_number or line.item_id("order_number") or invoice.order_number


def _invoice(reading: _Reading, one: Statement, invoice: Invoice) -> None:
    if str(invoice.purpose or "") == _CANCELLED:
        return
    sign = -1 if invoice.is_credit else 1
    reading.quantity_limit["invoiced"] = Decimal(str(one.tolerances.quantity_percent))
    for line in invoice.lines:
        if order_number_of(line, invoice) != reading.number:
            continue
        found = reading.book.find(line.item_id("order_line") or line.line_id, line.item_ids, "invoiced")
        if found is None:
            found = reading.book.strange(line.line_id, line.item_ids, line.unit)
            reading.tell(found, "unknown_line", f"{found.name} was invoiced, but it was not ordered.", one.id)
        quantity = in_unit(line.quantity or _NOTHING, line.unit, found)
        if quantity is None:
            _units_differ(reading, found, line.unit, "invoiced", one)
        else:
            found.invoiced += sign * quantity
        reading.invoiced_total += sign * (line.amount or _NOTHING)
        if not invoice.is_credit:
            found.invoiced_price = line.price
            _compare_price(reading, found, line.price, line.unit, one, f"invoiced ({invoice.number})")
    _compare_currency(reading, one, invoice)
    _compare_total(reading, one, invoice)


# -- comparing -------------------------------------------------------------------------------------------------


def _units_differ(reading: _Reading, line: OrderedLine, unit: str | None, what: str, one: Statement) -> None:
    sentence = f"{line.name} was ordered in {line.unit} and {what} in {unit}: the quantities cannot be compared."
    reading.tell(line, "unit", sentence, one.id)


def _compare_price(
    reading: _Reading, line: OrderedLine, price: Decimal | None, unit: str | None, one: Statement, what: str
) -> None:
    if price is None or line.price is None or in_unit(Decimal(1), unit, line) != 1:
        return
    allowed = abs(line.price) * Decimal(str(one.tolerances.price_percent)) / 100
    if abs(price - line.price) > allowed:
        sentence = f"{line.name} was {what} at {price_text(price)} each, ordered at {price_text(line.price)}."
        reading.tell(line, "price", sentence, one.id)


def _compare_currency(reading: _Reading, one: Statement, invoice: Invoice) -> None:
    ours = reading.header.currency if reading.header is not None else None
    if ours and invoice.currency and ours != invoice.currency:
        sentence = f"Invoice {invoice.number} is in {invoice.currency}, the order in {ours}."
        reading.tell(None, "currency", sentence, one.id)


def _compare_total(reading: _Reading, one: Statement, invoice: Invoice) -> None:
    """The stated total of an invoice beside what its parts add up to, where every part states its amount."""
    stated = invoice.totals.total if invoice.totals is not None else None
    entries = chain(invoice.allowances_charges, *(line.allowances_charges for line in invoice.lines))
    counted = {"allowance", "charge"}
    if stated is None or any(str(e.indicator or "") in counted and e.amount is None for e in entries):
        return
    if any(line.amount is None for line in invoice.lines):
        return
    computed = invoice.computed_total()
    # Half a cent is rounding, not a difference.
    if abs(stated - computed) > Decimal(str(one.tolerances.total_amount)) + Decimal("0.005"):
        said, made = price_text(stated), price_text(computed)
        sentence = f"Invoice {invoice.number} says that its total is {said}; its parts make {made}."
        reading.tell(None, "total", sentence, one.id)


def _compare_dates(reading: _Reading, one: Statement, notice: ShipNotice) -> None:
    last, shipped = (reading.header.cancel_after if reading.header is not None else None), notice.shipped_date
    if last is None or shipped is None or (shipped - last).days <= one.tolerances.date_days:
        return
    days = (shipped - last).days
    sentence = (
        f"Shipment {notice.number} left on {shipped}, {days} {'day' if days == 1 else 'days'} after the last day "
        f"that the order allows ({last})."
    )
    reading.tell(None, "date", sentence, one.id)


def _compare(reading: _Reading) -> None:
    """What only shows when every document was read: quantities that went beyond."""
    for line in reading.book.lines:
        if line.ordered is None:
            continue
        for counter, word in (("acknowledged", "acknowledged"), ("shipped", "shipped"), ("invoiced", "invoiced")):
            more = _beyond(reading, getattr(line, counter), line.ordered, counter)
            if more:
                sentence = f"{line.name}: {plain(more)} {line.unit or ''} more {word} than ordered.".replace("  ", " ")
                reading.tell(line, f"over_{word}", sentence)
        more = _beyond(reading, line.invoiced, line.shipped, "invoiced") if reading.notices else None
        if more and line.invoiced <= line.ordered:
            sentence = f"{line.name}: {plain(more)} {line.unit or ''} more invoiced than shipped.".replace("  ", " ")
            reading.tell(line, "over_invoiced", sentence)


def _beyond(reading: _Reading, found: Decimal, limit: Decimal, counter: str) -> Decimal | None:
    percent = reading.quantity_limit.get(counter, _NOTHING)
    return found - limit if found > limit * (1 + percent / 100) else None


# -- the result ------------------------------------------------------------------------------------------------


def _result(reading: _Reading) -> Matrix:
    header = reading.header
    lines = tuple(_line(reading, line) for line in reading.book.lines)
    known = [line for line in lines if line.ordered is not None]
    whole = bool(known) and all(line.price is not None for line in known)
    return Matrix(
        number=reading.number,
        lines=lines,
        differences=tuple(reading.differences),
        currency=header.currency if header is not None else None,
        ordered_total=sum((line.ordered * line.price for line in known), _NOTHING) if whole else None,  # type: ignore[operator]
        invoiced_total=reading.invoiced_total,
        ship_by=header.requested_ship_date if header is not None else None,
        deliver_by=header.requested_delivery_date if header is not None else None,
        cancel_after=header.cancel_after if header is not None else None,
        known=reading.known,
        cancelled=reading.cancelled,
        shipped=reading.notices > 0,
        order=header,
    )


def _line(reading: _Reading, line: OrderedLine) -> MatrixLine:
    rejected = line.of("rejected")
    wanted = _NOTHING if line.ordered is None or reading.cancelled else max(line.ordered - rejected, _NOTHING)
    billable = line.shipped if reading.notices else wanted
    return MatrixLine(
        line_id=line.line_id,
        item=line.item,
        description=line.description,
        unit=line.unit,
        ordered=line.ordered,
        original=line.original if line.original != line.ordered else None,
        price=line.price,
        parts=line.parts,
        accepted=line.of("accepted") + line.of("changed"),
        backordered=line.of("backordered"),
        rejected=rejected,
        acknowledged_price=line.acknowledged_price,
        shipped=line.shipped,
        invoiced=line.invoiced,
        invoiced_price=line.invoiced_price,
        to_ship=max(wanted - line.shipped, _NOTHING),
        to_invoice=max(billable - line.invoiced, _NOTHING),
        differences=tuple(reading.of_lines.get(id(line), ())),
        source=line.source,
    )
