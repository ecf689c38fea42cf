"""What XML demands and X12 leaves out is derived, and nothing that was said is changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from gateway.documents import Document, Invoice, OrderAcknowledgment, OrderChange, ShipNotice, parse_document
from gateway.documents.completion import Defaults, completed
from gateway.documents.parties import Party


def _completed(data: dict[str, Any], **options: Any) -> Any:
    return completed(parse_document(data), Defaults(**options))


_LINES = [
    {"line_id": "001", "quantity": "3", "price": "3.335"},
    {
        "line_id": "002",
        "quantity": 2,
        "price": 10,
        "allowances_charges": [{"indicator": "allowance", "amount": "1.50"}],
    },
]


def test_an_invoice_gets_its_line_numbers_net_amounts_and_totals() -> None:
    invoice = _completed(
        {
            "kind": "invoice",
            "lines": _LINES,
            "allowances_charges": [{"indicator": "charge", "amount": 5}, {"indicator": "service", "amount": 9}],
            "taxes": [{"amount": "3.351"}, {"rate": 20}],
        }
    )
    assert isinstance(invoice, Invoice) and invoice.totals is not None
    assert [(line.position, line.net_amount) for line in invoice.lines] == [
        ("1", Decimal("10.01")),
        ("2", Decimal("18.50")),
    ]
    totals = invoice.totals
    assert (totals.lines, totals.charges, totals.allowances) == (Decimal("28.51"), 5, None)
    assert (invoice.tax_total, totals.tax_exclusive) == (Decimal("3.35"), Decimal("33.51"))
    assert totals.total == totals.payable == Decimal("36.86")


def test_what_the_sender_states_stays() -> None:
    said = {"total": 100, "prepaid": 40, "lines": 99}
    invoice = _completed({"kind": "invoice", "lines": [{"position": "7", "net_amount": 1}], "totals": said})
    assert (invoice.lines[0].position, invoice.lines[0].net_amount) == ("7", 1)
    assert (invoice.totals.total, invoice.totals.lines, invoice.totals.payable) == (100, 99, 60)


def test_lines_within_a_line_are_completed_and_not_added_twice() -> None:
    part = {"quantity": 1, "price": 5}
    invoice = _completed({"kind": "invoice", "lines": [{"quantity": 1, "price": 10, "lines": [part, part]}]})
    assert [inner.position for inner in invoice.lines[0].lines] == ["1", "2"] and invoice.totals.total == 10


def test_a_currency_without_decimals_is_rounded_to_whole_units() -> None:
    assert _completed({"kind": "invoice", "lines": _LINES}, decimals=0).lines[0].net_amount == 10


def test_a_response_and_a_change_get_a_number_of_their_own() -> None:
    answer = _completed({"kind": "order_acknowledgment", "number": "4", "seller_order_number": "S1", "lines": [{}]})
    assert isinstance(answer, OrderAcknowledgment)
    assert answer.response_number == "S1" and answer.lines[0].line_id == "1"
    change = _completed({"kind": "order_change", "number": "4"})
    assert isinstance(change, OrderChange) and (change.change_number, change.sequence) == ("4", "1")


def test_items_of_a_ship_notice_are_numbered_through_the_whole_tree() -> None:
    item = {"level": "item"}
    notice = _completed({"kind": "ship_notice", "units": [{"level": "shipment", "units": [item, {"units": [item]}]}]})
    assert isinstance(notice, ShipNotice)
    assert [unit.position for unit in notice.walk()] == [None, "1", None, "2"]


def test_other_documents_are_left_alone() -> None:
    document: Document = parse_document({"kind": "receipt_advice", "number": "1"})
    assert completed(document) is document


def test_the_currency_of_the_partner_is_taken_where_the_document_names_none() -> None:
    assert _completed({"kind": "order"}, currency="USD").currency == "USD"
    assert _completed({"kind": "order", "currency": "CAD"}, currency="USD").currency == "CAD"


def test_terms_that_count_from_the_invoice_get_their_day() -> None:
    terms = [{"net_days": 30}, {"net_days": 30, "basis": "delivery_date"}, {"net_days": 9, "net_date": "2026-05-01"}]
    invoice = _completed({"kind": "invoice", "issue_date": "2026-03-02", "payment_terms": terms})
    assert [str(entry.net_date) for entry in invoice.payment_terms] == ["2026-04-01", "None", "2026-05-01"]


def test_lines_of_an_inventory_advice_are_numbered() -> None:
    advice = _completed({"kind": "inventory_advice", "lines": [{}, {"line_id": "x"}]})
    assert [line.line_id for line in advice.lines] == ["1", "x"]


def test_the_parts_of_an_answered_line_add_up_to_what_was_ordered() -> None:
    parts = [
        {"status": "accepted", "quantity": 4, "unit": "EA"},
        {"status": "backordered", "quantity": 2, "unit": "EA"},
    ]
    mixed = [{"quantity": 4, "unit": "EA"}, {"quantity": 2, "unit": "CA"}]
    answer = _completed(
        {"kind": "order_acknowledgment", "lines": [{"acknowledgments": parts}, {"acknowledgments": mixed}]}
    )
    assert [(line.quantity, line.unit) for line in answer.lines] == [(6, "EA"), (None, None)]


def test_a_missing_party_comes_from_the_defaults_or_from_one_that_stands_in() -> None:
    data = {
        "kind": "order",
        "parties": [{"type": "vendor", "name": "V"}, {"type": "ship_to", "code": "ST", "name": "S"}],
    }
    order = _completed(data)
    assert [(party.type, party.code, party.name) for party in order.parties][2:] == [("buyer", None, "S")]
    named = _completed(data, parties=(Party(type="buyer", name="B"),))
    assert [(party.type, party.name) for party in named.parties][2:] == [("buyer", "B")]
    invoice = _completed({"kind": "invoice", "parties": [{"type": "buyer"}, {"type": "remit_to"}]})
    assert [party.type for party in invoice.parties] == ["buyer", "remit_to", "bill_to", "seller"]


def test_the_shipment_of_a_notice_gets_the_parties_it_lacks() -> None:
    shipment = {"level": "shipment", "parties": [{"type": "ship_to", "name": "S"}]}
    notice = _completed({"kind": "ship_notice", "units": [shipment]}, parties=(Party(type="ship_from", name="F"),))
    assert [(party.type, party.name) for party in notice.units[0].parties] == [("ship_to", "S"), ("ship_from", "F")]
