"""Our own schemas of cXML 1.2: what is valid, what is not, and that they name everything they should."""

from __future__ import annotations

import copy
import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from gateway.resources import find
from gateway.standards.xml.parsing import parse_xml

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml" / "cxml"
FILES = sorted(FIXTURES.glob("*/*.xml"))
XSD = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(find("schemas/cxml/cXML.xsd")))


def document(name: str) -> etree._Element:
    return parse_xml((FIXTURES / name).read_bytes()).root


def errors(schema: etree.XMLSchema, root: etree._Element) -> list[str]:
    return [] if schema.validate(root) else [entry.message for entry in schema.error_log]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_fixture_is_valid(schema: etree.XMLSchema, path: Path) -> None:
    assert errors(schema, parse_xml(path.read_bytes()).root) == []


@pytest.mark.parametrize("name", ["common", "header", "order", "fulfilment", "invoice", "cXML"])
def test_every_schema_file_can_be_used_alone(name: str) -> None:
    etree.XMLSchema(file=str(find(f"schemas/cxml/{name}.xsd")))


def _without(path: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        assert element is not None
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return change


def _attribute(path: str, name: str, value: str | None) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path) if path else root
        assert element is not None
        if value is None:
            del element.attrib[name]
        else:
            element.set(name, value)

    return change


