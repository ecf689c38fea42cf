"""Bytes that go out unchanged: queued as they are, and noted so that their acknowledgements find them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.messages import lifecycle, orders
from gateway.messages.axes import Axis, Processing
from gateway.messages.ids import derived_id
from gateway.messages.models import Document, Interchange, Transmission
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.outgoing import Reason, RefusedError
from gateway.pipeline.queueing import NoTransportError, queue
from gateway.pipeline.xmlidentify import partner_named
from gateway.pipeline.xmlplan import check_options, looks_like_xml, standard_of
from gateway.standards.x12.check import CheckedInterchange, check_transmission
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS, DOCUMENT_KINDS
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.store import payloads

__all__ = ["receiver_by_isa", "send_as_is"]


@dataclass(frozen=True, slots=True)
class _Set:
    """One document in what is sent."""

    kind: str
    set_id: str
    number: str | None
    standard: str
    control: str
    group_code: str = ""
    group_control: str = ""
    #: False for an acknowledgement, which is never acknowledged.
    is_answered: bool = True


@dataclass(frozen=True, slots=True)
class _Envelope:
    """One interchange, or one XML document."""

    sender: str
    receiver: str
    control: str
    version: str
    test: bool
    sha256: str
    verdict: str
    sets: tuple[_Set, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """What the bytes hold, as far as it is understood."""

    envelopes: tuple[_Envelope, ...]
    #: The partner that it is addressed to, None when it names none.
    partner: str | None
    standard: str
    #: Why the receiver is not known, as a sentence.
    unaddressed: str


def send_as_is(pipeline: Pipeline, name: str, content: bytes, partner: str | None) -> dict[str, Any]:
    """Queue bytes unchanged. Raises RefusedError when it is not known for whom, or there is no way to send."""
    read = _xml(pipeline, content) if looks_like_xml(content) else _x12(pipeline, content)
    code = partner or read.partner
    if code is None:
        raise RefusedError([Reason("receiver", read.unaddressed, "Name the partner with --partner.")])
    profile = pipeline.profile(code)
    if profile is None:
        raise RefusedError([Reason("receiver", f'There is no partner "{code}".')])
    stage = payloads.stage(pipeline.store.blobs, content)

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        try:
            row = queue(
                session,
                pipeline,
                profile,
                stage,
                size=len(content),
                name=name,
                standard=read.standard,
                test=any(envelope.test for envelope in read.envelopes),
                now=now,
            )
        except NoTransportError as error:
            raise RefusedError([Reason("receiver", str(error))]) from error
        ids = [
            identity
            for index, envelope in enumerate(read.envelopes)
            for identity in _note(session, pipeline, profile, row, index, envelope, now)
        ]
        return {
            "result": "queued",
            "document": next(iter(ids), None),
            "transmission": row.id,
            "partner": code,
            "kind": "as-is",
            "number": name,
            "reference": f"{name} to {code}, unchanged",
        }

    return pipeline.store.writer.run(run)


def receiver_by_isa(pipeline: Pipeline, interchange: CheckedInterchange) -> str | None:
    """The partner that an interchange is addressed to (ISA07/08), None when it is no partner."""
    source = interchange.interchange
    return pipeline.directory.by_isa(source.receiver_qualifier, source.receiver_id, source.usage)


def _x12(pipeline: Pipeline, content: bytes) -> _Content:
    checked = check_transmission(content)
    found = checked.interchanges
    release = next((group.release for each in found for group in each.groups if group.release), None)
    first = found[0].interchange if found else None
    name = f"{first.receiver_qualifier}:{first.receiver_id}" if first else ""
    return _Content(
        envelopes=tuple(
            _Envelope(
                sender=f"{each.interchange.sender_qualifier}:{each.interchange.sender_id}",
                receiver=f"{each.interchange.receiver_qualifier}:{each.interchange.receiver_id}",
                control=each.interchange.control,
                version=each.interchange.version,
                test=each.interchange.usage == "T",
                sha256=hashlib.sha256(each.interchange.raw).hexdigest(),
                verdict=each.verdict,
                sets=tuple(_x12_sets(each)),
            )
            for each in found
        ),
        partner=receiver_by_isa(pipeline, found[0]) if found else None,
        standard=f"x12-{release}" if release else "unknown",
        unaddressed=f"The interchange is addressed to {name} (ISA07, ISA08), which is no partner."
        if found
        else checked.transmission.unreadable,
    )


def _x12_sets(interchange: CheckedInterchange) -> Iterator[_Set]:
    for group in interchange.groups:
        for one in group.sets:
            yield _Set(
                kind=DOCUMENT_KINDS.get(one.set_id, f"x12_{one.set_id or 'unknown'}"),
                set_id=one.set_id,
                number=one.number,
                standard=f"x12-{one.release or group.group.version}",
                control=one.control,
                group_code=group.group.code,
                group_control=group.group.control,
                is_answered=one.set_id not in ACKNOWLEDGEMENT_SETS,
            )


def _xml(pipeline: Pipeline, content: bytes) -> _Content:
    checked = check_xml(content, check_options(pipeline, None))
    first = checked.documents[0] if checked.documents else None
    named = ", ".join(str(each) for each in first.identity.receiver[:3]) if first else ""
    return _Content(
        envelopes=tuple(_xml_envelope(document, content) for document in checked.documents),
        partner=partner_named(pipeline, first.identity.receiver) if first else None,
        standard=standard_of(first) if first else "xml",
        unaddressed=f"The document is addressed to {named or 'nobody'}, which is no partner."
        if first
        else checked.unreadable,
    )


def _xml_envelope(document: CheckedXmlDocument, content: bytes) -> _Envelope:
    identity = document.identity
    only = _Set(
        kind=document.kind or f"xml_{document.set_id}",
        set_id=document.set_id,
        number=document.number,
        standard=standard_of(document),
        control=document.control,
        is_answered=document.kind != "application_response",
    )
    return _Envelope(
        sender=str(identity.sender[0]) if identity.sender else "",
        receiver=str(identity.receiver[0]) if identity.receiver else "",
        control=document.control,
        version=standard_of(document),
        test=identity.test,
        sha256=hashlib.sha256(content).hexdigest(),
        verdict=document.verdict,
        sets=(only,),
    )


def _note(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    row: Transmission,
    index: int,
    envelope: _Envelope,
    now: datetime,
) -> Iterator[str]:
    """Add the interchange and its documents; the documents' ids."""
    interchange = Interchange(
        id=derived_id("interchange", row.id, index),
        transmission_id=row.id,
        position=index + 1,
        direction="out",
        partner=profile.code,
        sender=envelope.sender,
        receiver=envelope.receiver,
        control=envelope.control,
        version=envelope.version,
        test=envelope.test,
        sha256=envelope.sha256,
        received_at=now,
        verdict=envelope.verdict,
    )
    session.add(interchange)
    session.flush()
    for position, one in enumerate(envelope.sets, 1):
        due = rules.acknowledgement_due(profile, one.set_id, now) if one.is_answered else None
        document = Document(
            id=derived_id("as-is", row.id, index, position),
            direction="out",
            kind=one.kind,
            standard=one.standard,
            set_id=one.set_id,
            number=one.number,
            partner=profile.code,
            partner_version=pipeline.version(profile.code),
            transmission_id=row.id,
            interchange_id=interchange.id,
            group_code=one.group_code,
            group_control=one.group_control,
            set_control=one.control,
            position=position,
            processing=Processing.IDENTIFIED.value,
            acknowledgement="awaited" if due else "not_expected",
            acknowledgement_due_at=due,
            software_version=SOFTWARE,
            test=envelope.test,
            received_at=now,
        )
        lifecycle.begin(session, document, actor="send", reason="Sent unchanged.", now=now)
        lifecycle.advance(
            session,
            document,
            Axis.PROCESSING,
            [Processing.VALIDATED, Processing.POSTED],
            actor="send",
            reason="Put in the queue unchanged.",
            now=now,
            values={"posted_at": now, "post_reference": row.filename},
        )
        orders.link(session, document, orders.facts_of_number(one.kind, one.number), profile, now)
        yield document.id
