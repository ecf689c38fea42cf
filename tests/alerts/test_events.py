"""Cases become alerts: one for each problem, again only when something changes, exactly once also after a crash."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.alerts import events
from gateway.messages.axes import Review
from tests.alerts.alertkit import AlertKit
from tests.pipeline.pipelinekit import FIXTURES

RULE = "harbor|in|invalid|850|AK403-7|PO103=XX"


def test_seven_hundred_failures_of_one_problem_are_one_alert(alerts: AlertKit) -> None:
    alerts.add_mail()
    alerts.fail_all([(RULE, f"m{number}") for number in range(700)])
    alerts.look()
    assert alerts.told() == ["opened: 700 messages from Harbor Retail break a rule at PO103."]
    assert len(alerts.deliveries()) == 1
    alerts.look()
    assert len(alerts.alerts()) == 1


def test_a_problem_is_told_again_at_ten_times_as_many_and_when_it_is_over(alerts: AlertKit) -> None:
    case = alerts.fail(RULE, "m0")
    alerts.look()
    alerts.fail_all([(RULE, f"m{number}") for number in range(1, 9)])
    alerts.look()
    assert len(alerts.alerts()) == 1
    alerts.fail(RULE, "m9")
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "worse"]
    alerts.fail_all([(RULE, f"m{number}") for number in range(10, 99)])
    alerts.look()
    assert len(alerts.alerts()) == 2
    alerts.fail(RULE, "m99")
    alerts.look()
    alerts.close(case)
    alerts.look()
    assert [(alert.change, alert.count) for alert in alerts.alerts()] == [
        ("opened", 1),
        ("worse", 10),
        ("worse", 100),
        ("resolved", 100),
    ]
    assert alerts.alerts()[0].path == f"/failures/{case}"


def test_a_problem_that_comes_again_is_told_again(alerts: AlertKit) -> None:
    case = alerts.fail(RULE, "m0")
    alerts.look()
    alerts.close(case, Review.IGNORED)
    alerts.look()
    assert alerts.fail(RULE, "m1") == case
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "resolved", "opened"]


def test_a_problem_that_closed_and_came_again_between_two_looks_is_told_as_new(alerts: AlertKit) -> None:
    case = alerts.fail(RULE, "m0")
    alerts.look()
    alerts.close(case)
    alerts.fail(RULE, "m1")
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "opened"]


def test_a_problem_that_came_and_went_between_two_looks_is_told_to_nobody(alerts: AlertKit) -> None:
    alerts.close(alerts.fail(RULE))
    alerts.look()
    assert alerts.alerts() == []


def test_an_alert_repeats_no_value_of_a_message(alerts: AlertKit) -> None:
    bad = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()
    alerts.kit.receive(bad, message_id="<bad@harbor>")
    alerts.kit.work()
    case = alerts.kit.cases()[0]
    assert '"' in case.title
    alerts.look()
    (alert,) = alerts.alerts()
    assert alert.sentence.startswith("1 order from Harbor Retail breaks a rule")
    texts = " ".join([alert.sentence, alert.advice, alert.path])
    for value in ("HR-", "XX", "2026134"):
        assert value not in texts
    assert alert.whose == "partner"


def test_a_crash_before_the_commit_loses_nothing_and_one_after_it_doubles_nothing(
    alerts: AlertKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.add_mail()
    alerts.fail(RULE)
    real = events.store_steps

    def crash(*arguments: Any) -> Any:
        real(*arguments)
        raise RuntimeError("the power went off")

    monkeypatch.setattr(events, "store_steps", crash)
    with pytest.raises(RuntimeError):
        alerts.look()
    assert alerts.alerts() == alerts.deliveries() == []
    monkeypatch.setattr(events, "store_steps", real)
    alerts.restart()
    alerts.look()
    alerts.restart()
    alerts.look()
    assert len(alerts.alerts()) == len(alerts.deliveries()) == 1


def test_two_readers_at_one_time_tell_once(alerts: AlertKit) -> None:
    alerts.fail(RULE)
    with alerts.kit.store.read() as session:
        page = events._look(session, alerts.alerting, alerts.kit.now)
    assert events.sweep_events(alerts.alerting) == 1
    assert alerts.write(lambda session: events._store(session, alerts.alerting, page, alerts.kit.now)) == 0
    assert len(alerts.alerts()) == 1


def test_a_long_ledger_is_read_page_by_page(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAGE", 7)
    alerts.fail_all([(f"harbor|in|invalid|850|{number}|x", "m") for number in range(30)])
    alerts.look()
    assert len(alerts.alerts()) == 30


def test_a_pause_of_a_server_is_told_after_an_hour_and_not_when_it_passed(alerts: AlertKit) -> None:
    passing = alerts.fail("harbor|in|door|sftp-in", fault="door", title="sftp.harbor.example did not answer.")
    alerts.look()
    alerts.kit.pass_time(minutes=30)
    alerts.close(passing)
    alerts.look()
    assert alerts.alerts() == []
    alerts.fail("harbor|in|door|sftp-in", "m2", fault="door", title="sftp.harbor.example did not answer.")
    alerts.look()
    alerts.kit.pass_time(minutes=59)
    alerts.look()
    assert alerts.alerts() == []
    alerts.kit.pass_time(minutes=2)
    alerts.look()
    assert alerts.told() == ["opened: The connection with Harbor Retail needs somebody."]


def test_a_changed_host_key_is_told_at_once(alerts: AlertKit) -> None:
    title = "The server of Harbor Retail shows another host key than the profile."
    alerts.fail("harbor|in|door|host-key", fault="door", title=title)
    alerts.look()
    assert alerts.told() == [f"opened: {title}"]


def test_a_failed_delivery_and_an_overdue_acknowledgement_have_kinds_of_their_own(alerts: AlertKit) -> None:
    alerts.fail("harbor|out|delivery|", fault="delivery")
    alerts.fail("harbor|out|acknowledgement_overdue|850", fault="acknowledgement_overdue", severity="warning")
    alerts.look()
    assert {alert.kind: alert.severity for alert in alerts.alerts()} == {
        "delivery": "error",
        "acknowledgement": "warning",
    }
