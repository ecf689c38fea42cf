"""Checking: the verdict of every level, and the codes behind it."""

import pytest

from gateway.standards.edi.model import LoopInstance
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.schema import known_releases, load_release
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.checked import combine
from gateway.standards.x12.codes import FUNCTIONAL_GROUPS, NUMBER_ELEMENTS, TA105_LETTER, ta105_severity
from tests.standards.x12.x12_samples import ORDER_BODY, codes, group, interchange, isa, order

BAD_UNIT = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
FA_BODY = ("AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1")


def check_one(data, options=None, **more):
    checked = check_transmission(data, options, **more)
    (only,) = checked.interchanges
    return only


def set_codes(checked):
    return [codes(each.findings) for group_ in checked.groups for each in group_.sets]


def test_a_right_order_is_accepted_at_every_level():
    checked = check_transmission(interchange(group(order())))
    assert checked.verdict == "accepted"
    assert checked.interchanges[0].verdict == "accepted"
    assert checked.interchanges[0].groups[0].verdict == "accepted"
    (only,) = checked.interchanges[0].groups[0].sets
    assert (only.verdict, only.release, only.accepted, only.number) == ("accepted", "004010", True, "4711")


def test_one_bad_set_among_good_ones_makes_the_group_partially_accepted():
    checked = check_one(interchange(group(order("0001"), order("0002", BAD_UNIT), order("0003"))))
    assert [each.verdict for each in checked.groups[0].sets] == ["accepted", "rejected", "accepted"]
    assert checked.groups[0].verdict == "partially_accepted"
    assert checked.verdict == "partially_accepted"
    assert set_codes(checked)[1] == ["AK403-7"]


def test_a_severity_of_warning_lets_the_set_pass_with_errors():
    options = ValidationOptions(severities=(("AK403-7", "warning"),))
    checked = check_one(interchange(group(order("0001"), order("0002", BAD_UNIT))), options)
    assert [each.verdict for each in checked.groups[0].sets] == ["accepted", "accepted_with_errors"]
    assert checked.verdict == "accepted_with_errors"


def test_options_may_differ_from_set_to_set():
    def options(_interchange, _group, raw_set):
        mild = raw_set.control == "0001"
        return ValidationOptions(severities=(("AK403-7", "note"),) if mild else ())

    checked = check_one(interchange(group(order("0001", BAD_UNIT), order("0002", BAD_UNIT))), options)
    assert [each.verdict for each in checked.groups[0].sets] == ["accepted", "rejected"]


def test_an_unknown_version_rejects_the_group_and_leaves_its_sets_unchecked():
    checked = check_one(interchange(group(order(), version="003070")))
    only = checked.groups[0]
    assert codes(only.findings) == ["AK905-2"]
    assert (only.verdict, only.release, only.sets[0].release) == ("rejected", None, None)
    assert set_codes(checked) == [["NOTE-rejected-with-envelope"]]
    assert "was not checked" in only.sets[0].findings[0].message


def test_a_version_with_an_industry_suffix_is_checked_by_its_release():
    assert check_one(interchange(group(order(), version="004010VICS"))).groups[0].release == "004010"


def test_an_unknown_set_is_rejected_by_its_code():
    checked = check_one(interchange(group(order(set_id="899"))))
    assert set_codes(checked) == [["AK502-1"]]
    assert checked.verdict == "rejected"


def test_a_repeated_set_number_rejects_the_second_set():
    checked = check_one(interchange(group(order("0001"), order("0001"))))
    assert set_codes(checked) == [[], ["AK502-23"]]


@pytest.mark.parametrize(("version", "code"), [("004010", "AK905-6"), ("005010", "AK905-19")])
def test_a_repeated_group_number_rejects_the_second_group(version, code):
    checked = check_one(interchange(group(order(), version=version), group(order(), version=version)))
    assert [codes(each.findings) for each in checked.groups] == [[], [code]]
    assert [each.verdict for each in checked.groups] == ["accepted", "rejected"]


def test_a_set_in_a_group_of_another_kind_is_a_note():
    checked = check_one(interchange(group(order(), code="SC")))
    assert set_codes(checked) == [["NOTE-group-code"]]
    assert checked.verdict == "accepted"


def test_an_order_among_acknowledgements_is_rejected_because_nobody_would_answer_it():
    checked = check_one(interchange(group(order(), code="FA")))
    assert set_codes(checked) == [["AK502-1"]]


def test_a_group_without_sets_is_rejected():
    checked = check_one(interchange(group()))
    assert codes(checked.groups[0].findings) == ["RULE-empty-group"]
    assert checked.verdict == "rejected"


