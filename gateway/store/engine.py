"""Opening the database: one writer, many readers, and a lock that keeps a second writing process out.

A path (or ``sqlite:///…``) opens SQLite in write-ahead mode with ``synchronous=FULL``: a commit is on the
disk when it returns. ``postgresql+psycopg://…`` opens a PostgreSQL server (``gateway.store.postgresql``).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gateway.store.errors import StoreDriverError, StoreLockedError, StoreMissingError, StoreReadOnlyError
from gateway.store.writer import QUEUE_LIMIT, GroupWriter, Writer, after_commit

__all__ = ["BLOBS", "Store", "after_commit", "open_store"]

#: Key of ``session.info`` under which every session finds the folder of large payloads.
BLOBS = "blobs"
#: Milliseconds that a connection waits for a lock (only foreign processes can hold one for long).
BUSY_TIMEOUT_MS = 10_000
#: Reading connections kept open, and how many more may be opened for a moment.
READERS, MORE_READERS = 8, 24
#: Connections to a database server at most: the readers, the writer, and a command that looks beside the service.
CONNECTIONS = READERS + MORE_READERS + 3

_COMMON_PRAGMAS = (f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}", "PRAGMA foreign_keys=ON")
_WRITER_PRAGMAS = (*_COMMON_PRAGMAS, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
_READER_PRAGMAS = (*_COMMON_PRAGMAS, "PRAGMA query_only=ON")


class Store:
    """An open database with its folder of large payloads. Made by ``open_store``; close it when done."""

    def __init__(
        self,
        *,
        url: str,
        blobs: Path,
        reader: Engine,
        writer_engine: Engine | None = None,
        writer: Writer | None = None,
        lock: int | None = None,
        path: Path | None = None,
        connected: Callable[[Engine], AbstractContextManager[Connection]] = Engine.connect,
    ) -> None:
        #: The database URL without a password.
        self.url = url
        #: Folder of payloads above 256 KiB.
        self.blobs = blobs
        #: The database file, None on PostgreSQL.
        self.path = path
        self._reader = reader
        self._writer_engine = writer_engine
        self._writer = writer
        self._lock = lock
        self._connected = connected

    @property
    def writer(self) -> Writer:
        """Where every change goes. Raises StoreReadOnlyError when the store was opened for reading only."""
        if self._writer is None:
            raise StoreReadOnlyError(
                f"The database {self.url} was opened for reading only; change it through the running gateway."
            )
        return self._writer

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self._reader.dialect.name

    @property
    def away(self) -> str:
        """The sentence for a database server that does not answer at present, else "".

        It is what the writer met at its last try: asking costs nothing.
        """
        return "" if self._writer is None else self._writer.away

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state of the database; what it changes is refused or thrown away.

        Keep it short: on SQLite a long reader keeps the write-ahead log from shrinking, on PostgreSQL it keeps old
        rows. Raises StoreUnreachableError when the database server is away.
        """
        with (
            self._connected(self._reader) as connection,
            Session(connection, expire_on_commit=False, autoflush=False, info={BLOBS: self.blobs}) as session,
        ):
            yield session

    def facts(self) -> dict[str, Any]:
        """What ``gateway doctor`` shows: kind, version, size in bytes, and how a commit gets to the disk."""
        found: dict[str, Any] = {"database": self.dialect, "url": self.url, "blobs": str(self.blobs)}
        with self.read() as session:
            if self.path is None:
                from gateway.store import postgresql

                return {**found, **postgresql.facts(session)}
            found["version"] = sqlite3.sqlite_version
            found["journal_mode"] = session.scalar(text("PRAGMA journal_mode"))
            found["bytes"] = self.path.stat().st_size
        return found

    def close(self) -> None:
        """Commit what waits, close every connection, give the lock back. A second call does nothing."""
        if self._writer is not None:
            self._writer.close()
        self._reader.dispose()
        if self._writer_engine is not None:
            self._writer_engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(
    database: str | Path,
    *,
    blobs: Path | None = None,
    write: bool = True,
    queue_limit: int = QUEUE_LIMIT,
) -> Store:
    """Open the database at a path or URL; its tables are made by ``gateway.store.migrations.upgrade``.

    ``blobs`` is the folder of large payloads (default: ``blobs`` beside the database file). With
    ``write=False`` no lock is taken and ``writer`` is refused: for looking while the service runs.
    ``queue_limit`` is the number of changes that may wait before StoreBusyError.

    Raises StoreLockedError when another process has the database open for writing, StoreMissingError when it
    is opened for reading only and is not there, StoreUnreachableError when the server does not answer.
    """
    path = _sqlite_path(database)
    if path is None:
        return _open_server(str(database), blobs or Path("blobs"), write=write, queue_limit=queue_limit)
    return _open_sqlite(path, blobs or path.parent / "blobs", write=write, queue_limit=queue_limit)


