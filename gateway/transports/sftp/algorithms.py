"""The SSH algorithms we offer, as tables: the modern set, and what an exception with an end date may add.

Nothing here uses SHA-1, a group smaller than 2048 bits, DSA, GSS or compression; an exception for one partner adds
from ``LEGACY`` only and ends at its date (RFC 8308, RFC 8332, RFC 9142 say why).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = [
    "CIPHERS",
    "COMPRESSION",
    "KEX",
    "LEGACY",
    "MACS",
    "MIN_RSA_BITS",
    "MODERN",
    "SIGNATURES",
    "AlgorithmSet",
    "with_legacy",
]

#: Key exchange, the best first.
KEX: tuple[str, ...] = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
CIPHERS: tuple[str, ...] = (
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
MACS: tuple[str, ...] = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
#: Signatures of host keys and of user keys.
SIGNATURES: tuple[str, ...] = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
#: Compression only costs time on documents of this size, and its absence leaves no room for bombs.
COMPRESSION: tuple[str, ...] = ("none",)
#: Bits: a shorter RSA key of a user is refused.
MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class AlgorithmSet:
    """The lists of one listener or one connection, each in order of preference."""

    kex: tuple[str, ...] = KEX
    ciphers: tuple[str, ...] = CIPHERS
    macs: tuple[str, ...] = MACS
    signatures: tuple[str, ...] = SIGNATURES


#: What everybody gets.
MODERN = AlgorithmSet()

#: Older algorithms that an exception may name → the list they belong to.
LEGACY: Mapping[str, str] = {
    "diffie-hellman-group14-sha1": "kex",
    "aes256-cbc": "ciphers",
    "aes128-cbc": "ciphers",
    "hmac-sha1": "macs",
    "ssh-rsa": "signatures",
}


def with_legacy(names: Iterable[str], base: AlgorithmSet = MODERN) -> AlgorithmSet:
    """``base`` with these older algorithms at the end of their lists; what is there already stays once.

    Raises ValueError for a name that is not in ``LEGACY``.
    """
    lists = {"kex": base.kex, "ciphers": base.ciphers, "macs": base.macs, "signatures": base.signatures}
    for name in names:
        place = LEGACY.get(name)
        if place is None:
            raise ValueError(f'"{name}" is not an algorithm that an exception may add; known are {", ".join(LEGACY)}.')
        if name not in lists[place]:
            lists[place] = (*lists[place], name)
    return AlgorithmSet(**lists)
