"""Plain sentences for what a schema found wrong: what, where, why, and what to write instead.

libxml2's own messages are only read for their facts. Where it stops looking, after an element that does not belong
there, xmlschema looks through the failing part once more and finds the rest; it never sees more than
`MOST_IN_PART` elements, being some hundred times slower.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from gateway.standards.edi.model import VALUE_LIMIT, Finding
from gateway.standards.xml.content import missing_children, unexpected_child
from gateway.standards.xml.names import canonical_name, canonical_path
from gateway.standards.xml.structure import Structure, load_structure
from gateway.standards.xml.values import value_advice, value_words

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.standards.xml.schemas import SchemaEntry, SchemaRegistry

__all__ = ["MOST_IN_PART", "SchemaError", "explain"]

#: Elements of the largest part that xmlschema looks through.
MOST_IN_PART: Final = 300
#: Parts of one document that xmlschema looks through, and errors that it may add for each.
_MOST_PARTS: Final = 3
_MOST_ADDED: Final = 10

_EXPECTED: Final = re.compile(r"Expected is (?:one of )?\( (.+?) \)")
_ATOMIC: Final = re.compile(
    r"'(.*)' is not a valid value of the (?:atomic|union|list|local)[a-z ]* type(?: '([^']+)')?", re.S
)
_SET: Final = re.compile(r"The value '(.*)' is not an element of the set \{(.*)\}", re.S)
_FACET: Final = re.compile(r"\[facet '\w+'\] The value (?:'(.*?)' )?(.+)", re.S)
_ATTRIBUTE: Final = re.compile(r"[Tt]he attribute '([^']+)'")
_IN_ATTRIBUTE: Final = re.compile(r"^Element '[^']*', attribute '([^']+)': ")
_HEAD: Final = re.compile(r"^Element '[^']*'(?:, attribute '[^']*')?: ")
#: Codes of which one place gets the first only.
_ABOUT_VALUES: Final = frozenset({"XSD-value", "XSD-code", "XSD-pattern", "XSD-length", "XSD-text"})
#: Characters of a message of libxml2 that are read; it may repeat a value of any length.
_MOST_MESSAGE: Final = 2_000
#: Characters of a list or reason of libxml2 that are repeated.
_MOST_LISTED: Final = 300
_SECRETS: Final = frozenset({"SharedSecret"})


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One error as libxml2 reports it."""

    #: The element it is about; None when that is not known.
    element: etree._Element | None
    #: Line of the document, from 1.
    line: int
    #: "SCHEMAV_ELEMENT_CONTENT" …
    type_name: str
    message: str


def explain(
    errors: Iterable[SchemaError],
    top: etree._Element,
    registry: SchemaRegistry,
    entry: SchemaEntry,
    *,
    total: int,
) -> tuple[Finding, ...]:
    """Findings for the errors of one document, and a note when there were more than are shown.

    `top` is the document's element, `total` the number of all its errors.
    """
    errors = tuple(errors)
    structure = _structure(entry)
    findings: dict[tuple[str | None, str | None, str], Finding] = {}
    for error in errors:
        _add(findings, _finding(error, top, structure))
    for part in _parts(errors, top):
        for error in _second_opinion(part, registry, entry):
            _add(findings, _finding(error, top, structure))
    ordered = sorted(findings.values(), key=lambda finding: finding.line or 0)
    if total > len(errors):
        ordered.append(_and_more(len(errors), total))
    return tuple(ordered)


def _structure(entry: SchemaEntry) -> Structure | None:
    """The facts for a family; those of UBL 2.1 also serve later versions, where they only lack what is new."""
    standards = {"ubl": ("ubl", "2.1"), "cxml": ("cxml", "1.2")}
    return load_structure(*standards[entry.family]) if entry.family in standards else None


def _add(findings: dict[tuple[str | None, str | None, str], Finding], finding: Finding) -> None:
    """Keep the first finding of a kind for each place: libxml2 reports a facet and then the type it belongs to."""
    kind = "value" if finding.code in _ABOUT_VALUES else finding.code
    attribute = finding.message.partition(" attribute ")[2][:60]
    findings.setdefault((finding.path, attribute, kind), finding)


def _and_more(shown: int, total: int) -> Finding:
    from gateway.standards.xml.validate import MOST_COUNTED

    count = f"{MOST_COUNTED:,} or more" if total >= MOST_COUNTED else f"{total:,}"
    return Finding(
        "XSD-more", "note", f"The document has {count} errors; the first {shown} are shown.", "Correct these first."
    )


