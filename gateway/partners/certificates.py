"""A partner's certificates: read, judged, described, and chosen by role and date.

Trust is always one pinned certificate of the partner, never a chain and never a certificate found inside
a message. Several certificates may serve one role at once, so that both sides can change theirs without an
outage: all active ones verify, and one of them, the primary or else the newest, is used to encrypt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.partners.errors import CertificateError

__all__ = [
    "EXPIRY_DAYS",
    "CertificateFacts",
    "Role",
    "WindowedCertificate",
    "active_certificates",
    "certificate_facts",
    "chosen_certificate",
    "expiry_warnings",
    "fingerprint",
    "load_certificate",
    "missing_roles",
    "weaknesses",
    "window",
]

Role = Literal["sign", "encrypt", "tls"]

#: Days before the end of a certificate at which staff are told.
EXPIRY_DAYS: tuple[int, ...] = (45, 30, 14, 7, 1)

MINIMUM_RSA_BITS = 2048
MINIMUM_EC_BITS = 256
MAXIMUM_PEM_BYTES = 64 * 1024
_WEAK_DIGESTS = ("md5", "sha1")


class WindowedCertificate(Protocol):
    """A certificate of a profile: PEM text, what it is for, and when we use it."""

    @property
    def pem(self) -> str:
        """The certificate as PEM text."""
        ...

    @property
    def role(self) -> Sequence[Role]:
        """What it is used for."""
        ...

    @property
    def valid_from(self) -> datetime | None:
        """First instant at which we use it; None = from its own start."""
        ...

    @property
    def valid_until(self) -> datetime | None:
        """Last instant at which we use it; None = to its own end."""
        ...

    @property
    def primary(self) -> bool:
        """True when it goes before the other active ones."""
        ...


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people need to know of a certificate."""

    subject: str
    issuer: str
    #: Serial number in hexadecimal, as openssl prints it.
    serial: str
    #: SHA-256 of the DER form, capital hexadecimal in pairs.
    fingerprint: str
    not_before: datetime
    not_after: datetime
    #: "RSA 3072", "EC secp256r1".
    key: str
    self_signed: bool


@lru_cache(maxsize=1024)
def load_certificate(pem: str) -> x509.Certificate:
    """The one certificate in ``pem``.

    Raises CertificateError when there is none or more than one, when a private key stands beside it, when it
    does not parse, or when its key is too weak to use (RSA under 2048 bits, EC under 256, any other kind).
    """
    if len(pem) > MAXIMUM_PEM_BYTES:
        raise CertificateError(f"is larger than {MAXIMUM_PEM_BYTES} bytes; give one certificate only")
    if "PRIVATE KEY-----" in pem:
        raise CertificateError(
            "holds a private key; a partner's profile takes the public certificate only. "
            "If the key is the partner's, it is compromised: tell them"
        )
    count = pem.count("-----BEGIN CERTIFICATE-----")
    if count != 1:
        found = "no certificate" if count == 0 else f"{count} certificates"
        raise CertificateError(
            f"holds {found}; give exactly one in PEM form (-----BEGIN CERTIFICATE-----). "
            "A DER file is converted by: openssl x509 -inform der -in FILE -out FILE.pem"
        )
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii", "replace"))
        weak = _key_weakness(certificate)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType) as error:
        raise CertificateError(f"cannot be read as an X.509 certificate: {error}") from error
    if weak:
        raise CertificateError(weak)
    return certificate


def _key_weakness(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MINIMUM_RSA_BITS:
            return f"has an RSA key of {key.key_size} bits; we use {MINIMUM_RSA_BITS} or more. Ask for a new one"
        return ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < MINIMUM_EC_BITS:
            return f"has an EC key on {key.curve.name}; we use P-256 or stronger. Ask for a new one"
        return ""
    return f"has a key of kind {type(key).__name__}; AS2 uses RSA or EC. Ask for another one"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 fingerprint as people compare it: "AB:CD:…" """
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def certificate_facts(certificate: x509.Certificate) -> CertificateFacts:
    """The facts that a person compares before trusting a certificate."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        described = f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        described = f"EC {key.curve.name}"
    else:
        described = type(key).__name__
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:X}",
        fingerprint=fingerprint(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=described,
        self_signed=certificate.subject == certificate.issuer,
    )


def weaknesses(certificate: x509.Certificate) -> list[str]:
    """What is poor about a certificate without making it unusable, one sentence each."""
    found = []
    digest = certificate.signature_hash_algorithm
    if digest is not None and digest.name in _WEAK_DIGESTS:
        found.append(f"It is signed with {digest.name.upper()}, which no longer protects it; ask for a new one.")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return found
    if not (usage.digital_signature or usage.key_encipherment or usage.content_commitment):
        found.append("Its key usage allows neither signing nor key encipherment.")
    return found


def window(entry: WindowedCertificate) -> tuple[datetime, datetime]:
    """First and last instant at which ``entry`` is used: its validity within the profile's window."""
    certificate = load_certificate(entry.pem)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if entry.valid_from is not None:
        first = max(first, entry.valid_from)
    if entry.valid_until is not None:
        last = min(last, entry.valid_until)
    return first, last


def active_certificates(entries: Iterable[WindowedCertificate], role: Role, at: datetime) -> list[x509.Certificate]:
    """Every certificate that serves ``role`` at the instant ``at``, the one to prefer first.

    Primary ones come first, then the newest. A signature of the partner is good under any of them.
    """
    fitting = []
    for entry in entries:
        first, last = window(entry)
        if role in entry.role and first <= at <= last:
            certificate = load_certificate(entry.pem)
            fitting.append(((not entry.primary, -certificate.not_valid_before_utc.timestamp()), certificate))
    return [certificate for _, certificate in sorted(fitting, key=lambda pair: pair[0])]


def chosen_certificate(entries: Iterable[WindowedCertificate], role: Role, at: datetime) -> x509.Certificate | None:
    """The one certificate to encrypt to at the instant ``at``, or None when none is active."""
    active = active_certificates(entries, role, at)
    return active[0] if active else None


def missing_roles(entries: Sequence[WindowedCertificate], roles: Iterable[Role], at: datetime) -> list[Role]:
    """The roles that no certificate serves at the instant ``at``."""
    return [role for role in roles if not active_certificates(entries, role, at)]


def expiry_warnings(
    entries: Sequence[WindowedCertificate], at: datetime, days: Sequence[int] = EXPIRY_DAYS
) -> list[str]:
    """One sentence for each certificate that has ended or ends within the longest of ``days``.

    One whose roles another certificate carries beyond that time needs no warning.
    """
    horizon = at + timedelta(days=max(days))
    warnings = []
    for entry in entries:
        _, last = window(entry)
        if last > horizon or _has_successor(entry, entries, horizon):
            continue
        name = certificate_facts(load_certificate(entry.pem)).subject
        use = " and ".join(entry.role)
        if last < at:
            warnings.append(f"The {use} certificate {name} ended on {last:%Y-%m-%d}; ask the partner for the next one.")
        else:
            left = (last - at).days
            warnings.append(
                f"The {use} certificate {name} ends on {last:%Y-%m-%d}, in {left} days, "
                "and no next one is there; ask the partner for it now."
            )
    return warnings


def _has_successor(entry: WindowedCertificate, entries: Sequence[WindowedCertificate], horizon: datetime) -> bool:
    """True when every role of ``entry`` is served at ``horizon`` by another certificate."""
    others = [other for other in entries if other is not entry]
    return not missing_roles(others, entry.role, horizon)
