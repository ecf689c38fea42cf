"""The AS2 tests find their kit, and share one reactor."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def reactor():
    from tests.transports.reactorkit import Reactor

    running = Reactor()
    yield running
    running.stop()
