"""Two people on one thing see each other, and neither undoes what the other did."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.web.presence import Presence, changes_since, seen
from tests.web.test_lists import orders, post  # noqa: F401 - the fixture
from tests.web.webkit import WebKit, texts

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_those_who_are_there_are_named_until_a_minute_after_their_last_beat() -> None:
    clock = Clock()
    presence = Presence(clock)
    presence.beat("message", "m", "olga", "Olga Berg", "looking at")
    clock.now += timedelta(seconds=30)
    presence.beat("message", "m", "kim", "Kim Berg", "editing")
    assert presence.others("message", "m", "vera") == [("Kim Berg", "editing"), ("Olga Berg", "looking at")]
    assert presence.others("message", "m", "kim") == [("Olga Berg", "looking at")]
    assert presence.others("case", "m", "vera") == []
    clock.now += timedelta(seconds=31)
    assert presence.others("message", "m", "vera") == [("Kim Berg", "editing")]


def test_what_nobody_looks_at_any_more_is_forgotten() -> None:
    clock = Clock()
    presence = Presence(clock)
    for n in range(2_000):
        presence.beat("message", str(n), "olga", "Olga", "looking at")
        presence.acting(str(n))
    clock.now += timedelta(minutes=2)
    presence.beat("message", "new", "olga", "Olga", "looking at")
    assert len(presence._beats) == 1
    with presence.acting("held"):
        presence.acting("x")
        presence.acting("y")
        assert presence.acting("held").locked()


@pytest.mark.parametrize("page", ["/messages/{bad}", "/failures/{case}"])
def test_a_page_says_who_else_has_it_open(busy: WebKit, page: str) -> None:
    address = page.format(**busy.ids, case=busy.kit.cases()[0].id)
    olga, vera = busy.browser("olga"), busy.browser("vera")
    assert "is looking at this" not in olga.get(address).text
    assert "Olga Berg is looking at this, too." in texts(vera.get(address))
    assert "Vera Berg is looking at this, too." in texts(olga.get(address, X_Live="1"))
    busy.kit.pass_time(seconds=61)
    assert "Vera Berg" not in texts(olga.get(address, X_Live="1"))


def test_a_page_that_renews_itself_reads_no_content_and_notes_no_view(busy: WebKit) -> None:
    browser, identity = busy.browser("olga"), busy.ids["good"]
    with busy.kit.store.read() as session:
        before = len(changes_since(session, "message", identity, 0))
    assert 'class="segments"' not in browser.get(f"/messages/{identity}", X_Live="1").text
    assert 'class="segments"' in browser.get(f"/messages/{identity}").text
    with busy.kit.store.read() as session:
        assert len(changes_since(session, "message", identity, 0)) == before


def token_of(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_an_action_on_what_changed_meanwhile_says_by_whom_and_does_nothing(orders: WebKit) -> None:  # noqa: F811
    olga, adam, identity = orders.browser("olga"), orders.browser("adam"), orders.ids["bad0"]
    path = f"/messages/{identity}/act"
    hers = token_of(olga.get(f"/messages/{identity}").text)
    his = token_of(adam.get(f"/messages/{identity}").text)
    assert hers == his
    post(adam, path, action="ignore", reason="Agreed by telephone.", seen=his)
    with orders.kit.store.read() as session:
        number = seen(session, "message", identity)
    answer = texts(post(olga, path, action="replay", seen=hers, reason="Try again."))
    assert "Nothing was done, because this changed since you opened it. adam" in answer
    assert "What you wrote: Try again." in answer
    with orders.kit.store.read() as session:
        assert seen(session, "message", identity) == number
    fresh = token_of(olga.get(f"/messages/{identity}").text)
    assert "are read again" in texts(post(olga, path, action="replay", seen=fresh))


def test_the_same_button_pressed_twice_acts_once(orders: WebKit) -> None:  # noqa: F811
    olga, identity = orders.browser("olga"), orders.ids["bad1"]
    value = token_of(olga.get(f"/messages/{identity}").text)
    path = f"/messages/{identity}/act"
    post(olga, path, action="ignore", reason="Sent twice.", seen=value)
    assert "You: Sent twice." in texts(post(olga, path, action="ignore", reason="Sent twice.", seen=value))


def test_a_note_is_never_refused_and_a_senseless_mark_is_as_none(orders: WebKit) -> None:  # noqa: F811
    olga, identity = orders.browser("olga"), orders.ids["bad2"]
    path = f"/messages/{identity}/act"
    assert "The note was added." in post(olga, path, action="note", reason="One.", seen=f"message:{identity}:0").text
    for value in ("", "message", f"message:{identity}:x", f"colour:{identity}:0"):
        assert "The note was added." in post(olga, path, action="note", reason="More.", seen=value).text
    assert "is ignored" not in post(olga, path, action="hold", reason="x", seen="message::1").text


def test_a_failure_that_somebody_took_is_shown_again_first(orders: WebKit) -> None:  # noqa: F811
    case = orders.kit.cases()[0].id
    olga, adam = orders.browser("olga"), orders.browser("adam")
    value = token_of(olga.get(f"/failures/{case}").text)
    post(adam, f"/failures/{case}/act", action="assign", seen=value)
    answer = texts(post(olga, f"/failures/{case}/act", action="assign", seen=value))
    assert "adam: adam took it. It is assigned now." in answer
    assert orders.kit.cases()[0].assignee == "adam"
