"""Removing the bytes of payloads: the row stays with its size and digest, and says when and by which rule they went.

``remove`` empties small bodies within the caller's transaction and takes the names of large files out of their rows;
``delete_files`` deletes those files after the commit. A crash between leaves files that no row names, which
``payloads.collect_orphans`` finds later: there is never a row without its file that does not say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.store.blobs import files_may_go
from gateway.store.engine import Store
from gateway.store.faults import fault_point
from gateway.store.payloads import Payload, remove_unused

__all__ = ["MARGIN", "Kept", "delete_files", "lock", "remove"]

#: Seconds that the clock of the file system may be behind ours.
MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A payload whose bytes are there."""

    sha256: str
    #: Bytes.
    size: int
    #: Of a large one, relative to the store's folder of large payloads.
    path: str | None
    created_at: datetime


def lock(session: Session, digests: Sequence[str]) -> list[Kept]:
    """Those of the payloads whose bytes are there; nobody takes them into use again until the transaction ends.

    Ask who uses them after this, not before.
    """
    columns = (Payload.sha256, Payload.size, Payload.path, Payload.created_at)
    query = select(*columns).where(Payload.sha256.in_(digests), Payload.removed_at.is_(None))
    rows = session.execute(query.order_by(Payload.sha256).with_for_update()).all()
    return [Kept(row.sha256, row.size, row.path, row.created_at) for row in rows]


def remove(session: Session, digest: str, *, at: datetime, rule: str) -> None:
    """Take the bytes of a locked payload away; the caller notes it in the ledger within the same transaction."""
    gone = {"body": b"", "path": None, "removed_at": at, "removed_rule": rule}
    session.execute(update(Payload).where(Payload.sha256 == digest).values(**gone))


def delete_files(store: Store, paths: Sequence[str], *, since: float) -> int:
    """Delete the files of removed payloads; how many went. Call it after the commit.

    ``since`` is when the removal began, in seconds since the epoch: a file that was written again since then is on its
    way to a new row. While a backup copies files they all stay, for ``payloads.collect_orphans`` to find.
    """
    fault_point("retention.before_files")
    with files_may_go(store.blobs) as they_may:
        if not they_may:
            return 0
        unused = (partial(remove_unused, path=store.blobs / path, limit=since - MARGIN) for path in paths)
        return sum(store.writer.run(work) for work in unused)
