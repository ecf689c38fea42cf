"""A receipt is built as both standards read it, and confirms a delivery only when everything fits."""

import base64
import hashlib
from dataclasses import replace

import pytest
from as2kit import NOW, key, pinned

from gateway.transports.as2.cms import AlgorithmPolicy
from gateway.transports.as2.headers import http_fields
from gateway.transports.as2.mdn import Expected, MdnFacts, VerdictKind, build_mdn, is_mdn, judge_mdn, open_mdn
from gateway.transports.as2.mime import MimeError

MIC = base64.b64encode(hashlib.sha256(b"order").digest()).decode()
FACTS = MdnFacts(
    our_name="buyer",
    their_name="seller",
    message_id="<mdn-1@buyer.example>",
    date=NOW,
    original_message_id="<out-1@seller.example>",
    disposition="processed",
    text="Thank you.",
    mic=MIC,
    mic_algorithm="sha-256",
)
EXPECTED = Expected("<out-1@seller.example>", "seller", "buyer", {"sha-256": MIC})
THEIRS = (pinned(key("buyer")),)


def read(headers, body, theirs=THEIRS):
    return open_mdn(http_fields(headers), body, theirs, AlgorithmPolicy(), NOW)


def judged(expected=EXPECTED, signer=None, theirs=THEIRS, **changes):
    headers, body = build_mdn(replace(FACTS, **changes), signer or key("buyer"))
    return judge_mdn(read(headers, body, theirs), expected)


def raw(fields: str, *, boundary="r", text="hello", kind="message/disposition-notification"):
    """An unsigned report with hand-written fields."""
    body = (
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--{boundary}\r\n"
        f"Content-Type: {kind}\r\n\r\n{fields}\r\n--{boundary}--\r\n"
    ).encode()
    headers = [
        ("AS2-From", "buyer"),
        ("AS2-To", "seller"),
        ("Content-Type", f"multipart/report; report-type=disposition-notification; boundary={boundary}"),
    ]
    return headers, body


def test_a_signed_receipt_with_an_equal_mic_confirms():
    verdict = judged()
    assert (verdict.kind, verdict.mic_matched, verdict.signed) == (VerdictKind.CONFIRMED, True, True)


def test_an_unsigned_receipt_confirms_only_where_no_signature_was_asked_for():
    headers, body = build_mdn(FACTS, None)
    mdn = read(headers, body)
    assert judge_mdn(mdn, EXPECTED).kind is VerdictKind.UNPROVEN
    assert judge_mdn(mdn, replace(EXPECTED, signed=False)).kind is VerdictKind.CONFIRMED


def test_the_fields_are_those_of_the_standard():
    headers, body = build_mdn(FACTS, None)
    mdn = read(headers, body)
    assert mdn.fields["final-recipient"] == "rfc822; buyer"
    assert mdn.fields["original-message-id"] == "<out-1@seller.example>"
    assert mdn.fields["disposition"] == "automatic-action/MDN-sent-automatically; processed"
    assert mdn.fields["received-content-mic"] == f"{MIC}, sha-256"
    assert dict(headers)["AS2-To"] == "seller"
    assert mdn.text == "Thank you."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"original_message_id": "<other@x>"}, "another message"),
        ({"original_message_id": ""}, "another message"),
        ({"our_name": "Buyer"}, "was expected"),
        ({"their_name": "somebody"}, "was expected"),
        ({"signer": key("stranger")}, "not on file"),
        ({"theirs": ()}, "not on file"),
    ],
)
def test_a_receipt_that_does_not_fit_proves_nothing(changes, words):
    verdict = judged(**changes)
    assert verdict.kind is VerdictKind.UNPROVEN
    assert words in verdict.reason


def test_brackets_around_the_message_id_do_not_matter():
    assert judged(original_message_id="out-1@seller.example").kind is VerdictKind.CONFIRMED


@pytest.mark.parametrize(
    ("changes", "words", "matched"),
    [
        ({"mic": ""}, "no message integrity check", None),
        ({"mic": "AAAA"}, "other bytes", False),
        ({"mic_algorithm": "sha-512"}, "other bytes", False),
        ({"mic_algorithm": "crc"}, "other bytes", False),
        ({"disposition": "processed/error: decryption-failed", "mic": ""}, "could not decrypt", None),
        ({"disposition": "processed/error: authentication-failed"}, "cannot authenticate us", True),
        ({"disposition": "failed/Failure: unsupported MIC-algorithms", "mic": ""}, "MIC algorithm", None),
        ({"disposition": "processed/error: something-new", "mic": ""}, "“something-new”", None),
        ({"disposition": "deleted", "mic": ""}, "“deleted”", None),
    ],
)
def test_a_believable_no_is_told_in_words(changes, words, matched):
    verdict = judged(**changes)
    assert verdict.kind is VerdictKind.NEGATIVE
    assert words in verdict.reason
    assert verdict.mic_matched is matched


