"""The event ledger as staff read it: the newest first, by page, narrowed to a person, a kind of thing, or days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.store.ledger import Event, head, instant

__all__ = ["EventFilters", "events", "subject_types"]

#: Events are written in the order of time but for work that ran side by side; so many around a day are looked at too.
_SLACK = 2_000


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What the list is narrowed to; "" and None leave it open."""

    #: The name of a user, or the beginning of one ("outbox:").
    actor: str = ""
    subject_type: str = ""
    subject_id: str = ""
    #: "profile-changed", "moved" …
    kind: str = ""
    #: Instants, the first included, the second not.
    since: datetime | None = None
    until: datetime | None = None


def events(session: Session, filters: EventFilters, *, before: int | None = None, limit: int = 50) -> dict[str, Any]:
    """One page, the newest first: {"events", "next", "total"}.

    ``before`` is the "next" of the page before: a number of an event. An event: {"seq", "at", "kind",
    "subject_type", "subject_id", "axis", "old", "new", "actor", "reason", "data", "hash"}.
    """
    total, _ = head(session)
    query = select(Event).order_by(Event.seq.desc()).limit(limit + 1)
    for name in ("subject_type", "subject_id", "kind"):
        if getattr(filters, name):
            query = query.where(getattr(Event, name) == getattr(filters, name))
    if filters.actor:
        query = query.where(Event.actor >= filters.actor, Event.actor < filters.actor + "\U0010ffff")
    if filters.since is not None:
        first = instant(filters.since)
        query = query.where(Event.at >= first, Event.seq >= _first_at(session, first, total) - _SLACK)
    if filters.until is not None:
        end = instant(filters.until)
        query = query.where(Event.at < end, Event.seq <= _first_at(session, end, total) + _SLACK)
    if before is not None:
        query = query.where(Event.seq < before)
    rows = list(session.scalars(query))
    page = [_event(row) for row in rows[:limit]]
    return {"events": page, "next": page[-1]["seq"] if len(rows) > limit else None, "total": total}


def _first_at(session: Session, at: str, total: int) -> int:
    """The number of the first event at or after an instant, found by halving: numbers have no gap."""
    low, high = 1, total + 1
    while low < high:
        middle = (low + high) // 2
        found = session.scalar(select(Event.at).where(Event.seq == middle))
        if found is not None and found < at:
            low = middle + 1
        else:
            high = middle
    return low


def subject_types(session: Session) -> list[str]:
    """The kinds of things that events are about, each found by one step through the index."""
    found: list[str] = []
    query = select(Event.subject_type).order_by(Event.subject_type).limit(1)
    name = session.scalar(query)
    while name is not None:
        found.append(name)
        name = session.scalar(query.where(Event.subject_type > name))
    return found


def _event(row: Event) -> dict[str, Any]:
    names = ("seq", "at", "kind", "subject_type", "subject_id", "axis", "old", "new", "actor", "reason", "data", "hash")
    return {name: getattr(row, name) for name in names}
