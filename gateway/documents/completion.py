"""Fill in what a standard demands and another one leaves to be computed: line numbers, net amounts, totals, parties.

X12 sends quantities and prices, UBL and cXML also the amounts that follow from them and the parties to whom it is
plain. `completed` adds what is missing and changes nothing that is there, so that a document from X12 can be written
as XML and the other way round. Amounts are rounded half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from gateway.documents.base import DocumentModel
from gateway.documents.codec import Document
from gateway.documents.commerce import AllowanceCharge, PaymentTerms, Tax
from gateway.documents.inventory_advice import InventoryAdvice
from gateway.documents.invoice import Invoice, InvoiceLine, InvoiceTotals
from gateway.documents.lines import Line
from gateway.documents.order import AcknowledgedLine, Order, OrderAcknowledgment, OrderChange, OrderChangeAcknowledgment
from gateway.documents.parties import Party, party_of
from gateway.documents.ship_notice import ShipNotice, Unit

__all__ = ["Defaults", "completed"]

_NOTHING = Decimal(0)
_AnyLine = TypeVar("_AnyLine", bound=Line)
_Model = TypeVar("_Model", bound=DocumentModel)
_OrderFamily = Order | OrderAcknowledgment | OrderChange | OrderChangeAcknowledgment

#: A party that every document of a kind needs → parties of the document that stand in for it, best first.
_TRADE = {"buyer": ("sold_to", "bill_to", "ordered_by", "ship_to"), "seller": ("remit_to", "ship_from")}
_BILLING = {"bill_to": ("sold_to", "buyer", "ship_to"), "seller": ("remit_to", "ship_from")}
_SHIPPING = {"ship_from": ("seller", "vendor", "supplier", "shipper"), "ship_to": ("delivery_address", "buyer")}
_STOCK = {"buyer": ("ship_to",), "warehouse": ("ship_from", "seller", "vendor", "supplier")}
#: Other names of a party that make it present.
_SAME = {"seller": ("seller", "vendor", "supplier")}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is known of the trade beside the document."""

    #: Currency of the partner, for a document that names none.
    currency: str | None = None
    #: Decimals of an amount in that currency.
    decimals: int = 2
    #: Parties for those that the document leaves out, known by their `type`.
    parties: tuple[Party, ...] = ()

    @property
    def cent(self) -> Decimal:
        """The smallest amount."""
        return Decimal(1).scaleb(-self.decimals)


def completed(document: Document, defaults: Defaults | None = None) -> Document:
    """The document with what can be derived, or is in the defaults, and is missing.

    Lines get a number, a net amount and the sum of their taxes; an invoice also its totals and the day its terms mean;
    a response and a change the number of the message itself, for which they take the seller's order number or the
    order's; documents of the trade the two parties without which XML does not go.
    """
    known = defaults if defaults is not None else Defaults()
    if "currency" in type(document).model_fields:
        document = _filled(document, currency=known.currency)
    if isinstance(document, Invoice):
        return _invoice(document, known)
    if isinstance(document, ShipNotice):
        return document.model_copy(update={"units": _units(document.units, known, [0])})
    if isinstance(document, _OrderFamily):
        return _order(document, known)
    if isinstance(document, InventoryAdvice):
        lines = [_filled(line, line_id=str(number)) for number, line in enumerate(document.lines, 1)]
        parties = _with_parties(document.parties, _STOCK, known.parties)
        return document.model_copy(update={"lines": lines, "parties": parties})
    return document


# -- invoices ------------------------------------------------------------------------------------------------


def _invoice(invoice: Invoice, known: Defaults) -> Invoice:
    lines = [_invoice_line(line, number, known.cent) for number, line in enumerate(invoice.lines, 1)]
    tax_total = _first(invoice.tax_total, _sum_of_taxes(invoice.taxes, known.cent))
    update = {
        "lines": lines,
        "totals": _totals(invoice, lines, tax_total),
        "payment_terms": [_dated(entry, invoice.issue_date) for entry in invoice.payment_terms],
        "parties": _with_parties(invoice.parties, _BILLING, known.parties),
    }
    return _filled(invoice, tax_total=tax_total).model_copy(update=update)


def _totals(invoice: Invoice, lines: Sequence[InvoiceLine], tax_total: Decimal | None) -> InvoiceTotals:
    net = sum((line.net_amount or _NOTHING for line in lines), _NOTHING)
    allowances, charges = _sums(invoice.allowances_charges)
    given = invoice.totals or InvoiceTotals()
    before = net - allowances + charges
    total = _first(given.total, before + (tax_total or _NOTHING))
    return _filled(
        given,
        lines=net,
        allowances=allowances or None,
        charges=charges or None,
        tax_exclusive=before,
        total=total,
        payable=total - (given.prepaid or _NOTHING) + (given.rounding or _NOTHING),
    )


