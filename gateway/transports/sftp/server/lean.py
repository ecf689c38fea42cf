"""What asyncssh does for every packet and a mailbox has no use for, left out on our own connections.

Before each packet asyncssh sends an empty one, which protects the chained blocks of CBC ciphers and nothing else; it
words several lines of a debug log, whether anybody reads them or not; and it sets a new timer for its keepalive. Each
comes back where it matters: for a CBC cipher, when debug logging is on, and once in a second. What it needs six objects
for, ``chacha`` does with two.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from asyncssh import encryption
from asyncssh.constants import MSG_IGNORE

from gateway.transports.sftp.server.chacha import NAME as CHACHA
from gateway.transports.sftp.server.chacha import ChachaEncryption
from gateway.transports.sftp.server.packets import DataPackets

__all__ = ["QuietLogger", "install", "lean_channel", "lean_connection", "wants_packets_logged"]

#: Under this name a connection keeps what sends its data.
_PACKETS = "gateway_packets"

#: Seconds after which a sign of life sets the keepalive's timer anew.
_ALIVE = 1.0


def install() -> None:
    """Let asyncssh use our form of ChaCha20-Poly1305, in every connection; calling it again changes nothing."""
    _theirs, cipher = encryption._enc_params[CHACHA]
    encryption._enc_params[CHACHA] = (ChachaEncryption, cipher)


def wants_packets_logged() -> bool:
    """True when somebody asked for asyncssh's debug log."""
    return logging.getLogger("asyncssh").isEnabledFor(logging.DEBUG)


def lean_connection(connection: Any) -> None:
    """Leave out the empty packets of a server connection, its log of packets, and most of its timers.

    Without a log of packets, those of open channels take the short way of ``packets`` too.
    """
    send, reset = connection.send_packet, connection._reset_keepalive_timer
    last_reset = float("-inf")

    def send_packet(kind: int, *parts: bytes, handler: Any = None) -> None:
        if kind != MSG_IGNORE or str(connection.get_extra_info("send_cipher", "cbc")).endswith("cbc"):
            send(kind, *parts, handler=handler)

    def reset_keepalive() -> None:
        nonlocal last_reset
        now = time.monotonic()
        if now - last_reset > _ALIVE:
            last_reset = now
            reset()

    connection.send_packet = send_packet
    connection._reset_keepalive_timer = reset_keepalive
    if not wants_packets_logged():
        _without_packet_log(connection)
        packets = DataPackets(connection)
        connection._recv_pkthdr = packets.receive
        connection.set_extra_info(**{_PACKETS: packets})


def lean_channel(channel: Any) -> Callable[[bytes], None]:
    """Leave out the log of packets of a channel, and its debug lines; what sends bytes on it from now on."""
    write: Callable[[bytes], None] = channel.write
    if not wants_packets_logged():
        _without_packet_log(channel)
        channel._logger = QuietLogger(channel.logger)
        packets: DataPackets | None = channel.get_connection().get_extra_info(_PACKETS)
        if packets is not None:
            write = partial(packets.send, channel)
    return write


def _without_packet_log(handler: Any) -> None:
    handler.log_sent_packet = handler.log_received_packet = _say_nothing


def _say_nothing(*_arguments: Any, **_named: Any) -> None:
    """Log nothing."""


class QuietLogger:
    """A logger of asyncssh without its debug lines."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self.debug1 = self.debug2 = self.packet = _say_nothing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)
