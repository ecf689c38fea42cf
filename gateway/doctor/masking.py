"""Taking secrets out of texts and settings before they leave the house: by name, by shape, and by value."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

__all__ = ["MASK", "mask_settings", "mask_text", "without_values"]

MASK = "[removed]"
_NAMES = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|private[-_]?key|authorization|credential|cookie"
#: Names of settings whose values never leave.
_SECRET_NAME = re.compile(rf"(?:{_NAMES}|kek|recovery)", re.IGNORECASE)
#: (shape of a secret, what stands in its place), in the order of application.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"(?i)\b(authorization|proxy-authorization|cookie|set-cookie)(\s*[:=]\s*)[^\r\n]+"), rf"\1\2{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(://)[^/\s:@]*:[^/\s@]*@"), rf"\1{MASK}@"),
    (
        re.compile(rf"(?i)\b([\w-]*(?:{_NAMES})[\w-]*[\"']?\s*[=:]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\]}}]+)"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?is)(<SharedSecret[^>]*>).*?(</SharedSecret>|\Z)"), rf"\1{MASK}\2"),
    # ISA02 and ISA04, whatever separates the elements.
    (re.compile(r"\bISA(.)(\d\d)\1.{10}\1(\d\d)\1.{10}\1"), rf"ISA\1\2\1{MASK}\1\3\1{MASK}\1"),
    (re.compile(r"(?i)\b((?:set-?up|recovery|one-time) codes?(?: is)?[ :=]+)[A-Z0-9-]{6,}"), rf"\1{MASK}"),
    # Tokens and keys: long runs that are no digest in hex and no identifier of ours.
    (
        re.compile(
            r"\b(?![0-9a-f]{40,128}\b)(?=[A-Za-z0-9_/+-]*\d)(?=[A-Za-z0-9_/+-]*[A-Za-z])[A-Za-z0-9_+-]{40,}={0,2}"
        ),
        MASK,
    ),
)


def mask_text(text: str) -> str:
    """A text without what looks like a secret: passwords, tokens, keys, ISA02 and ISA04, shared secrets of cXML."""
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def mask_settings(value: Any, name: str = "") -> Any:
    """Settings as plain values, without secrets: by the name of a setting, and by the shape of its text."""
    if isinstance(value, Mapping):
        return {key: mask_settings(part, str(key)) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [mask_settings(part, name) for part in value]
    if value not in (None, "", False, True) and not isinstance(value, int | float) and _SECRET_NAME.search(name):
        return MASK
    return mask_text(value) if isinstance(value, str) else value


def without_values(text: str, secrets: Iterable[bytes]) -> str:
    """A text without these very values, as they are, quoted for an address, in base64 and in hex."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return text


def _forms(secret: bytes) -> list[str]:
    if len(secret) < 4:  # too short to tell from chance
        return []
    plain = secret.decode("utf-8", "replace")
    forms = [plain, quote(plain, safe=""), secret.hex(), base64.b64encode(secret).decode().rstrip("=")]
    forms += [
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        *(line for line in plain.splitlines() if len(line) > 15),
    ]
    return [form for form in forms if len(form) >= 4]
