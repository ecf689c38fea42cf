"""Files that appear whole or not at all, and names made safe for any file system."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

__all__ = ["free_place", "safe_name", "sync_folder", "write_new_file", "write_whole_file"]

#: Mode of what we write, before the umask: business documents are nobody else's business.
_MODE = 0o640
#: Longest name in bytes that we give to a file of somebody else's naming.
_LONGEST_NAME = 200


def safe_name(text: str, *, limit: int = 60, empty: str = "none") -> str:
    """``text`` reduced to A-Z, a-z, 0-9, ".", "_", "-": never a path, never hidden, at most ``limit`` long.

    A name that had to be changed ends in eight hexadecimal digits of its SHA-256, so that two different
    texts do not become one name; ``text`` that is safe already comes back unchanged.
    """
    if len(text) <= limit and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", text) and not text.endswith("."):
        return text
    if not text.strip():
        return empty
    kept = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[: limit - 9]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept}-{digest}" if kept else digest


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable (fsync of the directory itself)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new_file(path: Path, body: bytes) -> None:
    """Write ``body`` to ``path`` and make its bytes durable; an unfinished file there is replaced."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def write_whole_file(path: Path, body: bytes) -> None:
    """Make ``path`` hold ``body``, durable and never seen half written; an existing file is replaced."""
    staged = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        write_new_file(staged, body)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _fitting(name: str) -> str:
    """``name``, shortened so that a number and an ending still fit into the 255 bytes of a file name."""
    raw = os.fsencode(name)
    if len(raw) <= _LONGEST_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = f"-{hashlib.sha256(raw).hexdigest()[:8]}" + (f".{suffix}" if dot and len(suffix) <= 16 else "")
    clipped = os.fsencode(stem or name)[: _LONGEST_NAME - len(os.fsencode(ending))]
    return clipped.decode("utf-8", "ignore") + ending


def _candidates(name: str) -> Iterator[str]:
    yield name
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    number = 2
    while True:
        yield f"{stem}-{number}{dot}{suffix}"
        number += 1


def free_place(folder: Path, name: str) -> Path:
    """Reserve a name in ``folder`` that no file has: ``name``, else ``name-2``, ``name-3`` and so on.

    An empty file stands there afterwards, for the caller to rename its own over it: nothing that exists is
    ever overwritten, whoever else writes into the folder.
    """
    for candidate in _candidates(_fitting(name)):
        place = folder / candidate
        try:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        except FileExistsError:
            continue
        return place
    raise AssertionError("unreachable: the candidates never end")
