"""The status of a partner: what is missing before the next one, and the question why before it changes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from gateway.messages import queries_queues
from gateway.partners import registry
from gateway.partners.errors import OperationError, PartnerNotFoundError
from gateway.partners.profile import Status
from gateway.partners.statuses import goes_live
from gateway.web.pages.common import done, wrong
from gateway.web.pages.partners import STATUSES
from gateway.web.partnersteps import MEANINGS, steps
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["pages"]

pages = Blueprint("partners_status", __name__, url_prefix="/partners")


@pages.get("/<code>/status/<status>")
def ask(code: str, status: str) -> Any:
    """What the change means, what is missing, and why it is made."""
    site = the_site()
    with site.read() as session:
        try:
            profile = registry.get(session, code)
        except PartnerNotFoundError as error:
            abort(404, str(error))
        version = next(info.version for info in registry.history(session, code) if info.current)
        found = {step.status: step for step in steps(session, profile, g.now)}
        queues = queries_queues.delivery_queues(session, code)
    if status not in found:
        abort(404, f"{profile.name} is {profile.status.value}: it cannot become that.")
    return render_template(
        "partner_status.html",
        profile=profile,
        version=version,
        step=found[status],
        status=STATUSES[profile.status.value],
        then=STATUSES[status],
        meaning=MEANINGS[Status(status)],
        goes_live=goes_live(profile, Status(status)),
        waiting=sum(queue["depth"] for queue in queues),
    )


@pages.post("/<code>/status/<status>")
def change(code: str, status: str) -> Any:
    """Change it, or say what is missing."""
    asked = {
        "name": code,
        "status": status,
        "version": request.form.get("version", 0, type=int),
        "reason": request.form.get("reason", "")[:500],
        "actor": visitor().name,
    }
    try:
        result = the_site().operate("partner.status", asked)
    except PartnerNotFoundError as error:
        abort(404, str(error))
    except OperationError as error:
        wrong(error)
    else:
        done(str(result["message"]), "warn" if result["waiting"] else "good")
    return redirect(url_for("partners.show", code=code), 303)
