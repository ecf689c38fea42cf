"""A small UBL order, and a way to break it, for tests of schemas and rules."""

from lxml import etree

from gateway.standards.xml.parsing import parse_xml

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
HEAD = (
    f'<Order xmlns="{UBL}Order-2" xmlns:cac="{UBL}CommonAggregateComponents-2"'
    f' xmlns:cbc="{UBL}CommonBasicComponents-2">\n'
)
TOP = """<cbc:ID>PO-1</cbc:ID>
<cbc:IssueDate>2026-03-02</cbc:IssueDate>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:BuyerCustomerParty/>
<cac:SellerSupplierParty/>
"""
LINE = """<cac:OrderLine><cac:LineItem>
<cbc:ID>1</cbc:ID>
<cbc:Quantity unitCode="EA">3</cbc:Quantity>
<cbc:LineExtensionAmount currencyID="EUR">30.00</cbc:LineExtensionAmount>
<cac:Price><cbc:PriceAmount currencyID="EUR">10.00</cbc:PriceAmount></cac:Price>
<cac:Item><cbc:Name>Paper</cbc:Name></cac:Item>
</cac:LineItem></cac:OrderLine>
"""
ORDER = f"{HEAD}{TOP}{LINE}</Order>"


def order(*changes: tuple[str, str], lines: str = LINE) -> etree._Element:
    """The order with texts replaced, each of which must be there."""
    text = f"{HEAD}{TOP}{lines}</Order>"
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_xml(text.encode()).root
