"""chacha20-poly1305@openssh.com with two cipher objects for a connection instead of three new ones for each packet.

The same interface and the same bytes as asyncssh's ``ChachaEncryption`` (OpenSSH, PROTOCOL.chacha20poly1305): one key
for the lengths, one for the packets. The first block of a packet's key stream holds its Poly1305 key, and the packet
begins with the second: so one stream gives both. Nothing of a packet is opened before its tag was found right.
"""

from __future__ import annotations

from asyncssh.encryption import Encryption
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

__all__ = ["NAME", "ChachaEncryption"]

#: The cipher's name in SSH.
NAME = b"chacha20-poly1305@openssh.com"
#: Bytes of a nonce: 8 of the block counter, which begins with 0, and 8 of the packet's number, highest byte first.
_NONCE = 16
#: The first block of the key stream: what comes out of zeros under it is the stream itself.
_BLOCK = bytes(64)
#: Bytes of a Poly1305 key and of its tag.
_TAG_KEY, _TAG = 32, 16


class ChachaEncryption(Encryption):
    """Seals the packets of one direction, or opens them. ``key``: 64 bytes, packets' key first."""

    def __init__(self, key: bytes) -> None:
        half = len(key) // 2
        # One object for both ways: this cipher is its own inverse.
        self._packets, self._lengths = (
            Cipher(ChaCha20(part, bytes(_NONCE)), mode=None).encryptor() for part in (key[:half], key[half:])
        )

    @classmethod
    def new(
        cls, cipher_name: str, key: bytes, iv: bytes, mac_alg: bytes = b"", mac_key: bytes = b"", etm: bool = False
    ) -> ChachaEncryption:
        """What asyncssh makes after an exchange of keys; everything but ``key`` is for other ciphers."""
        return cls(key)

    @classmethod
    def needs_mac(cls) -> bool:
        """The tag is part of the cipher."""
        return False

    @classmethod
    def get_mac_params(cls, mac_alg: bytes) -> tuple[int, int, bool]:
        """Bytes of a key of its own, bytes of the tag, and that the length is not in the padded part."""
        return 0, _TAG, True

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """(sealed length and packet, tag); ``header``: 4 bytes of length, ``seq``: the packet's number."""
        nonce = seq.to_bytes(_NONCE, "big")
        self._lengths.reset_nonce(nonce)
        key = self._tag_key(nonce)
        sealed = self._lengths.update(header) + self._packets.update(packet)
        return sealed, Poly1305.generate_tag(key, sealed)

    def decrypt_header(self, seq: int, first_block: bytes, header_len: int) -> tuple[bytes, bytes]:
        """The block as it is, and the length in it, not yet known to be right."""
        self._lengths.reset_nonce(seq.to_bytes(_NONCE, "big"))
        return first_block, self._lengths.update(first_block[:header_len])

    def decrypt_packet(self, seq: int, first: bytes, rest: bytes, header_len: int, mac: bytes) -> bytes | None:
        """The packet, None when the tag is not that of this length and packet."""
        return self.open_packet(seq, memoryview(first + rest), header_len, mac)

    def open_packet(self, seq: int, sealed: memoryview, header_len: int, mac: bytes) -> bytes | None:
        """The same for a length and packet in one piece, which is not copied."""
        key = self._tag_key(seq.to_bytes(_NONCE, "big"))
        try:
            Poly1305.verify_tag(key, sealed, mac)
        except InvalidSignature:
            return None
        return self._packets.update(sealed[header_len:])

    def _tag_key(self, nonce: bytes) -> bytes:
        """The key of a packet's tag; the packet itself comes next in the stream."""
        self._packets.reset_nonce(nonce)
        return self._packets.update(_BLOCK)[:_TAG_KEY]
