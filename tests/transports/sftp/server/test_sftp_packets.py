"""The short way of data packets does what asyncssh's general way does: same data, same refusals, whatever comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from asyncssh import MACError, ProtocolError
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_IGNORE,
)
from asyncssh.encryption import GCMEncryption
from hypothesis import example, given
from hypothesis import strategies as st
from sftpkit import order

from gateway.transports.sftp.server.chacha import ChachaEncryption
from gateway.transports.sftp.server.lean import QuietLogger
from gateway.transports.sftp.server.packets import DataPackets

KEY, BLOCK, TAG, WINDOW = bytes(range(64)), 8, 16, 5000


class Channel(SSHChannel):
    """An open channel of asyncssh that keeps what it is given."""

    def __init__(self, connection: Connection) -> None:
        self._conn = connection
        self._recv_state = self._send_state = "open"
        self._recv_window = self._init_recv_window = WINDOW
        self._recv_paused, self._recv_buf, self._encoding = False, [], None
        self._send_chan, self._send_window, self._send_pktsize = 3, WINDOW, 700
        self._send_buf, self._send_buf_len, self._send_paused, self._send_high_water = [], 0, False, 1 << 20
        self._session, self._request_waiters = self, []
        self.got: list[bytes] = []

    logger = property(lambda self: QuietLogger(None))

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.got.append(data)
        if data == b"tired":
            self._recv_paused = True
        if data == b"close":
            self._send_state = "closed"

    def log_received_packet(self, *_arguments: object) -> None: ...

    log_sent_packet = log_received_packet


class Connection(SSHServerConnection):
    """The parts of asyncssh's connection that packets go through, after a login."""

    def __init__(self, sealed_by=ChachaEncryption, opened_by=ChachaEncryption) -> None:
        self._inpbuf = b""
        self._recv_encryption, self._recv_blocksize, self._recv_macsize = opened_by(KEY), BLOCK, TAG
        self._send_encryption, self._send_blocksize, self._send_enchdrlen = sealed_by(KEY), BLOCK, 1
        self._recv_seq = self._send_seq = 0
        self._max_recv_pktlen = 40_000
        self._decompressor = self._compressor = self._kex = self._auth = None
        self._auth_complete = self._kex_complete = self._strict_kex = True
        self._transport, self._server_version, self._utf8_decode_errors = object(), b"", "strict"
        self._rekey_bytes, self._rekey_bytes_sent, self._rekey_seconds, self._rekey_time = 1 << 30, 0, 0, 0.0
        self._deferred_packets: list = []
        self._recv_handler = self._recv_pkthdr
        self._channels = {5: Channel(self)}
        self.sent: list[bytes] = []

    logger = property(lambda self: QuietLogger(None))

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"send_cipher": "chacha20-poly1305@openssh.com"}.get(name, default)

    def log_received_packet(self, *_arguments: object) -> None: ...

    log_sent_packet = log_received_packet

    def _send(self, data: bytes) -> None:
        self.sent.append(data)

    @property
    def channel(self) -> Channel:
        return self._channels[5]


def lean() -> Connection:
    connection = Connection()
    connection._recv_pkthdr = DataPackets(connection).receive
    connection._recv_handler = connection._recv_pkthdr
    return connection


def payload(data: bytes, channel: int = 5, kind: int = MSG_CHANNEL_DATA) -> bytes:
    return bytes([kind]) + channel.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data


def sealed(payloads: Sequence[bytes], padding: int = 0) -> bytes:
    """What a client sends for these."""
    cipher, out = ChachaEncryption(KEY), b""
    for number, one in enumerate(payloads):
        pad = padding or (-(1 + len(one)) % BLOCK or BLOCK) + BLOCK
        packet = bytes([pad % 256]) + one + bytes(pad)
        body, tag = cipher.encrypt_packet(number, len(packet).to_bytes(4, "big"), packet)
        out += body + tag
    return out


def outcome(connection: Connection, pieces: Sequence[bytes]) -> tuple:
    """What became of it: data, data that waits, packets sent, the next number, and the error."""
    error = None
    for piece in pieces:
        connection._inpbuf += piece
        try:
            while connection._inpbuf and connection._recv_handler():
                pass
        except (ProtocolError, MACError) as found:
            error = (type(found), str(found))
            break
    channel = connection.channel
    waiting = [data for data, _ in channel._recv_buf]
    return channel.got, waiting, channel._recv_window, len(connection.sent), connection._recv_seq, error


