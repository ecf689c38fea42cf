"""The ISA segment as bytes: where one begins, which separators it announces, and whether they can be used.

A whole ISA has 106 bytes with its element separators at fixed offsets. Senders that do not pad their ids send
other lengths; such a header is read by counting sixteen element separators instead, and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.standards.edi.model import Separators

__all__ = ["ISA_LENGTH", "ISA_WIDTHS", "IsaHeader", "decode", "find_isa", "quoted", "read_isa", "separator_fault"]

#: Bytes of a whole ISA, terminator included.
ISA_LENGTH: Final = 106
#: Width of ISA01 to ISA16 in characters.
ISA_WIDTHS: Final = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)

_SEPARATOR_OFFSETS: Final = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
#: How far an ISA that is not padded (or padded too much) is searched for its sixteenth separator.
_LENIENT_REACH: Final = 400
_ALPHANUMERIC: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_REPETITION_SINCE: Final = "00402"
#: Characters of a value that a sentence repeats.
_LONGEST_QUOTE: Final = 60


@dataclass(frozen=True, slots=True)
class IsaHeader:
    """One ISA segment and the separators it announces."""

    #: Byte offset of the "I" of ISA.
    offset: int
    #: Byte offset of the first byte after the terminator.
    end: int
    #: ISA01 to ISA16, neither trimmed nor padded.
    elements: tuple[str, ...]
    separators: Separators
    #: The sixteen element separators stand at their fixed offsets.
    whole: bool


def decode(raw: bytes) -> str:
    """Envelope bytes as text: UTF-8 where they are valid UTF-8, else latin-1, so that it never fails."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def quoted(text: str) -> str:
    """A value as it stands in a sentence: in quotes, on one line, what cannot be printed as an escape."""
    shown = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return f'"{repr(shown)[1:-1]}"'


def read_isa(data: bytes, offset: int) -> IsaHeader | str:
    """The ISA that begins at ``offset``, or one plain sentence why it cannot be read."""
    element = data[offset + 3 : offset + 4]
    if not element:
        return f"the ISA segment at byte {offset} is cut off after {len(data) - offset} bytes"
    if element[0] in _ALPHANUMERIC or element == b" ":
        return f"the ISA segment at byte {offset} has {quoted(decode(element))} in the place of its element separator"
    whole = _has_fixed_shape(data, offset)
    if whole:
        component_at = offset + 104
        raw = data[offset : component_at + 1]
        cuts = (*_SEPARATOR_OFFSETS, 105)
        elements = tuple(raw[start + 1 : end] for start, end in pairwise(cuts))
    else:
        pieces = data[offset : offset + _LENIENT_REACH].split(element, 16)
        if len(pieces) < 17:
            short = len(data) - offset < _LENIENT_REACH
            found = f"{len(pieces) - 1} of 16 elements were found"
            return (
                f"the ISA segment at byte {offset} is cut off: {found} before the end of the file"
                if short
                else f"the ISA segment at byte {offset} cannot be read: {found}"
            )
        component_at = offset + sum(map(len, pieces[:16])) + 16
        if _whole_header_between(data, offset + 3, component_at):
            return f"the ISA segment at byte {offset} is cut off: another one begins inside it"
        elements = (*pieces[1:16], data[component_at : component_at + 1])
    if len(data) < component_at + 2:
        return f"the ISA segment at byte {offset} is cut off: its segment terminator is missing"
    return IsaHeader(
        offset=offset,
        end=component_at + 2,
        elements=tuple(map(decode, elements)),
        separators=_separators(data, element, elements, component_at),
        whole=whole,
    )


def _whole_header_between(data: bytes, start: int, end: int) -> bool:
    at = data.find(b"ISA", start, end)
    while at >= 0:
        if len(data) > at + 3 and _has_fixed_shape(data, at):
            return True
        at = data.find(b"ISA", at + 3, end)
    return False


def _has_fixed_shape(data: bytes, offset: int) -> bool:
    if len(data) < offset + ISA_LENGTH - 1 or data[offset + 3] != data[offset + _SEPARATOR_OFFSETS[-1]]:
        return False
    separator = data[offset + 3]
    return all(data[offset + at] == separator for at in _SEPARATOR_OFFSETS)


def _separators(
    data: bytes, element: bytes, elements: tuple[bytes, ...] | list[bytes], component_at: int
) -> Separators:
    """The separators of the interchange; a repetition separator only where ISA12 and ISA11 announce one."""
    component = data[component_at : component_at + 1]
    terminator = data[component_at + 1 : component_at + 2]
    after = data[component_at + 2 : component_at + 4]
    suffix = "\r\n" if after == b"\r\n" else "\n" if after[:1] == b"\n" else ""
    repetition = elements[10]
    announced = (
        decode(elements[11]) >= _REPETITION_SINCE
        and len(repetition) == 1
        and repetition[0] not in _ALPHANUMERIC
        and repetition != b" "
        and repetition not in (element, component, terminator)
    )
    return Separators(
        element=element.decode("latin-1"),
        component=component.decode("latin-1"),
        segment=terminator.decode("latin-1"),
        repetition=repetition.decode("latin-1") if announced else None,
        suffix=suffix,
    )


def separator_fault(separators: Separators) -> tuple[str, str] | None:
    """(TA105 code, plain reason) when the announced separators cannot separate anything, else None."""
    named = (
        ("026", "element separator", separators.element),
        ("027", "component separator", separators.component),
        ("004", "segment terminator", separators.segment),
    )
    for code, name, value in named:
        if value.encode("latin-1")[0] in _ALPHANUMERIC or value == " ":
            return code, f"the {name} is {quoted(value)}, which occurs in data"
    if separators.component == separators.element:
        return (
            "027",
            f"the component separator and the element separator are both {quoted(separators.element)}",
        )
    if separators.segment in (separators.element, separators.component):
        return "004", f"the segment terminator {quoted(separators.segment)} is used as another separator too"
    return None


def find_isa(data: bytes, start: int, end: int) -> int:
    """Offset of the next ISA in ``data[start:end]`` that is plainly a header and not data, or -1.

    A header of full length is recognised anywhere, because sixteen separators at fixed offsets are no
    accident; one of another length only where a segment can begin, with usable separators and a five-digit
    version.
    """
    at = data.find(b"ISA", start, end)
    while at >= 0:
        if _is_header(data, at):
            return at
        at = data.find(b"ISA", at + 3, end)
    return -1


def _is_header(data: bytes, at: int) -> bool:
    if len(data) < at + 20 or data[at + 3] in _ALPHANUMERIC:
        return False
    if not _has_fixed_shape(data, at):
        before = data[at - 1] if at else None
        if before is not None and (before in _ALPHANUMERIC or before == data[at + 3] or before == 0x20):
            return False
    header = read_isa(data, at)
    if isinstance(header, str) or separator_fault(header.separators) is not None:
        return False
    version = header.elements[11].strip()
    return header.whole or (len(version) == 5 and version.isdigit())
