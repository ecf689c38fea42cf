"""An element as we are about to write it: light to make, easy to put things into, turned into lxml at the end."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from gateway.mapping.xml.places import Names, Place, PlaceError
from gateway.mapping.xml.plan import Edge, rank_of

__all__ = ["Out", "build", "child_place"]


class Out:
    """One element to write."""

    __slots__ = ("attributes", "children", "element", "name", "number", "place", "rank", "text")

    def __init__(self, name: str, place: Place, rank: int = 0, number: int = 0) -> None:
        """`number` is that of the rule among those of its name, `rank` its place among its siblings."""
        self.name = name
        self.place = place
        self.rank = rank
        self.number = number
        self.text: str | None = None
        self.attributes: dict[str, str] = {}
        self.children: list[Out] = []
        #: For what was kept: the element itself.
        self.element: etree._Element | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing stands in it."""
        return not self.children and not self.attributes and self.text is None and self.element is None

    def find(self, name: str, number: int = 0) -> Out | None:
        """The child that a rule made."""
        for child in self.children:
            if child.name == name and child.number == number and child.element is None:
                return child
        return None

    def insert(self, child: Out) -> Out:
        """Put a child behind those of its rank."""
        place = len(self.children)
        while place > 0 and self.children[place - 1].rank > child.rank:
            place -= 1
        self.children.insert(place, child)
        return child

    def made(self, edges: Sequence[Edge]) -> Out:
        """The element at the end of the edges, made if need be."""
        here = self
        for edge in edges:
            below = here.find(edge.name, edge.number)
            if below is None:
                below = here.insert(Out(edge.name, edge.node.place, edge.rank, edge.number))
            here = below
        return here

    def reached(self, edges: Sequence[Edge]) -> Out | None:
        """The element at the end of the edges, if it is there."""
        here: Out | None = self
        for edge in edges:
            here = here.find(edge.name, edge.number) if here is not None else None
        return here

    def step(self, name: str, number: int) -> Out:
        """A child by name, made if need be."""
        below = self.find(name, number)
        if below is None:
            rank = rank_of(self.place, name, number)
            below = self.insert(Out(name, child_place(self.place, name), rank, number))
        return below


def child_place(place: Place, name: str) -> Place:
    """The place of a child; one where anything may stand for a child that the schema does not have."""
    try:
        return place.step(name)
    except PlaceError:
        return Place(place.structure, name, None)


def build(out: Out, names: Names) -> etree._Element:
    """The whole document as lxml elements, every namespace declared once at the root."""
    root = etree.Element(names.tag(out.name), nsmap=names.declared)
    _fill(root, out, names)
    return root


def _fill(element: etree._Element, out: Out, names: Names) -> None:
    for name, value in out.attributes.items():
        element.set(names.attribute_key(name), value)
    if out.text is not None:
        element.text = out.text
    for child in out.children:
        if child.element is not None:
            kept = child.element
            kept.tail = None
            element.append(kept)
        else:
            _fill(etree.SubElement(element, names.tag(child.name)), child, names)
