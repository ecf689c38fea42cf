"""Orders: the list, one order with its documents and line matrix, its papers, and the next document made from it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, g, make_response, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from gateway.messages.queries import CursorError
from gateway.messages.queries_orders import OrderFilters, open_count, order_list
from gateway.web.pages.common import done, go, refusal, wrong
from gateway.web.security import visitor
from gateway.web.site import PartnerName, the_site

__all__ = ["pages"]

pages = Blueprint("orders", __name__, url_prefix="/orders")

PAGE = 50
#: Everything of the address that narrows the list.
_GIVEN = ("partner", "role", "which", "number", "test")
#: Step → (button, name, icon).
STEPS = {
    "order_acknowledgment": ("Acknowledge", "Acknowledgment", "check"),
    "ship_notice": ("Ship", "Ship notice", "send"),
    "invoice": ("Invoice", "Invoice", "document"),
}
#: Fields of a draft that the form has, and of each of its lines.
_FIELDS = (
    *("number", "date", "our_number", "ship_date", "backorder_date", "carrier", "tracking"),
    *("bill_of_lading", "packages", "net_days", "freight"),
)
_LINE_FIELDS = ("quantity", "price", "rest", "package")
#: Field or place that an outbound check names → field of the form.
_PLACES = {
    "number": "number",
    "issue_date": "date",
    "seller_order_number": "our_number",
    "BAK08": "our_number",
    "BSN02": "number",
    "BIG02": "number",
    "TD503": "carrier",
}
_LINE_PLACE = re.compile(r"(?:units\[0\]\.units\[0\]\.units|lines)\[(\d+)\](.*)")
_ACTIONS = {"close": "order.close", "reopen": "order.reopen", "skip": "order.skip"}


@pages.get("")
def index() -> Any:
    """The list; the address holds every filter."""
    site, args = the_site(), request.args
    after = args.get("after") or None
    with site.read() as session:
        try:
            found = order_list(session, _filters(), g.now, limit=PAGE, after=after)
        except CursorError:
            abort(400, "The place in the list is not one that the gateway gave out.")
        still_open = 0 if found["orders"] else open_count(session)
    given: dict[str, Any] = {name: args[name] for name in _GIVEN if args.get(name)}
    partners = site.partners()
    return render_template(
        "orders.html",
        orders=found["orders"],
        next=url_for("orders.index", **given, after=found["next"]) if found["next"] else None,
        first=url_for("orders.index", **given) if after else None,
        given=given,
        partners=partners,
        names={partner.code: partner.name for partner in partners},
        still_open=still_open,
    )


def _filters() -> OrderFilters:
    args = request.args
    which, role = args.get("which", ""), args.get("role", "")
    return OrderFilters(
        partner=args.get("partner", "")[:100],
        role=role if role in ("sell", "buy") else "",
        which=which if which in ("late", "mismatch", "open") else "",
        number=args.get("number", "").replace("\0", "")[:80],
        test={"yes": True, "no": False}.get(args.get("test", "")),
    )


@pages.get("/<id>")
def show(id: str) -> Any:
    """One order with everything that belongs to it."""
    order = _ask("order.show", {"id": id})
    partner = _partner(order["partner"])
    return render_template(
        "order.html",
        o=order,
        partner=partner,
        partner_name=partner.name if partner else order["partner"],
        zone=partner.time_zone if partner else None,
        steps=_steps(order),
        waits=[clock for clock in order["clocks"] if clock["ended_at"] is None],
        slips=[one for one in order["documents"] if one["kind"] == "ship_notice"],
    )


def _ask(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """An operation that only reads; what it refuses is not there."""
    try:
        found: dict[str, Any] = the_site().operate(operation, parameters)
    except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
        abort(404, refusal(error))
    return found


def _partner(code: str) -> PartnerName | None:
    return next((partner for partner in the_site().partners() if partner.code == code), None)


def _steps(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What can be made from the order now, the next step first."""
    if order["role"] != "sell" or not order["is_open"] or not order["matrix"]["known"]:
        return []
    lines = order["matrix"]["lines"]
    states = {stage["kind"]: stage["state"] for stage in order["stages"]}
    wanted = {
        "order_acknowledgment": states["order_acknowledgment"] not in ("done", "skipped"),
        "ship_notice": any(line["to_ship"] != "0" for line in lines),
        "invoice": any(line["to_invoice"] != "0" for line in lines) and states["ship_notice"] in ("done", "skipped"),
    }
    first = "invoice" if wanted["invoice"] else next((kind for kind, is_wanted in wanted.items() if is_wanted), None)
    if wanted["order_acknowledgment"]:
        first = "order_acknowledgment"
    ordered = sorted(STEPS, key=lambda kind: kind != first)
    return [{"kind": kind, "words": STEPS[kind][0], "icon": STEPS[kind][2], "main": kind == first} for kind in ordered]


