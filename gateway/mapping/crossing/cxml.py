"""What a cXML request asks for and a document of another standard may lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.documents import Document, Invoice, Order, OrderAcknowledgment, ShipNotice, Unit
from gateway.documents.base import Code
from gateway.documents.commerce import AllowanceCharge, Amount, FreightTerms
from gateway.documents.facts import Contact, Reference
from gateway.documents.goods import Description, ItemId
from gateway.documents.logistics import Load, Routing
from gateway.documents.order import LineAcknowledgment
from gateway.documents.parties import Party, PartyId
from gateway.mapping.crossing.amounts import (
    ZERO,
    add_invoice_amounts,
    add_tax_totals,
    fill_currency,
    line_amount,
    price_by_base,
    to_cents,
)
from gateway.mapping.crossing.foreign import models_in, tables_of
from gateway.mapping.crossing.parties import add_parties
from gateway.mapping.crossing.values import CrossingHints, Report

__all__ = ["to_cxml"]

#: Identifiers that can stand for the supplier's part number, in this order.
_PART_NUMBERS: Final = [
    "vendor_part",
    "vendor_style",
    "vendor_catalog",
    "sku",
    "manufacturer_part",
    "gtin",
    "gtin_14",
    "gtin_13",
    "gtin_12",
    "case_code",
    "buyer_item",
    "buyer_part",
    "purchaser_item",
]
_UNCLASSIFIED: Final = "00000000"
_DEFINED: Final = "mutually_defined"
#: Ways of reaching somebody that are numbers.
_NUMBERS: Final = frozenset({"telephone", "fax", "mobile", "alternate_telephone", "work_telephone", "home_telephone"})
#: Days that a delivery may begin and must end by, which stand side by side.
_PERIOD: Final = frozenset({"do_not_deliver_before", "do_not_deliver_after"})


def to_cxml(document: Document, set_id: str, hints: CrossingHints, report: Report) -> None:
    """Add and change what the cXML request asks for; in place."""
    add_parties(document, set_id, hints, report)
    fill_currency(document, hints, report)
    for index, line in enumerate(getattr(document, "lines", ())):
        price_by_base(line, f"lines[{index}]", report)
        _number(line, index, f"lines[{index}].line_id", report)
    for path, model in list(models_in(document)):
        step = _MODELS.get(type(model))
        if step is not None:
            step(model, f"{path}.", report)
        _taxes(model, f"{path}." if path else "", report)
    add_tax_totals(document, "cxml", report)
    _period(document, report)
    finish = _STEPS.get(set_id)
    if finish is not None:
        finish(document, report)


def _number(line: Any, index: int, path: str, report: Report) -> None:
    """Every line has a whole number."""
    if line.line_id is None:
        report.assumed(path, f"every line has a number; this one gets {index + 1}.")
    elif not line.line_id.isdecimal():
        report.changed(path, f'"{line.line_id}" is written as {index + 1}, for the number of a line is a whole number')
    else:
        return
    line.line_id = str(index + 1)


def _taxes(model: Any, path: str, report: Report) -> None:
    """A tax states its amount."""
    taxes = getattr(model, "taxes", None)
    if not taxes or isinstance(model, AllowanceCharge):
        return
    kept = []
    for index, tax in enumerate(taxes):
        if tax.amount is None and tax.base is not None and tax.rate is not None:
            tax.amount = to_cents(tax.base * tax.rate / 100)
            report.assumed(f"{path}taxes[{index}].amount", f"{tax.amount} is what the rate comes to.")
        if tax.amount is None:
            report.not_carried(f"{path}taxes[{index}]", "it states no amount, which cXML asks for", tax.type)
        else:
            kept.append(tax)
    model.taxes = kept


def _period(document: Document, report: Report) -> None:
    """A delivery period has both its days, or it cannot be said."""
    dates = getattr(document, "dates", None) if isinstance(document, Order) else None
    found = [each for each in dates or () if each.type in _PERIOD]
    if dates is None or len({each.type for each in found}) != 1:
        return
    for each in found:
        index = dates.index(each)
        report.not_carried(f"dates[{index}]", "a delivery period has two days in cXML", each.date)
    document.dates = [each for each in dates if each.type not in _PERIOD]  # type: ignore[union-attr]


def _reference(reference: Reference, path: str, report: Report) -> None:
    if reference.type is None and reference.value is not None:
        reference.type = _DEFINED
        report.assumed(f"{path}type", f'what "{reference.value}" is is not said; {_DEFINED} is written.')


def _identified(identity: PartyId | ItemId, path: str, report: Report) -> None:
    if identity.scheme is None and identity.value is not None:
        identity.scheme = _DEFINED
        report.assumed(f"{path}scheme", f'whose number "{identity.value}" is is not said; {_DEFINED} is written.')
    if isinstance(identity, ItemId) and identity.scheme == "classification" and identity.list_id is None:
        identity.list_id = _DEFINED
        report.assumed(f"{path}list_id", f'what "{identity.value}" is taken from is not said; {_DEFINED} is written.')


def _allowance(entry: AllowanceCharge, path: str, report: Report) -> None:
    if entry.reference is None and (entry.service is not None or entry.description):
        entry.reference = str(entry.service or entry.description)
        report.assumed(f"{path}reference", f'it has a name; "{entry.reference}" is written.')


def _freight(terms: FreightTerms, path: str, report: Report) -> None:
    word = terms.terms_type.value if terms.terms_type is not None else None
    if word not in tables_of("cxml")["terms_of_delivery"].values() and word != "incoterm":
        report.assumed(f"{path}terms_type", f"the terms are of no kind that cXML names; {_DEFINED} is written.")
        terms.terms_type = Code(value=_DEFINED)
    if terms.payer is None:
        terms.payer = Code(value="defined_by_parties")
        report.assumed(f"{path}payer", "who pays the freight is not said; Other is written.")
    if terms.terms is None and terms.place is not None:
        terms.terms = "Other"
        report.assumed(f"{path}terms", "the terms of transport are not said; Other is written.")


def _contact(contact: Contact, path: str, report: Report) -> None:
    kept = []
    for index, each in enumerate(contact.communications):
        if each.type in _NUMBERS:
            where = f"{path}communications[{index}]"
            report.not_carried(where, "cXML asks for country and area code of a number apart", each.value)
        else:
            kept.append(each)
    contact.communications = kept


def _routing(routing: Routing, path: str, report: Report) -> None:
    if routing.carrier is None and routing.routing is not None:
        routing.carrier, routing.scheme = routing.routing, Code(value="name")
        report.changed(f"{path}routing", "it is written as the name of the carrier")
        report.changed(f"{path}carrier", f'it is named in words: "{routing.carrier}"')
        report.changed(f"{path}scheme", "the carrier is named in words")
        routing.routing = None
    elif routing.carrier is not None and (routing.scheme is None or not routing.scheme.value):
        routing.scheme = Code(value="scac")
        report.assumed(f"{path}scheme", f'whose code "{routing.carrier}" is is not said; scac is written.')


def _party(party: Party, path: str, report: Report) -> None:
    """Every address has a name, and a street, a city and a country if one of them."""
    if party.name is None:
        party.name = party.names[0] if party.names else next((i.value for i in party.ids if i.value), None) or "unknown"
        report.assumed(f"{path}name", f'an address has a name; "{party.name}" is written.')
    address = party.address
    if address is None:
        return
    wanted = {"lines": ["-"], "city": "-", "country": "US"}
    if any(getattr(address, name) for name in ("lines", "city", "region", "postcode")):
        for name, value in wanted.items():
            if not getattr(address, name):
                setattr(address, name, value)
                report.assumed(
                    f"{path}.address.{name}", f'an address says it; "{value}" is written.'.replace("['-']", "-")
                )


def _order(document: Document, report: Report) -> None:
    if not isinstance(document, Order):
        return
    if not document.lines:
        report.problem("lines", "OrderRequest must have a line, and the document has none.")
    for index, line in enumerate(document.lines):
        _order_line(line, f"lines[{index}]", report)
    _total(document, report)


def _total(document: Order | OrderAcknowledgment, report: Report) -> None:
    """The total of the lines, where none is stated."""
    if any(each.type == "total" for each in document.total_amounts):
        return
    total = to_cents(sum((line_amount(line) or ZERO for line in document.lines), ZERO))
    path = f"total_amounts[{len(document.total_amounts)}]"
    report.assumed(path, f"{total} is what the lines come to.")
    document.total_amounts.append(Amount(type="total", amount=total))


def _order_message(references: list[Reference], number: str | None, path: str, report: Report) -> None:
    """The payload id of the order, which the answer to it names."""
    if not any(each.type == "order_message" for each in references):
        report.assumed(
            f"{path}references[{len(references)}]", f"the message of the order is not known; {number} is written."
        )
        references.append(Reference(type="order_message", value=number))


def _order_line(line: Any, path: str, report: Report) -> None:
    if line.quantity is None:
        line.quantity = Decimal(1)
        report.assumed(f"{path}.quantity", "the quantity of a line is not said; 1 is written.")
    if line.unit is None:
        line.unit = "EA"
        report.assumed(f"{path}.unit", "the unit of a line is not said; each is written.")
    if line.price is None:
        line.price = ZERO
        report.assumed(f"{path}.price", "the price of a line is not said; 0 is written.")
    _item(line, path, report)
    if not any(each.text for each in line.descriptions):
        text = line.item_ids[0].value if line.item_ids else line.line_id
        where = f"{path}.descriptions[{len(line.descriptions)}]"
        report.assumed(where, f'an item has a description; "{text}" is written.')
        line.descriptions.append(Description(text=text))
    if line.item_id("classification") is None:
        where = f"{path}.item_ids[{len(line.item_ids)}]"
        report.assumed(where, "an item has a class of goods; one is written that says nothing.")
        line.item_ids.append(ItemId(scheme="classification", value=_UNCLASSIFIED, list_id="UNSPSC"))


def _item(line: Any, path: str, report: Report) -> None:
    """The supplier's part number, which identifies an item."""
    if line.item_id("vendor_item") is not None:
        return
    known = line.item_id(*_PART_NUMBERS)
    value = known or line.line_id or ""
    where = f"{path}.item_ids[{len(line.item_ids)}]"
    what = f"{value}, another of its numbers, is written" if known else f"the line number {value} is written"
    report.assumed(where, f"the supplier's part number is not said; {what}.")
    line.item_ids.append(ItemId(scheme="vendor_item", value=value))


