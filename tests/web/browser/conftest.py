"""Chromium as people have it, before pages that a real listener serves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gateway.store.engine import open_store
from gateway.web.server import WebServer
from tests.pipeline.pipelinekit import Kit
from tests.transports.reactorkit import Reactor
from tests.web.webkit import WebKit

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of this machine."""
    wanted = {"playwright": "pip install playwright", "axe_playwright_python": "pip install axe-playwright-python"}
    missing = [f"{name} ({how})" for name, how in wanted.items() if find_spec(name) is None]
    missing += [] if CHROMIUM else ["Chromium (apt-get install chromium)"]
    if missing:
        say = pytest.fail if os.environ.get("GATEWAY_REQUIRE_ALL") else pytest.skip
        say(f"not installed: {', '.join(missing)}")
    import playwright.sync_api as api

    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def _serve(web: WebKit, reactor: Reactor) -> tuple[WebServer, str]:
    server = WebServer(reactor.reactor, web.app, port=0)
    reactor.call(server.start)
    web.hosts.add(f"127.0.0.1:{server.address[1]}")
    return server, server.url


@pytest.fixture
def served(fresh: WebKit, reactor: Reactor) -> Iterator[tuple[WebKit, str]]:
    """A gateway that nobody has set up, and its address."""
    server, url = _serve(fresh, reactor)
    yield fresh, url
    reactor.call(server.stop)


@pytest.fixture(scope="module")
def gallery(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, reactor: Reactor
) -> Iterator[tuple[WebKit, str]]:
    """A gateway with accounts and messages, and its address."""
    home = tmp_path_factory.mktemp("gallery")
    shutil.copy(empty_database, home / "gateway.db")
    with open_store(home / "gateway.db") as store:
        web = WebKit(Kit(store, home))
        web.add_users()
        web.add_messages()
        web.add_alerts()
        server, url = _serve(web, reactor)
        yield web, url
        reactor.call(server.stop)
