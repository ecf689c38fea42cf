"""Inspector: what it says of good, bad and hostile messages, and that it keeps nothing."""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import MetaData, create_engine, func, select
from werkzeug.test import TestResponse

from gateway.settings import company_named, write_default
from gateway.store import ledger
from gateway.transports.as2.cms.compressed import compress
from gateway.web.inspecting import MOST_TRIED
from gateway.web.view.wire import open_layers
from tests.pipeline.pipelinekit import FIXTURES
from tests.web.webkit import ROLES, Browser, WebKit, texts

ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()
BAD = FIXTURES / "bad"
AS2 = b"AS2-From: HARBOR\r\nAS2-To: ALPINE\r\nMessage-ID: <1@harbor>\r\nDisposition-Notification-To: edi@harbor\r\n"
MDN = (
    b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nAll well.\r\n"
    b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
    b"Original-Message-ID: <9@alpine>\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n"
    b"--b--\r\n"
)


def inspect(web: WebKit, data: bytes, name: str = "order.edi", who: str = "vera") -> TestResponse:
    return browser_of(web, who).post("/inspector", file=(io.BytesIO(data), name))


#: Browsers that have logged in, by site and person: one login serves all tests of a site.
_LOGGED_IN: WeakKeyDictionary[WebKit, dict[str, Browser]] = WeakKeyDictionary()


def browser_of(web: WebKit, who: str = "vera") -> Browser:
    browsers = _LOGGED_IN.setdefault(web, {})
    if who not in browsers:
        browsers[who] = web.browser(who)
    return browsers[who]


def state_of(web: WebKit, path: Path) -> dict[str, Any]:
    """The rows of every table, and the head of the ledger."""
    tables = MetaData()
    engine = create_engine(f"sqlite:///{path}")
    tables.reflect(engine)
    with engine.connect() as connection:
        counts = {
            name: connection.scalar(select(func.count()).select_from(table)) for name, table in tables.tables.items()
        }
        control = connection.execute(select(tables.tables["control_number"])).all()
    engine.dispose()
    with web.kit.store.read() as session:
        return {"rows": counts, "control": control, "head": ledger.head(session)}


@pytest.fixture
def settled(web: WebKit, tmp_path: Path) -> WebKit:
    """A gateway with its settings beside the database: it knows its own identities."""
    ours = company_named("Alpine Supply", code="alpine", isa_id="ALPINESUPPLY", gs_id="ALPINESUPPLY", as2_name="ALPINE")
    write_default(tmp_path, ours)
    return web


# -- what it says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROLES)
def test_everybody_may_inspect(busy: WebKit, name: str) -> None:
    assert "Paste it here" in texts(busy.browser(name).get("/inspector"))
    assert "Would be taken" in texts(inspect(busy, ORDER, who=name))


def test_a_good_order_names_its_partner_its_structure_and_our_997(busy: WebKit) -> None:
    page = texts(inspect(busy, ORDER))
    assert "order.edi Accepted X12" in page
    assert "From Harbor Retail: 1 document would be taken." in page
    assert "Nothing is wrong" in page
    assert "Interchange 000000101 ZZ:HARBORRETAIL → ZZ:ALPINESUPPLY" in page
    assert "850 order HR-450017" in page
    assert "ST*997*0001~" in page
    assert "AK5*A~" in page
    assert "The real one takes the next control numbers" in page


def test_findings_stand_at_their_place_with_what_to_do(busy: WebKit) -> None:
    answer = inspect(busy, (BAD / "unit-and-date-wrong.edi").read_bytes())
    page = texts(answer)
    assert "Would be rejected" in page
    assert "2 findings" in page
    assert "Ask the partner, or add the code to their list." in page
    assert 'href="#s1-1-7"' in answer.text
    assert 'id="s1-1-7"' in answer.text
    assert "(wrong: PO103 Unit or Basis for Measurement Code)" in page
    assert "AK4*3*355*7*XX~" in page


def test_a_pasted_message_is_read_and_comes_back_in_the_form(busy: WebKit) -> None:
    answer = browser_of(busy).post("/inspector", text=ORDER.decode().replace("\n", "\r\n"))
    assert "pasted text Accepted" in texts(answer)
    assert "HR-450017*" in answer.text.split("<textarea")[1]


def test_a_file_goes_before_the_text(busy: WebKit) -> None:
    answer = browser_of(busy).post("/inspector", text="nonsense", file=(io.BytesIO(ORDER), "o.edi"))
    assert "o.edi Accepted" in texts(answer)