def test_a_warning_with_an_equal_mic_is_a_delivery():
    verdict = judged(disposition="processed/warning: duplicate-document")
    assert verdict.kind is VerdictKind.CONFIRMED
    assert "duplicate-document" in verdict.reason


def test_any_of_the_stored_digests_confirms():
    other = {"sha-512": "AAAA", "sha-256": "AAAA", "sha-256; other": MIC}
    assert judged(replace(EXPECTED, mics=other), mic_algorithm="SHA256").kind is VerdictKind.CONFIRMED


@pytest.mark.parametrize(
    ("lines", "disposition"),
    [
        ("Disposition: automatic-action/MDN-sent-automatically; processed", "processed"),
        (
            "DISPOSITION: Automatic-Action/MDN-Sent-Automatically;Processed/Error:decryption-failed",
            "processed/error: decryption-failed",
        ),
        ("Disposition: a/b; processed/error\r\nError: decryption-failed", "processed/error: decryption-failed"),
        ("Disposition: a/b; failed\r\nFailure: unsupported format", "failed/failure: unsupported format"),
        ("Disposition: a/b; processed/Warning\r\nWarning: duplicate-document", "processed/warning: duplicate-document"),
        ("Disposition: a/b; processed/error", "processed/error"),
        ("Disposition: nothing", ""),
        ("Reporting-UA: x", ""),
        ("\r\nReporting-UA: x\r\n\r\nDisposition: a/b; processed\r\n", "processed"),
    ],
)
def test_every_spelling_of_a_disposition_is_read(lines, disposition):
    assert read(*raw(lines)).disposition == disposition


def test_an_error_without_a_detail_is_still_a_no():
    mdn = read(*raw("Original-Message-ID: <out-1@seller.example>\r\nDisposition: a/b; processed/error"))
    assert judge_mdn(mdn, replace(EXPECTED, signed=False)).kind is VerdictKind.NEGATIVE


def test_a_mic_that_is_no_base64_is_no_mic():
    assert read(*raw("Disposition: a/b; processed\r\nReceived-Content-MIC: ?!, sha1")).mic == b""


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        raw("Disposition: a; b", kind="text/plain"),
        raw("Disposition: a; processed\r\nDisposition: a; failed"),
        ([("Content-Type", "text/html")], b"<html>"),
        ([("Content-Type", "multipart/report; boundary=r")], b"nothing"),
        ([], b""),
    ],
)
def test_what_is_no_receipt_is_refused(headers, body):
    with pytest.raises(MimeError):
        read(headers, body)


def test_a_receipt_is_told_from_a_message():
    assert is_mdn(http_fields(build_mdn(FACTS, None)[0]), build_mdn(FACTS, None)[1])
    assert is_mdn(http_fields(build_mdn(FACTS, key("buyer"))[0]), build_mdn(FACTS, key("buyer"))[1])
    assert not is_mdn(http_fields([("Content-Type", "application/edi-x12")]), b"ISA")
    assert not is_mdn(http_fields([("Content-Type", "multipart/signed; boundary=x")]), b"rubbish")
    assert not is_mdn(http_fields([("Content-Type", "multipart/signed; boundary")]), b"rubbish")


def test_a_malformed_message_id_is_never_repeated_as_it_came():
    _, body = build_mdn(replace(FACTS, original_message_id="<a b\r\nX-Evil: 1@c>"), None)
    assert b"<a?b??X-Evil:?1@c>" in body


def test_a_receipt_signed_with_a_broken_structure_is_not_signed():
    headers, body = build_mdn(FACTS, key("buyer"))
    start = body.index(b"filename=smime.p7s")
    broken = body[: start + 22] + b"AAAA" + body[body.rindex(b"\r\n--") :]
    mdn = read(headers, broken)
    assert mdn.signer is None
    assert "structure" in mdn.signature_problem or "read" in mdn.signature_problem
