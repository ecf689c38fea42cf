"""The results of a check: verdict and findings of a set, a group, an interchange and a whole transmission."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.standards.edi.charset import encoding_of
from gateway.standards.edi.model import Finding, LoopInstance, Segment, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.validator import parse_segment, validator
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS, NUMBER_ELEMENTS
from gateway.standards.x12.transmission import Group, Interchange, RawSet, Transmission

__all__ = [
    "CheckedGroup",
    "CheckedInterchange",
    "CheckedSet",
    "CheckedTransmission",
    "Verdict",
    "combine",
]

Verdict = Literal["accepted", "accepted_with_errors", "partially_accepted", "rejected", "unreadable"]

#: Segments at the start of a set among which the one with the document's number stands.
_HEAD_SEGMENTS = 12


@dataclass(frozen=True, slots=True)
class CheckedSet:
    """One transaction set with its verdict, and what the mapping needs of it."""

    raw_set: RawSet
    #: The release it was checked against, "004010"; None when the group names one that is not installed.
    release: str | None
    separators: Separators
    options: ValidationOptions
    verdict: Verdict
    #: Everything found in the set, in document order.
    findings: tuple[Finding, ...]

    @property
    def set_id(self) -> str:
        """ST01, "850"; "" when the set has no ST."""
        return self.raw_set.set_id

    @property
    def control(self) -> str:
        """ST02 as sent."""
        return self.raw_set.control

    @property
    def accepted(self) -> bool:
        """The set may be processed."""
        return self.verdict in ("accepted", "accepted_with_errors")

    @property
    def number(self) -> str | None:
        """The number people call the document by (BEG03, BIG02, BSN02 …); None when the set has none."""
        place = NUMBER_ELEMENTS.get(self.set_id)
        if place is None:
            return None
        tag, element = place
        separator = self.separators.element.encode("latin-1")
        start = tag.encode() + separator
        encoding = encoding_of(self.options.charset)
        for segment in self.raw_set.segments[1:_HEAD_SEGMENTS]:
            if segment.startswith(start):
                parts = segment.split(separator)
                value = parts[element].decode(encoding, "replace") if len(parts) > element else ""
                return value.strip() or None
        return None

    @property
    def raw(self) -> bytes:
        """The bytes of the set from ST to the terminator of SE, as received."""
        raw_set = self.raw_set
        return raw_set.body.slice(raw_set.first_segment_index, len(raw_set.segments))

    def segments(self) -> list[Segment]:
        """The segments as decoded text, with position and byte offset."""
        encoding = encoding_of(self.options.charset)
        return [
            parse_segment(raw, self.separators, encoding, position, offset)
            for position, (raw, offset) in enumerate(zip(self.raw_set.segments, self.raw_set.offsets, strict=True), 1)
        ]

    def tree(self) -> LoopInstance:
        """The segments in the loops of the set; raises UnknownSetError or UnknownReleaseError."""
        return validator(self.release or "", self.set_id, self.separators, self.options).tree(self.segments())


@dataclass(frozen=True, slots=True)
class CheckedGroup:
    """One functional group with its verdict."""

    group: Group
    #: The installed release that GS08 names, None when there is none.
    release: str | None
    sets: tuple[CheckedSet, ...]
    #: What was found in the GS and GE segments.
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def is_acknowledgement(self) -> bool:
        """The group holds acknowledgements, which are never acknowledged."""
        return self.group.code == "FA" or (
            bool(self.sets) and all(checked.set_id in ACKNOWLEDGEMENT_SETS for checked in self.sets)
        )


@dataclass(frozen=True, slots=True)
class CheckedInterchange:
    """One interchange with its verdict."""

    interchange: Interchange
    groups: tuple[CheckedGroup, ...]
    #: What was found in the ISA and IEA segments and between the groups.
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def ta1_code(self) -> str:
        """TA105 of the answer: the first code that rejects, else the first error, else "000"."""
        for severity in ("error", "warning"):
            for finding in self.findings:
                family, _, code = finding.code.partition("-")
                if family == "TA105" and finding.severity == severity:
                    return code
        return "000"

    @property
    def ta1_letter(self) -> str:
        """TA104 of the answer: "R" nothing is processed, "E" processed in spite of errors, "A" accepted."""
        worst = {finding.severity for finding in self.findings if finding.code.startswith("TA105-")}
        return "R" if "error" in worst else "E" if "warning" in worst else "A"

    @property
    def is_acknowledgement(self) -> bool:
        """The interchange carries nothing but acknowledgements."""
        has_content = bool(self.groups or self.interchange.ta1)
        return has_content and all(group.is_acknowledgement for group in self.groups)


@dataclass(frozen=True, slots=True)
class CheckedTransmission:
    """A whole transmission with its verdict."""

    transmission: Transmission
    interchanges: tuple[CheckedInterchange, ...]
    verdict: Verdict


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole from those of its parts; a whole without parts is accepted."""
    seen = set(verdicts)
    refused = seen & {"rejected", "unreadable"}
    taken = seen - refused
    if not refused and not taken - {"accepted"}:
        return "accepted"
    if not taken:
        return "rejected" if "rejected" in refused else "unreadable"
    if refused or "partially_accepted" in taken:
        return "partially_accepted"
    return "accepted_with_errors"
