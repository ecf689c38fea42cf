"""Acknowledgements in the browser: overdue, rejected in words, unmatched, awaited, and what can be done."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from gateway.messages.models import Document, Transmission
from gateway.messages.queries_acknowledgements import acknowledgement_page
from gateway.pipeline.outbound import submit_document
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.store import payloads
from tests.pipeline.test_outbound import body
from tests.web.webkit import WebKit, texts

STATES = ("overdue", "awaited", "rejected", "accepted")
VIEWS = ("overdue", "rejected", "unmatched", "awaited")


@pytest.fixture
def sent(web: WebKit) -> WebKit:
    """Two invoices in each state, and an acknowledgement that fits nothing."""
    now = web.kit.now

    def work(session: Any) -> None:
        body = payloads.put(session, b"ISA*00*", now=now)
        for n, state in enumerate(STATES * 2):
            carrier = Transmission(
                id=f"t{n}",
                direction="out",
                transport="as2",
                partner="harbor",
                payload_sha256=body,
                size=7,
                delivery="confirmed",
                created_at=now,
            )
            answered = state in ("rejected", "accepted")
            document = Document(
                id=f"d{n}",
                direction="out",
                kind="invoice",
                standard="x12-004010",
                set_id="810",
                number=f"INV-{n}",
                partner="harbor",
                processing="posted",
                transmission_id=carrier.id,
                acknowledgement=state,
                received_at=now - timedelta(hours=30 + n),
                acknowledgement_due_at=now + timedelta(hours=n - 6),
                acknowledged_at=now - timedelta(hours=n) if answered else None,
                acknowledgement_detail=["IT104: <wrong> price."] if n == 2 else None,
            )
            session.add(carrier)
            session.flush()
            session.add(document)
            session.flush()
            if state in ("overdue", "rejected"):
                kind = ProblemKind.OVERDUE if state == "overdue" else ProblemKind.REJECTED_BY_PARTNER
                open_problem(session, document, Problem(kind, f"810 {state}.", state), now)
        for n in (0, 1):
            unmatched = Problem(ProblemKind.UNMATCHED, f"Harbor acknowledged the group IN 7{n}.", str(n))
            open_problem(session, session.get_one(Transmission, f"t{n}"), unmatched, now + timedelta(seconds=n))

    web.write(work)
    return web


def test_what_is_overdue_is_shown_first(sent: WebKit) -> None:
    text = texts(sent.browser("vera").get("/acknowledgements"))
    for part in ("Overdue 2", "Rejected 2", "Unmatched 2", "Awaited 2", "INV-0", "INV-4", "6 h ago"):
        assert part in text
    assert "INV-1" not in text
    assert "4 came in 7 days" in text


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("awaited", ["INV-1", "INV-5"]),
        ("rejected", ["INV-2", "INV-6", "It names no reason."]),
        ("unmatched", ["the group IN 70.", "the group IN 71."]),
    ],
)
def test_each_view_shows_its_own(sent: WebKit, view: str, shown: list[str]) -> None:
    text = texts(sent.browser("olga").get(f"/acknowledgements?view={view}"))
    assert all(part in text for part in shown)


def test_what_the_partner_said_is_shown_as_text(sent: WebKit) -> None:
    page = sent.browser("vera").get("/acknowledgements?view=rejected").text
    assert "IT104: &lt;wrong&gt; price." in page


def test_everything_links_to_its_message_and_its_problem(sent: WebKit) -> None:
    page = sent.browser("vera").get("/acknowledgements?view=overdue").text
    assert 'href="/messages/d0"' in page
    assert re.search(r'href="/failures/[0-9a-f-]{36}"', page)


@pytest.mark.parametrize(
    ("query", "shown"),
    [("partner=harbor", True), ("partner=nobody", False), ("kind=invoice", True), ("kind=order", False)],
)
def test_the_address_holds_the_filters(sent: WebKit, query: str, shown: bool) -> None:
    text = texts(sent.browser("vera").get(f"/acknowledgements?view=overdue&{query}"))
    assert ("INV-0" in text) is shown
    assert ("Nothing fits these filters" in text) is not shown


def test_unmatched_ones_of_another_partner_are_left_out(sent: WebKit) -> None:
    page = sent.browser("vera").get("/acknowledgements?view=unmatched&partner=nobody").text
    assert "the group IN 70." not in page


def test_an_unknown_view_and_an_invented_place_are_refused(sent: WebKit) -> None:
    browser = sent.browser("vera")
    assert browser.get("/acknowledgements?view=odd").status_code == 404
    for cursor in ("odd", "WyIyMDI2LTAxLTAxIiwgIngiXQ==", "WzEsIDJd"):
        assert browser.get(f"/acknowledgements?view=overdue&after={cursor}").status_code == 400


@pytest.mark.parametrize("view", VIEWS)
def test_pages_follow_each_other_without_gap_or_repeat(sent: WebKit, view: str) -> None:
    with sent.kit.store.read() as session:
        first = acknowledgement_page(session, view, limit=1)
        second = acknowledgement_page(session, view, limit=1, after=first["next"])
    assert second["next"] is None
    assert first["rows"][0]["id"] != second["rows"][0]["id"]


def test_nothing_sent_yet_says_so_in_every_view(web: WebKit) -> None:
    browser = web.browser("vera")
    titles = ("Nothing is overdue", "Nothing was rejected", "Everything fits", "Nothing is awaited")
    for view, title in zip(VIEWS, titles, strict=True):
        assert title in texts(browser.get(f"/acknowledgements?view={view}"))
    assert "Nothing is awaited" in texts(browser.get("/acknowledgements"))


# -- actions ---------------------------------------------------------------------------------------------------


def test_a_document_is_sent_again_as_a_new_message(sent: WebKit) -> None:
    browser = sent.browser("olga")
    answer = browser.post("/acknowledgements/d0/act", action="resend", back="/acknowledgements?view=overdue")
    assert answer.headers["Location"] == "/acknowledgements?view=overdue"
    assert "The same bytes are sent again" in texts(browser.get("/acknowledgements"))
    assert len(sent.kit.partner.sent) == 1


def test_an_acknowledgement_that_came_otherwise_is_waited_for_no_more(sent: WebKit) -> None:
    browser = sent.browser("olga")
    browser.post("/acknowledgements/d0/act", action="waive", reason="Kim wrote.")
    assert "is not waited for any more" in texts(browser.get("/acknowledgements"))
    assert sent.kit.documents(id="d0")[0].acknowledgement == "not_expected"
    browser.post("/acknowledgements/d0/act", action="waive", reason="Again.")
    assert "not waited for: it is not expected" in texts(browser.get("/acknowledgements"))


def test_viewers_change_nothing_and_see_no_buttons(sent: WebKit) -> None:
    browser = sent.browser("vera")
    assert "Send again" not in browser.get("/acknowledgements").text
    assert browser.post("/acknowledgements/d0/act", action="resend").status_code == 403
    assert not sent.kit.partner.sent


def test_an_unknown_button_and_a_missing_token_are_refused(sent: WebKit) -> None:
    browser = sent.browser("olga")
    assert browser.post("/acknowledgements/d0/act", action="dance").status_code == 400
    assert browser.client.post("/acknowledgements/d0/act", data={"action": "resend"}).status_code == 400


def test_the_first_page_shows_how_long_partners_take_to_acknowledge(web: WebKit) -> None:
    submit_document(web.kit.pipeline, body())
    web.kit.work()
    (sent,) = web.kit.documents(direction="out")
    assert "2026-11-21: nothing acknowledged" in web.browser("vera").get("/").text

    def answer(session: Any) -> None:
        session.get_one(Document, sent.id).acknowledged_at = sent.received_at + timedelta(minutes=40)

    web.write(answer)
    web.kit.pass_time(minutes=2)
    page = web.browser("vera").get("/").text
    assert "2026-11-21: 40 min" in page
    assert page.count(": nothing acknowledged") == 13
