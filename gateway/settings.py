"""The settings of one gateway: ``gateway.toml`` in its working directory, then the environment.

A variable ``GATEWAY_<SECTION>_<NAME>`` overrides a line of the file. A working directory holds everything of
one gateway: settings, keys, database, folders, logs. Relative paths in the file are relative to it, so the
directory can be moved or restored elsewhere as a whole.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from gateway.settings_template import SETTINGS_FILE, settings_text, write_default

__all__ = [
    "SETTINGS_FILE",
    "As2Settings",
    "Company",
    "Endpoint",
    "FolderSettings",
    "HttpSettings",
    "LimitSettings",
    "LogSettings",
    "Paths",
    "Settings",
    "SettingsError",
    "SftpSettings",
    "StoreSettings",
    "WorkSettings",
    "company_named",
    "load_settings",
    "parse_endpoint",
    "settings_text",
    "write_default",
]

_MIB = 1024 * 1024


class SettingsError(Exception):
    """The settings cannot be used; the message lists every problem with its file, line and remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        #: One sentence for each problem.
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a listener is bound."""

    host: str
    #: 0 lets the operating system choose.
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` or ``[ipv6]:port``. Raises ValueError with a plain sentence."""
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>\d{1,5})", text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not an address to listen on; write host:port, for example 127.0.0.1:4080')
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"{port} is not a port number; ports end at 65535")
    return Endpoint(match["v6"] or match["host"], port)


def _checked_endpoint(text: str) -> str:
    return str(parse_endpoint(text))


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f'"{name}" is not a time zone; write an IANA name such as America/New_York or UTC') from exc
    return name


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{url}" is not a web address; it begins with http:// or https:// and names a host')
    if parts.username or parts.password:
        raise ValueError("the address holds a user name or password; leave them out")
    return url


def _checked_route(path: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", path):
        raise ValueError(f'"{path}" is not a URL path; it begins with "/" and holds letters, digits and ._~/-')
    return path


def _checked_as2_name(name: str) -> str:
    # RFC 4130 §6.2: 1 to 128 printable ASCII characters.
    if not re.fullmatch(r"[\x20-\x7e]{1,128}", name) or name.strip() != name:
        raise ValueError("an AS2 name is 1 to 128 printable ASCII characters without blanks at its ends")
    return name


def _none_when_empty(value: object) -> object:
    return None if value == "" else value


class _Section(BaseModel):
    """A section refuses names it does not know, so that a typo never silently means the default."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


#: Characters of an X12 identifier in ISA06/ISA08 and GS02/GS03 (basic set, no separators in common use).
_X12_ID = r"^[A-Z0-9 &()\-./=+,]+$"


class Company(_Section):
    """Who we are towards every partner, unless the partner's profile says otherwise."""

    #: Our code in documents (``sender``/``receiver``) and folders: a-z, 0-9 and "-".
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
    #: Our name for people.
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    #: Our interchange id qualifier (ISA05/ISA07).
    isa_qualifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")] = "ZZ"
    #: Our interchange id (ISA06/ISA08).
    isa_id: Annotated[str, StringConstraints(min_length=1, max_length=15, pattern=_X12_ID)]
    #: Our application code (GS02/GS03).
    gs_id: Annotated[str, StringConstraints(min_length=2, max_length=15, pattern=_X12_ID)]
    #: Our AS2 name (AS2-From of what we send); case-sensitive.
    as2_name: Annotated[str, AfterValidator(_checked_as2_name)]
    #: IANA zone of our envelope times and deadlines.
    time_zone: Annotated[str, AfterValidator(_checked_zone)] = "UTC"


class As2Settings(_Section):
    """The AS2 listener."""

    #: host:port to listen on; port 0 lets the operating system choose.
    listen: Annotated[str, AfterValidator(_checked_endpoint)] = "127.0.0.1:4080"
    #: The only path that takes messages.
    path: Annotated[str, AfterValidator(_checked_route)] = "/as2"
    #: The address partners reach us under (for their set-up sheet and asynchronous MDNs).
    public_url: Annotated[str, AfterValidator(_checked_url)] | None = None
    #: PEM certificate chain for TLS on this listener; unset = plain HTTP (behind a proxy, or loopback).
    tls_certificate: Path | None = None
    #: PEM private key of ``tls_certificate``.
    tls_key: Path | None = None
    #: Largest request body in bytes; a profile may lower it.
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 100 * _MIB

    @model_validator(mode="after")
    def _tls_is_whole(self) -> As2Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together; give both or neither")
        return self

    @property
    def endpoint(self) -> Endpoint:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen)


