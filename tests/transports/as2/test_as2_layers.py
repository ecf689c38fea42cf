"""Every legal layering of a message opens again, and its MIC is over exactly the bytes the standards name."""

import base64
import hashlib
from dataclasses import replace
from itertools import product

import pytest
from as2kit import NOW, ORDER, ec_key, key, message, pinned
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transports.as2.building import Protection, ReceiptWish
from gateway.transports.as2.cms import AlgorithmPolicy, decompress, decrypt
from gateway.transports.as2.headers import http_fields, parse_receipt_request
from gateway.transports.as2.mime import content_type, parse_entity, parse_parameters, split_multipart
from gateway.transports.as2.opening import Keyring, OpenPolicy, mic_digest, open_message
from gateway.transports.as2.refusal import As2Refusal, Kind

LENIENT = OpenPolicy(require_signed=False, require_encrypted=False)
LEGACY = AlgorithmPolicy(
    AlgorithmPolicy().digests | {"sha1"},
    AlgorithmPolicy().ciphers | {"3des"},
    AlgorithmPolicy().key_transports | {"oaep-sha1"},
)
RING = Keyring((pinned(key("buyer")),), (key("seller"),))
ENTITY = (
    b"Content-Type: application/EDI-X12\r\nContent-Transfer-Encoding: binary\r\n"
    b'Content-Disposition: attachment; filename="order.edi"\r\n\r\n' + ORDER
)


def opened(built, policy=LENIENT, ring=RING, at=NOW):
    return open_message(http_fields(built.headers), built.body, policy, ring, at)


def refused(built, policy=LENIENT, ring=RING, at=NOW):
    with pytest.raises(As2Refusal) as caught:
        opened(built, policy, ring, at)
    return caught.value


def mic(data, digest="sha256"):
    return base64.b64encode(hashlib.new(digest, data).digest()).decode()


def changed(built, old, new):
    return replace(built, body=built.body.replace(old, new))


def headers_changed(built, **values):
    wanted = {name.replace("_", "-").lower(): value for name, value in values.items()}
    kept = [(name, wanted.pop(name.lower(), value)) for name, value in built.headers]
    return replace(built, headers=(*kept, *wanted.items()))


@pytest.mark.parametrize(
    ("sign", "pss", "encrypt", "transport", "compress"),
    [
        case
        for case in product(
            (None, "sha256", "sha384", "sha512"),
            (False, True),
            (None, "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm"),
            ("pkcs1v15", "oaep-sha256"),
            (None, "before_sign", "after_sign"),
        )
        if (case[0] or not case[1]) and (case[2] or case[3] == "pkcs1v15")
    ],
)
def test_every_layering_opens_to_the_same_bytes(sign, pss, encrypt, transport, compress):
    built = message(protection=Protection(sign, pss, encrypt, transport, compress))
    result = opened(built)
    assert result.payload == ORDER
    assert result.filename == "order.edi"
    assert result.content_type == "application/edi-x12"
    assert sorted(result.layers) == sorted(
        layer for layer, used in (("signed", sign), ("encrypted", encrypt), ("compressed", compress)) if used
    )
    assert built.mics[result.mic_algorithm] == result.mic
    assert (result.signer is None) == (sign is None)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=3000))
def test_any_payload_arrives_unchanged(payload):
    assert opened(message(payload)).payload == payload


def test_the_mic_of_a_plain_message_is_over_its_content_only():
    assert opened(message(protection=Protection(None, encrypt=None))).mic == mic(ORDER)


@pytest.mark.parametrize(
    "protection",
    [
        Protection("sha256", encrypt=None),
        Protection("sha256"),
        Protection("sha256", encrypt=None, compress="after_sign"),
        Protection("sha256", compress="after_sign"),
        Protection(None),
        Protection(None, compress="before_sign"),
        Protection(None, encrypt=None, compress="before_sign"),
    ],
)
def test_the_mic_of_a_protected_message_is_over_the_entity_with_its_headers(protection):
    assert opened(message(protection=protection)).mic == mic(ENTITY)


