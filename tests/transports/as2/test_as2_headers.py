"""AS2 names, Message-IDs and receipt requests are read in every legal spelling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.as2.headers import (
    http_date,
    http_fields,
    message_id_problem,
    new_message_id,
    parse_name,
    parse_receipt_request,
    quote_name,
    same_digest,
)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_a_name_survives_quoting(name):
    assert parse_name(quote_name(name)) == name


def test_a_name_is_quoted_only_when_it_must_be():
    assert quote_name("ACME-1!") == "ACME-1!"
    assert quote_name('A "B" \\') == '"A \\"B\\" \\\\"'


@pytest.mark.parametrize("value", ["", "two words", '"', '""', '"a', "a\\b", "ä", "a" * 129, '"' + "a" * 129 + '"'])
def test_an_illegal_name_is_no_name(value):
    assert parse_name(value) is None


@pytest.mark.parametrize("name", ["", "ü", "a\nb", "a" * 129])
def test_we_never_write_an_illegal_name(name):
    with pytest.raises(ValueError, match="AS2 name"):
        quote_name(name)


def test_an_as2_field_that_comes_twice_is_reported():
    fields = http_fields([("AS2-From", "a"), ("as2-from", "b"), ("Via", "x"), ("via", "y")])
    assert (fields.get("as2-from"), fields.doubled, fields.get("via")) == ("a", ("as2-from",), "x, y")


@pytest.mark.parametrize(
    ("value", "words"),
    [("", "no Message-ID"), ("<" + "a" * 998 + ">", "1000 characters"), ("<a b@c>", "spaces"), ("<ü@c>", "ASCII")],
)
def test_a_bad_message_id_is_named(value, words):
    assert words in message_id_problem(value)


def test_brackets_are_not_demanded_of_a_message_id():
    assert message_id_problem("123@host") is None


def test_our_message_ids_have_a_host_name_whatever_we_are_called():
    assert new_message_id("1-2", "gate way.example") == "<1-2@gate-way.example>"
    assert new_message_id("1", "***") == "<1@localhost>"


def test_a_date_is_written_in_gmt():
    at = datetime(2026, 3, 1, 0, 5, 9, tzinfo=timezone(timedelta(hours=2)))
    assert http_date(at) == "Sat, 28 Feb 2026 22:05:09 GMT"
    assert http_date(datetime(2026, 11, 1, tzinfo=UTC)).startswith("Sun, 01 Nov 2026")


def request(options="", to="x@y", url=""):
    items = [
        ("Disposition-Notification-To", to),
        ("Disposition-Notification-Options", options),
        ("Receipt-Delivery-Option", url),
    ]
    return parse_receipt_request(http_fields([item for item in items if item[1]]))


def test_without_the_header_no_receipt_is_wanted():
    assert request(to="", options="signed-receipt-protocol=optional, pkcs7-signature").wanted is False


def test_the_address_in_the_header_does_not_matter():
    assert request(to="§$%&").wanted is True


def test_options_are_read_in_any_order_and_spelling():
    wish = request(
        'signed-receipt-micalg = Required , SHA256,"md5" , sha-3 ; '
        "SIGNED-receipt-protocol=optional,PKCS7-Signature; x=y"
    )
    assert wish.signed is True
    assert wish.protocols == ("pkcs7-signature",)
    assert wish.protocol_required is False
    assert wish.algorithms == (("sha256", "SHA256"), ("md5", "md5"), (None, "sha-3"))


def test_the_importance_may_be_missing():
    assert request("signed-receipt-micalg=sha1").algorithms == (("sha1", "sha1"),)


def test_a_delivery_option_asks_for_a_receipt_on_its_own_connection():
    assert request(url="https://a.example/mdn").url == "https://a.example/mdn"


@pytest.mark.parametrize(
    ("spelling", "digest"),
    [("SHA-256", "sha256"), ("sha_512", "sha512"), ("rsa-sha1", "sha1"), ("MD5", "md5"), ("crc32", None), ("", None)],
)
def test_digest_names_are_the_same_in_every_spelling(spelling, digest):
    assert same_digest(spelling) == digest
