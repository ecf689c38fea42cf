"""The value that `gateway inspect --json` prints."""

import json
from datetime import datetime

import pytest

from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12 import inspect as inspect_module
from gateway.standards.x12.inspect import inspect_bytes
from tests.standards.x12.x12_samples import ORDER_BODY, group, interchange, isa, order

FINDING_KEYS = ["code", "severity", "segment", "position", "element", "value", "offset", "message", "fix"]


def test_the_shape_is_the_one_of_the_command_line_contract():
    body = [line.replace("*EA*", "*XX*") for line in ORDER_BODY]
    data = interchange(group(order(body=body)))
    found = inspect_bytes("a.edi", data)
    assert list(found) == ["file", "format", "verdict", "interchanges", "ack"]
    assert (found["file"], found["format"], found["verdict"], found["ack"]) == ("a.edi", "x12", "rejected", None)
    (only,) = found["interchanges"]
    assert {key: only[key] for key in only if key not in ("findings", "groups")} == {
        "sender": "ZZ:ALDERMILL",
        "receiver": "ZZ:BIRCHHOUSE",
        "control": "000000101",
        "version": "00401",
    }
    (only_group,) = only["groups"]
    assert list(only_group) == ["code", "control", "version", "findings", "sets"]
    (only_set,) = only_group["sets"]
    assert list(only_set) == ["set", "control", "document", "number", "verdict", "findings"]
    assert (only_set["document"], only_set["number"]) == ("order", "4711")
    (finding,) = only_set["findings"]
    assert list(finding) == FINDING_KEYS
    assert (finding["code"], finding["segment"], finding["position"], finding["element"]) == ("AK403-7", "PO1", 4, 3)
    assert data[finding["offset"] :].startswith(b"XX*")
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("set_id", "document"),
    [
        ("850", "order"),
        ("855", "order_acknowledgment"),
        ("860", "order_change"),
        ("865", "order_change_acknowledgment"),
        ("856", "ship_notice"),
        ("810", "invoice"),
        ("846", "inventory_advice"),
        ("997", "functional_acknowledgment"),
        ("999", "implementation_acknowledgment"),
        ("820", None),
    ],
)
def test_each_set_names_its_canonical_document(set_id, document):
    found = inspect_bytes("a", interchange(group(order(set_id=set_id))))
    assert found["interchanges"][0]["groups"][0]["sets"][0]["document"] == document


def test_components_and_repetitions_are_named_where_there_are_any():
    body = (*ORDER_BODY[:3], "SLN*1**I*3*QQ>2", ORDER_BODY[3])
    found = inspect_bytes("a", interchange(group(order(body=body))))
    (finding,) = found["interchanges"][0]["groups"][0]["sets"][0]["findings"]
    assert (finding["element"], finding["component"]) == (5, 1)


def test_the_answer_holds_one_interchange_for_each_isa_with_control_number_1():
    data = interchange(group(order())) + interchange(group(order()), header=isa("000000102"))
    ack = inspect_bytes("a", data, ack=True, now=datetime(2026, 3, 2, 14, 5))["ack"]
    assert ack.count("ISA*") == ack.count("IEA*1*000000001") == 2
    assert inspect_bytes("ack", ack.encode())["verdict"] == "accepted"


def test_without_a_time_the_answer_takes_the_one_of_the_interchange():
    assert "*260302*0930*" in inspect_bytes("a", interchange(group(order())), ack=True)["ack"]
    broken = interchange(group(order()), header=isa(date="269999"))
    assert "*000101*0000*" in inspect_bytes("a", broken, ack=True)["ack"]


def test_acknowledgements_and_unreadable_files_have_no_answer():
    fa = interchange(group(order(body=("AK1*PO*7", "AK9*A*1*1*1"), set_id="997"), code="FA"))
    assert inspect_bytes("a", fa, ack=True)["ack"] is None
    found = inspect_bytes("a", b"UNB+UNOA:2+A:1+B:1+260302:0930+1'", ack=True)
    assert (found["format"], found["verdict"], found["ack"], found["interchanges"]) == (
        "edifact",
        "unreadable",
        None,
        [],
    )
    assert found["reason"].startswith("The file is an EDIFACT interchange. This release reads X12 only;")


def test_an_interchange_that_cannot_be_read_has_no_addresses():
    whole = interchange(group(order()))
    broken = inspect_bytes("a", whole + b"ISA*00*broken~\n" + whole)["interchanges"][1]
    assert (broken["sender"], broken["control"], broken["groups"]) == (None, None, [])
    assert broken["findings"][0]["code"] == "TA105-022"


def test_bytes_that_are_no_text_are_shown_as_escapes():
    body = [line.replace("NORTH", "N\xd6RTH") for line in ORDER_BODY]
    found = inspect_bytes("a", interchange(group(order(body=body))), options=ValidationOptions(charset="utf-8"))
    assert found["verdict"] == "rejected"
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_a_large_file_is_explained_only_where_it_fails(monkeypatch):
    monkeypatch.setattr(inspect_module, "_NOTES_UP_TO", 10)
    body = [line.replace("*D7", "*D7**") for line in ORDER_BODY]
    found = inspect_bytes("a", interchange(group(order(body=body))))
    assert found["interchanges"][0]["groups"][0]["sets"][0]["findings"] == []
