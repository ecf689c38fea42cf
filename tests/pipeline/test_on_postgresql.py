"""Many messages at the same moment on a real PostgreSQL server: none lost, none doubled, each acknowledged as one."""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.demo.company import wait_for
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
from gateway.messages.ports import Answer, Receipt, Received, Task
from gateway.pipeline import delivery, inbound, posting
from gateway.pipeline.outbound import submit_document
from gateway.pipeline.work import EmbeddedWork
from gateway.store import ledger
from gateway.store.engine import Store, open_store
from tests.faults.orders import purchase_order
from tests.pipeline.pipelinekit import Kit, segments_of
from tests.pipeline.test_outbound import body
from tests.postgresqlkit import Server, need_postgresql, running_server

need_postgresql()
pytestmark = [pytest.mark.real, pytest.mark.slow]

ORDERS = 24


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture
def kit(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Kit]:
    """A pipeline whose jobs run by themselves, in eight threads, as in service."""
    name = f"t{abs(hash(request.node.name))}"
    with open_store(server.with_tables(name), blobs=tmp_path / "blobs") as store:
        made = Kit(store, tmp_path)
        work = EmbeddedWork(store, retry_pauses=[0.2])
        made.pipeline.work = work
        handlers = {
            Task.PROCESS: lambda key: inbound.process(made.pipeline, key),
            Task.POST: lambda key: posting.post(made.pipeline, key),
            Task.DRAIN: lambda key: delivery.drain(made.pipeline, key),
        }
        work.run(handlers, 8)
        yield made
        work.stop()


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """The results of calls that run side by side, in an order that is always the same mess."""
    mixed = list(calls)
    random.Random(20261122).shuffle(mixed)
    with ThreadPoolExecutor(12) as pool:
        return [future.result(60) for future in [pool.submit(call) for call in mixed]]


def quiet(kit: Kit) -> None:
    def look() -> bool:
        stats = kit.pipeline.work.stats()
        return stats.waiting + stats.running == 0

    wait_for("The end of the work", look)
    assert kit.pipeline.work.stats().failed == 0


def arrives(kit: Kit, data: bytes, message_id: str) -> Callable[[], Receipt]:
    receipt = Answer(200, (), f"MDN {random.random()}".encode(), "processed")
    digest = hashlib.sha256(data).hexdigest()
    message = Received("as2", "harbor", data, data, message_id, digest, answer=receipt)
    return lambda: kit.inbox.receive(message)


def whole(store: Store) -> bool:
    with store.read() as session:
        return ledger.verify(session).ok


def test_the_same_and_different_orders_at_once_are_taken_once_each(kit: Kit) -> None:
    """Each order comes three times as the same message and twice more as a message of its own."""
    calls = []
    for number in range(1, ORDERS + 1):
        data = purchase_order(number)
        calls += [arrives(kit, data, f"<{number}@harbor>")] * 3
        calls += [arrives(kit, data, f"<{number}.{again}@harbor>") for again in (1, 2)]
    receipts: list[Receipt] = at_once(calls)
    quiet(kit)
    assert sum(receipt.duplicate for receipt in receipts) == 2 * ORDERS
    assert not any(receipt.conflict for receipt in receipts)
    # Whoever sent the same message again was given the very answer of the first time.
    answers: dict[str, set[bytes]] = {}
    for receipt in receipts:
        assert receipt.answer is not None
        answers.setdefault(receipt.transmission_id, set()).add(receipt.answer.body)
    assert len(answers) == 3 * ORDERS
    assert all(len(given) == 1 for given in answers.values())

    numbers = [f"PO-{number:04}" for number in range(1, ORDERS + 1)]
    assert sorted(document["number"] for document in kit.posted()) == numbers
    assert sorted(row.number or "" for row in kit.documents(direction="in")) == numbers
    # One 997 for each interchange; a repeated one is given the same again, byte for byte.
    sent = Counter(kit.partner.payloads)
    assert sum(sent.values()) == 3 * ORDERS
    assert sorted(segments_of(answer)["AK1"][0][1] for answer in sent) == sorted(str(n) for n in range(1, ORDERS + 1))
    assert set(sent.values()) == {3}
    controls = [segments_of(answer)["ISA"][0][12] for answer in sent]
    assert sorted(controls) == [f"{n:09}" for n in range(1, ORDERS + 1)]
    assert whole(kit.store)


