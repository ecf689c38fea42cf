"""Opening an SFTP session: pinned host keys only, our own credentials only, and every failure in words.

A server may own keys of several kinds while the profile pins only one of them, so a key that is not pinned is
no mismatch yet: the other kinds are asked for before the server is called a stranger. Nothing is sent to it, not even
our login name, before a pinned key has proved who it is (RFC 4253 §8).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import asyncssh

from gateway.transports.sftp.algorithms import COMPRESSION, LEGACY, MODERN, AlgorithmSet, with_legacy
from gateway.transports.sftp.client.errors import ConnectError, HostKeyMismatchError
from gateway.transports.sftp.client.target import Credentials, SftpTarget

__all__ = ["OPERATION_SECONDS", "Session", "Timeouts", "connect", "open_session", "read_bytes", "within"]

T = TypeVar("T")

#: Seconds that one operation of an open session may take without any answer.
OPERATION_SECONDS = 60.0
_KEEPALIVE_SECONDS, _KEEPALIVES_MISSED = 15, 3
#: Kinds of host key, by the signatures that prove them.
_KINDS: tuple[frozenset[str], ...] = (
    frozenset({"ssh-ed25519"}),
    frozenset({"ecdsa-sha2-nistp256"}),
    frozenset({"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}),
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a server may take, in seconds."""

    connect: float = 10.0
    login: float = 30.0


@dataclass(slots=True)
class Session:
    """An open SFTP session on a partner's server."""

    connection: asyncssh.SSHClientConnection
    sftp: asyncssh.SFTPClient
    #: Fingerprint of the server's key.
    host_key: str

    def facts(self) -> dict[str, str]:
        """Algorithms in use, for people."""
        names = {"cipher": "send_cipher", "mac": "send_mac", "server": "server_version"}
        return {name: str(self.connection.get_extra_info(key) or "") for name, key in names.items()}

    async def close(self) -> None:
        """End the session and its connection."""
        self.sftp.exit()
        self.connection.close()
        try:
            await within(self.connection.wait_closed(), 5.0)
        except (TimeoutError, asyncssh.Error, OSError):
            self.connection.abort()


