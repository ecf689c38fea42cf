"""Acknowledging: TA1, 997 and 999 by the rules, and what each says."""

from datetime import datetime

import pytest

from gateway.standards.edi.model import Finding, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12.acknowledge import AckControls, SetAnswer, acknowledge, acknowledgement_groups
from gateway.standards.x12.check import check_transmission
from tests.standards.x12.x12_samples import ORDER_BODY, group, interchange, isa, order

NOW = datetime(2026, 3, 2, 14, 5)
CONTROLS = AckControls(isa13=42, gs06=17)
BAD_UNIT = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
FA = group(order(body=("AK1*PO*7", "AK9*A*1*1*1"), set_id="997"), code="FA")


def answer(data, options=None, **how):
    (checked,) = check_transmission(data, options).interchanges
    sent = acknowledge(checked, controls=how.pop("controls", CONTROLS), now=NOW, **how)
    return None if sent is None else sent.decode("latin-1").replace("\n", "").split("~")[:-1]


def test_an_accepted_order_gets_a_997_back_to_its_sender():
    assert answer(interchange(group(order()))) == [
        "ISA*00*          *00*          *ZZ*BIRCHHOUSE     *ZZ*ALDERMILL      *260302*1405*U*00401*000000042*0*T*>",
        "GS*FA*BIRCH*ALDER*20260302*1405*17*X*004010",
        "ST*997*0001",
        "AK1*PO*7",
        "AK2*850*0001",
        "AK5*A",
        "AK9*A*1*1*1",
        "SE*6*0001",
        "GE*1*17",
        "IEA*1*000000042",
    ]


def test_element_errors_come_as_one_ak3_and_an_ak4_each():
    body = [ORDER_BODY[0].replace("20260302", "20261302"), *BAD_UNIT[1:]]
    lines = answer(interchange(group(order(body=body))))
    assert lines[4:-3] == [
        "AK2*850*0001",
        "AK3*BEG*2**8",
        "AK4*5*373*8*20261302",
        "AK3*PO1*4**8",
        "AK4*3*355*7*XX",
        "AK5*R*5",
        "AK9*R*1*1*0",
    ]


def test_structure_errors_come_as_an_ak3_with_their_code():
    body = [ORDER_BODY[0], "ZZZ*1", *ORDER_BODY[1:3]]
    assert "AK3*ZZZ*3**1" in answer(interchange(group(order(body=body))))
    missing = answer(interchange(group(order(body=ORDER_BODY[:1]))))
    assert "AK3*PO1*3**3" in missing


def test_envelope_errors_of_a_set_stand_in_ak5_alone():
    lines = answer(interchange(group([*order()[:-1], "SE*9*0002"])))
    assert lines[4:6] == ["AK2*850*0001", "AK5*R*4*3"]


def test_one_of_three_sets_rejected_is_p_3_3_2():
    data = interchange(group(order("0001"), order("0002", BAD_UNIT), order("0003")))
    lines = answer(data)
    assert [line for line in lines if line.startswith(("AK2", "AK5", "AK9"))] == [
        "AK2*850*0001",
        "AK5*A",
        "AK2*850*0002",
        "AK5*R*5",
        "AK2*850*0003",
        "AK5*A",
        "AK9*P*3*3*2",
    ]
    assert [line for line in answer(data, ak2="rejected") if line.startswith("AK2")] == ["AK2*850*0002"]


def test_warnings_make_the_set_and_the_group_e():
    options = ValidationOptions(severities=(("AK403-7", "warning"),))
    lines = answer(interchange(group(order(body=BAD_UNIT))), options)
    assert lines[5:9] == ["AK3*PO1*4**8", "AK4*3*355*7*XX", "AK5*E*5", "AK9*E*1*1*1"]


def test_an_unknown_version_is_r_with_code_2_and_names_no_set():
    lines = answer(interchange(group(order("0001"), order("0002"), version="003070")))
    assert lines[1] == "GS*FA*BIRCH*ALDER*20260302*1405*17*X*003070"
    assert lines[2:5] == ["ST*997*0001", "AK1*PO*7", "AK9*R*2*2*0*2"]


def test_a_version_that_is_no_release_at_all_is_answered_in_4010():
    assert "*X*004010" in answer(interchange(group(order(), version="ABC")))[1]


