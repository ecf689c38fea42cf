"""Deliveries: frozen bytes, one identity for every try, order kept, and never "sent" without proof."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.messages.ports import Answer, DeliveryOutcome, Outcome
from gateway.pipeline import delivery, sweeper
from gateway.pipeline.outbound import submit_document
from gateway.pipeline.receipts import Collections, Receipts
from gateway.store.errors import StoreUnreachableError
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_outbound import body

RETRY = DeliveryOutcome(Outcome.RETRY, "The partner's server did not answer.")
REFUSED = DeliveryOutcome(Outcome.FAILED, "The partner answered 401.", 401)
SENT = DeliveryOutcome(Outcome.SENT, "Handed over; the receipt comes later.", 200)


def out(kit: Kit, number: int = 0) -> Any:
    row = kit.documents(direction="out")[number]
    return kit.transmission(row.transmission_id or "")


def test_a_failed_try_is_repeated_with_the_same_bytes_and_identity(kit: Kit) -> None:
    kit.partner.outcomes = [RETRY]
    submit_document(kit.pipeline, body())
    kit.work()
    assert out(kit).delivery == "retrying"
    assert out(kit).last_error == RETRY.reason
    kit.pass_time(minutes=2)
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert out(kit).delivery == "confirmed"
    (first, wire_one), (second, wire_two) = kit.partner.sent
    assert wire_one == wire_two
    assert first.transport_id == second.transport_id
    assert kit.partner.prepared == 1
    attempts = kit.detail(out(kit).id)["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["retry", "confirmed"]


def test_nothing_is_tried_before_its_time(kit: Kit) -> None:
    kit.partner.outcomes = [RETRY]
    submit_document(kit.pipeline, body())
    kit.work()
    kit.pass_time(seconds=30)
    assert sweeper.sweep_deliveries(kit.pipeline).submitted == 0
    delivery.drain(kit.pipeline, "harbor")
    assert len(kit.partner.sent) == 1


def test_after_the_partners_patience_it_has_failed_and_a_case_is_open(kit: Kit) -> None:
    kit.partner.outcomes = [RETRY] * 100
    submit_document(kit.pipeline, body())
    kit.work()
    for _ in range(30):
        kit.pass_time(hours=5)
        sweeper.sweep_deliveries(kit.pipeline)
        kit.work()
    assert out(kit).delivery == "failed"
    assert kit.case().fault == "delivery"
    assert "810 INV-1 was not delivered to harbor" in kit.case().title


def test_a_final_refusal_is_not_tried_again(kit: Kit) -> None:
    kit.partner.outcomes = [REFUSED]
    submit_document(kit.pipeline, body())
    kit.work()
    assert out(kit).delivery == "failed"
    kit.pass_time(days=1)
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert len(kit.partner.sent) == 1


def test_a_waiting_head_holds_the_rest_back_when_the_partner_wants_order(kit: Kit) -> None:
    kit.partner.outcomes = [RETRY]
    submit_document(kit.pipeline, body(number="A"))
    submit_document(kit.pipeline, body(number="B"))
    kit.work()
    assert len(kit.partner.sent) == 1
    kit.pass_time(minutes=2)
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert [segments["BIG"][0][1] for segments in kit.answers()] == ["A", "A", "B"]


def test_without_order_the_rest_goes_on(kit: Kit) -> None:
    kit.befriend(delivery={"transport": "as2", "ordered": False})
    kit.partner.outcomes = [RETRY]
    submit_document(kit.pipeline, body(number="A"))
    submit_document(kit.pipeline, body(number="B"))
    kit.work()
    assert [segments["BIG"][0][1] for segments in kit.answers()] == ["A", "B"]


def test_no_more_go_out_in_a_minute_than_the_partner_takes(kit: Kit) -> None:
    kit.befriend(delivery={"transport": "as2", "max_per_minute": 2})
    for number in "ABC":
        submit_document(kit.pipeline, body(number=number))
    kit.work()
    assert len(kit.partner.sent) == 2
    kit.pass_time(seconds=30)
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert len(kit.partner.sent) == 2
    kit.pass_time(seconds=31)
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert [segments["BIG"][0][1] for segments in kit.answers()] == ["A", "B", "C"]


def test_a_profile_that_cannot_build_a_message_fails_with_its_reason(kit: Kit) -> None:
    kit.partner.refuses_to_prepare = LookupError("harbor has no certificate to encrypt to.")
    submit_document(kit.pipeline, body())
    kit.work()
    assert out(kit).delivery == "failed"
    assert "no certificate" in kit.case().title


def test_a_transport_that_is_not_there_is_named(kit: Kit) -> None:
    kit.befriend(delivery={"transport": "folder"})
    submit_document(kit.pipeline, body())
    kit.work()
    assert "no folder transport" in kit.case().title


def test_a_paused_partner_keeps_its_queue(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    kit.befriend(status="paused")
    kit.work()
    assert kit.partner.sent == []
    assert out(kit).delivery == "queued"


def test_an_attempt_that_died_with_the_process_goes_on_at_the_next_start(kit: Kit) -> None:
    class DiedError(BaseException):
        pass

    def die(*_: object) -> None:
        raise DiedError

    submit_document(kit.pipeline, body())
    kit.partner.deliver = die  # type: ignore[method-assign,assignment]
    with pytest.raises(DiedError):
        kit.work()
    assert out(kit).delivery == "sending"
    del kit.partner.deliver
    assert sweeper.recover(kit.pipeline) == 1
    sweeper.sweep_deliveries(kit.pipeline)
    kit.work()
    assert out(kit).delivery == "confirmed"
    assert kit.partner.prepared == 1


def test_an_attempt_whose_end_could_not_be_recorded_goes_on_while_the_gateway_runs(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kit.store.writer.run
    away = StoreUnreachableError("The database does not answer.")

    def run(change: Any) -> Any:
        if change.__name__ == "finish":
            raise away
        return real(change)

    submit_document(kit.pipeline, body())
    submit_document(kit.pipeline, body(number="B-2"))
    monkeypatch.setattr(kit.store.writer, "run", run)
    with pytest.raises(StoreUnreachableError):
        delivery.drain(kit.pipeline, "harbor")
    monkeypatch.undo()
    assert out(kit).delivery == "sending"
    delivery.drain(kit.pipeline, "harbor")
    assert [out(kit, number).delivery for number in (0, 1)] == ["confirmed", "confirmed"]
    first, again, second = kit.partner.sent
    assert first == again != second
    assert [attempt["outcome"] for attempt in kit.detail(first[0].transmission_id)["attempts"]] == [
        "retry",
        "confirmed",
    ]


def test_an_asynchronous_receipt_confirms_and_a_second_one_changes_nothing(kit: Kit) -> None:
    kit.partner.outcomes = [SENT]
    submit_document(kit.pipeline, body())
    kit.work()
    row = out(kit)
    assert row.delivery == "sent"
    receipts = Receipts(kit.pipeline)
    assert receipts.mics_of("harbor", row.transport_id) == {"sha256": "mic"}
    answer = Answer(200, (("Content-Type", "multipart/signed"),), b"the receipt", "processed")
    confirmed = DeliveryOutcome(Outcome.CONFIRMED, "Confirmed.", 200, answer, mic_matched=True, mdn_signed=True)
    receipts.async_mdn("harbor", row.transport_id, confirmed)
    receipts.async_mdn("harbor", row.transport_id, REFUSED)
    row = out(kit)
    assert (row.delivery, row.mic_matched, row.mdn_signed) == ("confirmed", True, True)
    assert kit.payload(row.answer_payload_sha256) == b"the receipt"


def test_a_receipt_for_nothing_of_ours_is_not_known(kit: Kit) -> None:
    receipts = Receipts(kit.pipeline)
    assert receipts.mics_of("harbor", "<never@sent>") is None
    receipts.async_mdn("harbor", "<never@sent>", REFUSED)
    assert kit.cases() == []


def test_a_late_receipt_ends_the_case_of_a_delivery_that_was_given_up(kit: Kit) -> None:
    kit.partner.outcomes = [SENT]
    submit_document(kit.pipeline, body())
    kit.work()
    receipts = Receipts(kit.pipeline)
    receipts.async_mdn("harbor", out(kit).transport_id, REFUSED)
    assert kit.case().review == "new"
    confirmed = DeliveryOutcome(Outcome.CONFIRMED, "Confirmed.", 200, mic_matched=True)
    receipts.async_mdn("harbor", out(kit).transport_id, confirmed)
    assert out(kit).delivery == "confirmed"


def test_what_was_due_and_lost_its_job_is_found_by_the_sweeper(kit: Kit) -> None:
    submit_document(kit.pipeline, json.dumps(json.loads(body())).encode())
    kit.jobs.jobs.clear()
    assert sweeper.sweep_deliveries(kit.pipeline).submitted == 1
    kit.work()
    assert out(kit).delivery == "confirmed"


def test_a_receipt_that_does_not_come_in_time_becomes_one_case(kit: Kit) -> None:
    kit.befriend(as2={"mdn": "async", "mdn_wait_minutes": 30, "mdn_url": "https://alpine.example/as2"})
    kit.partner.outcomes = [SENT]
    submit_document(kit.pipeline, body())
    kit.work()
    kit.pass_time(minutes=29)
    assert sweeper.sweep_receipts(kit.pipeline).submitted == 0
    kit.pass_time(minutes=2)
    assert sweeper.sweep_receipts(kit.pipeline).submitted == 1
    assert sweeper.sweep_receipts(kit.pipeline).submitted == 0
    assert "has not come" in kit.case().title


def test_a_file_that_the_partner_collects_from_its_mailbox_is_confirmed_once(kit: Kit) -> None:
    kit.partner.outcomes = [SENT]
    submit_document(kit.pipeline, body())
    kit.work()
    identity = out(kit).id

    def collected(partner: str) -> None:
        kit.store.writer.run(
            lambda session: Collections().collected(session, partner, identity, "Collected.", kit.pipeline.clock())
        )

    collected("somebody-else")
    assert out(kit).delivery == "sent"
    collected("harbor")
    collected("harbor")
    assert out(kit).delivery == "confirmed"
    assert out(kit).reason == "Collected."
