"""The flood guard, digests, quiet hours, mutes, crashes between sending and noting, and slow channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.alerts import batches, sender
from gateway.alerts.errors import AlertError
from gateway.alerts.kinds import DeliveryState
from gateway.alerts.routing import quiet_until
from gateway.messages.axes import Review
from tests.alerts.alertkit import AlertKit, receiver


def problems(alerts: AlertKit, count: int, start: int = 0, **values: Any) -> list[str]:
    return alerts.fail_all([(f"harbor|in|invalid|850|{n}|x", f"m{n}") for n in range(start, start + count)], **values)


@pytest.mark.volume
def test_seven_hundred_problems_are_at_most_twenty_messages_in_ten_minutes(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 700)
        alerts.look()
        assert len(server.posts) == 18  # two places are kept for critical ones
        digest = server.contents[-1]
        assert digest["type"] == "digest"
        assert len(digest["data"]["alerts"]) + digest["data"]["more"] + 17 == 700
        assert {delivery.state for delivery in alerts.deliveries()} == {DeliveryState.SENT}
        problems(alerts, 40, 1000)
        alerts.look()
        assert len(server.posts) == 18
        alerts.kit.pass_time(minutes=10)
        alerts.look()
        assert len(server.posts) == 18 + 18
        assert all(delivery.state == DeliveryState.SENT for delivery in alerts.deliveries())


def test_a_critical_alert_gets_through_a_flood(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 100)
        alerts.look()
        before = len(server.posts)
        alerts.fail("-|in|posting|disk", severity="critical", fault="posting")
        alerts.look()
        assert [content["data"]["severity"] for content in server.contents[before:]] == ["critical"]


def test_a_few_alerts_are_a_message_each(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 5)
        alerts.look()
        assert [content["type"] for content in server.contents] == ["problem.opened"] * 5
        assert len({headers["Webhook-Id"] for headers, _ in server.posts}) == 5


def test_a_digest_collects_what_comes_in_its_minutes(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url, digest_minutes=30)
        problems(alerts, 3)
        alerts.look()
        alerts.kit.pass_time(minutes=20)
        problems(alerts, 2, 10)
        alerts.look()
        assert server.posts == []
        alerts.kit.pass_time(minutes=11)
        alerts.look()
        (digest,) = server.contents
        assert len(digest["data"]["alerts"]) == 5


def test_quiet_hours_end_in_one_digest_and_hold_up_nothing_critical(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url, quiet_hours="11:00-13:00", time_zone="UTC")
        problems(alerts, 4)
        alerts.look()
        assert server.posts == []
        alerts.fail("-|in|posting|disk", severity="critical", fault="posting")
        alerts.look()
        assert [content["data"]["severity"] for content in server.contents] == ["critical"]
        alerts.kit.now = alerts.kit.now.replace(hour=13, minute=0, second=0)
        alerts.look()
        assert len(server.posts) == 2
        assert len(server.contents[1]["data"]["alerts"]) == 4


@pytest.mark.parametrize(
    ("hour", "minute", "until"),
    [(21, 59, None), (22, 0, (23, 6)), (23, 59, (23, 6)), (2, 0, (22, 6)), (5, 59, (22, 6)), (6, 0, None)],
)
def test_quiet_hours_may_span_midnight(hour: int, minute: int, until: tuple[int, int] | None) -> None:
    end = quiet_until("22:00-06:00", "UTC", datetime(2026, 11, 22, hour, minute, tzinfo=UTC))
    assert end == (None if until is None else datetime(2026, 11, until[0], until[1], tzinfo=UTC))


def test_quiet_hours_are_those_of_the_channels_zone() -> None:
    now = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # 23:00 in New York
    assert quiet_until("22:00-06:00", "America/New_York", now) == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert quiet_until("08:00-08:00", "UTC", now) is None
    assert quiet_until(None, "UTC", now) is None


def test_what_is_muted_is_kept_and_sent_to_nobody(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        case = alerts.fail("harbor|in|invalid|850|1|x")
        alerts.look()
        alerts.operate("alert.mute", case=case, hours=4, reason="we know")
        alerts.fail_all([("harbor|in|invalid|850|1|x", f"n{n}") for n in range(20)])
        alerts.look()
        assert len(server.posts) == 1
        assert [delivery.state for delivery in alerts.deliveries()] == [DeliveryState.SENT, DeliveryState.MUTED]
        alerts.kit.pass_time(hours=5)
        alerts.close(case)
        alerts.look()
        assert [content["type"] for content in server.contents] == ["problem.opened", "problem.resolved"]


def test_a_problem_that_opened_while_muted_is_not_told_as_resolved(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        made = alerts.operate("alert.mute", partner="harbor", hours=4, reason="they move house")
        case = alerts.fail("harbor|in|invalid|850|1|x")
        alerts.look()
        alerts.operate("alert.unmute", id=made["id"])
        alerts.close(case)
        alerts.look()
        assert server.posts == []
        with pytest.raises(AlertError, match="no such mute"):
            alerts.operate("alert.unmute", id=made["id"])


def test_a_mute_takes_what_waits_in_quiet_hours_along(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url, quiet_hours="11:00-13:00", time_zone="UTC")
        problems(alerts, 2)
        alerts.look()
        assert alerts.operate("alert.mute", kind="problem", hours=9, reason="test day")["silenced"] == 2
        alerts.kit.pass_time(hours=2)
        alerts.look()
        assert server.posts == []


def test_a_crash_between_sending_and_noting_sends_the_same_id_once_more_and_loses_nothing(
    alerts: AlertKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 2)

        def crash(*_: object) -> None:
            raise RuntimeError("the power went off")

        monkeypatch.setattr(batches, "sent", crash)
        alerts.look()
        assert len(server.posts) == 1
        monkeypatch.undo()
        alerts.restart()
        alerts.look()
        ids = [headers["Webhook-Id"] for headers, _ in server.posts]
        assert len(ids) == 3
        assert ids[0] == ids[1] != ids[2]
        assert {delivery.state for delivery in alerts.deliveries()} == {DeliveryState.SENT}


def test_a_slow_channel_delays_no_other(alerts: AlertKit) -> None:
    with receiver() as slow, receiver() as quick:
        slow.open.clear()
        alerts.add_webhook(slow.url, name="Slow")
        alerts.add_webhook(quick.url, name="Quick")
        problems(alerts, 3)
        alerts.kit.pass_time(seconds=5)
        alerts.runner.look()
        for _ in range(3):
            assert quick.came.acquire(timeout=20)
        assert slow.came.acquire(timeout=20)
        assert len(slow.posts) == 1
        slow.open.set()
        assert alerts.runner.sender.wait(30)
        assert len(slow.posts) == 3


def test_an_end_waits_for_what_is_being_sent_and_begins_nothing(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 3)
        server.open.clear()
        alerts.runner.look()
        assert server.came.acquire(timeout=20)
        alerts.runner.sender.stop(0.1)  # does not wait for ever
        server.open.set()
        assert alerts.runner.sender.wait(30)
        assert len(server.posts) == 1
        assert alerts.runner.sender.dispatch() == 0
        alerts.restart()
        alerts.look()
        assert len(server.posts) == 3


def test_only_so_many_channels_are_sent_through_at_one_time(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "MOST_THREADS", 1)
    with receiver() as server:
        server.open.clear()
        for name in ("One", "Two"):
            alerts.add_webhook(server.url, name=name)
        problems(alerts, 1)
        alerts.kit.pass_time(seconds=5)
        alerts.runner.look()
        assert server.came.acquire(timeout=20)
        assert alerts.runner.sender.dispatch() == 0
        server.open.set()
        assert alerts.runner.sender.wait(30)
        assert alerts.runner.sender.dispatch() == 1
        assert alerts.runner.sender.wait(30)
        assert len(server.posts) == 2


def test_a_channel_that_is_down_is_asked_by_one_message_and_gets_the_rest_once_it_works(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        server.answers = [500] * 3
        problems(alerts, 1)
        alerts.look()
        problems(alerts, 300, 10)
        for _ in range(2):
            alerts.kit.pass_time(minutes=16)
            alerts.look()
        assert len(server.posts) == 3
        assert len({headers["Webhook-Id"] for headers, _ in server.posts}) == 1
        alerts.kit.pass_time(minutes=16)
        alerts.look()
        assert len(server.posts) <= 3 + 20
        assert {delivery.state for delivery in alerts.deliveries()} == {DeliveryState.SENT}


def test_a_channel_that_is_switched_off_or_removed_sends_nothing_more(alerts: AlertKit) -> None:
    with receiver() as server:
        first, _ = alerts.add_webhook(server.url, name="First", digest_minutes=10)
        second, _ = alerts.add_webhook(server.url, name="Second", digest_minutes=10)
        problems(alerts, 2)
        alerts.look()
        alerts.operate("alert.switch", id=first, enabled=False)
        alerts.operate("alert.remove", id=second)
        problems(alerts, 2, 10)
        alerts.kit.pass_time(minutes=30)
        alerts.look()
        assert server.posts == []
    assert {delivery.last_error for delivery in alerts.deliveries()} == {
        "The channel was switched off.",
        "The channel was removed.",
    }


def test_the_deliveries_of_a_channel_that_is_gone_end(alerts: AlertKit) -> None:
    identity = alerts.add_mail()
    problems(alerts, 1)
    alerts.kit.pass_time(seconds=5)
    from gateway.alerts.events import sweep_events
    from gateway.alerts.models import AlertChannel

    sweep_events(alerts.alerting)
    alerts.write(lambda session: session.delete(session.get_one(AlertChannel, identity)))
    alerts.look()
    assert [delivery.state for delivery in alerts.deliveries()] == [DeliveryState.FAILED]


def test_a_channel_hears_only_what_it_asked_for(alerts: AlertKit) -> None:
    grave = alerts.add_mail(name="Grave", least="error")
    queues = alerts.add_mail(name="Queues", kinds=["queue"])
    other = alerts.add_mail(name="Other", partners=["somebody"])
    own = alerts.add_mail(name="Harbor", partners=["harbor"])
    alerts.fail("harbor|in|approval|850", severity="warning", fault="approval")
    alerts.look()
    assert alerts.deliveries(channel_id=grave) == alerts.deliveries(channel_id=queues) == []
    assert alerts.deliveries(channel_id=other) == []
    assert len(alerts.deliveries(channel_id=own)) == 1


def test_the_profile_of_a_partner_names_who_is_told_about_it(alerts: AlertKit) -> None:
    with receiver() as server:
        alerts.kit.befriend(
            alerts={"mail": ["harbor-desk@us.example"], "webhook": server.url, "quiet_hours": "01:00-02:00"}
        )
        alerts.fail("harbor|in|invalid|850|1|x")
        alerts.fail("other|in|invalid|850|1|x", partner="other")
        alerts.look()
        assert len(server.posts) == 1
        assert server.contents[0]["data"]["partner"] == "harbor"
    listed = {channel["kind"]: channel for channel in alerts.operate("alert.list")["channels"]}
    assert listed["mail"]["target"] == "harbor-desk@us.example"
    assert (listed["mail"]["origin"], listed["mail"]["quiet_hours"]) == ("harbor", "01:00-02:00")
    with pytest.raises(AlertError, match="comes from the profile of harbor"):
        alerts.operate("alert.remove", id=listed["mail"]["id"])
    alerts.kit.befriend(alerts={"mail": ["new-desk@us.example"]})
    alerts.fail("harbor|in|unreadable|", fault="unreadable")
    alerts.look()
    listed = {channel["kind"]: channel for channel in alerts.operate("alert.list")["channels"]}
    assert listed["mail"]["target"] == "new-desk@us.example"
    assert len(alerts.deliveries(channel_id=listed["webhook"]["id"])) == 1


def test_a_database_that_is_away_ends_one_round_and_no_more(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 1)
        real = batches.next_message

        def away(*_: object, **__: object) -> None:
            raise OSError("the database is away")

        monkeypatch.setattr(batches, "next_message", away)
        alerts.look()
        monkeypatch.setattr(batches, "next_message", real)
        alerts.look()
        assert len(server.posts) == 1


def test_the_runner_looks_by_itself_until_it_is_stopped(alerts: AlertKit) -> None:
    from gateway.alerts.runner import Runner

    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 1)
        runner = Runner(alerts.alerting, every=0.01)
        runner.start()
        assert server.came.acquire(timeout=20)
        runner.stop()
    Runner(alerts.alerting).stop()


def test_a_look_that_fails_is_not_the_last(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.alerts import runner as running

    calls = []
    real = running.sweep_events

    def fails_once(*arguments: Any) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the database is away")
        return real(*arguments)

    monkeypatch.setattr(running, "sweep_events", fails_once)
    with receiver() as server:
        alerts.add_webhook(server.url)
        problems(alerts, 1)
        made = running.Runner(alerts.alerting, every=0.01)
        made.start()
        assert server.came.acquire(timeout=20)
        made.stop()


def test_resolved_goes_to_those_who_heard_of_the_beginning(alerts: AlertKit) -> None:
    first = alerts.add_mail(name="First")
    case = alerts.fail("harbor|in|invalid|850|1|x")
    alerts.look()
    later = alerts.add_mail(name="Later")
    alerts.close(case, Review.RESOLVED)
    alerts.look()
    assert len(alerts.deliveries(channel_id=first)) == 2
    assert alerts.deliveries(channel_id=later) == []


def test_a_fault_of_ours_in_one_message_is_tried_later_and_stops_no_other(
    alerts: AlertKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as server:
        identity, _ = alerts.add_webhook(server.url)
        real = sender.content_of

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(sender, "content_of", broken)
        problems(alerts, 1)
        alerts.look()
        assert alerts.channel(identity).last_error == "A fault of the gateway: ZeroDivisionError."
        monkeypatch.setattr(sender, "content_of", real)
        alerts.kit.pass_time(minutes=2)
        alerts.look()
        assert len(server.posts) == 1
