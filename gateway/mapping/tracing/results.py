"""What a trace says: fields with their places, and what no field carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.mapping.tracing.marks import RulePlace, SegmentPlace, XmlPlace

__all__ = ["KEPT_SPELLING", "Kept", "Place", "ReadField", "Written", "WrittenField"]

#: What became of a field that was written and then took the form in which it was received.
KEPT_SPELLING: Final = "written, but in the spelling that was received"

Place = SegmentPlace | XmlPlace


@dataclass(frozen=True, slots=True)
class ReadField:
    """One field of a document that was read."""

    #: Path in the JSON form, "lines[0].quantity".
    field: str
    value: Any
    #: Where the value was received; None when it was made on the way.
    origin: Place | None
    #: The rule that read it; None where the map does it by itself.
    rule: RulePlace | None
    #: For a value without an origin: what made it.
    why: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A received value that no field carries, or that is kept beside its field."""

    value: str
    place: Place
    #: What became of it, in words.
    why: str
    #: "extensions[3]"; None when it is not kept, because the map writes it by itself.
    extension: str | None
    #: The part of the document that it belongs to: "header", "L1" …
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """One value of a written document."""

    text: str
    place: Place
    #: Paths of the fields that it was made from; empty for constants, counts and what the extensions kept.
    fields: tuple[str, ...] = ()
    rule: RulePlace | None = None


@dataclass(frozen=True, slots=True)
class WrittenField:
    """Where one field of a document was written."""

    field: str
    text: str
    #: None when the value was written in a form that was kept, so that its place is not known here.
    place: Place | None
    rule: RulePlace | None
    #: For a value without a place: what became of it.
    why: str = ""
