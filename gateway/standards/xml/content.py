"""Why an element does not belong where it stands, or what is missing in it, from the structure facts."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import Final

from lxml import etree

from gateway.standards.xml.names import PREFIXES, canonical_name
from gateway.standards.xml.structure import Structure

__all__ = ["missing_children", "unexpected_child"]

#: Names that one sentence lists.
_MOST_NAMES: Final = 6
#: Siblings on either side that are looked at for the right place.
_MOST_SIBLINGS: Final = 500
_LEAVE_OUT: Final = "Leave it out, or put it where it belongs."


def missing_children(
    element: etree._Element, expected: tuple[str, ...], structure: Structure | None
) -> tuple[str, str]:
    """Sentence and advice for an element that ends too early; `expected` are the names libxml2 listed."""
    name = canonical_name(element)
    missing = _required_but_missing(element, structure) or expected
    if not missing:
        return f"{name} is not complete.", "Ask the sender for a complete document."
    listed = _listed(missing)
    if len(missing) > 1 and missing == expected:
        return f"{name} is not complete: one of {listed} must follow.", f"Write one of them into {name}."
    verb = "are" if len(missing) > 1 else "is"
    return f"{name} is not complete: {listed} {verb} missing.", _add_advice(element, missing[0], structure)


def unexpected_child(
    element: etree._Element, expected: tuple[str, ...], structure: Structure | None
) -> tuple[str, str]:
    """Sentence and advice for an element that may not stand where it does."""
    parent = element.getparent()
    name = canonical_name(element)
    if parent is None:
        return f"{name} is not a document that the schema knows.", "Check name and namespace."
    outer = canonical_name(parent)
    if structure is not None and structure.children(outer):
        found = _misplaced(element, name, parent, outer, structure)
        if found is not None:
            return found
        names = tuple(child.name for child in structure.children(outer))
    else:
        names = expected
    message = f"{name} may not stand in {outer}"
    if expected and structure is None:
        return f"{message} here: {_listed(expected, ' or ')} is expected.", _nearest(name, names) or _LEAVE_OUT
    return f"{message}.", _nearest(name, names) or _LEAVE_OUT


def _misplaced(
    element: etree._Element, name: str, parent: etree._Element, outer: str, structure: Structure
) -> tuple[str, str] | None:
    """The words for an element that belongs into its parent, but not here; None when it does not belong there."""
    place = structure.position(outer, name)
    if place is None:
        return _without_namespace(element, name, outer, structure)
    child = structure.children(outer)[place]
    if not child.many and next(element.itersiblings(str(element.tag), preceding=True), None) is not None:
        return f"{name} stands more than once in {outer}; only one is allowed.", "Keep the right one."
    for sibling in reversed(list(islice(element.itersiblings("*", preceding=True), _MOST_SIBLINGS))):
        other = structure.position(outer, canonical_name(sibling))
        if other is not None and other > place:
            after = canonical_name(sibling)
            message = f"{name} stands at the wrong place in {outer}: it must stand before {after}."
            return message, f"Move {name} before {after}."
    children = structure.children(outer)[:place]
    required = {child.name for child in children if child.required}
    for sibling in islice(element.itersiblings("*"), _MOST_SIBLINGS):
        if (late := canonical_name(sibling)) in required:
            return f"{late} stands at the wrong place in {outer}: it must stand before {name}.", (
                f"Move {late} before {name}."
            )
    missing = tuple(each for each in _required_but_missing(parent, structure) if each in required)
    if missing:
        message = f"{outer} lacks {_listed(missing)}, which must stand before {name}."
        return message, f"Write {missing[0]} before {name}."
    return None


def _without_namespace(element: etree._Element, name: str, outer: str, structure: Structure) -> tuple[str, str] | None:
    """A right name in a wrong namespace, or in none."""
    local = etree.QName(element).localname
    for child in structure.children(outer):
        prefix, colon, wanted = child.name.rpartition(":")
        if colon and wanted == local and child.name != name:
            namespace = structure.namespace(child.name)
            known = PREFIXES.get(etree.QName(element).namespace or "")
            where = f"stands in the namespace of {known}:" if known else "is not in the namespace of UBL"
            message = f"{local} in {outer} {where}, but must be {child.name}."
            return message, f"Write {child.name}, where {prefix} is {namespace}."
    return None


def _required_but_missing(element: etree._Element, structure: Structure | None) -> tuple[str, ...]:
    if structure is None:
        return ()
    present = {canonical_name(child) for child in element.iterchildren("*")}
    return tuple(
        child.name
        for child in structure.children(canonical_name(element))
        if child.required and child.name not in present
    )


def _add_advice(element: etree._Element, missing: str, structure: Structure | None) -> str:
    """Where a missing element goes: behind the last one that must stand before it."""
    name = canonical_name(element)
    place = structure.position(name, missing) if structure is not None else None
    before = ""
    if structure is not None and place is not None:
        for child in element.iterchildren("*"):
            position = structure.position(name, canonical_name(child))
            if position is not None and position < place:
                before = canonical_name(child)
    return f"Write {missing} behind {before}." if before else f"Write {missing} into {name}."


def _nearest(name: str, names: tuple[str, ...]) -> str:
    near = get_close_matches(name, [each for each in names if each != name], 1, cutoff=0.75)
    return f"Did the sender mean {near[0]}?" if near else ""


def _listed(names: tuple[str, ...], last: str = ", ") -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return last.join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
