"""What every canonical document is made of: the strict base model, coded values and the kept spelling of a source."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from gateway.documents.descriptions import describe_fields

__all__ = [
    "SCHEMA_VERSION",
    "Clock",
    "Code",
    "Day",
    "DocumentModel",
    "Elements",
    "Extension",
    "Money",
    "Number",
    "SpelledElement",
    "Texts",
]

#: The version of the JSON form; a change that breaks a reader of the JSON raises it.
SCHEMA_VERSION = "1.0"


def _exact(value: object) -> object:
    """A JSON float is read by its digits, never by its binary value."""
    return repr(value) if isinstance(value, float) else value


#: A quantity, rate or percentage: exact decimal, a string in JSON.
Number = Annotated[Decimal, BeforeValidator(_exact)]
#: An amount of money in the document's currency, in whole units (12.50, never cents); a string in JSON.
Money = Annotated[Decimal, BeforeValidator(_exact)]


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")


def _day(value: object) -> object:
    """A number or a date with a time is never guessed to be a day."""
    if isinstance(value, datetime.date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise PydanticCustomError("day", "write YYYY-MM-DD")


def _clock(value: object) -> object:
    if isinstance(value, datetime.time) or (isinstance(value, str) and _CLOCK.fullmatch(value)):
        return value
    raise PydanticCustomError("clock", "write HH:MM or HH:MM:SS")


#: A calendar day without a zone, YYYY-MM-DD in JSON.
Day = Annotated[datetime.date, BeforeValidator(_day)]
#: A time of day without a zone, HH:MM[:SS] in JSON.
Clock = Annotated[datetime.time, BeforeValidator(_clock)]


def _lines(value: object) -> object:
    return [value] if isinstance(value, str) else value


#: Lines of text; a single string is read as one line.
Texts = Annotated[list[str], BeforeValidator(_lines)]


class DocumentModel(BaseModel):
    """Base of everything in a document: unknown fields are errors, field docstrings become descriptions.

    The validator of a class is built when it is first used, which pydantic does under a lock.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=False, defer_build=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_given: Any) -> None:
        describe_fields(cls)


class Code(DocumentModel):
    """A coded value: our ordinary word, and the partner's own code. Either alone is enough; a plain string works too.

    When both are given and disagree, the word wins: the code is only the partner's way to spell it.
    """

    value: str | None = None
    """The ordinary word ("original", "ship_complete"); absent when the partner's code has no word here."""
    code: str | None = None
    """The partner's code exactly as received ("00", "SC")."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string is allowed wherever the object is."""
        json_schema = handler.resolve_ref_schema(handler(schema))
        return {
            "title": "Code",
            "description": json_schema.get("description", ""),
            "anyOf": [
                {"type": "string"},
                {key: value for key, value in json_schema.items() if key not in {"title", "description"}},
            ],
        }

    def __str__(self) -> str:
        return self.value or self.code or ""


#: The elements of one segment after its tag; a composite is a list of components, repeats an object.
Elements = list[Any]


class SpelledElement(DocumentModel):
    """How one element was received, beside how our own writer spells the same meaning."""

    received: Any = ""
    """The text as received (a list for a composite)."""
    written: Any = ""
    """The text our writer made at that time; the received one is used while the writer still makes this one."""


class Extension(DocumentModel):
    """Something received that the document's own fields do not carry, with the place it belongs to.

    From a segmented standard exactly one of `segment`, `elements` and `received` is given; from XML `path` and one of
    `xml`, `elements`, `order` and `via`. The writer merges entries back in their order, so a document that was read
    and not edited is written with what it came with.
    """

    anchor: str
    """The part of the document it belongs to: "header", "detail", "summary" or the `anchor` of an object; for XML
    "header" is the document itself."""
    ordinal: int = 0
    """How many items that we write ourselves stand before it within its anchor; for `xml`, how many elements of its
    name stood before it."""
    of: int = 0
    """How many items we wrote for the anchor when it was read; another count now means it was edited. With `entry`:
    the number of entries of its list."""
    tag: str | None = None
    """The segment's tag for `elements`; "table:NAME" for the codes that this document uses for our words."""
    segment: Elements | None = None
    """A received segment, tag first, which no field carries."""
    elements: dict[str, SpelledElement] | None = None
    """Differences in spelling, by element number of a segment; in XML by "@attribute", or "." for the text. `false` as
    the received form says that it was not there."""
    received: list[Any] | None = None
    """A run of received items that takes the place of `written` while that is unchanged; empty means omitted."""
    written: list[Any] | None = None
    """What our writer makes of the same run: segments, or "@" with the anchor of an object."""
    path: str | None = None
    """XML: the element it is about, below that of the anchor or entry ("cac:LineItem/cac:Item"); "" for that itself."""
    entry: str | None = None
    """XML: the entry of a list, below the anchor's object, that it belongs to ("allowances_charges[1]")."""
    like: str | None = None
    """XML: digests of the fields of that entry and those around it, to find it again when others were removed."""
    xml: str | None = None
    """XML: an element that no field carries, with everything in it, in our own prefixes."""
    order: list[str] | None = None
    """XML: the children of `path` as they stood, where that is not the order of the schema."""
    via: dict[str, list[int]] | None = None
    """XML: fields and lists → numbers of the rules that read them, where the writer would choose other ones."""

    @property
    def form(self) -> Literal["segment", "elements", "replaced", "xml", "values", "order", "via"]:
        """Which kind of entry this is; the last four are from XML."""
        if self.path is not None:
            return self._xml_form
        if self.segment is not None:
            return "segment"
        return "elements" if self.elements is not None else "replaced"

    @property
    def _xml_form(self) -> Literal["xml", "values", "order", "via"]:
        if self.xml is not None:
            return "xml"
        if self.order is not None:
            return "order"
        return "via" if self.via is not None else "values"


def new_list() -> Any:
    """An empty list as a field default."""
    return Field(default_factory=list)
