"""The forms of the XML map language, one claim each, with small maps of their own; and the errors of a wrong map."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.documents import Document, Order, parse_document
from gateway.mapping import MapError, MappingError, load_map_file
from gateway.mapping.xml import WrittenXml, XmlMap, read_xml_document, write_xml_document, xml_coverage
from tests.mapping.xml.xmlkit import comparable, tree_of

CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
TABLES = """
tables:
  type: {"220": stand_alone, "227": consignment}
  unit: {C62: EA, EA: EA, DZN: DZ}
  scheme: {"0160": gtin}
"""


def made(folder: Path, rules: str, *, root: str = "Order", document: str = "order", standard: str = "ubl") -> XmlMap:
    """A map of the rules given (each line indented by two)."""
    version = "2.1" if standard == "ubl" else "1.2"
    head = f'standard: {standard}\nversion: "{version}"\nset: {root}\ndocument: {document}\n'
    path = folder / f"{root}.yaml"
    path.write_text(head + TABLES + "rules:\n" + rules, encoding="utf-8")
    found = load_map_file(path)
    assert isinstance(found, XmlMap)
    return found


def ubl(body: str, root: str = "Order") -> Any:
    """A UBL document around a body."""
    namespace = f"urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
    return tree_of(f'<{root} xmlns="{namespace}" xmlns:cbc="{CBC}" xmlns:cac="{CAC}">{body}</{root}>')


def order(xmap: XmlMap, body: str) -> Any:
    """The order read from a body; it must come back as it was."""
    received = ubl(body)
    document = read_xml_document(xmap, received).document
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)
    return document


def text_of(written: WrittenXml) -> str:
    """The written document without namespaces, for reading."""
    parts = []
    for element in written.root.iter():
        parts.append(str(element.tag).rpartition("}")[2] + (f"={element.text}" if element.text else ""))
        parts += [f"@{name.rpartition('}')[2]}={value}" for name, value in element.items()]
    return " ".join(parts)


def test_fields_of_elements_and_attributes_go_both_ways(tmp_path: Path) -> None:
    xmap = made(
        tmp_path,
        """
  - fields:
      cbc:ID: number required
      cbc:IssueDate: issue_date date
      cbc:OrderTypeCode: order_type code:type
""",
    )
    document = order(
        xmap, "<cbc:ID>7</cbc:ID><cbc:IssueDate>2026-01-02</cbc:IssueDate><cbc:OrderTypeCode>227</cbc:OrderTypeCode>"
    )
    assert document.number == "7"
    assert document.issue_date.isoformat() == "2026-01-02"
    assert (document.order_type.value, document.order_type.code) == ("consignment", "227")
    assert document.extensions == []
    assert xml_coverage(xmap, document) == 1.0


def test_spellings_are_kept_and_an_edit_wins_over_them(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number, cbc:IssueDate: issue_date date}\n")
    document = order(xmap, "<cbc:ID> 7 </cbc:ID><cbc:IssueDate>2026-01-02+01:00</cbc:IssueDate>")
    assert document.number == "7"
    document.number = "8"
    assert "ID=8 IssueDate=2026-01-02+01:00" in text_of(write_xml_document(xmap, document))


def test_what_no_rule_takes_goes_back_to_its_place(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number, cbc:DocumentCurrencyCode: currency}\n")
    body = (
        '<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:ID schemeID="x">7</cbc:ID><cbc:Note>a</cbc:Note>'
        "<cbc:Note>b &amp; c</cbc:Note><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
        "<cac:Delivery><cbc:ID>1</cbc:ID></cac:Delivery>"
    )
    document = order(xmap, body)
    assert [entry.form for entry in document.extensions] == ["values", "xml", "xml", "xml", "xml"]
    assert xml_coverage(xmap, document) == pytest.approx(2 / 7)


def test_two_values_for_one_field_keep_the_second_beside_it(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number, cbc:Note: release}\n")
    document = order(xmap, "<cbc:ID>7</cbc:ID><cbc:Note>one</cbc:Note><cbc:Note>two</cbc:Note>")
    assert document.release == "one"


def test_an_order_that_is_not_the_schemas_is_kept(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number, cbc:IssueDate: issue_date date}\n")
    document = order(xmap, "<cbc:IssueDate>2026-01-02</cbc:IssueDate><cbc:Note>x</cbc:Note><cbc:ID>7</cbc:ID>")
    document.issue_date = None
    assert text_of(write_xml_document(xmap, document)) == "Order ID=7 Note=x"


def test_a_constant_is_written_and_its_absence_is_kept(tmp_path: Path) -> None:
    rules = '  - fields: {cbc:ID: number, cbc:UBLVersionID: {constant: "2.1", optional: true}}\n'
    xmap = made(tmp_path, rules)
    order(xmap, "<cbc:ID>7</cbc:ID>")
    order(xmap, "<cbc:UBLVersionID>2.0</cbc:UBLVersionID><cbc:ID>7</cbc:ID>")
    assert text_of(write_xml_document(xmap, Order(number="1"))) == "Order UBLVersionID=2.1 ID=1"


def test_a_default_is_written_where_the_field_is_empty(tmp_path: Path) -> None:
    xmap = made(tmp_path, '  - fields: {cbc:ID: number, cbc:OrderTypeCode: "order_type code:type default:220"}\n')
    order(xmap, "<cbc:ID>7</cbc:ID>")
    assert "OrderTypeCode=220" in text_of(write_xml_document(xmap, Order(number="1")))


def test_amounts_carry_the_currency_of_the_document(tmp_path: Path) -> None:
    rules = """
  - fields: {cbc:DocumentCurrencyCode: currency}
  - element: cac:AllowanceCharge
    list: allowances_charges
    fields: {cbc:Amount: amount decimal}
