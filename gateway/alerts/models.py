"""The tables of alerts: channels, alerts, their deliveries, mutes, and what is known of everything that is watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.base import Base, JsonText, UtcDateTime

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertCondition",
    "AlertCursor",
    "AlertDelivery",
    "AlertMute",
    "PartnerArrival",
]


class AlertChannel(Base):
    """One way to staff: mail addresses, or a web address that takes signed notices."""

    __tablename__ = "alert_channel"
    __table_args__ = (Index("uq_alert_channel_name", "name", unique=True),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    #: "mail" or "webhook".
    kind: Mapped[str] = mapped_column(Text)
    #: Mail addresses, one a line, or an address with https.
    target: Mapped[str] = mapped_column(Text)
    #: Name of the sealed signing key; None for mail.
    secret: Mapped[str | None] = mapped_column(Text)
    #: The least severity that is told.
    least: Mapped[str] = mapped_column(Text)
    #: Partner codes and kinds of alerts as lists; empty = all.
    partners: Mapped[Any] = mapped_column(JsonText)
    kinds: Mapped[Any] = mapped_column(JsonText)
    #: "22:00-06:00" in ``time_zone``; None = none.
    quiet_hours: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text)
    #: Minutes for which alerts are collected into one message; 0 = each at once.
    digest_minutes: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool] = mapped_column(Boolean)
    #: Code of the partner whose profile asks for this channel; "" for one that an admin made.
    origin: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    #: Failed tries since the last that worked; nothing is tried before ``retry_at``.
    failures: Mapped[int] = mapped_column(Integer)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When a message was given up; None again once one goes through.
    gave_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Alert(Base):
    """One event that staff are told of."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_created", "created_at", "id"),
        Index("ix_alert_fingerprint", "fingerprint", "created_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Values of ``gateway.alerts.kinds``.
    kind: Mapped[str] = mapped_column(Text)
    change: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    #: What it is about: a case's fingerprint, or "<kind>|<thing>".
    fingerprint: Mapped[str] = mapped_column(Text)
    case_id: Mapped[str | None] = mapped_column(ForeignKey("case_file.id"))
    partner: Mapped[str | None] = mapped_column(Text)
    #: What happened, one sentence, nothing of a payload in it.
    sentence: Mapped[str] = mapped_column(Text)
    #: What to do, one sentence.
    advice: Mapped[str] = mapped_column(Text)
    #: "partner", "us" or "unknown".
    whose: Mapped[str] = mapped_column(Text)
    #: Messages that are concerned; None where none are.
    count: Mapped[int | None] = mapped_column(Integer)
    #: [[amount, currency], …] at stake.
    money: Mapped[Any] = mapped_column(JsonText, nullable=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The page of ours that it leads to.
    path: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AlertDelivery(Base):
    """One alert on its way through one channel."""

    __tablename__ = "alert_delivery"
    __table_args__ = (
        Index("ix_alert_delivery_due", "state", "channel_id", "next_attempt_at"),
        Index("ix_alert_delivery_alert", "alert_id"),
        Index("ix_alert_delivery_batch", "batch"),
        Index("ix_alert_delivery_batched", "channel_id", "batched_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alert.id"))
    #: The channel may be gone; its name stays.
    channel_id: Mapped[str] = mapped_column(Text)
    channel_name: Mapped[str] = mapped_column(Text)
    #: Value of ``DeliveryState``.
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    #: The message that carries it: the same at every try (Webhook-Id, Message-ID).
    batch: Mapped[str | None] = mapped_column(Text)
    batched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AlertMute(Base):
    """Alerts that nobody wants to hear of until an instant."""

    __tablename__ = "alert_mute"
    __table_args__ = (Index("ix_alert_mute_until", "until"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "problem" (a fingerprint), "partner" (a code) or "kind".
    scope: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    #: What it is called, for people.
    title: Mapped[str] = mapped_column(Text)
    #: Its end; an earlier end by hand overwrites it.
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AlertCondition(Base):
    """What is known of one thing that is watched: whether it is wrong now, and what staff were told of it."""

    __tablename__ = "alert_condition"
    __table_args__ = (Index("ix_alert_condition_open", "open", "kind"),)

    fingerprint: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    partner: Mapped[str | None] = mapped_column(Text)
    case_id: Mapped[str | None] = mapped_column(ForeignKey("case_file.id"))
    open: Mapped[bool] = mapped_column(Boolean)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: False while it is too young to be told (what may pass by itself).
    told: Mapped[bool] = mapped_column(Boolean)
    #: Messages or events of it since it opened, and how many there were when staff were told last.
    count: Mapped[int] = mapped_column(Integer)
    told_count: Mapped[int] = mapped_column(Integer)
    #: The threshold that was told (a certificate's: 1 = 45 days … 6 = ended).
    level: Mapped[int] = mapped_column(Integer)
    #: True when staff were told that the deadline is near.
    due_told: Mapped[bool] = mapped_column(Boolean)
    #: How often the case had been opened.
    times: Mapped[int] = mapped_column(Integer)
    #: The last sentence.
    sentence: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)


class AlertCursor(Base):
    """How far a reader of the ledger has come."""

    __tablename__ = "alert_cursor"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class PartnerArrival(Base):
    """How many messages came from a partner in one hour: what is usual for it."""

    __tablename__ = "partner_arrival"

    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The hour's first instant.
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
