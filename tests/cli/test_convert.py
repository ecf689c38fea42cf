"""`gateway convert`: every pair of X12, UBL, cXML and JSON, with everything that is not carried told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.conversion import Given, documents_of, write_documents
from gateway.cli.convert import convert_command
from gateway.documents import Order, parse_document
from gateway.standards.x12.check import check_transmission
from gateway.standards.xml.check import check_xml

FIXTURES = Path(__file__).parents[1] / "fixtures"
SOURCES = {
    "x12": FIXTURES / "x12/004010/850/01-plain-order.edi",
    "ubl": FIXTURES / "xml/ubl/Order/order-with-allowances.xml",
    "cxml": FIXTURES / "xml/cxml/OrderRequest/new-order.xml",
}
PARTNER = """
code: acme
name: Acme Retail
ids:
  isa: [{qualifier: "01", id: "123456789"}]
  gs: [ACMEGS]
  gln: "9501101530010"
  cxml: [{domain: NetworkID, identity: AN01000000009}]
ours:
  xml: ["NetworkID:AN01000000001"]
envelope:
  version: "005010"
  separators: {element: "|", segment: "\\n", component: ">", repetition: "^"}
xml:
  currency: EUR
  customization_id: "urn:fdc:peppol.eu:poacc:trns:order:3"