"""
    xmap = made(tmp_path, rules)
    body = '<cac:AllowanceCharge><cbc:Amount currencyID="{}">5.00</cbc:Amount></cac:AllowanceCharge>'
    document = order(xmap, body.format("SEK"))
    assert document.currency == "SEK", "the first amount says it where the document does not"
    document = order(xmap, "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>" + body.format("SEK"))
    assert document.currency == "EUR"
    document = order(xmap, body.format("EUR") + "<cac:AllowanceCharge><cbc:Amount>1</cbc:Amount></cac:AllowanceCharge>")
    with pytest.raises(MappingError, match="need a currency"):
        write_xml_document(xmap, parse_document({"kind": "order", "allowances_charges": [{"amount": "1"}]}))


def test_another_currency_goes_to_a_field_of_its_own(tmp_path: Path) -> None:
    rules = """
  - element: cac:AllowanceCharge
    list: allowances_charges
    fields: {cbc:Amount: amount decimal, cbc:Amount/@currencyID: {from: currency, field: currency}}
"""
    xmap = made(tmp_path, rules)
    body = '<cac:AllowanceCharge><cbc:Amount currencyID="{}">5</cbc:Amount></cac:AllowanceCharge>'
    document = order(xmap, body.format("EUR") + body.format("SEK"))
    assert document.currency == "EUR"
    assert [entry.currency for entry in document.allowances_charges] == [None, "SEK"]


def test_a_unit_is_translated_and_the_documents_own_code_is_used_again(tmp_path: Path) -> None:
    rules = """
  - element: cac:OrderLine
    list: lines
    anchor: L
    fields:
      cac:LineItem/cbc:Quantity: quantity decimal
      cac:LineItem/cbc:Quantity/@unitCode: unit translate:unit
"""
    xmap = made(tmp_path, rules)
    line = '<cac:OrderLine><cac:LineItem><cbc:Quantity unitCode="{}">1</cbc:Quantity></cac:LineItem></cac:OrderLine>'
    document = order(xmap, "".join(line.format(code) for code in ("EA", "C62", "DZN", "XYZ")))
    assert [entry.unit for entry in document.lines] == ["EA", "EA", "DZ", "XYZ"]
    document.lines.append(document.lines[0].model_copy(update={"anchor": None}))
    assert text_of(write_xml_document(xmap, document)).count("@unitCode=EA") == 2


PRICE = """
  - element: cac:OrderLine
    list: lines
    anchor: L
    rules:
      - fields: {cac:LineItem/cbc:ID: line_id}
      - price: {amount: cac:LineItem/cac:Price/cbc:PriceAmount, quantity: cac:LineItem/cac:Price/cbc:BaseQuantity,
                unit: "cac:LineItem/cac:Price/cbc:BaseQuantity/@unitCode translate:unit",
                field: price, base: price_base}
