"""What staff and scripts do with messages: replay, resend, hold, ignore; sending stands in ``sending``.

Each operation takes the pipeline and plain parameters and gives JSON-able data; the command line and the control
socket share them. A replay or a resend never changes the original: it makes a new message that names its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Delivery, Processing, Review
from gateway.messages.cases import cases_of, close_case, close_settled
from gateway.messages.ids import new_id
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.ports import Task
from gateway.pipeline.context import Pipeline
from gateway.pipeline.delivery import submit_drain
from gateway.pipeline.queueing import queue
from gateway.pipeline.sending import RequestError, send
from gateway.pipeline.xmlplan import looks_like_xml
from gateway.standards.x12.envelope import read_transmission
from gateway.store import payloads

__all__ = ["OPERATIONS", "PipelineOperation", "place_of", "read_again", "replay_within", "resend"]

PipelineOperation = Callable[[Pipeline, Mapping[str, Any]], Any]


# -- replay, resend, hold, ignore ------------------------------------------------------------------------------


def replay(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a received message again with today's profiles and maps.

    A held document that was mapped is released to the back office; any other message is read again as a new
    transmission that names the first as its parent. Acknowledgements that were sent are not sent again.
    """
    return pipeline.store.writer.run(
        lambda session: replay_within(session, pipeline, str(parameters["id"]), _who(parameters))
    )


def replay_within(session: Session, pipeline: Pipeline, identity: str, who: str) -> dict[str, Any]:
    """The same within the caller's transaction. Raises RequestError before anything is written."""
    document = session.get(Document, identity)
    if document is not None and document.direction == "in":
        return _replay_document(session, pipeline, document, who)
    row = _transmission(session, identity)
    if row.processing == Processing.POSTED:
        raise RequestError(
            "This message was processed to its end; reading it again would post its documents twice.",
            "Replay the single document that is held or rejected.",
        )
    return read_again(session, pipeline, row, who, {})


def _replay_document(session: Session, pipeline: Pipeline, document: Document, who: str) -> dict[str, Any]:
    now = pipeline.clock()
    if document.processing not in (Processing.HELD, Processing.REJECTED):
        raise RequestError(f"This document is {document.processing}; only a held or rejected one can be replayed.")
    if document.processing == Processing.HELD and document.canonical_sha256:
        reason = f"Released by {who}."
        lifecycle.move(session, document, Axis.PROCESSING, Processing.MAPPED, actor=who, reason=reason, now=now)
        pipeline.work.submit(session, Task.POST, document.id)
        return {"id": document.id, "result": "released", "message": "The document goes to the back office."}
    row = _transmission(session, document.transmission_id or "")
    interchange = session.get_one(Interchange, document.interchange_id)
    place = place_of(session, row, interchange.position - 1, document.position)
    done = read_again(session, pipeline, row, who, {"only": place})
    if document.processing == Processing.HELD:
        reason = f"Replayed as {done['id']}."
        lifecycle.move(
            session,
            document,
            Axis.PROCESSING,
            Processing.IGNORED,
            actor=who,
            reason=reason,
            now=now,
            values={"reason": reason},
        )
    return done


def place_of(session: Session, row: Transmission, interchange: int, position: int) -> list[int]:
    """Indexes of interchange, group and set of the document at a position (from 1) of an interchange."""
    payload = payloads.get(session, row.payload_sha256 or "")
    if looks_like_xml(payload):  # each document is an envelope of its own
        return [interchange, 0, 0]
    transmission = read_transmission(payload)
    places = [
        [interchange, group_index, set_index]
        for group_index, group in enumerate(transmission.interchanges[interchange].groups)
        for set_index in range(len(group.sets))
    ]
    return places[position - 1]


