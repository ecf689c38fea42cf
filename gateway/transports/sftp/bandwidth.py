"""How fast we may exchange with a partner's server: a token bucket that every piece is drawn from before it moves.

The bucket starts empty and holds a quarter of a second at most, so neither a pause nor a new connection saves
up for a burst. One that draws more than there is goes into debt and waits until it is repaid; others wait behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["Bandwidth", "Bandwidths"]

#: Seconds of the limit that one piece, and what the bucket can hold, are worth.
_SHARE = 0.25
#: Bytes of the smallest piece: below it a transfer would be all overhead.
_LEAST = 4096


class Bandwidth:
    """The bucket of one partner. Belongs to one event loop.

    ``bytes_per_second`` None = no limit. ``monotonic`` gives seconds, ``pause`` waits for some.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.bytes_per_second = bytes_per_second
        self._monotonic = monotonic
        self._pause = pause
        self._tokens = 0.0
        self._filled = monotonic()

    def piece(self, most: int) -> int:
        """Bytes to move at a time: ``most``, or fewer so that the line is used evenly."""
        if self.bytes_per_second is None:
            return most
        return min(most, max(int(self.bytes_per_second * _SHARE), _LEAST))

    async def draw(self, size: int) -> None:
        """Wait until ``size`` bytes may be moved."""
        rate = self.bytes_per_second
        if rate is None:
            return
        now = self._monotonic()
        self._tokens = min(self._tokens + (now - self._filled) * rate, rate * _SHARE) - size
        self._filled = now
        if self._tokens < 0:
            await self._pause(-self._tokens / rate)


class Bandwidths:
    """The bucket of each partner, kept from one file and one connection to the next."""

    def __init__(self, make: Callable[[int | None], Bandwidth] = Bandwidth) -> None:
        self._make = make
        self._of: dict[str, Bandwidth] = {}

    def of(self, partner: str, bytes_per_second: int | None) -> Bandwidth:
        """The partner's bucket; a changed limit begins a new one."""
        known = self._of.get(partner)
        if known is None or known.bytes_per_second != bytes_per_second:
            known = self._of[partner] = self._make(bytes_per_second)
        return known
