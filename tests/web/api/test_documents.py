"""Handing in documents: taken once, refused with every reason, and asked again without harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.web.api.endpoints import MAX_DOCUMENT
from gateway.web.api.models import Sent
from tests.web.api.apikit import INVOICE, program, told
from tests.web.webkit import WebKit


def sent_invoices(web: WebKit) -> list[str]:
    return [document.number for document in web.kit.documents(direction="out")]


def test_a_document_is_taken_stored_and_sent(web: WebKit) -> None:
    asking = program(web, "olga")
    answer = asking.post("/documents", INVOICE)
    assert answer.status_code == 202, answer.text
    Sent.model_validate(answer.json)
    assert answer.headers["Location"] == f"/api/v1/documents/{answer.json['id']}"
    assert asking.get(answer.json["links"]["message"].removeprefix("/api/v1")).json["delivery"] == "confirmed"
    assert asking.get(answer.json["links"]["document"].removeprefix("/api/v1")).json["number"] == "INV-1"
    assert b"INV-1" in web.kit.partner.payloads[-1]
    stages = asking.get(f"/messages/{answer.json['id']}").json["stages"]
    assert "olga (token test)" in {stage["actor"] for stage in stages}


def test_the_same_key_and_body_get_the_same_answer_and_send_once(web: WebKit) -> None:
    asking = program(web, "olga")
    first = asking.post("/documents", INVOICE, Idempotency_Key="order-77")
    again = asking.post("/documents", INVOICE, Idempotency_Key="order-77")
    assert (first.status_code, first.json) == (again.status_code, again.json) == (202, first.json)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert sent_invoices(web) == ["INV-1"]


def test_the_same_key_with_another_body_or_partner_is_refused(web: WebKit) -> None:
    asking = program(web, "olga")
    asking.post("/documents", INVOICE, Idempotency_Key="k")
    told(asking.post("/documents", {**INVOICE, "number": "INV-2"}, Idempotency_Key="k"), 422, "key-reused")
    told(asking.post("/documents?partner=harbor", INVOICE, Idempotency_Key="k"), 422, "key-reused")
    assert sent_invoices(web) == ["INV-1"]
    other = program(web, "adam").post("/documents", {**INVOICE, "number": "INV-3"}, Idempotency_Key="k")
    assert other.status_code == 202


def test_a_claim_whose_request_died_is_taken_up_again(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, whole = program(web, "olga"), web.site.operate

    def die(_name: str, _parameters: dict[str, Any]) -> Any:
        raise ZeroDivisionError("the power went")

    object.__setattr__(web.site, "operate", die)
    told(asking.post("/documents", INVOICE, Idempotency_Key="k"), 500, "failed")
    object.__setattr__(web.site, "operate", whole)
    assert asking.post("/documents", INVOICE, Idempotency_Key="k").status_code == 202
    assert sent_invoices(web) == ["INV-1"]


@pytest.mark.parametrize("key", ["a b", "x" * 201, "ü", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(web: WebKit, key: str) -> None:
    told(program(web, "olga").post("/documents", INVOICE, Idempotency_Key=key), 400, "bad-request")
    assert sent_invoices(web) == []


@pytest.mark.parametrize(
    ("body", "status", "name", "path"),
    [
        ({**INVOICE, "receiver": "nobody"}, 422, "refused", "receiver"),
        ({**INVOICE, "colour": "red"}, 422, "refused", "colour"),
        ({**INVOICE, "id": "2b0f7f0e-6f53-4c4e-a1f6-0f2c6a1f0f00"}, 422, "refused", "id"),
        ({"kind": "letter"}, 422, "refused", "kind"),
        ([INVOICE], 422, "refused", None),
        ("null", 422, "refused", None),
        ("", 400, "bad-request", None),
        ("ISA*00*", 400, "bad-request", None),
        ("[" * 200_000, 400, "bad-request", None),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, None, None, None),
        ("x" * (MAX_DOCUMENT + 1), 413, "too-large", None),
    ],
)
def test_what_cannot_be_sent_is_told_with_every_reason(
    web: WebKit, body: Any, status: int | None, name: str | None, path: str | None
) -> None:
    answer = program(web, "olga").post("/documents", body)
    assert 400 <= answer.status_code < 500
    if status is not None and name is not None:
        found = told(answer, status, name)
        if path:
            assert path in {part["path"] for part in found["errors"]}
    assert sent_invoices(web) == []


def test_a_number_that_was_sent_before_with_other_content_is_refused(web: WebKit) -> None:
    asking = program(web, "olga")
    asking.post("/documents", INVOICE)
    found = told(asking.post("/documents", {**INVOICE, "issue_date": "2026-11-19"}), 422, "refused")
    assert found["errors"][0]["fix"]


def test_a_token_that_only_reads_sends_nothing(web: WebKit) -> None:
    told(program(web, "olga", "messages:read").post("/documents", INVOICE), 403, "not-allowed")
    assert json.dumps(sent_invoices(web)) == "[]"
