"""One SFTP session of a partner: what its requests do, all of it in its mailbox, none of it on a disk path.

``channel`` reads the requests and sends the answers. What a mailbox has no use for (links, folders of one's own, locks)
has no method here: ``requests`` refuses it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from asyncssh import SFTPFailure, SFTPNoSuchFile, SFTPPermissionDenied
from asyncssh.constants import FXF_WRITE

from gateway.transports.sftp.server import browsing, uploads
from gateway.transports.sftp.server.accounts import MailboxAccount
from gateway.transports.sftp.server.attributes import Attributes, file_attributes, upload_attributes
from gateway.transports.sftp.server.eager import Commit
from gateway.transports.sftp.server.entries import Entry, FileState
from gateway.transports.sftp.server.files import Download, Reception
from gateway.transports.sftp.server.outlook import Outlook
from gateway.transports.sftp.server.tree import Kind, Place, place_of

if TYPE_CHECKING:
    from gateway.transports.sftp.server.door import Door

__all__ = ["MailboxSession"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Bytes of one answer to a READ.
_CLAMP = 256 * 1024
#: Folders that one session may have open, and names in one answer to a READDIR.
_OPEN_FOLDERS, _NAMES = 16, 100

#: The names of an open folder that were not told yet.
Folder = Iterator[tuple[str, Attributes]]


class MailboxSession:
    """What one channel does; its requests come one after the other."""

    def __init__(self, channel: Any, door: Door, account: MailboxAccount, facts: dict[str, Any]) -> None:
        self.channel = channel
        self.connection = channel.get_connection()
        self.account = account
        #: What all sessions of the listener share.
        self.door = door
        #: Who logged in and how, for the records of every file.
        self.facts = facts
        #: True once the channel has ended: every close from then on is a cut.
        self.channel_ended = False
        #: What was read of the outbox ahead of the client's requests.
        self.outlook = Outlook(door.mailbox, account.partner)
        self._files: dict[bytes, Download | Reception] = {}
        self._folders: dict[bytes, Folder] = {}
        self._next_handle = 0
        self._last_place: tuple[bytes | None, Place | None] = (None, None)
        self._collected_ids: set[str] = set()
        door.sessions.add(self)

    @property
    def handle_limit(self) -> int:
        """Files that may be open at a time."""
        return self.account.mailbox.handles

    def offers(self, entry: Entry) -> bool:
        """True unless the file was collected in another session, which may not have put it away yet."""
        return (
            entry.state is not FileState.COLLECTED
            or entry.id in self._collected_ids
            or self.account.mailbox.after_collect == "keep"
        )

    @property
    def over(self) -> bool:
        """True when no answer reaches the client any more: what it asked before that is not carried out either."""
        return self.channel_ended or bool(self.channel.is_closing())

    @property
    def unread(self) -> bool:
        """True while the client leaves more of our answers unread than we keep for it; see ``until_read``."""
        return bool(self.channel.get_write_buffer_size() > self.door.limits.unread_bytes)

    async def until_read(self) -> bool:
        """Wait until the client has read our answers; False when the session is over."""
        limits, waited_since = self.door.limits, time.monotonic()
        while self.unread:
            if self.over:
                return False
            if time.monotonic() - waited_since > limits.unread_seconds:
                logger.warning("%s does not read our answers; its SFTP connection is closed", self.account.partner)
                self.connection.abort()
                return False
            await asyncio.sleep(0.005)
        return True

    # -- files -------------------------------------------------------------------------------------------------

    async def open(self, path: bytes, pflags: int) -> bytes:
        """SSH_FXP_OPEN: an upload in the inbox, or a file to read in the outbox and its archive; its handle."""
        if len(self._files) >= self.handle_limit:
            raise SFTPFailure(f"Only {self.handle_limit} files may be open at a time; close one first.")
        place = self.place(path)
        if place.kind.is_folder:
            raise SFTPFailure("This is a folder.")
        if pflags & FXF_WRITE:
            opened: Download | Reception = await uploads.open_upload(self, place, pflags)
        else:
            opened = await self._open_download(place)
        handle = self._handle()
        self._files[handle] = opened
        return handle

    async def _open_download(self, place: Place) -> Download:
        if place.kind is Kind.IN_FILE:
            raise SFTPPermissionDenied("Files in this folder can be written, not read.")
        if place.kind is Kind.OUT_FILE:
            ahead = self.outlook.take(place.name)
            if ahead is not None:
                return Download(*ahead)
            found = await self.run(self.outlook.fetch, place.name)
        else:
            found = await self.run(self.door.mailbox.opened, self.account.partner, place.folder, place.name)
        if found is None:
            raise SFTPNoSuchFile("There is no such file.")
        return Download(*found)

    async def read(self, handle: bytes, offset: int, size: int) -> bytes:
        """SSH_FXP_READ: at most 256 KiB, b"" behind the end; a shorter answer is legal and the client asks again."""
        file = self._file(handle)
        if not isinstance(file, Download):
            raise SFTPPermissionDenied("This file is open for writing.")
        bandwidth = self.door.bandwidth(self.account, "out")
        size = bandwidth.piece(min(size, _CLAMP))
        await bandwidth.draw(min(size, max(file.entry.size - offset, 0)))
        if file.in_memory:
            return file.read(offset, size)
        return await self.run(file.read, offset, size)

    async def write(self, handle: bytes, offset: int, data: bytes | memoryview) -> None:
        """SSH_FXP_WRITE into the staged upload."""
        file = self._file(handle)
        if not isinstance(file, Reception):
            raise SFTPPermissionDenied("This file is open for reading.")
        await self.door.bandwidth(self.account, "in").draw(len(data))
        await uploads.write_upload(self, file, offset, data)

    async def close(self, handle: bytes) -> None:
        """SSH_FXP_CLOSE: makes an upload whole, and a file collected that was read to its end."""
        if self._folders.pop(handle, None) is not None:
            return
        file = self._file(handle)
        del self._files[handle]
        await self._close(file)

    async def _close(self, file: Download | Reception) -> None:
        """The client's CLOSE, or the end of the channel: only the first completes anything."""
        if isinstance(file, Reception):
            await uploads.close_upload(self, file)
            return
        file.close()
        if not self.channel_ended and file.entry.state is FileState.AVAILABLE and file.is_read:
            await self._collected(file)

    async def _collected(self, download: Download) -> None:
        entry = download.entry
        reason = f"{entry.partner} read all {entry.size} bytes of {entry.name} and closed it ({self.facts['login']})."
        await Commit(self.door.mailbox.collect(entry, reason))
        self._collected_ids.add(entry.id)

    async def fsync(self, handle: bytes) -> None:
        """fsync@openssh.com: what was written is on the disk when this returns."""
        file = self._file(handle)
        if isinstance(file, Reception):
            await file.settled()
            if file.failed:
                raise SFTPFailure("A part of this file was refused.")
            await self.run(file.upload.sync)
            file.upload.settle()

    async def fstat(self, handle: bytes) -> Attributes:
        """SSH_FXP_FSTAT."""
        file = self._file(handle)
        if isinstance(file, Download):
            return file_attributes(file.entry)
        return upload_attributes(file.size, self.door.mailbox.clock())

    async def fsetstat(self, handle: bytes, size: int | None) -> None:
        """SSH_FXP_FSETSTAT: times and modes are accepted and ignored; a size cuts an open upload."""
        file = self._file(handle)
        if isinstance(file, Reception) and size is not None and not file.superseded:
            await file.settled()
            await self.run(file.upload.truncate, size)

    # -- folders -----------------------------------------------------------------------------------------------

    async def opendir(self, path: bytes) -> bytes:
        """SSH_FXP_OPENDIR: the handle of a folder."""
        if len(self._folders) >= _OPEN_FOLDERS:
            raise SFTPFailure("Too many folders are open; close one first.")
        found = await browsing.names(self, path)
        handle = self._handle()
        self._folders[handle] = iter(found)
        return handle

    def readdir(self, handle: bytes) -> list[tuple[str, Attributes]]:
        """SSH_FXP_READDIR: the next names of a folder, sorted; none at its end."""
        folder = self._folders.get(handle)
        if folder is None:
            raise SFTPFailure("This handle is not open.")
        return list(islice(folder, _NAMES))

    # -- the end -----------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """The channel has ended: what is open is cut, what was collected is put away. Never raises."""
        self.channel_ended = True
        try:
            for file in self._files.values():
                await self._ended(file)
            self._files.clear()
            self._folders.clear()
            if self._collected_ids and self.account.mailbox.after_collect != "keep":
                await self.put_away(self._collected_ids)
        except Exception:
            logger.exception("Collected files of %s are put away at the next sweep", self.account.partner)
        finally:
            self.door.sessions.discard(self)

    async def _ended(self, file: Download | Reception) -> None:
        try:
            await self._close(file)
        except Exception:
            logger.exception("A cut upload of %s could not be kept for it to go on with", self.account.partner)

    # -- shared --------------------------------------------------------------------------------------------------

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in the listener's threads."""
        return await self.door.intake.in_thread(work, *arguments)

    def place(self, path: bytes) -> Place:
        """What a path means in this mailbox. Raises SFTPNoSuchFile, NameRefusedError."""
        known, place = self._last_place
        if path != known:  # programs ask several things of one path before they come to the next
            place = place_of(path, self.account.mailbox)
            self._last_place = (path, place)
        if place is None:
            raise SFTPNoSuchFile("There is no such file or folder.")
        return place

    async def entry(self, place: Place) -> Entry:
        """The file in a place. Raises SFTPNoSuchFile."""
        found = await self.run(self.door.mailbox.find, self.account.partner, place.folder, place.name)
        if found is None:
            raise SFTPNoSuchFile("There is no such file.")
        return found

    async def put_away(self, entry_ids: Collection[str]) -> None:
        """Take collected files out of the outbox, as the partner's profile says."""
        archive = self.account.mailbox.after_collect != "delete"
        await self.run(lambda: self.door.mailbox.put_away(entry_ids, archive=archive))

    def _file(self, handle: bytes) -> Download | Reception:
        """The open file with this handle. Raises SFTPFailure: version 3 has no code for it."""
        found = self._files.get(handle)
        if found is None:
            raise SFTPFailure("This handle is not open.")
        return found

    def _handle(self) -> bytes:
        """A handle that was not given before in this session."""
        self._next_handle += 1
        return self._next_handle.to_bytes(8, "big")