@pages.get("/<id>/paper")
def paper(id: str) -> Any:
    """The order for people to read or print; with ``document`` the packing slip of one shipment."""
    made = _ask("order.paper", {"id": id, "document": request.args.get("document", "")[:64]})
    partner = _partner(made["partner"])
    return render_template("order_paper.html", p=made, partner_name=partner.name if partner else made["partner"])


# -- the next document -----------------------------------------------------------------------------------------


@pages.get("/<id>/<kind>")
def prepare(id: str, kind: str) -> Any:
    """The form of the next document, filled with what remains."""
    if kind not in STEPS:
        abort(404)
    return _form(_ask("order.followup", {"id": id, "kind": kind}))


@pages.post("/<id>/<kind>")
def send(id: str, kind: str) -> Any:
    """Check the typed document, or send it by the operation that ``gateway send`` uses, too."""
    if kind not in STEPS:
        abort(404)
    site, who = the_site(), visitor().name
    made = _ask("order.followup", {"id": id, "kind": kind, "draft": _typed(request.form)})
    if made["errors"]:
        return _form(made, errors={error["field"]: error["message"] for error in made["errors"]})
    if request.form.get("seen", "") != made["last_at"]:
        return _form(made, changed=True)
    if request.form.get("do") != "send":
        said = site.operate("order.check", {"document": made["document"]})
        return _form(made, said=said, **_placed(said["reasons"], made["places"]))
    content = base64.b64encode(json.dumps(made["document"], ensure_ascii=False).encode()).decode()
    name = f"{kind}-{made['draft']['number']}.json"
    try:
        (result,) = site.operate("send", {"files": [{"name": name, "content": content}], "actor": who})["files"]
    except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
        return _form(made, other=[{"path": "", "message": refusal(error), "fix": ""}])
    if result["result"] == "refused":
        return _form(made, **_placed(result["reasons"], made["places"]))
    number = made["draft"]["number"]
    if result["result"] == "duplicate":
        done(f"This very document was sent before; nothing was sent again ({number}).", "info")
    else:
        done(f"{STEPS[kind][1]} {number} is on its way.")
    return go("orders.show", id=made["order"])


def _typed(form: MultiDict[str, str]) -> dict[str, Any]:
    """The form as a draft: its texts, and its lines by their number."""
    draft: dict[str, Any] = {name: form[name] for name in _FIELDS if name in form}
    count = form.get("lines", 0, type=int)
    draft["lines"] = [
        {name: form[f"{name}-{index}"] for name in _LINE_FIELDS if f"{name}-{index}" in form}
        for index in range(max(0, min(count, 10_000)))
    ]
    return draft


def _placed(reasons: list[dict[str, str]], places: list[int]) -> dict[str, Any]:
    """Reasons of the outbound checks at the fields that they are about; the others stand above the form."""
    errors: dict[str, str] = {}
    other = []
    for reason in reasons:
        field = _field_of(reason["path"], places)
        if field is None or field in errors:
            other.append(reason)
        else:
            errors[field] = " ".join(filter(None, [reason["message"], reason["fix"]]))
    return {"errors": errors, "other": other}


def _field_of(path: str, places: list[int]) -> str | None:
    line = _LINE_PLACE.match(path)
    if line is not None and int(line[1]) < len(places):
        index = places[int(line[1])]
        name = "price" if "price" in line[2] else "package" if "marks" in line[2] else "quantity"
        return f"{name}-{index}"
    return _PLACES.get(path.partition(" ")[0])


def _form(
    made: dict[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
    other: list[dict[str, str]] | None = None,
    said: Mapping[str, Any] | None = None,
    changed: bool = False,
) -> Any:
    partner = _partner(made["partner"])
    page = render_template(
        "order_form.html",
        f=made,
        d=made["draft"],
        step=STEPS[made["kind"]],
        partner_name=partner.name if partner else made["partner"],
        errors=errors or {},
        other=other or [],
        said=said,
        changed=changed,
    )
    return make_response(page, 422 if errors or other else 200)


# -- deciding --------------------------------------------------------------------------------------------------


@pages.post("/<id>/act")
def act(id: str) -> Any:
    """Close, open again, or skip a step, each with a reason."""
    button = request.form.get("action", "")
    if button not in _ACTIONS:
        abort(400, "That is not something that can be done with an order.")
    parameters = {
        "id": id,
        "actor": visitor().name,
        "reason": request.form.get("reason", "").strip()[:500],
        "kind": request.form.get("kind", ""),
    }
    try:
        result = the_site().operate(_ACTIONS[button], parameters)
    except Exception as error:  # noqa: BLE001 - ``wrong`` raises again what nobody foresaw
        wrong(error)
    else:
        done(str(result["message"]))
    return go("orders.show", id=id)
