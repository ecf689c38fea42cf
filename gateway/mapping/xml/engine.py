"""A compiled XML map at work: an element to a document, a document to an element, and how much the map carries."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from gateway.documents import KINDS, Document, Envelope, EnvelopeSource, Extension
from gateway.mapping.engine import MappingResult
from gateway.mapping.errors import MappingError, Problem
from gateway.mapping.uncarried import Carried, report_uncarried
from gateway.mapping.xml.carried import carried_by_frame, has_currency
from gateway.mapping.xml.kept import ROOT, extensions_of
from gateway.mapping.xml.layout import plan_of
from gateway.mapping.xml.leaves import place_of
from gateway.mapping.xml.markup import elements_of
from gateway.mapping.xml.notes import ABSENT, VALUE, ReadFrame, ReadState, Values
from gateway.mapping.xml.out import build
from gateway.mapping.xml.parse import ParsedXmlMap
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import Leaf
from gateway.mapping.xml.reader import FrameReader, MixedContent, compile_reader
from gateway.mapping.xml.restore import lost_text, restore
from gateway.mapping.xml.session import WriteFrame, WriteSession
from gateway.mapping.xml.tokens import Markup
from gateway.mapping.xml.values import WHITE
from gateway.mapping.xml.writer import FrameWriter
from gateway.standards.edi.model import Finding

__all__ = ["WrittenXml", "XmlMap", "compile_xml_map", "read_xml_document", "write_xml_document", "xml_coverage"]

_MIXED: Final = etree.XPath("descendant-or-self::*[*][text()[normalize-space()][preceding-sibling::*]]")


@dataclass(frozen=True, eq=False)
class XmlMap:
    """A map ready to read and write; make it with `load_map`."""

    standard: str
    version: str
    #: Root element (UBL) or request (cXML).
    set_id: str
    #: Kind of canonical document.
    kind: str
    #: Name and digest of the map with everything it was made from, for the record of a document.
    identity: str
    names: Names = field(repr=False)
    reader: FrameReader = field(repr=False)
    writer: FrameWriter = field(repr=False)
    carried: Carried = field(repr=False)
    #: Where the document's currency stands; None when it only stands beside the amounts.
    currency: Leaf | None = field(repr=False)
    has_currency: bool = field(repr=False)

    @property
    def model(self) -> type[Document]:
        """Class of the document."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class WrittenXml:
    """A document as XML."""

    #: The root element (UBL) or the request (cXML); `gateway.standards.xml.parsing.serialise` makes bytes of it.
    root: etree._Element
    findings: tuple[Finding, ...] = ()


def compile_xml_map(parsed: ParsedXmlMap) -> XmlMap:
    """Readers and writers for both directions. Raises MapError when two rules take the same value."""
    names = Names(parsed.structure, parsed.set_id)
    plan = plan_of(parsed, names)
    wanted = ("currency",)
    carried = carried_by_frame(plan)
    if has_currency(plan):
        carried.at(wanted)
    return XmlMap(
        standard=parsed.standard,
        version=parsed.version,
        set_id=parsed.set_id,
        kind=parsed.kind,
        identity=f"{parsed.standard}-{parsed.version}-{parsed.set_id}/{parsed.digest[:16]}",
        names=names,
        reader=compile_reader(plan, names, KINDS[parsed.kind]),
        writer=FrameWriter(plan),
        carried=carried,
        currency=next((leaf for leaf in plan.leaves if leaf.slot == 0 and leaf.paths == (wanted,)), None),
        has_currency="currency" in KINDS[parsed.kind].model_fields,
    )


# -- reading -------------------------------------------------------------------------------------------------


def read_xml_document(
    xmap: XmlMap, element: etree._Element, source: EnvelopeSource | None = None, data: bytes | None = None
) -> MappingResult:
    """The document that an element carries: root of UBL, request of cXML.

    `data`: the UTF-8 bytes that the element was parsed from; with them, elements that repeat are read faster.

    Total: what cannot be read stays in `extensions`, with a finding. Comments and processing instructions are not
    values and are not kept. The element is not changed.
    """
    element = _without_comments(element)
    with _paused_collection():
        values, state = _read(xmap, element, Markup(data, element) if data is not None else None)
        document = xmap.model.model_validate(values)
        document.extensions = extensions_of(state)
    document.envelope = Envelope(source=_source(xmap, source))
    return MappingResult(document, tuple(state.findings))


def _read(xmap: XmlMap, element: etree._Element, markup: Markup | None = None) -> tuple[Values, ReadState]:
    mixed: frozenset[etree._Element] = frozenset()
    while True:
        currency = _currency_of(xmap, element)
        state = ReadState(xmap.names, currency, has_currency=xmap.has_currency, mixed=mixed, markup=markup)
        values: Values = {"kind": xmap.kind}
        frame = ReadFrame([values, *({} for _ in range(xmap.reader.width - 1))])
        try:
            xmap.reader.read(element, frame, state, always=True)
            break
        except MixedContent:
            mixed = frozenset(_MIXED(element))
    if xmap.has_currency and state.currency and "currency" not in values:
        values["currency"] = state.currency
        if xmap.currency is not None:
            state.notes.append((VALUE, frame, *place_of(xmap.currency), ABSENT, state.currency))
    return values, state


