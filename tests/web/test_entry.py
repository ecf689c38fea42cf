"""Getting in: the first account, passwords, second factors, places to go on to, getting out."""

from __future__ import annotations

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.staff import accounts, totp
from gateway.store.ledger import Event
from tests.web.webkit import KEK, PASSWORD, WebKit, texts


def kinds(web: WebKit) -> list[str]:
    with web.kit.store.read() as session:
        return list(session.scalars(select(Event.kind).where(Event.subject_type == "user").order_by(Event.seq)))


def test_the_first_visit_leads_to_the_set_up(fresh: WebKit) -> None:
    browser = fresh.browser()
    assert browser.get("/").location == "/login?next=/"
    assert browser.get("/login").location == "/setup"


def test_the_set_up_code_opens_the_first_account_and_then_nothing(fresh: WebKit) -> None:
    code = fresh.setup_code()
    browser = fresh.browser()
    form = {"code": code, "name": "kim", "full_name": "Kim Berg", "password": PASSWORD, "again": PASSWORD}
    done = browser.post("/setup", **form)
    assert (done.status_code, done.location) == (303, "/")
    page = texts(browser.get("/"))
    assert "Welcome, Kim Berg." in page
    assert "Nothing needs you" in page
    assert kinds(fresh) == ["user-created", "login"]
    assert fresh.browser().get("/setup").location == "/login"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"code": "AAAAA-AAAAA-AAAAA-AAAAA"}, "set-up code is not right"),
        ({"again": "another one altogether"}, "differ"),
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"name": "x y"}, "login name"),
    ],
)
def test_a_set_up_that_cannot_be_says_why_and_keeps_what_was_typed(
    fresh: WebKit, change: dict[str, str], words: str
) -> None:
    form = {"code": fresh.setup_code(), "name": "kim", "full_name": "K", "password": PASSWORD, "again": PASSWORD}
    answer = fresh.browser().post("/setup", **{**form, **change})
    assert answer.status_code == 400
    assert words in answer.text
    assert 'value="K"' in answer.text
    assert PASSWORD not in answer.text


def test_guessing_the_set_up_code_is_slowed_down(fresh: WebKit) -> None:
    fresh.setup_code()
    browser = fresh.browser()
    form = {"code": "x", "name": "kim", "password": PASSWORD, "again": PASSWORD}
    assert [browser.post("/setup", **form).status_code for _ in range(6)] == [400] * 5 + [429]


def test_a_wrong_password_an_unknown_name_and_a_closed_account_get_the_same_answer(web: WebKit) -> None:
    web.write(
        lambda session: accounts.disable_user(session, accounts.by_name(session, "olga"), actor="x", now=web.kit.now)
    )
    pages = []
    for name, password in (("vera", "wrong"), ("nobody", PASSWORD), ("olga", PASSWORD)):
        answer = web.browser().post("/login", name=name, password=password)
        assert answer.status_code == 401
        pages.append(texts(answer))
    assert len(set(pages)) == 1
    assert "not right" in pages[0]
    assert kinds(web)[-3:] == ["login-failed"] * 3


def test_after_five_wrong_passwords_the_right_one_waits_too(web: WebKit) -> None:
    browser = web.browser()
    for _ in range(5):
        browser.post("/login", name="vera", password="wrong")
    answer = browser.post("/login", name="vera", password=PASSWORD)
    assert answer.status_code == 429
    assert "Wait 15 minutes" in answer.text
    web.kit.pass_time(minutes=16)
    assert browser.post("/login", name="vera", password=PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        ("/messages?direction=in", "/messages?direction=in"),
        *(
            (bad, "/")
            for bad in ("//evil.example", "https://evil.example", "/\\evil", "evil", "", "/a\r\nSet-Cookie: x")
        ),
    ],
)
def test_a_login_goes_on_to_a_place_of_ours_only(web: WebKit, target: str, goes: str) -> None:
    answer = web.browser().post("/login", name="vera", password=PASSWORD, next=target)
    assert answer.location == goes


