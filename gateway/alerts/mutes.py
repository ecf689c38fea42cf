"""Mutes: nobody is told of a problem, a partner or a kind until an instant, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.alerts import audit, queries
from gateway.alerts.context import Alerting
from gateway.alerts.errors import AlertError
from gateway.alerts.kinds import KIND_WORDS, AlertKind, DeliveryState
from gateway.alerts.models import Alert, AlertCondition, AlertDelivery, AlertMute
from gateway.messages.ids import new_id
from gateway.messages.models import CaseFile

__all__ = ["mute", "unmute"]

_LONGEST_MUTE = timedelta(days=366)
_SCOPES = ("problem", "partner", "kind")


def mute(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Tell nobody until an instant: ``case``, ``problem`` (a fingerprint), ``partner`` or ``kind``; ``reason``.

    ``until`` is ISO 8601 with a zone, or ``hours`` from now. Raises AlertError.
    """
    reason = str(parameters.get("reason") or "").strip()
    if not reason:
        raise AlertError("A mute needs a reason.", "Say why nobody is to be told.", "reason")

    def work(session: Session) -> dict[str, Any]:
        now = alerting.clock()
        until = _until(parameters, now)
        scope, value, title = _muted(session, alerting, parameters)
        row = AlertMute(
            id=new_id(now),
            scope=scope,
            value=value,
            title=title,
            until=until,
            reason=reason[:500],
            by=audit.who(parameters),
            created_at=now,
        )
        session.add(row)
        session.flush()
        silenced = _silence(session, scope, value)
        sentence = f"Alerts about {title} are muted until {until:%Y-%m-%d %H:%M} UTC: {row.reason}"
        audit.note(session, "muted", "alert-mute", row.id, parameters, sentence, now, {"scope": scope, "value": value})
        return {**queries.mute_json(row), "silenced": silenced}

    result: dict[str, Any] = alerting.write(work)
    return result


def unmute(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """End a mute now (``id``). Raises AlertError."""

    def work(session: Session) -> dict[str, Any]:
        now = alerting.clock()
        row = session.get(AlertMute, str(parameters.get("id") or ""))
        if row is None or row.until <= now:
            raise AlertError("There is no such mute any more.", "`gateway alert list` shows those that hold.")
        row.until = now
        audit.note(
            session, "unmuted", "alert-mute", row.id, parameters, f"Alerts about {row.title} are told again.", now
        )
        return queries.mute_json(row)

    result: dict[str, Any] = alerting.write(work)
    return result


def _until(parameters: Mapping[str, Any], now: datetime) -> datetime:
    try:
        if parameters.get("until"):
            until = datetime.fromisoformat(str(parameters["until"]))
        else:
            until = now + timedelta(hours=float(parameters.get("hours") or 0))
    except (ValueError, OverflowError) as error:
        raise AlertError("That is not an instant.", "Write 2026-11-30T18:00+01:00.", "until") from error
    if until.tzinfo is None:
        raise AlertError("The instant has no time zone.", "Write 2026-11-30T18:00+01:00.", "until")
    if not now < until <= now + _LONGEST_MUTE:
        raise AlertError("A mute ends in the future, within a year.", field="until")
    return until


def _muted(session: Session, alerting: Alerting, parameters: Mapping[str, Any]) -> tuple[str, str, str]:
    """(scope, value, what it is called) of what is to be muted."""
    if parameters.get("case"):
        case = session.get(CaseFile, str(parameters["case"]))
        if case is None:
            raise AlertError("There is no such problem.", "The list of failures shows what there is.", "case")
        return "problem", case.fingerprint, _title(session, case.fingerprint)
    given = [scope for scope in _SCOPES if parameters.get(scope)]
    if len(given) != 1:
        raise AlertError("Name one thing: a problem, a partner or a kind.", field="value")
    scope, value = given[0], str(parameters[given[0]])
    if scope == "kind" and value not in tuple(AlertKind):
        raise AlertError(f'"{value[:40]}" is no kind of alert.', f"Kinds are {', '.join(AlertKind)}.", "value")
    if scope == "partner" and alerting.directory.find(value, session) is None:
        raise AlertError(f'There is no partner "{value[:40]}".', "`gateway partner list` shows them.", "value")
    names = {"problem": lambda: _title(session, value), "partner": lambda: alerting.partner_name(value)}
    return scope, value, names.get(scope, lambda: f"“{KIND_WORDS[AlertKind(value)]}”")()


def _title(session: Session, fingerprint: str) -> str:
    known = session.get(AlertCondition, fingerprint)
    return f"“{known.sentence}”" if known else "a problem"


def _silence(session: Session, scope: str, value: str) -> int:
    """What waits and is not begun yet is muted, too; how many deliveries."""
    column = {"problem": Alert.fingerprint, "partner": Alert.partner, "kind": Alert.kind}[scope]
    changed = session.execute(
        update(AlertDelivery)
        .where(
            AlertDelivery.state == DeliveryState.WAITING,
            AlertDelivery.batch.is_(None),
            AlertDelivery.alert_id.in_(select(Alert.id).where(column == value)),
        )
        .values(state=DeliveryState.MUTED.value, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(changed, "rowcount", 0))
