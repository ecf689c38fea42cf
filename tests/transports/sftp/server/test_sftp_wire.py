"""SFTP as bytes: packets out of any stream, fields out of a packet, and answers that asyncssh's client understands."""

from __future__ import annotations

import pytest
from asyncssh import SFTPAttrs
from asyncssh.constants import FILEXFER_ATTR_DEFINED_V3
from asyncssh.packet import SSHPacket
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.sftp.server import wire
from gateway.transports.sftp.server.attributes import Attributes, named
from gateway.transports.sftp.server.wire import Fields, PacketStream, WireError


def drained(stream: PacketStream) -> list[bytes]:
    found = []
    while (packet := stream.next()) is not None:
        found.append(packet)
    return found


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 400), max_size=10), st.booleans())
def test_packets_come_out_as_they_went_in_however_the_stream_is_cut(packets, places, eagerly) -> None:
    whole = b"".join(wire.string(packet) for packet in packets)
    cuts = sorted(min(place, len(whole)) for place in places)
    stream, found = PacketStream(), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        stream.feed(whole[start:end])
        if eagerly:
            found += drained(stream)
    assert found + drained(stream) == packets
    assert stream.size == 0


def test_a_packet_that_says_that_it_is_too_long_is_refused_before_it_is_kept() -> None:
    stream = PacketStream()
    stream.feed((wire.MAX_PACKET + 1).to_bytes(4, "big"))
    with pytest.raises(WireError, match="at most"):
        stream.next()


def test_half_a_packet_waits_and_is_counted() -> None:
    stream = PacketStream()
    stream.feed(wire.string(b"abc")[:5])
    assert (stream.next(), stream.size) == (None, 5)
    stream.feed(b"bc")
    assert (stream.next(), stream.size) == (b"abc", 0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=30))
def test_fields_are_read_in_order_and_nothing_may_follow(small, large, text) -> None:
    packet = small.to_bytes(4, "big") + large.to_bytes(8, "big") + wire.string(text)
    fields = Fields(packet)
    assert (fields.uint32(), fields.uint64(), fields.string()) == (small, large, text)
    fields.end()
    with pytest.raises(WireError, match="goes on"):
        Fields(packet, 4).end()
    for end in range(len(packet)):
        cut = Fields(packet[:end])
        with pytest.raises(WireError, match="ends within"):
            (cut.uint32(), cut.uint64(), cut.string())


@given(
    st.builds(
        lambda size, owner, mode, times: SFTPAttrs(
            size=size,
            permissions=mode,
            **dict(zip(("uid", "gid"), owner, strict=False)),
            **dict(zip(("atime", "mtime"), times, strict=False)),
        ),
        st.none() | st.integers(0, 2**64 - 1),
        st.just(()) | st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)),
        st.none() | st.integers(0, 0o7777),
        st.just(()) | st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)),
    )
)
def test_the_size_is_found_in_whatever_attributes_a_client_sends(attrs) -> None:
    fields = Fields(attrs.encode(3))
    assert wire.given_size(fields) == attrs.size


def test_attributes_may_be_extended_and_have_no_other_flags() -> None:
    extended = (0x8000_0001).to_bytes(4, "big") + (5).to_bytes(8, "big")
    assert wire.given_size(Fields(extended + (1).to_bytes(4, "big") + wire.string(b"a") + wire.string(b"b"))) == 5
    unknown = (FILEXFER_ATTR_DEFINED_V3 + 1) & 0x7FFF_FFFF | 0x100
    with pytest.raises(WireError, match="flags"):
        wire.given_size(Fields(unknown.to_bytes(4, "big")))


def test_what_is_told_of_a_file_is_what_a_client_reads() -> None:
    told = Attributes(0o100440, 12_345, 1_772_366_400)
    read = SFTPAttrs.decode(SSHPacket(told.encoded()), 3)
    assert (read.permissions, read.size, read.mtime, read.uid, read.gid) == (
        0o100440,
        12_345,
        1_772_366_400,
        1000,
        1000,
    )
    fields = Fields(named("é.edi", told))
    assert fields.string().decode() == "é.edi"
    assert fields.string().decode() == "-r--r-----   1 partner  edi           12345 Mar 01 12:00 é.edi"
