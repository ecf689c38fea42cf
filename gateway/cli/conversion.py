"""Whole files to documents and documents to whole files of any standard, with a partner's settings if one is named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from lxml import etree

from gateway.documents import Document, EnvelopeSource
from gateway.documents.parties import Party, PartyId
from gateway.mapping import CompiledMap, MapError, MappingError, load_map, write_document
from gateway.mapping.crossing import SET_OF_KIND, CrossingHints, cross
from gateway.mapping.x12_convert import Plain, documents_from_x12, x12_from_documents
from gateway.mapping.xml.convert import CxmlEnvelope, documents_from_xml, xml_from_documents
from gateway.partners import rules
from gateway.partners.guides import options_by_set
from gateway.partners.profile import PartnerProfile
from gateway.partners.xmlids import scheme_and_value
from gateway.pipeline.context import SOFTWARE, Company
from gateway.pipeline.hints import crossing_hints
from gateway.pipeline.queueing import Numbers, envelope_for, group_for
from gateway.resources import find
from gateway.standards.edi.model import Finding
from gateway.standards.edi.schema import release_for
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.writer import WriteError, write_interchange, write_set
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.credentials import Credential, CxmlHeader
from gateway.standards.xml.parsing import parse_xml, serialise
from gateway.standards.xml.schemas import load_registry

__all__ = ["Conversion", "Given", "documents_of", "write_documents"]

#: Who we are towards a partner when there is no working directory that says it.
_SOMEBODY: Final = Company("us", "Our Company", "ZZ", "SENDER", "SENDER", "SENDER")
#: Interchange qualifier (ISA05) or scheme of XML → our word for it.
_SCHEMES: Final = {
    "01": "duns",
    "14": "duns",
    "09": "duns_4",
    "0060": "duns",
    "DUNS": "duns",
    "0088": "gln",
    "GLN": "gln",
}
_PLACEHOLDER: Final = "PLACEHOLDER"


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says beside the file and the target."""

    #: Release to write, or to read a file as.
    version: str | None = None
    #: Set, document or request: read only these, or write as this.
    set_id: str | None = None
    profile: PartnerProfile | None = None
    company: Company = _SOMEBODY
    #: ISO 4217 code of amounts that name none.
    currency: str | None = None
    workdir: Path | None = None


@dataclass(slots=True)
class Conversion:
    """Documents or a whole file, and everything that is to be said of the way there."""

    documents: list[Document] = field(default_factory=list)
    data: bytes = b""
    #: Why something could not be converted; empty when all went well.
    complaints: list[str] = field(default_factory=list)
    #: What was assumed, changed or not carried.
    findings: list[Finding] = field(default_factory=list)


# -- reading -------------------------------------------------------------------------------------------------


def documents_of(data: bytes, given: Given) -> Conversion:
    """The documents of an X12 or XML file; never raises for bad input."""
    if _is_xml(data):
        options = XmlCheckOptions(registry=load_registry(given.workdir))
        read = documents_from_xml(data, options=options, only_set=given.set_id, workdir=given.workdir)
        return Conversion(read.documents, complaints=read.complaints, findings=read.findings)
    options_of = None
    if given.profile is not None:
        by_set = options_by_set(given.profile, "in", given.workdir)
        options_of = lambda _interchange, _group, raw_set: by_set(raw_set.set_id)  # noqa: E731
    found = documents_from_x12(
        data, options=options_of, only_set=given.set_id, version=given.version, workdir=given.workdir
    )
    return Conversion(found.documents, complaints=found.complaints, findings=found.findings)


def _is_xml(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b"\xff\xfe \t\r\n")
    return head.startswith(b"<")


# -- writing -------------------------------------------------------------------------------------------------


def write_documents(
    documents: Sequence[Document], target: str, given: Given, now: datetime | None = None
) -> Conversion:
    """The documents as one file of `target` ("x12", "ubl" or "cxml"); what cannot be written is complained about."""
    result = Conversion()
    crossed: list[Document] = []
    for number, document in enumerate(documents, 1):
        where = f"{document.kind} {document.number or number}"
        try:
            made = cross(document, target, _hints(document, given))
        except MappingError as error:
            result.complaints += _sentences(where, error)
            continue
        result.findings += made.findings
        result.documents.append(document)
        crossed.append(made.document)
    if crossed:
        moment = now or datetime.now(UTC)
        _WRITERS[target](crossed, target, given, moment, result)
    return result


