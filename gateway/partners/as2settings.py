"""How AS2 is exchanged with a partner: address, protection, receipts, certificates and limits."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gateway.partners.certificates import load_certificate
from gateway.partners.fields import Group, HttpUrlText, Instant, Many, SecretRef, UntilInstant

__all__ = ["As2Settings", "HttpAuth", "PartnerCertificate", "TlsSettings"]

SignAlgorithm = Literal["none", "sha256", "sha384", "sha512", "sha1-legacy"]
EncryptAlgorithm = Literal["none", "aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm", "3des-legacy"]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
_HEADER_VALUE = re.compile(r"[\t -~]{0,500}")
#: Header fields that the message itself decides; a profile may not set them.
RESERVED_HEADERS = frozenset(
    {
        "as2-from",
        "as2-to",
        "as2-version",
        "authorization",
        "connection",
        "content-disposition",
        "content-length",
        "content-type",
        "date",
        "disposition-notification-options",
        "disposition-notification-to",
        "host",
        "message-id",
        "mime-version",
        "receipt-delivery-option",
        "subject",
        "transfer-encoding",
    }
)


def _pem(value: str) -> str:
    load_certificate(value)
    return value.strip().replace("\r\n", "\n") + "\n"


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f'"{name}" is not a legal header name')
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"{name} is set by the message itself and cannot be given here")
        if not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"the value of {name} must be printable ASCII of at most 500 characters")
    return value


def _content_type(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+", value):
        raise ValueError("must be a media type such as application/EDI-X12")
    return value


class PartnerCertificate(Group):
    """One certificate of the partner, with what it is for and when we use it."""

    role: Annotated[tuple[Literal["sign", "encrypt", "tls"], ...], Many, Field(min_length=1)] = Field(
        default=("sign", "encrypt"),
        description="For what: sign (their signatures), encrypt (to them), tls (their server, when pinned).",
    )
    pem: Annotated[str, AfterValidator(_pem)] = Field(
        description="The certificate as PEM text; a file in a partner file is read into this field."
    )
    valid_from: Instant | None = Field(default=None, description="First moment we use it; empty = its own start.")
    valid_until: UntilInstant | None = Field(default=None, description="Last moment we use it; empty = its own end.")
    primary: bool = Field(default=False, description="True = goes before other certificates that are valid as well.")

    @model_validator(mode="after")
    def _window(self) -> PartnerCertificate:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("valid_from must be before valid_until")
        return self


class HttpAuth(Group):
    """A user and password that the partner's web server asks for."""

    user: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f]{1,200}$")] = Field(description="User name.")
    password: SecretRef = Field(description="The password, as the name of a stored secret.")


class TlsSettings(Group):
    """Which server certificates we trust when we connect to the partner."""

    trust: Literal["system", "pin"] = Field(
        default="system",
        description="system = the machine's authorities; pin = only certificates with role tls.",
    )
    client_certificate: SecretRef | None = Field(
        default=None, description="Our certificate and key for mutual TLS, as the name of a stored secret."
    )


class As2Settings(Group):
    """The AS2 relationship with one partner (RFC 4130); without a url we only receive."""

    url: HttpUrlText | None = Field(default=None, description="Where we send.")
    test_url: HttpUrlText | None = Field(
        default=None, description="Where we send while the partner is a draft or testing; empty = url."
    )
    sign: SignAlgorithm = Field(default="sha256", description="Digest of our signature.")
    signature_scheme: Literal["pkcs1", "pss"] = Field(default="pkcs1", description="Padding of an RSA signature.")
    encrypt: EncryptAlgorithm = Field(default="aes256-cbc", description="Cipher of what we send.")
    key_transport: Literal["pkcs1", "oaep-sha256"] = Field(
        default="pkcs1", description="How the content key is wrapped; pkcs1 is what nearly all partners read."
    )
    compress: Literal["none", "before_sign", "after_sign"] = Field(
        default="none", description="Compression of what we send (RFC 5402)."
    )
    mdn: Literal["none", "sync", "async"] = Field(default="sync", description="Which receipt we ask for.")
    mdn_signed: bool = Field(default=True, description="Whether the receipt must be signed.")
    mic_algorithm: Literal["sha256", "sha384", "sha512", "sha1-legacy"] | None = Field(
        default=None, description="Digest that we ask the receipt for; empty = that of our signature."
    )
    mdn_url: HttpUrlText | None = Field(
        default=None, description="Where the partner sends asynchronous receipts; empty = our public address."
    )
    mdn_wait_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(
        default=60, description="How long we wait for an asynchronous receipt before it is overdue."
    )
    allowed_receipt_urls: Annotated[tuple[HttpUrlText, ...], Many] = Field(
        default=(),
        description="Addresses to which we may send the partner's asynchronous receipts; empty = none.",
    )
    require_signed: bool = Field(default=True, description="Refuse what is not signed by a certificate given here.")
    require_encrypted: bool = Field(default=True, description="Refuse what is not encrypted.")
    require_compressed: bool = Field(default=False, description="Refuse what is not compressed.")
    certificates: Annotated[tuple[PartnerCertificate, ...], Many] = Field(
        default=(), description="The partner's certificates; several may be valid at once."
    )
    subject: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,200}$")] = Field(
        default="EDI message", description="Subject header of what we send."
    )
    content_type: Annotated[str, AfterValidator(_content_type)] = Field(
        default="application/EDI-X12", description="Media type of the payload that we send."
    )
    http_auth: HttpAuth | None = Field(default=None, description="HTTP basic authentication.")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default_factory=dict, description="Further HTTP headers that the partner asks for."
    )
    connect_timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        default=30.0, description="Seconds to reach the partner."
    )
    response_timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=120.0, description="Seconds to wait for the answer after the last byte was sent."
    )
    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=104_857_600, description="Largest request body taken from the partner, in bytes."
    )
    max_expanded_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=209_715_200, description="Largest content after decompression, in bytes."
    )
    tls: TlsSettings = Field(default=TlsSettings.by_default(), description="Trust in the partner's web server.")
    accept_line_end_change: bool = Field(
        default=False,
        description="When a signature fails, check it again with CRLF line ends; some senders alter them.",
    )
    legacy_until: date | None = Field(
        default=None, description="Last day on which SHA-1 and triple DES are used or taken; empty = never."
    )

    @model_validator(mode="after")
    def _legacy_is_dated(self) -> As2Settings:
        legacy = [v for v in (self.sign, self.encrypt, self.mic_algorithm) if v and v.endswith("-legacy")]
        if legacy and self.legacy_until is None:
            raise ValueError(
                f"{legacy[0]} is no longer safe and needs legacy_until, the last day on which it is allowed"
            )
        if self.mdn == "none" and self.mic_algorithm is not None:
            raise ValueError("mic_algorithm means nothing without a receipt (mdn: none)")
        if self.tls.trust == "pin" and not any("tls" in entry.role for entry in self.certificates):
            raise ValueError("tls.trust is pin, so one certificate with role tls is needed")
        return self
