"""``gateway alert``: who is told of problems, a real test of a channel, and mutes."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import call, clean, dir_option, fail, find_dir, json_option, print_json, print_table

__all__ = ["alert_group"]

_STATES = {
    "ok": "works",
    "unused": "not used yet",
    "trouble": "last try failed",
    "failing": "FAILING",
    "off": "switched off",
}


@click.group("alert", short_help="Who is told of problems.")
def alert_group() -> None:
    """Channels for alerts (mail and signed webhooks), what they sent, tests and mutes."""


@alert_group.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Alerts to show.")
@click.option("--partner", default="", help="Only alerts about this partner.")
@click.option("--kind", default="", help="Only alerts of this kind.")
@dir_option
@json_option
def list_command(limit: int, partner: str, kind: str, directory: Path | None, as_json: bool) -> None:
    """Channels, mutes, what is wrong now, and the latest alerts."""
    found = call(find_dir(directory), "alert.list", limit=limit, partner=partner, kind=kind)
    if as_json:
        print_json(found)
        return
    if not found["channels"]:
        click.echo("No channel is set up: nobody is told. Add one: gateway alert add NAME --mail you@example.com")
    else:
        columns = ("CHANNEL", "KIND", "TO", "FROM SEVERITY", "STATE", "ID")
        print_table(columns, [_channel_row(channel) for channel in found["channels"]])
    for mute in found["mutes"]:
        click.echo(f"Muted until {mute['until']}: {clean(mute['title'])} ({clean(mute['reason'])}), id {mute['id']}")
    for alarm in found["alarms"]:
        click.echo(f"Now, since {alarm['since']}: {clean(alarm['sentence'])}")
    if found["alerts"]:
        print_table(("AT", "WHAT", "SEVERITY", "SENTENCE", "TOLD"), [_alert_row(alert) for alert in found["alerts"]])


def _channel_row(channel: dict[str, Any]) -> tuple[str, ...]:
    state = _STATES[channel["state"]]
    why = f": {channel['last_error']}" if channel["last_error"] and channel["state"] in ("trouble", "failing") else ""
    return channel["name"], channel["kind"], channel["target"], channel["least"], state + why, channel["id"]


def _alert_row(alert: dict[str, Any]) -> tuple[str, ...]:
    told = ", ".join(f"{one['channel']}: {one['state']}" for one in alert["deliveries"]) or "nobody"
    return alert["at"][:16], f"{alert['kind']} {alert['change']}", alert["severity"], alert["sentence"], told


@alert_group.command("add")
@click.argument("name")
@click.option("--mail", "addresses", multiple=True, help="Mail address; repeatable.")
@click.option("--webhook", help="Address that takes signed notices.")
@click.option("--least", default="warning", show_default=True, help="Least severity: note, warning, error, critical.")
@click.option("--partner", "partners", multiple=True, help="Only this partner; repeatable.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind of alert; repeatable.")
@click.option("--quiet-hours", default="", help="22:00-06:00: collected until they end, but for critical ones.")
@click.option("--time-zone", default="", help="Of the quiet hours; default: the company's.")
@click.option("--digest", type=click.IntRange(0, 1440), default=0, help="Minutes to collect alerts for.")
@dir_option
@json_option
def add_command(
    name: str,
    addresses: tuple[str, ...],
    webhook: str | None,
    least: str,
    partners: tuple[str, ...],
    kinds: tuple[str, ...],
    quiet_hours: str,
    time_zone: str,
    digest: int,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Add a channel. The signing key of a webhook is made here and shown once."""
    if bool(addresses) == bool(webhook):
        fail("Give either --mail or --webhook.", 2)
    made = call(
        find_dir(directory),
        "alert.add",
        name=name,
        kind="webhook" if webhook else "mail",
        target=webhook or "\n".join(addresses),
        least=least,
        partners=list(partners),
        kinds=list(kinds),
        quiet_hours=quiet_hours,
        time_zone=time_zone,
        digest_minutes=digest,
        actor=_actor(),
    )
    if as_json:
        print_json(made)
        return
    click.echo(f"The channel {clean(made['name'])} was added. Try it: gateway alert test {made['id']}")
    if "key" in made:
        click.echo(f"Signing key, shown only now: {made['key']}")


@alert_group.command("remove")
@click.argument("channel")
@dir_option
@json_option
def remove_command(channel: str, directory: Path | None, as_json: bool) -> None:
    """Remove a channel, by its id or name."""
    done = call(find_dir(directory), "alert.remove", id=channel, actor=_actor())
    if as_json:
        print_json(done)
    else:
        click.echo(f"The channel {clean(done['name'])} was removed.")


@alert_group.command("test")
@click.argument("channel")
@dir_option
@json_option
def test_command(channel: str, directory: Path | None, as_json: bool) -> None:
    """Really send a test message through a channel (id or name), and tell every step."""
    result = call(find_dir(directory), "alert.test", id=channel, actor=_actor())
    if as_json:
        print_json(result)
    else:
        for step in result["steps"]:
            click.echo(f"{'ok  ' if step['ok'] else 'FAIL'} {clean(step['sentence'])}")
    if not result["ok"]:
        raise click.exceptions.Exit(1)


@alert_group.command("mute")
@click.option("--case", help="Id of a problem (see `gateway message list`, or the page's address).")
@click.option("--partner", help="Everything about a partner.")
@click.option("--kind", help="Every alert of a kind.")
@click.option("--hours", type=float, help="How long from now.")
@click.option("--until", help="Instant with zone, 2026-11-30T18:00+01:00.")
@click.option("--reason", required=True, help="Why nobody is to be told.")
@dir_option
@json_option
def mute_command(
    case: str | None,
    partner: str | None,
    kind: str | None,
    hours: float | None,
    until: str | None,
    reason: str,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Tell nobody of one problem, partner or kind until an instant. Alerts are still made and kept."""
    if (hours is None) == (until is None):
        fail("Say how long: give either --hours or --until.", 2)
    wanted = {"case": case, "partner": partner, "kind": kind, "hours": hours, "until": until}
    given = {name: value for name, value in wanted.items() if value is not None}
    done = call(find_dir(directory), "alert.mute", **given, reason=reason, actor=_actor())
    if as_json:
        print_json(done)
    else:
        click.echo(f"Muted until {done['until']}: {clean(done['title'])}. End it: gateway alert unmute {done['id']}")


@alert_group.command("unmute")
@click.argument("mute")
@dir_option
@json_option
def unmute_command(mute: str, directory: Path | None, as_json: bool) -> None:
    """End a mute now."""
    done = call(find_dir(directory), "alert.unmute", id=mute, actor=_actor())
    if as_json:
        print_json(done)
    else:
        click.echo(f"Alerts about {clean(done['title'])} are told again.")


def _actor() -> str:
    """The name of the person at the keyboard, for the ledger."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name
        return "cli"
