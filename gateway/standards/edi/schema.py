"""The tables of one release of a standard: elements, composites, segments and set trees, read from
`schemas/x12`.

`load_release("004010")` reads the compact file that `tools/build_x12_schemas.py` makes (its docstring gives
the layout) into frozen values. The short names of code values stand in a file of their own and are read only
when a person is to see them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.resources import find, iter_files

__all__ = [
    "CompositeType",
    "ElementType",
    "ElementUse",
    "LoopNode",
    "Release",
    "SchemaFileError",
    "SegmentNode",
    "SegmentType",
    "SetType",
    "SyntaxNote",
    "UnknownReleaseError",
    "UnknownSetError",
    "code_label",
    "element_name",
    "known_releases",
    "load_release",
    "release_for",
]

_FOLDER = "schemas/x12"
_CODES_PREFIX = "codes-"


class UnknownReleaseError(LookupError):
    """A release was asked for whose schema is not installed."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(
            f'Release "{name}" is not installed (known: {", ".join(known) or "none"}). '
            f"Add {_FOLDER}/{name}.json to the working directory, or agree another release with the partner."
        )


class UnknownSetError(LookupError):
    """A transaction set was asked for that the release's schema does not hold."""

    def __init__(self, release: str, set_id: str, known: tuple[str, ...]) -> None:
        self.release = release
        self.set_id = set_id
        self.known = known
        super().__init__(
            f'Transaction set "{set_id}" is not known in release {release} (known: {", ".join(known)}). '
            "Agree with the partner which sets are exchanged, or add the set to the schema."
        )


class SchemaFileError(ValueError):
    """A schema file does not have the layout that this module reads."""


@dataclass(frozen=True, slots=True)
class ElementType:
    """A data element of the dictionary."""

    #: Number in the data element dictionary, "355".
    ref: str
    name: str
    #: AN, ID, DT, TM, R, N0 … N9, B; "" for a separator character.
    type: str
    #: Shortest and longest value, in characters (in digits for R and Nn).
    min: int
    max: int
    #: The values of the release; None when the list is open.
    codes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ElementUse:
    """One position in a segment or composite."""

    #: Element or composite that stands here.
    ref: str
    mandatory: bool
    #: Most repetitions; None for no bound.
    repeat: int | None = 1


@dataclass(frozen=True, slots=True)
class SyntaxNote:
    """A rule between positions of one segment or composite: P, R, E, C or L (X12.6 "syntax notes")."""

    kind: str
    #: 1-based positions, in the order of the note.
    positions: tuple[int, ...]

    @property
    def text(self) -> str:
        """The note as the standard writes it, "P0607"."""
        return self.kind + "".join(f"{position:02d}" for position in self.positions)


@dataclass(frozen=True, slots=True)
class CompositeType:
    """A composite data structure."""

    ref: str
    name: str
    elements: tuple[ElementUse, ...]
    notes: tuple[SyntaxNote, ...]


@dataclass(frozen=True, slots=True)
class SegmentType:
    """A segment of the directory."""

    tag: str
    name: str
    elements: tuple[ElementUse, ...]
    notes: tuple[SyntaxNote, ...]
    #: True when the release has syntax notes on this segment that our facts do not hold: the check is too
    #: mild there.
    notes_incomplete: bool = False


@dataclass(frozen=True, slots=True)
class SegmentNode:
    """A segment at one place of a set's tree."""

    tag: str
    mandatory: bool
    #: Most uses in a row; None for no bound.
    max: int | None


@dataclass(frozen=True, slots=True)
class LoopNode:
    """A loop at one place of a set's tree; its first child is its trigger segment."""

    loop: str
    mandatory: bool
    #: Most passes; None for no bound.
    repeat: int | None
    children: tuple[SegmentNode | LoopNode, ...]


