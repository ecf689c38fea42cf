"""Identifiers of parties in XML documents: one party, many spellings, one key."""

from __future__ import annotations

import pytest

from gateway.partners.identity import OurIds, PartnerIds
from gateway.partners.xmlids import keys_of, our_keys, partner_keys, scheme_and_value, xml_claims


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("0088", "5790000435975"),
        ("GLN", "5790000435975"),
        ("gln", " 5790000435975 "),
        ("iso6523-actorid-upis", "0088:5790000435975"),
        ("", "0088:5790000435975"),
    ],
)
def test_a_gln_has_one_key_however_it_is_written(scheme: str, value: str) -> None:
    assert keys_of("endpoint", scheme, value) == ("0088:5790000435975",)


def test_a_duns_number_counts_without_its_dashes() -> None:
    assert keys_of("credential", "DUNS", "94-283-8478") == keys_of("endpoint", "0060", "942838478")


def test_credentials_are_compared_without_regard_to_case() -> None:
    assert keys_of("credential", "NetworkID", "an01000000001") == keys_of("credential", "NetworkId", "AN01000000001")


def test_a_name_identifies_nobody() -> None:
    assert keys_of("name", "", "Harbor Retail") == ()


def test_an_identifier_without_a_scheme_is_a_key_of_its_own() -> None:
    assert keys_of("identification", "", "S-17") == (":s-17",)
    assert scheme_and_value("S-17") == ("", "S-17")


def test_a_profile_gives_each_key_once_with_the_field_that_says_it() -> None:
    ids = PartnerIds(
        peppol=("0088:5790000435975",),
        gln="5790000435975",
        duns="942838478",
        cxml=({"domain": "NetworkID", "identity": "AN01"},),  # type: ignore[arg-type]
        xml=("S-17",),
    )
    assert partner_keys(ids) == ["0088:5790000435975", ":s-17", "networkid:an01", "0060:942838478"]
    assert [path for _, path, _ in xml_claims(ids)] == [("peppol", 0), ("xml", 0), ("cxml", 0), ("duns",)]


def test_our_identifiers_towards_a_partner_replace_the_companys() -> None:
    assert our_keys(OurIds(), ("0088:1",)) == {"0088:1"}
    assert our_keys(OurIds(xml=("NetworkID:AN02",)), ("0088:1",)) == {"networkid:an02"}
