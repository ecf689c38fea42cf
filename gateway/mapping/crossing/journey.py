"""A document sent through another standard and back, to see what becomes of every field of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.documents import Document, EnvelopeSource
from gateway.mapping.crossing.differences import Difference, differences, respelled
from gateway.mapping.crossing.engine import cross
from gateway.mapping.crossing.paths import covers, pattern
from gateway.mapping.crossing.values import CrossingHints
from gateway.mapping.crossing.verify import VERSIONS, written_as_x12
from gateway.mapping.registry import load_map
from gateway.mapping.xml.engine import XmlMap, read_xml_document, write_xml_document
from gateway.standards.edi.model import Finding

__all__ = ["Journey", "there_and_back"]


@dataclass(frozen=True, slots=True)
class Journey:
    """A document that crossed to another standard and came back."""

    first: Document
    last: Document
    #: Findings of the way out, those of the map that wrote it included.
    out: tuple[Finding, ...]
    #: Findings of the way back.
    back: tuple[Finding, ...]

    def changes(self) -> list[tuple[Difference, Finding | None]]:
        """Every difference between the first document and the last, with the finding that tells of it."""
        found = [*differences(self.first, self.last), *respelled(self.first, self.last)]
        return [(each, self._finding(each)) for each in found]

    def _finding(self, difference: Difference) -> Finding | None:
        """The first finding of the way out at that place, else one of the way back at a place of that kind."""
        place = next((f for f in self.out if covers(place_of(f), difference.path)), None)
        shape = pattern(difference.path)
        kinds = (f for f in (*self.back, *self.out) if covers(pattern(place_of(f)), shape))
        return place or next(kinds, None)


def place_of(finding: Finding) -> str:
    """The field that a finding speaks of; a writer's sentence begins with it."""
    return finding.path or finding.message.partition(":")[0]


def there_and_back(document: Document, via: str, hints: CrossingHints) -> Journey:
    """Send a received document to `via` and back to the standard it came in. Raises MappingError."""
    source = document.source
    home = source.standard if source is not None else "x12"
    middle, out = _written(document, via, hints)
    last, back = _written(middle, home, hints)
    return Journey(document, last, tuple(out), tuple(back))


def _written(document: Document, standard: str, hints: CrossingHints) -> tuple[Document, Sequence[Finding]]:
    """The document written in a standard and read again, with every finding of the crossing and of the map."""
    crossed = cross(document, standard, hints)
    cmap = load_map(standard, VERSIONS.get(standard, hints.version), crossed.set_id)
    if isinstance(cmap, XmlMap):
        made = write_xml_document(cmap, crossed.document)
        source = EnvelopeSource(standard=standard, version=cmap.version, set_id=cmap.set_id)
        read = read_xml_document(cmap, made.root, source)
        return read.document, [*crossed.findings, *made.findings, *read.findings]
    last, found = written_as_x12(cmap, crossed.document)
    return last, [*crossed.findings, *found]