def test_a_business_number_that_comes_in_many_interchanges_is_posted_once(kit: Kit) -> None:
    messages = [purchase_order(number).replace(b"PO-%04d" % number, b"PO-SAME") for number in range(1, ORDERS + 1)]
    at_once([arrives(kit, data, f"<{number}@harbor>") for number, data in enumerate(messages)])
    quiet(kit)
    assert [document["number"] for document in kit.posted()] == ["PO-SAME"]
    states = Counter(row.processing for row in kit.documents(direction="in"))
    assert states == {"posted": 1, "held": ORDERS - 1}
    with kit.store.read() as session:
        assert len(session.scalars(select(Document).where(Document.owns_key)).all()) == 1
        # All of them have one cause: one case, each a member once.
        (case,) = session.scalars(select(CaseFile)).all()
        assert len(session.scalars(select(CaseMember).where(CaseMember.case_id == case.id)).all()) == ORDERS - 1
        orders = session.execute(text("SELECT number FROM purchase_order")).scalars().all()
        assert orders == ["PO-SAME"]
    assert whole(kit.store)


def test_documents_that_are_handed_in_at_once_go_out_once_each(kit: Kit) -> None:
    """Each invoice is handed in by four at the same moment, as by an impatient back office."""
    calls = []
    for number in range(ORDERS):
        document = body(number=f"INV-{number}")
        calls += [lambda document=document: submit_document(kit.pipeline, document)] * 4
    done = at_once(calls)
    quiet(kit)
    assert len({one.document_id for one in done}) == ORDERS
    sent = [segments_of(payload) for payload in kit.partner.payloads]
    assert sorted(one["BIG"][0][1] for one in sent) == sorted(f"INV-{number}" for number in range(ORDERS))
    assert sorted(one["ISA"][0][12] for one in sent) == [f"{n:09}" for n in range(1, ORDERS + 1)]
    assert sorted(one["GS"][0][5] for one in sent) == sorted(str(n) for n in range(1, ORDERS + 1))
    with kit.store.read() as session:
        states = session.execute(select(Transmission.delivery, Transmission.attempts)).all()
    assert set(states) == {("confirmed", 1)}
    assert whole(kit.store)


def test_a_server_that_is_away_for_a_moment_while_messages_arrive_costs_none(kit: Kit, server: Server) -> None:
    """Who was told that it failed sends again, as partners do."""
    going = threading.Event()

    def persistent(number: int) -> int:
        call, tries = arrives(kit, purchase_order(number), f"<{number}@harbor>"), 0
        while True:
            tries += 1
            try:
                call()
            except Exception:
                assert tries < 500
                going.wait(0.02)
            else:
                return tries

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(persistent, number) for number in range(1, ORDERS + 1)]
        server.stop("immediate")
        server.start()
        assert all(future.result(60) for future in waiting)
    quiet(kit)
    numbers = [f"PO-{number:04}" for number in range(1, ORDERS + 1)]
    assert sorted(document["number"] for document in kit.posted()) == numbers
    assert sorted(row.number or "" for row in kit.documents(direction="in")) == numbers
    assert whole(kit.store)


#: What no index of PostgreSQL can hold.
LONG = "".join(random.Random(7).choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=9000)).encode()
PLACES = {
    "order number": (b"PO-0001", LONG),
    "control number of the set": (b"ST*850*0001", b"ST*850*" + LONG),
    "control number of the group": (b"*0830*1*X*", b"*0830*" + LONG + b"*X*"),
    "set": (b"ST*850*", b"ST*" + LONG + b"*"),
    "version": (b"*X*004010", b"*X*" + LONG),
    "unit": (b"*EA*", b"*" + LONG + b"*"),
}


def test_a_text_that_is_longer_than_an_index_takes_holds_nobody_up(kit: Kit) -> None:
    """Every odd message has its end, and so has the good one that came with them."""
    calls = [arrives(kit, purchase_order(2), "<good@harbor>"), arrives(kit, purchase_order(3), f"<{LONG.decode()}@x>")]
    for place, (old, new) in PLACES.items():
        odd = purchase_order(1).replace(old, new)
        assert LONG in odd, place
        calls.append(arrives(kit, odd, f"<{place}@harbor>"))
    at_once(calls)
    quiet(kit)
    assert [document["number"] for document in kit.posted()] == ["PO-0002", "PO-0003"]
    with kit.store.read() as session:
        arrived = Transmission.direction == "in"
        states = session.scalars(select(Transmission.processing).where(arrived)).all()
    assert len(states) == len(calls)
    assert "received" not in states
    again = arrives(kit, purchase_order(3), f"<{LONG.decode()}@x>")()
    assert again.duplicate
    assert whole(kit.store)
