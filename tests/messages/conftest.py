"""A fresh store for each test, and the rows that the tests need."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.messages.ids import derived_id
from gateway.messages.lifecycle import begin
from gateway.messages.models import Document, Transmission
from gateway.store.engine import Store, open_store
from gateway.store.migrations import upgrade

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made-once") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def store(made_once: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "gateway.db"
    shutil.copy(made_once, path)
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def add(store: Store) -> Callable[..., Transmission | Document]:
    """Stores a transmission or a document; every one a minute later than the one before."""
    count = itertools.count(1)

    def make(model: type = Document, **values) -> Transmission | Document:
        n = next(count)
        at = NOW + timedelta(minutes=n)
        defaults = {"id": derived_id(model.__name__, n), "direction": "in", "partner": "acme"}
        if model is Transmission:
            defaults |= {"transport": "as2", "created_at": at}
            if values.get("direction", "in") == "in":
                defaults["processing"] = "received"
        else:
            defaults |= {"kind": "order", "standard": "x12-004010", "set_id": "850", "received_at": at}
        row = model(**{**defaults, **values})
        store.writer.run(lambda session: begin(session, row, actor="test", reason="Made by a test.", now=at))
        return row

    return make