PAYLOADS = st.one_of(
    st.binary(min_size=1, max_size=1500).map(payload),
    st.sampled_from(
        [
            payload(b""),
            payload(b"tired"),
            payload(b"close"),
            payload(b"x", channel=6),
            payload(b"x" * (WINDOW + 1)),
            payload(b"x")[:-1],
            payload(b"x") + b"more",
            payload(b"x")[:7],
            payload(b"x", kind=MSG_CHANNEL_EXTENDED_DATA),
            bytes([MSG_CHANNEL_WINDOW_ADJUST]) + (5).to_bytes(4, "big") + (9).to_bytes(4, "big"),
            bytes([MSG_IGNORE]) + bytes(4),
            bytes([99]) + (5).to_bytes(4, "big"),
            bytes([250]),
        ]
    ),
)


@given(st.lists(PAYLOADS, max_size=6), st.lists(st.integers(0, 6000), max_size=5))
@example([payload(b"a"), payload(b"b"), payload(b"c")], [])
@example([payload(b"a" * 900)] * 5, [3, 30, 950, 2000])
def test_whatever_comes_is_taken_as_by_asyncssh(payloads: list[bytes], cuts: list[int]) -> None:
    stream = sealed(payloads)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert outcome(lean(), pieces) == outcome(Connection(), pieces)


@given(st.lists(st.binary(min_size=1, max_size=300).map(payload), min_size=1, max_size=3), st.data())
def test_a_changed_byte_ends_it_at_the_same_packet(payloads: list[bytes], data) -> None:
    stream = bytearray(sealed(payloads))
    # Not in a length: asyncssh then waits for a packet of that length, and so do we.
    place = data.draw(st.integers(4, 4 + BLOCK + 5))
    stream[place] ^= 1
    ours, theirs = outcome(lean(), [bytes(stream)]), outcome(Connection(), [bytes(stream)])
    assert ours == theirs
    assert ours[0] == []
    assert ours[-1] == (MACError, "MAC verification failed")


def test_a_packet_that_is_too_long_is_refused_before_it_is_there() -> None:
    begin = sealed([payload(b"x" * 50_000)])[:BLOCK]
    for connection in (lean(), Connection()):
        assert outcome(connection, [begin])[-1] == (ProtocolError, "Max packet size exceeded")


@pytest.mark.parametrize("padding", [0, 3, 255])
def test_the_length_of_the_padding_is_believed_only_where_it_fits(padding: int) -> None:
    stream = sealed([payload(b"some data")], padding)
    assert outcome(lean(), [stream])[0] == [b"some data"]


def test_before_the_login_packets_go_asyncssh_s_way() -> None:
    connection = lean()
    connection._auth_complete = False
    assert outcome(connection, [sealed([payload(b"x")])])[-1] == (
        ProtocolError,
        "Invalid request before authentication was complete",
    )


# -- sending -----------------------------------------------------------------------------------------------------


def opened(connection: Connection) -> list[bytes]:
    """The payloads that a client would read."""
    cipher, found = ChachaEncryption(KEY), []
    for number, one in enumerate(connection.sent):
        first, rest, tag = one[:BLOCK], one[BLOCK:-TAG], one[-TAG:]
        _, length = cipher.decrypt_header(number, first, 4)
        assert int.from_bytes(length, "big") == len(one) - TAG - 4
        packet = cipher.decrypt_packet(number, first, rest, 4, tag)
        assert packet is not None
        assert packet[0] >= 4
        assert len(packet) % BLOCK == 0
        found.append(packet[1 : -packet[0]])
    return found


@given(st.lists(st.binary(min_size=1, max_size=2500), max_size=5))
def test_what_is_sent_is_what_asyncssh_sends_as_far_as_the_window_goes(parts: list[bytes]) -> None:
    ours, theirs = Connection(), Connection()
    packets = DataPackets(ours)
    for part in parts:
        packets.send(ours.channel, part)
        theirs.channel.write(part)
    data = [one for one in opened(theirs) if one[0] == MSG_CHANNEL_DATA]
    assert opened_data(ours) == data
    assert ours.channel._send_window == theirs.channel._send_window
    assert ours.channel._send_buf_len == theirs.channel._send_buf_len


