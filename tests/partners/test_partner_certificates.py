"""Certificates: read, judged and chosen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from gateway.partners.as2settings import PartnerCertificate
from gateway.partners.certificates import (
    active_certificates,
    certificate_facts,
    chosen_certificate,
    expiry_warnings,
    fingerprint,
    load_certificate,
    missing_roles,
    weaknesses,
    window,
)
from gateway.partners.errors import CertificateError


def entry(pem: str, **fields: Any) -> PartnerCertificate:
    return PartnerCertificate(pem=pem, **fields)


def test_the_facts_are_those_that_people_compare(pem: str, now: datetime) -> None:
    facts = certificate_facts(load_certificate(pem))
    assert (facts.subject, facts.key, facts.serial, facts.self_signed) == (
        "CN=harbor",
        "RSA 2048",
        "1267",
        True,
    )
    assert facts.fingerprint == fingerprint(load_certificate(pem))
    assert len(facts.fingerprint.split(":")) == 32
    assert facts.not_before < now < facts.not_after


def test_an_elliptic_curve_certificate_is_taken(make_pem: Any) -> None:
    assert certificate_facts(load_certificate(make_pem("ec"))).key == "EC secp256r1"


@pytest.mark.parametrize(
    ("kind", "why"), [("weak", "1024 bits"), ("small-ec", "P-256 or stronger"), ("ed25519", "RSA or EC")]
)
def test_a_key_that_is_too_weak_or_of_another_kind_is_refused(make_pem: Any, kind: str, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        load_certificate(make_pem(kind))


def test_what_is_no_single_certificate_is_refused(pem: str) -> None:
    for text, why in [
        ("", "no certificate"),
        (pem + pem, "2 certificates"),
        (pem + "-----BEGIN PRIVATE KEY-----\n", "private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ("x" * 70_000, "larger than"),
    ]:
        with pytest.raises(CertificateError, match=why):
            load_certificate(text)


def test_every_active_certificate_verifies_and_the_newest_encrypts(make_pem: Any, now: datetime) -> None:
    old = entry(make_pem(name="old", days=(-300, 60)))
    new = entry(make_pem(name="new", days=(-10, 700)))
    later = entry(make_pem(name="later", days=(30, 900)))
    names = [c.subject.rfc4514_string() for c in active_certificates([old, later, new], "sign", now)]
    assert names == ["CN=new", "CN=old"]
    assert chosen_certificate([old, new], "encrypt", now).subject.rfc4514_string() == "CN=new"


def test_the_primary_certificate_goes_before_the_newest(make_pem: Any, now: datetime) -> None:
    old = entry(make_pem(name="old", days=(-300, 60)), primary=True)
    new = entry(make_pem(name="new", days=(-10, 700)))
    assert chosen_certificate([new, old], "encrypt", now).subject.rfc4514_string() == "CN=old"
    after = now + timedelta(days=61)
    assert chosen_certificate([new, old], "encrypt", after).subject.rfc4514_string() == "CN=new"


def test_the_window_of_the_profile_narrows_the_certificate(pem: str, now: datetime) -> None:
    narrow = entry(pem, valid_from=now + timedelta(days=1), valid_until=now + timedelta(days=2))
    assert window(narrow) == (now + timedelta(days=1), now + timedelta(days=2))
    assert active_certificates([narrow], "sign", now) == []
    assert active_certificates([narrow], "sign", now + timedelta(days=1, hours=3))
    wide = entry(pem, valid_from=now - timedelta(days=999), valid_until=now + timedelta(days=9999))
    assert window(wide) == window(entry(pem))


def test_a_role_without_an_active_certificate_is_missing(pem: str, now: datetime) -> None:
    only_sign = entry(pem, role="sign")
    assert missing_roles([only_sign], ["sign", "encrypt"], now) == ["encrypt"]
    assert chosen_certificate([only_sign], "encrypt", now) is None


def test_an_end_that_is_near_or_past_is_told_unless_a_next_one_is_there(make_pem: Any, now: datetime) -> None:
    ending = entry(make_pem(name="ending", days=(-300, 20)))
    ended = entry(make_pem(name="ended", days=(-300, -5)))
    far = entry(make_pem(name="far", days=(-10, 700)))
    (soon,) = expiry_warnings([ending], now)
    assert "in 20 days" in soon
    (past,) = expiry_warnings([ended], now)
    assert "ended on 2026-02-24" in past
    assert expiry_warnings([ending, ended, far], now) == []
    assert expiry_warnings([far], now) == []
    assert len(expiry_warnings([ending, entry(far.pem, role="sign")], now)) == 1


def test_a_certificate_that_may_neither_sign_nor_encipher_is_poor(make_pem: Any, pem: str) -> None:
    def usage(**allowed: bool) -> x509.KeyUsage:
        names = (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
        return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})

    assert weaknesses(load_certificate(pem)) == []
    assert weaknesses(load_certificate(make_pem(usage=usage(digital_signature=True)))) == []
    poor = weaknesses(load_certificate(make_pem(usage=usage(key_cert_sign=True))))
    assert poor == ["Its key usage allows neither signing nor key encipherment."]


def test_a_sha1_signature_is_poor() -> None:
    class Sha1Signed:
        class signature_hash_algorithm:  # noqa: N801
            name = "sha1"

        class extensions:  # noqa: N801
            @staticmethod
            def get_extension_for_class(kind: Any) -> None:
                raise x509.ExtensionNotFound("none", x509.ObjectIdentifier("2.5.29.15"))

    (poor,) = weaknesses(Sha1Signed())
    assert "SHA1" in poor
