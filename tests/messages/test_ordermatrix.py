"""The line matrix: what was ordered beside what was said of it, and every difference in words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.documents import parse_document
from gateway.messages.ordermatrix import Matrix, Statement, order_matrix
from gateway.partners.transfers import Tolerances

NUMBER = "PO-1"
Json = dict[str, Any]


def ids(buyer: str | None = None, vendor: str | None = None, gtin: str | None = None) -> list[Json]:
    pairs = (("buyer_item", buyer), ("vendor_item", vendor), ("gtin_12", gtin))
    return [{"scheme": scheme, "value": value} for scheme, value in pairs if value]


def line(number: str | None, quantity: str | None, price: str | None = "2.50", **more: Any) -> Json:
    return {"line_id": number, "quantity": quantity, "unit": "EA", "price": price, **more}


BOWLS = line("1", "100", item_ids=ids("B-1", "V-1", "012345678905"))
BEDS = line("2", "10", "30.00", item_ids=ids("B-2", "V-2"))


def order(*lines: Json, **more: Any) -> Json:
    return {"kind": "order", "number": NUMBER, "issue_date": "2026-11-01", "lines": list(lines), **more}


def change(*lines: Json, **more: Any) -> Json:
    return {"kind": "order_change", "number": NUMBER, "sequence": "1", "lines": list(lines), **more}


def answer(*lines: Json, **more: Any) -> Json:
    return {"kind": "order_acknowledgment", "number": NUMBER, "lines": list(lines), **more}


def said(number: str, *parts: tuple[str, str], **more: Any) -> Json:
    entries = [{"status": status, "quantity": quantity, "unit": "EA"} for status, quantity in parts]
    return {"line_id": number, "unit": "EA", "acknowledgments": entries, **more}


def shipped(*items: tuple[str | None, str], order_number: str | None = NUMBER, **more: Any) -> Json:
    units = [{"level": "item", "line_id": number, "shipped": quantity, "unit": "EA"} for number, quantity in items]
    ordered = {"level": "order", "order": {"number": order_number} if order_number else None, "units": units}
    return {"kind": "ship_notice", "number": "SH-1", "units": [{"level": "shipment", "units": [ordered]}], **more}


def invoice(*lines: Json, **more: Any) -> Json:
    return {"kind": "invoice", "number": "INV-1", "order_number": NUMBER, "lines": list(lines), **more}


def matrix(*documents: Json, number: str = NUMBER, **limits: float) -> Matrix:
    tolerances = Tolerances(**limits)  # type: ignore[arg-type]
    return order_matrix(number, [Statement(str(n), parse_document(d), tolerances) for n, d in enumerate(documents)])


def row(found: Matrix, index: int = 0) -> tuple[str, ...]:
    """Ordered, accepted, backordered, rejected, shipped, invoiced, to ship, to invoice."""
    one = found.lines[index]
    values = (one.ordered, one.accepted, one.backordered, one.rejected, one.shipped, one.invoiced)
    return tuple(str(value) for value in (*values, one.to_ship, one.to_invoice))


def rules(found: Matrix) -> list[str]:
    return [difference.rule for difference in found.all_differences]


ORDERED = order(BOWLS, BEDS)


@pytest.mark.parametrize(
    ("documents", "first"),
    [
        pytest.param([ORDERED], ("100", "0", "0", "0", "0", "0", "100", "100"), id="only the order"),
        pytest.param(
            [ORDERED, answer(said("1", ("accepted", "60"), ("backordered", "40")))],
            ("100", "60", "40", "0", "0", "0", "100", "100"),
            id="a part is backordered",
        ),
        pytest.param(
            [ORDERED, answer(said("1", ("accepted", "60"), ("rejected_unknown_item", "40")))],
            ("100", "60", "0", "40", "0", "0", "60", "60"),
            id="a part is rejected and need not be shipped",
        ),
        pytest.param(
            [ORDERED, answer(said("1", ("quantity_changed", "90")))],
            ("100", "90", "0", "0", "0", "0", "100", "100"),
            id="a changed quantity counts as accepted",
        ),
        pytest.param(
            [ORDERED, answer(said("1", ("backordered", "100"))), answer(said("1", ("accepted", "100")))],
            ("100", "100", "0", "0", "0", "0", "100", "100"),
            id="a later acknowledgment takes the place of the earlier",
        ),
        pytest.param(
            [ORDERED, answer(outcome="accepted")],
            ("100", "100", "0", "0", "0", "0", "100", "100"),
            id="an acknowledgment without lines accepts all",
        ),
        pytest.param(
            [ORDERED, answer(outcome="rejected")],
            ("100", "0", "0", "100", "0", "0", "0", "0"),
            id="an acknowledgment without lines refuses all",
        ),
        pytest.param(
            [ORDERED, answer(outcome="received")],
            ("100", "0", "0", "0", "0", "0", "100", "100"),
            id="received says nothing of lines",
        ),
        pytest.param(
            [ORDERED, answer({"line_id": "1", "quantity": "100", "unit": "EA"})],
            ("100", "100", "0", "0", "0", "0", "100", "100"),
            id="a line without a status is accepted",
        ),
        pytest.param(
            [ORDERED, shipped(("1", "30")), shipped(("1", "20"))],
            ("100", "0", "0", "0", "50", "0", "50", "50"),
            id="partial shipments add up",
        ),
        pytest.param(
            [ORDERED, shipped(("1", "30")), invoice(line("1", "30"))],
            ("100", "0", "0", "0", "30", "30", "70", "0"),
            id="what was shipped is invoiced",
        ),
        pytest.param(
            [ORDERED, invoice(line("1", "100")), invoice(line("1", "15"), invoice_type="credit_note")],
            ("100", "0", "0", "0", "0", "85", "100", "15"),
            id="a credit note takes away",
        ),
        pytest.param(
            [ORDERED, shipped(("1", "30"), purpose="cancellation"), invoice(line("1", "5"), purpose="cancellation")],
            ("100", "0", "0", "0", "0", "0", "100", "100"),
            id="a cancelled notice and a cancelled invoice count nothing",
        ),
        pytest.param(
            [ORDERED, change(line("1", "80", change="quantity_decrease"))],
            ("80", "0", "0", "0", "0", "0", "80", "80"),
            id="a change sets the new quantity",
        ),
        pytest.param(
            [ORDERED, change({"line_id": "1", "change": "delete"})],
            ("0", "0", "0", "0", "0", "0", "0", "0"),
            id="a deleted line is wanted no more",
        ),
        pytest.param(
            [ORDERED, change(line("1", "40"), purpose="replace")],
            ("40", "0", "0", "0", "0", "0", "40", "40"),
            id="a replacing change is the whole order",
        ),
        pytest.param(
            [
                ORDERED,
                change(line("1", "80")),
                {"kind": "order_change_acknowledgment", "number": NUMBER, "sequence": "1", "outcome": "rejected"},
            ],
            ("100", "0", "0", "0", "0", "0", "100", "100"),
            id="a refused change changes nothing",
        ),
        pytest.param(
            [ORDERED, change(purpose="cancellation")],
            ("0", "0", "0", "0", "0", "0", "0", "0"),
            id="a cancellation ends it",
        ),
        pytest.param(
            [order(line("1", "7")), ORDERED],
            ("100", "0", "0", "0", "0", "0", "100", "100"),
            id="a later order of the number takes the place of the first",
        ),
    ],
)
def test_the_figures_of_a_line(documents: list[Json], first: tuple[str, ...]) -> None:
    found = matrix(*documents)
    assert row(found) == first
    assert rules(found) == []


@pytest.mark.parametrize(
    ("documents", "rule", "sentence"),
    [
        (
            [shipped(("1", "103"))],
            "over_shipped",
            "Line 1 (B-1): 3 EA more shipped than ordered.",
        ),
        (
            [invoice(line("1", "104"))],
            "over_invoiced",
            "Line 1 (B-1): 4 EA more invoiced than ordered.",
        ),
        (
            [shipped(("1", "50")), invoice(line("1", "60"))],
            "over_invoiced",
            "Line 1 (B-1): 10 EA more invoiced than shipped.",
        ),
        (
            [answer(said("1", ("accepted", "100"), ("backordered", "5")))],
            "over_acknowledged",
            "Line 1 (B-1): 5 EA more acknowledged than ordered.",
        ),
        (
            [invoice(line("1", "1", "2.75"))],
            "price",
            "Line 1 (B-1) was invoiced (INV-1) at 2.75 each, ordered at 2.50.",
        ),
        (
            [answer(said("1", ("price_changed", "100"), price="2.60"))],
            "price",
            "Line 1 (B-1) was acknowledged at 2.60 each, ordered at 2.50.",
        ),
        ([shipped(("9", "1"))], "unknown_line", "Line 9 was shipped, but it was not ordered."),
        ([answer(said("9", ("accepted", "1")))], "unknown_line", "Line 9 was acknowledged, but it was not ordered."),
        ([invoice(line("9", "1"))], "unknown_line", "Line 9 was invoiced, but it was not ordered."),
        (
            [invoice(line("1", "1"), currency="EUR")],
            "currency",
            "Invoice INV-1 is in EUR, the order in USD.",
        ),
        (
            [invoice(line("1", "1"), totals={"total": "3.00"})],
            "total",
            "Invoice INV-1 says that its total is 3.00; its parts make 2.50.",
        ),
        (
            [shipped(("1", "1"), dates=[{"type": "shipped", "date": "2026-11-12"}])],
            "date",
            "Shipment SH-1 left on 2026-11-12, 2 days after the last day that the order allows (2026-11-10).",
        ),
        (
            [invoice({**line("1", "2"), "unit": "CA"})],
            "unit",
            "Line 1 (B-1) was ordered in EA and invoiced in CA: the quantities cannot be compared.",
        ),
    ],
)
def test_what_does_not_match_is_said_in_a_sentence(documents: list[Json], rule: str, sentence: str) -> None:
    base = order(BOWLS, BEDS, currency="USD", dates=[{"type": "cancel_after", "date": "2026-11-10"}])
    found = matrix(base, *documents)
    assert [(each.rule, each.sentence) for each in found.all_differences] == [(rule, sentence)]
    assert found.mismatch


@pytest.mark.parametrize(
    ("documents", "limits"),
    [
        ([shipped(("1", "103"))], {"quantity_percent": 3}),
        ([invoice(line("1", "1", "2.52"))], {"price_percent": 1}),
        ([invoice(line("1", "1"), totals={"total": "3.00"})], {"total_amount": 0.5}),
        ([shipped(("1", "1"), dates=[{"type": "shipped", "date": "2026-11-12"}])], {"date_days": 2}),
        ([invoice(line("1", "1"), totals={"total": "2.504"})], {}),
        (
            [
                invoice(
                    line("1", "1"), totals={"total": "9"}, allowances_charges=[{"indicator": "charge", "percent": "5"}]
                )
            ],
            {},
        ),
        ([invoice(line("1", "1", None), totals={"total": "9"})], {}),
    ],
)
def test_what_the_profile_lets_pass_is_no_difference(documents: list[Json], limits: dict[str, float]) -> None:
    base = order(BOWLS, BEDS, dates=[{"type": "cancel_after", "date": "2026-11-10"}])
    assert rules(matrix(base, *documents, **limits)) == []


@pytest.mark.parametrize(
    ("named", "index"),
    [
        ({"line_id": "001"}, 0),
        ({"line_id": "1", "item_ids": ids(buyer="B-2")}, 1),
        ({"line_id": "7", "item_ids": ids(vendor="V-2")}, 1),
        ({"item_ids": ids(gtin="12345678905")}, 0),
        ({"line_id": "1", "item_ids": ids(buyer="B-1", vendor="other")}, 0),
        ({"line_id": "2", "item_ids": [{"scheme": "color", "value": "red"}]}, 1),
    ],
)
def test_a_line_is_found_by_its_number_then_by_its_item(named: Json, index: int) -> None:
    found = matrix(ORDERED, invoice({"quantity": "3", "unit": "EA", **named}))
    assert [str(one.invoiced) for one in found.lines] == ["3" if n == index else "0" for n in range(2)]


def test_an_item_on_two_lines_fills_the_first_and_then_the_second() -> None:
    twice = order(line("1", "10", item_ids=ids("B-1")), line("2", "10", item_ids=ids("B-1")))
    part = {"quantity": "10", "unit": "EA", "item_ids": ids("B-1")}
    found = matrix(twice, invoice(part), invoice(part))
    assert [str(one.invoiced) for one in found.lines] == ["10", "10"]


@pytest.mark.parametrize(
    ("unit", "pack", "stated_unit", "quantity", "counted"),
    [
        ("CA", 12, "EA", "24", "2"),
        ("EA", 12, "CA", "2", "24"),
        ("EA", None, "C62", "5", "5"),
        ("EA", 12, "LB", "5", "0"),
        ("CA", None, "EA", "24", "0"),
    ],
)
def test_units_are_converted_by_pack_data_only(
    unit: str, pack: int | None, stated_unit: str, quantity: str, counted: str
) -> None:
    ordered = {**line("1", "100"), "unit": unit, "packs": [{"packs": pack}] if pack else []}
    found = matrix(order(ordered), invoice({**line("1", quantity, None), "unit": stated_unit}))
    assert str(found.lines[0].invoiced) == counted
    assert rules(found) == (["unit"] if counted == "0" else [])


def test_a_ship_notice_and_an_invoice_for_several_orders_count_for_each_its_own() -> None:
    other = shipped(("1", "9"), order_number="PO-2")["units"][0]["units"][0]
    both = shipped(("1", "30"))
    both["units"][0]["units"].append(other)
    bill = invoice(line("1", "30"), line("1", "9", order_number="PO-2"), line("1", "2", item_ids=[
        {"scheme": "order_number", "value": "PO-3"}
    ]))  # fmt: skip
    found = matrix(ORDERED, both, bill)
    assert (str(found.lines[0].shipped), str(found.lines[0].invoiced)) == ("30", "30")
    second = matrix({**ORDERED, "number": "PO-2"}, both, bill, number="PO-2")
    assert (str(second.lines[0].shipped), str(second.lines[0].invoiced)) == ("9", "9")


def test_a_notice_that_names_no_order_is_for_the_one_it_was_put_beside() -> None:
    assert str(matrix(ORDERED, shipped(("1", "5"), order_number=None)).lines[0].shipped) == "5"


def test_releases_are_lines_of_one_order() -> None:
    found = matrix(order(BOWLS, release="1"), order(line("1", "5"), release="2"))
    assert [str(one.ordered) for one in found.lines] == ["100", "5"]


def test_a_line_that_a_change_adds_stands_after_the_ordered_ones_and_keeps_what_it_was() -> None:
    found = matrix(ORDERED, change(line("3", "5", change="add"), line("1", "90", change="change")))
    assert [str(one.ordered) for one in found.lines] == ["90", "10", "5"]
    assert [one.original and str(one.original) for one in found.lines] == ["100", None, None]
    assert matrix(ORDERED, change({"line_id": "8", "change": "delete"})).lines[0].original is None


def test_answers_to_an_order_that_never_came_miss_no_line() -> None:
    found = matrix(invoice(line("1", "5")), shipped(("1", "5")))
    assert not found.known and not found.mismatch and not found.invoiced_in_full
    assert found.lines[0].ordered is None and found.ordered_total is None


def test_the_totals_and_the_end_of_an_order() -> None:
    found = matrix(ORDERED, invoice(line("1", "100")))
    assert (str(found.ordered_total), str(found.invoiced_total)) == ("550.00", "250.00")
    assert not found.invoiced_in_full
    assert matrix(ORDERED, invoice(line("1", "100"), line("2", "10", "30.00"))).invoiced_in_full
    refused = answer(said("2", ("rejected", "10")))
    assert matrix(ORDERED, refused, invoice(line("1", "100"))).invoiced_in_full
    assert matrix(order(line("1", "1", None))).ordered_total is None
    assert matrix({**ORDERED, "purpose": "cancellation"}).cancelled
