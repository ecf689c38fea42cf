"""Queues: what waits to be sent to each partner and why, and the gateway's own background work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template, request

from gateway.messages import queries_queues
from gateway.partners.operations import op_partner_list
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
        next_try = parse(queue["next_attempt_at"])
        queue["due"] = queue["depth"] > 0 and (next_try is None or next_try <= g.now)
        queue["state"] = queue_state(queue, found["status"] if found else None)
    totals = {name: sum(queue[name] for queue in queues) for name in ("depth", "retrying", "failed")}
    return render_template(
        "queues.html",
        queues=queues,
        totals=totals,
        work=work,
        stats=site.work(),
        tasks=TASKS,
        only=only,
        only_name=partners[only]["name"] if only in partners else only,
    )


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
