"""cXML requests as canonical documents and back: every fixture, every sample of the corpus, and the words by hand."""

from __future__ import annotations

import datetime
import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.documents import (
    Document,
    Invoice,
    Order,
    OrderAcknowledgment,
    ShipNotice,
    dump_document,
    parse_document,
)
from gateway.mapping import load_map
from gateway.mapping.xml import read_xml_document, write_xml_document, xml_coverage
from gateway.resources import find
from gateway.standards.xml.complete import complete_cxml
from gateway.standards.xml.identify import identify_xml
from gateway.standards.xml.parsing import parse_xml

FIXTURES = Path(__file__).parents[1] / "fixtures" / "xml" / "cxml"
REQUESTS = ("ConfirmationRequest", "InvoiceDetailRequest", "OrderRequest", "ShipNoticeRequest")
OURS = sorted(path for name in REQUESTS for path in (FIXTURES / name).glob("*.xml"))
CORPUS = os.environ.get("GATEWAY_CORPUS")
SAMPLES = (
    sorted(path for name in REQUESTS for path in Path(CORPUS, "xml", "cxml", name).glob("*.xml")) if CORPUS else []
)
#: A sample that is invalid by the DTD: it maps all the same, and stays as invalid as it was.
INVALID = "cxml-php__tests_CXmlTest_Handling_fixtures_order_request"

#: Files of which the fields carry less than nine tenths, and how much they do: what lacks is said beside each.
LEAN = {
    "ConfirmationRequest/except-by-line": 0.80,  # changed prices and the details of substitutes
    "ConfirmationRequest/update-all-detail": 0.59,  # the same
    "OrderRequest/blanket-release-with-parties": 0.89,  # country and area codes, a short name
    "OrderRequest/price-of-another-unit": 0.75,  # the price is not read
    f"OrderRequest/{INVALID}": 0.74,  # the payment that the DTD does not have
    "OrderRequest/cxml-php__tests_metadata_cxml_samples_OrderRequest": 0.80,  # country and area codes of telephones
}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _request(path: Path) -> Any:
    return identify_xml(parse_xml(path.read_bytes()))[0].content


@cache
def _document(name: str) -> Document:
    """The document of a fixture ("OrderRequest/delete"); a finding fails the test."""
    request = _request(FIXTURES / f"{name}.xml")
    result = read_xml_document(load_map("cxml", "1.2", request.tag), request, None)
    assert not result.findings, result.findings
    return result.document


def _plain(element: Any) -> Any:
    """An element without comments, processing instructions and the white space around and between elements."""
    children = [_plain(child) for child in element if isinstance(child.tag, str)]
    texts = [element.text or "", *(child.tail or "" for child in element)]
    text = [part for part in texts if part.strip()]
    return (element.tag, dict(element.attrib), [part.strip() for part in text], children)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(find("schemas/cxml/cXML.xsd")))


def _assert_valid(request: Any) -> None:
    assert _schema().validate(request), _schema().error_log


# ------------------------------------------------------------------------------------------------ every file


@pytest.mark.parametrize("path", [*OURS, *SAMPLES], ids=_name)
def test_reading_then_writing_gives_the_same_request_again(path: Path) -> None:
    request = _request(path)
    xml_map = load_map("cxml", "1.2", request.tag)
    result = read_xml_document(xml_map, request, None)
    assert not result.findings
    written = write_xml_document(xml_map, result.document)
    assert not written.findings
    assert _plain(written.root) == _plain(request)
    if path.stem != INVALID:
        _assert_valid(written.root)


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_a_document_survives_its_json_form(path: Path) -> None:
    request = _request(path)
    xml_map = load_map("cxml", "1.2", request.tag)
    document = parse_document(dump_document(read_xml_document(xml_map, request, None).document))
    assert _plain(write_xml_document(xml_map, document).root) == _plain(request)


@pytest.mark.parametrize("path", [*OURS, *SAMPLES], ids=_name)
def test_fields_carry_nine_tenths_of_what_is_received(path: Path) -> None:
    request = _request(path)
    xml_map = load_map("cxml", "1.2", request.tag)
    coverage = xml_coverage(xml_map, read_xml_document(xml_map, request, None).document)
    assert coverage >= LEAN.get(_name(path), 0.9)


