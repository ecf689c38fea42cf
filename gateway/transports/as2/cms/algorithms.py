"""The algorithms we know, by their object identifiers, and which of them a relationship accepts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes

from gateway.transports.as2.asn1 import oid

__all__ = [
    "CIPHERS",
    "DIGESTS",
    "ECDSA",
    "RSA_PKCS1",
    "AlgorithmPolicy",
    "Cipher",
    "Digest",
    "cipher_by_oid",
    "digest_by_oid",
]


@dataclass(frozen=True, slots=True)
class Digest:
    """A message digest."""

    #: "sha256": the name used throughout.
    name: str
    #: The whole DER element.
    identifier: bytes
    size: int
    algorithm: hashes.HashAlgorithm

    def of(self, data: bytes) -> bytes:
        """The digest of ``data``."""
        return _HASHERS[self.name](data).digest()


_HASHERS: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False),
}

DIGESTS: dict[str, Digest] = {
    digest.name: digest
    for digest in (
        Digest("sha256", oid("2.16.840.1.101.3.4.2.1"), 32, hashes.SHA256()),
        Digest("sha384", oid("2.16.840.1.101.3.4.2.2"), 48, hashes.SHA384()),
        Digest("sha512", oid("2.16.840.1.101.3.4.2.3"), 64, hashes.SHA512()),
        Digest("sha1", oid("1.3.14.3.2.26"), 20, hashes.SHA1()),  # noqa: S303 - only behind a dated legacy flag
        Digest("md5", oid("1.2.840.113549.2.5"), 16, hashes.MD5()),  # noqa: S303 - only behind a dated legacy flag
    )
}


@dataclass(frozen=True, slots=True)
class Cipher:
    """A content encryption algorithm."""

    #: "aes256-cbc": the name used in profiles.
    name: str
    identifier: bytes
    key_bytes: int
    #: "cbc", "gcm" or "3des".
    mode: str


CIPHERS: dict[str, Cipher] = {
    cipher.name: cipher
    for cipher in (
        Cipher("aes128-cbc", oid("2.16.840.1.101.3.4.1.2"), 16, "cbc"),
        Cipher("aes192-cbc", oid("2.16.840.1.101.3.4.1.22"), 24, "cbc"),
        Cipher("aes256-cbc", oid("2.16.840.1.101.3.4.1.42"), 32, "cbc"),
        Cipher("aes128-gcm", oid("2.16.840.1.101.3.4.1.6"), 16, "gcm"),
        Cipher("aes192-gcm", oid("2.16.840.1.101.3.4.1.26"), 24, "gcm"),
        Cipher("aes256-gcm", oid("2.16.840.1.101.3.4.1.46"), 32, "gcm"),
        Cipher("3des", oid("1.2.840.113549.3.7"), 24, "3des"),
    )
}

DATA = oid("1.2.840.113549.1.7.1")
SIGNED_DATA = oid("1.2.840.113549.1.7.2")
ENVELOPED_DATA = oid("1.2.840.113549.1.7.3")
COMPRESSED_DATA = oid("1.2.840.113549.1.9.16.1.9")
AUTH_ENVELOPED_DATA = oid("1.2.840.113549.1.9.16.1.23")
CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
SIGNING_TIME = oid("1.2.840.113549.1.9.5")
ZLIB = oid("1.2.840.113549.1.9.16.3.8")
RSA = oid("1.2.840.113549.1.1.1")
RSA_OAEP = oid("1.2.840.113549.1.1.7")
MGF1 = oid("1.2.840.113549.1.1.8")
RSA_PSS = oid("1.2.840.113549.1.1.10")

#: Signature algorithm → digest name; plain rsaEncryption takes the signer's digest algorithm (RFC 3370 §3.2).
RSA_PKCS1: dict[bytes, str | None] = {
    RSA: None,
    oid("1.2.840.113549.1.1.11"): "sha256",
    oid("1.2.840.113549.1.1.12"): "sha384",
    oid("1.2.840.113549.1.1.13"): "sha512",
    oid("1.2.840.113549.1.1.5"): "sha1",
    oid("1.3.14.3.2.29"): "sha1",
    oid("1.2.840.113549.1.1.4"): "md5",
}
ECDSA: dict[bytes, str | None] = {
    oid("1.2.840.10045.4.3.2"): "sha256",
    oid("1.2.840.10045.4.3.3"): "sha384",
    oid("1.2.840.10045.4.3.4"): "sha512",
}

_DIGEST_BY_OID = {digest.identifier[2:]: digest for digest in DIGESTS.values()}
_CIPHER_BY_OID = {cipher.identifier[2:]: cipher for cipher in CIPHERS.values()}


def digest_by_oid(content: bytes) -> Digest | None:
    """The digest with these object identifier octets, or None."""
    return _DIGEST_BY_OID.get(content)


def cipher_by_oid(content: bytes) -> Cipher | None:
    """The cipher with these object identifier octets, or None."""
    return _CIPHER_BY_OID.get(content)


@dataclass(frozen=True, slots=True)
class AlgorithmPolicy:
    """What a relationship accepts. The defaults leave out SHA-1, MD5, 3DES and OAEP with SHA-1."""

    digests: frozenset[str] = frozenset({"sha256", "sha384", "sha512"})
    ciphers: frozenset[str] = frozenset(CIPHERS) - {"3des"}
    #: "pkcs1v15", "oaep-sha256", "oaep-sha384", "oaep-sha512", "oaep-sha1".
    key_transports: frozenset[str] = field(default=frozenset({"pkcs1v15", "oaep-sha256", "oaep-sha384", "oaep-sha512"}))
    #: Smallest RSA modulus in bits.
    rsa_bits: int = 2048
