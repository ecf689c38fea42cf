"""The law of the two tiers: the verdict is good exactly when the explanation finds nothing above a note."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.standards.edi import validator as validator_module
from gateway.standards.edi.model import LoopInstance, Segment, Separators
from gateway.standards.edi.options import CodeList, ValidationOptions
from gateway.standards.edi.schema import UnknownReleaseError, UnknownSetError, load_release
from gateway.standards.edi.validator import SetValidator, parse_segment, validator
from tests.standards.edi.samples import SEPARATORS, set_for, spoil

ALL_SETS = [
    pytest.param(release, set_id, id=f"{set_id}-{release}")
    for release in ("004010", "005010")
    for set_id in load_release(release).sets
]
OPTIONS = [
    ValidationOptions(),
    ValidationOptions(trailing_separators="reject", trailing_spaces="reject", charset="basic"),
    ValidationOptions(severities=(("AK403-7", "note"), ("AK304-2", "note"), ("AK502", "warning"))),
    ValidationOptions(severities=(("AK403", "note"), ("RULE-hl-step", "error"), ("AK304", "note"))),
    ValidationOptions(codes=(CodeList.of("355", only=["EA"], add=["EACH"]),), charset="utf-8"),
]


@pytest.fixture(params=["patterns at once", "patterns late"])
def pattern_moment(request, monkeypatch):
    """Both ways of judging segments: with compiled patterns from the start, and without."""
    if request.param == "patterns at once":
        monkeypatch.setattr(validator_module, "PATTERN_AFTER", 0)


def agree(check: SetValidator, segments):
    findings = check.explain(segments, list(range(0, 1000 * len(segments), 1000)))
    good = all(finding.severity == "note" for finding in findings)
    assert check.verdict(segments) == good, (segments, findings)
    return good


@pytest.mark.parametrize(("release", "set_id"), ALL_SETS)
def test_a_set_made_from_the_tables_is_good(release, set_id, pattern_moment):
    dice = random.Random(f"{release}{set_id}")
    check = SetValidator(validator(release, set_id, SEPARATORS[release]).rules)
    for _ in range(2):
        segments = set_for(dice, release, set_id)
        assert check.explain(segments) == [] or all(
            finding.severity == "note" for finding in check.explain(segments)
        ), (segments, check.explain(segments))
        assert check.verdict(segments)


@pytest.mark.parametrize(("release", "set_id"), ALL_SETS)
def test_verdict_and_explanation_agree_on_spoilt_sets(release, set_id):
    dice = random.Random(f"spoil{release}{set_id}")
    bad = 0
    for options in OPTIONS:
        check = SetValidator(validator(release, set_id, SEPARATORS[release], options).rules)
        for _ in range(6):
            segments = set_for(dice, release, set_id)
            for _ in range(dice.choice([1, 1, 2, 5])):
                segments = spoil(dice, segments)
            bad += not agree(check, segments)
    assert bad > 5


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**9),
    st.sampled_from(["850", "855", "856", "810", "997"]),
    st.sampled_from(["004010", "005010"]),
    st.sampled_from(OPTIONS),
)
def test_verdict_and_explanation_agree_with_compiled_patterns(seed, set_id, release, options):
    dice = random.Random(seed)
    rules = validator(release, set_id, SEPARATORS[release], options).rules
    check = SetValidator(rules)
    for judge in check._judges.values():
        judge.accepts = rules.table.match(judge.tag)
    segments = spoil(dice, set_for(dice, release, set_id))
    agree(check, segments)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=12))
def test_no_bytes_make_the_validator_raise(segments):
    check = validator("004010", "850", SEPARATORS["004010"])
    assert check.verdict(segments) is False or not segments
    findings = check.explain(segments, list(range(len(segments))))
    assert not segments or findings
    check.tree([parse_segment(raw, SEPARATORS["004010"]) for raw in segments])


def test_an_empty_set_is_not_good():
    check = validator("004010", "850", SEPARATORS["004010"])
    assert check.verdict([]) is False
    assert check.explain([]) == []


def test_equal_arguments_share_a_validator_and_the_line_end_does_not_matter():
    one = validator("004010", "850", Separators("*", ">", "~"))
    other = validator("004010", "850", Separators("*", ">", "~", suffix="\r\n"), ValidationOptions())
    assert one is other


def test_an_unknown_set_or_release_says_what_is_known():
    with pytest.raises(UnknownSetError, match="850"):
        validator("004010", "999", SEPARATORS["004010"])
    with pytest.raises(UnknownReleaseError, match="004010"):
        validator("003040", "850", SEPARATORS["004010"])


@pytest.mark.parametrize("separators", [Separators("|", "^", "\n"), Separators("\x1d", "\x1f", "\x1c", "\x1e")])
def test_any_separators_serve(separators):
    mark = separators.element
    text = "ST*850*0001~BEG*00*SA*A1**20240101~PO1*1*5*EA~CTT*1~SE*5*0001".replace("*", mark)
    segments = [part.encode() for part in text.split("~")]
    check = validator("004010", "850", separators)
    assert check.verdict(segments)
    assert check.explain(segments) == []


def test_a_memo_that_is_full_changes_no_answer(monkeypatch):
    monkeypatch.setattr(validator_module, "_MEMO_LIMIT", 2)
    check = SetValidator(validator("004010", "850", SEPARATORS["004010"]).rules)
    dice = random.Random(3)
    for _ in range(20):
        agree(check, spoil(dice, set_for(dice, "004010", "850")))


def test_what_the_pattern_refuses_gets_a_second_look():
    check = SetValidator(validator("004010", "850", SEPARATORS["004010"]).rules)
    for judge in check._judges.values():
        judge.accepts = check.rules.table.match(judge.tag)
    segments = b"ST*850*0001~BEG*00*SA*A1 **20240101~PO1*1*5*EA~CTT*1~SE*5*0001".split(b"~")
    assert check.verdict(segments)
    assert check.verdict(segments)


def walk(instance, depth=0):
    for item in instance.items:
        if isinstance(item, Segment):
            yield depth, instance.loop, item
        else:
            yield from walk(item, depth + 1)


@pytest.mark.parametrize(("release", "set_id"), ALL_SETS)
def test_the_tree_keeps_every_segment_in_order(release, set_id):
    dice = random.Random(f"tree{release}{set_id}")
    separators = SEPARATORS[release]
    check = validator(release, set_id, separators)
    for spoilt in (False, True):
        raws = set_for(dice, release, set_id)
        raws = spoil(dice, raws) if spoilt else raws
        segments = [parse_segment(raw, separators, position=at) for at, raw in enumerate(raws, 1)]
        root = check.tree(segments)
        assert [segment for _, _, segment in walk(root)] == segments
        if not spoilt:
            assert root.items[0].tag == "ST"
            assert root.items[-1].tag == "SE"


def test_the_tree_takes_the_innermost_loop_first():
    text = (
        "ST*850*0001~BEG*00*SA*A1**20240101~REF*DP*1~N1*ST*X~REF*IA*2~PO1*1*5*EA~PID*F****A~"
        "N1*ST*Y~N3*STREET~PO1*2*5*EA~CTT*2~AMT*TT*5~SE*13*0001"
    )
    segments = [parse_segment(part.encode(), SEPARATORS["004010"]) for part in text.split("~")]
    root = validator("004010", "850", SEPARATORS["004010"]).tree(segments)
    shape = [item.tag if isinstance(item, Segment) else item.loop for item in root.items]
    assert shape == ["ST", "BEG", "REF", "N1", "PO1", "PO1", "CTT", "SE"]
    assert [item.tag for item in root.items[3].items] == ["N1", "REF"]
    line = root.items[4]
    assert [item.tag if isinstance(item, Segment) else item.loop for item in line.items] == [
        "PO1",
        "PID",
        "N1",
    ]
    assert [item.tag for item in line.items[2].items] == ["N1", "N3"]


def test_a_segment_without_a_place_stays_in_the_open_loop():
    text = "ST*850*0001~BEG*00*SA*A1**20240101~N1*ST*X~ZZZ*1~N3*Y~PO1*1*5*EA~SE*7*0001"
    segments = [parse_segment(part.encode(), SEPARATORS["004010"]) for part in text.split("~")]
    root = validator("004010", "850", SEPARATORS["004010"]).tree(segments)
    party = root.items[2]
    assert isinstance(party, LoopInstance)
    assert [item.tag for item in party.items] == ["N1", "ZZZ", "N3"]


def test_levels_stay_siblings_in_the_tree():
    text = "ST*856*0001~BSN*00*1*20240101*1200~HL*1**S~HL*2*1*O~HL*3*2*I~CTT*3~SE*7*0001"
    segments = [parse_segment(part.encode(), SEPARATORS["004010"]) for part in text.split("~")]
    root = validator("004010", "856", SEPARATORS["004010"]).tree(segments)
    assert [getattr(item, "loop", "") for item in root.items] == ["", "", "HL", "HL", "HL", "", ""]
