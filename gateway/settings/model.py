"""All settings of one gateway, and the places of its working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints

from gateway.settings.alerts import AlertSettings
from gateway.settings.company import Company
from gateway.settings.doors import As2Settings, HttpSettings, SftpSettings
from gateway.settings.retention import RetentionSettings
from gateway.settings.section import MEBIBYTE, Section
from gateway.settings.staff import StaffSettings
from gateway.settings.web import WebSettings
from gateway.settings_template import SETTINGS_FILE

__all__ = ["FolderSettings", "LimitSettings", "LogSettings", "Paths", "Settings", "StoreSettings", "WorkSettings"]


def _none_when_empty(value: object) -> object:
    return None if value == "" else value


def _known_database(value: str) -> str:
    """A file, or a URL of a kind that the store opens; the driver need not be named."""
    if "://" not in value:
        return value
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("it is not a database URL, postgresql+psycopg://user:password@host:5432/name") from None
    if url.drivername in ("postgres", "postgresql"):
        return f"postgresql+psycopg://{value.partition('://')[2]}"
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        raise ValueError("name a SQLite file, or a PostgreSQL database as postgresql+psycopg://user@host/name")
    return value


class StoreSettings(Section):
    """Where messages are kept."""

    #: SQLite file, or the URL of a PostgreSQL database: ``postgresql+psycopg://user@host/name``.
    database: Annotated[str, StringConstraints(min_length=1), AfterValidator(_known_database)] = "gateway.db"
    #: Folder of payloads that are too large for the database.
    blobs: Path = Path("blobs")


class FolderSettings(Section):
    """The hot folders towards the back office."""

    #: Documents for the back office appear here.
    inbox: Path = Path("inbox")
    #: Documents from the back office are picked up here.
    outbox: Path = Path("outbox")
    #: Seconds between two looks at the outbox.
    scan_seconds: Annotated[float, Field(ge=0.05, le=3600)] = 1.0
    #: Seconds that a file must be unchanged before it is read.
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    #: Largest file in bytes that is read from the outbox.
    max_file_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 100 * MEBIBYTE


class LimitSettings(Section):
    """Bounds checked before any work is done."""

    #: Largest business payload in bytes after decryption and decompression.
    max_payload_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 200 * MEBIBYTE
    #: Largest allowed growth by decompression (200 = two hundred times).
    max_compression_ratio: Annotated[int, Field(ge=2, le=10_000)] = 100
    #: Connections on the AS2 listener at one time.
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 100
    #: Connections from one address at one time.
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 10
    #: Bytes that must stay free on the disk of the database; below it partners get "try later" (503).
    min_free_disk_bytes: Annotated[int, Field(ge=0)] = 512 * MEBIBYTE


class WorkSettings(Section):
    """Background work."""

    #: Worker threads; unset = two for each processor.
    slots: Annotated[int, Field(ge=1, le=256)] | None = None

    @property
    def threads(self) -> int:
        """``slots``, or two for each processor."""
        return self.slots or 2 * (os.cpu_count() or 1)


class LogSettings(Section):
    """What is logged, and where. Payloads are never logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    #: Log file; "" = standard error only (a service manager keeps it).
    file: Annotated[Path | None, BeforeValidator(_none_when_empty)] = Path("log/gateway.log")


@dataclass(frozen=True, slots=True)
class Paths:
    """Every place of a working directory, absolute."""

    home: Path
    settings: Path
    keys: Path
    #: Key-encryption key, 32 bytes; ``GATEWAY_KEK_FILE`` points elsewhere.
    kek: Path
    #: The SQLite file, or None when the database is a URL.
    database: Path | None
    blobs: Path
    inbox: Path
    outbox: Path
    run: Path
    control_socket: Path
    log: Path | None


class Settings(Section):
    """All settings of one gateway."""

    company: Company
    as2: As2Settings = As2Settings()
    sftp: SftpSettings = SftpSettings()
    http: HttpSettings = HttpSettings()
    web: WebSettings = WebSettings()
    staff: StaffSettings = StaffSettings()
    store: StoreSettings = StoreSettings()
    folders: FolderSettings = FolderSettings()
    limits: LimitSettings = LimitSettings()
    work: WorkSettings = WorkSettings()
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()
    log: LogSettings = LogSettings()

    _home: Path = PrivateAttr(default_factory=Path)
    _kek: Path | None = PrivateAttr(default=None)

    @property
    def database_url(self) -> str:
        """The database as a URL, or as an absolute file path for SQLite."""
        database = self.paths.database
        return self.store.database if database is None else str(database)

    @property
    def paths(self) -> Paths:
        """Every place of the working directory, absolute."""
        home = self._home
        log = self.log.file
        is_url = "://" in self.store.database
        return Paths(
            home=home,
            settings=home / SETTINGS_FILE,
            keys=home / "keys",
            kek=self._kek or home / "keys" / "kek",
            database=None if is_url else home / self.store.database,
            blobs=home / self.store.blobs,
            inbox=home / self.folders.inbox,
            outbox=home / self.folders.outbox,
            run=home / "run",
            control_socket=home / "run" / "control.sock",
            log=None if log is None else home / log,
        )

    def resolve(self, path: Path) -> Path:
        """``path`` as written in the settings, made absolute."""
        return self._home / path
