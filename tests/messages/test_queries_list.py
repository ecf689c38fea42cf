"""The message list: search by every key, filters together, and pages that look back so far and no further."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.messages import queries_list
from gateway.messages.cases import open_case
from gateway.messages.models import CaseFile, Interchange, Transmission
from gateway.messages.notes import add_note, noted, notes_of
from gateway.messages.queries import CursorError
from gateway.messages.queries_list import Filters, cursor_before, message_ids, search_messages
from gateway.store.engine import Store
from tests.messages.conftest import NOW

Add = Callable[..., Any]


def ids(store: Store, limit: int = 50, after: str | None = None, **filters: Any) -> list[str]:
    with store.read() as session:
        found = search_messages(session, Filters(**filters), limit=limit, after=after)
    return [row["id"] for row in found["messages"]]


def whole(store: Store, limit: int, **filters: Any) -> tuple[list[str], int]:
    """Every message over all pages, and how many pages that took."""
    found: list[str] = []
    after, pages = None, 0
    with store.read() as session:
        while pages == 0 or after:
            page = search_messages(session, Filters(**filters), limit=limit, after=after)
            found += [row["id"] for row in page["messages"]]
            after, pages = page["next"], pages + 1
    return found, pages


@pytest.mark.parametrize("text", ["7", "0007", "000007", "000000007"])
def test_a_control_number_is_found_with_and_without_leading_zeros(store: Store, add: Add, text: str) -> None:
    by_set = add(set_control="0007")
    by_group = add(group_control="7")
    carrier = add(Transmission)
    within = add(transmission_id=carrier.id)
    row = Interchange(
        id="i", transmission_id=carrier.id, position=1, direction="in", sender="a", receiver="b",
        control="000000007", version="00401", sha256="", received_at=NOW, verdict="accepted",
    )  # fmt: skip
    store.writer.run(lambda session: session.add(row))
    add(set_control="0008")
    assert set(ids(store, text=text)) == {by_set.id, by_group.id, within.id}


def test_a_file_name_and_its_beginning_are_keys(store: Store, add: Add) -> None:
    carrier = add(Transmission, filename="PO_20261101_harbor.edi")
    add(Transmission, filename="other.edi")
    assert ids(store, text="PO_20261101_harbor.edi") == ids(store, text="PO_2026") == [carrier.id]


def test_a_part_of_a_text_is_found_too_and_said_to_be_slow(store: Store, add: Add) -> None:
    document = add(reason="Line 3 has another price.")
    add()
    with store.read() as session:
        found = search_messages(session, Filters(text="another PRICE"))
    assert ([row["id"] for row in found["messages"]], found["by"], found["back_to"]) == ([document.id], "text", None)


@pytest.mark.parametrize(
    "filters",
    [
        {"partner": "acme", "kind": "order"},
        {"partner": "rare", "processing": "identified"},
        {"processing": "received", "direction": "in"},
        {"direction": "in", "test": False},
        {"text": "nothing"},
        {"transport": "as2"},
        {"since": NOW, "until": NOW + timedelta(days=1), "kind": "invoice", "partner": "acme"},
    ],
)
def test_looking_back_in_steps_finds_what_looking_at_once_finds(
    store: Store, add: Add, monkeypatch: pytest.MonkeyPatch, filters: dict[str, Any]
) -> None:
    carrier = add(Transmission)
    for n in range(12):
        add(kind=("order", "invoice")[n % 2], transmission_id=carrier.id if n % 3 else None)
        add(Transmission, transport="sftp" if n % 4 else "as2", reason="nothing" if n % 5 == 0 else None)
    add(partner="rare", processing="identified")
    add(partner="rare")
    at_once, _ = whole(store, 100, **filters)
    monkeypatch.setattr(queries_list, "LOOK", 3)
    monkeypatch.setattr(queries_list, "LOOK_INTO", 3)
    assert whole(store, 4, **filters)[0] == at_once


def test_a_page_that_is_not_full_says_how_far_it_looked(
    store: Store, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = add(partner="rare", kind="invoice")
    for _ in range(8):
        add(kind="invoice")
    monkeypatch.setattr(queries_list, "LOOK_INTO", 4)
    with store.read() as session:
        found = search_messages(session, Filters(text="rar"), limit=5)
        assert (found["messages"], found["by"]) == ([], "text")
        assert found["back_to"] is not None
        assert old.received_at.isoformat() < found["back_to"]


@pytest.mark.parametrize("many", [False, True])
def test_deliveries_are_found_by_their_state_be_they_few_or_many(
    store: Store, add: Add, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    if many:
        monkeypatch.setattr(queries_list, "_FEW", 0)
    failed = add(Transmission, direction="out", delivery="queued")
    document = add(direction="out", transmission_id=failed.id)
    alone = add(Transmission, direction="out", delivery="queued")
    add(Transmission)
    assert ids(store, delivery="queued") == [alone.id, document.id]
    assert ids(store, delivery="failed") == []


def test_a_jump_to_a_time_shows_what_came_before_it(store: Store, add: Add) -> None:
    rows = [add() for _ in range(4)]
    assert ids(store, after=cursor_before(rows[2].received_at)) == [rows[1].id, rows[0].id]


def test_messages_with_a_note_and_those_of_a_person_are_found(store: Store, add: Add) -> None:
    document, carrier, other = add(), add(Transmission), add()

    def write(session: Any) -> None:
        add_note(session, session.merge(document), author="olga", text="Called them.", now=NOW)
        add_note(session, session.merge(carrier), author="olga", text="Strange.", now=NOW)
        case = open_case(
            session, fingerprint="f", title="Wrong.", fault="invalid", subject_type="document",
            subject_id=other.id, now=NOW,
        )  # fmt: skip
        row = session.get_one(CaseFile, case)
        row.assignee, row.review = "kim", "assigned"

    store.writer.run(write)
    assert ids(store, noted=True) == [carrier.id, document.id]
    assert ids(store, assignee="kim") == [other.id]
    with store.read() as session:
        assert noted(session, [document.id, other.id]) == {document.id}
        assert noted(session, []) == set()
        assert [note["text"] for note in notes_of(session, document.id)] == ["Called them."]


def test_all_that_fit_are_named_up_to_a_limit(store: Store, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(kind="invoice").id for _ in range(5)]
    monkeypatch.setattr(queries_list, "PAGE_LIMIT", 2)
    with store.read() as session:
        assert message_ids(session, Filters(kind="invoice"), 9) == (rows[::-1], False)
        assert message_ids(session, Filters(kind="invoice"), 5) == (rows[::-1], False)
        assert message_ids(session, Filters(kind="invoice"), 3) == (rows[:1:-1], True)


def test_a_place_that_nobody_gave_out_is_refused(store: Store) -> None:
    with store.read() as session, pytest.raises(CursorError, match="not the place of a page"):
        search_messages(session, Filters(), after="x")
