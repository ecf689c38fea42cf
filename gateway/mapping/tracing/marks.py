"""Values that know where they came from: equal to plain ones in every way, with a place and the rule that took them.

A marked value goes through the map's own reader or writer like any other. What comes out at the other end with its
mark was put there by that very value; what comes out without one was made on the way, and is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, SupportsIndex

from gateway.standards.edi.model import COMPONENT

__all__ = ["Mark", "RulePlace", "SegmentPlace", "XmlPlace", "leaves", "mark", "mark_of", "plain", "rules_of", "unmark"]


@dataclass(frozen=True, slots=True)
class SegmentPlace:
    """Where a value stands in a transaction set."""

    #: Segment id, "PO1".
    segment: str
    #: Number of the segment in its set, ST = 1.
    position: int
    #: 1-based element number.
    element: int
    #: 1-based component, None for the whole element.
    component: int | None = None
    #: Id of the loop in which the segment stands; None for none.
    loop: str | None = None
    #: Byte offset of the element in the transmission; None when that is not known.
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class XmlPlace:
    """Where a value stands in an XML document."""

    #: "/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity/@unitCode".
    path: str
    #: Line of the element, from 1; None when that is not known.
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Which rule of a map takes or makes a value."""

    #: Path of rule ids as in `change: at:` of an overlay: "detail.PO1.PO1"; "" for what the map does by itself.
    at: str
    #: Key of the field in that rule: "2", "5.1", "groups 6-25", "cbc:ID/@schemeID".
    field: str
    #: "text", "decimal", "code:purpose" …
    converter: str
    #: The map file, and the line in it, from 1; "" and 0 when that is not known.
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marked value knows."""

    #: Where it was received, or the paths of the fields that it was written from.
    origin: SegmentPlace | XmlPlace | tuple[str, ...]
    rule: RulePlace | None = None


class _Text(str):
    mark: Mark

    def strip(self, chars: str | None = None, /) -> str:
        marked: str = mark(super().strip(chars), self.mark)
        return marked

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        parts = super().split(sep, maxsplit)
        return [mark(part, self._part(number, sep)) for number, part in enumerate(parts, 1)]

    def _part(self, number: int, separator: str | None) -> Mark:
        origin = self.mark.origin
        if separator == COMPONENT and isinstance(origin, SegmentPlace):
            return replace(self.mark, origin=replace(origin, component=number))
        return self.mark


class _Number(Decimal):
    mark: Mark


class _Count(int):
    mark: Mark


class _Day(date):
    mark: Mark


class _Clock(time):
    mark: Mark


def _day(value: date) -> date:
    return _Day(value.year, value.month, value.day)


def _clock(value: time) -> time:
    return _Clock(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


_MADE: Final[dict[type, Any]] = {str: _Text, Decimal: _Number, int: _Count, date: _day, time: _clock}
_PLAIN: Final[dict[type, Any]] = {
    _Text: str,
    _Number: Decimal,
    _Count: int,
    _Day: lambda value: date(value.year, value.month, value.day),
    _Clock: lambda value: time(
        value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold
    ),
}


def mark(value: Any, note: Mark) -> Any:
    """The same value with a mark; in dictionaries, lists and tuples each value in them. Other types stay unmarked."""
    if isinstance(value, dict):
        return {key: mark(item, note) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mark(item, note) for item in value)
    plainly = plain(value)
    make = _MADE.get(type(plainly))
    if make is None:
        return value
    marked = make(plainly)
    marked.mark = note
    return marked


def mark_of(value: Any) -> Mark | None:
    """The mark of a value, None for a plain one."""
    return value.mark if type(value) in _PLAIN else None


def plain(value: Any) -> Any:
    """The value without its mark."""
    make = _PLAIN.get(type(value))
    return make(value) if make is not None else value


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path in the JSON form, value) of every value in a tree of dictionaries and lists, in its order."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from leaves(value, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from leaves(value, f"{path}[{index}]")
    elif values is not None:
        yield path, values


def unmark(values: Any) -> Any:
    """Take the marks off a tree in place: the dictionaries and lists stay the same objects. Returns the tree."""
    if isinstance(values, dict):
        for name, value in values.items():
            values[name] = unmark(value)
        return values
    if isinstance(values, list):
        values[:] = [unmark(value) for value in values]
        return values
    return tuple(unmark(value) for value in values) if isinstance(values, tuple) else plain(values)


def rules_of(values: list[tuple[str, Any]]) -> dict[Any, RulePlace]:
    """Place → rule that took the value there: a rule that fills two fields marks only the one it converts."""
    notes = [mark_of(value) for _, value in values]
    return {note.origin: note.rule for note in notes if note is not None and note.rule is not None}
