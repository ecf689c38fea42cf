"""Nothing received is dropped: what a map does not know goes back to its place, and an edit wins over it."""

from __future__ import annotations

from typing import Any

from gateway.documents import Document, Extension, Order, ShipNotice, dump_document, parse_document
from gateway.mapping import coverage, load_map, read_document, write_document
from gateway.standards.edi.model import COMPONENT, REPETITION, Segment, Separators
from gateway.standards.edi.validator import validator

SEPARATORS = Separators("*", ">", "~")


def _segments(text: str) -> list[Segment]:
    lines = [line.strip() for line in text.strip().splitlines()]
    return [
        Segment(tag, tuple(part.replace(">", COMPONENT).replace("^", REPETITION) for part in rest), position)
        for position, (tag, *rest) in enumerate((line.split("*") for line in lines), 1)
    ]


def _read(text: str, set_id: str = "850", version: str = "004010") -> Any:
    segments = _segments(f"ST*{set_id}*0001\n{text.strip()}\nSE*9*0001")
    tree = validator(version, set_id, SEPARATORS).tree(segments)
    result = read_document(load_map("x12", version, set_id), tree)
    # Through JSON, as a back office gets and returns it.
    return parse_document(dump_document(result.document))


def _write(document: Document, set_id: str = "850", version: str = "004010") -> list[str]:
    written = write_document(load_map("x12", version, set_id), document)
    lines = ["*".join([s.tag, *s.elements]).replace(COMPONENT, ">").replace(REPETITION, "^") for s in written.segments]
    return lines[1:-1]


def _findings(document: Document, set_id: str = "850") -> list[str]:
    return [finding.message for finding in write_document(load_map("x12", "004010", set_id), document).findings]


ORDER = """
BEG*00*SA*44**20260302
REF*DP*0042
TC2*T*5603
DTM*010*20260310
N9*ZZ*1
MSG*hello*AA*3
N1*ST*Store*92*0007
SI*TI*AA*1
N3*1 Pier Road
N3*Dock 4
N4*Boston*MA*02110
PO1*0001*0010*EA*.50*PE*UP*614141100019***SK*77
PO3*UP*20260201*CON*94.2*TE*48*RL
PID*F****Hammer
LM*VI
LQ*0*X9
PO1*2*5*EA*1**UP*614141100026
SDQ*EA*92*0001*2
SDQ*EA*92*0002*3
CTT*2*15*1*LB
"""


def _order() -> Order:
    document = _read(ORDER)
    assert isinstance(document, Order)
    return document


def _expected() -> list[str]:
    return ORDER.strip().splitlines()


def test_an_unedited_order_is_written_as_it_came() -> None:
    assert _write(_order()) == _expected()


def test_the_fields_are_right_although_the_spelling_is_kept_beside_them() -> None:
    order = _order()
    first = order.lines[0]
    assert (first.line_id, first.quantity, str(first.price)) == ("0001", 10, "0.50")
    assert [item.scheme for item in first.item_ids] == ["gtin_12", "sku"]
    assert order.parties[0].address is not None and order.parties[0].address.lines == ["1 Pier Road", "Dock 4"]
    kinds = {(entry.anchor, entry.form) for entry in order.extensions}
    assert {("header", "segment"), ("L1", "segment"), ("L1", "elements"), ("P1", "replaced")} <= kinds


def test_an_edited_value_wins_over_the_received_spelling_of_that_element_alone() -> None:
    order = _order()
    order.lines[0].quantity = order.lines[0].quantity + 2  # type: ignore[operator]
    lines = _write(order)
    assert "PO1*0001*12*EA*.50*PE*UP*614141100019***SK*77" in lines
    assert lines[-1] == "CTT*2*17*1*LB", "a hash total follows the quantities"
    edited = ("PO1*0001", "CTT")
    assert [line for line in lines if not line.startswith(edited)] == [
        line for line in _expected() if not line.startswith(edited)
    ]


def test_a_pair_list_is_restored_whole_or_not_at_all() -> None:
    order = _order()
    order.lines[0].item_ids[1].value = "78"
    assert "PO1*0001*0010*EA*.50*PE*UP*614141100019*SK*78" in _write(order)


def test_an_edit_in_a_run_of_segments_never_leaves_half_of_the_old_run() -> None:
    order = _order()
    assert order.parties[0].address is not None
    order.parties[0].address.lines[1] = "Dock 5"
    order.lines[1].destinations[1].quantity = 4  # type: ignore[assignment]
    lines = _write(order)
    assert [line for line in lines if line.startswith("N3")] == ["N3*1 Pier Road*Dock 5"]
    assert [line for line in lines if line.startswith("SDQ")] == ["SDQ*EA*92*0001*2*0002*4"]


