"""Alerts: who is told of problems and how, what is wrong now, what was told to whom, and what nobody wants to hear."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request, url_for

from gateway.alerts.channels import FIELDS
from gateway.alerts.errors import AlertError
from gateway.alerts.kinds import KIND_WORDS, SEVERITIES
from gateway.web.pages.common import done, go, refusal, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["MUTE_HOURS", "pages"]

pages = Blueprint("alerts", __name__, url_prefix="/alerts")

PAGE = 25
#: How long a mute may last: (hours, words).
MUTE_HOURS = (
    (1, "1 hour"),
    (4, "4 hours"),
    (12, "12 hours"),
    (24, "1 day"),
    (72, "3 days"),
    (168, "1 week"),
    (720, "30 days"),
)
_EMPTY = {
    "id": "",
    "name": "",
    "kind": "mail",
    "target": "",
    "least": "warning",
    "partners": [],
    "kinds": [],
    "quiet_hours": "",
    "time_zone": "",
    "digest_minutes": 0,
    "enabled": True,
    "origin": "",
}
#: Change and state of a channel or delivery → (word, tone, icon).
_CHANGES = {
    "opened": ("New", "warn", "flag"),
    "worse": ("Worse", "bad", "warning"),
    "resolved": ("Resolved", "good", "check"),
}
_CHANNELS = {
    "ok": ("Works", "good", "check"),
    "unused": ("Not used yet", "quiet", "clock"),
    "trouble": ("Last try failed", "warn", "warning"),
    "failing": ("Failing", "bad", "cross"),
    "off": ("Switched off", "quiet", "minus"),
}
_DELIVERIES = {
    "waiting": ("Waits", "info", "clock"),
    "sent": ("Sent", "good", "check"),
    "failed": ("Not sent", "bad", "cross"),
    "muted": ("Muted", "quiet", "minus"),
}
_SWITCHES = {"enable": True, "disable": False}


@pages.get("")
def index() -> Any:
    """Everything about alerts; the address holds the filters of the history."""
    site = the_site()
    given: dict[str, Any] = {name: request.args[name][:100] for name in ("kind", "partner") if request.args.get(name)}
    after = request.args.get("after") or None
    try:
        found = site.operate("alert.list", {**given, "after": after, "limit": PAGE})
    except AlertError as error:
        abort(400, str(error))
    return render_template(
        "alerts.html",
        **found,
        given=given,
        older=url_for("alerts.index", **given, after=found["next"]) if found["next"] else None,
        first=url_for("alerts.index", **given) if after else None,
        failing=[channel for channel in found["channels"] if channel["state"] == "failing"],
        kinds=_kinds(),
        changes=_CHANGES,
        states=_CHANNELS,
        delivery_states=_DELIVERIES,
        hours=MUTE_HOURS,
        partners=site.partners(),
        names={partner.code: partner.name for partner in site.partners()},
    )


def _kinds() -> list[tuple[str, str]]:
    return [(kind.value, text) for kind, text in KIND_WORDS.items()]


# -- channels ------------------------------------------------------------------------------------------------


@pages.get("/channels/new")
def new() -> Any:
    """The form of a new channel."""
    return _form({**_EMPTY, "time_zone": the_site().time_zone})


@pages.get("/channels/<id>")
def channel(id: str) -> Any:
    """The form of one channel."""
    return _form(_channel(id))


def _channel(identity: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = the_site().operate("alert.channel", {"id": identity})
    except AlertError as error:
        abort(404, str(error))
    return found


def _form(form: dict[str, Any], error: AlertError | None = None, made: dict[str, Any] | None = None) -> Any:
    site = the_site()
    page = render_template(
        "alert_channel.html",
        form=form,
        error=error,
        made=made,
        kinds=_kinds(),
        severities=[(name, name.capitalize()) for name in SEVERITIES],
        partners=site.partners(),
        states=_CHANNELS,
    )
    return page, (400 if error else 200)


@pages.post("/channels")
def save() -> Any:
    """Add a channel, or change one; a new webhook's signing key stands on the answer, once."""
    form: dict[str, Any] = {name: request.form.get(name, "")[:5000] for name in FIELDS}
    form["partners"], form["kinds"] = request.form.getlist("partners"), request.form.getlist("kinds")
    identity = request.form.get("id", "")[:100]
    site, who = the_site(), visitor().name
    try:
        made = site.operate("alert.change" if identity else "alert.add", {**form, "id": identity, "actor": who})
    except AlertError as error:
        shown = {**_EMPTY, **form, "id": identity}
        return _form({**shown, **({"enabled": _channel(identity)["enabled"]} if identity else {})}, error)
    if "key" in made:
        return _form(_channel(made["id"]), made=made)
    done(f"The channel {made['name']} was {'changed' if identity else 'added'}. Send a test to be sure.")
    return go("alerts.channel", id=made["id"])


@pages.post("/channels/<id>/act")
def act(id: str) -> Any:
    """Switch a channel on or off, remove it, or give it a new signing key, which stands on the answer, once."""
    button = request.form.get("action", "")
    site, asked = the_site(), {"id": id, "actor": visitor().name}
    try:
        if button in _SWITCHES:
            made = site.operate("alert.switch", {**asked, "enabled": _SWITCHES[button]})
            done(f"The channel {made['name']} is switched {'on' if _SWITCHES[button] else 'off'}.")
        elif button == "remove":
            made = site.operate("alert.remove", asked)
            done(f"The channel {made['name']} was removed; its history stays.")
        elif button == "key":
            made = site.operate("alert.key", asked)
            return _form(_channel(id), made=made)
        else:
            abort(400, "That is not something that can be done with a channel.")
    except AlertError as error:
        wrong(error)
    return go("alerts.index")


@pages.post("/channels/<id>/test")
def test(id: str) -> Any:
    """Really send a test message, and say what happened step by step."""
    try:
        result = the_site().operate("alert.test", {"id": id, "actor": visitor().name})
    except AlertError as error:
        abort(404, refusal(error))
    return render_template("alert_test.html", result=result)


# -- mutes ---------------------------------------------------------------------------------------------------


@pages.post("/mutes")
def mute() -> Any:
    """Tell nobody of a problem, a partner or a kind for some time."""
    scope, _, value = request.form.get("what", "")[:500].partition(":")
    parameters = {
        scope if scope in ("case", "problem", "partner", "kind") else "nothing": value,
        "hours": request.form.get("hours", "")[:10],
        "reason": request.form.get("reason", "")[:500],
        "actor": visitor().name,
    }
    try:
        made = the_site().operate("alert.mute", parameters)
    except AlertError as error:
        wrong(error)
    else:
        done(f"Nobody is told of {made['title']} for now. The mute stands on the page Alerts, where it can be ended.")
    return go("alerts.index")


@pages.post("/mutes/<id>/end")
def unmute(id: str) -> Any:
    """End a mute now."""
    try:
        made = the_site().operate("alert.unmute", {"id": id, "actor": visitor().name})
    except AlertError as error:
        wrong(error)
    else:
        done(f"Alerts about {made['title']} are told again.")
    return go("alerts.index")
