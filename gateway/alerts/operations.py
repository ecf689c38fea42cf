"""What ``gateway alert`` and the staff pages ask for, by name: list, channels, test, mute and unmute.

An operation takes ``Alerting`` and plain parameters, and gives JSON-able data. Every change stands in the ledger with
its actor, without the path of a web address and without a key. A signing key is given back once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.alerts import audit, queries
from gateway.alerts.batches import Message
from gateway.alerts.channels import checked_channel
from gateway.alerts.context import Alerting
from gateway.alerts.errors import AlertError, SendError
from gateway.alerts.kinds import AlertKind, Change, ChannelKind, DeliveryState
from gateway.alerts.models import AlertChannel, AlertDelivery
from gateway.alerts.mutes import mute, unmute
from gateway.alerts.notices import Notice
from gateway.alerts.profiles import SECRET_KIND, secret_name
from gateway.alerts.sender import deliver
from gateway.alerts.webhook import new_key, shown_key
from gateway.messages.ids import new_id
from gateway.store.secrets import delete_secret, put_secret

__all__ = ["MOST_CHANNELS", "OPERATIONS"]

AlertOperation = Callable[[Alerting, Mapping[str, Any]], Any]
MOST_CHANNELS = 50


def list_alerts(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Channels, mutes, what is wrong now, and one page of the history (``limit``, ``after``, ``kind``, ``partner``)."""
    limit = max(1, min(200, int(parameters.get("limit") or 50)))
    with alerting.read() as session:
        page = queries.history(
            session,
            limit=limit,
            after=parameters.get("after") or None,
            kind=str(parameters.get("kind") or ""),
            partner=str(parameters.get("partner") or ""),
        )
        return {
            "mail_ready": alerting.settings.mail_ready,
            "channels": queries.channels(session),
            "mutes": queries.mutes_of(session, alerting.clock()),
            "alarms": queries.open_alarms(session),
            **page,
        }


# -- channels ------------------------------------------------------------------------------------------------


def show_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One channel for its form, with its whole target: for those who may change it."""
    with alerting.read() as session:
        row = _channel(session, parameters)
        return {**queries.channel_json(row), "target": row.target}


def add_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add a channel; a webhook's signing key is made here and given back once as ``key``. Raises AlertError."""
    values = checked_channel(parameters, alerting.settings, time_zone=alerting.time_zone)
    is_webhook = values["kind"] == ChannelKind.WEBHOOK
    key = new_key() if is_webhook else b""

    def work(session: Session) -> dict[str, Any]:
        now = alerting.clock()
        _refuse_name(session, values["name"])
        made = list(session.scalars(select(AlertChannel.id).where(AlertChannel.origin == "")))
        if len(made) >= MOST_CHANNELS:
            raise AlertError(f"There are {MOST_CHANNELS} channels already.", "Remove one that is not used.")
        identity = new_id(now)
        row = AlertChannel(
            id=identity,
            enabled=True,
            origin="",
            created_at=now,
            created_by=audit.who(parameters),
            failures=0,
            secret=secret_name(identity) if is_webhook else None,
            **values,
        )
        session.add(row)
        if is_webhook:
            put_secret(session, alerting.kek, secret_name(identity), key, kind=SECRET_KIND, now=now)
        session.flush()
        _note(session, row, "channel-added", parameters, f"The alert channel {row.name} was added.", now)
        return queries.channel_json(row)

    made: dict[str, Any] = alerting.write(work)
    return {**made, "key": shown_key(key)} if is_webhook else made


def change_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Change fields of a channel; what is not named stays. Raises AlertError."""

    with alerting.read() as session:
        old = _channel(session, parameters)
        _refuse_profile(old)
        before = {name: getattr(old, name) for name in queries.channel_json(old) if hasattr(old, name)}
    given = {**before, **{name: value for name, value in parameters.items() if name in before and name != "id"}}
    values = checked_channel({**given, "kind": before["kind"]}, alerting.settings, time_zone=alerting.time_zone)

    def work(session: Session) -> dict[str, Any]:
        row, now = _channel(session, parameters), alerting.clock()
        if values["name"] != row.name:
            _refuse_name(session, values["name"])
        changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
        for name, value in values.items():
            setattr(row, name, value)
        _try_now(session, row, now)
        if changed:
            _note(
                session, row, "channel-changed", parameters, f"The alert channel {row.name} was changed.", now, changed
            )
        return queries.channel_json(row)

    result: dict[str, Any] = alerting.write(work)
    return result


def switch_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Switch a channel on or off (``enabled``); what waits in one that is switched off is not sent."""
    enabled = bool(parameters.get("enabled"))

    def work(session: Session) -> dict[str, Any]:
        row, now = _channel(session, parameters), alerting.clock()
        if row.enabled != enabled:
            row.enabled = enabled
            _try_now(session, row, now)
            if not enabled:
                _drop(session, row.id, "The channel was switched off.")
            word = "on" if enabled else "off"
            _note(
                session, row, f"channel-{word}", parameters, f"The alert channel {row.name} was switched {word}.", now
            )
        return queries.channel_json(row)

    result: dict[str, Any] = alerting.write(work)
    return result


