"""Which message can be copied and edited, why another one cannot, and what the copy is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import corrections
from gateway.messages.axes import Acknowledgement, Delivery, Processing
from gateway.messages.corrections import Correction, CorrectionKind, CorrectionState
from gateway.messages.models import Document, Interchange, Transmission
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline
from gateway.pipeline.editcontent import (
    Content,
    ContentRefusedError,
    json_content,
    raw_content,
    x12_content,
    xml_content,
)
from gateway.pipeline.operations import place_of
from gateway.pipeline.sending import RequestError
from gateway.pipeline.xmlplan import looks_like_xml
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS
from gateway.standards.xml.parsing import XmlRefused
from gateway.store import payloads

__all__ = ["Subject", "find_subject", "not_again", "open_subject"]

Message: TypeAlias = Document | Transmission

_AGAIN = (Processing.HELD, Processing.REJECTED)
_UNDER_WAY = (Processing.RECEIVED, Processing.IDENTIFIED, Processing.VALIDATED, Processing.MAPPED)
_ANSWERS = frozenset({*ACKNOWLEDGEMENT_SETS, "ApplicationResponse", "Response"})
#: Characters of a text that can be edited.
MOST_EDITED = 10 << 20
#: Transmissions that are looked through, from a copy to what it was made from.
_MOST_PARENTS = 100


@dataclass(frozen=True, slots=True)
class Subject:
    """One message that can be edited, and its content."""

    message: Message
    #: What carries it; for a transmission itself.
    carrier: Transmission
    content: Content
    profile: PartnerProfile | None
    #: True when an answer to it went out: the copy is answered only when a person asks for it.
    answered: bool
    #: Changes with everything that a second editor would want to know: the bytes, the state, the corrections.
    base: str

    @property
    def document(self) -> Document | None:
        """The document; None for a transmission of which nothing could be read."""
        return self.message if isinstance(self.message, Document) else None

    @property
    def name(self) -> str:
        """ "850 PO-1", or a file's name."""
        row = self.message
        if isinstance(row, Document):
            return f"{row.set_id} {row.number or ''}".strip()
        return row.filename or f"{row.transport} message"

    @property
    def outbound(self) -> bool:
        """A document of ours."""
        return self.message.direction == "out"


def open_subject(session: Session, pipeline: Pipeline, identity: str) -> Subject:
    """The message with what can be edited of it. Raises RequestError when a copy of it can or may not be made."""
    subject = find_subject(session, pipeline, identity)
    not_again(session, subject)
    return subject


def find_subject(session: Session, pipeline: Pipeline, identity: str) -> Subject:
    """The same, whatever became of it meanwhile. Raises RequestError for what is never edited."""
    document = session.get(Document, identity)
    carrier = session.get(Transmission, (document.transmission_id if document else None) or identity)
    if carrier is None:
        raise RequestError(f'There is no message "{identity}".', "`gateway message list` shows them.")
    message: Message = document or carrier
    if message.direction == "out":
        content = _ours(session, document)
    elif document is not None:
        content = _received(session, document, carrier)
    else:
        content = _unread(session, carrier)
    if len(content.text) > MOST_EDITED:
        sentence = f"It has {len(content.text):,} characters, more than the {MOST_EDITED:,} that can be edited."
        raise RequestError(sentence, "Ask the partner to split it, or to send it again.")
    return Subject(
        message=message,
        carrier=carrier,
        content=content,
        profile=pipeline.profile(message.partner or ""),
        answered=message.direction == "in" and _answered(session, document, carrier),
        base=_base(session, message, content),
    )


# -- contents --------------------------------------------------------------------------------------------------


def _ours(session: Session, document: Document | None) -> Content:
    if document is None:
        raise RequestError("This is a whole message of ours.", "Edit a copy of the document in it.")
    if document.canonical_sha256 is None:
        sentence = "It went out unchanged as it was given, so there is no document of ours to be edited."
        raise RequestError(sentence, "Send a corrected file instead.")
    return json_content(payloads.get(session, document.canonical_sha256))


def _received(session: Session, document: Document, carrier: Transmission) -> Content:
    if document.set_id in _ANSWERS:
        raise RequestError("This is the partner's own answer to ours; it is not edited.", "Ask for a new one.")
    payload = _bytes(session, carrier)
    if not looks_like_xml(payload) and not document.standard.startswith("x12"):
        raise RequestError(f"A {document.standard} document cannot be edited.", "Ask the partner to send it again.")
    interchange = session.get_one(Interchange, document.interchange_id)
    place = place_of(session, carrier, interchange.position - 1, document.position)
    try:
        if looks_like_xml(payload):
            return xml_content(payload, place[0])
        return x12_content(payload, (place[0], place[1], place[2]))
    except (ContentRefusedError, XmlRefused) as error:
        raise RequestError(str(error), "Ask the partner to send it again.") from error


