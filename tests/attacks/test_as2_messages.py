"""Attacks on received AS2 messages: each ends in an answer that tells nothing, and never in an exception."""

from __future__ import annotations

import base64
import random
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "transports" / "as2"))

from as2kit import NOW, ORDER, Inbox, key, message, ours, pinned, receiver, request, theirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transports.as2 import asn1
from gateway.transports.as2.asn1 import Asn1Error, children, der, integer
from gateway.transports.as2.building import BuiltMessage, Protection
from gateway.transports.as2.cms import (
    AlgorithmPolicy,
    compress,
    content_kind,
    decompress,
    decrypt,
    encrypt,
    sign_detached,
    verify_detached,
)
from gateway.transports.as2.cms import algorithms as known
from gateway.transports.as2.cms.structure import NULL, algorithm, content_info, open_content_info
from gateway.transports.as2.headers import http_fields
from gateway.transports.as2.mdn import open_mdn
from gateway.transports.as2.mime import render_entity
from gateway.transports.as2.opening import Keyring, OpenPolicy, open_message
from gateway.transports.as2.receive import HttpRequest
from gateway.transports.as2.refusal import UNIFORM, As2Refusal, Kind

RING = Keyring((pinned(key("buyer")),), (key("seller"),))
LENIENT = OpenPolicy(require_signed=False, require_encrypted=False)
POLICY = AlgorithmPolicy()


def refusal_of(built: BuiltMessage, body: bytes | None = None, policy: OpenPolicy = LENIENT) -> As2Refusal:
    with pytest.raises(As2Refusal) as caught:
        open_message(http_fields(built.headers), built.body if body is None else body, policy, RING, NOW)
    return caught.value


def sealed(inner: bytes, cipher: str = "aes256-cbc") -> bytes:
    return encrypt(inner, key("seller").certificate, cipher)


def signed_data(signature: bytes, signers: list[bytes]) -> bytes:
    """A SignedData with other signerInfos."""
    parts = children(open_content_info(signature)[1])
    return content_info(known.SIGNED_DATA, der(0x30, *(part.raw for part in parts[:-1]), der(0x31, *signers)))


def signer_info(signature: bytes) -> bytes:
    return children(children(open_content_info(signature)[1])[-1])[0].raw


def changed_signer(signature: bytes, **fields: bytes) -> bytes:
    """The same signature with fields of its SignerInfo replaced, by their number."""
    parts = [part.raw for part in children(asn1.read(signer_info(signature)))]
    for place, raw in fields.items():
        parts[int(place[1:])] = raw
    return signed_data(signature, [der(0x30, *(part for part in parts if part))])


SIGNATURE = sign_detached(ORDER, key("buyer"), "sha256", NOW)
STRANGER = sign_detached(ORDER, key("stranger"), "sha256", NOW)


def attributes(*pairs: tuple[bytes, bytes]) -> bytes:
    return der(0xA0, *(der(0x30, kind, der(0x31, value)) for kind, value in pairs))


