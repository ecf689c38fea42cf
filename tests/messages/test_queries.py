"""Staff find a message by what they know of it, and see everything that belongs to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.messages import cases, lifecycle, queries
from gateway.messages.axes import Axis, Delivery, Processing, Review
from gateway.messages.models import Attempt, CaseFile, Document, Interchange, Transmission
from gateway.store.engine import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHO = {"actor": "test", "reason": "Because.", "now": NOW}


def ask(store: Store, question, *arguments, **options):
    """Ask a query and prove that its answer is plain JSON."""
    with store.read() as session:
        answer = question(session, *arguments, **options)
    assert json.loads(json.dumps(answer)) == answer
    return answer


def ids(store: Store, **filters) -> list[str]:
    return [row["id"] for row in ask(store, queries.list_messages, **filters)["messages"]]


def save(store: Store, *rows) -> None:
    store.writer.run(lambda session: session.add_all(rows))


class TestList:
    def test_the_newest_message_comes_first(self, store: Store, add) -> None:
        made = [add().id for _ in range(3)]
        assert ids(store) == made[::-1]

    def test_a_transmission_shows_only_while_it_holds_no_document(self, store: Store, add) -> None:
        full, empty = add(Transmission), add(Transmission)
        document = add(transmission_id=full.id)
        assert ids(store) == [document.id, empty.id]

    def test_pages_follow_each_other_without_a_gap_or_a_repeat(self, store: Store, add) -> None:
        made = [add(Transmission if n % 3 == 0 else Document).id for n in range(11)]
        seen, after = [], None
        while True:
            page = ask(store, queries.list_messages, limit=4, after=after)
            seen += [row["id"] for row in page["messages"]]
            after = page["next"]
            if after is None:
                break
        assert seen == made[::-1]

    def test_messages_of_the_same_instant_are_all_listed(self, store: Store, add) -> None:
        made = {add(received_at=NOW).id for _ in range(5)}
        first = ask(store, queries.list_messages, limit=3)
        second = ask(store, queries.list_messages, limit=3, after=first["next"])
        assert {row["id"] for row in first["messages"] + second["messages"]} == made
        assert second["next"] is None

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"partner": "other"}, {"other"}),
            ({"kind": "invoice"}, {"invoice"}),
            ({"direction": "out"}, {"out", "out-file"}),
            ({"processing": "held"}, {"held", "held-file"}),
            ({"delivery": "queued"}, {"out", "out-file"}),
            ({"acknowledgement": "awaited"}, {"out"}),
            ({"number": "4500012"}, {"other"}),
            ({"text": "0001"}, {"other"}),
            ({"text": "PRICE"}, {"held"}),
            ({"text": "po_2026%"}, {"held-file"}),
            ({"test": True}, {"invoice"}),
            ({"partner": "acme", "processing": "held", "kind": "order"}, {"held"}),
            ({"number": "45"}, set()),
        ],
    )
    def test_every_filter_finds_what_it_names(self, store: Store, add, filters, found) -> None:
        carrier = add(Transmission, direction="out", delivery="queued")
        names = {
            "other": add(partner="other", number="4500012", set_control="0001"),
            "invoice": add(kind="invoice", test=True),
            "held": add(reason="The unit price differs."),
            "out": add(direction="out", transmission_id=carrier.id, acknowledgement="awaited"),
            "held-file": add(Transmission, filename="po_2026%.edi"),
            "out-file": add(Transmission, direction="out", delivery="queued"),
            "near-miss": add(Transmission, filename="poX2026.edi"),
        }
        for name in ("held", "held-file"):
            row = names[name]
            store.writer.run(
                lambda session, row=row: lifecycle.move(
                    session, session.get(type(row), row.id), Axis.PROCESSING, Processing.HELD, **WHO
                )
            )
        back = {row.id: name for name, row in names.items()}
        assert {back[found_id] for found_id in ids(store, **filters)} == found

    def test_a_line_tells_the_axes_of_both_rows(self, store: Store, add) -> None:
        carrier = add(Transmission, direction="out", delivery="queued", filename="out.edi")
        add(direction="out", transmission_id=carrier.id, number="7", amount="12.50", currency="EUR")
        (row,) = ask(store, queries.list_messages)["messages"]
        assert (row["delivery"], row["transport"], row["filename"]) == ("queued", "as2", "out.edi")
        assert (row["document"], row["number"], row["amount"]) == ("order", "7", "12.50")

    def test_a_made_up_place_is_refused(self, store: Store) -> None:
        for cursor in ("x", "bm90anNvbg==", "WzEsMl0="):
            with store.read() as session, pytest.raises(ValueError, match="not the place of a page"):
                queries.list_messages(session, after=cursor)

    def test_the_limit_has_limits(self, store: Store, add) -> None:
        add()
        add()
        assert len(ids(store, limit=0)) == 1
        assert len(ids(store, limit=10**9)) == 2


class TestDetail:
    @pytest.fixture
    def order(self, store: Store, add) -> Document:
        """An inbound order in a transmission, with an answer, a case, a parent, a child and a sibling."""
        carrier = add(Transmission, transport_id="<1@acme>", filename="po.edi")
        interchange = Interchange(
            id="i-1", transmission_id=carrier.id, position=1, direction="in", partner="acme",
            sender="ZZ:ACME", receiver="ZZ:US", control="000000042", version="00401", sha256="0" * 64,
            received_at=NOW, verdict="partially_accepted", findings=[{"code": "TA105-021"}],
        )  # fmt: skip
        save(store, interchange)
        parent = add(number="1")
        order = add(
            number="4500012",
            transmission_id=carrier.id,
            interchange_id="i-1",
            parent_id=parent.id,
            findings=[{"code": "AK403-7", "message": "No such unit."}],
            related=[{"id": parent.id, "relation": "repeats"}, {"id": "gone", "relation": "x"}],
        )
        add(number="4500013", transmission_id=carrier.id, position=2)
        add(number="4500012-2", parent_id=order.id)
        add(Transmission, direction="out", delivery="queued", acknowledges_id="i-1", filename="997.edi")

        def work(session) -> None:
            row = session.get(Document, order.id)
            lifecycle.move(
                session, row, Axis.PROCESSING, Processing.HELD, values={"reason": "The unit is unknown."}, **WHO
            )
            cases.open_case(
                session, fingerprint="f", title="Unknown unit.", fault="invalid", subject_type="document",
                subject_id=order.id, now=NOW, suggestion="Ask.",
            )  # fmt: skip

        store.writer.run(work)
        return order

    def test_it_opens_with_one_sentence(self, store: Store, order: Document) -> None:
        detail = ask(store, queries.message_detail, order.id)
        assert detail["sentence"] == "Order 4500012 from acme is held. The unit is unknown."

    def test_the_stages_are_the_ledgers_events_in_order(self, store: Store, order: Document) -> None:
        stages = ask(store, queries.message_detail, order.id)["stages"]
        assert [(s["subject"], s["event"], s["new"]) for s in stages] == [
            ("transmission", "created", None),
            ("document", "created", None),
            ("document", "moved", "held"),
        ]

    def test_all_that_belongs_to_it_is_there(self, store: Store, order: Document) -> None:
        detail = ask(store, queries.message_detail, order.id)
        assert detail["findings"] == [{"code": "AK403-7", "message": "No such unit."}]
        assert [(c["title"], c["messages"]) for c in detail["cases"]] == [("Unknown unit.", 1)]
        assert [(a["filename"], a["state"]) for a in detail["acknowledgements"]] == [("997.edi", "queued")]
        assert [(r["relation"], r["name"]) for r in detail["related"]] == [
            ("parent", "order 1"),
            ("child", "order 4500012-2"),
            ("repeats", "order 1"),
            ("same transmission", "order 4500013"),
        ]
        assert detail["interchange"]["control"] == "000000042"
        assert detail["transmission"]["transport_id"] == "<1@acme>"

    @pytest.mark.parametrize("reference", ["id", "ID", "prefix", "number"])
    def test_it_is_found_by_id_by_the_start_of_it_and_by_number(
        self, store: Store, order: Document, reference: str
    ) -> None:
        asked = {"id": order.id, "ID": order.id.upper(), "prefix": order.id[:9], "number": "4500012"}[reference]
        assert ask(store, queries.message_detail, asked)["id"] == order.id

    def test_a_number_that_two_messages_have_names_both(self, store: Store, add) -> None:
        first, second = add(number="77"), add(number="77", direction="out")
        with store.read() as session, pytest.raises(queries.MessageNotFoundError) as caught:
            queries.message_detail(session, "77")
        assert first.id in str(caught.value)
        assert second.id in str(caught.value)

    @pytest.mark.parametrize("reference", ["nothing", "", "%%%%%%%", "______"])
    def test_what_fits_nothing_is_said_so(self, store: Store, add, reference: str) -> None:
        add()
        with store.read() as session, pytest.raises(queries.MessageNotFoundError, match="No message"):
            queries.message_detail(session, reference)

    def test_a_transmission_shows_its_interchanges_and_documents(self, store: Store, order: Document) -> None:
        detail = ask(store, queries.message_detail, order.transmission_id)
        assert detail["findings"] == [{"code": "TA105-021"}]
        assert [a["filename"] for a in detail["acknowledgements"]] == ["997.edi"]
        assert [r["name"] for r in detail["related"]] == ["order 4500012", "order 4500013"]
        assert detail["sentence"].startswith("Po.edi from acme is received.")

    def test_what_we_send_shows_its_attempts_and_its_acknowledgement(self, store: Store, add) -> None:
        carrier = add(Transmission, direction="out", delivery="queued")
        due = NOW + timedelta(hours=24)
        row = add(
            kind="ship_notice", direction="out", number="S1", transmission_id=carrier.id,
            acknowledgement="awaited", acknowledgement_due_at=due,
        )  # fmt: skip
        save(
            store,
            Attempt(id="a2", transmission_id=carrier.id, number=2, started_at=NOW, outcome="sending"),
            Attempt(
                id="a1",
                transmission_id=carrier.id,
                number=1,
                started_at=NOW,
                ended_at=NOW,
                outcome="retry",
                status=503,
                reason="Busy.",
            ),
        )
        detail = ask(store, queries.message_detail, row.id)
        assert detail["sentence"] == "Ship notice S1 to acme is queued, its acknowledgement is awaited."
        assert [(a["number"], a["outcome"], a["status"]) for a in detail["attempts"]] == [
            (1, "retry", 503),
            (2, "sending", 0),
        ]
        assert detail["acknowledgements"] == [
            {"direction": "in", "state": "awaited", "due_at": due.isoformat(), "at": None, "detail": []}
        ]

    def test_a_document_that_is_not_on_its_way_yet_has_no_transmission(self, store: Store, add) -> None:
        detail = ask(store, queries.message_detail, add(direction="out", partner=None, number="9").id)
        assert (detail["transmission"], detail["attempts"]) == (None, [])
        assert detail["sentence"] == "Order 9 to nobody is received."

    def test_a_nameless_transmission_has_a_name_all_the_same(self, store: Store, add) -> None:
        detail = ask(store, queries.message_detail, add(Transmission, partner=None).id)
        assert detail["sentence"] == "As2 message from an unknown sender is received."


class TestCases:
    def test_open_cases_are_listed_with_the_number_of_their_messages(self, store: Store, add) -> None:
        def work(session) -> None:
            for fingerprint, partner in (("a", "acme"), ("a", "acme"), ("b", "other"), ("c", "acme")):
                row = add_in(session)
                cases.open_case(
                    session, fingerprint=fingerprint, title=f"Problem {fingerprint}.", fault="x",
                    partner=partner, subject_type="document", subject_id=row, now=NOW,
                )  # fmt: skip
            closed = session.query(CaseFile).filter_by(fingerprint="c").one()
            cases.close_case(session, closed, Review.IGNORED, **WHO)

        made = iter([add().id for _ in range(4)])

        def add_in(_session) -> str:
            return next(made)

        store.writer.run(lambda session: work(session))
        found = ask(store, queries.open_cases)
        assert sorted((c["title"], c["messages"]) for c in found) == [("Problem a.", 2), ("Problem b.", 1)]
        assert [c["partner"] for c in ask(store, queries.open_cases, partner="other")] == ["other"]
        detail = ask(store, queries.case_detail, next(c["id"] for c in found if c["messages"] == 2))
        assert len(detail["members"]) == 2
        assert ask(store, queries.counts)["cases"] == 2

    def test_a_missing_case_is_said_so(self, store: Store) -> None:
        with store.read() as session, pytest.raises(queries.MessageNotFoundError, match="no case"):
            queries.case_detail(session, "x")


def test_what_is_not_acknowledged_is_listed_by_its_deadline(store: Store, add) -> None:
    carrier = add(Transmission, direction="out", delivery="queued")
    for number, hours, state in (("1", 5, "awaited"), ("2", -3, "awaited"), ("3", -9, "not_expected")):
        add(
            direction="out", number=number, acknowledgement=state, transmission_id=carrier.id,
            acknowledgement_due_at=NOW + timedelta(hours=hours),
        )  # fmt: skip
    add(direction="out", number="4", acknowledgement="awaited")
    rows = ask(store, queries.outstanding_acknowledgements, NOW)
    assert [(r["number"], r["overdue_seconds"]) for r in rows] == [("4", None), ("2", 10800.0), ("1", None)]
    late = ask(store, queries.outstanding_acknowledgements, NOW, due_only=True)
    assert [r["number"] for r in late] == ["2"]


def test_the_counts_tell_where_messages_stand(store: Store, add) -> None:
    add()
    add(direction="out", acknowledgement="awaited")
    failed = add(Transmission, direction="out", delivery="queued")
    add(Transmission, direction="out", delivery="queued")
    store.writer.run(
        lambda session: lifecycle.move(
            session, session.get(Transmission, failed.id), Axis.DELIVERY, Delivery.FAILED, **WHO
        )
    )
    counts = ask(store, queries.counts)
    assert (counts["queued"], counts["failed"], counts["awaiting_acknowledgement"]) == (1, 1, 1)
    assert (counts["held"], counts["overdue"], counts["cases"]) == (0, 0, 0)
