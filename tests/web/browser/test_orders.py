"""Orders in Chromium: an order worked off from its page, and every screen of orders without an axe finding."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.pipeline.ordering_sweep import sweep_late_documents, sweep_orders
from gateway.store.engine import open_store
from gateway.web.server import WebServer
from tests.pipeline.pipelinekit import FIXTURES, Kit
from tests.transports.reactorkit import Reactor
from tests.web.browser.test_screens import look
from tests.web.test_orders import FOLLOWED
from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow

ORDERED = (FIXTURES / "demo" / "004010" / "850-04-backorder.edi").read_bytes()
SCREENS = {
    "orders": "/orders",
    "orders-none": "/orders?number=no-such-order",
    "order": "/orders/{order}",
    "order-ship": "/orders/{order}/ship_notice",
    "order-paper": "/orders/{order}/paper",
    "order-packing-slip": "/orders/{order}/paper?document={slip}",
}


def made(web: WebKit, kind: str, **typed: Any) -> str:
    """Send the next document of the order as the pages do; its id."""
    found = web.operate("order.followup", {"id": web.ids["order"], "kind": kind, "draft": typed})
    assert found["errors"] == []

    content = base64.b64encode(json.dumps(found["document"]).encode()).decode()
    (result,) = web.operate("send", {"files": [{"name": "x.json", "content": content}], "actor": "olga"})["files"]
    assert result["result"] == "queued", result
    return str(result["documents"][0]["document"])


def fill(web: WebKit) -> None:
    """Orders at every stage: one shipped in part and invoiced too dear, one late, one closed, one new."""
    kit = web.kit
    kit.befriend(documents=FOLLOWED)
    kit.now = kit.now.replace(month=9, day=20)
    for number, control in (("HR-450021", b"0091"), ("HR-450022", b"0092"), ("HR-450023", b"0093")):
        kit.receive(re.sub(b"HR-450020", number.encode(), ORDERED.replace(b"0000", control, 1)))
        kit.work()
        kit.pass_time(hours=20)
    kit.receive(ORDERED)
    kit.work()
    (web.ids["order"],) = (o["id"] for o in web.operate("order.list", {"number": "HR-450020"})["orders"])
    web.operate("order.close", {"id": "HR-450022", "actor": "kim", "reason": "The buyer took it back by telephone."})
    kit.pass_time(hours=2)
    backordered = {"quantity": "300", "rest": "backordered"}
    made(web, "order_acknowledgment", lines=[backordered], backorder_date="2026-10-12")
    kit.pass_time(hours=20)
    packed = [{"quantity": "300", "package": "006141410000000012"}, {"quantity": "60", "package": "006141410000000029"}]
    web.ids["slip"] = made(web, "ship_notice", lines=packed, carrier="UPSN", tracking="1Z999AA1", packages="2")
    kit.pass_time(hours=3)
    made(web, "invoice", lines=[{"price": "4.35"}, {"quantity": "80"}], freight="48.00")
    kit.pass_time(minutes=20)
    sweep_orders(kit.pipeline)
    sweep_late_documents(kit.pipeline)


@pytest.fixture(scope="module")
def ordered(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, reactor: Reactor
) -> Iterator[tuple[WebKit, str]]:
    """A gateway with orders, and its address."""
    home = tmp_path_factory.mktemp("orders")
    shutil.copy(empty_database, home / "gateway.db")
    with open_store(home / "gateway.db") as store:
        web = WebKit(Kit(store, home))
        web.add_users()
        fill(web)
        server = WebServer(reactor.reactor, web.app, port=0)
        reactor.call(server.start)
        web.hosts.add(f"127.0.0.1:{server.address[1]}")
        yield web, server.url
        reactor.call(server.stop)


def log_in(page: Any, name: str) -> None:
    page.goto("/login")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_of_orders_is_accessible_and_fits(chromium: Any, ordered: tuple[WebKit, str], theme: str) -> None:
    web, url = ordered
    context = chromium.new_context(base_url=url, color_scheme=theme, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        log_in(page, "root")
        for name, address in SCREENS.items():
            look(page, name, address.format(**web.ids), theme)
    finally:
        context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_an_order_is_worked_off_from_its_page(chromium: Any, served: tuple[WebKit, str], script: bool) -> None:
    web, url = served
    web.add_users()
    web.kit.befriend(documents=FOLLOWED)
    web.kit.receive_file("demo/004010/850-04-backorder.edi")
    context = chromium.new_context(base_url=url, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        log_in(page, "olga")
        if script:
            page.keyboard.press("g")
            page.keyboard.press("o")
        else:
            page.get_by_role("link", name="Orders", exact=True).click()
        page.get_by_role("link", name="HR-450020").click()

        page.get_by_role("link", name="Acknowledge", exact=True).click()
        page.get_by_label("Quantity of line 001").fill("300")
        page.get_by_role("button", name="Send to Harbor Retail").click()
        page.get_by_text("Say what becomes of the other 200 EA.").wait_for()
        page.get_by_label("The rest of line 001").select_option("backordered")
        page.get_by_role("button", name="Send to Harbor Retail").click()
        page.get_by_text("Acknowledgment HR-450020 is on its way.").wait_for()

        page.get_by_role("link", name="Ship", exact=True).click()
        page.get_by_label("Quantity of line 001").fill("300")
        page.get_by_label("Carrier (SCAC)").fill("UPSN")
        page.get_by_role("button", name="Send to Harbor Retail").click()
        page.get_by_text("Ship notice SH-HR-450020 is on its way.").wait_for()

        page.get_by_role("link", name="Invoice", exact=True).click()
        page.get_by_role("button", name="Check only").click()
        page.get_by_text("It is right and can be sent. Its total is 3390.00.").wait_for()
        page.get_by_role("button", name="Send to Harbor Retail").click()
        page.get_by_text("Invoice INV-HR-450020 is on its way.").wait_for()
        row = page.get_by_role("row", name=re.compile("^001"))
        assert "200 to ship" in row.inner_text()
    finally:
        context.close()
    sent = [each["ST"][0][0] for each in web.kit.answers() if {"BAK", "BSN", "BIG"} & each.keys()]
    assert sent == ["855", "856", "810"]
