"""Holding what differs from its order: an invoice at another price is seen by a person before it is paid.

Asked right before a received document goes to the back office, when every document that came before it stands beside
the order. Only where the partner's profile says so (`documents.received.<set>.tolerances.hold`); a document that a
person released after it was held is not asked about again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages.models import CaseFile, CaseMember, Document
from gateway.messages.ordermatrix import Matrix
from gateway.messages.ordermodels import OrderDocument, PurchaseOrder
from gateway.messages.orderreview import TolerancesOf, review
from gateway.messages.orders import way_of
from gateway.messages.ordervalues import Difference
from gateway.partners import rules
from gateway.partners.transfers import Tolerances
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import Problem, ProblemKind

__all__ = ["difference_problem", "may_hold", "tolerances"]

#: Kind of a document → differences of the whole order that another one of this kind makes.
_COUNTED: Final = {
    "order_acknowledgment": "over_acknowledged",
    "order_change_acknowledgment": "over_acknowledged",
    "ship_notice": "over_shipped",
    "invoice": "over_invoiced",
}
#: Differences that the sentence tells.
_TOLD: Final = 2


def tolerances(pipeline: Pipeline) -> TolerancesOf:
    """What a document may differ by from its order, by the profile of its partner in force."""

    def of(document: Document) -> Tolerances:
        profile = pipeline.profile(document.partner or "")
        if profile is None:
            return Tolerances()
        return rules.document_settings(profile, document.set_id, way_of(document)).tolerances

    return of


def may_hold(pipeline: Pipeline, partner: str, kind: str, set_id: str) -> bool:
    """Whether received documents of a kind are compared with their order before they go on."""
    profile = pipeline.profile(partner) if kind in _COUNTED else None
    return profile is not None and rules.document_settings(profile, set_id, "in").tolerances.hold


def difference_problem(pipeline: Pipeline, session: Session, document_id: str) -> Problem | None:
    """Why a received document waits for a person: it differs from its order, or there is none. None when it goes on."""
    row = session.get_one(Document, document_id)
    if not may_hold(pipeline, row.partner or "", row.kind, row.set_id) or _was_held(session, row):
        return None
    profile, allowed = pipeline.profile(row.partner or ""), tolerances(pipeline)
    name = f"{row.set_id} {row.number or ''}".strip() + (f" from {profile.name}" if profile is not None else "")
    orders = session.scalars(
        select(PurchaseOrder)
        .join(OrderDocument, OrderDocument.order_id == PurchaseOrder.id)
        .where(OrderDocument.document_id == row.id)
        .order_by(PurchaseOrder.number)
    ).all()
    if not orders:
        return _problem(row, "no_order", f"{name} names no order, so it could not be compared with one.")
    for order in orders:
        matrix = review(session, order, allowed).matrix
        if not matrix.known:
            said = f"{name} is for the order {order.number}, which never came or went here: it could not be compared."
            return _problem(row, "no_order", said)
        found = _differences(matrix, row)
        if found:
            return _problem(row, found[0].rule, f"{name} differs from the order {order.number}. {_told(found)}")
    return None


def _was_held(session: Session, row: Document) -> bool:
    query = select(CaseMember.case_id).join(CaseFile, CaseFile.id == CaseMember.case_id)
    query = query.where(CaseMember.subject_type == "document", CaseMember.subject_id == row.id)
    return session.scalar(query.where(CaseFile.fault == ProblemKind.ORDER_DIFFERENCE.value).limit(1)) is not None


def _differences(matrix: Matrix, row: Document) -> list[Difference]:
    every = [*matrix.differences, *(each for line in matrix.lines for each in line.differences)]
    return [each for each in every if each.document_id == row.id or each.rule == _COUNTED[row.kind]]


def _told(found: Sequence[Difference]) -> str:
    more = len(found) - _TOLD
    rest = [] if more <= 0 else [f"And {more} more {'difference' if more == 1 else 'differences'}."]
    return " ".join([*(each.sentence for each in found[:_TOLD]), *rest])


def _problem(row: Document, rule: str, sentence: str) -> Problem:
    return Problem(ProblemKind.ORDER_DIFFERENCE, sentence, f"{row.set_id}|{rule}")
