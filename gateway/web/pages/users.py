"""Accounts of others: who they are, what they may do; opening, resetting, closing; every API token (role security)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, render_template, request

from gateway.staff import operations, tokens
from gateway.staff.errors import AccountError
from gateway.staff.roles import MEANING
from gateway.web.pages.common import done, go, wrong
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["pages"]

pages = Blueprint("users", __name__, url_prefix="/users")

#: Button → (operation, sentence).
_CHANGES = {
    "disable": ("user.disable", "The account {name} was closed; its sessions and tokens ended."),
    "enable": ("user.enable", "The account {name} is open again."),
    "roles": ("user.roles", "The roles of {name} were changed; its sessions ended."),
}


@pages.get("")
def index() -> Any:
    """Every account."""
    return _page()


def _page(error: AccountError | None = None, made: dict[str, Any] | None = None, form: Any = None) -> Any:
    site = the_site()
    users = operations.list_users(site.staff, {})["users"]
    with site.read() as session:
        alive = tokens.all_tokens(session, g.now)
    page = render_template(
        "users.html",
        users=users,
        tokens=alive,
        meaning={role.value: text for role, text in MEANING.items()},
        error=error,
        made=made,
        form=form or {"name": "", "full_name": "", "roles": ["viewer"]},
    )
    return page, (400 if error else 200)


@pages.post("")
def add() -> Any:
    """Open an account; its first password is shown once, on the answer itself."""
    form = {
        "name": request.form.get("name", ""),
        "full_name": request.form.get("full_name", ""),
        "roles": request.form.getlist("roles"),
    }
    try:
        made = operations.add_user(the_site().staff, {**form, "actor": visitor().name})
    except AccountError as error:
        return _page(error, form=form)
    return _page(made=made)


@pages.post("/change")
def change() -> Any:
    """Change one account: its roles, its password, whether it is open."""
    site, button = the_site(), request.form.get("change", "")
    parameters: dict[str, Any] = {
        "name": request.form.get("name", ""),
        "actor": visitor().name,
        "roles": request.form.getlist("roles"),
        "forget_code": request.form.get("forget_code") == "on",
    }
    if button not in (*_CHANGES, "reset"):
        abort(400, "That is not a change that can be made here.")
    try:
        if button == "reset":
            return _page(made=operations.reset_user(site.staff, parameters))
        name, sentence = _CHANGES[button]
        operations.OPERATIONS[name](site.staff, parameters)
        done(sentence.format(name=parameters["name"]))
    except AccountError as error:
        wrong(error)
    return go("users.index")


@pages.post("/tokens/end")
def token_end() -> Any:
    """Revoke anybody's token."""
    who, now, chosen = visitor(), g.now, request.form.get("id", "")
    ended = the_site().write(lambda session: tokens.revoke_token(session, chosen, actor=who.name, now=now))
    done("The token was revoked: it opens nothing any more." if ended else "That token had ended already.")
    return go("users.index")
