"""One problem is one case, however many messages have it; it opens again when the problem comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.messages import cases, lifecycle
from gateway.messages.axes import Axis, Delivery, Processing, Review
from gateway.messages.models import CaseFile, Transmission
from gateway.store import ledger
from gateway.store.engine import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHO = {"actor": "test", "reason": "Because.", "now": NOW}


def open_case(store: Store, subject, *, fingerprint: str = "acme|in|invalid", at: datetime = NOW) -> str:
    return store.writer.run(
        lambda session: cases.open_case(
            session,
            fingerprint=fingerprint,
            title="Orders from ACME name an unknown unit.",
            fault="invalid",
            partner="acme",
            subject_type=lifecycle.subject_type(subject),
            subject_id=subject.id,
            detail=f"{subject.id} was rejected.",
            suggestion="Ask the partner.",
            now=at,
        )
    )


def the_case(store: Store) -> CaseFile:
    with store.read() as session:
        return session.scalars(select(CaseFile)).one()


def move(store: Store, subject, axis: Axis, *states) -> None:
    def work(session) -> None:
        row = session.get(type(subject), subject.id)
        assert lifecycle.advance(session, row, axis, states, **WHO)

    store.writer.run(work)


def settle(store: Store, subject) -> list[str]:
    return store.writer.run(
        lambda session: cases.close_settled(session, lifecycle.subject_type(subject), subject.id, **WHO)
    )


def test_a_problem_opens_a_case(store: Store, add) -> None:
    row = add()
    case_id = open_case(store, row)
    case = the_case(store)
    assert (case.id, case.review, case.times_opened, case.partner) == (case_id, "new", 1, "acme")
    with store.read() as session:
        (member,) = cases.members_of(session, case_id)
        assert member.detail == f"{row.id} was rejected."
        assert [c.id for c in cases.cases_of(session, "document", row.id)] == [case_id]
        kinds = session.scalars(select(ledger.Event.kind).where(ledger.Event.subject_type == "case")).all()
    assert kinds == ["created", "member-added"]


def test_the_same_problem_joins_the_open_case(store: Store, add) -> None:
    first, second = add(), add()
    assert open_case(store, first) == open_case(store, second) == open_case(store, second)
    with store.read() as session:
        assert len(cases.members_of(session, the_case(store).id)) == 2


def test_another_problem_is_another_case(store: Store, add) -> None:
    row = add()
    assert open_case(store, row) != open_case(store, row, fingerprint="acme|in|no_map")


@pytest.mark.parametrize("outcome", [Review.RESOLVED, Review.IGNORED])
def test_a_closed_case_opens_again_with_its_history(store: Store, add, outcome: Review) -> None:
    first, second = add(), add()
    case_id = open_case(store, first)
    assert store.writer.run(lambda session: cases.close_case(session, session.get(CaseFile, case_id), outcome, **WHO))
    closed = the_case(store)
    assert (closed.review, closed.closed_at, closed.reason) == (outcome.value, NOW, "Because.")
    later = NOW + timedelta(days=2)
    assert open_case(store, second, at=later) == case_id
    again = the_case(store)
    assert (again.review, again.times_opened, again.opened_at) == ("new", 2, later)
    assert (again.closed_at, again.reason) == (None, None)
    with store.read() as session:
        assert len(cases.members_of(session, case_id)) == 2


def test_a_case_stays_open_while_a_member_waits(store: Store, add) -> None:
    first, second = add(), add()
    case_id = open_case(store, first)
    open_case(store, second)
    move(store, first, Axis.PROCESSING, Processing.IGNORED)
    assert settle(store, first) == []
    move(store, second, Axis.PROCESSING, Processing.HELD, Processing.MAPPED, Processing.POSTED)
    assert settle(store, second) == [case_id]
    assert the_case(store).review == "resolved"
    assert settle(store, second) == []


def test_a_rejected_document_waits_for_a_person(store: Store, add) -> None:
    row = add()
    open_case(store, row)
    move(store, row, Axis.PROCESSING, Processing.REJECTED)
    assert settle(store, row) == []


def test_a_rejected_acknowledgement_waits_for_a_person(store: Store, add) -> None:
    row = add(direction="out", processing="identified", acknowledgement="awaited")
    open_case(store, row)
    move(store, row, Axis.PROCESSING, Processing.VALIDATED, Processing.POSTED)
    move(store, row, Axis.ACKNOWLEDGEMENT, lifecycle.Acknowledgement.OVERDUE)
    assert settle(store, row) == []
    move(store, row, Axis.ACKNOWLEDGEMENT, lifecycle.Acknowledgement.ACCEPTED)
    assert len(settle(store, row)) == 1


def test_a_failed_delivery_is_settled_when_it_arrives(store: Store, add) -> None:
    row = add(Transmission, direction="out", delivery="queued")
    open_case(store, row)
    move(store, row, Axis.DELIVERY, Delivery.SENDING, Delivery.FAILED)
    assert settle(store, row) == []
    move(store, row, Axis.DELIVERY, Delivery.CONFIRMED)
    assert len(settle(store, row)) == 1


def test_a_transmission_that_was_read_after_all_is_settled(store: Store, add) -> None:
    row = add(Transmission)
    open_case(store, row)
    move(store, row, Axis.PROCESSING, Processing.HELD)
    assert settle(store, row) == []
    move(store, row, Axis.PROCESSING, Processing.RECEIVED, Processing.POSTED)
    assert len(settle(store, row)) == 1


def test_a_message_without_a_case_settles_nothing(store: Store, add) -> None:
    assert settle(store, add()) == []
