"""The single writer: every change of the database goes through it and is durable when the caller hears of it.

How it works (``GroupWriter``). One thread takes one piece of work, drains up to 31 more without waiting, runs
them in one transaction (on SQLite ``BEGIN IMMEDIATE … COMMIT``) and resolves each caller after COMMIT has returned,
so one fsync serves a whole group. The group is optimistic: when a piece of work raises, the transaction is
rolled back and the same group runs once more with a savepoint for each piece, so that a duplicate sinks only
itself. A failure of the database itself (disk full, I/O error, a failed COMMIT) fails the whole group: nobody
gets an answer that the disk does not hold. A server's connection that breaks before COMMIT was asked for has stored
nothing: the group runs once more on a new one.

Work is a function of a Session. It may run twice, so it changes nothing but the session; it never commits,
never rolls back the session and never waits for another thread (``session.begin_nested()`` is welcome). What
must happen only once, and only after COMMIT, is registered with ``after_commit``.

It is the same on PostgreSQL: what reads before it writes (the ledger's head, control numbers, duplicates, the claim
of a job) never meets another writer, in this process or in another one.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError, ProgrammingError
from sqlalchemy.orm import Session

from gateway.store.errors import StoreBusyError, StoreClosedError, StoreError
from gateway.store.faults import fault_point

__all__ = ["DRIVER", "GroupWriter", "Writer", "after_commit", "new_session", "of_the_statement"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Most pieces of work in one commit.
GROUP_LIMIT = 32
#: Pieces of work that may wait before the writer says that it is busy.
QUEUE_LIMIT = 1024

_HOOKS = "after_commit"
#: Key of ``session.info`` under which a session of the writer has SQLite's own connection, in its transaction.
DRIVER = "driver"


class Writer(Protocol):
    """What every writer offers; see the module text for the rules that a piece of work keeps."""

    def run(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in a transaction and return its value after COMMIT.

        Raises what ``work`` raised (nothing was stored), StoreBusyError when the queue is full,
        StoreClosedError after ``close``.
        """
        ...

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Like ``run`` but returns at once; the future is resolved after COMMIT."""
        ...

    def close(self) -> None:
        """Finish what waits, then stop; further work is refused."""
        ...

    @property
    def away(self) -> str:
        """The sentence for a database server that could not be reached at the last try, else ""."""
        ...


def after_commit(session: Session, hook: Callable[[], None]) -> None:
    """Call ``hook`` once, in the writer's thread, after the transaction of ``session`` is durable.

    The same hook registered twice in one transaction runs once. A rolled-back transaction runs no hook. A
    hook is short and never waits; an exception in it is logged, the transaction stands.
    """
    hooks: list[Callable[[], None]] = session.info.setdefault(_HOOKS, [])
    if hook not in hooks:
        hooks.append(hook)


def new_session(connection: Connection, info: dict[str, Any], *, savepoint: bool = False) -> Session:
    """A session inside an open transaction of ``connection``; its commit ends only its own part."""
    return Session(
        bind=connection,
        expire_on_commit=False,
        join_transaction_mode="create_savepoint" if savepoint else "rollback_only",
        info=dict(info),
    )


def _run_hooks(hooks: list[Callable[[], None]]) -> None:
    for hook in hooks:
        try:
            hook()
        except Exception:
            logger.exception("A hook after a commit failed; the commit itself stands")


@dataclass(slots=True)
class _Item:
    """One piece of work on its way through the writer."""

    work: Callable[[Session], Any]
    future: Future[Any]
    value: Any = None
    error: Exception | None = None


_OF_THE_STATEMENT = (IntegrityError, DataError, ProgrammingError, InternalError)
#: PostgreSQL's class of errors for a value that is larger than what it can do ("program limit exceeded").
_TOO_LARGE = "54"


def of_the_statement(error: DBAPIError) -> bool:
    """True when the statement or its values are to blame for an error of the database, not the database."""
    if error.connection_invalidated:
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return isinstance(error, _OF_THE_STATEMENT) or state.startswith(_TOO_LARGE)


def _sinks_only_itself(error: Exception) -> bool:
    """True for a statement that was refused and for an error of the work, False for a failing database or disk."""
    return of_the_statement(error) if isinstance(error, DBAPIError) else not isinstance(error, OSError)


def _nothing_to_say(error: Exception, engine: Engine) -> None:
    """An embedded database has no server that could be away."""


class GroupWriter:
    """One thread, one connection, group commit.

    ``explain`` makes the sentence for a server that cannot be reached out of a database's error.
    """

    def __init__(
        self,
        engine: Engine,
        info: dict[str, Any],
        *,
        queue_limit: int = QUEUE_LIMIT,
        group_limit: int = GROUP_LIMIT,
        explain: Callable[[Exception, Engine], StoreError | None] = _nothing_to_say,
    ) -> None:
        self._engine = engine
        self._explain = explain
        self._away = ""
        self._committing = False
        self._info = info
        self._group_limit = group_limit
        self._queue_limit = queue_limit
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._closed = False
        self._gate = threading.Lock()
        self._connection: Connection | None = None
        #: A session on that connection which the work before left as it was.
        self._spare: Session | None = None
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue ``work``; see ``Writer.submit``."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise StoreClosedError("The store is closed; nothing was written.")
            if self._queue.qsize() >= self._queue_limit:  # whoever adds to it holds the gate
                raise StoreBusyError(
                    f"The database writer has {self._queue_limit} changes waiting and takes no more now; "
                    "nothing was stored, try again in a moment."
                )
            self._queue.put(_Item(work, future))
        return future

    def run(self, work: Callable[[Session], T]) -> T:
        """Queue ``work`` and wait for its commit; see ``Writer.run``."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("writer.run was called inside a piece of work; use the session that the work was given.")
        return self.submit(work).result()

    def close(self) -> None:
        """Refuse new work, commit what waits, end the thread."""
        with self._gate:
            already, self._closed = self._closed, True
        if not already:
            self._queue.put(None)
        self._thread.join()

    @property
    def away(self) -> str:
        """See ``Writer.away``."""
        return self._away

    # -- the writer's thread ---------------------------------------------------------------------------

    def _serve(self) -> None:
        last = False
        while not last and (item := self._queue.get()) is not None:
            group, last = self._drain(item)
            if group:
                self._serve_group(group)
        self._disconnect()

    def _drain(self, first: _Item) -> tuple[list[_Item], bool]:
        """The group that starts with ``first`` (cancelled work left out), and True when the end was seen."""
        group = [first] if first.future.set_running_or_notify_cancel() else []
        while len(group) < self._group_limit:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            if item.future.set_running_or_notify_cancel():
                group.append(item)
        return group, False

    def _serve_group(self, group: list[_Item]) -> None:
        try:
            hooks = self._commit(group)
        except Exception as error:
            away = self._explain(error, self._engine)
            if away is None:
                logger.exception("A group of %d changes could not be committed", len(group))
            self._note(away)
            for item in group:
                item.future.set_exception(item.error or away or error)
            return
        self._note(None)
        _run_hooks(hooks)
        for item in group:
            if item.error is None:
                item.future.set_result(item.value)
            else:
                item.future.set_exception(item.error)

    def _note(self, away: StoreError | None) -> None:
        """Remember whether the server can be reached; its going and its coming back are logged once each."""
        said = "" if away is None else str(away)
        if said and not self._away:
            logger.error("Nothing can be stored now. %s", said)
        elif self._away and not said:
            logger.warning("The database answers again")
        self._away = said

    def _commit(self, group: list[_Item]) -> list[Callable[[], None]]:
        """Run the group and commit it, again on a new connection when the old one broke before COMMIT was asked for."""
        try:
            return self._in_one_or_parts(group)
        except DBAPIError as error:
            if self._committing or not error.connection_invalidated:
                raise
        logger.warning("The connection to the database was lost; %d changes are written on a new one", len(group))
        return self._in_one_or_parts(group)

    def _in_one_or_parts(self, group: list[_Item]) -> list[Callable[[], None]]:
        hooks = self._attempt(group, savepoints=False)
        return (self._attempt(group, savepoints=True) or []) if hooks is None else hooks

    def _attempt(self, group: list[_Item], *, savepoints: bool) -> list[Callable[[], None]] | None:
        """Run the group in one transaction and commit it.

        Returns the hooks to run, or None when the group was rolled back and must run with savepoints.
        Raises when the database itself fails; nothing of the group is stored then.
        """
        hooks: list[Callable[[], None]] = []
        info = self._info
        self._committing = False
        with self._connected() as connection, connection.begin() as transaction:
            if not savepoints and connection.dialect.name == "sqlite":
                info = info | {DRIVER: connection.connection.driver_connection}
            for item in group:
                item.error = None
                session = self._session(connection, info, savepoint=savepoints)
                touched = True
                try:
                    item.value = item.work(session)
                    touched = session.in_transaction() or any(True for _row in session)
                    if touched:
                        session.commit()
                except Exception as error:
                    session.rollback()
                    if not _sinks_only_itself(error):
                        raise
                    if not savepoints:
                        if transaction.is_active:  # the session had not begun, so it undid nothing
                            transaction.rollback()
                        return None
                    item.error = error
                else:
                    hooks.extend(h for h in session.info.get(_HOOKS, ()) if h not in hooks)
                finally:
                    if touched or savepoints:
                        session.close()
                    else:
                        self._spare = session
            fault_point("store.before_commit")
            self._committing = True
            transaction.commit()
        fault_point("store.after_commit")
        return hooks

    def _session(self, connection: Connection, info: dict[str, Any], *, savepoint: bool) -> Session:
        """A session for one piece of work. Much of it runs prepared statements only: then one session serves many."""
        spare, self._spare = self._spare, None
        if spare is None or savepoint:
            return new_session(connection, info, savepoint=savepoint)
        spare.info.clear()
        spare.info.update(info)
        return spare

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """The one connection, kept from group to group; after a failure the next group gets a fresh one."""
        if self._connection is not None and self._connection.in_transaction():  # what a failed group left behind
            self._disconnect()
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            yield self._connection
        except BaseException:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection, self._spare = self._connection, None, None
        if connection is not None:
            connection.close()
