"""What one server, one address and one partner may use at a time, as numbers and as counters."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from gateway.transports.sftp.server.bans import address_key

__all__ = ["ConnectionCounts", "HourlyCount", "MemoryBudget", "SftpLimits"]


@dataclass(frozen=True, slots=True)
class SftpLimits:
    """Limits of the whole server; those of one partner are in its account."""

    #: Connections at a time: all, of one address, and all that have not logged in.
    connections: int = 512
    connections_per_address: int = 20
    unauthenticated: int = 64
    #: New connections of one address in a minute.
    connections_per_minute: int = 120
    #: Sessions (channels) of one connection.
    channels: int = 4
    #: Refused keys and passwords of one connection before it is closed.
    login_attempts: int = 6
    #: Seconds: from connection to login, without any request, and of a whole session.
    login_seconds: float = 30.0
    idle_seconds: float = 600.0
    session_seconds: float = 12 * 3600.0
    #: Seconds before the answer to a wrong password or key.
    failure_delay: float = 1.0
    #: Seconds between two signs of life asked of a silent client, and how many may be missed.
    keepalive_seconds: float = 30.0
    keepalive_missed: int = 3
    #: Bytes of uploads held in memory, all together; above it they go to the staging folder.
    memory_bytes: int = 64 * 1024 * 1024
    #: Bytes of one upload held in memory.
    memory_per_file: int = 256 * 1024
    #: Bytes of answers that wait for one client to read them before we read its next request.
    unread_bytes: int = 1024 * 1024
    #: Seconds that a client may leave answers unread.
    unread_seconds: float = 60.0
    #: Bytes that must stay free on the disk; below it no upload is opened.
    min_free_bytes: int = 256 * 1024 * 1024
    #: Threads for the store; several closes then share one commit.
    threads: int = 16
    #: Entries of one listing.
    listing: int = 10_000
    #: Seconds that open uploads get to finish when the server stops.
    drain_seconds: float = 10.0


class MemoryBudget:
    """Bytes that are left for uploads in memory; used from the loop's thread only."""

    __slots__ = ("left",)

    def __init__(self, total: int) -> None:
        self.left = total

    def take(self, size: int) -> bool:
        """Reserve bytes; False when there are not that many."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        self.left += size


class HourlyCount:
    """How many things happened in the last hour, for a limit."""

    __slots__ = ("_at", "_seconds")

    def __init__(self, seconds: float = 3600.0) -> None:
        self._at: deque[float] = deque()
        self._seconds = seconds

    def allow(self, now: float, limit: int | None) -> bool:
        """Count one more and say True; False, uncounted, when the limit is reached. None = no limit."""
        if limit is None:
            return True
        while self._at and self._at[0] <= now - self._seconds:
            self._at.popleft()
        if len(self._at) >= limit:
            return False
        self._at.append(now)
        return True


class ConnectionCounts:
    """Connections as they are now; used from the loop's thread only."""

    def __init__(self, limits: SftpLimits) -> None:
        self._limits = limits
        self.total = 0
        self.unauthenticated = 0
        self._of_address: Counter[str] = Counter()
        self._of_partner: Counter[str] = Counter()
        self._rates: dict[str, HourlyCount] = {}

    def refusal(self, address: str, now: float) -> str:
        """Why one more connection of this address is not taken, "" when it may come; counts its rate."""
        limits, key = self._limits, address_key(address)
        if self.total >= limits.connections:
            return "too many connections"
        if self.unauthenticated >= limits.unauthenticated:
            return "too many connections that have not logged in"
        if self._of_address[key] >= limits.connections_per_address:
            return "too many connections of this address"
        if len(self._rates) > limits.connections * 8:
            self._rates.clear()
        if not self._rates.setdefault(key, HourlyCount(60.0)).allow(now, limits.connections_per_minute):
            return "too many connections of this address in a minute"
        return ""

    def opened(self, address: str) -> None:
        """A connection was taken."""
        self.total += 1
        self.unauthenticated += 1
        self._of_address[address_key(address)] += 1

    def closed(self, address: str, partner: str | None) -> None:
        """It ended; ``partner`` when it had logged in."""
        self.total -= 1
        self._drop(self._of_address, address_key(address))
        if partner is None:
            self.unauthenticated -= 1
        else:
            self._drop(self._of_partner, partner)

    def logged_in(self, partner: str, limit: int) -> bool:
        """A connection became a partner's; False, uncounted, when the partner has too many."""
        if self._of_partner[partner] >= limit:
            return False
        self.unauthenticated -= 1
        self._of_partner[partner] += 1
        return True

    @staticmethod
    def _drop(counter: Counter[str], key: str) -> None:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]
