"""Failures: one card for each cause, the most urgent first; one cause with all that can be done about it.

A fix is tried and saved under the same words: its kind, place, value and choice stand in the address of the dry run.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from gateway.messages import corrections, queries_cases
from gateway.messages.corrections import CorrectionKind, CorrectionState
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_cases import CaseFilters
from gateway.pipeline.corrections import correction_json
from gateway.pipeline.fixing import ProfileChangedError
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
#: The words that name a fix, in addresses and forms.
_FIX = ("kind", "place", "value", "choice")
#: Faults of which nothing received waits: there is nothing to be read again.
_NOT_READ = ("door", "acknowledgement_unmatched")
#: Seconds between two looks while messages are on their way, and otherwise.
_BUSY, _IDLE = 2, 30
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
    with site.read() as session:
        card = _card(session, id)
        facts = _facts(session, card, request.args.get("after") or None)
        messages = queries_cases.case_messages(session, id, letters.MOST_NAMED)
        decided = [correction_json(row) for row in corrections.corrections_of(session, case_id=id)]
        history = _with_edits(queries_cases.case_history(session, id), decided)
    waiting = [one for one in decided if one["state"] == CorrectionState.WAITING]
    may_act = allows(who.roles, Role.OPERATOR) and card["open"]
    may_replay = may_act and card["waiting"] and card["direction"] == "in" and card["fault"] not in _NOT_READ
    partner = {partner.code: partner for partner in site.partners()}.get(card["partner"] or "")
    name = partner.name if partner else ""
    return render_template(
        "failure.html",
        c=card,
        partner=partner,
        partner_name=name or card["partner"] or "an unknown sender",
        zone=partner.time_zone if partner else None,
        letter=letters.letter(card, facts["example"], messages, partner=name, company=site.company),
        history=history,
        may_act=may_act,
        may_replay=may_replay,
        offers=_offers(id) if may_replay and not facts["running"] and not waiting else [],
        waiting=waiting,
        refresh=_BUSY if facts["running"] else _IDLE,
        editor=_editor(facts["example"]),
        **facts,
    )


def _facts(session: Session, card: dict[str, Any], after: str | None) -> dict[str, Any]:
    """The example with its findings, a page of members, who may work on it, and how many are on their way."""
    identity = card["id"]
    try:
        members = queries_cases.case_members(session, identity, limit=MEMBERS, after=after)
    except CursorError:
        abort(400, "The place in the list is not one that the gateway gave out.")
    example = queries_cases.example_of(session, identity)
    return {
        "example": example,
        "findings": [_finding(one) for one in (example or {}).get("findings", [])][:5],
        "members": [
            {**one, "other": queries_cases.cause_of(one["detail"]) != card["cause"]} for one in members["members"]
        ],
        "next": url_for("failures.show", id=identity, after=members["next"]) if members["next"] else None,
        "first": url_for("failures.show", id=identity) if after else None,
        "people": _people(session),
        "running": queries_cases.under_way(session, identity) if card["open"] else 0,
    }


def _offers(identity: str) -> list[dict[str, Any]]:
    offers: list[dict[str, Any]] = the_site().operate("case.fixes", {"id": identity})["offers"]
    return offers


def _with_edits(history: list[dict[str, Any]], decided: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history with the edited copies of its messages, which the ledger has under those messages."""
    edits = [
        {
            "at": one["decided_at"] or one["created_at"],
            "event": f"edited-copy-{one['state']}",
            "axis": None,
            "new": None,
            "actor": one["decided_by"] or one["author"],
            "reason": f"{one['title']}: {one['reason']}",
            "data": {},
        }
        for one in decided
        if one["kind"] == CorrectionKind.EDIT
    ]
    return sorted([*history, *edits], key=lambda entry: str(entry["at"]), reverse=True)


def _editor(example: dict[str, Any] | None) -> str | None:
    """Where a copy of the example is edited."""
    if example is None or example["type"] == "partner" or "editor.show" not in current_app.view_functions:
        return None
    return url_for("editor.show", id=example["id"])


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
    """The dry run over everything that waits, with a fix or as things are; the button for the real one stands below."""
    site = the_site()
    with site.read() as session:
        card = _card(session, id)
    asked = _asked(request.args)
    try:
        result = site.operate("case.trial", {"id": id, "actor": visitor().name, **({"fix": asked} if asked else {})})
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return redirect(url_for("failures.show", id=id), 303)
    order = {"fail": 0, "unable": 1, "changed": 2, "pass": 3}
    return render_template(
        "failure_trial.html",
        c=card,
        names={partner.code: partner.name for partner in site.partners()},
        trial=result,
        fix=result.get("fix"),
        members=[
            {**one, "sentence": queries_cases.cause_of(one["sentence"])}
            for one in sorted(result["members"], key=lambda one: order[one["result"]])[:TRIED]
        ],
    )


def _asked(values: Any) -> dict[str, Any]:
    """The words of a fix in an address or a form; {} when there are none."""
    return {name: values.get(name, "")[:200] for name in _FIX} if values.get("kind") else {}


@pages.post("/<id>/fix")
def fix(id: str) -> Any:
    """Save a fix and replay everything that waits; the dry run is shown again when the profile changed meanwhile."""
    asked = _asked(request.form)
    versions = dict(entry.rpartition("=")[::2] for entry in request.form.get("versions", "").split() if "=" in entry)
    parameters = {
        "id": id,
        "actor": visitor().name,
        "reason": request.form.get("reason", "").strip()[:500],
        "fix": asked,
        "versions": {code: int(version) for code, version in versions.items() if version.isdecimal()},
    }
    try:
        result = the_site().operate("case.fix", parameters)
    except ProfileChangedError as error:
        wrong(error)
        return redirect(url_for("failures.trial", id=id, **asked), 303)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return redirect(url_for("failures.show", id=id), 303)
    done(str(result["message"]), "warn" if result["waiting"] or result.get("refused") else "good")
    return redirect(url_for("failures.show", id=id), 303)


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
