"""Required elements of cXML that may be empty: added where they are missing, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.resources import find
from gateway.standards.xml.complete import complete_cxml
from gateway.standards.xml.identify import identify_xml
from gateway.standards.xml.parsing import parse_xml

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml" / "cxml"
VALID = sorted(path for path in FIXTURES.glob("*Request/*.xml"))


def request(text: str) -> etree._Element:
    return complete_cxml(parse_xml(text.encode()).root)


def is_valid(element: etree._Element) -> bool:
    return etree.XMLSchema(file=str(find("schemas/cxml/cXML.xsd"))).validate(element)


@pytest.mark.parametrize("path", VALID, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_valid_request_stays_as_it_is(path: Path) -> None:
    content = identify_xml(parse_xml(path.read_bytes()))[0].content
    before = etree.tostring(content)
    assert etree.tostring(complete_cxml(content)) == before


def test_what_an_order_line_must_have_is_added_empty_and_in_its_place() -> None:
    item = request(
        "<ItemOut quantity='1'><ItemDetail><UnitPrice><Money currency='USD'>1</Money></UnitPrice>"
        "<UnitOfMeasure>EA</UnitOfMeasure><LeadTime>3</LeadTime></ItemDetail></ItemOut>"
    )
    assert [child.tag for child in item] == ["ItemID", "ItemDetail"]
    assert [child.tag for child in item[1]] == [
        "UnitPrice",
        "Description",
        "UnitOfMeasure",
        "Classification",
        "LeadTime",
    ]
    assert is_valid(item)


def test_a_reference_gets_a_payload_id_that_says_nothing() -> None:
    reference = request("<OrderReference orderID='1'/>")
    assert (
        etree.tostring(reference) == b'<OrderReference orderID="1"><DocumentReference payloadID=""/></OrderReference>'
    )


def test_a_package_without_code_and_dimension_gets_a_code() -> None:
    package = request("<Packaging><ShippingContainerSerialCode>1</ShippingContainerSerialCode></Packaging>")
    assert package[0].tag == "PackagingCode"
    assert is_valid(package)
    measured = (
        "<Packaging><Dimension type='weight' quantity='1'><UnitOfMeasure>KGM</UnitOfMeasure></Dimension></Packaging>"
    )
    assert len(request(measured)) == 1


def test_the_shipping_of_an_invoice_gets_both_its_contacts_and_the_carrier_of_its_number() -> None:
    shipping = request("<InvoiceDetailShipping><ShipmentIdentifier>1Z9</ShipmentIdentifier></InvoiceDetailShipping>")
    assert [child.tag for child in shipping] == ["Contact", "Contact", "CarrierIdentifier", "ShipmentIdentifier"]
    assert is_valid(shipping)
    assert is_valid(request("<InvoiceDetailShipping shippingDate='2026-03-12'/>"))


def test_terms_of_delivery_without_a_code_say_other() -> None:
    terms = request("<TermsOfDelivery><ShippingPaymentMethod value='Collect'/></TermsOfDelivery>")
    assert (terms[0].tag, terms[0].get("value")) == ("TermsOfDeliveryCode", "Other")
    assert is_valid(terms)


def test_an_amount_is_never_made_up() -> None:
    summary = request("<InvoiceDetailSummary/>")
    assert len(summary) == 0
    assert not is_valid(summary)


def test_an_unknown_element_is_left_alone() -> None:
    assert (
        etree.tostring(request("<Extrinsic name='a'><Mine/></Extrinsic>")) == b'<Extrinsic name="a"><Mine/></Extrinsic>'
    )
