"""Orders through the pipeline: both roles, several orders in one document, replays, rejections, clocks and cases."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select

from gateway.documents import parse_document
from gateway.messages.orderclocks import kind_of_set
from gateway.messages.ordermodels import OrderFollowUp, PurchaseOrder
from gateway.messages.orderreview import keep, review
from gateway.messages.orders import facts_of, link
from gateway.messages.queries_orders import orders_due
from gateway.pipeline import operations as pipeline_operations
from gateway.pipeline import ordering, ordering_sweep
from gateway.pipeline.ordering_sweep import sweep_late_documents, sweep_orders
from gateway.pipeline.sending import RequestError
from gateway.store import payloads
from tests.pipeline.pipelinekit import FIXTURES, Kit

ORDER = (FIXTURES / "demo" / "004010" / "850-04-backorder.edi").read_bytes()
NUMBER = "HR-450020"
#: What we owe a buyer, and what a seller owes us.
SELLING = {
    "received": {"850": {"follow_up": [{"set": "855", "hours": 24}, {"set": "856", "hours": 72}]}},
    "sent": {"856": {"follow_up": [{"set": "810", "hours": 24}]}},
}
BUYING = {
    "sent": {"850": {"follow_up": [{"set": "855", "hours": 24}]}},
    "received": {"856": {"follow_up": [{"set": "810", "hours": 24}]}},
}


def ask(kit: Kit, name: str, **parameters: Any) -> Any:
    return ordering.OPERATIONS[f"order.{name}"](kit.pipeline, parameters)


def submit(kit: Kit, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    """Send documents as ``gateway send`` does."""
    content = base64.b64encode(json.dumps(list(documents)).encode()).decode()
    files = [{"name": "x.json", "content": content}]
    (result,) = pipeline_operations.OPERATIONS["send"](kit.pipeline, {"files": files})["files"]
    assert result["result"] in ("queued", "duplicate"), result["reasons"]
    kit.work()
    return list(result["documents"])


def follow(kit: Kit, kind: str, order: str = NUMBER, **draft: Any) -> str:
    """Send the next document of an order; its id."""
    kit.pass_time(seconds=1)
    made = ask(kit, "followup", id=order, kind=kind, draft=draft)
    assert made["errors"] == []
    (sent,) = submit(kit, made["document"])
    sweep_orders(kit.pipeline)
    return str(sent["document"])


def sold(kit: Kit) -> str:
    """A received order; its id."""
    kit.befriend(documents=SELLING)
    kit.receive(ORDER)
    kit.work()
    return str(ask(kit, "show", id=NUMBER)["id"])


def states(kit: Kit, order: str = NUMBER) -> list[str]:
    return [stage["state"] for stage in ask(kit, "show", id=order)["stages"]]


# -- where we sell ---------------------------------------------------------------------------------------------


def test_an_order_goes_from_pending_to_completed_by_its_documents(kit: Kit) -> None:
    sold(kit)
    seen = [ask(kit, "show", id=NUMBER)["state"]]
    for kind in ("855", "856", "810"):
        follow(kit, kind)
        seen.append(ask(kit, "show", id=NUMBER)["state"])
    assert seen == ["pending", "acknowledged", "shipped", "completed"]
    detail = ask(kit, "show", id=NUMBER)
    assert not detail["is_open"] and [clock["outcome"] for clock in detail["clocks"]] == ["met"] * 3
    assert [document["direction"] for document in detail["documents"]] == ["in", "out", "out", "out"]


def test_an_order_that_is_shipped_in_parts_asks_for_the_rest(kit: Kit) -> None:
    sold(kit)
    follow(kit, "855")
    follow(kit, "856", lines=[{"quantity": "100"}, {"quantity": "0"}])
    follow(kit, "810")
    assert ask(kit, "show", id=NUMBER)["state"] == "invoiced"
    draft = ask(kit, "followup", id=NUMBER, kind="856")["draft"]
    assert draft["number"] == f"SH-{NUMBER}-2" and [one["quantity"] for one in draft["lines"]] == ["400", "80"]
    follow(kit, "856")
    follow(kit, "810")
    assert ask(kit, "show", id=NUMBER)["state"] == "completed"


def test_a_document_that_is_sent_twice_is_beside_its_order_once(kit: Kit) -> None:
    sold(kit)
    document = ask(kit, "followup", id=NUMBER, kind="855")["document"]
    submit(kit, document)
    submit(kit, document)
    assert len(ask(kit, "show", id=NUMBER)["documents"]) == 2


def test_linking_a_document_again_changes_nothing(kit: Kit) -> None:
    sold(kit)
    (row,) = kit.documents(kind="order")
    profile = kit.pipeline.profile("harbor")
    assert profile is not None

    def again(session: Any) -> list[str]:
        facts = facts_of(parse_document(payloads.get(session, row.canonical_sha256)))
        return link(session, row, facts, profile, kit.now)

    before = ask(kit, "show", id=NUMBER)
    kit.pass_time(hours=1)
    assert kit.store.writer.run(again) == [before["id"]]
    assert ask(kit, "show", id=NUMBER)["clocks"] == before["clocks"]
    assert kit.store.writer.run(lambda session: link(session, row, None, profile, kit.now)) == []


def test_a_document_that_the_partner_rejects_is_owed_again(kit: Kit) -> None:
    sold(kit)
    identity = follow(kit, "855")
    assert states(kit)[1] == "done"
    kit.receive(_rejecting(kit, identity))
    kit.work()
    sweep_orders(kit.pipeline)
    detail = ask(kit, "show", id=NUMBER)
    assert detail["stages"][1]["state"] == "rejected" and detail["state"] == "pending"
    assert detail["next_kind"] == "order_acknowledgment" and detail["documents"][1]["counts"] is False


def _rejecting(kit: Kit, identity: str) -> bytes:
    """A 997 that rejects what we sent."""
    (row,) = kit.documents(id=identity)
    isa = "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261121*1200*U*00401*000000077*0*P*>~"
    body = (
        f"GS*FA*HARBORRETAIL*ALPINESUPPLY*20261121*1200*77*X*004010~ST*997*0001~AK1*PR*{row.group_control}~"
        f"AK2*855*{row.set_control}~AK5*R*5~AK9*R*1*1*0~SE*6*0001~GE*1*77~IEA*1*000000077~"
    )
    return (isa + body).encode()


def test_an_order_that_came_twice_is_one_order_and_its_second_copy_does_not_count(kit: Kit) -> None:
    sold(kit)
    kit.pass_time(hours=5)
    kit.receive(ORDER.replace(b"0000", b"0077", 1))
    kit.work()
    sweep_orders(kit.pipeline)
    detail = ask(kit, "show", id=NUMBER)
    assert [(d["processing"], d["counts"]) for d in detail["documents"]] == [("posted", True), ("held", False)]
    assert len(detail["clocks"]) == 2 and detail["matrix"]["lines"][0]["ordered"] == "500"


def test_a_held_order_counts_until_it_is_ignored(kit: Kit) -> None:
    kit.befriend(documents={"received": {"850": {**SELLING["received"]["850"], "auto_post": False}}})
    kit.receive(ORDER)
    kit.work()
    detail = ask(kit, "show", id=NUMBER)
    assert detail["stages"][0]["state"] == "held" and detail["matrix"]["known"]
    identity = detail["documents"][0]["id"]
    pipeline_operations.OPERATIONS["message.replay"](kit.pipeline, {"id": identity})
    kit.work()
    assert states(kit)[0] == "done"
    with kit.store.read() as session:
        assert session.scalar(select(PurchaseOrder.stale))  # what was held counts now: compared again soon
    assert sweep_orders(kit.pipeline) == 1 and sweep_orders(kit.pipeline) == 0


def test_an_order_that_its_buyer_takes_back_is_cancelled_and_owed_nothing(kit: Kit) -> None:
    sold(kit)
    changed = ORDER.replace(b"BEG*00*SA", b"BEG*01*SA").replace(b"0000", b"0078", 1)
    kit.receive(changed)
    kit.work()
    sweep_orders(kit.pipeline)
    detail = ask(kit, "show", id=NUMBER)
    assert (detail["state"], detail["is_open"], detail["next_kind"]) == ("cancelled", False, None)
    assert {clock["outcome"] for clock in detail["clocks"]} == {"cancelled"}


def test_an_order_that_we_refuse_is_cancelled(kit: Kit) -> None:
    sold(kit)
    refused = {"quantity": "0", "rest": "rejected"}
    follow(kit, "855", lines=[refused, refused])
    assert ask(kit, "show", id=NUMBER)["state"] == "cancelled"
    kit.pass_time(days=1)
    taken = [{"quantity": "500", "rest": ""}, {"quantity": "80", "rest": ""}]
    follow(kit, "855", lines=taken)  # a later answer takes the order after all
    assert ask(kit, "show", id=NUMBER)["state"] == "acknowledged"


def test_what_does_not_match_is_flagged_by_the_tolerances_of_the_profile(kit: Kit) -> None:
    sold(kit)
    follow(kit, "810", lines=[{"price": "4.15"}])
    assert ask(kit, "list", which="mismatch")["orders"][0]["mismatch"]
    documents = {**SELLING, "sent": {"810": {"tolerances": {"price_percent": 5}}}}
    kit.befriend(documents=documents)
    assert not ask(kit, "show", id=NUMBER)["mismatch"]


# -- where we buy ----------------------------------------------------------------------------------------------


def bought(kit: Kit, number: str = "PO-77") -> dict[str, Any]:
    """An order that we placed; as canonical JSON."""
    kit.befriend(documents=BUYING)
    ids = [{"scheme": "vendor_item", "value": "V-1"}]
    lines = [{"line_id": "1", "quantity": "10", "unit": "EA", "price": "2.00", "item_ids": ids}]
    order = {"kind": "order", "receiver": "harbor", "number": number, "issue_date": "2026-11-21", "purpose": "original"}
    placed = {**order, "order_type": "stand_alone", "lines": lines}
    submit(kit, placed)
    return placed


def test_where_we_buy_the_partner_owes_the_answers(kit: Kit) -> None:
    bought(kit)
    (order,) = ask(kit, "list", role="buy")["orders"]
    assert (order["number"], order["next_kind"], order["ours"]) == ("PO-77", "order_acknowledgment", False)
    with pytest.raises(RequestError, match="sends it to us"):
        ask(kit, "followup", id="PO-77", kind="855")
    kit.pass_time(hours=25)
    assert sweep_late_documents(kit.pipeline) == 1
    case = kit.case()
    assert (case.fault, case.whose_fault, case.severity) == ("document_overdue", "partner", "warning")
    assert case.title.startswith("Harbor Retail has not sent the order acknowledgment (855) for our order PO-77")


def test_an_answer_that_comes_late_closes_the_case(kit: Kit) -> None:
    placed = bought(kit)
    kit.pass_time(hours=25)
    sweep_late_documents(kit.pipeline)
    kit.receive(_their_855(placed))
    kit.work()
    detail = ask(kit, "show", id="PO-77")
    assert detail["state"] == "acknowledged" and detail["clocks"][0]["was_late"]
    assert kit.case().review == "resolved"


def _their_855(placed: dict[str, Any]) -> bytes:
    isa = "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261121*1200*U*00401*000000078*0*P*>~"
    body = (
        "GS*PR*HARBORRETAIL*ALPINESUPPLY*20261122*1200*78*X*004010~ST*855*0001~"
        f"BAK*00*AC*{placed['number']}*20261122~PO1*1*10*EA*2.00**VN*V-1~ACK*IA*6*EA*068*20261125~"
        "ACK*IB*4*EA*068*20261205~CTT*1~SE*7*0001~GE*1*78~IEA*1*000000078~"
    )
    return (isa + body).encode()


def test_an_invoice_and_a_ship_notice_may_name_several_orders(kit: Kit) -> None:
    bought(kit, "PO-77")
    bought(kit, "PO-78")
    kit.receive(_their_856("PO-77", "PO-78"))
    kit.work()
    sweep_orders(kit.pipeline)
    for number, quantity in (("PO-77", "6"), ("PO-78", "10")):
        detail = ask(kit, "show", id=number)
        assert detail["state"] == "shipped" and detail["matrix"]["lines"][0]["shipped"] == quantity
        assert [clock["kind"] for clock in detail["clocks"]] == ["order_acknowledgment", "invoice"]
    (document,) = kit.documents(kind="ship_notice")
    assert [order["number"] for order in kit.detail(document.id)["orders"]] == ["PO-77", "PO-78"]


def _their_856(first: str, second: str) -> bytes:
    isa = "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261121*1200*U*00401*000000079*0*P*>~"
    body = (
        "GS*SH*HARBORRETAIL*ALPINESUPPLY*20261122*1200*79*X*004010~ST*856*0001~"
        "BSN*00*SHP-1*20261122*1200*0002~HL*1**S~TD5**2*UPSN~DTM*011*20261122~"
        f"HL*2*1*O~PRF*{first}~HL*3*2*I~LIN*1*VN*V-1~SN1*1*6*EA~"
        f"HL*4*1*O~PRF*{second}~HL*5*4*I~LIN*1*VN*V-1~SN1*1*10*EA~CTT*5~SE*17*0001~GE*1*79~IEA*1*000000079~"
    )
    return (isa + body).encode()


# -- clocks ----------------------------------------------------------------------------------------------------


def test_what_is_due_stands_on_home_four_hours_before_and_is_a_case_at_its_deadline(kit: Kit) -> None:
    sold(kit)

    def due() -> tuple[int, int]:
        with kit.store.read() as session:
            found = orders_due(session, kit.now)
        return found["late"], found["soon"]

    assert due() == (0, 0) and sweep_late_documents(kit.pipeline) == 0
    kit.pass_time(hours=20)
    assert due() == (0, 1) and sweep_late_documents(kit.pipeline) == 0
    kit.pass_time(hours=4)
    assert due() == (1, 0) and sweep_late_documents(kit.pipeline) == 1 and sweep_late_documents(kit.pipeline) == 0
    case = kit.case()
    assert (case.fault, case.whose_fault) == ("document_late", "us")
    assert case.title == (
        f"We have not sent Harbor Retail the order acknowledgment (855) for its order {NUMBER}; "
        "it was due 2026-11-22 12:00 UTC."
    )


def test_late_documents_of_one_kind_are_one_case_that_closes_with_the_last(kit: Kit) -> None:
    sold(kit)
    kit.receive(ORDER.replace(b"HR-450020", b"HR-450021").replace(b"0000", b"0077", 1))
    kit.work()
    kit.pass_time(hours=30)
    assert sweep_late_documents(kit.pipeline) == 2
    assert len(kit.cases()) == 1
    follow(kit, "855")
    assert kit.case().review == "new"
    follow(kit, "855", "HR-450021")
    assert kit.case().review == "resolved"


def test_what_is_late_after_a_shipment_names_the_shipment(kit: Kit) -> None:
    sold(kit)
    follow(kit, "855")
    follow(kit, "856")
    kit.pass_time(hours=30)
    sweep_late_documents(kit.pipeline)
    assert f"the invoice (810) for its order {NUMBER} after 856 SH-{NUMBER};" in kit.case().title


def test_closing_an_order_ends_its_clocks_and_its_case(kit: Kit) -> None:
    sold(kit)
    kit.pass_time(hours=100)
    assert sweep_late_documents(kit.pipeline) == 2
    ask(kit, "close", id=NUMBER, reason="Agreed", actor="kim")
    assert {case.review for case in kit.cases()} == {"resolved"}
    with pytest.raises(RequestError, match="closed by kim"):
        ask(kit, "close", id=NUMBER, reason="Again")
    sweep_orders(kit.pipeline)
    detail = ask(kit, "show", id=NUMBER)
    assert (detail["state"], detail["next_due_at"]) == ("closed", None)
    assert [event["event"] for event in detail["history"]] == ["order-closed"]
    ask(kit, "reopen", id=NUMBER, reason="They want it")
    sweep_orders(kit.pipeline)
    assert ask(kit, "show", id=NUMBER)["is_open"]
    with pytest.raises(RequestError, match="not closed"):
        ask(kit, "reopen", id=NUMBER, reason="Again")


def test_a_skipped_step_is_not_expected_any_more(kit: Kit) -> None:
    sold(kit)
    ask(kit, "skip", id=NUMBER, kind="856", reason="They want none", actor="kim")
    detail = ask(kit, "show", id=NUMBER)
    assert states(kit)[2] == "skipped" and detail["skipped"][0]["by"] == "kim"
    with pytest.raises(RequestError, match="skipped already"):
        ask(kit, "skip", id=NUMBER, kind="ship_notice", reason="Again")
    with pytest.raises(RequestError, match="not a step"):
        ask(kit, "skip", id=NUMBER, kind="999", reason="x")
    with pytest.raises(RequestError, match="reason is needed"):
        ask(kit, "skip", id=NUMBER, kind="810", reason=" ")
    follow(kit, "855")
    follow(kit, "810")
    assert ask(kit, "show", id=NUMBER)["state"] == "completed"


def test_the_hours_that_held_when_the_order_came_hold_for_it(kit: Kit) -> None:
    sold(kit)
    kit.befriend(documents={})
    assert len(ask(kit, "show", id=NUMBER)["clocks"]) == 2


def test_what_people_look_at_meanwhile_is_not_lost(kit: Kit) -> None:
    sold(kit)
    with kit.store.read() as session:
        order = session.scalars(select(PurchaseOrder)).one()
        read = review(session, order, ordering.tolerances(kit.pipeline))
    follow(kit, "855")
    assert kit.store.writer.run(lambda session: keep(session, read, kit.now)) is False
    assert ask(kit, "show", id=NUMBER)["state"] == "acknowledged"


def test_an_order_whose_content_is_not_kept_any_more_keeps_its_flags(kit: Kit, monkeypatch: Any) -> None:
    sold(kit)
    follow(kit, "810", lines=[{"price": "9.99"}])

    def gone(*_: Any) -> bytes:
        raise payloads.PayloadMissingError("gone")

    monkeypatch.setattr("gateway.messages.orderreview.payloads.get", gone)
    with kit.store.read() as session:
        order = session.scalars(select(PurchaseOrder)).one()
        found = review(session, order, ordering.tolerances(kit.pipeline))
    assert kit.store.writer.run(lambda session: keep(session, found, kit.now))
    detail = ask(kit, "show", id=NUMBER)
    assert detail["unread"] == 2 and detail["mismatch"] and ask(kit, "list")["orders"][0]["mismatch"]


def test_a_document_with_an_absurd_number_is_left_alone(kit: Kit, monkeypatch: Any) -> None:
    sold(kit)
    real = payloads.get

    def absurd(session: Any, sha256: str) -> bytes:
        return real(session, sha256).replace(b'"500"', b'"1E99999"')

    monkeypatch.setattr("gateway.messages.orderreview.payloads.get", absurd)
    detail = ask(kit, "show", id=NUMBER)
    assert detail["unread"] == 1 and detail["matrix"]["lines"] == []


# -- names and refusals ----------------------------------------------------------------------------------------


def test_an_order_is_found_by_number_and_id_and_otherwise_said(kit: Kit) -> None:
    identity = sold(kit)
    assert ask(kit, "show", id=identity[:12])["id"] == identity
    with pytest.raises(RequestError, match="There is no order"):
        ask(kit, "show", id="PO-0")
    with pytest.raises(RequestError, match="There is no order"):
        ask(kit, "show", id=NUMBER, partner="nobody")
    bought(kit, NUMBER)
    with pytest.raises(RequestError, match="is several orders"):
        ask(kit, "show", id=NUMBER)


def test_a_test_order_and_a_live_one_of_one_number_are_two_orders(kit: Kit) -> None:
    sold(kit)
    kit.receive(ORDER.replace(b"*T*>", b"*P*>").replace(b"0000", b"0077", 1))
    kit.work()
    assert len(ask(kit, "list")["orders"]) == 2
    assert [order["test"] for order in ask(kit, "list", test=True)["orders"]] == [True]


def test_nothing_can_be_made_from_an_order_that_never_came(kit: Kit) -> None:
    document = {
        "kind": "invoice",
        "receiver": "harbor",
        "number": "I-1",
        "issue_date": "2026-11-21",
        "order_number": "PO-9",
        "lines": [{"line_id": "1", "quantity": "1", "unit": "EA", "price": "1.00"}],
    }
    submit(kit, document)
    detail = ask(kit, "show", id="PO-9")
    assert (detail["state"], detail["role"], detail["order_date"]) == ("invoiced", "sell", None)
    with pytest.raises(RequestError, match="never came here"):
        ask(kit, "followup", id="PO-9", kind="856")
    with pytest.raises(RequestError, match="cannot be made"):
        ask(kit, "followup", id="PO-9", kind="850")


def test_a_check_says_what_sending_would_say_and_stores_nothing(kit: Kit) -> None:
    sold(kit)
    document = ask(kit, "followup", id=NUMBER, kind="810")["document"]
    before = len(kit.documents())
    assert ask(kit, "check", document=document) == {"ok": True, "reasons": [], "warnings": [], "total": "4210.00"}
    warned = ask(kit, "check", document={**document, "totals": {"total": "1.00"}})
    assert warned["ok"] and "its lines" in warned["warnings"][0]["message"]
    assert not ask(kit, "check", document={**document, "number": "Ü"})["ok"]
    assert ask(kit, "check", document={**document, "colour": "red"})["reasons"][0]["path"] == "colour"
    with pytest.raises(RequestError, match="no partner"):
        ask(kit, "check", document={**document, "receiver": "nobody"})
    assert len(kit.documents()) == before


def test_papers_of_an_order_are_the_order_and_its_packing_slips(kit: Kit) -> None:
    sold(kit)
    identity = follow(kit, "856", lines=[{"quantity": "100", "package": "006141410000000012"}], carrier="UPSN")
    paper = ask(kit, "paper", id=NUMBER)
    assert paper["total"] == "4210.0" and "Ship to" in [party["role"] for party in paper["parties"]]
    slip = ask(kit, "paper", id=NUMBER, document=identity)
    assert slip["packages"] == [{"code": "006141410000000012", "lines": 1}]
    assert [(one["ordered"], one["shipped"], one["to_come"]) for one in slip["lines"]] == [
        ("500", "100", "400"),
        ("80", "80", "0"),
    ]
    assert ("Carrier", "UPSN") in slip["terms"]
    with pytest.raises(RequestError, match="no ship notice"):
        ask(kit, "paper", id=NUMBER, document="nothing")


def test_an_acknowledgment_that_was_sent_unchanged_ends_its_clock(kit: Kit) -> None:
    sold(kit)
    wire = _their_855({"number": NUMBER}).replace(
        b"HARBORRETAIL   *ZZ*ALPINESUPPLY ", b"ALPINESUPPLY   *ZZ*HARBORRETAIL "
    )
    files = [{"name": "855.edi", "content": base64.b64encode(wire).decode()}]
    send = pipeline_operations.OPERATIONS["send"]
    assert send(kit.pipeline, {"files": files, "as_is": True})["files"][0]["result"] == "queued"
    sweep_orders(kit.pipeline)
    detail = ask(kit, "show", id=NUMBER)
    assert (detail["state"], detail["next_kind"]) == ("acknowledged", "ship_notice")
    assert detail["documents"][1]["counts"] and detail["matrix"]["lines"][0]["acknowledged"] == []


def test_sets_and_root_elements_are_known_by_their_kind() -> None:
    assert kind_of_set("855") == kind_of_set("OrderResponse") == "order_acknowledgment"
    assert kind_of_set("204") is None


def test_a_follow_up_that_nobody_knows_is_no_clock(kit: Kit) -> None:
    kit.befriend(documents={"received": {"850": {"follow_up": [{"set": "204", "hours": 1}]}}})
    kit.receive(ORDER)
    kit.work()
    with kit.store.read() as session:
        assert session.scalars(select(OrderFollowUp)).all() == []
    assert ordering_sweep.sweep_late_documents(kit.pipeline) == 0
