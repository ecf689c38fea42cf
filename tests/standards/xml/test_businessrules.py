"""Business rules: the packaged ones, and what a rule file may say."""

import itertools
import re
import threading

import pytest
import yaml

from gateway.resources import find
from gateway.standards.xml.businessrules import MOST_PER_RULE, RuleFileError, check_rules, load_rules, read_rules
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.rule_expressions import _Parser
from gateway.standards.xml.structure import load_structure
from tests.standards.xml.ubl_order import LINE, UBL, order

PEPPOL = (
    "<cbc:CustomizationID>urn:fdc:peppol.eu:poacc:trns:order:3</cbc:CustomizationID>"
    "<cbc:ProfileID>urn:fdc:peppol.eu:poacc:bis:ordering:3</cbc:ProfileID>"
)
DATE = "<cbc:IssueDate>2026-03-02</cbc:IssueDate>"


def codes(document):
    return [finding.code.removeprefix("RULE-") for finding in check_rules(document)]


def ubl(root, body):
    return parse_xml(
        f'<{root} xmlns="{UBL}{root}-2" xmlns:cac="{UBL}CommonAggregateComponents-2" '
        f'xmlns:cbc="{UBL}CommonBasicComponents-2">{body}</{root}>'.encode()
    ).root


def cxml(body):
    return parse_xml(f'<cXML payloadID="1" timestamp="2026-03-02"><Request>{body}</Request></cXML>'.encode()).root[0][0]


def test_every_packaged_rule_compiles_and_has_an_id_of_its_own():
    ids = [rule.id for rule_set in load_rules() for rule in rule_set.rules]
    assert len(ids) == len(set(ids)) >= 70
    assert all(rule.id.startswith(("ubl-", "cxml-", "peppol-")) for rule_set in load_rules() for rule in rule_set.rules)
    peppol = next(rule_set for rule_set in load_rules() if rule_set.name.startswith("Peppol"))
    assert 15 <= len(peppol.rules) <= 25


def _paths(source):
    """The paths of an expression, with all their steps."""
    return [text for kind, text in _Parser(source, {"offender", *NAMES})._tokens if kind == "path"]


def _unknown_steps(path, structure):
    steps = [re.sub(r"\[.*?\]", "", step) for step in path.strip("/").split("/")]
    inner = [step for step in re.findall(r"\[([^=\]]+)", path) if not structure.type(step)]
    for outer, step in itertools.pairwise(["", *steps]):
        known = structure.attributes(outer) if step.startswith("@") and outer else ()
        if step.startswith("@"):
            if outer and not outer.startswith(".") and step[1:] not in known:
                yield path
        elif not step.startswith(".") and (
            structure.type(step) is None
            or (outer and not outer.startswith(".") and structure.child(outer, step) is None)
        ):
            yield path
    yield from inner


NAMES = {"expected", "day", "lines", "sum", "net", "gross", "payable", "tax", "due"}


@pytest.mark.parametrize("path", sorted(find("schemas/xml/rules").glob("*.yaml")), ids=lambda path: path.name)
def test_every_path_in_a_packaged_rule_exists_in_its_standard(path):
    content = yaml.safe_load(path.read_bytes())
    structure = load_structure(*{"ubl": ("ubl", "2.1"), "cxml": ("cxml", "1.2")}[content["family"]])
    unknown = []
    for rule in content["rules"]:
        contexts = rule.get("for", [])
        sources = [rule["check"], rule.get("when", "1"), *rule.get("let", {}).values()]
        sources += re.findall(r"\{(.*?)\}", rule["message"])
        paths = [each for source in sources for each in _paths(source)]
        paths += [contexts] if isinstance(contexts, str) else contexts
        paths += [rule["at"]] if "at" in rule else []
        unknown += [(rule["id"], each) for path in paths for each in _unknown_steps(path, structure)]
        unknown += [(rule["id"], each) for each in rule["documents"] if structure.root(each) is None]
    assert unknown == []


