"""The event ledger: an append-only table in which every event carries the digest of the one before it.

An event's ``hash`` is the SHA-256 of its own fields and of its predecessor's hash, over the very text that
is stored, so that an edit, a deletion, an insertion or a swap breaks the chain at that place. The head (the
last number and hash) is kept in a row of its own, in the same transaction, so that a cut-off tail shows too.
Triggers refuse UPDATE and DELETE. Someone who can rewrite the whole file can rewrite the whole chain: note
the head elsewhere from time to time, and hand it to ``verify`` as ``expected_head``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    DDL,
    Index,
    Integer,
    RowMapping,
    Table,
    Text,
    event,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.store.base import NUL_SHOWN, Base, JsonText, bounded
from gateway.store.errors import LedgerTamperedError
from gateway.store.prepared import Prepared

__all__ = [
    "GENESIS",
    "Entry",
    "Event",
    "LedgerHead",
    "LedgerReport",
    "append",
    "append_all",
    "head",
    "instant",
    "verify",
    "verify_after",
]

#: The hash that the first event names as its predecessor's.
GENESIS = "0" * 64
#: Events that are read at a time while verifying.
PAGE = 5_000


class Event(Base):
    """One thing that happened. Written once, never changed."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_subject", "subject_type", "subject_id", "seq"),)

    #: 1, 2, 3 … without a gap.
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: When, UTC, always as ``2026-01-31T23:59:59.000000Z``: text, because the hash covers it.
    at: Mapped[str] = mapped_column(Text)
    #: What: "created", "moved", "posted", "profile-changed" …
    kind: Mapped[str] = mapped_column(Text)
    #: To what: "transmission", "document", "case", "partner" …
    subject_type: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    #: For a move: the axis with its old and new value.
    axis: Mapped[str | None] = mapped_column(Text)
    old: Mapped[str | None] = mapped_column(Text)
    new: Mapped[str | None] = mapped_column(Text)
    #: Who: a user's name, or the part of the gateway that did it.
    actor: Mapped[str] = mapped_column(Text)
    #: Why, one plain sentence.
    reason: Mapped[str] = mapped_column(Text)
    #: More, as JSON.
    data: Mapped[Any] = mapped_column(JsonText, nullable=True)
    prev_hash: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)


class LedgerHead(Base):
    """The number and hash of the last event; one row."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(Text)


_REFUSAL = "the ledger is append-only"
#: Statements that make the database refuse a change of an event, by dialect; the first migration has a copy.
GUARDS: Mapping[str, tuple[str, ...]] = {
    "sqlite": (
        f"CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        f"CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON event "
        "FOR EACH STATEMENT EXECUTE FUNCTION event_refuse()",
    ),
}
for _dialect, _statements in GUARDS.items():
    for _statement in _statements:
        _guard = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(Event.__table__, "after_create", _guard.execute_if(dialect=_dialect))


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to be written; the fields of ``Event`` without number, instant and hashes."""

    kind: str
    subject_type: str
    subject_id: str
    actor: str
    reason: str
    axis: str | None = None
    old: str | None = None
    new: str | None = None
    #: Plain JSON.
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What ``verify`` found."""

    #: True when every event stands as it was written and none is missing.
    ok: bool
    #: Events that were checked, up to and without the first bad one.
    checked: int
    #: Number of the first event that is not as it was written, or None.
    first_bad: int | None
    #: One plain sentence.
    message: str
    #: The last event's number and hash as ``"<seq>:<hash>"``: note it elsewhere, hand it in next time.
    head: str


def instant(at: datetime) -> str:
    """The ledger's text of an aware instant, ``2026-01-31T23:59:59.000000Z``; ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"The instant {at.isoformat()} has no time zone; pass an aware datetime.")
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:-_OFFSET]}Z"