def _sqlite_path(database: str | Path) -> Path | None:
    """The file of an SQLite database, or None for another kind of URL."""
    if isinstance(database, Path) or "://" not in database:
        return Path(database)
    url = make_url(database)
    if url.get_backend_name() != "sqlite":
        return None
    if url.database in (None, "", ":memory:"):
        raise ValueError("The store needs a database file: readers and the writer share it. Name a path.")
    return Path(str(url.database))


def _open_sqlite(path: Path, blobs: Path, *, write: bool, queue_limit: int) -> Store:
    reader = _sqlite_engine(path, _READER_PRAGMAS, "BEGIN", pool_size=READERS, max_overflow=MORE_READERS)
    url = f"sqlite:///{path}"
    if not write:
        if not path.exists():
            raise StoreMissingError(f"There is no database at {path}. Run `gateway init` there first.")
        return Store(url=url, blobs=blobs, reader=reader, path=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(path)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    blobs.mkdir(parents=True, exist_ok=True)
    engine = _sqlite_engine(path, _WRITER_PRAGMAS, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
    with engine.connect():
        pass  # sets write-ahead mode before the first reader looks
    writer = GroupWriter(engine, {BLOBS: blobs}, queue_limit=queue_limit)
    return Store(url=url, blobs=blobs, reader=reader, writer_engine=engine, writer=writer, lock=lock, path=path)


def _open_server(database: str, blobs: Path, *, write: bool, queue_limit: int) -> Store:
    if make_url(database).drivername != "postgresql+psycopg":
        raise StoreDriverError(
            f"A gateway cannot keep its messages in a database of the kind {make_url(database).drivername}. Name a "
            "file, or a server as postgresql+psycopg://user@host/database."
        )
    try:
        from gateway.store import postgresql
    except ImportError as error:
        raise StoreDriverError(
            f"PostgreSQL cannot be reached: {error}. Install the extra: pip install 'edi-gateway[postgres]'"
        ) from error
    url, connected = postgresql.hidden(database), postgresql.connected
    reader = postgresql.reader_engine(database, pool_size=READERS, max_overflow=MORE_READERS)
    if not write:
        return Store(url=url, blobs=blobs, reader=reader, connected=connected)
    blobs.mkdir(parents=True, exist_ok=True)
    engine = postgresql.writer_engine(database)
    with connected(engine):
        pass  # takes the lock before anything is looked at
    writer = GroupWriter(engine, {BLOBS: blobs}, queue_limit=queue_limit, explain=postgresql.explain)
    return Store(url=url, blobs=blobs, reader=reader, writer_engine=engine, writer=writer, connected=connected)


def _sqlite_engine(path: Path, pragmas: tuple[str, ...], begin: str, **pool: int) -> Engine:
    """An engine whose transactions start with exactly ``begin``: the driver's own BEGIN is switched off."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, **pool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        try:
            driver.execute(begin)
        except sqlite3.Error as error:
            raise DBAPIError.instance(begin, None, error, sqlite3.Error, dialect=connection.dialect) from error

    return engine


def _take_lock(path: Path) -> int:
    """Take ``<database>.lock`` for this process; the descriptor holds it until closed or the process dies.

    A file of its own: closing any descriptor of the database file would drop SQLite's own locks.
    """
    name = path.with_name(path.name + ".lock")
    lock = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StoreLockedError(
            f"The database {path} is in use by another process (number {holder}). Only one process may write "
            "to it: stop that one, or let it do the work through its control socket."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
    return lock
