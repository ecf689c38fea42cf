"""One walk over a document that reads all that its rules ask for, element by element, in document order.

A walk is made from groups: for each, the tags that lead from the document element to the elements that its rules look
at, and what they read there. On the way down, every step knows which of its children matter; what they hold is kept in
the row of the element looked at, which is handed over when that element has been passed. So a document is walked once,
however many rules there are, and nothing is kept of a line but a few texts.

What a walk cannot read (conditions, `..`, paths from the document) is left to be looked up when it is asked for; where
the first step of such a path leads nowhere, the row says so, and it is never looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from gateway.standards.xml.rule_paths import BLANKS, Reading
from gateway.standards.xml.rule_scope import Row

__all__ = ["Passed", "RuleWalk"]

#: Takes the number of a group, one of its elements, and what was read there.
Passed = Callable[[int, etree._Element, Row], None]
#: What a reading of presence gives where there is something.
_PRESENT: Final = [""]
#: What every reading gives at first; never added to.
_NOTHING: Final[list[str]] = []


@dataclass(slots=True)
class _Step:
    """What is done at an element that a path leads to; groups are named by their number."""

    #: Tag → the step for children of it.
    steps: dict[str, _Step] = field(default_factory=dict)
    #: Groups that look at this element.
    groups: list[int] = field(default_factory=list)
    #: Its text is wanted.
    texts: list[tuple[int, Reading]] = field(default_factory=list)
    #: Whether it has a text or children is wanted.
    presences: list[tuple[int, Reading]] = field(default_factory=list)
    #: An attribute is wanted.
    attributes: list[tuple[int, Reading, str]] = field(default_factory=list)
    #: It makes a path possible that the walk cannot read.
    open: list[tuple[int, Reading]] = field(default_factory=list)
    #: Whether anything at all is read of it.
    is_read: bool = False
    #: Whether that is all there is to do.
    is_leaf: bool = False
    #: The one text that is all that is wanted of it, as of most elements; None where it is another thing, or more.
    only: tuple[int, Reading] | None = None
    #: Whether nothing more is wanted of its parent once it is there.
    is_enough: bool = False

    def below(self, tags: Sequence[str]) -> _Step:
        """The step that these tags lead to."""
        step = self
        for tag in tags:
            step = step.steps.setdefault(tag, _Step())
        return step

    def finish(self) -> None:
        """No more is added, here and below."""
        self.is_read = bool(self.texts or self.presences or self.attributes or self.open)
        self.is_leaf = not self.steps and not self.groups
        if self.is_leaf and len(self.texts) == 1 and not (self.presences or self.attributes or self.open):
            self.only = self.texts[0]
        for step in self.steps.values():
            step.finish()
            asks = step.texts or step.attributes or step.open
            step.is_enough = len(self.steps) == 1 and step.is_leaf and not asks


class RuleWalk:
    """A walk; made once, then used for any document, from any thread."""

    def __init__(self, groups: Sequence[tuple[Sequence[str], Sequence[Reading]]]) -> None:
        """Each group: the tags that lead to its elements, and what is read there."""
        self._start = _Step()
        self._empty: list[Row] = []
        for number, (tags, readings) in enumerate(groups):
            step = self._start.below(tags)
            step.groups.append(number)
            empty: Row = {}
            for reading in dict.fromkeys(readings):
                if _add(step, number, reading):
                    empty[reading] = _NOTHING
            self._empty.append(empty)
        self._start.finish()

    def over(self, document: etree._Element, passed: Passed) -> None:
        """Walk over a document; `passed` is called for each element of a group."""
        self._visit(document, self._start, [{}] * len(self._empty), passed)

    def row(self, element: etree._Element) -> Row:
        """What the first group reads, for a walk whose only group looks at the element itself."""
        rows: list[Row] = []
        self.over(element, lambda _number, _element, row: rows.append(row))
        return rows[0]

    def _visit(self, element: etree._Element, step: _Step, rows: list[Row], passed: Passed) -> None:
        for number in step.groups:
            rows[number] = self._empty[number].copy()
        if step.is_read:
            _read(element, step, rows)
        if step.steps:
            find = step.steps.get
            for child in element:
                below = find(child.tag)  # type: ignore[arg-type]  # lxml's stubs think of tags that are no text
                if below is None:
                    continue
                if below.only is not None:
                    _keep(rows[below.only[0]], below.only[1], child.text)
                    continue
                if not below.is_leaf:
                    self._visit(child, below, rows, passed)
                    continue
                _read(child, below, rows)
                if below.is_enough and rows[below.presences[0][0]][below.presences[0][1]]:
                    break
        for number in step.groups:
            passed(number, element, rows[number])


def _read(element: etree._Element, step: _Step, rows: list[Row]) -> None:
    """Keep what is wanted of an element."""
    for number, reading in step.texts:
        _keep(rows[number], reading, element.text)
    if step.presences and ((element.text or "").strip(BLANKS) or len(element)):
        for number, reading in step.presences:
            rows[number][reading] = _PRESENT
    for number, reading, name in step.attributes:
        value = element.get(name)
        if value is None:
            continue
        if not reading.presence:
            _keep(rows[number], reading, value)
        elif value.strip(BLANKS):
            rows[number][reading] = _PRESENT
    for number, reading in step.open:
        rows[number].pop(reading, None)


def _keep(row: Row, reading: Reading, text: str | None) -> None:
    text = text.strip(BLANKS) if text else ""
    known = row[reading]
    if known:
        known.append(text)
    else:
        row[reading] = [text]


def _add(step: _Step, number: int, reading: Reading) -> bool:
    """Have something read; False where the walk can say nothing of it."""
    path = reading.path
    if path.from_document or (path.tags is None and not path.first):
        return False
    if path.tags is None:
        step.below([path.first]).open.append((number, reading))
    elif path.attribute:
        step.below(path.tags).attributes.append((number, reading, path.attribute))
    elif reading.presence:
        step.below(path.tags).presences.append((number, reading))
    else:
        step.below(path.tags).texts.append((number, reading))
    return True
