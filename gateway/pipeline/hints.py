"""What a partner's profile adds to a document that crosses to another standard: parties, currency, process."""

from __future__ import annotations

from gateway.documents.parties import Party, PartyId
from gateway.mapping.crossing import CrossingHints
from gateway.partners.profile import PartnerProfile
from gateway.partners.xmlids import partner_texts, scheme_and_value
from gateway.pipeline.context import Company

__all__ = ["crossing_hints"]

#: Scheme of an identifier → our word for it in a party of a document.
_SCHEME_WORDS = {"0088": "gln", "0060": "duns"}


def crossing_hints(
    company: Company, profile: PartnerProfile, *, currency: str | None = None, version: str = "004010"
) -> CrossingHints:
    """Both parties as the profile knows them, and what it says about documents that say less.

    ``currency`` goes before the profile's; ``version`` is the release of X12 to fit the values to.
    """
    return CrossingHints(
        ours=_party(company.name, list(profile.ours.xml or company.xml_ids)),
        theirs=_party(profile.name, partner_texts(profile.ids)),
        currency=currency or profile.xml.currency,
        customization=profile.xml.customization_id,
        profile=profile.xml.profile_id,
        version=version,
        charset=profile.envelope.charset,
    )


def _party(name: str, identifiers: list[str]) -> Party:
    """A party; its first identifier with an ISO 6523 scheme is its electronic address too (Peppol)."""
    addresses = [_party_id(text) for text in identifiers if scheme_and_value(text)[0].isdigit()]
    return Party(
        name=name,
        ids=[_party_id(text) for text in identifiers],
        endpoint=addresses[0] if addresses else None,
    )


def _party_id(text: str) -> PartyId:
    scheme, value = scheme_and_value(text)
    return PartyId(scheme=_SCHEME_WORDS.get(scheme), code=scheme or None, value=value)
