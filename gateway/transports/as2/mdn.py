"""Message disposition notifications (RFC 3798, RFC 8098, RFC 4130 §7): build, parse, verify, judge.

A delivery is confirmed only when everything fits: signed by a certificate of the partner that is valid now,
the right original message, the two names swapped, ``processed`` without error, and an equal MIC.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from gateway.transports.as2.asn1 import Asn1Error
from gateway.transports.as2.building import AS2_VERSION, Headers, check_headers, sign_entity
from gateway.transports.as2.cms import AlgorithmPolicy, OwnKey, TheirCertificate
from gateway.transports.as2.headers import (
    HttpFields,
    http_date,
    message_id_problem,
    parse_name,
    quote_name,
    same_digest,
)
from gateway.transports.as2.mime import (
    Entity,
    MimeError,
    boundary_for,
    content_type,
    decode_transfer,
    multipart,
    parse_entity,
    quoted,
    render_entity,
    split_multipart,
)
from gateway.transports.as2.opening import verify_signed_part
from gateway.transports.as2.refusal import As2Refusal, disposition_words

__all__ = [
    "Expected",
    "Mdn",
    "MdnFacts",
    "Verdict",
    "VerdictKind",
    "build_mdn",
    "is_mdn",
    "judge_mdn",
    "open_mdn",
]

_MODE = "automatic-action/MDN-sent-automatically"
_REPORTING_UA = "edi-gateway"
_NOTIFICATION = "message/disposition-notification"
_REPORT = "multipart/report"
_BLANK_LINES = re.compile(rb"(?:\r?\n)+")


@dataclass(frozen=True, slots=True)
class MdnFacts:
    """What one MDN says."""

    #: Our AS2 name, the receiver of the original.
    our_name: str
    #: The sender of the original.
    their_name: str
    #: Identity of the MDN itself, with brackets.
    message_id: str
    date: datetime
    #: Exactly as received; "" when the original had none.
    original_message_id: str
    #: Type and modifier: "processed", "processed/error: decryption-failed".
    disposition: str
    #: For people.
    text: str
    #: Base64, "" when the content could not be digested.
    mic: str = ""
    #: In the requester's spelling.
    mic_algorithm: str = ""


def build_mdn(facts: MdnFacts, signer: OwnKey | None, digest: str = "sha256") -> tuple[Headers, bytes]:
    """HTTP headers and body of an MDN, signed when a key is given. Raises ValueError for illegal names."""
    name = quote_name(facts.our_name)
    lines = [
        ("Reporting-UA", _REPORTING_UA),
        ("Original-Recipient", f"rfc822; {name}"),
        ("Final-Recipient", f"rfc822; {name}"),
    ]
    if facts.original_message_id and len(facts.original_message_id) <= 998:
        lines.append(("Original-Message-ID", _printable(facts.original_message_id)))
    lines.append(("Disposition", f"{_MODE}; {facts.disposition}"))
    if facts.mic:
        lines.append(("Received-Content-MIC", f"{facts.mic}, {facts.mic_algorithm}"))
    machine = render_entity([("Content-Type", _NOTIFICATION)], render_entity(lines, b""))
    people = render_entity(
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")],
        facts.text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8") + b"\r\n",
    )
    boundary = boundary_for(hashlib.sha256(people + machine).digest(), "r")
    kind = f"{_REPORT}; report-type=disposition-notification; boundary={quoted(boundary)}"
    fields: list[tuple[str, str]] = [("Content-Type", kind)]
    body = multipart((people, machine), boundary)
    if signer is not None:
        fields, body = sign_entity(render_entity(fields, body), signer, digest, facts.date)
    headers = (
        ("AS2-Version", AS2_VERSION),
        ("AS2-From", name),
        ("AS2-To", quote_name(facts.their_name)),
        ("Message-ID", facts.message_id),
        ("Date", http_date(facts.date)),
        ("MIME-Version", "1.0"),
        *fields,
    )
    check_headers(headers)
    return headers, body


def _printable(value: str) -> str:
    """A received Message-ID as it may stand in a field of ours; a malformed one is never repeated as it came."""
    return value if message_id_problem(value) is None else re.sub(r"[^!-~]", "?", value)


@dataclass(frozen=True, slots=True)
class Mdn:
    """A received MDN, read and its signature checked; nothing in it is believed before ``judge_mdn``."""

    #: AS2-From and AS2-To of the answer, unquoted; None when missing or illegal.
    as2_from: str | None
    as2_to: str | None
    original_message_id: str
    #: "processed" or "failed", lower case; "" when there is no Disposition.
    disposition_type: str
    #: "error: decryption-failed", "warning: …", "failure: …"; "" when there is none.
    modifier: str
    #: Decoded digest, b"" when missing or not base64.
    mic: bytes
    #: Our name of the algorithm; None when unknown.
    mic_digest: str | None
    #: SHA-256 of the signer's certificate; None when it is not signed or the signature does not count.
    signer: str | None
    #: Why the signature does not count, for staff; "" when it does or there is none.
    signature_problem: str
    #: What it tells people.
    text: str
    #: Every field of the notification, names in lower case.
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def disposition(self) -> str:
        """Type and modifier as one text."""
        return f"{self.disposition_type}/{self.modifier}" if self.modifier else self.disposition_type


def is_mdn(headers: HttpFields, body: bytes) -> bool:
    """Whether a posted message is an MDN: a report, or a signed message whose first part is one. Never
    raises.
    """
    try:
        entity = Entity(headers.values, body)
        kind = content_type(entity)
        if kind.value == "multipart/signed":
            part = split_multipart(body, kind.get("boundary"))[0]
            kind = content_type(parse_entity(part))
    except MimeError:
        return False
    return kind.value == _REPORT


def open_mdn(
    headers: HttpFields,
    body: bytes,
    theirs: Iterable[TheirCertificate],
    algorithms: AlgorithmPolicy,
    at: datetime,
) -> Mdn:
    """Read an MDN and check its signature against the pinned certificates. Raises MimeError when it is none."""
    entity = Entity(headers.values, body)
    kind = content_type(entity)
    signer, problem = None, ""
    if kind.value == "multipart/signed":
        boundary = kind.get("boundary")
        part = split_multipart(body, boundary)[0]
        try:
            part, facts = verify_signed_part(body, boundary, theirs, algorithms, at)
            signer = facts["signer"]
        except As2Refusal as refusal:
            problem = refusal.reason
        except (MimeError, Asn1Error) as error:
            problem = f"The signature cannot be read: {error}."
        entity = parse_entity(part)
        kind = content_type(entity)
    if kind.value != _REPORT:
        raise MimeError(f"{kind.value or 'nothing'} where a multipart/report belongs")
    return _read(headers, entity, kind.get("boundary"), signer, problem)


def _read(headers: HttpFields, entity: Entity, boundary: str, signer: str | None, problem: str) -> Mdn:
    parts = [parse_entity(part) for part in split_multipart(decode_transfer(entity), boundary)]
    notes = [part for part in parts if content_type(part).value == _NOTIFICATION]
    if len(notes) != 1:
        raise MimeError(f"a report with {len(notes)} disposition notifications")
    lines = _BLANK_LINES.sub(b"\r\n", decode_transfer(notes[0]).strip(b"\r\n"))
    fields = dict(parse_entity(lines + b"\r\n\r\n", unique=True).fields)
    people = next((part for part in parts if content_type(part).value.startswith("text/")), None)
    kind, modifier = _disposition(fields)
    mic, _, algorithm = fields.get("received-content-mic", "").partition(",")
    try:
        digest = binascii.a2b_base64("".join(mic.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        digest = b""
    return Mdn(
        as2_from=parse_name(headers.get("as2-from")),
        as2_to=parse_name(headers.get("as2-to")),
        original_message_id=fields.get("original-message-id", "").strip(),
        disposition_type=kind,
        modifier=modifier,
        mic=digest,
        mic_digest=same_digest(algorithm),
        signer=signer,
        signature_problem=problem,
        text=decode_transfer(people).decode("utf-8", "replace").strip()[:2000] if people else "",
        fields=fields,
    )


def _disposition(fields: Mapping[str, str]) -> tuple[str, str]:
    """(type, modifier) in every spelling in use: modifier behind "/", or fields Error, Failure, Warning."""
    _, _, after = fields.get("disposition", "").partition(";")
    kind, _, modifier = (item.strip() for item in after.partition("/"))
    name, colon, value = (item.strip() for item in modifier.partition(":"))
    if not colon:
        value = fields.get(name.lower(), "").strip() if name else ""
        for extra in ("failure", "error", "warning"):
            if not value and fields.get(extra):
                name, value = name or extra, fields[extra].strip()
    whole = f"{name.lower()}: {value}" if value else name.lower()
    return kind.lower(), whole


class VerdictKind(Enum):
    """How a judgement ends."""

    #: The partner proved that it has exactly our bytes.
    CONFIRMED = "confirmed"
    #: A believable answer that says no, or proves other bytes.
    NEGATIVE = "negative"
    #: Nothing that we may believe: neither delivered nor refused is known.
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an MDN proves."""

    kind: VerdictKind
    #: One sentence for staff.
    reason: str
    #: None when no MIC was compared.
    mic_matched: bool | None
    signed: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """What a receipt for one of our messages must say."""

    message_id: str
    our_name: str
    their_name: str
    #: ``BuiltMessage.mics``.
    mics: Mapping[str, str]
    #: True when a signed receipt was asked for.
    signed: bool = True


