"""An identity of ours is ready to be handed to a partner."""

from datetime import timedelta

import pytest
from as2kit import NOW, identity
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.transports.as2.identity import load_own_key, make_identity


def test_a_certificate_has_the_name_the_usage_and_a_window_that_starts_a_day_early():
    made = make_identity("ACME", NOW, organisation="Acme Ltd", host="as2.acme.example", bits=2048)
    certificate = x509.load_pem_x509_certificate(made.certificate_pem)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "ACME"
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert certificate.not_valid_after_utc == made.not_after == NOW + timedelta(days=1095)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["as2.acme.example"]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.key_encipherment and not usage.key_cert_sign


def test_the_standard_key_has_3072_bits_and_its_text_is_not_shown():
    made = make_identity("A B", NOW)
    assert load_own_key(made.private_key_pem, made.certificate_pem).private_key.key_size == 3072
    assert "PRIVATE" not in repr(made)


def test_without_a_host_the_name_itself_is_the_alternative():
    certificate = x509.load_pem_x509_certificate(make_identity("A B", NOW, bits=2048).certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:as2:A%20B"]


def test_a_weak_key_is_refused():
    with pytest.raises(ValueError, match="too weak"):
        make_identity("A", NOW, bits=1024)


def test_a_key_and_a_certificate_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="do not belong together"):
        load_own_key(identity("buyer").private_key_pem, identity("seller").certificate_pem)


def test_a_key_of_another_kind_is_refused():
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="neither RSA nor EC"):
        load_own_key(pem, identity("buyer").certificate_pem)
