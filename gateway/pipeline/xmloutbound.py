"""A document as UBL or cXML: crossed to the partner's standard, mapped, and checked as a partner's own would be."""

from __future__ import annotations

from datetime import datetime

from lxml import etree
from sqlalchemy.orm import Session

from gateway.documents import Document as BusinessDocument
from gateway.documents import business_key, dump_document
from gateway.mapping import MapError, MappingError, load_map
from gateway.mapping.crossing import cross
from gateway.mapping.xml import XmlMap, write_xml_document
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile
from gateway.partners.xmlids import scheme_and_value
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.hints import crossing_hints
from gateway.pipeline.ordermessages import with_order_messages
from gateway.pipeline.outgoing import Outgoing, Prepared, Reason, RefusedError, addressed
from gateway.pipeline.totals import with_total
from gateway.pipeline.xmlanswers import shared_secret
from gateway.pipeline.xmlplan import MAP_VERSIONS, check_options
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.checked import CheckedXml
from gateway.standards.xml.complete import complete_cxml
from gateway.standards.xml.credentials import Credential, CxmlHeader, EnvelopeFacts, document_type, write_cxml
from gateway.standards.xml.parsing import serialise

__all__ = ["prepare_xml"]


def prepare_xml(
    pipeline: Pipeline, profile: PartnerProfile, document: BusinessDocument, digest: str, parent_id: str | None
) -> Prepared:
    """Map and check a document. Raises RefusedError with every reason."""
    standard = profile.xml.standard or "ubl-2.1"
    family = standard.partition("-")[0]
    document_id, filled = addressed(pipeline.company, profile, document, digest, parent_id)
    filled, doubts = with_total(filled)
    known = with_order_messages(pipeline, profile, filled) if family == "cxml" else filled
    try:
        crossed = cross(known, family, crossing_hints(pipeline.company, profile))
        cmap = _map(pipeline, profile, family, crossed.set_id)
        written = write_xml_document(cmap, crossed.document)
    except MappingError as error:
        raise RefusedError([Reason(problem.path, problem.message) for problem in error.problems]) from error
    control = document_id if family == "ubl" else f"{document_id}@{pipeline.message_host}"
    data = _whole(pipeline, profile, family, written.root, control, pipeline.clock())
    checked = check_xml(data, check_options(pipeline, profile))
    findings = [*doubts, *crossed.findings, *written.findings, *_found(checked), *_official(pipeline, profile, checked)]
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise RefusedError([Reason(f.path or f.segment or "", f.message, f.fix) for f in errors])
    identity, schema = checked.documents[0].identity, checked.documents[0].schema
    number = filled.number or ""
    message = Outgoing(
        data=data,
        filename=f"{crossed.set_id}-{number or document_id}.xml",
        sender=str(identity.sender[0]) if identity.sender else "",
        receiver=str(identity.receiver[0]) if identity.receiver else "",
        control=identity.control or control,
        version=standard,
        set_control=identity.control or control,
    )

    def build(_session: Session, _now: datetime) -> Outgoing:
        return message

    return Prepared(
        document=filled,
        document_id=document_id,
        body=dump_document(filled),
        key=business_key(filled) or None,
        set_id=crossed.set_id,
        standard=standard,
        schema_identity=f"{schema.name}/{schema.digest[:16]}" if schema else standard,
        map_identity=cmap.identity,
        findings=findings,
        build=build,
    )


def _map(pipeline: Pipeline, profile: PartnerProfile, family: str, set_id: str) -> XmlMap:
    name = rules.document_settings(profile, set_id, "out").map_overlay
    try:
        overlay = find(f"maps/{name}", pipeline.workdir) if name else None
        cmap = load_map(family, MAP_VERSIONS[family], set_id, overlay=overlay, workdir=pipeline.workdir)
    except (FileNotFoundError, MapError) as error:
        message = f"No map can write {set_id}: {error}"
        raise RefusedError([Reason("kind", message, "Mend the map or its overlay, or add one.")]) from error
    if not isinstance(cmap, XmlMap):  # load_map gives the kind of map that the family has
        raise TypeError(f"{cmap.identity} is no map of XML")
    return cmap


def _whole(
    pipeline: Pipeline, profile: PartnerProfile, family: str, root: etree._Element, control: str, now: datetime
) -> bytes:
    """The file: a UBL document as it is, a cXML request in its envelope."""
    if family == "ubl":
        return serialise(root)
    theirs = tuple(Credential(each.domain, each.identity) for each in profile.ids.cxml)
    ours = tuple(
        Credential(*scheme_and_value(text))
        for text in profile.ours.xml or pipeline.company.xml_ids
        if not scheme_and_value(text)[0].isdigit()
    )
    if not theirs:
        message = "The profile names no cXML credential to send to."
        raise RefusedError([Reason("ids.cxml", message, "Add ids.cxml: a domain and an identity.")])
    if not ours:
        message = "We have no cXML credential of our own towards this partner."
        raise RefusedError([Reason("ours.xml", message, "Add ours.xml, such as NetworkID:AN01000000001.")])
    deployment = profile.xml.deployment or ("test" if profile.is_test else "production")
    facts = EnvelopeFacts(control, now, test=deployment == "test")
    header = CxmlHeader(sender=ours[:1], receiver=theirs[:1], user_agent=SOFTWARE)
    complete_cxml(root)  # elements that cXML demands and that say nothing
    whole = write_cxml(root, facts, header=header, secret=shared_secret(pipeline, profile))
    return serialise(whole, doctype=document_type(etree.QName(root).localname, facts.version))


def _official(pipeline: Pipeline, profile: PartnerProfile, checked: CheckedXml) -> list[Finding]:
    """What our own documents break of the official rules that the operator has put here."""
    if pipeline.official_rules is None:
        return []
    documents = (document for document in checked.documents if document.accepted)
    return [found for each in documents for found in pipeline.official_rules(each, profile.inbound.severities)]


def _found(checked: CheckedXml) -> list[Finding]:
    """Everything that the check of our own file says; what cannot be read at all is an error too."""
    return [*checked.findings, *(finding for document in checked.documents for finding in document.findings)]
