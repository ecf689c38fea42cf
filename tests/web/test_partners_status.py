"""The status of a partner from its page: what may follow, what is missing, why, and the second person."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.messages.corrections import SecondPerson
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.statuses import FOLLOWING, following, with_status
from tests.web.test_partners import befriend
from tests.web.test_partners_edit import current, versions
from tests.web.webkit import PASSWORD, Browser, WebKit, texts

#: A partner that lacks nothing: files go to a folder, and nothing needs a certificate.
READY: dict[str, Any] = {
    "ids": {"isa": [{"id": "BOLT"}], "gs": ["BOLT"]},
    "delivery": {"transport": "folder"},
    "folder": {"outbound": "bolt"},
}


def press(browser: Browser, status: str, code: str = "bolt", reason: str = "As agreed.") -> Any:
    """Open the question, and answer it."""
    address = f"/partners/{code}/status/{status}"
    page = browser.get(address)
    assert page.status_code == 200, texts(page)
    version = page.text.partition('name="version" value="')[2].partition('"')[0]
    return browser.post(address, version=version, reason=reason)


def test_a_partner_goes_from_draft_to_live_pauses_and_retires(web: WebKit) -> None:
    befriend(web, "bolt", status="draft", **READY)
    browser = web.browser("adam")
    assert current(web, "bolt").envelope.usage == "T"
    for status, usage in (("testing", "T"), ("live", "P"), ("paused", "P"), ("live", "P"), ("retired", "P")):
        answer = press(browser, status, reason=f"Now {status}.")
        assert (answer.status_code, answer.location) == (303, "/partners/bolt")
        profile, newest = current(web, "bolt"), versions(web, "bolt")[0]
        assert (profile.status, profile.envelope.usage) == (status, usage)
        assert (newest.author, newest.reason) == ("adam", f"Now {status}.")
    page = texts(browser.get("/partners/bolt"))
    assert "Bolt is retired now (version 6)." in page
    assert "Back to draft" in page


def test_a_partner_that_lacks_something_stays_what_it_is_and_all_of_it_is_told(web: WebKit) -> None:
    befriend(web, "bolt", status="draft", delivery={}, ids={}, http={"tokens": [{"secret": "not-there"}]})
    browser = web.browser("adam")
    page = texts(browser.get("/partners/bolt"))
    assert "Missing before messages can flow" in page
    assert "Before “Start testing”, 3 things have to be set." in page
    asked = texts(browser.get("/partners/bolt/status/testing"))
    for sentence in ("ids.isa is empty", "No way to send is set", "which is not stored"):
        assert sentence in asked
    answer = browser.post("/partners/bolt/status/testing", version="1", reason="Anyway")
    assert answer.status_code == 303
    told = texts(browser.get("/partners/bolt"))
    assert "Bolt cannot become testing: 3 things are missing." in told
    assert (len(versions(web, "bolt")), current(web, "bolt").status) == (1, "draft")


@pytest.mark.parametrize("status", ["live", "nonsense", "draft"])
def test_a_status_that_cannot_follow_is_refused(web: WebKit, status: str) -> None:
    befriend(web, "bolt", status="draft", **READY)
    browser = web.browser("adam")
    assert browser.get(f"/partners/bolt/status/{status}").status_code == 404
    assert browser.post(f"/partners/bolt/status/{status}", version="1", reason="x").status_code == 303
    assert len(versions(web, "bolt")) == 1
    assert browser.get("/partners/nobody/status/live").status_code == 404
    assert browser.post("/partners/nobody/status/live", version="1", reason="x").status_code in (303, 404)


def test_a_reason_and_the_newest_version_are_needed(web: WebKit) -> None:
    befriend(web, "bolt", status="draft", **READY)
    browser = web.browser("adam")
    press(browser, "testing", reason=" ")
    assert "A reason is needed" in texts(browser.get("/partners/bolt"))
    browser.post("/partners/bolt/status/testing", version="7", reason="x")
    assert "was changed meanwhile" in texts(browser.get("/partners/bolt"))
    assert len(versions(web, "bolt")) == 1


def test_a_pause_ends_with_what_was_before_it(web: WebKit) -> None:
    befriend(web, "bolt", status="testing", **READY)
    browser = web.browser("adam")
    press(browser, "paused")
    assert browser.get("/partners/bolt/status/live").status_code == 404, (
        "a partner in tests does not go live by a pause"
    )
    press(browser, "testing")
    assert current(web, "bolt").status == "testing"


def test_a_usage_indicator_of_its_own_stays(web: WebKit) -> None:
    profile = PartnerProfile.model_validate({"code": "b", "name": "B", "status": "live", "envelope": {"usage": "T"}})
    assert with_status(profile, Status.PAUSED).envelope.usage == "T"
    assert with_status(with_status(profile, Status.TESTING), Status.LIVE).envelope.usage == "P"


def test_every_status_has_a_way_on_and_a_way_back(web: WebKit) -> None:
    assert set(FOLLOWING) == set(Status)
    with web.kit.store.read() as session:
        assert following(session, registry.get(session, "harbor")) == (Status.PAUSED, Status.TESTING, Status.RETIRED)


def test_the_password_is_asked_for_again_after_ten_minutes(web: WebKit) -> None:
    befriend(web, "bolt", status="draft", **READY)
    browser = web.browser("adam")
    web.kit.pass_time(minutes=11)
    assert "/login/again" in browser.get("/partners/bolt/status/testing").location
    answer = browser.post(
        "/partners/bolt/status/testing", version="1", reason="x", back="/partners/bolt/status/testing"
    )
    assert answer.location == "/login/again?next=/partners/bolt/status/testing"
    assert len(versions(web, "bolt")) == 1


@pytest.mark.parametrize("name", ["vera", "olga", "saul"])
def test_others_have_no_buttons(web: WebKit, name: str) -> None:
    browser = web.browser(name)
    assert "/status/" not in browser.get("/partners/harbor").text
    assert browser.get("/partners/harbor/status/paused").status_code == 403
    assert browser.post("/partners/harbor/status/paused", version="1", reason="x").status_code == 403


# -- the second person -------------------------------------------------------------------------------------------------


def waits(web: WebKit, browser: Browser) -> str:
    """Let a partner wait for its second person; the address of the correction."""
    web.kit.pipeline.second_person = SecondPerson.ALWAYS
    befriend(web, "bolt", status="testing", **READY)
    press(browser, "live", reason="Tests are done.")
    page = browser.get("/partners/bolt")
    assert "goes live when a second person applies it" in texts(page)
    assert current(web, "bolt").status == "testing"
    found = page.text.partition('action="/corrections/')[2].partition("/act")[0]
    return f"/corrections/{found}"


def test_going_live_waits_for_another_admin(web: WebKit) -> None:
    adam, olga, root = web.browser("adam"), web.browser("olga"), web.browser("root")
    address = waits(web, adam)
    assert "Bolt goes live" in texts(olga.get("/"))
    assert "Apply it" not in texts(olga.get(address))
    assert olga.post(f"{address}/act", action="apply").status_code == 403
    adam.post(f"{address}/act", action="apply")
    assert "a second person has to look at it" in texts(adam.get("/corrections"))
    assert current(web, "bolt").status == "testing"
    assert root.post(f"{address}/act", action="apply").location == "/partners/bolt"
    profile, newest = current(web, "bolt"), versions(web, "bolt")[0]
    assert (profile.status, profile.envelope.usage) == ("live", "P")
    assert (newest.author, newest.reason) == ("adam", "Tests are done. (second person: root)")
    assert "Apply it" not in texts(root.get(address))


def test_it_waits_once_and_can_be_taken_back(web: WebKit) -> None:
    adam = web.browser("adam")
    address = waits(web, adam)
    press(adam, "live")
    assert "waits for a second person already" in texts(adam.get("/partners/bolt"))
    adam.post(f"{address}/act", action="refuse", reason="Too early.")
    assert "taken back" in texts(adam.get("/partners/bolt"))
    press(adam, "live")
    assert "goes live when a second person" in texts(adam.get("/partners/bolt"))


def test_a_profile_that_changed_meanwhile_does_not_go_live(web: WebKit) -> None:
    adam, root = web.browser("adam"), web.browser("root")
    address = waits(web, adam)
    befriend(web, "bolt", status="testing", notes="Other.", **READY)
    root.post(f"{address}/act", action="apply")
    assert "was changed meanwhile" in texts(root.get("/corrections"))
    assert current(web, "bolt").status == "testing"


def test_the_second_person_proves_who_it_is(web: WebKit) -> None:
    address = waits(web, web.browser("adam"))
    root = web.browser("root")
    web.kit.pass_time(minutes=11)
    answer = root.post(f"{address}/act", action="apply")
    assert answer.location == f"/login/again?next={address}"
    root.post("/login/again", password=PASSWORD, next=address)
    root.post(f"{address}/act", action="apply")
    assert current(web, "bolt").status == "live"


def test_the_end_of_a_pause_needs_no_second_person(web: WebKit) -> None:
    web.kit.pipeline.second_person = SecondPerson.ALWAYS
    befriend(web, "bolt", status="live", **READY)
    browser = web.browser("adam")
    press(browser, "paused")
    press(browser, "live")
    assert current(web, "bolt").status == "live"
