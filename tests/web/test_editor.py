"""The editor's pages: fields with their rules, checks beside them, copies that are sent once, and no lost text."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from markupsafe import escape

from gateway.messages.corrections import SecondPerson
from tests.web.test_injection import STRINGS, unharmed
from tests.web.webkit import FIXTURES, Browser, WebKit, texts

BAD = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()


def rejected(web: WebKit) -> str:
    identity = web.kit.receive(BAD, message_id="<bad@harbor>")
    web.kit.work()
    return web.kit.documents(transmission_id=identity)[0].id


class Form:
    """The editor's form as a browser holds it."""

    def __init__(self, browser: Browser, identity: str, query: str = "") -> None:
        self.browser, self.path = browser, f"/edit/{identity}"
        self.take(browser.get(self.path + query))

    def take(self, answer: Any) -> Form:
        self.answer = answer
        self.values = {
            name: unescape(value)
            for name, value in re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', answer.text)
            if name not in ("q", "acknowledge")
        }
        for name, value in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', answer.text):
            self.values[name] = unescape(value)
        return self

    @property
    def text(self) -> str:
        return unescape(texts(self.answer))

    def press(self, do: str, **changes: str) -> Form:
        data = {**self.values, **{name.replace("_", "-"): value for name, value in changes.items()}, "do": do}
        return self.take(self.browser.client.post(self.path, data=data, content_type="multipart/form-data"))


@pytest.fixture
def form(web: WebKit) -> Form:
    return Form(web.browser("olga"), rejected(web))


def test_every_element_has_its_name_its_rule_and_its_finding(form: Form) -> None:
    assert form.answer.status_code == 200
    assert "Unit or Basis for Measurement Code" in form.text
    assert "code, 2 characters" in form.text
    assert re.search(r'name="v-6-3-1-1" value="XX"[^>]*aria-invalid="true"', form.answer.text)
    assert re.search(r'data-slot="v-6-3-1-1"><p class="bad', form.answer.text)
    assert "Nothing is changed yet" in form.text
    unharmed(form.answer.text)


def test_a_wrong_code_and_date_are_corrected_field_by_field_and_sent(web: WebKit, form: Form) -> None:
    form.press("check", v_6_3_1_1="EA")
    assert "Not right yet" in form.text and "PO103 (segment 7) XX → EA" in form.text
    form.press("check", v_3_2_1_1="20260930")
    assert "Would be posted" in form.text and "as order HR-460024" in form.text
    assert form.values["v-6-3-1-1"] == "EA"
    form.press("send")
    assert form.answer.status_code == 409 and "A reason is needed" in form.text
    sent = form.browser.client.post(
        form.path, data={**form.values, "reason": "EA by telephone", "do": "send"}, content_type="multipart/form-data"
    )
    assert sent.status_code == 303
    page = form.browser.client.get(sent.location)
    assert "The corrected copy is being read" in texts(page)
    (copy,) = [each for each in web.kit.documents(processing="posted") if each.parent_id]
    for identity, word in ((copy.id, "A corrected copy"), (copy.parent_id, ": EA by telephone 2 changes.")):
        about = form.browser.get(f"/messages/{identity}")
        assert word in texts(about) and "DTM02 (segment 4) 20260931 → 20260930" in texts(about)
    assert len(web.kit.posted()) == 1
    again = form.browser.get(form.path)
    assert again.status_code == 303 and again.location.startswith("/messages/")


def test_text_and_fields_hold_the_same_copy(form: Form) -> None:
    form.press("mode:raw", v_6_3_1_1="EA")
    assert "PO1*1*24*EA*6.75" in form.values["content"] and not any(n.startswith("v-") for n in form.values)
    form.press("mode:fields", content=form.values["content"].replace("20260931", "20260930"))
    assert form.values["v-3-2-1-1"] == "20260930" and "Would be posted" in form.text


def test_a_separator_in_a_value_is_refused_by_name_and_stays_in_its_field(form: Form) -> None:
    form.press("check", v_6_1_1_1="1*2")
    assert 'PO101 (segment 7) holds "*", a separator of this message' in form.text
    assert form.values["v-6-1-1-1"] == "1*2" and "PO1*1*24*XX" in form.values["content"]
    form.press("send", reason="Why not")
    assert form.answer.status_code == 200 and "holds" in form.text


def test_segments_are_added_repeated_and_removed_and_the_count_follows(form: Form) -> None:
    form.press("add:2")
    chooser = form.answer.text.partition('<select id="tag-2"')[2].partition("</select>")[0]
    choices = re.findall(r'<option value="([A-Z0-9]+)">', chooser)
    assert "DTM" in choices and "ST" not in choices
    form.press("insert:2", tag_2="FOB")
    assert "FOB" in form.values["content"] and "SE*11*0521" in form.values["content"]
    assert "v-3-1-1-1" in form.values
    form.press("remove:3")
    assert "FOB" not in form.values["content"] and "SE*10*0521" in form.values["content"]
    form.press("repeat:6")
    assert form.values["content"].count("PO1*1*24") == 2 and "SE*11*" in form.values["content"]
    form.press("open:6")
    assert "v-6-14-1-1" in form.values
    form.press("only:1")
    assert "v-6-3-1-1" in form.values and "v-2-1-1-1" not in form.values


