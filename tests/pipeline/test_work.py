"""The work port's contract: wakes belong to the transaction, keys and lanes hold, nothing is lost or lost in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.messages.ports import Task
from gateway.pipeline import work as work_module
from gateway.pipeline.work import MAX_RUNS, EmbeddedWork
from gateway.store.engine import Store, open_store
from gateway.store.errors import StoreBusyError, StoreUnreachableError
from gateway.store.migrations import upgrade

SECONDS = 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "gateway.db") as opened:
        upgrade(opened)
        yield opened


@pytest.fixture
def work(store: Store) -> Iterator[EmbeddedWork]:
    """An engine that retries at once and never looks by itself: only a wake-up can start a job."""
    engine = EmbeddedWork(store, retry_pauses=[0], poll=600)
    yield engine
    engine.stop(SECONDS)


class Seen:
    """What handlers were called with; a test waits until enough came."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, key: str) -> None:
        with self._changed:
            self.keys.append(key)
            self._changed.notify_all()

    def wait(self, number: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.keys) >= number, SECONDS), self.keys
        return self.keys


def submit(store: Store, work: EmbeddedWork, *keys: str, task: Task = Task.PROCESS, lane: str | None = None):
    def change(session) -> None:
        for key in keys:
            work.submit(session, task, key, lane=lane)

    store.writer.run(change)


def jobs(store: Store) -> list[tuple[str, str, int]]:
    with store.read() as session:
        return [tuple(row) for row in session.execute(text("SELECT key, status, attempts FROM job ORDER BY id"))]


def until_empty(store: Store, work: EmbeddedWork) -> None:
    """Stop the engine: what it has claimed has ended then."""
    work.stop(SECONDS)
    assert jobs(store) == []


class TestSubmit:
    def test_a_commit_wakes_the_handler(self, store: Store, work: EmbeddedWork) -> None:
        seen = Seen()
        work.run({Task.PROCESS: seen}, 2)
        submit(store, work, "t-1")
        assert seen.wait(1) == ["t-1"]
        until_empty(store, work)

    def test_a_rollback_leaves_nothing(self, store: Store, work: EmbeddedWork) -> None:
        def change(session) -> None:
            work.submit(session, Task.PROCESS, "t-1")
            raise ValueError("undo")

        with pytest.raises(ValueError, match="undo"):
            store.writer.run(change)
        assert jobs(store) == []

    def test_the_same_key_while_one_waits_is_one_job(self, store: Store, work: EmbeddedWork) -> None:
        submit(store, work, "t-1", "t-1", "t-2")
        submit(store, work, "t-1")
        submit(store, work, "t-1", task=Task.POST)
        assert [key for key, _, _ in jobs(store)] == ["t-1", "t-2", "t-1"]

    def test_the_same_key_while_one_runs_runs_again(self, store: Store, work: EmbeddedWork) -> None:
        seen, inside, go = Seen(), threading.Event(), threading.Event()

        def handler(key: str) -> None:
            seen(key)
            inside.set()
            assert go.wait(SECONDS)

        work.run({Task.PROCESS: handler}, 2)
        submit(store, work, "t-1")
        assert inside.wait(SECONDS)
        submit(store, work, "t-1")
        go.set()
        assert seen.wait(2) == ["t-1", "t-1"]

    def test_what_was_submitted_before_the_start_runs(self, store: Store, work: EmbeddedWork) -> None:
        submit(store, work, "t-1")
        seen = Seen()
        work.run({Task.PROCESS: seen}, 1)
        seen.wait(1)

    def test_each_task_has_its_own_handler(self, store: Store, work: EmbeddedWork) -> None:
        process, post = Seen(), Seen()
        work.run({Task.PROCESS: process, Task.POST: post}, 2)
        submit(store, work, "d-1", task=Task.POST)
        submit(store, work, "t-1")
        assert (process.wait(1), post.wait(1)) == (["t-1"], ["d-1"])


