"""The 860 and 865 as order change and its answer, and the 846 as inventory advice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.documents import InventoryAdvice, OrderChange, OrderChangeAcknowledgment
from tests.mapping.mapkit import document, write_valid


def _change(name: str) -> OrderChange:
    found = document(name)
    assert isinstance(found, OrderChange)
    return found


def _answer(name: str) -> OrderChangeAcknowledgment:
    found = document(name)
    assert isinstance(found, OrderChangeAcknowledgment)
    return found


def _stock(name: str) -> InventoryAdvice:
    found = document(name)
    assert isinstance(found, InventoryAdvice)
    return found


def test_a_change_says_for_each_line_what_changes_and_the_new_values() -> None:
    found = _change("004010/860/01-quantities-prices-and-a-new-line")
    assert (found.number, found.sequence, found.order_date, found.issue_date) == (
        "HR-450017",
        "1",
        date(2026, 9, 14),
        date(2026, 9, 16),
    )
    assert str(found.purpose) == "change"
    assert [
        (line.line_id, str(line.change), line.quantity, line.left_to_receive, line.unit, line.price)
        for line in found.lines
    ] == [
        ("1", "quantity_increase", 144, 24, "EA", Decimal("6.75")),
        ("2", "price_change", 48, 0, "EA", Decimal("13.9")),
        ("3", "delete", 0, 0, "CA", Decimal("52.8")),
        ("4", "add", 20, 20, "EA", Decimal("8.8")),
    ]
    assert [line.item_id("vendor_item") for line in found.lines] == ["AS-1101", "AS-1107", "AS-2040", "AS-1133"]


def test_the_same_change_in_005010_reads_the_same_way() -> None:
    found = _change("005010/860/01-quantities-prices-and-a-new-line")
    assert [str(line.change) for line in found.lines] == ["quantity_decrease", "price_and_quantity_change", "add"]
    assert found.notes[0].text == ["Ship everything two days later."]
    assert found.requested_ship_date == date(2026, 9, 24)


def test_a_cancelled_order_is_a_cancellation() -> None:
    found = _change("004010/860/02-cancelled-order")
    assert str(found.purpose) == "cancellation"
    assert [str(line.change) for line in found.lines] == ["cancel_order"]
    assert found.date("cancellation") == date(2026, 2, 10)


def test_a_changed_store_spread_adds_up_to_the_new_quantity() -> None:
    line = _change("004010/860/03-store-spread-changed").lines[0]
    assert sum((part.quantity or 0 for part in line.destinations), Decimal(0)) == line.quantity == 126


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_an_answer_to_a_change_has_outcome_dates_and_an_answer_for_each_line(version: str) -> None:
    found = _answer(f"{version}/865/01-changes-accepted-with-answers")
    assert str(found.outcome) == "accepted_with_changes"
    assert (found.sequence, found.issue_date) == ("1", date(2026, 9, 17))
    assert found.seller_order_number in {"AS-SO-70012", "HBR-66001"}
    assert all(line.acknowledgments for line in found.lines)


def test_a_new_line_may_be_accepted_in_part() -> None:
    line = _answer("004010/865/01-changes-accepted-with-answers").lines[2]
    assert [(str(entry.status), entry.quantity) for entry in line.acknowledgments] == [
        ("accepted", 12),
        ("backordered", 8),
    ]


def test_a_change_that_the_seller_asks_for_has_its_new_dates() -> None:
    found = _answer("005010/865/02-seller-asks-for-a-change")
    assert str(found.purpose) == "change"
    (line,) = found.lines
    assert str(line.change) == "reschedule_and_quantity_change"
    assert [(part.quantity, part.date) for part in line.schedule] == [(30, date(2026, 4, 28)), (14, date(2026, 5, 1))]
    assert found.notes[0].text == ["The boat is late."]


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_a_short_change_written_by_hand_is_a_valid_860(version: str) -> None:
    lines = write_valid(
        version,
        "860",
        {
            "kind": "order_change",
            "number": "P1",
            "order_date": "2026-09-01",
            "issue_date": "2026-09-18",
            "sequence": "1",
            "lines": [
                {
                    "line_id": "1",
                    "change": "quantity_increase",
                    "quantity": "9",
                    "left_to_receive": "9",
                    "unit": "EA",
                    "price": "1.5",
                    "item_ids": [{"scheme": "buyer_item", "value": "X"}],
                }
            ],
        },
    )
    assert lines == ["BCH*04*SA*P1**1*20260901*****20260918", "POC*1*QI*9*9*EA*1.5**IN*X", "CTT*1"]


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_a_short_answer_written_by_hand_is_a_valid_865(version: str) -> None:
    lines = write_valid(
        version,
        "865",
        {
            "kind": "order_change_acknowledgment",
            "number": "P1",
            "order_date": "2026-09-01",
            "issue_date": "2026-09-19",
            "outcome": "accepted",
            "lines": [
                {
                    "line_id": "1",
                    "change": "quantity_increase",
                    "quantity": "9",
                    "left_to_receive": "9",
                    "unit": "EA",
                    "acknowledgments": [{"status": "accepted", "quantity": "9", "unit": "EA"}],
                }
            ],
        },
    )
    assert lines == ["BCA*00*AD*P1***20260901****20260919", "POC*1*QI*9*9*EA", "ACK*IA*9*EA", "CTT*1"]


def test_stock_is_read_as_quantities_by_kind() -> None:
    found = _stock("004010/846/01-stock-on-hand-and-available")
    assert (found.number, str(found.report_type)) == ("AS-STK-0914", "seller_inventory")
    first, second, third = found.lines
    assert (first.item_id("vendor_item"), first.quantity_of("on_hand"), first.quantity_of("available")) == (
        "AS-1101",
        1880,
        1640,
    )
    assert (second.quantity_of("available"), second.quantity_of("on_order")) == (0, 600)
    assert [(day.type, day.date) for day in second.quantities[2].dates] == [("available", date(2026, 10, 1))]
    assert third.references[0].value == "DISCONTINUED"


def test_stock_by_warehouse_and_what_comes_when() -> None:
    first, second = _stock("004010/846/02-stock-by-warehouse").lines
    assert [(part.quantity, part.date) for part in first.quantities[0].schedule] == [(120, date(2026, 3, 26))]
    assert first.parties[0].id_under("assigned_by_buyer") == "E1"
    assert [(part.id, part.quantity) for part in second.destinations] == [("E1", 40), ("W1", 18)]


def test_available_stock_of_005010_is_read_the_same_way() -> None:
    found = _stock("005010/846/01-stock-on-hand-and-available")
    assert [line.quantity_of("available") for line in found.lines] == [220, 2400]
    assert found.lines[0].quantity_of("backordered") == 80


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_a_short_advice_written_by_hand_is_a_valid_846(version: str) -> None:
    lines = write_valid(
        version,
        "846",
        {
            "kind": "inventory_advice",
            "number": "S1",
            "issue_date": "2026-09-18",
            "lines": [
                {
                    "item_ids": [{"scheme": "vendor_item", "value": "X"}],
                    "quantities": [
                        {"type": "available", "quantity": "5", "unit": "EA"},
                        {
                            "type": "on_order",
                            "quantity": "7",
                            "unit": "EA",
                            "dates": [{"type": "available", "date": "2026-10-01"}],
                        },
                    ],
                }
            ],
        },
    )
    assert lines == [
        "BIA*00*SI*S1*20260918",
        "LIN**VN*X",
        "QTY*33*5*EA",
        "QTY*63*7*EA",
        "DTM*018*20261001",
        "CTT*1",
    ]
