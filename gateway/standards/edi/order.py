"""Why the segments of a set do not stand in a legal order, without one mistake being told as many.

The walk of `structure` goes on after each mistake: what is used too often is taken all the same, what is
missing is passed over, a segment that has no place here leaves the walk where it is. A loop that begins in
the wrong place is followed inside as a detour, so that its segments are not reported as well, and the walk
then goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.standards.edi.structure import Move, Place, Structure, Walk

__all__ = ["OrderProblem", "OrderReport", "examine_order"]

UNKNOWN = "AK304-1"
UNEXPECTED = "AK304-2"
MISSING = "AK304-3"
LOOP_TOO_OFTEN = "AK304-4"
SEGMENT_TOO_OFTEN = "AK304-5"
NOT_IN_SET = "AK304-6"
OUT_OF_ORDER = "AK304-7"


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """One mistake in the order of segments."""

    #: AK304-1 to AK304-7.
    code: str
    #: Index of the segment where it was noticed, ST = 0.
    index: int
    #: Segment id: the one found, or the one missing.
    tag: str
    #: Loop in which the mistake was noticed; "" for the set itself.
    loop: str
    #: The place that is missing or used too often; None otherwise.
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The mistakes, and the loop in which each segment was found."""

    problems: tuple[OrderProblem, ...]
    loops: tuple[str, ...]


def examine_order(structure: Structure, tags: Sequence[str], known: Collection[str]) -> OrderReport:
    """Walk a whole set; `known` are the segment ids of the release."""
    examination = _Examination(structure, known)
    for index, tag in enumerate(tags):
        examination.next(index, tag)
    examination.finish(len(tags))
    return OrderReport(tuple(examination.problems), tuple(examination.loops))


class _Examination:
    """The state of one walk with its detour."""

    def __init__(self, structure: Structure, known: Collection[str]) -> None:
        self.structure = structure
        self.known = known
        self.walk = Walk(structure)
        #: Where to go on after the detour in which the walk is.
        self.resume: Walk | None = None
        #: Depth of the loop that the detour entered.
        self.depth = 0
        #: How often each place was used in the current pass of its loop.
        self.used: dict[int, int] = {}
        self.problems: list[OrderProblem] = []
        self.loops: list[str] = []

    def next(self, index: int, tag: str) -> None:
        """Take one segment, noting what is wrong with it."""
        if not self._step(tag):
            self._recover(index, tag)
        self.loops.append(self._loop())

    def finish(self, count: int) -> None:
        """Note the mandatory places that never came; the trailer is not counted among them."""
        self._end_detour()
        for place in self.structure.unmet(self.walk.number):
            if place.tag != "SE":
                self._note(MISSING, count - 1, place.tag, place)

    def _loop(self) -> str:
        return self.structure.places[self.walk.loops[-1]].loop if self.walk.loops else ""

    def _note(self, code: str, index: int, tag: str, place: Place | None = None) -> None:
        self.problems.append(OrderProblem(code, index, tag, self._loop(), place))

    def _step(self, tag: str) -> bool:
        """A legal step; one that would leave the detour's loop is made from where the detour began."""
        for move in self.structure.moves(self.walk.number, tag):
            if self.resume is not None and self._leaves(move):
                break
            if not self.walk.at_limit(move):
                self._take(move)
                return True
        if self.resume is None:
            return False
        self._end_detour()
        return self._step(tag)

    def _leaves(self, move: Move) -> bool:
        remaining = len(self.walk.loops) - move.closed
        return remaining < self.depth or (remaining == self.depth and move.again and bool(move.place.children))

    def _take(self, move: Move) -> None:
        self.walk.take(move)
        if move.place.children:
            for child in move.place.children:
                self.used.pop(child, None)
            self._count(move.place.number)
        self._count(self.walk.number)

    def _count(self, number: int) -> None:
        self.used[number] = self.used.get(number, 0) + 1

    def _end_detour(self) -> None:
        if self.resume is not None:
            self.walk, self.resume = self.resume, None

    def _recover(self, index: int, tag: str) -> None:
        if tag not in self.structure.by_tag:
            self._note(NOT_IN_SET if tag in self.known else UNKNOWN, index, tag)
            return
        for remedy in (self._too_often, self._pass_over, self._earlier, self._supply_trigger):
            if remedy(index, tag):
                return
        self._note(UNEXPECTED, index, tag)
        self._enter_anywhere(tag)

    def _too_often(self, index: int, tag: str) -> bool:
        """The same place, or another pass of an open loop, beyond its limit: note it and take it."""
        full = [move for move in self.structure.moves(self.walk.number, tag) if self.walk.at_limit(move)]
        if not full:
            return False
        # A trigger at its limit of one is also a loop at its limit, which says more.
        move = next((move for move in full if move.place.children), full[0])
        code = LOOP_TOO_OFTEN if move.place.children else SEGMENT_TOO_OFTEN
        self._note(code, index, tag, move.place)
        self._take(move)
        return True

    def _pass_over(self, index: int, tag: str) -> bool:
        """A later place behind mandatory ones that are missing: note these and go there."""
        missing: list[Place] = []
        for move in self.structure.ahead(self.walk.number):
            if move.place.tag == tag and not self.walk.at_limit(move):
                self._note_missing(index, missing)
                self._take(move)
                return True
            if move.place.mandatory and not move.again:
                missing.append(move.place)
        return False

    def _supply_trigger(self, index: int, tag: str) -> bool:
        """A place inside a mandatory loop whose trigger is missing: note that and go inside."""
        missing: list[Place] = []
        for move in self.structure.ahead(self.walk.number):
            if not move.place.mandatory or move.again:
                continue
            missing.append(move.place)
            for child in move.place.children[1:]:
                place = self.structure.places[child]
                if place.tag == tag:
                    self._note_missing(index, missing)
                    self._take(move)
                    self._take(Move(place, 0, again=False))
                    return True
        return False

    def _note_missing(self, index: int, missing: list[Place]) -> None:
        for place in missing:
            self._note(MISSING, index, place.tag, place)

    def _earlier(self, index: int, tag: str) -> bool:
        """A place of this area, in an open loop, that was already passed."""
        levels = [0, *self.walk.loops]
        area = self.structure.places[self.walk.number].area
        for closed, loop in enumerate(reversed(levels)):
            for child in self.structure.places[loop].children:
                place = self.structure.places[child]
                if place.tag != tag or place.area != area:
                    continue
                spent = place.most is not None and self.used.get(child, 0) >= place.most
                too_often = LOOP_TOO_OFTEN if place.children else SEGMENT_TOO_OFTEN
                self._note(too_often if spent else OUT_OF_ORDER, index, tag, place)
                self._count(child)
                if place.children:
                    self._begin_detour(place, len(levels) - 1 - closed)
                return True
        return False

    def _enter_anywhere(self, tag: str) -> None:
        """Follow a loop that this segment begins in some other part of the set."""
        for place in self.structure.places[1:]:
            if place.children and place.tag == tag:
                self._begin_detour(place, len(self.walk.loops))
                return

    def _begin_detour(self, loop: Place, level: int) -> None:
        resume = self.resume or self.walk
        detour = Walk(self.structure)
        detour.loops = [*self.walk.loops[:level], loop.number]
        detour.passes = [*self.walk.passes[:level], 1]
        detour.number, detour.count = loop.children[0], 1
        self.walk, self.resume, self.depth = detour, resume, len(detour.loops)
