"""The chain of events shows every edit, deletion, insertion, swap and cut."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.store import ledger
from gateway.store.engine import Store, open_store
from gateway.store.errors import LedgerTamperedError

NOW = datetime(2026, 3, 1, 8, 30, 0, 250_000, tzinfo=UTC)


def write(store: Store, number: int, start: int = 1) -> None:
    def work(session) -> None:
        for n in range(start, start + number):
            ledger.append(
                session,
                at=NOW,
                kind="moved",
                subject_type="document",
                subject_id=f"d{n}",
                axis="processing",
                old="received",
                new="identified",
                actor="pipeline",
                reason=f"Step {n} – ünïcode.",
                data={"b": n, "a": [1, None]},
            )

    store.writer.run(work)


def verify(store: Store, **options) -> ledger.LedgerReport:
    with store.read() as session:
        return ledger.verify(session, **options)


def tamper(store: Store, *statements: str) -> None:
    """Change the file as someone with a database tool would: past the triggers."""
    with sqlite3.connect(store.path, isolation_level=None) as connection:
        for trigger in ("event_no_update", "event_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)


def test_an_empty_ledger_is_whole(store: Store) -> None:
    report = verify(store)
    assert (report.ok, report.checked, report.first_bad) == (True, 0, None)


def test_events_are_numbered_without_a_gap_and_stand_as_written(store: Store) -> None:
    write(store, 3)
    write(store, 2, start=4)
    report = verify(store)
    assert (report.ok, report.checked) == (True, 5)
    with store.read() as session:
        event = session.get(ledger.Event, 4)
        assert (event.at, event.subject_id) == ("2026-03-01T08:30:00.250000Z", "d4")
        assert event.data == {"a": [1, None], "b": 4}
        assert ledger.head(session) == (5, session.get(ledger.Event, 5).hash)


def test_a_rolled_back_event_leaves_no_gap(store: Store) -> None:
    def failing(session) -> None:
        ledger.append(session, at=NOW, kind="x", subject_type="t", subject_id="1", actor="a", reason="r")
        raise ValueError("undo")

    with pytest.raises(ValueError, match="undo"):
        store.writer.run(failing)
    write(store, 1)
    assert verify(store).checked == 1


@pytest.mark.parametrize("change", ["UPDATE event SET reason = 'x'", "DELETE FROM event"])
def test_the_database_refuses_to_change_an_event(store: Store, change: str) -> None:
    write(store, 1)
    with pytest.raises(IntegrityError, match="append-only"):
        store.writer.run(lambda session: session.execute(text(change)))
    assert verify(store).ok


@pytest.mark.parametrize(
    ("statements", "first_bad", "word"),
    [
        (["UPDATE event SET reason = 'Something else.' WHERE seq = 3"], 3, "changed"),
        (["UPDATE event SET at = '2026-03-01T08:30:00.250001Z' WHERE seq = 1"], 1, "changed"),
        (["UPDATE event SET data = '{\"a\":[1,null],\"b\": 3}' WHERE seq = 3"], 3, "changed"),
        (["UPDATE event SET data = 'no json' WHERE seq = 2"], 2, "changed"),
        (["UPDATE event SET actor = x'00ff' WHERE seq = 2"], 2, "changed"),
        (["UPDATE event SET hash = 'ff' WHERE seq = 5"], 5, "changed"),
        (["DELETE FROM event WHERE seq = 3"], 3, "missing"),
        (["DELETE FROM event WHERE seq = 1"], 1, "missing"),
        (["DELETE FROM event WHERE seq > 3"], 4, "missing"),
        (["DELETE FROM event"], 1, "missing"),
        (
            [
                "UPDATE event SET seq = -1 WHERE seq = 2",
                "UPDATE event SET seq = 2 WHERE seq = 3",
                "UPDATE event SET seq = 3 WHERE seq = -1",
            ],
            2,
            "changed",
        ),
        (["INSERT INTO event SELECT 6, at, kind, subject_type, subject_id, axis, old, new, actor, reason, "
          "data, prev_hash, hash FROM event WHERE seq = 5"], 6, "changed"),
        (["UPDATE ledger_head SET seq = 4"], 6, "added by hand"),
    ],
)  # fmt: skip
def test_every_kind_of_tampering_is_found_where_it_is(store: Store, statements, first_bad, word) -> None:
    write(store, 5)
    tamper(store, *statements)
    report = verify(store)
    assert not report.ok
    assert report.first_bad == first_bad
    assert word in report.message


def rehash(connection: sqlite3.Connection, seq: int) -> None:
    names = ", ".join(ledger._FIELDS)
    row = connection.execute(f"SELECT {names} FROM event WHERE seq = ?", (seq,)).fetchone()
    digest = ledger._digest(dict(zip(ledger._FIELDS, row, strict=True)))
    connection.execute("UPDATE event SET hash = ? WHERE seq = ?", (digest, seq))


def test_an_edit_with_a_new_hash_breaks_the_chain_after_it(store: Store) -> None:
    write(store, 5)
    tamper(store, "UPDATE event SET reason = 'Something else.' WHERE seq = 3")
    with sqlite3.connect(store.path) as connection:
        rehash(connection, 3)
    report = verify(store)
    assert (report.first_bad, "replaced or moved" in report.message) == (4, True)


def test_a_wholly_rewritten_ledger_is_found_by_a_noted_head(store: Store) -> None:
    write(store, 3)
    noted = verify(store).head
    tamper(store, "DELETE FROM event", "DELETE FROM ledger_head")
    write(store, 4, start=7)
    assert verify(store).ok
    report = verify(store, expected_head=noted)
    assert (report.ok, report.first_bad) == (False, 3)
    assert "rewritten" in report.message


def test_a_noted_head_beyond_the_end_shows_an_older_copy(store: Store) -> None:
    write(store, 2)
    report = verify(store, expected_head=f"9:{'0' * 64}")
    assert not report.ok
    assert "event 9" in report.message


def test_a_noted_head_that_is_still_there_is_fine(store: Store) -> None:
    write(store, 2)
    noted = verify(store).head
    write(store, 2, start=3)
    assert verify(store, expected_head=noted).ok


def test_what_is_no_head_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="not a ledger head"):
        verify(store, expected_head="five")


def test_nothing_is_appended_to_a_ledger_without_its_head(store: Store) -> None:
    write(store, 2)
    tamper(
        store,
        "CREATE TRIGGER stuck BEFORE UPDATE ON ledger_head BEGIN SELECT RAISE(IGNORE); END",
    )
    with pytest.raises(LedgerTamperedError, match="ledger check"):
        write(store, 1, start=3)


def test_progress_is_told_up_to_the_end(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(ledger, "PAGE", 2)
    write(store, 5)
    seen: list[tuple[int, int]] = []
    verify(store, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ledger.instant(datetime(2026, 1, 1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_single_changed_byte_of_any_event_is_found(
    data, made_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tamper") / "gateway.db"
    path.write_bytes(made_once.read_bytes())
    with open_store(path) as store:
        write(store, 6)
        seq = data.draw(st.integers(1, 6))
        column = data.draw(st.sampled_from([*ledger._FIELDS[1:], "hash"]))
        with store.read() as session:
            old = session.scalar(text(f"SELECT {column} FROM event WHERE seq = {seq}"))
        at = data.draw(st.integers(0, len(old) - 1))
        letter = data.draw(st.sampled_from("abcXYZ019 ").filter(lambda c: c != old[at]))
        tamper(store)
        store.writer.run(
            lambda session: session.execute(
                text(f"UPDATE event SET {column} = :new WHERE seq = {seq}"),
                {"new": old[:at] + letter + old[at + 1 :]},
            )
        )
        report = verify(store)
    assert (report.ok, report.first_bad) == (False, seq)
