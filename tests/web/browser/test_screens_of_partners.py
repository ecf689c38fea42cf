"""Partners, queues, inspector, audit and system in Chromium: no axe finding in light and dark, and their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.messages.models import Job
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile
from gateway.settings import company_named
from gateway.store.engine import open_store
from gateway.web.server import WebServer
from gateway.workdir import make_working_directory
from tests.pipeline.pipelinekit import FIXTURES, HARBOR, NOW, Kit
from tests.transports.reactorkit import Reactor
from tests.web.browser.test_screens import look
from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow

SCREENS = {
    "partners": "/partners",
    "partner": "/partners/harbor",
    "partner-profile": "/partners/harbor?view=profile",
    "partner-versions": "/partners/harbor?view=versions",
    "queues": "/queues",
    "audit": "/audit",
    "audit-none": "/audit?actor=nobody-of-this-name",
    "system": "/system",
    "inspector": "/inspector",
}
#: Picture → what is pasted into the inspector.
INSPECTED = {
    "inspector-rejected": (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_text("ascii"),
    "inspector-as2": (
        "AS2-From: HARBOR\nAS2-To: ALPINE\nMessage-ID: <1@harbor>\nDisposition-Notification-To: edi@harbor\n"
        "Content-Type: application/edi-x12\n\n" + (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_text("ascii")
    ),
    "inspector-edifact": (
        "UNA:+.? 'UNB+UNOC:3+HARBORRETAIL:ZZZ+5412345000013:14+261122:0930+REF-1'UNH+1+ORDERS:D:96A:UN:EAN008'"
        "BGM+220+PO-4711+9'DTM+137:20261122:102'NAD+BY+4012345000009::9++Harbor Nord'LIN+1++4000862141404:EN'"
        "IMD+F++:::Kettle 1.7 l'QTY+21:48'PRI+AAA:19.90'UNS+S'CNT+2:1'UNT+12+1'UNZ+1+REF-1'"
    ),
    "inspector-unreadable": "Dear partner, here are our orders for the week.",
}


def fill(web: WebKit) -> None:
    """Partners of several kinds, deliveries that wait, and work that failed."""
    kit = web.kit
    kit.befriend(
        name="Harbor Retail Group",
        tags=["big box"],
        contacts=[{"name": "Ilse Brand", "mail": "edi@harbor.example"}],
        notes="Calls before every change of their system.",
        delivery={"transport": "as2", "give_up_hours": 48},
        xml={"shared_secret": {"secret": "harbor-cxml"}},
    )
    for code, name, status in (("corner", "Corner Grocers", "live"), ("north", "Northwind", "paused")):
        ids = {"isa": [{"qualifier": "ZZ", "id": code.upper()}], "gs": [code.upper()], "as2": code.upper()}
        values = {**HARBOR, "code": code, "name": name, "status": status, "ids": ids}
        profile = PartnerProfile.model_validate({**values, "delivery": {"transport": "folder"}})
        web.write(lambda session, it=profile: registry.apply(session, [it], "kim", "New partner.", kit.now))
    kit.partner.outcomes.append(DeliveryOutcome(Outcome.RETRY, "The partner's server did not answer in 30 s.", 0))
    order = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()
    for number in range(3):
        kit.receive(order.replace(b"HR-450017", b"HR-47%04d" % number), message_id=f"<q{number}@harbor>")
        kit.work()
    values = {"task": "process", "key": web.ids["good"], "status": "failed", "attempts": 5, "created_at": kit.now}
    web.write(lambda session: session.add(Job(**values, last_error="The set could not be read: it has no ST.")))
    kit.pass_time(minutes=9)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, reactor: Reactor) -> Iterator[str]:
    """The address of a gateway in a whole working directory."""
    home = tmp_path_factory.mktemp("partners") / "alpine"
    ours = company_named("Alpine Supply", code="alpine", isa_id="ALPINESUPPLY", gs_id="ALPINESUPPLY", as2_name="ALPINE")
    make_working_directory(home, ours, now=NOW)
    with open_store(home / "gateway.db") as store:
        web = WebKit(Kit(store, home))
        web.add_users()
        web.add_messages()
        fill(web)
        server = WebServer(reactor.reactor, web.app, port=0)
        reactor.call(server.start)
        web.hosts.add(f"127.0.0.1:{server.address[1]}")
        yield server.url
        reactor.call(server.stop)


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Any, gallery: str) -> Iterator[tuple[Any, str]]:
    """A page of an admin, in one theme."""
    context = chromium.new_context(base_url=gallery, color_scheme=request.param, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    opened = context.new_page()
    opened.goto("/login")
    opened.fill("#f-name", "adam")
    opened.fill("#f-password", PASSWORD)
    opened.click("button.main")
    opened.wait_for_url("**/")
    yield opened, request.param
    context.close()


class Asked:
    """A page that, instead of going to the inspector, asks it about a text."""

    def __init__(self, page: Any, text: str) -> None:
        self._page, self._text = page, text

    def goto(self, address: str) -> None:
        self._page.goto(address)
        self._page.fill("#f-text", self._text)
        self._page.click("main button.main")
        self._page.wait_for_selector("#verdict")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_accessible_and_fits(page: tuple[Any, str], name: str) -> None:
    look(page[0], name, SCREENS[name], page[1])


@pytest.mark.parametrize("name", INSPECTED)
def test_an_inspected_message_is_accessible_and_fits(page: tuple[Any, str], name: str) -> None:
    look(Asked(page[0], INSPECTED[name]), name, "/inspector", page[1])
