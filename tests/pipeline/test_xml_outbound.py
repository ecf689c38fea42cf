"""Documents on their way out as UBL and cXML: crossed, checked like a partner's own, and matched with their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import etree

from gateway.messages.ports import Answer, DeliveryOutcome, Outcome
from gateway.pipeline.outbound import RefusedError, Submitted, submit_document
from gateway.standards.xml.acknowledge import acknowledge_xml, cxml_response
from gateway.standards.xml.check import check_xml
from tests.pipeline.pipelinekit import NOW, Kit

ORDER: dict[str, Any] = {
    "kind": "order",
    "number": "PO-7",
    "issue_date": "2026-11-20",
    "currency": "EUR",
    "parties": [{"type": "ship_to", "name": "Depot", "address": {"city": "Gent", "country": "BE"}}],
    "lines": [
        {
            "line_id": "1",
            "quantity": "12",
            "unit": "EA",
            "price": "4.50",
            "item_ids": [{"scheme": "vendor_item", "value": "MUG-1"}],
            "descriptions": [{"text": "Mug"}],
        }
    ],
}
UBL: dict[str, Any] = {
    "ids": {"peppol": ["0088:5790000435975"], "as2": "HARBOR"},
    "ours": {"xml": ["0088:5798000430012"]},
    "xml": {"standard": "ubl-2.1", "answer_hours": 24},
}
CXML: dict[str, Any] = {
    "ids": {"cxml": [{"domain": "NetworkID", "identity": "AN01"}], "as2": "HARBOR"},
    "ours": {"xml": ["NetworkID:AN02"]},
    "xml": {"standard": "cxml-1.2", "answer_hours": 24},
}


def submit(kit: Kit, document: dict[str, Any] = ORDER) -> Submitted:
    done = submit_document(kit.pipeline, json.dumps(document).encode(), partner="harbor")
    kit.work()
    return done


def test_an_order_goes_out_as_valid_ubl_between_the_two_parties(kit: Kit) -> None:
    kit.befriend(**UBL)
    submit(kit)
    (sent,) = kit.partner.payloads
    checked = check_xml(sent)
    assert checked.verdict == "accepted"
    (document,) = checked.documents
    assert (document.set_id, document.number) == ("Order", "PO-7")
    assert "0088:5790000435975" in [str(each) for each in document.identity.receiver]
    assert "0088:5798000430012" in [str(each) for each in document.identity.sender]
    endpoints = [each.text for each in etree.fromstring(sent).iter("{*}EndpointID")]
    assert endpoints == ["5798000430012", "5790000435975"]
    (row,) = kit.documents(direction="out")
    assert (row.standard, row.set_id, row.acknowledgement) == ("ubl-2.1", "Order", "awaited")
    delivery, _ = kit.partner.sent[0]
    assert delivery.content_type == "application/xml"
    assert delivery.filename == "Order-PO-7.xml"


def test_the_partners_application_response_settles_the_acknowledgement(kit: Kit) -> None:
    kit.befriend(**UBL)
    submit(kit)
    answer = acknowledge_xml(check_xml(kit.partner.payloads[0]).documents[0], now=NOW, message_id="AR-1")
    assert answer is not None
    kit.receive(answer)
    kit.work()
    (row,) = kit.documents(direction="out")
    assert row.acknowledgement == "accepted"
    (received,) = kit.documents(direction="in")
    assert received.processing == "posted"
    assert kit.posted() == []
    assert kit.cases() == []


def test_a_rejecting_application_response_opens_a_case(kit: Kit) -> None:
    kit.befriend(**UBL)
    submit(kit)
    answer = acknowledge_xml(check_xml(kit.partner.payloads[0]).documents[0], now=NOW, message_id="AR-1")
    assert answer is not None
    kit.receive(answer.replace(b">AP<", b">RE<"))
    kit.work()
    (row,) = kit.documents(direction="out")
    assert row.acknowledgement == "rejected"
    assert kit.case().fault == "rejected_by_partner"


def test_an_answer_about_something_we_never_sent_is_a_case(kit: Kit) -> None:
    kit.befriend(**UBL)
    submit(kit)
    answer = acknowledge_xml(check_xml(kit.partner.payloads[0]).documents[0], now=NOW, message_id="AR-1")
    assert answer is not None
    kit.receive(answer.replace(b"PO-7", b"PO-8"))
    kit.work()
    assert kit.case().fault == "acknowledgement_unmatched"


def test_the_same_document_twice_is_sent_once(kit: Kit) -> None:
    kit.befriend(**UBL)
    assert not submit(kit).already
    assert submit(kit).already
    assert len(kit.partner.payloads) == 1


def test_a_document_without_a_currency_is_refused_with_what_to_do(kit: Kit) -> None:
    kit.befriend(**UBL)
    document = {key: value for key, value in ORDER.items() if key != "currency"}
    with pytest.raises(RefusedError) as refused:
        submit(kit, document)
    assert any("currency" in reason.message for reason in refused.value.reasons)
    kit.befriend(**{**UBL, "xml": {**UBL["xml"], "currency": "USD"}})
    submit(kit, document)
    assert b'currencyID="USD"' in kit.partner.payloads[0]


def test_what_does_not_add_up_is_not_sent(kit: Kit) -> None:
    kit.befriend(**UBL)
    invoice = {
        **{key: ORDER[key] for key in ("currency", "lines", "issue_date")},
        "kind": "invoice",
        "number": "I-1",
        "order_number": "PO-7",
        "totals": {"total": "99.00"},
    }
    with pytest.raises(RefusedError):
        submit(kit, invoice)
    assert kit.documents(direction="out") == []


def test_an_order_goes_out_as_valid_cxml_with_both_credentials(kit: Kit) -> None:
    kit.befriend(**CXML)
    submit(kit)
    root = etree.fromstring(kit.partner.payloads[0])
    assert root.findtext("Header/From/Credential/Identity") == "AN02"
    assert root.findtext("Header/To/Credential/Identity") == "AN01"
    assert check_xml(kit.partner.payloads[0]).verdict == "accepted"
    (row,) = kit.documents(direction="out")
    assert (row.standard, row.set_control) == ("cxml-1.2", root.get("payloadID"))


def test_the_response_on_the_connection_settles_the_acknowledgement(kit: Kit) -> None:
    kit.befriend(**{**CXML, "delivery": {"transport": "http"}})
    kit.pipeline.delivery = {"http": kit.partner}
    body = cxml_response(200, "Taken.", now=NOW, message_id="R-1")
    kit.partner.outcomes = [DeliveryOutcome(Outcome.CONFIRMED, "Taken.", 200, Answer(200, (), body))]
    submit(kit)
    (row,) = kit.documents(direction="out")
    assert row.acknowledgement == "accepted"


def test_a_refusing_response_rejects_the_document(kit: Kit) -> None:
    kit.befriend(**{**CXML, "delivery": {"transport": "http"}})
    kit.pipeline.delivery = {"http": kit.partner}
    body = cxml_response(406, "There is no item 9.", now=NOW, message_id="R-1")
    kit.partner.outcomes = [DeliveryOutcome(Outcome.CONFIRMED, "Answered.", 200, Answer(200, (), body))]
    submit(kit)
    (row,) = kit.documents(direction="out")
    assert row.acknowledgement == "rejected"
    assert "There is no item 9." in kit.case().title


def test_a_profile_without_credentials_refuses_with_the_field_to_fill(kit: Kit) -> None:
    kit.befriend(**{**CXML, "ids": {"as2": "HARBOR"}})
    with pytest.raises(RefusedError) as refused:
        submit(kit)
    assert [reason.path for reason in refused.value.reasons] == ["ids.cxml"]


def test_an_order_received_as_ubl_goes_on_as_x12(kit: Kit) -> None:
    kit.befriend(**UBL)
    submit(kit)
    kit.befriend(
        **{**UBL, "ids": {"peppol": UBL["ours"]["xml"], "as2": "HARBOR"}, "ours": {"xml": UBL["ids"]["peppol"]}}
    )
    kit.receive(kit.partner.payloads[0])
    kit.work()
    (received,) = kit.posted()
    kit.befriend()
    received.pop("id")
    received["number"] = "PO-8"
    submit(kit, received)
    assert kit.answers()[-1]["BEG"][0][2] == "PO-8"
