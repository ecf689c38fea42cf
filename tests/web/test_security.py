"""What guards every answer: headers, hosts, methods, sizes, and error pages that tell nothing of our insides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gateway.web
from tests.web.webkit import WebKit, texts

ROOT = Path(gateway.web.__file__).parent


@pytest.mark.parametrize("address", ["/", "/login", "/messages", "/nothing", "/static/gateway.css", "/users"])
def test_every_answer_carries_the_policy(busy: WebKit, address: str) -> None:
    headers = busy.browser("vera").get(address).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert ("no-store" in headers["Cache-Control"]) == (not address.startswith("/static"))


def test_no_template_holds_inline_script_style_or_unescaped_text() -> None:
    for path in (ROOT / "templates").glob("*.html"):
        text = path.read_text()
        assert "|safe" not in text.replace(" ", ""), path.name
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:|autoescape false", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_no_page_source_marks_text_as_safe() -> None:
    for path in ROOT.rglob("*.py"):
        assert not re.search(r"Markup\(|render_template_string|\|safe", path.read_text()), path.name


def test_the_script_and_the_styles_stay_small() -> None:
    assert (ROOT / "static" / "gateway.js").stat().st_size < 16_000
    assert (ROOT / "static" / "gateway.css").stat().st_size < 40_000


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1:1", ""])
def test_a_name_that_is_not_ours_gets_no_page(busy: WebKit, host: str) -> None:
    answer = busy.app.test_client().get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert host not in answer.text or not host


def test_methods_that_no_page_takes_are_refused(busy: WebKit) -> None:
    client = busy.browser("root").client
    assert client.delete("/messages").status_code == 405
    assert client.post("/messages").status_code == 405
    assert "GET" in client.post("/messages").headers["Allow"]
    assert client.open("/", method="TRACE").status_code == 405


def test_a_form_has_a_greatest_size(busy: WebKit) -> None:
    answer = busy.browser("root").client.post("/login", data={"name": "x" * (2 << 20)})
    assert answer.status_code == 413
    assert "1 MB" in answer.text


def test_a_fault_of_ours_is_told_with_an_id_and_no_insides(
    fresh: WebKit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fresh.add_users()
    browser = fresh.browser("vera")

    def fail(*_: object) -> None:
        raise RuntimeError("secret insides")

    monkeypatch.setattr("gateway.messages.queries_staff.waiting_cases", fail)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "secret insides" not in answer.text
    assert "Traceback" not in answer.text
    reference = re.search(r"Error id <code>(\w{8})</code>", answer.text)
    assert reference is not None
    assert reference[1] in caplog.text


@pytest.mark.parametrize("address", ["/nothing", "/messages/unknown-id", "/static/none.css"])
def test_what_is_not_there_is_said_to_be_so(busy: WebKit, address: str) -> None:
    answer = busy.browser("vera").get(address)
    assert answer.status_code == 404
    assert "There is nothing here" in texts(answer)


def test_a_page_that_is_not_there_needs_no_login(busy: WebKit) -> None:
    assert busy.browser().get("/nothing").status_code == 404


def test_the_health_page_says_only_that_it_answers(busy: WebKit) -> None:
    assert busy.browser().get("/health").text.strip() == '{"ok":true}'
