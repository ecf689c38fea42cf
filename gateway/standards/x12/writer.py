"""Writes segments as an X12 interchange: envelope, control numbers and counts, and nothing escaped in
silence.

X12 has no release character, so a separator inside a value cannot be sent. Such a value is refused with a
sentence that names its place, or its character is replaced where the partner's profile names a replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.standards.edi.charset import Legal, encoding_of, legal_characters, separator_characters
from gateway.standards.edi.model import COMPONENT, REPETITION, Segment, Separators
from gateway.standards.edi.options import Charset
from gateway.standards.x12.codes import FUNCTIONAL_GROUPS
from gateway.standards.x12.header import ISA_WIDTHS, quoted, separator_fault

__all__ = [
    "DEFAULT_SEPARATORS",
    "EnvelopeOut",
    "GroupOut",
    "IllegalCharacterError",
    "SeparatorInValueError",
    "WriteError",
    "isa_version",
    "write_interchange",
    "write_set",
]

DEFAULT_SEPARATORS: Final = Separators(element="*", component=">", segment="~", repetition="^", suffix="\n")

_REPETITION_SINCE: Final = "00402"
_TAG: Final = re.compile(r"[A-Z][A-Z0-9]{1,2}")


class WriteError(ValueError):
    """Something cannot be written as X12; the message says what, where, why and what to do."""


class SeparatorInValueError(WriteError):
    """A value holds a character that separates segments, elements, components or repetitions."""


class IllegalCharacterError(WriteError):
    """A value holds a character that the partner's character set does not have."""


@dataclass(frozen=True, slots=True)
class EnvelopeOut:
    """Everything of ISA and IEA that is not counted."""

    sender_qualifier: str
    sender_id: str
    receiver_qualifier: str
    receiver_id: str
    #: ISA13; a number is zero-filled to nine digits, a text is sent as it is.
    control: int | str
    #: ISA09 and ISA10, in the partner's time zone.
    when: datetime
    separators: Separators = DEFAULT_SEPARATORS
    #: ISA12, "00401"; `isa_version` makes it from a release.
    version: str = "00401"
    #: ISA15: "P" production, "T" test, "I" information.
    usage: str = "P"
    #: ISA14.
    ack_requested: bool = False
    #: ISA01 and ISA02.
    authorization: tuple[str, str] = ("00", "")
    #: ISA03 and ISA04.
    security: tuple[str, str] = ("00", "")
    #: ISA11; None chooses the repetition separator where the version has one, else "U".
    standards_id: str | None = None
    #: ISA09 and ISA10 as texts, when they must be repeated exactly instead of made from `when`.
    date: str | None = None
    time: str | None = None
    #: Characters that values may hold.
    charset: Charset = "extended"
    #: Written instead of a separator or an illegal character inside a value; None refuses such a value.
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class GroupOut:
    """One functional group to be written."""

    #: GS02 and GS03.
    sender: str
    receiver: str
    #: GS06; a number is sent without leading zeros, a text as it is.
    control: int | str
    #: The sets, each from ST to SE, as `write_set` makes them.
    sets: Sequence[Sequence[Segment]]
    #: GS08.
    version: str = "004010"
    #: GS01; None takes the code of the first set.
    code: str | None = None
    #: GS04 and GS05; None takes the time of the envelope.
    when: datetime | None = None
    #: GS04 and GS05 as texts, when they must be repeated exactly.
    date: str | None = None
    time: str | None = None
    #: GS07.
    agency: str = "X"


def isa_version(release: str) -> str:
    """ISA12 for a release or GS08: "004010" → "00401", "005010X231A1" → "00501"."""
    return release[:5]


def write_set(segments: Iterable[Segment], set_control: int | str) -> tuple[Segment, ...]:
    """A set with its control number in ST02 and SE02 and its count in SE01.

    ``segments`` begin with ST; an SE at the end is replaced. Positions are numbered anew. A number becomes
    four digits or more, a text is taken as it is. Raises WriteError when there is no ST.
    """
    body = [segment for segment in segments if segment.tag != "SE"]
    if not body or body[0].tag != "ST" or not body[0].elements:
        raise WriteError("A transaction set begins with ST and its set id; none was given. Add the ST segment.")
    control = f"{set_control:04d}" if isinstance(set_control, int) else set_control
    header = replace(body[0], elements=(body[0].elements[0], control, *body[0].elements[2:]))
    trailer = Segment("SE", (str(len(body) + 1), control))
    return tuple(
        replace(segment, position=position) for position, segment in enumerate((header, *body[1:], trailer), 1)
    )


def write_interchange(envelope: EnvelopeOut, groups: Sequence[GroupOut], ta1: Sequence[Segment] = ()) -> bytes:
    """One interchange as bytes; TA1 segments stand before the first group, counts are made here.

    Raises SeparatorInValueError, IllegalCharacterError or WriteError (ids too long, unusable separators).
    """
    fault = separator_fault(envelope.separators)
    if fault is not None:
        raise WriteError(f"These separators cannot be used: {fault[1]}. Choose others in the partner's profile.")
    release = groups[0].version if groups else f"{envelope.version}0"
    write = _SegmentWriter(envelope, release)
    control = _isa_control(envelope.control)
    parts = [_isa(envelope, control)]
    parts.extend(map(write.segment, ta1))
    for group in groups:
        parts.extend(_group(group, envelope, write))
    parts.append(write.segment(Segment("IEA", (str(len(groups)), control))))
    return b"".join(parts)


