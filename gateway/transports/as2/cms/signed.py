"""SignedData, detached (RFC 5652 §5): sign, and verify against pinned certificates only.

A signature counts when there is exactly one signerInfo, it names one of the given certificates, its signed
attributes hold content type and message digest once each, the digest is allowed, and everything fits.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

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
from gateway.transports.as2.cms.algorithms import DIGESTS, AlgorithmPolicy, Digest, digest_by_oid
from gateway.transports.as2.cms.certificates import OwnKey, describe, fits, name_of, usage_allows
from gateway.transports.as2.cms.structure import (
    NULL,
    algorithm,
    algorithm_of,
    content_info,
    open_content_info,
)
from gateway.transports.as2.refusal import As2Refusal, Kind

__all__ = ["Verified", "sign_detached", "verify_detached"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds."""

    #: The pinned certificate that it holds under; its validity window is the caller's to check.
    certificate: x509.Certificate
    #: "sha256"
    digest: str
    #: "rsa-pkcs1v15", "rsa-pss" or "ecdsa".
    scheme: str


def sign_detached(data: bytes, key: OwnKey, digest: str, signed_at: datetime, *, pss: bool = False) -> bytes:
    """A DER ContentInfo with a detached signature over ``data``.

    ``digest`` is a name from DIGESTS, ``pss`` asks for RSASSA-PSS with a salt as long as the digest. Our
    certificate travels along, for peers who look for it.
    """
    kind = DIGESTS[digest]
    attributes = sorted(
        (
            _attribute(known.CONTENT_TYPE, known.DATA),
            _attribute(known.SIGNING_TIME, der(0x17, signed_at.strftime("%y%m%d%H%M%SZ").encode("ascii"))),
            _attribute(known.MESSAGE_DIGEST, der(0x04, kind.of(data))),
        )
    )
    name = name_of(key.certificate)
    scheme, signature = _sign(der(0x31, *attributes), key, kind, pss)
    signer = der(
        0x30,
        integer(1),
        der(0x30, name.issuer, integer(name.serial)),
        algorithm(kind.identifier, NULL),
        der(0xA0, *attributes),
        scheme,
        der(0x04, signature),
    )
    signed_data = der(
        0x30,
        integer(1),
        der(0x31, algorithm(kind.identifier, NULL)),
        der(0x30, known.DATA),
        der(0xA0, key.certificate.public_bytes(Encoding.DER)),
        der(0x31, signer),
    )
    return content_info(known.SIGNED_DATA, signed_data)


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der(0x30, kind, der(0x31, value))


def _sign(attributes: bytes, key: OwnKey, digest: Digest, pss: bool) -> tuple[bytes, bytes]:
    """(AlgorithmIdentifier, signature)."""
    private = key.private_key
    if isinstance(private, ec.EllipticCurvePrivateKey):
        identifier = next(oid for oid, name in known.ECDSA.items() if name == digest.name)
        return algorithm(identifier), private.sign(attributes, ec.ECDSA(digest.algorithm))
    if pss:
        hash_identifier = algorithm(digest.identifier, NULL)
        parameters = der(
            0x30,
            der(0xA0, hash_identifier),
            der(0xA1, algorithm(known.MGF1, hash_identifier)),
            der(0xA2, integer(digest.size)),
        )
        scheme = padding.PSS(padding.MGF1(digest.algorithm), digest.size)
        return algorithm(known.RSA_PSS, parameters), private.sign(attributes, scheme, digest.algorithm)
    return algorithm(known.RSA, NULL), private.sign(attributes, padding.PKCS1v15(), digest.algorithm)


def verify_detached(
    structure: bytes, data: bytes, pinned: Sequence[x509.Certificate], policy: AlgorithmPolicy
) -> Verified:
    """Check a detached signature over ``data``; nobody but ``pinned`` can have signed.

    Raises As2Refusal: SIGNER, DIGEST, SECURITY or MALFORMED.
    """
    try:
        signer = _only_signer(structure)
        return _verify(signer, data, pinned, policy)
    except Asn1Error as error:
        raise As2Refusal(Kind.MALFORMED, f"The signature's structure is broken: {error}.") from error


def _only_signer(structure: bytes) -> list[Node]:
    kind, node = open_content_info(structure)
    if kind != "signed":
        raise Asn1Error(f"{kind} data where a signature belongs")
    parts = children(node)
    if len(parts) < 4:
        raise Asn1Error("a SignedData of impossible form")
    if len(children(expect(parts[2], 0x30))) != 1:
        raise As2Refusal(Kind.MALFORMED, "The signature carries content of its own; AS2 signatures are detached.")
    signers = children(expect(parts[-1], 0x31))
    if len(signers) != 1:
        raise As2Refusal(Kind.SIGNER, f"The signature has {len(signers)} signers; exactly one can be the partner.")
    fields = children(expect(signers[0], 0x30))
    if len(fields) < 5:
        raise Asn1Error("a SignerInfo of impossible form")
    read_integer(fields[0])
    return fields


