"""Reading: rules compiled to closures that fill a plain tree of values from a set's loop tree.

Every received item is noted under its anchor, with whether a rule took it: that is what the complement compares with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.mapping.rules import (
    Conditions,
    Field,
    Groups,
    HierarchyRule,
    LoopRule,
    Path,
    Rule,
    SegmentRule,
)
from gateway.standards.edi.model import COMPONENT, Finding, LoopInstance, Segment

__all__ = ["BlockReader", "ReadState", "Received", "compile_reader"]

Values = dict[str, Any]
#: A received segment and whether a rule took it, or the anchor of an object.
Received = tuple[Segment, bool] | str
_Action = Callable[[str, Values, "ReadState", Segment, int], None]


@dataclass(slots=True)
class ReadState:
    """What is collected while one set is read."""

    findings: list[Finding] = field(default_factory=list)
    #: Anchor → what was received there, in order.
    anchors: dict[str, list[Received]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def new_anchor(self, prefix: str) -> str:
        """The next anchor of a prefix, with an empty list of items."""
        count = self.counts.get(prefix, 0) + 1
        self.counts[prefix] = count
        anchor = f"{prefix}{count}"
        self.anchors[anchor] = []
        return anchor

    def unreadable(self, segment: Segment, element: int, value: str, reason: str) -> None:
        """A value that a converter cannot take: it stays in the extensions."""
        shown = value.replace(COMPONENT, ":")[:99]
        self.findings.append(
            Finding(
                code="MAP-unreadable-value",
                severity="warning",
                message=f"{segment.tag} segment {segment.position}, element {segment.tag}{element:02d}: "
                f'"{shown}" is kept as text only, because {reason}.',
                fix="Ask the partner for the form of the standard, or adapt the map for this partner.",
                segment=segment.tag,
                position=segment.position,
                element=element,
                value=shown,
            )
        )


class BlockReader:
    """The rules of one place, ready to read."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the rules; inner loops are compiled with them."""
        self.segments: dict[str, list[_SegmentReader]] = {}
        self.loops: dict[str, list[_LoopReader]] = {}
        self.hierarchy: _HierarchyReader | None = None
        for rule in rules:
            if isinstance(rule, SegmentRule):
                self.segments.setdefault(rule.tag, []).append(_SegmentReader(rule))
            elif isinstance(rule, LoopRule):
                self.loops.setdefault(rule.loop, []).append(_LoopReader(rule))
            else:
                self.hierarchy = _HierarchyReader(rule)

    def read(self, items: Sequence[Segment | LoopInstance], target: Values, anchor: str, state: ReadState) -> None:
        """Read items of this place into `target`; what no rule takes is noted as such."""
        received = state.anchors[anchor]
        used: set[int] = set()
        segments, loops = self.segments, self.loops
        levels: dict[str, Values] = {}
        for item in items:
            if type(item) is Segment:
                taken = False
                for reader in segments.get(item.tag, ()):
                    if reader.read(item, target, state, used):
                        taken = True
                        break
                received.append((item, taken))
            elif isinstance(item, LoopInstance):
                if self.hierarchy is not None and item.loop == self.hierarchy.rule.loop:
                    received.append(self.hierarchy.read(item, target, levels, state))
                    continue
                for loop in loops.get(item.loop, ()):
                    if loop.read(item, target, anchor, state, used):
                        break
                else:
                    received.extend((segment, False) for segment in _flat(item))


def compile_reader(rules: Sequence[Rule]) -> BlockReader:
    """The reader of one section."""
    return BlockReader(rules)


def _flat(loop: LoopInstance) -> list[Segment]:
    found: list[Segment] = []
    for item in loop.items:
        if isinstance(item, Segment):
            found.append(item)
        else:
            found += _flat(item)
    return found


