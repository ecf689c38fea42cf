"""Certificates out of a file as partners send them: PEM, DER or PKCS #7 (P7B), read within limits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.partners.certificates import CertificateFacts, certificate_facts, load_certificate, weaknesses
from gateway.partners.errors import CertificateError

__all__ = ["MOST_BYTES", "MOST_CERTIFICATES", "FoundCertificate", "read_certificate_file"]

#: Bytes of a file, and certificates in it: a chain has three or four.
MOST_BYTES, MOST_CERTIFICATES = 64 * 1024, 10

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,60000}?-----END CERTIFICATE-----")
_KINDS = "Ask for the certificate in PEM, DER or PKCS #7 form (.pem, .crt, .cer, .der, .p7b, .p7c)"


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """One certificate of a file."""

    pem: str
    facts: CertificateFacts
    #: Why it cannot be used; "" when it can.
    problem: str
    #: What is poor about it.
    weak: tuple[str, ...]
    #: True for one that signs certificates: partners send it along, messages are not signed with it.
    authority: bool


def read_certificate_file(data: bytes) -> list[FoundCertificate]:
    """Every certificate in a file, each once, in its order. Raises CertificateError with a sentence's end."""
    if not data.strip():
        raise CertificateError("is empty")
    if len(data) > MOST_BYTES:
        raise CertificateError(f"has {len(data)} bytes; a certificate file has at most {MOST_BYTES}")
    if b"PRIVATE KEY-----" in data:
        raise CertificateError(
            "holds a private key; only the public certificate belongs here. If the key is the partner's, it is "
            "compromised: tell them"
        )
    found = _read(data)
    if len(found) > MOST_CERTIFICATES:
        raise CertificateError(f"holds {len(found)} certificates; at most {MOST_CERTIFICATES} are read")
    once = {certificate.public_bytes(Encoding.DER): certificate for certificate in found}
    return [_described(certificate) for certificate in once.values()]


def _read(data: bytes) -> list[x509.Certificate]:
    try:
        if b"-----BEGIN PKCS7-----" in data:
            return _listed(pkcs7.load_pem_pkcs7_certificates(data))
        if b"-----BEGIN " in data:
            return _listed(x509.load_pem_x509_certificate(part) for part in _PEM.findall(data)[: MOST_CERTIFICATES + 1])
        return _read_der(data)
    except CertificateError:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"cannot be read as a certificate. {_KINDS}") from error


def _read_der(data: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        return _listed(pkcs7.load_der_pkcs7_certificates(data))


def _listed(found: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    certificates = list(found)
    if not certificates:
        raise CertificateError(f"holds no certificate. {_KINDS}")
    return certificates


def _described(certificate: x509.Certificate) -> FoundCertificate:
    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    try:
        load_certificate(pem)
        problem = ""
    except CertificateError as error:
        problem = f"It {error}."
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        authority = constraints.ca
    except (x509.ExtensionNotFound, ValueError):
        authority = False
    return FoundCertificate(pem, _facts(certificate), problem, tuple(weaknesses(certificate)), authority)


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    try:
        return certificate_facts(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("holds a certificate whose name or key cannot be read") from error
