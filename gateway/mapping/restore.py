"""Putting back what the extensions keep: the entries of one anchor applied to our fresh writing of it.

On an unedited document this gives exactly what was received. Where a field was edited the edit wins, and what it does
not touch still goes back; what finds no place any more is reported as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.documents import Extension
from gateway.mapping.scopes import Item, Scope, Written
from gateway.mapping.spelling import KEPT, MARK, Key, Ranges, element_from_json, segment_from_json, written_key
from gateway.standards.edi.model import COMPONENT

__all__ = ["Restored", "restore"]


@dataclass(slots=True)
class Restored:
    """One anchor with its extensions back in place."""

    items: list[Item]
    #: Entries that found nothing to go back to: the text of what is lost.
    lost: list[str]


def restore(
    scope: Scope,
    entries: Sequence[Extension],
    ranges: Ranges,
    children: Callable[[str], Scope | None],
) -> Restored:
    """Apply the entries of one anchor to our fresh writing of it. `children` finds the scope of an anchor."""
    count = len(scope.items)
    keys = [written_key(item) for item in scope.items]
    inserts: dict[int, list[Item]] = {}
    blocks: dict[int, tuple[int, list[Item]]] = {}
    changed: dict[int, Item] = {}
    lost: list[str] = []
    taken: set[int] = set()
    placer = _Placer(scope, count)
    for entry in entries:
        form = entry.form
        if form == "segment":
            inserts.setdefault(placer.place(entry), []).append(segment_from_json(entry.segment or []))
        elif form == "elements":
            index = _candidate(entry, keys, taken, count)
            if index is None:
                lost.append(_lost_text(entry))
                continue
            taken.add(index)
            changed[index] = _respell(keys[index], entry, ranges)
        else:
            start = _run_start(entry, keys, count)
            run = entry.received or []
            if start is None:
                kept = [part[KEPT] for part in run if isinstance(part, Mapping) and KEPT in part]
                if kept:
                    place = placer.place(entry, str(kept[0][0]))
                    inserts.setdefault(place, []).extend(segment_from_json(part) for part in kept)
                continue
            blocks[start] = (len(entry.written or []), _run_items(run, children))
    return Restored(_assemble(scope.items, inserts, blocks, changed), lost)


class _Placer:
    """Finds the place of a kept segment among the items we write."""

    def __init__(self, scope: Scope, count: int) -> None:
        self.ranks = [_rank(item, scope.ranks) for item in scope.items]
        self.order = scope.ranks
        self.count = count
        self.last = 0

    def place(self, entry: Extension, tag: str | None = None) -> int:
        """How many of our items stand before it. After an edit the order of the set decides."""
        place = max(0, min(entry.ordinal, self.count))
        if entry.of != self.count:
            segment = entry.segment or [""]
            rank = self.order.get(tag if tag is not None else str(segment[0]))
            if rank is not None:
                while place < self.count and (self.ranks[place] or 0) < rank:
                    place += 1
                while place > 0 and (self.ranks[place - 1] or 0) > rank:
                    place -= 1
            place = max(place, self.last)
        self.last = place
        return place


def _rank(item: Item, ranks: Mapping[str, int]) -> int | None:
    return ranks.get(item.trigger if isinstance(item, Scope) else item[0])


def _candidate(entry: Extension, keys: list[Key], taken: set[int], count: int) -> int | None:
    """The written segment an `elements` entry belongs to."""
    like = segment_from_json(entry.written or [])
    same = [index for index, key in enumerate(keys) if key == like and index not in taken]
    if same:
        return min(same, key=lambda index: abs(index - entry.ordinal))
    open_ones = [
        index
        for index, key in enumerate(keys)
        if key[0] == entry.tag and not isinstance(key, str) and index not in taken
    ]
    if entry.of == count and entry.ordinal in open_ones:
        return entry.ordinal
    scored = [(_likeness(keys[index], like), -abs(index - entry.ordinal), index) for index in open_ones]
    best = max(scored, default=None)
    return best[2] if best is not None and best[0] >= 0.5 else None


def _likeness(key: Key, like: Written) -> float:
    """Share of the written elements that are still the same."""
    here = key[1]
    pairs = [(a, b) for a, b in zip(here, like[1], strict=False) if a or b]
    return sum(a == b for a, b in pairs) / max(1, len(pairs))


def _respell(key: Key, entry: Extension, ranges: Ranges) -> Written:
    """Received spellings for the elements that our writer still makes as it did."""
    assert not isinstance(key, str)
    tag, fresh = key
    spelled = {
        int(number): (element_from_json(pair.received), element_from_json(pair.written))
        for number, pair in (entry.elements or {}).items()
        if number.isdigit() and 0 < int(number) < 1000
    }
    width = max([len(fresh), *spelled])
    elements = [*fresh, *[""] * (width - len(fresh))]
    valid = {number for number, (_, written) in spelled.items() if elements[number - 1] == written}
    for first, last in ranges.get(tag, ()):
        together = {number for number in spelled if first <= number <= last}
        if not together <= valid:
            valid -= together
    for number in valid:
        elements[number - 1] = spelled[number][0]
    while elements and not elements[-1]:
        elements.pop()
    return (tag, tuple(elements))


def _run_start(entry: Extension, keys: list[Key], count: int) -> int | None:
    """Where the written run of a replaced block still stands."""
    run = [_key_from_json(part) for part in entry.written or []]
    if not run:
        return min(entry.ordinal, count) if not entry.received else None
    size = len(run)
    found = [start for start in range(count - size + 1) if keys[start : start + size] == run]
    return min(found, key=lambda start: abs(start - entry.ordinal)) if found else None


def _key_from_json(part: Any) -> Key:
    return part if isinstance(part, str) else segment_from_json(part)


def _run_items(run: Sequence[Any], children: Callable[[str], Scope | None]) -> list[Item]:
    items: list[Item] = []
    for part in run:
        if isinstance(part, str):
            child = children(part.removeprefix(MARK))
            if child is not None:
                items.append(child)
        else:
            items.append(segment_from_json(part[KEPT] if isinstance(part, Mapping) else part))
    return items


def _assemble(
    items: Sequence[Item],
    inserts: Mapping[int, list[Item]],
    blocks: Mapping[int, tuple[int, list[Item]]],
    changed: Mapping[int, Item],
) -> list[Item]:
    out: list[Item] = []
    index = 0
    while index <= len(items):
        out.extend(inserts.get(index, ()))
        if index in blocks:
            size, run = blocks[index]
            out.extend(run)
            for inside in range(index + 1, index + size):
                out.extend(inserts.get(inside, ()))
            index += size
            if size:
                continue
        if index < len(items):
            out.append(changed.get(index, items[index]))
        index += 1
    return out


def _lost_text(entry: Extension) -> str:
    values = [element_from_json(pair.received) for pair in (entry.elements or {}).values()]
    return f"{entry.tag} ({', '.join(value.replace(COMPONENT, ':') for value in values if value)})"
