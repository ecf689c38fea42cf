"""Retention removes the content of what is finished and old, and nothing else; what it removed says so everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.messages import corrections, orderclocks
from gateway.messages.evidence import evidence_files
from gateway.messages.models import CaseFile, Document, Job, Transmission
from gateway.messages.ordermodels import PurchaseOrder
from gateway.messages.ports import Answer, Received
from gateway.messages.retention import Days
from gateway.partners.profile import PartnerProfile
from gateway.pipeline import operations, outbound, retention
from gateway.pipeline.outbound import RefusedError
from gateway.pipeline.retention import RetentionSweep
from gateway.pipeline.sending import RequestError
from gateway.pipeline.sweeper import Sweeper
from gateway.store import ledger, payloads
from gateway.store.base import Base
from gateway.store.blobs import files_held
from gateway.store.engine import open_store
from gateway.store.errors import PayloadRemovedError
from gateway.store.payloads import Payload
from gateway.transports.sftp.models import MailboxFile
from tests.pipeline.pipelinekit import FIXTURES, HARBOR, Kit, renumbered
from tests.pipeline.test_outbound import body

ORDER = "demo/004010/850-01-plain.edi"
ALL = {"raw_days": 30, "document_days": 30, "evidence_days": 30}


def keep(kit: Kit, **settings: Any) -> None:
    kit.befriend(keep=settings)


def sweep(kit: Kit) -> int:
    return RetentionSweep(kit.pipeline).beat()


def plan(kit: Kit, **parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = retention.look(kit.pipeline, parameters)
    return found


def reasons(kit: Kit) -> set[str]:
    return {row["reason"] for row in plan(kit)["kept_back"]}


def close_orders(kit: Kit) -> None:
    """Nothing more is expected of any order."""

    def close(session: Any) -> None:
        for order in session.scalars(select(PurchaseOrder)):
            order.closed_at, order.is_open, order.stale = kit.now, False, False
            orderclocks.end(session, order.id, "closed", kit.now)

    kit.store.writer.run(close)


def finished_order(kit: Kit, name: str = ORDER) -> Document:
    """An order that came, was posted and answered, and of which nothing more is expected."""
    kit.receive_file(name)
    close_orders(kit)
    return kit.documents(direction="in")[-1]


def forms(kit: Kit, identity: str) -> dict[str, bool]:
    """Form of content → whether it is there."""
    return {each["form"]: each["removed_at"] is None for each in kit.detail(identity)["content"]}


def ledger_is_whole(kit: Kit) -> bool:
    with kit.store.read() as session:
        return ledger.verify(session).ok


# -- what is removed, and what stays -----------------------------------------------------------------------------


def test_nothing_is_removed_unless_a_rule_says_so(kit: Kit) -> None:
    order = finished_order(kit)
    kit.pass_time(days=5_000)
    assert sweep(kit) == 0
    assert all(forms(kit, order.id).values())
    assert plan(kit)["rules"] == []


def test_the_content_of_a_finished_order_goes_and_its_facts_stay(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    before = kit.detail(order.id)
    kit.pass_time(days=29)
    assert sweep(kit) == 0
    kit.pass_time(days=2)
    assert sweep(kit) > 0
    after = kit.detail(order.id)
    assert not any(forms(kit, order.id).values())
    for name in ("number", "processing", "interchange", "facts", "acknowledgements", "orders"):
        assert after[name] == before[name], name
    assert [each["sha256"] for each in after["content"]] == [each["sha256"] for each in before["content"]]
    assert ledger_is_whole(kit)


def test_each_content_has_a_time_of_its_own(kit: Kit) -> None:
    keep(kit, raw_days=10, document_days=20, evidence_days=30)
    order = finished_order(kit)
    kit.pass_time(days=11)
    sweep(kit)
    assert forms(kit, order.id) == {"canonical": True, "payload": False, "wire": False, "receipt": True}
    kit.pass_time(days=10)
    sweep(kit)
    assert forms(kit, order.id) == {"canonical": False, "payload": False, "wire": False, "receipt": True}
    answer = kit.detail(order.id)["acknowledgements"][0]["transmission"]
    assert forms(kit, answer)["payload"]  # an acknowledgement is evidence
    kit.pass_time(days=10)
    sweep(kit)
    assert not forms(kit, order.id)["receipt"]
    assert not any(forms(kit, answer).values())


def test_the_settings_hold_where_the_profile_says_nothing_and_0_is_for_ever(kit: Kit) -> None:
    kit.pipeline.keep = Days(raw=10, document=10)
    keep(kit, document_days=0)
    order = finished_order(kit)
    kit.pass_time(days=11)
    sweep(kit)
    assert forms(kit, order.id) == {"canonical": True, "payload": False, "wire": False, "receipt": True}
    removed = next(each for each in kit.detail(order.id)["content"] if each["form"] == "payload")
    assert removed["removed_rule"] == "raw_days = 10 of [retention] in the gateway's settings"


def test_every_removal_is_in_the_ledger_under_its_message(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    kit.pass_time(days=31)
    sweep(kit)
    events = [stage for stage in kit.detail(order.id)["stages"] if stage["event"] == "content-removed"]
    assert {(event["actor"], event["subject"]) for event in events} == {
        ("retention", "document"),
        ("retention", "transmission"),
    }
    rule = "keep.document_days = 30 of profile version 2 of harbor"
    event = next(event for event in events if event["subject"] == "document")
    assert event["reason"] == f"The content (canonical) was removed by the rule {rule}."
    assert event["data"]["removed"] == [
        {"form": "canonical", "sha256": order.canonical_sha256, "bytes": event["data"]["removed"][0]["bytes"]}
    ]
    assert ledger_is_whole(kit)


def test_removed_content_is_told_from_damage(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    kit.pass_time(days=31)
    at = kit.now
    sweep(kit)
    with pytest.raises(PayloadRemovedError) as told:
        kit.payload(order.canonical_sha256)
    assert str(told.value) == (
        f"The content was removed on {at:%Y-%m-%d} by the rule keep.document_days = 30 of profile version 2 of harbor."
    )
    with kit.store.read() as session:
        files = dict(evidence_files(session, order.id))
    assert files["document.json.removed.txt"].decode().startswith(f"SHA-256 {order.canonical_sha256}: The content was")
    assert files["receipt.eml.removed.txt"].startswith(b"SHA-256 ")
    assert not any(name.endswith(".missing.txt") for name in files)


def test_the_earlier_name_of_the_days_still_counts(kit: Kit) -> None:
    profile = PartnerProfile.model_validate({**HARBOR, "keep": {"payload_days": 7}})
    assert profile.keep.raw_days == 7
    assert PartnerProfile.model_validate({**HARBOR, "keep": {"payload_days": None}}).keep.raw_days is None


# -- what is never removed ---------------------------------------------------------------------------------------


def test_a_legal_hold_stops_everything_of_the_partner(kit: Kit) -> None:
    keep(kit, **ALL, legal_hold=True)
    order = finished_order(kit)
    kit.pass_time(days=31)
    assert sweep(kit) == 0
    assert all(forms(kit, order.id).values())
    assert reasons(kit) == {"legal_hold"}
    keep(kit, **ALL)
    assert sweep(kit) > 0


def test_an_open_order_keeps_its_documents(kit: Kit) -> None:
    keep(kit, **ALL)
    kit.receive_file(ORDER)
    kit.pass_time(days=31)
    sweep(kit)
    order = kit.documents(direction="in")[0]
    assert all(forms(kit, order.id).values())
    assert reasons(kit) == {"order_open"}
    close_orders(kit)
    kit.pass_time(days=29)
    sweep(kit)
    assert all(forms(kit, order.id).values())  # the days count from its end
    kit.pass_time(days=2)
    sweep(kit)
    assert not any(forms(kit, order.id).values())


def test_a_deadline_that_runs_keeps_its_document(kit: Kit) -> None:
    kit.befriend(keep=ALL, documents={"received": {"850": {"follow_up": [{"set": "855", "hours": 24}]}}})
    kit.receive_file(ORDER)

    def settle(session: Any) -> None:
        for order in session.scalars(select(PurchaseOrder)):
            order.settled_at, order.is_open, order.stale = kit.now, False, False

    kit.store.writer.run(settle)
    kit.pass_time(days=31)
    assert "order_open" in reasons(kit)
    assert all(forms(kit, kit.documents(direction="in")[0].id).values())


def test_what_is_held_or_rejected_is_kept_until_it_was_reviewed(kit: Kit) -> None:
    keep(kit, **ALL)
    held = kit.receive(b"no order at all")
    kit.work()
    rejected = kit.receive_file("demo/004010/850-05-broken.edi")
    close_orders(kit)
    kit.pass_time(days=31)
    sweep(kit)
    assert forms(kit, held)["payload"] and forms(kit, rejected)["payload"]
    assert {"held", "case_open"} <= reasons(kit)
    operations.ignore(kit.pipeline, {"id": held, "reason": "noise"})
    for document in kit.documents(transmission_id=rejected):
        operations.ignore(kit.pipeline, {"id": document.id, "reason": "the partner sends it again"})
    assert {case.review for case in kit.cases()} <= {"resolved", "ignored"}
    kit.pass_time(days=31)
    sweep(kit)
    assert not forms(kit, held)["payload"] and not forms(kit, rejected)["payload"]


def test_what_was_rejected_and_is_in_no_case_was_not_reviewed(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)

    def reject(session: Any) -> None:
        session.get_one(Document, order.id).processing = "rejected"

    kit.store.writer.run(reject)
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, order.id).values())
    assert reasons(kit) == {"not_reviewed"}


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [("queued", "undelivered"), ("retrying", "undelivered"), ("sent", "undelivered"), ("failed", "failed")],
)
def test_what_is_not_delivered_is_kept_and_so_is_what_it_answers(kit: Kit, delivery: str, reason: str) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    answer = kit.detail(order.id)["acknowledgements"][0]["transmission"]

    def put(session: Any) -> None:
        session.get_one(Transmission, answer).delivery = delivery

    kit.store.writer.run(put)
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, answer).values()) and all(forms(kit, order.id).values())
    assert reasons(kit) == {reason, "unanswered"}


def test_our_document_is_kept_until_it_is_acknowledged(kit: Kit) -> None:
    keep(kit, **ALL)
    sent = outbound.submit_document(kit.pipeline, body())
    kit.work()
    close_orders(kit)
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, sent.document_id).values())
    assert reasons(kit) == {"unacknowledged"}

    def acknowledge(session: Any) -> None:
        row = session.get_one(Document, sent.document_id)
        row.acknowledgement, row.acknowledged_at = "accepted", kit.now

    kit.store.writer.run(acknowledge)
    kit.pass_time(days=31)
    sweep(kit)
    assert not any(forms(kit, sent.document_id).values())


@pytest.mark.parametrize("whole", [False, True])
def test_a_job_that_waits_keeps_its_message(kit: Kit, whole: bool) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    key = order.transmission_id if whole else order.id
    job = Job(task="process", key=key, status="failed", created_at=kit.now)
    kit.store.writer.run(lambda session: session.add(job))
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, order.id).values())
    assert reasons(kit) == {"working"}


@pytest.mark.parametrize("whole", [False, True])
def test_a_correction_that_waits_keeps_its_message(kit: Kit, whole: bool) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    subject = ("transmission", order.transmission_id or "") if whole else ("document", order.id)

    def propose(session: Any) -> str:
        before, after = (payloads.put(session, each, now=kit.now) for each in (b"before", b"after"))
        made = corrections.propose(
            session,
            kind=corrections.CorrectionKind.EDIT,
            title="t",
            reason="r",
            change={},
            author="olga",
            now=kit.now,
            subject=subject,
            before_sha256=before,
            after_sha256=after,
        )
        return made.id

    name = kit.store.writer.run(propose)
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, order.id).values())
    assert reasons(kit) == {"correction"}
    kit.store.writer.run(
        lambda session: corrections.refuse(
            session, corrections.find(session, name), actor="vera", now=kit.now, reason="no"
        )
    )
    sweep(kit)
    assert not any(forms(kit, order.id).values())
    with pytest.raises(PayloadRemovedError), kit.store.read() as session:
        payloads.get(session, corrections.find(session, name).after_sha256 or "")


def test_a_copy_that_is_not_finished_keeps_what_it_was_made_from(kit: Kit) -> None:
    keep(kit, **ALL)
    held = kit.receive(b"no order at all")
    kit.work()
    child = operations.replay(kit.pipeline, {"id": held})["id"]
    kit.work()
    with kit.store.read() as session:
        assert session.get_one(Transmission, child).processing == "held"

    def close_cases(session: Any) -> None:
        for case in session.scalars(select(CaseFile)):
            case.review, case.closed_at = "ignored", kit.now

    kit.store.writer.run(close_cases)
    kit.pass_time(days=31)
    sweep(kit)
    assert all(forms(kit, held).values())
    assert "copied" in reasons(kit)
    operations.ignore(kit.pipeline, {"id": child, "reason": "noise"})
    kit.pass_time(days=31)
    sweep(kit)
    assert not forms(kit, held)["payload"]


def test_a_file_in_a_mailbox_keeps_its_bytes(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    digest = kit.transmission(order.transmission_id or "").payload_sha256
    entry = MailboxFile(
        id="m-1",
        partner="harbor",
        folder="out",
        name="a.edi",
        state="collected",
        size=1,
        payload_sha256=digest,
        created_at=kit.now,
        changed_at=kit.now,
    )
    kit.store.writer.run(lambda session: session.add(entry))
    kit.pass_time(days=31)
    sweep(kit)
    assert forms(kit, order.id) == {"canonical": False, "payload": True, "wire": False, "receipt": False}
    assert reasons(kit) == {"mailbox"}


def test_the_same_bytes_stay_while_another_message_is_to_be_kept(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    kit.pass_time(days=20)
    again = kit.receive((FIXTURES / ORDER).read_bytes(), message_id="<again@harbor>")
    kit.work()
    kit.pass_time(days=11)
    assert {row["reason"] for row in plan(kit)["kept_back"]} == {"shared"}
    sweep(kit)
    assert forms(kit, order.id) == {"canonical": False, "payload": True, "wire": True, "receipt": True}
    assert forms(kit, again)["payload"]
    kit.pass_time(days=20)
    sweep(kit)
    assert not forms(kit, order.id)["payload"]


def test_every_table_that_names_a_payload_keeps_it_or_is_known(kit: Kit) -> None:
    """A table of a later release cannot lose its bytes by being forgotten: what nobody knows keeps them."""
    from gateway.messages.retention import _COLUMNS, _elsewhere

    named = {
        key.parent
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "payload"
    }
    known = {each.column.property.columns[0] for each in _COLUMNS}
    assert known < named
    assert set(_elsewhere()) == named - known == {MailboxFile.__table__.c.payload_sha256}


def test_what_changed_between_the_look_and_the_removal_stays(kit: Kit) -> None:
    """A legal hold that is set while a pass runs holds at once: each piece is judged again in its own transaction."""
    keep(kit, **ALL)
    order = finished_order(kit)
    kit.pass_time(days=31)
    with kit.store.read() as session:
        before = retention._oldest_that_stay(session, kit.pipeline, kit.now)
        assert before is not None
        step = retention._step(session, kit.pipeline, None, before, kit.now, 100)
    keep(kit, **ALL, legal_hold=True)
    assert retention._remove(kit.pipeline, step.verdicts) == []
    assert all(forms(kit, order.id).values())


# -- what still works afterwards -----------------------------------------------------------------------------------


def test_a_repeated_message_is_still_known_and_gets_a_receipt(kit: Kit) -> None:
    keep(kit, **ALL)
    first = kit.receive((FIXTURES / ORDER).read_bytes(), message_id="<1@harbor>")
    kit.work()
    close_orders(kit)
    kit.pass_time(days=31)
    sweep(kit)
    with pytest.raises(PayloadRemovedError):
        kit.inbox.earlier("as2", "harbor", "<1@harbor>")
    order = (FIXTURES / ORDER).read_bytes()
    fresh = Answer(200, (("Content-Type", "multipart/report"),), b"MDN anew", "processed")
    again = kit.inbox.receive(
        Received(
            transport="as2",
            partner="harbor",
            payload=order,
            wire_sha256=kit.transmission(first).wire_sha256,
            transport_id="<1@harbor>",
            answer=fresh,
        )
    )
    assert (again.transmission_id, again.duplicate, again.answer) == (first, True, fresh)
    kit.work()
    assert len(kit.posted()) == 1
    told = kit.detail(first)["stages"][-1]
    assert told["event"] == "resent" and "a new answer was given" in told["reason"]


def test_a_repeated_interchange_is_still_known_and_answered_anew(kit: Kit) -> None:
    kit.befriend(keep=ALL, inbound={**HARBOR["inbound"], "duplicates": {"isa13_days": 800}})
    finished_order(kit)
    kit.pass_time(days=700)
    sweep(kit)
    again = kit.receive_file(ORDER)
    row = kit.transmission(again)
    assert row.processing == "ignored"
    assert "nothing was posted, its acknowledgement was made anew" in (row.reason or "")
    assert len(kit.posted()) == 1
    first, second = kit.answers()
    assert first["AK1"] == second["AK1"] and first["AK9"] == second["AK9"]
    assert first["ISA"][0][12] != second["ISA"][0][12]
    other = kit.receive(renumbered((FIXTURES / ORDER).read_bytes(), **{"HR-450017": "HR-999999"}))
    kit.work()
    assert kit.transmission(other).processing == "rejected"


def test_an_acknowledgement_that_would_say_something_else_today_is_not_made_anew(kit: Kit) -> None:
    window = {**HARBOR["inbound"], "duplicates": {"isa13_days": 800}}
    kit.befriend(keep=ALL, inbound=window)
    finished_order(kit)
    kit.pass_time(days=700)
    sweep(kit)
    kit.befriend(keep=ALL, inbound={**window, "code_lists": {"PO103": {"only": ["ZZ"]}}})
    again = kit.transmission(kit.receive_file(ORDER))
    assert "its acknowledgement cannot be sent again: The content was removed on" in (again.reason or "")
    assert len(kit.partner.sent) == 1


def test_a_document_of_ours_is_known_by_its_digest(kit: Kit) -> None:
    keep(kit, **ALL)
    name = "6f1c3f0e-5f0a-4a53-9d5e-0d1d9b1f7c11"
    sent = outbound.submit_document(kit.pipeline, body(id=name))
    kit.work()

    def acknowledge(session: Any) -> None:
        session.get_one(Document, sent.document_id).acknowledgement = "accepted"

    kit.store.writer.run(acknowledge)
    close_orders(kit)
    kit.pass_time(days=31)
    sweep(kit)
    assert not forms(kit, name)["canonical"]
    assert outbound.submit_document(kit.pipeline, body(id=name)).already
    with pytest.raises(RefusedError, match="another document"):
        outbound.submit_document(kit.pipeline, body(id=name, number="INV-2"))
    assert len(kit.partner.sent) == 1


def test_replay_and_resend_refuse_in_a_sentence_and_change_nothing(kit: Kit) -> None:
    keep(kit, **ALL)
    rejected = kit.receive_file("demo/004010/850-05-broken.edi")
    (document,) = kit.documents(transmission_id=rejected)
    operations.ignore(kit.pipeline, {"id": document.id, "reason": "sent again"})
    order = finished_order(kit)
    answer = kit.detail(order.id)["acknowledgements"][0]["transmission"]
    kit.pass_time(days=31)
    sweep(kit)
    with kit.store.read() as session:
        before = ledger.head(session)
    for operation, identity in (
        (operations.replay, document.id),
        (operations.replay, rejected),
        (operations.resend, answer),
    ):
        with pytest.raises((PayloadRemovedError, RequestError)) as told:
            operation(kit.pipeline, {"id": identity})
        sentence = f"{told.value} {getattr(told.value, 'fix', '')}"
        assert "was removed on" in sentence and "to send it again" in sentence, (operation, identity)
    with kit.store.read() as session:
        assert ledger.head(session) == before


def test_the_same_bytes_again_bring_the_content_back(kit: Kit) -> None:
    kit.befriend(keep=ALL, inbound={**HARBOR["inbound"], "duplicates": {"isa13_days": 1}})
    order = finished_order(kit)
    kit.pass_time(days=31)
    sweep(kit)
    kit.receive((FIXTURES / ORDER).read_bytes(), message_id="<again@harbor>")
    kit.work()
    assert forms(kit, order.id)["payload"]
    assert kit.payload(kit.transmission(order.transmission_id or "").payload_sha256) == (FIXTURES / ORDER).read_bytes()
    assert ledger_is_whole(kit)


# -- files, crashes, passes ----------------------------------------------------------------------------------------


def large_order(kit: Kit) -> tuple[Document, Path]:
    """A finished order in a file of its own, and that file, written long ago."""
    order = (FIXTURES / ORDER).read_bytes() + b"\r\n" * payloads.INLINE_LIMIT
    identity = kit.receive(order)
    kit.work()
    close_orders(kit)
    digest = kit.transmission(identity).payload_sha256 or ""
    path = kit.store.blobs / digest[:2] / digest
    for each in kit.store.blobs.glob("??/*"):
        os.utime(each, (1, 1))
    return kit.documents(direction="in")[-1], path


def test_the_file_of_a_large_payload_goes_with_it(kit: Kit) -> None:
    keep(kit, **ALL)
    order, path = large_order(kit)
    assert path.exists()
    kit.pass_time(days=31)
    sweep(kit)
    assert not path.exists()
    assert not any(forms(kit, order.id).values())


def test_files_stay_while_a_backup_copies_them_and_go_later(kit: Kit) -> None:
    keep(kit, **ALL)
    order, path = large_order(kit)
    kit.pass_time(days=31)
    with files_held(kit.store.blobs):
        sweep(kit)
        assert path.exists()
        assert not forms(kit, order.id)["payload"]
        assert payloads.collect_orphans(kit.store) == []
    assert path.relative_to(kit.store.blobs).as_posix() in payloads.collect_orphans(kit.store)
    assert not path.exists()


def test_a_file_that_is_written_again_meanwhile_stays(kit: Kit) -> None:
    keep(kit, **ALL)
    _, path = large_order(kit)
    payloads.stage_large(kit.store.blobs, path.read_bytes())
    kit.pass_time(days=31)
    sweep(kit)
    assert path.exists()


CRASH = """
import sys
import threading
from pathlib import Path
from gateway.pipeline.retention import RetentionSweep
from gateway.store.engine import open_store
from tests.pipeline.pipelinekit import Kit
with open_store(sys.argv[1]) as store:
    kit = Kit.__new__(Kit)
    Kit.__init__(kit, store, Path(sys.argv[2]))
    kit.befriend(keep={"raw_days": 30, "document_days": 30, "evidence_days": 30})
    kit.pass_time(days=31)
    RetentionSweep(kit.pipeline).beat()
    print("done", flush=True)
