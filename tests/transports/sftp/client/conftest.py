"""A fresh store, a real OpenSSH server as the partner, and a kit that ties both together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import Store, open_store
from gateway.store.migrations import upgrade
from tests.transports.sftp.client.clientkit import Kit
from tests.transports.sftp.client.sshd import Sshd, program


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


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if program("sshd") is None:
        if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
            pytest.fail("OpenSSH's sshd is not on this machine, and GATEWAY_REQUIRE_ALL=1 demands it")
        pytest.skip("needs OpenSSH's sshd (Debian: openssh-server)")
    with Sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def kit(store: Store, sshd: Sshd) -> Iterator[Kit]:
    with Kit(store, sshd) as made:
        yield made