def test_every_request_has_three_fixtures_of_our_own() -> None:
    assert all(len(list((FIXTURES / name).glob("*.xml"))) >= 3 for name in REQUESTS)


# ------------------------------------------------------------------------------------------------- the words


def test_a_new_order_is_read() -> None:
    order = _document("OrderRequest/new-order")
    assert isinstance(order, Order)
    assert (order.number, order.issue_date, order.issue_time) == (
        "4500017310",
        datetime.date(2026, 3, 2),
        datetime.time(14, 15),
    )
    assert str(order.purpose) == "original"
    assert order.currency == "USD"
    assert [(each.type, each.amount) for each in order.total_amounts] == [("total", Decimal("1961.90"))]
    assert order.requested_delivery_date == datetime.date(2026, 3, 20)
    assert order.reference("requisition") == "PR-2210"
    assert order.department == "310"
    assert [str(each.policy) for each in order.fulfilment] == ["ship_complete"]
    assert [note.text for note in order.notes] == [["Call before delivery."]]
    freight = order.allowances_charges[0]
    assert (str(freight.indicator), str(freight.service), freight.amount) == ("charge", "freight", Decimal("45.00"))
    tax = order.taxes[0]
    assert (str(tax.type), tax.rate, tax.amount, tax.base, tax.jurisdiction) == (
        "sales",
        Decimal(6),
        Decimal("108.50"),
        Decimal("1808.40"),
        "PA",
    )
    assert order.tax_total == Decimal("108.50")
    assert [(each.discount_days, each.discount_percent, each.net_days) for each in order.payment_terms] == [
        (10, Decimal(2), None),
        (None, None, 30),
    ]
    assert [(each.type, each.name) for each in order.contacts] == [("buyer", "Maria Lindqvist")]


def test_the_parties_of_an_order_are_read() -> None:
    order = _document("OrderRequest/new-order")
    assert isinstance(order, Order)
    ship_to, bill_to = order.parties
    assert (ship_to.type, ship_to.name, ship_to.id_under("assigned_by_buyer"), ship_to.id_under("gln")) == (
        "ship_to",
        "Hanover Home Store 412",
        "0412",
        "0614141000012",
    )
    assert ship_to.names == ["Receiving, dock 3", "Attn: P. Okafor"]
    address = ship_to.address
    assert address is not None
    assert (address.lines, address.city, address.region, address.postcode, address.country) == (
        ["118 Canal Road", "Building B"],
        "Hanover",
        "PA",
        "17331",
        "US",
    )
    assert [(each.type, each.value) for each in ship_to.contacts[0].communications] == [
        ("email", "dock412@hanover-home.example"),
        ("telephone", "5550142"),
    ]
    assert (bill_to.type, bill_to.name) == ("bill_to", "Hanover Home Stores, Accounts Payable")


def test_the_lines_of_an_order_are_read() -> None:
    order = _document("OrderRequest/new-order")
    assert isinstance(order, Order)
    can, gloves = order.lines
    assert (can.line_id, can.quantity, can.unit, can.price, can.description) == (
        "1",
        Decimal(24),
        "EA",
        Decimal("18.50"),
        "Watering can, 9 litres, green",
    )
    schemes = ("vendor_item", "buyer_item", "gtin_12", "classification", "manufacturer_part", "manufacturer")
    assert [can.item_id(scheme) for scheme in schemes] == [
        "BL-2001-GRN",
        "77120",
        "614141007349",
        "27112014",
        "WC9-G",
        "Loam Works",
    ]
    assert [(each.type, each.value, each.description) for each in can.references] == [
        ("CostCenter", "4100", "Garden"),
        ("Account", "50500", "Merchandise"),
    ]
    assert [(each.name, each.value) for each in can.properties] == [("Season", "Spring")]
    assert [(str(each.type), each.quantity, str(each.period)) for each in can.lead_times] == [
        ("order_to_delivery", Decimal(7), "days")
    ]
    assert [(each.type, each.date) for each in can.dates] == [("requested_delivery", datetime.date(2026, 3, 20))]
    assert [(each.quantity, each.date) for each in gloves.schedule] == [
        (Decimal(4), datetime.date(2026, 3, 20)),
        (Decimal(2), datetime.date(2026, 4, 3)),
    ]


