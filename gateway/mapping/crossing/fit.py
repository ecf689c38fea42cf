"""Texts and numbers made to fit the elements of X12: no longer, of its characters, and from its code lists.

The map of the set says which element carries which field, the release how long that element may be. Texts for people
are continued in a further line where there is one, else cut; what identifies something is never cut.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents import Document
from gateway.documents.base import Code
from gateway.documents.parties import Party
from gateway.mapping.crossing.foreign import tables_of
from gateway.mapping.crossing.together import TogetherNote, notes_of, say_together
from gateway.mapping.crossing.values import CrossingHints, Report
from gateway.mapping.engine import CompiledMap
from gateway.mapping.registry import load_map
from gateway.mapping.rules import Field, HierarchyRule, LoopRule, Path, Rule, SegmentRule
from gateway.standards.edi.schema import ElementType, Release, load_release

__all__ = ["fit_to_x12"]

#: Texts for people: cut when they are too long.
_FREE: Final = frozenset(
    {"name", "text", "description", "title", "city", "place", "title_place", "risk_description", "routing"}
)
#: Punctuation that Latin-1 does not have, and what stands for it.
_PUNCTUATION: Final = str.maketrans(
    {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "…": "...", "€": "EUR", "•": "*", "−": "-"}
)

#: Letters that do not come apart into a plain one and an accent.
_LETTERS: Final = {
    "ß": "ss",
    "Æ": "AE",
    "æ": "ae",
    "Ø": "O",
    "ø": "o",
    "Œ": "OE",
    "œ": "oe",
    "Ł": "L",
    "ł": "l",
    "Đ": "D",
    "đ": "d",
}


@dataclass(slots=True)
class Room:
    """What the fields of one kind of object may hold."""

    elements: dict[str, ElementType] = field(default_factory=dict)
    inner: dict[str, Room] = field(default_factory=dict)
    #: For a list of texts: the element of each.
    entry: ElementType | None = None
    #: The words that a coded field may have.
    words: dict[str, frozenset[str]] = field(default_factory=dict)
    #: What must be said together.
    notes: list[TogetherNote] = field(default_factory=list)

    def at(self, path: Path) -> Room:
        """The room of a part or list, made if need be."""
        room = self
        for name in path:
            room = room.inner.setdefault(name, Room())
        return room


def fit_to_x12(document: Document, set_id: str, hints: CrossingHints, report: Report) -> None:
    """Make every text and number of the document fit; in place."""
    _Fitting(hints.charset, report).model(document, _rooms(hints.version, set_id), "")


@lru_cache(maxsize=32)
def _rooms(version: str, set_id: str) -> Room:
    cmap = load_map("x12", version, set_id)
    if not isinstance(cmap, CompiledMap):
        raise TypeError(f"{cmap.identity} is no map of X12")
    room = Room()
    release = load_release(version)
    for rules in cmap.rules.values():
        _lay_out(rules, room, release)
    return room


def _lay_out(rules: Iterable[Rule], room: Room, release: Release, trigger: str = "") -> None:
    for rule in rules:
        if isinstance(rule, SegmentRule):
            _segment(rule, room, release, is_entry=rule.items is not None or rule.tag == trigger)
        elif isinstance(rule, LoopRule):
            inner = room.at(rule.items or rule.part or ())
            _lay_out(rule.rules, inner, release, rule.trigger if rule.items else "")
        elif isinstance(rule, HierarchyRule):
            units = room.at(rule.items)
            units.inner[rule.children] = units
            for level in rule.levels.values():
                _lay_out(level, units, release)


def _segment(rule: SegmentRule, room: Room, release: Release, *, is_entry: bool) -> None:
    inner = room.at(rule.items or rule.spread or rule.part or ())
    inner.notes += notes_of(rule, release, is_entry=is_entry)
    for item in rule.fields:
        _place(item, item.element, rule.tag, inner, release)
    for group in rule.groups:
        for item in group.fields:
            _place(item, group.first + item.element - 1, rule.tag, inner.at(group.items or ()), release)


def _place(item: Field, number: int, tag: str, room: Room, release: Release) -> None:
    if item.converter is None:
        return
    kind, _, name = item.converter.name.partition(":")
    table = tables_of("x12").get(name)
    if kind in ("code", "word") and table is not None and len(item.path) == 1:
        room.words.setdefault(item.path[0], frozenset(table.values()).union(table))
    if item.converter.type not in {"text", "decimal"}:
        return
    element = release.element_at(tag, number, item.component or None)
    if element is None:
        return
    if not item.path:
        room.entry = element
    else:
        room.at(item.path[:-1]).elements.setdefault(item.path[-1], element)


class _Fitting:
    """One document being fitted."""

    def __init__(self, charset: str, report: Report) -> None:
        self.report = report
        #: The first character that may not be sent.
        self.limit = 256 if charset == "latin-1" else 128

    def model(self, model: BaseModel, room: Room, path: str) -> bool:
        """False when the object cannot be said at all."""
        if isinstance(model, Party):
            self._name(model, room, path)
        for name, element in room.elements.items():
            value = getattr(model, name, None)
            if value not in (None, ""):
                setattr(model, name, self._value(value, element, model, name, f"{path}{name}"))
        self._words(model, room, path)
        if not say_together(model, room.notes, path, self.report):
            return False
        for name, inner in room.inner.items():
            held = getattr(model, name, None)
            if isinstance(held, BaseModel):
                if not self.model(held, inner, f"{path}{name}."):
                    setattr(model, name, None)
            elif held and isinstance(held[0], str):
                if inner.entry is not None:
                    setattr(model, name, self._lines(held, inner.entry.max, f"{path}{name}"))
            elif held:
                kept = [each for index, each in enumerate(held) if self.model(each, inner, f"{path}{name}[{index}].")]
                setattr(model, name, kept)
        return True

    def _words(self, model: BaseModel, room: Room, path: str) -> None:
        """Words that X12 has no code for."""
        for name, words in room.words.items():
            held = getattr(model, name, None)
            word = held.value if isinstance(held, Code) else held
            if isinstance(word, str) and word not in words:
                self.report.not_carried(f"{path}{name}", "X12 has no code for it", word)
                setattr(model, name, None)

    def _name(self, party: Party, room: Room, path: str) -> None:
        """A long name of a party goes on in its further lines."""
        element = room.elements.get("name")
        text = " ".join(self._latin(party.name or "").split())
        if element is None or len(text) <= element.max:
            return
        first, *rest = textwrap.wrap(text, element.max)
        self.report.changed(f"{path}name", "it is longer than one line and goes on in names")
        self.report.changed(f"{path}names", "it begins with the rest of the name")
        party.name, party.names = first, [*rest, *party.names]

    def _value(self, value: Any, element: ElementType, model: BaseModel, name: str, path: str) -> Any:
        if isinstance(value, Decimal):
            return self._number(value, element, path)
        if not isinstance(value, str):
            return value
        text = (
            " ".join(self._latin(value).split()) if not value.isascii() or not value.isprintable() else value.strip(" ")
        )
        if text != value:
            self.report.changed(path, f'it is written with characters that X12 carries: "{text}"')
        if element.min <= len(text) <= element.max and (element.codes is None or text in element.codes):
            return text
        if element.codes is not None and name == "unit" and "quantity" in type(model).model_fields:
            message = (
                f'"{text}" is no unit of measure of X12. Write the unit as X12 does, or add it to the table of units.'
            )
            self.report.problem(path, message)
        elif name in _FREE and len(text) > element.max:
            self.report.not_carried(path, f"only {element.max} characters are written", text[element.max :])
            return text[: element.max].rstrip()
        else:
            self.report.not_carried(path, f"X12 wants {_wanted(element)} there", text)
        return None

    def _number(self, value: Decimal, element: ElementType, path: str) -> Decimal:
        """Rounded to the digits that an element has room for."""
        text = format(value, "f").lstrip("-").replace(".", "")
        if element.type != "R" or len(text) <= element.max:
            return value
        whole = len(str(abs(int(value))))
        with localcontext() as context:
            context.prec = 80
            rounded = value.quantize(Decimal(1).scaleb(-max(0, element.max - whole)), ROUND_HALF_EVEN)
        self.report.changed(path, f"{value} is written as {rounded}, for X12 has room for {element.max} digits")
        return rounded

    def _lines(self, lines: list[str], width: int, path: str) -> list[str]:
        made = [part for line in lines for part in self._parts(line, width)]
        if made != lines:
            self.report.changed(path, f"it is written in {len(made)} lines of at most {width} characters")
        return made

    def _parts(self, line: str, width: int) -> Iterator[str]:
        for part in self._latin(line).splitlines():
            text = part if part.isprintable() else " ".join(part.split())
            yield from ([text] if len(text) <= width else textwrap.wrap(text, width)) if text.strip() else ()

    def _latin(self, text: str) -> str:
        """The text in characters that the partner takes, the nearest ones where it has others."""
        if text.isascii():
            return text
        return "".join(self._letter(character) for character in text.translate(_PUNCTUATION))

    def _letter(self, character: str) -> str:
        if ord(character) < self.limit:
            return character
        known = _LETTERS.get(character)
        base = known or unicodedata.normalize("NFKD", character)
        return "".join(each for each in base if ord(each) < self.limit) or "?"


def _wanted(element: ElementType) -> str:
    size = str(element.max) if element.min == element.max else f"{element.min} to {element.max}"
    kind = "a code of its list" if element.codes is not None else f"{size} characters"
    return f"{kind} (element {element.ref})"
