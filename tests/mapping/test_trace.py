"""Every field of a traced document is where the trace says, and everything received is accounted for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.documents import dump_document, parse_document
from gateway.mapping import MapError, MappingError, load_map, read_document
from gateway.mapping.golden import _element_differences, _segment_differences, check_example, examples_of
from gateway.mapping.trace import (
    ReadTrace,
    SegmentPlace,
    WriteTrace,
    XmlPlace,
    trace_document,
    trace_x12,
    trace_xml,
)
from gateway.mapping.tracing.marks import Mark, leaves, mark, mark_of, plain, unmark
from gateway.mapping.x12_convert import documents_from_x12
from gateway.mapping.xml.convert import documents_from_xml
from gateway.resources import find
from gateway.standards.edi.model import COMPONENT, REPETITION
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.names import canonical_path
from gateway.standards.xml.parsing import parse_xml
from tests.mapping.mapkit import FIXTURES, sets_of

X12 = [
    *("x12/004010/850/02-store-spread-sdq.edi", "x12/004010/850/10-allowances-terms-routing.edi"),
    *("x12/004010/856/08-packs-above-orders-s-p-o-i.edi", "x12/005010/850/06-prepack-composite-unit.edi"),
    *("x12/005010/810/07-control-character-separators.edi", "x12/005010/850/10-industry-segments-we-do-not-know.edi"),
    *("x12/005010/855/05-substitute-item.edi", "x12/005010/810/06-repeated-elements.edi"),
]
XML = [
    *("xml/ubl/Order/foreign-prefixes.xml", "xml/ubl/Invoice/taxes-and-discounts.xml"),
    *("xml/ubl/DespatchAdvice/whole-order-on-pallets.xml", "xml/cxml/OrderRequest/blanket-release-with-parties.xml"),
    *(
        "xml/cxml/InvoiceDetailRequest/two-orders-with-allowances.xml",
        "xml/cxml/ShipNoticeRequest/packed-with-sscc.xml",
    ),
]


def traced(name: str) -> list[ReadTrace]:
    data = (FIXTURES / name).read_bytes()
    found = trace_x12(data) if name.endswith(".edi") else trace_xml(data)
    assert not found.complaints
    return found.traces


def written(trace: ReadTrace, **more: Any) -> WriteTrace:
    source = trace.document.source
    assert source is not None
    return trace_document(trace.document, source.standard, source.version or "", source.set_id or "", **more)


# -- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*X12, *XML])
def test_a_traced_document_is_the_one_that_is_read_without_tracing(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    plainly = (documents_from_x12(data) if name.endswith(".edi") else documents_from_xml(data)).documents
    traces = traced(name)
    assert len(traces) == len(plainly) > 0
    for trace, document in zip(traces, plainly, strict=True):
        document.test = trace.document.test
        assert dump_document(trace.document) == dump_document(document)


@pytest.mark.parametrize("name", X12)
def test_the_received_text_stands_at_the_byte_that_the_trace_names(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    for trace in traced(name):
        received = [field for field in trace.fields if isinstance(field.origin, SegmentPlace) and field.origin.position]
        assert received
        for field in received:
            place = field.origin
            assert isinstance(place, SegmentPlace)
            assert place.offset is not None
            if field.rule is not None and field.rule.converter == "text" and place.component is None:
                assert data[place.offset :].startswith(str(field.value).encode("latin-1")), field


@pytest.mark.parametrize("name", X12)
def test_every_received_element_is_in_a_field_or_told_beside_them(name: str) -> None:
    path = FIXTURES / name
    for checked, trace in zip(sets_of(path), traced(name), strict=True):
        received = {
            (segment.position, number)
            for segment in checked.segments()
            if segment.tag not in ("ST", "SE")
            for number, value in enumerate(segment.elements, 1)
            if value.strip(COMPONENT + REPETITION)
        }
        places = [each.origin for each in trace.fields] + [each.place for each in trace.kept]
        told = {(place.position, place.element) for place in places if isinstance(place, SegmentPlace)}
        assert received <= told
        assert {position for position, _ in told - received} <= {0, 1, len(checked.segments())}


@pytest.mark.parametrize("name", XML)
def test_the_received_text_stands_at_the_path_and_line_that_the_trace_names(name: str) -> None:
    (checked, *_) = check_xml((FIXTURES / name).read_bytes()).documents
    texts = dict(values_of(checked.element))
    (trace, *_) = traced(name)
    for field in trace.fields:
        if isinstance(field.origin, XmlPlace):
            assert field.origin in texts, field
            if field.rule is not None and field.rule.converter == "text":
                assert texts[field.origin] == field.value
    told = {each.origin for each in trace.fields} | {each.place for each in trace.kept}
    above = {each.place.path for each in trace.kept if isinstance(each.place, XmlPlace)}
    missing = [place for place in texts if place not in told and not any(place.path.startswith(a + "/") for a in above)]
    assert missing == []


def values_of(root: etree._Element) -> Iterator[tuple[XmlPlace, str]]:
    """Place and text of every value of a document."""
    for element in root.iter(etree.Element):
        path = canonical_path(element)
        text = (element.text or "").strip()
        if text:
            yield XmlPlace(path, element.sourceline), text
        for key, value in element.items():
            if value.strip():
                name = key.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
                yield XmlPlace(f"{path}/@{name}", element.sourceline), value.strip()


def test_changing_the_bytes_at_a_place_changes_that_field_and_no_other() -> None:
    """The trace against the reader itself: each field in turn gets another value where the trace says it is."""
    path = FIXTURES / "x12/004010/850/01-plain-order.edi"
    data = path.read_bytes()
    (trace,) = trace_x12(data).traces
    before = {field.field: field.value for field in trace.fields}
    tried = 0
    for field in trace.fields:
        place = field.origin
        if not isinstance(place, SegmentPlace) or field.rule is None or field.rule.converter != "text":
            continue
        if place.offset is None or not str(field.value).isalnum():
            continue
        changed = data[: place.offset] + b"7" * len(str(field.value)) + data[place.offset + len(str(field.value)) :]
        after = {each.field: each.value for each in trace_x12(changed).traces[0].fields}
        assert {name for name in before if before[name] != after.get(name)} <= {field.field}
        assert after[field.field] == "7" * len(str(field.value))
        tried += 1
        if tried == 10:
            break
    assert tried == 10


def test_a_rule_is_named_by_its_path_its_file_and_the_line_that_holds_it() -> None:
    (trace, *_) = traced("x12/004010/850/02-store-spread-sdq.edi")
    rules = {field.rule for field in trace.fields if field.rule is not None}
    assert {rule.at for rule in rules} >= {"header.BEG", "detail.PO1.PO1", "detail.PO1.SDQ"}
    for field in trace.fields:
        rule = field.rule
        if rule is None or rule.field.startswith("groups"):
            continue
        line = find(f"maps/{rule.file}").read_text().splitlines()[rule.line - 1]
        assert f"{rule.field}:" in line or f'"{rule.field}":' in line, (rule, line)
        name = field.field.rpartition(".")[2]
        if field.field.count(".") == field.field.count("]") == 1:
            assert name in line or name in ("value", "code"), (rule, line)


def test_a_composite_is_traced_to_its_component() -> None:
    (trace, *_) = traced("x12/005010/850/06-prepack-composite-unit.edi")
    places = [each.origin for each in trace.fields if isinstance(each.origin, SegmentPlace)]
    parts = [place for place in places if place.component is not None]
    assert parts
    data = (FIXTURES / "x12/005010/850/06-prepack-composite-unit.edi").read_bytes()
    assert all(place.offset is not None and data[place.offset - 1 : place.offset] for place in parts)


def test_what_no_field_carries_is_told_with_its_place_and_where_it_is_kept() -> None:
    (trace, *_) = traced("x12/005010/850/10-industry-segments-we-do-not-know.edi")
    kept = [each for each in trace.kept if each.extension is not None]
    assert kept
    for each in kept:
        assert isinstance(each.place, SegmentPlace)
        number = int((each.extension or "")[len("extensions[") : -1])
        entry = trace.document.extensions[number]
        assert each.anchor == entry.anchor
        if entry.segment is not None:
            assert entry.segment[0] == each.place.segment
            assert each.why == "no field carries it; it is kept"


def test_an_xml_value_is_told_by_what_became_of_it() -> None:
    (trace,) = traced("xml/ubl/Order/foreign-prefixes.xml")
    became = {each.place.path: each.why for each in trace.kept if isinstance(each.place, XmlPlace)}
    assert became["/Order/cbc:Note/@languageID"] == "no field carries it; it is kept"
    amount = "/Order/cac:OrderLine/cac:LineItem/cac:Price/cbc:PriceAmount/@currencyID"
    assert became[amount] == "no field carries it; the map writes it by itself"
    by_field = {each.field: each for each in trace.fields}
    assert by_field["parties[2].type"].why == "a constant of the rule that read the object"


def test_an_order_of_elements_and_a_spelling_that_are_not_ours_are_told() -> None:
    data = (FIXTURES / "xml/ubl/Order/foreign-prefixes.xml").read_bytes()
    odd = data.replace(b">250.5<", b">0250.50<")
    assert odd != data
    (trace,) = trace_xml(odd).traces
    spelled = [each for each in trace.kept if each.why == "a field carries it; its spelling is kept"]
    assert "0250.50" in [each.value for each in spelled]


def test_comments_and_instructions_are_passed_over() -> None:
    data = (FIXTURES / "xml/ubl/Order/foreign-prefixes.xml").read_bytes()
    (before,) = trace_xml(data).traces
    noted = data.replace(b">250.5<", b"><!-- metres -->250.5<?x y?><")
    (after,) = trace_xml(noted).traces
    assert [(each.field, each.value) for each in after.fields] == [(each.field, each.value) for each in before.fields]


def test_the_document_keeps_its_envelope_and_says_which_element_it_is() -> None:
    (trace,) = trace_x12((FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()).traces
    places = {each.field: each.origin for each in trace.fields}
    assert places["envelope.source.interchange.sender"] == SegmentPlace("ISA", 0, 6)
    assert places["envelope.source.group.control"] == SegmentPlace("GS", 0, 6)


def test_only_the_set_asked_for_is_traced() -> None:
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    assert trace_x12(data, only_set="810").traces == []
    xml = (FIXTURES / "xml/ubl/Order/foreign-prefixes.xml").read_bytes()
    assert trace_xml(xml, only_set="Invoice").traces == []


def test_what_cannot_be_read_is_a_sentence() -> None:
    assert trace_x12(b"hello").complaints
    assert trace_xml(b"<unfinished").complaints
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    (said,) = trace_x12(data.replace(b"ST*850", b"ST*999")).complaints[:1]
    assert "no map" in said
    bad = data.replace(b"BEG*00*", b"BEG*QQ*")
    found = trace_x12(bad)
    assert "rejected" in found.complaints[0]
    assert found.traces, "it is traced all the same"
    xml = (FIXTURES / "xml/ubl/Order/foreign-prefixes.xml").read_bytes().replace(b"250.5<", b"many<")
    invalid = trace_xml(xml)
    assert "rejected" in invalid.complaints[0]
    assert invalid.traces[0].findings[0].code == "MAP-unreadable-value"


# -- writing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*X12, *XML])
def test_a_field_is_written_where_it_was_read(name: str) -> None:
    """A document that was not edited is written as it came, so both traces must name the same places."""
    for trace in traced(name):
        read = {each.field: _bare(each.origin) for each in trace.fields}
        out = written(trace)
        placed: dict[str, list[Any]] = {}
        for each in out.fields:
            if each.place is not None and read.get(each.field):
                placed.setdefault(each.field, []).append(_bare(each.place))
        assert len(placed) > 5
        for field, places in placed.items():
            assert read[field] in places, field
            assert len(places) == 1 or field == "currency"


def _bare(place: Any) -> Any:
    if isinstance(place, SegmentPlace):
        return (place.segment, place.position, place.element)
    if isinstance(place, XmlPlace):
        return place.path.rpartition("/Request/")[2] if "/Request/" in place.path else place.path.lstrip("/")
    return place


@pytest.mark.parametrize("name", X12[:3])
def test_what_is_written_stands_in_the_set_at_its_place(name: str) -> None:
    for trace, checked in zip(traced(name), sets_of(FIXTURES / name), strict=True):
        texts = {(s.position, n): value for s in checked.segments() for n, value in enumerate(s.elements, 1)}
        out = written(trace)
        for each in (*out.fields, *out.others):
            place = each.place
            if isinstance(place, SegmentPlace) and place.segment not in ("ST", "SE"):
                value = texts[place.position, place.element]
                assert each.text == (value.split(COMPONENT)[place.component - 1] if place.component else value)


def test_fields_without_an_element_of_their_own_are_told() -> None:
    (trace,) = traced("xml/ubl/Order/foreign-prefixes.xml")
    out = written(trace)
    assert ("parties[0].type", "buyer") in out.unwritten
    assert not any(path.startswith(("envelope", "schema_version", "test")) for path, _ in out.unwritten)


def test_entries_of_a_spread_share_the_elements_of_their_segment() -> None:
    (trace, *_) = traced("x12/004010/850/02-store-spread-sdq.edi")
    out = {each.field: each.place for each in written(trace).fields}
    first, second = (out[f"lines[0].destinations[{index}].unit"] for index in (0, 1))
    assert first == second
    assert isinstance(first, SegmentPlace)
    assert (first.segment, first.element) == ("SDQ", 1)


def test_a_kept_spelling_is_said_to_be_one() -> None:
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    trace = next(iter(trace_x12(data.replace(b"PO1*3*10*", b"PO1*3*010*")).traces))
    out = {each.field: each for each in written(trace).fields}
    assert out["lines[2].quantity"].place is None
    assert out["lines[2].quantity"].why == "written, but in the spelling that was received"
    kept = [each for each in written(trace).others if each.text == "010"]
    assert kept[0].fields == ("extensions[0]",)


def test_a_document_made_by_hand_is_traced_to_the_standard_it_is_written_in() -> None:
    order = parse_document(
        {
            "kind": "order",
            "number": "4711",
            "purpose": "original",
            "order_type": "stand_alone",
            "issue_date": "2026-03-02",
            "currency": "USD",
            "lines": [{"line_id": "1", "quantity": "5", "unit": "EA", "price": "1.50"}],
        }
    )
    out = trace_document(order, "x12", "004010", "850")
    places = {each.field: each.place for each in out.fields}
    assert places["number"] == SegmentPlace("BEG", 2, 3)
    assert {each.text for each in out.others} >= {"850", "0001"}
    with pytest.raises(MapError, match="there is no map for x12 004010 999"):
        trace_document(order, "x12", "004010", "999")
    with pytest.raises(MappingError):
        trace_document(order, "x12", "004010", "810")


def test_an_overlay_takes_part_in_both_directions(tmp_path: Path) -> None:
    overlay = tmp_path / "acme.yaml"
    overlay.write_text("change:\n  - {at: header.BEG, fields: {3: null, 4: number}}\n")
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    (trace,) = trace_x12(data, overlay_of=lambda _set: overlay).traces
    assert "number" not in {each.field for each in trace.fields}
    assert [each for each in trace.kept if each.value == "4471902"]


# -- marks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["text", "", Decimal("1.50"), 7, date(2026, 3, 1), time(12, 30, 5, 7)])
def test_a_marked_value_is_equal_to_the_plain_one_and_gives_it_back(value: Any) -> None:
    note = Mark(("a",))
    marked = mark(value, note)
    assert marked == value
    assert hash(marked) == hash(value)
    assert str(marked) == str(value)
    assert mark_of(marked) == note
    assert mark_of(value) is None
    assert type(plain(marked)) is type(value)
    assert type(plain(mark(marked, note))) is type(value)


def test_marks_reach_into_trees_and_come_off_in_place() -> None:
    tree = {"a": [mark("x", Mark(("p",)))], "b": (mark(Decimal(1), Mark(("q",))),), "c": None, "d": True}
    inner = tree["a"]
    assert [(path, value) for path, value in leaves(tree) if mark_of(value)] == [("a[0]", "x")]
    assert unmark(tree) is tree
    assert tree["a"] is inner
    assert mark_of(inner[0]) is None  # type: ignore[index]
    assert mark(None, Mark(())) is None
    assert mark(("a", None), Mark(())) == ("a", None)


# -- golden examples -----------------------------------------------------------------------------------------


def test_examples_are_found_below_the_map_and_tested(tmp_path: Path) -> None:
    folder = tmp_path / "maps/x12/004010/examples/850"
    folder.mkdir(parents=True)
    shutil.copy(FIXTURES / "x12/004010/850/01-plain-order.edi", folder / "a.edi")
    (folder / "a.json").write_text("{}")
    (folder / ".hidden").touch()
    name = ("x12", "004010", "850")
    assert examples_of(name, tmp_path) == [folder / "a.edi"]
    (outcome,) = check_example((folder / "a.edi").read_bytes(), name=name, workdir=tmp_path)
    assert (outcome.ok, outcome.set_id, outcome.number) == (True, "850", "4471902")


def test_a_golden_document_that_differs_is_told_by_path() -> None:
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    (document,) = documents_from_x12(data).documents
    right = dump_document(document)
    assert check_example(data, golden=right)[0].ok
    (outcome,) = check_example(data, golden=right.replace(b'"4471902"', b'"4471903"'))
    assert [(each.where, each.expected, each.found) for each in outcome.differences] == [
        ("number", "4471903", "4471902")
    ]
    (outcome,) = check_example(data, golden=b"[" + right + b"," + right + b"]")
    assert outcome.differences[0].where == "documents"
    (outcome,) = check_example(data, golden=b"{no")
    assert "not JSON" in outcome.differences[0].expected
    (outcome,) = check_example(data, golden=b'{"kind": "order"}')
    assert {each.where for each in outcome.differences} >= {"number", "lines"}


def test_segments_that_differ_are_told_by_their_number() -> None:
    (checked,) = sets_of(FIXTURES / "x12/004010/850/01-plain-order.edi")
    cmap = load_map("x12", "004010", "850")
    document = read_document(cmap, checked.tree()).document
    received = checked.segments()
    assert _segment_differences(received, cmap, document) == []
    changed = replace(received[1], elements=("01", *received[1].elements[1:]))
    told = _segment_differences([received[0], changed, *received[3:], received[1]], cmap, document)
    assert [each.where for each in told] == ["segment 2", "segment 2", f"segment {len(received)}"]
    assert told[0].expected.startswith("BEG*01*")
    assert told[0].found.startswith("BEG*00*")
    assert (told[1].expected, told[1].found[:4]) == ("", "REF*")
    assert (told[2].expected[:4], told[2].found) == ("BEG*", "")


def test_elements_that_differ_are_told_by_their_path() -> None:
    received = parse_xml(b'<a x="1"><b>1</b><b>2</b><c>3</c><e><f>6</f>7</e></a>').root
    written_again = parse_xml(b'<a x="2"><b>1</b><b>9</b><d>4</d><e><f>6</f></e></a>').root
    told = [(each.where, each.expected, each.found) for each in _element_differences(received, written_again, "/a")]
    assert told == [
        ("/a/@x", "1", "2"),
        ("/a/b[2]", "2", "9"),
        ("/a/c", "<c> 3", ""),
        ("/a/d", "", "<d> 4"),
        ("/a/e", "7", ""),
    ]


def test_elements_in_another_order_are_told() -> None:
    data = (FIXTURES / "xml/cxml/OrderRequest/new-order.xml").read_bytes()
    start, end = data.index(b"<ShipTo"), data.index(b"</ShipTo>") + len(b"</ShipTo>")
    block, after = data[start:end], data.index(b"</BillTo>") + len(b"</BillTo>")
    swapped = data[:start] + data[end:after] + block + data[after:]
    found = trace_xml(swapped)
    assert found.traces
    order = [each for each in found.traces[0].kept if "another order" in each.why]
    assert [each.place.path.rpartition("/")[2] for each in order if isinstance(each.place, XmlPlace)] == [
        "OrderRequestHeader"
    ]


def test_an_overlay_that_changes_nothing_received_leaves_the_example_equal(tmp_path: Path) -> None:
    overlay = tmp_path / "acme.yaml"
    overlay.write_text("change:\n  - {at: header.BEG, fields: {4: {field: number, required: true}}}\n")
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    (outcome,) = check_example(data, overlay=overlay)
    assert outcome.map.startswith("x12-004010-850/")
    assert outcome.ok, "what the overlay adds is taken back where it was not received"


def test_an_example_that_cannot_be_read_is_a_problem() -> None:
    assert (
        "no set or document of ubl 2.1 Order"
        in check_example((FIXTURES / "xml/ubl/Invoice/smallest.xml").read_bytes(), name=("ubl", "2.1", "Order"))[
            0
        ].problem
    )
    assert check_example(b"<broken")[0].problem
    assert check_example(b"hello")[0].problem
    data = (FIXTURES / "x12/004010/850/01-plain-order.edi").read_bytes()
    assert "rejected" in check_example(data.replace(b"BEG*00*", b"BEG*QQ*"))[0].problem
    assert "no map" in check_example(data.replace(b"ST*850", b"ST*999"))[0].problem
    xml = (FIXTURES / "xml/ubl/Order/foreign-prefixes.xml").read_bytes()
    assert "rejected" in check_example(xml.replace(b"250.5<", b"many<"))[0].problem


@pytest.mark.parametrize("name", [*X12[:2], *XML])
def test_the_fixtures_come_out_as_they_went_in(name: str) -> None:
    outcomes = check_example((FIXTURES / name).read_bytes())
    assert outcomes
    assert all(outcome.ok for outcome in outcomes), outcomes
