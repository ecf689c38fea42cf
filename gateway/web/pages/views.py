"""What belongs to the message list: saved views, and one action on many messages with its confirmation and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, abort, current_app, g, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import views
from gateway.messages.axes import Review
from gateway.messages.detail import message_row
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
from gateway.messages.queries_list import message_ids
from gateway.staff.roles import Role, allows
from gateway.store import ledger
from gateway.web.batches import MOST_CHOSEN, Batch, Batches, Outcome
from gateway.web.pages.common import done, go, refusal
from gateway.web.pages.messages import GIVEN, filters_of
from gateway.web.presence import changes_since
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view.actions import ACTIONS, why_not
from gateway.web.view.words import words

__all__ = ["pages"]

pages = Blueprint("views", __name__, url_prefix="/messages")

#: Button → (words, what happens, the question when it asks for a text).
CHOICES: dict[str, tuple[str, str, str]] = {
    "replay": (
        "Replay",
        "Each is read again with today's profile and maps, as a new message that names this one. "
        "Acknowledgements that were sent are not sent again.",
        "",
    ),
    "release": ("Release", "Each goes to the back office as it is.", ""),
    "resend": ("Resend", "The same bytes go to the partner again; what failed is queued again.", ""),
    "hold": ("Hold", "None of them goes on to the back office until somebody releases it.", "Why? Others will ask."),
    "ignore": (
        "Ignore",
        "They are closed for good and never reach the back office. Nobody is told.",
        "Why? Others will ask.",
    ),
    "note": ("Add a note", "The note stands on each of them; nothing else changes.", "What should others know?"),
    "assign": ("Take their problems", "The open problems of these messages are given to you.", ""),
}


@pages.record_once
def _set_up(state: Any) -> None:
    state.app.extensions["gateway.batches"] = Batches()


# -- saved views ---------------------------------------------------------------------------------------------


@pages.post("/views")
def save() -> Any:
    """Give the present filters a name."""
    who, now, form = visitor().name, g.now, request.form
    shared = form.get("shared") == "yes"
    if shared and not allows(visitor().roles, Role.OPERATOR):
        abort(403)
    query = urlencode([(name, value) for name, value in parse_qsl(form.get("query", "")) if name in GIVEN])
    name = form.get("name", "")
    return _change(
        lambda session: views.save_view(session, owner=who, name=name, query=query, shared=shared, now=now),
        "The view is saved. It stands above the list.",
    )


@pages.post("/views/<id>")
def change(id: str) -> Any:
    """Rename, share or delete a view of one's own."""
    who, now, form = visitor().name, g.now, request.form
    name = form.get("name", "")
    shared = form.get("action") == "share"
    if shared and not allows(visitor().roles, Role.OPERATOR):
        abort(403)
    actions: dict[str, tuple[Callable[[Session], Any], str]] = {
        "rename": (lambda s: views.rename_view(s, id, actor=who, name=name, now=now), "The view has its new name."),
        "share": (lambda s: views.share_view(s, id, actor=who, shared=True, now=now), "Everybody sees the view now."),
        "unshare": (lambda s: views.share_view(s, id, actor=who, shared=False, now=now), "Only you see the view now."),
        "delete": (lambda s: views.delete_view(s, id, actor=who, now=now), "The view is deleted; the messages stay."),
    }
    if form.get("action") not in actions:
        abort(400, "That is not something that can be done with a view.")
    return _change(*actions[form["action"]])


def _change(work: Callable[[Session], Any], sentence: str) -> Any:
    try:
        the_site().write(work)
    except views.ViewError as error:
        done(str(error), "bad")
    else:
        done(sentence)
    return go("messages.index")


# -- many messages at once -----------------------------------------------------------------------------------


@pages.post("/choose")
def choose() -> Any:
    """Keep what was ticked, or all that fits the filters, and go to the question."""
    site, form = the_site(), request.form
    action, scope, query = form.get("action", ""), form.get("scope", "page"), form.get("query", "")
    if action not in CHOICES:
        abort(400, "That is not something that can be done with messages.")
    given: dict[str, Any] = {name: value for name, value in parse_qsl(query) if name in GIVEN}
    with site.read() as session:
        seen, _ = ledger.head(session)
        more = False
        chosen = list(dict.fromkeys(each[:100] for each in form.getlist("id")))[:MOST_CHOSEN]
        if scope == "all":
            chosen, more = message_ids(session, filters_of(given)[0], MOST_CHOSEN)
    back = url_for("messages.index", **given)
    if not chosen:
        done("No message was chosen: tick some, or choose all that match.", "warn")
        return go("messages.index", **given)
    batch = _batches().add(visitor().name, action, chosen, more=more, seen=seen, now=g.now, back=back)
    return go("views.batch", id=batch.id)


