"""The data types of X12.6, each as a pattern for the verdict and as a careful check for the explanation.

Both sides stand together here so that they change together; `tests/fixtures/types.json` holds values with the
code each must get, and both sides are run against it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.standards.edi.charset import Legal, byte_class

__all__ = [
    "BAD_CHARACTER",
    "BAD_CODE",
    "BAD_DATE",
    "BAD_TIME",
    "TOO_LONG",
    "TOO_SHORT",
    "TRAILING_SPACE",
    "ValueRule",
    "check_value",
    "codes_pattern",
    "is_date",
    "is_time",
    "value_pattern",
]

TOO_SHORT: Final = "AK403-4"
TOO_LONG: Final = "AK403-5"
BAD_CHARACTER: Final = "AK403-6"
BAD_CODE: Final = "AK403-7"
BAD_DATE: Final = "AK403-8"
BAD_TIME: Final = "AK403-9"
TRAILING_SPACE: Final = "NOTE-trailing-space"

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_DECIMAL_WITH_BARE_POINT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_HOURS_AND_MINUTES = rb"(?:[01][0-9]|2[0-3])[0-5][0-9]"
#: What follows hours and minutes in a time of this many characters.
_TIME_TAILS = {4: b"", 6: rb"[0-5][0-9]", 7: rb"[0-5][0-9][0-9]", 8: rb"[0-5][0-9][0-9][0-9]"}
_LONG_MONTHS = rb"(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTHS = rb"(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = rb"02(?:0[1-9]|1[0-9]|2[0-8])"
_ANY_YEAR_DAY = rb"(?:" + _LONG_MONTHS + b"|" + _SHORT_MONTHS + b"|" + _FEBRUARY + b")"
_FOURTHS = rb"(?:[02468][048]|[13579][26])"
_FOURTHS_BUT_00 = rb"(?:0[48]|[2468][048]|[13579][26])"
#: Dates by their length: CCYYMMDD and YYMMDD.
_DATES = {
    8: rb"(?:(?!0000)[0-9]{4}"
    + _ANY_YEAR_DAY
    + rb"|(?:[0-9]{2}"
    + _FOURTHS_BUT_00
    + rb"|(?!0000)"
    + _FOURTHS
    + rb"00)0229)",
    6: rb"(?:[0-9]{2}" + _ANY_YEAR_DAY + b"|" + _FOURTHS + rb"0229)",
}


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What one simple element or component may hold at its place, partner's switches included."""

    #: Number in the data element dictionary.
    ref: str
    name: str
    type: str
    min: int
    max: int
    #: Codes in force; None when the list is open.
    codes: frozenset[str] | None
    legal: Legal
    #: False when a code outside the list is only a remark.
    codes_bind: bool = True
    #: True when a decimal point may stand without digits after it.
    bare_point: bool = False
    #: True when blanks at the end beyond the shortest length are errors.
    strict_spaces: bool = False


def check_value(rule: ValueRule, text: str) -> str | None:
    """The finding code of a value that is present, None when it is right.

    One code per value, the first of: bad character, too short, too long, bad format, not in the code list
    (X12.6; AK403). `TRAILING_SPACE` is the only answer that is not an error by default.
    """
    kind = rule.type
    if rule.codes is not None and text in rule.codes:
        return None
    if kind[:1] == "N" or kind == "R":
        return _check_number(rule, text)
    if kind not in ("", "B") and rule.legal.illegal.search(text):
        return BAD_CHARACTER
    if len(text) < rule.min:
        return TOO_SHORT
    if kind in ("AN", "ID"):
        return _check_text(rule, text)
    if len(text) > rule.max:
        return TOO_LONG
    if kind == "DT" and not is_date(text):
        return BAD_DATE
    if kind == "TM" and not is_time(text):
        return BAD_TIME
    return None


def _check_number(rule: ValueRule, text: str) -> str | None:
    if rule.type != "R":
        shape = _INTEGER
    else:
        shape = _DECIMAL_WITH_BARE_POINT if rule.bare_point else _DECIMAL
    if not shape.fullmatch(text):
        return BAD_CHARACTER
    digits = sum(character.isdigit() for character in text)
    if digits < rule.min:
        return TOO_SHORT
    return TOO_LONG if digits > rule.max else None


