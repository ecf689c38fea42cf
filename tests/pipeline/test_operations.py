"""What staff do with messages: send, replay, resend, hold, ignore; the original never changes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway.messages.ports import ReceiveFailure
from gateway.pipeline.operations import OPERATIONS
from gateway.pipeline.outbound import submit_document
from gateway.pipeline.sending import RequestError
from tests.pipeline.pipelinekit import FIXTURES, Kit
from tests.pipeline.test_delivery import REFUSED, RETRY, out
from tests.pipeline.test_outbound import INVOICE, body


def run(kit: Kit, operation: str, **parameters: Any) -> Any:
    result = OPERATIONS[operation](kit.pipeline, parameters)
    kit.work()
    return json.loads(json.dumps(result))


def send(kit: Kit, content: bytes, name: str = "file", **parameters: Any) -> dict[str, Any]:
    entry = {"name": name, "content": base64.b64encode(content).decode()}
    found: dict[str, Any] = run(kit, "send", files=[entry], **parameters)["files"][0]
    return found


# -- send ------------------------------------------------------------------------------------------------------


def test_send_takes_json_and_says_what_it_became(kit: Kit) -> None:
    result = send(kit, body())
    assert result["result"] == "queued"
    assert result["documents"][0]["number"] == "INV-1"
    assert send(kit, body())["result"] == "duplicate"


def test_send_takes_several_documents_in_one_file(kit: Kit) -> None:
    result = send(kit, json.dumps([INVOICE, {**INVOICE, "number": "INV-2"}]).encode())
    assert [document["number"] for document in result["documents"]] == ["INV-1", "INV-2"]


def test_send_sends_nothing_of_a_file_in_which_one_document_has_mistakes(kit: Kit) -> None:
    wrong = {**INVOICE, "number": "INV-2", "lines": [{**INVOICE["lines"][0], "quantity": "twelve"}]}
    result = send(kit, json.dumps([INVOICE, wrong, {**INVOICE, "number": "INV-3", "receiver": "harbour"}]).encode())
    assert (result["result"], result["documents"]) == ("refused", [])
    assert [reason["path"] for reason in result["reasons"]] == ["[1].lines[0].quantity", "[2].receiver"]
    kit.work()
    assert kit.documents(direction="out") == []


def test_send_says_what_is_on_its_way_when_the_store_refuses_a_later_document(kit: Kit) -> None:
    result = send(kit, json.dumps([INVOICE, {**INVOICE, "order_number": "HR-2"}]).encode())
    assert result["result"] == "refused"
    assert [reason["path"] for reason in result["reasons"]] == ["number"]
    assert [document["reference"] for document in result["documents"]] == ["invoice INV-1 to harbor"]
    assert len(kit.documents(direction="out", kind="invoice")) == 1


def test_send_puts_an_x12_file_into_our_own_envelope(kit: Kit) -> None:
    content = (FIXTURES / "demo/004010/850-03-store-spread.edi").read_bytes()
    result = send(kit, content, partner="harbor")
    assert result["result"] == "queued"
    (answer,) = kit.answers()
    assert answer["ISA"][0][12] == "000000001"
    sent = {tag: rows for tag, rows in answer.items() if tag not in ("ISA", "GS", "GE", "IEA", "ST", "SE")}
    from tests.pipeline.pipelinekit import segments_of

    given = segments_of(content)
    assert sent == {tag: given[tag] for tag in sent}


def test_send_finds_the_partner_by_the_receiver_in_the_file(kit: Kit) -> None:
    content = (FIXTURES / "demo/005010/850-01-plain.edi").read_bytes()
    kit.befriend(envelope={"version": "005010"})
    assert send(kit, content)["documents"][0]["partner"] == "harbor"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad/unit-and-date-wrong.edi", "XX"),
        ("bad/empty-file.edi", "empty"),
        ("bad/unknown-set.edi", "859"),
    ],
)
def test_send_refuses_a_faulty_file_with_every_reason(kit: Kit, name: str, words: str) -> None:
    result = send(kit, (FIXTURES / name).read_bytes(), partner="harbor")
    assert result["result"] == "refused"
    assert any(words in reason["message"] for reason in result["reasons"])
    assert kit.partner.sent == []


def test_send_as_is_sends_the_very_bytes_and_waits_for_the_acknowledgement(kit: Kit) -> None:
    content = (FIXTURES / "bad/unit-and-date-wrong.edi").read_bytes()
    result = send(kit, content, "order.edi", partner="harbor", as_is=True)
    assert result["result"] == "queued"
    assert kit.partner.payloads == [content]
    (row,) = kit.documents(direction="out")
    assert (row.processing, row.acknowledgement, row.set_id) == ("posted", "awaited", "850")


def test_send_as_is_needs_to_know_the_partner(kit: Kit) -> None:
    assert send(kit, b"not x12", as_is=True)["result"] == "refused"
    assert send(kit, b"not x12", as_is=True, partner="nobody")["result"] == "refused"
    assert send(kit, b"not x12", as_is=True, partner="harbor")["result"] == "queued"


def test_send_refuses_what_is_not_base64(kit: Kit) -> None:
    with pytest.raises(RequestError):
        run(kit, "send", files=[{"name": "x", "content": "%%%"}])


# -- replay ----------------------------------------------------------------------------------------------------


def test_a_message_of_an_unknown_sender_is_replayed_once_the_profile_knows_it(kit: Kit) -> None:
    held = kit.receive((FIXTURES / "bad/unknown-sender.edi").read_bytes(), partner=None)
    kit.work()
    ids = {"isa": [{"id": "HARBORRETAIL"}, {"id": "NOBODYWEKNOW"}], "gs": ["HARBORRETAIL"], "as2": "HARBOR"}
    kit.befriend(ids=ids)
    result = run(kit, "message.replay", id=held, actor="kim")
    assert kit.transmission(result["id"]).parent_id == held
    assert len(kit.posted()) == 1
    assert kit.transmission(held).processing == "ignored"
    assert kit.case().review == "resolved"
    assert kit.answers()[0]["AK9"][0][0] == "A"


def test_a_replay_leaves_alone_what_was_processed_before(kit: Kit) -> None:
    known = (FIXTURES / "demo/004010/850-01-plain.edi").read_bytes()
    unknown = (FIXTURES / "bad/unknown-sender.edi").read_bytes()
    held = kit.receive(known + unknown, partner=None)
    kit.work()
    assert kit.transmission(held).processing == "held"
    assert len(kit.posted()) == 1
    ids = {"isa": [{"id": "HARBORRETAIL"}, {"id": "NOBODYWEKNOW"}], "gs": ["HARBORRETAIL"], "as2": "HARBOR"}
    kit.befriend(ids=ids)
    run(kit, "message.replay", id=held)
    assert len(kit.posted()) == 2
    assert len(kit.partner.sent) == 2
    assert [row.processing for row in kit.documents(direction="in")] == ["posted", "posted"]


def test_a_rejected_document_is_replayed_alone_under_the_new_rules_and_not_acknowledged_again(kit: Kit) -> None:
    kit.receive_file("bad/one-bad-set-among-good-ones.edi")
    rejected = kit.documents(direction="in")[1]
    assert rejected.processing == "rejected"
    kit.befriend(inbound={"test_in_live": "process", "code_lists": {"355": {"add": ["XX"]}}})
    run(kit, "message.replay", id=rejected.id)
    replayed = kit.documents(parent_id=rejected.id)
    assert [row.processing for row in replayed] == ["posted"]
    assert len(kit.posted()) == 3
    assert len(kit.partner.sent) == 1
    assert kit.documents(id=rejected.id)[0].processing == "rejected"


def test_a_held_document_is_released_to_the_back_office(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-order-number-first.edi")
    kit.receive_file("bad/duplicate-order-number-second.edi")
    held = kit.documents(direction="in")[1]
    assert run(kit, "message.replay", id=held.id)["result"] == "released"
    assert len(kit.posted()) == 2
    assert kit.case().review == "resolved"


def test_a_finished_message_is_not_posted_a_second_time(kit: Kit) -> None:
    identity = kit.receive_file("demo/004010/850-01-plain.edi")
    with pytest.raises(RequestError, match="twice"):
        run(kit, "message.replay", id=identity)
    with pytest.raises(RequestError, match="posted"):
        run(kit, "message.replay", id=kit.documents(direction="in")[0].id)


def test_a_refused_message_is_opened_again_once_the_certificate_is_mended(kit: Kit) -> None:
    order = (FIXTURES / "demo/004010/850-01-plain.edi").read_bytes()
    identity = kit.receive(b"", message_id="<x@y>", failure=ReceiveFailure("verify", "A stranger signed it."))

    def still_refused(partner: str, facts: object, wire: bytes) -> bytes:
        raise ValueError("A stranger signed it.")

    kit.pipeline.reopen = still_refused
    with pytest.raises(RequestError, match="still cannot be opened: A stranger"):
        run(kit, "message.replay", id=identity)
    kit.pipeline.reopen = lambda partner, facts, wire: order
    run(kit, "message.replay", id=identity)
    assert len(kit.posted()) == 1
    assert kit.transmission(identity).processing == "ignored"


def test_what_is_not_there_cannot_be_replayed(kit: Kit) -> None:
    identity = kit.receive(b"", message_id="<x@y>", failure=ReceiveFailure("decrypt", "No key of ours fits."))
    with pytest.raises(RequestError, match="not there"):
        run(kit, "message.replay", id=identity)


def test_what_we_sent_is_resent_not_replayed(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    kit.work()
    with pytest.raises(RequestError) as caught:
        run(kit, "message.replay", id=out(kit).id)
    assert "resend" in caught.value.fix


# -- resend ----------------------------------------------------------------------------------------------------


def test_a_delivered_message_is_resent_as_a_child_with_the_same_bytes(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    kit.work()
    result = run(kit, "message.resend", id=kit.documents(direction="out")[0].id)
    first, second = kit.partner.sent
    assert first[0].payload == second[0].payload
    assert first[0].transport_id != second[0].transport_id
    assert kit.transmission(result["id"]).parent_id == out(kit).id


def test_a_failed_message_goes_back_into_the_queue_under_its_identity(kit: Kit) -> None:
    kit.partner.outcomes = [REFUSED]
    submit_document(kit.pipeline, body())
    kit.work()
    run(kit, "message.resend", id=out(kit).id)
    first, second = kit.partner.sent
    assert first[0].transport_id == second[0].transport_id
    assert out(kit).delivery == "confirmed"


def test_a_waiting_message_is_tried_now(kit: Kit) -> None:
    kit.partner.outcomes = [RETRY]
    submit_document(kit.pipeline, body())
    kit.work()
    run(kit, "message.resend", id=out(kit).id)
    assert out(kit).delivery == "confirmed"


def test_what_was_received_is_replayed_not_resent(kit: Kit) -> None:
    identity = kit.receive_file("demo/004010/850-01-plain.edi")
    with pytest.raises(RequestError) as caught:
        run(kit, "message.resend", id=identity)
    assert "replay" in caught.value.fix


# -- hold and ignore -------------------------------------------------------------------------------------------


def test_a_held_document_is_ignored_with_a_reason_and_its_case_closes(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-order-number-first.edi")
    kit.receive_file("bad/duplicate-order-number-second.edi")
    held = kit.documents(direction="in")[1]
    run(kit, "message.ignore", id=held.id, reason="A repeat, the partner says.", actor="kim")
    assert kit.documents(id=held.id)[0].processing == "ignored"
    assert kit.case().review == "resolved"


def test_a_rejected_document_stays_rejected_and_its_case_is_closed_with_the_reason(kit: Kit) -> None:
    kit.receive_file("bad/unit-and-date-wrong.edi")
    rejected = kit.documents(direction="in")[0]
    run(kit, "message.ignore", id=rejected.id, reason="They sent a corrected one.")
    assert kit.documents(id=rejected.id)[0].processing == "rejected"
    assert kit.case().review == "ignored"


def test_a_reason_is_needed(kit: Kit) -> None:
    identity = kit.receive_file("bad/unknown-set.edi")
    with pytest.raises(RequestError, match="reason"):
        run(kit, "message.ignore", id=identity, reason=" ")


def test_a_posted_document_can_no_longer_be_held(kit: Kit) -> None:
    kit.receive_file("demo/004010/850-01-plain.edi")
    document = kit.documents(direction="in")[0]
    with pytest.raises(RequestError, match="can no longer be held"):
        run(kit, "message.hold", id=document.id, reason="Wait.")


def test_a_document_on_its_way_to_the_back_office_is_held(kit: Kit) -> None:
    kit.receive((FIXTURES / "demo/004010/850-01-plain.edi").read_bytes())
    from gateway.pipeline import inbound

    task, key = kit.jobs.jobs.pop(0)
    assert task.value == "process"
    inbound.process(kit.pipeline, key)
    document = kit.documents(direction="in")[0]
    OPERATIONS["message.hold"](kit.pipeline, {"id": document.id, "reason": "Credit limit."})
    kit.work()
    assert kit.posted() == []
    assert kit.documents(id=document.id)[0].processing == "held"


def test_what_was_sent_cannot_be_held(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    with pytest.raises(RequestError, match="Only received"):
        run(kit, "message.hold", id=kit.documents(direction="out")[0].id, reason="x")


def test_an_unknown_message_is_told(kit: Kit) -> None:
    with pytest.raises(RequestError, match="no message"):
        run(kit, "message.ignore", id="nothing", reason="x")