def test_an_unknown_sender_is_held_and_gets_no_answer(busy: WebKit) -> None:
    page = texts(inspect(busy, (BAD / "unknown-sender.edi").read_bytes()))
    assert "Would be held" in page
    assert "names the sender ZZ:NOBODYWEKNOW, which is no partner" in page
    assert "What is held gets no acknowledgement until a person decides." in page
    assert "ISA*00" not in page.split("What we would answer")[1].split("Another message")[0]


def test_a_message_for_somebody_else_is_refused_by_a_ta1(settled: WebKit) -> None:
    page = texts(inspect(settled, (BAD / "unknown-receiver.edi").read_bytes()))
    assert "Would be refused" in page
    assert "which is not us" in page
    assert "TA1*" in page
    assert "*R*009~" in page


def test_a_partner_that_wants_no_997_gets_none(web: WebKit) -> None:
    web.kit.befriend(acknowledgements={"send": {"enabled": False}})
    assert "No acknowledgement is due." in texts(inspect(web, ORDER))


def test_the_rules_of_the_partner_hold_for_the_findings(web: WebKit) -> None:
    data = (BAD / "unit-and-date-wrong.edi").read_bytes().replace(b"20260931", b"20260930")
    assert "Would be rejected" in texts(inspect(web, data))
    web.kit.befriend(inbound={"test_in_live": "process", "code_lists": {"PO103": {"add": ["XX"]}}})
    page = texts(inspect(web, data))
    assert "Accepted X12" in page
    assert "Would be taken" in page


def test_a_set_that_is_not_agreed_says_so(web: WebKit) -> None:
    web.kit.befriend(inbound={"accepted": [{"set": "810"}], "test_in_live": "process"})
    page = texts(inspect(web, ORDER))
    assert "1 of 1 documents would be rejected. ST01: set 850 is not agreed with Harbor Retail." in page


def test_an_acknowledgement_is_taken_and_not_answered(busy: WebKit) -> None:
    answer = inspect(busy, ORDER).text
    ours = answer.split("<pre")[1].split(">", 1)[1].split("</pre>")[0].replace("&gt;", ">")
    swapped = ours.replace("HARBORRETAIL", "?").replace("ALPINESUPPLY", "HARBORRETAIL").replace("?", "ALPINESUPPLY")
    page = texts(inspect(busy, swapped.encode()))
    assert "Accepted" in page
    assert "No acknowledgement is due." in page


def test_many_sets_show_those_with_findings_first(busy: WebKit) -> None:
    page = texts(inspect(busy, (BAD / "one-bad-set-among-good-ones.edi").read_bytes()))
    assert "Partly accepted" in page
    assert "1 of 3 documents would be rejected" in page
    head, rest = ORDER.split(b"ST*850", 1)
    one, tail = (b"ST*850" + rest).split(b"GE*", 1)
    sets = b"".join(one.replace(b"*0101~", b"*%04d~" % n).replace(b"HR-450017", b"HR-%06d" % n) for n in range(1, 21))
    many = head + sets + b"GE*20*" + tail.split(b"*", 1)[1]
    page = texts(inspect(busy, many))
    assert "8 more sets are not shown" in page


def test_a_long_content_is_shown_from_the_first_finding(busy: WebKit) -> None:
    lines = "".join(f"<a>\n{'<b/>' * (n % 2)}\n" for n in range(400)) + "</a>\n" * 400
    page = texts(inspect(busy, f"<?xml version='1.0'?>\n<Order>\n{lines}</Order>".encode(), "x.xml"))
    assert "Unreadable" in page


# -- XML -----------------------------------------------------------------------------------------------------------


def test_xml_of_a_known_family_is_checked_and_shown_line_by_line(busy: WebKit) -> None:
    file = next(path for path in sorted((FIXTURES / "xml").rglob("*.xml")) if b"Order" in path.read_bytes()[:3000])
    page = texts(inspect(busy, file.read_bytes(), file.name))
    assert "Document" in page
    assert "Content" in page


def test_xml_that_nobody_knows_says_so(busy: WebKit) -> None:
    page = texts(inspect(busy, b'<?xml version="1.0"?><Thing><Id>1</Id></Thing>', "x.xml"))
    assert "no schema is known" in page


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Order>&x;</Order>',
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Order>&b;&b;</Order>',
        b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><Order/>',
        b"<" * 5000,
        b"<a>" * 5000,
        b"\xff\xfe<\x00a\x00",
    ],
)
def test_hostile_xml_is_refused_in_words(busy: WebKit, data: bytes) -> None:
    answer = inspect(busy, data, "x.xml")
    assert answer.status_code == 200
    assert "root:" not in answer.text
    assert "Unreadable" in texts(answer)