class SftpSettings(_Section):
    """The SFTP server for partners who have a mailbox here."""

    #: host:port to listen on, port 0 lets the operating system choose; unset = no SFTP server.
    listen: Annotated[str, AfterValidator(_checked_endpoint)] | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen) if self.listen else None


class HttpSettings(_Section):
    """The HTTP door: partners post messages with a token or a client certificate."""

    #: host:port to listen on, port 0 lets the operating system choose; unset = no HTTP door.
    listen: Annotated[str, AfterValidator(_checked_endpoint)] | None = None
    #: PEM certificate chain for TLS; needed off this machine unless a proxy does it.
    tls_certificate: Path | None = None
    #: PEM private key of ``tls_certificate``.
    tls_key: Path | None = None
    #: True = a proxy in front does TLS.
    behind_proxy: bool = False

    @model_validator(mode="after")
    def _tls_is_whole(self) -> HttpSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together; give both or neither")
        return self

    @property
    def endpoint(self) -> Endpoint | None:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen) if self.listen else None


class StoreSettings(_Section):
    """Where messages are kept."""

    #: SQLite file, or a SQLAlchemy URL such as ``postgresql+psycopg://…``.
    database: Annotated[str, StringConstraints(min_length=1)] = "gateway.db"
    #: Folder of payloads that are too large for the database.
    blobs: Path = Path("blobs")


class FolderSettings(_Section):
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
    max_file_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 100 * _MIB


class LimitSettings(_Section):
    """Bounds checked before any work is done."""

    #: Largest business payload in bytes after decryption and decompression.
    max_payload_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 200 * _MIB
    #: Largest allowed growth by decompression (200 = two hundred times).
    max_compression_ratio: Annotated[int, Field(ge=2, le=10_000)] = 100
    #: Connections on the AS2 listener at one time.
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 100
    #: Connections from one address at one time.
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 10
    #: Bytes that must stay free on the disk of the database; below it partners get "try later" (503).
    min_free_disk_bytes: Annotated[int, Field(ge=0)] = 512 * _MIB


class WorkSettings(_Section):
    """Background work."""

    #: Worker threads; unset = two for each processor.
    slots: Annotated[int, Field(ge=1, le=256)] | None = None

    @property
    def threads(self) -> int:
        """``slots``, or two for each processor."""
        return self.slots or 2 * (os.cpu_count() or 1)


class LogSettings(_Section):
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


class Settings(_Section):
    """All settings of one gateway."""

    company: Company
    as2: As2Settings = As2Settings()
    sftp: SftpSettings = SftpSettings()
    http: HttpSettings = HttpSettings()
    store: StoreSettings = StoreSettings()
    folders: FolderSettings = FolderSettings()
    limits: LimitSettings = LimitSettings()
    work: WorkSettings = WorkSettings()
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


