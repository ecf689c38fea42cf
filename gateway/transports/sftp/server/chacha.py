"""chacha20-poly1305@openssh.com with two cipher objects for a connection instead of three new ones for each packet.

The same interface and the same bytes as asyncssh's own (OpenSSH, PROTOCOL.chacha20poly1305): one key for the lengths,
one for the packets. The first block of a packet's key stream holds its Poly1305 key, and the packet begins with the
second: so one pass over 64 zero bytes and the packet gives both. Nothing of a packet is given out before its tag was
found right.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

__all__ = ["ChachaCipher"]

#: Block counter 0, before the 8 bytes of the packet's number; and the first block of the key stream.
_FIRST, _BLOCK = bytes(8), bytes(64)
#: Bytes of a Poly1305 key.
_TAG_KEY = 32


class ChachaCipher:
    """Seals the packets of one direction, or opens them. ``key``: 64 bytes, packets' key first."""

    def __init__(self, key: bytes) -> None:
        half = len(key) // 2
        # One object for both ways: this cipher is its own inverse.
        self._packets, self._lengths = (
            Cipher(ChaCha20(part, bytes(16)), mode=None).encryptor() for part in (key[:half], key[half:])
        )

    def encrypt_and_sign(self, header: bytes, data: bytes, nonce: bytes) -> tuple[bytes, bytes]:
        """(sealed length and packet, tag); ``header``: 4 bytes of length, ``nonce``: 8 bytes of packet number."""
        stream = self._stream(data, nonce)
        sealed = self.decrypt_header(header, nonce) + stream[len(_BLOCK) :]
        return sealed, Poly1305.generate_tag(stream[:_TAG_KEY], sealed)

    def decrypt_header(self, header: bytes, nonce: bytes) -> bytes:
        """The length of a packet, not yet known to be right."""
        self._lengths.reset_nonce(_FIRST + nonce)
        return self._lengths.update(header)

    def verify_and_decrypt(self, header: bytes, data: bytes, nonce: bytes, tag: bytes) -> bytes | None:
        """The packet, None when the tag is not that of this length and packet."""
        stream = self._stream(data, nonce)
        try:
            Poly1305.verify_tag(stream[:_TAG_KEY], header + data, tag)
        except InvalidSignature:
            return None
        return stream[len(_BLOCK) :]

    def _stream(self, data: bytes, nonce: bytes) -> bytes:
        """The first block of the key stream, then ``data`` under the blocks that follow."""
        self._packets.reset_nonce(_FIRST + nonce)
        return self._packets.update(_BLOCK + data)
