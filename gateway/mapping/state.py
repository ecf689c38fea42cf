"""What is collected while a document is written: findings, problems, the path, the anchors met."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.mapping.errors import Problem
from gateway.mapping.rules import Path
from gateway.mapping.scopes import Scope
from gateway.standards.edi.model import Finding

__all__ = ["Claims", "WriteState"]

#: List → places of the entries that a rule has written already.
Claims = dict[Path, set[int]]


@dataclass(slots=True)
class WriteState:
    """What is collected while one document is written."""

    #: False while a document just read is written for comparison: then nothing is missing or lost.
    strict: bool = True
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Path of the object being written, in the JSON form.
    path: list[str] = field(default_factory=list)
    #: The sections written so far, for counts and sums.
    scopes: list[Scope] = field(default_factory=list)
    #: Anchors met; a second object with the same anchor is a copy and gets none.
    anchors: set[str] = field(default_factory=set)
    #: (anchor, tag, element) that the extensions will fill: a missing value there is not a problem.
    kept: set[tuple[str, str, int]] = field(default_factory=set)
    #: True for a document that was received: what it lacked then it may lack now, with a finding.
    received: bool = False

    def where(self, path: Path | None = None) -> str:
        """The JSON path of a field of the current object."""
        return ".".join([*self.path, *(path or ())]) or "document"

    def problem(self, path: Path | None, message: str) -> None:
        """Something that makes writing impossible."""
        if self.strict:
            self.problems.append(Problem(self.where(path), message))

    def missing(self, anchor: str | None, tag: str, element: int, path: Path) -> None:
        """A required element has no value."""
        if not self.strict or (anchor or "", tag, element) in self.kept:
            return
        self.lacking(path, f"{tag}{element:02d} must have a value and this field is empty. Fill it in.")

    def lacking(self, path: Path | None, message: str) -> None:
        """Something a document must have: a problem in one made here, a finding in one that came without it."""
        if not self.received:
            self.problem(path, message)
        elif self.strict:
            self.findings.append(Finding("MAP-missing-value", "warning", f"{self.where(path)}: {message}"))

    def not_carried(self, path: str, reason: str) -> None:
        """A value that the set, or this map, cannot carry."""
        if self.strict:
            self.findings.append(
                Finding(
                    code="MAP-not-carried",
                    severity="warning",
                    message=f"{path}: this value is not in the written document, because {reason}.",
                    fix="Remove the field, or add a rule for it to the map of this partner.",
                )
            )

    def doubtful(self, path: Path, message: str) -> None:
        """A value that is written although it looks wrong."""
        if self.strict:
            self.findings.append(
                Finding("MAP-doubtful-value", "warning", f"{self.where(path)}: {message}", "Check the value.")
            )

    def marks(self) -> tuple[int, int]:
        """How much is collected now, for `back_to`."""
        return len(self.problems), len(self.findings)

    def back_to(self, marks: tuple[int, int]) -> None:
        """Forget what was collected while a rule was tried that turned out not to be for an entry."""
        del self.problems[marks[0] :], self.findings[marks[1] :]

    def claim(self, anchor: str | None) -> str | None:
        """The anchor to use for an object: its own, unless another object has it already."""
        if anchor is None or anchor in self.anchors:
            return None
        self.anchors.add(anchor)
        return anchor
