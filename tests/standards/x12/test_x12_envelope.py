"""Reading: interchanges, groups and sets out of whole and damaged transmissions."""

import pytest

from gateway.standards.x12.envelope import Limits, read_transmission
from tests.standards.x12.x12_samples import ORDER_BODY, codes, group, interchange, isa, order


def only(data):
    (found,) = read_transmission(data).interchanges
    return found


def test_a_whole_interchange_gives_its_addresses_groups_and_sets_without_a_finding():
    found = only(interchange(group(order("0001"), order("0002"))))
    assert (found.sender_qualifier, found.sender_id, found.receiver_id) == ("ZZ", "ALDERMILL", "BIRCHHOUSE")
    assert (found.control, found.version, found.usage, found.ack_requested) == ("000000101", "00401", "T", False)
    (only_group,) = found.groups
    assert (only_group.code, only_group.control, only_group.version, only_group.declared_count) == (
        "PO",
        "7",
        "004010",
        2,
    )
    assert [(each.set_id, each.control, each.complete) for each in only_group.sets] == [
        ("850", "0001", True),
        ("850", "0002", True),
    ]
    assert only_group.sets[0].segments == [line.encode() for line in order("0001")]
    assert found.complete
    assert not found.findings
    assert not only_group.findings


@pytest.mark.parametrize("terminator", ["~", "~\n", "~\r\n", "~\n\n", "~\n\t", "~ ", "\n", "\r\n", "\x85", "'"])
def test_every_layout_after_the_terminator_gives_the_same_segments_at_the_right_offsets(terminator):
    data = interchange(group(order()), terminator=terminator)
    found = only(data)
    raw_set = found.groups[0].sets[0]
    assert raw_set.segments == [line.encode() for line in order()]
    assert [data[at : at + 3] for at in raw_set.offsets] == [line.encode()[:3] for line in order()]
    assert not codes(found.findings)


def test_a_file_without_its_last_line_end_or_terminator_is_read_to_the_end():
    whole = interchange(group(order()))
    assert codes(only(whole[:-1]).findings) == []
    assert codes(only(whole[:-2]).findings) == ["NOTE-unterminated-segment"]
    assert only(whole[:-2]).complete


def test_a_byte_order_mark_blank_lines_and_padding_bytes_around_an_interchange_mean_nothing():
    data = b"\xef\xbb\xbf\r\n  " + interchange(group(order())) + b"\x1a\x00\x00"
    assert only(data).findings == ()
    assert only(data).raw == interchange(group(order()))


def test_interchanges_in_one_file_each_have_their_own_separators():
    first = interchange(group(order()))
    second = interchange(group(order())).replace(b"*", b"|").replace(b"~\n", b"^")
    read = read_transmission(first + b"\r\n" + second)
    assert [each.separators.element for each in read.interchanges] == ["*", "|"]
    assert [each.separators.segment for each in read.interchanges] == ["~", "^"]
    assert [len(each.groups[0].sets) for each in read.interchanges] == [1, 1]
    assert [each.index for each in read.interchanges] == [0, 1]
    assert read.interchanges[1].raw == second


@pytest.mark.parametrize(
    ("standards_id", "version", "expected"),
    [
        ("^", "00501", "^"),
        ("^", "00402", "^"),
        ("U", "00501", None),
        ("^", "00401", None),
        (">", "00501", None),
        (" ", "00501", None),
    ],
)
def test_the_repetition_separator_counts_from_00402_on_when_it_can_be_one(standards_id, version, expected):
    data = interchange(group(order()), header=isa(standards_id=standards_id, version=version))
    assert only(data).separators.repetition == expected


def test_an_isa_that_is_not_padded_is_read_with_a_warning():
    data = interchange(group(order())).replace(b"ALDERMILL      ", b"ALDERMILL")
    found = only(data)
    assert found.sender_id == "ALDERMILL"
    assert [(each.code, each.severity) for each in found.findings] == [("TA105-022", "warning")]
    assert "ISA06 has 9 characters instead of 15" in found.findings[0].message
    assert len(found.groups[0].sets) == 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"*T*>~", b"*T*A~", "TA105-027"),
        (b"*T*>~", b"*T**~", "TA105-027"),
        (b"*T*>~", b"*T*>G", "TA105-004"),
        (b"*T*>~", b"*T*>>", "TA105-004"),
    ],
)
def test_separators_that_cannot_separate_end_the_reading_with_their_code(old, new, code):
    found = only(interchange(group(order())).replace(old, new, 1))
    assert codes(found.findings) == [code]
    assert found.groups == ()
    assert found.sender_id == "ALDERMILL"


def test_a_missing_se_closes_the_set_at_the_next_envelope_segment():
    data = interchange(group(order("0001")[:-1], order("0002")))
    first, second = only(data).groups[0].sets
    assert (codes(first.findings), first.complete, len(first.segments)) == (["AK502-2"], False, 5)
    assert (codes(second.findings), second.complete) == ([], True)


def test_a_missing_ge_closes_the_group_at_the_next_gs_and_at_iea():
    lines = group(order())[:-1]
    data = interchange(lines, group(order(), control="8")[:-1])
    assert [codes(each.findings) for each in only(data).groups] == [["AK905-3"], ["AK905-3"]]


