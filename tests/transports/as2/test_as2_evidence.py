"""A signed receipt as the evidence pack keeps it is verified by OpenSSL with the words of the pack's README."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from as2kit import NOW, key

from gateway.messages.evidence import _headers
from gateway.transports.as2.mdn import MdnFacts, build_mdn

pytestmark = pytest.mark.real


@pytest.fixture
def openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
            pytest.fail("openssl is not installed (Debian: openssl)")
        pytest.skip("openssl is not installed (Debian: openssl)")
    return found


@pytest.mark.parametrize("tampered", [False, True])
def test_openssl_verifies_the_receipt_and_refuses_a_changed_one(tmp_path: Path, openssl: str, tampered: bool) -> None:
    facts = MdnFacts("SELLER", "BUYER", "<mdn@seller>", NOW, "<order@buyer>", "processed", "It is here.")
    headers, body = build_mdn(facts, key("seller"))
    if tampered:
        body = body.replace(b"processed", b"processec", 1)
    (tmp_path / "receipt.eml").write_bytes(_headers(headers) + b"\r\n" + body)
    command = [openssl, *["cms", "-verify", "-in", "receipt.eml", "-inform", "SMIME", "-noverify", "-out", "out.txt"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode == 0) is not tampered, done.stderr.decode()
