"""Looking at a whole order: which of its documents count, its line matrix, and everything that follows from them.

``review`` only reads and may take its time with large documents; ``keep`` writes what it found, if no document came or
changed meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.documents import DocumentError, parse_document
from gateway.messages import orderclocks
from gateway.messages.axes import Acknowledgement, Processing
from gateway.messages.models import Document
from gateway.messages.ordermatrix import Matrix, Statement, order_matrix
from gateway.messages.ordermodels import OrderDocument, OrderFollowUp, PurchaseOrder
from gateway.messages.orders import STAGE_OF_KIND, documents_by_order
from gateway.partners.transfers import Tolerances
from gateway.store import payloads
from gateway.store.errors import StoreError

__all__ = ["Reviewed", "TolerancesOf", "counting", "keep", "review"]

#: Gives what the profile allows a document to differ by from its order.
TolerancesOf = Callable[[Document], Tolerances]
Linked = tuple[OrderDocument, Document]
#: A number with an exponent of three digits: nobody orders so many, and adding such numbers up takes for ever.
_ABSURD = re.compile(rb'"[-+]?[0-9.]+[eE][-+]?[0-9]{3,}"')

_VOID = frozenset({Processing.REJECTED.value, Processing.IGNORED.value})


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One order as it stands."""

    id: str
    matrix: Matrix
    #: Every document in the order of time, and the ids of those that count.
    documents: tuple[Linked, ...]
    counts: frozenset[str]
    #: Documents whose content is not there any more, or cannot be read.
    unread: frozenset[str]
    #: Changes whenever a document comes or its state changes.
    signature: tuple[Any, ...]


def review(session: Session, order: PurchaseOrder, tolerances_of: TolerancesOf) -> Reviewed:
    """Read an order's documents and lay them beside it."""
    linked = documents_by_order(session, [order.id])[order.id]
    kept = counting(linked)
    statements, unread = [], set()
    for entry, row in linked:
        if entry.document_id not in kept or row.canonical_sha256 is None:  # sent unchanged: it has no lines here
            continue
        try:
            body = payloads.get(session, row.canonical_sha256)
            document = None if _ABSURD.search(body) else parse_document(body)
        except (StoreError, DocumentError):
            document = None
        if document is None:
            unread.add(row.id)
            continue
        statements.append(Statement(row.id, document, tolerances_of(row)))
    return Reviewed(
        id=order.id,
        matrix=order_matrix(order.number, statements),
        documents=tuple(linked),
        counts=kept,
        unread=frozenset(unread),
        signature=_signature(linked),
    )


def counting(linked: Sequence[Linked]) -> frozenset[str]:
    """The ids of the documents that say something about the order now.

    Rejected, ignored and partner-rejected ones do not; of those with one business key the last counts (a replay, a
    corrected copy, a replacement); a held one counts only while no other of its key does.
    """
    best: dict[tuple[str, str, str], str] = {}
    held: dict[tuple[str, str, str], str] = {}
    for entry, row in linked:
        if row.processing in _VOID or row.acknowledgement == Acknowledgement.REJECTED:
            continue
        key = (entry.kind, row.business_key or row.id, entry.effect)
        (held if row.processing == Processing.HELD else best)[key] = row.id
    return frozenset(best.values()) | frozenset(found for key, found in held.items() if key not in best)


def _signature(linked: Sequence[Linked]) -> tuple[Any, ...]:
    return tuple((row.id, row.processing, row.acknowledgement) for _, row in linked)


# -- writing what follows --------------------------------------------------------------------------------------


def keep(session: Session, found: Reviewed, now: datetime) -> bool:
    """Write what was found into the order's row and its clocks; False when something changed since it was read."""
    order = session.get(PurchaseOrder, found.id)
    if order is None or _signature(documents_by_order(session, [found.id])[found.id]) != found.signature:
        return False
    linked = [(entry, row) for entry, row in found.documents if row.id in found.counts]
    _stages(order, linked)
    _clocks(session, order, linked, now)
    orderclocks.refresh_next(session, order)
    invoices = [entry.at for entry, _ in linked if entry.kind == "invoice"]
    done = found.matrix.invoiced_in_full and bool(invoices) and order.next_due_at is None
    if not found.unread:
        order.settled_at = max(invoices) if done else None
    order.is_open = order.settled_at is None and order.cancelled_at is None and order.closed_at is None
    if not found.unread:  # content that retention removed changes nothing that was known
        order.mismatch = found.matrix.mismatch
    if found.matrix.known and found.matrix.ordered_total is not None and _was_changed(linked):
        order.amount = format(found.matrix.ordered_total, "f")
    order.stale = False
    session.flush()
    return True


def _was_changed(linked: Sequence[Linked]) -> bool:
    return any(entry.kind == "order_change" for entry, _ in linked)


def _stages(order: PurchaseOrder, linked: Sequence[Linked]) -> None:
    for kind, column in STAGE_OF_KIND.items():
        reached = [entry.at for entry, _ in linked if entry.kind == kind and not (kind == "order" and entry.effect)]
        setattr(order, column, min(reached, default=None))
    cancels = [entry.at for entry, _ in linked if entry.effect == "cancels"]
    answers = [entry for entry, _ in linked if entry.kind == "order_acknowledgment"]
    if answers and answers[-1].effect == "refuses":
        cancels.append(answers[-1].at)
    order.cancelled_at = min(cancels, default=None)


def _clocks(session: Session, order: PurchaseOrder, linked: Sequence[Linked], now: datetime) -> None:
    """Wait again for what was met by a document that does not count, and no longer for what nothing asks for."""
    if order.cancelled_at is not None:
        orderclocks.end(session, order.id, "cancelled", now)
        return
    if order.closed_at is not None:
        return
    kinds = {entry.kind for entry, _ in linked}
    skipped = {step["kind"] for step in order.skipped or ()}
    rows = session.execute(
        select(OrderFollowUp, OrderDocument)
        .join(
            OrderDocument,
            (OrderDocument.document_id == OrderFollowUp.document_id)
            & (OrderDocument.order_id == OrderFollowUp.order_id),
        )
        .where(OrderFollowUp.order_id == order.id)
    ).all()
    for clock, source in rows:
        came = any(
            clock.kind in orderclocks.meets(entry.kind) and (entry.at >= source.at or source.kind == "order")
            for entry, _ in linked
        )
        asked = source.kind in kinds and clock.kind not in skipped
        if clock.ended_at is None and (came or not asked):
            orderclocks.end(session, order.id, "met" if came else "cancelled", now, clock.kind)
        elif clock.outcome in ("met", "cancelled") and not came and asked:
            orderclocks.reopen(session, order.id, clock.document_id, clock.kind)
