"""Backups are whole beside a writer and never half; restores are checked before anything gets its place."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from gateway.store import backup as making
from gateway.store import ledger, payloads
from gateway.store.backup import Backup, BackupError, Manifest, Source, make_backup
from gateway.store.engine import Store, open_store
from gateway.store.errors import StoreMissingError
from gateway.store.restore import Restored, restore_backup

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LARGE = b"x" * (payloads.INLINE_LIMIT + 1)


def add(store: Store, body: bytes) -> None:
    """One message's worth: a payload and an event, in one transaction."""
    staged = payloads.stage(store.blobs, body)

    def work(session: Session) -> None:
        digest = payloads.put(session, staged, now=NOW)
        ledger.append(
            session, kind="created", subject_type="t", subject_id=digest, actor="test", reason="it came", at=NOW
        )

    store.writer.run(work)


def source(store: Store, **more: Any) -> Source:
    assert store.path is not None
    return Source(store.path, "gateway.db", store.blobs, "blobs", **more)


def back_up(store: Store, target: Path, **more: Any) -> Backup:
    return make_backup(target, source(store, **more), release="0.0.1", now=lambda: NOW)


def restore(archive: Path, directory: Path, **more: Any) -> Restored[str]:
    return restore_backup(archive, directory, settle=lambda _session, _manifest: "settled", last="gateway.toml", **more)


def remade(archive: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], target: Path) -> Path:
    """The archive with other members, as somebody with tar at hand makes it."""
    with tarfile.open(archive) as tar:
        members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    with tarfile.open(target, "w") as tar:
        for name, data in change(members).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


def with_honest_manifest(members: dict[str, bytes]) -> dict[str, bytes]:
    """The members with a manifest whose digests fit them."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
        if name != "manifest.json"
    ]
    return {**members, "manifest.json": json.dumps(manifest).encode()}


@pytest.fixture
def filled(store: Store) -> Store:
    for body in (b"small", LARGE, LARGE + b"2"):
        add(store, body)
    return store


@pytest.fixture
def archive(filled: Store, tmp_path: Path) -> Path:
    return back_up(filled, tmp_path / "b.tar").file


# -- making --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_a_restored_backup_has_every_payload_and_the_whole_ledger(filled: Store, tmp_path: Path, name: str) -> None:
    made = back_up(filled, tmp_path / name)
    assert made.payload_files == 2
    assert made.sha256 == hashlib.sha256(made.file.read_bytes()).hexdigest()
    assert made.file.stat().st_mode & 0o777 == 0o600
    restored = restore(made.file, tmp_path / "again")
    assert (restored.events, restored.payloads, restored.value) == (3, 3, "settled")
    with open_store(tmp_path / "again" / "gateway.db", write=False) as store, store.read() as session:
        for body in (b"small", LARGE, LARGE + b"2"):
            assert payloads.get(session, hashlib.sha256(body).hexdigest()) == body
        assert ledger.verify(session, expected_head=made.manifest.ledger_head).ok
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["blobs", "gateway.db"]


def test_a_backup_beside_a_busy_writer_is_one_moment_of_the_database(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is taken in many small steps, and between any two of them messages are stored."""
    for number in range(60):
        add(store, b"%d" % number * 10_000)
    before = 60
    stored: list[int] = []

    def progress(what: str, _done: int, _total: int) -> None:
        if what == "Copying the database" and len(stored) < 20:
            number = before + len(stored)
            add(store, LARGE + b"%d" % number)
            stored.append(number)

    monkeypatch.setattr(making, "PAGES", 16)
    made = make_backup(tmp_path / "b.tar", source(store), release="0", now=lambda: NOW, progress=progress)
    assert len(stored) == 20, "messages arrived while the database was copied"
    restored = restore(made.file, tmp_path / "again")
    assert (restored.events, restored.payloads, made.payload_files) == (before, before, 0)


def test_a_backup_while_another_thread_writes_without_pause_is_whole(store: Store, tmp_path: Path) -> None:
    stop, started = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            add(store, (LARGE if number % 5 == 0 else b"") + b"%d" % number)
            number += 1
            if number == 10:
                started.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert started.wait(60)
        archives = [back_up(store, tmp_path / f"{number}.tar").file for number in range(3)]
    finally:
        stop.set()
        thread.join()
    counts = [restore(path, tmp_path / path.stem).payloads for path in archives]
    assert counts == sorted(counts)
    assert counts[0] >= 10


