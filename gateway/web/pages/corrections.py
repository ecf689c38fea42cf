"""Corrections: those that wait for a second person, and what became of the others; one with what it changes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from gateway.messages import corrections
from gateway.messages.corrections import CorrectionError, CorrectionKind
from gateway.pipeline.corrections import correction_json
from gateway.staff.roles import Role, allows
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["pages"]

pages = Blueprint("corrections", __name__, url_prefix="/corrections")

PAGE = 25
#: Button → operation.
ACTIONS = {"apply": "correction.apply", "refuse": "correction.refuse"}


@pages.get("")
def index() -> Any:
    """Those that wait, the oldest first, and the last that were decided."""
    site = the_site()
    with site.read() as session:
        waiting = [correction_json(row) for row in corrections.waiting(session, PAGE)]
        decided = [correction_json(row) for row in corrections.decided(session, PAGE)]
    return render_template(
        "corrections.html",
        waiting=waiting,
        decided=decided,
        names={partner.code: partner.name for partner in site.partners()},
    )


@pages.get("/<id>")
def show(id: str) -> Any:
    """One correction: who, why, what changes, and the decision."""
    site = the_site()
    with site.read() as session:
        try:
            found = correction_json(corrections.find(session, id))
        except CorrectionError as error:
            abort(404, str(error))
    return render_template(
        "correction.html",
        k=found,
        names={partner.code: partner.name for partner in site.partners()},
        may_act=_may_decide(found["kind"]),
    )


def _kind(identity: str) -> str:
    """What kind of correction it is; "" when there is none, which its operation says."""
    with the_site().read() as session:
        try:
            return corrections.find(session, identity).kind
        except CorrectionError:
            return ""


def _may_decide(kind: str) -> bool:
    """Whether the visitor may decide one of this kind: partners are an admin's business."""
    return allows(visitor().roles, Role.ADMIN if kind == CorrectionKind.GO_LIVE else Role.OPERATOR)


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """Apply one or turn it down; then on to what it was about."""
    button = request.form.get("action", "")
    if button not in ACTIONS:
        abort(400, "That is not something that can be done with a correction.")
    kind = _kind(id)
    if not _may_decide(kind):
        abort(403)
    if kind == CorrectionKind.GO_LIVE and button == "apply" and not visitor().fresh(g.now):
        return redirect(url_for("entry.again", next=url_for("corrections.show", id=id)), 303)
    parameters = {"id": id, "actor": visitor().name, "reason": request.form.get("reason", "").strip()[:500]}
    try:
        result = the_site().operate(ACTIONS[button], parameters)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return go("corrections.index")
    done(str(result["message"]), "warn" if result.get("refused") else "good")
    if result.get("partner"):
        return redirect(url_for("partners.show", code=result["partner"]), 303)
    if result["case"]:
        return redirect(url_for("failures.show", id=result["case"]), 303)
    return redirect(url_for("messages.detail", id=result["subject"]) if result["subject"] else "/", 303)
