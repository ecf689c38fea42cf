"""The complement: what a received set says beyond our own writing of it, and putting that back when writing.

`difference` compares the received items of one anchor with the items we write for it and returns extension entries;
`restore` applies the entries to a fresh writing. Restoring onto an unedited document gives exactly what was received;
where a field was edited, the edit wins and what it does not touch still goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from gateway.documents import Extension, SpelledElement
from gateway.mapping.reader import Received
from gateway.mapping.scopes import Item, Scope, Written
from gateway.standards.edi.model import COMPONENT, REPETITION

__all__ = ["Restored", "difference", "restore", "segment_from_json", "segment_to_json"]

#: Element ranges of a tag that belong together (PO106-125): they are restored together or not at all.
Ranges = Mapping[str, Sequence[tuple[int, int]]]
_Key = Written | str
_MARK = "@"
_KEPT = "kept"


# -- JSON form of a segment ---------------------------------------------------------------------------------------------


def segment_to_json(segment: Written) -> list[Any]:
    """Tag and elements; a composite is a list of its components, repeats are an object."""
    return [segment[0], *(_element_to_json(element) for element in segment[1])]


def segment_from_json(elements: Sequence[Any]) -> Written:
    """The inverse of `segment_to_json`."""
    return (
        str(elements[0]) if elements else "",
        tuple(_element_from_json(element) for element in elements[1:]),
    )


def _element_to_json(element: str) -> Any:
    if element.isprintable():
        return element
    if REPETITION in element:
        return {"repeats": [_element_to_json(part) for part in element.split(REPETITION)]}
    return element.split(COMPONENT) if COMPONENT in element else element


def _element_from_json(element: Any) -> str:
    if isinstance(element, str):
        return element
    if isinstance(element, Mapping):
        return REPETITION.join(_element_from_json(part) for part in element.get("repeats", []))
    if isinstance(element, Sequence):
        return COMPONENT.join(str(part) for part in element)
    return "" if element is None else str(element)


# -- what differs -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Step:
    """A stretch of the alignment: received[c1:c2] stands for written[w1:w2]."""

    kind: str  # "same", "spelled", "replaced", "extra"
    c1: int
    c2: int
    w1: int
    w2: int


def difference(anchor: str, received: Sequence[Received], scope: Scope, ranges: Ranges) -> list[Extension]:
    """The entries that turn our writing of one anchor into what was received, in order; often none."""
    taken = [_received_key(item) for item in received if isinstance(item, str) or item[1]]
    written = [_written_key(item) for item in scope.items]
    if len(taken) == len(received) and taken == written:
        return []
    steps = _align(taken, written)
    entries: list[Extension] = []
    of = len(written)
    index, step = 0, 0
    pending: list[Any] = []
    for item in received:
        if not isinstance(item, str) and not item[1]:
            while step < len(steps) and steps[step].c2 <= index:
                _close(anchor, steps[step], taken, written, of, ranges, pending, entries)
                pending, step = [], step + 1
            segment = segment_to_json(_received_key(item))  # type: ignore[arg-type]
            if step < len(steps) and steps[step].kind == "replaced" and steps[step].c1 < index < steps[step].c2:
                pending.append((index, {_KEPT: segment}))
            else:
                ordinal = steps[step].w1 if step < len(steps) else of
                entries.append(Extension(anchor=anchor, ordinal=ordinal, of=of, segment=segment))
            continue
        while step < len(steps) and steps[step].c2 <= index:
            _close(anchor, steps[step], taken, written, of, ranges, pending, entries)
            pending, step = [], step + 1
        index += 1
    for rest in steps[step:]:
        _close(anchor, rest, taken, written, of, ranges, pending, entries)
        pending = []
    return entries


def _received_key(item: Received) -> _Key:
    return _MARK + item if isinstance(item, str) else (item[0].tag, item[0].elements)


def _written_key(item: Item) -> _Key:
    return f"{_MARK}{item.anchor}" if isinstance(item, Scope) else item


def _align(taken: list[_Key], written: list[_Key]) -> list[_Step]:
    """Steps over both lists; equal items first, then by tag."""
    start = 0
    limit = min(len(taken), len(written))
    while start < limit and taken[start] == written[start]:
        start += 1
    end = 0
    while end < limit - start and taken[-1 - end] == written[-1 - end]:
        end += 1
    steps = [_Step("same", i, i + 1, i, i + 1) for i in range(start)]
    c_stop, w_stop = len(taken) - end, len(written) - end
    matcher = SequenceMatcher(None, taken[start:c_stop], written[start:w_stop], autojunk=False)
    for name, c1, c2, w1, w2 in matcher.get_opcodes():
        bounds = (c1 + start, c2 + start, w1 + start, w2 + start)
        if name == "equal":
            steps += [
                _Step("same", bounds[0] + i, bounds[0] + i + 1, bounds[2] + i, bounds[2] + i + 1)
                for i in range(c2 - c1)
            ]
        else:
            steps += _align_by_tag(taken, written, *bounds)
    steps += [_Step("same", c_stop + i, c_stop + i + 1, w_stop + i, w_stop + i + 1) for i in range(end)]
    return steps


def _align_by_tag(taken: list[_Key], written: list[_Key], c1: int, c2: int, w1: int, w2: int) -> list[_Step]:
    received_runs, written_runs = _runs(taken, c1, c2), _runs(written, w1, w2)
    tags = [run[0] for run in received_runs], [run[0] for run in written_runs]
    steps: list[_Step] = []
    c_at, w_at = c1, w1
    for name, r1, r2, s1, s2 in SequenceMatcher(None, *tags, autojunk=False).get_opcodes():
        if name == "equal":
            for received_run, written_run in zip(received_runs[r1:r2], written_runs[s1:s2], strict=True):
                steps += _run_steps(c_at, received_run[1], w_at, written_run[1])
                c_at, w_at = c_at + received_run[1], w_at + written_run[1]
        else:
            c_end = c_at + sum(run[1] for run in received_runs[r1:r2])
            w_end = w_at + sum(run[1] for run in written_runs[s1:s2])
            kind = "extra" if w_at == w_end and not _has_marks(taken[c_at:c_end]) else "replaced"
            steps.append(_Step(kind, c_at, c_end, w_at, w_end))
            c_at, w_at = c_end, w_end
    return steps


def _runs(keys: list[_Key], start: int, stop: int) -> list[tuple[str, int]]:
    """Tag and length of each run of one tag; an anchor is a run of its own."""
    tags = (key if isinstance(key, str) else key[0] for key in keys[start:stop])
    return [(tag, len(list(group))) for tag, group in groupby(tags)]


def _run_steps(c_at: int, received: int, w_at: int, written: int) -> list[_Step]:
    if received == written:
        return [_Step("spelled", c_at + i, c_at + i + 1, w_at + i, w_at + i + 1) for i in range(received)]
    return [_Step("replaced", c_at, c_at + received, w_at, w_at + written)]


def _has_marks(keys: Iterable[_Key]) -> bool:
    return any(isinstance(key, str) for key in keys)


def _close(
    anchor: str,
    step: _Step,
    taken: list[_Key],
    written: list[_Key],
    of: int,
    ranges: Ranges,
    kept: list[tuple[int, Any]],
    entries: list[Extension],
) -> None:
    """The entries of one finished step."""
    if step.kind == "same":
        return
    if step.kind == "extra":
        entries += [
            Extension(anchor=anchor, ordinal=step.w1, of=of, segment=_json(key)) for key in taken[step.c1 : step.c2]
        ]
        return
    if step.kind == "spelled":
        ours, theirs = written[step.w1], taken[step.c1]
        if ours == theirs or isinstance(ours, str) or isinstance(theirs, str):
            return
        entries.append(
            Extension(
                anchor=anchor,
                ordinal=step.w1,
                of=of,
                tag=ours[0],
                written=segment_to_json(ours),
                elements=_spellings(theirs[1], ours, ranges),
            )
        )
        return
    run: list[Any] = []
    for index in range(step.c1, step.c2):
        run += [segment for place, segment in kept if place == index]
        run.append(_json(taken[index]))
    entries.append(
        Extension(
            anchor=anchor,
            ordinal=step.w1,
            of=of,
            received=run,
            written=[_json(key) for key in written[step.w1 : step.w2]],
        )
    )


def _json(key: _Key) -> Any:
    return key if isinstance(key, str) else segment_to_json(key)


def _spellings(theirs: tuple[str, ...], ours: Written, ranges: Ranges) -> dict[str, SpelledElement]:
    width = max(len(theirs), len(ours[1]))
    left = theirs + ("",) * (width - len(theirs))
    right = ours[1] + ("",) * (width - len(ours[1]))
    differing = {index for index in range(width) if left[index] != right[index]}
    for first, last in ranges.get(ours[0], ()):
        together = range(first - 1, min(last, width))
        if any(index in differing for index in together):
            differing.update(together)
    return {
        str(index + 1): SpelledElement(received=_element_to_json(left[index]), written=_element_to_json(right[index]))
        for index in sorted(differing)
    }


# -- putting it back ----------------------------------------------------------------------------------------------------


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
    keys = [_written_key(item) for item in scope.items]
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
                kept = [part[_KEPT] for part in run if isinstance(part, Mapping) and _KEPT in part]
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


def _candidate(entry: Extension, keys: list[_Key], taken: set[int], count: int) -> int | None:
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


def _likeness(key: _Key, like: Written) -> float:
    """Share of the written elements that are still the same."""
    here = key[1]
    pairs = [(a, b) for a, b in zip(here, like[1], strict=False) if a or b]
    return sum(a == b for a, b in pairs) / max(1, len(pairs))


def _respell(key: _Key, entry: Extension, ranges: Ranges) -> Written:
    """Received spellings for the elements that our writer still makes as it did."""
    assert not isinstance(key, str)
    tag, fresh = key
    spelled = {
        int(number): (_element_from_json(pair.received), _element_from_json(pair.written))
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


def _run_start(entry: Extension, keys: list[_Key], count: int) -> int | None:
    """Where the written run of a replaced block still stands."""
    run = [_key_from_json(part) for part in entry.written or []]
    if not run:
        return min(entry.ordinal, count) if not entry.received else None
    size = len(run)
    found = [start for start in range(count - size + 1) if keys[start : start + size] == run]
    return min(found, key=lambda start: abs(start - entry.ordinal)) if found else None


def _key_from_json(part: Any) -> _Key:
    return part if isinstance(part, str) else segment_from_json(part)


def _run_items(run: Sequence[Any], children: Callable[[str], Scope | None]) -> list[Item]:
    items: list[Item] = []
    for part in run:
        if isinstance(part, str):
            child = children(part.removeprefix(_MARK))
            if child is not None:
                items.append(child)
        else:
            items.append(segment_from_json(part[_KEPT] if isinstance(part, Mapping) else part))
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
    values = [_element_from_json(pair.received) for pair in (entry.elements or {}).values()]
    return f"{entry.tag} ({', '.join(value.replace(COMPONENT, ':') for value in values if value)})"
