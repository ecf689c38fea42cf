"""The rules of an XML map laid out along the elements: one tree of nodes for each kind of object.

A *frame* is what one object is read from and written to: the document, or the element of one list entry. Its nodes are
the elements below it, each once, whatever number of rules pass through; edges lead to child elements, in the order of
the schema. Reader and writer are both made of this plan, so that they agree on every place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.mapping.rules import Path, Where
from gateway.mapping.xml.places import Place
from gateway.mapping.xml.rules import (
    Condition,
    Constants,
    Source,
    UnderLevel,
)
from gateway.mapping.xml.values import XmlConverter

__all__ = [
    "INNER",
    "UNKNOWN",
    "Alternative",
    "Edge",
    "Frame",
    "Group",
    "Leaf",
    "ListRule",
    "Node",
    "Slot",
    "rank_of",
]

#: Position of an element that the schema does not have at its place.
UNKNOWN: Final = 9999
#: Name of the list of entries within a wrapper; the document has them in its own list.
INNER: Final = ("*",)
#: Rules that may share one element name at one place.
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several places that fill the same field or part."""

    #: The field's path, with its slot.
    key: str
    #: From 1, in the order of the rules; the first is written unless another was read.
    number: int


@dataclass(slots=True, eq=False)
class Leaf:
    """A text or attribute that a rule is for."""

    #: Below the frame's element: "cac:LineItem/cbc:Quantity/@unitCode".
    at: str
    attribute: str
    slot: int
    paths: tuple[Path, ...] = ()
    converter: XmlConverter | None = None
    constant: str | None = None
    default: str | None = None
    required: bool = False
    source: Source | None = None
    alternative: Alternative | None = None
    #: Alternatives of a part around it.
    context: str = ""
    #: Made without a rule: the currency of an amount.
    implied: bool = False
    #: A constant or default makes its element; an attribute that is `optional` waits for one.
    makes: bool = True
    #: Price rule and part ("amount", "quantity", "unit") that it belongs to.
    price: tuple[Price, str] | None = None
    #: Edges from the owner of the leaf to its element.
    way: tuple[Edge, ...] = ()


@dataclass(slots=True, eq=False)
class Price:
    """A price rule within a frame."""

    slot: int
    #: Field and base with the part they stand in.
    field: Path
    base: Path


@dataclass(slots=True, eq=False)
class Slot:
    """A second object that is read from the same element: `element: .` with a list, or a level of `under`."""

    number: int
    #: The rule that lists it; None for a level of `under`.
    rule: ListRule | None = None


@dataclass(slots=True, eq=False)
class Node:
    """One element within a frame."""

    name: str
    tag: str
    place: Place
    #: Path below the frame's element; "" for that element itself.
    path: str
    text: Leaf | None = None
    attributes: dict[str, Leaf] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    #: Leaves with a constant or default below the rule of this element.
    forced: list[Leaf] = field(default_factory=list)
    required: list[Leaf] = field(default_factory=list)
    #: (slot, path, word) that a context step sets.
    constants: list[tuple[int, Path, str]] = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Rules take its text and nothing below it: without the text it is nothing."""
        return self.text is not None and not self.edges

    @property
    def holds_elements(self) -> bool:
        """Whether elements may stand in it by the schema (cXML: Description, Comments)."""
        return self.place.type is not None and bool(self.place.structure.children(self.place.type))


@dataclass(slots=True, eq=False)
class Edge:
    """A child element that a rule is for."""

    name: str
    #: Tells rules apart that share a name at one place; rules of one list share their number.
    number: int
    rank: int
    node: Node
    #: The list whose entry it makes; None for a step on the way.
    rule: ListRule | None = None
    alternative: Alternative | None = None
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()


@dataclass(slots=True, eq=False)
class ListRule:
    """A rule that makes entries of a list."""

    number: int
    group: Group
    anchor: str
    scalar: bool
    constants: Constants
    where: Where
    #: Conditions of the rule with the leaf that carries the value; None when it is written as a constant.
    tests: list[tuple[Leaf, Condition, bool]] = field(default_factory=list)
    #: Most entries in one object; None when there is no limit.
    room: int | None = None
    frame: Frame | None = None
    under: tuple[UnderLevel, ...] = ()
    children: str = ""
    #: The frame of the element around neighbouring entries, and the rule of the entries within it.
    wrapper: Frame | None = None
    inner: ListRule | None = None


@dataclass(slots=True, eq=False)
class Group:
    """All rules of one frame that fill the same list."""

    slot: int
    items: Path
    key: str
    rules: list[ListRule] = field(default_factory=list)
    #: Reading and writing cannot disagree on the rule of an entry.
    sure: bool = True
    #: Rules whose entries the writer gives back to them whatever they hold.
    settled: frozenset[int] = frozenset()
    #: Rules whose entries the writer gives back to them as long as they meet the rule's own tests.
    tested: frozenset[int] = frozenset()
    #: Alternatives of parts around it: it is written only where these are chosen.
    within: tuple[Alternative, ...] = ()


@dataclass(slots=True, eq=False)
class Frame:
    """What one object is read from and written to."""

    root: Node
    #: Objects read from this element: the first, and those of `element: .` and `under`.
    width: int = 1
    groups: list[Group] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)


def rank_of(place: Place, name: str, number: int = 0) -> int:
    """Where a child stands among its siblings: by the schema, then by the order of the rules."""
    position = place.structure.position(place.type, name) if place.type is not None else None
    return (UNKNOWN if position is None else position) * _WIDTH + number
