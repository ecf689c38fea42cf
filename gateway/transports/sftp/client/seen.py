"""The ledger of files that were fetched and stay on the partner's server: what is listed again is not taken again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.store.engine import Store
from gateway.transports.sftp.models import SftpSeen

__all__ = ["Key", "known_files", "note_file", "prune"]

#: Path, size and time of change, as the partner's server lists them.
Key = tuple[str, int, int]
#: How long the entry of a file that is no longer listed is kept.
KEPT = timedelta(days=30)


def known_files(store: Store, partner: str) -> dict[Key, str]:
    """Every file of the partner that was fetched, with the SHA-256 (hex) of its bytes."""
    with store.read() as session:
        rows = session.execute(
            select(SftpSeen.path, SftpSeen.size, SftpSeen.mtime, SftpSeen.sha256).where(SftpSeen.partner == partner)
        )
        return {(row.path, row.size, row.mtime): row.sha256 for row in rows}


def note_file(store: Store, partner: str, key: Key, *, sha256: str, transmission_id: str, now: datetime) -> None:
    """Remember a fetched file, durably; noting it again renews the entry."""
    path, size, mtime = key

    def work(session: Session) -> None:
        session.merge(
            SftpSeen(
                partner=partner,
                path=path,
                size=size,
                mtime=mtime,
                sha256=sha256,
                transmission_id=transmission_id,
                fetched_at=now,
            )
        )

    store.writer.run(work)


def prune(store: Store, partner: str, listed: Collection[Key], now: datetime) -> int:
    """Forget files that are no longer listed and were fetched long ago; how many."""
    with store.read() as session:
        old = session.execute(
            select(SftpSeen.path, SftpSeen.size, SftpSeen.mtime).where(
                SftpSeen.partner == partner, SftpSeen.fetched_at < now - KEPT
            )
        ).all()
    gone = [key for key in ((row.path, row.size, row.mtime) for row in old) if key not in listed]
    if gone:
        store.writer.run(lambda session: _forget(session, partner, gone))
    return len(gone)


def _forget(session: Session, partner: str, keys: Collection[tuple[str, int, int]]) -> None:
    for path, size, mtime in keys:
        session.execute(
            delete(SftpSeen).where(
                SftpSeen.partner == partner, SftpSeen.path == path, SftpSeen.size == size, SftpSeen.mtime == mtime
            )
        )
