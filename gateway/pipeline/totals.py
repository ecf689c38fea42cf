"""The total of an invoice that we send: made where the back office left it out, checked where it did not."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from itertools import chain

from gateway.documents import Document, Invoice, InvoiceTotals
from gateway.standards.edi.model import Finding

__all__ = ["with_total"]

_CENT = Decimal("0.01")
#: Indicators whose entries change what is owed (SAC01).
_COUNTED = frozenset({"allowance", "charge"})


def with_total(document: Document) -> tuple[Document, list[Finding]]:
    """The document with its total, and a warning when a stated total is not what its parts add up to (X12: TDS01).

    Nothing is made or checked when an allowance or charge gives only a rate or percentage: its amount is the back
    office's to say. Amounts are rounded half up to the cent.
    """
    if not isinstance(document, Invoice) or not _adds_up(document):
        return document, []
    computed = document.computed_total().quantize(_CENT, ROUND_HALF_UP)
    stated = document.totals.total if document.totals is not None else None
    if stated is None:
        totals = (document.totals or InvoiceTotals()).model_copy(update={"total": computed})
        return document.model_copy(update={"totals": totals}), []
    if stated == computed:
        return document, []
    message = (
        f"The invoice says that its total is {stated}, but its lines, charges, allowances and taxes make {computed}."
    )
    fix = "Correct totals.total, or leave it out and it is made from the lines."
    return document, [Finding("RULE-invoice-total", "warning", message, fix, "TDS", element=1, value=str(stated))]


def _adds_up(invoice: Invoice) -> bool:
    """True when every allowance and charge states its amount and every line its quantity and price."""
    entries = chain(invoice.allowances_charges, *(line.allowances_charges for line in invoice.lines))
    whole_lines = all(line.quantity is not None and line.price is not None for line in invoice.lines)
    return whole_lines and all(
        entry.amount is not None or str(entry.indicator or "") not in _COUNTED for entry in entries
    )
