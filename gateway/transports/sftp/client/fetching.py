"""One look at a partner's directory: list, wait until files are still, fetch, store, then remove, move or leave.

A file's identity is its path, size, time of change and SHA-256. It goes to the store with the bytes in one
transaction, so a file that is fetched again after a crash is recognised and only its after-action is made up for.
What goes wrong with one file never holds up the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import asyncssh

from gateway.messages.ports import InboundPort, Received, ReceiveFailure
from gateway.store.engine import Store
from gateway.store.errors import StoreBusyError, StoreClosedError
from gateway.store.faults import fault_point
from gateway.transports.filenames import looks_cut
from gateway.transports.sftp.bandwidth import Bandwidth
from gateway.transports.sftp.client.connection import Session, read_bytes, within
from gateway.transports.sftp.client.errors import LostError, in_words
from gateway.transports.sftp.client.listing import Listing, RemoteFile, Sighting, join, read_listing, settled
from gateway.transports.sftp.client.seen import Key, known_files, note_file, prune
from gateway.transports.sftp.client.target import Pull, SftpTarget

__all__ = ["Desk", "Memory", "PollResult", "look"]

_log = logging.getLogger(__name__)
#: Bytes asked for at a time; asyncssh splits and pipelines them.
_CHUNK = 4 * 1024 * 1024
#: Entries of a directory that one look takes notice of; the next look takes the rest.
MOST_ENTRIES = 50_000
#: A second look in the same session is made only when it is at most so many seconds away.
_LONGEST_WAIT = 30.0
#: Looks that a file without its end is given to grow before it is taken as it is.
_LOOKS_FOR_A_WHOLE_FILE = 3
#: Failures with one file before staff are told.
_FAILURES_BEFORE_ALERT = 3
#: Seconds that a file which was stored but cannot be removed is left alone.
_STUCK_SECONDS = 3600.0
_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError)


@dataclass(slots=True)
class Memory:
    """What is remembered of one partner's directory between two looks; losing it costs one look."""

    sightings: dict[str, Sighting] = field(default_factory=dict)
    failures: dict[Key, int] = field(default_factory=dict)
    #: Files that wait for their end: how often they were read.
    cut: dict[Key, int] = field(default_factory=dict)
    #: Stored, but the server would not remove or move them: not before this instant (seconds, monotonic).
    stuck: dict[Key, float] = field(default_factory=dict)
    #: Sentences that staff were told already.
    told: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class PollResult:
    """What one look did, in numbers and names."""

    fetched: list[str] = field(default_factory=list)
    #: Fetched again and recognised.
    duplicates: list[str] = field(default_factory=list)
    #: Not complete yet, or changed while it was read.
    waiting: list[str] = field(default_factory=list)
    #: (name, sentence).
    failed: list[tuple[str, str]] = field(default_factory=list)
    #: Why nothing, or not everything, was looked at; "" when all was.
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a look works with besides the session."""

    inbound: InboundPort
    store: Store
    #: Aware instants.
    clock: Callable[[], datetime]
    #: Seconds.
    monotonic: Callable[[], float]
    #: (partner, subject, sentence).
    on_problem: Callable[[str, str, str], None]
    #: Set when the gateway stops: the file in hand is finished, no other is begun.
    stopping: asyncio.Event
    #: How fast files are fetched.
    bandwidth: Bandwidth


class _NotYetError(Exception):
    """The file is not what the listing said: it is being written or was replaced. Next time."""


class _BusyError(Exception):
    """The store takes nothing now."""


async def look(target: SftpTarget, pull: Pull, session: Session, memory: Memory, desk: Desk) -> PollResult:
    """Take every complete file of the partner's directory.

    Raises LostError when the connection ended; what was taken before stays taken. Raises ``asyncssh.SFTPError``
    when the directory cannot be listed.
    """
    return await _Look(target, pull, session, memory, desk).run()


class _Look:
    """One look, from the listing to the last after-action."""

    def __init__(self, target: SftpTarget, pull: Pull, session: Session, memory: Memory, desk: Desk) -> None:
        self._target, self._pull, self._session = target, pull, session
        self._memory, self._desk = memory, desk
        self._result = PollResult()
        self._known: dict[Key, str] = {}

    async def run(self) -> PollResult:
        if self._pull.after == "leave":
            self._known = await asyncio.to_thread(known_files, self._desk.store, self._target.partner)
        listing = await self._list()
        ready = await self._complete(self._due(listing))
        for file in ready:
            if self._desk.stopping.is_set():
                self._result.stopped = "The gateway stops; the rest is fetched when it runs again."
                return self._result
            await self._guarded(file)
            if self._result.stopped:
                return self._result
        await self._prune(listing)
        return self._result

    async def _list(self) -> Listing:
        directory = join(self._pull.directory, "").rstrip(b"/") or (b"/" if self._pull.directory else b".")
        entries = []
        try:
            iterator = self._session.sftp.scandir(directory)
            while (entry := await within(anext(iterator, None))) is not None:
                entries.append(entry)
                if len(entries) >= MOST_ENTRIES:
                    self._tell(self._pull.directory, f"More than {MOST_ENTRIES:,} entries are listed; clear it out.")
                    break
        except _LOST as error:
            raise LostError(in_words(error)) from error
        listing = read_listing(entries, self._pull)
        for name, sentence in listing.refused:
            self._tell(name, sentence)
            self._result.failed.append((name, sentence))
        return listing

    def _due(self, listing: Listing) -> list[RemoteFile]:
        """Listed files without those that were taken and stay there."""
        now = self._desk.monotonic()
        due = []
        for file in listing.files:
            key = self._key(file)
            if key in self._known or now < self._memory.stuck.get(key, 0.0):
                continue
            due.append(file)
        return due

    async def _complete(self, due: list[RemoteFile]) -> list[RemoteFile]:
        """Files that look the same as before; for those that are new a second look is taken when it is near."""
        memory, pull = self._memory, self._pull
        memory.sightings, ready = settled(memory.sightings, due, self._desk.monotonic(), pull)
        if len(ready) < len(due) and pull.settle_seconds <= _LONGEST_WAIT:
            try:
                await asyncio.wait_for(self._desk.stopping.wait(), pull.settle_seconds)
            except TimeoutError:
                again = self._due(await self._list())
                memory.sightings, ready = settled(memory.sightings, again, self._desk.monotonic(), pull)
                due = again
        names = {file.name for file in ready}
        self._result.waiting.extend(file.name for file in due if file.name not in names)
        return ready

    async def _guarded(self, file: RemoteFile) -> None:
        """Take one file; whatever goes wrong with it stays with it."""
        key = self._key(file)
        try:
            await self._take(file, key)
        except _NotYetError:
            self._result.waiting.append(file.name)
            self._memory.sightings.pop(file.name, None)
        except _BusyError as error:
            self._result.stopped = str(error)
        except _LOST as error:
            raise LostError(in_words(error)) from error
        except (asyncssh.SFTPError, TimeoutError) as error:
            self._failed(file, key, f"{file.name} could not be fetched from {self._target.place}: {in_words(error)}.")
        except Exception as error:  # noqa: BLE001  a fault costs one file a while, never the others; logged and counted
            _log.exception("A file of %s could not be taken", self._target.partner)
            self._failed(file, key, f"{file.name} was fetched and could not be stored: {type(error).__name__}: {error}")
        else:
            self._memory.failures.pop(key, None)

    async def _take(self, file: RemoteFile, key: Key) -> None:
        payload = await self._fetch(file)
        if looks_cut(payload) and self._memory.cut.get(key, 0) + 1 < _LOOKS_FOR_A_WHOLE_FILE:
            self._memory.cut[key] = self._memory.cut.get(key, 0) + 1
            raise _NotYetError
        digest = hashlib.sha256(payload).hexdigest()
        fault_point("sftp_client.before_store")
        duplicate = await asyncio.to_thread(self._store, file, key, payload, digest)
        fault_point("sftp_client.after_store")
        (self._result.duplicates if duplicate else self._result.fetched).append(file.name)
        self._memory.cut.pop(key, None)
        await self._after(file, key)

    async def _fetch(self, file: RemoteFile) -> bytes:
        """The bytes of the file, when it is from first to last what the listing said."""
        sftp, path = self._session.sftp, join(self._pull.directory, file.name)
        try:
            handle = await within(sftp.open(path, "rb"))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise _NotYetError from error
        try:
            await self._unchanged(handle, file)
            content, bandwidth = bytearray(), self._desk.bandwidth
            while len(content) < file.size:
                wanted = min(bandwidth.piece(_CHUNK), file.size - len(content))
                await bandwidth.draw(wanted)
                chunk = await read_bytes(handle, wanted, len(content))
                if not chunk:
                    break
                content += chunk
            await self._unchanged(handle, file)
        finally:
            await within(handle.close())
        if len(content) != file.size:
            raise _NotYetError
        return bytes(content)

    @staticmethod
    async def _unchanged(handle: asyncssh.SFTPClientFile, file: RemoteFile) -> None:
        attrs = await within(handle.stat())
        if (attrs.size, int(attrs.mtime or 0)) != file.state:
            raise _NotYetError

    def _store(self, file: RemoteFile, key: Key, payload: bytes, digest: str) -> bool:
        """Store the bytes, and note a file that stays there; True when they were stored before. Runs in a thread."""
        desk, target = self._desk, self._target
        received = Received(
            transport="sftp",
            partner=target.partner,
            payload=payload,
            transport_id=f"{key[0]} {file.size} {file.mtime} {digest}",
            wire_sha256=digest,
            filename=file.name,
            facts={
                "server": target.place,
                "user": target.user,
                "host_key": self._session.host_key,
                "path": key[0],
                "size": file.size,
                "changed": file.mtime,
            },
            failure=None if payload else _EMPTY,
        )
        try:
            receipt = desk.inbound.receive(received)
        except (StoreBusyError, StoreClosedError) as error:
            raise _BusyError(str(error)) from error
        if self._pull.after == "leave":
            note_file(
                desk.store,
                target.partner,
                key,
                sha256=digest,
                transmission_id=receipt.transmission_id,
                now=desk.clock(),
            )
        return receipt.duplicate

    async def _after(self, file: RemoteFile, key: Key) -> None:
        """Remove, move or leave what is stored; a server that refuses is told about once and asked again later."""
        if self._pull.after == "leave":
            return
        try:
            await self._remove_or_move(file, key)
        except _LOST:
            raise
        except (asyncssh.SFTPError, TimeoutError) as error:
            self._memory.stuck[key] = self._desk.monotonic() + _STUCK_SECONDS
            what = "moved" if self._pull.after == "move" else "removed"
            self._tell(
                file.name,
                f"{file.name} is stored here and cannot be {what} at {self._target.place}: {in_words(error)}. Ask the "
                "partner for the right, or set sftp.after_fetch to leave.",
            )

    async def _remove_or_move(self, file: RemoteFile, key: Key) -> None:
        sftp, pull = self._session.sftp, self._pull
        path = join(pull.directory, file.name)
        now = await within(sftp.lstat(path))
        if (now.size, int(now.mtime or 0)) != file.state:
            return  # another file took its place in the meantime: it comes next
        fault_point("sftp_client.before_after_action")
        if pull.after == "delete":
            await within(sftp.remove(path))
        else:
            await self._move(path, file, key)
        if pull.marker is not None:
            await within(sftp.remove(path + pull.marker.encode()))

    async def _move(self, path: bytes, file: RemoteFile, key: Key) -> None:
        archive = self._pull.archive or "archive"
        try:
            await within(self._session.sftp.rename(path, join(archive, file.name)))
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            other = hashlib.sha256(repr((key, self._desk.clock().isoformat())).encode()).hexdigest()[:8]
            await within(self._session.sftp.rename(path, join(archive, f"{file.name}.{other}")))

    async def _prune(self, listing: Listing) -> None:
        listed = {self._key(file) for file in listing.files}
        for memory in (self._memory.failures, self._memory.cut, self._memory.stuck):
            for key in [key for key in memory if key not in listed]:
                del memory[key]
        work = partial(prune, self._desk.store, self._target.partner, listed, self._desk.clock())
        await asyncio.to_thread(work)

    def _key(self, file: RemoteFile) -> Key:
        return join(self._pull.directory, file.name).decode(), file.size, file.mtime

    def _failed(self, file: RemoteFile, key: Key, sentence: str) -> None:
        self._result.failed.append((file.name, sentence))
        times = self._memory.failures[key] = self._memory.failures.get(key, 0) + 1
        if times >= _FAILURES_BEFORE_ALERT:
            self._tell(file.name, sentence)

    def _tell(self, name: str, sentence: str) -> None:
        if (name, sentence) not in self._memory.told:
            if len(self._memory.told) >= 1000:
                self._memory.told.clear()
            self._memory.told.add((name, sentence))
            self._desk.on_problem(self._target.partner, name, sentence)


_EMPTY = ReceiveFailure(
    "malformed", "The file is empty.", "Ask the partner whether it was meant to hold something; if not, ignore it."
)
