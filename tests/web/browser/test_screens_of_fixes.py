"""The screens of putting a failure right, checked and pictured like every other one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.messages.corrections import SecondPerson
from gateway.store.engine import open_store
from tests.pipeline.pipelinekit import Kit
from tests.transports.reactorkit import Reactor
from tests.web.browser.conftest import _serve
from tests.web.browser.test_fix_story import with_failures
from tests.web.browser.test_screens import look
from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow

FIX = {"kind": "code", "place": "PO103", "value": "QX", "choice": "PO103"}
SCREENS = {
    "failure": "/failures/{case}",
    "failure-trial": "/failures/{case}/trial?kind=code&place=PO103&value=QX&choice=PO103",
    "failure-second-person": "/failures/{other}",
    "home-second-person": "/",
    "corrections": "/corrections",
    "correction": "/corrections/{correction}",
}


@pytest.fixture(scope="module")
def site(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, reactor: Reactor
) -> Iterator[tuple[WebKit, str]]:
    """A gateway with forty-one orders of one cause, and a fix of another cause that waits for a second person."""
    home = tmp_path_factory.mktemp("fixes")
    shutil.copy(empty_database, home / "gateway.db")
    with open_store(home / "gateway.db") as store:
        web = WebKit(Kit(store, home))
        web.add_users()
        with_failures(web)
        web.kit.receive_file("bad/unknown-sender.edi")
        cases = {case.fault: case.id for case in web.kit.cases()}
        web.kit.pipeline.second_person = SecondPerson.ALWAYS
        wanted = web.operate("case.fixes", {"id": cases["unknown_sender"]})["offers"][0]
        fix = {name: wanted[name] for name in ("kind", "place", "value")}
        waits = web.operate(
            "case.fix", {"id": cases["unknown_sender"], "fix": fix, "actor": "olga", "reason": "Their new warehouse."}
        )
        web.kit.pipeline.second_person = SecondPerson.NEVER
        web.ids |= {"case": cases["invalid"], "other": cases["unknown_sender"], "correction": waits["correction"]}
        server, url = _serve(web, reactor)
        yield web, url
        reactor.call(server.stop)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_screens_of_fixes_are_accessible_and_fit(chromium: Any, site: tuple[WebKit, str], theme: str) -> None:
    web, url = site
    context = chromium.new_context(base_url=url, color_scheme=theme, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        page.goto("/login")
        page.fill("#f-name", "root")
        page.fill("#f-password", PASSWORD)
        page.click("button.main")
        page.wait_for_url("**/")
        for name, address in SCREENS.items():
            look(page, name, address.format(**web.ids), theme)
    finally:
        context.close()