@dataclass(frozen=True, slots=True)
class SetType:
    """A transaction set."""

    set_id: str
    name: str
    #: Functional identifier code of the group that carries it (GS01).
    group: str
    header: tuple[SegmentNode | LoopNode, ...]
    detail: tuple[SegmentNode | LoopNode, ...]
    summary: tuple[SegmentNode | LoopNode, ...]

    @property
    def nodes(self) -> tuple[SegmentNode | LoopNode, ...]:
        """The three areas in a row, ST to SE."""
        return self.header + self.detail + self.summary


@dataclass(frozen=True)
class Release:
    """Everything known of one release."""

    name: str
    elements: Mapping[str, ElementType]
    composites: Mapping[str, CompositeType]
    segments: Mapping[str, SegmentType]
    sets: Mapping[str, SetType]

    @cached_property
    def has_repeats(self) -> bool:
        """True from the release on that knows repeated elements and the codes for them (005010)."""
        return self.name >= "005010"

    @cached_property
    def group_of(self) -> Mapping[str, str]:
        """Set id to the GS01 that carries it."""
        return MappingProxyType({set_id: definition.group for set_id, definition in self.sets.items()})

    def set_type(self, set_id: str) -> SetType:
        """The tree of a set; raises UnknownSetError listing the known ones."""
        found = self.sets.get(set_id)
        if found is None:
            raise UnknownSetError(self.name, set_id, tuple(sorted(self.sets)))
        return found

    def element_at(self, tag: str, element: int, component: int | None = None) -> ElementType | None:
        """The simple element at a 1-based position of a segment, None where there is none."""
        segment = self.segments.get(tag)
        if segment is None or not 1 <= element <= len(segment.elements):
            return None
        ref = segment.elements[element - 1].ref
        composite = self.composites.get(ref)
        if composite is not None:
            if component is None or not 1 <= component <= len(composite.elements):
                return None
            ref = composite.elements[component - 1].ref
        return self.elements.get(ref)


@lru_cache(maxsize=8)
def known_releases(workdir: Path | None = None) -> tuple[str, ...]:
    """The releases whose schema files are found, in ascending order."""
    names = (path.stem for path in iter_files(_FOLDER, "*.json", workdir))
    return tuple(sorted(name for name in names if not name.startswith(_CODES_PREFIX)))


def release_for(gs08: str, workdir: Path | None = None) -> str | None:
    """The release that GS08 names (its first six characters), None when its schema is not installed.

    Whatever follows the six characters names an industry guide ("004010VICS", "005010X231A1").
    """
    name = gs08[:6]
    return name if name in known_releases(workdir) else None


@lru_cache(maxsize=16)
def load_release(name: str, workdir: Path | None = None) -> Release:
    """The tables of one release.

    Raises UnknownReleaseError when no schema of that name is installed and SchemaFileError when its file
    cannot be read as one.
    """
    if name not in known_releases(workdir):
        raise UnknownReleaseError(name, known_releases(workdir))
    path = find(f"{_FOLDER}/{name}.json", workdir)
    try:
        raw = json.loads(path.read_text("utf-8"))
        release = _release(name, raw)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise SchemaFileError(
            f"{path.name} is not a schema of release {name}: {type(error).__name__}: {error}. "
            "Make it anew with tools/build_x12_schemas.py, or remove it to use the packaged one."
        ) from error
    _check_references(release)
    return release


@lru_cache(maxsize=16)
def _labels(release: str, workdir: Path | None) -> Mapping[str, Mapping[str, str]]:
    try:
        path = find(f"{_FOLDER}/{_CODES_PREFIX}{release}.json", workdir)
    except FileNotFoundError:
        return {}
    labels: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return labels


def code_label(release: str, element_ref: str, code: str, workdir: Path | None = None) -> str | None:
    """The short name of a code value; None when it has none, which says nothing about its validity."""
    return _labels(release, workdir).get(element_ref, {}).get(code)


def labels_of(release: str, element_ref: str, workdir: Path | None = None) -> Mapping[str, str]:
    """All named codes of one element."""
    return _labels(release, workdir).get(element_ref, {})


