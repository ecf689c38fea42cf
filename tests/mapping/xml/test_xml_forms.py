"""Elements of a known form are read from their bytes, and become what the general reader makes of them, always."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import BaseModel, ConfigDict

from gateway.bench.xml_orders import full_ubl_order, ubl_order
from gateway.documents import KINDS, Code, dump_document
from gateway.documents.base import DocumentModel
from gateway.documents.goods import ItemId
from gateway.mapping.engine import MappingResult
from gateway.mapping.source import load_source
from gateway.mapping.xml import XmlMap, forms, read_xml_document
from gateway.mapping.xml.engine import compile_xml_map
from gateway.mapping.xml.making import Hole, NoForm, maker_of
from gateway.mapping.xml.parse import parse_xml_map
from gateway.mapping.xml.tokens import Markup, token_at
from gateway.resources import find
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.parsing import XmlRefused, parse_xml
from tests.mapping.xml.xmlkit import MAPS, Author, fixtures, xml_map

_ODD = (
    *(b" x ", b"", b"  ", b"007", b"1.50", b"0", b"-5", b"+5", b"1e5", b"x\ny", b"x\r\ny", b"a&amp;b", b"&#32;x"),
    *(b"<!-- c -->7", b"<![CDATA[7]]>", b"<?p i?>7", b"2026-01-02", b"2026-02-31", b"EA", b"USD", b"true", b"\xc3\xa9"),
    b"12345678901234",
)


def fresh(standard: str = "ubl", version: str = "2.1", root: str = "Order") -> XmlMap:
    """A map that knows no forms yet."""
    return compile_xml_map(parse_xml_map(load_source(find(f"maps/{standard}/{version}/{root}.yaml"))))


def read(xmap: XmlMap, data: bytes) -> MappingResult:
    """A whole document, by its bytes."""
    return read_xml_document(xmap, parse_xml(data).root, None, data)


def everything(result: MappingResult) -> tuple[Any, ...]:
    """All that can be told of a result."""
    return dump_document(result.document), repr(result.document), result.findings, _given(result.document)


def _given(value: Any) -> Any:
    """The fields that were given, of every object."""
    if isinstance(value, BaseModel):
        return type(value), value.model_fields_set, [_given(each) for each in value.__dict__.values()]
    return [_given(each) for each in value] if isinstance(value, list) else type(value)


def assert_read_alike(xmap: XmlMap, data: bytes) -> None:
    """Read thrice by bytes, so that forms are learned and used, and once by elements."""
    try:
        plain = everything(read_xml_document(xmap, parse_xml(data).root))
    except XmlRefused:
        return
    for _ in range(3):
        assert everything(read(xmap, data)) == plain


@cache
def _learned(standard: str, version: str, root: str) -> XmlMap:
    return fresh(standard, version, root)


def general_calls(xmap: XmlMap, data: bytes) -> int:
    """How many elements of a document were looked at to learn a form."""
    with patch("gateway.mapping.xml.forms.token_at", wraps=token_at) as looked:
        read(xmap, data)
    return looked.call_count


# -- the same result --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("standard", "version", "root"), MAPS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**40))
def test_documents_are_read_alike_by_their_bytes_and_by_their_elements(
    standard: str, version: str, root: str, seed: int
) -> None:
    data = etree.tostring(Author(xml_map(standard, version, root), seed).document())
    assert_read_alike(_learned(standard, version, root), data)


def _mutants(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """The document with odd texts, attributes and repeats in some places."""
    for _ in range(12):
        changed = data
        for _ in range(chance.randint(1, 3)):
            texts = list(re.finditer(rb">([^<>]*[^<>\s][^<>]*)</", changed))
            tags = list(re.finditer(rb'="([^"<>]*)"', changed))
            place = chance.choice(texts if texts and (chance.random() < 0.8 or not tags) else tags)
            changed = changed[: place.start(1)] + chance.choice(_ODD[:8] + _ODD) + changed[place.end(1) :]
        yield changed


@pytest.mark.parametrize(("standard", "version", "root"), MAPS)
def test_a_document_that_departs_from_its_form_is_read_as_if_there_were_none(
    standard: str, version: str, root: str
) -> None:
    xmap, chance = _learned(standard, version, root), random.Random(root)
    for path in fixtures(standard, root):
        data = _content(path, root)
        assert_read_alike(xmap, data)
        for changed in _mutants(data, chance):
            assert_read_alike(xmap, changed)


def _content(path: Path, root: str) -> bytes:
    """The element that the map reads, as a file of its own."""
    (document,) = check_xml(path.read_bytes()).documents
    return etree.tostring(document.element, with_tail=False)


# -- learning ---------------------------------------------------------------------------------------------------


def test_a_form_is_learned_when_it_is_met_again_and_then_used() -> None:
    xmap = fresh()
    assert general_calls(xmap, ubl_order(1)) == 4, "a note, two parties and a line"
    assert general_calls(xmap, ubl_order(1)) == 4, "each of them again, and learned"
    assert general_calls(xmap, ubl_order(50)) == 0, "all are of these forms"


def test_a_full_line_has_a_form_with_the_objects_that_are_read_from_the_same_element() -> None:
    xmap = fresh()
    for _ in range(2):
        read(xmap, full_ubl_order(2))
    data = full_ubl_order(9)
    assert general_calls(xmap, data) == 0, "its delivery makes dates, its item packs, of the element itself"
    dates = read(xmap, data).document.lines[8].dates  # type: ignore[attr-defined]
    assert [date.type for date in dates] == ["requested_delivery", "do_not_deliver_after"]
    assert_read_alike(xmap, data)
    assert_read_alike(xmap, data.replace(b"<cbc:StartDate>2026-03-20</cbc:StartDate>", b"", 2))


def test_elements_that_never_have_a_form_are_looked_at_ever_less_often() -> None:
    unknown = b"<cbc:UUID>6E09886B-DC6E-439F-82D1-7CCAC7F4E3B1</cbc:UUID><cbc:Quantity"
    xmap, data = fresh(), full_ubl_order(8).replace(b"<cbc:Quantity", unknown)
    looks = [general_calls(xmap, data) for _ in range(40)]
    assert looks[1] >= 8, "at first each of the lines"
    assert sum(looks[-10:]) <= 10, "then one of many"
    assert_read_alike(xmap, data)
    for _ in range(40):
        read(xmap, full_ubl_order(8))
    assert general_calls(xmap, full_ubl_order(8)) == 0, "what can be learned is learned all the same"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'unitCode="EA"', b'unitCode="KGM"'),
        (b"<cbc:Name>Article 3</cbc:Name>", b"<cbc:Name>Article 3</cbc:Name><cbc:BrandName>B</cbc:BrandName>"),
        (b">95011015300003<", b">9501101530003<"),
        (b"<cac:OrderLine><cac:LineItem><cbc:ID>3<", b"<cac:OrderLine><!-- --><cac:LineItem><cbc:ID>3<"),
        (b"<cac:OrderLine><cac:LineItem><cbc:ID>3<", b"<cac:OrderLine>stray<cac:LineItem><cbc:ID>3<"),
        (b"<cbc:ID>3</cbc:ID>", b"<cbc:ID><![CDATA[3]]></cbc:ID>"),
        (b"<cbc:ID>3</cbc:ID>", b"<cbc:ID>3&amp;4</cbc:ID>"),
        (b"<cbc:ID>3</cbc:ID>", b"<cbc:ID> 3</cbc:ID>"),
        (b"<cbc:ID>3</cbc:ID>", b'<x:ID xmlns:x="urn:other">3</x:ID>'),
        (b"<cac:OrderLine><cac:LineItem><cbc:ID>3<", b"<cac:OrderLine ><cac:LineItem><cbc:ID>3<"),
    ],
)
def test_one_line_that_differs_leaves_the_others_to_their_form(old: bytes, new: bytes) -> None:
    xmap = fresh()
    for _ in range(2):
        read(xmap, ubl_order(5))
    data = ubl_order(5).replace(old, new, 1)
    assert data != ubl_order(5)
    assert general_calls(xmap, data) <= 2
    assert_read_alike(xmap, data)


def test_the_currency_of_the_document_is_asked_for_each_line() -> None:
    xmap = fresh()
    for _ in range(2):
        read(xmap, ubl_order(3))
    data = ubl_order(3).replace(b"<cbc:DocumentCurrencyCode>USD<", b"<cbc:DocumentCurrencyCode>EUR<")
    assert general_calls(xmap, data) == 3
    assert_read_alike(xmap, data)


def test_a_code_that_the_document_spells_in_two_ways_is_kept() -> None:
    data = ubl_order(6).replace(b'unitCode="EA"', b'unitCode="C62"', 3)
    xmap = fresh()
    assert_read_alike(xmap, data)
    assert read(xmap, data).document.extensions


def test_where_a_tag_stands_elsewhere_too_no_place_is_certain() -> None:
    data = b"<r><a>1</a><b><a>2</a></b></r>"
    root = parse_xml(data).root
    assert Markup(data, root).find(root[0], "a") == {}
    sure = b"<r><a>1</a><ab/><a >2</a></r>"
    root = parse_xml(sure).root
    assert list(Markup(sure, root).find(root[0], "a").values()) == [3, 16]


def test_prefixes_mean_what_the_document_says() -> None:
    xmap = fresh()
    for _ in range(3):
        read(xmap, ubl_order(2))
    swapped = ubl_order(2).replace(b"cbc:", b"q:").replace(b":cbc=", b":q=")
    assert_read_alike(xmap, swapped)
    turned = ubl_order(2).replace(b":cbc=", b":X=").replace(b":cac=", b":cbc=").replace(b":X=", b":cac=")
    assert_read_alike(xmap, turned)


@pytest.mark.volume
def test_a_hostile_file_teaches_only_so_much() -> None:
    lines = b"".join(
        b"<cac:OrderLine><cbc:Note>n</cbc:Note>" + b"<cbc:Note>m</cbc:Note>" * (number // 2) + b"</cac:OrderLine>"
        for number in range(200)
    )
    head, _, _ = ubl_order(1).partition(b"<cac:OrderLine>")
    xmap = fresh()
    data = head + lines + b"</Order>"
    assert general_calls(xmap, data) <= 32 + 3
    assert_read_alike(xmap, data)


def test_no_more_forms_are_made_of_one_markup_than_are_kept() -> None:
    units = ["EA", "KGM", "GRM", "LTR", "MTR", "MTK", "CMT", "MMT", "DZN", "CEN", "MIL", "SET"]
    xmap = fresh()
    for unit in units:
        assert_read_alike(xmap, ubl_order(2).replace(b'"EA"', f'"{unit}"'.encode()))
    with patch("gateway.mapping.xml.forms.plan_of_element") as planned:
        read(xmap, ubl_order(2).replace(b'"EA"', b'"YRD"'))
    assert not planned.called


def test_books_forget_what_is_too_much() -> None:
    book: Any = forms._Book()
    for number in range(2_000):
        book.is_worth(number)
        book.give_up(number)
        book.keep(frozenset({(str(number // 50), "urn:x")}), number, None)
    assert len(book.met) <= 512 and len(book.formless) <= 512 and len(book.made) <= 513
    assert len(book.forms) <= 16 and max(map(len, book.forms.values())) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"<a><b>&amp;</b></a>",
        b"<a><!-- --></a>",
        b"<a><b xmlns='urn:x'>1</b></a>",
        b'<a><b xmlns:p="urn:x">1</b></a>',
        b'<a><p:b xmlns:p="urn:x">1</p:b></a>',
        b"<a><b>1</b>2</a>",
        b"<a>" * 600 + b"</a>" * 600,
    ],
)
def test_markup_that_is_not_plain_has_no_tokens(data: bytes) -> None:
    assert token_at(data, 0, {}) is None


# -- objects ----------------------------------------------------------------------------------------------------


def _classes(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for inner in model.__subclasses__():
        yield from _classes(inner)


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """Every field that is a text, given."""
    return {name: "x" for name, field in model.model_fields.items() if str(field.annotation) in ("str", "str | None")}


def _is_made(model: type[BaseModel]) -> bool:
    """A class of documents that can be made of texts."""
    of_documents = model.__module__.startswith("gateway.documents.") and "envelope" not in model.__module__
    return of_documents and all(
        name in _texts(model) for name, field in model.model_fields.items() if field.is_required()
    )


@pytest.mark.parametrize(
    "model", sorted({each for each in _classes(DocumentModel) if _is_made(each)}, key=str), ids=str
)
def test_every_class_of_a_document_is_made_as_validation_makes_it(model: type[BaseModel]) -> None:
    given = _texts(model)
    made = maker_of(model, {name: Hole(0) for name in given})(["x"])
    valid = model.model_validate(given)
    assert made == valid
    assert repr(made) == repr(valid)
    assert made.model_dump() == valid.model_dump()
    assert made.model_fields_set == valid.model_fields_set
    assert made.model_copy(deep=True) == valid


def test_objects_made_share_nothing() -> None:
    make = maker_of(KINDS["order"].model_fields["lines"].annotation.__args__[0], {"line_id": Hole(0)})  # type: ignore[union-attr]
    one, other = make(["1"]), make(["2"])
    one.item_ids.append(ItemId(value="x"))
    one.unit = "EA"
    assert other.item_ids == [] and other.unit is None
    assert other.model_fields_set == {"line_id"}


def test_a_class_that_validates_in_its_own_way_is_not_made() -> None:
    class Strange(DocumentModel):
        model_config = ConfigDict(extra="allow")

    class Counted(DocumentModel):
        counts: dict[str, int] = {}  # noqa: RUF012 - a default of pydantic

    for model, content in ((Strange, {}), (Counted, {}), (ItemId, {"none": Hole(0)}), (ItemId, {"value": {"a": "b"}})):
        with pytest.raises(NoForm):
            maker_of(model, content)
    assert maker_of(Code, {"value": "x"})([]) == Code(value="x")
