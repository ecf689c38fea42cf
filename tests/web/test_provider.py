"""Logging in at a real identity provider, a process of its own, and every way in which its proof can be wrong."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("authlib", reason="needs the extra oidc")

from gateway.settings.web import OidcSettings
from gateway.staff import accounts
from gateway.staff.errors import AccountError
from gateway.staff.oidc import account_id, identity_of
from gateway.store.ledger import Event
from gateway.web.fetching import FetchError, fetch
from gateway.web.provider import Provider
from tests.web.api.apikit import frozen
from tests.web.oidcprovider import CLIENT, SECRET, USER
from tests.web.webkit import Browser, WebKit, texts

ROLES = {"edi-staff": ["operator"], "edi-admins": ["admin", "security"]}


class Idp:
    """The provider's process, and what a test tells it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def behave(self, **control: Any) -> list[dict[str, str]]:
        """Say how to behave from now on; what was asked of it until now."""
        asked: list[dict[str, str]] = json.loads(self.request("POST", "/control", control)[2])
        return asked


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    script = Path(__file__).with_name("oidcprovider.py")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Idp(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def settings_of(idp: Idp, **changes: Any) -> OidcSettings:
    values: dict[str, Any] = {
        "issuer": idp.issuer,
        "client_id": CLIENT,
        "client_secret": "oidc",
        "label": "Alpine ID",
        "roles": ROLES,
    }
    return OidcSettings.model_validate({**values, **changes})


@pytest.fixture
def office(web: WebKit, idp: Idp) -> Iterator[WebKit]:
    """The kit with the provider set up, on the clock of the world."""
    idp.behave()
    web.kit.now = datetime.now(UTC)
    with frozen(web, provider=Provider(settings_of(idp), lambda: SECRET)):
        yield web


def to_provider(browser: Browser, path: str = "/login/provider") -> str:
    answer = browser.get(path)
    assert answer.status_code == 303, texts(answer)
    return str(answer.location)


def through(idp: Idp, where: str) -> str:
    """What the provider's page leads back to."""
    parts = urlsplit(where)
    status, headers, body = idp.request("GET", f"{parts.path}?{parts.query}")
    assert status in (302, 303), body
    back = urlsplit(headers["Location"])
    assert back.path == "/login/provider/back"
    return f"{back.path}?{back.query}"


def log_in(office: WebKit, idp: Idp, path: str = "/login/provider") -> tuple[Browser, Any]:
    browser = office.browser()
    return browser, browser.get(through(idp, to_provider(browser, path)))


def people(office: WebKit) -> dict[str, list[str]]:
    with office.kit.store.read() as session:
        return {user.name: list(user.roles) for user in accounts.users(session)}


def test_the_login_page_offers_it_and_a_first_login_makes_the_account(office: WebKit, idp: Idp) -> None:
    assert "Log in with Alpine ID" in office.browser().get("/login").text
    browser, answer = log_in(office, idp, "/login/provider?next=/messages")
    assert (answer.status_code, answer.location) == (303, "/messages")
    (asked,) = idp.behave()
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) > 40
    assert len(asked["nonce"]) > 40
    assert asked["scope"] == "openid profile email"
    assert people(office)["olga@alpine.example"] == ["operator"]
    assert "Olga Berg" in browser.get("/account").text
    assert "kept by Alpine ID" in texts(browser.get("/account"))
    with office.kit.store.read() as session:
        user = accounts.by_name(session, "olga@alpine.example")
        assert user.id == account_id(idp.issuer, USER["sub"])
        assert user.password_hash is None
        kinds = [event.kind for event in session.query(Event).all() if event.subject_id == user.id]
    assert kinds == ["user-created", "login"]
    assert browser.post("/login", name="olga@alpine.example", password="").status_code == 401


