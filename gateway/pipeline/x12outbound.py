"""A document as X12: mapped to a transaction set, and checked with the rules that the partner's own are held to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.documents import business_key, dump_document
from gateway.mapping import CompiledMap, MapError, MappingError, WrittenSet, load_map, write_document
from gateway.mapping.crossing import cross
from gateway.partners import rules
from gateway.partners.guides import GuideUnusableError, options_by_set
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.hints import crossing_hints
from gateway.pipeline.outgoing import Outgoing, Prepared, Reason, RefusedError, addressed
from gateway.pipeline.queueing import Numbers, envelope_for, group_for, take_numbers
from gateway.pipeline.shiplevels import with_levels
from gateway.pipeline.totals import with_total
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.edi.schema import load_release, release_for
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.writer import WriteError, write_interchange, write_set

__all__ = ["SET_OF_KIND", "prepare_x12"]

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
#: Control numbers of the throw-away envelope in which a set is validated.
_TRIAL = Numbers(1, 1)


def prepare_x12(
    pipeline: Pipeline, profile: PartnerProfile, document: BusinessDocument, digest: str, parent_id: str | None
) -> Prepared:
    """Map and check a document. Raises RefusedError with every reason."""
    set_id = SET_OF_KIND.get(document.kind)
    if set_id is None:
        message = f"X12 has no transaction set here for {document.kind.replace('_', ' ')}."
        raise RefusedError([Reason("kind", message, "Set xml.standard in the partner's profile, or leave it out.")])
    version = rules.version_to_send(profile, set_id)
    cmap = _map(pipeline, profile, set_id, version)
    document_id, filled = addressed(pipeline.company, profile, document, digest, parent_id)
    filled, doubts = with_total(filled)
    try:
        if filled.source is not None and filled.source.standard != "x12":
            crossed = cross(filled, "x12", crossing_hints(pipeline.company, profile, version=_release(version)))
            written = write_document(cmap, with_levels(crossed.document, profile))
            doubts = doubts + list(crossed.findings)
        else:
            filled = with_levels(filled, profile)
            written = write_document(cmap, filled)
    except MappingError as error:
        raise RefusedError([Reason(problem.path, problem.message) for problem in error.problems]) from error
    findings = doubts + list(written.findings) + _validate(pipeline, profile, written, version)
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        raise RefusedError([Reason(_place(f), f.message, f.fix) for f in errors])
    release = _release(version)

    def build(session: Session, now: datetime) -> Outgoing:
        return _outgoing(session, pipeline, profile, written, version, filled.number or "", now)

    return Prepared(
        document=filled,
        document_id=document_id,
        body=dump_document(filled),
        key=business_key(filled) or None,
        set_id=set_id,
        standard=f"x12-{release}",
        schema_identity=f"x12-{release}",
        map_identity=cmap.identity,
        findings=findings,
        build=build,
    )


def _outgoing(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    written: WrittenSet,
    version: str,
    number: str,
    now: datetime,
) -> Outgoing:
    """Take control numbers and write the interchange."""
    numbers = take_numbers(session, profile)
    envelope = envelope_for(pipeline.company, profile, version, numbers, now, pipeline.secrets)
    set_control = f"{1:0{profile.control_numbers.st02_width}d}"
    sets = [write_set(written.segments, set_control)]
    group = group_for(pipeline.company, profile, version, numbers, sets, written.set_id, now)
    return Outgoing(
        data=write_interchange(envelope, [group]),
        filename=f"{written.set_id}-{number}-{numbers.isa13:09d}.edi",
        sender=f"{envelope.sender_qualifier}:{envelope.sender_id}",
        receiver=f"{envelope.receiver_qualifier}:{envelope.receiver_id}",
        control=f"{numbers.isa13:09d}",
        version=envelope.version,
        group_code=load_release(_release(version)).set_type(written.set_id).group,
        group_control=str(numbers.gs06),
        set_control=set_control,
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


def _validate(pipeline: Pipeline, profile: PartnerProfile, written: WrittenSet, version: str) -> list[Finding]:
    """Write the set in a throw-away envelope and read it back with the partner's rules."""
    try:
        rules_of = options_by_set(profile, "out", pipeline.workdir)(written.set_id)
    except GuideUnusableError as error:
        raise RefusedError([Reason("kind", str(error), error.fix)]) from error
    options = replace(rules_of, charset=profile.envelope.charset)
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
