"""Says which business documents an XML file holds, who sent each to whom, and what each is called.

A file is a UBL document, a cXML document, either of them in a StandardBusinessDocument (SBDH), several of them below
one element, or XML of no family that is known here. Names are compared by namespace, never by prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from lxml import etree

from gateway.standards.xml.credentials import Credential, read_envelope_header
from gateway.standards.xml.limits import DEFAULT_LIMITS, XmlLimits
from gateway.standards.xml.parsing import XmlTree, local_name, namespace_of
from gateway.standards.xml.refusal import XmlRefused
from gateway.standards.xml.schemas import UBL_NAMESPACE

__all__ = ["KINDS", "SBDH", "PartyId", "Sbdh", "XmlFormat", "XmlIdentity", "identify_xml"]

XmlFormat = Literal["ubl", "cxml", "xml"]

#: Namespace of the UN/CEFACT Standard Business Document Header.
SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_CBC: Final = f"{{{UBL_NAMESPACE}CommonBasicComponents-2}}"
_CAC: Final = f"{{{UBL_NAMESPACE}CommonAggregateComponents-2}}"
_COMMON: Final = frozenset({"CommonBasicComponents-2", "CommonAggregateComponents-2", "CommonExtensionComponents-2"})
_SPACE: Final = " \t\r\n"
#: Characters of an identifier that are kept; a longer one is no identifier.
_LONGEST: Final = 500
#: Elements without a name that is known, among the children of an element, that are looked at for a wrapper.
_WRAPPED_LEVELS: Final = 2
#: Children of a document among which its identification is looked for.
_HEAD: Final = 1_000

#: Root element of UBL, or request of cXML → kind of the canonical document it is read into.
KINDS: Final = {
    "ubl": {
        "Order": "order",
        "OrderResponse": "order_acknowledgment",
        "OrderResponseSimple": "order_acknowledgment",
        "OrderChange": "order_change",
        "OrderCancellation": "order_change",
        "DespatchAdvice": "ship_notice",
        "ReceiptAdvice": "receipt_advice",
        "Invoice": "invoice",
        "CreditNote": "invoice",
        "ApplicationResponse": "application_response",
        "InventoryReport": "inventory_advice",
    },
    "cxml": {
        "OrderRequest": "order",
        "ConfirmationRequest": "order_acknowledgment",
        "ShipNoticeRequest": "ship_notice",
        "InvoiceDetailRequest": "invoice",
        "Response": "application_response",
    },
    "xml": {},
}

_BUYER: Final = "BuyerCustomerParty"
_SELLER: Final = "SellerSupplierParty"
#: UBL root → the parties that may have sent it and that it may be for, the first one present counts.
_SIDES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "Order": ((_BUYER,), (_SELLER,)),
    "OrderChange": ((_BUYER,), (_SELLER,)),
    "OrderCancellation": ((_BUYER,), (_SELLER,)),
    "OrderResponse": ((_SELLER,), (_BUYER,)),
    "OrderResponseSimple": ((_SELLER,), (_BUYER,)),
    "DespatchAdvice": (("DespatchSupplierParty", _SELLER), ("DeliveryCustomerParty", _BUYER)),
    "ReceiptAdvice": (("DeliveryCustomerParty", _BUYER), ("DespatchSupplierParty", _SELLER)),
    "Invoice": (("AccountingSupplierParty",), ("AccountingCustomerParty",)),
    "CreditNote": (("AccountingSupplierParty",), ("AccountingCustomerParty",)),
    "RemittanceAdvice": (("AccountingCustomerParty",), ("AccountingSupplierParty",)),
    "InventoryReport": (("InventoryReportingParty", _SELLER), ("RetailerCustomerParty", _SELLER)),
    "StockAvailabilityReport": ((_SELLER,), ("RetailerCustomerParty",)),
    "ApplicationResponse": (("SenderParty",), ("ReceiverParty",)),
}
_OTHER_SIDES: Final = (("SenderParty",), ("ReceiverParty",))
#: Self-billed invoices and credit notes are sent by the customer.
_SELF_BILLED: Final = (("InvoiceTypeCode", "389"), ("CreditNoteTypeCode", "261"))
#: What identifies a party, the most telling first: what the id is, child of cac:Party, and the child of that with it.
_PARTY_IDS: Final = (
    ("endpoint", f"{_CBC}EndpointID", ""),
    ("identification", f"{_CAC}PartyIdentification", f"{_CBC}ID"),
    ("company", f"{_CAC}PartyLegalEntity", f"{_CBC}CompanyID"),
    ("tax", f"{_CAC}PartyTaxScheme", f"{_CBC}CompanyID"),
)
_PARTY_NAMES: Final = (
    (f"{_CAC}PartyName", f"{_CBC}Name"),
    (f"{_CAC}PartyLegalEntity", f"{_CBC}RegistrationName"),
)
_PARTY_PARTS: Final = frozenset({*(outer for _, outer, _ in _PARTY_IDS), *(outer for outer, _ in _PARTY_NAMES)})

#: Where a cXML request carries its number: request → (path of the element, attribute).
_CXML_NUMBERS: Final = {
    "OrderRequest": ("OrderRequestHeader", "orderID"),
    "ConfirmationRequest": ("ConfirmationHeader", "confirmID"),
    "ShipNoticeRequest": ("ShipNoticeHeader", "shipmentID"),
    "InvoiceDetailRequest": ("InvoiceDetailRequestHeader", "invoiceID"),
}
_CXML_BODIES: Final = ("Request", "Response", "Message")
_CXML_VERSION: Final = re.compile(r"1\.[12](\.\d{1,4})?")


@dataclass(frozen=True, slots=True)
class PartyId:
    """One identifier of a trading partner, as a document names it."""

    #: "endpoint", "identification", "company" or "tax" (UBL), "credential" (cXML), "header" (SBDH), "name".
    kind: str
    #: Scheme or domain: "0088", "DUNS"; "" without one.
    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}" if self.scheme else self.value


@dataclass(frozen=True, slots=True)
class Sbdh:
    """What a StandardBusinessDocumentHeader says of the documents behind it."""

    sender: tuple[PartyId, ...]
    receiver: tuple[PartyId, ...]
    #: DocumentIdentification/InstanceIdentifier, unique for every envelope; "" without one.
    instance: str
    #: DocumentIdentification/Type and Standard, as written.
    type: str
    standard: str
    #: CreationDateAndTime, as written.
    created: str
    #: BusinessScope: type → InstanceIdentifier, as written (Peppol: "DOCUMENTID", "PROCESSID").
    scopes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class XmlIdentity:
    """One business document of a file: what it is, and who it is from and for."""

    format: XmlFormat
    #: Name of the document: root element of UBL ("Order"), request of cXML ("OrderRequest", "Response").
    root: str
    #: Namespace of the root element; None without one.
    namespace: str | None
    #: The whole document, which the schema judges: root of UBL, `cXML` element.
    document: etree._Element
    #: What the map reads: the same as `document` for UBL, the request or response element of cXML.
    content: etree._Element
    #: Place of the document in its file, from 1.
    position: int
    #: Release as the document names it: "2.1" (cbc:UBLVersionID), "1.2.063" (DOCTYPE or @version); "" without one.
    version: str
    #: The number people call the document by (cbc:ID, orderID, invoiceID …); None without one.
    number: str | None
    #: The id that no two messages share: cXML payloadID, SBDH instance, else the number; "" without one.
    control: str
    #: Kind of the canonical document, "order"; None when there is none for it.
    kind: str | None
    #: Identifiers of who sent it and who it is for, the most telling first: SBDH, then those of the document.
    sender: tuple[PartyId, ...]
    receiver: tuple[PartyId, ...]
    #: cbc:CustomizationID and cbc:ProfileID (UBL); "" without.
    customization: str = ""
    profile: str = ""
    #: cbc:IssueDate (UBL) or timestamp (cXML), as written; "" without.
    issued: str = ""
    #: cXML: deploymentMode says that it is a test.
    test: bool = False
    #: cXML: credentials of who opened the connection (Header/Sender), without their secrets.
    transmitter: tuple[PartyId, ...] = ()
    sbdh: Sbdh | None = None
    #: The bytes of the file it stands in, when they are UTF-8.
    data: bytes | None = field(default=None, repr=False)

    @property
    def document_name(self) -> str:
        """Name of the element that the schema knows: "Order", "cXML"."""
        return local_name(self.document)

    @property
    def standard(self) -> str:
        """Family and release: "ubl-2.1", "cxml-1.2.063", "xml"."""
        return f"{self.format}-{self.version}" if self.version else self.format


def identify_xml(tree: XmlTree, limits: XmlLimits = DEFAULT_LIMITS) -> tuple[XmlIdentity, ...]:
    """The business documents of a file in their order; at least one, of format "xml" when nothing is known of it.

    Raises XmlRefused when there are too many, or when an SBDH has none behind it.
    """
    found = [
        _identity(tree, element, position, header)
        for position, (element, header) in enumerate(_documents(tree.root, limits), 1)
    ]
    return tuple(found)


def _documents(root: etree._Element, limits: XmlLimits) -> Iterator[tuple[etree._Element, Sbdh | None]]:
    if namespace_of(root) == SBDH:
        yield from _behind_header(root, limits)
    elif _is_known(root):
        yield root, None
    else:
        inner = _inside(root, limits)
        yield from ((each, None) for each in inner or [root])


def _is_known(element: etree._Element) -> bool:
    """The element is the document element of a family that is known here."""
    tag = element.tag
    return isinstance(tag, str) and (
        tag == "cXML" or (tag.startswith(f"{{{UBL_NAMESPACE}") and not _is_common(element))
    )


def _is_common(element: etree._Element) -> bool:
    return (namespace_of(element) or "").removeprefix(UBL_NAMESPACE) in _COMMON


def _inside(wrapper: etree._Element, limits: XmlLimits) -> list[etree._Element]:
    """Known documents among the children of an unknown element, or else among theirs."""
    level = [wrapper]
    for _ in range(_WRAPPED_LEVELS):
        below: list[etree._Element] = []
        found: list[etree._Element] = []
        for parent in level:
            for child in parent.iterchildren(etree.Element):
                if _is_known(child):
                    found.append(child)
                    _count(found, limits)
                elif len(below) < limits.max_documents:
                    below.append(child)
        if found:
            return found
        level = below
    return []


def _count(found: list[etree._Element], limits: XmlLimits) -> None:
    if len(found) > limits.max_documents:
        message = f"The file holds more than {limits.max_documents:,} business documents, the most for this partner."
        raise XmlRefused("XML-too-many-documents", message, "Ask the sender to split it into several files.")


def _behind_header(root: etree._Element, limits: XmlLimits) -> Iterator[tuple[etree._Element, Sbdh | None]]:
    header: Sbdh | None = None
    found: list[etree._Element] = []
    for child in root.iterchildren(etree.Element):
        if child.tag == f"{{{SBDH}}}StandardBusinessDocumentHeader":
            header = _sbdh(child)
        elif _is_known(child):
            found.append(child)
            _count(found, limits)
        else:
            inner = _inside(child, limits)
            found.extend(inner or [child])
            _count(found, limits)
    if not found:
        message = "The file is a StandardBusinessDocument (SBDH) with no document in it."
        raise XmlRefused("XML-no-document", message, "Ask the sender to send it again with the document.")
    yield from ((each, header) for each in found)


def _sbdh(header: etree._Element) -> Sbdh:
    def text(path: str) -> str:
        return _text(header.find("/".join(f"{{{SBDH}}}{step}" for step in path.split("/"))))

    def partners(name: str) -> tuple[PartyId, ...]:
        found = header.iterfind(f"{{{SBDH}}}{name}/{{{SBDH}}}Identifier")
        return tuple(PartyId("header", _attribute(each, "Authority"), _text(each)) for each in found if _text(each))

    scopes = header.iterfind(f"{{{SBDH}}}BusinessScope/{{{SBDH}}}Scope")
    return Sbdh(
        sender=partners("Sender"),
        receiver=partners("Receiver"),
        instance=text("DocumentIdentification/InstanceIdentifier"),
        type=text("DocumentIdentification/Type"),
        standard=text("DocumentIdentification/Standard"),
        created=text("DocumentIdentification/CreationDateAndTime"),
        scopes=tuple(
            (_text(each.find(f"{{{SBDH}}}Type")), _text(each.find(f"{{{SBDH}}}InstanceIdentifier"))) for each in scopes
        ),
    )


def _identity(tree: XmlTree, element: etree._Element, position: int, header: Sbdh | None) -> XmlIdentity:
    if element.tag == "cXML":
        return _cxml(tree, element, position, header)
    if (namespace_of(element) or "").startswith(UBL_NAMESPACE):
        return _ubl(tree, element, position, header)
    name = local_name(element)
    instance = header.instance if header else ""
    parties = (header.sender, header.receiver) if header else ((), ())
    return XmlIdentity(
        "xml", name, namespace_of(element), element, element, position, "", None, instance, None, *parties, sbdh=header
    )


def _ubl(tree: XmlTree, element: etree._Element, position: int, header: Sbdh | None) -> XmlIdentity:
    name = local_name(element)
    head = _first_of_each(element)

    def text(child: str) -> str:
        return _text(head.get(f"{_CBC}{child}"))

    number = text("ID") or None
    senders, receivers = _SIDES.get(name, _OTHER_SIDES)
    if any(text(code) == value for code, value in _SELF_BILLED):
        senders, receivers = receivers, senders
    sender, receiver = _ubl_party(head, senders), _ubl_party(head, receivers)
    return XmlIdentity(
        format="ubl",
        root=name,
        namespace=namespace_of(element),
        document=element,
        content=element,
        position=position,
        version=text("UBLVersionID"),
        number=number,
        control=(header.instance if header else "") or number or "",
        kind=KINDS["ubl"].get(name),
        sender=((*header.sender, *sender) if header else sender),
        receiver=((*header.receiver, *receiver) if header else receiver),
        customization=text("CustomizationID"),
        profile=text("ProfileID"),
        issued=text("IssueDate"),
        sbdh=header,
        data=tree.data,
    )


def _first_of_each(element: etree._Element) -> dict[str, etree._Element]:
    """The first child of each name; what identifies a document stands before its lines."""
    found: dict[str, etree._Element] = {}
    for child in islice(element.iterchildren(etree.Element), _HEAD):
        tag = str(child.tag)
        if tag not in found:
            found[tag] = child
    return found


def _ubl_party(head: dict[str, etree._Element], names: tuple[str, ...]) -> tuple[PartyId, ...]:
    for name in names:
        side = head.get(f"{_CAC}{name}")
        if side is not None:
            party = next(side.iterchildren(f"{_CAC}Party"), side)
            return tuple(_party_ids(party))
    return ()


def _party_ids(party: etree._Element) -> Iterator[PartyId]:
    holders: dict[str, list[etree._Element]] = {}
    for child in party.iterchildren(etree.Element):
        tag = str(child.tag)
        if tag in _PARTY_PARTS:
            holders.setdefault(tag, []).append(child)
    for kind, outer, inner in _PARTY_IDS:
        for holder in holders.get(outer, ()):
            for each in holder.iterchildren(inner) if inner else (holder,):
                if value := _text(each):
                    yield PartyId(kind, _attribute(each, "schemeID"), value)
    for outer, inner in _PARTY_NAMES:
        for holder in holders.get(outer, ()):
            if value := _text(next(holder.iterchildren(inner), None)):
                yield PartyId("name", "", value)
                return


def _cxml(tree: XmlTree, root: etree._Element, position: int, header: Sbdh | None) -> XmlIdentity:
    body = next((found for name in _CXML_BODIES if (found := root.find(name)) is not None), None)
    content = next(iter(body.iterchildren(etree.Element)), body) if body is not None else root
    if body is not None and body.tag == "Response":
        content = body
    name = local_name(content)
    facts = read_envelope_header(root)
    payload = _attribute(root, "payloadID")
    test = body is not None and _attribute(body, "deploymentMode") == "test"
    return XmlIdentity(
        format="cxml",
        root=name,
        namespace=None,
        document=root,
        content=content,
        position=position,
        version=(tree.cxml_version if tree.root is root else None) or _stated_cxml(root),
        number=_cxml_number(content, name),
        control=payload or (header.instance if header else ""),
        kind=KINDS["cxml"].get(name),
        sender=(*(header.sender if header else ()), *_credentials(facts.sender if facts else ())),
        receiver=(*(header.receiver if header else ()), *_credentials(facts.receiver if facts else ())),
        issued=_attribute(root, "timestamp"),
        test=test,
        transmitter=_credentials(facts.transmitter if facts else ()),
        sbdh=header,
        data=tree.data,
    )


def _stated_cxml(root: etree._Element) -> str:
    stated = _attribute(root, "version")
    return stated if _CXML_VERSION.fullmatch(stated) else "1.2"


def _cxml_number(content: etree._Element, name: str) -> str | None:
    place = _CXML_NUMBERS.get(name)
    holder = content.find(place[0]) if place else None
    return _attribute(holder, place[1]) or None if place and holder is not None else None


def _credentials(found: tuple[Credential, ...]) -> tuple[PartyId, ...]:
    return tuple(PartyId("credential", each.domain, each.identity) for each in found if each.identity)


def _text(element: etree._Element | None) -> str:
    return (element.text or "").strip(_SPACE)[:_LONGEST] if element is not None else ""


def _attribute(element: etree._Element, name: str) -> str:
    return (element.get(name) or "").strip(_SPACE)[:_LONGEST]
