"""Explanations: the words, the places and the severities of findings."""

import pytest

from gateway.standards.edi.explain import FINDINGS_LIMIT
from gateway.standards.edi.guide import Guide, Match, SegmentRule
from gateway.standards.edi.options import CodeList, ValidationOptions
from gateway.standards.edi.validator import validator
from tests.standards.edi.samples import SEPARATORS

GOOD = (
    "ST*850*0001~BEG*00*SA*A1**20240101~REF*DP*038~N1*ST*STORE~PO1*1*5*EA*9.95**UP*012345678905~"
    "PID*F****MUG~PO1*2*5*CA*1~CTT*2~SE*9*0001"
)


def explain(text, set_id="850", release="004010", **options):
    segments = [part.encode("latin-1") for part in text.split("~")]
    offsets, at = [], 200
    for segment in segments:
        offsets.append(at)
        at += len(segment) + 1
    check = validator(release, set_id, SEPARATORS[release], ValidationOptions(**options))
    findings = check.explain(segments, offsets)
    assert check.verdict(segments) == all(finding.severity == "note" for finding in findings)
    return findings


def one(text, **options):
    (finding,) = explain(text, **options)
    return finding


def test_a_good_set_has_nothing_to_explain():
    assert explain(GOOD) == []


def test_a_bad_code_is_told_with_line_element_name_value_and_advice():
    finding = one(GOOD.replace("5*CA", "5*ZQ"))
    assert finding.code == "AK403-7"
    assert finding.message == (
        'PO1 line 2, element PO103 (unit or basis for measurement code): "ZQ" is not a code of 004010.'
    )
    assert finding.fix == "Ask the partner, or add the code to their list."
    assert (finding.segment, finding.position, finding.element, finding.value) == ("PO1", 7, 3, "ZQ")
    assert finding.loop == "PO1"


def test_a_code_outside_the_partners_own_list_is_told_so():
    finding = one(GOOD, codes=(CodeList.of("PO103", only=["EA"]),))
    assert '"CA" is not a code that this partner may send in 004010.' in finding.message


def test_the_offset_is_that_of_the_element():
    text = GOOD.replace("5*CA", "5*ZQ")
    finding = one(text)
    assert text[finding.offset - 200 :].startswith("ZQ")


@pytest.mark.parametrize(
    ("value", "suggested"),
    [("ea", '"EA" (Each)'), ("0BX", '"BX" (Box)'), ("%", None), ("Q9", None)],
)
def test_the_code_that_was_meant_is_suggested(value, suggested):
    findings = explain(GOOD.replace("5*CA", f"5*{value}"))
    fix = findings[0].fix
    assert (f"Probably {suggested} was meant." in fix) if suggested else "Probably" not in fix


def test_a_name_instead_of_its_code_is_recognised():
    finding = one(GOOD.replace("5*CA", "5*Each"))
    assert finding.code == "AK403-5"
    assert 'Probably "EA" (Each) was meant.' in finding.fix
    assert 'Probably "CA" (Case)' in one(GOOD.replace("5*CA", "5*case")).fix


def test_a_likely_spelling_is_recognised():
    assert 'Probably "DP"' in one(GOOD.replace("REF*DP", "REF*0DP")).fix
    ours = {"codes": (CodeList.of("355", only=["EACH", "KQ"]),)}
    assert 'Probably "EACH"' in explain(GOOD.replace("5*CA", "5*EACHE"), **ours)[-1].fix
    assert 'Probably "KQ"' in explain(GOOD.replace("5*CA", "5*QK"), **ours)[-1].fix


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("PO1*2*5*CA*1", "PO1*2*5*CA*1.2.3", "AK403-6", "is not a decimal number"),
        ("PO1*2*5*CA*1", "PO1*2*5*CA*1**UP", "AK403-2", "PO106 and PO107 go together"),
        ("PO1*2*5*CA*1", "PO1*2*", "NOTE-trailing-separator", "ends in separators"),
        ("PO1*2*5*CA*1", "PO1*2**CA", "AK403-2", "with PO103 present, PO102 must be present too"),
        ("REF*DP*038", "REF*DP", "AK403-2", "at least one of REF02 and REF03 must be present"),
        ("REF*DP*038", "REF*DP*038**A>B>C>D>E>F>G", "AK403-3", "more than 6 components"),
        ("REF*DP*038", "REF*DP*038****X", "AK403-3", "one element too many: REF has 4 elements"),
        ("REF*DP*038", "REF*DP*\t", "AK403-6", 'holds the character "\\x09"'),
        ("REF*DP*038", "REF*DP*é", "AK403-6", 'holds the character "é"'),
        ("REF*DP*038", "REF*DP*038 ", "NOTE-trailing-space", "ends in blanks"),
        ("REF*DP*038", "REF*DP*038* ", "NOTE-blank-element", "counts as empty"),
        ("REF*DP*038", "REF*DP*038**PO>1>DP", "AK403-2", "component 3 and component 4 go together"),
        ("20240101", "20240230", "AK403-8", "is not a day that exists"),
        ("20240101", "2024", "AK403-4", "too short: a date of exactly 8 characters"),
        ("CTT*2", "CTT*1234567", "AK403-5", "too long: a whole number of 1 to 6 digits"),
        ("BEG*00", "BEG*", "AK403-1", "is mandatory but empty"),
        ("PID*F****MUG", "PID*F****" + "M" * 81, "AK403-5", "too long: text of 1 to 80 characters"),
    ],
)
def test_element_findings_in_words(old, new, code, words):
    findings = explain(GOOD.replace(old, new))
    found = [finding for finding in findings if finding.code == code]
    assert len(found) >= 1, findings
    assert words in found[0].message