def test_an_unknown_set_is_r_with_code_1():
    assert answer(interchange(group(order(set_id="899"))))[4:6] == ["AK2*899*0001", "AK5*R*1"]


def test_a_wrong_group_count_is_e_with_code_5_and_repeats_what_was_declared():
    assert "AK9*E*4*1*1*5" in answer(interchange(group(order(), count=4)))


def test_a_group_error_rejects_all_sets_and_names_only_those_with_errors_of_their_own():
    data = interchange(group(order("0001"), order("0002", BAD_UNIT), trailer="GE*2*9"))
    lines = answer(data)
    assert [line for line in lines if line.startswith(("AK2", "AK9"))] == ["AK2*850*0002", "AK9*R*2*2*0*4"]


def test_a_group_without_ge_is_counted():
    assert "AK9*R*2*2*0*3" in answer(interchange(group(order("0001"), order("0002"))[:-1]))


def test_groups_of_one_partner_and_version_share_a_group_with_a_set_each():
    data = interchange(group(order(), control="7"), group(order(), control="8"))
    lines = answer(data)
    assert [line for line in lines if line[:2] in ("GS", "ST", "GE") or line[:3] == "AK1"] == [
        "GS*FA*BIRCH*ALDER*20260302*1405*17*X*004010",
        "ST*997*0001",
        "AK1*PO*7",
        "ST*997*0002",
        "AK1*PO*8",
        "GE*2*17",
    ]


def test_groups_of_two_versions_get_a_group_each_and_control_numbers_count_up():
    data = interchange(group(order(), control="7"), group(order(), control="8", version="005010"))
    (checked,) = check_transmission(data).interchanges
    assert acknowledgement_groups(checked) == 2
    lines = answer(data, controls=AckControls(1, 17, "00099"))
    assert [line for line in lines if line[:2] in ("GS", "ST")] == [
        "GS*FA*BIRCH*ALDER*20260302*1405*17*X*004010",
        "ST*997*00099",
        "GS*FA*BIRCH*ALDER*20260302*1405*18*X*005010",
        "ST*997*00100",
    ]
    assert lines[-1] == "IEA*2*000000001"


def test_from_5010_on_the_version_is_repeated_and_positions_have_a_repetition():
    body = (*ORDER_BODY[:1], "N1*ST*" + "X" * 61, *ORDER_BODY[2:])
    data = interchange(group(order(body=body), version="005010"), header=isa(version="00501", standards_id="^"))
    lines = answer(data)
    assert "AK1*PO*7*005010" in lines
    assert "*^*00501*" in lines[0]
    assert f"AK4*2*93*5*{'X' * 61}" in lines


def test_a_999_has_its_own_segments_version_and_guide():
    data = interchange(group(order(body=BAD_UNIT), version="005010X999"), header=isa(version="00501", standards_id="^"))
    lines = answer(data, kind="999")
    assert lines[1:3] == ["GS*FA*BIRCH*ALDER*20260302*1405*17*X*005010X231A1", "ST*999*0001*005010X231A1"]
    assert lines[3:9] == [
        "AK1*PO*7*005010X999",
        "AK2*850*0001",
        "IK3*PO1*4**8",
        "IK4*3*355*7*XX",
        "IK5*R*5",
        "AK9*R*1*1*0",
    ]


def test_a_4010_group_is_answered_by_a_997_even_where_999_is_wanted():
    assert answer(interchange(group(order())), kind="999")[2] == "ST*997*0001"


@pytest.mark.parametrize(
    "data",
    [
        interchange(FA),
        interchange(before=["TA1*000000009*260301*1200*A*000"], count=0),
        interchange(FA, trailer=None),
        interchange(group(order(body=("AK1*PO*7", "AK9*A*1*1*1"), set_id="997"), code="PO")),
        b"ISA*cut",
    ],
)
def test_acknowledgements_and_what_cannot_be_read_are_never_acknowledged(data):
    for checked in check_transmission(data).interchanges:
        assert acknowledge(checked, controls=CONTROLS, now=NOW, ta1="always") is None


def test_beside_orders_acknowledgements_are_left_out_of_the_answer():
    lines = answer(interchange(FA, group(order(), control="8")))
    assert [line for line in lines if line.startswith("AK1")] == ["AK1*PO*8"]


