"""Our form of chacha20-poly1305@openssh.com seals and opens what asyncssh's own does, byte for byte."""

from __future__ import annotations

import pytest
from asyncssh.crypto.chacha import ChachaCipher as Original
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.sftp.server.chacha import ChachaCipher

KEYS = st.binary(min_size=64, max_size=64)
NUMBERS = st.integers(0, 2**32 - 1).map(lambda number: number.to_bytes(8, "big"))


@given(KEYS, st.lists(st.tuples(NUMBERS, st.binary(max_size=3000)), min_size=1, max_size=4))
def test_every_packet_is_sealed_and_opened_as_by_asyncssh(key, packets) -> None:
    ours, theirs, opener = ChachaCipher(key), Original(key), ChachaCipher(key)
    for number, packet in packets:
        header = len(packet).to_bytes(4, "big")
        sealed, tag = ours.encrypt_and_sign(header, packet, number)
        assert (sealed, tag) == theirs.encrypt_and_sign(header, packet, number)
        assert opener.decrypt_header(sealed[:4], number) == header
        assert opener.verify_and_decrypt(sealed[:4], sealed[4:], number, tag) == packet


@pytest.mark.parametrize("change", ["header", "packet", "tag", "number"])
def test_a_changed_packet_is_not_opened(change: str) -> None:
    number = (7).to_bytes(8, "big")
    sealed, tag = ChachaCipher(bytes(range(64))).encrypt_and_sign(b"\0\0\0\5", b"hello", number)
    parts = {"header": sealed[:4], "packet": sealed[4:], "number": number, "tag": tag}
    parts[change] = bytes([parts[change][0] ^ 1]) + parts[change][1:]
    opener = ChachaCipher(bytes(range(64)))
    assert opener.verify_and_decrypt(parts["header"], parts["packet"], parts["number"], parts["tag"]) is None
    assert opener.verify_and_decrypt(sealed[:4], sealed[4:], number, tag) == b"hello"
