"""Partners unusually quiet, judged by the same weekday and hour of the last eight weeks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gateway.alerts.models import PartnerArrival
from gateway.alerts.quiet import is_unusual
from tests.alerts.alertkit import AlertKit
from tests.pipeline.pipelinekit import FIXTURES

#: A Saturday; eight whole weeks of history lie before it.
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()
H = timedelta(hours=1)


def remember(alerts: AlertKit, instants: Iterable[datetime], partner: str = "harbor", count: int = 2) -> None:
    """Messages came at these instants."""

    def work(session: object) -> None:
        for at in instants:
            hour = at.replace(minute=0, second=0, microsecond=0)
            session.add(PartnerArrival(partner=partner, hour=hour, count=count, last_at=at))  # type: ignore[attr-defined]

    alerts.write(work)


def working_days(weeks: int = 8, hour: int = 9) -> list[datetime]:
    """Every working day at nine, before MONDAY."""
    days = (MONDAY - timedelta(days=n) for n in range(1, 7 * weeks + 1))
    return sorted(day + hour * H for day in days if day.weekday() < 5)


def at(alerts: AlertKit, when: datetime) -> list[str]:
    alerts.kit.now = when
    alerts.look()
    return alerts.told()


def test_a_partner_that_sends_every_working_day_is_missed_on_monday_but_not_on_sunday(alerts: AlertKit) -> None:
    remember(alerts, working_days())
    assert at(alerts, MONDAY - 12 * H) == []
    assert at(alerts, MONDAY + 8 * H) == []
    assert at(alerts, MONDAY + 10 * H) == []  # two hours of grace
    assert at(alerts, MONDAY + 11.5 * H) == ["opened: Harbor Retail is unusually quiet: nothing came for 3 days."]
    assert len(at(alerts, MONDAY + 15 * H)) == 1
    assert alerts.alerts()[0].path == "/partners/harbor"


def test_the_next_message_clears_the_alarm(alerts: AlertKit) -> None:
    remember(alerts, working_days())
    at(alerts, MONDAY + 13 * H)
    alerts.kit.receive(ORDER, message_id="<late@harbor>")
    told = at(alerts, MONDAY + 14 * H)
    assert told[-1] == "resolved: Harbor Retail sends messages again."
    assert at(alerts, MONDAY + 15 * H) == told


def test_a_holiday_weeks_ago_is_no_habit(alerts: AlertKit) -> None:
    holiday = MONDAY - timedelta(weeks=3)
    remember(alerts, [day for day in working_days() if day.date() != holiday.date()])
    assert len(at(alerts, MONDAY + 13 * H)) == 1


def test_a_partner_that_never_sends_on_mondays_is_not_missed_then(alerts: AlertKit) -> None:
    remember(alerts, [day for day in working_days() if day.weekday() != 0])
    assert at(alerts, MONDAY + 18 * H) == []
    assert len(at(alerts, MONDAY + 36 * H)) == 1


def test_too_little_history_says_nothing(alerts: AlertKit) -> None:
    remember(alerts, working_days(), count=1)
    remember(alerts, [MONDAY - timedelta(weeks=n) for n in range(1, 9)], partner="weekly")
    remember(alerts, [MONDAY - timedelta(hours=n) for n in range(30, 60)], partner="new")
    alerts.kit.befriend(code="new", name="New", ids={"isa": [{"qualifier": "ZZ", "id": "NEW"}]})
    assert [line for line in at(alerts, MONDAY + 60 * H) if "New is unusually" in line] == []


def test_a_profile_may_name_its_own_hours(alerts: AlertKit) -> None:
    alerts.kit.befriend(alerts={"quiet_after_hours": 36})
    remember(alerts, [MONDAY], count=1)
    assert at(alerts, MONDAY + 35 * H) == []
    assert at(alerts, MONDAY + 37 * H) == ["opened: Harbor Retail is unusually quiet: nothing came for 37 h."]


def test_a_partner_that_is_paused_or_gone_is_not_missed(alerts: AlertKit) -> None:
    remember(alerts, working_days())
    remember(alerts, working_days(), partner="gone")
    alerts.kit.befriend(status="paused")
    assert at(alerts, MONDAY + 13 * H) == []


def test_messages_that_come_are_counted_by_the_hour(alerts: AlertKit) -> None:
    for number in range(3):
        alerts.kit.receive(ORDER, message_id=f"<{number}@harbor>")
    alerts.look()
    alerts.kit.receive(ORDER, message_id="<4@harbor>")
    alerts.kit.receive(ORDER, partner=None, message_id="<5@nobody>")
    alerts.look()
    with alerts.kit.store.read() as session:
        (row,) = session.query(PartnerArrival).all()
    assert (row.partner, row.count, row.hour.minute) == ("harbor", 4, 0)


def test_one_silence_among_many_is_left_out_of_the_comparison() -> None:
    assert is_unusual(5 * H, [H, H, H, 70 * H])
    assert not is_unusual(5 * H, [H, H, 70 * H])
    assert not is_unusual(5 * H, [H, H])
    assert not is_unusual(H, [H, H, H, H])
