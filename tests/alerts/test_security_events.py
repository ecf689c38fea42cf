"""Security events: new admins, lock-outs, going live, and strangers at the AS2 door."""

from __future__ import annotations

from typing import Any

from gateway.staff import accounts, sessions
from gateway.staff.errors import TooManyTriesError
from gateway.staff.passwords import hash_password
from gateway.store import ledger
from tests.alerts.alertkit import AlertKit

HASHED = hash_password("violet-anchor-kettle-91")


def add(alerts: AlertKit, name: str, *roles: str) -> None:
    alerts.write(
        lambda session: accounts.create_user(
            session, name=name, full_name=name, roles=roles, password="violet-anchor-kettle-91",
            password_hash=HASHED, actor="test", now=alerts.kit.now,
        )
    )  # fmt: skip


def guess(alerts: AlertKit, name: str, times: int = 5, address: str = "192.0.2.7") -> None:
    def work(session: Any) -> None:
        try:
            sessions.count_try(session, name, address, alerts.kit.now)
        except TooManyTriesError:
            return
        sessions.fail(session, name, address, alerts.kit.now)

    for _ in range(times):
        alerts.write(work)


def test_a_new_admin_is_told_and_a_new_viewer_is_not(alerts: AlertKit) -> None:
    add(alerts, "vera", "viewer")
    add(alerts, "adam", "admin", "security")
    alerts.look()
    assert alerts.told() == ["opened: The account adam now has the roles admin and security."]

    def promote(session: Any) -> None:
        user = accounts.by_name(session, "vera")
        accounts.set_roles(session, user, ["viewer", "admin"], actor="adam", now=alerts.kit.now)

    alerts.write(promote)
    alerts.look()
    assert alerts.told()[1:] == ["opened: The account vera now has the role admin."]
    assert {(alert.kind, alert.path) for alert in alerts.alerts()} == {("security", "/users")}


def test_a_lock_out_is_told_once_a_day(alerts: AlertKit) -> None:
    add(alerts, "vera", "viewer")
    guess(alerts, "vera", 4)
    alerts.look()
    assert alerts.alerts() == []
    guess(alerts, "vera", 3)
    alerts.look()
    assert alerts.told() == ["opened: Too many failed logins to the account vera from 192.0.2.7."]
    alerts.kit.pass_time(minutes=20)
    guess(alerts, "vera")
    alerts.look()
    assert len(alerts.alerts()) == 1
    alerts.kit.pass_time(hours=25)
    alerts.look()
    assert len(alerts.alerts()) == 1
    guess(alerts, "vera")
    alerts.look()
    assert len(alerts.alerts()) == 2


def test_a_password_typed_as_a_name_is_not_repeated(alerts: AlertKit) -> None:
    guess(alerts, "canary-password-5")
    alerts.look()
    (line,) = alerts.told()
    assert line == "opened: Too many failed logins to names that have no account from 192.0.2.7."


def test_going_live_is_noted(alerts: AlertKit) -> None:
    alerts.kit.befriend(code="delta", name="Delta", status="testing", ids={"isa": [{"qualifier": "ZZ", "id": "D"}]})
    alerts.look()
    assert alerts.alerts() == []
    alerts.kit.befriend(code="delta", name="Delta", status="live", ids={"isa": [{"qualifier": "ZZ", "id": "D"}]})
    alerts.look()
    alerts.kit.befriend(code="delta", name="Delta Two", status="live", ids={"isa": [{"qualifier": "ZZ", "id": "D"}]})
    alerts.look()
    assert alerts.told() == ["opened: Delta is live now."]
    assert alerts.alerts()[0].severity == "note"


def test_strangers_at_the_door_are_one_alert_and_one_more_at_ten_times_as_many(alerts: AlertKit) -> None:
    def stranger(session: Any) -> None:
        ledger.append(
            session, at=alerts.kit.now, kind="as2-unknown", subject_type="address", subject_id="192.0.2.7",
            actor="as2", reason='A message from "EVIL" to "US" was refused.',
        )  # fmt: skip

    for _ in range(3):
        alerts.write(stranger)
    alerts.look()
    for _ in range(26):
        alerts.write(stranger)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened"]
    alerts.write(stranger)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "worse"]
    assert "EVIL" not in " ".join(alerts.told())