def test_a_sender_without_id_cannot_be_answered():
    assert answer(interchange(group(order()), header=isa(sender=" "))) is None


def test_a_missing_iea_gets_a_ta1_r_023_and_nothing_else():
    lines = answer(interchange(group(order()), trailer=None))
    assert lines[1:] == ["TA1*000000101*260302*0930*R*023", "IEA*0*000000042"]


def test_a_wrong_iea_count_gets_a_ta1_e_021_before_the_997():
    lines = answer(interchange(group(order()), count=3))
    assert lines[1] == "TA1*000000101*260302*0930*E*021"
    assert lines[2].startswith("GS*FA*")
    assert lines[-1] == "IEA*1*000000042"


def test_a_ta1_is_sent_when_asked_for_and_when_the_profile_says_always():
    good = group(order())
    assert answer(interchange(good, header=isa(ack="1")))[1] == "TA1*000000101*260302*0930*A*000"
    assert answer(interchange(good), ta1="always")[1] == "TA1*000000101*260302*0930*A*000"
    assert answer(interchange(good, header=isa(ack="1")), ta1="never")[1].startswith("GS*FA*")


def test_without_ta1_a_broken_interchange_is_rejected_group_by_group():
    lines = answer(interchange(group(order()), trailer=None), ta1="never")
    assert "AK9*R*1*1*0" in lines
    assert not any(line.startswith(("TA1", "AK2")) for line in lines)


@pytest.mark.parametrize(
    ("code", "letter", "expected"),
    [("025", None, "R*025"), ("009", None, "R*009"), ("009", "E", "E*009"), ("021", None, "E*021")],
)
def test_the_caller_can_add_an_interchange_error(code, letter, expected):
    lines = answer(interchange(group(order())), extra_ta1_code=code, extra_ta1_letter=letter)
    assert lines[1] == f"TA1*000000101*260302*0930*{expected}"
    assert any(line.startswith("GS*FA") for line in lines) == expected.startswith("E")


def test_an_error_that_rejects_goes_before_one_that_does_not():
    assert answer(interchange(group(order()), trailer=None), extra_ta1_code="021")[1].endswith("R*023")
    assert answer(interchange(group(order()), count=3), extra_ta1_code="025")[1].endswith("R*025")
    assert answer(interchange(group(order()), count=3), extra_ta1_code="001")[1].endswith("E*021")


def test_the_caller_can_reject_a_set_that_is_right_in_itself():
    finding = Finding("MAP-unit", "error", "No such unit.", segment="PO1", position=4, element=3, value="EA")
    answers = {(0, 1): SetAnswer("R", findings=(finding,)), (0, 2): SetAnswer("R"), (0, 3): SetAnswer("E", ("5",))}
    data = interchange(group(*(order(f"000{number}") for number in range(1, 5))))
    lines = answer(data, set_answers=answers)
    assert [line for line in lines if line.startswith(("AK3", "AK4", "AK5", "AK9"))] == [
        "AK5*A",
        "AK3*PO1*4**8",
        "AK4*3*355*7*EA",
        "AK5*R*5",
        "AK5*R*5",
        "AK5*E*5",
        "AK9*P*4*4*2",
    ]


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Finding("RULE-x", "error", "", segment="REF", position=3, element=2), ["AK3*REF*3**8", "AK4*2*127*1"]),
        (Finding("RULE-x", "error", "", segment="REF", position=3), []),
        (Finding("AK304-I6", "error", "", segment="REF", position=3), ["AK3*REF*3**3"]),
        (Finding("AK403-I12", "error", "", segment="REF", position=3, element=2), ["AK3*REF*3**8", "AK4*2*127*7"]),
        (Finding("AK403-12", "error", "", segment="REF", position=3, element=2), ["AK3*REF*3**8", "AK4*2*127*3"]),
        (
            Finding("AK403-7", "error", "", segment="SLN", position=3, element=5, component=1, repeat=2, value="x"),
            ["AK3*SLN*3**8", "AK4*5>1*355*7*x"],
        ),
        (
            Finding("AK403-6", "error", "", segment="REF", position=3, element=2, value="\x07"),
            ["AK3*REF*3**8", "AK4*2*127*6"],
        ),
        (
            Finding("AK403-7", "error", "", segment="REF", position=3, element=1, value="a*b"),
            ["AK3*REF*3**8", "AK4*1*128*7"],
        ),
        (
            Finding("AK403-3", "error", "", segment="REF", position=3, element=9, value="z"),
            ["AK3*REF*3**8", "AK4*9**3*z"],
        ),
        (Finding("AK403-3", "error", "", segment="REF", position=3, element=120), ["AK3*REF*3**8"]),
        (Finding("AK304-1", "error", "", segment="LONGER", position=3), ["AK3*LON*3**1"]),
        (Finding("AK304-1", "error", "", segment="X", position=3), []),
        (Finding("AK304-1", "error", "", segment="REF", position=1234567), ["AK3*REF*999999**1"]),
        (Finding("AK403-7", "note", "", segment="REF", position=3, element=1), []),
    ],
)
def test_what_has_no_place_in_a_4010_997_is_clipped_replaced_or_left_out(finding, expected):
    lines = answer(interchange(group(order())), set_answers={(0, 0): SetAnswer("R", findings=(finding,))})
    assert [line for line in lines if line.startswith(("AK3", "AK4"))] == expected
    assert "AK5*R*5" in lines


