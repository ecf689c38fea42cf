"""An upload while it is written: in memory while it is small, in the staging folder above that.

Nobody sees these bytes and nothing processes them until the client closes the file. Small files never touch the
staging folder: they become durable with the one commit that stores them as a transmission.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.transports.sftp.server.completeness import TAIL
from gateway.transports.sftp.server.limits import MemoryBudget
from gateway.transports.sftp.server.ranges import ByteRanges

__all__ = ["LARGEST_GAP", "Finished", "Upload", "fsync_folder", "own_copy"]

_CHUNK = 1024 * 1024
#: Bytes after which a large upload is brought to the disk while it goes on, so that its CLOSE waits for few of them.
_SYNC_EVERY = 16 * 1024 * 1024
#: Bytes past the end of what is there that a write may leave open; more is no file transfer.
LARGEST_GAP = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finished:
    """A closed upload, complete as far as its writes tell."""

    sha256: str
    size: int
    head: bytes
    tail: bytes
    #: The bytes of a small upload; None when they are in the file ``path``, fsynced.
    body: bytes | None
    path: Path
    #: True when the writes left holes.
    gaps: bool

    def read(self) -> bytes:
        """All bytes."""
        return self.path.read_bytes() if self.body is None else self.body


class Upload:
    """One open upload. ``write_memory`` and ``fits`` are for the loop; what touches the disk is for a thread."""

    def __init__(self, upload_id: str, path: Path, budget: MemoryBudget, memory_limit: int) -> None:
        self.id = upload_id
        self.path = path
        self.size = 0
        self.ranges = ByteRanges()
        self._budget = budget
        self._limit = memory_limit
        self._memory: bytearray | None = bytearray()
        self._descriptor = -1
        self._hash: Any = hashlib.sha256()
        self._hashed = 0
        self._reserved = 0
        self._unsynced = 0

    @classmethod
    def resumed(cls, upload_id: str, path: Path, budget: MemoryBudget) -> Upload:
        """Go on with bytes that lie in the staging folder. Raises FileNotFoundError when they have gone."""
        own_copy(path)
        upload = cls(upload_id, path, budget, 0)
        upload._memory = None
        upload._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        upload.size = os.fstat(upload._descriptor).st_size
        upload.ranges.add(0, upload.size)
        upload._hash = None
        return upload

    @property
    def in_memory(self) -> bool:
        """True until the upload was spilled to its file."""
        return self._memory is not None

    def fits(self, offset: int, data: bytes | memoryview) -> bool:
        """True when a write can stay in memory; reserves the room for it."""
        if self._memory is None:
            return False
        end = offset + len(data)
        more = end - len(self._memory)
        if end > self._limit or (more > 0 and not self._budget.take(more)):
            return False
        self._reserved += max(more, 0)
        return True

    def write_memory(self, offset: int, data: bytes | memoryview) -> None:
        """Write after ``fits`` said yes."""
        memory = self._memory
        if memory is None:
            raise ValueError("The upload is in its file already.")
        end = offset + len(data)
        if end > len(memory):
            memory.extend(bytes(end - len(memory)))
        memory[offset:end] = data
        self._wrote(offset, end)

    def write_file(self, offset: int, data: bytes | memoryview) -> None:
        """Write to the staged file, making it first when the upload was in memory. Raises OSError."""
        if self._memory is not None:
            self.spill()
        if offset > self.size + LARGEST_GAP:
            raise ValueError("A write far past the end of the file is not part of a file transfer.")
        view, place = memoryview(data), offset
        while view:
            written = os.pwrite(self._descriptor, view, place)
            view, place = view[written:], place + written
        if self._hash is not None:
            if offset == self._hashed:
                self._hash.update(data)
                self._hashed += len(data)
            else:
                self._hash = None
        self._wrote(offset, offset + len(data))
        self._unsynced += len(data)
        if self._unsynced >= _SYNC_EVERY:
            os.fdatasync(self._descriptor)
            self._unsynced = 0

    def spill(self) -> None:
        """Move what is in memory to the staged file; ``settle`` gives its room back."""
        memory = self._memory
        if memory is None:
            return
        self._descriptor = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o600)
        view, place = memoryview(bytes(memory)), 0
        while view:
            written = os.pwrite(self._descriptor, view, place)
            view, place = view[written:], place + written
        self._hash.update(memory)
        self._hashed = len(memory)
        self._memory = None

    def truncate(self, size: int) -> None:
        """Cut the upload to ``size`` bytes (SSH_FXP_FSETSTAT with a size); a larger size changes nothing."""
        if size >= self.size:
            return
        kept = ByteRanges()
        kept.add(0, size if self.ranges.cover(size) else 0)
        self.ranges, self.size = kept, size
        if self._memory is not None:
            del self._memory[size:]
            return
        if own_copy(self.path):
            os.close(self._descriptor)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, size)
        self._hash = None

    def sync(self) -> None:
        """Make what was written durable (fsync@openssh.com)."""
        self.spill()
        os.fsync(self._descriptor)
        fsync_folder(self.path.parent)

    def finish(self, *, keep: bool = False) -> Finished:
        """End of writing: the digest, and the bytes or their durable file. ``keep``: always as a durable file."""
        if keep:
            self.sync()
        gaps = not self.ranges.cover(self.size)
        if self._memory is not None:
            body = bytes(self._memory)
            digest = hashlib.sha256(body).hexdigest()
            return Finished(digest, self.size, body[:TAIL], body[-TAIL:], body, self.path, gaps)
        os.fsync(self._descriptor)
        head = os.pread(self._descriptor, TAIL, 0)
        tail = os.pread(self._descriptor, TAIL, max(self.size - TAIL, 0))
        return Finished(self._digest(), self.size, head, tail, None, self.path, gaps)

    def release(self) -> None:
        """Close the file and forget what is in memory; ``settle`` gives its room back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._memory = None

    def settle(self) -> None:
        """Give the reserved room back once nothing is in memory any more; for the loop."""
        if self._memory is None and self._reserved:
            self._budget.give(self._reserved)
            self._reserved = 0

    def _wrote(self, offset: int, end: int) -> None:
        self.ranges.add(offset, end)
        self.size = max(self.size, end)

    def _digest(self) -> str:
        if self._hash is not None and self._hashed == self.size:
            return str(self._hash.hexdigest())
        digest, place = hashlib.sha256(), 0
        while chunk := os.pread(self._descriptor, _CHUNK, place):
            digest.update(chunk)
            place += len(chunk)
        return digest.hexdigest()


def own_copy(path: Path) -> bool:
    """Where a payload of the store is the same file by now, make the staged name a copy; True when it was so."""
    if path.stat().st_nlink == 1:
        return False
    copy = path.with_name(f"{path.name}.copy")
    shutil.copyfile(path, copy)
    copy.replace(path)
    return True


def fsync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