def test_an_update_replaces_the_order_and_its_price_is_for_one_unit() -> None:
    order = _document("OrderRequest/update-with-price-basis")
    assert isinstance(order, Order)
    assert str(order.purpose) == "replace"
    assert order.reference("purchase_order_revision") == "2"
    assert order.reference("previous_order_message") == "20260302.1415.0001@hanover-home.example"
    line = order.lines[0]
    assert line.price == Decimal("0.2475")
    assert line.price_base is not None
    assert (line.price_base.amount, line.price_base.quantity) == (Decimal("24.75"), Decimal(100))


def test_a_delete_cancels_the_order() -> None:
    order = _document("OrderRequest/delete")
    assert str(order.purpose) == "cancellation"
    assert isinstance(order, Order)
    assert order.reference("vendor_order") == "SO-88127"


def test_a_release_names_its_contract_its_period_and_its_parties() -> None:
    order = _document("OrderRequest/blanket-release-with-parties")
    assert isinstance(order, Order)
    assert (str(order.order_type), order.contract) == ("release", "CT-2026-04")
    assert [(each.type, each.name) for each in order.parties] == [
        ("bill_to", "Hanover Home Stores"),
        ("sold_to", "Hanover Holding"),
        ("seller", "Birch and Loam Supply"),
    ]
    assert [each.type for each in order.contacts] == ["delivery"]
    assert order.date("do_not_deliver_before") == datetime.date(2026, 3, 20)
    assert order.date("do_not_deliver_after") == datetime.date(2026, 3, 27)
    loyalty = order.allowances_charges[0]
    assert (str(loyalty.indicator), str(loyalty.service), loyalty.percent, loyalty.base) == (
        "allowance",
        "discount",
        Decimal(1),
        Decimal("120.00"),
    )
    assert str(order.freight_terms[0].payer) == "collect"
    line = order.lines[0]
    assert [each.type for each in line.parties] == ["ship_to"]
    assert [(each.type, each.value) for each in line.references] == [("contract_line", "7")]
    assert (line.tax_total, line.taxes) == (Decimal("7.20"), [])


def test_an_order_accepted_whole_is_read() -> None:
    answer = _document("ConfirmationRequest/accept")
    assert isinstance(answer, OrderAcknowledgment)
    assert (str(answer.outcome), answer.number, answer.response_number) == ("accepted", "4500017310", "C-5501")
    assert (answer.order_date, answer.issue_date) == (datetime.date(2026, 3, 2), datetime.date(2026, 3, 2))
    assert answer.seller_order_number == "SO-88340"
    assert answer.reference("order_message") == "20260302.1415.0001@hanover-home.example"


def test_what_is_said_to_each_line_is_read() -> None:
    answer = _document("ConfirmationRequest/except-by-line")
    assert isinstance(answer, OrderAcknowledgment)
    assert str(answer.outcome) == "accepted_with_changes"
    assert [(line.line_id, line.quantity, line.unit) for line in answer.lines] == [
        ("1", Decimal(24), "EA"),
        ("2", Decimal(6), "BX"),
        ("3", Decimal(10), "EA"),
        ("4", Decimal(2), "CA"),
        ("5", Decimal(8), "EA"),
    ]
    said = [[(str(each.status), each.quantity) for each in line.acknowledgments] for line in answer.lines]
    assert said == [
        [("accepted", Decimal(18)), ("backordered", Decimal(6))],
        [("price_changed", Decimal(6))],
        [("substituted", Decimal(10))],
        [("rejected", Decimal(2))],
        [("rescheduled", Decimal(8))],
    ]
    accepted, backordered = answer.lines[0].acknowledgments
    assert [(each.type, each.date) for each in accepted.dates] == [
        ("scheduled_ship", datetime.date(2026, 3, 12)),
        ("scheduled_delivery", datetime.date(2026, 3, 16)),
    ]
    assert [each.date for each in backordered.dates] == [datetime.date(2026, 4, 10)]
    substitute = answer.lines[2].acknowledgments[0]
    assert [(each.scheme, each.value) for each in substitute.item_ids] == [
        ("vendor_item", "BL-2001-BLU"),
        ("buyer_item", "77121"),
    ]
    assert [(str(each.terms_type), each.terms) for each in answer.freight_terms] == [("incoterm", "FCA")]


