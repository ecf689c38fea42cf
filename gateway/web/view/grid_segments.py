"""A transaction set as segments that a form changes: values in their elements, segments and loops added and removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.standards.edi.schema import UnknownReleaseError, UnknownSetError, release_for
from gateway.standards.edi.structure import Walk, structure
from gateway.web.view.grid import FIELD

__all__ = [
    "Place",
    "X12Text",
    "at_or",
    "field_place",
    "insert",
    "merge",
    "places_of",
    "remove",
    "repeat",
    "repetitions_of",
]


@dataclass(frozen=True, slots=True)
class X12Text:
    """The segments of a set and the separators that they are written in."""

    segments: tuple[str, ...]
    element: str
    component: str
    repetition: str | None
    terminator: str
    #: GS08 and ST01.
    version: str
    set_id: str

    @classmethod
    def of(cls, opened: Mapping[str, Any], text: str) -> X12Text:
        """What an editor got from ``edit.open``, with the text as it is now."""
        found = opened["separators"]
        end = found["segment"] if found["segment"].isprintable() else "\n"
        pieces = (piece.strip("\r\n") for piece in text.replace("\r\n", "\n").split(end))
        return cls(
            tuple(piece for piece in pieces if piece.strip()),
            found["element"],
            found["component"],
            found["repetition"],
            found["segment"],
            opened["version"],
            opened["set"],
        )

    @property
    def text(self) -> str:
        """The text again, one segment on each line."""
        end = self.terminator if self.terminator.isprintable() else ""
        return "".join(f"{segment}{end}\n" for segment in self.segments)

    def with_segments(self, segments: Sequence[str]) -> X12Text:
        """The same set of other segments; SE01 follows when it was right before."""
        made = list(segments)
        last = self.segments[-1].split(self.element) if self.segments else []
        if (
            len(last) > 1
            and last[0] == "SE"
            and last[1] == str(len(self.segments))
            and made
            and made[-1] == self.segments[-1]
        ):
            made[-1] = self.element.join(["SE", str(len(made)), *last[2:]])
        return X12Text(
            tuple(made), self.element, self.component, self.repetition, self.terminator, self.version, self.set_id
        )


# -- from the form ---------------------------------------------------------------------------------------------


def merge(x12: X12Text, typed: Mapping[str, str]) -> tuple[X12Text, dict[str, str]]:
    """The text with what was typed, and field → sentence for what cannot be taken: a separator in a value.

    A field that cannot be taken leaves the text as it was there.
    """
    wanted: dict[int, dict[tuple[int, int, int], str]] = defaultdict(dict)
    refused: dict[str, str] = {}
    for name, value in typed.items():
        place = field_place(name)
        if place is None or place[0] >= len(x12.segments):
            continue
        number, element, repetition, component = place
        wrong = next((each for each in value if each in _forbidden(x12) or not each.isprintable()), None)
        if wrong is not None:
            tag = x12.segments[number].split(x12.element, 1)[0]
            shown = (
                f'"{wrong}", a separator of this message' if wrong.isprintable() else "a character that cannot be seen"
            )
            refused[name] = f"{tag}{element:02d} (segment {number + 1}) holds {shown}. Write it without."
        else:
            wanted[number][element, repetition, component] = value
    segments = [
        _with_values(x12, segment, wanted[number]) if number in wanted else segment
        for number, segment in enumerate(x12.segments)
    ]
    return X12Text(
        tuple(segments), x12.element, x12.component, x12.repetition, x12.terminator, x12.version, x12.set_id
    ), refused


def field_place(name: str) -> tuple[int, int, int, int] | None:
    """Segment (from 0), element, repetition and component (from 1) that a field's name says."""
    parts = name.removeprefix(FIELD).split("-")
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) < 8 for part in parts):
        return None
    segment, element, repetition, component = (int(part) for part in parts)
    if not (1 <= element <= 99 and 1 <= repetition <= 200 and 1 <= component <= 40):
        return None
    return segment, element, repetition, component


def _forbidden(x12: X12Text) -> str:
    return "".join(filter(None, (x12.element, x12.component, x12.repetition, x12.terminator))) + "\r\n"


