"""What the rules of a list make of one element, worked out beforehand from its markup: the plan of a form.

The general reader (`reader`) decides at every element what becomes of it. Nearly all of these decisions follow from the
markup alone; the few that hang on a text become guards of the plan. Here they are made once, for one element whose
tokens are known. Wherever the general reader would note something for the extensions, or would decide by something else
than markup and guarded texts, there is no plan, and such elements are always read by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from gateway.mapping.converters import CodeTable
from gateway.mapping.rules import Path
from gateway.mapping.xml.choice import held, keeper
from gateway.mapping.xml.making import Hole, NoForm
from gateway.mapping.xml.notes import ReadState
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import Edge, Frame, Group, Leaf, ListRule, Node, Price
from gateway.mapping.xml.prices import unit_price
from gateway.mapping.xml.rules import At, Condition
from gateway.mapping.xml.steps import is_single
from gateway.mapping.xml.tokens import Site, Token
from gateway.mapping.xml.values import PLAIN_XML, WHITE, XmlConverter

__all__ = ["FormPlan", "plan_of_element"]

#: A text and an attribute with no white space around them, a number and a day as our writer spells them.
_TEXT: Final = rb"([^ \t\r\n<&][^<&\r]*)(?<![ \t\n])"
_WORDS: Final = rb"([^ \t\r\n\"<&][^\t\r\n\"<&]*)(?<! )"
_NUMBER: Final = rb"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)"
_DAY: Final = rb"([0-9]{4}-[0-9]{2}-[0-9]{2})"
#: A condition on the number of digits.
_DIGITS: Final = re.compile(r"\[0-9\]\{([0-9]+)\}")

Read = Callable[[str], Any]
#: (values so far, state) → a value that follows from them: a price of one, an anchor.
Derive = Callable[[list[Any], ReadState], Any]


@dataclass(slots=True, eq=False)
class FormPlan:
    """What one element becomes. Its values are numbered: those that differ, in document order, then those derived."""

    #: The fields of the entry, with holes for what differs; one hole or text for an entry of a list of texts.
    entry: Any = None
    #: The pattern of the element.
    expression: bytes = b""
    #: Values that are converted: number, function; it raises ValueError for one that is not as our writer spells it.
    reads: list[tuple[int, Read]] = field(default_factory=list)
    #: Values that must meet a test, or must not: number, test, whether.
    guards: list[tuple[int, Callable[[str], object], bool]] = field(default_factory=list)
    #: The document's currency, which amounts name; None when there is no amount.
    currency: str | None = None
    #: (table, word, code): the codes that the document must use for these words.
    codes: list[tuple[CodeTable, str, str]] = field(default_factory=list)
    derived: list[Derive] = field(default_factory=list)


def plan_of_element(rule: ListRule, token: Token, names: Names) -> FormPlan:
    """The plan for elements of this form that a rule takes. Raises NoForm."""
    # Which values are fixed is known when the plan is made: then the others are numbered, and it is made again.
    first = _Planner(token, names, ())
    first.plan(rule)
    return _Planner(token, names, first.free).plan(rule)


@dataclass(slots=True, eq=False)
class _Object:
    """One object that is being planned."""

    #: The object itself, then those of `element: .` that are read from the same elements.
    targets: list[dict[str, Any]]
    #: Fields with several places that were read.
    alternatives: set[str] = field(default_factory=set)
    assigned: dict[str, list[int]] = field(default_factory=dict)
    prices: dict[Price, dict[str, Any]] = field(default_factory=dict)


class _Planner:
    """Follows one element through the rules."""

    def __init__(self, token: Token, names: Names, free: Collection[Site]) -> None:
        """`free` are the values that may differ, as far as known."""
        self.token = token
        self.names = names
        self.made = FormPlan()
        self.values = dict(token.values())
        self.numbers = {site: number for number, site in enumerate(site for site in self.values if site in free)}
        #: The values that may differ, each with its pattern.
        self.free: dict[Site, bytes] = {}
        #: Tests that were made of a value: condition, whether it holds.
        self.tests: dict[Site, list[tuple[Condition, bool]]] = {}

    def plan(self, rule: ListRule) -> FormPlan:
        """The plan of the whole element."""
        for (_, key), value in self.values.items():
            _require(bool(key) or (value.strip(WHITE) == value != "" and "\r" not in value))
        self.made.entry = self._entry(rule, self.token)
        fixed = {site: re.escape(value.encode()) for site, value in self.values.items()}
        self.made.expression = self.token.expression(fixed | self.free)
        return self.made

    # -- objects -----------------------------------------------------------------------------------------------

    def _entry(self, rule: ListRule, token: Token) -> Any:
        """The entry that a rule makes of an element."""
        frame = rule.frame
        _require(frame is not None and not rule.under and rule.wrapper is None)
        assert frame is not None
        target: dict[str, Any] = {}
        made = _Object([target, *({} for _ in range(frame.width - 1))])
        if rule.anchor:
            target["anchor"] = self._anchor(rule.anchor)
        _require(self._node(frame.root, token, made))
        self._finish(frame, made)
        _set_constants(target, rule)
        return target[""] if rule.scalar else target

    def _anchor(self, prefix: str) -> Hole:
        return self._derive(lambda _values, state: state.anchor(prefix))

    def _derive(self, derive: Derive) -> Hole:
        self.made.derived.append(derive)
        return Hole(len(self.numbers) + len(self.made.derived) - 1)

    def _finish(self, frame: Frame, made: _Object) -> None:
        for price, parts in made.prices.items():
            self._price(price, parts, made.targets[price.slot])
        for group in frame.groups:
            numbers = made.assigned.get(group.key)
            if numbers:
                _require(_keeps(group, held(made.targets[group.slot], group.items), numbers))

    def _price(self, price: Price, parts: dict[str, Any], target: dict[str, Any]) -> None:
        """As `finish_price`."""
        amount, quantity = parts.get("amount"), parts.get("quantity")
        _require(isinstance(amount, Hole))
        assert isinstance(amount, Hole)
        one, all_of = amount.index, quantity.index if isinstance(quantity, Hole) else None
        if all_of is not None:
            amount = self._derive(lambda values, _state: unit_price(values[one], values[all_of]))
        _inside(target, price.field[:-1])[price.field[-1]] = amount
        if quantity is not None or "unit" in parts:
            _inside(target, price.base[:-1])[price.base[-1]] = dict(parts)

    # -- elements ----------------------------------------------------------------------------------------------

    def _node(self, node: Node, token: Token, made: _Object) -> bool:
        """An element within an object: whether a field gets a value; if not, all it has is a constant text."""
        consumed = False
        if token.children:
            _require(node.text is None and not token.text.strip(WHITE))
        else:
            _require(node.text is not None)
            assert node.text is not None
            consumed = self._text(node.text, token, made)
        opened = self._open(node, made)
        consumed = self._attributes(node, token, made) or consumed
        consumed = self._children(node, token, made) or consumed
        self._close(opened, made)
        if not consumed:
            _require(not token.children)
            return False
        for slot_number, path, word in node.constants:
            _inside(made.targets[slot_number], path[:-1]).setdefault(path[-1], word)
        for leaf in node.forced:
            _require(not self._is_absent(leaf, node, token))
        return True

    def _open(self, node: Node, made: _Object) -> list[tuple[ListRule, int, int]]:
        """Begin the objects that are read from this element beside the current one: rule, slot, place in its list."""
        opened: list[tuple[ListRule, int, int]] = []
        for slot in node.slots:
            rule = slot.rule
            _require(rule is not None and not rule.scalar)
            assert rule is not None
            made.targets[slot.number] = {}
            around = _inside(made.targets[rule.group.slot], rule.group.items[:-1])
            opened.append((rule, slot.number, len(around.get(rule.group.items[-1], ()))))
        return opened

    def _close(self, opened: Sequence[tuple[ListRule, int, int]], made: _Object) -> None:
        """List those that got a value, the inner ones first; their anchors come when they are complete."""
        for rule, number, place in reversed(opened):
            entry, group = made.targets[number], rule.group
            if not entry:
                continue
            _set_constants(entry, rule)
            if rule.anchor:
                entry["anchor"] = self._anchor(rule.anchor)
            _inside(made.targets[group.slot], group.items[:-1]).setdefault(group.items[-1], []).insert(place, entry)
            if not group.sure:
                made.assigned.setdefault(group.key, []).insert(place, rule.number)

    def _is_absent(self, leaf: Leaf, node: Node, token: Token) -> bool:
        """Whether a constant or default that we write is not there."""
        here = _child_at(token, [self.names.tag(edge.name) for edge in leaf.way])
        if here is None:
            return leaf.makes or any(other.makes and other.way == leaf.way for other in node.forced)
        if leaf.attribute:
            return self.names.attribute_key(leaf.attribute) not in here.attributes
        return not here.text.strip(WHITE)

    def _children(self, node: Node, token: Token, made: _Object) -> bool:
        ways: dict[str, list[Edge]] = {}
        for edge in node.edges:
            ways.setdefault(self.names.tag(edge.name), []).append(edge)
        used: set[Edge] = set()
        consumed, last = False, 0
        for child in token.children:
            edge = self._edge(ways.get(child.tag, ()), child, used)
            if is_single(edge):
                used.add(edge)
            consumed = self._step(edge, child, made) or consumed
            _require(edge.rank >= last)
            last = edge.rank
        return consumed

    def _edge(self, edges: Sequence[Edge], child: Token, used: set[Edge]) -> Edge:
        """The rule that takes a child."""
        for edge in edges:
            if self._meets(edge, child) and edge not in used:
                return edge
        raise NoForm

    def _meets(self, edge: Edge, child: Token) -> bool:
        tests = [(each, True) for each in edge.when] + [(each, False) for each in edge.unless]
        return all(self._holds(condition, child) is wanted for condition, wanted in tests)

    def _holds(self, condition: Condition, child: Token) -> bool:
        """Whether a condition holds; for a text that may differ, a guard makes sure of it."""
        at: At = condition.at
        here = _child_at(child, [self.names.tag(step) for step in at.steps])
        if here is None:
            return condition.holds(None)
        key = self.names.attribute_key(at.attribute) if at.attribute else ""
        raw = self.values.get((here, key)) if key or not here.children else ""
        holds = condition.holds(raw.strip(WHITE) if raw is not None else None)
        if condition.present is None:
            self.tests.setdefault((here, key), []).append((condition, holds))
        return holds

    def _step(self, edge: Edge, child: Token, made: _Object) -> bool:
        rule = edge.rule
        if rule is not None:
            group = rule.group
            around = _inside(made.targets[group.slot], group.items[:-1])
            # The object is planned first: the anchors of those around it come first, as they open first.
            entry = self._entry(rule, child)
            around.setdefault(group.items[-1], []).append(entry)
            if not group.sure:
                made.assigned.setdefault(group.key, []).append(rule.number)
            return True
        _require(edge.alternative is None or edge.alternative.number == 1)
        return self._node(edge.node, child, made)

    # -- texts and attributes ----------------------------------------------------------------------------------

    def _attributes(self, node: Node, token: Token, made: _Object) -> bool:
        known = {self.names.attribute_key(name): leaf for name, leaf in node.attributes.items()}
        for key, leaf in known.items():
            followed = leaf.source is not None and leaf.source.own is None
            _require(not followed or key in token.attributes)
        consumed = False
        for key, raw in token.attributes.items():
            _require(key in known)
            consumed = self._attribute(known[key], token, key, raw, made) or consumed
        return consumed

    def _attribute(self, leaf: Leaf, token: Token, key: str, raw: str, made: _Object) -> bool:
        if leaf.constant is not None:
            _require(raw == leaf.constant)
            return False
        if leaf.source is not None:
            _require(leaf.source.name == "currency" and raw != "" and self.made.currency in (None, raw))
            self.made.currency = raw
            return False
        self._value(leaf, (token, key), raw, made)
        return True

    def _text(self, leaf: Leaf, token: Token, made: _Object) -> bool:
        if leaf.constant is not None:
            _require(token.text == leaf.constant)
            return False
        _require(leaf.source is None)
        self._value(leaf, (token, ""), token.text, made)
        return True

    def _value(self, leaf: Leaf, site: Site, raw: str, made: _Object) -> None:
        """A value for a field: codes are fixed, all else may differ."""
        converter = leaf.converter
        _require(converter is not None and raw.strip(WHITE) == raw != "")
        assert converter is not None
        if converter.table is not None or converter.type in ("code", "word") or len(leaf.paths) != 1:
            self._fixed(leaf, converter, raw, made)
            return
        number = self.numbers.get(site, 0)
        self.free[site], read = _reading(leaf, converter, site)
        if read is not None:
            self.made.reads.append((number, read))
        self._guard(site, number)
        self._put(leaf, (Hole(number),), made)

    def _guard(self, site: Site, number: int) -> None:
        """What the rules asked of a value, it has to answer again: by its pattern where that can be."""
        tests = self.tests.get(site, [])
        digits = 0
        if self.free[site] in (_TEXT, _WORDS):
            digits = next((found for condition, holds in tests if holds and (found := _digits(condition))), 0)
        if digits:
            self.free[site] = b"([0-9]{%d})" % digits
        for condition, holds in tests:
            if not (digits and _digits(condition)):
                test = condition.values.__contains__ if condition.pattern is None else condition.pattern.fullmatch
                self.made.guards.append((number, test, holds))

    def _fixed(self, leaf: Leaf, converter: XmlConverter, raw: str, made: _Object) -> None:
        """A value that is the same for all elements of the form."""
        try:
            value = converter.read(raw)
        except ValueError:
            raise NoForm from None
        if converter.table is not None:
            self.made.codes.append((converter.table, value, raw))
        elif converter.spell is not None:
            _require(converter.spell(raw, value) == raw)
        several = len(leaf.paths) > 1
        self._put(leaf, ((value, raw) if converter.type == "word" else value) if several else (value,), made)

    def _put(self, leaf: Leaf, values: Sequence[Any], made: _Object) -> None:
        if leaf.price is not None:
            price, part = leaf.price
            made.prices.setdefault(price, {})[part] = values[0]
            return
        if leaf.alternative is not None:
            _require(leaf.alternative.number == 1 and leaf.alternative.key not in made.alternatives)
            made.alternatives.add(leaf.alternative.key)
        for path, value in zip(leaf.paths, values, strict=True):
            if value is not None:
                _inside(made.targets[leaf.slot], path[:-1])[path[-1] if path else ""] = value


def _require(condition: bool) -> None:
    if not condition:
        raise NoForm


def _inside(target: dict[str, Any], path: Path) -> dict[str, Any]:
    for name in path:
        inner = target.setdefault(name, {})
        _require(isinstance(inner, dict))
        target = inner
    return target


def _set_constants(target: dict[str, Any], rule: ListRule) -> None:
    """The words that a rule gives its entries."""
    for path, word in rule.constants:
        _inside(target, path[:-1]).setdefault(path[-1], word)


def _child_at(token: Token, tags: Sequence[str]) -> Token | None:
    here: Token | None = token
    for tag in tags:
        if here is None:
            return None
        here = next((child for child in here.children if child.tag == tag), None)
    return here


def _reading(leaf: Leaf, converter: XmlConverter, site: Site) -> tuple[bytes, Read | None]:
    """How a value that differs must look, and what makes the field's value of it."""
    if converter.name == "decimal":
        return _NUMBER, _not_nought if leaf.price is not None and leaf.price[1] == "quantity" else Decimal
    if converter.name == "date":
        return _DAY, date.fromisoformat
    return (_WORDS if site[1] else _TEXT), (None if converter.name == "text" else _exactly(converter))


