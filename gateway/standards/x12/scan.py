"""Cuts the body of one interchange into segments at the speed of ``bytes.split``, and knows where each began.

Line ends and blanks around segments are for the eye only and are taken off. Binary data (BIN, BDS) may hold
any byte, so an interchange that carries such segments goes through a scanner that jumps over the announced
length instead. Byte offsets are worked out only when somebody asks for them: for a good set nobody does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from typing import Final

from gateway.standards.x12.header import find_isa

__all__ = ["Body", "cut_body"]

_BLANKS: Final = b" \t\r\n"
_LINE_ENDS: Final = b"\r\n"
#: What may follow the last segment of a file and means nothing: blanks and the padding of old transfer
#: programs.
_TRAILING: Final = _BLANKS + b"\x1a\x00"
#: Segment id → number of the element that holds the length of the binary data after it.
_LENGTH_ELEMENT: Final = {b"BIN": 1, b"BDS": 2}


class Body:
    """The segments of one interchange between its ISA and its end, ISA not included, IEA included."""

    __slots__ = (
        "_data",
        "_offsets",
        "_start",
        "_sums",
        "_terminator",
        "empty",
        "end",
        "gap",
        "segments",
        "terminated",
    )

    def __init__(self, data: bytes, start: int, end: int, terminator: bytes, offsets: list[int] | None) -> None:
        self._data = data
        self._start = start
        self._terminator = terminator
        self._offsets = offsets
        self._sums: list[int] = []
        #: Offset of the first byte after the interchange.
        self.end = end
        #: Segments without terminator and without blanks and line ends around them; empty ones left out.
        self.segments: list[bytes] = []
        #: How many empty segments were left out.
        self.empty = 0
        #: Bytes between two segments; 0 when that differs from one to the next.
        self.gap = 0
        #: The last segment was followed by its terminator.
        self.terminated = True

    def offset(self, index: int) -> int:
        """Byte offset of the segment with this index in the transmission."""
        if self._offsets is not None:
            return self._offsets[index]
        if not self.gap:
            self._offsets = _offsets_of(self._data, self._start, self.end, self._terminator)
            return self._offsets[index]
        if not self._sums:
            self._sums = list(accumulate(map(len, self.segments), initial=0))
        return self._start + self._sums[index] + index * self.gap

    def offsets(self, first: int, count: int) -> list[int]:
        """Byte offsets of some segments in a row."""
        return [self.offset(index) for index in range(first, first + count)]

    def slice(self, first: int, count: int) -> bytes:
        """The bytes of some segments as received, from the first one to the terminator of the last one."""
        last = first + count - 1
        return self._data[self.offset(first) : self.offset(last) + len(self.segments[last]) + 1]


def cut_body(data: bytes, start: int, limit: int, element: bytes, terminator: bytes) -> Body:
    """Cuts the segments from ``start`` to the end of the first IEA, or to ``limit`` when there is none."""
    trailer = _trailer_pattern(element, terminator).search(data, start - 1, limit)
    end = limit
    if trailer is not None:
        found = data.find(terminator, trailer.end() - 1, limit)
        end = _skip(data, found + 1, _LINE_ENDS) if found >= 0 else limit
    if _binary_pattern(element, terminator).search(data, start - 1, end) is not None:
        return _scan_binary(data, start, element, terminator)
    first = min(_skip(data, start, _LINE_ENDS), end)
    body = Body(data, first, end, terminator, None)
    pieces, gap = _split(data[first:end], terminator)
    last = pieces.pop().strip(_TRAILING)
    body.segments = [piece for piece in pieces if piece]
    body.empty = len(pieces) - len(body.segments)
    body.gap = 0 if body.empty else gap
    if last:
        body.segments.append(last)
        body.terminated = False
    return body


@lru_cache(maxsize=64)
def _trailer_pattern(element: bytes, terminator: bytes) -> re.Pattern[bytes]:
    e, t = re.escape(element), re.escape(terminator)
    return re.compile(t + rb"[ \t\r\n]*IEA(?:" + e + rb"|" + t + rb")")


@lru_cache(maxsize=64)
def _binary_pattern(element: bytes, terminator: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(terminator) + rb"[ \t\r\n]*(?:BIN|BDS)" + re.escape(element))


def _split(block: bytes, terminator: bytes) -> tuple[list[bytes], int]:
    """Segments without line ends and blanks around them, the last item being what follows the last terminator.

    The number says how many bytes stand between two segments, 0 when that differs from one to the next.
    """
    for suffix in (b"\r\n", b"\n"):
        clean = terminator + suffix
        whole = block + suffix if block.endswith(terminator) else block
        count = whole.count(terminator)
        if (
            whole.count(clean) == count == whole.count(b"\n")
            and whole.count(b"\r") == (count if suffix == b"\r\n" else 0)
            and not _is_indented(whole, clean)
        ):
            return whole.split(clean), len(clean)
    others = [byte for byte in (b"\r", b"\n") if byte != terminator]
    if not any(byte in block for byte in others) and not _is_indented(block, terminator):
        return block.split(terminator), len(terminator)
    return [piece.lstrip(_BLANKS).rstrip(_LINE_ENDS) for piece in block.split(terminator)], 0


def _is_indented(block: bytes, line_end: bytes) -> bool:
    """Some segment has a blank or a tab before its id."""
    return block[:1] in (b" ", b"\t") or line_end + b" " in block or line_end + b"\t" in block


def _offsets_of(data: bytes, start: int, end: int, terminator: bytes) -> list[int]:
    offsets: list[int] = []
    at = start
    for piece in data[start:end].split(terminator):
        text = piece.lstrip(_BLANKS)
        if text.rstrip(_LINE_ENDS):
            offsets.append(at + len(piece) - len(text))
        at += len(piece) + 1
    return offsets


def _scan_binary(data: bytes, start: int, element: bytes, terminator: bytes) -> Body:
    """Segment by segment, jumping over binary data; ends after IEA or at the end of the data."""
    offsets: list[int] = []
    body = Body(data, start, len(data), terminator, offsets)
    at = start
    while at < len(data):
        at = _skip(data, at, _BLANKS)
        if data[at : at + 3] == b"ISA" and find_isa(data, at, at + 3) == at:
            break
        stop = data.find(terminator, at)
        tag = data[at : at + 3]
        if tag in _LENGTH_ELEMENT and data[at + 3 : at + 4] == element:
            stop = _end_of_binary(data, at, element, terminator, _LENGTH_ELEMENT[tag])
        if stop < 0:
            last = data[at:].rstrip(_TRAILING)
            if last:
                body.segments.append(last)
                offsets.append(at)
                body.terminated = False
            return body
        segment = data[at:stop]
        if segment:
            body.segments.append(segment)
            offsets.append(at)
        else:
            body.empty += 1
        at = stop + 1
        if segment[:3] == b"IEA" and segment[3:4] in (element, b""):
            break
    body.end = at
    return body


def _skip(data: bytes, at: int, skipped: bytes) -> int:
    while at < len(data) and data[at] in skipped:
        at += 1
    return at


def _end_of_binary(data: bytes, at: int, element: bytes, terminator: bytes, length_element: int) -> int:
    """Offset of the terminator after the binary data; the ordinary one when the length cannot be used; -1
    past the end.
    """
    ordinary = data.find(terminator, at)
    head = data[at : at + 64].split(element, length_element + 1)
    if len(head) < length_element + 2 or not head[length_element].isdigit():
        return ordinary
    first = at + sum(map(len, head[: length_element + 1])) + length_element + 1
    stop = first + int(head[length_element][:12])
    if stop >= len(data):
        return -1
    return stop if data[stop : stop + 1] == terminator else ordinary
