"""Single segments: the careful check's codes and places, and its agreement with the pattern."""

import random

import pytest

from gateway.standards.edi.model import Separators
from gateway.standards.edi.options import CodeList, ValidationOptions
from gateway.standards.edi.schema import load_release
from gateway.standards.edi.segments import SegmentTable, segment_table
from tests.standards.edi.samples import SEPARATORS, segment_for, spoil


def codes(raw, release="004010", **options):
    table = segment_table(release, SEPARATORS[release], ValidationOptions(**options))
    tag = raw.partition(b"*")[0].decode()
    return [
        (problem.code, problem.element, problem.component, problem.repeat)
        for problem in table.check(raw, table.rules(tag))
    ]


def only(code, element=None, component=None, repeat=None):
    return [(code, element, component, repeat)]


CASES = [
    (b"REF*DP*038", []),
    (b"REF**038", only("AK403-1", 1)),
    (b"REF*DP", only("AK403-2", 2)),
    (b"REF*DP*038***", only("NOTE-trailing-separator")),
    (b"REF*DP*038***X", only("AK403-3", 5)),
    (b"REF*D*038", only("AK403-4", 1)),
    (b"REF*DP*" + b"X" * 31, only("AK403-5", 2)),
    (b"REF*DP*A\x01", only("AK403-6", 2)),
    (b"REF*QQQ*038", only("AK403-7", 1)),
    (b"REF*DP*038 ", only("NOTE-trailing-space", 2)),
    (b"REF*DP*   ", [("AK403-2", 2, None, None), ("NOTE-blank-element", 2, None, None)]),
    (b"REF* *038", [("AK403-1", 1, None, None), ("NOTE-blank-element", 1, None, None)]),
    (b"REF*DP*038**IA>77", []),
    (b"REF*DP*038**IA", only("AK403-1", 4, 2)),
    (b"REF*DP*038**>77", only("AK403-1", 4, 1)),
    (b"REF*DP*038**IA>77>DP", only("AK403-2", 4, 4)),
    (b"REF*DP*038**IA>77>", only("NOTE-trailing-separator", 4)),
    (b"REF*DP*038**>>", only("NOTE-blank-element", 4)),
    (b"REF*DP*038**IA>77>DP>1>PD>2>X", only("AK403-3", 4)),
    (b"REF*DP*038**IA> ", [("NOTE-blank-element", 4, 2, None), ("AK403-1", 4, 2, None)]),
    (b"REF*DP*0>8", only("AK403-6", 2)),
    (b"BEG*00*SA*1**20230229", only("AK403-8", 5)),
    (b"G62*10*20240101*1*2561", only("AK403-9", 4)),
    (b"PO1*1*5", []),
    (b"PO1*1**EA", only("AK403-2", 2)),
    (b"PO1*1*5*EA*1**UP", only("AK403-2", 7)),
    (b"PO1*1*5*EA*1***123", only("AK403-2", 6)),
    (b"MEA*PD*G*1*EA**", only("NOTE-trailing-separator")),
    (b"LE", only("AK403-1", 1)),
    (b"PO4", []),
]


@pytest.mark.parametrize(("raw", "expected"), CASES, ids=lambda value: repr(value)[:40])
def test_each_mistake_has_its_code_and_place(raw, expected):
    assert sorted(codes(raw), key=str) == sorted(expected, key=str)


def test_an_exclusion_names_the_second_value_of_the_note():
    assert "E0803" in [note.text for note in load_release("004010").segments["MEA"].notes]
    assert codes(b"MEA*PD*G*1*EA****04") == only("AK403-10", 3)


def test_repetitions_are_counted_and_placed():
    assert codes(b"CTX*A^B^C", "005010") == []
    assert codes(b"CTX*A^" + b"B" * 99, "005010") == only("AK403-5", 1, 1, 2)
    assert codes(b"CTX*" + b"^".join([b"A"] * 11), "005010") == only("AK403-12", 1)
    assert codes(b"REF*DP*A^B", "005010") == only("AK403-12", 2)
    assert codes(b"CTX*A^", "005010") == only("NOTE-trailing-separator", 1, None, 2)


def test_a_release_without_repeats_calls_a_repetition_a_bad_character():
    table = SegmentTable("004010", Separators("*", ">", "~", "^"), ValidationOptions())
    assert [p.code for p in table.check(b"REF*DP*A^B", table.rules("REF"))] == ["AK403-6"]


