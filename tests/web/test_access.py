"""Who may open what: every route against every role, and none without a line in the table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from gateway.staff.roles import allows
from gateway.web.access import ACCESS
from tests.web.webkit import PASSWORD, ROLES, Browser, WebKit


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, address) of every rule, with an id that no message has."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api."):
            continue  # asks for a token, never for a login: tests/web/api
        address = re.sub(r"<[^>]+>", "nothing-here", str(rule.rule).replace("<path:filename>", "gateway.css"))
        found += [(rule.endpoint, method, address) for method in sorted(rule.methods & {"GET", "POST"})]
    return found


def ask(browser: Browser, method: str, address: str) -> Any:
    if method == "GET":
        return browser.get(address)
    token = browser.token("/login") if browser.get("/").status_code == 302 else browser.token("/account")
    return browser.client.post(address, data={"csrf_token": token})


def test_every_route_has_a_line_and_every_line_a_route(busy: WebKit) -> None:
    assert {endpoint for endpoint, _, _ in routes(busy.app)} == set(ACCESS)


@pytest.mark.parametrize("name", ROLES)
def test_each_role_opens_what_its_line_says_and_nothing_else(busy: WebKit, name: str) -> None:
    browser = busy.browser(name)
    for endpoint, method, address in routes(busy.app):
        if endpoint in ("entry.logout", "account.totp_off", "account.preferences"):
            continue
        access = ACCESS[endpoint]
        answer = ask(browser, method, address)
        allowed = access.least is None or allows(ROLES[name], access.least)
        assert (answer.status_code != 403) == allowed, (endpoint, method, answer.status_code)
        assert answer.status_code < 500, (endpoint, method)


def test_without_a_login_only_the_public_pages_open(busy: WebKit) -> None:
    browser = busy.browser()
    for endpoint, method, address in routes(busy.app):
        answer = ask(browser, method, address)
        if ACCESS[endpoint].least is None:
            assert answer.status_code != 403, endpoint
        elif method == "GET":
            assert answer.status_code == 302, endpoint
            assert answer.location.startswith("/login?next="), endpoint
        else:
            assert answer.status_code == 401, endpoint


def test_every_unsafe_route_refuses_without_its_token(busy: WebKit) -> None:
    browser = busy.browser("root")
    for endpoint, method, address in routes(busy.app):
        if method == "POST":
            answer = browser.client.post(address, data={})
            assert answer.status_code == 400, endpoint
            assert "Nothing was changed" in answer.text, endpoint


def test_a_token_of_another_browser_is_no_token(busy: WebKit) -> None:
    stranger, browser = busy.browser("vera"), busy.browser("root")
    answer = browser.client.post("/account/preferences", data={"csrf_token": stranger.token(), "theme": "dark"})
    assert answer.status_code == 400


def test_a_route_that_nobody_declared_is_refused(fresh: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.add_users()
    monkeypatch.delitem(ACCESS, "home.show")
    assert fresh.browser("root").get("/").status_code == 403


@pytest.mark.parametrize("address", ["/users", "/users/change"])
def test_changing_users_asks_for_the_password_again_after_ten_minutes(web: WebKit, address: str) -> None:
    browser = web.browser("root")
    form = {"name": "vera", "change": "disable", "roles": "viewer", "back": "/users"}
    web.kit.pass_time(minutes=11)
    answer = browser.client.post(address, data={"csrf_token": browser.token("/account"), **form})
    assert answer.location == "/login/again?next=/users"
    assert browser.client.post(
        "/login/again", data={"csrf_token": browser.token("/login/again"), "password": "wrong"}
    ).status_code == 401  # fmt: skip
    again = browser.client.post(
        "/login/again",
        data={"csrf_token": browser.token("/login/again"), "password": PASSWORD, "next": "/users"},
    )
    assert (again.status_code, again.location) == (303, "/users")
    answer = browser.client.post("/users/change", data={"csrf_token": browser.token("/account"), **form})
    assert answer.location == "/users"
