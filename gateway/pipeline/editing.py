"""Edited copies: one message with a fault in it, put right by a person and sent through the pipeline again.

The original stays as it is. What is edited becomes a child of it with its author and reason: a received message is read
as a new transmission in the envelope of its original, a document of ours is sent as a new document. No second
acknowledgement goes out for what was answered already unless the person asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.messages import corrections, lifecycle
from gateway.messages.axes import Axis, Processing
from gateway.messages.cases import cases_of, close_settled
from gateway.messages.corrections import Correction, CorrectionError, CorrectionKind, needs_second_person
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Document
from gateway.pipeline.context import Pipeline
from gateway.pipeline.editcheck import Checked, changes_json, check
from gateway.pipeline.editcontent import whole
from gateway.pipeline.editsubject import Subject, find_subject, not_again, open_subject
from gateway.pipeline.operations import PipelineOperation, read_again
from gateway.pipeline.outbound import RefusedError, Submitted, submit_document
from gateway.pipeline.sending import RequestError
from gateway.store import payloads

__all__ = ["EDITING", "EditConflictError", "apply_edit", "check_edit"]

#: Characters of a reason that is kept.
_LONGEST_REASON = 1_000


class EditConflictError(RequestError):
    """Somebody decided about the message, or corrected it, since the editor was opened."""


def open_edit(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The text of a message (``id``) as it is edited, with what an editor shows around it.

    Gives {"id", "type", "form", "text", "separators", "version", "set", "name", "partner", "partner_name",
    "outbound", "answered", "base", "bytes", "cases"}. Raises RequestError when no copy of it can or may be made.
    """
    with pipeline.store.read() as session:
        subject = open_subject(session, pipeline, str(parameters["id"]))
        cases = [(case.id, case.title) for case in cases_of(session, *_of(subject))]
    content, separators = subject.content, subject.content.separators
    return {
        "id": subject.message.id,
        "type": subject_type(subject.message),
        "form": content.form,
        "text": content.text,
        "separators": None
        if separators is None
        else {
            "element": separators.element,
            "component": separators.component,
            "repetition": separators.repetition,
            "segment": separators.segment,
        },
        "version": content.version,
        "set": content.set_id,
        "encoding": content.encoding,
        "name": subject.name,
        "partner": subject.message.partner,
        "partner_name": subject.profile.name if subject.profile else subject.message.partner or "an unknown sender",
        "outbound": subject.outbound,
        "answered": subject.answered,
        "base": subject.base,
        "bytes": len(content.text.encode("utf-8", "replace")),
        "cases": [{"id": identity, "title": title} for identity, title in cases],
    }


def check_edit(pipeline: Pipeline, subject: Subject, content: str) -> Checked:
    """Everything that the real run would say about an edited text; nothing is stored."""
    return check(pipeline, subject, content)


