"""The results of a check: verdict and findings of one XML document, and of the file it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gateway.standards.edi.model import Finding
from gateway.standards.xml.identify import XmlFormat, XmlIdentity
from gateway.standards.xml.parsing import XmlTree

if TYPE_CHECKING:
    from lxml import etree

__all__ = ["CheckedXml", "CheckedXmlDocument", "SchemaUsed", "XmlVerdict"]

XmlVerdict = Literal["accepted", "accepted_with_errors", "partially_accepted", "rejected", "unreadable"]

#: Business rules and Schematron: their errors hold a document and leave the verdict of the schema alone.
_RULES = ("RULE-", "SCH-")


@dataclass(frozen=True, slots=True)
class SchemaUsed:
    """The schema that judged a document, so that the judgement can be repeated."""

    #: "ubl-2.1", "cxml-1.2", or the name of an operator's schema set.
    name: str
    #: SHA-256 of its own file, in hexadecimal.
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class CheckedXmlDocument:
    """One XML document with its verdict, and what the mapping needs of it."""

    identity: XmlIdentity
    #: "accepted", "accepted_with_errors" (warnings, or business rules broken), "rejected", or "unreadable" (a
    #: document that no schema here knows).
    verdict: XmlVerdict
    #: Everything found in the document, in document order: schema first, then business rules.
    findings: tuple[Finding, ...]
    #: The schema it was checked against; None when there is none here.
    schema: SchemaUsed | None

    @property
    def accepted(self) -> bool:
        """The document may be processed."""
        return self.verdict in ("accepted", "accepted_with_errors")

    @property
    def held(self) -> bool:
        """A business rule is broken: the document is right by its schema, but waits for a person."""
        return self.accepted and any(
            finding.severity == "error" and finding.code.startswith(_RULES) for finding in self.findings
        )

    @property
    def set_id(self) -> str:
        """Name of the document: root element of UBL, request of cXML."""
        return self.identity.root

    @property
    def number(self) -> str | None:
        """The number people call the document by (cbc:ID, orderID …); None when it has none."""
        return self.identity.number

    @property
    def control(self) -> str:
        """The id that no two messages share: payloadID, SBDH instance, else the number."""
        return self.identity.control

    @property
    def kind(self) -> str | None:
        """Kind of the canonical document; None when there is none."""
        return self.identity.kind

    @property
    def standard(self) -> str:
        """Family and release, "ubl-2.1": as the document states it, else that of the schema, else the family."""
        if self.identity.version or self.schema is None:
            return self.identity.standard
        return self.schema.name

    @property
    def element(self) -> etree._Element:
        """What the map reads: root of UBL, request or response element of cXML."""
        return self.identity.content


@dataclass(frozen=True, slots=True, eq=False)
class CheckedXml:
    """A whole XML file with its verdict."""

    #: The family of its documents; "xml" when they are of several or of none.
    format: XmlFormat
    verdict: XmlVerdict
    documents: tuple[CheckedXmlDocument, ...]
    #: What was found in the file as a whole: the refusal of a file that is not read.
    findings: tuple[Finding, ...]
    #: Why nothing could be read, as a sentence with what to do; "" when something could.
    unreadable: str
    #: The parsed file; None when it was refused.
    tree: XmlTree | None
