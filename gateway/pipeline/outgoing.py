"""What the way out of a document is made of: reasons to refuse it, the prepared document, the message for the wire."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.messages.ids import derived_id
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Company
from gateway.standards.edi.model import Finding

__all__ = [
    "BUYERS_KINDS",
    "Outgoing",
    "Prepared",
    "Reason",
    "RefusedError",
    "addressed",
    "amount_of",
    "currency_of",
    "findings_json",
]

#: Kinds that a buyer sends; the others are a seller's.
BUYERS_KINDS = frozenset({"order", "order_change", "receipt_advice"})


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a document from being sent."""

    #: Where: a JSON path, a field of the profile, or a place in the written set.
    path: str
    message: str
    fix: str = ""


class RefusedError(Exception):
    """The document cannot be sent; ``reasons`` holds every reason."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A whole message as it goes on the wire, with what its envelope says."""

    data: bytes
    filename: str
    sender: str
    receiver: str
    #: ISA13, payloadID, or the id of a UBL document.
    control: str
    #: ISA12, "ubl-2.1", "cxml-1.2".
    version: str
    group_code: str = ""
    group_control: str = ""
    set_control: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mapped and validated document that waits for its envelope."""

    document: BusinessDocument
    document_id: str
    #: Canonical JSON as stored.
    body: bytes
    #: Business key, None for a document without a number.
    key: str | None
    #: "850", or the root element.
    set_id: str
    #: "x12-004010", "ubl-2.1", "cxml-1.2".
    standard: str
    schema_identity: str
    map_identity: str
    findings: list[Finding]
    #: Makes the message in the transaction that queues it: control numbers are taken there.
    build: Callable[[Session, datetime], Outgoing]


def addressed(
    company: Company, profile: PartnerProfile, document: BusinessDocument, digest: str, parent_id: str | None
) -> tuple[str, BusinessDocument]:
    """The id of an outbound document, and the document with everything that the gateway fills in.

    The same content for the same partner is the same document, so a file that is read again after a crash arrives
    at the same id; a copy that a person made (``parent_id``) is another one.
    """
    document_id = str(document.id or derived_id("outbound", profile.code, digest, parent_id or ""))
    filled = document.model_copy(
        update={
            "id": uuid.UUID(document_id),
            "direction": "outbound",
            "role": "buy" if document.kind in BUYERS_KINDS else "sell",
            "sender": company.code,
            "receiver": profile.code,
            "test": profile.envelope.usage == "T",
        }
    )
    return document_id, filled


def amount_of(document: BusinessDocument) -> str | None:
    """The document's total as decimal text, where it has one."""
    totals = getattr(document, "totals", None)
    for name in ("payable", "gross", "total", "amount"):
        value = getattr(totals, name, None)
        if isinstance(value, Decimal):
            return format(value, "f")
    return None


def currency_of(document: BusinessDocument) -> str | None:
    """ISO 4217 code of the document's currency, where it names one."""
    value = getattr(document, "currency", None)
    return str(getattr(value, "value", None) or value)[:3] if value else None


def findings_json(findings: list[Finding] | tuple[Finding, ...]) -> list[dict[str, Any]] | None:
    """Findings as stored and shown: only the fields that are set."""
    return [{k: v for k, v in asdict(f).items() if v not in (None, "")} for f in findings] or None
