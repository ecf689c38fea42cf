"""An EDIFACT message as the inspector shows it: its segments with names, findings where they point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.standards.edi.model import COMPONENT, REPETITION
from gateway.standards.edifact.model import EdifactMessage
from gateway.standards.edifact.names import SEGMENTS
from gateway.web.view.payload import MOST_LINES, Line, Mark, Shown

__all__ = ["message_lines"]

#: Segments that begin something, and how deep what follows stands: enough to see the lines of an order.
_DEPTHS = {"UNH": 0, "BGM": 0, "UNS": 0, "UNT": 0, "LIN": 1, "CPS": 1}
_RANK = ("error", "warning", "note")


def message_lines(message: EdifactMessage, findings: Sequence[dict[str, Any]], *, first: int = 0) -> Shown:
    """The segments of one message from the ``first`` on (from 0), at most a page of them."""
    rows: list[Line] = []
    inside = 0
    for number, segment in enumerate(message.segments, start=1):
        begins = _DEPTHS.get(segment.tag)
        inside = inside if begins is None else begins
        if number <= first or len(rows) >= MOST_LINES:
            continue
        about = tuple(found for found in findings if found.get("position") == number)
        wrong = {found.get("element") for found in about}
        marks = tuple(
            Mark(f"{segment.tag} {at}", "", _plain(value), "", at in wrong)
            for at, value in enumerate(segment.elements, start=1)
        )
        severity = min((found["severity"] for found in about), key=_RANK.index, default="")
        depth = inside if begins is not None else inside + (1 if inside else 0)
        title = SEGMENTS.get(segment.tag, "")
        rows.append(Line(number, segment.tag, title, depth, marks, "", about, severity))
    return Shown(tuple(rows), len(message.segments), first)


def _plain(value: str) -> str:
    return value.replace(COMPONENT, " : ").replace(REPETITION, " * ")