def test_a_segment_with_a_place_error_and_element_errors_has_an_ak3_for_each():
    body = [ORDER_BODY[0], ORDER_BODY[1], "CUR*BY*USD", "CUR*BYXX*USD", *ORDER_BODY[2:]]
    found = [line for line in answer(interchange(group(order(body=body)))) if line.startswith("AK3*CUR*5")]
    assert len(found) == len(set(found)) == 2
    assert found[1] == "AK3*CUR*5**8"


def test_at_most_99_ak4_follow_an_ak3():
    findings = tuple(
        Finding("AK403-7", "error", "", segment="REF", position=3, element=1, value=str(number))
        for number in range(150)
    )
    lines = answer(interchange(group(order())), set_answers={(0, 0): SetAnswer("R", findings=findings)})
    assert sum(line.startswith("AK4") for line in lines) == 99


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ST*850*0001", "ST*850*1"),
        ("ST*850*0001", "ST*850"),
        ("ST*850*0001", "ST*8500*0001"),
        ("ST*850*0001", "ST*850*0001\xe9"),
        ("ST*850*0001", "ST*850*01234567890123"),
        ("*0930*7*X*004010", "*0930*ABC*X*004010"),
        ("*0930*7*X*004010", "*0930*12345678901*X*004010"),
        ("GS*PO*ALDER*BIRCH*", "GS*PO*A**"),
        ("GS*PO*ALDER*BIRCH*", "GS*PO*ALDER IS TOO LONG FOR THIS*B>RCH*"),
        ("GS*PO*", "GS*QQ*"),
        ("*ZZ*ALDERMILL", "*QQ*ALDERMILL"),
        ("*000000101*", "*0000001A1*"),
        ("*260302*0930*U", "*269902*9930*U"),
        ("*00401*", "*4010 *"),
        ("*T*>", "*T*A"),
        ("ALDERMILL      ", "AL>ERMILL      "),
        ("BIRCHHOUSE     ", "               "),
        ("ALDERMILL      ", "\xc4LDERMILL      "),
    ],
)
def test_whatever_was_received_the_acknowledgement_itself_is_valid(old, new):
    data = interchange(group(order())).decode("latin-1").replace(old, new, 1).encode("latin-1")
    for how in ({}, {"ta1": "never"}, {"ta1": "always", "kind": "999"}):
        (checked,) = check_transmission(data).interchanges
        sent = acknowledge(checked, controls=CONTROLS, now=NOW, **how)
        if sent is not None:
            assert check_transmission(sent).verdict == "accepted", sent


def test_the_partner_can_choose_the_separators_of_the_answer():
    lines = acknowledge(
        check_transmission(interchange(group(order()))).interchanges[0],
        controls=CONTROLS,
        now=NOW,
        separators=Separators("|", ":", "\n"),
    )
    assert lines.startswith(b"ISA|00|")
    assert b"\nAK2|850|0001\n" in lines


def test_the_answer_follows_the_separators_and_line_ends_received():
    data = interchange(group(order())).replace(b"~\n", b"~\r\n").replace(b"*", b"|")
    (checked,) = check_transmission(data).interchanges
    assert b"AK5|A~\r\n" in acknowledge(checked, controls=CONTROLS, now=NOW)
