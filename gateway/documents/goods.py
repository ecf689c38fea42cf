"""What is traded and how it is measured: item ids, descriptions, packing, prices, destinations, parts."""

from __future__ import annotations

from gateway.documents.base import Code, Day, DocumentModel, Money, Number, new_list
from gateway.documents.commerce import AllowanceCharge
from gateway.documents.facts import BusinessDate, Note, Reference
from gateway.documents.parties import Party
from gateway.documents.quantities import Quantity

__all__ = [
    "Component",
    "Description",
    "Destination",
    "ItemId",
    "LeadTime",
    "Measurement",
    "Pack",
    "Price",
    "Property",
    "item_id_of",
]


class ItemId(DocumentModel):
    """One identification or attribute of an item (X12: a pair such as PO106 and PO107)."""

    scheme: str | None = None
    """buyer_item, vendor_item, gtin_12, gtin_13, gtin_14, sku, color, size …"""
    qualifier: str | None = None
    """The partner's qualifier ("UP")."""
    value: str | None = None
    """The identification, verbatim."""
    list_id: str | None = None
    """The list that the value is taken from ("UNSPSC") (UBL ItemClassificationCode listID, cXML domain)."""
    agency: str | None = None
    """Who keeps the scheme or list (UBL schemeAgencyID, listAgencyID)."""


def item_id_of(ids: list[ItemId], *schemes: str) -> str | None:
    """The first identification under one of the schemes, in the order of the schemes."""
    return next((entry.value for scheme in schemes for entry in ids if entry.scheme == scheme), None)


class Property(DocumentModel):
    """A named property of an item (UBL AdditionalItemProperty, cXML Extrinsic)."""

    name: str | None = None
    """What it is ("Paint type") (Name)."""
    value: str | None = None
    """Its value (Value)."""
    quantity: Number | None = None
    """Its value as a quantity (ValueQuantity)."""
    unit: str | None = None
    """Unit of measure of `quantity`."""


class Measurement(DocumentModel):
    """A measured property (X12: MEA)."""

    reference: Code | None = None
    """What is measured about (MEA01)."""
    type: Code | None = None
    """Which property (MEA02)."""
    value: Number | None = None
    """MEA03."""
    unit: str | None = None
    """MEA04."""
    minimum: Number | None = None
    """MEA05."""
    maximum: Number | None = None
    """MEA06."""
    significance: Code | None = None
    """MEA07."""


class Description(DocumentModel):
    """A description of an item or of the document's goods (X12: PID)."""

    type: Code | None = None
    """free_form, structured or semi_structured (PID01)."""
    characteristic: Code | None = None
    """color, size, product … (PID02)."""
    agency: str | None = None
    """PID03."""
    code: str | None = None
    """The agency's code (PID04)."""
    text: str | None = None
    """PID05."""
    layer: str | None = None
    """PID06."""
    source: str | None = None
    """PID07."""
    answer: str | None = None
    """PID08."""
    language: str | None = None
    """PID09."""
    measurements: list[Measurement] = new_list()
    """Measurements of this description."""


class Pack(DocumentModel):
    """How an item is packed (X12: PO4)."""

    packs: int | None = None
    """Inner units for each outer unit (PO401)."""
    size: Number | None = None
    """Size of one (PO402)."""
    unit: str | None = None
    """PO403."""
    packaging: str | None = None
    """Packaging code ("CTN25") (PO404)."""
    weight_type: Code | None = None
    """PO405."""
    weight: Number | None = None
    """Gross weight of one pack (PO406)."""
    weight_unit: str | None = None
    """PO407."""
    volume: Number | None = None
    """Gross volume of one pack (PO408)."""
    volume_unit: str | None = None
    """PO409."""
    length: Number | None = None
    """PO410."""
    width: Number | None = None
    """PO411."""
    height: Number | None = None
    """PO412."""
    dimension_unit: str | None = None
    """PO413."""
    inner_packs: int | None = None
    """PO414."""
    layer: str | None = None
    """PO415."""
    assigned_id: str | None = None
    """PO416."""
    assigned_id_to: str | None = None
    """PO417."""
    count: int | None = None
    """PO418."""


class Price(DocumentModel):
    """A further price (X12: CTP)."""

    trade_class: Code | None = None
    """CTP01."""
    type: Code | None = None
    """retail, list, contract, unit_cost … (CTP02)."""
    price: Money | None = None
    """CTP03."""
    quantity: Number | None = None
    """CTP04."""
    unit: str | None = None
    """CTP05."""
    multiplier_type: Code | None = None
    """CTP06."""
    multiplier: Number | None = None
    """CTP07."""
    amount: Money | None = None
    """CTP08."""
    basis: Code | None = None
    """per_each, per_case … (CTP09)."""
    condition: str | None = None
    """CTP10."""
    multiple: int | None = None
    """Number of units the price is for (CTP11)."""
    currency: str | None = None
    """Currency when it differs (CUR02)."""


class LeadTime(DocumentModel):
    """A lead time (X12: LDT)."""

    type: Code | None = None
    """LDT01."""
    quantity: Number | None = None
    """LDT02."""
    period: Code | None = None
    """LDT03."""
    date: Day | None = None
    """LDT04."""


class Destination(DocumentModel):
    """A part of a line's quantity for one store or location (X12: a pair of SDQ)."""

    scheme: str | None = None
    """Whose number `id` is: assigned_by_buyer, gln … (SDQ02)."""
    code: str | None = None
    """The partner's qualifier of the id (SDQ02)."""
    id: str | None = None
    """Store or location number, verbatim (SDQ03, 05 …)."""
    quantity: Number | None = None
    """SDQ04, 06 …"""
    unit: str | None = None
    """SDQ01."""
    location: str | None = None
    """Place within the store (SDQ23)."""


class Component(DocumentModel):
    """A part of a kit or prepack, or a detail below a line (X12: SLN loop)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    line_id: str | None = None
    """SLN01, verbatim."""
    parent_id: str | None = None
    """SLN02."""
    relation: Code | None = None
    """included, added, substituted … (SLN03)."""
    quantity: Number | None = None
    """For each unit of the line (SLN04)."""
    unit: str | None = None
    """SLN05."""
    price: Money | None = None
    """SLN06."""
    price_basis: Code | None = None
    """SLN07."""
    price_relation: Code | None = None
    """SLN08."""
    item_ids: list[ItemId] = new_list()
    """SLN09-28."""
    descriptions: list[Description] = new_list()
    """PID."""
    packs: list[Pack] = new_list()
    """PO4."""
    prices: list[Price] = new_list()
    """CTP."""
    references: list[Reference] = new_list()
    """REF."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    allowances_charges: list[AllowanceCharge] = new_list()
    """SAC."""
    quantities: list[Quantity] = new_list()
    """QTY."""
    notes: list[Note] = new_list()
    """MSG and N9."""
    parties: list[Party] = new_list()
    """N1."""
