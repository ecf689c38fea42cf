"""Which business documents a file holds, and who sent them to whom."""

import pytest

from gateway.standards.xml.identify import KINDS, SBDH, identify_xml
from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import XmlRefused, parse_xml
from tests.attacks.xml_inputs import CXML_DOCTYPE, UBL, cxml, order

CAC = f"{UBL}CommonAggregateComponents-2"
CBC = f"{UBL}CommonBasicComponents-2"


def identities(text, **options):
    return identify_xml(parse_xml(text.encode()), **options)


def identity(text):
    (only,) = identities(text)
    return only


def ubl(root, body, namespace=None):
    spaces = f'xmlns="{namespace or UBL + root + "-2"}" xmlns:a="{CAC}" xmlns:b="{CBC}"'
    return f"<{root} {spaces}>{body}</{root}>"


def side(name, value, scheme=""):
    attribute = f' schemeID="{scheme}"' if scheme else ""
    party = f"<a:Party><b:EndpointID{attribute}>{value}</b:EndpointID></a:Party>"
    return f"<a:{name}>{party}</a:{name}>"


def test_a_ubl_document_is_known_by_its_namespace_whatever_its_prefixes():
    found = identity(
        ubl("Order", "<b:UBLVersionID>2.1</b:UBLVersionID><b:ID> PO-1 </b:ID><b:IssueDate>2026-03-02</b:IssueDate>")
    )
    assert (found.format, found.root, found.kind, found.number) == ("ubl", "Order", "order", "PO-1")
    assert (found.standard, found.control, found.issued) == ("ubl-2.1", "PO-1", "2026-03-02")
    assert found.content is found.document
    assert found.sbdh is None


def test_the_identifiers_of_a_party_come_in_the_order_of_how_telling_they_are():
    party = (
        "<a:BuyerCustomerParty><a:Party>"
        '<b:EndpointID schemeID="0088">7300010000001</b:EndpointID>'
        '<a:PartyIdentification><b:ID schemeID="GLN">1</b:ID></a:PartyIdentification>'
        "<a:PartyIdentification><b:ID>2</b:ID></a:PartyIdentification>"
        "<a:PartyName><b:Name>Harbor Retail</b:Name></a:PartyName>"
        "<a:PartyTaxScheme><b:CompanyID>DE1</b:CompanyID></a:PartyTaxScheme>"
        "<a:PartyLegalEntity><b:RegistrationName>Harbor GmbH</b:RegistrationName><b:CompanyID>3</b:CompanyID>"
        "</a:PartyLegalEntity></a:Party></a:BuyerCustomerParty>"
    )
    found = identity(ubl("Order", party))
    assert [(each.kind, str(each)) for each in found.sender] == [
        ("endpoint", "0088:7300010000001"),
        ("identification", "GLN:1"),
        ("identification", "2"),
        ("company", "3"),
        ("tax", "DE1"),
        ("name", "Harbor Retail"),
    ]
    assert found.receiver == ()


@pytest.mark.parametrize(
    ("root", "sender", "receiver"),
    [
        ("Order", "BuyerCustomerParty", "SellerSupplierParty"),
        ("OrderCancellation", "BuyerCustomerParty", "SellerSupplierParty"),
        ("OrderResponse", "SellerSupplierParty", "BuyerCustomerParty"),
        ("DespatchAdvice", "DespatchSupplierParty", "DeliveryCustomerParty"),
        ("DespatchAdvice", "SellerSupplierParty", "BuyerCustomerParty"),
        ("ReceiptAdvice", "DeliveryCustomerParty", "DespatchSupplierParty"),
        ("Invoice", "AccountingSupplierParty", "AccountingCustomerParty"),
        ("CreditNote", "AccountingSupplierParty", "AccountingCustomerParty"),
        ("InventoryReport", "InventoryReportingParty", "RetailerCustomerParty"),
    ],
)
def test_who_sends_a_document_depends_on_what_it_is(root, sender, receiver):
    found = identity(ubl(root, side(sender, "1", "9") + side(receiver, "2", "9")))
    assert (str(found.sender[0]), str(found.receiver[0])) == ("9:1", "9:2")


def test_a_self_billed_invoice_is_sent_by_the_customer():
    parties = side("AccountingSupplierParty", "1") + side("AccountingCustomerParty", "2")
    found = identity(ubl("Invoice", "<b:InvoiceTypeCode>389</b:InvoiceTypeCode>" + parties))
    assert (str(found.sender[0]), str(found.receiver[0])) == ("2", "1")


def test_the_parties_of_an_application_response_have_no_party_in_between():
    parties = "".join(
        f"<a:{name}><b:EndpointID>{number}</b:EndpointID></a:{name}>"
        for number, name in enumerate(("SenderParty", "ReceiverParty"), 1)
    )
    found = identity(ubl("ApplicationResponse", parties))
    assert (str(found.sender[0]), str(found.receiver[0])) == ("1", "2")


def test_the_profile_of_a_ubl_document_is_read():
    found = identity(ubl("Order", "<b:CustomizationID>c</b:CustomizationID><b:ProfileID>p</b:ProfileID>"))
    assert (found.customization, found.profile, found.number, found.control, found.standard) == (
        "c",
        "p",
        None,
        "",
        "ubl",
    )


