"""Answers that go back on the connection that brought a cXML request (``AnswerPort``).

The request is read and checked before it is stored, so that the Response that is stored with it says what became of
it; the same bytes again get the stored Response. Nothing here writes.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from gateway.messages.ports import Answer
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.xmlids import keys_of
from gateway.pipeline.context import Pipeline
from gateway.pipeline.xmlidentify import identify_document
from gateway.pipeline.xmlplan import check_options, looks_like_xml, refuse_xml
from gateway.standards.xml.acknowledge import acknowledge_xml, cxml_response, profile_response
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.standards.xml.credentials import SecretVerdict, verify_secret
from gateway.standards.xml.identify import PartyId, identify_xml
from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import XmlRefused, parse_xml
from gateway.store.errors import SecretError

__all__ = ["CxmlDesk"]

_HEADERS = (("Content-Type", "text/xml; charset=UTF-8"),)
#: What is read of a body before anybody has proved who they are.
_STRANGERS = XmlLimits(max_bytes=10 * 1024 * 1024, max_elements=100_000, max_documents=1)
#: How the root of cXML is spelled in the encodings that are read, and where it must stand to be looked for.
_CXML = tuple("<cXML".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_PROLOG = 64 * 1024
#: Requests that we say we take when a partner asks for our profile.
_TAKEN = ("OrderRequest", "ConfirmationRequest", "ShipNoticeRequest", "InvoiceDetailRequest", "StatusUpdateRequest")
#: One sentence for whoever cannot prove who they are: it does not tell whether the partner exists.
_SHUT = "The sender's credential or its shared secret is not right."


class CxmlDesk:
    """Says who a cXML request is from and what it is answered; thread-safe.

    ``url`` gives the address of the cXML door for a ProfileRequest, once it listens.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.url = ""

    def partner_of(self, body: bytes) -> str | Answer:
        """The partner whose credential and shared secret the header carries, or the Response that refuses."""
        try:
            tree = parse_xml(body, _STRANGERS)
            identity = identify_xml(tree, _STRANGERS)[0]
        except XmlRefused as refused:
            return self._said(406, f"{refused.message} {refused.fix}")
        header = identity.document.find("Header")
        if identity.format != "cxml" or header is None:
            return self._said(406, "This is no cXML request with a Header.")
        profile = self._sender(identity.transmitter or identity.sender)
        secrets = self._secrets(profile) if profile is not None else ()
        # An unknown sender costs the same comparison as a known one.
        verdict = verify_secret(header, secrets or (uuid4().hex,))
        if profile is None or not secrets or verdict is not SecretVerdict.RIGHT:
            return self._said(401, _SHUT)
        return profile.code

    def answer(self, partner: str, body: bytes) -> tuple[str, Answer] | None:
        """(payloadID, Response) for a body that is cXML; None for everything else, which is answered otherwise."""
        if not looks_like_xml(body) or not any(name in body[:_PROLOG] for name in _CXML):
            return None
        profile = self._pipeline.profile(partner)
        options: XmlCheckOptions = check_options(self._pipeline, profile)
        checked = check_xml(body, options)
        if len(checked.documents) != 1 or checked.documents[0].identity.format != "cxml":
            return None
        document = checked.documents[0]
        return document.control, self._respond(document, profile)

    def conflict(self) -> Answer:
        """The Response to a payloadID that was used before for another document."""
        return self._said(409, "This payloadID was used before for another document; each document needs its own.")

    def _respond(self, document: CheckedXmlDocument, profile: PartnerProfile | None) -> Answer:
        now, identity = self._now(), self._payload_id()
        if document.set_id == "ProfileRequest" and document.accepted and self.url:
            addresses = dict.fromkeys(_TAKEN, self.url)
            return Answer(200, _HEADERS, profile_response(addresses, now=now, message_id=identity))
        identified = identify_document(self._pipeline, document, profile)
        if identified.hold is not None and document.accepted:
            return self._said(201, f"{document.set_id} {document.number or ''} was received and waits for a decision.")
        problem = identified.refusal[1] if identified.refusal else None
        judged = refuse_xml(document, problem) if problem is not None else document
        body = acknowledge_xml(judged, now=now, message_id=identity)
        if body is None:  # a Response that was posted as if it were a request
            return self._said(450, "A Response is not taken as a request.")
        return Answer(200, _HEADERS, body)

    def _sender(self, ids: tuple[PartyId, ...]) -> PartnerProfile | None:
        for each in ids:
            for key in keys_of(each.kind, each.scheme, each.value):
                code = self._pipeline.directory.by_xml(key)
                profile = self._pipeline.profile(code) if code else None
                if profile is not None and profile.status not in (Status.DRAFT, Status.RETIRED):
                    return profile
        return None

    def _secrets(self, profile: PartnerProfile) -> tuple[str, ...]:
        """The secrets that are stored; the profile's warnings name those that are not."""
        opened, found = self._pipeline.secrets, []
        if opened is None:
            return ()
        for reference in profile.xml.accepted_secrets:
            with suppress(SecretError):
                found.append(opened(reference.secret).decode("utf-8", "replace"))
        return tuple(found)

    def _said(self, code: int, sentence: str) -> Answer:
        return Answer(200, _HEADERS, cxml_response(code, sentence, now=self._now(), message_id=self._payload_id()))

    def _now(self) -> datetime:
        return self._pipeline.clock()

    def _payload_id(self) -> str:
        return f"{uuid4()}@{self._pipeline.message_host}"