@pytest.mark.parametrize("encrypt", [None, "aes256-cbc"])
def test_the_mic_of_a_message_compressed_before_signing_is_over_the_compressed_entity(encrypt):
    protection = Protection("sha512", encrypt=encrypt, compress="before_sign")
    built = message(protection=protection, receipt=ReceiptWish(algorithm="sha512"))
    outer, body = http_fields(built.headers), built.body
    kind = parse_parameters(outer.get("content-type"))
    if encrypt:
        entity = parse_entity(decrypt(body, RING.ours, AlgorithmPolicy()).content)
        kind, body = content_type(entity), entity.body
    signed = split_multipart(body, kind.get("boundary"))[0]
    assert decompress(parse_entity(signed).body, 10_000) == ENTITY
    assert opened(built).mic == mic(signed, "sha512")


def test_an_unsigned_message_has_the_variant_mic_that_some_peers_answer():
    assert message(protection=Protection(None, encrypt=None)).mics["sha-256; other"] == mic(ENTITY)
    assert message(protection=Protection(None)).mics["sha-256; other"] == mic(ORDER)
    assert "sha-256; other" not in message().mics


def test_a_legacy_message_opens_only_where_legacy_is_allowed():
    protection = Protection("sha1", encrypt="3des", key_transport="oaep-sha1")
    built = message(protection=protection, receipt=ReceiptWish(algorithm="sha1"))
    assert opened(built, replace(LENIENT, algorithms=LEGACY)).mic == mic(ENTITY, "sha1")
    assert refused(built).kind is Kind.MIC
    plain_receipt = message(protection=Protection("sha1", encrypt="3des"))
    assert refused(plain_receipt).kind is Kind.SECURITY


def test_a_partner_may_sign_with_an_elliptic_curve():
    built = message(signer=ec_key("buyer-ec"))
    result = opened(built, ring=Keyring((pinned(ec_key("buyer-ec")),), (key("seller"),)))
    assert result.facts["signature"] == "ecdsa"


def test_all_our_keys_decrypt_and_the_one_used_is_recorded():
    result = opened(message(), ring=Keyring(RING.theirs, (key("new"), ec_key("x"), key("seller"))))
    assert result.facts["decrypted_with"] != result.signer


def test_of_two_certificates_the_one_that_signed_is_found():
    ring = Keyring((pinned(key("old")), pinned(key("buyer"), "encrypt"), pinned(key("buyer"), "sign")), RING.ours)
    assert opened(message(), ring=ring).signer


def test_a_certificate_for_encryption_only_does_not_sign():
    assert refused(message(), ring=Keyring((pinned(key("buyer"), "encrypt"),), RING.ours)).kind is Kind.SIGNER


def test_an_expired_certificate_is_named_to_staff_and_uniform_to_the_sender():
    old = key("buyer", -3)
    refusal = refused(message(signer=old), ring=Keyring((pinned(old),), RING.ours))
    assert "expired on" in refusal.reason
    assert refusal.disposition == "processed/error: authentication-failed"


def test_a_certificate_is_not_used_before_its_time():
    window = replace(pinned(key("buyer")), valid_from=NOW.replace(year=NOW.year + 1))
    assert "not used before" in refused(message(), ring=Keyring((window,), RING.ours)).reason


def test_line_ends_changed_on_the_way_are_repaired_only_where_agreed():
    built = message(protection=Protection("sha256", encrypt=None))
    broken = changed(built, ORDER, ORDER.replace(b"\r\n", b"\n"))
    assert refused(broken).kind is Kind.DIGEST
    result = opened(broken, replace(LENIENT, repair_line_ends=True))
    assert result.payload == ORDER
    assert result.facts["quirks"]