def _with_values(x12: X12Text, segment: str, values: Mapping[tuple[int, int, int], str]) -> str:
    tag, *elements = segment.split(x12.element)
    changed = False
    for (element, repetition, component), value in sorted(values.items()):
        cut = [
            one.split(x12.component)
            for one in repetitions_of(x12, elements[element - 1] if element <= len(elements) else "")
        ]
        old = at_or(at_or(cut, repetition - 1, []), component - 1, "")
        if old == value:
            continue
        changed = True
        elements += [""] * (element - len(elements))
        cut += [[""] for _ in range(repetition - len(cut))]
        row = cut[repetition - 1]
        row += [""] * (component - len(row))
        row[component - 1] = value
        joined = [x12.component.join(_trimmed(one)) for one in cut]
        elements[element - 1] = (x12.repetition or "").join(joined) if len(joined) > 1 else joined[0]
    return x12.element.join([tag, *_trimmed(elements)]) if changed else segment


def repetitions_of(x12: X12Text, value: str) -> list[str]:
    """The repetitions of an element; one where the message knows none."""
    return value.split(x12.repetition) if x12.repetition else [value]


def at_or(values: Sequence[Any], index: int, otherwise: Any) -> Any:
    """What stands at an index, or something else behind the end."""
    return values[index] if index < len(values) else otherwise


def _trimmed(values: Sequence[str]) -> list[str]:
    kept = list(values)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def insert(x12: X12Text, after: int, tag: str) -> X12Text:
    """An empty segment behind another."""
    segments = list(x12.segments)
    if tag.isascii() and tag.isalnum() and 2 <= len(tag) <= 3 and 0 <= after < len(segments):
        segments.insert(after + 1, tag)
    return x12.with_segments(segments)


def repeat(x12: X12Text, number: int) -> X12Text:
    """A segment once more behind itself; with a loop's first segment the whole pass through the loop."""
    start, end = _extent(x12, number)
    segments = list(x12.segments)
    return x12.with_segments([*segments[:end], *segments[start:end], *segments[end:]])


def remove(x12: X12Text, number: int) -> X12Text:
    """The set without a segment; with a loop's first segment without the whole pass through the loop."""
    start, end = _extent(x12, number)
    return x12.with_segments([*x12.segments[:start], *x12.segments[end:]])


def _extent(x12: X12Text, number: int) -> tuple[int, int]:
    """From where to where a segment goes with what belongs to it; nothing for ST and SE."""
    places = places_of(x12)
    return (number, min(places[number].end, len(places) - 1)) if 0 < number < len(places) - 1 else (0, 0)


# -- loops ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment stands in its set."""

    tag: str
    depth: int
    #: The loop that it begins; "" when it begins none.
    loop: str
    #: One behind the last segment that goes with it: of the loop, or itself.
    end: int
    #: Number of its place in the set's tree; None where it has none.
    node: int | None


def places_of(x12: X12Text) -> list[Place]:
    """Where each segment stands in the tree of its set; on one level for a set that is not known."""
    tags = [segment.split(x12.element, 1)[0] for segment in x12.segments]
    release = release_for(x12.version)
    try:
        walk = Walk(structure(release, x12.set_id)) if release else None
    except (UnknownReleaseError, UnknownSetError):
        walk = None
    steps: list[tuple[int, str, int | None]] = []
    for tag in tags:
        taken = walk is not None and walk.step(tag)
        depth = 0 if walk is None else len(walk.loops)
        begins = walk.structure.places[walk.loops[-1]].loop if walk is not None and taken and walk.opened else ""
        steps.append((depth, begins, walk.number if walk is not None and taken else None))
    ends: list[int] = []
    for index, (depth, begins, _) in enumerate(steps):
        end = index + 1
        while begins and end < len(steps) and (steps[end][0] > depth or (steps[end][0] == depth and not steps[end][1])):
            end += 1
        ends.append(end)
    return [
        Place(tag, min(depth, 6), begins, end, node)
        for tag, (depth, begins, node), end in zip(tags, steps, ends, strict=True)
    ]
