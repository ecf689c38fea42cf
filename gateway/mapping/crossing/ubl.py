"""What a UBL document asks for and a document of another standard may lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.documents import (
    Declaration,
    Document,
    InventoryAdvice,
    Invoice,
    OrderAcknowledgment,
    OrderChange,
    ShipNotice,
    Unit,
)
from gateway.documents.base import Code
from gateway.documents.commerce import AllowanceCharge
from gateway.documents.goods import Description
from gateway.documents.quantities import Quantity
from gateway.mapping.crossing.amounts import add_invoice_amounts, add_tax_totals, fill_currency, price_by_base, to_cents
from gateway.mapping.crossing.parties import add_parties
from gateway.mapping.crossing.sets import is_refusal
from gateway.mapping.crossing.values import CrossingHints, Report

__all__ = ["to_ubl"]

_VERSION: Final = "2.1"
#: Indicators that cbc:ChargeIndicator can say.
_SAID: Final = frozenset({"allowance", "charge"})
#: Sets that must have a line.
_WITH_LINES: Final = frozenset({"Order", "OrderChange", "Invoice", "CreditNote", "InventoryReport"})


def to_ubl(document: Document, set_id: str, hints: CrossingHints, report: Report) -> None:
    """Add and change what the UBL document asks for; in place."""
    _declare(document, hints, report)
    add_parties(document, set_id, hints, report)
    fill_currency(document, hints, report)
    lines: list[Any] = getattr(document, "lines", [])
    if set_id in _WITH_LINES and not lines:
        report.problem("lines", f"{set_id} must have a line, and the document has none.")
    for index, line in enumerate(lines):
        _line(line, index, set_id, report)
    _allowances(document, "", report)
    add_tax_totals(document, "ubl", report)
    step = _STEPS.get(set_id)
    if step is not None:
        step(document, report)


def _declare(document: Document, hints: CrossingHints, report: Report) -> None:
    declared: Declaration | None = getattr(document, "declaration", None)
    wanted = {"version": _VERSION, "customization": hints.customization, "profile": hints.profile}
    declaration = declared if declared is not None else Declaration()
    for name, value in wanted.items():
        if value is not None and getattr(declaration, name) is None:
            setattr(declaration, name, value)
            report.assumed(f"declaration.{name}", f"{value} is what this document follows.")
    document.declaration = declaration


def _line(line: Any, index: int, set_id: str, report: Report) -> None:
    path = f"lines[{index}]"
    if "price_basis" in type(line).model_fields:
        price_by_base(line, path, report)
        _allowances(line, f"{path}.", report)
    number = "position" if set_id in {"Invoice", "CreditNote"} else "line_id"
    if getattr(line, number) is None:
        setattr(line, number, str(index + 1))
        report.assumed(f"{path}.{number}", f"every line has a number; this one gets {index + 1}.")
    _item(line, path, report)


def _item(owner: Any, path: str, report: Report) -> None:
    """Every line has an item, be it only a name."""
    if any(getattr(owner, name) for name in ("item_ids", "descriptions", "properties", "packs")):
        return
    text = f"Line {owner.line_id or owner.position}"
    report.assumed(f"{path}.descriptions[0]", f'the item is neither named nor numbered; "{text}" is written.')
    kind, about = Code(value="free_form"), Code(value="product")
    owner.descriptions = [Description(type=kind, characteristic=about, text=text)]


def _allowances(owner: Any, where: str, report: Report) -> None:
    """Only allowances and charges with an amount can be said."""
    entries: list[AllowanceCharge] | None = getattr(owner, "allowances_charges", None)
    if not entries:
        return
    kept: list[AllowanceCharge] = []
    for index, entry in enumerate(entries):
        path = f"{where}allowances_charges[{index}]"
        _amount(entry, owner, path, report)
        if str(entry.indicator or "") not in _SAID:
            report.not_carried(path, "UBL knows allowances and charges only", entry.indicator)
        elif entry.amount is None:
            report.not_carried(path, "it states no amount, which UBL asks for", entry.description or entry.service)
        else:
            kept.append(entry)
    owner.allowances_charges = kept


def _amount(entry: AllowanceCharge, owner: Any, path: str, report: Report) -> None:
    """The amount that a rate or percentage comes to, where it can be told."""
    if entry.amount is not None:
        return
    base = entry.base if entry.base is not None else getattr(owner, "amount", None)
    quantity = entry.quantity if entry.quantity is not None else getattr(owner, "quantity", None)
    if entry.percent is not None and base is not None:
        entry.amount = to_cents(base * entry.percent / 100)
    elif entry.rate is not None and quantity is not None:
        entry.amount = to_cents(entry.rate * quantity)
    if entry.amount is not None:
        report.assumed(f"{path}.amount", f"{entry.amount} is what the rate or percentage comes to.")


def _response(document: Document, report: Report) -> None:
    if not isinstance(document, OrderAcknowledgment):
        return
    if document.response_number is None:
        document.response_number = document.seller_order_number or document.number
        report.assumed(
            "response_number", f"the answer has no number of its own; {document.response_number} is written."
        )
    if document.issue_date is None:
        document.issue_date = document.order_date
        report.assumed("issue_date", "the answer has no date; that of the order is written.")


def _simple(document: Document, report: Report) -> None:
    if not isinstance(document, OrderAcknowledgment):
        return
    word = "rejected" if is_refusal(document.outcome) else "accepted"
    report.changed("outcome", f'"{document.outcome}" is written as {word}, yes or no')
    document.outcome = Code(value=word)
    _response(document, report)


def _change(document: Document, report: Report) -> None:
    if not isinstance(document, OrderChange):
        return
    if document.sequence is None:
        document.sequence = "1"
        report.assumed("sequence", "a change has a sequence number; 1 is written.")
    if document.change_number is None:
        document.change_number = f"{document.number}-{document.sequence}"
        report.assumed("change_number", f"the change has no number of its own; {document.change_number} is written.")
    _change_date(document, report)


def _change_date(document: OrderChange, report: Report) -> None:
    if document.issue_date is None:
        document.issue_date = document.order_date
        report.assumed("issue_date", "the change has no date; that of the order is written.")


def _cancellation(document: Document, report: Report) -> None:
    if not isinstance(document, OrderChange):
        return
    if document.change_number is None:
        document.change_number = document.number
        report.assumed("change_number", f"the cancellation has no number of its own; {document.number} is written.")
    if document.cancel_text is None:
        document.cancel_text = "The order is cancelled."
        report.assumed("cancel_text", "UBL asks for a reason in words; a sentence is written that says no more.")
    _change_date(document, report)


def _invoice(document: Document, report: Report) -> None:
    if not isinstance(document, Invoice):
        return
    for index, line in enumerate(document.lines):
        if line.line_id is None and (line.order_number or line.seller_line_id):
            line.line_id = line.position
            report.assumed(f"lines[{index}].line_id", f"the line of the order is not said; {line.position} is written.")
    add_invoice_amounts(document, report)


def _despatch(document: Document, report: Report) -> None:
    if not isinstance(document, ShipNotice):
        return
    items = [unit for unit in document.walk() if unit.level is not None and unit.level.value == "item"]
    if not items:
        report.problem("units", "DespatchAdvice must have an item, and the document has none.")
    for number, (path, unit) in enumerate(_items(document.units, "units"), 1):
        if unit.position is None:
            unit.position = str(number)
            report.assumed(f"{path}.position", f"every line has a number of its own; this one gets {number}.")
        if unit.line_id is None:
            unit.line_id = unit.status_line_id or unit.position
            report.assumed(f"{path}.line_id", f"the line of the order is not said; {unit.line_id} is written.")
        _item(unit, path, report)


def _items(units: list[Unit], path: str) -> list[tuple[str, Unit]]:
    found: list[tuple[str, Unit]] = []
    for index, unit in enumerate(units):
        where = f"{path}[{index}]"
        if unit.level is not None and unit.level.value == "item":
            found.append((where, unit))
        found += _items(unit.units, f"{where}.units")
    return found


def _inventory(document: Document, report: Report) -> None:
    if not isinstance(document, InventoryAdvice):
        return
    for index, line in enumerate(document.lines):
        if line.quantity_of("on_hand") is None:
            known = line.quantity_of("available", "available_now", "total_units")
            path = f"lines[{index}].quantities[{len(line.quantities)}]"
            report.assumed(path, f"the quantity on hand is not said; {known or 0} is written.")
            unit = line.quantities[0].unit if line.quantities else None
            line.quantities.append(Quantity(type="on_hand", quantity=known or Decimal(0), unit=unit))


_STEPS: Final[Mapping[str, Callable[[Document, Report], None]]] = {
    "OrderResponse": _response,
    "OrderResponseSimple": _simple,
    "OrderChange": _change,
    "OrderCancellation": _cancellation,
    "Invoice": _invoice,
    "CreditNote": _invoice,
    "DespatchAdvice": _despatch,
    "InventoryReport": _inventory,
}
