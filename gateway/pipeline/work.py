"""The embedded work engine: wakes handlers from a small job table in the gateway's own database.

One process, a dispatcher thread that claims jobs, and as many worker threads as there are slots. A job is
only "look at this key": handlers read the business tables, which are the truth, and a job may run twice.
``submit`` belongs to the caller's transaction, and its commit wakes the dispatcher; it looks every second
besides. Jobs of one lane run one after the other, in the order in which they were submitted.

A handler that raises is logged and its job runs again after a pause, up to five runs in all; then the job is
failed and ``on_poison`` is told in the same transaction, so that a case can be opened. A job whose run never
ended, because the process died in it, counts as a run as well: at the next start it is ready again, or failed
after five. A database that is busy or away is not the message's fault: such a run does not count. When it goes away in
the middle of a claim, nobody knows whether the claim was stored: jobs that are claimed and in nobody's hand are given
back as soon as it answers again.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from gateway.messages.models import Job
from gateway.messages.ports import Task, WorkHandler, WorkStats
from gateway.store.base import UtcDateTime
from gateway.store.engine import Store, after_commit
from gateway.store.errors import StoreBusyError, StoreClosedError, StoreError, StoreUnreachableError
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared
from gateway.store.writer import of_the_statement

__all__ = ["MAX_RUNS", "RETRY_PAUSES", "EmbeddedWork", "PoisonHandler"]

logger = logging.getLogger(__name__)

#: Runs of one job before it counts as poison.
MAX_RUNS = 5
#: Seconds to wait after the first, second … failed run.
RETRY_PAUSES = (0.2, 1.0, 5.0, 15.0)
#: Seconds after which the dispatcher looks without having been woken.
POLL_SECONDS = 1.0
#: Seconds between tries to record the end of a run while the database refuses.
RECORD_SECONDS = 1.0

#: Told, in the transaction that fails the job: session, task, key and the last error in one line.
PoisonHandler = Callable[[Session, Task, str, str], None]

_SUBMIT = Prepared(
    text(
        "INSERT INTO job (task, key, lane, created_at) VALUES (:task, :key, :lane, :now) "
        "ON CONFLICT (task, key) WHERE status = 'ready' DO NOTHING"
    ).bindparams(bindparam("now", type_=UtcDateTime))
)
_CLAIM = text(
    "UPDATE job SET status = 'running', attempts = attempts + 1, token = token + 1 WHERE id IN ("
    "SELECT j.id FROM job j WHERE j.status = 'ready' AND (j.lane IS NULL OR NOT EXISTS ("
    "SELECT 1 FROM job o WHERE o.lane = j.lane "
    "AND (o.status = 'running' OR (o.status = 'ready' AND o.id < j.id)))) "
    "ORDER BY j.id LIMIT :n) RETURNING id, task, key, token, attempts"
)
_LEFT_RUNNING = text("SELECT id, task, key, token, attempts FROM job WHERE status = 'running' ORDER BY id")
_FINISH = text("DELETE FROM job WHERE id = :id AND token = :token AND status = 'running'")
_FAIL = text(
    "UPDATE job SET status = 'failed', last_error = :error WHERE id = :id AND token = :token AND status = 'running'"
)
_RELEASE = text(
    "UPDATE job SET status = 'ready', last_error = :error, attempts = :attempts "
    "WHERE id = :id AND token = :token AND status = 'running' AND NOT EXISTS "
    "(SELECT 1 FROM job t WHERE t.task = job.task AND t.key = job.key AND t.status = 'ready')"
)
#: A waiting twin with the same key does the work instead, and takes over the count of runs.
_COUNT_ON_TWIN = text(
    "UPDATE job SET attempts = attempts + :attempts WHERE task = :task AND key = :key AND status = 'ready'"
)


@dataclass(frozen=True, slots=True, order=True)
class _Run:
    """One claimed run of a job."""

    id: int
    task: str
    key: str
    token: int
    attempts: int

    def values(self, error: str = "") -> dict[str, Any]:
        return {"id": self.id, "token": self.token, "attempts": self.attempts, "error": error}


class EmbeddedWork:
    """The work port on one process and its own database; see ``gateway.messages.ports.Work``.

    ``retry_pauses`` are the seconds to wait after the first, second … failed run (the last one repeats),
    ``poll`` the seconds after which the dispatcher looks without having been woken.
    """

    def __init__(
        self,
        store: Store,
        *,
        on_poison: PoisonHandler | None = None,
        retry_pauses: Sequence[float] = RETRY_PAUSES,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._on_poison = on_poison
        self._pauses = tuple(retry_pauses)
        self._poll = poll
        self._handlers: Mapping[Task, WorkHandler] = {}
        self._slots = 0
        self._dispatcher: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._workers: set[threading.Thread] = set()
        #: Failed runs that wait for their next one: (when by the monotonic clock, run, error).
        self._pausing: list[tuple[float, _Run, str]] = []
        #: Jobs that this process has claimed and not given back; changed in the writer's thread.
        self._in_hand: set[int] = set()
        #: True when a claim may have been stored of which nobody was told.
        self._doubtful = False

    # -- the port --------------------------------------------------------------------------------------

    def submit(self, session: Session, task: Task, key: str, *, lane: str | None = None) -> None:
        """Ask for one run of ``task`` for ``key`` in the caller's transaction; see ``Work.submit``."""
        _SUBMIT.change(session, {"task": task.value, "key": key, "lane": lane, "now": datetime.now(UTC)})
        after_commit(session, self._wake.set)

    def run(self, handlers: Mapping[Task, WorkHandler], slots: int) -> None:
        """Take up what an earlier process left, then start working with ``slots`` threads; returns at once.

        Raises RuntimeError when it works already.
        """
        if self._dispatcher is not None:
            raise RuntimeError("The work engine was started twice.")
        self._handlers, self._slots = dict(handlers), slots
        self._pausing.clear()
        self._in_hand.clear()
        self._workers = set()
        self._stopping.clear()
        self._store.writer.run(self._take_up)
        self._dispatcher = threading.Thread(target=self._dispatch, name="work-dispatcher", daemon=True)
        self._dispatcher.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Start nothing more and wait up to ``timeout`` seconds for the handlers that run.

        A handler that has not ended by then is left alone; its job runs again after the next start.
        """
        if self._dispatcher is None:
            return
        give_up = time.monotonic() + timeout
        self._stopping.set()
        self._wake.set()
        self._dispatcher.join(timeout)
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.join(max(0.0, give_up - time.monotonic()))
        self._dispatcher = None

    def stats(self) -> WorkStats:
        """Counts of waiting, running and failed jobs, and the age of the oldest waiting one."""
        with self._store.read() as session:
            rows = session.execute(select(Job.status, func.count().label("number")).group_by(Job.status)).all()
            oldest = session.scalar(select(Job.created_at).where(Job.status == "ready").order_by(Job.id))
        counts = {row.status: row.number for row in rows}
        age = None if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
        return WorkStats(counts.get("ready", 0), counts.get("running", 0), counts.get("failed", 0), age)

    # -- the dispatcher's thread -----------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._give_back()
                self._release_due()
                self._start_claimed()
            except StoreClosedError:
                return
            except StoreUnreachableError:
                logger.debug("The work engine waits until the database takes changes again")  # the writer said so
            except (StoreError, SQLAlchemyError, OSError):
                logger.exception("The work engine could not reach its jobs; it tries again")
            self._wake.wait(self._seconds_to_wait())

    def _seconds_to_wait(self) -> float:
        with self._lock:
            due = self._pausing[0][0] if self._pausing else None
        return self._poll if due is None else min(self._poll, max(0.0, due - time.monotonic()))

    def _start_claimed(self) -> None:
        with self._lock:
            free = self._slots - len(self._workers)
        if free <= 0:
            return
        for run in self._claimed(lambda session: self._claim(session, free)):
            worker = threading.Thread(target=self._work, args=(run,), name=f"work-{run.id}", daemon=True)
            with self._lock:
                self._workers.add(worker)
            worker.start()

    def _claimed(self, work: Callable[[Session], list[_Run]]) -> list[_Run]:
        """What a piece of work claims; when its end is not known, what it claimed is in nobody's hand."""
        tries: list[list[_Run]] = []

        @wraps(work)
        def keep(session: Session) -> list[_Run]:
            self._in_hand.difference_update(run.id for runs in tries for run in runs)
            tries.append(work(session))
            return tries[-1]

        try:
            return self._store.writer.run(keep)
        except BaseException:
            self._in_hand.difference_update(run.id for runs in tries for run in runs)
            self._doubtful = True
            raise

    def _give_back(self) -> None:
        """Make the jobs ready that are claimed and in nobody's hand."""
        if not self._doubtful:
            return

        def run(session: Session) -> None:
            for row in session.execute(_LEFT_RUNNING).all():
                if row.id not in self._in_hand:
                    _release(session, replace(_Run(*row), attempts=row.attempts - 1), "The database went away.")

        self._doubtful = False
        try:
            self._store.writer.run(run)
        except BaseException:
            self._doubtful = True
            raise

    def _release_due(self) -> None:
        """Make the failed runs ready whose pause is over; one that cannot be written keeps its place."""
        while True:
            with self._lock:
                if not self._pausing or self._pausing[0][0] > time.monotonic():
                    return
                _, run, error = self._pausing[0]
            self._store.writer.run(partial(self._let_go, run=run, error=error))
            with self._lock:
                self._pausing = [entry for entry in self._pausing if entry[1] != run]
                heapq.heapify(self._pausing)

    # -- a worker's thread -----------------------------------------------------------------------------

    def _work(self, run: _Run | None) -> None:
        """Run one job after the other until none is ready."""
        try:
            while run is not None:
                run = self._next(run)
        finally:
            with self._lock:
                self._workers.discard(threading.current_thread())
            self._wake.set()

    def _next(self, run: _Run) -> _Run | None:
        """Call the handler, record how it ended and claim the next job."""
        try:
            self._handlers[Task(run.task)](run.key)
        except Exception as error:  # noqa: BLE001 - logged in `_failed`, and counted
            return self._failed(run, error)
        fault_point("work.before_finish")
        return self._record(run, None)

    def _failed(self, run: _Run, error: Exception) -> _Run | None:
        """Let a run that failed run again later, or never when it did so too often."""
        if _not_its_fault(error):
            logger.warning("%s %s could not reach the database and waits: %s", run.task, run.key, _line(error))
            self._pause(replace(run, attempts=run.attempts - 1), error, self._pauses[-1])
            return None
        logger.error("Run %d of %s %s failed", run.attempts, run.task, run.key, exc_info=error)
        if run.attempts >= MAX_RUNS:
            return self._record(run, _line(error))
        self._pause(run, error, self._pauses[min(run.attempts, len(self._pauses)) - 1])
        return None

    def _pause(self, run: _Run, error: Exception, seconds: float) -> None:
        """Let a job run again later; it stays claimed, and its lane closed, until then."""
        with self._lock:
            heapq.heappush(self._pausing, (time.monotonic() + seconds, run, _line(error)))

    def _record(self, run: _Run, error: str | None) -> _Run | None:
        """Record that a job is done, or failed for good, and claim the next one in the same transaction."""

        def record(session: Session) -> list[_Run]:
            if error is None:
                session.execute(_FINISH, run.values())
            else:
                self._fail(session, run, error)
            return [] if self._stopping.is_set() else self._claim(session, 1)

        while True:
            try:
                found = next(iter(self._claimed(record)), None)
                self._in_hand.discard(run.id)
                return found
            except StoreClosedError:
                return None
            except (StoreError, SQLAlchemyError, OSError):
                logger.exception("The end of %s %s could not be recorded; trying again", run.task, run.key)
                if self._stopping.wait(RECORD_SECONDS):
                    return None

    # -- in a transaction ------------------------------------------------------------------------------

    def _claim(self, session: Session, number: int) -> list[_Run]:
        """Claim up to ``number`` jobs, the oldest first, never two of one lane."""
        runs = sorted(_Run(*row) for row in session.execute(_CLAIM, {"n": number}))
        self._in_hand.update(run.id for run in runs)
        return runs

    def _let_go(self, session: Session, run: _Run, error: str) -> None:
        self._in_hand.discard(run.id)
        _release(session, run, error)

    def _take_up(self, session: Session) -> None:
        """Give back the jobs that were running when an earlier process ended."""
        for row in session.execute(_LEFT_RUNNING).all():
            run = _Run(*row)
            error = f"The process ended in run {run.attempts}."
            if run.attempts >= MAX_RUNS:
                self._fail(session, run, error)
            else:
                _release(session, run, error)

    def _fail(self, session: Session, run: _Run, error: str) -> None:
        if _changed(session, _FAIL, run.values(error)) == 0 or self._on_poison is None:
            return
        try:
            with session.begin_nested():
                self._on_poison(session, Task(run.task), run.key, error)
        except Exception:
            logger.exception("The failure of %s %s could not be reported", run.task, run.key)


def _not_its_fault(error: Exception) -> bool:
    """True for what a handler may raise without its message being the cause."""
    if isinstance(error, OperationalError):
        return not of_the_statement(error)
    return isinstance(error, StoreBusyError | StoreClosedError)


def _line(error: Exception) -> str:
    """An error in one line of at most 500 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _changed(session: Session, statement: Any, values: Mapping[str, Any]) -> int:
    return cast("CursorResult[Any]", session.execute(statement, values)).rowcount


def _release(session: Session, run: _Run, error: str) -> None:
    """Make a job ready again, or leave its work to a waiting twin."""
    if _changed(session, _RELEASE, run.values(error)) == 0:
        values = {"attempts": run.attempts, "task": run.task, "key": run.key}
        if _changed(session, _FINISH, run.values()):
            session.execute(_COUNT_ON_TWIN, values)
