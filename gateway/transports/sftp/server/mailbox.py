"""The mailbox store: rows of files that partners see, over the gateway's store.

Blocking and thread-safe; sessions call it in threads. Uploads that are not finished have their bytes in the staging
folder under the row's id; files that we offer are payloads of the store.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.store import ledger, payloads
from gateway.store.engine import Store, after_commit
from gateway.store.faults import fault_point
from gateway.transports.sftp.models import MailboxFile
from gateway.transports.sftp.names import with_id
from gateway.transports.sftp.server import rows
from gateway.transports.sftp.server.entries import Alert, AlertPort, CollectedPort, Entry, FileState
from gateway.transports.sftp.server.tree import ARCHIVE, INBOX, OUTBOX

__all__ = ["Alert", "AlertPort", "CollectedPort", "Entry", "FileState", "Mailbox"]

#: Names of collected files remembered, so that a client that removes what it has just read is not told "missing".
_TAKEN = 10_000
#: Stored folder of collected files that the partner sees no more (after_collect: delete).
GONE = "gone"
#: Files that are put away in one transaction.
_BATCH = 100


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
        #: Of each partner: grows whenever a file of theirs leaves its place; what was seen before may be gone.
        self.departures: Counter[str] = Counter()
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
            return _found(session, partner, folder, name)

    def opened(self, partner: str, folder: str, name: str) -> tuple[Entry, bytes | int] | None:
        """An offered file with its bytes, or a descriptor of its file when it is large; the caller closes that.

        None when there is no such file. Raises PayloadMissingError and PayloadCorruptError as ``payloads.get`` does.
        """
        with self.store.read() as session:
            entry = _found(session, partner, folder, name)
            if entry is None:
                return None
            digest = entry.payload_sha256 or ""
            body = rows.BODY.first(session, {"sha256": digest})
            if body is None or body.path is None:
                return entry, _checked(session, digest, body)
        return entry, os.open(self.store.blobs / body.path, os.O_RDONLY | os.O_CLOEXEC)

    def listing(self, partner: str, folder: str, limit: int) -> list[Entry]:
        """The files of a folder by name, at most ``limit``."""
        with self.store.read() as session:
            listed = rows.LISTED.all(session, {"partner": partner, "folder": folder, "most": limit})
            found = {row.name: rows.entry_of(row) for row in listed}
        if folder == INBOX:
            with self._lock:
                found |= {name: entry for (owner, name), entry in self._shown.items() if owner == partner}
        return [found[name] for name in sorted(found)]

    def bodies(self, entries: Sequence[Entry]) -> dict[str, bytes]:
        """The bytes of those files, by name, that are small enough to lie in the database."""
        found = {}
        with self.store.read() as session:
            for entry in entries:
                digest = entry.payload_sha256 or ""
                row = rows.BODY.first(session, {"sha256": digest})
                if row is not None and row.path is None:
                    found[entry.name] = _checked(session, digest, row)
        return found

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
            found = session.scalars(query.order_by(MailboxFile.changed_at).limit(limit))
            return [rows.entry_of(row) for row in found]

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
        for other in rows.replace_others(session, entry):
            after_commit(session, partial(self.staged_path(other).unlink, missing_ok=True))

    def drop(self, entry: Entry) -> None:
        """Remove a file's row and its staged bytes; returns after the commit."""
        self._written(entry.partner, entry.name)
        self.store.writer.run(lambda session: rows.remove(session, entry.id))
        self.departures[entry.partner] += 1
        self.staged_path(entry.id).unlink(missing_ok=True)

    def forget(self, entry_id: str) -> Future[None]:
        """Remove a row without waiting."""
        return self.store.writer.submit(lambda session: rows.remove(session, entry_id))

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
                return rows.entry_of(row)
            name = entry.name
            if _taken(session, entry.partner, entry.folder, name):
                name = with_id(name, entry.transmission_id or entry.id)
            digest = payloads.put(session, staged, now=entry.created_at)
            made = replace(entry, name=name, sha256=digest, payload_sha256=digest)
            rows.add(session, made)
            return made

        offered = self.store.writer.run(run)
        fault_point("mailbox.after_offer")
        return offered

    def collect(self, entry: Entry, reason: str) -> Future[None]:
        """The partner has read every byte and closed the file; the future ends when that is durable.

        A second time changes nothing. The file stays in its place until ``put_away``: programs often remove what they
        have fetched.
        """

        def run(session: Session) -> None:
            now = self.clock()
            row = rows.COLLECT.first(session, {"entry": entry.id, "now": now})
            if row is not None and row.transmission_id is not None and self._collected is not None:
                self._collected.collected(session, row.partner, row.transmission_id, reason, now)
            after_commit(session, partial(self._remember, entry))

        fault_point("mailbox.before_collect")
        return self.store.writer.submit(run)

    def _remember(self, entry: Entry) -> None:
        """After the commit of a collection, in the writer's thread."""
        fault_point("mailbox.after_collect")
        self._taken[(entry.partner, entry.name)] = None
        while len(self._taken) > _TAKEN:
            self._taken.popitem(last=False)

    def put_away(self, entry_ids: Collection[str], *, archive: bool) -> None:
        """Take collected files out of the outbox: to the archive's folder of the day, or out of sight."""

        def run(session: Session, ids: tuple[str, ...]) -> set[str]:
            partners = set()
            for entry_id in ids:
                row = rows.COLLECTED.first(session, {"entry": entry_id})
                if row is None:
                    continue
                folder = f"{ARCHIVE}/{row.changed_at:%Y%m%d}" if archive else GONE
                name = with_id(row.name, entry_id) if _taken(session, row.partner, folder, row.name) else row.name
                rows.MOVE.change(session, {"entry": entry_id, "new_folder": folder, "new_name": name})
                partners.add(row.partner)
            return partners

        for ids in _batched(entry_ids, _BATCH):  # a session may have collected thousands; others write in between
            self.departures.update(self.store.writer.run(partial(run, ids=ids)))

    def remove_offered(self, entry: Entry, actor: str) -> None:
        """The partner removes a file from its outbox; when it was never read to its end, staff hear of it."""
        unread = entry.state is FileState.AVAILABLE
        sentence = (
            f"{entry.partner} deleted {entry.name} from its outbox without reading it to the end. Ask whether it "
            "has the document; send the message again if not."
        )

        def run(session: Session) -> None:
            rows.remove(session, entry.id)
            if unread:
                self._note(session, "sftp-deleted-unread", entry, actor, sentence)

        self.store.writer.run(run)
        self.departures[entry.partner] += 1
        if unread:
            self.alert(Alert("deleted-unread", entry.partner, sentence, entry.transmission_id))

    def expire(self, entry: Entry, sentence: str) -> None:
        """Take away a file that nobody collected in its time, and say so."""

        def run(session: Session) -> None:
            rows.remove(session, entry.id)
            self._note(session, "sftp-expired", entry, "sftp", sentence)

        self.store.writer.run(run)
        self.departures[entry.partner] += 1
        self.alert(Alert("expired", entry.partner, sentence, entry.transmission_id))

    def uncollected(self, partner: str, before: datetime) -> list[Entry]:
        """Files that wait for this partner since before an instant and that staff have not heard of; marked as told."""

        def run(session: Session) -> list[Entry]:
            waiting = session.scalars(
                select(MailboxFile).where(
                    MailboxFile.partner == partner,
                    MailboxFile.folder == OUTBOX,
                    MailboxFile.state == FileState.AVAILABLE.value,
                    MailboxFile.changed_at <= before,
                    MailboxFile.alerted_at.is_(None),
                )
            ).all()
            for row in waiting:
                row.alerted_at = self.clock()
            return [rows.entry_of(row) for row in waiting]

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


def _found(session: Session, partner: str, folder: str, name: str) -> Entry | None:
    row = rows.BY_NAME.first(session, {"partner": partner, "folder": folder, "name": name})
    return None if row is None else rows.entry_of(row)


def _taken(session: Session, partner: str, folder: str, name: str) -> bool:
    return rows.NAMED.first(session, {"partner": partner, "folder": folder, "name": name}) is not None


def _checked(session: Session, sha256: str, row: Any) -> bytes:
    """The bytes of a small payload when they are still those that its name says; else the store's own complaint."""
    if row is not None and hashlib.sha256(row.body).hexdigest() == sha256:
        return bytes(row.body)
    return payloads.get(session, sha256)


def _batched(ids: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    rest = iter(ids)
    while some := tuple(islice(rest, size)):
        yield some
