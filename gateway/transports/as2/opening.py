"""Open a received AS2 message: take off its layers, judge them by what was really seen, compute the MIC.

``open_message`` gives the payload with all proof, or raises ``As2Refusal`` and nothing else. Once an
encryption layer was seen and no authentication tag has proved the content, every refusal is the uniform one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.transports.as2.asn1 import Asn1Error
from gateway.transports.as2.cms import (
    AlgorithmPolicy,
    OwnKey,
    TheirCertificate,
    content_kind,
    decompress,
    decrypt,
    fingerprint,
    verify_detached,
)
from gateway.transports.as2.cms.algorithms import DIGESTS
from gateway.transports.as2.headers import DIGEST_NAMES, HttpFields, ReceiptRequest, parse_receipt_request
from gateway.transports.as2.mime import (
    Entity,
    FilenameError,
    MimeError,
    content_type,
    decode_transfer,
    filename_of,
    parse_entity,
    split_multipart,
)
from gateway.transports.as2.refusal import As2Refusal, Kind

__all__ = ["Keyring", "OpenPolicy", "OpenedMessage", "mic_digest", "open_message", "verify_signed_part"]

_PKCS7_MIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_PKCS7_SIGNATURE = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """What is demanded of a received message."""

    require_signed: bool = True
    require_encrypted: bool = True
    require_compressed: bool = False
    algorithms: AlgorithmPolicy = field(default_factory=AlgorithmPolicy)
    #: Largest content after inflating, in bytes.
    max_inflated: int = 200 << 20
    #: Check a signature that fails once more with bare LF turned into CRLF.
    repair_line_ends: bool = False


@dataclass(frozen=True, slots=True)
class Keyring:
    """The certificates and keys of one relationship."""

    theirs: tuple[TheirCertificate, ...] = ()
    #: Every key of ours that may open a message.
    ours: tuple[OwnKey, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message that was accepted."""

    payload: bytes
    #: Base name as the sender gave it, None when there was none. Never use it as a path.
    filename: str | None
    #: Media type of the payload, lower case, without parameters.
    content_type: str
    #: Outermost first: "encrypted", "compressed", "signed".
    layers: tuple[str, ...]
    #: Base64.
    mic: str
    #: In the requester's spelling.
    mic_algorithm: str
    #: Digest of the MIC in our own name, "sha256".
    digest: str
    #: SHA-256 of the signer's certificate in hex; None when not signed.
    signer: str | None
    #: For staff: algorithms, certificates, quirks.
    facts: dict[str, Any]


@dataclass(slots=True)
class _Opening:
    """One message being opened: by which rules, and what was seen while the layers come off."""

    policy: OpenPolicy
    keys: Keyring
    at: datetime
    layers: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    covered: bytes = b""
    signer: str | None = None
    digest: str | None = None
    #: True between an encryption layer and the proof of its content.
    blind: bool = False


def open_message(headers: HttpFields, body: bytes, policy: OpenPolicy, keys: Keyring, at: datetime) -> OpenedMessage:
    """Open ``body`` as received (after chunk decoding). ``at`` is the instant at which certificates must be
    valid.

    Raises As2Refusal with the disposition for the sender and the true reason for staff.
    """
    opening = _Opening(policy, keys, at)
    try:
        return _open(headers, body, opening)
    except As2Refusal as refusal:
        raise _told(refusal, opening) from None
    except (MimeError, Asn1Error) as error:
        kind = Kind.FILENAME if isinstance(error, FilenameError) else Kind.MALFORMED
        raise _told(As2Refusal(kind, f"The message cannot be read: {error}."), opening) from error


def _told(refusal: As2Refusal, opening: _Opening) -> As2Refusal:
    """The refusal with what staff may know of it, and the sender's answer made uniform where it must be."""
    refusal.uniform = refusal.uniform or opening.blind
    refusal.facts = {**opening.facts, "layers": list(opening.layers)}
    return refusal


def _open(headers: HttpFields, body: bytes, opening: _Opening) -> OpenedMessage:
    policy = opening.policy
    if headers.doubled:
        raise As2Refusal(Kind.MALFORMED, f"The header {headers.doubled[0]} comes more than once.")
    receipt = parse_receipt_request(headers)
    _check_receipt(receipt, policy.algorithms.digests)
    entity = Entity(headers.values, body)
    while (inner := _peel(entity, opening)) is not None:
        entity = inner
    _check_demands(opening)
    payload_entity = _only_attachment(entity)
    name, spelling = mic_digest(receipt, opening.digest, policy.algorithms.digests)
    covered = opening.covered or (entity.raw if opening.layers else entity.body)
    return OpenedMessage(
        payload=decode_transfer(payload_entity),
        filename=filename_of(payload_entity),
        content_type=content_type(payload_entity).value,
        layers=tuple(opening.layers),
        mic=base64.b64encode(DIGESTS[name].of(covered)).decode("ascii"),
        mic_algorithm=spelling,
        digest=name,
        signer=opening.signer,
        facts={**opening.facts, "layers": list(opening.layers)},
    )


def _peel(entity: Entity, opening: _Opening) -> Entity | None:
    """Take off one layer; None when the entity is the payload."""
    kind = content_type(entity)
    if kind.value == "multipart/signed":
        _once("signed", opening)
        return _verified(entity, kind.get("boundary"), opening)
    if kind.value not in _PKCS7_MIME:
        return None
    structure = decode_transfer(entity)
    shell = content_kind(structure)
    if shell in ("enveloped", "auth-enveloped"):
        if opening.layers:
            raise As2Refusal(Kind.MALFORMED, f"Encryption inside the {opening.layers[-1]} layer is not AS2.")
        opening.blind = True
        opening.layers.append("encrypted")
        opened = decrypt(structure, opening.keys.ours, opening.policy.algorithms)
        opening.blind = not opened.authenticated
        opening.facts.update(
            cipher=opened.cipher,
            key_transport=opened.key_transport,
            decrypted_with=fingerprint(opened.certificate),
        )
        return parse_entity(opened.content)
    if shell == "compressed":
        _once("compressed", opening)
        return parse_entity(decompress(structure, opening.policy.max_inflated))
    raise As2Refusal(Kind.MALFORMED, f"The message holds {shell} data, which AS2 does not use as a layer.")


