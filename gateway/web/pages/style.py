"""The style guide: every part that pages are made of, in every state."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template

from gateway.staff.errors import AccountError
from gateway.web.view.states import AXES

__all__ = ["ICONS", "pages"]

pages = Blueprint("style", __name__, url_prefix="/style")

#: Every icon of the sprite.
ICONS = (
    *("home", "messages", "users", "style", "search", "inbox", "send", "check", "cross", "pause", "minus", "clock"),
    *("progress", "repeat", "warning", "alarm", "flag", "person", "info", "dot", "in", "out", "copy", "next", "back"),
    *("down", "key", "logout", "partner", "document", "filter", "download", "gate"),
)


@pages.get("")
def show() -> Any:
    """Every part in every state."""
    days = [(f"2026-11-{day:02d}", (day * 37) % 90 + 8, (day * 7) % 12) for day in range(9, 23)]
    wrong = AccountError('"XX" is not a unit.', "Choose EA or CA.", field="sample2")
    return render_template("style.html", axes=AXES, icons=ICONS, days=days, instant=g.now, sample_error=wrong)
