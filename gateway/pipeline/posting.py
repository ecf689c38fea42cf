"""Posting: a mapped document goes to the back office, which takes it once by its id."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, Text, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Processing
from gateway.messages.cases import close_settled
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import CaseMember, Document
from gateway.messages.orders import touch
from gateway.pipeline.context import Pipeline
from gateway.pipeline.orderhold import difference_problem, may_hold
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.store import payloads
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared

__all__ = ["post"]

_TABLE = cast("Table", Document.__table__)
_MEMBERS = cast("Table", CaseMember.__table__)
# Built once: they run for every document.
_MAPPED = Prepared(
    select(
        *(_TABLE.c[name] for name in ("processing", "canonical_sha256", "partner", "kind", "set_id", "number"))
    ).where(_TABLE.c.id == bindparam("id", type_=Text))
)
_STATE = Prepared(
    select(
        _TABLE.c.processing,
        or_(
            _TABLE.c.parent_id.is_not(None),
            exists().where(_MEMBERS.c.subject_type == "document", _MEMBERS.c.subject_id == _TABLE.c.id),
        ).label("has_case"),
    ).where(_TABLE.c.id == bindparam("id", type_=Text))
)


def post(pipeline: Pipeline, document_id: str) -> None:
    """Deliver one document to the back office (handler of ``Task.POST``); a second call does nothing."""
    if pipeline.posting is None:
        return
    with pipeline.store.read() as session:
        row = _MAPPED.first(session, {"id": document_id})
        if row is None or row.processing != Processing.MAPPED or row.canonical_sha256 is None:
            return
        body = payloads.get(session, row.canonical_sha256)
        compared = may_hold(pipeline, row.partner or "", row.kind, row.set_id)
        problem = difference_problem(pipeline, session, document_id) if compared else None
    if problem is not None:
        _hold(pipeline, document_id, problem)
        return
    try:
        result = pipeline.posting.post(document_id, row.partner or "", row.kind, row.number or "", body)
    except OSError as error:
        reason = f"The back office could not take {row.set_id} {row.number or ''}: {error}"
        _hold(pipeline, document_id, Problem(ProblemKind.POSTING, reason))
        return
    fault_point("post.before_commit")

    def done(session: Session) -> None:
        now = pipeline.clock()
        found = _STATE.first(session, {"id": document_id})
        if found is None or found.processing != Processing.MAPPED:
            return
        current = Document(id=document_id, processing=found.processing)
        reason = f"Delivered to the back office as {result.reference}."
        lifecycle.move(
            session,
            current,
            Axis.PROCESSING,
            Processing.POSTED,
            actor="pipeline",
            reason=reason,
            now=now,
            values={"posted_at": now, "post_reference": result.reference, "reason": reason},
        )
        if found.has_case:
            close_settled(session, subject_type(current), current.id, actor="pipeline", reason=reason, now=now)
            touch(session, document_id)

    pipeline.store.writer.run(done)


def _hold(pipeline: Pipeline, document_id: str, problem: Problem) -> None:
    def hold(session: Session) -> None:
        now = pipeline.clock()
        row = session.get_one(Document, document_id)
        if row.processing != Processing.MAPPED:
            return
        lifecycle.move(
            session,
            row,
            Axis.PROCESSING,
            Processing.HELD,
            actor="pipeline",
            reason=problem.sentence,
            now=now,
            values={"reason": problem.sentence},
        )
        open_problem(session, row, problem, now)

    pipeline.store.writer.run(hold)
