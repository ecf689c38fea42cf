"""Making a working directory: settings, keys, database and folders of one gateway; nothing is overwritten.

Each part is made only where it is missing and is durable before the next one begins, so that a run that was
cut off is completed by the next one, and a run over a whole directory changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy.orm import Session

from gateway import resources
from gateway.backoffice.files import safe_name, write_whole_file
from gateway.settings import SETTINGS_FILE, Company, Settings, load_settings, settings_text
from gateway.staff.setup import SETUP_CODE, setup_code_matches, store_setup_code
from gateway.store import migrations
from gateway.store.engine import open_store
from gateway.store.secrets import Kek, create_kek, get_secret, list_secrets, load_kek, put_secret
from gateway.transports.as2.cms import OwnKey
from gateway.transports.as2.identity import load_own_key, make_identity
from gateway.transports.sftp.hostkeys import HOST_KEY_FILES, HostKey, make_host_keys, read_host_key

__all__ = [
    "AS2_IDENTITY",
    "LAST_BACKUP",
    "SETUP_CODE",
    "SSH_HOST_KEY",
    "Part",
    "WorkingDirectory",
    "as2_keys",
    "make_working_directory",
    "read_identity",
    "setup_code_matches",
    "ssh_host_keys",
]

#: Kind of the secrets that hold one of our AS2 identities: PEM of the private key, then of its certificate.
AS2_IDENTITY = "as2-identity"
#: Kind of the secrets that hold a private key of our SFTP server.
SSH_HOST_KEY = "ssh-host-key"
#: Where the last backup is noted, relative to the working directory: {"taken_at", "size", "sha256"}.
LAST_BACKUP = Path("run/last-backup.json")

State = Literal["exists", "made", "upgraded"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a working directory."""

    #: What it is, for people.
    what: str
    #: Where it is, relative to the working directory.
    path: str
    #: What this run did: it was there, or it was made, or its tables were upgraded.
    state: State


@dataclass(frozen=True, slots=True)
class WorkingDirectory:
    """A whole working directory, and what a run of ``make_working_directory`` made of it."""

    settings: Settings
    parts: tuple[Part, ...]
    #: SHA-256 fingerprint of our AS2 certificate, "AB:CD:…".
    fingerprint: str
    #: Last instant of our AS2 certificate.
    not_after: datetime
    #: Our public certificate, to be given to partners.
    certificate: Path
    #: The one-time set-up code of the first owner of the staff pages; only known at the moment it is made.
    setup_code: str | None = field(default=None, repr=False)

    @property
    def changed(self) -> bool:
        """True when this run made or upgraded anything."""
        return any(part.state != "exists" for part in self.parts)


def make_working_directory(
    directory: Path,
    company: Company,
    *,
    now: datetime,
    listen: str = "127.0.0.1:4080",
    public_url: str | None = None,
    database: str | None = None,
) -> WorkingDirectory:
    """Make what is missing of a working directory; ``company`` and the rest count only for new settings.

    ``database`` is a file, or the URL of a database that is there already. Raises SettingsError when existing settings
    cannot be read, StoreLockedError while a service runs on an unfinished directory, SecretError when the key file of
    an existing database is missing, StoreUnreachableError, OSError.
    """
    home = directory.absolute()
    parts = [_folder(home, home)]
    parts.append(_settings_file(home, company, listen, public_url, database))
    settings = load_settings(home)
    paths = settings.paths
    for folder, mode in (
        (paths.keys, 0o700),
        (paths.run, 0o700),
        (paths.blobs, 0o700),
        (paths.inbox, 0o755),
        (paths.outbox, 0o755),
        (paths.outbox / "done", 0o755),
        (paths.outbox / "failed", 0o755),
    ):
        parts.append(_folder(home, folder, mode))
    if paths.log is not None:
        parts.append(_folder(home, paths.log.parent, 0o750))
    parts.append(_readme(home, paths.inbox, "inbox"))
    parts.append(_readme(home, paths.outbox, "outbox"))
    kek, kek_part = _kek(home, settings)
    parts.append(kek_part)
    return _with_database(settings, parts, kek, now)


def as2_keys(session: Session, kek: Kek) -> list[OwnKey]:
    """Our AS2 keys with their certificates, the newest first: it signs, all of them decrypt.

    Raises SecretError when the key-encryption key does not open them.
    """
    names = [secret.name for secret in list_secrets(session) if secret.kind == AS2_IDENTITY]
    keys = [read_identity(get_secret(session, kek, name)) for name in names]
    return sorted(keys, key=lambda key: key.certificate.not_valid_before_utc, reverse=True)


