"""The totals that a sender states, and the prices and amounts they are made of."""

from __future__ import annotations

from gateway.documents.base import DocumentModel, Money, Number

__all__ = ["MonetaryTotals", "OrderTotals", "PriceBase"]


class PriceBase(DocumentModel):
    """A price that is given for more than one unit: 12.50 for 100 (UBL Price, cXML PriceBasisQuantity).

    `price` of the line stays the price of one unit; this keeps how the sender wrote it. It is used when writing as
    long as `amount` / `quantity` still makes that price.
    """

    amount: Money | None = None
    """The price of `quantity` units (UBL PriceAmount)."""
    quantity: Number | None = None
    """How many units it is for (UBL BaseQuantity)."""
    unit: str | None = None
    """Unit of measure of `quantity`, the partner's code."""
    factor: Number | None = None
    """How many units of the price make one unit of the line, when not one (cXML conversionFactor)."""


class MonetaryTotals(DocumentModel):
    """The totals as the sender states them, in the document's currency (UBL LegalMonetaryTotal and its like)."""

    lines: Money | None = None
    """Sum of the net amounts of the lines (UBL LineExtensionAmount)."""
    allowances: Money | None = None
    """Sum of the allowances of the document (UBL AllowanceTotalAmount)."""
    charges: Money | None = None
    """Sum of the charges of the document (UBL ChargeTotalAmount)."""
    tax_exclusive: Money | None = None
    """Amount before taxes (UBL TaxExclusiveAmount)."""
    prepaid: Money | None = None
    """What has been paid already (UBL PrepaidAmount)."""
    rounding: Money | None = None
    """What rounding adds to the payable amount (UBL PayableRoundingAmount)."""


class OrderTotals(MonetaryTotals):
    """Totals that an order expects; what is payable stands in `total_amounts` (UBL AnticipatedMonetaryTotal)."""

    tax_inclusive: Money | None = None
    """Amount with taxes (UBL TaxInclusiveAmount)."""
