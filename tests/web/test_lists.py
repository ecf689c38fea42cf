"""The message list as a tool: saved views, jumps, page sizes, notes, and one action on many messages."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from gateway.web.batches import MOST_CHOSEN
from tests.pipeline.pipelinekit import FIXTURES
from tests.web.webkit import Browser, WebKit, texts

GOOD = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()


def rows(answer: TestResponse) -> list[str]:
    return re.findall(r'class="through wrap" href="/messages/([^"]+)"', answer.text)


def post(browser: Browser, path: str, **form: object) -> TestResponse:
    return browser.client.post(path, data={"csrf_token": browser.token("/account"), **form}, follow_redirects=True)


@pytest.fixture
def orders(web: WebKit) -> Iterator[WebKit]:
    """Three rejected orders of one cause, and a good one."""
    bad = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()
    for n in range(3):
        fresh = bad.replace(b"000000", b"%06d" % (500 + n), 1)
        web.ids[f"bad{n}"] = web._received(re.sub(rb"HR-\d{6}", b"HR-77%04d" % n, fresh), f"<bad{n}@harbor>")
    web.ids["good"] = web._received(GOOD, "<good@harbor>")
    yield web


# -- looking ---------------------------------------------------------------------------------------------------


def test_a_page_has_as_many_lines_as_asked_for(busy: WebKit) -> None:
    browser = busy.browser("vera")
    assert len(rows(browser.get("/messages?size=25"))) == 25
    assert len(rows(browser.get("/messages?size=7"))) == len(rows(browser.get("/messages")))


def test_a_jump_to_a_time_is_an_address_of_its_own(busy: WebKit) -> None:
    answer = busy.browser("vera").get("/messages?partner=harbor&at=2026-11-17T12:00")
    assert answer.status_code == 302
    assert answer.location.startswith("/messages?partner=harbor&after=")
    page = busy.browser("vera").get(answer.location)
    assert len(rows(page)) > 5
    assert "2026-11-18" not in re.findall(r'datetime="(\d{4}-\d\d-\d\d)', page.text)
    assert "is not a day" in busy.browser("vera").get("/messages?at=noon").text


def test_a_note_stands_on_the_message_and_marks_its_line(orders: WebKit) -> None:
    browser = orders.browser("olga")
    identity = orders.ids["good"]
    page = texts(post(browser, f"/messages/{identity}/act", action="note", reason="Called the buyer."))
    assert "The note was added." in page
    assert "Called the buyer." in page
    listed = browser.get("/messages?note=yes")
    assert rows(listed) == [identity]
    assert 'aria-label="has a note"' in listed.text


# -- saved views -----------------------------------------------------------------------------------------------


def test_a_view_is_saved_found_again_renamed_and_deleted(busy: WebKit) -> None:
    browser = busy.browser("vera")
    page = post(browser, "/messages/views", name="Harbor  held", query="partner=harbor&processing=held&after=x")
    assert "The view is saved." in page.text
    address = re.search(r'<a href="(/messages\?[^"]+)"[^>]*>Harbor held</a>', browser.get("/messages?kind=order").text)
    assert address is not None
    assert address[1] == "/messages?partner=harbor&amp;processing=held"
    here = browser.get("/messages?partner=harbor&processing=held").text
    assert re.search(r'aria-current="page">Harbor held', here)
    own = re.search(r'action="/messages/views/([^"]+)"', here)
    assert own is not None
    assert "new name" in post(browser, f"/messages/views/{own[1]}", action="rename", name="Mine").text
    assert "Mine" in browser.get("/messages").text
    assert "is deleted" in post(browser, f"/messages/views/{own[1]}", action="delete").text
    assert "Mine" not in browser.get("/messages").text


def test_a_view_is_shared_by_those_who_may_and_changed_by_its_owner_alone(web: WebKit) -> None:
    olga, vera = web.browser("olga"), web.browser("vera")
    assert post(vera, "/messages/views", name="x", query="kind=order", shared="yes").status_code == 403
    post(olga, "/messages/views", name="Ours", query="kind=order", shared="yes")
    page = vera.get("/messages?kind=order").text
    assert "Ours" in page
    assert "Change this view" not in page
    own = re.search(r'action="/messages/views/([^"]+)"', olga.get("/messages?kind=order").text)
    assert own is not None
    assert "no such view of yours" in post(vera, f"/messages/views/{own[1]}", action="delete").text
    assert post(vera, f"/messages/views/{own[1]}", action="share").status_code == 403
    assert "Only you see" in post(olga, f"/messages/views/{own[1]}", action="unshare").text
    assert "Ours" not in vera.get("/messages?kind=order").text
    assert "Everybody sees" in post(olga, f"/messages/views/{own[1]}", action="share").text
    assert post(olga, f"/messages/views/{own[1]}", action="paint").status_code == 400


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "", "query": "kind=order"}, "needs a name"),
        ({"name": "x" * 61, "query": "kind=order"}, "needs a name"),
        ({"name": "Nothing", "query": "colour=red"}, "Nothing is filtered"),
        ({"name": "Long", "query": f"q={'x' * 2100}"}, "too long"),
    ],
)
def test_a_view_that_makes_no_sense_is_not_saved(busy: WebKit, form: dict[str, str], said: str) -> None:
    assert said in texts(post(busy.browser("vera"), "/messages/views", **form))


def test_a_person_has_so_many_views_and_no_more(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.messages.views.MOST_VIEWS", 1)
    browser = web.browser("vera")
    post(browser, "/messages/views", name="One", query="kind=order")
    assert "The view is saved" in post(browser, "/messages/views", name="One", query="kind=invoice").text
    assert "delete one first" in post(browser, "/messages/views", name="Two", query="kind=order").text


def test_a_view_cannot_take_the_name_of_another(web: WebKit) -> None:
    browser = web.browser("vera")
    for name in ("One", "Two"):
        post(browser, "/messages/views", name=name, query=f"q={name}")
    own = re.search(r'action="/messages/views/([^"]+)"', browser.get("/messages?q=Two").text)
    assert own is not None
    assert "a view called" in texts(post(browser, f"/messages/views/{own[1]}", action="rename", name="One"))


# -- many at once ----------------------------------------------------------------------------------------------


def test_chosen_messages_are_ignored_after_a_question_each_by_itself(orders: WebKit) -> None:
    browser = orders.browser("olga")
    ids = [orders.ids[name] for name in ("bad0", "bad1", "good")]
    question = post(browser, "/messages/choose", action="ignore", id=ids)
    said = texts(question)
    assert "Ignore 2 messages?" in said
    assert "3 messages were chosen. Ignore fits 2 of them; 1 is left alone" in said
    assert "it is posted" in said
    path = re.search(r'action="(/messages/chosen/[^"]+)"', question.text)
    assert path is not None
    assert "A text is needed" in texts(post(browser, path[1]))
    result = texts(post(browser, path[1], reason="Sent twice."))
    assert "Ignore: 2 done, 1 left alone" in result
    assert texts(post(browser, path[1], reason="Again.")) == result
    assert orders.browser("saul").get(path[1]).status_code in (403, 404)
    adam = orders.browser("adam")
    assert adam.get(path[1]).status_code == 404


def test_all_that_match_are_replayed_up_to_a_limit(orders: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.pages.views.MOST_CHOSEN", 2)
    browser = orders.browser("olga")
    question = post(browser, "/messages/choose", action="replay", scope="all", query="processing=rejected")
    assert "these are the newest 2, and one action takes at most 2" in texts(question)
    path = re.search(r'action="(/messages/chosen/[^"]+)"', question.text)
    assert path is not None
    assert "Replay: 2 done" in texts(post(browser, path[1]))
    assert MOST_CHOSEN == 500


def test_what_somebody_changed_in_the_meantime_is_left_alone(orders: WebKit) -> None:
    olga, adam = orders.browser("olga"), orders.browser("adam")
    ids = [orders.ids["bad0"], orders.ids["bad1"]]
    question = post(olga, "/messages/choose", action="replay", id=ids)
    path = re.search(r'action="(/messages/chosen/[^"]+)"', question.text)
    assert path is not None
    post(adam, f"/messages/{ids[0]}/act", action="note", reason="I ask them first.")
    result = texts(post(olga, path[1]))
    assert "Replay: 1 done, 1 left alone" in result
    assert "adam changed it in the meantime: I ask them first." in result


def test_the_problems_of_chosen_messages_are_taken(orders: WebKit) -> None:
    browser = orders.browser("olga")
    question = post(browser, "/messages/choose", action="assign", id=[orders.ids["bad0"], orders.ids["bad2"]])
    assert "they belong to" in texts(question)
    path = re.search(r'action="(/messages/chosen/[^"]+)"', question.text)
    assert path is not None
    assert "olga took it." in texts(post(browser, path[1]))
    assert orders.ids["bad0"] in rows(browser.get("/messages?assignee=olga"))
    again = post(browser, "/messages/choose", action="assign", id=[orders.ids["bad0"]])
    path = re.search(r'action="(/messages/chosen/[^"]+)"', again.text)
    assert path is not None
    assert "1 refused" in texts(post(browser, path[1]))


def test_a_choice_of_nothing_or_of_no_known_action_leads_nowhere(busy: WebKit) -> None:
    browser = busy.browser("olga")
    assert "No message was chosen" in post(browser, "/messages/choose", action="replay").text
    assert post(browser, "/messages/choose", action="paint", id="x").status_code == 400
    assert "not kept any more" in browser.get("/messages/chosen/none").text
    held = post(browser, "/messages/choose", action="release", id=[busy.ids["good"], busy.ids["noise"], "no-such"])
    assert "Release fits 0 of them" in texts(held)
    resend = post(browser, "/messages/choose", action="resend", id=[busy.ids["good"]])
    assert "it was received" in texts(resend)


def test_a_viewer_cannot_choose(busy: WebKit) -> None:
    browser = busy.browser("vera")
    assert "/messages/choose" not in re.sub(r"<form[^>]*>", "", browser.get("/messages").text)
    assert 'class="tick"' not in browser.get("/messages").text
    assert post(browser, "/messages/choose", action="replay", id=[busy.ids["bad"]]).status_code == 403


# -- the evidence pack -----------------------------------------------------------------------------------------


def test_the_evidence_of_a_message_is_downloaded_and_that_is_noted(orders: WebKit) -> None:
    identity = orders.ids["good"]
    answer = orders.browser("vera").get(f"/messages/{identity}/evidence")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="evidence-{identity}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert {"README.txt", "SHA256SUMS", "timeline.json", "payload.edi", "receipt.eml"} <= set(archive.namelist())
        assert archive.read("payload.edi") == GOOD
    assert "vera downloaded the evidence pack." in texts(orders.browser("vera").get(f"/messages/{identity}"))
    assert orders.browser("vera").get("/messages/none/evidence").status_code == 404


def test_our_acknowledgement_is_sent_again_by_its_button(orders: WebKit) -> None:
    identity, before = orders.ids["good"], len(orders.kit.partner.sent)
    page = texts(post(orders.browser("olga"), f"/messages/{identity}/act", action="reacknowledge"))
    assert "Our acknowledgement is sent again, byte for byte." in page
    assert len(orders.kit.partner.sent) == before + 1
