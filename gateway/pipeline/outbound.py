"""Outbound: a document from the back office becomes a message in a partner's queue.

Check the document, map it to the standard that the profile names, validate the result with the very rules that the
partner's own documents are held to, then put it in its envelope and queue it in one transaction. Everything that is
wrong is reported at once, and no control number is taken for a document that is refused.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.documents import DocumentError, dump_document, parse_document
from gateway.messages import lifecycle, orders
from gateway.messages.axes import Acknowledgement, Axis, Processing
from gateway.messages.ids import derived_id
from gateway.messages.models import Document, Interchange
from gateway.messages.searchkeys import add_keys
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile, Status
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.outgoing import Prepared, Reason, RefusedError, amount_of, currency_of, findings_json
from gateway.pipeline.queueing import NoTransportError, queue
from gateway.pipeline.x12outbound import prepare_x12
from gateway.pipeline.xmloutbound import prepare_xml
from gateway.store import payloads
from gateway.store.errors import PayloadRemovedError
from gateway.store.faults import fault_point

__all__ = ["Reason", "RefusedError", "Submitted", "number_holder", "prepared_document", "submit_document"]

_REPEATING_PURPOSES = frozenset({"change", "replace", "cancellation"})


@dataclass(frozen=True, slots=True)
class Submitted:
    """A document that is queued, or was queued before."""

    document_id: str
    transmission_id: str | None
    partner: str
    kind: str
    number: str
    #: True when the very same document had been taken before; nothing new was queued.
    already: bool = False


def submit_document(
    pipeline: Pipeline,
    body: bytes,
    *,
    partner: str | None = None,
    actor: str = "back-office",
    parent_id: str | None = None,
    also: Callable[[Session, Submitted], None] = lambda _session, _done: None,
) -> Submitted:
    """Check, map, validate and queue one canonical document (JSON bytes).

    ``partner`` replaces the document's ``receiver``; ``parent_id`` is the document of ours that it corrects. The same
    document twice is queued once. ``also`` runs in the same transaction. Raises RefusedError with every reason.
    """
    profile, prepared = prepared_document(pipeline, body, partner=partner, parent_id=parent_id)
    stage = payloads.stage(pipeline.store.blobs, prepared.body)
    fault_point("outbound.before_commit")

    def run(session: Session) -> Submitted:
        done = _commit(session, pipeline, profile, prepared, stage, actor, parent_id)
        also(session, done)
        return done

    return pipeline.store.writer.run(run)


def prepared_document(
    pipeline: Pipeline, body: bytes, *, partner: str | None = None, parent_id: str | None = None
) -> tuple[PartnerProfile, Prepared]:
    """Check, map and validate one canonical document, with nothing written. Raises RefusedError with every reason."""
    try:
        document = parse_document(body)
    except DocumentError as error:
        raise RefusedError([Reason(e.path, e.message) for e in error.errors]) from error
    profile = _receiver(pipeline, document, partner)
    digest = hashlib.sha256(body).hexdigest()
    prepare = prepare_x12 if profile.xml.standard is None else prepare_xml
    return profile, prepare(pipeline, profile, document, digest, parent_id)


def _receiver(pipeline: Pipeline, document: BusinessDocument, partner: str | None) -> PartnerProfile:
    code = partner or document.receiver
    if not code:
        raise RefusedError(
            [
                Reason(
                    "receiver",
                    "The document does not say who it is for.",
                    "Set `receiver` to a partner's code.",
                )
            ]
        )
    profile = pipeline.profile(code)
    if profile is None:
        near = difflib.get_close_matches(code, pipeline.codes(), 1)
        hint = f"Did you mean {near[0]}?" if near else "`gateway partner list` shows every partner."
        raise RefusedError([Reason("receiver", f'There is no partner "{code}".', hint)])
    if profile.status is Status.RETIRED:
        raise RefusedError(
            [Reason("receiver", f"The partner {code} is retired.", "Send to another, or set it live again.")]
        )
    return profile


def _commit(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    prepared: Prepared,
    stage: bytes | payloads.StagedPayload,
    actor: str,
    parent_id: str | None,
) -> Submitted:
    now = pipeline.clock()
    document = prepared.document
    number = document.number or ""
    earlier = session.get(Document, prepared.document_id)
    if earlier is not None:
        _require_same(session, earlier, profile, prepared)
        return Submitted(earlier.id, earlier.transmission_id, profile.code, earlier.kind, number, already=True)
    owns = _owns_key(session, profile, prepared, parent_id)
    message = prepared.build(session, now)
    try:
        transmission = queue(
            session,
            pipeline,
            profile,
            # A large one becomes a file here: its bytes depend on the numbers just taken.
            payloads.stage(pipeline.store.blobs, message.data),
            size=len(message.data),
            name=message.filename,
            standard=prepared.standard,
            test=document.test,
            now=now,
        )
    except NoTransportError as error:
        raise RefusedError([Reason("receiver", str(error))]) from error
    interchange = Interchange(
        id=derived_id("interchange", transmission.id, 0),
        transmission_id=transmission.id,
        position=1,
        direction="out",
        partner=profile.code,
        sender=message.sender,
        receiver=message.receiver,
        control=message.control,
        version=message.version,
        test=document.test,
        sha256=hashlib.sha256(message.data).hexdigest(),
        received_at=now,
        verdict="accepted",
    )
    session.add(interchange)
    session.flush()
    due = rules.acknowledgement_due(profile, prepared.set_id, now)
    row = Document(
        id=prepared.document_id,
        direction="out",
        kind=document.kind,
        standard=prepared.standard,
        set_id=prepared.set_id,
        number=number,
        business_key=prepared.key,
        owns_key=owns,
        partner=profile.code,
        partner_version=pipeline.version(profile.code),
        transmission_id=transmission.id,
        interchange_id=interchange.id,
        group_code=message.group_code,
        group_control=message.group_control,
        set_control=message.set_control,
        canonical_sha256=payloads.put(session, stage, now=now),
        map_identity=prepared.map_identity,
        schema_identity=prepared.schema_identity,
        software_version=SOFTWARE,
        findings=findings_json(prepared.findings),
        processing=Processing.IDENTIFIED.value,
        acknowledgement=(Acknowledgement.AWAITED if due else Acknowledgement.NOT_EXPECTED).value,
        acknowledgement_due_at=due,
        parent_id=parent_id,
        test=document.test,
        received_at=now,
        amount=amount_of(document),
        currency=currency_of(document),
    )
    reason = f"{prepared.set_id} {number} was put in the queue for {profile.name}."
    lifecycle.begin(session, row, actor=actor, reason="Taken over for sending.", now=now)
    add_keys(session, row.id, row.kind, stage)
    lifecycle.advance(
        session,
        row,
        Axis.PROCESSING,
        [Processing.VALIDATED, Processing.MAPPED, Processing.POSTED],
        actor=actor,
        reason=reason,
        now=now,
        values={"posted_at": now, "post_reference": transmission.filename, "reason": reason},
    )
    orders.link(session, row, orders.facts_of(document), profile, now)
    return Submitted(row.id, transmission.id, profile.code, document.kind, number)


def _require_same(session: Session, earlier: Document, profile: PartnerProfile, prepared: Prepared) -> None:
    """Raises RefusedError when the stored document with this id is not the one that is to be sent.

    A back office that uses an id twice would lose the second document if we took it for the first one sent again.
    """
    same = earlier.direction == "out" and earlier.partner == profile.code
    if same and earlier.canonical_sha256 is not None:
        same = _same_content(session, earlier.canonical_sha256, prepared)
    if same:
        return
    way = "was sent to" if earlier.direction == "out" else "was received from"
    name = f"{earlier.set_id} {earlier.number or ''}".strip()
    raise RefusedError(
        [
            Reason(
                "id",
                f"The id {earlier.id} is that of another document: {name}, which {way} {earlier.partner} "
                f"({earlier.received_at:%Y-%m-%d %H:%M} UTC). This one differs from it, so it was not sent.",
                "Give it an id of its own, or leave `id` out: the gateway makes one. To send the earlier document "
                f"again use `gateway message resend {earlier.id}`."
                if earlier.direction == "out"
                else "Give it an id of its own, or leave `id` out: the gateway makes one.",
            )
        ]
    )


def _same_content(session: Session, digest: str, prepared: Prepared) -> bool:
    """Whether a stored document is the one that was prepared; where its content is not kept, by its digest."""
    try:
        stored = payloads.get(session, digest)
    except PayloadRemovedError:
        other = prepared.document.model_copy(update={"test": not prepared.document.test})
        return digest in {hashlib.sha256(body).hexdigest() for body in (prepared.body, dump_document(other))}
    return stored == prepared.body or _without_mode(stored) == _without_mode(prepared.body)


def _without_mode(body: bytes) -> dict[str, Any]:
    """A canonical document without what the partner's profile says of it: test or production."""
    fields: dict[str, Any] = json.loads(body)
    fields.pop("test", None)
    return fields


