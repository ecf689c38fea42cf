"""What guards every request: its Host, who it comes from, what that person may do, the CSRF token, and the headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect

from gateway.staff.roles import Role
from gateway.staff.sessions import Visitor, find_visitor, hash_id, see, touch
from gateway.web.access import ACCESS, may
from gateway.web.site import Site, the_site

__all__ = [
    "LIVE",
    "address",
    "forget_login",
    "local_path",
    "must_enrol",
    "of_api",
    "protect",
    "remember_login",
    "visitor",
]

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
#: Header of a request that the page makes by itself to renew what it shows.
LIVE = "X-Live"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(app: Flask, site: Site) -> None:
    """Put every guard before and after the application's requests, in their order."""
    prefix = "__Host-" if site.secure else ""
    app.config.update(
        SESSION_COOKIE_NAME=f"{prefix}gateway-form",
        SESSION_COOKIE_SECURE=site.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        LOGIN_COOKIE_NAME=f"{prefix}gateway",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=True,
    )
    csrf = CSRFProtect(app)
    app.before_request(_check_host)
    app.before_request(_find_visitor)
    app.before_request(_check_access)
    app.before_request(
        lambda: None if request.method in _SAFE or request.endpoint is None or of_api() else csrf.protect()
    )
    app.after_request(_add_headers)


def of_api() -> bool:
    """Whether the request is to the REST API: it asks for a token, knows no cookie and so needs no form token."""
    return request.path.startswith("/api/")


def visitor() -> Visitor:
    """Who made the request; only on pages that ask for a login."""
    found: Visitor | None = g.visitor
    if found is None:
        abort(401)
    return found


def address() -> str:
    """The network address of the browser."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if the_site().behind_proxy and forwarded:
        return forwarded.rpartition(",")[2].strip()[:64]
    return request.remote_addr or "unknown"


def local_path(target: str | None) -> str:
    """A place of ours to go on to; the first page for anything that would lead elsewhere."""
    path = target or ""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else url_for("home.show")


def remember_login(response: Any, identity: str) -> Any:
    """Give the browser its new session; what was remembered of forms before is forgotten."""
    site = the_site()
    session.clear()
    response.set_cookie(_cookie(), identity, secure=site.secure, httponly=True, samesite="Lax", path="/")
    return response


def forget_login(response: Any) -> Any:
    """Take the session away from the browser."""
    session.clear()
    response.delete_cookie(_cookie(), secure=the_site().secure, httponly=True, samesite="Lax", path="/")
    return response


def _cookie() -> str:
    from flask import current_app

    return str(current_app.config["LOGIN_COOKIE_NAME"])


def _check_host() -> None:
    """Only names that are ours: keeps other sites from reaching us under a name of theirs (DNS rebinding)."""
    if request.headers.get("Host", "").lower() not in the_site().hosts():
        abort(400, "This address is not one of the gateway's. Set [web] public_url when a proxy stands before it.")


def _find_visitor() -> None:
    site = the_site()
    g.now = site.clock()
    g.visitor = g.waiting = None
    g.login_hash = ""
    if of_api():
        return
    identity = request.cookies.get(_cookie(), "")
    g.login_hash = hash_id(identity) if identity else ""
    if not identity or request.endpoint == "static":
        return
    with site.read() as reading:
        found = find_visitor(reading, identity, g.now)
    if found is None:
        return
    if found.stage == "code":
        g.waiting = found
        return
    g.visitor = found
    now = g.now
    if touch(found, now) and LIVE not in request.headers:  # a page left open is nobody at work
        site.write(lambda writing: see(writing, found.session_hash, now))


def must_enrol(who: Visitor, site: Site) -> bool:
    """Whether the settings ask this person for a second factor that is not set up yet; a provider has its own."""
    if who.totp or who.by_provider or site.require_totp == "none":
        return False
    return site.require_totp == "all" or bool(who.roles & {Role.ADMIN, Role.SECURITY})


def _check_access() -> Any:
    endpoint = request.endpoint
    if endpoint is None or of_api():
        return None  # no such page: the error page says so; the API has a guard of its own
    access = ACCESS.get(endpoint)
    if access is None:
        abort(403)
    if access.least is None:
        return None
    who: Visitor | None = g.visitor
    here = request.full_path.rstrip("?") if request.method in _SAFE else url_for("home.show")
    if who is None:
        if request.method not in _SAFE:
            abort(401)
        return redirect(f"{url_for('entry.login')}?next={quote(here)}")
    if not may(who.roles, endpoint):
        abort(403)
    if not access.owing and (who.must_change_password or must_enrol(who, the_site())):
        return redirect(url_for("account.show"))
    if access.fresh and not who.fresh(g.now):
        back = here if request.method in _SAFE else local_path(request.form.get("back") or url_for("account.show"))
        return redirect(f"{url_for('entry.again')}?next={quote(back)}")
    return None


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if the_site().secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=86400"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
