"""The first page: what needs somebody, proof that the gateway lives, and how the last days went."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, g, render_template
from sqlalchemy.orm import Session

from gateway.alerts import queries as alert_queries
from gateway.messages import corrections, queries, queries_acknowledgements, queries_orders, queries_staff
from gateway.messages.queries_cases import cause_of
from gateway.pipeline.corrections import correction_json
from gateway.web.site import the_site
from gateway.web.view.times import day_start

__all__ = ["pages"]

pages = Blueprint("home", __name__)

#: How old the figures of past days may be.
_TREND_AGE = timedelta(minutes=1)
#: Days whose answers are shown, and how old those of a past day may be: an answer may still come.
_DAYS = 14
_ANSWERS_AGE = timedelta(hours=1)
#: Corrections that wait for a second person and are shown.
_CORRECTIONS = 5


@pages.get("/")
def show() -> Any:
    """What needs you, proof of life, today, and 14 days."""
    site = the_site()
    with site.read() as session:
        facts: dict[str, Any] = {
            "cases": queries_staff.waiting_cases(session),
            "overdue": queries_staff.overdue(session),
            "counts": queries.counts(session),
            "last": queries_staff.last_seen(session),
            "due": queries_orders.orders_due(session, g.now),
            "alarms": alert_queries.open_alarms(session),
            "failing_channels": alert_queries.failing_channels(session),
            "today": queries_staff.counts_since(session, day_start(g.now, site.time_zone)),
        }
        for case in facts["cases"]["cases"]:
            case["cause"] = cause_of(case["title"])
        facts["corrections"] = [correction_json(row) for row in corrections.waiting(session, _CORRECTIONS)]
        days = _trend(session)
        answers = _answers(session)
    names = {partner.code: partner.name for partner in site.partners()}
    return render_template("home.html", days=days, answers=answers, work=site.work(), names=names, **facts)


def _trend(session: Session) -> list[tuple[str, int, int]]:
    """The figures of past days, counted at most once a minute; two pages at one time may both count."""
    kept: tuple[datetime, list[tuple[str, int, int]]] | None = current_app.extensions.get("gateway.trend")
    if kept is None or not timedelta(0) <= g.now - kept[0] < _TREND_AGE:
        kept = (g.now, queries_staff.daily(session, g.now))
        current_app.extensions["gateway.trend"] = kept
    return kept[1]


def _answers(session: Session) -> list[tuple[str, int, int]]:
    """(day, median seconds until our documents were acknowledged, 0) of the same days."""
    kept: dict[str, tuple[datetime, int]] = current_app.extensions.setdefault("gateway.answers", {})
    today = g.now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for back in range(_DAYS - 1, -1, -1):
        begin = today - timedelta(days=back)
        day = begin.date().isoformat()
        known = kept.get(day)
        if known is None or not timedelta(0) <= g.now - known[0] < (_ANSWERS_AGE if back else _TREND_AGE):
            seconds = queries_acknowledgements.answer_time(session, begin, begin + timedelta(days=1))
            known = kept[day] = (g.now, max(1, round(seconds)) if seconds is not None else 0)
        found.append((day, known[1], 0))
    for day in [day for day in kept if day < found[0][0]]:
        kept.pop(day, None)
    return found
