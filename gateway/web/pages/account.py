"""One's own account: password, second factor, how the pages look, open sessions, API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask import session as form_session
from sqlalchemy.orm import Session

from gateway.staff import accounts, sessions, tokens, totp
from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.lockout import begin_try, forgive
from gateway.staff.passwords import hash_password, verify_password
from gateway.staff.sessions import Visitor
from gateway.web.pages.common import done, go
from gateway.web.security import address, forget_login, must_enrol, visitor
from gateway.web.site import Site, the_site

__all__ = ["pages"]

pages = Blueprint("account", __name__, url_prefix="/account")

#: Days that a token may be made for.
DAYS = (7, 30, 90, 180, 366)


@pages.get("")
def show() -> Any:
    """Everything about one's own account."""
    return _page()


def _page(error: AccountError | None = None, recovery: list[str] | None = None) -> Any:
    site, who = the_site(), visitor()
    with site.read() as session:
        open_sessions = sessions.sessions_of(session, who.user_id, g.now)
        user = accounts.get_user(session, who.user_id)
        mine = tokens.tokens_of(session, who.user_id)
        facts = {"totp": user.totp, "recovery_left": len(user.recovery_codes or ()), "roles": list(user.roles)}
    secret = ""
    if not facts["totp"]:
        secret = form_session.setdefault("totp", totp.new_totp_secret())
    return render_template(
        "account.html",
        sessions=open_sessions,
        tokens=[each for each in mine if each["revoked_at"] is None and each["expires_at"] > g.now],
        facts=facts,
        error=error,
        recovery=recovery,
        secret=secret,
        uri=totp.provisioning_uri(secret, who.name, site.company) if secret else "",
        must_enrol=must_enrol(who, site) and recovery is None,
        meaning=tokens.SCOPES,
    ), (400 if error else 200)


@pages.post("/password")
def password() -> Any:
    """A new password of one's own; other sessions end."""
    try:
        _change_password(the_site(), visitor())
    except AccountError as error:
        return _page(error)
    done("The password was changed. Your other sessions were ended.")
    return go("account.show")


def _change_password(site: Site, who: Visitor) -> None:
    where, now = address(), g.now
    old, new, again = (request.form.get(name, "") for name in ("old", "password", "again"))
    if new != again:
        raise AccountError("The two new passwords differ.", "Type the same one twice.", field="again")
    stored, _ = site.write(lambda session: sessions.count_try(session, who.name, where, now))
    if not verify_password(stored, old):
        raise AccountError("The present password is not right.", field="old")
    if old == new:
        raise AccountError("The new password is the present one.", "Choose another.", field="password")
    hashed = hash_password(new)

    def work(session: Session) -> None:
        user = accounts.get_user(session, who.user_id)
        accounts.set_password(
            session, user, password=new, password_hash=hashed, actor=who.name, now=now, keep=who.session_hash
        )
        forgive(session, who.name, where)

    site.write(work)


@pages.post("/preferences")
def preferences() -> Any:
    """Theme and shortcuts."""
    site, who = the_site(), visitor()
    theme, shortcuts = request.form.get("theme", ""), request.form.get("shortcuts") == "on"
    try:
        site.write(
            lambda session: accounts.set_preferences(
                accounts.get_user(session, who.user_id), theme=theme, shortcuts=shortcuts
            )
        )
    except AccountError as error:
        return _page(error)
    done("Saved.")
    return go("account.show")


@pages.post("/totp", endpoint="totp")
def totp_on() -> Any:
    """Switch the second factor on, once a code shows that the app has the key."""
    try:
        codes = _enrol(the_site(), visitor())
    except AccountError as error:
        return _page(error)
    form_session.pop("totp", None)
    return _page(recovery=codes)


def _enrol(site: Site, who: Visitor) -> list[str]:
    """The recovery codes of a second factor that is on now. Raises AccountError."""
    where, now = address(), g.now
    secret, typed = str(form_session.get("totp", "")), request.form.get("code", "")
    if who.totp:
        raise AccountError("A second factor is set up already.", field="code")
    site.write(lambda session: begin_try(session, who.name, where, now))
    step = totp.code_matches(secret, typed, now) if secret else None
    if step is None:
        raise AccountError(
            "This code does not fit the key.", "Check the clock of the telephone and type the next code.", field="code"
        )

    def work(session: Session) -> list[str]:
        user = accounts.get_user(session, who.user_id)
        forgive(session, who.name, where)
        note(session, "user-totp", user.id, actor=who.name, reason="A second factor was set up.", now=now)
        return totp.enable_totp(session, site.kek, user, secret, step, now)

    codes: list[str] = site.write(work)
    return codes


@pages.post("/totp/off")
def totp_off() -> Any:
    """Switch the second factor off."""
    site, who, now = the_site(), visitor(), g.now

    def work(session: Session) -> None:
        user = accounts.get_user(session, who.user_id)
        totp.forget_totp(session, user)
        note(session, "user-totp", user.id, actor=who.name, reason="The second factor was removed.", now=now)

    site.write(work)
    done("The second factor was removed.", "warn")
    return go("account.show")


@pages.post("/sessions/end")
def end_session() -> Any:
    """End one of one's sessions; one's present one is a logout."""
    site, who, now = the_site(), visitor(), g.now
    chosen = request.form.get("id", "")
    ended = site.write(
        lambda session: sessions.end_session(session, chosen, user_id=who.user_id, actor=who.name, now=now)
    )
    if chosen == who.session_hash:
        return forget_login(make_response(redirect(url_for("entry.login"), 303)))
    done("The session was ended." if ended else "That session had ended already.")
    return go("account.show")


@pages.get("/tokens/new")
def token_form() -> Any:
    """What is asked for a new token."""
    return _token_page()


def _token_page(error: AccountError | None = None, made: str = "") -> Any:
    form = {
        "label": request.form.get("label", ""),
        "scopes": request.form.getlist("scopes") or ["messages:read"],
        "days": request.form.get("days", "90"),
    }
    page = render_template(
        "token.html", scopes=tokens.scopes_of(visitor().roles), days=DAYS, form=form, error=error, made=made
    )
    return page, (400 if error else 200)


@pages.post("/tokens/new")
def token_make() -> Any:
    """Make a token; it is shown once, on the answer itself."""
    site, who, now = the_site(), visitor(), g.now
    label, scopes = request.form.get("label", ""), request.form.getlist("scopes")
    try:
        life = _life(label, request.form.get("days", ""))
        token = site.write(
            lambda session: tokens.make_token(
                session, accounts.get_user(session, who.user_id), label=label, scopes=scopes, life=life, now=now
            )
        )
    except AccountError as error:
        return _token_page(error)
    return _token_page(made=token)


def _life(label: str, days: str) -> timedelta:
    """How long a token lives, once it has a name. Raises AccountError."""
    if not label.strip():
        raise AccountError("A token needs a name.", "Say what will use it.", field="label")
    if days not in map(str, DAYS):
        raise AccountError("That is not an end that can be chosen.", "Choose one from the list.", field="days")
    return timedelta(days=int(days))


@pages.post("/tokens/end")
def token_end() -> Any:
    """Revoke a token of one's own."""
    site, who, now = the_site(), visitor(), g.now
    chosen = request.form.get("id", "")
    ended = site.write(
        lambda session: tokens.revoke_own_token(session, chosen, user_id=who.user_id, actor=who.name, now=now)
    )
    done("The token was revoked: it opens nothing any more." if ended else "That token had ended already.")
    return go("account.show")
