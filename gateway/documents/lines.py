"""The parts that order, acknowledgment, change and invoice share: the trade header and the common core of a line."""

from __future__ import annotations

import datetime

from gateway.documents.base import Code, DocumentModel, Money, Number, new_list
from gateway.documents.commerce import (
    AllowanceCharge,
    Amount,
    Discount,
    FreightTerms,
    FulfilmentTerms,
    Payment,
    PaymentTerms,
    Tax,
    TaxRegistration,
)
from gateway.documents.declarations import Declaration, DocumentReference
from gateway.documents.envelope import Header
from gateway.documents.facts import BusinessDate, Contact, Note, Reference, date_of, reference_of
from gateway.documents.goods import (
    Component,
    Description,
    Destination,
    ItemId,
    LeadTime,
    Measurement,
    Pack,
    Price,
    Property,
    item_id_of,
)
from gateway.documents.logistics import Equipment, Handling, Load, Mark, Packaging, Paperwork, Routing
from gateway.documents.parties import Party, party_of
from gateway.documents.payment import PaymentMeans
from gateway.documents.quantities import Quantity, Schedule
from gateway.documents.totals import PriceBase

__all__ = ["Line", "SummaryTotals", "TradeHeader"]


class Line(DocumentModel):
    """The common core of a line (X12: the PO1, POC or IT1 loop; UBL LineItem, InvoiceLine)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    line_id: str | None = None
    """The buyer's line number, verbatim: "001" is not "1" (PO101, IT101; UBL LineItem/ID)."""
    position: str | None = None
    """The line's own number in a document that answers an order, beside the order's (UBL InvoiceLine/ID)."""
    seller_line_id: str | None = None
    """The seller's number for the line (UBL SalesOrderID of a LineItem, SalesOrderLineID)."""
    quantity: Number | None = None
    """Ordered or invoiced quantity (PO102, IT102)."""
    unit: str | None = None
    """Unit of measure of `quantity`, the partner's code ("EA", "CA") (PO103, IT103)."""
    price: Money | None = None
    """Price per unit, or as `price_basis` says (PO104, IT104)."""
    price_basis: Code | None = None
    """per_each, per_case, catalog … (PO105, IT105)."""
    price_base: PriceBase | None = None
    """The price as written for more than one unit (UBL Price with a BaseQuantity other than 1)."""
    net_amount: Money | None = None
    """Amount of the line before taxes as the sender states it (UBL LineExtensionAmount); `amount` computes it."""
    tax_total: Money | None = None
    """Sum of the line's taxes as the sender states it (UBL TotalTaxAmount, TaxTotal/TaxAmount)."""
    price_allowances: list[AllowanceCharge] = new_list()
    """Allowances that the price has already been lowered by (UBL Price/AllowanceCharge)."""
    item_ids: list[ItemId] = new_list()
    """Identifications and attributes, in the partner's order (PO106-125)."""
    properties: list[Property] = new_list()
    """Named properties of the item (UBL AdditionalItemProperty)."""
    accounting_cost: str | None = None
    """Where the buyer books it, in words (UBL AccountingCost)."""
    accounting_code: str | None = None
    """Where the buyer books it, as a code (UBL AccountingCostCode)."""
    descriptions: list[Description] = new_list()
    """PID."""
    currency: str | None = None
    """Currency when it differs from the document's (CUR02)."""
    prices: list[Price] = new_list()
    """Further prices (CTP)."""
    measurements: list[Measurement] = new_list()
    """MEA."""
    paperwork: list[Paperwork] = new_list()
    """PWK."""
    packs: list[Pack] = new_list()
    """How the item is packed (PO4)."""
    references: list[Reference] = new_list()
    """REF."""
    contacts: list[Contact] = new_list()
    """PER."""
    allowances_charges: list[AllowanceCharge] = new_list()
    """SAC."""
    fulfilment: list[FulfilmentTerms] = new_list()
    """CSH."""
    payment_terms: list[PaymentTerms] = new_list()
    """ITD."""
    discounts: list[Discount] = new_list()
    """DIS."""
    tax_registrations: list[TaxRegistration] = new_list()
    """TAX."""
    freight_terms: list[FreightTerms] = new_list()
    """FOB."""
    destinations: list[Destination] = new_list()
    """The quantity spread over stores (SDQ)."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    lead_times: list[LeadTime] = new_list()
    """LDT."""
    loads: list[Load] = new_list()
    """TD1."""
    routing: list[Routing] = new_list()
    """TD5."""
    equipment: list[Equipment] = new_list()
    """TD3."""
    handling: list[Handling] = new_list()
    """TD4."""
    marks: list[Mark] = new_list()
    """MAN."""
    taxes: list[Tax] = new_list()
    """TXI."""
    quantities: list[Quantity] = new_list()
    """Further quantities (QTY)."""
    schedule: list[Schedule] = new_list()
    """The quantity spread over dates (SCH)."""
    packaging: list[Packaging] = new_list()
    """PKG."""
    notes: list[Note] = new_list()
    """Text (MSG; N9 with MSG or MTX)."""
    parties: list[Party] = new_list()
    """Parties of this line (N1)."""
    components: list[Component] = new_list()
    """Kit or prepack parts (SLN)."""
    amounts: list[Amount] = new_list()
    """AMT."""
    documents: list[DocumentReference] = new_list()
    """Papers of this line (UBL DocumentReference)."""

    def item_id(self, *schemes: str) -> str | None:
        """The first item id under one of the schemes ("vendor_item", "gtin_12"), in the order of the schemes."""
        return item_id_of(self.item_ids, *schemes)

    @property
    def gtin(self) -> str | None:
        """The item's GTIN of any length, as received."""
        return item_id_of(self.item_ids, "gtin", "gtin_14", "gtin_13", "gtin_12", "gtin_8")

    @property
    def description(self) -> str | None:
        """The first description text."""
        return next((entry.text for entry in self.descriptions if entry.text), None)

    @property
    def amount(self) -> Money | None:
        """Quantity times price, unrounded; None when either is missing."""
        return None if self.quantity is None or self.price is None else self.quantity * self.price


