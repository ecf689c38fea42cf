"""A field of a document by its path in the JSON form ("lines[2].unit")."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

__all__ = ["covers", "pattern", "remove"]

_STEP = re.compile(r"([a-z_0-9]+)|\[([0-9]+)\]")


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in _STEP.findall(path)]


def remove(document: BaseModel, path: str) -> Any:
    """Take the value at a path out of the document and return it; None when there is nothing."""
    *way, last = _steps(path) or [""]
    place: Any = document
    for step in way:
        place = _inside(place, step)
    value = _inside(place, last)
    if value in (None, []):
        return None
    if isinstance(last, int):
        del place[last]
    else:
        setattr(place, last, [] if isinstance(value, list) else None)
    return value


def _inside(place: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return place[step] if isinstance(place, list) and step < len(place) else None
    return getattr(place, step, None) if isinstance(place, BaseModel) else None


def pattern(path: str) -> str:
    """The path without the numbers: "lines[2].unit" → "lines[].unit"."""
    return re.sub(r"\[[0-9*]+\]", "[]", path)


def covers(wide: str, path: str) -> bool:
    """Whether a finding at `wide` speaks of `path`: the same, something around it, or `[*]` for any number."""
    if "[*]" in wide:
        wide, path = pattern(wide), pattern(path)
    return path == wide or path.startswith((f"{wide}.", f"{wide}["))
