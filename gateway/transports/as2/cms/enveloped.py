"""EnvelopedData and AuthEnvelopedData (RFC 5652 §6, RFC 5083): RSA key transport, AES in CBC and GCM.

CBC leaves as EnvelopedData, GCM as AuthEnvelopedData. A PKCS#1 v1.5 block that does not unwrap is replaced by
a random key, so a wrong key fails later and in the same way as a wrong content (RFC 3218).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as CipherContext
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.transports.as2.asn1 import (
    Asn1Error,
    Node,
    children,
    content,
    der,
    expect,
    integer,
    octets,
    read_integer,
    read_oid,
)
from gateway.transports.as2.cms import algorithms as known
from gateway.transports.as2.cms.algorithms import (
    CIPHERS,
    DIGESTS,
    AlgorithmPolicy,
    Cipher,
    cipher_by_oid,
    digest_by_oid,
)
from gateway.transports.as2.cms.certificates import OwnKey, describe, fits, name_of
from gateway.transports.as2.cms.structure import (
    NULL,
    algorithm,
    algorithm_of,
    content_info,
    open_content_info,
)
from gateway.transports.as2.refusal import As2Refusal, Kind

__all__ = ["Decrypted", "decrypt", "encrypt"]

_TAG_BYTES = 16
_NONCE_BYTES = 12
_MAX_RECIPIENTS = 50


@dataclass(frozen=True, slots=True)
class Decrypted:
    """What came out of an envelope."""

    content: bytes
    #: "aes256-cbc"
    cipher: str
    #: "pkcs1v15", "oaep-sha256" …
    key_transport: str
    #: Which key of ours opened it.
    certificate: x509.Certificate
    #: True when an authentication tag proved that the content is what was encrypted.
    authenticated: bool


def encrypt(data: bytes, recipient: x509.Certificate, cipher: str, key_transport: str = "pkcs1v15") -> bytes:
    """A DER ContentInfo with ``data`` encrypted for the recipient's RSA key.

    ``cipher`` is a name from CIPHERS, ``key_transport`` "pkcs1v15" or "oaep-<digest>". Raises ValueError when
    the certificate's key is not RSA.
    """
    public = recipient.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError(  # noqa: TRY004 - a value from a profile
            "The partner's encryption certificate has no RSA key: encryption in AS2 needs one."
        )
    kind = CIPHERS[cipher]
    key = os.urandom(kind.key_bytes)
    name = name_of(recipient)
    transport, scheme = _transport_out(key_transport)
    recipient_info = der(
        0x30,
        integer(0),
        der(0x30, name.issuer, integer(name.serial)),
        transport,
        der(0x04, public.encrypt(key, scheme)),
    )
    if kind.mode == "gcm":
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, data, None)
        parameters = der(0x30, der(0x04, nonce), integer(_TAG_BYTES))
        inner = _encrypted_content(kind, parameters, sealed[:-_TAG_BYTES])
        tag = der(0x04, sealed[-_TAG_BYTES:])
        body = der(0x30, integer(0), der(0x31, recipient_info), inner, tag)
        return content_info(known.AUTH_ENVELOPED_DATA, body)
    block = 8 if kind.mode == "3des" else 16
    iv = os.urandom(block)
    encryptor = _block_cipher(kind, key, iv).encryptor()
    fill = block - len(data) % block
    sealed = encryptor.update(data) + encryptor.update(bytes((fill,)) * fill) + encryptor.finalize()
    inner = _encrypted_content(kind, der(0x04, iv), sealed)
    return content_info(known.ENVELOPED_DATA, der(0x30, integer(0), der(0x31, recipient_info), inner))


def _encrypted_content(kind: Cipher, parameters: bytes, sealed: bytes) -> bytes:
    return der(0x30, known.DATA, algorithm(kind.identifier, parameters), der(0x80, sealed))


def _block_cipher(kind: Cipher, key: bytes, iv: bytes) -> CipherContext[modes.CBC]:
    return CipherContext(TripleDES(key) if kind.mode == "3des" else algorithms.AES(key), modes.CBC(iv))


def _oaep(digest: hashes.HashAlgorithm, mask: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(mask), digest, None)


def _transport_out(name: str) -> tuple[bytes, padding.PKCS1v15 | padding.OAEP]:
    if name == "pkcs1v15":
        return algorithm(known.RSA, NULL), padding.PKCS1v15()
    digest = DIGESTS[name.removeprefix("oaep-")]
    hash_identifier = algorithm(digest.identifier, NULL)
    parameters = der(0x30, der(0xA0, hash_identifier), der(0xA1, algorithm(known.MGF1, hash_identifier)))
    return algorithm(known.RSA_OAEP, parameters), _oaep(digest.algorithm, digest.algorithm)


def decrypt(structure: bytes, keys: Sequence[OwnKey], policy: AlgorithmPolicy) -> Decrypted:
    """Open an envelope with whichever of our keys it was made for.

    Raises As2Refusal (DECRYPT or SECURITY), always with ``uniform`` set unless a tag was verified.
    """
    try:
        return _decrypt(structure, keys, policy)
    except Asn1Error as error:
        raise As2Refusal(Kind.DECRYPT, f"The encrypted structure is broken: {error}.", uniform=True) from error


def _decrypt(structure: bytes, keys: Sequence[OwnKey], policy: AlgorithmPolicy) -> Decrypted:
    shell, node = open_content_info(structure)
    parts = [part for part in children(node) if part.tag != 0xA0]
    if shell not in ("enveloped", "auth-enveloped") or len(parts) < 3:
        raise Asn1Error("no EnvelopedData")
    read_integer(parts[0])
    own, recipient = _our_recipient(parts[1], keys)
    inner = children(expect(parts[2], 0x30))
    if len(inner) != 3 or read_oid(inner[0]) != known.DATA[2:] or inner[2].tag & 0xDF != 0x80:
        raise Asn1Error("the encrypted content is missing or is not plain data")
    identifier, parameters = algorithm_of(inner[1])
    kind = cipher_by_oid(identifier)
    if kind is None or kind.name not in policy.ciphers or parameters is None:
        name = kind.name if kind else "an unknown cipher"
        raise As2Refusal(
            Kind.SECURITY,
            f"Encrypted with {name}, which this partner's profile does not accept.",
            uniform=True,
        )
    if (kind.mode == "gcm") != (shell == "auth-enveloped"):
        raise Asn1Error(f"{kind.name} in {shell} data")
    transport, key = _unwrap(recipient, own, kind.key_bytes, policy)
    sealed = octets(inner[2])
    if kind.mode == "gcm":
        clear = _open_gcm(parts, key, parameters, sealed)
    else:
        clear = _open_cbc(kind, key, octets(expect(parameters, 0x04)), sealed)
    return Decrypted(clear, kind.name, transport, own.certificate, kind.mode == "gcm")


def _our_recipient(node: Node, keys: Sequence[OwnKey]) -> tuple[OwnKey, list[Node]]:
    """The first KeyTransRecipientInfo that one of our keys fits."""
    names: list[str] = []
    for info in children(expect(node, 0x31), _MAX_RECIPIENTS):
        if info.tag != 0x30:
            names.append("a kind of recipient other than key transport")
            continue
        fields = children(info)
        if len(fields) != 4:
            raise Asn1Error("a recipient of impossible form")
        for own in keys:
            if isinstance(own.private_key, rsa.RSAPrivateKey) and fits(fields[1], own.certificate):
                return own, fields
        names.append(describe(fields[1]))
    raise As2Refusal(
        Kind.DECRYPT,
        f"Encrypted for {', '.join(names[:3]) or 'nobody'}: none of our keys has such a certificate.",
        uniform=True,
    )


def _unwrap(recipient: list[Node], own: OwnKey, key_bytes: int, policy: AlgorithmPolicy) -> tuple[str, bytes]:
    """(key transport, content key). A key that does not unwrap is random: the content then fails."""
    private = own.private_key
    identifier, parameters = algorithm_of(recipient[2])
    name: str
    scheme: padding.PKCS1v15 | padding.OAEP
    if identifier == known.RSA[2:]:
        name, scheme = "pkcs1v15", padding.PKCS1v15()
    elif identifier == known.RSA_OAEP[2:]:
        name, scheme = _oaep_in(parameters)
    else:
        raise As2Refusal(Kind.SECURITY, "The content key is wrapped by an unknown algorithm.", uniform=True)
    if name not in policy.key_transports or not isinstance(private, rsa.RSAPrivateKey):
        raise As2Refusal(Kind.SECURITY, f"The content key is wrapped by {name}, which is not accepted.", uniform=True)
    fallback = os.urandom(key_bytes)
    try:
        key = private.decrypt(octets(recipient[3]), scheme)
    except Asn1Error:
        raise
    except ValueError:
        return name, fallback
    return name, key if len(key) == key_bytes else fallback


def _oaep_in(parameters: Node | None) -> tuple[str, padding.PKCS1v15 | padding.OAEP]:
    """Name and padding of RSAES-OAEP parameters (RFC 4055 §4.1); what is left out means SHA-1."""
    digest = mask = DIGESTS["sha1"]
    for part in children(expect(parameters, 0x30)) if parameters else []:
        first = children(part)[:1]
        if not first:
            raise Asn1Error("empty OAEP parameters")
        if part.tag == 0xA0:
            digest = _oaep_digest(algorithm_of(first[0])[0])
        elif part.tag == 0xA1:
            generator, mask_hash = algorithm_of(first[0])
            if generator != known.MGF1[2:] or mask_hash is None:
                raise Asn1Error("OAEP with an unknown mask function")
            mask = _oaep_digest(algorithm_of(mask_hash)[0])
        else:
            raise Asn1Error("OAEP with a label")
    weakest = "sha1" if "sha1" in (digest.name, mask.name) else digest.name
    return f"oaep-{weakest}", _oaep(digest.algorithm, mask.algorithm)


def _oaep_digest(identifier: bytes) -> known.Digest:
    digest = digest_by_oid(identifier)
    if digest is None or digest.name == "md5":
        raise Asn1Error("OAEP with an unknown hash")
    return digest


def _open_gcm(parts: list[Node], key: bytes, parameters: Node, sealed: bytes) -> bytes:
    fields = children(expect(parameters, 0x30))
    tag_bytes = read_integer(fields[1]) if len(fields) == 2 else 12
    rest = parts[3:]
    associated: bytes | None = None
    if rest and rest[0].tag == 0xA1:
        associated = der(0x31, content(rest[0]))
        rest = rest[1:]
    tag = octets(rest[0]) if rest and rest[0].tag & 0xDF == 0x04 else b""
    nonce = octets(fields[0]) if fields else b""
    if tag_bytes != _TAG_BYTES or len(tag) != _TAG_BYTES or not 8 <= len(nonce) <= 64:
        raise As2Refusal(Kind.DECRYPT, f"A tag of {len(tag)} bytes; exactly 16 are accepted.", uniform=True)
    try:
        return AESGCM(key).decrypt(nonce, sealed + tag, associated)
    except InvalidTag as error:
        raise As2Refusal(
            Kind.DECRYPT, "The authentication tag does not fit: wrong key or changed content.", uniform=True
        ) from error


def _open_cbc(kind: Cipher, key: bytes, iv: bytes, sealed: bytes) -> bytes:
    block = 8 if kind.mode == "3des" else 16
    if len(iv) != block or not sealed or len(sealed) % block:
        raise Asn1Error("the encrypted content is not made of whole blocks")
    decryptor = _block_cipher(kind, key, iv).decryptor()
    clear = decryptor.update(sealed) + decryptor.finalize()
    fill = clear[-1]
    if not 1 <= fill <= block or clear[-fill:] != bytes((fill,)) * fill:
        raise As2Refusal(
            Kind.DECRYPT, "The decrypted content makes no sense: wrong key or changed content.", uniform=True
        )
    return clear[:-fill]
