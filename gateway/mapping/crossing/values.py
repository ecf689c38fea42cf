"""What a crossing is given, what it gives back, and the findings it collects on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.documents import Document
from gateway.documents.parties import Party
from gateway.mapping.errors import MappingError, Problem
from gateway.standards.edi.model import VALUE_LIMIT, Finding

__all__ = ["Crossed", "CrossingHints", "Report"]


@dataclass(frozen=True, slots=True)
class CrossingHints:
    """What a profile or a command line knows and a document may lack."""

    #: Names and identifiers; the types of the parties are filled by the kind of document.
    ours: Party = field(default_factory=Party)
    theirs: Party = field(default_factory=Party)
    #: ISO 4217 code of the amounts of a document that names none.
    currency: str | None = None
    #: CustomizationID and ProfileID of a UBL document.
    customization: str | None = None
    profile: str | None = None
    #: Release of X12 to fit the values to.
    version: str = "004010"
    #: Characters that the X12 partner takes: "latin-1", or "extended" or "basic", which are ASCII.
    charset: str = "latin-1"


@dataclass(frozen=True, slots=True)
class Crossed:
    """A document made fit for another standard."""

    #: Without the wrapping and the leftovers of the standard it came in.
    document: Document
    #: The transaction set, root element or request that carries it.
    set_id: str
    #: Everything that was assumed, changed or cannot be carried; `path` is the field's.
    findings: tuple[Finding, ...]


class Report:
    """The findings and problems of one crossing."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []

    def assumed(self, path: str, what: str, fix: str = "Fill the field in, if it should be another.") -> None:
        """Something that the target asks for and that the document does not say."""
        self._add("MAP-assumed", "warning", path, what, fix)

    def changed(self, path: str, what: str) -> None:
        """The same fact in other words."""
        self._add("MAP-changed", "note", path, what, "")

    def not_carried(self, path: str, why: str, value: object = None) -> None:
        """A received value that the target does not say."""
        text = None if value is None else str(value)
        shown = f'"{text}" ' if text else "this value "
        fix = "Agree with the partner how to say it, or do without it."
        self._add(
            "MAP-not-carried", "warning", path, f"{shown}is not in the written document, because {why}.", fix, text
        )

    def problem(self, path: str, message: str) -> None:
        """Something without which the target cannot be written."""
        self.problems.append(Problem(path, message))

    def stop_on_problems(self) -> None:
        """Raise MappingError with every problem, if there is one."""
        if self.problems:
            raise MappingError(self.problems)

    def _add(self, code: str, severity: str, path: str, text: str, fix: str, value: str | None = None) -> None:
        clipped = value[:VALUE_LIMIT] if value else None
        message = f"{path}: {text}"
        self.findings.append(Finding(code, severity, message, fix, value=clipped, path=path))  # type: ignore[arg-type]
