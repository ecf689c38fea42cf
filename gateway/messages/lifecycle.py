"""The lifecycle: the one table of allowed transitions on every axis, and the only way to make one.

Four axes, each telling one truth: *processing* (what became of a document, or of a transmission that cannot
be read), *delivery* (whether an outbound transmission arrived), *acknowledgement* (what the partner's 997,
999 or TA1 said about an outbound document) and *review* (where a case stands). ``begin`` stores a new row in
a first state, ``move`` changes one axis by compare-and-set; both write their event to the ledger in the same
transaction. ``diagram`` draws the table; ``docs/lifecycle.md`` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnDefault, Table, Text, bindparam, insert, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.models import CaseFile, Document, Transmission
from gateway.store import ledger
from gateway.store.prepared import Prepared

__all__ = [
    "FIRST",
    "TERMINAL",
    "TRANSITIONS",
    "Acknowledgement",
    "Axis",
    "Delivery",
    "IllegalTransitionError",
    "Processing",
    "Review",
    "Subject",
    "Transition",
    "advance",
    "advance_values",
    "allowed",
    "begin",
    "begin_values",
    "diagram",
    "move",
    "note",
    "subject_type",
]

Subject: TypeAlias = Transmission | Document | CaseFile


State: TypeAlias = Processing | Delivery | Acknowledgement | Review


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed change of an axis."""

    old: State
    new: State
    #: When it happens, in a few words (the label in the diagram).
    when: str
    #: Which kinds of row may make it.
    subjects: frozenset[str]


_BOTH = frozenset({"transmission", "document"})
_DOCUMENT = frozenset({"document"})
_TRANSMISSION = frozenset({"transmission"})
_CASE = frozenset({"case"})

_P, _D, _A, _R = Processing, Delivery, Acknowledgement, Review

