"""What the tests of the XML maps share: trees that can be compared, and documents made up from a map's own plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.mapping import load_map, maps_available
from gateway.mapping.source import load_source
from gateway.mapping.xml import XmlMap
from gateway.mapping.xml.places import Place
from gateway.mapping.xml.plan import Edge, Node
from gateway.resources import find
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.structure import ANY

MAPS = [(standard, version, root) for standard, version, root in maps_available() if standard in {"ubl", "cxml"}]
#: Repeatable, mixed with real codes of the map's tables.
_TEXTS = ["7", "Anna", "two words", "é ü", "a & b < c", " padded ", "line\nbreak", "0012", "EA", "EUR", "GTIN", "new"]
_DECIMALS = ["1", "10", "10.50", "0.00", "+3", "007", ".5", "12345678901234567890.123", " 4 ", "-2.5", "1."]
_DATES = ["2026-01-02", "2026-01-02Z", "2026-02-28+01:00", " 2026-01-03 ", "soon", "2026-13-45"]
_TIMES = ["10:11:12", "10:11:12.5", "23:59:59Z", "00:00:00-05:00", "noon"]
_INSTANTS = ["2026-01-02T03:04:05+01:00", "2026-01-02T00:00:00+00:00", "2026-01-02", "2026-01-02T03:04:05Z", "later"]


def xml_map(standard: str, version: str, root: str) -> XmlMap:
    """A packaged map."""
    found = load_map(standard, version, root)
    assert isinstance(found, XmlMap)
    return found


def tree_of(text: str | bytes) -> etree._Element:
    """A parsed document."""
    return parse_xml(text.encode() if isinstance(text, str) else text).root


def comparable(element: etree._Element) -> Any:
    """Everything that counts: names by namespace, attributes, texts; not prefixes, comments and blank space."""
    copied = tree_of(etree.tostring(element, with_tail=False))
    etree.strip_tags(copied, etree.Comment, etree.ProcessingInstruction)
    return _comparable(copied)


def _comparable(element: etree._Element) -> Any:
    return (
        element.tag,
        sorted(element.items()),
        _text(element.text),
        [(_comparable(child), _text(child.tail)) for child in element],
    )


def _text(text: str | None) -> str:
    return text if text is not None and text.strip() else ""


class Author:
    """Makes up documents along a map's plan: known and unknown elements, odd spellings, repeats."""

    def __init__(self, xmap: XmlMap, seed: int) -> None:
        self.xmap = xmap
        self.random = random.Random(seed)
        self.left = 150
        path = find(f"maps/{xmap.standard}/{xmap.version}/{xmap.set_id}.yaml")
        self.codes = _codes(path)
        # Some documents are full, some nearly empty, some hold much that the map does not know.
        self.fullness = self.random.choice([0.15, 0.4, 0.8])
        self.strangeness = self.random.choice([0.0, 0.02, 0.2])

    def document(self) -> etree._Element:
        """A document."""
        names = self.xmap.names
        root = etree.Element(names.tag(self.xmap.set_id), nsmap=names.declared)
        plan = self.xmap.writer.plan.root
        self._fill(root, plan.place, plan, 0)
        for child in root:
            child.tail = None
        return tree_of(etree.tostring(root))

    def _fill(self, element: etree._Element, place: Place, node: Node | None, depth: int) -> None:
        structure = place.structure
        if place.type is None:
            element.text = self._value("string")
            return
        self._attributes(element, place, node)
        if structure.text(place.type) and (not structure.children(place.type) or self.random.random() < 0.5):
            element.text = self._value(structure.text(place.type))
        for child in structure.children(place.type):
            edges = [edge for edge in node.edges if edge.name == child.name] if node is not None else []
            chance = self.fullness if edges else self.strangeness / (depth + 1)
            while self.left > 0 and child.name != ANY and depth < 9 and self.random.random() < chance:
                self.left -= 1
                edge = self.random.choice(edges) if edges else None
                below = etree.SubElement(element, self.xmap.names.tag(child.name))
                inner = _inner(edge)
                self._fill(below, inner.place if inner else place.step(child.name), inner, depth + 1)
                self._meet(below, edge)
                chance *= 0.5 if child.many else 0.02
        self._disturb(element)

    def _disturb(self, element: etree._Element) -> None:
        if self.random.random() >= self.strangeness / 4:
            return
        kind = self.random.randrange(4)
        if kind == 0 and len(element) > 1:
            element.append(element[0])
        elif kind == 1:
            etree.SubElement(element, self.random.choice(["{urn:other}Thing", "Plain", "{urn:other}T2"])).text = "x"
        elif kind == 2 and len(element):
            element[0].tail = "text between"
        else:
            element.append(etree.Comment("not a value"))

    def _attributes(self, element: etree._Element, place: Place, node: Node | None) -> None:
        names = self.xmap.names
        assert place.type is not None
        required = place.structure.required_attributes(place.type)
        for name in place.structure.attributes(place.type):
            known = node is not None and name in node.attributes
            chance = 0.95 if name in required else 0.6 if known else self.strangeness
            if self.random.random() < chance:
                value = "EUR" if "urrency" in name and self.random.random() < 0.8 else self._value(self._kind(name))
                element.set(names.attribute_key(name), value.strip())
        if self.random.random() < self.strangeness / 10:
            element.set("{urn:other}flag", "yes")

    def _kind(self, name: str) -> str:
        if "date" in name.lower():
            return "dateTime"
        return "decimal" if name in {"quantity", "lineNumber"} else "string"

    def _meet(self, element: etree._Element, edge: Edge | None) -> None:
        """Make the element meet the conditions of a rule, often."""
        if edge is None or self.random.random() < 0.2:
            return
        names = self.xmap.names
        for condition in edge.when:
            here: etree._Element | None = element
            for step in condition.at.steps:
                here = here.find(names.tag(step)) if here is not None else None
            if here is None or not condition.values:
                continue
            value = self.random.choice(sorted(condition.values))
            if condition.at.attribute:
                here.set(names.attribute_key(condition.at.attribute), value)
            elif not len(here):
                here.text = value

    def _value(self, kind: str) -> str:
        if self.random.random() < 0.02:
            return ""
        pools = {
            "decimal": _DECIMALS,
            "date": _DATES,
            "time": _TIMES,
            "dateTime": _INSTANTS,
            "boolean": ["true", "false"],
        }
        pool = pools.get(kind)
        if pool is None:
            pool = self.codes if self.codes and self.random.random() < 0.5 else _TEXTS
            pool = _INSTANTS if self.xmap.standard == "cxml" and self.random.random() < 0.05 else pool
        return self.random.choice(pool)


def _inner(edge: Edge | None) -> Node | None:
    return edge.node if edge is not None else None


def _codes(path: Path) -> list[str]:
    found: list[str] = []
    for table in load_source(path).tables.values():
        found += list(table)[:6]
    return sorted(set(found))


def fixtures(standard: str, root: str) -> Iterator[Path]:
    """Our own sample documents of one type."""
    folder = Path(__file__).parents[2] / "fixtures" / "xml" / standard / root
    yield from sorted(folder.glob("*.xml"))
