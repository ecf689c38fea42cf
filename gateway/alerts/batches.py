"""From deliveries to messages: which alerts go into the next message of a channel, and what became of it.

The flood guard. A channel gets at most so many messages in ten minutes. While there is room for each alert, each is a
message of its own; the last free place takes everything that is left, as one digest. A tenth of the places is kept
for critical alerts. Alerts that quiet hours or the channel's digest held together come as one message, too.

A message's id is stored before it is sent and stays at every try: a crash between sending and noting it makes the
receiver see the same id once more, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from gateway.alerts.context import Alerting
from gateway.alerts.kinds import DeliveryState
from gateway.alerts.models import Alert, AlertChannel, AlertDelivery
from gateway.alerts.notices import MOST_LISTED, Notice
from gateway.alerts.routing import notice_of
from gateway.messages.ids import derived_id
from gateway.store import ledger

__all__ = ["GIVE_UP", "WINDOW", "Message", "due_channels", "failed", "next_message", "sent"]

#: The flood guard's span, and how long a message is tried.
WINDOW, GIVE_UP = timedelta(minutes=10), timedelta(hours=24)
#: Seconds before the next try of a message; the last one repeats.
_BACKOFF = (60, 120, 300, 900, 1800, 3600)
#: Longest pause of a channel, in seconds: what works again is found soon.
_PAUSE = 900
#: Deliveries that one message takes.
_MOST = 5_000
_HELD = timedelta(seconds=30)
_GONE = "The channel was removed."


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a channel, ready to be sent."""

    #: The same at every try.
    id: str
    channel_id: str
    kind: str
    target: str
    #: Name of the sealed signing key.
    secret: str | None
    time_zone: str
    notices: tuple[Notice, ...]
    #: Alerts in it beyond those listed.
    more: int


class _Due(NamedTuple):
    """A delivery that is due, and not in a message yet."""

    id: str
    created_at: datetime
    next_attempt_at: datetime | None

    @property
    def was_held(self) -> bool:
        """True when quiet hours or a digest held it."""
        return self.next_attempt_at is not None and self.next_attempt_at - self.created_at > _HELD


def due_channels(session: Session, now: datetime) -> list[str]:
    """The channels that have something due."""
    query = (
        select(AlertDelivery.channel_id)
        .outerjoin(AlertChannel, AlertChannel.id == AlertDelivery.channel_id)
        .where(
            AlertDelivery.state == DeliveryState.WAITING,
            AlertDelivery.next_attempt_at <= now,
            or_(AlertChannel.retry_at.is_(None), AlertChannel.retry_at <= now),
        )
        .distinct()
    )
    return list(session.scalars(query))


def next_message(session: Session, alerting: Alerting, channel_id: str, now: datetime) -> Message | None:
    """The next message of a channel, its id stored; None when it has to wait. In the caller's transaction."""
    channel = session.get(AlertChannel, channel_id)
    if channel is None:
        _drop(session, channel_id)
        return None
    if channel.retry_at is not None and channel.retry_at > now:
        return None
    waiting = _waiting(channel_id)
    begun = (
        select(AlertDelivery.batch)
        .where(*waiting, AlertDelivery.batch.is_not(None), AlertDelivery.next_attempt_at <= now)
        .order_by(AlertDelivery.attempts, AlertDelivery.batched_at)
        .limit(1)
    )
    batch = session.scalar(begun)
    if batch is None:
        if channel.failures and session.scalar(
            select(AlertDelivery.id).where(*waiting, AlertDelivery.batch.is_not(None)).limit(1)
        ):
            return None  # the channel is down: what has begun finds out when it works again
        batch = _begin(session, alerting, channel, now)
    return None if batch is None else _message(session, channel, batch)


