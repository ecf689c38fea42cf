"""Accounts: making, changing and closing them. Every change is in the ledger and ends sessions it makes unsafe."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.models import ApiToken, LoginTry, StaffSession, StaffUser
from gateway.staff.passwords import check_password
from gateway.staff.roles import Role, checked_roles
from gateway.staff.totp import forget_totp

__all__ = [
    "THEMES",
    "any_user",
    "by_name",
    "create_user",
    "disable_user",
    "enable_user",
    "get_user",
    "renew_hash",
    "reset_password",
    "set_password",
    "set_preferences",
    "set_roles",
    "users",
]

THEMES = ("system", "light", "dark")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?")


def any_user(session: Session) -> bool:
    """Whether there is an account at all."""
    return session.scalar(select(StaffUser.id).limit(1)) is not None


def users(session: Session) -> list[StaffUser]:
    """Every account by name."""
    return list(session.scalars(select(StaffUser).order_by(StaffUser.name)))


def by_name(session: Session, name: str) -> StaffUser | None:
    """The account with this login name."""
    return session.scalar(select(StaffUser).where(StaffUser.name == name.strip().lower()))


def get_user(session: Session, user_id: str) -> StaffUser:
    """The account with this id. Raises AccountError."""
    user = session.get(StaffUser, user_id)
    if user is None:
        raise AccountError("There is no such account.", "`gateway user list` shows them.")
    return user


def create_user(
    session: Session,
    *,
    name: str,
    full_name: str = "",
    roles: Iterable[str],
    password: str,
    password_hash: str,
    actor: str,
    now: datetime,
    must_change: bool = False,
) -> StaffUser:
    """Open an account. ``password_hash`` is the hash of ``password``, made before the transaction.

    Raises AccountError for a name that is taken or not allowed, a weak password or an unknown role.
    """
    login = name.strip().lower()
    if not _NAME.fullmatch(login):
        raise AccountError(
            f'"{name}" cannot be a login name.',
            "Use 1 to 64 letters, digits and . _ @ + -, beginning and ending with a letter or digit.",
            field="name",
        )
    if by_name(session, login) is not None:
        raise AccountError(f'There is already an account "{login}".', "Choose another name.", field="name")
    shown = " ".join(full_name.split())[:100] or login
    check_password(password, about=(login, *shown.split()))
    user = StaffUser(
        id=str(uuid.uuid4()),
        name=login,
        full_name=shown,
        roles=checked_roles(roles),
        password_hash=password_hash,
        must_change_password=must_change,
        created_at=now,
    )
    session.add(user)
    session.flush()
    note(
        session,
        "user-created",
        user.id,
        actor=actor,
        reason=f"Account {login} was opened.",
        now=now,
        data={"name": login, "roles": user.roles},
    )
    return user


def set_password(
    session: Session, user: StaffUser, *, password: str, password_hash: str, actor: str, now: datetime, keep: str = ""
) -> None:
    """The person's own new password; every session but ``keep`` (its id hash) ends. Raises AccountError."""
    check_password(password, about=(user.name, *user.full_name.split()))
    user.password_hash, user.must_change_password = password_hash, False
    _end_sessions(session, user, keep)
    note(session, "user-password", user.id, actor=actor, reason="The password was changed.", now=now)


def renew_hash(session: Session, *, old: str, new: str) -> None:
    """Keep another hash of the same password; nothing else changes. One that was replaced meanwhile stays."""
    session.execute(update(StaffUser).where(StaffUser.password_hash == old).values(password_hash=new))


def reset_password(
    session: Session,
    user: StaffUser,
    *,
    password: str,
    password_hash: str,
    forget_code: bool,
    actor: str,
    now: datetime,
) -> None:
    """A password that somebody else chose; it must be changed at the next login. Raises AccountError."""
    check_password(password, about=(user.name, *user.full_name.split()))
    user.password_hash, user.must_change_password = password_hash, True
    if forget_code:
        forget_totp(session, user)
    _end_sessions(session, user)
    session.execute(delete(LoginTry).where(LoginTry.name == user.name))
    reason = "The password was reset" + (" and the second factor removed." if forget_code else ".")
    note(session, "user-reset", user.id, actor=actor, reason=reason, now=now)


def set_roles(session: Session, user: StaffUser, roles: Iterable[str], *, actor: str, now: datetime) -> None:
    """Give other roles; the person's sessions end. Raises AccountError, also for the last security account."""
    wanted = checked_roles(roles)
    if wanted == user.roles:
        return
    if Role.SECURITY not in wanted:
        _keep_one(session, user)
    old, user.roles = user.roles, wanted
    _end_sessions(session, user)
    data = {"old": old, "new": wanted}
    note(session, "user-roles", user.id, actor=actor, reason=f"Roles are now {', '.join(wanted)}.", now=now, data=data)


def disable_user(session: Session, user: StaffUser, *, actor: str, now: datetime) -> None:
    """Close an account: sessions and tokens end at once. Raises AccountError for the last security account."""
    if user.disabled_at is not None:
        return
    _keep_one(session, user)
    user.disabled_at = now
    _end_sessions(session, user)
    for token in session.scalars(select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))):
        token.revoked_at = now
    note(session, "user-disabled", user.id, actor=actor, reason=f"Account {user.name} was closed.", now=now)


def enable_user(session: Session, user: StaffUser, *, actor: str, now: datetime) -> None:
    """Open a closed account again; its tokens stay revoked."""
    if user.disabled_at is None:
        return
    user.disabled_at = None
    note(session, "user-enabled", user.id, actor=actor, reason=f"Account {user.name} was opened again.", now=now)


def set_preferences(user: StaffUser, *, theme: str, shortcuts: bool) -> None:
    """How the pages look and behave for this person. Raises AccountError for an unknown theme."""
    if theme not in THEMES:
        raise AccountError(f'"{theme}" is not a theme.', f"Themes are {', '.join(THEMES)}.", field="theme")
    user.theme, user.shortcuts = theme, shortcuts


def _end_sessions(session: Session, user: StaffUser, keep: str = "") -> None:
    session.execute(delete(StaffSession).where(StaffSession.user_id == user.id, StaffSession.id_hash != keep))


def _keep_one(session: Session, user: StaffUser) -> None:
    """Refuse what would leave nobody who can manage accounts."""
    others = session.scalars(select(StaffUser).where(StaffUser.id != user.id, StaffUser.disabled_at.is_(None)))
    if Role.SECURITY in user.roles and not any(Role.SECURITY in other.roles for other in others):
        raise AccountError(
            "This is the last account with the security role.", "Give the role to somebody else first.", field="roles"
        )
