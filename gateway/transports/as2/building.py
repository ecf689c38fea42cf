"""Build an AS2 message: one payload in any legal layering, its HTTP headers, and every MIC it may be answered
with.

The layering rules are those of RFC 4130 §2.4.2 and RFC 5402 §3: compression once, before or after the signature,
and always inside the encryption. The payload's bytes are never touched: its part says ``binary``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509

from gateway.transports.as2.cms import OwnKey, compress, encrypt, sign_detached
from gateway.transports.as2.cms.algorithms import DIGESTS
from gateway.transports.as2.headers import DIGEST_NAMES, http_date, message_id_problem, quote_name
from gateway.transports.as2.mime import boundary_for, multipart, quoted, render_entity

__all__ = [
    "BuiltMessage",
    "Outbound",
    "Protection",
    "ReceiptWish",
    "base64_lines",
    "build_message",
    "check_headers",
    "sign_entity",
]

Headers = tuple[tuple[str, str], ...]
#: The AS2 version whose features we have all of: compression (RFC 5402).
AS2_VERSION = "1.1"
_MIC_DIGESTS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Outbound:
    """What is sent, to whom, under which identity."""

    payload: bytes
    content_type: str
    filename: str
    #: With angle brackets.
    message_id: str
    as2_from: str
    as2_to: str
    date: datetime
    subject: str = "EDI message"


@dataclass(frozen=True, slots=True)
class Protection:
    """The layers put around the payload."""

    #: Digest of our signature ("sha256"), None = not signed.
    sign: str | None = "sha256"
    #: RSASSA-PSS instead of PKCS#1 v1.5.
    pss: bool = False
    #: Cipher ("aes256-cbc"), None = not encrypted.
    encrypt: str | None = "aes256-cbc"
    key_transport: str = "pkcs1v15"
    compress: Literal["before_sign", "after_sign"] | None = None


@dataclass(frozen=True, slots=True)
class ReceiptWish:
    """The receipt we ask for."""

    mode: Literal["none", "sync", "async"] = "sync"
    signed: bool = True
    #: Digest of the MIC; should be that of the signature, peers differ otherwise.
    algorithm: str = "sha256"
    #: Where an asynchronous receipt goes.
    url: str = ""


@dataclass(frozen=True, slots=True)
class BuiltMessage:
    """An HTTP message: headers in sending order, and its body."""

    headers: Headers
    body: bytes
    #: "sha-256" → base64 digest; "sha-256; other" is the variant that some peers compute for unsigned
    #: messages.
    mics: Mapping[str, str]


def build_message(
    outbound: Outbound,
    protection: Protection,
    receipt: ReceiptWish,
    signer: OwnKey | None = None,
    recipient: x509.Certificate | None = None,
) -> BuiltMessage:
    """Build a message. Raises ValueError when a key or certificate that a layer needs is missing, when a
    name, Message-ID or header value is not legal, or when the recipient's key cannot encrypt.
    """
    fields: list[tuple[str, str]] = [("Content-Type", outbound.content_type)]
    check_headers(tuple(fields))
    disposition = ("Content-Disposition", f"attachment; filename={quoted(outbound.filename)}")
    body = outbound.payload
    inner = [*fields, ("Content-Transfer-Encoding", "binary"), disposition]
    fields.append(disposition)
    covered = render_entity(inner, body)
    layered = False
    if protection.compress and not (protection.compress == "after_sign" and protection.sign):
        fields, body = _compressed(covered)
        inner, layered = fields, True
    if protection.sign:
        if signer is None:
            raise ValueError("No signing key of ours is active: add one, or set sign to none in the profile.")
        covered = render_entity(inner, body)
        fields, body = sign_entity(covered, signer, protection.sign, outbound.date, pss=protection.pss)
        inner = fields
        if protection.compress == "after_sign":
            fields, body = _compressed(render_entity(inner, body))
            inner = fields
    if protection.encrypt:
        if recipient is None:
            raise ValueError(
                "The partner has no active encryption certificate: add one, or set encrypt to none in the profile."
            )
        entity = render_entity(inner, body)
        fields = [("Content-Type", _pkcs7("gcm" in protection.encrypt))]
        body = encrypt(entity, recipient, protection.encrypt, protection.key_transport)
        layered = True
    headers = (*_envelope(outbound), *_http_only(fields), *_receipt(receipt, outbound.message_id))
    check_headers(headers)
    return BuiltMessage(headers, body, _mics(protection, covered, outbound.payload, layered))


def _compressed(entity: bytes) -> tuple[list[tuple[str, str]], bytes]:
    fields = [
        ("Content-Type", "application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z"),
        ("Content-Transfer-Encoding", "binary"),
    ]
    return fields, compress(entity)


def _pkcs7(authenticated: bool) -> str:
    kind = "authEnveloped-data" if authenticated else "enveloped-data"
    return f"application/pkcs7-mime; smime-type={kind}; name=smime.p7m"


def sign_entity(
    entity: bytes, signer: OwnKey, digest: str, signed_at: datetime, *, pss: bool = False
) -> tuple[list[tuple[str, str]], bytes]:
    """(header fields, body) of a multipart/signed with ``entity`` as its first part (RFC 1847 §2.1)."""
    signature = render_entity(
        [
            ("Content-Type", "application/pkcs7-signature; name=smime.p7s; smime-type=signed-data"),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", "attachment; filename=smime.p7s"),
        ],
        base64_lines(sign_detached(entity, signer, digest, signed_at, pss=pss)),
    )
    boundary = boundary_for(hashlib.sha256(entity).digest(), "s")
    kind = (
        'multipart/signed; protocol="application/pkcs7-signature"; '
        f'micalg={DIGEST_NAMES[digest]}; boundary="{boundary}"'
    )
    return [("Content-Type", kind)], multipart((entity, signature), boundary)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 64 characters, CRLF between them."""
    text = base64.b64encode(data)
    return b"\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))


