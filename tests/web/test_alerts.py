"""Alerts: channels, tests that really send, mutes, history, and who may do what."""

from __future__ import annotations

import html
import re

import pytest

from gateway.alerts.runner import Runner
from tests.alerts.alertkit import receiver
from tests.web.webkit import WebKit, texts

FORM = {"name": "Staff", "kind": "mail", "target": "edi@us.example", "least": "warning", "digest_minutes": "0"}


def look(web: WebKit) -> None:
    """One look of the runner, with everything sent that it found due."""
    web.kit.pass_time(seconds=5)
    runner = Runner(web.alerting)
    runner.look()
    assert runner.sender.wait(60)


def channel_id(web: WebKit) -> str:
    return str(web.operate("alert.list", {})["channels"][0]["id"])


def test_without_a_channel_a_banner_says_that_nobody_is_told(web: WebKit) -> None:
    page = texts(web.browser("olga").get("/alerts"))
    assert "Nobody is told of problems: no channel is set up." in page
    assert "Add a channel" not in page
    assert "Add a channel" in texts(web.browser("adam").get("/alerts"))


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("saul", 403), ("olga", 200), ("adam", 200)])
def test_operators_see_alerts(web: WebKit, name: str, status: int) -> None:
    assert web.browser(name).get("/alerts").status_code == status


def test_an_admin_adds_a_channel_changes_it_and_removes_it(web: WebKit) -> None:
    browser = web.browser("adam")
    assert browser.post("/alerts/channels", **FORM).status_code == 303
    identity = channel_id(web)
    assert "edi@us.example" in browser.get(f"/alerts/channels/{identity}").text
    changed = {**FORM, "id": identity, "name": "Night desk", "quiet_hours": "22:00-06:00", "kinds": ["queue", "disk"]}
    assert browser.post("/alerts/channels", **changed).status_code == 303
    page = texts(browser.get("/alerts"))
    assert "Night desk Mail to edi@us.example" in page
    assert "quiet 22:00-06:00 America/New_York" in page
    assert "Mail is not sent: name a mail server" in page
    browser.post(f"/alerts/channels/{identity}/act", action="disable")
    assert "Switched off" in texts(browser.get("/alerts"))
    browser.post(f"/alerts/channels/{identity}/act", action="enable")
    browser.post(f"/alerts/channels/{identity}/act", action="remove")
    assert "Night desk" not in texts(browser.get("/alerts")).replace("The channel Night desk was removed", "")
    assert browser.post(f"/alerts/channels/{identity}/act", action="remove").status_code == 303
    assert browser.post(f"/alerts/channels/{identity}/act", action="explode").status_code == 400
    assert browser.get(f"/alerts/channels/{identity}").status_code == 404
    assert browser.post(f"/alerts/channels/{identity}/test").status_code == 404


def test_a_wrong_field_is_told_at_its_place_and_the_form_keeps_what_was_typed(web: WebKit) -> None:
    answer = web.browser("adam").post("/alerts/channels", **{**FORM, "target": "nobody", "name": "My desk"})
    assert answer.status_code == 400
    assert "is not a plain mail address" in texts(answer)
    assert 'value="My desk"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_wrong_change_keeps_the_channel_as_it_was(web: WebKit) -> None:
    browser = web.browser("adam")
    browser.post("/alerts/channels", **FORM)
    identity = channel_id(web)
    assert browser.post("/alerts/channels", **{**FORM, "id": identity, "least": "loud"}).status_code == 400
    assert web.operate("alert.list", {})["channels"][0]["least"] == "warning"


def test_the_key_of_a_webhook_is_shown_once_and_its_path_to_admins_only(web: WebKit) -> None:
    browser = web.browser("adam")
    with receiver() as server:
        made = browser.post("/alerts/channels", **{**FORM, "kind": "webhook", "target": server.url})
        assert made.status_code == 200
        key = re.search(r"whsec_[A-Za-z0-9+/=]+", html.unescape(made.text))
        assert key is not None
        identity = channel_id(web)
        for page in (browser.get("/alerts").text, web.browser("olga").get("/alerts").text):
            assert "whsec_" not in page and "sesame-open" not in page
        assert "whsec_" not in browser.get(f"/alerts/channels/{identity}").text
        assert "sesame-open" in browser.get(f"/alerts/channels/{identity}").text
        assert web.browser("olga").get(f"/alerts/channels/{identity}").status_code == 403
        renewed = browser.post(f"/alerts/channels/{identity}/act", action="key")
        assert "whsec_" in renewed.text and key[0] not in renewed.text
        result = texts(browser.post(f"/alerts/channels/{identity}/test"))
        assert "The test message was handed over" in result
        assert "took the signed notice (HTTP 200)" in result
        server.answers = [500]
        assert "did not get through" in texts(browser.post(f"/alerts/channels/{identity}/test"))
        assert len(server.posts) == 2


