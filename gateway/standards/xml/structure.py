"""Which children and attributes every element of a standard may have, in which order and how often.

The facts are data: `schemas/xml/<standard>-<version>.json`, made from the XML Schema files by
`python -m gateway.standards.xml.generate`. They hold only what the documents that we know reach. Names are the
canonical ones of this package: `cbc:`, `cac:` and `ext:` for the components of UBL, no prefix for document elements
and for cXML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from gateway.resources import find

__all__ = ["ANY", "Child", "ElementType", "Structure", "child_notation", "load_structure", "structure_from_facts"]

#: Name of a child that stands for any element at all (xsd:any: extension contents, cXML Extrinsic).
ANY: Final = "*"

#: (required, many) → mark behind a child's name in the facts, as in a DTD.
_MARKS: Final = {(True, False): "", (False, False): "?", (False, True): "*", (True, True): "+"}
_OCCURRENCE: Final = {mark: occurrence for occurrence, mark in _MARKS.items()}


@dataclass(frozen=True, slots=True)
class Child:
    """One element that may stand inside another."""

    #: "cac:OrderLine"; `ANY` for any element.
    name: str
    #: Type id of its content; "" when it holds text only.
    type: str
    #: Whether it may be repeated.
    many: bool
    #: Whether it must be there (never for the alternatives of a choice).
    required: bool
    #: Above 0: children with the same number may be mixed in any order (a repeated choice of the schema).
    free: int = 0


@dataclass(frozen=True, slots=True)
class ElementType:
    """What an element of one type may hold."""

    #: Child elements in the order of the schema.
    children: tuple[Child, ...] = ()
    #: Names of all attributes ("currencyID", "xml:lang"), in alphabetical order.
    attributes: tuple[str, ...] = ()
    #: Those of them that must be there.
    required_attributes: tuple[str, ...] = ()
    #: Built-in type of its text ("decimal", "date", "string" …); "" when it may hold none.
    text: str = ""


class Structure:
    """The facts of one standard in one version; immutable after it is made."""

    def __init__(
        self,
        standard: str,
        version: str,
        *,
        roots: Mapping[str, str],
        namespaces: Mapping[str, str],
        elements: Mapping[str, str],
        types: Mapping[str, ElementType],
    ) -> None:
        #: "ubl" or "cxml".
        self.standard = standard
        #: "2.1", "1.2".
        self.version = version
        self._roots = dict(roots)
        self._namespaces = dict(namespaces)
        self._elements = dict(elements)
        self._types = dict(types)
        self._by_namespace = {uri: prefix for prefix, uri in self._namespaces.items() if prefix not in self._roots}
        self._positions: dict[str, dict[str, int]] = {}

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the documents, "Order", "Invoice" …, in alphabetical order."""
        return tuple(sorted(self._roots))

    @property
    def prefixes(self) -> Mapping[str, str]:
        """Namespace → canonical prefix, of the components."""
        return self._by_namespace

    @property
    def namespaces(self) -> Mapping[str, str]:
        """Canonical prefix → namespace, of the components; a namespace map for lxml."""
        return {prefix: uri for uri, prefix in self._by_namespace.items()}

    def root(self, name: str) -> str | None:
        """Type id of the document with this name; None when this standard has no such document."""
        return self._roots.get(name)

    def namespace(self, name: str) -> str | None:
        """Namespace of "Order", "cbc:ID"; None for names without one (all of cXML) and for unknown prefixes."""
        prefix, colon, _ = name.partition(":")
        return self._namespaces.get(prefix if colon else name)

    def tag(self, name: str) -> str:
        """The name as lxml writes it: "cbc:ID" → "{urn:…}ID"."""
        namespace = self.namespace(name)
        return f"{{{namespace}}}{name.rpartition(':')[2]}" if namespace else name

    def element_type(self, name: str) -> str | None:
        """Type id of an element, text elements too; None when no document reaches it."""
        return self._elements.get(name) or self._roots.get(name)

    def type(self, name: str) -> ElementType | None:
        """The facts for a type id or an element name; None when there are none."""
        return self._types.get(name) or self._types.get(self.element_type(name) or "")

    def children(self, name: str) -> tuple[Child, ...]:
        """Children in the order of the schema, for a type id or an element name; () when there are none."""
        found = self.type(name)
        return found.children if found else ()

    def child(self, parent: str, name: str) -> Child | None:
        """The child with this name, for the type id or name of its parent; None when it may not stand there."""
        position = self.position(parent, name)
        return None if position is None else self.children(parent)[position]

    def position(self, parent: str, name: str) -> int | None:
        """Place of a child in the order of the schema, from 0; None when it may not stand there."""
        places = self._positions.get(parent)
        if places is None:
            places = {child.name: place for place, child in enumerate(self.children(parent))}
            self._positions[parent] = places
        return places.get(name)

    def attributes(self, name: str) -> tuple[str, ...]:
        """Attribute names for a type id or an element name, in alphabetical order."""
        found = self.type(name)
        return found.attributes if found else ()

    def required_attributes(self, name: str) -> tuple[str, ...]:
        """The attributes that must be there, for a type id or an element name."""
        found = self.type(name)
        return found.required_attributes if found else ()

    def text(self, name: str) -> str:
        """Built-in type of an element's text: "decimal", "date", "string" …; "" when it holds none."""
        found = self.type(name)
        return found.text if found else ""


def child_notation(child: Child, usual_type: str) -> str:
    """A child as one word of the facts: name, mark, `~` and its free group, `=` and a type that is not the usual."""
    free = f"~{child.free}" if child.free else ""
    other = f"={child.type}" if child.type != usual_type else ""
    return f"{'any' if child.name == ANY else child.name}{_MARKS[child.required, child.many]}{free}{other}"


def structure_from_facts(facts: Mapping[str, Any]) -> Structure:
    """The structure that facts describe. Raises KeyError when they are not complete."""
    types: dict[str, dict[str, Any]] = facts["types"]
    elements: dict[str, str] = facts["elements"]

    def content(type_id: str) -> str:
        return type_id if types.get(type_id, {}).get("children") else ""

    def child(word: str) -> Child:
        word, _, type_id = word.partition("=")
        word, _, free = word.partition("~")
        mark = word[-1] if word[-1] in _OCCURRENCE else ""
        name = word.removesuffix(mark)
        required, many = _OCCURRENCE[mark]
        return Child(
            ANY if name == "any" else name,
            content(type_id or elements.get(name, "")),
            many,
            required,
            int(free or 0),
        )

    return Structure(
        facts["standard"],
        facts["version"],
        roots=facts["roots"],
        namespaces=facts["namespaces"],
        elements=elements,
        types={
            type_id: ElementType(
                tuple(child(word) for word in each.get("children", ())),
                tuple(word.removesuffix("!") for word in each.get("attributes", ())),
                tuple(word.removesuffix("!") for word in each.get("attributes", ()) if word.endswith("!")),
                each.get("text", ""),
            )
            for type_id, each in types.items()
        },
    )


@cache
def load_structure(standard: str, version: str) -> Structure:
    """The facts of a standard ("ubl", "2.1"; "cxml", "1.2"), read once.

    Raises FileNotFoundError when the package has none.
    """
    path = find(f"schemas/xml/{standard}-{version}.json")
    return structure_from_facts(json.loads(path.read_bytes()))
