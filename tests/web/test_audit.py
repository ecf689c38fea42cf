"""Audit: the ledger page by page, narrowed, and the check of its chain."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.messages import queries_audit
from gateway.messages.queries_audit import EventFilters
from gateway.store import ledger
from tests.web.webkit import ROLES, WebKit, texts


def note(web: WebKit, count: int = 1, *, actor: str = "kim", back: float = 0, subject: str = "partner") -> None:
    """Events that somebody made so many days ago."""

    def work(session: object) -> None:
        at = web.kit.now - timedelta(days=back)
        for number in range(count):
            ledger.append(
                session,  # type: ignore[arg-type]
                at=at,
                kind="noted",
                subject_type=subject,
                subject_id=f"thing-{number}",
                actor=actor,
                reason=f"{actor} noted number {number}, {back} days back.",
            )

    web.write(work)


@pytest.mark.parametrize("name", ROLES)
def test_only_admins_read_the_ledger(busy: WebKit, name: str) -> None:
    status = busy.browser(name).get("/audit").status_code
    assert status == (200 if "admin" in ROLES[name] else 403)


def test_the_newest_event_comes_first_with_who_what_and_why(busy: WebKit) -> None:
    page = texts(busy.browser("adam").get("/audit"))
    assert "adam logged in." in page
    assert page.index("adam logged in.") < page.index("from Harbor Retail")


def test_pages_follow_each_other_without_gap_or_overlap(web: WebKit) -> None:
    note(web, 130)
    seen: list[int] = []
    before = None
    with web.kit.store.read() as session:
        while True:
            page = queries_audit.events(session, EventFilters(), before=before)
            seen += [event["seq"] for event in page["events"]]
            before = page["next"]
            if before is None:
                break
        total, _ = ledger.head(session)
    assert seen == list(range(total, 0, -1))


def test_the_older_page_is_a_link(web: WebKit) -> None:
    note(web, 60)
    browser = web.browser("adam")
    first = browser.get("/audit?actor=kim").text
    assert "/audit?actor=kim&amp;before=" in first
    older = first.split("/audit?actor=kim&amp;before=")[1].split('"')[0]
    second = browser.get(f"/audit?actor=kim&before={older}")
    assert "Newest" in texts(second)
    assert "number 0, 0 days" in texts(second)


@pytest.mark.parametrize("before", ["abc", "0", "-4", str(2**70)])
def test_a_place_that_we_did_not_give_out_is_refused(busy: WebKit, before: str) -> None:
    assert busy.browser("adam").get(f"/audit?before={before}").status_code == 400


def test_filters_narrow_to_a_person_a_kind_of_thing_and_a_day(web: WebKit) -> None:
    note(web, 2, actor="kim", back=3)
    note(web, 2, actor="outbox:order.json", back=3, subject="document")
    note(web, 2, actor="kim")
    browser = web.browser("adam")
    day = (web.kit.now - timedelta(days=3)).date().isoformat()
    kim = texts(browser.get("/audit?actor=kim"))
    assert "3 days back" in kim
    assert "0 days back" in kim
    assert "outbox noted" not in kim
    assert "outbox:order.json noted number 1" in texts(browser.get("/audit?actor=outbox:"))
    assert "kim noted" not in texts(browser.get("/audit?about=document"))
    on_day = texts(browser.get(f"/audit?day={day}"))
    assert "3 days back" in on_day
    assert "0 days back" not in on_day
    assert "thing-1" in texts(browser.get("/audit?about=partner&id=thing-1&kind=noted"))


def test_a_day_is_found_by_halving_the_numbers(web: WebKit) -> None:
    now = web.kit.now
    for back in (40, 30, 20, 10, 0):
        note(web, 3, back=back)
    with web.kit.store.read() as session:
        found = queries_audit.events(
            session, EventFilters(since=now - timedelta(days=21), until=now - timedelta(days=19))
        )
        none = queries_audit.events(session, EventFilters(since=now + timedelta(days=5)))
    assert [event["reason"] for event in found["events"]] == [f"kim noted number {n}, 20 days back." for n in (2, 1, 0)]
    assert none["events"] == []


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "9999-12-31", "0001-01-01", "2026-11-22T10:00"])
def test_a_day_that_makes_no_sense_is_left_out_in_words(busy: WebKit, day: str) -> None:
    answer = (
        busy.browser("adam").get("/audit", query_string=None)
        if not day
        else busy.browser("adam").get(f"/audit?day={day}")
    )
    assert answer.status_code == 200
    if day[:4].isdigit() and "T" not in day and "13" not in day:
        return  # a real day at the end of the calendar may simply be empty
    assert "is not a day" in texts(answer)


def test_nothing_found_says_so_and_leads_back(busy: WebKit) -> None:
    assert "No event fits" in texts(busy.browser("adam").get("/audit?actor=nobody-of-this-name"))


def test_a_whole_chain_is_said_to_be_whole(web: WebKit) -> None:
    browser = web.browser("adam")
    answer = browser.post("/audit/verify", back="/audit?actor=adam")
    assert (answer.status_code, answer.location) == (303, "/audit?actor=adam")
    assert "The chain is whole:" in texts(browser.get("/audit"))


def test_a_changed_event_is_found_and_named(web: WebKit) -> None:
    note(web, 5)

    def forge(session: object) -> None:
        session.execute(text("DROP TRIGGER event_no_update"))  # type: ignore[attr-defined]
        session.execute(text("UPDATE event SET reason = 'all is well' WHERE seq = 3"))  # type: ignore[attr-defined]

    web.write(forge)
    browser = web.browser("adam")
    browser.post("/audit/verify")
    page = texts(browser.get("/audit"))
    assert "Event 3 was changed after it was written" in page
    assert "2 events before it are right." in page


def test_a_check_that_cannot_be_done_says_why(web: WebKit) -> None:
    from dataclasses import replace

    from gateway.partners.errors import OperationError
    from gateway.web.app import create_app

    def refuse(_name: str, _parameters: object) -> None:
        raise OperationError("The ledger is being restored.", "Try again in a minute.")

    web.app = create_app(replace(web.site, operate=refuse))
    browser = web.browser("adam")
    assert browser.post("/audit/verify").status_code == 303
    assert "The ledger is being restored. Try again in a minute." in texts(browser.get("/audit"))


@pytest.mark.parametrize("name", ["vera", "olga", "saul"])
def test_others_cannot_start_the_check(busy: WebKit, name: str) -> None:
    browser = busy.browser(name)
    answer = browser.client.post("/audit/verify", data={"csrf_token": browser.token("/account")})
    assert answer.status_code == 403


def test_kinds_of_subjects_are_found_by_steps_through_the_index(web: WebKit) -> None:
    note(web, 3)
    note(web, 3, subject="document")
    with web.kit.store.read() as session:
        assert {"document", "partner", "user"} <= set(queries_audit.subject_types(session))
