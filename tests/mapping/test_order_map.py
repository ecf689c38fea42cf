"""The 850 as an order: what an ERP developer finds in the JSON, and what a hand-written order becomes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.documents import Order, parse_document
from gateway.mapping import MappingError, load_map, write_document
from tests.mapping.mapkit import document, lines_of, write_valid


def _order(name: str) -> Order:
    found = document(name)
    assert isinstance(found, Order)
    return found


def test_a_store_spread_gives_each_line_its_destinations() -> None:
    order = _order("004010/850/02-store-spread-sdq")
    for line in order.lines:
        assert line.destinations and sum(entry.quantity or 0 for entry in line.destinations) == line.quantity
        assert {entry.unit for entry in line.destinations} == {line.unit}


def test_a_prepack_gives_its_parts_with_their_sizes() -> None:
    order = _order("004010/850/11-prepack-with-sublines")
    parts = order.lines[0].components
    assert [(part.line_id, part.quantity, part.unit, part.price) for part in parts] == [
        ("1.1", 4, "PR", Decimal("8.5")),
        ("1.2", 6, "PR", Decimal("8.5")),
        ("1.3", 2, "PR", Decimal("8.5")),
    ]
    assert [[(item.scheme, item.value) for item in part.item_ids][-2:] for part in parts[:1]] == [
        [("size", "S"), ("color", "GREY")]
    ]


def test_allowances_terms_and_routing_are_in_their_own_words() -> None:
    order = _order("004010/850/10-allowances-terms-routing")
    first = order.allowances_charges[0]
    assert str(first.indicator) in {"allowance", "charge"} and first.handling is not None
    agency = [entry for entry in order.allowances_charges if entry.agency == "VI"]
    assert agency and agency[0].agency_code is not None and agency[0].rate == Decimal("0.1")
    assert order.payment_terms and order.routing and order.freight_terms


def test_names_without_codes_are_parties_too() -> None:
    order = _order("004010/850/09-drop-ship-names-only")
    ship_to = order.party("ship_to")
    assert str(order.order_type) == "drop_ship"
    assert ship_to is not None and ship_to.name and not ship_to.ids
    assert ship_to.address is not None and ship_to.address.lines and ship_to.address.postcode


def test_a_schedule_gives_each_date_its_quantity() -> None:
    order = _order("004010/850/12-delivery-schedule")
    line = order.lines[0]
    assert sum(entry.quantity or 0 for entry in line.schedule) == line.quantity
    assert all(isinstance(entry.date, date) and entry.type for entry in line.schedule)


def test_a_part_of_a_line_for_one_party_is_its_quantity() -> None:
    order = _order("004010/850/18-resend-with-line-parties")
    assert str(order.purpose) == "duplicate"
    quantities = [entry.quantity for line in order.lines for party in line.parties for entry in party.quantities]
    assert quantities == [Decimal(12), Decimal(24)]


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_a_hand_written_order_becomes_a_valid_850(version: str) -> None:
    lines = write_valid(
        version,
        "850",
        {
            "kind": "order",
            "number": "4500012",
            "issue_date": "2026-03-02",
            "order_type": "new_order",
            "currency": "USD",
            "references": [{"type": "department", "value": "42"}],
            "dates": [{"type": "requested_ship", "date": "2026-03-10"}],
            "notes": [{"type": "mutually_defined", "title": "NOTES", "text": "Call before delivery"}],
            "parties": [
                {
                    "type": "ship_to",
                    "name": "Harbor Retail 114",
                    "ids": [{"scheme": "assigned_by_buyer", "value": "0114"}],
                    "address": {"lines": "1 Pier Road", "city": "Boston", "region": "MA", "postcode": "02110"},
                    "contacts": [
                        {
                            "type": "receiving",
                            "name": "Dock",
                            "communications": [{"type": "telephone", "value": "5550100"}],
                        }
                    ],
                }
            ],
            "allowances_charges": [
                {"indicator": "charge", "service": "freight", "amount": "25.50", "handling": "add_to_invoice"}
            ],
            "lines": [
                {
                    "line_id": "001",
                    "quantity": "60",
                    "unit": "EA",
                    "price": "8.49",
                    "item_ids": [
                        {"scheme": "gtin_12", "value": "614141100019"},
                        {"qualifier": "VN", "value": "H-16"},
                    ],
                    "descriptions": [{"type": "free_form", "text": "Claw hammer"}],
                    "destinations": [
                        {"scheme": "assigned_by_buyer", "id": f"{n:04d}", "quantity": 5, "unit": "EA"}
                        for n in range(12)
                    ],
                }
            ],
        },
    )
    assert lines[0] == "BEG*00*NE*4500012**20260302"
    assert lines[1:4] == ["CUR*SE*USD", "REF*DP*42", "SAC*C*D240***2550*******CA"]
    assert "N1*ST*Harbor Retail 114*92*0114" in lines and "PER*RE*Dock*TE*5550100" in lines
    assert "PO1*001*60*EA*8.49**UP*614141100019*VN*H-16" in lines
    spread = [line for line in lines if line.startswith("SDQ")]
    assert [line.count("*") for line in spread] == [22, 6] and spread[1] == "SDQ*EA*92*0010*5*0011*5"
    assert lines[-1] == "CTT*1"


def test_what_is_missing_or_unknown_is_told_with_its_path_all_at_once() -> None:
    order = parse_document(
        {
            "kind": "order",
            "order_type": "new_ordr",
            "parties": [{"name": "nobody"}, {"address": {"city": "Boston"}}],
            "lines": [{"line_id": "1", "item_ids": [{"scheme": "gtin_15", "value": "1"}]}],
            "allowances_charges": [{"indicator": "charge", "amount": "1.005"}],
        }
    )
    with pytest.raises(MappingError) as caught:
        write_document(load_map("x12", "004010", "850"), order)
    problems = {problem.path: problem.message for problem in caught.value.problems}
    assert problems["number"].startswith("BEG03 must have a value")
    assert problems["issue_date"].startswith("BEG05 must have a value")
    assert 'Did you mean "new_order"?' in problems["order_type"]
    assert "nothing stands in N1" in problems["parties[1]"]
    assert '"gtin_15" is not a word of the table item_id' in problems["lines[0].scheme"]
    assert "more than 2 decimals" in problems["allowances_charges[0].amount"]


def test_a_document_of_another_kind_is_refused_with_the_reason() -> None:
    invoice = parse_document({"kind": "invoice"})
    with pytest.raises(MappingError, match="850 carries"):
        write_document(load_map("x12", "004010", "850"), invoice)


def test_what_the_set_cannot_carry_is_a_finding_and_never_dropped_in_silence() -> None:
    order = parse_document(
        {
            "kind": "order",
            "number": "1",
            "issue_date": "2026-03-02",
            "channel": "web",
            "payment": {"method": "card"},
            "parties": [{"type": "buyer", "ids": [{"scheme": "gln", "value": "1"}, {"scheme": "duns", "value": "2"}]}],
            "lines": [{"line_id": "1", "item_ids": [{"qualifier": "UP", "value": str(n)} for n in range(11)]}],
        }
    )
    written = write_document(load_map("x12", "004010", "850"), order)
    messages = [finding.message for finding in written.findings]
    assert {finding.code for finding in written.findings} == {"MAP-not-carried"}
    for path in ("channel:", "payment:", "parties[0].ids[1]:", "lines[0].item_ids[10]:"):
        assert any(message.startswith(path) for message in messages), path
    assert len(messages) == 4


def test_a_code_of_the_partner_is_written_as_it_came_and_a_new_word_in_our_spelling() -> None:
    order = _order("004010/850/01-plain-order")
    cmap = load_map("x12", "004010", "850")
    assert order.purpose is not None
    order.purpose.value = "replace"
    order.order_type = order.order_type.model_copy(update={"value": None, "code": "XX"}) if order.order_type else None
    assert lines_of(write_document(cmap, order))[0].startswith("BEG*05*XX*")


def test_a_hash_total_is_summed_again_when_the_document_has_one() -> None:
    order = _order("004010/850/01-plain-order")
    order.hash_total = Decimal(1)
    total = sum(line.quantity or 0 for line in order.lines)
    lines = lines_of(write_document(load_map("x12", "004010", "850"), order))
    assert any(line.startswith(f"CTT*{len(order.lines)}*{total.normalize():f}") for line in lines)  # type: ignore[union-attr]
