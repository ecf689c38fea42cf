"""One SFTP session of a partner: every request is answered from its mailbox, none reaches a disk path.

asyncssh's base class works on the machine's real files. Every public method of it is replaced here; what a mailbox
has no use for (links, folders of one's own, locks) is refused, and ``map_path`` raises as a second barrier. What goes
wrong inside is logged under a reference, and the partner is told the reference only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import asyncssh
from asyncssh import (
    SFTPAttrs,
    SFTPFailure,
    SFTPName,
    SFTPNoSuchFile,
    SFTPOpUnsupported,
    SFTPPermissionDenied,
    SFTPVFSAttrs,
)
from asyncssh.constants import FXF_WRITE

from gateway.transports.sftp.server import browsing, changes, uploads
from gateway.transports.sftp.server.accounts import MailboxAccount
from gateway.transports.sftp.server.answered import answered
from gateway.transports.sftp.server.attributes import file_attributes, long_name, upload_attributes
from gateway.transports.sftp.server.entries import Entry, FileState
from gateway.transports.sftp.server.files import Download, Reception
from gateway.transports.sftp.server.outlook import Outlook
from gateway.transports.sftp.server.tree import Kind, Place, place_of, shown_path

if TYPE_CHECKING:
    from gateway.transports.sftp.server.door import Door

__all__ = ["MailboxSession"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Bytes of one answer to a READ.
_CLAMP = 256 * 1024


class MailboxSession(asyncssh.SFTPServer):
    """The requests of one channel; asyncssh hands them in one after the other."""

    def __init__(self, channel: Any, door: Door, account: MailboxAccount, facts: dict[str, Any]) -> None:
        super().__init__(channel)
        self.account = account
        #: What all sessions of the listener share.
        self.door = door
        #: Who logged in and how, for the records of every file.
        self.facts = facts
        #: True once the channel has ended: every close from then on is a cut.
        self.channel_ended = False
        #: What was read of the outbox ahead of the client's requests.
        self.outlook = Outlook(door.mailbox, account.partner)
        self._handles = 0
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
        self.door.saw(self.connection)
        return bool(self.channel.get_write_buffer_size() > self.door.limits.unread_bytes)

    async def until_read(self) -> bool:
        """Wait until the client has read our answers; False when the session is over."""
        limits, waited_since = self.door.limits, time.monotonic()
        while self.channel.get_write_buffer_size() > limits.unread_bytes:
            if self.channel_ended or self.channel.is_closing():
                return False
            if time.monotonic() - waited_since > limits.unread_seconds:
                logger.warning("%s does not read our answers; its SFTP connection is closed", self.account.partner)
                self.connection.abort()
                return False
            await asyncio.sleep(0.005)
        return True

    # -- opening, reading, writing, closing --------------------------------------------------------------------

    @answered
    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> Download | Reception:
        """SSH_FXP_OPEN: an upload in the inbox, or a file to read in the outbox and its archive."""
        if self._handles >= self.handle_limit:
            raise SFTPFailure(f"Only {self.handle_limit} files may be open at a time; close one first.")
        place = self.place(path)
        if place.kind.is_folder:
            raise SFTPFailure("This is a folder.")
        if pflags & FXF_WRITE:
            opened: Download | Reception = await uploads.open_upload(self, place, pflags)
        else:
            opened = await self._open_download(place)
        self._handles += 1
        return opened

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

    @answered
    async def open56(self, path: bytes, desired_access: int, flags: int, attrs: SFTPAttrs) -> object:
        """Versions 5 and 6 of the protocol are not spoken here."""
        raise SFTPOpUnsupported("Only version 3 of the protocol is spoken here.")

    @answered
    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """SSH_FXP_READ: at most 256 KiB; a shorter answer is legal and the client asks again."""
        if not isinstance(file_obj, Download):
            raise SFTPPermissionDenied("This file is open for writing.")
        bandwidth = self.door.bandwidth(self.account, "out")
        size = bandwidth.piece(min(size, _CLAMP))
        await bandwidth.draw(min(size, max(file_obj.entry.size - offset, 0)))
        if file_obj.in_memory:
            return file_obj.read(offset, size)
        return await self.run(file_obj.read, offset, size)

    @answered
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """SSH_FXP_WRITE into the staged upload."""
        if not isinstance(file_obj, Reception):
            raise SFTPPermissionDenied("This file is open for reading.")
        await self.door.bandwidth(self.account, "in").draw(len(data))
        return await uploads.write_upload(self, file_obj, offset, data)

    @answered
    async def close(self, file_obj: object) -> None:
        """SSH_FXP_CLOSE, or the end of the channel: only the first makes an upload whole or a file collected."""
        self._handles -= 1
        if isinstance(file_obj, Download):
            file_obj.close()
            if not self.channel_ended and file_obj.entry.state is FileState.AVAILABLE and file_obj.is_read:
                await self._collected(file_obj)
        elif isinstance(file_obj, Reception):
            await uploads.close_upload(self, file_obj)

    async def _collected(self, download: Download) -> None:
        entry = download.entry
        reason = f"{entry.partner} read all {entry.size} bytes of {entry.name} and closed it ({self.facts['login']})."
        await asyncio.wrap_future(self.door.mailbox.collect(entry, reason))
        self._collected_ids.add(entry.id)

    @answered
    async def fsync(self, file_obj: object) -> None:
        """fsync@openssh.com: what was written is on the disk when this returns."""
        if isinstance(file_obj, Reception):
            await self.run(file_obj.upload.sync)
            file_obj.upload.settle()

    # -- attributes and listings -------------------------------------------------------------------------------

    @answered
    async def stat(self, path: bytes) -> SFTPAttrs:
        """SSH_FXP_STAT."""
        return await browsing.attributes(self, path)

    @answered
    async def lstat(self, path: bytes) -> SFTPAttrs:
        """SSH_FXP_LSTAT: there are no links, so it is the same as STAT."""
        return await browsing.attributes(self, path)

    @answered
    async def fstat(self, file_obj: object) -> SFTPAttrs:
        """SSH_FXP_FSTAT."""
        if isinstance(file_obj, Download):
            return file_attributes(file_obj.entry)
        if isinstance(file_obj, Reception):
            return upload_attributes(file_obj.size, self.door.mailbox.clock())
        raise SFTPFailure("This handle is not open.")

    @answered
    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """SSH_FXP_SETSTAT: accepted and ignored, because programs set times and modes after an upload."""

    @answered
    async def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """lsetstat@openssh.com: accepted and ignored."""

    @answered
    async def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """SSH_FXP_FSETSTAT: times and modes are accepted and ignored; a size cuts an open upload."""
        if isinstance(file_obj, Reception) and attrs.size is not None and not file_obj.superseded:
            await self.run(file_obj.upload.truncate, attrs.size)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """SSH_FXP_OPENDIR and READDIR: the names of a folder, sorted, at most as many as the limits say."""
        for name in await self._names(path):
            yield name

    @answered
    async def check_folder(self, path: bytes) -> None:
        """SSH_FXP_OPENDIR of what is no folder fails at once."""
        if not self.place(path).kind.is_folder:
            raise SFTPNoSuchFile("There is no such folder.")

    @answered
    async def _names(self, path: bytes) -> list[SFTPName]:
        return await browsing.names(self, path)

    @answered
    async def realpath(self, path: bytes) -> bytes:
        """SSH_FXP_REALPATH: the normal form of a path, whether something is there or not."""
        return shown_path(path)

    @answered
    async def statvfs(self, path: bytes) -> SFTPVFSAttrs:
        """statvfs@openssh.com: the room that the quota leaves."""
        return await browsing.room(self)

    @answered
    async def fstatvfs(self, file_obj: object) -> SFTPVFSAttrs:
        """fstatvfs@openssh.com: the room that the quota leaves."""
        return await browsing.room(self)

    # -- names -------------------------------------------------------------------------------------------------

    @answered
    async def remove(self, path: bytes) -> None:
        """SSH_FXP_REMOVE: an upload that is not processed, the view of one that is, or an offered file."""
        await changes.remove(self, path)

    @answered
    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """SSH_FXP_RENAME: fails when the new name is taken (version 3 of the protocol)."""
        await changes.rename(self, oldpath, newpath, replace=False)

    @answered
    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """posix-rename@openssh.com: replaces what has the new name."""
        await changes.rename(self, oldpath, newpath, replace=True)

    @answered
    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """SSH_FXP_MKDIR: the folders of a mailbox are fixed; one that is there already is no error worth failing."""
        raise SFTPPermissionDenied("The folders of this mailbox are fixed.")

    @answered
    async def rmdir(self, path: bytes) -> None:
        """SSH_FXP_RMDIR: refused."""
        raise SFTPPermissionDenied("The folders of this mailbox are fixed.")

    @answered
    async def readlink(self, path: bytes) -> bytes:
        """SSH_FXP_READLINK: there are no links."""
        raise SFTPOpUnsupported("There are no links here.")

    @answered
    async def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """SSH_FXP_SYMLINK: refused."""
        raise SFTPOpUnsupported("There are no links here.")

    @answered
    async def link(self, oldpath: bytes, newpath: bytes) -> None:
        """hardlink@openssh.com: refused."""
        raise SFTPOpUnsupported("There are no links here.")

    @answered
    async def lock(self, file_obj: object, offset: int, length: int, flags: int) -> None:
        """Locks of later versions of the protocol: refused."""
        raise SFTPOpUnsupported("There are no locks here.")

    @answered
    async def unlock(self, file_obj: object, offset: int, length: int) -> None:
        """Locks of later versions of the protocol: refused."""
        raise SFTPOpUnsupported("There are no locks here.")

    # -- what asyncssh asks of its server ------------------------------------------------------------------------

    async def exit(self) -> None:
        """The session ends: an exit status, without which ``scp`` reports a failure although all went well."""
        if self._collected_ids and self.account.mailbox.after_collect != "keep":
            try:
                await self.put_away(self._collected_ids)
            except Exception:
                logger.exception("Collected files of %s are put away at the next sweep", self.account.partner)
        self.door.sessions.discard(self)
        if not self.channel.is_closing():
            self.channel.exit(0)

    async def convert_attrs(self, result: Any) -> SFTPAttrs:
        """Attributes are made here; those of the machine's files never are."""
        found = await result if asyncio.iscoroutine(result) else result
        if not isinstance(found, SFTPAttrs):
            raise SFTPFailure("No attributes.")
        return found

    def format_user(self, uid: int | None) -> str:
        """The owner in listings: the same for every file."""
        return "partner"

    def format_group(self, gid: int | None) -> str:
        """The group in listings: the same for every file."""
        return "edi"

    def format_longname(self, name: SFTPName) -> None:
        """The line of a listing."""
        filename = name.filename if isinstance(name.filename, bytes) else name.filename.encode("utf-8")
        name.longname = long_name(name.attrs, filename)

    def map_path(self, path: bytes) -> bytes:
        """There is no path on this machine that belongs to a mailbox."""
        raise SFTPPermissionDenied("There is no such place.")

    def reverse_map_path(self, path: bytes) -> bytes:
        """There is no path on this machine that belongs to a mailbox."""
        raise SFTPPermissionDenied("There is no such place.")

    # -- shared --------------------------------------------------------------------------------------------------

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in the listener's threads."""
        return await self.door.intake.in_thread(work, *arguments)

    def place(self, path: bytes) -> Place:
        """What a path means in this mailbox. Raises SFTPNoSuchFile, NameRefusedError."""
        place = place_of(path, self.account.mailbox)
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
