"""The invoice and the credit note: what is owed for what was shipped."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from gateway.documents.base import Code, Day, DocumentModel, Money, Number, new_list
from gateway.documents.goods import Description
from gateway.documents.lines import Line, TradeHeader
from gateway.documents.totals import MonetaryTotals

__all__ = ["Invoice", "InvoiceLine", "InvoiceTotals", "ShipmentSummary", "ShippedVia"]


#: Invoice types by which the seller owes the amount.
_CREDITS = frozenset({"credit_note", "credit_memo", "consolidated_credit", "self_billed_credit_note"})


class ShippedVia(DocumentModel):
    """How it was shipped (X12: CAD)."""

    mode: Code | None = None
    """CAD01."""
    equipment_initial: str | None = None
    """CAD02."""
    equipment_number: str | None = None
    """CAD03."""
    carrier: str | None = None
    """SCAC (CAD04)."""
    routing: str | None = None
    """CAD05."""
    status: Code | None = None
    """CAD06."""
    reference_type: Code | None = None
    """CAD07."""
    reference: str | None = None
    """CAD08."""
    service_level: str | None = None
    """CAD09."""


class ShipmentSummary(DocumentModel):
    """Shipped quantity, weight and volume (X12: ISS)."""

    quantity: Number | None = None
    """ISS01."""
    unit: str | None = None
    """ISS02."""
    weight: Number | None = None
    """ISS03."""
    weight_unit: str | None = None
    """ISS04."""
    volume: Number | None = None
    """ISS05."""
    volume_unit: str | None = None
    """ISS06."""
    equivalent_quantity: Number | None = None
    """ISS07."""
    equivalent_weight: Number | None = None
    """ISS08."""
    descriptions: list[Description] = new_list()
    """PID below it."""


class InvoiceTotals(MonetaryTotals):
    """The totals (X12: TDS, in currency units here, cents on the wire; UBL LegalMonetaryTotal)."""

    total: Money | None = None
    """Amount of the invoice with taxes, before what is prepaid (TDS01; UBL TaxInclusiveAmount)."""
    payable: Money | None = None
    """What is left to pay (UBL PayableAmount): `total` less `prepaid` plus `rounding`."""
    discountable: Money | None = None
    """Amount that the terms discount applies to (TDS02)."""
    discounted: Money | None = None
    """Amount due if the discount is taken (TDS03)."""
    discount: Money | None = None
    """Terms discount amount (TDS04)."""


class InvoiceLine(Line):
    """One line of an invoice (X12: IT1 loop; UBL InvoiceLine, CreditNoteLine); `quantity` is the invoiced quantity."""

    shipped_via: list[ShippedVia] = new_list()
    """CAD."""
    order_number: str | None = None
    """The buyer's order number of this line when the invoice covers several orders (UBL
    OrderLineReference/OrderReference/ID); X12 does not carry it."""
    order_date: Day | None = None
    """Date of that order (UBL OrderLineReference/OrderReference/IssueDate)."""
    lines: list[InvoiceLine] = new_list()
    """Lines that explain this one; their amounts are within its own (UBL SubInvoiceLine)."""


class Invoice(TradeHeader):
    """An invoice or credit note (X12: 810; UBL Invoice, CreditNote; cXML InvoiceDetailRequest)."""

    kind: Literal["invoice"] = "invoice"
    """Discriminates the documents."""
    invoice_type: Code | None = None
    """invoice, credit_note, debit … (BIG07); an invoice when absent."""
    order_number: str | None = None
    """The buyer's order number (BIG04)."""
    order_date: Day | None = None
    """BIG03."""
    release: str | None = None
    """BIG05."""
    change_sequence: str | None = None
    """BIG06."""
    action: Code | None = None
    """BIG09."""
    related_invoice: str | None = None
    """The invoice that a credit note corrects (BIG10; UBL BillingReference/InvoiceDocumentReference/ID)."""
    related_invoice_date: Day | None = None
    """Its date (UBL BillingReference/InvoiceDocumentReference/IssueDate)."""
    seller_order_number: str | None = None
    """The seller's own order number (UBL OrderReference/SalesOrderID)."""
    tax_point_date: Day | None = None
    """Day on which the tax falls due (UBL TaxPointDate)."""
    structure: Code | None = None
    """BIG11 (from 005010 on)."""
    lines: list[InvoiceLine] = new_list()
    """The lines in order."""
    totals: InvoiceTotals | None = None
    """Totals of the invoice."""
    shipped_via: list[ShippedVia] = new_list()
    """CAD of the summary."""
    shipments: list[ShipmentSummary] = new_list()
    """ISS."""

    @property
    def is_credit(self) -> bool:
        """True for a credit note: by its type, or received as a UBL CreditNote without one."""
        if self.invoice_type is not None:
            return self.invoice_type.value in _CREDITS
        return self.source is not None and self.source.set_id == "CreditNote"

    def computed_total(self) -> Decimal:
        """Lines plus charges minus allowances plus taxes, unrounded; what `totals.total` is checked against."""
        total = sum((line.amount or Decimal(0) for line in self.lines), Decimal(0))
        entries = [entry for line in self.lines for entry in line.allowances_charges] + self.allowances_charges
        for entry in entries:
            sign = {"charge": 1, "allowance": -1}.get(str(entry.indicator or ""), 0)
            total += sign * (entry.amount or Decimal(0))
            total += sum((tax.amount or Decimal(0) for tax in entry.taxes), Decimal(0))
        taxes = [tax for line in self.lines for tax in line.taxes] + self.taxes
        return total + sum((tax.amount or Decimal(0) for tax in taxes), Decimal(0))