def _finding(error: SchemaError, top: etree._Element, structure: Structure | None) -> Finding:
    element = error.element if error.element is not None else top
    code, message, fix, value = _words(error, element, structure)
    if canonical_name(element) in _SECRETS:
        value = None
        message = f"{canonical_name(element)} is not written as the schema wants it."
    return Finding(
        code,
        "error",
        message,
        fix,
        segment=canonical_name(element),
        value=value[:VALUE_LIMIT] if value is not None else None,
        path=canonical_path(element, top),
        line=error.line or element.sourceline,
    )


def _words(
    error: SchemaError, element: etree._Element, structure: Structure | None
) -> tuple[str, str, str, str | None]:
    """Code, sentence, advice and offending value."""
    name, text = canonical_name(element), _facts(error.message)
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        expected = _expected_names(text, element)
        if "Missing child" in text:
            return "XSD-missing-element", *missing_children(element, expected, structure), None
        return "XSD-unexpected-element", *unexpected_child(element, expected, structure), None
    inside = _IN_ATTRIBUTE.search(error.message)
    where = f"The attribute {inside[1]} of {name}" if inside else name
    if error.type_name in {
        "SCHEMAV_CVC_COMPLEX_TYPE_4",
        "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1",
        "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2",
    }:
        return _attribute_words(text, name, element, structure)
    if error.type_name == "SCHEMAV_CVC_DATATYPE_VALID_1_2_1":
        found = _ATOMIC.search(text)
        value = found[1] if found else (element.get(inside[1]) if inside else element.text) or ""
        return _value_words(where, value, (found and found[2]) or "", None if inside else element, structure)
    if found := _ATOMIC.search(text):
        return _value_words(where, found[1], found[2] or "", element if not inside else None, structure)
    if found := _SET.search(text):
        message = f'{where} is "{found[1][:VALUE_LIMIT]}", which is not one of the values the schema allows.'
        allowed = found[2].replace("'", "")
        return "XSD-code", message, f"Write one of: {_shortened(allowed)}.", found[1]
    if found := _FACET.search(text):
        value = found[1] or (element.get(inside[1]) if inside else element.text) or ""
        message = f'{where} is "{value[:VALUE_LIMIT]}", and that value {_shortened(found[2]).rstrip(".")}.'
        code = "XSD-length" if "LENGTH" in error.type_name else "XSD-pattern"
        return code, message, "Ask the sender to correct the value.", value
    return _other_words(error, name, element)


def _expected_names(message: str, element: etree._Element) -> tuple[str, ...]:
    """The element names that libxml2 lists, in canonical form."""
    found = _EXPECTED.search(message)
    if found is None:
        return ()
    return tuple(_canonical_tag(tag, element) for tag in re.findall(r"(?:\{[^}]*\})?[^\s,{}]+", found[1]))


def _canonical_tag(tag: str, element: etree._Element) -> str:
    if tag.startswith(("##", "*")):
        return "any other element"
    return canonical_name(element.makeelement(tag.replace("*", "any")))


def _facts(message: str) -> str:
    """A message without the name of the element, and without the middle of a long value."""
    if len(message) > _MOST_MESSAGE:
        message = message[: _MOST_MESSAGE // 2] + message[-_MOST_MESSAGE // 2 :]
    return _HEAD.sub("", message)


def _shortened(listed: str) -> str:
    return listed if len(listed) <= _MOST_LISTED else listed[:_MOST_LISTED] + " …"


def _value_words(
    where: str, value: str, type_name: str, element: etree._Element | None, structure: Structure | None
) -> tuple[str, str, str, str | None]:
    built_in = type_name.removeprefix("xs:") if type_name.startswith("xs:") else ""
    if not built_in and element is not None and structure is not None:
        built_in = structure.text(canonical_name(element))
    shown = f'"{value[:VALUE_LIMIT]}"' if value.strip() else "empty"
    return "XSD-value", f"{where} is {shown}; it must be {value_words(built_in)}.", value_advice(built_in, value), value


def _attribute_words(
    text: str, name: str, element: etree._Element, structure: Structure | None
) -> tuple[str, str, str, str | None]:
    found = _ATTRIBUTE.search(text)
    attribute = found[1] if found else ""
    if "required" in text:
        message = f"{name} has no attribute {attribute}, which it must have."
        return "XSD-missing-attribute", message, f'Write {name} with {attribute}="…".', None
    known = structure.attributes(name) if structure is not None else ()
    fix = f"{name} may have: {', '.join(known)}." if known else "Leave it out."
    return (
        "XSD-unexpected-attribute",
        f"{name} has the attribute {attribute}, which it may not have.",
        fix,
        element.get(attribute),
    )


#: Error type of libxml2 → (code, sentence about {name}, advice).
_OTHERS: Final = {
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": (
        "text",
        "{name} must be empty, but has something in it.",
        "Leave its content out.",
    ),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": ("text", "{name} may hold text only, but has elements in it.", "Write text only."),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": (
        "text",
        "{name} may hold elements only, but has text between them.",
        "Leave the text out, or put it into the element it is meant for.",
    ),
    "SCHEMAV_CVC_TYPE_3_1_1": ("attribute", "{name} may not have attributes.", "Leave them out."),
    "SCHEMAV_CVC_TYPE_3_1_2": ("text", "{name} may hold text only, but has elements in it.", "Write text only."),
    "SCHEMAV_CVC_ELT_1": (
        "unknown-document",
        "The schema does not know a document {name}.",
        "Check name and namespace.",
    ),
    "SCHEMAV_CVC_ELT_2": ("abstract", "{name} stands for others and may not be used itself.", "Use one of these."),
    "SCHEMAV_CVC_ELT_3_1": ("nil", "{name} has xsi:nil, which is not allowed here.", "Leave the element out instead."),
    "SCHEMAV_CVC_IDC": ("key", "{name} repeats or lacks an identifier that must be unique.", "Number them anew."),
}


