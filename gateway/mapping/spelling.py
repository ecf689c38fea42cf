"""Segments as JSON and as keys to compare: the form in which extensions keep what was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.mapping.scopes import Item, Scope, Written
from gateway.standards.edi.model import COMPONENT, REPETITION

__all__ = [
    "KEPT",
    "MARK",
    "Key",
    "Ranges",
    "element_from_json",
    "element_to_json",
    "segment_from_json",
    "segment_to_json",
    "written_key",
]

#: Element ranges of a tag that belong together (PO106-125): they are restored together or not at all.
Ranges = Mapping[str, Sequence[tuple[int, int]]]
#: A segment, or MARK with the anchor of an object.
Key = Written | str
MARK = "@"
#: Within a run of received items: a segment that no rule reads, kept even when the run was edited.
KEPT = "kept"


def segment_to_json(segment: Written) -> list[Any]:
    """Tag and elements; a composite is a list of its components, repeats are an object."""
    return [segment[0], *(element_to_json(element) for element in segment[1])]


def segment_from_json(elements: Sequence[Any]) -> Written:
    """The inverse of `segment_to_json`."""
    return (
        str(elements[0]) if elements else "",
        tuple(element_from_json(element) for element in elements[1:]),
    )


def element_to_json(element: str) -> Any:
    if element.isprintable():
        return element
    if REPETITION in element:
        return {"repeats": [element_to_json(part) for part in element.split(REPETITION)]}
    return element.split(COMPONENT) if COMPONENT in element else element


def element_from_json(element: Any) -> str:
    if isinstance(element, str):
        return element
    if isinstance(element, Mapping):
        return REPETITION.join(element_from_json(part) for part in element.get("repeats", []))
    if isinstance(element, Sequence):
        return COMPONENT.join(str(part) for part in element)
    return "" if element is None else str(element)


def written_key(item: Item) -> Key:
    """What identifies an item we write: itself, or the anchor of an object."""
    return f"{MARK}{item.anchor}" if isinstance(item, Scope) else item
