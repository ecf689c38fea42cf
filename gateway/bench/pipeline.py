"""How many messages one process takes in and works through, with every commit on the disk.

``receive``: store-then-acknowledge by 16 clients at once, as the AS2 listener does after its cryptography.
``order to inbox``: each order read, validated, mapped, answered by a 997 that waits to be sent, and delivered to the
back office's folder. No peer does the same work, so the rows have none; they are for comparing two machines or two
versions of the gateway.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from gateway import resources
from gateway.backoffice.folder import FolderBackOffice
from gateway.bench.rows import Row, row
from gateway.messages.ports import Answer, Received, Task
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile
from gateway.pipeline import inbound, posting
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.receive import Inbox
from gateway.pipeline.work import EmbeddedWork
from gateway.store import migrations
from gateway.store.engine import open_store

__all__ = ["run"]

_CLIENTS = 16
_NOTE = "no peer does the same work"
_MDN = b"x" * 2_000
#: Seconds after which a benchmark that stands still is given up.
_PATIENCE = 300.0


def run(messages: int = 1_000, progress: Callable[[str], None] | None = None) -> list[Row]:
    """Receive and work through so many orders in a temporary directory; two rows."""
    tell = progress or (lambda _text: None)
    template = (resources.find("demo") / "004010" / "850-01-plain.edi").read_bytes()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        home = Path(folder)
        with open_store(home / "gateway.db") as store:
            migrations.upgrade(store)
            pipeline = Pipeline(
                company=Company("alpine", "Alpine Supply", "ZZ", "ALPINESUPPLY", "ALPINESUPPLY", "ALPINE"),
                store=store,
                work=EmbeddedWork(store),
                directory=Directory(store.read, "ALPINE"),
                clock=lambda: datetime.now(UTC),
                posting=FolderBackOffice(home / "inbox"),
            )
            store.writer.run(lambda session: registry.apply(session, [_partner()], "bench", "", datetime.now(UTC)))
            tell(f"receiving {messages} orders from {_CLIENTS} clients")
            received = _receive(pipeline, template, messages)
            tell(f"working through {messages} orders")
            worked = _work_through(pipeline, messages)
    work = f"{messages} orders of {len(template):,} bytes"
    return [
        row("pipeline", "receive", work, received, "messages/s", note=_NOTE),
        row("pipeline", "order to inbox", work, worked, "messages/s", note=_NOTE),
    ]


def _partner() -> PartnerProfile:
    return PartnerProfile.model_validate(
        {
            "code": "harbor",
            "name": "Harbor Retail",
            "status": "live",
            "ids": {"isa": [{"id": "HARBORRETAIL"}], "gs": ["HARBORRETAIL"], "as2": "HARBOR"},
            "inbound": {"test_in_live": "process"},
            "delivery": {"transport": "as2"},
        }
    )


def _order(template: bytes, number: int) -> bytes:
    """The template under a control number and an order number of its own."""
    return template.replace(b"000000101", b"%09d" % (number + 1)).replace(b"HR-450017", b"HR-%06d" % number)


def _receive(pipeline: Pipeline, template: bytes, messages: int) -> float:
    inbox = Inbox(pipeline)

    def one(number: int) -> None:
        payload = _order(template, number)
        inbox.receive(
            Received(
                transport="as2",
                partner="harbor",
                payload=payload,
                wire=payload,
                wire_sha256=hashlib.sha256(payload).hexdigest(),
                transport_id=f"<{number}@bench>",
                answer=Answer(200, (), _MDN, "processed"),
            )
        )

    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(one, range(messages)))
    return messages / (time.perf_counter() - began)


def _work_through(pipeline: Pipeline, messages: int) -> float:
    """Run the work engine until every order is in the inbox. Raises TimeoutError when it stands still."""
    left, finished = [messages], threading.Event()
    lock = threading.Lock()

    def post(key: str) -> None:
        posting.post(pipeline, key)
        with lock:
            left[0] -= 1
            if left[0] == 0:
                finished.set()

    handlers = {
        Task.PROCESS: lambda key: inbound.process(pipeline, key),
        Task.POST: post,
        # Deliveries stay in the queue: there is nobody to send to.
        Task.DRAIN: lambda _key: None,
    }
    began = time.perf_counter()
    pipeline.work.run(handlers, 4)
    try:
        if not finished.wait(_PATIENCE):
            raise TimeoutError(f"{left[0]} of {messages} orders were not posted within {_PATIENCE:.0f} seconds.")
        return messages / (time.perf_counter() - began)
    finally:
        pipeline.work.stop()
