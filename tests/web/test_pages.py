"""Home, the list, one message, the account, the users: what they show and what they do."""

from __future__ import annotations

import re

import pyotp
import pytest
from sqlalchemy import select

from gateway.staff import accounts
from gateway.staff.sessions import hash_id
from gateway.store.errors import StoreUnreachableError
from gateway.store.ledger import Event
from tests.web.webkit import PASSWORD, Browser, WebKit, texts


def happened(web: WebKit, kind: str) -> list[tuple[str, str]]:
    with web.kit.store.read() as session:
        query = select(Event.subject_id, Event.actor).where(Event.kind == kind).order_by(Event.seq)
        return [(row.subject_id, row.actor) for row in session.execute(query)]


# -- home ------------------------------------------------------------------------------------------------------


def test_the_first_page_says_what_needs_somebody_and_proves_life(busy: WebKit) -> None:
    page = texts(busy.browser("vera").get("/"))
    assert "3 things need you" in page
    assert "HR-460024" in page
    assert "Ask the partner for the right date." in page
    assert "Last message 17 min ago from Harbor Retail" in page
    assert "2 received" in page
    assert "none overdue" in page


def test_both_charts_have_a_column_for_each_day(busy: WebKit) -> None:
    page = busy.browser("vera").get("/").text
    assert page.count('class="bar"') == 2 * 14
    assert page.count('class="wrong"') >= 1


# -- the list --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "present", "absent"),
    [
        ("processing=rejected", "HR-460024", "HR-450017"),
        ("processing=posted&direction=in", "HR-450017", "HR-460024"),
        ("direction=out&delivery=confirmed", "997-", "HR-450017"),
        ("partner=harbor&kind=order", "HR-450017", "997-"),
        ("kind=order&since=2026-11-20", "HR-450017", "HR-512000"),
        ("kind=order&until=2026-11-10", "HR-512000", "HR-450017"),
        ("q=HR-4600", "HR-460024", "HR-450017"),
        ("q=000000521", "HR-460024", "HR-450017"),
        ("q=good@harbor", "HR-450017", "HR-460024"),
        ("q=binary+data", "in.edi", "HR-450017"),
        ("test=no", "in.edi", "HR-450017"),
    ],
)
def test_a_filter_shows_what_fits_and_hides_the_rest(busy: WebKit, query: str, present: str, absent: str) -> None:
    rows = busy.browser("vera").get(f"/messages?{query}").text.partition("<tbody")[2]
    assert present in rows
    assert absent not in rows