def _currency_of(xmap: XmlMap, element: etree._Element) -> str | None:
    if xmap.currency is None:
        return None
    path, key = place_of(xmap.currency)
    here: etree._Element | None = element
    for name in path.split("/") if path else ():
        here = here.find(xmap.names.tag(name)) if here is not None else None
    if here is None:
        return None
    raw = here.text if key == "." else here.get(xmap.names.attribute_key(key[1:]))
    return (raw or "").strip(WHITE) or None


def _without_comments(element: etree._Element) -> etree._Element:
    if next(element.iter(etree.Comment, etree.ProcessingInstruction), None) is None:
        return element
    copied = copy.deepcopy(element)
    etree.strip_tags(copied, etree.Comment, etree.ProcessingInstruction)
    return copied


@contextmanager
def _paused_collection() -> Iterator[None]:
    """No garbage collection while a document is made: nothing of it is garbage, and every pass looks at all."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _source(xmap: XmlMap, source: EnvelopeSource | None) -> EnvelopeSource:
    kept = source if source is not None else EnvelopeSource(standard=xmap.standard)
    return kept.model_copy(
        update={
            "version": kept.version or xmap.version,
            "set_id": kept.set_id or xmap.set_id,
            "map": kept.map or xmap.identity,
        }
    )


# -- writing -------------------------------------------------------------------------------------------------


def write_xml_document(xmap: XmlMap, document: Document) -> WrittenXml:
    """The XML of a document, with everything that was kept put back; namespaces are declared at the root.

    Raises MappingError with every field that cannot be expressed: a missing required one, an unknown word, a text
    that XML cannot hold. What the document type cannot carry is a finding "MAP-not-carried".
    """
    if document.kind != xmap.kind:
        message = f'this is "{document.kind}", and {xmap.set_id} carries "{xmap.kind}". Choose the document for it.'
        raise MappingError([Problem("kind", message)])
    extensions = [entry for entry in document.extensions if entry.path is not None]
    session = WriteSession.of(document, extensions)
    key = (ROOT, "")
    frame = WriteFrame([document, *([None] * (xmap.writer.plan.width - 1))], key, session.choices.get(key, {}))
    out = xmap.writer.write(frame, session)
    assert out is not None
    if session.log.problems:
        raise MappingError(session.log.problems)
    report_uncarried(document, xmap.carried, session.log)
    _report_foreign(document.extensions, session)
    lost = restore(extensions, session, xmap.names) if extensions else []
    findings = (*session.log.findings, *(_lost_finding(entry, text, session) for entry, text in lost))
    return WrittenXml(build(out, xmap.names), findings)


def _report_foreign(extensions: Sequence[Extension], session: WriteSession) -> None:
    """What was kept from a segmented standard has no place here."""
    for entry in extensions:
        if entry.path is None and entry.segment:
            text = "*".join(str(part) for part in entry.segment)
            session.log.not_carried(f'extensions: "{text[:99]}" of {entry.anchor}', "it was kept from another standard")


def _lost_finding(entry: Extension, text: str, session: WriteSession) -> Finding:
    gone = not any(anchor == entry.anchor for anchor, _ in session.placed)
    why = f"{entry.anchor} is no longer in the document" if gone else "an edit changed what it belonged to"
    return Finding(
        code="MAP-anchor-removed",
        severity="warning",
        message=f'"{lost_text(text)}" was received and is not written, because {why}.',
        fix="Nothing, if the edit meant that; else restore the object with its anchor.",
        loop=entry.anchor,
        path=entry.path or None,
    )


# -- how much the map carries --------------------------------------------------------------------------------


def xml_coverage(xmap: XmlMap, document: Document) -> float:
    """Share (0 to 1) of the received texts and attributes that the document's own fields carry.

    Values kept in `extensions` count as not carried; a spelling kept beside a carried value counts as carried.
    """
    total = _count(write_xml_document(xmap, document).root)
    kept = 0
    for entry in document.extensions:
        if entry.form == "xml":
            kept += sum(_count(each) for each in _elements(entry, xmap.names))
        elif entry.form == "values" and entry.tag is None:
            pairs: Any = (entry.elements or {}).values()
            kept += sum(1 for pair in pairs if pair.received and not pair.written)
    return 1.0 if not total else 1 - kept / total


def _elements(entry: Extension, names: Names) -> list[etree._Element]:
    return [element for element in elements_of([entry.xml or ""], names) if element is not None]


def _count(root: etree._Element) -> int:
    """Texts and attributes with a value."""
    return sum(
        sum(1 for value in element.values() if value) + bool((element.text or "").strip(WHITE))
        for element in root.iter(etree.Element)
    )
