"""Whatever the bytes, a check ends in a verdict and never in an exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.standards.inspect import inspect_file
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.parsing import XmlRefused, parse_xml, serialise
from tests.attacks.xml_inputs import CXML_DOCTYPE, cxml, order, sbdh

WHOLE = [text.encode() for text in (order(), CXML_DOCTYPE + cxml(), sbdh())]
VERDICTS = {"accepted", "accepted_with_errors", "partially_accepted", "rejected", "unreadable"}
PIECES = st.sampled_from(
    [
        *(b"<", b">", b"&", b"/", b'"', b"'", b"=", b"]]>", b"<!--", b"-->", b"<![CDATA[", b"<?x ?>", b"&x;", b"<a>"),
        *(b"<!DOCTYPE x>", b"\x00", b"\xff", b"\xef\xbb\xbf", b"</a>", b"xmlns=''", b"\n", b"1e9", b"-1", b"\xc3\xa9"),
    ]
)
#: Texts that may stand in a CDATA section.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40).filter(
    lambda text: "]]>" not in text
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES), min_size=1, max_size=6),
)
def test_a_changed_document_still_gets_a_verdict(whole, changes):
    data = whole
    for where, removed, added in changes:
        at = int(where * len(data))
        data = data[:at] + added + data[at + removed :]
    checked = check_xml(data)
    assert checked.verdict in VERDICTS
    assert (checked.verdict == "unreadable") == bool(checked.unreadable)
    inspect_file("changed", data, ack=True)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_verdict(data):
    assert check_xml(data).verdict in VERDICTS
    assert check_xml(b"<" + data).verdict in VERDICTS


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.sampled_from(["utf-8", "utf-16"]))
def test_what_is_written_is_read_again(text, encoding):
    data = f'<?xml version="1.0" encoding="{encoding}"?><a><![CDATA[{text}]]></a>'.encode(encoding)
    root = parse_xml(data).root
    assert root.text == text
    assert (parse_xml(serialise(root)).root.text or "") == text


def test_a_refusal_keeps_nothing_of_the_file_in_memory():
    try:
        parse_xml(b"<a>" + b"x" * 300_000)
    except XmlRefused as refused:
        assert refused.__cause__ is None
        assert refused.__context__ is None