"""
PRICED = (
    "<cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cac:Price>"
    '<cbc:PriceAmount currencyID="EUR">{}</cbc:PriceAmount>{}</cac:Price></cac:LineItem></cac:OrderLine>'
)


@pytest.mark.parametrize(
    ("amount", "quantity", "price"),
    [("10.00", "", "10.00"), ("10", "4", "2.5"), ("10", "3", "3.3333333333"), ("12.50", "1", "12.50")],
)
def test_a_price_for_a_quantity_is_a_price_for_one(tmp_path: Path, amount: str, quantity: str, price: str) -> None:
    xmap = made(tmp_path, PRICE)
    base = f'<cbc:BaseQuantity unitCode="C62">{quantity}</cbc:BaseQuantity>' if quantity else ""
    document = order(xmap, PRICED.format(amount, base))
    assert str(document.lines[0].price) == price
    assert (document.lines[0].price_base is not None) is bool(quantity)
    assert not document.extensions or quantity == ""
    document.lines[0].price = Decimal("9")
    written = text_of(write_xml_document(xmap, document))
    assert "PriceAmount=9" in written and "BaseQuantity" not in written


def test_a_price_for_nothing_is_not_a_price_for_something(tmp_path: Path) -> None:
    xmap = made(tmp_path, PRICE)
    received = ubl(PRICED.format("10", '<cbc:BaseQuantity unitCode="C62">0</cbc:BaseQuantity>'))
    result = read_xml_document(xmap, received)
    assert [finding.code for finding in result.findings] == ["MAP-unreadable-value"]
    assert comparable(write_xml_document(xmap, result.document).root) == comparable(received)


def test_a_value_that_cannot_be_read_is_kept_with_a_finding(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number, cbc:IssueDate: issue_date date}\n")
    result = read_xml_document(xmap, ubl("<cbc:ID>1</cbc:ID>\n<cbc:IssueDate>soon</cbc:IssueDate>"))
    (finding,) = result.findings
    assert (finding.code, finding.path, finding.line) == ("MAP-unreadable-value", "cbc:IssueDate", 2)
    assert "not a date" in finding.message
    assert "IssueDate=soon" in text_of(write_xml_document(xmap, result.document))


PARTIES = """
  - fields: {cbc:ID: number}
  - {element: cac:BuyerCustomerParty, list: parties, anchor: P, constants: {type: buyer}, rules: [{block: name}]}
  - {element: cac:SellerSupplierParty, list: parties, anchor: P, constants: {type: seller}, rules: [{block: name}]}
  - element: cac:Delivery
    rules:
      - {element: ., list: parties, anchor: P, constants: {type: ship_to}, rules: [{element: cac:DeliveryParty, fields:
         {cac:PartyName/cbc:Name: name}}]}
      - {element: cac:RequestedDeliveryPeriod/cbc:StartDate, list: dates, constants: {type: requested_delivery},
         fields: {.: date date}}
blocks:
  name:
    - element: cac:Party
      rules:
        - {element: cac:PartyName/cbc:Name, list: names, fields: {.: .}}
        - {element: cac:PostalAddress/cbc:StreetName, list: address.lines, fields: {.: .}}
        - {element: cac:PostalAddress/cbc:AdditionalStreetName, list: address.lines, fields: {.: .}}
        - {element: cac:PostalAddress/cac:AddressLine, list: address.lines, fields: {cbc:Line: .}}
