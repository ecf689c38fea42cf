"""Bans of addresses that fail to log in: counted, growing, refused before any key exchange or hashing.

No clock in here: every question carries its instant. An IPv6 address counts as its /64, because its owner has all
of it. What is kept is bounded: the addresses that were heard of longest ago are forgotten first.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Lock

__all__ = ["Ban", "BanRules", "Bans", "address_key"]


@dataclass(frozen=True, slots=True)
class BanRules:
    """When an address is banned, and for how long."""

    #: Failed logins of one address within ``window`` seconds that lead to a ban.
    failures: int = 10
    window: float = 600.0
    #: Seconds of the first ban; each further one is ``growth`` times as long, up to ``longest``.
    first: float = 1800.0
    growth: float = 1.5
    longest: float = 7 * 24 * 3600.0
    #: Seconds without a failure after which an address starts afresh.
    forgive: float = 24 * 3600.0
    #: Addresses remembered.
    addresses: int = 10_000


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban that has just begun."""

    address: str
    #: Seconds.
    length: float
    #: 1 for the first ban of this address.
    number: int


@dataclass(slots=True)
class _Record:
    failed: deque[float] = field(default_factory=deque)
    until: float = 0.0
    bans: int = 0
    last: float = 0.0


def address_key(address: str) -> str:
    """What one peer is counted by: an IPv4 address, or the /64 of an IPv6 address.

    An IPv4 address inside an IPv6 one (``::ffff:192.0.2.1``) is the IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Bans:
    """Who failed how often, and who is refused until when. Thread-safe; instants are seconds of one clock."""

    def __init__(self, rules: BanRules | None = None) -> None:
        self.rules = rules or BanRules()
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = Lock()

    def banned(self, address: str, now: float) -> float:
        """Seconds for which this address is still refused, 0.0 when it is welcome."""
        with self._lock:
            record = self._records.get(address_key(address))
            return max(record.until - now, 0.0) if record else 0.0

    def failed(self, address: str, now: float, weight: int = 1) -> Ban | None:
        """Count a failed login; the ban when this one was too many. While a ban holds nothing is counted."""
        key = address_key(address)
        with self._lock:
            record = self._record(key, now)
            if record.until > now:
                return None
            record.last = now
            record.failed.extend([now] * weight)
            while record.failed and record.failed[0] <= now - self.rules.window:
                record.failed.popleft()
            if len(record.failed) < self.rules.failures:
                return None
            record.failed.clear()
            length = min(self.rules.first * self.rules.growth**record.bans, self.rules.longest)
            record.bans += 1
            record.until = now + length
            return Ban(key, length, record.bans)

    def succeeded(self, address: str, now: float) -> None:
        """A login worked: earlier failures of this address are forgotten, earlier bans are not."""
        with self._lock:
            record = self._records.get(address_key(address))
            if record is not None and record.until <= now:
                record.failed.clear()

    def lift(self, address: str) -> bool:
        """Forget everything about an address; True when something was known."""
        with self._lock:
            return self._records.pop(address_key(address), None) is not None

    def standing(self, now: float) -> list[tuple[str, float]]:
        """(address, seconds left) of every ban that holds, the longest first."""
        with self._lock:
            found = [(key, record.until - now) for key, record in self._records.items() if record.until > now]
        return sorted(found, key=lambda pair: -pair[1])

    def _record(self, key: str, now: float) -> _Record:
        record = self._records.get(key)
        if record is None or now - max(record.last, record.until) > self.rules.forgive:
            record = self._records[key] = _Record()
            while len(self._records) > self.rules.addresses:
                self._records.popitem(last=False)
        self._records.move_to_end(key)
        return record
