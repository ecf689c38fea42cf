"""Looking up single values of received elements, beside the one walk that reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from gateway.mapping.xml.notes import ReadState
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.rules import At
from gateway.mapping.xml.values import WHITE

__all__ = ["finder", "taken_at"]


def finder(at: At, names: Names) -> Callable[[etree._Element], str | None]:
    """A function that gives the value at a place below an element; None when there is no such element or attribute."""
    tags = [names.tag(step) for step in at.steps]
    key = names.attribute_key(at.attribute) if at.attribute else ""

    def find(element: etree._Element) -> str | None:
        here = element
        for tag in tags:
            found = _child(here, tag)
            if found is None:
                return None
            here = found
        text = here.get(key) if key else here.text or ""
        return text.strip(WHITE) if text is not None else None

    return find


def _child(element: etree._Element, tag: str) -> etree._Element | None:
    """The first child of a tag: a slice and a comparison cost a third of `find`, which reads its argument as a path."""
    for child in element[:]:
        if child.tag == tag:
            return child
    return None


def taken_at(element: etree._Element, tags: Sequence[str], state: ReadState) -> etree._Element | None:
    """The element at the end of a path of elements that rules took."""
    here: etree._Element | None = element
    for tag in tags:
        if here is None:
            return None
        here = next((child for child in here[:] if child.tag == tag and child not in state.left), None)
    return here
