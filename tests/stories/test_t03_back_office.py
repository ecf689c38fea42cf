"""A developer connects a back office: what comes out of the inbox, what goes into the outbox, and why it came back."""

from __future__ import annotations

import json
from typing import Any

from gateway.demo.company import Company, wait_for
from tests.faults.faultskit import order

Pair = tuple[Company, Company]


def test_an_order_dropped_in_the_outbox_appears_in_the_sellers_inbox(companies: Pair) -> None:
    buyer, seller = companies
    buyer.hand_in(order("PO-100"))
    document = wait_for("The order", lambda: seller.posted("order", "PO-100"))
    assert document["sender"] == "harbor-retail"
    assert document["role"] == "sell"
    assert document["lines"][0]["quantity"] == "12"
    done = buyer.home / "outbox" / "done" / "order-PO-100.json"
    wait_for("The move of the file", done.exists)


def test_a_document_with_wrong_fields_comes_back_with_every_error_and_its_path(companies: Pair) -> None:
    buyer, seller = companies
    wrong: dict[str, Any] = {**order("PO-101"), "numbr": "x", "issue_date": "yesterday"}
    wrong["lines"][0]["quantity"] = "twelve"
    buyer.hand_in(wrong)
    reasons = wait_for("The refusal", lambda: buyer.refusal(wrong))["reasons"]
    paths = {reason["path"] for reason in reasons}
    assert {"numbr", "issue_date", "lines[0].quantity"} <= paths
    assert any("number" in reason["message"] for reason in reasons if reason["path"] == "numbr")
    failed = buyer.home / "outbox" / "failed" / "order-PO-101.json"
    assert json.loads(failed.read_text())["number"] == "PO-101"
    assert seller.posted("order", "PO-101") is None


def test_the_same_file_twice_is_one_order(companies: Pair) -> None:
    buyer, seller = companies
    buyer.hand_in(order("PO-102"))
    done = buyer.home / "outbox" / "done"
    wait_for("The first move", (done / "order-PO-102.json").exists)
    buyer.hand_in(order("PO-102"))
    wait_for("The second move", lambda: len(list(done.glob("order-PO-102*"))) == 2)
    wait_for("The order", lambda: seller.posted("order", "PO-102"))
    assert len(list((seller.home / "inbox").glob("*/order-PO-102-*.json"))) == 1
