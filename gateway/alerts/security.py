"""Events that admins should hear of: new admins, lock-outs, a partner that goes live, strangers at the door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.alerts.conditions import Step, as_values, closing, opening
from gateway.alerts.context import Alerting
from gateway.alerts.kinds import AlertKind, Change
from gateway.alerts.mail import one_line
from gateway.alerts.models import AlertCondition
from gateway.alerts.notices import Notice
from gateway.partners import registry
from gateway.partners.errors import PartnerNotFoundError
from gateway.partners.profile import Status
from gateway.staff.lockout import TRIES, WINDOW
from gateway.staff.models import LoginTry, StaffUser
from gateway.staff.roles import Role

__all__ = ["WATCHED", "forgotten", "steps"]

#: Kinds of events that are looked at.
WATCHED = frozenset({"user-created", "user-roles", "login-failed", "as2-unknown", "profile-changed"})
#: What was told of one name or door is told again after this time at the earliest.
QUIET_AFTER = timedelta(hours=24)
_POWERFUL = frozenset({Role.ADMIN.value, Role.SECURITY.value})


class Row(Protocol):
    """An event as ``events`` reads it."""

    @property
    def kind(self) -> str: ...
    @property
    def subject_id(self) -> str: ...
    @property
    def data(self) -> Any: ...


def steps(session: Session, alerting: Alerting, rows: Iterable[Row], now: datetime) -> list[Step]:
    """What follows from these events."""
    found: dict[str, Step] = {}
    for number, row in enumerate(rows):
        if row.kind in ("user-created", "user-roles"):
            notice = _new_power(session, row)
            if notice is not None:
                found[f"{number}"] = Step({}, notice)
        elif row.kind == "profile-changed":
            notice = _went_live(session, row)
            if notice is not None:
                found[f"{number}"] = Step({}, notice)
        elif row.kind == "login-failed":
            for notice in _lock_outs(session, row, now):
                _count(session, found, notice, now)
        else:
            _count(session, found, _stranger(), now)
    return list(found.values())


def forgotten(session: Session, now: datetime) -> list[Step]:
    """Events that were told once and lie a day back: the next one is told again. Nobody hears of this."""
    query = select(AlertCondition).where(
        AlertCondition.open,
        AlertCondition.kind == AlertKind.SECURITY.value,
        AlertCondition.opened_at <= now - QUIET_AFTER,
    )
    return [closing(row, silent=True) for row in session.scalars(query)]


def _count(session: Session, found: dict[str, Step], notice: Notice, now: datetime) -> None:
    """Tell of the first of a day, and of ten times as many."""
    earlier = found.get(notice.fingerprint)
    if earlier is not None:
        earlier.values["count"] += 1
        if earlier.notice is not None:
            earlier.values["told_count"] = earlier.values["count"]
        return
    row = session.get(AlertCondition, notice.fingerprint)
    if row is None or not row.open:
        found[notice.fingerprint] = opening(notice, now)
        return
    count = row.count + 1
    if count >= 10 * max(1, row.told_count):
        worse = replace(notice, change=Change.WORSE, count=count)
        found[notice.fingerprint] = Step({**as_values(row), "count": count, "told_count": count}, worse)
    else:
        found[notice.fingerprint] = Step({**as_values(row), "count": count})


def _new_power(session: Session, row: Row) -> Notice | None:
    data = row.data or {}
    new, old = (data.get("roles"), ()) if row.kind == "user-created" else (data.get("new"), data.get("old") or ())
    gained = sorted(_POWERFUL & set(new or ()) - set(old))
    if not gained:
        return None
    user = session.get(StaffUser, row.subject_id)
    name = one_line(user.name if user else str(data.get("name") or "an account"), 64)
    return _notice(
        f"{row.kind}|{row.subject_id}",
        f"The account {name} now has the role{'s' if len(gained) > 1 else ''} {' and '.join(gained)}.",
        "Check that this was meant; the audit page says who did it.",
        "/users",
    )


def _went_live(session: Session, row: Row) -> Notice | None:
    version = int((row.data or {}).get("version") or 0)
    try:
        profile = registry.get(session, row.subject_id, version)
        before = registry.get(session, row.subject_id, version - 1) if version > 1 else None
    except PartnerNotFoundError:
        return None
    if profile.status is not Status.LIVE or (before is not None and before.status is Status.LIVE):
        return None
    return _notice(
        f"live|{profile.code}",
        f"{profile.name} is live now.",
        "Check that this was meant; the audit page says who did it.",
        f"/partners/{profile.code}",
        severity="note",
        partner=profile.code,
    )


def _lock_outs(session: Session, row: Row, now: datetime) -> list[Notice]:
    """The names that are locked out from the address of a failed login."""
    address = str((row.data or {}).get("address") or "")
    locked = (
        select(LoginTry.name)
        .where(LoginTry.address == address, LoginTry.at > now - WINDOW)
        .group_by(LoginTry.name)
        .having(func.count() >= TRIES)
    )
    notices = []
    for typed in session.scalars(locked):
        # What is no account may be a password in the wrong field: it is not repeated.
        known = session.scalar(select(StaffUser.name).where(StaffUser.name == typed))
        who = f"the account {known}" if known else "names that have no account"
        notices.append(
            _notice(
                f"lock-out|{known or '-'}",
                f"Too many failed logins to {who} from {one_line(address, 64)}.",
                "Ask the person; if it was not them, the password may be under attack.",
                "/audit",
            )
        )
    return notices


def _stranger() -> Notice:
    return _notice(
        "as2-unknown",
        "Somebody sent AS2 messages under names that no profile has; they were refused.",
        "If it is a partner, add its AS2 names to the profile; the audit page has the names.",
        "/audit",
    )


def _notice(
    thing: str, sentence: str, advice: str, path: str, *, severity: str = "warning", partner: str | None = None
) -> Notice:
    return Notice(
        kind=AlertKind.SECURITY,
        change=Change.OPENED,
        severity=severity,
        fingerprint=f"{AlertKind.SECURITY.value}|{thing}",
        sentence=sentence,
        advice=advice,
        path=path,
        partner=partner,
    )
