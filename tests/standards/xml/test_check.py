"""Verdicts of whole XML files."""

import pytest

from gateway.standards.edi.model import Finding
from gateway.standards.xml import check as check_module
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.schema_files import SchemaRefusedError
from gateway.standards.xml.schemas import SchemaRegistry, load_registry
from tests.attacks.xml_inputs import UBL, cxml, order, sbdh

WITHOUT_UBL = SchemaRegistry(tuple(each for each in load_registry().sets if each.name != "ubl-2.1"))


def check(text, **options):
    return check_xml(text.encode(), XmlCheckOptions(**options))


@pytest.mark.parametrize(("text", "family"), [(order(), "ubl"), (cxml(), "cxml"), (sbdh(), "ubl")])
def test_a_right_document_is_accepted(text, family):
    checked = check(text, rules=False)
    assert (checked.verdict, checked.format, checked.unreadable, checked.findings) == ("accepted", family, "", ())
    (document,) = checked.documents
    assert (document.accepted, document.held, document.findings) == (True, False, ())
    assert document.schema.name == {"ubl": "ubl-2.1", "cxml": "cxml-1.2"}[family]
    assert len(document.schema.digest) == 64


def test_a_document_without_a_release_is_named_by_its_schema():
    assert check(order()).documents[0].standard == "ubl-2.1"
    stated = order().replace("<cbc:ID>", "<cbc:UBLVersionID>2.0</cbc:UBLVersionID><cbc:ID>", 1)
    assert check(stated).documents[0].standard == "ubl-2.0"


def test_a_document_gives_what_identification_found():
    document = check(order()).documents[0]
    assert (document.set_id, document.number, document.control, document.kind) == ("Order", "PO-1", "PO-1", "order")
    assert document.element is document.identity.document


def test_a_document_that_breaks_its_schema_is_rejected_with_line_path_and_remedy():
    checked = check(order().replace("2026-03-02", "2026-13-02"))
    assert checked.verdict == "rejected"
    finding = checked.documents[0].findings[0]
    assert (finding.code.split("-")[0], finding.severity, finding.line) == ("XSD", "error", 1)
    assert finding.path == "/Order/cbc:IssueDate"
    assert finding.fix


def test_a_parsed_tree_is_checked_like_its_bytes():
    assert check_xml(parse_xml(order().encode())).verdict == check(order()).verdict


def test_each_document_of_a_file_has_a_verdict_of_its_own():
    checked = check(f"<mail>{order()}{order(extra='<evil/>')}{cxml()}</mail>")
    assert [document.verdict == "rejected" for document in checked.documents] == [False, True, False]
    assert (checked.verdict, checked.format) == ("partially_accepted", "xml")


def test_a_refused_file_says_why():
    checked = check("<!DOCTYPE x><x/>")
    assert (checked.verdict, checked.documents, checked.tree) == ("unreadable", (), None)
    assert checked.findings[0].code == "XML-doctype"
    assert checked.unreadable.startswith("Line 1: the file has a DOCTYPE")
    assert check(order(), limits=XmlLimits(max_elements=3)).findings[0].code == "XML-too-many-elements"


def test_a_document_that_no_schema_knows_is_unreadable():
    checked = check('<thing xmlns="urn:x"/>')
    assert (checked.verdict, checked.format) == ("unreadable", "xml")
    assert 'outermost element thing of the namespace "urn:x"' in checked.unreadable
    assert checked.documents[0].findings[0].code == "XML-unknown-document"
    assert "without a namespace" in check("<thing/>").unreadable
    long = check(f"<{'x' * 200}/>").documents[0].findings[0]
    assert len(long.segment) == 99


def test_an_unknown_document_of_a_known_family_is_rejected():
    checked = check(f'<Odrer xmlns="{UBL}Odrer-2"/>')
    (finding,) = checked.documents[0].findings
    assert (checked.verdict, finding.code) == ("rejected", "XSD-unknown-root")
    assert finding.fix.startswith("Perhaps Order is meant. Documents of UBL that are read here: Order, OrderResponse")


def test_the_remedy_for_an_unknown_document_names_no_other_that_is_not_near():
    (finding,) = check(f'<Zebra xmlns="{UBL}Zebra-2"/>').documents[0].findings
    assert finding.fix.startswith("Documents of UBL that are read here: Order")


def test_without_the_schemas_of_ubl_a_document_is_taken_with_a_warning():
    checked = check(order(), registry=WITHOUT_UBL, rules=False)
    assert checked.verdict == "accepted_with_errors"
    (finding,) = checked.documents[0].findings
    assert (finding.code, finding.severity) == ("XSD-not-validated", "warning")
    assert "edi-gateway[ubl]" in finding.fix
    assert checked.documents[0].standard == "ubl"


def test_a_release_of_ubl_that_is_not_here_is_told():
    checked = check(order(), ubl_version="2.9")
    assert checked.verdict == "rejected"
    assert checked.documents[0].findings[0].code == "XSD-no-schema"
    assert check(order(), ubl_version="2.1").documents[0].accepted


def test_a_broken_business_rule_holds_a_document_that_its_schema_accepts(monkeypatch):
    monkeypatch.setattr(check_module, "check_rules", lambda _: (Finding("RULE-x", "error", "wrong"),))
    document = check(order()).documents[0]
    assert (document.verdict, document.accepted, document.held) == ("accepted_with_errors", True, True)
    assert not check(order(), rules=False).documents[0].held
    assert [each.code for each in check(order(extra="<evil/>")).documents[0].findings] != ["RULE-x"]


def test_a_profile_can_change_severities(monkeypatch):
    monkeypatch.setattr(check_module, "check_rules", lambda _: (Finding("RULE-x", "error", "wrong"),))
    assert check(order(), severities={"RULE": "note"}).verdict == "accepted"
    assert check(order(), severities={"RULE-x": "warning"}).documents[0].held is False


def test_a_schema_that_cannot_be_used_rejects_with_the_reason(monkeypatch):
    def refuse(*_):
        raise SchemaRefusedError("changed.", "Add it again.")

    monkeypatch.setattr(check_module, "validate", refuse)
    (finding,) = check(order()).documents[0].findings
    assert (finding.code, finding.fix) == ("XSD-unusable-schema", "Add it again.")


def test_a_shared_secret_is_in_no_finding(monkeypatch):
    found = Finding("XSD-x", "error", "value hunter2", path="/cXML/Header/SharedSecret/x", value="hunter2")
    monkeypatch.setattr(check_module, "validate", lambda *_: (found,))
    (finding,) = check(cxml()).documents[0].findings
    assert "hunter2" not in f"{finding.message}{finding.value}"


@pytest.mark.parametrize(
    "secret",
    ['<SharedSecret a="hunter2">hunter2</SharedSecret>', "<SharedSecret>x</SharedSecret>hunter2", "<S>hunter2</S>"],
)
def test_a_misplaced_secret_is_not_repeated(secret):
    text = cxml().replace("<SharedSecret>open sesame</SharedSecret>", secret)
    checked = check(text)
    assert checked.verdict == "rejected"
    assert "hunter2" not in str(checked.documents[0].findings)