def test_components_in_a_simple_element_are_too_many_from_005010_on():
    assert codes(b"REF*DP*A:B", "005010") == only("AK403-13", 2)
    assert codes(b"REF*DP*1**IA:77:DP:1:PD:2:X", "005010") == only("AK403-13", 4)


def test_separators_at_the_end_can_be_refused():
    refuse = {"trailing_separators": "reject"}
    assert codes(b"REF*DP*038*", **refuse) == only("AK304-8")
    assert codes(b"REF*DP*038**IA>77>", **refuse) == only("AK304-8", 4)
    assert codes(b"REF*DP*038**>", **refuse)[-1] == ("AK304-8", 4, None, None)
    assert codes(b"REF*DP*038", **refuse) == []


def test_blanks_at_the_end_can_be_refused():
    refuse = {"trailing_spaces": "reject"}
    assert codes(b"REF*DP*038 ", **refuse) == only("AK403-6", 2)
    assert codes(b"REF*DP* ", **refuse) == only("AK403-6", 2)
    assert codes(b"REF*DP*038**IA> ", **refuse) == [("AK403-6", 4, 2, None), ("AK403-1", 4, 2, None)]


def test_a_partners_codes_widen_and_narrow_the_list():
    wide = {"codes": (CodeList.of("355", add=["EACH"]),)}
    assert codes(b"PO1*1*5*EACH", **wide) == []
    assert codes(b"PO1*1*5*CA", **wide) == []
    narrow = {"codes": (CodeList.of("PO103", only=["EA"]),)}
    assert codes(b"PO1*1*5*CA", **narrow) == only("AK403-7", 3)
    assert codes(b"PO1*1*5*EA", **narrow) == []


def test_the_more_exact_code_list_wins():
    both = {"codes": (CodeList.of("355", only=["CA"]), CodeList.of("PO103", only=["EA"]))}
    assert codes(b"PO1*1*5*EA", **both) == []
    component = {"codes": (CodeList.of("REF04-1", only=["ZZ"]),)}
    assert codes(b"REF*DP*1**IA>7", **component) == only("AK403-7", 4, 1)


def test_a_code_that_holds_a_separator_is_never_taken():
    options = {"codes": (CodeList.of("PO103", only=["EA", "E*A"]),)}
    table = segment_table("004010", SEPARATORS["004010"], ValidationOptions(**options))
    assert not table.match("PO1")(b"PO1*1*5*E*A")


def test_every_problem_carries_its_byte_offset():
    table = segment_table("004010", SEPARATORS["004010"], ValidationOptions())
    raw = b"REF*DP*038**IA>77>QQQ>1"
    (problem,) = table.check(raw, table.rules("REF"))
    assert raw[problem.at :].startswith(b"QQQ")


def test_an_unknown_segment_has_no_rules():
    assert segment_table("004010", SEPARATORS["004010"], ValidationOptions()).rules("ZZZ") is None


OPTIONS = [
    ValidationOptions(),
    ValidationOptions(trailing_separators="reject", trailing_spaces="reject"),
    ValidationOptions(severities=(("AK403-7", "note"),), integer_point="accept", charset="latin-1"),
    ValidationOptions(severities=(("NOTE-trailing-separator", "error"),), charset="utf-8"),
]


@pytest.mark.parametrize("release", ["004010", "005010"])
@pytest.mark.parametrize("chunk", range(8))
def test_pattern_and_check_agree_on_every_segment_of_the_release(release, chunk):
    dice = random.Random(chunk)
    tags = sorted(load_release(release).segments)[chunk::8]
    for tag in tags:
        if tag in ("ISA", "TA1"):
            continue
        table = segment_table(release, SEPARATORS[release], dice.choice(OPTIONS))
        rules, match = table.rules(tag), table.match(tag)
        for turn in range(12):
            raw = segment_for(dice, release, tag, density=dice.choice([0.1, 0.5, 0.9]))
            if turn:
                raw = spoil(dice, [raw])[0]
            if raw.partition(b"*")[0].decode("latin-1") != tag:
                continue
            problems = table.check(raw, rules)
            weighty = [problem for problem in problems if table.weighty(tag, problem)]
            if match(raw):
                assert not weighty, (raw, weighty)
            elif raw.isascii():
                assert problems, raw


def test_samples_of_every_segment_are_valid():
    dice = random.Random(7)
    for release in ("004010", "005010"):
        table = segment_table(release, SEPARATORS[release], ValidationOptions())
        for tag in load_release(release).segments:
            raw = segment_for(dice, release, tag, density=0.5)
            assert table.check(raw, table.rules(tag)) == [], raw
