"""The test of a partner's SFTP server, step by step and in words: name, network, algorithms, host key, login, files.

The probe file keeps an unfinished name from its first byte to its removal, so no system of the partner takes it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from gateway.partners.profile import PartnerProfile
from gateway.store.errors import SecretError
from gateway.transports.sftp.client.connection import Session, Timeouts, connect, within
from gateway.transports.sftp.client.errors import ConnectError, in_words
from gateway.transports.sftp.client.listing import join, read_listing
from gateway.transports.sftp.client.target import (
    Credentials,
    Pull,
    Push,
    SftpTarget,
    credentials_from_profile,
    target_from_profile,
)

__all__ = ["STEPS", "StepResult", "partner_test"]

#: The steps in their order.
STEPS = ("settings", "dns", "tcp", "algorithms", "host key", "login", "list", "write", "rename", "delete")
_PROBE = b"A test file of the EDI gateway. It may be deleted.\n"
#: Steps that a session needs, in the order in which they happen.
_CONNECTING = ("tcp", "algorithms", "host key", "login", "sftp")


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went."""

    #: One of ``STEPS``.
    step: str
    ok: bool
    #: What was seen, or what failed, why and what to do.
    sentence: str


def partner_test(
    profile: PartnerProfile,
    secret: Callable[[str], bytes],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    timeouts: Timeouts | None = None,
) -> list[StepResult]:
    """Try the partner's server and tell every step that was tried; the last one tells why it ended there.

    ``secret`` gives a stored secret by name. Nothing is fetched and nothing of ours stays there. Blocks until done
    (at most about a minute for a silent server); call it outside any event loop.
    """
    try:
        target = target_from_profile(profile)
        credentials = credentials_from_profile(profile, secret)
    except (ValueError, LookupError, SecretError) as error:
        return [StepResult("settings", False, str(error))]
    if target is None:
        return [StepResult("settings", False, f"The profile of {profile.code} names no SFTP server: give sftp.host.")]
    return asyncio.run(_Test(target, credentials, clock, timeouts).run())


@dataclass(slots=True)
class _Test:
    """One run through the steps."""

    target: SftpTarget
    credentials: Credentials
    clock: Callable[[], datetime]
    timeouts: Timeouts | None
    results: list[StepResult] = field(default_factory=list)

    async def run(self) -> list[StepResult]:
        if await self._name():
            session = await self._connect()
            if session is not None:
                try:
                    await self._list(session, self.target.pull)
                    await self._probe(session, self.target.push)
                finally:
                    await session.close()
        return self.results

    def _tell(self, step: str, sentence: str, *, ok: bool = True) -> bool:
        self.results.append(StepResult(step, ok, sentence))
        return ok

    async def _name(self) -> bool:
        host, port = self.target.host, self.target.port
        try:
            found = await within(asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM), 10.0)
        except (OSError, TimeoutError):
            return self._tell("dns", f"The name {host} is not known: correct sftp.host, or ask the partner.", ok=False)
        addresses = sorted({str(item[4][0]) for item in found})
        return self._tell("dns", f"{host} has the address {', '.join(addresses)}.")

    async def _connect(self) -> Session | None:
        """Open a session and tell the four steps that this takes."""
        target = self.target
        try:
            session = await connect(target, self.credentials, self.clock().date(), self.timeouts)
        except ConnectError as error:
            self._tell_failure(error)
            return None
        facts = session.facts()
        self._tell("tcp", f"{target.place} answers as {facts['server'] or 'an SSH server'}.")
        self._tell("algorithms", f"Cipher {facts['cipher']}, integrity {facts['mac']}.")
        self._tell("host key", f"Its key {session.host_key} is pinned in the profile.")
        self._tell("login", f"It lets us in as {target.user}.")
        return session

    def _tell_failure(self, error: ConnectError) -> None:
        """The steps that were passed before the failure, then the failure."""
        passed = {
            "tcp": f"{self.target.place} answers.",
            "algorithms": "It has algorithms that we offer.",
            "host key": "Its key is pinned in the profile.",
            "login": f"It lets us in as {self.target.user}.",
        }
        if error.step == "dns" or not self.target.host_keys:
            self._tell(error.step, str(error), ok=False)
            return
        for step in _CONNECTING[: _CONNECTING.index(error.step)]:
            self._tell(step, passed[step])
        self._tell("login" if error.step == "sftp" else error.step, str(error), ok=False)

    async def _list(self, session: Session, pull: Pull | None) -> None:
        if pull is None:
            return
        directory = pull.directory or "."
        try:
            entries = await within(session.sftp.readdir(directory.encode()))
        except (asyncssh.Error, TimeoutError) as error:
            self._tell(
                "list",
                f"{directory} cannot be listed: {in_words(error)}. Correct sftp.inbound or the rights.",
                ok=False,
            )
            return
        files = read_listing(entries, pull).files
        self._tell("list", f"{directory} can be listed; {len(files)} files wait there that fit {pull.pattern}.")

    async def _probe(self, session: Session, push: Push) -> None:
        """Write, rename and delete a file of our own."""
        folder = push.directory if push.temporary_directory is None else push.temporary_directory
        shown = folder or "the first directory"
        stem = f".edi-gateway-test-{secrets.token_hex(4)}"
        first, second = join(folder, f"{stem}.1.tmp"), join(folder, f"{stem}.2.tmp")
        if not await self._write(session.sftp, first, shown):
            return
        present = first
        try:
            await within(session.sftp.rename(first, second))
            present = second
            self._tell("rename", "It can be renamed there.")
        except (asyncssh.Error, TimeoutError) as error:
            self._tell(
                "rename",
                f"Files in {shown} cannot be renamed: {in_words(error)}. Set sftp.temporary_suffix to empty when the "
                "partner permits no renaming.",
                ok=False,
            )
        try:
            await within(session.sftp.remove(present))
            self._tell("delete", "It can be deleted there.")
        except (asyncssh.Error, TimeoutError) as error:
            name = present.rpartition(b"/")[2].decode()
            self._tell(
                "delete",
                f"Files in {shown} cannot be deleted: {in_words(error)}. That is no hindrance for sending; the probe "
                f"{name} stays there.",
                ok=False,
            )

    async def _write(self, sftp: asyncssh.SFTPClient, path: bytes, shown: str) -> bool:
        try:
            handle = await within(sftp.open(path, "wb"))
            try:
                await within(handle.write(_PROBE, 0))
            finally:
                await within(handle.close())
            size = (await within(sftp.stat(path))).size
        except (asyncssh.Error, TimeoutError) as error:
            return self._tell(
                "write",
                f"No file can be written to {shown}: {in_words(error)}. Correct sftp.outbound or the rights.",
                ok=False,
            )
        if size != len(_PROBE):
            return self._tell("write", f"A file of {len(_PROBE)} bytes has {size} bytes there.", ok=False)
        return self._tell("write", f"A file can be written to {shown}, and its size is right.")