"""


def test_parties_are_told_apart_by_their_element(tmp_path: Path) -> None:
    xmap = made(tmp_path, PARTIES)
    body = (
        "<cbc:ID>1</cbc:ID><cac:BuyerCustomerParty><cac:Party><cac:PartyName><cbc:Name>B</cbc:Name></cac:PartyName>"
        "</cac:Party></cac:BuyerCustomerParty><cac:Delivery><cac:RequestedDeliveryPeriod>"
        "<cbc:StartDate>2026-05-01</cbc:StartDate></cac:RequestedDeliveryPeriod><cac:DeliveryParty><cac:PartyName>"
        "<cbc:Name>D</cbc:Name></cac:PartyName></cac:DeliveryParty></cac:Delivery>"
    )
    document = order(xmap, body)
    assert [(party.type, party.anchor) for party in document.parties] == [("buyer", "P1"), ("ship_to", "P2")]
    only_date = body.replace(
        "<cac:DeliveryParty><cac:PartyName><cbc:Name>D</cbc:Name></cac:PartyName></cac:DeliveryParty>", ""
    )
    assert [party.type for party in order(xmap, only_date).parties] == ["buyer"], "no values, no party"


def test_an_entry_without_a_rule_is_reported(tmp_path: Path) -> None:
    xmap = made(tmp_path, PARTIES)
    document = parse_document({"kind": "order", "number": "1", "parties": [{"type": "carrier", "names": ["C"]}]})
    (finding,) = write_xml_document(xmap, document).findings
    assert finding.code == "MAP-not-carried" and "parties[0]" in finding.message


def test_entries_overflow_into_the_next_place(tmp_path: Path) -> None:
    xmap = made(tmp_path, PARTIES)
    lines = ["one", "two", "three", "four"]
    party = {"type": "buyer", "names": ["B"], "address": {"lines": lines}}
    written = write_xml_document(xmap, parse_document({"kind": "order", "parties": [party]}))
    text = text_of(written)
    assert "StreetName=one AdditionalStreetName=two AddressLine Line=three AddressLine Line=four" in text
    again: Any = read_xml_document(xmap, written.root).document
    assert again.parties[0].address.lines == lines and again.extensions == []


def test_an_entry_read_from_the_last_place_goes_back_there(tmp_path: Path) -> None:
    xmap = made(tmp_path, PARTIES)
    body = "<cac:PostalAddress><cac:AddressLine><cbc:Line>x</cbc:Line></cac:AddressLine></cac:PostalAddress>"
    document = order(xmap, f"<cac:BuyerCustomerParty><cac:Party>{body}</cac:Party></cac:BuyerCustomerParty>")
    assert document.parties[0].address.lines == ["x"]
    assert [entry.via for entry in document.extensions] == [{"address.lines": [3]}]


def test_the_first_of_two_places_counts_and_is_written_again(tmp_path: Path) -> None:
    rules = "  - fields: {cbc:CustomerReference: contract, cbc:SalesOrderID: contract}\n"
    xmap = made(tmp_path, rules)
    one = "<cbc:SalesOrderID>S</cbc:SalesOrderID>"
    assert order(xmap, one).contract == "S"
    two: Any = order(xmap, one + "<cbc:CustomerReference>S</cbc:CustomerReference>")
    two.contract = "T"
    assert text_of(write_xml_document(xmap, two)) == "Order SalesOrderID=T CustomerReference=T"
    assert order(xmap, one + "<cbc:CustomerReference>other</cbc:CustomerReference>").contract == "S"
    assert text_of(write_xml_document(xmap, Order(contract="C"))) == "Order CustomerReference=C"


def test_a_part_is_read_from_the_place_that_has_it(tmp_path: Path) -> None:
    rules = """
  - element: cac:Delivery
    list: parties
    constants: {type: ship_to}
    rules:
      - {element: cac:DeliveryLocation/cac:Address, to: address, fields: {cbc:CityName: city}}
      - {element: cac:DeliveryAddress, to: address, fields: {cbc:CityName: city, cbc:PostalZone: postcode}}
