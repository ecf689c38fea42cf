"""Classes for xsdata to parse an order into: one for each element that occurs, with only the fields that occur.

Generated classes hold every element of UBL and would make xsdata slower; these favour it. Values have the types that
generated classes give them: exact decimals, dates, text.
"""

from __future__ import annotations

from dataclasses import field, make_dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.standards.xml.parsing import local_name, namespace_of, parse_xml

__all__ = ["classes_for"]

_NUMBERS: Final = ("Amount", "Quantity")


def classes_for(data: bytes) -> type[Any]:
    """The class of the root element of a document, with those of everything in it."""
    known: dict[Any, type[Any]] = {}
    elements: dict[Any, list[Any]] = {}
    root = parse_xml(data).root
    for element in root.iter():
        elements.setdefault(element.tag, []).append(element)
    return _class(root.tag, elements, known)


def _class(tag: Any, elements: dict[Any, list[Any]], known: dict[Any, type[Any]]) -> type[Any]:
    if tag not in known:
        same = elements[tag]
        name = local_name(same[0])
        children = dict.fromkeys(child.tag for element in same for child in element)
        attributes = dict.fromkeys(key for element in same for key, _ in element.items())
        fields: list[Any] = [_attribute(key) for key in attributes]
        if children:
            fields += [_child(elements[child][0], _class(child, elements, known)) for child in children]
        else:
            fields.append(_value(name))
        meta = type("Meta", (), {"name": name, "namespace": namespace_of(same[0])})
        known[tag] = make_dataclass(name, fields, namespace={"Meta": meta, "__module__": __name__})
    return known[tag]


def _attribute(key: str) -> tuple[str, Any, Any]:
    return key, str | None, field(default=None, metadata={"name": key, "type": "Attribute"})


def _child(element: Any, inner: type[Any]) -> tuple[str, Any, Any]:
    name = local_name(element)
    metadata = {"name": name, "type": "Element", "namespace": namespace_of(element)}
    return f"{name[0].lower()}{name[1:]}_", list[inner], field(default_factory=list, metadata=metadata)  # type: ignore[valid-type]


def _value(name: str) -> tuple[str, Any, Any]:
    from xsdata.models.datatype import XmlDate

    kind: Any = Decimal if name.endswith(_NUMBERS) else XmlDate if name.endswith("Date") else str
    return "value", kind | None, field(default=None)
