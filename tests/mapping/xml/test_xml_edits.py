"""Edited documents: what was kept stays with its object, edits win, and what lost its place is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.documents import dump_document, parse_document
from gateway.documents.base import Extension
from gateway.mapping import load_map, write_document
from gateway.mapping.xml import XmlMap, read_xml_document, write_xml_document
from tests.mapping.xml.test_xml_language import made, text_of, ubl
from tests.mapping.xml.xmlkit import comparable, tree_of

RULES = """
  - fields: {cbc:ID: number}
  - element: cac:AllowanceCharge
    list: allowances_charges
    fields: {cbc:AllowanceChargeReason: description, cbc:Amount: amount decimal}
  - element: cac:OrderLine
    list: lines
    anchor: L
    rules:
      - fields: {cac:LineItem/cbc:ID: line_id, cac:LineItem/cac:Item/cbc:Name: descriptions_name}
      - {element: cac:LineItem/cac:Delivery, list: schedule, fields: {cbc:ID: assigned_id}, rules: [
          {element: cac:Despatch, list: references, fields: {cbc:ID: value}}]}
"""


@pytest.fixture
def xmap(tmp_path: Path) -> XmlMap:
    return made(tmp_path, RULES.replace("descriptions_name", "currency"))


def _line(number: int) -> str:
    despatches = (
        f"<cac:Despatch><cbc:ID>D{number}</cbc:ID><cbc:Instructions>i{number}</cbc:Instructions></cac:Despatch>"
    )
    return (
        f'<cac:OrderLine><cbc:Note>n{number}</cbc:Note><cac:LineItem><cbc:ID schemeID="s{number}">{number}</cbc:ID>'
        f"<cac:Delivery><cbc:ID>S{number}</cbc:ID>{despatches}</cac:Delivery>"
        f"<cac:Item><cbc:Name>N{number}</cbc:Name><cbc:PackQuantity>{number}</cbc:PackQuantity></cac:Item>"
        "</cac:LineItem></cac:OrderLine>"
    )


def _charge(name: str) -> str:
    return (
        f"<cac:AllowanceCharge><cbc:ChargeIndicator>true</cbc:ChargeIndicator>"
        f'<cbc:AllowanceChargeReason languageID="{name}">{name}</cbc:AllowanceChargeReason></cac:AllowanceCharge>'
    )


@pytest.fixture
def received() -> Any:
    return ubl("<cbc:ID>1</cbc:ID>" + "".join(map(_charge, "abc")) + "".join(map(_line, (1, 2, 3))))


@pytest.fixture
def document(xmap: XmlMap, received: Any) -> Any:
    read = read_xml_document(xmap, received).document
    assert comparable(write_xml_document(xmap, read).root) == comparable(received)
    return parse_document(dump_document(read))


def _lost(findings: Any) -> list[str]:
    return [finding.message for finding in findings if finding.code == "MAP-anchor-removed"]


def test_a_removed_line_takes_only_its_own_along(xmap: XmlMap, document: Any) -> None:
    del document.lines[1]
    written = write_xml_document(xmap, document)
    assert "Note=n1" in text_of(written) and "Note=n3" in text_of(written) and "n2" not in text_of(written)
    assert all("L2 is no longer in the document" in message for message in _lost(written.findings))
    assert len(_lost(written.findings)) == 4


def test_a_removed_entry_leaves_the_others_what_is_theirs(xmap: XmlMap, document: Any) -> None:
    del document.allowances_charges[0]
    written = write_xml_document(xmap, document)
    text = text_of(written)
    assert "AllowanceChargeReason=b @languageID=b" in text and "AllowanceChargeReason=c @languageID=c" in text
    assert text.count("ChargeIndicator=true") == 2
    assert len(_lost(written.findings)) == 2


def test_an_entry_put_in_front_gets_nothing_of_the_others(xmap: XmlMap, document: Any) -> None:
    new = document.allowances_charges[0].model_copy(update={"description": "new"})
    document.allowances_charges.insert(0, new)
    written = write_xml_document(xmap, document)
    assert "AllowanceChargeReason=new AllowanceCharge ChargeIndicator=true" in text_of(written)
    assert not _lost(written.findings)


def test_an_edited_entry_keeps_what_stands_beside_it(xmap: XmlMap, document: Any) -> None:
    document.allowances_charges[1].description = "changed"
    assert "AllowanceChargeReason=changed @languageID=b" in text_of(write_xml_document(xmap, document))


def test_lines_that_change_places_take_theirs_along(xmap: XmlMap, document: Any) -> None:
    document.lines.reverse()
    text = text_of(write_xml_document(xmap, document))
    assert text.index("Note=n3") < text.index("Note=n1")
    assert "ID=3 @schemeID=s3" in text


def test_a_copied_line_is_a_line_of_its_own(xmap: XmlMap, document: Any) -> None:
    document.lines.append(document.lines[0].model_copy(deep=True))
    assert text_of(write_xml_document(xmap, document)).count("n1") == 1


def test_what_stood_in_a_part_that_was_emptied_still_goes_back(xmap: XmlMap, document: Any) -> None:
    document.lines[0].currency = None
    text = text_of(write_xml_document(xmap, document))
    assert "Item PackQuantity=1" in text and "Name=N1" not in text


def test_what_stood_deep_in_entries_is_found_again(xmap: XmlMap, document: Any) -> None:
    document.lines[0].schedule.insert(0, document.lines[0].schedule[0].model_copy(update={"assigned_id": "S0"}))
    text = text_of(write_xml_document(xmap, document))
    assert "Delivery ID=S0 Despatch ID=D1 Delivery ID=S1 Despatch ID=D1 Instructions=i1" in text


def test_kept_text_that_is_not_xml_is_named_and_hurts_nothing_else(xmap: XmlMap, document: Any) -> None:
    broken = next(entry for entry in document.extensions if entry.xml and "n2" in entry.xml)
    broken.xml = "<cbc:Note>n2</cbc:Note><cbc:Note/>"
    written = write_xml_document(xmap, document)
    assert "Note=n1" in text_of(written) and "Note=n3" in text_of(written)
    assert len(_lost(written.findings)) == 1
    broken.xml = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><cbc:Note>&e;</cbc:Note>"
    assert len(_lost(write_xml_document(xmap, document).findings)) == 1


def test_names_of_other_namespaces_are_kept(xmap: XmlMap) -> None:
    body = (
        '<cbc:ID xmlns:o="urn:o/x" o:flag="1">1</cbc:ID><q:Thing xmlns:q="urn:q/r" a="&lt;&quot;&#10;">'
        '<q:Part/><Inner xmlns=""><cbc:ID>x &amp; y</cbc:ID></Inner></q:Thing>'
    )
    received = ubl(body)
    document = parse_document(dump_document(read_xml_document(xmap, received).document))
    written = write_xml_document(xmap, document)
    assert comparable(written.root) == comparable(received)
    assert tree_of(etree.tostring(written.root)) is not None


def test_what_was_kept_from_x12_is_reported(xmap: XmlMap, document: Any) -> None:
    document.extensions.append(Extension(anchor="header", ordinal=1, of=2, segment=["MTX", "", "hello"]))
    messages = [finding.message for finding in write_xml_document(xmap, document).findings]
    assert any("MTX**hello" in message and "another standard" in message for message in messages)


def test_a_long_document_is_read_and_written_as_it_was(xmap: XmlMap) -> None:
    received = ubl("<cbc:ID>1</cbc:ID>" + "".join(_line(number) for number in range(1, 301)))
    document = read_xml_document(xmap, received).document
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)
    assert len({entry.anchor for entry in document.extensions}) == 300


def test_of_very_many_unreadable_values_the_first_are_named(xmap: XmlMap) -> None:
    charge = "<cac:AllowanceCharge><cbc:Amount>many</cbc:Amount></cac:AllowanceCharge>"
    result = read_xml_document(xmap, ubl(charge * 600))
    assert len(result.findings) == 500


def test_what_was_kept_from_xml_is_reported_by_x12(document: Any) -> None:
    x12 = load_map("x12", "004010", "850")
    order = parse_document({"kind": "order", "number": "1", "issue_date": "2026-01-01", "lines": []})
    order.extensions = [entry for entry in document.extensions if entry.anchor == "L1"]
    findings = write_document(x12, order).findings
    assert [finding.code for finding in findings] == ["MAP-not-carried"] * 3
