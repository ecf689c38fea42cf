"""Making and changing a partner: a form of the whole profile, the same as text, and a look at both before it is saved.

What is being changed lives in the form alone: the text of the profile travels with it, its fields say what of that is
typed anew. Nothing is stored before it is saved, so the answer to the form is the page itself.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from gateway.partners import registry
from gateway.partners.errors import OperationError, PartnerChangedError, PartnerFileError, PartnerNotFoundError
from gateway.partners.presets import preset_names, preset_reader
from gateway.partners.yamlform import tree_text
from gateway.web.pages.common import done, refusal
from gateway.web.pages.partners import STATUSES
from gateway.web.profiledraft import (
    Draft,
    Look,
    Mistake,
    begun,
    both_changes,
    laid_over,
    look,
    of_text,
    request_of,
    sections_of,
    typed,
)
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["MOST_REASON", "confirmation", "pages"]

pages = Blueprint("partners_edit", __name__, url_prefix="/partners")

#: Characters of a reason.
MOST_REASON = 500
#: Parts of the form: one for each field of a profile with long lists.
_PARTS = 20_000
_MODES = ("fields", "text")


@pages.url_value_preprocessor
def _allow_long_forms(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Raise the limit before anything reads the form."""
    request.max_form_parts = _PARTS


@pages.errorhandler(401)
def _logged_out(_error: Any) -> Any:
    """The session ended while somebody typed: the text is shown, so that it is not lost."""
    text = _unsaved_text()
    code = str((request.view_args or {}).get("code", ""))
    login = url_for("entry.login", next=url_for("partners_edit.show", code=code, mode="text") if code else None)
    return render_template("partner_lost.html", text=text, login=login), 401


def _unsaved_text() -> str:
    text = request.form.get("content", "")[:300_000]
    try:
        return typed(Draft("", 0, text), request.form.to_dict(flat=False), the_site().home).text
    except PartnerFileError:
        return text


# -- a new one ---------------------------------------------------------------------------------------------------


@pages.get("/_new")
def new() -> Any:
    """The form of a new partner."""
    return _new_page({"preset": request.args.get("preset", ""), "code": "", "name": "", "reason": "A new partner."})


@pages.post("/_new")
def create() -> Any:
    """Store a new partner as a draft."""
    form = {name: request.form.get(name, "").strip()[:MOST_REASON] for name in ("preset", "code", "name", "reason")}
    tree = {"code": form["code"], "name": form["name"], "status": "draft", "preset": form["preset"]}
    draft = Draft(form["code"], 0, tree_text({key: value for key, value in tree.items() if value}))
    if not form["reason"]:
        return _new_page(form, [Mistake(0, "reason", "is needed: others will ask why.")])
    try:
        with the_site().read() as session:
            found = look(session, draft, the_site(), g.now)
        if not found.mistakes:
            _save(draft, form["reason"])
    except PartnerChangedError as error:
        found = Look((Mistake(0, "code", f"{error} {error.fix}"),))
    if found.mistakes:
        return _new_page(form, found.mistakes)
    done(f"{form['name']} is a draft now. Below stands what is missing before messages can flow.")
    return redirect(url_for("partners.show", code=form["code"]), 303)


def _new_page(form: dict[str, str], mistakes: Any = ()) -> Any:
    by_path = Look(tuple(mistakes)).by_path
    page = render_template("partner_new.html", form=form, presets=_presets(), mistakes=by_path)
    return page, (400 if mistakes else 200)


def _presets() -> list[tuple[str, str]]:
    """(name, what it is for) of every preset: the first sentence of the remark at its head."""
    home = the_site().home
    read = preset_reader(home)
    found = []
    for name in preset_names(home):
        try:
            lines = read(name).splitlines()
        except PartnerFileError as error:
            found.append((name, str(error)))
            continue
        head = []
        for line in lines:
            if not line.startswith("#"):
                break
            head.append(line.lstrip("# "))
        found.append((name, " ".join(head).partition(" Use it from")[0][:300]))
    return found


# -- changing one ------------------------------------------------------------------------------------------------


@pages.get("/<code>/edit")
def show(code: str) -> Any:
    """The form over the profile that is in force."""
    mode = request.args.get("mode", "fields")
    draft = _begun(code)
    return _form(Draft(code, draft.base, draft.text, mode=mode if mode in _MODES else "fields"), Look())


@pages.get("/<code>/restore/<version>")
def restore(code: str, version: str) -> Any:
    """An earlier version, to be looked at before it is made current again as a new one."""
    if not version.isdecimal() or len(version) > 9:
        abort(404, "That is not a version.")
    return confirmation(_begun(code, int(version)), f"Version {version} restored: ")


