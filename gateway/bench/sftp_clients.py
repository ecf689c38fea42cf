"""The clients of the SFTP benchmark: asyncssh's, and OpenSSH's ``sftp``; each talks to both servers in the same way.

One connection, one file after the other, as a partner's job does it. Connecting and logging in are not timed. A session
is a function: what is to be measured gives seconds.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from gateway.bench.sftp_peers import Key, Server, program

__all__ = ["BULK_GET", "BULK_PUT", "CIPHER", "CLIENTS", "GET", "PUT", "Load", "Session"]

#: What is measured.
PUT, GET, BULK_PUT, BULK_GET = "small puts", "small gets", "bulk put", "bulk get"
#: The cipher of every connection: the first choice of OpenSSH's client.
CIPHER = "chacha20-poly1305@openssh.com"
#: Seconds that one command and the end of a session may take.
_PATIENCE, _END = 900.0, 60.0
_ANSWER = b"Remote working directory"


@dataclass(frozen=True, slots=True)
class Load:
    """What one client carries: files of ``small`` and the file ``large`` go up, the same names come down to ``got``."""

    small: Path
    large: Path
    got: Path

    @property
    def names(self) -> list[str]:
        """The names of the small files, in order."""
        return sorted(path.name for path in self.small.iterdir())


#: Seconds of one of PUT, GET, BULK_PUT and BULK_GET, each to be done once.
Session = Callable[[str], float]


# -- asyncssh ----------------------------------------------------------------------------------------------------


@contextmanager
def _with_asyncssh(server: Server, key: Key, load: Load) -> Iterator[Session]:
    """A session of asyncssh's client. Raises asyncssh.Error and OSError when something fails."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        sftp = runner.run(_connected(stack, server, key))
        try:
            yield lambda variant: runner.run(_asyncssh(sftp, load, variant))
        finally:
            runner.run(stack.aclose())


async def _connected(stack: AsyncExitStack, server: Server, key: Key) -> asyncssh.SFTPClient:
    connection = await stack.enter_async_context(
        asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            client_keys=[str(key.private)],
            known_hosts=None,
            config=None,
            agent_path=None,
            encryption_algs=[CIPHER],
        )
    )
    return await stack.enter_async_context(connection.start_sftp_client())


async def _asyncssh(sftp: asyncssh.SFTPClient, load: Load, variant: str) -> float:
    async def put() -> None:
        for name in load.names:
            await sftp.put(str(load.small / name), f"in/{name}")

    async def get() -> None:
        for name in load.names:
            await sftp.get(f"out/{name}", str(load.got / name))

    async def bulk_put() -> None:
        await sftp.put(str(load.large), f"in/{load.large.name}")

    async def bulk_get() -> None:
        await sftp.get(f"out/{load.large.name}", str(load.got / load.large.name))

    works: dict[str, Callable[[], Any]] = {PUT: put, GET: get, BULK_PUT: bulk_put, BULK_GET: bulk_get}
    began = time.perf_counter()
    await works[variant]()
    return time.perf_counter() - began


# -- OpenSSH -----------------------------------------------------------------------------------------------------


@contextmanager
def _with_openssh(server: Server, key: Key, load: Load) -> Iterator[Session]:
    """A session of OpenSSH's client. Raises RuntimeError with the client's words when a command fails."""
    commands = {
        PUT: f"put {load.small}/* in/",
        GET: f"get out/{_pattern(load)} {load.got}/",
        BULK_PUT: f"put {load.large} in/",
        BULK_GET: f"get out/{load.large.name} {load.got}/",
    }
    process = subprocess.Popen(  # noqa: S603 - OpenSSH's client
        [program("sftp") or "sftp", *_options(server, key), "-b", "-", f"{server.user}@127.0.0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        _timed(process, "")  # connected and logged in
        yield lambda variant: _timed(process, commands[variant])
        process.communicate(b"bye\n", timeout=_END)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _pattern(load: Load) -> str:
    """A shell pattern of just the names of this load: they have their beginning in common."""
    names = load.names
    first, last = names[0], names[-1]
    common = next((n for n, (one, other) in enumerate(zip(first, last, strict=True)) if one != other), len(first))
    return first[:common] + "*"


def _options(server: Server, key: Key) -> list[str]:
    options = {
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "no",
        "UpdateHostKeys": "no",
        "LogLevel": "ERROR",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": key.private,
        "BatchMode": "yes",
        "Ciphers": CIPHER,
        "Port": server.port,
    }
    return ["-F", "/dev/null", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]


def _timed(process: subprocess.Popen[bytes], command: str) -> float:
    """Seconds until the client has done a command and answers the next one."""
    sending, receiving = process.stdin, process.stdout
    if sending is None or receiving is None:  # both are pipes
        raise RuntimeError("The client has no pipes.")
    guard = threading.Timer(_PATIENCE, process.kill)
    guard.start()
    began = time.perf_counter()
    try:
        sending.write("".join(f"{line}\n" for line in (command, "pwd") if line).encode())
        sending.flush()
        for line in receiving:
            if line.startswith(_ANSWER):
                return time.perf_counter() - began
    finally:
        guard.cancel()
    said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
    raise RuntimeError(f"sftp failed: {said[-500:] or 'it ended without a word'}")


#: The clients by name.
CLIENTS: Mapping[str, Callable[[Server, Key, Load], AbstractContextManager[Session]]] = {
    "asyncssh": _with_asyncssh,
    "OpenSSH sftp": _with_openssh,
}
