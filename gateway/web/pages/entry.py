"""Getting in and out: the first account, logging in here or at the company's provider, proving it again, leaving."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for
from flask import session as form_session
from sqlalchemy.orm import Session

from gateway.staff import accounts, sessions
from gateway.staff.audit import note
from gateway.staff.errors import AccountError, LoginRefusedError, TooManyTriesError
from gateway.staff.lockout import begin_try, forgive
from gateway.staff.oidc import Identity, admit_identity, identity_of
from gateway.staff.passwords import hash_password, needs_rehash, verify_password
from gateway.staff.roles import Role
from gateway.staff.setup import setup_code_end, use_setup_code
from gateway.web.pages.common import done
from gateway.web.provider import Provider, ProviderError
from gateway.web.security import address, forget_login, local_path, remember_login, visitor
from gateway.web.site import Site, the_site

__all__ = ["pages"]

pages = Blueprint("entry", __name__)


@pages.get("/health")
def health() -> Any:
    """Says that the pages answer; nothing else."""
    return {"ok": True}


@pages.route("/login", methods=["GET", "POST"])
def login() -> Any:
    """Name and password."""
    site, target = the_site(), request.values.get("next")
    if request.method != "POST":
        with site.read() as session:
            if not accounts.any_user(session):
                return redirect(url_for("entry.setup"))
        return redirect(local_path(target)) if g.visitor else _login_page(target)
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        identity, stage = _check_password(site, name, password)
    except AccountError as error:
        return _login_page(target, error, name)
    where = url_for("entry.code", next=target) if stage == "code" else local_path(target)
    return remember_login(make_response(redirect(where, 303)), identity)


def _login_page(target: str | None, error: AccountError | None = None, name: str = "") -> Any:
    return render_template("login.html", next=target, error=error, name=name), _status(error)


def _status(error: AccountError | None) -> int:
    return 200 if error is None else 429 if isinstance(error, TooManyTriesError) else 401


def _check_password(site: Site, name: str, password: str) -> tuple[str, str]:
    """(identifier, stage) of a new session; takes as long for any name. Raises AccountError."""
    where, now, agent, old = address(), g.now, request.user_agent.string, _old_identity()
    stored, is_open = site.write(lambda session: sessions.count_try(session, name, where, now))
    if not verify_password(stored, password) or not is_open:
        site.write(lambda session: sessions.fail(session, name, where, now))
        raise LoginRefusedError
    # Now that the password is here: a hash of weaker settings than today's is made anew.
    renewed = hash_password(password) if stored is not None and needs_rehash(stored) else None

    def work(session: Session) -> tuple[str, str]:
        if stored is not None and renewed is not None:
            accounts.renew_hash(session, old=stored, new=renewed)
        return sessions.admit(session, name, address=where, agent=agent, now=now, old=old)

    admitted: tuple[str, str] = site.write(work)
    return admitted


def _old_identity() -> str:
    from flask import current_app

    return request.cookies.get(str(current_app.config["LOGIN_COOKIE_NAME"]), "")


# -- the company's identity provider --------------------------------------------------------------------------------

#: What the browser keeps of a login that it began there.
_BEGUN = "provider"


@pages.get("/login/provider")
def provider() -> Any:
    """To the company's login; with ``again`` it asks anew who one is."""
    found = _provider()
    again = request.args.get("again") == "1"
    if again:
        visitor()
    try:
        where, kept = found.begin(url_for("entry.provider_back", _external=True), g.now, again=again)
    except AccountError as error:
        return _login_page(request.args.get("next"), error)
    form_session[_BEGUN] = {**kept, "next": request.args.get("next", "")[:500]}
    return redirect(where, 303)


@pages.get("/login/provider/back")
def provider_back() -> Any:
    """Back from there: the proof is checked, then it is a login like any other."""
    site, found = the_site(), _provider()
    kept = form_session.pop(_BEGUN, None)
    given, where, now = request.args.to_dict(), address(), g.now
    target = str((kept or {}).get("next") or "") or None
    try:
        code = found.check_return(kept, given, now)
        trying = f"provider {str(kept['state'])[:20]}"
        site.write(lambda session: begin_try(session, trying, where, now))
        back = url_for("entry.provider_back", _external=True)
        identity = _identity(found, found.finish(kept, code, given, back, now))
        answer = _prove_again(site, identity, target) if kept["again"] else _enter(site, identity, target)
        site.write(lambda session: forgive(session, trying, where))
    except AccountError as error:
        data, reason = {"address": where}, f"A login at the provider failed: {error}"
        if kept is not None:
            site.write(
                lambda session: note(session, "login-failed", "-", actor="web", reason=reason, now=now, data=data)
            )
        return _login_page(target, error)
    return answer


def _provider() -> Provider:
    found = the_site().provider
    if found is None:
        abort(404)
    return found


