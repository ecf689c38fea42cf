"""Writing: envelope, counts, separators and what is refused."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.standards.edi.model import COMPONENT, REPETITION, Segment, Separators
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.writer import (
    EnvelopeOut,
    GroupOut,
    IllegalCharacterError,
    SeparatorInValueError,
    WriteError,
    isa_version,
    write_interchange,
    write_set,
)

WHEN = datetime(2026, 3, 2, 14, 5)
ENVELOPE = EnvelopeOut("ZZ", "ALDERMILL", "14", "BIRCHHOUSE", 7, WHEN)
ORDER = (
    Segment("ST", ("850", "9999")),
    Segment("BEG", ("00", "SA", "4711", "", "20260302")),
    Segment("PO1", ("1", "12", "EA", "4.5")),
)


def write(*segments, envelope=ENVELOPE, **of_group):
    sets = [write_set(segments or ORDER, 1)]
    return write_interchange(envelope, [GroupOut("ALDER", "BIRCH", 3, sets, **of_group)])


def test_an_interchange_is_written_with_padding_counts_and_control_numbers():
    assert write().decode().splitlines() == [
        "ISA*00*          *00*          *ZZ*ALDERMILL      *14*BIRCHHOUSE     *260302*1405*U*00401*000000007*0*P*>~",
        "GS*PO*ALDER*BIRCH*20260302*1405*3*X*004010~",
        "ST*850*0001~",
        "BEG*00*SA*4711**20260302~",
        "PO1*1*12*EA*4.5~",
        "SE*4*0001~",
        "GE*1*3~",
        "IEA*1*000000007~",
    ]
    assert check_transmission(write()).verdict == "accepted"


def test_a_set_is_numbered_and_counted_anew():
    written = write_set([*ORDER, Segment("SE", ("99", "x"))], "00012")
    assert [(each.tag, each.position) for each in written] == [("ST", 1), ("BEG", 2), ("PO1", 3), ("SE", 4)]
    assert written[0].elements == ("850", "00012")
    assert written[-1].elements == ("4", "00012")
    assert write_set([Segment("ST", ("999", "1", "005010X231A1"))], 3)[0].elements == ("999", "0003", "005010X231A1")


@pytest.mark.parametrize("segments", [[], [Segment("BEG", ("00",))], [Segment("ST", ())]])
def test_a_set_without_st_is_refused(segments):
    with pytest.raises(WriteError, match="begins with ST"):
        write_set(segments, 1)


def test_every_field_of_the_envelope_can_be_given_exactly():
    envelope = replace(
        ENVELOPE,
        control="000000077",
        version="00501",
        usage="T",
        ack_requested=True,
        authorization=("01", "PASS"),
        security=("01", "WORD"),
        date="991231",
        time="2359",
        separators=Separators("|", ":", "\n", "^"),
    )
    data = write(envelope=envelope, version="005010", code="SC", date="19991231", time="235959", agency="T")
    lines = data.decode().split("\n")
    assert lines[0].startswith("ISA|01|PASS      |01|WORD      |ZZ|")
    assert lines[0].endswith("|991231|2359|^|00501|000000077|1|T|:")
    assert lines[1] == "GS|SC|ALDER|BIRCH|19991231|235959|3|T|005010"
    assert write(envelope=replace(envelope, standards_id="U"), version="005010")[82:83] == b"U"


def test_an_interchange_without_group_holds_its_ta1():
    data = write_interchange(ENVELOPE, [], [Segment("TA1", ("000000001", "260302", "1405", "A", "000"))])
    assert data.decode().splitlines()[1:] == ["TA1*000000001*260302*1405*A*000~", "IEA*0*000000007~"]


def test_empty_elements_and_components_at_the_end_are_not_written():
    value = f"PC{COMPONENT}2{COMPONENT}{COMPONENT}"
    assert b"SLN*1**I*3*PC>2~" in write(*ORDER, Segment("SLN", ("1", "", "I", "3", value, "", "")))


def test_repetitions_need_a_separator_for_them():
    segment = Segment("REF", ("DP", f"a{REPETITION}b"))
    modern = replace(ENVELOPE, version="00501")
    assert b"REF*DP*a^b~" in write(*ORDER, segment, envelope=modern, version="005010")
    with pytest.raises(WriteError, match="REF02 has 2 repetitions"):
        write(*ORDER, segment)


@pytest.mark.parametrize("separator", ["*", ">", "~"])
def test_a_separator_in_a_value_is_refused_and_says_where(separator):
    with pytest.raises(SeparatorInValueError) as refused:
        write(*ORDER, Segment("N1", ("ST", f"A{separator}B")))
    assert "Segment 4, element N102" in str(refused.value)
    assert separator in str(refused.value)
    assert "replacement" in str(refused.value)


@pytest.mark.parametrize(("charset", "text"), [("extended", "Müller"), ("basic", "abc"), ("latin-1", "Łódź")])
def test_a_character_outside_the_set_is_refused_and_says_where(charset, text):
    with pytest.raises(IllegalCharacterError, match="element N102"):
        write(*ORDER, Segment("N1", ("ST", text)), envelope=replace(ENVELOPE, charset=charset))


def test_a_replacement_character_stands_in_for_what_cannot_be_sent():
    envelope = replace(ENVELOPE, replacement=" ")
    assert b"N1*ST*A B C~" in write(*ORDER, Segment("N1", ("ST", "A*B\xe9C")), envelope=envelope).replace(
        b"B C", b"B C"
    )
    with pytest.raises(WriteError, match="replacement character"):
        write(envelope=replace(ENVELOPE, replacement="~"))


@pytest.mark.parametrize(("charset", "raw"), [("latin-1", b"M\xfcller"), ("utf-8", "Müller".encode())])
def test_national_letters_are_written_in_the_partners_encoding(charset, raw):
    assert raw in write(*ORDER, Segment("N1", ("ST", "Müller")), envelope=replace(ENVELOPE, charset=charset))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sender_id": "SIXTEEN LETTERS!"}, "ISA06"),
        ({"receiver_id": "A*B"}, "ISA08"),
        ({"control": "12"}, "ISA13"),
        ({"control": 1_000_000_000}, "ISA13"),
        ({"separators": Separators("*", "*", "~")}, "cannot be used"),
        ({"separators": Separators("A", ">", "~")}, "cannot be used"),
    ],
)
def test_an_envelope_that_cannot_be_written_is_refused(change, words):
    with pytest.raises(WriteError, match=words):
        write(envelope=replace(ENVELOPE, **change))


def test_an_unknown_set_needs_its_group_code_named():
    with pytest.raises(WriteError, match="group code"):
        write(Segment("ST", ("123", "1")))
    assert b"GS*QO*" in write(Segment("ST", ("123", "1")), code="QO")


def test_a_segment_id_that_is_none_is_refused():
    with pytest.raises(WriteError, match="not a segment id"):
        write(*ORDER, Segment("n1", ("ST",)))


def test_isa12_follows_from_the_release():
    assert [isa_version(name) for name in ("004010", "005010", "005010X231A1")] == ["00401", "00501", "00501"]


_TEXT = st.text("ABC abc 019.,-/&'()", max_size=12).map(str.rstrip)
_VALUES = st.lists(_TEXT, max_size=6).map(lambda values: tuple(values))


@given(st.lists(st.builds(Segment, st.sampled_from(["N1", "REF", "MSG", "PO1"]), _VALUES), max_size=8))
def test_what_is_written_is_read_back_the_same(segments):
    def trimmed(elements):
        kept = list(elements)
        while kept and not kept[-1]:
            kept.pop()
        return tuple(kept)

    data = write(*ORDER, *segments)
    (only,) = check_transmission(data).interchanges[0].groups[0].sets
    found = [(each.tag, each.elements) for each in only.segments()][3:-1]
    assert found == [(each.tag, trimmed(each.elements)) for each in segments]
