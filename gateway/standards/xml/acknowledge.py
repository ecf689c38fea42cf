"""Answers to XML documents: UBL ApplicationResponse and cXML Response, the counterparts of a 997.

An answer is made from the checked document alone: sender and receiver change places, and every error and warning is
said with its path. The id of the answer and the time are arguments: nothing here counts or reads a clock.
Acknowledgements are never acknowledged; `read_acknowledgement_xml` is the other direction.

A cXML Response goes back on the connection that brought the request and names no document; where there is no such
connection (AS2, SFTP), the form "status_update", a StatusUpdateRequest with the payloadID, says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from lxml import etree

from gateway.standards.edi.model import Finding
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.standards.xml.credentials import (
    Credential,
    CxmlHeader,
    EnvelopeFacts,
    document_type,
    timestamp_text,
    write_cxml,
)
from gateway.standards.xml.identify import PartyId
from gateway.standards.xml.parsing import serialise
from gateway.standards.xml.reconcile import AckResponse, XmlAcknowledgment, read_acknowledgement_xml

__all__ = [
    "CXML_STATUS",
    "AckForm",
    "AckResponse",
    "XmlAcknowledgment",
    "acknowledge_xml",
    "cxml_response",
    "profile_response",
    "read_acknowledgement_xml",
]

AckForm = Literal["response", "status_update"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_ROOT: Final = f"{_UBL}ApplicationResponse-2"
_CAC: Final = f"{_UBL}CommonAggregateComponents-2"
_CBC: Final = f"{_UBL}CommonBasicComponents-2"
_NAMESPACES: Final = {None: _ROOT, "cac": _CAC, "cbc": _CBC}

#: Findings that one answer names.
_MOST_NAMED: Final = 50

#: Verdict → UN/CEFACT 4343: accepted, or rejected. A document that waits for a person is only acknowledged (AB).
_UBL_CODE: Final = {"accepted": "AP", "accepted_with_errors": "AP", "rejected": "RE", "unreadable": "RE"}
_UBL_HELD: Final = "AB"
#: First part of a finding's code: not the syntax, but what the document says.
_BUSINESS: Final = ("RULE", "SCH", "MAP")
_PEPPOL: Final = "urn:fdc:peppol.eu:"
_PEPPOL_CUSTOMIZATION: Final = "urn:fdc:peppol.eu:poacc:trns:mlr:3"
_PEPPOL_PROFILE: Final = "urn:fdc:peppol.eu:poacc:bis:mlr:3"

#: Status codes of cXML and their short texts.
CXML_STATUS: Final[Mapping[int, str]] = {
    200: "OK",
    201: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    406: "Not Acceptable",
    409: "Conflict",
    412: "Precondition Failed",
    450: "Not Implemented",
    475: "Signature Required",
    476: "Signature Verification Failed",
    500: "Internal Server Error",
    550: "Unable to reach cXML server",
    560: "Temporary server error",
}
#: Requests that this gateway takes; another one is answered 450.
_KNOWN_REQUESTS: Final = frozenset(
    {
        "OrderRequest",
        "ConfirmationRequest",
        "ShipNoticeRequest",
        "InvoiceDetailRequest",
        "StatusUpdateRequest",
        "ProfileRequest",
    }
)
#: What is itself an answer and gets none. A status update is one too, but as a request it gets a response.
_ANSWERS: Final = frozenset({"ApplicationResponse", "Response"})


def acknowledge_xml(
    document: CheckedXmlDocument,
    *,
    now: datetime,
    message_id: str,
    form: AckForm = "response",
    secret: str | None = None,
    user_agent: str = "",
) -> bytes | None:
    """The answer to a checked document as a whole file; None for answers themselves and for other XML.

    `now` must know its zone; `message_id` becomes cbc:ID or payloadID. `form`, `secret` (our shared secret) and
    `user_agent` are for cXML: a status update has a header, a response has none. Raises ValueError when a status
    update is asked for a document whose header names no credentials.
    """
    if document.set_id in _ANSWERS or (document.set_id == "StatusUpdateRequest" and form == "status_update"):
        return None
    if document.identity.format == "ubl":
        return serialise(_application_response(document, now, message_id))
    if document.identity.format != "cxml":
        return None
    code, sentence = _cxml_verdict(document)
    facts = EnvelopeFacts(message_id, now, test=document.identity.test)
    if form == "response":
        return _response(code, sentence, facts)
    update = etree.Element("StatusUpdateRequest")
    etree.SubElement(update, "DocumentReference", payloadID=document.control)
    update.append(_status(code, sentence, facts.language))
    header = CxmlHeader(
        sender=_credentials(document.identity.receiver),
        receiver=_credentials(document.identity.sender),
        user_agent=user_agent,
    )
    root = write_cxml(update, facts, header=header, secret=secret)
    return serialise(root, doctype=document_type("StatusUpdateRequest", facts.version))


def cxml_response(code: int, sentence: str, *, now: datetime, message_id: str) -> bytes:
    """A cXML Response with a status code and one sentence, for what is decided before a document is checked.

    401 for an unknown sender or a wrong secret, 403 for one who may not send this, 406 for what cannot be parsed, 409
    for a conflict, 500 and 560 for our own faults. Raises KeyError for a code that cXML does not have.
    """
    return _response(code, sentence, EnvelopeFacts(message_id, now))


def profile_response(addresses: Mapping[str, str], *, now: datetime, message_id: str) -> bytes:
    """The answer to a ProfileRequest: the requests that are taken here (OrderRequest …) and the address for each.

    Raises ValueError without an address: cXML wants at least one.
    """
    if not addresses:
        raise ValueError("A cXML profile names at least one request and its address.")
    facts = EnvelopeFacts(message_id, now)
    response = etree.Element("Response")
    response.append(_status(200, "", facts.language))
    profile = etree.SubElement(response, "ProfileResponse", effectiveDate=timestamp_text(now))
    for request, address in addresses.items():
        etree.SubElement(etree.SubElement(profile, "Transaction", requestName=request), "URL").text = address
    return serialise(write_cxml(response, facts), doctype=document_type("Response", facts.version))


def _response(code: int, sentence: str, facts: EnvelopeFacts) -> bytes:
    response = etree.Element("Response")
    response.append(_status(code, sentence, facts.language))
    return serialise(write_cxml(response, facts), doctype=document_type("Response", facts.version))


def _status(code: int, sentence: str, language: str) -> etree._Element:
    status = etree.Element("Status", code=str(code), text=CXML_STATUS[code])
    status.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    status.text = sentence or None
    return status


def _cxml_verdict(document: CheckedXmlDocument) -> tuple[int, str]:
    """Status code and sentence. What the schema refuses is 406: receivers of cXML validate while they parse."""
    named = f"{document.set_id} {document.number}" if document.number else document.set_id
    if document.set_id not in _KNOWN_REQUESTS:
        return 450, f"This server does not take {document.set_id}."
    worst = next(_named_findings(document), None)
    if not document.accepted:
        said = worst.message if worst else "It does not follow the cXML schema."
        where = f" ({worst.path})" if worst and worst.path else ""
        return 406, f"{named} was rejected: {said}{where}"
    if document.held:
        return 201, f"{named} was received and waits for a decision."
    if worst is not None:
        return 200, f"{named} was accepted with a remark: {worst.message}"
    return 200, f"{named} was accepted."


def _named_findings(document: CheckedXmlDocument) -> Iterator[Finding]:
    """Errors, then warnings."""
    for severity in ("error", "warning"):
        yield from (finding for finding in document.findings if finding.severity == severity)


def _credentials(parties: tuple[PartyId, ...]) -> tuple[Credential, ...]:
    return tuple(Credential(each.scheme, each.value) for each in parties if each.kind == "credential")


def _application_response(document: CheckedXmlDocument, now: datetime, message_id: str) -> etree._Element:
    identity = document.identity
    moment = timestamp_text(now)
    root = etree.Element(f"{{{_ROOT}}}ApplicationResponse", nsmap=_NAMESPACES)
    _basic(root, "UBLVersionID", "2.1")
    if identity.customization.startswith(_PEPPOL) or identity.profile.startswith(_PEPPOL):
        _basic(root, "CustomizationID", _PEPPOL_CUSTOMIZATION)
        _basic(root, "ProfileID", _PEPPOL_PROFILE)
    _basic(root, "ID", message_id)
    _basic(root, "IssueDate", moment[:10])
    _basic(root, "IssueTime", moment[11:])
    _party(root, "SenderParty", identity.receiver)
    _party(root, "ReceiverParty", identity.sender)
    answer = _aggregate(root, "DocumentResponse")
    code = _UBL_HELD if document.held else _UBL_CODE[document.verdict]
    _verdict(answer, code, _ubl_sentence(document, code), document.control)
    reference = _aggregate(answer, "DocumentReference")
    _basic(reference, "ID", document.number or "NA")
    _basic(reference, "DocumentType", document.set_id)
    for count, finding in enumerate(_named_findings(document), 1):
        if count > _MOST_NAMED:
            break
        line = _aggregate(answer, "LineResponse")
        _basic(_aggregate(line, "LineReference"), "LineID", finding.path or "NA")
        response = _verdict(line, "RE" if finding.severity == "error" else "AP", finding.message)
        status = _aggregate(response, "Status")
        _basic(status, "StatusReasonCode", _reason(finding))
        if finding.fix:
            _basic(status, "StatusReason", finding.fix)
    return root


def _ubl_sentence(document: CheckedXmlDocument, code: str) -> str:
    named = f"{document.set_id} {document.number}" if document.number else document.set_id
    errors = sum(finding.severity == "error" for finding in document.findings)
    if code == "RE":
        return f"{named} was rejected: {errors} error{'' if errors == 1 else 's'} found."
    if code == _UBL_HELD:
        return f"{named} was received and waits for a decision."
    return f"{named} was accepted."


def _reason(finding: Finding) -> str:
    """Status reason code of Peppol: SV against the syntax, BV against a business rule, BW a warning."""
    if finding.severity == "warning":
        return "BW"
    return "BV" if finding.code.startswith(_BUSINESS) else "SV"


def _verdict(parent: etree._Element, code: str, sentence: str, reference: str = "") -> etree._Element:
    response = _aggregate(parent, "Response")
    if reference:
        _basic(response, "ReferenceID", reference)
    _basic(response, "ResponseCode", code).set("listID", "UNCL4343")
    _basic(response, "Description", sentence)
    return response


def _party(root: etree._Element, name: str, ids: tuple[PartyId, ...]) -> None:
    """A party by the ids that the document gave it, each kind at its place in the order of the schema."""
    party = _aggregate(root, name)
    for kind, write in _PARTY_PLACES.items():
        for each in ids:
            if each.kind == kind:
                write(party, each)
                break


def _endpoint(party: etree._Element, each: PartyId) -> None:
    _identifier(party, "EndpointID", each)


def _identification(party: etree._Element, each: PartyId) -> None:
    _identifier(_aggregate(party, "PartyIdentification"), "ID", each)


def _named(party: etree._Element, each: PartyId) -> None:
    _basic(_aggregate(party, "PartyName"), "Name", each.value)


def _company(party: etree._Element, each: PartyId) -> None:
    _identifier(_aggregate(party, "PartyLegalEntity"), "CompanyID", each)


#: Kind of id → how it is written, in the order of the schema.
_PARTY_PLACES: Final[Mapping[str, Callable[[etree._Element, PartyId], None]]] = {
    "endpoint": _endpoint,
    "identification": _identification,
    "name": _named,
    "company": _company,
}


def _identifier(parent: etree._Element, name: str, each: PartyId) -> None:
    element = _basic(parent, name, each.value)
    if each.scheme:
        element.set("schemeID", each.scheme)


def _aggregate(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_CAC}}}{name}")


def _basic(parent: etree._Element, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_CBC}}}{name}")
    element.text = text
    return element
