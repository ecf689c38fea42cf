"""A compiled map at work: a set's loop tree to a document, a document to segments, and how much the map carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from gateway.documents import KINDS, Document, Envelope, EnvelopeSource, Extension
from gateway.mapping.difference import difference
from gateway.mapping.errors import MappingError, Problem
from gateway.mapping.parse import ParsedMap
from gateway.mapping.reader import BlockReader, ReadState, Received, compile_reader
from gateway.mapping.restore import restore
from gateway.mapping.rules import LoopRule, Rule, SegmentRule
from gateway.mapping.scopes import Item, Scope, Written, flatten
from gateway.mapping.source import SECTIONS
from gateway.mapping.spelling import segment_from_json
from gateway.mapping.state import WriteState
from gateway.mapping.uncarried import Carried, carried_by, report_uncarried
from gateway.mapping.writer import BlockWriter, compile_writer
from gateway.standards.edi.model import Finding, LoopInstance, Segment

__all__ = ["CompiledMap", "MappingResult", "WrittenSet", "coverage", "read_document", "write_document"]

_CONTROL = "0001"


@dataclass(frozen=True)
class CompiledMap:
    """A map ready to read and write; make it with `load_map`."""

    standard: str
    version: str
    set_id: str
    #: Kind of canonical document.
    kind: str
    #: Name and digest of the map with everything it was made from, for the record of a document.
    identity: str
    rules: dict[str, tuple[Rule, ...]] = field(repr=False)
    readers: dict[str, BlockReader] = field(repr=False)
    writers: dict[str, BlockWriter] = field(repr=False)
    ranks: dict[str, dict[str, int]] = field(repr=False)
    #: Loops of the detail section, and tags that can only stand in the summary.
    detail_loops: frozenset[str] = field(repr=False)
    summary_tags: frozenset[str] = field(repr=False)
    ranges: dict[str, list[tuple[int, int]]] = field(repr=False)
    carried: Carried = field(repr=False)

    @property
    def model(self) -> type[Document]:
        """Class of the document."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class MappingResult:
    """A document and what was noticed on the way."""

    document: Document
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenSet:
    """A transaction set as written, ST to SE, with "0001" as its control number."""

    set_id: str
    version: str
    segments: list[Segment]
    findings: tuple[Finding, ...] = field(default=())


def compile_map(parsed: ParsedMap) -> CompiledMap:
    """Closures for both directions."""
    rules = dict(parsed.sections)
    places = parsed.places
    summary = set(places["summary"].ranks) - set(places["header"].ranks)
    return CompiledMap(
        standard=parsed.standard,
        version=parsed.version,
        set_id=parsed.set_id,
        kind=parsed.kind,
        identity=f"{parsed.standard}-{parsed.version}-{parsed.set_id}/{parsed.digest[:16]}",
        rules=rules,
        readers={name: compile_reader(rules[name]) for name in SECTIONS},
        writers={name: compile_writer(rules[name]) for name in SECTIONS},
        ranks={name: dict(places[name].ranks) for name in SECTIONS},
        detail_loops=frozenset(places["detail"].loops),
        summary_tags=frozenset(summary) | {"SE"} | frozenset(places["summary"].loops),
        ranges=_ranges(rule for name in SECTIONS for rule in rules[name]),
        carried=carried_by([rule for name in SECTIONS for rule in rules[name]]),
    )


def _ranges(rules: Any) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for rule in rules:
        if isinstance(rule, SegmentRule):
            known = found.setdefault(rule.tag, [])
            known += [(g.first, g.last) for g in rule.groups if (g.first, g.last) not in known]
        else:
            inner = rule.rules if isinstance(rule, LoopRule) else [r for level in rule.levels.values() for r in level]
            for tag, ranges in _ranges(inner).items():
                known = found.setdefault(tag, [])
                known += [item for item in ranges if item not in known]
    return found


# -- reading -------------------------------------------------------------------------------------------------


def read_document(cmap: CompiledMap, root: LoopInstance, source: EnvelopeSource | None = None) -> MappingResult:
    """The document that a set carries. Total: what cannot be read stays in `extensions`, with a finding."""
    state = ReadState(anchors={name: [] for name in SECTIONS})
    values: dict[str, Any] = {"kind": cmap.kind}
    for name, items in zip(SECTIONS, _sections(cmap, root), strict=True):
        cmap.readers[name].read(items, values, name, state)
    document = cmap.model.model_validate(values)
    own = EnvelopeSource(standard=cmap.standard, version=cmap.version, set_id=cmap.set_id)
    kept = source if source is not None else own
    kept = kept.model_copy(
        update={
            "version": kept.version or cmap.version,
            "set_id": kept.set_id or cmap.set_id,
            "map": kept.map or cmap.identity,
        }
    )
    document.envelope = Envelope(source=kept)
    scopes = _write_sections(cmap, document, WriteState(strict=False))
    document.extensions = _differences(cmap, state, scopes)
    return MappingResult(document, tuple(state.findings))


