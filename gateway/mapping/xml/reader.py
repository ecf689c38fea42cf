"""Reading: one walk over the elements that fills plain values and notes what our own writing would lack.

The nodes of the plan become readers that look up each child by its tag. A child that no rule takes is noted; so is a
value whose spelling our writer would change, an order that differs from the schema's, a constant that was not there.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from pydantic import BaseModel

from gateway.mapping.xml.choice import held, keeper
from gateway.mapping.xml.find import taken_at
from gateway.mapping.xml.forms import formed_step
from gateway.mapping.xml.leaves import CONSTANT, NOT_TAKEN, VALUE_TAKEN, Take, place_of, plain_field, take_leaf
from gateway.mapping.xml.notes import (
    ABSENT,
    DISORDER,
    LEFT,
    VALUE,
    VIA,
    ReadFrame,
    ReadState,
    Values,
    inside,
    stray_text,
)
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import INNER, UNKNOWN, Edge, Frame, ListRule, Node, rank_of
from gateway.mapping.xml.prices import finish_price
from gateway.mapping.xml.quick import quick_entry_step
from gateway.mapping.xml.steps import Step, choice_step, guarded_step, is_single, leaf_step, part_step, plain_step
from gateway.mapping.xml.under import UnderReader
from gateway.mapping.xml.values import WHITE

__all__ = ["FrameReader", "compile_reader"]

_WIDTH = 100


def compile_reader(frame: Frame, names: Names, model: type[BaseModel]) -> FrameReader:
    """The reader of the whole document, which is of the class `model`."""
    return FrameReader(frame, names, model)


class FrameReader:
    """Reads one object from its element."""

    def __init__(self, plan: Frame, names: Names, model: type[BaseModel] | None = None) -> None:
        """Compile the frame and the frames of its lists; with a model, entries are read by their forms too."""
        self.width = plan.width
        self.root = _NodeReader(plan.root, names, model)
        self.prices = plan.prices
        self.groups = [(group, group.key, keeper(group)) for group in plan.groups if not group.sure]
        alternatives = any(leaf.alternative for leaf in plan.leaves) or _has_alternatives(plan.root)
        self.finishes = bool(plan.prices or self.groups or alternatives)
        #: Whether a frame of it has more to remember than its values.
        self.busy = self.finishes or any(rule.under or rule.wrapper for group in plan.groups for rule in group.rules)

    def read(self, element: etree._Element, frame: ReadFrame, state: ReadState, *, always: bool = False) -> bool:
        """Read the element into the targets of the frame; False when no field got a value, unless it is `always`
        there: the document's own."""
        mark = len(state.notes)
        if self.root.read(element, frame, state, always=always) != VALUE_TAKEN:
            del state.notes[mark:]
            return False
        if self.finishes:
            self._finish(frame, state)
        return True

    def _finish(self, frame: ReadFrame, state: ReadState) -> None:
        if frame.prices:
            for price in self.prices:
                parts = frame.prices.get(price)
                if parts:
                    finish_price(price, parts, frame.targets[price.slot])
        for key, chosen in frame.alternatives.items():
            if chosen != [1]:
                state.notes.append((VIA, frame, key, chosen))
        if not frame.assigned:
            return
        for group, key, keeps in self.groups:
            assigned = frame.assigned.get(key)
            if assigned and not keeps(held(frame.targets[group.slot], group.items) or [], assigned):
                state.notes.append((VIA, frame, key, assigned))


def _has_alternatives(node: Node) -> bool:
    return any(edge.alternative or (edge.rule is None and _has_alternatives(edge.node)) for edge in node.edges)


#: Rank of the elements of a name, what takes them, and whether it takes only one; -1 where several rules share it.
_Way = tuple[int, Step, bool]
#: Key, under the ways of a frame, of a name that several rules share.
_SHARED = -1