class TestLanes:
    def test_a_lane_is_never_two_at_once_and_keeps_its_order(self, store: Store, work: EmbeddedWork) -> None:
        seen, inside, most = Seen(), 0, 0
        lock = threading.Lock()

        def handler(key: str) -> None:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.002)
            with lock:
                inside -= 1
            seen(key)

        keys = [f"k{n:02d}" for n in range(15)]
        submit(store, work, *keys, lane="out:acme")
        work.run({Task.PROCESS: handler}, 4)
        assert seen.wait(15) == keys
        assert most == 1

    def test_two_lanes_and_free_jobs_run_side_by_side(self, store: Store, work: EmbeddedWork) -> None:
        together = threading.Barrier(3)
        seen = Seen()

        def handler(key: str) -> None:
            together.wait(SECONDS)
            seen(key)

        submit(store, work, "a", lane="out:acme")
        submit(store, work, "b", lane="out:other")
        submit(store, work, "c")
        work.run({Task.PROCESS: handler}, 3)
        assert sorted(seen.wait(3)) == ["a", "b", "c"]

    def test_a_failed_job_keeps_its_place_in_the_lane(self, store: Store, work: EmbeddedWork) -> None:
        seen = Seen()

        def handler(key: str) -> None:
            seen(key)
            if key == "first" and seen.keys.count("first") < 3:
                raise OSError("busy")

        submit(store, work, "first", "second", lane="out:acme")
        work.run({Task.PROCESS: handler}, 2)
        assert seen.wait(4) == ["first", "first", "first", "second"]


class TestFailures:
    def test_a_handler_that_fails_is_logged_and_runs_again(self, store: Store, work: EmbeddedWork, caplog) -> None:
        seen = Seen()

        def handler(key: str) -> None:
            seen(key)
            if len(seen.keys) == 1:
                raise OSError("The disk\nis away.")

        work.run({Task.PROCESS: handler}, 1)
        submit(store, work, "t-1")
        seen.wait(2)
        until_empty(store, work)
        assert "Run 1 of process t-1 failed" in caplog.text
        assert "Traceback" in caplog.text

    def test_a_job_that_always_fails_ends_as_poison(self, store: Store) -> None:
        told, seen, done = [], Seen(), threading.Event()

        def on_poison(session, task: Task, key: str, error: str) -> None:
            told.append((task, key, error))
            session.execute(text("UPDATE job SET key = 'seen-in-its-transaction' WHERE status = 'failed'"))
            done.set()

        def handler(key: str) -> None:
            seen(key)
            raise ValueError("no\nsuch   thing")

        work = EmbeddedWork(store, on_poison=on_poison, retry_pauses=[0], poll=600)
        work.run({Task.PROCESS: handler}, 2)
        submit(store, work, "t-1")
        assert done.wait(SECONDS)
        work.stop(SECONDS)
        assert seen.keys == ["t-1"] * MAX_RUNS
        assert told[-1] == (Task.PROCESS, "t-1", "ValueError: no such thing")
        assert jobs(store) == [("seen-in-its-transaction", "failed", MAX_RUNS)]
        assert work.stats().failed == 1

    def test_a_failing_report_does_not_keep_the_job_alive(self, store: Store, caplog) -> None:
        done = threading.Event()

        def on_poison(session, task: Task, key: str, error: str) -> None:
            done.set()
            raise LookupError("no such case")

        def handler(_key: str) -> None:
            raise ValueError("no")

        work = EmbeddedWork(store, on_poison=on_poison, retry_pauses=[0], poll=600)
        work.run({Task.PROCESS: handler}, 1)
        submit(store, work, "t-1")
        assert done.wait(SECONDS)
        work.stop(SECONDS)
        assert jobs(store) == [("t-1", "failed", MAX_RUNS)]
        assert "could not be reported" in caplog.text

    def test_a_failed_job_with_a_waiting_twin_leaves_the_work_to_it(self, store: Store, work: EmbeddedWork) -> None:
        seen = Seen()

        def handler(key: str) -> None:
            seen(key)
            if len(seen.keys) == 1:
                submit(store, work, key)
                raise ValueError("once")

        work.run({Task.PROCESS: handler}, 1)
        submit(store, work, "t-1")
        seen.wait(2)
        until_empty(store, work)
        assert seen.keys == ["t-1", "t-1"]

    def test_a_task_without_a_handler_fails_like_any_other(self, store: Store, caplog) -> None:
        done = threading.Event()
        work = EmbeddedWork(store, on_poison=lambda *_: done.set(), retry_pauses=[0], poll=600)
        work.run({Task.PROCESS: lambda key: None}, 1)
        submit(store, work, "d-1", task=Task.POST)
        assert done.wait(SECONDS)
        work.stop(SECONDS)
        assert [status for _, status, _ in jobs(store)] == ["failed"]

    def test_a_busy_database_delays_the_end_of_a_run_and_loses_nothing(
        self, store: Store, work: EmbeddedWork, monkeypatch
    ) -> None:
        monkeypatch.setattr(work_module, "RECORD_SECONDS", 0)
        seen, refused = Seen(), []
        real = store.writer.run

        def run(change):
            if change.__name__ == "record" and len(refused) < 3:
                refused.append(1)
                raise StoreBusyError("full")
            return real(change)

        monkeypatch.setattr(store.writer, "run", run)
        work.run({Task.PROCESS: seen}, 1)
        submit(store, work, "t-1")
        seen.wait(1)
        work._stopping.wait(0)
        finished = threading.Event()

        def watch() -> None:
            while jobs(store) and not finished.is_set():
                finished.wait(0.01)

        watcher = threading.Thread(target=watch)
        watcher.start()
        watcher.join(SECONDS)
        finished.set()
        assert jobs(store) == []
        assert len(refused) == 3

    def test_a_claim_of_which_nobody_was_told_is_given_back(self, store: Store, monkeypatch) -> None:
        """The connection broke after COMMIT was asked for: it was stored, and the caller was told that it failed."""
        work = EmbeddedWork(store, retry_pauses=[0], poll=0.01)
        seen, lost = Seen(), []
        real = store.writer.run

        def run(change):
            value = real(change)
            name = change.__name__
            if value and name in ("<lambda>", "record") and name not in lost:
                lost.append(name)
                raise StoreUnreachableError("gone")
            return value

        monkeypatch.setattr(store.writer, "run", run)
        submit(store, work, "t-1", "t-2", "t-3", lane="a")
        work.run({Task.PROCESS: seen}, 2)
        assert seen.wait(3) == ["t-1", "t-2", "t-3"]
        until_empty(store, work)
        assert lost == ["<lambda>", "record"]

    def test_a_database_that_is_away_does_not_end_the_dispatcher(self, store: Store, monkeypatch, caplog) -> None:
        work = EmbeddedWork(store, retry_pauses=[0], poll=0.01)
        seen, refused = Seen(), []
        real = store.writer.run

        def run(change):
            if "_start_claimed" in change.__qualname__ and len(refused) < 2:
                refused.append(1)
                raise OSError(5, "Input/output error")
            return real(change)

        work.run({Task.PROCESS: seen}, 1)
        monkeypatch.setattr(store.writer, "run", run)
        submit(store, work, "t-1")
        seen.wait(1)
        work.stop(SECONDS)
        assert "could not reach its jobs" in caplog.text


