"""A wrong unit and date put right in the editor, checked while one types, and posted: with script and without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_a_wrong_unit_is_corrected_in_the_editor_and_the_order_is_posted(
    chromium: Any, served: tuple[WebKit, str], script: bool
) -> None:
    web, url = served
    web.add_users()
    carrier = web.kit.receive_file("bad/unit-and-date-wrong.edi")
    bad = web.kit.documents(transmission_id=carrier)[0].id
    answers = len(web.kit.partner.payloads)
    context = chromium.new_context(base_url=url, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        page.goto(f"/messages/{bad}")
        if script:
            page.keyboard.press("e")
        else:
            page.get_by_role("link", name="Edit a copy").click()
        page.get_by_role("heading", name="Edit a copy of 850 HR-460024").wait_for()
        page.get_by_role("textbox", name="PO103").first.fill("EA")
        page.get_by_role("textbox", name="DTM02").fill("20260930")
        if script:
            page.get_by_text("Would be posted", exact=True).wait_for()  # checked without a button, and the focus stays
            assert page.evaluate("document.activeElement.name") == "v-3-2-1-1"
            assert page.locator("[aria-invalid=true]").count() == 0
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto("/messages")  # left by accident: what was typed comes back
            page.goto(f"/edit/{bad}")
            page.get_by_text("did not send is back").wait_for()
            assert page.get_by_role("textbox", name="PO103").first.input_value() == "EA"
        else:
            page.get_by_role("button", name="Check", exact=True).last.click()
        page.get_by_text("Would be posted", exact=True).wait_for()
        page.get_by_text("20260931").first.wait_for()
        page.get_by_label("Why? Others will ask.").fill("They wrote EA in their mail")
        page.get_by_role("button", name="Send the corrected copy").click()
        page.get_by_text("The corrected copy is being read").wait_for()
        assert len(web.kit.posted()) == 1
        assert len(web.kit.partner.payloads) == answers  # nothing is acknowledged a second time
        page.goto(f"/messages/{bad}")
        page.get_by_text("They wrote EA in their mail").first.wait_for()
        page.get_by_role("link", name="The copy").click()
        page.get_by_role("heading", name="Order HR-460024 from Harbor Retail: posted").wait_for()
    finally:
        context.close()
