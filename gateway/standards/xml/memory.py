"""Gives memory that large trees left behind back to the system, where the C library can do so.

A tree is hundreds of thousands of small blocks; once freed they stay with the process, one heap for each thread that
parsed. A long-running gateway would keep the sum of its largest files.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

__all__ = ["LARGE", "give_back", "make_room"]

#: Bytes of a file from which on its tree is worth giving back.
LARGE: Final = 512 * 1024
#: Bytes of large files between two returns of pages before a file: less is used again by the next tree, and looking
#: through the heap takes as long as a tenth of a parse.
_BETWEEN: Final = 16 * 1024 * 1024


def give_back(size: int) -> None:
    """Return unused heap pages to the system, before or after a file of ``size`` bytes if that is `LARGE`.

    It is malloc_trim of the GNU C library; elsewhere nothing happens. Call it when the tree of a file is gone.
    """
    if size >= LARGE:
        _account.since = 0
        _trim()(0)


class _Account:
    """Bytes of large files since pages were last returned. Threads may lose each other's sums: then it is later."""

    since = 0


_account = _Account()


def make_room(size: int) -> None:
    """Before a file of ``size`` bytes: `give_back`, if large files of 16 MiB together have come since the last time."""
    if size >= LARGE:
        _account.since += size
        if _account.since >= _BETWEEN:
            give_back(size)


@cache
def _trim() -> Callable[[int], object]:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return _nothing
    return found


def _nothing(_keep: int) -> None:
    return None
