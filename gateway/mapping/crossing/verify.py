"""A trial of a crossing: the document is written, read back and compared, so that nothing is lost in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from gateway.documents import Document
from gateway.mapping.crossing.differences import Difference, differences
from gateway.mapping.crossing.paths import covers, remove
from gateway.mapping.crossing.values import Report
from gateway.mapping.engine import CompiledMap, read_document, write_document
from gateway.mapping.errors import MappingError
from gateway.mapping.registry import load_map
from gateway.mapping.xml.engine import XmlMap, read_xml_document, write_xml_document
from gateway.standards.edi.model import Finding, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.writer import EnvelopeOut, GroupOut, write_interchange, write_set

__all__ = ["VERSIONS", "verify", "written_as_x12"]

#: Release of the maps of each XML standard.
VERSIONS: Final = {"ubl": "2.1", "cxml": "1.2"}
#: Times that values which cannot be expressed are taken out before we give up.
_ROUNDS: Final = 5
_WHEN: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Characters that no text for people holds.
_SEPARATORS: Final = Separators("\x1d", "\x1b", "\x1c", "\x1a")
_DECLARED: Final = "MAP-not-carried"


def verify(received: Document, crossed: Document, standard: str, set_id: str, version: str, report: Report) -> None:
    """Report every field that the written document does not say as `received` did; `crossed` is changed in place.

    What cannot be expressed at all is taken out, with a finding; MappingError is raised when the document cannot
    be written even so.
    """
    cmap = load_map(standard, VERSIONS.get(standard, version), set_id)
    back, findings = _trial(cmap, crossed, report)
    known = [finding.path for finding in report.findings if finding.path]
    known += [_path(finding) for finding in findings if finding.code == _DECLARED]
    exact = {path for path in known if "[*]" not in path}
    wide = [path for path in known if "[*]" in path]
    for difference in differences(received, back):
        if not _is_known(difference.path, exact, wide):
            _report(difference, report)


def _is_known(path: str, exact: set[str], wide: list[str]) -> bool:
    """Whether a finding speaks of the field or of something around it."""
    place = path
    while place:
        if place in exact:
            return True
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return any(covers(each, path) for each in wide)


def _report(difference: Difference, report: Report) -> None:
    if difference.after is None:
        report.not_carried(difference.path, "the other standard has no place for it", difference.before)
    elif difference.before is None:
        report.assumed(difference.path, f'"{difference.after}" is written, for the other standard always says it.')
    else:
        report.changed(difference.path, f'"{difference.before}" is written as "{difference.after}"')


def _trial(cmap: CompiledMap | XmlMap, document: Document, report: Report) -> tuple[Document, tuple[Finding, ...]]:
    for _ in range(_ROUNDS):
        try:
            if isinstance(cmap, XmlMap):
                written = write_xml_document(cmap, document)
                return read_xml_document(cmap, written.root, None).document, written.findings
            return written_as_x12(cmap, document)
        except MappingError as error:
            _take_out(document, error, report)
    raise MappingError(report.problems)


def _take_out(document: Document, error: MappingError, report: Report) -> None:
    """Remove the values that cannot be expressed. Raises the error when there are none to remove."""
    removed = 0
    for problem in sorted(error.problems, key=lambda each: each.path, reverse=True):
        value = remove(document, problem.path)
        if value is not None:
            removed += 1
            report.not_carried(problem.path, f"it cannot be expressed: {problem.message}", value)
    if not removed:
        raise error


def written_as_x12(cmap: CompiledMap, document: Document) -> tuple[Document, tuple[Finding, ...]]:
    """The document written as X12 and read again, with the findings of the map and of the check."""
    written = write_document(cmap, document)
    envelope = EnvelopeOut("ZZ", "SENDER", "ZZ", "RECEIVER", 1, _WHEN, separators=_SEPARATORS, charset="latin-1")
    group = GroupOut("SENDER", "RECEIVER", 1, [write_set(written.segments, "0001")], cmap.version)
    options = ValidationOptions(charset="latin-1")
    checked = check_transmission(write_interchange(envelope, [group]), lambda *_: options, always_explain=False)
    (one,) = checked.interchanges[0].groups[0].sets
    return read_document(cmap, one.tree()).document, (*written.findings, *one.findings)


def _path(finding: Finding) -> str:
    """The field that a finding of a writer speaks of, which its sentence begins with."""
    return finding.message.partition(":")[0]
