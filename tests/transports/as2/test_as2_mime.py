"""MIME is read byte by byte as received, and what can be read in two ways is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.as2.mime import (
    Entity,
    FilenameError,
    MimeError,
    content_type,
    decode_transfer,
    filename_of,
    multipart,
    parse_entity,
    parse_parameters,
    quoted,
    render_entity,
    split_multipart,
)


def entity(**fields):
    return Entity({name.replace("_", "-"): value for name, value in fields.items()}, fields.pop("body", b""))


@given(st.binary(max_size=2000))
def test_an_entity_reads_back_with_its_body_untouched(body):
    raw = render_entity([("Content-Type", "text/plain"), ("X-A", "b")], body)
    read = parse_entity(raw)
    assert (read.body, read.raw, read.get("content-type"), read.get("x-a")) == (body, raw, "text/plain", "b")


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_a_multipart_splits_into_the_bytes_it_was_made_of(parts):
    assert split_multipart(multipart(parts, "=b_1"), "=b_1") == tuple(parts)


def test_a_folded_field_is_unfolded():
    assert parse_entity(b"Content-Type: a/b;\r\n\tx=1\r\n\r\n").get("content-type") == "a/b; x=1"


def test_header_lines_may_end_in_a_bare_line_feed():
    assert parse_entity(b"Content-Type: a/b\n\nbody").body == b"body"


def test_a_part_without_fields_is_legal():
    assert parse_entity(b"\r\nbody").body == b"body"


def test_a_latin_1_value_is_read():
    assert parse_entity(b"Subject: Stra\xdfe\r\n\r\n").get("subject") == "Straße"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"Content-Type: a/b\r\n", "no end"),
        (b"no colon\r\n\r\n", "not a header field"),
        (b"Bad Name: x\r\n\r\n", "not a header field"),
        (b" folded: first\r\n\r\n", "continuation"),
        (b"Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n", "two content-type"),
        (b"X: a\x00b\r\n\r\n", "control characters"),
        (b"X: a\rb\r\n\r\n", "control characters"),
        (b"X: " + b"a" * 20_000 + b"\r\n\r\n", "no end"),
        (b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n", "too long"),
    ],
)
def test_a_broken_header_block_is_named(raw, words):
    with pytest.raises(MimeError, match=words):
        parse_entity(raw)


def test_a_notification_may_hold_no_field_twice():
    with pytest.raises(MimeError, match="two disposition"):
        parse_entity(b"Disposition: a\r\nDisposition: b\r\n\r\n", unique=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no delimiter line"),
        (b"--b\r\nA", "no closing delimiter"),
        (b"--b\r\nA\r\n--b", "middle of a delimiter"),
        (b"--b\r\nA\r\n--b--\r\nepilogue", "bytes follow"),
        (b"--b\r\nA\r\n--b--\r\n\r\n", "bytes follow"),
        (b"--b--\r\n", "no part"),
        (b"--b\r\n--b--\r\n", "overlap"),
        (b"--b\r\nA\n--b--\r\n", "no closing delimiter"),
        (b"--b\r\nA\r\n--bb--\r\n", "no closing delimiter"),
        (b"--b\r\nA" + b"\r\n--b\r\nA" * 60, "more than 50"),
    ],
)
def test_a_broken_multipart_is_named(body, words):
    with pytest.raises(MimeError, match=words):
        split_multipart(body, "b")


def test_a_preamble_and_padding_behind_a_delimiter_are_skipped():
    body = b"This is MIME.\r\n--b \t\r\nA--b\r\n--bx\r\n--b-- \r\n"
    assert split_multipart(body, "b") == (b"A--b\r\n--bx",)


def test_the_last_line_end_may_be_missing():
    assert split_multipart(b"--b\r\nA\r\n--b--", "b") == (b"A",)


@pytest.mark.parametrize("boundary", ["", "a" * 71, "ends with space ", "ümlaut", "a\r\nb"])
def test_an_illegal_boundary_is_refused(boundary):
    with pytest.raises(MimeError, match="boundary"):
        split_multipart(b"--x\r\n", boundary)


def test_parameters_are_read_in_every_spelling():
    read = parse_parameters('Multipart/Signed; MICALG=sha-256 ; protocol="application/x\\"y"; boundary="a;b";')
    assert read.value == "multipart/signed"
    assert dict(read.parameters) == {"micalg": "sha-256", "protocol": 'application/x"y', "boundary": "a;b"}


def test_an_extended_parameter_is_decoded():
    assert parse_parameters("attachment; filename*=UTF-8''bestell%C3%BCng.edi").get("filename") == "bestellüng.edi"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a/b; =x", "not a parameter"),
        ("a/b; x", "no value"),
        ('a/b; x="open', "not closed"),
        ('a/b; x="open\\', "not closed"),
        ("a/b; x=1; x=2", "twice"),
        ('a/b; x="1"junk', "unexpected text"),
        ("a/b; f*=EBCDIC''x", "unknown character set"),
        ("a/b; f*=utf-8''%ff", "not in its character set"),
    ],
)
def test_a_broken_parameter_is_named(value, words):
    with pytest.raises(MimeError, match=words):
        parse_parameters(value)


@given(st.text(max_size=60))
def test_a_quoted_value_stays_on_its_line_and_reads_back(value):
    text = quoted(value)
    assert all(" " <= character <= "~" for character in text)
    shown = "".join(character if " " <= character <= "~" else "_" for character in value)
    assert parse_parameters(f"a/b; x={text}").get("x") == shown


@pytest.mark.parametrize(
    ("encoding", "body", "clear"),
    [
        ("", b"a=\r\n", b"a=\r\n"),
        ("BINARY", b"\x00\xff", b"\x00\xff"),
        ("base64", b"YW\r\nJj\r\n", b"abc"),
        ("Quoted-Printable", b"a=3Db=\r\nc", b"a=bc"),
    ],
)
def test_transfer_encodings_are_removed(encoding, body, clear):
    assert decode_transfer(Entity({"content-transfer-encoding": encoding}, body)) == clear


@pytest.mark.parametrize(("encoding", "body"), [("base64", b"a"), ("base64", b"!!!!"), ("uuencode", b"x")])
def test_a_broken_or_unknown_encoding_is_refused(encoding, body):
    with pytest.raises(MimeError):
        decode_transfer(Entity({"content-transfer-encoding": encoding}, body))


@pytest.mark.parametrize(
    ("disposition", "kind", "name"),
    [
        ('attachment; filename="po 1.edi"', "", "po 1.edi"),
        ("attachment; filename=../../etc/passwd", "", "passwd"),
        ('attachment; filename="C:\\\\in\\\\po.edi"', "", "po.edi"),
        ("attachment", "application/xml; name=order.xml", "order.xml"),
        ("attachment; filename=..", "", None),
        ("", "", None),
    ],
)
def test_a_file_name_is_a_base_name(disposition, kind, name):
    assert filename_of(Entity({"content-disposition": disposition, "content-type": kind}, b"")) == name


def test_an_unusable_file_name_is_refused():
    with pytest.raises(FilenameError):
        filename_of(Entity({"content-disposition": f"attachment; filename={'a' * 256}"}, b""))
    with pytest.raises(FilenameError):
        filename_of(Entity({"content-disposition": "attachment; filename*=utf-8''a%0Ab"}, b""))


def test_a_missing_content_type_means_bytes():
    assert content_type(Entity({}, b"")).value == "application/octet-stream"
