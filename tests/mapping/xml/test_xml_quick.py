"""The short ways of the reader, for entries of one text and for whole groups, read what the general ways read."""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.documents import dump_document
from gateway.mapping.source import load_source
from gateway.mapping.xml import XmlMap, read_xml_document, write_xml_document
from gateway.mapping.xml.choice import assign, keeper
from gateway.mapping.xml.engine import compile_xml_map
from gateway.mapping.xml.parse import parse_xml_map
from gateway.mapping.xml.plan import Group
from gateway.resources import find
from tests.mapping.xml.xmlkit import MAPS, Author, comparable, tree_of, xml_map

_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


@cache
def _general(standard: str, version: str, root: str) -> XmlMap:
    """The same map, read the general way only, with every group looked at in full."""

    def whole(group: Group) -> Any:
        return lambda entries, numbers: [rule.number if rule else 0 for rule in assign(group, entries)] == numbers

    parsed = parse_xml_map(load_source(find(f"maps/{standard}/{version}/{root}.yaml")))
    with (
        patch("gateway.mapping.xml.reader.quick_entry_step", lambda _rule, _names, general: general),
        patch("gateway.mapping.xml.reader.keeper", whole),
    ):
        return compile_xml_map(parsed)


@pytest.mark.parametrize(("standard", "version", "root"), MAPS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**40))
def test_the_short_ways_read_what_the_general_ways_read(standard: str, version: str, root: str, seed: int) -> None:
    received = Author(xml_map(standard, version, root), seed).document()
    quick = read_xml_document(xml_map(standard, version, root), received)
    general = read_xml_document(_general(standard, version, root), received)
    assert quick.findings == general.findings
    assert dump_document(quick.document) == dump_document(general.document)
    assert quick.document == general.document


def _order(item: str) -> etree._Element:
    return tree_of(
        f'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2" xmlns:cac="{_CAC}" xmlns:cbc="{_CBC}">'
        f"<cbc:ID>1</cbc:ID><cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cac:Item>{item}</cac:Item></cac:LineItem>"
        "</cac:OrderLine></Order>"
    )


_ID = "cac:SellersItemIdentification"
_GTIN = "cac:StandardItemIdentification"


@pytest.mark.parametrize(
    ("item", "kept"),
    [
        (f"<{_ID}><cbc:ID>S1</cbc:ID></{_ID}>", 0),
        (f"<{_ID}>\n<cbc:ID>S1</cbc:ID>\n</{_ID}>", 0),
        (f"<{_ID}>\n<cbc:ID> S1</cbc:ID>\n</{_ID}>", 1),
        (f'<{_ID}><cbc:ID schemeID="X">S1</cbc:ID></{_ID}>', 1),
        (f'<{_ID} other="1"><cbc:ID>S1</cbc:ID></{_ID}>', 1),
        (f'<{_ID}>S<cbc:ID schemeAgencyID="9">S1</cbc:ID></{_ID}>', 1),
        (f"<{_ID}><cbc:ID>S1</cbc:ID><cbc:ExtendedID>E</cbc:ExtendedID></{_ID}>", 1),
        (f"<{_ID}><cbc:ID>S1</cbc:ID>text after</{_ID}>", 1),
        (f"<{_ID}><cbc:ID/></{_ID}>", 1),
        (f'<{_GTIN}><cbc:ID schemeID="0160">12345678901234</cbc:ID></{_GTIN}>', 0),
        (f"<{_GTIN}><cbc:ID>12345678901234</cbc:ID></{_GTIN}>", 1),
        (f'<{_GTIN}><cbc:ID schemeID="0160">not a number</cbc:ID></{_GTIN}>', 0),
        ("<cbc:Description>blue</cbc:Description>", 0),
        ('<cbc:Description languageID="en">blue</cbc:Description>', 0),
        ("<cbc:Description> blue </cbc:Description>", 1),
        ("<cbc:Description/>", 1),
    ],
)
def test_only_an_entry_that_we_would_write_alike_takes_the_short_way(item: str, kept: int) -> None:
    xmap, received = xml_map("ubl", "2.1", "Order"), _order(item)
    document = read_xml_document(xmap, received).document
    assert document == read_xml_document(_general("ubl", "2.1", "Order"), received).document
    assert len(document.extensions) == kept
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)


def test_a_group_is_given_back_only_to_rules_whose_own_tests_hold() -> None:
    plan = xml_map("ubl", "2.1", "Order").writer.plan
    lines = next(group for group in plan.groups if group.key == "lines")
    assert lines.rules[0].frame is not None
    ids = next(group for group in lines.rules[0].frame.groups if group.key == "item_ids")
    gtin = next(rule for rule in ids.rules if dict(rule.constants).get(("scheme",)) == "gtin_14")
    assert gtin.number in ids.tested
    keeps = keeper(ids)
    assert keeps([{"scheme": "gtin_14", "value": "12345678901234"}], [gtin.number])
    assert not keeps([{"scheme": "gtin_14", "value": "too short"}], [gtin.number])
    assert not keeps([{"scheme": "gtin_14", "value": "12345678901234"}], [gtin.number, gtin.number])
