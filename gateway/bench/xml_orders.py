"""UBL orders of known shape for measurements: the same bytes for the same number of lines."""

from __future__ import annotations

__all__ = ["LARGE_LINES", "SMALL_LINES", "ubl_order"]

#: Lines of an order of about 17 KB.
SMALL_LINES = 21
#: Lines of an order of about 3 MB.
LARGE_LINES = 5_000

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:UBLVersionID>2.1</cbc:UBLVersionID>
<cbc:CustomizationID>urn:fdc:peppol.eu:poacc:trns:order:3</cbc:CustomizationID>
<cbc:ProfileID>urn:fdc:peppol.eu:poacc:bis:ordering:3</cbc:ProfileID>
<cbc:ID>BENCH-1</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate><cbc:OrderTypeCode>220</cbc:OrderTypeCode>
<cbc:Note>Deliver to dock four, mornings only</cbc:Note>
<cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>
"""
_PARTY = """<cac:{role}><cac:Party><cbc:EndpointID schemeID="0088">{gln}</cbc:EndpointID>
<cac:PartyIdentification><cbc:ID schemeID="0088">{gln}</cbc:ID></cac:PartyIdentification>
<cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>
<cac:PostalAddress><cbc:StreetName>{street}</cbc:StreetName><cbc:CityName>{city}</cbc:CityName>
<cbc:PostalZone>{code}</cbc:PostalZone><cbc:CountrySubentity>{state}</cbc:CountrySubentity>
<cac:Country><cbc:IdentificationCode>US</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName></cac:PartyLegalEntity>
<cac:Contact><cbc:Name>Order desk</cbc:Name><cbc:Telephone>+1 214 555 0100</cbc:Telephone>
<cbc:ElectronicMail>orders@bench.example</cbc:ElectronicMail></cac:Contact></cac:Party></cac:{role}>
"""
_PARTIES = (
    ("BuyerCustomerParty", "9501101530003", "Bench Stores", "1 Main Street", "Dallas", "75201", "TX"),
    ("SellerSupplierParty", "9501101530010", "Bench Supply", "9 Mill Road", "Akron", "44308", "OH"),
)
_DELIVERY = """<cac:Delivery><cac:RequestedDeliveryPeriod><cbc:StartDate>2026-03-20</cbc:StartDate>
</cac:RequestedDeliveryPeriod></cac:Delivery>
"""
_LINE = """<cac:OrderLine><cac:LineItem><cbc:ID>{number}</cbc:ID><cbc:Quantity unitCode="EA">{quantity}</cbc:Quantity>
<cbc:LineExtensionAmount currencyID="USD">{amount}</cbc:LineExtensionAmount>
<cac:Price><cbc:PriceAmount currencyID="USD">{price}</cbc:PriceAmount></cac:Price>
<cac:Item><cbc:Description>Article {number} of the bench, blue</cbc:Description><cbc:Name>Article {number}</cbc:Name>
<cac:BuyersItemIdentification><cbc:ID>B{number:06}</cbc:ID></cac:BuyersItemIdentification>
<cac:SellersItemIdentification><cbc:ID>S{number:06}</cbc:ID></cac:SellersItemIdentification>
<cac:StandardItemIdentification><cbc:ID schemeID="0160">{gtin}</cbc:ID></cac:StandardItemIdentification>
</cac:Item></cac:LineItem></cac:OrderLine>
"""


def ubl_order(lines: int) -> bytes:
    """A valid UBL 2.1 Order with this many lines."""
    parts = [_HEAD]
    for role, gln, name, street, city, code, state in _PARTIES:
        parts.append(_PARTY.format(role=role, gln=gln, name=name, street=street, city=city, code=code, state=state))
    parts.append(_DELIVERY)
    for number in range(1, lines + 1):
        quantity, cents = 1 + number % 48, 100 + number * 7 % 9_900
        parts.append(
            _LINE.format(
                number=number,
                quantity=quantity,
                price=f"{cents / 100:.2f}",
                amount=f"{quantity * cents / 100:.2f}",
                gtin=f"{95_011_015_300_000 + number}",
            )
        )
    return "".join([*parts, "</Order>\n"]).encode()
