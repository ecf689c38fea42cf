"""Writing: rules compiled to closures that make segments from a document's fields, in the order of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from gateway.mapping.elements import Fill, accepts, filler, getter, needed_names
from gateway.mapping.reader import matches
from gateway.mapping.rules import Groups, HierarchyRule, LoopRule, Path, Rule, SegmentRule
from gateway.mapping.scopes import Item, Scope, Written
from gateway.mapping.state import Claims, WriteState

__all__ = ["BlockWriter", "compile_writer"]

_NOTHING: frozenset[str] = frozenset()


class BlockWriter:
    """The rules of one place, ready to write."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the rules; inner loops are compiled with them."""
        #: Each with the field whose emptiness means that there is nothing to write, None when it is not that simple.
        self.writers = [(_gate(rule), _compile(rule)) for rule in rules]
        self.shared = [(path, getter(path)) for path in _lists(rules)]

    def write(self, target: Any, scope: Scope, state: WriteState) -> None:
        """Write one object into a scope."""
        claims: Claims = {}
        for gate, writer in self.writers:
            if gate is None or getattr(target, gate):
                writer.write(target, scope, state, claims)
        if state.strict:
            for path, get in self.shared:
                items = get(target)
                if items and len(claims.get(path, _NOTHING)) != len(items):
                    self._report(path, len(items), claims.get(path, set()), state)

    @staticmethod
    def _report(path: Path, count: int, claimed: set[int], state: WriteState) -> None:
        for index in range(count):
            if index not in claimed:
                state.not_carried(f"{state.where(path)}[{index}]", "no rule of the map is for this entry")


def compile_writer(rules: Sequence[Rule]) -> BlockWriter:
    """The writer of one section."""
    return BlockWriter(rules)


def _lists(rules: Iterable[Rule]) -> list[Path]:
    found: list[Path] = []
    for rule in rules:
        path = None if isinstance(rule, HierarchyRule) else rule.items
        if isinstance(rule, SegmentRule):
            path = path or rule.spread
        if path is not None and path not in found:
            found.append(path)
    return found


def _gate(rule: Rule) -> str | None:
    if isinstance(rule, HierarchyRule):
        return rule.items[0]
    path = rule.items
    if isinstance(rule, SegmentRule):
        path = path or rule.spread
    if path is None and rule.part is not None and not (isinstance(rule, SegmentRule) and rule.always):
        path = rule.part
    return path[0] if path is not None else None


def _compile(rule: Rule) -> _SegmentWriter | _LoopWriter | _HierarchyWriter:
    if isinstance(rule, SegmentRule):
        return _SegmentWriter(rule)
    return _LoopWriter(rule) if isinstance(rule, LoopRule) else _HierarchyWriter(rule)


class _SegmentWriter:
    """One segment rule."""

    def __init__(self, rule: SegmentRule) -> None:
        self.rule = rule
        last = [item.element for item in rule.fields] + [group.last for group in rule.groups]
        self.blank = [""] * max(last, default=0)
        self.fills: list[tuple[tuple[str, str] | None, Fill]] = []
        self.constants: list[tuple[int, str]] = []
        self.defaults: list[tuple[int, str]] = []
        for item in rule.fields:
            if item.constant is not None:
                self.constants.append((item.element - 1, item.constant))
                continue
            self.fills.append((needed_names(item), filler(item)))
            if item.default is not None:
                self.defaults.append((item.element - 1, item.default))
        self.required = [item for item in rule.fields if item.required]
        self.groups = [
            (group, getter(group.items or ()), [filler(item) for item in group.fields]) for group in rule.groups
        ]
        self.path = rule.items or rule.spread
        self.get = getter(self.path or rule.part or ())
        self.name = ".".join(self.path or ())

    def write(self, target: Any, scope: Scope, state: WriteState, claims: Claims) -> None:
        """Write the segments of this rule for one object."""
        source = self.get(target)
        if self.path is None:
            if source is not None or self.rule.always:
                state.path.extend(self.rule.part or ())
                written = self._segment(source, scope, state)
                del state.path[len(state.path) - len(self.rule.part or ()) :]
                if written is not None:
                    scope.items.append(written)
        elif source:
            claimed = claims.setdefault(self.path, set())
            if self.rule.spread is not None:
                self._spread(source, scope, state, claimed)
            else:
                self._repeat(source, scope, state, claimed)

    def _repeat(self, items: Sequence[Any], scope: Scope, state: WriteState, claimed: set[int]) -> None:
        rule = self.rule
        for index, item in enumerate(items):
            if index not in claimed and (not rule.where or accepts(item, rule.where)):
                marks = state.marks()
                state.path.append(f"{self.name}[{index}]")
                written = self._segment(item, scope, state)
                state.path.pop()
                if written is not None and matches(written[1], rule.when, rule.unless):
                    scope.items.append(written)
                    claimed.add(index)
                elif rule.when or rule.unless:
                    state.back_to(marks)

    def _segment(self, source: Any, scope: Scope, state: WriteState) -> Written | None:
        """One segment, or None when no field of it has a value."""
        elements = self.blank.copy()
        filled = self._fill(source, elements, state)
        for group, get, fills in self.groups:
            items = get(source) if source is not None else None
            if items:
                self._group(items, group, fills, elements, state)
                filled = True
        if not filled and not self.rule.always:
            return None
        for index, default in self.defaults:
            if not elements[index]:
                elements[index] = default
        for item in self.required:
            if not elements[item.element - 1]:
                state.missing(scope.anchor, self.rule.tag, item.element, item.path)
        return self._finish(elements)

    def _fill(self, source: Any, elements: list[str], state: WriteState) -> bool:
        known = source.__pydantic_fields_set__ if isinstance(source, BaseModel) else None
        filled = False
        for names, fill in self.fills:
            if names is not None and known is not None and names[0] not in known and names[1] not in known:
                continue
            if fill(source, elements, state):
                filled = True
        return filled

    def _finish(self, elements: list[str]) -> Written | None:
        for index, constant in self.constants:
            elements[index] = constant
        while elements and not elements[-1]:
            elements.pop()
        return (self.rule.tag, tuple(elements)) if elements else None

    def _group(
        self, items: Sequence[Any], group: Groups, fills: list[Fill], elements: list[str], state: WriteState
    ) -> None:
        for index, item in enumerate(items):
            if index < group.room:
                _place(item, group, fills, elements, index, state)
            else:
                where = f"{state.where(group.items)}[{index}]"
                state.not_carried(where, f"{self.rule.tag} has room for {group.room} entries")

    def _spread(self, items: Sequence[Any], scope: Scope, state: WriteState, claimed: set[int]) -> None:
        group, _, fills = self.groups[0]
        shared: list[str] | None = None
        elements: list[str] = []
        count = 0
        for index, item in enumerate(items):
            if index in claimed or (self.rule.where and not accepts(item, self.rule.where)):
                continue
            claimed.add(index)
            state.path.append(f"{self.name}[{index}]")
            common = self.blank.copy()
            self._fill(item, common, state)
            if common != shared or count == group.room:
                self._flush(elements, scope)
                shared, elements, count = common, common.copy(), 0
            _place(item, group, fills, elements, count, state)
            state.path.pop()
            count += 1
        self._flush(elements, scope)

    def _flush(self, elements: list[str], scope: Scope) -> None:
        if elements:
            for index, default in self.defaults:
                elements[index] = elements[index] or default
            written = self._finish(elements)
            if written is not None:
                scope.items.append(written)


