"""UBL documents as canonical documents and back: every fixture, every sample of the corpus, and the words by hand."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from gateway.documents import (
    ApplicationResponse,
    Document,
    InventoryAdvice,
    Invoice,
    Order,
    OrderAcknowledgment,
    OrderChange,
    ReceiptAdvice,
    ShipNotice,
    business_key,
    dump_document,
    parse_document,
)
from gateway.documents.completion import Defaults, completed
from gateway.documents.parties import Party
from gateway.mapping import load_map, read_document
from gateway.mapping.xml.engine import read_xml_document, write_xml_document, xml_coverage
from gateway.resources import find
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.schemas import load_registry
from gateway.standards.xml.structure import load_structure
from tests.mapping.mapkit import fixtures, name_of, sets_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "xml" / "ubl"
OURS = sorted(FIXTURES.rglob("*.xml"))
ROOTS = load_structure("ubl", "2.1").roots
CORPUS = os.environ.get("GATEWAY_CORPUS")

#: Sample documents of which the fields carry less than nine tenths: most codes there name their list and its agency.
LEAN = {
    "CreditNote/ubl-release-package__xml_UBL-CreditNote-2.1-Example": 0.84,
    "Invoice/ubl-release-package__xml_UBL-Invoice-2.1-Example": 0.84,
    "OrderResponse/ubl-release-package__xml_UBL-OrderResponse-2.1-Example": 0.81,
}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _samples() -> list[Path]:
    """The schema-valid samples of the corpus of the types that have a map."""
    if CORPUS is None:
        return []
    folder = Path(CORPUS) / "xml"
    rows = [line.split("\t") for line in (folder / "index.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return sorted(folder / row[0] for row in rows if row[1] == "ubl" and row[2] in ROOTS and row[8] == "yes")


def _root(path: Path) -> Any:
    return parse_xml(path.read_bytes()).root


@cache
def _document(name: str) -> Document:
    """The document of a fixture ("Order/order-with-allowances"); a finding fails the test."""
    root = _root(FIXTURES / f"{name}.xml")
    result = read_xml_document(load_map("ubl", "2.1", etree.QName(root).localname), root, None)
    assert not result.findings, result.findings
    return result.document


def _plain(element: Any) -> Any:
    """An element without prefixes, comments, processing instructions and the white space between elements."""
    children = [_plain(child) for child in element if isinstance(child.tag, str)]
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    return (element.tag, dict(element.attrib), text if not children or text.strip() else "", children)


def _assert_valid(root: Any) -> None:
    registry = load_registry()
    name = etree.QName(root)
    entry = registry.find(name.namespace, name.localname, "2.1")
    if entry is None:
        pytest.skip("the UBL schemas are not installed (extra `ubl`)")
    schema = registry.compiled(entry)
    valid = schema.validate(etree.fromstring(etree.tostring(root)))
    assert valid, schema.error_log


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_a_fixture_is_valid_and_comes_back_as_it_was(path: Path) -> None:
    root = _root(path)
    _assert_valid(root)
    xmap = load_map("ubl", "2.1", etree.QName(root).localname)
    result = read_xml_document(xmap, root, None)
    assert not result.findings, result.findings
    again = parse_document(dump_document(result.document))
    written = write_xml_document(xmap, again)
    assert _plain(written.root) == _plain(root)
    assert not written.findings, written.findings
    _assert_valid(written.root)


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_the_fields_carry_nine_tenths_of_a_fixture(path: Path) -> None:
    root = _root(path)
    xmap = load_map("ubl", "2.1", etree.QName(root).localname)
    document = read_xml_document(xmap, root, None).document
    assert xml_coverage(xmap, document) >= 0.9


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_a_document_without_what_was_kept_is_still_written_and_valid(path: Path) -> None:
    root = _root(path)
    xmap = load_map("ubl", "2.1", etree.QName(root).localname)
    document = read_xml_document(xmap, root, None).document.model_copy(update={"extensions": []})
    written = write_xml_document(xmap, document)
    _assert_valid(written.root)
    once_more = read_xml_document(xmap, written.root, None).document
    assert _bare(once_more) == _bare(document)


def _bare(document: Document) -> Any:
    """The fields alone, without anchors, extensions and the wrapping."""
    return _without(document.model_dump(mode="json", exclude_none=True, exclude={"extensions", "envelope"}))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key != "anchor" and item not in ([], {})}
    return [_without(item) for item in value] if isinstance(value, list) else value


@pytest.mark.skipif(CORPUS is None, reason="GATEWAY_CORPUS is not set: the sample documents are not here")
@pytest.mark.parametrize("path", _samples(), ids=_name)
def test_a_valid_sample_comes_back_as_it_was(path: Path, record_property: Any) -> None:
    root = _root(path)
    xmap = load_map("ubl", "2.1", etree.QName(root).localname)
    result = read_xml_document(xmap, root, None)
    written = write_xml_document(xmap, parse_document(dump_document(result.document)))
    assert _plain(written.root) == _plain(root)
    _assert_valid(written.root)
    share = xml_coverage(xmap, result.document)
    record_property("coverage", f"{share:.3f}")
    assert share >= LEAN.get(_name(path), 0.9)


def test_every_document_type_has_a_map_and_three_fixtures() -> None:
    for root in ROOTS:
        assert load_map("ubl", "2.1", root).set_id == root
        assert len(list((FIXTURES / root).glob("*.xml"))) >= 3, root


def test_an_order_says_who_buys_what_where_and_when() -> None:
    order = _document("Order/order-with-allowances")
    assert isinstance(order, Order)
    assert (order.number, str(order.issue_date), order.currency) == ("PO-20260217", "2026-02-17", "EUR")
    assert str(order.order_type) == "stand_alone" and order.contract == "FRAME-2026"
    assert order.reference("customer_reference") == "BYGG-77"
    assert str(order.requested_delivery_date) == "2026-03-02" and str(order.cancel_after) == "2026-03-31"
    assert [party.type for party in order.parties] == ["buyer", "seller", "bill_to", "ship_to"]
    buyer, ship_to = order.party("buyer"), order.party("ship_to")
    assert buyer is not None and buyer.id_under("gln") == "9522200100003"
    assert buyer.tax_ids[0].id == "SE556677889901" and str(buyer.tax_ids[0].type) == "value_added"
    assert buyer.contacts[0].communications[1].value == "maja.lind@lakeside.example"
    assert ship_to is not None and ship_to.id_under("gln") == "9522200100041"
    assert ship_to.address is not None and ship_to.address.lines == ["Lagervägen 2"]
    assert ship_to.address.city == "Lund" and ship_to.name == "Lakeside warehouse Lund"
    discount, freight = order.allowances_charges
    assert (str(discount.indicator), str(discount.service), discount.amount) == (
        "allowance",
        "discount",
        Decimal("61.50"),
    )
    assert (discount.factor, discount.base) == (Decimal(5), Decimal("1230.00"))
    assert (str(freight.indicator), str(freight.service), freight.amount) == ("charge", "freight", Decimal("40.00"))
    assert order.total_amounts[0].amount == Decimal("1510.63") and order.tax_total == Decimal("302.13")
    assert order.totals is not None and order.totals.tax_exclusive == Decimal("1208.50")


def test_an_order_line_is_priced_per_unit_whatever_the_base_quantity() -> None:
    order = _document("Order/order-with-allowances")
    assert isinstance(order, Order)
    screws, oil = order.lines
    assert (screws.line_id, screws.quantity, screws.unit) == ("1", 120, "EA")
    assert screws.price == Decimal("3.75") and screws.price_base is not None
    assert (screws.price_base.amount, screws.price_base.quantity) == (Decimal("375.00"), 100)
    assert screws.amount == screws.net_amount == Decimal("450.00")
    assert screws.item_id("buyer_item") == "LB-1007" and screws.item_id("vendor_item") == "CS-5060"
    assert screws.gtin == "09521100430104"
    assert [str(entry.policy) for line in order.lines for entry in line.fulfilment] == [
        "ship_complete",
        "partial_backorder",
    ]
    assert (oil.unit, oil.price, oil.price_base) == ("CA", Decimal("130.00"), None)
    assert oil.notes[0].text == ["Same batch for all cases, please."]
    assert (str(oil.taxes[0].category), oil.taxes[0].rate) == ("standard_rate", 25)


def test_stores_colors_and_account_numbers_of_a_wholesale_order_are_fields() -> None:
    order = _document("Order/wholesale-order-with-stores")
    assert isinstance(order, Order)
    buyer = order.party("buyer")
    assert buyer is not None and buyer.id_under("assigned_by_seller") == "C-1187"
    assert buyer.id_under("duns") == "079999999" and buyer.address is not None and buyer.address.region == "MA"
    assert {contact.type for contact in buyer.contacts} == {"delivery", "buyer"}
    trowel, trays = order.lines
    assert trowel.line_id == "001"
    assert [(entry.scheme, entry.id, entry.quantity) for entry in trowel.destinations] == [
        ("assigned_by_buyer", "0012", 40),
        ("assigned_by_buyer", "0047", 20),
    ]
    assert trowel.item_id("color") == "green" and trowel.properties[0].value == "ash wood"
    assert trowel.packs[0].packs == 12
    assert trays.unit == "DZ" and trays.item_id("country_of_origin") == "MX"
    terms = order.payment_terms[0]
    assert (terms.discount_percent, str(terms.discount_date), str(terms.net_date)) == (2, "2026-03-26", "2026-05-01")


def test_foreign_prefixes_and_enclosures_make_no_difference() -> None:
    order = _document("Order/foreign-prefixes")
    assert isinstance(order, Order)
    assert order.declaration is not None and order.declaration.profile == "urn:example:profile:7"
    assert [(entry.type, entry.id) for entry in order.documents] == [
        ("order", "BE-2026-80"),
        ("enclosure", "plan-4"),
        ("enclosure", "terms"),
    ]
    assert order.documents[1].content == "aGVsbG8=" and order.documents[2].uri == "https://wallonne.example/terms"
    ship_to = order.party("ship_to")
    assert ship_to is not None and ship_to.address is not None
    assert ship_to.address.lines == ["Quai 4", "Zone portuaire", "Porte 2"]


def test_a_response_tells_backorders_substitutes_and_rejections_as_an_855_does() -> None:
    answer = _document("OrderResponse/backorder-and-substitution")
    assert isinstance(answer, OrderAcknowledgment)
    assert (answer.number, answer.response_number, answer.seller_order_number) == ("PO-20260217", "OR-2", "SO-881")
    assert str(answer.outcome) == "accepted_with_changes"
    said = [
        [(str(entry.status), entry.quantity, entry.unit) for entry in line.acknowledgments] for line in answer.lines
    ]
    assert said == [
        [("accepted", 120, "EA")],
        [("changed", 4, "CA"), ("backordered", 2, "CA")],
        [("changed", 0, "EA"), ("substituted", 10, "EA")],
        [("rejected", None, None)],
    ]
    assert str(answer.lines[0].acknowledgments[0].date) == "2026-03-03"
    assert answer.lines[0].acknowledgments[0].date_type is not None
    substitute = answer.lines[2].acknowledgments[1]
    assert [(entry.scheme, entry.value) for entry in substitute.item_ids] == [
        ("vendor_item", "CS-7075"),
        ("gtin_14", "09521100430302"),
    ]


@pytest.mark.parametrize(("name", "outcome"), [("accepted", "accepted"), ("rejected", "rejected")])
def test_a_simple_response_is_an_acknowledgment_without_lines(name: str, outcome: str) -> None:
    answer = _document(f"OrderResponseSimple/{name}")
    assert isinstance(answer, OrderAcknowledgment)
    assert str(answer.outcome) == outcome and not answer.lines
    assert business_key(answer).endswith(f"/{answer.response_number}")


def test_a_change_says_what_to_do_with_each_line() -> None:
    change = _document("OrderChange/quantities-and-lines")
    assert isinstance(change, OrderChange)
    assert (change.number, change.sequence, change.change_number) == ("PO-20260217", "1", "OC-1")
    assert str(change.purpose) == "change"
    assert [(line.line_id, str(line.change), line.quantity) for line in change.lines] == [
        ("1", "change", 200),
        ("2", "delete", 0),
        ("5", "add", 24),
    ]


def test_a_cancellation_is_a_change_with_that_purpose() -> None:
    change = _document("OrderCancellation/whole-order")
    assert isinstance(change, OrderChange)
    assert str(change.purpose) == "cancellation" and change.number == "PO-20260217"
    assert change.cancel_text == "The site is closed until further notice."
    assert business_key(change) == "order_change/PO-20260217//CX-1"


def test_a_despatch_advice_is_a_tree_of_shipment_order_pack_and_item() -> None:
    notice = _document("DespatchAdvice/several-orders-in-one-shipment")
    assert isinstance(notice, ShipNotice)
    assert [str(unit.level) for unit in notice.walk()] == [
        *("shipment", "order", "pack", "item", "item"),
        *("order", "pack", "item"),
    ]
    assert [unit.order.number for unit in notice.at_level("order") if unit.order] == ["PO-20260217", "PO-20260301"]
    assert [unit.sscc for unit in notice.at_level("pack")] == ["395211004300000037", "395211004300000044"]
    assert [(unit.line_id, unit.shipped, unit.unit) for unit in notice.at_level("item")] == [
        ("1", 10, "EA"),
        ("2", 12, "EA"),
        ("1", 1, "CA"),
    ]


def test_the_order_number_of_a_despatch_advice_may_stand_in_its_head() -> None:
    notice = _document("DespatchAdvice/whole-order-on-pallets")
    assert isinstance(notice, ShipNotice)
    shipment = notice.units[0]
    assert shipment.order is not None and shipment.order.number == "PO-20260217"
    assert str(notice.purpose) == "original" and str(notice.shipped_date) == "2026-03-02"
    assert (shipment.loads[0].count, shipment.loads[0].weight, shipment.loads[0].weight_unit) == (
        2,
        Decimal("412.5"),
        "KG",
    )
    assert (shipment.routing[0].carrier, str(shipment.routing[0].scheme), str(shipment.routing[0].mode)) == (
        "NHAU",
        "scac",
        "motor",
    )
    assert shipment.consignment_id == "CON-9" and shipment.reference("tracking_number") == "TRK-1"
    assert notice.at_level("item")[1].item_id("lot") == "L-2211"


def test_a_partial_despatch_says_what_is_still_to_come() -> None:
    notice = _document("DespatchAdvice/partial-with-backorder")
    assert isinstance(notice, ShipNotice)
    screws, oil = notice.at_level("item")
    assert (screws.shipped, screws.backordered, screws.outstanding) == (90, 30, 30)
    assert screws.backorder_reason == "Stock ran out" and oil.outstanding == 2


def test_a_receipt_advice_names_what_is_short_refused_and_too_much() -> None:
    receipt = _document("ReceiptAdvice/short-and-damaged")
    assert isinstance(receipt, ReceiptAdvice)
    assert (receipt.order_number, receipt.ship_notice_number) == ("PO-20260217", "DA-5002")
    assert str(receipt.date("delivered")) == "2026-03-04"
    screws, oil = receipt.lines
    assert (screws.received, screws.short, screws.unit, screws.line_id) == (80, 10, "EA", "1")
    assert (oil.rejected, oil.reject_text, oil.unit) == (1, "Case crushed", "CA")
    extra = _document("ReceiptAdvice/too-much")
    assert isinstance(extra, ReceiptAdvice) and extra.lines[0].oversupplied == 2
    assert business_key(extra) == "receipt_advice/RA-3"


def test_an_invoice_says_what_is_owed_and_how_to_pay() -> None:
    invoice = _document("Invoice/taxes-and-discounts")
    assert isinstance(invoice, Invoice)
    assert (invoice.number, invoice.order_number, str(invoice.invoice_type)) == ("INV-9001", "PO-20260217", "invoice")
    assert str(invoice.date("net_due")) == "2026-04-03" and invoice.reference("shipper_reference") == "DA-5001"
    assert [(str(tax.category), tax.rate, tax.base, tax.amount) for tax in invoice.taxes] == [
        ("standard_rate", 25, Decimal("1008.50"), Decimal("252.13")),
        ("exempt", 0, Decimal("200.00"), 0),
    ]
    assert invoice.totals is not None and invoice.totals.total == invoice.totals.payable == Decimal("1460.63")
    means = invoice.payment_means[0]
    assert str(means.type) == "credit_transfer" and means.references == ["INV-9001"]
    assert means.payee_account is not None and means.payee_account.id == "DK5000400440116243"
    remit_to = invoice.party("remit_to")
    assert remit_to is not None and remit_to.name == "Corbel Finance A/S"
    screws = invoice.lines[0]
    assert (screws.position, screws.line_id, screws.price) == ("1", "1", Decimal("3.75"))
    assert screws.allowances_charges[0].amount == Decimal("25.00") and screws.net_amount == Decimal("425.00")


def test_what_is_prepaid_and_rounded_is_not_part_of_the_invoice_total() -> None:
    invoice = _document("Invoice/prepaid-and-rounded")
    assert isinstance(invoice, Invoice) and invoice.totals is not None
    totals = invoice.totals
    assert (totals.total, totals.prepaid, totals.rounding, totals.payable) == (
        Decimal("1699.40"),
        Decimal("500.00"),
        Decimal("-0.40"),
        Decimal("1199.00"),
    )
    assert invoice.computed_total() == totals.total
    assert [line.order_number for line in invoice.lines] == ["4471902", "4471902"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("returned-goods", "credit_note"),
        ("self-billed", "self_billed_credit_note"),
    ],
)
def test_a_credit_note_is_an_invoice_of_that_type(name: str, word: str) -> None:
    note = _document(f"CreditNote/{name}")
    assert isinstance(note, Invoice) and note.is_credit and str(note.invoice_type) == word


def test_a_credit_note_needs_no_type_to_be_one() -> None:
    note = _document("CreditNote/allowance-after-the-fact")
    assert isinstance(note, Invoice) and note.invoice_type is None and note.is_credit


def test_a_credit_note_names_the_invoice_it_corrects() -> None:
    note = _document("CreditNote/returned-goods")
    assert isinstance(note, Invoice)
    assert (note.related_invoice, str(note.related_invoice_date)) == ("INV-9001", "2026-03-04")
    assert note.lines[0].quantity == 1 and note.lines[0].unit == "CA"


def test_an_application_response_gives_its_verdict_and_the_lines() -> None:
    response = _document("ApplicationResponse/rejected-with-lines")
    assert isinstance(response, ApplicationResponse)
    (verdict,) = response.responses
    assert verdict.response is not None and str(verdict.response.code) == "rejected"
    assert verdict.response.statuses[0].text == "Prices incorrect"
    assert (verdict.documents[0].id, str(verdict.documents[0].document_code)) == ("INV-9002", "invoice")
    assert [(line.line_id, line.responses[0].description) for line in verdict.lines] == [
        ("1", ["8.30 was agreed"]),
        ("2", ["110.00 was agreed"]),
    ]


def test_an_inventory_report_counts_what_is_on_hand() -> None:
    advice = _document("InventoryReport/two-items")
    assert isinstance(advice, InventoryAdvice)
    assert [line.quantity_of("on_hand") for line in advice.lines] == [410, 0]
    assert [line.quantities[0].unit for line in advice.lines] == ["EA", "DZ"]


#: Tables of ours that a document from X12 must fit into, by the X12 table.
SHARED = {
    "purpose": "status",
    "order_type": "order_type",
    "invoice_type": "invoice_type",
    "acknowledgment_type": "acknowledgment_type",
    "line_status": "line_status",
    "change_type": "change_type",
    "id_scheme": "id_scheme",
    "item_id": "item_id",
    "allowance_service": "allowance_reason",
    "tax": "tax",
    "transport_mode": "transport_mode",
    "terms_basis": "terms_basis",
    "terms_kind": "terms_kind",
}


def _tables(path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(find(path).read_text(encoding="utf-8"))["tables"]
    return found


def _words(table: dict[str, Any]) -> set[str]:
    return {word for words in table.values() for word in (words if isinstance(words, list) else [words])}


@pytest.mark.parametrize("name", SHARED)
def test_every_word_of_x12_can_be_written_in_ubl(name: str) -> None:
    x12, ubl = _tables("maps/x12/common/codes.yaml"), _tables("maps/ubl/common/codes.yaml")
    assert _words(x12[name]) <= _words(ubl[SHARED[name]])


def test_every_kind_of_reference_of_x12_can_stand_as_a_document_reference() -> None:
    blocks: dict[str, Any] = yaml.safe_load(find("maps/ubl/common/terms.yaml").read_text(encoding="utf-8"))["blocks"]
    named = blocks["enclosures"][0]["when"]["cbc:DocumentType"]
    assert set(named) == _words(_tables("maps/x12/common/codes.yaml")["reference"])


def test_units_of_measure_are_translated_into_codes_of_x12() -> None:
    units = _tables("maps/ubl/common/units.yaml")["unit"]
    known = _codes_355()
    assert len(units) >= 60 and set(units.values()) <= known
    assert (units["C62"], units["DZN"], units["KGM"], units["XCS"]) == ("EA", "DZ", "KG", "CA")


def _codes_355() -> set[str]:
    codes: dict[str, Any] = json.loads(find("schemas/x12/codes-004010.json").read_text(encoding="utf-8"))["355"]
    return set(codes)


def test_an_answer_made_by_hand_is_written_with_its_backorder_and_substitute() -> None:
    parts = [
        {"status": "quantity_changed", "quantity": 40, "unit": "EA", "date_type": "scheduled_delivery"},
        {"status": "backordered", "quantity": 20, "unit": "EA"},
        {
            "status": "substituted",
            "quantity": 6,
            "unit": "DZ",
            "item_ids": [{"scheme": "vendor_item", "value": "MW-2"}],
        },
    ]
    data = {
        "kind": "order_acknowledgment",
        "number": "4471902",
        "issue_date": "2026-03-03",
        "seller_order_number": "SO-9",
        "outcome": "accepted_with_changes",
        "parties": [{"type": "buyer", "name": "Harbor Home"}, {"type": "seller", "name": "Millbrook"}],
        "lines": [
            {
                "line_id": "001",
                "item_ids": [{"scheme": "gtin_12", "value": "614141100019"}],
                "acknowledgments": parts,
            }
        ],
    }
    root = write_xml_document(load_map("ubl", "2.1", "OrderResponse"), completed(parse_document(data))).root
    _assert_valid(root)
    texts = [(etree.QName(item).localname, item.get("unitCode"), item.text) for item in root.iter() if item.text]
    assert ("OrderResponseCode", None, "CA") in texts and ("LineStatusCode", None, "3") in texts
    assert ("Quantity", "EA", "40") in texts and ("MaximumBackorderQuantity", "EA", "20") in texts
    assert ("Quantity", "DZN", "6") in texts and ("ID", None, "MW-2") in texts
    assert ("ID", None, "SO-9") in texts and ("SalesOrderID", None, "SO-9") in texts


#: Sets of X12 with the UBL document that says the same, and fixtures that have nothing to say there.
CROSSINGS = {"850": "Order", "855": "OrderResponse", "856": "DespatchAdvice", "810": "Invoice"}
PARTNERS = tuple(
    Party(type=word, name=word) for word in ("buyer", "seller", "bill_to", "ship_from", "ship_to", "warehouse")
)


@pytest.mark.parametrize("path", fixtures(*(f"x12/004010/{number}" for number in CROSSINGS)), ids=name_of)
def test_a_document_from_x12_makes_valid_ubl_once_it_is_completed(path: Path) -> None:
    for checked in sets_of(path):
        read = read_document(load_map("x12", str(checked.release), checked.set_id), checked.tree()).document
        document = completed(read.model_copy(update={"extensions": [], "envelope": None}), Defaults("USD", 2, PARTNERS))
        if isinstance(document, ShipNotice) and not document.at_level("item"):
            continue
        is_credit = isinstance(document, Invoice) and document.is_credit
        xmap = load_map("ubl", "2.1", "CreditNote" if is_credit else CROSSINGS[checked.set_id])
        _assert_valid(write_xml_document(xmap, document).root)