def _sentences(where: str, error: MappingError) -> list[str]:
    return [f"{where}, {problem.path}: {problem.message}" for problem in error.problems]


def _x12(documents: list[Document], _target: str, given: Given, now: datetime, result: Conversion) -> None:
    try:
        if given.profile is not None:
            result.data = b"".join(_for_partner(documents, given, given.profile, now, result))
        else:
            first = result.documents[0]
            plain = Plain(now, given.version or "004010", _id(first.sender, "SENDER"), _id(first.receiver, "RECEIVER"))
            wanted = given.set_id if first.source is None else None
            written = x12_from_documents(documents, plain, version=given.version, set_id=wanted, workdir=given.workdir)
            result.data = written.data
            result.findings += written.findings
    except MappingError as error:
        result.complaints += _sentences(documents[0].kind, error)
    except (MapError, WriteError, ValueError) as error:
        result.complaints.append(str(error))
    _check_x12(result, given)


def _id(code: str | None, otherwise: str) -> str:
    return (code or otherwise).upper()


def _for_partner(
    documents: Sequence[Document], given: Given, profile: PartnerProfile, now: datetime, result: Conversion
) -> Iterator[bytes]:
    """One interchange for each release, with the partner's envelope and the control number 1."""

    def release(document: Document) -> str:
        return given.version or rules.version_to_send(profile, SET_OF_KIND["x12"][document.kind])

    numbers = Numbers(1, 1)
    for version, members in groupby(documents, key=release):
        groups = []
        for kind, sets in groupby(members, key=lambda each: each.kind):
            set_id = SET_OF_KIND["x12"][kind]
            cmap = _map("x12", release_for(version) or version, set_id, given)
            segments = []
            for number, document in enumerate(sets, 1):
                written = write_document(cmap, document)
                result.findings += written.findings
                segments.append(write_set(written.segments, f"{number:0{profile.control_numbers.st02_width}d}"))
            groups.append(group_for(given.company, profile, version, numbers, segments, set_id, now))
        yield write_interchange(envelope_for(given.company, profile, version, numbers, now), groups)


def _map(standard: str, version: str, set_id: str, given: Given) -> CompiledMap:
    found = load_map(standard, version, set_id, _overlay(set_id, given), given.workdir)
    if not isinstance(found, CompiledMap):
        raise MapError(f"{set_id} is no transaction set")
    return found


def _overlay(set_id: str, given: Given) -> Path | None:
    if given.profile is None:
        return None
    name = rules.document_settings(given.profile, set_id, "out").map_overlay
    return find(f"maps/{name}", given.workdir) if name else None


def _check_x12(result: Conversion, given: Given) -> None:
    """Complain about sets made of another standard that the checks of X12 would reject."""
    if not result.data or not any(each.source and each.source.standard != "x12" for each in result.documents):
        return  # X12 goes out as it came in; what the back office says is its own
    profile = given.profile
    options_of = None
    if profile is not None:
        by_set, charset = options_by_set(profile, "out", given.workdir), profile.envelope.charset
        options_of = lambda _interchange, _group, raw_set: replace(by_set(raw_set.set_id), charset=charset)  # noqa: E731
    checked = check_transmission(result.data, options_of)
    sets = (one for interchange in checked.interchanges for group in interchange.groups for one in group.sets)
    for one in sets:
        if not one.accepted:
            result.complaints += [f"{one.set_id}: {each.message}" for each in one.findings if each.severity == "error"]


def _xml(documents: list[Document], target: str, given: Given, now: datetime, result: Conversion) -> None:
    files: list[bytes] = []
    for original, document in zip(result.documents, documents, strict=True):
        where = f"{document.kind} {document.number or ''}".rstrip()
        try:
            set_id = _set_of(document, original, target, given)
            written = xml_from_documents(
                [document],
                standard=target,
                set_id=set_id,
                envelope=_envelope_of(original, given, now),
                overlay=_overlay(set_id or "", given),
                workdir=given.workdir,
            )
        except MappingError as error:
            result.complaints += _sentences(where, error)
            continue
        except (MapError, FileNotFoundError) as error:
            result.complaints.append(f"{where}: {error}")
            continue
        result.findings += written.findings
        files += _valid(written.files, where, given, result)
    result.data = files[0] if len(files) == 1 else _together(files) if files else b""


