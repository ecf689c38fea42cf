"""The ship notice: what left, in which packages, for which orders."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Literal

from gateway.documents.base import Code, Day, DocumentModel, Money, Number, new_list
from gateway.documents.commerce import AllowanceCharge, FreightTerms
from gateway.documents.declarations import Declaration, DocumentReference
from gateway.documents.envelope import Header
from gateway.documents.facts import BusinessDate, Contact, Note, Reference, date_of, reference_of
from gateway.documents.goods import Component, Description, Destination, ItemId, Measurement, Pack, Property, item_id_of
from gateway.documents.logistics import Equipment, Handling, Load, Mark, Packaging, Paperwork, Routing
from gateway.documents.parties import Party, party_of

__all__ = ["OrderRef", "Pallet", "ShipNotice", "Unit"]


class OrderRef(DocumentModel):
    """The order that a part of the shipment answers (X12: PRF; UBL OrderReference)."""

    number: str | None = None
    """The buyer's order number (PRF01)."""
    release: str | None = None
    """PRF02."""
    change_sequence: str | None = None
    """PRF03."""
    date: Day | None = None
    """PRF04."""
    line_id: str | None = None
    """PRF05."""
    contract: str | None = None
    """PRF06."""
    order_type: Code | None = None
    """PRF07."""
    seller_order_number: str | None = None
    """The seller's own order number (UBL SalesOrderID)."""


class Pallet(DocumentModel):
    """How a pallet is built (X12: PAL)."""

    type: Code | None = None
    """PAL01."""
    tiers: int | None = None
    """Layers (PAL02)."""
    blocks: int | None = None
    """Cases for each layer (PAL03)."""
    packs: int | None = None
    """PAL04."""
    unit_weight: Number | None = None
    """PAL05."""
    weight_unit: str | None = None
    """PAL06."""
    length: Number | None = None
    """PAL07."""
    width: Number | None = None
    """PAL08."""
    height: Number | None = None
    """PAL09."""
    dimension_unit: str | None = None
    """PAL10."""
    gross_weight: Number | None = None
    """PAL11."""
    gross_weight_unit: str | None = None
    """PAL12."""
    gross_volume: Number | None = None
    """PAL13."""
    gross_volume_unit: str | None = None
    """PAL14."""


