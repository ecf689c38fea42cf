"""Syntax notes: the pattern's conditionals and the careful check agree on every combination."""

import re
from itertools import chain, combinations

import pytest

from gateway.standards.edi.notes import broken_notes, group_name, note_pattern
from gateway.standards.edi.schema import SyntaxNote

POSITIONS = (1, 2, 3, 4)
COMBINATIONS = list(chain.from_iterable(combinations(POSITIONS, size) for size in range(5)))
NOTES = [SyntaxNote(kind, positions) for kind in "PRECL" for positions in ((1, 2), (1, 2, 3), (4, 2, 1, 3))]
BLAMED = {
    ("P", (1, 2), (1,)): [2],
    ("P", (1, 2, 3), (2,)): [1, 3],
    ("R", (1, 2), ()): [1],
    ("E", (1, 2, 3), (1, 2, 3)): [2, 3],
    ("C", (1, 2, 3), (1, 3)): [2],
    ("L", (1, 2, 3), (1,)): [2],
}


#: Four elements that may be there or not, each in its group.
ELEMENTS = b"".join(b"(?P<%s>x)?," % group_name(position).encode() for position in POSITIONS)


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.text)
def test_pattern_and_check_agree_on_every_combination(note):
    pattern = re.compile(ELEMENTS + note_pattern(note))
    for present in COMBINATIONS:
        raw = b"".join(b"x," if position in present else b"," for position in POSITIONS)
        good = not list(broken_notes([note], set(present)))
        assert bool(pattern.fullmatch(raw)) == good, (note.text, present)


@pytest.mark.parametrize(("kind", "positions", "present"), BLAMED)
def test_the_missing_or_surplus_positions_are_blamed(kind, positions, present):
    found = [position for _, _, position in broken_notes([SyntaxNote(kind, positions)], set(present))]
    assert found == BLAMED[kind, positions, present]


def test_an_exclusion_has_its_own_code():
    ((_, code, _),) = broken_notes([SyntaxNote("E", (1, 2))], {1, 2})
    assert code == "AK403-10"
    ((_, code, _),) = broken_notes([SyntaxNote("P", (1, 2))], {1})
    assert code == "AK403-2"
