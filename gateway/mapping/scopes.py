"""What is written, as a tree of scopes: one for each section and each anchored object, holding segments in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["Item", "Scope", "Written", "count_tags", "flatten"]

#: A segment as written: its tag and its elements without trailing empties.
Written = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class Scope:
    """A section or an anchored object."""

    #: "header", "L1" …; None for an object that was not read (made by hand, or a copy).
    anchor: str | None
    #: Tag → place at this level, for putting back what the map does not know.
    ranks: Mapping[str, int]
    items: list[Item] = field(default_factory=list)

    @property
    def trigger(self) -> str:
        """Tag of the first segment, "" when nothing is written."""
        first = self.items[0] if self.items else None
        return first.trigger if isinstance(first, Scope) else first[0] if first is not None else ""


Item = Written | Scope


def flatten(scope: Scope) -> Iterator[Written]:
    """All segments in order."""
    for item in scope.items:
        if isinstance(item, Scope):
            yield from flatten(item)
        else:
            yield item


def count_tags(scopes: list[Scope], tag: str) -> int:
    """How many segments of a tag are written."""
    return sum(1 for scope in scopes for found, _ in flatten(scope) if found == tag)
