"""Fixtures as documents, and documents as lines of X12, for the tests of the maps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.documents import Document, dump_document, parse_document
from gateway.mapping import WrittenSet, load_map, read_document, write_document
from gateway.standards.edi.model import COMPONENT, Finding, Segment, Separators
from gateway.standards.edi.validator import validator
from gateway.standards.x12.check import CheckedSet, check_transmission

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEPARATORS = Separators(element="*", component=">", segment="~")
_NOT_FIELDS = {"anchor", "envelope", "extensions"}


def fixtures(*folders: str) -> list[Path]:
    """Every fixture below the folders ("x12/004010/855"), sorted."""
    return sorted(path for folder in folders for path in (FIXTURES / folder).rglob("*.edi"))


def name_of(path: Path) -> str:
    """The name of a fixture in test ids and messages."""
    return path.relative_to(FIXTURES).as_posix()


def sets_of(path: Path) -> list[CheckedSet]:
    """The transaction sets of a fixture, checked."""
    checked = check_transmission(path.read_bytes())
    return [found for interchange in checked.interchanges for group in interchange.groups for found in group.sets]


def documents(name: str) -> list[Document]:
    """The documents of a fixture ("004010/855/03-…"); a mapping finding fails the test."""
    found = []
    for checked in sets_of(FIXTURES / "x12" / f"{name}.edi"):
        result = read_document(load_map("x12", str(checked.release), checked.set_id), checked.tree())
        assert not result.findings, result.findings
        found.append(result.document)
    return found


def document(name: str) -> Document:
    """The only document of a fixture."""
    (only,) = documents(name)
    return only


def plain(segment: Segment) -> tuple[str, ...]:
    """A segment without what reading and writing may change: control numbers and trailing empty elements."""
    elements = list(segment.elements)
    if segment.tag in {"ST", "SE"}:
        elements[1] = "0001"
    while elements and not elements[-1]:
        elements.pop()
    return (segment.tag, *elements)


def lines_of(written: WrittenSet) -> list[str]:
    """The written segments as text, ST and SE aside."""
    lines = ["*".join([item.tag, *item.elements]).replace(COMPONENT, ">") for item in written.segments]
    return lines[1:-1]


def explained(written: WrittenSet) -> list[Finding]:
    """What the validator of the set says about the written segments."""
    lines = [f"ST*{written.set_id}*0001", *lines_of(written), "*".join(["SE", *written.segments[-1].elements])]
    rules = validator(written.version, written.set_id, SEPARATORS)
    return rules.explain([line.encode() for line in lines], None)


def fields_alone(found: Document) -> Any:
    """The JSON of a document as if written by hand: without anchors, envelope and what was kept beside the fields.

    Marks are sorted by their code: a map with a rule of its own for SSCCs writes these first.
    """
    return _fields_alone(json.loads(dump_document(found)))


def _fields_alone(value: Any) -> Any:
    if isinstance(value, list):
        return [_fields_alone(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _fields_alone(item) for key, item in value.items() if key not in _NOT_FIELDS}
    if "marks" in kept:
        kept["marks"].sort(key=lambda mark: str(mark.get("code")))
    return kept


def write_valid(version: str, set_id: str, content: dict[str, object]) -> list[str]:
    """Write a document given as JSON; it must be carried whole and be a valid set. Its lines without ST and SE."""
    written = write_document(load_map("x12", version, set_id), parse_document(content))
    assert not written.findings, written.findings
    assert not explained(written), explained(written)
    return lines_of(written)