# -- AS2 and MIME --------------------------------------------------------------------------------------------------


def test_an_as2_message_shows_its_names_its_partner_and_its_receipt(settled: WebKit) -> None:
    page = texts(inspect(settled, AS2 + b"Content-Type: application/edi-x12\r\n\r\n" + ORDER))
    assert "AS2-From HARBOR" in page
    assert "Sender Harbor Retail" in page
    assert "AS2: a receipt (MDN) is given on the same connection" in page
    assert "Would be taken" in page


def test_as2_names_that_nobody_has_are_said_to_be_unknown(settled: WebKit) -> None:
    wire = AS2.replace(b"AS2-To: ALPINE", b"AS2-To: OTHER") + b"Content-Type: application/edi-x12\r\n\r\n" + ORDER
    assert "no partner has this pair of AS2 names" in texts(inspect(settled, wire))


def signed(part: bytes) -> bytes:
    head = (
        b'Content-Type: multipart/signed; micalg=sha-256; protocol="application/pkcs7-signature"; boundary="q"\r\n\r\n'
    )
    signature = b"Content-Type: application/pkcs7-signature\r\n\r\nMIIB"
    return head + b"--q\r\n" + part + b"\r\n--q\r\n" + signature + b"\r\n--q--\r\n"


def test_a_signed_message_is_opened_without_checking_the_signature() -> None:
    part = b'Content-Type: application/edi-x12; name="po.edi"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    opened = open_layers(b"POST /as2 HTTP/1.1\r\n" + AS2 + signed(part + base64.b64encode(ORDER)))
    assert opened.payload == ORDER
    assert [layer.name for layer in opened.layers] == ["Signed"]
    assert (opened.as2_from, opened.as2_to, opened.filename) == ("HARBOR", "ALPINE", "po.edi")
    assert opened.wants_receipt


def test_a_compressed_message_is_opened() -> None:
    inner = b"Content-Type: application/edi-x12\r\n\r\n" + ORDER
    head = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n"
    opened = open_layers(head + compress(inner))
    assert opened.payload == ORDER
    assert [layer.name for layer in opened.layers] == ["Compressed"]


def test_parts_of_a_plain_multipart_are_counted() -> None:
    wire = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nISA\r\n--b\r\n\r\nsecond\r\n--b--\r\n"
    opened = open_layers(wire)
    assert (opened.payload, opened.layers[0].sentence) == (b"ISA", "2 parts; the first is looked at.")


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (
            b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n\x30\x80",
            "Only the key of the receiver opens it",
        ),
        (MDN, "processed. It answers a message of ours; no answer is due."),
        (MDN.replace(b"message/disposition", b"text/x"), "It answers a message of ours; no answer is due."),
        (b"Content-Type: multipart/signed\r\n\r\nxx", "The MIME structure is broken"),
        (b"Content-Type: multipart/signed; boundary=q\r\n\r\n--q\r\n\r\nxx", "The MIME structure is broken"),
        (b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n\x30\x03abc", "broken"),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!", "base64 content is broken"),
        (b"POST /as2 HTTP/1.1\r\nHost: x\r\nno field here\r\n\r\nx", "It begins like a MIME message, but"),
    ],
)
def test_what_cannot_be_opened_says_why(busy: WebKit, wire: bytes, said: str) -> None:
    answer = inspect(busy, wire, "message.eml")
    assert answer.status_code == 200
    assert said in texts(answer)


def test_layers_without_end_are_cut_off() -> None:
    wire = b"Content-Type: text/plain\r\n\r\nx"
    for depth in range(12):
        mark = b"b%d" % depth
        wire = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n%s\r\n--%s--\r\n" % (mark, mark, wire, mark)
    opened = open_layers(wire)
    assert opened.payload == b""
    assert "more than 8 layers" in opened.problem


def test_a_compressed_bomb_is_refused_in_words(busy: WebKit) -> None:
    bomb = compress(b"\0" * (40 << 20)) if zlib.ZLIB_VERSION else b""
    wire = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n" + bomb
    answer = inspect(busy, wire, "bomb")
    assert answer.status_code == 200
    assert "Not opened" in texts(answer)