def test_pages_of_the_list_hold_each_message_once(busy: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.pages.messages.SIZES", (7, 25))
    browser, address, seen = busy.browser("vera"), "/messages?partner=harbor", []
    while address:
        page = browser.get(address).text
        seen += re.findall(r'class="through wrap" href="/messages/([^"]+)"', page)
        after = re.search(r'rel="next" href="([^"]+)"', page)
        address = after[1].replace("&amp;", "&") if after else ""
    assert len(seen) == len(set(seen)) > 20


def test_nothing_found_says_what_to_do_next(busy: WebKit) -> None:
    page = texts(busy.browser("vera").get("/messages?q=no-such-thing"))
    assert "No message fits" in page
    assert "The last one received came 17 min ago" in page
    assert "Show all messages" in page


def test_a_day_that_is_none_is_left_out_with_a_word(busy: WebKit) -> None:
    answer = busy.browser("vera").get("/messages?since=yesterday")
    assert answer.status_code == 200
    assert "is not a day" in answer.text


@pytest.mark.parametrize("cursor", ["x", "bm8=", "WyIyMDI2Il0="])
def test_a_place_in_the_list_that_we_did_not_give_is_refused(busy: WebKit, cursor: str) -> None:
    assert busy.browser("vera").get(f"/messages?after={cursor}").status_code == 400


def test_the_address_cannot_change_where_links_lead(busy: WebKit) -> None:
    page = busy.browser("vera").get("/messages?q=HR&_external=1&_scheme=javascript&_anchor=x&_method=POST").text
    assert "javascript:" not in page
    assert "http://" not in page.partition("<main")[2].partition("</main>")[0]


# -- one message -----------------------------------------------------------------------------------------------


def test_a_rejected_order_shows_its_errors_in_place(busy: WebKit) -> None:
    answer = busy.browser("vera").get(f"/messages/{busy.ids['bad']}")
    page = texts(answer)
    assert "Order HR-460024 from Harbor Retail: rejected" in page
    assert "Baseline Item Data" in page
    assert "Buyer's Item Number" in page.replace("&#39;", "'")
    assert answer.text.count("el wrong") == 2
    assert 'href="#s7"' in answer.text
    assert 'id="s7"' in answer.text
    assert "CET at the partner" in page


def test_looking_at_content_is_in_the_ledger(busy: WebKit) -> None:
    before = len(happened(busy, "payload-viewed"))
    browser = busy.browser("olga")
    browser.get(f"/messages/{busy.ids['good']}")
    answer = browser.get(f"/messages/{busy.ids['good']}/payload")
    assert answer.data.startswith(b"ISA*")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="in.edi"'
    assert answer.mimetype == "application/octet-stream"
    assert happened(busy, "payload-viewed")[before:] == [(busy.ids["good"], "olga")] * 2


@pytest.mark.parametrize(
    ("which", "view", "words"),
    [
        ("good", "hex", "49 53 41"),
        ("good", "canonical", "HR-450017"),
        ("noise", "", "00000000"),
        ("xml", "", "<Order>"),
    ],
)
def test_content_has_several_forms(busy: WebKit, which: str, view: str, words: str) -> None:
    answer = busy.browser("vera").get(f"/messages/{busy.ids[which]}?view={view}")
    assert words.replace("<", "&lt;").replace(">", "&gt;") in answer.text


def test_bytes_that_are_not_kept_are_said_not_to_be(busy: WebKit) -> None:
    browser = busy.browser("vera")
    for form in ("canonical", "x", "place"):
        assert browser.get(f"/messages/{busy.ids['bad']}/payload?form={form}").status_code == 404


def test_a_viewer_sees_no_buttons_and_an_operator_those_that_lead_somewhere(busy: WebKit) -> None:
    address = f"/messages/{busy.ids['bad']}"
    assert 'name="action"' not in busy.browser("vera").get(address).text
    page = busy.browser("olga").get(address).text
    assert re.findall(r'name="action" value="(\w+)"', page) == ["replay", "ignore", "reacknowledge", "note"]


def act(browser: Browser, identity: str, **form: str) -> str:
    answer = browser.client.post(
        f"/messages/{identity}/act", data={"csrf_token": browser.token("/account"), **form}, follow_redirects=True
    )
    assert answer.status_code == 200
    return texts(answer)


def test_an_operator_ignores_with_a_reason_and_replays(web: WebKit) -> None:
    web.add_messages()
    browser = web.browser("olga")
    assert "A reason is needed" in act(browser, web.ids["noise"], action="ignore")
    page = act(browser, web.ids["noise"], action="ignore", reason="A <b>picture</b> & no order")
    assert "A &lt;b&gt;picture&lt;/b&gt; &amp; no order" in page
    assert "ignored" in page
    assert "read again as" in act(browser, web.ids["bad"], action="replay")
    assert ("olga" in {actor for _, actor in happened(web, "moved")}) or happened(web, "created")[-1]
    assert "resend" in act(browser, web.ids["good"], action="resend").lower()
    browser.client.post(
        f"/messages/{web.ids['bad']}/act", data={"csrf_token": browser.token("/account"), "action": "x"}
    )


def test_a_message_that_was_sent_can_be_sent_again(web: WebKit) -> None:
    web.add_messages()
    browser = web.browser("olga")
    page = browser.get("/messages?direction=out").text
    found = re.search(r'class="through wrap" href="/messages/([^"]+)"', page)
    assert found is not None
    assert "The same bytes are sent again" in act(browser, found[1], action="resend")


# -- the account -----------------------------------------------------------------------------------------------


def test_a_theme_and_the_shortcuts_are_kept_for_the_person(web: WebKit) -> None:
    browser = web.browser("vera")
    assert 'data-shortcuts="on"' in browser.get("/account").text
    browser.client.post("/account/preferences", data={"csrf_token": browser.token("/account"), "theme": "dark"})
    page = web.browser("vera").get("/").text
    assert 'data-theme="dark"' in page
    assert "data-shortcuts" not in page
    answer = browser.client.post(
        "/account/preferences", data={"csrf_token": browser.token("/account"), "theme": "neon"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"old": "wrong", "password": "tundra lamp oboe sixty", "again": "tundra lamp oboe sixty"}, "present password"),
        ({"old": PASSWORD, "password": "tundra lamp oboe", "again": "other"}, "differ"),
        ({"old": PASSWORD, "password": PASSWORD, "again": PASSWORD}, "is the present one"),
        ({"old": PASSWORD, "password": "short", "again": "short"}, "at least 12"),
    ],
)
def test_a_password_that_cannot_be_is_told_at_its_field(web: WebKit, form: dict[str, str], words: str) -> None:
    browser = web.browser("vera")
    answer = browser.client.post("/account/password", data={"csrf_token": browser.token("/account"), **form})
    assert answer.status_code == 400
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_new_password_ends_other_sessions_and_opens_the_next_login(web: WebKit) -> None:
    here, there = web.browser("vera"), web.browser("vera")
    new = "tundra lamp oboe sixty"
    form = {"old": PASSWORD, "password": new, "again": new}
    assert here.client.post("/account/password", data={"csrf_token": here.token("/account"), **form}).status_code == 303
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert web.browser().post("/login", name="vera", password=new).status_code == 303


