"""What was acknowledged is there after ``kill -9``, whole, however the process died."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text

from gateway.store import ledger, payloads
from gateway.store.engine import open_store

WRITER = """
import os, sys, threading
from datetime import UTC, datetime
from gateway.store import ledger, payloads
from gateway.store.engine import open_store
store = open_store(sys.argv[1])
def client(name):
    n = 0
    while True:
        n += 1
        body = f"{name}-{n}-".encode() * (40_000 if n % 10 == 0 else 5)
        staged = payloads.stage(store.blobs, body)
        def work(session):
            digest = payloads.put(session, staged)
            ledger.append(session, at=datetime.now(UTC), kind="received", subject_type="payload",
                          subject_id=digest, actor="test", reason="Stored.")
            return digest
        os.write(1, (store.writer.run(work) + "\\n").encode())
for name in "abcd":
    threading.Thread(target=client, args=(name,), daemon=True).start()
threading.Event().wait(30)
"""


@pytest.mark.parametrize("seed", range(6))
def test_every_acknowledged_payload_is_there_after_a_kill(made_once: Path, tmp_path: Path, seed: int) -> None:
    database = tmp_path / "gateway.db"
    database.write_bytes(made_once.read_bytes())
    wanted = random.Random(seed).randint(1, 120)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(database)], stdout=subprocess.PIPE) as process:
        acknowledged = [process.stdout.readline().decode().strip() for _ in range(wanted)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().decode().split("\n")[:-1]
    with open_store(database) as store, store.read() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        for digest in acknowledged:
            assert hashlib.sha256(payloads.get(session, digest)).hexdigest() == digest
        assert ledger.verify(session).ok
        rows = set(session.scalars(select(payloads.Payload.sha256)))
        assert rows == set(session.scalars(select(ledger.Event.subject_id)))
        assert rows >= set(acknowledged)
