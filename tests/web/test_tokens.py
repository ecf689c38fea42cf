"""API tokens in the pages: made by a person for herself, shown once, revoked by her or by security."""

from __future__ import annotations

import re

import pytest

from gateway.staff import tokens
from gateway.store.ledger import Event
from tests.web.webkit import Browser, WebKit, texts


def make(browser: Browser, label: str = "nightly export", *scopes: str, days: str = "30") -> str:
    answer = browser.post("/account/tokens/new", label=label, scopes=list(scopes) or ["messages:read"], days=days)
    assert answer.status_code == 200, texts(answer)
    return re.search(r"gwt_[A-Za-z0-9_-]{43}", answer.text)[0]


def test_a_token_is_shown_once_and_listed_without_its_secret(web: WebKit) -> None:
    browser = web.browser("olga")
    token = make(browser, "nightly <b>export</b>", "messages:read", "messages:write")
    account = browser.get("/account").text
    assert "nightly &lt;b&gt;export&lt;/b&gt;" in account
    assert token not in account
    with web.kit.store.read() as session:
        bearer = tokens.find_bearer(session, token, web.kit.now)
        assert bearer.name == "olga"
        assert bearer.scopes == {"messages:read", "messages:write"}
        kinds = [event.kind for event in session.query(Event).all()]
        assert all(token not in str(event.data) + event.reason for event in session.query(Event).all())
    assert "token-made" in kinds


def test_the_form_offers_what_the_roles_allow(web: WebKit) -> None:
    offered = web.browser("vera").get("/account/tokens/new").text
    assert 'value="messages:read"' in offered
    assert 'value="messages:write"' not in offered
    assert 'value="partners:write"' in web.browser("adam").get("/account/tokens/new").text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"label": "", "scopes": ["messages:read"], "days": "30"}, "A token needs a name"),
        ({"label": "x", "scopes": [], "days": "30"}, "A token needs scopes"),
        ({"label": "x", "scopes": ["partners:write"], "days": "30"}, "Your roles do not allow partners:write"),
        ({"label": "x", "scopes": ["everything"], "days": "30"}, "A token needs scopes that exist"),
        ({"label": "x", "scopes": ["messages:read"], "days": "100000"}, "not an end that can be chosen"),
        ({"label": "x", "scopes": ["messages:read"], "days": "-7"}, "not an end that can be chosen"),
    ],
)
def test_what_a_token_cannot_be_is_said_at_its_field(web: WebKit, form: dict[str, object], said: str) -> None:
    answer = web.browser("olga").post("/account/tokens/new", **form)
    assert answer.status_code == 400
    assert said in texts(answer)
    assert "gwt_" not in answer.text


def test_making_one_asks_for_a_fresh_password_and_revoking_does_not(web: WebKit) -> None:
    browser = web.browser("olga")
    make(browser)
    web.kit.pass_time(minutes=11)
    assert browser.get("/account/tokens/new").location == "/login/again?next=/account/tokens/new"
    answer = browser.client.post("/account/tokens/new", data={"csrf_token": browser.token("/account"), "label": "x"})
    assert "/login/again" in answer.location
    identity = re.search(r'name="id" value="([0-9a-f-]{36})"', browser.get("/account").text)[1]
    ended = browser.client.post("/account/tokens/end", data={"csrf_token": browser.token("/account"), "id": identity})
    assert ended.location == "/account"
    assert "nightly export" not in browser.get("/account").text


def test_nobody_revokes_the_token_of_another_but_security_does(web: WebKit) -> None:
    token = make(web.browser("olga"))
    with web.kit.store.read() as session:
        identity = tokens.find_bearer(session, token, web.kit.now).token_id
    web.browser("vera").post("/account/tokens/end", id=identity)
    assert web.browser("adam").post("/users/tokens/end", id=identity).status_code == 403
    saul = web.browser("saul")
    page = texts(saul.get("/users"))
    assert "nightly export" in page
    assert "Olga Berg" in page
    saul.post("/users/tokens/end", id=identity)
    assert "No token works now" in texts(saul.get("/users"))
    with web.kit.store.read() as session:
        assert tokens.find_bearer(session, token, web.kit.now) is None


def test_a_person_has_at_most_so_many(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    browser = web.browser("olga")
    make(browser, "one")
    make(browser, "two")
    answer = browser.post("/account/tokens/new", label="three", scopes=["messages:read"], days="7")
    assert "You have 2 tokens" in texts(answer)


def test_scopes_sleep_while_the_roles_do_not_allow_them(web: WebKit) -> None:
    token = make(web.browser("olga"), "both", "messages:read", "messages:write")
    saul = web.browser("saul")
    saul.post("/users/change", name="olga", change="roles", roles=["viewer"])
    with web.kit.store.read() as session:
        assert tokens.find_bearer(session, token, web.kit.now).scopes == {"messages:read"}
    saul.post("/users/change", name="olga", change="disable")
    with web.kit.store.read() as session:
        assert tokens.find_bearer(session, token, web.kit.now) is None
