"""The same store on a real PostgreSQL server, started for these tests and ended by them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import gateway.messages.corrections
import gateway.messages.models
import gateway.partners.models
import gateway.store.secrets
import gateway.transports.sftp.models  # noqa: F401 - every module with tables, so that the metadata is whole
from gateway.messages import control
from gateway.messages.ports import Task
from gateway.pipeline.work import EmbeddedWork
from gateway.store import ledger, migrations, payloads
from gateway.store.base import Base
from gateway.store.engine import Store, open_store

# Debian keeps the server's programs outside the search path.
for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
_MISSING = [name for name in ("initdb", "pg_ctl") if shutil.which(name) is None]
if importlib.util.find_spec("psycopg") is None:
    _MISSING.append("psycopg")
if _MISSING and os.environ.get("GATEWAY_REQUIRE_ALL") != "1":
    pytest.skip(f"PostgreSQL is not here: {', '.join(_MISSING)} missing", allow_module_level=True)

pytestmark = pytest.mark.real

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server's socket. A root user hands the server to ``nobody``, as it demands."""
    home = tmp_path_factory.mktemp("pg")
    switch: dict[str, object] = {}
    if os.getuid() == 0:
        home = Path(tempfile.mkdtemp(prefix="gateway-pg-"))
        shutil.chown(home, "nobody")
        switch = {"user": "nobody", "cwd": "/"}
    data = str(home / "data")
    start = ["pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", f"-k {home} -c listen_addresses=''"]
    try:
        subprocess.run(
            ["initdb", "-D", data, "-U", "gateway", "-A", "trust"], check=True, capture_output=True, **switch
        )
        subprocess.run([*start, "start"], check=True, stdout=subprocess.DEVNULL, **switch)
        yield home
    finally:
        subprocess.run(["pg_ctl", "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True, **switch)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def store(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = f"postgresql+psycopg://gateway@/postgres?host={server}"
    with open_store(url, blobs=tmp_path_factory.mktemp("blobs")) as opened:
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