def _sections(
    cmap: CompiledMap, root: LoopInstance
) -> tuple[list[Segment | LoopInstance], list[Segment | LoopInstance], list[Segment | LoopInstance]]:
    """Header, detail and summary items; ST and SE are the engine's own."""
    header: list[Segment | LoopInstance] = []
    detail: list[Segment | LoopInstance] = []
    summary: list[Segment | LoopInstance] = []
    current = header
    for item in root.items:
        name = item.loop if isinstance(item, LoopInstance) else item.tag
        if name == "SE":
            continue
        if isinstance(item, LoopInstance) and name in cmap.detail_loops and current is not summary:
            current = detail
        elif current is detail or (current is header and name in cmap.summary_tags):
            current = summary
        current.append(item)
    return header, detail, summary


def _differences(cmap: CompiledMap, state: ReadState, scopes: list[Scope]) -> list[Extension]:
    written = {scope.anchor: scope for scope in _all_scopes(scopes)}
    entries: list[Extension] = []
    for anchor, received in state.anchors.items():
        scope = written.get(anchor) or Scope(anchor, {})
        entries += difference(anchor, [_comparable(item) for item in received], scope, cmap.ranges)
    return entries


def _comparable(item: Received) -> Received:
    """ST with the control number that we write: numbers of the envelope are not the document's."""
    if isinstance(item, str) or item[0].tag != "ST":
        return item
    elements = item[0].elements
    return (replace(item[0], elements=(*elements[:1], _CONTROL, *elements[2:])), True)


def _all_scopes(scopes: Sequence[Item]) -> list[Scope]:
    found: list[Scope] = []
    for item in scopes:
        if isinstance(item, Scope):
            found.append(item)
            found += _all_scopes(item.items)
    return found


# -- writing -------------------------------------------------------------------------------------------------


def write_document(cmap: CompiledMap, document: Document) -> WrittenSet:
    """The segments of a document, ST to SE, with everything that was kept put back.

    Raises MappingError with every field that cannot be expressed: a missing required one, an unknown word, a value
    that does not fit its element. What the set cannot carry is a finding "MAP-not-carried".
    """
    if document.kind != cmap.kind:
        raise MappingError(
            [
                Problem(
                    "kind",
                    f'this is "{document.kind}", and {cmap.set_id} carries "{cmap.kind}". Choose the set for it.',
                )
            ]
        )
    state = WriteState(kept=_kept_elements(document.extensions), received=document.source is not None)
    scopes = _write_sections(cmap, document, state)
    if state.problems:
        raise MappingError(state.problems)
    report_uncarried(document, cmap.carried, state)
    segments = _restored(cmap, document, scopes, state)
    return WrittenSet(cmap.set_id, cmap.version, segments, tuple(state.findings))


def _kept_elements(extensions: Sequence[Extension]) -> set[tuple[str, str, int]]:
    """Elements that have a received spelling in the extensions although we write nothing there."""
    return {
        (entry.anchor, entry.tag or "", int(number))
        for entry in extensions
        for number, pair in (entry.elements or {}).items()
        if number.isdigit() and pair.received and not pair.written
    }


def _write_sections(cmap: CompiledMap, document: BaseModel, state: WriteState) -> list[Scope]:
    for name in SECTIONS:
        scope = Scope(name, cmap.ranks[name])
        if name == "header":
            scope.items.append(("ST", (cmap.set_id, _CONTROL)))
        state.scopes.append(scope)
        cmap.writers[name].write(document, scope, state)
    return state.scopes


def _restored(cmap: CompiledMap, document: Document, scopes: list[Scope], state: WriteState) -> list[Segment]:
    entries = _usable(document.extensions, state)
    found = _apply(cmap, scopes, entries, state)
    if _renumbered(scopes, entries) and not _hierarchy_holds(found):
        found = _apply(cmap, scopes, [entry for entry in entries if entry.tag != "HL"], state)
    segments = [Segment(tag, elements, position) for position, (tag, elements) in enumerate(found, 1)]
    count = len(segments) + 1
    return [*segments, Segment("SE", (str(count), _CONTROL), count)]