def _text(path: str, value: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        assert element is not None
        element.text = value

    return change


def _first_last(path: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        assert element is not None
        element.append(element[0])

    return change


def _added(path: str, name: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        assert element is not None
        etree.SubElement(element, name)

    return change


ORDER = "Request/OrderRequest"
ITEM = f"{ORDER}/ItemOut"

BROKEN = {
    "no total": _without(f"{ORDER}/OrderRequestHeader/Total"),
    "no bill-to": _without(f"{ORDER}/OrderRequestHeader/BillTo"),
    "no name in an address": _without(f"{ORDER}/OrderRequestHeader/BillTo/Address/Name"),
    "no city": _without(f"{ORDER}/OrderRequestHeader/ShipTo/Address/PostalAddress/City"),
    "no order number": _attribute(f"{ORDER}/OrderRequestHeader", "orderID", None),
    "no order date": _attribute(f"{ORDER}/OrderRequestHeader", "orderDate", None),
    "an order date that is none": _attribute(f"{ORDER}/OrderRequestHeader", "orderDate", "2 March 2026"),
    "an impossible date": _attribute(f"{ORDER}/OrderRequestHeader", "orderDate", "2026-02-30T10:00:00Z"),
    "an unknown type": _attribute(f"{ORDER}/OrderRequestHeader", "type", "change"),
    "an unknown attribute": _attribute(f"{ORDER}/OrderRequestHeader", "priority", "high"),
    "no quantity": _attribute(ITEM, "quantity", None),
    "a quantity in words": _attribute(ITEM, "quantity", "ten"),
    "an empty quantity": _attribute(ITEM, "quantity", ""),
    "a quantity with a thousands separator": _attribute(ITEM, "quantity", "1,500"),
    "a line number in words": _attribute(ITEM, "lineNumber", "one"),
    "no unit": _without(f"{ITEM}/ItemDetail/UnitOfMeasure"),
    "no description": _without(f"{ITEM}/ItemDetail/Description"),
    "no classification": _without(f"{ITEM}/ItemDetail/Classification"),
    "no price": _without(f"{ITEM}/ItemDetail/UnitPrice"),
    "no supplier part": _without(f"{ITEM}/ItemID/SupplierPartID"),
    "no currency": _attribute(f"{ITEM}/ItemDetail/UnitPrice/Money", "currency", None),
    "money in words": _text(f"{ITEM}/ItemDetail/UnitPrice/Money", "nine"),
    "no language of a description": _attribute(
        f"{ITEM}/ItemDetail/Description", "{http://www.w3.org/XML/1998/namespace}lang", None
    ),
    "the header's children in another order": _first_last(f"{ORDER}/OrderRequestHeader"),
    "the item's children in another order": _first_last(ITEM),
    "an unknown element": _added(ITEM, "Colour"),
    "text where elements belong": _text(ITEM, "watering can"),
    "no payload id": _attribute("", "payloadID", None),
    "no sender": _without("Header/Sender"),
    "no user agent": _without("Header/Sender/UserAgent"),
    "no domain of a credential": _attribute("Header/From/Credential", "domain", None),
    "an unknown request": _added("Request", "PunchOutSetupRequest"),
    "an unknown mode": _attribute("Request", "deploymentMode", "live"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_order_is_invalid(schema: etree.XMLSchema, what: str) -> None:
    root = copy.deepcopy(document("OrderRequest/new-order.xml"))
    BROKEN[what](root)
    assert errors(schema, root)


NUMBERS = {
    "ConfirmationRequest/except-by-line.xml": [
        ("Request/ConfirmationRequest/ConfirmationHeader", "type", "accepted"),
        ("Request/ConfirmationRequest/ConfirmationHeader", "incoTerms", "xxx"),
        ("Request/ConfirmationRequest/ConfirmationItem", "lineNumber", ""),
        ("Request/ConfirmationRequest/ConfirmationItem/ConfirmationStatus", "type", "backorder"),
    ],
    "ShipNoticeRequest/packed-with-sscc.xml": [
        ("Request/ShipNoticeRequest/ShipNoticeHeader", "operation", "cancel"),
        ("Request/ShipNoticeRequest/ShipNoticeHeader", "fulfillmentType", "full"),
        ("Request/ShipNoticeRequest/ShipControl/Route", "method", "truck"),
    ],
    "InvoiceDetailRequest/tax-in-lines.xml": [
        ("Request/InvoiceDetailRequest/InvoiceDetailRequestHeader", "purpose", "invoice"),
        ("Request/InvoiceDetailRequest/InvoiceDetailRequestHeader", "operation", "update"),
        ("Request/InvoiceDetailRequest/InvoiceDetailRequestHeader/InvoiceDetailLineIndicator", "isTaxInLine", "true"),
    ],
}


@pytest.mark.parametrize(
    ("name", "path", "attribute", "value"),
    [(name, *case) for name, cases in NUMBERS.items() for case in cases],
)
def test_a_word_outside_its_list_is_invalid(
    schema: etree.XMLSchema, name: str, path: str, attribute: str, value: str
) -> None:
    root = copy.deepcopy(document(name))
    _attribute(path, attribute, value)(root)
    assert errors(schema, root)


def test_an_empty_amount_and_an_empty_optional_attribute_are_taken(schema: etree.XMLSchema) -> None:
    root = copy.deepcopy(document("OrderRequest/new-order.xml"))
    _text(f"{ITEM}/ItemDetail/UnitPrice/Money", "")(root)
    _attribute(ITEM, "requestedDeliveryDate", "")(root)
    _attribute(ITEM, "lineNumber", "")(root)
    assert errors(schema, root) == []


def test_an_extrinsic_takes_any_element_and_a_known_one_must_be_right_in_it(schema: etree.XMLSchema) -> None:
    root = copy.deepcopy(document("OrderRequest/new-order.xml"))
    extrinsic = root.find(f"{ORDER}/OrderRequestHeader/Extrinsic")
    assert extrinsic is not None
    etree.SubElement(extrinsic, "{urn:example}Anything").text = "goes"
    assert errors(schema, root) == []
    etree.SubElement(extrinsic, "Money").text = "12.00"
    assert errors(schema, root)


def test_a_signature_behind_the_request_is_carried(schema: etree.XMLSchema) -> None:
    root = copy.deepcopy(document("OrderRequest/new-order.xml"))
    etree.SubElement(root, "{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert errors(schema, root) == []


def test_only_content_that_may_be_anything_is_left_open() -> None:
    """xs:any stands only where cXML itself allows anything, for travel bookings, and for signatures."""
    found = set()
    for path in find("schemas/cxml").glob("*.xsd"):
        for each in parse_xml(path.read_bytes()).root.iter(f"{XSD}any"):
            found.add(next(up.get("name") for up in each.iterancestors(f"{XSD}element")))
    assert found == {
        "Extrinsic",
        "SupplierPartAuxiliaryID",
        "OtherOrderTarget",
        "Identity",
        "SharedSecret",
        "DigitalSignature",
        "TravelDetail",
        "cXML",
    }


_CORPUS = os.environ.get("GATEWAY_CORPUS")


@pytest.mark.skipif(not _CORPUS, reason="GATEWAY_CORPUS is not set: the sample documents are not here")
def test_the_corpus_is_judged_as_the_dtds_judge_it(schema: etree.XMLSchema) -> None:
    folder = Path(str(_CORPUS)) / "xml"
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as index:
        rows = [row for row in csv.DictReader(index, delimiter="\t") if row["standard"] == "cxml"]
    assert rows
    for row in rows:
        by_dtd = row["notable / known fault"].rpartition(": ")[2] == "valid"
        found = errors(schema, parse_xml((folder / row["path"]).read_bytes()).root)
        assert (not found) == by_dtd, f"{row['path']}: {found}"
