"""API tokens: a program acts for a person, within scopes and until a day; only the token's digest is kept."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.models import ApiToken, StaffUser

__all__ = ["LONGEST", "SCOPES", "find_token", "make_token", "revoke_token", "tokens_of"]

#: What a token may be allowed to do.
SCOPES: dict[str, str] = {
    "messages:read": "Look at messages and documents.",
    "messages:write": "Send, replay, resend, hold and ignore.",
    "partners:read": "Look at partners.",
    "partners:write": "Change partners.",
}
#: Longest life of a token.
LONGEST = timedelta(days=366)
_PREFIX = "gwt_"


def make_token(
    session: Session, user: StaffUser, *, label: str, scopes: Iterable[str], life: timedelta, now: datetime
) -> str:
    """Make a token of a person and return it: it is never shown again. Raises AccountError."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise AccountError("A token needs scopes that exist.", f"Scopes are {', '.join(SCOPES)}.", field="scopes")
    if not timedelta(0) < life <= LONGEST:
        raise AccountError("A token lives between a moment and a year.", "Choose another end.", field="life")
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


def find_token(session: Session, token: str, now: datetime) -> tuple[StaffUser, frozenset[str]] | None:
    """Whose token it is and what it may do; None when it is unknown, over, revoked, or its person's account closed."""
    row = session.scalar(select(ApiToken).where(ApiToken.digest == _digest(token)))
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    user = session.get(StaffUser, row.user_id)
    return None if user is None or user.disabled_at is not None else (user, frozenset(row.scopes))


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
    return [
        {
            "id": row.id,
            "label": row.label,
            "scopes": list(row.scopes),
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
        }
        for row in session.scalars(query)
    ]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
