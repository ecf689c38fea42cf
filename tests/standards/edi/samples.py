"""Valid segments and sets made from the tables at random, and ways to spoil them."""

from __future__ import annotations

import random
from collections.abc import Iterable

from gateway.standards.edi.model import Separators
from gateway.standards.edi.notes import broken_notes
from gateway.standards.edi.schema import (
    ElementType,
    ElementUse,
    LoopNode,
    Release,
    SegmentNode,
    SyntaxNote,
    load_release,
)
from gateway.standards.edi.totals import LINE_SEGMENTS

#: Separators that a 4010 and a 5010 interchange commonly use.
SEPARATORS = {"004010": Separators("*", ">", "~"), "005010": Separators("*", ":", "~", "^")}

_DATES = ("20240229", "20231231", "20000101", "240229")
_TIMES = ("0000", "2359", "123059", "12305999")


def value_for(dice: random.Random, element: ElementType) -> str:
    """A valid value of an element."""
    if element.codes:
        return dice.choice(sorted(element.codes))
    low, high = max(element.min, 1), min(element.max, element.min + 4)
    length = dice.randint(low, max(low, high))
    if element.type == "DT":
        return dice.choice([date for date in _DATES if element.min <= len(date) <= element.max])
    if element.type == "TM":
        return dice.choice([time for time in _TIMES if element.min <= len(time) <= element.max])
    if element.type == "R" and length > 1 and dice.random() < 0.5:
        digits = "".join(dice.choices("0123456789", k=length))
        return f"{digits[:1]}.{digits[1:]}"
    if element.type == "R" or element.type[:1] == "N":
        return ("-" if dice.random() < 0.1 else "") + "".join(dice.choices("0123456789", k=length))
    if element.type == "":
        return "U"
    return "".join(dice.choices("ABCDEFGHXYZ0123456789", k=length))


def _fill(
    dice: random.Random,
    release: Release,
    uses: tuple[ElementUse, ...],
    notes: tuple[SyntaxNote, ...],
    density: float,
    separators: Separators,
) -> list[str]:
    present = {number for number, use in enumerate(uses, 1) if use.mandatory or dice.random() < density}
    for _ in range(40):
        broken = list(broken_notes(notes, present))
        if not broken:
            break
        for note, code, number in broken:
            if code == "AK403-10" or (note.kind == "E"):
                present.discard(number)
            else:
                present.add(number)
    else:
        present = {number for number, use in enumerate(uses, 1) if use.mandatory}
        for note in notes:
            if note.kind == "R":
                present.add(note.positions[0])
    return [_element(dice, release, use, separators) if number in present else "" for number, use in enumerate(uses, 1)]


def _element(dice: random.Random, release: Release, use: ElementUse, separators: Separators) -> str:
    composite = release.composites.get(use.ref)
    if composite is None:
        return value_for(dice, release.elements[use.ref])
    parts = _fill(dice, release, composite.elements, composite.notes, 0.3, separators)
    if not any(parts):
        parts[0] = value_for(dice, release.elements[composite.elements[0].ref])
    return separators.component.join(parts).rstrip(separators.component)


def segment_for(dice: random.Random, release: str, tag: str, density: float = 0.3) -> bytes:
    """A valid segment."""
    tables, separators = load_release(release), SEPARATORS[release]
    definition = tables.segments[tag]
    fields = [tag, *_fill(dice, tables, definition.elements, definition.notes, density, separators)]
    return separators.element.join(fields).rstrip(separators.element).encode()


def set_for(dice: random.Random, release: str, set_id: str, density: float = 0.15) -> list[bytes]:
    """A valid set, ST to SE, with right counts and levels."""
    definition = load_release(release).set_type(set_id)
    tags = list(_tags(dice, definition.nodes, density))
    separator = SEPARATORS[release].element.encode()
    segments = [segment_for(dice, release, tag) for tag in tags]
    segments[0] = separator.join([b"ST", set_id.encode(), b"0001"])
    segments[-1] = separator.join([b"SE", b"%d" % len(tags), b"0001"])
    line = LINE_SEGMENTS.get(set_id)
    if line and "CTT" in tags:
        segments[tags.index("CTT")] = separator.join([b"CTT", b"%d" % tags.count(line)])
    _number_levels(dice, tags, segments, separator)
    return segments


def _number_levels(dice: random.Random, tags: list[str], segments: list[bytes], separator: bytes) -> None:
    path: list[bytes] = []
    number = 0
    for index, tag in enumerate(tags):
        if tag != "HL":
            continue
        number += 1
        if path:
            del path[dice.randint(1, len(path)) :]
        parent = path[-1] if path else b""
        path.append(b"%d" % number)
        segments[index] = separator.join([b"HL", path[-1], parent, b"I"])


def _tags(dice: random.Random, nodes: Iterable[SegmentNode | LoopNode], density: float) -> Iterable[str]:
    for node in nodes:
        most = node.max if isinstance(node, SegmentNode) else node.repeat
        least = 1 if node.mandatory else 0
        times = least
        while dice.random() < density and (most is None or times < most) and times < 4:
            times += 1
        for _ in range(times):
            if isinstance(node, SegmentNode):
                yield node.tag
            else:
                yield from _tags(dice, node.children, density)


def spoil(dice: random.Random, segments: list[bytes], separator: bytes = b"*") -> list[bytes]:
    """One thing wrong, or sometimes still right: dropped, doubled, swapped, renamed, emptied, changed."""
    spoilt = list(segments)
    at = dice.randrange(len(spoilt))
    kind = dice.randrange(8)
    if kind == 0 and len(spoilt) > 2:
        del spoilt[at]
    elif kind == 1:
        spoilt.insert(at, spoilt[at])
    elif kind == 2:
        other = dice.randrange(len(spoilt))
        spoilt[at], spoilt[other] = spoilt[other], spoilt[at]
    elif kind == 3:
        rest = spoilt[at].partition(separator)[2]
        spoilt[at] = dice.choice([b"ZZZ", b"REF", b"N1", b"ISA", b"", b"PO1", b"LE"]) + separator + rest
    else:
        fields = spoilt[at].split(separator)
        number = dice.randrange(len(fields))
        fields[number] = _spoilt_value(dice, fields[number])
        spoilt[at] = separator.join(fields)
    return spoilt


def _spoilt_value(dice: random.Random, value: bytes) -> bytes:
    return dice.choice(
        [
            b"",
            b" ",
            b"   ",
            value + b"X" * dice.randint(1, 90),
            value[:1],
            value + b" ",
            b" " + value,
            value + b"*",
            value + b"***",
            value + b"*X*Y",
            value + b":",
            value + b">" + value,
            value + b":A:B:C:D:E:F:G",
            value + b"^" + value,
            value + b"^",
            b"-",
            b".",
            b"5.",
            b"1.5",
            b"-1",
            b"99999999",
            b"20240230",
            b"2561",
            b"\xe9",
            b"\x01",
            b"a",
            value.lower(),
        ]
    )
