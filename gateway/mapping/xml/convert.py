"""Whole XML files to documents and documents to whole XML files; pure: ids, clock and secrets are arguments.

`documents_from_xml` reads every document that has a map. `xml_from_documents` writes documents again: UBL as it is, a
cXML request in an envelope with the parties it was received with, or with those given.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from lxml import etree

from gateway.documents import Document, EnvelopeSource
from gateway.documents.envelope import SbdhSource, XmlIdSource, XmlSource
from gateway.mapping.crossing.sets import set_for
from gateway.mapping.engine import MappingResult
from gateway.mapping.errors import MapError, MappingError, Problem
from gateway.mapping.registry import load_map
from gateway.mapping.xml.engine import WrittenXml, XmlMap, read_xml_document, write_xml_document
from gateway.standards.edi.model import Finding
from gateway.standards.xml.check import DEFAULT_OPTIONS, CheckedXmlDocument, XmlCheckOptions, check_xml
from gateway.standards.xml.complete import complete_cxml
from gateway.standards.xml.credentials import (
    DEFAULT_VERSION,
    Credential,
    CxmlHeader,
    EnvelopeFacts,
    document_type,
    mask_secrets,
    write_cxml,
)
from gateway.standards.xml.identify import PartyId, Sbdh, XmlIdentity
from gateway.standards.xml.parsing import serialise

__all__ = [
    "MAP_VERSIONS",
    "CxmlEnvelope",
    "FromXml",
    "ToXml",
    "documents_from_xml",
    "read_checked_document",
    "xml_from_documents",
    "xml_source",
]

#: The version of the maps of each family; newer documents of it are read with the same ones.
MAP_VERSIONS: Final = {"ubl": "2.1", "cxml": "1.2"}


@dataclass(slots=True)
class FromXml:
    """The documents of a file and what stood in the way of others."""

    documents: list[Document] = field(default_factory=list)
    #: Plain sentences: unreadable input, invalid documents, documents without a map. Empty when all is well.
    complaints: list[str] = field(default_factory=list)
    #: What the maps noticed: values kept as text only.
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ToXml:
    """The written files: one for each document, since UBL and cXML put one document into one file."""

    files: tuple[bytes, ...]
    #: What the maps noticed: values that the documents do not carry, kept parts that lost their place.
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CxmlEnvelope:
    """What the envelope of a cXML request says; a document that was received in one may leave the parties out."""

    payload_id: str
    #: Must know its zone.
    timestamp: datetime
    header: CxmlHeader | None = None
    #: The shared secret of the sender, only ever in the file that is written.
    secret: str | None = None


def documents_from_xml(
    data: bytes,
    *,
    options: XmlCheckOptions = DEFAULT_OPTIONS,
    only_set: str | None = None,
    workdir: Path | None = None,
) -> FromXml:
    """Every document of a file that a map reads, in the order received; never raises for bad input.

    A document that is invalid by its schema is read as far as it goes and complained about.
    """
    result = FromXml()
    checked = check_xml(data, options)
    if checked.unreadable and not any(document.kind for document in checked.documents):
        result.complaints.append(checked.unreadable)
    for document in checked.documents:
        if document.kind is not None and (only_set is None or document.set_id == only_set):
            _read(result, document, workdir)
        elif only_set is None and not checked.unreadable:
            result.complaints.append(f"{document.set_id}: no canonical document stands for it, so no map reads it.")
    return result


def _read(result: FromXml, document: CheckedXmlDocument, workdir: Path | None) -> None:
    where = f"{document.set_id} {document.number or ''}".strip()
    try:
        mapped = read_checked_document(document, workdir)
    except MapError as error:
        result.complaints.append(f"{where}: {error}")
        return
    if not document.accepted:
        first = next((f.message for f in document.findings if f.severity == "error"), "see gateway inspect")
        result.complaints.append(f"{where} is {document.verdict}: {first}")
    mapped.document.test = document.identity.test
    result.documents.append(mapped.document)
    result.findings.extend(mapped.findings)


def read_checked_document(
    document: CheckedXmlDocument, workdir: Path | None = None, overlay: Path | None = None
) -> MappingResult:
    """The canonical document of a checked one, with its envelope. Raises MapError when no map reads it."""
    identity = document.identity
    xmap = _map(identity.format, identity.root, overlay, workdir)
    return read_xml_document(xmap, document.element, xml_source(identity, xmap.identity), identity.data)


def xml_source(identity: XmlIdentity, map_identity: str = "") -> EnvelopeSource:
    """What a document keeps of its wrapping: identifiers and the masked header, never a secret."""
    request = identity.content.getparent() if identity.content is not identity.document else None
    header = identity.document.find("Header") if identity.format == "cxml" else None
    xml = XmlSource(
        namespace=identity.namespace,
        customization=identity.customization or None,
        profile=identity.profile or None,
        version=identity.version or None,
        payload_id=(identity.control or None) if identity.format == "cxml" else None,
        timestamp=(identity.issued or None) if identity.format == "cxml" else None,
        deployment=request.get("deploymentMode") if request is not None else None,
        header=_masked(header) if header is not None else None,
        sender=_ids(identity.sender),
        receiver=_ids(identity.receiver),
        transmitter=_ids(identity.transmitter),
        sbdh=_sbdh(identity.sbdh) if identity.sbdh is not None else None,
    )
    return EnvelopeSource(
        standard=identity.format,
        version=MAP_VERSIONS.get(identity.format),
        set_id=identity.root,
        set_control=identity.control or None,
        map=map_identity or None,
        xml=xml,
    )


def _masked(header: etree._Element) -> str:
    text: str = etree.tostring(mask_secrets(header), encoding="unicode", with_tail=False)
    return text


def _ids(parties: Sequence[PartyId]) -> list[XmlIdSource]:
    return [XmlIdSource(scheme=each.scheme or None, value=each.value) for each in parties]


def _sbdh(sbdh: Sbdh) -> SbdhSource:
    return SbdhSource(
        instance=sbdh.instance or None,
        type=sbdh.type or None,
        standard=sbdh.standard or None,
        created=sbdh.created or None,
        sender=_ids(sbdh.sender),
        receiver=_ids(sbdh.receiver),
        scopes=dict(sbdh.scopes),
    )


# -- writing -------------------------------------------------------------------------------------------------


def xml_from_documents(
    documents: Sequence[Document],
    *,
    standard: str = "ubl",
    set_id: str | None = None,
    envelope: Callable[[Document], CxmlEnvelope] | None = None,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> ToXml:
    """One file for each document: UTF-8 with an XML declaration, for cXML the whole envelope with its DOCTYPE.

    `envelope` gives the envelope of a cXML document. Raises MappingError for a document that cannot be expressed, or
    whose envelope lacks a party, and MapError when there is no map.
    """
    files: list[bytes] = []
    findings: list[Finding] = []
    for document in documents:
        written = _write(document, standard, set_id, overlay, workdir)
        files.append(_file(document, standard, written, envelope))
        findings += written.findings
    return ToXml(tuple(files), tuple(findings))


def _write(
    document: Document, standard: str, set_id: str | None, overlay: Path | None, workdir: Path | None
) -> WrittenXml:
    source = document.source
    own = source.set_id if source is not None and source.standard == standard else None
    return write_xml_document(_map(standard, set_id or own or set_for(document, standard), overlay, workdir), document)


def _map(standard: str, set_id: str, overlay: Path | None, workdir: Path | None) -> XmlMap:
    found = load_map(standard, MAP_VERSIONS.get(standard, ""), set_id, overlay, workdir)
    if not isinstance(found, XmlMap):
        raise MapError(f"{standard} {set_id} is no XML document.")
    return found


def _file(
    document: Document,
    standard: str,
    written: WrittenXml,
    envelope: Callable[[Document], CxmlEnvelope] | None,
) -> bytes:
    if standard != "cxml":
        return serialise(written.root)
    if envelope is None:
        message = "a cXML document needs an envelope: who sends it to whom, its payload id and time. Give one."
        raise MappingError([Problem("envelope", message)])
    given = envelope(document)
    kept = document.source.xml if document.source is not None else None
    header = given.header or (_received_header(kept) if kept is not None else None)
    facts = EnvelopeFacts(given.payload_id, given.timestamp, _release(kept), test=document.test)
    try:
        # Complete in what says nothing; a request that came to us stays as it came.
        whole = write_cxml(complete_cxml(copy.deepcopy(written.root)), facts, header=header, secret=given.secret)
    except ValueError as error:
        raise MappingError([Problem("envelope", str(error))]) from None
    return serialise(whole, doctype=document_type(etree.QName(written.root).localname, facts.version))


def _release(kept: XmlSource | None) -> str:
    """The release that the document was received in, else the usual one."""
    received = kept.version if kept is not None else None
    return received if received and received.count(".") == 2 else DEFAULT_VERSION


def _received_header(kept: XmlSource) -> CxmlHeader | None:
    """The parties that the document was received with."""
    sender, receiver, transmitter = (
        tuple(Credential(each.scheme or "", each.value) for each in ids)
        for ids in (kept.sender, kept.receiver, kept.transmitter)
    )
    return CxmlHeader(sender, receiver, transmitter) if sender and receiver else None
