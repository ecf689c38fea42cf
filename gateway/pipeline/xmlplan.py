"""What is to become of a received XML file: each business document in it is an envelope of its own.

The counterpart of ``gateway.pipeline.plan`` for X12, and as pure: nothing is written, it is repeated after a crash.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

from gateway.documents import Document, business_key, dump_document
from gateway.mapping import MapError, maps_available
from gateway.mapping.xml.convert import read_checked_document
from gateway.messages.ids import document_id
from gateway.messages.orders import facts_of
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline
from gateway.pipeline.outgoing import amount_of, currency_of
from gateway.pipeline.planned import EnvelopeFacts, PlannedDocument, PlannedInterchange, TransmissionPlan
from gateway.pipeline.problems import Problem, ProblemKind, finding_sentence, rejected_set, worst
from gateway.pipeline.xmlidentify import identify_document
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.xml.acknowledge import read_acknowledgement_xml
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import serialise
from gateway.standards.xml.schemas import load_registry

__all__ = ["MAP_VERSIONS", "check_options", "looks_like_xml", "plan_xml", "refuse_xml", "standard_of"]

#: Release whose maps read and write each family.
MAP_VERSIONS = {"ubl": "2.1", "cxml": "1.2"}
#: Kinds that a buyer sends, so that we are the seller when they come in.
_FROM_BUYERS = frozenset({"order", "order_change", "receipt_advice"})
#: Requests about the connection, answered where they came in; nothing of them is for a back office.
_ASKED = frozenset({"ProfileRequest"})
_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<", b"<\x00", b"\x00<")


def looks_like_xml(payload: bytes) -> bool:
    """Whether the first bytes are those of an XML document in an encoding that is read here."""
    return payload[:64].lstrip(b" \t\r\n").startswith(_STARTS)


def standard_of(document: CheckedXmlDocument) -> str:
    """ "ubl-2.1" or "cxml-1.2", the names of our interface; "xml" for everything else."""
    family = document.identity.format
    return f"{family}-{MAP_VERSIONS[family]}" if family in MAP_VERSIONS else family


def check_options(pipeline: Pipeline, profile: PartnerProfile | None) -> XmlCheckOptions:
    """How a partner's XML is checked: its limits, the operator's schemas, the profile's severities."""
    registry = load_registry(pipeline.workdir)
    if profile is None:
        return XmlCheckOptions(registry=registry)
    limits = XmlLimits(
        max_bytes=profile.inbound.max_bytes,
        max_elements=profile.xml.max_elements,
        max_memory=profile.xml.max_memory,
    )
    return XmlCheckOptions(limits=limits, registry=registry, severities=profile.inbound.severities)


def plan_xml(
    pipeline: Pipeline, transmission_id: str, profile: PartnerProfile | None, payload: bytes
) -> TransmissionPlan:
    """Read, check and map the documents of one XML file. ``profile`` is that of who the transport authenticated."""
    checked = check_xml(payload, check_options(pipeline, profile))
    if not checked.documents:
        sender = f" from {profile.name}" if profile else ""
        first = worst(checked.findings)
        sentence = f"A message{sender} cannot be read: {checked.unreadable}"
        rule = first.code if first else "xml"
        return TransmissionPlan(Problem(ProblemKind.UNREADABLE, sentence, rule, first.fix if first else ""))
    return TransmissionPlan(
        interchanges=tuple(
            _plan_envelope(pipeline, transmission_id, index, document, profile, payload)
            for index, document in enumerate(checked.documents)
        )
    )


def _plan_envelope(
    pipeline: Pipeline,
    transmission_id: str,
    index: int,
    document: CheckedXmlDocument,
    authenticated: PartnerProfile | None,
    payload: bytes,
) -> PlannedInterchange:
    identity = document.identity
    identified = identify_document(pipeline, document, authenticated)
    whole = payload if identity.document.getparent() is None else serialise(identity.document)
    planned = PlannedInterchange(
        id=str(uuid.uuid5(uuid.UUID(transmission_id), f"interchange/{index}")),
        index=index,
        checked=document,
        envelope=_facts(document),
        sha256=hashlib.sha256(whole.rstrip()).hexdigest(),
        partner=identified.profile,
        test=identity.test or bool(identified.profile and identified.profile.is_test),
    )
    if document.verdict == "unreadable":
        first = worst(document.findings)
        sentence = f"{planned.envelope.name} cannot be read: " + (finding_sentence(first) if first else "no schema.")
        return replace(
            planned, hold=Problem(ProblemKind.UNREADABLE, sentence, identity.root, first.fix if first else "")
        )
    if identified.hold is not None or identified.profile is None:
        return replace(planned, hold=identified.hold)
    if identified.refusal is not None:
        problem = identified.refusal[1]
        return replace(planned, checked=refuse_xml(document, problem), refusal=problem)
    answers = read_acknowledgement_xml(identity.document)
    if not answers:
        document = _judged(pipeline, document, identified.profile)
    return replace(
        planned,
        checked=document,
        documents=(_plan_document(pipeline, transmission_id, planned, document, identified.profile, bool(answers)),),
        acknowledgements=answers,
    )


def _judged(pipeline: Pipeline, document: CheckedXmlDocument, profile: PartnerProfile) -> CheckedXmlDocument:
    """The document with what the official rules say of it, when its schema accepts it and there are any."""
    if pipeline.official_rules is None or not document.accepted:
        return document
    found = pipeline.official_rules(document, profile.inbound.severities)
    if not found:
        return document
    verdict = document.verdict
    if verdict == "accepted" and any(finding.severity != "note" for finding in found):
        verdict = "accepted_with_errors"
    return replace(document, verdict=verdict, findings=(*document.findings, *found))


