"""UBL orders of known shape for measurements: the same bytes for the same number of lines.

Short ones say little more than what is ordered, without blanks between the elements, as programs write that save bytes.
Full ones are indented and say of each line when it is wanted, for which department, at what discount and tax, and what
the article is like; for the order they name three parties, the place of delivery, terms and a charge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["FULL_LINES", "LARGE_LINES", "ORDERS", "SMALL_FULL_LINES", "SMALL_LINES", "full_ubl_order", "ubl_order"]

#: Lines of an order of about 17 KB.
SMALL_LINES = 21
#: Lines of an order of about 3 MB.
LARGE_LINES = 5_000
#: Full lines of an order of about 17 KB, and of one of about 3 MB.
SMALL_FULL_LINES = 4
FULL_LINES = 1_000

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
_FULL_PARTY = """  <cac:{role}>
    <cac:Party>
      <cbc:EndpointID schemeID="0088">{gln}</cbc:EndpointID>
      <cac:PartyIdentification>
        <cbc:ID schemeID="0088">{gln}</cbc:ID>
      </cac:PartyIdentification>
      <cac:PartyName>
        <cbc:Name>{name}</cbc:Name>
      </cac:PartyName>
      <cac:PostalAddress>
        <cbc:StreetName>{street}</cbc:StreetName>
        <cbc:AdditionalStreetName>Building 2</cbc:AdditionalStreetName>
        <cbc:CityName>{city}</cbc:CityName>
        <cbc:PostalZone>{code}</cbc:PostalZone>
        <cbc:CountrySubentity>{state}</cbc:CountrySubentity>
        <cac:Country>
          <cbc:IdentificationCode>US</cbc:IdentificationCode>
        </cac:Country>
      </cac:PostalAddress>
      <cac:PartyTaxScheme>
        <cbc:CompanyID>{tax}</cbc:CompanyID>
        <cac:TaxScheme>
          <cbc:ID>VAT</cbc:ID>
        </cac:TaxScheme>
      </cac:PartyTaxScheme>
      <cac:PartyLegalEntity>
        <cbc:RegistrationName>{name} Incorporated</cbc:RegistrationName>
        <cbc:CompanyID schemeID="0192">{tax}</cbc:CompanyID>
        <cac:RegistrationAddress>
          <cbc:CityName>{city}</cbc:CityName>
          <cac:Country>
            <cbc:IdentificationCode>US</cbc:IdentificationCode>
          </cac:Country>
        </cac:RegistrationAddress>
      </cac:PartyLegalEntity>
      <cac:Contact>
        <cbc:Name>Order desk</cbc:Name>
        <cbc:Telephone>+1 214 555 0100</cbc:Telephone>
        <cbc:ElectronicMail>orders@bench.example</cbc:ElectronicMail>
      </cac:Contact>
    </cac:Party>
  </cac:{role}>
"""
_FULL_PARTIES = (
    (*_PARTIES[0], "754401234"),
    (*_PARTIES[1], "341705678"),
    (
        "AccountingCustomerParty",
        "9501101530034",
        "Bench Finance",
        "2 Main Street",
        "Dallas",
        "75201",
        "TX",
        "754401234",
    ),
)
_FULL_TERMS = """  <cac:Delivery>
    <cac:DeliveryLocation>
      <cbc:ID schemeID="0088">9501101530027</cbc:ID>
      <cac:Address>
        <cbc:StreetName>7 Dock Road</cbc:StreetName>
        <cbc:CityName>Waco</cbc:CityName>
        <cbc:PostalZone>76701</cbc:PostalZone>
        <cac:Country>
          <cbc:IdentificationCode>US</cbc:IdentificationCode>
        </cac:Country>
      </cac:Address>
    </cac:DeliveryLocation>
    <cac:RequestedDeliveryPeriod>
      <cbc:StartDate>2026-03-20</cbc:StartDate>
      <cbc:EndDate>2026-03-24</cbc:EndDate>
    </cac:RequestedDeliveryPeriod>
    <cac:DeliveryParty>
      <cac:PartyName>
        <cbc:Name>Warehouse south</cbc:Name>
      </cac:PartyName>
    </cac:DeliveryParty>
  </cac:Delivery>
  <cac:DeliveryTerms>
    <cbc:ID>DAP</cbc:ID>
    <cbc:SpecialTerms>Call an hour before</cbc:SpecialTerms>
  </cac:DeliveryTerms>
  <cac:PaymentTerms>
    <cbc:Note>Net 30 days</cbc:Note>
  </cac:PaymentTerms>
  <cac:AllowanceCharge>
    <cbc:ChargeIndicator>true</cbc:ChargeIndicator>
    <cbc:AllowanceChargeReason>Freight</cbc:AllowanceChargeReason>
    <cbc:Amount currencyID="USD">25.00</cbc:Amount>
  </cac:AllowanceCharge>