DIGEST = der(0x04, known.DIGESTS["sha256"].of(ORDER))
BAD_SIGNATURES = {
    "no signer": signed_data(SIGNATURE, []),
    "two signers": signed_data(SIGNATURE, [signer_info(SIGNATURE), signer_info(STRANGER)]),
    "the same signer twice": signed_data(SIGNATURE, [signer_info(SIGNATURE)] * 2),
    "a stranger": STRANGER,
    "a stranger under the partner's name": changed_signer(
        STRANGER, _1=children(asn1.read(signer_info(SIGNATURE)))[1].raw
    ),
    "no signed attributes": changed_signer(SIGNATURE, _3=b""),
    "no message digest": changed_signer(SIGNATURE, _3=attributes((known.CONTENT_TYPE, known.DATA))),
    "no content type": changed_signer(SIGNATURE, _3=attributes((known.MESSAGE_DIGEST, DIGEST))),
    "another content type": changed_signer(
        SIGNATURE, _3=attributes((known.CONTENT_TYPE, known.SIGNED_DATA), (known.MESSAGE_DIGEST, DIGEST))
    ),
    "two message digests": changed_signer(
        SIGNATURE,
        _3=attributes((known.CONTENT_TYPE, known.DATA), (known.MESSAGE_DIGEST, DIGEST), (known.MESSAGE_DIGEST, DIGEST)),
    ),
    "attributes that were never signed": changed_signer(
        SIGNATURE, _3=attributes((known.CONTENT_TYPE, known.DATA), (known.MESSAGE_DIGEST, DIGEST))
    ),
    "another digest algorithm": changed_signer(SIGNATURE, _2=algorithm(known.DIGESTS["sha512"].identifier, NULL)),
    "a forbidden digest": changed_signer(SIGNATURE, _2=algorithm(known.DIGESTS["md5"].identifier, NULL)),
    "an unknown digest": changed_signer(SIGNATURE, _2=algorithm(known.DATA, NULL)),
    "an unknown scheme": changed_signer(SIGNATURE, _4=algorithm(known.DATA, NULL)),
    "ECDSA with an RSA key": changed_signer(SIGNATURE, _4=algorithm(next(iter(known.ECDSA)))),
    "PSS without parameters": changed_signer(SIGNATURE, _4=algorithm(known.RSA_PSS)),
    "PSS with SHA-1": changed_signer(SIGNATURE, _4=algorithm(known.RSA_PSS, der(0x30))),
    "PSS with another mask": changed_signer(
        SIGNATURE,
        _4=algorithm(
            known.RSA_PSS,
            der(
                0x30,
                der(0xA0, algorithm(known.DIGESTS["sha256"].identifier)),
                der(0xA1, algorithm(known.MGF1, algorithm(known.DIGESTS["sha1"].identifier))),
            ),
        ),
    ),
    "PSS with a huge salt": changed_signer(
        SIGNATURE,
        _4=algorithm(
            known.RSA_PSS,
            der(
                0x30,
                der(0xA0, algorithm(known.DIGESTS["sha256"].identifier)),
                der(0xA1, algorithm(known.MGF1, algorithm(known.DIGESTS["sha256"].identifier))),
                der(0xA2, integer(100_000)),
            ),
        ),
    ),
    "an empty signature": changed_signer(SIGNATURE, _5=der(0x04)),
    "another kind of structure": compress(ORDER),
    "bytes behind the structure": SIGNATURE + b"\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("case", BAD_SIGNATURES)
def test_a_signature_that_is_not_exactly_the_partners_is_refused(case):
    with pytest.raises(As2Refusal):
        verify_detached(BAD_SIGNATURES[case], ORDER, [key("buyer").certificate], POLICY)


def test_a_changed_content_is_refused():
    with pytest.raises(As2Refusal) as caught:
        verify_detached(SIGNATURE, ORDER + b" ", [key("buyer").certificate], POLICY)
    assert caught.value.kind is Kind.DIGEST


def test_a_certificate_inside_the_message_is_never_trusted():
    with pytest.raises(As2Refusal, match="not on file"):
        verify_detached(STRANGER, ORDER, [], POLICY)


def test_a_renewed_certificate_with_the_name_of_the_old_one_is_found():
    old = key("buyer").certificate
    private = key("renewed").private_key
    renewed = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .serial_number(old.serial_number)
        .public_key(private.public_key())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .sign(private, hashes.SHA256())
    )
    for pinned_ones in ([renewed, old], [old, renewed]):
        assert verify_detached(SIGNATURE, ORDER, pinned_ones, POLICY).certificate == old
    with pytest.raises(As2Refusal, match="does not verify"):
        verify_detached(SIGNATURE, ORDER, [renewed], POLICY)


def test_a_key_that_is_too_short_does_not_count():
    with pytest.raises(As2Refusal, match="2048 bits; 4096"):
        verify_detached(SIGNATURE, ORDER, [key("buyer").certificate], AlgorithmPolicy(rsa_bits=4096))


def test_a_certificate_that_is_not_for_signatures_does_not_sign():
    own = key("buyer")
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    )
    limited = (
        x509.CertificateBuilder()
        .subject_name(own.certificate.subject)
        .issuer_name(own.certificate.issuer)
        .serial_number(own.certificate.serial_number)
        .public_key(own.private_key.public_key())
        .not_valid_before(own.certificate.not_valid_before_utc)
        .not_valid_after(own.certificate.not_valid_after_utc)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False, key_encipherment=True, encipher_only=False, decipher_only=False, **usage
            ),
            critical=True,
        )
        .sign(own.private_key, hashes.SHA256())
    )
    with pytest.raises(As2Refusal, match="keyUsage"):
        verify_detached(SIGNATURE, ORDER, [limited], POLICY)


