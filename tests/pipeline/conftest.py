"""A pipeline over a fresh store for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.pipeline.pipelinekit import Kit


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def kit(empty_database: Path, tmp_path: Path) -> Iterator[Kit]:
    path = tmp_path / "gateway.db"
    shutil.copy(empty_database, path)
    with open_store(path) as store:
        yield Kit(store, tmp_path)
