"""The values of a message as a form: one field for each, with its rule beside it and its finding at it.

``grid_x12`` makes it of segments, ``grid_tree`` of XML and JSON; both give the same values, so that one template shows
them. A field's name says where its value stands in the text that the form carries along; both numbers belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FIELD", "Field", "Grid", "Group", "page_of", "severity_of", "typed_fields"]

#: What the names of fields begin with.
FIELD = "v-"
#: Groups on one page.
PAGE = 200
_RANK = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Field:
    """One value that can be edited."""

    #: Name of the input.
    name: str
    #: "PO103", "@unitCode", "quantity".
    place: str
    #: What stands there, in words; "" when unknown.
    title: str
    value: str
    #: "code, 2 characters, required".
    rule: str
    #: What the present code means.
    meaning: str = ""
    #: Id of the list of codes that it may hold; "" without one.
    options: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    #: Characters that the input has room for.
    width: int = 12
    required: bool = False

    @property
    def severity(self) -> str:
        """ "error", "warning", "note" or ""."""
        return severity_of(self.findings)


@dataclass(frozen=True, slots=True)
class Group:
    """A segment, or the values of one element or object."""

    #: Place in the text, from 0.
    number: int
    #: Number that people see: the segment's in its set.
    shown: str
    tag: str
    title: str
    depth: int
    fields: tuple[Field, ...]
    #: Findings of the whole group.
    findings: tuple[dict[str, Any], ...] = ()
    #: Words of its buttons; "" = there is none.
    repeat: str = ""
    remove: str = ""
    #: Whether something may be added behind it, and what, once it was asked for: (tag, name).
    can_add: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    #: Fields that are defined, empty and not shown.
    more: int = 0

    @property
    def severity(self) -> str:
        """The gravest of its findings and those of its fields."""
        return severity_of([*self.findings, *(each for one in self.fields for each in one.findings)])


@dataclass(frozen=True, slots=True)
class Grid:
    """One page of groups."""

    groups: tuple[Group, ...]
    #: Groups in all, and how many come before this page.
    total: int
    first: int
    #: Id → (code, name) of every list that a field of the page names.
    lists: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @property
    def next(self) -> int | None:
        """Where the next page begins; None at the end."""
        end = self.first + len(self.groups)
        return end if end < self.total else None

    @property
    def previous(self) -> int | None:
        """Where the page before begins; None at the start."""
        return max(0, self.first - PAGE) if self.first else None


def severity_of(findings: Iterable[Mapping[str, Any]]) -> str:
    """The gravest severity of some findings; "" of none."""
    return min((str(found["severity"]) for found in findings), key=_RANK.index, default="")


def page_of(numbers: Sequence[int], first: int) -> tuple[list[int], int]:
    """The groups of one page out of those that are to be shown, and where it begins."""
    start = max(0, min(first, len(numbers) - 1)) if numbers else 0
    return list(numbers[start : start + PAGE]), start


def typed_fields(form: Mapping[str, str]) -> dict[str, str]:
    """What a form says of its fields."""
    return {name: value for name, value in form.items() if name.startswith(FIELD)}
