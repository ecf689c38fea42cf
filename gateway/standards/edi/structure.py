"""The order of segments in a set: one tree of places, walked with one rule, and one pattern equal to the
walk.

The rule ("innermost first") is X12's: from the place of the last segment look at the same place again, then
at the later places of the same loop up to and including the first mandatory one, then at another pass of the
loop, then the same one level further out. `Structure.moves` tabulates it; the walker, the loop tree and the
explanation all step through that table.

The verdict's pattern writes each segment as one character and each place as a possessive repeat, so it also
takes what it can where it stands and never goes back. There is one exception: a pass through a loop that
fails in the middle is given back as a whole, and the loop's trigger could then be taken by a later place of
the same id. `pattern_is_exact` is False for a set that has such a place; its verdict walks the table instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from gateway.standards.edi.model import LoopInstance, Segment
from gateway.standards.edi.schema import LoopNode, SegmentNode, SetType, load_release

__all__ = ["Move", "Place", "Structure", "Walk", "structure"]

#: First code point of the private-use range that stands for segment ids in a set's pattern.
_FIRST_CHARACTER = 0xE000


@dataclass(frozen=True, slots=True)
class Place:
    """A segment or loop at one place of the tree; places are told apart by number, never by id."""

    #: Number in document order; the root is 0.
    number: int
    #: Segment id, or the id of the loop's trigger segment; "" for the root.
    tag: str
    #: Loop id; "" for a segment and for the root.
    loop: str
    mandatory: bool
    #: Most uses or passes in a row; None for no bound.
    most: int | None
    #: Number of the enclosing loop; the root encloses itself.
    parent: int
    #: Numbers of the places inside, in order; empty for a segment.
    children: tuple[int, ...] = ()
    #: Index among the enclosing loop's children.
    index: int = 0
    #: 0 for the header, 1 for the detail, 2 for the summary.
    area: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """One way on from a place."""

    #: The place that takes the next segment; for a loop that is its trigger.
    place: Place
    #: How many open loops end before it.
    closed: int
    #: True for another use of the same segment place, or another pass through an open loop.
    again: bool


class Structure:
    """One set's tree of places."""

    def __init__(self, definition: SetType) -> None:
        self.set_id = definition.set_id
        self.places: list[Place] = []
        self._areas = [
            area for area, nodes in enumerate((definition.header, definition.detail, definition.summary)) for _ in nodes
        ]
        self._add(LoopNode("", True, 1, definition.nodes), parent=0, index=0, area=0)
        self._moves: list[dict[str, tuple[Move, ...]]] = [{} for _ in self.places]

    def _add(self, node: SegmentNode | LoopNode, parent: int, index: int, area: int) -> int:
        number = len(self.places)
        inside = self._areas if number == 0 else [area] * len(getattr(node, "children", ()))
        if isinstance(node, SegmentNode):
            self.places.append(Place(number, node.tag, "", node.mandatory, node.max, parent, (), index, area))
            return number
        self.places.append(Place(number, "", "", True, 1, parent))  # takes the number; filled in below
        children = tuple(self._add(child, number, at, inside[at]) for at, child in enumerate(node.children))
        tag = self.places[children[0]].tag if node.loop else ""
        self.places[number] = Place(number, tag, node.loop, node.mandatory, node.repeat, parent, children, index, area)
        return number

    def ahead(self, number: int) -> Iterator[Move]:
        """Every place that could follow the one just used, nearest first, whether or not a mandatory one is
        passed.

        From the root (nothing used yet) these are its children.
        """
        place = self.places[number]
        if number == 0:
            for child in place.children:
                yield Move(self.places[child], 0, False)
            return
        if not place.children:
            yield Move(place, 0, True)
        closed = 0
        while True:
            parent = self.places[place.parent]
            for child in parent.children[place.index + 1 :]:
                yield Move(self.places[child], closed, False)
            if parent.number == 0:
                return
            yield Move(parent, closed, True)
            place, closed = parent, closed + 1

    def moves(self, number: int, tag: str) -> tuple[Move, ...]:
        """The legal moves that take `tag` after the place just used, the first choice first.

        A later choice counts only where the first has reached its limit.
        """
        table = self._moves[number]
        found = table.get(tag)
        if found is None:
            found = table[tag] = tuple(self._legal_moves(number, tag))
        return found

    def _legal_moves(self, number: int, tag: str) -> Iterator[Move]:
        for move in self.ahead(number):
            if move.place.tag == tag:
                yield move
            if move.place.mandatory and not move.again:
                return

    def unmet(self, number: int) -> list[Place]:
        """The mandatory places that are still to come after the place just used."""
        return [move.place for move in self.ahead(number) if move.place.mandatory and not move.again]

    @cached_property
    def by_tag(self) -> Mapping[str, tuple[Place, ...]]:
        """Every place of each segment id, a loop's trigger segment under its own place."""
        found: dict[str, list[Place]] = {}
        for place in self.places[1:]:
            if not place.children:
                found.setdefault(place.tag, []).append(place)
        return {tag: tuple(places) for tag, places in found.items()}

    @cached_property
    def characters(self) -> Mapping[str, str]:
        """The character that stands for each segment id of the set."""
        return {tag: chr(_FIRST_CHARACTER + at) for at, tag in enumerate(sorted(self.by_tag))}

    @cached_property
    def pattern_is_exact(self) -> bool:
        """True when the pattern takes exactly the sets that the walk takes (see the module's docstring)."""
        return not any(
            move.place.tag == loop.tag and not move.again and not self._fails_alike(loop, move.place)
            for loop in self.places[1:]
            if any(self.places[child].mandatory for child in loop.children[1:])
            for move in self.ahead(loop.number)
        )

    def _fails_alike(self, loop: Place, other: Place) -> bool:
        """True when both ask for the same segment right after their trigger and for nothing else later on.

        Where the first then fails for want of it, so does the other.
        """
        if not other.children or len(other.children) < 2:
            return False
        ours = [self.places[child] for child in loop.children[1:]]
        theirs = self.places[other.children[1]]
        later = any(child.mandatory for child in ours[1:])
        return ours[0].mandatory and theirs.mandatory and ours[0].tag == theirs.tag and not later

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The possessive pattern of a whole set, over `characters`."""
        return re.compile("".join(map(self._place_pattern, self.places[0].children)))

    def _place_pattern(self, number: int) -> str:
        place = self.places[number]
        if place.children:
            body = "(?:" + "".join(map(self._place_pattern, place.children)) + ")"
        else:
            body = self.characters[place.tag]
        low = 1 if place.mandatory else 0
        if (low, place.most) == (1, 1):
            return body
        return f"{body}{{{low},{'' if place.most is None else place.most}}}+"

    def accepts(self, tags: Iterable[str]) -> bool:
        """True when the segments stand in a legal order, by walking the table."""
        walk = Walk(self)
        return all(map(walk.step, tags)) and not self.unmet(walk.number)

    def tree(self, segments: Iterable[Segment]) -> LoopInstance:
        """The segments in their loops; one without a place goes to the innermost loop that is open."""
        walk = Walk(self)
        step, loops = walk.step, walk.loops
        items: list[Segment | LoopInstance] = []
        outer: list[list[Segment | LoopInstance]] = []
        names: list[str] = []
        for segment in segments:
            if step(segment.tag) and (walk.closed or walk.opened):
                for _ in range(walk.closed):
                    instance = LoopInstance(names.pop(), tuple(items))
                    items = outer.pop()
                    items.append(instance)
                if walk.opened:
                    outer.append(items)
                    names.append(self.places[loops[-1]].loop)
                    items = []
            items.append(segment)
        while outer:
            instance = LoopInstance(names.pop(), tuple(items))
            items = outer.pop()
            items.append(instance)
        return LoopInstance("", tuple(items))


class Walk:
    """Where a walk through a set stands, and how often it has been there."""

    __slots__ = ("closed", "count", "loops", "number", "opened", "passes", "structure")

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        #: The place of the last segment; 0 before the first.
        self.number = 0
        #: How often in a row that place has been used.
        self.count = 0
        #: The open loops, outermost first, and the number of passes through each.
        self.loops: list[int] = []
        self.passes: list[int] = []
        #: Loops that the last step closed, and whether it opened one.
        self.closed = 0
        self.opened = False

    def step(self, tag: str) -> bool:
        """Take a segment at the first legal place; False, and no step, when there is none."""
        for move in self.structure.moves(self.number, tag):
            if not self.at_limit(move):
                self.take(move)
                return True
        return False

    def at_limit(self, move: Move) -> bool:
        """True when the move would use a place, or pass through a loop, once more than allowed."""
        most = move.place.most
        if not move.again or most is None:
            return False
        used = self.passes[len(self.passes) - 1 - move.closed] if move.place.children else self.count
        return used >= most

    def take(self, move: Move) -> None:
        """Make a move, legal or not."""
        place, closed = move.place, move.closed
        if move.again and not place.children:
            self.count += 1
            self.closed, self.opened = 0, False
            return
        if closed:
            del self.loops[-closed:], self.passes[-closed:]
        if place.children:
            if move.again:
                self.passes[-1] += 1
                closed += 1
            else:
                self.loops.append(place.number)
                self.passes.append(1)
            self.number, self.opened = place.children[0], True
        else:
            self.number, self.opened = place.number, False
        self.count, self.closed = 1, closed


@lru_cache(maxsize=128)
def structure(release: str, set_id: str) -> Structure:
    """The tree of a set; raises UnknownReleaseError and UnknownSetError."""
    return Structure(load_release(release).set_type(set_id))
