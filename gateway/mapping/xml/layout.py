"""Laying out the rules of a map along the elements: from parsed rules to the plan of frames, nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.mapping.errors import MapError
from gateway.mapping.rules import Path
from gateway.mapping.xml.parse import ParsedXmlMap
from gateway.mapping.xml.places import Names, Place, PlaceError
from gateway.mapping.xml.plan import INNER, Alternative, Edge, Frame, Group, Leaf, ListRule, Node, Price, Slot, rank_of
from gateway.mapping.xml.rules import At, Condition, ElementRule, PriceRule, Source, Wrapper, XmlField
from gateway.mapping.xml.values import PLAIN_XML, XmlConverter

__all__ = ["plan_of"]


def plan_of(parsed: ParsedXmlMap, names: Names) -> Frame:
    """The frame of the whole document. Raises MapError when two rules take the same value."""
    return _Builder(parsed.set_id, names).frame(parsed.rule, parsed.place)


class _Builder:
    """Lays out one frame after the other."""

    def __init__(self, set_id: str, names: Names) -> None:
        self.set_id = set_id
        self.names = names

    def frame(self, rule: ElementRule, place: Place) -> Frame:
        """The frame of a rule and of everything below it."""
        root = Node(place.name, self.names.tag(place.name), place, "")
        frame = Frame(root)
        layer = _Layer(self, frame, _part_alternatives(rule))
        frame.width = 1 + len(rule.under)
        layer.content(root, 0, (), rule.fields, rule.prices, rule.rules, "")
        for condition in (*rule.when,):
            layer.constant(root, condition)
        for number, level in enumerate(rule.under, 1):
            frame.slots.append(Slot(number))
            layer.content(root, number, (), level.fields, (), level.rules, "")
        _number_alternatives(frame.leaves)
        for group in frame.groups:
            group.settled, group.tested = _settled(group)
            group.sure = len(group.settled) == len(group.rules)
        _sort_edges(root)
        return frame


class _Layer:
    """Puts the rules of one frame in place."""

    def __init__(self, builder: _Builder, frame: Frame, parts: dict[int, Alternative]) -> None:
        self.builder = builder
        self.frame = frame
        self.parts = parts
        self.contexts: dict[str, tuple[Alternative, ...]] = {"": ()}

    def content(
        self,
        node: Node,
        slot: int,
        prefix: Path,
        fields: Sequence[XmlField],
        prices: Sequence[PriceRule],
        rules: Sequence[ElementRule],
        alternative: str,
    ) -> None:
        """Fields, prices and rules of one element."""
        for each in fields:
            self._field(node, slot, prefix, each, alternative)
        for price in prices:
            self._price(node, slot, prefix, price)
        for rule in rules:
            self._rule(node, slot, prefix, rule, alternative)

    def constant(self, node: Node, condition: Condition) -> None:
        """A condition that writing meets with a constant, unless a field carries the value."""
        target, way = self._descend(node, condition.at.steps)
        if _leaf_at(target, condition.at) is None and len(condition.values) == 1:
            leaf = Leaf(_path(target, condition.at), condition.at.attribute, 0, way=way)
            leaf.constant = next(iter(condition.values))
            self._attach(target, leaf)
            node.forced.append(leaf)

    def _field(self, node: Node, slot: int, prefix: Path, each: XmlField, alternative: str) -> None:
        target, way = self._descend(node, each.at.steps)
        leaf = Leaf(
            at=_path(target, each.at),
            attribute=each.at.attribute,
            slot=slot,
            paths=tuple((*prefix, *path) for path in each.paths),
            converter=each.converter,
            constant=each.constant,
            default=each.default if each.constant is None else None,
            required=each.required,
            source=_inside(each.source, prefix),
            context=alternative,
            makes=not each.at.attribute or each.default is None,
            way=way,
        )
        self._attach(target, leaf)
        if leaf.constant is not None or leaf.default is not None:
            node.forced.append(leaf)
        if leaf.required:
            node.required.append(leaf)

    def _attach(self, target: Node, leaf: Leaf) -> None:
        known = target.attributes.get(leaf.attribute) if leaf.attribute else target.text
        if known is not None and not known.implied:
            raise MapError(
                f"{self.builder.set_id}: two rules take {leaf.at}. Remove one, or tell them apart by `when`."
            )
        if leaf.attribute:
            target.attributes[leaf.attribute] = leaf
        else:
            target.text = leaf
            self._currency(target, leaf)
        self.frame.leaves.append(leaf)

    def _currency(self, target: Node, text: Leaf) -> None:
        """Amounts carry the document's currency without being told."""
        name = target.place.currency_attribute
        if name and name not in target.attributes:
            target.attributes[name] = Leaf(
                f"{text.at}/@{name}".removeprefix("./"), name, text.slot, source=Source("currency"), way=text.way
            )
            target.attributes[name].converter = PLAIN_XML["text"]
            target.attributes[name].implied = True

    def _price(self, node: Node, slot: int, prefix: Path, rule: PriceRule) -> None:
        price = Price(slot, (*prefix, *rule.field), (*prefix, *rule.base))
        self.frame.prices.append(price)
        parts: list[tuple[str, At | None, XmlConverter | None]] = [
            ("amount", rule.amount, PLAIN_XML["decimal"]),
            ("quantity", rule.quantity, PLAIN_XML["decimal"]),
            ("unit", rule.unit, rule.unit_converter),
        ]
        for name, at, converter in parts:
            if at is not None:
                target, way = self._descend(node, at.steps)
                leaf = Leaf(_path(target, at), at.attribute, slot, converter=converter, price=(price, name), way=way)
                leaf.paths = ((*price.base, name),)
                self._attach(target, leaf)

    def _rule(self, node: Node, slot: int, prefix: Path, rule: ElementRule, alternative: str) -> None:
        if rule.items is not None:
            self._list(node, slot, (*prefix, *rule.items), rule, alternative)
            return
        own = self.parts.get(id(rule))
        if rule.steps and (rule.when or rule.unless or own is not None):
            parent, _ = self._descend(node, rule.steps[:-1])
            edge = self._edge(parent, rule.steps[-1], _next_number(parent, rule.steps[-1]))
            edge.when, edge.unless, edge.alternative = rule.when, rule.unless, own
            target = edge.node
        else:
            target, _ = self._descend(node, rule.steps)
        deeper = alternative
        if own is not None:
            deeper = f"{alternative}#{own.key}{own.number}"
            self.contexts[deeper] = (*self.contexts[alternative], own)
        inner = (*prefix, *(rule.part or ()))
        self.content(target, slot, inner, rule.fields, rule.prices, rule.rules, deeper)
        for condition in rule.when:
            self.constant(target, condition)
        target.constants += [(slot, (*inner, *path), word) for path, word in rule.constants]

    def _list(self, node: Node, slot: int, items: Path, rule: ElementRule, alternative: str) -> None:
        group = self._group(slot, items, alternative)
        made = ListRule(len(group.rules) + 1, group, rule.anchor, rule.scalar, rule.constants, rule.where)
        made.under, made.children = rule.under, rule.children
        group.rules.append(made)
        if not rule.steps:
            made.room = 1
            number = self.frame.width
            self.frame.width += 1
            entry = Slot(number, made)
            self.frame.slots.append(entry)
            node.slots.append(entry)
            self.content(node, number, (), rule.fields, rule.prices, rule.rules, alternative)
            return
        if rule.wrapper is not None:
            self._wrapper(node, made, rule, rule.wrapper)
            return
        parent, _ = self._descend(node, rule.steps[:-1])
        name = rule.steps[-1]
        made.room = None if parent.place.repeats(name) else 1
        made.frame = self.builder.frame(rule, parent.place.step(name))
        made.tests = [
            (leaf, condition, wanted)
            for wanted, conditions in ((True, rule.when), (False, rule.unless))
            for condition in conditions
            if (leaf := _carrier(made.frame, condition.at)) is not None
        ]
        shared = next((edge.number for edge in parent.edges if edge.name == name and _same_group(edge, group)), None)
        number = shared if shared is not None else _next_number(parent, name)
        edge = Edge(name, number, rank_of(parent.place, name, number), made.frame.root, made)
        edge.when, edge.unless = rule.when, rule.unless
        parent.edges.append(edge)

    def _wrapper(self, node: Node, made: ListRule, rule: ElementRule, wrapper: Wrapper) -> None:
        parent, _ = self._descend(node, rule.steps[:-2])
        name = rule.steps[-2]
        inner = replace(rule, steps=rule.steps[-1:], items=INNER, wrapper=None)
        around = ElementRule(name, (name,), wrapper.fields, rules=(*wrapper.rules, inner))
        made.wrapper = self.builder.frame(around, parent.place.step(name))
        made.inner = next(group for group in made.wrapper.groups if group.items == INNER).rules[0]
        made.frame, made.tests = made.inner.frame, made.inner.tests
        number = _next_number(parent, name)
        parent.edges.append(Edge(name, number, rank_of(parent.place, name, number), made.wrapper.root, made))

    def _group(self, slot: int, items: Path, alternative: str) -> Group:
        key = _key(slot, items) + alternative
        for group in self.frame.groups:
            if group.key == key:
                return group
        group = Group(slot, items, key, within=self.contexts[alternative])
        self.frame.groups.append(group)
        return group

    def _descend(self, node: Node, steps: Iterable[str]) -> tuple[Node, tuple[Edge, ...]]:
        way: list[Edge] = []
        for name in steps:
            edge = next((edge for edge in node.edges if edge.name == name and _is_plain(edge)), None)
            if edge is None:
                edge = self._edge(node, name, _next_number(node, name))
            way.append(edge)
            node = edge.node
        return node, tuple(way)

    def _edge(self, parent: Node, name: str, number: int) -> Edge:
        try:
            place = parent.place.step(name)
        except PlaceError as error:
            raise MapError(f"{self.builder.set_id}: {error}") from None
        step = name if number == 0 else f"{name}[{number + 1}]"
        path = f"{parent.path}/{step}" if parent.path else step
        edge = Edge(
            name,
            number,
            rank_of(parent.place, name, number),
            Node(name, self.builder.names.tag(name), place, path),
        )
        parent.edges.append(edge)
        return edge