def load_settings(directory: Path | str, environ: Mapping[str, str] | None = None) -> Settings:
    """Read ``gateway.toml`` of a working directory and apply ``GATEWAY_*`` variables.

    ``GATEWAY_AS2_LISTEN=0.0.0.0:4080`` overrides ``listen`` in ``[as2]``, and so on for every name;
    ``GATEWAY_KEK_FILE`` points at the key-encryption key. Raises SettingsError with every problem.
    """
    home = Path(directory).absolute()
    env = os.environ if environ is None else environ
    path = home / SETTINGS_FILE
    text = _read_text(path)
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError([f"{path}: not valid TOML: {exc}. Correct that line."]) from exc
    origins = _apply_environment(table, env)
    try:
        settings = Settings.model_validate(table)
    except ValidationError as exc:
        lines = _key_lines(text)
        raise SettingsError([_problem(path, lines, origins, dict(error)) for error in exc.errors()]) from exc
    settings._home = home
    if kek := env.get("GATEWAY_KEK_FILE"):
        settings._kek = home / kek
    return settings


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise SettingsError(
            [f"{path} does not exist. `gateway init {path.parent}` makes a working directory."]
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path} cannot be read: {exc}. It must be a readable UTF-8 file."]) from exc


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _apply_environment(table: dict[str, Any], env: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put ``GATEWAY_<SECTION>_<NAME>`` into ``table``; returns which variable set which name."""
    origins: dict[tuple[str, ...], str] = {}
    for variable, value in sorted(env.items()):
        for section in _sections():
            prefix = f"GATEWAY_{section.upper()}_"
            target = table.setdefault(section, {}) if variable.startswith(prefix) else None
            if isinstance(target, dict):
                name = variable.removeprefix(prefix).lower()
                target[name] = value
                origins[(section, name)] = variable
    return origins


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of every section header and every ``name =`` in it (our file nests no deeper)."""
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            section = tuple(part.strip(" \"'") for part in header[1].split("."))
            lines.setdefault(section, number)
        elif key := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", line):
            lines.setdefault((*section, key[1]), number)
    return lines


def _problem(
    path: Path,
    lines: Mapping[tuple[str, ...], int],
    origins: Mapping[tuple[str, ...], str],
    error: Mapping[str, Any],
) -> str:
    """One validation error as a sentence with its file and line, or its variable."""
    location = tuple(str(part) for part in error["loc"])
    if location[:2] in origins:
        where = f"environment variable {origins[location[:2]]}"
    else:
        line = next((lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), None)
        where = f"{path}, line {line}" if line else str(path)
    name = f"[{location[0]}] {location[-1]}" if len(location) > 1 else f"[{location[0]}]"
    if error["type"] == "extra_forbidden":
        known = _known_names(location[:-1])
        nearest = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        advice = f'did you mean "{nearest[0]}"?' if nearest else f"known here: {', '.join(known)}."
        return f'{where}: "{name}" is not a setting; {advice}'
    if error["type"] == "missing":
        return f"{where}: {name} is missing. Add it; `gateway init` in an empty directory shows an example."
    reason = str(error["msg"]).removeprefix("Value error, ")
    value = error.get("input")
    shown = f" = {value!r}" if isinstance(value, str | int | float) else ""
    return f"{where}: {name}{shown}: {reason}."


def _known_names(location: tuple[str, ...]) -> list[str]:
    sections = _sections()
    if location and location[0] in sections:
        return list(sections[location[0]].model_fields)
    return list(sections)


def company_named(
    name: str,
    *,
    code: str | None = None,
    isa_qualifier: str = "ZZ",
    isa_id: str | None = None,
    gs_id: str | None = None,
    as2_name: str | None = None,
    time_zone: str = "UTC",
) -> Company:
    """A company with ids made from its name where none are given ("Alpine Supply" → ALPINESUPPLY).

    Raises SettingsError naming each id that is not allowed.
    """
    letters = re.sub(r"[^A-Z0-9]", "", name.upper())[:15] or "COMPANY"
    isa = isa_id or letters
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    try:
        return Company(
            code=code or slug or "company",
            name=name,
            isa_qualifier=isa_qualifier,
            isa_id=isa,
            gs_id=gs_id or isa.ljust(2, "0"),
            as2_name=as2_name or isa,
            time_zone=time_zone,
        )
    except ValidationError as exc:
        raise SettingsError(
            [
                f"{error['loc'][0]} = {error['input']!r}: {str(error['msg']).removeprefix('Value error, ')}."
                for error in exc.errors()
            ]
        ) from exc
