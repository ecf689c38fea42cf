"""The operations on partners, as the command line, the control socket and the web run them alike.

Each takes a session, the instant it happens at, and plain parameters, and gives JSON-able data or raises
OperationError with a sentence. Those in ``WRITES`` need a session that may write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.partners import registry
from gateway.partners.certificates import certificate_facts, load_certificate, window
from gateway.partners.claims import located
from gateway.partners.errors import OperationError, PartnerClashError
from gateway.partners.models import Partner
from gateway.partners.presets import preset_reader
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.rules import readiness, transport, warnings
from gateway.partners.secretnames import missing_secrets, refuse_own_secrets
from gateway.partners.statuses import status_before_pause
from gateway.partners.yamlform import FilePartner, read_partners
from gateway.partners.yamltext import Path

__all__ = [
    "OPERATIONS",
    "WRITES",
    "op_partner_apply",
    "op_partner_export",
    "op_partner_history",
    "op_partner_list",
    "op_partner_pause",
    "op_partner_restore",
    "op_partner_resume",
    "op_partner_show",
]


def op_partner_apply(
    session: Session,
    now: datetime,
    *,
    files: Sequence[Mapping[str, Any]],
    author: str,
    reason: str = "",
    dry_run: bool = False,
    versions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Apply partner files, or with ``dry_run`` say what applying them would change.

    Each of ``files`` is {"name", "text"} and, where the text names any, "files" (certificate files) and
    "presets" by name, as `collect_partner_file` gives them. Gives {"changes": [{"code", "action", "version",
    "differences": [{"path", "old", "new"}], "warnings"}], "applied": bool}. All files are applied or none.
    ``versions`` are those that the change was made from, by partner (0 = a new one): PartnerChangedError when another
    is in force.
    """
    registry.require_versions(session, versions or {})
    given: list[FilePartner] = []
    for file in files:
        certificates: Mapping[str, str] = file.get("files", {})
        presets = _given_or_packaged(file.get("presets", {}))
        given += read_partners(file["text"], file["name"], certificates.__getitem__, presets)
    if not given:
        raise OperationError("No partner was given.", "Name at least one partner file.")
    profiles = [entry.profile for entry in given]
    refuse_own_secrets(session, profiles)
    try:
        if dry_run:
            changes = registry.plan(session, profiles, now)
        else:
            changes = registry.apply(session, profiles, _author(author), reason, now)
    except PartnerClashError as error:
        raise _with_lines(error, given) from error
    told = [registry.change_json(change) for change in changes]
    for change, profile in zip(told, profiles, strict=True):
        change["warnings"] += missing_secrets(session, profile)
    return {"changes": told, "applied": not dry_run}


def op_partner_list(session: Session, now: datetime) -> dict[str, Any]:
    """Every partner with what staff look for first: {"partners": [{"code", "name", "status", …}]}."""
    return {
        "partners": [_summary(session, version, profile, now) for version, profile in registry.list_partners(session)]
    }


def op_partner_show(session: Session, now: datetime, *, name: str, version: int | None = None) -> dict[str, Any]:
    """One partner in its current or another version, its certificates described."""
    profile = registry.get(session, name, version)
    versions = registry.history(session, name)
    current = next(info.version for info in versions if info.current)
    shown = version or current
    return {
        **_summary(session, shown, profile, now),
        "current_version": current,
        "changed": _version_json(next(info for info in versions if info.version == shown)),
        "certificates": _certificates(profile, now),
        "missing": readiness(profile, now),
        "profile": profile.model_dump(mode="json"),
    }


def op_partner_history(session: Session, now: datetime, *, name: str) -> dict[str, Any]:
    """Every version of one partner with its author, reason and what it changed, newest first."""
    versions = []
    for info in registry.history(session, name):
        before = registry.get(session, name, info.version - 1) if info.version > 1 else None
        after = registry.get(session, name, info.version)
        found = (
            []
            if before is None
            else registry.differences(before.model_dump(mode="json"), after.model_dump(mode="json"))
        )
        versions.append({**_version_json(info), "differences": [asdict(difference) for difference in found]})
    return {"code": name, "versions": versions}


def op_partner_restore(
    session: Session, now: datetime, *, name: str, version: int, author: str, reason: str = ""
) -> dict[str, Any]:
    """Make an earlier version current again, as a new version."""
    change = registry.restore(session, name, version, author=_author(author), reason=reason, now=now)
    return registry.change_json(change)