def _unread(session: Session, carrier: Transmission) -> Content:
    if session.scalar(select(Document.id).where(Document.transmission_id == carrier.id).limit(1)) is not None:
        raise RequestError("This message was read: its documents stand for themselves.", "Edit a copy of one of them.")
    return raw_content(_bytes(session, carrier))


def _bytes(session: Session, carrier: Transmission) -> bytes:
    if carrier.payload_sha256 is None or (carrier.size == 0 and carrier.wire_payload_sha256):
        raise RequestError(
            "Its transport refused it, so nothing could be opened that one could edit.",
            "Mend certificates and settings, then replay it.",
        )
    return payloads.get(session, carrier.payload_sha256)


# -- may it be done --------------------------------------------------------------------------------------------


def not_again(session: Session, subject: Subject, mine: str = "") -> None:
    """Raises RequestError when the message needs no copy, or has one already. ``mine`` is the one to be applied."""
    row = subject.message
    edits = (one for one in _edits(session, row.id) if one.id != mine)
    waiting = next((one for one in edits if one.state == CorrectionState.WAITING), None)
    if waiting is not None:
        raise RequestError(
            f"An edited copy by {waiting.author} waits for a second person.", "Apply or refuse that one first."
        )
    if subject.outbound:
        _ours_needs_one(session, subject)
        return
    if row.processing not in _AGAIN:
        raise RequestError(f"It is {row.processing}; only what is held or rejected can be corrected.")
    for child in _children(session, subject):
        if child.processing in (*_UNDER_WAY, Processing.POSTED, Processing.HELD):
            word = "is on its way" if child.processing in _UNDER_WAY else f"is {child.processing}"
            raise RequestError(f"A copy of it {word} already: {child.id}.", "Go on with that one.")


def _ours_needs_one(session: Session, subject: Subject) -> None:
    document = subject.document
    failed = subject.carrier.delivery == Delivery.FAILED
    if document is None or not (failed or document.acknowledgement == Acknowledgement.REJECTED):
        raise RequestError(
            "It was neither refused by the partner nor given up; a copy would be a second document.",
            "`gateway message resend` sends the same bytes again.",
        )
    child = session.scalar(select(Document).where(Document.parent_id == document.id).limit(1))
    if child is not None:
        raise RequestError(f"A corrected copy of it was sent already: {child.id}.", "Go on with that one.")


def _children(session: Session, subject: Subject) -> Iterator[Message]:
    """What reads this message again: copies of the document, and transmissions that have not come so far yet."""
    document = subject.document
    if document is not None:
        yield from session.scalars(select(Document).where(Document.parent_id == document.id))
    for child in session.scalars(select(Transmission).where(Transmission.parent_id == subject.carrier.id)):
        edit = (child.facts or {}).get("edit") or {}
        if document is None or (child.processing in _UNDER_WAY and edit.get("document") == document.id):
            yield child


def _answered(session: Session, document: Document | None, carrier: Transmission) -> bool:
    """Whether the message, or what it is itself a copy of, was answered by an acknowledgement of ours."""
    interchange = session.get(Interchange, document.interchange_id) if document and document.interchange_id else None
    rows = [interchange] if interchange else []
    here: Transmission | None = carrier
    for _ in range(_MOST_PARENTS):
        if here is None:
            break
        rows += session.scalars(select(Interchange).where(Interchange.transmission_id == here.id))
        here = session.get(Transmission, here.parent_id) if here.parent_id else None
    control = interchange.control if interchange else None
    return any(row.acknowledgement_transmission_id for row in rows if control in (None, row.control))


def _edits(session: Session, identity: str) -> list[Correction]:
    found = corrections.corrections_of(session, subject_id=identity)
    return [one for one in found if one.kind == CorrectionKind.EDIT]


def _base(session: Session, row: Message, content: Content) -> str:
    """A short text that is another one once somebody decided about the message or proposed a correction of it."""
    edits = [f"{one.id}{one.state}" for one in _edits(session, row.id)]
    state = [row.processing or "", getattr(row, "acknowledgement", ""), getattr(row, "delivery", "")]
    text = "|".join([row.id, *state, *edits, content.text])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
