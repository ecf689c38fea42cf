"""What asyncssh does for every packet and a mailbox has no use for, left out on our own connections.

Before each packet asyncssh sends an empty one, which protects the chained blocks of CBC ciphers and nothing else; and
it words several lines of a debug log, whether anybody reads them or not. Together that is a third of the time that a
small request takes. Both come back where they matter: for a CBC cipher, and when debug logging is on.
"""

from __future__ import annotations

import logging
from typing import Any

from asyncssh.constants import MSG_IGNORE

__all__ = ["QuietLogger", "lean_channel", "lean_connection", "wants_packets_logged"]


def wants_packets_logged() -> bool:
    """True when somebody asked for asyncssh's debug log."""
    return logging.getLogger("asyncssh").isEnabledFor(logging.DEBUG)


def lean_connection(connection: Any) -> None:
    """Leave out the empty packets of a server connection, and its log of packets."""
    send = connection.send_packet

    def send_packet(kind: int, *parts: bytes, handler: Any = None) -> None:
        if kind != MSG_IGNORE or str(connection.get_extra_info("send_cipher", "cbc")).endswith("cbc"):
            send(kind, *parts, handler=handler)

    connection.send_packet = send_packet
    lean_channel(connection)


def lean_channel(channel: Any) -> None:
    """Leave out the log of packets of a channel or connection."""
    if not wants_packets_logged():
        channel.log_sent_packet = channel.log_received_packet = _say_nothing


def _say_nothing(*_arguments: Any, **_named: Any) -> None:
    """Log nothing."""


class QuietLogger:
    """A logger of asyncssh without its debug lines."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self.debug1 = self.debug2 = self.packet = _say_nothing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)
