"""One process writes, many readers look, and nobody else gets in."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gateway.store.engine import Store, open_store
from gateway.store.errors import (
    StoreClosedError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
)
from gateway.store.payloads import put


def test_a_second_writer_is_refused_with_the_number_of_the_first(store: Store) -> None:
    with pytest.raises(StoreLockedError, match=r"in use by another process \(number \d+\)"):
        open_store(store.path)


def test_another_process_is_refused_as_well(store: Store) -> None:
    code = (
        "import sys; from gateway.store.engine import open_store; from gateway.store.errors import *\n"
        "try: open_store(sys.argv[1])\nexcept StoreLockedError: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(store.path)], check=False).returncode == 7


def test_the_lock_is_free_again_after_close(store: Store) -> None:
    store.close()
    store.close()
    open_store(store.path).close()


def test_a_reader_needs_no_lock_and_cannot_write(store: Store) -> None:
    with open_store(store.path, write=False) as looking:
        with looking.read() as session:
            assert session.scalar(text("SELECT COUNT(*) FROM payload")) == 0
        with pytest.raises(StoreReadOnlyError, match="for reading only"):
            _ = looking.writer


def test_a_read_session_cannot_change_anything(store: Store) -> None:
    with store.read() as session, pytest.raises(OperationalError, match="readonly"):
        put(session, b"x")


def test_a_reader_sees_one_state_while_the_writer_goes_on(store: Store) -> None:
    with store.read() as session:
        before = session.scalar(text("SELECT COUNT(*) FROM payload"))
        store.writer.run(lambda writing: put(writing, b"x"))
        assert session.scalar(text("SELECT COUNT(*) FROM payload")) == before
    with store.read() as session:
        assert session.scalar(text("SELECT COUNT(*) FROM payload")) == before + 1


def test_every_commit_is_on_the_disk(store: Store) -> None:
    pragmas = store.writer.run(
        lambda session: [
            session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    assert pragmas == ["wal", 2, 1]


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match="gateway init"):
        open_store(tmp_path / "none.db", write=False)


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="Name a path"):
        open_store("sqlite://")


def test_a_url_opens_the_same_file_as_its_path(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/a.db") as opened:
        assert opened.path == tmp_path / "a.db"
        assert opened.blobs == tmp_path / "blobs"


def test_only_the_owner_may_read_the_database(tmp_path: Path) -> None:
    open_store(tmp_path / "a.db").close()
    assert stat.S_IMODE((tmp_path / "a.db").stat().st_mode) == 0o600


def test_the_facts_tell_version_and_journal(store: Store) -> None:
    facts = store.facts()
    assert (facts["database"], facts["journal_mode"]) == ("sqlite", "wal")
    assert facts["bytes"] > 0


def test_a_closed_store_takes_no_more(store: Store) -> None:
    writer = store.writer
    store.close()
    with pytest.raises(StoreClosedError):
        writer.run(lambda session: None)
