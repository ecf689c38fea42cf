"""PostgreSQL has one writer, too: in one process, in one thread, in the session that has the lock of the database."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from gateway.messages import control
from gateway.messages.models import ControlNumber, Job
from gateway.messages.ports import Task
from gateway.pipeline.work import EmbeddedWork
from gateway.store import ledger, postgresql
from gateway.store.engine import Store, open_store
from gateway.store.errors import StoreDriverError, StoreEncodingError, StoreLockedError, StoreUnreachableError
from gateway.store.writer import of_the_statement
from tests.postgresqlkit import Server, need_postgresql, running_server

need_postgresql()
pytestmark = pytest.mark.real

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.with_tables("one_writer")


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(url, blobs=tmp_path / "blobs") as opened:
        yield opened


def append(session: Session, reason: str = "r") -> int:
    return ledger.append(
        session, at=NOW, kind="x", subject_type="t", subject_id="1", actor="a", reason=reason, data={"n": 1}
    )


def add(name: str) -> Callable[[Session], str]:
    """A piece of work that stores one row under a unique name, and an event."""

    def work(session: Session) -> str:
        values = {"partner": name, "level": "ISA13", "scope": "", "test": False, "next": 1, "low": 1, "high": 9}
        session.execute(insert(ControlNumber).values(values))
        append(session, name)
        return name

    return work


def names(store: Store, beginning: str) -> list[str]:
    query = select(ControlNumber.partner).where(ControlNumber.partner.startswith(beginning))
    with store.read() as session:
        return list(session.scalars(query.order_by(ControlNumber.partner)))


def whole(store: Store) -> ledger.LedgerReport:
    with store.read() as session:
        return ledger.verify(session)


def test_a_second_writing_process_is_refused_and_told_who_has_it(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.2)
    with pytest.raises(StoreLockedError, match=r"in use by another gateway \(server process \d+, from this machine\)"):
        open_store(url, blobs=tmp_path)
    with open_store(url, blobs=tmp_path, write=False) as beside, beside.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_the_lock_is_free_after_the_end(url: str, tmp_path: Path) -> None:
    for _ in range(2):
        open_store(url, blobs=tmp_path).close()


def test_a_change_that_is_refused_sinks_only_itself(store: Store) -> None:
    store.writer.run(add("twice"))
    new_job = text("INSERT INTO job (task, key, created_at) VALUES ('none', 'k', now())")
    store.writer.run(lambda session: session.execute(new_job))
    go = threading.Event()
    held = store.writer.submit(lambda _session: go.wait(10))
    changes = [store.writer.submit(add(name)) for name in ("a-1", "twice", "a-2")]
    # Refused by the database, not by a constraint: a number that its column cannot hold.
    changes.append(store.writer.submit(lambda s: s.execute(text("UPDATE ledger_head SET id = 99999999999"))))
    changes.append(store.writer.submit(add("a-3")))
    # Refused, because no index takes it: what a message can be to blame for, though it is told as a failure.
    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    changes.append(store.writer.submit(lambda s: s.execute(text("UPDATE job SET key = :key"), {"key": long})))
    changes.append(store.writer.submit(add("a-4")))
    go.set()
    assert held.result(10)
    assert [type(change.exception(10)) for change in changes[:3]] == [type(None), IntegrityError, type(None)]
    assert isinstance(changes[3].exception(10), DBAPIError)
    assert changes[4].result(10) == "a-3"
    too_long = changes[5].exception(10)
    assert isinstance(too_long, OperationalError)
    assert of_the_statement(too_long)
    assert names(store, "a-") == ["a-1", "a-2", "a-3", "a-4"]
    store.writer.run(lambda session: session.execute(text("DELETE FROM job")))
    assert whole(store).ok


def test_an_idle_connection_that_was_cut_costs_nobody_a_change(store: Store, server: Server) -> None:
    store.writer.run(add("cut-1"))
    server.break_connections("one_writer")
    assert store.writer.run(add("cut-2")) == "cut-2"
    assert names(store, "cut-") == ["cut-1", "cut-2"]


def test_a_connection_that_is_cut_amid_the_work_stores_it_once(store: Store, server: Server) -> None:
    runs: list[int] = []

    def work(session: Session) -> int:
        number = append(session, "amid")
        if not runs:
            runs.append(number)
            server.break_connections("one_writer")
        return append(session, "amid")

    assert store.writer.run(work) == runs[0] + 1
    assert whole(store).ok


def test_whoever_writes_again_has_the_lock_again(
    store: Store, server: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.2)
    server.break_connections("one_writer")
    with open_store(url, blobs=tmp_path), pytest.raises(StoreLockedError):
        store.writer.run(append)
    assert store.writer.run(append)
    with pytest.raises(StoreLockedError):
        open_store(url, blobs=tmp_path)


def test_a_server_that_is_away_is_a_sentence_and_comes_back_by_itself(
    store: Store, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    store.writer.run(add("away-1"))
    server.stop()
    try:
        with pytest.raises(StoreUnreachableError, match="cannot be reached"):
            store.writer.run(add("away-2"))
        with pytest.raises(StoreUnreachableError, match="cannot be reached"), store.read():
            pass
    finally:
        server.start()
    assert store.writer.run(add("away-3")) == "away-3"
    assert names(store, "away-") == ["away-1", "away-3"]
    assert "Traceback" not in caplog.text


def test_no_error_tells_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://gateway:open-sesame@/x?host={tmp_path}"
    for write in (True, False):
        with pytest.raises(StoreUnreachableError) as raised, open_store(url, blobs=tmp_path, write=write) as opened:
            opened.read().__enter__()
        assert "open-sesame" not in str(raised.value) + repr(raised.value.__cause__)
        assert "gateway:***@" in str(raised.value)


def test_a_database_without_every_character_is_refused(server: Server, tmp_path: Path) -> None:
    server.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreEncodingError, match="LATIN1"):
        open_store(server.url("latin"), blobs=tmp_path)


@pytest.mark.parametrize("url", ["mysql://gateway@localhost/x", "postgresql://gateway@localhost/x"])
def test_another_kind_of_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreDriverError, match="postgresql\\+psycopg"):
        open_store(url, blobs=tmp_path)


def test_a_commit_is_on_the_disk_though_the_servers_default_is_another(server: Server, tmp_path: Path) -> None:
    url = server.new_database("lazy")
    server.execute("ALTER DATABASE lazy SET synchronous_commit = off")
    with open_store(url, blobs=tmp_path) as opened:
        assert opened.writer.run(lambda s: s.scalar(text("SHOW synchronous_commit"))) == "on"


def test_a_reader_sees_one_state_while_others_write(store: Store) -> None:
    with store.read() as session:
        before = ledger.head(session)
        store.writer.run(append)
        assert ledger.head(session) == before
        assert ledger.verify(session).ok
    with store.read() as session:
        assert ledger.head(session)[0] == before[0] + 1


def test_a_nul_character_is_kept_as_a_sign_for_it_and_the_ledger_stays_whole(store: Store) -> None:
    store.writer.run(lambda session: append(session, "broken\0off"))
    store.writer.run(add("nul\0name"))
    assert names(store, "nul") == ["nul\u2400name"]
    assert whole(store).ok


def test_texts_are_in_the_order_of_their_characters(server: Server, tmp_path: Path) -> None:
    server.execute(
        "CREATE DATABASE worded TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
    )
    from gateway.store.migrations import upgrade

    with open_store(server.url("worded"), blobs=tmp_path) as opened:
        upgrade(opened)
        for name in ("b", "B", "a-b", "ab", "A", "é", "_"):
            opened.writer.run(add(name))
        assert names(opened, "") == ["A", "B", "_", "a-b", "ab", "b", "é"]
        name = ControlNumber.partner
        with opened.read() as session:
            found = session.scalars(select(name).where(name >= "a", name < "a\U0010ffff"))
            assert set(found) == {"a-b", "ab"}


def test_what_reads_before_it_writes_never_meets_another_writer(store: Store) -> None:
    """Events, control numbers and jobs of twenty threads: no event forks the chain, nothing is taken twice."""
    work = EmbeddedWork(store)
    taken: list[int] = []
    lanes = [f"lane-{n % 3}" for n in range(30)]

    def one(n: int) -> int:
        def change(session: Session) -> int:
            append(session, str(n))
            work.submit(session, Task.PROCESS, f"key-{n}", lane=lanes[n])
            return control.take(session, "many", "GS06", False)

        return store.writer.run(change)

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(one, range(30)))
    assert sorted(taken) == list(range(1, 31))
    assert whole(store).ok

    runs: list[str] = []
    running: dict[str, str] = {}
    together: list[tuple[str, str]] = []
    done, lock = threading.Event(), threading.Lock()

    def handle(key: str) -> None:
        lane = lanes[int(key.partition("-")[2])]
        with lock:
            if lane in running:
                together.append((running[lane], key))
            running[lane] = key
        with lock:
            runs.append(key)
            del running[lane]
            if len(runs) >= 30:
                done.set()

    work.run({Task.PROCESS: handle}, 8)
    assert done.wait(30)
    work.stop()
    assert sorted(runs) == sorted(f"key-{n}" for n in range(30))
    assert together == []
    for lane in set(lanes):
        mine = [key for key in runs if lanes[int(key.partition("-")[2])] == lane]
        assert mine == sorted(mine, key=lambda key: int(key.partition("-")[2]))
    with store.read() as session:
        assert session.scalars(select(Job)).all() == []


def test_a_failure_of_the_database_fails_the_whole_group(store: Store) -> None:
    go = threading.Event()
    held = store.writer.submit(lambda _session: go.wait(10))
    good = store.writer.submit(add("whole-1"))
    bad = store.writer.submit(lambda s: s.execute(text("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)")))
    go.set()
    assert held.exception(10) and good.exception(10)
    assert isinstance(bad.exception(10), OperationalError)
    assert names(store, "whole-") == []
