"""A payload as the message page shows it: segments with names and meanings, XML with its lines, JSON, or bytes.

Everything is text from a partner: values only, never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.standards.edi.model import COMPONENT, REPETITION
from gateway.standards.edi.parse import parse_segment
from gateway.standards.edi.schema import (
    Release,
    UnknownReleaseError,
    UnknownSetError,
    code_label,
    load_release,
    release_for,
)
from gateway.standards.edi.structure import Walk, structure
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.x12.transmission import RawSet, Transmission
from gateway.standards.xml.prolog import may_be_xml

__all__ = ["HexLine", "Line", "Mark", "Shown", "hex_lines", "kind_of", "pretty_json", "segments", "text_lines"]

#: Lines that one page shows; the rest is a page further, or a download.
MOST_LINES = 600
#: Bytes of the byte view.
MOST_HEX = 8_192


@dataclass(frozen=True, slots=True)
class Mark:
    """One element of a segment."""

    #: "PO103".
    name: str
    #: What stands there, in the standard's words; "" when unknown.
    title: str
    value: str
    #: What a code means; "" when it is no code or has no name.
    meaning: str
    #: True for an element that a finding names.
    wrong: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One segment, or one line of text."""

    number: int
    tag: str
    title: str
    depth: int
    marks: tuple[Mark, ...]
    text: str
    #: Findings at this line.
    findings: tuple[dict[str, Any], ...]
    #: "error", "warning", "note" or "".
    severity: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of lines, and how many there are in all."""

    lines: tuple[Line, ...]
    total: int
    first: int

    @property
    def next(self) -> int | None:
        """The first line of the next page; None at the end."""
        end = self.first + len(self.lines)
        return end if end < self.total else None


@dataclass(frozen=True, slots=True)
class HexLine:
    """Sixteen bytes."""

    offset: str
    codes: str
    text: str


def kind_of(data: bytes) -> str:
    """ "x12", "xml", "json" or "text"; "bytes" for what is no text."""
    start = data[:4096].lstrip()
    if start.startswith(b"ISA"):
        return "x12"
    if may_be_xml(data):
        return "xml"
    if start[:1] in (b"{", b"["):
        return "json"
    return "bytes" if b"\0" in data[:4096] else "text"


def segments(
    data: bytes, findings: Sequence[dict[str, Any]], *, place: tuple[int, int] | None = None, first: int = 0
) -> Shown | None:
    """The segments of a transmission, or of one set of it; None when it cannot be cut into segments.

    ``place`` is (interchange, set in the interchange), both from 1. Findings are marked where they point.
    """
    transmission = read_transmission(data)
    chosen = _chosen(transmission, place)
    if not chosen:
        return None
    rows: list[Line] = []
    at = 0
    for separators, version, each in chosen:
        release = _release(version)
        if at + len(each.segments) <= first or len(rows) >= MOST_LINES:
            at += len(each.segments)
            continue
        for position, (raw, depth) in enumerate(zip(each.segments, _depths(version, each), strict=True), start=1):
            if len(rows) >= MOST_LINES:
                break  # the depth of what is not shown need not be known
            at += 1
            if first < at:
                segment = parse_segment(raw, separators, position=position)
                about = [found for found in findings if found.get("position") == position and place is not None]
                rows.append(_line(position, segment.tag, segment.elements, depth, release, version, about, raw))
    total = sum(len(each.segments) for _, _, each in chosen)
    return Shown(tuple(rows), total, first)


def _chosen(transmission: Transmission, place: tuple[int, int] | None) -> list[tuple[Any, str, RawSet]]:
    found = []
    for number, interchange in enumerate(transmission.interchanges, start=1):
        sets = [(group.version, each) for group in interchange.groups for each in group.sets]
        for index, (version, each) in enumerate(sets, start=1):
            if place is None or place == (number, index):
                found.append((interchange.separators, version, each))
    return found


def _release(version: str) -> Release | None:
    name = release_for(version)
    if name is None:
        return None
    try:
        return load_release(name)
    except UnknownReleaseError:
        return None


def _depths(version: str, each: RawSet) -> Iterator[int]:
    """How deep in loops each segment stands; 0 for all of a set whose tree is not known."""
    name = release_for(version)
    try:
        walk = Walk(structure(name, each.set_id)) if name else None
    except (UnknownReleaseError, UnknownSetError):
        walk = None
    for raw in each.segments:
        tag = raw[:3].decode("latin-1")
        tag = tag if tag.isalnum() else tag[:2]
        if walk is not None:
            walk.step(tag)
        yield 0 if walk is None else min(len(walk.loops), 6)


def _line(
    position: int,
    tag: str,
    elements: Sequence[str],
    depth: int,
    release: Release | None,
    version: str,
    findings: Sequence[dict[str, Any]],
    raw: bytes,
) -> Line:
    known = release.segments.get(tag) if release else None
    wrong = {found.get("element") for found in findings}
    most = max([len(elements), *(number for number in wrong if isinstance(number, int))], default=0)
    marks = []
    for number in range(1, most + 1):
        value = elements[number - 1] if number <= len(elements) else ""
        marks.append(_mark(release, tag, number, value, number in wrong))
    severity = min((found["severity"] for found in findings), key=_RANK.index, default="")
    return Line(
        number=position,
        tag=tag,
        title=known.name if known else "",
        depth=depth,
        marks=tuple(marks),
        text=raw.decode("latin-1"),
        findings=tuple(findings),
        severity=severity,
    )


_RANK = ("error", "warning", "note")


def _mark(release: Release | None, tag: str, number: int, value: str, wrong: bool) -> Mark:
    title = meaning = ""
    if release is not None:
        element = release.element_at(tag, number) or release.element_at(tag, number, 1)
        if element is not None:
            title = element.name
            if element.type == "ID" and value:
                meaning = code_label(release.name, element.ref, value) or ""
    shown = value.replace(COMPONENT, " : ").replace(REPETITION, " ^ ")
    return Mark(f"{tag}{number:02d}", title, shown, meaning, wrong)


def text_lines(data: bytes, findings: Sequence[dict[str, Any]], *, first: int = 0) -> Shown:
    """XML or other text line by line, laid out when it came as one line; findings are marked at their lines."""
    text = data.decode("utf-8", "replace")
    lines = text.splitlines()
    if may_be_xml(data) and len(lines) <= 2 and len(data) > 120:
        lines, findings = _laid_out(text), []
    rows = []
    for number, line in enumerate(lines[first : first + MOST_LINES], start=first + 1):
        about = tuple(found for found in findings if found.get("line") == number)
        severity = min((found["severity"] for found in about), key=_RANK.index, default="")
        bare = line.lstrip(" \t")
        rows.append(Line(number, "", "", min((len(line) - len(bare)) // 2, 12), (), bare, about, severity))
    return Shown(tuple(rows), len(lines), first)


def _laid_out(text: str) -> list[str]:
    """One-line XML with a line for each tag that follows a tag, indented by its depth; only for reading."""
    lines, depth = [], 0
    for part in text.replace("><", ">\n<").splitlines():
        if part.startswith("</"):
            depth = max(0, depth - 1)
        lines.append("  " * depth + part)
        opens = part.startswith("<") and not part.startswith(("</", "<?", "<!"))
        if opens and not part.endswith("/>") and "</" not in part:
            depth += 1
    return lines


def pretty_json(data: bytes) -> str:
    """JSON with two blanks of indent; as it is when it cannot be read."""
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except ValueError:
        return data.decode("utf-8", "replace")


def hex_lines(data: bytes, first: int = 0) -> list[HexLine]:
    """The bytes from ``first`` on, sixteen to a line."""
    lines = []
    for offset in range(first, min(len(data), first + MOST_HEX), 16):
        piece = data[offset : offset + 16]
        codes = piece.hex(" ")
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        lines.append(HexLine(f"{offset:08x}", codes, text))
    return lines
