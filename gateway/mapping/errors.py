"""What can be wrong: with a map file when it is loaded, with a document when it is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MapError", "MappingError", "Problem", "nearest"]


class MapError(ValueError):
    """A map or overlay file cannot be used; the text gives file, line, what is wrong and the nearest valid name."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        """`line` is 1-based, 0 when the whole file is meant."""
        self.file = file
        self.line = line
        where = f"{file}, line {line}: " if line else f"{file}: " if file else ""
        super().__init__(where + message)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a document cannot be written."""

    #: The field, as a path in the JSON form ("lines[2].unit").
    path: str
    #: What is wrong, why, and what to do.
    message: str


class MappingError(ValueError):
    """A document cannot be expressed in the target set; carries every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems; the text lists them all."""
        self.problems = problems
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))


def nearest(name: object, known: Iterable[str], *, limit: int = 12) -> str:
    """A hint for a wrong name: the nearest valid one, else the valid ones (clipped)."""
    names = sorted(set(known))
    found = difflib.get_close_matches(str(name), names, n=1)
    if found:
        return f' Did you mean "{found[0]}"?'
    shown = ", ".join(names[:limit]) + (" …" if len(names) > limit else "")
    return f" Valid here: {shown}." if names else ""
