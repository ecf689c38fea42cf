"""The envelope of a canonical document: who sent it to whom, in which role, and the wrapping it came in."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from gateway.documents.base import Clock, Code, Day, DocumentModel, Extension, new_list

__all__ = [
    "Envelope",
    "EnvelopeSource",
    "GroupSource",
    "Header",
    "InterchangeSource",
    "Link",
    "SbdhSource",
    "SeparatorsSource",
    "XmlIdSource",
    "XmlSource",
]


class SeparatorsSource(DocumentModel):
    """The separators of the interchange as received (X12: ISA bytes 3, 82, 104 and 105)."""

    element: str
    """Between elements."""
    component: str
    """Between the components of a composite."""
    segment: str
    """After each segment."""
    repetition: str | None = None
    """Between repetitions of an element; absent when there is none."""
    suffix: str = ""
    """What followed each segment terminator for the eye: nothing, LF or CR LF."""


class InterchangeSource(DocumentModel):
    """The interchange header as received (X12: ISA)."""

    sender_qualifier: str | None = None
    """ISA05."""
    sender: str | None = None
    """ISA06 without its padding."""
    receiver_qualifier: str | None = None
    """ISA07."""
    receiver: str | None = None
    """ISA08 without its padding."""
    date: str | None = None
    """ISA09, YYMMDD."""
    time: str | None = None
    """ISA10, HHMM."""
    standards_id: str | None = None
    """ISA11 as received: the standards identifier, or the repetition separator from 00402 on."""
    version: str | None = None
    """ISA12."""
    control: str | None = None
    """ISA13."""
    ack_requested: str | None = None
    """ISA14."""
    usage: str | None = None
    """ISA15: P production, T test, I information."""
    authorization_qualifier: str | None = None
    """ISA01."""
    authorization: str | None = None
    """ISA02."""
    security_qualifier: str | None = None
    """ISA03."""
    security: str | None = None
    """ISA04."""


class GroupSource(DocumentModel):
    """The functional group header as received (X12: GS)."""

    code: str | None = None
    """GS01."""
    sender: str | None = None
    """GS02."""
    receiver: str | None = None
    """GS03."""
    date: str | None = None
    """GS04, CCYYMMDD."""
    time: str | None = None
    """GS05."""
    control: str | None = None
    """GS06."""
    agency: str | None = None
    """GS07."""
    version: str | None = None
    """GS08, release and guide together ("004010VICS")."""


class XmlIdSource(DocumentModel):
    """One identifier of a sender or receiver, as an XML document names it; never a secret."""

    scheme: str | None = None
    """Scheme or domain ("0088", "DUNS")."""
    value: str
    """The identifier."""


class SbdhSource(DocumentModel):
    """The StandardBusinessDocumentHeader around the document as received."""

    instance: str | None = None
    """DocumentIdentification/InstanceIdentifier."""
    type: str | None = None
    """DocumentIdentification/Type."""
    standard: str | None = None
    """DocumentIdentification/Standard."""
    created: str | None = None
    """DocumentIdentification/CreationDateAndTime."""
    sender: list[XmlIdSource] = new_list()
    """Sender/Identifier."""
    receiver: list[XmlIdSource] = new_list()
    """Receiver/Identifier."""
    scopes: dict[str, str] = Field(default_factory=dict)
    """BusinessScope: type → InstanceIdentifier."""


class XmlSource(DocumentModel):
    """The wrapping of an XML document as received, without secrets."""

    namespace: str | None = None
    """Namespace of the root element (UBL)."""
    customization: str | None = None
    """cbc:CustomizationID."""
    profile: str | None = None
    """cbc:ProfileID."""
    version: str | None = None
    """The release that the document names ("2.1", "1.2.063")."""
    payload_id: str | None = None
    """cXML payloadID."""
    timestamp: str | None = None
    """cXML timestamp."""
    deployment: str | None = None
    """cXML deploymentMode: production or test."""
    header: str | None = None
    """cXML Header as text, its SharedSecret masked; for people."""
    sender: list[XmlIdSource] = new_list()
    """Who it says it is from: endpoint and party ids (UBL), From credentials (cXML)."""
    receiver: list[XmlIdSource] = new_list()
    """Who it says it is for: endpoint and party ids (UBL), To credentials (cXML)."""
    transmitter: list[XmlIdSource] = new_list()
    """cXML Sender credentials: who opened the connection."""
    sbdh: SbdhSource | None = None
    """The StandardBusinessDocumentHeader."""


class EnvelopeSource(DocumentModel):
    """The wrapping a document was received in, kept so that it can be written the same way again."""

    standard: str = "x12"
    """"x12", "edifact", "ubl" or "cxml"."""
    version: str | None = None
    """The release whose map read it ("004010")."""
    set_id: str | None = None
    """The transaction set or root element ("850")."""
    set_control: str | None = None
    """ST02."""
    map: str | None = None
    """Identity of the map that read it."""
    separators: SeparatorsSource | None = None
    """Separators in force."""
    interchange: InterchangeSource | None = None
    """The interchange header."""
    group: GroupSource | None = None
    """The functional group header."""
    xml: XmlSource | None = None
    """The wrapping of an XML document."""


class Envelope(DocumentModel):
    """Where the document came from; absent in a document written by hand."""

    source: EnvelopeSource | None = None
    """The wrapping as received."""


class Link(DocumentModel):
    """A relation to another document of the gateway."""

    relation: Literal["answers", "causes", "supersedes", "corrects", "replays"]
    """What this document is to the other one."""
    id: UUID | None = None
    """The other document's id."""
    kind: str | None = None
    """The other document's kind."""
    number: str | None = None
    """The other document's business number."""


class Header(DocumentModel):
    """The fields that every canonical document has."""

    schema_version: Literal["1.0"] = "1.0"
    """Version of this JSON form."""
    id: UUID | None = None
    """The gateway's id of the document and the idempotency key of a consumer; filled by the gateway."""
    role: Literal["sell", "buy"] | None = None
    """Our role in the trade: we sell (850 in, 855, 856 and 810 out) or we buy."""
    direction: Literal["inbound", "outbound"] | None = None
    """Seen from us."""
    test: bool = False
    """True for a document sent as a test (ISA15 T): never act on it."""
    sender: str | None = None
    """Code of the partner or company that sent it."""
    receiver: str | None = None
    """Code of the partner or company it is for."""
    number: str | None = None
    """The business number of the document, its key for people (BEG03, BAK03, BSN02, BIG02, BIA03)."""
    issue_date: Day | None = None
    """Date of the document, without a zone."""
    issue_time: Clock | None = None
    """Time of the document, without a zone."""
    purpose: Code | None = None
    """original, cancellation, change, replace, confirmation, duplicate (element 353)."""
    links: list[Link] = new_list()
    """Related documents."""
    envelope: Envelope | None = None
    """The wrapping it came in."""
    extensions: list[Extension] = new_list()
    """What was received beyond the fields of the document, in order; leave it as it is when editing."""

    @property
    def source(self) -> EnvelopeSource | None:
        """The wrapping as received, or None for a document made here."""
        return self.envelope.source if self.envelope is not None else None
