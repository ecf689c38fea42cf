"""Outbound: a document from the back office becomes a transaction set in an envelope in a partner's queue.

Check the document, map it, validate the result with the very rules that the partner's own documents are held
to, then take control numbers and queue it in one transaction. Everything that is wrong is reported at once and
nothing is taken from the queue of numbers for a document that is refused.
"""

from __future__ import annotations

import difflib
import hashlib
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.documents import DocumentError, business_key, dump_document, parse_document
from gateway.mapping import CompiledMap, MapError, MappingError, WrittenSet, load_map, write_document
from gateway.messages import lifecycle
from gateway.messages.axes import Acknowledgement, Axis, Processing
from gateway.messages.ids import derived_id
from gateway.messages.models import Document, Interchange
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile, Status, validation_options
from gateway.pipeline.context import SOFTWARE, Company, Pipeline
from gateway.pipeline.queueing import (
    NoTransportError,
    Numbers,
    envelope_for,
    group_for,
    queue,
    take_numbers,
)
from gateway.pipeline.totals import with_total
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.edi.schema import load_release, release_for
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.writer import WriteError, write_interchange, write_set
from gateway.store import payloads
from gateway.store.faults import fault_point

__all__ = ["SET_OF_KIND", "Reason", "RefusedError", "Submitted", "submit_document"]

#: Canonical kind → X12 transaction set.
SET_OF_KIND = {
    "order": "850",
    "order_acknowledgment": "855",
    "ship_notice": "856",
    "invoice": "810",
    "order_change": "860",
    "order_change_acknowledgment": "865",
    "inventory_advice": "846",
}
#: Kinds that a buyer sends; the others are a seller's.
_BUYERS_KINDS = frozenset({"order", "order_change"})
#: Control numbers of the throw-away envelope in which a set is validated.
_TRIAL = Numbers(1, 1)
_REPEATING_PURPOSES = frozenset({"change", "replace", "cancellation"})


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a document from being sent."""

    #: Where: a JSON path, a field of the profile, or a place in the written set.
    path: str
    message: str
    fix: str = ""


class RefusedError(Exception):
    """The document cannot be sent; ``reasons`` holds every reason."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = reasons


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


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A mapped and validated set that waits for its control numbers."""

    document: BusinessDocument
    document_id: str
    body: bytes
    key: str | None
    written: WrittenSet
    set_id: str
    version: str
    group_code: str
    map_identity: str
    findings: list[Finding]


def submit_document(
    pipeline: Pipeline,
    body: bytes,
    *,
    partner: str | None = None,
    actor: str = "back-office",
    parent_id: str | None = None,
) -> Submitted:
    """Check, map, validate and queue one canonical document (JSON bytes).

    ``partner`` replaces the document's ``receiver``. The same document twice is queued once.
    Raises RefusedError with every reason.
    """
    try:
        document = parse_document(body)
    except DocumentError as error:
        raise RefusedError([Reason(e.path, e.message) for e in error.errors]) from error
    profile = _receiver(pipeline, document, partner)
    digest = hashlib.sha256(body).hexdigest()
    prepared = _prepare(pipeline, profile, document, digest, parent_id)
    stage = payloads.stage(pipeline.store.blobs, prepared.body)
    fault_point("outbound.before_commit")
    return pipeline.store.writer.run(
        lambda session: _commit(session, pipeline, profile, prepared, stage, actor, parent_id)
    )


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


def _prepare(
    pipeline: Pipeline,
    profile: PartnerProfile,
    document: BusinessDocument,
    digest: str,
    parent_id: str | None,
) -> _Prepared:
    set_id = SET_OF_KIND[document.kind]
    version = rules.version_to_send(profile, set_id)
    cmap = _map(pipeline, profile, set_id, version)
    # The same content for the same partner is the same document, so a file that is read again after a crash
    # arrives at the same id; a copy that a person made (parent_id) is another one.
    document_id = str(document.id or derived_id("outbound", profile.code, digest, parent_id or ""))
    filled = document.model_copy(
        update={
            "id": uuid.UUID(document_id),
            "direction": "outbound",
            "role": "buy" if document.kind in _BUYERS_KINDS else "sell",
            "sender": pipeline.company.code,
            "receiver": profile.code,
            "test": profile.envelope.usage == "T",
        }
    )
    filled, doubts = with_total(filled)
    try:
        written = write_document(cmap, filled)
    except MappingError as error:
        raise RefusedError([Reason(problem.path, problem.message) for problem in error.problems]) from error
    findings = doubts + list(written.findings) + _validate(profile, written, version)
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        raise RefusedError([Reason(_place(f), f.message, f.fix) for f in errors])
    release = load_release(_release(version))
    return _Prepared(
        document=filled,
        document_id=document_id,
        body=dump_document(filled),
        key=business_key(filled) or None,
        written=written,
        set_id=set_id,
        version=version,
        group_code=release.set_type(set_id).group,
        map_identity=cmap.identity,
        findings=findings,
    )


def _release(version: str) -> str:
    release = release_for(version)
    if release is None:
        raise RefusedError(
            [
                Reason(
                    "envelope.version",
                    f"Version {version} is not one this gateway writes.",
                    "Set envelope.version in the partner's profile to 004010 or 005010.",
                )
            ]
        )
    return release


def _map(pipeline: Pipeline, profile: PartnerProfile, set_id: str, version: str) -> CompiledMap:
    name = rules.document_settings(profile, set_id, "out").map_overlay
    release = _release(version)
    try:
        overlay = find(f"maps/{name}", pipeline.workdir) if name else None
        return load_map("x12", release, set_id, overlay=overlay, workdir=pipeline.workdir)
    except (FileNotFoundError, MapError) as error:
        message = f"No map can write a {set_id} in {version}: {error}"
        raise RefusedError([Reason("kind", message, "Mend the map or its overlay, or add one.")]) from error


def _validate(profile: PartnerProfile, written: WrittenSet, version: str) -> list[Finding]:
    """Write the set in a throw-away envelope and read it back with the partner's rules."""
    options = replace(validation_options(profile), charset=profile.envelope.charset)
    try:
        data = _trial_interchange(profile, written, version)
    except WriteError as error:
        return [Finding("AK403-6", "error", str(error))]
    checked = check_transmission(data, lambda *_: options, always_explain=False)
    found: list[Finding] = []
    for interchange in checked.interchanges:
        for group in interchange.groups:
            for one in group.sets:
                found += one.findings
    return found


