"""Editor: a copy of one message as fields or as text, checked while one types, and sent again with a reason.

What is being edited lives in the form alone: the whole text travels with it, the fields of the page say what of it is
typed anew. Nothing is stored before the corrected copy is sent, so the answer to the form is the page itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.web.pages.common import done, refusal
from gateway.web.security import LIVE, visitor
from gateway.web.site import the_site
from gateway.web.view import grid_segments, grid_tree, grid_x12
from gateway.web.view.corrected import corrections_about
from gateway.web.view.grid import Grid, typed_fields
from gateway.web.view.grid_segments import X12Text
from gateway.web.view.grid_tree import TreeUnreadableError
from gateway.web.viewlog import note_view

__all__ = ["pages"]

pages = Blueprint("editor", __name__, url_prefix="/edit")
pages.add_app_template_global(corrections_about, "corrections_about")

#: Bytes that may be edited in the page; a longer text goes by file, up to the second figure.
MOST_TYPED, MOST_BYTES = 1 << 20, 10 << 20
#: Bytes and parts of the form around it: one part for each field of 200 segments.
_FORM, _PARTS = 1 << 20, 20_000
#: Findings and differences that are shown.
MOST_SHOWN = 50
_TONES = {"posted": "good", "sent": "good", "held": "warn", "ignored": "warn", "unchanged": "info"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form holds."""

    text: str
    base: str
    #: "fields", "raw" or "file".
    mode: str = "fields"
    first: int = 0
    only_wrong: bool = False
    #: Segments with all their elements, and one that gets another behind it.
    opened: frozenset[int] = frozenset()
    adding: int | None = None
    reason: str = ""
    acknowledge: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    #: Field → why what was typed there cannot be taken.
    refused: Mapping[str, str] = field(default_factory=dict)
    #: Said above the form.
    said: str = ""