def _identity(found: Provider, claims: dict[str, Any]) -> Identity:
    told = found.settings
    return identity_of(
        claims,
        roles=told.roles,
        roles_claim=told.roles_claim,
        groups_claim=told.groups_claim,
        domains=told.allowed_domains,
        groups=told.allowed_groups,
    )


def _enter(site: Site, identity: Identity, target: str | None) -> Any:
    """A session of our own for somebody whom the provider vouches for."""
    where, now, agent, old = address(), g.now, request.user_agent.string, _old_identity()
    opened = site.write(lambda session: admit_identity(session, identity, address=where, agent=agent, now=now, old=old))
    return remember_login(make_response(redirect(local_path(target), 303)), opened)


def _prove_again(site: Site, identity: Identity, target: str | None) -> Any:
    """The same person proved anew who they are. Raises ProviderError when it is another."""
    who, now = visitor(), g.now
    if identity.account_id != who.user_id:
        raise ProviderError("That was another person than the one who is logged in here.", "Log out first.")
    site.write(lambda session: sessions.prove_elsewhere(session, who, now))
    return redirect(local_path(target), 303)


@pages.route("/login/code", methods=["GET", "POST"])
def code() -> Any:
    """The one-time code that follows the password."""
    site, target, waiting = the_site(), request.values.get("next"), g.waiting
    if waiting is None:
        return redirect(url_for("entry.login", next=target))
    if request.method != "POST":
        return render_template("code.html", next=target, error=None)
    typed, where, now, agent = request.form.get("code", ""), address(), g.now, request.user_agent.string
    try:
        site.write(lambda session: begin_try(session, waiting.name, where, now))
        identity = site.write(
            lambda session: sessions.pass_code(session, site.kek, waiting, typed, address=where, agent=agent, now=now)
        )
    except AccountError as error:
        return render_template("code.html", next=target, error=error), _status(error)
    return remember_login(make_response(redirect(local_path(target), 303)), identity)


@pages.route("/setup", methods=["GET", "POST"])
def setup() -> Any:
    """The first account: whoever holds the set-up code becomes admin and security."""
    site = the_site()
    with site.read() as session:
        if accounts.any_user(session):
            return redirect(url_for("entry.login"))
        end = setup_code_end(session)
    form = {name: request.form.get(name, "").strip() for name in ("code", "name", "full_name")}
    if request.method != "POST":
        return render_template("setup.html", form=form, error=None, end=end)
    try:
        _open_first_account(site, form, request.form.get("password", ""), request.form.get("again", ""))
        identity, _ = _check_password(site, form["name"], request.form.get("password", ""))
    except AccountError as error:
        return render_template("setup.html", form=form, error=error, end=end), _setup_status(error)
    answer = remember_login(make_response(redirect(url_for("home.show"), 303)), identity)
    done(f"Welcome, {form['full_name'] or form['name']}. This account may do everything; add others under Users.")
    return answer


def _setup_status(error: AccountError) -> int:
    return 429 if isinstance(error, TooManyTriesError) else 400


def _open_first_account(site: Site, form: dict[str, str], password: str, again: str) -> None:
    where, now = address(), g.now
    if password != again:
        raise AccountError("The two passwords differ.", "Type the same one twice.", field="again")
    site.write(lambda session: begin_try(session, "set-up", where, now))
    hashed = hash_password(password)

    def work(session: Any) -> None:
        if accounts.any_user(session):
            raise AccountError("There is an account already.", "Log in with it.", field="code")
        use_setup_code(session, site.kek, form["code"], now)
        accounts.create_user(
            session,
            name=form["name"],
            full_name=form["full_name"],
            roles=[Role.ADMIN, Role.SECURITY],
            password=password,
            password_hash=hashed,
            actor="set-up",
            now=now,
        )

    site.write(work)


@pages.route("/login/again", methods=["GET", "POST"])
def again() -> Any:
    """The password once more, before something sensitive."""
    site, target, who = the_site(), request.values.get("next"), visitor()
    if request.method != "POST":
        return render_template("again.html", next=target, error=None)
    password, typed, where, now = request.form.get("password", ""), request.form.get("code", ""), address(), g.now
    try:
        stored, _ = site.write(lambda session: sessions.count_try(session, who.name, where, now))
        if not verify_password(stored, password):
            site.write(lambda session: sessions.fail(session, who.name, where, now))
            raise LoginRefusedError
        site.write(lambda session: sessions.prove_again(session, who, site.kek, typed, address=where, now=now))
    except AccountError as error:
        return render_template("again.html", next=target, error=error), _status(error)
    return redirect(local_path(target), 303)


@pages.post("/logout")
def logout() -> Any:
    """End this session."""
    site, who, now = the_site(), visitor(), g.now
    site.write(
        lambda session: sessions.end_session(session, who.session_hash, user_id=who.user_id, actor=who.name, now=now)
    )
    return forget_login(make_response(redirect(url_for("entry.login"), 303)))
