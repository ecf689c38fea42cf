"""Failures: one card for each cause, the most urgent first; one cause with all that can be done about it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy.orm import Session

from gateway.messages import queries_cases
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_cases import CaseFilters
from gateway.staff import accounts
from gateway.staff.roles import Role, allows
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view import letters

__all__ = ["pages"]

pages = Blueprint("failures", __name__, url_prefix="/failures")

PAGE, MEMBERS = 25, 25
#: Lines of a dry run that are shown.
TRIED = 100
_GIVEN = ("partner", "state", "fault", "assignee")
#: Button → operation.
ACTIONS = {
    "assign": "case.assign",
    "give_back": "case.give_back",
    "note": "case.note",
    "wait": "case.wait",
    "resolve": "case.resolve",
    "ignore": "case.ignore",
    "replay": "case.replay",
}
#: What is asked for on a page of its own: (headline, what follows from it, words of the button).
CONFIRMED = {
    "resolve": (
        "Close this as put right?",
        "The problem leaves the list. When it comes again, it opens again with its history.",
        "Close as resolved",
    ),
    "ignore": (
        "Ignore this for good?",
        "Messages of it that are held are ignored, too: they never reach the back office. Nobody is told.",
        "Ignore",
    ),
}


@pages.get("")
def index() -> Any:
    """The cards; the address holds every filter."""
    site = the_site()
    given: dict[str, Any] = {name: request.args[name][:100] for name in _GIVEN if request.args.get(name)}
    after = request.args.get("after") or None
    with site.read() as session:
        try:
            found = queries_cases.case_cards(session, CaseFilters(**given), limit=PAGE, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        faults = queries_cases.faults(session)
        last = None if found["cases"] else queries_cases.last_resolved(session)
    return render_template(
        "failures.html",
        cards=found["cases"],
        total=found["total"],
        given=given,
        next=url_for("failures.index", **given, after=found["next"]) if found["next"] else None,
        first=url_for("failures.index", **given) if after else None,
        faults=faults,
        last=last,
        partners=site.partners(),
        names={partner.code: partner.name for partner in site.partners()},
    )


@pages.get("/<id>")
def show(id: str) -> Any:
    """One cause: what is wrong, an example, what to do, its messages and its history."""
    site, who = the_site(), visitor()
    after = request.args.get("after") or None
    partners = {partner.code: partner for partner in site.partners()}
    with site.read() as session:
        card = _card(session, id)
        try:
            members = queries_cases.case_members(session, id, limit=MEMBERS, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        example = queries_cases.example_of(session, id)
        history = queries_cases.case_history(session, id)
        messages = queries_cases.case_messages(session, id, letters.MOST_NAMED)
        people = _people(session)
    partner = partners.get(card["partner"] or "")
    return render_template(
        "failure.html",
        c=card,
        partner=partner,
        partner_name=partner.name if partner else card["partner"] or "an unknown sender",
        zone=partner.time_zone if partner else None,
        example=example,
        findings=[_finding(one) for one in (example or {}).get("findings", [])][:5],
        letter=letters.letter(card, example, messages, partner=partner.name if partner else "", company=site.company),
        members=[
            {**one, "other": queries_cases.cause_of(one["detail"]) != card["cause"]} for one in members["members"]
        ],
        next=url_for("failures.show", id=id, after=members["next"]) if members["next"] else None,
        first=url_for("failures.show", id=id) if after else None,
        history=history,
        people=people,
        may_act=allows(who.roles, Role.OPERATOR) and card["open"],
    )


def _card(session: Session, identity: str) -> dict[str, Any]:
    try:
        return queries_cases.case_card(session, identity)
    except MessageNotFoundError as error:
        abort(404, str(error))


def _people(session: Session) -> list[tuple[str, str]]:
    """(login name, name) of everybody who may work on a failure."""
    return [
        (user.name, user.full_name or user.name)
        for user in accounts.users(session)
        if user.disabled_at is None and allows(user.roles, Role.OPERATOR)
    ]


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    anchor = finding.get("position") or finding.get("line")
    return {
        "value": "",
        "fix": "",
        **finding,
        "place": letters.place_of(finding),
        "rule": letters.rule_of(finding),
        "anchor": f"s{anchor}" if anchor else None,
    }


@pages.get("/<id>/trial")
def trial(id: str) -> Any:
    """The dry run over everything that waits; nothing is changed, and the button for the real one stands below."""
    site = the_site()
    with site.read() as session:
        card = _card(session, id)
    result = site.operate("case.trial", {"id": id, "actor": visitor().name})
    order = {"fail": 0, "unable": 1, "changed": 2, "pass": 3}
    return render_template(
        "failure_trial.html",
        c=card,
        names={partner.code: partner.name for partner in site.partners()},
        trial=result,
        members=[
            {**one, "sentence": queries_cases.cause_of(one["sentence"])}
            for one in sorted(result["members"], key=lambda one: order[one["result"]])[:TRIED]
        ],
    )


@pages.get("/<id>/confirm/<action>")
def confirm(id: str, action: str) -> Any:
    """Ask for the reason before a case is closed."""
    if action not in CONFIRMED:
        abort(404, "There is nothing to be confirmed here.")
    with the_site().read() as session:
        card = _card(session, id)
    headline, consequence, button = CONFIRMED[action]
    return render_template(
        "failure_confirm.html", c=card, action=action, headline=headline, consequence=consequence, button=button
    )


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """Everything that changes a case, through the operation that has its name."""
    button = request.form.get("action", "")
    if button not in ACTIONS:
        abort(400, "That is not something that can be done with a failure.")
    parameters = {
        "id": id,
        "actor": visitor().name,
        "reason": request.form.get("reason", "").strip()[:500],
        "assignee": request.form.get("assignee", "")[:100],
    }
    try:
        result = the_site().operate(ACTIONS[button], parameters)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return go("failures.show", id=id)
    done(str(result["message"]), "warn" if result.get("refused") else "good")
    return go("failures.show", id=id)