def remove_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Remove a channel with its key; its history stays."""

    def work(session: Session) -> dict[str, Any]:
        row, now = _channel(session, parameters), alerting.clock()
        _refuse_profile(row)
        name = row.name
        _drop(session, row.id, "The channel was removed.")
        if row.secret:
            delete_secret(session, row.secret)
        _note(session, row, "channel-removed", parameters, f"The alert channel {name} was removed.", now)
        session.delete(row)
        return {"id": row.id, "name": name, "removed": True}

    result: dict[str, Any] = alerting.write(work)
    return result


def new_channel_key(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A new signing key for a webhook, given back once as ``key``; the old one signs nothing more."""
    key = new_key()

    def work(session: Session) -> dict[str, Any]:
        row, now = _channel(session, parameters), alerting.clock()
        if row.secret is None:
            raise AlertError("Mail has no signing key.", "Only a webhook has one.")
        put_secret(session, alerting.kek, row.secret, key, kind=SECRET_KIND, now=now, replace=True)
        _note(session, row, "channel-key", parameters, f"The alert channel {row.name} has a new signing key.", now)
        return queries.channel_json(row)

    made: dict[str, Any] = alerting.write(work)
    return {**made, "key": shown_key(key)}


def test_channel(alerting: Alerting, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Really send a test message, and say what happened: {"ok", "steps": [{"step", "ok", "sentence"}]}."""
    with alerting.read() as session:
        row = _channel(session, parameters)
        now = alerting.clock()
        message = Message(
            id=new_id(now),
            channel_id=row.id,
            kind=row.kind,
            target=row.target,
            secret=row.secret,
            time_zone=row.time_zone,
            notices=(_test_notice(row, parameters, now),),
            more=0,
        )
    steps: list[dict[str, Any]] = []
    try:
        note = deliver(
            alerting, message, lambda step, words: steps.append({"step": step, "ok": True, "sentence": words})
        )
    except SendError as error:
        steps.append({"step": "failure", "ok": False, "sentence": str(error)})
        note = ""
    if note:
        steps.append({"step": "note", "ok": False, "sentence": note})
    ok = all(step["ok"] for step in steps)

    def work(session: Session) -> None:
        found = _channel(session, parameters)
        words = "worked" if ok else "failed"
        _note(session, found, "channel-test", parameters, f"A test of the alert channel {found.name} {words}.", now)
        if ok:
            _try_now(session, found, now)

    alerting.write(work)
    return {"id": row.id, "name": row.name, "ok": ok, "steps": steps}


def _test_notice(row: AlertChannel, parameters: Mapping[str, Any], now: datetime) -> Notice:
    return Notice(
        kind=AlertKind.SELF_TEST,
        change=Change.OPENED,
        severity="note",
        fingerprint=f"test|{row.id}",
        sentence=f"This is a test of the alert channel {row.name}, asked for by {audit.who(parameters)}.",
        advice="Nothing is to be done.",
        path="/alerts",
        at=now,
        id=new_id(now),
    )


# -- shared --------------------------------------------------------------------------------------------------


def _channel(session: Session, parameters: Mapping[str, Any]) -> AlertChannel:
    """The channel with this id, or else with this name."""
    given = str(parameters.get("id") or "")
    row = session.get(AlertChannel, given) or session.scalar(select(AlertChannel).where(AlertChannel.name == given))
    if row is None:
        raise AlertError(f'There is no alert channel "{given[:80]}".', "`gateway alert list` shows them.")
    return row


def _refuse_name(session: Session, name: str) -> None:
    if session.scalar(select(AlertChannel.id).where(AlertChannel.name == name)):
        raise AlertError(f'There is a channel "{name}" already.', "Choose another name.", "name")


def _refuse_profile(row: AlertChannel) -> None:
    if row.origin:
        raise AlertError(
            f"{row.name} comes from the profile of {row.origin}.", "Change the group alerts of the profile instead."
        )


def _try_now(session: Session, row: AlertChannel, now: datetime) -> None:
    """Whatever waits after a failure is tried again at once."""
    row.failures, row.retry_at = 0, None
    session.execute(
        update(AlertDelivery)
        .where(
            AlertDelivery.channel_id == row.id,
            AlertDelivery.state == DeliveryState.WAITING,
            AlertDelivery.batch.is_not(None),
        )
        .values(next_attempt_at=now)
        .execution_options(synchronize_session=False)
    )


def _drop(session: Session, channel_id: str, reason: str) -> None:
    session.execute(
        update(AlertDelivery)
        .where(AlertDelivery.channel_id == channel_id, AlertDelivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.FAILED.value, last_error=reason, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )


def _note(
    session: Session,
    row: AlertChannel,
    kind: str,
    parameters: Mapping[str, Any],
    reason: str,
    now: datetime,
    changed: list[str] | None = None,
) -> None:
    shown = queries.channel_json(row)
    data = {name: shown[name] for name in ("name", "kind", "target", "enabled")}
    audit.note(
        session,
        kind,
        "alert-channel",
        row.id,
        parameters,
        reason,
        now,
        {**data, **({"changed": changed} if changed else {})},
    )


OPERATIONS: dict[str, AlertOperation] = {
    "alert.list": list_alerts,
    "alert.channel": show_channel,
    "alert.add": add_channel,
    "alert.change": change_channel,
    "alert.switch": switch_channel,
    "alert.remove": remove_channel,
    "alert.key": new_channel_key,
    "alert.test": test_channel,
    "alert.mute": mute,
    "alert.unmute": unmute,
}