@pytest.mark.parametrize(
    ("policy", "protection", "kind"),
    [
        (OpenPolicy(), Protection(None), Kind.UNSIGNED),
        (OpenPolicy(), Protection(None, encrypt=None), Kind.UNSIGNED),
        (OpenPolicy(), Protection(encrypt=None), Kind.SECURITY),
        (OpenPolicy(), Protection(encrypt=None, compress="after_sign"), Kind.SECURITY),
        (OpenPolicy(require_compressed=True), Protection(), Kind.SECURITY),
    ],
)
def test_a_missing_layer_is_refused(policy, protection, kind):
    assert refused(message(protection=protection), policy).kind is kind


def test_one_attachment_in_a_multipart_related_is_read():
    inner = (
        b"--r\r\nContent-Type: application/EDI-X12\r\n"
        b'Content-Disposition: attachment; filename="a.edi"\r\n\r\n' + ORDER + b"\r\n--r--\r\n"
    )
    result = opened(message(inner, content_type="multipart/related; boundary=r"))
    assert (result.payload, result.filename) == (ORDER, "a.edi")


def test_several_attachments_are_refused_with_a_reason():
    part = b"--r\r\nContent-Type: application/EDI-X12\r\n\r\nX\r\n"
    clear = Protection(None, encrypt=None)
    built = message(part + part + b"--r--\r\n", content_type="multipart/related; boundary=r", protection=clear)
    assert "2 attachments" in refused(built).reason


def test_an_encoded_payload_is_decoded():
    built = message(base64.b64encode(ORDER), protection=Protection(None, encrypt=None))
    assert opened(headers_changed(built, content_transfer_encoding="base64")).payload == ORDER


@pytest.mark.parametrize(
    ("listed", "signature", "answer"),
    [
        ("", None, ("sha256", "sha-256")),
        ("", "sha512", ("sha512", "sha-512")),
        ("SHA256", "sha512", ("sha256", "SHA256")),
        ("sha-384, sha512", "sha512", ("sha512", "sha512")),
        ("sha-384, sha512", "sha256", ("sha384", "sha-384")),
        ("md5, foo, sha-512", None, ("sha512", "sha-512")),
    ],
)
def test_the_mic_algorithm_follows_the_request(listed, signature, answer):
    option = f"signed-receipt-micalg=optional, {listed}" if listed else ""
    wish = parse_receipt_request(
        http_fields([("Disposition-Notification-To", "x"), ("Disposition-Notification-Options", option)])
    )
    assert mic_digest(wish, signature, AlgorithmPolicy().digests) == answer


def test_a_receipt_we_cannot_make_is_refused_as_the_standard_says():
    options = "signed-receipt-protocol=required, pgp-signature; signed-receipt-micalg=optional, sha-256"
    assert refused(headers_changed(message(), disposition_notification_options=options)).disposition == (
        "failed/Failure: unsupported format"
    )
    options = "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, whirlpool"
    assert refused(headers_changed(message(), disposition_notification_options=options)).disposition == (
        "failed/Failure: unsupported MIC-algorithms"
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: message(message_id="<a b@c>"), "Message-ID"),
        (lambda: message(content_type="a/b\r\nX: y"), "control characters"),
        (lambda: message(receipt=ReceiptWish("async")), "address of ours"),
        (lambda: message(recipient=ec_key("x")), "no RSA key"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is_built(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_file_name_cannot_add_a_header():
    built = message(filename='x"\r\nX-Evil: 1\r\n\r\n', protection=Protection(None, encrypt=None))
    assert dict(built.headers)["Content-Disposition"] == 'attachment; filename="x\\"__X-Evil: 1____"'


def test_the_http_headers_ask_for_the_digest_we_sign_with():
    headers = dict(message(receipt=ReceiptWish("async", url="https://seller.example/as2")).headers)
    assert headers["Disposition-Notification-Options"] == (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"
    )
    assert headers["Receipt-Delivery-Option"] == "https://seller.example/as2"
    assert headers["Disposition-Notification-To"] == "edi@buyer.example"
    assert "Disposition-Notification-To" not in dict(message(receipt=ReceiptWish("none")).headers)
    assert "Disposition-Notification-Options" not in dict(message(receipt=ReceiptWish(signed=False)).headers)