def test_an_order_rejected_and_an_answer_replaced_are_read() -> None:
    rejected, replaced = _document("ConfirmationRequest/reject"), _document("ConfirmationRequest/update-all-detail")
    assert isinstance(rejected, OrderAcknowledgment)
    assert isinstance(replaced, OrderAcknowledgment)
    assert str(rejected.outcome) == "rejected"
    assert [note.text for note in rejected.notes] == [["The account is on credit hold."]]
    assert (str(replaced.purpose), str(replaced.outcome)) == ("replace", "accepted_with_changes")
    assert [str(each.status) for each in replaced.lines[0].acknowledgments] == ["changed"]


def test_a_ship_notice_becomes_a_tree_of_shipment_order_pack_and_item() -> None:
    notice = _document("ShipNoticeRequest/packed-with-sscc")
    assert isinstance(notice, ShipNotice)
    assert (notice.number, notice.shipped_date) == ("ASN-70412", datetime.date(2026, 3, 12))
    shipment = notice.units[0]
    assert str(shipment.status) == "partial"
    assert [each.carrier for each in shipment.routing[:2]] == ["RDWY", "Roadway Lines"]
    assert str(shipment.routing[2].mode) == "motor"
    assert shipment.reference("tracking_number") == "PRO-4471120"
    assert shipment.reference("service_level") == "Ground"
    assert shipment.reference("bill_of_lading") == "BOL-99120"
    assert [each.type for each in shipment.parties] == ["ship_from", "ship_to"]
    assert str(shipment.freight_terms[0].payer) == "prepaid"
    (order,) = notice.at_level("order")
    assert order.order is not None
    assert order.order.number == "4500017402"
    assert [unit.sscc for unit in notice.at_level("pack")] == ["106141411234567897", "106141411234567903"]
    first, second = notice.at_level("item")
    assert (first.line_id, first.shipped, first.unit, first.ordered) == ("1", Decimal(18), "EA", Decimal(24))
    assert first.item_id("gtin_12") == "614141007349"
    assert first.item_id("lot") == "L-0312"
    assert second.line_id == "3"


def test_items_of_one_carton_share_it() -> None:
    notice = _document("ShipNoticeRequest/one-carton-two-items")
    assert isinstance(notice, ShipNotice)
    (pack,) = notice.at_level("pack")
    assert [unit.line_id for unit in pack.units] == ["1", "2"]
    assert str(notice.units[0].status) == "complete"


def test_a_ship_notice_for_two_orders_keeps_them_apart() -> None:
    notice = _document("ShipNoticeRequest/two-orders")
    assert isinstance(notice, ShipNotice)
    orders = notice.at_level("order")
    assert [unit.order.number for unit in orders if unit.order] == ["4500017402", "4500017455"]
    assert [[item.line_id for item in unit.units] for unit in orders] == [["5"], ["1", "2"]]


def test_a_ship_notice_can_be_withdrawn() -> None:
    assert str(_document("ShipNoticeRequest/delete").purpose) == "cancellation"


def test_an_invoice_is_read() -> None:
    invoice = _document("InvoiceDetailRequest/tax-in-lines")
    assert isinstance(invoice, Invoice)
    assert (invoice.number, str(invoice.invoice_type), invoice.currency) == ("INV-30118", "invoice", "USD")
    first, second = invoice.lines
    assert (first.position, first.line_id, first.order_number, first.order_date) == (
        "1",
        "1",
        "4500017402",
        datetime.date(2026, 3, 5),
    )
    assert (first.quantity, first.price, first.net_amount, first.tax_total) == (
        Decimal(18),
        Decimal("18.50"),
        Decimal("333.00"),
        Decimal("19.98"),
    )
    assert (str(first.taxes[0].type), first.taxes[0].rate) == ("sales", Decimal(6))
    promotion = second.allowances_charges[0]
    assert (str(promotion.indicator), str(promotion.service), promotion.amount, promotion.description) == (
        "allowance",
        "promotion",
        Decimal("5.00"),
        "Spring promotion",
    )
    totals = invoice.totals
    assert totals is not None
    assert (totals.lines, totals.total, totals.payable) == (Decimal("518.00"), Decimal("604.08"), Decimal("604.08"))
    assert invoice.tax_total == Decimal("31.08")
    assert [(str(each.service), each.amount) for each in invoice.allowances_charges] == [("freight", Decimal("60.00"))]
    assert {party.type for party in invoice.parties} == {"remit_to", "bill_to", "ship_from", "ship_to"}
    assert invoice.computed_total() == totals.total