"""
    xmap = made(tmp_path, rules)
    address = "<cac:DeliveryAddress><cbc:CityName>A</cbc:CityName></cac:DeliveryAddress>"
    location = "<cac:DeliveryLocation><cac:Address><cbc:CityName>B</cbc:CityName></cac:Address></cac:DeliveryLocation>"
    assert order(xmap, f"<cac:Delivery>{location}</cac:Delivery>").parties[0].address.city == "B"
    assert order(xmap, f"<cac:Delivery>{address}</cac:Delivery>").parties[0].address.city == "A"
    assert order(xmap, f"<cac:Delivery>{address}{location}</cac:Delivery>").parties[0].address.city == "A"


def test_conditions_choose_the_rule_and_are_written(tmp_path: Path) -> None:
    rules = """
  - {element: cac:AdditionalDocumentReference, list: references, constants: {type: price_list},
     when: {cbc:DocumentTypeCode: "310"}, fields: {cbc:ID: value}}
  - {element: cac:AdditionalDocumentReference, list: references, constants: {type: order_gtin},
     when: {cbc:ID: {matches: "[0-9]{13}"}}, unless: {cbc:DocumentTypeCode: present}, fields: {cbc:ID: value}}
"""
    xmap = made(tmp_path, rules)
    reference = "<cac:AdditionalDocumentReference><cbc:ID>{}</cbc:ID>{}</cac:AdditionalDocumentReference>"
    typed = reference.format("A", "<cbc:DocumentTypeCode>310</cbc:DocumentTypeCode>")
    document = order(xmap, reference.format("4006381333931", "") + typed + reference.format("B", ""))
    assert [(entry.type, entry.value) for entry in document.references] == [
        ("order_gtin", "4006381333931"),
        ("price_list", "A"),
    ]
    made_here = parse_document({"kind": "order", "references": [{"type": "price_list", "value": "Z"}]})
    assert text_of(write_xml_document(xmap, made_here)) == (
        "Order AdditionalDocumentReference ID=Z DocumentTypeCode=310"
    )


def test_texts_of_several_lines_stand_in_one_element(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - {element: cbc:Note, list: notes, fields: {.: text}}\n")
    document = order(xmap, "<cbc:Note>one\ntwo</cbc:Note><cbc:Note>three</cbc:Note>")
    assert [note.text for note in document.notes] == [["one", "two"], ["three"]]


def test_comments_are_no_values_and_the_received_tree_stays_as_it_is(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number}\n")
    received = ubl("<!-- who --><cbc:ID>a<!-- cut -->b</cbc:ID><?pi x?>")
    document: Any = read_xml_document(xmap, received).document
    assert document.number == "ab" and document.extensions == []
    assert len(received) == 3


def test_an_element_with_text_between_its_children_is_kept_whole(tmp_path: Path) -> None:
    rules = '  - {element: OrderRequestHeader/Comments, list: notes, fields: {.: text, "@xml:lang": title}}\n'
    xmap = made(tmp_path, rules, root="OrderRequest", standard="cxml")
    received = tree_of(
        "<OrderRequest><OrderRequestHeader><Comments>see <Attachment><URL>cid:1</URL></Attachment></Comments>"
        "<Comments>before<Attachment/>after</Comments></OrderRequestHeader></OrderRequest>"
    )
    result = read_xml_document(xmap, received)
    document: Any = result.document
    assert [note.text for note in document.notes] == [["see"]]
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)


def test_stray_text_in_the_document_itself_is_named(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number}\n")
    result = read_xml_document(xmap, ubl("<cbc:ID>1</cbc:ID>lost"))
    assert [finding.value for finding in result.findings] == ["lost"]


UNDER = """
  - fields: {cbc:ID: number}
  - element: .
    list: units
    anchor: U
    constants: {level: shipment}
    rules:
      - {element: cac:Shipment/cbc:ID, list: references, constants: {type: shipment}, fields: {.: value}}
      - element: cac:DespatchLine
        list: units
        anchor: U
        constants: {level: item}
        under:
          - {constants: {level: order}, anchor: U, key: [cac:OrderLineReference/cac:OrderReference/cbc:ID],
             fields: {cac:OrderLineReference/cac:OrderReference/cbc:ID: order.number}}
          - {constants: {level: pack}, anchor: U, key: cac:Shipment/cac:TransportHandlingUnit/cbc:ID, optional: true,
             rules: [{element: cac:Shipment/cac:TransportHandlingUnit/cbc:ID, list: marks, constants: {type: sscc_18},
                      fields: {.: value sscc}}]}
        fields: {cbc:ID: line_id, cbc:DeliveredQuantity: shipped decimal}
