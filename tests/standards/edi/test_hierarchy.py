"""Hierarchical levels: numbers, parents, shapes and child flags."""

import pytest

from gateway.standards.edi.hierarchy import Level, check_hierarchy, check_levels


def problems(*levels, shape=""):
    made = [Level(at, *level.split("*")) for at, level in enumerate(levels)]
    return [(problem.code, problem.index, problem.element) for problem in check_levels(made, shape)]


def test_a_proper_tree_has_no_problems():
    assert problems("1**S*1", "2*1*O*1", "3*2*P*1", "4*3*I*0", "5*2*P*1", "6*5*I*0", shape="0001") == []


def test_a_number_given_twice_is_a_bad_code():
    assert problems("1**S*", "1*1*O*") == [("AK403-7", 1, 1)]


def test_only_the_first_level_stands_without_a_parent():
    assert problems("1**S*", "2**S*") == [("AK403-7", 1, 2)]


def test_a_parent_must_come_earlier():
    assert problems("1*9*S*") == [("AK403-7", 0, 2)]
    assert problems("1**S*", "2*3*O*", "3*1*O*") == [("AK403-7", 1, 2)]


def test_a_parent_that_was_left_is_closed():
    assert problems("1**S*", "2*1*O*", "3*1*O*", "4*2*I*") == [("AK403-7", 3, 2)]


def test_steps_other_than_one_are_a_remark():
    assert problems("1**S*", "3*1*O*") == [("RULE-hl-step", 1, 1)]


@pytest.mark.parametrize(
    ("levels", "element"), [(("1**S*0", "2*1*O*"), 0), (("1**S*1", "2*1*O*1"), 1), (("1**S*1",), 0)]
)
def test_the_child_flag_must_tell_the_truth(levels, element):
    assert problems(*levels) == [("RULE-hl-child", element, 4)]


@pytest.mark.parametrize(
    ("shape", "levels", "bad"),
    [
        ("0001", ("1**S*", "2*1*O*", "3*2*I*"), 2),
        ("0002", ("1**S*", "2*1*O*", "3*2*P*"), 2),
        ("0003", ("1**S*", "2*1*P*", "3*2*O*", "4*3*I*"), None),
        ("0004", ("1**S*", "2*1*O*", "3*2*P*"), 2),
        ("0001", ("1**O*",), 0),
        ("0001", ("1**S*", "2*1*O*", "3*2*T*", "4*3*P*", "5*4*I*"), None),
        ("0099", ("1**X*",), None),
    ],
)
def test_levels_stand_where_the_structure_code_foresees(shape, levels, bad):
    expected = [] if bad is None else [("RULE-hl-level", bad, 3)]
    assert problems(*levels, shape=shape) == expected


def test_the_structure_code_comes_from_bsn05():
    segments = [b"ST*856*1", b"BSN*00*1*20240101*1200*0001 ", b"HL*1**S", b"HL*2*1*I", b"SE"]
    assert [problem.code for problem in check_hierarchy(segments, b"*")] == ["RULE-hl-level"]
    assert list(check_hierarchy([b"BSN*00*1", b"HL*1**S", b"HL*2*1*I"], b"*")) == []
    assert [problem.element for problem in check_hierarchy([b"HL"], b"*")] == []