def test_changing_a_channel_asks_for_the_password_again(web: WebKit) -> None:
    browser = web.browser("adam")
    web.kit.pass_time(minutes=11)
    assert "/login/again" in browser.get("/alerts/channels/new").location
    assert "/login/again" in browser.post("/alerts/channels", **FORM).location
    assert web.operate("alert.list", {})["channels"] == []


def test_a_problem_is_told_listed_and_muted_from_its_own_page(web: WebKit) -> None:
    web.add_messages()
    with receiver() as server:
        web.browser("adam").post("/alerts/channels", **{**FORM, "kind": "webhook", "target": server.url})
        look(web)
        sentences = [content["data"]["sentence"] for content in server.contents]
    page = texts(web.browser("olga").get("/alerts"))
    assert "1 order from Harbor Retail breaks a rule" in " ".join(sentences)
    assert "1 order from Harbor Retail breaks a rule" in page
    case = next(case for case in web.kit.cases() if case.fault == "invalid")
    link = f"/failures/{case.id}"
    assert link in web.browser("olga").get("/alerts").text
    assert "Mute alerts" not in texts(web.browser("olga").get(link))
    browser = web.browser("adam")
    assert "Mute alerts" in texts(browser.get(link))
    answer = browser.post("/alerts/mutes", what=f"case:{case.id}", hours="24", reason="we wait for them", back=link)
    assert answer.location == link
    page = texts(browser.get("/alerts"))
    assert "we wait for them" in page
    (mute,) = web.operate("alert.list", {})["mutes"]
    assert mute["by"] == "adam"
    browser.post(f"/alerts/mutes/{mute['id']}/end")
    assert "Nothing is muted" in texts(browser.get("/alerts"))
    assert browser.post(f"/alerts/mutes/{mute['id']}/end").status_code == 303
    browser.post("/alerts/mutes", what="nonsense", hours="24", reason="x")
    assert "Name one thing" in texts(browser.get("/alerts"))
    assert "Nothing fits these filters" in texts(browser.get("/alerts?kind=queue"))
    assert "breaks a rule" in texts(browser.get("/alerts?kind=problem&partner=harbor"))
    assert browser.get("/alerts?after=nonsense").status_code == 400


def test_a_channel_that_fails_shows_on_alerts_home_and_system(web: WebKit) -> None:
    web.add_messages()
    browser = web.browser("adam")
    with receiver() as server:
        browser.post("/alerts/channels", **{**FORM, "kind": "webhook", "target": server.url})
        server.answers = [500] * 100
        for _ in range(3):
            look(web)
            web.kit.pass_time(minutes=20)
    browser = web.browser("adam")
    for path in ("/alerts", "/", "/system"):
        assert "Staff does not work" in texts(browser.get(path)), path


def test_what_is_wrong_now_stands_on_alerts_and_home(web: WebKit) -> None:
    web.kit.befriend(alerts={"quiet_after_hours": 1})
    web.kit.receive(b"ISA", message_id="<1@harbor>")
    look(web)
    web.kit.pass_time(hours=3)
    look(web)
    browser = web.browser("olga")
    for path in ("/alerts", "/"):
        assert "Harbor Retail is unusually quiet" in texts(browser.get(path)), path
    older = browser.get("/alerts")
    assert "Wrong now" in texts(older)


def test_the_history_goes_on_to_older_alerts(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.pages.alerts.PAGE", 2)
    web.add_messages()
    look(web)
    browser = web.browser("olga")
    first = browser.get("/alerts")
    link = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert link is not None
    assert browser.get(html.unescape(link[1])).status_code == 200


def test_markup_in_names_and_reasons_is_text(web: WebKit) -> None:
    browser = web.browser("adam")
    browser.post("/alerts/channels", **{**FORM, "name": "<script>alert(1)</script>"})
    browser.post("/alerts/mutes", what="kind:queue", hours="4", reason="<img src=x onerror=alert(1)>")
    page = browser.get("/alerts").text
    assert "<script>alert(1)" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page
