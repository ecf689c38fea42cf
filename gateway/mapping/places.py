"""Places of a set that a rule may name, and the order of what stands there; taken from the release's schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.standards.edi.schema import LoopNode, SegmentNode, SetType

__all__ = ["Place", "section_place"]


@dataclass(frozen=True)
class Place:
    """One level of a set: a section or a loop."""

    #: For messages: "the header of 850", "loop N1 of the header of 850".
    name: str
    nodes: tuple[SegmentNode | LoopNode, ...]

    @property
    def trigger(self) -> str:
        """The segment a loop starts with."""
        first = self.nodes[0]
        return first.tag if isinstance(first, SegmentNode) else first.loop

    @cached_property
    def segments(self) -> frozenset[str]:
        """Segments directly at this place."""
        return frozenset(node.tag for node in self.nodes if isinstance(node, SegmentNode)) - {"ST", "SE"}

    @cached_property
    def loops(self) -> Mapping[str, Place]:
        """Loops directly at this place."""
        return {
            node.loop: Place(f"loop {node.loop} of {self.name}", node.children)
            for node in self.nodes
            if isinstance(node, LoopNode)
        }

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Tag or loop → place in the order; what stands deeper has the place of its outermost loop."""
        ranks: dict[str, int] = {}
        for rank, node in enumerate(self.nodes):
            ranks.setdefault(node.tag if isinstance(node, SegmentNode) else _first_tag(node), rank)
        for rank, node in enumerate(self.nodes):
            if isinstance(node, LoopNode):
                for tag in _tags(node.children):
                    ranks.setdefault(tag, rank)
        return ranks


def _first_tag(node: LoopNode) -> str:
    first = node.children[0]
    return first.tag if isinstance(first, SegmentNode) else first.loop


def _tags(nodes: Sequence[SegmentNode | LoopNode]) -> list[str]:
    found: list[str] = []
    for node in nodes:
        found += [node.tag] if isinstance(node, SegmentNode) else _tags(node.children)
    return found


def section_place(definition: SetType, section: str) -> Place:
    """The header, detail or summary of a set."""
    return Place(f"the {section} of {definition.set_id}", getattr(definition, section))