def test_rules_may_be_checked_in_several_threads_at_once():
    wrong = order((">30.00<", ">31.00<"))
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(codes(order()) + codes(order((">30.00<", ">31.00<")))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == codes(wrong) * 4


def test_a_good_order_keeps_all_rules():
    assert codes(order()) == []


def test_a_finding_says_what_where_and_what_to_do():
    (finding,) = check_rules(order((">30.00<", ">31.00<")))
    assert finding.code == "RULE-ubl-order-line-amount"
    assert finding.severity == "warning"
    assert finding.path == "/Order/cac:OrderLine/cac:LineItem/cbc:LineExtensionAmount"
    assert (finding.segment, finding.value, finding.line) == ("cbc:LineExtensionAmount", "31.00", 10)
    assert finding.message == (
        "The amount of line 1 is 31.00, but quantity and price with allowances and charges make 30.00."
    )
    assert finding.fix


ALLOWANCE = (
    "<cac:AllowanceCharge><cbc:ChargeIndicator>{}</cbc:ChargeIndicator>"
    "<cbc:Amount>{}</cbc:Amount></cac:AllowanceCharge>"
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("PO-1", " ")], ["ubl-number"]),
        ([(">3<", ">-3<"), (">30.00<", ">-30.00<")], ["ubl-order-quantity"]),
        ([('<cbc:Quantity unitCode="EA">3</cbc:Quantity>', "")], ["ubl-order-quantity-missing"]),
        ([(">10.00<", ">-10.00<"), (">30.00<", ">-30.00<")], ["ubl-price"]),
        ([("</cbc:PriceAmount>", "</cbc:PriceAmount><cbc:BaseQuantity>0</cbc:BaseQuantity>")], ["ubl-base-quantity"]),
        ([("</cbc:PriceAmount>", "</cbc:PriceAmount><cbc:BaseQuantity>10</cbc:BaseQuantity>"), ("30.00", "3.00")], []),
        ([("<cac:Price>", ALLOWANCE.format("false", 5) + ALLOWANCE.format("true", 2) + "<cac:Price>"),
          ("30.00", "27.00")], []),
        ([(">30.00<", ">30.01<")], []),
        ([(">30.00<", ">30.02<")], ["ubl-order-line-amount"]),
        ([("10.00</cbc:PriceAmount>", "10.00</cbc:PriceAmount><cbc:BaseQuantity>1</cbc:BaseQuantity>"),
          ('"EUR">10', '"USD">10')], ["ubl-currency"]),
        ([("<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>", ""), ('"EUR">10', '"USD">10')],
         ["ubl-one-currency"]),
        ([("<cac:BuyerCustomerParty/>", "<cbc:LineCountNumeric>2</cbc:LineCountNumeric><cac:BuyerCustomerParty/>")],
         ["ubl-line-count"]),
        ([("<cac:OrderLine>", "<cac:AnticipatedMonetaryTotal><cbc:LineExtensionAmount>30.02</cbc:LineExtensionAmount>"
           "</cac:AnticipatedMonetaryTotal><cac:OrderLine>")], ["ubl-order-total"]),
        ([("<cac:OrderLine>", "<cac:Delivery><cac:RequestedDeliveryPeriod><cbc:StartDate>2026-03-09</cbc:StartDate>"
           "<cbc:EndDate>2026-03-08</cbc:EndDate></cac:RequestedDeliveryPeriod></cac:Delivery><cac:OrderLine>")],
         ["ubl-period"]),
        ([("<cac:OrderLine>", "<cac:Delivery><cac:RequestedDeliveryPeriod><cbc:EndDate>2026-03-01</cbc:EndDate>"
           "</cac:RequestedDeliveryPeriod></cac:Delivery><cac:OrderLine>")], ["ubl-requested-date"]),
    ],
)  # fmt: skip
def test_rules_for_orders(changes, expected):
    assert codes(order(*changes)) == expected


def test_a_line_id_that_stands_twice_is_pointed_at():
    (finding,) = check_rules(order(lines=LINE + LINE))
    assert finding.message == "The line id 1 stands in more than one order line."
    assert finding.path == "/Order/cac:OrderLine[2]/cac:LineItem/cbc:ID"


def test_a_rule_broken_in_every_line_is_told_a_few_times():
    lines = "".join(LINE.replace("<cbc:ID>1<", f"<cbc:ID>{number}<").replace("30.00", "31") for number in range(100))
    assert codes(order(lines=lines)) == ["ubl-order-line-amount"] * MOST_PER_RULE


