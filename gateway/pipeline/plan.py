"""What is to become of a received transmission: read, checked and mapped, with nothing written yet.

``plan_transmission`` is pure work over the bytes and the partners' profiles. It may take long and is repeated
after a crash; the decisions that need the latest state of the store (duplicates, control numbers) are left to
``gateway.pipeline.inbound``.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway.documents import business_key, dump_document
from gateway.mapping import MapError, load_map, maps_available, read_document
from gateway.mapping.x12_source import envelope_source
from gateway.messages.ids import document_id
from gateway.messages.orders import facts_of
from gateway.partners import rules
from gateway.partners.guides import GuideUnusableError, options_by_set
from gateway.partners.profile import PartnerProfile
from gateway.partners.x12settings import Inbound
from gateway.pipeline.context import Pipeline
from gateway.pipeline.identify import Identified, identify
from gateway.pipeline.outgoing import amount_of, currency_of
from gateway.pipeline.planned import EnvelopeFacts, PlannedDocument, PlannedInterchange, TransmissionPlan
from gateway.pipeline.problems import Problem, ProblemKind, finding_sentence, rejected_set, worst
from gateway.pipeline.xmlplan import looks_like_xml, plan_xml, refuse_xml
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12.check import (
    CheckedGroup,
    CheckedInterchange,
    CheckedSet,
    Verdict,
    check_transmission,
)
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS, DOCUMENT_KINDS
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.x12.reconcile import read_acknowledgements
from gateway.standards.x12.transmission import Group, Interchange, Limits, RawSet

__all__ = ["plan_transmission", "refused", "too_large"]


def plan_transmission(
    pipeline: Pipeline, transmission_id: str, partner: str | None, payload: bytes
) -> TransmissionPlan:
    """Read, check and map the bytes of one transmission. ``partner`` is who the transport authenticated."""
    profile = pipeline.profile(partner) if partner else None
    if looks_like_xml(payload):
        return plan_xml(pipeline, transmission_id, profile, payload)
    transmission = read_transmission(payload, _limits(profile))
    if not transmission.interchanges:
        sender = f"from {profile.name} " if profile else ""
        sentence = f"A message {sender}cannot be read: {transmission.unreadable}"
        return TransmissionPlan(Problem(ProblemKind.UNREADABLE, sentence, transmission.format))
    limit = _too_many_sets(transmission.interchanges, profile)
    if limit is not None:
        return TransmissionPlan(limit)
    identified = {
        interchange.index: identify(pipeline, interchange, partner) for interchange in transmission.interchanges
    }
    try:
        checked = check_transmission(transmission, _options(identified, pipeline))
    except GuideUnusableError as error:
        return TransmissionPlan(Problem(ProblemKind.GUIDE, str(error), error.name, error.fix))
    return TransmissionPlan(
        interchanges=tuple(
            _plan_interchange(pipeline, transmission_id, one, identified[one.interchange.index])
            for one in checked.interchanges
        )
    )


def too_large(pipeline: Pipeline, partner: str | None, size: int) -> TransmissionPlan | None:
    """What is to become of a transmission of so many bytes when it is above the limit, and so never read into memory.

    None when it is within the limit.
    """
    profile = pipeline.profile(partner) if partner else None
    limit = _limits(profile).max_bytes
    if size <= limit:
        return None
    sender = f"from {profile.name} " if profile else ""
    sentence = f"A message {sender}has {size:,} bytes, more than the {limit:,} that are read; it is stored unread."
    fix = (
        "Ask the sender to split it; or raise inbound.max_bytes in the partner's profile and replay the message: it is "
        "then read as a whole, which takes several times its size of memory."
    )
    return TransmissionPlan(Problem(ProblemKind.UNREADABLE, sentence, "size", fix))


def _too_many_sets(interchanges: Sequence[Interchange], profile: PartnerProfile | None) -> Problem | None:
    """Why a transmission with more sets in an interchange than are taken is held; None when it is within the limit."""
    most = (profile.inbound if profile else _FROM_ANYBODY).max_sets
    for one in interchanges:
        count = sum(len(group.sets) for group in one.groups)
        if count > most:
            sentence = (
                f"Interchange {one.control} holds {count:,} transaction sets, more than the {most:,} that are taken."
            )
            fix = (
                "Ask the sender to split it; or raise inbound.max_sets in the partner's profile and replay the message."
            )
            return Problem(ProblemKind.UNREADABLE, sentence, "sets", fix)
    return None


#: What holds while nobody is known.
_FROM_ANYBODY = Inbound.by_default()


def _limits(profile: PartnerProfile | None) -> Limits:
    return Limits(max_bytes=profile.inbound.max_bytes) if profile else Limits()


def _options(
    identified: dict[int, Identified], pipeline: Pipeline
) -> Callable[[Interchange, Group, RawSet], ValidationOptions]:
    known = {
        index: options_by_set(found.profile, "in", pipeline.workdir)
        for index, found in identified.items()
        if found.profile is not None
    }
    usual = ValidationOptions()

    def options(interchange: Interchange, _group: Group, raw_set: RawSet) -> ValidationOptions:
        by_set = known.get(interchange.index)
        return usual if by_set is None else by_set(raw_set.set_id)

    return options


def _plan_interchange(
    pipeline: Pipeline, transmission_id: str, checked: CheckedInterchange, identified: Identified
) -> PlannedInterchange:
    interchange = checked.interchange
    planned = PlannedInterchange(
        id=str(uuid.uuid5(uuid.UUID(transmission_id), f"interchange/{interchange.index}")),
        index=interchange.index,
        checked=checked,
        envelope=_envelope(interchange),
        # Line ends behind IEA belong to the file, not to the interchange.
        sha256=hashlib.sha256(interchange.raw.rstrip()).hexdigest(),
        partner=identified.profile,
        test=interchange.usage == "T",
    )
    if interchange.unreadable:
        return replace(planned, hold=Problem(ProblemKind.UNREADABLE, interchange.unreadable, "isa"))
    if identified.hold is not None:
        return replace(planned, hold=identified.hold)
    profile = identified.profile
    if profile is None:  # identify never leaves both empty
        raise AssertionError("an identified interchange has a partner or a reason to hold it")
    if identified.refusal is not None:
        code, problem = identified.refusal
        return replace(planned, checked=_refuse(checked, code, problem), refusal=problem)
    if checked.verdict == "rejected" and checked.ta1_letter == "R":
        first = worst(checked.findings)
        reason = finding_sentence(first) if first else "The envelope is broken."
        number = f"Interchange {interchange.control} from {profile.name}"
        problem = Problem(ProblemKind.ENVELOPE, f"{number} was rejected as a whole: {reason}", checked.ta1_code)
        return replace(planned, refusal=problem)
    checked = _held_to_agreement(checked, profile)
    return replace(
        planned,
        checked=checked,
        documents=_plan_documents(pipeline, transmission_id, checked, profile),
        acknowledgements=tuple(read_acknowledgements(checked)),
    )


def _envelope(interchange: Interchange) -> EnvelopeFacts:
    return EnvelopeFacts(
        sender=f"{interchange.sender_qualifier}:{interchange.sender_id}",
        receiver=f"{interchange.receiver_qualifier}:{interchange.receiver_id}",
        control=interchange.control,
        version=interchange.version,
        name=f"Interchange {interchange.control}",
        unreadable=interchange.unreadable,
    )


def refused(planned: PlannedInterchange, code: str, problem: Problem) -> PlannedInterchange:
    """The interchange rejected as a whole, with a TA105 code where the standard has one."""
    checked = planned.checked
    if isinstance(checked, CheckedInterchange):
        return replace(planned, checked=_refuse(checked, code, problem))
    return replace(planned, checked=refuse_xml(checked, problem))


def _refuse(checked: CheckedInterchange, code: str, problem: Problem) -> CheckedInterchange:
    finding = Finding(f"TA105-{code}", "error", problem.sentence, problem.suggestion, "ISA")
    return replace(checked, findings=(*checked.findings, finding), verdict="rejected")


# -- what the partner may send ---------------------------------------------------------------------------------


def _held_to_agreement(checked: CheckedInterchange, profile: PartnerProfile) -> CheckedInterchange:
    """Reject the sets and versions that the profile does not take from this partner."""
    if not profile.inbound.accepted:
        return checked
    groups = tuple(_agreed_group(group, profile) for group in checked.groups)
    return replace(checked, groups=groups)


def _agreed_group(group: CheckedGroup, profile: PartnerProfile) -> CheckedGroup:
    if group.is_acknowledgement:
        return group
    sets = tuple(_agreed_set(one, group, profile) for one in group.sets)
    if sets == group.sets:
        return group
    verdict: Verdict = "rejected" if all(not one.accepted for one in sets) else "partially_accepted"
    return replace(group, sets=sets, verdict=verdict)


def _agreed_set(one: CheckedSet, group: CheckedGroup, profile: PartnerProfile) -> CheckedSet:
    acceptance = rules.accepts(profile, one.set_id, group.group.version)
    if acceptance == "accepted":
        return one
    what = f"set {one.set_id}" if acceptance == "unknown_set" else f"set {one.set_id} in {group.group.version}"
    finding = Finding(
        "AK502-1",
        "error",
        f"ST01: {what} is not agreed with {profile.name}.",
        "Add it under inbound.accepted in the partner's profile, or ask the partner not to send it.",
        "ST",
        1,
        1,
        value=one.set_id,
    )
    return replace(one, verdict="rejected", findings=(finding, *one.findings))


# -- documents -------------------------------------------------------------------------------------------------


def _plan_documents(
    pipeline: Pipeline, transmission_id: str, checked: CheckedInterchange, profile: PartnerProfile
) -> tuple[PlannedDocument, ...]:
    planned: list[PlannedDocument] = []
    for group_index, group in enumerate(checked.groups):
        for set_index, one in enumerate(group.sets):
            base = PlannedDocument(
                id=document_id(transmission_id, checked.interchange.index, group_index, set_index),
                kind=DOCUMENT_KINDS.get(one.set_id, f"x12_{one.set_id or 'unknown'}"),
                set_id=one.set_id,
                standard=f"x12-{one.release or group.group.version or 'unknown'}",
                number=one.number,
                group_code=group.group.code,
                group_control=group.group.control,
                set_control=one.control,
                position=len(planned) + 1,
                place=(checked.interchange.index, group_index, set_index),
                accepted=one.accepted and group.verdict != "rejected",
                findings=(*group.findings, *one.findings),
            )
            planned.append(_plan_document(pipeline, base, checked, group, one, profile))
    return tuple(planned)


def _plan_document(
    pipeline: Pipeline,
    base: PlannedDocument,
    checked: CheckedInterchange,
    group: CheckedGroup,
    one: CheckedSet,
    profile: PartnerProfile,
) -> PlannedDocument:
    if not base.accepted:
        return replace(base, problem=_rejection(base, group, profile))
    if one.set_id in ACKNOWLEDGEMENT_SETS:
        return base
    settings = rules.document_settings(profile, one.set_id, "in")
    try:
        overlay = find(f"maps/{settings.map_overlay}", pipeline.workdir) if settings.map_overlay else None
        cmap = load_map("x12", one.release or "", one.set_id, overlay=overlay, workdir=pipeline.workdir)
    except (FileNotFoundError, MapError) as error:
        return replace(base, problem=_without_map(pipeline, base, one, profile, error))
    result = read_document(cmap, one.tree(), envelope_source(checked, group, one, cmap.identity))
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if errors:
        sentence = f"{one.set_id} {base.number or ''} from {profile.name} could not be mapped: "
        problem = Problem(ProblemKind.MAPPING, sentence + finding_sentence(errors[0]), f"{one.set_id}|{errors[0].code}")
        return replace(base, findings=(*base.findings, *result.findings), problem=problem)
    document = result.document.model_copy(
        update={
            "id": uuid.UUID(base.id),
            "direction": "inbound",
            "role": "sell" if base.kind in ("order", "order_change") else "buy",
            "sender": profile.code,
            "receiver": pipeline.company.code,
            "test": checked.interchange.usage == "T",
        }
    )
    return replace(
        base,
        body=dump_document(document),
        number=document.number or base.number,
        business_key=business_key(document) or None,
        purpose=document.purpose.value if document.purpose else None,
        map_identity=cmap.identity,
        findings=(*base.findings, *result.findings),
        amount=amount_of(document),
        currency=currency_of(document),
        order=facts_of(document),
        problem=None if settings.auto_post else _approval(base, profile),
    )


def _without_map(
    pipeline: Pipeline, base: PlannedDocument, one: CheckedSet, profile: PartnerProfile, error: Exception
) -> Problem:
    """Why a valid set cannot be read: nobody wrote a map for it, or the map or its overlay has a mistake."""
    name = f"{one.set_id} {base.number or ''} from {profile.name} is valid, but"
    if ("x12", one.release, one.set_id) in maps_available(pipeline.workdir):
        return Problem(ProblemKind.MAPPING, f"{name} its map cannot be used: {error}", f"{one.set_id}|map")
    return Problem(ProblemKind.NO_MAP, f"{name} no map reads this set.", f"{one.set_id}|{one.release}")


def _rejection(base: PlannedDocument, group: CheckedGroup, profile: PartnerProfile) -> Problem:
    unknown = next((f for f in base.findings if f.code in ("AK905-2", "AK502-1")), None)
    if unknown is None:
        return rejected_set(base.set_id, base.number or "", profile.name, base.findings)
    kind = ProblemKind.UNKNOWN_VERSION if unknown.code == "AK905-2" else ProblemKind.UNKNOWN_SET
    sentence = f"{base.set_id} {base.number or ''} from {profile.name} was rejected: {finding_sentence(unknown)}"
    return Problem(kind, sentence, f"{base.set_id}|{group.group.version}", unknown.fix)


def _approval(base: PlannedDocument, profile: PartnerProfile) -> Problem:
    return Problem(
        ProblemKind.APPROVAL,
        f"{base.set_id} {base.number or ''} from {profile.name} waits for approval, as its profile asks.",
        base.set_id,
    )
