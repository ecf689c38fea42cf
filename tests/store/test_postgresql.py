"""The same store on a real PostgreSQL server, started for these tests and ended by them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import gateway.alerts.models
import gateway.messages.corrections
import gateway.messages.models
import gateway.messages.notes
import gateway.messages.ordermodels
import gateway.messages.searchkeys
import gateway.messages.views
import gateway.partners.models
import gateway.staff.models
import gateway.store.secrets
import gateway.transports.sftp.models  # noqa: F401 - every module with tables, so that the metadata is whole
from gateway.messages import control, orders
from gateway.messages.models import Document
from gateway.messages.ordermodels import PurchaseOrder
from gateway.messages.ports import Task
from gateway.partners.profile import PartnerProfile
from gateway.pipeline import operations as pipeline_operations
from gateway.pipeline import ordering, outbound
from gateway.pipeline.ordering_sweep import sweep_late_documents, sweep_orders
from gateway.pipeline.retention import RetentionSweep
from gateway.pipeline.work import EmbeddedWork
from gateway.store import ledger, migrations, payloads, removal
from gateway.store.base import Base
from gateway.store.engine import Store, open_store
from gateway.store.errors import PayloadRemovedError
from tests.alerts.alertkit import AlertKit
from tests.pipeline.pipelinekit import HARBOR, Kit
from tests.postgresqlkit import need_postgresql, running_server

need_postgresql()
pytestmark = pytest.mark.real

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    blobs = tmp_path_factory.mktemp("blobs")
    with running_server() as server, open_store(server.new_database("gateway"), blobs=blobs) as opened:
        migrations.upgrade(opened)
        yield opened


def append(session, n: int = 1) -> int:
    return ledger.append(
        session, at=NOW, kind="x", subject_type="t", subject_id=str(n), actor="a", reason="r", data={"n": n}
    )


def test_the_revisions_and_the_models_agree(store: Store) -> None:
    with store.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    migrations.check(store)


def test_events_of_many_threads_are_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda n: store.writer.run(lambda s: append(s, n)), range(40)))
    assert len(set(numbers)) == 40
    with store.read() as session:
        assert ledger.verify(session).ok


@pytest.mark.parametrize("change", ["UPDATE event SET reason = 'x'", "DELETE FROM event", "TRUNCATE event"])
def test_the_database_refuses_to_change_an_event(store: Store, change: str) -> None:
    store.writer.run(append)
    with pytest.raises(DBAPIError, match="append-only"):
        store.writer.run(lambda session: session.execute(text(change)))


def test_control_numbers_of_many_threads_differ(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        numbers = list(
            pool.map(lambda _: store.writer.run(lambda s: control.take(s, "acme", "ISA13", False)), range(40))
        )
    assert sorted(numbers) == list(range(1, 41))


@pytest.mark.parametrize("body", [b"small", b"x" * (payloads.INLINE_LIMIT + 1)])
def test_a_body_comes_back_as_it_was(store: Store, body: bytes) -> None:
    staged = payloads.stage(store.blobs, body)
    digests = {store.writer.run(lambda session: payloads.put(session, staged)) for _ in range(2)}
    with store.read() as session:
        assert [payloads.get(session, digest) for digest in digests] == [body]


def test_the_work_engine_runs_its_jobs(store: Store) -> None:
    done = threading.Event()
    work = EmbeddedWork(store)
    work.run({Task.PROCESS: lambda key: done.set()}, 2)
    store.writer.run(lambda session: work.submit(session, Task.PROCESS, "t-1", lane="a"))
    assert done.wait(20)
    work.stop()
    assert work.stats().waiting == 0


def test_a_read_session_cannot_change_anything(store: Store) -> None:
    with store.read() as session, pytest.raises(DBAPIError, match="read-only"):
        append(session)


def test_the_facts_tell_the_servers_version_and_no_password(store: Store) -> None:
    facts = store.facts()
    assert facts["database"] == "postgresql"
    assert facts["version"]
    with open_store(store.url.replace("gateway@", "gateway:secret@"), write=False) as other:
        assert "secret" not in other.url


def test_orders_go_their_way_and_are_listed(store: Store, tmp_path: Path) -> None:
    kit = Kit(store, tmp_path)
    kit.befriend(documents={"received": {"850": {"follow_up": [{"set": "855", "hours": 24}]}}})
    kit.receive_file("demo/004010/850-04-backorder.edi")
    number = "HR-450020"
    kit.pass_time(hours=25)
    assert sweep_late_documents(kit.pipeline) == 1
    for kind in ("855", "856", "810"):
        made = ordering.OPERATIONS["order.followup"](kit.pipeline, {"id": number, "kind": kind})
        outbound.submit_document(kit.pipeline, json.dumps(made["document"]).encode())
    assert sweep_orders(kit.pipeline) == 1
    for which, count in (("", 1), ("open", 0), ("late", 0), ("mismatch", 1)):
        found = ordering.OPERATIONS["order.list"](kit.pipeline, {"which": which, "number": "HR-45", "role": "sell"})
        assert len(found["orders"]) == count, which
    assert found["orders"][0]["state"] == "completed"
    assert {case.review for case in kit.cases()} == {"resolved"}


def test_two_processes_may_find_an_order_at_once(store: Store) -> None:
    profile = PartnerProfile.model_validate({**HARBOR, "code": "twice"})

    def linked(n: int) -> None:
        def work(session: Session) -> None:
            row = Document(
                id=f"twice-{n}",
                direction="in",
                kind="order" if n == 0 else "order_change",
                standard="x12-004010",
                set_id="850",
                partner="twice",
                test=False,
                received_at=NOW,
            )
            session.add(row)
            session.flush()
            orders.link(session, row, orders.OrderFacts(("A", "B")), profile, NOW)

        store.writer.run(work)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(linked, range(12)))
    with store.read() as session:
        found = session.scalars(select(PurchaseOrder).where(PurchaseOrder.partner == "twice")).all()
        counts = orders.documents_by_order(session, [order.id for order in found])
    assert sorted(order.number for order in found) == ["A", "B"]
    assert all(order.ordered_at and order.stale for order in found)
    assert {len(documents) for documents in counts.values()} == {12}


def test_alerts_are_found_stored_and_put_into_messages(store: Store, tmp_path: Path) -> None:
    alerts = AlertKit(Kit(store, tmp_path))
    alerts.add_mail()
    case = alerts.fail("harbor|in|invalid|850|AK403-7|PO103=XX")
    alerts.fail_all([(f"harbor|in|delivery|{number}", "m") for number in range(30)], fault="delivery")
    alerts.kit.receive(b"ISA*00*", message_id="<alert@harbor>")
    alerts.look()
    found = [alert for alert in alerts.alerts() if alert.case_id == case]
    assert [alert.sentence for alert in found] == ["1 message from Harbor Retail breaks a rule at PO103."]
    alerts.operate("alert.mute", partner="harbor", hours=1, reason="they move house")
    alerts.close(case)
    alerts.look()
    assert {delivery.state for delivery in alerts.deliveries()} == {"waiting", "muted"}
    assert len(alerts.operate("alert.list", limit=5)["alerts"]) == 5
    alerts.restart()
    assert alerts.look() == 0
    alerts.runner.sender.stop()


@pytest.mark.parametrize("large", [False, True])
def test_content_whose_time_is_over_goes_and_comes_back(store: Store, tmp_path: Path, large: bool) -> None:
    kit = Kit(store, tmp_path)
    kit.befriend(keep={"raw_days": 30, "document_days": 30, "evidence_days": 30})
    kit.now = datetime(2031 + large, 1, 1, tzinfo=UTC)
    noise = b"no order at all" + (b"!" * payloads.INLINE_LIMIT if large else b"")
    held = kit.receive(noise)
    kit.work()
    kept = kit.receive(b"not read yet" * (1 + large))
    pipeline_operations.ignore(kit.pipeline, {"id": held, "reason": "noise"})
    kit.pass_time(days=31)
    assert RetentionSweep(kit.pipeline).beat() > 0
    there = {
        name: {each["form"]: each["removed_at"] is None for each in kit.detail(name)["content"]}
        for name in (held, kept)
    }
    assert not there[held]["payload"] and there[kept]["payload"]
    digest = kit.transmission(held).payload_sha256 or ""
    with store.read() as session, pytest.raises(PayloadRemovedError, match="raw_days = 30 of profile version"):
        payloads.get(session, digest)
    kit.receive(noise)
    assert kit.payload(digest) == noise
    with store.read() as session:
        assert ledger.verify(session).ok
    kit.befriend()


def test_bytes_that_come_again_while_they_are_removed_are_kept(store: Store) -> None:
    """The removal locks the row before it asks who uses it: whoever stores the bytes meanwhile waits, and has them."""
    body = b"removed and stored at the same time"
    digest = store.writer.run(lambda session: payloads.put(session, body))
    locked, looked = threading.Event(), threading.Event()

    def remove(session: Session) -> None:
        removal.lock(session, [digest])
        locked.set()
        assert looked.wait(20)
        removal.remove(session, digest, at=NOW, rule="a rule")

    removing = store.writer.submit(remove)
    assert locked.wait(20)
    putting = store.writer.submit(lambda session: payloads.put(session, body))
    needing = store.writer.submit(lambda session: payloads.require(session, digest))
    looked.set()
    removing.result(20)
    assert putting.result(20) == digest
    with store.read() as session:
        assert payloads.get(session, digest) == body
    assert needing.exception(20) is None or isinstance(needing.exception(), PayloadRemovedError)