def _owns_key(session: Session, profile: PartnerProfile, prepared: Prepared, parent_id: str | None) -> bool:
    """True when this document becomes the owner of its business number; what it corrects gives the number up.

    Raises RefusedError when another document that we sent has the number and this one does not say that it
    changes, replaces or cancels it.
    """
    if prepared.key is None:
        return False
    holder = number_holder(session, profile, prepared, parent_id)
    if holder is not None and holder.id == parent_id:
        holder.owns_key = False
        session.flush()
        return True
    return holder is None


def number_holder(
    session: Session, profile: PartnerProfile, prepared: Prepared, parent_id: str | None
) -> Document | None:
    """The document of ours that has this business number. Raises RefusedError when it does not let go of it."""
    holder = session.scalar(
        select(Document).where(
            Document.partner == profile.code,
            Document.direction == "out",
            Document.business_key == prepared.key,
            Document.owns_key,
        )
    )
    purpose = prepared.document.purpose.value if prepared.document.purpose else None
    if holder is None or holder.id == parent_id or purpose in _REPEATING_PURPOSES:
        return holder
    raise RefusedError(
        [
            Reason(
                "number",
                f"A {prepared.set_id} with the number {prepared.document.number} was sent to {profile.name} before "
                f"({holder.received_at:%Y-%m-%d %H:%M} UTC) with other content.",
                "Give it a new number, or set `purpose` to change, replace or cancellation. To send the earlier "
                f"one again use `gateway message resend {holder.id}`.",
            )
        ]
    )
