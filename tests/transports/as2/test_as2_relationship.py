"""A relationship knows what holds today: keys, certificates, legacy algorithms, addresses."""

from datetime import timedelta

import pytest
from as2kit import NOW, identity, key, ours, pinned

from gateway.partners.profile import PartnerProfile
from gateway.transports.as2.building import Protection
from gateway.transports.as2.profile_settings import relationship_from_profile
from gateway.transports.as2.relationship import origin


class Company:
    as2_name = "seller"


def profile(**as2):
    status = as2.pop("status", "live")
    ids = as2.pop("ids", {"as2": "buyer"})
    return PartnerProfile.model_validate({"code": "buyer", "name": "Buyer", "status": status, "ids": ids, "as2": as2})


def made(keys=(), secrets=None, **as2):
    return relationship_from_profile(
        profile(**as2), Company(), keys, NOW, public_url="https://me.example/as2", secrets=secrets
    )


def test_legacy_algorithms_are_taken_until_their_last_day():
    relationship = ours(legacy_until=NOW.date(), protection=Protection(sign="sha1", encrypt="3des"))
    assert "sha1" in relationship.policy_at(NOW).algorithms.digests
    assert relationship.protection_at(NOW).encrypt == "3des"
    tomorrow = NOW + timedelta(days=1)
    assert "3des" not in relationship.policy_at(tomorrow).algorithms.ciphers
    with pytest.raises(ValueError, match="was allowed for buyer until"):
        relationship.protection_at(tomorrow)


def test_we_sign_with_the_first_key_that_is_valid():
    relationship = ours(our_keys=(key("seller", -3), key("seller")))
    assert relationship.signing_key(NOW) is key("seller")
    assert ours(our_keys=(key("seller", -3),)).signing_key(NOW) is None


def test_we_encrypt_to_the_primary_certificate_else_to_the_newest():
    first, second = pinned(key("a")), pinned(key("b"), primary=True)
    assert ours(their_certificates=(first, second)).encryption_certificate(NOW) == key("b").certificate
    assert ours(their_certificates=(pinned(key("old", -3)), first)).encryption_certificate(NOW) == key("a").certificate
    assert ours(their_certificates=(pinned(key("old", -3)),)).encryption_certificate(NOW) is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://b.example/mdn", True),
        ("https://b.example:443/other", True),
        ("http://b.example/mdn", False),
        ("https://b.example:8443/mdn", False),
        ("https://evil.example/mdn", False),
        ("https://exact.example/mdn?x=1", True),
        ("https://exact.example/mdn?x=2", False),
        ("https://user@b.example/mdn", False),
        ("ftp://b.example/", False),
        ("https://b.example:99999/", False),
        ("", False),
    ],
)
def test_receipts_go_to_listed_addresses_only(url, allowed):
    relationship = ours(receipt_urls=("https://b.example", "https://exact.example/mdn?x=1"))
    assert relationship.may_receive_receipt(url) is allowed


def test_an_origin_has_no_credentials():
    assert origin("http://h:81/x") == ("http", "h", 81)
    assert origin("http://u:p@h/") is None
    assert origin("http://[::1") is None


def test_a_profile_becomes_a_relationship():
    pem = identity("buyer").certificate_pem.decode()
    relationship = made(
        keys=(key("seller", -3), key("seller")),
        url="https://b.example/as2",
        sign="sha384",
        signature_scheme="pss",
        encrypt="aes128-gcm",
        key_transport="oaep-sha256",
        compress="before_sign",
        mdn="async",
        certificates=[{"pem": pem, "primary": True}],
        headers={"X-Route": "edi"},
        require_encrypted=False,
        accept_line_end_change=True,
        allowed_receipt_urls=["https://b.example/mdn"],
    )
    assert (relationship.partner_code, relationship.their_name, relationship.our_name) == ("buyer", "buyer", "seller")
    assert relationship.protection == Protection("sha384", True, "aes128-gcm", "oaep-sha256", "before_sign")
    assert (relationship.receipt.mode, relationship.receipt.algorithm) == ("async", "sha384")
    assert relationship.receipt.url == "https://me.example/as2"
    assert relationship.our_keys[0] is key("seller")
    assert relationship.encryption_certificate(NOW) == key("buyer").certificate
    assert relationship.policy.require_encrypted is False
    assert relationship.policy.repair_line_ends is True
    assert relationship.extra_headers == (("X-Route", "edi"),)
    assert relationship.may_receive_receipt("https://b.example/mdn")


def test_a_profile_without_an_as2_name_has_no_relationship():
    assert relationship_from_profile(profile(ids={}), Company(), (), NOW) is None


def test_a_partner_in_testing_is_sent_to_its_test_address():
    urls = {"url": "https://b.example/as2", "test_url": "https://test.b.example/as2"}
    assert made(status="testing", **urls).url == "https://test.b.example/as2"
    assert made(status="live", **urls).url == "https://b.example/as2"


def test_legacy_names_lose_their_suffix():
    relationship = made(sign="sha1-legacy", encrypt="3des-legacy", legacy_until=NOW.date())
    assert relationship.protection == Protection("sha1", encrypt="3des")
    assert relationship.receipt.algorithm == "sha1"
    assert made(sign="none", encrypt="none").protection == Protection(None, encrypt=None)


def test_passwords_and_keys_come_from_the_secret_store():
    held = {"pw": "sesame", "tls": "PEM"}
    relationship = made(
        secrets=lambda name: held[name].encode(),
        http_auth={"user": "me", "password": {"secret": "pw"}},
        tls={"client_certificate": {"secret": "tls"}},
    )
    assert (relationship.auth.user, relationship.auth.password) == ("me", "sesame")
    assert relationship.tls.client_pem == b"PEM"
    assert "sesame" not in repr(relationship)
    with pytest.raises(ValueError, match="secret “pw”"):
        made(http_auth={"user": "me", "password": {"secret": "pw"}})