@pages.url_value_preprocessor
def _allow_long_forms(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Raise the limits before anything reads the form."""
    request.max_content_length = MOST_BYTES + _FORM
    request.max_form_memory_size = MOST_BYTES + _FORM
    request.max_form_parts = _PARTS


@pages.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Any:
    abort(400, f"That is more than {MOST_BYTES >> 20} MB, the most that is edited here.")


@pages.errorhandler(401)
def _logged_out(_error: Any) -> Any:
    """The session ended while somebody edited: what was typed is shown, so that it is not lost."""
    text = _unsent_text()
    back = url_for("editor.show", id=(request.view_args or {}).get("id", ""))
    return render_template("editor_lost.html", text=text, login=url_for("entry.login", next=back)), 401


def _unsent_text() -> str:
    form = request.form
    text, opened = form.get("content", ""), _opened_of_form(form)
    try:
        if opened is None or len(text) > MOST_TYPED:
            return text
        return _merged(opened, text, typed_fields(form))[0]
    except (TreeUnreadableError, ValueError, KeyError, TypeError, AttributeError):
        return text


def _opened_of_form(form: Mapping[str, str]) -> dict[str, Any] | None:
    """What the form itself says of its message, for somebody who is not logged in any more."""
    try:
        found = json.loads(form.get("about", ""))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


# -- pages -----------------------------------------------------------------------------------------------------


@pages.get("/<id>")
def show(id: str) -> Any:
    """The editor over the message as it is."""
    try:
        opened = the_site().operate("edit.open", {"id": id})
    except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
        done(refusal(error), "bad")
        return redirect(url_for("messages.detail", id=id), 303)
    if LIVE in request.headers:  # the page asks who else is here
        return _page(opened, Draft(opened["text"], opened["base"]), None)
    _note_view(opened)
    mode = request.args.get("mode", "")
    draft = Draft(
        opened["text"],
        opened["base"],
        mode=_mode(opened, "raw" if mode == "raw" or opened["form"] == "raw" else "fields"),
        first=max(0, request.args.get("from", 0, type=int)),
        only_wrong=request.args.get("only") == "1",
    )
    return _page(opened, draft, _check(opened, draft))


@pages.get("/<id>/text")
def text(id: str) -> Any:
    """The text that is edited, as a file."""
    try:
        opened = the_site().operate("edit.open", {"id": id})
    except Exception as error:  # noqa: BLE001
        abort(404, refusal(error))
    _note_view(opened)
    headers = {"Content-Disposition": 'attachment; filename="message.txt"'}
    return Response(opened["text"].encode("utf-8"), mimetype="application/octet-stream", headers=headers)


@pages.post("/<id>")
def edit(id: str) -> Any:
    """One step in the editor: the button ``do`` says which."""
    form = request.form
    action, _, number = form.get("do", "check").partition(":")
    try:
        opened = the_site().operate("edit.open", {"id": id})
    except Exception as error:  # noqa: BLE001
        return render_template("editor_lost.html", text=_unsent_text(), said=refusal(error), id=id), 409
    draft = _draft(opened)
    if action == "send" and not draft.refused and not draft.said:
        return _send(opened, draft)
    draft = _stepped(opened, draft, action, number)
    return _page(opened, draft, _check(opened, draft))


@pages.post("/<id>/check")
def check(id: str) -> Any:
    """What the check says of the form as it is now: the part of the page that the script exchanges."""
    try:
        opened = the_site().operate("edit.open", {"id": id})
    except Exception as error:  # noqa: BLE001
        return render_template("editor_result.html", result=None, said=refusal(error), most_shown=MOST_SHOWN)
    draft = _draft(opened)
    result = _check(opened, draft)
    return render_template("editor_live.html", **_shown(opened, draft, result))


# -- steps -----------------------------------------------------------------------------------------------------


def _draft(opened: dict[str, Any]) -> Draft:
    form = request.form
    text, said = form.get("content", opened["text"]).replace("\r\n", "\n"), ""
    file = request.files.get("file")
    if file is not None and file.filename:
        data = file.read()
        text = data.decode("utf-8", "replace") if opened["encoding"] != "latin-1" else _latin(data)
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    draft = Draft(
        text,
        form.get("base", ""),
        mode=_mode(opened, form.get("mode", "fields"), text),
        first=max(0, form.get("from", 0, type=int)),
        only_wrong=form.get("only") == "1",
        opened=frozenset(int(each) for each in form.getlist("open") if each.isdecimal())
        | frozenset(int(each) for each in form.get("opened", "").split(",") if each.isdecimal()),
        reason=form.get("reason", "")[:1_000],
        acknowledge=form.get("acknowledge") == "1",
    )
    typed = typed_fields(form)
    if not typed:
        return draft
    try:
        merged, refused = _merged(opened, text, typed)
    except TreeUnreadableError as error:
        return replace(draft, mode="raw", said=str(error))
    return replace(draft, text=merged, typed=typed, refused=refused, said=said)


def _latin(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _mode(opened: dict[str, Any], wanted: str, text: str | None = None) -> str:
    """The mode that fits: a long text goes by file, bytes without a form have no fields."""
    if len((opened["text"] if text is None else text).encode("utf-8", "replace")) > MOST_TYPED:
        return "file"
    return "raw" if opened["form"] == "raw" or wanted == "raw" else "fields"


def _merged(opened: Mapping[str, Any], text: str, typed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    if opened["form"] == "x12":
        x12, refused = grid_segments.merge(X12Text.of(opened, text), typed)
        return x12.text, refused
    return grid_tree.merge(opened["form"], text, typed)


def _stepped(opened: dict[str, Any], draft: Draft, action: str, number: str) -> Draft:
    """The form after a button that changes what is shown, or adds and removes segments."""
    if action == "mode":
        return replace(draft, mode=_mode(opened, number, draft.text), first=0)
    if not (number.isascii() and number.isdecimal()):
        return draft
    at = int(number[:8])
    if action == "page":
        return replace(draft, first=at)
    if action == "only":
        return replace(draft, only_wrong=number == "1", first=0)
    if action == "open":
        return replace(draft, opened=draft.opened | {at})
    if action == "add":
        return replace(draft, adding=at)
    if action in ("insert", "repeat", "remove"):
        return _rearranged(opened, draft, action, at)
    return draft


def _rearranged(opened: dict[str, Any], draft: Draft, action: str, at: int) -> Draft:
    if opened["form"] != "x12":
        try:
            change = {"repeat": grid_tree.repeat, "remove": grid_tree.remove}.get(action)
            return replace(draft, text=change(opened["form"], draft.text, at)) if change else draft
        except TreeUnreadableError as error:
            return replace(draft, said=str(error))
    before = X12Text.of(opened, draft.text)
    if action == "insert":
        after = grid_segments.insert(before, at, request.form.get(f"tag-{at}", ""))
        keep = frozenset({*(each + 1 if each > at else each for each in draft.opened), at + 1})
        return replace(draft, text=after.text, opened=keep)
    after = grid_segments.repeat(before, at) if action == "repeat" else grid_segments.remove(before, at)
    return replace(draft, text=after.text, opened=frozenset(), typed={}, refused={})


def _send(opened: dict[str, Any], draft: Draft) -> Any:
    site = the_site()
    parameters = {
        "id": opened["id"],
        "content": draft.text,
        "reason": draft.reason,
        "base": draft.base,
        "acknowledge": draft.acknowledge,
        "actor": visitor().name,
    }
    try:
        result = site.operate("edit.submit", parameters)
    except Exception as error:  # noqa: BLE001
        failed = replace(draft, said=refusal(error))
        return _page(opened, failed, _check(opened, failed)), 409
    done(str(result["message"]), "info" if result["waiting"] else "good")
    return redirect(url_for("messages.detail", id=result["id"]), 303)


# -- what is shown ---------------------------------------------------------------------------------------------


def _check(opened: dict[str, Any], draft: Draft) -> dict[str, Any]:
    result: dict[str, Any] = the_site().operate("edit.check", {"id": opened["id"], "content": draft.text})
    return result


def _page(opened: dict[str, Any], draft: Draft, result: dict[str, Any] | None) -> Any:
    about = {name: opened[name] for name in ("form", "separators", "version", "set")}
    shown = _shown(opened, draft, result)
    return render_template("editor.html", **shown, about=json.dumps(about), most=MOST_BYTES >> 20)


def _shown(opened: dict[str, Any], draft: Draft, result: dict[str, Any] | None) -> dict[str, Any]:
    state = result["state"] if result else "unchanged"
    unreadable, grid = "", None
    if draft.mode == "fields":
        try:
            grid = _grid(opened, draft, _found(result))
        except TreeUnreadableError as error:
            unreadable = str(error)
    return {
        "opened": opened,
        "draft": draft,
        "result": result,
        "grid": grid,
        "unreadable": unreadable,
        "tone": _TONES.get(state, "bad"),
        "findings": _found(result),
        "most_shown": MOST_SHOWN,
        "said": draft.said,
    }


def _found(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Faults and findings in one form, the gravest first where they have no place of their own."""
    if result is None:
        return []
    faults = [
        {
            "severity": "error",
            "message": one["message"],
            "position": one["position"],
            "segment": "",
            "path": one["place"],
            "fix": "",
        }
        for one in result["faults"]
    ]
    return [*faults, *({"fix": "", "position": None, "segment": "", **one} for one in result["findings"])]


def _grid(opened: dict[str, Any], draft: Draft, findings: list[dict[str, Any]]) -> Grid:
    if opened["form"] == "x12":
        return grid_x12.build(
            X12Text.of(opened, draft.text),
            findings,
            draft.refused,
            draft.typed,
            first=draft.first,
            only_wrong=draft.only_wrong,
            opened=draft.opened,
            adding=draft.adding,
        )
    return grid_tree.build(
        opened["form"],
        draft.text,
        findings,
        draft.refused,
        draft.typed,
        first=draft.first,
        only_wrong=draft.only_wrong,
    )


def _note_view(opened: dict[str, Any]) -> None:
    actor, did = visitor().name, "opened the content in the editor"
    note_view(the_site(), opened["type"], opened["id"], actor=actor, did=did, now=g.now)
