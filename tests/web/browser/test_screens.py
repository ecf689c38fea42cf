"""Every screen in Chromium: no axe finding in light and dark, nothing wider than the window, and its picture."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parents[3] / "docs" / "screens"
#: Screen → address; "{bad}" and the like are ids of messages. Those above the line need no login.
PUBLIC = {"login": "/login"}
SCREENS = {
    "home": "/",
    "messages": "/messages",
    "messages-filtered": "/messages?partner=harbor&processing=rejected",
    "messages-none": "/messages?q=no-such-thing",
    "message-rejected": "/messages/{bad}",
    "message-posted": "/messages/{good}",
    "message-document": "/messages/{good}?view=canonical",
    "message-bytes": "/messages/{good}?view=hex",
    "message-xml": "/messages/{xml}",
    "editor": "/edit/{bad}",
    "editor-text": "/edit/{bad}?mode=raw",
    "failures": "/failures",
    "acknowledgements": "/acknowledgements",
    "alerts": "/alerts",
    "alert-channel": "/alerts/channels/{channel}",
    "alert-channel-new": "/alerts/channels/new",
    "account": "/account",
    "token-new": "/account/tokens/new",
    "users": "/users",
    "again": "/login/again",
    "style": "/style",
    "not-there": "/nothing",
}
WIDTHS = (1440, 390)


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Any, gallery: tuple[WebKit, str]) -> Iterator[tuple[Any, str]]:
    """A page of somebody who may see everything, in one theme."""
    context = chromium.new_context(base_url=gallery[1], color_scheme=request.param, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    opened = context.new_page()
    opened.goto("/login")
    opened.fill("#f-name", "root")
    opened.fill("#f-password", PASSWORD)
    opened.click("button.main")
    opened.wait_for_url("**/")
    yield opened, request.param
    context.close()


#: In pictures the gateway lies where one would: the folder of a test says nothing to anybody.
_OTHER_PLACES = """folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const words = texts.currentNode.data.split(/(\\s+)/);
        texts.currentNode.data = words.map(word => word.startsWith(folder) ? "/srv/gateway" : word).join("");
    }
}"""


def findings(page: Any) -> list[str]:
    """What axe finds, one line for each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def look(page: Any, name: str, address: str, theme: str) -> None:
    """Open a screen at every width: no script error, nothing cut off, no axe finding, a picture."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} is {overflow} pixels wider than {width}"
        assert findings(page) == [], f"{name} at {width} in {theme}"
        picture = PICTURES / f"{name}-{width}{'-dark' if theme == 'dark' else ''}.png"
        if os.environ.get("GATEWAY_SCREENS"):
            picture.parent.mkdir(parents=True, exist_ok=True)
            page.evaluate(_OTHER_PLACES, tempfile.gettempdir())
            page.screenshot(path=picture, full_page=False)
        assert picture.exists(), f"{picture.name} is missing: GATEWAY_SCREENS=1 writes it"
    assert errors == []


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_accessible_and_fits(page: tuple[Any, str], gallery: tuple[WebKit, str], name: str) -> None:
    opened, theme = page
    look(opened, name, SCREENS[name].format(**gallery[0].ids), theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_screen_is_accessible_and_fits(
    chromium: Any, gallery: tuple[WebKit, str], name: str, theme: str
) -> None:
    context = chromium.new_context(base_url=gallery[1], color_scheme=theme, reduced_motion="reduce")
    try:
        look(context.new_page(), name, PUBLIC[name], theme)
    finally:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_set_up_is_accessible_and_fits(chromium: Any, served: tuple[WebKit, str], theme: str) -> None:
    served[0].setup_code()
    context = chromium.new_context(base_url=served[1], color_scheme=theme, reduced_motion="reduce")
    try:
        look(context.new_page(), "setup", "/setup", theme)
    finally:
        context.close()
