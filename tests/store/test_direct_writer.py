"""The writer of PostgreSQL keeps the same promises, one plain transaction for each change.

It is shown on SQLite here, and on a real server in ``test_postgresql.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from gateway.messages.models import ControlNumber
from gateway.store.engine import Store, after_commit
from gateway.store.errors import StoreClosedError
from gateway.store.writer import DirectWriter


@pytest.fixture
def writer(store: Store) -> Iterator[DirectWriter]:
    direct = DirectWriter(store._writer_engine, {"blobs": store.blobs}, threads=2)
    yield direct
    direct.close()


def add(name: str):
    def work(session) -> str:
        values = {"partner": name, "level": "ISA13", "scope": "", "test": False, "next": 1, "low": 1, "high": 9}
        session.execute(insert(ControlNumber).values(values))
        return name

    return work


def names(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(ControlNumber.partner).order_by(ControlNumber.partner)))


def test_the_value_comes_after_the_commit(store: Store, writer: DirectWriter) -> None:
    assert writer.run(add("alpha")) == "alpha"
    assert writer.submit(add("beta")).result(10) == "beta"
    assert names(store) == ["alpha", "beta"]


def test_an_error_stores_nothing_and_runs_no_hook(store: Store, writer: DirectWriter) -> None:
    seen: list[int] = []

    def work(session) -> None:
        add("alpha")(session)
        after_commit(session, lambda: seen.append(1))
        raise LookupError("no")

    with pytest.raises(LookupError):
        writer.run(work)
    assert (names(store), seen) == ([], [])


def test_a_hook_runs_after_the_commit(store: Store, writer: DirectWriter) -> None:
    seen: list[list[str]] = []

    def work(session) -> None:
        add("alpha")(session)
        after_commit(session, lambda: seen.append(names(store)))

    writer.run(work)
    assert seen == [["alpha"]]


def test_it_takes_nothing_after_close(writer: DirectWriter) -> None:
    writer.close()
    for hand_in in (writer.run, writer.submit):
        with pytest.raises(StoreClosedError):
            hand_in(add("alpha"))
