"""Instants for people: how long ago, and exactly, in our zone and in the partner's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["Shown", "age", "clock", "day_start", "parse", "shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One instant in every form that a page needs."""

    #: For machines: ISO 8601 in UTC.
    iso: str
    #: "3 min ago", "in 2 h".
    relative: str
    #: "22 Nov 2026 14:05:31 CET".
    absolute: str
    #: The same in the partner's zone; "" when it is ours.
    theirs: str
    #: "14:05" today, else "22 Nov 14:05".
    short: str


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def parse(at: datetime | str | None) -> datetime | None:
    """An aware instant from what queries give: a datetime, ISO text, or None."""
    if at is None or isinstance(at, datetime):
        return at
    found = datetime.fromisoformat(at)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(seconds: float) -> str:
    """A span in its largest unit: "40 s", "3 min", "2 h", "5 d"."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def shown(at: datetime | str | None, now: datetime, zone: str, their_zone: str | None = None) -> Shown | None:
    """The instant for people; None stays None."""
    instant = parse(at)
    if instant is None:
        return None
    gone = (now - instant).total_seconds()
    relative = f"{age(gone)} ago" if gone >= 1 else f"in {age(-gone)}" if gone <= -1 else "now"
    local, here = instant.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    short = f"{local:%H:%M}" if local.date() == here.date() else f"{local.day} {local:%b %H:%M}"
    if local.year != here.year:
        short = f"{local.day} {local:%b %Y}"
    theirs = _exact(instant, their_zone) if their_zone and their_zone != zone else ""
    return Shown(instant.astimezone(UTC).isoformat(), relative, _exact(instant, zone), theirs, short)


def clock(at: datetime | str | None, zone: str) -> str:
    """The exact time in our zone; "" for None."""
    instant = parse(at)
    return "" if instant is None else _exact(instant, zone)


def day_start(now: datetime, zone: str, back: int = 0) -> datetime:
    """Midnight in the zone, ``back`` days before today."""
    local = now.astimezone(ZoneInfo(zone)) - timedelta(days=back)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _exact(instant: datetime, zone: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y %H:%M:%S %Z}"
