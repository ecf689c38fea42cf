"""What a profile says about one message: the identities, separators, versions and deadlines that apply."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from gateway.partners.certificates import Role, expiry_warnings, load_certificate, missing_roles, weaknesses
from gateway.partners.identity import IsaId
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.transfers import DocumentSettings
from gateway.partners.x12settings import FIRST_VERSION_WITH_REPETITION
from gateway.partners.xmlids import partner_keys
from gateway.standards.edi.model import Separators

__all__ = [
    "Acceptance",
    "accepts",
    "accepts_xml",
    "acknowledgement_due",
    "delivery_url",
    "document_settings",
    "isa11",
    "isa12",
    "readiness",
    "receiver_gs",
    "receiver_isa",
    "retry_delay",
    "separators",
    "transport",
    "version_to_send",
    "warnings",
]

Direction = Literal["in", "out"]
Acceptance = Literal["accepted", "unknown_set", "unknown_version"]
_NO_SETTINGS = DocumentSettings.by_default()


def receiver_isa(profile: PartnerProfile) -> IsaId | None:
    """The interchange identity that we send to (ISA07/08), or None when the profile has none.

    While the partner is a draft or testing its first test identity goes before the first of all.
    """
    usual = [address for address in profile.ids.isa if not address.test]
    tests = [address for address in profile.ids.isa if address.test]
    order = tests + usual if profile.is_test else usual + tests
    return order[0] if order else None


def receiver_gs(profile: PartnerProfile, set_id: str) -> str | None:
    """The application code that we send one kind of document to (GS03); by default the ISA id."""
    by_set = profile.ids.gs_by_set.get(set_id)
    if by_set is not None:
        return by_set
    if profile.ids.gs:
        return profile.ids.gs[0]
    address = receiver_isa(profile)
    return address.id if address is not None and len(address.id) >= 2 else None


def document_settings(profile: PartnerProfile, set_id: str, direction: Direction) -> DocumentSettings:
    """The settings for one kind of document; the defaults when the profile names none."""
    side = profile.documents.received if direction == "in" else profile.documents.sent
    return side.get(set_id, _NO_SETTINGS)


def version_to_send(profile: PartnerProfile, set_id: str) -> str:
    """The version in which one kind of document is sent, in the form of GS08."""
    return document_settings(profile, set_id, "out").version or profile.envelope.version


def separators(profile: PartnerProfile, version: str | None = None) -> Separators:
    """The separators that we write for ``version`` (GS08; the envelope's when not given)."""
    chars, version = profile.envelope.separators, version or profile.envelope.version
    return Separators(
        element=chars.element,
        component=chars.component,
        segment=chars.segment,
        repetition=chars.repetition if version[:6] >= FIRST_VERSION_WITH_REPETITION else None,
        suffix=profile.envelope.suffix,
    )


def isa11(profile: PartnerProfile, version: str | None = None) -> str:
    """ISA11: the profile's own value, else the repetition separator, or U before version 004020."""
    return profile.envelope.isa11 or separators(profile, version).repetition or "U"


def isa12(profile: PartnerProfile, version: str | None = None) -> str:
    """ISA12: the profile's own value, else made from the version: 004010 gives 00401."""
    return profile.envelope.isa12 or (version or profile.envelope.version)[:5]


def accepts(profile: PartnerProfile, set_id: str, version: str) -> Acceptance:
    """Whether the partner may send this set in this version (GS08), by the profile alone.

    An empty list takes everything. A version in the profile also takes its industry suffixes: 004010 takes
    004010VICS, 004010VICS takes only itself.
    """
    accepted = profile.inbound.accepted
    if not accepted:
        return "accepted"
    for entry in accepted:
        if entry.set == set_id:
            fits = not entry.versions or any(version.startswith(known) for known in entry.versions)
            return "accepted" if fits else "unknown_version"
    return "unknown_set"


def accepts_xml(profile: PartnerProfile, root: str) -> bool:
    """Whether the partner may send this XML document, by the profile alone; an empty list takes everything."""
    return not profile.xml.documents or any(entry.root == root for entry in profile.xml.documents)


def acknowledgement_due(profile: PartnerProfile, set_id: str, sent_at: datetime) -> datetime | None:
    """When the partner's acknowledgement of a set sent at ``sent_at`` is overdue; None when none is expected.

    Acknowledgements themselves (997, 999, TA1) are never acknowledged.
    """
    if set_id in {"997", "999", "TA1", "ApplicationResponse", "StatusUpdateRequest"}:
        return None
    if profile.xml.standard is not None:
        hours = profile.xml.answer_hours
        return None if hours is None else sent_at + timedelta(hours=hours)
    rule = profile.acknowledgements.expect.for_set(set_id)
    return sent_at + timedelta(hours=rule.hours) if rule.expected else None


def delivery_url(profile: PartnerProfile) -> str | None:
    """The AS2 address in force: the test one while draft or testing when there is one, else the usual one."""
    return (profile.as2.test_url if profile.is_test else None) or profile.as2.url


def transport(profile: PartnerProfile) -> Literal["as2", "sftp", "folder", "http"] | None:
    """How we send to the partner, or None when the profile has no way to."""
    if profile.delivery.transport is not None:
        return profile.delivery.transport
    if delivery_url(profile) is not None:
        return "as2"
    if profile.sftp.host is not None or profile.sftp.hosted.user is not None:
        return "sftp"
    if profile.xml.url is not None and profile.xml.standard is not None:
        return "http"
    return "folder" if profile.folder.outbound is not None else None


def retry_delay(profile: PartnerProfile, attempts: int, created_at: datetime, now: datetime) -> timedelta | None:
    """How long to wait after the ``attempts``-th failed try (first is 1); None = give up."""
    if now - created_at >= timedelta(hours=profile.delivery.give_up_hours):
        return None
    schedule = profile.delivery.retry_seconds
    return timedelta(seconds=schedule[min(max(attempts, 1), len(schedule)) - 1])


def readiness(profile: PartnerProfile, now: datetime) -> list[str]:
    """What the profile still lacks before messages can flow, one sentence each; empty when it is ready."""
    as2, way = profile.as2, transport(profile)
    as2_is_used = way == "as2" or profile.ids.as2 is not None
    roles: list[Role] = []
    if as2_is_used and (as2.require_signed or (as2.mdn != "none" and as2.mdn_signed)):
        roles.append("sign")
    if as2_is_used and way == "as2" and as2.encrypt != "none":
        roles.append("encrypt")
    x12_is_used = profile.xml.standard is None
    is_named = bool(partner_keys(profile.ids))
    needs: list[tuple[bool, str]] = [
        (
            x12_is_used and not profile.ids.isa,
            "ids.isa is empty: nothing it sends can be recognised as its own.",
        ),
        (
            not x12_is_used and not is_named and not as2_is_used,
            "ids.peppol, ids.cxml, ids.xml, ids.gln and ids.duns are empty: nothing it sends can be recognised.",
        ),
        (way is None, "No way to send is set: give as2.url, sftp.host, xml.url or folder.outbound."),
        (as2_is_used and profile.ids.as2 is None, "ids.as2 is empty: AS2 needs the partner's AS2 name."),
        (
            x12_is_used and bool(profile.ids.isa) and all(one.test for one in profile.ids.isa) and not profile.is_test,
            "ids.isa holds test identities only: regular data of the partner would not be recognised.",
        ),
        (way == "as2" and delivery_url(profile) is None, "as2.url is empty: there is nowhere to send to."),
        (way == "http" and profile.xml.url is None, "xml.url is empty: there is nowhere to post to."),
        (
            way == "folder" and profile.folder.outbound is None,
            "folder.outbound is empty: there is nowhere to write to.",
        ),
        *_sftp_needs(profile, way),
        *_cxml_needs(profile, way),
        *(
            (True, f"as2.certificates has none with role {role} that is valid now.")
            for role in missing_roles(as2.certificates, roles, now)
        ),
    ]
    return [sentence for missing, sentence in needs if missing]


def _sftp_needs(profile: PartnerProfile, way: str | None) -> list[tuple[bool, str]]:
    """What SFTP lacks, on their server and on ours."""
    sftp, hosted = profile.sftp, profile.sftp.hosted
    theirs = sftp.host is not None
    return [
        (
            way == "sftp" and not theirs and hosted.user is None,
            "sftp.host and sftp.hosted.user are empty: there is no server to exchange files on.",
        ),
        (theirs and not sftp.host_keys, "sftp.host_keys is empty: the server cannot be trusted."),
        (theirs and sftp.user is None, "sftp.user is empty: their server asks who we are."),
        (
            theirs and sftp.password is None and sftp.key is None,
            "sftp.password and sftp.key are empty: their server would not let us in.",
        ),
        (
            hosted.user is not None and not hosted.keys and hosted.password is None,
            "sftp.hosted.keys and sftp.hosted.password are empty: the partner cannot log in.",
        ),
    ]


def _cxml_needs(profile: PartnerProfile, way: str | None) -> list[tuple[bool, str]]:
    """What cXML over HTTP lacks: either side proves itself by a shared secret."""
    used = way == "http" and profile.xml.standard == "cxml-1.2"
    return [
        (used and profile.xml.shared_secret is None, "xml.shared_secret is empty: what we post would be refused."),
        (used and not profile.xml.accepted_secrets, "xml.accepted_secrets is empty: nothing it posts would be let in."),
    ]


def warnings(profile: PartnerProfile, now: datetime) -> list[str]:
    """What staff should know: what is missing once a partner trades, certificates that end or are poor."""
    found = [] if profile.status in {Status.DRAFT, Status.RETIRED} else readiness(profile, now)
    if profile.status is not Status.RETIRED:
        found += expiry_warnings(profile.as2.certificates, now)
        for entry in profile.as2.certificates:
            found += weaknesses(load_certificate(entry.pem))
        if profile.as2.legacy_until is not None and profile.as2.legacy_until < now.date():
            found.append(f"as2.legacy_until was {profile.as2.legacy_until}: what depends on it is refused now.")
    return found
