"""Payload storage: small bodies in the database, large ones as files named by their digest.

Up to 256 KiB a body is a row of the ``payload`` table and durable with the transaction that stores it. A
larger one is written to a file before the transaction (``stage_large``): streamed to a temporary name while
it is hashed, fsynced, renamed to ``<2 hex>/<sha256>``, its folder fsynced. The row follows; a crash between
leaves a file without a row, never a row without its file, and ``collect_orphans`` removes such files later.

Retention takes the bytes away and leaves the row (``gateway.store.removal``): size and digest stay known, reading the
bytes says when they went and by which rule, and storing the same bytes again brings them back.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Table, Text, null, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.store.base import Base, UtcDateTime
from gateway.store.blobs import files_may_go
from gateway.store.errors import PayloadCorruptError, PayloadMissingError, PayloadRemovedError
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared

if TYPE_CHECKING:
    from gateway.store.engine import Store

__all__ = [
    "INLINE_LIMIT",
    "Payload",
    "StagedPayload",
    "collect_orphans",
    "get",
    "payload_index",
    "put",
    "remove_unused",
    "require",
    "size",
    "stage",
    "stage_large",
]

#: Bytes: a body up to this size lives in the database.
INLINE_LIMIT = 256 * 1024
#: Seconds that a file without a row is left alone: its transaction may still be on the way.
ORPHAN_AGE = 24 * 3600.0

_CHUNK = 1024 * 1024
_TEMPORARY = ".incoming-"


class Payload(Base):
    """Bytes that never change, found by their digest; either here or in a file."""

    __tablename__ = "payload"
    __table_args__ = (
        CheckConstraint("(body IS NULL) <> (path IS NULL)", name="one_place"),
        Index(
            "ix_payload_kept",
            "created_at",
            "sha256",
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    #: Lower-case hex SHA-256 of the bytes.
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Bytes.
    size: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: Relative to the store's folder of large payloads.
    path: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When retention removed the bytes, and the rule that asked for it; the body is empty then, and there is no path.
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_rule: Mapped[str | None] = mapped_column(Text)


def payload_index(name: str, column: str) -> Index:
    """The index of a table by which the rows that use a payload are found."""
    used = text(f"{column} IS NOT NULL")
    return Index(name, column, sqlite_where=used, postgresql_where=used)


@dataclass(frozen=True, slots=True)
class StagedPayload:
    """A large body that is durable as a file and waits for its row."""

    sha256: str
    #: Bytes.
    size: int
    #: Relative to the store's folder of large payloads.
    path: str


def stage(blobs: Path, body: bytes) -> bytes | StagedPayload:
    """Make a body ready for ``put``: as it is when small, as a durable file when large.

    Call it before the transaction, never inside one: it waits for the disk.
    """
    return body if len(body) <= INLINE_LIMIT else stage_large(blobs, body)


def stage_large(blobs: Path, body: bytes | BinaryIO) -> StagedPayload:
    """Write a body to the folder ``blobs`` and return when its bytes and its name are on the disk.

    ``body`` may be a binary stream, which is read to its end. Raises OSError when the disk refuses; no
    temporary file is left then.
    """
    blobs.mkdir(parents=True, exist_ok=True)
    temporary = blobs / f"{_TEMPORARY}{uuid4().hex}"
    try:
        digest, length = _write(temporary, body)
        fault_point("payload.after_file_fsync")
        relative = f"{digest[:2]}/{digest}"
        _publish(blobs, temporary, blobs / relative)
    finally:
        temporary.unlink(missing_ok=True)
    fault_point("payload.after_publish")
    return StagedPayload(digest, length, relative)


def put(session: Session, body: bytes | StagedPayload, *, now: datetime | None = None) -> str:
    """Store a body in the caller's transaction and return its SHA-256 in hex.

    The same bytes again are the same row, which has its bytes back when they were removed. Raises ValueError for
    bytes above INLINE_LIMIT (``stage`` them first) and PayloadMissingError when a staged file has gone in the
    meantime (stage it again).
    """
    at = now or datetime.now(UTC)
    if isinstance(body, StagedPayload):
        if not (_folder(session) / body.path).exists():
            raise PayloadMissingError(f"The staged file {body.path} has gone; stage the payload again.")
        row = {"sha256": body.sha256, "size": body.size, "body": None, "path": body.path, "created_at": at}
    elif len(body) > INLINE_LIMIT:
        raise ValueError(f"A payload of {len(body)} bytes must be staged before the transaction.")
    else:
        digest = hashlib.sha256(body).hexdigest()
        row = {"sha256": digest, "size": len(body), "body": body, "path": None, "created_at": at}
    _INSERT[session.get_bind().dialect.name].change(session, row)
    return str(row["sha256"])


def get(session: Session, sha256: str) -> bytes:
    """The bytes with this digest, checked against it.

    Raises PayloadMissingError when they are not there, PayloadCorruptError when they have changed, and
    PayloadRemovedError when their time was over and they were removed.
    """
    columns = (Payload.body, Payload.path, Payload.removed_at, Payload.removed_rule)
    row = session.execute(select(*columns).where(Payload.sha256 == sha256)).first()
    if row is None:
        raise PayloadMissingError(f"There is no payload {sha256}.")
    if row.removed_at is not None:
        raise PayloadRemovedError(row.removed_at, row.removed_rule or "")
    body = row.body if row.path is None else _read_file(_folder(session) / row.path, sha256)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise PayloadCorruptError(
            f"The stored bytes of payload {sha256} have changed: the disk or a person altered them. "
            "Restore this payload from a backup."
        )
    return bytes(body)


def require(session: Session, sha256: str) -> None:
    """Make sure that the bytes are there for what the caller's transaction will do with them, and stay until its end.

    Whoever names a stored payload in a new row without ``put`` calls it first. Raises PayloadMissingError and
    PayloadRemovedError.
    """
    query = select(Payload.removed_at, Payload.removed_rule).where(Payload.sha256 == sha256)
    row = session.execute(query.with_for_update(read=True)).first()
    if row is None:
        raise PayloadMissingError(f"There is no payload {sha256}.")
    if row.removed_at is not None:
        raise PayloadRemovedError(row.removed_at, row.removed_rule or "")


def size(session: Session, sha256: str) -> int:
    """Bytes of the payload with this digest. Raises PayloadMissingError when it is not there."""
    found = session.scalar(select(Payload.size).where(Payload.sha256 == sha256))
    if found is None:
        raise PayloadMissingError(f"There is no payload {sha256}.")
    return found


def collect_orphans(store: Store, *, older_than: float = ORPHAN_AGE, now: float | None = None) -> list[str]:
    """Remove files that no row names and that are older than ``older_than`` seconds; their relative names.

    ``now`` is seconds since the epoch. Each file is looked at again inside a write transaction, where ``put``
    cannot run, so a file that is being taken into use stays. While a backup copies files nothing is removed.
    """
    limit = (time.time() if now is None else now) - older_than
    removed: list[str] = []
    with files_may_go(store.blobs) as they_may:
        for path in sorted(store.blobs.rglob("*")) if they_may else ():
            if not path.is_file() or not _is_ours(store.blobs, path) or path.stat().st_mtime >= limit:
                continue
            relative = path.relative_to(store.blobs).as_posix()
            if store.writer.run(partial(remove_unused, path=path, limit=limit)):
                removed.append(relative)
    return removed


def remove_unused(session: Session, *, path: Path, limit: float) -> bool:
    """Delete a file that no row names and that was not written again since ``limit`` (seconds since the epoch).

    Runs as a piece of work of the writer, where ``put`` cannot run; a second run of it finds the file gone.
    """
    query = select(Payload.size).where(Payload.sha256 == path.name, Payload.path.is_not(None))
    if session.scalar(query) is not None:
        return False
    try:
        if path.stat().st_mtime >= limit:
            return False
    except FileNotFoundError:
        return True
    path.unlink()
    return True


# -- rows ----------------------------------------------------------------------------------------------------

_TABLE = cast("Table", Payload.__table__)
_COLUMNS = ("sha256", "size", "body", "path", "created_at")


def _insert(dialect: ModuleType) -> Prepared:
    """A new row, or bytes again for one that lost them; PostgreSQL locks an old row until the commit either way."""
    new = dialect.insert(_TABLE)
    back = {"body": new.excluded.body, "path": new.excluded.path, "created_at": new.excluded.created_at}
    return Prepared(
        new.on_conflict_do_update(
            index_elements=[_TABLE.c.sha256],
            set_={**back, "removed_at": null(), "removed_rule": null()},
            where=_TABLE.c.removed_at.is_not(None),
        ),
        columns=_COLUMNS,
    )


_INSERT = {"sqlite": _insert(sqlite), "postgresql": _insert(postgresql)}


def _folder(session: Session) -> Path:
    folder: Path = session.info["blobs"]
    return folder


def _is_ours(blobs: Path, path: Path) -> bool:
    """True for a payload or a temporary file of ours: others (uploads under way) keep theirs in the same folder."""
    if path.parent == blobs:
        return path.name.startswith(_TEMPORARY)
    return path.parent.parent == blobs and len(path.parent.name) == 2


# -- files ---------------------------------------------------------------------------------------------------


def _write(path: Path, body: bytes | BinaryIO) -> tuple[str, int]:
    """Write and fsync a new file; SHA-256 in hex and size in bytes."""
    digest, length = hashlib.sha256(), 0
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        for chunk in _chunks(body):
            digest.update(chunk)
            length += len(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    return digest.hexdigest(), length


def _chunks(body: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    while chunk := body.read(_CHUNK):
        yield chunk


def _publish(blobs: Path, temporary: Path, target: Path) -> None:
    """Give the file its final name, durably. A file that is already there is fsynced and its age renewed."""
    new_folder = not target.parent.exists()
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        os.utime(target)
        _fsync(target)
    else:
        temporary.rename(target)
    fault_point("payload.after_rename")
    _fsync(target.parent)
    if new_folder:
        _fsync(blobs)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_file(path: Path, sha256: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PayloadMissingError(
            f"The file {path} of payload {sha256} cannot be read ({error.strerror}). Restore a backup."
        ) from error
