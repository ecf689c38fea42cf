"""The requests of SFTP version 3 that a mailbox answers, as a table: how each is read, done and answered.

A handler gets the session, the request's number and its fields after that; it gives the answer's bytes. What it raises
becomes a status (``refused``): a refusal in words, or a reference to our log, never our inside.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn

from asyncssh import SFTPError, SFTPOpUnsupported, SFTPPermissionDenied
from asyncssh.constants import (
    FX_BAD_MESSAGE,
    FX_EOF,
    FX_FAILURE,
    FX_OP_UNSUPPORTED,
    FXP_CLOSE,
    FXP_EXTENDED,
    FXP_FSETSTAT,
    FXP_FSTAT,
    FXP_LINK,
    FXP_LSTAT,
    FXP_MKDIR,
    FXP_OPEN,
    FXP_OPENDIR,
    FXP_READ,
    FXP_READDIR,
    FXP_READLINK,
    FXP_REALPATH,
    FXP_REMOVE,
    FXP_RENAME,
    FXP_RMDIR,
    FXP_SETSTAT,
    FXP_STAT,
    FXP_SYMLINK,
    FXP_WRITE,
)

from gateway.transports.sftp.names import NameRefusedError
from gateway.transports.sftp.server import browsing, changes, wire
from gateway.transports.sftp.server.attributes import named, shown
from gateway.transports.sftp.server.session import MailboxSession
from gateway.transports.sftp.server.tree import shown_path
from gateway.transports.sftp.server.wire import Fields, WireError

__all__ = ["EXTENSIONS", "answer", "refused"]

logger = logging.getLogger(__name__)

Handler = Callable[[MailboxSession, int, Fields], Coroutine[Any, Any, bytes]]

#: What we add to version 3 of the protocol, as it is told to the client.
EXTENSIONS = (
    (b"posix-rename@openssh.com", b"1"),
    (b"fsync@openssh.com", b"1"),
    (b"lsetstat@openssh.com", b"1"),
    (b"limits@openssh.com", b"1"),
    (b"statvfs@openssh.com", b"2"),
    (b"fstatvfs@openssh.com", b"2"),
)


# -- files -------------------------------------------------------------------------------------------------------


async def _open(session: MailboxSession, number: int, fields: Fields) -> bytes:
    path, pflags = fields.string(), fields.uint32()
    wire.given_size(fields)
    return wire.handle(number, await session.open(path, pflags))


async def _close(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle = fields.string()
    fields.end()
    await session.close(handle)
    return wire.ok(number)


async def _read(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle, offset, size = fields.string(), fields.uint64(), fields.uint32()
    fields.end()
    some = await session.read(handle, offset, size)
    return wire.data(number, some) if some else wire.status(number, FX_EOF, "")


async def _write(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle, offset, some = fields.string(), fields.uint64(), fields.view()
    fields.end()
    await session.write(handle, offset, some)
    return wire.ok(number)


async def _fstat(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle = fields.string()
    fields.end()
    return wire.attrs(number, (await session.fstat(handle)).encoded())


async def _fsetstat(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle = fields.string()
    await session.fsetstat(handle, wire.given_size(fields))
    return wire.ok(number)


async def _fsync(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle = fields.string()
    fields.end()
    await session.fsync(handle)
    return wire.ok(number)


# -- names -------------------------------------------------------------------------------------------------------


async def _stat(session: MailboxSession, number: int, fields: Fields) -> bytes:
    """SSH_FXP_STAT, and SSH_FXP_LSTAT: there are no links."""
    path = fields.string()
    fields.end()
    return wire.attrs(number, (await browsing.attributes(session, path)).encoded())


async def _setstat(_session: MailboxSession, number: int, fields: Fields) -> bytes:
    """Accepted and ignored, because programs set times and modes after an upload."""
    fields.string()
    wire.given_size(fields)
    return wire.ok(number)


async def _realpath(_session: MailboxSession, number: int, fields: Fields) -> bytes:
    """The normal form of a path, whether something is there or not."""
    path = fields.string()
    fields.end()
    return wire.names(number, [shown(shown_path(path))])


async def _opendir(session: MailboxSession, number: int, fields: Fields) -> bytes:
    path = fields.string()
    fields.end()
    return wire.handle(number, await session.opendir(path))


async def _readdir(session: MailboxSession, number: int, fields: Fields) -> bytes:
    handle = fields.string()
    fields.end()
    found = session.readdir(handle)
    return wire.names(number, [named(*one) for one in found]) if found else wire.status(number, FX_EOF, "")


async def _remove(session: MailboxSession, number: int, fields: Fields) -> bytes:
    path = fields.string()
    fields.end()
    await changes.remove(session, path)
    return wire.ok(number)


async def _rename(session: MailboxSession, number: int, fields: Fields) -> bytes:
    """Fails when the new name is taken (version 3 of the protocol)."""
    return await _renamed(session, number, fields, replace=False)


async def _posix_rename(session: MailboxSession, number: int, fields: Fields) -> bytes:
    """Replaces what has the new name."""
    return await _renamed(session, number, fields, replace=True)


async def _renamed(session: MailboxSession, number: int, fields: Fields, *, replace: bool) -> bytes:
    old, new = fields.string(), fields.string()
    fields.end()
    await changes.rename(session, old, new, replace=replace)
    return wire.ok(number)


async def _limits(session: MailboxSession, number: int, fields: Fields) -> bytes:
    fields.end()
    told = (wire.MAX_PACKET, wire.MAX_TRANSFER, wire.MAX_TRANSFER, session.handle_limit)
    return wire.extended(number, b"".join(size.to_bytes(8, "big") for size in told))


async def _room(session: MailboxSession, number: int, fields: Fields) -> bytes:
    """statvfs@openssh.com of a path, and fstatvfs@openssh.com of a handle: there is one room."""
    fields.string()
    fields.end()
    return wire.extended(number, await browsing.room(session))


# -- what a mailbox has no use for -------------------------------------------------------------------------------


async def _fixed(_session: MailboxSession, _number: int, _fields: Fields) -> NoReturn:
    raise SFTPPermissionDenied("The folders of this mailbox are fixed.")


async def _no_links(_session: MailboxSession, _number: int, _fields: Fields) -> NoReturn:
    raise SFTPOpUnsupported("There are no links here.")


async def _unknown(_session: MailboxSession, _number: int, _fields: Fields) -> NoReturn:
    raise SFTPOpUnsupported("This request is not answered here; only version 3 of the protocol is spoken.")


_HANDLERS: Mapping[int, Handler] = {
    FXP_OPEN: _open,
    FXP_CLOSE: _close,
    FXP_READ: _read,
    FXP_WRITE: _write,
    FXP_LSTAT: _stat,
    FXP_STAT: _stat,
    FXP_FSTAT: _fstat,
    FXP_SETSTAT: _setstat,
    FXP_FSETSTAT: _fsetstat,
    FXP_OPENDIR: _opendir,
    FXP_READDIR: _readdir,
    FXP_REMOVE: _remove,
    FXP_MKDIR: _fixed,
    FXP_RMDIR: _fixed,
    FXP_REALPATH: _realpath,
    FXP_RENAME: _rename,
    FXP_READLINK: _no_links,
    FXP_SYMLINK: _no_links,
    FXP_LINK: _no_links,
}
_EXTENDED: Mapping[bytes, Handler] = {
    b"posix-rename@openssh.com": _posix_rename,
    b"fsync@openssh.com": _fsync,
    b"lsetstat@openssh.com": _setstat,
    b"limits@openssh.com": _limits,
    b"statvfs@openssh.com": _room,
    b"fstatvfs@openssh.com": _room,
    b"hardlink@openssh.com": _no_links,
}


def answer(session: MailboxSession, kind: int, number: int, fields: Fields) -> Coroutine[Any, Any, bytes]:
    """The answer to one request, as a coroutine that raises what ``refused`` understands."""
    if kind == FXP_EXTENDED:
        return _EXTENDED.get(fields.string(), _unknown)(session, number, fields)
    return _HANDLERS.get(kind, _unknown)(session, number, fields)


def refused(number: int, kind: int, error: Exception) -> bytes:
    """The status that tells the client what went wrong with its request."""
    if isinstance(error, SFTPError):
        code = error.code if error.code <= FX_OP_UNSUPPORTED else FX_FAILURE  # later versions have more codes
        return wire.status(number, code, str(error.reason))
    if isinstance(error, NameRefusedError):
        return wire.status(number, FX_FAILURE, str(error))
    if isinstance(error, WireError):
        return wire.status(number, FX_BAD_MESSAGE, str(error))
    reference = os.urandom(4).hex()
    logger.error("An SFTP request of type %d failed (reference %s)", kind, reference, exc_info=error)
    sentence = f"The gateway could not do this now (reference {reference}). Try again later."
    return wire.status(number, FX_FAILURE, sentence)