"""


def _run(*arguments: object, data: bytes | None = None) -> Result:
    return CliRunner().invoke(convert_command, [str(argument) for argument in arguments], input=data)


@pytest.fixture
def partner(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(PARTNER)
    return file


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["x12", "ubl", "cxml"])
def test_every_pair_of_standards_gives_a_file_that_its_own_check_accepts(source: str, target: str) -> None:
    done = _run(SOURCES[source], "--to", target, "--currency", "USD")
    assert done.exit_code == 0, done.stderr
    if target == "x12":
        checked = check_transmission(done.stdout_bytes)
        sets = [one for each in checked.interchanges for group in each.groups for one in group.sets]
        assert [one.set_id for one in sets] == ["850"]
        assert all(one.accepted for one in sets)
    else:
        (document,) = check_xml(done.stdout_bytes).documents
        assert document.accepted, document.findings
        assert document.set_id == {"ubl": "Order", "cxml": "OrderRequest"}[target]
    assert bool(done.stderr) == (source != target)


@pytest.mark.parametrize("source", SOURCES)
def test_any_file_becomes_json_and_json_becomes_any_file(source: str) -> None:
    as_json = _run(SOURCES[source], "--to", "json")
    assert as_json.exit_code == 0, as_json.stderr
    back = _run("-", "--to", source, data=as_json.stdout_bytes)
    assert back.exit_code == 0, back.stderr
    assert isinstance(parse_document(as_json.stdout_bytes), Order)
    assert documents_of(back.stdout_bytes, Given()).documents[0].number == json.loads(as_json.stdout)["number"]


def test_what_cannot_be_said_is_told_and_the_rest_is_written() -> None:
    done = _run(SOURCES["ubl"], "--to", "x12")
    assert done.exit_code == 0, done.stderr
    assert "is not in the written document, because" in done.stderr


def test_without_a_currency_the_reason_names_the_setting() -> None:
    done = _run(SOURCES["x12"], "--to", "ubl")
    assert done.exit_code == 1
    assert "xml.currency" in done.stderr
    assert done.stdout_bytes == b""


def test_a_kind_without_a_counterpart_ends_with_a_sentence() -> None:
    done = _run(FIXTURES / "xml/ubl/ReceiptAdvice/complete.xml", "--to", "x12")
    assert done.exit_code == 1
    assert "Send it as UBL" in done.stderr


def test_the_partners_profile_gives_envelope_parties_and_currency(partner: Path) -> None:
    x12 = _run(SOURCES["ubl"], "--to", "x12", "--partner", partner)
    assert x12.exit_code == 0, x12.stderr
    (interchange,) = check_transmission(x12.stdout_bytes).interchanges
    assert interchange.interchange.receiver_id == "123456789"
    assert interchange.interchange.version == "00501"
    assert x12.stdout_bytes[3:4] == b"|"
    ubl = _run(SOURCES["x12"], "--to", "ubl", "--partner", partner)
    assert ubl.exit_code == 0, ubl.stderr
    assert b"<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>" in ubl.stdout_bytes
    assert b"urn:fdc:peppol.eu:poacc:trns:order:3" in ubl.stdout_bytes
    cxml = _run(SOURCES["x12"], "--to", "cxml", "--partner", partner)
    assert cxml.exit_code == 0, cxml.stderr
    (document,) = check_xml(cxml.stdout_bytes).documents
    assert [str(each) for each in document.identity.receiver][:1] == ["NetworkID:AN01000000009"]
    assert b"SharedSecret" not in cxml.stdout_bytes


def test_several_documents_stand_below_one_element_that_we_read_again() -> None:
    several = FIXTURES / "x12/005010/850/09-three-orders-one-group.edi"
    for target in ("ubl", "cxml"):
        done = _run(several, "--to", target, "--currency", "USD")
        assert done.exit_code == 0, done.stderr
        assert len(check_xml(done.stdout_bytes).documents) == 3


def test_documents_of_two_kinds_become_two_groups_for_a_partner(partner: Path) -> None:
    from gateway.partners.yamlform import load_partner_file

    (profile,) = load_partner_file(partner)
    given = Given(profile=profile, currency="USD")
    order = documents_of(SOURCES["ubl"].read_bytes(), given).documents
    answer = documents_of((FIXTURES / "xml/ubl/OrderResponse/accepted.xml").read_bytes(), given).documents
    result = write_documents([*order, *answer], "x12", given, datetime(2026, 3, 2, tzinfo=UTC))
    assert result.complaints == []
    (interchange,) = check_transmission(result.data).interchanges
    assert [group.group.code for group in interchange.groups] == ["PO", "PR"]


def test_one_document_that_cannot_be_written_does_not_keep_the_others() -> None:
    order, receipt = (
        documents_of(path.read_bytes(), Given()).documents[0]
        for path in (SOURCES["ubl"], FIXTURES / "xml/ubl/ReceiptAdvice/complete.xml")
    )
    result = write_documents([receipt, order], "x12", Given())
    assert len(result.complaints) == 1
    assert len(result.documents) == 1
    assert result.data


def test_a_partner_without_an_identity_to_send_to_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bare.yaml"
    file.write_text("code: bare\nname: Bare\n")
    done = _run(SOURCES["ubl"], "--to", "x12", "--partner", file)
    assert done.exit_code == 1
    assert "ids." in done.stderr


def test_bad_input_of_any_kind_ends_with_a_sentence(tmp_path: Path) -> None:
    for data in (b"<Order", b"<unknown/>", b"ISA*", b"{", b"[1]", b""):
        done = _run("-", "--to", "ubl", data=data)
        assert done.exit_code == 1
        assert done.stderr
        assert done.exception is None or isinstance(done.exception, SystemExit)
    assert _run(tmp_path / "none.xml", "--to", "json").exit_code == 2


def test_a_document_made_by_hand_is_completed_for_xml_or_refused_with_its_fields() -> None:
    order = {
        "kind": "order",
        "sender": "harbor",
        "receiver": "alpine",
        "number": "7",
        "issue_date": "2026-03-02",
        "parties": [{"type": "buyer", "name": "Harbor"}, {"type": "seller", "name": "Alpine"}],
        "lines": [{"quantity": "5", "unit": "EA", "price": "2", "item_ids": [{"scheme": "vendor_item", "value": "A"}]}],
    }
    data = json.dumps(order).encode()
    for target in ("ubl", "cxml"):
        done = _run("-", "--to", target, "--currency", "USD", data=data)
        assert done.exit_code == 0, done.stderr
    assert b"<Identity>alpine</Identity>" in done.stdout_bytes
    refused = _run("-", "--to", "ubl", "--currency", "USD", data=json.dumps({**order, "lines": []}).encode())
    assert refused.exit_code == 1
    assert "must have a line" in refused.stderr
