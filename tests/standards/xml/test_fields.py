"""Values of an XML document, one by one, and copies in which some are others."""

from __future__ import annotations

import pytest

from gateway.standards.xml.fields import XmlValueError, fields_of, with_values, without_element, written_twice
from gateway.standards.xml.parsing import parse_xml

DATA = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- kept --><Order id="1"><Line><Quantity unit="EA">3</Quantity><Note/></Line>
<Line><Quantity unit="CA">4</Quantity></Line></Order>
"""


def values(data: bytes) -> dict[str, str]:
    return {field.path: field.value for field in fields_of(parse_xml(data))}


def test_every_value_has_its_path_and_its_element() -> None:
    found = fields_of(parse_xml(DATA))
    assert [(field.path, field.value) for field in found] == [
        ("/Order/@id", "1"),
        ("/Order/Line[1]/Quantity/@unit", "EA"),
        ("/Order/Line[1]/Quantity", "3"),
        ("/Order/Line[1]/Note", ""),
        ("/Order/Line[2]/Quantity/@unit", "CA"),
        ("/Order/Line[2]/Quantity", "4"),
    ]
    assert [field.number for field in found] == list(range(6))
    assert {(field.owner, field.owner_path) for field in found[1:4]} == {(1, "/Order/Line[1]")}


def test_other_values_change_nothing_else() -> None:
    copy = with_values(DATA, {1: "BX", 2: "<5>", 3: "new"})
    assert values(copy) == {
        **values(DATA),
        "/Order/Line[1]/Quantity/@unit": "BX",
        "/Order/Line[1]/Quantity": "<5>",
        "/Order/Line[1]/Note": "new",
    }
    assert b"<!-- kept -->" in copy
    assert values(with_values(DATA, {})) == values(DATA)


def test_what_no_xml_can_hold_is_refused_with_its_path() -> None:
    for number, path in ((0, "/Order/@id"), (2, "/Order/Line[1]/Quantity")):
        with pytest.raises(XmlValueError) as caught:
            with_values(DATA, {number: "a\x00b"})
        assert caught.value.path == path


def test_an_element_is_repeated_and_removed_but_never_the_root() -> None:
    twice = written_twice(DATA, 1)
    assert [path for path in values(twice) if path.endswith("Quantity")] == [
        "/Order/Line[1]/Quantity",
        "/Order/Line[2]/Quantity",
        "/Order/Line[3]/Quantity",
    ]
    assert values(without_element(twice, 1)) == values(DATA)
    for change in (written_twice, without_element):
        for number in (0, 99):
            with pytest.raises(LookupError):
                change(DATA, number)
