"""The lifecycle table is the only way to change an axis, and every change is in the ledger."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.messages import lifecycle, lifecycle_page
from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.lifecycle import IllegalTransitionError, advance, allowed, begin, move, note
from gateway.messages.models import CaseFile, Document, Transmission
from gateway.store import ledger
from gateway.store.engine import Store

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WHO = {"actor": "test", "reason": "Because.", "now": NOW}

ROWS = {"transmission": Transmission, "document": Document, "case": CaseFile}
#: Every pair of states of every axis for every kind of row that has the axis.
PAIRS = [
    (subject, axis, old, new)
    for subject, axes in lifecycle._SUBJECTS.values()
    for axis in axes
    for old in lifecycle._STATES[axis]
    for new in lifecycle._STATES[axis]
]


def row_in(subject: str, axis: Axis, state: str):
    """A row that stands in a state, as if it had come there on its way."""
    values = {"id": f"{subject}-{axis.value}-{state}", axis.value: state}
    if subject == "transmission":
        values |= {"direction": "in", "transport": "as2", "created_at": NOW}
    elif subject == "document":
        values |= {"direction": "in", "kind": "order", "standard": "x12-004010", "set_id": "850", "received_at": NOW}
    else:
        values |= {"fingerprint": values["id"], "title": "T.", "fault": "parse", "opened_at": NOW}
    return ROWS[subject](**values)


def events(store: Store) -> list[tuple]:
    with store.read() as session:
        rows = session.scalars(select(ledger.Event).order_by(ledger.Event.seq)).all()
    return [(e.kind, e.subject_type, e.subject_id, e.axis, e.old, e.new) for e in rows]


def test_every_pair_of_states_is_allowed_or_refused_as_the_table_says(store: Store) -> None:
    def work(session) -> None:
        for subject, axis, old, new in PAIRS:
            row = row_in(subject, axis, old.value)
            session.add(row)
            session.flush()
            if new in allowed(subject, axis, old):
                assert move(session, row, axis, new, **WHO)
                assert getattr(row, axis.value) == new.value
            else:
                with pytest.raises(IllegalTransitionError, match=f"cannot go from {old.value} to {new.value}"):
                    move(session, row, axis, new, **WHO)
                assert getattr(row, axis.value) == old.value
            session.delete(row)
            session.flush()

    store.writer.run(work)
    moves = sum(len(t.subjects) for ts in lifecycle.TRANSITIONS.values() for t in ts)
    assert len(events(store)) == moves
    with store.read() as session:
        assert ledger.verify(session).ok


def test_no_transition_stands_in_the_table_twice() -> None:
    for axis, transitions in lifecycle.TRANSITIONS.items():
        pairs = [(t.old, t.new, subject) for t in transitions for subject in t.subjects]
        assert len(pairs) == len(set(pairs)), axis


@pytest.mark.parametrize("axis", Axis)
def test_every_state_can_be_reached_and_every_open_one_be_left(axis: Axis) -> None:
    transitions = lifecycle.TRANSITIONS[axis]
    reached = set(lifecycle.FIRST[axis]) | {t.new for t in transitions}
    unused = {Review.NONE} if axis is Axis.REVIEW else set()
    assert reached == set(lifecycle._STATES[axis]) - unused
    assert reached - lifecycle.TERMINAL[axis] <= {t.old for t in transitions}


def test_a_decided_message_stays_decided() -> None:
    for state in (Processing.POSTED, Processing.REJECTED, Processing.IGNORED):
        assert allowed("document", Axis.PROCESSING, state) == ()
    assert allowed("transmission", Axis.DELIVERY, Delivery.CONFIRMED) == ()


def test_a_late_acknowledgement_ends_overdue() -> None:
    assert Acknowledgement.ACCEPTED in allowed("document", Axis.ACKNOWLEDGEMENT, "overdue")


class TestBegin:
    def test_the_event_tells_the_first_states(self, store: Store) -> None:
        row = row_in("document", Axis.PROCESSING, "identified")
        store.writer.run(lambda session: begin(session, row, data={"bytes": 7}, **WHO))
        assert (row.processing, row.acknowledgement) == ("identified", "not_expected")
        with store.read() as session:
            event = session.get(ledger.Event, 1)
        assert event.data == {"processing": "identified", "acknowledgement": "not_expected", "bytes": 7}
        assert (event.kind, event.reason) == ("created", "Because.")

    def test_an_axis_that_a_row_does_not_have_yet_stays_empty(self, store: Store) -> None:
        row = row_in("transmission", Axis.DELIVERY, "queued")
        store.writer.run(lambda session: begin(session, row, **WHO))
        assert row.processing is None

    @pytest.mark.parametrize("state", ["posted", "held", "nonsense"])
    def test_a_row_does_not_begin_in_the_middle(self, store: Store, state: str) -> None:
        row = row_in("document", Axis.PROCESSING, state)
        with pytest.raises(IllegalTransitionError, match=f"processing = {state}"):
            store.writer.run(lambda session: begin(session, row, **WHO))
        assert events(store) == []


class TestMove:
    def test_the_row_the_columns_and_the_event_change_together(self, store: Store, add) -> None:
        row = add(processing="identified")

        def work(session) -> Document:
            document = session.get(Document, row.id)
            values = {"reason": "All good.", "posted_at": NOW}
            states = [Processing.VALIDATED, Processing.MAPPED, Processing.POSTED]
            assert advance(session, document, Axis.PROCESSING, states, values=values, **WHO)
            return document

        document = store.writer.run(work)
        assert (document.processing, document.reason, document.posted_at) == ("posted", "All good.", NOW)
        with store.read() as session:
            stored = session.get(Document, row.id)
            assert (stored.processing, stored.posted_at) == ("posted", NOW)
        assert [event[4:] for event in events(store)[1:]] == [
            ("identified", "validated"),
            ("validated", "mapped"),
            ("mapped", "posted"),
        ]

    def test_who_comes_second_changes_nothing(self, store: Store, add) -> None:
        row = add()
        with store.read() as session:
            stale = session.get(Document, row.id)
        store.writer.run(
            lambda session: move(session, session.get(Document, row.id), Axis.PROCESSING, Processing.HELD, **WHO)
        )
        before = events(store)
        done = store.writer.run(lambda session: move(session, stale, Axis.PROCESSING, Processing.IDENTIFIED, **WHO))
        assert done is False
        assert events(store) == before
        assert stale.processing == "received"

    def test_the_expected_state_may_be_given(self, store: Store, add) -> None:
        row = add()

        def work(session, expected) -> bool:
            document = session.get(Document, row.id)
            return move(session, document, Axis.PROCESSING, Processing.IGNORED, expected=expected, **WHO)

        assert store.writer.run(lambda session: work(session, Processing.HELD)) is False
        assert store.writer.run(lambda session: work(session, "received")) is True

    def test_an_illegal_step_within_several_changes_nothing(self, store: Store, add) -> None:
        row = add()

        def work(session) -> None:
            states = [Processing.IDENTIFIED, Processing.POSTED]
            advance(session, session.get(Document, row.id), Axis.PROCESSING, states, **WHO)

        with pytest.raises(IllegalTransitionError, match="from identified to posted"):
            store.writer.run(work)
        with store.read() as session:
            assert session.get(Document, row.id).processing == "received"

    def test_a_row_without_the_axis_cannot_move_on_it(self, store: Store, add) -> None:
        row = add(Transmission, direction="out", delivery="queued")
        with pytest.raises(IllegalTransitionError, match="cannot go from None"):
            store.writer.run(
                lambda session: move(
                    session, session.get(Transmission, row.id), Axis.PROCESSING, Processing.HELD, **WHO
                )
            )

    def test_a_note_changes_no_axis(self, store: Store, add) -> None:
        row = add()
        store.writer.run(lambda session: note(session, session.get(Document, row.id), "resent", data={"n": 2}, **WHO))
        assert events(store)[1] == ("resent", "document", row.id, None, None, None)


def test_the_page_of_the_lifecycle_is_written_from_the_table(tmp_path: Path) -> None:
    lifecycle_page.main([str(tmp_path / "page.md")])
    committed = Path(__file__).parents[2] / "docs" / "lifecycle.md"
    assert committed.read_text("utf-8") == (tmp_path / "page.md").read_text("utf-8"), (
        "docs/lifecycle.md is out of date: run `python -m gateway.messages.lifecycle_page docs/lifecycle.md`"
    )


@pytest.mark.parametrize("axis", Axis)
def test_every_state_is_explained_on_the_page(axis: Axis) -> None:
    page = lifecycle_page.page()
    for state in lifecycle._STATES[axis]:
        assert re.search(rf"^\| `{state.value}` \| [A-Z].+\. \|", page, re.MULTILINE), state
