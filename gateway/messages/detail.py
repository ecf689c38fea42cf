"""One message with everything that belongs to it, as plain JSON values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from gateway.messages.cases import cases_of
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Attempt, CaseMember, Document, Interchange, Transmission
from gateway.messages.ordermodels import OrderDocument, PurchaseOrder
from gateway.store.ledger import Event
from gateway.store.payloads import Payload

__all__ = ["MessageNotFoundError", "find_message", "message_detail", "message_row"]

Message: TypeAlias = Document | Transmission

#: The beginning of an identifier, long enough to ask for it when only one fits.
_BEGINNING = re.compile(r"[0-9a-fA-F-]{6,36}")
#: Matches that an error lists.
SHOWN = 5


class MessageNotFoundError(LookupError):
    """No message, or more than one, fits what was asked for."""


def find_message(session: Session, reference: str) -> Message:
    """The document or transmission with this id or business number, or with an id that begins so.

    Raises MessageNotFoundError when none or several fit; the text lists them then.
    """
    exact = session.get(Document, reference) or session.get(Transmission, reference)
    if exact is not None:
        return exact
    by_number = select(Document).where(Document.number == reference).order_by(Document.received_at)
    matches: list[Message] = list(session.scalars(by_number.limit(SHOWN)))
    if not matches and _BEGINNING.fullmatch(reference):
        starts = f"{reference.lower()}%"
        matches += session.scalars(select(Document).where(Document.id.like(starts)).limit(SHOWN))
        matches += session.scalars(select(Transmission).where(Transmission.id.like(starts)).limit(SHOWN))
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise MessageNotFoundError(f'No message has the id or number "{reference}".')
    names = "; ".join(f"{match.id} ({_name(match)}, {match.direction})" for match in matches)
    raise MessageNotFoundError(f'Several messages fit "{reference}": {names}. Give the id of one.')


def message_row(message: Message, carrier: Transmission | None) -> dict[str, Any]:
    """One line of a list. ``carrier`` is the transmission that holds a document, if any."""
    document = message if isinstance(message, Document) else None
    transmission = message if isinstance(message, Transmission) else carrier
    at = document.received_at if document is not None else message.created_at  # type: ignore[union-attr]
    outbound = message.direction == "out"
    return {
        "id": message.id,
        "type": subject_type(message),
        "at": at.isoformat(),
        "direction": message.direction,
        "partner": message.partner,
        "document": document.kind if document is not None else None,
        "set": document.set_id if document is not None else None,
        "standard": message.standard,
        "transport": None if transmission is None else transmission.transport,
        "number": document.number if document is not None else None,
        "amount": document.amount if document is not None else None,
        "currency": document.currency if document is not None else None,
        "filename": None if transmission is None else transmission.filename,
        "processing": message.processing,
        "delivery": transmission.delivery if outbound and transmission is not None else "none",
        "acknowledgement": document.acknowledgement if document is not None else "not_expected",
        "test": message.test,
        "reason": message.reason,
    }


def message_detail(session: Session, reference: str) -> dict[str, Any]:
    """Everything about one message (see ``find_message`` for what ``reference`` may be).

    Keys: those of a list's line, and ``sentence``, ``stages`` (every event with its time), ``attempts``,
    ``findings``, ``acknowledgements``, ``cases``, ``related``, ``transmission``, ``interchange``, ``facts``,
    ``orders`` (those that a document speaks of), ``content`` (what is stored of it, and what retention removed).
    Raises MessageNotFoundError.
    """
    message = find_message(session, reference)
    document = message if isinstance(message, Document) else None
    carrier = message if isinstance(message, Transmission) else _get(session, message.transmission_id)
    interchange = (
        None
        if document is None or document.interchange_id is None
        else session.get(Interchange, document.interchange_id)
    )
    row = message_row(message, carrier)
    return {
        **row,
        "sentence": _sentence(message, row),
        "stages": _stages(session, message, carrier),
        "attempts": [] if carrier is None else _attempts(session, carrier),
        "findings": _findings(session, message),
        "acknowledgements": _acknowledgements(session, message, interchange),
        "cases": _cases(session, message, carrier),
        "related": _related(session, message),
        "transmission": None if carrier is None else _transmission(carrier),
        "interchange": None if interchange is None else _interchange(interchange),
        "facts": _facts(message),
        "orders": [] if document is None else _orders(session, document),
        "content": _content(session, document, carrier),
    }


# -- parts ---------------------------------------------------------------------------------------------------


def _get(session: Session, transmission_id: str | None) -> Transmission | None:
    return None if transmission_id is None else session.get(Transmission, transmission_id)


def _orders(session: Session, document: Document) -> list[dict[str, Any]]:
    """The orders that a document speaks of."""
    query = (
        select(PurchaseOrder.id, PurchaseOrder.number)
        .join(OrderDocument, OrderDocument.order_id == PurchaseOrder.id)
        .where(OrderDocument.document_id == document.id)
        .order_by(PurchaseOrder.number, PurchaseOrder.id)
    )
    return [{"id": row.id, "number": row.number} for row in session.execute(query)]


def _content(session: Session, document: Document | None, carrier: Transmission | None) -> list[dict[str, Any]]:
    """The payloads of a message: {"form", "sha256", "bytes", "removed_at", "removed_rule"}."""
    named: list[tuple[str, str | None]] = []
    if document is not None:
        named += [("canonical", document.canonical_sha256), ("source", document.source_sha256)]
    if carrier is not None:
        named += [("payload", carrier.payload_sha256), ("wire", carrier.wire_payload_sha256)]
        named += [("receipt", carrier.answer_payload_sha256)]
    columns = (Payload.sha256, Payload.size, Payload.removed_at, Payload.removed_rule)
    rows = session.execute(select(*columns).where(Payload.sha256.in_([digest for _, digest in named if digest])))
    found = {row.sha256: row for row in rows}
    return [
        {
            "form": form,
            "sha256": digest,
            "bytes": found[digest].size,
            "removed_at": _iso(found[digest].removed_at),
            "removed_rule": found[digest].removed_rule,
        }
        for form, digest in named
        if digest in found
    ]


def _name(message: Message) -> str:
    """What people call it: "order 4500012", or the file's name."""
    if isinstance(message, Document):
        return f"{message.kind.replace('_', ' ')} {message.number or ''}".strip()
    return message.filename or f"{message.transport} message"