def append(
    session: Session,
    *,
    at: datetime,
    kind: str,
    subject_type: str,
    subject_id: str,
    actor: str,
    reason: str,
    axis: str | None = None,
    old: str | None = None,
    new: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Write one event in the caller's transaction and return its number.

    ``at`` is an aware instant, ``data`` plain JSON. Raises LedgerTamperedError when events were removed
    behind the gateway's back.
    """
    entry = Entry(kind, subject_type, subject_id, actor, reason, axis=axis, old=old, new=new, data=data)
    return append_all(session, [entry], at=at)


def append_all(session: Session, entries: Sequence[Entry], *, at: datetime) -> int:
    """Write several events of one instant in order and return the last number; see ``append``."""
    last, previous = _last(session)
    rows: list[dict[str, Any]] = []
    for seq, entry in enumerate(entries, last + 1):
        row = {
            "seq": seq,
            "at": instant(at),
            **{name: _storable(getattr(entry, name)) for name in _TEXTS},
            "subject_id": bounded(_storable(entry.subject_id) or ""),
            "data": None if entry.data is None else _canonical(entry.data),
            "prev_hash": previous,
        }
        previous = row["hash"] = _digest(row)
        rows.append(row)
    for row in rows:
        _INSERT.change(session, row)
    seq = last + len(rows)
    moved = _MOVE_HEAD.change(session, {"old_seq": last, "new_seq": seq, "new_hash": previous})
    if moved != 1:
        raise LedgerTamperedError(f"The ledger's recorded head is not event {last}. Run `gateway ledger check`.")
    return seq


def head(session: Session) -> tuple[int, str]:
    """Number and hash of the last event as recorded; (0, GENESIS) when there is none."""
    row = session.execute(select(LedgerHead.seq, LedgerHead.hash)).first()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def verify(
    session: Session,
    progress: Callable[[int, int], None] | None = None,
    *,
    expected_head: str | None = None,
) -> LedgerReport:
    """Recompute the whole chain. ``progress(checked, total)`` is called after every few thousand events.

    ``expected_head`` is a head noted earlier (``LedgerReport.head``): that event must still be in the chain.
    Never raises for what it finds; the report names the first bad event. Raises ValueError for an
    ``expected_head`` that is not ``number:hash``.
    """
    wanted_seq, wanted_hash = _parse_head(expected_head)
    total, head_hash = head(session)
    checked, previous = 0, GENESIS
    for row in _events(session):
        problem = _problem(row, checked + 1, previous)
        if problem is None and row.seq == wanted_seq and row.hash != wanted_hash:
            problem = f"Event {row.seq} is not the one whose hash was noted earlier: the ledger was rewritten."
        if problem is not None:
            return LedgerReport(False, checked, checked + 1, problem, f"{checked}:{previous}")
        checked, previous = checked + 1, row["hash"]
        if progress is not None and checked % PAGE == 0:
            progress(checked, total)
    if progress is not None:
        progress(checked, total)
    here = f"{checked}:{previous}"
    if (checked, previous) != (total, head_hash):
        message = (
            f"The ledger ends with event {checked}, but {total} were written: the last {total - checked} are missing."
            if checked < total
            else f"The ledger has {checked} events, but only {total} were written: some were added by hand."
        )
        return LedgerReport(False, checked, checked + 1, message, here)
    if wanted_seq > checked:
        message = f"The head noted earlier is event {wanted_seq}, but the ledger ends with event {checked}."
        return LedgerReport(False, checked, checked + 1, message, here)
    return LedgerReport(True, checked, None, f"All {checked} events stand as they were written.", here)


def verify_after(session: Session, noted: str | None, *, limit: int = PAGE) -> LedgerReport:
    """Check at most ``limit`` events that follow a head noted earlier (None: from the first one).

    For a watch that goes through a long ledger little by little: hand the report's ``head`` in the next time. At the
    ledger's end its recorded head is compared, too. Raises ValueError for a head that is not ``number:hash``.
    """
    checked, previous = _parse_head(noted)
    total, head_hash = head(session)
    rows = session.execute(_PAGES.where(_EVENT.c.seq > checked).limit(limit)).mappings().all()
    for row in rows:
        problem = _problem(row, checked + 1, previous)
        if problem is not None:
            return LedgerReport(False, checked, checked + 1, problem, f"{checked}:{previous}")
        checked, previous = checked + 1, row["hash"]
    here = f"{checked}:{previous}"
    if len(rows) < limit and (checked, previous) != (total, head_hash):
        message = f"The ledger ends with event {checked}, but the head that was recorded is event {total}."
        return LedgerReport(False, checked, checked + 1, message, here)
    return LedgerReport(True, checked, None, f"The events up to {checked} stand as they were written.", here)


# -- the chain -----------------------------------------------------------------------------------------------

_EVENT = cast("Table", Event.__table__)
#: Bound to plain text types: what is hashed is what is stored.
_INSERT = Prepared(
    text(
        "INSERT INTO event (seq, at, kind, subject_type, subject_id, axis, old, new, actor, reason, data, "
        "prev_hash, hash) VALUES (:seq, :at, :kind, :subject_type, :subject_id, :axis, :old, :new, :actor, "
        ":reason, :data, :prev_hash, :hash)"
    )
)
_HEAD = cast("Table", LedgerHead.__table__)
_READ_HEAD = Prepared(select(_HEAD.c.seq, _HEAD.c.hash).with_for_update())
_MAKE_HEAD = Prepared(text("INSERT INTO ledger_head (id, seq, hash) VALUES (1, 0, :genesis) ON CONFLICT DO NOTHING"))
_MOVE_HEAD = Prepared(text("UPDATE ledger_head SET seq = :new_seq, hash = :new_hash WHERE id = 1 AND seq = :old_seq"))
#: Characters of the offset at the end of an instant in UTC.
_OFFSET = len("+00:00")
_TEXTS = ("kind", "subject_type", "subject_id", "axis", "old", "new", "actor", "reason")
_FIELDS = (
    *("seq", "at", "kind", "subject_type", "subject_id", "axis", "old", "new", "actor", "reason", "data"),
    "prev_hash",
)


_PAGES = select(
    _EVENT.c.seq, *(type_coerce(_EVENT.c[name], Text).label(name) for name in _FIELDS[1:]), _EVENT.c.hash
).order_by(_EVENT.c.seq)


def _storable(value: str | None) -> str | None:
    """A text as every database keeps it: PostgreSQL has no NUL characters, and what is hashed is what is stored."""
    return value.replace("\0", NUL_SHOWN) if value and "\0" in value else value


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(values: Mapping[str, Any]) -> str:
    """SHA-256 over the JSON list of the fields in their fixed order; a value of another type just differs."""
    fields = json.dumps([values[name] for name in _FIELDS], separators=(",", ":"), default=str)
    return hashlib.sha256(fields.encode("ascii")).hexdigest()


def _last(session: Session) -> tuple[int, str]:
    """The last event's number and hash, locked until the commit; makes the head before the first event."""
    row = _READ_HEAD.first(session, {})
    if row is None:
        _MAKE_HEAD.change(session, {"genesis": GENESIS})
        row = _READ_HEAD.first(session, {})
    return row.seq, row.hash


def _events(session: Session) -> Iterator[RowMapping]:
    """Every event in order, in pages, each column as the text that is stored."""
    query = _PAGES.limit(PAGE)
    last: int | None = None
    while True:
        page = session.execute(query if last is None else query.where(_EVENT.c.seq > last)).mappings().all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]["seq"]


def _problem(row: RowMapping, expected: int, previous: str) -> str | None:
    """Why this event cannot stand here, or None."""
    if row["seq"] != expected:
        return f"Event {expected} is missing: the ledger goes on with event {row['seq']}."
    if row["hash"] != _digest(dict(row)):
        return f"Event {row['seq']} was changed after it was written: its content no longer fits its hash."
    if row["prev_hash"] != previous:
        return f"Event {row['seq']} does not follow event {row['seq'] - 1}: an event was replaced or moved."
    return None


def _parse_head(noted: str | None) -> tuple[int, str]:
    if noted is None:
        return 0, GENESIS
    number, _, digest = noted.strip().partition(":")
    if not number.isdecimal() or len(digest) != len(GENESIS):
        raise ValueError(f'"{noted}" is not a ledger head; it is written number:hash, as `ledger check` prints it.')
    return int(number), digest
