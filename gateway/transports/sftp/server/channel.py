"""The channel of one SFTP session: its bytes become requests, its answers bytes, in the order of the requests.

asyncssh hands in what it has decrypted, and everything that needs no waiting is answered in that same call: all answers
of one piece go out together. A request that waits for a commit is gone on with when that is there; one that has to wait
for anything else (the disk, the partner's bandwidth, a client that does not read) goes on in a task. Those behind it
wait in the buffer, and no more is taken from the channel while that is full.

A client's CLOSE is a request like any other; the end of the channel is none. Whatever is open then is cut.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import asyncssh
from asyncssh.constants import FXP_INIT

from gateway.transports.sftp.server import wire
from gateway.transports.sftp.server.eager import Commit, begin, rest
from gateway.transports.sftp.server.lean import lean_channel
from gateway.transports.sftp.server.requests import EXTENSIONS, answer, refused
from gateway.transports.sftp.server.session import MailboxSession
from gateway.transports.sftp.server.wire import Fields, PacketStream, WireError

__all__ = ["MailboxChannel"]

logger = logging.getLogger(__name__)

#: Bytes of requests that wait before no more are taken from the channel.
_WAITING = 512 * 1024
#: Bytes of answers that are sent together.
_TOGETHER = 64 * 1024
#: Requests that are answered before the other sessions get their turn.
_IN_A_ROW = 64
#: Exit status after a session, and after one that did not speak the protocol.
_WELL, _BROKEN = 0, 1


class MailboxChannel(asyncssh.SSHServerSession[bytes]):
    """What asyncssh tells of one channel.

    ``open_session`` makes its session once the subsystem is asked for; ``closed`` is called when the channel is gone.
    """

    def __init__(self, open_session: Callable[[Any], MailboxSession], closed: Callable[[], None]) -> None:
        self._open_session = open_session
        self._closed = closed
        self._channel: Any = None
        self._write: Callable[[bytes], None]
        self._session: MailboxSession | None = None
        self._incoming = PacketStream()
        self._answers: list[bytes] = []
        self._together = 0
        self._greeted = False
        self._paused = False
        #: A request that waits, or the end.
        self._task: asyncio.Task[None] | None = None
        #: A request that waits for a commit: its kind, its number and its coroutine.
        self._parked: tuple[int, int, Coroutine[Any, Any, bytes]] | None = None
        #: The client sends no more, or the channel is gone.
        self._last = False
        self._status = _WELL

    # -- what asyncssh tells -----------------------------------------------------------------------------------

    def connection_made(self, chan: Any) -> None:
        """The channel is open."""
        self._channel = chan
        self._write = lean_channel(chan)

    def subsystem_requested(self, subsystem: str) -> bool:
        """SFTP is all there is: no shell, no command, no terminal."""
        return subsystem == "sftp"

    def session_started(self) -> None:
        """The subsystem was asked for and granted."""
        self._session = self._open_session(self._channel)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """The next bytes of the client."""
        self._incoming.feed(data)
        if self._task is None and self._parked is None:
            self._work()
        elif not self._paused and self._incoming.size > _WAITING:
            self._paused = True
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; what it sent is answered first."""
        self._finish()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone; what it sent and we have not begun is not carried out."""
        self._finish()
        self._closed()

    def _finish(self) -> None:
        self._last = True
        if self._task is None and self._parked is None:
            self._work()

    # -- requests ----------------------------------------------------------------------------------------------

    def _work(self, waiting: Awaitable[None] | None = None) -> None:
        """Answer what can be answered at once; leave the rest to a task. ``waiting``: what has to be done before."""
        session = self._session
        if session is None:
            return
        if waiting is None and self._parked is None:
            waiting = self._answer_all(session)
        self._send()
        if waiting is not None or (self._paused and self._parked is None):
            self._task = asyncio.get_running_loop().create_task(self._go_on(session, waiting))

    def _go_on_parked(self) -> None:
        """The commit is there that a request waits for, or has failed."""
        session, parked, self._parked = self._session, self._parked, None
        if session is not None and parked is not None:
            self._work(self._step(session, *parked))

    async def _go_on(self, session: MailboxSession, waiting: Awaitable[None] | None) -> None:
        """Wait for a request and answer what came meanwhile, until nothing waits."""
        try:
            while waiting is not None or self._paused:
                if waiting is not None:
                    await waiting
                else:
                    self._paused = False
                    self._channel.resume_reading()  # hands in what the channel kept: this task answers that too
                waiting = self._answer_all(session)
                self._send()
        finally:
            self._task = None

    def _answer_all(self, session: MailboxSession) -> Awaitable[None] | None:
        """Answer requests until there are no more, or until one has to wait: then what is left to do for it."""
        try:
            for _ in range(_IN_A_ROW):
                packet = None if session.over else self._incoming.next()
                if packet is None:
                    return self._end(session) if self._last and not session.channel_ended else None
                waiting = self._answer(session, packet)
                if waiting is not None or self._parked is not None:
                    return waiting
        except WireError as error:
            logger.info("%s does not speak SFTP: %s", session.account.partner, error)
            self._status = _BROKEN
            return self._end(session)
        return asyncio.sleep(0)  # others get their turn

    def _answer(self, session: MailboxSession, packet: bytes) -> Awaitable[None] | None:
        """Answer one request; what is left to do when it has to wait. Raises WireError when it is none at all."""
        session.door.saw(session.connection)
        if not self._greeted:
            self._greet(packet)
            return None
        if len(packet) < 5:
            raise WireError("A request is shorter than its own number.")
        kind, number = packet[0], int.from_bytes(packet[1:5], "big")
        try:
            work = answer(session, kind, number, Fields(packet, 5))
        except Exception as error:  # noqa: BLE001 - told to the client, and logged when it is our fault
            self._add(refused(number, kind, error))
            return None
        if session.unread:
            return self._later(session, kind, number, work, until_read=True)
        return self._step(session, kind, number, work)

    def _step(
        self, session: MailboxSession, kind: int, number: int, work: Coroutine[Any, Any, bytes]
    ) -> Awaitable[None] | None:
        """Go on with a request up to where it waits: parked for a commit, else what is left to do for it."""
        try:
            awaited = begin(work)
        except StopIteration as done:
            self._add(done.value)
            return None
        except Exception as error:  # noqa: BLE001 - told to the client, and logged when it is our fault
            self._add(refused(number, kind, error))
            return None
        if isinstance(awaited, Commit):
            self._parked = (kind, number, work)
            awaited.tell(asyncio.get_running_loop(), self._go_on_parked)
            return None
        return self._later(session, kind, number, rest(work, awaited))

    async def _later(
        self, session: MailboxSession, kind: int, number: int, work: Any, *, until_read: bool = False
    ) -> None:
        """Answer a request that has to wait."""
        if until_read:
            self._send()
            if not await session.until_read():
                work.close()
                return
        try:
            self._add(await work)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged when it is our fault
            self._add(refused(number, kind, error))

    def _greet(self, packet: bytes) -> None:
        """The first packet is SSH_FXP_INIT, whatever version it names: we speak the third."""
        if not packet or packet[0] != FXP_INIT:
            raise WireError("The first packet is not SSH_FXP_INIT.")
        Fields(packet, 1).uint32()
        self._greeted = True
        self._add(wire.version(EXTENSIONS))

    # -- answers -----------------------------------------------------------------------------------------------

    def _add(self, some: bytes) -> None:
        self._answers.append(some)
        self._together += len(some)
        if self._together > _TOGETHER:
            self._send()

    def _send(self) -> None:
        """Send what was answered; nothing when nobody is there to read it."""
        if self._answers and not self._channel.is_closing():
            self._write(self._answers[0] if len(self._answers) == 1 else b"".join(self._answers))
        self._answers.clear()
        self._together = 0

    async def _end(self, session: MailboxSession) -> None:
        """The session ends: an exit status, without which ``scp`` reports a failure although all went well."""
        self._send()
        await session.end()
        if not self._channel.is_closing():
            self._channel.exit(self._status)
