"""What can go wrong in the store, each with a sentence that says where, why and what to do."""

from __future__ import annotations

from datetime import datetime

__all__ = [
    "LedgerTamperedError",
    "PayloadCorruptError",
    "PayloadMissingError",
    "PayloadRemovedError",
    "SecretError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreDriverError",
    "StoreEncodingError",
    "StoreError",
    "StoreLockedError",
    "StoreMissingError",
    "StoreOutdatedError",
    "StoreReadOnlyError",
    "StoreUnreachableError",
]


class StoreError(Exception):
    """The base of every error of the store; its text is a plain sentence for people."""


class StoreBusyError(StoreError):
    """The writer's queue is full: nothing was stored, try again (a server answers 503)."""

    #: The HTTP status that says so.
    status = 503


class StoreUnreachableError(StoreBusyError):
    """The database server does not answer: what was not confirmed is not stored, try again (a server answers 503)."""


class StoreClosedError(StoreError):
    """The store was closed before or while the work was handed in: nothing was stored."""


class StoreLockedError(StoreError):
    """Another process writes to this database; only one may."""


class StoreMissingError(StoreError):
    """There is no database at the given place."""


class StoreDriverError(StoreError):
    """The database is of a kind that the gateway does not know, or its driver is not installed."""


class StoreEncodingError(StoreError):
    """The database cannot keep every character."""


class StoreOutdatedError(StoreError):
    """The tables of the database are older or newer than this version of the gateway."""


class StoreReadOnlyError(StoreError):
    """The store was opened for reading only."""


class PayloadMissingError(StoreError):
    """A payload, or the file that held it, is not there."""


class PayloadCorruptError(StoreError):
    """A payload's bytes no longer have the digest under which they were stored."""


class PayloadRemovedError(StoreError):
    """A payload's bytes were removed because their time was over; nothing is damaged, facts and digest stay."""

    #: What to do about it.
    fix = "If it is needed again, ask whoever sent it, the partner or our back office, to send it again."
    #: The HTTP status that says so: gone, and known to be.
    status = 410

    def __init__(self, removed_at: datetime, rule: str) -> None:
        super().__init__(f"The content was removed on {removed_at:%Y-%m-%d} by the rule {rule}.")
        #: When the bytes were removed.
        self.removed_at = removed_at
        #: The rule that asked for it, in words: "keep.raw_days = 90 of profile version 7 of harbor".
        self.rule = rule


class SecretError(StoreError):
    """A secret or the key that opens it is missing, wrong or unsafe."""


class LedgerTamperedError(StoreError):
    """The ledger's last event and its recorded head disagree, so no event can be appended."""
