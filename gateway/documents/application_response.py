"""The application response: what a receiver says to a business document as a whole and to its lines."""

from __future__ import annotations

from typing import Literal

from gateway.documents.base import Code, Day, DocumentModel, Texts, new_list
from gateway.documents.declarations import Declaration, DocumentReference
from gateway.documents.envelope import Header
from gateway.documents.facts import Note
from gateway.documents.parties import Party, party_of

__all__ = ["ApplicationResponse", "DocumentResponse", "LineResponse", "Response", "ResponseStatus"]


class ResponseStatus(DocumentModel):
    """One finding behind a response (X12: TED; UBL Response/Status)."""

    condition: str | None = None
    """Code of the condition, as received (UBL ConditionCode)."""
    reason: Code | None = None
    """Code of the reason (TED01; UBL StatusReasonCode)."""
    text: str | None = None
    """The reason in words (TED02; UBL StatusReason)."""


class Response(DocumentModel):
    """A verdict with its reasons (UBL Response)."""

    reference: str | None = None
    """The responder's id of this verdict (ReferenceID)."""
    code: Code | None = None
    """received, accepted, accepted_with_changes, rejected, paid … (ResponseCode, UN/CEFACT 4343)."""
    description: Texts = new_list()
    """The verdict in words (Description)."""
    effective_date: Day | None = None
    """Day from which it holds (EffectiveDate)."""
    statuses: list[ResponseStatus] = new_list()
    """The findings (Status)."""


class LineResponse(DocumentModel):
    """A verdict on one line of the document (UBL LineResponse)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    line_id: str | None = None
    """The line, verbatim (LineReference/LineID)."""
    responses: list[Response] = new_list()
    """The verdicts (Response)."""


class DocumentResponse(DocumentModel):
    """A verdict on one document (X12: OTI loop of the 824; UBL DocumentResponse)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    response: Response | None = None
    """The verdict (OTI01; UBL Response)."""
    documents: list[DocumentReference] = new_list()
    """The document that is answered (OTI03; UBL DocumentReference)."""
    lines: list[LineResponse] = new_list()
    """Verdicts on single lines."""


class ApplicationResponse(Header):
    """An application response (X12: 824; UBL ApplicationResponse)."""

    kind: Literal["application_response"] = "application_response"
    """Discriminates the documents."""
    declaration: Declaration | None = None
    """What the sender's file declares about itself."""
    notes: list[Note] = new_list()
    """Text."""
    parties: list[Party] = new_list()
    """sender and receiver (N1; UBL SenderParty, ReceiverParty)."""
    responses: list[DocumentResponse] = new_list()
    """The verdicts, one for each document."""

    def party(self, *types: str) -> Party | None:
        """The first party of one of the types ("sender")."""
        return party_of(self.parties, *types)
