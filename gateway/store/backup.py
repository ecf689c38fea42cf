"""Making a backup: one tar archive with a consistent copy of the database, every payload it names, and a manifest.

The database is copied first, in one read transaction, beside a running service; the payload files after it. A file is
durable before its row is committed and stays while the backup is made, so every row of the copy finds its file. The
manifest, last in the archive, holds the SHA-256 of everything before it. The archive gets its name only when it is
whole and on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from gateway.store.blobs import files_held
from gateway.store.errors import StoreError, StoreMissingError

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Backup",
    "BackupError",
    "Manifest",
    "Member",
    "Progress",
    "Source",
    "make_backup",
]

#: Version of the archive's layout, the first thing that a manifest says.
FORMAT: Final = 1
#: Name of the manifest in the archive.
MANIFEST: Final = "manifest.json"
#: Pages that are copied between two reports of progress.
PAGES: Final = 4096
#: Bytes read at a time.
CHUNK: Final = 1024 * 1024

#: (what is done now, bytes done, bytes in all).
Progress = Callable[[str, int, int], None]
#: (name in the archive, file) of files beside the database.
Files = Iterable[tuple[str, Path]]


class BackupError(StoreError):
    """A backup cannot be made, or an archive cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive."""

    #: Where it belongs, relative to the working directory, with "/" between folders.
    name: str
    #: Bytes.
    size: int
    #: Lower-case hex SHA-256.
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    #: Layout of the archive, ``FORMAT``.
    format: int
    #: Version of the gateway that made it.
    gateway: str
    #: The instant of the database's copy, UTC, ISO 8601. What came or went later is not in the archive.
    taken_at: str
    #: Last event of the ledger, ``number:hash``.
    ledger_head: str
    #: Name of the database among the members.
    database: str
    #: Folder of the large payloads among the members.
    blobs: str
    #: What was left out on purpose.
    left_out: tuple[str, ...]
    members: tuple[Member, ...]

    def to_json(self) -> bytes:
        """The manifest as it stands in the archive."""
        return json.dumps(asdict(self), indent=1).encode("ascii") + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """The inverse of ``to_json``. Raises BackupError for anything else."""
        try:
            value = json.loads(data)
            members = tuple(Member(str(m["name"]), int(m["size"]), str(m["sha256"])) for m in value["members"])
            texts = {name: str(value[name]) for name in ("gateway", "taken_at", "ledger_head", "database", "blobs")}
            left_out = tuple(str(text) for text in value["left_out"])
            return cls(format=int(value["format"]), left_out=left_out, members=members, **texts)
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(
                "The manifest of the archive cannot be read, so nothing in it can be trusted. Take another backup file."
            ) from error


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up."""

    #: The SQLite file, and its name in the archive.
    database: Path
    database_name: str
    #: The folder of large payloads, and its name in the archive.
    blobs: Path
    blobs_name: str
    #: Files that are read before the database is copied: work that the copy may already hold does no harm there.
    first: Files = ()
    #: Files that are read after it: what the copy says was made must be among them.
    last: Files = ()
    #: What the caller leaves out on purpose, for the manifest.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished archive."""

    file: Path
    #: Bytes.
    size: int
    #: SHA-256 of the archive itself.
    sha256: str
    #: Large payloads in it, as files of their own.
    payload_files: int
    #: Files in it besides the database and the payloads.
    other_files: int
    manifest: Manifest = field(repr=False)