def element_name(release: str, tag: str, element: int, component: int | None = None) -> str | None:
    """What stands at a position of a segment, in the standard's words; None when nothing is defined there."""
    tables = load_release(release)
    segment = tables.segments.get(tag)
    if segment is None or not 1 <= element <= len(segment.elements):
        return None
    composite = tables.composites.get(segment.elements[element - 1].ref)
    if composite is not None and component is None:
        return composite.name
    found = tables.element_at(tag, element, component)
    return found.name if found else None


def _release(name: str, raw: dict[str, Any]) -> Release:
    incomplete = frozenset(raw["incomplete"])
    elements = {
        ref: ElementType(ref, row[0], row[1], row[2], row[3], frozenset(row[4].split()) if len(row) > 4 else None)
        for ref, row in raw["elements"].items()
    }
    composites = {
        ref: CompositeType(ref, row[0], tuple(map(_use, row[1])), tuple(map(_note, row[2].split())))
        for ref, row in raw["composites"].items()
    }
    segments = {
        tag: SegmentType(tag, row[0], tuple(map(_use, row[1])), tuple(map(_note, row[2].split())), tag in incomplete)
        for tag, row in raw["segments"].items()
    }
    sets = {
        set_id: SetType(set_id, row["name"], row["group"], *(tuple(map(_node, row[area])) for area in _AREAS))
        for set_id, row in raw["sets"].items()
    }
    return Release(
        name,
        MappingProxyType(elements),
        MappingProxyType(composites),
        MappingProxyType(segments),
        MappingProxyType(sets),
    )


_AREAS = ("header", "detail", "summary")


def _use(text: str) -> ElementUse:
    ref, usage, *repeat = text.split()
    return ElementUse(ref, usage == "M", _bound(repeat[0]) if repeat else 1)


def _note(text: str) -> SyntaxNote:
    return SyntaxNote(text[0], tuple(int(text[at : at + 2]) for at in range(1, len(text), 2)))


def _bound(text: str) -> int | None:
    return None if text == "*" else int(text)


def _node(raw: str | list[Any]) -> SegmentNode | LoopNode:
    if isinstance(raw, str):
        tag, usage, most = raw.split()
        return SegmentNode(tag, usage == "M", _bound(most))
    loop, usage, repeat = raw[0].split()
    return LoopNode(loop, usage == "M", _bound(repeat), tuple(map(_node, raw[1:])))


def _check_references(release: Release) -> None:
    """Every reference of the tables leads somewhere, every loop starts with a segment."""
    owners: list[SegmentType | CompositeType] = [*release.segments.values(), *release.composites.values()]
    for owner in owners:
        label = owner.tag if isinstance(owner, SegmentType) else owner.ref
        for use in owner.elements:
            if use.ref not in release.elements and use.ref not in release.composites:
                raise SchemaFileError(f"{release.name}: {label} names element {use.ref}, which is not defined.")
        for note in owner.notes:
            if note.kind not in "PRECL" or max(note.positions, default=0) > len(owner.elements):
                raise SchemaFileError(f"{release.name}: syntax note {note.text} does not fit {label}.")
    for definition in release.sets.values():
        _check_nodes(release, definition.set_id, definition.nodes)


def _check_nodes(release: Release, set_id: str, nodes: tuple[SegmentNode | LoopNode, ...]) -> None:
    for node in nodes:
        if isinstance(node, SegmentNode):
            if node.tag not in release.segments:
                raise SchemaFileError(f"{release.name}: set {set_id} names segment {node.tag}, which is not defined.")
            continue
        first = node.children[0] if node.children else None
        if not isinstance(first, SegmentNode) or not first.mandatory or first.max != 1:
            raise SchemaFileError(
                f"{release.name}: loop {node.loop} of {set_id} must start with a mandatory segment used once."
            )
        _check_nodes(release, set_id, node.children)