class TestRestart:
    def left_running(self, store: Store, key: str, attempts: int) -> None:
        insert = (
            "INSERT INTO job (task, key, status, attempts, token, created_at) "
            "VALUES ('process', :key, 'running', :attempts, 1, '2026-03-01 08:00:00')"
        )
        store.writer.run(lambda session: session.execute(text(insert), {"key": key, "attempts": attempts}))

    def test_a_job_that_was_running_runs_again(self, store: Store, work: EmbeddedWork) -> None:
        self.left_running(store, "t-1", 1)
        seen = Seen()
        work.run({Task.PROCESS: seen}, 1)
        assert seen.wait(1) == ["t-1"]

    def test_one_that_ended_the_process_five_times_is_poison(self, store: Store) -> None:
        self.left_running(store, "t-1", MAX_RUNS)
        told = []
        work = EmbeddedWork(store, on_poison=lambda session, *rest: told.append(rest), poll=600)
        work.run({Task.PROCESS: lambda key: None}, 1)
        work.stop(SECONDS)
        assert told == [(Task.PROCESS, "t-1", "The process ended in run 5.")]
        assert jobs(store) == [("t-1", "failed", MAX_RUNS)]

    def test_one_with_a_waiting_twin_hands_over_its_count(self, store: Store, work: EmbeddedWork) -> None:
        self.left_running(store, "t-1", 3)
        submit(store, work, "t-1")
        work._store.writer.run(work._take_up)
        assert jobs(store) == [("t-1", "ready", 3)]

    def test_the_end_of_an_older_run_does_not_end_a_newer_one(self, store: Store, work: EmbeddedWork) -> None:
        self.left_running(store, "t-1", 1)
        stale = work_module._Run(1, "process", "t-1", 0, 1)
        store.writer.run(lambda session: session.execute(work_module._FINISH, stale.values()))
        assert jobs(store) == [("t-1", "running", 1)]

    def test_a_stopped_engine_can_be_started_again(self, store: Store, work: EmbeddedWork) -> None:
        seen = Seen()
        work.run({Task.PROCESS: seen}, 1)
        with pytest.raises(RuntimeError, match="twice"):
            work.run({Task.PROCESS: seen}, 1)
        work.stop()
        work.stop()
        submit(store, work, "t-1")
        work.run({Task.PROCESS: seen}, 1)
        assert seen.wait(1) == ["t-1"]

    def test_stop_waits_for_the_handler_that_runs(self, store: Store, work: EmbeddedWork) -> None:
        inside, go, ended = threading.Event(), threading.Event(), []

        def handler(_key: str) -> None:
            inside.set()
            go.wait(SECONDS)
            ended.append(1)

        work.run({Task.PROCESS: handler}, 1)
        submit(store, work, "t-1", "t-2")
        assert inside.wait(SECONDS)
        threading.Timer(0.05, go.set).start()
        work.stop(SECONDS)
        assert ended == [1]
        assert [key for key, _, _ in jobs(store)] == ["t-2"]

    def test_stop_does_not_wait_for_ever(self, store: Store, work: EmbeddedWork) -> None:
        inside, go = threading.Event(), threading.Event()

        def handler(_key: str) -> None:
            inside.set()
            go.wait(SECONDS)

        work.run({Task.PROCESS: handler}, 1)
        submit(store, work, "t-1")
        assert inside.wait(SECONDS)
        workers = list(work._workers)
        work.stop(0.05)
        assert [status for _, status, _ in jobs(store)] == ["running"]
        go.set()
        workers[0].join(SECONDS)


