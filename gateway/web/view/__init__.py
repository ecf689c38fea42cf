"""Helpers that turn values into what templates show: times, money, states, charts, segments.

``register`` gives them to the templates; page modules import them from their own modules.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, g, request

from gateway.staff.roles import Role, allows
from gateway.web.site import Site
from gateway.web.view import charts, states, times, words

__all__ = ["NAVIGATION", "now", "register"]

#: What the side bar shows: (endpoint, icon, words, lowest role, shortcut after "g").
NAVIGATION: list[tuple[str, str, str, Role, str]] = [
    ("home.show", "home", "Home", Role.VIEWER, "h"),
    ("messages.index", "messages", "Messages", Role.VIEWER, "m"),
    ("orders.index", "order", "Orders", Role.VIEWER, "o"),
    ("failures.index", "warning", "Failures", Role.VIEWER, "f"),
    ("acknowledgements.index", "alarm", "Acknowledgements", Role.VIEWER, "a"),
    ("partners.index", "partner", "Partners", Role.VIEWER, "p"),
    ("queues.index", "progress", "Queues", Role.VIEWER, "q"),
    ("inspector.show", "search", "Inspector", Role.VIEWER, "i"),
    ("alerts.index", "bell", "Alerts", Role.OPERATOR, "t"),
    ("audit.index", "document", "Audit", Role.ADMIN, "l"),
    ("system.show", "gate", "System", Role.ADMIN, "s"),
    ("users.index", "users", "Users", Role.SECURITY, "u"),
    ("style.show", "style", "Style guide", Role.ADMIN, ""),
]


def now() -> datetime:
    """The present instant, for pages that have no site's clock."""
    return datetime.now(UTC)


def register(app: Flask, site: Site) -> None:
    """Make the helpers known to the templates."""

    def when(at: Any, zone: str | None = None) -> times.Shown | None:
        return times.shown(at, g.now, site.time_zone, zone)

    def clock(at: Any) -> str:
        return times.clock(at, site.time_zone)

    def navigation() -> list[dict[str, Any]]:
        held = g.visitor.roles if g.visitor else frozenset()
        family = (request.endpoint or "").partition(".")[0].partition("_")[0]
        return [
            {"endpoint": end, "icon": icon, "words": word, "key": key, "here": end.partition(".")[0] == family}
            for end, icon, word, least, key in NAVIGATION
            if held and allows(held, least)
        ]

    app.jinja_env.globals.update(
        state=states.state,
        words=words.words,
        when=when,
        clock=clock,
        money=words.money,
        number=words.number,
        bytes_of=words.bytes_of,
        plain=words.plain,
        trend=charts.trend,
        age=times.age,
        may_role=lambda role: bool(g.visitor) and allows(g.visitor.roles, Role(role)),
    )
    app.context_processor(
        lambda: {
            "site": site,
            "visitor": g.get("visitor"),
            "navigation": navigation(),
            "theme": g.visitor.theme if g.get("visitor") else "system",
        }
    )
