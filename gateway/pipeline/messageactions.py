"""What staff do with one message besides replay and resend: write a note, send our stored acknowledgement again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.notes import add_note
from gateway.pipeline.acknowledging import queue_again
from gateway.pipeline.context import Pipeline
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.queueing import NoTransportError
from gateway.pipeline.sending import RequestError

__all__ = ["OPERATIONS"]

#: Characters of a note.
_LONGEST_NOTE = 2_000


def note(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``reason`` as a note on a message; it changes nothing else. Raises RequestError."""
    text = str(parameters.get("reason") or "").strip()[:_LONGEST_NOTE]
    if not text:
        raise RequestError("A note needs its text.")

    def run(session: Session) -> dict[str, Any]:
        subject = _subject(session, str(parameters["id"]))
        add_note(session, subject, author=_who(parameters), text=text, now=pipeline.clock())
        return {"id": subject.id, "result": "noted", "message": "The note was added."}

    return pipeline.store.writer.run(run)


def reacknowledge(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Send the acknowledgement that we gave for a received message once more, byte for byte.

    Nothing is judged anew and no control number is used: it is for a partner that lost our answer. Raises
    RequestError for a message of ours, one that was not answered, and a partner that is not there any more.
    """
    who = _who(parameters)

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        subject = _subject(session, str(parameters["id"]))
        if subject.direction != "in":
            raise RequestError("This message was sent by us.", "Only what we received has an acknowledgement of ours.")
        answered = [row for row in _interchanges(session, subject) if row.acknowledgement_transmission_id]
        if not answered:
            raise RequestError("We gave no acknowledgement for this message, so there is none to repeat.")
        for row in answered:
            profile = pipeline.profile(row.partner or "")
            if profile is None:
                raise RequestError(f'There is no partner "{row.partner}" any more.')
            try:
                queue_again(session, pipeline, profile, row, now)
            except NoTransportError as error:
                raise RequestError(str(error)) from error
        names = ", ".join(row.control for row in answered)
        reason = f"{who} had our acknowledgement of interchange {names} sent again."
        lifecycle.note(session, subject, "acknowledgement-repeated", actor=who, reason=reason, now=now)
        return {"id": subject.id, "result": "queued", "message": "Our acknowledgement is sent again, byte for byte."}

    return pipeline.store.writer.run(run)


def _interchanges(session: Session, subject: Document | Transmission) -> list[Interchange]:
    if isinstance(subject, Document):
        row = session.get(Interchange, subject.interchange_id or "")
        return [] if row is None else [row]
    query = select(Interchange).where(Interchange.transmission_id == subject.id).order_by(Interchange.position)
    return list(session.scalars(query))


def _subject(session: Session, identity: str) -> Document | Transmission:
    found = session.get(Document, identity) or session.get(Transmission, identity)
    if found is None:
        raise RequestError(f'There is no message "{identity}".', "`gateway message list` shows them.")
    return found


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


OPERATIONS: dict[str, PipelineOperation] = {"message.note": note, "message.reacknowledge": reacknowledge}