class _NodeReader:
    """Reads one element within a frame."""

    def __init__(self, node: Node, names: Names, model: type[BaseModel] | None = None) -> None:
        self.path = node.path
        self.names = names
        self.text: Take | None = take_leaf(node.text) if node.text is not None else None
        #: Slot and field of a text that needs no conversion.
        self.plain = plain_field(node.text) if node.text is not None else None
        self.is_leaf, self.holds_elements = node.is_leaf, node.holds_elements or bool(node.edges)
        self.attributes = {names.attribute_key(name): take_leaf(leaf) for name, leaf in node.attributes.items()}
        self.expected = [
            (names.attribute_key(name), leaf)
            for name, leaf in node.attributes.items()
            if leaf.source is not None and leaf.source.own is None
        ]
        #: The attribute that must be there, when it is only one.
        self.lone = self.expected[0][0] if len(self.expected) == 1 else ""
        #: What is written for an attribute that has no value.
        self.fixed = {
            names.attribute_key(name): leaf.default or leaf.constant or "" for name, leaf in node.attributes.items()
        }
        self.place = node.place
        self.ways = _ways(node, names, model)
        self.ranks: dict[str, int] = {}
        self.slots = [(slot.number, slot.rule) for slot in node.slots if slot.rule is not None]
        self.constants = node.constants
        self.forced = node.forced
        self.forced_tags = [[names.tag(edge.name) for edge in leaf.way] for leaf in self.forced]
        self.forced_keys = [names.attribute_key(leaf.attribute) if leaf.attribute else "" for leaf in self.forced]
        self.ends = bool(self.constants or self.forced)

    def read(self, element: etree._Element, frame: ReadFrame, state: ReadState, *, always: bool = False) -> int:
        """Read the element; when no field got a value, nothing is noted, unless all it has is a constant text."""
        taken = NOT_TAKEN
        notes = state.notes
        mark = len(notes)
        text = element.text
        children = element[:]
        if self.text is not None:
            if text is not None and (self.holds_elements or not children):
                taken = self.text(text, element, frame, state)
            if taken == NOT_TAKEN and self.is_leaf:
                return NOT_TAKEN
        if taken == NOT_TAKEN and text is not None and text.strip(WHITE):
            notes.append((VALUE, frame, self.path, ".", text, ""))
        consumed = always or taken == VALUE_TAKEN
        slots = self._open(frame) if self.slots else None
        items = element.items()
        if (items or self.expected) and self.read_attributes(element, items, frame, state):
            consumed = True
        if children and self._children(element, children, frame, state):
            consumed = True
        if slots is not None:
            self._close(frame, slots, state)
        if not consumed and taken == CONSTANT:
            return CONSTANT
        if not consumed:
            del notes[mark:]
            return NOT_TAKEN
        if self.ends:
            for slot, path, word in self.constants:
                inside(frame.targets[slot], path[:-1]).setdefault(path[-1], word)
            if self.forced:
                self._forced(element, frame, state)
        return VALUE_TAKEN

    def _children(
        self, element: etree._Element, children: list[etree._Element], frame: ReadFrame, state: ReadState
    ) -> bool:
        """Give each child to its rule; note the others, and an order that is not the schema's."""
        ways = self.ways
        mixed = state.mixed
        consumed, ordered, last = False, True, 0
        left: list[etree._Element] = []
        used: set[int] = set()
        for child in children:
            tag: Any = child.tag
            tail = child.tail
            if tail is not None and tail.strip(WHITE):
                self._stray(element, tail, state)
            if tag in ways and not (mixed and child in mixed):
                rank, step, once = ways[tag]
                if not (once and rank in used) and (taken := step(child, frame, state)):
                    if taken == VALUE_TAKEN:
                        consumed = True
                    if rank == _SHARED:
                        rank = state.numbers[child]
                    elif once:
                        used.add(rank)
                    if rank < last:
                        ordered = False
                    last = rank
                    continue
            left.append(child)
            rank = self.ranks.get(tag, -1)
            if rank < 0:
                rank = self._rank(tag)
            if rank < last // _WIDTH * _WIDTH or rank >= UNKNOWN * _WIDTH:
                ordered = False
            last = max(last, rank)
        if left:
            state.notes.append((LEFT, frame, self.path, element, left))
            state.left.update(left)
        if not ordered:
            state.notes.append((DISORDER, frame, self.path, element, self.place))
        return consumed

    def _stray(self, element: etree._Element, text: str, state: ReadState) -> None:
        """Text between children: the element is kept whole, unless it is the document's own."""
        if element not in state.mixed:
            raise MixedContent
        state.findings.append(stray_text(element, text, self.names))

    def _rank(self, tag: str) -> int:
        rank = rank_of(self.place, self.names.name(tag))
        if len(self.ranks) < 1000:
            self.ranks[tag] = rank
        return rank

    def read_attributes(
        self, element: etree._Element, items: list[tuple[str, str]], frame: ReadFrame, state: ReadState
    ) -> bool:
        """Give each attribute to its rule; note the others, and amounts without their currency."""
        if len(items) == 1 and not (self.expected and items[0][0] != self.lone):
            return self._attribute(*items[0], element, frame, state)
        consumed = False
        for key, raw in items:
            if self._attribute(key, raw, element, frame, state):
                consumed = True
        for key, leaf in self.expected:
            if element.get(key) is None:
                state.notes.append((VALUE, frame, self.path, f"@{leaf.attribute}", ABSENT, leaf))
        return consumed

    def _attribute(self, key: str, raw: str, element: etree._Element, frame: ReadFrame, state: ReadState) -> bool:
        take = self.attributes.get(key)
        taken = take(raw, element, frame, state) if take is not None else NOT_TAKEN
        if taken == NOT_TAKEN:
            written = self.fixed.get(key, "")
            state.notes.append((VALUE, frame, self.path, f"@{self.names.attribute(key)}", raw, written))
        return taken == VALUE_TAKEN

    def _open(self, frame: ReadFrame) -> list[tuple[Values, int]]:
        """Objects that are read from this element beside the current one, each with its place in its list."""
        opened = []
        for number, rule in self.slots:
            entry: Values = {}
            frame.targets[number] = entry
            around = inside(frame.targets[rule.group.slot], rule.group.items[:-1])
            opened.append((entry, len(around.get(rule.group.items[-1], ()))))
        return opened

    def _close(self, frame: ReadFrame, opened: list[tuple[Values, int]], state: ReadState) -> None:
        """List those that got a value; the inner ones, which come after, are listed first."""
        for (_, rule), (entry, place) in zip(reversed(self.slots), reversed(opened), strict=True):
            if not entry:
                continue
            set_constants(entry, rule)
            if rule.anchor:
                entry["anchor"] = state.anchor(rule.anchor)
            target = inside(frame.targets[rule.group.slot], rule.group.items[:-1])
            target.setdefault(rule.group.items[-1], []).insert(place, entry)
            if not rule.group.sure:
                frame.assigned.setdefault(rule.group.key, []).insert(place, rule.number)

    def _forced(self, element: etree._Element, frame: ReadFrame, state: ReadState) -> None:
        """Note the constants and defaults that we write and that were not there."""
        for leaf, tags, key in zip(self.forced, self.forced_tags, self.forced_keys, strict=True):
            here = taken_at(element, tags, state)
            if here is None:
                absent = leaf.makes or any(other.makes and other.way == leaf.way for other in self.forced)
            else:
                absent = here.get(key) is None if key else not (here.text or "").strip(WHITE)
            if absent:
                path, name = place_of(leaf)
                state.notes.append((VALUE, frame, path, name, ABSENT, leaf.default or leaf.constant))


