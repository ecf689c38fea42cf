"""One reactor for all tests of the HTTP door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transports.reactorkit import Reactor


@pytest.fixture(scope="session")
def reactor() -> Iterator[Reactor]:
    running = Reactor()
    yield running
    running.stop()
