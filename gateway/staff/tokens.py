"""API tokens: a program acts for a person, within scopes and until a day; only the token's digest is kept.

A token never does more than its person may: scopes that the person's roles no longer allow are as if they were not
there. It opens the REST API and nothing else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.models import ApiToken, StaffUser
from gateway.staff.roles import Role, allows

__all__ = [
    "LEAST",
    "LONGEST",
    "MOST",
    "SCOPES",
    "Bearer",
    "all_tokens",
    "find_bearer",
    "find_token",
    "looks_like_token",
    "make_token",
    "revoke_own_token",
    "revoke_token",
    "scopes_of",
    "tokens_of",
]

#: What a token may be allowed to do.
SCOPES: dict[str, str] = {
    "messages:read": "Look at messages and documents.",
    "messages:write": "Send, replay, resend, hold and ignore.",
    "partners:read": "Look at partners.",
    "partners:write": "Change partners.",
}
#: The lowest role that may give a token a scope, and without which the scope sleeps.
LEAST: dict[str, Role] = {
    "messages:read": Role.VIEWER,
    "messages:write": Role.OPERATOR,
    "partners:read": Role.VIEWER,
    "partners:write": Role.ADMIN,
}
#: Longest life of a token, and most tokens that a person has at one time.
LONGEST, MOST = timedelta(days=366), 20
_PREFIX = "gwt_"
_TOKEN = re.compile(r"gwt_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who stands behind a token, as plain values."""

    token_id: str
    label: str
    user_id: str
    name: str
    roles: frozenset[str]
    #: What the token may do today: its scopes within the person's roles.
    scopes: frozenset[str]
    #: The person owes a new password, or has no second factor.
    must_change_password: bool
    totp: bool
    #: The person logs in at the company's identity provider, whose second factor counts.
    by_provider: bool
    #: SHA-256 of the token: tells tokens apart without holding one.
    digest: str

    @property
    def actor(self) -> str:
        """How the ledger calls what the token does."""
        return f"{self.name} (token {self.label})"


def scopes_of(roles: Iterable[str]) -> dict[str, str]:
    """The scopes that somebody with these roles may give, with their meaning."""
    held = frozenset(roles)
    return {scope: text for scope, text in SCOPES.items() if allows(held, LEAST[scope])}


def make_token(
    session: Session, user: StaffUser, *, label: str, scopes: Iterable[str], life: timedelta, now: datetime
) -> str:
    """Make a token of a person and return it: it is never shown again. Raises AccountError."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise AccountError("A token needs scopes that exist.", f"Scopes are {', '.join(SCOPES)}.", field="scopes")
    beyond = [scope for scope in wanted if not allows(user.roles, LEAST[scope])]
    if beyond:
        raise AccountError(
            f"Your roles do not allow {', '.join(beyond)}, so a token of yours cannot either.",
            "Choose fewer scopes, or ask for another role.",
            field="scopes",
        )
    if not timedelta(0) < life <= LONGEST:
        raise AccountError("A token lives between a moment and a year.", "Choose another end.", field="life")
    mine = select(func.count()).select_from(ApiToken).where(ApiToken.user_id == user.id, *_alive(now))
    if (session.scalar(mine) or 0) >= MOST:
        raise AccountError(f"You have {MOST} tokens, which is the most.", "Revoke one that nobody uses.", field="label")
    token = _PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        id=str(uuid.uuid4()),
        user_id=user.id,
        label=" ".join(label.split())[:100] or "token",
        digest=_digest(token),
        scopes=wanted,
        created_at=now,
        expires_at=now + life,
    )
    session.add(row)
    session.flush()
    data = {"token": row.id, "label": row.label, "scopes": wanted}
    note(session, "token-made", user.id, actor=user.name, reason=f"Token {row.label} was made.", now=now, data=data)
    return token


def find_bearer(session: Session, token: str, now: datetime) -> Bearer | None:
    """Who stands behind a token; None when it is unknown, over, revoked, or its person's account closed."""
    digest = _digest(token)
    row = session.scalar(select(ApiToken).where(ApiToken.digest == digest))
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    user = session.get(StaffUser, row.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return Bearer(
        token_id=row.id,
        label=row.label,
        user_id=user.id,
        name=user.name,
        roles=frozenset(user.roles),
        scopes=frozenset(scope for scope in row.scopes if scope in LEAST and allows(user.roles, LEAST[scope])),
        must_change_password=user.must_change_password,
        totp=user.totp,
        by_provider=user.password_hash is None,
        digest=digest,
    )


def find_token(session: Session, token: str, now: datetime) -> tuple[StaffUser, frozenset[str]] | None:
    """Whose token it is and what it may do; None as for `find_bearer`."""
    bearer = find_bearer(session, token, now)
    return None if bearer is None else (session.get_one(StaffUser, bearer.user_id), bearer.scopes)


def looks_like_token(text: str) -> bool:
    """Whether the text has the form of a token: anything else need not be looked up."""
    return _TOKEN.fullmatch(text) is not None


def revoke_own_token(session: Session, token_id: str, *, user_id: str, actor: str, now: datetime) -> bool:
    """End a token of this person; False when it is not one of theirs, or had ended."""
    row = session.get(ApiToken, token_id)
    return row is not None and row.user_id == user_id and revoke_token(session, token_id, actor=actor, now=now)


def revoke_token(session: Session, token_id: str, *, actor: str, now: datetime) -> bool:
    """End a token; False when there is none, or it had ended."""
    row = session.get(ApiToken, token_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = now
    data = {"token": row.id}
    note(session, "token-revoked", row.user_id, actor=actor, reason=f"Token {row.label} ended.", now=now, data=data)
    return True


def tokens_of(session: Session, user_id: str) -> list[dict[str, Any]]:
    """The tokens of a person, the newest first, without their secret part."""
    query = select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.created_at.desc())
    return [_token_json(row) for row in session.scalars(query)]


def all_tokens(session: Session, now: datetime, limit: int = 500) -> list[dict[str, Any]]:
    """Every token that works, the newest first, with ``user`` and ``full_name`` of its person."""
    query = (
        select(ApiToken, StaffUser)
        .join(StaffUser, StaffUser.id == ApiToken.user_id)
        .where(*_alive(now), StaffUser.disabled_at.is_(None))
        .order_by(ApiToken.created_at.desc(), ApiToken.id)
        .limit(limit)
    )
    return [
        {**_token_json(row), "user": user.name, "full_name": user.full_name} for row, user in session.execute(query)
    ]


def _token_json(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "label": row.label,
        "scopes": list(row.scopes),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


def _alive(now: datetime) -> tuple[Any, ...]:
    return ApiToken.revoked_at.is_(None), ApiToken.expires_at > now


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