def test_an_invoice_for_two_orders_names_the_order_of_each_line() -> None:
    invoice = _document("InvoiceDetailRequest/two-orders-with-allowances")
    assert isinstance(invoice, Invoice)
    assert [(line.order_number, line.line_id) for line in invoice.lines] == [("4500017402", "5"), ("4500017455", "2")]
    assert invoice.lines[1].price == Decimal("0.0125")
    assert [(str(each.indicator), str(each.service)) for each in invoice.allowances_charges] == [
        ("charge", "handling"),
        ("allowance", "discount"),
        ("charge", "insurance"),
    ]
    totals = invoice.totals
    assert totals is not None
    assert (totals.prepaid, totals.payable) == (Decimal("20.00"), Decimal("73.11"))


def test_credit_memos_name_what_they_credit() -> None:
    by_line = _document("InvoiceDetailRequest/line-level-credit-memo")
    by_order = _document("InvoiceDetailRequest/credit-memo-for-an-order")
    assert isinstance(by_line, Invoice)
    assert isinstance(by_order, Invoice)
    assert (str(by_line.invoice_type), by_line.is_credit) == ("credit_note", True)
    assert (by_line.related_invoice, by_line.related_invoice_date) == ("INV-30118", datetime.date(2026, 3, 13))
    assert by_line.lines[0].quantity == Decimal(-2)
    assert (str(by_order.invoice_type), by_order.is_credit) == ("credit_memo", True)
    line = by_order.lines[0]
    assert (line.quantity, line.net_amount, line.order_number) == (None, Decimal("-25.00"), "4500017402")


@pytest.mark.parametrize("factor", ["12", "0.001", "1.10"])
def test_a_price_of_another_unit_is_never_taken_for_the_line_s(factor: str) -> None:
    data = (FIXTURES / "OrderRequest" / "update-with-price-basis.xml").read_bytes()
    data = data.replace(b'conversionFactor="1"', f'conversionFactor="{factor}"'.encode())
    request = identify_xml(parse_xml(data))[0].content
    xml_map = load_map("cxml", "1.2", request.tag)
    document = read_xml_document(xml_map, request, None).document
    assert isinstance(document, Order)
    assert document.lines[0].price is None
    assert document.lines[0].quantity == Decimal(1500)
    assert _plain(write_xml_document(xml_map, document).root) == _plain(request)


def test_a_factor_of_one_is_one_however_it_is_spelled() -> None:
    data = (FIXTURES / "OrderRequest" / "update-with-price-basis.xml").read_bytes()
    request = identify_xml(parse_xml(data.replace(b'conversionFactor="1"', b'conversionFactor="1.000"')))[0].content
    document = read_xml_document(load_map("cxml", "1.2", request.tag), request, None).document
    assert isinstance(document, Order)
    assert document.lines[0].price == Decimal("0.2475")


# ------------------------------------------------------------------------------- documents written by hand

ORDER = {
    "kind": "order",
    "number": "4500",
    "issue_date": "2026-03-02",
    "purpose": "original",
    "currency": "USD",
    "total_amounts": [{"type": "total", "amount": "37.50"}],
    "parties": [
        {
            "type": "ship_to",
            "name": "Store",
            "ids": [{"scheme": "gln", "value": "0614141000012"}],
            "address": {"lines": ["1 Road"], "city": "Hanover", "region": "PA", "postcode": "17331", "country": "US"},
            "contacts": [{"communications": [{"type": "telephone", "value": "717-555-0142"}]}],
        },
        {"type": "bill_to", "name": "Headquarters"},
        {"type": "seller", "name": "Birch and Loam Supply"},
    ],
    "dates": [
        {"type": "requested_delivery", "date": "2026-03-09"},
        {"type": "requested_ship", "date": "2026-03-07"},
        {"type": "cancel_after", "date": "2026-03-31"},
    ],
    "references": [
        {"type": "department", "value": "310"},
        {"type": "carton_label", "code": "Extrinsic", "value": "yes"},
    ],
    "payment_terms": [{"discount_percent": "2", "discount_days": 10}, {"net_days": 30}],
    "lines": [
        {
            "line_id": "1",
            "quantity": "5",
            "unit": "EA",
            "price": "2.50",
            "item_ids": [
                {"scheme": "vendor_item", "value": "V1"},
                {"scheme": "buyer_item", "value": "B1"},
                {"scheme": "gtin_12", "value": "614141007349"},
            ],
            "descriptions": [{"text": "Pot", "language": "en"}],
        },
        {
            "line_id": "2",
            "quantity": "200",
            "unit": "EA",
            "price": "0.125",
            "price_base": {"amount": "12.50", "quantity": "100", "unit": "EA"},
            "item_ids": [{"scheme": "vendor_item", "value": "V2"}],
        },
    ],
}

