"""The uploads of a session: opening one, writing it, and what its end makes of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from asyncssh import SFTPFailure, SFTPNoSuchFile, SFTPPermissionDenied
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_TRUNC

from gateway.messages.ids import new_id
from gateway.transports.sftp.server.entries import Entry, FileState
from gateway.transports.sftp.server.files import Reception
from gateway.transports.sftp.server.staging import LARGEST_GAP, Upload
from gateway.transports.sftp.server.tree import Kind, Place

if TYPE_CHECKING:
    from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["close_upload", "give_up", "open_upload", "write_upload"]

logger = logging.getLogger(__name__)

#: How a program opens a file that it writes from the start.
_AFRESH = FXF_CREAT | FXF_TRUNC | FXF_EXCL
_NOT_WHOLE = "The file was not stored, because a part of it was refused."
_REPLACED = "Another upload of the same name has taken the place of this one."


async def open_upload(session: MailboxSession, place: Place, pflags: int) -> Reception:
    """Begin an upload in the inbox, or go on with one. Raises SFTPError with the reason when it is refused."""
    account, door, name = session.account, session.door, place.name
    if place.kind is not Kind.IN_FILE:
        raise SFTPPermissionDenied(f"Upload to /{account.mailbox.inbox}; this folder is read only.")
    being_written = door.uploads.get((account.partner, name))
    entry = None
    if pflags & _AFRESH != FXF_CREAT | FXF_TRUNC:  # else what is there makes no difference
        entry = await session.run(door.mailbox.find, account.partner, place.folder, name)
    there = entry is not None or being_written is not None
    if there and pflags & FXF_CREAT and pflags & FXF_EXCL:
        raise SFTPFailure("The file is there already.")
    if not there and not pflags & FXF_CREAT:
        raise SFTPNoSuchFile("There is no such file.")
    door.check_disk()
    if door.has_quota(account):
        await session.run(door.check_quota, account)
    if being_written is not None:
        await give_up(being_written)
        entry = await session.run(door.mailbox.find, account.partner, place.folder, name)
    upload = await _upload(session, entry, pflags)
    facts = {**session.facts, "path": f"/{account.mailbox.inbox}/{name}"}
    if upload.size:
        facts["resumed_at"] = upload.size
    reception = Reception(session, name, upload, facts, append=bool(pflags & FXF_APPEND))
    door.uploads[account.partner, name] = reception
    return reception


async def _upload(session: MailboxSession, entry: Entry | None, pflags: int) -> Upload:
    """A fresh upload, or one that goes on with what a cut or held one left."""
    door = session.door
    if entry is not None and not pflags & FXF_TRUNC:
        path = door.mailbox.staged_path(entry.id)
        if entry.state in (FileState.ABORTED, FileState.HELD, FileState.OPEN) and path.exists():
            return await session.run(Upload.resumed, entry.id, path, door.budget)
        if pflags & FXF_APPEND and entry.size:
            raise SFTPFailure("This file was received already; upload the new content under another name.")
    fresh = new_id(door.mailbox.clock())
    return Upload(fresh, door.mailbox.staged_path(fresh), door.budget, door.limits.memory_per_file)


async def write_upload(session: MailboxSession, reception: Reception, offset: int, data: bytes | memoryview) -> None:
    """Write a part. Raises SFTPError for what no limit allows, OSError and ValueError for what the file does not take;
    the upload can never be whole then."""
    upload, door = reception.upload, session.door
    if reception.superseded:
        raise SFTPFailure(_REPLACED)
    if reception.failed or reception.behind.error is not None:
        reception.failed = True
        raise SFTPFailure(_NOT_WHOLE)
    if reception.append:
        offset = reception.size
    most = session.account.mailbox.max_file_bytes
    if offset + len(data) > most:
        reception.failed = True
        raise SFTPFailure(f"A file may have at most {most} bytes here.")
    if offset > reception.size + LARGEST_GAP:
        reception.failed = True
        raise SFTPFailure("A write far past the end of a file is not part of a file transfer.")
    quota = door.room_left(session.account.partner, upload)
    if quota is not None and offset + len(data) > quota:
        reception.failed = True
        raise SFTPFailure("The quota of this mailbox is used up.")
    if upload.fits(offset, data):
        upload.write_memory(offset, data)
        return
    try:
        if upload.in_memory:
            await _spill(session, reception)
        await reception.behind.write(offset, data)
    except (OSError, ValueError):
        reception.failed = True
        raise


async def _spill(session: MailboxSession, reception: Reception) -> None:
    """The upload has grown out of memory: its bytes go to its file, and its row says so."""
    try:
        await session.run(reception.upload.spill)
    finally:
        reception.upload.settle()
    mailbox = session.door.mailbox
    mailbox.put(reception.open_entry(mailbox.clock()))


async def close_upload(session: MailboxSession, reception: Reception) -> None:
    """The client's CLOSE, or the end of the channel: only the first makes an upload whole.

    Returns once what it became is durable. Raises SFTPFailure when it was not stored.
    """
    door, name = session.door, reception.name
    await reception.settled()
    if reception.superseded:
        if session.channel_ended:
            return
        raise SFTPFailure(_REPLACED)
    if session.channel_ended:
        await give_up(reception)
        return
    if reception.failed:
        await give_up(reception)
        raise SFTPFailure(_NOT_WHOLE)
    if not door.allow_file(session.account):
        await give_up(reception)
        raise SFTPFailure("Too many files in this hour; send it again later.")
    try:
        state = await door.intake.closed(reception.upload, session.account, name, reception.facts)
    except BaseException:
        await give_up(reception)
        raise
    door.let_go(reception)
    logger.debug("%s uploaded %s (%d bytes): %s", session.account.partner, name, reception.size, state.value)


async def give_up(reception: Reception) -> None:
    """End an upload that is not whole; what is there is kept for a day, so that the client can go on."""
    if reception.superseded:
        return
    reception.superseded = True
    await reception.settled()
    session, size = reception.session, reception.size
    try:
        if reception.failed:
            reception.upload.truncate(0)
        await session.door.intake.cut(reception.upload, session.account, reception.name, reception.facts)
    finally:
        session.door.let_go(reception)
    partner = session.account.partner
    logger.info("%s did not finish %s (%d bytes); nothing was processed", partner, reception.name, size)
