"""Which message an order came in: cXML wants a confirmation and a ship notice to name it by its payloadID."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from gateway.documents import Document as BusinessDocument
from gateway.documents import OrderAcknowledgment, ShipNotice, Unit
from gateway.documents.facts import Reference
from gateway.messages.models import Document
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline

__all__ = ["with_order_messages"]

#: Type of the reference that holds the payloadID.
_MESSAGE = "order_message"


def with_order_messages(pipeline: Pipeline, profile: PartnerProfile, document: BusinessDocument) -> BusinessDocument:
    """The document with the payloadID of each order that it answers, as far as the orders came to us as cXML.

    What the document itself names stays. The given document is not changed.
    """
    if not isinstance(document, OrderAcknowledgment | ShipNotice):
        return document
    changed = document.model_copy(deep=True)
    for holder, number in _orders(changed):
        if number and not any(reference.type == _MESSAGE for reference in holder.references):
            payload_id = _payload_id(pipeline, profile, number)
            if payload_id is not None:
                holder.references.append(Reference(type=_MESSAGE, value=payload_id))
    return changed


def _orders(document: OrderAcknowledgment | ShipNotice) -> Iterator[tuple[OrderAcknowledgment | Unit, str | None]]:
    """The parts of the document that speak of one order, with its number."""
    if isinstance(document, OrderAcknowledgment):
        yield document, document.number
        return
    for unit in document.at_level("order"):
        yield unit, unit.order.number if unit.order is not None else None


def _payload_id(pipeline: Pipeline, profile: PartnerProfile, number: str) -> str | None:
    """The payloadID of the newest order of this number that the partner sent as cXML."""
    with pipeline.store.read() as session:
        return session.scalar(
            select(Document.set_control)
            .where(
                Document.partner == profile.code,
                Document.direction == "in",
                Document.kind == "order",
                Document.number == number,
                Document.standard.startswith("cxml"),
            )
            .order_by(Document.received_at.desc())
            .limit(1)
        )