def test_a_missing_iea_is_a_premature_end():
    found = only(interchange(group(order()), trailer=None))
    assert codes(found.findings) == ["TA105-023"]
    assert not found.complete


def test_an_isa_inside_an_open_interchange_ends_it_and_starts_the_next():
    cut = interchange(group(order()))[:-60]
    read = read_transmission(cut + interchange(group(order()), header=isa("000000102")))
    assert [each.control for each in read.interchanges] == ["000000101", "000000102"]
    assert "TA105-023" in codes(read.interchanges[0].findings)
    assert read.interchanges[1].findings == ()


def test_the_word_isa_in_data_does_not_start_an_interchange():
    body = ("BEG*00*SA*ISA**20260302", "N1*ST*ISA*92*ISA 1", "PO1*1*1*EA*1")
    assert len(read_transmission(interchange(group(order(body=body)))).interchanges) == 1


@pytest.mark.parametrize(
    ("groups", "trailer", "expected"),
    [
        ([group(order(), count=2)], "", "AK905-5"),
        ([group(order(), count="x")], "", "AK905-5"),
        ([group(order(), trailer="GE*1*8")], "", "AK905-4"),
        ([group(order(), trailer="GE")], "", "AK905-4"),
    ],
)
def test_a_group_trailer_that_does_not_fit_is_told_by_its_code(groups, trailer, expected):
    assert expected in codes(only(interchange(*groups, trailer=trailer)).groups[0].findings)


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [("IEA*2*000000101", ["TA105-021"]), ("IEA*1*000000999", ["TA105-001"]), ("IEA", ["TA105-021", "TA105-001"])],
)
def test_an_interchange_trailer_that_does_not_fit_is_told_by_its_code(trailer, expected):
    assert codes(only(interchange(group(order()), trailer=trailer)).findings) == expected


def test_segments_without_st_are_kept_as_a_set_without_name():
    data = interchange(group(order("0001"), order("0002")[1:], count=2))
    first, second = only(data).groups[0].sets
    assert first.set_id == "850"
    assert (second.set_id, second.control, codes(second.findings)) == ("", "0002", ["AK502-6"])
    assert codes(only(data).groups[0].findings) == ["AK905-5"]


def test_segments_between_two_sets_are_kept_too():
    loose = [*order("0001"), "MSG*LOST WORDS", *order("0002")]
    sets = only(interchange(group(loose, count=2))).groups[0].sets
    assert [codes(each.findings) for each in sets] == [[], ["AK502-6"], []]


def test_a_set_without_group_and_stray_segments_and_a_stray_ge_reject_the_interchange():
    assert codes(only(interchange(order(), count=0)).findings)[0] == "TA105-024"
    assert codes(only(interchange(["N1*ST*X"], count=0)).findings) == ["TA105-024", "TA105-024"]
    assert "TA105-024" in codes(only(interchange(group(order()), ["GE*1*7"], count=1)).findings)


