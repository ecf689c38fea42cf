"""A trial of a message: what it is, whether it is right, whose it is, and what we would answer; nothing is kept.

The findings come from ``gateway.standards.inspect``, the sender and the answer from the very plan that the pipeline
makes of a received message, short of carrying it out: no row is written and no control number is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from gateway.partners.directory import Directory
from gateway.partners.guides import options_by_set
from gateway.partners.profile import PartnerProfile
from gateway.partners.xmlids import keys_of
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.plan import plan_transmission
from gateway.pipeline.planned import PlannedInterchange
from gateway.pipeline.queueing import local_time
from gateway.pipeline.xmlanswers import wants_answer
from gateway.pipeline.xmlplan import check_options, looks_like_xml
from gateway.settings import Settings
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edifact import EdifactFile, EdifactInterchange, inspect_edifact, is_edifact, read_edifact
from gateway.standards.edifact.names import PARTY_QUALIFIERS
from gateway.standards.inspect import inspect_file
from gateway.standards.x12.acknowledge import AckControls, acknowledge
from gateway.standards.x12.checked import CheckedInterchange
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.xml.acknowledge import acknowledge_xml
from gateway.web.site import Site
from gateway.web.view.wire import Opened, open_layers

__all__ = ["MOST_TRIED", "Inspection", "Match", "inspect_message"]

#: Bytes up to which the plan is made too: it maps every document.
MOST_TRIED = 500_000
_TRIAL = str(UUID(int=0))
_HELD = ("Would be held", "warn", "pause")
#: Interchanges of one EDIFACT file whose sender is named.
_MOST_MATCHES = 20


@dataclass(frozen=True, slots=True)
class Match:
    """Whose one interchange or document is, and what would become of it."""

    #: "Interchange 000000101", "Order HR-1".
    name: str
    partner: PartnerProfile | None
    #: Word, tone and icon.
    outcome: tuple[str, str, str]
    #: What would happen, one sentence, and what to do about it.
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that the inspector says."""

    name: str
    size: int
    opened: Opened
    #: `inspect_file`'s value; None when no content can be reached.
    result: dict[str, Any] | None
    matches: tuple[Match, ...] = ()
    #: Our answers as text, and what is to be known about them.
    answer: str = ""
    answer_sentence: str = ""
    #: The partner whose AS2 name it carries.
    as2_partner: str | None = None
    #: What EDIFACT was read into.
    edifact: EdifactFile | None = None


def inspect_message(site: Site, settings: Settings | None, name: str, data: bytes, now: datetime) -> Inspection:
    """Look at one message as if it had come in. Never raises for what the bytes are; reads, and writes nothing."""
    opened = open_layers(data)
    pipeline = _pipeline(site, settings, opened.payload, now)
    as2_partner = _as2_partner(pipeline, opened)
    if not opened.payload and (opened.layers or opened.problem):
        return Inspection(
            name, len(data), opened, None, as2_partner=as2_partner, answer_sentence=_receipt_sentence(opened)
        )
    payload = opened.payload
    if is_edifact(payload):
        return _look_at_edifact(pipeline, name, len(data), opened, as2_partner)
    planned: tuple[PlannedInterchange, ...] = ()
    sentence = ""
    if len(payload) <= MOST_TRIED:
        planned = plan_transmission(pipeline, _TRIAL, as2_partner, payload).interchanges
    else:
        sentence = f"Above {MOST_TRIED // 1000} KB a message is checked only; sender and answer are not tried out."
    result = _checked(pipeline, opened.filename or name, payload, planned, as2_partner)
    answers = [answer for each in planned if (answer := _answer(each, now)) is not None]
    return Inspection(
        name,
        len(data),
        opened,
        result,
        tuple(_match(each) for each in planned),
        "\n".join(_text(answer) for answer in answers),
        sentence or _answer_sentence(planned, answers, opened),
        as2_partner,
    )


def _look_at_edifact(pipeline: Pipeline, name: str, size: int, opened: Opened, as2_partner: str | None) -> Inspection:
    """EDIFACT: its structure, and whose it would be by the addresses of its UNB."""
    read = read_edifact(opened.payload)
    result = inspect_edifact(opened.filename or name, read)
    known = [each for each in read.interchanges if each.has_header][:_MOST_MATCHES]
    answer = " ".join(filter(None, [_receipt_sentence(opened), "No acknowledgement (CONTRL) would be given."]))
    return Inspection(
        name,
        size,
        opened,
        result,
        tuple(_match_edifact(pipeline, each) for each in known),
        answer_sentence=answer,
        as2_partner=as2_partner,
        edifact=read,
    )


def _match_edifact(pipeline: Pipeline, interchange: EdifactInterchange) -> Match:
    """Whose identifier the sender's would be: that of an ISA, or of XML documents, under the same authority."""
    qualifier, identity = interchange.sender_qualifier, interchange.sender
    known, isa, scheme = PARTY_QUALIFIERS.get(qualifier, (f"qualifier {qualifier}", qualifier, ""))
    code = pipeline.directory.by_isa(isa, identity) if identity else None
    if code is None and scheme and identity:
        code = next((found for key in keys_of("", scheme, identity) if (found := pipeline.directory.by_xml(key))), None)
    partner = pipeline.profile(code) if code else None
    address = f"{identity[:35] or 'nobody'} ({known})"
    if partner is not None:
        sentence = f"Its sender {address} is an identifier of {partner.name}. EDIFACT is read for looking only."
        fix = f"Ask {partner.name} for X12, UBL or cXML."
    else:
        sentence = f"No partner has the identifier of its sender, {address}. EDIFACT is read for looking only."
        fix = "Ask the partner for X12, UBL or cXML, and add the identifier to its profile."
    return Match(f"Interchange {interchange.control[:35]}".strip(), partner, _HELD, sentence, fix)


