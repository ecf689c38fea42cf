"""What an edited copy changes: element by element for X12, by path for XML and JSON, line by line for other text."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.pipeline.editcontent import Content, segments_of
from gateway.standards.edi.model import Separators
from gateway.standards.edi.schema import Release, UnknownReleaseError, load_release, release_for
from gateway.standards.xml.fields import fields_of
from gateway.standards.xml.parsing import XmlRefused, parse_xml

__all__ = ["Change", "changes", "flat"]

#: Parts of a list that are compared piece by piece; above, place by place.
_MOST_COMPARED = 3_000


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs."""

    #: "PO103 (segment 5)", "/Order/cbc:ID", "lines[0].quantity", "line 3".
    place: str
    #: What stands there, in the standard's words; "" when unknown.
    name: str
    #: "" = not there.
    before: str
    after: str


def changes(content: Content, before: str, after: str) -> list[Change]:
    """The differences of two texts of one content. Raises ContentRefusedError for X12 that cannot be cut."""
    if before == after:
        return []
    if content.form == "x12":
        return list(_of_segments(content, segments_of(content, before), segments_of(content, after)))
    if content.form in ("xml", "json"):
        old, new = (_values(content.form, text) for text in (before, after))
        if old is not None and new is not None:
            return list(_of_values(old, new))
    return list(_of_lines(before.splitlines(), after.replace("\r\n", "\n").splitlines()))


# -- X12 -------------------------------------------------------------------------------------------------------


def _of_segments(content: Content, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    separators = content.separators
    if separators is None:
        return
    release = _release(content.version)
    for old, new, position in _pairs(before, after, separators.element):
        tag = (new or old).split(separators.element, 1)[0]
        if not old or not new:
            segment = release.segments.get(tag) if release else None
            yield Change(f"{tag} (segment {position})", segment.name if segment else "", old, new)
        elif old != new:
            yield from _of_elements(release, separators, tag, old, new, position)


def _of_elements(
    release: Release | None, separators: Separators, tag: str, old: str, new: str, position: int
) -> Iterator[Change]:
    was, now = (text.split(separators.element)[1:] for text in (old, new))
    for number in range(1, max(len(was), len(now)) + 1):
        one, other = (part[number - 1] if number <= len(part) else "" for part in (was, now))
        if one != other:
            element = release.element_at(tag, number) or release.element_at(tag, number, 1) if release else None
            name = element.name if element else ""
            yield Change(f"{tag}{number:02d} (segment {position})", name, one, other)


def _pairs(before: Sequence[str], after: Sequence[str], element: str) -> Iterator[tuple[str, str, int]]:
    """(segment before, segment after, its number): "" where one is not there; equal ones are left out."""
    for start, end, first, last in _blocks(before, after):
        old, new = list(before[start:end]), list(after[first:last])
        at, number = 0, start + 1
        for number, segment in enumerate(new, start=first + 1):
            tag = segment.split(element, 1)[0]
            same = next((i for i in range(at, len(old)) if old[i].split(element, 1)[0] == tag), None)
            left = len(old) - at
            if same is None or (same > at and len(new) - (number - first - 1) > left):
                yield "", segment, number
                continue
            for gone in old[at:same]:
                yield gone, "", number
            yield old[same], segment, number
            at = same + 1
        for offset, gone in enumerate(old[at:]):
            yield gone, "", start + at + offset + 1


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where two lists differ: (from, to) in each."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if max(len(old), len(new)) > _MOST_COMPARED:
        if len(old) == len(new):
            yield from ((head + i, head + i + 1, head + i, head + i + 1) for i in range(len(old)) if old[i] != new[i])
        else:
            yield head, head + len(old), head, head + len(new)
        return
    for kind, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield head + start, head + end, head + first, head + last


def _release(version: str) -> Release | None:
    name = release_for(version)
    try:
        return load_release(name) if name else None
    except UnknownReleaseError:
        return None


# -- trees and lines -------------------------------------------------------------------------------------------


def _values(form: str, text: str) -> dict[str, tuple[str, str]] | None:
    """Path → (name, value) of every value; None for what cannot be read."""
    if form == "json":
        try:
            return {path: (path.rsplit(".", 1)[-1], _shown(value)) for path, value in flat(json.loads(text))}
        except (ValueError, RecursionError):
            return None
    try:
        tree = parse_xml(_utf8(text))
    except XmlRefused:
        return None
    return {field.path: (field.name, field.value.strip()) for field in fields_of(tree)}


def _utf8(text: str) -> bytes:
    """The text of an XML file for the parser: without a declaration, so that its encoding cannot be another."""
    body = text[text.index("?>") + 2 :].lstrip() if text.startswith("<?xml") and "?>" in text else text
    return body.encode("utf-8", "replace")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a JSON document with its path ("lines[0].quantity"), in document order; empty parts are none."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from flat(part, f"{path}[{index}]")
    else:
        yield path, value


def _shown(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _of_values(old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]]) -> Iterator[Change]:
    for path in [*old, *(path for path in new if path not in old)]:
        before, after = old.get(path, ("", ""))[1], new.get(path, ("", ""))[1]
        if before != after or (path in old) != (path in new):
            yield Change(path, (new.get(path) or old[path])[0], before, after)


def _of_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    for start, end, first, last in _blocks(before, after):
        for offset in range(max(end - start, last - first)):
            old = before[start + offset] if start + offset < end else ""
            new = after[first + offset] if first + offset < last else ""
            yield Change(f"line {min(first + offset, max(last, first + 1) - 1) + 1}", "", old, new)
