"""Whose XML document is it: the partner by the identifiers of the sender, ourselves by those of the receiver."""

from __future__ import annotations

from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.xmlids import keys_of, our_keys
from gateway.pipeline.context import Pipeline
from gateway.pipeline.identify import Identified
from gateway.pipeline.problems import Problem, ProblemKind
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.standards.xml.identify import PartyId

__all__ = ["identify_document", "partner_named"]


#: Identifiers that say where a document goes; the others may be those of a depot that the goods go to.
_ADDRESSES = frozenset({"endpoint", "header", "credential"})


def identify_document(
    pipeline: Pipeline, document: CheckedXmlDocument, authenticated: PartnerProfile | None
) -> Identified:
    """Find who sent a document. ``authenticated`` is the partner that the transport vouches for.

    Many UBL documents name their parties only by an address, so a partner whose identity the transport proved may
    send a document that names nobody we know; one that names another partner is held.
    """
    code = partner_named(pipeline, document.identity.sender)
    name = f"{document.set_id} {document.number or document.control}".strip()
    if code is None and authenticated is None:
        named = _shown(document.identity.sender) or "nobody"
        sentence = f"{name} names {named} as its sender, which is no partner."
        return Identified(None, hold=Problem(ProblemKind.UNKNOWN_SENDER, sentence, named))
    profile = authenticated if code is None else pipeline.profile(code)
    if profile is None:
        raise LookupError(f"An identity of {name} belongs to {code}, which has no profile.")
    if authenticated is not None and profile.code != authenticated.code:
        sentence = f"{name} names {profile.code} as its sender, but {authenticated.code} delivered it."
        rule = f"{authenticated.code}>{profile.code}"
        return Identified(profile, hold=Problem(ProblemKind.SENDER_MISMATCH, sentence, rule))
    return _checked(pipeline, document, profile, name)


def partner_named(pipeline: Pipeline, ids: tuple[PartyId, ...]) -> str | None:
    """The partner of the first identifier that belongs to one."""
    for each in ids:
        for key in keys_of(each.kind, each.scheme, each.value):
            code = pipeline.directory.by_xml(key)
            if code is not None:
                return code
    return None


def _shown(ids: tuple[PartyId, ...]) -> str:
    return ", ".join(str(each) for each in ids[:3])


def _checked(pipeline: Pipeline, document: CheckedXmlDocument, profile: PartnerProfile, name: str) -> Identified:
    if profile.status in (Status.PAUSED, Status.RETIRED):
        sentence = f"{name} came from {profile.name}, which is {profile.status.value}."
        return Identified(profile, hold=Problem(ProblemKind.PARTNER_STATUS, sentence, profile.status.value))
    ours = our_keys(profile.ours, pipeline.company.xml_ids)
    named = {
        key
        for each in document.identity.receiver
        if each.scheme and each.kind in _ADDRESSES
        for key in keys_of(each.kind, each.scheme, each.value)
    }
    schemes = {key.partition(":")[0] for key in ours}
    comparable = {key for key in named if key.partition(":")[0] in schemes}
    if comparable and not comparable & ours:
        shown = _shown(document.identity.receiver)
        sentence = f"{name} from {profile.name} is addressed to {shown}, which is not us."
        return Identified(profile, refusal=("009", Problem(ProblemKind.UNKNOWN_RECEIVER, sentence, shown)))
    if document.identity.test and profile.status is Status.LIVE and profile.inbound.test_in_live != "process":
        sentence = f"{name} from {profile.name} is marked as a test (deploymentMode), but the partner is live."
        problem = Problem(ProblemKind.TEST_DATA, sentence)
        if profile.inbound.test_in_live == "reject":
            return Identified(profile, refusal=("020", problem))
        return Identified(profile, hold=problem)
    return Identified(profile)