def _pipeline(site: Site, settings: Settings | None, payload: bytes, now: datetime) -> Pipeline:
    """A pipeline that can plan and do nothing else: planning touches neither the store nor the work.

    Without settings nobody knows our own identities, so the receiver that X12 names is taken for us.
    """
    if settings is None:
        first = next(iter(read_transmission(payload).interchanges), None) if len(payload) <= MOST_TRIED else None
        qualifier, identity = (first.receiver_qualifier, first.receiver_id) if first else ("", "")
        company = Company("us", site.company, qualifier, identity, identity, "", site.time_zone)
    else:
        ours = settings.company
        company = Company(
            code=ours.code,
            name=ours.name,
            isa_qualifier=ours.isa_qualifier,
            isa_id=ours.isa_id,
            gs_id=ours.gs_id,
            as2_name=ours.as2_name,
            time_zone=ours.time_zone,
            xml_ids=ours.xml_ids,
        )
    return Pipeline(
        company=company,
        store=cast("Any", None),
        work=cast("Any", None),
        directory=Directory(site.read, company.as2_name or None),
        clock=lambda: now,
        workdir=settings.paths.home if settings else None,
    )


def _as2_partner(pipeline: Pipeline, opened: Opened) -> str | None:
    if opened.as2_from is None:
        return None
    return pipeline.directory.by_as2(opened.as2_from, opened.as2_to)


def _checked(
    pipeline: Pipeline,
    name: str,
    payload: bytes,
    planned: tuple[PlannedInterchange, ...],
    as2_partner: str | None,
) -> dict[str, Any]:
    """The inspection by the rules of the partner that each interchange is from."""
    if looks_like_xml(payload):
        owner = next((each.partner for each in planned if each.partner), None)
        profile = owner or (pipeline.profile(as2_partner) if as2_partner else None)
        return inspect_file(name, payload, xml_options=check_options(pipeline, profile))
    known = {
        each.index: options_by_set(each.partner, "in", pipeline.workdir) for each in planned if each.partner is not None
    }
    usual = ValidationOptions()

    def options(interchange: Any, _group: Any, raw_set: Any) -> ValidationOptions:
        by_set = known.get(interchange.index)
        return usual if by_set is None else by_set(raw_set.set_id)

    return inspect_file(name, payload, options=options)


def _match(planned: PlannedInterchange) -> Match:
    name = planned.envelope.name
    problem = planned.hold or planned.refusal
    if problem is not None:
        if planned.hold is None:
            return Match(name, planned.partner, ("Would be refused", "bad", "cross"), problem.sentence)
        return Match(name, planned.partner, _HELD, problem.sentence, problem.suggestion)
    documents = planned.documents
    rejected = [each for each in documents if not each.accepted]
    held = [each.problem for each in documents if each.accepted and each.problem is not None]
    sender = planned.partner.name if planned.partner else "an unknown sender"
    if rejected:
        first = next((each.message for one in rejected for each in one.findings if each.severity == "error"), "")
        sentence = f"From {sender}: {len(rejected)} of {len(documents)} documents would be rejected. {first}".strip()
        return Match(name, planned.partner, ("Would be rejected", "bad", "cross"), sentence)
    if held:
        return Match(name, planned.partner, _HELD, held[0].sentence, held[0].suggestion)
    count = f"{len(documents)} document{'' if len(documents) == 1 else 's'}"
    if not documents:
        count = "an acknowledgement" if planned.acknowledgements else "nothing"
    sentence = f"From {sender}: {count} would be taken."
    return Match(name, planned.partner, ("Would be taken", "good", "check"), sentence)


def _answer(planned: PlannedInterchange, now: datetime) -> bytes | None:
    """Our answer to one interchange by its partner's profile, with control number 1; None when none is due."""
    partner, checked = planned.partner, planned.checked
    if partner is None or planned.hold is not None:
        return None
    sends = partner.acknowledgements.send
    if isinstance(checked, CheckedInterchange):
        return acknowledge(
            checked if sends.enabled else replace(checked, groups=()),
            controls=AckControls(1, 1),
            now=local_time(partner, now),
            kind=sends.kind,
            ta1=sends.ta1,
            ak2=sends.ak2,
        )
    if not wants_answer(partner, checked):
        return None
    try:
        return acknowledge_xml(checked, now=local_time(partner, now), message_id="TRIAL", form="status_update")
    except ValueError:
        return None  # a cXML header without credentials: nobody to answer


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "replace")


def _answer_sentence(planned: tuple[PlannedInterchange, ...], answers: list[bytes], opened: Opened) -> str:
    told = [_receipt_sentence(opened)]
    if any(each.hold for each in planned):
        told.append("What is held gets no acknowledgement until a person decides.")
    elif not planned:
        told.append("Nothing can be acknowledged, because nothing can be read.")
    elif not answers:
        told.append("No acknowledgement is due.")
    else:
        told.append("The real one takes the next control numbers; here they are 1.")
    return " ".join(filter(None, told))


def _receipt_sentence(opened: Opened) -> str:
    return "AS2: a receipt (MDN) is given on the same connection, once the bytes are stored." * opened.wants_receipt
