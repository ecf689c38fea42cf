"""Restoring a backup into an empty folder: nothing gets its place before everything in it was checked.

The archive is unpacked into a hidden folder of the target. Manifest, database, ledger and every payload are checked
there; then the caller may change the database; then each part is moved to its place, the settings last, so that a
folder which was cut off half-way is never taken for a working directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.store import ledger, migrations
from gateway.store.backup import CHUNK, FORMAT, MANIFEST, BackupError, Manifest, Member, Progress, sync_folder
from gateway.store.engine import open_store
from gateway.store.payloads import Payload

__all__ = ["Restored", "restore_backup"]

T = TypeVar("T")

#: Names of archive members: relative, without a way up, of plain characters.
_NAME: Final = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[^/\x00-\x1f\x7f\\][^\x00-\x1f\x7f\\]*")
#: Largest manifest in bytes that is read: some ten million payloads.
_MOST_MANIFEST: Final = 2 * 1024**3
#: What a fresh file system may hold and still count as empty.
_NOTHING: Final = frozenset({"lost+found"})


@dataclass(frozen=True, slots=True)
class Restored(Generic[T]):
    """What was restored."""

    manifest: Manifest
    #: Events of the ledger that were checked.
    events: int
    #: Payloads that were checked, in the database and as files.
    payloads: int
    #: What the caller's own step returned.
    value: T


def restore_backup(
    archive: Path,
    directory: Path,
    *,
    settle: Callable[[Session, Manifest], T],
    last: str,
    private: tuple[str, ...] = (),
    expected_head: str | None = None,
    progress: Progress | None = None,
) -> Restored[T]:
    """Check the archive and put it into ``directory``, which is made or must be empty.

    ``settle`` changes the restored database in one transaction, before it is put in place; ``last`` names the file
    that is moved last, ``private`` the folders that only the owner may enter. ``expected_head`` is a head of the
    ledger that was noted elsewhere. Raises BackupError when the archive is not whole, was changed, or the folder is
    not empty, StoreOutdatedError when a newer gateway made it; the folder is as it was then.
    """
    show = progress or _silent
    made = _claim(directory)
    try:
        with _staging(directory) as staging:
            manifest = _unpacked(archive, staging, show)
            database = staging / manifest.database
            blobs = staging / manifest.blobs
            for name in (*private, manifest.blobs):
                (staging / name).mkdir(parents=True, exist_ok=True)
                (staging / name).chmod(0o700)
            _check_file(database)
            with open_store(database, blobs=blobs) as store:
                migrations.upgrade(store)
                with store.read() as session:
                    events = _check_ledger(session, manifest, expected_head, show)
                    payloads = _check_payloads(session, manifest, show)
                value = store.writer.run(lambda session: settle(session, manifest))
            _settle_file(database)
            _put_in_place(staging, directory, last)
    except (OSError, sqlite3.Error) as error:
        _unclaim(directory, made=made)
        raise BackupError(f"{archive} was not restored: {_reason(error)}.") from error
    except BaseException:
        _unclaim(directory, made=made)
        raise
    return Restored(manifest, events, payloads, value)


# -- the folder ----------------------------------------------------------------------------------------------


def _claim(directory: Path) -> bool:
    """Make the folder, or see that it is empty; True when it was made."""
    if not directory.exists():
        try:
            directory.mkdir(mode=0o750, parents=True)
        except OSError as error:
            raise BackupError(f"{directory} cannot be made: {error.strerror}. Check the place.") from error
        return True
    found = sorted({path.name for path in directory.iterdir()} - _NOTHING) if directory.is_dir() else ["a file"]
    if found:
        raise BackupError(
            f"{directory} is not empty (it holds {', '.join(found[:3])}{' …' if len(found) > 3 else ''}). "
            "A backup is restored into an empty folder only, so that nothing is overwritten: name another one."
        )
    return False


def _unclaim(directory: Path, *, made: bool) -> None:
    if made:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix=".restoring-", dir=directory)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(staging: Path, directory: Path, last: str) -> None:
    """Move everything up, the file ``last`` at the end; taken back when one of them cannot be moved."""
    moved: list[Path] = []
    try:
        for part in sorted(staging.iterdir(), key=lambda path: path.name == last):
            target = directory / part.name
            part.rename(target)
            moved.append(target)
            sync_folder(directory)
    except OSError:
        for target in moved:
            target.rename(staging / target.name)
        raise


# -- the archive ---------------------------------------------------------------------------------------------


def _unpacked(archive: Path, staging: Path, progress: Progress) -> Manifest:
    """Everything of the archive in the folder, each file as the manifest says."""
    total = archive.stat().st_size
    found: dict[str, Member] = {}
    text: bytes | None = None
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as tar:
            for info in tar:
                name = _checked_name(info, found)
                if text is not None:
                    raise BackupError(f"{name} stands behind the manifest in {archive}: something was added to it.")
                if name == MANIFEST:
                    text = _small(tar, info)
                    continue
                found[name] = _extracted(tar, info, staging / name)
                progress("Unpacking", min(file.tell(), total), total)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupError(f"{archive} is damaged or no backup ({error}). Take another backup file.") from error
    if text is None:
        raise BackupError(f"{archive} has no manifest: it was cut off, or is no backup. Take another backup file.")
    manifest = Manifest.from_json(text)
    _compare(manifest, found, archive)
    return manifest


def _checked_name(info: tarfile.TarInfo, found: dict[str, Member]) -> str:
    if not info.isreg() or not _NAME.fullmatch(info.name) or info.name in found:
        raise BackupError(
            f'"{info.name[:99]}" does not belong into a backup: such a name or kind of file is never in one. '
            "Somebody made or changed this archive; take another backup file."
        )
    return info.name


def _small(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    source = tar.extractfile(info)
    if source is None or info.size > _MOST_MANIFEST:
        raise BackupError("The manifest of the archive is too large. Take another backup file.")
    return source.read()


def _extracted(tar: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> Member:
    """Write one member to a file, durably."""
    source = tar.extractfile(info)
    if source is None:
        raise BackupError(f"{info.name} cannot be read from the archive. Take another backup file.")
    _make_folders(target.parent, 0o755 if info.mode & 0o044 else 0o700)
    digest, size = hashlib.sha256(), 0
    handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        os.fchmod(file.fileno(), info.mode & 0o664 | 0o600)
        file.flush()
        os.fsync(file.fileno())
    return Member(info.name, size, digest.hexdigest())


def _make_folders(folder: Path, mode: int) -> None:
    """Make a folder and those above it; private ones stay private."""
    if not folder.exists():
        _make_folders(folder.parent, mode)
        folder.mkdir(mode=mode)


def _compare(manifest: Manifest, found: dict[str, Member], archive: Path) -> None:
    if manifest.format != FORMAT:
        raise BackupError(
            f"{archive} has the layout {manifest.format}, and this version of the gateway reads {FORMAT}. "
            f"Restore it with the version that made it ({manifest.gateway})."
        )
    listed = {member.name: member for member in manifest.members}
    wrong = [f"{name} is missing" for name in listed.keys() - found.keys()]
    wrong += [f"{name} is not in the manifest" for name in found.keys() - listed.keys()]
    wrong += [f"{name} was changed" for name in listed.keys() & found.keys() if listed[name] != found[name]]
    if manifest.database not in listed:
        wrong.append("the manifest names no database")
    if wrong:
        raise BackupError(
            f"{archive} is not as it was made: {', '.join(sorted(wrong)[:5])}{' …' if len(wrong) > 5 else ''}. "
            "Take another backup file."
        )


# -- what is in it -------------------------------------------------------------------------------------------


def _check_file(database: Path) -> None:
    try:
        with closing(sqlite3.connect(database)) as opened:
            found = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BackupError(f"The database in the archive is damaged ({found}). Take another backup file.")


def _check_ledger(session: Session, manifest: Manifest, noted: str | None, progress: Progress) -> int:
    for expected in filter(None, (manifest.ledger_head, noted)):
        try:
            report = ledger.verify(
                session, lambda done, total: progress("Checking the ledger", done, total), expected_head=expected
            )
        except ValueError as error:
            raise BackupError(str(error)) from error
        if not report.ok:
            raise BackupError(f"The ledger in the archive is not whole. {report.message} Take another backup file.")
    return report.checked


def _check_payloads(session: Session, manifest: Manifest, progress: Progress) -> int:
    """Every payload whose bytes the database names, by its digest; how many there are."""
    members = {member.name: member for member in manifest.members}
    columns = (Payload.sha256, Payload.size, Payload.body, Payload.path)
    kept = select(*columns).where(Payload.removed_at.is_(None))
    total = session.scalar(select(func.count()).select_from(kept.subquery())) or 0
    rows = session.execute(kept).yield_per(100)
    checked = 0
    for row in rows:
        if row.path is None:
            holds = hashlib.sha256(row.body).hexdigest() == row.sha256 and len(row.body) == row.size
        else:
            member = members.get(f"{manifest.blobs}/{row.path}")
            holds = member is not None and (member.sha256, member.size) == (row.sha256, row.size)
        if not holds:
            raise BackupError(f"The payload {row.sha256} is missing or damaged in the archive. Take another backup.")
        checked += 1
        if checked % 100 == 0 or checked == total:
            progress("Checking payloads", checked, total)
    return checked


def _settle_file(database: Path) -> None:
    """Leave the database as one file: nothing of it in a log beside it."""
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm", ".lock"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    handle = os.open(database, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, sqlite3.Error):
        return f"the database could not be opened ({error})"
    return f"{error.filename or 'the disk'}: {error.strerror or error}"


def _silent(_what: str, _done: int, _total: int) -> None:
    """No progress is wanted."""
