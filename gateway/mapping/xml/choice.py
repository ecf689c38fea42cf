"""Which rule of a list an entry belongs to: decided the same way for values just read and for a document to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.mapping.rules import Path, Where
from gateway.mapping.xml.plan import Group, Leaf, ListRule

__all__ = ["assign", "held", "keeper", "word_of"]


def held(item: Any, path: Path) -> Any:
    """The value at a path, in plain values or in a document; None where something on the way is missing."""
    for name in path:
        if item is None:
            return None
        item = item.get(name) if isinstance(item, dict) else getattr(item, name, None)
    return item


def word_of(value: Any) -> str:
    """The word of a value, for comparing: a coded value by its word, or its code when it has none."""
    if isinstance(value, dict):
        return str(value.get("value") or value.get("code") or "")
    return "" if value is None else str(value)


def assign(group: Group, entries: Iterable[Any], chosen: list[int] | None = None) -> list[ListRule | None]:
    """The rule of each entry: the first that fits and has room; `chosen` are the numbers of those that read them."""
    items = list(entries)
    if chosen is not None and len(chosen) == len(items):
        by_number = {rule.number: rule for rule in group.rules}
        known = [by_number.get(number) for number in chosen]
        if all(rule is not None and has_constants(item, rule) for item, rule in zip(items, known, strict=True)):
            return known
    room = {rule: rule.room for rule in group.rules}
    found: list[ListRule | None] = []
    for item in items:
        rule = next((rule for rule in group.rules if room[rule] != 0 and _fits(item, rule)), None)
        if rule is not None and (left := room[rule]) is not None:
            room[rule] = left - 1
        found.append(rule)
    return found


def keeper(group: Group) -> Callable[[list[Any], list[int]], bool]:
    """A function that tells whether `assign` gives entries to the rules of these numbers, which read them."""
    settled, known = group.settled, group.settled | group.tested
    rules = {rule.number: rule for rule in group.rules}

    def keeps(entries: list[Any], numbers: list[int]) -> bool:
        if settled.issuperset(numbers):
            return True
        if len(entries) == len(numbers) and known.issuperset(numbers):
            for entry, number in zip(entries, numbers, strict=True):
                if number not in settled and not _fits(entry, rules[number]):
                    break
            else:
                return True
        return [rule.number if rule else 0 for rule in assign(group, entries)] == numbers

    return keeps


def has_constants(item: Any, rule: ListRule) -> bool:
    """Whether an entry has the words that the rule gives its entries."""
    for path, word in rule.constants:
        value = item.get(path[0]) if len(path) == 1 and isinstance(item, dict) else held(item, path)
        if value != word and word_of(value) != word:
            return False
    return True


def _fits(item: Any, rule: ListRule) -> bool:
    if not has_constants(item, rule) or (rule.where and not _accepted(item, rule.where)):
        return False
    return all(condition.holds(_written(item, leaf)) is wanted for leaf, condition, wanted in rule.tests)


def _accepted(item: Any, where: Where) -> bool:
    for paths, wanted in where:
        values = [value for path in paths if (value := held(item, path)) not in (None, [], "")]
        if isinstance(wanted, frozenset):
            if not any(word_of(value) in wanted for value in values):
                return False
        elif bool(values) is not bool(wanted):
            return False
    return True


def _written(item: Any, leaf: Leaf) -> str:
    """The text that the field of a condition would be written as."""
    assert leaf.converter is not None
    values = [held(item, path) for path in leaf.paths]
    if all(value is None for value in values):
        return leaf.default or ""
    try:
        return leaf.converter.write(tuple(values) if len(values) > 1 else values[0])
    except ValueError:
        return ""