def _trial_interchange(profile: PartnerProfile, written: WrittenSet, version: str) -> bytes:
    company = Company("us", "us", "ZZ", "US", "US", "us")
    at = datetime(2000, 1, 1, tzinfo=UTC)
    try:
        envelope = envelope_for(company, profile, version, _TRIAL, at)
        group = group_for(company, profile, version, _TRIAL, [written.segments], written.set_id, at)
    except ValueError as error:
        raise RefusedError([Reason("receiver", str(error))]) from error
    return write_interchange(envelope, [group])


def _place(finding: Finding) -> str:
    if finding.segment is None:
        return ""
    element = f"{finding.element:02d}" if finding.element else ""
    return f"{finding.segment}{element}" + (f" (segment {finding.position})" if finding.position else "")


def _commit(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    prepared: _Prepared,
    stage: bytes | payloads.StagedPayload,
    actor: str,
    parent_id: str | None,
) -> Submitted:
    now = pipeline.clock()
    document = prepared.document
    number = document.number or ""
    earlier = session.get(Document, prepared.document_id)
    if earlier is not None:
        return Submitted(earlier.id, earlier.transmission_id, profile.code, earlier.kind, number, already=True)
    owns = _owns_key(session, profile, prepared)
    numbers = take_numbers(session, profile)
    envelope = envelope_for(pipeline.company, profile, prepared.version, numbers, now, pipeline.secrets)
    set_control = f"{1:0{profile.control_numbers.st02_width}d}"
    sets = [write_set(prepared.written.segments, set_control)]
    group = group_for(pipeline.company, profile, prepared.version, numbers, sets, prepared.set_id, now)
    data = write_interchange(envelope, [group])
    standard = f"x12-{_release(prepared.version)}"
    try:
        transmission = queue(
            session,
            pipeline,
            profile,
            # A large one becomes a file here: its bytes depend on the numbers just taken.
            payloads.stage(pipeline.store.blobs, data),
            size=len(data),
            name=f"{prepared.set_id}-{number}-{numbers.isa13:09d}.edi",
            standard=standard,
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
        sender=f"{envelope.sender_qualifier}:{envelope.sender_id}",
        receiver=f"{envelope.receiver_qualifier}:{envelope.receiver_id}",
        control=f"{numbers.isa13:09d}",
        version=envelope.version,
        test=document.test,
        sha256=hashlib.sha256(data).hexdigest(),
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
        standard=standard,
        set_id=prepared.set_id,
        number=number,
        business_key=prepared.key,
        owns_key=owns,
        partner=profile.code,
        partner_version=pipeline.version(profile.code),
        transmission_id=transmission.id,
        interchange_id=interchange.id,
        group_code=prepared.group_code,
        group_control=str(numbers.gs06),
        set_control=set_control,
        canonical_sha256=payloads.put(session, stage, now=now),
        map_identity=prepared.map_identity,
        schema_identity=standard,
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
    return Submitted(row.id, transmission.id, profile.code, document.kind, number)


def _owns_key(session: Session, profile: PartnerProfile, prepared: _Prepared) -> bool:
    """True when this document becomes the owner of its business number.

    Raises RefusedError when another document that we sent has the number and this one does not say that it
    changes, replaces or cancels it.
    """
    if prepared.key is None:
        return False
    holder = session.scalar(
        select(Document).where(
            Document.partner == profile.code,
            Document.direction == "out",
            Document.business_key == prepared.key,
            Document.owns_key,
        )
    )
    if holder is None:
        return True
    purpose = prepared.document.purpose.value if prepared.document.purpose else None
    if purpose in _REPEATING_PURPOSES:
        return False
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


def amount_of(document: BusinessDocument) -> str | None:
    """The document's total as decimal text, where it has one."""
    totals = getattr(document, "totals", None)
    for name in ("payable", "gross", "total", "amount"):
        value = getattr(totals, name, None)
        if isinstance(value, Decimal):
            return format(value, "f")
    return None


def currency_of(document: BusinessDocument) -> str | None:
    """ISO 4217 code of the document's currency, where it names one."""
    value = getattr(document, "currency", None)
    return str(getattr(value, "value", None) or value)[:3] if value else None


def findings_json(findings: list[Finding] | tuple[Finding, ...]) -> list[dict[str, Any]] | None:
    """Findings as stored and shown: only the fields that are set."""
    return [{k: v for k, v in asdict(f).items() if v not in (None, "")} for f in findings] or None
