"""Messages: the list with its filters, one message with all that belongs to it, its payload, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from gateway.messages import queries, queries_staff, views
from gateway.messages.evidence import evidence_pack
from gateway.messages.notes import noted, notes_of
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_list import Filters, cursor_before, search_messages
from gateway.messages.queries_staff import PayloadPlace
from gateway.staff import accounts
from gateway.staff.roles import Role, allows
from gateway.store import ledger, payloads
from gateway.store.errors import PayloadRemovedError, StoreError
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import LIVE, visitor
from gateway.web.site import the_site
from gateway.web.view import payload as shown
from gateway.web.view.actions import ACTIONS, actions_of
from gateway.web.view.states import AXES, summary
from gateway.web.viewlog import note_view

__all__ = ["GIVEN", "filters_of", "pages"]

pages = Blueprint("messages", __name__, url_prefix="/messages")

#: Lines of a page, the usual number first.
SIZES = (50, 25, 100)
#: Filters that are one word of the address.
_WORDS = ("partner", "kind", "direction", "processing", "delivery", "acknowledgement", "transport", "assignee")
#: Everything of the address that narrows the list; a saved view keeps these.
GIVEN = ("q", *_WORDS, "test", "since", "until", "note", "size")


@pages.get("")
def index() -> Any:
    """The list; the address holds every filter."""
    site, who = the_site(), visitor()
    given: dict[str, Any] = {name: request.args[name] for name in GIVEN if request.args.get(name)}
    filters, problem = filters_of(given)
    jump, said = _instant(request.args.get("at", ""), "at")
    if jump is not None:
        return redirect(url_for("messages.index", **given, after=cursor_before(jump)))
    after = request.args.get("after") or None
    size = next((size for size in SIZES if str(size) == given.get("size")), SIZES[0])
    with site.read() as session:
        try:
            found = search_messages(session, filters, limit=size, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        kinds = queries_staff.kinds(session)
        last = queries_staff.last_seen(session)["in"] if not found["messages"] else None
        saved = views.views_for(session, who.name)
        notes = noted(session, [row["id"] for row in found["messages"]])
        people = [(user.name, user.full_name or user.name) for user in accounts.users(session)]
    for row in found["messages"]:
        row["summary"] = summary(row)
    query = urlencode(given)
    partners = site.partners()
    return render_template(
        "messages.html",
        rows=found["messages"],
        by=found["by"],
        back_to=found["back_to"],
        next=url_for("messages.index", **given, after=found["next"]) if found["next"] else None,
        first=url_for("messages.index", **given) if after else None,
        given=given,
        narrowed={name: value for name, value in given.items() if name != "size"},
        query=query,
        size=size,
        sizes=sorted(SIZES),
        saved=[{**view, "here": view["query"] == query} for view in saved],
        notes=notes,
        people=people,
        may_act=allows(who.roles, Role.OPERATOR),
        problem=problem or said,
        partners=partners,
        names={partner.code: partner.name for partner in partners},
        kinds=kinds,
        axes=AXES,
        last=last,
    )


def filters_of(given: Mapping[str, str]) -> tuple[Filters, str]:
    """What the words of an address narrow the list to, and a sentence when one of them makes no sense."""
    since, wrong_since = _instant(given.get("since", ""), "since")
    until, wrong_until = _instant(given.get("until", ""), "until")
    values = {name: given.get(name, "")[:100] for name in _WORDS}
    test = {"yes": True, "no": False}.get(given.get("test", ""))
    text = given.get("q", "").replace("\0", "")[:200]
    noted_only = given.get("note") == "yes"
    filters = Filters(text=text, test=test, since=since, until=until, noted=noted_only, **values)
    return filters, wrong_since or wrong_until


def _instant(text: str, name: str) -> tuple[datetime | None, str]:
    """The instant of a day, or of a day with its time, in our zone; a sentence when it is none."""
    if not text:
        return None, ""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(the_site().time_zone))
        at.astimezone(ZoneInfo("UTC"))
        return at + timedelta(days=1) if name == "until" and len(text) == 10 else at, ""
    except (ValueError, OverflowError):
        return None, f'"{text[:50]}" is not a day; it is written 2026-11-22. It was left out.'


@pages.get("/<id>")
def detail(id: str) -> Any:
    """One message with everything that belongs to it."""
    site, who = the_site(), visitor()
    with site.read() as session:
        message = _message(session, id)
        place = queries_staff.payload_place(session, message["id"])
        # A page that renews itself shows who is there and where it stands; its content is the one shown before.
        view = _view(session, message, place) if place and LIVE not in request.headers else {"kind": "none"}
        notes = notes_of(session, message["id"])
    if view.get("seen"):
        _note_view(message, str(view["kind"]))
    zones = {partner.code: partner for partner in site.partners()}
    partner = zones.get(message["partner"] or "")
    return render_template(
        "message.html",
        m=message,
        summary=summary(message),
        view=view,
        partner=partner,
        zone=partner.time_zone if partner else None,
        actions=actions_of(message) if allows(who.roles, Role.OPERATOR) else [],
        notes=notes,
        carrier=message["transmission"] or {},
    )


def _message(session: Session, identity: str) -> dict[str, Any]:
    try:
        return queries.message_detail(session, identity)
    except MessageNotFoundError as error:
        abort(404, str(error))


def _view(session: Session, message: dict[str, Any], place: PayloadPlace) -> dict[str, Any]:
    """The payload in the form that was asked for: segments or lines, bytes, or the canonical document."""
    wanted = request.args.get("view", "")
    first = request.args.get("from", 0, type=int)
    try:
        if wanted == "canonical" and place.canonical:
            text = shown.pretty_json(payloads.get(session, place.canonical))
            return {"kind": "canonical", "text": text, "seen": True, "place": place}
        digest = place.payload or place.wire
        if digest is None:
            return {"kind": "none", "place": place}
        data = payloads.get(session, digest)
    except PayloadRemovedError as error:
        why = f"{error} Facts, history and digests stay. {error.fix}"
        return {"kind": "removed", "why": why, "place": place, "form": wanted or "plain"}
    except StoreError as error:
        return {"kind": "gone", "why": str(error), "place": place}
    facts = {"seen": True, "place": place, "size": len(data)}
    first = max(0, min(first, len(data)))
    if wanted == "hex":
        return {**facts, "kind": "hex", "lines": shown.hex_lines(data, first), "first": first, "step": shown.MOST_HEX}
    found, kind = None, shown.kind_of(data)
    if kind == "x12":
        found = shown.segments(data, message["findings"], place=place.place, first=first)
    if kind == "bytes":
        return {**facts, "kind": "hex", "lines": shown.hex_lines(data, first), "first": first, "step": shown.MOST_HEX}
    lines = found or shown.text_lines(data, message["findings"], first=first)
    return {**facts, "kind": "segments" if found else "lines", "shown": lines, "format": kind}


def _note_view(message: dict[str, Any], form: str) -> None:
    actor, did = visitor().name, f"looked at the content ({form})"
    note_view(the_site(), message["type"], message["id"], actor=actor, did=did, now=g.now)


@pages.get("/<id>/payload")
def payload(id: str) -> Any:
    """The bytes as a file: the payload, or with ``form`` the wire bytes or the canonical document."""
    site = the_site()
    with site.read() as session:
        message = _message(session, id)
        place = queries_staff.payload_place(session, message["id"])
        form = request.args.get("form", "payload")
        digest = getattr(place, form, None) if place and form in ("payload", "wire", "canonical") else None
        if digest is None:
            abort(404, "These bytes are not kept for this message.")
        data = payloads.get(session, digest)
    _note_view(message, f"download of {form}")
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in place.filename)[:100]  # type: ignore[union-attr]
    name = f"{message['id']}.json" if form == "canonical" else safe.lstrip(".") or "payload"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype="application/octet-stream", headers=headers)


@pages.get("/<id>/evidence")
def evidence(id: str) -> Any:
    """Everything that proves what happened to a message, in one ZIP that can be checked without the gateway."""
    site, who, now = the_site(), visitor(), g.now
    with site.read() as session:
        message = _message(session, id)
        pack = evidence_pack(session, message["id"], now=now, company=site.company, release=site.version)
    site.write(
        lambda session: ledger.append(
            session,
            at=now,
            kind="evidence-downloaded",
            subject_type=message["type"],
            subject_id=message["id"],
            actor=who.name,
            reason=f"{who.name} downloaded the evidence pack.",
        )
    )
    headers = {"Content-Disposition": f'attachment; filename="evidence-{message["id"]}.zip"'}
    return Response(pack, mimetype="application/zip", headers=headers)


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """One button, through the same operation as the command line."""
    button = request.form.get("action", "")
    if button not in ACTIONS:
        abort(400, "That is not something that can be done with a message.")
    parameters = {"id": id, "actor": visitor().name, "reason": request.form.get("reason", "").strip()[:500]}
    try:
        result = the_site().operate(ACTIONS[button].operation, parameters)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return go("messages.detail", id=id)
    done(str(result["message"]))
    return go("messages.detail", id=result["id"])
