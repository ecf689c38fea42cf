"""Messages: the list with its filters, one message with all that belongs to it, its payload, and what can be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, render_template, request, url_for
from sqlalchemy.orm import Session

from gateway.messages import queries, queries_staff
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_staff import Filters, PayloadPlace
from gateway.staff.roles import Role, allows
from gateway.store import ledger, payloads
from gateway.store.errors import StoreError
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.view import payload as shown
from gateway.web.view.states import AXES, summary

__all__ = ["pages"]

pages = Blueprint("messages", __name__, url_prefix="/messages")

PAGE = 50
#: Filters that are one word of the address.
_WORDS = ("partner", "kind", "direction", "processing", "delivery", "acknowledgement", "transport")
#: Everything of the address that narrows the list.
_GIVEN = ("q", *_WORDS, "test", "since", "until")
#: Button → (operation, needs a reason).
ACTIONS = {
    "replay": ("message.replay", False),
    "resend": ("message.resend", False),
    "hold": ("message.hold", True),
    "ignore": ("message.ignore", True),
}


@pages.get("")
def index() -> Any:
    """The list; the address holds every filter."""
    site = the_site()
    filters, problem = _filters()
    after = request.args.get("after") or None
    with site.read() as session:
        try:
            found = queries_staff.search_messages(session, filters, limit=PAGE, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        kinds = queries_staff.kinds(session)
        last = queries_staff.last_seen(session)["in"] if not found["messages"] else None
    for row in found["messages"]:
        row["summary"] = summary(row)
    given: dict[str, Any] = {name: request.args[name] for name in _GIVEN if request.args.get(name)}
    return render_template(
        "messages.html",
        rows=found["messages"],
        by=found["by"],
        next=url_for("messages.index", **given, after=found["next"]) if found["next"] else None,
        first=url_for("messages.index", **given) if after else None,
        given=given,
        problem=problem,
        partners=site.partners(),
        names={partner.code: partner.name for partner in site.partners()},
        kinds=kinds,
        axes=AXES,
        last=last,
    )


def _filters() -> tuple[Filters, str]:
    """What the address narrows the list to, and a sentence when a part of it makes no sense."""
    args = request.args
    problem = ""
    times: dict[str, datetime] = {}
    for name in ("since", "until"):
        try:
            day = args.get(name, "")
            if day:
                at = datetime.fromisoformat(day)
                zone = ZoneInfo(the_site().time_zone)
                times[name] = at if at.tzinfo else at.replace(tzinfo=zone)
                if name == "until" and len(day) == 10:
                    times[name] += timedelta(days=1)
        except (ValueError, OverflowError):
            problem = f'"{args[name]}" is not a day; it is written 2026-11-22. It was left out.'
    values = {name: args.get(name, "")[:100] for name in _WORDS}
    test = {"yes": True, "no": False}.get(args.get("test", ""))
    text = args.get("q", "").replace("\0", "")[:200]
    return Filters(text=text, test=test, since=times.get("since"), until=times.get("until"), **values), problem


@pages.get("/<id>")
def detail(id: str) -> Any:
    """One message with everything that belongs to it."""
    site, who = the_site(), visitor()
    with site.read() as session:
        message = _message(session, id)
        place = queries_staff.payload_place(session, message["id"])
        view = _view(session, message, place) if place else {"kind": "none"}
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
        actions=_actions(message) if allows(who.roles, Role.OPERATOR) else [],
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
    """Who looked at whose content: in the ledger."""
    who, now = visitor(), g.now
    the_site().write(
        lambda session: ledger.append(
            session,
            at=now,
            kind="payload-viewed",
            subject_type=message["type"],
            subject_id=message["id"],
            actor=who.name,
            reason=f"{who.name} looked at the content ({form}).",
        )
    )


def _actions(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What can be done with this message now: the same rules as the operations, so that no button leads nowhere."""
    state, inbound = message["processing"], message["direction"] == "in"
    is_document = message["type"] == "document"
    names = []
    if inbound and (state in ("held", "rejected") if is_document else state != "posted"):
        names.append(("replay", "repeat", "Release" if _releasable(message) else "Replay"))
    if not inbound and message["delivery"] != "none":
        names.append(("resend", "send", "Resend"))
    if inbound and state in ("received", "identified", "validated", "mapped"):
        names.append(("hold", "pause", "Hold"))
    if inbound and state in ("held", "rejected"):
        names.append(("ignore", "minus", "Ignore"))
    return [{"name": name, "icon": icon, "words": text, "reason": ACTIONS[name][1]} for name, icon, text in names]


def _releasable(message: dict[str, Any]) -> bool:
    return message["processing"] == "held" and bool(message["facts"].get("canonical_sha256"))


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


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """Replay, resend, hold or ignore, through the same operation as the command line."""
    site, button = the_site(), request.form.get("action", "")
    if button not in ACTIONS:
        abort(400, "That is not something that can be done with a message.")
    operation, _ = ACTIONS[button]
    parameters = {"id": id, "actor": visitor().name, "reason": request.form.get("reason", "").strip()[:500]}
    try:
        result = site.operate(operation, parameters)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
        return go("messages.detail", id=id)
    done(str(result["message"]))
    return go("messages.detail", id=result["id"])