def opened_data(connection: Connection) -> list[bytes]:
    return [one for one in opened(connection) if one[0] == MSG_CHANNEL_DATA]


def test_data_waits_behind_data_that_waits() -> None:
    connection = Connection()
    packets = DataPackets(connection)
    connection.channel._send_window = 4
    packets.send(connection.channel, b"abcdef")
    connection.channel._send_window = 100
    packets.send(connection.channel, b"ghi")
    assert b"".join(one[9:] for one in opened_data(connection)) == b"abcdefghi"


def test_a_closed_channel_says_so() -> None:
    connection = Connection()
    connection.channel._send_state = "closed"
    with pytest.raises(BrokenPipeError):
        DataPackets(connection).send(connection.channel, b"x")


def test_while_keys_are_exchanged_data_waits() -> None:
    connection = Connection()
    connection._kex_complete = False
    DataPackets(connection).send(connection.channel, b"x")
    assert connection.sent == []
    assert connection._deferred_packets[0][0] == MSG_CHANNEL_DATA


def test_when_new_keys_are_due_asyncssh_is_asked_to_exchange_them() -> None:
    asked: list[str] = []
    connection = Connection()
    connection._rekey_bytes = 100
    connection._send_kexinit = lambda: asked.append("kexinit")
    packets = DataPackets(connection)
    packets.send(connection.channel, b"x" * 150)
    assert asked == []
    packets.send(connection.channel, b"y")
    assert asked


def test_a_cipher_of_chained_blocks_goes_asyncssh_s_way() -> None:
    connection = Connection()
    connection.get_extra_info = lambda name, default=None: "aes256-cbc"
    DataPackets(connection).send(connection.channel, b"x")
    assert [one[0] for one in opened(connection)] == [MSG_IGNORE, MSG_CHANNEL_DATA]


def test_padding_is_never_used_twice() -> None:
    packets = DataPackets(Connection())
    drawn = b"".join(packets._pad(16) for _ in range(2000))
    assert len({drawn[place : place + 16] for place in range(0, len(drawn), 16)}) == 2000


def test_gcm_is_opened_once_for_each_packet() -> None:
    """Its counter goes on with every packet that is opened: one more would end the connection."""
    seal = GCMEncryption.new("aes128-gcm", bytes(16), bytes(12))
    connection = lean()
    connection._recv_encryption, connection._recv_blocksize = GCMEncryption.new("aes128-gcm", bytes(16), bytes(12)), 16
    stream = b""
    for number, one in enumerate((payload(b"a"), bytes([MSG_IGNORE]) + bytes(4), payload(b"b"))):
        pad = -(1 + len(one)) % 16 + 16
        packet = bytes([pad]) + one + bytes(pad)
        body, tag = seal.encrypt_packet(number, len(packet).to_bytes(4, "big"), packet)
        stream += body + tag
    assert outcome(connection, [stream[:20], stream[20:]])[0] == [b"a", b"b"]


# -- the whole of it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"encryption_algs": ["chacha20-poly1305@openssh.com"]},
        {"encryption_algs": ["aes256-gcm@openssh.com"]},
        {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-sha2-256-etm@openssh.com"]},
        {"encryption_algs": ["aes256-ctr"], "mac_algs": ["hmac-sha2-512"]},
    ],
    ids=lambda options: options["encryption_algs"][0],
)
def test_files_come_and_go_whole_with_every_cipher_and_new_keys_on_the_way(server, options) -> None:
    body = order(7, 700_000)
    server.offer("back.edi", body)

    async def trade() -> bytes:
        async with (
            server.asyncssh(**options, rekey_bytes=100_000) as connection,
            connection.start_sftp_client() as sftp,
        ):
            async with sftp.open("/in/there.edi", "wb") as file:
                await file.write(body)
            async with sftp.open("/out/back.edi", "rb") as file:
                return await file.read()

    assert asyncio.run(trade()) == body
    (received,) = server.inbound.received
    assert received.payload == body
