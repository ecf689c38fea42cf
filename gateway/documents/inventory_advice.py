"""The inventory advice: how much of each item is on hand, available, on order, and when more comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from gateway.documents.base import Code, DocumentModel, Money, new_list
from gateway.documents.commerce import Amount, Tax
from gateway.documents.declarations import Declaration
from gateway.documents.envelope import Header
from gateway.documents.facts import BusinessDate, Contact, Note, Reference, reference_of
from gateway.documents.goods import (
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
from gateway.documents.logistics import Handling, Load, Packaging
from gateway.documents.parties import Party, party_of
from gateway.documents.quantities import Quantity, Schedule

__all__ = ["InventoryAdvice", "InventoryLine"]


class InventoryLine(DocumentModel):
    """One item of the advice (X12: LIN loop)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    line_id: str | None = None
    """LIN01, verbatim."""
    value: Money | None = None
    """Worth of the quantity on hand (UBL InventoryValueAmount)."""
    item_ids: list[ItemId] = new_list()
    """LIN02-31."""
    properties: list[Property] = new_list()
    """Named properties of the item (UBL AdditionalItemProperty)."""
    descriptions: list[Description] = new_list()
    """PID."""
    measurements: list[Measurement] = new_list()
    """MEA."""
    packaging: list[Packaging] = new_list()
    """PKG."""
    dates: list[BusinessDate] = new_list()
    """DTM: available and others."""
    prices: list[Price] = new_list()
    """CTP."""
    currency: str | None = None
    """CUR02."""
    references: list[Reference] = new_list()
    """REF."""
    contacts: list[Contact] = new_list()
    """PER."""
    packs: list[Pack] = new_list()
    """PO4."""
    loads: list[Load] = new_list()
    """TD1."""
    handling: list[Handling] = new_list()
    """TD4."""
    destinations: list[Destination] = new_list()
    """SDQ: quantities by location."""
    taxes: list[Tax] = new_list()
    """TXI."""
    amounts: list[Amount] = new_list()
    """AMT."""
    lead_times: list[LeadTime] = new_list()
    """LDT."""
    quantities: list[Quantity] = new_list()
    """on_hand, available, on_order … (QTY)."""
    schedule: list[Schedule] = new_list()
    """What comes when (SCH)."""
    notes: list[Note] = new_list()
    """Text."""
    parties: list[Party] = new_list()
    """Locations (N1)."""

    def quantity_of(self, *types: str) -> Decimal | None:
        """The first quantity of one of the types ("available"), in the order of the types."""
        return next((entry.quantity for wanted in types for entry in self.quantities if entry.type == wanted), None)

    def item_id(self, *schemes: str) -> str | None:
        """The first item id under one of the schemes, in the order of the schemes."""
        return item_id_of(self.item_ids, *schemes)


class InventoryAdvice(Header):
    """An inventory inquiry or advice (X12: 846; UBL InventoryReport)."""

    kind: Literal["inventory_advice"] = "inventory_advice"
    """Discriminates the documents."""
    declaration: Declaration | None = None
    """What the sender's file declares about itself (XML only)."""
    report_type: Code | None = None
    """seller_inventory, distributor_inventory … (BIA02)."""
    action: Code | None = None
    """BIA06."""
    currency: str | None = None
    """CUR02."""
    currency_party: Code | None = None
    """CUR01."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    references: list[Reference] = new_list()
    """REF."""
    contacts: list[Contact] = new_list()
    """PER."""
    notes: list[Note] = new_list()
    """Text."""
    parties: list[Party] = new_list()
    """N1."""
    hash_total: Decimal | None = None
    """CTT02 when the partner uses one."""
    lines: list[InventoryLine] = new_list()
    """The items in order."""

    def party(self, *types: str) -> Party | None:
        """The first party of one of the types ("ship_from")."""
        return party_of(self.parties, *types)

    def reference(self, *types: str) -> str | None:
        """The first reference of one of the types."""
        return reference_of(self.references, *types)