class MixedContent(Exception):  # noqa: N818 - a signal between two passes, not an error
    """Text stands between the children of an element: the document is read again with such elements kept whole."""


def set_constants(entry: Values, rule: ListRule) -> None:
    """The words that a rule gives its entries."""
    for path, word in rule.constants:
        inside(entry, path[:-1]).setdefault(path[-1], word)


def _ways(node: Node, names: Names, model: type[BaseModel] | None) -> dict[str, _Way]:
    by_name: dict[str, list[Edge]] = {}
    for edge in node.edges:
        by_name.setdefault(edge.name, []).append(edge)
    ways: dict[str, _Way] = {}
    for name, edges in by_name.items():
        steps = [_step(edge, names, model) for edge in edges]
        if len(edges) == 1:
            ways[names.tag(name)] = (edges[0].rank, guarded_step(edges[0], names, steps[0]), is_single(edges[0]))
        else:
            ways[names.tag(name)] = (_SHARED, choice_step(edges, steps, names), False)
    return ways


def _step(edge: Edge, names: Names, model: type[BaseModel] | None) -> Step:
    """What takes the element at the end of an edge."""
    if edge.rule is not None and edge.rule.wrapper is not None:
        return _WrapperReader(edge.rule, edge.rule.wrapper, names).read
    if edge.rule is not None:
        entry = quick_entry_step(edge.rule, names, _EntryReader(edge.rule, names).read)
        return entry if model is None else formed_step(edge.rule, names, names.tag(edge.name), model, entry)
    node = _NodeReader(edge.node, names)
    step: Step = node.read
    if node.is_leaf and not node.holds_elements and not node.slots and not node.ends:
        step = _leaf(node)
    if edge.alternative is not None:
        step = part_step(step, edge.alternative)
    return step


