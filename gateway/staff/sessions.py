"""Logins: a person proves who they are and gets a session, which ends when idle, when old, or when told to.

The browser holds 256 random bits; the database holds their SHA-256. A new identifier is given at every login and at
every step of it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.staff.accounts import by_name
from gateway.staff.audit import note
from gateway.staff.errors import LoginRefusedError
from gateway.staff.lockout import begin_try, forgive
from gateway.staff.models import StaffSession, StaffUser
from gateway.staff.totp import take_code
from gateway.store.secrets import Kek

__all__ = [
    "ABSOLUTE",
    "FRESH",
    "IDLE",
    "Visitor",
    "admit",
    "admit_known",
    "count_try",
    "end_session",
    "fail",
    "find_visitor",
    "hash_id",
    "pass_code",
    "prove_again",
    "prove_elsewhere",
    "see",
    "sessions_of",
    "touch",
]

#: A session ends so long after its last request, and so long after its login at the latest.
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
#: Sensitive actions need a proof that is no older.
FRESH = timedelta(minutes=10)
#: A one-time code must follow its password within this time.
CODE_DUE = timedelta(minutes=5)
#: How exact ``seen_at`` is: not every request is a write.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the other end of a request, as plain values."""

    user_id: str
    name: str
    full_name: str
    roles: frozenset[str]
    theme: str
    shortcuts: bool
    totp: bool
    must_change_password: bool
    #: "code" or "open".
    stage: str
    session_hash: str
    proved_at: datetime
    seen_at: datetime
    #: True for an account without a password: the company's identity provider lets it in.
    by_provider: bool = False

    @property
    def initials(self) -> str:
        """One or two letters for a small picture."""
        words = self.full_name.split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    def fresh(self, now: datetime) -> bool:
        """Whether the person proved who they are within the last ten minutes."""
        return now - self.proved_at <= FRESH