def _set_of(document: Document, original: Document, target: str, given: Given) -> str | None:
    """The set to write: as asked for a document of a back office, else as the kind of document says."""
    if original.source is None and given.set_id is not None:
        return given.set_id
    source = document.source
    return source.set_id if source is not None and source.standard == target else None


def _valid(files: Iterable[bytes], where: str, given: Given, result: Conversion) -> list[bytes]:
    """The files that the schema finds right; complain about others."""
    options = XmlCheckOptions(registry=load_registry(given.workdir))
    right: list[bytes] = []
    for data in files:
        checked = check_xml(data, options)
        found = [*checked.findings, *(each for document in checked.documents for each in document.findings)]
        wrong = [each for each in found if each.severity == "error" and not each.code.startswith("RULE-")]
        result.findings += [each for each in found if each not in wrong]
        result.complaints += [f"{where}: {each.message} {each.fix}".rstrip() for each in wrong]
        if not wrong:
            right.append(data)
    return right


def _together(files: Iterable[bytes]) -> bytes:
    """Several documents below one element, which every command here reads."""
    root = etree.Element("Documents")
    for data in files:
        root.append(copy.deepcopy(parse_xml(data).root))
    return serialise(root)


def _envelope_of(original: Document, given: Given, now: datetime) -> Callable[[Document], CxmlEnvelope]:
    def envelope(document: Document) -> CxmlEnvelope:
        payload_id = f"{document.number or 'document'}.{now:%Y%m%d%H%M%S}@{given.company.code}.invalid"
        source = original.source
        if given.profile is None and source is not None and source.standard == "cxml":
            return CxmlEnvelope(payload_id, now)
        return CxmlEnvelope(payload_id, now, _header(original, given))

    return envelope


def _header(document: Document, given: Given) -> CxmlHeader:
    """The parties of the header: the profile's credentials, else placeholders with what the document came with."""
    ours, theirs = Credential("NetworkID", _PLACEHOLDER), Credential("NetworkID", _PLACEHOLDER)
    profile = given.profile
    if profile is not None:
        known = [scheme_and_value(text) for text in profile.ours.xml or given.company.xml_ids]
        named = [Credential(scheme, value) for scheme, value in known if scheme and not scheme.isdigit()]
        ours = named[0] if named else ours
        theirs = Credential(profile.ids.cxml[0].domain, profile.ids.cxml[0].identity) if profile.ids.cxml else theirs
    elif document.sender and document.receiver:
        ours, theirs = Credential("NetworkID", document.sender), Credential("NetworkID", document.receiver)
    return CxmlHeader(sender=(ours,), receiver=(theirs,), user_agent=SOFTWARE)


# -- what is known of the parties ----------------------------------------------------------------------------


def _hints(document: Document, given: Given) -> CrossingHints:
    profile = given.profile
    version = release_for(given.version or (profile.envelope.version if profile else "004010")) or "004010"
    if profile is None:
        sender, receiver = _received(document.source)
        return CrossingHints(sender, receiver, given.currency, version=version, charset="extended")
    return crossing_hints(given.company, profile, currency=given.currency, version=version)


def _party_id(scheme: str, value: str) -> PartyId:
    return PartyId(scheme=_SCHEMES.get(scheme, "mutually_defined"), value=value)


def _received(source: EnvelopeSource | None) -> tuple[Party, Party]:
    """Sender and receiver as the envelope names them."""
    if source is None:
        return Party(), Party()
    if source.interchange is not None:
        isa = source.interchange
        pairs = ((isa.sender_qualifier, isa.sender), (isa.receiver_qualifier, isa.receiver))
        one, other = (Party(ids=[_party_id(scheme or "", value)]) if value else Party() for scheme, value in pairs)
        return one, other
    if source.xml is not None:
        one, other = (
            Party(ids=[_party_id(each.scheme or "", each.value) for each in ids])
            for ids in (source.xml.sender, source.xml.receiver)
        )
        return one, other
    return Party(), Party()


_WRITERS: Final[dict[str, Callable[[list[Document], str, Given, datetime, Conversion], None]]] = {
    "x12": _x12,
    "ubl": _xml,
    "cxml": _xml,
}
