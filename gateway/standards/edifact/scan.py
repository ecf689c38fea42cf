"""Cutting EDIFACT into segments and elements: service characters, the release character, offsets; nothing is judged.

The bytes are cut as Latin-1, in which each byte is one character, so that offsets are those of the file; text is
decoded when the character set is known. Work and memory grow with the bytes, never faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.standards.edi.model import COMPONENT, REPETITION
from gateway.standards.edifact.model import DEFAULT, ServiceString

__all__ = ["MAX_SEGMENT", "RawSegment", "parse_elements", "read_una", "scan"]

#: Characters of one segment; a longer one is cut off there.
MAX_SEGMENT = 100_000
_BLANK = " \t\r\n\x1a\x00"


@dataclass(frozen=True, slots=True)
class RawSegment:
    """One segment as it stands in the file, without its terminator."""

    text: str
    #: Byte offset of its first character.
    offset: int
    #: False when the file ends before its terminator.
    ended: bool


def read_una(text: str, at: int) -> tuple[ServiceString, int]:
    """(service characters, offset behind the UNA) of the UNA at ``at``; the usual ones when there is none."""
    if text[at : at + 3] != "UNA" or len(text) < at + 9:
        return DEFAULT, at
    component, element, decimal, release, reserved, segment = tuple(text[at + 3 : at + 9])
    return ServiceString(
        component=component,
        element=element,
        decimal=decimal,
        release="" if release == " " else release,
        repetition="" if reserved == " " else reserved,
        segment=segment,
        stated=True,
    ), at + 9


@lru_cache(maxsize=64)
def _segment_pattern(segment: str, release: str) -> re.Pattern[str]:
    end = re.escape(segment)
    if not release:
        return re.compile(f"[^{end}]*+")
    mark = re.escape(release)
    return re.compile(f"(?:[^{end}{mark}]++|{mark}.)*+", re.DOTALL)


def scan(text: str, at: int, service: ServiceString, most: int) -> Iterator[RawSegment]:
    """The segments from ``at`` on, at most ``most``; blanks and line ends between them are left out."""
    pattern = _segment_pattern(service.segment, service.release)
    end = len(text)
    for _ in range(most):
        while at < end and text[at] in _BLANK:
            at += 1
        if at >= end:
            return
        found = pattern.match(text, at)
        stop = at if found is None else found.end()
        if stop < end and text[stop] != service.segment:
            stop = end  # a release character at the very end
        yield RawSegment(text[at : min(stop, at + MAX_SEGMENT)], at, stop < end)
        at = stop + 1


def parse_elements(raw: str, service: ServiceString, codec: str) -> tuple[str, tuple[str, ...]]:
    """(tag, elements) of a segment: components and repetitions are joined as in every standard here."""
    parts = _split(raw, service.element, service.release)
    elements = []
    for part in parts[1:]:
        repeats = _split(part, service.repetition, service.release) if service.repetition else [part]
        elements.append(
            REPETITION.join(
                COMPONENT.join(
                    _decoded(_released(each, service.release), codec)
                    for each in _split(repeat, service.component, service.release)
                )
                for repeat in repeats
            )
        )
    while elements and not elements[-1].strip(COMPONENT + REPETITION):
        elements.pop()
    return _released(parts[0].partition(service.component)[0], service.release).strip(_BLANK), tuple(elements)


def _split(text: str, mark: str, release: str) -> list[str]:
    """Cut at a mark that is not released; the release characters stay."""
    if not release or release not in text:
        return text.split(mark)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == release:
            at += 2
        elif text[at] == mark:
            parts.append(text[start:at])
            at += 1
            start = at
        else:
            at += 1
    parts.append(text[start:])
    return parts


def _released(text: str, release: str) -> str:
    if not release or release not in text:
        return text
    return re.sub(re.escape(release) + "(.)", r"\1", text, flags=re.DOTALL)


def _decoded(text: str, codec: str) -> str:
    """Text of the file's character set; line breaks inside data are none, and what cannot be decoded is marked."""
    if codec == "iso8859-1" or text.isascii():
        found = text
    else:
        found = text.encode("iso8859-1").decode(codec, "replace")
    return found.replace(COMPONENT, "\ufffd").replace(REPETITION, "\ufffd")
