"""Where every field of a document came from, and where each one is written.

Nothing here knows what a rule means: the map's own reader and writer do their work on values that carry a mark, and the
marks that arrive are the trace. So it cannot disagree with what the gateway does; a value that arrives without a mark
was made on the way, and is said to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents import Document, EnvelopeSource, Extension, GroupSource, InterchangeSource
from gateway.mapping.errors import MapError
from gateway.mapping.registry import maps_available
from gateway.mapping.source import load_source
from gateway.mapping.tracing.marks import Mark, RulePlace, SegmentPlace, XmlPlace, mark
from gateway.mapping.tracing.results import Kept, Place, ReadField, Written, WrittenField
from gateway.mapping.tracing.x12 import X12Tracer
from gateway.mapping.tracing.xml import XmlTracer
from gateway.mapping.x12_source import envelope_source
from gateway.mapping.xml.convert import xml_source
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.schema import release_for
from gateway.standards.x12.check import check_transmission
from gateway.standards.xml.check import DEFAULT_OPTIONS, XmlCheckOptions, check_xml

__all__ = [
    "Kept",
    "Place",
    "ReadField",
    "ReadTrace",
    "RulePlace",
    "SegmentPlace",
    "Traces",
    "WriteTrace",
    "Written",
    "WrittenField",
    "XmlPlace",
    "trace_document",
    "trace_x12",
    "trace_xml",
]

#: Overlay file of a set, None for none.
OverlayOf = Callable[[str], Path | None]
#: Fields that the gateway gives a document by itself.
_OWN: Final = frozenset({"kind", "anchor", "envelope"})
_HEADER: Final = frozenset({"schema_version", "id", "role", "direction", "test", "sender", "receiver", "links"})
#: How the fields of a received envelope name their element: "ISA05."
_ELEMENT: Final = re.compile(r"(ISA|GS)([0-9]{2})")


@dataclass(frozen=True, slots=True)
class ReadTrace:
    """One received set or XML document, value by value."""

    document: Document
    #: Name and digest of the map.
    map: str
    fields: tuple[ReadField, ...]
    kept: tuple[Kept, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteTrace:
    """One document as it is written, field by field."""

    document: Document
    #: Name and digest of the map.
    map: str
    fields: tuple[WrittenField, ...]
    #: Values that come from no field: constants, counts, what the extensions kept.
    others: tuple[Written, ...]
    #: (path, value) of fields that were not seen in what was written.
    unwritten: tuple[tuple[str, Any], ...]
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Traces:
    """What a whole file gave."""

    traces: list[ReadTrace] = field(default_factory=list)
    #: Plain sentences: what could not be read, and why.
    complaints: list[str] = field(default_factory=list)


def _no_overlay(_set_id: str) -> Path | None:
    return None


def _source(standard: str, version: str, set_id: str, overlay: Path | None, workdir: Path | None) -> Any:
    try:
        path = find(f"maps/{standard}/{version}/{set_id}.yaml", workdir)
    except FileNotFoundError:
        known = ", ".join(" ".join(name[1:]) for name in maps_available(workdir) if name[0] == standard)
        raise MapError(f"there is no map for {standard} {version} {set_id}. There are: {known}.") from None
    return load_source(path, overlay)


# -- reading -------------------------------------------------------------------------------------------------


def trace_x12(
    data: bytes,
    *,
    options: Callable[..., ValidationOptions] | None = None,
    only_set: str | None = None,
    overlay_of: OverlayOf = _no_overlay,
    workdir: Path | None = None,
) -> Traces:
    """Every set of a transmission that a map reads; never raises for bad input."""
    found = Traces()
    checked = check_transmission(data, options)
    tracers: dict[tuple[str, str], X12Tracer] = {}
    if checked.transmission.unreadable:
        found.complaints.append(checked.transmission.unreadable)
    for interchange in checked.interchanges:
        for group in interchange.groups:
            for one in group.sets:
                if only_set is not None and one.set_id != only_set:
                    continue
                where = f"Set {one.set_id or '?'} {one.control}"
                name = (one.release or "?", one.set_id)
                try:
                    if name not in tracers:
                        tracers[name] = X12Tracer(_source("x12", *name, overlay_of(one.set_id), workdir))
                    tracer, tree = tracers[name], one.tree()
                except (MapError, LookupError) as error:
                    found.complaints.append(f"{where}: {error}")
                    continue
                if not one.accepted:
                    first = next((f.message for f in one.findings if f.severity == "error"), "see gateway inspect")
                    found.complaints.append(f"{where} is {one.verdict}: {first}")
                kept = envelope_source(interchange, group, one, tracer.map.identity)
                result, fields, rest = tracer.read(tree, data, one.separators, kept)
                fields += _envelope_fields(result.document)
                found.traces.append(
                    ReadTrace(result.document, tracer.map.identity, tuple(fields), tuple(rest), result.findings)
                )
    return found


def _envelope_fields(document: Document) -> Iterator[ReadField]:
    """What the document keeps of ISA and GS; the class of each says which element every field is."""
    source = document.source or EnvelopeSource()
    parts: tuple[tuple[str, Any, type[BaseModel]], ...] = (
        ("interchange", source.interchange, InterchangeSource),
        ("group", source.group, GroupSource),
    )
    for name, part, kind in parts:
        for key, info in kind.model_fields.items() if part is not None else ():
            named = _ELEMENT.match(info.description or "")
            value = getattr(part, key)
            if named is not None and value is not None:
                place = SegmentPlace(named[1], 0, int(named[2]))
                yield ReadField(f"envelope.source.{name}.{key}", value, place, None)


def trace_xml(
    data: bytes,
    *,
    options: XmlCheckOptions = DEFAULT_OPTIONS,
    only_set: str | None = None,
    overlay_of: OverlayOf = _no_overlay,
    workdir: Path | None = None,
) -> Traces:
    """Every XML document of a file that a map reads; never raises for bad input."""
    from gateway.mapping.xml.convert import MAP_VERSIONS

    found = Traces()
    checked = check_xml(data, options)
    if checked.unreadable and not any(document.kind for document in checked.documents):
        found.complaints.append(checked.unreadable)
    for document in checked.documents:
        if only_set is not None and document.set_id != only_set:
            continue
        where = f"{document.set_id} {document.number or ''}".strip()
        identity = document.identity
        try:
            version = MAP_VERSIONS.get(identity.format, "?")
            tracer = XmlTracer(_source(identity.format, version, identity.root, overlay_of(identity.root), workdir))
        except MapError as error:
            found.complaints.append(f"{where}: {error}")
            continue
        if not document.accepted:
            first = next((f.message for f in document.findings if f.severity == "error"), "see gateway inspect")
            found.complaints.append(f"{where} is {document.verdict}: {first}")
        result, fields, rest = tracer.read(document.element, xml_source(identity, tracer.map.identity))
        found.traces.append(
            ReadTrace(result.document, tracer.map.identity, tuple(fields), tuple(rest), result.findings)
        )
    return found


# -- writing -------------------------------------------------------------------------------------------------


def trace_document(
    document: Document,
    standard: str,
    version: str,
    set_id: str,
    *,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> WriteTrace:
    """Where each field is written. The document must be ready for the standard (`gateway.mapping.crossing.cross`).

    Raises MapError when there is no map, MappingError when the document cannot be expressed.
    """
    release = (release_for(version) or version) if standard == "x12" else version
    source = _source(standard, release, set_id, overlay, workdir)
    tracer: X12Tracer | XmlTracer = X12Tracer(source) if standard == "x12" else XmlTracer(source)
    names: dict[str, Any] = {}
    marked = _marked(document, "", names)
    fields, values, findings = tracer.write(marked)
    seen = {each.field for each in fields}
    unwritten = tuple((path, value) for path, value in names.items() if path not in seen)
    others = tuple(each for each in values if not each.fields or each.fields[0].startswith("extensions["))
    own = tuple(each for each in fields if not each.field.startswith("extensions["))
    return WriteTrace(document, tracer.map.identity, own, others, unwritten, tuple(findings))


def _marked(value: Any, path: str, names: dict[str, Any]) -> Any:
    """A copy in which each value carries the path of its field; `names` collects the paths."""
    if isinstance(value, Extension):
        return _marked_extension(value, path)
    if isinstance(value, BaseModel):
        copied = value.model_copy()
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if name == "extensions":
                copied.__dict__[name] = [_marked(each, f"{name}[{i}]", names) for i, each in enumerate(inner)]
            elif name not in _OWN and inner is not None and (path or name not in _HEADER):
                copied.__dict__[name] = _marked(inner, f"{path}.{name}" if path else name, names)
        return copied
    if isinstance(value, list):
        return [_marked(each, f"{path}[{index}]", names) for index, each in enumerate(value)]
    if isinstance(value, dict):
        return {key: _marked(each, f"{path}.{key}", names) for key, each in value.items()}
    names[path] = value
    return mark(value, Mark((path,)))


def _marked_extension(entry: Extension, path: str) -> Extension:
    """What was kept from a segmented standard, marked with the entry that keeps it."""
    note = Mark((path,))
    copied = entry.model_copy()
    copied.segment, copied.received = mark(entry.segment, note), mark(entry.received, note)
    if entry.elements is not None and entry.path is None:
        copied.elements = {
            key: pair.model_copy(update={"received": mark(pair.received, note)}) for key, pair in entry.elements.items()
        }
    return copied