def test_answers_to_an_order_must_name_it():
    assert codes(ubl("OrderChange", "<cbc:ID>1</cbc:ID>")) == ["ubl-order-reference"]
    reference = "<cac:OrderReference><cbc:ID>PO-1</cbc:ID></cac:OrderReference>"
    assert codes(ubl("OrderChange", reference)) == ["ubl-number"]
    assert codes(ubl("OrderCancellation", f"<cbc:ID>1</cbc:ID>{reference}")) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", ["ubl-response-lines"]), ("CA", ["ubl-response-lines"]), ("AP", []), ("RE", []), ("29", [])],
)
def test_an_order_response_without_lines_needs_a_code_for_the_whole_order(code, expected):
    reference = "<cac:OrderReference><cbc:ID>PO-1</cbc:ID></cac:OrderReference>"
    body = f"<cbc:ID>1</cbc:ID><cbc:OrderResponseCode>{code}</cbc:OrderResponseCode>{reference}"
    assert codes(ubl("OrderResponse", body)) == expected


TOTAL = (
    "<cac:LegalMonetaryTotal><cbc:LineExtensionAmount>{lines}</cbc:LineExtensionAmount>"
    "<cbc:TaxExclusiveAmount>{net}</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount>{gross}</cbc:TaxInclusiveAmount>"
    "<cbc:AllowanceTotalAmount>{allowances}</cbc:AllowanceTotalAmount>"
    "<cbc:ChargeTotalAmount>{charges}</cbc:ChargeTotalAmount><cbc:PrepaidAmount>{prepaid}</cbc:PrepaidAmount>"
    "<cbc:PayableRoundingAmount>{rounding}</cbc:PayableRoundingAmount>"
    "<cbc:PayableAmount>{payable}</cbc:PayableAmount></cac:LegalMonetaryTotal>"
)
RIGHT = {
    "lines": "100.00", "allowances": "10.00", "charges": "5.00", "net": "95.00", "tax": "19.00", "rate": "20",
    "base": "95.00", "gross": "114.00", "prepaid": "14.00", "rounding": "0.00", "payable": "100.00", "amount": "100.00",
}  # fmt: skip
TAX = (
    "<cac:TaxTotal><cbc:TaxAmount>{tax}</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount>{base}</cbc:TaxableAmount>"
    "<cbc:TaxAmount>{part}</cbc:TaxAmount><cac:TaxCategory><cbc:Percent>{rate}</cbc:Percent></cac:TaxCategory>"
    "</cac:TaxSubtotal></cac:TaxTotal>"
)


def billing(root="Invoice", **changes):
    values = {**RIGHT, "part": changes.get("tax", RIGHT["tax"]), **changes}
    line, quantity = {
        "Invoice": ("InvoiceLine", "InvoicedQuantity"),
        "CreditNote": ("CreditNoteLine", "CreditedQuantity"),
    }[root]
    return ubl(
        root,
        "<cbc:ID>I-1</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate>"
        + values.get("due", "")
        + ALLOWANCE.format("false", "10.00")
        + ALLOWANCE.format("true", "5.00")
        + TAX.format(**values)
        + TOTAL.format(**values)
        + f"<cac:{line}><cbc:ID>1</cbc:ID><cbc:{quantity}>4</cbc:{quantity}>"
        f"<cbc:LineExtensionAmount>{values['amount']}</cbc:LineExtensionAmount>"
        f"<cac:Price><cbc:PriceAmount>25</cbc:PriceAmount></cac:Price></cac:{line}>",
    )


@pytest.mark.parametrize("root", ["Invoice", "CreditNote"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"lines": "101.00"}, {"ubl-lines-total", "ubl-net-total"}),
        ({"allowances": "11.00"}, {"ubl-allowances", "ubl-net-total"}),
        ({"charges": "6.00"}, {"ubl-charges", "ubl-net-total"}),
        ({"net": "96.00"}, {"ubl-net-total", "ubl-gross-total"}),
        ({"gross": "115.00"}, {"ubl-gross-total", "ubl-payable"}),
        ({"payable": "99.00"}, {"ubl-payable"}),
        ({"payable": "100.30", "rounding": "0.30"}, set()),
        ({"gross": "114.30", "rounding": "0.30", "payable": "100.30"}, set()),
        ({"part": "18.00"}, {"ubl-tax-total", "ubl-tax-rate"}),
        ({"rate": "19"}, {"ubl-tax-rate"}),
        ({"rate": "20.1"}, set()),
    ],
)
def test_totals_must_add_up(root, changes, expected):
    assert set(codes(billing(root, **changes))) == expected