def test_a_second_factor_is_switched_on_with_its_code_and_off_again(web: WebKit) -> None:
    browser = web.browser("vera")
    page = browser.get("/account").text
    secret = re.search(r"secret=([A-Z2-7]{32})", page)
    assert secret is not None
    send = lambda path, **form: browser.client.post(  # noqa: E731
        path, data={"csrf_token": browser.token("/account"), **form}
    )
    assert send("/account/totp", code="000000").status_code == 400
    done = send("/account/totp", code=pyotp.TOTP(secret[1]).at(web.kit.now))
    assert "Recovery codes, shown only now" in done.text
    assert done.text.count("<li>") >= 8
    assert send("/account/totp", code="1").status_code == 400
    assert web.browser().post("/login", name="vera", password=PASSWORD).location == "/login/code"
    assert send("/account/totp/off").location == "/account"
    assert web.browser().post("/login", name="vera", password=PASSWORD).location == "/"


def test_ones_own_sessions_can_be_ended(web: WebKit) -> None:
    here, there = web.browser("vera"), web.browser("vera")
    ids = re.findall(r'name="id" value="(\w{64})"', here.get("/account").text)
    assert len(ids) == 2
    cookie = here.client.get_cookie("gateway")
    assert cookie is not None
    for identity in sorted(ids, key=lambda found: found == hash_id(cookie.value)):  # the present one last
        here.client.post("/account/sessions/end", data={"csrf_token": here.token("/account"), "id": identity})
    assert [browser.get("/").status_code for browser in (here, there)] == [302, 302]


def test_who_owes_a_password_or_a_second_factor_gets_no_further(web: WebKit) -> None:
    strict = WebKit(web.kit, require_totp="admins")
    browser = strict.browser("adam")
    assert browser.get("/").location == "/account"
    assert "needs a second factor" in browser.get("/account").text
    assert strict.browser("vera").get("/").status_code == 200
    assert WebKit(web.kit, require_totp="all").browser("vera").get("/").location == "/account"

    def owe(session: object) -> None:
        accounts.by_name(session, "vera").must_change_password = True  # type: ignore[arg-type, union-attr]

    web.write(owe)
    browser = web.browser("vera")
    assert browser.get("/messages").location == "/account"
    assert "Choose your own to go on" in browser.get("/account").text


# -- users -----------------------------------------------------------------------------------------------------


def test_security_opens_changes_and_closes_accounts(web: WebKit) -> None:
    browser = web.browser("saul")
    send = lambda path, **form: browser.client.post(  # noqa: E731
        path, data={"csrf_token": browser.token("/users"), "back": "/users", **form}
    )
    made = send("/users", name="newcomer", full_name="New Comer", roles=["viewer", "operator"])
    password = re.search(r'class="mono">([a-z0-9-]{24})<', made.text)
    assert password is not None
    assert password[1] not in browser.get("/users").text
    visitor = web.browser()
    assert visitor.post("/login", name="newcomer", password=password[1]).status_code == 303
    assert visitor.get("/").location == "/account"
    assert send("/users", name="newcomer", roles=["viewer"]).status_code == 400
    assert send("/users", name="pat").status_code == 400
    again = send("/users/change", name="newcomer", change="reset", forget_code="on")
    assert "shown only now" in again.text
    for change in ("roles", "disable", "enable"):
        assert send("/users/change", name="newcomer", change=change, roles=["admin"]).location == "/users"
    send("/users/change", name="newcomer", change="disable")
    assert "closed" in browser.get("/users").text
    assert send("/users/change", name="newcomer", change="explode").status_code == 400
    send("/users/change", name="nobody", change="disable")
    assert "There is no account" in browser.get("/users").text


def test_while_the_database_is_away_pages_say_so_and_programs_are_told_to_come_again(
    web: WebKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_engine: object) -> None:
        raise StoreUnreachableError("The database postgresql+psycopg://edi:***@db/edi cannot be reached: refused.")

    browser = web.browser("vera")
    monkeypatch.setattr(web.kit.store, "_connected", away)
    for address in ("/", "/messages", "/failures", "/system"):
        answer = browser.get(address)
        assert answer.status_code == 503, address
        assert "cannot be reached" in answer.text
    answer = browser.client.get("/api/v1/messages", headers={"Authorization": f"Bearer gwt_{'x' * 43}"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
