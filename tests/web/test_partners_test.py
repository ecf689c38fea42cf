"""Test connection: a test that runs beside the pages, told step by step."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gateway.partners.errors import OperationError
from tests.web.test_partners import befriend
from tests.web.webkit import WebKit, texts

PAGE = "/partners/harbor/test"
STEPS = [
    {"step": "dns", "ok": True, "sentence": "sftp.harbor.example has the address 192.0.2.7."},
    {"step": "host key", "ok": False, "sentence": "Its key is another one: <b>ask the partner</b>."},
]


class Server:
    """Answers ``partner.test`` when the test says so."""

    def __init__(self, web: WebKit, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.answer, self.asked, self.error = threading.Event(), [], error
        usual = web.site.operate

        def operate(name: str, parameters: dict[str, Any]) -> Any:
            if name != "partner.test":
                return usual(name, parameters)
            self.asked.append(parameters)
            assert self.answer.wait(30)
            if self.error is not None:
                raise self.error
            return {"ok": False, "steps": STEPS}

        monkeypatch.setattr(web, "site", object())
        object.__setattr__(web.app.extensions["gateway"], "operate", operate)
        self.trials = web.app.extensions["gateway.trials"]

    def end(self, code: str = "harbor") -> None:
        self.answer.set()
        assert self.trials.find(code).ended.wait(30)


def test_a_test_runs_beside_the_pages_and_tells_every_step(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    server, browser = Server(web, monkeypatch), web.browser("adam")
    assert "Test connection" in texts(browser.get("/partners/harbor"))
    assert "nothing is posted" in texts(browser.get(PAGE))
    assert browser.post(PAGE).location == PAGE
    running = browser.get(PAGE)
    assert "The test runs." in texts(running)
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in running.text
    assert browser.get("/partners").status_code == 200, "no page waits for it"
    server.end()
    page = browser.get(PAGE)
    assert "http-equiv" not in page.text
    assert "A step failed" in texts(page)
    assert "sftp.harbor.example has the address 192.0.2.7." in texts(page)
    assert "<b>ask the partner</b>" not in page.text
    assert server.asked == [{"name": "harbor"}]


def test_one_partner_is_tested_once_at_a_time_and_two_partners_at_most(
    web: WebKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in ("bolt", "corner"):
        befriend(web, code)
    server, browser = Server(web, monkeypatch), web.browser("adam")
    for code in ("harbor", "harbor", "bolt", "corner"):
        browser.post(f"/partners/{code}/test")
    assert "Two other tests run now." in texts(browser.get("/partners/corner/test"))
    server.end()
    server.end("bolt")
    assert sorted(each["name"] for each in server.asked) == ["bolt", "harbor"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(OperationError("Secrets cannot be opened here.", "Look."), "Secrets cannot be opened here. Look."),
     (KeyError("secret-name"), "The test itself failed (error id ")],
)  # fmt: skip
def test_a_test_that_cannot_be_made_is_a_sentence(
    web: WebKit, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    server, browser = Server(web, monkeypatch, error), web.browser("adam")
    browser.post(PAGE)
    server.end()
    page = texts(browser.get(PAGE))
    assert sentence in page
    assert "secret-name" not in page


@pytest.mark.parametrize("name", ["vera", "olga", "saul"])
def test_others_are_refused(web: WebKit, name: str) -> None:
    browser = web.browser(name)
    assert PAGE not in browser.get("/partners/harbor").text
    assert browser.get(PAGE).status_code == 403
    assert browser.post(PAGE).status_code == 403


def test_a_partner_that_is_not_there_is_not_tested(web: WebKit) -> None:
    browser = web.browser("adam")
    assert browser.get("/partners/nobody/test").status_code == 404
    assert browser.post("/partners/nobody/test").status_code == 404