def _is_plain(edge: Edge) -> bool:
    return edge.rule is None and edge.alternative is None and not edge.when and not edge.unless


def _same_group(edge: Edge, group: Group) -> bool:
    return edge.rule is not None and edge.rule.group is group


def _next_number(parent: Node, name: str) -> int:
    return max((edge.number + 1 for edge in parent.edges if edge.name == name), default=0)


def _path(node: Node, at: At) -> str:
    last = [f"@{at.attribute}"] if at.attribute else []
    return "/".join([*([node.path] if node.path else []), *last]) or "."


def _leaf_at(node: Node, at: At) -> Leaf | None:
    return node.attributes.get(at.attribute) if at.attribute else node.text


def _inside(source: Source | None, prefix: Path) -> Source | None:
    if source is None or source.own is None:
        return source
    return Source(source.name, (*prefix, *source.own))


def _carrier(frame: Frame, at: At) -> Leaf | None:
    """The leaf of a condition, if a field carries it."""
    wanted = str(at)
    return next((leaf for leaf in frame.leaves if leaf.at == wanted and leaf.paths), None)


def _key(slot: int, path: Path) -> str:
    return (f"{slot}:" if slot else "") + ".".join(path)


def _number_alternatives(leaves: Sequence[Leaf]) -> None:
    """Several places of one field: the first that was read is written, by default the first of the map."""
    by_field: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.paths and leaf.price is None and leaf.paths[0]:
            by_field.setdefault(_key(leaf.slot, leaf.paths[0]) + leaf.context, []).append(leaf)
    for key, found in by_field.items():
        if len(found) > 1:
            for number, leaf in enumerate(found, 1):
                leaf.alternative = Alternative(key, number)


