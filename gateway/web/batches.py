"""One action on many messages: what was chosen waits here for its confirmation, then what became of each message.

A batch lives in the memory of this process for half an hour and belongs to the person who chose it.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["MOST_CHOSEN", "Batch", "Batches", "Outcome"]

#: Messages that one action may be applied to.
MOST_CHOSEN = 500
_KEPT = timedelta(minutes=30)
_MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message."""

    id: str
    name: str
    #: "good", "warn" (left alone) or "bad" (refused).
    tone: str
    sentence: str


@dataclass
class Batch:
    """Chosen messages and the action that is meant."""

    id: str
    owner: str
    action: str
    messages: tuple[str, ...]
    #: More fitted than may be chosen at a time.
    more: bool
    #: Number of the ledger's last event when they were chosen.
    seen: int
    made_at: datetime
    #: The list that they were chosen from.
    back: str
    outcomes: list[Outcome] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Batches:
    """The batches of a process; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Batch] = {}

    def add(
        self, owner: str, action: str, messages: list[str], *, more: bool, seen: int, now: datetime, back: str
    ) -> Batch:
        """Keep a choice until it is confirmed."""
        batch = Batch(secrets.token_urlsafe(12), owner, action, tuple(messages), more, seen, now, back)
        with self._lock:
            kept = [each for each in self._kept.values() if each.made_at > now - _KEPT][-_MOST_KEPT:]
            self._kept = {each.id: each for each in kept} | {batch.id: batch}
        return batch

    def find(self, identity: str, owner: str, now: datetime) -> Batch | None:
        """A person's batch that is not too old."""
        with self._lock:
            found = self._kept.get(identity)
        return found if found is not None and found.owner == owner and found.made_at > now - _KEPT else None