@pytest.mark.parametrize(
    ("options", "new", "code", "words"),
    [
        ({"trailing_spaces": "reject"}, "REF*DP*038 ", "AK403-6", "ends in blanks, which"),
        ({"trailing_spaces": "reject"}, "REF*DP*038* ", "AK403-6", "holds only blanks"),
        ({"trailing_separators": "reject"}, "REF*DP*038*", "AK304-8", "ends in separators, which"),
        ({"charset": "utf-8"}, "REF*DP*\xff", "AK403-6", "byte 0xff"),
    ],
)
def test_findings_of_strict_partners_in_words(options, new, code, words):
    finding = one(GOOD.replace("REF*DP*038", new), **options)
    assert (finding.code, words in finding.message) == (code, True), finding


def test_repeats_and_components_are_told_from_005010_on():
    text = "ST*999*0001~AK1*PO*1~AK2*850*0001~IK3*PO1*3~CTX*{}~IK5*R~AK9*R*1*1*0~SE*8*0001"
    finding = one(text.format("^".join("ABCDEFGHIJK")), set_id="999", release="005010")
    assert (finding.code, "at most 10" in finding.message) == ("AK403-12", True)
    finding = one(text.format("A^B:C:D"), set_id="999", release="005010")
    assert (finding.code, "at most 2 components" in finding.message) == ("AK403-13", True)
    finding = one(text.format("A^" + "B" * 36), set_id="999", release="005010")
    assert (finding.component, finding.repeat) == (1, 2)
    assert "repetition 2" in finding.message
    finding = one(text.format("A*REF:X"), set_id="999", release="005010")
    assert "no components" in finding.message


def test_an_exclusion_in_words():
    text = GOOD.replace("PID*F****MUG", "PID*F****MUG~MEA*PD*G*1*EA****04").replace("SE*9", "SE*10")
    finding = one(text)
    assert (finding.code, finding.element) == ("AK403-10", 3)
    assert "at most one of MEA08 and MEA03 may be present" in finding.message
    assert "in PO1 line 1" in finding.message


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("~PID", "~ZZZ*1~PID", "AK304-1", "no segment of release 004010 has this id"),
        ("~PID", "~BIG*1~PID", "AK304-6", "is not used in set 850"),
        ("~PID", "~LE*1~PID", "AK304-2", "may not stand here"),
        ("~PO1*1", "~CUR*BY*USD~PO1*1", "AK304-7", "out of order in set 850"),
        ("BEG*00*SA*A1**20240101~", "", "AK304-3", "BEG (beginning segment for purchase order) is mandatory in set"),
        ("~CTT*2", "~CTT*2~CTT*2", "AK304-4", "loop CTT"),
        ("~REF", "~PER*BD~PER*BD~PER*BD~PER*BD~REF", "AK304-5", "at most 3 are allowed in set 850"),
    ],
)
def test_order_findings_in_words(old, new, code, words):
    text = GOOD.replace(old, new, 1)
    text = text.replace("SE*9", f"SE*{text.count('~') + 1}")
    found = [finding for finding in explain(text) if finding.code == code]
    assert len(found) == 1
    assert words in found[0].message
    assert found[0].fix


def test_a_segment_id_that_is_not_one_is_quoted():
    finding = explain(GOOD.replace("~PID", "~\x01\x02~PID").replace("SE*9", "SE*10"))[0]
    assert finding.message.startswith('"\\x01\\x02" (segment 6')
    (finding,) = explain(GOOD.replace("~PID", "~~PID").replace("SE*9", "SE*10"))
    assert "an empty segment" in finding.message


