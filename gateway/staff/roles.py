"""The roles of staff: viewer below operator below admin, and security beside them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from gateway.staff.errors import AccountError

__all__ = ["MEANING", "Role", "allows", "checked_roles"]


class Role(StrEnum):
    """What a person may do; see ``MEANING``."""

    #: Sees every message.
    VIEWER = "viewer"
    #: Repairs messages.
    OPERATOR = "operator"
    #: Changes partners, maps and settings.
    ADMIN = "admin"
    #: Manages users, keys and tokens, and nothing else by itself.
    SECURITY = "security"


#: What each role may do, for people.
MEANING: dict[Role, str] = {
    Role.VIEWER: "See messages, orders and partners.",
    Role.OPERATOR: "Also replay, resend, hold, ignore and resolve.",
    Role.ADMIN: "Also change partners, code lists and settings.",
    Role.SECURITY: "Manage users, keys and tokens.",
}

_LADDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def allows(roles: Iterable[str], least: Role) -> bool:
    """Whether somebody with these roles may do what needs at least ``least``.

    A higher rung holds the lower ones; ``security`` stands beside the ladder and only sees what everybody sees.
    """
    held = set(roles)
    if least is Role.SECURITY:
        return Role.SECURITY in held
    if least is Role.VIEWER:
        return bool(held)
    return any(role in held for role in _LADDER[_LADDER.index(least) :])


def checked_roles(names: Iterable[str]) -> list[str]:
    """The roles with these names, in their order. Raises AccountError for an unknown one or for none."""
    wanted = {name.strip().lower() for name in names if name.strip()}
    unknown = sorted(wanted - {role.value for role in Role})
    if unknown:
        known = ", ".join(Role)
        raise AccountError(f'"{unknown[0]}" is not a role.', f"Roles are {known}.", field="roles")
    if not wanted:
        raise AccountError("An account needs at least one role.", "Choose viewer to let it look only.", field="roles")
    return [role.value for role in Role if role in wanted]
