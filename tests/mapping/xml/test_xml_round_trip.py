"""Reading and writing are inverse: for every map, documents made up along its own plan come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.documents import dump_document, parse_document
from gateway.mapping import MappingError
from gateway.mapping.xml import read_xml_document, write_xml_document, xml_coverage
from tests.mapping.xml.xmlkit import MAPS, Author, comparable, xml_map


@pytest.mark.parametrize(("standard", "version", "root"), MAPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**40))
def test_a_document_read_and_written_is_the_one_received(standard: str, version: str, root: str, seed: int) -> None:
    xmap = xml_map(standard, version, root)
    received = Author(xmap, seed).document()
    result = read_xml_document(xmap, received)
    document = parse_document(dump_document(result.document))
    written = write_xml_document(xmap, document)
    assert comparable(written.root) == comparable(received)
    assert not [finding for finding in written.findings if finding.code == "MAP-anchor-removed"]
    assert 0.0 <= xml_coverage(xmap, document) <= 1.0


@pytest.mark.parametrize(("standard", "version", "root"), MAPS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**40))
def test_what_is_written_without_extensions_reads_as_the_same_document(
    standard: str, version: str, root: str, seed: int
) -> None:
    xmap = xml_map(standard, version, root)
    document = read_xml_document(xmap, Author(xmap, seed).document()).document
    document.extensions = []
    try:
        first = read_xml_document(xmap, write_xml_document(xmap, document).root).document
    except MappingError:
        return
    assert first.extensions == [], "our own writing needs nothing kept beside the fields"
    second = read_xml_document(xmap, write_xml_document(xmap, first).root).document
    assert second.model_dump(exclude={"extensions", "envelope"}) == first.model_dump(exclude={"extensions", "envelope"})
