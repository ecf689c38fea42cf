"""Deliver over SFTP: the name fixed once, the file put so that a repeated attempt never doubles it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import datetime

import asyncssh

from gateway.messages.ports import Delivery, DeliveryOutcome, Outcome, PreparedWire
from gateway.transports.filenames import file_name
from gateway.transports.sftp.bandwidth import Bandwidths
from gateway.transports.sftp.client.connection import Session, Timeouts, connect
from gateway.transports.sftp.client.errors import ConnectError
from gateway.transports.sftp.client.gates import Gates
from gateway.transports.sftp.client.loop import LoopThread
from gateway.transports.sftp.client.sending import put_file
from gateway.transports.sftp.client.target import SftpTarget, SftpTargets

__all__ = ["NAME_HEADER", "SftpDelivery"]

#: The header of the prepared wire that holds the file's final name.
NAME_HEADER = "File-Name"
#: Seconds that a connection stays open for the partner's next file.
_IDLE_SECONDS = 15.0


@dataclass(slots=True)
class _Kept:
    """A connection that waits for the next file of the same partner."""

    target: SftpTarget
    session: Session
    timer: asyncio.TimerHandle | None = None


class SftpDelivery:
    """Implements ``DeliveryPort`` for partners with their own server. Thread-safe; ``close`` when done.

    ``clock`` gives aware instants; ``gates`` are shared with the poller, so that a wrong host key closes both ways.
    """

    def __init__(
        self,
        targets: SftpTargets,
        *,
        clock: Callable[[], datetime],
        gates: Gates | None = None,
        timeouts: Timeouts | None = None,
        idle_seconds: float = _IDLE_SECONDS,
        bandwidths: Bandwidths | None = None,
    ) -> None:
        self._targets = targets
        self._clock = clock
        self._gates = gates or Gates(clock=clock)
        self._timeouts = timeouts
        self._idle_seconds = idle_seconds
        self._bandwidths = bandwidths or Bandwidths()
        self._thread = LoopThread("sftp-delivery")
        self._kept: dict[str, _Kept] = {}

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """The payload under its final name; a retry uses the same one.

        Raises LookupError when the partner has no server, ValueError when its profile is incomplete.
        """
        target = self._targets.for_partner(delivery.partner)
        name = file_name(target.push.file_name, delivery)
        return PreparedWire(((NAME_HEADER, name),), delivery.payload, delivery.transport_id)

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Make one attempt. Never raises for what the server or the network does.

        CONFIRMED: the file stands under its final name with our size. RETRY: not there, not known, or the server is
        left alone for a while. FAILED: rights or directories must be mended first.
        """
        try:
            target = self._targets.for_partner(delivery.partner)
        except (LookupError, ValueError) as error:
            return DeliveryOutcome(Outcome.FAILED, str(error.args[0] if error.args else error))
        closed = self._gates.why_closed(target, "send")
        if closed:
            return DeliveryOutcome(Outcome.RETRY, closed)
        name = dict(wire.headers).get(NAME_HEADER) or file_name(target.push.file_name, delivery)
        try:
            outcome = self._thread.call(self._send(target, name, wire.body))
        except ConnectError as error:
            self._gates.failed(target, "send", error)
            return DeliveryOutcome(Outcome.RETRY, str(error))
        except CancelledError:
            return DeliveryOutcome(
                Outcome.RETRY, f"The gateway stopped while {name} was put; it is looked up next time."
            )
        self._gates.succeeded(target, "send")
        return outcome

    def close(self) -> None:
        """Close the connections that are kept, and the thread."""
        self._thread.call(self._forget_all())
        self._thread.stop()

    # -- in the loop -----------------------------------------------------------------------------------------------

    async def _send(self, target: SftpTarget, name: str, body: bytes) -> DeliveryOutcome:
        """Put the file over the kept connection, once more over a fresh one when that had died."""
        kept = self._take(target)
        if kept is not None:
            try:
                return await self._put(target, kept, name, body)
            except (asyncssh.Error, OSError):
                await kept.session.close()
        try:
            credentials = await asyncio.to_thread(self._targets.credentials, target)
        except ValueError as error:
            raise ConnectError(str(error), step="login") from error
        session = await connect(target, credentials, self._clock().date(), self._timeouts)
        fresh = _Kept(target, session)
        try:
            return await self._put(target, fresh, name, body)
        except (asyncssh.Error, OSError) as error:
            await session.close()
            raise ConnectError(
                f"The connection to {target.place} ended while {name} was put; whether it is there is looked up "
                "before it is sent again.",
                step="sftp",
            ) from error

    async def _put(self, target: SftpTarget, kept: _Kept, name: str, body: bytes) -> DeliveryOutcome:
        bandwidth = self._bandwidths.of(target.partner, target.bandwidth_bytes_per_second)
        outcome = await put_file(kept.session.sftp, target.push, name, body, target.place, bandwidth)
        self._keep(kept)
        return outcome

    def _take(self, target: SftpTarget) -> _Kept | None:
        """The connection that waits for this partner; one made for another version of the profile is closed."""
        kept = self._kept.pop(target.partner, None)
        if kept is None:
            return None
        if kept.timer is not None:
            kept.timer.cancel()
        if kept.target != target:
            self._end(kept)
            return None
        return kept

    def _keep(self, kept: _Kept) -> None:
        loop = asyncio.get_running_loop()
        before = self._kept.pop(kept.target.partner, None)
        if before is not None:
            self._end(before)
        self._kept[kept.target.partner] = kept
        kept.timer = loop.call_later(self._idle_seconds, self._expire, kept)

    def _expire(self, kept: _Kept) -> None:
        if self._kept.get(kept.target.partner) is kept:
            del self._kept[kept.target.partner]
            self._end(kept)

    @staticmethod
    def _end(kept: _Kept) -> None:
        """Close without waiting for the server's answer."""
        if kept.timer is not None:
            kept.timer.cancel()
        kept.session.sftp.exit()
        kept.session.connection.close()

    async def _forget_all(self) -> None:
        waiting, self._kept = list(self._kept.values()), {}
        for kept in waiting:
            if kept.timer is not None:
                kept.timer.cancel()
            await kept.session.close()
