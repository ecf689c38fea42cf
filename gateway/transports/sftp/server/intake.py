"""What becomes of an upload when its client closes it: received, held, or the marker of another file.

The order is the promise: bytes durable, transmission row committed, then the answer to the client. A held file waits
in the staging folder, fsynced, with its row; its rename, its marker or its quiet time makes it received. Everything
here may be repeated after a crash: the identity of a message is made of partner, name, content and time window, so
that the store knows an upload it has already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gateway.messages.ids import derived_id, new_id
from gateway.messages.ports import InboundPort, Receipt, Received, ReceiveFailure
from gateway.partners.transfers import HostedSftp
from gateway.store.faults import fault_point
from gateway.store.payloads import INLINE_LIMIT, StagedPayload
from gateway.transports.sftp.names import is_temporary
from gateway.transports.sftp.server.accounts import MailboxAccount
from gateway.transports.sftp.server.completeness import TAIL, incomplete
from gateway.transports.sftp.server.eager import Commit
from gateway.transports.sftp.server.entries import Alert, Entry, FileState
from gateway.transports.sftp.server.mailbox import Mailbox
from gateway.transports.sftp.server.publish import publish
from gateway.transports.sftp.server.staging import Finished, Upload
from gateway.transports.sftp.server.tree import INBOX

__all__ = ["Fate", "Intake", "StagedInboundPort", "fate_of", "marked_names", "resend_identities"]

T = TypeVar("T")


class StagedInboundPort(Protocol):
    """The store's own ways in: a large upload as a durable file, which never has to be in memory; a small one without
    a thread that waits for it."""

    def receive_staged(self, received: Received, payload: StagedPayload) -> Receipt:
        """Like ``InboundPort.receive``; ``received.payload`` is empty and ``payload`` stands in its place."""
        ...

    def receive_soon(self, received: Received, known_as: str | None = None) -> Future[Receipt]:
        """Like ``InboundPort.receive`` for a small payload, without waiting; the future ends after the commit.

        ``known_as``: another identity under which the same message may have come before.
        """
        ...


class Fate(Enum):
    """What a closed upload is."""

    #: Whole: it becomes a transmission.
    RECEIVE = "receive"
    #: Not whole yet by the partner's mode.
    HOLD = "hold"
    #: The sign that another file is whole.
    MARKER = "marker"


def fate_of(name: str, mailbox: HostedSftp, *, renamed: bool = False) -> Fate:
    """What a file with this name is once it was closed, or ``renamed`` after that."""
    if is_temporary(name, mailbox.temporary_names):
        return Fate.HOLD
    if mailbox.complete == "marker":
        return Fate.MARKER if _marker_suffix(name, mailbox) else Fate.HOLD
    if mailbox.complete == "quiet" or (mailbox.complete == "rename" and not renamed):
        return Fate.HOLD
    return Fate.RECEIVE


def marked_names(marker: str, mailbox: HostedSftp) -> tuple[str, str]:
    """What a marker speaks of: ``a.edi.done`` of the file ``a.edi``, else of any file with the stem ``a.edi``."""
    name = marker[: -len(_marker_suffix(marker, mailbox))]
    return name, f"{name}."


def _marker_suffix(name: str, mailbox: HostedSftp) -> str:
    folded = name.lower()
    found = (
        suffix for suffix in mailbox.marker_suffixes if folded.endswith(suffix.lower()) and len(name) > len(suffix)
    )
    return next(found, "")


def resend_identities(partner: str, name: str, sha256: str, hours: int, now: datetime) -> tuple[str, str]:
    """The identity of an upload in the present window of ``hours``, and what it would be in the one before."""
    window = int(now.timestamp() // (hours * 3600))
    return (
        derived_id("sftp", partner, name, sha256, hours, window),
        derived_id("sftp", partner, name, sha256, hours, window - 1),
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """The bytes to hand in, wherever they are."""

    sha256: str
    size: int
    head: bytes
    tail: bytes
    body: bytes | None
    path: Path
    gaps: bool = False


class Intake:
    """Turns closed uploads into transmissions. Its coroutines run on the listener's loop."""

    def __init__(
        self,
        mailbox: Mailbox,
        inbound: InboundPort,
        pool: Executor,
        *,
        staged: StagedInboundPort | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._inbound = inbound
        self._staged = staged
        self._pool = pool

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def closed(self, upload: Upload, account: MailboxAccount, name: str, facts: Mapping[str, Any]) -> FileState:
        """The client closed an upload: returns once what it became is durable.

        Raises what the store or the disk raises; nothing was acknowledged then, and the upload is as it was.
        """
        fate = fate_of(name, account.mailbox)
        if fate is Fate.MARKER:
            return await self._marker(account, name, facts, await self.in_thread(upload.finish))
        if fate is Fate.HOLD:
            entry = await self._keep(upload, account, name, facts)
            return await self._look_for_marker(account, name, entry)
        finished = upload.finish() if upload.in_memory else await self.in_thread(upload.finish)
        await self._receive(_content(finished), account, name, facts, upload.id, upload.path)
        return FileState.RECEIVED

    async def renamed(self, entry: Entry, account: MailboxAccount, name: str) -> None:
        """A held file got a new name: it may be whole now. Returns once that is durable."""
        fate = fate_of(name, account.mailbox, renamed=True)
        facts = {**(entry.facts or {}), "held_as": entry.name}
        if fate is Fate.RECEIVE:
            await self.promote(entry, account, name, facts)
        elif fate is Fate.MARKER:
            await self._marker(account, name, facts, None)
            await self.in_thread(self._mailbox.drop, entry)
        else:
            moved = await self.in_thread(self._mailbox.move, entry, name)
            await self._look_for_marker(account, name, moved)

    async def promote(
        self, entry: Entry, account: MailboxAccount, name: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        """A held file is whole: hand it in, then let its staged bytes go."""
        path = self._mailbox.staged_path(entry.id)
        content = await self.in_thread(_staged_content, entry, path)
        given = dict(facts if facts is not None else entry.facts or {})
        await self._receive(content, account, name or entry.name, given, entry.id, path)

    async def cut(
        self, upload: Upload, account: MailboxAccount, name: str, facts: Mapping[str, Any]
    ) -> FileState | None:
        """The connection ended with the upload open: never processed; kept for a day when there is anything.

        The last byte is not kept. A client that compares sizes would take a file of full size for delivered and
        never close it; like this it goes on, closes it, and hears our answer.
        """
        await self.in_thread(upload.truncate, max(upload.size - 1, 0))
        if upload.size == 0:
            await self.in_thread(self._discard, upload)
            return None
        await self.in_thread(upload.sync)
        await self._store(self._row(upload.id, account, name, FileState.ABORTED, upload.size, None, facts))
        return FileState.ABORTED

    def _discard(self, upload: Upload) -> None:
        upload.path.unlink(missing_ok=True)
        self._mailbox.forget(upload.id).result()

    # -- receiving -------------------------------------------------------------------------------------------

    async def _receive(
        self,
        content: _Content,
        account: MailboxAccount,
        name: str,
        facts: Mapping[str, Any],
        row_id: str,
        path: Path,
    ) -> None:
        """Hand the bytes in, durably; then the partner sees the file as received."""
        if content.body is not None and content.size <= INLINE_LIMIT and self._staged is not None:
            received, before = self._received(content, account, name, dict(facts))
            receipt = await Commit(self._staged.receive_soon(received, before))
        else:
            receipt = await self.in_thread(self._hand_in, content, account, name, dict(facts))
        fault_point("sftp.after_receive")
        row = self._row(row_id, account, name, FileState.RECEIVED, content.size, content.sha256, facts)
        if content.body is not None:
            self._mailbox.show(row)
        else:  # a staged file has a row already, which must be another one before its bytes go
            await self._store(row)
            await self.in_thread(lambda: path.unlink(missing_ok=True))
        if receipt.duplicate:
            self._mailbox.alert(
                Alert(
                    "resend",
                    account.partner,
                    f"{account.partner} sent {name} again with the same content; it was not processed again.",
                    receipt.transmission_id,
                )
            )

    def _hand_in(self, content: _Content, account: MailboxAccount, name: str, facts: dict[str, Any]) -> Receipt:
        received, before = self._received(content, account, name, facts)
        if before is not None and self._inbound.earlier("sftp", account.partner, before) is not None:
            received = replace(received, transport_id=before)
        if content.size > INLINE_LIMIT and content.body is None and self._staged is not None:
            staged = publish(self._mailbox.store.blobs, content.path, content.sha256, content.size)
            return self._staged.receive_staged(replace(received, payload=b""), staged)
        if content.body is None:
            received = replace(received, payload=content.path.read_bytes())
        return self._inbound.receive(received)

    def _received(
        self, content: _Content, account: MailboxAccount, name: str, facts: dict[str, Any]
    ) -> tuple[Received, str | None]:
        """What is handed in, with the bytes that are in memory, and its identity in the window before this one."""
        reason = (
            "Parts of the file were never written."
            if content.gaps
            else incomplete(content.head, content.tail, content.size)
        )
        present = before = None
        if hours := account.mailbox.resend_hours:
            now = self._mailbox.clock()
            present, before = resend_identities(account.partner, name, content.sha256, hours, now)
        received = Received(
            transport="sftp",
            partner=account.partner,
            payload=content.body or b"",
            transport_id=present,
            wire_sha256=content.sha256,
            filename=name,
            facts=facts,
            failure=None if reason is None else _failure(name, reason),
        )
        return received, before

    # -- holding ---------------------------------------------------------------------------------------------

    async def _keep(self, upload: Upload, account: MailboxAccount, name: str, facts: Mapping[str, Any]) -> Entry:
        finished = await self.in_thread(lambda: upload.finish(keep=True))
        row = self._row(upload.id, account, name, FileState.HELD, finished.size, finished.sha256, facts)
        await self._store(row)
        return row

    async def _marker(
        self, account: MailboxAccount, name: str, facts: Mapping[str, Any], finished: Finished | None
    ) -> FileState:
        """A marker came: the file it speaks of is whole. Without such a file the marker itself waits."""
        exact, stem = marked_names(name, account.mailbox)
        held = await self.in_thread(self._held, account.partner)
        spoken_of = [entry for entry in held if exact == entry.name] or [e for e in held if e.name.startswith(stem)]
        spoken_of = [e for e in spoken_of if fate_of(e.name, account.mailbox) is not Fate.MARKER]
        for entry in spoken_of:
            await self.promote(entry, account, None, {**(entry.facts or {}), "marker": name})
        if spoken_of:
            return FileState.RECEIVED
        marker_id = new_id(self._mailbox.clock())
        size = 0 if finished is None else finished.size
        await self._store(self._row(marker_id, account, name, FileState.HELD, size, None, facts))
        return FileState.HELD

    async def _look_for_marker(self, account: MailboxAccount, name: str, entry: Entry) -> FileState:
        """A held file may have its marker already."""
        if account.mailbox.complete != "marker" or is_temporary(name, account.mailbox.temporary_names):
            return FileState.HELD
        held = await self.in_thread(self._held, account.partner)
        for other in held:
            if fate_of(other.name, account.mailbox) is not Fate.MARKER:
                continue
            exact, stem = marked_names(other.name, account.mailbox)
            if name == exact or name.startswith(stem):
                await self.promote(entry, account, None, {**(entry.facts or {}), "marker": other.name})
                await self.in_thread(self._mailbox.drop, other)
                return FileState.RECEIVED
        return FileState.HELD

    def _held(self, partner: str) -> list[Entry]:
        entries = self._mailbox.listing(partner, INBOX, 10_000)
        return [entry for entry in entries if entry.state is FileState.HELD]

    def _store(self, row: Entry) -> Awaitable[None]:
        return asyncio.wrap_future(self._mailbox.put(row))

    def _row(
        self,
        row_id: str,
        account: MailboxAccount,
        name: str,
        state: FileState,
        size: int,
        sha256: str | None,
        facts: Mapping[str, Any],
    ) -> Entry:
        now = self._mailbox.clock()
        return Entry(row_id, account.partner, INBOX, name, state, size, now, now, sha256, facts=facts)


def _content(finished: Finished) -> _Content:
    return _Content(
        finished.sha256,
        finished.size,
        finished.head,
        finished.tail,
        finished.body,
        finished.path,
        finished.gaps,
    )


def _staged_content(entry: Entry, path: Path) -> _Content:
    """A held file as it lies in the staging folder. Raises FileNotFoundError when its bytes have gone."""
    with path.open("rb") as stream:
        head = stream.read(TAIL)
        stream.seek(max(entry.size - TAIL, 0))
        tail = stream.read()
    return _Content(entry.sha256 or "", entry.size, head, tail, None, path)


def _failure(name: str, reason: str) -> ReceiveFailure:
    return ReceiveFailure(
        "malformed",
        f"The uploaded file {name} is not complete: {reason}",
        "Ask the partner to upload the whole file again; nothing of this one was processed.",
    )
