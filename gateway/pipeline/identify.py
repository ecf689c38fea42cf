"""Whose interchange is it: the partner by the sender's identity, ourselves by the receiver's."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.partners.profile import PartnerProfile, Status
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import Problem, ProblemKind
from gateway.pipeline.queueing import our_isa
from gateway.standards.x12.transmission import Interchange

__all__ = ["Identified", "identify"]


@dataclass(frozen=True, slots=True)
class Identified:
    """Who sent an interchange, or why it is not processed."""

    profile: PartnerProfile | None
    #: No answer can or should be given; a person decides.
    hold: Problem | None = None
    #: It is answered with a rejecting TA1: (TA105 code, problem).
    refusal: tuple[str, Problem] | None = None


def identify(pipeline: Pipeline, interchange: Interchange, partner: str | None) -> Identified:
    """Find the sender by ISA05/06 and check that ISA07/08 is us. ``partner`` is who the transport authenticated."""
    if interchange.unreadable:
        return Identified(pipeline.profile(partner) if partner else None)
    qualifier, identity = interchange.sender_qualifier, interchange.sender_id
    code = pipeline.directory.by_isa(qualifier, identity, interchange.usage)
    if code is None:
        via = f" It came from {partner}." if partner else ""
        name = f"{qualifier}:{identity}"
        sentence = f"Interchange {interchange.control} names the sender {name}, which is no partner.{via}"
        return Identified(None, hold=Problem(ProblemKind.UNKNOWN_SENDER, sentence, f"{qualifier}:{identity}"))
    profile = pipeline.profile(code)
    if profile is None:
        raise LookupError(f"The identity {qualifier}:{identity} belongs to {code}, which has no profile.")
    if partner is not None and partner != code:
        sentence = (
            f"Interchange {interchange.control} names {code} ({qualifier}:{identity}) as its sender, but {partner} "
            "delivered it."
        )
        return Identified(profile, hold=Problem(ProblemKind.SENDER_MISMATCH, sentence, f"{partner}>{code}"))
    return _checked(pipeline, interchange, profile)


def _checked(pipeline: Pipeline, interchange: Interchange, profile: PartnerProfile) -> Identified:
    if profile.status in (Status.PAUSED, Status.RETIRED):
        sentence = f"Interchange {interchange.control} came from {profile.name}, which is {profile.status.value}."
        return Identified(profile, hold=Problem(ProblemKind.PARTNER_STATUS, sentence, profile.status.value))
    receiver = (interchange.receiver_qualifier, interchange.receiver_id)
    if receiver not in {
        our_isa(pipeline.company, profile),
        (pipeline.company.isa_qualifier, pipeline.company.isa_id),
    }:
        name = f"{receiver[0]}:{receiver[1]}"
        sentence = (
            f"Interchange {interchange.control} from {profile.name} is addressed to {name} (ISA07, ISA08), "
            "which is not us."
        )
        return Identified(profile, refusal=("009", Problem(ProblemKind.UNKNOWN_RECEIVER, sentence, name)))
    if interchange.usage == "T" and profile.status is Status.LIVE:
        return _test_on_live(interchange, profile)
    return Identified(profile)


def _test_on_live(interchange: Interchange, profile: PartnerProfile) -> Identified:
    policy = profile.inbound.test_in_live
    if policy == "process":
        return Identified(profile)
    sentence = (
        f"Interchange {interchange.control} from {profile.name} is marked as a test (ISA15 T), but the partner is live."
    )
    problem = Problem(ProblemKind.TEST_DATA, sentence)
    if policy == "reject":
        return Identified(profile, refusal=("020", problem))
    return Identified(profile, hold=problem)