def test_files_before_and_after_are_read_before_and_after_the_database(filled: Store, tmp_path: Path) -> None:
    settings = tmp_path / "gateway.toml"
    settings.write_text("[company]\n")
    settings.chmod(0o640)
    order: list[str] = []

    def files(name: str, path: Path) -> Any:
        order.append(name)
        yield name, path

    def progress(what: str, _done: int, _total: int) -> None:
        if order[-1] != what:
            order.append(what)

    made = make_backup(
        tmp_path / "b.tar",
        source(
            filled,
            first=files("outbox/a.json", tmp_path / "gone"),
            last=files("gateway.toml", settings),
            left_out=("keys/kek",),
        ),
        release="0",
        progress=progress,
    )
    assert order == ["outbox/a.json", "Copying the database", "Writing the archive", "gateway.toml"]
    assert [member.name for member in made.manifest.members if "blobs" not in member.name] == [
        "gateway.db",
        "gateway.toml",
    ]
    assert made.other_files == 1
    restored = restore(made.file, tmp_path / "again")
    assert restored.manifest.left_out == ("keys/kek",)
    assert (tmp_path / "again" / "gateway.toml").stat().st_mode & 0o777 == 0o640


def test_an_existing_file_is_never_overwritten(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("precious")
    with pytest.raises(BackupError, match="exists"):
        back_up(filled, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "precious"


def test_a_file_that_appears_meanwhile_is_not_overwritten(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "out" / "b.tar"
    target.parent.mkdir()
    with pytest.raises(BackupError, match="someone else"):
        make_backup(target, source(filled), release="0", progress=lambda *_: target.write_text("precious") and None)
    assert [path.name for path in target.parent.iterdir()] == ["b.tar"]
    assert target.read_text() == "precious"


@pytest.mark.parametrize(("harm", "said"), [("gone", "is missing"), ("changed", "is damaged")])
def test_a_payload_that_is_missing_or_damaged_fails_the_backup_and_is_named(
    filled: Store, tmp_path: Path, harm: str, said: str
) -> None:
    (path, *_) = sorted(filled.blobs.glob("??/*"))
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"y" + path.read_bytes()[1:])
    (tmp_path / "out").mkdir()
    with pytest.raises(BackupError, match=f"{path.name} {said}"):
        back_up(filled, tmp_path / "out" / "b.tar")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_database_that_is_not_there_or_damaged_is_said(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError):
        make_backup(tmp_path / "b.tar", Source(tmp_path / "no.db", "d", tmp_path, "b"), release="0")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(BackupError, match="could not be copied"):
        make_backup(tmp_path / "b.tar", Source(broken, "gateway.db", filled.blobs, "blobs"), release="0")
    with pytest.raises(BackupError, match=f"nothing can be written to the folder {tmp_path / 'no'} .No such file"):
        back_up(filled, tmp_path / "no" / "b.tar")


def test_a_full_disk_is_said_before_anything_is_written(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(making.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(BackupError, match="1,000 bytes free"):
        back_up(filled, tmp_path / "b.tar")


#: A process that may write no file beyond a size: what a full disk does, at a place that can be chosen.
_LIMITED = """
import resource, sys
from pathlib import Path
from gateway.store.backup import BackupError, Source, make_backup
from gateway.store.restore import restore_backup
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
home, target = Path(sys.argv[2]), Path(sys.argv[3])
try:
    if target.suffix == ".tar":
        make_backup(target, Source(home / "gateway.db", "gateway.db", home / "blobs", "blobs"), release="0")
    else:
        restore_backup(home, target, settle=lambda *_: None, last="gateway.toml")
except BackupError as error:
    print(error)
    sys.exit(3)
"""


def limited(limit: int, home: Path, target: Path) -> subprocess.CompletedProcess[str]:
    # Not measured: the file of the measurement would be cut off at the limit too.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), str(home), str(target)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def test_no_room_for_the_archive_leaves_nothing_half(filled: Store, tmp_path: Path) -> None:
    size = filled.path.stat().st_size if filled.path else 0
    (tmp_path / "out").mkdir()
    for limit in (100_000, size + 100_000):  # while the database is copied, while the archive is written
        done = limited(limit, tmp_path, tmp_path / "out" / "b.tar")
        assert done.returncode == 3, done.stderr
        assert "was not made" in done.stdout
        assert list((tmp_path / "out").iterdir()) == []


def test_no_room_for_a_restore_leaves_nothing_half(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for target in (tmp_path / "here", tmp_path / "new"):
        done = limited(100_000, archive, target)
        assert done.returncode == 3, done.stderr
        assert "was not restored" in done.stdout
    assert list((tmp_path / "here").iterdir()) == []
    assert not (tmp_path / "new").exists()


# -- restoring -----------------------------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_refused(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "gateway.toml").touch()
    with pytest.raises(BackupError, match=r"not empty \(it holds gateway.toml\)"):
        restore(archive, tmp_path / "full")
    with pytest.raises(BackupError, match="not empty"):
        restore(archive, archive)
    with pytest.raises(BackupError, match="cannot be made"):
        restore(archive, archive / "below")
    (tmp_path / "fresh" / "lost+found").mkdir(parents=True)
    restore(archive, tmp_path / "fresh")


def _changed(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        wanted = next(each for each in members if each.startswith(name))
        data = members[wanted]
        return {**members, wanted: data[:200] + bytes([data[200] ^ 1]) + data[201:]}

    return change


def _without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: {each: data for each, data in members.items() if not each.startswith(name)}


def _first(name: str, data: bytes = b"evil") -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: {name: data, **members}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_changed("gateway.db"), "gateway.db was changed"),
        (_changed("blobs/"), "was changed"),
        (_without("blobs/"), "is missing"),
        (_without("manifest.json"), "no manifest"),
        (_first("extra.txt"), "not in the manifest"),
        (_first("../escape"), "does not belong"),
        (_first("/etc/escape"), "does not belong"),
        (_first("a/../../escape"), "does not belong"),
        (lambda members: {**members, "late.txt": b"x"}, "behind the manifest"),
        (lambda members: {**members, "manifest.json": b"{}"}, "manifest of the archive cannot be read"),
        (
            lambda members: {
                **members,
                "manifest.json": members["manifest.json"].replace(b'"format": 1', b'"format": 9'),
            },
            "layout 9",
        ),
        (
            lambda members: {
                **members,
                "manifest.json": members["manifest.json"].replace(b'"database": "gateway.db"', b'"database": "x.db"'),
            },
            "names no database",
        ),
    ],
)
def test_an_archive_that_was_changed_is_refused_and_nothing_is_left(
    archive: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], said: str
) -> None:
    evil = remade(archive, change, tmp_path / "evil.tar")
    with pytest.raises(BackupError, match=said):
        restore(evil, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "escape").exists()


def test_links_and_devices_in_an_archive_are_refused(archive: Path, tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
        with tarfile.open(tmp_path / "evil.tar", "w") as tar:
            info = tarfile.TarInfo("gateway.db")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        with pytest.raises(BackupError, match="does not belong"):
            restore(tmp_path / "evil.tar", tmp_path / "again")
    assert archive.exists()


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", ["b.tar", "b.tgz"])
def test_an_archive_that_was_cut_off_is_refused(filled: Store, tmp_path: Path, part: float, name: str) -> None:
    whole = back_up(filled, tmp_path / name).file.read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(BackupError, match="Take another backup file"):
        restore(tmp_path / name, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_an_honest_manifest_does_not_hide_a_missing_payload(archive: Path, tmp_path: Path) -> None:
    evil = remade(archive, lambda members: with_honest_manifest(_without("blobs/")(members)), tmp_path / "evil.tar")
    with pytest.raises(BackupError, match="missing or damaged"):
        restore(evil, tmp_path / "again")


def test_an_honest_manifest_does_not_hide_a_damaged_database(archive: Path, tmp_path: Path) -> None:
    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        return with_honest_manifest({**members, "gateway.db": members["gateway.db"][:9000] + bytes(60_000)})

    with pytest.raises(BackupError, match="database in the archive is damaged"):
        restore(remade(archive, change, tmp_path / "evil.tar"), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_an_honest_manifest_does_not_hide_a_rewritten_ledger(filled: Store, tmp_path: Path) -> None:
    """The archive of another database under the manifest of this one: its ledger has another head."""
    first = back_up(filled, tmp_path / "first.tar")
    with tarfile.open(first.file) as tar:
        old = tar.extractfile("gateway.db").read()  # type: ignore[union-attr]
    add(filled, b"one more")
    second = back_up(filled, tmp_path / "second.tar")

    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        return with_honest_manifest({**members, "gateway.db": old})

    with pytest.raises(BackupError, match="ledger in the archive is not whole"):
        restore(remade(second.file, change, tmp_path / "evil.tar"), tmp_path / "again")
    with pytest.raises(BackupError, match="not whole"):
        restore(first.file, tmp_path / "again", expected_head=second.manifest.ledger_head)
    with pytest.raises(BackupError, match="not a ledger head"):
        restore(first.file, tmp_path / "again", expected_head="nonsense")
    restore(second.file, tmp_path / "again", expected_head=first.manifest.ledger_head)


def test_a_step_that_fails_leaves_the_folder_as_it_was(archive: Path, tmp_path: Path) -> None:
    def fail(_session: Session, _manifest: Manifest) -> None:
        raise RuntimeError("no")

    (tmp_path / "again").mkdir()
    with pytest.raises(RuntimeError):
        restore_backup(archive, tmp_path / "again", settle=fail, last="gateway.toml")
    assert list((tmp_path / "again").iterdir()) == []


def test_what_was_moved_is_taken_back_when_the_rest_cannot_be_moved(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "gateway.db" and target.parent.name == "again":
            raise OSError(28, "No space left on device", str(target))
        return rename(self, target)

    (tmp_path / "again").mkdir()
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BackupError, match="No space left"):
        restore(archive, tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


def test_every_step_of_a_restore_is_shown(archive: Path, tmp_path: Path) -> None:
    shown: list[str] = []
    restore(archive, tmp_path / "again", progress=lambda what, _done, _total: shown.append(what))
    assert [*dict.fromkeys(shown)] == ["Unpacking", "Checking the ledger", "Checking payloads"]


def test_a_file_system_without_links_still_gets_its_archive(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert back_up(filled, tmp_path / "b.tar").file.is_file()
