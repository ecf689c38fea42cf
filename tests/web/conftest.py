"""A site over a fresh store for each test, and one with messages that tests only look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.staff import passwords
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.pipeline.pipelinekit import Kit
from tests.transports.reactorkit import Reactor
from tests.web.webkit import QUICK_HASHER, WebKit


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as `HASHED` is: hundreds of tests log in."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK_HASHER)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def fresh(empty_database: Path, tmp_path: Path) -> Iterator[WebKit]:
    """Nobody has an account, and no message came."""
    path = tmp_path / "gateway.db"
    shutil.copy(empty_database, path)
    with open_store(path) as store:
        yield WebKit(Kit(store, tmp_path))


@pytest.fixture
def web(fresh: WebKit) -> WebKit:
    """An account for each role."""
    fresh.add_users()
    return fresh


@pytest.fixture(scope="module")
def busy(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebKit]:
    """Accounts and messages, shared by the tests of a module, which change neither."""
    home = tmp_path_factory.mktemp("busy")
    shutil.copy(empty_database, home / "gateway.db")
    with open_store(home / "gateway.db") as store:
        made = WebKit(Kit(store, home))
        made.add_users()
        made.add_messages()
        yield made


@pytest.fixture(scope="session")
def reactor() -> Iterator[Reactor]:
    """One reactor for all tests of the listener."""
    running = Reactor()
    yield running
    running.stop()
