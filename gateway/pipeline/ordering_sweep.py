"""Orders while time passes: compared again when something came or changed, and a case for what is late."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages.models import Document
from gateway.messages.ordermodels import OrderFollowUp, PurchaseOrder
from gateway.messages.orderreview import Reviewed, keep, review
from gateway.messages.queries_orders import is_ours
from gateway.pipeline.context import Pipeline
from gateway.pipeline.orderhold import tolerances
from gateway.pipeline.problems import Problem, ProblemKind, open_problem

__all__ = ["sweep_late_documents", "sweep_orders"]

#: Orders that one look compares, and clocks that it opens cases for.
_ORDERS, _LATE = 200, 500
#: Orders that are kept in one transaction.
_TOGETHER = 20


def sweep_orders(pipeline: Pipeline) -> int:
    """Compare the orders of which documents came or changed; how many.

    Reading happens outside the writer, since a document may have thousands of lines; what was found is only kept
    when nothing changed meanwhile.
    """
    with pipeline.store.read() as session:
        stale = list(session.scalars(select(PurchaseOrder.id).where(PurchaseOrder.stale).limit(_ORDERS)))
    of = tolerances(pipeline)
    for first in range(0, len(stale), _TOGETHER):
        batch = stale[first : first + _TOGETHER]
        with pipeline.store.read() as session:
            found = [review(session, session.get_one(PurchaseOrder, key), of) for key in batch]
        pipeline.store.writer.run(partial(_keep_all, found=found, now=pipeline.clock()))
    return len(stale)


def _keep_all(session: Session, found: list[Reviewed], now: datetime) -> None:
    for one in found:
        keep(session, one, now)


def sweep_late_documents(pipeline: Pipeline) -> int:
    """Open a case for every business document whose time has passed, theirs and ours; how many."""
    now = pipeline.clock()
    with pipeline.store.read() as session:
        if session.scalar(_late(now).limit(1)) is None:
            return 0

    def run(session: Session) -> int:
        rows = session.execute(
            select(OrderFollowUp, PurchaseOrder, Document)
            .join(PurchaseOrder, PurchaseOrder.id == OrderFollowUp.order_id)
            .join(Document, Document.id == OrderFollowUp.document_id)
            .where(OrderFollowUp.ended_at.is_(None), OrderFollowUp.due_at <= now, OrderFollowUp.late_at.is_(None))
            .order_by(OrderFollowUp.due_at)
            .limit(_LATE)
        ).all()
        for clock, order, document in rows:
            clock.late_at = now
            session.flush()
            open_problem(session, document, _problem(pipeline, clock, order, document), now, "sweeper")
        return len(rows)

    return pipeline.store.writer.run(run)


def _late(now: datetime) -> Any:
    return select(OrderFollowUp.document_id).where(
        OrderFollowUp.ended_at.is_(None), OrderFollowUp.due_at <= now, OrderFollowUp.late_at.is_(None)
    )


def _problem(pipeline: Pipeline, clock: OrderFollowUp, order: PurchaseOrder, document: Document) -> Problem:
    profile = pipeline.profile(order.partner)
    partner = order.partner if profile is None else profile.name
    what = f"{clock.kind.replace('_', ' ')} ({clock.set_id})"
    about = f"order {order.number}"
    if document.kind not in ("order", "order_change"):
        about += f" after {document.set_id} {document.number or ''}".rstrip()
    due = f"it was due {clock.due_at:%Y-%m-%d %H:%M} UTC"
    # The rule ends in the kind: that is how the case is found again when nothing is late any more.
    if is_ours(order.role, clock.kind):
        sentence = f"We have not sent {partner} the {what} for its {about}; {due}."
        return Problem(ProblemKind.DOCUMENT_LATE, sentence, clock.kind)
    sentence = f"{partner} has not sent the {what} for our {about}; {due}."
    return Problem(ProblemKind.DOCUMENT_OVERDUE, sentence, clock.kind)