def _group(group: GroupOut, envelope: EnvelopeOut, write: _SegmentWriter) -> Iterable[bytes]:
    when = group.when or envelope.when
    control = str(group.control)
    set_id = group.sets[0][0].elements[0] if group.sets else ""
    code = group.code or FUNCTIONAL_GROUPS.get(set_id)
    if code is None:
        raise WriteError(f'No functional group is known for set "{set_id}". Name the group code (GS01) yourself.')
    header = (
        code,
        group.sender,
        group.receiver,
        group.date or f"{when:%Y%m%d}",
        group.time or f"{when:%H%M}",
        control,
        group.agency,
        group.version,
    )
    yield write.segment(Segment("GS", header))
    for segments in group.sets:
        for segment in segments:
            yield write.segment(segment)
    yield write.segment(Segment("GE", (str(len(group.sets)), control)))


def _isa_control(control: int | str) -> str:
    text = f"{control:09d}" if isinstance(control, int) else control
    if len(text) != 9 or not text.isascii() or not text.isdigit():
        raise WriteError(
            f"ISA13 (control number) is {quoted(text)}; it must be nine digits. Check the partner's counter."
        )
    return text


def _isa(envelope: EnvelopeOut, control: str) -> bytes:
    separators = envelope.separators
    standards_id = envelope.standards_id
    if standards_id is None:
        repetition = separators.repetition if envelope.version >= _REPETITION_SINCE else None
        standards_id = repetition or "U"
    values = (
        *envelope.authorization,
        *envelope.security,
        envelope.sender_qualifier,
        envelope.sender_id,
        envelope.receiver_qualifier,
        envelope.receiver_id,
        envelope.date or f"{envelope.when:%y%m%d}",
        envelope.time or f"{envelope.when:%H%M}",
        standards_id,
        envelope.version,
        control,
        "1" if envelope.ack_requested else "0",
        envelope.usage,
        separators.component,
    )
    legal = legal_characters(envelope.charset, "004010", separators)
    fields = []
    for number, (value, width) in enumerate(zip(values, ISA_WIDTHS, strict=True), 1):
        if len(value) > width:
            raise WriteError(
                f"ISA{number:02d} is {quoted(value)}, {len(value)} characters; there is room for {width}. "
                "Correct the id in the partner's profile."
            )
        if number not in (11, 16) and legal.illegal.search(value):
            raise SeparatorInValueError(
                f"ISA{number:02d} is {quoted(value)}, which holds a separator or a character X12 does not have. "
                "Correct the id, or choose other separators in the partner's profile."
            )
        fields.append(value.ljust(width))
    line = separators.element.join(("ISA", *fields)) + separators.segment + separators.suffix
    return line.encode("latin-1")


class _SegmentWriter:
    """Turns segments into bytes with the separators and the character set of one interchange."""

    def __init__(self, envelope: EnvelopeOut, release: str) -> None:
        separators = envelope.separators
        self._separators = separators
        self._replacement = envelope.replacement
        self._element = separators.element.encode("latin-1")
        self._end = (separators.segment + separators.suffix).encode("latin-1")
        self._component = separators.component.encode("latin-1")
        repetition = separators.repetition if envelope.version >= _REPETITION_SINCE else None
        self._repetition = repetition.encode("latin-1") if repetition else None
        self._encoding = encoding_of(envelope.charset)
        self._charset = envelope.charset
        self._legal: Legal = legal_characters(envelope.charset, release[:6], separators)
        self._reserved = separator_characters(separators)
        if self._replacement and self._legal.illegal.search(self._replacement):
            raise WriteError(
                f"The replacement character {quoted(self._replacement)} is a separator or not in the character set "
                f'"{envelope.charset}". Choose another one in the partner\'s profile.'
            )

    def segment(self, segment: Segment) -> bytes:
        """One segment with its terminator; empty elements at the end are left out."""
        if not _TAG.fullmatch(segment.tag):
            raise WriteError(f"{quoted(segment.tag)} is not a segment id (two or three capitals or digits).")
        values = [self._value(segment, number, value) for number, value in enumerate(segment.elements, 1)]
        while values and not values[-1]:
            values.pop()
        return self._element.join((segment.tag.encode("ascii"), *values)) + self._end

    def _value(self, segment: Segment, number: int, value: str) -> bytes:
        if value.isascii() and not self._legal.illegal.search(value):
            return value.encode("ascii")
        repeats = [self._composite(segment, number, part) for part in value.split(REPETITION)]
        if len(repeats) == 1:
            return repeats[0]
        if self._repetition is None:
            raise WriteError(
                f"{_place(segment, number)} has {len(repeats)} repetitions, but there is no repetition "
                "separator. Choose one in the partner's profile, or send a single value."
            )
        return self._repetition.join(repeats)

    def _composite(self, segment: Segment, number: int, value: str) -> bytes:
        parts = [self._text(segment, number, part) for part in value.split(COMPONENT)]
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        return self._component.join(parts)

    def _text(self, segment: Segment, number: int, text: str) -> bytes:
        found = self._legal.illegal.search(text)
        if found is None:
            return text.encode(self._encoding)
        if self._replacement is not None:
            return self._legal.illegal.sub(self._replacement, text).encode(self._encoding)
        character = found[0][:1]
        place = f"{_place(segment, number)}: {quoted(text)}"
        if character in self._reserved:
            raise SeparatorInValueError(
                f"{place} holds {quoted(character)}, a separator of this interchange: it cannot be sent. "
                "Change the value, choose other separators, or set a replacement character in the profile."
            )
        raise IllegalCharacterError(
            f'{place} holds {quoted(character)}, which the character set "{self._charset}" does not have. '
            "Change the value, widen the character set, or set a replacement character in the profile."
        )


def _place(segment: Segment, number: int) -> str:
    where = f"{segment.tag}{number:02d}"
    return f"Segment {segment.position}, element {where}" if segment.position else f"Element {where}"