def judge_mdn(mdn: Mdn, expected: Expected) -> Verdict:
    """Decide what an MDN proves about one message of ours."""
    signed = mdn.signer is not None
    if problem := _unbelievable(mdn, expected):
        return Verdict(VerdictKind.UNPROVEN, problem, None, signed)
    matched = _mic_matches(mdn, expected.mics) if mdn.mic else None
    level, _, detail = (item.strip() for item in mdn.modifier.partition(":"))
    if mdn.disposition_type != "processed" or level in ("error", "failure"):
        words = disposition_words(detail or mdn.disposition or "nothing")
        return Verdict(
            VerdictKind.NEGATIVE,
            f"The partner refused the message: {words} ({mdn.disposition}).",
            matched,
            signed,
        )
    if matched is None:
        return Verdict(
            VerdictKind.NEGATIVE,
            "The partner's receipt has no message integrity check (Received-Content-MIC): it does not prove "
            "which bytes arrived. Ask the partner whether they have the message intact.",
            None,
            signed,
        )
    if not matched:
        return Verdict(
            VerdictKind.NEGATIVE,
            f"The partner received other bytes than we sent: the {mdn.mic_digest or 'unknown'} digest in the "
            "receipt differs from ours. Ask the partner to check before sending again.",
            False,
            signed,
        )
    note = f" with a warning ({mdn.modifier})" if level == "warning" else ""
    return Verdict(
        VerdictKind.CONFIRMED, f"The partner confirmed the message{note}; the digest is equal.", True, signed
    )


def _unbelievable(mdn: Mdn, expected: Expected) -> str:
    """Why an MDN says nothing about this message, "" when it does."""
    if mdn.signature_problem:
        return f"The receipt's signature does not count. {mdn.signature_problem}"
    if expected.signed and mdn.signer is None:
        return "The receipt is not signed, but a signed one was asked for: anybody could have made it."
    if (mdn.as2_from, mdn.as2_to) != (expected.their_name, expected.our_name):
        return (
            f"The receipt is from “{mdn.as2_from}” to “{mdn.as2_to}”; "
            f"“{expected.their_name}” to “{expected.our_name}” was expected."
        )
    if mdn.original_message_id.strip("<>") != expected.message_id.strip("<>"):
        return f"The receipt speaks of another message ({mdn.original_message_id[:200] or 'none'})."
    return ""


def _mic_matches(mdn: Mdn, mics: Mapping[str, str]) -> bool:
    """Compare with every digest the peer may legally answer with, each in constant time."""
    equal = False
    for spelling, value in mics.items():
        if same_digest(spelling.partition(";")[0]) == mdn.mic_digest:
            equal |= hmac.compare_digest(base64.b64decode(value), mdn.mic)
    return equal