class _SegmentReader:
    """One segment rule."""

    def __init__(self, rule: SegmentRule) -> None:
        self.rule = rule
        constants = [(item.element, frozenset({item.constant})) for item in rule.fields if item.constant is not None]
        self.when: Conditions = (*rule.when, *constants)
        self.unless = rule.unless
        self.actions = [(item.element - 1, _action(item)) for item in rule.fields if item.constant is None]
        self.groups = [(group, _group_actions(group)) for group in rule.groups]
        self.single = rule.items is None and rule.spread is None
        self.mark = id(self)

    def read(self, segment: Segment, target: Values, state: ReadState, used: set[int]) -> bool:
        """Take the segment if the rule is for it; True when it was taken."""
        if (self.when or self.unless) and not matches(segment.elements, self.when, self.unless):
            return False
        rule = self.rule
        if self.single:
            if self.mark in used:
                return False
            used.add(self.mark)
            if rule.part is None:
                self._fill(segment, target, state)
                return True
            part: Values = {}
            self._fill(segment, part, state)
            _merge(_inside(target, rule.part), part)
            return True
        if rule.spread is not None:
            return self._spread(segment, target, rule.spread, state)
        entry: Values = {}
        self._fill(segment, entry, state)
        if entry:
            _list(target, rule.items or ()).append(entry)
        return bool(entry)

    def _fill(self, segment: Segment, target: Values, state: ReadState) -> None:
        elements = segment.elements
        count = len(elements)
        for index, action in self.actions:
            if index < count:
                raw = elements[index]
                if raw:
                    action(raw, target, state, segment, index + 1)
        for group, actions in self.groups:
            entries = _read_groups(segment, group, actions, state)
            if entries:
                _list(target, group.items or ()).extend(entries)

    def _spread(self, segment: Segment, target: Values, path: Path, state: ReadState) -> bool:
        common: Values = {}
        for index, action in self.actions:
            if index < len(segment.elements) and segment.elements[index]:
                action(segment.elements[index], common, state, segment, index + 1)
        group, actions = self.groups[0]
        entries = _read_groups(segment, group, actions, state)
        if not entries:
            return False
        if common:
            entries = [{**common, **entry} for entry in entries]
        _list(target, path).extend(entries)
        return True


def matches(elements: Sequence[str], when: Conditions, unless: Conditions) -> bool:
    """Whether a segment's elements meet the conditions of a rule."""
    count = len(elements)
    for element, allowed in when:
        if (elements[element - 1] if element <= count else "") not in allowed:
            return False
    return all((elements[element - 1] if element <= count else "") not in barred for element, barred in unless)


def _read_groups(segment: Segment, group: Groups, actions: list[_Action], state: ReadState) -> list[Any]:
    elements = segment.elements
    count = min(len(elements), group.last)
    entries: list[Any] = []
    scalar = group.fields[0].path == ()
    for start in range(group.first - 1, count, group.width):
        entry: Values = {}
        for offset, action in enumerate(actions):
            index = start + offset
            if index < count and elements[index]:
                action(elements[index], entry, state, segment, index + 1)
        if entry:
            entries.append(entry[""] if scalar else entry)
    return entries


def _group_actions(group: Groups) -> list[_Action]:
    return [_action(item) for item in group.fields]


def _action(item: Field) -> _Action:
    """What to do with one received element."""
    converter = item.converter
    if converter is None:
        return _ignore
    read, name = converter.read, item.path[-1] if item.path else ""
    nested = item.path[:-1]
    if item.raw_path is not None:
        action = _word_action(read, name, item.raw_path[-1], nested)
    else:

        def action(raw: str, target: Values, state: ReadState, segment: Segment, element: int) -> None:
            try:
                value = read(raw)
            except ValueError as error:
                state.unreadable(segment, element, raw, str(error))
                return
            (_inside(target, nested) if nested else target)[name] = value

    return _component_action(action, item.component) if item.component else action


