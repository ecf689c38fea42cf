"""Papers of an order for people: the readable purchase order, and the packing slip of one shipment. Pure values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.documents import ShipNotice, Unit
from gateway.documents.order import OrderHeader
from gateway.documents.parties import Party
from gateway.messages.orderlines import OrderBook, OrderedLine, plain
from gateway.messages.ordermatrix import Matrix, MatrixLine

__all__ = ["order_paper", "packing_slip"]

#: Parties that a paper names, in this order, and what they are called on it.
_PARTIES = (
    ("buyer", "Buyer"),
    ("bill_to", "Bill to"),
    ("ship_to", "Ship to"),
    ("mark_for", "Mark for"),
    ("seller", "Seller"),
    ("vendor", "Seller"),
    ("ship_from", "Ship from"),
)
_NOTHING = Decimal(0)

Json = dict[str, Any]


def order_paper(matrix: Matrix) -> Json:
    """The purchase order as it stands, changes applied: parties, terms, lines, total and notes."""
    header = matrix.order
    return {
        "paper": "order",
        "number": matrix.number,
        "date": _day(header.issue_date if header is not None else None),
        "parties": _parties(header.parties if header is not None else []),
        "terms": list(_terms(matrix)),
        "lines": [_order_line(line) for line in matrix.lines if line.ordered is not None],
        "currency": matrix.currency,
        "total": None if matrix.ordered_total is None else format(matrix.ordered_total, "f"),
        "notes": [" ".join(note.text) for note in header.notes if note.text] if header is not None else [],
        "cancelled": matrix.cancelled,
    }


def packing_slip(matrix: Matrix, notice: ShipNotice, units: Sequence[Unit]) -> Json:
    """What is in one shipment for this order: packages, lines with ordered, shipped and still to come.

    ``units`` are the item units of the notice that are for the order.
    """
    shipment = next(iter(notice.units), None)
    parties = list(shipment.parties) if shipment is not None else []
    named = {party.type for party in parties}
    ordered_for = matrix.order.parties if matrix.order is not None else []
    parties += [party for party in ordered_for if party.type == "ship_to" and "ship_to" not in named]
    return {
        "paper": "slip",
        "cancelled": False,
        "number": matrix.number,
        "shipment": notice.number,
        "date": _day(notice.shipped_date or notice.issue_date),
        "parties": _parties(parties),
        "terms": list(_shipping(notice)),
        "packages": [{"code": code, "lines": lines} for code, lines in _packages(notice, units)],
        "lines": [_slip_line(line, shipped) for line, shipped in _shipped(matrix, units)],
        "notes": [" ".join(note.text) for note in notice.notes if note.text],
    }


# -- lines -----------------------------------------------------------------------------------------------------


def _order_line(line: MatrixLine) -> Json:
    amount = None if line.ordered is None or line.price is None else line.ordered * line.price
    return {
        "line_id": line.line_id,
        "item": line.item,
        "description": line.description,
        "quantity": plain(line.ordered),
        "unit": line.unit,
        "price": None if line.price is None else format(line.price, "f"),
        "amount": None if amount is None else format(amount, "f"),
    }


def _shipped(matrix: Matrix, units: Sequence[Unit]) -> list[tuple[MatrixLine | None, Json]]:
    """Each line of the slip: the line of the order, and what the shipment holds of it."""
    book = OrderBook()
    lines: dict[int, MatrixLine] = {}
    for line in matrix.lines:
        ids = list(line.source.item_ids) if line.source is not None else []
        made = OrderedLine(line.line_id, ids, line.description, line.unit, line.ordered, line.price)
        book.lines.append(made)
        lines[id(made)] = line
    found: dict[int, tuple[MatrixLine | None, Json]] = {}
    for unit in units:
        known = book.find(unit.line_id, unit.item_ids)
        key = id(known) if known is not None else id(unit)
        item = next((entry.value for entry in unit.item_ids if entry.value), "")
        entry = found.setdefault(
            key, (lines.get(key), {"shipped": _NOTHING, "unit": unit.unit, "item": item, "line_id": unit.line_id})
        )
        entry[1]["shipped"] += unit.shipped or _NOTHING
    return list(found.values())


def _slip_line(line: MatrixLine | None, shipped: Json) -> Json:
    return {
        "line_id": line.line_id if line is not None else shipped["line_id"],
        "item": line.item if line is not None else shipped["item"],
        "description": line.description if line is not None else None,
        "ordered": plain(line.ordered) if line is not None else "",
        "shipped": plain(shipped["shipped"]),
        "to_come": plain(line.to_ship) if line is not None else "",
        "unit": shipped["unit"],
    }


def _packages(notice: ShipNotice, units: Sequence[Unit]) -> Iterator[tuple[str, int]]:
    """(SSCC or other mark, number of lines in it) of every package that holds something of the order."""
    wanted = {id(unit) for unit in units}
    for unit in notice.walk():
        code = unit.sscc or next((mark.value for mark in unit.marks if mark.value), None)
        inside = sum(1 for part in unit.walk() if id(part) in wanted)
        if code and inside:
            yield code, inside


# -- around them -----------------------------------------------------------------------------------------------


def _terms(matrix: Matrix) -> Iterator[tuple[str, str]]:
    header = matrix.order
    for words, day in (
        ("Ship by", matrix.ship_by),
        ("Deliver by", matrix.deliver_by),
        ("Cancel after", matrix.cancel_after),
    ):
        if day is not None:
            yield words, day.isoformat()
    if header is None:
        return
    yield from _header_terms(header)


def _header_terms(header: OrderHeader) -> Iterator[tuple[str, str]]:
    for terms in header.payment_terms:
        text = terms.description or (f"net {terms.net_days} days" if terms.net_days else "")
        if text:
            yield "Payment", text
    for freight in header.freight_terms:
        if freight.payer is not None:
            yield "Freight", str(freight.payer).replace("_", " ")
    for carrier in (entry.carrier or entry.routing for entry in header.routing):
        if carrier:
            yield "Carrier", carrier
    for words, value in (("Department", header.department), ("Vendor number", header.vendor_number)):
        if value:
            yield words, value


def _shipping(notice: ShipNotice) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for unit in notice.walk():
        pairs = [("Carrier", entry.carrier or entry.routing) for entry in unit.routing]
        pairs.append(("Bill of lading", unit.reference("bill_of_lading")))
        pairs.append(("Tracking", unit.reference("tracking_number", "carrier_reference")))
        pairs += [("Packages", str(load.count)) for load in unit.loads if load.count]
        for words, value in pairs:
            if value and (words, value) not in seen:
                seen.add((words, value))
                yield words, value


def _parties(parties: Sequence[Party]) -> list[Json]:
    found = []
    for type_, words in _PARTIES:
        found += [{"role": words, "lines": list(_address(party))} for party in parties if party.type == type_]
    return found


def _address(party: Party) -> Iterator[str]:
    yield from filter(None, [party.name, *party.names])
    address = party.address
    if address is not None:
        yield from filter(None, address.lines)
        place = " ".join(filter(None, [address.city, address.region, address.postcode]))
        yield from filter(None, [place, address.country])
    yield from (f"{(entry.scheme or '').replace('_', ' ')} {entry.value}".strip() for entry in party.ids if entry.value)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
