"""Whole X12 transmissions to documents and documents to whole transmissions; pure, the clock is an argument.

`documents_from_x12` reads every set that has a map. `x12_from_documents` writes documents again: in the envelope they
came in (ids, separators and control numbers as received), or in a plain one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from gateway.documents import Document, EnvelopeSource, GroupSource, InterchangeSource, SeparatorsSource
from gateway.mapping.engine import WrittenSet, read_document, write_document
from gateway.mapping.errors import MapError, MappingError, Problem
from gateway.mapping.registry import load_map
from gateway.mapping.x12_source import envelope_source
from gateway.standards.edi.model import Finding, Segment, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.schema import release_for
from gateway.standards.x12.check import CheckedGroup, CheckedInterchange, CheckedSet, check_transmission
from gateway.standards.x12.writer import (
    DEFAULT_SEPARATORS,
    EnvelopeOut,
    GroupOut,
    isa_version,
    write_interchange,
    write_set,
)

__all__ = ["SETS", "FromX12", "Plain", "ToX12", "documents_from_x12", "x12_from_documents"]

#: The transaction set that carries each kind of document.
SETS = {
    "order": "850",
    "order_acknowledgment": "855",
    "order_change": "860",
    "order_change_acknowledgment": "865",
    "ship_notice": "856",
    "invoice": "810",
    "inventory_advice": "846",
}


@dataclass(slots=True)
class FromX12:
    """The documents of a transmission and what stood in the way of others."""

    documents: list[Document] = field(default_factory=list)
    #: Plain sentences: unreadable input, rejected sets, sets without a map. Empty when all is well.
    complaints: list[str] = field(default_factory=list)
    #: What the maps noticed: values kept as text only.
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class ToX12:
    """A written transmission."""

    data: bytes
    #: What the maps noticed: values that the sets do not carry.
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Plain:
    """The envelope of a document that has none of its own."""

    now: datetime
    version: str = "004010"
    sender: str = "SENDER"
    receiver: str = "RECEIVER"


def documents_from_x12(
    data: bytes,
    *,
    options: Callable[..., ValidationOptions] | None = None,
    only_set: str | None = None,
    version: str | None = None,
    workdir: Path | None = None,
) -> FromX12:
    """Every set of a transmission that a map reads, as documents in the order received; never raises for bad input.

    A rejected set is read as far as it goes and complained about. `version` reads all sets with the map of that
    release, whatever GS08 says.
    """
    result = FromX12()
    checked = check_transmission(data, options)
    if checked.transmission.unreadable:
        result.complaints.append(checked.transmission.unreadable)
    for interchange in checked.interchanges:
        for group in interchange.groups:
            for one in group.sets:
                if only_set is None or one.set_id == only_set:
                    _read_set(result, interchange, group, one, version, workdir)
    return result


def _read_set(
    result: FromX12,
    interchange: CheckedInterchange,
    group: CheckedGroup,
    one: CheckedSet,
    version: str | None,
    workdir: Path | None,
) -> None:
    where = f"Set {one.set_id or '?'} {one.control}"
    release = release_for(version) if version else one.release
    if release is None:
        result.complaints.append(f"{where}: no schema for version {version or group.group.version} is installed.")
        return
    try:
        cmap = load_map("x12", release, one.set_id, workdir=workdir)
        tree = one.tree()
    except (MapError, LookupError) as error:
        result.complaints.append(f"{where}: {error}")
        return
    if not one.accepted:
        first = next((f.message for f in one.findings if f.severity == "error"), "see gateway inspect")
        result.complaints.append(f"{where} is {one.verdict}: {first}")
    mapped = read_document(cmap, tree, envelope_source(interchange, group, one, cmap.identity))
    mapped.document.test = interchange.interchange.usage == "T"
    result.documents.append(mapped.document)
    result.findings.extend(mapped.findings)


def x12_from_documents(
    documents: Sequence[Document],
    plain: Plain,
    *,
    version: str | None = None,
    set_id: str | None = None,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> ToX12:
    """The interchanges that carry the documents, one after the other.

    Neighbours from one interchange and group are written into one again. Raises MappingError for a document that
    cannot be expressed and MapError when there is no map.
    """
    written = [_write(document, plain, version, set_id, overlay, workdir) for document in documents]
    findings = [finding for one in written for finding in one.set.findings]
    interchanges = groupby(written, key=lambda one: (one.interchange, one.separators))
    data = b"".join(_interchange(list(members), plain) for _, members in interchanges)
    return ToX12(data, findings)


@dataclass(frozen=True, slots=True)
class _Written:
    """One set with the envelope it belongs into; texts, so that neighbours compare equal."""

    set: WrittenSet
    source: EnvelopeSource
    interchange: str
    group: str
    separators: Separators
    version: str
    control: str | None


def _write(
    document: Document,
    plain: Plain,
    version: str | None,
    set_id: str | None,
    overlay: Path | None,
    workdir: Path | None,
) -> _Written:
    source = document.source or EnvelopeSource()
    if source.standard != "x12":
        source = EnvelopeSource()
    received = source.group.version if source.group is not None else None
    full = version or received or source.version or plain.version
    wanted = SETS[document.kind] if set_id is None else set_id
    release = release_for(full)
    if release is None:
        raise MappingError([Problem("version", f'no schema for "{full}" is installed. Choose 004010 or 005010.')])
    cmap = load_map("x12", release, wanted, overlay, workdir)
    return _Written(
        set=write_document(cmap, document),
        source=source,
        interchange=source.interchange.model_dump_json() if source.interchange is not None else "",
        group=source.group.model_dump_json() if source.group is not None else "",
        separators=_separators(source.separators),
        version=full,
        control=source.set_control,
    )


def _separators(kept: SeparatorsSource | None) -> Separators:
    if kept is None:
        return DEFAULT_SEPARATORS
    return Separators(kept.element, kept.component, kept.segment, kept.repetition, kept.suffix)


def _interchange(members: Sequence[_Written], plain: Plain) -> bytes:
    first = members[0]
    isa = first.source.interchange or InterchangeSource()
    envelope = EnvelopeOut(
        sender_qualifier=isa.sender_qualifier or "ZZ",
        sender_id=isa.sender or plain.sender,
        receiver_qualifier=isa.receiver_qualifier or "ZZ",
        receiver_id=isa.receiver or plain.receiver,
        control=isa.control or 1,
        when=plain.now,
        separators=first.separators,
        version=isa.version or isa_version(first.version),
        usage=isa.usage or "P",
        ack_requested=isa.ack_requested == "1",
        authorization=(isa.authorization_qualifier or "00", isa.authorization or ""),
        security=(isa.security_qualifier or "00", isa.security or ""),
        standards_id=isa.standards_id,
        date=isa.date,
        time=isa.time,
        charset="latin-1" if _has_wide_characters(one.set.segments for one in members) else "extended",
    )
    return write_interchange(envelope, list(_groups(members, plain)))


def _has_wide_characters(sets: Iterable[Sequence[Segment]]) -> bool:
    return any(not value.isascii() for segments in sets for segment in segments for value in segment.elements)


def _groups(members: Sequence[_Written], plain: Plain) -> Iterator[GroupOut]:
    def key(one: _Written) -> tuple[str, str, str]:
        return (one.group, one.version, "" if one.group else one.set.set_id)

    for number, (_, grouped) in enumerate(groupby(members, key=key), 1):
        sets = list(grouped)
        gs = sets[0].source.group or GroupSource()
        yield GroupOut(
            sender=gs.sender or plain.sender,
            receiver=gs.receiver or plain.receiver,
            control=gs.control or number,
            sets=[write_set(one.set.segments, one.control or index) for index, one in enumerate(sets, 1)],
            version=gs.version if gs.version and sets[0].version == gs.version else sets[0].version,
            code=gs.code,
            date=gs.date,
            time=gs.time,
            agency=gs.agency or "X",
        )