"""


def _despatched(number: str, order_number: str, sscc: str = "") -> str:
    handling = f"<cac:TransportHandlingUnit><cbc:ID>{sscc}</cbc:ID></cac:TransportHandlingUnit>"
    unit = f"<cac:Shipment>{handling}</cac:Shipment>" if sscc else ""
    reference = f"<cac:OrderLineReference><cac:OrderReference><cbc:ID>{order_number}</cbc:ID></cac:OrderReference>"
    return (
        f"<cac:DespatchLine><cbc:ID>{number}</cbc:ID><cbc:DeliveredQuantity>1</cbc:DeliveredQuantity>"
        f"{reference}</cac:OrderLineReference>{unit}</cac:DespatchLine>"
    )


def _shape(units: list[Any]) -> list[Any]:
    return [(str(unit.level), _shape(unit.units)) if unit.units else str(unit.level) for unit in units]


def test_lines_become_a_tree_of_what_they_share(tmp_path: Path) -> None:
    xmap = made(tmp_path, UNDER, root="DespatchAdvice", document="ship_notice")
    sscc = "340123450000000018"
    lines = [
        _despatched("1", "A", sscc),
        _despatched("2", "A", sscc),
        _despatched("3", "A"),
        _despatched("4", "B"),
    ]
    received = ubl("<cbc:ID>9</cbc:ID>" + "".join(lines), "DespatchAdvice")
    document: Any = read_xml_document(xmap, received).document
    assert _shape(document.units) == [
        ("shipment", [("order", [("pack", ["item", "item"]), "item"]), ("order", ["item"])])
    ]
    assert document.units[0].units[0].units[0].sscc == sscc
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)


def test_units_that_no_line_can_carry_are_reported(tmp_path: Path) -> None:
    xmap = made(tmp_path, UNDER, root="DespatchAdvice", document="ship_notice")
    item = {"level": "item", "line_id": "1", "shipped": "2"}
    tare = {"level": "tare", "units": [item]}
    tree = {
        "level": "shipment",
        "units": [{"level": "order", "order": {"number": "A"}, "units": [tare]}, {"level": "order"}],
    }
    written = write_xml_document(xmap, parse_document({"kind": "ship_notice", "number": "1", "units": [tree]}))
    assert text_of(written).count("DespatchLine") == 1 and "OrderReference ID=A" in text_of(written)
    paths = [finding.message.split(":")[0] for finding in written.findings]
    assert paths == ["units[0].units[0].units[0]", "units[0].units[1]"]


def test_a_flat_list_stands_in_elements_that_repeat(tmp_path: Path) -> None:
    rules = """
  - element: InvoiceDetailOrder/InvoiceDetailItem
    list: lines
    anchor: L
    wrapper: {fields: {InvoiceDetailOrderInfo/OrderReference/@orderID: order_number}}
    rules: [{fields: {"@quantity": quantity decimal}}]
"""
    xmap = made(tmp_path, rules, root="InvoiceDetailRequest", document="invoice", standard="cxml")
    info = '<InvoiceDetailOrderInfo><OrderReference orderID="{0}" kind="{0}"/></InvoiceDetailOrderInfo>'.replace(
        " kind", " x"
    )
    around = "<InvoiceDetailOrder>{}{}</InvoiceDetailOrder>"
    two = '<InvoiceDetailItem quantity="1"/><InvoiceDetailItem quantity="2"/>'
    received = tree_of(
        "<InvoiceDetailRequest>"
        + around.format(info.format("A"), two)
        + around.format(info.format("A"), '<InvoiceDetailItem quantity="3"/>')
        + around.format(info.format("B"), '<InvoiceDetailItem quantity="4"/>')
        + around.format(info.format("C"), "")
        + "</InvoiceDetailRequest>"
    )
    document: Any = read_xml_document(xmap, received).document
    assert [(line.order_number, str(line.quantity)) for line in document.lines] == [
        ("A", "1"),
        ("A", "2"),
        ("A", "3"),
        ("B", "4"),
    ]
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)
    document.extensions = []
    assert text_of(write_xml_document(xmap, document)).count("InvoiceDetailOrderInfo") == 2


def test_a_moment_fills_day_time_and_zone(tmp_path: Path) -> None:
    rules = """
  - fields: {OrderRequestHeader/@orderDate: "issue_date,issue_time datetime"}
  - {element: ItemOut, list: dates, constants: {type: requested_delivery},
     fields: {"@requestedDeliveryDate": "date,time,zone datetime"}}