@pages.post("/<code>/edit")
def edit(code: str) -> Any:
    """One step in the form: the button ``do`` says which."""
    form, site = request.form, the_site()
    action = form.get("do", "check")
    mode = "fields" if form.get("mode") == "fields" else "text"
    draft = of_text(Draft(code, form.get("base", 0, type=int), ""), form.get("content", ""))
    if not 0 < draft.base <= _begun(code).base:
        abort(400, "That is not a version of this partner.")
    reason = form.get("reason", "").strip()[:MOST_REASON]
    try:
        if mode == "fields":
            step = action if action.partition(":")[0] in ("add", "own", "remove", "inherit") else ""
            draft = typed(draft, form.to_dict(flat=False), site.home, step)
        draft = Draft(code, draft.base, draft.text, mode, draft.refused)
        if action in _MODES:
            return _switched(draft, action)
        if action == "review":
            return confirmation(draft, reason)
        if action == "save":
            return _saved(draft, reason)
        if action == "rebase":
            with site.read() as session:
                draft, conflicts = laid_over(draft, session, site.home)
            return confirmation(draft, reason, conflicts)
        return _form(draft, _judged(draft) if action == "check" else Look(), opened=_place(action))
    except PartnerFileError as error:  # a text that is none, or not one partner
        found = Look(
            tuple(Mistake(each.line, each.path, f"{each.message} {each.fix}".strip()) for each in error.problems)
        )
        return _form(Draft(code, draft.base, draft.text, "text"), found)
    except PartnerChangedError:
        return _changed(draft, reason)


def _begun(code: str, version: int | None = None) -> Draft:
    site = the_site()
    with site.read() as session:
        try:
            return begun(session, code, site.home, version)
        except PartnerNotFoundError as error:
            abort(404, str(error))


def _place(action: str) -> str:
    """The row that a button added, or the list it belongs to."""
    return action.partition(":")[2]


def _judged(draft: Draft) -> Look:
    site = the_site()
    with site.read() as session:
        return look(session, draft, site, g.now)


def _switched(draft: Draft, mode: str) -> Any:
    """The same draft as fields or as text. Raises PartnerFileError when no field can be made of the text."""
    site = the_site()
    if mode == "fields":
        draft = typed(draft, {}, site.home)
    return _form(Draft(draft.code, draft.base, draft.text, mode), Look())


def _form(draft: Draft, found: Look, opened: str = "") -> Any:
    site = the_site()
    with site.read() as session:
        profile = registry.get(session, draft.code)
    page = render_template(
        "partner_edit.html",
        draft=draft,
        profile=profile,
        status=STATUSES[profile.status.value],
        found=found,
        sections=sections_of(draft, found, site.home) if draft.mode == "fields" else [],
        opened=opened,
    )
    return page, (400 if found.mistakes else 200)


def confirmation(draft: Draft, reason: str, conflicts: Any = (), *, fresh: bool = True) -> Any:
    """What saving would do, and the question why; the form again when something is wrong."""
    site = the_site()
    try:
        with site.read() as session:
            found = look(session, draft, site, g.now)
            profile = registry.get(session, draft.code)
    except PartnerChangedError:
        return _changed(draft, reason)
    if found.mistakes:
        return _form(draft, found)
    return render_template(
        "partner_confirm.html",
        draft=draft,
        profile=profile,
        found=found,
        reason=reason,
        conflicts=conflicts,
        needs_proof=not visitor().fresh(g.now),
        refused_proof=not fresh,
    )


def _changed(draft: Draft, reason: str) -> Any:
    """Somebody saved another version meanwhile: both changes, and the way to have both."""
    site = the_site()
    with site.read() as session:
        theirs, mine = both_changes(draft, session, site.home)
        versions = registry.history(session, draft.code)
        profile = registry.get(session, draft.code)
    newer = [info for info in versions if info.version > draft.base]
    page = render_template(
        "partner_changed.html", draft=draft, profile=profile, theirs=theirs, mine=mine, newer=newer, reason=reason
    )
    return page, 409


def _saved(draft: Draft, reason: str) -> Any:
    if not visitor().fresh(g.now):
        return confirmation(draft, reason, fresh=False)
    if not reason:
        done("A reason is needed: others will ask why.", "bad")
        return confirmation(draft, reason)
    found = _judged(draft)
    if found.mistakes:
        return _form(draft, found)
    try:
        version = _save(draft, reason)
    except PartnerChangedError:
        return _changed(draft, reason)
    except OperationError as error:
        return _form(draft, Look((Mistake(0, "", refusal(error)),)))
    name = found.profile.name if found.profile is not None else draft.code
    done(f"Version {version} of {name} is saved and in force.")
    return redirect(url_for("partners.show", code=draft.code), 303)


def _save(draft: Draft, reason: str) -> int:
    """Store the draft as a new version; its number. Raises what ``partner.apply`` raises."""
    asked = request_of(draft, the_site().home)
    result = the_site().operate("partner.apply", {**asked, "author": visitor().name, "reason": reason})
    return int(result["changes"][0]["version"])
