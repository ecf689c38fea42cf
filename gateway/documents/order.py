"""The order, its acknowledgment and its change: who wants what, when, and what the seller says to it."""

from __future__ import annotations

import datetime
from typing import Literal

from gateway.documents.base import Code, Day, DocumentModel, Number, new_list
from gateway.documents.facts import BusinessDate
from gateway.documents.goods import ItemId
from gateway.documents.lines import Line, TradeHeader
from gateway.documents.totals import OrderTotals

__all__ = [
    "AcknowledgedLine",
    "ChangedLine",
    "LineAcknowledgment",
    "Order",
    "OrderAcknowledgment",
    "OrderChange",
    "OrderChangeAcknowledgment",
    "OrderHeader",
    "OrderLine",
]


class OrderLine(Line):
    """One line of an order (X12: PO1 loop; UBL OrderLine)."""

    status: Code | None = None
    """What the buyer says of the line in a full order: added, changed, accepted … (UBL LineStatusCode)."""


class OrderHeader(TradeHeader):
    """What an order and everything that answers or changes it say in their header."""

    order_type: Code | None = None
    """stand_alone, new_order, blanket, release, drop_ship, rush … (BEG02)."""
    release: str | None = None
    """Release number of a blanket order (BEG04, BAK04)."""
    contract: str | None = None
    """Contract number (BEG06, BAK07, BCH08)."""
    contract_type: Code | None = None
    """BEG09, BCH12."""
    purchase_category: Code | None = None
    """BEG10, BCH16."""
    security_level: Code | None = None
    """BEG11, BCH13."""
    transaction_type: Code | None = None
    """BEG12, BAK10, BCH15."""
    terms_text: str | None = None
    """Conditions of the trade in words (UBL TransactionConditions/Description)."""
    totals: OrderTotals | None = None
    """Totals that the sender expects (UBL AnticipatedMonetaryTotal)."""

    @property
    def requested_ship_date(self) -> datetime.date | None:
        """The day the buyer wants it shipped, or the first day it may be."""
        return self.date("requested_ship", "ship_not_before")

    @property
    def requested_delivery_date(self) -> datetime.date | None:
        """The day the buyer wants it delivered, or the first day it may be."""
        return self.date("requested_delivery", "do_not_deliver_before")

    @property
    def cancel_after(self) -> datetime.date | None:
        """The day after which the buyer no longer wants it."""
        return self.date("cancel_after", "cancel_if_not_shipped_by", "ship_no_later", "do_not_deliver_after")

    @property
    def department(self) -> str | None:
        """The buyer's department."""
        return self.reference("department")

    @property
    def vendor_number(self) -> str | None:
        """The buyer's number for the seller."""
        return self.reference("vendor_number", "vendor_id")


class Order(OrderHeader):
    """A purchase order (X12: 850; UBL Order; cXML OrderRequest)."""

    kind: Literal["order"] = "order"
    """Discriminates the documents."""
    ack_required: Code | None = None
    """Which acknowledgment the buyer wants (BEG07)."""
    invoice_type: Code | None = None
    """BEG08."""
    lines: list[OrderLine] = new_list()
    """The lines in order."""


class LineAcknowledgment(DocumentModel):
    """What the seller says to a line or a part of it (X12: ACK). The parts of a line add up to what was ordered."""

    status: Code | None = None
    """accepted, backordered, partial_backorder, quantity_changed, price_changed, substituted, rejected … (ACK01)."""
    quantity: Number | None = None
    """ACK02."""
    unit: str | None = None
    """ACK03."""
    date_type: Code | None = None
    """scheduled_ship, scheduled_delivery, requested_ship … (ACK04)."""
    date: Day | None = None
    """ACK05."""
    request_reference: str | None = None
    """ACK06."""
    item_ids: list[ItemId] = new_list()
    """The substitute item, if any (ACK07-26)."""
    reason: Code | None = None
    """Industry reason (ACK29)."""
    dates: list[BusinessDate] = new_list()
    """Further dates of this part (DTM after ACK)."""


class AcknowledgedLine(Line):
    """A line as ordered, with what the seller says to it (UBL OrderLine of an OrderResponse)."""

    acknowledgments: list[LineAcknowledgment] = new_list()
    """One entry, or several when the line is split."""


class OrderAcknowledgment(OrderHeader):
    """The seller's answer to an order (X12: 855; UBL OrderResponse, OrderResponseSimple; cXML ConfirmationRequest).

    `number` is the buyer's order number, `issue_date` the answer's date.
    """

    kind: Literal["order_acknowledgment"] = "order_acknowledgment"
    """Discriminates the documents."""
    outcome: Code | None = None
    """accepted, accepted_with_changes, accepted_no_detail, rejected, received … (BAK02)."""
    order_date: Day | None = None
    """Date of the order (BAK04)."""
    request_reference: str | None = None
    """BAK06."""
    seller_order_number: str | None = None
    """The seller's own order number (BAK08)."""
    response_number: str | None = None
    """The number of the answer itself (UBL OrderResponse ID, cXML confirmID); X12 has none."""
    reject_text: str | None = None
    """Why it is rejected, in words (UBL RejectionNote)."""
    lines: list[AcknowledgedLine] = new_list()
    """The lines in order; none when the header says it all."""


class ChangedLine(Line):
    """A line of a change or of the answer to it (X12: POC loop). `quantity` is the new quantity."""

    change: Code | None = None
    """add, delete, change, quantity_increase, quantity_decrease, price_change, reschedule, replace … (POC02)."""
    left_to_receive: Number | None = None
    """POC04."""
    acknowledgments: list[LineAcknowledgment] = new_list()
    """What the seller says to it, in the answer (ACK)."""


class OrderChange(OrderHeader):
    """A buyer's change to an order (X12: 860; UBL OrderChange; with purpose cancellation UBL OrderCancellation).

    `number` is the order's number, `issue_date` the change's (BCH11).
    """

    kind: Literal["order_change"] = "order_change"
    """Discriminates the documents."""
    sequence: str | None = None
    """Change order sequence number (BCH05; UBL SequenceNumberID)."""
    change_number: str | None = None
    """The number of the change itself (UBL OrderChange ID); X12 has none."""
    cancel_text: str | None = None
    """Why it is cancelled, in words (UBL CancellationNote)."""
    order_date: Day | None = None
    """Date of the order (BCH06)."""
    request_reference: str | None = None
    """BCH07."""
    seller_order_number: str | None = None
    """The seller's own order number (BCH09)."""
    acknowledged_date: Day | None = None
    """Date of the seller's acknowledgment (BCH10)."""
    ack_required: Code | None = None
    """Which acknowledgment the buyer wants (BCH14)."""
    lines: list[ChangedLine] = new_list()
    """The changed lines in order."""


class OrderChangeAcknowledgment(OrderHeader):
    """The seller's answer to a change, or its own change (X12: 865); `issue_date` is the answer's (BCA10)."""

    kind: Literal["order_change_acknowledgment"] = "order_change_acknowledgment"
    """Discriminates the documents."""
    outcome: Code | None = None
    """accepted, accepted_with_changes, rejected … (BCA02)."""
    sequence: str | None = None
    """Change order sequence number (BCA05)."""
    order_date: Day | None = None
    """Date of the order (BCA06)."""
    request_reference: str | None = None
    """BCA07."""
    seller_order_number: str | None = None
    """The seller's own order number (BCA09)."""
    change_date: Day | None = None
    """Date of the change (BCA11)."""
    requested_date: Day | None = None
    """A further date (BCA12)."""
    lines: list[ChangedLine] = new_list()
    """The changed lines in order."""