ACKNOWLEDGMENT = {
    "kind": "order_acknowledgment",
    "number": "4500",
    "issue_date": "2026-03-03",
    "outcome": "accepted_with_changes",
    "order_date": "2026-03-02",
    "seller_order_number": "SO-1",
    "lines": [
        {
            "line_id": "1",
            "quantity": "5",
            "unit": "EA",
            "acknowledgments": [
                {
                    "status": "accepted",
                    "quantity": "3",
                    "unit": "EA",
                    "dates": [{"type": "scheduled_ship", "date": "2026-03-08"}],
                },
                {"status": "backordered", "quantity": "2", "unit": "EA"},
            ],
        },
        {
            "line_id": "2",
            "quantity": "5",
            "unit": "EA",
            "acknowledgments": [{"status": "rejected", "quantity": "5", "unit": "EA"}],
        },
    ],
}

SHIP_NOTICE = {
    "kind": "ship_notice",
    "number": "S1",
    "issue_date": "2026-03-04",
    "issue_time": "10:00:00",
    "units": [
        {
            "level": "shipment",
            "routing": [{"scheme": "scac", "carrier": "RDWY"}],
            "references": [{"type": "tracking_number", "value": "P1"}],
            "dates": [{"type": "shipped", "date": "2026-03-04"}],
            "units": [
                {
                    "level": "order",
                    "order": {"number": "4500"},
                    "units": [
                        {
                            "level": "pack",
                            "marks": [{"type": "sscc_18", "value": "106141411234567897"}],
                            "units": [
                                {
                                    "level": "item",
                                    "line_id": "1",
                                    "shipped": "5",
                                    "unit": "EA",
                                    "item_ids": [{"scheme": "vendor_item", "value": "V1"}],
                                },
                                {"level": "item", "line_id": "2", "shipped": "2", "unit": "EA"},
                            ],
                        },
                        {
                            "level": "pack",
                            "marks": [{"type": "sscc_20", "value": "00106141411234567903"}],
                            "units": [{"level": "item", "line_id": "2", "shipped": "1", "unit": "EA"}],
                        },
                        {"level": "item", "line_id": "3", "shipped": "1", "unit": "EA"},
                    ],
                }
            ],
        }
    ],
}

INVOICE = {
    "kind": "invoice",
    "number": "I1",
    "issue_date": "2026-03-05",
    "currency": "USD",
    "tax_total": "1.50",
    "taxes": [{"type": "sales", "amount": "1.50", "rate": "6"}],
    "totals": {"lines": "25.00", "total": "31.50", "payable": "31.50"},
    "allowances_charges": [{"indicator": "charge", "service": "freight", "amount": "5.00"}],
    "lines": [
        {
            "line_id": "1",
            "position": str(number),
            "quantity": "5",
            "unit": "EA",
            "price": "2.50",
            "net_amount": "12.50",
            "order_number": order,
            "item_ids": [{"scheme": "vendor_item", "value": "V1"}],
        }
        for number, order in ((1, "4500"), (2, "4501"))
    ],
}

BY_HAND = {
    "OrderRequest": ORDER,
    "ConfirmationRequest": ACKNOWLEDGMENT,
    "ShipNoticeRequest": SHIP_NOTICE,
    "InvoiceDetailRequest": INVOICE,
}