def test_the_numbers_tell_what_waits(store: Store, work: EmbeddedWork) -> None:
    assert (work.stats().waiting, work.stats().oldest_seconds) == (0, None)
    submit(store, work, "t-1", "t-2")
    stats = work.stats()
    assert (stats.waiting, stats.running, stats.failed) == (2, 0, 0)
    assert 0 <= stats.oldest_seconds < SECONDS


def test_without_a_wake_up_it_looks_by_itself(store: Store) -> None:
    work, seen = EmbeddedWork(store, poll=0.01), Seen()
    work.run({Task.PROCESS: seen}, 1)
    insert = "INSERT INTO job (task, key, created_at) VALUES ('process', 't-1', '2026-03-01 08:00:00')"
    store.writer.run(lambda session: session.execute(text(insert)))
    assert seen.wait(1) == ["t-1"]
    work.stop(SECONDS)


def test_a_closed_store_ends_the_engine_quietly(store: Store, work: EmbeddedWork) -> None:
    work.run({Task.PROCESS: lambda key: None}, 1)
    dispatcher = work._dispatcher
    store.close()
    work._wake.set()
    dispatcher.join(SECONDS)
    assert not dispatcher.is_alive()


CRASH = """
import sys, threading
from sqlalchemy import text
from gateway.messages.ports import Task
from gateway.pipeline.work import EmbeddedWork
from gateway.store.engine import open_store
with open_store(sys.argv[1]) as store:
    work = EmbeddedWork(store)
    def handler(key):
        store.writer.run(lambda s: s.execute(text("INSERT INTO effect VALUES (:k)"), {"k": key}))
    work.run({Task.PROCESS: handler}, 1)
    threading.Event().wait(20)
"""


def test_a_crash_between_the_effect_and_its_record_runs_the_job_again(store: Store, work: EmbeddedWork) -> None:
    store.writer.run(lambda session: session.execute(text("CREATE TABLE effect (key TEXT)")))
    submit(store, work, "t-1")
    path = store.path
    store.close()
    environment = {**os.environ, "GATEWAY_FAULT": "work.before_finish"}
    run = subprocess.run([sys.executable, "-c", CRASH, str(path)], env=environment, check=False)
    assert run.returncode == -9
    with open_store(path) as again:
        assert jobs(again) == [("t-1", "running", 1)]
        seen, engine = Seen(), EmbeddedWork(again)
        engine.run({Task.PROCESS: seen}, 1)
        assert seen.wait(1) == ["t-1"]
        until_empty(again, engine)


def test_a_database_that_is_away_is_not_the_messages_fault(store: Store, work: EmbeddedWork, caplog) -> None:
    seen = Seen()

    def handler(key: str) -> None:
        seen(key)
        if len(seen.keys) <= 2 * MAX_RUNS:
            raise StoreBusyError("full")

    work.run({Task.PROCESS: handler}, 1)
    submit(store, work, "t-1")
    seen.wait(2 * MAX_RUNS + 1)
    until_empty(store, work)
    assert "could not reach the database" in caplog.text
    assert "Traceback" not in caplog.text
