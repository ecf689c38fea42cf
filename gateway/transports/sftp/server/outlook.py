"""Reading ahead in an outbox: what a session's client is about to ask for, fetched before it asks.

Programs list a folder and then stat, open, read and close one file after the other. One look at the store answers
many of these requests: the entries of the whole folder, and the bytes of the next few small files. Offered files never
change, so what was read ahead is good until a file leaves the outbox; then it is read anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.transports.sftp.server.entries import Entry
from gateway.transports.sftp.server.mailbox import Mailbox
from gateway.transports.sftp.server.tree import OUTBOX

__all__ = ["Outlook"]

#: Entries of one look, files whose bytes are read ahead, and how many bytes these may have together.
_ENTRIES, _FILES, _BYTES = 2_000, 16, 512 * 1024


class Outlook:
    """What one session knows of its partner's outbox. ``look`` and ``fetch`` block, the rest is for the loop."""

    def __init__(self, mailbox: Mailbox, partner: str) -> None:
        self._mailbox = mailbox
        self._partner = partner
        self._departures = -1
        self._entries: dict[str, Entry] = {}
        self._bodies: dict[str, bytes] = {}

    @property
    def is_fresh(self) -> bool:
        """True while no file has left the outbox since the last look."""
        return self._departures == self._mailbox.departures[self._partner]

    def entry(self, name: str) -> Entry | None:
        """The file with this name when it was seen and is still there."""
        return self._entries.get(name) if self.is_fresh else None

    def take(self, name: str) -> tuple[Entry, bytes] | None:
        """The file with its bytes when they were read ahead; they are given once."""
        entry = self.entry(name)
        body = self._bodies.pop(name, None)
        return None if entry is None or body is None else (entry, body)

    def seen(self, departures: int, entries: Sequence[Entry]) -> None:
        """Take a listing over; ``departures`` as they were before it was read."""
        self._departures = departures
        self._entries = {entry.name: entry for entry in entries}
        self._bodies.clear()

    def look(self) -> None:
        """Read the entries of the outbox, if something left it since the last look."""
        if self.is_fresh:
            return
        departures = self._mailbox.departures[self._partner]
        self.seen(departures, self._mailbox.listing(self._partner, OUTBOX, _ENTRIES))

    def fetch(self, name: str) -> tuple[Entry, bytes | int] | None:
        """The file, as ``Mailbox.opened`` gives it; the bytes of small files that follow it are kept for ``take``."""
        found = self._mailbox.opened(self._partner, OUTBOX, name)
        if found is None or self.entry(name) is None:
            return found
        self._bodies = self._mailbox.bodies(self._following(name))
        return found

    def _following(self, name: str) -> list[Entry]:
        """The next files in the order of their names, as many as may be read ahead."""
        chosen: list[Entry] = []
        room = _BYTES
        names = iter(self._entries)  # a listing is sorted
        for known in names:
            if known == name:
                break
        for known in names:
            entry = self._entries[known]
            room -= entry.size
            if room < 0 or len(chosen) == _FILES:
                break
            chosen.append(entry)
        return chosen
