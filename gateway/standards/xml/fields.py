"""The values of an XML document one by one, each with its place, and a copy of the document with some of them changed.

A value is the text of an element that holds no other element, or an attribute. Values are numbered in document order,
elements too; both numbers hold for one and the same bytes only.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from gateway.standards.xml.limits import DEFAULT_LIMITS, XmlLimits
from gateway.standards.xml.names import canonical_name
from gateway.standards.xml.parsing import XmlTree, local_name, parse_xml

__all__ = [
    "XmlField",
    "XmlValueError",
    "elements_of",
    "fields_of",
    "with_values",
    "without_element",
    "written_twice",
]


class XmlValueError(ValueError):
    """A text that no XML document can hold; ``path`` says where it was to stand."""

    def __init__(self, path: str) -> None:
        super().__init__("It holds a character that XML does not know.")
        self.path = path


@dataclass(frozen=True, slots=True)
class XmlField:
    """One value of a document."""

    #: Its number among the values, from 0.
    number: int
    #: "/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity", and "…/@unitCode" for an attribute.
    path: str
    #: "Quantity" or "unitCode".
    name: str
    is_attribute: bool
    value: str
    #: The element around it: its number among the elements from 0, its path, and how deep it stands (root = 0).
    owner: int
    owner_path: str
    depth: int


def fields_of(tree: XmlTree) -> list[XmlField]:
    """Every value of a document, in document order; the root's namespace declarations are none."""
    return [field for field, _, _ in _walk(tree.root)]


def elements_of(tree: XmlTree) -> list[tuple[int, str, int]]:
    """(number, path, depth) of every element that holds others, in document order."""
    paths: dict[etree._Element, tuple[str, int]] = {tree.root: ("/" + canonical_name(tree.root), 0)}
    found = []
    for number, element in enumerate(each for each in tree.root.iter() if isinstance(each.tag, str)):
        children = [child for child in element if isinstance(child.tag, str)]
        path, depth = paths.pop(element)
        _add_paths(paths, children, path, depth)
        if children:
            found.append((number, path, depth))
    return found


def _walk(root: etree._Element) -> Iterator[tuple[XmlField, etree._Element, str | None]]:
    """Each value with its element and, for an attribute, the attribute's name."""
    numbers: dict[etree._Element, int] = {}
    paths: dict[etree._Element, tuple[str, int]] = {root: ("/" + canonical_name(root), 0)}
    at = 0
    for number, element in enumerate(each for each in root.iter() if isinstance(each.tag, str)):
        numbers[element] = number
        path, depth = paths[element]
        children = [child for child in element if isinstance(child.tag, str)]
        _add_paths(paths, children, path, depth)
        parent = element.getparent()
        leaf = not children
        owner = element if parent is None or not leaf else parent
        around = (numbers[owner], *paths[owner])
        for key, value in element.attrib.items():
            name = etree.QName(str(key)).localname
            yield XmlField(at, f"{path}/@{name}", name, True, str(value), *around), element, str(key)
            at += 1
        if leaf:
            yield XmlField(at, path, local_name(element), False, element.text or "", *around), element, None
            at += 1


def _add_paths(
    paths: dict[etree._Element, tuple[str, int]], children: list[etree._Element], path: str, depth: int
) -> None:
    """The paths of an element's children, numbered where several have one name."""
    counts: dict[str, int] = {}
    names = [canonical_name(child) for child in children]
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    seen: dict[str, int] = {}
    for child, name in zip(children, names, strict=True):
        seen[name] = seen.get(name, 0) + 1
        step = name if counts[name] == 1 else f"{name}[{seen[name]}]"
        paths[child] = (f"{path}/{step}", depth + 1)


def with_values(data: bytes, values: Mapping[int, str], limits: XmlLimits = DEFAULT_LIMITS) -> bytes:
    """The document with other texts at the numbers given. Raises XmlRefused and XmlValueError."""
    tree = parse_xml(data, limits)
    for field, element, attribute in list(_walk(tree.root)):
        value = values.get(field.number)
        if value is None or value == field.value:
            continue
        try:
            if attribute is None:
                element.text = value
            else:
                element.set(attribute, value)
        except ValueError:
            raise XmlValueError(field.path) from None
    return _written(tree)


def written_twice(data: bytes, element: int, limits: XmlLimits = DEFAULT_LIMITS) -> bytes:
    """The document with one element, named by its number, once more behind itself. Raises XmlRefused and LookupError.

    The root cannot be repeated.
    """
    tree = parse_xml(data, limits)
    found = _element(tree, element)
    found.addnext(copy.deepcopy(found))
    return _written(tree)


def without_element(data: bytes, element: int, limits: XmlLimits = DEFAULT_LIMITS) -> bytes:
    """The document without one element, named by its number. Raises XmlRefused and LookupError."""
    tree = parse_xml(data, limits)
    found = _element(tree, element)
    parent = found.getparent()
    if parent is not None:
        parent.remove(found)
    return _written(tree)


def _element(tree: XmlTree, number: int) -> etree._Element:
    for at, element in enumerate(each for each in tree.root.iter() if isinstance(each.tag, str)):
        if at == number and at > 0:
            return element
    raise LookupError(f"There is no element {number} below the root.")


def _written(tree: XmlTree) -> bytes:
    """The whole file again: declaration, DOCTYPE, comments and all, in its own encoding."""
    return etree.tostring(tree.root.getroottree(), encoding=tree.encoding, xml_declaration=True)
