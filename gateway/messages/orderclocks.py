"""The clocks of orders: documents that must follow others, those that came, and the cases of those that are late.

A clock is one row of ``order_follow_up``. It starts with the document that asks for another one, and ends when that one
comes, when a person skips it or closes the order, or when the order is taken back. What is late belongs to a case; the
case closes when nothing of its kind is late any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, exists, select, update
from sqlalchemy.orm import Session

from gateway.messages.axes import Review
from gateway.messages.cases import cases_of, close_case
from gateway.messages.models import CaseFile, CaseMember
from gateway.messages.ordermodels import OrderFollowUp, PurchaseOrder
from gateway.standards.x12.codes import DOCUMENT_KINDS
from gateway.standards.xml.identify import KINDS
from gateway.store.prepared import Prepared

__all__ = ["LATE_FAULTS", "close_cases", "end", "kind_of_set", "meets", "met", "next_of", "refresh_next", "reopen"]

#: Fault classes of late documents: ours, and the partner's.
LATE_FAULTS = ("document_late", "document_overdue")
_KINDS: dict[str, str] = {**KINDS["ubl"], **KINDS["cxml"], **DOCUMENT_KINDS}
#: An answer to a change answers the order as well, and the other way round.
_MEETS = {
    "order_acknowledgment": ("order_acknowledgment", "order_change_acknowledgment"),
    "order_change_acknowledgment": ("order_change_acknowledgment", "order_acknowledgment"),
}

_FOLLOW = cast("Table", OrderFollowUp.__table__)
_OPEN = Prepared(
    select(_FOLLOW.c.document_id, _FOLLOW.c.kind, _FOLLOW.c.due_at, _FOLLOW.c.late_at)
    .where(_FOLLOW.c.order_id == bindparam("order", type_=Text), _FOLLOW.c.ended_at.is_(None))
    .order_by(_FOLLOW.c.due_at, _FOLLOW.c.kind)
)
_END = Prepared(
    update(_FOLLOW)
    .where(
        _FOLLOW.c.order_id == bindparam("order", type_=Text),
        _FOLLOW.c.document_id == bindparam("document", type_=Text),
        _FOLLOW.c.kind == bindparam("of_kind", type_=Text),
    )
    .values(
        ended_at=bindparam("at", type_=_FOLLOW.c.ended_at.type),
        outcome=bindparam("why", type_=Text),
        late_at=bindparam("late", type_=_FOLLOW.c.late_at.type),
    )
)


def kind_of_set(set_id: str) -> str | None:
    """The kind of document of a transaction set or root element ("855" → "order_acknowledgment"), None if unknown."""
    return _KINDS.get(set_id)


def met(session: Session, order_id: str, kind: str, now: datetime) -> None:
    """A document of this kind came or went: nobody waits for it any more."""
    _finish(session, order_id, "met", now, _MEETS.get(kind, (kind,)))


def meets(kind: str) -> tuple[str, ...]:
    """The kinds of clocks that a document of this kind ends."""
    return _MEETS.get(kind, (kind,))


def end(session: Session, order_id: str, outcome: str, now: datetime, kind: str | None = None) -> None:
    """End the clocks of an order, or those of one kind, as "skipped", "closed" or "cancelled"."""
    _finish(session, order_id, outcome, now, None if kind is None else (kind,))


def _finish(session: Session, order_id: str, outcome: str, now: datetime, kinds: Iterable[str] | None) -> None:
    wanted = None if kinds is None else frozenset(kinds)
    ended: list[Any] = [row for row in _OPEN.all(session, {"order": order_id}) if wanted is None or row.kind in wanted]
    for row in ended:
        change = {"at": now, "why": outcome, "late": row.late_at}
        _END.change(session, {"order": order_id, "document": row.document_id, "of_kind": row.kind, **change})
    for row in ended:
        if row.late_at is not None:
            close_cases(session, row.document_id, row.kind, now)


def reopen(session: Session, order_id: str, document_id: str, kind: str) -> None:
    """What was met is waited for again: the document that met it does not count any more."""
    change = {"at": None, "why": None, "late": None}
    _END.change(session, {"order": order_id, "document": document_id, "of_kind": kind, **change})


def next_of(session: Session, order_id: str) -> tuple[datetime | None, str | None]:
    """(when, kind) of the document of an order that is due next; (None, None) when none is."""
    found = _OPEN.first(session, {"order": order_id})
    return (None, None) if found is None else (found.due_at, found.kind)


def refresh_next(session: Session, order: PurchaseOrder) -> None:
    """Write what is due next into the order's row."""
    order.next_due_at, order.next_kind = next_of(session, order.id)


def close_cases(session: Session, document_id: str, kind: str, now: datetime) -> None:
    """Close the case of late documents of a kind that this document belongs to, once nothing of it is late."""
    session.flush()
    for case in cases_of(session, "document", document_id):
        mine = case.fault in LATE_FAULTS and case.fingerprint.rpartition("|")[2] == kind
        if mine and case.review not in (Review.RESOLVED, Review.IGNORED) and not _still_late(session, case, kind):
            reason = "Nothing of it is late any more."
            close_case(session, case, Review.RESOLVED, actor="orders", reason=reason, now=now)


def _still_late(session: Session, case: CaseFile, kind: str) -> bool:
    late = exists().where(
        OrderFollowUp.document_id == CaseMember.subject_id,
        OrderFollowUp.kind == kind,
        OrderFollowUp.late_at.is_not(None),
        OrderFollowUp.ended_at.is_(None),
    )
    members = select(CaseMember.subject_id).where(
        CaseMember.case_id == case.id, CaseMember.subject_type == "document", late
    )
    return session.scalar(members.limit(1)) is not None
