"""The character sets of EDIFACT (syntax identifier, UNB 0001): how text is decoded, and what each allows."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["CHARSETS", "codec_of", "first_outside"]

#: Syntax identifier → codec of its text (ISO 9735 part 1, annex A; registered repertoires).
CHARSETS: Final[dict[str, str]] = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
#: What level A allows inside data beside the separators: capitals, digits and some signs.
_LEVEL_A: Final = re.compile(r"[^A-Z0-9 .,\-()/='+:?!\"%&*;<>]")
_ASCII: Final = re.compile(r"[^\x20-\x7e]")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def codec_of(syntax: str) -> str:
    """The codec of a syntax identifier; Latin-1 for one that is not known, which decodes anything."""
    return CHARSETS.get(syntax, "iso8859-1")


def first_outside(syntax: str, text: str) -> str | None:
    """The first character of decoded text that the syntax identifier does not allow; None when all are allowed."""
    rule = {"UNOA": _LEVEL_A, "UNOB": _ASCII}.get(syntax, _CONTROL)
    found = rule.search(text)
    return None if found is None else found[0]
