"""What a session sees of its mailbox: attributes, listings and the room that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncssh import SFTPNoSuchFile

from gateway.transports.sftp.server.attributes import (
    Attributes,
    file_attributes,
    folder_attributes,
    upload_attributes,
)
from gateway.transports.sftp.server.attributes import room as room_of
from gateway.transports.sftp.server.tree import ARCHIVE, Kind

if TYPE_CHECKING:
    from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["attributes", "names", "room"]


async def names(session: MailboxSession, path: bytes) -> list[tuple[str, Attributes]]:
    """The entries of a folder, sorted, at most as many as the limits say. Raises SFTPNoSuchFile."""
    place, door, account = session.place(path), session.door, session.account
    now = door.mailbox.clock()
    folder = folder_attributes(now)
    found = [(".", folder), ("..", folder)]
    if place.kind is Kind.ROOT:
        return found + [(name, folder) for name in (account.mailbox.inbox, account.mailbox.outbox)]
    if place.kind is Kind.ARCHIVE:
        days = await session.run(door.mailbox.days, account.partner)
        return found + [(day, folder) for day in days]
    if place.kind is Kind.OUTBOX:
        found.append((account.mailbox.archive, folder))
    if not place.kind.is_folder:
        raise SFTPNoSuchFile("There is no such folder.")
    departures = door.mailbox.departures[account.partner]
    entries = await session.run(door.mailbox.listing, account.partner, place.folder, door.limits.listing)
    if place.kind is Kind.OUTBOX:
        session.outlook.seen(departures, entries)
        entries = [entry for entry in entries if session.offers(entry)]
    files = {entry.name: file_attributes(entry) for entry in entries}
    if place.kind is Kind.INBOX:
        for (partner, name), reception in door.uploads.items():
            if partner == account.partner:
                files[name] = upload_attributes(reception.size, now)
    return found + sorted(files.items())


async def attributes(session: MailboxSession, path: bytes) -> Attributes:
    """The attributes of a file or folder. Raises SFTPNoSuchFile."""
    place, door, partner = session.place(path), session.door, session.account.partner
    now = door.mailbox.clock()
    if place.kind is Kind.DAY:
        days = await session.run(door.mailbox.days, partner)
        if place.folder.removeprefix(f"{ARCHIVE}/") not in days:
            raise SFTPNoSuchFile("There is no such folder.")
    if place.kind.is_folder:
        return folder_attributes(now)
    reception = door.uploads.get((partner, place.name))
    if place.kind is Kind.IN_FILE and reception is not None:
        return upload_attributes(reception.size, now)
    if place.kind is Kind.OUT_FILE:
        if not session.outlook.is_fresh:
            await session.run(session.outlook.look)
        known = session.outlook.entry(place.name)
        if known is not None:
            return file_attributes(known)
    return file_attributes(await session.entry(place))


async def room(session: MailboxSession) -> bytes:
    """The room that the quota leaves, or the disk where there is none, as it is sent."""
    mailbox = session.door.mailbox
    used, files = await session.run(mailbox.usage, session.account.partner)
    return room_of(session.account.mailbox, used, files, mailbox.free_bytes())
