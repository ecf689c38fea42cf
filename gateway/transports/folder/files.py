"""Files in a shared folder: found when they are still, claimed by renaming, written whole, never overwritten."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FileState", "claim_name", "original_name", "publish", "read_still", "sync_folder", "unfit"]

#: Inode, bytes, and time of change in nanoseconds: what tells one state of a file from another.
FileState = tuple[int, int, int]
_SEPARATOR = "--"
_MODE = 0o640


def state_of(status: os.stat_result) -> FileState:
    """What tells this state of a file from another."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def claim_name(name: str, state: FileState) -> str:
    """The name of a claimed file: it survives a crash and still tells the name that the file came under."""
    inode, _, changed = state
    return f"{inode}-{changed}{_SEPARATOR}{name}"


def original_name(claimed: str) -> str:
    """The inverse of ``claim_name``."""
    return claimed.partition(_SEPARATOR)[2] or claimed


def unfit(status: os.stat_result, max_bytes: int) -> str:
    """Why an entry of a folder is never read, as a sentence; "" when it is a file to read."""
    if stat.S_ISLNK(status.st_mode):
        return "It is a symbolic link; links are not followed. Put the file itself there."
    if not stat.S_ISREG(status.st_mode):
        return "It is a pipe, socket or device. Put a regular file there."
    if status.st_size > max_bytes:
        return (
            f"It has {status.st_size:,} bytes, more than the {max_bytes:,} that are read. Split it, or raise "
            "folder.max_file_bytes."
        )
    return ""


def read_still(path: Path, max_bytes: int) -> bytes | None:
    """The bytes of a file, None when it changed while it was read. Raises OSError when it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        before = state_of(os.fstat(descriptor))
        body = file.read(max_bytes + 1)
        return body if before == state_of(os.fstat(descriptor)) and len(body) == before[1] else None


def publish(body: bytes, unfinished: Path, final: Path) -> None:
    """Make ``final`` appear with all its bytes, durably; nothing that exists is overwritten.

    Raises FileExistsError when there is a file of that name, OSError when the disk refuses; no unfinished file is
    left then.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        _give_name(unfinished, final)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    sync_folder(final.parent)


def _give_name(unfinished: Path, final: Path) -> None:
    """Link the final name; a file system without links gets a rename after a look."""
    try:
        os.link(unfinished, final, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if final.exists():
            raise FileExistsError(17, "File exists", str(final)) from None
        unfinished.rename(final)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_names(name: str) -> Iterator[str]:
    """``name``, then the same with 2, 3 … before its ending."""
    yield name
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 2
    while True:
        yield f"{stem}-{number}{dot}{ending}"
        number += 1


def move_to_free(path: Path, folder: Path, name: str) -> Path:
    """Move a file into a folder under ``name`` or the next free one; where it is now."""
    folder.mkdir(exist_ok=True)
    for candidate in free_names(name):
        place = folder / candidate
        try:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        except FileExistsError:
            continue
        path.replace(place)
        sync_folder(folder)
        return place
    raise AssertionError("unreachable: the candidates never end")