_PROCESSING = (
    Transition(_P.RECEIVED, _P.IDENTIFIED, "partner, standard and kind are known", _BOTH),
    Transition(_P.RECEIVED, _P.POSTED, "all content reached a document or an answer", _TRANSMISSION),
    Transition(_P.RECEIVED, _P.HELD, "cannot be decided", _BOTH),
    Transition(_P.RECEIVED, _P.REJECTED, "a rejecting answer went out", _BOTH),
    Transition(_P.RECEIVED, _P.IGNORED, "nothing to do", _BOTH),
    Transition(_P.IDENTIFIED, _P.VALIDATED, "the checks are done", _BOTH),
    Transition(_P.IDENTIFIED, _P.POSTED, "all content reached a document or an answer", _TRANSMISSION),
    Transition(_P.IDENTIFIED, _P.HELD, "cannot be decided", _BOTH),
    Transition(_P.IDENTIFIED, _P.REJECTED, "a rejecting answer went out", _BOTH),
    Transition(_P.IDENTIFIED, _P.IGNORED, "nothing to do", _BOTH),
    Transition(_P.VALIDATED, _P.MAPPED, "the map was applied", _DOCUMENT),
    Transition(_P.VALIDATED, _P.POSTED, "nothing to map (an acknowledgement, a whole transmission)", _BOTH),
    Transition(_P.VALIDATED, _P.HELD, "cannot be decided", _BOTH),
    Transition(_P.VALIDATED, _P.REJECTED, "a rejecting answer went out", _BOTH),
    Transition(_P.VALIDATED, _P.IGNORED, "nothing to do", _BOTH),
    Transition(_P.MAPPED, _P.POSTED, "with the back office, or in a transmission", _DOCUMENT),
    Transition(_P.MAPPED, _P.HELD, "cannot be decided", _DOCUMENT),
    Transition(_P.MAPPED, _P.REJECTED, "a rejecting answer went out", _DOCUMENT),
    Transition(_P.MAPPED, _P.IGNORED, "nothing to do", _DOCUMENT),
    Transition(_P.HELD, _P.RECEIVED, "looked at again from the start", _BOTH),
    Transition(_P.HELD, _P.MAPPED, "released as it is", _DOCUMENT),
    Transition(_P.HELD, _P.POSTED, "its content was handled by a replay", _BOTH),
    Transition(_P.HELD, _P.REJECTED, "a person decided, a rejecting answer went out", _BOTH),
    Transition(_P.HELD, _P.IGNORED, "a person decided, with a reason", _BOTH),
)
_DELIVERY = (
    Transition(_D.QUEUED, _D.SENDING, "an attempt begins", _TRANSMISSION),
    Transition(_D.QUEUED, _D.FAILED, "cannot be sent at all", _TRANSMISSION),
    Transition(_D.SENDING, _D.SENT, "handed over, the proof is due", _TRANSMISSION),
    Transition(_D.SENDING, _D.CONFIRMED, "the partner proved it", _TRANSMISSION),
    Transition(_D.SENDING, _D.RETRYING, "failed or unknown, later again", _TRANSMISSION),
    Transition(_D.SENDING, _D.FAILED, "refused for good", _TRANSMISSION),
    Transition(_D.SENT, _D.CONFIRMED, "the proof came", _TRANSMISSION),
    Transition(_D.SENT, _D.RETRYING, "the proof did not come in time", _TRANSMISSION),
    Transition(_D.SENT, _D.FAILED, "the partner refused it", _TRANSMISSION),
    Transition(_D.RETRYING, _D.SENDING, "the next attempt begins", _TRANSMISSION),
    Transition(_D.RETRYING, _D.CONFIRMED, "proof of an earlier attempt came", _TRANSMISSION),
    Transition(_D.RETRYING, _D.FAILED, "given up", _TRANSMISSION),
    Transition(_D.FAILED, _D.QUEUED, "a person lets it be tried again", _TRANSMISSION),
    Transition(_D.FAILED, _D.CONFIRMED, "proof of an earlier attempt came", _TRANSMISSION),
)
_ACKNOWLEDGEMENT = (
    Transition(_A.NOT_EXPECTED, _A.AWAITED, "it went out and one is due", _DOCUMENT),
    Transition(_A.NOT_EXPECTED, _A.ACCEPTED, "one came unasked", _DOCUMENT),
    Transition(_A.NOT_EXPECTED, _A.ACCEPTED_WITH_ERRORS, "one came unasked", _DOCUMENT),
    Transition(_A.NOT_EXPECTED, _A.REJECTED, "one came unasked", _DOCUMENT),
    Transition(_A.AWAITED, _A.ACCEPTED, "the partner took it", _DOCUMENT),
    Transition(_A.AWAITED, _A.ACCEPTED_WITH_ERRORS, "the partner took it and named errors", _DOCUMENT),
    Transition(_A.AWAITED, _A.REJECTED, "the partner refused it", _DOCUMENT),
    Transition(_A.AWAITED, _A.OVERDUE, "the deadline passed", _DOCUMENT),
    Transition(_A.AWAITED, _A.NOT_EXPECTED, "waived by a person", _DOCUMENT),
    Transition(_A.OVERDUE, _A.ACCEPTED, "it came late", _DOCUMENT),
    Transition(_A.OVERDUE, _A.ACCEPTED_WITH_ERRORS, "it came late", _DOCUMENT),
    Transition(_A.OVERDUE, _A.REJECTED, "it came late", _DOCUMENT),
    Transition(_A.OVERDUE, _A.NOT_EXPECTED, "waived by a person", _DOCUMENT),
)
_REVIEW = (
    Transition(_R.NEW, _R.ASSIGNED, "somebody takes it", _CASE),
    Transition(_R.NEW, _R.WAITING, "the partner was told", _CASE),
    Transition(_R.NEW, _R.RESOLVED, "put right", _CASE),
    Transition(_R.NEW, _R.IGNORED, "closed with a reason", _CASE),
    Transition(_R.ASSIGNED, _R.NEW, "given back", _CASE),
    Transition(_R.ASSIGNED, _R.WAITING, "the partner was told", _CASE),
    Transition(_R.ASSIGNED, _R.RESOLVED, "put right", _CASE),
    Transition(_R.ASSIGNED, _R.IGNORED, "closed with a reason", _CASE),
    Transition(_R.WAITING, _R.ASSIGNED, "the partner answered", _CASE),
    Transition(_R.WAITING, _R.RESOLVED, "put right", _CASE),
    Transition(_R.WAITING, _R.IGNORED, "closed with a reason", _CASE),
    Transition(_R.RESOLVED, _R.NEW, "it came again", _CASE),
    Transition(_R.IGNORED, _R.NEW, "it came again", _CASE),
)

#: The table: every allowed change, by axis.
TRANSITIONS: Mapping[Axis, tuple[Transition, ...]] = {
    Axis.PROCESSING: _PROCESSING,
    Axis.DELIVERY: _DELIVERY,
    Axis.ACKNOWLEDGEMENT: _ACKNOWLEDGEMENT,
    Axis.REVIEW: _REVIEW,
}
#: The states in which a row may be stored first. A document cut out of a known interchange is identified.
FIRST: Mapping[Axis, frozenset[State]] = {
    Axis.PROCESSING: frozenset({_P.RECEIVED, _P.IDENTIFIED}),
    Axis.DELIVERY: frozenset({_D.NONE, _D.QUEUED}),
    Axis.ACKNOWLEDGEMENT: frozenset({_A.NOT_EXPECTED, _A.AWAITED}),
    Axis.REVIEW: frozenset({_R.NEW}),
}
#: The states in which nothing more is to be done.
TERMINAL: Mapping[Axis, frozenset[State]] = {
    Axis.PROCESSING: frozenset({_P.POSTED, _P.REJECTED, _P.IGNORED}),
    Axis.DELIVERY: frozenset({_D.NONE, _D.CONFIRMED, _D.FAILED}),
    Axis.ACKNOWLEDGEMENT: frozenset({_A.NOT_EXPECTED, _A.ACCEPTED, _A.ACCEPTED_WITH_ERRORS, _A.REJECTED}),
    Axis.REVIEW: frozenset({_R.NONE, _R.RESOLVED, _R.IGNORED}),
}