def _part_alternatives(rule: ElementRule) -> dict[int, Alternative]:
    """Rules of one frame that fill the same fields of the same part from different places, by their identity."""
    by_part: dict[str, list[tuple[ElementRule, set[str]]]] = {}
    _collect_parts(rule.rules, "", by_part)
    found: dict[int, Alternative] = {}
    for key, members in by_part.items():
        first = members[0][1]
        if len(members) > 1 and any(first & targets for _, targets in members[1:]):
            for number, (member, _) in enumerate(members, 1):
                found[id(member)] = Alternative(f"{key}.", number)
    return found


def _collect_parts(
    rules: Sequence[ElementRule], prefix: str, found: dict[str, list[tuple[ElementRule, set[str]]]]
) -> None:
    for rule in rules:
        if rule.items is None:
            inner = prefix + "".join(f"{name}." for name in rule.part or ())
            if rule.part and rule.steps:
                found.setdefault(inner[:-1], []).append((rule, _targets(rule)))
            _collect_parts(rule.rules, inner, found)
        elif not rule.steps:
            _collect_parts(rule.rules, f"{prefix}{'.'.join(rule.items)}[].", found)


def _targets(rule: ElementRule) -> set[str]:
    found = {".".join(path) for field in rule.fields for path in field.paths}
    for inner in rule.rules:
        if inner.items is not None:
            found.add(".".join(inner.items))
        else:
            prefix = "".join(f"{name}." for name in inner.part or ())
            found |= {prefix + name for name in _targets(inner)}
    return found


def _settled(group: Group) -> tuple[frozenset[int], frozenset[int]]:
    """Rules before which no other fits an entry they read: those that always fit it, and those with tests of their
    own."""
    settled: set[int] = set()
    tested: set[int] = set()
    for index, rule in enumerate(group.rules):
        if _fixed(rule) and all(_excludes(other, rule) for other in group.rules[:index]):
            (tested if rule.where or rule.tests else settled).add(rule.number)
    return frozenset(settled), frozenset(tested)


def _fixed(rule: ListRule) -> bool:
    """Whether no field of the rule can change its constants."""
    fixed = {path for path, _ in rule.constants}
    return (
        not fixed or rule.frame is None or not any(path in fixed for leaf in rule.frame.leaves for path in leaf.paths)
    )


def _excludes(other: ListRule, rule: ListRule) -> bool:
    """Whether the entries of `rule` never fit `other`."""
    words = dict(rule.constants)
    if any(words.get(path, word) != word for path, word in other.constants):
        return True
    return any(
        isinstance(wanted, frozenset) and all(path in words and words[path] not in wanted for path in paths)
        for paths, wanted in other.where
    )


def _sort_edges(node: Node) -> None:
    node.edges.sort(key=lambda edge: edge.rank)
    for edge in node.edges:
        if edge.rule is None:
            _sort_edges(edge.node)