def make_backup(
    target: Path,
    source: Source,
    *,
    release: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> Backup:
    """Write the archive ``target`` (mode 0600); a running service is neither stopped nor slowed for long.

    ``release`` is the version of the gateway. A name that ends in ``.gz`` or ``.tgz`` is compressed. Raises
    BackupError when the target exists, the disk is full, or a payload is missing or damaged; nothing is left then.
    """
    if target.exists():
        raise BackupError(f"{target} exists and was left as it is. Choose another name.")
    if not source.database.exists():
        raise StoreMissingError(f"There is no database at {source.database}. Run `gateway init` there first.")
    show = progress or _silent
    with _staging(target) as staging, files_held(source.blobs):
        copy, partial = staging / "database", staging / "archive"
        try:
            _check_space(target, source)
            with _Archive(partial, compressed=target.suffix in (".gz", ".tgz")) as archive:
                for name, path in source.first:
                    archive.add_loose(name, path)
                taken_at = now()
                copy_database(source.database, copy, show)
                payloads, head = _contents(copy)
                total = copy.stat().st_size + sum(size for _, size, _ in payloads)
                archive.add(source.database_name, copy, show, total)
                copy.unlink()
                _add_payloads(archive, source, payloads, show, total)
                for name, path in source.last:
                    archive.add_loose(name, path)
                files = len(archive.members) - 1 - len(payloads)
                manifest = Manifest(
                    format=FORMAT,
                    gateway=release,
                    taken_at=taken_at.astimezone(UTC).isoformat(timespec="seconds"),
                    ledger_head=head,
                    database=source.database_name,
                    blobs=source.blobs_name,
                    left_out=source.left_out,
                    members=tuple(archive.members),
                )
                archive.add_bytes(MANIFEST, manifest.to_json())
        except (OSError, sqlite3.Error) as error:
            raise BackupError(f"The backup {target} was not made: {_reason(error)}.") from error
        size, digest = _publish(partial, target)
    return Backup(target, size, digest, len(payloads), files, manifest)


# -- the database --------------------------------------------------------------------------------------------


def copy_database(database: Path, copy: Path, progress: Progress) -> None:
    """Copy an SQLite database as it stands now, beside whoever writes to it, and check the copy.

    The whole copy is read in one transaction: later commits neither show in it nor make it start again. Raises
    BackupError when the copy is not sound, sqlite3.Error when it cannot be made.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as source:
        source.execute("PRAGMA busy_timeout=10000")
        source.execute("PRAGMA query_only=ON")
        size = source.execute("PRAGMA page_size").fetchone()[0]

        def report(_status: int, remaining: int, total: int) -> None:
            progress("Copying the database", (total - remaining) * size, total * size)

        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            source.backup(target, pages=PAGES, progress=report)
            target.execute("PRAGMA journal_mode=DELETE")
            found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
        source.execute("ROLLBACK")
    if found != "ok":
        raise BackupError(f"The database {database} is damaged ({found}). Run `gateway doctor`; restore a good backup.")


def _contents(copy: Path) -> tuple[list[tuple[str, int, str]], str]:
    """The large payloads that the copy names, as (SHA-256, size, path), and the head of its ledger."""
    with closing(sqlite3.connect(copy)) as database:
        payloads = database.execute(
            "SELECT sha256, size, path FROM payload WHERE path IS NOT NULL ORDER BY path"
        ).fetchall()
        head = database.execute("SELECT seq, hash FROM ledger_head").fetchone()
    seq, last = head if head is not None else (0, "0" * 64)
    return payloads, f"{seq}:{last}"


# -- the archive ---------------------------------------------------------------------------------------------


class _Archive:
    """A tar file that is written from its start to its end, and the list of what stands in it."""

    def __init__(self, path: Path, *, compressed: bool) -> None:
        self.members: list[Member] = []
        self.done = 0
        self._file = path.open("xb")
        os.fchmod(self._file.fileno(), 0o600)
        self._tar = tarfile.open(  # noqa: SIM115  closed by __exit__
            fileobj=self._file, mode="w|gz" if compressed else "w|", format=tarfile.PAX_FORMAT
        )

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with contextlib.nullcontext() if kind is None else contextlib.suppress(OSError):
                self._tar.close()
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def add(self, name: str, path: Path, progress: Progress, total: int) -> Member:
        """Add a file that does not change, reporting each stretch of it."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            reading = _Reading(file, size, lambda count: progress("Writing the archive", self.done + count, total))
            self._tar.addfile(_info(name, size), reading)
        self.done += size
        return self._note(Member(name, size, reading.digest.hexdigest()))

    def add_loose(self, name: str, path: Path) -> None:
        """Add a small file of a folder that others work in; one that has gone in the meantime is passed over."""
        try:
            data, mode = path.read_bytes(), path.stat().st_mode & 0o777
        except FileNotFoundError:
            return
        self.add_bytes(name, data, mode)

    def add_bytes(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Add a file from memory."""
        self._tar.addfile(_info(name, len(data), mode), io.BytesIO(data))
        self._note(Member(name, len(data), hashlib.sha256(data).hexdigest()))

    def _note(self, member: Member) -> Member:
        self.members.append(member)
        return member


class _Reading:
    """A file as tarfile reads it: hashed on the way, each read reported."""

    def __init__(self, file: IO[bytes], size: int, report: Callable[[int], None]) -> None:
        self.digest = hashlib.sha256()
        self._file, self._left, self._size, self._report = file, size, size, report

    def read(self, count: int = -1) -> bytes:
        """The next bytes; tarfile raises OSError when the file has become shorter."""
        data = self._file.read(self._left if count < 0 else count)
        self.digest.update(data)
        self._left -= len(data)
        self._report(self._size - self._left)
        return data


def _add_payloads(
    archive: _Archive, source: Source, payloads: Iterable[tuple[str, int, str]], progress: Progress, total: int
) -> None:
    wrong: list[str] = []
    for sha256, size, path in payloads:
        try:
            added = archive.add(f"{source.blobs_name}/{path}", source.blobs / path, progress, total)
        except FileNotFoundError:
            wrong.append(f"{path} is missing")
            continue
        if (added.sha256, added.size) != (sha256, size):
            wrong.append(f"{path} is damaged")
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise BackupError(
            f"The backup was not made, because payloads below {source.blobs} are not as they were stored: {shown}. "
            "Put these files back from an earlier backup, then try again."
        )


def _info(name: str, size: int, mode: int = 0o600) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info


# -- files ---------------------------------------------------------------------------------------------------


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A private folder beside the target, gone at the end whatever happens."""
    try:
        folder = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        reason = f"nothing can be written to the folder {target.parent} ({error.strerror or error})"
        raise BackupError(f"The backup {target} was not made: {reason}. Name one that exists.") from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_space(target: Path, source: Source) -> None:
    """Refuse early what cannot fit: for a moment the database lies there twice."""
    database = sum(
        path.stat().st_size
        for path in (source.database, source.database.with_name(source.database.name + "-wal"))
        if path.exists()
    )
    needed = 2 * database + sum(path.stat().st_size for path in source.blobs.glob("??/*"))
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise BackupError(
            f"The disk of {target} has {free:,} bytes free, and the backup needs up to {needed:,}. "
            "Make room, or write it to another disk."
        )


def _publish(partial: Path, target: Path) -> tuple[int, str]:
    """Give the finished archive its name, durably; its size and SHA-256."""
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        size = file.tell()
    try:
        os.link(partial, target)  # unlike a rename, never over another file
    except FileExistsError:
        raise BackupError(f"{target} was made by someone else in the meantime. Choose another name.") from None
    except OSError:  # a file system without links
        partial.rename(target)
    sync_folder(target.parent)
    return size, digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, sqlite3.Error):
        return f"the database could not be copied ({error})"
    return f"{error.filename or 'the disk'}: {error.strerror or error}"


def _silent(_what: str, _done: int, _total: int) -> None:
    """No progress is wanted."""
