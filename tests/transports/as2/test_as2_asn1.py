"""The BER reader follows every legal length form and refuses everything else with one kind of error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.as2.asn1 import (
    MAX_DEPTH,
    Asn1Error,
    children,
    content,
    der,
    integer,
    octets,
    oid,
    read,
    read_integer,
    read_oid,
    read_only,
)


@given(st.integers(-(2**400), 2**400))
def test_an_integer_reads_back(value):
    assert read_integer(read(integer(value))) == value


@given(st.binary(max_size=70_000))
def test_an_octet_string_of_any_length_reads_back(value):
    assert octets(read_only(der(0x04, value), 0x04)) == value


def test_an_object_identifier_is_written_as_the_standard_shows():
    assert oid("1.2.840.113549.1.7.2").hex() == "06092a864886f70d010702"
    assert read_oid(read(oid("2.16.840.1.101.3.4.2.1"))) == oid("2.16.840.1.101.3.4.2.1")[2:]


def test_an_indefinite_length_is_followed_to_its_end():
    inner = (
        b"\x24\x80" + der(0x04, b"ab") + b"\x24\x80" + der(0x04, b"cd") + b"\x00\x00" + der(0x04, b"e") + b"\x00\x00"
    )
    data = b"\x30\x80" + integer(5) + inner + b"\x00\x00"
    first, second = children(read_only(data, 0x30))
    assert read_integer(first) == 5
    assert octets(second) == b"abcde"
    assert second.raw == inner


def test_a_constructed_octet_string_of_definite_length_is_joined():
    assert octets(read(der(0x24, der(0x04, b"a"), der(0x24, der(0x04, b"b"), der(0x04, b"c"))))) == b"abc"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (b"\x30", "cut off"),
        (b"\x30\x05\x02\x01\x01", "says 5 bytes"),
        (b"\x1f\x81\x01\x00", "tag number"),
        (b"\x04\x80ab\x00\x00", "primitive"),
        (b"\x04\x89" + b"\x00" * 9, "impossible length"),
        (b"\x04\x84\xff\xff\xff\xff", "says 4294967295"),
        (b"\x30\x80\x02\x01\x01", "cut off"),
        (b"\x30\x80" * (MAX_DEPTH + 2), "nested"),
    ],
)
def test_a_broken_length_is_named(data, words):
    with pytest.raises(Asn1Error, match=words):
        read(data)


def test_bytes_behind_a_structure_are_refused():
    with pytest.raises(Asn1Error, match="1 bytes follow"):
        read_only(integer(1) + b"\x00", 0x02)


def test_the_number_of_elements_is_limited():
    with pytest.raises(Asn1Error, match="more than 10"):
        children(read(der(0x30, *[integer(1)] * 11)), 10)


def test_an_octet_string_holds_octet_strings_only():
    with pytest.raises(Asn1Error, match="inside an octet string"):
        octets(read(der(0x24, integer(1))))


def test_a_primitive_element_has_nothing_inside():
    with pytest.raises(Asn1Error, match="no elements"):
        children(read(integer(1)))


def test_an_empty_integer_is_refused():
    with pytest.raises(Asn1Error, match="integer of 0"):
        read_integer(read(b"\x02\x00"))


@given(st.binary(max_size=300))
def test_rubbish_raises_nothing_but_our_error(data):
    try:
        node = read(data)
        octets(node)
        for child in children(node):
            content(child)
            octets(child)
    except Asn1Error:
        pass
