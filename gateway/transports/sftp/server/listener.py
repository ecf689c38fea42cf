"""The SFTP listener: takes connections on the gateway's own loop and gives each partner its mailbox.

``SftpListener`` is all that the service needs: ``start()`` in the loop's thread (before or while it runs), ``stop()``
as a coroutine. Addresses are judged before a byte of SSH is spoken; what a connection may then do is in ``login``,
``session`` and ``intake``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import asyncssh

from gateway.messages.ports import InboundPort
from gateway.store.errors import StoreError
from gateway.transports.sftp.algorithms import COMPRESSION, MODERN, AlgorithmSet
from gateway.transports.sftp.hostkeys import HostKey
from gateway.transports.sftp.server.accounts import LegacyException, MailboxDirectory, allowed
from gateway.transports.sftp.server.bans import BanRules, Bans
from gateway.transports.sftp.server.door import Door
from gateway.transports.sftp.server.housekeeping import Housekeeper
from gateway.transports.sftp.server.intake import Intake, StagedInboundPort
from gateway.transports.sftp.server.lean import install, lean_connection
from gateway.transports.sftp.server.limits import ConnectionCounts, SftpLimits
from gateway.transports.sftp.server.login import Gate, Login
from gateway.transports.sftp.server.mailbox import Mailbox
from gateway.transports.sftp.server.passwords import PasswordChecker
from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["SftpListener"]

logger = logging.getLogger(__name__)

#: Connections that the system holds while we are busy.
_BACKLOG = 128
#: The banner names no product and no version.
_BANNER = "SFTP"


class SftpListener:
    """The server. ``port`` 0 lets the system choose; ``address`` tells which it was.

    ``loop``: the asyncio loop of the reactor. ``mailbox``: the store of mailboxes. ``inbound``: where complete
    uploads go; ``staged``, when given, takes large ones as files. ``host_keys`` in the order of preference.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        mailbox: Mailbox,
        directory: MailboxDirectory,
        inbound: InboundPort,
        host_keys: Sequence[HostKey],
        *,
        staged: StagedInboundPort | None = None,
        host: str = "127.0.0.1",
        port: int = 2222,
        limits: SftpLimits | None = None,
        ban_rules: BanRules | None = None,
    ) -> None:
        install()
        self.limits = limits or SftpLimits()
        self.bans = Bans(ban_rules)
        self.passwords = PasswordChecker()
        self.host_keys = tuple(host_keys)
        self._loop = loop
        self._mailbox = mailbox
        self._directory = directory
        self._host, self._port = host, port
        self._pool = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="sftp")
        self._intake = Intake(mailbox, inbound, self._pool, staged=staged)
        self.door = Door(mailbox, self._intake, self.limits)
        self.counts = ConnectionCounts(self.limits)
        self._gate = Gate(
            directory,
            self.passwords,
            self.bans,
            self.counts,
            self.limits,
            mailbox,
            self._intake.in_thread,
            self._session,
        )
        self._housekeeper = Housekeeper(mailbox, directory, self._intake, self.door)
        self._keys = [asyncssh.import_private_key(key.private) for key in self.host_keys]
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: dict[Any, float] = {}
        self._options: dict[AlgorithmSet, asyncssh.SSHServerConnectionOptions] = {}

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) once started. Raises RuntimeError before."""
        if self._socket is None:
            raise RuntimeError("The SFTP listener has not been started.")
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Recover what a crash left, then listen. Raises OSError when the port is taken."""
        self._housekeeper.recover()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._socket = socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        for work in (self._accept(self._socket), self._housekeeper.run(), self._watch()):
            self._keep(self._loop.create_task(work))

    async def stop(self) -> None:
        """Take no new connections, let open uploads end for a moment, cut the rest, and end the threads."""
        listening, self._socket = self._socket, None
        if listening is not None:
            self._loop.remove_reader(listening)
            listening.close()
        deadline = time.monotonic() + self.limits.drain_seconds
        while self.door.uploads and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.abort()
        while self.door.sessions and time.monotonic() < deadline + 5:
            await asyncio.sleep(0.01)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._intake.in_thread(self._mailbox.flush)
        self.passwords.close()
        self._pool.shutdown(wait=True)

    # -- connections -------------------------------------------------------------------------------------------

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        while self._socket is listening:
            try:
                peer, name = await self._loop.sock_accept(listening)
            except OSError as error:
                if self._socket is not listening:
                    return
                logger.warning("A connection to the SFTP server could not be taken: %s", error)
                await asyncio.sleep(0.2)
                continue
            address = str(name[0])
            refusal = self._refusal(address)
            if refusal:
                logger.info("SFTP connection from %s refused: %s", address, refusal)
                peer.close()
                continue
            self.counts.opened(address)
            self._keep(self._loop.create_task(self._serve(peer, address)))

    def _refusal(self, address: str) -> str:
        """Why this address is not let in, "" when it is; nothing has been computed for it yet."""
        now = time.monotonic()
        if self.bans.banned(address, now):
            return "the address is banned"
        return self.counts.refusal(address, now)

    async def _serve(self, peer: socket.socket, address: str) -> None:
        """One connection from its first byte to its end."""
        login = Login(self._gate, address, self._mailbox.clock)
        connection: Any = None
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            options = await self._options_for(address)
            connection = await asyncssh.run_server(peer, options=options, server_factory=lambda: login)
            lean_connection(connection)
            self._connections[connection] = time.monotonic()
            self.door.saw(connection)
            await connection.wait_closed()
        except (asyncssh.Error, OSError) as error:
            logger.info("SFTP connection from %s ended before its login: %s", address, error)
        except StoreError as error:
            logger.warning("SFTP connection from %s was closed, its partner may try again: %s", address, error)
        finally:
            if connection is not None:
                self._connections.pop(connection, None)
                self.door.last_seen.pop(connection, None)
                connection.abort()
            peer.close()
            self.counts.closed(address, login.account.partner if login.account else None)

    async def _options_for(self, address: str) -> asyncssh.SSHServerConnectionOptions:
        """The modern algorithms, and for addresses with an exception that has not ended the older ones too."""
        chosen = MODERN
        today = self._mailbox.clock().date()
        exceptions: list[LegacyException] = await self._intake.in_thread(self._directory.exceptions)
        for exception in exceptions:
            if exception.networks and today <= exception.until and allowed(exception.networks, address):
                chosen = exception.algorithms
                logger.info("Older SSH algorithms for %s until %s", exception.partner, exception.until)
        if chosen not in self._options:
            self._options[chosen] = await self._build(chosen)
        return self._options[chosen]

    async def _build(self, algorithms: AlgorithmSet) -> asyncssh.SSHServerConnectionOptions:
        limits = self.limits
        options: asyncssh.SSHServerConnectionOptions = await asyncssh.SSHServerConnectionOptions.construct(
            server_host_keys=self._key_pairs(algorithms),
            send_server_host_keys=True,
            sftp_factory=None,
            allow_scp=False,
            allow_pty=False,
            line_editor=False,
            agent_forwarding=False,
            x11_forwarding=False,
            gss_host=None,
            server_version=_BANNER,
            login_timeout=limits.login_seconds,
            keepalive_interval=limits.keepalive_seconds,
            keepalive_count_max=limits.keepalive_missed,
            compression_algs=list(COMPRESSION),
            kex_algs=list(algorithms.kex),
            encryption_algs=list(algorithms.ciphers),
            mac_algs=list(algorithms.macs),
            signature_algs=list(algorithms.signatures),
        )
        return options

    def _key_pairs(self, algorithms: AlgorithmSet) -> list[asyncssh.SSHKeyPair]:
        """Our host keys, each with those signatures only that the set allows (no SHA-1 for RSA)."""
        pairs = asyncssh.load_keypairs(self._keys)
        for pair in pairs:
            pair.host_key_algorithms = [
                name for name in pair.host_key_algorithms if name.decode("ascii") in algorithms.signatures
            ]
        return list(pairs)

    def _session(self, channel: Any) -> MailboxSession:
        """The session of a new SFTP channel. Raises ChannelOpenError for one that nobody logged in for."""
        connection = channel.get_connection()
        login: Login = connection.get_extra_info("gateway_login")
        account = login.account
        if account is None:  # cannot be: a channel is opened after the login only
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Log in first.")
        session = MailboxSession(channel, self.door, account, dict(login.facts))
        mine = [other for other in self.door.sessions if other.connection is connection]
        if len(mine) > self.limits.channels:
            logger.warning("%s opened more than %d SFTP channels; cut", account.partner, self.limits.channels)
            self._loop.call_soon(partial(connection.abort))
        return session

    # -- watching ----------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Close connections that are idle or too old."""
        while True:
            await asyncio.sleep(min(5.0, self.limits.idle_seconds / 4))
            now = time.monotonic()
            for connection, since in list(self._connections.items()):
                idle = now - self.door.last_seen.get(connection, since)
                if idle > self.limits.idle_seconds or now - since > self.limits.session_seconds:
                    logger.info("An SFTP connection was closed: idle for %.0f s, open for %.0f s", idle, now - since)
                    connection.abort()
