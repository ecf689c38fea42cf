"""The mailbox store: rows of files that partners see, over the gateway's store.

Blocking and thread-safe; sessions call it in threads. Uploads that are not finished have their bytes in the staging
folder under the row's id; files that we offer are payloads of the store.
"""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, cast

from sqlalchemy import Table, bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from gateway.store import ledger, payloads
from gateway.store.engine import Store, after_commit
from gateway.store.faults import fault_point
from gateway.transports.sftp.models import MailboxFile
from gateway.transports.sftp.names import with_id
from gateway.transports.sftp.server.tree import ARCHIVE, INBOX, OUTBOX

__all__ = ["Alert", "AlertPort", "CollectedPort", "Entry", "FileState", "Mailbox"]

#: Names of collected files remembered, so that a client that removes what it has just read is not told "missing".
_TAKEN = 10_000
#: Stored folder of collected files that the partner sees no more (after_collect: delete).
GONE = "gone"


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


def _ignore(_alert: Alert) -> None:
    """No one listens."""


class Mailbox:
    """The files of every partner's mailbox."""

    def __init__(
        self,
        store: Store,
        staging: Path,
        clock: Callable[[], datetime],
        *,
        collected: CollectedPort | None = None,
        alert: AlertPort = _ignore,
    ) -> None:
        self.store = store
        #: Folder of unfinished uploads, on the same disk as the store's large payloads.
        self.staging = staging
        self.clock = clock
        self.alert = alert
        self._collected = collected
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._shown: dict[tuple[str, str], Entry] = {}
        self._lock = Lock()
        staging.mkdir(parents=True, exist_ok=True, mode=0o700)

    # -- looking ---------------------------------------------------------------------------------------------

    def find(self, partner: str, folder: str, name: str) -> Entry | None:
        """The file with this name, or None."""
        with self._lock:
            shown = self._shown.get((partner, name)) if folder == INBOX else None
        if shown is not None:
            return shown
        with self.store.read() as session:
            row = session.execute(_BY_NAME, {"partner": partner, "folder": folder, "name": name}).one_or_none()
            return None if row is None else _entry(row)

    def listing(self, partner: str, folder: str, limit: int) -> list[Entry]:
        """The files of a folder by name, at most ``limit``."""
        with self.store.read() as session:
            rows = session.scalars(
                select(MailboxFile)
                .where(MailboxFile.partner == partner, MailboxFile.folder == folder)
                .order_by(MailboxFile.name)
                .limit(limit)
            )
            found = {row.name: _entry(row) for row in rows}
        if folder == INBOX:
            with self._lock:
                found |= {name: entry for (owner, name), entry in self._shown.items() if owner == partner}
        return [found[name] for name in sorted(found)]

    def days(self, partner: str) -> list[str]:
        """The days (YYYYMMDD) that have collected files."""
        with self.store.read() as session:
            folders = session.scalars(
                select(MailboxFile.folder)
                .where(MailboxFile.partner == partner, MailboxFile.folder.like(f"{ARCHIVE}/%"))
                .distinct()
                .order_by(MailboxFile.folder)
            )
            return [folder.partition("/")[2] for folder in folders]

    def usage(self, partner: str) -> tuple[int, int]:
        """(bytes, files) in the partner's inbox."""
        self.flush()
        with self.store.read() as session:
            row = session.execute(
                select(func.coalesce(func.sum(MailboxFile.size), 0), func.count()).where(
                    MailboxFile.partner == partner, MailboxFile.folder == INBOX
                )
            ).one()
            return int(row[0]), int(row[1])

    def with_state(self, state: FileState, before: datetime | None = None, limit: int = 1000) -> list[Entry]:
        """Files of every partner in a state since before an instant, the oldest first."""
        query = select(MailboxFile).where(MailboxFile.state == state.value)
        if before is not None:
            query = query.where(MailboxFile.changed_at <= before)
        with self.store.read() as session:
            return [_entry(row) for row in session.scalars(query.order_by(MailboxFile.changed_at).limit(limit))]

    def staged_path(self, entry_id: str) -> Path:
        """Where the bytes of an unfinished upload lie."""
        return self.staging / entry_id

    def free_bytes(self) -> int:
        """Bytes that are free on the disk."""
        return shutil.disk_usage(self.staging).free

    def just_taken(self, partner: str, name: str) -> bool:
        """True when the partner collected a file of this name since the gateway started."""
        return (partner, name) in self._taken

    # -- the inbox -------------------------------------------------------------------------------------------

    def show(self, entry: Entry) -> None:
        """Show a received file at once; its row is written with the next ``flush``.

        The message itself is stored by then: losing the row in a crash loses the partner's view of it only.
        """
        with self._lock:
            self._shown[entry.partner, entry.name] = entry

    def flush(self) -> None:
        """Write the rows of what is shown, all in one transaction; returns after the commit."""
        with self._lock:
            waiting = dict(self._shown)
        if not waiting:
            return

        def run(session: Session) -> None:
            for entry in waiting.values():
                self._replace(session, entry)

        self.store.writer.run(run)
        with self._lock:
            for key, entry in waiting.items():
                if self._shown.get(key) is entry:
                    del self._shown[key]

    def _written(self, partner: str, name: str) -> None:
        """Before a row of this name changes: what is only shown so far becomes a row."""
        with self._lock:
            only_shown = (partner, name) in self._shown
        if only_shown:
            self.flush()

    def put(self, entry: Entry) -> Future[None]:
        """Store a file's row; another file of the same name is replaced, with what it had in the staging folder.

        The future ends with the commit.
        """
        with self._lock:
            self._shown.pop((entry.partner, entry.name), None)
        return self.store.writer.submit(lambda session: self._replace(session, entry))

    def _replace(self, session: Session, entry: Entry) -> None:
        others = session.scalars(_OTHERS, _values(entry)).all()
        for other in others:
            after_commit(session, partial(self.staged_path(other).unlink, missing_ok=True))
        session.execute(delete(_TABLE).where(_TABLE.c.id.in_([*others, entry.id])))
        session.execute(insert(_TABLE), _values(entry))

    def drop(self, entry: Entry) -> None:
        """Remove a file's row and its staged bytes; returns after the commit."""
        self._written(entry.partner, entry.name)
        self.store.writer.run(lambda session: _delete(session, entry.id))
        self.staged_path(entry.id).unlink(missing_ok=True)

    def forget(self, entry_id: str) -> Future[None]:
        """Remove a row without waiting."""
        return self.store.writer.submit(lambda session: _delete(session, entry_id))

    def move(self, entry: Entry, name: str) -> Entry:
        """Give a file of the inbox another name, replacing what has it; returns after the commit."""
        self.flush()
        moved = replace(entry, name=name, changed_at=self.clock())
        self.put(moved).result()
        return moved

    # -- the outbox ------------------------------------------------------------------------------------------

    def offer(self, entry: Entry, body: bytes) -> Entry:
        """Lay a file out for its partner, durably; the one that is there already when it was laid out before.

        Another transmission's file of the same name stays: the new one gets the end of its id into its name.
        """
        staged = payloads.stage(self.store.blobs, body)

        def run(session: Session) -> Entry:
            row = session.scalar(select(MailboxFile).where(MailboxFile.transmission_id == entry.transmission_id))
            if row is not None:
                return _entry(row)
            name = entry.name
            if session.scalar(_named(entry.partner, entry.folder, name)) is not None:
                name = with_id(name, entry.transmission_id or entry.id)
            digest = payloads.put(session, staged, now=entry.created_at)
            made = replace(entry, name=name, sha256=digest, payload_sha256=digest)
            session.execute(insert(_TABLE), _values(made))
            return made

        offered = self.store.writer.run(run)
        fault_point("mailbox.after_offer")
        return offered

    def open_body(self, entry: Entry) -> bytes | int:
        """The bytes of an offered file, or a descriptor of its file when it is large; the caller closes that."""
        with self.store.read() as session:
            path = session.scalar(select(payloads.Payload.path).where(payloads.Payload.sha256 == entry.payload_sha256))
            if path is None:
                return payloads.get(session, entry.payload_sha256 or "")
        return os.open(self.store.blobs / path, os.O_RDONLY | os.O_CLOEXEC)

    def collect(self, entry: Entry, reason: str) -> None:
        """The partner has read every byte and closed the file: recorded durably. A second time changes nothing.

        The file stays in its place until ``put_away``: programs often remove what they have fetched.
        """

        def run(session: Session) -> None:
            row = session.get(MailboxFile, entry.id)
            if row is None or row.state != FileState.AVAILABLE.value:
                return
            now = self.clock()
            row.state, row.changed_at = FileState.COLLECTED.value, now
            if self._collected is not None and row.transmission_id is not None:
                self._collected.collected(session, row.partner, row.transmission_id, reason, now)

        fault_point("mailbox.before_collect")
        self.store.writer.run(run)
        fault_point("mailbox.after_collect")
        self._taken[(entry.partner, entry.name)] = None
        while len(self._taken) > _TAKEN:
            self._taken.popitem(last=False)

    def put_away(self, entry_ids: Collection[str], *, archive: bool) -> None:
        """Take collected files out of the outbox: to the archive's folder of the day, or out of sight."""

        def run(session: Session) -> None:
            for entry_id in entry_ids:
                row = session.get(MailboxFile, entry_id)
                if row is None or row.state != FileState.COLLECTED.value or row.folder != OUTBOX:
                    continue
                folder = f"{ARCHIVE}/{row.changed_at:%Y%m%d}" if archive else GONE
                taken = session.scalar(_named(row.partner, folder, row.name)) is not None
                row.folder, row.name = folder, with_id(row.name, row.id) if taken else row.name
                session.flush()

        self.store.writer.run(run)

    def remove_offered(self, entry: Entry, actor: str) -> None:
        """The partner removes a file from its outbox; when it was never read to its end, staff hear of it."""
        unread = entry.state is FileState.AVAILABLE
        sentence = (
            f"{entry.partner} deleted {entry.name} from its outbox without reading it to the end. Ask whether it "
            "has the document; send the message again if not."
        )

        def run(session: Session) -> None:
            _delete(session, entry.id)
            if unread:
                self._note(session, "sftp-deleted-unread", entry, actor, sentence)

        self.store.writer.run(run)
        if unread:
            self.alert(Alert("deleted-unread", entry.partner, sentence, entry.transmission_id))

    def expire(self, entry: Entry, sentence: str) -> None:
        """Take away a file that nobody collected in its time, and say so."""

        def run(session: Session) -> None:
            _delete(session, entry.id)
            self._note(session, "sftp-expired", entry, "sftp", sentence)

        self.store.writer.run(run)
        self.alert(Alert("expired", entry.partner, sentence, entry.transmission_id))

    def uncollected(self, partner: str, before: datetime) -> list[Entry]:
        """Files that wait for this partner since before an instant and that staff have not heard of; marked as told."""

        def run(session: Session) -> list[Entry]:
            rows = session.scalars(
                select(MailboxFile).where(
                    MailboxFile.partner == partner,
                    MailboxFile.folder == OUTBOX,
                    MailboxFile.state == FileState.AVAILABLE.value,
                    MailboxFile.changed_at <= before,
                    MailboxFile.alerted_at.is_(None),
                )
            ).all()
            for row in rows:
                row.alerted_at = self.clock()
            return [_entry(row) for row in rows]

        return self.store.writer.run(run)

    # -- the ledger ------------------------------------------------------------------------------------------

    def note(self, kind: str, subject: str, actor: str, reason: str, data: Mapping[str, Any]) -> None:
        """An event of the ledger about a partner or an address; does not wait for its commit."""

        def run(session: Session) -> None:
            subject_type, _, subject_id = subject.partition(":")
            ledger.append(
                session,
                at=self.clock(),
                kind=kind,
                subject_type=subject_type,
                subject_id=subject_id,
                actor=actor,
                reason=reason,
                data=dict(data),
            )

        self.store.writer.submit(run)

    def _note(self, session: Session, kind: str, entry: Entry, actor: str, reason: str) -> None:
        ledger.append(
            session,
            at=self.clock(),
            kind=kind,
            subject_type="transmission" if entry.transmission_id else "partner",
            subject_id=entry.transmission_id or entry.partner,
            actor=actor,
            reason=reason,
            data={"name": entry.name, "bytes": entry.size, "sha256": entry.sha256},
        )