def test_an_added_reference_does_not_push_kept_segments_out_of_the_order_of_the_set() -> None:
    order = _order()
    order.references.append(type(order.references[0])(type="promotion", value="P9"))
    lines = _write(order)
    assert lines[1:5] == ["REF*DP*0042", "REF*PD*P9", "TC2*T*5603", "DTM*010*20260310"]


def test_a_removed_reference_leaves_the_kept_segments_in_place() -> None:
    order = _order()
    order.references.clear()
    order.dates.clear()
    assert _write(order)[:3] == ["BEG*00*SA*44**20260302", "TC2*T*5603", "N9*ZZ*1"]


def test_removing_a_line_says_what_went_with_it() -> None:
    order = _order()
    del order.lines[0]
    lines = _write(order)
    assert not any(line.startswith(("PO3", "LM")) for line in lines) and "CTT*1*5*1*LB" in lines
    messages = _findings(order)
    assert any("PO3*UP*20260201" in message and "no longer in the document" in message for message in messages)


def test_a_copied_line_gets_nothing_that_was_kept_for_the_original() -> None:
    order = _order()
    order.lines.append(order.lines[0].model_copy(deep=True))
    lines = _write(order)
    assert sum(line.startswith("PO3") for line in lines) == 1
    assert "PO1*0001*10*EA*0.50*PE*UP*614141100019*SK*77" in lines


def test_moved_lines_take_what_was_kept_with_them() -> None:
    order = _order()
    order.lines.reverse()
    lines = _write(order)
    place = lines.index("PO1*0001*0010*EA*.50*PE*UP*614141100019***SK*77")
    assert lines[place + 1].startswith("PO3") and lines[place - 1].startswith("SDQ")


def test_a_value_that_cannot_be_read_stays_as_text_with_a_finding_and_goes_back() -> None:
    text = "BEG*00*SA*44**20261341\nPO1*1*10*EA\nCTT*1"
    segments = _segments(f"ST*850*0001\n{text}\nSE*9*0001")
    cmap = load_map("x12", "004010", "850")
    result = read_document(cmap, validator("004010", "850", SEPARATORS).tree(segments))
    (finding,) = result.findings
    assert (finding.code, finding.segment, finding.element) == ("MAP-unreadable-value", "BEG", 5)
    assert _write(result.document) == text.splitlines()


def test_segments_we_would_add_are_left_out_and_come_when_their_value_changes() -> None:
    order = _read("BEG*00*SA*44**20260302\nPO1*1*10*EA")
    assert _write(order) == ["BEG*00*SA*44**20260302", "PO1*1*10*EA"]
    order.lines.append(order.lines[0].model_copy(update={"anchor": None, "line_id": "2"}))
    assert _write(order)[-1] == "CTT*2"


def test_kept_segments_inside_an_edited_run_survive_it() -> None:
    text = "BEG*00*SA*44**20260302\nN1*ST*Store\nN3*1 Pier Road\nNX2*01*Suite\nN3*Dock 4\nPO1*1*10*EA\nCTT*1"
    order = _read(text)
    assert _write(order) == text.splitlines()
    order.parties[0].address.lines = ["2 Pier Road"]
    lines = _write(order)
    assert "N3*2 Pier Road" in lines and "NX2*01*Suite" in lines and "N3*Dock 4" not in lines


def test_repeats_and_composites_are_kept_as_lists() -> None:
    text = "BEG*00*SA*44**20260302\nREF*DP*1**IA>7\nTD4*HZD^FLM\nPO1*1*1*EA\nCTT*1"
    order = _read(text, version="005010")
    assert _write(order, version="005010") == text.splitlines()
    kept = [pair.received for entry in order.extensions for pair in (entry.elements or {}).values()]
    assert kept == [["IA", "7"]]
    assert [entry.segment for entry in order.extensions if entry.segment] == [["TD4", {"repeats": ["HZD", "FLM"]}]]


