"""The values that a segmented standard is read into: separators, segments, loops and findings.

Everything here is a frozen value without behaviour of its own beyond small look-ups. Inside one element of a
`Segment`, components are joined by `COMPONENT` and repetitions by `REPETITION`, whatever separators the
interchange used, so that code above this layer never asks which separators were in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "COMPONENT",
    "REPETITION",
    "VALUE_LIMIT",
    "Finding",
    "LoopInstance",
    "Segment",
    "Separators",
    "Severity",
]

#: Joins the components of a composite inside one element of a `Segment`.
COMPONENT: Final = "\x1f"
#: Joins the repetitions of an element inside one element of a `Segment`.
REPETITION: Final = "\x1e"
#: The most characters of an offending value that a finding carries (the limit of AK404).
VALUE_LIMIT: Final = 99

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that cut one interchange into parts (X12: ISA bytes 3, 82, 104 and 105)."""

    #: Between elements, one character.
    element: str
    #: Between the components of a composite, one character.
    component: str
    #: After each segment, one character.
    segment: str
    #: Between the repetitions of an element, one character; None when the interchange knows none.
    repetition: str | None = None
    #: What follows each terminator for the eye only: "", "\n" or "\r\n".
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as decoded text."""

    #: The segment id, "PO1".
    tag: str
    #: `elements[0]` is element 01; trailing empty elements are not kept.
    elements: tuple[str, ...]
    #: Number of the segment in its set, ST = 1; 0 when the segment was made by us.
    position: int = 0
    #: Byte offset in the transmission; -1 when the segment was made by us.
    offset: int = -1


@dataclass(frozen=True, slots=True)
class LoopInstance:
    """One pass through a loop of a set's tree; the whole set is the root, whose `loop` is "".

    Areas (header, detail, summary) are not levels: the items of the root run from ST to SE, both included. HL
    loops are siblings; their nesting by HL02 is read by the mapping.
    """

    #: Loop id as in the schema ("PO1", "N1", "HL"); "" for the set.
    loop: str
    #: Segments and inner loops in document order; the first item of a loop is its trigger segment.
    items: tuple[Segment | LoopInstance, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with, or worth saying about, a transmission."""

    #: "AK304-3", "AK403-7", "AK502-4", "AK905-5", "TA105-021", "NOTE-trailing-separator", "RULE-<name>",
    #: "MAP-<name>"; for XML also "XML-<what>" (refused by the parser) and "XSD-<type>" (against the schema).
    code: str
    #: "error" rejects, "warning" accepts with errors noted, "note" is for the reader only.
    severity: Severity
    #: Plain sentence: what, where and why.
    message: str
    #: What to do about it; "" when there is nothing to do.
    fix: str = ""
    #: Segment id, "PO1", or the name of an XML element, "cbc:Quantity".
    segment: str | None = None
    #: Segment number in the set, ST = 1.
    position: int | None = None
    #: 1-based element number.
    element: int | None = None
    #: 1-based component number inside the element.
    component: int | None = None
    #: 1-based repetition number of the element.
    repeat: int | None = None
    #: The offending value, clipped to `VALUE_LIMIT` characters.
    value: str | None = None
    #: Byte offset in the transmission.
    offset: int | None = None
    #: Id of the loop in which the segment stands.
    loop: str | None = None
    #: XML: where the element stands, "/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity".
    path: str | None = None
    #: XML: line of the document, from 1.
    line: int | None = None