def read_again(
    session: Session,
    pipeline: Pipeline,
    row: Transmission,
    who: str,
    facts: dict[str, Any],
    *,
    content: tuple[str, int] | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """A new transmission with the same bytes, or with those of ``content`` (digest, size), to be read from the start.

    ``facts`` say what of it is wanted (``only``), and what it corrects (``edit``). Raises PayloadRemovedError when
    retention removed the bytes; nothing is written then.
    """
    now = pipeline.clock()
    if row.direction != "in":
        raise RequestError("This message was sent by us.", "Use `gateway message resend` for it.")
    digest, size = content or (row.payload_sha256, row.size)
    if digest is None or (size == 0 and row.wire_payload_sha256):
        payload = _opened_again(session, pipeline, row)
        digest, size = payloads.put(session, payloads.stage(pipeline.store.blobs, payload), now=now), len(payload)
    payloads.require(session, digest)
    child = Transmission(
        id=new_id(now),
        direction="in",
        transport=row.transport,
        partner=row.partner,
        partner_version=pipeline.version(row.partner),
        wire_sha256=row.wire_sha256,
        payload_sha256=digest,
        size=size,
        filename=row.filename,
        content_type=row.content_type,
        facts={**_inherited(row), "replay_of": row.id, **facts},
        created_at=now,
        processing=Processing.RECEIVED.value,
        delivery=Delivery.NONE.value,
        parent_id=row.id,
        test=row.test,
    )
    lifecycle.begin(session, child, actor=who, reason=reason or f"Replay of {row.id}.", now=now)
    if row.processing == Processing.HELD and not facts.get("only"):
        reason = f"Replayed as {child.id}." if content is None else f"Corrected as {child.id}."
        lifecycle.move(
            session,
            row,
            Axis.PROCESSING,
            Processing.IGNORED,
            actor=who,
            reason=reason,
            now=now,
            values={"reason": reason},
        )
        close_settled(session, subject_type(row), row.id, actor=who, reason=reason, now=now)
    pipeline.work.submit(session, Task.PROCESS, child.id)
    return {"id": child.id, "result": "replayed", "message": f"The bytes are read again as {child.id}."}


def _inherited(row: Transmission) -> dict[str, Any]:
    """What is known of a message and holds for what reads it again, too."""
    return {name: value for name, value in (row.facts or {}).items() if name != "edit"}


def _opened_again(session: Session, pipeline: Pipeline, row: Transmission) -> bytes:
    """The payload of a message that its transport refused, opened with today's certificates and settings."""
    if pipeline.reopen is None or row.partner is None or row.wire_payload_sha256 is None:
        raise RequestError("The bytes of this message are not there, so there is nothing to read again.")
    try:
        return pipeline.reopen(row.partner, row.facts or {}, payloads.get(session, row.wire_payload_sha256))
    except ValueError as error:
        raise RequestError(
            f"This message still cannot be opened: {error}",
            "Mend certificates and settings in the partner's profile, or ask the partner to send it again.",
        ) from error


def resend(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Send an outbound message again: the same bytes, as a new transmission that names the first as its parent.

    One that failed before is put back in the queue under its own identity.
    """

    def run(session: Session) -> dict[str, Any]:
        now, who = pipeline.clock(), _who(parameters)
        document = session.get(Document, str(parameters["id"]))
        row = _transmission(session, (document.transmission_id if document else None) or str(parameters["id"]))
        if row.direction != "out":
            raise RequestError("This message was received.", "Use `gateway message replay` for it.")
        _no_copy_of(session, row)
        if row.delivery == Delivery.FAILED:
            reason = f"Queued again by {who}."
            lifecycle.move(
                session,
                row,
                Axis.DELIVERY,
                Delivery.QUEUED,
                actor=who,
                reason=reason,
                now=now,
                values={"next_attempt_at": None, "given_up_at": None, "created_at": now},
            )
            submit_drain(session, pipeline, row.partner or "")
            return {"id": row.id, "result": "queued", "message": "The same message is sent again."}
        if row.delivery in (Delivery.QUEUED, Delivery.RETRYING, Delivery.SENDING):
            row.next_attempt_at = None
            submit_drain(session, pipeline, row.partner or "")
            return {
                "id": row.id,
                "result": "queued",
                "message": "It is on its way; the next try is made now.",
            }
        return _resend_as_new(session, pipeline, row)

    return pipeline.store.writer.run(run)


def _no_copy_of(session: Session, row: Transmission) -> None:
    """Raises RequestError for a message whose document was corrected: the partner would have it twice."""
    original = aliased(Document)
    copies = select(Document.id).join(original, original.id == Document.parent_id)
    copy = session.scalar(copies.where(original.transmission_id == row.id, original.direction == "out").limit(1))
    if copy is not None:
        raise RequestError(f"A corrected copy was sent in its place: {copy}.", "Resend that one.")


def _resend_as_new(session: Session, pipeline: Pipeline, row: Transmission) -> dict[str, Any]:
    profile = pipeline.profile(row.partner or "")
    if profile is None:
        raise RequestError(f'There is no partner "{row.partner}" any more.')
    body = payloads.get(session, row.payload_sha256 or "")
    child = queue(
        session,
        pipeline,
        profile,
        payloads.stage(pipeline.store.blobs, body),
        size=row.size,
        name=row.filename or "message.edi",
        standard=row.standard or "unknown",
        test=row.test,
        now=pipeline.clock(),
        acknowledges_id=row.acknowledges_id,
        parent_id=row.id,
    )
    return {"id": child.id, "result": "queued", "message": f"The same bytes are sent again as {child.id}."}


def hold(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a document from going on to the back office; it needs a reason."""
    return _decide(pipeline, parameters, Processing.HELD)


def ignore(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Close a held message or document for good; it needs a reason. Its open cases close with it."""
    return _decide(pipeline, parameters, Processing.IGNORED)


def _decide(pipeline: Pipeline, parameters: Mapping[str, Any], state: Processing) -> dict[str, Any]:
    reason = str(parameters.get("reason") or "").strip()
    if not reason:
        raise RequestError("A reason is needed: others will ask why.", "Give one with --reason.")

    def run(session: Session) -> dict[str, Any]:
        now, who = pipeline.clock(), _who(parameters)
        subject = session.get(Document, str(parameters["id"])) or _transmission(session, str(parameters["id"]))
        if subject.direction != "in":
            raise RequestError("Only received messages can be held or ignored.")
        if subject.processing == Processing.REJECTED and state is Processing.IGNORED:
            _close_cases(session, subject, who, reason, pipeline)
            return {
                "id": subject.id,
                "result": "ignored",
                "message": "Its cases are closed; it stays rejected.",
            }
        try:
            moved = lifecycle.move(
                session,
                subject,
                Axis.PROCESSING,
                state,
                actor=who,
                reason=reason,
                now=now,
                values={"reason": reason},
            )
        except lifecycle.IllegalTransitionError:
            message = f"It is {subject.processing} and can no longer be {state.value}."
            raise RequestError(message) from None
        if not moved:
            raise RequestError("Somebody else changed it at this moment.", "Look at it again.")
        if state is Processing.IGNORED:
            _close_cases(session, subject, who, reason, pipeline)
        return {"id": subject.id, "result": state.value, "message": reason}

    return pipeline.store.writer.run(run)


def _close_cases(session: Session, subject: Transmission | Document, who: str, reason: str, pipeline: Pipeline) -> None:
    now = pipeline.clock()
    close_settled(session, subject_type(subject), subject.id, actor=who, reason=reason, now=now)
    if subject.processing == Processing.REJECTED:
        for case in cases_of(session, subject_type(subject), subject.id):
            if case.review not in (Review.RESOLVED, Review.IGNORED):
                close_case(session, case, Review.IGNORED, actor=who, reason=reason, now=now)


def _transmission(session: Session, identity: str) -> Transmission:
    row = session.get(Transmission, identity)
    if row is None:
        raise RequestError(f'There is no message "{identity}".', "`gateway message list` shows them.")
    return row


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


OPERATIONS: dict[str, PipelineOperation] = {
    "send": send,
    "message.replay": replay,
    "message.resend": resend,
    "message.hold": hold,
    "message.ignore": ignore,
}
