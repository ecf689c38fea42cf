"""The poller: looks at every partner's server on its schedule, a few at a time, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import asyncssh

from gateway.messages.ports import InboundPort
from gateway.store.engine import Store
from gateway.transports.sftp.bandwidth import Bandwidths
from gateway.transports.sftp.client.connection import Timeouts, open_session
from gateway.transports.sftp.client.errors import ConnectError, LostError, in_words
from gateway.transports.sftp.client.fetching import Desk, Memory, PollResult, look
from gateway.transports.sftp.client.gates import Gates
from gateway.transports.sftp.client.listing import in_pause
from gateway.transports.sftp.client.loop import LoopThread
from gateway.transports.sftp.client.target import Pull, SftpTarget, SftpTargets

__all__ = ["PollResult", "SftpPoller"]

_log = logging.getLogger(__name__)
#: Up to this part of the interval is added by chance, so that partners are not all looked at together.
_JITTER = 0.1


@dataclass(slots=True)
class _Partner:
    """What the poller remembers of one partner under one version of its profile."""

    version: int
    memory: Memory = field(default_factory=Memory)
    #: When the next look is due; seconds, monotonic.
    due: float = 0.0
    #: Held during a look: never two at once.
    looking: threading.Lock = field(default_factory=threading.Lock)


class SftpPoller:
    """Fetches from all partners' servers. ``start``, ``stop``, ``wake`` and ``poll_once`` from any thread.

    ``clock`` gives aware instants. ``on_problem`` gets (partner, subject, sentence) of what staff should see, each
    once; a wrong host key goes to the callback of ``gates``. ``at_once`` is the most partners looked at together.
    """

    def __init__(
        self,
        targets: SftpTargets,
        inbound: InboundPort,
        store: Store,
        *,
        clock: Callable[[], datetime],
        gates: Gates | None = None,
        on_problem: Callable[[str, str, str], None] | None = None,
        at_once: int = 4,
        tick_seconds: float = 1.0,
        timeouts: Timeouts | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        bandwidths: Bandwidths | None = None,
    ) -> None:
        self._targets = targets
        self._clock = clock
        self._monotonic = monotonic
        self._chance = chance
        self._on_problem = on_problem or _no_problem
        self._gates = gates or Gates(clock=clock, on_problem=on_problem)
        self._inbound, self._store = inbound, store
        self._at_once, self._tick = at_once, tick_seconds
        self._timeouts = timeouts
        self._bandwidths = bandwidths or Bandwidths()
        self._partners: dict[str, _Partner] = {}
        self._lock = threading.Lock()
        self._thread = LoopThread("sftp-poller")
        self._stopping: asyncio.Event | None = None
        self._look_now: asyncio.Event | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to look; returns at once."""
        self._ended.clear()
        self._thread.call(self._prepare())
        self._thread.submit(self._run())

    def wake(self, partner: str | None = None) -> None:
        """Look at one partner, or at all, now rather than when it is due."""
        with self._lock:
            for code, state in self._partners.items():
                if partner in (None, code):
                    state.due = 0.0
        if self._look_now is not None:
            self._thread.call(_set(self._look_now))

    def stop(self, timeout: float = 30.0) -> None:
        """Finish the files in hand, then end; what takes longer than ``timeout`` seconds is cut off."""
        if self._stopping is not None:
            self._thread.call(_set(self._stopping))
            self._ended.wait(timeout)
        self._thread.stop()
        self._stopping = self._look_now = None

    def poll_once(self, partner: str) -> PollResult:
        """One look at one partner now, whatever its schedule says, and what it did.

        Raises LookupError with a sentence when the partner has no server.
        """
        target = self._targets.for_partner(partner)
        return self._thread.call(self._poll(target))

    # -- in the loop -----------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        self._stopping, self._look_now = asyncio.Event(), asyncio.Event()

    async def _run(self) -> None:
        stopping, look_now = self._stopping, self._look_now
        if stopping is None or look_now is None:
            return
        room = asyncio.Semaphore(self._at_once)
        running: set[asyncio.Task[None]] = set()
        try:
            while not stopping.is_set():
                look_now.clear()
                for target in await self._due():
                    task = asyncio.create_task(self._scheduled(target, room))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await _first_of(stopping, look_now, seconds=self._tick)
            if running:
                await asyncio.wait(running)
        finally:
            self._ended.set()

    async def _due(self) -> list[SftpTarget]:
        """The targets whose time has come; each gets its next time at once."""
        try:
            targets = await asyncio.to_thread(self._targets.polled)
        except Exception:  # noqa: BLE001  the poller outlives any failure of the store, which is logged
            _log.exception("The list of SFTP partners could not be read; it is tried again")
            return []
        now, due = self._monotonic(), []
        for target in targets:
            state = self._state(target)
            if target.pull is None or now < state.due or in_pause(target.pull, self._clock()):
                continue
            if state.looking.locked():
                continue  # it stays due: whoever woke us wants a look that begins later
            state.due = now + target.pull.poll_seconds * (1 + _JITTER * self._chance())
            due.append(target)
        return due

    def _state(self, target: SftpTarget) -> _Partner:
        with self._lock:
            state = self._partners.get(target.partner)
            if state is None or state.version != target.version:
                state = self._partners[target.partner] = _Partner(target.version)
            return state

    async def _scheduled(self, target: SftpTarget, room: asyncio.Semaphore) -> None:
        async with room:
            if self._stopping is None or self._stopping.is_set():
                return
            result = await self._poll(target)
        if result.fetched or result.failed:
            _log.info("%s: %d fetched, %d failed", target.partner, len(result.fetched), len(result.failed))

    async def _poll(self, target: SftpTarget) -> PollResult:
        """One look, with every failure as part of the result."""
        state = self._state(target)
        pull = target.pull
        if pull is None:
            return PollResult(stopped=f"The profile of {target.partner} says that no files are fetched.")
        closed = self._gates.why_closed(target, "fetch")
        if closed:
            return PollResult(stopped=closed)
        if not state.looking.acquire(blocking=False):
            return PollResult(stopped=f"A look at {target.place} is under way already.")
        try:
            result = await self._look(target, pull, state.memory)
        except ConnectError as error:
            return self._not_reached(target, error)
        except (LostError, asyncssh.Error, TimeoutError, OSError) as error:
            words = str(error) if isinstance(error, LostError) else in_words(error)
            directory = pull.directory or "the first directory"
            sentence = f"Looking into {directory} at {target.place} ended early: {words}."
            return self._not_reached(target, ConnectError(sentence, step="sftp"))
        except Exception:  # noqa: BLE001  one partner's fault never ends the poller; logged
            _log.exception("Looking at %s failed", target.partner)
            return PollResult(stopped=f"Looking at {target.place} failed; the log of the gateway says why.")
        finally:
            state.looking.release()
        self._gates.succeeded(target, "fetch")
        return result

    async def _look(self, target: SftpTarget, pull: Pull, memory: Memory) -> PollResult:
        try:
            credentials = await asyncio.to_thread(self._targets.credentials, target)
        except ValueError as error:
            raise ConnectError(str(error), step="login") from error
        desk = Desk(
            self._inbound,
            self._store,
            self._clock,
            self._monotonic,
            self._on_problem,
            self._stopping or asyncio.Event(),
            self._bandwidths.of(target.partner, target.bandwidth_bytes_per_second),
        )
        async with open_session(target, credentials, self._clock().date(), self._timeouts) as session:
            return await look(target, pull, session, memory, desk)

    def _not_reached(self, target: SftpTarget, error: ConnectError) -> PollResult:
        _log.warning("%s: %s", target.partner, error)
        self._gates.failed(target, "fetch", error)
        return PollResult(stopped=str(error))


async def _set(event: asyncio.Event) -> None:
    event.set()


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of the events is set, at most so long."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _no_problem(partner: str, subject: str, sentence: str) -> None:
    _log.warning("%s, %s: %s", partner, subject, sentence)
