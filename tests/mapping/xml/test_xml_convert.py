"""Whole XML files to documents and back: envelopes, several documents in one file, what is said of bad input."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.documents import Document, Order, dump_document, parse_document
from gateway.mapping import MapError, MappingError
from gateway.mapping.xml.convert import CxmlEnvelope, documents_from_xml, xml_from_documents
from gateway.standards.xml.credentials import Credential, CxmlHeader
from tests.mapping.xml.xmlkit import comparable, fixtures, tree_of

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HEADER = (
    "<Header><From><Credential domain='DUNS'><Identity>111</Identity></Credential></From>"
    "<To><Credential domain='DUNS'><Identity>222</Identity></Credential></To>"
    "<Sender><Credential domain='NetworkID'><Identity>NET</Identity><SharedSecret>hush-hush</SharedSecret></Credential>"
    "<UserAgent>Test</UserAgent></Sender></Header>"
)


def _cxml(folder: str = "OrderRequest") -> str:
    body = next(fixtures("cxml", folder)).read_text(encoding="utf-8")
    start, stop = body.index("<Header>"), body.index("</Header>") + len("</Header>")
    return body[:start] + HEADER + body[stop:]


def _envelope(_document: Document) -> CxmlEnvelope:
    return CxmlEnvelope("pay-1", NOW)


@pytest.mark.parametrize("path", list(fixtures("ubl", "Order")), ids=lambda path: path.stem)
def test_a_ubl_file_comes_back_as_it_was(path: Path) -> None:
    found = documents_from_xml(path.read_bytes())
    assert found.complaints == []
    again = [parse_document(dump_document(document)) for document in found.documents]
    (data,) = xml_from_documents(again).files
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert comparable(tree_of(data)) == comparable(tree_of(path.read_bytes()))


def test_a_ubl_document_remembers_its_wrapping() -> None:
    (document,) = documents_from_xml(next(fixtures("ubl", "Order")).read_bytes()).documents
    source: Any = document.source
    assert (source.standard, source.version, source.set_id) == ("ubl", "2.1", "Order")
    assert source.map.startswith("ubl-2.1-Order/")
    assert source.xml.namespace.endswith(":Order-2")
    assert source.xml.sender and source.xml.receiver


def test_a_cxml_document_keeps_its_parties_and_never_the_secret() -> None:
    found = documents_from_xml(_cxml().encode())
    (document,) = found.documents
    assert "hush-hush" not in dump_document(document).decode()
    xml: Any = document.source and document.source.xml
    assert [each.value for each in (*xml.sender, *xml.receiver, *xml.transmitter)] == ["111", "222", "NET"]
    (data,) = xml_from_documents([document], standard="cxml", envelope=_envelope).files
    written, received = tree_of(data), tree_of(_cxml())
    assert written.get("payloadID") == "pay-1"
    assert written.findtext("Header/To/Credential/Identity") == "222"
    assert written.find(".//SharedSecret") is None
    assert comparable(written.find("Request")[0]) == comparable(received.find("Request")[0])


def test_the_secret_of_a_cxml_file_is_the_callers() -> None:
    header = CxmlHeader((Credential("DUNS", "1"),), (Credential("DUNS", "2"),))
    (document,) = documents_from_xml(_cxml().encode()).documents
    envelope = CxmlEnvelope("p", NOW, header, "pass")
    (data,) = xml_from_documents([document], standard="cxml", envelope=lambda _: envelope).files
    assert tree_of(data).findtext(".//SharedSecret") == "pass"


def test_a_cxml_document_without_parties_is_refused() -> None:
    document = parse_document({"kind": "order", "number": "1", "issue_date": "2026-01-01"})
    with pytest.raises(MappingError, match="envelope"):
        xml_from_documents([document], standard="cxml")
    with pytest.raises(MappingError, match="header"):
        xml_from_documents([document], standard="cxml", envelope=_envelope)
    header = CxmlHeader((), (Credential("DUNS", "2"),))
    with pytest.raises(MappingError, match="no credential for From"):
        xml_from_documents([document], standard="cxml", envelope=lambda _: CxmlEnvelope("p", NOW, header))


def test_several_documents_in_one_file_are_read_in_order() -> None:
    bodies = [path.read_text(encoding="utf-8") for path in fixtures("ubl", "Order")]
    inner = [body[body.index("?>") + 2 :] if body.startswith("<?xml") else body for body in bodies]
    found = documents_from_xml(f"<all>{''.join(inner)}</all>".encode())
    assert [document.kind for document in found.documents] == ["order"] * len(bodies)
    assert documents_from_xml(f"<all>{''.join(inner)}</all>".encode(), only_set="Invoice").documents == []
    written = xml_from_documents(found.documents)
    assert len(written.files) == len(bodies)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>", "not"),
        (b"<unknown/>", "unknown"),
        (b"<Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'/>", "rejected"),
    ],
)
def test_bad_input_is_a_complaint_never_an_exception(data: bytes, words: str) -> None:
    found = documents_from_xml(data)
    assert any(words in complaint for complaint in found.complaints), found.complaints


def test_a_map_that_is_missing_is_named() -> None:
    with pytest.raises(MapError, match="no map for ubl"):
        xml_from_documents([Order(number="1")], set_id="Ordr")
    with pytest.raises(MapError, match="no map for x12"):
        xml_from_documents([Order(number="1")], standard="x12", set_id="850")
