"""Group commit: a caller hears of its change after COMMIT, and another's fault never costs it."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from gateway.messages.models import ControlNumber
from gateway.store import writer as writer_module
from gateway.store.engine import Store, after_commit, open_store
from gateway.store.errors import StoreBusyError, StoreClosedError


def add(name: str):
    """A piece of work that stores one row under a unique name."""

    def work(session: Session) -> str:
        session.execute(
            insert(ControlNumber).values(partner=name, level="ISA13", scope="", test=False, next=1, low=1, high=9)
        )
        return name

    return work


def names(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(ControlNumber.partner).order_by(ControlNumber.partner)))


class Held:
    """Keeps the writer busy, so that what is submitted meanwhile becomes one group."""

    def __init__(self, store: Store) -> None:
        self._go, running = threading.Event(), threading.Event()

        def work(_session: Session) -> None:
            running.set()
            assert self._go.wait(10)

        self.future = store.writer.submit(work)
        assert running.wait(10)

    def let_go(self) -> None:
        self._go.set()


def count_commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(writer_module, "fault_point", seen.append)
    return seen


def test_work_of_prepared_statements_shares_a_session_that_knows_nothing_of_the_work_before(store: Store) -> None:
    seen: list[tuple[Session, dict]] = []
    hooked: list[str] = []

    def light(session: Session) -> None:
        seen.append((session, dict(session.info)))
        session.info["mine"] = True
        after_commit(session, lambda: hooked.append("hook"))

    def heavy(session: Session) -> None:
        seen.append((session, dict(session.info)))
        session.scalars(select(ControlNumber)).all()

    def failing(session: Session) -> None:
        seen.append((session, dict(session.info)))
        raise ValueError("no")

    for work in (light, light, heavy, light):
        store.writer.run(work)
    with pytest.raises(ValueError, match="no"):
        store.writer.run(failing)
    store.writer.run(light)
    assert seen[0][0] is seen[1][0] is seen[2][0]
    assert seen[3][0] is not seen[2][0], "one that has loaded rows is not used again"
    assert seen[5][0] is not seen[4][0]
    assert all(facts.keys() == seen[0][1].keys() for _, facts in seen[:4])
    assert hooked == ["hook"] * 4


def test_the_caller_gets_its_value_after_the_commit(store: Store) -> None:
    assert store.writer.run(add("acme")) == "acme"
    assert names(store) == ["acme"]


def test_what_waits_together_is_committed_together(store: Store, monkeypatch) -> None:
    held = Held(store)
    seen = count_commits(store, monkeypatch)
    futures = [store.writer.submit(add(f"p{n:02d}")) for n in range(20)]
    held.let_go()
    assert [future.result(10) for future in futures] == [f"p{n:02d}" for n in range(20)]
    assert seen.count("store.before_commit") == 2


def test_no_more_than_32_share_a_commit(store: Store, monkeypatch) -> None:
    held = Held(store)
    seen = count_commits(store, monkeypatch)
    futures = [store.writer.submit(add(f"p{n:02d}")) for n in range(40)]
    held.let_go()
    wait(futures, 10)
    assert seen.count("store.before_commit") == 3


def test_a_duplicate_sinks_only_itself(store: Store) -> None:
    store.writer.run(add("acme"))
    held = Held(store)
    good, bad, other = (store.writer.submit(add(name)) for name in ("alpha", "acme", "omega"))
    held.let_go()
    assert (good.result(10), other.result(10)) == ("alpha", "omega")
    with pytest.raises(IntegrityError):
        bad.result(10)
    assert names(store) == ["acme", "alpha", "omega"]


def test_an_error_of_the_work_sinks_only_itself(store: Store) -> None:
    def wrong(session: Session) -> None:
        add("half")(session)
        raise LookupError("no such partner")

    held = Held(store)
    bad, good = store.writer.submit(wrong), store.writer.submit(add("alpha"))
    held.let_go()
    assert good.result(10) == "alpha"
    with pytest.raises(LookupError, match="no such partner"):
        bad.result(10)
    assert names(store) == ["alpha"]


def test_a_failing_database_fails_the_whole_group(store: Store) -> None:
    def disk_full(_session: Session) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    held = Held(store)
    first, second = store.writer.submit(add("alpha")), store.writer.submit(disk_full)
    held.let_go()
    for future in (first, second):
        with pytest.raises(OperationalError, match="disk is full"):
            future.result(10)
    assert names(store) == []
    assert store.writer.run(add("later")) == "later"


def test_a_failed_commit_answers_nobody(store: Store, monkeypatch) -> None:
    def fail(name: str) -> None:
        if name == "store.before_commit":
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(writer_module, "fault_point", fail)
    with pytest.raises(OSError, match="Input/output error"):
        store.writer.run(add("alpha"))
    monkeypatch.undo()
    assert names(store) == []


def test_a_hook_runs_once_and_after_the_commit(store: Store) -> None:
    seen: list[list[str]] = []

    def hook() -> None:
        seen.append(names(store))

    def work(session: Session) -> None:
        add("alpha")(session)
        after_commit(session, hook)
        after_commit(session, hook)

    store.writer.run(work)
    assert seen == [["alpha"]]


def test_a_rolled_back_change_runs_no_hook(store: Store) -> None:
    seen: list[int] = []

    def work(session: Session) -> None:
        after_commit(session, lambda: seen.append(1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.writer.run(work)
    assert seen == []


def test_a_failing_hook_does_not_undo_the_commit(store: Store, caplog) -> None:
    def broken() -> None:
        raise RuntimeError("hook")

    def work(session: Session) -> str:
        after_commit(session, broken)
        return add("alpha")(session)

    assert store.writer.run(work) == "alpha"
    assert names(store) == ["alpha"]
    assert "the commit itself stands" in caplog.text


def test_a_full_queue_says_so_and_stores_nothing(tmp_path) -> None:
    with open_store(tmp_path / "a.db", queue_limit=2) as store:
        held = Held(store)
        waiting = [store.writer.submit(lambda session: 1) for _ in range(2)]
        with pytest.raises(StoreBusyError, match="2 changes waiting"):
            store.writer.submit(lambda session: 1)
        held.let_go()
        assert [future.result(10) for future in waiting] == [1, 1]


def test_close_commits_what_waits_and_refuses_the_rest(store: Store) -> None:
    held = Held(store)
    waiting = [store.writer.submit(add(name)) for name in ("alpha", "beta")]
    closing = threading.Thread(target=store.writer.close)
    closing.start()
    held.let_go()
    closing.join(10)
    assert [future.result(0) for future in waiting] == ["alpha", "beta"]
    with pytest.raises(StoreClosedError):
        store.writer.submit(add("gamma"))


def test_cancelled_work_is_not_done(store: Store) -> None:
    held = Held(store)
    first, second = store.writer.submit(add("alpha")), store.writer.submit(add("beta"))
    assert first.cancel()
    assert second.cancel()
    held.let_go()
    store.writer.run(add("gamma"))
    assert names(store) == ["gamma"]


def test_work_inside_work_is_refused_instead_of_waiting_for_ever(store: Store) -> None:
    def nested(_session: Session) -> None:
        store.writer.run(add("alpha"))

    with pytest.raises(RuntimeError, match="inside a piece of work"):
        store.writer.run(nested)


def test_a_nested_savepoint_lets_work_go_on_after_a_duplicate(store: Store) -> None:
    store.writer.run(add("acme"))

    def work(session: Session) -> str:
        try:
            with session.begin_nested():
                add("acme")(session)
        except IntegrityError:
            return "seen before"
        return "new"

    assert store.writer.run(work) == "seen before"


def test_a_write_waits_for_no_reader(store: Store) -> None:
    with store.read() as session:
        session.execute(text("SELECT * FROM control_number")).all()
        assert store.writer.submit(add("alpha")).result(5) == "alpha"
