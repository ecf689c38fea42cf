"""How one value is written in an element and read back: text, dates, times, numbers and coded values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

from gateway.documents.sscc import is_valid, with_identifier
from gateway.mapping.errors import nearest
from gateway.standards.edi.model import COMPONENT, REPETITION

__all__ = ["PLAIN", "CodeTable", "Converter", "code_converter", "implied", "word_converter"]


@dataclass(frozen=True, slots=True)
class Converter:
    """A pair of inverse functions between an element's text and a field's value; both raise ValueError."""

    name: str
    #: The field type it serves: "text", "date", "time", "decimal", "integer", "code", "word".
    type: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    #: Says what is doubtful about a text about to be written, "" when nothing is.
    warn: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Codes of an element and our words for them."""

    name: str
    words: Mapping[str, str]
    codes: Mapping[str, str]

    @classmethod
    def of(cls, name: str, words: Mapping[str, str | list[str]]) -> CodeTable:
        """The first code of a word is the one that is written for it; a code may serve further words."""
        codes: dict[str, str] = {}
        first: dict[str, str] = {}
        for code, named in words.items():
            several = [named] if isinstance(named, str) else [str(word) for word in named]
            first[code] = several[0] if several else code
            for word in several:
                codes.setdefault(word, code)
        return cls(name, first, codes)

    def spell(self, word: str | None, code: str | None) -> str:
        """The code to write. The partner's code is used while it means the word; else the word decides."""
        if code and (not word or self.words.get(code) == word):
            return code
        if not word:
            return ""
        known = self.codes.get(word)
        if known is not None:
            return known
        if word in self.words:
            return word
        raise ValueError(f'"{word}" is not a word of the table {self.name}.{nearest(word, self.codes)}')


_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_INTEGER = re.compile(r"-?[0-9]+")
_DIGITS = re.compile(r"[0-9]+")


def _read_text(raw: str) -> str:
    if not raw.isprintable() and (COMPONENT in raw or REPETITION in raw):
        raise ValueError("it has components or repetitions where the map expects one value")
    return raw


def _write_text(value: Any) -> str:
    text = str(value)
    if COMPONENT in text or REPETITION in text:
        raise ValueError("it holds a control character (1E or 1F) that no segment can carry. Remove it.")
    return text.rstrip(" ") if text[-1:] == " " else text


def _read_date(raw: str) -> date:
    if _DIGITS.fullmatch(raw):
        if len(raw) == 8:
            return date(int(raw[:4]), int(raw[4:6]), int(raw[6:]))
        if len(raw) == 6:
            year = int(raw[:2])
            return date(year + (2000 if year < 50 else 1900), int(raw[2:4]), int(raw[4:]))
    raise ValueError("it is not a date (CCYYMMDD)")


def _write_date(value: date) -> str:
    return f"{value.year:04d}{value.month:02d}{value.day:02d}"


def _read_time(raw: str) -> time:
    if _DIGITS.fullmatch(raw) and 4 <= len(raw) <= 8 and len(raw) != 5:
        second = int(raw[4:6] or 0)
        fraction = raw[6:]
        return time(int(raw[:2]), int(raw[2:4]), second, int(fraction.ljust(6, "0")) if fraction else 0)
    raise ValueError("it is not a time (HHMM or HHMMSS)")


def _write_time(value: time) -> str:
    text = f"{value.hour:02d}{value.minute:02d}"
    if value.second or value.microsecond:
        text += f"{value.second:02d}"
    if value.microsecond:
        text += f"{value.microsecond // 10000:02d}"
    return text


def _read_decimal(raw: str) -> Decimal:
    if _DECIMAL.fullmatch(raw):
        return Decimal(raw)
    raise ValueError("it is not a number")


def _write_decimal(value: Decimal) -> str:
    return format(value if type(value) is Decimal else Decimal(str(value)), "f")


def _read_integer(raw: str) -> int:
    if _INTEGER.fullmatch(raw) and len(raw) <= 18:
        return int(raw)
    raise ValueError("it is not a whole number")


def implied(places: int) -> Converter:
    """Nn: a whole number whose last `places` digits are decimals (X12 type N2: 1250 is 12.50)."""

    def read(raw: str) -> Decimal:
        if not _INTEGER.fullmatch(raw):
            raise ValueError("it is not a whole number")
        return Decimal(f"{raw}E-{places}")

    def write(value: Decimal) -> str:
        # By digits, not by arithmetic: the decimal context would round long numbers.
        whole, _, fraction = _write_decimal(value).partition(".")
        if fraction[places:].strip("0"):
            raise ValueError(
                f"{value} has more than {places} decimals, and the element holds {places}. Round it first."
            )
        digits = (whole + fraction[:places].ljust(places, "0")).replace("-", "").lstrip("0") or "0"
        return f"-{digits}" if whole.startswith("-") and digits != "0" else digits

    return Converter(f"implied:{places}", "decimal", read, write)


def code_converter(table: CodeTable) -> Converter:
    """A coded value: the field is an object with the word and the partner's code."""
    known = {code: {"value": word, "code": code} for code, word in table.words.items()}

    def read(raw: str) -> dict[str, str]:
        found = known.get(raw)
        return found if found is not None else {"code": _read_text(raw)}

    def write(value: Any) -> str:
        return table.spell(value.value, value.code)

    return Converter(f"code:{table.name}", "code", read, write)


def word_converter(table: CodeTable) -> Converter:
    """A word and a code in two fields side by side; `read` gives the word, `write` takes (word, code)."""

    def read(raw: str) -> str | None:
        return table.words.get(raw)

    def write(value: Any) -> str:
        return table.spell(*value)

    return Converter(f"word:{table.name}", "word", read, write)


def _write_sscc(value: Any) -> str:
    text = _write_text(value)
    return with_identifier(text) if len(text) == 18 else text


def _doubt_sscc(text: str) -> str:
    if is_valid(text):
        return ""
    return f'"{text}" is not an SSCC: 18 digits with a right check digit, or 20 with the identifier 00 in front.'


#: The converters without an argument, by name.
PLAIN: Mapping[str, Converter] = {
    "text": Converter("text", "text", _read_text, _write_text),
    "date": Converter("date", "date", _read_date, _write_date),
    "time": Converter("time", "time", _read_time, _write_time),
    "decimal": Converter("decimal", "decimal", _read_decimal, _write_decimal),
    "integer": Converter("integer", "integer", _read_integer, str),
    "sscc": Converter("sscc", "text", _read_text, _write_sscc, _doubt_sscc),
}
