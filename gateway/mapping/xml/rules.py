"""The rules of an XML map as values: what `parse` makes of the text and `plan` lays out along the elements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mapping.rules import Path, Where
from gateway.mapping.xml.values import XmlConverter

__all__ = ["At", "Condition", "Constants", "ElementRule", "PriceRule", "Source", "UnderLevel", "Wrapper", "XmlField"]

#: Field path → the word that reading sets and that writing looks for.
Constants = tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class At:
    """A place below an element: element names, then the text or an attribute of the last one."""

    steps: tuple[str, ...] = ()
    #: "" for the text.
    attribute: str = ""

    def __str__(self) -> str:
        last = (f"@{self.attribute}",) if self.attribute else ()
        return "/".join((*self.steps, *last)) or "."


@dataclass(frozen=True, slots=True)
class Source:
    """An attribute that follows another field: `{from: currency}`."""

    #: The field it follows: of the object, else of the document.
    name: str
    #: A field of the object that gets a value that differs; None: it is kept in the extensions.
    own: Path | None = None


@dataclass(frozen=True, slots=True)
class XmlField:
    """One text or attribute and what it carries."""

    at: At
    #: One path; two for `word` (word, code); up to three for `datetime` (date, time, zone). () for constants.
    paths: tuple[Path, ...] = ()
    converter: XmlConverter | None = None
    constant: str | None = None
    default: str | None = None
    required: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on a text or attribute of the candidate element: one of these values, or a pattern of the whole."""

    at: At
    values: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None
    #: Whether the element or attribute must be there at all; then the text does not matter.
    present: bool | None = None

    def holds(self, text: str | None) -> bool:
        """Whether a value meets it; None when there is no such element or attribute."""
        if self.present is not None:
            return (text is not None) is self.present
        text = text or ""
        return text in self.values if self.pattern is None else self.pattern.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A price stated for a quantity: field = amount / quantity, the parts as stated in `base`."""

    amount: At
    quantity: At
    unit: At | None
    unit_converter: XmlConverter | None
    field: Path
    base: Path


@dataclass(frozen=True, slots=True)
class UnderLevel:
    """An ancestor of a leaf unit, made of fields that every leaf's element repeats."""

    constants: Constants
    key: tuple[At, ...]
    fields: tuple[XmlField, ...]
    rules: tuple[ElementRule, ...] = ()
    anchor: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Wrapper:
    """An element around neighbouring entries of a flat list, whose values each of them has as fields."""

    fields: tuple[XmlField, ...]
    rules: tuple[ElementRule, ...]


@dataclass(frozen=True, slots=True)
class ElementRule:
    """An element (or, without steps, the current one): an entry of a list, a part, or a step on the way."""

    id: str
    steps: tuple[str, ...]
    fields: tuple[XmlField, ...] = ()
    prices: tuple[PriceRule, ...] = ()
    rules: tuple[ElementRule, ...] = ()
    items: Path | None = None
    #: Entries are plain texts.
    scalar: bool = False
    part: Path | None = None
    anchor: str = ""
    constants: Constants = ()
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    where: Where = ()
    under: tuple[UnderLevel, ...] = ()
    #: Name of the list of children of a unit, for `under`.
    children: str = ""
    #: The element around the entries repeats too, and these of its values belong to each of them.
    wrapper: Wrapper | None = None