def test_line_amounts_must_be_quantity_times_price():
    assert "ubl-invoice-line-amount" in codes(billing(amount="101.00"))
    assert "ubl-credit-line-amount" in codes(billing("CreditNote", amount="101.00"))


def test_an_invoice_is_not_due_before_it_is_issued():
    assert codes(billing(due="<cbc:DueDate>2026-03-01</cbc:DueDate>")) == ["ubl-due-date"]
    assert codes(billing(due="<cbc:DueDate>2026-03-02</cbc:DueDate>")) == []


def test_peppol_rules_are_for_documents_that_name_peppol():
    assert codes(order((DATE, PEPPOL + DATE))) == ["peppol-buyer-endpoint", "peppol-seller-endpoint"]
    party = '<cac:Party><cbc:EndpointID schemeID="0088">7300010000001</cbc:EndpointID></cac:Party>'
    parties = [
        (f"<cac:{role}/>", f"<cac:{role}>{party}</cac:{role}>")
        for role in ("BuyerCustomerParty", "SellerSupplierParty")
    ]
    assert codes(order((DATE, PEPPOL + DATE), *parties)) == []
    assert codes(order((DATE, PEPPOL + DATE), *parties, ("<cbc:Name>Paper</cbc:Name>", ""))) == ["peppol-order-line"]


CXML_ORDER = (
    '<OrderRequest><OrderRequestHeader orderID="{id}" orderDate="2026-03-02T10:00:00Z" type="{type}"{more}><Total>'
    '<Money currency="EUR">{total}</Money></Total></OrderRequestHeader>{items}</OrderRequest>'
)
CXML_ITEM = (
    '<ItemOut lineNumber="{n}" quantity="{q}" requestedDeliveryDate="{day}"><ItemDetail>'
    '<UnitPrice><Money currency="{c}">2.50</Money></UnitPrice>'
    '<PriceBasisQuantity quantity="{basis}" conversionFactor="1"/></ItemDetail></ItemOut>'
)


@pytest.mark.parametrize(
    ("header", "item", "expected"),
    [
        ({}, {}, []),
        ({"id": ""}, {}, ["cxml-order-number"]),
        ({"type": "update"}, {}, ["cxml-order-change-reference"]),
        ({"total": "26.00"}, {}, ["cxml-order-total"]),
        ({"total": "2.50"}, {"basis": "10"}, []),
        ({"total": "-25.00"}, {"q": "-10"}, ["cxml-order-quantity"]),
        ({}, {"c": "USD"}, ["cxml-currency"]),
        ({}, {"day": "2026-03-01"}, ["cxml-order-delivery-date"]),
        ({"more": ' effectiveDate="2026-03-02" expirationDate="2026-03-01"'}, {}, ["cxml-order-validity"]),
    ],
)
def test_rules_for_cxml_orders(header, item, expected):
    items = CXML_ITEM.format(**{"n": 1, "q": 10, "day": "2026-03-09", "c": "EUR", "basis": 1} | item)
    values = {"id": "PO-1", "type": "new", "more": "", "total": "25.00", "items": items} | header
    assert codes(cxml(CXML_ORDER.format(**values))) == expected


def test_a_path_of_cxml_starts_at_the_envelope():
    items = CXML_ITEM.format(n=1, q=-10, day="2026-03-09", c="EUR", basis=1)
    document = cxml(CXML_ORDER.format(id="1", type="new", more="", total="-25", items=items))
    (finding,) = check_rules(document)
    assert finding.path == "/cXML/Request/OrderRequest/ItemOut/@quantity"
    assert finding.value == "-10"


