"""Operations on channels and mutes: what is checked, what the ledger keeps, and the command line over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from gateway.alerts.errors import AlertError
from gateway.cli.main import cli
from gateway.service.context import utc_now
from gateway.settings import SettingsError, company_named, load_settings, settings_text
from gateway.store.ledger import Event
from gateway.store.secrets import Secret
from gateway.workdir import LAST_BACKUP, make_working_directory
from tests.alerts.alertkit import AlertKit, receiver

GOOD: dict[str, Any] = {"name": "Staff", "kind": "mail", "target": "edi@us.example"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "Desk (profile harbor)"}, "name"),
        ({"kind": "pigeon"}, "kind"),
        ({"target": ""}, "target"),
        ({"target": "Ann <ann@us.example>"}, "target"),
        ({"target": "ann@us.example\r\nBcc: x@evil.example"}, "target"),
        ({"target": "ann@@us.example"}, "target"),
        ({"target": " ".join(f"a{n}@us.example" for n in range(21))}, "target"),
        ({"kind": "webhook", "target": "ftp://x.example"}, "target"),
        ({"kind": "webhook", "target": "https://x.example/" + "a" * 2000}, "target"),
        ({"least": "loud"}, "least"),
        ({"kinds": ["weather"]}, "kinds"),
        ({"quiet_hours": "22-6"}, "quiet_hours"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"digest_minutes": "soon"}, "digest_minutes"),
        ({"digest_minutes": 99999}, "digest_minutes"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_its_field(
    alerts: AlertKit, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(AlertError) as caught:
        alerts.operate("alert.add", **{**GOOD, **changes})
    assert caught.value.field == field


def test_a_channel_is_added_changed_switched_and_removed_in_the_ledger(alerts: AlertKit) -> None:
    identity = alerts.operate("alert.add", **GOOD)["id"]
    with pytest.raises(AlertError, match="already"):
        alerts.operate("alert.add", **GOOD)
    changed = alerts.operate(
        "alert.change", id=identity, name="Night desk", quiet_hours="22:00-06:00", kinds="queue,disk"
    )
    assert (changed["name"], changed["kinds"], changed["target"]) == ("Night desk", ["queue", "disk"], "edi@us.example")
    assert alerts.operate("alert.channel", id="Night desk")["id"] == identity
    assert alerts.operate("alert.change", id=identity)["name"] == "Night desk"
    alerts.operate("alert.switch", id=identity, enabled=False)
    assert alerts.operate("alert.list")["channels"][0]["state"] == "off"
    alerts.operate("alert.switch", id=identity, enabled=True)
    alerts.operate("alert.add", **{**GOOD, "name": "Other"})
    with pytest.raises(AlertError, match="already"):
        alerts.operate("alert.change", id=identity, name="Other")
    alerts.operate("alert.remove", id=identity)
    with pytest.raises(AlertError, match="no alert channel"):
        alerts.operate("alert.test", id=identity)
    with alerts.kit.store.read() as session:
        query = select(Event.kind, Event.actor).where(Event.subject_type == "alert-channel").order_by(Event.seq)
        kinds = [tuple(row) for row in session.execute(query)]
    assert kinds == [
        ("channel-added", "adam"),
        ("channel-changed", "adam"),
        ("channel-off", "adam"),
        ("channel-on", "adam"),
        ("channel-added", "adam"),
        ("channel-removed", "adam"),
    ]


def test_the_key_of_a_webhook_goes_with_it(alerts: AlertKit) -> None:
    with receiver() as server:
        identity, key = alerts.add_webhook(server.url)
        alerts.operate("alert.test", id=identity)
        assert server.is_signed(key)
        alerts.operate("alert.key", id=identity)
        alerts.operate("alert.test", id=identity)
        assert not server.is_signed(key)
    alerts.operate("alert.remove", id=identity)
    with alerts.kit.store.read() as session:
        assert [secret.name for secret in session.scalars(select(Secret)) if secret.kind == "alert-key"] == []
    mail = alerts.add_mail()
    with pytest.raises(AlertError, match="no signing key"):
        alerts.operate("alert.key", id=mail)


def test_there_are_not_too_many_channels(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.alerts.operations.MOST_CHANNELS", 1)
    alerts.operate("alert.add", **GOOD)
    with pytest.raises(AlertError, match="1 channels already"):
        alerts.operate("alert.add", **{**GOOD, "name": "Two"})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"partner": "harbor", "hours": 1, "reason": " "}, "needs a reason"),
        ({"partner": "harbor", "hours": 0, "reason": "x"}, "in the future"),
        ({"partner": "harbor", "hours": 99999, "reason": "x"}, "within a year"),
        ({"partner": "harbor", "hours": "soon", "reason": "x"}, "not an instant"),
        ({"partner": "harbor", "until": "2026-12-01T00:00", "reason": "x"}, "no time zone"),
        ({"hours": 1, "reason": "x"}, "Name one thing"),
        ({"partner": "harbor", "kind": "queue", "hours": 1, "reason": "x"}, "Name one thing"),
        ({"partner": "nobody", "hours": 1, "reason": "x"}, "no partner"),
        ({"kind": "weather", "hours": 1, "reason": "x"}, "no kind of alert"),
        ({"case": "nothing", "hours": 1, "reason": "x"}, "no such problem"),
    ],
)
def test_a_mute_that_makes_no_sense_is_refused(alerts: AlertKit, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(AlertError, match=words):
        alerts.operate("alert.mute", **parameters)


def test_mutes_are_listed_while_they_hold(alerts: AlertKit) -> None:
    alerts.operate("alert.mute", kind="queue", until="2026-11-21T15:00:00+00:00", reason="new server")
    alerts.operate("alert.mute", problem="disk|reserve", hours=1, reason="on its way")
    assert [mute["title"] for mute in alerts.operate("alert.list")["mutes"]] == [
        "a problem",
        "“Queues that stand still”",
    ]
    alerts.kit.pass_time(hours=4)
    assert alerts.operate("alert.list")["mutes"] == []


def test_the_history_is_paged_and_filtered(alerts: AlertKit) -> None:
    alerts.fail_all([(f"harbor|in|invalid|850|{n}|x", "m") for n in range(7)])
    alerts.fail("delta|in|delivery|x", fault="delivery", partner="delta")
    alerts.look()
    seen: list[str] = []
    after = None
    while True:
        page = alerts.operate("alert.list", limit=3, after=after)
        seen += [alert["id"] for alert in page["alerts"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 9
    assert len(alerts.operate("alert.list", kind="delivery")["alerts"]) == 1
    assert len(alerts.operate("alert.list", partner="delta")["alerts"]) == 1
    for cursor in ("x", "bnVsbA==", "WyJ4Il0=", "WyIyMDI2LTAxLTAxIiwgImEiXQ=="):
        with pytest.raises(AlertError, match="not one that the gateway gave out"):
            alerts.operate("alert.list", after=cursor)


# -- the command line ----------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_working_directory(tmp_path, company_named("Alpine Supply"), now=utc_now())
    settings = tmp_path / "gateway.toml"
    text = settings.read_text().replace("# allow_private_webhooks = false", "allow_private_webhooks = true")
    settings.write_text(text)
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--dir", str(home)])


def test_the_command_line_lists_adds_tests_mutes_and_removes(home: Path) -> None:
    assert "nobody is told" in run(home, "alert", "list").output
    with receiver() as server:
        added = run(home, "alert", "add", "Hook", "--webhook", server.url)
        assert "Signing key, shown only now: whsec_" in added.output
        tested = run(home, "alert", "test", "Hook")
        assert tested.exit_code == 0, tested.output
        assert "took the signed notice (HTTP 200)" in tested.output
        server.answers = [500]
        again = run(home, "alert", "test", "Hook", "--json")
        assert (again.exit_code, json.loads(again.output)["ok"]) == (1, False)
    made = json.loads(run(home, "alert", "add", "Mail", "--mail", "a@us.example", "--kind", "queue", "--json").output)
    assert made["kinds"] == ["queue"]
    muted = run(home, "alert", "mute", "--kind", "queue", "--hours", "2", "--reason", "new server")
    assert "Muted until" in muted.output
    listed = json.loads(run(home, "alert", "list", "--json").output)
    assert [channel["name"] for channel in listed["channels"]] == ["Hook", "Mail"]
    assert "Muted until" in run(home, "alert", "list").output
    ended = run(home, "alert", "unmute", listed["mutes"][0]["id"])
    assert "told again" in ended.output
    assert json.loads(run(home, "alert", "mute", "--kind", "disk", "--hours", "1", "--reason", "x", "--json").output)
    assert "was removed" in run(home, "alert", "remove", "Mail").output
    assert run(home, "alert", "mute", "--kind", "queue", "--reason", "x").exit_code == 2
    assert run(home, "alert", "add", "Neither").exit_code == 2
    assert run(home, "alert", "add", "Bad", "--mail", "nobody").exit_code == 1


def test_a_backup_leaves_a_note_of_its_time(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("backup") / "one.tar"
    assert run(home, "backup", str(target)).exit_code == 0
    noted = json.loads((home / LAST_BACKUP).read_text())
    assert (noted["size"] > 0 and "+00:00" in noted["taken_at"]) or noted["taken_at"].endswith("Z")


def test_a_signing_key_is_no_secret_that_an_operator_may_replace(home: Path) -> None:
    with receiver() as server:
        run(home, "alert", "add", "Hook", "--webhook", server.url)
    names = [secret["name"] for secret in json.loads(run(home, "secret", "list", "--json").output)]
    (name,) = [name for name in names if name.startswith("alert-channel-")]
    assert run(home, "secret", "delete", name).exit_code == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('smtp_host = "mail.example.com"', "needs"),
        ('smtp_host = "mail.example.com"\nfrom = "a@b.example"\nsmtp_security = "none"', "on this machine only"),
        ('smtp_host = "localhost"\nfrom = "a@b.example"\nsmtp_user = "x"', "belong together"),
        ('from = "Ann <a@b.example>"', "plain mail address"),
        ('smtp_host = "mail example"', "mail server"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "gateway.toml").write_text(
        settings_text(company_named("X")).split("[alerts]")[0] + f"[alerts]\n{text}\n"
    )
    with pytest.raises(SettingsError, match=words):
        load_settings(tmp_path, {})


def test_a_mail_server_on_this_machine_needs_no_encryption(tmp_path: Path) -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        lines = f'[alerts]\nsmtp_host = "{host}"\nfrom = "a@b.example"\nsmtp_security = "none"\n'
        (tmp_path / "gateway.toml").write_text(settings_text(company_named("X")).split("[alerts]")[0] + lines)
        assert load_settings(tmp_path, {}).alerts.mail_ready


def test_a_channel_shows_how_it_fares(alerts: AlertKit) -> None:
    with receiver() as server:
        identity, _ = alerts.add_webhook(server.url)

        def state() -> str:
            return str(alerts.operate("alert.list")["channels"][0]["state"])

        assert state() == "unused"
        server.answers = [500] * 3
        alerts.fail("harbor|in|invalid|850|1|x")
        alerts.look()
        assert state() == "trouble"
        for _ in range(2):
            alerts.kit.pass_time(minutes=20)
            alerts.look()
        assert state() == "failing"
        alerts.kit.pass_time(minutes=20)
        alerts.look()
        assert state() == "ok"
        alerts.operate("alert.switch", id=identity, enabled=False)
        assert state() == "off"
