"""Attacks on receipts: a forged, borrowed or altered MDN never confirms a delivery."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "transports" / "as2"))

from as2kit import NOW, key, pinned

from gateway.transports.as2.asn1 import children, der
from gateway.transports.as2.building import base64_lines
from gateway.transports.as2.cms import AlgorithmPolicy, sign_detached
from gateway.transports.as2.cms import algorithms as known
from gateway.transports.as2.cms.structure import content_info, open_content_info
from gateway.transports.as2.headers import http_fields
from gateway.transports.as2.mdn import Expected, MdnFacts, VerdictKind, build_mdn, judge_mdn, open_mdn
from gateway.transports.as2.mime import MimeError, parse_parameters, split_multipart

MIC = base64.b64encode(hashlib.sha256(b"order").digest()).decode()
EXPECTED = Expected("<out-1@seller.example>", "seller", "buyer", {"sha-256": MIC})
FACTS = MdnFacts("buyer", "seller", "<m@b>", NOW, "<out-1@seller.example>", "processed", "ok", MIC, "sha-256")
HEADERS, BODY = build_mdn(FACTS, key("buyer"))
REPORT = split_multipart(BODY, parse_parameters(dict(HEADERS)["Content-Type"]).get("boundary"))[0]


def judged(body=BODY, headers=HEADERS):
    mdn = open_mdn(http_fields(headers), body, (pinned(key("buyer")),), AlgorithmPolicy(), NOW)
    return judge_mdn(mdn, EXPECTED)


def with_signature(structure: bytes) -> bytes:
    start = BODY.index(b"smime.p7s\r\n\r\n") + 13
    return BODY[:start] + base64_lines(structure) + BODY[BODY.rindex(b"\r\n--") :]


def with_signers(*signatures: bytes) -> bytes:
    parts = children(open_content_info(signatures[0])[1]) if signatures else []
    base = parts or children(open_content_info(sign_detached(REPORT, key("buyer"), "sha256", NOW))[1])
    infos = [children(children(open_content_info(one)[1])[-1])[0].raw for one in signatures]
    return content_info(known.SIGNED_DATA, der(0x30, *(part.raw for part in base[:-1]), der(0x31, *infos)))


def test_the_untouched_receipt_confirms():
    assert judged().kind is VerdictKind.CONFIRMED
    assert judged(with_signature(sign_detached(REPORT, key("buyer"), "sha256", NOW))).kind is VerdictKind.CONFIRMED


FORGED = {
    "zero signers": with_signers(),
    "two signers": with_signers(
        sign_detached(REPORT, key("buyer"), "sha256", NOW), sign_detached(REPORT, key("stranger"), "sha256", NOW)
    ),
    "a stranger": sign_detached(REPORT, key("stranger"), "sha256", NOW),
    "a signature over something else": sign_detached(b"other", key("buyer"), "sha256", NOW),
    "a forbidden digest": sign_detached(REPORT, key("buyer"), "sha1", NOW),
    "no structure": b"",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_signature_confirms_nothing(case):
    verdict = judged(with_signature(FORGED[case]))
    assert (verdict.kind, verdict.signed) == (VerdictKind.UNPROVEN, False)


def test_an_altered_receipt_confirms_nothing():
    for old, new in ((b"; processed", b"; Processed"), (MIC.encode(), b"A" + MIC[1:].encode()), (b"ok", b"OK")):
        assert old in BODY
        assert judged(BODY.replace(old, new)).kind is VerdictKind.UNPROVEN


def test_a_signed_part_wrapped_beside_a_forged_report_confirms_nothing():
    boundary = parse_parameters(dict(HEADERS)["Content-Type"]).get("boundary").encode()
    forged = REPORT.replace(MIC.encode(), b"AAAA")
    parts = split_multipart(BODY, boundary.decode())
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in (forged, parts[0], parts[1]))
    assert judged(body + b"--%s--\r\n" % boundary).kind is VerdictKind.UNPROVEN


def test_a_receipt_with_doubled_fields_is_not_read():
    headers, body = build_mdn(FACTS, None)
    doubled = body.replace(b"Disposition:", b"Disposition: a/b; failed\r\nDisposition:")
    with pytest.raises(MimeError):
        judged(doubled, headers)


def test_a_receipt_cut_off_at_any_byte_never_confirms_and_raises_only_that_it_is_none():
    for length in range(len(BODY) - 2):
        try:
            verdict = judged(BODY[:length])
        except MimeError:
            continue
        assert verdict.kind is VerdictKind.UNPROVEN
