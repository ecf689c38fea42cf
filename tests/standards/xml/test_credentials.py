"""The cXML header: its credentials, the shared secret, and headers and envelopes of our own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.resources import find
from gateway.standards.xml.credentials import (
    MASK,
    Credential,
    CxmlHeader,
    EnvelopeFacts,
    SecretVerdict,
    document_type,
    mask_secrets,
    read_envelope_header,
    read_header,
    same_party,
    timestamp_text,
    verify_secret,
    write_cxml,
    write_header,
)
from gateway.standards.xml.parsing import parse_xml, serialise

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml" / "cxml"
BUYER = Credential("NetworkID", "AN01000002792")
SELLER = Credential("DUNS", "942888711")
NOW = datetime(2026, 3, 2, 19, 15, 7, 250_000, tzinfo=UTC)


def order() -> etree._Element:
    return parse_xml((FIXTURES / "OrderRequest" / "new-order.xml").read_bytes()).root


def header_of(root: etree._Element) -> etree._Element:
    header = root.find("Header")
    assert header is not None
    return header


def header(xml: str) -> etree._Element:
    return parse_xml(xml.encode()).root


def with_secret(secret: str, domain: str = "NetworkID", identity: str = "AN1") -> etree._Element:
    root = etree.Element("Header")
    credential = etree.SubElement(etree.SubElement(root, "Sender"), "Credential", domain=domain)
    etree.SubElement(credential, "Identity").text = identity
    etree.SubElement(credential, "SharedSecret").text = secret
    return root


def test_a_header_names_its_parties_without_their_secrets() -> None:
    found = read_envelope_header(order())
    assert found == CxmlHeader(
        sender=(BUYER,),
        receiver=(SELLER,),
        transmitter=(Credential("NetworkID", "AN01000002792", proof="shared_secret"),),
        user_agent="Hanover Procurement 7.2",
    )
    assert "letter-box-47" not in repr(found)


def test_a_response_has_no_header() -> None:
    assert read_envelope_header(parse_xml((FIXTURES / "other" / "response-ok.xml").read_bytes()).root) is None


def test_what_a_header_lacks_is_empty() -> None:
    found = read_header(header("<Header><From><Credential/></From><Sender/></Header>"))
    assert found == CxmlHeader(sender=(Credential("", ""),), receiver=())


@pytest.mark.parametrize(
    ("proof", "word"),
    [("CredentialMac", "credential_mac"), ("DigitalSignature", "digital_signature"), ("SharedSecret", "shared_secret")],
)
def test_the_kind_of_proof_is_told(proof: str, word: str) -> None:
    found = read_header(
        header(
            f'<Header><Sender><Credential domain=" DUNS " type="marketplace"><Identity> 1 </Identity><{proof}/>'
            "</Credential></Sender></Header>"
        )
    )
    assert found.transmitter == (Credential("DUNS", "1", "marketplace", word),)


def test_the_agreed_secret_is_right_and_any_other_wrong() -> None:
    found = header_of(order())
    assert verify_secret(found, ["letter-box-47"]) is SecretVerdict.RIGHT
    assert verify_secret(found, ["old-secret", "letter-box-47"]) is SecretVerdict.RIGHT
    assert verify_secret(found, ["letter-box-48"]) is SecretVerdict.WRONG
    assert verify_secret(found, ["letter-box-47 "]) is SecretVerdict.WRONG


def test_without_an_agreed_secret_none_is_right() -> None:
    assert verify_secret(header_of(order()), []) is SecretVerdict.WRONG
    assert verify_secret(header_of(order()), [""]) is SecretVerdict.WRONG


@pytest.mark.parametrize(
    "xml",
    [
        "<Header/>",
        "<Header><Sender><Credential><Identity>1</Identity></Credential></Sender></Header>",
        "<Header><Sender><Credential><SharedSecret/></Credential></Sender></Header>",
        "<Header><Sender><Credential><SharedSecret> \n</SharedSecret></Credential></Sender></Header>",
        "<Header><From><Credential><SharedSecret>s</SharedSecret></Credential></From></Header>",
    ],
)
def test_a_header_without_a_secret_of_its_sender_has_none(xml: str) -> None:
    assert verify_secret(header(xml), ["s", ""]) is SecretVerdict.MISSING


def test_only_the_named_sender_s_secret_counts() -> None:
    found = with_secret("s", "networkid", "AN1")
    assert verify_secret(found, ["s"], sender=Credential("NetworkID", "AN1")) is SecretVerdict.RIGHT
    assert verify_secret(found, ["s"], sender=Credential("NetworkID", "AN2")) is SecretVerdict.MISSING


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1), st.text(max_size=30))
def test_a_secret_is_right_only_when_it_is_equal(secret: str, other: str) -> None:
    found = with_secret(secret)
    assert verify_secret(found, [secret]) is SecretVerdict.RIGHT
    assert (verify_secret(found, [other]) is SecretVerdict.RIGHT) == (other == secret)


def test_masking_takes_every_proof_out_of_a_copy() -> None:
    root = order()
    secret = header_of(root).find("Sender/Credential/SharedSecret")
    assert secret is not None
    etree.SubElement(secret, "Part").text = "hidden-part"
    masked = serialise(mask_secrets(root))
    assert b"letter-box-47" not in masked
    assert b"hidden-part" not in masked
    assert f"<SharedSecret>{MASK}</SharedSecret>".encode() in masked
    assert secret.text == "letter-box-47"


def test_parties_are_the_same_by_identity_and_by_domain_in_any_case() -> None:
    assert same_party([Credential("DUNS", "1")], [Credential("x", "9"), Credential("Duns", "1")])
    assert not same_party([Credential("DUNS", "1")], [Credential("DUNS", "2")])
    assert not same_party([], [Credential("DUNS", "2")])


def test_a_written_header_is_read_again_with_the_secret_beside_the_first_credential() -> None:
    facts = CxmlHeader((SELLER, Credential("NetworkID", "AN2", "marketplace")), (BUYER,), user_agent="Gateway 1.0")
    element = write_header(facts, secret="garden-gate-12")
    assert verify_secret(element, ["garden-gate-12"]) is SecretVerdict.RIGHT
    assert len(list(element.iter("SharedSecret"))) == 1
    found = read_header(element)
    assert (found.sender, found.receiver, found.user_agent) == (facts.sender, facts.receiver, "Gateway 1.0")
    assert [each.proof for each in found.transmitter] == ["shared_secret", ""]


def test_a_header_without_a_secret_has_no_element_for_it() -> None:
    assert write_header(CxmlHeader((SELLER,), (BUYER,))).find(".//SharedSecret") is None


@pytest.mark.parametrize("facts", [CxmlHeader((), (BUYER,)), CxmlHeader((SELLER,), ())])
def test_a_party_without_a_credential_is_refused(facts: CxmlHeader) -> None:
    with pytest.raises(ValueError, match="no credential"):
        write_header(facts)


def test_an_envelope_of_ours_is_valid_and_says_what_it_was_told() -> None:
    body = order().find("Request/OrderRequest")
    assert body is not None
    facts = EnvelopeFacts("77@gateway.example", NOW, test=True)
    root = write_cxml(body, facts, header=CxmlHeader((BUYER,), (SELLER,), user_agent="G"), secret="s")
    tree = parse_xml(serialise(root, doctype=document_type("OrderRequest")))
    schema = etree.XMLSchema(file=str(find("schemas/cxml/cXML.xsd")))
    assert schema.validate(tree.root), schema.error_log
    assert tree.cxml_version == "1.2.063"
    assert tree.root.get("payloadID") == "77@gateway.example"
    assert tree.root.get("timestamp") == "2026-03-02T19:15:07+00:00"
    request = tree.root.find("Request")
    assert request is not None
    assert request.get("deploymentMode") == "test"


def test_a_request_without_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="OrderRequest needs a header"):
        write_cxml(etree.Element("OrderRequest"), EnvelopeFacts("1", NOW))


def test_a_language_may_be_left_out() -> None:
    root = write_cxml(etree.Element("Response"), EnvelopeFacts("1", NOW, language=""))
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        timestamp_text(datetime(2026, 3, 2))


@pytest.mark.parametrize(
    ("body", "dtd"),
    [("OrderRequest", "cXML"), ("ShipNoticeRequest", "Fulfill"), ("InvoiceDetailRequest", "InvoiceDetail")],
)
def test_each_document_names_its_own_dtd(body: str, dtd: str) -> None:
    assert document_type(body, "1.2.050").endswith(f'/1.2.050/{dtd}.dtd">')
