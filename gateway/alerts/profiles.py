"""The channels that partners' profiles ask for: their group ``alerts`` names who is told about this partner."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.alerts.context import Alerting
from gateway.alerts.kinds import ChannelKind
from gateway.alerts.models import AlertChannel
from gateway.alerts.webhook import new_key
from gateway.messages.ids import derived_id
from gateway.partners.profile import PartnerProfile
from gateway.store.secrets import Secret, put_secret

__all__ = ["SECRET_KIND", "profile_channels", "secret_name"]

#: Kind of the stored signing keys.
SECRET_KIND = "alert-key"  # noqa: S105 - the name of a kind


def secret_name(channel_id: str) -> str:
    """The name under which a channel's signing key is sealed."""
    return f"alert-channel-{channel_id}"


def profile_channels(session: Session, alerting: Alerting, partner: str, now: datetime) -> list[AlertChannel]:
    """The channels of a partner's profile, as rows that agree with it; empty when it names nobody."""
    found = alerting.directory.find(partner, session)
    if found is None:
        return []
    profile = found[1]
    wanted = {ChannelKind.MAIL: "\n".join(profile.alerts.mail), ChannelKind.WEBHOOK: profile.alerts.webhook or ""}
    rows = [_row(session, alerting, profile, kind, target, now) for kind, target in wanted.items() if target]
    return [row for row in rows if row.enabled]


def _row(
    session: Session, alerting: Alerting, profile: PartnerProfile, kind: ChannelKind, target: str, now: datetime
) -> AlertChannel:
    identity = derived_id("alert-channel", profile.code, kind.value)
    values: dict[str, Any] = {
        "name": f"{profile.name}, {kind.value} (profile {profile.code})",
        "target": target,
        "quiet_hours": profile.alerts.quiet_hours,
        "time_zone": profile.time_zone,
    }
    row = session.get(AlertChannel, identity)
    if row is None:
        row = AlertChannel(
            id=identity,
            kind=kind.value,
            least="warning",
            partners=[profile.code],
            kinds=[],
            digest_minutes=0,
            enabled=True,
            origin=profile.code,
            created_at=now,
            created_by="profile",
            failures=0,
            **values,
        )
        session.add(row)
        if kind is ChannelKind.WEBHOOK:
            row.secret = secret_name(identity)
            if session.get(Secret, row.secret) is None:
                put_secret(session, alerting.kek, row.secret, new_key(), kind=SECRET_KIND, now=now)
        session.flush()
        return row
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    return row
