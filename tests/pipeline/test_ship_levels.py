"""A ship notice goes out in the order of levels that the partner's profile names, or comes back with what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.pipeline.outbound import RefusedError, submit_document
from tests.pipeline.pipelinekit import Kit

ITEM: dict[str, Any] = {
    "level": "item",
    "line_id": "1",
    "shipped": "12",
    "unit": "EA",
    "item_ids": [{"scheme": "vendor_item", "value": "AS-1"}],
}
MARK = {"type": "sscc_18", "value": "106141411234567897"}


def chain(*levels: str) -> dict[str, Any]:
    """Units of these levels, each within the one before; the last is an item."""
    unit = dict(ITEM)
    for level in reversed(levels):
        unit = {"level": level, "units": [unit]}
        if level == "order":
            unit["order"] = {"number": "HR-1"}
        if level in ("pack", "tare"):
            unit["marks"] = [MARK]
    return unit


def send(kit: Kit, unit: dict[str, Any], order: str | None, **more: Any) -> list[tuple[str, str, str]]:
    """What keeps a notice with this shipment from the partner; nothing when it went."""
    kit.befriend(documents={"sent": {"856": {"hl_order": order} if order else {}}})
    notice = {
        "kind": "ship_notice",
        "receiver": "harbor",
        "number": "SN-1",
        "issue_date": "2026-11-20",
        "issue_time": "12:00",
        "units": [unit],
        **more,
    }
    try:
        submit_document(kit.pipeline, json.dumps(notice).encode())
    except RefusedError as refused:
        return [(reason.path, reason.message, reason.fix) for reason in refused.reasons]
    kit.work()
    return []


@pytest.mark.parametrize(
    ("order", "levels", "code"),
    [
        ("SOPI", ("shipment", "order", "pack"), "0001"),
        ("SOTPI", ("shipment", "order", "tare", "pack"), "0001"),
        ("SOTPI", ("shipment", "order", "pack"), "0001"),
        ("SOI", ("shipment", "order"), "0004"),
    ],
)
def test_levels_as_the_partner_takes_them_go_out_with_their_code(
    kit: Kit, order: str, levels: tuple[str, ...], code: str
) -> None:
    assert send(kit, chain(*levels), order) == []
    (sent,) = kit.answers()
    letters = {"shipment": "S", "order": "O", "tare": "T", "pack": "P"}
    assert [hl[2] for hl in sent["HL"]] == [*(letters[level] for level in levels), "I"]
    assert sent["BSN"][0][4] == code


def test_items_below_which_the_packages_stand(kit: Kit) -> None:
    unit = {"level": "shipment", "units": [{"level": "order", "order": {"number": "HR-1"}, "units": [dict(ITEM)]}]}
    unit["units"][0]["units"][0]["units"] = [{"level": "pack", "marks": [MARK]}]
    assert send(kit, unit, "SOIP") == []
    assert kit.answers()[0]["BSN"][0][4] == "0002"


def test_items_without_their_cartons_are_refused_with_what_to_do(kit: Kit) -> None:
    ((path, message, fix),) = send(kit, chain("shipment", "order"), "SOPI")
    assert path == "units[0].units[0].units[0]"
    assert "takes a ship notice as shipment, order, pack, item" in message
    assert message.endswith("here the levels are shipment, order, item.")
    assert "level pack" in fix and "SSCC" in fix
    assert kit.partner.sent == []


def test_a_level_too_many_is_refused(kit: Kit) -> None:
    ((_, message, fix),) = send(kit, chain("shipment", "order", "tare", "pack"), "SOPI")
    assert "shipment, order, tare, pack, item" in message
    assert "into that order" in fix


def test_one_sentence_for_each_of_the_first_and_a_number_for_the_rest(kit: Kit) -> None:
    unit = chain("shipment", "order")
    unit["units"][0]["units"] = [dict(ITEM, line_id=str(number)) for number in range(1, 13)]
    reasons = send(kit, unit, "SOPI")
    assert [path for path, _, _ in reasons] == [*(f"units[0].units[0].units[{n}]" for n in range(5)), "units"]
    assert reasons[-1][1].startswith("7 more units")


def test_a_structure_that_says_something_else_is_refused(kit: Kit) -> None:
    ((path, message, fix),) = send(kit, chain("shipment", "order"), "SOI", structure="shipment_order_pack_item")
    assert path == "structure"
    assert "shipment_order_pack_item" in message and "shipment_order_item" in fix


def test_without_a_setting_the_document_decides(kit: Kit) -> None:
    assert send(kit, chain("shipment", "order"), None, structure="shipment_order_item") == []
    assert kit.answers()[0]["BSN"][0][4] == "0004"
