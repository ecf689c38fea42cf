"""The folders of one partner, made from its profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from gateway.partners.directory import Directory
from gateway.partners.models import Partner
from gateway.partners.profile import PartnerProfile, Status
from gateway.store.engine import Store

__all__ = ["FolderTarget", "FolderTargets", "StoredFolders", "folder_from_profile"]

_POLLED = (Status.TESTING.value, Status.LIVE.value, Status.PAUSED.value)


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """Where files of one partner lie; paths are absolute."""

    partner: str
    #: Folder that the partner's files are read from.
    inbound: Path | None
    #: Folder that files for the partner are written to.
    outbound: Path | None
    pattern: str
    ignore: tuple[str, ...]
    #: Template of the names that we give.
    file_name: str
    #: True = a file that was stored is kept in ``done/``.
    keep: bool
    #: Seconds that a file must be unchanged.
    settle_seconds: float
    #: Seconds between two looks.
    poll_seconds: float
    max_file_bytes: int
    #: A folder inside the working directory is made when it is missing; another one may be a disk that is not there.
    may_make: frozenset[Path] = frozenset()


class FolderTargets(Protocol):
    """Where targets come from. Thread-safe."""

    def polled(self) -> Sequence[FolderTarget]:
        """Every partner with a folder to read from."""
        ...

    def for_partner(self, partner: str) -> FolderTarget:
        """The folders of one partner. Raises LookupError with a sentence when it has none."""
        ...


def folder_from_profile(profile: PartnerProfile, home: Path) -> FolderTarget | None:
    """The folders of a profile, or None when it names none; relative paths are below ``home``."""
    settings = profile.folder
    if settings.inbound is None and settings.outbound is None:
        return None
    named = {name: Path(name) for name in (settings.inbound, settings.outbound) if name is not None}
    return FolderTarget(
        partner=profile.code,
        inbound=None if settings.inbound is None else home / settings.inbound,
        outbound=None if settings.outbound is None else home / settings.outbound,
        pattern=settings.pattern,
        ignore=settings.ignore,
        file_name=settings.file_name,
        keep=settings.after_read == "keep",
        settle_seconds=settings.settle_seconds,
        poll_seconds=settings.poll_seconds,
        max_file_bytes=settings.max_file_bytes,
        may_make=frozenset(home / path for path in named.values() if not path.is_absolute()),
    )


class StoredFolders:
    """Implements ``FolderTargets`` over the store; ``home`` is the working directory. Thread-safe."""

    def __init__(self, store: Store, directory: Directory, home: Path) -> None:
        self._store, self._directory, self._home = store, directory, home

    def polled(self) -> Sequence[FolderTarget]:
        """Every partner in trade or in test whose profile names a folder to read from."""
        with self._store.read() as session:
            codes = session.scalars(
                select(Partner.code).where(Partner.status.in_(_POLLED)).order_by(Partner.code)
            ).all()
        found = (folder_from_profile(self._directory.profile(code), self._home) for code in codes)
        return [target for target in found if target is not None and target.inbound is not None]

    def for_partner(self, partner: str) -> FolderTarget:
        """The folders of one partner. Raises LookupError with a sentence when it has none."""
        found = self._directory.find(partner)
        target = None if found is None else folder_from_profile(found[1], self._home)
        if target is None:
            raise LookupError(f"The profile of {partner} names no folder: give folder.outbound or folder.inbound.")
        return target
