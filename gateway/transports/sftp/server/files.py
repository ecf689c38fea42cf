"""Open files of a session: a file that the partner reads, and one that it writes."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.transports.sftp.server.behind import WriteBehind
from gateway.transports.sftp.server.entries import Entry, FileState
from gateway.transports.sftp.server.ranges import ByteRanges
from gateway.transports.sftp.server.staging import Upload
from gateway.transports.sftp.server.tree import INBOX

if TYPE_CHECKING:
    from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["Download", "Reception"]


class Download:
    """An offered file, open for reading."""

    def __init__(self, entry: Entry, body: bytes | int) -> None:
        self.entry = entry
        self._body = body if isinstance(body, bytes) else None
        self._descriptor = -1 if isinstance(body, bytes) else body
        self._ranges = ByteRanges()

    @property
    def in_memory(self) -> bool:
        """True when reading touches no disk."""
        return self._body is not None

    @property
    def is_read(self) -> bool:
        """True when the client was given every byte, in whatever order."""
        return self._ranges.cover(self.entry.size)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes at a place; b"" behind the end. Raises OSError, ValueError for reads in too many places."""
        if self._body is not None:
            data = self._body[offset : offset + size]
        elif offset >= self.entry.size:
            data = b""
        else:
            data = os.pread(self._descriptor, size, offset)
        self._ranges.add(offset, offset + len(data))
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Reception:
    """An upload, open for writing."""

    def __init__(
        self, session: MailboxSession, name: str, upload: Upload, facts: dict[str, Any], *, append: bool
    ) -> None:
        self.session = session
        self.name = name
        self.upload = upload
        self.facts = facts
        #: Every write goes to the end, whatever its offset says.
        self.append = append
        #: The parts that are on their way to the upload's file.
        self.behind = WriteBehind(upload, session.door.budget, session.run)
        #: A part was refused or lost: the file can never be whole.
        self.failed = False
        #: A newer upload of the same name has taken over, or this one was given up.
        self.superseded = False

    @property
    def size(self) -> int:
        """Bytes so far."""
        return max(self.upload.size, self.behind.end)

    async def settled(self) -> None:
        """Wait for the parts that are on their way; ``failed`` when one of them could not be written."""
        await self.behind.settled()
        self.failed = self.failed or self.behind.error is not None

    def open_entry(self, now: datetime) -> Entry:
        """The row of an upload that has grown out of memory: after a crash its bytes are found by it."""
        partner = self.session.account.partner
        return Entry(self.upload.id, partner, INBOX, self.name, FileState.OPEN, self.size, now, now, facts=self.facts)
