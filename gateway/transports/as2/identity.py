"""Our AS2 identity: an RSA key with a self-signed certificate, made on the first start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from gateway.transports.as2.cms import OwnKey

__all__ = ["Identity", "load_own_key", "make_identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate, PEM. The key is for the secret store only."""

    private_key_pem: bytes = field(repr=False)
    certificate_pem: bytes
    #: SHA-256 of the DER certificate in lower-case hex.
    fingerprint: str
    not_after: datetime


def make_identity(
    as2_name: str,
    now: datetime,
    *,
    organisation: str = "",
    host: str = "",
    days: int = 1095,
    bits: int = 3072,
) -> Identity:
    """Make an RSA key of ``bits`` bits and a certificate over it, SHA-256, valid for ``days`` days.

    The name alternative (SAN) is ``host``, or the AS2 name as a URI when there is no host. The start lies a
    day back, so a partner whose clock runs late accepts it at once. Raises ValueError for fewer than 2048
    bits.
    """
    if bits < 2048:
        raise ValueError(f"An AS2 key of {bits} bits is too weak: 2048 are the least.")
    key = rsa.generate_private_key(65537, bits)
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, as2_name[:64])]
    if organisation:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]))
    name = x509.Name(attributes)
    alternative: x509.GeneralName = (
        x509.DNSName(host) if host else x509.UniformResourceIdentifier(f"urn:as2:{_uri_safe(as2_name)}")
    )
    public = key.public_key()
    until = (now + timedelta(days=days)).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.replace(microsecond=0) - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
        certificate.fingerprint(hashes.SHA256()).hex(),
        until,
    )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _uri_safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else f"%{ord(c):02X}" for c in name)


def load_own_key(private_key_pem: bytes, certificate_pem: bytes) -> OwnKey:
    """A key of ours from its two PEM texts.

    Raises ValueError when one cannot be read, is neither RSA nor EC, or they do not belong together.
    """
    private = load_pem_private_key(private_key_pem, None)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("The AS2 key is neither RSA nor EC: make a new one.")  # noqa: TRY004 - a value from a file
    if private.public_key() != certificate.public_key():
        raise ValueError("The AS2 key and its certificate do not belong together: restore the matching pair.")
    return OwnKey(private, certificate)
