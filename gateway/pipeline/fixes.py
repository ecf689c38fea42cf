"""Fixes of a cause: what a partner's profile could say so that the messages of a case go on.

A fix is a value: what it is called, what follows from it, and a merge patch for each profile that it changes. It is
named by its kind, place, value and choice only; whoever asks for one by these words gets it built again from the
case, so that no patch ever comes from outside. What suits which fault stands in ``gateway.pipeline.fixkinds``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages.models import CaseFile, Document, Interchange, Transmission
from gateway.messages.queries import MessageNotFoundError
from gateway.messages.queries_cases import example_of
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline
from gateway.pipeline.patched import patched_profile
from gateway.standards.edi.schema import UnknownReleaseError, load_release

__all__ = ["Case", "Fix", "Maker", "Offer", "about_amounts", "chosen", "one_way", "patched", "read_case"]

_AMOUNTS = re.compile(r"price|amount|quantit|total|charge|allowance|tax|payable|percent|subtotal|gross|net\b", re.I)


def about_amounts(text: str) -> bool:
    """Whether the name of a rule, an element or a field is one of prices, quantities or sums."""
    return bool(_AMOUNTS.search(text))


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to put a cause right."""

    #: "code", "severity", "setting", "alias" …
    kind: str
    #: What it is about: "PO103", "AK403-7", "inbound.test_in_live".
    place: str
    value: str
    #: Which of several ways: "PO103" or "355", a partner's code, a file.
    choice: str
    #: One sentence each, without a full stop and with one.
    title: str
    consequence: str
    #: Partner → merge patch (RFC 7396) of its profile.
    patches: Mapping[str, Mapping[str, Any]]
    #: What the choice is called where there are several.
    words: str = ""
    #: True when it changes what is demanded of prices, quantities or sums.
    amounts: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """The words by which it is asked for."""
        return {"kind": self.kind, "place": self.place, "value": self.value, "choice": self.choice}


@dataclass(frozen=True, slots=True)
class Offer:
    """A fix in one or several ways, of which the first is proposed."""

    ways: tuple[Fix, ...]
    #: What the choice between the ways is called: "Where", "Whose it is".
    ask: str = ""


@dataclass(frozen=True)
class Case:
    """What is known of a case and of the message that stands for it."""

    pipeline: Pipeline
    id: str
    fault: str
    #: The parts of the fingerprint behind partner, direction and fault.
    rule: tuple[str, ...]
    #: Code of the partner that it is filed under, and the profile in force; None for an unknown sender.
    partner: str | None
    profile: PartnerProfile | None
    #: The findings of the example.
    findings: Sequence[Mapping[str, Any]] = ()
    #: "document" or "transmission", and its id.
    example: tuple[str, str] | None = None
    set_id: str = ""
    standard: str = ""
    #: Who the transport authenticated, and the size of what came in bytes.
    carrier: str | None = None
    size: int = 0
    #: Of its interchange: sender and receiver as "scheme:value", ISA12 or "ubl-2.1".
    sender: str = ""
    receiver: str = ""
    version: str = ""
    #: Profiles of other partners, looked up when asked for.
    others: dict[str, PartnerProfile | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The partner's name for people."""
        return self.profile.name if self.profile else self.partner or "the partner"

    @property
    def is_x12(self) -> bool:
        """Whether its interchange is one of X12; an XML document has its family as version."""
        return self.version[:1].isdigit()

    @property
    def release(self) -> str:
        """ "004010" of a document in X12."""
        return self.standard.removeprefix("x12-") if self.standard.startswith("x12-") else ""

    @cached_property
    def errors(self) -> list[Mapping[str, Any]]:
        """The findings that reject or hold the example."""
        return [finding for finding in self.findings if finding.get("severity") == "error"]

    def other(self, code: str) -> PartnerProfile | None:
        """The profile of any partner."""
        if code not in self.others:
            self.others[code] = self.profile if code == self.partner else self.pipeline.profile(code)
        return self.others[code]

    def element(self, finding: Mapping[str, Any]) -> tuple[str, str, str]:
        """(place, number, name) of the element of a finding: ("PO103", "355", "Unit or Basis for Measurement Code").

        All "" when it is about no single element of X12.
        """
        tag, number, component = finding.get("segment"), finding.get("element"), finding.get("component")
        if not tag or not number or not self.release:
            return "", "", ""
        try:
            found = load_release(self.release, self.pipeline.workdir).element_at(tag, number, component)
        except UnknownReleaseError:
            return "", "", ""
        place = f"{tag}{number:02d}" + (f"-{component}" if component else "")
        return (place, found.ref, found.name) if found else (place, "", "")


def read_case(pipeline: Pipeline, session: Session, case_id: str) -> Case:
    """What is known of a case. Raises MessageNotFoundError."""
    row = session.get(CaseFile, case_id)
    if row is None:
        raise MessageNotFoundError(f'There is no problem "{case_id}". The list of failures shows what there is.')
    _, direction, fault, *rule = row.fingerprint.split("|")
    example = example_of(session, case_id) if direction == "in" else None
    profile = pipeline.profile(row.partner) if row.partner else None
    known = Case(pipeline, row.id, fault, tuple(rule), row.partner, profile)
    if example is None or example["type"] == "partner":
        return known
    document = session.get(Document, example["id"]) if example["type"] == "document" else None
    carrier = session.get(Transmission, document.transmission_id or "" if document else example["id"])
    interchanges = select(Interchange).where(Interchange.transmission_id == (carrier.id if carrier else ""))
    if document is not None:
        interchanges = interchanges.where(Interchange.id == document.interchange_id)
    interchange = session.scalar(interchanges.order_by(Interchange.position).limit(1))
    return replace(
        known,
        findings=example["findings"],
        example=(example["type"], example["id"]),
        set_id=(document.set_id or "") if document else "",
        standard=(document.standard or "") if document else "",
        carrier=carrier.partner if carrier else None,
        size=carrier.size if carrier else 0,
        sender=interchange.sender if interchange else "",
        receiver=interchange.receiver if interchange else "",
        version=interchange.version if interchange else "",
    )


def chosen(offers: Sequence[Offer], parameters: Mapping[str, Any]) -> Fix | None:
    """The fix that these words name, None when it is none of the offers. Without a choice the first way is meant."""
    asked = {name: str(parameters.get(name) or "") for name in ("kind", "place", "value", "choice")}
    for offer in offers:
        for fix in offer.ways:
            if fix.parameters == asked or (not asked["choice"] and fix.parameters == {**asked, "choice": fix.choice}):
                return fix
    return None


def patched(case: Case, fix: Fix) -> dict[str, PartnerProfile] | None:
    """Every profile that a fix changes, as it would be; None when one of them would not be valid."""
    found: dict[str, PartnerProfile] = {}
    for code, patch in fix.patches.items():
        profile = case.other(code)
        after = None if profile is None else patched_profile(profile, patch)
        if after is None:
            return None
        found[code] = after
    return found


def one_way(
    case: Case, kind: str, place: str, value: str, title: str, consequence: str, patch: Mapping[str, Any]
) -> Offer:
    """An offer with a single way, about the partner of the case."""
    fix = Fix(kind, place, value, "", title, consequence, {case.partner or "": patch}, amounts=about_amounts(place))
    return Offer((fix,))


#: Makes the offers of one kind for a case.
Maker = Callable[[Case], Iterator[Offer]]