def _confirmation(document: Document, report: Report) -> None:
    if not isinstance(document, OrderAcknowledgment):
        return
    if document.issue_date is None:
        document.issue_date = document.order_date
        report.assumed("issue_date", "the answer has no date; that of the order is written.")
    _order_message(document.references, document.number, "", report)
    if document.allowances_charges:
        _total(document, report)
    if document.outcome is None:
        document.outcome = Code(value="accepted_with_changes" if document.lines else "accepted")
        report.assumed("outcome", f'the answer does not say how it ends; "{document.outcome}" is written.')
    for index, line in enumerate(document.lines):
        path = f"lines[{index}]"
        if line.unit is None:
            line.unit = "EA"
            report.assumed(f"{path}.unit", "the unit of a line is not said; each is written.")
        if line.quantity is None:
            line.quantity = sum((each.quantity or ZERO for each in line.acknowledgments), ZERO)
            report.assumed(f"{path}.quantity", f"{line.quantity} is what the answers of the line add up to.")
        if not line.acknowledgments:
            word = "rejected" if str(document.outcome).startswith("rejected") else "accepted"
            line.acknowledgments = [LineAcknowledgment(status=Code(value=word))]
            report.assumed(f"{path}.acknowledgments[0]", f"the line has no answer of its own; {word} is written.")
        for place, answer in enumerate(line.acknowledgments):
            _answer(answer, line, f"{path}.acknowledgments[{place}]", report)


