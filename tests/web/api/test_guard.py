"""Who may ask the API for what: tokens only, scopes within roles, rates, and nothing that a cookie opens."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.staff.roles import allows
from gateway.staff.tokens import LEAST, SCOPES
from gateway.store.ledger import Event
from gateway.web.api.endpoints import ENDPOINTS, scope_of
from gateway.web.api.gate import TRIES, WINDOW, Gate
from tests.web.api.apikit import Program, frozen, program, told
from tests.web.webkit import ROLES, WebKit

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def routes(web: WebKit) -> list[tuple[str, str, str]]:
    """(name, method, path) of every route under /api."""
    found = []
    for rule in web.app.url_map.iter_rules():
        if str(rule.rule).startswith("/api/"):
            assert rule.endpoint.startswith("api."), rule
            path = re.sub(r"<[^>]+>", "nothing-here", str(rule.rule)).removeprefix("/api/v1")
            found += [(rule.endpoint[4:], method, path) for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]
    return found


def body_of(name: str) -> str | None:
    return None if ENDPOINTS.get(name) is None or ENDPOINTS[name].body is None else "{}"


def test_every_route_has_a_line_in_the_table_and_every_line_a_route(busy: WebKit) -> None:
    assert {name for name, _, _ in routes(busy)} == {*ENDPOINTS, "openapi"}
    assert {scope_of(name) for name, _, _ in routes(busy)} <= {*SCOPES, None}
    with pytest.raises(KeyError):
        scope_of("nobody declared this")


@pytest.mark.parametrize("person", ROLES)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_opens_what_its_scope_and_its_persons_roles_allow(web: WebKit, person: str, scope: str) -> None:
    if not allows(ROLES[person], LEAST[scope]):
        return  # such a token cannot be made: tests/web/test_tokens.py
    asking = program(web, person, scope)
    for name, method, path in routes(web):
        answer = asking.ask(method, path, body_of(name))
        allowed = scope_of(name) in (None, scope)
        assert (answer.status_code != 403) == allowed, (name, answer.text)
        assert answer.status_code < 500, (name, answer.text)
        if not allowed:
            assert f'scope="{scope_of(name)}"' in answer.headers["WWW-Authenticate"]


def test_a_token_loses_what_its_person_loses(web: WebKit) -> None:
    asking = program(web, "olga", "messages:read", "messages:write")
    saul = web.browser("saul")
    saul.post("/users/change", name="olga", change="roles", roles=["viewer"])
    assert asking.get("/messages").status_code == 200
    told(asking.post("/failures/x/replay"), 403, "not-allowed")
    saul.post("/users/change", name="olga", change="disable")
    told(asking.get("/messages"), 401, "token-refused")


def test_a_cookie_alone_opens_nothing(busy: WebKit) -> None:
    browser = busy.browser("root")
    for name, method, path in routes(busy):
        answer = browser.client.open(f"/api/v1{path}", method=method, data=body_of(name))
        told(answer, 401, "token-needed")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "Set-Cookie" not in answer.headers


def test_a_token_opens_no_page(busy: WebKit) -> None:
    token = program(busy).token
    answer = busy.app.test_client().get("/messages", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 302


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic YTpi", "Bearer a b", "bearer\tgwt_x", f"Bearer {'x' * 201}", "Token gwt_x"],
)
def test_what_is_no_token_is_told_how_to_give_one(busy: WebKit, header: str) -> None:
    answer = busy.app.test_client().get("/api/v1/messages", headers={"Authorization": header})
    assert "Authorization: Bearer gwt_" in told(answer, 401, "token-needed")["detail"]


def test_tokens_that_ended_open_nothing(web: WebKit) -> None:
    asking = program(web, "vera", days=1)
    assert asking.get("/messages").status_code == 200
    web.kit.pass_time(days=1)
    assert 'error="invalid_token"' in asking.get("/messages").headers["WWW-Authenticate"]
    told(Program(web, "gwt_" + "A" * 43).get("/messages"), 401, "token-refused")


def test_a_token_rests_while_its_person_owes_something(web: WebKit) -> None:
    asking, viewer = program(web, "adam"), program(web, "vera")
    with frozen(web, require_totp="admins"):
        assert "second factor" in told(asking.get("/messages"), 403, "account-owes")["detail"]
        assert viewer.get("/messages").status_code == 200
    with frozen(web, require_totp="all"):
        told(viewer.get("/messages"), 403, "account-owes")
    web.browser("saul").post("/users/change", name="vera", change="reset")
    assert "new password" in told(viewer.get("/messages"), 403, "account-owes")["detail"]


def test_wrong_tokens_shut_an_address_out_but_not_a_token_that_works(web: WebKit) -> None:
    good, later, wrong = program(web, "vera"), program(web, "adam"), Program(web, "gwt_" + "B" * 43)
    assert good.get("/messages").status_code == 200
    for _ in range(TRIES):
        told(wrong.get("/messages"), 401, "token-refused")
    answer = wrong.get("/messages")
    told(answer, 429, "too-many")
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW.total_seconds()
    told(later.get("/messages"), 429, "too-many")
    assert good.get("/messages").status_code == 200
    with web.kit.store.read() as session:
        events = [event for event in session.query(Event).all() if event.kind == "api-locked"]
    assert len(events) == 1
    assert wrong.token not in str(events[0].data) + events[0].reason
    web.kit.pass_time(minutes=16)
    assert later.get("/messages").status_code == 200


def test_a_token_has_its_rate(web: WebKit) -> None:
    with frozen(web, api_per_minute=6):
        asking, other = program(web, "vera"), program(web, "adam")
        assert [asking.get("/openapi.json").status_code for _ in range(7)] == [200] * 6 + [429]
        assert int(asking.get("/messages").headers["Retry-After"]) == 10
        assert other.get("/openapi.json").status_code == 200
        web.kit.pass_time(seconds=10)
        assert [asking.get("/openapi.json").status_code for _ in range(2)] == [200, 429]


def test_the_api_can_be_switched_off(web: WebKit) -> None:
    with frozen(web, api_per_minute=0):
        told(program(web).get("/messages"), 404, "not-found")


def test_another_host_gets_a_problem_and_nothing_else(busy: WebKit) -> None:
    answer = busy.app.test_client().get("/api/v1/messages", headers={"Host": "evil.example"})
    told(answer, 400, "bad-request")


def test_faults_and_unknown_paths_are_problems_without_insides(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = program(web)
    told(asking.get("/nothing"), 404, "not-found")
    answer = asking.ask("DELETE", "/messages")
    told(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("insides")

    monkeypatch.setattr("gateway.messages.queries_list.search_messages", fail)
    found = told(asking.get("/messages"), 500, "failed")
    assert re.fullmatch("[0-9a-f]{8}", found["error_id"])
    assert "insides" not in str(found)


def test_every_answer_carries_the_policy(busy: WebKit) -> None:
    for answer in (program(busy).get("/messages"), program(busy).get("/nothing"), Program(busy, "").get("/messages")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_counts_are_bounded() -> None:
    gate = Gate(60, most=100)
    for number in range(1000):
        gate.wrong(f"10.0.{number // 256}.{number % 256}", NOW)
        gate.take(f"digest {number}", NOW)
    assert len(gate._wrong) == len(gate._left) == 100
    assert gate.known("digest 999", NOW)
    assert not gate.known("digest 1", NOW)
    assert not gate.known("digest 999", NOW + WINDOW + timedelta(seconds=1))


def test_a_gate_counts_the_same_from_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    gate = Gate(100)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: gate.take("one", NOW), range(400)))
    assert waits.count(0) == 100
