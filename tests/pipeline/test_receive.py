"""Receiving, posting and the sweeper: stored before answered, once, and found again when a wake-up is lost."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta

import pytest

from gateway.messages.ports import Answer, Received, Task
from gateway.pipeline import inbound, posting, sweeper
from gateway.store import payloads
from gateway.store.errors import StoreBusyError
from tests.pipeline.pipelinekit import FIXTURES, HARBOR, Kit

ORDER = (FIXTURES / "demo/004010/850-01-plain.edi").read_bytes()


def received(payload: bytes = ORDER, message_id: str = "<1@harbor>", mdn: bytes = b"MDN one") -> Received:
    return Received(
        transport="as2",
        partner="harbor",
        payload=payload,
        wire=payload,
        wire_sha256=hashlib.sha256(payload).hexdigest(),
        transport_id=message_id,
        answer=Answer(200, (("Content-Type", "multipart/signed"), ("AS2-From", "ALPINE")), mdn, "processed"),
    )


def test_a_repeated_message_gets_its_first_answer_byte_for_byte(kit: Kit) -> None:
    first = kit.inbox.receive(received())
    again = kit.inbox.receive(received(mdn=b"MDN two"))
    assert (again.transmission_id, again.duplicate) == (first.transmission_id, True)
    assert again.answer is not None
    assert again.answer.body == b"MDN one"
    assert again.answer.headers == (("Content-Type", "multipart/signed"), ("AS2-From", "ALPINE"))
    kit.work()
    assert len(kit.posted()) == 1


def test_below_the_reserve_of_disk_nothing_is_taken_and_the_sender_is_told_to_come_later(kit: Kit) -> None:
    kit.pipeline.has_room = lambda: False
    with pytest.raises(StoreBusyError, match="disk"):
        kit.inbox.receive(received())
    kit.pipeline.has_room = lambda: True
    assert not kit.inbox.receive(received()).duplicate


def test_earlier_tells_the_transport_of_a_repeat_before_it_does_any_work(kit: Kit) -> None:
    assert kit.inbox.earlier("as2", "harbor", "<1@harbor>") is None
    kit.inbox.receive(received())
    found = kit.inbox.earlier("as2", "harbor", "<1@harbor>")
    assert found is not None
    assert found[0] == hashlib.sha256(ORDER).hexdigest()
    assert found[1] is not None


def test_the_same_identity_with_other_bytes_is_a_conflict_and_leaves_the_first_untouched(kit: Kit) -> None:
    first = kit.inbox.receive(received())
    conflict = kit.inbox.receive(received(ORDER.replace(b"HR-450017", b"HR-999999")))
    assert conflict.conflict
    assert kit.payload(kit.transmission(first.transmission_id).payload_sha256) == ORDER
    assert kit.case().fault == "duplicate_message_id"


def test_fifty_senders_of_one_message_at_once_store_it_once(kit: Kit) -> None:
    results = []
    threads = [threading.Thread(target=lambda: results.append(kit.inbox.receive(received()))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({result.transmission_id for result in results}) == 1
    assert sum(not result.duplicate for result in results) == 1


def test_a_large_payload_is_stored_as_a_file_and_read_back(kit: Kit) -> None:
    big = ORDER + b"\n" * 400_000
    receipt = kit.inbox.receive(received(big))
    assert kit.payload(kit.transmission(receipt.transmission_id).payload_sha256) == big
    kit.work()
    assert len(kit.posted()) == 1


def test_processing_the_same_transmission_twice_changes_nothing(kit: Kit) -> None:
    identity = kit.receive(ORDER)
    inbound.process(kit.pipeline, identity)
    inbound.process(kit.pipeline, identity)
    kit.work()
    assert len(kit.documents(direction="in")) == 1
    assert len(kit.partner.sent) == 1


def test_two_workers_on_one_transmission_leave_one_result(kit: Kit) -> None:
    identity = kit.receive(ORDER)
    threads = [threading.Thread(target=inbound.process, args=(kit.pipeline, identity)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kit.work()
    assert len(kit.documents(direction="in")) == 1
    assert len(kit.partner.sent) == 1


def test_posting_twice_leaves_one_file(kit: Kit) -> None:
    kit.receive_file("demo/004010/850-01-plain.edi")
    document = kit.documents(direction="in")[0]
    posting.post(kit.pipeline, document.id)
    assert len(kit.inbox_files()) == 1


def test_an_inbox_that_cannot_be_written_holds_the_document_with_a_case(kit: Kit) -> None:
    (kit.home / "inbox").write_text("a file where the folder should be")
    kit.receive(ORDER)
    kit.work()
    document = kit.documents(direction="in")[0]
    assert document.processing == "held"
    assert kit.case().fault == "posting"


def test_a_lost_job_is_found_by_the_sweeper(kit: Kit) -> None:
    kit.receive(ORDER)
    kit.jobs.jobs.clear()
    assert sweeper.sweep_stuck(kit.pipeline).submitted == 0
    kit.pass_time(minutes=6)
    assert sweeper.sweep_stuck(kit.pipeline).submitted == 1
    kit.work()
    assert len(kit.posted()) == 1


def test_at_start_everything_unfinished_is_taken_up_at_once(kit: Kit) -> None:
    identity = kit.receive(ORDER)
    kit.jobs.jobs.clear()
    sweeper.recover(kit.pipeline)
    assert (Task.PROCESS, identity) in kit.jobs.jobs


def test_a_document_waits_for_approval_when_its_profile_says_so(kit: Kit) -> None:
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(ORDER)
    kit.work()
    assert kit.documents(direction="in")[0].processing == "held"
    assert kit.case().fault == "approval"


def test_a_set_without_a_map_is_acknowledged_and_held(kit: Kit) -> None:
    text = (
        "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261121*1300*U*00401*000000900*0*P*>~"
        "GS*TX*HARBORRETAIL*ALPINESUPPLY*20261121*1300*900*X*004010~ST*864*0001~BMG*00*Note~"
        "MIT*1*About your invoice~MSG*Please call us.~SE*5*0001~GE*1*900~IEA*1*000000900~"
    )
    kit.receive(text.encode())
    kit.work()
    assert kit.answers()[0]["AK9"][0][0] == "A"
    assert kit.documents(direction="in")[0].processing == "held"
    assert kit.case().fault == "no_map"


def test_several_interchanges_in_one_transmission_are_answered_one_by_one(kit: Kit) -> None:
    second = ORDER.replace(b"000000101", b"000000199").replace(b"HR-450017", b"HR-450099")
    identity = kit.receive(ORDER + second)
    kit.work()
    assert len(kit.posted()) == 2
    assert len(kit.partner.sent) == 2
    assert kit.transmission(identity).processing == "posted"


def test_a_duplicate_window_of_no_days_takes_everything_as_new(kit: Kit) -> None:
    kit.befriend(inbound={**HARBOR["inbound"], "duplicates": {"isa13_days": 0, "purchase_order": "accept"}})
    kit.receive(ORDER)
    kit.receive(ORDER)
    kit.work()
    assert len(kit.posted()) == 2


def test_an_old_control_number_may_come_again(kit: Kit) -> None:
    kit.receive(ORDER)
    kit.work()
    kit.now += timedelta(days=31)
    kit.receive(ORDER.replace(b"HR-450017", b"HR-450098"))
    kit.work()
    assert len(kit.posted()) == 2


def test_the_sweeper_runs_until_it_is_stopped(kit: Kit) -> None:
    swept = threading.Event()
    identity = kit.receive(ORDER)
    kit.jobs.jobs.clear()
    kit.pass_time(minutes=10)
    original = (sweeper.SLOW_EVERY, sweeper.HOURLY)
    sweeper.SLOW_EVERY = sweeper.HOURLY = 1
    submit = kit.jobs.submit

    def note(*args: object, **kwargs: object) -> None:
        submit(*args, **kwargs)  # type: ignore[arg-type]
        swept.set()

    kit.jobs.submit = note  # type: ignore[method-assign]
    running = sweeper.Sweeper(kit.pipeline, every=0.01)
    try:
        running.start()
        assert swept.wait(10)
    finally:
        running.stop()
        sweeper.SLOW_EVERY, sweeper.HOURLY = original
    assert (Task.PROCESS, identity) in kit.jobs.jobs


def test_a_large_upload_that_is_a_file_already_is_taken_without_reading_it(kit: Kit) -> None:
    big = ORDER + b"\n" * 400_000
    staged = payloads.stage_large(kit.store.blobs, big)
    receipt = kit.inbox.receive_staged(received(b"", message_id="<big@harbor>"), staged)
    row = kit.transmission(receipt.transmission_id)
    assert (row.size, row.payload_sha256) == (len(big), staged.sha256)
    kit.work()
    assert len(kit.posted()) == 1
