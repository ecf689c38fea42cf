"""The 855 as an order acknowledgment: what the seller says to each line, right for a back office."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.documents import (
    AcknowledgedLine,
    Document,
    LineAcknowledgment,
    OrderAcknowledgment,
    parse_document,
)
from gateway.mapping import MappingError, load_map, write_document
from tests.mapping.mapkit import document, documents, lines_of, write_valid


def _acknowledgment(name: str) -> OrderAcknowledgment:
    found: Document = document(name)
    assert isinstance(found, OrderAcknowledgment)
    return found


def _answers(line: AcknowledgedLine) -> list[tuple[str, Decimal | None, date | None]]:
    return [(str(entry.status), entry.quantity, entry.date) for entry in line.acknowledgments]


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_an_acceptance_without_detail_has_an_outcome_and_no_lines(version: str) -> None:
    found = _acknowledgment(f"{version}/855/01-accepted-without-detail")
    assert found.outcome is not None and (found.outcome.value, found.outcome.code) == ("accepted_no_detail", "AT")
    assert found.lines == []
    assert found.seller_order_number in {"CT-990118", "CT-991040"}


def test_a_split_line_keeps_both_parts_with_their_dates() -> None:
    found = _acknowledgment("004010/855/03-split-accepted-and-backordered")
    assert (found.number, found.order_date, found.issue_date) == ("HR-450020", date(2026, 9, 14), date(2026, 9, 14))
    assert str(found.outcome) == "accepted_with_changes"
    assert found.seller_order_number == "AS-SO-70031"
    first, second = found.lines
    assert (first.line_id, first.quantity, first.unit, first.price) == ("001", 500, "EA", Decimal("4.1"))
    assert first.item_id("vendor_item") == "AS-5100"
    assert first.gtin == "614141025107"
    assert _answers(first) == [
        ("accepted", Decimal(320), date(2026, 9, 18)),
        ("backordered", Decimal(180), date(2026, 10, 2)),
    ]
    assert [str(entry.date_type) for entry in first.acknowledgments] == ["scheduled_ship", "scheduled_ship"]
    assert [(day.type, day.date) for day in first.acknowledgments[1].dates] == [
        ("scheduled_delivery", date(2026, 10, 6))
    ]
    assert sum(entry.quantity or 0 for entry in first.acknowledgments) == first.quantity
    assert _answers(second) == [("accepted", Decimal(80), date(2026, 9, 18))]


def test_the_contact_of_the_order_desk_is_complete() -> None:
    (contact,) = _acknowledgment("004010/855/03-split-accepted-and-backordered").contacts
    assert (contact.type, contact.name) == ("supplier", "Order desk")
    assert [(way.type, way.value) for way in contact.communications] == [
        ("telephone", "555-0166"),
        ("email", "orders@alpine-supply.example"),
    ]


def test_a_changed_quantity_and_a_changed_price_are_told_apart() -> None:
    first, second = _acknowledgment("004010/855/04-quantity-and-price-changed").lines
    assert [answer[:2] for answer in _answers(first)] == [("quantity_changed", Decimal(384)), ("deleted", Decimal(16))]
    assert [answer[:2] for answer in _answers(second)] == [("price_changed", Decimal(200))]
    assert [(str(price.type), price.price) for price in second.prices] == [("confirmed_unit", Decimal("66.4"))]


@pytest.mark.parametrize(
    ("name", "ordered", "substitute"),
    [
        ("004010/855/05-substitute-item", "10614141401106", "10614141401274"),
        ("005010/855/05-substitute-item", "10614141902054", "10614141902290"),
    ],
)
def test_a_substitute_item_stands_in_the_answer_and_the_ordered_one_on_the_line(
    name: str, ordered: str, substitute: str
) -> None:
    line = _acknowledgment(name).lines[0]
    (answer,) = line.acknowledgments
    assert str(answer.status) == "substituted"
    assert line.gtin == ordered
    assert [entry.value for entry in answer.item_ids if entry.scheme == "gtin_14"] == [substitute]


def test_rejected_lines_say_why() -> None:
    found = _acknowledgment("004010/855/06-lines-rejected-with-reasons")
    assert [str(line.acknowledgments[0].status) for line in found.lines] == [
        "accepted",
        "rejected",
        "rejected_unknown_item",
        "rejected_not_on_contract",
    ]
    assert found.notes[0].text[0].startswith("Line 2 is discontinued")
    assert found.lines[1].notes[0].text == ["Replaced by FT-PAD2 from May."]


def test_one_line_may_have_four_answers() -> None:
    line = _acknowledgment("004010/855/10-allowances-and-four-answers-on-a-line").lines[0]
    assert [(str(entry.status), entry.quantity) for entry in line.acknowledgments] == [
        ("accepted", 120),
        ("rescheduled", 30),
        ("backordered", 38),
        ("rejected", 12),
    ]


def test_allowances_are_in_currency_units_and_keep_both_notations() -> None:
    found = _acknowledgment("004010/855/10-allowances-and-four-answers-on-a-line")
    assert [(str(entry.indicator), str(entry.service), entry.amount) for entry in found.allowances_charges] == [
        ("allowance", "other", Decimal("45.00")),
        ("charge", "freight", Decimal("31.20")),
    ]
    rush = _acknowledgment("005010/855/08-schedule-quantity-changed").allowances_charges[0]
    assert (rush.agency, rush.agency_code, rush.amount) == ("ZZ", "RUSH", Decimal("45.00"))


def test_a_delivery_schedule_is_a_list_of_quantities_and_days() -> None:
    line = _acknowledgment("004010/855/08-schedule-of-deliveries").lines[0]
    assert [(part.quantity, part.type, part.date) for part in line.schedule] == [
        (300, "scheduled_delivery", date(2026, 1, 21)),
        (300, "scheduled_delivery", date(2026, 2, 18)),
        (300, "scheduled_delivery", date(2026, 3, 18)),
    ]


def test_text_of_005010_is_read_from_mtx() -> None:
    found = _acknowledgment("005010/855/04-price-changed-with-text")
    assert found.notes[0].text == ["The price of plates went up on 1 April, see list 26-2."]
    assert found.lines[1].acknowledgments[0].status is not None
    assert found.lines[1].prices[0].price == Decimal("7.29")


def test_every_set_of_a_group_is_a_document_of_its_own() -> None:
    first, second = documents("005010/855/09-two-answers-one-group")
    assert (first.number, second.number) == ("OP-771201", "OP-771202")


SHORT: dict[str, object] = {
    "kind": "order_acknowledgment",
    "number": "HR-450020",
    "order_date": "2026-09-14",
    "issue_date": "2026-09-15",
    "outcome": "accepted_with_changes",
    "seller_order_number": "SO-1",
    "notes": [{"text": ["Thank you.", "The rest follows."]}],
    "lines": [
        {
            "line_id": "001",
            "quantity": "500",
            "unit": "EA",
            "price": "4.10",
            "item_ids": [{"scheme": "vendor_item", "value": "AS-5100"}],
            "descriptions": [{"text": "Steel water bowl"}],
            "acknowledgments": [
                {
                    "status": "accepted",
                    "quantity": "320",
                    "unit": "EA",
                    "date_type": "scheduled_ship",
                    "date": "2026-09-18",
                },
                {"status": "backordered", "quantity": "180", "unit": "EA"},
            ],
        }
    ],
}


@pytest.mark.parametrize(("version", "texts"), [("004010", "MSG*"), ("005010", "MTX**")])
def test_a_short_document_written_by_hand_is_a_valid_855(version: str, texts: str) -> None:
    assert write_valid(version, "855", SHORT) == [
        "BAK*00*AC*HR-450020*20260914****SO-1*20260915",
        "N9*ZZ*TEXT",
        f"{texts}Thank you.",
        f"{texts}The rest follows.",
        "PO1*001*500*EA*4.10**VN*AS-5100",
        "PID*F****Steel water bowl",
        "ACK*IA*320*EA*068*20260918",
        "ACK*IB*180*EA",
        "CTT*1",
    ]


def test_an_edited_answer_is_written_and_everything_else_stays() -> None:
    found = _acknowledgment("004010/855/03-split-accepted-and-backordered")
    cmap = load_map("x12", "004010", "855")
    before = lines_of(write_document(cmap, found))
    found.lines[0].acknowledgments[1] = LineAcknowledgment.model_validate(
        {"status": "rejected", "quantity": "180", "unit": "EA"}
    )
    after = lines_of(write_document(cmap, found))
    assert [line for line in before if line not in after] == ["ACK*IB*180*EA*068*20261002", "DTM*067*20261006"]
    assert [line for line in after if line not in before] == ["ACK*IR*180*EA"]


def test_an_acknowledgment_without_outcome_and_order_date_is_refused_with_both_fields() -> None:
    short = parse_document({"kind": "order_acknowledgment", "number": "HR-450020"})
    with pytest.raises(MappingError) as raised:
        write_document(load_map("x12", "004010", "855"), short)
    assert {problem.path for problem in raised.value.problems} == {"outcome", "order_date"}


def test_a_word_that_no_code_stands_for_is_refused_with_the_nearest_one() -> None:
    found = _acknowledgment("004010/855/02-every-line-accepted")
    found.lines[0].acknowledgments[0] = LineAcknowledgment.model_validate({"status": "back-ordered"})
    with pytest.raises(MappingError) as raised:
        write_document(load_map("x12", "004010", "855"), found)
    assert "lines[0].acknowledgments[0].status" in str(raised.value)
    assert "backordered" in str(raised.value)
