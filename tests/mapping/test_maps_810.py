"""The 810 as an invoice: amounts in currency units, taxes, terms, and totals that add up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.documents import Invoice, parse_document
from gateway.mapping import MappingError, load_map, write_document
from tests.mapping.mapkit import document, documents, fixtures, lines_of, name_of, write_valid

CENT = Decimal("0.01")


def _invoice(name: str) -> Invoice:
    found = document(name)
    assert isinstance(found, Invoice)
    return found


INVOICES = [
    name_of(path).removeprefix("x12/").removesuffix(".edi") for path in fixtures("x12/004010/810", "x12/005010/810")
]
#: The freight of a collect shipment is for information: the carrier collects it.
COLLECT = "004010/810/05-carrier-detail-and-summary"


@pytest.mark.parametrize("name", [name for name in INVOICES if name != COLLECT])
def test_lines_allowances_charges_and_taxes_add_up_to_the_total(name: str) -> None:
    for found in documents(name):
        assert isinstance(found, Invoice) and found.totals is not None and found.totals.total is not None
        lines = sum((line.amount or Decimal(0) for line in found.lines), Decimal(0))
        extra = Decimal(0)
        for entry in [*found.allowances_charges, *(item for line in found.lines for item in line.allowances_charges)]:
            sign = {"charge": 1, "allowance": -1}[str(entry.indicator)]
            extra += sign * (entry.amount or Decimal(0))
        taxes = sum((tax.amount or Decimal(0) for tax in found.taxes), Decimal(0))
        assert (lines + extra + taxes).quantize(CENT) == found.totals.total


def test_a_plain_invoice_has_its_order_its_lines_and_its_cents_right() -> None:
    found = _invoice("004010/810/01-plain-invoice-with-cents")
    assert (found.number, found.issue_date) == ("CT-77120", date(2026, 3, 10))
    assert (found.order_number, found.order_date) == ("4471902", date(2026, 3, 2))
    assert str(found.invoice_type) == "invoice" and not found.is_credit
    assert found.totals is not None and found.totals.total == Decimal("2001.48")
    assert [(line.line_id, line.quantity, line.unit, line.price, line.gtin) for line in found.lines] == [
        ("1", 72, "EA", Decimal("8.49"), "614141100019"),
        ("2", 36, "EA", Decimal("11.95"), "614141100026"),
        ("3", 10, "CA", Decimal(96), "10614141100115"),
    ]
    assert found.lines[0].description == "Claw hammer, 16 oz, hickory"
    remit = found.party("remit_to")
    assert remit is not None and remit.address is not None
    assert (remit.name, remit.address.lines, remit.address.region) == ("Copperline Tools", ["PO Box 400"], "MO")
    (terms,) = found.payment_terms
    assert (str(terms.basis), terms.discount_percent, terms.discount_days, terms.net_days) == (
        "invoice_date",
        2,
        10,
        30,
    )
    (carrier,) = found.shipped_via
    assert (carrier.carrier, str(carrier.reference_type), carrier.reference) == ("NFTL", "bill_of_lading", "CT5501")


def test_allowances_of_header_and_lines_keep_code_or_agency_percent_and_rate() -> None:
    found = _invoice("004010/810/02-freight-and-allowances")
    assert [
        (str(entry.indicator), str(entry.service), entry.amount, entry.percent, str(entry.handling))
        for entry in found.allowances_charges
    ] == [
        ("allowance", "other", Decimal("45.00"), None, "off_invoice"),
        ("allowance", "discount", Decimal("27.82"), Decimal("1.5"), "off_invoice"),
        ("charge", "freight", Decimal("31.20"), None, "paid_by_customer"),
    ]
    warehouse = found.lines[1].allowances_charges[0]
    assert (warehouse.service, warehouse.agency, warehouse.agency_code) == (None, "VI", "OHRO")
    assert (warehouse.rate, warehouse.unit, warehouse.quantity, warehouse.amount) == (
        Decimal(".05"),
        "EA",
        144,
        Decimal("7.20"),
    )
    totals = found.totals
    assert totals is not None
    assert (totals.total, totals.discounted, totals.discount) == (
        Decimal("1785.78"),
        Decimal("1767.92"),
        Decimal("17.86"),
    )
    assert found.payment_terms[0].discount_amount == Decimal("17.86")
    assert found.payment_terms[0].discount_date == date(2026, 10, 7)
    (shipment,) = found.shipments
    assert (shipment.quantity, shipment.unit, shipment.weight, shipment.volume) == (9, "CT", 212, 26)


@pytest.mark.parametrize(
    ("name", "stores"),
    [
        ("004010/810/03-store-quantities-sdq", 13),
        ("005010/810/03-store-quantities-sdq", 3),
    ],
)
def test_store_quantities_add_up_to_the_line(name: str, stores: int) -> None:
    lines = _invoice(name).lines
    assert len(lines[0].destinations) == stores
    for line in lines:
        assert sum((part.quantity or 0 for part in line.destinations), Decimal(0)) == line.quantity
        assert {part.unit for part in line.destinations} == {line.unit}


def test_a_credit_memo_is_known_as_credit_and_keeps_its_negative_quantity() -> None:
    found = _invoice("004010/810/04-credit-memo")
    assert found.is_credit
    assert found.lines[0].quantity == -16
    assert found.totals is not None and found.totals.total == Decimal("-463.20")
    assert [(note.type, note.text) for note in found.notes] == [
        ("general", ["Credit for 16 shirts short on invoice AC-90210"])
    ]
    assert found.reference("invoice") == "AC-90210"
    assert _invoice("005010/810/04-credit-memo").is_credit


def test_canadian_taxes_stand_on_lines_on_charges_and_in_the_summary() -> None:
    found = _invoice("004010/810/06-canadian-taxes")
    assert found.currency == "CAD"
    first = found.lines[0]
    assert [(str(tax.type), tax.amount, tax.rate) for tax in first.taxes] == [
        ("goods_and_services", Decimal("42.24"), 5),
        ("provincial_on_goods", Decimal("84.27"), Decimal("9.975")),
    ]
    assert (first.taxes[1].jurisdiction, first.taxes[1].base) == ("QC", Decimal("844.8"))
    assert [tax.amount for tax in found.lines[1].allowances_charges[0].taxes] == [Decimal(".64")]
    assert [tax.amount for tax in found.taxes] == [Decimal("106.72"), Decimal("211.63")]
    assert found.reference("federal_tax_id") == "118844020RT0001"


def test_taxes_on_charges_of_005010_stand_with_their_charge() -> None:
    found = _invoice("005010/810/05-taxes-on-charges")
    (freight,) = found.allowances_charges
    assert [(str(tax.type), tax.amount) for tax in freight.taxes] == [
        ("goods_and_services", Decimal(".75")),
        ("provincial_on_goods", Decimal("1.5")),
    ]
    receiver = found.party("ship_to")
    assert receiver is not None and receiver.address is not None
    assert (receiver.address.subdivision, receiver.address.country) == ("QC", "CA")
    assert found.lines[0].item_id("serial") == "CT90-000141"


def test_dated_and_deferred_terms_are_dates_and_amounts() -> None:
    fixed, deferred = _invoice("004010/810/07-dated-terms-and-notes").payment_terms
    assert (str(fixed.type), fixed.discount_date, fixed.net_date) == (
        "fixed_date",
        date(2026, 5, 31),
        date(2026, 6, 30),
    )
    assert (str(deferred.type), deferred.deferred_date, deferred.deferred_amount, deferred.invoice_percent) == (
        "deferred",
        date(2026, 7, 31),
        Decimal("2317.20"),
        50,
    )


def test_an_invoice_over_several_orders_names_them_on_its_lines() -> None:
    found = _invoice("005010/810/08-consolidated-without-order-number")
    assert found.order_number is None
    assert [line.references[0].value for line in found.lines] == ["G-71144", "G-71180"]
    assert {line.references[0].type for line in found.lines} == {"order_number"}


SHORT: dict[str, object] = {
    "kind": "invoice",
    "number": "INV-1",
    "issue_date": "2026-09-18",
    "order_number": "HR-450020",
    "order_date": "2026-09-14",
    "invoice_type": "invoice",
    "payment_terms": [{"type": "basic", "basis": "invoice_date", "net_days": 30}],
    "lines": [
        {
            "line_id": "001",
            "quantity": "320",
            "unit": "EA",
            "price": "4.1",
            "item_ids": [{"scheme": "vendor_item", "value": "AS-5100"}],
        }
    ],
    "allowances_charges": [
        {"indicator": "charge", "service": "freight", "amount": "12.50", "handling": "paid_by_customer"}
    ],
    "taxes": [{"type": "state_sales", "amount": "66.23", "rate": "5"}],
    "totals": {"total": "1390.73"},
    "notes": [{"text": "Thank you"}, {"reference": "CLAIM 7", "text": ["first line", "second line"]}],
}


@pytest.mark.parametrize("version", ["004010", "005010"])
def test_a_short_invoice_written_by_hand_is_a_valid_810(version: str) -> None:
    assert write_valid(version, "810", SHORT) == [
        "BIG*20260918*INV-1*20260914*HR-450020***DI",
        "NTE**Thank you",
        "ITD*01*3*****30",
        "N9*ZZ*CLAIM 7",
        "MSG*first line",
        "MSG*second line",
        "IT1*001*320*EA*4.1**VN*AS-5100",
        "TDS*139073",
        "TXI*ST*66.23*5",
        "SAC*C*D240***1250*******06",
        "CTT*1",
    ]


def test_a_total_with_a_fraction_of_a_cent_is_refused() -> None:
    with pytest.raises(MappingError) as raised:
        write_document(load_map("x12", "004010", "810"), parse_document({**SHORT, "totals": {"total": "1390.735"}}))
    assert {problem.path for problem in raised.value.problems} == {"totals.total"}


def test_an_edited_price_and_total_are_written_and_the_rest_stays() -> None:
    found = _invoice("004010/810/01-plain-invoice-with-cents")
    cmap = load_map("x12", "004010", "810")
    before = lines_of(write_document(cmap, found))
    found.lines[2].price = Decimal("95.5")
    assert found.totals is not None
    found.totals.total = Decimal("1996.48")
    after = lines_of(write_document(cmap, found))
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [
        ("IT1*3*10*CA*96**UK*10614141100115*VN*CT-300", "IT1*3*10*CA*95.5**UK*10614141100115*VN*CT-300"),
        ("TDS*200148", "TDS*199648"),
    ]
