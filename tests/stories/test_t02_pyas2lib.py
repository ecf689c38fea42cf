"""A partner with other AS2 software trades with a running gateway: orders one way, acknowledgements the other."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.company import Company, wait_for
from gateway.transports.as2.identity import make_identity

pytestmark = [pytest.mark.real, pytest.mark.volume]
PEER = Path(__file__).parents[1] / "interop" / "pyas2_peer.py"
ORDER = Path(__file__).parents[1] / "fixtures" / "demo" / "004010" / "850-01-plain.edi"


class Peer:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def send(self, url: str, payload: bytes, **options: object) -> dict[str, Any]:
        order = {"url": url, "payload": base64.b64encode(payload).decode(), "options": options}
        with urllib.request.urlopen(f"{self.url}/send", json.dumps(order).encode(), timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def received(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/received", timeout=60) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found


@pytest.fixture
def seller(tmp_path: Path) -> Iterator[Company]:
    company = Company("alpine-supply", "Alpine Supply", tmp_path / "seller")
    company.prepare()
    company.start()
    try:
        company.wait_ready()
        yield company
    finally:
        company.stop()


@pytest.fixture
def peer(tmp_path: Path, seller: Company) -> Iterator[Peer]:
    identity = make_identity("HARBORRETAIL", datetime.now(UTC), bits=2048)
    config = {
        "name": "HARBORRETAIL",
        "their_name": seller.as2_name,
        "key": identity.private_key_pem.decode(),
        "certificate": identity.certificate_pem.decode(),
        "their_certificate": seller.certificate.read_text(),
    }
    path = tmp_path / "peer.json"
    path.write_text(json.dumps(config))
    process = subprocess.Popen([sys.executable, str(PEER), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        reason = process.communicate()[1].decode()[-400:]
        if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
            pytest.fail(f"pyas2lib does not run here: {reason}")
        pytest.skip(f"pyas2lib does not run here: {reason}")
    found = Peer(int(line))
    buyer = Company(
        "harbor-retail", "Harbor Retail", tmp_path, "HARBORRETAIL", tmp_path / "peer.crt", f"{found.url}/as2"
    )
    buyer.certificate.write_bytes(identity.certificate_pem)
    seller.befriend(buyer, "004010")
    try:
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_an_order_comes_in_and_its_997_goes_out_each_proven_by_a_signed_receipt(peer: Peer, seller: Company) -> None:
    options = {
        "sign": True,
        "digest_alg": "sha256",
        "encrypt": True,
        "enc_alg": "aes_256_cbc",
        "compress": True,
        "mdn_mode": "SYNC",
        "mdn_digest_alg": "sha256",
    }
    result = peer.send(seller.url, ORDER.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), **options)
    assert (result["http"], result["status"]) == (200, "processed"), result
    document = wait_for("The posted order", lambda: seller.posted("order", "HR-450017"))
    assert document["sender"] == "harbor-retail"
    (answer,) = peer.received()
    assert (answer["signed"], answer["encrypted"], answer["compressed"]) == (True, True, True)
    assert b"AK9*A*1*1*1" in base64.b64decode(answer["payload"])

    def confirmed() -> bool:
        shown = seller.show(document["id"])["acknowledgements"]
        return bool(shown) and shown[0]["state"] == "confirmed"

    wait_for("pyas2lib's receipt for the 997", confirmed)


def test_an_unsigned_order_is_refused_and_staff_see_the_true_reason(peer: Peer, seller: Company) -> None:
    result = peer.send(seller.url, ORDER.read_bytes(), mdn_mode="SYNC", mdn_digest_alg="sha256")
    assert result["status"] != "processed"
    cases = wait_for("The case", lambda: seller.call("case.list")["cases"])
    assert "sign" in cases[0]["title"]
    assert seller.posted("order", "HR-450017") is None