def test_a_login_gives_a_new_identifier_and_a_logout_ends_it_on_the_server(web: WebKit) -> None:
    browser = web.browser("vera")
    first = browser.client.get_cookie("gateway")
    browser.post("/login", name="vera", password=PASSWORD)
    browser.client.post("/login", data={"csrf_token": browser.token("/account"), "name": "vera", "password": PASSWORD})
    second = browser.client.get_cookie("gateway")
    assert first is not None
    assert second is not None
    assert first.value != second.value
    assert browser.client.post("/logout", data={"csrf_token": browser.token("/account")}).location == "/login"
    assert browser.client.get_cookie("gateway") is None
    for value in (first.value, second.value):
        browser.client.set_cookie("gateway", value)
        assert browser.get("/").status_code == 302


def test_a_hash_of_other_settings_is_made_anew_at_the_next_login(web: WebKit) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)

    def stored(keep: str = "") -> str:
        def work(session: Session) -> str:
            user = accounts.by_name(session, "vera")
            assert user is not None and user.password_hash is not None
            user.password_hash = keep or user.password_hash
            return user.password_hash

        return web.kit.store.writer.run(work)

    stored(weak)
    assert web.browser().post("/login", name="vera", password="violet-anchor-kettle-92").status_code == 401
    assert stored() == weak, "a wrong password changes nothing"
    assert web.browser("vera").get("/").status_code == 200
    renewed = stored()
    assert renewed != weak
    assert web.browser("vera").get("/").status_code == 200
    assert stored() == renewed, "once is enough"


def test_the_second_factor_stands_between_password_and_pages(web: WebKit) -> None:
    secret = totp.new_totp_secret()

    def enrol(session: object) -> None:
        totp.enable_totp(session, KEK, accounts.by_name(session, "vera"), secret, 0, web.kit.now)  # type: ignore[arg-type]

    web.write(enrol)
    browser = web.browser()
    assert browser.get("/login/code").location == "/login"
    answer = browser.post("/login", name="vera", password=PASSWORD, next="/messages")
    assert answer.location == "/login/code?next=/messages"
    assert browser.get("/messages").status_code == 302
    form = {"csrf_token": browser.token("/login/code"), "next": "/messages"}
    assert browser.client.post("/login/code", data={**form, "code": "000000"}).status_code == 401
    code = pyotp.TOTP(secret).at(web.kit.now)
    assert browser.client.post("/login/code", data={**form, "code": code}).location == "/messages"
    assert browser.get("/messages").status_code == 200


def test_cookies_under_tls_are_bound_to_it(fresh: WebKit) -> None:
    secure = WebKit(fresh.kit, secure=True)
    secure.add_users()
    browser = secure.app.test_client()
    page = browser.get("/login", base_url="http://localhost")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = browser.post(
        "/login",
        base_url="http://localhost",
        headers={"Referer": "https://localhost/login"},
        data={"csrf_token": token, "name": "vera", "password": PASSWORD},
    )
    cookies = answer.headers.getlist("Set-Cookie")
    (login,) = [cookie for cookie in cookies if cookie.startswith("__Host-gateway=")]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(login.split("; "))
    assert not any("Domain" in cookie for cookie in cookies)


def test_behind_a_proxy_the_last_forwarded_address_counts(fresh: WebKit) -> None:
    proxied = WebKit(fresh.kit, behind_proxy=True)
    proxied.add_users()
    browser = proxied.browser()
    for n in range(6):
        token = browser.token()
        answer = browser.client.post(
            "/login",
            data={"csrf_token": token, "name": "vera", "password": "wrong"},
            headers={"X-Forwarded-For": f"{n}.{n}.{n}.{n}, 10.0.0.9"},
        )
    assert answer.status_code == 429


def test_a_page_that_renews_itself_does_not_keep_its_session_alive(web: WebKit) -> None:
    browser = web.browser("vera")
    web.kit.pass_time(minutes=20)
    assert browser.get("/", X_Live="1").status_code == 200
    web.kit.pass_time(minutes=11)
    assert browser.get("/", X_Live="1").status_code == 302