def test_a_wrong_group_count_is_a_warning_and_a_wrong_group_number_an_error():
    assert check_one(interchange(group(order(), count=3))).verdict == "accepted_with_errors"
    checked = check_one(interchange(group(order(), trailer="GE*1*8")))
    assert checked.verdict == "rejected"
    assert set_codes(checked) == [["NOTE-rejected-with-envelope"]]
    assert "no errors of its own" in checked.groups[0].sets[0].findings[0].message


def test_a_profile_can_make_a_wrong_group_count_an_error_and_a_missing_ge_a_warning():
    strict = ValidationOptions(severities=(("AK905-5", "error"),))
    assert check_one(interchange(group(order(), count=3)), strict).verdict == "rejected"
    mild = ValidationOptions(severities=(("AK905", "warning"),))
    assert check_one(interchange(group(order())[:-1]), mild).verdict == "accepted_with_errors"


def test_a_cut_file_is_rejected_as_a_whole_and_its_set_still_explained():
    body = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
    lines = group(order(body=body))[:-2]
    checked = check_one(interchange(lines, trailer=None))
    assert (checked.ta1_letter, checked.ta1_code) == ("R", "023")
    assert set_codes(checked) == [["AK502-2", "AK403-7"]]


@pytest.mark.parametrize(
    ("change", "code", "letter"),
    [
        ({"date": "261301"}, "014", "R"),
        ({"time": "2460"}, "015", "R"),
        ({"standards_id": "X"}, "016", "R"),
        ({"standards_id": "^"}, "016", "E"),
        ({"standards_id": " ", "version": "00501"}, "016", "R"),
        ({"version": "4010 "}, "017", "R"),
        ({"control": "00000010A"}, "018", "R"),
        ({"ack": "2"}, "019", "E"),
        ({"usage": "X"}, "020", "E"),
        ({"sender": " "}, "006", "E"),
        ({"receiver": " "}, "008", "E"),
    ],
)
def test_a_bad_isa_element_has_its_code_and_letter(change, code, letter):
    checked = check_one(interchange(group(order()), header=isa(**change)))
    assert (checked.ta1_code, checked.ta1_letter) == (code, letter)
    assert checked.verdict == ("rejected" if letter == "R" else "accepted_with_errors")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("ISA*00*", "ISA*XX*", "010"),
        ("*00*          *ZZ", "*XX*          *ZZ", "012"),
        ("*ZZ*ALDER", "*QQ*ALDER", "005"),
        ("*ZZ*BIRCH", "*QQ*BIRCH", "007"),
    ],
)
def test_a_bad_qualifier_in_the_isa_has_its_code(old, new, code):
    checked = check_one(interchange(group(order()), header=isa().replace(old, new)))
    assert (checked.ta1_code, checked.ta1_letter) == (code, "R")


def test_of_several_interchange_errors_the_first_that_rejects_is_told():
    checked = check_one(interchange(group(order()), header=isa(usage="X", date="261301"), count=4))
    assert checked.ta1_code == "014"


def test_a_profile_can_make_a_wrong_interchange_count_reject():
    strict = ValidationOptions(severities=(("TA105-021", "error"),))
    checked = check_one(interchange(group(order()), count=4), strict)
    assert (checked.ta1_letter, checked.verdict) == ("R", "rejected")


@pytest.mark.parametrize(
    ("old", "new", "code", "severity"),
    [
        ("*ALDER*", "*A*", "RULE-gs-sender", "warning"),
        ("*BIRCH*", "*   *", "RULE-gs-receiver", "warning"),
        ("*20260302*0930*7", "*20261302*0930*7", "RULE-gs-date", "warning"),
        ("*20260302*0930*7", "*260302*0930*7", "RULE-gs-date", "warning"),
        ("*0930*7", "*0960*7", "RULE-gs-time", "warning"),
        ("*7*X*", "*7*U*", "RULE-gs-agency", "warning"),
        ("*7*X*", "*7A*X*", "AK905-6", "error"),
        ("GS*PO*", "GS*QQ*", "AK905-1", "error"),
    ],
)
def test_a_bad_gs_element_is_told(old, new, code, severity):
    lines = group(order())
    lines[0] = lines[0].replace(old, new)
    found = check_one(interchange(lines)).groups[0].findings
    assert (code, severity) in [(each.code, each.severity) for each in found]


def test_a_gs01_that_no_answer_could_repeat_is_a_fault_of_the_interchange():
    lines = group(order())
    lines[0] = lines[0].replace("GS*PO*", "GS*POX*")
    assert check_one(interchange(lines)).ta1_code == "024"


def test_a_six_digit_group_date_is_right_before_4010():
    lines = group(order(), version="003040")
    lines[0] = lines[0].replace("*20260302*", "*260302*")
    assert codes(check_one(interchange(lines)).groups[0].findings) == ["AK905-2"]