"""
    xmap = made(tmp_path, rules, root="OrderRequest", standard="cxml")
    received = tree_of(
        '<OrderRequest><OrderRequestHeader orderDate="2026-01-02"/>'
        '<ItemOut requestedDeliveryDate="2026-01-02T03:04:05+02:00"/>'
        '<ItemOut requestedDeliveryDate="tomorrow"/></OrderRequest>'
    )
    document: Any = read_xml_document(xmap, received).document
    assert (str(document.issue_date), document.issue_time) == ("2026-01-02", None)
    assert [(str(entry.time), entry.zone) for entry in document.dates] == [("03:04:05", "+02:00")]
    assert comparable(write_xml_document(xmap, document).root) == comparable(received)
    document.extensions = []
    assert "orderDate=2026-01-02T00:00:00+00:00" in text_of(write_xml_document(xmap, document))


def test_what_cannot_be_written_is_refused_with_every_path(tmp_path: Path) -> None:
    xmap = made(
        tmp_path, "  - fields: {cbc:ID: number required, cbc:Note: release, cbc:OrderTypeCode: order_type code:type}\n"
    )
    document = parse_document({"kind": "order", "release": "a\u0007b", "order_type": "stand_alon"})
    with pytest.raises(MappingError) as refused:
        write_xml_document(xmap, document)
    paths = {problem.path: problem.message for problem in refused.value.problems}
    assert set(paths) == {"number", "release", "order_type"}
    assert 'Did you mean "stand_alone"' in paths["order_type"]
    with pytest.raises(MappingError, match='carries "order"'):
        write_xml_document(xmap, parse_document({"kind": "invoice"}))


def test_a_received_document_may_lack_what_it_lacked(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number required, cbc:Note: release}\n")
    document = read_xml_document(xmap, ubl("<cbc:Note>x</cbc:Note>")).document
    assert [finding.code for finding in write_xml_document(xmap, document).findings] == ["MAP-missing-value"]


def test_fields_that_no_rule_carries_are_reported(tmp_path: Path) -> None:
    xmap = made(tmp_path, "  - fields: {cbc:ID: number}\n")
    document: Document = Order(number="1", contract="C", channel="web")
    reported = [finding.message.split(":")[0] for finding in write_xml_document(xmap, document).findings]
    assert reported == ["channel", "contract"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("  - fields: {cbc:Idd: number}", 'cbc:Idd does not stand in Order. Did you mean "cbc:ID"'),
        ("  - fields: {cac:Delivery: number}", "cac:Delivery holds no text"),
        ("  - fields: {cbc:ID/cbc:ID: number}", "cbc:ID holds text, no elements"),
        ("  - fields: {cbc:ID/@schemaID: number}", 'no attribute schemaID. Did you mean "schemeID"'),
        ("  - fields: {cbc:ID: numbr}", 'Did you mean "number"'),
        ("  - fields: {cbc:ID: number decimal}", "is a text field, and converter decimal gives a decimal"),
        ("  - fields: {cbc:ID: number decimel}", 'not a converter. Did you mean "decimal"'),
        ("  - fields: {cbc:ID: number translate:units}", 'no table "units". Did you mean "unit"'),
        ("  - fields: {cbc:ID: number word:unit}", "takes 2 fields"),
        ("  - fields: nothing", 'no field set "nothing"'),
        ("  - fields: {cbc:ID: []}", "a field is a text"),
        ("  - fields: {cbc:ID: {from: currency}}", "`from` is for attributes"),
        ('  - fields: {"cbc:ID/@schemeID": {from: numbr}}', 'Did you mean "number"'),
        ('  - fields: {"cbc:ID/@schemeID": {from: currency, field: issue_date}}', "not a text field"),
        ("  - {elment: cac:Delivery}", 'Did you mean "element"'),
        ("  - {element: cac:Deliveri}", 'Did you mean "cac:Delivery"'),
        ("  - {element: cac:Delivery, list: lines, to: payment}", "do not go together"),
        ("  - {element: cac:Delivery, list: number}", "is a text, and `list` needs a list"),
        ("  - {element: cac:Delivery, list: dates, anchor: D}", "no `anchor` field"),
        ("  - {element: cac:Delivery, anchor: D}", "belong to the entries of a list"),
        ("  - {element: cac:Delivery, list: dates, constants: x}", "constants is a mapping"),
        ("  - {element: cac:Delivery, list: dates, constants: {date: x}}", "a constant is for text and coded"),
        ("  - {element: cac:Delivery, list: dates, when: x}", "when is a mapping"),
        ('  - {element: cac:Delivery, list: dates, when: {cbc:ID: {matches: "("}}}', "not a pattern"),
        ("  - {element: cac:Delivery, list: dates, when: {cbc:ID: [a, b]}}", "cannot tell which value of cbc:ID"),
        ("  - {element: cac:Delivery, list: dates, where: {dat: present}}", 'Did you mean "date"'),
        ("  - {price: x}", "price is a mapping"),
        ("  - {price: {amount: cbc:ID}}", "names its quantity"),
        (
            "  - {price: {amount: cbc:ID, quantity: cbc:ID, field: number, base: payment}}",
            '"number" is not a number field',
        ),
        ("  - {element: cac:OrderLine, list: lines, under: []}", "also needs `list`, `constants`, `anchor`"),
        ("  - {element: cac:OrderLine, list: lines, anchor: L, wrapper: {}}", "the last step but one"),
        ("  - fields: {cbc:ID: number}\n  - fields: {cbc:ID: release}", "two rules take cbc:ID"),
        ("  - {block: x}", 'no block "x"'),
        ("  - {element: cbc:Note, list: address}", '"address" is not a field'),
    ],
)
def test_a_wrong_map_is_refused_with_the_nearest_name(tmp_path: Path, rules: str, words: str) -> None:
    with pytest.raises(MapError) as refused:
        made(tmp_path, rules + "\n")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('standard: ubl\nversion: "2.1"\nset: Ordr\ndocument: order\n', 'Did you mean "Order"'),
        ('standard: ubl\nversion: "2.7"\nset: Order\ndocument: order\n', "no facts for ubl 2.7"),
        ('standard: ubl\nversion: "2.1"\nset: Order\ndocument: ordr\n', 'Did you mean "order"'),
        ('standard: ubl\nversion: "2.1"\nset: Order\n', "a map says its document"),
    ],
)
def test_a_map_names_a_document_that_there_is(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MapError) as refused:
        load_map_file(path)
    assert words in str(refused.value)


def test_an_overlay_changes_single_rules_by_their_names(tmp_path: Path) -> None:
    made(tmp_path, PARTIES)
    overlay = tmp_path / "partner.yaml"
    overlay.write_text(
        "change:\n"
        "  - {at: fields, fields: {cbc:ID: null, cbc:SalesOrderID: number}}\n"
        "  - {at: cac:Delivery.cbc:StartDate, remove: true}\n",
        encoding="utf-8",
    )
    changed = load_map_file(tmp_path / "Order.yaml", overlay)
    assert isinstance(changed, XmlMap)
    assert text_of(write_xml_document(changed, Order(number="4"))) == "Order SalesOrderID=4"
    overlay.write_text("change:\n  - {at: cac:Deliverey, remove: true}\n", encoding="utf-8")
    with pytest.raises(MapError, match='Did you mean "cac:Delivery"'):
        load_map_file(tmp_path / "Order.yaml", overlay)
