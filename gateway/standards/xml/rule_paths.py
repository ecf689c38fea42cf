"""Paths of business rules: which elements, attributes and values of a document an expression speaks of.

`cac:Price/cbc:PriceAmount`, `@currencyID`, `/cbc:IssueDate` (from the document element), `//@currencyID` (anywhere
below), `..`, `.`; a step may have a condition on a value below it: `cac:AllowanceCharge[cbc:ChargeIndicator=true]`,
`Money[@currency]`. Every part is read and checked here; what is run is a compiled XPath made from these parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from lxml import etree

from gateway.standards.xml.names import PREFIXES

__all__ = ["BLANKS", "Place", "Reading", "RulePath", "presence_of", "rule_path", "values_of"]

_NAMESPACES: Final = {prefix: uri for uri, prefix in PREFIXES.items()}
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_STEP: Final = re.compile(r"(?P<name>\.\.?|@?[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)(?:\[(?P<condition>[^\]]+)\])?")
_CONDITION: Final = re.compile(r"(?P<path>[^='\"]+)(?:=(?P<quote>'?)(?P<value>[^'\"]*)(?P=quote))?")
#: White space of XML, which does not belong to a value.
BLANKS: Final = " \t\r\n"
#: Paths that are remembered, compiled; a rule file has far fewer.
_MOST_PATHS: Final = 4_096


class Place(NamedTuple):
    """A value in a document: an element, or one of its attributes."""

    element: etree._Element
    #: The attribute as lxml names it; "" for the element's own text.
    attribute: str
    #: The text without white space around it; "" when there is none.
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class RulePath:
    """A compiled path."""

    source: str
    #: Finds the elements; None = the element itself.
    find: etree.XPath | None
    #: The tags from child to child, where that is all there is to the path; None otherwise.
    tags: tuple[str, ...] | None
    #: The tag of the first step, if that leads to a child; "" otherwise.
    first: str
    #: The attribute at its end, as lxml names it; "" without one.
    attribute: str
    #: Whether it starts at the document element.
    from_document: bool

    #: Finds the values at once, where the path means an attribute anywhere; None otherwise.
    find_values: etree.XPath | None = None

    @property
    def is_walked(self) -> bool:
        """Whether it leads from child to child, from wherever it starts, and no other way."""
        return self.tags is not None and not self.from_document

    def places(self, here: etree._Element, document: etree._Element) -> Iterator[Place]:
        """The values that the path means, in document order; empty ones too."""
        attribute = self.attribute
        for element in self.elements(here, document):
            text = element.get(attribute) if attribute else element.text or ""
            if text is not None:
                yield Place(element, attribute, text.strip(BLANKS))

    def texts(self, here: etree._Element, document: etree._Element) -> list[str]:
        """The texts of these places."""
        if self.find_values is None:
            return [place.text for place in self.places(here, document)]
        found: Any = self.find_values(document)
        return [text.strip(BLANKS) for text in found]

    def elements(self, here: etree._Element, document: etree._Element) -> list[etree._Element]:
        """The elements that the path means, in document order."""
        start = document if self.from_document else here
        if self.find is None:
            return [start]
        found: Any = self.find(start)
        return list(found)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What an expression reads of a path: all its values, or only whether there is one."""

    path: RulePath
    #: True for whether there is one; an element that holds others counts too.
    presence: bool

    def texts(self, here: etree._Element, document: etree._Element) -> list[str]:
        """The values without white space around them, empty ones too; for presence one value or none."""
        if not self.presence:
            return self.path.texts(here, document)
        places = self.path.places(here, document)
        return [""] if any(place.text or (not place.attribute and len(place.element)) for place in places) else []


@lru_cache(_MOST_PATHS)
def values_of(path: RulePath) -> Reading:
    """The reading of all values of a path: one object for one path."""
    return Reading(path, presence=False)


@lru_cache(_MOST_PATHS)
def presence_of(path: RulePath) -> Reading:
    """The reading of whether a path has a value: one object for one path."""
    return Reading(path, presence=True)


@lru_cache(_MOST_PATHS)
def rule_path(source: str) -> RulePath:
    """Compile a path; one object for one source. Raises ValueError when it is not one."""
    anywhere, from_document = source.startswith("//"), source.startswith("/")
    steps, attribute = _steps(source)
    xpath = "/".join(steps)
    if anywhere:
        xpath = f"descendant::{xpath}" if steps else f"descendant-or-self::*[@{_xpath_name(attribute, source)}]"
    find = etree.XPath(xpath, namespaces=_NAMESPACES, smart_strings=False) if xpath else None
    is_plain = not anywhere and all("[" not in step and step != ".." for step in steps)
    tags = tuple(_tag(step, source) for step in steps) if is_plain else None
    first = _tag(steps[0].partition("[")[0], source) if steps and not anywhere and steps[0] != ".." else ""
    values = f"descendant-or-self::*/@{attribute}" if anywhere and attribute and not steps else ""
    find_values = etree.XPath(values, namespaces=_NAMESPACES, smart_strings=False) if values else None
    attribute = _tag(attribute, source) if attribute else ""
    return RulePath(source, find, tags, first, attribute, from_document, find_values)


def _steps(source: str) -> tuple[list[str], str]:
    """The steps of a path in XPath, and the attribute at its end."""
    steps: list[str] = []
    attribute = ""
    rest = source.lstrip("/")
    while rest:
        found = _STEP.match(rest)
        if found is None or attribute:
            raise ValueError(f'"{source}" is not a path: it cannot be read from "{rest}" on.')
        name = found["name"]
        if name.startswith("@"):
            attribute = name[1:]
        elif name != ".":
            steps.append(_xpath_name(name, source) + _condition(found["condition"], source))
        rest = rest[found.end() :]
        if rest and not rest.startswith("/"):
            raise ValueError(f'"{source}" is not a path: "/" is missing before "{rest}".')
        rest = rest[1:]
    return steps, attribute


def _condition(text: str | None, source: str) -> str:
    if text is None:
        return ""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f'"{source}" is not a path: its condition "{text}" cannot be read.')
    steps, attribute = _steps(found["path"])
    where = "/".join([*steps, f"@{_xpath_name(attribute, source)}"] if attribute else steps)
    value = found["value"]
    return f"[{where}[normalize-space()]]" if value is None else f"[{where}[normalize-space()='{value}']]"


def _xpath_name(name: str, source: str) -> str:
    _tag(name, source)
    return name


def _tag(name: str, source: str) -> str:
    """The name as lxml writes it. Raises ValueError when its prefix is unknown."""
    prefix, colon, local = name.rpartition(":")
    if not colon:
        return local
    namespace = _XML if prefix == "xml" else _NAMESPACES.get(prefix)
    if namespace is None:
        raise ValueError(f'"{source}" has the unknown prefix "{prefix}"; known are {", ".join(_NAMESPACES)} and xml.')
    return f"{{{namespace}}}{local}"
