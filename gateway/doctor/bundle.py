"""The support bundle: what somebody else needs to understand a gateway, without its secrets and without any payload.

Versions, settings, the doctor's findings, counts, schemas and maps, partners without their secrets, and the last lines
of the log. Every text goes through the masks, and at the end every stored secret and the key-encryption key are
looked for by value.
"""

from __future__ import annotations

import io
import json
import platform
import sqlite3
import ssl
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, inspect, literal_column, select, table
from sqlalchemy.orm import Session

from gateway import __version__
from gateway.doctor import examine
from gateway.doctor.masking import mask_settings, mask_text, without_values
from gateway.mapping.registry import maps_available
from gateway.messages import queries
from gateway.partners.registry import list_partners
from gateway.settings import Settings, load_settings
from gateway.standards.edi.schema import known_releases
from gateway.standards.xml.schemas import load_registry
from gateway.store import ledger, migrations
from gateway.store.engine import open_store
from gateway.store.errors import SecretError, StoreError
from gateway.store.secrets import Kek, get_secret, list_secrets, load_kek

__all__ = ["make_bundle"]

#: Lines and bytes of the log that are put in.
_LOG_LINES, _LOG_BYTES = 2_000, 512 * 1024


def make_bundle(home: Path, now: datetime) -> bytes:
    """The bundle of a working directory as a ZIP; beside a running service, too. Raises SettingsError."""
    settings = load_settings(home)
    files = {name: _json(value) for name, value in _facts(settings, home, now)}
    files["log.txt"] = mask_text(_log(settings))
    secrets = _secret_values(settings)
    files = {name: without_values(body, secrets) for name, body in files.items()}
    files["README.txt"] = _README.format(version=__version__, at=now.isoformat(timespec="seconds"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, date_time=now.timetuple()[:6]), body.encode(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


_README = """Support bundle of a gateway, version {version}, taken {at}.

No payload, no password, no key and no certificate is in it: settings and log lines were masked ("[removed]").
Look through it before you send it: names of partners and files stand in the log.
"""


def _facts(settings: Settings, home: Path, now: datetime) -> Iterator[tuple[str, Any]]:
    yield "versions.json", _versions()
    yield "settings.json", mask_settings(settings.model_dump(mode="json"))
    yield "doctor.json", mask_settings([asdict(result) for result in examine(home, now).results])
    yield "schemas.json", {"x12": sorted(known_releases(home)), "xml": [each.name for each in load_registry(home).sets]}
    yield "maps.json", [list(entry) for entry in maps_available(home)]
    try:
        with (
            open_store(settings.database_url, blobs=settings.paths.blobs, write=False) as store,
            store.read() as session,
        ):
            yield "counts.json", _counts(session)
            yield "partners.json", _partners(session)
    except StoreError as error:
        yield "counts.json", {"error": mask_text(str(error))}


def _versions() -> dict[str, str]:
    return {
        "gateway": __version__,
        "tables": migrations.newest(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
    }


def _counts(session: Session) -> dict[str, Any]:
    """Rows of every table (on SQLite by the last row's number, which is quick), and what stands where."""
    events, head = ledger.head(session)
    bind = session.connection()
    tables: dict[str, Any] = {}
    for name in sorted(inspect(bind).get_table_names()):
        rows = literal_column("max(rowid)") if bind.dialect.name == "sqlite" else func.count()
        tables[name] = session.scalar(select(rows).select_from(table(name)))
    return {"events": events, "ledger_head": head, "rows": tables, "messages": queries.counts(session)}


def _partners(session: Session) -> list[dict[str, Any]]:
    """Each partner's code, status and version, and its way; nothing of its identities, addresses or secrets."""
    return [
        {
            "code": profile.code,
            "version": version,
            "status": str(profile.status),
            "transport": profile.delivery.transport or "",
        }
        for version, profile in list_partners(session)
    ]


def _log(settings: Settings) -> str:
    path = settings.paths.log
    if path is None or not path.is_file():
        return "There is no log file: the service writes to standard error.\n"
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - _LOG_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) + "\n"


def _secret_values(settings: Settings) -> list[bytes]:
    """Every stored secret opened, and the key-encryption key: what must stand nowhere in the bundle."""
    try:
        kek: Kek = load_kek(settings.paths.kek)
    except SecretError:
        return []
    found = [kek.key]
    try:
        with (
            open_store(settings.database_url, blobs=settings.paths.blobs, write=False) as store,
            store.read() as session,
        ):
            for info in list_secrets(session):
                try:
                    found.append(get_secret(session, kek, info.name))
                except SecretError:
                    continue  # sealed with another key: nobody here can read it either
    except StoreError:
        return found
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"
