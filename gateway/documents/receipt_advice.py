"""The receipt advice: what arrived of a shipment, and what was short, refused or too much."""

from __future__ import annotations

from typing import Literal

from gateway.documents.base import Code, Day, DocumentModel, Number, new_list
from gateway.documents.declarations import Declaration, DocumentReference
from gateway.documents.envelope import Header
from gateway.documents.facts import BusinessDate, Contact, Note, Reference, date_of, reference_of
from gateway.documents.goods import Description, ItemId, Property, item_id_of
from gateway.documents.logistics import Load, Mark, Routing
from gateway.documents.parties import Party, party_of

__all__ = ["ReceiptAdvice", "ReceiptLine"]


class ReceiptLine(DocumentModel):
    """One line of the receipt (X12: RCD loop; UBL ReceiptLine)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    position: str | None = None
    """The line's own number in the receipt (RCD01; UBL ID)."""
    line_id: str | None = None
    """The line of the order, verbatim (UBL OrderLineReference/LineID)."""
    ship_line_id: str | None = None
    """The line of the ship notice, verbatim (UBL DespatchLineReference/LineID)."""
    order_number: str | None = None
    """The buyer's order number when lines differ (PRF01; UBL OrderLineReference/OrderReference/ID)."""
    received: Number | None = None
    """Quantity received (RCD02; UBL ReceivedQuantity)."""
    unit: str | None = None
    """Unit of measure of all quantities of the line, the partner's code (RCD03)."""
    short: Number | None = None
    """Quantity that was announced but did not arrive (UBL ShortQuantity)."""
    short_action: Code | None = None
    """What to do about it (UBL ShortageActionCode)."""
    rejected: Number | None = None
    """Quantity refused (RCD04; UBL RejectedQuantity)."""
    reject_reason: Code | None = None
    """Why, as a code (RCD08; UBL RejectReasonCode)."""
    reject_text: str | None = None
    """Why, in words (UBL RejectReason)."""
    reject_action: Code | None = None
    """What to do about it (UBL RejectActionCode)."""
    oversupplied: Number | None = None
    """Quantity beyond what was announced (UBL OversupplyQuantity)."""
    discrepancy: Code | None = None
    """Kind of discrepancy (UBL QuantityDiscrepancyCode)."""
    received_date: Day | None = None
    """Day of receipt (UBL ReceivedDate)."""
    timing: Code | None = None
    """Complaint about the time of delivery (UBL TimingComplaintCode)."""
    timing_text: str | None = None
    """The same in words (UBL TimingComplaint)."""
    item_ids: list[ItemId] = new_list()
    """Identifications of the item (LIN)."""
    descriptions: list[Description] = new_list()
    """PID; UBL Item/Description and Item/Name."""
    properties: list[Property] = new_list()
    """UBL AdditionalItemProperty."""
    references: list[Reference] = new_list()
    """REF."""
    dates: list[BusinessDate] = new_list()
    """DTM."""
    marks: list[Mark] = new_list()
    """Package marks such as the SSCC (MAN; UBL TransportHandlingUnit/ID)."""
    notes: list[Note] = new_list()
    """Text."""

    def item_id(self, *schemes: str) -> str | None:
        """The first item id under one of the schemes, in the order of the schemes."""
        return item_id_of(self.item_ids, *schemes)


class ReceiptAdvice(Header):
    """A receipt advice (X12: 861; UBL ReceiptAdvice)."""

    kind: Literal["receipt_advice"] = "receipt_advice"
    """Discriminates the documents."""
    declaration: Declaration | None = None
    """What the sender's file declares about itself."""
    receipt_type: Code | None = None
    """BRA04; UBL ReceiptAdviceTypeCode."""
    order_number: str | None = None
    """The buyer's order number (PRF01; UBL OrderReference/ID)."""
    order_date: Day | None = None
    """UBL OrderReference/IssueDate."""
    seller_order_number: str | None = None
    """The seller's own order number (UBL OrderReference/SalesOrderID)."""
    ship_notice_number: str | None = None
    """Number of the ship notice (REF*SI; UBL DespatchDocumentReference/ID)."""
    ship_notice_date: Day | None = None
    """UBL DespatchDocumentReference/IssueDate."""
    shipment_id: str | None = None
    """The shipment (UBL Shipment/ID)."""
    consignment_id: str | None = None
    """The consignment that carried it (UBL Consignment/ID)."""
    references: list[Reference] = new_list()
    """REF."""
    documents: list[DocumentReference] = new_list()
    """Papers referred to or enclosed."""
    contacts: list[Contact] = new_list()
    """PER."""
    dates: list[BusinessDate] = new_list()
    """DTM: received, delivered …"""
    loads: list[Load] = new_list()
    """TD1."""
    routing: list[Routing] = new_list()
    """TD5."""
    notes: list[Note] = new_list()
    """Text."""
    parties: list[Party] = new_list()
    """N1."""
    lines: list[ReceiptLine] = new_list()
    """The lines in order."""

    def party(self, *types: str) -> Party | None:
        """The first party of one of the types ("ship_to")."""
        return party_of(self.parties, *types)

    def date(self, *types: str) -> Day | None:
        """The first date of one of the types ("delivered")."""
        return date_of(self.dates, *types)

    def reference(self, *types: str) -> str | None:
        """The first reference of one of the types."""
        return reference_of(self.references, *types)
