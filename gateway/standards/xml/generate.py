"""Make the structure facts from XML Schema files: `python -m gateway.standards.xml.generate [FOLDER]`.

A tool for developers: it needs the `ubl` extra. What is written is read by `gateway.standards.xml.structure`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from lxml import etree

from gateway.resources import find
from gateway.standards.xml.schema_files import XSD, SchemaFile, schema_tree
from gateway.standards.xml.schemas import installed_ubl, record_of
from gateway.standards.xml.structure import ANY, Child, child_notation

__all__ = ["CXML_ROOTS", "UBL_ROOTS", "cxml_facts", "facts_of", "main", "rendered_facts", "ubl_facts"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_UBL_PREFIXES: Final = {
    f"{_UBL}CommonBasicComponents-2": "cbc",
    f"{_UBL}CommonAggregateComponents-2": "cac",
    f"{_UBL}CommonExtensionComponents-2": "ext",
    f"{_UBL}UnqualifiedDataTypes-2": "udt",
    f"{_UBL}QualifiedDataTypes-2": "qdt",
    "urn:un:unece:uncefact:data:specification:CoreComponentTypeSchemaModule:2": "ccts",
}
#: The UBL documents whose facts are kept.
UBL_ROOTS: Final = (
    "ApplicationResponse",
    "CreditNote",
    "DespatchAdvice",
    "InventoryReport",
    "Invoice",
    "Order",
    "OrderCancellation",
    "OrderChange",
    "OrderResponse",
    "OrderResponseSimple",
    "ReceiptAdvice",
)
#: The cXML elements on which maps, acknowledgements and the header start.
CXML_ROOTS: Final = (
    "cXML",
    "ConfirmationRequest",
    "Header",
    "InvoiceDetailRequest",
    "OrderRequest",
    "ProfileRequest",
    "ProfileResponse",
    "Response",
    "ShipNoticeRequest",
    "StatusUpdateRequest",
)


class _Occurrence(NamedTuple):
    """How the groups around a particle let it occur."""

    many: bool = False
    required: bool = True
    free: int = 0


class _Facts:
    """Collects the types that a set of document elements reaches."""

    def __init__(self, files: Iterable[SchemaFile], prefixes: dict[str, str]) -> None:
        self._prefixes = prefixes
        self._globals: dict[tuple[str, str], etree._Element] = {}
        for file in files:
            for each in file.root.iterchildren(f"{XSD}*"):
                name = each.get("name")
                if name:
                    self._globals.setdefault((str(each.tag), self._name(file.namespace or "", name)), each)
        self.elements: dict[str, str] = {}
        self.types: dict[str, dict[str, Any]] = {}
        self._groups = 0
        self._made: dict[str, etree._Element] = {}

    def add(self, root: str) -> str:
        """Collect a document element and all it reaches; gives its type id. Raises KeyError when it is unknown."""
        return self._element(self._globals[f"{XSD}element", root], root)

    def _name(self, namespace: str, local: str) -> str:
        prefix = self._prefixes.get(namespace, "")
        return f"{prefix}:{local}" if prefix else local

    def _reference(self, node: etree._Element, qname: str) -> str:
        """The canonical name that a QName in a schema stands for."""
        prefix, _, local = qname.rpartition(":")
        if prefix == "xml":
            return qname
        return self._name(node.nsmap.get(prefix or None) or "", local)

    def _element(self, declared: etree._Element, name: str) -> str:
        """Collect the type of an element and give its id."""
        type_name = declared.get("type")
        if type_name:
            return self._type(self._reference(declared, type_name))
        inline = declared.find(f"{XSD}complexType")
        if inline is not None:
            return self._complex(inline, name)
        simple = declared.find(f"{XSD}simpleType")
        return self._text_only(self._simple(simple) if simple is not None else "string")

    def _type(self, name: str) -> str:
        if name.startswith("xs:"):
            return self._text_only(name[3:])
        complex_type = self._globals.get((f"{XSD}complexType", name))
        if complex_type is None:
            return self._text_only(self._simple(self._globals[f"{XSD}simpleType", name]))
        return self._complex(complex_type, name)

    def _text_only(self, built_in: str) -> str:
        type_id = f"xs:{built_in}"
        self.types.setdefault(type_id, {"text": built_in})
        return type_id

    def _simple(self, node: etree._Element) -> str:
        """The built-in type below a simple type; a list or union counts as a string."""
        restriction = node.find(f"{XSD}restriction")
        base = restriction.get("base") if restriction is not None else None
        if restriction is None or base is None:
            return "string"
        name = self._reference(restriction, base)
        if name.startswith("xs:"):
            return name[3:]
        return self._simple(self._globals[f"{XSD}simpleType", name])

    def _complex(self, node: etree._Element, type_id: str) -> str:
        type_id = self._free_name(type_id, node)
        if type_id in self.types:
            return type_id
        content = node.find(f"{XSD}simpleContent")
        derivation = content[-1] if content is not None else None
        if derivation is not None and derivation.tag == f"{XSD}extension" and not len(derivation):
            return self._type(self._reference(derivation, derivation.get("base", "")))
        facts: dict[str, Any] = {}
        self.types[type_id] = facts
        if derivation is not None:
            attributes, text = self._text_content(derivation)
            facts["text"] = text
        else:
            attributes = dict(self._attributes(node))
            if node.get("mixed") == "true":
                facts["text"] = "string"
            children = [self._notation(child) for child in _merged(self._particles(node, _Occurrence()))]
            if children:
                facts["children"] = children
        if attributes:
            facts["attributes"] = [f"{name}{'!' if required else ''}" for name, required in sorted(attributes.items())]
        return type_id

    def _free_name(self, type_id: str, node: etree._Element) -> str:
        """The id of a type; local elements of one name with different types get numbers behind it."""
        candidate, number = type_id, 1
        while self._made.setdefault(candidate, node) is not node:
            number += 1
            candidate = f"{type_id}-{number}"
        return candidate

    def _text_content(self, derivation: etree._Element) -> tuple[dict[str, bool], str]:
        """Attributes (name → required) and built-in type of an extension or restriction of text."""
        base = self._reference(derivation, derivation.get("base", ""))
        attributes: dict[str, bool] = {}
        if base.startswith("xs:"):
            text = base[3:]
        elif (inner := self._globals.get((f"{XSD}complexType", base))) is not None:
            attributes, text = self._text_content(inner.find(f"{XSD}simpleContent")[-1])  # type: ignore[index]
        else:
            text = self._simple(self._globals[f"{XSD}simpleType", base])
        attributes |= self._attributes(derivation)
        return attributes, text

    def _attributes(self, node: etree._Element) -> Iterator[tuple[str, bool]]:
        for each in node:
            if each.tag == f"{XSD}attribute":
                reference = each.get("ref")
                name = self._reference(each, reference) if reference else each.get("name", "")
                yield name, each.get("use") == "required"
            elif each.tag == f"{XSD}attributeGroup":
                yield from self._attributes(
                    self._globals[f"{XSD}attributeGroup", self._reference(each, each.get("ref", ""))]
                )
            elif each.tag == f"{XSD}complexContent":
                base = self._reference(each[-1], each[-1].get("base", ""))
                if base != "xs:anyType":
                    yield from self._attributes(self._globals[f"{XSD}complexType", base])
                yield from self._attributes(each[-1])

    def _particles(self, node: etree._Element, around: _Occurrence) -> Iterator[Child]:
        for each in node.iterchildren(f"{XSD}*"):
            kind = etree.QName(each).localname
            most = each.get("maxOccurs", "1")
            here = around._replace(
                many=around.many or most not in {"0", "1"},
                required=around.required and each.get("minOccurs", "1") != "0",
            )
            if kind == "element":
                yield self._child(each, here)
            elif kind == "any":
                yield Child(ANY, "", here.many, here.required, here.free)
            elif kind == "complexContent":
                extension = each.find(f"{XSD}extension")
                if extension is not None:
                    base = self._reference(extension, extension.get("base", ""))
                    yield from self._particles(self._globals[f"{XSD}complexType", base], around)
                yield from self._particles(each[-1], around)
            elif kind in {"sequence", "choice", "all"}:
                yield from self._particles(each, self._inside(each, kind, here, repeated=most not in {"0", "1"}))
            elif kind == "group":
                yield from self._particles(
                    self._globals[f"{XSD}group", self._reference(each, each.get("ref", ""))], here
                )

    def _inside(self, node: etree._Element, kind: str, here: _Occurrence, *, repeated: bool) -> _Occurrence:
        alternatives = sum(1 for _ in node.iterchildren(f"{XSD}*")) - len(node.findall(f"{XSD}annotation"))
        if kind == "choice" and alternatives > 1:
            here = here._replace(required=False)
        if alternatives > 1 and (repeated or kind == "all") and not here.free:
            self._groups += 1
            here = here._replace(free=self._groups)
        return here

    def _child(self, node: etree._Element, here: _Occurrence) -> Child:
        reference = node.get("ref")
        if reference:
            name = self._reference(node, reference)
            if name not in self.elements:
                self.elements[name] = ""  # an element may hold itself
                self.elements[name] = self._element(self._globals[f"{XSD}element", name], name)
            return Child(name, "", here.many, here.required, here.free)
        name = node.get("name", "")
        type_id = self._element(node, name)
        self.elements.setdefault(name, type_id)
        return Child(name, type_id, here.many, here.required, here.free)

    def _notation(self, child: Child) -> str:
        usual = self.elements.get(child.name, "")
        return child_notation(child, usual if child.type else "")


def _merged(children: Iterable[Child]) -> list[Child]:
    """Children with each name once, at its first place: alternatives of a choice may name an element twice."""
    merged: dict[str, Child] = {}
    for child in children:
        first = merged.get(child.name)
        if first is None:
            merged[child.name] = child
        else:
            merged[child.name] = Child(
                first.name, first.type, first.many or child.many, first.required or child.required, first.free
            )
    return list(merged.values())


def facts_of(
    standard: str, version: str, files: Iterable[SchemaFile], roots: Iterable[str], prefixes: dict[str, str]
) -> dict[str, Any]:
    """The facts of a standard as they are written to its file. Raises KeyError when a root is unknown."""
    files = list(files)
    prefixes = {XSD.strip("{}"): "xs", **prefixes}
    collected = _Facts(files, prefixes)
    types = {root: collected.add(root) for root in roots}
    declared = {name: file.namespace for file in files for name in file.elements if file.namespace not in prefixes}
    used = {name.partition(":")[0] for name in collected.elements if ":" in name}
    namespaces = {prefix: uri for uri, prefix in prefixes.items() if prefix in used}
    namespaces |= {root: uri for root in types if (uri := declared.get(root))}
    return {
        "standard": standard,
        "version": version,
        "namespaces": dict(sorted(namespaces.items())),
        "roots": dict(sorted(types.items())),
        "elements": dict(sorted(collected.elements.items())),
        "types": dict(sorted(collected.types.items())),
    }


def ubl_facts() -> dict[str, Any]:
    """The facts of UBL 2.1. Raises SchemaRefusedError when the `ubl` extra is missing or damaged."""
    folder = installed_ubl()
    files: dict[Path, SchemaFile] = {}
    for root in UBL_ROOTS:
        for file in schema_tree(folder / "maindoc" / f"UBL-{root}-2.1.xsd", folder):
            files.setdefault(file.path, file)
    return facts_of("ubl", "2.1", files.values(), UBL_ROOTS, _UBL_PREFIXES)


def cxml_facts() -> dict[str, Any]:
    """The facts of cXML 1.2, from our own schemas."""
    folder = find("schemas/cxml")
    files: dict[Path, SchemaFile] = {}
    for entry in sorted(folder.glob("*.xsd")):
        for file in schema_tree(entry, folder):
            files.setdefault(file.path, file)
    return facts_of("cxml", "1.2", files.values(), CXML_ROOTS, {})


def rendered_facts() -> dict[str, str]:
    """File name → text of each facts file, and of the record of the official UBL files."""
    facts = {f"{facts['standard']}-{facts['version']}.json": facts for facts in (ubl_facts(), cxml_facts())}
    return {name: _render(each) for name, each in facts.items()} | {
        "ubl-2.1-files.json": json.dumps(record_of(installed_ubl()), indent=1) + "\n"
    }


def _render(facts: dict[str, Any]) -> str:
    """Compact, but with one line for each element and type, so that differences can be read."""
    parts = []
    for key, value in facts.items():
        if isinstance(value, dict):
            lines = (f"{json.dumps(name)}:{json.dumps(each, separators=(',', ':'))}" for name, each in value.items())
            parts.append(f'"{key}":{{\n' + ",\n".join(lines) + "\n}")
        else:
            parts.append(f'"{key}":{json.dumps(value)}')
    return "{" + ",\n".join(parts) + "}\n"


def main(arguments: list[str]) -> int:
    """Write the files into the folder named, by default `schemas/xml` here."""
    folder = Path(arguments[0]) if arguments else Path("schemas/xml")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rendered_facts().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