@pytest.mark.parametrize("text", [b"note: not a header block at all", b"Dear partner: hello\r\n\r\nbye", ORDER, b""])
def test_plain_content_has_no_layers(text: bytes) -> None:
    assert open_layers(text).payload == text
    assert open_layers(text).layers == ()


# -- limits and hostile input ----------------------------------------------------------------------------------------


def test_nothing_is_stored_not_even_an_event_or_a_number(settled: WebKit, tmp_path: Path) -> None:
    browser = settled.browser("olga")
    before = state_of(settled, tmp_path / "gateway.db")
    files = sorted(path.name for path in tmp_path.rglob("*"))
    for data in (
        ORDER,
        AS2 + signed(b"\r\n" + ORDER),
        b"\x00\xff" * 50,
        *(f.read_bytes() for f in sorted(BAD.iterdir())),
    ):
        assert browser.post("/inspector", file=(io.BytesIO(data), "f.edi")).status_code in (200, 400)
    assert state_of(settled, tmp_path / "gateway.db") == before
    assert sorted(path.name for path in tmp_path.rglob("*")) == files


@pytest.mark.parametrize("data", [b"", b" \r\n "])
def test_an_empty_file_is_said_to_be_empty(busy: WebKit, data: bytes) -> None:
    answer = inspect(busy, data)
    assert answer.status_code == 400
    assert "There is nothing to look at" in texts(answer)


def test_bytes_that_are_no_text_are_shown_as_bytes(busy: WebKit) -> None:
    answer = inspect(busy, bytes(range(256)) * 4, "photo.jpg")
    assert "The file is binary data" in texts(answer)
    assert "00000010" in answer.text


def test_more_than_ten_megabytes_is_refused_in_words(busy: WebKit) -> None:
    answer = inspect(busy, b"x" * ((10 << 20) + (1 << 17)))
    assert answer.status_code == 413
    assert "more than 10 MB" in texts(answer)
    assert "gateway inspect FILE" in texts(answer)


def test_a_little_more_than_ten_megabytes_is_refused_too(busy: WebKit) -> None:
    assert inspect(busy, b"x" * ((10 << 20) + 1)).status_code == 413


def test_a_pasted_text_above_the_limit_of_other_forms_is_read(busy: WebKit) -> None:
    head, rest = ORDER.split(b"GE*", 1)
    text = (head + b"GE*" + rest + b"\n" * 1_500_000).decode()
    answer = browser_of(busy).post("/inspector", text=text)
    assert answer.status_code == 200
    assert "pasted text Accepted" in texts(answer)


