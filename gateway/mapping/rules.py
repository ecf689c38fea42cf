"""The rules of a map as values: what `parse` makes of the text and the compilers turn into closures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.mapping.converters import Converter

__all__ = ["Field", "Groups", "HierarchyRule", "LoopRule", "Path", "Rule", "SegmentRule", "Where"]

#: A field below the current object: attribute names; () is the entry itself.
Path = tuple[str, ...]
#: Conditions on fields of an entry when writing: any of the fields has an allowed value; None = all absent,
#: True = any present.
Where = tuple[tuple[tuple[Path, ...], frozenset[str] | bool | None], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One element (or component) and what it carries."""

    #: 1-based element number; within groups, the 1-based place in the group.
    element: int
    #: 1-based component, 0 for the whole element.
    component: int = 0
    path: Path = ()
    #: For `word`: the field that keeps the partner's code beside the word in `path`.
    raw_path: Path | None = None
    converter: Converter | None = None
    constant: str | None = None
    default: str | None = None
    required: bool = False
    #: ("count", tag) or ("sum", tag, element).
    compute: tuple[str, str, int] | None = None
    #: A computed element is written only if this field is set; it gets the received value.
    condition: Path | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """Elements in equal groups, each an entry of a list (PO106-107, 108-109 …)."""

    first: int
    last: int
    fields: tuple[Field, ...]
    #: The list, or None within a spread.
    items: Path | None = None

    @property
    def width(self) -> int:
        """Elements in one group."""
        return len(self.fields)

    @property
    def room(self) -> int:
        """Most groups in one segment."""
        return (self.last - self.first + 1) // len(self.fields)


Conditions = tuple[tuple[int, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """A segment: into the current object, a part of it, one entry each, or one entry for each group."""

    id: str
    tag: str
    fields: tuple[Field, ...]
    groups: tuple[Groups, ...] = ()
    items: Path | None = None
    part: Path | None = None
    spread: Path | None = None
    when: Conditions = ()
    unless: Conditions = ()
    where: Where = ()
    always: bool = False


@dataclass(frozen=True, slots=True)
class LoopRule:
    """A loop: one object for each pass, one part of the object, or the object itself."""

    id: str
    loop: str
    trigger: str
    rules: tuple[Rule, ...]
    items: Path | None = None
    part: Path | None = None
    anchor: str = ""
    when: Conditions = ()
    unless: Conditions = ()
    where: Where = ()
    #: Tag → place within the loop, for putting back what the map does not know.
    ranks: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class HierarchyRule:
    """The HL loops as a tree of units."""

    id: str
    loop: str
    items: Path
    children: str
    anchor: str
    level: Field
    #: Rules for each level code; "*" for the rest.
    levels: Mapping[str, tuple[Rule, ...]]
    ranks: Mapping[str, int] | None = None


Rule = SegmentRule | LoopRule | HierarchyRule