def _answer(answer: LineAcknowledgment, line: Any, path: str, report: Report) -> None:
    if answer.quantity is None:
        answer.quantity = line.quantity
        report.assumed(f"{path}.quantity", "the answer names no quantity; that of the line is written.")
    for index, item in enumerate(answer.item_ids):
        report.not_carried(f"{path}.item_ids[{index}]", "cXML asks for price and class of a substitute too", item.value)
    answer.item_ids = []
    if answer.unit is None:
        answer.unit = line.unit
        report.assumed(f"{path}.unit", "the answer names no unit; that of the line is written.")


def _notice(document: Document, report: Report) -> None:
    if not isinstance(document, ShipNotice):
        return
    for path, model in list(models_in(document)):
        if not isinstance(model, Unit) or model.level is None:
            continue
        if model.level.value == "item":
            _shipped(model, path, report)
        elif model.level.value == "order":
            _order_message(model.references, model.order.number if model.order else None, f"{path}.", report)
        elif model.level.value == "pack":
            _package(model, path, report)
        elif model.level.value == "shipment" and (model.routing or model.references):
            _control(model, document.number or "", path, report)


def _package(unit: Unit, path: str, report: Report) -> None:
    """A package says what it is, or how large."""
    if not unit.measurements and not any(load.description for load in unit.loads):
        unit.loads.append(Load(description="package"))
        report.assumed(
            f"{path}.loads[{len(unit.loads) - 1}]", 'what it is packed in is not said; "package" is written.'
        )


