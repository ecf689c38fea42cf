"""Acknowledgements of what we sent: overdue, rejected in words, awaited with their clock, and unmatched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, g, render_template, request, url_for

from gateway.messages import queries_acknowledgements, queries_staff
from gateway.messages.queries import CursorError
from gateway.messages.queries_acknowledgements import VIEWS
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view.times import age

__all__ = ["pages"]

pages = Blueprint("acknowledgements", __name__, url_prefix="/acknowledgements")

PAGE = 50
#: Button → operation.
ACTIONS = {"resend": "message.resend", "waive": "acknowledgement.waive"}
#: How far back the slowest acknowledgement is looked for.
_RECENT = timedelta(days=7)


@pages.get("")
def index() -> Any:
    """One of the four views; the address holds view and filters."""
    site, args = the_site(), request.args
    given: dict[str, Any] = {name: args[name][:100] for name in ("partner", "kind") if args.get(name)}
    after = args.get("after") or None
    with site.read() as session:
        counts = queries_acknowledgements.acknowledgement_counts(session)
        view = args.get("view") or next((name for name in VIEWS if counts[name]), "awaited")
        if view not in VIEWS:
            abort(404, "There is no such view of acknowledgements.")
        try:
            found = queries_acknowledgements.acknowledgement_page(session, view, **given, limit=PAGE, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        kinds = queries_staff.kinds(session)
        recent = queries_acknowledgements.acknowledged_since(session, g.now - _RECENT)
    here: dict[str, Any] = {"view": view, **given}
    return render_template(
        "acknowledgements.html",
        view=view,
        counts=counts,
        rows=found["rows"],
        given=given,
        tabs=[(name, name, url_for("acknowledgements.index", view=name, **given)) for name in VIEWS],
        next=url_for("acknowledgements.index", **here, after=found["next"]) if found["next"] else None,
        first=url_for("acknowledgements.index", **here) if after else None,
        here=url_for("acknowledgements.index", **here),
        kinds=kinds,
        recent={**recent, "slowest": age(recent["slowest_seconds"])},
        partners=site.partners(),
        names={partner.code: partner.name for partner in site.partners()},
        zones={partner.code: partner.time_zone for partner in site.partners()},
    )


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """Send a document again, or note that its acknowledgement came by other means."""
    button = request.form.get("action", "")
    if button not in ACTIONS:
        abort(400, "That is not something that can be done with an acknowledgement.")
    reason = request.form.get("reason", "").strip()[:500]
    try:
        result = the_site().operate(ACTIONS[button], {"id": id, "actor": visitor().name, "reason": reason})
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
    else:
        done(str(result["message"]))
    return go("acknowledgements.index")
