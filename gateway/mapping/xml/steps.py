"""What happens to one child element: functions made once for each edge of the plan, for the many simple cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from gateway.mapping.xml.find import finder
from gateway.mapping.xml.leaves import NOT_TAKEN, VALUE_TAKEN, Take
from gateway.mapping.xml.notes import VALUE, ReadFrame, ReadState
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import Alternative, Edge
from gateway.mapping.xml.values import WHITE

__all__ = ["Step", "choice_step", "guarded_step", "is_single", "leaf_step", "part_step", "plain_step"]

#: (element, frame, state) → NOT_TAKEN, VALUE_TAKEN or CONSTANT.
Step = Callable[[etree._Element, ReadFrame, ReadState], int]
#: Place, function that looks there, condition on what it finds, and whether it must hold.
_Test = tuple[str, Callable[[etree._Element], str | None], Callable[[str | None], bool], bool]
#: (element, its attributes, frame, state) → whether a field got a value.
ReadAttributes = Callable[[etree._Element, list[tuple[str, str]], ReadFrame, ReadState], bool]


def is_single(edge: Edge) -> bool:
    """Whether an edge takes only one element of its name."""
    return edge.rule is None or (edge.rule.room is not None and edge.rule.wrapper is None)


def leaf_step(take: Take, read_attributes: ReadAttributes, expects: bool) -> Step:
    """An element with text and perhaps attributes: most elements there are. `expects`: some must be there."""

    def leaf(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        text = child.text
        if text is None or len(child) or not (taken := take(text, child, frame, state)):
            return NOT_TAKEN
        items = child.items()
        if (items or expects) and read_attributes(child, items, frame, state):
            return VALUE_TAKEN
        return taken

    return leaf


def plain_step(path: str, field: tuple[int, str], read_attributes: ReadAttributes, expects: bool) -> Step:
    """The same for a text that goes into a field as it is: without a call in between, since most elements are so."""
    slot, name = field

    def plain(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        text = child.text
        if text is None or len(child):
            return NOT_TAKEN
        value = text.strip(WHITE)
        if not value:
            return NOT_TAKEN
        if value is not text:
            state.notes.append((VALUE, frame, path, ".", text, value))
        frame.targets[slot][name] = value
        items = child.items()
        if items or expects:
            read_attributes(child, items, frame, state)
        return VALUE_TAKEN

    return plain


def part_step(step: Step, alternative: Alternative) -> Step:
    """One of several places of a part: only the first that is met."""
    key, number = alternative.key, alternative.number

    def part(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        chosen = frame.alternatives.get(key)
        if (chosen is not None and chosen != [number]) or not (taken := step(child, frame, state)):
            return NOT_TAKEN
        frame.alternatives[key] = [number]
        return taken

    return part


def guarded_step(edge: Edge, names: Names, step: Step) -> Step:
    """With the conditions of a rule in front."""
    if not edge.when and not edge.unless:
        return step
    tests = _tests(edge, names)

    def guarded(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        return step(child, frame, state) if _meets(child, tests, {}) else NOT_TAKEN

    return guarded


def _tests(edge: Edge, names: Names) -> tuple[_Test, ...]:
    return tuple(
        (str(condition.at), finder(condition.at, names), condition.holds, wanted)
        for wanted, conditions in ((True, edge.when), (False, edge.unless))
        for condition in conditions
    )


def _meets(child: etree._Element, tests: tuple[_Test, ...], found: dict[str, str | None]) -> bool:
    """Whether an element meets the conditions; `found` are the values looked up for the rules before."""
    for at, find, holds, wanted in tests:
        if at not in found:
            found[at] = find(child)
        if holds(found[at]) is not wanted:
            return False
    return True


def choice_step(edges: Sequence[Edge], steps: Sequence[Step], names: Names) -> Step:
    """Several rules for one name: the first that takes the element; one that takes only one element takes one in
    each parent."""
    ways = [(edge, step, is_single(edge), _tests(edge, names)) for edge, step in zip(edges, steps, strict=True)]

    def choose(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        found: dict[str, str | None] = {}
        for edge, step, once, tests in ways:
            if tests and not _meets(child, tests, found):
                continue
            if once and (child.getparent(), edge) in state.taken:
                continue
            if taken := step(child, frame, state):
                state.numbers[child] = edge.rank
                if once:
                    state.taken.add((child.getparent(), edge))
                return taken
        return NOT_TAKEN

    return choose
