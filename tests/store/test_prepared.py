"""Prepared statements do what executing the same statement does: values, types and exceptions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from sqlalchemy import Table, Text, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.messages.models import Transmission
from gateway.store.engine import Store
from gateway.store.prepared import Prepared

TABLE = cast("Table", Transmission.__table__)
NOW = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "id": "t1",
    "direction": "in",
    "transport": "sftp",
    "wire_sha256": "",
    "size": 7,
    "facts": {"b": [1, None], "a": "ü"},
    "created_at": NOW.astimezone(timezone(timedelta(hours=2))),
    "processing": "received",
    "delivery": "none",
    "attempts": 0,
    "test": True,
}
INSERT = Prepared(insert(TABLE), columns=tuple(VALUES))
BY_ID = Prepared(select(TABLE).where(TABLE.c.id == bindparam("wanted", type_=Text)).limit(1))


def test_what_was_stored_comes_back_as_the_model_reads_it(store: Store) -> None:
    store.writer.run(lambda session: INSERT.change(session, VALUES))
    with store.read() as session:
        row = BY_ID.first(session, {"wanted": "t1"})
        model = session.get_one(Transmission, "t1")
        assert {column.name: getattr(row, column.name) for column in TABLE.columns} == {
            column.name: getattr(model, column.name) for column in TABLE.columns
        }
        assert (row.created_at, row.facts, row.test) == (NOW, VALUES["facts"], True)


def test_a_change_tells_how_many_rows_it_touched(store: Store) -> None:
    changing = Prepared(update(TABLE).where(TABLE.c.id == bindparam("wanted", type_=Text)).values(size=9))

    def run(session: Any) -> tuple[int, int, Any]:
        INSERT.change(session, VALUES)
        touched = changing.change(session, {"wanted": "t1"}), changing.change(session, {"wanted": "t2"})
        return *touched, BY_ID.first(session, {"wanted": "t1"}).size

    assert store.writer.run(run) == (1, 0, 9)


def test_nothing_found_is_none_and_an_empty_list(store: Store) -> None:
    with store.read() as session:
        assert (BY_ID.first(session, {"wanted": "t1"}), BY_ID.all(session, {"wanted": "t1"})) == (None, [])


def test_a_second_row_with_the_same_key_sinks_only_itself(store: Store) -> None:
    store.writer.run(lambda session: INSERT.change(session, VALUES))
    with pytest.raises(IntegrityError):
        store.writer.run(lambda session: INSERT.change(session, VALUES))
    store.writer.run(lambda session: INSERT.change(session, {**VALUES, "id": "t2"}))


def test_a_failing_statement_raises_what_the_database_layer_raises(store: Store) -> None:
    with pytest.raises(OperationalError), store.read() as session:
        Prepared(text("UPDATE nothing SET a = 1")).change(session, {})


def test_a_missing_value_is_named(store: Store) -> None:
    with pytest.raises(KeyError, match="wanted"), store.read() as session:
        BY_ID.all(session, {})
