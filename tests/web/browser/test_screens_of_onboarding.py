"""A partner made and changed in Chromium: from the preset to its tests, and every screen without an axe finding."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.partners import registry
from gateway.store.engine import open_store
from gateway.store.secrets import put_secret
from tests.pipeline.pipelinekit import NOW, Kit
from tests.transports.reactorkit import Reactor
from tests.web.browser.conftest import _serve
from tests.web.browser.test_screens import findings, look
from tests.web.test_partners import befriend, certificate
from tests.web.webkit import KEK, PASSWORD, WebKit

pytestmark = pytest.mark.slow

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPvQ1xHhFT5xg0JuxWqVbUaNqQ1tTJ1Q8mTqkVvJ4wF9 bolt"
SCREENS = {
    "partner-new": "/partners/_new",
    "partner-draft": "/partners/bolt",
    "partner-edit": "/partners/bolt/edit",
    "partner-edit-text": "/partners/bolt/edit?mode=text",
    "partner-restore": "/partners/harbor/restore/1",
    "partner-certificates": "/partners/harbor/certificates",
    "partner-secrets": "/partners/bolt/secrets",
    "partner-status": "/partners/bolt/status/testing",
    "partner-test": "/partners/bolt/test",
}


def pem(name: str) -> str:
    return certificate(name, NOW - timedelta(days=20), NOW + timedelta(days=380))


def fill(web: WebKit) -> None:
    """A draft that lacks something, with rows of every kind, and a partner with versions and a certificate."""
    web.kit.befriend(as2={"url": "https://as2.harbor.example/as2", "certificates": [{"pem": pem("harbor-2027")}]})
    befriend(
        web,
        "bolt",
        name="Bolt Fasteners",
        status="draft",
        preset="big-box-retailer",
        ids={},
        delivery={},
        contacts=[{"name": "Ilse Brand", "mail": "ilse@bolt.example"}],
        sftp={"password": {"secret": "bolt/sftp"}, "hosted": {"user": "bolt", "keys": [KEY]}},
        http={"tokens": [{"secret": "bolt/token"}]},
    )
    web.write(lambda session: put_secret(session, KEK, "bolt/sftp", b"x", kind="plain", now=web.kit.now))


@pytest.fixture(scope="module")
def site(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, reactor: Reactor
) -> Iterator[tuple[WebKit, str]]:
    home = tmp_path_factory.mktemp("onboarding")
    shutil.copy(empty_database, home / "gateway.db")
    with open_store(home / "gateway.db") as store:
        web = WebKit(Kit(store, home))
        web.add_users()
        fill(web)
        server, url = _serve(web, reactor)
        yield web, url
        reactor.call(server.stop)


def log_in(page: Any, name: str = "adam") -> None:
    page.goto("/login")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/")


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Any, site: tuple[WebKit, str]) -> Iterator[tuple[Any, str]]:
    """A page of an admin, in one theme."""
    context = chromium.new_context(base_url=site[1], color_scheme=request.param, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    opened = context.new_page()
    log_in(opened)
    yield opened, request.param
    context.close()


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_accessible_and_fits(page: tuple[Any, str], name: str) -> None:
    look(page[0], name, SCREENS[name], page[1])


class Steps:
    """A page that goes somewhere by the buttons of a form."""

    def __init__(self, page: Any, *steps: Any) -> None:
        self._page, self._steps = page, steps

    def goto(self, address: str) -> None:
        self._page.goto(address)
        for step in self._steps:
            step(self._page)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


def press(name: str) -> Any:
    return lambda page: page.get_by_role("button", name=name).first.click()


def test_mistakes_are_accessible_and_fit(page: tuple[Any, str]) -> None:
    def wrong(opened: Any) -> None:
        opened.fill('[name="v-time_zone"]', "Moon/Crater")

    look(Steps(page[0], wrong, press("Look at the changes")), "partner-edit-wrong", "/partners/bolt/edit", page[1])


def test_the_look_before_saving_is_accessible_and_fits(page: tuple[Any, str]) -> None:
    def typed(opened: Any) -> None:
        opened.fill('[name="v-notes"]', "Calls before every change of their system.")
        opened.fill('[name="v-locale"]', "de")

    look(Steps(page[0], typed, press("Look at the changes")), "partner-confirm", "/partners/bolt/edit", page[1])


def test_a_certificate_that_was_read_is_accessible_and_fits(page: tuple[Any, str]) -> None:
    text = pem("bolt-2027")

    def pasted(opened: Any) -> None:
        opened.fill("#f-pasted", text)

    address = "/partners/bolt/certificates"
    look(Steps(page[0], pasted, press("Read it")), "partner-certificate-read", address, page[1])


def test_two_changes_are_accessible_and_fit(page: tuple[Any, str], site: tuple[WebKit, str]) -> None:
    def overtaken(opened: Any) -> None:
        opened.fill('[name="v-notes"]', "Mine.")
        web = site[0]
        with web.kit.store.read() as session:
            found = registry.get(session, "bolt")
        other = found.model_copy(update={"tags": (*found.tags, f"t{len(found.tags)}")})
        web.write(lambda session: registry.apply(session, [other], "kim", "Was quicker.", web.kit.now))

    look(Steps(page[0], overtaken, press("Look at the changes")), "partner-changed", "/partners/bolt/edit", page[1])


# -- the story -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_an_admin_brings_a_partner_from_a_preset_to_its_tests(
    chromium: Any, served: tuple[WebKit, str], tmp_path: Path, script: bool
) -> None:
    web, url = served
    web.add_users()
    file = tmp_path / "nordwind.pem"
    file.write_text(pem("nordwind"))
    context = chromium.new_context(base_url=url, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        log_in(page)
        page.goto("/partners")
        page.get_by_role("link", name="New partner").click()
        page.get_by_role("radio", name="generic-supplier").check()
        page.get_by_label("Name", exact=True).fill("Nordwind Tools")
        page.get_by_role("textbox", name="Code").fill("nordwind")
        page.get_by_role("button", name="Save the draft").click()
        page.get_by_text("Nordwind Tools is a draft now.").wait_for()
        page.get_by_text("ids.isa is empty: nothing it sends can be recognised as its own.").wait_for()
        page.get_by_text("No way to send is set").wait_for()

        page.get_by_role("link", name="Edit", exact=True).click()
        page.get_by_role("link", name="Their identities").click()
        page.locator("#s-ids").get_by_role("button", name="Add to ISA").click()
        page.locator('[name="v-ids.isa[0].id"]').fill("NORDWIND")
        page.locator('[name="v-ids.as2"]').fill("Nordwind-AS2")
        page.get_by_role("link", name="AS2", exact=True).click()
        page.locator('[name="v-as2.url"]').fill("as2.nordwind.example/as2")
        page.get_by_role("button", name="Look at the changes").first.click()
        page.get_by_text("must be a web address that starts with http:// or https://").first.wait_for()
        assert not script or findings(page) == []
        page.locator('[name="v-as2.url"]').fill("https://as2.nordwind.example/as2")
        page.get_by_role("button", name="Look at the changes").first.click()
        page.get_by_role("heading", name="What changes for Nordwind Tools").wait_for()
        page.get_by_label("Why? Others will ask.").fill("Identities and address agreed.")
        page.get_by_role("button", name="Save version 2").click()
        page.get_by_text("Version 2 of Nordwind Tools is saved and in force.").wait_for()
        page.get_by_text("as2.certificates has none with role sign that is valid now.").wait_for()

        page.get_by_role("link", name="Start testing").click()
        page.get_by_text("This cannot be done yet.").wait_for()
        page.goto("/partners/nordwind/certificates")
        page.set_input_files("#f-file", str(file))
        page.get_by_role("button", name="Read it").click()
        page.get_by_text("CN=nordwind").first.wait_for()
        page.get_by_role("button", name="Look at the changes").click()
        page.get_by_role("button", name="Save version 3").click()
        page.get_by_text("Nothing is missing").wait_for()

        page.get_by_role("link", name="Start testing").click()
        page.get_by_label("Why? Others will ask.").fill("The first tests are agreed.")
        page.get_by_role("button", name="Start testing").click()
        page.get_by_text("Nordwind Tools is testing now (version 4).").wait_for()
    finally:
        context.close()
    with web.kit.store.read() as session:
        profile, versions = registry.get(session, "nordwind"), registry.history(session, "nordwind")
    assert (profile.status, profile.ids.as2, profile.envelope.usage) == ("testing", "Nordwind-AS2", "T")
    assert [(info.version, info.author) for info in versions] == [(number, "adam") for number in (4, 3, 2, 1)]
