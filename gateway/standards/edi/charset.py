"""Which characters data may hold: the sets of X12.5 less the separators in force, for both tiers of
validation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from gateway.standards.edi.model import Separators

if TYPE_CHECKING:
    from gateway.standards.edi.options import Charset

__all__ = ["Legal", "byte_class", "encoding_of", "legal_characters", "separator_characters"]

_BASIC: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !\"&'()*+,-./:;?=")
_EXTENDED: Final = _BASIC | frozenset("abcdefghijklmnopqrstuvwxyz%@[]_{}\\|<>~#$")
#: Characters that the extended set holds from release 005010 on.
_SINCE_005010: Final = frozenset("^`")
_LATIN_1: Final = frozenset(map(chr, range(0xA0, 0x100)))
_ENCODINGS: Final = {"basic": "latin-1", "extended": "latin-1", "latin-1": "latin-1", "utf-8": "utf-8"}


@dataclass(frozen=True, slots=True)
class Legal:
    """The characters that are data in one interchange."""

    #: Legal characters that are one byte, as a class of a bytes pattern: "[A-Z…]".
    pattern: bytes
    #: The same without the blank.
    ink: bytes
    #: Finds the first illegal character in decoded text.
    illegal: re.Pattern[str]
    #: How bytes become text. Undecodable bytes become surrogates, which are illegal.
    encoding: str

    def decode(self, raw: bytes) -> str:
        """The text of some bytes; never raises."""
        return raw.decode(self.encoding, "surrogateescape")


def encoding_of(charset: Charset) -> str:
    """The codec for a character set setting."""
    return _ENCODINGS[charset]


def separator_characters(separators: Separators) -> frozenset[str]:
    """The separators in force, which are never legal data."""
    found = (separators.element, separators.component, separators.segment, separators.repetition)
    return frozenset(character for character in found if character)


@lru_cache(maxsize=256)
def legal_characters(charset: Charset, release: str, separators: Separators) -> Legal:
    """The characters that data may hold in an interchange with these separators."""
    single = set(_BASIC if charset == "basic" else _EXTENDED)
    if charset != "basic" and release >= "005010":
        single |= _SINCE_005010
    if charset in ("latin-1", "utf-8"):
        single |= _LATIN_1
    single -= separator_characters(separators)
    one_byte = {ord(c) for c in single if charset != "utf-8" or c < "\x80"}
    beyond = "\u0100-\ud7ff\ue000-\U0010ffff" if charset == "utf-8" else ""
    text_class = "".join(re.escape(character) for character in sorted(single))
    return Legal(
        pattern=byte_class(one_byte),
        ink=byte_class(one_byte - {0x20}),
        illegal=re.compile(f"[^{text_class}{beyond}]"),
        encoding=encoding_of(charset),
    )


def byte_class(members: set[int] | frozenset[int]) -> bytes:
    """A class of a bytes pattern with exactly these members; without members one that never matches."""
    if not members:
        return rb"(?!)"
    if len(members) == 1:
        return _member(*members)
    ranges: list[list[int]] = []
    for member in sorted(members):
        if ranges and member == ranges[-1][1] + 1:
            ranges[-1][1] = member
        else:
            ranges.append([member, member])
    return b"[" + b"".join(_range(low, high) for low, high in ranges) + b"]"


def _range(low: int, high: int) -> bytes:
    first, last = _member(low), _member(high)
    if low == high:
        return first
    return first + last if high == low + 1 else first + b"-" + last


def _member(byte: int) -> bytes:
    """Letters and digits stand for themselves: shorter patterns compile faster."""
    return bytes([byte]) if chr(byte).isalnum() and byte < 0x80 else rb"\x%02x" % byte
