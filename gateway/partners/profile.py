"""The trading-partner profile: everything that makes one partner different from another, as one value.

A profile is immutable: changing it means storing a new version of it (`gateway.partners.registry`). Every
field has a default that suits a first working partner, so that a useful profile is a name, its identities and
one address. Test and live settings are separate values of one profile, chosen by `status`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.partners.as2settings import As2Settings
from gateway.partners.fields import Group, Many, PartnerCode, TimeZoneName
from gateway.partners.identity import BackOfficeNumbers, Contact, Link, OurIds, PartnerIds
from gateway.partners.transfers import (
    Alerts,
    Delivery,
    Documents,
    FolderSettings,
    HttpDoor,
    Keep,
    SftpSettings,
    XmlSettings,
)
from gateway.partners.x12settings import Acknowledgements, ControlNumbers, Envelope, Inbound

if TYPE_CHECKING:
    from gateway.standards.edi.guide import Guide
    from gateway.standards.edi.options import ValidationOptions

__all__ = [
    "PartnerProfile",
    "Status",
    "canonical_json",
    "profile_from_json",
    "profile_sha256",
    "validation_options",
]


class Status(StrEnum):
    """Where a partner stands between the first idea and the last message."""

    #: Being written; nothing is exchanged.
    DRAFT = "draft"
    #: Test data is exchanged, marked as test.
    TESTING = "testing"
    #: In regular trade.
    LIVE = "live"
    #: Live, but nothing is sent and what comes in is held until the pause ends.
    PAUSED = "paused"
    #: No longer a partner; kept for the record, its identities are free for others.
    RETIRED = "retired"


#: The states in which everything we send is marked as test.
TEST_STATUSES = frozenset({Status.DRAFT, Status.TESTING})


class PartnerProfile(Group):
    """One trading partner."""

    code: PartnerCode = Field(description="Short name, unique and safe as a folder name; never changes.")
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(description="Name for people.")
    status: Status = Field(default=Status.DRAFT, description="draft, testing, live, paused or retired.")
    preset: str | None = Field(default=None, description="Starter file whose values lie under the profile's own.")
    time_zone: TimeZoneName = Field(
        default="UTC", description="Time zone of envelope times and deadlines (America/Chicago)."
    )
    locale: str = Field(default="en", description="Language for texts meant for the partner.")
    contacts: Annotated[tuple[Contact, ...], Many] = Field(default=(), description="People and desks at the partner.")
    links: Annotated[tuple[Link, ...], Many] = Field(default=(), description="Pages worth having at hand.")
    notes: str = Field(default="", description="Anything staff should know.", json_schema_extra={"lines": True})
    tags: Annotated[tuple[str, ...], Many] = Field(default=(), description="Words to find the partner by.")
    agreement_from: date | None = Field(default=None, description="First day of the agreement.")
    agreement_until: date | None = Field(default=None, description="Last day of the agreement.")
    back_office: BackOfficeNumbers = Field(
        default=BackOfficeNumbers.by_default(), description="Numbers in the back office."
    )
    ids: PartnerIds = Field(default=PartnerIds.by_default(), description="The partner's identities.")
    ours: OurIds = Field(default=OurIds.by_default(), description="Our identities towards this partner.")
    envelope: Envelope = Field(default=Envelope.by_default(), description="ISA and GS of what we send.")
    control_numbers: ControlNumbers = Field(
        default=ControlNumbers.by_default(), description="Ranges of our control numbers."
    )
    inbound: Inbound = Field(default=Inbound.by_default(), description="What we take and how strictly.")
    acknowledgements: Acknowledgements = Field(default=Acknowledgements.by_default(), description="TA1, 997 and 999.")
    as2: As2Settings = Field(default=As2Settings.by_default(), description="Exchange over AS2.")
    sftp: SftpSettings = Field(default=SftpSettings.by_default(), description="Exchange over SFTP.")
    folder: FolderSettings = Field(default=FolderSettings.by_default(), description="Exchange through folders.")
    http: HttpDoor = Field(default=HttpDoor.by_default(), description="Messages posted to us over HTTP.")
    xml: XmlSettings = Field(default=XmlSettings.by_default(), description="Exchange of XML documents.")
    documents: Documents = Field(
        default=Documents.by_default(), description="Settings by kind of document and direction."
    )
    delivery: Delivery = Field(default=Delivery.by_default(), description="Retries and order of what we send.")
    alerts: Alerts = Field(default=Alerts.by_default(), description="Who is told about problems.")
    keep: Keep = Field(default=Keep.by_default(), description="How long messages are kept.")

    @model_validator(mode="before")
    @classmethod
    def _usage_follows_status(cls, data: Any) -> Any:
        """Fill ISA15 by the status where the profile does not say it: test while draft or testing."""
        if not isinstance(data, Mapping):
            return data
        status = data.get("status", Status.DRAFT)
        usage = "T" if status in tuple(TEST_STATUSES) else "P"
        envelope = data.get("envelope", {})
        if isinstance(envelope, Envelope):
            if "usage" in envelope.model_fields_set:
                return data
            return {**data, "envelope": envelope.model_copy(update={"usage": usage})}
        if isinstance(envelope, Mapping) and "usage" not in envelope:
            return {**data, "envelope": {**envelope, "usage": usage}}
        return data

    @model_validator(mode="after")
    def _agreement_in_order(self) -> PartnerProfile:
        if self.agreement_from and self.agreement_until and self.agreement_from > self.agreement_until:
            raise ValueError("agreement_from must not be after agreement_until")
        return self

    @property
    def is_test(self) -> bool:
        """True while everything exchanged with the partner is test data (draft or testing)."""
        return self.status in TEST_STATUSES


#: What a strict partner's ISA of another length than 106 bytes is: refused (TA105 022) instead of a warning.
_STRICT_ISA: Mapping[str, Literal["error"]] = {"TA105-022": "error"}


def canonical_json(profile: PartnerProfile) -> str:
    """The profile with every field, keys sorted: what a stored version holds and what its hash covers."""
    return json.dumps(profile.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def profile_from_json(text: str) -> PartnerProfile:
    """The inverse of `canonical_json`."""
    return PartnerProfile.model_validate_json(text)


def profile_sha256(profile: PartnerProfile) -> str:
    """SHA-256 (hex) of the canonical JSON: equal profiles have equal hashes."""
    return hashlib.sha256(canonical_json(profile).encode()).hexdigest()


def validation_options(profile: PartnerProfile, guide: Guide | None = None) -> ValidationOptions:
    """What the profile changes about the validation of X12 that the partner sends.

    ``guide`` is the partner's compiled guide when the caller has loaded one. Equal profiles give equal (and
    equally hashed) options, so compiled validators are shared.
    """
    from gateway.standards.edi.options import CodeList, ValidationOptions

    inbound = profile.inbound
    strict = inbound.isa_length == "strict"
    return ValidationOptions(
        charset=inbound.charset,
        severities=tuple(sorted(({**_STRICT_ISA, **inbound.severities} if strict else inbound.severities).items())),
        codes=tuple(
            CodeList.of(where, change.add, change.only or None) for where, change in sorted(inbound.code_lists.items())
        ),
        trailing_separators=inbound.trailing_separators,
        trailing_spaces=inbound.trailing_spaces,
        integer_point=inbound.integer_point,
        guide=guide,
    )
