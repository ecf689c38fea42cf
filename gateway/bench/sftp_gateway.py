"""The gateway's SFTP door as a process of its own, for the benchmark: ``python -m gateway.bench.sftp_gateway DIR``.

It is what ``gateway up`` runs: the settings, store, inbox and listener of a working directory. The workers stay out, as
in every measurement of a door: what is received waits, stored and answered, for its processing. The address is
written where ``gateway up`` writes it; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gateway.backoffice.files import write_whole_file
from gateway.bench.sftp_files import SENDER
from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Delivery
from gateway.messages.ids import new_id
from gateway.messages.models import Transmission
from gateway.messages.ports import Delivery as Sending
from gateway.messages.ports import PreparedWire
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile
from gateway.service.context import Context, open_context
from gateway.service.run import LISTENERS, settle
from gateway.settings import company_named
from gateway.store import payloads
from gateway.workdir import make_working_directory

__all__ = ["PARTNER", "opened", "partner", "prepare", "seed"]

#: The partner's code, which is its user name too.
PARTNER = "bench"
_MOST_BYTES = 1024 * 1024 * 1024


def partner(public_key: str) -> PartnerProfile:
    """The partner of the benchmark: an account with one key, and room for the large file."""
    return PartnerProfile.model_validate(
        {
            "code": PARTNER,
            "name": "Benchmark",
            "status": "live",
            "ids": {"isa": [{"id": SENDER}], "gs": [SENDER]},
            "inbound": {"test_in_live": "process"},
            "delivery": {"transport": "sftp"},
            "sftp": {"hosted": {"user": PARTNER, "keys": [public_key], "max_file_bytes": _MOST_BYTES}},
        }
    )


def prepare(home: Path, public_key: str) -> None:
    """Make a working directory as ``gateway init`` does, with the partner in it."""
    now = datetime.now(UTC)
    make_working_directory(home, company_named("Benchmark gateway"), now=now, listen="127.0.0.1:0")
    with opened(home) as context:
        profile = partner(public_key)
        context.store.writer.run(lambda session: registry.apply(session, [profile], "bench", "benchmark", now))


@contextmanager
def opened(home: Path) -> Iterator[Context]:
    """A working directory, opened for writing."""
    context = open_context(home)
    try:
        yield context
    finally:
        context.close()


def seed(home: Path, files: Iterable[Path]) -> None:
    """Lay out files for the partner, each a transmission of ours that waits for its collection."""
    with opened(home) as context:
        for path in files:
            _lay_out(context, path.name, path.read_bytes())


def _lay_out(context: Context, name: str, body: bytes) -> None:
    now = datetime.now(UTC)
    staged = payloads.stage(context.store.blobs, body)
    row = Transmission(
        id=new_id(now),
        direction="out",
        transport="sftp",
        partner=PARTNER,
        wire_sha256="",
        size=len(body),
        filename=name,
        created_at=now,
        processing=None,
        delivery=Delivery.QUEUED.value,
    )
    story: dict[str, Any] = {"actor": "bench", "reason": "Waits in the mailbox.", "now": now}

    def run(session: Session) -> None:
        row.payload_sha256 = payloads.put(session, staged, now=now)
        lifecycle.begin(session, row, **story)
        lifecycle.advance(session, row, Axis.DELIVERY, [Delivery.SENDING, Delivery.SENT], **story)

    context.store.writer.run(run)
    sending = Sending(row.id, PARTNER, "sftp", body, name, "application/EDI-X12", "", now)
    context.pipeline.delivery["sftp"].deliver(sending, PreparedWire((("Filename", name),), body, ""))


def _serve(home: Path) -> None:
    """Open the door and keep it open until SIGTERM."""
    from twisted.internet import asyncioreactor

    asyncioreactor.install()  # type: ignore[no-untyped-call]
    from twisted.internet import reactor

    loop = asyncio.get_event_loop()
    logging.basicConfig(level="INFO", filename=home / "log" / "bench.log")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    context = open_context(home)
    context.doors.start(context.pipeline, reactor, loop)
    write_whole_file(home / LISTENERS, json.dumps(context.doors.addresses()).encode("ascii"))
    settle()
    running: object = reactor
    running.run()  # type: ignore[attr-defined]
    context.doors.stop()
    context.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
