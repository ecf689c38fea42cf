"""What a received set says beyond our own writing of it, anchor by anchor, as extension entries.

Received and written items are aligned: first where they are equal, then by tag. Segments that no rule reads become
entries of their own; a differing pair becomes a spelling for each element; a run of another length becomes a
replacement of the whole run, so that an edit never leaves half of it behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from gateway.documents import Extension, SpelledElement
from gateway.mapping.reader import Received
from gateway.mapping.scopes import Scope, Written
from gateway.mapping.spelling import KEPT, MARK, Key, Ranges, element_to_json, segment_to_json, written_key

__all__ = ["difference"]


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
    written = [written_key(item) for item in scope.items]
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
                pending.append((index, {KEPT: segment}))
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


def _received_key(item: Received) -> Key:
    return MARK + item if isinstance(item, str) else (item[0].tag, item[0].elements)


def _align(taken: list[Key], written: list[Key]) -> list[_Step]:
    """Steps over both lists; equal items first, then by tag."""
    start = 0
    limit = min(len(taken), len(written))
    while start < limit and taken[start] == written[start]:
        start += 1
    end = 0
    while end < limit - start and taken[-1 - end] == written[-1 - end]:
        end += 1
    c_stop, w_stop = len(taken) - end, len(written) - end
    steps = _same(0, 0, start)
    if _marks(taken[start:c_stop]) != _marks(written[start:w_stop]):
        # Objects stand in another order than ours: only the whole stretch can say so.
        steps.append(_Step("replaced", start, c_stop, start, w_stop))
    else:
        steps += _align_between_marks(taken, written, start, c_stop, w_stop)
    return [*steps, *_same(c_stop, w_stop, end)]


def _same(c_at: int, w_at: int, count: int) -> list[_Step]:
    return [_Step("same", c_at + i, c_at + i + 1, w_at + i, w_at + i + 1) for i in range(count)]


def _align_between_marks(taken: list[Key], written: list[Key], start: int, c_stop: int, w_stop: int) -> list[_Step]:
    """Objects stand for themselves; what lies between two of them is aligned on its own."""
    steps: list[_Step] = []
    c_at = w_at = start
    for mark in _marks(taken[start:c_stop]):
        c_mark, w_mark = taken.index(mark, c_at), written.index(mark, w_at)
        steps += _align_segments(taken, written, c_at, c_mark, w_at, w_mark)
        steps += _same(c_mark, w_mark, 1)
        c_at, w_at = c_mark + 1, w_mark + 1
    return steps + _align_segments(taken, written, c_at, c_stop, w_at, w_stop)


def _align_segments(
    taken: list[Key], written: list[Key], c_at: int, c_stop: int, w_at: int, w_stop: int
) -> list[_Step]:
    if c_at == c_stop and w_at == w_stop:
        return []
    steps: list[_Step] = []
    matcher = SequenceMatcher(None, taken[c_at:c_stop], written[w_at:w_stop], autojunk=False)
    for name, c1, c2, w1, w2 in matcher.get_opcodes():
        if name == "equal":
            steps += _same(c1 + c_at, w1 + w_at, c2 - c1)
        else:
            steps += _align_by_tag(taken, written, c1 + c_at, c2 + c_at, w1 + w_at, w2 + w_at)
    return steps


def _marks(keys: Iterable[Key]) -> list[str]:
    return [key for key in keys if isinstance(key, str)]


def _align_by_tag(taken: list[Key], written: list[Key], c1: int, c2: int, w1: int, w2: int) -> list[_Step]:
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
            if w_at == w_end:
                steps += [_Step("extra", place, place + 1, w_at, w_at) for place in range(c_at, c_end)]
            else:
                steps.append(_Step("replaced", c_at, c_end, w_at, w_end))
            c_at, w_at = c_end, w_end
    return steps


def _runs(keys: list[Key], start: int, stop: int) -> list[tuple[str, int]]:
    """Tag and length of each run of one tag; an anchor is a run of its own."""
    tags = (key if isinstance(key, str) else key[0] for key in keys[start:stop])
    return [(tag, len(list(group))) for tag, group in groupby(tags)]


def _run_steps(c_at: int, received: int, w_at: int, written: int) -> list[_Step]:
    if received == written:
        return [_Step("spelled", c_at + i, c_at + i + 1, w_at + i, w_at + i + 1) for i in range(received)]
    return [_Step("replaced", c_at, c_at + received, w_at, w_at + written)]


def _close(
    anchor: str,
    step: _Step,
    taken: list[Key],
    written: list[Key],
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


def _json(key: Key) -> Any:
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
        str(index + 1): SpelledElement(received=element_to_json(left[index]), written=element_to_json(right[index]))
        for index in sorted(differing)
    }
