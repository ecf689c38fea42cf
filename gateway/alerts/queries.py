"""What pages and commands ask about alerts: channels, mutes, what is wrong now, and the history page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session

from gateway.alerts.errors import AlertError
from gateway.alerts.kinds import ChannelKind, DeliveryState
from gateway.alerts.models import Alert, AlertChannel, AlertCondition, AlertDelivery, AlertMute
from gateway.alerts.routing import active_mutes
from gateway.alerts.webhook import host_of

__all__ = ["channel_json", "channels", "failing_channels", "history", "mute_json", "mutes_of", "open_alarms"]

#: Failed tries after which a channel counts as failing wherever it is shown.
FAILING = 3
_MOST_ALARMS = 100


def channels(session: Session) -> list[dict[str, Any]]:
    """Every channel with its state, by name."""
    counted = session.execute(
        select(AlertDelivery.channel_id, func.count())
        .where(AlertDelivery.state == DeliveryState.WAITING)
        .group_by(AlertDelivery.channel_id)
    )
    waiting = {channel: count for channel, count in counted}  # noqa: C416 - rows are no pairs for dict()
    rows = session.scalars(select(AlertChannel).order_by(AlertChannel.origin, AlertChannel.name))
    return [{**channel_json(row), "waiting": waiting.get(row.id, 0)} for row in rows]


def channel_json(row: AlertChannel) -> dict[str, Any]:
    """A channel as it may be shown: of a web address only the host, for its path may be a secret."""
    is_mail = row.kind == ChannelKind.MAIL
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "target": ", ".join(row.target.split()) if is_mail else host_of(row.target),
        "least": row.least,
        "partners": list(row.partners),
        "kinds": list(row.kinds),
        "quiet_hours": row.quiet_hours,
        "time_zone": row.time_zone,
        "digest_minutes": row.digest_minutes,
        "enabled": row.enabled,
        "origin": row.origin,
        "state": _state(row),
        "failing_since": _iso(row.failing_since),
        "gave_up_at": _iso(row.gave_up_at),
        "last_error": row.last_error,
        "last_sent_at": _iso(row.last_sent_at),
        "next_attempt_at": _iso(row.retry_at),
    }


def _state(row: AlertChannel) -> str:
    """ "off", "failing" (given up, or three tries in a row), "trouble" (the last try), "ok" or "unused"."""
    if not row.enabled:
        return "off"
    if row.gave_up_at is not None or row.failures >= FAILING:
        return "failing"
    if row.failures:
        return "trouble"
    return "ok" if row.last_sent_at else "unused"


def failing_channels(session: Session) -> list[dict[str, Any]]:
    """The channels through which nobody is told at present; few rows are ever read."""
    is_failing = or_(AlertChannel.gave_up_at.is_not(None), AlertChannel.failures >= FAILING)
    query = select(AlertChannel).where(AlertChannel.enabled, is_failing).order_by(AlertChannel.name)
    return [channel_json(row) for row in session.scalars(query)]


def open_alarms(session: Session, kinds: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is wrong now without being a case (those stand under Failures), the longest first."""
    query = select(AlertCondition).where(AlertCondition.open, AlertCondition.case_id.is_(None), AlertCondition.told)
    if kinds:
        query = query.where(AlertCondition.kind.in_(list(kinds)))
    rows = session.scalars(query.order_by(AlertCondition.opened_at).limit(_MOST_ALARMS))
    return [
        {
            "fingerprint": row.fingerprint,
            "kind": row.kind,
            "partner": row.partner,
            "severity": row.severity,
            "sentence": row.sentence,
            "path": row.path,
            "since": row.opened_at.isoformat(),
        }
        for row in rows
    ]


def mute_json(row: AlertMute) -> dict[str, Any]:
    """A mute as it may be shown."""
    return {
        "id": row.id,
        "scope": row.scope,
        "value": row.value,
        "title": row.title,
        "until": row.until.isoformat(),
        "reason": row.reason,
        "by": row.by,
        "created_at": row.created_at.isoformat(),
    }


def mutes_of(session: Session, now: datetime, fingerprint: str = "") -> list[dict[str, Any]]:
    """The mutes that hold; with a fingerprint only those of this problem."""
    return [
        mute_json(row)
        for row in active_mutes(session, now)
        if not fingerprint or (row.scope == "problem" and row.value == fingerprint)
    ]


def history(
    session: Session, *, limit: int = 50, after: str | None = None, kind: str = "", partner: str = ""
) -> dict[str, Any]:
    """One page of alerts, the newest first, each with its deliveries: {"alerts", "next"}. Raises AlertError."""
    query = select(Alert).order_by(Alert.created_at.desc(), Alert.id.desc()).limit(limit + 1)
    if kind:
        query = query.where(Alert.kind == kind)
    if partner:
        query = query.where(Alert.partner == partner)
    if after is not None:
        query = query.where(tuple_(Alert.created_at, Alert.id) < _read_cursor(after))
    rows = list(session.scalars(query))
    page = rows[:limit]
    deliveries: dict[str, list[dict[str, Any]]] = {}
    found = select(AlertDelivery).where(AlertDelivery.alert_id.in_([row.id for row in page]))
    for delivery in session.scalars(found.order_by(AlertDelivery.channel_name)):
        deliveries.setdefault(delivery.alert_id, []).append(_delivery(delivery))
    return {
        "alerts": [{**_alert(row), "deliveries": deliveries.get(row.id, [])} for row in page],
        "next": _cursor(page[-1]) if len(rows) > limit else None,
    }


def _alert(row: Alert) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.created_at.isoformat(),
        "kind": row.kind,
        "change": row.change,
        "severity": row.severity,
        "partner": row.partner,
        "sentence": row.sentence,
        "advice": row.advice,
        "whose": row.whose,
        "messages": row.count,
        "money": [list(entry) for entry in row.money or ()],
        "due_at": _iso(row.due_at),
        "case": row.case_id,
        "path": row.path,
    }


def _delivery(row: AlertDelivery) -> dict[str, Any]:
    return {
        "channel": row.channel_name,
        "state": row.state,
        "attempts": row.attempts,
        "sent_at": _iso(row.sent_at),
        "next_attempt_at": _iso(row.next_attempt_at),
        "error": row.last_error,
        "message": row.batch,
    }


def _cursor(row: Alert) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.created_at.isoformat(), row.id]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, identity = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        instant = datetime.fromisoformat(at)
    except (ValueError, TypeError) as error:
        raise AlertError("The place in the list is not one that the gateway gave out.") from error
    if instant.tzinfo is None or not isinstance(identity, str):
        raise AlertError("The place in the list is not one that the gateway gave out.")
    return instant, identity


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
