"""What time does to a mailbox: quiet files become whole, cut ones go, collected ones leave, staff hear of the rest."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.messages.axes import Processing
from gateway.messages.models import Transmission
from gateway.store.errors import StoreError
from gateway.transports.sftp.models import MailboxFile
from gateway.transports.sftp.names import is_temporary
from gateway.transports.sftp.server.accounts import MailboxAccount, MailboxDirectory
from gateway.transports.sftp.server.door import Door
from gateway.transports.sftp.server.intake import Intake
from gateway.transports.sftp.server.mailbox import GONE, Alert, Entry, FileState, Mailbox
from gateway.transports.sftp.server.staging import own_copy
from gateway.transports.sftp.server.tree import ARCHIVE, OUTBOX

__all__ = ["ABORTED_KEPT", "COLLECTED_SHOWN", "RECEIVED_SHOWN", "Housekeeper", "recover"]

logger = logging.getLogger(__name__)

#: How long a cut upload is kept, so that the partner can go on with it.
ABORTED_KEPT = timedelta(hours=24)
#: How long the partner sees an upload that was received: programs look for it after they have written it.
RECEIVED_SHOWN = timedelta(hours=1)
#: How long a collected file stays in the outbox of a session that does not end.
COLLECTED_SHOWN = timedelta(minutes=5)
#: Seconds between two looks at quiet files, and looks between two sweeps of everything else.
_TICK, _SWEEP_EVERY = 1.0, 60
_BATCH = 1000


def recover(mailbox: Mailbox) -> int:
    """After a start: uploads that were open are cut, sizes are those of the disk, bytes without a row go.

    Returns how many uploads were cut. Call it before the first connection.
    """
    cut = 0
    known: set[str] = set()
    for state in (FileState.OPEN, FileState.ABORTED, FileState.HELD):
        for entry in mailbox.with_state(state, limit=1_000_000):
            known.add(entry.id)
            cut += _recover_one(mailbox, entry)
    for path in mailbox.staging.iterdir():
        if path.name not in known:
            path.unlink(missing_ok=True)
    return cut


def _recover_one(mailbox: Mailbox, entry: Entry) -> int:
    path = mailbox.staged_path(entry.id)
    if entry.state is FileState.HELD:
        return 0
    if not path.exists():
        mailbox.drop(entry)
        return 0
    was_open = entry.state is FileState.OPEN
    size = max(path.stat().st_size - was_open, 0)
    if was_open or size != entry.size:
        own_copy(path)
        os.truncate(path, size)  # the last byte goes, as with every upload that is cut (Intake.cut)

        def run(session: Session) -> None:
            row = session.get_one(MailboxFile, entry.id)
            row.state, row.size = FileState.ABORTED.value, size

        mailbox.store.writer.run(run)
    return int(was_open)


class Housekeeper:
    """Runs on the listener's loop; its database work in the listener's threads."""

    def __init__(self, mailbox: Mailbox, directory: MailboxDirectory, intake: Intake, door: Door) -> None:
        self._mailbox = mailbox
        self._directory = directory
        self._intake = intake
        self._door = door

    def recover(self) -> None:
        """See ``recover``. What was collected in sessions that died with the gateway is not offered to new ones."""
        cut = recover(self._mailbox)
        for account in self._directory.all():
            self._put_away(account, self._mailbox.clock())
        if cut:
            logger.info("%d SFTP uploads were open when the gateway ended last time; they can be resumed", cut)

    async def run(self) -> None:
        """Look every second, sweep every minute, until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(_TICK)
            try:
                await self._intake.in_thread(self._mailbox.flush)
                await self.take_quiet_files()
                if looks % _SWEEP_EVERY == 0:
                    await self._intake.in_thread(self.sweep)
            except Exception:
                logger.exception("The SFTP mailboxes could not be looked after; the next look is in a moment")
            looks += 1

    async def take_quiet_files(self) -> int:
        """Hand in the files of partners whose uploads are whole when nothing changed for a time; how many."""
        taken = 0
        accounts = await self._intake.in_thread(self._directory.all)
        for account in accounts:
            if account.mailbox.complete != "quiet":
                continue
            for entry in await self._intake.in_thread(self._quiet, account):
                if (account.partner, entry.name) not in self._door.uploads:
                    taken += await self._take(entry, account)
        return taken

    async def _take(self, entry: Entry, account: MailboxAccount) -> int:
        """Hand one quiet file in; one that cannot be handed in now never holds up the others."""
        try:
            await self._intake.promote(entry, account)
        except (StoreError, OSError) as error:
            logger.warning("%s of %s could not be taken in now: %s", entry.name, account.partner, error)
            return 0
        return 1

    def _quiet(self, account: MailboxAccount) -> list[Entry]:
        before = self._mailbox.clock() - timedelta(seconds=account.mailbox.quiet_seconds)
        held = self._mailbox.with_state(FileState.HELD, before)
        temporary = account.mailbox.temporary_names
        return [e for e in held if e.partner == account.partner and not is_temporary(e.name, temporary)]

    def sweep(self) -> None:
        """Everything that has had its time: views of received files, cut uploads, collected files; and alerts."""
        self._mailbox.flush()
        now = self._mailbox.clock()
        for entry in self._mailbox.with_state(FileState.ABORTED, now - ABORTED_KEPT):
            if (entry.partner, entry.name) not in self._door.uploads:
                self._mailbox.drop(entry)
        self._hide_received()
        for account in self._directory.all():
            self._sweep_outbox(account)

    def _hide_received(self) -> None:
        """Received files leave the partner's view after a while, those that are not processed yet later."""
        before = self._mailbox.clock() - RECEIVED_SHOWN
        waiting = (
            select(Transmission.id)
            .where(
                Transmission.partner == MailboxFile.partner,
                Transmission.wire_sha256 == MailboxFile.sha256,
                Transmission.direction == "in",
                Transmission.processing == Processing.RECEIVED.value,
            )
            .exists()
        )
        with self._mailbox.store.read() as session:
            found = session.scalars(
                select(MailboxFile.id)
                .where(
                    MailboxFile.state == FileState.RECEIVED.value,
                    MailboxFile.changed_at <= before,
                    ~waiting,
                )
                .limit(_BATCH)
            ).all()
        if found:
            self._mailbox.store.writer.run(
                lambda session: session.execute(delete(MailboxFile).where(MailboxFile.id.in_(found))) and None
            )

    def _sweep_outbox(self, account: MailboxAccount) -> None:
        mailbox, settings, now = self._mailbox, account.mailbox, self._mailbox.clock()
        hours = settings.alert_uncollected_hours
        for entry in mailbox.uncollected(account.partner, now - timedelta(hours=hours)):
            sentence = (
                f"{account.partner} has not collected {entry.name} for {hours:g} hours. Ask whether its program "
                "still runs, and whether it can log in."
            )
            mailbox.alert(Alert("uncollected", account.partner, sentence, entry.transmission_id))
        self._put_away(account, now - COLLECTED_SHOWN)
        for entry in mailbox.with_state(FileState.COLLECTED, now - timedelta(days=settings.archive_days)):
            if entry.partner == account.partner and (entry.folder == GONE or entry.folder.startswith(ARCHIVE)):
                mailbox.drop(entry)
        for entry in mailbox.with_state(FileState.AVAILABLE, now - timedelta(days=settings.keep_days)):
            if entry.partner == account.partner and entry.folder == OUTBOX:
                mailbox.expire(entry, _expired(entry, settings.keep_days))

    def _put_away(self, account: MailboxAccount, before: datetime) -> None:
        """Take what was collected up to an instant out of the partner's outbox."""
        if account.mailbox.after_collect == "keep":
            return
        shown = select(MailboxFile.id).where(
            MailboxFile.partner == account.partner,
            MailboxFile.folder == OUTBOX,
            MailboxFile.state == FileState.COLLECTED.value,
            MailboxFile.changed_at <= before,
        )
        with self._mailbox.store.read() as session:
            left = session.scalars(shown).all()
        if left:
            self._mailbox.put_away(left, archive=account.mailbox.after_collect == "archive")


def _expired(entry: Entry, days: int) -> str:
    return (
        f"{entry.name} was taken out of the outbox of {entry.partner} because nobody collected it for {days} days. "
        "Send the message again when the partner is ready."
    )
