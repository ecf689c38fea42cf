"""Reading TA1, 997 and 999 of the other side."""

from datetime import datetime

from gateway.standards.x12.acknowledge import AckControls, acknowledge, read_acknowledgements
from gateway.standards.x12.check import check_transmission
from tests.standards.x12.x12_samples import ORDER_BODY, group, interchange, isa, order


def read(data):
    (checked,) = check_transmission(data).interchanges
    return read_acknowledgements(checked)


def answer_of(data, **how):
    (checked,) = check_transmission(data).interchanges
    return acknowledge(checked, controls=AckControls(1, 1), now=datetime(2026, 3, 2), **how)


def fa(*body, version="004010", set_id="997"):
    return interchange(group(order(body=body, set_id=set_id), code="FA", version=version))


def test_our_own_answer_is_read_back_with_its_letters_and_sentences():
    bad = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
    (told,) = read(answer_of(interchange(group(order("0001"), order("0002", bad)))))
    assert (told.code, told.control, told.letter) == ("PO", "7", "P")
    assert (told.included, told.received, told.accepted) == (2, 2, 1)
    assert [(each.set_id, each.control, each.letter, each.codes) for each in told.sets] == [
        ("850", "0001", "A", ()),
        ("850", "0002", "R", ("5",)),
    ]
    assert told.sets[1].errors == (
        'Segment 4 (PO1), element 3 (unit or basis for measurement code): code not in the list: "XX".',
    )


def test_a_999_is_read_by_its_own_segment_names():
    bad = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
    data = interchange(group(order(body=bad), version="005010"), header=isa(version="00501", standards_id="^"))
    (told,) = read(answer_of(data, kind="999"))
    assert (told.version, told.letter, told.sets[0].letter) == ("005010", "R", "R")
    assert told.sets[0].errors[0].startswith("Segment 4 (PO1), element 3")


def test_ta1_and_groups_come_in_one_list_ta1_first():
    told = read(answer_of(interchange(group(order()), count=3)))
    assert [type(each).__name__ for each in told] == ["Ta1", "GroupAcknowledgment"]
    assert (told[0].control, told[0].letter, told[0].code) == ("000000101", "E", "021")


def test_structure_errors_set_errors_and_group_errors_become_sentences():
    (told,) = read(
        fa(
            "AK1*PO*7",
            "AK2*850*0001",
            "AK3*PO1*9**3",
            "AK3*REF*4**8",
            "AK3*DTM*5**8",
            "AK4*2>1*373*8*20261302",
            "AK3*N1*6",
            "AK5*R*4*23*99",
            "AK9*R*1*1*0*4*77",
        )
    )
    assert told.sets[0].errors == (
        "Segment 9 (PO1): mandatory segment missing.",
        "Segment 4 (REF): segment has element errors.",
        'Segment 5 (DTM), element 2, component 1 (date): invalid date: "20261302".',
        "Segment 6 (N1): in error.",
        "Set 0001: number of segments (SE01) wrong.",
        "Set 0001: transaction set control number (ST02) not unique in the group.",
        "Set 0001: error code 99.",
    )
    assert told.errors == ("Group 7: control numbers of GS and GE differ.", "Group 7: error code 77.")


def test_an_ak3_with_code_8_at_the_end_is_told_too():
    (told,) = read(fa("AK1*PO*7", "AK2*850*0001", "AK3*REF*4**8", "AK5*R*5", "AK9*R*1*1*0"))
    assert told.sets[0].errors == ("Segment 4 (REF): segment has element errors.",)


def test_a_set_that_is_not_named_follows_the_group():
    accepted, partly, refused = (
        read(fa("AK1*PO*7", *named, f"AK9*{letter}*3*3*2"))[0]
        for letter, named in (("A", ()), ("P", ("AK2*850*0002", "AK5*R*5")), ("R", ()))
    )
    assert accepted.letter_for("850", "0001") == "A"
    assert (partly.letter_for("850", "0001"), partly.letter_for("850", "0002")) == ("A", "R")
    assert refused.letter_for("850", "0001") == "R"


def test_a_broken_acknowledgement_is_read_as_far_as_it_goes():
    (told,) = read(fa("AK2*850*0001", "AK4*1", "AK5", "AK9*A*x"))
    assert (told.code, told.control, told.letter, told.included, told.received) == ("", "", "A", None, None)
    assert told.sets[0].letter == ""
    (empty,) = read(fa())
    assert (empty.letter, empty.sets) == ("", ())


def test_an_interchange_without_acknowledgements_gives_none():
    assert read(interchange(group(order()))) == []
