"""Putting something in the outbound queue: control numbers, envelope, transmission row, wake-up.

All of it happens in the caller's transaction, so a crash leaves either the whole thing or nothing: a control
number is never on the wire without its row, and never given twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from gateway.messages import control, lifecycle
from gateway.messages.axes import Delivery
from gateway.messages.ids import new_id
from gateway.messages.models import Transmission
from gateway.partners import rules
from gateway.partners.fields import SecretRef
from gateway.partners.profile import PartnerProfile
from gateway.partners.registry import next_sequence
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.delivery import submit_drain
from gateway.standards.edi.model import Segment
from gateway.standards.x12.writer import EnvelopeOut, GroupOut
from gateway.store import payloads

__all__ = [
    "NoTransportError",
    "Numbers",
    "envelope_for",
    "group_for",
    "local_time",
    "our_gs",
    "our_isa",
    "queue",
    "take_numbers",
]

_X12, _XML = "application/EDI-X12", "application/xml"
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


#: Forms of GS04 and GS05.
_GS04 = {"CCYYMMDD": "%Y%m%d", "YYMMDD": "%y%m%d"}
_GS05 = {"HHMM": "%H%M", "HHMMSS": "%H%M%S", "HHMMSSDD": "%H%M%S00"}


class NoTransportError(ValueError):
    """The partner's profile names no way to send; the message says what to add."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Control numbers taken for one interchange with one group."""

    isa13: int
    gs06: int


def take_numbers(session: Session, profile: PartnerProfile, groups: int = 1) -> Numbers:
    """Take the next ISA13, and as many GS06 in a row as there are groups, in the caller's transaction."""
    ranges, test = profile.control_numbers, profile.envelope.usage == "T"
    isa, gs = ranges.isa13, ranges.gs06
    return Numbers(
        control.take(session, profile.code, "ISA13", test, low=isa.low, high=isa.high),
        control.take(session, profile.code, "GS06", test, count=max(groups, 1), low=gs.low, high=gs.high),
    )


def our_isa(company: Company, profile: PartnerProfile) -> tuple[str, str]:
    """(qualifier, id) that we use towards the partner (ISA05/06)."""
    if profile.ours.isa is not None:
        return profile.ours.isa.qualifier, profile.ours.isa.id
    return company.isa_qualifier, company.isa_id


def our_gs(company: Company, profile: PartnerProfile) -> str:
    """Our application code towards the partner (GS02)."""
    return profile.ours.gs or company.gs_id


def local_time(profile: PartnerProfile, now: datetime) -> datetime:
    """An instant in the partner's time zone, for envelope dates and times."""
    return now.astimezone(ZoneInfo(profile.time_zone))


def envelope_for(
    company: Company,
    profile: PartnerProfile,
    version: str,
    numbers: Numbers,
    now: datetime,
    secrets: Callable[[str], bytes] | None = None,
) -> EnvelopeOut:
    """The ISA of one interchange to the partner, for a release (GS08) and control numbers.

    ``secrets`` opens what ISA02 and ISA04 hold. Raises ValueError when the profile has no interchange identity to
    send to, or names a secret that nobody stored.
    """
    receiver = rules.receiver_isa(profile)
    if receiver is None:
        raise ValueError(f"The profile of {profile.code} has no interchange identity to send to; add ids.isa.")
    qualifier, identity = our_isa(company, profile)
    settings = profile.envelope
    return EnvelopeOut(
        sender_qualifier=qualifier,
        sender_id=identity,
        receiver_qualifier=receiver.qualifier,
        receiver_id=receiver.id,
        control=numbers.isa13,
        when=local_time(profile, now),
        separators=rules.separators(profile, version),
        version=rules.isa12(profile, version),
        usage=settings.usage,
        ack_requested=settings.isa14 == "1",
        standards_id=rules.isa11(profile, version),
        authorization=(settings.isa01, _secret(settings.isa02, secrets)),
        security=(settings.isa03, _secret(settings.isa04, secrets)),
        charset=settings.charset,
        replacement=settings.replacement,
    )


def _secret(reference: SecretRef | None, secrets: Callable[[str], bytes] | None) -> str:
    if reference is None or secrets is None:
        return ""
    return secrets(reference.secret).decode("ascii", "replace")


def group_for(
    company: Company,
    profile: PartnerProfile,
    version: str,
    numbers: Numbers,
    sets: Sequence[Sequence[Segment]],
    set_id: str,
    now: datetime,
) -> GroupOut:
    """The functional group that holds ``sets``, all of the kind ``set_id``.

    Raises ValueError when the profile has no application code to send to.
    """
    receiver = rules.receiver_gs(profile, set_id)
    if receiver is None:
        raise ValueError(f"The profile of {profile.code} has no application code to send to; add ids.gs.")
    settings, at = profile.envelope, local_time(profile, now)
    return GroupOut(
        our_gs(company, profile),
        receiver,
        numbers.gs06,
        sets,
        version=version,
        date=f"{at:{_GS04[settings.gs04]}}",
        time=f"{at:{_GS05[settings.gs05]}}",
        agency=settings.gs07,
    )


def queue(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    body: bytes | payloads.StagedPayload,
    *,
    size: int,
    name: str,
    standard: str,
    test: bool,
    now: datetime,
    acknowledges_id: str | None = None,
    parent_id: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Transmission:
    """Add a transmission to the partner's outbound order and ask for its delivery.

    ``name`` becomes the file name. Raises NoTransportError when the profile has no way to send.
    """
    transport = rules.transport(profile)
    if transport is None:
        raise NoTransportError(
            f"The profile of {profile.code} names no way to send; add as2.url, sftp.host, xml.url or folder.outbound."
        )
    row = Transmission(
        id=new_id(now),
        direction="out",
        transport=transport,
        partner=profile.code,
        partner_version=pipeline.version(profile.code),
        transport_id=_message_id(pipeline) if transport == "as2" else None,
        payload_sha256=payloads.put(session, body, now=now),
        size=size,
        filename=_UNSAFE_IN_NAME.sub("_", name)[:120],
        content_type=_content_type(profile, transport, standard),
        facts=dict(facts or {}),
        created_at=now,
        delivery=Delivery.QUEUED.value,
        sequence=next_sequence(session, profile.code),
        acknowledges_id=acknowledges_id,
        parent_id=parent_id,
        standard=standard,
        test=test,
    )
    lifecycle.begin(session, row, actor="pipeline", reason=f"{name} is to be sent by {transport}.", now=now)
    submit_drain(session, pipeline, profile.code)
    return row


def _content_type(profile: PartnerProfile, transport: str, standard: str) -> str:
    if not standard.startswith("x12"):
        return _XML
    return profile.as2.content_type if transport == "as2" else _X12


def _message_id(pipeline: Pipeline) -> str:
    """A globally unique AS2 Message-ID, fixed when the transmission is made (RFC 4130 §5.3.3)."""
    return f"<{uuid4()}@{pipeline.message_host}>"