def _word_action(read: Callable[[str], Any], name: str, raw_name: str, nested: Path) -> _Action:
    def action(raw: str, target: Values, state: ReadState, segment: Segment, element: int) -> None:
        if not raw.isprintable():
            state.unreadable(segment, element, raw, "it has components where the map expects one code")
            return
        inside = _inside(target, nested) if nested else target
        word = read(raw)
        if word is not None:
            inside[name] = word
        inside[raw_name] = raw

    return action


def _component_action(action: _Action, component: int) -> _Action:
    def part(raw: str, target: Values, state: ReadState, segment: Segment, element: int) -> None:
        parts = raw.split(COMPONENT)
        if len(parts) >= component and parts[component - 1]:
            action(parts[component - 1], target, state, segment, element)

    return part


def _ignore(_raw: str, _target: Values, _state: ReadState, _segment: Segment, _element: int) -> None:
    """A computed element: it is made anew when writing."""


def _inside(target: Values, path: Path) -> Values:
    for name in path:
        target = target.setdefault(name, {})
    return target


def _list(target: Values, path: Path) -> list[Any]:
    found: list[Any] = _inside(target, path[:-1]).setdefault(path[-1], [])
    return found


def _merge(target: Values, part: Values) -> None:
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


class _LoopReader:
    """One loop rule."""

    def __init__(self, rule: LoopRule) -> None:
        self.rule = rule
        self.block = BlockReader(rule.rules)
        self.mark = id(self)

    def read(self, loop: LoopInstance, target: Values, anchor: str, state: ReadState, used: set[int]) -> bool:
        """Take one pass through the loop if the rule is for it; True when it was taken."""
        rule = self.rule
        if rule.when or rule.unless:
            first = loop.items[0] if loop.items else None
            if not isinstance(first, Segment) or not matches(first.elements, rule.when, rule.unless):
                return False
        if rule.items is None:
            if self.mark in used:
                return False
            used.add(self.mark)
            self.block.read(loop.items, _inside(target, rule.part or ()), anchor, state)
            return True
        entry: Values = {}
        inner = anchor
        if rule.anchor:
            inner = state.new_anchor(rule.anchor)
            entry["anchor"] = inner
            state.anchors[anchor].append(inner)
        self.block.read(loop.items, entry, inner, state)
        if entry:
            _list(target, rule.items).append(entry)
        return True


class _HierarchyReader:
    """The HL loops of a set as a tree."""

    def __init__(self, rule: HierarchyRule) -> None:
        self.rule = rule
        self.level = _action(rule.level)
        self.blocks = {level: BlockReader(rules) for level, rules in rule.levels.items()}

    def read(self, loop: LoopInstance, target: Values, seen: dict[str, Values], state: ReadState) -> str:
        """Read one HL loop and hang it below its parent; the new unit's anchor."""
        rule = self.rule
        trigger = loop.items[0] if loop.items else None
        elements = trigger.elements if isinstance(trigger, Segment) and trigger.tag == rule.loop else ()
        number, parent, level = (*elements[:3], "", "", "")[:3]
        anchor = state.new_anchor(rule.anchor)
        unit: Values = {"anchor": anchor}
        rest: Sequence[Segment | LoopInstance] = loop.items
        if elements and isinstance(trigger, Segment):
            state.anchors[anchor].append((trigger, True))
            rest = loop.items[1:]
            if level:
                self.level(level, unit, state, trigger, 3)
        block = self.blocks.get(level) or self.blocks.get("*")
        if block is not None:
            block.read(rest, unit, anchor, state)
        else:
            flat = [segment for item in rest for segment in ([item] if isinstance(item, Segment) else _flat(item))]
            state.anchors[anchor].extend((segment, False) for segment in flat)
        above = seen.get(parent) if parent else None
        if above is not None:
            above.setdefault(rule.children, []).append(unit)
        else:
            _list(target, rule.items).append(unit)
            if parent and isinstance(trigger, Segment):
                state.unreadable(trigger, 2, parent, "no earlier HL has this number, so the unit stands at the top")
        if number:
            seen[number] = unit
        return anchor