"""


@pytest.mark.parametrize(
    ("point", "removed"),
    [("store.before_commit:3", False), ("retention.before_commit", False), ("retention.before_files", True)],
)
def test_a_crash_leaves_no_row_without_its_file_that_does_not_say_so(
    empty_database: Path, tmp_path: Path, point: str, removed: bool
) -> None:
    database = tmp_path / "gateway.db"
    database.write_bytes(empty_database.read_bytes())
    with open_store(database) as store:
        kit = Kit(store, tmp_path)
        keep(kit, **ALL)
        order, path = large_order(kit)
    run = subprocess.run(
        [sys.executable, "-c", CRASH, str(database), str(tmp_path)],
        env={**os.environ, "GATEWAY_FAULT": point, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        check=False,
    )
    assert run.returncode == -9, run.stderr.decode()
    assert b"done" not in run.stdout
    with open_store(database) as store:
        kit = Kit(store, tmp_path)
        assert path.exists()
        assert forms(kit, order.id)["payload"] is not removed
        with store.read() as session:
            rows = session.scalars(select(Payload).where(Payload.path.is_not(None))).all()
            assert all((store.blobs / row.path).exists() for row in rows if row.path)
        assert ledger_is_whole(kit)
        keep(kit, **ALL)
        kit.pass_time(days=31)
        sweep(kit)
        payloads.collect_orphans(store)
        assert not path.exists()
        assert not any(forms(kit, order.id).values())


def test_a_pass_goes_on_where_its_time_ended_and_the_next_waits_an_hour(kit: Kit) -> None:
    keep(kit, **ALL)
    for number in range(40):
        kit.receive(b"no order at all %d" % number)
    kit.work()

    def ignore(session: Any) -> None:
        for row in session.scalars(select(Transmission)):
            row.processing = "ignored"
        for case in session.scalars(select(CaseFile)):
            case.review = "ignored"

    kit.store.writer.run(ignore)
    kit.pass_time(days=31)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retention, "LOOKED_AT", 10)
        runner = RetentionSweep(kit.pipeline, budget=0)
        counts = [runner.beat() for _ in range(10)]
    assert counts[0] == 10 and sum(counts) == 81 and counts[-1] == 0
    kit.receive(b"something new")
    assert runner.beat() == 0


def test_a_plan_is_what_a_run_does_and_both_come_in_pages(kit: Kit) -> None:
    keep(kit, **ALL)
    finished_order(kit)
    kit.receive(b"no order at all")
    kit.work()
    kit.pass_time(days=31)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retention, "PAGE", 3)
        page, seen = plan(kit), 0
        due: dict[str, int] = {}
        while True:
            for row in page["due"]:
                due[row["content"]] = due.get(row["content"], 0) + row["payloads"]
            seen += page["looked_at"]
            if page["next"] is None:
                break
            page = plan(kit, after=page["next"])
        assert seen == page["total"]
    done = retention.run(kit.pipeline, {})
    removed: dict[str, int] = {}
    for row in done["removed"]:
        removed[row["content"]] = removed.get(row["content"], 0) + row["payloads"]
    assert removed == due and set(due) == {"raw", "document", "evidence"}
    assert {row["reason"] for row in done["kept_back"]} >= {"held"}
    assert retention.run(kit.pipeline, {})["removed"] == []
    with pytest.raises(RequestError, match="not a place"):
        plan(kit, after="nowhere")


def test_the_sweeper_removes_by_itself(kit: Kit) -> None:
    keep(kit, **ALL)
    order = finished_order(kit)
    kit.pass_time(days=31)
    swept = threading.Event()
    sweeper = Sweeper(kit.pipeline, every=0.001)

    class Beats(RetentionSweep):
        def beat(self) -> int:
            done = super().beat()
            swept.set()
            return done

    sweeper._retention = Beats(kit.pipeline)
    sweeper.start()
    assert swept.wait(30)
    sweeper.stop()
    assert not any(forms(kit, order.id).values())


def test_users_of_a_payload_are_found_by_an_index(kit: Kit) -> None:
    """A million messages must not be read to judge one payload."""
    from gateway.messages.retention import _COLUMNS

    with kit.store.read() as session:
        for each in _COLUMNS:
            table = each.column.class_.__tablename__
            sql = f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {each.column.key} IN ('a', 'b')"
            plan_rows = [row[3] for row in session.execute(text(sql))]
            assert any(row.startswith("SEARCH") and "INDEX ix_" in row for row in plan_rows), (table, plan_rows)
