"""Golden examples of a map: read, written again, compared; every difference with its place.

An example is a file as a partner sends it. Beside `order.edi` a file `order.json` may say which document it must give.
Control numbers, separators and padding blanks may differ in X12; prefixes, comments and white space between elements
in XML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

from lxml import etree

from gateway.documents import Document, to_jsonable
from gateway.mapping.engine import CompiledMap, read_document, write_document
from gateway.mapping.errors import MapError, MappingError
from gateway.mapping.registry import load_map
from gateway.mapping.x12_source import envelope_source
from gateway.mapping.xml.convert import MAP_VERSIONS, read_checked_document
from gateway.mapping.xml.engine import XmlMap, write_xml_document
from gateway.resources import iter_files
from gateway.standards.edi.model import COMPONENT, REPETITION, Segment
from gateway.standards.x12.check import check_transmission
from gateway.standards.xml.check import DEFAULT_OPTIONS, XmlCheckOptions, check_xml
from gateway.standards.xml.names import canonical_name

__all__ = ["Difference", "MapName", "Outcome", "check_example", "examples_of"]

#: (standard, version, set) of a map.
MapName = tuple[str, str, str]
#: Fields of a document that a golden JSON file does not speak of.
_NOT_COMPARED: Final = frozenset({"anchor", "envelope", "extensions", "id", "schema_version"})
_WHITE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where what was written is not what was received, or not what the golden document says."""

    #: "segment 5", "/Order/cbc:ID", "lines[0].quantity".
    where: str
    #: As received, or as the golden document says; "" for nothing.
    expected: str
    #: As written, or as read; "" for nothing.
    found: str