"""
_FULL_LINE = """  <cac:OrderLine>
    <cbc:Note>Pack line {number} by itself</cbc:Note>
    <cac:LineItem>
      <cbc:ID>{number}</cbc:ID>
      <cbc:Quantity unitCode="EA">{quantity}</cbc:Quantity>
      <cbc:LineExtensionAmount currencyID="USD">{amount}</cbc:LineExtensionAmount>
      <cbc:TotalTaxAmount currencyID="USD">0.00</cbc:TotalTaxAmount>
      <cbc:PartialDeliveryIndicator>false</cbc:PartialDeliveryIndicator>
      <cbc:AccountingCost>Stores {number}</cbc:AccountingCost>
      <cac:Delivery>
        <cac:RequestedDeliveryPeriod>
          <cbc:StartDate>2026-03-20</cbc:StartDate>
          <cbc:EndDate>2026-03-24</cbc:EndDate>
        </cac:RequestedDeliveryPeriod>
      </cac:Delivery>
      <cac:OriginatorParty>
        <cac:PartyIdentification>
          <cbc:ID>DEP-{number}</cbc:ID>
        </cac:PartyIdentification>
        <cac:PartyName>
          <cbc:Name>Department {number}</cbc:Name>
        </cac:PartyName>
      </cac:OriginatorParty>
      <cac:AllowanceCharge>
        <cbc:ChargeIndicator>false</cbc:ChargeIndicator>
        <cbc:AllowanceChargeReason>Seasonal discount</cbc:AllowanceChargeReason>
        <cbc:Amount currencyID="USD">1.00</cbc:Amount>
      </cac:AllowanceCharge>
      <cac:Price>
        <cbc:PriceAmount currencyID="USD">{price}</cbc:PriceAmount>
        <cbc:BaseQuantity unitCode="EA">1</cbc:BaseQuantity>
      </cac:Price>
      <cac:Item>
        <cbc:Description>Article {number} of the bench, blue, with a handle and a spare lid</cbc:Description>
        <cbc:Name>Article {number}</cbc:Name>
        <cac:BuyersItemIdentification>
          <cbc:ID>B{number:06}</cbc:ID>
        </cac:BuyersItemIdentification>
        <cac:SellersItemIdentification>
          <cbc:ID>S{number:06}</cbc:ID>
        </cac:SellersItemIdentification>
        <cac:StandardItemIdentification>
          <cbc:ID schemeID="0160">{gtin}</cbc:ID>
        </cac:StandardItemIdentification>
        <cac:CommodityClassification>
          <cbc:ItemClassificationCode listID="MP">675634</cbc:ItemClassificationCode>
        </cac:CommodityClassification>
        <cac:ClassifiedTaxCategory>
          <cbc:ID>S</cbc:ID>
          <cbc:Percent>8</cbc:Percent>
          <cac:TaxScheme>
            <cbc:ID>VAT</cbc:ID>
          </cac:TaxScheme>
        </cac:ClassifiedTaxCategory>
        <cac:AdditionalItemProperty>
          <cbc:Name>Material</cbc:Name>
          <cbc:Value>Steel {number}</cbc:Value>
        </cac:AdditionalItemProperty>
        <cac:AdditionalItemProperty>
          <cbc:Name>Finish</cbc:Name>
          <cbc:Value>Matt</cbc:Value>
        </cac:AdditionalItemProperty>
        <cac:ItemInstance>
          <cac:LotIdentification>
            <cbc:LotNumberID>LOT{number}</cbc:LotNumberID>
          </cac:LotIdentification>
        </cac:ItemInstance>
      </cac:Item>
    </cac:LineItem>
  </cac:OrderLine>
"""


def ubl_order(lines: int) -> bytes:
    """A valid UBL 2.1 Order with this many short lines."""
    parties = [
        _PARTY.format(role=role, gln=gln, name=name, street=street, city=city, code=code, state=state)
        for role, gln, name, street, city, code, state in _PARTIES
    ]
    return _order([*parties, _DELIVERY], _LINE, lines)


def full_ubl_order(lines: int) -> bytes:
    """A valid UBL 2.1 Order with this many full lines."""
    parties = [
        _FULL_PARTY.format(role=role, gln=gln, name=name, street=street, city=city, code=code, state=state, tax=tax)
        for role, gln, name, street, city, code, state, tax in _FULL_PARTIES
    ]
    return _order([*parties, _FULL_TERMS], _FULL_LINE, lines)


def _order(head: list[str], line: str, lines: int) -> bytes:
    parts = [_HEAD, *head]
    for number in range(1, lines + 1):
        quantity, cents = 1 + number % 48, 100 + number * 7 % 9_900
        parts.append(
            line.format(
                number=number,
                quantity=quantity,
                price=f"{cents / 100:.2f}",
                amount=f"{quantity * cents / 100:.2f}",
                gtin=f"{95_011_015_300_000 + number}",
            )
        )
    return "".join([*parts, "</Order>\n"]).encode()


#: Kind of an order → what makes one with so many lines.
ORDERS: Final[Mapping[str, Callable[[int], bytes]]] = {"short": ubl_order, "full": full_ubl_order}
