"""Reads the answers of partners to our XML documents: UBL ApplicationResponse, cXML Response and status update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from lxml import etree

from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import XmlRefused, local_name, parse_xml

__all__ = ["AckResponse", "XmlAcknowledgment", "read_acknowledgement_xml", "read_response"]

AckResponse = Literal["accepted", "accepted_with_errors", "rejected"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_ROOT: Final = f"{_UBL}ApplicationResponse-2"
_CAC: Final = f"{_UBL}CommonAggregateComponents-2"
_CBC: Final = f"{_UBL}CommonBasicComponents-2"

#: UN/CEFACT 4343 → what it means for the document that is answered; codes that are not here prove its receipt.
_UBL_RESPONSE: Final[Mapping[str, AckResponse]] = {
    "CA": "accepted_with_errors",
    "RE": "rejected",
}
#: Where a cXML envelope holds an answer.
_CXML_ANSWERS: Final = ("Response", "Request/StatusUpdateRequest", "Message/StatusUpdateRequest")
#: A Response is a few hundred bytes; what is larger is none.
_RESPONSE_LIMITS: Final = XmlLimits(max_bytes=1024 * 1024, max_elements=10_000, max_documents=1)
#: From this code on, the same document may be taken another time.
_FIRST_TEMPORARY: Final = 500
#: Texts of a received answer that are kept, and their characters.
_MOST_READ: Final = 50
_LONGEST: Final = 1_000
_WHITE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class XmlAcknowledgment:
    """What a partner says about one of our documents."""

    #: The document as its sender numbered it: cbc:ID (UBL), payloadID (cXML); "" when the answer does not say.
    reference: str
    response: AckResponse
    #: The partner's code: "AP", "RE" (UBL), "200", "406" (cXML).
    code: str
    #: The reasons, one sentence each, with the place in the document where one is named.
    sentences: tuple[str, ...]
    #: Name of the document ("Order") where the answer says it; else "".
    document: str = ""
    #: The id of the message that carried the document (UBL ReferenceID) where the answer says it; else "".
    message: str = ""
    #: The partner could not take the document now (cXML 5xx): send it again rather than give it up.
    temporary: bool = False


def read_acknowledgement_xml(element: etree._Element) -> tuple[XmlAcknowledgment, ...]:
    """What an answer says, one entry for each document that it answers; () when the element is no answer.

    Takes a UBL ApplicationResponse, a cXML Response or StatusUpdateRequest, or the whole `cXML` element around it.
    """
    if element.tag == f"{{{_ROOT}}}ApplicationResponse":
        return tuple(_read_document_response(each) for each in element.iterchildren(f"{{{_CAC}}}DocumentResponse"))
    for path in _CXML_ANSWERS:
        if element.tag == "cXML" and (found := element.find(path)) is not None:
            element = found
    if local_name(element) not in ("Response", "StatusUpdateRequest") or (status := element.find("Status")) is None:
        return ()
    return (_read_status(element, status),)


def read_response(body: bytes) -> XmlAcknowledgment | None:
    """What the answer on a connection says when it is a cXML Response; None when it is none."""
    try:
        found = read_acknowledgement_xml(parse_xml(body, _RESPONSE_LIMITS).root)
    except XmlRefused:
        return None
    return found[0] if found else None


def _read_status(element: etree._Element, status: etree._Element) -> XmlAcknowledgment:
    code = (status.get("code") or "").strip(_WHITE)
    reference = element.find("DocumentReference")
    short, sentence = _clipped(status.get("text") or ""), _clipped(status.text or "")
    is_accepted = code.startswith("2")
    told = tuple(text for text in (short if not is_accepted or not sentence else "", sentence) if text)
    return XmlAcknowledgment(
        reference=(reference.get("payloadID") or "").strip(_WHITE) if reference is not None else "",
        response="accepted" if is_accepted else "rejected",
        code=code,
        sentences=told,
        temporary=code.isdecimal() and int(code) >= _FIRST_TEMPORARY,
    )


def _read_document_response(answer: etree._Element) -> XmlAcknowledgment:
    response = answer.find(f"{{{_CAC}}}Response")
    reference = answer.find(f"{{{_CAC}}}DocumentReference")
    code = _basic_text(response, "ResponseCode")
    lines = answer.findall(f"{{{_CAC}}}LineResponse")
    meaning = _UBL_RESPONSE.get(code, "accepted")
    return XmlAcknowledgment(
        reference=_basic_text(reference, "ID"),
        response="accepted_with_errors" if lines and meaning == "accepted" else meaning,
        code=code,
        sentences=tuple(_sentences(response, lines))[:_MOST_READ],
        document=_basic_text(reference, "DocumentType"),
        message=_basic_text(response, "ReferenceID"),
    )


def _sentences(response: etree._Element | None, lines: list[etree._Element]) -> Iterator[str]:
    if response is not None:
        yield from _told(response)
    for line in lines:
        place = _basic_text(line.find(f"{{{_CAC}}}LineReference"), "LineID")
        for each in line.iterchildren(f"{{{_CAC}}}Response"):
            for sentence in _told(each):
                yield f"{place}: {sentence}" if place and place != "NA" else sentence


def _told(response: etree._Element) -> Iterator[str]:
    """Descriptions and reasons of one Response."""
    for path in (f"{{{_CBC}}}Description", f"{{{_CAC}}}Status/{{{_CBC}}}StatusReason"):
        for each in response.iterfind(path):
            if text := _clipped(each.text or ""):
                yield text


def _basic_text(parent: etree._Element | None, name: str) -> str:
    found = parent.find(f"{{{_CBC}}}{name}") if parent is not None else None
    return _clipped(found.text or "") if found is not None else ""


def _clipped(text: str) -> str:
    text = text.strip(_WHITE)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
