"""The declarative base and the column types that every table of the gateway uses.

Everything here is portable between SQLite and PostgreSQL: text identifiers, JSON as text with sorted keys,
and instants that are always UTC and always aware, whatever the database keeps of a time zone. Texts are compared
and sorted by their characters' numbers on both, not by the rules of a language: the beginning of a number or a name
is looked for as a range. What stands in an index has a bounded length on both: PostgreSQL takes no more, and a partner
decides how long its numbers are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, event
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

__all__ = ["NUL_SHOWN", "Base", "JsonText", "KeyText", "UtcDateTime", "bounded"]

#: What stands for a NUL character in a text on PostgreSQL, which keeps none.
NUL_SHOWN = "\u2400"

#: Bytes (UTF-8) of a text that stands in an index; three of them fit into a row of an index of PostgreSQL.
KEY_BYTES = 800

#: Constraint names are fixed so that a migration can name what it changes on either database.
NAMING: dict[str, str] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@compiles(Text, "postgresql")
def _by_characters(_type: Text, _compiler: object, **_: object) -> str:
    """The type of a column of texts, as the revisions make it."""
    return 'TEXT COLLATE "C"'


class Base(DeclarativeBase):
    """The base of every ORM model; ``Base.metadata`` is what the migrations are compared with."""

    metadata = MetaData(naming_convention=NAMING)


def _utc(value: datetime) -> datetime:
    """An aware instant in UTC. Raises ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError(f"The instant {value.isoformat()} has no time zone; pass an aware datetime.")
    return value.astimezone(UTC)


def _sqlite_instant(value: datetime | None) -> str | None:
    """``2026-01-31 23:59:59.000000``: how SQLite keeps an instant, without its zone."""
    return None if value is None else _utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored in UTC and returned in UTC.

    A naive value is refused with ValueError: business dates have no zone and are dates, not instants.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into UTC; raises ValueError for a naive one."""
        return None if value is None else _utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """On SQLite straight to the text that SQLAlchemy's own type writes: instants are in nearly every row."""
        return _sqlite_instant if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the instant back as aware UTC (SQLite keeps no zone)."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: Kept, as ``json.dumps`` makes a new one for each value.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _json_text(value: Any) -> str | None:
    """Compact JSON with sorted keys."""
    return None if value is None else _encode(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value kept as text with sorted keys, the same bytes on every database (the ledger hashes them).

    None is stored as NULL. Values must be plain JSON (str, int, float, bool, None, list, dict with str keys);
    tuples become lists. Raises TypeError for anything else.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Serialise to compact JSON with sorted keys."""
        return _json_text(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """The same in one call: texts and JSON are in nearly every row."""
        return _json_text

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Parse the stored text."""
        return None if value is None else json.loads(value)


def bounded(text: str) -> str:
    """A text as it stands in an index: itself, or where it is too long its beginning and its SHA-256."""
    if 4 * len(text) <= KEY_BYTES:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= KEY_BYTES:
        return text
    begin = data[: KEY_BYTES - 100].decode("utf-8", "ignore")
    return f"{begin}\u2026{hashlib.sha256(data).hexdigest()}"


def _key_text(value: str | None) -> str | None:
    """A text as it is kept in an index."""
    return None if value is None else bounded(value)


class KeyText(TypeDecorator[str]):
    """A text in an index: see ``bounded``. What is looked for is shortened in the same way, so it is found."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Shorten what is too long."""
        return _key_text(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """The same in one call."""
        return _key_text


@event.listens_for(Index, "after_parent_attach")
def _bound(index: Index, table: Table) -> None:
    """Texts that come into an index of ours are keys."""
    for column in index.columns:
        _bound_column(column, table)


@event.listens_for(Column, "after_parent_attach")
def _bound_primary(column: Column[Any], table: object) -> None:
    """So are those of a primary key."""
    if column.primary_key and isinstance(table, Table):
        _bound_column(column, table)


def _bound_column(column: Any, table: Table) -> None:
    if table.metadata is Base.metadata and type(column.type) is Text:
        column.type = KeyText()