def _sentence(message: Message, row: dict[str, Any]) -> str:
    """The one sentence that says what it is and where it stands."""
    name = _name(message)
    way = f"from {message.partner or 'an unknown sender'}"
    state = f"is {(message.processing or 'received').replace('_', ' ')}"
    if message.direction == "out":
        way = f"to {message.partner or 'nobody'}"
        delivery = row["delivery"]
        state = f"is {delivery}" if delivery != "none" else state
        if row["acknowledgement"] != "not_expected":
            state += f", its acknowledgement is {row['acknowledgement'].replace('_', ' ')}"
    reason = f" {message.reason}" if message.reason else ""
    return f"{name[:1].upper()}{name[1:]} {way} {state}.{reason}"


def _stages(session: Session, message: Message, carrier: Transmission | None) -> list[dict[str, Any]]:
    """The ledger's events of the message and of the transmission that carries it, in order."""
    subjects = {(subject_type(message), message.id)}
    if carrier is not None:
        subjects.add(("transmission", carrier.id))
    ours = or_(*((Event.subject_type == kind) & (Event.subject_id == identity) for kind, identity in subjects))
    return [
        {
            "at": event.at,
            "event": event.kind,
            "subject": event.subject_type,
            "axis": event.axis,
            "old": event.old,
            "new": event.new,
            "actor": event.actor,
            "reason": event.reason,
            "data": event.data,
        }
        for event in session.scalars(select(Event).where(ours).order_by(Event.seq))
    ]


def _attempts(session: Session, transmission: Transmission) -> list[dict[str, Any]]:
    attempts = select(Attempt).where(Attempt.transmission_id == transmission.id).order_by(Attempt.number)
    return [
        {
            "number": attempt.number,
            "started_at": attempt.started_at.isoformat(),
            "ended_at": _iso(attempt.ended_at),
            "outcome": attempt.outcome,
            "status": attempt.status,
            "reason": attempt.reason,
        }
        for attempt in session.scalars(attempts)
    ]


def _findings(session: Session, message: Message) -> list[Any]:
    """A document's findings, or those of every interchange of a transmission."""
    if isinstance(message, Document):
        return list(message.findings or ())
    interchanges = select(Interchange).where(Interchange.transmission_id == message.id).order_by(Interchange.position)
    return [finding for row in session.scalars(interchanges) for finding in row.findings or ()]


