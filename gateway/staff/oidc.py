"""People who log in at the company's identity provider (OpenID Connect): whose account it is, and with which roles.

The account's id is derived from issuer and subject, the only two values that never change and never move to another
person (OpenID Connect Core §5.7): names and addresses choose nothing. Roles follow the provider at every login.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.staff import accounts, sessions
from gateway.staff.audit import note
from gateway.staff.errors import AccountError
from gateway.staff.models import StaffUser
from gateway.staff.roles import checked_roles

__all__ = ["Identity", "account_id", "admit_identity", "identity_of"]

_ACCOUNTS = uuid.UUID("0e2d7c0a-7a53-5f0b-8f52-1f6f1d3b9a64")
_ACTOR = "identity provider"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the provider vouches for."""

    issuer: str
    subject: str
    #: What the account is called when it is made.
    name: str
    full_name: str
    roles: tuple[str, ...]

    @property
    def account_id(self) -> str:
        """The id of this person's account."""
        return account_id(self.issuer, self.subject)


def account_id(issuer: str, subject: str) -> str:
    """The id of the account of one subject of one issuer."""
    return str(uuid.uuid5(_ACCOUNTS, f"{issuer}\0{subject}"))


def identity_of(
    claims: Mapping[str, Any],
    *,
    roles: Mapping[str, Sequence[str]],
    roles_claim: str,
    groups_claim: str = "groups",
    domains: Iterable[str] = (),
    groups: Iterable[str] = (),
) -> Identity:
    """The person whom verified claims describe, by the settings' tables.

    ``roles`` maps values of ``roles_claim`` to our roles; ``domains`` are those of verified addresses, ``groups``
    values of ``groups_claim``, of which the person needs one where any are named. Raises AccountError.
    """
    address = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    allowed = {domain.lower() for domain in domains}
    if allowed and address.rpartition("@")[2].lower() not in allowed:
        raise AccountError("Your address is not of a company that may log in here.", _ASK)
    wanted = set(groups)
    if wanted and not wanted & _values(claims, groups_claim):
        raise AccountError("You are in no group that may log in here.", _ASK)
    held = [role for value in sorted(_values(claims, roles_claim)) for role in roles.get(value, ())]
    if not held:
        raise AccountError("Your company's login knows you, but gives you no role here.", _ASK)
    name = address or str(claims.get("preferred_username") or "") or str(claims["sub"])
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=name,
        full_name=" ".join(str(claims.get("name") or name).split())[:100],
        roles=tuple(checked_roles(held)),
    )


_ASK = "Ask whoever runs your company's login, or somebody with the security role."


def _values(claims: Mapping[str, Any], name: str) -> set[str]:
    """A claim's texts; a dotted name leads into objects ("realm_access.roles")."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return {found}
    return {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()


def admit_identity(
    session: Session, identity: Identity, *, address: str, agent: str, now: datetime, old: str = ""
) -> str:
    """The identifier of a new session of this person; the account is made at the first login.

    ``old`` (an identifier) ends. Raises AccountError when the account was closed.
    """
    user = session.get(StaffUser, identity.account_id)
    if user is None:
        user = _open_account(session, identity, now)
    if user.disabled_at is not None:
        raise AccountError("Your account here is closed.", "Somebody with the security role can open it again.")
    _follow(session, user, identity, now)
    return sessions.admit_known(session, user, address=address, agent=agent, now=now, old=old)


def _open_account(session: Session, identity: Identity, now: datetime) -> StaffUser:
    user = StaffUser(
        id=identity.account_id,
        name=_free_name(session, identity),
        full_name=identity.full_name,
        roles=list(identity.roles),
        password_hash=None,
        created_at=now,
    )
    session.add(user)
    session.flush()
    note(
        session,
        "user-created",
        user.id,
        actor=_ACTOR,
        reason=f"Account {user.name} was opened at its first login.",
        now=now,
        data={"name": user.name, "roles": user.roles, "issuer": identity.issuer, "subject": identity.subject[:200]},
    )
    return user


def _free_name(session: Session, identity: Identity) -> str:
    """A login name that nobody has: the one that the provider gives, with an ending when it is taken."""
    name = re.sub(r"[^a-z0-9._@+-]+", "-", identity.name.lower())[:50].strip("._@+-") or "person"
    if accounts.by_name(session, name) is None:
        return name
    return f"{name}-{identity.account_id[:12].replace('-', '')}"


def _follow(session: Session, user: StaffUser, identity: Identity, now: datetime) -> None:
    """Give the account the name and roles of today; the last security account keeps its role."""
    user.full_name = identity.full_name
    if list(identity.roles) != user.roles:
        try:
            accounts.set_roles(session, user, identity.roles, actor=_ACTOR, now=now)
        except AccountError as error:
            note(session, "user-roles", user.id, actor=_ACTOR, reason=f"Roles stay as they were: {error}", now=now)
