"""Our form of chacha20-poly1305@openssh.com seals and opens what asyncssh's own does, byte for byte."""

from __future__ import annotations

import pytest
from asyncssh.encryption import ChachaEncryption as Original
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.sftp.server.chacha import ChachaEncryption

KEYS = st.binary(min_size=64, max_size=64)
NUMBERS = st.integers(0, 2**32 - 1)
KEY = bytes(range(64))


@given(KEYS, st.lists(st.tuples(NUMBERS, st.binary(min_size=8, max_size=3000)), min_size=1, max_size=4))
def test_every_packet_is_sealed_and_opened_as_by_asyncssh(key, packets) -> None:
    ours, theirs, opener = ChachaEncryption(key), Original.new("chacha20-poly1305", key, b""), ChachaEncryption(key)
    for number, packet in packets:
        header = len(packet).to_bytes(4, "big")
        sealed, tag = ours.encrypt_packet(number, header, packet)
        assert (sealed, tag) == theirs.encrypt_packet(number, header, packet)
        first, rest = sealed[:8], sealed[8:]
        assert opener.decrypt_header(number, first, 4) == (first, header)
        assert opener.decrypt_packet(number, first, rest, 4, tag) == packet


def test_it_says_of_itself_what_asyncssh_s_own_says() -> None:
    assert ChachaEncryption.needs_mac() is Original.needs_mac()
    assert ChachaEncryption.get_mac_params(b"") == Original.get_mac_params(b"")


@pytest.mark.parametrize("change", ["header", "packet", "tag", "number"])
def test_a_changed_packet_is_not_opened(change: str) -> None:
    sealed, tag = ChachaEncryption(KEY).encrypt_packet(7, b"\0\0\0\5", b"hello")
    first, rest, number, changed = sealed[:8], sealed[8:], 7, tag
    if change == "header":
        first = bytes([first[0] ^ 1]) + first[1:]
    elif change == "packet":
        rest = bytes([rest[0] ^ 1])
    elif change == "tag":
        changed = bytes([tag[0] ^ 1]) + tag[1:]
    else:
        number = 8
    opener = ChachaEncryption(KEY)
    assert opener.decrypt_packet(number, first, rest, 4, changed) is None
    assert opener.decrypt_packet(7, sealed[:8], sealed[8:], 4, tag) == b"hello"