@pages.get("/chosen/<id>")
def batch(id: str) -> Any:
    """What will happen to how many; after the confirmation, what became of each."""
    found = _batch(id)
    label, consequence, question = CHOICES[found.action]
    with the_site().read() as session:
        rows = _rows(session, found.messages)
        cases = _cases(session, found.messages) if found.action == "assign" else []
    judged = [(row, why_not(found.action, row)) for row in rows]
    outcomes = found.outcomes
    return render_template(
        "messages_chosen.html",
        batch=found,
        label=label,
        consequence=consequence,
        question=question,
        able=[row for row, reason in judged if not reason],
        unable=[(row, reason) for row, reason in judged if reason],
        cases=cases,
        most=MOST_CHOSEN,
        outcomes=outcomes,
        counts={tone: sum(each.tone == tone for each in outcomes or ()) for tone in ("good", "warn", "bad")},
        names={partner.code: partner.name for partner in the_site().partners()},
    )


@pages.post("/chosen/<id>")
def run(id: str) -> Any:
    """Do it, each message through its own operation; a second press does nothing."""
    found = _batch(id)
    text = request.form.get("reason", "").strip()[:500]
    if CHOICES[found.action][2] and not text:
        done("A text is needed: others will ask.", "bad")
        return go("views.batch", id=id)
    with found.lock:
        if found.outcomes is None:
            found.outcomes = _take(found) if found.action == "assign" else _run(found, text)
    return go("views.batch", id=id)


def _run(found: Batch, text: str) -> list[Outcome]:
    """The operation for each message in the order of arrival, the oldest first."""
    site, who = the_site(), visitor().name
    operation = ACTIONS["replay" if found.action == "release" else found.action].operation
    outcomes = []
    with site.read() as session:
        rows = _rows(session, found.messages)
    for row in reversed(rows):
        identity, name = row["id"], name_of(row)
        with site.read() as session:
            fresh = _rows(session, [identity])
            news = changes_since(session, "message", identity, found.seen, with_cases=False)
        changes = [each for each in news if each.actor != who]
        reason = why_not(found.action, fresh[0]) if fresh else "it is not there"
        if reason or (changes and found.action != "note"):
            told = reason or f"{changes[-1].actor} changed it in the meantime: {changes[-1].reason}"
            outcomes.append(Outcome(identity, name, "warn", f"Left alone: {told.rstrip('.')}."))
            continue
        try:
            result = site.operate(operation, {"id": identity, "actor": who, "reason": text})
        except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
            outcomes.append(Outcome(identity, name, "bad", refusal(error)))
        else:
            outcomes.append(Outcome(identity, name, "good", str(result["message"])))
    return outcomes


def _take(found: Batch) -> list[Outcome]:
    site, who = the_site(), visitor().name
    with site.read() as session:
        cases = _cases(session, found.messages)
    outcomes = []
    for identity, title in cases:
        try:
            result = site.operate("case.assign", {"id": identity, "actor": who})
        except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
            outcomes.append(Outcome(identity, title, "bad", refusal(error)))
        else:
            outcomes.append(Outcome(identity, title, "good", str(result["message"])))
    return outcomes


def name_of(row: dict[str, Any]) -> str:
    """What people call a message in a list of results."""
    return " ".join(filter(None, (words(row["document"]) if row["document"] else "File", row["number"] or ""))) or str(
        row["id"]
    )


def _rows(session: Session, ids: Any) -> list[dict[str, Any]]:
    """The lines of chosen messages, the newest first, with what the buttons depend on."""
    wanted = list(ids)
    query = (
        select(Document, Transmission)
        .outerjoin(Transmission, Transmission.id == Document.transmission_id)
        .where(Document.id.in_(wanted))
    )
    found = [
        {**message_row(document, carrier), "facts": {"canonical_sha256": document.canonical_sha256}}
        for document, carrier in session.execute(query)
    ]
    others = session.scalars(select(Transmission).where(Transmission.id.in_(wanted)))
    found += [{**message_row(row, row), "facts": {}} for row in others]
    return sorted(found, key=lambda row: (row["at"], row["id"]), reverse=True)


def _cases(session: Session, ids: Any) -> list[tuple[str, str]]:
    """(id, title) of the open problems of chosen messages."""
    query = (
        select(CaseFile.id, CaseFile.title)
        .join(CaseMember, CaseMember.case_id == CaseFile.id)
        .where(CaseMember.subject_id.in_(list(ids)), CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED]))
        .distinct()
    )
    return [(identity, title) for identity, title in session.execute(query)]


def _batches() -> Batches:
    found: Batches = current_app.extensions["gateway.batches"]
    return found


def _batch(identity: str) -> Batch:
    found = _batches().find(identity, visitor().name, g.now)
    if found is None:
        abort(404, "What was chosen is not kept any more: choose the messages again.")
    return found