def test_a_cxml_document_names_its_request_credentials_and_version():
    found = identity(CXML_DOCTYPE + cxml())
    assert (found.format, found.root, found.document_name, found.standard) == (
        "cxml",
        "ProfileRequest",
        "cXML",
        "cxml-1.2.063",
    )
    assert (found.control, found.issued, found.test) == ("1@example", "2026-03-02T10:00:00+00:00", False)
    assert [str(each[0]) for each in (found.sender, found.receiver, found.transmitter)] == [
        "DUNS:1",
        "DUNS:2",
        "DUNS:1",
    ]
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    ("root", "header", "attribute"),
    [
        ("OrderRequest", "OrderRequestHeader", "orderID"),
        ("ConfirmationRequest", "ConfirmationHeader", "confirmID"),
        ("ShipNoticeRequest", "ShipNoticeHeader", "shipmentID"),
        ("InvoiceDetailRequest", "InvoiceDetailRequestHeader", "invoiceID"),
    ],
)
def test_each_cxml_request_carries_its_number_in_its_header(root, header, attribute):
    text = (
        '<cXML payloadID="p" version="1.2.050"><Request deploymentMode="test">'
        f'<{root}><{header} {attribute}="7"/></{root}>'
        "</Request></cXML>"
    )
    found = identity(text)
    assert (found.root, found.kind, found.number, found.test) == (root, KINDS["cxml"][root], "7", True)
    assert found.standard == "cxml-1.2.050"
    assert found.content.tag == root


@pytest.mark.parametrize(
    ("body", "root"),
    [
        ('<Response><Status code="200"/></Response>', "Response"),
        ("<Message><PunchOutOrderMessage/></Message>", "PunchOutOrderMessage"),
        ("<Request/>", "Request"),
        ("", "cXML"),
    ],
)
def test_other_cxml_documents_are_named_by_what_they_hold(body, root):
    found = identity(f"<cXML version='1.0'>{body}</cXML>")
    assert (found.root, found.standard, found.number, found.sender) == (root, "cxml-1.2", None, ())


def sbdh(*documents, header=""):
    return f'<s:StandardBusinessDocument xmlns:s="{SBDH}">{header}{"".join(documents)}</s:StandardBusinessDocument>'


HEADER = (
    "<s:StandardBusinessDocumentHeader><s:HeaderVersion>1.0</s:HeaderVersion>"
    '<s:Sender><s:Identifier Authority="iso6523-actorid-upis">0088:1</s:Identifier></s:Sender>'
    "<s:Receiver><s:Identifier>0088:2</s:Identifier></s:Receiver>"
    "<s:DocumentIdentification><s:Standard>urn:std</s:Standard><s:TypeVersion>2.1</s:TypeVersion>"
    "<s:InstanceIdentifier>uuid-1</s:InstanceIdentifier><s:Type>Order</s:Type>"
    "<s:CreationDateAndTime>2026-03-02T10:00:00Z</s:CreationDateAndTime></s:DocumentIdentification>"
    "<s:BusinessScope><s:Scope><s:Type>DOCUMENTID</s:Type><s:InstanceIdentifier>doc</s:InstanceIdentifier></s:Scope>"
    "</s:BusinessScope></s:StandardBusinessDocumentHeader>"
)


def test_a_standard_business_document_header_goes_before_what_the_document_says():
    first, second = identities(sbdh(order(), order(), header=HEADER))
    assert [str(each) for each in first.sender] == ["iso6523-actorid-upis:0088:1", "Harbor Retail"]
    assert [str(each) for each in first.receiver] == ["0088:2", "Alpine Supply"]
    assert (first.control, first.number, first.position, second.position) == ("uuid-1", "PO-1", 1, 2)
    header = first.sbdh
    assert (header.instance, header.type, header.standard, header.created) == (
        "uuid-1",
        "Order",
        "urn:std",
        "2026-03-02T10:00:00Z",
    )
    assert header.scopes == (("DOCUMENTID", "doc"),)


def test_cxml_and_unknown_documents_may_stand_behind_a_header_too():
    found = identities(sbdh(cxml(), "<x/>", header=HEADER))
    assert [(each.format, each.root, each.control) for each in found] == [
        ("cxml", "ProfileRequest", "1@example"),
        ("xml", "x", "uuid-1"),
    ]
    assert [str(each) for each in found[0].sender] == ["iso6523-actorid-upis:0088:1", "DUNS:1"]


def test_a_header_without_a_document_is_refused():
    with pytest.raises(XmlRefused, match="no document in it"):
        identities(sbdh(header=HEADER))


@pytest.mark.parametrize("wrapped", ["<orders>{}{}</orders>", "<mail><part>{}</part><part>{}</part></mail>"])
def test_documents_below_an_unknown_element_are_found(wrapped):
    found = identities(wrapped.format(order(), order()))
    assert [(each.root, each.position) for each in found] == [("Order", 1), ("Order", 2)]


def test_a_header_may_hold_a_wrapper():
    assert [each.root for each in identities(sbdh(f"<w>{order()}</w>"))] == ["Order"]


@pytest.mark.parametrize(
    "text",
    ["<orders>{}</orders>", "<s:StandardBusinessDocument xmlns:s='" + SBDH + "'>{}</s:StandardBusinessDocument>"],
)
def test_too_many_documents_are_refused(text):
    with pytest.raises(XmlRefused, match="more than 2 business documents"):
        identities(text.format(order() * 3), limits=XmlLimits(max_documents=2))


@pytest.mark.parametrize("text", ["<a><b><c><Order/></c></b></a>", f'<x:ID xmlns:x="{CBC}"/>'])
def test_what_is_of_no_family_is_xml(text):
    found = identity(text)
    assert (found.format in ("xml", "ubl"), found.kind, found.sender) == (True, None, ())
