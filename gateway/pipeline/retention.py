"""Retention at work: what would go, letting it go in small steps, and the sweep that does so by itself.

A pass goes through the kept payloads from the oldest on. It looks at some of them in a reading session, and hands those
that are due to the writer in small pieces, where each is judged once more: nothing that changed meanwhile is removed.
Files of large payloads are deleted after the commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from gateway.messages.retention import OBSTACLES, Removed, Rules, State, Verdict, judge, remove_due
from gateway.pipeline.context import Pipeline
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.sending import RequestError
from gateway.store.faults import fault_point
from gateway.store.payloads import Payload
from gateway.store.removal import Kept, delete_files

__all__ = ["OPERATIONS", "RetentionSweep"]

logger = logging.getLogger(__name__)

#: Payloads that are looked at in one reading session, and removed in one piece of work of the writer.
LOOKED_AT, REMOVED_AT_ONCE = 200, 25
#: Payloads that one call of an operation looks at.
PAGE = 2_000
#: Time between the ends and beginnings of two passes, and seconds that one sweep may take.
BETWEEN = timedelta(hours=1)
BUDGET = 2.0

#: Where a pass stands: when a payload was stored, and its digest.
Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class _Step:
    """Some payloads of a pass, judged."""

    verdicts: tuple[Verdict, ...]
    #: Where the next step begins; None at the end.
    next: Place | None


def _oldest_that_stay(session: Session, pipeline: Pipeline, now: datetime) -> datetime | None:
    """Nothing that was stored after this instant can be due; None when no rule removes anything."""
    shortest = _rules(session, pipeline).shortest()
    return None if shortest is None else now - timedelta(days=shortest)


def _step(
    session: Session, pipeline: Pipeline, after: Place | None, before: datetime, now: datetime, limit: int
) -> _Step:
    rows = _page(session, after, before, limit)
    verdicts = judge(session, rows, _rules(session, pipeline), now)
    last = rows[-1] if len(rows) == limit else None
    return _Step(tuple(verdicts), (last.created_at, last.sha256) if last else None)


def _page(session: Session, after: Place | None, before: datetime, limit: int) -> list[Kept]:
    query = select(Payload.sha256, Payload.size, Payload.path, Payload.created_at)
    query = query.where(Payload.removed_at.is_(None), Payload.created_at <= before)
    if after is not None:
        at, digest = after
        query = query.where(Payload.created_at >= at, tuple_(Payload.created_at, Payload.sha256) > tuple_(at, digest))
    rows = session.execute(query.order_by(Payload.created_at, Payload.sha256).limit(limit))
    return [Kept(row.sha256, row.size, row.path, row.created_at) for row in rows]


def _rules(session: Session, pipeline: Pipeline) -> Rules:
    return Rules(session, pipeline.directory.find, pipeline.keep)


def _remove(pipeline: Pipeline, verdicts: Iterable[Verdict]) -> list[Removed]:
    """Remove what is due, in small pieces so that others write in between."""
    digests = [verdict.payload.sha256 for verdict in verdicts if verdict.state is State.DUE]
    removed: list[Removed] = []
    for start in range(0, len(digests), REMOVED_AT_ONCE):
        removed += _remove_some(pipeline, digests[start : start + REMOVED_AT_ONCE])
    return removed


def _remove_some(pipeline: Pipeline, digests: Sequence[str]) -> list[Removed]:
    since = time.time()

    def work(session: Session) -> list[Removed]:
        return remove_due(session, digests, _rules(session, pipeline), pipeline.clock())

    fault_point("retention.before_commit")
    removed = pipeline.store.writer.run(work)
    paths = [each.payload.path for each in removed if each.payload.path is not None]
    if paths:
        delete_files(pipeline.store, paths, since=since)
    return removed


# -- by itself -------------------------------------------------------------------------------------------------


class RetentionSweep:
    """The passes that run by themselves, a little at every beat of the sweeper."""

    def __init__(self, pipeline: Pipeline, *, budget: float = BUDGET) -> None:
        self._pipeline = pipeline
        self._budget = budget
        self._place: Place | None = None
        self._next_pass: datetime | None = None
        self._removed, self._bytes = 0, 0

    def beat(self) -> int:
        """Go on with the pass that runs, or begin one when it is time; how many payloads were removed."""
        now = self._pipeline.clock()
        if self._next_pass is not None and now < self._next_pass:
            return 0
        with self._pipeline.store.read() as session:
            before = _oldest_that_stay(session, self._pipeline, now)
        if before is None:
            self._finished(now)
            return 0
        end, count = time.monotonic() + self._budget, 0
        while True:
            with self._pipeline.store.read() as session:
                step = _step(session, self._pipeline, self._place, before, now, LOOKED_AT)
            removed = _remove(self._pipeline, step.verdicts)
            count += len(removed)
            self._removed += len(removed)
            self._bytes += sum(each.payload.size for each in removed)
            self._place = step.next
            if step.next is None:
                self._finished(now)
                return count
            if time.monotonic() >= end:
                return count

    def _finished(self, now: datetime) -> None:
        if self._removed:
            logger.info("Retention removed %d payloads, %d bytes", self._removed, self._bytes)
        self._next_pass, self._removed, self._bytes = now + BETWEEN, 0, 0


# -- by hand ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sums:
    """Payloads and bytes by what they have in common."""

    sums: dict[tuple[str | None, ...], list[int]] = field(default_factory=dict)

    def add(self, key: tuple[str | None, ...], size: int) -> None:
        """Count one payload."""
        total = self.sums.setdefault(key, [0, 0])
        total[0] += 1
        total[1] += size

    def rows(self, *names: str) -> list[dict[str, Any]]:
        """Each key under these names, with its sums."""
        found = sorted(self.sums.items(), key=lambda entry: tuple(part or "" for part in entry[0]))
        return [
            {**dict(zip(names, key, strict=True)), "payloads": count, "bytes": size} for key, (count, size) in found
        ]


def look(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One page of what retention would do now; it changes nothing. ``after`` is ``next`` of the page before.

    Gives {"as_of", "rules", "looked_at", "total", "due", "kept_back", "next"}: ``due`` and ``kept_back`` are sums by
    partner, content and rule or reason; ``total`` counts the payloads that are old enough for any rule.
    """
    step, answer = _look(pipeline, parameters)
    due = _Sums()
    for verdict in step.verdicts:
        if verdict.state is State.DUE and verdict.rule is not None:
            due.add((verdict.partner, verdict.content.value, verdict.rule.text), verdict.payload.size)
    return {**answer, "due": due.rows("partner", "content", "rule")}