def hash_id(session_id: str) -> str:
    """What the database keeps of a session's identifier."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def find_visitor(session: Session, session_id: str, now: datetime) -> Visitor | None:
    """Who holds this identifier; None when the session ended or its account was closed."""
    query = (
        select(StaffSession, StaffUser)
        .join(StaffUser, StaffUser.id == StaffSession.user_id)
        .where(StaffSession.id_hash == hash_id(session_id), StaffUser.disabled_at.is_(None))
    )
    found = session.execute(query).first()
    if found is None or _ended(found[0], now):
        return None
    login, user = found
    return Visitor(
        user_id=user.id,
        name=user.name,
        full_name=user.full_name,
        roles=frozenset(user.roles),
        theme=user.theme,
        shortcuts=user.shortcuts,
        totp=user.totp,
        must_change_password=user.must_change_password,
        stage=login.stage,
        session_hash=login.id_hash,
        proved_at=login.proved_at,
        seen_at=login.seen_at,
        by_provider=user.password_hash is None,
    )


def _ended(login: StaffSession, now: datetime) -> bool:
    if login.stage == "code":
        return now - login.created_at > CODE_DUE
    return now - login.seen_at > IDLE or now - login.created_at > ABSOLUTE


def count_try(session: Session, name: str, address: str, now: datetime) -> tuple[str | None, bool]:
    """Count a login and give (stored hash, account is open) of the name. Raises TooManyTriesError."""
    begin_try(session, name, address, now)
    user = by_name(session, name)
    return (None, False) if user is None else (user.password_hash, user.disabled_at is None)


def fail(session: Session, name: str, address: str, now: datetime) -> None:
    """Note a failed login in the ledger."""
    user = by_name(session, name)
    reason = "A login failed." if user else "A login failed: there is no such account."
    data = {"address": address}
    note(session, "login-failed", user.id if user else "-", actor="web", reason=reason, now=now, data=data)


def admit(session: Session, name: str, *, address: str, agent: str, now: datetime, old: str = "") -> tuple[str, str]:
    """The password was right: (identifier, stage) of a new session; ``old`` (an identifier) ends.

    Raises LoginRefusedError when the account was closed in the meantime.
    """
    user = by_name(session, name)
    if user is None or user.disabled_at is not None:
        raise LoginRefusedError
    session.execute(delete(StaffSession).where(StaffSession.id_hash == hash_id(old)))
    session.execute(delete(StaffSession).where(StaffSession.created_at < now - ABSOLUTE))
    if user.totp:
        return _open(session, user, "code", address, agent, now), "code"
    return _log_in(session, user, address, agent, now), "open"


def admit_known(session: Session, user: StaffUser, *, address: str, agent: str, now: datetime, old: str = "") -> str:
    """Somebody proved elsewhere who they are, second factor and all: the identifier of an open session."""
    session.execute(delete(StaffSession).where(StaffSession.id_hash == hash_id(old)))
    session.execute(delete(StaffSession).where(StaffSession.created_at < now - ABSOLUTE))
    return _log_in(session, user, address, agent, now)


def pass_code(
    session: Session, kek: Kek, visitor: Visitor, code: str, *, address: str, agent: str, now: datetime
) -> str:
    """The second step: the identifier of an open session in place of the waiting one.

    Raises LoginRefusedError; the try was counted before.
    """
    waiting = session.get(StaffSession, visitor.session_hash)
    user = session.get(StaffUser, visitor.user_id)
    if waiting is None or user is None or user.disabled_at is not None or not take_code(session, kek, user, code, now):
        raise LoginRefusedError
    session.delete(waiting)
    return _log_in(session, user, address, agent, now)


def _log_in(session: Session, user: StaffUser, address: str, agent: str, now: datetime) -> str:
    user.last_login_at = now
    forgive(session, user.name, address)
    data = {"address": address, "agent": agent[:200]}
    note(session, "login", user.id, actor=user.name, reason=f"{user.name} logged in.", now=now, data=data)
    return _open(session, user, "open", address, agent, now)


def _open(session: Session, user: StaffUser, stage: str, address: str, agent: str, now: datetime) -> str:
    identity = secrets.token_urlsafe(32)
    session.add(
        StaffSession(
            id_hash=hash_id(identity),
            user_id=user.id,
            stage=stage,
            created_at=now,
            seen_at=now,
            proved_at=now,
            address=address,
            agent=agent[:200],
        )
    )
    session.flush()
    return identity


def prove_again(session: Session, visitor: Visitor, kek: Kek, code: str, *, address: str, now: datetime) -> None:
    """The password was typed again, with the code where one is set up. Raises LoginRefusedError."""
    user, login = session.get(StaffUser, visitor.user_id), session.get(StaffSession, visitor.session_hash)
    if user is None or login is None or (user.totp and not take_code(session, kek, user, code, now)):
        raise LoginRefusedError
    login.proved_at = now
    forgive(session, user.name, address)
    note(session, "login-again", user.id, actor=user.name, reason="Proved again for a sensitive action.", now=now)


def prove_elsewhere(session: Session, visitor: Visitor, now: datetime) -> None:
    """The identity provider asked the person again. Raises LoginRefusedError when the session ended meanwhile."""
    login = session.get(StaffSession, visitor.session_hash)
    if login is None:
        raise LoginRefusedError
    login.proved_at = now
    note(session, "login-again", visitor.user_id, actor=visitor.name, reason="Proved again at the provider.", now=now)


def touch(visitor: Visitor, now: datetime) -> bool:
    """Whether the session's last request should be noted again."""
    return now - visitor.seen_at >= _SEEN_EVERY


def see(session: Session, session_hash: str, now: datetime) -> None:
    """Note the session's last request."""
    login = session.get(StaffSession, session_hash)
    if login is not None:
        login.seen_at = now


def end_session(session: Session, session_hash: str, *, user_id: str, actor: str, now: datetime) -> bool:
    """End one session of a person; False when there was none."""
    login = session.get(StaffSession, session_hash)
    if login is None or login.user_id != user_id:
        return False
    session.delete(login)
    note(session, "logout", user_id, actor=actor, reason="A session was ended.", now=now)
    return True


def sessions_of(session: Session, user_id: str, now: datetime) -> list[dict[str, Any]]:
    """The open sessions of a person, the latest first."""
    query = select(StaffSession).where(StaffSession.user_id == user_id).order_by(StaffSession.seen_at.desc())
    return [
        {
            "id": login.id_hash,
            "created_at": login.created_at,
            "seen_at": login.seen_at,
            "address": login.address,
            "agent": login.agent,
        }
        for login in session.scalars(query)
        if login.stage == "open" and not _ended(login, now)
    ]