def _dated(terms: PaymentTerms, invoiced: date | None) -> PaymentTerms:
    """Terms that count days from the invoice, with the day on which they end."""
    basis = str(terms.basis or "invoice_date")
    if invoiced is None or terms.net_days is None or basis != "invoice_date":
        return terms
    return _filled(terms, net_date=invoiced + timedelta(days=terms.net_days))


def _invoice_line(line: InvoiceLine, number: int, cent: Decimal) -> InvoiceLine:
    inner = [_invoice_line(part, place, cent) for place, part in enumerate(line.lines, 1)]
    filled = _filled(_line(line, cent), position=str(number))
    return filled.model_copy(update={"lines": inner}) if inner else filled


# -- lines ---------------------------------------------------------------------------------------------------


def _line(line: _AnyLine, cent: Decimal) -> _AnyLine:
    """A line of any document with its net amount and the sum of its taxes."""
    return _filled(line, net_amount=_net(line, cent), tax_total=_sum_of_taxes(line.taxes, cent))


def _net(line: Line, cent: Decimal) -> Decimal | None:
    amount = line.amount
    if amount is None:
        return None
    allowances, charges = _sums(line.allowances_charges)
    return (amount - allowances + charges).quantize(cent, ROUND_HALF_UP)


def _sums(entries: Iterable[AllowanceCharge]) -> tuple[Decimal, Decimal]:
    """Sum of the allowances and sum of the charges."""
    found = {"allowance": _NOTHING, "charge": _NOTHING}
    for entry in entries:
        word = str(entry.indicator or "")
        if word in found:
            found[word] += entry.amount or _NOTHING
    return found["allowance"], found["charge"]


def _sum_of_taxes(taxes: Sequence[Tax], cent: Decimal) -> Decimal | None:
    amounts = [tax.amount for tax in taxes if tax.amount is not None]
    return sum(amounts, _NOTHING).quantize(cent, ROUND_HALF_UP) if amounts else None


# -- orders and ship notices ---------------------------------------------------------------------------------


def _order(document: _OrderFamily, known: Defaults) -> Document:
    lines = [_filled(_line(line, known.cent), line_id=str(number)) for number, line in enumerate(document.lines, 1)]
    update: dict[str, Any] = {"lines": lines, "parties": _with_parties(document.parties, _TRADE, known.parties)}
    if isinstance(document, OrderAcknowledgment):
        update["lines"] = [_as_ordered(line) for line in lines if isinstance(line, AcknowledgedLine)]
        update["response_number"] = document.response_number or document.seller_order_number or document.number
    if isinstance(document, OrderChange):
        update["change_number"] = document.change_number or document.sequence or document.number
        update["sequence"] = document.sequence or "1"
    return _filled(document, tax_total=_sum_of_taxes(document.taxes, known.cent)).model_copy(update=update)


def _as_ordered(line: AcknowledgedLine) -> AcknowledgedLine:
    """The parts of an answered line add up to what was ordered."""
    parts = [(part.quantity, part.unit) for part in line.acknowledgments if part.quantity is not None]
    units = {unit for _, unit in parts}
    if len(units) != 1:
        return line
    return _filled(line, quantity=sum((quantity for quantity, _ in parts), _NOTHING), unit=units.pop())


def _units(units: Sequence[Unit], known: Defaults, last: list[int]) -> list[Unit]:
    """The tree with its parties, and a number for every item, counted through the whole notice."""
    found = []
    for unit in units:
        level = str(unit.level or "")
        update: dict[str, Any] = {"units": _units(unit.units, known, last)} if unit.units else {}
        if level == "shipment":
            update["parties"] = _with_parties(unit.parties, _SHIPPING, known.parties)
        if level == "item":
            last[0] += 1
            update["position"] = unit.position or str(last[0])
        found.append(unit.model_copy(update=update) if update else unit)
    return found


# -- parties -------------------------------------------------------------------------------------------------


def _with_parties(
    parties: Sequence[Party], needed: Mapping[str, tuple[str, ...]], others: Sequence[Party]
) -> list[Party]:
    """The parties, and those needed: as given beside the document, else a party of it that stands in."""
    found = list(parties)
    for wanted, stand_ins in needed.items():
        if party_of(parties, *_SAME.get(wanted, (wanted,))) is None:
            party = party_of(others, wanted) or party_of(parties, *stand_ins)
            if party is not None:
                found.append(party.model_copy(update={"type": wanted, "code": None, "anchor": None}))
    return found


# -- filling -------------------------------------------------------------------------------------------------


def _first(given: Decimal | None, derived: Any) -> Any:
    return derived if given is None else given


def _filled(value: _Model, **derived: Any) -> _Model:
    """The object with the values that it lacks."""
    missing = {name: item for name, item in derived.items() if item is not None and getattr(value, name) is None}
    return value.model_copy(update=missing) if missing else value
