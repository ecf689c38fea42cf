"""PostgreSQL: how connections are made there, the lock of the one process that writes, and what is wrong with a server.

One thread of one process writes, as on SQLite. An advisory lock in the session that writes keeps every other process
out: the server gives it back when that session ends, however it ends, and whoever writes again after a broken
connection has taken it again before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, errors
from psycopg.rows import tuple_row
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gateway.store.base import NUL_SHOWN
from gateway.store.errors import StoreEncodingError, StoreLockedError, StoreUnreachableError

__all__ = ["connected", "explain", "facts", "hidden", "reader_engine", "writer_engine"]

#: Seconds that a new connection may take.
CONNECT_SECONDS = 5
#: Seconds that a start waits for the lock: the server may not have noticed yet that the last process died.
LOCK_SECONDS = 3
#: First half of the advisory lock's key ("GW"); the other half is made from the schema.
LOCK_CLASS = 0x4757

#: What a connection asks for where its URL does not; a server that is gone without a word is noticed after a minute.
_CONNECTION: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "edi-gateway",
    "client_encoding": "utf8",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: How the session is set up that writes; the server notices within a minute that we are gone without a word.
_WRITER = (
    "SET lock_timeout = '10s'",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
    # A commit is on the disk when it returns, whatever the server's default is.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
_LOCK = "SELECT pg_advisory_lock(%s, hashtext(current_schema()))"
_HOLDER = (
    "SELECT l.pid, coalesce(host(a.client_addr), 'this machine') FROM pg_locks l "
    "LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
)


class _TextDumper(StrDumperUnknown):
    """Text for the server, with its NUL characters shown."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", NUL_SHOWN))


def hidden(database: str) -> str:
    """The URL without its password."""
    return make_url(database).render_as_string(hide_password=True)


def reader_engine(database: str, *, pool_size: int, max_overflow: int) -> Engine:
    """An engine whose transactions see one state of the database from their first question on, and change nothing."""
    engine = _engine(database, pool_size=pool_size, max_overflow=max_overflow)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writer_engine(database: str) -> Engine:
    """An engine of one connection, which has the lock of the database.

    Connecting raises StoreLockedError while another process has it, StoreEncodingError where the database cannot keep
    every character.
    """
    engine = _engine(database, pool_size=1, max_overflow=0)
    where = hidden(database)

    @event.listens_for(engine, "connect")
    def set_up(connection: Connection[Any], _record: object) -> None:
        with _autocommit(connection):
            for statement in _WRITER:
                connection.execute(statement)
            _need_unicode(connection, where)
            _take_lock(connection, where)

    return engine


@contextmanager
def connected(engine: Engine) -> Iterator[Any]:
    """A connection of an engine. Raises StoreUnreachableError when the server is away, or goes away meanwhile."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise explain(error, engine) or error from error


def explain(error: Exception, engine: Engine) -> StoreUnreachableError | None:
    """The sentence for a connection that was lost or could not be made; None for any other error."""
    if not isinstance(error, DBAPIError):
        return None
    refused = isinstance(error.orig, errors.OperationalError) and error.statement is None and not error.orig.sqlstate
    if not (error.connection_invalidated or refused):
        return None
    reason = (str(error.orig).strip().splitlines() or ["no reason was given"])[0].rstrip(".")
    return StoreUnreachableError(
        f"The database {engine.url.render_as_string(hide_password=True)} cannot be reached: {reason}. What was not "
        "confirmed is not stored; a running gateway goes on by itself as soon as the server answers."
    )


def facts(session: Session) -> dict[str, Any]:
    """Version and size of the server's database, and whether a commit there is on the disk when it returns."""
    row = session.execute(
        text(
            "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes, "
            "current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, "
            "current_setting('max_connections')::int AS max_connections"
        )
    ).one()
    return dict(row._mapping)


def _engine(database: str, **pool: int) -> Engine:
    url = make_url(database)
    arguments = {name: value for name, value in _CONNECTION.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=arguments, **pool)

    @event.listens_for(engine, "connect")
    def set_up(connection: Connection[Any], _record: object) -> None:
        connection.adapters.register_dumper(str, _TextDumper)
        with _autocommit(connection):
            connection.execute("SET TIME ZONE 'UTC'")

    return engine


@contextmanager
def _autocommit(connection: Connection[Any]) -> Iterator[None]:
    """What is set up outside of any transaction; a connection that cannot be set up is closed."""
    try:
        connection.autocommit = True
        yield
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise


def _need_unicode(connection: Connection[Any], where: str) -> None:
    row = connection.cursor(row_factory=tuple_row).execute("SHOW server_encoding").fetchone()
    if row is not None and row[0] != "UTF8":
        raise StoreEncodingError(
            f"The database {where} keeps its texts as {row[0]}, which has not every character that a message may "
            "hold. Make a database for the gateway with the encoding UTF8."
        )


def _take_lock(connection: Connection[Any], where: str) -> None:
    """Take the lock of the database for this session; it ends with it."""
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        connection.execute(_LOCK, [LOCK_CLASS])
    except errors.LockNotAvailable:
        row = connection.cursor(row_factory=tuple_row).execute(_HOLDER, [LOCK_CLASS]).fetchone()
        holder = "" if row is None else f" (server process {row[0]}, from {row[1]})"
        raise StoreLockedError(
            f"The database {where} is in use by another gateway{holder}. Only one process may write to it: stop that "
            "one, or let it do the work through its control socket."
        ) from None
    connection.execute("SET lock_timeout = '10s'")
