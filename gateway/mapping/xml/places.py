"""Places in a document that a rule may name, checked against the structure facts, and names as lxml writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from lxml import etree

from gateway.mapping.errors import nearest
from gateway.standards.xml.structure import ANY, Structure

__all__ = ["XSI", "Names", "Place", "PlaceError", "tag_of"]

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
#: Prefixes of attributes that stand on any element.
_EVERYWHERE: Final = {"xsi": XSI, "xml": _XML}


def tag_of(element: etree._Element) -> str:
    """The tag of an element; comments and instructions are not among those that are read."""
    tag: Any = element.tag
    return str(tag)


class PlaceError(ValueError):
    """A path names something that does not stand there; the text says what does."""


class Names:
    """Canonical names ("cbc:ID", "xml:lang") and the tags of lxml ("{urn…}ID"), both ways, for one document type."""

    def __init__(self, structure: Structure, root: str) -> None:
        """Names within documents with the root element `root`."""
        self.structure = structure
        self.root = root
        #: Namespace of names without a prefix; None for cXML.
        self.default = structure.namespace(root)
        self._prefixes = {**structure.namespaces, **_EVERYWHERE}
        self._by_uri = {uri: prefix for prefix, uri in self._prefixes.items()}
        self._tags: dict[str, str] = {}

    @property
    def declared(self) -> dict[str | None, str]:
        """Namespace declarations of a written root: the components' prefixes, and the default one."""
        default: dict[str | None, str] = {None: self.default} if self.default else {}
        return default | dict(self.structure.namespaces)

    @property
    def kept_declarations(self) -> list[tuple[str, str]]:
        """(prefix, namespace) of every name in a kept text; "" is the default namespace."""
        known = [(prefix, uri) for prefix, uri in self._prefixes.items() if prefix != "xml"]
        return [*known, *([("", self.default)] if self.default else [])]

    def tag(self, name: str) -> str:
        """The tag of an element."""
        found = self._tags.get(name)
        if found is None:
            prefix, colon, local = name.partition(":")
            if name.startswith("{"):
                found = name.removeprefix("{}")
            elif colon and prefix in self._prefixes:
                found = f"{{{self._prefixes[prefix]}}}{local}"
            else:
                found = f"{{{self.default}}}{name}" if self.default else name
            if len(self._tags) < 5000:
                self._tags[name] = found
        return found

    def name(self, tag: str) -> str:
        """The canonical name of a tag; names of unknown namespaces stay in Clark notation."""
        if tag[0] != "{":
            # No namespace: for UBL that is not the namespace of names without a prefix.
            return tag if self.default is None else "{}" + tag
        uri, _, local = tag[1:].partition("}")
        if uri == self.default:
            return local
        prefix = self._by_uri.get(uri)
        return f"{prefix}:{local}" if prefix else tag

    def attribute_key(self, name: str) -> str:
        """The key of an attribute; without a prefix it is in no namespace."""
        prefix, colon, local = name.partition(":")
        return f"{{{self._prefixes[prefix]}}}{local}" if colon and prefix in self._prefixes else name

    def attribute(self, key: str) -> str:
        """The canonical name of an attribute."""
        if key[0] != "{":
            return key
        uri, _, local = key[1:].partition("}")
        prefix = self._by_uri.get(uri)
        return f"{prefix}:{local}" if prefix else key


@dataclass(frozen=True)
class Place:
    """An element on the way of a path; `type` is None where the schema allows anything."""

    structure: Structure
    #: Name of the element, for messages.
    name: str
    type: str | None

    def step(self, name: str) -> Place:
        """The child of that name. Raises PlaceError with the nearest name that may stand here."""
        if self.type is None:
            return Place(self.structure, name, None)
        child = self.structure.child(self.type, name)
        if child is not None:
            return Place(self.structure, name, child.type or self.structure.element_type(name) or name)
        known = [each.name for each in self.structure.children(self.type)]
        if ANY in known:
            return Place(self.structure, name, None)
        if not known:
            raise PlaceError(f"{self.name} holds text, no elements such as {name}.")
        raise PlaceError(f"{name} does not stand in {self.name}.{nearest(name, known)}")

    def walk(self, steps: Iterable[str]) -> Place:
        """Several steps."""
        place = self
        for name in steps:
            place = place.step(name)
        return place

    def check_attribute(self, name: str) -> None:
        """Raises PlaceError when the element has no such attribute."""
        if self.type is None or name.partition(":")[0] in _EVERYWHERE:
            return
        known = self.structure.attributes(self.type)
        if name not in known:
            raise PlaceError(f"{self.name} has no attribute {name}.{nearest(name, known)}")

    def check_text(self) -> None:
        """Raises PlaceError when the element holds no text of its own."""
        if self.type is not None and not self.structure.text(self.type):
            known = [each.name for each in self.structure.children(self.type)]
            raise PlaceError(f"{self.name} holds no text of its own.{nearest(self.name, known)}")

    def repeats(self, name: str) -> bool:
        """Whether a child of that name may stand here several times."""
        if self.type is None:
            return True
        child = self.structure.child(self.type, name)
        return child is None or child.many

    @cached_property
    def currency_attribute(self) -> str:
        """The attribute that must give the currency of an amount, "" when there is none."""
        if self.type is None:
            return ""
        required = self.structure.required_attributes(self.type)
        return next((name for name in ("currencyID", "currency") if name in required), "")