def inner_failures() -> dict[str, bytes]:
    """Messages whose outer layer is a good envelope for us and whose inside is wrong in every way."""
    good = message(protection=Protection(encrypt=None))
    head = f"Content-Type: {dict(good.headers)['Content-Type']}\r\n\r\n".encode()
    stranger = message(protection=Protection(encrypt=None), signer=key("stranger"))
    stranger_head = f"Content-Type: {dict(stranger.headers)['Content-Type']}\r\n\r\n".encode()
    zipped = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "binary")]
    bomb = render_entity(zipped, compress(b"\0" * 5_000_000))
    return {
        "rubbish": b"\x00\x01\x02",
        "no headers": ORDER,
        "unsigned": render_entity([("Content-Type", "text/plain")], ORDER),
        "by a stranger": stranger_head + stranger.body,
        "changed after signing": head + good.body.replace(b"PO-1001", b"PO-1002"),
        "no closing delimiter": head + good.body[:-6],
        "an epilogue": head + good.body + b"x",
        "not zlib": render_entity(zipped, compress(ORDER)[:-9] + b"123456789"),
        "a bomb": bomb,
        "an unknown layer": render_entity(zipped, content_info(known.DATA, der(0x30))),
        "no CMS at all": render_entity(zipped, b"hello"),
        "encrypted twice": render_entity(zipped, sealed(ORDER)),
        "an unknown encoding": render_entity([*zipped[:1], ("Content-Transfer-Encoding", "x")], b""),
        "an illegal file name": render_entity([("Content-Disposition", f"attachment; filename={'a' * 300}")], b""),
    }


def outer_failures() -> dict[str, bytes]:
    """Envelopes that are wrong themselves."""
    good = sealed(ORDER * 10)
    parts = [part.raw for part in children(open_content_info(good)[1])]
    info = [part.raw for part in children(children(asn1.read(parts[1]))[0])]

    def with_info(**fields: bytes) -> bytes:
        one = list(info)
        for place, raw in fields.items():
            one[int(place[1:])] = raw
        return content_info(known.ENVELOPED_DATA, der(0x30, parts[0], der(0x31, der(0x30, *one)), parts[2]))

    oaep = algorithm(known.RSA_OAEP, der(0x30))
    cbc = known.CIPHERS["aes256-cbc"].identifier
    how = children(asn1.read(parts[2]))[1].raw

    def with_content(*inner: bytes) -> bytes:
        return content_info(known.ENVELOPED_DATA, der(0x30, parts[0], parts[1], der(0x30, known.DATA, how, *inner)))

    return {
        "for somebody else": encrypt(ORDER, key("other").certificate, "aes256-cbc"),
        "for nobody": content_info(known.ENVELOPED_DATA, der(0x30, parts[0], der(0x31), parts[2])),
        "another kind of recipient": content_info(
            known.ENVELOPED_DATA, der(0x30, parts[0], der(0x31, der(0xA1, integer(1))), parts[2])
        ),
        "a recipient of impossible form": content_info(
            known.ENVELOPED_DATA, der(0x30, parts[0], der(0x31, der(0x30, integer(1))), parts[2])
        ),
        "a wrong wrapped key": with_info(_3=der(0x04, b"\x01" * 256)),
        "a short wrapped key": with_info(_3=der(0x04, b"\x01")),
        "OAEP with SHA-1": with_info(_2=oaep),
        "OAEP with a label": with_info(_2=algorithm(known.RSA_OAEP, der(0x30, der(0xA2, der(0x04, b"x"))))),
        "OAEP with empty parameters": with_info(_2=algorithm(known.RSA_OAEP, der(0x30, der(0xA0)))),
        "OAEP with MD5": with_info(
            _2=algorithm(known.RSA_OAEP, der(0x30, der(0xA0, algorithm(known.DIGESTS["md5"].identifier))))
        ),
        "OAEP with another mask": with_info(
            _2=algorithm(known.RSA_OAEP, der(0x30, der(0xA1, algorithm(known.DATA, algorithm(known.DATA)))))
        ),
        "an unknown key transport": with_info(_2=algorithm(known.DATA)),
        "an unknown cipher": good.replace(cbc, cbc[:-1] + b"\x7f"),
        "a forbidden cipher": encrypt(ORDER, key("seller").certificate, "3des"),
        "GCM without its tag": good.replace(cbc, known.CIPHERS["aes256-gcm"].identifier),
        "a changed tail": good[:-1] + bytes((good[-1] ^ 1,)),
        "half a block": with_content(der(0x80, b"x" * 17)),
        "no content": with_content(),
    }


def answer_to(body: bytes, relationship=None):
    built = message()
    inbox = Inbox()
    answer = receiver(inbox, relationship or ours()).handle(HttpRequest(tuple(built.headers)), body)
    mdn = open_mdn(http_fields(answer.headers), answer.body, theirs().their_certificates, POLICY, NOW)
    return answer, mdn, inbox.received[0]


