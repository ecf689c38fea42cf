"""Tracing XML: one document read, or written, with marks on every text and attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from lxml import etree

from gateway.documents import Document, EnvelopeSource
from gateway.mapping.engine import MappingResult
from gateway.mapping.source import Source
from gateway.mapping.tracing.marks import Mark, RulePlace, XmlPlace, leaves, mark, mark_of, plain, rules_of, unmark
from gateway.mapping.tracing.results import KEPT_SPELLING, Kept, ReadField, Written, WrittenField
from gateway.mapping.tracing.rules import Marker, is_marking, with_marks_xml
from gateway.mapping.xml.engine import XmlMap, compile_xml_map, read_xml_document, write_xml_document
from gateway.mapping.xml.leaves import followed
from gateway.mapping.xml.notes import DISORDER, LEFT, VALUE, ReadFrame, ReadState
from gateway.mapping.xml.out import Out
from gateway.mapping.xml.parse import parse_xml_map
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import Edge, Frame, Leaf
from gateway.mapping.xml.reader import FrameReader, compile_reader
from gateway.mapping.xml.session import WriteFrame, WriteSession
from gateway.mapping.xml.values import WHITE
from gateway.mapping.xml.writer import FrameWriter
from gateway.standards.edi.model import VALUE_LIMIT
from gateway.standards.xml.names import canonical_name, canonical_path

__all__ = ["XmlTracer"]


class XmlTracer:
    """A map of an XML document that marks what it reads and writes."""

    def __init__(self, source: Source) -> None:
        """`source` is the map as text, with its overlay. Raises MapError."""
        self._marker = Marker(source)
        made = compile_xml_map(with_marks_xml(parse_xml_map(source), self._marker))
        plan = made.writer.plan
        for leaf in _plan_leaves(plan):
            if leaf.converter is not None and not is_marking(leaf.converter):
                leaf.converter = self._marker.converter(leaf.converter, RulePlace("", leaf.at, leaf.converter.name))
        self.map: XmlMap = replace(made, reader=compile_reader(plan, made.names, made.model), writer=FrameWriter(plan))

    # -- reading ---------------------------------------------------------------------------------------------

    def read(
        self, element: etree._Element, source: EnvelopeSource | None = None
    ) -> tuple[MappingResult, list[ReadField], list[Kept]]:
        """Read an element: the document, where its fields came from, and what none carries."""
        copied = _MarkedCopy(element, self.map.names)
        seen = _SeenReader(self.map.reader)
        result = read_xml_document(replace(self.map, reader=seen), copied.root, source)
        fields = list(_read_fields(seen.values))
        carried = {field.origin for field in fields}
        kept = list(_kept(seen.state, copied, carried)) if seen.state is not None else []
        return result, fields, kept

    # -- writing ---------------------------------------------------------------------------------------------

    def write(self, document: Document) -> tuple[list[WrittenField], list[Written], list[Any]]:
        """Write a document with marks: where each field went, every value as written, the writer's findings.

        Raises MappingError as `write_xml_document` does.
        """
        self._marker.wrote.clear()
        seen = _SeenWriter(self.map.writer)
        written = write_xml_document(replace(self.map, writer=seen), document)
        values = list(_values(seen.out, f"/{seen.out.name}")) if seen.out is not None else []
        values = [_with_currency(each, document) for each in values]
        placed: set[str] = set()
        fields: list[WrittenField] = []
        for each in values:
            placed.update(each.fields)
            fields += [WrittenField(path, each.text, each.place, each.rule) for path in each.fields]
        for made in self._marker.wrote:
            for path in made.fields:
                if path not in placed:
                    placed.add(path)
                    fields.append(WrittenField(path, made.text, None, made.rule, KEPT_SPELLING))
        return fields, values, list(written.findings)


def _plan_leaves(frame: Frame) -> Iterator[Any]:
    """Every leaf of a plan: those of its frames and those that stand at its nodes without a rule."""
    yield from frame.leaves
    nodes = [frame.root]
    while nodes:
        node = nodes.pop()
        yield from node.attributes.values()
        nodes += [edge.node for edge in node.edges if edge.rule is None]
    for group in frame.groups:
        for rule in group.rules:
            for inner in (rule.frame, rule.wrapper):
                if inner is not None:
                    yield from _plan_leaves(inner)


# -- reading -------------------------------------------------------------------------------------------------


class _MarkedCopy:
    """A copy of an element without comments, whose values know where they stand in the original."""

    def __init__(self, element: etree._Element, names: Names) -> None:
        self._names = names
        #: Element of the copy → its place. It also keeps the elements themselves: lxml would make plain ones anew.
        self.places: dict[Any, XmlPlace] = {}
        self._kind = _marked_kind(self)
        self.root = self._copy(element, canonical_path(element))

    def attribute(self, place: XmlPlace, key: str) -> XmlPlace:
        """The place of an attribute of an element."""
        return replace(place, path=f"{place.path}/@{self._names.attribute(key)}")

    def _copy(self, element: etree._Element, path: str) -> etree._Element:
        copied: etree._Element = self._kind(nsmap=element.nsmap)
        copied.tag = element.tag
        self.places[copied] = XmlPlace(path, element.sourceline)
        for key, value in element.items():
            copied.set(key, value)
        texts = [element.text or ""]
        last: etree._Element | None = None
        names = Counter(child.tag for child in element)
        numbers: Counter[Any] = Counter()
        for child in element:
            if isinstance(child.tag, str):
                _put_text(copied, last, texts)
                numbers[child.tag] += 1
                number = f"[{numbers[child.tag]}]" if names[child.tag] > 1 else ""
                last = self._copy(child, f"{path}/{canonical_name(child)}{number}")
                copied.append(last)
                texts = []
            texts.append(child.tail or "")
        _put_text(copied, last, texts)
        return copied


def _put_text(element: etree._Element, last: etree._Element | None, texts: list[str]) -> None:
    """Text before the first child, or behind the last one so far; None when there is none, as a parser has it."""
    text = "".join(texts) or None
    if last is None:
        element.text = text
    else:
        last.tail = text


def _marked_kind(copied: _MarkedCopy) -> Any:
    """A class of elements whose text and attributes carry their places in the original."""
    places = copied.places

    class Marked(etree.ElementBase):
        @property
        def text(self) -> Any:
            raw = _TEXT.__get__(self)
            place = places.get(self)
            return raw if raw is None or place is None else mark(raw, Mark(place))

        @text.setter
        def text(self, value: Any) -> None:
            _TEXT.__set__(self, value)

        def items(self) -> list[Any]:
            place = places.get(self)
            if place is None:
                return list(super().items())
            return [(key, mark(value, Mark(copied.attribute(place, key)))) for key, value in super().items()]

    return Marked


#: The text of an element as lxml has it.
_TEXT: Any = etree._Element.__dict__["text"]


class _SeenReader(FrameReader):
    """The reader of the whole document; looks at all values that were read before they become a document."""

    def __init__(self, inner: FrameReader) -> None:
        self.inner = inner
        self.width = inner.width
        self.values: list[tuple[str, Any]] = []
        self.state: ReadState | None = None

    def read(self, element: etree._Element, frame: ReadFrame, state: ReadState, *, always: bool = False) -> bool:
        found = self.inner.read(element, frame, state, always=always)
        target = frame.targets[0]
        self.values = list(leaves(target))
        if state.has_currency and state.currency and "currency" not in target:
            self.values.append(("currency", state.currency))
        self.state = state
        unmark(target)
        state.currency = plain(state.currency)
        return found


def _read_fields(values: list[tuple[str, Any]]) -> Iterator[ReadField]:
    rules = rules_of(values)
    for path, value in values:
        note = mark_of(value)
        if note is not None and isinstance(note.origin, XmlPlace):
            yield ReadField(path, plain(value), note.origin, note.rule or rules.get(note.origin))
        elif path != "kind" and not path.endswith("anchor"):
            why = "a price for one, computed from price and quantity" if isinstance(value, Decimal) else ""
            yield ReadField(path, plain(value), None, None, why or "a constant of the rule that read the object")


def _kept(state: ReadState, copied: _MarkedCopy, carried: set[Any]) -> Iterator[Kept]:
    """What the extensions keep, each value with its place; then what the map writes by itself."""
    done: set[Any] = set()
    whole: set[Any] = set()
    for note in state.notes:
        if note[0] == LEFT:
            for child in note[4]:
                text = " ".join("".join(child.itertext()).split())[:VALUE_LIMIT]
                yield Kept(text, copied.places[child], "no field carries it; it is kept", "extensions", None)
                whole.update(child.iter())
        elif note[0] == VALUE:
            yield from _kept_value(note, state, carried, done)
        elif note[0] == DISORDER:
            why = "its elements stand in another order than the schema's, which is kept"
            yield Kept("", copied.places[note[3]], why, "extensions", None)
    for element, place in copied.places.items():
        if element in whole:
            continue
        found = [(element.text, place), *((value, copied.attribute(place, key)) for key, value in element.items())]
        for value, where in found:
            if value and value.strip(WHITE) and where not in carried and where not in done:
                yield Kept(
                    str(value).strip(WHITE), where, "no field carries it; the map writes it by itself", None, None
                )


def _kept_value(note: Any, state: ReadState, carried: set[Any], done: set[Any]) -> Iterator[Kept]:
    _, frame, _, _, received, written = note
    found = mark_of(received)
    if found is None or not isinstance(found.origin, XmlPlace):
        return
    if isinstance(written, Leaf):
        written = followed(written, frame, state)
    if written == received:
        return
    done.add(found.origin)
    beside = found.origin in carried
    why = "a field carries it; its spelling is kept" if beside else "no field carries it; it is kept"
    yield Kept(str(received), found.origin, why, "extensions", frame.anchor or None)


# -- writing -------------------------------------------------------------------------------------------------


class _SeenWriter(FrameWriter):
    """The writer of the whole document; remembers what it made."""

    def __init__(self, inner: FrameWriter) -> None:
        self.inner = inner
        self.plan = inner.plan
        self.out: Out | None = None

    def write(self, frame: WriteFrame, session: WriteSession, edge: Edge | None = None) -> Out | None:
        self.out = self.inner.write(frame, session, edge)
        return self.out


def _with_currency(written: Written, document: Document) -> Written:
    """Amounts carry the document's currency without a rule for it."""
    place, currency = written.place, getattr(document, "currency", None)
    named = isinstance(place, XmlPlace) and place.path.rpartition("/@")[2] in ("currencyID", "currency")
    return (
        replace(written, fields=("currency",)) if named and not written.fields and written.text == currency else written
    )


def _values(out: Out, path: str) -> Iterator[Written]:
    """Every text and attribute that is written, with the fields that it was made from."""
    for value, place in ((out.text, path), *((text, f"{path}/@{name}") for name, text in out.attributes.items())):
        if value:
            note = mark_of(value)
            origin = note.origin if note is not None and isinstance(note.origin, tuple) else ()
            yield Written(str(value), XmlPlace(place), origin, note.rule if note is not None else None)
    names = Counter(child.name for child in out.children)
    numbers: Counter[str] = Counter()
    for child in out.children:
        numbers[child.name] += 1
        number = f"[{numbers[child.name]}]" if names[child.name] > 1 else ""
        yield from _values(child, f"{path}/{child.name}{number}")
