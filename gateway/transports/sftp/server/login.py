"""Logging in: who may, from where, with which key or password, and what happens to those who guess.

The order is: ban and limits by address (the listener, before any key exchange), then the account, its addresses, its
keys, then its password. An unknown user, a wrong address and a wrong password look the same and cost the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncssh

from gateway.transports.sftp.server.accounts import MailboxAccount, MailboxDirectory, allowed
from gateway.transports.sftp.server.bans import Ban, Bans
from gateway.transports.sftp.server.channel import MailboxChannel
from gateway.transports.sftp.server.limits import ConnectionCounts, SftpLimits
from gateway.transports.sftp.server.mailbox import Alert, Mailbox
from gateway.transports.sftp.server.passwords import PasswordChecker
from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["Gate", "Login"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Gate:
    """What the logins of one listener share."""

    directory: MailboxDirectory
    passwords: PasswordChecker
    bans: Bans
    counts: ConnectionCounts
    limits: SftpLimits
    mailbox: Mailbox
    #: Runs blocking work in the listener's pool.
    in_thread: Callable[..., Any]
    #: Makes the session of an SFTP channel.
    open_session: Callable[[Any], MailboxSession]

    def failed(self, address: str, weight: int = 1) -> None:
        """Count a failed login of an address; a ban that begins is noted, and told to staff."""
        ban = self.bans.failed(address, time.monotonic(), weight)
        if ban is not None:
            self._banned(ban)

    def _banned(self, ban: Ban) -> None:
        sentence = (
            f"The address {ban.address} is refused for {ban.length / 60:.0f} minutes after too many failed SFTP "
            "logins. If a partner of yours uses it, ask what it changed and lift the ban."
        )
        logger.warning("%s", sentence)
        self.mailbox.note("sftp-ban", f"address:{ban.address}", "sftp", sentence, {"ban": ban.number})
        self.mailbox.alert(Alert("banned", None, sentence))


class Login(asyncssh.SSHServer):
    """The login of one connection."""

    def __init__(self, gate: Gate, address: str, clock: Callable[[], datetime]) -> None:
        self._gate = gate
        self._address = address
        self._clock = clock
        self._connection: Any = None
        self._account: MailboxAccount | None = None
        self._refused = 0
        self._method = ""
        self._channels = 0
        #: The account once the login is complete.
        self.account: MailboxAccount | None = None
        #: Who logged in and how, for the records of every file.
        self.facts: dict[str, Any] = {}

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """The connection exists; the listener has let its address in."""
        self._connection = conn
        conn.set_extra_info(gateway_login=self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; one that tried and never got in counts as a failure."""
        if self.account is None and self._refused and self._method != "counted":
            self._gate.failed(self._address)

    async def begin_auth(self, username: str) -> bool:
        """Look the account up. Every user has to show a key or a password, known or not."""
        found = await self._gate.in_thread(self._gate.directory.account, username)
        if found is not None and not allowed(found.networks, self._address):
            logger.warning("SFTP login of %s from %s, which is not in its allow_from", found.partner, self._address)
            found = None
        self._account = found
        return True

    def public_key_auth_supported(self) -> bool:
        """Always offered, whoever asks."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """True for a key of the account that is valid now and may come from here."""
        account = self._account
        found = None if account is None else account.key_for(key.public_data, self._address, self._clock())
        if found is None:
            self._refuse()
            return False
        self._method = f"publickey {found.fingerprint}"
        return True

    def password_auth_supported(self) -> bool:
        """Always offered, whoever asks: what is offered must not tell accounts apart."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """True for the account's password. A banned address is refused before anything is hashed."""
        gate = self._gate
        if self._refused >= gate.limits.login_attempts or gate.bans.banned(self._address, time.monotonic()):
            self._connection.abort()
            return False
        stored = None if self._account is None else self._account.password_hash
        if await gate.passwords.check(stored, password):
            self._method = "password"
            return True
        await asyncio.sleep(gate.limits.failure_delay)
        gate.failed(self._address)
        self._refuse()
        self._method = "counted"
        return False

    def kbdint_auth_supported(self) -> bool:
        """Not offered: it would be the password again."""
        return False

    def auth_completed(self) -> None:
        """The client is in, unless its partner has too many connections already."""
        account, gate = self._account, self._gate
        if account is None or not gate.counts.logged_in(account.partner, account.mailbox.connections):
            reason = "Too many connections of this account; close one first."
            self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, reason)
            return
        self.account = account
        gate.bans.succeeded(self._address, time.monotonic())
        info = self._connection.get_extra_info
        self.facts = {
            "user": account.user,
            "address": self._address,
            "login": self._method,
            "client": str(info("client_version", ""))[:100],
            "cipher": str(info("send_cipher", "")),
            "mac": str(info("send_mac", "")),
        }
        sentence = f"{account.partner} logged in as {account.user} from {self._address} ({self._method})."
        logger.info("%s", sentence)
        gate.mailbox.note("sftp-login", f"partner:{account.partner}", f"sftp:{account.user}", sentence, self.facts)

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[bytes], MailboxChannel]:
        """A channel is to be opened. Raises ChannelOpenError when too many are open already."""
        if self._channels > self._gate.limits.channels:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "Too many channels; close one first.")
        self._channels += 1
        channel = self._connection.create_server_channel(encoding=None)
        return channel, MailboxChannel(self._gate.open_session, self._channel_closed)

    def _channel_closed(self) -> None:
        self._channels -= 1

    def _refuse(self) -> None:
        self._refused += 1
        if self._refused >= self._gate.limits.login_attempts:
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many failed logins.")
