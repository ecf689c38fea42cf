"""XML documents on their way in: known, judged, mapped, answered, and never processed twice."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from gateway.messages.ports import Received
from gateway.pipeline.xmlresponse import CxmlDesk
from tests.pipeline.pipelinekit import FIXTURES, Kit

UBL = FIXTURES / "xml" / "ubl"
CXML = FIXTURES / "xml" / "cxml"
ORDER = (UBL / "Order" / "order-with-allowances.xml").read_bytes()
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


def befriend(kit: Kit, **changes: object) -> None:
    kit.befriend(**{"xml": {"standard": "ubl-2.1"}, **changes})


def number_of(data: bytes) -> str:
    found = etree.fromstring(data).findtext("{*}ID")
    assert found is not None
    return found


def names_of(data: bytes) -> dict[str, list[str]]:
    """Text of every element of an answer by its local name."""
    found: dict[str, list[str]] = {}
    for element in etree.fromstring(data).iter(etree.Element):
        found.setdefault(etree.QName(element).localname, []).append((element.text or "").strip())
    return found


def test_a_ubl_order_reaches_the_back_office_and_is_answered(kit: Kit) -> None:
    befriend(kit)
    identity = kit.receive(ORDER)
    kit.work()
    (document,) = kit.documents(direction="in")
    assert (document.kind, document.set_id, document.standard) == ("order", "Order", "ubl-2.1")
    assert (document.processing, document.number) == ("posted", number_of(ORDER))
    (posted,) = kit.posted()
    assert (posted["number"], posted["sender"], posted["role"]) == (number_of(ORDER), "harbor", "sell")
    assert posted["envelope"]["source"]["standard"] == "ubl"
    assert kit.transmission(identity).processing == "posted"
    (answer,) = kit.partner.payloads
    said = names_of(answer)
    assert said["ResponseCode"] == ["AP"]
    assert number_of(ORDER) in said["ID"]


def test_the_same_bytes_again_are_posted_once_and_get_the_stored_answer(kit: Kit) -> None:
    befriend(kit)
    for _ in range(2):
        kit.receive(ORDER)
        kit.work()
    assert len(kit.posted()) == 1
    first, second = kit.partner.payloads
    assert first == second


def test_another_order_with_the_same_number_is_held(kit: Kit) -> None:
    befriend(kit)
    kit.receive(ORDER)
    kit.work()
    kit.receive(ORDER.replace(b"</", b" </", 1))
    kit.work()
    assert len(kit.posted()) == 1
    assert [document.processing for document in kit.documents(direction="in")] == ["posted", "held"]
    assert kit.case().fault == "duplicate_number"


def test_an_invalid_document_is_rejected_with_the_place_and_the_reason(kit: Kit) -> None:
    befriend(kit)
    kit.receive(re.sub(rb"(<cbc:IssueDate>)[^<]+", rb"\g<1>2026-13-45", ORDER))
    kit.work()
    (document,) = kit.documents(direction="in")
    assert document.processing == "rejected"
    assert kit.posted() == []
    case = kit.case()
    assert "IssueDate" in case.title
    assert "2026-13-45" in case.title
    assert case.whose_fault == "partner"
    said = names_of(kit.partner.payloads[0])
    assert said["ResponseCode"][0] == "RE"
    assert any("cbc:IssueDate" in place for place in said["LineID"])


def test_an_unknown_sender_is_held_without_an_answer(kit: Kit) -> None:
    befriend(kit)
    identity = kit.receive(ORDER, partner=None)
    kit.work()
    assert kit.transmission(identity).processing == "held"
    assert kit.case().fault == "unknown_sender"
    assert kit.partner.payloads == []


def test_a_sender_is_known_by_an_identifier_of_its_profile(kit: Kit) -> None:
    endpoint = etree.fromstring(ORDER).find("{*}BuyerCustomerParty/{*}Party/{*}EndpointID")
    assert endpoint is not None
    befriend(kit, ids={"peppol": [f"{endpoint.get('schemeID')}:{endpoint.text}"], "as2": "HARBOR"})
    kit.receive(ORDER, partner=None)
    kit.work()
    assert len(kit.posted()) == 1


def test_a_document_of_another_partner_than_the_one_that_delivered_it_is_held(kit: Kit) -> None:
    endpoint = etree.fromstring(ORDER).find("{*}BuyerCustomerParty/{*}Party/{*}EndpointID")
    assert endpoint is not None
    befriend(kit)
    befriend(
        kit,
        code="other",
        name="Other",
        ids={"peppol": [f"{endpoint.get('schemeID')}:{endpoint.text}"], "as2": "OTHER"},
    )
    kit.receive(ORDER)
    kit.work()
    assert kit.case().fault == "sender_mismatch"
    assert kit.posted() == []


def test_a_document_for_somebody_else_is_refused(kit: Kit) -> None:
    befriend(kit, ours={"xml": ["0088:1111111111116"]})
    kit.receive(ORDER)
    kit.work()
    assert kit.posted() == []
    assert kit.case().fault == "unknown_receiver"
    assert names_of(kit.partner.payloads[0])["ResponseCode"][0] == "RE"


def test_goods_that_go_to_a_depot_are_for_us_all_the_same(kit: Kit) -> None:
    befriend(kit, ours={"xml": ["0088:5790000435975"]})
    notice = etree.fromstring((UBL / "DespatchAdvice" / _first("DespatchAdvice")).read_bytes())
    party = notice.find("{*}DeliveryCustomerParty/{*}Party")
    assert party is not None
    for tag in ("EndpointID", "PartyIdentification"):
        for found in party.findall(f"{{*}}{tag}"):
            party.remove(found)
    depot = etree.Element(f"{{{CAC}}}PartyIdentification")
    etree.SubElement(depot, f"{{{CBC}}}ID", schemeID="0088").text = "5790000435982"
    party.insert(0, depot)
    kit.receive(etree.tostring(notice))
    kit.work()
    (document,) = kit.documents(direction="in")
    assert document.processing == "posted", [case.title for case in kit.cases()]


@pytest.mark.parametrize(
    "payload",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        b"<Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'><open>",
        b"<html><body>502 Bad Gateway</body></html>",
    ],
)
def test_what_is_no_business_document_is_held_with_a_sentence(kit: Kit, payload: bytes) -> None:
    befriend(kit)
    identity = kit.receive(payload)
    kit.work()
    assert kit.transmission(identity).processing == "held"
    assert kit.case().fault == "unreadable"
    assert kit.partner.payloads == []


def test_a_kind_that_the_profile_does_not_list_is_held(kit: Kit) -> None:
    befriend(kit, xml={"standard": "ubl-2.1", "documents": [{"root": "Invoice"}]})
    kit.receive(ORDER)
    kit.work()
    assert kit.posted() == []
    assert kit.case().fault == "unknown_set"


def test_a_broken_business_rule_holds_the_document_and_leaves_the_verdict_alone(kit: Kit) -> None:
    befriend(kit)
    wrong = re.sub(
        rb"(<cbc:PayableAmount[^>]*>)[^<]+", rb"\g<1>1.00", (UBL / "Invoice" / _first("Invoice")).read_bytes()
    )
    kit.receive(wrong)
    kit.work()
    (document,) = kit.documents(direction="in")
    assert document.processing == "held"
    assert kit.case().fault == "business_rule"
    assert names_of(kit.partner.payloads[0])["ResponseCode"][0] == "AB"


def _first(root: str) -> str:
    return sorted(path.name for path in (UBL / root).iterdir())[0]


def test_answers_are_sent_as_the_profile_says(kit: Kit) -> None:
    befriend(kit, xml={"standard": "ubl-2.1", "answer": "on_error"})
    kit.receive(ORDER)
    kit.work()
    assert kit.partner.payloads == []
    kit.receive(re.sub(rb"(<cbc:IssueDate>)[^<]+", rb"\g<1>never", ORDER))
    kit.work()
    assert len(kit.partner.payloads) == 1


def test_a_cxml_order_is_answered_by_a_status_update_where_no_connection_waits(kit: Kit) -> None:
    befriend(kit, xml={"standard": "cxml-1.2"})
    kit.receive((CXML / "OrderRequest" / "new-order.xml").read_bytes())
    kit.work()
    (document,) = kit.documents(direction="in")
    assert (document.kind, document.set_id, document.processing) == ("order", "OrderRequest", "posted")
    update = etree.fromstring(kit.partner.payloads[0])
    status = update.find("Request/StatusUpdateRequest/Status")
    assert status is not None
    assert status.get("code") == "200"


def test_a_cxml_order_over_http_is_not_answered_a_second_time(kit: Kit) -> None:
    befriend(kit, xml={"standard": "cxml-1.2"})
    kit.inbox.receive(
        Received(
            transport="http",
            partner="harbor",
            payload=(CXML / "OrderRequest" / "new-order.xml").read_bytes(),
            transport_id="payload:1",
        )
    )
    kit.work()
    assert len(kit.posted()) == 1
    assert kit.partner.payloads == []


def test_a_profile_request_is_nothing_for_the_back_office_and_no_case(kit: Kit) -> None:
    befriend(kit, xml={"standard": "cxml-1.2"})
    request = next((CXML / "other").glob("profile-request*.xml")).read_bytes()
    kit.receive(request)
    kit.work()
    (document,) = kit.documents(direction="in")
    assert (document.set_id, document.processing) == ("ProfileRequest", "posted")
    assert kit.cases() == []
    assert kit.posted() == []


def test_the_response_to_a_request_that_is_held_says_that_it_waits(kit: Kit) -> None:
    befriend(kit, xml={"standard": "cxml-1.2"}, status="paused")
    answer = CxmlDesk(kit.pipeline).answer("harbor", (CXML / "OrderRequest" / "new-order.xml").read_bytes())
    assert answer is not None
    status = etree.fromstring(answer[1].body).find("Response/Status")
    assert status is not None
    assert status.get("code") == "201"