def _digits(condition: Condition) -> int:
    """How many digits a value must have, where that is what the condition says; 0 otherwise."""
    found = _DIGITS.fullmatch(condition.pattern.pattern) if condition.pattern is not None else None
    return int(found[1]) if found is not None else 0


def _exactly(converter: XmlConverter) -> Read:
    """The converter, for texts that our writer would spell as they are."""
    read, spell = converter.read, converter.spell

    def exactly(raw: str) -> Any:
        value = read(raw)
        if spell is not None and spell(raw, value) != raw:
            raise ValueError("our writer spells it differently")
        return value

    return exactly


def _not_nought(raw: str) -> Decimal:
    value = Decimal(raw)
    if not value:
        raise ValueError("a price for a quantity of 0 means nothing")
    return value


def _keeps(group: Group, entries: list[Any] | None, numbers: Sequence[int]) -> bool:
    """Whether the writer gives the entries back to their rules, whatever the texts that differ; as `keeper`."""
    if group.settled.issuperset(numbers):
        return True
    if entries is None or len(entries) != len(numbers):
        return False
    rules = {rule.number: rule for rule in group.rules}
    always = all(
        number in group.settled or (number in group.tested and _fits_always(entry, rules[number]))
        for entry, number in zip(entries, numbers, strict=True)
    )
    # Asked with holes in it, this raises NoForm where the answer hangs on a text.
    return always or keeper(group)(entries, list(numbers))


def _fits_always(entry: Any, rule: ListRule) -> bool:
    """Fields are present or absent by the form; a tested text is written as it was read, and has its guard."""
    if not isinstance(entry, dict) or not all(leaf.converter is PLAIN_XML["text"] for leaf, _, _ in rule.tests):
        return False
    if any(held(entry, leaf.paths[0]) is None for leaf, _, _ in rule.tests):
        return False
    for paths, wanted in rule.where:
        given = any(held(entry, path) not in (None, [], "") for path in paths)
        if isinstance(wanted, frozenset) or given is not bool(wanted):
            return False
    return True
