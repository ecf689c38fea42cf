"""What a value of a built-in type of XML Schema looks like, and what a wrong one was probably meant to be."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

__all__ = ["value_advice", "value_words"]

#: Built-in type → what it must be.
_WORDS: Final = {
    "decimal": "a number such as 1250.00",
    "integer": "a whole number such as 12",
    "int": "a whole number such as 12",
    "nonNegativeInteger": "a whole number of 0 or more",
    "positiveInteger": "a whole number of 1 or more",
    "date": "a date such as 2026-01-31",
    "time": "a time such as 14:30:00",
    "dateTime": "a date with time such as 2026-01-31T14:30:00Z",
    "boolean": "true or false",
    "base64Binary": "Base64 text",
    "anyURI": "an address (URI)",
    "language": "a language code such as en or de-AT",
}
_ADVICE: Final = {
    "decimal": "Write digits with a point and without thousands separators.",
    "date": "Write year, month and day with hyphens: 2026-01-31.",
    "time": "Write hours, minutes and seconds: 14:30:00.",
    "dateTime": "Write 2026-01-31T14:30:00 and the zone, such as Z or +01:00.",
    "boolean": "Write true or false, in small letters.",
}
_TRUTH: Final = {"true": "true", "yes": "true", "y": "true", "false": "false", "no": "false", "n": "false"}
#: Spellings of days, with the order of their parts.
_DAYS: Final = (
    (re.compile(r"(?P<y>\d{4})[-/.]?(?P<m>\d{2})[-/.]?(?P<d>\d{2})"), False),
    (re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"), False),
    (re.compile(r"(?P<a>\d{1,2})[/-](?P<b>\d{1,2})[/-](?P<y>\d{4})"), True),
)


def value_words(built_in: str) -> str:
    """ "a date such as 2026-01-31", for the name of a built-in type without prefix."""
    return _WORDS.get(built_in, f"a value of the type {built_in}" if built_in else "a value that the schema allows")


def value_advice(built_in: str, value: str) -> str:
    """What to write instead of a wrong value."""
    value = value.strip()
    if not value:
        return "Give a value, or leave the element out where it is optional."
    if built_in == "date" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return "There is no such day. Ask the sender which day is meant."
    meant = _meant(built_in, value)
    if meant:
        return f"Write {meant} if that is meant."
    return _ADVICE.get(built_in, "Ask the sender to correct the value.")


def _meant(built_in: str, value: str) -> str:
    if built_in in {"decimal", "integer"}:
        return _number(value)
    if built_in == "date":
        return _day(value)
    if built_in == "boolean":
        return _TRUTH.get(value.lower(), "")
    return ""


def _number(value: str) -> str:
    """A number with separators of thousands or a decimal comma, as XML Schema writes it; "" when it is unclear."""
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", value):
        if value.count(",") == 1 and "." not in value:
            return ""
        return value.replace(",", "")
    if re.fullmatch(r"-?\d{1,3}([. ]\d{3})*,\d+", value):
        return value.replace(".", "").replace(" ", "").replace(",", ".")
    return ""


def _day(value: str) -> str:
    for pattern, is_ambiguous in _DAYS:
        found = pattern.fullmatch(value)
        if found is None or is_ambiguous:
            continue
        try:
            return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
        except ValueError:
            return ""
    return ""
