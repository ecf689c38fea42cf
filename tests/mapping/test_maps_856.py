"""The 856 as a ship notice: the tree of units, what is in which package, and its SSCC."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import pytest

from gateway.documents import ShipNotice, Unit, parse_document
from gateway.documents.sscc import is_valid
from gateway.mapping import MappingError, load_map, write_document
from tests.mapping.mapkit import document, documents, lines_of, write_valid


def _notice(name: str) -> ShipNotice:
    found = document(name)
    assert isinstance(found, ShipNotice)
    return found


def _shape(units: list[Unit]) -> list[object]:
    """The tree as nested lists of level letters."""
    return [[unit.level.code if unit.level else None, *_shape(unit.units)] for unit in units]


SHAPES = {
    "004010/856/01-pick-and-pack-s-o-p-i": [["S", ["O", ["P", ["I"]], ["P", ["I"]], ["P", ["I"]]]]],
    "004010/856/02-standard-carton-s-o-i": [["S", ["O", ["I"], ["I"]]]],
    "004010/856/03-pallets-s-o-t-p-i": [
        ["S", ["O", ["T", ["P", ["I"]], ["P", ["I"]]], ["T", ["P", ["I"]]]]],
    ],
    "004010/856/04-items-before-packs-s-o-i-p": [["S", ["O", ["I", ["P"], ["P"]], ["I", ["P"], ["P"]]]]],
    "004010/856/05-cross-dock-several-orders": [
        [
            "S",
            ["O", ["P", ["I"]], ["P", ["I"]]],
            ["O", ["P", ["I"]], ["P", ["I"]]],
            ["O", ["P", ["I"]]],
        ]
    ],
    "004010/856/06-drop-ship-parcel-one-level": [["S"]],
    "004010/856/07-mixed-cartons-backorder-remainder": [["S", ["O", ["P", ["I"], ["I"]], ["P", ["I"]]]]],
    "004010/856/08-packs-above-orders-s-p-o-i": [["S", ["P", ["O", ["I"]], ["O", ["I"]]]]],
    "004010/856/11-pallet-item-pack-s-t-i-p": [["S", ["T", ["I", ["P"], ["P"]]]]],
    "005010/856/06-shipment-then-items": [["S", ["I"]]],
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_levels_become_a_tree_in_the_order_of_the_partner(name: str) -> None:
    assert _shape(_notice(name).units) == SHAPES[name]


def test_the_header_and_the_shipment_are_read_with_dates_carrier_and_weights() -> None:
    found = _notice("004010/856/01-pick-and-pack-s-o-p-i")
    assert (found.number, found.issue_date, found.issue_time) == ("CT-SH-5501", date(2026, 3, 10), time(14, 20))
    assert str(found.structure) == "shipment_order_pack_item"
    assert found.shipped_date == date(2026, 3, 10)
    (shipment,) = found.at_level("shipment")
    assert shipment.date("estimated_delivery") == date(2026, 3, 12)
    assert shipment.reference("bill_of_lading") == "CT5501"
    (load,) = shipment.loads
    assert (load.packaging, load.count, str(load.weight_type), load.weight, load.weight_unit) == (
        "CTN25",
        3,
        "gross",
        Decimal(148),
        "LB",
    )
    (routing,) = shipment.routing
    assert (routing.carrier, str(routing.scheme), str(routing.mode)) == ("NFTL", "scac", "motor")
    (trailer,) = shipment.equipment
    assert (str(trailer.type), trailer.number, trailer.seal) == ("trailer", "530411", "S-77120")
    receiver = shipment.party("ship_to")
    assert receiver is not None and receiver.address is not None
    assert (receiver.id_under("assigned_by_buyer"), receiver.address.city, receiver.address.postcode) == (
        "0004",
        "Salina",
        "67401",
    )


def test_every_package_says_its_sscc_and_what_is_in_it() -> None:
    found = _notice("004010/856/01-pick-and-pack-s-o-p-i")
    packs = found.at_level("pack")
    assert all(pack.sscc is not None and len(pack.sscc) == 18 and is_valid(pack.sscc) for pack in packs)
    assert [
        (pack.sscc, item.line_id, item.shipped, item.unit, item.ordered) for pack in packs for item in pack.units
    ] == [
        ("006141411000000019", "1", 72, "EA", 72),
        ("006141411000000026", "2", 36, "EA", 36),
        ("006141411000000033", "3", 10, "CA", 10),
    ]
    (order,) = found.at_level("order")
    assert order.order is not None and (order.order.number, order.order.date) == ("4471902", date(2026, 3, 2))


def test_each_order_of_a_cross_dock_shipment_has_its_store_and_its_packages() -> None:
    orders = _notice("004010/856/05-cross-dock-several-orders").at_level("order")
    assert [
        (
            unit.order.number if unit.order else None,
            unit.parties[0].id_under("assigned_by_buyer"),
            len(unit.units),
            sum(item.shipped or 0 for pack in unit.units for item in pack.units),
        )
        for unit in orders
    ] == [("MF-710044", "00112", 2, 120), ("MF-710044", "00118", 2, 120), ("MF-710051", "00120", 1, 24)]


def test_the_remainder_of_a_backorder_says_what_was_shipped_to_date() -> None:
    items = _notice("004010/856/07-mixed-cartons-backorder-remainder").at_level("item")
    assert [(item.line_id, item.shipped, item.shipped_to_date, item.ordered) for item in items] == [
        ("001", 100, 420, 500),
        ("002", 4, 80, 80),
        ("001", 80, 500, 500),
    ]


def test_lots_and_expiry_dates_stand_with_the_item() -> None:
    items = _notice("004010/856/03-pallets-s-o-t-p-i").at_level("item")
    assert [(item.item_id("lot"), item.date("expiration")) for item in items] == [
        ("L26-0113", date(2028, 1, 13)),
        ("L26-0114", date(2028, 1, 14)),
        ("L25-1190", date(2027, 11, 30)),
    ]


def test_a_pallet_keeps_its_own_sscc_and_how_it_is_built() -> None:
    (pallet,) = _notice("005010/856/03-pallets-s-o-t-p-i").at_level("tare")
    assert pallet.sscc == "106141419000000210"
    assert pallet.pallet is not None
    assert (pallet.pallet.tiers, pallet.pallet.blocks, pallet.pallet.packs, pallet.pallet.gross_weight) == (
        6,
        8,
        48,
        905,
    )


def test_a_parcel_on_one_level_has_order_item_and_tracking_number_together() -> None:
    (only,) = _notice("004010/856/06-drop-ship-parcel-one-level").units
    assert only.order is not None and only.order.number == "WD-5540093311"
    assert (only.line_id, only.shipped, only.item_id("vendor_part")) == ("1", 1, "OT-BLOCKS-60")
    assert [(mark.type, mark.value) for mark in only.marks] == [("carrier_package", "GR4471002218US")]
    assert only.sscc is None


def test_the_equipment_of_005010_is_read_from_its_own_loop() -> None:
    (shipment,) = _notice("005010/856/02-mass-retail-gln-two-orders").at_level("shipment")
    assert [(entry.initial, entry.number, entry.seal) for entry in shipment.equipment] == [
        ("GRPZ", "88102", "SEAL4410")
    ]
    receiver = shipment.party("ship_to")
    assert receiver is not None and receiver.id_under("gln") == "0952123460202"


def test_a_cancelled_notice_says_so() -> None:
    assert str(_notice("004010/856/10-cancelled-notice").purpose) == "cancellation"


def test_two_notices_of_a_group_are_two_documents() -> None:
    assert [found.number for found in documents("005010/856/08-two-notices-one-group")] == ["SP-9001", "SP-9002"]


def _item(line: str, shipped: str) -> dict[str, object]:
    return {
        "level": "item",
        "line_id": line,
        "item_ids": [{"scheme": "vendor_item", "value": "AS-5100"}],
        "shipped": shipped,
        "unit": "EA",
    }


def _pack(sscc: str, *units: object) -> dict[str, object]:
    return {"level": "pack", "marks": [{"type": "sscc_20", "value": sscc}], "units": list(units)}


def _written(*units: object) -> dict[str, object]:
    return {
        "kind": "ship_notice",
        "number": "SH-1",
        "issue_date": "2026-09-18",
        "issue_time": "15:05",
        "units": [
            {
                "level": "shipment",
                "dates": [{"type": "shipped", "date": "2026-09-18"}],
                "references": [{"type": "bill_of_lading", "value": "B1"}],
                "units": list(units),
            }
        ],
    }


SSCC = "006141410230000110"
ORDER = {"level": "order", "order": {"number": "HR-450020"}}
WRITTEN = {
    "shipment_order_pack_item": (
        _written({**ORDER, "units": [_pack(SSCC, _item("001", "320"), _item("002", "80"))]}),
        ["HL*1**S*1", "HL*2*1*O*1", "HL*3*2*P*1", "HL*4*3*I*0", "HL*5*3*I*0"],
    ),
    "shipment_order_item": (
        _written({**ORDER, "units": [_item("001", "320")]}),
        ["HL*1**S*1", "HL*2*1*O*1", "HL*3*2*I*0"],
    ),
    "shipment_order_tare_pack_item": (
        _written({**ORDER, "units": [{"level": "tare", "units": [_pack(SSCC, _item("001", "320"))]}]}),
        ["HL*1**S*1", "HL*2*1*O*1", "HL*3*2*T*1", "HL*4*3*P*1", "HL*5*4*I*0"],
    ),
    "shipment_order_item_pack": (
        _written({**ORDER, "units": [{**_item("001", "320"), "units": [_pack(SSCC)]}]}),
        ["HL*1**S*1", "HL*2*1*O*1", "HL*3*2*I*1", "HL*4*3*P*0"],
    ),
}


@pytest.mark.parametrize("version", ["004010", "005010"])
@pytest.mark.parametrize("shape", WRITTEN)
def test_a_tree_written_by_hand_is_a_valid_856_in_its_own_order_of_levels(version: str, shape: str) -> None:
    content, levels = WRITTEN[shape]
    lines = write_valid(version, "856", content)
    assert [line for line in lines if line.startswith("HL")] == levels
    assert lines[-1] == f"CTT*{len(levels)}"
    assert lines[0] == "BSN*00*SH-1*20260918*1505"


def test_a_line_written_by_hand_has_its_quantity_and_its_package() -> None:
    lines = write_valid("004010", "856", WRITTEN["shipment_order_pack_item"][0])
    assert lines[4:8] == ["HL*2*1*O*1", "PRF*HR-450020", "HL*3*2*P*1", f"MAN*GM*00{SSCC}"]
    assert lines[8:11] == ["HL*4*3*I*0", "LIN*001*VN*AS-5100", "SN1**320*EA"]


def test_an_sscc_with_a_wrong_check_digit_is_written_with_a_finding() -> None:
    content = _written({**ORDER, "units": [_pack(SSCC[:-1] + "5", _item("001", "320"))]})
    written = write_document(load_map("x12", "004010", "856"), parse_document(content))
    assert f"MAN*GM*00{SSCC[:-1]}5" in lines_of(written)
    (finding,) = written.findings
    assert "check digit" in finding.message and "marks[0].value" in finding.message


def test_a_package_added_to_a_received_notice_is_numbered_and_counted() -> None:
    found = _notice("004010/856/01-pick-and-pack-s-o-p-i")
    (order,) = found.at_level("order")
    order.units.append(Unit.model_validate(_pack(SSCC, _item("4", "5"))))
    lines = lines_of(write_document(load_map("x12", "004010", "856"), found))
    assert [line for line in lines if line.startswith("HL")][-2:] == ["HL*9*2*P*1", "HL*10*9*I*0"]
    assert lines[-1] == "CTT*10*123"


def test_a_unit_without_level_is_refused_with_its_path() -> None:
    short = parse_document(_written({"order": {"number": "HR-450020"}}))
    with pytest.raises(MappingError) as raised:
        write_document(load_map("x12", "004010", "856"), short)
    assert [problem.path for problem in raised.value.problems] == ["units[0].units[0].level"]
