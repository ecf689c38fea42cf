"""A message whose content retention removed: every page, download and answer says so in one sentence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gateway.messages import orderclocks
from gateway.messages.models import CaseFile, Document
from gateway.messages.ordermodels import PurchaseOrder
from gateway.pipeline.retention import RetentionSweep
from gateway.store import payloads
from gateway.store.payloads import Payload
from gateway.store.removal import remove
from tests.web.api.apikit import program
from tests.web.webkit import WebKit, texts

RULE = "keep.raw_days = 30 of profile version"


@pytest.fixture
def cleared(web: WebKit) -> Iterator[WebKit]:
    """Messages whose raw content and receipts were removed; their documents of ours are kept."""
    kit = web.kit
    web.add_messages()
    kit.befriend(keep={"raw_days": 30, "evidence_days": 30})

    def finish(session: Any) -> None:
        for order in session.scalars(select(PurchaseOrder)):
            order.closed_at, order.is_open, order.stale = kit.now, False, False
            orderclocks.end(session, order.id, "closed", kit.now)
        for case in session.scalars(select(CaseFile)):
            case.review, case.closed_at = "ignored", kit.now

    web.write(finish)
    kit.pass_time(days=31)
    assert RetentionSweep(kit.pipeline).beat() > 0
    yield web


def test_the_page_of_a_message_says_when_and_by_which_rule(cleared: WebKit) -> None:
    for view in ("", "hex"):
        answer = cleared.browser("vera").get(f"/messages/{cleared.ids['good']}?view={view}")
        page = texts(answer)
        assert answer.status_code == 200
        assert "The content is not kept any more" in page and RULE in page
        assert "Facts, history and digests stay." in page and "to send it again" in page
        assert "Our document" in page and "Download" not in page
        assert "content-removed" in answer.text or "was removed by the rule" in page
    other = cleared.browser("vera").get(f"/messages/{cleared.ids['good']}?view=canonical")
    assert "HR-450017" in other.text and "is not kept any more" not in texts(other)


def test_a_download_of_removed_content_is_gone_and_not_a_fault(cleared: WebKit) -> None:
    answer = cleared.browser("vera").get(f"/messages/{cleared.ids['good']}/payload")
    assert answer.status_code == 410
    page = texts(answer)
    assert "The content was removed on" in page and RULE in page and "error id" not in page
    assert cleared.browser("vera").get(f"/messages/{cleared.ids['good']}/payload?form=canonical").status_code == 200


def test_replaying_and_editing_what_is_gone_is_refused_in_a_sentence(cleared: WebKit) -> None:
    browser = cleared.browser("olga")
    answer = browser.post(f"/messages/{cleared.ids['bad']}/act", action="replay", reason="")
    assert "The content was removed on" in texts(browser.get(answer.location))
    opened = browser.get(f"/edit/{cleared.ids['bad']}")
    assert opened.status_code == 303
    assert "The content was removed on" in texts(browser.get(opened.location))


def test_the_evidence_pack_has_a_note_in_the_place_of_what_is_gone(cleared: WebKit) -> None:
    answer = cleared.browser("vera").get(f"/messages/{cleared.ids['good']}/evidence")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        names = set(archive.namelist())
        assert {"payload.edi.removed.txt", "wire.bin.removed.txt", "document.json"} <= names
        assert RULE in archive.read("payload.edi.removed.txt").decode()
        assert "*.removed.txt" in archive.read("README.txt").decode()


def test_the_api_answers_410_with_the_rule(cleared: WebKit) -> None:
    asks = program(cleared, "olga")
    answer = asks.get(f"/messages/{cleared.ids['good']}/payload")
    assert (answer.status_code, answer.json["type"]) == (410, "urn:edi-gateway:problem:content-removed")
    assert RULE in answer.json["detail"] and "send it again" in answer.json["fix"]
    replayed = asks.post(f"/messages/{cleared.ids['bad']}/replay")
    assert (replayed.status_code, replayed.json["type"]) == (410, "urn:edi-gateway:problem:content-removed")
    # Every message of these tests got the same receipt, and one of them is held: its bytes stay.
    content = asks.get(f"/messages/{cleared.ids['good']}").json["content"]
    assert {each["form"]: each["removed_at"] is None for each in content} == {
        "canonical": True,
        "payload": False,
        "wire": False,
        "receipt": True,
    }


def test_an_order_whose_documents_are_gone_still_has_its_page(cleared: WebKit) -> None:
    def clear(session: Any) -> None:
        for digest in session.scalars(select(Document.canonical_sha256).where(Document.canonical_sha256.is_not(None))):
            remove(session, digest, at=cleared.kit.now, rule="keep.document_days = 1 of profile version 9 of harbor")

    cleared.write(clear)
    with cleared.kit.store.read() as session:
        order = session.scalars(select(PurchaseOrder.id).where(PurchaseOrder.number == "HR-450017")).one()
        shipped = session.scalars(select(Document.id).where(Document.canonical_sha256.is_not(None))).first()
    answer = cleared.browser("vera").get(f"/orders/{order}")
    assert answer.status_code == 200
    assert "is not kept any more" in texts(answer)
    paper = cleared.browser("vera").get(f"/orders/{order}/paper?document={shipped}")
    assert paper.status_code in (200, 404)
    asks = program(cleared, "olga").get(f"/documents/{cleared.ids['good']}")
    assert asks.status_code == 410


def test_damage_is_still_an_alarm(cleared: WebKit) -> None:
    """Removal by rule is told apart from bytes that were lost."""
    digest = cleared.write(lambda session: payloads.put(session, b"x"))

    def lose(session: Any) -> None:
        session.get_one(Payload, digest).body = b"y"
        session.get_one(Document, cleared.ids["good"]).canonical_sha256 = digest

    cleared.write(lose)
    page = texts(cleared.browser("vera").get(f"/messages/{cleared.ids['good']}?view=canonical"))
    assert "The bytes are not there" in page and "Restore this payload from a backup" in page
