"""Schemas and rules on every XML sample document; GATEWAY_CORPUS names the folder that holds them."""

import csv
import os
from pathlib import Path

import pytest

from gateway.standards.xml.businessrules import check_rules
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.validate import validate

_FOLDER = os.environ.get("GATEWAY_CORPUS")
_XML = Path(_FOLDER or "") / "xml"
pytestmark = pytest.mark.skipif(not _FOLDER, reason="GATEWAY_CORPUS is not set: the sample documents are not here")

#: Samples that break rules, and which: their amounts and dates really do not fit together.
_BREAK_RULES = {
    "UBL-Order-2.0-Example.xml": {"ubl-order-line-amount"},
    "UBL-Invoice-2.1-Example.xml": {"ubl-invoice-line-amount"},
    "UBL-CreditNote-2.0-Example.xml": {"ubl-net-total"},
    "invoice-complete.xml": {"ubl-due-date"},
    "purchase_order_request_200.xml": {"cxml-order-total"},
    "invoice_backed_and_unbacked_by_pos.xml": {"cxml-invoice-line-amount", "cxml-invoice-net"},
}


def _rows():
    index = _XML / "index.tsv"
    if not _FOLDER or not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def _expected(row):
    """Whether the sample is valid: by the index for UBL, by its notes on the DTD for cXML."""
    if row["standard"] == "ubl":
        return row["xsd 2.1 valid"] == "yes"
    return "invalid" not in row["notable / known fault"].lower()


def _root(row):
    return parse_xml((_XML / row["path"]).read_bytes()).root


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["path"])
def test_the_verdict_is_that_of_the_index(row):
    findings = validate(_root(row))
    assert (not findings) is _expected(row)
    assert all(finding.message and finding.fix and finding.line and finding.path for finding in findings)


@pytest.mark.parametrize("row", [row for row in _rows() if _expected(row)], ids=lambda row: row["path"])
def test_only_samples_that_do_not_add_up_break_rules(row):
    root = _root(row)
    request = root.find("Request")
    document = root if request is None else next(request.iterchildren("*"))
    broken = {finding.code.removeprefix("RULE-") for finding in check_rules(document)}
    name = next((name for name in _BREAK_RULES if row["path"].endswith(name)), "")
    assert broken == _BREAK_RULES.get(name, set())
