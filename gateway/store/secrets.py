"""Secrets at rest: private keys and passwords, encrypted with AES-256-GCM under one key-encryption key (KEK).

The KEK is 32 random bytes in a file of its own that no one but the owner may read; it never enters the
database and no backup contains it. Each secret has its own random nonce, and its name and kind are
authenticated with it, so that a row cannot be put in another's place.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.store.base import Base, UtcDateTime
from gateway.store.errors import SecretError

__all__ = [
    "KEK_VARIABLE",
    "Kek",
    "Secret",
    "SecretInfo",
    "create_kek",
    "delete_secret",
    "get_secret",
    "kek_path",
    "list_secrets",
    "load_kek",
    "put_secret",
    "reseal",
]

#: The environment variable that names the KEK file.
KEK_VARIABLE = "GATEWAY_KEK_FILE"
#: Bytes of a KEK (AES-256) and of a GCM nonce.
KEK_SIZE, NONCE_SIZE = 32, 12


class Secret(Base):
    """One encrypted value."""

    __tablename__ = "secret"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "private-key", "password" …
    kind: Mapped[str] = mapped_column(Text)
    #: Which KEK sealed it (``Kek.id``).
    kek_id: Mapped[str] = mapped_column(Text)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    #: With the 16-byte tag at its end.
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: After this instant it is of no use (a key whose certificate has ended).
    not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Kek:
    """A key-encryption key. Its bytes never show in a log or an error."""

    key: bytes = field(repr=False)
    #: A short name of the key that tells nothing about it: says which key sealed a secret.
    id: str


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What may be shown of a secret."""

    name: str
    kind: str
    created_at: datetime
    not_after: datetime | None


def kek_path(default: Path, environment: Mapping[str, str] | None = None) -> Path:
    """The KEK file: what ``GATEWAY_KEK_FILE`` names, else ``default``."""
    named = (os.environ if environment is None else environment).get(KEK_VARIABLE)
    return Path(named) if named else default


def create_kek(path: Path) -> Kek:
    """Make a KEK file of 32 random bytes, mode 0600, durably. Raises SecretError when it exists already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = os.urandom(KEK_SIZE)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SecretError(
            f"The key file {path} exists; it was left as it is, because secrets may be sealed with it."
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return _kek(key)


def load_kek(path: Path) -> Kek:
    """Read a KEK file.

    Raises SecretError when it is missing, has another size, or may be read by others.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_bytes()
    except FileNotFoundError:
        raise SecretError(
            f"The key file {path} is missing. Restore it from where it is kept apart from the backups, or "
            f"name its place in {KEK_VARIABLE}; without it no stored key or password can be read."
        ) from None
    except OSError as error:
        raise SecretError(f"The key file {path} cannot be read: {error.strerror}. Check its owner.") from error
    if len(key) != KEK_SIZE:
        raise SecretError(f"The key file {path} has {len(key)} bytes instead of {KEK_SIZE}: it is not a key file.")
    if mode & 0o077:
        raise SecretError(f"The key file {path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
    return _kek(key)


def put_secret(
    session: Session,
    kek: Kek,
    name: str,
    value: bytes,
    *,
    kind: str,
    now: datetime,
    not_after: datetime | None = None,
    replace: bool = False,
) -> None:
    """Seal a value under a name, in the caller's transaction.

    Raises SecretError when the name is taken, unless ``replace`` is true.
    """
    existing = session.get(Secret, name)
    if existing is not None and not replace:
        raise SecretError(f'A secret named "{name}" exists. Choose another name, or replace it on purpose.')
    nonce, ciphertext = _seal(kek, name, kind, value)
    session.merge(
        Secret(
            name=name,
            kind=kind,
            kek_id=kek.id,
            nonce=nonce,
            ciphertext=ciphertext,
            created_at=now,
            not_after=not_after,
        )
    )
    session.flush()


def get_secret(session: Session, kek: Kek, name: str) -> bytes:
    """Open the secret with this name.

    Raises SecretError when there is none, when another key sealed it, or when it was altered.
    """
    secret = session.get(Secret, name)
    if secret is None:
        raise SecretError(f'There is no secret named "{name}". Store it first.')
    return _open(kek, secret)


def list_secrets(session: Session) -> list[SecretInfo]:
    """Every secret by name, without its value."""
    rows = session.scalars(select(Secret).order_by(Secret.name))
    return [SecretInfo(row.name, row.kind, row.created_at, row.not_after) for row in rows]


def delete_secret(session: Session, name: str) -> bool:
    """Remove a secret; False when there was none."""
    return session.execute(delete(Secret).where(Secret.name == name).returning(Secret.name)).first() is not None


def reseal(session: Session, old: Kek, new: Kek) -> int:
    """Seal every secret with a new KEK in the caller's transaction; how many there were.

    Raises SecretError when one cannot be opened with ``old``; roll back then.
    """
    secrets = session.scalars(select(Secret).where(Secret.kek_id != new.id)).all()
    for secret in secrets:
        value = _open(old, secret)
        secret.nonce, secret.ciphertext = _seal(new, secret.name, secret.kind, value)
        secret.kek_id = new.id
    session.flush()
    return len(secrets)


def _kek(key: bytes) -> Kek:
    return Kek(key, hashlib.sha256(b"gateway key-encryption key id\0" + key).hexdigest()[:16])


def _bound(name: str, kind: str) -> bytes:
    """What is authenticated beside the value: its name and kind."""
    return f"{kind}\0{name}".encode()


def _seal(kek: Kek, name: str, kind: str, value: bytes) -> tuple[bytes, bytes]:
    nonce = os.urandom(NONCE_SIZE)
    return nonce, AESGCM(kek.key).encrypt(nonce, value, _bound(name, kind))


def _open(kek: Kek, secret: Secret) -> bytes:
    if secret.kek_id != kek.id:
        raise SecretError(
            f'The secret "{secret.name}" was sealed with another key file (number {secret.kek_id}, this '
            f"one is {kek.id}). Put the right key file in place, or name it in {KEK_VARIABLE}."
        )
    try:
        return AESGCM(kek.key).decrypt(secret.nonce, secret.ciphertext, _bound(secret.name, secret.kind))
    except InvalidTag:
        raise SecretError(
            f'The secret "{secret.name}" was altered in the database. Restore a backup or store it again.'
        ) from None
