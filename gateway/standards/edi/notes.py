"""Syntax notes, the rules between elements of one segment: P, R, E, C and L (X12.6 relational conditions).

Each kind stands here twice: as conditionals on "did group N match" for the verdict's pattern, and as a
careful check that names the elements to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import combinations
from typing import Final

from gateway.standards.edi.schema import SyntaxNote

__all__ = [
    "CONDITIONAL_MISSING",
    "EXCLUSION_BROKEN",
    "broken_notes",
    "group_name",
    "note_pattern",
    "positions_named",
]

CONDITIONAL_MISSING: Final = "AK403-2"
EXCLUSION_BROKEN: Final = "AK403-10"

_FAIL: Final = b"(?!)"


def positions_named(notes: Iterable[SyntaxNote]) -> frozenset[int]:
    """The positions whose presence some note asks about."""
    return frozenset(position for note in notes for position in note.positions)


def group_name(position: int, prefix: str = "") -> str:
    """The name of the group that is set when the element at this position is present."""
    return f"g{prefix}{position}"


def note_pattern(note: SyntaxNote, prefix: str = "") -> bytes:
    """Conditionals that fail the match when the note is broken."""
    groups = [group_name(position, prefix).encode() for position in note.positions]
    return _PATTERNS[note.kind](groups)


def broken_notes(notes: Iterable[SyntaxNote], present: Collection[int]) -> Iterator[tuple[SyntaxNote, str, int]]:
    """(note, finding code, position to blame) for each note that does not hold of the positions present."""
    for note in notes:
        code = EXCLUSION_BROKEN if note.kind == "E" else CONDITIONAL_MISSING
        for position in _CHECKS[note.kind](note.positions, present):
            yield note, code, position


def _if(group: bytes, then: bytes, otherwise: bytes = b"") -> bytes:
    return b"(?(" + group + b")" + then + (b"|" + otherwise if otherwise else b"") + b")"


def _present(group: bytes) -> bytes:
    return b"(?(" + group + b")|(?!))"


def _one_of(groups: list[bytes]) -> bytes:
    pattern = _FAIL
    for group in reversed(groups):
        pattern = b"(?(" + group + b")|" + pattern + b")"
    return pattern


def _all_of(groups: list[bytes]) -> bytes:
    return b"".join(map(_present, groups))


def _paired(groups: list[bytes]) -> bytes:
    first, *rest = groups
    return _if(first, _all_of(rest), b"".join(_if(group, _FAIL) for group in rest))


def _exclusive(groups: list[bytes]) -> bytes:
    return b"".join(_if(one, _if(other, _FAIL)) for one, other in combinations(groups, 2))


_PATTERNS: Final[dict[str, Callable[[list[bytes]], bytes]]] = {
    "P": _paired,
    "R": _one_of,
    "E": _exclusive,
    "C": lambda groups: _if(groups[0], _all_of(groups[1:])),
    "L": lambda groups: _if(groups[0], _one_of(groups[1:])),
}


def _missing(positions: Iterable[int], present: Collection[int]) -> list[int]:
    return [position for position in positions if position not in present]


def _check_paired(positions: tuple[int, ...], present: Collection[int]) -> list[int]:
    missing = _missing(positions, present)
    return missing if len(missing) < len(positions) else []


def _check_required(positions: tuple[int, ...], present: Collection[int]) -> list[int]:
    return [positions[0]] if len(_missing(positions, present)) == len(positions) else []


def _check_exclusive(positions: tuple[int, ...], present: Collection[int]) -> list[int]:
    return [position for position in positions if position in present][1:]


def _check_conditional(positions: tuple[int, ...], present: Collection[int]) -> list[int]:
    return _missing(positions[1:], present) if positions[0] in present else []


def _check_list(positions: tuple[int, ...], present: Collection[int]) -> list[int]:
    return _check_required(positions[1:], present) if positions[0] in present else []


_CHECKS: Final[dict[str, Callable[[tuple[int, ...], Collection[int]], list[int]]]] = {
    "P": _check_paired,
    "R": _check_required,
    "E": _check_exclusive,
    "C": _check_conditional,
    "L": _check_list,
}
