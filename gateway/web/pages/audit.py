"""Audit: the event ledger, who did what, to what, when and why; and the check that nobody changed it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, render_template, request, url_for

from gateway.messages import queries_audit
from gateway.messages.queries_audit import EventFilters
from gateway.web.pages.common import done, go, wrong
from gateway.web.site import the_site
from gateway.web.view.words import number, words

__all__ = ["pages"]

pages = Blueprint("audit", __name__, url_prefix="/audit")

PAGE = 50
_WORDS = ("actor", "about", "id", "kind")
#: Kind of subject → endpoint and the name of its parameter.
_SUBJECTS = {
    "document": ("messages.detail", "id"),
    "transmission": ("messages.detail", "id"),
    "partner": ("partners.show", "code"),
}


@pages.get("")
def index() -> Any:
    """Events, the newest first; the address holds every filter."""
    site = the_site()
    filters, problem = _filters()
    before = request.args.get("before", type=int)
    if request.args.get("before") and (before is None or not 0 < before < 2**63):
        abort(400, "The place in the list is not one that the gateway gave out.")
    with site.read() as session:
        found = queries_audit.events(session, filters, before=before, limit=PAGE)
        kinds = queries_audit.subject_types(session)
    given: dict[str, Any] = {name: request.args[name] for name in (*_WORDS, "day") if request.args.get(name)}
    for event in found["events"]:
        event["what"] = words(event["kind"].replace("-", "_"))
        event["url"] = _subject_url(event)
        event["more"] = json.dumps(event["data"], indent=2, ensure_ascii=False) if event["data"] else ""
    return render_template(
        "audit.html",
        events=found["events"],
        total=found["total"],
        next=url_for("audit.index", **given, before=found["next"]) if found["next"] else None,
        first=url_for("audit.index", **given) if before else None,
        given=given,
        kinds=kinds,
        problem=problem,
    )


def _filters() -> tuple[EventFilters, str]:
    """What the address narrows the list to, and a sentence when the day makes no sense."""
    values = {name: request.args.get(name, "").replace("\0", "").strip()[:200] for name in _WORDS}
    day, problem = request.args.get("day", ""), ""
    since = until = None
    try:
        if day:
            since = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=ZoneInfo(the_site().time_zone))
            until = since + timedelta(days=1)
            since.astimezone(ZoneInfo("UTC")), until.astimezone(ZoneInfo("UTC"))  # days that the calendar ends with
    except (ValueError, OverflowError):
        since = until = None
        problem = f'"{day[:40]}" is not a day; it is written 2026-11-22. It was left out.'
    filters = EventFilters(
        actor=values["actor"],
        subject_type=values["about"],
        subject_id=values["id"],
        kind=values["kind"],
        since=since,
        until=until,
    )
    return filters, problem


def _subject_url(event: dict[str, Any]) -> str | None:
    place = _SUBJECTS.get(event["subject_type"])
    return None if place is None else url_for(place[0], **{place[1]: event["subject_id"]})


@pages.post("/verify")
def verify() -> Any:
    """Compute the whole chain anew and say whether every event stands as it was written."""
    try:
        report = the_site().operate("ledger.check", {})
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return go("audit.index")
    if report["ok"]:
        done(f"The chain is whole: {number(report['checked'])} events stand as they were written.")
    else:
        done(f"{report['message']} {number(report['checked'])} events before it are right.", "bad")
    return go("audit.index")
