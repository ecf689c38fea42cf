"""Fresh identifiers sort by time; derived ones come out the same after a crash."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.ids import NAMESPACE, derived_id, document_id, new_id

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def test_a_fresh_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_id(NOW))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_fresh_ids_differ_and_sort_by_time() -> None:
    ids = [new_id(NOW + timedelta(milliseconds=n)) for n in range(50)]
    assert ids == sorted(set(ids))
    assert len({new_id(NOW) for _ in range(100)}) == 100


def test_a_document_has_the_same_id_each_time_it_is_read() -> None:
    first = document_id("t-1", 0, 1, 2)
    assert first == document_id("t-1", 0, 1, 2)
    assert uuid.UUID(first).version == 5


def test_every_place_has_an_id_of_its_own() -> None:
    places = [(i, g, s) for i in range(3) for g in range(3) for s in range(12)]
    assert len({document_id("t-1", *place) for place in places}) == len(places)
    assert derived_id("a", "bc") != derived_id("ab", "c")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_a_derived_id_is_the_fifth_version_of_its_parts(parts: list[str]) -> None:
    assert derived_id(*parts) == str(uuid.uuid5(NAMESPACE, "\0".join(parts)))
