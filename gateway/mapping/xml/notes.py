"""What is noted while one document is read: the frames met, and everything in them that our own writing would lack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from gateway.mapping.converters import CodeTable
from gateway.mapping.rules import Path
from gateway.mapping.xml.places import Names, tag_of
from gateway.mapping.xml.plan import ListRule
from gateway.mapping.xml.tokens import Markup
from gateway.standards.edi.model import VALUE_LIMIT, Finding

__all__ = [
    "ABSENT",
    "DISORDER",
    "LEFT",
    "VALUE",
    "VIA",
    "Note",
    "ReadFrame",
    "ReadState",
    "Values",
    "inside",
    "stray_text",
]

#: Findings that one reading names.
_MOST: Final = 500
Values = dict[str, Any]
#: Kinds of notes: (LEFT, frame, path, element, children), (VALUE, frame, path, key, received, written),
#: (DISORDER, frame, path, element, place), (VIA, frame, key, choice).
LEFT: Final = 0
VALUE: Final = 1
DISORDER: Final = 2
VIA: Final = 3
Note = tuple[Any, ...]
#: Received: the element or attribute was not there, and we would write it.
ABSENT: Final = False


class ReadFrame:
    """One object being read."""

    __slots__ = (
        "alternatives",
        "anchor",
        "assigned",
        "entry",
        "is_wrapper",
        "open",
        "parent",
        "position",
        "prices",
        "rule",
        "targets",
    )

    alternatives: dict[str, list[int]]
    assigned: dict[str, list[int]]
    prices: dict[Any, Values]
    open: dict[ListRule, list[tuple[str | None, Values, Values] | None]]

    def __init__(
        self,
        targets: list[Values],
        parent: ReadFrame | None = None,
        rule: ListRule | None = None,
        *,
        busy: bool = True,
    ) -> None:
        """`targets` are the objects read from this element, the entry itself first; `busy` frames remember more."""
        self.targets = targets
        self.parent = parent
        self.rule = rule
        self.anchor = ""
        #: What stands in the list for it: its first target, or a text.
        self.entry: Any = targets[0]
        #: The element around entries of a flat list; its anchor is that of the first of them.
        self.is_wrapper = False
        #: Place in the list, for entries that are plain texts.
        self.position = -1
        if busy:
            #: Alternative → numbers of the places that were read.
            self.alternatives = {}
            #: Group → rules of its entries, where the writer might choose otherwise.
            self.assigned = {}
            #: Price rule → its parts.
            self.prices = {}
            #: Levels of `under` that the next leaf may share: rule → [(key, fields as read, unit)].
            self.open = {}


@dataclass(slots=True)
class ReadState:
    """What is collected while one document is read."""

    names: Names
    #: The document's currency as far as known.
    currency: str | None = None
    #: Whether the document has a currency of its own at all.
    has_currency: bool = True
    notes: list[Note] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    #: (table, word) → the code that this document uses for it.
    codes: dict[tuple[str, str], str] = field(default_factory=dict)
    #: The tables that were used, by name.
    tables: dict[str, CodeTable] = field(default_factory=dict)
    #: Elements whose text stands between their children: kept whole.
    mixed: frozenset[etree._Element] = frozenset()
    #: Children with the number of their rule, where a name has several.
    numbers: dict[etree._Element, int] = field(default_factory=dict)
    #: Elements that no rule took.
    left: set[etree._Element] = field(default_factory=set)
    #: (parent, rule) of those that take only one element.
    taken: set[tuple[Any, Any]] = field(default_factory=set)
    #: The bytes that the document was parsed from, when they may be read instead of its elements.
    markup: Markup | None = None

    def anchor(self, prefix: str) -> str:
        """The next anchor of a prefix."""
        count = self.counts.get(prefix, 0) + 1
        self.counts[prefix] = count
        return f"{prefix}{count}"

    def unreadable(self, element: etree._Element, at: str, value: str, reason: str) -> None:
        """A value that a converter cannot take: it stays in the extensions. Of very many the first are named."""
        if len(self.findings) >= _MOST:
            return
        name = self.names.name(tag_of(element))
        place = f"{name}/{at.rpartition('/')[2]}" if "@" in at else name
        self.findings.append(
            Finding(
                code="MAP-unreadable-value",
                severity="warning",
                message=f'{place}: "{value[:VALUE_LIMIT]}" is kept as text only, because {reason}.',
                fix="Ask the partner for the form of the standard, or adapt the map for this partner.",
                segment=name,
                value=value[:VALUE_LIMIT],
                path=at,
                line=element.sourceline,
            )
        )


_STRAY = "Text stands between the elements of the document itself, where it means nothing. It is not kept."


def stray_text(element: etree._Element, text: str, names: Names) -> Finding:
    """Text between the children of the document's own element."""
    name, shown = names.name(tag_of(element)), text.strip()[:VALUE_LIMIT]
    fix = "Ask the partner for the form of the standard."
    return Finding("MAP-unreadable-value", "warning", f'{name}: "{shown}". {_STRAY}', fix, segment=name, value=shown)


def inside(target: Values, path: Path) -> Values:
    """The part at a path, made if need be."""
    for name in path:
        target = target.setdefault(name, {})
    return target
