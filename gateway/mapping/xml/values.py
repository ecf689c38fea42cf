"""How one value stands in XML text and is read back: text, dates, times, numbers, codes and translated codes.

Every converter knows the text that our writer makes of what it read, so that a reader can tell, without writing
anything, whether the received spelling has to be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from gateway.documents.sscc import is_valid
from gateway.mapping.converters import CodeTable

__all__ = [
    "PLAIN_DECIMAL",
    "PLAIN_XML",
    "WHITE",
    "XmlConverter",
    "code_value",
    "datetime_value",
    "translate_value",
    "word_value",
    "xml_text",
]

#: The white space of XML: what is stripped from a value, and nothing else.
WHITE: Final = " \t\r\n"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
#: A number as we write it.
PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_CLOCK = re.compile(r"([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(\.[0-9]+)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


_MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class XmlConverter:
    """A pair of functions between the text of an element or attribute and a field; both raise ValueError."""

    name: str
    #: The field type it serves: "text", "date", "time", "decimal", "integer", "code", "word", "texts", "instant".
    type: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    #: (received, value) → the text that we write for the value; None when that is always the received text.
    spell: Callable[[str, Any], str] | None = None
    #: Says what is doubtful about a text about to be written, "" when nothing is.
    warn: Callable[[str], str] | None = None
    #: A two-way table whose spelling is chosen once for a document (units).
    table: CodeTable | None = None


def xml_text(value: Any) -> str:
    """The text of a value; raises ValueError for characters that XML cannot carry."""
    text = str(value)
    if not text.isprintable() and _NOT_XML.search(text):
        raise ValueError("it holds a control character that XML cannot carry. Remove it.")
    return text


def _same(raw: str) -> str:
    return raw


def _read_date(raw: str) -> date:
    if len(raw) == 10 and raw[4] == raw[7] == "-":
        return date.fromisoformat(raw)
    found = _DAY.fullmatch(raw)
    if found is None:
        raise ValueError("it is not a date (YYYY-MM-DD)")
    return date.fromisoformat(found[1])


def _read_time(raw: str) -> time:
    found = _CLOCK.fullmatch(raw)
    if found is None:
        raise ValueError("it is not a time (HH:MM:SS)")
    return _clock(found[1], found[2])


def _clock(text: str, fraction: str | None) -> time:
    hour, minute, *second = (int(part) for part in text.split(":"))
    micro = int(fraction[1:7].ljust(6, "0")) if fraction else 0
    return time(hour, minute, second[0] if second else 0, micro)


def _write_time(value: time) -> str:
    return value.replace(tzinfo=None).isoformat()


def _read_decimal(raw: str) -> Decimal:
    if _DECIMAL.fullmatch(raw):
        return Decimal(raw)
    raise ValueError("it is not a number")


def _write_decimal(value: Any) -> str:
    return format(value if type(value) is Decimal else Decimal(str(value)), "f")


def _spell_decimal(raw: str, value: Any) -> str:
    return raw if PLAIN_DECIMAL.fullmatch(raw) else _write_decimal(value)


def _read_integer(raw: str) -> int:
    if _INTEGER.fullmatch(raw):
        return int(raw)
    raise ValueError("it is not a whole number")


def _read_lines(raw: str) -> list[str]:
    return raw.split("\n")


def _write_lines(value: Any) -> str:
    return "\n".join(xml_text(line) for line in value)


def _doubt_sscc(text: str) -> str:
    return "" if is_valid(text) else f'"{text}" is not an SSCC: 18 digits with a right check digit.'


def code_value(table: CodeTable) -> XmlConverter:
    """A coded value: the field is an object with our word and the partner's code."""
    known = {code: {"value": word, "code": code} for code, word in table.words.items()}

    def read(raw: str) -> dict[str, str]:
        found = known.get(raw)
        return found if found is not None else {"code": raw}

    def write(value: Any) -> str:
        if isinstance(value, Mapping):
            return xml_text(table.spell(value.get("value"), value.get("code")))
        return xml_text(table.spell(value.value, value.code))

    return XmlConverter(f"code:{table.name}", "code", read, write)


def word_value(table: CodeTable) -> XmlConverter:
    """A word and a code in two fields side by side; `read` gives the word, `write` takes (word, code)."""

    def write(value: Any) -> str:
        return xml_text(table.spell(*value))

    return XmlConverter(f"word:{table.name}", "word", table.words.get, write)


def translate_value(table: CodeTable) -> XmlConverter:
    """A text field under another code list: known codes are translated, unknown ones stay as they are."""

    def read(raw: str) -> str:
        return table.words.get(raw, raw)

    def write(value: Any) -> str:
        return xml_text(table.codes.get(value, value))

    def spell(_raw: str, value: Any) -> str:
        return table.codes.get(value, value)

    return XmlConverter(f"translate:{table.name}", "text", read, write, spell, table=table)


def datetime_value(parts: int) -> XmlConverter:
    """A date with a time, into one, two or three fields: the date, the time of day, the zone ("-08:00", "Z").

    Midnight is no time of day: a day is written as its midnight, and with "+00:00" where no zone is known.
    """

    def read(raw: str) -> Any:
        found = _INSTANT.fullmatch(raw)
        if found is None:
            raise ValueError("it is not a date with a time (YYYY-MM-DDTHH:MM:SS and a zone)")
        clock = _clock(found[2], found[3]) if found[2] else None
        if clock == _MIDNIGHT:
            clock = None
        day = date.fromisoformat(found[1])
        return day if parts == 1 else (day, clock, found[4])[:parts]

    def write(value: Any) -> str:
        day, clock, zone = (*(value if isinstance(value, tuple) else (value,)), None, None)[:3]
        if day is None:
            raise ValueError("a time needs its date. Fill in the date.")
        stamp = datetime.combine(day, clock.replace(tzinfo=None) if clock is not None else time(), UTC)
        return stamp.replace(tzinfo=None).isoformat() + xml_text(zone or "+00:00")

    def spell(_raw: str, value: Any) -> str:
        return write(value)

    return XmlConverter("datetime", "instant", read, write, spell)


_TEXT = XmlConverter("text", "text", _same, xml_text)

#: The converters without an argument, by name.
PLAIN_XML: Mapping[str, XmlConverter] = {
    "text": _TEXT,
    "date": XmlConverter("date", "date", _read_date, date.isoformat, lambda _raw, value: date.isoformat(value)),
    "time": XmlConverter("time", "time", _read_time, _write_time, lambda _raw, value: _write_time(value)),
    "decimal": XmlConverter("decimal", "decimal", _read_decimal, _write_decimal, _spell_decimal),
    "integer": XmlConverter("integer", "integer", _read_integer, str, lambda _raw, value: str(value)),
    "lines": XmlConverter("lines", "texts", _read_lines, _write_lines),
    "sscc": XmlConverter("sscc", "text", _same, xml_text, warn=_doubt_sscc),
}
