"""Canonical business documents: one class per meaning, the same for both roles and every standard.

A back office and a connector see only these; maps carry them to and from X12 and XML. `parse_document` and
`dump_document` are the JSON form, which is public interface and described by `schemas/documents/<kind>.json`.
"""

from __future__ import annotations

from gateway.documents.application_response import ApplicationResponse, DocumentResponse, LineResponse
from gateway.documents.base import SCHEMA_VERSION, Code, Extension, SpelledElement
from gateway.documents.codec import (
    KINDS,
    Document,
    DocumentError,
    FieldError,
    business_key,
    dump_document,
    json_schemas,
    parse_document,
    to_jsonable,
)
from gateway.documents.declarations import Declaration, DocumentReference
from gateway.documents.envelope import (
    Envelope,
    EnvelopeSource,
    GroupSource,
    InterchangeSource,
    Link,
    SeparatorsSource,
)
from gateway.documents.inventory_advice import InventoryAdvice, InventoryLine
from gateway.documents.invoice import Invoice, InvoiceLine, InvoiceTotals
from gateway.documents.order import (
    AcknowledgedLine,
    ChangedLine,
    LineAcknowledgment,
    Order,
    OrderAcknowledgment,
    OrderChange,
    OrderChangeAcknowledgment,
    OrderLine,
)
from gateway.documents.receipt_advice import ReceiptAdvice, ReceiptLine
from gateway.documents.ship_notice import OrderRef, ShipNotice, Unit
from gateway.documents.totals import MonetaryTotals, OrderTotals, PriceBase

__all__ = [
    "KINDS",
    "SCHEMA_VERSION",
    "AcknowledgedLine",
    "ApplicationResponse",
    "ChangedLine",
    "Code",
    "Declaration",
    "Document",
    "DocumentError",
    "DocumentReference",
    "DocumentResponse",
    "Envelope",
    "EnvelopeSource",
    "Extension",
    "FieldError",
    "GroupSource",
    "InterchangeSource",
    "InventoryAdvice",
    "InventoryLine",
    "Invoice",
    "InvoiceLine",
    "InvoiceTotals",
    "LineAcknowledgment",
    "LineResponse",
    "Link",
    "MonetaryTotals",
    "Order",
    "OrderAcknowledgment",
    "OrderChange",
    "OrderChangeAcknowledgment",
    "OrderLine",
    "OrderRef",
    "OrderTotals",
    "PriceBase",
    "ReceiptAdvice",
    "ReceiptLine",
    "SeparatorsSource",
    "ShipNotice",
    "SpelledElement",
    "Unit",
    "business_key",
    "dump_document",
    "json_schemas",
    "parse_document",
    "to_jsonable",
]