def _facts(document: CheckedXmlDocument) -> EnvelopeFacts:
    identity = document.identity
    name = f"{identity.root} {document.number or document.control}".strip()
    return EnvelopeFacts(
        sender=str(identity.sender[0]) if identity.sender else "",
        receiver=str(identity.receiver[0]) if identity.receiver else "",
        control=document.control,
        version=standard_of(document),
        name=name,
        # An order and its invoice may both be number 34: what a UBL id means depends on the document.
        control_is_unique=identity.format == "cxml" and bool(document.control),
    )


def refuse_xml(document: CheckedXmlDocument, problem: Problem) -> CheckedXmlDocument:
    """The document rejected as a whole for a reason outside of its schema."""
    finding = Finding(
        "XML-refused", "error", problem.sentence, problem.suggestion, document.set_id, path=f"/{document.set_id}"
    )
    return replace(document, verdict="rejected", findings=(finding, *document.findings))


def _plan_document(
    pipeline: Pipeline,
    transmission_id: str,
    planned: PlannedInterchange,
    document: CheckedXmlDocument,
    profile: PartnerProfile,
    is_answer: bool,
) -> PlannedDocument:
    base = PlannedDocument(
        id=document_id(transmission_id, planned.index, 0, 0),
        kind=document.kind or f"xml_{document.set_id}",
        set_id=document.set_id,
        standard=standard_of(document),
        number=document.number,
        group_code="",
        group_control="",
        set_control=document.control,
        position=1,
        place=(planned.index, 0, 0),
        accepted=document.accepted,
        findings=document.findings,
        schema_identity=f"{document.schema.name}/{document.schema.digest[:16]}" if document.schema else None,
    )
    if not document.accepted:
        rejected = rejected_set(base.set_id, base.number or "", profile.name, base.findings)
        return replace(base, problem=rejected)
    if is_answer:
        return base
    if document.set_id in _ASKED:
        return replace(base, settled=f"{document.set_id} from {profile.name} asked what we take and was answered.")
    if not rules.accepts_xml(profile, document.set_id):
        sentence = f"{planned.envelope.name} is right, but {profile.name} may not send {document.set_id}."
        fix = "Add it under xml.documents in the partner's profile and replay, or tell the partner."
        return replace(base, problem=Problem(ProblemKind.UNKNOWN_SET, sentence, document.set_id, fix))
    return _mapped(pipeline, base, planned, document, profile)


def _mapped(
    pipeline: Pipeline,
    base: PlannedDocument,
    planned: PlannedInterchange,
    document: CheckedXmlDocument,
    profile: PartnerProfile,
) -> PlannedDocument:
    family, name = document.identity.format, f"{planned.envelope.name} from {profile.name}"
    settings, version = rules.document_settings(profile, document.set_id, "in"), MAP_VERSIONS.get(family, "")
    try:
        overlay = find(f"maps/{settings.map_overlay}", pipeline.workdir) if settings.map_overlay else None
        result = read_checked_document(document, pipeline.workdir, overlay)
    except (FileNotFoundError, MapError) as error:
        if (family, version, document.set_id) in maps_available(pipeline.workdir):
            sentence = f"{name} is valid, but its map cannot be used: {error}"
            return replace(base, problem=Problem(ProblemKind.MAPPING, sentence, f"{document.set_id}|map"))
        sentence = f"{name} is valid, but no map reads {document.set_id}."
        return replace(base, problem=Problem(ProblemKind.NO_MAP, sentence, f"{document.set_id}|{version}"))
    findings = (*base.findings, *result.findings)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if errors:
        sentence = f"{name} could not be mapped: {finding_sentence(errors[0])}"
        problem = Problem(ProblemKind.MAPPING, sentence, f"{document.set_id}|{errors[0].code}")
        return replace(base, findings=findings, problem=problem)
    canonical = result.document.model_copy(
        update={
            "id": uuid.UUID(base.id),
            "direction": "inbound",
            "role": "sell" if base.kind in _FROM_BUYERS else "buy",
            "sender": profile.code,
            "receiver": pipeline.company.code,
            "test": planned.test,
        }
    )
    return replace(
        base,
        kind=canonical.kind,
        body=dump_document(canonical),
        number=canonical.number or base.number,
        business_key=business_key(canonical) or None,
        purpose=canonical.purpose.value if canonical.purpose else None,
        map_identity=_map_of(canonical),
        findings=findings,
        amount=amount_of(canonical),
        currency=currency_of(canonical),
        order=facts_of(canonical),
        problem=_waits(document, planned, profile, settings.auto_post),
    )


def _map_of(document: Document) -> str | None:
    return document.source.map if document.source is not None else None


def _waits(
    document: CheckedXmlDocument, planned: PlannedInterchange, profile: PartnerProfile, auto_post: bool
) -> Problem | None:
    """Why a valid and mapped document waits for a person, if it does."""
    name = f"{planned.envelope.name} from {profile.name}"
    if document.held:
        broken = next(f for f in document.findings if f.severity == "error" and not f.code.startswith(("XSD-", "XML-")))
        return Problem(
            ProblemKind.BUSINESS_RULE,
            f"{name} is held: {finding_sentence(broken)}",
            f"{document.set_id}|{broken.code}",
            broken.fix,
        )
    if not auto_post:
        return Problem(ProblemKind.APPROVAL, f"{name} waits for approval, as its profile asks.", document.set_id)
    return None