def test_behind_encryption_every_failure_gets_the_same_answer_so_nobody_can_decrypt_by_asking():
    told, reasons = set(), set()
    bodies = [*outer_failures().values(), *(sealed(inner) for inner in inner_failures().values())]
    bodies.append(sealed(ORDER * 10, "aes256-gcm")[:-1] + b"\x00")
    for body in bodies:
        answer, mdn, received = answer_to(body)
        told.add((answer.status, answer.disposition, mdn.text, mdn.mic, tuple(sorted(mdn.fields)), len(answer.body)))
        reasons.add(received.failure.reason)
    assert {item[1] for item in told} == {UNIFORM}
    assert len({item[:5] for item in told}) == 1
    assert len(reasons) >= 15


def test_behind_a_verified_tag_the_answer_may_say_what_is_wrong():
    inner = render_entity([("Content-Type", "application/pkcs7-mime")], compress(ORDER)[:-9] + b"123456789")
    answer, _, received = answer_to(sealed(inner, "aes256-gcm"))
    assert answer.disposition == "processed/error: decompression-failed"
    assert received.failure.fault == "decompress"


def test_a_short_tag_is_not_a_tag():
    good = sealed(ORDER, "aes128-gcm")
    parts = [part.raw for part in children(open_content_info(good)[1])]
    inner = [part.raw for part in children(asn1.read(parts[2]))]
    nonce = children(children(asn1.read(inner[1]))[1])[0].raw
    identifier = known.CIPHERS["aes128-gcm"].identifier
    whole = asn1.content(asn1.read(parts[3]))
    for parameters, length in ((der(0x30, nonce), 12), (der(0x30, nonce, integer(4)), 4), (der(0x30), 16)):
        content = der(0x30, inner[0], algorithm(identifier, parameters), inner[2])
        tag = der(0x04, whole[:length])
        body = content_info(known.AUTH_ENVELOPED_DATA, der(0x30, parts[0], parts[1], content, tag))
        with pytest.raises(As2Refusal, match="exactly 16"):
            decrypt(body, [key("seller")], POLICY)


def test_authenticated_attributes_are_part_of_what_the_tag_covers():
    good = sealed(ORDER, "aes128-gcm")
    parts = [part.raw for part in children(open_content_info(good)[1])]
    extra = attributes((known.CONTENT_TYPE, known.DATA)).replace(b"\xa0", b"\xa1", 1)
    body = content_info(known.AUTH_ENVELOPED_DATA, der(0x30, *parts[:3], extra, parts[3]))
    with pytest.raises(As2Refusal, match="tag does not fit"):
        decrypt(body, [key("seller")], POLICY)


BUILT = message(protection=Protection(compress="before_sign"))
CLEAR = message(protection=Protection(encrypt=None))


def test_a_message_cut_off_at_any_byte_is_refused_and_never_raises_anything_else():
    for built in (BUILT, CLEAR, message(protection=Protection(None, encrypt=None, compress="before_sign"))):
        # The line end behind a closing delimiter may be missing.
        for length in range(len(built.body) - (2 if built is CLEAR else 0)):
            refusal = refusal_of(built, built.body[:length])
            assert built is not BUILT or refusal.disposition in (
                UNIFORM,
                "processed/error: unexpected-processing-error",
            )


def test_a_message_with_any_byte_changed_is_refused_or_means_the_same():
    chance = random.Random(850)
    signed = OpenPolicy(require_encrypted=False)
    for built in (BUILT, CLEAR):
        for _ in range(250):
            body = bytearray(built.body)
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            try:
                opened = open_message(http_fields(built.headers), bytes(body), signed, RING, NOW)
            except As2Refusal:
                continue
            assert opened.payload == ORDER


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["application/pkcs7-mime", 'multipart/signed; boundary="b"', "a/b"]))
def test_rubbish_of_any_type_gets_an_answer(body, kind):
    headers = [(name, value) for name, value in BUILT.headers if name != "Content-Type"]
    answer = receiver(Inbox()).handle(HttpRequest((*headers, ("Content-Type", kind))), body)
    assert answer.status in (200, 400)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_rubbish_in_headers_gets_an_answer_that_is_legal_itself(kind, message_id, options):
    names = [(name, value) for name, value in BUILT.headers if name in ("AS2-From", "AS2-To")]
    wild = [
        ("Content-Type", kind),
        ("Message-ID", message_id),
        ("Subject", kind),
        ("Date", options),
        ("Disposition-Notification-To", "x"),
        ("Disposition-Notification-Options", options),
    ]
    answer = receiver(Inbox()).handle(HttpRequest((*names, *wild)), BUILT.body)
    assert answer.status in (200, 400)
    assert all("\r" not in value and "\n" not in value for _, value in answer.headers)


