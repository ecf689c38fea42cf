"""The short way for list entries of one text: most entries there are, and nothing of them has to be remembered.

An entry that is just what our writer makes of it (one text in one element, or in one child of it, with no attribute but
the constants of the map) is made at once. Anything else about the element, and it is read the general way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml import etree

from gateway.mapping.xml.leaves import VALUE_TAKEN, plain_field
from gateway.mapping.xml.notes import ReadFrame, ReadState, inside
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import ListRule, Node
from gateway.mapping.xml.steps import Step
from gateway.mapping.xml.values import WHITE

__all__ = ["quick_entry_step"]

#: Field of the text, and the attributes that must stand beside it.
_Simple = tuple[str, list[tuple[str, str]]]
#: (field, text, frame, state) → VALUE_TAKEN.
_Add = Callable[[str, str, ReadFrame, ReadState], int]


def quick_entry_step(rule: ListRule, names: Names, general: Step) -> Step:
    """`general` with the short way in front of it, where the rule makes entries that can take it."""
    frame = rule.frame
    deep = any(len(path) != 1 for path, _ in rule.constants)
    if frame is None or frame.width != 1 or frame.prices or rule.under or deep:
        return general
    root = frame.root
    if root.slots or root.constants:
        return general
    if root.is_leaf and not root.edges:
        simple = _simple(root, names, root)
        return general if simple is None else _text_step(rule, simple, general)
    if root.text is not None or any(leaf.source is not None for leaf in root.attributes.values()):
        return general
    below = {}
    for edge in root.edges:
        plain = edge.rule is None and edge.alternative is None and not edge.when and not edge.unless
        shared = sum(other.name == edge.name for other in root.edges) > 1
        simple = _simple(edge.node, names, root) if plain and not shared and edge.node.is_leaf else None
        if simple is not None:
            below[names.tag(edge.name)] = simple
    return _child_step(rule, below, general) if below else general


def _simple(node: Node, names: Names, root: Node) -> _Simple | None:
    """The text of a leaf; None when there is more to it than a field and constant attributes."""
    field = plain_field(node.text) if node.text is not None else None
    if field is None or node.slots or node.constants or (node is not root and node.forced):
        return None
    if any(leaf.source is not None for leaf in node.attributes.values()):
        return None
    constants = [
        (names.attribute_key(name), leaf.constant)
        for name, leaf in node.attributes.items()
        if leaf.constant is not None
    ]
    # What must be written beside the text: it has to be here already.
    forced = [leaf for leaf in root.forced if leaf not in node.attributes.values() or leaf.constant is None]
    if forced or len(constants) > 1:
        return None
    return field[1], constants


def _adder(rule: ListRule) -> _Add:
    """A function that appends an entry of one field to the list of the rule."""
    slot, nested, items = rule.group.slot, rule.group.items[:-1], rule.group.items[-1]
    constants = {path[0]: word for path, word in rule.constants}
    anchor, tracked, key, number = rule.anchor, not rule.group.sure, rule.group.key, rule.number

    def add(name: str, text: str, frame: ReadFrame, state: ReadState) -> int:
        entry: Any = text
        if not rule.scalar:
            entry = {"anchor": state.anchor(anchor)} if anchor else {}
            entry[name] = text
            if constants:
                entry = constants | entry
        target = frame.targets[slot]
        (inside(target, nested) if nested else target).setdefault(items, []).append(entry)
        if tracked:
            frame.assigned.setdefault(key, []).append(number)
        return VALUE_TAKEN

    return add


def _text_step(rule: ListRule, simple: _Simple, general: Step) -> Step:
    """An element whose own text is the entry."""
    name, attributes = simple
    add = _adder(rule)

    def text_entry(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        text = child.text
        if not text or text.strip(WHITE) is not text or len(child) or child.items() != attributes:
            return general(child, frame, state)
        return add(name, text, frame, state)

    return text_entry


def _child_step(rule: ListRule, below: dict[str, _Simple], general: Step) -> Step:
    """An element with one child whose text is the entry."""
    add = _adder(rule)

    def child_entry(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        children = child[:]
        if len(children) != 1 or state.mixed or child.items():
            return general(child, frame, state)
        inner = children[0]
        tag: Any = inner.tag
        simple = below.get(tag)
        text = inner.text
        around, tail = child.text, inner.tail
        if (
            simple is None
            or not text
            or text.strip(WHITE) is not text
            or len(inner)
            or inner.items() != simple[1]
            or (around and around.strip(WHITE))
            or (tail and tail.strip(WHITE))
        ):
            return general(child, frame, state)
        return add(simple[0], text, frame, state)

    return child_entry
