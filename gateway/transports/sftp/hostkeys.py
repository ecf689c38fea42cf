"""SSH host keys: made as values, written by the caller, read back with their fingerprints.

All three kinds are made because partners differ: some of the large file services take no ed25519 host key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

__all__ = ["HOST_KEY_FILES", "HostKey", "fingerprint", "load_host_keys", "make_host_keys", "read_host_key"]

#: File name of each kind of key, in the order in which they are offered.
HOST_KEY_FILES: Mapping[str, str] = {
    "ssh-ed25519": "ssh_host_ed25519",
    "ecdsa-sha2-nistp256": "ssh_host_ecdsa",
    "ssh-rsa": "ssh_host_rsa",
}
_RSA_BITS = 3072
_MAKERS: Mapping[str, Callable[[], PrivateKeyTypes]] = {
    "ssh-ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-sha2-nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ssh-rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS),
}


@dataclass(frozen=True, slots=True)
class HostKey:
    """One host key; keep ``private`` at mode 0600 and give partners ``public`` or ``fingerprint``."""

    #: "ssh-ed25519", "ecdsa-sha2-nistp256" or "ssh-rsa".
    algorithm: str
    #: The private key in OpenSSH's format, unencrypted.
    private: bytes
    #: One line as in ``known_hosts``, without a host name.
    public: str
    #: "SHA256:…", as ``ssh-keygen -l`` prints it.
    fingerprint: str

    @property
    def file_name(self) -> str:
        """The name under which ``gateway init`` keeps it."""
        return HOST_KEY_FILES[self.algorithm]


def fingerprint(public_line: str) -> str:
    """The SHA-256 fingerprint of a public key line, as ``ssh-keygen -l`` prints it.

    Raises ValueError when the line is not "type base64 [comment]".
    """
    parts = public_line.split()
    if len(parts) < 2:
        raise ValueError("An SSH public key is one line: its type, its base64 text and an optional comment.")
    digest = hashlib.sha256(base64.b64decode(parts[1], validate=True)).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def make_host_keys() -> tuple[HostKey, ...]:
    """Fresh ed25519, ECDSA P-256 and RSA-3072 host keys; nothing is written."""
    made = []
    for make in _MAKERS.values():
        private = make().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        made.append(read_host_key(private))
    return tuple(made)


def read_host_key(private: bytes) -> HostKey:
    """The host key of a private key in OpenSSH's format. Raises ValueError when it is none of the three kinds."""
    public = load_ssh_private_key(private, password=None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    algorithm = line.split()[0]
    if algorithm not in HOST_KEY_FILES:
        raise ValueError(f"A host key of the kind {algorithm} is not used; make one with `gateway init`.")
    return HostKey(algorithm, private, line, fingerprint(line))


def load_host_keys(folder: Path) -> tuple[HostKey, ...]:
    """The host keys in a folder, in the order in which they are offered; those that are missing are left out.

    Raises PermissionError when another user could read one, FileNotFoundError when there is none.
    """
    found = []
    for name in HOST_KEY_FILES.values():
        path = folder / name
        if not path.exists():
            continue
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"The host key {path} can be read by other users of this machine; make it mode 0600.")
        found.append(read_host_key(path.read_bytes()))
    if not found:
        raise FileNotFoundError(
            f"There is no SSH host key in {folder}. Run `gateway init` there; it adds what is missing."
        )
    return tuple(found)
