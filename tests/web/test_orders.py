"""The pages of orders: list, timeline and matrix, papers, the next document, decisions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.pipeline.ordering_sweep import sweep_late_documents, sweep_orders
from tests.web.test_injection import STRINGS, unharmed
from tests.web.webkit import Browser, WebKit, texts

FOLLOWED = {
    "received": {"850": {"follow_up": [{"set": "855", "hours": 24}, {"set": "856", "hours": 72}]}},
    "sent": {"856": {"follow_up": [{"set": "810", "hours": 24}]}},
}
NUMBER = "HR-450020"


@pytest.fixture
def order(web: WebKit) -> str:
    """A received order for 500 bowls and 80 beds, by a partner that wants its answers in time; the order's id."""
    web.kit.befriend(documents=FOLLOWED)
    web.kit.receive_file("demo/004010/850-04-backorder.edi")
    (found,) = web.operate("order.list", {})["orders"]
    return str(found["id"])


def fill(page: str, **typed: str) -> dict[str, str]:
    """What a browser sends of the form of a page: its values, with some typed over."""
    form = page[page.index('<form class="stack"') :]
    values = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    values.pop("csrf_token", None)
    for select, inner in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', inner)
        values[select] = chosen[1] if chosen else ""
    return {**values, **typed}


def send(browser: Browser, order: str, kind: str, **typed: str) -> Any:
    path = f"/orders/{order}/{kind}"
    return browser.post(path, **fill(browser.get(path).text, **{"do": "send", **typed}))


def test_an_empty_list_says_in_words_that_there_are_no_orders(web: WebKit) -> None:
    assert "No orders yet" in texts(web.browser("vera").get("/orders"))


def test_the_list_shows_how_far_each_document_of_an_order_came(web: WebKit, order: str) -> None:
    text = texts(web.browser("vera").get("/orders"))
    assert NUMBER in text and "Pending" in text and "4,210.00" in text
    assert "Order done" in text and "Order acknowledgment due" in text and "Invoice not yet" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("which=open", True),
        ("which=late", False),
        ("which=mismatch", False),
        ("role=sell", True),
        ("role=buy", False),
        ("number=HR-4500", True),
        ("number=XX", False),
        ("partner=harbor", True),
        ("partner=nobody", False),
        ("test=yes", True),
        ("test=no", False),
        ("number=%00&role=x&which=y", True),
    ],
)
def test_a_filter_narrows_the_list(web: WebKit, order: str, query: str, found: bool) -> None:
    text = texts(web.browser("vera").get(f"/orders?{query}"))
    assert (NUMBER in text) == found
    assert found or "No orders match 1 order is open in all." in text


def test_a_place_that_was_not_given_out_is_refused(web: WebKit) -> None:
    assert web.browser("vera").get("/orders?after=nonsense").status_code == 400