def test_roles_follow_the_provider_and_names_choose_nothing(office: WebKit, idp: Idp) -> None:
    log_in(office, idp)
    idp.behave(user={"email": "adam@alpine.example", "name": "Olga Hill", "groups": ["edi-admins", "others"]})
    browser, answer = log_in(office, idp)
    assert answer.status_code == 303
    assert people(office)["olga@alpine.example"] == ["admin", "security"]
    assert "Olga Hill" in browser.get("/account").text
    idp.behave(user={"sub": "somebody-else", "email": "adam", "preferred_username": "adam", "email_verified": False})
    log_in(office, idp)
    found = people(office)
    assert found["adam"] == ["admin"]
    assert [name for name in found if re.fullmatch(r"adam-[0-9a-f]{11,12}", name)]


@pytest.mark.parametrize(
    ("user", "settings", "said"),
    [
        ({"groups": []}, {}, "gives you no role"),
        ({"groups": "edi-nobody"}, {}, "gives you no role"),
        ({"groups": {"edi-staff": True}}, {}, "gives you no role"),
        ({}, {"roles_claim": "realm_access.roles"}, "gives you no role"),
        ({"email": "olga@other.example"}, {"allowed_domains": ["alpine.example"]}, "address is not of a company"),
        ({"email_verified": False}, {"allowed_domains": ["alpine.example"]}, "address is not of a company"),
        ({"email": "x@alpine.example.evil"}, {"allowed_domains": ["alpine.example"]}, "address is not of a company"),
        ({}, {"allowed_groups": ["edi-pilot"]}, "in no group"),
    ],
)
def test_who_has_no_business_here_gets_no_account(
    office: WebKit, idp: Idp, user: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    idp.behave(user=user)
    before = people(office)
    with frozen(office, provider=Provider(settings_of(idp, **settings), lambda: SECRET)):
        browser, answer = log_in(office, idp)
    assert answer.status_code == 401
    assert said in texts(answer)
    assert people(office) == before
    assert browser.get("/messages").status_code == 302


def test_roles_may_come_from_inside_a_claim() -> None:
    claims = {"iss": "i", "sub": "s", "realm_access": {"roles": ["edi-staff"]}, "preferred_username": "kim"}
    found = identity_of(claims, roles=ROLES, roles_claim="realm_access.roles")
    assert (found.roles, found.name, found.full_name) == (("operator",), "kim", "kim")
    with pytest.raises(AccountError):
        identity_of(claims, roles=ROLES, roles_claim="realm_access.names")


def test_a_closed_account_stays_closed(office: WebKit, idp: Idp) -> None:
    log_in(office, idp)
    office.browser("saul").post("/users/change", name="olga@alpine.example", change="disable")
    _, answer = log_in(office, idp)
    assert answer.status_code == 401
    assert "closed" in texts(answer)


def test_the_last_security_account_keeps_its_role(office: WebKit, idp: Idp) -> None:
    idp.behave(user={"groups": ["edi-admins"]})
    log_in(office, idp)
    browser = office.browser("root")
    for name in ("saul",):
        browser.post("/users/change", name=name, change="disable")
    office.write(lambda session: setattr(accounts.by_name(session, "root"), "disabled_at", office.kit.now))
    idp.behave()
    _, answer = log_in(office, idp)
    assert answer.status_code == 303
    assert "security" in people(office)["olga@alpine.example"]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("nonce", {"claims": {"nonce": "of somebody else"}}),
    ("no nonce", {"without": ["nonce"]}),
    ("issuer", {"claims": {"iss": "http://127.0.0.1:1"}}),
    ("no issuer", {"without": ["iss"]}),
    ("audience", {"claims": {"aud": ["another-client"]}}),
    ("two audiences without a party", {"claims": {"aud": [CLIENT, "another-client"]}}),
    ("two audiences of another party", {"claims": {"aud": [CLIENT, "another-client"], "azp": "another-client"}}),
    ("no audience", {"without": ["aud"]}),
    ("expired", {"claims": {"exp": 1_700_000_000}}),
    ("no end", {"without": ["exp"]}),
    ("an end that is text", {"claims": {"exp": "never"}}),
    ("an end that is true", {"claims": {"exp": True}}),
    ("from the future", {"claims": {"iat": 4_000_000_000}}),
    ("not yet", {"claims": {"nbf": 4_000_000_000}}),
    ("no subject", {"without": ["sub"]}),
    ("an empty subject", {"claims": {"sub": ""}}),
    ("a subject that is a number", {"claims": {"sub": 7}}),
    ("alg none", {"alg": "none"}),
    ("alg HS256 with the public key", {"alg": "HS256"}),
    ("alg ES384", {"alg": "ES384"}),
    ("another key under a known name", {"key": "other"}),
]


