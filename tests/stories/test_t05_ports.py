"""A door that cannot be opened ends the start with a sentence, and nothing is left running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.settings import company_named
from gateway.workdir import make_working_directory

pytestmark = pytest.mark.volume


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company")
    make_working_directory(path, company_named("Alpine Supply"), now=datetime.now(UTC), listen="127.0.0.1:0")
    return path


def up(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``gateway up``, which must end by itself."""
    command = [sys.executable, "-m", "gateway", "up", "--dir", str(home)]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.mark.parametrize("door", ["AS2", "SFTP", "HTTP"])
def test_a_port_that_is_taken_is_named_with_its_setting(home: Path, taken: str, door: str) -> None:
    done = up(home, **{f"GATEWAY_{door}_LISTEN": taken})
    assert done.returncode == 1
    assert f"cannot listen on {taken}" in done.stderr
    assert f"[{door.lower()}] listen" in done.stderr
    assert not (home / "run" / "control.sock").exists()


def test_an_http_door_without_protection_is_not_opened_to_the_network(home: Path) -> None:
    done = up(home, GATEWAY_HTTP_LISTEN="0.0.0.0:0")
    assert done.returncode == 1
    assert "without TLS" in done.stderr
