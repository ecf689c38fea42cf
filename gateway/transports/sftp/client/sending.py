"""Putting one file on a partner's server so that it appears whole or not at all, and is never put twice.

The file is written under an unfinished name, checked, and renamed. When an earlier attempt ended without an answer
the final name with our bytes is proof enough: nothing is sent again.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

import asyncssh

from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.store.faults import fault_point
from gateway.transports.sftp.bandwidth import Bandwidth
from gateway.transports.sftp.client.connection import read_bytes, within
from gateway.transports.sftp.client.errors import in_words
from gateway.transports.sftp.client.listing import join
from gateway.transports.sftp.client.target import Push

__all__ = ["Paths", "put_file"]

#: Bytes handed over at a time, each within the time of one operation.
_CHUNK = 1024 * 1024
#: The server will say the same until somebody changes rights or directories.
_FINAL = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPWriteProtect)
_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a file is written and what it becomes."""

    final: bytes
    unfinished: bytes

    @classmethod
    def of(cls, push: Push, name: str) -> Paths:
        """The paths of a file with this name."""
        folder = push.directory if push.temporary_directory is None else push.temporary_directory
        unfinished = join(folder, f"{push.temporary_prefix}{name}{push.temporary_suffix}")
        return cls(join(push.directory, name), unfinished)

    @property
    def direct(self) -> bool:
        """True when the file is written under its final name, for servers that cannot rename."""
        return self.final == self.unfinished


async def put_file(
    sftp: asyncssh.SFTPClient, push: Push, name: str, body: bytes, place: str, bandwidth: Bandwidth
) -> DeliveryOutcome:
    """Put ``body`` as ``name``, no faster than ``bandwidth``; ``place`` names the server for people.

    Raises ``asyncssh.SFTPConnectionLost`` or another connection error when the connection ended, and TimeoutError when
    the server fell silent; every answer of the server is an outcome.
    """
    paths = Paths.of(push, name)
    try:
        there = await _size(sftp, paths.final)
        if there is not None and await _is_ours(sftp, paths.final, there, body, bandwidth):
            await _mark(sftp, push, paths)
            return DeliveryOutcome(Outcome.CONFIRMED, f"{name} is at {place} already, with all our bytes.")
        if there is not None and not push.replace_existing and not paths.direct:
            return DeliveryOutcome(
                Outcome.RETRY,
                f"Another file named {name} is at {place}; ours waits until the partner has taken that one. Add "
                "{id8} to sftp.file_name, or set sftp.replace_existing.",
            )
        await _write(sftp, paths.unfinished, body, bandwidth)
        return await _publish(sftp, push, paths, name, body, place)
    except _LOST:
        raise
    except asyncssh.SFTPError as error:
        final = isinstance(error, _FINAL)
        what_next = " Compare directories and rights with the partner, then send it again." if final else ""
        return DeliveryOutcome(
            Outcome.FAILED if final else Outcome.RETRY,
            f"{name} could not be put into {push.directory or 'the first directory'} at {place}: {in_words(error)}."
            f"{what_next}",
        )


async def _write(sftp: asyncssh.SFTPClient, path: bytes, body: bytes, bandwidth: Bandwidth) -> None:
    """Write the bytes over whatever an earlier attempt left there, and have them on the disk if the server can."""
    handle = await within(sftp.open(path, "wb"))
    try:
        piece = bandwidth.piece(_CHUNK)
        for start in range(0, len(body), piece):
            part = body[start : start + piece]
            await bandwidth.draw(len(part))
            await within(handle.write(part, start))
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):  # not offered: the size is compared in any case
            await within(handle.fsync())
    finally:
        await within(handle.close())


async def _publish(
    sftp: asyncssh.SFTPClient, push: Push, paths: Paths, name: str, body: bytes, place: str
) -> DeliveryOutcome:
    """Compare sizes, rename, and look that the final name is there."""
    written = await _size(sftp, paths.unfinished)
    if written != len(body):
        if paths.direct and written is None:
            return _confirmed(name, place)
        return DeliveryOutcome(
            Outcome.RETRY, f"{place} holds {written or 0:,} of the {len(body):,} bytes of {name}; it is sent again."
        )
    fault_point("sftp_client.before_rename")
    if not paths.direct:
        await _rename(sftp, push, paths)
    fault_point("sftp_client.after_rename")
    await _mark(sftp, push, paths)
    there = await _size(sftp, paths.final)
    if there is not None and there != len(body):
        return DeliveryOutcome(
            Outcome.RETRY, f"{name} has {there:,} bytes at {place} after it was renamed, ours has {len(body):,}."
        )
    return _confirmed(name, place, taken=there is None)


def _confirmed(name: str, place: str, *, taken: bool = True) -> DeliveryOutcome:
    said = "was put and was taken at once" if taken else "was put and renamed, its size is ours"
    return DeliveryOutcome(Outcome.CONFIRMED, f"{name} {said} at {place}.")


async def _rename(sftp: asyncssh.SFTPClient, push: Push, paths: Paths) -> None:
    """Give the file its final name; one that exists is replaced only where the profile says so."""
    if not push.replace_existing:
        await within(sftp.rename(paths.unfinished, paths.final))
        return
    try:
        await within(sftp.posix_rename(paths.unfinished, paths.final))
    except asyncssh.SFTPOpUnsupported:
        with contextlib.suppress(*_ABSENT):
            await within(sftp.remove(paths.final))
        await within(sftp.rename(paths.unfinished, paths.final))


async def _mark(sftp: asyncssh.SFTPClient, push: Push, paths: Paths) -> None:
    """Write the empty file that says "complete", where the partner waits for one."""
    if push.marker is None:
        return
    handle = await within(sftp.open(paths.final + push.marker.encode(), "wb"))
    await within(handle.close())


async def _size(sftp: asyncssh.SFTPClient, path: bytes) -> int | None:
    """Bytes of a file, None when there is none."""
    try:
        return (await within(sftp.stat(path))).size or 0
    except _ABSENT:
        return None


async def _is_ours(sftp: asyncssh.SFTPClient, path: bytes, size: int, body: bytes, bandwidth: Bandwidth) -> bool:
    """Whether the file that is there holds our bytes; where we may not read it, its size decides."""
    if size != len(body):
        return False
    digest = hashlib.sha256()
    try:
        handle = await within(sftp.open(path, "rb"))
    except asyncssh.SFTPError:
        return True
    try:
        piece = bandwidth.piece(_CHUNK)
        for start in range(0, size, piece):
            wanted = min(piece, size - start)
            await bandwidth.draw(wanted)
            digest.update(await read_bytes(handle, wanted, start))
    finally:
        await within(handle.close())
    return digest.digest() == hashlib.sha256(body).digest()
