"""Writing behind: the parts of a large upload go to its file in order, in a thread, while the next ones arrive.

A client is told that a part was taken, never that it is on the disk: that is the answer to its CLOSE, which waits for
every part. A part that could not be written makes the upload fail for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.transports.sftp.server.limits import MemoryBudget
from gateway.transports.sftp.server.staging import Upload

__all__ = ["WriteBehind"]

logger = logging.getLogger(__name__)

#: Bytes that may wait for the disk before the client waits too.
_AHEAD = 4 * 1024 * 1024


class WriteBehind:
    """The parts of one upload that are not in its file yet. For the loop; ``in_thread`` runs blocking work."""

    def __init__(self, upload: Upload, budget: MemoryBudget, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._upload = upload
        self._budget = budget
        self._in_thread = in_thread
        self._parts: list[tuple[int, bytes | memoryview]] = []
        self._held = 0
        self._writing: asyncio.Task[None] | None = None
        #: Where the upload ends when every part is written.
        self.end = 0
        #: Why a part could not be written.
        self.error: Exception | None = None

    async def write(self, offset: int, data: bytes | memoryview) -> None:
        """Take a part; returns when there is room for the next one. Raises OSError and ValueError as the file does."""
        if not self._budget.take(len(data)):
            await self.settled()
            await self._in_thread(self._upload.write_file, offset, data)
            return
        self._parts.append((offset, data))
        self._held += len(data)
        self.end = max(self.end, offset + len(data))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        while self._held > _AHEAD and self._writing is not None:
            await asyncio.shield(self._writing)

    async def settled(self) -> None:
        """Wait until every part is in the file, or was given up because one could not be written."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self.end = 0

    async def _write(self) -> None:
        try:
            while self._parts:
                parts, self._parts = self._parts, []
                try:
                    await self._in_thread(self._write_parts, parts)
                finally:
                    self._written(parts)
        except Exception as error:
            logger.exception("A part of an upload could not be written")
            self.error = error
            self._written(self._parts)
            self._parts.clear()
        finally:
            self._writing = None

    def _write_parts(self, parts: list[tuple[int, bytes | memoryview]]) -> None:
        for offset, data in parts:
            self._upload.write_file(offset, data)

    def _written(self, parts: list[tuple[int, bytes | memoryview]]) -> None:
        size = sum(len(data) for _, data in parts)
        self._held -= size
        self._budget.give(size)
