"""Queues: what waits to be sent to each partner and why, and the gateway's own background work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, render_template, request

from gateway.messages import queries_queues
from gateway.partners.operations import op_partner_list
from gateway.staff.roles import Role, allows
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view.times import parse

__all__ = ["pages", "queue_state"]

pages = Blueprint("queues", __name__, url_prefix="/queues")

#: Kind of background work → what it does, and whether its key is a partner.
TASKS = {
    "process": ("Read and check what was received", False),
    "post": ("Hand a document to the back office", False),
    "drain": ("Send what waits for a partner", True),
}
#: Change of a partner's status → what is said after it.
_CHANGES = {
    "pause": "The partner is paused: nothing is sent to it, and what it sends is held.",
    "resume": "The pause is over. What was held meanwhile waits under Failures for a replay.",
}
#: Statuses of a partner to which nothing is sent.
_STOPPED = ("paused", "retired")


@pages.get("")
def index() -> Any:
    """Every queue; ``partner`` narrows it to one."""
    site = the_site()
    only = request.args.get("partner", "")[:100]
    with site.read() as session:
        queues = queries_queues.delivery_queues(session, only)
        work = queries_queues.jobs(session)
        partners = {entry["code"]: entry for entry in op_partner_list(session, g.now)["partners"]}
    for queue in queues:
        found = partners.get(queue["partner"] or "")
        queue["name"] = found["name"] if found else queue["partner"] or "no partner"
        queue["stopped"] = found is not None and found["status"] in _STOPPED
        next_try = parse(queue["next_attempt_at"])
        queue["due"] = queue["depth"] > 0 and (next_try is None or next_try <= g.now)
        queue["state"] = queue_state(queue, found["status"] if found else None)
    totals = {name: sum(queue[name] for queue in queues) for name in ("depth", "retrying", "failed")}
    here = partners.get(only)
    return render_template(
        "queues.html",
        queues=queues,
        partner=here,
        pausable=here is not None and here["status"] in ("live", "testing"),
        may_try=allows(visitor().roles, Role.OPERATOR),
        may_stop=allows(visitor().roles, Role.ADMIN),
        totals=totals,
        work=work,
        stats=site.work(),
        tasks=TASKS,
        only=only,
        only_name=partners[only]["name"] if only in partners else only,
    )


@pages.post("/try")
def try_now() -> Any:
    """Have what waits for a partner tried at once."""
    partner = request.form.get("partner", "")[:100]
    try:
        done(the_site().operate("queue.try", {"partner": partner, "actor": visitor().name})["message"])
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
    return go("queues.index", partner=partner)


@pages.post("/stop")
def stop() -> Any:
    """Pause a partner, or end its pause."""
    partner, change = request.form.get("partner", "")[:100], request.form.get("change", "")
    if change not in _CHANGES:
        abort(400, "That is not something that can be done with a queue.")
    reason = request.form.get("reason", "").strip()[:500]
    try:
        the_site().operate(f"partner.{change}", {"name": partner, "author": visitor().name, "reason": reason})
        done(_CHANGES[change])
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
    return go("queues.index", partner=partner)


def queue_state(queue: dict[str, Any], status: str | None) -> tuple[str, str, str]:
    """(word, tone, icon) for how a queue stands; ``status`` is that of the partner, None for an unknown one."""
    if status in _STOPPED and queue["depth"]:
        return f"Stopped, partner {status}", "warn", "pause"
    if queue["retrying"]:
        return "Retrying", "warn", "repeat"
    if queue["failed"] and not queue["depth"]:
        return "Given up", "bad", "cross"
    if queue["sending"]:
        return "Sending", "info", "progress"
    return "Waiting", "info", "clock"
