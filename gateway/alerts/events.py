"""Reading the ledger from where it was left: changed cases, messages that came, and events that admins should know.

One page of events is looked at in a reading session, and what follows from it is stored together with the place
reached, in one transaction: an event is told once, also after a crash. Only one thread reads with this cursor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from gateway.alerts import security
from gateway.alerts.conditions import Step, as_values, closing, opening, store_steps
from gateway.alerts.context import Alerting
from gateway.alerts.kinds import AlertKind, Change
from gateway.alerts.models import AlertCondition, AlertCursor, PartnerArrival
from gateway.alerts.notices import Notice, case_notice
from gateway.messages import queries_cases
from gateway.messages.axes import Review
from gateway.messages.models import CaseFile, Transmission
from gateway.store import ledger
from gateway.store.ledger import Event

__all__ = ["HELD_BACK", "HISTORY", "PAGE", "held_back_cases", "sweep_events"]

#: Events looked at in one go.
PAGE = 20_000
#: How long messages that came are remembered by the hour.
HISTORY = timedelta(weeks=8)
#: Security events that are older are history by the time somebody sees them.
_RECENT = timedelta(days=1)
#: What may pass by itself is told after this time.
HELD_BACK = timedelta(hours=1)
_CURSOR = "ledger"
#: The place moves without anything to store once it lies so far behind.
_LAZY = 500
_CLOSED = frozenset({Review.RESOLVED.value, Review.IGNORED.value})
_CHUNK = 500


class _Row(NamedTuple):
    seq: int
    at: str
    kind: str
    subject_type: str
    subject_id: str
    reason: str
    data: Any


@dataclass(slots=True)
class _Page:
    """One page of events with what follows from it."""

    first: int
    last: int
    steps: list[Step] = field(default_factory=list)
    #: (partner, hour) → (messages, the last one's instant).
    arrivals: dict[tuple[str, datetime], tuple[int, datetime]] = field(default_factory=dict)

    @property
    def worth_storing(self) -> bool:
        return bool(self.steps or self.arrivals) or self.last - self.first >= _LAZY


def sweep_events(alerting: Alerting, stop: Callable[[], bool] = lambda: False) -> int:
    """Read the ledger to its end, or until ``stop`` says so; how many alerts were made."""
    made = 0
    while not stop():
        now = alerting.clock()
        with alerting.read() as session:
            page = _look(session, alerting, now)
        if page.worth_storing:
            made += alerting.write(partial(_store, alerting=alerting, page=page, now=now))
        if page.last - page.first < PAGE:
            break
    return made


def _look(session: Session, alerting: Alerting, now: datetime) -> _Page:
    first = int(session.scalar(select(AlertCursor.value).where(AlertCursor.name == _CURSOR)) or 0)
    last = min(ledger.head(session)[0], first + PAGE)
    page = _Page(first, last)
    if first == last:
        return page
    rows = _events(session, first, last, now)
    page.steps += _cases(session, alerting, [row for row in rows if row.subject_type == "case"], now)
    came = [row.subject_id for row in rows if row.subject_type == "transmission"]
    page.arrivals = _arrivals(session, came, now)
    page.steps += _noisy_again(session, alerting, {partner for partner, _ in page.arrivals})
    since = ledger.instant(now - _RECENT)
    watched = [row for row in rows if row.kind in security.WATCHED and row.at >= since]
    page.steps += security.steps(session, alerting, watched, now)
    return page


def _events(session: Session, first: int, last: int, now: datetime) -> list[_Row]:
    query = select(
        Event.seq, Event.at, Event.kind, Event.subject_type, Event.subject_id, Event.reason, Event.data
    ).where(
        Event.seq > first,
        Event.seq <= last,
        or_(
            Event.subject_type == "case",
            and_(
                Event.subject_type == "transmission",
                Event.kind == "created",
                Event.at >= ledger.instant(now - HISTORY),
            ),
            Event.kind.in_(sorted(security.WATCHED)),
        ),
    )
    return [_Row(*row) for row in session.execute(query.order_by(Event.seq))]


def _store(session: Session, alerting: Alerting, page: _Page, now: datetime) -> int:
    cursor = session.get(AlertCursor, _CURSOR)
    if int(cursor.value if cursor else 0) != page.first:
        return 0  # somebody else was here: what was looked at is not the case any more
    session.merge(AlertCursor(name=_CURSOR, value=str(page.last)))
    for (partner, hour), (count, last) in page.arrivals.items():
        row = session.get(PartnerArrival, (partner, hour))
        if row is None:
            session.add(PartnerArrival(partner=partner, hour=hour, count=count, last_at=last))
        else:
            row.count, row.last_at = row.count + count, max(row.last_at, last)
    return len(store_steps(session, alerting, page.steps, now))


# -- cases ---------------------------------------------------------------------------------------------------


def _cases(session: Session, alerting: Alerting, events: Iterable[_Row], now: datetime) -> list[Step]:
    """What changed about each case that the events name, compared with what staff know of it."""
    joined: Counter[str] = Counter()
    for row in events:
        joined[row.subject_id] += row.kind == "member-added"
    steps: list[Step] = []
    ids = list(joined)
    for start in range(0, len(ids), _CHUNK):
        query = select(CaseFile).where(CaseFile.id.in_(ids[start : start + _CHUNK]))
        cases = list(session.scalars(query.order_by(CaseFile.opened_at, CaseFile.id)))
        prints = [case.fingerprint for case in cases]
        found = session.scalars(select(AlertCondition).where(AlertCondition.fingerprint.in_(prints)))
        known = {row.fingerprint: row for row in found}
        changes = {case.id: _change(case, known.get(case.fingerprint), joined[case.id]) for case in cases}
        cards = queries_cases.cards_of(session, [case_id for case_id, change in changes.items() if change])
        for case in cases:
            before, change, members = known.get(case.fingerprint), changes[case.id], joined[case.id]
            if change is not None:
                steps.append(_changed(alerting, case, before, change, members, cards[case.id], now))
            elif before is not None and before.open and members:
                steps.append(Step({**as_values(before), "count": before.count + members}))
    return steps


def _change(case: CaseFile, row: AlertCondition | None, members: int) -> Change | None:
    """What happened to a case since staff were told, if anything."""
    if case.review in _CLOSED:
        return Change.RESOLVED if row is not None and row.open else None
    if row is None or not row.open or row.times != case.times_opened:
        return Change.OPENED
    return Change.WORSE if row.told and row.count + members >= 10 * max(1, row.told_count) else None


def _changed(
    alerting: Alerting,
    case: CaseFile,
    row: AlertCondition | None,
    change: Change,
    members: int,
    card: Mapping[str, Any],
    now: datetime,
) -> Step:
    name = alerting.partner_name(case.partner)
    if row is None or change is Change.OPENED:
        notice = case_notice(card, case.fingerprint, Change.OPENED, name)
        told = not _may_pass(case) or now - case.opened_at >= HELD_BACK
        return opening(notice, case.opened_at, told=told, count=max(1, members), times=case.times_opened)
    if change is Change.RESOLVED:
        step = closing(row)
        return Step(step.values, step.notice and case_notice(card, case.fingerprint, change, name))
    count = row.count + members
    notice = case_notice(card, case.fingerprint, change, name, count)
    return Step({**as_values(row), "count": count, "told_count": count, "sentence": notice.sentence}, notice)


def _may_pass(case: CaseFile) -> bool:
    """Whether it is a connection that is tried again by itself (a pause of a partner's SFTP server)."""
    return case.fault == "door" and case.fingerprint.rpartition("|")[2].startswith("sftp-")


def held_back_cases(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """The cases that did not pass by themselves within an hour, and are told now."""
    query = select(AlertCondition).where(
        AlertCondition.open,
        AlertCondition.kind == AlertKind.DELIVERY.value,
        AlertCondition.told.is_(False),
        AlertCondition.opened_at <= now - HELD_BACK,
    )
    rows = list(session.scalars(query.order_by(AlertCondition.opened_at, AlertCondition.fingerprint)))
    cards = queries_cases.cards_of(session, [row.case_id for row in rows if row.case_id])
    steps = []
    for row in rows:
        card = cards.get(row.case_id or "")
        if card is not None and card["open"]:
            notice = case_notice(card, row.fingerprint, Change.OPENED, alerting.partner_name(row.partner))
            steps.append(Step({**as_values(row), "told": True, "told_count": row.count}, notice))
    return steps


# -- messages that came --------------------------------------------------------------------------------------


def _arrivals(session: Session, ids: list[str], now: datetime) -> dict[tuple[str, datetime], tuple[int, datetime]]:
    found: dict[tuple[str, datetime], tuple[int, datetime]] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(Transmission.partner, Transmission.created_at).where(
            Transmission.id.in_(ids[start : start + _CHUNK]),
            Transmission.direction == "in",
            Transmission.partner.is_not(None),
        )
        for partner, at in session.execute(query):
            place = (str(partner), at.replace(minute=0, second=0, microsecond=0))
            count, last = found.get(place, (0, at))
            found[place] = (count + 1, max(last, at))
    return {place: value for place, value in found.items() if now - value[1] <= HISTORY}


def _noisy_again(session: Session, alerting: Alerting, partners: set[str]) -> list[Step]:
    """The partners that were unusually quiet, and are not any more."""
    if not partners:
        return []
    query = select(AlertCondition).where(
        AlertCondition.open,
        AlertCondition.kind == AlertKind.QUIET.value,
        AlertCondition.partner.in_(sorted(partners)),
    )
    steps = []
    for row in session.scalars(query):
        step = closing(row)
        name = alerting.partner_name(row.partner)
        steps.append(Step(step.values, _saying(step.notice, f"{name} sends messages again.")))
    return steps


def _saying(notice: Notice | None, sentence: str) -> Notice | None:
    return None if notice is None else replace(notice, sentence=sentence)
