"""Changing the key-encryption key: every secret is sealed anew, and the old key file is kept under its number.

A death at any moment leaves a gateway that works, or one that the same command repairs: the new key file lies beside
the old one before the first secret is sealed with it, all secrets change in one transaction, and only then do the files
change places.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.store import ledger
from gateway.store.engine import Store
from gateway.store.faults import fault_point
from gateway.store.secrets import Kek, Secret, create_kek, load_kek, reseal

__all__ = ["Rotated", "rotate_kek"]


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done."""

    secrets: int
    #: Numbers of the keys, which tell nothing about them.
    old: str
    new: str
    #: Where the old key file lies now: backups made before need it.
    kept: Path


def rotate_kek(store: Store, path: Path, *, actor: str, now: datetime) -> Rotated:
    """Make a new key file at ``path`` and seal every secret with it; the store must be open for writing here alone.

    An earlier run that died half-way is brought to its end first. Raises SecretError when a secret cannot be opened;
    then nothing was changed.
    """
    fresh = path.with_name(f"{path.name}.new")
    old, new = load_kek(path), _left_behind(store, fresh)
    if new is None:
        fresh.unlink(missing_ok=True)
        new = create_kek(fresh)
        _sync(path.parent)

    def run(session: Session) -> int:
        count = reseal(session, old, new)
        ledger.append(
            session,
            at=now,
            kind="key-rotated",
            subject_type="system",
            subject_id="key-encryption-key",
            actor=actor,
            reason=f"{count} secrets were sealed with a new key.",
            data={"old": old.id, "new": new.id},
        )
        return count

    count = store.writer.run(run)
    fault_point("rekey.after_commit")
    kept = path.with_name(f"{path.name}.{old.id}")
    if not kept.exists():
        kept.hardlink_to(path)
    fault_point("rekey.after_keep")
    fresh.replace(path)
    _sync(path.parent)
    return Rotated(count, old.id, new.id, kept)


def _left_behind(store: Store, fresh: Path) -> Kek | None:
    """The new key of a run that died after its commit; None when none is needed."""
    if not fresh.exists():
        return None
    new = load_kek(fresh)
    with store.read() as session:
        used = session.scalar(select(func.count()).select_from(Secret).where(Secret.kek_id == new.id))
    return new if used else None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
