"""Who may open what: one line for each endpoint, and nothing is open that has no line.

``least`` is the lowest role that may (None = anybody). ``fresh`` asks for a
proof of identity that is at most ten minutes old. Page families add their lines here; a test compares the table with
the application's routes.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.staff.roles import Role, allows

__all__ = ["ACCESS", "ANYBODY", "Access", "may"]


@dataclass(frozen=True, slots=True)
class Access:
    """What an endpoint asks of a visitor."""

    #: Lowest role, None for anybody at all.
    least: Role | None
    #: Asks for the password again when the last proof is older than ten minutes.
    fresh: bool = False
    #: Open to somebody who still owes a new password or a second factor.
    owing: bool = False


ANYBODY = Access(None, owing=True)
_OWN = Access(Role.VIEWER, owing=True)
_SEE = Access(Role.VIEWER)
_REPAIR = Access(Role.OPERATOR)
_ADMIN = Access(Role.ADMIN)
_ADMIN_CHANGE = Access(Role.ADMIN, fresh=True)
_USERS = Access(Role.SECURITY)
_USERS_CHANGE = Access(Role.SECURITY, fresh=True)

#: Endpoint → what it asks.
ACCESS: dict[str, Access] = {
    "static": ANYBODY,
    "entry.login": ANYBODY,
    "entry.code": ANYBODY,
    "entry.setup": ANYBODY,
    "entry.provider": ANYBODY,
    "entry.provider_back": ANYBODY,
    "entry.health": ANYBODY,
    "entry.logout": _OWN,
    "entry.again": _OWN,
    "account.show": _OWN,
    "account.password": _OWN,
    "account.preferences": _OWN,
    "account.totp": _OWN,
    "account.totp_off": Access(Role.VIEWER, fresh=True),
    "account.end_session": _OWN,
    "account.token_form": Access(Role.VIEWER, fresh=True),
    "account.token_make": Access(Role.VIEWER, fresh=True),
    "account.token_end": _OWN,
    "home.show": _SEE,
    "messages.index": _SEE,
    "messages.detail": _SEE,
    "messages.payload": _SEE,
    "messages.act": _REPAIR,
    "messages.evidence": _SEE,
    "views.save": _SEE,
    "views.change": _SEE,
    "views.choose": _REPAIR,
    "views.batch": _REPAIR,
    "views.run": _REPAIR,
    "editor.show": _REPAIR,
    "editor.text": _REPAIR,
    "editor.edit": _REPAIR,
    "editor.check": _REPAIR,
    "failures.index": _SEE,
    "failures.show": _SEE,
    "failures.trial": _REPAIR,
    "failures.confirm": _REPAIR,
    "failures.act": _REPAIR,
    "failures.fix": _REPAIR,
    "corrections.index": _SEE,
    "corrections.show": _SEE,
    "corrections.act": _REPAIR,
    "acknowledgements.index": _SEE,
    "acknowledgements.act": _REPAIR,
    "inspector.show": _SEE,
    "inspector.inspect": _SEE,
    "orders.index": _SEE,
    "orders.show": _SEE,
    "orders.paper": _SEE,
    "orders.prepare": _REPAIR,
    "orders.send": _REPAIR,
    "orders.act": _REPAIR,
    "partners.index": _SEE,
    "partners.show": _SEE,
    "partners_edit.new": _ADMIN,
    "partners_edit.create": _ADMIN,
    "partners_edit.show": _ADMIN,
    "partners_edit.edit": _ADMIN,
    "partners_edit.restore": _ADMIN,
    "partners_keys.certificates": _ADMIN_CHANGE,
    "partners_keys.upload": _ADMIN_CHANGE,
    "partners_keys.secrets": _ADMIN_CHANGE,
    "partners_keys.store": _ADMIN_CHANGE,
    "partners_test.show": _ADMIN,
    "partners_test.start": _ADMIN,
    "partners_status.ask": _ADMIN_CHANGE,
    "partners_status.change": _ADMIN_CHANGE,
    "queues.index": _SEE,
    "queues.try_now": _REPAIR,
    "queues.stop": _ADMIN,
    "alerts.index": _REPAIR,
    "alerts.new": _ADMIN_CHANGE,
    "alerts.channel": _ADMIN_CHANGE,
    "alerts.save": _ADMIN_CHANGE,
    "alerts.act": _ADMIN_CHANGE,
    "alerts.test": _ADMIN,
    "alerts.mute": _ADMIN,
    "alerts.unmute": _ADMIN,
    "audit.index": _ADMIN,
    "audit.verify": _ADMIN,
    "system.show": _ADMIN,
    "system.bundle": _ADMIN,
    "users.index": _USERS,
    "users.add": _USERS_CHANGE,
    "users.change": _USERS_CHANGE,
    "users.token_end": _USERS,
    "style.show": _ADMIN,
}


def may(roles: frozenset[str], endpoint: str) -> bool:
    """Whether somebody with these roles may open the endpoint; False for one without a line."""
    access = ACCESS.get(endpoint)
    return access is not None and (access.least is None or allows(roles, access.least))
