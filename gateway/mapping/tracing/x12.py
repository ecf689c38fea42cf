"""Tracing X12: one set read, or one document written, with marks on every value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gateway.documents import Document, EnvelopeSource
from gateway.mapping.engine import CompiledMap, MappingResult, compile_map, read_document, write_document
from gateway.mapping.parse import parse_map
from gateway.mapping.reader import BlockReader, ReadState, Values
from gateway.mapping.source import Source
from gateway.mapping.tracing.marks import Mark, SegmentPlace, leaves, mark, mark_of, plain, rules_of, unmark
from gateway.mapping.tracing.results import KEPT_SPELLING, Kept, ReadField, Written, WrittenField
from gateway.mapping.tracing.rules import Marker, Wrote, with_marks
from gateway.standards.edi.model import COMPONENT, REPETITION, LoopInstance, Segment, Separators

__all__ = ["X12Tracer", "element_offsets"]

#: Segments of the envelope of a set: the engine writes them by itself.
_ENVELOPE = ("ST", "SE")


class X12Tracer:
    """A map of a transaction set that marks what it reads and writes."""

    def __init__(self, source: Source) -> None:
        """`source` is the map as text, with its overlay. Raises MapError."""
        self._marker = Marker(source)
        self.map: CompiledMap = compile_map(with_marks(parse_map(source), self._marker))

    # -- reading ---------------------------------------------------------------------------------------------

    def read(
        self, root: LoopInstance, data: bytes, separators: Separators, source: EnvelopeSource | None = None
    ) -> tuple[MappingResult, list[ReadField], list[Kept]]:
        """Read a set of the transmission `data`: the document, where its fields came from, and what none carries."""
        marked = _marked(root, element_offsets(data, separators), None)
        seen = _Seen(self.map.readers["summary"])
        result = read_document(replace(self.map, readers={**self.map.readers, "summary": seen}), marked, source)
        fields = list(_read_fields(seen.values))
        carried = {field.origin for field in fields}
        return result, fields, list(_kept(result.document, marked, carried))

    # -- writing ---------------------------------------------------------------------------------------------

    def write(self, document: Document) -> tuple[list[WrittenField], list[Written], list[Any]]:
        """Write a document with marks: where each field went, every element as written, the writer's findings.

        Raises MappingError as `write_document` does.
        """
        self._marker.wrote.clear()
        written = write_document(self.map, document)
        elements = list(_elements(written.segments))
        _place_components(elements, self._marker.wrote)
        return list(_written_fields(elements, self._marker.wrote)), elements, list(written.findings)


class _Seen(BlockReader):
    """The reader of the last section; looks at all values that were read before they become a document."""

    def __init__(self, inner: BlockReader) -> None:
        self.inner = inner
        self.values: list[tuple[str, Any]] = []

    def read(self, items: Sequence[Segment | LoopInstance], target: Values, anchor: str, state: ReadState) -> None:
        self.inner.read(items, target, anchor, state)
        self.values = list(leaves(target))
        unmark(target)


def _read_fields(values: list[tuple[str, Any]]) -> Iterator[ReadField]:
    rules = rules_of(values)
    for path, value in values:
        note = mark_of(value)
        if note is not None and isinstance(note.origin, SegmentPlace):
            yield ReadField(path, plain(value), note.origin, note.rule or rules.get(note.origin))
        elif path != "kind" and not path.endswith("anchor"):
            yield ReadField(path, plain(value), None, None, "made by the map from other values")


# -- marks on what was received ------------------------------------------------------------------------------


def element_offsets(data: bytes, separators: Separators) -> _Offsets:
    """A function that gives the byte offset of each element of a segment of the transmission `data`."""
    return _Offsets(data, separators)


class _Offsets:
    def __init__(self, data: bytes, separators: Separators) -> None:
        self._data = data
        self._element = separators.element.encode("latin-1")
        self._segment = separators.segment.encode("latin-1")

    def of(self, segment: Segment) -> list[int]:
        """Offset of each element, the first at index 0; empty when the segment is not found at its own offset."""
        start = segment.offset
        if start < 0:
            return []
        end = self._data.find(self._segment, start)
        tag, *parts = self._data[start : end if end >= 0 else None].split(self._element)
        if tag != segment.tag.encode("latin-1"):
            return []
        found, here = [], start + len(tag)
        for part in parts:
            found.append(here + 1)
            here += 1 + len(part)
        return found


def _marked(loop: LoopInstance, offsets: _Offsets, name: str | None) -> LoopInstance:
    items = tuple(
        _marked(item, offsets, item.loop) if isinstance(item, LoopInstance) else _marked_segment(item, offsets, name)
        for item in loop.items
    )
    return replace(loop, items=items)


def _marked_segment(segment: Segment, offsets: _Offsets, loop: str | None) -> Segment:
    known = offsets.of(segment)
    elements = []
    for number, value in enumerate(segment.elements, 1):
        offset = known[number - 1] if number <= len(known) else None
        place = SegmentPlace(segment.tag, segment.position, number, None, loop or None, offset)
        elements.append(mark(value, Mark(place)) if value else value)
    return replace(segment, elements=tuple(elements))


def _segments(loop: LoopInstance) -> Iterator[Segment]:
    for item in loop.items:
        if isinstance(item, LoopInstance):
            yield from _segments(item)
        else:
            yield item


def _kept(document: Document, root: LoopInstance, carried: set[Any]) -> Iterator[Kept]:
    """What the extensions keep, each value with its place; then what the map writes by itself."""
    known: set[tuple[int, int]] = {(place.position, place.element) for place in carried if place is not None}
    for index, entry in enumerate(document.extensions):
        received: Any = entry.segment or entry.received or []
        if entry.elements is not None:
            received = [pair.received for pair in entry.elements.values()]
        for _, value in leaves(received):
            note = mark_of(value)
            if note is None or not isinstance(note.origin, SegmentPlace):
                continue
            place = note.origin
            beside = (place.position, place.element) in known
            why = "a field carries it; its spelling is kept" if beside else "no field carries it; it is kept"
            yield Kept(str(value), place, why, f"extensions[{index}]", entry.anchor)
            known.add((place.position, place.element))
    for segment in _segments(root):
        for value in segment.elements if segment.tag not in _ENVELOPE else ():
            note = mark_of(value)
            if note is not None and isinstance(note.origin, SegmentPlace):
                place = note.origin
                if (place.position, place.element) not in known:
                    shown = value.replace(COMPONENT, ":").replace(REPETITION, "^")
                    yield Kept(str(shown), place, "no field carries it; the map writes it by itself", None, None)


# -- what was written ----------------------------------------------------------------------------------------


def _elements(segments: Sequence[Segment]) -> Iterator[Written]:
    for segment in segments:
        for number, value in enumerate(segment.elements, 1):
            if not value:
                continue
            note = mark_of(value)
            place = SegmentPlace(segment.tag, segment.position, number)
            origin = note.origin if note is not None and isinstance(note.origin, tuple) else ()
            if not origin and COMPONENT in value:
                for part, text in enumerate(value.split(COMPONENT), 1):
                    if text:
                        yield Written(text, replace(place, component=part))
            else:
                yield Written(str(value), place, origin, note.rule if note is not None else None)


def _place_components(elements: list[Written], wrote: Sequence[Wrote]) -> None:
    """Give the parts of composites their fields: by rule and order, where the numbers of both agree."""
    by_rule: dict[tuple[str, str], list[Wrote]] = defaultdict(list)
    for each in wrote:
        if "." in each.rule.field:
            by_rule[each.rule.at.rpartition(".")[2].partition("[")[0], each.rule.field].append(each)
    counts = Counter(key for each in elements if (key := _component_key(each)) is not None)
    made = {key: iter(several) for key, several in by_rule.items() if counts[key] == len(several)}
    for index, value in enumerate(elements):
        key = _component_key(value)
        source = next(made[key], None) if key is not None and key in made else None
        if source is not None and source.text == value.text:
            elements[index] = replace(value, fields=source.fields, rule=source.rule)


def _component_key(written: Written) -> tuple[str, str] | None:
    """Segment and "element.component" of a value whose fields are not known yet; a lone value may be a component 1."""
    place = written.place
    if not isinstance(place, SegmentPlace) or written.fields:
        return None
    return place.segment, f"{place.element}.{place.component or 1}"


def _written_fields(elements: Sequence[Written], wrote: Sequence[Wrote]) -> Iterator[WrittenField]:
    placed: dict[str, WrittenField] = {}
    for each in elements:
        for path in each.fields:
            placed[path] = WrittenField(path, each.text, each.place, each.rule)
            yield placed[path]
    texts = {
        (each.place.position, each.place.element): each for each in elements if isinstance(each.place, SegmentPlace)
    }
    for made in wrote:
        for path in made.fields:
            if path not in placed:
                shared = _shared_place(path, made, placed, texts)
                why = "" if shared is not None else KEPT_SPELLING
                placed[path] = WrittenField(path, made.text, shared, made.rule, why)
                yield placed[path]


def _shared_place(
    path: str, made: Wrote, placed: dict[str, WrittenField], texts: dict[tuple[int, int], Written]
) -> SegmentPlace | None:
    """The element that several entries of a `spread` share: that of the segment in which the entry's group stands."""
    entry = path[: path.rfind("]") + 1]
    if not entry or not made.rule.field.isdigit():
        return None
    for other, known in placed.items():
        fits = other.startswith(entry) and known.rule is not None and known.rule.at == made.rule.at
        if fits and isinstance(known.place, SegmentPlace):
            found = texts.get((known.place.position, int(made.rule.field)))
            if found is not None and found.text == made.text and isinstance(found.place, SegmentPlace):
                return found.place
    return None
