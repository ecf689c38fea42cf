"""Where messages stand as retention sees them: whose they are, when the last thing happened, and what is not finished.

A message is a transmission with all of its documents. What is asked of the database is counted there: a file of fifty
thousand documents is a few rows here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from gateway.messages.axes import Acknowledgement, Delivery, Processing, Review
from gateway.messages.corrections import Correction, CorrectionState
from gateway.messages.models import Attempt, CaseFile, CaseMember, Document, Interchange, Job, Transmission
from gateway.messages.ordermodels import OrderDocument, OrderFollowUp, PurchaseOrder
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS

__all__ = ["OBSTACLES", "Unit", "units_of"]

Query: TypeAlias = Select[*tuple[Any, ...]]

#: What can keep content back although its time is over, each as a sentence.
OBSTACLES: Mapping[str, str] = {
    "legal_hold": "A legal hold stops every removal for the partner.",
    "unfinished": "It is not processed to its end.",
    "held": "It is held and waits for a person.",
    "undelivered": "It is not delivered, or the proof of it (MDN, collection) has not come.",
    "failed": "Its delivery was given up; it can still be sent again.",
    "unacknowledged": "The partner's acknowledgement of it has not come.",
    "case_open": "A problem with it is open.",
    "not_reviewed": "It was rejected, and nobody has reviewed it.",
    "unanswered": "Our acknowledgement of it is not delivered.",
    "working": "Work on it waits or runs.",
    "correction": "A correction of it waits for a second person.",
    "copied": "A copy of it is not processed to its end.",
    "order_open": "An order that it belongs to is open.",
    "mailbox": "It lies in the partner's mailbox.",
    "elsewhere": "Another part of the gateway uses it.",
    "shared": "The same bytes belong to another message whose time is not over.",
}
_ENDED = (Processing.POSTED.value, Processing.IGNORED.value, Processing.REJECTED.value)
_WAITING = (Acknowledgement.AWAITED.value, Acknowledgement.OVERDUE.value)
_CLOSED = (Review.RESOLVED.value, Review.IGNORED.value)
_ANSWERS = (*sorted(ACKNOWLEDGEMENT_SETS), "TA1", "ApplicationResponse", "StatusUpdateRequest", "Response")
#: Ids in one statement.
_AT_ONCE = 500


@dataclass(slots=True)
class Unit:
    """One message: a transmission with its documents."""

    #: Whose it is; None for an unknown sender.
    partner: str | None
    #: Everybody whose content is in it.
    partners: set[str]
    #: When it came or was handed over.
    began_at: datetime
    #: When the last thing happened to it.
    last_at: datetime
    #: What keeps it back, keys of ``OBSTACLES`` in the order of that table.
    obstacles: set[str] = field(default_factory=set)
    #: True when it is nothing but acknowledgements, ours or theirs.
    is_answer: bool = False

    @property
    def obstacle(self) -> str:
        """The first thing that keeps it back; "" when nothing does."""
        return next((name for name in OBSTACLES if name in self.obstacles), "")

    def happened(self, *instants: datetime | None) -> None:
        """Something happened to it at these instants."""
        self.last_at = max([self.last_at, *(at for at in instants if at is not None)])


def units_of(session: Session, ids: Collection[str]) -> dict[str, Unit]:
    """The messages with these transmissions, by their ids."""
    found: dict[str, Unit] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        found |= _some_units(session, ordered[start : start + _AT_ONCE])
    return found


def _some_units(session: Session, ids: list[str]) -> dict[str, Unit]:
    units = {row.id: _unit_of(row) for row in session.execute(_transmissions(ids))}
    business: set[str] = set()
    answers: set[str] = set()
    for row in session.execute(_documents(ids)):
        (answers if row.answers else business).add(row.transmission_id)
        _add_documents(units[row.transmission_id], row)
    for identity in answers - business:
        units[identity].is_answer = True
    for row in session.execute(_cases(ids)):
        unit = units[row.id]
        unit.happened(row.closed_at)
        if row.open:
            unit.obstacles.add("case_open")
    for row in session.execute(_orders(ids)):
        unit = units[row.transmission_id]
        unit.happened(row.settled_at, row.cancelled_at, row.closed_at)
        if row.open:
            unit.obstacles.add("order_open")
    for name, query in _facts(ids):
        for identity in session.scalars(query):
            units[identity].obstacles.add(name)
    return units


# -- the transmission and its documents -------------------------------------------------------------------------


def _transmissions(ids: list[str]) -> Query:
    ended = select(func.max(Attempt.ended_at)).where(Attempt.transmission_id == Transmission.id).scalar_subquery()
    return select(
        Transmission.id,
        Transmission.direction,
        Transmission.partner,
        Transmission.processing,
        Transmission.delivery,
        Transmission.acknowledges_id,
        Transmission.created_at,
        ended.label("ended_at"),
    ).where(Transmission.id.in_(ids))


def _unit_of(row: Any) -> Unit:
    partners = {row.partner} if row.partner else set()
    unit = Unit(row.partner, partners, row.created_at, row.created_at, is_answer=row.acknowledges_id is not None)
    unit.happened(row.ended_at)
    if row.direction == "in":
        if row.processing == Processing.HELD:
            unit.obstacles.add("held")
        elif row.processing not in _ENDED:
            unit.obstacles.add("unfinished")
    elif row.delivery == Delivery.FAILED:
        unit.obstacles.add("failed")
    elif row.delivery != Delivery.CONFIRMED:
        unit.obstacles.add("undelivered")
    return unit


def _documents(ids: list[str]) -> Query:
    """The documents of each transmission, counted by what matters here."""
    answer = Document.set_id.in_(_ANSWERS)
    columns = (Document.transmission_id, Document.partner, Document.processing, Document.acknowledgement)
    return (
        select(
            *columns,
            func.min(case((answer, 1), else_=0)).label("answers"),
            func.max(Document.received_at).label("received_at"),
            func.max(Document.posted_at).label("posted_at"),
            func.max(Document.acknowledged_at).label("acknowledged_at"),
        )
        .where(Document.transmission_id.in_(ids))
        .group_by(*columns)
        .order_by(*columns)
    )


def _add_documents(unit: Unit, row: Any) -> None:
    first = unit.partner is None and not unit.partners
    unit.happened(row.received_at, row.posted_at, row.acknowledged_at)
    if row.partner:
        unit.partners.add(row.partner)
        unit.partner = row.partner if first else unit.partner
    if row.processing == Processing.HELD:
        unit.obstacles.add("held")
    elif row.processing not in _ENDED:
        unit.obstacles.add("unfinished")
    if row.acknowledgement in _WAITING:
        unit.obstacles.add("unacknowledged")


# -- what belongs to them ----------------------------------------------------------------------------------------


def _cases(ids: list[str]) -> Query:
    """The cases of each transmission and of its documents: when the last closed, and whether one is open."""
    whole = select(CaseMember.subject_id.label("id"), CaseMember.case_id).where(
        CaseMember.subject_type == "transmission", CaseMember.subject_id.in_(ids)
    )
    parts = (
        select(Document.transmission_id.label("id"), CaseMember.case_id)
        .join(CaseMember, and_(CaseMember.subject_type == "document", CaseMember.subject_id == Document.id))
        .where(Document.transmission_id.in_(ids))
    )
    members = whole.union(parts).subquery()
    is_open = case((CaseFile.review.in_(_CLOSED), 0), else_=1)
    return (
        select(members.c.id, func.max(CaseFile.closed_at).label("closed_at"), func.max(is_open).label("open"))
        .join(CaseFile, CaseFile.id == members.c.case_id)
        .group_by(members.c.id)
    )


def _orders(ids: list[str]) -> Query:
    """The orders that the documents of each transmission speak of: when the last ended, and whether one is open."""
    is_open = case((or_(PurchaseOrder.is_open, PurchaseOrder.stale), 1), else_=0)
    ends = (PurchaseOrder.settled_at, PurchaseOrder.cancelled_at, PurchaseOrder.closed_at)
    return (
        select(
            Document.transmission_id,
            func.max(is_open).label("open"),
            *(func.max(end).label(end.key) for end in ends),
        )
        .join(OrderDocument, OrderDocument.document_id == Document.id)
        .join(PurchaseOrder, PurchaseOrder.id == OrderDocument.order_id)
        .where(Document.transmission_id.in_(ids))
        .group_by(Document.transmission_id)
    )


def _facts(ids: list[str]) -> Iterator[tuple[str, Query]]:
    """(key of ``OBSTACLES``, the transmissions for which it holds)."""
    of_document = select(Document.transmission_id).where(Document.transmission_id.in_(ids))
    yield "not_reviewed", _rejected_transmissions(ids)
    yield "not_reviewed", _rejected_documents(of_document)
    answer = aliased(Transmission)
    yield (
        "unanswered",
        select(Interchange.transmission_id)
        .join(answer, answer.id == Interchange.acknowledgement_transmission_id)
        .where(Interchange.transmission_id.in_(ids), answer.delivery != Delivery.CONFIRMED.value),
    )
    yield "working", select(Job.key).where(Job.key.in_(ids))
    yield "working", of_document.where(Document.id.in_(select(Job.key)))
    waits = Correction.state == CorrectionState.WAITING.value
    yield "correction", select(Correction.subject_id).where(Correction.subject_id.in_(ids), waits)
    yield "correction", of_document.where(Document.id.in_(select(Correction.subject_id).where(waits)))
    again, copy = aliased(Transmission), aliased(Document)
    under_way = or_(
        and_(again.direction == "in", again.processing.not_in(_ENDED)),
        and_(again.direction == "out", again.delivery != Delivery.CONFIRMED.value),
    )
    yield "copied", select(again.parent_id).where(again.parent_id.in_(ids), under_way)
    yield "copied", of_document.join(copy, copy.parent_id == Document.id).where(copy.processing.not_in(_ENDED))
    yield (
        "order_open",
        of_document.join(OrderFollowUp, OrderFollowUp.document_id == Document.id).where(
            OrderFollowUp.ended_at.is_(None)
        ),
    )


def _rejected_transmissions(ids: list[str]) -> Query:
    """Those that were rejected without any case, of their own or of a document."""
    part = aliased(Document)
    parts = select(part.id).where(part.transmission_id == Transmission.id)
    reviewed = or_(
        and_(CaseMember.subject_type == "transmission", CaseMember.subject_id == Transmission.id),
        and_(CaseMember.subject_type == "document", CaseMember.subject_id.in_(parts)),
    )
    return select(Transmission.id).where(
        Transmission.id.in_(ids),
        Transmission.processing == Processing.REJECTED.value,
        ~exists(select(literal(1)).where(reviewed).correlate(Transmission)),
    )


def _rejected_documents(of_document: Query) -> Query:
    """Those that hold a document which we or the partner rejected and that is in no case, nor is the whole."""
    reviewed = or_(
        and_(CaseMember.subject_type == "document", CaseMember.subject_id == Document.id),
        and_(CaseMember.subject_type == "transmission", CaseMember.subject_id == Document.transmission_id),
    )
    return of_document.where(
        or_(
            Document.processing == Processing.REJECTED.value,
            Document.acknowledgement == Acknowledgement.REJECTED.value,
        ),
        ~exists(select(literal(1)).where(reviewed).correlate(Document)),
    )
