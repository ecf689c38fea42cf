"""Prices and amounts as XML documents state them: for one unit or a stated number, with the amount of every line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from gateway.documents import Document, Invoice, InvoiceTotals, PriceBase
from gateway.documents.base import Code
from gateway.documents.commerce import AllowanceCharge, Tax
from gateway.documents.lines import Line
from gateway.mapping.crossing.foreign import models_in, tables_of
from gateway.mapping.crossing.values import CrossingHints, Report

__all__ = ["ZERO", "add_invoice_amounts", "add_tax_totals", "fill_currency", "line_amount", "price_by_base", "to_cents"]

ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_TEN_PLACES: Final = Decimal("0.0000000001")
#: How many units a price is for, by the basis of X12 (element 639); one where it is not here.
BASES: Final[Mapping[str, int]] = {"per_dozen": 12, "per_hundred": 100, "per_thousand": 1000}


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to the hundredth."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def fill_currency(document: Document, hints: CrossingHints, report: Report) -> None:
    """The currency of the amounts, which XML asks for beside each; in place."""
    if "currency" not in type(document).model_fields or getattr(document, "currency", None):
        return
    if hints.currency is None:
        message = (
            "XML names the currency beside every amount, and the document names none. "
            "Fill it in, set xml.currency in the partner's profile, or give --currency to `gateway convert`."
        )
        report.problem("currency", message)
        return
    report.assumed("currency", f"the document names no currency; {hints.currency} is taken, as the profile says.")
    document.currency = hints.currency  # type: ignore[union-attr]


def price_by_base(line: Line, path: str, report: Report) -> None:
    """A price for a dozen, hundred or thousand as a price with its base quantity; in place."""
    basis = line.price_basis.value if line.price_basis is not None else None
    count = BASES.get(basis or "")
    if count is None:
        return
    line.price_basis = None
    if line.price is None:
        report.not_carried(f"{path}.price_basis", "there is no price that it speaks of", basis)
        return
    report.changed(f"{path}.price_basis", f'"{basis}" is written as a price for {count} units')
    report.changed(f"{path}.price", f"{line.price} for {count} units is {_each(line.price, count)} for one")
    report.changed(f"{path}.price_base", f"the price is stated for {count} units")
    line.price_base = PriceBase(amount=line.price, quantity=Decimal(count), unit=line.unit)
    line.price = _each(line.price, count)


def _each(amount: Decimal, count: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        each = (amount / count).quantize(_TEN_PLACES, ROUND_HALF_EVEN).normalize()
    return Decimal(format(each, "f"))


def line_amount(line: Line) -> Decimal | None:
    """Quantity times price with the line's own allowances and charges; None when one of them is not said."""
    if line.quantity is None or line.price is None:
        return None
    base = line.price_base
    if base is not None and base.amount is not None and base.quantity:
        amount = line.quantity * base.amount / base.quantity
    else:
        amount = line.quantity * line.price
    return to_cents(amount + signed(line.allowances_charges))


def signed(entries: Iterable[AllowanceCharge]) -> Decimal:
    """Charges less allowances."""
    signs = {"charge": 1, "allowance": -1}
    return sum((signs.get(str(each.indicator or ""), 0) * (each.amount or ZERO) for each in entries), ZERO)


def add_invoice_amounts(invoice: Invoice, report: Report) -> None:
    """The amount of every line and the totals of the invoice, where it does not state them; in place."""
    for index, line in enumerate(invoice.lines):
        if line.net_amount is None:
            line.net_amount = line_amount(line)
            path = f"lines[{index}].net_amount"
            if line.net_amount is None:
                report.problem(path, "the amount of a line is missing, and its quantity or price too. Fill them in.")
                continue
            report.assumed(path, f"{line.net_amount} is quantity times price with what the line adds and takes off.")
    if report.problems:
        return
    totals = invoice.totals if invoice.totals is not None else InvoiceTotals()
    invoice.totals = totals
    computed = _totals(invoice, totals)
    for name, amount in computed.items():
        if getattr(totals, name) is None and (amount or name not in {"allowances", "charges"}):
            setattr(totals, name, amount)
            report.assumed(f"totals.{name}", f"{amount} is what the parts of the invoice add up to.")


def _totals(invoice: Invoice, totals: InvoiceTotals) -> dict[str, Decimal]:
    lines = sum((line.net_amount or ZERO for line in invoice.lines), ZERO)
    allowances = -signed(each for each in invoice.allowances_charges if str(each.indicator or "") == "allowance")
    charges = signed(each for each in invoice.allowances_charges if str(each.indicator or "") == "charge")
    exclusive = totals.tax_exclusive
    if exclusive is None:
        exclusive = (totals.lines or lines) - (totals.allowances or allowances) + (totals.charges or charges)
    total = totals.total if totals.total is not None else exclusive + (invoice.tax_total or ZERO)
    payable = total - (totals.prepaid or ZERO) + (totals.rounding or ZERO)
    return {
        "lines": to_cents(lines),
        "allowances": to_cents(allowances),
        "charges": to_cents(charges),
        "tax_exclusive": to_cents(exclusive),
        "total": to_cents(total),
        "payable": to_cents(payable),
    }


def add_tax_totals(document: Document, standard: str, report: Report) -> None:
    """The sum of the taxes, which XML states above its parts, and a kind for every tax; in place."""
    known = frozenset(tables_of(standard)["tax"].values())
    for path, tax in list(models_in(document)):
        if isinstance(tax, Tax) and (tax.type is None or tax.type.value not in known):
            if tax.type is None:
                report.assumed(f"{path}.type", "the kind of tax is not said; other is written.")
            else:
                report.changed(f"{path}.type", f'"{tax.type}" is written as other')
            tax.type = Code(value="other")
    owners = [("", document), *((f"lines[{i}].", line) for i, line in enumerate(getattr(document, "lines", ())))]
    for where, owner in owners:
        amounts = [tax.amount for tax in getattr(owner, "taxes", ()) if tax.amount is not None]
        if amounts and owner.tax_total is None:
            owner.tax_total = sum(amounts, ZERO)
            report.assumed(f"{where}tax_total", f"{owner.tax_total} is the sum of the taxes.")