@dataclass(slots=True)
class Outcome:
    """What one set or XML document of an example gave."""

    #: Set, root element or request; "" when nothing could be read.
    set_id: str
    number: str | None = None
    #: Name and digest of the map.
    map: str = ""
    differences: list[Difference] = field(default_factory=list)
    #: Why it could not be tested; "" when it was.
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was read, written and found equal."""
        return not self.problem and not self.differences


def examples_of(name: MapName, workdir: Path | None = None) -> list[Path]:
    """The example files of a map: below `maps/<standard>/<version>/examples/<set>`, golden documents aside."""
    standard, version, set_id = name
    folder = f"{standard}/{version}/examples/{set_id}"
    found = iter_files("maps", f"{folder}/**/*", workdir)
    return [path for path in found if path.is_file() and path.suffix != ".json" and not path.name.startswith(".")]


def check_example(
    data: bytes,
    *,
    name: MapName | None = None,
    golden: bytes | None = None,
    overlay: Path | None = None,
    options: XmlCheckOptions = DEFAULT_OPTIONS,
    workdir: Path | None = None,
) -> list[Outcome]:
    """Test every set or document of an example; with `name` only those of this map.

    `golden` is the document, or list of documents, as JSON. Never raises for bad input.
    """
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b"\x00\xff\xfe \t\r\n")
    test = _xml_outcomes if head.startswith(b"<") else _x12_outcomes
    outcomes: list[Outcome] = []
    documents: list[Document] = []
    for outcome, document in test(data, name, overlay, options, workdir):
        outcomes.append(outcome)
        if document is not None:
            documents.append(document)
    if not outcomes:
        wanted = f" of {' '.join(name)}" if name else ""
        outcomes.append(Outcome("", problem=f"there is no set or document{wanted} in this file"))
    elif golden is not None:
        outcomes[-1].differences += _golden_differences(golden, documents)
    return outcomes


# -- X12 -----------------------------------------------------------------------------------------------------


def _x12_outcomes(
    data: bytes, name: MapName | None, overlay: Path | None, _options: XmlCheckOptions, workdir: Path | None
) -> Iterator[tuple[Outcome, Document | None]]:
    checked = check_transmission(data)
    if checked.transmission.unreadable:
        yield Outcome("", problem=checked.transmission.unreadable), None
    for interchange in checked.interchanges:
        for group in interchange.groups:
            for one in group.sets:
                if name is not None and ("x12", one.release, one.set_id) != name:
                    continue
                outcome = Outcome(one.set_id, one.number)
                document = None
                try:
                    cmap = load_map("x12", one.release or "?", one.set_id, overlay, workdir)
                    outcome.map = cmap.identity
                    if not one.accepted:
                        first = next((f.message for f in one.findings if f.severity == "error"), "")
                        outcome.problem = f"the set is {one.verdict}: {first}"
                    source = envelope_source(interchange, group, one, cmap.identity)
                    document = read_document(cmap, one.tree(), source).document
                    outcome.differences = _segment_differences(one.segments(), cmap, document)
                except (MapError, MappingError, LookupError) as error:
                    outcome.problem = str(error)
                yield outcome, document


def _segment_differences(received: Sequence[Segment], cmap: CompiledMap, document: Document) -> list[Difference]:
    written = [_line(segment) for segment in write_document(cmap, document).segments]
    lines = [_line(segment) for segment in received]
    differences = []
    for kind, r1, r2, w1, w2 in SequenceMatcher(None, lines, written, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for index in range(max(r2 - r1, w2 - w1)):
            before = lines[r1 + index] if index < r2 - r1 else ""
            after = written[w1 + index] if index < w2 - w1 else ""
            differences.append(Difference(f"segment {min(r1 + index, max(r2 - 1, r1)) + 1}", before, after))
    return differences


def _line(segment: Segment) -> str:
    """A segment as text, without its control number, trailing empty elements and padding blanks."""
    elements = [element.rstrip(" ").rstrip(COMPONENT) for element in segment.elements]
    if segment.tag in ("ST", "SE"):
        elements[1:2] = []
    while elements and not elements[-1]:
        elements.pop()
    return "*".join([segment.tag, *elements]).replace(COMPONENT, ":").replace(REPETITION, "^")


# -- XML -----------------------------------------------------------------------------------------------------


def _xml_outcomes(
    data: bytes, name: MapName | None, overlay: Path | None, options: XmlCheckOptions, workdir: Path | None
) -> Iterator[tuple[Outcome, Document | None]]:
    checked = check_xml(data, options)
    if checked.unreadable and not any(document.kind for document in checked.documents):
        yield Outcome("", problem=checked.unreadable), None
        return
    for one in checked.documents:
        identity = one.identity
        version = MAP_VERSIONS.get(identity.format, "?")
        if name is not None and (identity.format, version, identity.root) != name:
            continue
        outcome = Outcome(one.set_id, one.number)
        document = None
        try:
            xmap = load_map(identity.format, version, identity.root, overlay, workdir)
            outcome.map = xmap.identity
            if not one.accepted:
                first = next((f.message for f in one.findings if f.severity == "error"), "")
                outcome.problem = f"the document is {one.verdict}: {first}"
            document = read_checked_document(one, workdir, overlay).document
            assert isinstance(xmap, XmlMap)
            written = write_xml_document(xmap, document)
            outcome.differences = list(_element_differences(one.element, written.root, f"/{identity.root}"))
        except (MapError, MappingError) as error:
            outcome.problem = str(error)
        yield outcome, document


def _element_differences(received: etree._Element, written: etree._Element, path: str) -> Iterator[Difference]:
    """Every place where two elements differ, depth first."""
    texts = (_text(received), _text(written))
    if texts[0] != texts[1]:
        yield Difference(path, *texts)
    for key in sorted({*received.keys(), *written.keys()}):
        values = (received.get(key) or "", written.get(key) or "")
        if values[0] != values[1]:
            yield Difference(f"{path}/@{etree.QName(key).localname}", *values)
    ours, theirs = _children(written), _children(received)
    matcher = SequenceMatcher(None, [child.tag for child in theirs], [child.tag for child in ours], autojunk=False)
    for kind, r1, r2, w1, w2 in matcher.get_opcodes():
        if kind == "equal":
            for left, right in zip(theirs[r1:r2], ours[w1:w2], strict=True):
                yield from _element_differences(left, right, f"{path}/{_step(left, theirs)}")
            continue
        yield from (Difference(f"{path}/{_step(child, theirs)}", _markup(child), "") for child in theirs[r1:r2])
        yield from (Difference(f"{path}/{_step(child, ours)}", "", _markup(child)) for child in ours[w1:w2])


def _children(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _step(child: etree._Element, siblings: Sequence[etree._Element]) -> str:
    same = [each for each in siblings if each.tag == child.tag]
    return canonical_name(child) + (f"[{same.index(child) + 1}]" if len(same) > 1 else "")


def _text(element: etree._Element) -> str:
    """The text of an element: exact where it holds nothing else, else only what is not white space."""
    parts = [element.text or "", *(child.tail or "" for child in element)]
    return "".join(parts) if not _children(element) else " ".join("".join(parts).split())


def _markup(element: etree._Element) -> str:
    texts = " ".join(text.strip(_WHITE) for text in element.itertext() if text.strip(_WHITE))
    return f"<{canonical_name(element)}> {texts}".rstrip()


# -- golden documents ----------------------------------------------------------------------------------------


def _golden_differences(golden: bytes, documents: Sequence[Document]) -> list[Difference]:
    try:
        wanted = json.loads(golden)
    except ValueError as error:
        return [Difference("golden document", f"this is not JSON: {error}", "")]
    expected = wanted if isinstance(wanted, list) else [wanted]
    found = [to_jsonable(document) for document in documents]
    if len(expected) != len(found):
        return [Difference("documents", str(len(expected)), str(len(found)))]
    prefixes = [f"[{index}]" for index in range(len(found))] if len(found) > 1 else [""]
    return [
        difference
        for left, right, prefix in zip(expected, found, prefixes, strict=True)
        for difference in _value_differences(left, right, prefix)
    ]


def _value_differences(expected: Any, found: Any, path: str) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if key not in _NOT_COMPARED:
                below = f"{path}.{key}" if path else key
                yield from _value_differences(expected.get(key), found.get(key), below)
    elif isinstance(expected, list) and isinstance(found, list):
        for index in range(max(len(expected), len(found))):
            left, right = (values[index] if index < len(values) else None for values in (expected, found))
            yield from _value_differences(left, right, f"{path}[{index}]")
    elif expected != found and not (_is_nothing(expected) and _is_nothing(found)):
        yield Difference(path, _shown(expected), _shown(found))


def _is_nothing(value: Any) -> bool:
    return value is None or value is False or value in ([], {})


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
