"""Alerts over a fresh store for each test, and one reactor for the mail servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from gateway.transports.as2 import post
from tests.alerts.alertkit import AlertKit, make_certificate
from tests.pipeline.pipelinekit import Kit
from tests.transports.reactorkit import Reactor


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alerts") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def alerts(empty_database: Path, tmp_path: Path) -> Iterator[AlertKit]:
    path = tmp_path / "gateway.db"
    shutil.copy(empty_database, path)
    with open_store(path) as store:
        made = AlertKit(Kit(store, tmp_path))
        made.look()
        yield made
        made.runner.sender.stop()


@pytest.fixture(scope="session")
def reactor() -> Iterator[Reactor]:
    running = Reactor()
    yield running
    running.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """Certificate and key of "localhost", which this machine trusts for the time of the test."""
    made = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    post._context.cache_clear()
    yield made
    post._context.cache_clear()