def _place(item: Any, group: Groups, fills: list[Fill], elements: list[str], index: int, state: WriteState) -> None:
    """One entry into its group of elements."""
    part = [""] * group.width
    for fill in fills:
        fill(item, part, state)
    start = group.first - 1 + index * group.width
    elements[start : start + group.width] = part


class _LoopWriter:
    """One loop rule."""

    def __init__(self, rule: LoopRule) -> None:
        self.rule = rule
        self.block = BlockWriter(rule.rules)
        self.get = getter(rule.items if rule.items is not None else rule.part or ())
        self.name = ".".join(rule.items or ())
        self.ranks = rule.ranks or {}

    def write(self, target: Any, scope: Scope, state: WriteState, claims: Claims) -> None:
        """Write every pass of the loop for one object."""
        source, rule = self.get(target), self.rule
        if rule.items is None:
            if source is not None:
                self.block.write(source, scope, state)
            return
        if not source:
            return
        claimed = claims.setdefault(rule.items, set())
        for index, item in enumerate(source):
            if index not in claimed and (not rule.where or accepts(item, rule.where)):
                state.path.append(f"{self.name}[{index}]")
                if self._pass(item, scope, state):
                    claimed.add(index)
                state.path.pop()

    def _pass(self, item: Any, scope: Scope, state: WriteState) -> bool:
        """Write one entry; False when the rule's conditions say it is not for this rule."""
        rule = self.rule
        inner = Scope(item.anchor if rule.anchor else scope.anchor, self.ranks)
        marks = state.marks()
        self.block.write(item, inner, state)
        first: Item | None = inner.items[0] if inner.items else None
        if rule.when or rule.unless:
            if not isinstance(first, tuple) or not matches(first[1], rule.when, rule.unless):
                state.back_to(marks)
                return False
        elif inner.trigger != rule.trigger and state.strict and _has_values(item):
            state.lacking(None, f"nothing stands in {rule.trigger}, which starts this part. Say what it is.")
        if rule.anchor:
            inner.anchor = state.claim(item.anchor)
            scope.items.append(inner)
        else:
            scope.items.extend(inner.items)
        return True


def _has_values(item: Any) -> bool:
    return isinstance(item, BaseModel) and any(getattr(item, name) for name in item.model_fields_set - {"anchor"})


class _HierarchyWriter:
    """The tree of units as flat HL loops, parents first."""

    def __init__(self, rule: HierarchyRule) -> None:
        self.rule = rule
        self.blocks = {level: BlockWriter(rules) for level, rules in rule.levels.items()}
        self.level = filler(rule.level)
        self.get = getter(rule.items)
        self.ranks = rule.ranks or {}

    def write(self, target: Any, scope: Scope, state: WriteState, _claims: Claims) -> None:
        """Write the whole tree."""
        self._units(self.get(target) or (), "", ".".join(self.rule.items), scope, state)

    def _units(self, units: Sequence[Any], parent: str, name: str, scope: Scope, state: WriteState) -> None:
        for index, unit in enumerate(units):
            state.path.append(f"{name}[{index}]")
            number = str(len(scope.items) + 1)
            below = getattr(unit, self.rule.children)
            elements = [number, parent, "", "1" if below else "0"]
            self._level(unit, elements, state)
            inner = Scope(unit.anchor, self.ranks, [(self.rule.loop, tuple(elements))])
            block = self.blocks.get(elements[2]) or self.blocks.get("*")
            if block is not None:
                block.write(unit, inner, state)
            inner.anchor = state.claim(unit.anchor)
            scope.items.append(inner)
            self._units(below, number, self.rule.children, scope, state)
            state.path.pop()

    def _level(self, unit: Any, elements: list[str], state: WriteState) -> None:
        if not self.level(unit, elements, state):
            state.missing(unit.anchor, self.rule.loop, 3, self.rule.level.path)
