"""cXML over HTTP with two real gateways: one posts an order, the other answers on the connection."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.demo.company import Company, wait_for

pytestmark = pytest.mark.volume

SECRET = "a shared secret of ours"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "xml" / "cxml" / "OrderRequest" / "new-order.xml"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Company, Company]]:
    """(buyer, seller) who trade in cXML; the seller has an HTTP door."""
    home = tmp_path_factory.mktemp("cxml")
    buyer = Company("harbor-retail", "Harbor Retail", home / "buyer")
    seller = Company("alpine-supply", "Alpine Supply", home / "seller")
    for company in (buyer, seller):
        company.environment["GATEWAY_HTTP_LISTEN"] = "127.0.0.1:0"
    try:
        for company in (buyer, seller):
            company.prepare()
            company.start()
        for company in (buyer, seller):
            company.wait_ready()
        for one, other, theirs, ours in ((buyer, seller, "AN02", "AN01"), (seller, buyer, "AN01", "AN02")):
            secret = base64.b64encode(SECRET.encode()).decode()
            one.call("secret.put", name="cxml", kind="plain", value=secret)
            profile = {
                "code": other.code,
                "name": other.name,
                "status": "live",
                "ids": {"cxml": [{"domain": "NetworkID", "identity": theirs}]},
                "ours": {"xml": [f"NetworkID:{ours}"]},
                "xml": {
                    "standard": "cxml-1.2",
                    "url": address(other),
                    "shared_secret": {"secret": "cxml"},
                    "accepted_secrets": [{"secret": "cxml"}],
                },
            }
            files = [{"name": f"{other.code}.yaml", "text": json.dumps(profile), "files": {}}]
            one.call("partner.apply", files=files, author="test", reason="set up")
        yield buyer, seller
    finally:
        for company in (buyer, seller):
            company.stop()


def address(company: Company) -> str:
    found: str = json.loads((company.home / "run" / "listeners.json").read_text())["cxml"]
    return found


def post(company: Company, body: bytes) -> etree._Element:
    """The Response to a posted body."""
    request = urllib.request.Request(address(company), body, {"Content-Type": "text/xml"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return etree.fromstring(answer.read())


def status_of(root: etree._Element) -> str | None:
    status = root.find("Response/Status")
    assert status is not None
    return status.get("code")


def test_an_order_is_posted_answered_and_settled_on_one_connection(pair: tuple[Company, Company]) -> None:
    buyer, seller = pair
    order: dict[str, Any] = {
        "kind": "order",
        "number": "CX-1",
        "issue_date": "2026-11-20",
        "currency": "USD",
        "receiver": seller.code,
        "parties": [{"type": "ship_to", "name": "Depot", "address": {"city": "Reno", "country": "US"}}],
        "lines": [
            {
                "line_id": "1",
                "quantity": "2",
                "unit": "EA",
                "price": "3.25",
                "item_ids": [{"scheme": "vendor_item", "value": "MUG-1"}],
                "descriptions": [{"text": "Mug"}],
            }
        ],
    }
    buyer.hand_in(order)

    def settled() -> dict[str, Any] | None:
        refusal = buyer.refusal(order)
        assert refusal is None, refusal
        found = buyer.messages(direction="out", number="CX-1")
        return found[0] if found and found[0]["acknowledgement"] == "accepted" else None

    message = wait_for("The answer", settled)
    assert (message["delivery"], message["transport"]) == ("confirmed", "http")
    document = wait_for("The order", lambda: seller.posted("order", "CX-1"))
    assert document["lines"][0]["price"] == "3.25"


def test_the_same_request_again_gets_the_stored_response(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    body = request_of("CX-2", SECRET)
    first, second = post(seller, body), post(seller, body)
    assert status_of(first) == "200"
    assert first.get("payloadID") == second.get("payloadID")
    wait_for("The order", lambda: seller.posted("order", "CX-2"))
    assert len(seller.messages(direction="in", number="CX-2")) == 1


def test_the_same_payload_id_for_another_order_is_a_conflict(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    post(seller, request_of("CX-3", SECRET))
    changed = request_of("CX-3", SECRET).replace(b"CX-3", b"CX-4").replace(b"CX-4@", b"CX-3@")
    assert status_of(post(seller, changed)) == "409"


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_a_wrong_secret_is_answered_401_and_nothing_is_stored(pair: tuple[Company, Company], secret: str) -> None:
    _, seller = pair
    assert status_of(post(seller, request_of("CX-5", secret))) == "401"
    assert seller.messages(direction="in", number="CX-5") == []


def test_an_unknown_sender_gets_the_same_answer(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    assert status_of(post(seller, request_of("CX-6", SECRET).replace(b"AN01", b"AN99"))) == "401"


def test_an_accepted_secret_that_is_not_stored_opens_nothing_and_breaks_nothing(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    profile = {
        "code": "quay-market",
        "name": "Quay Market",
        "status": "live",
        "ids": {"cxml": [{"domain": "NetworkID", "identity": "AN07"}]},
        "xml": {"standard": "cxml-1.2", "accepted_secrets": [{"secret": "quay/theirs"}]},
    }
    files = [{"name": "quay.yaml", "text": json.dumps(profile), "files": {}}]
    seller.call("partner.apply", files=files, author="test", reason="set up")
    assert status_of(post(seller, request_of("CX-8", SECRET).replace(b"AN01", b"AN07"))) == "401"


def test_what_is_no_cxml_is_answered_406(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    for body in (b"hello", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        assert status_of(post(seller, body)) == "406"


def test_an_invalid_request_is_answered_406_with_the_place(pair: tuple[Company, Company]) -> None:
    _, seller = pair
    root = post(seller, request_of("CX-7", SECRET).replace(b"quantity=", b"quantty=", 1))
    assert status_of(root) == "406"
    status = root.find("Response/Status")
    assert status is not None
    assert "ItemOut" in (status.text or "")


def request_of(number: str, secret: str) -> bytes:
    """An order request of the buyer with a payloadID of its own."""
    root = etree.fromstring(FIXTURE.read_bytes(), etree.XMLParser(load_dtd=False, no_network=True))
    root.set("payloadID", f"{number}@harbor.example")
    for side, identity in (("From", "AN01"), ("To", "AN02"), ("Sender", "AN01")):
        party = root.find(f"Header/{side}")
        assert party is not None
        for credential in party.findall("Credential"):
            party.remove(credential)
        credential = etree.Element("Credential", domain="NetworkID")
        etree.SubElement(credential, "Identity").text = identity
        if side == "Sender" and secret:
            etree.SubElement(credential, "SharedSecret").text = secret
        party.insert(0, credential)
    header = root.find("Request/OrderRequest/OrderRequestHeader")
    assert header is not None
    header.set("orderID", number)
    return etree.tostring(root, encoding="UTF-8")
