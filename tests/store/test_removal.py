"""A payload whose bytes were removed says so, keeps its row, and has its bytes back when they are stored again."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.store import payloads, removal
from gateway.store.backup import Source, make_backup
from gateway.store.blobs import files_held, files_may_go
from gateway.store.engine import Store, open_store
from gateway.store.errors import PayloadMissingError, PayloadRemovedError, StoreError, StoreLockedError
from gateway.store.restore import restore_backup
from gateway.store.shrink import shrink

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SMALL = b"ISA*00*~"
LARGE = os.urandom(payloads.INLINE_LIMIT + 1)
RULE = "keep.raw_days = 90 of profile version 7 of harbor"


def put(store: Store, body: bytes) -> str:
    staged = payloads.stage(store.blobs, body)
    return store.writer.run(lambda session: payloads.put(session, staged))


def get(store: Store, digest: str) -> bytes:
    with store.read() as session:
        return payloads.get(session, digest)


def remove(store: Store, digest: str) -> list[removal.Kept]:
    def work(session) -> list[removal.Kept]:
        found = removal.lock(session, [digest])
        for each in found:
            removal.remove(session, each.sha256, at=NOW, rule=RULE)
        return found

    return store.writer.run(work)


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_removed_bytes_say_when_and_by_which_rule(store: Store, body: bytes) -> None:
    digest = put(store, body)
    (kept,) = remove(store, digest)
    assert (kept.sha256, kept.size) == (digest, len(body))
    with pytest.raises(PayloadRemovedError) as told:
        get(store, digest)
    assert str(told.value) == f"The content was removed on 2026-11-21 by the rule {RULE}."
    assert "send it again" in told.value.fix
    with store.read() as session:
        assert payloads.size(session, digest) == len(body)
        with pytest.raises(PayloadRemovedError):
            payloads.require(session, digest)
    assert remove(store, digest) == []


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_the_same_bytes_again_are_there_again(store: Store, body: bytes) -> None:
    digest = put(store, body)
    (kept,) = remove(store, digest)
    if kept.path:
        (store.blobs / kept.path).unlink()
    assert put(store, body) == digest
    assert get(store, digest) == body
    with store.read() as session:
        payloads.require(session, digest)


def test_storing_bytes_that_are_there_changes_nothing_of_their_row(store: Store) -> None:
    put(store, SMALL)
    with sqlite3.connect(store.path) as connection:
        before = connection.execute("SELECT * FROM payload").fetchall()
    put(store, SMALL)
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT * FROM payload").fetchall() == before


def test_what_is_needed_must_be_there(store: Store) -> None:
    with store.read() as session, pytest.raises(PayloadMissingError):
        payloads.require(session, "0" * 64)


class TestFiles:
    def test_a_file_of_a_removed_payload_is_deleted_once(self, store: Store) -> None:
        (kept,) = remove(store, put(store, LARGE))
        path = store.blobs / (kept.path or "")
        os.utime(path, (1, 1))
        assert removal.delete_files(store, [kept.path or ""], since=100.0) == 1
        assert not path.exists()
        assert removal.delete_files(store, [kept.path or ""], since=100.0) == 1

    def test_a_file_that_is_on_its_way_to_a_new_row_stays(self, store: Store) -> None:
        (kept,) = remove(store, put(store, LARGE))
        path = store.blobs / (kept.path or "")
        assert removal.delete_files(store, [kept.path or ""], since=path.stat().st_mtime) == 0
        assert path.exists()

    def test_a_file_that_a_row_names_again_stays(self, store: Store) -> None:
        digest = put(store, LARGE)
        (kept,) = remove(store, digest)
        put(store, LARGE)
        os.utime(store.blobs / (kept.path or ""), (1, 1))
        assert removal.delete_files(store, [kept.path or ""], since=100.0) == 0
        assert get(store, digest) == LARGE

    def test_nothing_is_deleted_while_somebody_holds_the_folder(self, store: Store) -> None:
        (kept,) = remove(store, put(store, LARGE))
        os.utime(store.blobs / (kept.path or ""), (1, 1))
        with files_held(store.blobs), files_held(store.blobs), files_may_go(store.blobs) as they_may:
            assert they_may is False
            assert removal.delete_files(store, [kept.path or ""], since=100.0) == 0
        with files_may_go(store.blobs) as they_may:
            assert they_may is True


def test_a_backup_of_removed_content_is_whole_and_restores(store: Store, tmp_path: Path) -> None:
    small, large, kept = put(store, SMALL), put(store, LARGE), put(store, LARGE + b"!")
    for digest in (small, large):
        remove(store, digest)
    (store.blobs / large[:2] / large).unlink()
    archive = tmp_path / "b.tar"
    assert store.path is not None
    make_backup(archive, Source(store.path, "gateway.db", store.blobs, "blobs"), release="0")
    restored = restore_backup(archive, tmp_path / "restored", settle=lambda *_: None, last="gateway.db")
    assert restored.payloads == 1
    with open_store(tmp_path / "restored" / "gateway.db") as other:
        assert get(other, kept) == LARGE + b"!"
        for digest in (small, large):
            with pytest.raises(PayloadRemovedError):
                get(other, digest)


def test_shrinking_gives_the_space_of_removed_bytes_back_and_leaves_nothing_of_them(
    made_once: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(made_once.read_bytes())
    secret = b"nobody may read this any more" * 2_000
    with open_store(path) as store:
        digests = [put(store, secret + str(number).encode()) for number in range(50)]
        for digest in digests:
            remove(store, digest)
        with pytest.raises(StoreLockedError):
            shrink(path)
    before, after = shrink(path)
    assert after < before / 4
    assert b"nobody may read this" not in path.read_bytes()
    with open_store(path) as store, pytest.raises(PayloadRemovedError):
        get(store, digests[0])


def test_shrinking_needs_room_and_a_database(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="no database"):
        shrink(tmp_path / "none.db")
    path = tmp_path / "gateway.db"
    path.write_bytes(made_once.read_bytes())
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("gateway.store.shrink.shutil.disk_usage", lambda _path: usage)
    with pytest.raises(StoreError, match="must be free, 10 are"):
        shrink(path)