def _shipped(unit: Unit, path: str, report: Report) -> None:
    wanted = {"line_id": unit.status_line_id or "1", "shipped": ZERO, "unit": "EA"}
    for name, value in wanted.items():
        if getattr(unit, name) is None:
            setattr(unit, name, value)
            report.assumed(f"{path}.{name}", f"the item does not say it; {value} is written.")
    if unit.item_ids:
        _item(unit, path, report)


def _control(unit: Unit, number: str, path: str, report: Report) -> None:
    """A carrier and a number of the shipment stand together."""
    if not any(each.carrier for each in unit.routing):
        report.assumed(f"{path}.routing[{len(unit.routing)}]", "the carrier is not said; unknown is written.")
        unit.routing.append(Routing(scheme=Code(value="name"), carrier="unknown"))
    if not unit.references:
        report.assumed(f"{path}.references[0]", f"the shipment has no number of the carrier; {number} is written.")
        unit.references.append(Reference(type="tracking_number", value=number))


def _invoice(document: Document, report: Report) -> None:
    if not isinstance(document, Invoice):
        return
    for index, line in enumerate(document.lines):
        if line.position is None:
            line.position = str(index + 1)
            report.assumed(
                f"lines[{index}].position", f"every line has a number of its own; this one gets {index + 1}."
            )
        if line.unit is None:
            line.unit = "EA"
            report.assumed(f"lines[{index}].unit", "the unit of a line is not said; each is written.")
        if line.order_number is None:
            line.order_number, line.order_date = document.order_number or "none", document.order_date
            report.changed(f"lines[{index}].order_number", "cXML names the order with every line")
            report.changed(f"lines[{index}].order_date", "cXML names the order with every line")
        if line.item_ids:
            _item(line, f"lines[{index}]", report)
    add_invoice_amounts(document, report)
    if document.tax_total is None:
        document.tax_total = ZERO
        report.assumed("tax_total", "the sum of the taxes is not said; 0 is written.")


_MODELS: Final[Mapping[type, Callable[[Any, str, Report], None]]] = {
    Party: _party,
    PartyId: _identified,
    ItemId: _identified,
    Reference: _reference,
    Contact: _contact,
    AllowanceCharge: _allowance,
    FreightTerms: _freight,
    Routing: _routing,
}
_STEPS: Final[Mapping[str, Callable[[Document, Report], None]]] = {
    "OrderRequest": _order,
    "ConfirmationRequest": _confirmation,
    "ShipNoticeRequest": _notice,
    "InvoiceDetailRequest": _invoice,
}
