"""What a set says about itself: ST and SE agree, SE01 counts the segments, CTT01 counts the lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.standards.edi.text import printable

__all__ = [
    "LINE_SEGMENTS",
    "SetProblem",
    "check_line_count",
    "check_trailer",
    "set_problem_code",
    "whole_number",
]

#: The segment that CTT01 counts, by set; for other sets the guides disagree and CTT01 is not compared.
LINE_SEGMENTS: Final = {
    "810": "IT1",
    "846": "LIN",
    "850": "PO1",
    "855": "PO1",
    "856": "HL",
    "860": "POC",
    "865": "POC",
}
#: Element problems of ST and SE that AK5 reports instead of AK3 and AK4.
_SET_CODES: Final = {
    ("ST", 1): "AK502-6",
    ("ST", 2): "AK502-7",
    ("SE", 1): "AK502-4",
    ("SE", 2): "AK502-3",
}
#: More digits than any count has.
_MOST_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class SetProblem:
    """A finding about the set as a whole, with its words."""

    code: str
    #: Index of the segment that shows it, ST = 0.
    index: int
    segment: str
    element: int | None
    value: str | None
    message: str
    fix: str


def set_problem_code(tag: str, code: str, element: int | None) -> str:
    """The code under which an element's problem is reported: the set's own for ST01, ST02, SE01 and SE02."""
    if element is None or code.startswith("NOTE-"):
        return code
    return _SET_CODES.get((tag, element), code)


def whole_number(raw: bytes) -> int | None:
    """The number that an N0 element holds, None when it holds none."""
    digits = raw.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return None
    return int(raw)


def check_trailer(segments: Sequence[bytes], separator: bytes) -> Iterator[SetProblem]:
    """SE is there, holds the number of segments and repeats ST02 (AK502 2, 4, 3)."""
    head, tail = segments[0].split(separator), segments[-1].split(separator)
    count, last = len(segments), len(segments) - 1
    if tail[0] != b"SE":
        yield SetProblem(
            "AK502-2", last, "SE", None, None,
            "The set ends without its trailer SE.",
            "Ask the partner to send the set again, whole.",
        )  # fmt: skip
        return
    declared = tail[1] if len(tail) > 1 else b""
    if whole_number(declared) != count:
        shown = declared.decode("latin-1")
        yield SetProblem(
            "AK502-4", last, "SE", 1, shown,
            f'SE (segment {count}), element SE01 (number of included segments): "{printable(shown, 20)}" '
            f"does not fit, the set has {count} segments from ST to SE.",
            "Ask the partner whether segments were lost, and to send the set again.",
        )  # fmt: skip
    opened = head[2] if len(head) > 2 else b""
    closed = tail[2] if len(tail) > 2 else b""
    if closed.rstrip(b" ") != opened.rstrip(b" "):
        shown = closed.decode("latin-1")
        yield SetProblem(
            "AK502-3", last, "SE", 2, shown,
            f'SE (segment {count}), element SE02 (transaction set control number): "{printable(shown, 20)}" '
            f'is not the number of ST02, "{printable(opened.decode("latin-1"), 20)}".',
            "Ask the partner to send the set again with one control number in ST02 and SE02.",
        )  # fmt: skip


def check_line_count(raw: bytes, index: int, count: int, line: str, separator: bytes) -> Iterator[SetProblem]:
    """CTT01 is the number of lines (`line` names the segment that stands for one)."""
    fields = raw.split(separator)
    declared = fields[1] if len(fields) > 1 else b""
    number = whole_number(declared)
    if number is None or number == count:
        return
    shown = declared.decode("latin-1")
    yield SetProblem(
        "RULE-ctt-count", index, "CTT", 1, shown,
        f'CTT (segment {index + 1}), element CTT01 (number of line items): "{printable(shown, 20)}" '
        f"does not fit, the set has {count} {line} segments.",
        "Ask the partner whether lines were lost, and to send the set again.",
    )  # fmt: skip
