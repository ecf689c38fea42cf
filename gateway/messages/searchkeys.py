"""Search keys: numbers inside a document by which people look for it, written when the document is stored.

A document is found by its own number, its control numbers and its file without them; these are the numbers further
in: the SSCC of every package, bill of lading, tracking and PRO numbers, the order that a ship notice or an invoice
answers, and the seller's own order number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.messages.models import Document
from gateway.store import payloads
from gateway.store.base import Base
from gateway.store.payloads import StagedPayload

__all__ = ["KINDS", "SearchKey", "add_keys", "documents_with", "keys_of", "normalise"]

#: Kind of key → how people call it.
KINDS = {
    "sscc": "SSCC",
    "package": "package mark",
    "bill_of_lading": "bill of lading",
    "master_bill_of_lading": "master bill of lading",
    "carrier_reference": "PRO number",
    "tracking_number": "tracking number",
    "shipment": "shipment number",
    "order": "order number",
    "seller_order": "seller's order number",
}
#: Kinds of documents in which there is anything to look for: others cost nothing.
_KINDS_WITH_KEYS = frozenset({"ship_notice", "invoice", "order_acknowledgment", "receipt_advice"})
#: Keys that are kept of one document.
_MOST_KEYS = 20_000
#: Longest key, characters.
_LONGEST = 80
#: Field of a document → kind of key.
_FIELDS = {
    "order_number": "order",
    "seller_order_number": "seller_order",
    "response_number": "seller_order",
    "shipment_id": "shipment",
}


class SearchKey(Base):
    """One number by which a document is found."""

    __tablename__ = "search_key"
    __table_args__ = (Index("ix_search_key_value", "value", "document_id"),)

    document_id: Mapped[str] = mapped_column(ForeignKey(Document.id), primary_key=True)
    #: A key of KINDS.
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    #: As ``normalise`` gives it.
    value: Mapped[str] = mapped_column(Text, primary_key=True)


def normalise(text: str) -> str:
    """A key as it is kept and looked for: without blanks and in capitals; an SSCC without its identifier 00."""
    bare = "".join(text.split()).upper()
    if bare.startswith("(00)"):
        bare = bare[4:]
    if len(bare) == 20 and bare.startswith("00") and bare.isdecimal():
        return bare[2:]
    return bare[:_LONGEST]


def keys_of(document: Any) -> set[tuple[str, str]]:
    """(kind, value) of every key in a canonical document, given as its plain JSON."""
    found: set[tuple[str, str]] = set()
    for kind, value in _walk(document):
        key = normalise(value)
        if key and len(found) < _MOST_KEYS:
            found.add((kind, key))
    return found


def add_keys(session: Session, document_id: str, kind: str, body: bytes | StagedPayload | None) -> int:
    """Write the keys of a document that was stored in this transaction; how many there were.

    ``body`` is its canonical JSON as it was handed to ``payloads.put``. Documents of kinds that have no keys inside
    are not read at all.
    """
    if body is None or kind not in _KINDS_WITH_KEYS:
        return 0
    data = payloads.get(session, body.sha256) if isinstance(body, StagedPayload) else body
    keys = keys_of(json.loads(data))
    if keys:
        rows = [{"document_id": document_id, "kind": name, "value": value} for name, value in sorted(keys)]
        session.flush()
        session.execute(insert(SearchKey), rows)
    return len(keys)


def documents_with(session: Session, text: str, limit: int) -> list[str]:
    """Ids of documents that have this key, whole."""
    key = normalise(text)
    if not key:
        return []
    query = select(SearchKey.document_id).where(SearchKey.value == key).distinct().limit(limit)
    return list(session.scalars(query))


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    """Every key of a document or a part of it: fields, references, marks and the orders of units, at any depth."""
    if not isinstance(node, dict):
        return
    for name, kind in _FIELDS.items():
        if isinstance(value := node.get(name), str):
            yield kind, value
    if isinstance(order := node.get("order"), dict) and isinstance(number := order.get("number"), str):
        yield "order", number
    for reference in _each(node, "references"):
        if reference.get("type") in KINDS and isinstance(value := reference.get("value"), str):
            yield str(reference["type"]), value
    for mark in _each(node, "marks"):
        for prefix in ("", "second_"):
            if isinstance(value := mark.get(f"{prefix}value"), str):
                is_sscc = str(mark.get(f"{prefix}type") or "").startswith("sscc")
                yield ("sscc" if is_sscc else "package"), value
    for name in ("units", "lines"):
        for part in _each(node, name):
            yield from _walk(part)


def _each(node: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    parts = node.get(name)
    if isinstance(parts, list):
        yield from (part for part in parts if isinstance(part, dict))
