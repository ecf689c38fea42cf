"""Checking against a schema: the verdict, and sentences that say what, where, why and what to do."""

# ruff: noqa: E501  whole sentences, as people see them

import resource
import threading

import pytest
from lxml import etree

from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.schema_files import SchemaRefusedError
from gateway.standards.xml.schemas import SchemaRegistry, set_of_folder
from gateway.standards.xml.validate import MOST_COUNTED, MOST_KEPT, element_at, validate
from tests.standards.xml.ubl_order import HEAD, LINE, TOP, UBL, order

ITEM = "/Order/cac:OrderLine/cac:LineItem"
DATE = "<cbc:IssueDate>2026-03-02</cbc:IssueDate>"


def test_a_valid_order_has_no_findings():
    assert validate(order()) == ()


#: what is wrong → (changes, code, path, sentence, advice)
BROKEN = {
    "German date": (
        [("2026-03-02", "02.03.2026")], "XSD-value", "/Order/cbc:IssueDate",
        'cbc:IssueDate is "02.03.2026"; it must be a date such as 2026-01-31.', "Write 2026-03-02 if that is meant.",
    ),
    "date without hyphens": (
        [("2026-03-02", "20260302")], "XSD-value", "/Order/cbc:IssueDate",
        'cbc:IssueDate is "20260302"; it must be a date such as 2026-01-31.', "Write 2026-03-02 if that is meant.",
    ),
    "date of which nobody knows what is the day": (
        [("2026-03-02", "02/03/2026")], "XSD-value", "/Order/cbc:IssueDate",
        'cbc:IssueDate is "02/03/2026"; it must be a date such as 2026-01-31.',
        "Write year, month and day with hyphens: 2026-01-31.",
    ),
    "impossible date": (
        [("2026-03-02", "2026-02-30")], "XSD-value", "/Order/cbc:IssueDate",
        'cbc:IssueDate is "2026-02-30"; it must be a date such as 2026-01-31.',
        "There is no such day. Ask the sender which day is meant.",
    ),
    "word for a quantity": (
        [(">3<", ">three<")], "XSD-value", f"{ITEM}/cbc:Quantity",
        'cbc:Quantity is "three"; it must be a number such as 1250.00.',
        "Write digits with a point and without thousands separators.",
    ),
    "empty quantity": (
        [(">3<", "><")], "XSD-value", f"{ITEM}/cbc:Quantity",
        "cbc:Quantity is empty; it must be a number such as 1250.00.",
        "Give a value, or leave the element out where it is optional.",
    ),
    "thousands separator": (
        [(">10.00<", ">1,250.00<")], "XSD-value", f"{ITEM}/cac:Price/cbc:PriceAmount",
        'cbc:PriceAmount is "1,250.00"; it must be a number such as 1250.00.', "Write 1250.00 if that is meant.",
    ),
    "missing number": (
        [("<cbc:ID>PO-1</cbc:ID>", "")], "XSD-unexpected-element", "/Order/cbc:IssueDate",
        "Order lacks cbc:ID, which must stand before cbc:IssueDate.", "Write cbc:ID before cbc:IssueDate.",
    ),
    "missing date": (
        [(DATE, "")], "XSD-unexpected-element", "/Order/cbc:DocumentCurrencyCode",
        "Order lacks cbc:IssueDate, which must stand before cbc:DocumentCurrencyCode.",
        "Write cbc:IssueDate before cbc:DocumentCurrencyCode.",
    ),
    "missing currency": (
        [('<cbc:PriceAmount currencyID="EUR">', "<cbc:PriceAmount>")], "XSD-missing-attribute",
        f"{ITEM}/cac:Price/cbc:PriceAmount", "cbc:PriceAmount has no attribute currencyID, which it must have.",
        'Write cbc:PriceAmount with currencyID="…".',
    ),
    "unknown attribute": (
        [("<cbc:IssueDate>", '<cbc:IssueDate zone="1">')], "XSD-unexpected-attribute", "/Order/cbc:IssueDate",
        "cbc:IssueDate has the attribute zone, which it may not have.", "Leave it out.",
    ),
    "unknown attribute beside known ones": (
        [('unitCode="EA"', 'unitcode="EA"')], "XSD-unexpected-attribute", f"{ITEM}/cbc:Quantity",
        "cbc:Quantity has the attribute unitcode, which it may not have.",
        "cbc:Quantity may have: unitCode, unitCodeListAgencyID, unitCodeListAgencyName, unitCodeListID.",
    ),
    "no lines": (
        [(LINE, "")], "XSD-missing-element", "/Order",
        "Order is not complete: cac:OrderLine is missing.", "Write cac:OrderLine behind cac:SellerSupplierParty.",
    ),
    "several things missing": (
        [(LINE, ""), ("<cac:SellerSupplierParty/>", "")], "XSD-missing-element", "/Order",
        "Order is not complete: cac:SellerSupplierParty, cac:OrderLine are missing.",
        "Write cac:SellerSupplierParty behind cac:BuyerCustomerParty.",
    ),
    "wrong order": (
        [(DATE, ""), ("<cac:BuyerCustomerParty/>", DATE + "<cac:BuyerCustomerParty/>")], "XSD-unexpected-element",
        "/Order/cbc:DocumentCurrencyCode",
        "cbc:IssueDate stands at the wrong place in Order: it must stand before cbc:DocumentCurrencyCode.",
        "Move cbc:IssueDate before cbc:DocumentCurrencyCode.",
    ),
    "optional element too late": (
        [("<cac:BuyerCustomerParty/>", "<cac:BuyerCustomerParty/><cbc:Note>late</cbc:Note>")],
        "XSD-unexpected-element", "/Order/cbc:Note",
        "cbc:Note stands at the wrong place in Order: it must stand before cbc:DocumentCurrencyCode.",
        "Move cbc:Note before cbc:DocumentCurrencyCode.",
    ),
    "twice": (
        [(DATE, DATE + DATE)], "XSD-unexpected-element", "/Order/cbc:IssueDate[2]",
        "cbc:IssueDate stands more than once in Order; only one is allowed.", "Keep the right one.",
    ),
    "misspelled": (
        [("cbc:DocumentCurrencyCode", "cbc:DocumentCurencyCode")], "XSD-unexpected-element",
        "/Order/cbc:DocumentCurencyCode", "cbc:DocumentCurencyCode may not stand in Order.",
        "Did the sender mean cbc:DocumentCurrencyCode?",
    ),
    "unknown element": (
        [(DATE, DATE + '<x:Zzz xmlns:x="urn:x"/>')], "XSD-unexpected-element", "/Order/x:Zzz",
        "x:Zzz may not stand in Order.", "Leave it out, or put it where it belongs.",
    ),
    "child without namespace": (
        [(DATE, '<IssueDate xmlns="">2026-03-02</IssueDate>')], "XSD-unexpected-element", "/Order/IssueDate",
        "IssueDate in Order is not in the namespace of UBL, but must be cbc:IssueDate.",
        f"Write cbc:IssueDate, where cbc is {UBL}CommonBasicComponents-2.",
    ),
    "child in the wrong namespace": (
        [(DATE, "<cac:IssueDate>2026-03-02</cac:IssueDate>")], "XSD-unexpected-element", "/Order/cac:IssueDate",
        "IssueDate in Order stands in the namespace of cac:, but must be cbc:IssueDate.",
        f"Write cbc:IssueDate, where cbc is {UBL}CommonBasicComponents-2.",
    ),
    "text between elements": (
        [("<cac:LineItem>", "<cac:LineItem>hello")], "XSD-text", ITEM,
        "cac:LineItem may hold elements only, but has text between them.",
        "Leave the text out, or put it into the element it is meant for.",
    ),
    "element in text": (
        [("2026-03-02", "<b/>")], "XSD-text", "/Order/cbc:IssueDate",
        "cbc:IssueDate may hold text only, but has elements in it.", "Write text only.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_said_with_its_place_and_a_remedy(what):
    changes, code, path, message, fix = BROKEN[what]
    findings = validate(order(*changes))
    assert [(each.code, each.path, each.message, each.fix) for each in findings] == [(code, path, message, fix)]
    assert findings[0].severity == "error"
    assert findings[0].line
    assert findings[0].segment == path.rpartition("/")[2].partition("[")[0]


def test_the_offending_value_and_line_are_given():
    finding = validate(order((">3<", ">three<")))[0]
    assert (finding.value, finding.line) == ("three", 9)


def test_the_words_are_the_same_whatever_prefixes_the_document_uses():
    text = f"{HEAD}{TOP}{LINE}</Order>".replace(">3<", ">three<")
    for old, new in (("cbc:", "b:"), (":cbc", ":b"), ("cac:", "a:"), (":cac", ":a")):
        text = text.replace(old, new)
    finding = validate(parse_xml(text.encode()).root)[0]
    assert finding == validate(order((">3<", ">three<")))[0]


def test_prefixes_declared_inside_are_understood():
    inner = LINE.replace("<cac:OrderLine>", f'<p:OrderLine xmlns:p="{UBL}CommonAggregateComponents-2">')
    inner = inner.replace("</cac:OrderLine>", "</p:OrderLine>").replace(">3<", ">three<")
    finding = validate(order(lines=LINE + inner))[0]
    assert finding.path == "/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity"


def test_what_follows_a_misplaced_element_is_looked_at_too():
    findings = validate(order(("<cbc:ID>1</cbc:ID>", "<cbc:ID>1</cbc:ID><cbc:Foo/>"), (">10.00<", ">ten<")))
    assert [each.segment for each in findings] == ["cbc:Foo", "cbc:PriceAmount"]
    assert findings[1].message == 'cbc:PriceAmount is "ten"; it must be a number such as 1250.00.'


def test_the_second_look_finds_missing_attributes_children_and_misplaced_ones():
    lines = LINE.replace("<cbc:Quantity", "<cbc:Foo/><cbc:Quantity").replace(
        '<cbc:PriceAmount currencyID="EUR">', "<cbc:PriceAmount>"
    )
    lines = lines.replace(
        "<cbc:Name>Paper</cbc:Name>", "<cac:OriginAddress><cac:Country/><cbc:Foo/></cac:OriginAddress>"
    )
    lines = lines.replace("</cac:Item>", "<cac:AdditionalItemProperty/></cac:Item>")
    found = {(each.code, each.segment) for each in validate(order(lines=lines))}
    assert {
        ("XSD-unexpected-element", "cbc:Foo"),
        ("XSD-missing-attribute", "cbc:PriceAmount"),
        ("XSD-missing-element", "cac:AdditionalItemProperty"),
    } <= found


def test_a_document_inside_a_wrapper_is_judged_by_itself():
    wrapped = parse_xml(f"<all>{HEAD}{TOP}{LINE.replace('>3<', '>x<')}</Order></all>".encode()).root
    finding = validate(wrapped[0])[0]
    assert finding.path == f"{ITEM}/cbc:Quantity"


def test_findings_are_capped_and_the_rest_is_counted():
    findings = validate(order(lines=LINE.replace(">3<", ">x<") * 200))
    assert len(findings) == MOST_KEPT + 1
    assert (findings[-1].code, findings[-1].severity) == ("XSD-more", "note")
    assert findings[-1].message == "The document has 200 errors; the first 50 are shown."


def test_thousands_of_errors_end_the_check_early():
    root = order(lines="<cac:OrderLine/>" * 60_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    findings = validate(root)
    assert findings[-1].message == "The document has 5,000 or more errors; the first 50 are shown."
    assert len(root) < MOST_COUNTED + 10
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 64


def test_thousands_of_errors_inside_an_envelope_end_the_check_early_and_harm_nothing():
    wrong = f"{HEAD}{TOP}{'<cac:OrderLine/>' * 60_000}</Order>"
    root = parse_xml(f"<all>\n{wrong}{HEAD}{TOP}{LINE}</Order></all>".encode()).root
    findings = validate(root[0])
    assert findings[-1].message == "The document has 5,000 or more errors; the first 50 are shown."
    assert (findings[0].path, findings[0].line) == ("/Order/cac:OrderLine[1]", 8)
    assert len(root[0]) < MOST_COUNTED + 10
    assert validate(root[1]) == ()
    etree.SubElement(root[0], "last")
    assert root[0][-1].tag == "last"
    assert etree.tostring(root).endswith(b"</all>")


def test_a_large_document_inside_an_envelope_stays_as_it_was():
    lines = "".join(LINE.replace(">1<", f">{number}<") for number in range(2_500))
    root = parse_xml(f'<all xmlns:z="urn:z">text{HEAD}{TOP}{lines}</Order>tail</all>'.encode()).root
    before = etree.tostring(root, method="c14n")
    assert sum(1 for _ in root.iter()) > 20_000
    assert validate(root[0]) == ()
    assert etree.tostring(root, method="c14n") == before
    assert root[0].getparent() is root


def test_a_document_taken_out_of_a_tree_is_judged_too():
    root = parse_xml(f"<all>{HEAD}{TOP}{'<cac:OrderLine/>' * 7_000}</Order></all>".encode()).root
    taken = root[0]
    root.remove(taken)
    assert validate(taken)[-1].message == "The document has 5,000 or more errors; the first 50 are shown."
    assert len(taken) == 7_005


def test_errors_deep_inside_one_line_end_the_check_too():
    many = "<cac:AdditionalItemProperty/>" * (MOST_COUNTED + 2_000)
    root = order(("</cac:Item>", many + "</cac:Item>"))
    assert validate(root)[-1].code == "XSD-more"
    assert len(root.findall(".//{*}AdditionalItemProperty")) <= MOST_COUNTED + 1


def test_the_tree_is_untouched_below_that():
    root = order(lines=LINE.replace(">3<", ">x<") * 100)
    before = etree.tostring(root)
    validate(root)
    assert etree.tostring(root) == before


def test_other_errors_of_the_thread_are_none_of_our_business():
    validate(order())
    with pytest.raises(etree.XPathEvalError):
        order().xpath("nonsense(")
    assert validate(order()) == ()


def test_a_thread_of_its_own_explains_as_well():
    found = []
    thread = threading.Thread(target=lambda: found.extend(validate(order((">3<", ">x<")))))
    thread.start()
    thread.join()
    assert [each.value for each in found] == ["x"]


def test_a_shared_secret_is_never_repeated():
    text = (
        '<cXML payloadID="1" timestamp="2026-03-02T10:00:00Z"><Header><Sender><Credential domain="d">'
        '<Identity>i</Identity><SharedSecret kind="hunter2">hunter2</SharedSecret></Credential></Sender></Header></cXML>'
    )
    findings = validate(parse_xml(text.encode()).root)
    assert findings
    assert "hunter2" not in repr(findings)


def test_a_document_nobody_knows_has_no_schema():
    with pytest.raises(SchemaRefusedError, match="There is no schema for a document Foo"):
        validate(parse_xml(b"<Foo/>").root)


SIMPLE = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="Root"><xs:complexType><xs:sequence>
    <xs:element name="Colour" minOccurs="0"><xs:simpleType><xs:restriction base="xs:token">
      <xs:enumeration value="red"/><xs:enumeration value="green"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="Code" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
      <xs:pattern value="[A-Z]+"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="Short" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
      <xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="Empty" minOccurs="0"><xs:complexType/></xs:element>
    <xs:element name="Day" type="xs:date" minOccurs="0"/>
    <xs:element name="SharedSecret" type="xs:date" minOccurs="0"/>
    <xs:element name="Any" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:any namespace="##other" processContents="skip"/></xs:sequence></xs:complexType></xs:element>
    <xs:choice><xs:element name="A"/><xs:element name="B"/></xs:choice>
    <xs:element name="Key" minOccurs="0" maxOccurs="9"><xs:complexType><xs:attribute name="id" type="xs:int"/>
      </xs:complexType></xs:element>
  </xs:sequence></xs:complexType>
  <xs:unique name="u"><xs:selector xpath="Key"/><xs:field xpath="@id"/></xs:unique></xs:element>
</xs:schema>"""


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simple")
    (folder / "simple.xsd").write_text(SIMPLE)
    registry = SchemaRegistry((set_of_folder("simple", "operator", folder),))
    return lambda text: validate(parse_xml(f"<Root>{text}</Root>".encode()).root, None, registry)


@pytest.mark.parametrize(
    ("text", "code", "message", "fix"),
    [
        ("<Colour>blue</Colour><A/>", "XSD-code", 'Colour is "blue", which is not one of the values the schema allows.',
         "Write one of: red, green."),
        ("<Code>abc</Code><A/>", "XSD-pattern", 'Code is "abc", and that value is not accepted by the pattern \'[A-Z]+\'.',
         "Ask the sender to correct the value."),
        ("<Short>long</Short><A/>", "XSD-length",
         'Short is "long", and that value has a length of \'4\'; this exceeds the allowed maximum length of \'3\'.',
         "Ask the sender to correct the value."),
        ("<Empty>x</Empty><A/>", "XSD-text", "Empty must be empty, but has something in it.", "Leave its content out."),
        ("", "XSD-missing-element", None, None),
        ("<Day>2026-01-01</Day>", "XSD-missing-element", "Root is not complete: one of SharedSecret, Any, A, B must follow.",
         "Write one of them into Root."),
        ("<A/><C/>", "XSD-unexpected-element", "C may not stand in Root here: Key is expected.",
         "Leave it out, or put it where it belongs."),
        ("<A/><Kex/>", "XSD-unexpected-element", "Kex may not stand in Root here: Key is expected.",
         "Leave it out, or put it where it belongs."),
        ('<A/><Key id="x"/>', "XSD-value", 'The attribute id of Key is "x"; it must be a whole number such as 12.',
         "Ask the sender to correct the value."),
        ('<A/><Key id="1"/><Key id="1"/>', "XSD-key", "Key repeats or lacks an identifier that must be unique.",
         "Number them anew."),
        ("<A/><B/>", "XSD-unexpected-element", "B may not stand in Root here: Key is expected.",
         "Leave it out, or put it where it belongs."),
    ],
)  # fmt: skip
def test_schemas_without_facts_are_explained_from_what_libxml2_says(simple, text, code, message, fix):
    findings = simple(text)
    assert findings[0].code == code
    if message is not None:
        assert (findings[0].message, findings[0].fix) == (message, fix)


def test_the_content_of_a_shared_secret_is_not_shown(simple):
    (finding,) = simple("<SharedSecret>hunter2</SharedSecret><A/>")
    assert finding.message == "SharedSecret is not written as the schema wants it."
    assert "hunter2" not in repr(finding)


def test_a_place_for_anything_is_called_so(simple):
    assert simple("<Any/><A/>")[0].message == "Any is not complete: any other element is missing."


def test_a_value_of_any_length_is_clipped(simple):
    for wrong in (
        f"<Day>{'9' * 100_000}</Day><A/>",
        f"<Colour>{'x' * 100_000}</Colour><A/>",
        f"<A/><Key id='{'x' * 99_999}'/>",
        f"<{'N' * 2000}/>",
    ):
        findings = simple(wrong)
        assert findings
        assert all(len(each.message) < 1_000 and len(each.value or "") < 100 for each in findings)


def test_a_document_that_no_schema_can_judge_is_rejected_with_a_sentence():
    text = f'<!DOCTYPE Order [<!ENTITY e "x">]>{HEAD}{TOP.replace("PO-1", "&e;")}{LINE}</Order>'
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False))
    (finding,) = validate(root)
    assert (finding.code, finding.path) == ("XSD-not-checkable", "/Order")


def test_a_path_is_followed_as_far_as_it_goes():
    root = order()
    assert element_at("/*/cac:OrderLine/cac:LineItem", root).tag.endswith("LineItem")
    assert element_at("/*/*[2]", root) is root[1]
    assert element_at("/*/cac:OrderLine/nothing[3]/x", root) is root[-1]
    assert element_at("", root) is None