_STATES: Mapping[Axis, type[Enum]] = {
    Axis.PROCESSING: Processing,
    Axis.DELIVERY: Delivery,
    Axis.ACKNOWLEDGEMENT: Acknowledgement,
    Axis.REVIEW: Review,
}
_SUBJECTS: Mapping[type[Any], tuple[str, tuple[Axis, ...]]] = {
    Transmission: ("transmission", (Axis.PROCESSING, Axis.DELIVERY)),
    Document: ("document", (Axis.PROCESSING, Axis.ACKNOWLEDGEMENT)),
    CaseFile: ("case", (Axis.REVIEW,)),
}
#: Built once: these are stored for every message.
_INSERTS: Mapping[type[Any], Prepared] = {
    kind: Prepared(insert(cast("Table", kind.__table__))) for kind in (Transmission, Document)
}
#: The columns of such a row that nobody named.
_DEFAULTS: Mapping[type[Any], Mapping[str, Any]] = {
    kind: {column.name: getattr(column.default, "arg", None) for column in cast("Table", kind.__table__).columns}
    for kind in _INSERTS
}
_ALLOWED: Mapping[tuple[str, Axis, str, str], Transition] = {
    (subject, axis, transition.old.value, transition.new.value): transition
    for axis, transitions in TRANSITIONS.items()
    for transition in transitions
    for subject in transition.subjects
}


class IllegalTransitionError(Exception):
    """A change that the lifecycle table does not allow; a fault of the program, never of a message."""


def subject_type(subject: Subject) -> str:
    """ "transmission", "document" or "case": the ledger's word for a row."""
    return _SUBJECTS[type(subject)][0]


def allowed(subject: str, axis: Axis, old: State | str) -> tuple[State, ...]:
    """The states that an axis of a "transmission", "document" or "case" may take after ``old``."""
    return tuple(t.new for t in TRANSITIONS[axis] if t.old.value == _value(old) and subject in t.subjects)