def ssh_host_keys(session: Session, kek: Kek) -> list[HostKey]:
    """The keys by which partners know our SFTP server, in the order in which they are offered."""
    found = {
        secret.name: read_host_key(get_secret(session, kek, secret.name))
        for secret in list_secrets(session)
        if secret.kind == SSH_HOST_KEY
    }
    order = list(HOST_KEY_FILES)
    return sorted(found.values(), key=lambda key: order.index(key.algorithm))


def read_identity(pem: bytes) -> OwnKey:
    """The key and certificate of one stored AS2 identity. Raises ValueError when they do not fit."""
    return load_own_key(pem, pem)


def _with_database(settings: Settings, parts: list[Part], kek: Kek, now: datetime) -> WorkingDirectory:
    paths = settings.paths
    key, code = _existing_key(settings, kek), None
    state: State = "exists"
    if key is None:
        with open_store(settings.database_url, blobs=paths.blobs) as store:
            state = "made" if migrations.current(store) is None else "upgraded"
            migrations.upgrade(store)
            key, code = store.writer.run(lambda session: _make_secrets(session, kek, settings.company, now))
    where = _relative(paths.home, paths.database) if paths.database else "database server"
    parts.append(Part("database", where, state))
    fingerprint = key.certificate.fingerprint(hashes.SHA256())
    pem = key.certificate.public_bytes(serialization.Encoding.PEM)
    place = paths.keys / f"as2-{safe_name(settings.company.as2_name)}.crt"
    if place.exists() and place.read_bytes() != pem:  # that of another database's key, from before
        place = place.with_name(f"{place.stem}-{fingerprint.hex()[:8]}.crt")
    parts.append(Part("AS2 certificate for partners", _relative(paths.home, place), _made(not place.exists())))
    if not place.exists():
        write_whole_file(place, pem)
        place.chmod(0o644)
    return WorkingDirectory(
        settings=settings,
        parts=tuple(parts),
        fingerprint=fingerprint.hex(":").upper(),
        not_after=key.certificate.not_valid_after_utc,
        certificate=place,
        setup_code=code,
    )


def _existing_key(settings: Settings, kek: Kek) -> OwnKey | None:
    """Our newest AS2 key, read beside a running service; None when the database still needs work."""
    paths = settings.paths
    if paths.database is not None and not paths.database.exists():
        return None
    with (
        open_store(settings.database_url, blobs=paths.blobs, write=False) as store,
        store.read() as session,
    ):
        if migrations.current(store) != migrations.newest():
            return None
        return next(iter(as2_keys(session, kek)), None)


def _has_tables(settings: Settings) -> bool:
    """True when the database was made before."""
    paths = settings.paths
    if paths.database is not None:
        return paths.database.exists()
    with open_store(settings.database_url, blobs=paths.blobs, write=False) as store:
        return migrations.current(store) is not None


def _make_secrets(session: Session, kek: Kek, company: Company, now: datetime) -> tuple[OwnKey, str | None]:
    existing = as2_keys(session, kek)
    if existing:
        return existing[0], None
    identity = make_identity(company.as2_name, now, organisation=company.name)
    pem = identity.private_key_pem + identity.certificate_pem
    put_secret(
        session,
        kek,
        f"as2-{identity.fingerprint[:16]}",
        pem,
        kind=AS2_IDENTITY,
        now=now,
        not_after=identity.not_after,
    )
    for key in make_host_keys():
        put_secret(session, kek, f"ssh-host-{key.algorithm}", key.private, kind=SSH_HOST_KEY, now=now)
    return read_identity(pem), store_setup_code(session, kek, now)


def _made(new: bool) -> State:
    return "made" if new else "exists"


def _relative(home: Path, path: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _folder(home: Path, folder: Path, mode: int = 0o755) -> Part:
    made = not folder.is_dir()
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    return Part("folder", f"{_relative(home, folder)}/", _made(made))


def _settings_file(home: Path, company: Company, listen: str, public_url: str | None, database: str | None) -> Part:
    place = home / SETTINGS_FILE
    made = not place.exists()
    if made:
        text = settings_text(company, listen=listen, public_url=public_url, database=database)
        write_whole_file(place, text.encode("utf-8"))
    return Part("settings", SETTINGS_FILE, _made(made))


def _readme(home: Path, folder: Path, name: str) -> Part:
    place = folder / "README.md"
    made = not place.exists()
    if made:
        write_whole_file(place, resources.find(f"{name}/README.md").read_bytes())
    return Part("read-me", _relative(home, place), _made(made))


def _kek(home: Path, settings: Settings) -> tuple[Kek, Part]:
    """The key-encryption key; a new one only where no database exists that an earlier one has sealed."""
    paths = settings.paths
    made = not paths.kek.exists() and not _has_tables(settings)
    kek = create_kek(paths.kek) if made else load_kek(paths.kek)
    return kek, Part("key-encryption key", _relative(home, paths.kek), _made(made))
