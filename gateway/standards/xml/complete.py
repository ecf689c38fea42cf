"""What cXML demands and nobody can say: empty elements that make a document of ours complete, and say nothing.

The DTD of cXML makes many elements required that a trade may have no value for: a classification, a description, the
payloadID of the document that is answered, two indicators in front of every invoice. Senders write them empty, and so
do we. An amount is never made up: where one is missing, the document stays incomplete and its check says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lxml import etree

from gateway.standards.xml.structure import Structure, load_structure

__all__ = ["complete_cxml"]

_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
#: Attribute that must be there → the value that says nothing. An element with another one is not made.
_BLANK: Final[Mapping[str, str]] = {
    "xml:lang": "en",
    "domain": "",
    "isoCountryCode": "",
    "payloadID": "",
    "value": "Other",
}
#: Elements whose text has to be known.
_NEVER: Final = frozenset({"Money", "UnitPrice", "Total", "UnitOfMeasure"})
#: Element → the child that stands for a choice of which one must be there, and all of them.
_CHOICES: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "Packaging": ("PackagingCode", frozenset({"PackagingCode", "Dimension"})),
}
#: Element → the child that it must have twice.
_PAIRS: Final[Mapping[str, str]] = {"InvoiceDetailShipping": "Contact"}
#: Element → children that stand together or not at all.
_TOGETHER: Final[Mapping[str, tuple[str, str]]] = {
    "InvoiceDetailShipping": ("CarrierIdentifier", "ShipmentIdentifier"),
}
#: Levels of required elements within each other that are made.
_DEEPEST: Final = 8


def complete_cxml(request: etree._Element, structure: Structure | None = None) -> etree._Element:
    """Add to a request, in place, every required element that is missing and may be empty; returns the request."""
    facts = structure if structure is not None else load_structure("cxml", "1.2")
    for element in list(request.iter(etree.Element)):
        _complete(element, facts)
    return request


def _complete(element: etree._Element, facts: Structure) -> None:
    name = str(element.tag)
    if facts.type(name) is None:
        return
    present = {str(child.tag) for child in element}
    wanted = {child.name for child in facts.children(name) if child.required}
    default, choice = _CHOICES.get(name, ("", frozenset()))
    if default and not present & choice:
        wanted.add(default)
    together = _TOGETHER.get(name, ())
    if present & set(together):
        wanted.update(together)
    for child in facts.children(name):
        if child.name in wanted - present:
            _add(element, child.name, facts)
    twice = _PAIRS.get(name)
    if twice is not None and len(element.findall(twice)) == 1:
        _add(element, twice, facts)


def _add(element: etree._Element, name: str, facts: Structure) -> None:
    """Put an empty child into its place, if it may be empty."""
    made = _empty(name, facts, _DEEPEST)
    if made is not None:
        parent = str(element.tag)
        element.insert(_index(element, parent, facts.position(parent, name) or 0, facts), made)


def _index(element: etree._Element, name: str, place: int, facts: Structure) -> int:
    """Where a child with this place in the order of the schema belongs among the children."""
    for index, child in enumerate(element):
        found = facts.position(name, str(child.tag))
        if found is not None and found > place:
            return index
    return len(element)


def _empty(name: str, facts: Structure, levels: int) -> etree._Element | None:
    """An element that says nothing, with what it must hold; None when it would have to say something."""
    attributes = facts.required_attributes(name)
    if name in _NEVER or not levels or any(attribute not in _BLANK for attribute in attributes):
        return None
    element = etree.Element(name)
    for attribute in attributes:
        element.set(_LANGUAGE if attribute == "xml:lang" else attribute, _BLANK[attribute])
    for child in facts.children(name):
        if child.required:
            made = _empty(child.name, facts, levels - 1)
            if made is None:
                return None
            element.append(made)
    return element
