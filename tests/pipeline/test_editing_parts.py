"""Parts of edited copies: texts and bytes, differences, and messages that are never edited."""

from __future__ import annotations

import pytest

from gateway.messages.corrections import SecondPerson
from gateway.pipeline import editsubject
from gateway.pipeline.asis import send_as_is
from gateway.pipeline.editcontent import (
    ContentRefusedError,
    encoded,
    json_content,
    raw_content,
    segments_of,
    text_of,
    whole,
    x12_content,
    xml_content,
)
from gateway.pipeline.editdiff import changes
from gateway.pipeline.sending import RequestError
from gateway.store import payloads
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_acknowledgements import answered
from tests.pipeline.test_editing import BAD, GOOD, RIGHT, UBL, Editor, acknowledgements, rejected

# -- texts and bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminator", [b"~", b"\n", b"\x15"])
def test_a_set_is_the_same_bytes_again_whatever_ends_its_segments(terminator: bytes) -> None:
    data = BAD.replace(b"\n", b"").replace(b"~", terminator)
    content = x12_content(data, (0, 0, 0))
    assert whole(content, encoded(content, content.text)) == data
    assert text_of(content, segments_of(content, content.text)) == content.text


def test_a_set_without_its_envelope_cannot_be_copied() -> None:
    start, end = BAD.index(b"GS*"), BAD.index(b"ST*")
    with pytest.raises(ContentRefusedError, match="not whole"):
        x12_content(BAD[:start] + BAD[end:], (0, 0, 0))


def test_what_cannot_be_bytes_is_refused_with_its_segment() -> None:
    latin = x12_content(BAD.replace(b"Harbor Retail*", b"Caf\xe9*"), (0, 0, 0))
    assert latin.encoding == "latin-1" and "Café" in latin.text
    with pytest.raises(ContentRefusedError) as caught:
        encoded(latin, latin.text.replace("Café", "\u20ac"))
    assert caught.value.faults[0].position == 5
    with pytest.raises(ContentRefusedError, match="Nothing is left"):
        encoded(latin, " \n")
    with pytest.raises(ContentRefusedError, match="Nothing is left"):
        encoded(raw_content(b"noise"), "\n")
    with pytest.raises(TypeError):
        segments_of(raw_content(b"noise"), "x")


def test_bytes_that_are_no_text_survive_as_they_are() -> None:
    for data in (bytes(range(14, 256)), "Käse".encode(), "Käse".encode("utf-16")):
        content = raw_content(data)
        assert encoded(content, content.text) == data
    wide = "<?xml version='1.0' encoding='UTF-16'?><a>ü</a>".encode("utf-16")
    assert encoded(raw_content(wide), raw_content(wide).text) == wide


def test_a_secret_that_a_person_writes_anew_is_the_new_one() -> None:
    data = b"<cXML><SharedSecret>old</SharedSecret><x>1</x></cXML>"
    content = raw_content(data)
    assert "old" not in content.text
    assert b"<SharedSecret>new<" in encoded(content, content.text.replace("********", "new"))
    assert encoded(content, content.text.replace("<x>1", "<x>2")) == data.replace(b"<x>1", b"<x>2")


# -- differences -----------------------------------------------------------------------------------------------


def test_segments_that_came_and_went_are_named() -> None:
    content = x12_content(BAD, (0, 0, 0))
    after = content.text.replace("REF*IA*88120~\n", "").replace("CTT*2~", "AMT*1*5~\nCTT*2~")
    found = [(one.place, one.before, one.after) for one in changes(content, content.text, after)]
    assert found == [("REF (segment 3)", "REF*IA*88120", ""), ("AMT (segment 8)", "", "AMT*1*5")]


@pytest.mark.parametrize("extra", [0, 1])
def test_long_sets_are_compared_in_little_time(extra: int) -> None:
    content = x12_content(BAD, (0, 0, 0))
    lines = [f"PO1*{n}*1*EA~" for n in range(4_000)]
    before = "ST*850*1~\n" + "\n".join(lines) + "\nSE*1*1~\n"
    after = before.replace("*1*EA", "*2*EA") + "REF*IA*1~\n" * extra
    assert len(changes(content, before, after)) >= 4_000


def test_other_content_is_compared_by_path_or_by_line() -> None:
    xml = xml_content(UBL, 0)
    assert changes(xml, xml.text, xml.text.replace("UTF-8", "utf-8", 1)) == []
    assert changes(xml, xml.text, xml.text + "<")[0].place.startswith("line")
    ours = json_content(b'{"kind": "order", "lines": [{"a": 1, "b": null}], "id": "x", "sender": "y"}')
    assert [(one.place, one.after) for one in changes(ours, ours.text, ours.text.replace("1", "true"))] == [
        ("lines[0].a", "true")
    ]
    assert changes(ours, ours.text, "{")[0].place == "line 2"
    raw = raw_content(b"a\nb\nc")
    assert [(one.place, one.before, one.after) for one in changes(raw, raw.text, "a\r\nB\r\nc\r\nd")] == [
        ("line 2", "b", "B"),
        ("line 4", "", "d"),
    ]


