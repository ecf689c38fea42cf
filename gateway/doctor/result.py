"""What a check says, and what it is given to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.settings import Settings
from gateway.store.engine import Store

__all__ = ["Patient", "Result", "count", "fail", "ok", "warn"]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the diagnosis."""

    #: What was checked: "python", "keys", "disk" …
    check: str
    #: "ok"; "warn" = works, but somebody should look; "fail" = does not work.
    status: Literal["ok", "warn", "fail"]
    #: What was found, one sentence.
    message: str
    #: What to do; "" when nothing.
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """A working directory under examination."""

    settings: Settings
    #: The instant of the examination.
    now: datetime
    #: True when a service answers on the control socket.
    running: bool
    #: The store, open for reading; None while it has not been opened.
    store: Store | None = None


def ok(check: str, message: str) -> Result:
    """A result that needs nobody."""
    return Result(check, "ok", message)


def warn(check: str, message: str, fix: str) -> Result:
    """A result that somebody should look at."""
    return Result(check, "warn", message, fix)


def fail(check: str, message: str, fix: str = "") -> Result:
    """A result that keeps the gateway from its work."""
    return Result(check, "fail", message, fix)


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 file", "2 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