def _once(layer: str, opening: _Opening) -> None:
    if layer in opening.layers:
        raise As2Refusal(Kind.MALFORMED, f"The message is {layer} twice.")
    opening.layers.append(layer)


def _verified(entity: Entity, boundary: str, opening: _Opening) -> Entity:
    try:
        part, facts = _verify_or_repair(entity.body, boundary, opening)
    except As2Refusal:
        opening.layers.remove("signed")
        raise
    opening.covered, opening.signer, opening.digest = part, facts["signer"], facts["digest"]
    opening.facts.update(facts)
    return parse_entity(part)


def _verify_or_repair(body: bytes, boundary: str, opening: _Opening) -> tuple[bytes, dict[str, str]]:
    theirs, algorithms = opening.keys.theirs, opening.policy.algorithms
    try:
        return verify_signed_part(body, boundary, theirs, algorithms, opening.at)
    except As2Refusal as refusal:
        if refusal.kind is not Kind.DIGEST or not opening.policy.repair_line_ends:
            raise
    opening.facts["quirks"] = ["line ends were changed on the way; the signature holds with CRLF"]
    return verify_signed_part(body, boundary, theirs, algorithms, opening.at, repair=True)


def verify_signed_part(
    body: bytes,
    boundary: str,
    theirs: Iterable[TheirCertificate],
    algorithms: AlgorithmPolicy,
    at: datetime,
    *,
    repair: bool = False,
) -> tuple[bytes, dict[str, str]]:
    """(first part exactly as signed, facts of the signature) of a multipart/signed body.

    Raises As2Refusal (SIGNER, DIGEST, SECURITY, MALFORMED), MimeError or Asn1Error.
    """
    parts = split_multipart(body, boundary)
    if len(parts) != 2:
        raise As2Refusal(Kind.MALFORMED, f"A multipart/signed of {len(parts)} parts; it has exactly two.")
    signature = parse_entity(parts[1])
    if content_type(signature).value not in _PKCS7_SIGNATURE:
        raise As2Refusal(Kind.MALFORMED, "The second part of the multipart/signed is no PKCS #7 signature.")
    part = parts[0].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if repair else parts[0]
    pinned = [one for one in theirs if "sign" in one.roles]
    verified = verify_detached(decode_transfer(signature), part, [one.certificate for one in pinned], algorithms)
    problems = [one.problem_at(at) for one in pinned if one.certificate == verified.certificate]
    if None not in problems:
        raise As2Refusal(Kind.SIGNER, f"The signature is the partner's, but {problems[0]}.")
    signer = fingerprint(verified.certificate)
    return part, {"signer": signer, "digest": verified.digest, "signature": verified.scheme}


def _check_demands(opening: _Opening) -> None:
    policy = opening.policy
    if policy.require_signed and "signed" not in opening.layers:
        raise As2Refusal(Kind.UNSIGNED, "The message is not signed, but a signature is agreed.")
    if policy.require_encrypted and "encrypted" not in opening.layers:
        raise As2Refusal(
            Kind.SECURITY,
            "The message is not encrypted, but encryption is agreed.",
            fix="Ask the partner to encrypt, or change the profile if clear messages are agreed.",
        )
    if policy.require_compressed and "compressed" not in opening.layers:
        raise As2Refusal(
            Kind.SECURITY,
            "The message is not compressed, but compression is agreed.",
            fix="Ask the partner to compress, or change the profile.",
        )


def _only_attachment(entity: Entity) -> Entity:
    kind = content_type(entity)
    if kind.value != "multipart/related":
        return entity
    parts = split_multipart(entity.body, kind.get("boundary"))
    if len(parts) != 1:
        raise As2Refusal(
            Kind.MALFORMED,
            f"The message carries {len(parts)} attachments (multipart/related); one is read here.",
            fix="Ask the partner to send each document as a message of its own.",
        )
    return parse_entity(parts[0])


def _check_receipt(receipt: ReceiptRequest, digests: frozenset[str]) -> None:
    if receipt.protocol_required and not {"pkcs7-signature", "x-pkcs7-signature"} & set(receipt.protocols):
        raise As2Refusal(Kind.PROTOCOL, f"A receipt signed as {', '.join(receipt.protocols)} is demanded.")
    if receipt.algorithms and not any(name in digests for name, _ in receipt.algorithms):
        spelled = ", ".join(spelling for _, spelling in receipt.algorithms)
        raise As2Refusal(Kind.MIC, f"The receipt is to carry a digest by {spelled}, none of which is accepted.")


def mic_digest(receipt: ReceiptRequest, signature: str | None, digests: frozenset[str]) -> tuple[str, str]:
    """(digest, its spelling in the answer) of the MIC, RFC 4130 §7.3 and §7.4.3.

    One requested algorithm is used; of several, the signature's if it is listed, else the first we know;
    without a request the signature's, else SHA-256.
    """
    known = [(name, spelling) for name, spelling in receipt.algorithms if name in digests and name is not None]
    for name, spelling in known:
        if name == signature:
            return name, spelling
    if known:
        return known[0]
    name = signature or "sha256"
    return name, DIGEST_NAMES[name]
