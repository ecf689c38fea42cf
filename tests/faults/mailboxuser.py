"""A partner's program at our mailbox: it uploads orders and collects answers, and believes only what it was told.

An upload is done when its CLOSE was answered OK; until then the program sends the file again. A file is fetched from
the first byte to the last and then closed; only the answer to that CLOSE settles it. What the program holds whole but
was not told about, it keeps, and fetches again if it is offered again. It deletes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncssh

__all__ = ["Answers", "Mailbox", "Orders", "collect", "upload"]

#: What a program sees of a gateway that dies: nothing of it says whether the request was carried out.
LOST = (asyncssh.Error, OSError, TimeoutError)
#: Seconds between two looks at what is offered.
_EVERY = 0.3


@dataclass
class Mailbox:
    """Where the program logs in. ``address`` gives the server's address once it runs: "sftp://host:port"."""

    user: str
    key: asyncssh.SSHKey
    fingerprints: frozenset[str]
    address: Callable[[], Awaitable[str]]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connected]:
        """One connection with one session, ended in good order when nothing breaks it."""
        server = urlsplit(await self.address())
        connection = await asyncssh.connect(
            server.hostname or "",
            server.port or 22,
            username=self.user,
            client_keys=[self.key],
            client_factory=lambda: _Pinned(self.fingerprints),
            known_hosts=([], [], []),
            config=None,
            agent_path=None,
        )
        async with connection, connection.start_sftp_client() as sftp:
            yield Connected(connection, sftp)


@dataclass(frozen=True)
class Connected:
    """An open session with its connection."""

    connection: asyncssh.SSHClientConnection
    sftp: asyncssh.SFTPClient

    async def close(self, file: asyncssh.SFTPClientFile) -> None:
        """Close a file; returns when the server has answered OK, raises ``SFTPConnectionLost`` when it cannot any more.

        asyncssh's own ``close`` sends nothing, and returns as if all were well, when the connection has ended before.
        """
        if self.connection.is_closed():
            raise asyncssh.SFTPConnectionLost("the connection ended before the file was closed")
        await file.close()


class _Pinned(asyncssh.SSHClient):
    def __init__(self, fingerprints: frozenset[str]) -> None:
        self._fingerprints = fingerprints

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return key.get_fingerprint() in self._fingerprints


@dataclass
class Orders:
    """What is to be uploaded, by file name, and what became of it as the program knows."""

    files: Mapping[str, bytes]
    #: Their CLOSE was answered OK.
    done: list[str] = field(default_factory=list)
    #: Sessions that broke.
    broken: int = 0
    #: Uploads that were begun again because nobody said OK.
    again: int = 0


@dataclass
class Answers:
    """What the program has fetched."""

    #: Whole files by name.
    files: dict[str, bytes] = field(default_factory=dict)
    #: Files whose CLOSE was answered OK, and how often.
    told: Counter[str] = field(default_factory=Counter)
    #: Files that it held whole when the answer to their CLOSE did not come.
    untold: set[str] = field(default_factory=set)
    #: Files that a later session offered although the program had been told OK for them.
    offered_again: list[str] = field(default_factory=list)
    #: Files that came again with other bytes.
    changed: list[str] = field(default_factory=list)
    broken: int = 0


async def upload(mailbox: Mailbox, orders: Orders, *, batch: int, may_go_on: Callable[[], Awaitable[None]]) -> None:
    """Upload every order, ``batch`` in a session; ``may_go_on`` is awaited before each."""
    waiting = list(orders.files)
    while waiting:
        try:
            async with mailbox.session() as session:
                for name in waiting[:batch]:
                    await may_go_on()
                    await _put(session, f"in/{name}", orders.files[name])
                    waiting.remove(name)
                    orders.done.append(name)
        except LOST:
            orders.broken += 1
            orders.again += 1


async def _put(session: Connected, path: str, body: bytes) -> None:
    """Write in four parts, so that a death may come between them; returns when the CLOSE was answered OK."""
    file = await session.sftp.open(path, "wb")
    part = -(-len(body) // 4)
    for start in range(0, len(body), part):
        await file.write(body[start : start + part], start)
    await session.close(file)


async def collect(mailbox: Mailbox, answers: Answers, *, enough: Callable[[], bool]) -> None:
    """Fetch what is offered, session after session, until it is ``enough``."""
    while not enough():
        try:
            async with mailbox.session() as session:
                offered = [name for name in await _files(session.sftp) if not name.startswith(".")]
                answers.offered_again += [name for name in offered if answers.told[name]]
                for name in offered:
                    await _get(session, name, answers)
        except LOST:
            answers.broken += 1
        else:
            await asyncio.sleep(_EVERY)  # as a schedule does; the answers to what was sent come meanwhile


async def _files(sftp: asyncssh.SFTPClient) -> list[str]:
    return [str(entry.filename) async for entry in sftp.scandir("out") if entry.attrs.permissions & 0o100000]


async def _get(session: Connected, name: str, answers: Answers) -> None:
    """Read all of a file and close it; every step is noted when it is certain, not before."""
    file = await session.sftp.open(f"out/{name}", "rb")
    size = (await file.stat()).size
    body = await file.read()
    assert len(body) == size
    if answers.files.setdefault(name, body) != body:
        answers.changed.append(name)
    answers.untold.add(name)
    await session.close(file)
    answers.untold.discard(name)
    answers.told[name] += 1
