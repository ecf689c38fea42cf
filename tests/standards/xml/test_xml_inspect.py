"""The value that `gateway inspect --json` prints for XML."""

import json
from datetime import UTC, datetime

import pytest

from gateway.standards.inspect import inspect_file
from gateway.standards.xml.inspect import inspect_xml
from tests.attacks.xml_inputs import CXML_DOCTYPE, cxml, order, sbdh
from tests.standards.x12.x12_samples import group, interchange
from tests.standards.x12.x12_samples import order as x12_order

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def only_set(found):
    (each,) = found["interchanges"][0]["groups"][0]["sets"]
    return each


def test_a_ubl_document_has_the_shape_of_the_command_line_contract():
    data = order().replace("2026-03-02", "2026-13-02").encode()
    found = inspect_xml("a.xml", data)
    assert list(found) == ["file", "format", "verdict", "interchanges", "ack"]
    assert (found["file"], found["format"], found["verdict"], found["ack"]) == ("a.xml", "ubl", "rejected", None)
    (only,) = found["interchanges"]
    assert {key: only[key] for key in only if key != "groups"} == {
        "sender": "Harbor Retail",
        "receiver": "Alpine Supply",
        "control": "PO-1",
        "version": "ubl-2.1",
        "findings": [],
    }
    (only_group,) = only["groups"]
    assert {key: only_group[key] for key in only_group if key != "sets"} == {
        "code": "UBL",
        "control": "PO-1",
        "version": "ubl-2.1",
        "findings": [],
    }
    each = only_set(found)
    assert (each["set"], each["document"], each["number"], each["verdict"]) == ("Order", "order", "PO-1", "rejected")
    finding = each["findings"][0]
    assert list(finding) == [
        "code", "severity", "segment", "position", "element", "value", "offset", "message", "fix", "line", "path",
    ]  # fmt: skip
    assert (finding["segment"], finding["line"], finding["path"]) == ("cbc:IssueDate", 1, "/Order/cbc:IssueDate")
    assert json.loads(json.dumps(found)) == found


def test_a_cxml_document_is_named_by_its_request_and_payload():
    found = inspect_xml("a", (CXML_DOCTYPE + cxml()).encode())
    (only,) = found["interchanges"]
    assert (found["format"], only["sender"], only["control"]) == ("cxml", "DUNS:1", "1@example")
    assert only["version"] == "cxml-1.2.063"
    assert (only_set(found)["set"], only_set(found)["number"]) == ("ProfileRequest", None)


def test_several_documents_are_several_interchanges():
    found = inspect_xml("a", f"<all>{order()}{cxml()}</all>".encode())
    assert [each["version"] for each in found["interchanges"]] == ["ubl-2.1", "cxml-1.2"]
    assert found["format"] == "xml"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"<html><body>502</body></html>", "unknown", "web page"),
        (b"<!DOCTYPE html><html/>", "unknown", "web page"),
        (b"<order>", "xml", "cut off"),
        (order().encode()[:400], "ubl", "cut off"),
        (cxml().encode()[:300], "cxml", "cut off"),
        ("<a/>".encode("utf-32"), "xml", "UTF-32"),
        (b"<thing/>", "xml", "no schema is known"),
        (b"<", "xml", "not followed by a name"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(data, name, words):
    found = inspect_file("a", data, ack=True, now=NOW)
    assert (found["format"], found["verdict"], found["ack"]) == (name, "unreadable", None)
    assert words in found["reason"]


def test_the_finding_of_a_refused_file_is_in_an_interchange_without_names():
    (only,) = inspect_file("a", b"<a>\n<b></a>")["interchanges"]
    assert (only["control"], only["groups"]) == (None, [])
    assert (only["findings"][0]["code"], only["findings"][0]["line"]) == ("XML-not-well-formed", 2)


def test_x12_goes_its_own_way():
    assert inspect_file("a", interchange(group(x12_order())))["format"] == "x12"
    assert inspect_file("a", b"{}")["format"] == "unknown"


@pytest.mark.parametrize(
    ("text", "root"), [(order(), "ApplicationResponse"), (sbdh(), "ApplicationResponse"), (cxml(), "Response")]
)
def test_the_answer_is_a_document_that_inspect_accepts(text, root):
    ack = inspect_file("a", text.encode(), ack=True, now=NOW)["ack"]
    assert "2026-03-02" in ack
    answer = inspect_file("ack", ack.encode(), ack=True, now=NOW)
    assert answer["verdict"] in ("accepted", "accepted_with_errors")
    assert only_set(answer)["set"] == root
    assert answer["ack"] is None


def test_the_answer_to_a_wrong_document_says_so():
    ack = inspect_xml("a", order(extra="<evil/>").encode(), ack=True)["ack"]
    assert "RE" in ack
    assert "2000-01-01" in ack


def test_answers_to_several_documents_are_one_file_that_can_be_read():
    ack = inspect_xml("a", f"<all>{order()}{order()}</all>".encode(), ack=True, now=NOW)["ack"]
    found = inspect_file("ack", ack.encode())
    assert [each["groups"][0]["sets"][0]["set"] for each in found["interchanges"]] == ["ApplicationResponse"] * 2


def test_a_secret_is_in_nothing_that_is_shown():
    text = cxml().replace("<UserAgent>", "<Evil>").replace("</UserAgent>", "</Evil>")
    assert "sesame" not in json.dumps(inspect_xml("a", text.encode(), ack=True, now=NOW))