class Unit(DocumentModel):
    """One unit of the shipment's tree: the shipment itself, an order, a tare, a pack or an item (X12: HL loop)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    level: Code | None = None
    """shipment, order, tare, pack or item (HL03)."""
    order: OrderRef | None = None
    """The order (order level)."""
    line_id: str | None = None
    """The line of the order, verbatim (LIN01, or SN101 when there is no LIN01; UBL OrderLineReference/LineID)."""
    position: str | None = None
    """The line's own number in the notice, beside the order's (UBL DespatchLine/ID)."""
    seller_line_id: str | None = None
    """The seller's number for the line (UBL OrderLineReference/SalesOrderLineID)."""
    shipment_id: str | None = None
    """The shipment's own id (shipment level; UBL Shipment/ID)."""
    consignment_id: str | None = None
    """The consignment that carries it (shipment level; UBL Consignment/ID)."""
    status_line_id: str | None = None
    """SN101 when it stands beside LIN01."""
    item_ids: list[ItemId] = new_list()
    """Identifications of the item (LIN02-31)."""
    shipped: Number | None = None
    """Quantity shipped (SN102)."""
    unit: str | None = None
    """SN103."""
    shipped_to_date: Number | None = None
    """Quantity shipped so far (SN104)."""
    ordered: Number | None = None
    """Quantity ordered (SN105)."""
    ordered_unit: str | None = None
    """SN106."""
    status: Code | None = None
    """Line status (SN108)."""
    outstanding: Number | None = None
    """Quantity that is still to come (UBL OutstandingQuantity)."""
    outstanding_reason: str | None = None
    """Why, in words (UBL OutstandingReason)."""
    backordered: Number | None = None
    """Quantity on backorder, of those still to come (UBL BackorderQuantity)."""
    backorder_reason: str | None = None
    """Why, in words (UBL BackorderReason)."""
    oversupplied: Number | None = None
    """Quantity beyond what was ordered (UBL OversupplyQuantity)."""
    properties: list[Property] = new_list()
    """Named properties of the item (UBL AdditionalItemProperty)."""
    components: list[Component] = new_list()
    """SLN."""
    packs: list[Pack] = new_list()
    """PO4."""
    descriptions: list[Description] = new_list()
    """PID."""
    measurements: list[Measurement] = new_list()
    """MEA."""
    paperwork: list[Paperwork] = new_list()
    """PWK."""
    packaging: list[Packaging] = new_list()
    """PKG."""
    loads: list[Load] = new_list()
    """TD1."""
    routing: list[Routing] = new_list()
    """TD5."""
    equipment: list[Equipment] = new_list()
    """TD3."""
    handling: list[Handling] = new_list()
    """TD4."""
    references: list[Reference] = new_list()
    """REF."""
    contacts: list[Contact] = new_list()
    """PER."""
    marks: list[Mark] = new_list()
    """Package marks such as the SSCC (MAN)."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    freight_terms: list[FreightTerms] = new_list()
    """FOB."""
    pallet: Pallet | None = None
    """PAL."""
    parties: list[Party] = new_list()
    """N1."""
    destinations: list[Destination] = new_list()
    """SDQ."""
    currency: str | None = None
    """CUR02."""
    price: Money | None = None
    """For back offices that state it; the ship notice sets of X12 do not carry it here."""
    allowances_charges: list[AllowanceCharge] = new_list()
    """SAC."""
    notes: list[Note] = new_list()
    """Text."""
    documents: list[DocumentReference] = new_list()
    """Papers of this part (UBL DocumentReference)."""
    units: list[Unit] = new_list()
    """What is inside or below this unit."""

    def walk(self) -> Iterator[Unit]:
        """This unit and everything below it, parents first."""
        yield self
        for unit in self.units:
            yield from unit.walk()

    def date(self, *types: str) -> datetime.date | None:
        """The first date of one of the types ("shipped")."""
        return date_of(self.dates, *types)

    def reference(self, *types: str) -> str | None:
        """The first reference of one of the types ("bill_of_lading")."""
        return reference_of(self.references, *types)

    def party(self, *types: str) -> Party | None:
        """The first party of one of the types ("ship_to")."""
        return party_of(self.parties, *types)

    def item_id(self, *schemes: str) -> str | None:
        """The first item id under one of the schemes, in the order of the schemes."""
        return item_id_of(self.item_ids, *schemes)

    @property
    def sscc(self) -> str | None:
        """The unit's SSCC, 18 digits, whichever of its two forms was received (with or without identifier 00)."""
        for mark in self.marks:
            if mark.value and mark.type == "sscc_20":
                return mark.value[2:] if len(mark.value) == 20 else mark.value
            if mark.value and mark.type == "sscc_18":
                return mark.value
        return None


class ShipNotice(Header):
    """An advance ship notice (X12: 856; UBL DespatchAdvice; cXML ShipNoticeRequest).

    A second shipment of an order is a notice with a number of its own.
    """

    kind: Literal["ship_notice"] = "ship_notice"
    """Discriminates the documents."""
    declaration: Declaration | None = None
    """What the sender's file declares about itself (XML only)."""
    notice_type: Code | None = None
    """Kind of notice (UBL DespatchAdviceTypeCode)."""
    notes: list[Note] = new_list()
    """Text (UBL Note); the notice of X12 has none in its header."""
    structure: Code | None = None
    """Order of the levels: shipment_order_pack_item, shipment_order_item, … (BSN05)."""
    transaction_type: Code | None = None
    """BSN06."""
    status_reason: Code | None = None
    """BSN07."""
    dates: list[BusinessDate] = new_list()
    """DTM in the header: shipped, estimated_delivery …"""
    hash_total: Number | None = None
    """CTT02 when the partner uses one; computed again from the shipped quantities when written."""
    units: list[Unit] = new_list()
    """The tree of units, usually one shipment at its root."""

    def walk(self) -> Iterator[Unit]:
        """Every unit, parents first."""
        for unit in self.units:
            yield from unit.walk()

    def at_level(self, level: str) -> list[Unit]:
        """The units of one level ("item"), in document order."""
        return [unit for unit in self.walk() if unit.level is not None and unit.level.value == level]

    @property
    def shipped_date(self) -> datetime.date | None:
        """The day it left, from the header or the shipment."""
        found = date_of(self.dates, "shipped")
        return found or next((day for unit in self.walk() if (day := unit.date("shipped"))), None)
