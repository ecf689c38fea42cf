"""Leaves that repeat what stands above them: the lines of a ship notice as a tree of order, pack and item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from gateway.mapping.xml.choice import held, word_of
from gateway.mapping.xml.find import finder
from gateway.mapping.xml.notes import ReadFrame, ReadState, Values, inside
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import ListRule
from gateway.mapping.xml.rules import Constants

__all__ = ["Branch", "UnderReader", "leaves_below"]


class UnderReader:
    """Finds, for a leaf just read, the list it belongs into; units above it are shared with its neighbour."""

    def __init__(self, rule: ListRule, names: Names) -> None:
        """Keys are looked up on the leaf's element."""
        self.rule = rule
        self.keys = [[finder(at, names) for at in level.key] for level in rule.under]

    def place(
        self, element: etree._Element, leaf: ReadFrame, items: list[Any], frame: ReadFrame, state: ReadState
    ) -> list[Any]:
        """The list of the nearest unit above. A unit is shared while its key and its fields are the same."""
        levels = self.rule.under
        known = frame.open.setdefault(self.rule, [None] * len(levels))
        shared = True
        for index, level in enumerate(levels):
            key = next((text for find in self.keys[index] if (text := find(element))), None)
            values = leaf.targets[index + 1]
            before = known[index]
            if level.optional and key is None and not values:
                shared = shared and before is None
                known[index] = None
                continue
            if not (shared and before is not None and before[0] == key and before[1] == values):
                unit: Values = dict(values)
                if level.anchor:
                    unit["anchor"] = state.anchor(level.anchor)
                for path, word in level.constants:
                    inside(unit, path[:-1]).setdefault(path[-1], word)
                items.append(unit)
                known[index] = before = (key, values, unit)
                shared = False
            items = before[2].setdefault(self.rule.children, [])
        return items


class Branch:
    """A leaf of a tree of units with the units above it, one for each level of the rule."""

    __slots__ = ("above", "leaf", "path")

    def __init__(self, leaf: Any, above: list[Any], path: str) -> None:
        """`path` is the leaf's path in the JSON form, below the object that holds the tree."""
        self.leaf = leaf
        self.above = above
        self.path = path


def leaves_below(rule: ListRule, items: Sequence[Any], path: str) -> Iterator[Branch | str]:
    """Every leaf in order; a text is the path of a unit that no element can carry."""
    yield from _walk(rule, items, path, [None] * len(rule.under))


def _walk(rule: ListRule, items: Sequence[Any], path: str, above: list[Any]) -> Iterator[Branch | str]:
    for index, unit in enumerate(items):
        place = f"{path}[{index}]"
        below = getattr(unit, rule.children, None) or []
        if _is(unit, rule.constants):
            yield Branch(unit, above, place)
            yield from (f"{place}.{rule.children}[{inner}]" for inner in range(len(below)))
            continue
        level = next((number for number, level in enumerate(rule.under) if _is(unit, level.constants)), None)
        inner_above = above
        if level is None:
            yield place
        else:
            inner_above = [*above[:level], unit, *([None] * (len(above) - level - 1))]
        if not below:
            if level is not None:
                yield place
            continue
        yield from _walk(rule, below, f"{place}.{rule.children}", inner_above)


def _is(unit: Any, constants: Constants) -> bool:
    return all(word_of(held(unit, path)) == word for path, word in constants)
