"""Order of segments: each mistake is told once, with its code and place, and does not breed others."""

import pytest

from gateway.standards.edi.order import examine_order
from gateway.standards.edi.schema import LoopNode, SegmentNode, SetType, load_release
from gateway.standards.edi.structure import Structure, structure

KNOWN = load_release("004010").segments
GOOD = "ST BEG REF DTM N1 N3 N4 PO1 PID PO1 PID CTT SE"


def problems(text, set_id="850"):
    report = examine_order(structure("004010", set_id), text.split(), KNOWN)
    return [(problem.code, problem.index + 1, problem.tag) for problem in report.problems]


CASES = [
    (GOOD, []),
    ("ST BEG REF DTM N1 N3 N4 ZZZ PO1 CTT SE", [("AK304-1", 8, "ZZZ")]),
    ("ST BEG REF BIG PO1 CTT SE", [("AK304-6", 4, "BIG")]),
    ("ST BEG N1 DTM PO1 CTT SE", [("AK304-7", 4, "DTM")]),
    ("ST BEG PO1 CTT BEG SE", [("AK304-2", 5, "BEG")]),
    ("ST BEG REF BEG PO1 SE", [("AK304-5", 4, "BEG")]),
    ("ST BEG N3 PO1 CTT SE", [("AK304-2", 3, "N3")]),
    ("ST BEG CTT SE", [("AK304-3", 3, "PO1")]),
    ("ST BEG SE", [("AK304-3", 3, "PO1")]),
    ("ST PO1 SE", [("AK304-3", 2, "BEG")]),
    ("ST REF BEG PO1 SE", [("AK304-3", 2, "BEG"), ("AK304-7", 3, "BEG")]),
    ("ST BEG BEG PO1 SE", [("AK304-5", 3, "BEG")]),
    ("ST BEG PER PER PER PER PO1 SE", [("AK304-5", 6, "PER")]),
    ("ST BEG PO1 CTT CTT SE", [("AK304-4", 5, "CTT")]),
    ("ST BEG PO1 LDT PO1 SE", [("AK304-2", 4, "LDT")]),
    ("ST BEG PO1 LS LDT PO1 SE", [("AK304-3", 6, "LE")]),
    ("ST BEG", [("AK304-3", 2, "PO1")]),
    ("ST BEG PO1", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_each_mistake_is_told_once(text, expected):
    assert problems(text) == expected


def test_a_loop_in_the_wrong_place_is_followed_inside():
    assert problems("ST BEG SPI N1 N3 N1 ADV N9 MSG MSG PO1 CTT SE") == [("AK304-7", 8, "N9")]


def test_after_a_detour_the_walk_goes_on_from_where_it_was():
    assert problems("ST BEG N1 N3 N9 MSG N4 REF PO1 SE") == [("AK304-7", 5, "N9")]


def test_one_detour_may_follow_another():
    found = problems("ST BEG ADV N1 N3 N9 MSG PO1 SE")
    assert found == [("AK304-7", 4, "N1"), ("AK304-7", 6, "N9")]


def test_a_loop_that_belongs_elsewhere_does_not_make_its_segments_mistakes():
    assert problems("ST BEG PO1 FA1 FA2 FA2 CTT SE") == [("AK304-2", 4, "FA1")]


def test_when_a_mandatory_loop_lacks_its_trigger_only_that_is_told():
    found = problems("ST BIG SE TDS SE".replace(" SE TDS", " TDS"), "810")
    assert found == []
    assert problems("ST BSN LIN SN1 CTT SE", "856") == [("AK304-3", 3, "HL")]


def test_too_many_passes_are_told_for_each_pass():
    text = "ST BEG " + "SAC " * 27 + "PO1 SE"
    assert problems(text) == [("AK304-4", 28, "SAC"), ("AK304-4", 29, "SAC")]


def test_an_earlier_loop_that_is_used_up_is_too_often():
    nodes = (
        SegmentNode("ST", True, 1),
        LoopNode("N1", False, 1, (SegmentNode("N1", True, 1), SegmentNode("N3", False, 1))),
        SegmentNode("REF", False, 1),
        SegmentNode("SE", True, 1),
    )
    small = Structure(SetType("999", "", "", nodes, (), ()))
    report = examine_order(small, ["ST", "N1", "N3", "REF", "N1", "N3", "SE"], KNOWN)
    assert [(problem.code, problem.tag) for problem in report.problems] == [("AK304-4", "N1")]
    assert report.loops == ("", "N1", "N1", "", "N1", "N1", "")


def ambiguous():
    """A loop whose pass may be given back, and whose trigger a later place could take."""
    nodes = (
        SegmentNode("ST", True, 1),
        LoopNode("N1", False, None, (SegmentNode("N1", True, 1), SegmentNode("N3", True, 1))),
        SegmentNode("N1", False, 1),
        SegmentNode("SE", True, 1),
    )
    return Structure(SetType("999", "", "", nodes, (), ()))


def test_a_set_whose_pattern_would_take_more_than_the_walk_is_known():
    small = ambiguous()
    assert not small.pattern_is_exact
    tags = ["ST", "N1", "SE"]
    assert small.pattern.fullmatch("".join(small.characters[tag] for tag in tags))
    assert not small.accepts(tags)
    assert small.accepts(["ST", "N1", "N3", "N1", "N3", "SE"])


def test_all_sets_but_one_use_their_pattern():
    inexact = [
        (release, set_id)
        for release in ("004010", "005010")
        for set_id in load_release(release).sets
        if not structure(release, set_id).pattern_is_exact
    ]
    assert inexact == [("005010", "832")]


def test_a_set_that_stops_early_is_not_accepted_by_the_walk():
    assert not structure("004010", "850").accepts(["ST", "BEG", "PO1"])


def test_from_the_root_the_first_places_lie_ahead():
    moves = list(structure("004010", "850").ahead(0))
    assert [move.place.tag for move in moves][:2] == ["ST", "BEG"]
