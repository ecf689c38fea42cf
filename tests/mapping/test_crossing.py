"""Crossing standards: what is assumed, changed or lost is told, and nothing else differs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from gateway.documents import Document, Invoice, Order, OrderAcknowledgment, OrderChange
from gateway.documents.base import Code
from gateway.documents.commerce import AllowanceCharge, Tax
from gateway.documents.facts import Contact, Note, Reference
from gateway.documents.goods import ItemId
from gateway.documents.order import ChangedLine, LineAcknowledgment, OrderLine
from gateway.documents.parties import Address, LegalEntity, Party, PartyId
from gateway.mapping import MappingError, load_map, write_document
from gateway.mapping.crossing import Crossed, CrossingHints, cross, set_for
from gateway.mapping.crossing.differences import differences, respelled
from gateway.mapping.crossing.foreign import strip_foreign
from gateway.mapping.crossing.journey import place_of, there_and_back
from gateway.mapping.crossing.paths import covers, pattern, remove
from gateway.mapping.crossing.regions import region_code
from gateway.mapping.crossing.report import JOURNEYS, SAMPLE_HINTS, page_with_tables, sample_documents
from gateway.mapping.crossing.values import Report
from gateway.mapping.x12_convert import documents_from_x12
from gateway.mapping.xml.engine import XmlMap, write_xml_document
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12.check import check_transmission
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.parsing import serialise
from tests.mapping.mapkit import FIXTURES

PAGE = Path(__file__).parents[2] / "docs/crossing.md"
CORPUS = os.environ.get("GATEWAY_CORPUS")
HINTS = SAMPLE_HINTS
SCHEMA_ONLY = XmlCheckOptions(rules=False)


def _id(given: tuple[Path, Document] | str) -> str:
    return given if isinstance(given, str) else f"{given[0].parent.name}-{given[0].stem}-{given[1].number}"


def _samples(*standards: str) -> Iterator[tuple[Path, Document]]:
    for standard in standards:
        yield from sample_documents(FIXTURES, standard)


def _further_journeys() -> Iterator[tuple[tuple[Path, Document], str]]:
    """Ways there and back that the page does not show."""
    shown = {(home, via, kind) for home, via, kinds in JOURNEYS for kind in kinds}
    samples = {home: list(_samples(home)) for home in ("x12", "ubl", "cxml")}
    for home, via in permutations(samples, 2):
        for sample in samples[home]:
            if (home, via, sample[1].kind) not in shown:
                yield sample, via


def _order(**fields: object) -> Order:
    line = OrderLine(line_id="1", quantity=Decimal(5), unit="EA", price=Decimal("2.50"), item_ids=[ItemId(value="A-1")])
    given = {"number": "7", "issue_date": date(2026, 3, 2), "lines": [line], **fields}
    return Order.model_validate(given)


def _received(document: Document, standard: str) -> Document:
    from gateway.documents import Envelope, EnvelopeSource

    document.envelope = Envelope(source=EnvelopeSource(standard=standard, version="2.1"))
    return document


def _told(crossed: Crossed, code: str) -> list[str]:
    return [pattern(finding.path or "") for finding in crossed.findings if finding.code == f"MAP-{code}"]


# -- the promise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample", "via"), list(_further_journeys()), ids=_id)
def test_no_difference_of_a_document_that_went_through_another_standard_is_silent(
    sample: tuple[Path, Document], via: str
) -> None:
    _no_silence(sample[1], via)


@pytest.mark.parametrize("standard", ["x12", "ubl", "cxml"])
def test_everything_that_no_field_holds_is_told_with_its_text(standard: str) -> None:
    kept = 0
    for _, document in _samples(standard):
        report = Report()
        entries = list(document.extensions)
        strip_foreign(document.model_copy(deep=True), standard, report)
        told = {finding.path for finding in report.findings}
        for index, entry in enumerate(entries):
            if entry.segment is not None or entry.xml is not None:
                kept += 1
                assert f"extensions[{index}]" in told
    assert kept


def _no_silence(document: Document, via: str) -> None:
    try:
        journey = there_and_back(document, via, HINTS)
    except MappingError as error:
        assert all(problem.path and problem.message for problem in error.problems)
        return
    assert [difference for difference, finding in journey.changes() if finding is None] == []


@pytest.mark.skipif(not CORPUS, reason="GATEWAY_CORPUS is not set: the sample documents are not here")
@pytest.mark.parametrize("set_id", ["850", "855", "856", "810"])
def test_no_difference_of_a_corpus_document_that_went_through_ubl_is_silent(set_id: str) -> None:
    seen = 0
    for path in sorted((Path(CORPUS or ".") / "x12" / set_id).iterdir()):
        for document in documents_from_x12(path.read_bytes()).documents:
            seen += 1
            _no_silence(document, "ubl")
    assert seen > 5


@pytest.mark.parametrize("sample", list(_samples("x12", "cxml")), ids=_id)
def test_what_crosses_to_ubl_is_valid_by_its_schema(sample: tuple[Path, Document]) -> None:
    try:
        crossed = cross(sample[1], "ubl", HINTS)
    except MappingError:
        pytest.skip("refused, with its reasons")
    xmap = load_map("ubl", "2.1", crossed.set_id)
    assert isinstance(xmap, XmlMap)
    checked = check_xml(serialise(write_xml_document(xmap, crossed.document).root), SCHEMA_ONLY)
    assert [finding.message for document in checked.documents for finding in document.findings] == []


@pytest.mark.parametrize("sample", list(_samples("ubl", "cxml")), ids=_id)
def test_what_crosses_to_x12_is_accepted(sample: tuple[Path, Document]) -> None:
    try:
        crossed = cross(sample[1], "x12", HINTS)
    except MappingError:
        pytest.skip("refused, with its reasons")
    from gateway.mapping.crossing.verify import written_as_x12

    cmap = load_map("x12", "004010", crossed.set_id)
    assert not isinstance(cmap, XmlMap)
    _, findings = written_as_x12(cmap, crossed.document)
    assert [finding.message for finding in findings if finding.severity == "error"] == []


@pytest.mark.volume
def test_the_page_shows_what_becomes_of_our_samples_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    fresh = page_with_tables(text, FIXTURES)
    assert fresh == text, "run: python -m gateway.mapping.crossing.report tests/fixtures docs/crossing.md"
    assert ", 0 silent differences" in fresh
    assert not [line for line in fresh.splitlines() if line.startswith("####") and ", 0 silent differences" not in line]


# -- the steps -----------------------------------------------------------------------------------------------


def test_a_document_that_stays_in_its_standard_is_not_touched() -> None:
    document = next(document for _, document in _samples("x12"))
    crossed = cross(document, "x12", HINTS)
    assert crossed.document is document
    assert crossed.findings == ()


def test_a_document_of_ours_goes_to_x12_as_it_is() -> None:
    order = _order()
    assert cross(order, "x12", HINTS) == Crossed(order, "850", ())


@pytest.mark.parametrize(
    ("document", "standard", "set_id"),
    [
        (_order(), "ubl", "Order"),
        (_order(purpose=Code(value="cancellation")), "ubl", "OrderCancellation"),
        (_order(), "cxml", "OrderRequest"),
        (OrderAcknowledgment(outcome=Code(value="accepted")), "ubl", "OrderResponseSimple"),
        (OrderAcknowledgment(outcome=Code(value="received")), "ubl", "OrderResponse"),
        (OrderAcknowledgment(outcome=Code(value="accepted")), "cxml", "ConfirmationRequest"),
        (OrderChange(purpose=Code(value="cancellation")), "ubl", "OrderCancellation"),
        (OrderChange(purpose=Code(value="change")), "ubl", "OrderChange"),
        (OrderChange(), "x12", "860"),
        (Invoice(invoice_type=Code(value="credit_note")), "ubl", "CreditNote"),
        (Invoice(), "ubl", "Invoice"),
    ],
)
def test_the_set_follows_from_what_the_document_says(document: Document, standard: str, set_id: str) -> None:
    assert set_for(document, standard) == set_id


def test_a_kind_that_a_standard_does_not_have_is_refused_with_those_that_do() -> None:
    from gateway.documents import ReceiptAdvice

    with pytest.raises(MappingError, match=r"X12 has no document .* Send it as UBL"):
        cross(ReceiptAdvice(), "x12", HINTS)


def test_xml_without_a_currency_names_the_setting_to_fill() -> None:
    with pytest.raises(MappingError, match=r"xml\.currency"):
        cross(_order(parties=[Party(type="buyer", name="B"), Party(type="seller", name="S")]), "ubl")


def test_the_parties_of_the_document_come_before_those_of_the_profile() -> None:
    crossed = cross(_order(parties=[Party(type="bill_to", name="Payer")]), "ubl", HINTS)
    assert isinstance(crossed.document, Order)
    assert crossed.document.party("buyer").name == "Payer"  # type: ignore[union-attr]
    assert crossed.document.party("seller").name == "The Partner"  # type: ignore[union-attr]
    assert _told(crossed, "assumed")[:2] == ["declaration.version", "parties[]"]


def test_an_order_we_sell_on_names_us_as_the_seller() -> None:
    crossed = cross(_order(role="sell"), "ubl", HINTS)
    assert isinstance(crossed.document, Order)
    assert crossed.document.party("seller").name == "Our Company"  # type: ignore[union-attr]


def test_without_hints_a_missing_party_is_a_problem() -> None:
    with pytest.raises(MappingError, match="must name the buyer"):
        cross(_order(currency="USD"), "ubl")


def test_a_price_by_the_hundred_becomes_a_price_with_its_base() -> None:
    line = OrderLine(line_id="1", quantity=Decimal(300), price=Decimal(25), price_basis=Code(value="per_hundred"))
    crossed = cross(_order(lines=[line]), "ubl", HINTS)
    assert isinstance(crossed.document, Order)
    made = crossed.document.lines[0]
    assert (made.price, made.price_basis) == (Decimal("0.25"), None)
    assert made.price_base is not None
    assert (made.price_base.amount, made.price_base.quantity) == (Decimal(25), Decimal(100))
    assert "lines[].price_basis" in _told(crossed, "changed")


def test_an_invoice_gets_the_amounts_that_ubl_asks_for() -> None:
    invoice = Invoice.model_validate(
        {
            "number": "I1",
            "issue_date": "2026-03-02",
            "lines": [
                {"line_id": "1", "quantity": "3", "price": "1.115", "item_ids": [{"scheme": "sku", "value": "X"}]},
                {"line_id": "2", "quantity": "1", "price": "10", "descriptions": [{"text": "Freight"}]},
            ],
            "allowances_charges": [{"indicator": "charge", "amount": "4"}, {"indicator": "allowance", "amount": "1"}],
            "taxes": [{"type": "value_added", "amount": "2", "rate": "10"}],
        }
    )
    totals = cross(invoice, "ubl", HINTS).document.totals  # type: ignore[union-attr]
    assert totals is not None
    assert totals.lines == Decimal("13.35")
    assert totals.tax_exclusive == Decimal("16.35")
    assert totals.total == totals.payable == Decimal("18.35")  # type: ignore[union-attr]


def test_an_invoice_line_without_price_or_amount_is_a_problem() -> None:
    invoice = Invoice.model_validate({"number": "1", "issue_date": "2026-03-02", "lines": [{"quantity": "1"}]})
    with pytest.raises(MappingError, match="amount of a line is missing"):
        cross(invoice, "ubl", HINTS)


def test_an_allowance_that_states_no_amount_gets_the_one_it_comes_to_or_is_told() -> None:
    entries = [
        AllowanceCharge(indicator=Code(value="allowance"), percent=Decimal(10), base=Decimal(50)),
        AllowanceCharge(indicator=Code(value="charge"), rate=Decimal(2), quantity=Decimal(3)),
        AllowanceCharge(indicator=Code(value="allowance"), description="by agreement"),
        AllowanceCharge(indicator=Code(value="promotion"), amount=Decimal(1)),
    ]
    crossed = cross(_order(allowances_charges=entries), "ubl", HINTS)
    assert isinstance(crossed.document, Order)
    assert [entry.amount for entry in crossed.document.allowances_charges] == [Decimal(5), Decimal(6)]
    assert _told(crossed, "not-carried").count("allowances_charges[]") == 2


def test_the_nearest_word_is_told() -> None:
    answer = OrderAcknowledgment.model_validate(
        {
            "number": "7",
            "order_date": "2026-03-01",
            "outcome": "accepted_with_changes",
            "lines": [
                {"line_id": "1", "acknowledgments": [{"status": "price_changed", "quantity": "1", "unit": "EA"}]}
            ],
        }
    )
    crossed = cross(answer, "ubl", HINTS)
    assert isinstance(crossed.document, OrderAcknowledgment)
    assert str(crossed.document.lines[0].acknowledgments[0].status) == "changed"
    assert crossed.document.response_number == "7"
    assert crossed.document.issue_date == date(2026, 3, 1)
    assert "lines[].acknowledgments[].status" in _told(crossed, "changed")


def test_a_cancelled_order_becomes_a_cancellation_with_a_reason() -> None:
    crossed = cross(_order(purpose=Code(value="cancellation")), "ubl", HINTS)
    assert isinstance(crossed.document, OrderChange)
    assert crossed.document.change_number == "7"
    assert crossed.document.cancel_text
    assert "kind" in _told(crossed, "changed")


def test_a_change_becomes_an_order_in_cxml_and_a_deleted_line_orders_nothing() -> None:
    lines = [
        ChangedLine(line_id="1", change=Code(value="change"), quantity=Decimal(4), price=Decimal(1), unit="EA"),
        ChangedLine(line_id="2", change=Code(value="delete"), quantity=Decimal(9), price=Decimal(1), unit="EA"),
    ]
    change = OrderChange(number="7", issue_date=date(2026, 3, 3), order_date=date(2026, 3, 1), lines=lines)
    crossed = cross(change, "cxml", HINTS)
    assert isinstance(crossed.document, Order)
    assert [line.quantity for line in crossed.document.lines] == [Decimal(4), Decimal(0)]
    assert crossed.document.issue_date == date(2026, 3, 1)
    assert "lines[].change" in _told(crossed, "not-carried")


def test_the_answer_to_a_change_becomes_the_answer_to_the_order() -> None:
    document = next(d for _, d in _samples("x12") if d.kind == "order_change_acknowledgment")
    crossed = cross(document, "ubl", HINTS)
    assert isinstance(crossed.document, OrderAcknowledgment)
    assert "kind" in _told(crossed, "changed")


# -- to X12 --------------------------------------------------------------------------------------------------


def _to_x12(order: Order, **hints: object) -> Crossed:
    return cross(_received(order, "ubl"), "x12", CrossingHints(currency="USD", **hints))  # type: ignore[arg-type]


def test_long_texts_are_broken_or_cut_and_long_numbers_left_out() -> None:
    party = Party(type="buyer", name="Very Long Name " * 6, ids=[PartyId(scheme="gln", value="9" * 90)])
    order = _order(
        parties=[party], notes=[Note(text=["word " * 80])], references=[Reference(type="contract", value="C" * 90)]
    )
    crossed = _to_x12(order)
    assert isinstance(crossed.document, Order)
    buyer = crossed.document.parties[0]
    assert len(buyer.name or "") <= 60
    assert buyer.names
    assert len(crossed.document.notes[0].text) == 2
    lost = _told(crossed, "not-carried")
    assert "parties[].ids[].value" in lost
    assert "references[].value" in lost
    written = write_document(load_map("x12", "004010", "850"), crossed.document)  # type: ignore[arg-type]
    assert all(len(value) < 300 for segment in written.segments for value in segment.elements)


@pytest.mark.parametrize(("charset", "city"), [("latin-1", "Malmö"), ("extended", "Malmo")])
def test_letters_follow_the_partners_character_set(charset: str, city: str) -> None:
    order = _order(parties=[Party(type="buyer", name="Łódź – B", address=Address(lines=["1"], city="Malmö"))])
    crossed = _to_x12(order, charset=charset)
    assert isinstance(crossed.document, Order)
    assert crossed.document.parties[0].address.city == city  # type: ignore[union-attr]
    assert (crossed.document.parties[0].name or "").isascii() or charset == "latin-1"


def test_an_address_of_xml_finds_its_place_in_lines_and_letters() -> None:
    address = Address(
        lines=["Mill Road"], building_number="9", post_box="44", city="Akron", region="Ohio", country="US"
    )
    crossed = _to_x12(_order(parties=[Party(type="buyer", name="B", address=address)]))
    assert isinstance(crossed.document, Order)
    made = crossed.document.parties[0].address
    assert made is not None
    assert (made.lines, made.region) == (["Mill Road 9", "PO Box 44"], "OH")


def test_what_x12_has_no_qualifier_for_is_mutually_defined() -> None:
    order = _order(
        parties=[
            Party(type="buyer", name="B", ids=[PartyId(scheme="vat", value="1")], contacts=[Contact(type="boss")])
        ],
        references=[Reference(type="project", value="P1"), Reference(value="P2")],
    )
    crossed = _to_x12(order)
    assert isinstance(crossed.document, Order)
    buyer = crossed.document.parties[0]
    assert buyer.ids[0].scheme == "mutually_defined"
    assert buyer.contacts[0].type == "information"
    assert [(each.type, each.description) for each in crossed.document.references] == [
        ("mutually_defined", "project"),
        ("mutually_defined", None),
    ]


def test_a_unit_that_x12_does_not_have_is_a_problem() -> None:
    line = OrderLine(line_id="1", quantity=Decimal(1), unit="FURLONG")
    with pytest.raises(MappingError, match="no unit of measure of X12"):
        _to_x12(_order(lines=[line]))


def test_a_gtin_is_named_by_its_length() -> None:
    line = OrderLine(line_id="1", quantity=Decimal(1), unit="EA", item_ids=[ItemId(scheme="gtin", value="4" * 13)])
    crossed = _to_x12(_order(lines=[line]))
    assert isinstance(crossed.document, Order)
    assert crossed.document.lines[0].item_ids[0].scheme == "gtin_13"


def test_a_price_for_a_dozen_goes_back_to_its_basis_when_one_unit_cannot_say_it() -> None:
    from gateway.documents import PriceBase

    base = PriceBase(amount=Decimal(10), quantity=Decimal(12))
    line = OrderLine(line_id="1", quantity=Decimal(12), unit="EA", price=Decimal("0.8333333333"), price_base=base)
    crossed = _to_x12(_order(lines=[line]))
    assert isinstance(crossed.document, Order)
    assert (crossed.document.lines[0].price, str(crossed.document.lines[0].price_basis)) == (Decimal(10), "per_dozen")


def test_an_answer_gets_what_855_asks_for_and_one_date_for_each_answer() -> None:
    answer = OrderAcknowledgment.model_validate(
        {
            "number": "7",
            "issue_date": "2026-03-02",
            "currency": "USD",
            "lines": [
                {
                    "line_id": "1",
                    "acknowledgments": [
                        {
                            "status": "accepted",
                            "dates": [
                                {"type": "scheduled_ship", "date": "2026-03-04"},
                                {"type": "scheduled_delivery", "date": "2026-03-05"},
                            ],
                        }
                    ],
                }
            ],
        }
    )
    crossed = cross(_received(answer, "ubl"), "x12", HINTS)
    assert isinstance(crossed.document, OrderAcknowledgment)
    assert (crossed.document.order_date, str(crossed.document.outcome)) == (date(2026, 3, 2), "accepted_with_changes")
    assert len(crossed.document.lines[0].acknowledgments[0].dates) == 1
    assert "lines[].acknowledgments[].dates[]" in _told(crossed, "not-carried")


def test_a_change_says_what_changes() -> None:
    line = ChangedLine(line_id="1", quantity=Decimal(2), unit="EA")
    change = OrderChange(number="7", issue_date=date(2026, 3, 2), lines=[line])
    crossed = cross(_received(change, "ubl"), "x12", HINTS)
    assert isinstance(crossed.document, OrderChange)
    assert str(crossed.document.lines[0].change) == "change"
    assert crossed.document.lines[0].left_to_receive == Decimal(2)
    assert crossed.document.order_date == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("totals", "total"), [({"payable": "5.00"}, "5.00"), ({"total": "5.005"}, "5.01"), ({}, "7.50"), (None, "7.50")]
)
def test_an_invoice_has_a_total_in_cents(totals: dict[str, str] | None, total: str) -> None:
    lines = [{"position": "3", "quantity": "3", "price": "2.5", "unit": "EA", "item_ids": [{"value": "A"}]}]
    raw = {"number": "1", "issue_date": "2026-03-02", "currency": "USD", "lines": lines, "totals": totals}
    crossed = cross(_received(Invoice.model_validate(raw), "ubl"), "x12", HINTS)
    assert isinstance(crossed.document, Invoice)
    assert crossed.document.totals is not None
    assert crossed.document.totals.total == Decimal(total)
    assert crossed.document.lines[0].line_id == "3"


def test_an_item_of_a_notice_without_a_number_is_named_by_its_line() -> None:
    from gateway.documents import ShipNotice

    raw = {
        "number": "S1",
        "issue_date": "2026-03-02",
        "units": [{"units": [{"level": "item", "line_id": "4", "shipped": "1", "unit": "EA"}]}],
    }
    crossed = cross(_received(ShipNotice.model_validate(raw), "cxml"), "x12", HINTS)
    assert isinstance(crossed.document, ShipNotice)
    assert str(crossed.document.units[0].level) == "shipment"
    assert crossed.document.units[0].units[0].item_id("order_line") == "4"


def test_names_and_numbers_of_a_party_come_from_where_xml_has_them() -> None:
    endpoint = PartyId(scheme="gln", value="95")
    parties = [
        Party(type="buyer", legal_entities=[LegalEntity(name="Bench Stores")], endpoint=endpoint),
        Party(type="ship_to", address=Address(lines=["1 Main Street"])),
    ]
    crossed = _to_x12(_order(parties=parties, allowances_charges=[AllowanceCharge(amount=Decimal("1.005"))]))
    assert isinstance(crossed.document, Order)
    buyer, place = crossed.document.parties
    assert (buyer.name, buyer.id_under("gln"), place.name) == ("Bench Stores", "95", "ship to")
    assert (str(crossed.document.allowances_charges[0].service), crossed.document.allowances_charges[0].amount) == (
        "other",
        Decimal("1.01"),
    )


# -- to cXML -------------------------------------------------------------------------------------------------


def test_an_order_gets_what_cxml_asks_of_every_line() -> None:
    line = OrderLine(line_id="item-1", item_ids=[ItemId(scheme="gtin_12", value="614141000012")])
    crossed = cross(_order(lines=[line]), "cxml", HINTS)
    assert isinstance(crossed.document, Order)
    made = crossed.document.lines[0]
    assert (made.line_id, made.quantity, made.unit, made.price) == ("1", Decimal(1), "EA", Decimal(0))
    assert made.item_id("vendor_item") == "614141000012"
    assert made.description == "614141000012"
    assert crossed.document.total_amounts[0].amount == Decimal(0)


def test_an_answer_without_lines_answers_gets_one_for_each_line() -> None:
    answer = OrderAcknowledgment.model_validate(
        {
            "number": "7",
            "order_date": "2026-03-01",
            "outcome": "rejected",
            "lines": [{"line_id": "1", "quantity": "2"}, {"line_id": "2", "quantity": "1"}],
        }
    )
    crossed = cross(answer, "cxml", HINTS)
    assert isinstance(crossed.document, OrderAcknowledgment)
    first: LineAcknowledgment = crossed.document.lines[0].acknowledgments[0]
    assert (str(first.status), first.quantity, first.unit) == ("rejected", Decimal(2), "EA")


def test_a_tax_without_an_amount_gets_what_its_rate_comes_to_or_is_told() -> None:
    taxes = [Tax(type=Code(value="sales"), rate=Decimal(5), base=Decimal(100)), Tax(type=Code(value="sales"))]
    crossed = cross(_order(taxes=taxes), "cxml", HINTS)
    assert isinstance(crossed.document, Order)
    assert [tax.amount for tax in crossed.document.taxes] == [Decimal(5)]
    assert crossed.document.tax_total == Decimal(5)


# -- small parts ---------------------------------------------------------------------------------------------


def test_differences_know_words_order_and_likeness() -> None:
    one = _order(references=[Reference(type="contract", code="CT", value="1"), Reference(type="department", value="2")])
    other = _order(
        references=[Reference(type="department", value="2"), Reference(type="contract", code="X", value="1")]
    )
    assert differences(one, other) == []
    assert [each.path for each in respelled(one, other)] == ["references[0].code"]
    other.lines = []
    assert {pattern(each.path) for each in differences(one, other)} > {"lines[].line_id", "lines[].quantity"}
    assert [each.before for each in differences(other, one)] == [None] * len(differences(other, one))


def test_paths_cover_what_is_below_them_and_remove_what_they_name() -> None:
    assert covers("lines[1]", "lines[1].unit")
    assert not covers("lines[1]", "lines[10].unit")
    assert covers("units[*].unit", "units[3].unit")
    order = _order()
    assert remove(order, "lines[0].unit") == "EA"
    assert remove(order, "lines[0].unit") is None
    assert remove(order, "lines[4].unit") is None
    assert remove(order, "lines[0]") is not None
    assert order.lines == []


@pytest.mark.parametrize(("text", "code"), [("Ohio", "OH"), ("US-CA", "CA"), ("quebec", "QC"), ("Skåne", None)])
def test_states_and_provinces_have_two_letters(text: str, code: str | None) -> None:
    assert region_code(text) == code


def test_a_writers_finding_names_its_field_first() -> None:
    crossed = cross(_received(_order(channel="web", currency="USD"), "ubl"), "x12", HINTS)
    assert all(place_of(finding) for finding in crossed.findings)


def test_options_of_x12_take_letters_of_latin_1() -> None:
    assert check_transmission(b"", lambda *_: ValidationOptions(charset="latin-1")).transmission.unreadable
