"""Instants are aware UTC and JSON is the same text on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, Text
from sqlalchemy.dialects import postgresql, sqlite

import gateway.alerts.models
import gateway.messages.corrections
import gateway.messages.searchkeys
import gateway.messages.views
import gateway.partners.models
import gateway.staff.models
import gateway.transports.sftp.models  # noqa: F401 - modules with tables
from gateway.store.base import KEY_BYTES, Base, JsonText, KeyText, UtcDateTime, bounded

DIALECTS = [sqlite.dialect(), postgresql.dialect()]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_an_instant_of_any_zone_is_stored_in_utc(dialect) -> None:
    cairo = datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))
    stored = UtcDateTime().process_bind_param(cairo, dialect)
    assert (stored.hour, stored.utcoffset()) == (8, timedelta(0))
    assert UtcDateTime().process_result_value(stored, dialect) == cairo


@given(st.datetimes(min_value=datetime(1000, 1, 2), timezones=st.timezones()))
def test_the_short_way_to_sqlite_writes_what_sqlalchemy_s_type_writes(value: datetime) -> None:
    sqlite_dialect = DIALECTS[0]
    theirs = DateTime(timezone=True).dialect_impl(sqlite_dialect).bind_processor(sqlite_dialect)
    ours = UtcDateTime().bind_processor(sqlite_dialect)
    assert ours(value) == theirs(value.astimezone(UTC))
    assert ours(None) is None
    with pytest.raises(ValueError, match="no time zone"):
        ours(value.replace(tzinfo=None))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_texts_and_json_are_bound_as_their_types_say(dialect) -> None:
    for kind, value in ((JsonText(), {"b": [1, None], "a": "\udc80"}), (KeyText(), "x" * 5000), (KeyText(), "short")):
        assert kind.bind_processor(dialect)(value) == kind.process_bind_param(value, dialect)
        assert kind.bind_processor(dialect)(None) is None


def test_an_instant_read_without_a_zone_is_utc() -> None:
    read = UtcDateTime().process_result_value(datetime(2026, 3, 1, 8, 30), DIALECTS[0])
    assert read == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def test_a_naive_instant_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 1), DIALECTS[0])


def test_nothing_stays_nothing() -> None:
    for kind in (UtcDateTime(), JsonText()):
        assert kind.process_bind_param(None, DIALECTS[0]) is None
        assert kind.process_result_value(None, DIALECTS[0]) is None


def test_json_has_sorted_keys_and_survives_lone_surrogates() -> None:
    value = {"b": [1, None, True], "a": "\ud800é"}
    stored = JsonText().process_bind_param(value, DIALECTS[0])
    assert stored.startswith('{"a":')
    assert stored.isascii()
    assert JsonText().process_result_value(stored, DIALECTS[0]) == value


@given(st.text(max_size=1200))
def test_a_key_fits_into_an_index_and_differs_where_the_texts_do(text: str) -> None:
    key = bounded(text)
    assert len(key.encode("utf-8", "surrogatepass")) <= KEY_BYTES
    assert bounded(key) == key
    assert (key == text) == (len(text.encode("utf-8", "surrogatepass")) <= KEY_BYTES)


def test_long_texts_that_begin_alike_are_different_keys() -> None:
    assert bounded("x" * 5000 + "a") != bounded("x" * 5000 + "b")


def test_every_text_in_an_index_is_a_key() -> None:
    for table in Base.metadata.tables.values():
        for index in (*table.indexes, table.primary_key):
            assert [column.name for column in index.columns if type(column.type) is Text] == [], (table.name, index)
