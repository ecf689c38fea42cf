"""A newcomer runs the demonstration and sees two companies trade, every acknowledgement proven."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.story import Step

pytestmark = pytest.mark.volume

FIXTURES = Path(__file__).parents[1] / "fixtures"


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    done = gateway("demo", "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_demonstration_is_right_and_has_the_promised_form(demo: dict[str, Any]) -> None:
    assert demo["ok"] is True
    keys = {
        *("step", "company", "direction", "document", "standard", "transport", "partner", "number", "expected"),
        *("processing", "delivery", "acknowledgement", "mdn", "mic_matched", "milliseconds"),
    }
    for step in demo["steps"]:
        assert keys <= set(step)
        assert step["standard"] in ("x12-004010", "x12-005010", "ubl-2.1", "cxml-1.2")
        assert step["transport"] in ("as2", "sftp", "http")


@pytest.mark.parametrize(
    ("version", "buyer", "seller"),
    [("x12-004010", "Harbor Retail", "Alpine Supply"), ("x12-005010", "Alpine Supply", "Harbor Retail")],
)
@pytest.mark.parametrize("document", ["850", "855", "856", "810"])
def test_every_document_is_posted_and_acknowledged_in_each_direction(
    demo: dict[str, Any], version: str, buyer: str, seller: str, document: str
) -> None:
    sender, receiver = (buyer, seller) if document == "850" else (seller, buyer)
    steps = [s for s in demo["steps"] if (s["document"], s["standard"], s["transport"]) == (document, version, "as2")]
    sent = [s for s in steps if (s["company"], s["direction"], s["expected"]) == (sender, "out", "accepted")]
    got = [s for s in steps if (s["company"], s["direction"], s["expected"]) == (receiver, "in", "posted")]
    assert len(sent) == len(got) == 4
    assert {(s["delivery"], s["acknowledgement"], s["mdn"], s["mic_matched"]) for s in sent} == {
        ("confirmed", "accepted", "processed", True)
    }
    assert {s["processing"] for s in got} == {"posted"}


def test_every_document_is_answered_by_a_997_that_is_proven_delivered(demo: dict[str, Any]) -> None:
    sent = [step for step in demo["steps"] if step["document"] == "997" and step["direction"] == "out"]
    got = [step for step in demo["steps"] if step["document"] == "997" and step["direction"] == "in"]
    assert len(sent) == len(got) == sum(step["standard"].startswith("x12") for step in demo["steps"]) // 4
    assert {s["delivery"] for s in sent} == {"confirmed"}
    over_as2 = [s for s in sent if s["transport"] == "as2"]
    assert {(s["mdn"], s["mic_matched"]) for s in over_as2} == {("processed", True)}


def test_an_order_goes_to_cash_over_sftp_too_in_both_roles(demo: dict[str, Any]) -> None:
    steps = [step for step in demo["steps"] if step["transport"] == "sftp"]
    sent = [(s["company"], s["document"]) for s in steps if s["direction"] == "out" and s["document"] != "997"]
    assert sent == [
        ("Alpine Supply", "850"),
        ("Harbor Retail", "855"),
        ("Harbor Retail", "856"),
        ("Harbor Retail", "810"),
    ]
    assert {s["delivery"] for s in steps if s["direction"] == "out"} == {"confirmed"}
    assert {s["processing"] for s in steps if s["direction"] == "in"} == {"posted"}


def test_orders_go_to_cash_in_ubl_each_document_answered_by_a_response(demo: dict[str, Any]) -> None:
    steps = [step for step in demo["steps"] if step["standard"] == "ubl-2.1"]
    sent = [step for step in steps if step["direction"] == "out"]
    documents = [(s["company"], s["document"]) for s in sent if s["document"] != "ApplicationResponse"]
    one_order = [
        ("Alpine Supply", "Order"),
        ("Harbor Retail", "OrderResponse"),
        ("Harbor Retail", "DespatchAdvice"),
        ("Harbor Retail", "Invoice"),
    ]
    assert documents == one_order * 2
    assert len([s for s in sent if s["document"] == "ApplicationResponse"]) == len(documents)
    assert {(s["transport"], s["mdn"], s["mic_matched"]) for s in sent} == {("as2", "processed", True)}
    assert {s["acknowledgement"] for s in sent if s["document"] != "ApplicationResponse"} == {"accepted"}
    assert {s["processing"] for s in steps if s["direction"] == "in"} == {"posted"}


def test_an_order_goes_to_cash_in_cxml_each_request_answered_on_its_connection(demo: dict[str, Any]) -> None:
    steps = [step for step in demo["steps"] if step["standard"] == "cxml-1.2"]
    sent = [step for step in steps if step["direction"] == "out"]
    assert [(s["company"], s["document"]) for s in sent] == [
        ("Alpine Supply", "OrderRequest"),
        ("Harbor Retail", "ConfirmationRequest"),
        ("Harbor Retail", "ShipNoticeRequest"),
        ("Harbor Retail", "InvoiceDetailRequest"),
    ]
    assert {(s["transport"], s["delivery"], s["acknowledgement"]) for s in sent} == {("http", "confirmed", "accepted")}
    assert {s["processing"] for s in steps if s["direction"] == "in"} == {"posted"}


def test_the_broken_order_ends_rejected_with_a_plain_sentence(demo: dict[str, Any]) -> None:
    rejected = [step for step in demo["steps"] if step["expected"] == "rejected"]
    assert [(s["direction"], s["document"]) for s in rejected] == [("out", "850"), ("in", "850")]
    assert rejected[0]["acknowledgement"] == "rejected"
    assert rejected[1]["processing"] == "rejected"
    assert "20261341" in rejected[1]["note"]


@pytest.mark.slow
def test_own_orders_are_used_and_faulty_ones_are_refused_before_they_leave(tmp_path: Path) -> None:
    for name in ("x12/004010/850", "bad"):
        source = sorted((FIXTURES / name).glob("*.edi"))[0] if name != "bad" else FIXTURES / "bad/wrong-se-count.edi"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    done = gateway("demo", "--json", "--orders", str(tmp_path))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    steps = json.loads(done.stdout)["steps"]
    assert [s["number"] for s in steps if s["processing"] == "refused"] == ["wrong-se-count.edi"]
    assert sum(s["expected"] == "accepted" for s in steps) == 4


def test_a_step_is_right_only_with_its_proof() -> None:
    step = Step(
        1,
        "A",
        "out",
        "850",
        "x12-004010",
        "as2",
        "b",
        "1",
        "accepted",
        "posted",
        "confirmed",
        "accepted",
        "processed",
        True,
        1,
    )
    assert step.ok
    assert not Step(*(*step_values(step, mic_matched=False),)).ok
    assert not Step(*(*step_values(step, delivery="sent"),)).ok
    assert not Step(*(*step_values(step, acknowledgement="rejected"),)).ok


def step_values(step: Step, **changes: Any) -> list[Any]:
    from dataclasses import asdict

    return list({**asdict(step), **changes}.values())