def _acknowledgements(session: Session, message: Message, interchange: Interchange | None) -> list[dict[str, Any]]:
    """What the partner said about ours, or what we answered to theirs."""
    if isinstance(message, Document) and message.direction == "out":
        return [
            {
                "direction": "in",
                "state": message.acknowledgement,
                "due_at": _iso(message.acknowledgement_due_at),
                "at": _iso(message.acknowledged_at),
                "detail": list(message.acknowledgement_detail or ()),
            }
        ]
    if isinstance(message, Document):
        ids = [] if interchange is None else [interchange.id]
    else:
        ids = list(session.scalars(select(Interchange.id).where(Interchange.transmission_id == message.id)))
    answers = select(Transmission).where(Transmission.acknowledges_id.in_(ids)).order_by(Transmission.created_at)
    return [
        {
            "direction": "out",
            "transmission": answer.id,
            "state": answer.delivery,
            "at": answer.created_at.isoformat(),
            "filename": answer.filename,
            "reason": answer.reason,
        }
        for answer in session.scalars(answers)
    ]


def _cases(session: Session, message: Message, carrier: Transmission | None) -> list[dict[str, Any]]:
    found = {case.id: case for case in cases_of(session, subject_type(message), message.id)}
    if carrier is not None:
        found |= {case.id: case for case in cases_of(session, "transmission", carrier.id)}
    return [
        {
            "id": case.id,
            "title": case.title,
            "review": case.review,
            "severity": case.severity,
            "suggestion": case.suggestion,
            "whose_fault": case.whose_fault,
            "messages": session.scalar(
                select(func.count()).select_from(CaseMember).where(CaseMember.case_id == case.id)
            ),
        }
        for case in found.values()
    ]


def _related(session: Session, message: Message) -> list[dict[str, Any]]:
    """Parent, children, what is recorded as related, and the other messages of the same transmission."""
    model: type[Message] = type(message)
    relations: list[tuple[str, Message]] = []
    relations += _named("parent", session.scalars(select(model).where(model.id == message.parent_id)))
    children = select(model).where(model.parent_id == message.id).order_by(model.id)
    relations += _named("child", session.scalars(children))
    if isinstance(message, Document):
        for entry in message.related or ():
            relations += _named(entry.get("relation", "related"), [session.get(Document, entry.get("id", ""))])
        within, but = message.transmission_id, message.id
    else:
        within, but = message.id, ""
    siblings = select(Document).where(Document.transmission_id == within, Document.id != but)
    relations += _named("same transmission", session.scalars(siblings.order_by(Document.position).limit(100)))
    return [
        {
            "relation": relation,
            "type": subject_type(other),
            "id": other.id,
            "name": _name(other),
            "processing": other.processing,
        }
        for relation, other in relations
    ]


def _named(relation: str, others: Iterable[Message | None]) -> list[tuple[str, Message]]:
    return [(relation, other) for other in others if other is not None]


def _transmission(row: Transmission) -> dict[str, Any]:
    return {
        "id": row.id,
        "transport": row.transport,
        "transport_id": row.transport_id,
        "filename": row.filename,
        "content_type": row.content_type,
        "bytes": row.size,
        "wire_sha256": row.wire_sha256,
        "payload_sha256": row.payload_sha256,
        "processing": row.processing,
        "delivery": row.delivery,
        "answer_status": row.answer_status,
        "answer_disposition": row.answer_disposition,
        "mic": row.mic,
        "mic_algorithm": row.mic_algorithm,
        "mic_matched": row.mic_matched,
        "mdn_signed": row.mdn_signed,
        "attempts": row.attempts,
        "next_attempt_at": _iso(row.next_attempt_at),
        "last_error": row.last_error,
        "facts": row.facts or {},
    }


def _interchange(row: Interchange) -> dict[str, Any]:
    return {
        "id": row.id,
        "sender": row.sender,
        "receiver": row.receiver,
        "control": row.control,
        "version": row.version,
        "verdict": row.verdict,
        "ta1_code": row.ta1_code,
        "test": row.test,
    }


#: Columns of a document that are shown as facts.
_FACTS = (
    *("partner_version", "group_code", "group_control", "set_control", "position", "business_key"),
    *("map_identity", "schema_identity", "software_version", "canonical_sha256", "source_sha256"),
    "post_reference",
)


def _facts(message: Message) -> dict[str, Any]:
    if isinstance(message, Transmission):
        return {"partner_version": message.partner_version}
    return {**{name: getattr(message, name) for name in _FACTS}, "posted_at": _iso(message.posted_at)}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