def run(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Remove what is due among one page of payloads; like ``look``, with ``removed`` instead of ``due``."""
    step, answer = _look(pipeline, parameters)
    removed = _Sums()
    for each in _remove(pipeline, step.verdicts):
        removed.add((each.partner, each.content.value, each.rule.text), each.payload.size)
    return {**answer, "removed": removed.rows("partner", "content", "rule")}


def _look(pipeline: Pipeline, parameters: Mapping[str, Any]) -> tuple[_Step, dict[str, Any]]:
    """One page, and what is told of it whatever follows."""
    now, after = pipeline.clock(), _place_of(parameters)
    kept = _Sums()
    with pipeline.store.read() as session:
        before, rules = _oldest_that_stay(session, pipeline, now), _rules(session, pipeline).listed()
        step, total = _Step((), None), 0
        if before is not None:
            step = _step(session, pipeline, after, before, now, PAGE)
            old = select(func.count()).select_from(Payload).where(Payload.removed_at.is_(None))
            total = session.scalar(old.where(Payload.created_at <= before)) or 0
    for verdict in step.verdicts:
        if verdict.state is State.KEPT_BACK:
            kept.add((verdict.partner, verdict.content.value, verdict.obstacle), verdict.payload.size)
    return step, {
        "as_of": now.isoformat(),
        "rules": rules,
        "looked_at": len(step.verdicts),
        "total": total,
        "kept_back": [
            {**row, "sentence": OBSTACLES[str(row["reason"])]} for row in kept.rows("partner", "content", "reason")
        ],
        "next": None if step.next is None else f"{step.next[0].isoformat()} {step.next[1]}",
    }


def _place_of(parameters: Mapping[str, Any]) -> Place | None:
    given = str(parameters.get("after") or "")
    if not given:
        return None
    at, _, digest = given.partition(" ")
    try:
        return datetime.fromisoformat(at), digest
    except ValueError:
        raise RequestError('"after" is not a place of a pass.', 'Take "next" of the page before.') from None


OPERATIONS: dict[str, PipelineOperation] = {"retention.look": look, "retention.run": run}