def _without_anchors(value: Any) -> Any:
    """JSON without what only the reader sets, and with codes as their words."""
    if isinstance(value, dict):
        if value.keys() <= {"value", "code"} and value.get("value") and "scheme" not in value:
            return value["value"]
        kept = {key: _without_anchors(item) for key, item in value.items() if key not in {"anchor", "extensions"}}
        return {key: item for key, item in kept.items() if item not in (None, [], {})}
    return [_without_anchors(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", BY_HAND)
def test_a_document_made_by_hand_is_written_valid_and_read_again(name: str) -> None:
    xml_map = load_map("cxml", "1.2", name)
    document = parse_document(json.dumps(BY_HAND[name]))
    written = write_xml_document(xml_map, document)
    assert not written.findings
    request = complete_cxml(written.root)
    _assert_valid(request)
    again = json.loads(dump_document(read_xml_document(xml_map, request, None).document))
    for key in ("envelope", "schema_version", "purpose"):
        again.pop(key, None)
    made = {key: value for key, value in BY_HAND[name].items() if key != "purpose"}
    assert _without_anchors(again) == made


@pytest.mark.parametrize(
    ("outcome", "written"),
    [("accepted_no_detail", "accept"), ("accepted_with_changes", "except"), ("rejected_no_detail", "reject")],
)
def test_words_that_cxml_has_one_for_are_written_as_that_one(outcome: str, written: str) -> None:
    document = parse_document(json.dumps({**ACKNOWLEDGMENT, "outcome": outcome}))
    root = write_xml_document(load_map("cxml", "1.2", "ConfirmationRequest"), document).root
    header = root.find("ConfirmationHeader")
    assert header is not None
    assert header.get("type") == written


@pytest.mark.parametrize(
    ("status", "written"),
    [
        ("quantity_changed", "detail"),
        ("rescheduled", "detail"),
        ("substituted", "detail"),
        ("partial_backorder", "backordered"),
        ("rejected_unknown_item", "reject"),
        ("held", "unknown"),
    ],
)
def test_every_word_for_a_line_has_a_status_in_cxml(status: str, written: str) -> None:
    line = {**ACKNOWLEDGMENT["lines"][0], "acknowledgments": [{"status": status, "quantity": "5", "unit": "EA"}]}
    document = parse_document(json.dumps({**ACKNOWLEDGMENT, "lines": [line]}))
    root = write_xml_document(load_map("cxml", "1.2", "ConfirmationRequest"), document).root
    found = root.find("ConfirmationItem/ConfirmationStatus")
    assert found is not None
    assert found.get("type") == written


@pytest.mark.parametrize(
    ("date_type", "attribute"), [("scheduled_ship", "shipmentDate"), ("scheduled_delivery", "deliveryDate")]
)
def test_the_day_beside_an_answer_is_written_as_its_shipment_or_delivery(date_type: str, attribute: str) -> None:
    answer = {"status": "accepted", "quantity": "5", "unit": "EA", "date_type": date_type, "date": "2026-03-08"}
    line = {**ACKNOWLEDGMENT["lines"][0], "acknowledgments": [answer]}
    document = parse_document(json.dumps({**ACKNOWLEDGMENT, "lines": [line]}))
    written = write_xml_document(load_map("cxml", "1.2", "ConfirmationRequest"), document)
    assert not written.findings
    found = written.root.find("ConfirmationItem/ConfirmationStatus")
    assert found is not None
    assert (found.get("type"), found.get(attribute)) == ("accept", "2026-03-08T00:00:00+00:00")


def test_an_edit_wins_and_what_stood_beside_it_stays() -> None:
    request = _request(FIXTURES / "OrderRequest" / "new-order.xml")
    xml_map = load_map("cxml", "1.2", "OrderRequest")
    document = read_xml_document(xml_map, request, None).document
    assert isinstance(document, Order)
    document.lines[0].quantity = Decimal(30)
    document.lines[0].unit = "DZ"
    root = write_xml_document(xml_map, document).root
    item = root.find("ItemOut")
    assert item is not None
    assert item.get("quantity") == "30"
    assert item.findtext("ItemDetail/UnitOfMeasure") == "DZN"
    assert item.findtext("Distribution/Charge/Money") == "444.00"
    assert root.findtext("OrderRequestHeader/ShipTo/Address/PostalAddress/Country") == "United States"
    _assert_valid(root)