@pytest.mark.parametrize(("name", "control"), WRONG, ids=[name for name, _ in WRONG])
def test_a_proof_that_is_not_right_opens_nothing(office: WebKit, idp: Idp, name: str, control: dict[str, Any]) -> None:
    idp.behave(**control)
    browser, answer = log_in(office, idp)
    assert answer.status_code == 401, name
    assert "cannot be believed" in texts(answer)
    assert "olga@alpine.example" not in people(office)
    assert browser.get("/messages").status_code == 302


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256"])
def test_the_algorithms_of_the_list_are_believed(office: WebKit, idp: Idp, alg: str) -> None:
    idp.behave(alg=alg)
    assert log_in(office, idp)[1].status_code == 303


def test_two_audiences_are_right_when_we_are_the_party(office: WebKit, idp: Idp) -> None:
    idp.behave(claims={"aud": [CLIENT, "another"], "azp": CLIENT})
    assert log_in(office, idp)[1].status_code == 303


def test_a_new_key_of_the_provider_is_fetched(office: WebKit, idp: Idp) -> None:
    assert log_in(office, idp)[1].status_code == 303
    office.kit.pass_time(seconds=31)
    idp.behave(rotate=True)
    assert log_in(office, idp)[1].status_code == 303


def test_a_login_belongs_to_the_browser_that_began_it(office: WebKit, idp: Idp) -> None:
    browser, stranger = office.browser(), office.browser()
    back = through(idp, to_provider(browser))
    to_provider(stranger)
    assert "not begun in this browser" in texts(stranger.get(back))
    assert stranger.get(back).status_code == 401
    assert office.browser().get(back).status_code == 401
    assert browser.get(back.replace("state=", "state=x")).status_code == 401
    assert browser.get(back).status_code == 401, "a try that failed ends what was begun"


def test_a_code_is_good_once(office: WebKit, idp: Idp) -> None:
    browser = office.browser()
    back = through(idp, to_provider(browser))
    kept = [cookie.value for cookie in browser.client._cookies.values() if "form" in cookie.key]
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401
    robber = office.browser()
    robber.client.set_cookie("gateway-form", kept[0])
    answer = robber.get(back)
    assert answer.status_code == 401
    assert "did not accept the code (invalid_grant)" in texts(answer)


def test_a_login_has_ten_minutes(office: WebKit, idp: Idp) -> None:
    browser = office.browser()
    back = through(idp, to_provider(browser))
    office.kit.pass_time(minutes=11)
    assert "took too long" in texts(browser.get(back))


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ({"denies": True}, "did not let you in"),
        ({"back": {"iss": "http://127.0.0.1:1"}}, "from another provider"),
        ({"metadata": {"authorization_response_iss_parameter_supported": True}}, "does not say which provider"),
    ],
)
def test_a_way_back_that_is_not_right_opens_nothing(
    office: WebKit, idp: Idp, control: dict[str, Any], said: str
) -> None:
    idp.behave(**control)
    _, answer = log_in(office, idp)
    assert answer.status_code == 401
    assert said in texts(answer)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_elsewhere(office: WebKit, idp: Idp, target: str) -> None:
    _, answer = log_in(office, idp, f"/login/provider?next={target}")
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://other.example"}, "does not describe itself"),
        ({"authorization_endpoint": "http://login.example/authorize"}, "has no TLS"),
        ({"token_endpoint": "ftp://127.0.0.1/"}, "is not a web address"),
        ({"jwks_uri": "http://user@127.0.0.1/"}, "user name"),
        ({"jwks_uri": None}, "is not a web address"),
    ],
)
def test_a_provider_that_says_what_cannot_be_is_not_used(
    office: WebKit, idp: Idp, metadata: dict[str, Any], said: str
) -> None:
    idp.behave(metadata=metadata)
    answer = office.browser().get("/login/provider")
    assert answer.status_code == 401
    assert said in texts(answer)


