"""Partners, to look at: how each fares, and one with its profile, identities, certificates and versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from sqlalchemy.orm import Session

from gateway.messages import queries_queues
from gateway.partners import registry
from gateway.partners.errors import PartnerNotFoundError
from gateway.partners.identities import identities
from gateway.partners.operations import op_partner_history, op_partner_list, op_partner_show
from gateway.partners.presets import preset_reader, preset_values
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.corrections import correction_json
from gateway.pipeline.golive import waiting_of
from gateway.staff.roles import Role, allows
from gateway.web.partnersteps import steps
from gateway.web.place import own_settings
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view.profiles import groups, told

__all__ = ["STATUSES", "pages"]

pages = Blueprint("partners", __name__, url_prefix="/partners")

#: Status → (word, tone, icon).
STATUSES = {
    "draft": ("Draft", "quiet", "style"),
    "testing": ("Testing", "info", "progress"),
    "live": ("Live", "good", "check"),
    "paused": ("Paused", "warn", "pause"),
    "retired": ("Retired", "quiet", "minus"),
}
_NOTHING = {"in": None, "out": None, "cases": 0, "overdue": 0, "waiting": 0, "failed": 0}
#: Kind of identity → words.
_KINDS = {
    "isa": "Interchange (ISA)",
    "isa-test": "Interchange, test (ISA)",
    "as2": "AS2 name",
    "gs": "Application (GS)",
    "xml": "XML",
}
_VIEWS = ("overview", "profile", "versions")
#: Days before the end of a certificate from which on its figure is marked.
_SOON, _NOW = 45, 14


@pages.get("")
def index() -> Any:
    """Every partner in a line: the ones that need somebody first."""
    site = the_site()
    status = request.args.get("status", "")
    with site.read() as session:
        found = op_partner_list(session, g.now)["partners"]
        health = queries_queues.partner_health(session, g.now)
    counts = {name: sum(entry["status"] == name for entry in found) for name in STATUSES}
    rows = [_line(entry, health.get(entry["code"], _NOTHING)) for entry in found]
    if status in STATUSES:
        rows = [row for row in rows if row["status"] == status]
    rows.sort(key=lambda row: (-row["urgency"], row["name"].casefold(), row["code"]))
    return render_template(
        "partners.html",
        rows=rows,
        total=len(found),
        counts=counts,
        statuses=STATUSES,
        status=status if status in STATUSES else "",
        days=queries_queues.LIVELY.days,
    )


def _line(entry: dict[str, Any], health: dict[str, Any]) -> dict[str, Any]:
    ends = entry["certificate_ends"]
    left = None if ends is None else (datetime.fromisoformat(ends) - g.now).days
    troubles = (health["failed"] > 0, health["cases"] > 0, health["overdue"] > 0, bool(entry["warnings"]))
    active = entry["status"] in ("live", "testing", "paused")
    return {
        **entry,
        **health,
        "days": left,
        "tone": _tone(left),
        "urgency": sum(weight for weight, trouble in zip((8, 4, 2, 1), troubles, strict=True) if trouble) * active,
    }


def _tone(left: int | None) -> str:
    if left is None or left > _SOON:
        return "quiet"
    return "bad" if left <= _NOW else "warn"


@pages.get("/<code>")
def show(code: str) -> Any:
    """One partner: how it fares, its profile, or its versions and what they changed."""
    site = the_site()
    view = request.args.get("view", _VIEWS[0])
    view = view if view in _VIEWS else _VIEWS[0]
    with site.read() as session:
        try:
            facts = op_partner_show(session, g.now, name=code)
        except PartnerNotFoundError as error:
            abort(404, str(error))
        profile = registry.get(session, code)
        health = queries_queues.partner_health(session, g.now).get(code, _NOTHING)
        queues = queries_queues.delivery_queues(session, code)
        next_steps = steps(session, profile, g.now) if allows(visitor().roles, Role.ADMIN) else []
        row = waiting_of(session, code)
        waits = None if row is None else correction_json(row)
        history = _history(session, code) if view == "versions" else {}
    return render_template(
        "partner.html",
        p=facts,
        profile=profile,
        health=_line(facts, health),
        queue=queues[0] if queues else None,
        view=view,
        identities=[(_KINDS[each.kind], each.value) for each in identities(profile)],
        certificates=[_certificate(each) for each in facts["certificates"]],
        groups=_groups(profile) if view == "profile" else [],
        status=STATUSES[facts["status"]],
        days=queries_queues.LIVELY.days,
        steps=next_steps,
        waits=waits,
        **history,
    )


def _certificate(facts: dict[str, Any]) -> dict[str, Any]:
    left = (datetime.fromisoformat(facts["used_until"]) - g.now).days
    return {**facts, "days": left, "tone": _tone(left) if facts["active"] else "quiet"}


def _groups(profile: PartnerProfile) -> list[Any]:
    settings = own_settings(the_site())
    read_preset = preset_reader(settings.paths.home if settings else None)
    preset = preset_values(profile.preset, profile.sftp.preset, read_preset)
    return groups(profile, preset)


def _history(session: Session, code: str) -> dict[str, Any]:
    """Every version, and the differences between the two that the address names (the last two without)."""
    versions = op_partner_history(session, g.now, name=code)["versions"]
    numbers = {entry["version"] for entry in versions}
    newest = max(numbers)
    to = request.args.get("to", newest, type=int)
    to = to if to in numbers else newest
    since = request.args.get("from", to - 1, type=int)
    since = since if since in numbers else max(1, to - 1)
    before, after = (registry.get(session, code, number).model_dump(mode="json") for number in (since, to))
    differences = [
        {"path": each.path, "old": _shown(each.old, each.path), "new": _shown(each.new, each.path)}
        for each in registry.differences(before, after)
    ]
    listed = [{**entry, "changes": len(entry["differences"])} for entry in versions]
    return {"versions": listed, "since": since, "to": to, "differences": differences}


def _shown(value: Any, path: str) -> str:
    return told(value, path.rpartition(".")[2])
