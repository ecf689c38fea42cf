"""What a transaction set of X12 asks for and a document of another standard may lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.documents import (
    Document,
    Invoice,
    InvoiceTotals,
    OrderAcknowledgment,
    OrderChange,
    OrderChangeAcknowledgment,
    ShipNotice,
    Unit,
)
from gateway.documents.base import Code
from gateway.documents.commerce import AllowanceCharge, FreightTerms
from gateway.documents.facts import Contact, Note, Reference
from gateway.documents.goods import ItemId
from gateway.documents.lines import Line
from gateway.documents.parties import Address, Party, PartyId
from gateway.mapping.crossing.amounts import BASES, ZERO, line_amount, signed, to_cents
from gateway.mapping.crossing.fit import fit_to_x12
from gateway.mapping.crossing.foreign import models_in, tables_of
from gateway.mapping.crossing.regions import region_code
from gateway.mapping.crossing.values import CrossingHints, Report

__all__ = ["to_x12"]

_GTINS: Final = {8: "gtin_8", 12: "gtin_12", 13: "gtin_13", 14: "gtin_14"}
_DEFINED: Final = "mutually_defined"
#: Qualifier of X12 for an item number of any other kind (element 235).
_ANY_ITEM: Final = "ZZ"


def to_x12(document: Document, set_id: str, hints: CrossingHints, report: Report) -> None:
    """Add and change what the transaction set asks for; in place."""
    for path, model in list(models_in(document)):
        step = _MODELS.get(type(model))
        if step is None and isinstance(model, Line):
            step = _line
        if step is not None:
            step(model, f"{path}.", report)
    for kind, finish in _DOCUMENTS.items():
        if isinstance(document, kind):
            finish(document, report)
    fit_to_x12(document, set_id, hints, report)


def _words(table: str) -> frozenset[str]:
    return frozenset(tables_of("x12")[table].values())


def _party(party: Party, path: str, report: Report) -> None:
    if party.name is None and party.legal_entities and party.legal_entities[0].name:
        party.name = party.legal_entities[0].name
        report.assumed(f"{path}name", "the registered name is written as the name.")
    if not party.ids and party.endpoint is not None and party.endpoint.value:
        party.ids = [PartyId(scheme=party.endpoint.scheme, value=party.endpoint.value)]
        report.assumed(f"{path}ids[0]", "the electronic address is written as the identification.")
    if party.name is None and not any(each.value for each in party.ids):
        party.name = (party.type or "party").replace("_", " ")
        report.assumed(f"{path}name", f'the party has neither name nor number; "{party.name}" is written.')


def _party_id(party_id: PartyId, path: str, report: Report) -> None:
    if party_id.value is not None and party_id.scheme not in _words("id_scheme"):
        if party_id.scheme is not None:
            report.not_carried(f"{path}scheme", "X12 has no qualifier for it", party_id.scheme)
        report.assumed(f"{path}scheme", f'whose number "{party_id.value}" is cannot be said; {_DEFINED} is written.')
        party_id.scheme = _DEFINED


def _address(address: Address, path: str, report: Report) -> None:
    if address.region is not None and len(address.region) != 2:
        code = region_code(address.region)
        if code is not None:
            report.changed(f"{path}region", f'"{address.region}" is written as {code}')
            address.region = code
    for name in ("building_number", "building", "department", "post_box"):
        text: str | None = getattr(address, name)
        if not text:
            continue
        setattr(address, name, None)
        report.changed(f"{path}{name}", f'"{text}" is written in the lines of the address')
        report.changed(f"{path}lines", f'"{text}" stands there too')
        if name == "building_number" and address.lines:
            address.lines[0] = f"{address.lines[0]} {text}"
        else:
            address.lines.append(f"PO Box {text}" if name == "post_box" and text.isdigit() else text)


def _item_id(item_id: ItemId, path: str, report: Report) -> None:
    if item_id.value is None:
        return
    if item_id.scheme == "gtin" and len(item_id.value) in _GTINS:
        item_id.scheme = _GTINS[len(item_id.value)]
        report.changed(f"{path}scheme", f"a GTIN of that length is {item_id.scheme}")
    elif item_id.scheme not in _words("item_id"):
        if item_id.scheme is not None:
            report.not_carried(f"{path}scheme", "X12 has no qualifier for it", item_id.scheme)
        report.assumed(f"{path}qualifier", f'what "{item_id.value}" is cannot be said; {_ANY_ITEM} is written.')
        item_id.scheme, item_id.qualifier = None, _ANY_ITEM


def _reference(reference: Reference, path: str, report: Report) -> None:
    if reference.type in _words("reference"):
        return
    if reference.type is not None:
        where = "description" if reference.description is None else "type"
        report.changed(f"{path}type", f'X12 has no qualifier for "{reference.type}"; {_DEFINED} is written')
        if where == "description":
            report.changed(f"{path}description", f'it says "{reference.type}"')
            reference.description = reference.type
    else:
        report.assumed(f"{path}type", f'what "{reference.value}" is cannot be said; {_DEFINED} is written.')
    reference.type = _DEFINED


def _contact(contact: Contact, path: str, report: Report) -> None:
    if contact.type not in _words("contact"):
        if contact.type is not None:
            report.not_carried(f"{path}type", "X12 has no qualifier for it", contact.type)
        report.assumed(f"{path}type", "what the contact is for cannot be said; information is written.")
        contact.type = "information"


def _note(note: Note, path: str, report: Report) -> None:
    if note.type is not None and note.type not in _words("reference") | _words("note"):
        report.not_carried(f"{path}type", "X12 has no qualifier for it", note.type)
        note.type = None


def _freight(terms: FreightTerms, path: str, report: Report) -> None:
    if terms.payer is None:
        terms.payer = Code(value="defined_by_parties")
        report.assumed(f"{path}payer", "who pays the freight is not said; defined_by_parties is written.")


def _allowance(entry: AllowanceCharge, path: str, report: Report) -> None:
    if entry.service is None and not entry.agency_code:
        entry.service = Code(value="other")
        report.assumed(f"{path}service", "what it is for is not said; other is written.")
    if entry.amount is not None and entry.amount != to_cents(entry.amount):
        report.changed(f"{path}amount", f"{entry.amount} is written as {to_cents(entry.amount)}")
        entry.amount = to_cents(entry.amount)


def _line(line: Any, path: str, report: Report) -> None:
    base = line.price_base
    if base is not None and base.quantity is not None and base.amount is not None and line.price is not None:
        basis = next((word for word, count in BASES.items() if count == base.quantity), None)
        if basis is not None and line.price * base.quantity != base.amount:
            report.changed(f"{path}price", f"{base.amount} for {base.quantity} units is written with {basis}")
            report.changed(f"{path}price_basis", f"{basis} says what the price is for")
            line.price, line.price_basis = base.amount, Code(value=basis)
        else:
            report.changed(
                f"{path}price_base", f"{base.amount} for {base.quantity} units is written as {line.price} for one"
            )
        if basis is not None and line.price_basis is not None:
            report.changed(f"{path}price_base", f"it is written as {basis}")
        line.price_base = None
    if isinstance(line, Line) and "position" in type(line).model_fields and line.line_id is None and line.position:
        report.changed(f"{path}line_id", f"the line's own number {line.position} is written there")
        line.line_id = line.position


def _answer(document: Any, report: Report) -> None:
    if document.order_date is None:
        document.order_date = document.issue_date
        report.assumed("order_date", "the date of the order is not said; that of the answer is written.")
    for index, line in enumerate(document.lines):
        for place, answer in enumerate(line.acknowledgments):
            for number in range(1, len(answer.dates)):
                path = f"lines[{index}].acknowledgments[{place}].dates[{number}]"
                report.not_carried(path, "X12 has one date for an answer", answer.dates[number].date)
            answer.dates = answer.dates[:1]
    if document.outcome is None:
        document.outcome = Code(value="accepted_with_changes" if document.lines else "accepted_no_detail")
        report.assumed("outcome", f'the answer does not say how it ends; "{document.outcome}" is written.')


def _change(document: Any, report: Report) -> None:
    if document.order_date is None:
        document.order_date = document.issue_date
        report.assumed("order_date", "the date of the order is not said; that of the change is written.")
    for index, line in enumerate(document.lines):
        if line.change is None:
            line.change = Code(value="change")
            report.assumed(f"lines[{index}].change", "what changes is not said; change is written.")


def _invoice(invoice: Any, report: Report) -> None:
    totals = invoice.totals if invoice.totals is not None else InvoiceTotals()
    invoice.totals = totals
    if totals.total is None:
        stated = totals.payable
        totals.total = stated if stated is not None else _sum(invoice)
        report.assumed("totals.total", f"the total with taxes is not said; {totals.total} is written.")
    if totals.total != to_cents(totals.total):
        report.changed("totals.total", f"{totals.total} is written as {to_cents(totals.total)}")
        totals.total = to_cents(totals.total)


def _sum(invoice: Invoice) -> Decimal:
    amounts = (line.net_amount if line.net_amount is not None else line_amount(line) for line in invoice.lines)
    lines = sum((amount or ZERO for amount in amounts), ZERO)
    return to_cents(lines + signed(invoice.allowances_charges) + (invoice.tax_total or ZERO))


def _notice(notice: Any, report: Report) -> None:
    for path, unit in list(models_in(notice)):
        if not isinstance(unit, Unit) or unit.level is None or unit.level.value != "item" or unit.item_ids:
            continue
        if unit.line_id is not None or unit.shipped is not None:
            number = unit.line_id or "1"
            report.assumed(f"{path}.item_ids[0]", f"the item has no number; {number} of the order's line is written.")
            unit.item_ids.append(ItemId(scheme="order_line", value=number))
    for index, unit in enumerate(notice.units):
        if unit.level is None:
            unit.level = Code(value="shipment")
            report.assumed(f"units[{index}].level", "what the unit is is not said; shipment is written.")


_MODELS: Final[Mapping[type, Callable[[Any, str, Report], None]]] = {
    Party: _party,
    PartyId: _party_id,
    Address: _address,
    ItemId: _item_id,
    Reference: _reference,
    Contact: _contact,
    Note: _note,
    FreightTerms: _freight,
    AllowanceCharge: _allowance,
}
_DOCUMENTS: Final[Mapping[type, Callable[[Any, Report], None]]] = {
    OrderAcknowledgment: _answer,
    OrderChangeAcknowledgment: _answer,
    OrderChange: _change,
    Invoice: _invoice,
    ShipNotice: _notice,
}
