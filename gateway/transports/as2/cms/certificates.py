"""Certificates and keys as CMS names them: issuer and serial number, or subject key identifier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.transports.as2.asn1 import Asn1Error, Node, children, content, octets, read_integer, read_only

__all__ = [
    "CertificateName",
    "OwnKey",
    "PrivateKey",
    "TheirCertificate",
    "describe",
    "fingerprint",
    "fits",
    "name_of",
    "usage_allows",
]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key of ours with its certificate."""

    private_key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class TheirCertificate:
    """A certificate of a partner, pinned, with the window in which it is used."""

    certificate: x509.Certificate
    #: Any of "sign", "encrypt", "tls".
    roles: frozenset[str]
    #: Narrower than the certificate's own dates, or None.
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    #: Goes before others that are valid as well.
    primary: bool = False

    @property
    def starts(self) -> datetime:
        """First instant of use."""
        own = self.certificate.not_valid_before_utc
        return max(own, self.valid_from) if self.valid_from else own

    @property
    def ends(self) -> datetime:
        """Last instant of use."""
        own = self.certificate.not_valid_after_utc
        return min(own, self.valid_until) if self.valid_until else own

    def problem_at(self, now: datetime) -> str | None:
        """Why it is not used at this instant, or None when it is."""
        subject = self.certificate.subject.rfc4514_string()
        if now < self.starts:
            return f"the certificate {subject} is not used before {self.starts:%Y-%m-%d %H:%M} UTC"
        if now > self.ends:
            return f"the certificate {subject} expired on {self.ends:%Y-%m-%d %H:%M} UTC"
        return None


@dataclass(frozen=True, slots=True)
class CertificateName:
    """How a CMS structure refers to a certificate."""

    #: DER of the issuer, exactly as it stands in the certificate.
    issuer: bytes
    serial: int
    #: Subject key identifier, b"" when the certificate has none.
    key_identifier: bytes
    #: SHA-256 of the DER certificate in lower-case hex.
    fingerprint: str


@lru_cache(maxsize=4096)
def name_of(certificate: x509.Certificate) -> CertificateName:
    """The names of a certificate. The issuer is sliced, not re-encoded: string types stay as they are."""
    fields = children(read_only(certificate.tbs_certificate_bytes, 0x30))
    if fields[0].tag == 0xA0:
        fields = fields[1:]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        key_identifier = extension.value.digest
    except x509.ExtensionNotFound:
        key_identifier = b""
    return CertificateName(
        fields[2].raw,
        certificate.serial_number,
        key_identifier,
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER certificate in lower-case hex."""
    return name_of(certificate).fingerprint


def fits(identifier: Node, certificate: x509.Certificate) -> bool:
    """Whether a SignerIdentifier or RecipientIdentifier means this certificate. Raises Asn1Error."""
    name = name_of(certificate)
    if identifier.tag in (0x80, 0xA0):
        return bool(name.key_identifier) and octets(identifier) == name.key_identifier
    parts = children(identifier)
    if identifier.tag != 0x30 or len(parts) != 2:
        raise Asn1Error("a certificate is named by something else than issuer and serial number")
    return read_integer(parts[1]) == name.serial and parts[0].raw == name.issuer


def describe(identifier: Node) -> str:
    """A SignerIdentifier or RecipientIdentifier for people. Raises Asn1Error."""
    if identifier.tag in (0x80, 0xA0):
        return f"key identifier {octets(identifier).hex()[:64]}"
    parts = children(identifier)
    return f"serial number {content(parts[1]).hex()[:64]}" if len(parts) == 2 else "an unreadable name"


def usage_allows(certificate: x509.Certificate, role: str) -> bool:
    """Whether keyUsage, where the certificate has it, allows "sign" or "encrypt" (RFC 5280 §4.2.1.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    if role == "sign":
        return usage.digital_signature or usage.content_commitment
    return usage.key_encipherment or usage.key_agreement
