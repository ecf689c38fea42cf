"""Statements that run for every message: compiled once for each database, then handed to its driver as they are.

A ``Prepared`` does what executing the same Core statement does, types and exceptions included, for about a tenth of the
cost on SQLite. It suits statements without lists and inserts without defaults: ``values`` name every parameter. What a
statement returns is read with ``all`` or ``first``.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement

from gateway.store.writer import DRIVER

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["Prepared"]

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One statement in one database's words."""

    text: str
    #: Parameters in order, with the conversion of each.
    parameters: tuple[tuple[str, _Convert | None], ...]
    #: Values that stand in the statement itself.
    constants: Mapping[str, Any]
    #: True when the driver takes them by place, False when by name.
    positional: bool

    def bound(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters. Raises KeyError for a value that is missing."""
        if self.constants:
            values = {**self.constants, **values}
        if self.positional:
            return tuple([values[name] if to is None else to(values[name]) for name, to in self.parameters])
        return {name: values[name] if to is None else to(values[name]) for name, to in self.parameters}


class Prepared:
    """One Core statement, ready to run; made once, used from any thread."""

    def __init__(self, statement: ClauseElement, columns: tuple[str, ...] | None = None) -> None:
        """``columns``: those that an insert names, all of them by default."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}
        self._readers: dict[str, tuple[Callable[..., Any], tuple[_Convert | None, ...]]] = {}

    def change(self, session: Session, values: Mapping[str, Any]) -> int:
        """Run it in the session's transaction; how many rows it touched. Raises what executing the statement raises."""
        return int(self._run(session, values).rowcount)

    def all(self, session: Session, values: Mapping[str, Any]) -> list[Any]:
        """Run it and read what it returns: named tuples, each value of its column's type."""
        found = self._run(session, values).fetchall()
        if not found:
            return []
        names, readers = self._returned(session.get_bind().dialect)
        return [
            names(*(value if read is None else read(value) for value, read in zip(row, readers, strict=True)))
            for row in found
        ]

    def first(self, session: Session, values: Mapping[str, Any]) -> Any:
        """The first row that ``all`` would give, None without one."""
        found = self.all(session, values)
        return found[0] if found else None

    def _run(self, session: Session, values: Mapping[str, Any]) -> Any:
        """The cursor, or what SQLAlchemy makes of it, after the statement ran."""
        driver = session.info.get(DRIVER)
        if driver is None:
            connection = session.connection()
            driver = connection.connection.driver_connection
            if not isinstance(driver, sqlite3.Connection):
                compiled = self._in_words_of(connection.dialect)
                return connection.exec_driver_sql(compiled.text, compiled.bound(values))
        dialect = session.get_bind().dialect
        compiled = self._in_words_of(dialect)
        parameters = compiled.bound(values)
        try:
            return driver.execute(compiled.text, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(compiled.text, parameters, error, sqlite3.Error, dialect=dialect) from error

    def _in_words_of(self, dialect: Dialect) -> _Compiled:
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _returned(self, dialect: Dialect) -> tuple[Callable[..., Any], tuple[_Convert | None, ...]]:
        """How the rows of this statement are read on one database."""
        known = self._readers.get(dialect.name)
        if known is None:
            columns = self._statement.exported_columns  # type: ignore[attr-defined]
            names = namedtuple("Found", [column.name for column in columns])  # type: ignore[misc]
            known = (names, tuple(c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns))
            self._readers[dialect.name] = known
        return known

    def _compile(self, dialect: Dialect) -> _Compiled:
        columns = None if self._columns is None else list(self._columns)
        made = cast("SQLCompiler", self._statement.compile(dialect=dialect, column_keys=columns))
        names = made.positiontup if made.positional and made.positiontup is not None else list(made.binds)
        binds = made.binds
        parameters = tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
        constants = {name: binds[name].effective_value for name in names if not binds[name].required}
        compiled = _Compiled(made.string, parameters, constants, bool(made.positional))
        self._compiled[dialect.name] = compiled
        return compiled