def test_a_message_id_cannot_add_a_line_to_our_receipt():
    evil = "<a@b>\r\nDisposition: automatic-action/MDN-sent-automatically; processed"
    headers = [(name, evil if name == "Message-ID" else value) for name, value in BUILT.headers]
    answer = receiver(Inbox()).handle(HttpRequest(tuple(headers)), BUILT.body)
    mdn = open_mdn(http_fields(answer.headers), answer.body, theirs().their_certificates, POLICY, NOW)
    assert mdn.disposition == "processed/error: invalid-message-id"


def packed(data: bytes) -> bytes:
    """A CompressedData around a zlib stream."""
    inner = der(0x30, known.DATA, der(0xA0, der(0x04, data)))
    return content_info(known.COMPRESSED_DATA, der(0x30, integer(0), algorithm(known.ZLIB), inner))


def test_a_small_message_cannot_inflate_beyond_the_limits():
    bomb = packed(zlib.compress(b"\0" * 50_000_000, 9))
    assert len(bomb) < 60_000
    with pytest.raises(As2Refusal, match="250 times") as caught:
        decompress(bomb, 100_000_000)
    assert caught.value.kind is Kind.INFLATED
    with pytest.raises(As2Refusal, match="1000 bytes allowed"):
        decompress(compress(random.Random(1).randbytes(2000)), 1000)


def test_a_stream_that_goes_on_behind_its_end_is_refused():
    assert decompress(packed(zlib.compress(ORDER)), 10_000) == ORDER
    cases = (
        (zlib.compress(ORDER) + b"x", "follow"),
        (zlib.compress(ORDER)[:-4], "cut off"),
        (b"hello", "not zlib"),
    )
    for data, words in cases:
        with pytest.raises(As2Refusal, match=words):
            decompress(packed(data), 10_000)


def test_a_compressed_structure_of_another_shape_is_refused():
    def shape(*parts: bytes) -> bytes:
        return content_info(known.COMPRESSED_DATA, der(0x30, *parts))

    zlib_id, empty = algorithm(known.ZLIB), der(0x30, known.DATA, der(0xA0))
    for data in (
        shape(integer(0)),
        shape(integer(0), algorithm(known.DATA), empty),
        shape(integer(0), zlib_id, der(0x30, known.DATA)),
        shape(integer(0), zlib_id, empty),
        der(0x30, known.COMPRESSED_DATA),
        der(0x30, known.COMPRESSED_DATA, der(0xA0)),
    ):
        with pytest.raises(As2Refusal, match="broken"):
            decompress(data, 100)


def test_layers_in_an_order_that_as2_does_not_know_are_refused():
    zipped = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "binary")]
    twice = compress(render_entity(zipped, compress(ORDER)))
    outside = compress(render_entity(zipped, sealed(ORDER)))
    headers = [(name, value) for name, value in BUILT.headers if name != "Content-Type"]
    plain = replace(BUILT, headers=(*headers, ("Content-Type", "application/pkcs7-mime")))
    assert "compressed twice" in refusal_of(plain, twice).reason
    assert "Encryption inside" in refusal_of(plain, outside).reason


def test_compressed_in_the_clear_is_not_encrypted():
    built = message(protection=Protection(encrypt=None, compress="after_sign"))
    refusal = refusal_of(built, policy=OpenPolicy())
    assert refusal.disposition == "processed/error: insufficient-message-security"


def test_a_signed_multipart_of_another_shape_is_refused():
    body = CLEAR.body
    boundary = body[: body.index(b"\r\n")]
    third = body[:-4] + b"\r\nContent-Type: a/b\r\n\r\nx\r\n" + boundary + b"--\r\n"
    assert "3 parts" in refusal_of(CLEAR, third).reason
    other = body.replace(b"application/pkcs7-signature; name", b"text/plain; name")
    assert "no PKCS #7" in refusal_of(CLEAR, other).reason
    assert refusal_of(CLEAR, body + b"epilogue").kind is Kind.MALFORMED
    assert refusal_of(CLEAR, body.replace(boundary, b"--wrong")).kind is Kind.MALFORMED


def test_deep_nesting_costs_nothing():
    with pytest.raises(Asn1Error):
        content_kind(b"\x30\x80" * 500_000)
    answer, _, _ = answer_to(b"\x30\x80" * 500_000)
    assert answer.status == 200


def test_no_key_or_content_appears_in_what_staff_read():
    _, _, received = answer_to(sealed(b"top secret"))
    assert "secret" not in repr(received.failure) + repr(received.facts)
    assert base64.b64encode(b"top secret").decode() not in repr(received.facts)
    assert request(BUILT).address
