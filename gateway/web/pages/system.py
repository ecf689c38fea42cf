"""System: what runs here, what the doctor finds, the disk and the database, and which schemas and maps there are."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, g, render_template, request

from gateway.alerts import queries as alert_queries
from gateway.doctor import Diagnosis, examine
from gateway.doctor.bundle import make_bundle
from gateway.mapping.registry import maps_available
from gateway.settings import Settings
from gateway.standards.edi.schema import known_releases, load_release
from gateway.standards.xml.schemas import load_registry
from gateway.store import ledger, migrations
from gateway.web.place import database_file, own_settings, server_facts
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["pages"]

pages = Blueprint("system", __name__, url_prefix="/system")

#: Bytes of a database up to which the doctor's checks, which read it through, run with the page.
CHECK_AT_ONCE = 128 << 20
#: Status of a check → (word, tone, icon).
_STATUSES = {
    "fail": ("Failed", "bad", "cross"),
    "warn": ("Look", "warn", "warning"),
    "ok": ("In order", "good", "check"),
}
_ORIGINS = {"package": "part of the gateway", "extra": "the ubl extra", "operator": "added here"}
#: Names of documents that are shown of one set of schemas.
_MOST_ROOTS = 8


@pages.get("")
def show() -> Any:
    """Everything about this gateway; ``checks=run`` runs the doctor over a large database too."""
    site = the_site()
    settings = own_settings(site)
    file = database_file(site)
    server = server_facts(site)
    size = server["bytes"] if server else _size(file)
    large = size is not None and size > CHECK_AT_ONCE and request.args.get("checks") != "run"
    diagnosis = None if settings is None or large else examine(settings.paths.home, g.now)
    home = settings.paths.home if settings else None
    with site.read() as session:
        events, head = ledger.head(session)
        failing = alert_queries.failing_channels(session)
    return render_template(
        "system.html",
        settings=settings,
        failing_channels=failing,
        alarms=[],
        large=large,
        checks=_checks(diagnosis),
        counts={name: diagnosis.count(name) for name in _STATUSES} if diagnosis else {},
        statuses=_STATUSES,
        versions=_versions(site.version, server),
        disk=_disk(settings, file),
        database={
            "file": server["url"] if server else str(file or "a database server"),
            "bytes": size,
            "events": events,
            "head": head,
        },
        x12=_x12(home),
        xml=_xml(home),
        maps=_maps(home),
        origins=_ORIGINS,
    )


@pages.get("/bundle")
def bundle() -> Any:
    """The support bundle; who took it stands in the ledger."""
    site, now, who = the_site(), g.now, visitor().name
    settings = own_settings(site)
    if settings is None:
        abort(404, "The working directory of this gateway is not here. Run on the machine: gateway support bundle FILE")
    data = make_bundle(settings.paths.home, now)
    site.write(
        lambda session: ledger.append(
            session,
            at=now,
            kind="support-bundle-made",
            subject_type="gateway",
            subject_id="support",
            actor=who,
            reason=f"{who} downloaded the support bundle.",
        )
    )
    headers = {"Content-Disposition": f'attachment; filename="support-{now:%Y%m%d-%H%M}.zip"'}
    return Response(data, mimetype="application/zip", headers=headers)


def _checks(diagnosis: Diagnosis | None) -> list[dict[str, Any]]:
    """The results, what failed first."""
    order = list(_STATUSES)
    found = diagnosis.results if diagnosis else ()
    rows = [{"check": one.check, "status": one.status, "message": one.message, "fix": one.fix} for one in found]
    return sorted(rows, key=lambda row: order.index(row["status"]))


def _versions(version: str, server: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [
        ("Gateway", version),
        ("Tables", f"revision {migrations.newest()}"),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        ("PostgreSQL", server["version"]) if server else ("SQLite", sqlite3.sqlite_version),
    ]


def _size(file: Path | None) -> int | None:
    """Bytes of the database with its write-ahead log; None for a server."""
    if file is None:
        return None
    log = file.with_name(f"{file.name}-wal")
    return sum(part.stat().st_size for part in (file, log) if part.exists())


def _disk(settings: Settings | None, file: Path | None) -> dict[str, Any] | None:
    """Space where the gateway keeps its things, with the part of it that is used, in hundredths."""
    place = settings.paths.home if settings else file.parent if file else None
    if place is None:
        return None
    usage = shutil.disk_usage(place)
    reserve = settings.limits.min_free_disk_bytes if settings else 0
    tone = "bad" if usage.free < reserve else "warn" if usage.free < 2 * reserve else "good"
    used = round(100 * (usage.total - usage.free) / usage.total) if usage.total else 0
    sizes = {"free": usage.free, "total": usage.total, "reserve": reserve}
    return {**{name: _gib(size) for name, size in sizes.items()}, "used": used, "tone": tone}


def _gib(size: int) -> str:
    """Bytes as the doctor says them; "" for none."""
    return f"{size / 2**30:,.1f} GiB" if size else ""


def _x12(home: Path | None) -> list[dict[str, Any]]:
    return [{"name": name, "sets": sorted(load_release(name, home).sets)} for name in known_releases(home)]


def _xml(home: Path | None) -> dict[str, Any]:
    registry = load_registry(home)
    rows = []
    for each in registry.sets:
        roots = sorted({root for entry in each.entries for root in entry.roots})
        changed = each.changed_files()
        rows.append(
            {
                "name": each.name,
                "origin": each.origin,
                "families": sorted({entry.name for entry in each.entries}),
                "roots": roots[:_MOST_ROOTS],
                "more": max(0, len(roots) - _MOST_ROOTS),
                "changed": changed[:3],
            }
        )
    return {"sets": rows, "problems": list(registry.problems)}


def _maps(home: Path | None) -> list[tuple[str, list[str]]]:
    """(standard and version, its sets) of every map."""
    found: dict[str, list[str]] = {}
    for standard, version, set_id in maps_available(home):
        found.setdefault(f"{standard} {version}", []).append(set_id)
    return list(found.items())