def _usable(extensions: Sequence[Extension], state: WriteState) -> list[Extension]:
    """Entries that say something; an empty segment is not one."""
    usable = []
    for entry in extensions:
        if entry.path is not None:
            if entry.xml is not None:
                state.not_carried(f"extensions: {entry.xml[:99]}", "it was kept from another standard")
            continue
        if entry.form == "segment" and not segment_from_json(entry.segment or [])[0]:
            state.not_carried("extensions", "an entry has an empty segment")
            continue
        usable.append(entry)
    return usable


def _renumbered(scopes: Sequence[Scope], entries: Sequence[Extension]) -> bool:
    """Whether an edit of the tree gave a unit another number than the one its received spelling was kept for."""
    kept = {entry.anchor: segment_from_json(entry.written or []) for entry in entries if entry.tag == "HL"}
    if not kept:
        return False
    fresh = {scope.anchor: scope.items[0] for scope in _all_scopes(scopes) if scope.items}
    return any(fresh.get(anchor) != written for anchor, written in kept.items())


def _hierarchy_holds(segments: Sequence[Written]) -> bool:
    """HL01 unique and every HL02 an earlier HL01."""
    seen: set[str] = set()
    for tag, elements in segments:
        if tag == "HL":
            number, parent = (*elements, "", "")[:2]
            if number in seen or (parent and parent not in seen):
                return False
            seen.add(number)
    return True


def _apply(cmap: CompiledMap, scopes: list[Scope], entries: Sequence[Extension], state: WriteState) -> list[Written]:
    if not entries:
        return [segment for scope in scopes for segment in flatten(scope)]
    by_anchor: dict[str, list[Extension]] = {}
    for entry in entries:
        by_anchor.setdefault(entry.anchor, []).append(entry)
    known = {scope.anchor: scope for scope in _all_scopes(scopes) if scope.anchor is not None}
    restored: dict[str, Scope] = {}
    lost: list[tuple[str, str]] = []
    for anchor, own in by_anchor.items():
        scope = known.get(anchor)
        if scope is None:
            lost += [(anchor, text) for text in _texts(own)]
            continue
        result = restore(scope, own, cmap.ranges, known.get)
        restored[anchor] = Scope(anchor, scope.ranks, result.items)
        lost += [(anchor, text) for text in result.lost]
    _report_lost(lost, known, state)
    return [segment for scope in scopes for segment in _flatten(scope, restored)]


def _flatten(scope: Scope, restored: dict[str, Scope]) -> list[Written]:
    own = restored.get(scope.anchor or "", scope)
    found: list[Written] = []
    for item in own.items:
        if isinstance(item, Scope):
            found += _flatten(item, restored)
        else:
            found.append(item)
    return found


def _texts(entries: Sequence[Extension]) -> list[str]:
    texts = []
    for entry in entries:
        runs = [entry.segment] if entry.segment else [run for run in entry.received or [] if isinstance(run, list)]
        texts += ["*".join((tag, *elements)) for tag, elements in (segment_from_json(run) for run in runs)]
    return texts


def _report_lost(lost: list[tuple[str, str]], known: dict[str, Scope], state: WriteState) -> None:
    state.findings = [finding for finding in state.findings if finding.code != "MAP-anchor-removed"]
    for anchor, text in lost:
        why = "an edit changed what it belonged to" if anchor in known else f"{anchor} is no longer in the document"
        state.findings.append(
            Finding(
                code="MAP-anchor-removed",
                severity="warning",
                message=f'"{text[:200]}" was received and is not written, because {why}.',
                fix="Nothing, if the edit meant that; else restore the object with its anchor.",
                loop=anchor,
            )
        )


# -- how much the map carries --------------------------------------------------------------------------------


def coverage(cmap: CompiledMap, document: Document) -> float:
    """Share (0 to 1) of the received element values that the document's own fields carry, ST and SE aside.

    Values kept in `extensions` count as not carried; a spelling kept beside a carried value counts as carried.
    """
    written = write_document(cmap, document)
    total = sum(1 for s in written.segments if s.tag not in {"ST", "SE"} for value in s.elements if value)
    kept = 0
    for entry in document.extensions:
        if entry.segment is not None:
            kept += sum(1 for value in entry.segment[1:] if value)
        elif entry.elements is not None:
            kept += sum(1 for pair in entry.elements.values() if pair.received and not pair.written)
        else:
            received = sum(1 for run in entry.received or [] for value in _values(run) if value)
            own = sum(1 for run in entry.written or [] for value in _values(run) if value)
            kept += max(0, received - own)
    return 1.0 if not total else 1 - kept / total


def _values(run: Any) -> Sequence[Any]:
    if isinstance(run, dict):
        run = run.get("kept", [])
    return run[1:] if isinstance(run, list) else ()