def test_a_provider_that_is_away_leaves_the_password(office: WebKit, idp: Idp) -> None:
    gone = OidcSettings.model_validate({**settings_of(idp).model_dump(), "issuer": "http://127.0.0.1:1"})
    with frozen(office, provider=Provider(gone, lambda: SECRET)):
        answer = office.browser().get("/login/provider")
        assert "cannot be asked" in texts(answer)
        assert "f-password" in answer.text
        assert office.browser("vera").get("/").status_code == 200


def test_the_secret_goes_into_the_form_where_the_provider_wants_it(office: WebKit, idp: Idp) -> None:
    idp.behave(methods=["client_secret_post"])
    assert log_in(office, idp)[1].status_code == 303
    idp.behave()
    with frozen(office, provider=Provider(settings_of(idp), lambda: "wrong")):
        assert "invalid_client" in texts(log_in(office, idp)[1])


def test_something_sensitive_asks_the_provider_again(office: WebKit, idp: Idp) -> None:
    browser, _ = log_in(office, idp)
    office.kit.pass_time(minutes=11)
    assert "/login/again" in browser.get("/account/tokens/new").location
    page = browser.get("/login/again?next=/account/tokens/new")
    assert "Prove it with Alpine ID" in page.text
    assert "f-password" not in page.text
    idp.behave(claims={"auth_time": int(time.time()) - 3600, "exp": int(time.time()) + 7200})
    path = "/login/provider?again=1&next=/account/tokens/new"
    answer = browser.get(through(idp, to_provider(browser, path)))
    assert "did not ask you again" in texts(answer)
    (asked,) = idp.behave(
        claims={"auth_time": int(time.time()) + 600, "exp": int(time.time()) + 7200}, user={"sub": "another"}
    )
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    answer = browser.get(through(idp, to_provider(browser, path)))
    assert "another person" in texts(answer)
    assert "/login/again" in browser.get("/account/tokens/new").location
    idp.behave(claims={"auth_time": int(time.time()) + 600, "exp": int(time.time()) + 7200})
    answer = browser.get(through(idp, to_provider(browser, path)))
    assert (answer.status_code, answer.location) == (303, "/account/tokens/new")
    assert browser.get("/account/tokens/new").status_code == 200


def test_nobody_proves_anew_without_being_logged_in(office: WebKit) -> None:
    assert office.browser().get("/login/provider?again=1").status_code == 401


def test_the_providers_second_factor_counts(office: WebKit, idp: Idp) -> None:
    with frozen(office, require_totp="all"):
        browser, _ = log_in(office, idp)
        assert browser.get("/messages").status_code == 200
        assert office.browser("vera").get("/messages").status_code == 302


def test_without_a_provider_there_is_no_such_page(web: WebKit) -> None:
    assert web.browser().get("/login/provider").status_code == 404
    assert web.browser().get("/login/provider/back?code=x&state=y").status_code == 404