def test_entries_that_make_no_sense_are_reported_and_harm_nothing() -> None:
    order = _order()
    order.extensions = [
        Extension(anchor="header", ordinal=99, of=1, segment=["TC2", None, {"repeats": ["A", "B"]}]),
        Extension(anchor="header", ordinal=0, of=1, segment=[]),
        Extension(anchor="header", ordinal=0, of=1, tag="ZZZ", elements={"x": {}, "1": {"received": "A"}}),  # type: ignore[dict-item]
        Extension(anchor="nowhere", ordinal=0, of=1, received=[["XX", "1"], "@P9"], written=[]),
        Extension(anchor="header", ordinal=0, of=1, received=[{"kept": ["TC2", "1"]}], written=[["QQ"]]),
    ]
    lines = _write(order)
    assert "TC2**A^B" in lines and "TC2*1" in lines
    messages = _findings(order)
    assert any("empty segment" in message for message in messages)
    assert any("XX*1" in message for message in messages) and any("ZZZ" in message for message in messages)


def test_the_map_carries_what_the_extensions_do_not() -> None:
    cmap = load_map("x12", "004010", "850")
    assert 0.6 < coverage(cmap, _order()) < 0.9
    assert coverage(cmap, _read("BEG*00*SA*44**20260302\nPO1*1*10*EA\nCTT*1")) == 1.0


NOTICE = """
BSN*00*S1*20260305*1200*0001
HL*1**S
TD1*CTN*2
HL*2*1*O
PRF*PO1
HL*3*2*P
MAN*GM*00006141410012345675
HL*4*3*I
LIN*1*UP*614141100019
SN1**12*EA
CTT*4
"""


def _notice(text: str) -> ShipNotice:
    document = _read(text, "856")
    assert isinstance(document, ShipNotice)
    return document


def test_a_tree_without_child_flags_is_written_without_them() -> None:
    assert _write(_notice(NOTICE), "856") == NOTICE.strip().splitlines()


def test_an_added_unit_renumbers_the_tree() -> None:
    notice = _notice(NOTICE)
    pack = notice.at_level("pack")[0]
    order = notice.at_level("order")[0]
    order.units.insert(0, pack.model_copy(deep=True, update={"anchor": None}))
    for unit in order.units[0].walk():
        unit.anchor = None
    levels = [line for line in _write(notice, "856") if line.startswith("HL")]
    assert [line.split("*")[1:4] for line in levels] == [
        ["1", "", "S"],
        ["2", "1", "O"],
        ["3", "2", "P"],
        ["4", "3", "I"],
        ["5", "2", "P"],
        ["6", "5", "I"],
    ]


def test_numbers_of_the_partner_are_kept_until_they_would_clash() -> None:
    text = NOTICE.replace("HL*1**S", "HL*2**S").replace("HL*2*1*O", "HL*3*2*O").replace("HL*3*2*P", "HL*4*3*P")
    text = text.replace("HL*4*3*I", "HL*5*4*I")
    notice = _notice(text)
    assert _write(notice, "856") == text.strip().splitlines()
    notice.at_level("order")[0].units.insert(0, type(notice.units[0])(level={"value": "item"}, line_id="9"))  # type: ignore[arg-type]
    numbers = [line.split("*")[1:3] for line in _write(notice, "856") if line.startswith("HL")]
    seen: set[str] = set()
    for number, parent in numbers:
        assert number not in seen and (not parent or parent in seen)
        seen.add(number)


def test_a_tree_in_another_order_than_parents_first_keeps_its_order() -> None:
    text = """
BSN*00*S1*20260305*1200*0001
HL*1**S*1
HL*2*1*O*1
HL*3*1*O*1
HL*4*2*I*0
LIN*1*UP*1
HL*5*3*I*0
LIN*2*UP*2
CTT*5
"""
    notice = _notice(text)
    assert [len(unit.units) for unit in notice.at_level("order")] == [1, 1]
    assert _write(notice, "856") == text.strip().splitlines()


def test_a_unit_whose_parent_is_unknown_stands_at_the_top_and_goes_back_as_it_came() -> None:
    text = NOTICE.replace("HL*3*2*P", "HL*3*9*P")
    segments = _segments(f"ST*856*0001\n{text.strip()}\nSE*9*0001")
    cmap = load_map("x12", "004010", "856")
    result = read_document(cmap, validator("004010", "856", SEPARATORS).tree(segments))
    assert [finding.element for finding in result.findings] == [2]
    assert _write(result.document, "856") == text.strip().splitlines()


def test_lines_that_stand_in_another_order_than_their_parts_allow_are_kept_in_place() -> None:
    text = "BEG*00*SA*44**20260302\nITD*01\nN1*ST*B\nREF*DP*A\nPO1*1*10*EA\nDTM*010*20260310\nPO4*6\nPO1*2*1*EA\nCTT*2"
    order = _read(text)
    assert _write(order) == text.splitlines()
    order.references.clear()
    assert len(_write(order)) in {len(text.splitlines()), len(text.splitlines()) - 1}
