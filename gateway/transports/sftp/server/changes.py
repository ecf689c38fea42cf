"""What a session may remove and rename: its uploads, and what it has collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncssh import SFTPFailure, SFTPNoSuchFile, SFTPPermissionDenied

from gateway.transports.sftp.server.entries import FileState
from gateway.transports.sftp.server.tree import Kind, Place

if TYPE_CHECKING:
    from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["remove", "rename"]


async def remove(session: MailboxSession, path: bytes) -> None:
    """Remove an upload that is not processed, the view of one that is, or an offered file. Raises SFTPError."""
    place = session.place(path)
    if place.kind is Kind.IN_FILE:
        if (session.account.partner, place.name) in session.door.uploads:
            raise SFTPFailure("The file is being written now.")
        entry = await session.entry(place)
        await session.run(session.door.mailbox.drop, entry)
    elif place.kind is Kind.OUT_FILE:
        await _remove_offered(session, place)
    else:
        raise SFTPPermissionDenied("This cannot be removed.")


async def _remove_offered(session: MailboxSession, place: Place) -> None:
    mailbox, partner = session.door.mailbox, session.account.partner
    found = await session.run(mailbox.find, partner, place.folder, place.name)
    if found is None and mailbox.just_taken(partner, place.name):
        return  # collected and put away a moment ago: what the client wants is so
    if found is None:
        raise SFTPNoSuchFile("There is no such file.")
    if found.state is FileState.COLLECTED:
        await session.put_away([found.id])
    else:
        await session.run(mailbox.remove_offered, found, f"sftp:{session.account.user}")


async def rename(session: MailboxSession, oldpath: bytes, newpath: bytes, *, replace: bool) -> None:
    """Give a file of the inbox another name, or put away a collected one. Raises SFTPError."""
    old, new = session.place(oldpath), session.place(newpath)
    if old.kind is Kind.OUT_FILE and new.kind in (Kind.OUT_FILE, Kind.ARCHIVED, Kind.ARCHIVE):
        await _rename_offered(session, old)
        return
    if old.kind is not Kind.IN_FILE or new.kind is not Kind.IN_FILE:
        raise SFTPPermissionDenied(f"Only files in /{session.account.mailbox.inbox} can be renamed.")
    await _rename_upload(session, old, new, replace=replace)


async def _rename_offered(session: MailboxSession, old: Place) -> None:
    mailbox, partner = session.door.mailbox, session.account.partner
    found = await session.run(mailbox.find, partner, old.folder, old.name)
    if found is not None and found.state is FileState.COLLECTED:
        await session.put_away([found.id])
        return  # the client puts away what it has read, and so do we
    if found is None and mailbox.just_taken(partner, old.name):
        return  # it is put away already
    raise SFTPPermissionDenied("Files here are put away by the gateway once they were read.")


async def _rename_upload(session: MailboxSession, old: Place, new: Place, *, replace: bool) -> None:
    mailbox, partner, uploads = session.door.mailbox, session.account.partner, session.door.uploads
    if (partner, old.name) in uploads:
        raise SFTPFailure("The file is being written now; close it first.")
    entry = await session.entry(old)
    if old.name == new.name:
        return
    taken = (partner, new.name) in uploads
    if not replace and (taken or await session.run(mailbox.find, partner, new.folder, new.name) is not None):
        raise SFTPFailure("A file with the new name is there already.")
    if entry.state is FileState.HELD:
        await session.door.intake.renamed(entry, session.account, new.name)
    elif entry.state is FileState.RECEIVED:
        await session.run(mailbox.move, entry, new.name)
    else:
        raise SFTPFailure("The file did not arrive whole; upload it again or go on with it.")