def _leaf(node: _NodeReader) -> Step:
    assert node.text is not None
    if node.plain is not None:
        return plain_step(node.path, node.plain, node.read_attributes, bool(node.expected))
    return leaf_step(node.text, node.read_attributes, bool(node.expected))


class _EntryReader:
    """Makes an entry of a list from an element."""

    def __init__(self, rule: ListRule, names: Names) -> None:
        assert rule.frame is not None
        self.rule = rule
        self.frame = FrameReader(rule.frame, names)
        self.width = rule.frame.width
        self.slots: list[Any] = [None] * (self.width - 1 - len(rule.under))
        self.slot = rule.group.slot
        self.nested = rule.group.items[:-1]
        self.name = rule.group.items[-1]
        self.anchor = rule.anchor
        self.tracked = not rule.group.sure
        self.key = rule.group.key
        self.under = UnderReader(rule, names) if rule.under else None

    def read(self, child: etree._Element, frame: ReadFrame, state: ReadState) -> bool:
        """Read the element; False when it gives no value."""
        rule = self.rule
        entry: Values = {}
        # Objects of `element: .` are made where they stand.
        targets = [entry, *({} for _ in rule.under), *self.slots] if self.width > 1 else [entry]
        new = ReadFrame(targets, frame, rule, busy=self.frame.busy)
        if self.anchor:
            new.anchor = entry["anchor"] = state.anchor(self.anchor)
        if not self.frame.read(child, new, state):
            if self.anchor:
                state.counts[self.anchor] -= 1
            return False
        if rule.constants:
            set_constants(entry, rule)
        if rule.scalar:
            new.entry = entry[""]
        target = frame.targets[self.slot]
        items: list[Any] = (inside(target, self.nested) if self.nested else target).setdefault(self.name, [])
        if rule.scalar:
            new.position = len(items)
        if self.under is not None:
            items = self.under.place(child, new, items, frame, state)
        items.append(new.entry)
        if self.tracked:
            frame.assigned.setdefault(self.key, []).append(rule.number)
        return True


class _WrapperReader:
    """Reads an element around entries of a flat list; its values become fields of each of them."""

    def __init__(self, rule: ListRule, wrapper: Frame, names: Names) -> None:
        self.rule = rule
        self.frame = FrameReader(wrapper, names)
        self.width = wrapper.width

    def read(self, child: etree._Element, frame: ReadFrame, state: ReadState) -> bool:
        """Read the element; False when there is no entry in it."""
        rule = self.rule
        shared: Values = {}
        around = ReadFrame([shared, *({} for _ in range(self.width - 1))], frame, rule)
        mark = len(state.notes)
        if not self.frame.read(child, around, state):
            return False
        entries: list[Values] = shared.pop(INNER[0], [])
        if not entries:
            del state.notes[mark:]
            return False
        around.anchor = entries[0]["anchor"]
        around.is_wrapper = True
        before = frame.open.get(rule)
        if before is not None and before[0] is not None and before[0][1] == shared:
            state.notes.append((VIA, around, "wrapper", [1]))
        frame.open[rule] = [(None, shared, shared)]
        for entry in entries:
            _merge(entry, shared)
        target = frame.targets[rule.group.slot]
        inside(target, rule.group.items[:-1]).setdefault(rule.group.items[-1], []).extend(entries)
        if not rule.group.sure:
            frame.assigned.setdefault(rule.group.key, []).extend(rule.number for _ in entries)
        return True


def _merge(entry: Values, shared: Values) -> None:
    for name, value in shared.items():
        if isinstance(value, dict):
            _merge(entry.setdefault(name, {}), value)
        else:
            entry.setdefault(name, value)
