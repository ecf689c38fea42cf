"""Storing alerts: each with one delivery for every channel that wants it, at the time at which the channel wants it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from gateway.alerts.context import Alerting
from gateway.alerts.kinds import AlertKind, Change, DeliveryState, grave
from gateway.alerts.models import Alert, AlertChannel, AlertDelivery, AlertMute
from gateway.alerts.notices import Notice
from gateway.alerts.profiles import profile_channels
from gateway.messages.ids import derived_id, new_id

__all__ = ["active_mutes", "notice_of", "publish", "quiet_until"]


def publish(session: Session, alerting: Alerting, notices: Sequence[Notice], now: datetime) -> list[str]:
    """Store alerts and their deliveries in the caller's transaction; the ids of the alerts."""
    if not notices:
        return []
    channels = _Channels(session, alerting, now)
    mutes = active_mutes(session, now)
    alerts, deliveries = [], []
    for notice in notices:
        stored = replace(notice, id=new_id(now), at=now)
        alerts.append(_alert_values(stored, now))
        muted = any(_mutes(mute, notice) for mute in mutes)
        for channel in channels.wanting(notice):
            deliveries.append(channels.delivery(channel, stored, muted=muted))
    session.flush()
    session.execute(insert(Alert), alerts)
    if deliveries:
        session.execute(insert(AlertDelivery), deliveries)
    return [str(values["id"]) for values in alerts]


def notice_of(row: Alert) -> Notice:
    """The stored alert as a value."""
    return Notice(
        kind=AlertKind(row.kind),
        change=Change(row.change),
        severity=row.severity,
        fingerprint=row.fingerprint,
        sentence=row.sentence,
        advice=row.advice,
        path=row.path,
        whose=row.whose,
        partner=row.partner,
        case_id=row.case_id,
        count=row.count,
        money=tuple((amount, currency) for amount, currency in row.money or ()),
        due_at=row.due_at,
        at=row.created_at,
        id=row.id,
    )


def active_mutes(session: Session, now: datetime) -> list[AlertMute]:
    """The mutes that hold at an instant."""
    return list(session.scalars(select(AlertMute).where(AlertMute.until > now).order_by(AlertMute.until)))


def _mutes(mute: AlertMute, notice: Notice) -> bool:
    values = {"problem": notice.fingerprint, "partner": notice.partner, "kind": notice.kind.value}
    return values.get(mute.scope) == mute.value


def _alert_values(notice: Notice, now: datetime) -> dict[str, object]:
    return {
        "id": notice.id,
        "kind": notice.kind.value,
        "change": notice.change.value,
        "severity": notice.severity,
        "fingerprint": notice.fingerprint,
        "case_id": notice.case_id,
        "partner": notice.partner,
        "sentence": notice.sentence,
        "advice": notice.advice,
        "whose": notice.whose,
        "count": notice.count,
        "money": [list(entry) for entry in notice.money] or None,
        "due_at": notice.due_at,
        "path": notice.path,
        "created_at": now,
    }


class _Channels:
    """The channels during one publishing: those of admins, and those that partners' profiles ask for."""

    def __init__(self, session: Session, alerting: Alerting, now: datetime) -> None:
        self._session, self._alerting, self._now = session, alerting, now
        query = select(AlertChannel).where(AlertChannel.enabled, AlertChannel.origin == "").order_by(AlertChannel.name)
        self._common = list(session.scalars(query))
        self._profiles: dict[str, list[AlertChannel]] = {}
        self._collecting: dict[str, datetime | None] = {}

    def wanting(self, notice: Notice) -> Iterable[AlertChannel]:
        """The channels that are told of this one."""
        found = [channel for channel in self._common if _wants(channel, notice)]
        if notice.partner:
            if notice.partner not in self._profiles:
                self._profiles[notice.partner] = profile_channels(
                    self._session, self._alerting, notice.partner, self._now
                )
            found += [channel for channel in self._profiles[notice.partner] if _wants(channel, notice)]
        if notice.change is Change.OPENED:
            return found
        told = self._told(notice.fingerprint)
        return [channel for channel in found if notice.change is Change.WORSE or channel.id in told]

    def _told(self, fingerprint: str) -> set[str]:
        """The channels that heard, or will hear, that this opened the last time."""
        opened = (
            select(Alert.id)
            .where(Alert.fingerprint == fingerprint, Alert.change == Change.OPENED)
            .order_by(Alert.created_at.desc())
            .limit(1)
        )
        first = self._session.scalar(opened)
        if first is None:
            return set()
        heard = select(AlertDelivery.channel_id).where(
            AlertDelivery.alert_id == first, AlertDelivery.state != DeliveryState.MUTED
        )
        return set(self._session.scalars(heard))

    def delivery(self, channel: AlertChannel, notice: Notice, *, muted: bool) -> dict[str, object]:
        """The row of an alert on a channel."""
        return {
            "id": derived_id("alert", notice.id, channel.id),
            "alert_id": notice.id,
            "channel_id": channel.id,
            "channel_name": channel.name,
            "state": DeliveryState.MUTED if muted else DeliveryState.WAITING,
            "attempts": 0,
            "next_attempt_at": None if muted else self._first_try(channel, notice),
            "created_at": self._now,
        }

    def _first_try(self, channel: AlertChannel, notice: Notice) -> datetime:
        """Now; or the end of quiet hours, or of the time in which alerts are collected."""
        if notice.severity == "critical":
            return self._now
        quiet = quiet_until(channel.quiet_hours, channel.time_zone, self._now)
        if quiet is not None:
            return quiet
        if not channel.digest_minutes:
            return self._now
        if channel.id not in self._collecting:
            self._collecting[channel.id] = self._session.scalar(
                select(func.min(AlertDelivery.next_attempt_at)).where(
                    AlertDelivery.state == DeliveryState.WAITING,
                    AlertDelivery.channel_id == channel.id,
                    AlertDelivery.batch.is_(None),
                    AlertDelivery.next_attempt_at > self._now,
                )
            )
        at = self._collecting[channel.id] or self._now + timedelta(minutes=channel.digest_minutes)
        self._collecting[channel.id] = at
        return at


def _wants(channel: AlertChannel, notice: Notice) -> bool:
    return (
        grave(notice.severity) >= grave(channel.least)
        and (not channel.partners or notice.partner in channel.partners)
        and (not channel.kinds or notice.kind.value in channel.kinds)
    )


def quiet_until(span: str | None, zone: str, now: datetime) -> datetime | None:
    """The end of quiet hours ("22:00-06:00" in ``zone``) when ``now`` lies in them, else None."""
    if not span:
        return None
    parts = [time.fromisoformat(part) for part in span.split("-")]
    first, last = parts[0], parts[1]
    local = now.astimezone(ZoneInfo(zone))
    here = local.time().replace(tzinfo=None)
    within = first <= here < last if first < last else here >= first or here < last
    if first == last or not within:
        return None
    day = local.date() + timedelta(days=1 if here >= last else 0)
    return datetime.combine(day, last, ZoneInfo(zone))
