"""The Flask application of the staff pages."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, g, render_template, request
from flask_wtf.csrf import CSRFError
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from gateway.web import api, presence, view
from gateway.web.api.problems import answer_of
from gateway.web.pages import FAMILIES
from gateway.web.security import of_api, protect
from gateway.web.site import Site

__all__ = ["MAX_BODY", "MAX_UPLOAD", "UPLOADS", "create_app"]

logger = logging.getLogger(__name__)

#: Bytes of a request's body: of a form, and of the paths below which files are uploaded (10 MB, and the form around).
MAX_BODY, MAX_UPLOAD = 1 << 20, (10 << 20) + (64 << 10)
UPLOADS = ("/inspector", "/api/v1/documents", "/edit/")
_STATIC = Path(__file__).parent / "static"

#: Status → headline and what to do, for people.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("That request made no sense", "Go back, load the page again, and try once more."),
    401: ("You are not logged in", "Log in, then try again."),
    403: ("Your account may not do this", "Somebody with the security role can change your roles."),
    404: ("There is nothing here", "The link is old or mistyped. Search for the number instead."),
    405: ("That cannot be done here", "Go back and use the buttons of the page."),
    410: ("The content is not kept any more", "Facts and history of the message stay. Ask for it to be sent again."),
    413: ("That is too large", "Send less than 1 MB at a time."),
    429: ("Too many tries", "Wait a few minutes, then try again."),
    500: ("Something went wrong on our side", "Try again. If it stays so, give your administrator the error id."),
    503: ("The gateway is busy", "Try again in a moment."),
}


def create_app(site: Site) -> Flask:
    """The application for one gateway; any WSGI server can run it."""
    app = Flask(__name__, static_folder=str(_STATIC), static_url_path="/static")
    app.secret_key = hmac.new(site.kek.key, b"gateway staff pages: form cookie", hashlib.sha256).digest()
    app.extensions["gateway"] = site
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, MAX_FORM_MEMORY_SIZE=MAX_BODY, MAX_FORM_PARTS=500)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    protect(app, site)
    view.register(app, site)
    presence.install(app, site.clock)
    app.jinja_env.globals["asset"] = _asset
    for family in FAMILIES:
        app.register_blueprint(family)
    app.register_blueprint(api.blueprint)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failure)
    if site.secure:
        app.wsgi_app = _as_https(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _as_https(application: Any) -> Any:
    """Browsers reach us by TLS, whoever speaks it for us: addresses and referrers are those of https."""

    def run(environ: dict[str, Any], start_response: Any) -> Any:
        return application({**environ, "wsgi.url_scheme": "https"}, start_response)

    return run


@lru_cache(maxsize=32)
def _asset(name: str) -> str:
    """The address of a static file, which changes with its content."""
    digest = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _csrf_error(_error: CSRFError) -> Any:
    return _page(400, "This form was open for too long, or came from somewhere else. Nothing was changed.")


def _http_error(error: HTTPException) -> Any:
    code = error.code or 500
    if code < 400:
        return error
    said = error.description if error.description != type(error).description else ""
    return _page(code, said or "", headers=error.get_headers() if code == 405 else ())


def _failure(error: Exception) -> Any:
    """A fault of ours, or what an operation could not do: never a traceback on the page."""
    from gateway.control import describe

    known = describe(error)
    status = getattr(error, "status", 500)
    if known is not None and status != 500:
        return _page(status, known.error)
    return _page(500, "", error)


def _page(code: int, said: str, error: Exception | None = None, headers: Any = ()) -> Any:
    headline, remedy = _ERRORS.get(code, _ERRORS[400 if code < 500 else 500])
    reference = ""
    if error is not None or code >= 500:
        reference = secrets.token_hex(4)
        logger.error("page %s failed, error id %s", request.path, reference, exc_info=error)
    if of_api():
        allow = {name: value for name, value in headers if name.lower() == "allow"}
        return answer_of(code, said, headers=allow, reference=reference)
    if not hasattr(g, "visitor"):
        g.visitor, g.now = None, view.now()
    page = render_template("error.html", code=code, headline=headline, said=said, remedy=remedy, reference=reference)
    allowed = [(name, value) for name, value in headers if name.lower() == "allow"]
    return page, code, allowed
