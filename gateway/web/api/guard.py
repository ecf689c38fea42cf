"""Who a request to the API is from: its token and nothing else, within its scopes, its person's roles and the rates."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime

from flask import request

from gateway.staff.audit import note
from gateway.staff.roles import Role
from gateway.staff.tokens import LEAST, SCOPES, Bearer, find_bearer, looks_like_token
from gateway.web.api.endpoints import scope_of
from gateway.web.api.gate import Gate
from gateway.web.api.problems import RefusalError
from gateway.web.security import address
from gateway.web.site import Site

__all__ = ["let_in"]

logger = logging.getLogger(__name__)
_BEARER = re.compile(r"Bearer +([!-~]{1,200})", re.IGNORECASE)


def let_in(site: Site, gate: Gate, name: str, now: datetime) -> Bearer:
    """Whose request this is. Raises RefusalError when there is no token that may ask for this endpoint."""
    token = _token()
    where = address()
    known = gate.known(hashlib.sha256(token.encode()).hexdigest(), now)
    if not known and (wait := gate.locked(where, now)):
        raise _slow(wait, "Too many wrong tokens came from this address.", "Check the token, then try again later.")
    bearer = None
    if looks_like_token(token):
        with site.read() as session:
            bearer = find_bearer(session, token, now)
    if bearer is None:
        _count(site, gate, where, now)
        raise RefusalError(
            "token-refused",
            "This token is unknown, has ended or was revoked, or its person's account is closed.",
            "Make a new one under Your account.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    if wait := gate.take(bearer.digest, now):
        raise _slow(wait, "This token makes too many requests.", "Wait as long as Retry-After says.")
    _check_person(site, bearer)
    _check_scope(bearer, scope_of(name))
    return bearer


def _token() -> str:
    """The token of the request; a cookie opens nothing here."""
    found = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if found is None:
        raise RefusalError(
            "token-needed",
            "The API wants a token in the header `Authorization: Bearer gwt_…`; a login of the pages does not count.",
            "Make one under Your account.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return found[1]


def _slow(wait: int, detail: str, fix: str) -> RefusalError:
    return RefusalError("too-many", detail, fix, headers={"Retry-After": str(wait)})


def _count(site: Site, gate: Gate, where: str, now: datetime) -> None:
    """Count a wrong token; the one that shuts the address out is in the ledger."""
    if not gate.wrong(where, now):
        return
    logger.warning("too many wrong API tokens from %s", where)
    reason = "Too many wrong API tokens: the address has to wait."
    site.write(
        lambda session: note(session, "api-locked", "-", actor="api", reason=reason, now=now, data={"address": where})
    )


def _check_person(site: Site, bearer: Bearer) -> None:
    """A token rests while its person owes a new password or a second factor."""
    needs_code = site.require_totp == "all" or (
        site.require_totp == "admins" and bool(bearer.roles & {Role.ADMIN, Role.SECURITY})
    )
    if bearer.must_change_password or (needs_code and not bearer.totp and not bearer.by_provider):
        what = "a new password" if bearer.must_change_password else "a second factor"
        raise RefusalError(
            "account-owes",
            f"The account {bearer.name} owes {what}; until then its tokens rest.",
            "Log in to the pages.",
        )


def _check_scope(bearer: Bearer, scope: str | None) -> None:
    if scope is None or scope in bearer.scopes:
        return
    raise RefusalError(
        "not-allowed",
        f"This needs the scope {scope} ({SCOPES[scope].rstrip('.').lower()}) and the role {LEAST[scope].value}; the "
        "token has " + (", ".join(sorted(bearer.scopes)) or "no scope that works") + ".",
        "Make a token with that scope.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
    )
