"""Which fields of a document an XML map carries, as the tree that MAP-not-carried is decided by."""

from __future__ import annotations

from dataclasses import replace

from gateway.mapping.uncarried import Carried
from gateway.mapping.xml.plan import Frame, Node

__all__ = ["carried_by_frame", "has_currency"]


def carried_by_frame(frame: Frame, node: Carried | None = None, levels: int = 0) -> Carried:
    """The fields of one object; `levels` of it are units above it, which are objects of its own kind."""
    node = node if node is not None else Carried()
    slots = {0: node}
    for number in range(1, levels + 1):
        slots[number] = node
    for group in frame.groups:
        target = slots[group.slot].at(group.items)
        for rule in group.rules:
            for path, _ in rule.constants:
                target.at(path)
            if rule.frame is None:
                slots.update({slot.number: target for slot in frame.slots if slot.rule is rule})
                continue
            if rule.under:
                target.inner[rule.children] = target
                for level in rule.under:
                    for path, _ in level.constants:
                        target.at(path)
            carried_by_frame(rule.frame, target, len(rule.under))
            if rule.wrapper is not None:
                carried_by_frame(replace(rule.wrapper, groups=[]), target)
    for leaf in frame.leaves:
        for path in leaf.paths:
            if path:
                slots[leaf.slot].at(path)
        if leaf.source is not None and leaf.source.own is not None:
            slots[leaf.slot].at(leaf.source.own)
    for price in frame.prices:
        slots[price.slot].at(price.field)
    _constants(frame.root, slots)
    return node


def has_currency(frame: Frame) -> bool:
    """Whether some amount carries the document's currency beside it."""
    return _follows(frame.root) or any(
        has_currency(rule.frame) for group in frame.groups for rule in group.rules if rule.frame is not None
    )


def _follows(node: Node) -> bool:
    if any(leaf.source is not None and leaf.source.name == "currency" for leaf in node.attributes.values()):
        return True
    return any(_follows(edge.node) for edge in node.edges if edge.rule is None)


def _constants(node: Node, slots: dict[int, Carried]) -> None:
    for slot, path, _ in node.constants:
        slots[slot].at(path)
    for edge in node.edges:
        if edge.rule is None:
            _constants(edge.node, slots)
