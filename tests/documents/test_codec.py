"""The JSON form of the documents: pleasant to write, strict to read, stable to print."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import (
    KINDS,
    Code,
    DocumentError,
    Invoice,
    Order,
    OrderAcknowledgment,
    ShipNotice,
    business_key,
    dump_document,
    parse_document,
    to_jsonable,
)
from gateway.documents.codec import load_list


def _errors(data: object) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        parse_document(data if isinstance(data, bytes | str) else json.dumps(data).encode())
    return {error.path: error.message for error in caught.value.errors}


def test_an_acknowledgment_takes_fifteen_lines_of_json() -> None:
    document = parse_document(
        """{
          "kind": "order_acknowledgment", "number": "4471902", "order_date": "2026-03-02",
          "issue_date": "2026-03-03", "outcome": "accepted_with_changes", "seller_order_number": "SO-881",
          "lines": [
            {"line_id": "001", "quantity": "60", "unit": "EA", "price": "8.49",
             "item_ids": [{"scheme": "gtin_12", "value": "614141100019"}],
             "acknowledgments": [{"status": "accepted", "quantity": 40, "unit": "EA"},
                                 {"status": "backordered", "quantity": 20, "unit": "EA", "date": "2026-04-01"}]}
          ]
        }"""
    )
    assert isinstance(document, OrderAcknowledgment)
    assert document.lines[0].line_id == "001"
    assert [entry.quantity for entry in document.lines[0].acknowledgments] == [40, 20]
    assert document.lines[0].gtin == "614141100019"


def test_a_plain_string_is_a_coded_value() -> None:
    order = parse_document({"kind": "order", "purpose": "original", "order_type": {"code": "SA"}})
    assert isinstance(order, Order)
    assert order.purpose == Code(value="original") and str(order.purpose) == "original"
    assert str(order.order_type) == "SA"


def test_every_mistake_is_named_with_its_path_and_the_nearest_name() -> None:
    errors = _errors(
        {
            "kind": "order",
            "nunber": "4",
            "issue_date": "03/02/2026",
            "issue_time": "noon",
            "test": "perhaps",
            "id": "7",
            "role": "trader",
            "lines": [
                {
                    "quantty": 1,
                    "price": "1,000.00",
                    "unit": 3,
                    "price_basis": {"valu": "x"},
                    "packs": [{"packs": "two"}],
                },
                "line two",
            ],
            "parties": {"type": "buyer"},
        }
    )
    assert errors["nunber"] == 'there is no field of this name. Did you mean "number"?'
    assert "YYYY-MM-DD" in errors["issue_date"] and "HH:MM" in errors["issue_time"]
    assert "neither true nor false" in errors["test"]
    assert "UUID" in errors["id"] and "'sell' or 'buy'" in errors["role"]
    assert 'Did you mean "quantity"?' in errors["lines[0].quantty"]
    assert '"1,000.00" is not a number' in errors["lines[0].price"]
    assert "quotation marks" in errors["lines[0].unit"]
    assert 'Did you mean "value"?' in errors["lines[0].price_basis.valu"]
    assert "whole number" in errors["lines[0].packs[0].packs"]
    assert "not an object" in errors["lines[1]"] and "not a list" in errors["parties"]


def test_a_name_unlike_any_field_gets_the_list_of_fields() -> None:
    assert "Valid here: value, code" in _errors({"kind": "order", "purpose": {"zzzzzz": 1}})["purpose.zzzzzz"]


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (b'{"kind": "order",}', "", "not JSON"),
        (b'{"kind": "\xff"}', "", "not UTF-8"),
        (b"[1]", "", "is a list"),
        (b"{}", "kind", 'Add "kind"'),
        (b'{"kind": "ordr"}', "kind", 'Did you mean "order"?'),
        (b'{"kind": "xyzzy"}', "kind", "not a kind of document"),
        (b"[" * 100_000, "", "nested too deeply"),
    ],
)
def test_what_is_no_document_is_told_in_a_sentence(data: bytes, path: str, words: str) -> None:
    assert words in _errors(data)[path]


def test_a_list_of_documents_is_split_and_anything_else_is_refused() -> None:
    assert load_list('[{"kind": "order"}, {"kind": "invoice"}]') == [{"kind": "order"}, {"kind": "invoice"}]
    with pytest.raises(DocumentError, match="not a list"):
        load_list("{}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_what_it_prints(kind: str) -> None:
    document = parse_document({"kind": kind, "number": "7", "test": True})
    assert document.kind == kind and document.source is None
    assert parse_document(dump_document(document)) == document


def test_printing_leaves_out_what_is_empty_and_keeps_the_order_of_the_fields() -> None:
    order = Order(number="4", lines=[], issue_date=date(2026, 3, 2))
    assert list(to_jsonable(order)) == ["kind", "schema_version", "number", "issue_date"]
    assert dump_document(order).endswith(b"}\n")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_decimal_is_exact_through_json(value: Decimal) -> None:
    document = Order(lines=[{"quantity": value, "price": value}])  # type: ignore[list-item]
    again = parse_document(dump_document(document))
    assert isinstance(again, Order) and again.lines[0].price == value


@pytest.mark.parametrize("value", [20260302, "20260302", "2026-03-02T00:00:00", 1772409600, "2026-02-30", True])
def test_only_a_written_out_day_is_a_date(value: object) -> None:
    assert "YYYY-MM-DD" in _errors({"kind": "order", "issue_date": value})["issue_date"]


@pytest.mark.parametrize("value", [43200, "1430", "25:00", "14:30Z"])
def test_only_a_written_out_time_is_a_time(value: object) -> None:
    assert "HH:MM" in _errors({"kind": "order", "issue_time": value})["issue_time"]


def test_a_json_number_keeps_its_digits() -> None:
    order = parse_document(b'{"kind": "order", "lines": [{"price": 0.1, "quantity": 12.50}]}')
    assert isinstance(order, Order)
    assert (str(order.lines[0].price), str(order.lines[0].quantity)) == ("0.1", "12.50")
    assert Order(lines=[{"price": 0.1}]).lines[0].price == Decimal("0.1")  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"kind": "order", "number": "4", "release": "2"}, "order/4/2"),
        ({"kind": "order_change", "number": "4", "sequence": "7"}, "order_change/4//7"),
        (
            {"kind": "order_acknowledgment", "number": "4", "issue_date": "2026-03-02"},
            "order_acknowledgment/4//2026-03-02",
        ),
        ({"kind": "ship_notice", "number": "S1"}, "ship_notice/S1"),
        (
            {"kind": "invoice", "number": "I1", "issue_date": "2026-03-02", "invoice_type": "credit_note"},
            "invoice/I1/2026/credit_note",
        ),
        ({"kind": "inventory_advice"}, "inventory_advice/"),
    ],
)
def test_the_business_key_names_what_makes_a_document_the_same(data: dict[str, object], key: str) -> None:
    assert business_key(parse_document(data)) == key


def test_the_ship_notice_is_walked_from_the_shipment_down() -> None:
    notice = parse_document(
        {
            "kind": "ship_notice",
            "number": "S1",
            "units": [
                {
                    "level": "shipment",
                    "dates": [{"type": "shipped", "date": "2026-03-05"}],
                    "references": [{"type": "bill_of_lading", "value": "B1"}],
                    "parties": [{"type": "ship_to", "ids": [{"scheme": "gln", "value": "0614141000005"}]}],
                    "units": [
                        {
                            "level": "pack",
                            "marks": [{"type": "sscc_20", "value": "00006141410000000016"}],
                            "units": [{"level": "item", "item_ids": [{"scheme": "sku", "value": "A"}]}],
                        },
                        {"level": "pack", "marks": [{"type": "sscc_18", "value": "006141410000000023"}]},
                    ],
                }
            ],
        }
    )
    assert isinstance(notice, ShipNotice)
    shipment = notice.units[0]
    assert [str(unit.level) for unit in notice.walk()] == ["shipment", "pack", "item", "pack"]
    assert [unit.sscc for unit in notice.at_level("pack")] == ["006141410000000016", "006141410000000023"]
    assert shipment.sscc is None and notice.shipped_date == date(2026, 3, 5)
    assert shipment.reference("bill_of_lading") == "B1"
    ship_to = shipment.party("buyer", "ship_to")
    assert ship_to is not None and ship_to.id_under("gln") == "0614141000005" and ship_to.id_under("duns") is None
    assert notice.at_level("item")[0].item_id("gtin_12", "sku") == "A"


def test_an_invoice_adds_up_lines_charges_allowances_and_taxes() -> None:
    invoice = parse_document(
        {
            "kind": "invoice",
            "invoice_type": "credit_note",
            "lines": [
                {"quantity": 10, "price": "1.25", "allowances_charges": [{"indicator": "allowance", "amount": "0.50"}]},
                {"quantity": 1, "taxes": [{"type": "state_sales", "amount": "0.75"}]},
            ],
            "allowances_charges": [
                {"indicator": "charge", "amount": "5.00", "taxes": [{"amount": "0.25"}]},
                {"indicator": "none", "amount": "9.99"},
            ],
            "taxes": [{"amount": "1.00"}],
        }
    )
    assert isinstance(invoice, Invoice)
    assert invoice.is_credit and invoice.computed_total() == Decimal("19.00")
    assert invoice.lines[1].amount is None and invoice.lines[0].description is None


def test_an_order_answers_the_usual_questions() -> None:
    order = parse_document(
        {
            "kind": "order",
            "dates": [
                {"type": "ship_not_before", "date": "2026-03-10"},
                {"type": "ship_no_later", "date": "2026-03-12"},
                {"type": "requested_delivery", "date": "2026-03-15"},
            ],
            "references": [{"type": "department", "value": "42"}, {"type": "vendor_id", "value": "V9"}],
            "parties": [{"type": "ship_to", "name": "Store 7"}],
        }
    )
    assert isinstance(order, Order)
    assert order.requested_ship_date == date(2026, 3, 10)
    assert order.requested_delivery_date == date(2026, 3, 15) and order.cancel_after == date(2026, 3, 12)
    assert (order.department, order.vendor_number, order.reference("promotion")) == ("42", "V9", None)
    ship_to = order.party("ship_to")
    assert ship_to is not None and ship_to.name == "Store 7" and order.party("bill_to") is None


def test_inventory_says_what_is_available() -> None:
    advice = parse_document(
        {
            "kind": "inventory_advice",
            "references": [{"type": "contract", "value": "C"}],
            "parties": [{"type": "ship_from"}],
            "lines": [
                {
                    "item_ids": [{"scheme": "sku", "value": "A"}],
                    "quantities": [{"type": "on_hand", "quantity": 7}, {"type": "available", "quantity": 5}],
                }
            ],
        }
    )
    line = advice.lines[0]  # type: ignore[union-attr,index]
    assert line.quantity_of("available", "on_hand") == 5 and line.quantity_of("on_order") is None  # type: ignore[union-attr]
    assert line.item_id("sku") == "A"
    assert advice.party("ship_from") is not None and advice.reference("contract") == "C"  # type: ignore[union-attr]