def _check_text(rule: ValueRule, text: str) -> str | None:
    inked = text if rule.strict_spaces else text.rstrip(" ")
    if len(inked) > rule.max:
        return TOO_LONG
    if rule.codes is not None:
        return BAD_CODE
    if text.endswith(" ") and len(text) > rule.min:
        return BAD_CHARACTER if rule.strict_spaces else TRAILING_SPACE
    return None


def is_date(text: str) -> bool:
    """True for a day that exists: CCYYMMDD, or YYMMDD (a year 00 counts as a leap year)."""
    if len(text) not in (6, 8) or not (text.isascii() and text.isdigit()):
        return False
    year, month, day = int(text[:-4]), int(text[-4:-2]), int(text[-2:])
    if len(text) == 6:
        year += 2000
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def is_time(text: str) -> bool:
    """True for HHMM, HHMMSS, HHMMSSD and HHMMSSDD with hours to 23, minutes and seconds to 59."""
    if len(text) not in _TIME_TAILS or not (text.isascii() and text.isdigit()):
        return False
    return int(text[:2]) < 24 and int(text[2:4]) < 60 and int(text[4:6] or 0) < 60


def value_pattern(rule: ValueRule) -> bytes:
    """A bytes pattern that matches a present value when `check_value` finds nothing.

    It may refuse a value that the check lets pass with a remark (blanks at the end, letters of two bytes):
    the verdict asks the check about whatever the pattern refuses.
    """
    kind = rule.type
    low, high = max(rule.min, 1), max(rule.max, 1)
    if rule.codes is not None and rule.codes_bind:
        return _text_codes_pattern(rule.codes, rule.legal.encoding)
    if kind == "R":
        return _decimal_pattern(low, high, rule.bare_point)
    if kind[:1] == "N":
        return b"-?[0-9]{%d,%d}+" % (low, high)
    if kind == "DT":
        return _any_of(pattern for length, pattern in _DATES.items() if low <= length <= high)
    if kind == "TM":
        tails = [tail for length, tail in _TIME_TAILS.items() if low <= length <= high]
        return _HOURS_AND_MINUTES + _any_of(sorted(tails, reverse=True))
    if kind in ("", "B"):
        return b"(?!)"  # any byte at all: left to the check
    text = b"%s{%d,%d}+" % (rule.legal.pattern, low, high)
    return text + rb"(?<!\x20)"


def _decimal_pattern(low: int, high: int, bare_point: bool) -> bytes:
    """Digits count, sign and point do not: with a point the value is one character longer than its digits."""
    whole = b"[0-9]{%d,%d}+(?!\\.)" % (low, high)
    fits = b"(?=[0-9.]{%d,%d}+(?![0-9.]))" % (low + 1, high + 1)
    pointed = rb"[0-9]++\.[0-9]*+|\.[0-9]++" if bare_point else rb"[0-9]*+\.[0-9]++"
    return b"-?(?:" + whole + b"|" + fits + b"(?:" + pointed + b"))"


def _any_of(patterns: Iterable[bytes]) -> bytes:
    choices = list(patterns)
    return b"(?:" + b"|".join(choices) + b")" if choices else b"(?!)"


@lru_cache(maxsize=1024)
def _text_codes_pattern(codes: frozenset[str], encoding: str) -> bytes:
    """The pattern of a code list; segments name the same list many times over."""
    return codes_pattern(code.encode(encoding, "xmlcharrefreplace") for code in codes)


def codes_pattern(codes: Iterable[bytes]) -> bytes:
    """A pattern for exactly these values, as a tree of shared beginnings: a flat list of hundreds is slow to
    try.
    """
    known = set(codes)
    heads: dict[int, set[bytes]] = {}
    for code in known - {b""}:
        heads.setdefault(code[0], set()).add(code[1:])
    by_rest: dict[bytes, set[int]] = {}
    for head, rests in heads.items():
        by_rest.setdefault(codes_pattern(rests), set()).add(head)
    if not by_rest:
        return b"" if known else b"(?!)"
    pattern = _any_of(byte_class(members) + rest for rest, members in sorted(by_rest.items()))
    return pattern + b"?" if b"" in known else pattern