def _envelope(outbound: Outbound) -> Headers:
    if problem := message_id_problem(outbound.message_id):
        raise ValueError(problem)
    return (
        ("AS2-Version", AS2_VERSION),
        ("AS2-From", quote_name(outbound.as2_from)),
        ("AS2-To", quote_name(outbound.as2_to)),
        ("Message-ID", outbound.message_id),
        ("Date", http_date(outbound.date)),
        ("Subject", outbound.subject),
        ("MIME-Version", "1.0"),
    )


def _http_only(fields: Sequence[tuple[str, str]]) -> Headers:
    """Without the transfer encoding, which HTTP does not use (RFC 4130 §5.2.1)."""
    return tuple(item for item in fields if item[0] != "Content-Transfer-Encoding")


def _receipt(receipt: ReceiptWish, message_id: str) -> Headers:
    if receipt.mode == "none":
        return ()
    host = message_id.strip("<>").rpartition("@")[2] or "localhost"
    headers: list[tuple[str, str]] = [("Disposition-Notification-To", f"edi@{host}")]
    if receipt.signed:
        options = (
            "signed-receipt-protocol=optional, pkcs7-signature; "
            f"signed-receipt-micalg=optional, {DIGEST_NAMES[receipt.algorithm]}"
        )
        headers.append(("Disposition-Notification-Options", options))
    if receipt.mode == "async":
        if not receipt.url:
            raise ValueError("An asynchronous receipt needs an address of ours to which the partner sends it.")
        headers.append(("Receipt-Delivery-Option", receipt.url))
    return tuple(headers)


def check_headers(headers: Headers) -> None:
    """Raises ValueError when a value could end its line: nothing is injected through our headers."""
    for name, value in headers:
        if any(character < " " or character == "\x7f" for character in value) or len(value) > 2000:
            raise ValueError(f"The value of {name} holds control characters or is too long.")


def _mics(protection: Protection, covered: bytes, payload: bytes, layered: bool) -> dict[str, str]:
    """Every digest the peer may answer with; ``covered`` is the entity the MIC speaks of (RFC 5402 §4)."""
    names = [*_MIC_DIGESTS, *([protection.sign] if protection.sign == "sha1" else [])]
    main, other = (covered, payload) if protection.sign or layered else (payload, covered)
    mics = {}
    for name in names:
        mics[DIGEST_NAMES[name]] = base64.b64encode(DIGESTS[name].of(main)).decode("ascii")
        if not protection.sign:
            mics[f"{DIGEST_NAMES[name]}; other"] = base64.b64encode(DIGESTS[name].of(other)).decode("ascii")
    return mics