def test_the_script_gets_the_part_that_it_exchanges(form: Form) -> None:
    data = {**form.values, "v-6-3-1-1": "EA", "v-3-2-1-1": "20260930"}
    answer = form.browser.client.post(form.path + "/check", data=data, content_type="multipart/form-data")
    assert answer.status_code == 200 and "Would be posted" in answer.text and "<html" not in answer.text
    data["v-6-3-1-1"] = "??"
    answer = form.browser.client.post(form.path + "/check", data=data, content_type="multipart/form-data")
    assert 'data-for="v-6-3-1-1"' in answer.text


def test_who_is_logged_out_while_editing_sees_what_was_typed(web: WebKit, form: Form) -> None:
    web.kit.pass_time(hours=13)
    form.press("check", v_6_3_1_1="EA")
    assert form.answer.status_code == 401
    assert "Your session ended" in form.text and "PO1*1*24*EA*6.75" in form.answer.text
    unharmed(form.answer.text)


def test_somebody_who_was_faster_is_named_and_the_text_is_kept(web: WebKit, form: Form) -> None:
    other = Form(web.browser("root"), form.path.rpartition("/")[2])
    other.press("send", v_6_3_1_1="EA", v_3_2_1_1="20260930", reason="First")
    form.press("send", v_6_3_1_1="CA", v_3_2_1_1="20260930", reason="Second")
    assert form.answer.status_code == 409 and "is posted already" in form.text
    assert "PO1*1*24*CA" in form.answer.text and len(web.kit.posted()) == 1


def test_viewers_may_not_edit_and_every_opening_is_in_the_ledger(web: WebKit) -> None:
    identity = rejected(web)
    assert web.browser("vera").get(f"/edit/{identity}").status_code == 403
    Form(web.browser("olga"), identity)
    events = [event["reason"] for event in web.kit.detail(identity)["stages"]]
    assert "olga opened the content in the editor." in events


def test_bytes_that_cannot_be_read_have_a_text_and_a_file_may_take_its_place(web: WebKit) -> None:
    broken = BAD.replace(b"ISA*00*", b"ISA#00*", 1).replace(b"*XX*", b"*EA*").replace(b"0931", b"0930")
    identity = web.kit.receive(broken, message_id="<broken@harbor>")
    web.kit.work()
    form = Form(web.browser("olga"), identity)
    assert "Nobody answered it yet" not in form.text and "acknowledge" not in form.answer.text.replace(
        "acknowledgement", ""
    )
    whole = form.browser.get(form.path + "/text")
    assert whole.data == broken.replace(b"\r\n", b"\n")
    from io import BytesIO

    right = BytesIO(whole.data.replace(b"ISA#00*", b"ISA*00*"))
    data = {**form.values, "do": "check", "file": (right, "fixed.edi")}
    form.take(form.browser.client.post(form.path, data=data, content_type="multipart/form-data"))
    assert "Would be posted" in form.text and "Nobody answered it yet" in form.text
    form.press("send", reason="A broken line")
    assert form.answer.status_code == 303 and len(web.kit.posted()) == 1


def test_xml_has_a_field_for_each_value(web: WebKit) -> None:
    web.kit.befriend(xml={"standard": "ubl-2.1"})
    order = (FIXTURES / "xml" / "ubl" / "Order" / "order-with-allowances.xml").read_bytes()
    web.kit.receive(order.replace(b"IssueDate>2", b"IssueDate>x2", 1), message_id="<x@harbor>")
    web.kit.work()
    form = Form(web.browser("olga"), web.kit.documents(direction="in")[0].id)
    wrong = next(name for name, value in form.values.items() if value.startswith("x2"))
    assert re.search(rf'data-slot="{wrong}"><p class="bad', form.answer.text), form.answer.text[:3000]
    form.press("check", **{wrong.replace("-", "_"): form.values[wrong][1:]})
    assert "Would be posted" in form.text and "/Order/cbc:IssueDate" in form.text
    lines = form.values["content"].count("<cac:OrderLine>")
    number = re.search(r'value="repeat:(\d+)" title="Repeat this OrderLine"', form.answer.text)
    assert number is not None
    form.press(f"repeat:{number[1]}")
    assert form.values["content"].count("<cac:OrderLine>") == lines + 1
    form.press(f"remove:{number[1]}")
    assert form.values["content"].count("<cac:OrderLine>") == lines
    assert form.values["content"].startswith("<?xml")
    form.press("mode:raw")
    form.press("mode:fields", content="<Order><broken")
    assert "Its fields come back once it can be read" in form.text


