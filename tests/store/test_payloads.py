"""Bodies are durable before anybody hears of them, found by digest, and checked when read."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.store import payloads
from gateway.store.engine import Store, open_store
from gateway.store.errors import PayloadCorruptError, PayloadMissingError

SMALL = b"ISA*00*~"
LARGE = os.urandom(payloads.INLINE_LIMIT + 1)


def put(store: Store, body: bytes) -> str:
    staged = payloads.stage(store.blobs, body)
    return store.writer.run(lambda session: payloads.put(session, staged))


def get(store: Store, digest: str) -> bytes:
    with store.read() as session:
        return payloads.get(session, digest)


def files(store: Store) -> list[str]:
    return sorted(p.relative_to(store.blobs).as_posix() for p in store.blobs.rglob("*") if p.is_file())


@pytest.mark.parametrize("body", [b"", SMALL, b"x" * payloads.INLINE_LIMIT, LARGE])
def test_a_body_comes_back_as_it_was(store: Store, body: bytes) -> None:
    digest = put(store, body)
    assert digest == hashlib.sha256(body).hexdigest()
    assert get(store, digest) == body
    with store.read() as session:
        assert payloads.size(session, digest) == len(body)


def test_a_small_body_is_a_row_and_a_large_one_a_file(store: Store) -> None:
    put(store, SMALL)
    assert files(store) == []
    digest = put(store, LARGE)
    assert files(store) == [f"{digest[:2]}/{digest}"]


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_the_same_bytes_are_stored_once(store: Store, body: bytes) -> None:
    assert put(store, body) == put(store, body)
    with store.read() as session:
        assert session.scalar(text("SELECT COUNT(*) FROM payload")) == 1


def test_a_stream_is_read_to_its_end(store: Store) -> None:
    staged = payloads.stage_large(store.blobs, io.BytesIO(LARGE * 9))
    assert (staged.size, staged.sha256) == (len(LARGE) * 9, hashlib.sha256(LARGE * 9).hexdigest())


def test_a_large_body_is_refused_inside_a_transaction(store: Store) -> None:
    with pytest.raises(ValueError, match="must be staged before"):
        store.writer.run(lambda session: payloads.put(session, LARGE))


def test_an_unknown_digest_is_missing(store: Store) -> None:
    for look in (payloads.get, payloads.size):
        with store.read() as session, pytest.raises(PayloadMissingError, match="no payload"):
            look(session, "0" * 64)


def test_a_lost_file_is_named(store: Store) -> None:
    digest = put(store, LARGE)
    (store.blobs / digest[:2] / digest).unlink()
    with pytest.raises(PayloadMissingError, match="Restore a backup"):
        get(store, digest)


def test_changed_bytes_are_never_handed_out(store: Store) -> None:
    small, large = put(store, SMALL), put(store, LARGE)
    (store.blobs / large[:2] / large).write_bytes(LARGE[:-1] + b"?")
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE payload SET body = x'00' WHERE sha256 = ?", (small,))
    for digest in (small, large):
        with pytest.raises(PayloadCorruptError, match="have changed"):
            get(store, digest)


@pytest.mark.parametrize("values", ["NULL, NULL", "x'00', 'aa/aa'"])
def test_a_payload_is_in_exactly_one_place(store: Store, values: str) -> None:
    insert = f"INSERT INTO payload (sha256, size, body, path, created_at) VALUES ('a', 1, {values}, '2026-01-01')"
    with pytest.raises(IntegrityError, match="ck_payload_one_place"):
        store.writer.run(lambda session: session.execute(text(insert)))


def test_a_refused_write_leaves_no_temporary_file(store: Store, monkeypatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        payloads.stage_large(store.blobs, LARGE)
    assert files(store) == []


def test_a_short_write_is_gone_on_with(store: Store, monkeypatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data[:50_000])))
    staged = payloads.stage_large(store.blobs, LARGE)
    monkeypatch.undo()
    assert (store.blobs / staged.path).read_bytes() == LARGE


def test_file_name_and_folder_are_synced_in_order(store: Store, monkeypatch) -> None:
    seen: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        seen.append("sync " + Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        seen.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    digest = payloads.stage_large(store.blobs, LARGE).sha256
    assert seen[0].startswith("sync .incoming-")
    assert seen[1:] == ["rename", f"sync {digest[:2]}", "sync blobs"]
    seen.clear()
    payloads.stage_large(store.blobs, LARGE)
    assert seen[1:] == [f"sync {digest}", f"sync {digest[:2]}"]


class TestOrphans:
    def test_a_file_without_a_row_is_removed_when_it_is_old(self, store: Store) -> None:
        kept = put(store, LARGE)
        orphan = payloads.stage_large(store.blobs, LARGE + b"!")
        left = store.blobs / ".incoming-left"
        left.write_bytes(b"half")
        now = left.stat().st_mtime
        assert payloads.collect_orphans(store, now=now + 60) == []
        removed = payloads.collect_orphans(store, now=now + 90_000)
        assert sorted(removed) == sorted([orphan.path, ".incoming-left"])
        assert get(store, kept) == LARGE

    def test_a_file_that_is_staged_again_is_young_again(self, store: Store) -> None:
        staged = payloads.stage_large(store.blobs, LARGE)
        os.utime(store.blobs / staged.path, (1, 1))
        payloads.stage_large(store.blobs, LARGE)
        assert payloads.collect_orphans(store) == []

    def test_the_collector_leaves_the_files_of_others_alone(self, store: Store) -> None:
        upload = store.blobs / "uploads" / "an-upload"
        upload.parent.mkdir()
        upload.write_bytes(b"half of a file")
        assert payloads.collect_orphans(store, now=upload.stat().st_mtime + 1_000_000) == []
        assert upload.exists()

    def test_a_file_that_is_renewed_while_the_collector_looks_stays(self, store: Store) -> None:
        path = store.blobs / payloads.stage_large(store.blobs, LARGE).path
        assert store.writer.run(lambda session: payloads.remove_unused(session, path=path, limit=0)) is False
        assert path.exists()

    def test_a_staged_file_that_was_collected_is_noticed(self, store: Store) -> None:
        staged = payloads.stage_large(store.blobs, LARGE)
        (store.blobs / staged.path).unlink()
        with pytest.raises(PayloadMissingError, match="stage the payload again"):
            store.writer.run(lambda session: payloads.put(session, staged))


CRASH = """
import sys
from pathlib import Path
from gateway.store.engine import open_store
from gateway.store import payloads
body = Path(sys.argv[2]).read_bytes()
with open_store(sys.argv[1]) as store:
    staged = payloads.stage(store.blobs, body)
    store.writer.run(lambda session: payloads.put(session, staged))
    print("acknowledged", flush=True)
"""


@pytest.mark.parametrize(
    ("point", "stored"),
    [
        ("payload.after_file_fsync", False),
        ("payload.after_rename", False),
        ("payload.after_publish", False),
        ("store.before_commit", False),
        ("store.after_commit", True),
    ],
)
def test_a_crash_leaves_no_row_without_its_file(made_once, tmp_path, point: str, stored: bool) -> None:
    database, body = tmp_path / "gateway.db", tmp_path / "body"
    database.write_bytes(made_once.read_bytes())
    body.write_bytes(LARGE)
    run = subprocess.run(
        [sys.executable, "-c", CRASH, str(database), str(body)],
        env={**os.environ, "GATEWAY_FAULT": point},
        capture_output=True,
        check=False,
    )
    assert run.returncode == -9
    assert b"acknowledged" not in run.stdout
    digest = hashlib.sha256(LARGE).hexdigest()
    with open_store(database) as store:
        if stored:
            assert get(store, digest) == LARGE
        else:
            with pytest.raises(PayloadMissingError):
                get(store, digest)
        assert put(store, LARGE) == digest
        assert get(store, digest) == LARGE
