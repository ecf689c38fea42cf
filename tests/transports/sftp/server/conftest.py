"""The tests of the SFTP server find their kit, and share one database that was made once."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("sftp-made-once") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def store(made_once, tmp_path):
    path = tmp_path / "gateway.db"
    shutil.copy(made_once, path)
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def server(store, tmp_path):
    from sftpkit import running

    with running(store, tmp_path) as started:
        yield started
