"""Edited copies: what is put right by hand goes on once, linked to its original, and nothing is answered twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.messages import corrections
from gateway.messages.corrections import SecondPerson
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.pipeline import caseactions
from gateway.pipeline import corrections as deciding
from gateway.pipeline import operations as pipeline_operations
from gateway.pipeline.editcontent import encoded, raw_content, xml_content
from gateway.pipeline.editing import EditConflictError
from gateway.pipeline.outbound import submit_document
from gateway.pipeline.sending import RequestError
from gateway.store import ledger
from tests.pipeline.pipelinekit import FIXTURES, Kit
from tests.pipeline.test_acknowledgements import answered
from tests.pipeline.test_outbound import body as invoice

BAD = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()
UBL = (FIXTURES / "xml" / "ubl" / "Order" / "order-with-allowances.xml").read_bytes()
GOOD = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()


class Editor:
    """A person with an editor."""

    def __init__(self, kit: Kit, name: str = "kim") -> None:
        self.kit, self.name = kit, name

    def run(self, operation: str, **parameters: Any) -> dict[str, Any]:
        table = {**pipeline_operations.OPERATIONS, **caseactions.OPERATIONS, **deciding.OPERATIONS}
        done: dict[str, Any] = table[operation](self.kit.pipeline, {"actor": self.name, **parameters})
        self.kit.work()
        return done

    def open(self, identity: str) -> dict[str, Any]:
        return self.run("edit.open", id=identity)

    def check(self, identity: str, *changes: tuple[str, str]) -> dict[str, Any]:
        return self.run("edit.check", id=identity, content=changed(self.open(identity)["text"], *changes))

    def submit(self, identity: str, *changes: tuple[str, str], **more: Any) -> dict[str, Any]:
        opened = self.open(identity)
        text = changed(opened["text"], *changes)
        values = {"reason": "They sent EA on paper.", "base": opened["base"], **more}
        return self.run("edit.submit", id=identity, content=text, **values)


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


RIGHT = (("*XX*", "*EA*"), ("20260931", "20260930"))


@pytest.fixture
def kim(kit: Kit) -> Editor:
    return Editor(kit)


def rejected(kit: Kit) -> str:
    kit.receive(BAD, message_id="<bad@harbor>")
    kit.work()
    return kit.documents(set_id="850")[0].id


def acknowledgements(kit: Kit) -> int:
    return sum("AK1" in answer for answer in kit.answers())


# -- received X12 ----------------------------------------------------------------------------------------------


def test_a_rejected_order_is_put_right_and_posted_once_without_a_second_acknowledgement(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    before = kit.transmission(kit.documents(id=original)[0].transmission_id or "")
    assert acknowledgements(kit) == 1 and kit.posted() == []
    done = kim.submit(original, *RIGHT)
    assert done["waiting"] is False
    (copy,) = kit.documents(parent_id=original)
    assert (copy.processing, copy.number, copy.owns_key) == ("posted", "HR-460024", True)
    assert [each["number"] for each in kit.posted()] == ["HR-460024"]
    assert acknowledgements(kit) == 1
    assert kit.documents(id=original)[0].processing == "rejected"
    assert kit.payload(before.payload_sha256) == BAD
    assert kit.case().review == "resolved"
    child = kit.transmission(done["id"])
    assert (child.parent_id, child.facts["edit"]["document"]) == (before.id, original)
    with kit.store.read() as session:
        (row,) = corrections.corrections_of(session, subject_id=original)
        assert (row.state, row.author, row.reason) == ("applied", "kim", "They sent EA on paper.")
        assert [change["place"] for change in row.change["differences"]] == ["DTM02 (segment 4)", "PO103 (segment 7)"]
        assert row.result["transmission"] == child.id and row.result["acknowledged"] is False
        assert ledger.verify(session).ok


def test_an_acknowledgement_for_the_copy_goes_out_when_it_is_asked_for(kit: Kit, kim: Editor) -> None:
    kim.submit(rejected(kit), *RIGHT, acknowledge=True)
    assert acknowledgements(kit) == 2
    assert kit.answers()[-1]["AK9"][0][0] == "A"


def test_a_message_that_nobody_answered_is_answered_with_its_copy(kit: Kit, kim: Editor) -> None:
    kit.befriend(acknowledgements={"send": {"enabled": False}})
    original = rejected(kit)
    assert acknowledgements(kit) == 0
    kit.befriend()
    assert kim.open(original)["answered"] is False
    kim.submit(original, *RIGHT)
    assert acknowledgements(kit) == 1


def test_one_set_of_several_is_corrected_alone(kit: Kit, kim: Editor) -> None:
    start, end = BAD.index(b"ST*850"), BAD.index(b"GE*1")
    second = BAD[start:end].replace(b"0521", b"0522").replace(b"*XX*", b"*EA*").replace(b"0931", b"0930")
    both = BAD[:end] + second.replace(b"HR-460024", b"HR-460025") + BAD[end:].replace(b"GE*1*", b"GE*2*")
    kit.receive(both)
    kit.work()
    first, other = kit.documents(set_id="850")
    assert (first.processing, other.processing) == ("rejected", "posted")
    kim.submit(first.id, *RIGHT)
    assert sorted(each["number"] for each in kit.posted()) == ["HR-460024", "HR-460025"]
    assert acknowledgements(kit) == 1


def test_a_check_says_what_would_happen_and_stores_nothing(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    events = kit.detail(original)["stages"]
    before = kim.check(original)
    assert (before["state"], before["ok"], before["count"]) == ("unchanged", False, 0)
    assert {(f["segment"], f["element"]) for f in before["findings"]} >= {("PO1", 3), ("DTM", 2)}
    half = kim.check(original, RIGHT[0])
    assert (half["state"], half["submittable"]) == ("rejected", False)
    assert half["changes"] == [
        {
            "place": "PO103 (segment 7)",
            "name": "Unit or Basis for Measurement Code",
            "before": "XX",
            "after": "EA",
        }
    ]
    right = kim.check(original, *RIGHT)
    assert (right["state"], right["ok"], right["findings"]) == ("posted", True, [])
    assert right["sentence"] == "It would be posted to the back office as order HR-460024."
    assert kit.detail(original)["stages"] == events and len(kit.documents()) == len(kit.documents(set_id="850"))


def test_a_copy_that_would_fail_again_or_changes_nothing_is_not_sent(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    with pytest.raises(RequestError, match="would fail again"):
        kim.submit(original, RIGHT[0])
    with pytest.raises(RequestError, match="Nothing is changed yet"):
        kim.submit(original)
    with pytest.raises(RequestError, match="reason"):
        kim.submit(original, *RIGHT, reason="  ")
    assert kit.documents(parent_id=original) == []


def test_the_same_message_is_not_corrected_twice(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    opened = kim.open(original)
    kim.submit(original, *RIGHT)
    with pytest.raises(RequestError, match="is posted already"):
        kim.open(original)
    text = changed(opened["text"], *RIGHT)
    with pytest.raises(EditConflictError, match="since you opened it"):
        kim.run("edit.submit", id=original, content=text, reason="Again", base=opened["base"])
    assert len(kit.posted()) == 1


def test_a_copy_with_the_number_of_an_order_that_came_before_is_held(kit: Kit, kim: Editor) -> None:
    kit.receive(GOOD)
    kit.work()
    number = kit.documents(set_id="850")[0].number or ""
    original = next(d.id for d in [*kit.documents(id=rejected(kit)), *kit.documents(processing="rejected")] if d)
    original = kit.documents(processing="rejected")[0].id
    told = kim.check(original, *RIGHT, ("HR-460024", number))
    assert told["state"] == "held" and "was received before" in told["sentence"]
    kim.submit(original, *RIGHT, ("HR-460024", number))
    (copy,) = kit.documents(parent_id=original)
    assert copy.processing == "held" and len(kit.posted()) == 1
    assert any(case.review == "new" for case in kit.cases())


def test_a_held_order_gives_its_number_to_its_copy(kit: Kit, kim: Editor) -> None:
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(GOOD)
    kit.work()
    (original,) = kit.documents(set_id="850")
    assert original.processing == "held" and original.owns_key
    kit.befriend()
    told = kim.check(original.id, ("PO1*1*", "PO1*1*1"))
    assert told["state"] == "posted" and told["amounts"] and told["results"]
    kim.submit(original.id, ("PO1*1*", "PO1*1*1"))
    (copy,) = kit.documents(parent_id=original.id)
    assert (copy.processing, copy.owns_key) == ("posted", True)
    assert kit.documents(id=original.id)[0].processing == "ignored"
    assert len(kit.posted()) == 1 and kit.case().review == "resolved"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ST*850", "ISA*00*~\nST*850", "the envelope is not edited"),
        ("ST*850*0521~", "ST*850*0521~\nST*850*0522~", "one transaction set"),
        ("ST*850", "ST*810", "cannot become a 810"),
        ("REF*IA*88120~", "REF*IA*88120", "is missing behind it"),
        ("ST*850*0521~\n", "", "one transaction set|does not begin with ST"),
    ],
)
def test_the_envelope_and_the_kind_of_a_set_are_not_edited(
    kit: Kit, kim: Editor, old: str, new: str, said: str
) -> None:
    original = rejected(kit)
    told = kim.check(original, (old, new))
    assert told["state"] == "refused" and not told["submittable"]
    with pytest.raises(RequestError, match=said):
        kim.submit(original, (old, new))


def test_a_copy_above_the_limit_of_its_partner_is_refused(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    kit.befriend(inbound={"max_bytes": 1024})
    told = kim.check(original, ("REF*IA*88120~", "REF*IA*88120~\n" + "N9*ZZ*1~\n" * 400))
    assert told["state"] == "refused" and "1,024" in told["sentence"]


# -- a second person -------------------------------------------------------------------------------------------


def test_a_copy_with_other_amounts_waits_for_a_second_person_who_is_not_its_author(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    kit.pipeline.second_person = SecondPerson.AMOUNTS
    done = kim.submit(original, *RIGHT, ("PO1*1*24*", "PO1*1*12*"))
    assert done["waiting"] and kit.documents(parent_id=original) == [] and kit.posted() == []
    with pytest.raises(RequestError, match="waits for a second person"):
        kim.open(original)
    with pytest.raises(RequestError, match="a second person has to"):
        kim.run("correction.apply", id=done["correction"])
    assert kit.posted() == []
    Editor(kit, "olga").run("correction.apply", id=done["correction"], reason="I agree.")
    assert [line["lines"][0]["quantity"] for line in kit.posted()]
    assert len(kit.posted()) == 1 and acknowledgements(kit) == 1
    with pytest.raises(RequestError, match="applied by olga already"):
        Editor(kit, "olga").run("correction.apply", id=done["correction"])


def test_a_refused_copy_changes_nothing_and_another_may_be_made(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    kit.pipeline.second_person = SecondPerson.ALWAYS
    done = kim.submit(original, *RIGHT)
    Editor(kit, "olga").run("correction.refuse", id=done["correction"], reason="Ask them first.")
    assert kit.posted() == [] and kit.case().review == "new"
    again = kim.submit(original, *RIGHT)
    Editor(kit, "olga").run("correction.apply", id=again["correction"])
    assert len(kit.posted()) == 1 and kit.case().review == "resolved"


def test_small_words_need_no_second_person_where_only_amounts_do(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    kit.pipeline.second_person = SecondPerson.AMOUNTS
    done = kim.submit(original, ("*XX*", "*EA*"), ("20260931", "20260930"), ("*88120", "*88121"))
    assert done["waiting"] is False


# -- what cannot be read ---------------------------------------------------------------------------------------


def test_bytes_that_could_not_be_read_are_put_right_and_answered_for_the_first_time(kit: Kit, kim: Editor) -> None:
    broken = GOOD.replace(b"ISA*00*", b"ISA#00*", 1)
    identity = kit.receive(broken)
    kit.work()
    assert kit.transmission(identity).processing == "held" and kit.answers() == []
    opened = kim.open(identity)
    assert opened["form"] == "raw" and not opened["answered"]
    kim.submit(identity, ("ISA#00*", "ISA*00*"))
    assert len(kit.posted()) == 1 and acknowledgements(kit) == 1
    assert kit.transmission(identity).processing == "ignored" and kit.case().review == "resolved"


def test_who_sent_a_message_is_never_edited(kit: Kit, kim: Editor) -> None:
    stranger = kit.receive(GOOD.replace(b"HARBORRETAIL   ", b"STRANGER       "))
    kit.work()
    told = kim.check(stranger, ("STRANGER       ", "HARBORRETAIL   "))
    assert told["state"] == "refused" and "cannot be edited" in told["sentence"]
    noise = kit.receive(b"nothing at all", partner=None)
    kit.work()
    told = kim.check(noise, ("nothing at all", GOOD.decode()))
    assert told["state"] == "refused" and "not known who sent this" in told["sentence"]
    other = kit.receive(b"nothing at all, twice")
    kit.work()
    told = kim.check(other, ("nothing at all, twice", GOOD.decode().replace("HARBORRETAIL   ", "STRANGER       ")))
    assert not told["submittable"]


def test_a_message_that_was_read_is_edited_document_by_document(kit: Kit, kim: Editor) -> None:
    original = rejected(kit)
    carrier = kit.documents(id=original)[0].transmission_id
    with pytest.raises(RequestError, match="its documents stand for themselves"):
        kim.open(carrier or "")
    with pytest.raises(RequestError, match="no message"):
        kim.open("nobody")


def test_a_posted_order_is_not_edited(kit: Kit, kim: Editor) -> None:
    kit.receive(GOOD)
    kit.work()
    with pytest.raises(RequestError, match="only what is held or rejected"):
        kim.open(kit.documents(set_id="850")[0].id)


# -- ours ------------------------------------------------------------------------------------------------------


def rejected_invoice(kit: Kit) -> str:
    """An invoice of ours that the partner rejected."""
    done = submit_document(kit.pipeline, invoice())
    kit.work()
    answered(kit, "AK2*810*0001~", "AK5*R*5~", "AK9*R*1*1*0~")
    kit.work()
    (row,) = kit.documents(id=done.document_id)
    assert row.acknowledgement == "rejected" and kit.case().review == "new"
    return row.id


def test_an_invoice_that_the_partner_rejected_is_corrected_and_sent_once_more(kit: Kit, kim: Editor) -> None:
    original = rejected_invoice(kit)
    opened = kim.open(original)
    assert opened["form"] == "json" and opened["outbound"] and '"id"' not in opened["text"]
    told = kim.check(original, ('"EA"', '"CA"'))
    assert told["state"] == "sent" and "as invoice INV-1, under new control numbers" in told["sentence"]
    assert [(one["place"], one["before"], one["after"]) for one in told["changes"]] == [("lines[0].unit", "EA", "CA")]
    done = kim.submit(original, ('"EA"', '"CA"'))
    (copy,) = kit.documents(parent_id=original)
    assert done["id"] == copy.id
    assert (copy.number, copy.owns_key, copy.acknowledgement) == ("INV-1", True, "awaited")
    (first,) = kit.documents(id=original)
    assert (first.owns_key, first.acknowledgement) == (False, "rejected")
    assert kit.case().review == "resolved"
    assert [each["IT1"][0][2] for each in kit.answers() if "IT1" in each] == ["EA", "CA"]
    with pytest.raises(RequestError, match="sent already"):
        kim.open(original)
    with pytest.raises(RequestError, match="in its place"):
        kim.run("message.resend", id=original)


def test_a_corrected_invoice_that_is_wrong_is_told_with_its_paths_and_never_sent(kit: Kit, kim: Editor) -> None:
    original = rejected_invoice(kit)
    told = kim.check(original, ('"12"', '"twelve"'))
    assert told["state"] == "refused" and told["faults"][0]["place"] == "lines[0].quantity"
    told = kim.check(original, ('"invoice"', '"ship_notice"'))
    assert not told["submittable"]
    told = kim.check(original, ("{", "["))
    assert not told["submittable"]
    told = kim.check(original, ('"EA"', '"??"'))
    assert told["state"] == "rejected" and told["faults"]
    with pytest.raises(RequestError):
        kim.submit(original, ('"EA"', '"??"'))
    assert len([each for each in kit.answers() if "IT1" in each]) == 1


def test_a_copy_of_ours_may_not_take_the_number_of_another_document(kit: Kit, kim: Editor) -> None:
    original = rejected_invoice(kit)
    submit_document(kit.pipeline, invoice().replace(b"INV-1", b"INV-2"))
    told = kim.check(original, ("INV-1", "INV-2"))
    assert told["state"] == "rejected" and "was sent to Harbor Retail before" in told["sentence"]


def test_an_invoice_that_could_not_be_delivered_is_corrected_in_its_place(kit: Kit, kim: Editor) -> None:
    kit.partner.outcomes = [DeliveryOutcome(Outcome.FAILED, "The server refused it.", 403)]
    done = submit_document(kit.pipeline, invoice())
    kit.work()
    assert kit.transmission(done.transmission_id or "").delivery == "failed" and kit.case().review == "new"
    kit.pipeline.second_person = SecondPerson.ALWAYS
    waiting = kim.submit(done.document_id, ('"EA"', '"CA"'))
    with pytest.raises(RequestError, match="a second person has to"):
        kim.run("correction.apply", id=waiting["correction"])
    assert kit.documents(parent_id=done.document_id) == []
    Editor(kit, "olga").run("correction.apply", id=waiting["correction"])
    assert len(kit.documents(parent_id=done.document_id)) == 1
    assert kit.case().review == "resolved"


def test_what_we_sent_and_nobody_refused_is_not_edited(kit: Kit, kim: Editor) -> None:
    done = submit_document(kit.pipeline, invoice())
    kit.work()
    with pytest.raises(RequestError, match="neither refused"):
        kim.open(done.document_id)
    with pytest.raises(RequestError, match="a whole message of ours"):
        kim.open(done.transmission_id or "")


# -- XML -------------------------------------------------------------------------------------------------------


def test_a_rejected_xml_order_is_corrected_and_posted_without_a_second_answer(kit: Kit, kim: Editor) -> None:
    kit.befriend(xml={"standard": "ubl-2.1"})
    kit.receive(UBL.replace(b"IssueDate>2", b"IssueDate>x2", 1))
    kit.work()
    (original,) = kit.documents(direction="in")
    assert original.processing == "rejected" and len(kit.partner.payloads) == 1
    told = kim.check(original.id, ("IssueDate>x2", "IssueDate>2"))
    assert told["state"] == "posted", told
    assert told["changes"][0]["place"] == "/Order/cbc:IssueDate"
    kim.submit(original.id, ("IssueDate>x2", "IssueDate>2"))
    (copy,) = kit.documents(parent_id=original.id)
    assert copy.processing == "posted" and len(kit.posted()) == 1
    assert len(kit.partner.payloads) == 1 and kit.case().review == "resolved"


def test_the_parties_of_an_xml_document_are_not_edited(kit: Kit, kim: Editor) -> None:
    kit.befriend(xml={"standard": "ubl-2.1"}, documents={"received": {"Order": {"auto_post": False}}})
    kit.receive(UBL)
    kit.work()
    (original,) = kit.documents(direction="in")
    assert original.processing == "held"
    text = kim.open(original.id)["text"]
    endpoint = re.search(r"<cbc:EndpointID[^>]*>([^<]+)<|<cac:PartyIdentification>\s*<cbc:ID[^>]*>([^<]+)<", text)
    assert endpoint is not None
    mine = endpoint[1] or endpoint[2]
    told = kim.check(original.id, (f">{mine}<", ">9999999999999<"))
    assert told["state"] == "refused" and "cannot be edited" in told["sentence"]
    told = kim.check(original.id, ("</", "<"))
    assert not told["submittable"]


def test_a_shared_secret_is_never_shown_and_still_in_the_copy() -> None:
    data = (FIXTURES / "xml" / "cxml").rglob("*.xml")
    payload = next(each for each in (path.read_bytes() for path in data) if b"SharedSecret" in each)
    secret = re.search(rb"<SharedSecret>([^<]+)<", payload)
    assert secret is not None
    content = xml_content(payload, 0)
    assert secret[1].decode() not in content.text
    assert secret[1] in encoded(content, content.text)
    assert encoded(raw_content(payload), raw_content(payload).text) == payload.replace(b"\r\n", b"\n")
