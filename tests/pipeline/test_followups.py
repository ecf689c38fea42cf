"""The next document of an order: what is suggested, and what is wrong with what was typed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.documents import parse_document
from gateway.messages.ordermatrix import Matrix, Statement, order_matrix
from gateway.messages.orderpapers import order_paper
from gateway.messages.orderreview import Reviewed
from gateway.pipeline.followups import DraftError, document_of, draft_from, suggested, taken_lines

TODAY = date(2026, 11, 22)
ORDER: dict[str, Any] = {
    "kind": "order",
    "number": "PO-1",
    "issue_date": "2026-11-01",
    "currency": "USD",
    "dates": [{"type": "requested_ship", "date": "2026-12-01"}],
    "payment_terms": [{"type": "basic", "net_days": 45}],
    "routing": [{"scheme": "scac", "carrier": "UPSN"}],
    "freight_terms": [{"payer": "prepaid"}],
    "references": [{"type": "department", "value": "12"}],
    "notes": [{"text": "Call before you come."}],
    "parties": [{"type": "ship_to", "anchor": "n1", "name": "Depot", "ids": [{"scheme": "gln", "value": "123"}]}],
    "lines": [
        {"line_id": "1", "quantity": "100", "unit": "EA", "price": "2.50", "price_basis": "per_each"},
        {"line_id": "2", "quantity": "10", "unit": "EA", "price": "30.00"},
    ],
}


def seen(*documents: dict[str, Any]) -> Reviewed:
    statements = [Statement(str(n), parse_document(document)) for n, document in enumerate((ORDER, *documents))]
    return Reviewed("id", order_matrix("PO-1", statements), (), frozenset(), frozenset(), ())


def make(kind: str, **typed: Any) -> tuple[dict[str, Any], list[DraftError]]:
    found = seen()
    return document_of(found.matrix, draft_from(suggested(found, kind, TODAY), typed), "harbor")


def parts(document: dict[str, Any], line: int = 0) -> list[tuple[str, str]]:
    return [(part["status"], part["quantity"]) for part in document["lines"][line]["acknowledgments"]]


@pytest.mark.parametrize(
    ("typed", "told", "outcome"),
    [
        ({}, [("accepted", "100")], "accepted"),
        (
            {"quantity": "60", "rest": "backordered"},
            [("accepted", "60"), ("backordered", "40")],
            "accepted_with_changes",
        ),
        ({"quantity": "60", "rest": "rejected"}, [("accepted", "60"), ("rejected", "40")], "accepted_with_changes"),
        ({"quantity": "60", "rest": "changed"}, [("quantity_changed", "60")], "accepted_with_changes"),
        ({"quantity": "120"}, [("quantity_changed", "120")], "accepted_with_changes"),
        ({"price": "2.60"}, [("price_changed", "100")], "accepted_with_changes"),
        ({"quantity": "", "rest": "changed"}, [("rejected", "100")], "accepted_with_changes"),
    ],
)
def test_an_acknowledgment_says_what_becomes_of_each_line(
    typed: dict[str, str], told: list[tuple[str, str]], outcome: str
) -> None:
    document, errors = make("order_acknowledgment", lines=[typed], backorder_date="2026-12-20")
    assert errors == [] and parts(document) == told and document["outcome"] == outcome
    parse_document(document)


def test_what_is_backordered_has_its_own_day_and_all_refused_is_a_refusal() -> None:
    document, _ = make(
        "order_acknowledgment", lines=[{"quantity": "60", "rest": "backordered"}], backorder_date="2026-12-20"
    )
    assert [part["date"] for part in document["lines"][0]["acknowledgments"]] == ["2026-12-01", "2026-12-20"]
    refused = [{"quantity": "0", "rest": "rejected"}] * 2
    assert make("order_acknowledgment", lines=refused)[0]["outcome"] == "rejected"


def test_suggestions_come_from_the_order() -> None:
    found = seen()
    ship, bill = suggested(found, "ship_notice", TODAY), suggested(found, "invoice", TODAY)
    assert (ship.carrier, ship.number, bill.net_days, bill.number) == ("UPSN", "SH-PO-1", "45", "INV-PO-1")
    document, _ = document_of(found.matrix, ship, "harbor")
    assert document["units"][0]["parties"] == [
        {"type": "ship_to", "name": "Depot", "ids": [{"scheme": "gln", "value": "123"}]}
    ]
    assert document["structure"] == "shipment_order_item"
    answered = seen({"kind": "order_acknowledgment", "number": "PO-1", "outcome": "rejected"})
    assert suggested(answered, "order_acknowledgment", TODAY).lines[0].rest == "rejected"


def test_a_long_number_stays_within_what_every_standard_holds() -> None:
    found = seen()
    long = Matrix("9" * 40, found.matrix.lines, (), order=found.matrix.order, known=True)
    assert len(suggested(Reviewed("id", long, (), frozenset(), frozenset(), ()), "invoice", TODAY).number) == 22


@pytest.mark.parametrize(
    ("kind", "typed", "field", "message"),
    [
        ("invoice", {"number": ""}, "number", "A number is needed."),
        ("invoice", {"date": "tomorrow"}, "date", "Write the day as"),
        ("order_acknowledgment", {"ship_date": "soon"}, "ship_date", "Write the day as"),
        ("invoice", {"lines": [{"quantity": "x"}]}, "quantity-0", '"x" is not a number'),
        ("invoice", {"lines": [{"quantity": "-1"}]}, "quantity-0", '"-1" is not a number'),
        ("invoice", {"lines": [{"quantity": "1e99999"}]}, "quantity-0", '"1e99999" is not a number'),
        ("invoice", {"lines": [{"quantity": "NaN"}]}, "quantity-0", '"NaN" is not a number'),
        ("invoice", {"lines": [{"price": ""}]}, "price-0", "A price is needed."),
        ("invoice", {"freight": "lots"}, "freight", "is not a number"),
        ("invoice", {"lines": [{"quantity": "0"}] * 2}, "quantity-0", "Give at least one line a quantity."),
        ("ship_notice", {"packages": "0"}, "packages", "is not a number from 1 on"),
        ("ship_notice", {"lines": [{"package": "12"}]}, "package-0", "An SSCC has 18 digits"),
        ("order_acknowledgment", {"lines": [{"quantity": "1"}]}, "rest-0", "the other 99 EA."),
        ("order_acknowledgment", {"lines": [{"rest": "lost"}]}, "rest-0", "Choose what becomes"),
    ],
)
def test_what_does_not_do_is_told_at_its_field(kind: str, typed: dict[str, Any], field: str, message: str) -> None:
    document, errors = make(kind, **typed)
    assert document == {} and [error.field for error in errors] == [field]
    assert message in errors[0].message


def test_the_documents_lines_are_known_by_those_of_the_draft() -> None:
    found = seen({"kind": "order_change", "number": "PO-1", "lines": [{"line_id": "1", "change": "delete"}]})
    ship = draft_from(suggested(found, "ship_notice", TODAY), {"lines": [{}, {"quantity": "5.0"}], "colour": "red"})
    assert taken_lines(ship) == [1] == taken_lines(suggested(found, "order_acknowledgment", TODAY))


def test_a_draft_takes_only_what_it_knows() -> None:
    base = suggested(seen(), "invoice", TODAY)
    assert (
        draft_from(base, {"kind": "order", "lines": ["x", {"unit": "CA", "quantity": " 5 "}]}).lines[0].quantity == "5"
    )
    assert draft_from(base, {"kind": "order"}).kind == "invoice"


def test_the_paper_of_an_order_tells_its_terms() -> None:
    paper = order_paper(seen().matrix)
    assert dict(paper["terms"]) == {
        "Ship by": "2026-12-01",
        "Payment": "net 45 days",
        "Freight": "prepaid",
        "Carrier": "UPSN",
        "Department": "12",
    }
    assert paper["notes"] == ["Call before you come."] and paper["total"] == "550.00"
    assert order_paper(order_matrix("X", []))["parties"] == []