@dataclass(slots=True)
class _Pins(asyncssh.SSHClient):
    """Judges the server's key by the pinned fingerprints."""

    pins: frozenset[str]
    seen: str = ""
    kind: str = ""
    trusted: bool = field(default=False)
    connection: asyncssh.SSHClientConnection | None = None

    @property
    def spoke(self) -> bool:
        """Whether the other side introduced itself as an SSH server."""
        return self.connection is not None and bool(self.connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """The network connection stands; nothing was said yet."""
        self.connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """True for a pinned key only."""
        self.seen, self.kind = key.get_fingerprint(), key.get_algorithm()
        self.trusted = self.seen.rstrip("=") in self.pins
        return self.trusted


async def within(work: Awaitable[T], seconds: float = OPERATION_SECONDS) -> T:
    """The result of an operation over the network.

    Raises TimeoutError when it takes longer, ``asyncssh.SFTPConnectionLost`` when the network ends the connection (a
    reset), and whatever else ``work`` raises.
    """
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (TimeoutError, socket.gaierror, ConnectionRefusedError):
        raise  # there was no connection yet that could be lost
    except OSError as error:
        raise asyncssh.SFTPConnectionLost(f"the connection was lost: {error.strerror or error}") from error


async def read_bytes(handle: asyncssh.SFTPClientFile, size: int, offset: int) -> bytes:
    """Up to ``size`` bytes of an open file from ``offset`` on; b"" at its end."""
    data: str | bytes = await within(handle.read(size, offset))
    return data if isinstance(data, bytes) else data.encode()


@asynccontextmanager
async def open_session(
    target: SftpTarget, credentials: Credentials, today: date, timeouts: Timeouts | None = None
) -> AsyncIterator[Session]:
    """``connect``, and close at the end."""
    session = await connect(target, credentials, today, timeouts)
    try:
        yield session
    finally:
        await session.close()


async def connect(
    target: SftpTarget, credentials: Credentials, today: date, timeouts: Timeouts | None = None
) -> Session:
    """Open a session; ``today`` (UTC) decides whether older algorithms are offered.

    Raises HostKeyMismatchError when no key of the server is pinned, ConnectError for everything else.
    """
    timeouts = timeouts or Timeouts()
    if not target.host_keys:
        raise ConnectError(
            f"The profile of {target.partner} pins no host key, so {target.place} cannot be trusted: ask the partner "
            "for the fingerprint and add it to sftp.host_keys.",
            step="host key",
        )
    algorithms = with_legacy(LEGACY) if target.older_algorithms(today) else MODERN
    keys = _keys(target, credentials)
    connection, pins = await _trusted(target, credentials, keys, algorithms, timeouts)
    try:
        sftp = await within(connection.start_sftp_client(path_encoding=None), timeouts.login)
    except (asyncssh.Error, OSError, TimeoutError) as error:
        connection.abort()
        raise ConnectError(
            f"{target.place} let us in as {target.user} but starts no SFTP: ask the partner to permit it.", step="sftp"
        ) from error
    return Session(connection, sftp, pins.seen)


def _keys(target: SftpTarget, credentials: Credentials) -> list[asyncssh.SSHKey]:
    if credentials.key is None:
        return []
    try:
        return [asyncssh.import_private_key(credentials.key)]
    except (asyncssh.KeyImportError, ValueError) as error:
        raise ConnectError(
            f"Our private key for {target.partner} cannot be read: store it anew, in OpenSSH form and without a "
            "passphrase.",
            step="login",
        ) from error


async def _trusted(
    target: SftpTarget,
    credentials: Credentials,
    keys: Sequence[asyncssh.SSHKey],
    algorithms: AlgorithmSet,
    timeouts: Timeouts,
) -> tuple[asyncssh.SSHClientConnection, _Pins]:
    """A logged-in connection under a pinned host key of any kind."""
    first = _Pins(target.host_keys)
    try:
        return await _attempt(target, credentials, keys, algorithms, algorithms.signatures, first, timeouts), first
    except ConnectError as error:
        if not first.seen or first.trusted:
            raise
        mismatch = error
    for kind in _KINDS:
        signatures = tuple(name for name in algorithms.signatures if name in kind)
        if first.kind in kind or not signatures:
            continue
        pins = _Pins(target.host_keys)
        try:
            return await _attempt(target, credentials, keys, algorithms, signatures, pins, timeouts), pins
        except ConnectError as error:
            # A server without this kind of key says so or just hangs up; one that cannot be reached proves nothing.
            if pins.trusted or not isinstance(error.__cause__, asyncssh.Error | ConnectionResetError):
                raise
    raise HostKeyMismatchError(
        f"{target.place} shows the host key {first.seen}, which the profile of {target.partner} does not name. "
        "Nothing is exchanged until this is settled: ask the partner, by telephone rather than by mail, whether the "
        "key was changed; then put the new fingerprint into sftp.host_keys.",
        first.seen,
    ) from mismatch


async def _attempt(
    target: SftpTarget,
    credentials: Credentials,
    keys: Sequence[asyncssh.SSHKey],
    algorithms: AlgorithmSet,
    signatures: tuple[str, ...],
    pins: _Pins,
    timeouts: Timeouts,
) -> asyncssh.SSHClientConnection:
    """One connection; every failure is a ConnectError."""
    try:
        return await asyncssh.connect(
            target.host,
            target.port,
            config=None,
            username=target.user,
            password=credentials.password,
            client_keys=list(keys) or None,
            agent_path=None,
            gss_host=None,
            known_hosts=([], [], []),
            client_factory=lambda: pins,
            kex_algs=list(algorithms.kex),
            encryption_algs=list(algorithms.ciphers),
            mac_algs=list(algorithms.macs),
            server_host_key_algs=list(signatures),
            signature_algs=list(algorithms.signatures),
            compression_algs=list(COMPRESSION),
            connect_timeout=timeouts.connect,
            login_timeout=timeouts.login,
            keepalive_interval=_KEEPALIVE_SECONDS,
            keepalive_count_max=_KEEPALIVES_MISSED,
        )
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise _explained(target, error, pins) from error


def _explained(target: SftpTarget, error: Exception, pins: _Pins) -> ConnectError:
    place = target.place
    if isinstance(error, socket.gaierror):
        return ConnectError(f"The name {target.host} is not known: correct sftp.host, or ask the partner.", step="dns")
    if isinstance(error, asyncssh.PermissionDenied):
        return ConnectError(
            f"{place} refuses our login as {target.user}: compare user, password and public key with the partner.",
            step="login",
            login_refused=True,
        )
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return ConnectError(f"{place} shows a host key that is not pinned.", step="host key")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return ConnectError(
            f"{place} and we have no algorithm in common ({_short(error.reason)}): ask the partner for a newer one, or "
            "set sftp.algorithms to compatible with an end date.",
            step="algorithms",
        )
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(f"{place} refuses connections: correct sftp.port, or ask the partner whether it runs.")
    if isinstance(error, TimeoutError):
        return ConnectError(
            f"{place} does not answer: ask the partner whether it runs and whether its firewall lets our address in."
        )
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return ConnectError(f"{place} cannot be reached: {error.strerror or error}.")
    if pins.spoke and not pins.seen:
        return ConnectError(
            f"{place} hung up while algorithms were agreed ({_short(str(error))}): most often it has none in common "
            "with us. Ask the partner for newer ones, or set sftp.algorithms to compatible with an end date.",
            step="algorithms",
        )
    step = "login" if pins.trusted else "tcp"
    return ConnectError(f"{place} ended the connection before our login was done ({_short(str(error))}).", step=step)


def _short(text: str) -> str:
    """What the other side said, on one line and not too long."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:300]
