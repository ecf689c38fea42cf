"""Partners that are unusually quiet: nothing came for longer than is usual for them at this weekday and hour.

How it is judged. At the same weekday and hour of each of the last eight weeks the partner had been silent for some
time. When it has been silent for longer than it was in all but one of those weeks, and had been so for a while
already, that is unusual. One week is left out of the comparison, for a holiday is no habit. A profile may name hours
of its own instead (``alerts.quiet_after_hours``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.alerts.conditions import Found
from gateway.alerts.context import Alerting
from gateway.alerts.kinds import AlertKind
from gateway.alerts.models import PartnerArrival
from gateway.partners.profile import Status

__all__ = ["LEAST_MESSAGES", "LEAST_WEEKS", "WEEKS", "is_unusual", "quiet_partners", "silences"]

#: Weeks that are compared, how many of them must be known, and how many messages.
WEEKS, LEAST_WEEKS, LEAST_MESSAGES = 8, 3, 20
#: How long it must have been unusual before anybody is told.
GRACE = timedelta(hours=2)
_WATCHED = frozenset({Status.LIVE, Status.TESTING})


def quiet_partners(session: Session, alerting: Alerting, now: datetime) -> list[Found]:
    """The partners that are unusually quiet now."""
    query = (
        select(PartnerArrival.partner, func.max(PartnerArrival.last_at), func.sum(PartnerArrival.count))
        .where(PartnerArrival.hour >= now - timedelta(weeks=WEEKS, hours=1))
        .group_by(PartnerArrival.partner)
    )
    found = []
    for code, last, messages in session.execute(query):
        known = alerting.directory.find(code, session)
        if known is None or known[1].status not in _WATCHED:
            continue
        hours = known[1].alerts.quiet_after_hours
        silent = now - last
        if hours is not None:
            unusual = silent >= timedelta(hours=hours)
        else:
            live = known[1].status is Status.LIVE
            unusual = live and messages >= LEAST_MESSAGES and silent > GRACE and _judged(session, code, last, now)
        if unusual:
            found.append(_found(code, known[1].name, silent))
    return found


def _judged(session: Session, partner: str, last: datetime, now: datetime) -> bool:
    return is_unusual(now - GRACE - last, silences(session, partner, now - GRACE))


def silences(session: Session, partner: str, at: datetime) -> list[timedelta]:
    """For how long nothing had come at the same weekday and hour in each of the last weeks that are known."""
    found = []
    for week in range(1, WEEKS + 1):
        then = at - timedelta(weeks=week)
        query = (
            select(PartnerArrival.last_at)
            .where(PartnerArrival.partner == partner, PartnerArrival.hour <= then)
            .order_by(PartnerArrival.hour.desc())
            .limit(2)
        )
        before = [last for last in session.scalars(query) if last <= then]
        if before:
            found.append(then - before[0])
    return found


def is_unusual(silent: timedelta, before: Sequence[timedelta]) -> bool:
    """Whether a silence is longer than those before it, the longest of which is left out when four are known."""
    if len(before) < LEAST_WEEKS:
        return False
    usual = sorted(before)
    return silent > (usual[-2] if len(usual) > LEAST_WEEKS else usual[-1])


def _found(code: str, name: str, silent: timedelta) -> Found:
    minutes = int(silent.total_seconds() // 60)
    hours = minutes // 60
    words = f"{minutes} minutes" if hours < 2 else f"{hours} h" if hours < 72 else f"{hours // 24} days"
    return Found(
        kind=AlertKind.QUIET,
        thing=code,
        sentence=f"{name} is unusually quiet: nothing came for {words}.",
        advice="Test the connection, and ask the partner whether anything was sent.",
        path=f"/partners/{code}",
        partner=code,
        whose="partner",
    )