def test_a_document_of_ours_has_a_field_for_each_value(web: WebKit) -> None:
    from gateway.pipeline.outbound import submit_document
    from tests.pipeline.test_acknowledgements import answered
    from tests.pipeline.test_outbound import body

    done = submit_document(web.kit.pipeline, body())
    web.kit.work()
    answered(web.kit, "AK2*810*0001~", "AK5*R*5~", "AK9*R*1*1*0~")
    form = Form(web.browser("olga"), done.document_id)
    unit = next(name for name, value in form.values.items() if value == "EA")
    quantity = next(name for name, value in form.values.items() if value == "12")
    form.press("check", **{unit.replace("-", "_"): "CA", quantity.replace("-", "_"): "twelve"})
    assert re.search(rf'data-slot="{quantity}"><p class="bad', form.answer.text)
    form.press("check", **{quantity.replace("-", "_"): "12"})
    assert "Would be sent" in form.text and "lines[0].unit EA → CA" in form.text
    form.press("send", reason="They count cases")
    (copy,) = web.kit.documents(parent_id=done.document_id)
    assert form.answer.status_code == 303 and form.answer.location == f"/messages/{copy.id}"
    assert "A corrected copy" in texts(form.browser.get(f"/messages/{copy.id}"))
    original = form.browser.get(f"/messages/{done.document_id}")
    assert f'href="/messages/{copy.id}">The copy' in original.text and "They count cases" in original.text


@pytest.mark.volume
def test_an_order_of_five_thousand_lines_opens_page_by_page(web: WebKit) -> None:
    line = b"PO1*%d*24*EA*6.75**IN*HR-20441*VN*AS-1101*UP*614141022014~\n"
    start, end = BAD.index(b"PO1*1"), BAD.index(b"CTT*2")
    lines = b"".join(line % (n + 1) for n in range(5_000))
    data = BAD[:start] + lines.replace(b"PO1*4000*24*EA", b"PO1*4000*24*XX") + BAD[end:]
    data = data.replace(b"CTT*2", b"CTT*5000").replace(b"SE*10*", b"SE*5008*").replace(b"0931", b"0930")
    identity = web.kit.receive(data)
    web.kit.work()
    form = Form(web.browser("olga"), web.kit.documents(transmission_id=identity)[0].id, "?only=1")
    assert form.values["v-4005-3-1-1"] == "XX"
    form.press("page:200", v_4005_3_1_1="EA", only="0")
    assert "Would be posted" in form.text
    assert "201 to 400 of 5,008" in form.text and "PO1*4000*24*EA" in form.values["content"]


@pytest.mark.volume
def test_hostile_text_in_fields_has_no_effect(form: Form) -> None:
    plain = [text.replace("\0", "").replace("\r\n", " ") for text in STRINGS]
    for first in range(0, len(plain), 52):
        some = plain[first : first + 52]
        fields = {f"v_{2 + n % 6}_{1 + n // 6}_1_1": text for n, text in enumerate(some)}
        form.press("check", **fields, reason=some[0])
        assert form.answer.status_code == 200
        unharmed(form.answer.text)
        refused = next(text for text in some if "*" not in text and (">" in text or "~" in text))
        assert str(escape(refused)) in form.answer.text  # what is refused is still in its field, as text
    form.press("mode:raw")
    for text in plain[::29]:
        form.press("check", content=form.values["content"].replace("Harbor", text))
        assert form.answer.status_code == 200
        unharmed(form.answer.text)


def test_a_copy_that_waits_for_a_second_person_is_shown_and_decided_on_its_page(web: WebKit, form: Form) -> None:
    web.kit.pipeline.second_person = SecondPerson.ALWAYS
    form.press("check", v_6_3_1_1="EA", v_3_2_1_1="20260930")
    assert "A second person has to apply it" in form.text
    form.press("send", reason="EA by telephone")
    assert form.answer.status_code == 303 and web.kit.posted() == []
    identity = form.path.rpartition("/")[2]
    page = form.browser.get(f"/messages/{identity}")
    assert "A correction waits" in page.text and "Look at it and decide" in page.text
    address = re.search(r'href="(/corrections/[^"]+)">Look at it', page.text)
    assert address is not None and "PO103 (segment 7)" in form.browser.get(address[1]).text
    done = web.browser("root").post(f"{address[1]}/act", action="apply")
    assert done.status_code == 303 and len(web.kit.posted()) == 1
    assert "applied by" in form.browser.get(f"/messages/{identity}").text


def test_addresses_and_forms_that_make_no_sense_are_answered_in_words(web: WebKit, form: Form) -> None:
    assert form.browser.get("/edit/nobody").status_code == 303
    assert form.browser.get("/edit/nobody/text").status_code == 404
    for do in ("remove:x", "remove:9999", "insert:0", "page:999999", "nonsense", "mode:nonsense", "open:99"):
        form.press(do)
        assert form.answer.status_code == 200 and form.values["content"].count("~") == 10
    form.press("check", content="nothing of it~")
    assert "one transaction set" in form.text
    form.press("check", content="")
    assert "Nothing is left" in form.text
    form.take(form.browser.client.post("/edit/nobody/check", data=form.values))
    assert "There is no message" in form.text


def test_who_else_is_here_is_shown_to_both(web: WebKit, form: Form) -> None:
    other = web.browser("root").get(form.path, X_Live="1")
    assert "Olga Berg is editing this, too." in texts(other)
    assert "Root Berg is editing this, too." in texts(form.browser.get(form.path.replace("edit", "messages")))
