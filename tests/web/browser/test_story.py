"""From the set-up code to a failed message understood, as a person does it: with script, and without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow


def set_up(page: Any, web: WebKit) -> None:
    code = web.setup_code()
    page.goto("/")
    page.wait_for_url("**/setup")
    page.get_by_label("Set-up code").fill(code)
    page.get_by_label("Login name").fill("kim")
    page.get_by_label("Your name").fill("Kim Berg")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    page.wait_for_url("**/")


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_from_the_set_up_code_to_a_failed_message_and_out(
    chromium: Any, served: tuple[WebKit, str], script: bool
) -> None:
    web, url = served
    web.add_messages()
    context = chromium.new_context(base_url=url, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        set_up(page, web)
        page.get_by_role("heading", name="3 things need you").wait_for()
        page.get_by_role("link", name="HR-460024").click()
        page.get_by_role("heading", name="Put it right").wait_for()
        page.get_by_role("link", name="Open 850 HR-460024").click()
        page.get_by_role("heading", name="Order HR-460024 from Harbor Retail: rejected").wait_for()
        page.get_by_text("is not a code of 004010").first.wait_for()
        page.get_by_role("button", name="Replay").click()
        page.get_by_text("The bytes are read again as").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
    finally:
        context.close()


def test_the_keyboard_alone_finds_a_message_and_writes_a_reason(chromium: Any, served: tuple[WebKit, str]) -> None:
    web, url = served
    web.add_messages()
    context = chromium.new_context(base_url=url)
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        set_up(page, web)
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url("**/messages")
        page.keyboard.press("/")
        page.keyboard.type("HR-460024")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=HR-460024**")
        page.locator("body").click(position={"x": 5, "y": 700})
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/messages/*-*")
        page.keyboard.press("i")
        page.keyboard.type("Asked the partner to send it again")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Its cases are closed").wait_for()
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Shortcuts").wait_for()
    finally:
        context.close()
