"""Data packets of an open channel in one step each way, beside asyncssh's general way for all others.

Nearly every packet of a session is one of CHANNEL_DATA (RFC 4254, section 5.2), and asyncssh takes it through a dozen
calls that serve kinds of packets, of channels and of encodings that a mailbox does not have. Here such a packet is
opened, checked and handed to its channel in one function, and sealed and sent in another. What is checked is the same:
its length before it is whole, its tag before anything of it is believed, its channel, that channel's state and window.
Everything else goes asyncssh's way: every other packet, those that come while keys are exchanged or nobody has logged
in, data that must wait for the client's window, and the moment when new keys are due.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any

from asyncssh import MACError, ProtocolError
from asyncssh.constants import MSG_CHANNEL_DATA

from gateway.transports.sftp.server.chacha import ChachaEncryption

__all__ = ["DataPackets"]

#: Length of the padding, kind, channel and length of the data: what stands before the data of a packet.
_BEFORE = struct.Struct(">BBII")
#: The same without the length of the padding, which is no part of the payload.
_PAYLOAD = _BEFORE.size - 1
#: Bytes of padding that a packet has at least (RFC 4253, section 6), and that are drawn from the system at a time.
_LEAST_PADDING, _DRAWN = 4, 4096


class DataPackets:
    """The data packets of one server connection after its login.

    It reaches into asyncssh, whose version is pinned for that reason; ``lean_connection`` puts it in its place.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._padding = b""
        self._padding_at = 0
        #: The first block and the length of a packet that has not come to its end yet.
        self._begun: tuple[bytes, int] | None = None
        #: The cipher that was looked at last, and whether its packets may be sent from here.
        self._known_cipher: object = None
        self._sealing = False

    # -- from the client ---------------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Take the packets at the beginning of what came, in the place of asyncssh's ``_recv_pkthdr``.

        False when more has to come first. Raises ProtocolError and MACError, as asyncssh does.
        """
        connection = self._connection
        cipher, came, block = connection._recv_encryption, connection._inpbuf, connection._recv_blocksize
        if cipher is None or connection._decompressor or not connection._auth_complete:
            return bool(type(connection)._recv_pkthdr(connection))
        at, whole = 0, memoryview(came)
        while len(came) - at >= block and connection._transport:
            number: int = connection._recv_seq
            if self._begun is None:
                first, length = cipher.decrypt_header(number, came[at : at + block], 4)
                self._begun = (first, int.from_bytes(length, "big"))
            first, size = self._begun
            if size > connection._max_recv_pktlen:
                raise ProtocolError("Max packet size exceeded")
            body, tag = at + block, at + 4 + size
            end = tag + connection._recv_macsize
            if len(came) < end:
                break
            self._begun = None
            if isinstance(cipher, ChachaEncryption):
                packet = cipher.open_packet(number, whole[at:tag], 4, came[tag:end])
            else:
                packet = cipher.decrypt_packet(number, first, came[body:tag], 4, came[tag:end])
            if not packet:
                raise MACError("MAC verification failed")
            if not self._hand_over(packet, number):
                return self._by_asyncssh(_Opened(packet), size, came[body:])
            at = end
        connection._inpbuf = came[at:]
        return False

    def _hand_over(self, packet: bytes, number: int) -> bool:
        """Hand the data of a packet to its channel; False when it is no plain data packet of an open channel."""
        if len(packet) < _BEFORE.size:
            return False
        padding, kind, to, size = _BEFORE.unpack_from(packet)
        if kind != MSG_CHANNEL_DATA or padding < _LEAST_PADDING or _BEFORE.size + size + padding != len(packet):
            return False
        connection = self._connection
        channel = connection._channels.get(to)
        if channel is None or channel._recv_state != "open" or size > channel._recv_window:
            return False
        connection._auth_final = True
        connection._recv_seq = (number + 1) & 0xFFFFFFFF
        channel._accept_data(packet[_BEFORE.size : _BEFORE.size + size])
        return True

    def _by_asyncssh(self, opened: _Opened, size: int, behind: bytes) -> bool:
        """Let asyncssh do with a packet that is open already what it does with any."""
        connection = self._connection
        cipher = connection._recv_encryption
        connection._packet, connection._pktlen, connection._inpbuf = b"", size, behind
        connection._recv_encryption = opened
        try:
            return bool(connection._recv_packet())
        finally:
            if connection._recv_encryption is opened:  # no new keys came with it
                connection._recv_encryption = cipher

    # -- to the client -----------------------------------------------------------------------------------------

    def send(self, channel: Any, data: bytes) -> None:
        """Send bytes on a channel, as ``channel.write`` does. Raises BrokenPipeError when it is closed for sending."""
        sent, size = 0, len(data)
        if channel._send_state == "open" and not channel._send_buf:
            whole = memoryview(data)
            while sent < size and self._may_send():
                piece: int = min(size - sent, channel._send_window, channel._send_pktsize)
                if piece == 0:
                    break
                self._seal(channel, whole[sent : sent + piece], piece)
                sent += piece
        if sent < size:
            channel.write(data[sent:])

    def _seal(self, channel: Any, data: memoryview, size: int) -> None:
        """Send one packet of data that the client's window has room for."""
        connection = self._connection
        block: int = connection._send_blocksize
        padding = -(connection._send_enchdrlen + _PAYLOAD + size) % block
        if padding < _LEAST_PADDING:
            padding += block
        packet = b"".join((_BEFORE.pack(padding, MSG_CHANNEL_DATA, channel._send_chan, size), data, self._pad(padding)))
        length, number = len(packet), connection._send_seq
        sealed, tag = connection._send_encryption.encrypt_packet(number, length.to_bytes(4, "big"), packet)
        connection._send(sealed + tag)
        connection._send_seq = (number + 1) & 0xFFFFFFFF
        connection._rekey_bytes_sent += length
        channel._send_window -= size

    def _may_send(self) -> bool:
        """True when a packet of data may be sent now and nothing has to go before it."""
        connection = self._connection
        cipher = connection._send_encryption
        if cipher is not self._known_cipher:
            self._known_cipher = cipher
            chained = str(connection.get_extra_info("send_cipher", "cbc")).endswith("cbc")
            self._sealing = cipher is not None and not chained
        return bool(
            self._sealing
            and connection._kex_complete
            and connection._auth_complete
            and not connection._compressor
            and connection._rekey_bytes_sent < connection._rekey_bytes
            and (not connection._rekey_seconds or time.monotonic() < connection._rekey_time)
        )

    def _pad(self, size: int) -> bytes:
        """Random bytes that were in no packet before."""
        at = self._padding_at
        if at + size > len(self._padding):
            self._padding, at = os.urandom(_DRAWN), 0
        self._padding_at = at + size
        return self._padding[at : at + size]


class _Opened:
    """Stands for the cipher while asyncssh deals with a packet that was opened here."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet

    def decrypt_packet(self, *_sealed: object) -> bytes:
        """What was found in it; its tag was right."""
        return self._packet