def test_an_acknowledgement_of_a_release_that_is_not_installed_is_checked_by_the_nearest_one():
    for version, release in (("003040", "004010"), ("004060", "004010"), ("006020", "005010"), ("", "004010")):
        checked = check_one(interchange(group(order(body=FA_BODY, set_id="997"), code="FA", version=version)))
        assert checked.verdict == "accepted", version
        assert checked.groups[0].sets[0].release == release
        assert "NOTE-nearest-release" in set_codes(checked)[0]


def test_an_acknowledgement_may_repeat_ids_that_its_release_does_not_list():
    body = ("AK1*QQ*7", "AK2*899*0001", "AK5*R*1", "AK9*R*1*1*0")
    assert check_one(interchange(group(order(body=body, set_id="997"), code="FA"))).verdict == "accepted"


def test_an_order_acknowledgment_with_detail_but_no_lines_is_accepted_with_errors():
    body = ("BAK*00*AC*4711*20260302",)
    checked = check_one(interchange(group(order(body=body, set_id="855"), code="PR")))
    assert set_codes(checked) == [["RULE-lines-missing"]]
    assert checked.verdict == "accepted_with_errors"
    without = ("BAK*00*AK*4711*20260302",)
    assert check_one(interchange(group(order(body=without, set_id="855"), code="PR"))).verdict == "accepted"


def test_notes_of_good_sets_are_found_only_when_asked_for():
    body = [line.replace("*D7", "*D7**") for line in ORDER_BODY]
    data = interchange(group(order(body=body)))
    assert set_codes(check_one(data)) == [[]]
    assert set_codes(check_one(data, always_explain=True)) == [["NOTE-trailing-separator"]]


def test_the_number_of_findings_of_a_set_is_bounded():
    lines = [f"PO1*{number}*1*XX*1" for number in range(1_200)]
    body = (ORDER_BODY[0], *lines, "CTT*1200")
    (only,) = check_one(interchange(group(order(body=body)))).groups[0].sets
    assert len(only.findings) == 1_001
    assert only.findings[-1].code == "NOTE-more-findings"


def test_a_checked_set_gives_segments_tree_number_and_its_bytes():
    data = interchange(group(order("0001"), order("0002")))
    second = check_one(data).groups[0].sets[1]
    assert [(each.tag, each.position) for each in second.segments()][:2] == [("ST", 1), ("BEG", 2)]
    assert data[second.segments()[0].offset :].startswith(b"ST*850*0002")
    assert second.raw == "~\n".join(order("0002")).encode() + b"~"
    tree = second.tree()
    assert [item.loop for item in tree.items if isinstance(item, LoopInstance)] == ["N1", "PO1", "CTT"]


def test_a_set_without_number_segment_or_with_an_empty_one_has_no_number():
    bodies = (("PO1*1*1*EA*1",), ("BEG*00*SA***20260302",), ("BEG*00",))
    for body in bodies:
        assert check_one(interchange(group(order(body=body)))).groups[0].sets[0].number is None
    assert check_one(interchange(group(order(set_id="899")))).groups[0].sets[0].number is None


def test_what_cannot_be_read_is_unreadable_and_beside_a_good_one_partially_accepted():
    good = interchange(group(order()))
    assert check_transmission(b"").verdict == "unreadable"
    assert check_transmission(b"ISA*cut").verdict == "unreadable"
    assert check_transmission(good + b"ISA*00*broken~\n" + good).verdict == "partially_accepted"


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], "accepted"),
        (["accepted"], "accepted"),
        (["accepted", "accepted_with_errors"], "accepted_with_errors"),
        (["accepted", "rejected"], "partially_accepted"),
        (["partially_accepted"], "partially_accepted"),
        (["accepted_with_errors", "unreadable"], "partially_accepted"),
        (["rejected", "unreadable"], "rejected"),
        (["unreadable"], "unreadable"),
    ],
)
def test_the_verdict_of_a_whole_follows_from_its_parts(verdicts, whole):
    assert combine(verdicts) == whole


def test_the_tables_of_group_codes_and_numbers_agree_with_the_schemas():
    for name in known_releases():
        release = load_release(name)
        for set_id, definition in release.sets.items():
            assert FUNCTIONAL_GROUPS[set_id] == definition.group
            if set_id in NUMBER_ELEMENTS:
                tag, element = NUMBER_ELEMENTS[set_id]
                assert release.element_at(tag, element) is not None, (name, set_id)


def test_every_interchange_code_has_a_letter_and_a_severity():
    assert {ta105_severity(code) for code in TA105_LETTER} == {"error", "warning", "note"}
    assert ta105_severity("999") == "error"


def test_a_segment_with_endless_elements_is_explained_as_far_as_is_useful():
    body = (ORDER_BODY[0], "MSG" + "*X" * 50_000, *ORDER_BODY[2:])
    (only,) = check_one(interchange(group(order(body=body)))).groups[0].sets
    assert only.verdict == "rejected"
    assert len(only.findings) < 350
