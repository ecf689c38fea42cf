"""What a document says about itself and its enclosures: the specification it follows and the papers it refers to."""

from __future__ import annotations

from gateway.documents.base import Clock, Code, Day, DocumentModel

__all__ = ["Declaration", "DocumentReference"]


class Declaration(DocumentModel):
    """What the sender's file declares about itself; XML documents only, X12 says it in the GS segment."""

    version: str | None = None
    """Version of the standard's schema ("2.1") (UBL UBLVersionID)."""
    customization: str | None = None
    """The specification it follows (UBL CustomizationID)."""
    profile: str | None = None
    """The business process it belongs to (UBL ProfileID)."""
    execution: str | None = None
    """The run of that process (UBL ProfileExecutionID)."""
    uuid: str | None = None
    """The sender's universally unique id of the document, as text (UBL UUID)."""
    copy_indicator: Code | None = None
    """original or copy (UBL CopyIndicator)."""


class DocumentReference(DocumentModel):
    """Another paper that the document refers to or encloses (UBL DocumentReference, cXML Attachment)."""

    type: str | None = None
    """What it is to this document: quotation, order, originator, receipt, enclosure …"""
    id: str | None = None
    """Its number (UBL ID)."""
    scheme: str | None = None
    """Whose number `id` is (UBL ID schemeID)."""
    uuid: str | None = None
    """Its universally unique id (UBL UUID)."""
    issue_date: Day | None = None
    """Its date (UBL IssueDate)."""
    issue_time: Clock | None = None
    """Its time (UBL IssueTime)."""
    document_code: Code | None = None
    """Kind of paper as a code, UN/CEFACT 1001 (UBL DocumentTypeCode)."""
    document_type: str | None = None
    """Kind of paper in words ("Timesheet") (UBL DocumentType)."""
    description: str | None = None
    """Text beside it (UBL DocumentDescription)."""
    uri: str | None = None
    """Where it can be fetched; never followed by the gateway (UBL ExternalReference/URI)."""
    filename: str | None = None
    """Name of the enclosed file (UBL EmbeddedDocumentBinaryObject filename)."""
    media_type: str | None = None
    """Media type of the enclosed file ("application/pdf") (UBL EmbeddedDocumentBinaryObject mimeCode)."""
    content: str | None = None
    """The enclosed file in base64, as received (UBL EmbeddedDocumentBinaryObject)."""