def op_partner_pause(session: Session, now: datetime, *, name: str, author: str, reason: str = "") -> dict[str, Any]:
    """Send a partner nothing and hold what it sends, as a new version of its profile, until it is resumed."""
    profile = registry.get(session, name)
    if profile.status not in _PAUSABLE:
        raise OperationError(
            f"{profile.name} is {profile.status.value}, so it cannot be paused.", "Only a live or testing partner can."
        )
    if not reason.strip():
        raise OperationError("A reason is needed: others will ask why.")
    paused = profile.model_copy(update={"status": Status.PAUSED})
    (change,) = registry.apply(session, [paused], _author(author), reason.strip(), now)
    return registry.change_json(change)


def op_partner_resume(session: Session, now: datetime, *, name: str, author: str, reason: str = "") -> dict[str, Any]:
    """End a partner's pause: what it was before, live or testing, it is again. What was held waits for a replay."""
    profile = registry.get(session, name)
    if profile.status is not Status.PAUSED:
        raise OperationError(f"{profile.name} is not paused: it is {profile.status.value}.")
    resumed = profile.model_copy(update={"status": status_before_pause(session, name)})
    (change,) = registry.apply(session, [resumed], _author(author), reason.strip() or "The pause is over.", now)
    return registry.change_json(change)


def op_partner_export(session: Session, now: datetime, *, names: Sequence[str] = ()) -> dict[str, Any]:
    """The current profiles of the named partners (all when none is named), to be written as files."""
    codes = list(names) or list(session.execute(select(Partner.code).order_by(Partner.code)).scalars())
    return {"partners": [registry.get(session, code).model_dump(mode="json") for code in codes]}


def _given_or_packaged(given: Mapping[str, str]) -> Callable[[str], str]:
    """Reads the presets that came with a file, else the packaged ones."""
    packaged = preset_reader()
    return lambda name: given[name] if name in given else packaged(name)


def _with_lines(error: PartnerClashError, given: Sequence[FilePartner]) -> PartnerClashError:
    """The clashes with the file and line of each partner that was given."""
    files = {entry.profile.code: entry for entry in given}

    def find_line(code: str, path: Path) -> tuple[str, int] | None:
        return files[code].line_of(path) if code in files else None

    return PartnerClashError(error.clashes, [located(clash, find_line) for clash in error.clashes])


def _author(author: str) -> str:
    if not author.strip():
        raise OperationError("A change needs an author.", "Say who makes it, with --author.")
    return author.strip()


def _summary(session: Session, version: int, profile: PartnerProfile, now: datetime) -> dict[str, Any]:
    ends = [window(entry)[1] for entry in profile.as2.certificates]
    return {
        "code": profile.code,
        "name": profile.name,
        "status": profile.status.value,
        "version": version,
        "preset": profile.preset,
        "isa": [address.key for address in profile.ids.isa],
        "gs": list(profile.ids.gs),
        "as2": profile.ids.as2,
        "transport": transport(profile),
        "certificate_ends": min(ends).isoformat() if ends else None,
        "warnings": [*warnings(profile, now), *missing_secrets(session, profile)],
    }


def _version_json(info: registry.VersionInfo) -> dict[str, Any]:
    return {**asdict(info), "created_at": info.created_at.isoformat()}


def _certificates(profile: PartnerProfile, now: datetime) -> list[dict[str, Any]]:
    found = []
    for entry in profile.as2.certificates:
        facts = certificate_facts(load_certificate(entry.pem))
        first, last = window(entry)
        found.append(
            {
                "role": list(entry.role),
                "primary": entry.primary,
                "active": first <= now <= last,
                "used_from": first.isoformat(),
                "used_until": last.isoformat(),
                **asdict(facts),
                "not_before": facts.not_before.isoformat(),
                "not_after": facts.not_after.isoformat(),
            }
        )
    return found


#: Name of an operation → the function that does it.
OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "partner.apply": op_partner_apply,
    "partner.export": op_partner_export,
    "partner.history": op_partner_history,
    "partner.list": op_partner_list,
    "partner.pause": op_partner_pause,
    "partner.restore": op_partner_restore,
    "partner.resume": op_partner_resume,
    "partner.show": op_partner_show,
}

#: The operations that change something; the others may run on a read-only session.
WRITES = frozenset({"partner.apply", "partner.pause", "partner.restore", "partner.resume"})

#: The states that a pause interrupts.
_PAUSABLE = (Status.LIVE, Status.TESTING)