# -- what is never edited --------------------------------------------------------------------------------------


def test_answers_of_a_partner_and_what_went_out_unchanged_are_not_edited(kit: Kit) -> None:
    kim = Editor(kit)
    transmission = answered(kit, "AK9*A*1*1*1*bad*bad*bad*bad*bad~", group="77")
    for document in kit.documents(transmission_id=transmission):
        with pytest.raises(RequestError):
            kim.open(document.id)
    sent = send_as_is(kit.pipeline, "raw.edi", GOOD.replace(b"ALPINESUPPLY", b"HARBORRETAIL"), "harbor")
    with pytest.raises(RequestError, match="unchanged"):
        kim.open(sent["document"])


def test_a_text_above_the_limit_is_not_opened(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editsubject, "MOST_EDITED", 10)
    with pytest.raises(RequestError, match="that can be edited"):
        Editor(kit).open(rejected(kit))


def test_a_copy_on_its_way_is_not_made_twice(kit: Kit) -> None:
    kim, original = Editor(kit), rejected(kit)
    opened = kim.open(original)
    text = opened["text"].replace("*XX*", "*EA*").replace("20260931", "20260930")
    kit.work = lambda: None  # type: ignore[method-assign]
    kim.run("edit.submit", id=original, content=text, reason="First")
    with pytest.raises(RequestError, match="on its way already"):
        kim.run("edit.submit", id=original, content=text, reason="Second")


def test_a_correction_is_not_applied_to_a_message_that_went_on_meanwhile(kit: Kit) -> None:
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(GOOD)
    kit.work()
    (held,) = kit.documents(set_id="850")
    kit.befriend()
    kit.pipeline.second_person = SecondPerson.ALWAYS
    done = Editor(kit).submit(held.id, ("PO1*1*", "PO1*1*1"))
    Editor(kit).run("message.replay", id=held.id)  # somebody released it
    assert len(kit.posted()) == 1
    with pytest.raises(RequestError, match="It is posted"):
        Editor(kit, "olga").run("correction.apply", id=done["correction"])
    assert len(kit.posted()) == 1


def test_a_copy_of_a_copy_is_not_answered_either(kit: Kit) -> None:
    kim, original = Editor(kit), rejected(kit)
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kim.submit(original, *RIGHT)
    (copy,) = kit.documents(parent_id=original)
    assert copy.processing == "held" and kit.posted() == []
    kit.befriend()
    assert kim.open(copy.id)["answered"]
    kim.submit(copy.id, ("*88120", "*88121"))
    (second,) = kit.documents(parent_id=copy.id)
    assert (second.processing, second.owns_key) == ("posted", True)
    assert len(kit.posted()) == 1 and acknowledgements(kit) == 1
    assert {case.review for case in kit.cases()} == {"resolved"}
    with kit.store.read() as session:
        first = payloads.get(session, kit.transmission(second.transmission_id or "").payload_sha256 or "")
    assert first.count(b"ST*850") == 1


def test_a_replay_of_a_copy_stays_a_child_of_that_copy(kit: Kit) -> None:
    kim, original = Editor(kit), rejected(kit)
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kim.submit(original, *RIGHT)
    (copy,) = kit.documents(parent_id=original)
    kim.run("message.replay", id=copy.id)
    assert len(kit.posted()) == 1 and kit.documents(parent_id=original)[0].processing == "posted"


def test_a_resend_by_its_own_words_would_be_ignored(kit: Kit) -> None:
    kit.receive(GOOD)
    kit.work()
    number = kit.documents(set_id="850")[0].number or ""
    rejected(kit)
    original = kit.documents(processing="rejected")[0].id
    told = Editor(kit).check(original, *RIGHT, ("BEG*00*", "BEG*07*"), ("HR-460024", number))
    assert told["state"] == "ignored" and not told["submittable"]


def test_a_transmission_refused_by_its_envelope_is_put_right_as_text(kit: Kit) -> None:
    kim = Editor(kit)
    identity = kit.receive(GOOD.replace(b"*U*00401*", b"*U*00A01*"))
    kit.work()
    assert kit.transmission(identity).processing == "rejected" and not kit.documents(transmission_id=identity)
    answers = len(kit.partner.payloads)
    assert answers and kim.open(identity)["answered"]
    told = kim.check(identity, ("*U*00A01*", "*U*00401*"))
    assert told["state"] == "posted"
    kim.submit(identity, ("*U*00A01*", "*U*00401*"))
    assert len(kit.posted()) == 1 and len(kit.partner.payloads) == answers
    assert kit.case().review == "resolved"
    with pytest.raises(RequestError, match="is posted already"):
        kim.open(identity)


def test_hostile_xml_is_judged_and_never_expanded(kit: Kit) -> None:
    kit.befriend(xml={"standard": "ubl-2.1"})
    kit.receive(UBL.replace(b"IssueDate>2", b"IssueDate>x2", 1))
    kit.work()
    (original,) = kit.documents(direction="in")
    bomb = '<!DOCTYPE Order [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Order>&b;</Order>'
    told = Editor(kit).run("edit.check", id=original.id, content=bomb)
    assert not told["submittable"]
