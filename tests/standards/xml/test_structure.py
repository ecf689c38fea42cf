"""The structure facts: what they say, that they are those of the schemas, and how an odd schema is described."""

from functools import cache
from pathlib import Path

import pytest

from gateway.resources import find
from gateway.standards.xml.generate import facts_of, main, rendered_facts
from gateway.standards.xml.schema_files import schema_tree
from gateway.standards.xml.structure import ANY, Child, load_structure, structure_from_facts

UBL = load_structure("ubl", "2.1")
CXML = load_structure("cxml", "1.2")


RENDERED = cache(rendered_facts)


@pytest.mark.parametrize("name", ["ubl-2.1.json", "cxml-1.2.json", "ubl-2.1-files.json"])
def test_the_facts_in_the_package_are_those_of_the_schemas(name):
    assert find(f"schemas/xml/{name}").read_text(encoding="utf-8") == RENDERED()[name], (
        "run python -m gateway.standards.xml.generate"
    )


def test_the_facts_are_written_into_the_folder_named(tmp_path):
    assert main([str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(RENDERED())


def test_children_stand_in_the_order_of_the_schema():
    names = [child.name for child in UBL.children(UBL.root("Order"))]
    assert names[0] == "ext:UBLExtensions"
    assert names.index("cbc:ID") < names.index("cbc:IssueDate") < names.index("cac:OrderLine")
    assert UBL.position("Order", "cbc:ID") == names.index("cbc:ID")


def test_a_child_says_whether_it_is_required_and_repeated():
    assert UBL.child("Order", "cac:OrderLine") == Child("cac:OrderLine", "cac:OrderLineType", many=True, required=True)
    assert UBL.child("OrderType", "cbc:Note") == Child("cbc:Note", "", many=True, required=False)
    assert UBL.child("cac:LineItem", "cbc:ID") == Child("cbc:ID", "", many=False, required=True)
    assert UBL.child("Order", "cbc:Nothing") is None


def test_elements_of_one_type_share_its_facts():
    assert UBL.element_type("cac:SubLineItem") == UBL.element_type("cac:LineItem") == "cac:LineItemType"
    assert UBL.children("cac:SubLineItem") == UBL.children("cac:LineItemType")


def test_amounts_require_a_currency_and_quantities_no_unit():
    assert UBL.required_attributes("cbc:PriceAmount") == ("currencyID",)
    assert UBL.text("cbc:PriceAmount") == "decimal"
    assert "unitCode" in UBL.attributes("cbc:Quantity")
    assert UBL.required_attributes("cbc:Quantity") == ()
    assert (UBL.text("cbc:IssueDate"), UBL.text("cbc:ChargeIndicator")) == ("date", "boolean")


def test_names_are_canonical_and_lead_to_namespaces():
    assert UBL.namespace("Order").endswith(":Order-2")
    assert UBL.tag("cbc:ID") == f"{{{UBL.namespace('cbc:ID')}}}ID"
    assert UBL.prefixes[UBL.namespaces["cac"]] == "cac"
    assert UBL.namespace("cac:Anything") == UBL.namespaces["cac"]
    assert (CXML.namespace("OrderRequest"), CXML.tag("Money")) == (None, "Money")


def test_extension_contents_may_be_anything():
    assert [child.name for child in UBL.children("ext:ExtensionContent")] == [ANY]
    assert ANY in [child.name for child in CXML.children("Extrinsic")]


def test_what_is_unknown_has_no_facts():
    assert UBL.root("Nothing") is None
    assert UBL.type("cbc:Nothing") is None
    assert (UBL.children("x"), UBL.attributes("x"), UBL.required_attributes("x"), UBL.text("x")) == ((), (), (), "")
    assert UBL.namespace("foo:Bar") is None
    with pytest.raises(FileNotFoundError):
        load_structure("ubl", "9.9")


def test_every_document_of_both_standards_is_there():
    assert {"Order", "OrderResponse", "DespatchAdvice", "Invoice", "CreditNote", "ApplicationResponse"} <= {*UBL.roots}
    assert {"cXML", "OrderRequest", "ConfirmationRequest", "ShipNoticeRequest", "InvoiceDetailRequest"} <= {*CXML.roots}


ODD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:attributeGroup name="Marks">
    <xs:attribute name="b" use="required"/><xs:attribute name="a"/>
  </xs:attributeGroup>
  <xs:group name="Ends"><xs:sequence><xs:element name="End" type="xs:date"/></xs:sequence></xs:group>
  <xs:simpleType name="Small"><xs:restriction base="xs:decimal"/></xs:simpleType>
  <xs:simpleType name="Smaller"><xs:restriction base="Small"/></xs:simpleType>
  <xs:simpleType name="Either"><xs:union memberTypes="Small xs:date"/></xs:simpleType>
  <xs:complexType name="Base"><xs:sequence><xs:element name="First"/></xs:sequence>
    <xs:attribute name="kind"/></xs:complexType>
  <xs:complexType name="Amount"><xs:simpleContent><xs:extension base="Smaller">
    <xs:attribute name="unit"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:complexType name="Same"><xs:simpleContent><xs:extension base="Amount"/></xs:simpleContent></xs:complexType>
  <xs:element name="Root"><xs:complexType mixed="true">
    <xs:sequence>
      <xs:choice maxOccurs="unbounded"><xs:element name="A" type="Small"/>
        <xs:element name="B" type="Either"/></xs:choice>
      <xs:choice><xs:element name="C" type="Same"/><xs:element name="D"/></xs:choice>
      <xs:sequence minOccurs="0"><xs:element ref="Inner"/></xs:sequence>
      <xs:group ref="Ends"/>
      <xs:element name="C" type="Amount"/>
      <xs:element name="Local"><xs:complexType><xs:attribute name="one"/></xs:complexType></xs:element>
    </xs:sequence>
    <xs:attributeGroup ref="Marks"/>
  </xs:complexType></xs:element>
  <xs:element name="Inner"><xs:complexType><xs:complexContent><xs:extension base="Base">
    <xs:sequence><xs:element name="Second"><xs:simpleType><xs:restriction base="xs:token"/></xs:simpleType></xs:element>
      <xs:element name="Local"><xs:complexType><xs:attribute name="two"/></xs:complexType></xs:element></xs:sequence>
    <xs:attribute name="more" use="required"/>
  </xs:extension></xs:complexContent></xs:complexType></xs:element>
</xs:schema>"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    path: Path = tmp_path_factory.mktemp("odd") / "odd.xsd"
    path.write_text(ODD)
    return structure_from_facts(facts_of("odd", "1", schema_tree(path, path.parent), ["Root"], {"urn:none": "n"}))


def test_a_repeated_choice_leaves_the_order_free(odd):
    a, b = odd.child("Root", "A"), odd.child("Root", "B")
    assert a.free == b.free > 0
    assert (a.many, a.required) == (True, False)


def test_alternatives_are_not_required_and_an_element_named_twice_may_repeat(odd):
    assert not odd.child("Root", "D").required
    assert odd.child("Root", "C").required
    assert not odd.child("Root", "Inner").required
    assert odd.child("Root", "End").required


def test_text_types_are_followed_to_the_built_in_one(odd):
    assert [odd.text(name) for name in ("A", "B", "C", "Second", "End")] == [
        "decimal", "string", "decimal", "token", "date",
    ]  # fmt: skip
    assert odd.attributes("C") == ("unit",)
    assert odd.text("Root") == "string"


def test_an_extension_holds_what_its_base_holds_first(odd):
    assert [child.name for child in odd.children("Inner")] == ["First", "Second", "Local"]
    assert odd.attributes("Inner") == ("kind", "more")
    assert odd.required_attributes("Inner") == ("more",)


def test_local_elements_of_one_name_keep_their_own_types(odd):
    assert odd.attributes("Local") == ("two",)
    assert odd.attributes("Local-2") == ("one",)


def test_attribute_groups_count(odd):
    assert (odd.attributes("Root"), odd.required_attributes("Root")) == (("a", "b"), ("b",))
