"""One segment of bytes into text."""

from gateway.standards.edi.model import COMPONENT, REPETITION, Segment, Separators
from gateway.standards.edi.parse import parse_segment

PLAIN = Separators("*", ">", "~")
FULL = Separators("|", ":", "\n", "^")


def test_elements_keep_their_places_and_lose_the_empty_end():
    assert parse_segment(b"PO1*1**EA***", PLAIN, position=3, offset=99) == Segment("PO1", ("1", "", "EA"), 3, 99)


def test_components_and_repetitions_get_their_own_joints():
    assert parse_segment(b"REF|DP^IA|1:2", FULL).elements == (f"DP{REPETITION}IA", f"1{COMPONENT}2")
    assert parse_segment(b"REF*A^B>C", PLAIN).elements == (f"A^B{COMPONENT}C",)


def test_blanks_at_the_end_go_unless_they_are_all():
    assert parse_segment(b"N1*ST * A *   *92", PLAIN).elements == ("ST", " A", "   ", "92")


def test_bytes_that_are_no_text_do_not_stop_the_reading():
    assert parse_segment(b"N1*\xff", PLAIN, "utf-8").elements == ("\ufffd",)
    assert parse_segment(b"N1*Z\xfcrich", PLAIN, "latin-1").elements == ("Zürich",)


def test_a_segment_may_be_its_id_alone_or_nothing():
    assert parse_segment(b"LE", PLAIN) == Segment("LE", ())
    assert parse_segment(b"", PLAIN) == Segment("", ())