def test_an_interchange_that_holds_nothing_is_an_error():
    assert codes(only(interchange(count=0)).findings) == ["TA105-024"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_ta1_alone_is_read_and_needs_no_group(count):
    found = only(interchange(before=["TA1*000000009*260301*1200*R*025"], count=count))
    (ta1,) = found.ta1
    assert (ta1.control, ta1.date, ta1.time, ta1.letter, ta1.code) == ("000000009", "260301", "1200", "R", "025")
    assert all(each.severity == "note" for each in found.findings)


def test_a_ta1_after_a_group_is_read_with_a_note():
    data = interchange([*group(order()), "TA1*000000009*260301*1200*A*000"], count=1)
    assert len(only(data).ta1) == 1
    assert codes(only(data).findings) == ["NOTE-late-ta1"]


def test_a_ta1_inside_a_set_is_left_to_the_validation_of_the_set():
    body = [ORDER_BODY[0], "TA1*000000009*260301*1200*A*000", *ORDER_BODY[1:]]
    found = only(interchange(group(order(body=body))))
    assert found.ta1 == ()
    assert len(found.groups[0].sets[0].segments) == 7


def test_service_segments_are_passed_over_with_a_note():
    found = only(interchange(group(order()), before=["ISB*1", "ISE*200601*0515*04"]))
    assert codes(found.findings) == ["NOTE-service-segment", "NOTE-service-segment"]
    assert len(found.groups) == 1


def test_empty_segments_are_passed_over_with_a_note():
    found = only(interchange(group(order())).replace(b"CTT*1~", b"CTT*1~~~"))
    assert codes(found.findings) == ["NOTE-empty-segment"]
    assert len(found.groups[0].sets[0].segments) == 6


def test_binary_data_may_hold_separators_and_envelope_words():
    body = ("BEG*00*SA*1**20260302", "BIN*17*ab~SE*2*0001~ISA*", "PO1*1*1*EA*1")
    data = interchange(group(order(body=body)))
    raw_set = only(data).groups[0].sets[0]
    assert raw_set.segments[2] == b"BIN*17*ab~SE*2*0001~ISA*"
    assert [data[at : at + 2] for at in raw_set.offsets] == [b"ST", b"BE", b"BI", b"PO", b"SE"]
    assert only(data).complete


def test_a_bds_segment_has_its_length_in_the_second_element():
    body = ("BDS*ASC*3*~~~", "CTT*1")
    assert only(interchange(group(order(body=body)))).groups[0].sets[0].segments[1] == b"BDS*ASC*3*~~~"


@pytest.mark.parametrize("segment", ["BIN*99999*abc", "BIN*x*abc", "BIN*1*abc", "BIN"])
def test_a_binary_length_that_cannot_be_used_does_not_stop_the_reading(segment):
    body = ("BEG*00*SA*1**20260302", segment, "CTT*1")
    assert only(interchange(group(order(body=body)))).sender_id == "ALDERMILL"


def test_binary_data_in_one_interchange_does_not_swallow_the_next():
    broken = interchange(group(order(body=("BIN*3*a~b", "CTT*1"))), trailer=None)
    read = read_transmission(broken + interchange(group(order()), header=isa("000000102")))
    assert [each.control for each in read.interchanges] == ["000000101", "000000102"]


def test_bytes_outside_interchanges_are_reported_with_their_offset():
    data = b"From: someone\n\n" + interchange(group(order())) + b"-- \nsigned\n"
    found = only(data)
    assert codes(found.findings) == ["RULE-skipped-bytes", "RULE-skipped-bytes"]
    assert [each.offset for each in found.findings] == [0, len(data) - len(b"-- \nsigned\n")]


def test_a_broken_isa_between_two_interchanges_is_an_interchange_that_cannot_be_read():
    whole = interchange(group(order()))
    read = read_transmission(whole + b"ISA*00*broken~\n" + whole)
    assert [bool(each.unreadable) for each in read.interchanges] == [False, True, False]
    assert codes(read.interchanges[1].findings) == ["TA105-022"]
    assert read.interchanges[1].sender_id == ""


def test_a_broken_isa_before_a_whole_one_does_not_hide_it():
    read = read_transmission(b"ISA*00*broken~\n" + interchange(group(order())))
    assert [bool(each.unreadable) for each in read.interchanges] == [True, False]


def test_the_limits_refuse_with_a_sentence():
    whole = interchange(group(order()))
    assert "limit is 50" in read_transmission(whole, Limits(max_bytes=50)).unreadable
    assert "more than 2 interchanges" in read_transmission(whole * 3, Limits(max_interchanges=2)).unreadable
    (found,) = read_transmission(whole, Limits(max_set_segments=3)).interchanges
    assert codes(found.groups[0].sets[0].findings) == ["RULE-set-size"]


@pytest.mark.parametrize(
    ("data", "known", "words"),
    [
        (b"", "unknown", "empty"),
        (b" \r\n\t ", "unknown", "only blanks"),
        (b"ISA", "x12", "cut off"),
        (b"ISA*00*          *00", "x12", "cut off"),
        (isa().encode(), "x12", "terminator is missing"),
        (b"ISA 00 no separators at all here", "x12", "element separator"),
        (b"ISA*" + b"x" * 500, "x12", "1 of 16"),
        (b"ST*850*0001~BEG*00*SA*1**20260302~", "x12", "no ISA"),
        (b"GS*PO*A*B~", "x12", "no ISA"),
        (b"UNA:+.? 'UNB+UNOA:2+A:1+B:1+260302:0930+1'", "edifact", "EDIFACT"),
        (b"UNB+UNOA:2+A:1+B:1+260302:0930+1'", "edifact", "EDIFACT"),
        (b"<?xml version='1.0'?><Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'/>", "ubl", "UBL"),
        (b"<?xml version='1.0'?><!DOCTYPE cXML SYSTEM 'cXML.dtd'><cXML/>", "cxml", "cXML"),
        (b"<orders/>", "xml", "XML"),
        (b"<<<< not xml", "unknown", "No ISA"),
        (bytes(range(256)), "unknown", "binary"),
        (b"%PDF-1.7\n\x00\x01\x02\x03\x04", "unknown", "binary"),
        (b"Dear all, please find the order attached.", "unknown", "No ISA"),
        ("ISA*00*".encode("utf-16"), "x12", "UTF-16"),
        ("ISA*00*".encode("utf-16-le"), "x12", "UTF-16"),
        ("<a/>".encode("utf-16"), "xml", "XML"),
        ("hello".encode("utf-16"), "unknown", "UTF-16"),
    ],
)
def test_what_is_no_interchange_is_named_with_a_reason(data, known, words):
    read = read_transmission(data)
    assert read.format == known
    assert words in read.unreadable
    assert read.unreadable.endswith(".")
    assert read.interchanges == ()


def test_an_interchange_inside_an_xml_document_is_not_taken_out_of_it():
    assert read_transmission(b"<a>" + interchange(group(order())) + b"</a>").format == "xml"


def test_text_in_any_encoding_in_the_envelope_is_read():
    data = interchange(group(order())).replace(b"ALDERMILL      ", b"ALDERM\xdcHLE    ")
    assert only(data).sender_id == "ALDERM\xdcHLE"