def begin(
    session: Session,
    subject: Subject,
    *,
    actor: str,
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Store a new row in its first states and write the event "created" with them.

    Flushes the session. Raises IllegalTransitionError when an axis does not start in one of FIRST, and
    IntegrityError when its identity is taken (use ``session.begin_nested()`` to go on after that).
    """
    name, axes = _SUBJECTS[type(subject)]
    for axis, default in _defaults(subject, axes).items():
        setattr(subject, axis.value, default)
    states = _first_states(name, axes, {axis.value: getattr(subject, axis.value) for axis in axes})
    session.add(subject)
    session.flush()
    _created(session, name, subject.id, states, actor=actor, reason=reason, now=now, data=data)


def begin_values(
    session: Session,
    kind: type[Transmission | Document],
    values: Mapping[str, Any],
    *,
    actor: str,
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Like ``begin`` for the columns of a row that nobody needs to hold: a fraction of the cost.

    ``values`` name every axis of the kind, and its id. Raises what ``begin`` raises.
    """
    name, axes = _SUBJECTS[kind]
    states = _first_states(name, axes, {axis.value: values[axis.value] for axis in axes})
    _INSERTS[kind].change(session, {**_DEFAULTS[kind], **values})
    _created(session, name, values["id"], states, actor=actor, reason=reason, now=now, data=data)


def _first_states(name: str, axes: Sequence[Axis], states: dict[str, Any]) -> dict[str, Any]:
    """``states`` when every axis may start like this, else IllegalTransitionError."""
    for axis in axes:
        state = states[axis.value]
        if state is not None and state not in {first.value for first in FIRST[axis]}:
            raise IllegalTransitionError(f"A {name} cannot be stored with {axis.value} = {state}.")
    return states


def _created(
    session: Session,
    name: str,
    identity: str,
    states: Mapping[str, Any],
    *,
    actor: str,
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None,
) -> None:
    ledger.append(
        session,
        at=now,
        kind="created",
        subject_type=name,
        subject_id=identity,
        actor=actor,
        reason=reason,
        data={**states, **(data or {})},
    )


def move(
    session: Session,
    subject: Subject,
    axis: Axis,
    new: State,
    *,
    actor: str,
    reason: str,
    now: datetime,
    expected: State | str | None = None,
    values: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Change one axis, if it still is as expected, and write the event; False when somebody else was first.

    ``expected`` is the state that must stand in the database, by default the one that ``subject`` was loaded
    with. ``values`` are further columns that change in the same statement, ``data`` goes into the event.
    After True the loaded row shows the new values. Flushes the session. Raises IllegalTransitionError when
    the table does not allow it.
    """
    return advance(
        session, subject, axis, [new],
        actor=actor, reason=reason, now=now, expected=expected, values=values, data=data,
    )  # fmt: skip


def advance(
    session: Session,
    subject: Subject,
    axis: Axis,
    states: Sequence[State],
    *,
    actor: str,
    reason: str,
    now: datetime,
    expected: State | str | None = None,
    values: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Go through several states at once: one statement, one event for each step. See ``move``.

    For work that does several steps in one transaction (validate, map and post).
    """
    first = getattr(subject, axis.value) if expected is None else expected
    changes = {**(values or {}), axis.value: _value(states[-1])}
    session.flush()
    moved = advance_values(
        session, type(subject), subject.id, axis, [first, *states],
        actor=actor, reason=reason, now=now, values=values, data=data,
    )  # fmt: skip
    if moved:
        for column, value in changes.items():
            set_committed_value(subject, column, value)
    return moved


def advance_values(
    session: Session,
    kind: type[Subject],
    identity: str,
    axis: Axis,
    path: Sequence[State | str],
    *,
    actor: str,
    reason: str,
    now: datetime,
    values: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Like ``advance`` for a row that nobody needs to hold; ``path`` begins with the state that it has to be in.

    The session must hold no unflushed change of this row.
    """
    name = _SUBJECTS[kind][0]
    states = [_value(state) for state in path]
    for old, new in pairwise(states):
        _check(name, identity, axis, old, new)
    changes = {**(values or {}), axis.value: states[-1]}
    statement = _changing(kind, axis.value, tuple(sorted(changes)))
    new_values = {f"new_{column}": value for column, value in changes.items()}
    if statement.change(session, {"subject": identity, "old": states[0], **new_values}) == 0:
        return False
    entries = [
        ledger.Entry("moved", name, identity, actor, reason, axis=axis.value, old=old, new=new, data=data)
        for old, new in pairwise(states)
    ]
    ledger.append_all(session, entries, at=now)
    return True


def note(
    session: Session,
    subject: Subject,
    kind: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about a row that changes none of its axes ("answered", "duplicate-received" …)."""
    ledger.append(
        session,
        at=now,
        kind=kind,
        subject_type=subject_type(subject),
        subject_id=subject.id,
        actor=actor,
        reason=reason,
        data=data,
    )


def diagram(axis: Axis) -> str:
    """The state diagram of one axis in Mermaid's language, drawn from the table."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state.value}" for state in _STATES[axis] if state in FIRST[axis]]
    for transition in TRANSITIONS[axis]:
        lines.append(f"    {transition.old.value} --> {transition.new.value}: {transition.when}")
    leaves = {t.new for t in TRANSITIONS[axis]} - {t.old for t in TRANSITIONS[axis]}
    lines += [f"    {state.value} --> [*]" for state in _STATES[axis] if state in leaves]
    return "\n".join(lines)


@cache
def _changing(kind: type[Subject], axis: str, columns: tuple[str, ...]) -> Prepared:
    """The compare-and-set of one axis together with other columns; few kinds exist, each is built once."""
    table = cast("Table", kind.__table__)
    return Prepared(
        update(table)
        .where(table.c.id == bindparam("subject", type_=Text), table.c[axis] == bindparam("old", type_=Text))
        .values({column: bindparam(f"new_{column}", type_=table.c[column].type) for column in columns})
    )


def _value(state: State | str | None) -> str:
    return str(state.value if isinstance(state, Enum) else state)


def _defaults(subject: Subject, axes: Sequence[Axis]) -> dict[Axis, str]:
    """The column defaults of the axes that were not set: needed before the flush, for the event."""
    table = cast("Table", type(subject).__table__)
    found = {}
    for axis in axes:
        default = table.c[axis.value].default
        if getattr(subject, axis.value) is None and default is not None:
            found[axis] = cast("ColumnDefault", default).arg
    return found


def _check(name: str, identity: str, axis: Axis, old: str, new: str) -> None:
    if (name, axis, old, new) not in _ALLOWED:
        choices = ", ".join(state.value for state in allowed(name, axis, old)) or "nothing"
        raise IllegalTransitionError(
            f"{axis.value} of {name} {identity} cannot go from {old} to {new}; from {old} it may go to {choices}."
        )
