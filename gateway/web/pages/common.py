"""What page modules share: messages to the next page, and the way back after a change."""

from __future__ import annotations

from typing import Any, Literal

from flask import flash, redirect, request, url_for

from gateway.control import describe
from gateway.web.security import local_path

__all__ = ["done", "go", "refusal", "wrong"]

Tone = Literal["good", "bad", "warn", "info"]


def done(sentence: str, tone: Tone = "good") -> None:
    """Show a sentence on the next page."""
    flash(sentence, tone)


def go(endpoint: str, **values: Any) -> Any:
    """To a page after a change (POST, redirect, GET); the form's ``back`` wins when it is a place of ours."""
    back = request.form.get("back")
    return redirect(local_path(back) if back else url_for(endpoint, **values), 303)


def refusal(error: Exception) -> str:
    """The sentence of an expected refusal with what to do; raises what nobody foresaw again."""
    known = describe(error)
    if known is None:
        raise error
    return " ".join(filter(None, [known.error, *known.details, known.fix]))


def wrong(error: Exception) -> None:
    """Show an expected refusal on the next page."""
    done(refusal(error), "bad")
