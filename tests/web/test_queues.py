"""Queues: what waits for each partner and why, and the background work."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from gateway.messages import queries_queues
from gateway.messages.models import Job, Transmission
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.store.ledger import Event
from gateway.web.pages.queues import queue_state
from tests.pipeline.pipelinekit import FIXTURES
from tests.web.webkit import ROLES, WebKit, texts

ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()


def receive(web: WebKit, number: int) -> str:
    """An order, whose 997 is then to be sent."""
    body = ORDER.replace(b"0000", b"%04d" % number, 1).replace(b"HR-450017", b"HR-47%04d" % number)
    transmission = web.kit.receive(body, message_id=f"<{number}@harbor>")
    web.kit.work()
    return transmission


def stall(web: WebKit, messages: int = 3) -> None:
    """The first delivery fails, and holds up those after it."""
    web.kit.partner.outcomes.append(DeliveryOutcome(Outcome.RETRY, "The server of the partner did not answer.", 0))
    for number in range(messages):
        receive(web, 9000 + number)


def add_job(web: WebKit, **values: object) -> None:
    web.write(lambda session: session.add(Job(created_at=web.kit.now, **values)))


@pytest.mark.parametrize("name", ROLES)
def test_everybody_may_see_the_queues(busy: WebKit, name: str) -> None:
    page = texts(busy.browser(name).get("/queues"))
    assert "All queues are empty" in page
    assert "Nothing to do" in page


def test_a_queue_shows_its_depth_age_next_try_and_the_message_that_holds_it_up(web: WebKit) -> None:
    stall(web)
    page = texts(web.browser("vera").get("/queues"))
    assert "Retrying Harbor Retail 3 messages" in page
    assert "997-900000101-000000001.edi 1 try The server of the partner did not answer." in page
    assert "3 to be sent 1 being retried 0 given up" in page
    with web.kit.store.read() as session:
        queue = queries_queues.delivery_queues(session)[0]
    assert queue["next_attempt_at"] is not None
    assert (queue["queued"], queue["retrying"], queue["sending"]) == (2, 1, 0)


def test_a_try_whose_time_has_come_is_due_now(web: WebKit) -> None:
    stall(web, 1)
    browser = web.browser("vera")
    assert "due now" not in texts(browser.get("/queues"))
    web.kit.pass_time(minutes=20)
    assert "due now" in texts(browser.get("/queues"))


def test_the_head_links_to_its_message_the_row_to_its_queue_and_that_to_the_partner(web: WebKit) -> None:
    stall(web, 1)
    with web.kit.store.read() as session:
        head = queries_queues.delivery_queues(session)[0]["head"]
    page = web.browser("vera").get("/queues").text
    assert f'href="/messages/{head["id"]}"' in page
    assert 'href="/queues?partner=harbor"' in page
    assert 'href="/partners/harbor"' in web.browser("vera").get("/queues?partner=harbor").text


def test_a_queue_of_a_paused_partner_says_so(web: WebKit) -> None:
    stall(web)
    web.kit.befriend(status="paused")
    assert "Stopped, partner paused" in texts(web.browser("vera").get("/queues"))


def test_what_was_given_up_stays_in_sight(web: WebKit) -> None:
    stall(web, 1)
    web.write(lambda session: session.execute(update(Transmission).values(delivery="failed")))
    page = web.browser("vera").get("/queues")
    assert "Given up Harbor Retail 0 messages 1 given up" in texts(page)
    assert "/messages?partner=harbor&amp;delivery=failed" in page.text


def test_the_address_narrows_to_one_partner(web: WebKit) -> None:
    stall(web)
    browser = web.browser("vera")
    assert "Queue of Harbor Retail" in texts(browser.get("/queues?partner=harbor"))
    assert "All queues are empty" in texts(browser.get("/queues?partner=nobody"))


def test_a_delivery_without_a_partner_in_the_list_is_named_by_its_code(web: WebKit) -> None:
    stall(web, 1)
    web.write(lambda session: session.execute(update(Transmission).values(partner="gone")))
    assert "Retrying gone 1 message" in texts(web.browser("vera").get("/queues"))


def test_jobs_are_counted_by_kind_and_failed_ones_say_why(web: WebKit) -> None:
    transmission = receive(web, 9100)
    add_job(web, task="process", key=transmission, status="failed", attempts=5, last_error="The set has no ST.")
    add_job(web, task="drain", key="harbor", status="failed", attempts=1)
    add_job(web, task="drain", key="harbor", status="ready")
    add_job(web, task="post", key="x", status="running")
    answer = web.browser("vera").get("/queues")
    page = texts(answer)
    assert "Send what waits for a partner 1 waiting 1 failed" in page
    assert "Hand a document to the back office 1 running" in page
    assert "The set has no ST." in page
    assert f'href="/messages/{transmission}"' in answer.text
    assert "Partner harbor" in page


@pytest.mark.parametrize(
    ("queue", "status", "word"),
    [
        ({"depth": 1, "retrying": 0, "failed": 0, "sending": 0}, "live", "Waiting"),
        ({"depth": 1, "retrying": 0, "failed": 0, "sending": 1}, "live", "Sending"),
        ({"depth": 1, "retrying": 1, "failed": 1, "sending": 0}, "live", "Retrying"),
        ({"depth": 0, "retrying": 0, "failed": 1, "sending": 0}, "paused", "Given up"),
        ({"depth": 1, "retrying": 1, "failed": 0, "sending": 0}, "retired", "Stopped, partner retired"),
        ({"depth": 1, "retrying": 0, "failed": 0, "sending": 0}, None, "Waiting"),
    ],
)
def test_a_queue_has_one_state(queue: dict[str, int], status: str | None, word: str) -> None:
    assert queue_state(queue, status)[0] == word


def test_an_operator_has_a_queue_tried_at_once(web: WebKit) -> None:
    stall(web)
    assert len(web.kit.partner.sent) == 1
    olga = web.browser("olga")
    assert "Try all now" in texts(olga.get("/queues?partner=harbor"))
    olga.post("/queues/try", partner="harbor")
    page = texts(olga.get("/queues?partner=harbor"))
    assert "3 messages are tried now." in page
    assert len(web.kit.partner.sent) == 4
    with web.kit.store.read() as session:
        events = list(session.scalars(select(Event).where(Event.kind == "brought-forward")))
    assert [event.actor for event in events] == ["olga"]
    olga.post("/queues/try", partner="harbor")
    assert "Nothing waits to be sent to Harbor Retail." in texts(olga.get("/queues?partner=harbor"))


def test_an_admin_pauses_a_partner_with_a_reason_and_ends_the_pause(web: WebKit) -> None:
    adam = web.browser("adam")
    adam.post("/queues/stop", partner="harbor", change="pause", reason=" ")
    assert "A reason is needed" in texts(adam.get("/queues?partner=harbor"))
    adam.post("/queues/stop", partner="harbor", change="pause", reason="Their warehouse moves.")
    assert "nothing is sent to it, and what it sends is held" in texts(adam.get("/queues?partner=harbor"))
    receive(web, 9100)
    assert web.kit.documents() == []
    assert [case.fault for case in web.kit.cases()] == ["partner_status"]
    adam.post("/queues/try", partner="harbor")
    assert "Harbor Retail is paused: nothing is sent." in texts(adam.get("/queues?partner=harbor"))
    adam.post("/queues/stop", partner="harbor", change="resume")
    assert "The pause is over." in texts(adam.get("/queues?partner=harbor"))
    versions = web.operate("partner.history", {"name": "harbor"})["versions"]
    assert [(one["author"], one["reason"]) for one in versions[:2]] == [
        ("adam", "The pause is over."),
        ("adam", "Their warehouse moves."),
    ]
    assert web.operate("partner.show", {"name": "harbor"})["status"] == "live"


def test_what_cannot_be_paused_says_why(web: WebKit) -> None:
    adam = web.browser("adam")
    adam.post("/queues/stop", partner="harbor", change="resume")
    assert "Harbor Retail is not paused: it is live." in texts(adam.get("/queues"))
    assert adam.post("/queues/stop", partner="harbor", change="retire").status_code == 400


@pytest.mark.parametrize("path", ["/queues/try", "/queues/stop"])
def test_a_viewer_changes_nothing_of_a_queue(web: WebKit, path: str) -> None:
    assert web.browser("vera").post(path, partner="harbor", change="pause", reason="x").status_code == 403