CXML_INVOICE = (
    '<InvoiceDetailRequest><InvoiceDetailRequestHeader invoiceID="{id}"/><InvoiceDetailOrder>'
    '<InvoiceDetailItem invoiceLineNumber="1" quantity="3"><UnitPrice><Money currency="EUR">100</Money></UnitPrice>'
    "<SubtotalAmount><Money>{line}</Money></SubtotalAmount></InvoiceDetailItem></InvoiceDetailOrder><InvoiceDetailSummary>"
    "<SubtotalAmount><Money>{subtotal}</Money></SubtotalAmount><Tax><Money>{tax}</Money><TaxDetail><TaxAmount>"
    "<Money>60</Money></TaxAmount></TaxDetail></Tax><ShippingAmount><Money>5</Money></ShippingAmount>"
    "<GrossAmount><Money>{gross}</Money></GrossAmount>"
    "<InvoiceDetailDiscount><Money>10</Money></InvoiceDetailDiscount>{more}<NetAmount><Money>{net}</Money></NetAmount>"
    "<DepositAmount><Money>55</Money></DepositAmount><DueAmount><Money>{due}</Money></DueAmount>"
    "</InvoiceDetailSummary></InvoiceDetailRequest>"
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"id": " "}, {"cxml-invoice-number"}),
        ({"line": "200"}, {"cxml-invoice-line-amount", "cxml-invoice-subtotal"}),
        ({"subtotal": "301"}, {"cxml-invoice-subtotal", "cxml-invoice-gross"}),
        ({"tax": "61"}, {"cxml-invoice-tax", "cxml-invoice-gross"}),
        ({"gross": "366"}, {"cxml-invoice-gross", "cxml-invoice-net"}),
        ({"net": "0"}, {"cxml-invoice-net", "cxml-invoice-due"}),
        ({"net": "0", "due": "-55", "more": "<InvoiceHeaderModifications>x</InvoiceHeaderModifications>"}, set()),
        ({"due": "1"}, {"cxml-invoice-due"}),
    ],
)
def test_rules_for_cxml_invoices(changes, expected):
    values = {"id": "I", "line": "300", "subtotal": "300", "tax": "60", "gross": "365", "net": "355", "due": "300",
              "more": ""}  # fmt: skip
    assert set(codes(cxml(CXML_INVOICE.format(**values | changes)))) == expected


FILE = """family: ubl
name: test
rules:
  - id: one
    documents: [Order]
    check: {check}
    message: "Number {{cbc:ID}} {{$offender}}."
    fix: Ask.
"""


def write(tmp_path, text):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return path


def test_a_rule_file_of_ones_own_is_checked(tmp_path):
    rules = (read_rules(write(tmp_path, FILE.format(check="cbc:ID = 'x'"))),)
    (finding,) = check_rules(order(), rules)
    assert (finding.code, finding.severity, finding.message) == ("RULE-one", "error", "Number PO-1 no value.")
    assert (finding.path, finding.value) == ("/Order", None)
    assert check_rules(order(("PO-1", "x")), rules) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("family: [", "rules.yaml cannot be read"),
        ("- 1", "must have the keys family, name and rules"),
        ("family: ubl\nname: x\nrules: []\nmore: 1", "must have the keys"),
        (FILE.format(check="1 +"), 'rule one: "1 \\+" cannot be read from "its end" on'),
        (FILE.format(check="foo(a)"), r"uses foo\(\), which is not one of"),
        (FILE.format(check="1 = 1").replace("fix:", "fixx:"), "fixx is no key of a rule"),
        (FILE.format(check="1 = 1").replace("    fix: Ask.\n", ""), "rule one: fix is missing"),
        (FILE.format(check="$six = 1"), r"uses \$six, which no `let`"),
        (FILE.format(check="1 = 1") + "    severity: fatal\n", "the severity must be one of error, warning, note"),
        (FILE.format(check="1 = 1") + "    tolerance: many\n", "rule one: "),
        (FILE.format(check="1 = 1") + "    at: 'foo:bar'\n", 'unknown prefix "foo"'),
        (FILE.format(check="1 = 1").replace("rules:", "when: 1 +\nrules:"), "rules.yaml, when: "),
        (FILE.format(check="1 = 1") + FILE.format(check="1 = 1").partition("rules:\n")[2], "has two rules one"),
    ],
)
def test_a_wrong_rule_file_says_where_and_why(tmp_path, text, complaint):
    with pytest.raises(RuleFileError, match=complaint):
        read_rules(write(tmp_path, text))


def test_a_missing_rule_file_is_named(tmp_path):
    with pytest.raises(RuleFileError, match=re.escape("none.yaml cannot be read")):
        read_rules(tmp_path / "none.yaml")
