"""Who may take files out of the folder of large payloads: nobody while a backup copies them.

A backup copies the database first and the files that it names afterwards; a file that went in between would be missing.
So a backup holds the folder, and whoever deletes files there asks first and leaves them for later when it is held.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HOLD", "files_held", "files_may_go"]

#: Name of the file in the folder whose lock says that files must stay.
HOLD = ".hold"


@contextmanager
def files_held(blobs: Path) -> Iterator[None]:
    """While this lasts no file leaves the folder; several may hold it. Waits for a deletion that is under way."""
    if not blobs.is_dir():
        yield
        return
    handle = os.open(blobs / HOLD, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def files_may_go(blobs: Path) -> Iterator[bool]:
    """Whether files may be deleted now; a backup that begins meanwhile waits until this has ended."""
    handle = os.open(blobs / HOLD, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
