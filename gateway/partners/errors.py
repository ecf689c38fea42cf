"""What can go wrong with partner profiles, each as a sentence that says what, where, why and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.partners.claims import Clash

__all__ = [
    "CertificateError",
    "OperationError",
    "PartnerChangedError",
    "PartnerClashError",
    "PartnerFileError",
    "PartnerNotFoundError",
    "Problem",
]


class OperationError(Exception):
    """An operation that was refused; ``str()`` is the sentence for the person who asked.

    ``fix`` says what to do, ``details`` holds one line for each single problem when there are several.
    """

    def __init__(self, message: str, fix: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.details = tuple(details)


class CertificateError(ValueError):
    """A certificate that cannot be read or is too weak to use."""


class PartnerNotFoundError(OperationError):
    """No partner, or no version of it, has this name."""


class PartnerChangedError(OperationError):
    """A profile has another version than the one that a change was made from; ``version`` is the one in force."""

    def __init__(self, message: str, fix: str, version: int) -> None:
        super().__init__(message, fix)
        self.version = version


class PartnerClashError(OperationError):
    """Two partners claim the same identity, user name, token or place, so a message could not be told apart.

    ``clashes`` holds every one of them, ``details`` a sentence for each.
    """

    def __init__(self, clashes: Sequence[Clash], sentences: Sequence[str] = ()) -> None:
        self.clashes = tuple(clashes)
        lines = list(sentences) or [clash.sentence for clash in self.clashes]
        super().__init__("\n".join(lines), "Give each to one partner only; what a retired partner had is free.", lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a partner file."""

    #: File name as the operator gave it.
    file: str
    #: Line in the file, first is 1; 0 when the whole file is meant.
    line: int
    #: Field in dotted form, "ids.isa[0].qualifier"; "" when the whole file is meant.
    path: str
    #: What is wrong and why.
    message: str
    #: What to do; the nearest valid name when a name is unknown.
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{self.path}: " if self.path else ""
        return f"{place}: {where}{self.message}" + (f" {self.fix}" if self.fix else "")


class PartnerFileError(OperationError):
    """A partner file with mistakes; ``problems`` lists every one of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        super().__init__("\n".join(lines), details=lines)
