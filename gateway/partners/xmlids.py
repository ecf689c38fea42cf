"""Identifiers of parties in XML documents, brought to one form so that they can be compared.

UBL names a party by an endpoint or identification with a scheme (ISO 6523 ICD such as 0088), cXML by a credential
with a domain, an SBDH by an identifier with an authority. One partner's GLN may come as "0088" with the number, as
"GLN", or as "iso6523-actorid-upis" with "0088:" in the value: all give the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.partners.identity import OurIds, PartnerIds

__all__ = ["keys_of", "our_keys", "partner_keys", "partner_texts", "scheme_and_value", "xml_claims"]

#: Scheme or domain, in lower case → the code under which we compare (ISO 6523 ICD where there is one).
_SCHEMES: Final[Mapping[str, str]] = {
    "gln": "0088",
    "gs1": "0088",
    "ean": "0088",
    "ean.ucc": "0088",
    "duns": "0060",
    "d-u-n-s": "0060",
    "dunsnumber": "0060",
    "networkid": "networkid",
}
#: Authorities of an SBDH or Peppol identifier whose value brings its own scheme.
_CARRIERS: Final = frozenset({"iso6523-actorid-upis", "urn:iso:std:iso:6523", "iso6523"})


def keys_of(kind: str, scheme: str, value: str) -> tuple[str, ...]:
    """The keys under which an identifier of a document may be known; () for a name, which identifies nobody."""
    if kind == "name" or not value:
        return ()
    plain = scheme.strip().lower()
    if plain in _CARRIERS or (not plain and _is_scheme(value.partition(":")[0])):
        inner, _, rest = value.partition(":")
        return (_key(inner, rest),) if rest else ()
    if plain:
        return (_key(plain, value),)
    return (_key("", value),)


def _is_scheme(text: str) -> bool:
    return len(text) == 4 and text.isdigit()


def _key(scheme: str, value: str) -> str:
    plain = scheme.strip().lower()
    value = value.strip()
    if plain in ("duns", "d-u-n-s", "dunsnumber", "0060"):
        value = value.replace("-", "")
    # Domains of cXML and their identities are compared without regard to case (cXML 1.2, Credential).
    return f"{_SCHEMES.get(plain, plain)}:{value.casefold()}"


def xml_claims(ids: PartnerIds) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    """(key, path below ``ids``, text for people) of every identifier of a profile, each key once."""
    found: list[tuple[str, tuple[str | int, ...], str]] = []
    for field in ("peppol", "xml"):
        for index, text in enumerate(getattr(ids, field)):
            found += [(key, (field, index), text) for key in _from_text(text)]
    for index, each in enumerate(ids.cxml):
        found.append((_key(each.domain, each.identity), ("cxml", index), f"{each.domain}:{each.identity}"))
    if ids.gln is not None:
        found.append((_key("0088", ids.gln), ("gln",), ids.gln))
    if ids.duns is not None:
        found.append((_key("0060", ids.duns), ("duns",), ids.duns))
    seen: set[str] = set()
    for entry in found:
        if entry[0] not in seen:
            seen.add(entry[0])
            yield entry


def partner_texts(ids: PartnerIds) -> list[str]:
    """Identifiers of a profile for its documents, "scheme:value", in their order; those of cXML stand in a header."""
    registered = [f"0088:{ids.gln}" if ids.gln else "", f"0060:{ids.duns}" if ids.duns else ""]
    return list(dict.fromkeys(text for text in (*ids.peppol, *ids.xml, *registered) if text))


def partner_keys(ids: PartnerIds) -> list[str]:
    """The keys of a profile's own identifiers, each once."""
    return [key for key, _, _ in xml_claims(ids)]


def our_keys(ours: OurIds, company: tuple[str, ...]) -> set[str]:
    """The keys under which a partner may address us: those of its profile, else the company's."""
    return {key for text in (ours.xml or company) for key in _from_text(text)}


def scheme_and_value(text: str) -> tuple[str, str]:
    """ "0088:5790000435975" in its two parts; the scheme is "" where the text has none."""
    scheme, colon, value = text.partition(":")
    return (scheme, value) if colon else ("", text)


def _from_text(text: str) -> tuple[str, ...]:
    """ "0088:5790000435975" or "NetworkID:AN01" as a key; a text without a scheme is a plain identifier."""
    return keys_of("header", *scheme_and_value(text))
