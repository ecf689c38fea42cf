"""Reconciling: what a partner's TA1, 997, 999 or XML response says about the documents that we sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Acknowledgement, Axis
from gateway.messages.cases import close_settled
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.orders import touch
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.standards.x12.codes import TA105_TEXT
from gateway.standards.x12.reconcile import GroupAcknowledgment
from gateway.standards.x12.transmission import Ta1
from gateway.standards.xml.reconcile import XmlAcknowledgment, read_response

__all__ = ["reconcile", "reconcile_response"]

#: AK501, AK901 and TA104 letters → our axis (X12 elements 717, 715, I17). M, W, X and R refuse.
_STATES = {
    "A": Acknowledgement.ACCEPTED,
    "E": Acknowledgement.ACCEPTED_WITH_ERRORS,
    "P": Acknowledgement.ACCEPTED_WITH_ERRORS,
}
_XML_LETTERS = {"accepted": "A", "accepted_with_errors": "E", "rejected": "R"}
_OPEN = (Acknowledgement.AWAITED, Acknowledgement.OVERDUE, Acknowledgement.NOT_EXPECTED)


def reconcile(
    session: Session,
    pipeline: Pipeline,
    partner: PartnerProfile,
    acknowledgements: Sequence[GroupAcknowledgment | Ta1 | XmlAcknowledgment],
    source: Transmission,
    now: datetime,
) -> None:
    """Move the acknowledgement axis of every document that these acknowledgements speak of."""
    for one in acknowledgements:
        if isinstance(one, Ta1):
            _interchange(session, partner, one, source, now)
        elif isinstance(one, XmlAcknowledgment):
            _xml(session, partner, one, source, now)
        else:
            _group(session, partner, one, source, now)


def _group(
    session: Session, partner: PartnerProfile, one: GroupAcknowledgment, source: Transmission, now: datetime
) -> None:
    sent = session.scalars(
        select(Document).where(
            Document.partner == partner.code,
            Document.direction == "out",
            Document.group_code == one.code,
            Document.group_control.in_(_spellings(one.control)),
        )
    ).all()
    if not sent:
        sentence = f"{partner.name} acknowledged the group {one.code} {one.control}, which we did not send."
        open_problem(session, source, Problem(ProblemKind.UNMATCHED, sentence), now)
        return
    named = {entry.control.lstrip("0"): entry for entry in one.sets}
    for document in sent:
        entry = named.get((document.set_control or "").lstrip("0"))
        letter = entry.letter if entry else one.letter
        detail = [*(entry.errors if entry else ()), *one.errors]
        _acknowledged(session, partner, document, letter, detail, now)


def _interchange(session: Session, partner: PartnerProfile, one: Ta1, source: Transmission, now: datetime) -> None:
    """A TA1 that rejects an interchange rejects its documents; one that accepts says nothing about them."""
    rows = session.scalars(
        select(Interchange).where(
            Interchange.partner == partner.code,
            Interchange.direction == "out",
            Interchange.control.in_(_spellings(one.control)),
        )
    ).all()
    if not rows and not _is_of_our_answers(session, partner, one.control):
        sentence = f"{partner.name} sent a TA1 for the interchange {one.control}, which we did not send."
        open_problem(session, source, Problem(ProblemKind.UNMATCHED, sentence), now)
    if one.letter != "R":
        return
    meaning = TA105_TEXT.get(one.code, "no meaning known")
    detail = [f"TA1: the interchange {one.control} was rejected, code {one.code} ({meaning})."]
    for row in rows:
        for document in session.scalars(select(Document).where(Document.interchange_id == row.id)):
            _acknowledged(session, partner, document, "R", detail, now)


def _xml(
    session: Session, partner: PartnerProfile, one: XmlAcknowledgment, source: Transmission, now: datetime
) -> None:
    """An answer names the id of the message or the number of the document; the newest that we sent is meant."""
    ids = [text for text in (one.message, one.reference) if text]
    query = select(Document).where(
        Document.partner == partner.code,
        Document.direction == "out",
        or_(Document.set_control.in_(ids), Document.number.in_(ids)),
    )
    if one.document:
        query = query.where(Document.set_id == one.document)
    document = session.scalar(query.order_by(Document.received_at.desc()).limit(1)) if ids else None
    if document is None:
        named = " ".join(text for text in (one.document or "a document", ids[0] if ids else "without a number") if text)
        sentence = f"{partner.name} answered {named}, which we did not send."
        open_problem(session, source, Problem(ProblemKind.UNMATCHED, sentence), now)
    else:
        _acknowledged_xml(session, partner, document, one, now)


def _acknowledged_xml(
    session: Session, partner: PartnerProfile, document: Document, one: XmlAcknowledgment, now: datetime
) -> None:
    """Move the acknowledgement axis of a document by an XML answer that is known to be about it."""
    if one.temporary:
        reason = f"{partner.name} could not take it now (status {one.code}): {' '.join(one.sentences)}".rstrip(": ")
        lifecycle.note(session, document, "acknowledgement-postponed", actor="pipeline", now=now, reason=reason)
        return
    # A cXML status has a short text and a sentence; a UBL answer has one sentence for each thing it names.
    detail = [": ".join(one.sentences)] if one.code.isdecimal() and one.sentences else list(one.sentences)
    _acknowledged(session, partner, document, _XML_LETTERS[one.response], detail, now)


def reconcile_response(
    session: Session, partner: PartnerProfile, sent: Transmission, body: bytes, now: datetime
) -> None:
    """The cXML Response on the connection that carried a transmission: it answers every document of it."""
    response = read_response(body)
    if response is None:
        return  # not an answer about the document: the delivery axis says what came
    for document in session.scalars(select(Document).where(Document.transmission_id == sent.id)):
        _acknowledged_xml(session, partner, document, response, now)


def _is_of_our_answers(session: Session, partner: PartnerProfile, control: str) -> bool:
    """True when the number is that of an acknowledgement of ours: its file name ends in it."""
    return (
        session.scalar(
            select(Transmission.id).where(
                Transmission.partner == partner.code,
                Transmission.direction == "out",
                Transmission.acknowledges_id.is_not(None),
                Transmission.filename.endswith(f"-{control}.edi", autoescape=True),
            )
        )
        is not None
    )


def _acknowledged(
    session: Session,
    partner: PartnerProfile,
    document: Document,
    letter: str,
    detail: list[str],
    now: datetime,
) -> None:
    state = _STATES.get(letter, Acknowledgement.REJECTED)
    if document.acknowledgement not in _OPEN:
        lifecycle.note(
            session,
            document,
            "acknowledgement-repeated",
            actor="pipeline",
            now=now,
            reason=f"{partner.name} said {state.value} again or otherwise; the first answer stands.",
        )
        return
    name = f"{document.set_id} {document.number or ''}".strip()
    reason = f"{partner.name} answered {name}: {state.value.replace('_', ' ')}."
    lifecycle.move(
        session,
        document,
        Axis.ACKNOWLEDGEMENT,
        state,
        actor="pipeline",
        reason=reason,
        now=now,
        values={"acknowledged_at": now, "acknowledgement_detail": detail or None},
    )
    if state is Acknowledgement.REJECTED:
        why = detail[0] if detail else "The acknowledgement names no reason."
        problem = Problem(
            ProblemKind.REJECTED_BY_PARTNER, f"{partner.name} rejected our {name}: {why}", document.set_id
        )
        open_problem(session, document, problem, now)
        touch(session, document.id)
    else:
        close_settled(session, subject_type(document), document.id, actor="pipeline", reason=reason, now=now)


def _spellings(control: str) -> tuple[str, ...]:
    """A control number as sent, without and with leading zeros: partners write both."""
    bare = control.lstrip("0") or "0"
    return tuple({control, bare, bare.zfill(9)})