def _other_words(error: SchemaError, name: str, element: etree._Element) -> tuple[str, str, str, str | None]:
    code, sentence, fix = _OTHERS.get(
        error.type_name,
        (
            error.type_name.removeprefix("SCHEMAV_").lower().replace("_", "-"),
            "{name} does not fit the schema: {reason}",
            "Ask the sender to correct it.",
        ),
    )
    reason = _shortened(_facts(error.message))
    return f"XSD-{code}", sentence.format(name=name, reason=reason), fix, None


def _parts(errors: Iterable[SchemaError], top: etree._Element) -> list[etree._Element]:
    """The parts in which libxml2 stopped looking: the largest around an error that are small enough."""
    parts: dict[etree._Element, None] = {}
    for error in errors:
        if error.type_name != "SCHEMAV_ELEMENT_CONTENT" or error.element is None:
            continue
        part: etree._Element | None = None
        # The parent of an element that does not belong there is where libxml2 stopped looking.
        here = error.element.getparent() if error.element is not top else None
        while here is not None and here is not top and _is_small(here):
            part, here = here, here.getparent()
        if part is not None:
            parts.setdefault(part)
        if len(parts) == _MOST_PARTS:
            break
    return list(parts)


def _is_small(element: etree._Element) -> bool:
    return sum(1 for _ in islice(element.iter(), MOST_IN_PART + 1)) <= MOST_IN_PART


def _second_opinion(part: etree._Element, registry: SchemaRegistry, entry: SchemaEntry) -> Iterator[SchemaError]:
    """What xmlschema finds in one part, as errors of libxml2's kinds."""
    with registry.explaining:
        declared = _declaration(str(part.tag), registry, entry)
        found = list(islice(declared.iter_errors(part), _MOST_ADDED)) if declared is not None else []
    for error in found:
        yield from _as_schema_error(error)


def _declaration(tag: str, registry: SchemaRegistry, entry: SchemaEntry) -> Any:
    """How xmlschema knows a global element; None when it is not global.

    The documents of one schema set share most of their elements, so one of its schemas usually serves for all.
    """
    for (set_name, _), schema in registry.explainers.items():
        if set_name == entry.set_name and (declared := schema.maps.elements.get(tag)) is not None:
            return declared
    key = entry.set_name, entry.path
    if key not in registry.explainers:
        registry.check(entry)
        registry.explainers[key] = _explainer(entry.path)
    return registry.explainers[key].maps.elements.get(tag)


def _explainer(path: Path) -> Any:
    """The schema for xmlschema: local files only, no entities, and no check of what libxml2 has compiled already."""
    import xmlschema

    schema = xmlschema.XMLSchema(str(path), allow="local", defuse="always", validation="skip", build=False)
    schema.build()
    return schema


def _as_schema_error(error: Any) -> Iterator[SchemaError]:
    element = error.elem
    if not isinstance(element, etree._Element):
        return
    reason = str(error.reason or "")
    child = getattr(error, "invalid_child", None)
    if child is not None:
        yield SchemaError(child, child.sourceline or 0, "SCHEMAV_ELEMENT_CONTENT", "This element is not expected.")
    elif "is not complete" in reason:
        yield SchemaError(element, element.sourceline or 0, "SCHEMAV_ELEMENT_CONTENT", "Missing child element(s).")
    elif found := re.search(r"missing required attribute '([^']+)'", reason):
        text = f"The attribute '{found[1]}' is required but missing."
        yield SchemaError(element, element.sourceline or 0, "SCHEMAV_CVC_COMPLEX_TYPE_4", text)
    elif found := re.search(r"invalid value '(.*)' for (xs:\w+)", reason, re.S):
        text = f"'{found[1]}' is not a valid value of the atomic type '{found[2]}'."
        yield SchemaError(element, element.sourceline or 0, "SCHEMAV_CVC_DATATYPE_VALID_1_2_1", text)
