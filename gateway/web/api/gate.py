"""Slowing programs down: requests of one token in a minute, and wrong tokens from one address. Bounded memory.

A token that worked a short while ago is still let in while others guess from the same address.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from datetime import datetime, timedelta

__all__ = ["TRIES", "WINDOW", "Gate"]

#: Wrong tokens from one address within the window, after which it waits.
TRIES, WINDOW = 20, timedelta(minutes=15)
#: Addresses and tokens that are remembered; the one seen longest ago is forgotten first.
_MOST = 10_000


class Gate:
    """Counts in memory, of one process; thread-safe."""

    def __init__(self, per_minute: int, *, most: int = _MOST) -> None:
        """``per_minute``: requests that one token may make, evenly; bursts up to the same number."""
        self._per_second, self._burst = per_minute / 60, float(per_minute)
        self._most = most
        self._lock = threading.Lock()
        #: Address → instants of wrong tokens.
        self._wrong: OrderedDict[str, list[datetime]] = OrderedDict()
        #: Token's digest → (requests that are left, at what instant).
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def locked(self, address: str, now: datetime) -> int:
        """Seconds that this address has to wait; 0 = it may try."""
        with self._lock:
            tries = [at for at in self._wrong.get(address, ()) if at > now - WINDOW]
            if len(tries) < TRIES:
                return 0
            return max(1, math.ceil((tries[-TRIES] + WINDOW - now).total_seconds()))

    def wrong(self, address: str, now: datetime) -> bool:
        """Count a wrong token; True when the address has to wait from now on."""
        with self._lock:
            tries = [at for at in self._wrong.pop(address, ()) if at > now - WINDOW][-TRIES:]
            self._wrong[address] = [*tries, now]
            self._trim(self._wrong)
            return len(tries) + 1 == TRIES

    def known(self, digest: str, now: datetime) -> bool:
        """Whether this token was good within the window."""
        with self._lock:
            found = self._left.get(digest)
            return found is not None and now - found[1] < WINDOW

    def take(self, digest: str, now: datetime) -> int:
        """Count a request of a good token: seconds to wait, 0 = it is let through."""
        with self._lock:
            left, at = self._left.pop(digest, (self._burst, now))
            left = min(self._burst, left + max(0.0, (now - at).total_seconds()) * self._per_second)
            wait = 0 if left >= 1 else max(1, math.ceil((1 - left) / self._per_second))
            self._left[digest] = (left if wait else left - 1, now)
            self._trim(self._left)
            return wait

    def _trim(
        self,
        kept: OrderedDict[str, object] | OrderedDict[str, list[datetime]] | OrderedDict[str, tuple[float, datetime]],
    ) -> None:
        while len(kept) > self._most:
            kept.popitem(last=False)