def check_operation(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What would become of ``content`` as a copy of ``id``; see ``Checked.json``. Raises RequestError."""
    with pipeline.store.read() as session:
        subject = open_subject(session, pipeline, str(parameters["id"]))
        session.expunge_all()
    return check_edit(pipeline, subject, str(parameters["content"])).json(pipeline, subject)


def submit(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Send ``content`` as a corrected copy of ``id``, or let it wait for a second person where the house asks for one.

    ``reason`` is needed; ``base`` is what ``edit.open`` gave; ``acknowledge`` asks for an acknowledgement of the copy
    although its original was answered. Gives {"id" (of the copy, or of the message while it waits), "correction",
    "waiting", "message"}. Raises RequestError, and EditConflictError when somebody was faster.
    """
    who = str(parameters.get("actor") or "staff")
    reason = str(parameters.get("reason") or "").strip()[:_LONGEST_REASON]
    if not reason:
        raise RequestError("A reason is needed: others will ask why.")
    with pipeline.store.read() as session:
        subject = find_subject(session, pipeline, str(parameters["id"]))
        _unchanged(subject, parameters)
        not_again(session, subject)
        session.expunge_all()
    result = check(pipeline, subject, str(parameters["content"]))
    if not result.submittable or result.data is None or result.payload is None:
        what = "" if result.state in ("refused", "unchanged") else "The copy would fail again: "
        raise RequestError(f"{what}{result.sentence}", "Nothing was stored.")
    second = needs_second_person(pipeline.second_person, amounts_change=result.amounts)
    acknowledge = bool(parameters.get("acknowledge"))
    before = payloads.stage(pipeline.store.blobs, subject.content.text.encode("utf-8", "replace"))
    after = payloads.stage(pipeline.store.blobs, result.data)

    def store(session: Session) -> str:
        current = find_subject(session, pipeline, subject.message.id)
        _unchanged(current, parameters)
        not_again(session, current)
        now = pipeline.clock()
        cases = cases_of(session, *_of(current))
        row = corrections.propose(
            session,
            kind=CorrectionKind.EDIT,
            title=_title(subject, result),
            reason=reason,
            change={
                "form": subject.content.form,
                "name": subject.name,
                "differences": changes_json(result.changes),
                "count": len(result.changes),
                "acknowledge": acknowledge,
                "second_person": second,
            },
            author=who,
            now=now,
            case_id=cases[0].id if cases else None,
            subject=_of(current),
            partner=current.message.partner,
            before_sha256=payloads.put(session, before, now=now),
            after_sha256=payloads.put(session, after, now=now),
        )
        return row.id

    identity = pipeline.store.writer.run(store)
    if second:
        told = "The corrected copy waits for a second person. Nothing was sent yet."
        return {"id": subject.message.id, "correction": identity, "waiting": True, "message": told}
    try:
        return {**apply_edit(pipeline, identity, who, ""), "correction": identity, "waiting": False}
    except RequestError as error:
        _take_back(pipeline, identity, who, f"It could not be applied: {error}")
        raise


def apply_edit(pipeline: Pipeline, correction_id: str, actor: str, decision: str) -> dict[str, Any]:
    """Make the copy of a stored correction that waits, as its author where nobody else is asked for, else as another.

    Gives {"id", "message"}; ``id`` is that of the copy. Raises RequestError, and then nothing was changed.
    """
    with pipeline.store.read() as session:
        row = _waiting(session, correction_id)
        subject = find_subject(session, pipeline, row.subject_id or "")
        data = payloads.get(session, row.after_sha256 or "")
        session.expunge_all()
    payload = whole(subject.content, data)
    apply_it = _apply_ours if subject.outbound else _apply_received
    try:
        return apply_it(pipeline, subject, row, payload, actor, decision)
    except CorrectionError as error:
        raise RequestError(str(error)) from error


# -- received --------------------------------------------------------------------------------------------------


def _apply_received(
    pipeline: Pipeline, subject: Subject, row: Correction, payload: bytes, actor: str, decision: str
) -> dict[str, Any]:
    stage = payloads.stage(pipeline.store.blobs, payload)

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        correction = _waiting(session, row.id)
        current = find_subject(session, pipeline, subject.message.id)
        _still_open(session, current, correction)
        answer = bool(correction.change.get("acknowledge")) or not current.answered
        document = current.document
        digest = payloads.put(session, stage, now=now)
        facts: dict[str, Any] = {
            "edit": {
                "correction": correction.id,
                "document": document.id if document else None,
                "answer": answer,
            },
            "only": [0, 0, 0] if document else None,
        }
        reason = f"Corrected copy by {correction.author}: {correction.reason}"
        made = read_again(
            session, pipeline, current.carrier, actor, facts, content=(digest, len(payload)), reason=reason
        )
        corrections.apply(
            session,
            correction,
            actor=actor,
            now=now,
            second_person=bool(correction.change.get("second_person")),
            result={"transmission": made["id"], "acknowledged": answer},
            decision=decision,
        )
        if document is not None:
            _give_way(session, document, correction, made["id"], actor, now)
        return {"id": made["id"], "message": "The corrected copy is being read; its page shows what becomes of it."}

    return pipeline.store.writer.run(run)


def _give_way(
    session: Session, document: Document, correction: Correction, copy: str, actor: str, now: datetime
) -> None:
    """A held original is settled by its copy, and gives its business number to it; a rejected one stays so."""
    reason = f"Corrected by {correction.author} as {copy}: {correction.reason}"
    if document.processing == Processing.HELD:
        document.owns_key = False
        session.flush()
        values = {"reason": reason}
        lifecycle.move(
            session, document, Axis.PROCESSING, Processing.IGNORED, actor=actor, reason=reason, now=now, values=values
        )
    else:
        lifecycle.note(session, document, "corrected", actor=actor, reason=reason, now=now, data={"copy": copy})


# -- ours ------------------------------------------------------------------------------------------------------


def _apply_ours(
    pipeline: Pipeline, subject: Subject, row: Correction, payload: bytes, actor: str, decision: str
) -> dict[str, Any]:
    original = subject.message.id

    def also(session: Session, done: Submitted) -> None:
        now = pipeline.clock()
        correction = _waiting(session, row.id)
        current = find_subject(session, pipeline, original)
        corrections.apply(
            session,
            correction,
            actor=actor,
            now=now,
            second_person=bool(correction.change.get("second_person")),
            result={"document": done.document_id, "transmission": done.transmission_id},
            decision=decision,
        )
        reason = f"Corrected by {correction.author} as {done.document_id}: {correction.reason}"
        data = {"copy": done.document_id}
        lifecycle.note(session, current.message, "corrected", actor=actor, reason=reason, now=now, data=data)
        close_settled(session, "document", original, actor=actor, reason=reason, now=now)
        close_settled(session, "transmission", current.carrier.id, actor=actor, reason=reason, now=now)

    with pipeline.store.read() as session:
        _still_open(session, find_subject(session, pipeline, original), _waiting(session, row.id))
    try:
        done = submit_document(
            pipeline, payload, partner=subject.message.partner, actor=actor, parent_id=original, also=also
        )
    except RefusedError as error:
        raise RequestError(" ".join(one.message for one in error.reasons[:5]), "Nothing was sent.") from error
    return {"id": done.document_id, "message": f"The corrected {done.kind.replace('_', ' ')} is on its way."}


def _take_back(pipeline: Pipeline, identity: str, who: str, reason: str) -> None:
    """Leave no correction waiting that nobody has to decide."""

    def run(session: Session) -> None:
        row = corrections.find(session, identity)
        if row.state == corrections.CorrectionState.WAITING:
            corrections.refuse(session, row, actor=who, now=pipeline.clock(), reason=reason)

    pipeline.store.writer.run(run)


# -- parts -----------------------------------------------------------------------------------------------------


def _of(subject: Subject) -> tuple[str, str]:
    return subject_type(subject.message), subject.message.id


def _unchanged(subject: Subject, parameters: Mapping[str, Any]) -> None:
    if str(parameters.get("base") or subject.base) != subject.base:
        raise EditConflictError(
            "Somebody corrected or decided this message since you opened it.",
            "Your text is kept here: look at the message's history, then send it again if it is still needed.",
        )


def _waiting(session: Session, identity: str) -> Correction:
    try:
        return corrections.find(session, identity)
    except CorrectionError as error:
        raise RequestError(str(error)) from error


def _still_open(session: Session, subject: Subject, correction: Correction) -> None:
    """Raises RequestError when the message was decided since the correction was proposed."""
    if correction.state != corrections.CorrectionState.WAITING:
        raise RequestError(f"It was {correction.state} by {correction.decided_by} already.")
    not_again(session, subject, mine=correction.id)


def _title(subject: Subject, result: Checked) -> str:
    """What changes, one sentence without its full stop."""
    way = f"{'to' if subject.outbound else 'from'} {subject.profile.name if subject.profile else 'an unknown sender'}"
    count = len(result.changes)
    if count == 1:
        one = changes_json(result.changes)[0]
        return f"{subject.name} {way}: {one['place']} from {one['before'] or 'nothing'} to {one['after'] or 'nothing'}"
    return f"{subject.name} {way}: {count} changes, {result.changes[0].place} the first"


#: Name → operation, as the control socket and the pages ask for them.
EDITING: dict[str, PipelineOperation] = {"edit.open": open_edit, "edit.check": check_operation, "edit.submit": submit}
