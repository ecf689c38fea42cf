"""What a mailbox is made of, as values: its files, what staff hear of, and who hears of a collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from sqlalchemy.orm import Session

__all__ = ["Alert", "AlertPort", "CollectedPort", "Entry", "FileState"]


class FileState(Enum):
    """Where a file of a mailbox stands."""

    #: In: being written now; never processed.
    OPEN = "open"
    #: In: closed, and waits for its rename, its marker or its quiet time.
    HELD = "held"
    #: In: stored as a transmission; what is left is the partner's view of it.
    RECEIVED = "received"
    #: In: the connection ended while it was written; kept a day so that the partner can go on.
    ABORTED = "aborted"
    #: Out: waits for the partner.
    AVAILABLE = "available"
    #: Out: the partner has read every byte and closed it.
    COLLECTED = "collected"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it is stored; the fields of ``MailboxFile``."""

    id: str
    partner: str
    folder: str
    name: str
    state: FileState
    size: int
    created_at: datetime
    changed_at: datetime
    sha256: str | None = None
    payload_sha256: str | None = None
    transmission_id: str | None = None
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """Something staff should hear of."""

    #: "uncollected", "expired", "deleted-unread", "banned", "resend".
    kind: str
    partner: str | None
    #: One plain sentence with what to do.
    sentence: str
    transmission_id: str | None = None


#: Where alerts go. Called from threads and from the loop; must be quick and never raise.
AlertPort = Callable[[Alert], None]


class CollectedPort(Protocol):
    """Who is told that a partner has fetched a transmission from its mailbox."""

    def collected(self, session: Session, partner: str, transmission_id: str, reason: str, now: datetime) -> None:
        """Record it, in the transaction that records the collection itself.

        Runs as a piece of work of the writer (may run twice before it is committed). A transmission that is
        unknown or no longer waits is left alone: this never raises for the state of a message.
        """
        ...