@pytest.mark.parametrize(
    ("old", "new", "code", "element"),
    [
        ("SE*9*0001", "SE*8*0001", "AK502-4", 1),
        ("SE*9*0001", "SE*X*0001", "AK502-4", 1),
        ("SE*9*0001", "SE*9*0002", "AK502-3", 2),
        ("SE*9*0001", "SE*9", "AK502-3", 2),
        ("~SE*9*0001", "", "AK502-2", None),
        ("ST*850*0001", "ST*85*0001", "AK502-6", 1),
        ("CTT*2", "CTT*3", "RULE-ctt-count", 1),
        ("CTT*2", "CTT*-2", "RULE-ctt-count", 1),
    ],
)
def test_what_a_set_says_about_itself_is_compared(old, new, code, element):
    finding = one(GOOD.replace(old, new))
    assert (finding.code, finding.severity, finding.element) == (code, "error", element)
    assert finding.message
    assert finding.fix


def test_a_control_number_that_is_missing_is_told_for_st_and_se():
    findings = explain(GOOD.replace("ST*850*0001", "ST*850"))
    assert [finding.code for finding in findings] == ["AK502-7", "AK502-3"]


def test_blanks_after_a_control_number_do_not_make_it_another():
    findings = explain(GOOD.replace("ST*850*0001", "ST*850*0001 "))
    assert [finding.code for finding in findings] == ["NOTE-trailing-space"]


def test_levels_are_explained():
    text = "ST*856*0001~BSN*00*A1*20240101*1200~HL*1**S~HL*2*7*O~CTT*2~SE*6*0001"
    finding = one(text, set_id="856")
    assert (finding.code, finding.segment, finding.element, finding.value) == ("AK403-7", "HL", 2, "7")
    assert "no earlier level has the number 7" in finding.message
    assert finding.message.startswith("HL line 2")
    assert text[finding.offset - 200 :].startswith("7*O")
    finding = one(text.replace("HL*2*7*O", "HL*2**O"), set_id="856")
    assert "is empty" in finding.message
    assert finding.value is None


def test_severities_are_taken_from_the_most_exact_option():
    text = GOOD.replace("5*CA", "5*ZQ")
    assert one(text, severities=(("AK403", "warning"),)).severity == "warning"
    assert one(text, severities=(("AK403-7", "note"), ("AK403", "warning"))).severity == "note"
    exact = (("AK403-7 PO103", "warning"), ("AK403-7", "note"))
    assert one(text, severities=exact).severity == "warning"
    assert one(text.replace("ZQ", "CA").replace("CTT*2", "CTT*3"), severities=(("RULE", "note"),)).severity == "note"


def test_values_are_clipped():
    finding = one(GOOD.replace("PID*F****MUG", "PID*F****" + "M" * 500))
    assert finding.value == "M" * 99


def test_a_guides_rules_are_part_of_both_tiers():
    guide = Guide("demo", (SegmentRule("department", match=Match("REF", ((1, frozenset({"IA"})),)), least=1),))
    finding = one(GOOD, guide=guide)
    assert (finding.code, finding.severity, finding.offset) == ("RULE-department", "error", 200)
    softened = one(GOOD, guide=guide, severities=(("RULE-department", "note"),))
    assert softened.severity == "note"
    assert explain(GOOD.replace("REF*DP", "REF*IA"), guide=guide) == []
    check = validator("004010", "850", SEPARATORS["004010"], ValidationOptions(guide=guide))
    assert check.explain([part.encode() for part in GOOD.split("~")])[0].offset is None


@pytest.mark.parametrize(("segment", "severity"), [("ZZZ*1", "error"), ("REF*D*1", "error"), ("REF*DP*1 ", "note")])
def test_a_flood_of_findings_is_cut_but_the_verdict_stands(segment, severity):
    text = GOOD.replace("~N1", f"~{segment}" * (FINDINGS_LIMIT + 50) + "~N1").replace(
        "SE*9", f"SE*{FINDINGS_LIMIT + 59}"
    )
    findings = explain(text)
    assert len([finding for finding in findings if finding.severity == severity]) <= FINDINGS_LIMIT + 1
    assert "NOTE-more-findings" in [finding.code for finding in findings]


def test_an_error_after_a_flood_of_notes_is_still_told():
    text = GOOD.replace("~N1", "~REF*DP*1 " * (FINDINGS_LIMIT + 50) + "~N1").replace("5*CA", "5*ZQ")
    text = text.replace("SE*9", f"SE*{FINDINGS_LIMIT + 59}")
    assert [finding.code for finding in explain(text) if finding.severity == "error"] == ["AK403-7"]


def test_a_flood_of_elements_is_one_finding():
    assert [finding.code for finding in explain(GOOD.replace("REF*DP*038", "REF*DP*038" + "*X" * 5000))].count(
        "AK403-3"
    ) == 1


@pytest.mark.volume
def test_a_deep_and_broken_tree_of_levels_takes_no_longer_than_a_flat_one():
    levels = [f"HL*{number}*{number - 1 or ''}*I".replace("*0*", "**") for number in range(1, 20_000)]
    text = "~".join(["ST*856*0001", "BSN*00*A1*20240101*1200", *levels, "SE*20002*0001"])
    assert all(finding.severity == "note" for finding in explain(text, set_id="856"))
