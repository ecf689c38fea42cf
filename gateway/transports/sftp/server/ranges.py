"""Which bytes of a file were read or written, whatever the order: a small set of ranges.

A client may read ahead, out of order and twice; a file counts as read when the ranges cover it, never because an
end of file was seen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

__all__ = ["MAX_RANGES", "ByteRanges"]

#: Separate ranges kept; a peer that makes more is not copying a file.
MAX_RANGES = 4096


class ByteRanges:
    """Half-open ranges ``[start, end)`` that never touch one another, in order."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Add ``[start, end)``. Raises ValueError when more than MAX_RANGES would be left."""
        if start >= end:
            return
        if self._ends and start == self._ends[-1]:  # the usual case: in order
            self._ends[-1] = end
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]
        if len(self._starts) > MAX_RANGES:
            raise ValueError(f"The file was touched in more than {MAX_RANGES} separate places.")

    def cover(self, size: int) -> bool:
        """True when every byte of a file of ``size`` bytes is in the set; an empty file always is."""
        return size == 0 or (bool(self._starts) and self._starts[0] == 0 and self._ends[0] >= size)

    @property
    def count(self) -> int:
        """How many separate ranges there are."""
        return len(self._starts)
