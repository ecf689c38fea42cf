"""Corrections as staff decide them: those that wait for a second person are applied, refused and listed here.

What applying means belongs to the kind of correction: ``APPLY`` names the function for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gateway.messages import corrections
from gateway.messages.corrections import Correction, CorrectionError, CorrectionKind, CorrectionState
from gateway.pipeline.context import Pipeline
from gateway.pipeline.editing import EDITING, apply_edit
from gateway.pipeline.fixing import FIXING, apply_fix
from gateway.pipeline.golive import GOING_LIVE, apply_go_live
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.sending import RequestError

__all__ = ["APPLY", "OPERATIONS", "Apply", "correction_json"]

#: Applies a stored correction that waits: the pipeline, its id, who applies it, and what that person adds.
#: Gives at least {"message"}; raises CorrectionError or OperationError, and then nothing was changed.
Apply = Callable[[Pipeline, str, str, str], dict[str, Any]]

#: Kind of correction → how one that waits is applied.
APPLY: dict[str, Apply] = {
    CorrectionKind.FIX.value: apply_fix,
    CorrectionKind.EDIT.value: apply_edit,
    CorrectionKind.GO_LIVE.value: apply_go_live,
}


def apply(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a correction that waits (``id``), as ``actor``; ``reason`` is what the second person adds.

    Gives {"id", "case", "subject", "message"} and what its kind adds. Raises RequestError, CorrectionError or
    OperationError.
    """
    row = _row(pipeline, parameters)
    if row.state != CorrectionState.WAITING:
        raise RequestError(f"It was {row.state} by {row.decided_by} already.", "Nothing was changed.")
    done = APPLY[row.kind](pipeline, row.id, _who(parameters), str(parameters.get("reason") or "").strip())
    return {"case": row.case_id, "subject": row.subject_id, **done, "id": row.id}


def refuse(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a correction that waits down, with a ``reason``; its author takes it back this way. Raises RequestError."""
    row, who = _row(pipeline, parameters), _who(parameters)

    def run(session: Session) -> None:
        corrections.refuse(
            session,
            corrections.find(session, row.id),
            actor=who,
            now=pipeline.clock(),
            reason=str(parameters.get("reason") or ""),
        )

    try:
        pipeline.store.writer.run(run)
    except CorrectionError as error:
        raise RequestError(str(error)) from error
    word = "taken back" if who == row.author else "refused"
    return {"id": row.id, "case": row.case_id, "subject": row.subject_id, "message": f"It was {word}: {row.title}"}


def waiting(pipeline: Pipeline, _parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The corrections that wait for a second person, the oldest first: {"corrections"}."""
    with pipeline.store.read() as session:
        return {"corrections": [correction_json(row) for row in corrections.waiting(session)]}


def correction_json(row: Correction) -> dict[str, Any]:
    """A correction as plain values; instants are ISO 8601 in UTC."""
    return {
        "id": row.id,
        "kind": row.kind,
        "case": row.case_id,
        "subject_type": row.subject_type,
        "subject": row.subject_id,
        "partner": row.partner,
        "title": row.title,
        "reason": row.reason,
        "change": row.change,
        "author": row.author,
        "created_at": row.created_at.isoformat(),
        "state": row.state,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "decision": row.decision,
        "result": row.result,
    }


def _row(pipeline: Pipeline, parameters: Mapping[str, Any]) -> Correction:
    with pipeline.store.read() as session:
        try:
            row = corrections.find(session, str(parameters["id"]))
        except CorrectionError as error:
            raise RequestError(str(error), "The first page lists those that wait.") from error
        session.expunge(row)
        return row


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


#: Name → operation, as the control socket and the pages ask for them.
OPERATIONS: dict[str, PipelineOperation] = {
    **FIXING,
    **EDITING,
    **GOING_LIVE,
    "correction.apply": apply,
    "correction.refuse": refuse,
    "correction.list": waiting,
}
