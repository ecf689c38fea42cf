"""The message list at work: a view is saved, lines are chosen by key, one action is confirmed, two people meet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.browser.test_screens import look
from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow


def opened(chromium: Any, url: str, name: str, **options: Any) -> Any:
    context = chromium.new_context(base_url=url, reduced_motion="reduce", **options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto("/login")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/")
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chosen_lines_are_asked_about_and_told_of(chromium: Any, gallery: tuple[WebKit, str], theme: str) -> None:
    page = opened(chromium, gallery[1], "olga", color_scheme=theme)
    address = {"light": "/messages?direction=in", "dark": "/messages?direction=in&size=50"}[theme]
    try:
        page.goto(address)
        page.get_by_text("Save this view").click()
        page.get_by_label("Name of the view").fill(f"Received {theme}")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("The view is saved.").wait_for()
        look(page, "messages-view", address, theme)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        for key in ("j", "x", "j", "x"):
            page.keyboard.press(key)
        page.get_by_text("2 chosen").wait_for()
        page.locator("input.tick").nth(3).click(modifiers=["Shift"])
        page.get_by_text("4 chosen").wait_for()
        page.get_by_label("What to do with them").select_option("note")
        page.get_by_role("button", name="Choose").click()
        page.wait_for_url("**/messages/chosen/*")
        question = page.url.removeprefix(gallery[1].rstrip("/"))
        look(page, "messages-chosen", question, theme)
        page.get_by_label("What should others know?").fill("Their depot moves this week.")
        page.get_by_role("button", name="Add a note").click()
        page.get_by_role("heading", name="Add a note: 4 done").wait_for()
        look(page, "messages-results", question, theme)
    finally:
        page.context.close()


def test_two_people_on_one_message_see_each_other_without_loading_it_again(
    chromium: Any, gallery: tuple[WebKit, str]
) -> None:
    address = f"/messages/{gallery[0].ids['noise']}"
    first, second = opened(chromium, gallery[1], "olga"), opened(chromium, gallery[1], "adam")
    try:
        for page in (first, second):
            page.clock.install()
            page.goto(address)
        second.get_by_text("Olga Berg is looking at this, too.").wait_for()
        first.clock.run_for(21_000)
        first.get_by_text("Adam Berg is looking at this, too.").wait_for()
    finally:
        first.context.close()
        second.context.close()


def test_brackets_go_from_finding_to_finding(chromium: Any, gallery: tuple[WebKit, str]) -> None:
    page = opened(chromium, gallery[1], "vera")
    try:
        page.goto(f"/messages/{gallery[0].ids['bad']}")
        marked = page.locator("[data-finding]")
        assert marked.count() >= 2
        for key, place in (("]", 0), ("]", 1), ("[", 0), ("[", -1)):
            page.keyboard.press(key)
            assert page.evaluate("document.activeElement.id") == marked.nth(place).get_attribute("id")
    finally:
        page.context.close()
