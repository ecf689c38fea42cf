"""Hierarchical levels: the rules between the HL segments of one set (856, 816, 869, 870).

HL01 numbers a level, HL02 names its parent, HL03 says what it is and HL04 whether it has children. The tree
that they make is not in the set's structure, so it is checked here, in one pass over the HL segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ALLOWED_PARENTS", "HierarchyProblem", "Level", "check_hierarchy", "check_levels"]

#: BSN05 (element 1005) to {level: levels it may stand under}; "" is the top. T (tare) and the customary extra
#: levels between order and item are allowed where a pack may stand.
ALLOWED_PARENTS: Final[dict[str, dict[str, str]]] = {
    "0001": {"S": "", "O": "S", "T": "O", "P": "OT", "I": "P"},
    "0002": {"S": "", "O": "S", "I": "O", "T": "I", "P": "IT"},
    "0003": {"S": "", "T": "S", "P": "ST", "O": "P", "I": "O"},
    "0004": {"S": "", "O": "S", "I": "O"},
}


@dataclass(frozen=True, slots=True)
class Level:
    """One HL segment."""

    #: Index of the segment in the set, ST = 0.
    index: int
    #: HL01 to HL04, "" where absent.
    number: str
    parent: str
    code: str
    has_child: str


@dataclass(frozen=True, slots=True)
class HierarchyProblem:
    """What is wrong with one HL."""

    code: str
    index: int
    #: 1-based element number.
    element: int
    value: str
    #: Plain half-sentence for the reader.
    reason: str


def check_hierarchy(segments: Sequence[bytes], separator: bytes) -> Iterator[HierarchyProblem]:
    """The problems of all HL segments of a set, under the structure code of its BSN segment if it has one."""
    shape = ""
    levels = []
    for index, raw in enumerate(segments):
        if raw.startswith(b"HL" + separator):
            fields = raw.decode("latin-1").split(separator.decode("latin-1")) + [""] * 4
            levels.append(Level(index, *(field.rstrip(" ") for field in fields[1:5])))
        elif raw.startswith(b"BSN" + separator):
            fields = raw.decode("latin-1").split(separator.decode("latin-1"))
            shape = fields[5].rstrip(" ") if len(fields) > 5 else ""
    yield from check_levels(levels, shape)


def check_levels(levels: Sequence[Level], shape: str = "") -> Iterator[HierarchyProblem]:
    """Problems in the order of the segments; `shape` is BSN05, "" where it says nothing."""
    seen: dict[str, Level] = {}
    path = _Path()
    parents = ALLOWED_PARENTS.get(shape)
    for at, level in enumerate(levels):
        if level.number in seen:
            yield HierarchyProblem(
                "AK403-7", level.index, 1, level.number, "the number was already given to an earlier level"
            )
        elif level.number != str(at + 1):
            reason = f"levels are customarily numbered 1, 2, 3 …, here {at + 1} was due"
            yield HierarchyProblem("RULE-hl-step", level.index, 1, level.number, reason)
        yield from _check_parent(level, path, seen, first=at == 0)
        if parents is not None:
            yield from _check_shape(level, path, parents, shape)
        seen.setdefault(level.number, level)
        path.push(level)
        following = levels[at + 1] if at + 1 < len(levels) else None
        yield from _check_child(level, following)


class _Path:
    """The levels that are open, outermost first, each found by its number at once."""

    def __init__(self) -> None:
        self._levels: list[Level] = []
        self._depths: dict[str, int] = {}

    @property
    def code(self) -> str:
        """HL03 of the innermost open level, "" when none is."""
        return self._levels[-1].code if self._levels else ""

    def push(self, level: Level) -> None:
        self._depths[level.number] = len(self._levels)
        self._levels.append(level)

    def cut(self, number: str) -> bool:
        """Close what is open under the level of this number; False, and nothing closed, when it is not open."""
        depth = self._depths.get(number, -1)
        if depth < 0:
            return False
        self._close(depth + 1)
        return True

    def clear(self) -> None:
        self._close(0)

    def _close(self, depth: int) -> None:
        for level in self._levels[depth:]:
            self._depths.pop(level.number, None)
        del self._levels[depth:]


def _check_parent(level: Level, path: _Path, seen: dict[str, Level], first: bool) -> Iterator[HierarchyProblem]:
    """Cut the open path back to the parent; leaves it as it is when the parent is not on it."""
    if not level.parent:
        if not first:
            reason = "only the first level may stand without a parent"
            yield HierarchyProblem("AK403-7", level.index, 2, "", reason)
        path.clear()
        return
    if path.cut(level.parent):
        return
    if level.parent in seen:
        reason = f"level {level.parent} was already left when this level began"
    else:
        reason = f"no earlier level has the number {level.parent}"
    yield HierarchyProblem("AK403-7", level.index, 2, level.parent, reason)


def _check_shape(level: Level, path: _Path, parents: dict[str, str], shape: str) -> Iterator[HierarchyProblem]:
    above = path.code
    allowed = parents.get(level.code)
    if allowed is None or (above not in allowed if above else allowed != ""):
        place = f"under {above}" if above else "at the top"
        reason = f"a level {level.code} {place} is not foreseen by structure code {shape}"
        yield HierarchyProblem("RULE-hl-level", level.index, 3, level.code, reason)


def _check_child(level: Level, following: Level | None) -> Iterator[HierarchyProblem]:
    """HL04 speaks of the very next level: children follow their parent."""
    if not level.has_child:
        return
    has_child = following is not None and following.parent == level.number
    if level.has_child != ("1" if has_child else "0"):
        reason = "a level under it follows" if has_child else "no level under it follows"
        yield HierarchyProblem("RULE-hl-child", level.index, 4, level.has_child, reason)