def test_a_large_message_is_checked_but_not_tried_out(busy: WebKit) -> None:
    page = texts(inspect(busy, ORDER + b"\n" * MOST_TRIED))
    assert "order.edi Accepted" in page
    assert "Above 500 KB a message is checked only" in page


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</textarea><b>"])
def test_markup_in_a_message_or_its_name_stays_text(busy: WebKit, attack: str) -> None:
    body = ORDER.replace(b"Nora Whitfield", attack.replace("*", "").encode())
    answer = inspect(busy, body, f"{attack}.edi")
    pasted = browser_of(busy).post("/inspector", text=attack)
    for page in (answer.text, pasted.text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</textarea><b>" not in page


def test_without_its_token_nothing_is_looked_at(busy: WebKit) -> None:
    browser = browser_of(busy)
    answer = browser.client.post("/inspector", data={"text": "ISA"})
    assert answer.status_code == 400


# -- what XML partners would get -------------------------------------------------------------------------------------

UBL_ORDER = sorted((FIXTURES / "xml" / "ubl" / "Order").glob("*.xml"))[0]
CXML_ORDER = FIXTURES / "xml" / "cxml" / "OrderRequest" / "new-order.xml"


def by_as2(body: bytes) -> bytes:
    return AS2 + b"Content-Type: application/xml\r\n\r\n" + body


@pytest.mark.parametrize(
    ("answer", "shown"), [("always", "ApplicationResponse"), ("never", "No acknowledgement is due.")]
)
def test_a_ubl_order_shows_the_answer_that_its_partner_wants(settled: WebKit, answer: str, shown: str) -> None:
    settled.kit.befriend(xml={"standard": "ubl-2.1", "answer": answer})
    page = texts(inspect(settled, by_as2(UBL_ORDER.read_bytes()), "order.xml"))
    assert "Harbor Retail" in page
    assert shown in page.split("What we would answer")[1]


def test_a_cxml_order_shows_the_status_update(settled: WebKit) -> None:
    settled.kit.befriend(xml={"standard": "cxml-1.2", "answer": "always"})
    page = texts(inspect(settled, by_as2(CXML_ORDER.read_bytes()), "order.xml"))
    assert "StatusUpdateRequest" in page.split("What we would answer")[1]


def test_a_set_without_a_map_would_be_held(busy: WebKit) -> None:
    wanted = b"ST*864*0101~BMG*00~MIT*1~MSG*Hello~SE*5*0101~"
    head, rest = ORDER.split(b"ST*850", 1)
    data = head.replace(b"GS*PO", b"GS*TX") + wanted + b"GE*" + rest.split(b"GE*", 1)[1]
    page = texts(inspect(busy, data))
    assert "Would be held" in page


# -- EDIFACT -----------------------------------------------------------------------------------------------------

EDIFACT = (
    b"UNA:+.? 'UNB+UNOC:3+HARBORRETAIL:ZZZ+5412345000013:14+261122:0930+REF-1'"
    b"UNH+1+ORDERS:D:96A:UN'BGM+220+PO-4711+9'NAD+BY+4012345000009::9++Caf\xe9 <b>Nord</b>'"
    b"LIN+1++4000862141404:EN'QTY+21:48'UNT+6+1'UNZ+1+REF-1'"
)


def test_edifact_is_shown_by_its_segments_and_said_to_be_for_looking_only(busy: WebKit) -> None:
    before = state_of(busy, busy.kit.home / "gateway.db")
    page = inspect(busy, EDIFACT)
    text = texts(page)
    assert "EDIFACT" in text
    assert "Would be held" in text
    assert "reads EDIFACT for looking only" in text
    assert "Its sender HARBORRETAIL (mutually agreed) is an identifier of Harbor Retail." in text
    assert "ORDERS PO-4711" in text
    assert "Party" in text
    assert "Café &lt;b&gt;Nord&lt;/b&gt;" in page.text
    assert "No acknowledgement (CONTRL) would be given." in text
    assert "Its frame is right" in text
    assert state_of(busy, busy.kit.home / "gateway.db") == before


def test_errors_of_edifact_stand_at_their_segment_in_words(busy: WebKit) -> None:
    page = inspect(busy, EDIFACT.replace(b"UNT+6+1", b"UNT+9+1").replace(b"UNZ+1+REF-1", b"UNZ+2+REF-2"))
    text = texts(page)
    assert 'UNT says that the message has "9" segments; there are 6.' in text.replace("&#34;", '"')
    assert 'UNZ names the reference "REF-2"' in text.replace("&#34;", '"')
    assert 'href="#s1-1-6"' in page.text
    assert 'id="s1-1-6"' in page.text


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        (b"4012345000009:14", "is an identifier of Harbor Retail"),
        (b"012345678:1", "No partner has the identifier of its sender, 012345678 (DUNS)"),
        (b"X:99", "No partner has the identifier of its sender, X (qualifier 99)"),
        (b"", "nobody (no qualifier)"),
    ],
)
def test_whose_edifact_it_is_comes_from_its_interchange_address(web: WebKit, sender: bytes, said: str) -> None:
    web.kit.befriend(ids={"isa": [{"qualifier": "ZZ", "id": "HARBORRETAIL"}], "xml": ["0088:4012345000009"]})
    assert said in texts(inspect(web, EDIFACT.replace(b"HARBORRETAIL:ZZZ", sender)))


def test_a_large_edifact_file_is_shown_in_part(busy: WebKit) -> None:
    message = EDIFACT[EDIFACT.index(b"UNH") : EDIFACT.index(b"UNZ")]
    many = b"".join(message.replace(b"UNH+1", b"UNH+%d" % n).replace(b"UNT+6+1", b"UNT+6+%d" % n) for n in range(200))
    data = EDIFACT[: EDIFACT.index(b"UNH")] + many + b"UNZ+200+REF-1'"
    text = texts(inspect(busy, data))
    assert "188 more sets are not shown" in text
    assert "Its frame is right" in text


def test_mutated_edifact_gives_a_page_and_never_a_fault(busy: WebKit) -> None:
    for number in range(0, len(EDIFACT), 7):
        for data in (EDIFACT[:number], EDIFACT[:number] + b"\xff'?" + EDIFACT[number:], EDIFACT[number:]):
            assert inspect(busy, data).status_code in (200, 400)