def test_an_order_is_acknowledged_shipped_and_invoiced_from_its_page(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    page = olga.get(f"/orders/{order}")
    assert "Order HR-450020 from Harbor Retail" in texts(page) and "is due in 1 d" in texts(page)

    answer = send(olga, order, "order_acknowledgment", **{"quantity-0": "300", "rest-0": "backordered"})
    assert answer.status_code == 303
    assert "Acknowledgment HR-450020 is on its way." in texts(olga.get(f"/orders/{order}"))
    assert send(olga, order, "ship_notice", **{"quantity-0": "200", "carrier": "UPSN"}).status_code == 303
    assert send(olga, order, "invoice", freight="12.50").status_code == 303
    sweep_orders(web.kit.pipeline)

    text = texts(olga.get(f"/orders/{order}"))
    assert "300 accepted" in text and "200 backordered" in text and "300 to ship" in text
    assert "Invoiced" in text and "In time" in text
    sent = [each["ST"][0][0] for each in web.kit.answers() if "BAK" in each or "BSN" in each or "BIG" in each]
    assert sent == ["855", "856", "810"]
    (ours,) = web.kit.documents(kind="invoice")
    assert {stage["actor"] for stage in web.kit.detail(ours.id)["stages"]} >= {"olga"}


def test_what_is_wrong_is_told_at_its_field_and_nothing_is_sent(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    answer = send(olga, order, "order_acknowledgment", **{"quantity-0": "300", "quantity-1": "many"})
    text = texts(answer)
    assert answer.status_code == 422
    assert "Say what becomes of the other 200 EA." in text and "&#34;many&#34; is not a number" in answer.text
    assert 'name="quantity-1" value="many"' in answer.text
    answer = send(olga, order, "ship_notice", number="")
    assert answer.status_code == 422 and "A number is needed." in texts(answer)


def test_reasons_of_the_outbound_checks_stand_at_their_fields(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    answer = send(olga, order, "ship_notice", carrier="X")
    assert answer.status_code == 422
    assert re.search(r'name="carrier"[^>]*aria-invalid="true"', answer.text), texts(answer)
    answer = send(olga, order, "invoice", number="Ünlesbar")
    assert answer.status_code == 422 and "Ünlesbar" in answer.text


def test_a_check_tells_the_total_and_sends_nothing(web: WebKit, order: str) -> None:
    olga, before = web.browser("olga"), len(web.kit.partner.sent)
    answer = send(olga, order, "invoice", do="check")
    assert answer.status_code == 200 and "It is right and can be sent. Its total is 4210.00." in texts(answer)
    assert len(web.kit.partner.sent) == before


def test_a_form_that_was_opened_before_something_else_was_sent_is_shown_again(web: WebKit, order: str) -> None:
    olga, paul = web.browser("olga"), web.browser("adam")
    path = f"/orders/{order}/ship_notice"
    typed = fill(olga.get(path).text, do="send")
    web.kit.pass_time(minutes=1)
    assert send(paul, order, "ship_notice", **{"quantity-0": "100"}).status_code == 303
    answer = olga.post(path, **typed)
    assert answer.status_code == 200 and "came or went since you opened this form" in texts(answer)
    assert len([each for each in web.kit.answers() if "BSN" in each]) == 1


def test_the_same_document_twice_is_sent_once(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    path = f"/orders/{order}/order_acknowledgment"
    typed = fill(olga.get(path).text, do="send")
    assert olga.post(path, **typed).status_code == 303
    typed["seen"] = fill(olga.get(path).text)["seen"]
    assert olga.post(path, **typed).status_code == 303
    assert "nothing was sent again" in texts(olga.get(f"/orders/{order}"))
    assert len([each for each in web.kit.answers() if "BAK" in each]) == 1


def test_an_order_is_closed_and_opened_again_with_a_reason(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    olga.post(f"/orders/{order}/act", action="close", reason=" ")
    assert "A reason is needed" in texts(olga.get(f"/orders/{order}"))
    olga.post(f"/orders/{order}/act", action="close", reason="Agreed by telephone")
    text = texts(olga.get(f"/orders/{order}"))
    assert "olga closed it: Agreed by telephone" in text and "Order closed" in text
    assert 'href="/orders/' + order + '/invoice"' not in olga.get(f"/orders/{order}").text
    olga.post(f"/orders/{order}/act", action="reopen", reason="They want it after all")
    assert "is open again" in texts(olga.get(f"/orders/{order}"))
    assert olga.post(f"/orders/{order}/act", action="burn").status_code == 400


def test_a_late_document_is_a_case_and_skipping_the_step_closes_it(web: WebKit, order: str) -> None:
    web.kit.pass_time(hours=25)
    sweep_late_documents(web.kit.pipeline)
    olga = web.browser("olga")
    home = texts(olga.get("/"))
    assert "order acknowledgment (855)" in home and NUMBER in home
    assert "was due" in texts(olga.get(f"/orders/{order}"))
    olga.post(f"/orders/{order}/act", action="skip", kind="order_acknowledgment", reason="They take none")
    assert "No order acknowledgment is expected" in texts(olga.get(f"/orders/{order}"))
    assert web.kit.case().review == "resolved"


def test_papers_show_the_order_and_a_packing_slip(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    text = texts(olga.get(f"/orders/{order}/paper"))
    assert "Purchase order HR-450020" in text and "Steel water bowl, 1 qt" in text and "4,210.00" in text
    send(olga, order, "ship_notice", **{"quantity-0": "200", "package-0": "006141410000000012", "tracking": "1Z9"})
    (slip,) = re.findall(rf'href="(/orders/{order}/paper\?document=[^"]+)"', olga.get(f"/orders/{order}").text)
    text = texts(olga.get(slip))
    assert "Packing slip SH-HR-450020" in text and "200" in text and "300" in text and "1Z9" in text
    assert olga.get(f"/orders/{order}/paper?document=nothing").status_code == 404


@pytest.mark.parametrize("path", ["/orders/nothing", "/orders/nothing/paper", "/orders/nothing/invoice", "/orders/x/y"])
def test_what_is_not_there_is_said(web: WebKit, path: str) -> None:
    assert web.browser("olga").get(path).status_code == 404


@pytest.mark.slow
def test_hostile_text_in_filters_fields_and_reasons_stays_text(web: WebKit, order: str) -> None:
    olga = web.browser("olga")
    path, act = f"/orders/{order}/ship_notice", f"/orders/{order}/act"
    token = olga.token(path)
    typed = {**fill(olga.get(path).text), "csrf_token": token}
    names = ("number", "carrier", "tracking", "bill_of_lading", "packages", "quantity-0", "package-1", "seen", "do")
    for text in STRINGS[::9]:
        query = dict.fromkeys(("number", "partner", "role", "which", "test"), text)
        answers = [
            olga.client.get("/orders", query_string=query),
            olga.client.post(path, data={**typed, **dict.fromkeys(names, text)}),
            olga.client.post(path, data={**typed, "do": "check", "tracking": text, "bill_of_lading": text}),
            olga.client.get(f"/orders/{order}/paper", query_string={"document": text}),
        ]
        for answer in answers:
            assert answer.status_code < 500, text
            unharmed(answer.text)
        for action in ("close", "reopen"):
            olga.client.post(act, data={"csrf_token": token, "action": action, "reason": text, "kind": text})
    unharmed(olga.get(f"/orders/{order}").text)


def test_a_viewer_may_look_but_not_act(web: WebKit, order: str) -> None:
    vera = web.browser("vera")
    page = vera.get(f"/orders/{order}").text
    assert "Acknowledge</a>" not in page and "why-close" not in page
    assert vera.get(f"/orders/{order}/invoice").status_code == 403
    assert vera.client.post(f"/orders/{order}/act", data={"csrf_token": vera.token("/orders")}).status_code == 403


def test_a_message_links_to_its_order(web: WebKit, order: str) -> None:
    (document,) = web.kit.documents(kind="order")
    assert f'href="/orders/{order}"' in web.browser("vera").get(f"/messages/{document.id}").text
