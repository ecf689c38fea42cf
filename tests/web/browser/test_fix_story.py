"""A rejected order found, understood and put right with its forty siblings, within a minute of a person's time.

The pace of a person is accounted, not slept: so much for each action, each typed character and each word that must be
read to decide (what the pages mark with ``data-read``), and the time in which the pages really came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.partners import registry
from gateway.store import ledger
from tests.pipeline.test_case_actions import wrong_unit
from tests.web.browser.test_story import set_up
from tests.web.webkit import WebKit

pytestmark = pytest.mark.slow

#: Seconds of a person for an action, a word and a character.
ACTION, WORD, CHARACTER = 1.2, 0.25, 0.2
MOST_SECONDS, MOST_ACTIONS = 60.0, 6
MESSAGES = 41
#: The words of a page that must be read: what it marks, a list down to what is looked for (and how many), and a
#: sentence that says what was done.
_WORDS = """([told, wanted]) => {
  const all = [...document.querySelectorAll(told ? '.notice' : '[data-read], .notice')];
  const last = wanted ? all.findIndex(node => node.innerText.includes(wanted)) + 2 : all.length;
  return all.slice(0, last).filter(node => node.checkVisibility())
  .map(node => node.value || node.innerText).join(' ')
  .split(/\\s+/).filter(word => /[\\p{L}\\p{N}]/u.test(word)).length; }"""


@dataclass
class Pace:
    """What the way through the pages costs a person."""

    page: Any
    actions: int = 0
    words: int = 0
    characters: int = 0
    #: Seconds in which pages were loaded.
    loading: float = 0.0

    def act(self, work: Callable[[], Any], leads_to: str = "", *, told: bool = False) -> None:
        """One click or key, and the page that it leads to, which is then read; ``told``: only what was done."""
        self.actions += 1
        start = time.perf_counter()
        work()
        if leads_to:
            self.page.wait_for_url(leads_to)
            self.page.wait_for_load_state("load")
            self.loading += time.perf_counter() - start
            self.read(told=told)

    def read(self, *, told: bool = False, wanted: str = "") -> None:
        """Every word of this page that has to be read; of a list down to the line with ``wanted``."""
        self.words += int(self.page.evaluate(_WORDS, [told, wanted]))

    @property
    def seconds(self) -> float:
        """What it took in all."""
        return self.actions * ACTION + self.words * WORD + self.characters * CHARACTER + self.loading

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s: {self.actions} actions, {self.words} words, {self.characters} characters, "
            f"{self.loading:.1f} s of loading"
        )


def with_failures(web: WebKit) -> tuple[list[Any], int]:
    """An order with a unit that nobody knows, forty siblings, and two other problems: (the 41 documents, answers)."""
    kit = web.kit
    kit.receive(b"\x00\x01 no order at all \xff" * 40, message_id="<noise@harbor>")
    kit.receive(b'<?xml version="1.0"?><Order><Id>1</Id><b>x</b></Order>', message_id="<xml@harbor>")
    kit.work()
    kit.pass_time(minutes=20)
    for number in range(1, MESSAGES + 1):
        kit.receive(wrong_unit(number).replace(b"*XX*", b"*QX*"), message_id=f"<{number}@harbor>")
    kit.work()
    kit.pass_time(minutes=3)
    rejected = kit.documents(processing="rejected", set_id="850")
    assert len(rejected) == MESSAGES
    return rejected, len(kit.partner.sent)


def by_mouse(pace: Pace) -> None:
    page = pace.page
    pace.act(page.get_by_role("link", name='"QX" is not a code').click, "**/failures/*")
    pace.act(page.get_by_role("button", name="Try this").first.click, "**/trial?**")
    pace.act(page.get_by_role("button", name=f"Save it and replay all {MESSAGES}").click, "**/failures/*", told=True)


def by_keyboard(pace: Pace) -> None:
    keys = pace.page.keyboard
    pace.act(lambda: keys.press("j"))
    pace.act(lambda: keys.press("Enter"), "**/failures/*")
    pace.act(lambda: keys.press("r"), "**/trial?**")
    pace.act(lambda: keys.press("r"), "**/failures/*", told=True)


@pytest.mark.parametrize(
    ("go", "script"),
    [(by_mouse, True), (by_keyboard, True), (by_mouse, False)],
    ids=["mouse", "keyboard", "without-script"],
)
def test_a_rejected_order_and_its_siblings_are_put_right_within_a_minute(
    chromium: Any,
    served: tuple[WebKit, str],
    go: Callable[[Pace], None],
    script: bool,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web, url = served
    originals, answers = with_failures(web)
    context = chromium.new_context(base_url=url, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        set_up(page, web)
        start = time.perf_counter()
        page.goto("/", wait_until="load")
        pace = Pace(page, loading=time.perf_counter() - start)
        pace.read(wanted='"QX"')
        work = web.kit.work
        monkeypatch.setattr(web.kit, "work", lambda: None)  # as in life: the messages are read while the page is there
        go(pace)
        page.get_by_text(f"{MESSAGES} messages were started again.").first.wait_for()
        page.get_by_text(f"{MESSAGES} messages are on the way.").wait_for()
        work()
        if script:  # the page sees for itself how they get on, until the failure is closed
            page.get_by_text("Resolved").first.wait_for()
            assert page.get_by_role("button", name="Take it").count() == 0
    finally:
        context.close()
    with capsys.disabled():
        print(f"\n  {go.__name__}{'' if script else ' without script'}: {pace}")
    assert pace.seconds <= MOST_SECONDS, pace
    assert pace.actions <= MOST_ACTIONS, pace
    put_right(web, originals, answers)


def put_right(web: WebKit, originals: list[Any], answers: int) -> None:
    """Every order is posted once, nothing was answered twice, and who did it and why is written down."""
    kit = web.kit
    posted = kit.documents(processing="posted", set_id="850")
    assert sorted(row.parent_id for row in posted) == sorted(row.id for row in originals)
    assert len(kit.posted()) == MESSAGES
    assert len(kit.partner.sent) == answers
    known = {row.id: row for row in kit.documents(parent_id=None)}
    for row in originals:
        now = known[row.id]
        assert (now.processing, now.findings, now.transmission_id) == ("rejected", row.findings, row.transmission_id)
    (case,) = [found for found in kit.cases() if "QX" in found.title]
    assert case.review == "resolved"
    with kit.store.read() as session:
        newest = registry.history(session, "harbor")[0]
        assert ledger.verify(session).ok
    assert (newest.version, newest.author) == (2, "kim")
    assert newest.reason.startswith("Take QX as a unit (PO103) from Harbor Retail. 41 messages failed without it.")
    assert case.id in newest.reason
