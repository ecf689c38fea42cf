"""What ``gateway user`` asks for, by name: list, add, reset, disable, enable and a new set-up code.

An operation takes a writer's ``run``, a reader, the key-encryption key, the present instant and plain parameters, and
gives JSON-able data. A password that is made here is given back once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.staff import accounts
from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.models import StaffUser
from gateway.staff.passwords import hash_password
from gateway.staff.setup import setup_code_end, store_setup_code
from gateway.store.secrets import Kek

__all__ = ["OPERATIONS", "Staff", "new_password", "user_json"]


@dataclass(frozen=True, slots=True)
class Staff:
    """What the operations work with."""

    read: Callable[[], AbstractContextManager[Session]]
    #: Runs a piece of work in the single writer; see ``gateway.store.writer``.
    write: Callable[[Callable[[Session], Any]], Any]
    kek: Kek
    clock: Callable[[], datetime]


StaffOperation = Callable[[Staff, Mapping[str, Any]], Any]
#: Letters and digits that are not mistaken for each other.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """A random password of 95 bits in five groups, easy to read out."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(5))


def user_json(user: StaffUser) -> dict[str, Any]:
    """An account as it may be shown."""
    return {
        "id": user.id,
        "name": user.name,
        "full_name": user.full_name,
        "roles": list(user.roles),
        "totp": user.totp,
        "must_change_password": user.must_change_password,
        "created_at": user.created_at.isoformat(),
        "last_login_at": user.last_login_at.isoformat() if user.last_login_at else None,
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
    }


def list_users(staff: Staff, _parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every account: {"users": […]}."""
    with staff.read() as session:
        return {"users": [user_json(user) for user in accounts.users(session)]}


def add_user(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Open an account with a password that is made here and must be changed at the first login."""
    password = new_password()
    hashed = hash_password(password)

    def work(session: Session) -> dict[str, Any]:
        user = accounts.create_user(
            session,
            name=str(parameters.get("name") or ""),
            full_name=str(parameters.get("full_name") or ""),
            roles=[str(role) for role in parameters.get("roles") or ()],
            password=password,
            password_hash=hashed,
            actor=_who(parameters),
            now=staff.clock(),
            must_change=True,
        )
        return user_json(user)

    return {**staff.write(work), "password": password}


def reset_user(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give an account a new password, which must be changed at the next login; its sessions end.

    With ``forget_code`` its second factor is removed as well (a lost telephone).
    """
    password = new_password()
    hashed = hash_password(password)

    def work(session: Session) -> dict[str, Any]:
        user = _named(session, parameters)
        accounts.reset_password(
            session,
            user,
            password=password,
            password_hash=hashed,
            forget_code=bool(parameters.get("forget_code")),
            actor=_who(parameters),
            now=staff.clock(),
        )
        return user_json(user)

    return {**staff.write(work), "password": password}


def disable(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Close an account: its sessions and tokens end at once."""
    return _changed(staff, parameters, accounts.disable_user)


def enable(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Open a closed account again."""
    return _changed(staff, parameters, accounts.enable_user)


def set_roles(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give an account other roles; its sessions end."""
    roles = [str(role) for role in parameters.get("roles") or ()]
    return _changed(staff, parameters, lambda session, user, **who: accounts.set_roles(session, user, roles, **who))


def setup_code(staff: Staff, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A new set-up code for the first account. Raises AccountError once somebody has one."""

    def work(session: Session) -> dict[str, Any]:
        if accounts.any_user(session):
            raise AccountError(
                "There are accounts already, so a set-up code opens nothing.",
                "Reset the password of an account: gateway user reset NAME",
            )
        now = staff.clock()
        code = store_setup_code(session, staff.kek, now)
        note(session, "setup-code", "-", actor=_who(parameters), reason="A new set-up code was made.", now=now)
        end = setup_code_end(session)
        return {"setup_code": code, "good_until": end.isoformat() if end else None}

    made: dict[str, Any] = staff.write(work)
    return made


def _changed(staff: Staff, parameters: Mapping[str, Any], change: Callable[..., None]) -> dict[str, Any]:
    def work(session: Session) -> dict[str, Any]:
        user = _named(session, parameters)
        change(session, user, actor=_who(parameters), now=staff.clock())
        return user_json(user)

    done: dict[str, Any] = staff.write(work)
    return done


def _named(session: Session, parameters: Mapping[str, Any]) -> StaffUser:
    name = str(parameters.get("name") or "")
    user = accounts.by_name(session, name)
    if user is None:
        raise AccountError(f'There is no account "{name}".', "`gateway user list` shows them.")
    return user


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


OPERATIONS: dict[str, StaffOperation] = {
    "user.list": list_users,
    "user.add": add_user,
    "user.reset": reset_user,
    "user.disable": disable,
    "user.enable": enable,
    "user.roles": set_roles,
    "user.setup": setup_code,
}