def test_many_failed_tries_make_an_address_wait(office: WebKit, idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.staff.lockout.TRIES_PER_ADDRESS", 3)
    idp.behave(alg="none")
    assert [log_in(office, idp)[1].status_code for _ in range(3)] == [401] * 3
    assert "Too many tries" in texts(log_in(office, idp)[1])
    with office.kit.store.read() as session:
        failed = [event for event in session.query(Event).all() if event.kind == "login-failed"]
    assert len(failed) == 4
    assert all(SECRET not in event.reason and "code=" not in event.reason for event in failed)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/elsewhere", "redirects are not followed"),
        ("/large", "larger"),
        ("/text", "no JSON"),
        ("/list", "no JSON object"),
    ],
)
def test_answers_that_are_no_answers_are_told(idp: Idp, path: str, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        fetch("GET", f"{idp.issuer}{path}", None, {})


@pytest.mark.parametrize(
    "url",
    ["http://login.example/", "ftp://127.0.0.1/", "https://a:b@login.example/", "http://127.0.0.1.evil/", "https:///x"],
)
def test_addresses_on_which_secrets_could_be_read_are_not_asked(url: str) -> None:
    with pytest.raises(FetchError):
        fetch("GET", url, None, {})
    with pytest.raises(ValueError, match="issuer"):
        OidcSettings.model_validate({"issuer": url, "client_id": "x", "client_secret": "y", "roles": ROLES})


def test_the_address_of_the_way_back_is_ours(office: WebKit) -> None:
    where = parse_qs(urlsplit(to_provider(office.browser())).query)
    assert where["redirect_uri"] == ["http://localhost/login/provider/back"]
    assert timedelta(0) < timedelta(minutes=10)


def test_the_settings_file_sets_the_provider_up(tmp_path: Path) -> None:
    from gateway.settings import SettingsError, company_named, load_settings, write_default

    text = write_default(tmp_path, company_named("Alpine Supply"))
    section = (
        '[web.oidc]\nissuer = "https://login.example.com"\nclient_id = "edi"\nclient_secret = "oidc-client"\n'
        'roles = { "edi-staff" = ["operator"], "edi-admins" = ["admin", "security"] }\n'
    )
    path = tmp_path / "gateway.toml"
    path.write_text(text.replace("[store]", section + "\n[store]"))
    oidc = load_settings(tmp_path, {}).web.oidc
    assert oidc is not None
    assert (oidc.issuer, oidc.roles["edi-admins"]) == ("https://login.example.com", ["admin", "security"])
    for wrong, said in (
        ('issuer = "http://login.example.com"', "has no TLS"),
        ('issuer = "https://login.example.com/?x=1"', 'has no "?"'),
        ('roles = { "edi-staff" = ["king"] }', "viewer"),
        ("roles = {}", "at least 1"),
    ):
        name = wrong.split(" = ", maxsplit=1)[0]
        changed = re.sub(rf"^{name} = .*$", wrong, section, flags=re.MULTILINE)
        path.write_text(text.replace("[store]", changed + "\n[store]"))
        with pytest.raises(SettingsError, match=re.escape(said)):
            load_settings(tmp_path, {})


def test_the_service_opens_the_secret_and_says_when_the_extra_is_missing(
    web: WebKit, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from gateway.partners.errors import OperationError
    from gateway.service import web as service
    from gateway.store.secrets import put_secret
    from tests.web.webkit import KEK

    web.write(lambda session: put_secret(session, KEK, "oidc", SECRET.encode(), kind="plain", now=web.kit.now))
    settings = SimpleNamespace(web=SimpleNamespace(oidc=settings_of(idp)))
    context: Any = SimpleNamespace(settings=settings, store=web.kit.store, kek=KEK)
    found = service.StaffPages(context)._provider()
    assert found is not None
    assert found._secret() == SECRET
    monkeypatch.setattr(service, "installed", lambda: False)
    with pytest.raises(OperationError, match="not installed"):
        service.StaffPages(context)._provider()
    settings.web.oidc = None
    assert service.StaffPages(context)._provider() is None