# -- rows --------------------------------------------------------------------------------------------------------


_TABLE = cast("Table", MailboxFile.__table__)
# Built once: these run for every file.
_BY_NAME = select(_TABLE).where(
    _TABLE.c.partner == bindparam("partner"),
    _TABLE.c.folder == bindparam("folder"),
    _TABLE.c.name == bindparam("name"),
)
_OTHERS = _BY_NAME.with_only_columns(_TABLE.c.id).where(_TABLE.c.id != bindparam("id"))


def _named(partner: str, folder: str, name: str) -> Any:
    return select(MailboxFile).where(
        MailboxFile.partner == partner, MailboxFile.folder == folder, MailboxFile.name == name
    )


def _entry(row: Any) -> Entry:
    """The entry of a row, read as a model or as columns."""
    return Entry(
        id=row.id,
        partner=row.partner,
        folder=row.folder,
        name=row.name,
        state=FileState(row.state),
        size=row.size,
        created_at=row.created_at,
        changed_at=row.changed_at,
        sha256=row.sha256,
        payload_sha256=row.payload_sha256,
        transmission_id=row.transmission_id,
        facts=row.facts,
    )


def _values(entry: Entry) -> dict[str, Any]:
    """The columns of an entry."""
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {**values, "state": entry.state.value, "facts": None if entry.facts is None else dict(entry.facts)}


def _delete(session: Session, entry_id: str) -> None:
    session.execute(delete(MailboxFile).where(MailboxFile.id == entry_id))
