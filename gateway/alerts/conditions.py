"""What is wrong now, and what staff were told of it: one row for each thing, changed together with the alert.

A ``Step`` is the new state of one thing and, when staff should hear of it, the notice. Steps are found by reading
and stored in one transaction with the alerts, so that a crash between the two loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.alerts.context import Alerting
from gateway.alerts.kinds import AlertKind, Change
from gateway.alerts.models import AlertCondition
from gateway.alerts.notices import Notice
from gateway.alerts.routing import publish

__all__ = ["Found", "Step", "as_values", "closing", "opening", "settle", "store_steps"]


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a look at the clock or the machine found wrong."""

    kind: AlertKind
    #: What it is, beneath its kind: a partner's code, a certificate's fingerprint.
    thing: str
    sentence: str
    advice: str
    path: str
    severity: str = "warning"
    whose: str = "unknown"
    partner: str | None = None
    count: int | None = None
    due_at: datetime | None = None
    #: Grows with how bad it is; staff hear of it again when it does.
    level: int = 1

    @property
    def fingerprint(self) -> str:
        """Equal for the same thing at every look."""
        return f"{self.kind.value}|{self.thing}"

    def notice(self, change: Change) -> Notice:
        """What staff are told."""
        return Notice(
            kind=self.kind,
            change=change,
            severity=self.severity,
            fingerprint=self.fingerprint,
            sentence=self.sentence,
            advice=self.advice,
            path=self.path,
            whose=self.whose,
            partner=self.partner,
            count=self.count,
            due_at=self.due_at,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """The new state of one condition (every column), and what staff are told, if anything."""

    values: dict[str, Any]
    notice: Notice | None = None


def store_steps(session: Session, alerting: Alerting, steps: Iterable[Step], now: datetime) -> list[str]:
    """Store conditions and alerts in the caller's transaction; the ids of the alerts."""
    told: list[Notice] = []
    for step in steps:
        if step.values:
            session.merge(AlertCondition(**step.values))
        if step.notice is not None:
            told.append(step.notice)
    session.flush()
    return publish(session, alerting, told, now)


def opening(
    notice: Notice, now: datetime, *, told: bool = True, count: int = 1, level: int = 1, times: int = 1
) -> Step:
    """Something is wrong that was not, or again."""
    values = {
        "fingerprint": notice.fingerprint,
        "kind": notice.kind.value,
        "partner": notice.partner,
        "case_id": notice.case_id,
        "open": True,
        "opened_at": now,
        "told": told,
        "count": count,
        "told_count": count if told else 0,
        "level": level,
        "due_told": False,
        "times": times,
        "sentence": notice.sentence,
        "path": notice.path,
        "severity": notice.severity,
    }
    return Step(values, notice if told else None)


def closing(row: AlertCondition, *, silent: bool = False) -> Step:
    """What was wrong is not any more; staff hear of it when they had heard of its beginning."""
    values = {**as_values(row), "open": False}
    if silent or not row.told:
        return Step(values)
    notice = Notice(
        kind=AlertKind(row.kind),
        change=Change.RESOLVED,
        severity=row.severity,
        fingerprint=row.fingerprint,
        sentence=row.sentence,
        advice="",
        path=row.path,
        partner=row.partner,
        case_id=row.case_id,
    )
    return Step(values, notice)


def settle(
    session: Session, kinds: Sequence[AlertKind], found: Iterable[Found], now: datetime, things: str = ""
) -> list[Step]:
    """Compare what a look found with what is known of these kinds: what is new, worse, or over.

    Cases are left out, and so is what does not begin with ``things``.
    """
    known = {
        row.fingerprint: row
        for row in session.scalars(
            select(AlertCondition).where(
                AlertCondition.open,
                AlertCondition.kind.in_([kind.value for kind in kinds]),
                AlertCondition.case_id.is_(None),
                AlertCondition.fingerprint.startswith(things, autoescape=True),
            )
        )
    }
    steps = []
    for one in found:
        row = known.pop(one.fingerprint, None)
        if row is None:
            steps.append(opening(one.notice(Change.OPENED), now, level=one.level, count=one.count or 1))
        elif one.level > row.level:
            changed = {"level": one.level, "sentence": one.sentence, "severity": one.severity}
            steps.append(Step({**as_values(row), **changed}, one.notice(Change.WORSE)))
    return [*steps, *(closing(row) for row in known.values())]


def as_values(row: AlertCondition) -> dict[str, Any]:
    """Every column of a condition."""
    return {column.key: getattr(row, column.key) for column in AlertCondition.__table__.columns}