class SummaryTotals(DocumentModel):
    """Weight and volume of a whole document (X12: CTT)."""

    weight: Number | None = None
    """CTT03."""
    weight_unit: str | None = None
    """CTT04."""
    volume: Number | None = None
    """CTT05."""
    volume_unit: str | None = None
    """CTT06."""
    description: str | None = None
    """CTT07."""


class TradeHeader(Header):
    """The commercial header of an order, its acknowledgment or change, and in part of an invoice."""

    declaration: Declaration | None = None
    """What the sender's file declares about itself (XML only)."""
    currency: str | None = None
    """ISO 4217 code of every amount ("USD") (CUR02; UBL DocumentCurrencyCode)."""
    currency_party: Code | None = None
    """Whose currency it is (CUR01); the seller's when absent."""
    exchange_rate: Number | None = None
    """CUR03."""
    exchange_party: Code | None = None
    """Whose currency `exchange_currency` is (CUR04)."""
    exchange_currency: str | None = None
    """The currency that `exchange_rate` leads to (CUR05)."""
    channel: str | None = None
    """Where the order came from: wholesale, web, phone; for the back office only."""
    references: list[Reference] = new_list()
    """REF."""
    contacts: list[Contact] = new_list()
    """PER."""
    tax_registrations: list[TaxRegistration] = new_list()
    """TAX."""
    freight_terms: list[FreightTerms] = new_list()
    """FOB."""
    prices: list[Price] = new_list()
    """CTP."""
    fulfilment: list[FulfilmentTerms] = new_list()
    """CSH."""
    allowances_charges: list[AllowanceCharge] = new_list()
    """SAC."""
    payment_terms: list[PaymentTerms] = new_list()
    """ITD."""
    discounts: list[Discount] = new_list()
    """DIS."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    lead_times: list[LeadTime] = new_list()
    """LDT."""
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
    marks: list[Mark] = new_list()
    """MAN."""
    taxes: list[Tax] = new_list()
    """TXI."""
    amounts: list[Amount] = new_list()
    """AMT."""
    total_amounts: list[Amount] = new_list()
    """AMT of the summary: the total of the document as its sender states it."""
    notes: list[Note] = new_list()
    """N9 with MSG or MTX; NTE."""
    parties: list[Party] = new_list()
    """N1."""
    documents: list[DocumentReference] = new_list()
    """Papers referred to or enclosed (UBL AdditionalDocumentReference and its like)."""
    accounting_cost: str | None = None
    """Where the buyer books it, in words (UBL AccountingCost)."""
    accounting_code: str | None = None
    """Where the buyer books it, as a code (UBL AccountingCostCode)."""
    payment_means: list[PaymentMeans] = new_list()
    """Ways to pay, with the accounts (UBL PaymentMeans)."""
    tax_total: Money | None = None
    """Sum of the taxes as the sender states it (UBL TaxTotal/TaxAmount)."""
    payment: Payment | None = None
    """Payment facts of the back office; X12 does not carry them."""
    summary: SummaryTotals | None = None
    """Weight and volume of the whole document (CTT03-07)."""
    hash_total: Number | None = None
    """CTT02 when the partner uses one; computed again from the lines when written."""

    def date(self, *types: str) -> datetime.date | None:
        """The first header date of one of the types ("requested_ship")."""
        return date_of(self.dates, *types)

    def reference(self, *types: str) -> str | None:
        """The first header reference of one of the types ("department")."""
        return reference_of(self.references, *types)

    def party(self, *types: str) -> Party | None:
        """The first header party of one of the types ("ship_to")."""
        return party_of(self.parties, *types)