def _verify(signer: list[Node], data: bytes, pinned: Sequence[x509.Certificate], policy: AlgorithmPolicy) -> Verified:
    named = [one for one in pinned if fits(signer[1], one)]
    if not named:
        raise As2Refusal(
            Kind.SIGNER,
            f"Signed with a certificate that is not on file for this partner ({describe(signer[1])}).",
        )
    digest = _allowed_digest(algorithm_of(signer[2])[0], policy)
    if signer[3].tag != 0xA0 or len(signer) < 6:
        raise As2Refusal(Kind.SIGNER, "The signature has no signed attributes.")
    attributes = _attributes(signer[3])
    if attributes.get(known.CONTENT_TYPE[2:]) != known.DATA:
        raise As2Refusal(Kind.SIGNER, "The signed content type is missing or is not plain data.")
    stated = attributes.get(known.MESSAGE_DIGEST[2:])
    if stated is None:
        raise As2Refusal(Kind.SIGNER, "The signed attributes hold no message digest.")
    certificate, scheme = _check_any(named, signer, digest, policy)
    if not hmac.compare_digest(stated, der(0x04, digest.of(data))):
        raise As2Refusal(Kind.DIGEST, f"The signed {digest.name} digest is not the digest of the content.")
    return Verified(certificate, digest.name, scheme)


def _check_any(
    named: Sequence[x509.Certificate], signer: list[Node], digest: Digest, policy: AlgorithmPolicy
) -> tuple[x509.Certificate, str]:
    """The certificate that the signature holds under; renewed ones may share issuer and serial number."""
    for certificate in named[:-1]:
        try:
            return certificate, _check_signature(certificate, signer, digest, policy)
        except As2Refusal:
            continue
    return named[-1], _check_signature(named[-1], signer, digest, policy)


def _allowed_digest(identifier: bytes, policy: AlgorithmPolicy) -> Digest:
    digest = digest_by_oid(identifier)
    if digest is None or digest.name not in policy.digests:
        name = digest.name if digest else "an unknown digest"
        raise As2Refusal(Kind.SECURITY, f"The signature uses {name}, which this partner's profile does not accept.")
    return digest


def _attributes(node: Node) -> dict[bytes, bytes]:
    """Attribute type → its only value, raw. Raises Asn1Error when one comes twice or has several values."""
    found: dict[bytes, bytes] = {}
    for attribute in children(node):
        parts = children(expect(attribute, 0x30))
        if len(parts) != 2:
            raise Asn1Error("a signed attribute of impossible form")
        kind, values = read_oid(parts[0]), children(expect(parts[1], 0x31))
        if kind in found or len(values) != 1:
            raise Asn1Error("a signed attribute with several values")
        found[kind] = values[0].raw
    return found


def _check_signature(certificate: x509.Certificate, signer: list[Node], digest: Digest, policy: AlgorithmPolicy) -> str:
    """Check the signature over the signed attributes, as received but tagged as a SET (RFC 5652 §5.4)."""
    message = der(0x31, content(signer[3]))
    signature = octets(signer[5])
    identifier, parameters = algorithm_of(signer[4])
    key = certificate.public_key()
    if not usage_allows(certificate, "sign"):
        raise As2Refusal(Kind.SIGNER, "The partner's certificate does not allow signatures (keyUsage).")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if key.key_size < policy.rsa_bits:
                raise As2Refusal(
                    Kind.SECURITY,
                    f"The signing key has {key.key_size} bits; {policy.rsa_bits} are the least.",
                )
            scheme, name = _rsa_padding(identifier, parameters, digest)
            key.verify(signature, message, scheme, digest.algorithm)
            return name
        if isinstance(key, ec.EllipticCurvePublicKey) and known.ECDSA.get(identifier_of(identifier)) == digest.name:
            key.verify(signature, message, ec.ECDSA(digest.algorithm))
            return "ecdsa"
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        if isinstance(error, Asn1Error):
            raise
        raise As2Refusal(
            Kind.SIGNER, "The signature does not verify with the partner's certificate on file."
        ) from error
    raise As2Refusal(Kind.SECURITY, "The signature algorithm does not fit the partner's key.")


def identifier_of(content_octets: bytes) -> bytes:
    """The DER element of object identifier octets."""
    return der(0x06, content_octets)


def _rsa_padding(
    identifier: bytes, parameters: Node | None, digest: Digest
) -> tuple[padding.PKCS1v15 | padding.PSS, str]:
    whole = identifier_of(identifier)
    if whole == known.RSA_PSS:
        salt = _pss_salt(parameters, digest)
        return padding.PSS(padding.MGF1(digest.algorithm), salt), "rsa-pss"
    if whole in known.RSA_PKCS1 and known.RSA_PKCS1[whole] in (None, digest.name):
        return padding.PKCS1v15(), "rsa-pkcs1v15"
    raise As2Refusal(Kind.SECURITY, "The signature algorithm is unknown or does not fit its digest.")


def _pss_salt(parameters: Node | None, digest: Digest) -> int:
    """Salt length of RSASSA-PSS parameters (RFC 4055 §3.1); both hashes must be the signer's digest."""
    values = {part.tag: children(part)[0] for part in children(expect(parameters, 0x30))} if parameters else {}
    for tag in (0xA0, 0xA1):
        if tag not in values:
            raise As2Refusal(Kind.SECURITY, "The PSS parameters leave out their hash, which then means SHA-1.")
    mask, mask_hash = algorithm_of(values[0xA1])
    if (
        algorithm_of(values[0xA0])[0] != digest.identifier[2:]
        or mask != known.MGF1[2:]
        or mask_hash is None
        or algorithm_of(mask_hash)[0] != digest.identifier[2:]
    ):
        raise As2Refusal(Kind.SECURITY, "The PSS parameters name another hash than the signature.")
    salt = read_integer(values[0xA2]) if 0xA2 in values else 20
    if not 0 <= salt <= 512:
        raise As2Refusal(Kind.SECURITY, f"A PSS salt of {salt} bytes is not accepted.")
    return salt
