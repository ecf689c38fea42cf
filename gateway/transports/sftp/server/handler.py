"""The one place that touches asyncssh's inside: a client's CLOSE is told from the end of its channel.

asyncssh calls the same ``close`` for both. Its request handler walks the files that are still open when a channel
ends; ours marks the session first, so that every close from there on is a cut, never a complete upload. The handler
also makes each request wait while the client leaves answers unread, leaves out extensions that a mailbox has no use
for, and bounds open folders. The version of asyncssh is pinned because of this file; a test cuts a connection in the
middle of an upload.
"""

from __future__ import annotations

from typing import Any

import asyncssh.sftp as _sftp
from asyncssh.constants import FXP_OPENDIR
from asyncssh.packet import SSHPacket

from gateway.transports.sftp.server.lean import QuietLogger, lean_channel, wants_packets_logged
from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["MAX_TRANSFER", "install"]

#: Bytes of one READ or WRITE that we announce (limits@openssh.com).
MAX_TRANSFER = 255 * 1024
#: Folders that one session may have open.
_OPEN_FOLDERS = 16
_LEFT_OUT = (b"hardlink@openssh.com", b"copy-data", b"ranges@asyncssh.com", b"vendor-id")

_original = _sftp.SFTPServerHandler


class _MailboxHandler(_original):
    """asyncssh's request handler for our sessions."""

    _extensions = [pair for pair in _original._extensions if pair[0] not in _LEFT_OUT]  # noqa: RUF012
    _packet_handlers: dict[Any, Any] = {  # noqa: RUF012
        kind: handler for kind, handler in _original._packet_handlers.items() if kind not in _LEFT_OUT
    }

    def __init__(self, server: Any, *arguments: Any) -> None:
        super().__init__(server, *arguments)
        if not wants_packets_logged():
            self._logger = QuietLogger(self._logger)  # type: ignore[assignment]
            lean_channel(self)
            lean_channel(server.channel)

    async def _cleanup(self, exc: Exception | None) -> None:
        session = self._server
        if isinstance(session, MailboxSession):
            session.channel_ended = True
        await super()._cleanup(exc)

    async def _process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        session = self._server
        if isinstance(session, MailboxSession) and (
            session.over or (session.unread and not await session.until_read())
        ):
            return
        await super()._process_packet(pkttype, pktid, packet)

    async def _limited_opendir(self, packet: SSHPacket) -> bytes:
        if len(self._dir_handles) >= _OPEN_FOLDERS:
            raise _sftp.SFTPFailure("Too many folders are open; close one first.")
        session = self._server
        if isinstance(session, MailboxSession):
            await session.check_folder(packet.get_remaining_payload()[4:])
        return await self._process_opendir(packet)

    async def _tell_limits(self, packet: SSHPacket) -> _sftp.SFTPLimits:
        packet.check_end()
        session = self._server
        handles = session.handle_limit if isinstance(session, MailboxSession) else 0
        return _sftp.SFTPLimits(_sftp.MAX_SFTP_PACKET_LEN, MAX_TRANSFER, MAX_TRANSFER, handles)

    _packet_handlers[FXP_OPENDIR] = _limited_opendir
    _packet_handlers[b"limits@openssh.com"] = _tell_limits


def _handler(server: Any, *arguments: Any) -> Any:
    """The handler for one session: ours for a mailbox, asyncssh's own for anybody else's server."""
    return (_MailboxHandler if isinstance(server, MailboxSession) else _original)(server, *arguments)


def install() -> None:
    """Make asyncssh use our handler for mailbox sessions; calling it again changes nothing."""
    _sftp.SFTPServerHandler = _handler  # type: ignore[misc,assignment]
