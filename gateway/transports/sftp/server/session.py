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
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_TRUNC, FXF_WRITE

from gateway.messages.ids import new_id
from gateway.transports.sftp.server.accounts import MailboxAccount
from gateway.transports.sftp.server.answered import answered
from gateway.transports.sftp.server.attributes import (
    file_attributes,
    folder_attributes,
    long_name,
    named,
    room_attributes,
    upload_attributes,
)
from gateway.transports.sftp.server.files import Download, Reception
from gateway.transports.sftp.server.mailbox import Entry, FileState
from gateway.transports.sftp.server.staging import Upload
from gateway.transports.sftp.server.tree import ARCHIVE, Kind, Place, place_of, shown_path

if TYPE_CHECKING:
    from gateway.transports.sftp.server.door import Door

__all__ = ["MailboxSession"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How a program opens a file that it writes from the start.
_AFRESH = FXF_CREAT | FXF_TRUNC | FXF_EXCL
#: Bytes of one answer to a READ.
_CLAMP = 256 * 1024


class MailboxSession(asyncssh.SFTPServer):
    """The requests of one channel; asyncssh hands them in one after the other."""

    def __init__(self, channel: Any, door: Door, account: MailboxAccount, facts: dict[str, Any]) -> None:
        super().__init__(channel)
        self.account = account
        #: True once the channel has ended: every close from then on is a cut.
        self.channel_ended = False
        self._door = door
        self._facts = facts
        self._handles = 0
        self._collected_ids: set[str] = set()
        door.sessions.add(self)

    @property
    def handle_limit(self) -> int:
        """Files that may be open at a time."""
        return self.account.mailbox.handles

    async def ready_for_request(self) -> bool:
        """Wait while the client leaves our answers unread; False when the session is over."""
        self._door.saw(self.connection)
        limits, waited_since = self._door.limits, time.monotonic()
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
        place = self._place(path)
        if place.kind.is_folder:
            raise SFTPFailure("This is a folder.")
        opened = await (self._open_upload(place, pflags) if pflags & FXF_WRITE else self._open_download(place))
        self._handles += 1
        return opened

    async def _open_download(self, place: Place) -> Download:
        if place.kind is Kind.IN_FILE:
            raise SFTPPermissionDenied("Files in this folder can be written, not read.")
        entry = await self._entry(place)
        return Download(entry, await self._run(self._door.mailbox.open_body, entry))

    async def _open_upload(self, place: Place, pflags: int) -> Reception:
        if place.kind is not Kind.IN_FILE:
            raise SFTPPermissionDenied(f"Upload to /{self.account.mailbox.inbox}; this folder is read only.")
        door, name = self._door, place.name
        being_written = door.uploads.get((self.account.partner, name))
        entry = None
        if pflags & _AFRESH != FXF_CREAT | FXF_TRUNC:  # else what is there makes no difference
            entry = await self._run(door.mailbox.find, self.account.partner, place.folder, name)
        there = entry is not None or being_written is not None
        if there and pflags & FXF_CREAT and pflags & FXF_EXCL:
            raise SFTPFailure("The file is there already.")
        if not there and not pflags & FXF_CREAT:
            raise SFTPNoSuchFile("There is no such file.")
        door.check_disk()
        if door.has_quota(self.account):
            await self._run(door.check_quota, self.account)
        if being_written is not None:
            await being_written.session.give_up(being_written)
            entry = await self._run(door.mailbox.find, self.account.partner, place.folder, name)
        upload = await self._upload(entry, pflags)
        facts = {**self._facts, "path": f"/{self.account.mailbox.inbox}/{name}"}
        if upload.size:
            facts["resumed_at"] = upload.size
        reception = Reception(self, name, upload, facts, append=bool(pflags & FXF_APPEND))
        door.uploads[self.account.partner, name] = reception
        return reception

    async def _upload(self, entry: Entry | None, pflags: int) -> Upload:
        """A fresh upload, or one that goes on with what a cut or held one left."""
        door = self._door
        if entry is not None and not pflags & FXF_TRUNC:
            path = door.mailbox.staged_path(entry.id)
            if entry.state in (FileState.ABORTED, FileState.HELD, FileState.OPEN) and path.exists():
                return await self._run(Upload.resumed, entry.id, path, door.budget)
            if pflags & FXF_APPEND and entry.size:
                raise SFTPFailure("This file was received already; upload the new content under another name.")
        fresh = new_id(door.mailbox.clock())
        return Upload(fresh, door.mailbox.staged_path(fresh), door.budget, door.limits.memory_per_file)

    @answered
    async def open56(self, path: bytes, desired_access: int, flags: int, attrs: SFTPAttrs) -> object:
        """Versions 5 and 6 of the protocol are not spoken here."""
        raise SFTPOpUnsupported("Only version 3 of the protocol is spoken here.")

    @answered
    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """SSH_FXP_READ: at most 256 KiB; a shorter answer is legal and the client asks again."""
        if not isinstance(file_obj, Download):
            raise SFTPPermissionDenied("This file is open for writing.")
        size = min(size, _CLAMP)
        if file_obj.in_memory:
            return file_obj.read(offset, size)
        return await self._run(file_obj.read, offset, size)

    @answered
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """SSH_FXP_WRITE into the staged upload."""
        if not isinstance(file_obj, Reception):
            raise SFTPPermissionDenied("This file is open for reading.")
        upload = file_obj.upload
        if file_obj.superseded:
            raise SFTPFailure("Another upload of the same name has taken the place of this one.")
        if file_obj.append:
            offset = upload.size
        if offset + len(data) > self.account.mailbox.max_file_bytes:
            file_obj.failed = True
            raise SFTPFailure(f"A file may have at most {self.account.mailbox.max_file_bytes} bytes here.")
        quota = self._door.room_left(self.account.partner, upload)
        if quota is not None and offset + len(data) > quota:
            file_obj.failed = True
            raise SFTPFailure("The quota of this mailbox is used up.")
        if upload.fits(offset, data):
            upload.write_memory(offset, data)
            return len(data)
        first = upload.in_memory
        try:
            await self._run(upload.write_file, offset, data)
        except (OSError, ValueError):
            file_obj.failed = True
            raise
        finally:
            upload.settle()
        if first:
            self._door.mailbox.put(file_obj.open_entry(self._door.mailbox.clock()))
        return len(data)

    @answered
    async def close(self, file_obj: object) -> None:
        """SSH_FXP_CLOSE, or the end of the channel: only the first makes an upload whole or a file collected."""
        self._handles -= 1
        if isinstance(file_obj, Download):
            file_obj.close()
            if not self.channel_ended and file_obj.entry.state is FileState.AVAILABLE and file_obj.is_read:
                await self._collected(file_obj)
        elif isinstance(file_obj, Reception):
            await self._close_upload(file_obj)

    async def _collected(self, download: Download) -> None:
        entry = download.entry
        reason = f"{entry.partner} read all {entry.size} bytes of {entry.name} and closed it ({self._facts['login']})."
        await self._run(self._door.mailbox.collect, entry, reason)
        self._collected_ids.add(entry.id)

    async def _close_upload(self, reception: Reception) -> None:
        if reception.superseded:
            if self.channel_ended:
                return
            raise SFTPFailure("Another upload of the same name has taken the place of this one.")
        if self.channel_ended:
            await self.give_up(reception)
            return
        if reception.failed:
            await self.give_up(reception)
            raise SFTPFailure("The file was not stored, because a part of it was refused.")
        if not self._door.allow_file(self.account):
            await self.give_up(reception)
            raise SFTPFailure("Too many files in this hour; send it again later.")
        try:
            state = await self._door.intake.closed(reception.upload, self.account, reception.name, reception.facts)
        except BaseException:
            await self.give_up(reception)
            raise
        self._door.let_go(reception)
        logger.info("%s uploaded %s (%d bytes): %s", self.account.partner, reception.name, reception.size, state.value)

    async def give_up(self, reception: Reception) -> None:
        """End an upload that is not whole; what is there is kept for a day, so that the client can go on."""
        if reception.superseded:
            return
        reception.superseded = True
        size = reception.size
        try:
            if reception.failed:
                reception.upload.truncate(0)
            await self._door.intake.cut(reception.upload, self.account, reception.name, reception.facts)
        finally:
            self._door.let_go(reception)
        logger.info(
            "%s did not finish %s (%d bytes); nothing was processed", self.account.partner, reception.name, size
        )

    @answered
    async def fsync(self, file_obj: object) -> None:
        """fsync@openssh.com: what was written is on the disk when this returns."""
        if isinstance(file_obj, Reception):
            await self._run(file_obj.upload.sync)
            file_obj.upload.settle()

    # -- attributes and listings -------------------------------------------------------------------------------

    @answered
    async def stat(self, path: bytes) -> SFTPAttrs:
        """SSH_FXP_STAT."""
        return await self._attributes(path)

    @answered
    async def lstat(self, path: bytes) -> SFTPAttrs:
        """SSH_FXP_LSTAT: there are no links, so it is the same as STAT."""
        return await self._attributes(path)

    @answered
    async def fstat(self, file_obj: object) -> SFTPAttrs:
        """SSH_FXP_FSTAT."""
        if isinstance(file_obj, Download):
            return file_attributes(file_obj.entry)
        if isinstance(file_obj, Reception):
            return upload_attributes(file_obj.size, self._door.mailbox.clock())
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
            await self._run(file_obj.upload.truncate, attrs.size)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """SSH_FXP_OPENDIR and READDIR: the names of a folder, sorted, at most as many as the limits say."""
        for name in await self._names(path):
            yield name

    @answered
    async def check_folder(self, path: bytes) -> None:
        """SSH_FXP_OPENDIR of what is no folder fails at once."""
        if not self._place(path).kind.is_folder:
            raise SFTPNoSuchFile("There is no such folder.")

    @answered
    async def _names(self, path: bytes) -> list[SFTPName]:
        place = self._place(path)
        now = self._door.mailbox.clock()
        found = [named(".", folder_attributes(now)), named("..", folder_attributes(now))]
        if place.kind is Kind.ROOT:
            return found + [
                named(n, folder_attributes(now)) for n in (self.account.mailbox.inbox, self.account.mailbox.outbox)
            ]
        if place.kind is Kind.ARCHIVE:
            days = await self._run(self._door.mailbox.days, self.account.partner)
            return found + [named(day, folder_attributes(now)) for day in days]
        if place.kind is Kind.OUTBOX:
            found.append(named(self.account.mailbox.archive, folder_attributes(now)))
        if not place.kind.is_folder:
            raise SFTPNoSuchFile("There is no such folder.")
        limit = self._door.limits.listing
        entries = await self._run(self._door.mailbox.listing, self.account.partner, place.folder, limit)
        files = {entry.name: file_attributes(entry) for entry in entries}
        if place.kind is Kind.INBOX:
            for (partner, name), reception in self._door.uploads.items():
                if partner == self.account.partner:
                    files[name] = upload_attributes(reception.size, now)
        return found + [named(name, files[name]) for name in sorted(files)]

    @answered
    async def realpath(self, path: bytes) -> bytes:
        """SSH_FXP_REALPATH: the normal form of a path, whether something is there or not."""
        return shown_path(path)

    @answered
    async def statvfs(self, path: bytes) -> SFTPVFSAttrs:
        """statvfs@openssh.com: the room that the quota leaves."""
        return await self._room()

    @answered
    async def fstatvfs(self, file_obj: object) -> SFTPVFSAttrs:
        """fstatvfs@openssh.com: the room that the quota leaves."""
        return await self._room()

    # -- names -------------------------------------------------------------------------------------------------

    @answered
    async def remove(self, path: bytes) -> None:
        """SSH_FXP_REMOVE: an upload that is not processed, the view of one that is, or an offered file."""
        place = self._place(path)
        mailbox, partner = self._door.mailbox, self.account.partner
        if place.kind is Kind.IN_FILE:
            if (partner, place.name) in self._door.uploads:
                raise SFTPFailure("The file is being written now.")
            entry = await self._entry(place)
            await self._run(mailbox.drop, entry)
        elif place.kind is Kind.OUT_FILE:
            found = await self._run(mailbox.find, partner, place.folder, place.name)
            if found is None and mailbox.just_taken(partner, place.name):
                return  # collected and put away a moment ago: what the client wants is so
            if found is None:
                raise SFTPNoSuchFile("There is no such file.")
            if found.state is FileState.COLLECTED:
                await self._put_away([found.id])
            else:
                await self._run(mailbox.remove_offered, found, f"sftp:{self.account.user}")
        else:
            raise SFTPPermissionDenied("This cannot be removed.")

    @answered
    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """SSH_FXP_RENAME: fails when the new name is taken (version 3 of the protocol)."""
        await self._rename(oldpath, newpath, replace=False)

    @answered
    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """posix-rename@openssh.com: replaces what has the new name."""
        await self._rename(oldpath, newpath, replace=True)

    async def _rename(self, oldpath: bytes, newpath: bytes, *, replace: bool) -> None:
        old, new = self._place(oldpath), self._place(newpath)
        mailbox, partner = self._door.mailbox, self.account.partner
        if old.kind is Kind.OUT_FILE and new.kind in (Kind.OUT_FILE, Kind.ARCHIVED, Kind.ARCHIVE):
            found = await self._run(mailbox.find, partner, old.folder, old.name)
            if found is not None and found.state is FileState.COLLECTED:
                await self._put_away([found.id])
                return  # the client puts away what it has read, and so do we
            if found is None and mailbox.just_taken(partner, old.name):
                return  # it is put away already
            raise SFTPPermissionDenied("Files here are put away by the gateway once they were read.")
        if old.kind is not Kind.IN_FILE or new.kind is not Kind.IN_FILE:
            raise SFTPPermissionDenied(f"Only files in /{self.account.mailbox.inbox} can be renamed.")
        if (partner, old.name) in self._door.uploads:
            raise SFTPFailure("The file is being written now; close it first.")
        entry = await self._entry(old)
        if old.name == new.name:
            return
        taken = (partner, new.name) in self._door.uploads
        if not replace and (taken or await self._run(mailbox.find, partner, new.folder, new.name) is not None):
            raise SFTPFailure("A file with the new name is there already.")
        if entry.state is FileState.HELD:
            await self._door.intake.renamed(entry, self.account, new.name)
        elif entry.state is FileState.RECEIVED:
            await self._run(mailbox.move, entry, new.name)
        else:
            raise SFTPFailure("The file did not arrive whole; upload it again or go on with it.")

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
                await self._put_away(self._collected_ids)
            except Exception:
                logger.exception("Collected files of %s are put away at the next sweep", self.account.partner)
        self._door.sessions.discard(self)
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

    async def _put_away(self, entry_ids: Collection[str]) -> None:
        archive = self.account.mailbox.after_collect != "delete"
        await self._run(lambda: self._door.mailbox.put_away(entry_ids, archive=archive))

    # -- shared --------------------------------------------------------------------------------------------------

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await self._door.intake.in_thread(work, *arguments)

    def _place(self, path: bytes) -> Place:
        place = place_of(path, self.account.mailbox)
        if place is None:
            raise SFTPNoSuchFile("There is no such file or folder.")
        return place

    async def _entry(self, place: Place) -> Entry:
        found = await self._run(self._door.mailbox.find, self.account.partner, place.folder, place.name)
        if found is None:
            raise SFTPNoSuchFile("There is no such file.")
        return found

    async def _attributes(self, path: bytes) -> SFTPAttrs:
        place = self._place(path)
        now = self._door.mailbox.clock()
        if place.kind is Kind.DAY:
            days = await self._run(self._door.mailbox.days, self.account.partner)
            if place.folder.removeprefix(f"{ARCHIVE}/") not in days:
                raise SFTPNoSuchFile("There is no such folder.")
        if place.kind.is_folder:
            return folder_attributes(now)
        reception = self._door.uploads.get((self.account.partner, place.name))
        if place.kind is Kind.IN_FILE and reception is not None:
            return upload_attributes(reception.size, now)
        return file_attributes(await self._entry(place))

    async def _room(self) -> SFTPVFSAttrs:
        used, files = await self._run(self._door.mailbox.usage, self.account.partner)
        return room_attributes(self.account.mailbox, used, files, self._door.mailbox.free_bytes())
