"""Runs tests that were written for SQLite on a real PostgreSQL server: ``pytest -p tests.onpostgresql tests/pipeline``.

Wherever a test opens a database file in its own process, it gets a database of a server instead, one for each file.
Tests that read the file itself, or start other processes, do not fit and fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.store import engine

_open_store = engine.open_store
_stack = ExitStack()
_servers: list[Any] = []
#: Path of a database file → name of its database.
_known: dict[Path, str] = {}
_dropped: set[str] = set()
#: Databases that stay: beyond, the oldest are removed.
_MOST = 40


def _open_on_server(database: str | Path, *, blobs: Path | None = None, write: bool = True, **more: Any) -> Any:
    path = engine._sqlite_path(database)
    if path is None or (not write and not path.exists()):
        return _open_store(database, blobs=blobs, write=write, **more)
    path = path.absolute()
    if path not in _known:
        _known[path] = f"test_{len(_known)}"
        _server().with_tables(_known[path])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        old = [name for name in list(_known.values())[:-_MOST] if name not in _dropped]
        _dropped.update(name for name in old if _server().drop(name))
    return _open_store(_server().url(_known[path]), blobs=blobs or path.parent / "blobs", write=write, **more)


def _server() -> Any:
    from tests.postgresqlkit import need_postgresql, running_server

    if not _servers:
        need_postgresql()
        _servers.append(_stack.enter_context(running_server()))
    return _servers[0]


engine.open_store = _open_on_server


@pytest.fixture(scope="session", autouse=True)
def _end_server() -> Iterator[None]:
    yield
    _stack.close()
