"""Writing an SQLite database anew: it takes no more room than what it holds, and nothing removed is left in it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.store.engine import open_store
from gateway.store.errors import StoreError, StoreMissingError

__all__ = ["shrink"]


def shrink(database: Path) -> tuple[int, int]:
    """Write the file anew; its bytes before and after. When it is killed the file stands as it was.

    Raises StoreLockedError while another process writes to it, StoreMissingError without one, and StoreError when the
    disk has no room for the second copy.
    """
    if not database.exists():
        raise StoreMissingError(f"There is no database at {database}. Run `gateway init` there first.")
    with open_store(database):  # its lock keeps every other writing process out
        before = _size(database)
        free = shutil.disk_usage(database.parent).free
        if free < 2 * before:  # the new copy, and the same once more in the log until it is taken over
            raise StoreError(
                f"{database} has {before:,} bytes and is written anew beside the old one: {2 * before:,} bytes must be "
                f"free, {free:,} are. Nothing was changed."
            )
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=10000")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, _size(database)


def _size(database: Path) -> int:
    """Bytes of the file and of its log."""
    log = database.with_name(database.name + "-wal")
    return database.stat().st_size + (log.stat().st_size if log.exists() else 0)