def _begin(session: Session, alerting: Alerting, channel: AlertChannel, now: datetime) -> str | None:
    due = (
        select(AlertDelivery.id, AlertDelivery.created_at, AlertDelivery.next_attempt_at)
        .join(Alert, Alert.id == AlertDelivery.alert_id)
        .where(*_waiting(channel.id), AlertDelivery.batch.is_(None), AlertDelivery.next_attempt_at <= now)
        .order_by(AlertDelivery.created_at, AlertDelivery.alert_id)
        .limit(_MOST)
    )
    lately = select(func.count(AlertDelivery.batch.distinct())).where(
        AlertDelivery.channel_id == channel.id, AlertDelivery.batched_at > now - WINDOW
    )
    most = alerting.settings.most_per_ten_minutes
    room = most - (session.scalar(lately) or 0)
    critical = Alert.severity == "critical"
    chosen: list[str] = []
    for condition, places in ((critical, room), (~critical, room - max(1, most // 10))):
        if places > 0 and not chosen:
            chosen = _choose([_Due(*row) for row in session.execute(due.where(condition))], places)
    if not chosen:
        return None
    batch = derived_id("alert-message", channel.id, chosen[0])
    session.execute(
        update(AlertDelivery)
        .where(AlertDelivery.id.in_(chosen))
        .values(batch=batch, batched_at=now)
        .execution_options(synchronize_session=False)
    )
    return batch


def _choose(due: Sequence[_Due], places: int) -> list[str]:
    """What the next message takes: everything in the last place, else what was held together, or one alert."""
    if not due:
        return []
    if places == 1:
        return [row.id for row in due]
    if due[0].was_held:
        return [row.id for row in due if row.was_held]
    return [due[0].id]


def _message(session: Session, channel: AlertChannel, batch: str) -> Message:
    of_batch = (AlertDelivery.batch == batch, AlertDelivery.channel_id == channel.id)
    total = session.scalar(select(func.count()).select_from(AlertDelivery).where(*of_batch)) or 0
    query = (
        select(Alert)
        .join(AlertDelivery, and_(AlertDelivery.alert_id == Alert.id, *of_batch))
        .order_by(case((Alert.severity == "critical", 0), else_=1), Alert.created_at, Alert.id)
        .limit(MOST_LISTED)
    )
    notices = tuple(notice_of(row) for row in session.scalars(query))
    return Message(
        id=batch,
        channel_id=channel.id,
        kind=channel.kind,
        target=channel.target,
        secret=channel.secret,
        time_zone=channel.time_zone,
        notices=notices,
        more=total - len(notices),
    )


def sent(session: Session, message: Message, note: str, now: datetime) -> None:
    """The message went out; ``note`` says what was not quite right with it."""
    session.execute(
        update(AlertDelivery)
        .where(AlertDelivery.batch == message.id, AlertDelivery.state == DeliveryState.WAITING)
        .values(
            state=DeliveryState.SENT.value,
            sent_at=now,
            attempts=AlertDelivery.attempts + 1,
            last_error=note or None,
            next_attempt_at=None,
        )
    )
    channel = session.get(AlertChannel, message.channel_id)
    if channel is not None:
        channel.failures, channel.retry_at, channel.failing_since, channel.gave_up_at = 0, None, None, None
        channel.last_error, channel.last_sent_at = note or None, now


def failed(session: Session, message: Message, reason: str, now: datetime) -> None:
    """A try failed: the next one has its time; after a day the message is given up, and the channel shows it."""
    first = session.scalar(
        select(AlertDelivery)
        .where(AlertDelivery.batch == message.id, AlertDelivery.state == DeliveryState.WAITING)
        .limit(1)
    )
    channel = session.get(AlertChannel, message.channel_id)
    if first is None:
        return
    attempts = first.attempts + 1
    over = first.batched_at is not None and now - first.batched_at >= GIVE_UP
    pause = timedelta(seconds=_BACKOFF[min(attempts, len(_BACKOFF)) - 1])
    session.execute(
        update(AlertDelivery)
        .where(AlertDelivery.batch == message.id, AlertDelivery.state == DeliveryState.WAITING)
        .values(
            state=DeliveryState.FAILED.value if over else DeliveryState.WAITING.value,
            attempts=attempts,
            last_error=reason,
            next_attempt_at=None if over else now + pause,
        )
    )
    if channel is None:
        return
    channel.failures += 1
    channel.last_error = reason
    channel.failing_since = channel.failing_since or now
    channel.retry_at = now + timedelta(seconds=min(_PAUSE, _BACKOFF[min(channel.failures, len(_BACKOFF)) - 1]))
    if over:
        channel.gave_up_at = now
        ledger.append(
            session,
            at=now,
            kind="given-up",
            subject_type="alert-channel",
            subject_id=channel.id,
            actor="alerts",
            reason=f"Alerts could not be sent through {channel.name} for a day: {reason}",
        )


def _drop(session: Session, channel_id: str) -> None:
    session.execute(
        update(AlertDelivery)
        .where(*_waiting(channel_id))
        .values(state=DeliveryState.FAILED.value, last_error=_GONE, next_attempt_at=None)
    )


def _waiting(channel_id: str) -> tuple[ColumnElement[bool], ...]:
    return (AlertDelivery.state == DeliveryState.WAITING, AlertDelivery.channel_id == channel_id)
