"""A file dropped on the inspector is inspected; one that is too large is told before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.slow

DROP = """([name, size, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text || new Uint8Array(size)], name));
  document.dispatchEvent(new DragEvent("dragover", { dataTransfer: files, bubbles: true, cancelable: true }));
  const over = document.querySelector("form[data-over]") !== null;
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
  return over;
}"""


def test_a_dropped_file_is_inspected_and_a_too_large_one_is_told(chromium: Any, served: tuple[WebKit, str]) -> None:
    web, url = served
    web.add_users()
    context = chromium.new_context(base_url=url)
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        page.goto("/login?next=/inspector")
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/inspector")
        page.get_by_text("drop it anywhere on this page").wait_for()
        assert page.evaluate(DROP, ["huge.edi", (10 << 20) + 1, ""])
        page.get_by_text("huge.edi has 10.0 MB, which is too much").first.wait_for()
        assert page.locator("#verdict").count() == 0
        page.evaluate(
            DROP, ["order.edi", 0, "UNB+UNOC:3+A:14+B:14+261122:0930+R1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+R1'"]
        )
        page.locator("#verdict", has_text="order.edi").wait_for()
        page.get_by_text("reads EDIFACT for looking only").first.wait_for()
    finally:
        context.close()
