"""Which fields of a document the map does not carry, so that nothing set by hand is lost in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from gateway.mapping.rules import Field, HierarchyRule, LoopRule, Path, Rule, SegmentRule
from gateway.mapping.state import WriteState

__all__ = ["Carried", "carried_by", "report_uncarried"]

#: Fields of the envelope and of bookkeeping: they travel in the interchange or stay at home.
_OURS = frozenset(
    {
        "anchor",
        "direction",
        "envelope",
        "extensions",
        "id",
        "kind",
        "links",
        "price_base",
        "receiver",
        "role",
        "schema_version",
        "sender",
        "test",
    }
)


@dataclass
class Carried:
    """Names of the fields that some rule reads or writes, as a tree."""

    inner: dict[str, Carried] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[str]:
        """Fields carried here, and those that are no business of a map."""
        return _OURS.union(self.inner)

    @cached_property
    def branches(self) -> list[tuple[str, Carried]]:
        """Fields that hold objects or lists of objects."""
        return [(name, node) for name, node in self.inner.items() if node.inner]

    def at(self, path: Path) -> Carried:
        """The node of a path, made if need be."""
        node = self
        for name in path:
            node = node.inner.setdefault(name, Carried())
        return node


def carried_by(rules: Sequence[Rule], node: Carried | None = None) -> Carried:
    """The fields that the rules carry."""
    node = node if node is not None else Carried()
    for rule in rules:
        if isinstance(rule, SegmentRule):
            _segment(rule, node)
        elif isinstance(rule, LoopRule):
            carried_by(rule.rules, node.at(rule.items or rule.part or ()))
        else:
            _hierarchy(rule, node)
    return node


def _hierarchy(rule: HierarchyRule, node: Carried) -> None:
    unit = node.at(rule.items)
    unit.inner[rule.children] = unit
    _fields([rule.level], unit)
    for rules in rule.levels.values():
        carried_by(rules, unit)


def _segment(rule: SegmentRule, node: Carried) -> None:
    inner = node.at(rule.items or rule.spread or rule.part or ())
    _fields(rule.fields, inner)
    for group in rule.groups:
        _fields(group.fields, inner.at(group.items or ()))


def _fields(fields: Sequence[Field], node: Carried) -> None:
    for item in fields:
        for path in (item.path, item.raw_path, item.condition):
            if path:
                node.at(path)


def report_uncarried(document: BaseModel, carried: Carried, state: WriteState) -> None:
    """A finding MAP-not-carried for every value set in the document that no rule carries."""
    _object(document, carried, "", state)


def _object(value: BaseModel, carried: Carried, path: str, state: WriteState) -> None:
    known = value.__pydantic_fields_set__
    for name in sorted(known - carried.names):
        held = getattr(value, name)
        if held is not None and held not in ([], ""):
            state.not_carried(f"{path}.{name}" if path else name, "no rule of the map is for this field")
    for name, node in carried.branches:
        held = getattr(value, name)
        if held:
            _value(held, node, f"{path}.{name}" if path else name, state)


def _value(held: Any, node: Carried, path: str, state: WriteState) -> None:
    if isinstance(held, list):
        for index, item in enumerate(held):
            _value(item, node, f"{path}[{index}]", state)
    elif isinstance(held, BaseModel):
        _object(held, node, path, state)
