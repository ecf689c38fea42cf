"""The first page: what needs somebody, proof that the gateway lives, and how the last days went."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, g, render_template
from sqlalchemy.orm import Session

from gateway.messages import queries, queries_staff
from gateway.web.site import the_site
from gateway.web.view.times import day_start

__all__ = ["pages"]

pages = Blueprint("home", __name__)

#: How old the figures of past days may be.
_TREND_AGE = timedelta(minutes=1)


@pages.get("/")
def show() -> Any:
    """What needs you, proof of life, today, and 14 days."""
    site = the_site()
    with site.read() as session:
        facts = {
            "cases": queries_staff.waiting_cases(session),
            "overdue": queries_staff.overdue(session),
            "counts": queries.counts(session),
            "last": queries_staff.last_seen(session),
            "today": queries_staff.counts_since(session, day_start(g.now, site.time_zone)),
        }
        days = _trend(session)
    names = {partner.code: partner.name for partner in site.partners()}
    return render_template("home.html", days=days, work=site.work(), names=names, **facts)


def _trend(session: Session) -> list[tuple[str, int, int]]:
    """The figures of past days, counted at most once a minute; two pages at one time may both count."""
    kept: tuple[datetime, list[tuple[str, int, int]]] | None = current_app.extensions.get("gateway.trend")
    if kept is None or not timedelta(0) <= g.now - kept[0] < _TREND_AGE:
        kept = (g.now, queries_staff.daily(session, g.now))
        current_app.extensions["gateway.trend"] = kept
    return kept[1]
