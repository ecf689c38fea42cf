"""Checks a transmission from the envelope down to the last element and gives each level its verdict.

A set is rejected when it has an error, accepted with errors when it has only warnings, accepted otherwise. A
group whose envelope is broken rejects all its sets, and so does an interchange that must be rejected as a
whole (TA104 R); their sets are validated all the same, so that staff see everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.standards.edi.model import Finding, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.schema import UnknownSetError, known_releases, load_release, release_for
from gateway.standards.edi.validator import SetValidator, validator
from gateway.standards.x12.checked import (
    CheckedGroup,
    CheckedInterchange,
    CheckedSet,
    CheckedTransmission,
    Verdict,
    combine,
)
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS, FUNCTIONAL_GROUPS
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.x12.header import quoted
from gateway.standards.x12.rules import check_group_header, check_isa, check_sense
from gateway.standards.x12.transmission import (
    DEFAULT_LIMITS,
    Group,
    Interchange,
    Limits,
    RawSet,
    Transmission,
)

__all__ = [
    "CheckedGroup",
    "CheckedInterchange",
    "CheckedSet",
    "CheckedTransmission",
    "OptionsFor",
    "Verdict",
    "check_transmission",
    "combine",
]

#: The validation options of a set, from the envelope it came in.
OptionsFor = Callable[[Interchange, Group, RawSet], ValidationOptions]

#: Findings kept of one set; a set with more is hopeless, and a page with more helps nobody.
_MOST_FINDINGS: Final = 1_000
#: Bytes from which on a segment is looked at, and elements that are explained of it.
_LONG_SEGMENT: Final = 20_000
_MOST_ELEMENTS: Final = 300
_WITH_ENVELOPE: Final = "NOTE-rejected-with-envelope"
#: An acknowledgement repeats ids of ours that its release need not list.
_ECHOED_CODES: Final = (("AK403-7 AK101", "note"), ("AK403-7 AK201", "note"))


def check_transmission(
    source: Transmission | bytes,
    options: OptionsFor | ValidationOptions | None = None,
    *,
    always_explain: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> CheckedTransmission:
    """Checks a transmission, or reads and checks its bytes. Total: never raises on any input.

    ``options`` gives the partner's switches for each set, or the same for all. With ``always_explain`` good
    sets are walked by the careful tier too, so that their notes are found; without it a good set costs as
    little as possible.
    """
    transmission = read_transmission(source, limits) if isinstance(source, bytes) else source
    check = _Check(options, always_explain)
    interchanges = tuple(check.interchange(interchange) for interchange in transmission.interchanges)
    verdict = combine(checked.verdict for checked in interchanges) if interchanges else "unreadable"
    return CheckedTransmission(transmission, interchanges, verdict)


def _own_verdict(findings: Iterable[Finding]) -> Verdict:
    severities = {finding.severity for finding in findings}
    return "rejected" if "error" in severities else "accepted_with_errors" if "warning" in severities else "accepted"


def _weigh(findings: Iterable[Finding], options: ValidationOptions | None) -> tuple[Finding, ...]:
    """Envelope findings with the severities that the partner's profile gives their codes."""
    chosen = dict(options.severities) if options else {}
    if not chosen:
        return tuple(findings)
    return tuple(
        replace(
            finding,
            severity=chosen.get(finding.code, chosen.get(finding.code.partition("-")[0], finding.severity)),
        )
        for finding in findings
    )


@dataclass(slots=True)
class _Check:
    """One run over a transmission: the choice of options, and the validators already looked up."""

    options: OptionsFor | ValidationOptions | None
    always_explain: bool
    _validators: dict[tuple[str, str, Separators, ValidationOptions], SetValidator] = field(default_factory=dict)

    def _options_for(self, interchange: Interchange, group: Group, raw_set: RawSet) -> ValidationOptions:
        if self.options is None:
            return _DEFAULT_OPTIONS
        if isinstance(self.options, ValidationOptions):
            return self.options
        return self.options(interchange, group, raw_set)

    def interchange(self, interchange: Interchange) -> CheckedInterchange:
        if interchange.unreadable:
            return CheckedInterchange(interchange, (), interchange.findings, "unreadable")
        findings = [*interchange.findings, *check_isa(interchange)]
        groups: list[CheckedGroup] = []
        seen: set[str] = set()
        envelope_options: ValidationOptions | None = None
        for group in interchange.groups:
            if group.sets and envelope_options is None:
                envelope_options = self._options_for(interchange, group, group.sets[0])
            groups.append(self._group(interchange, group, findings, seen))
        weighed = _weigh(findings, envelope_options)
        own = _own_verdict(weighed)
        if own == "rejected":
            rejected = tuple(_rejected(group) for group in groups)
            return CheckedInterchange(interchange, rejected, weighed, "rejected")
        verdict = combine([own, *(group.verdict for group in groups)]) if not groups else _with_own(own, groups)
        return CheckedInterchange(interchange, tuple(groups), weighed, verdict)

    def _group(self, interchange: Interchange, group: Group, outer: list[Finding], seen: set[str]) -> CheckedGroup:
        is_implied = not group.code and not group.version
        header_findings, broken = ([], []) if is_implied else check_group_header(group)
        outer.extend(broken)
        findings = [*header_findings, *group.findings]
        release = release_for(group.version)
        if group.control in seen:
            findings.append(_duplicate_group(group, release))
        seen.add(group.control)
        if release is None and group.code != "FA" and not is_implied:
            findings.append(_unknown_version(group))
        if not group.sets:
            message = f"GS {group.control}: the group holds no transaction set."
            findings.append(
                Finding(
                    "RULE-empty-group",
                    "error",
                    message,
                    "Ask the sender what it was to hold.",
                    "GS",
                    offset=group.offset,
                )
            )
        options = self._options_for(interchange, group, group.sets[0]) if group.sets else None
        weighed = _weigh(findings, options)
        own = _own_verdict(weighed)
        numbers: set[str] = set()
        sets = tuple(self._set(interchange, group, raw_set, release, numbers) for raw_set in group.sets)
        if own == "rejected":
            return _rejected(CheckedGroup(group, release, sets, weighed, "rejected"))
        verdict = combine(checked.verdict for checked in sets)
        if verdict == "accepted" and own == "accepted_with_errors":
            verdict = own
        return CheckedGroup(group, release, sets, weighed, verdict)

    def _set(
        self, interchange: Interchange, group: Group, raw_set: RawSet, release: str | None, numbers: set[str]
    ) -> CheckedSet:
        options = self._options_for(interchange, group, raw_set)
        findings = list(raw_set.findings)
        if raw_set.set_id:
            findings.extend(_envelope_of_set(raw_set, numbers, group))
            findings.extend(check_sense(raw_set, interchange.separators.element.encode("latin-1")))
            numbers.add(raw_set.control)
        if raw_set.set_id in ACKNOWLEDGEMENT_SETS:
            options = replace(options, severities=_ECHOED_CODES + options.severities)
            if release is None or raw_set.set_id not in load_release(release).sets:
                release = _nearest_release(group.version, raw_set.set_id)
                findings.append(_nearest_note(group, release))
        findings = list(_weigh(findings, options))
        if release is not None and raw_set.set_id:
            findings.extend(self._validate(interchange, raw_set, release, options))
        kept = _clipped(findings)
        verdict = "rejected" if release is None else _own_verdict(findings)
        return CheckedSet(raw_set, release, interchange.separators, options, verdict, kept)

    def _validate(
        self, interchange: Interchange, raw_set: RawSet, release: str, options: ValidationOptions
    ) -> Iterable[Finding]:
        key = (release, raw_set.set_id, interchange.separators, options)
        chosen = self._validators.get(key)
        if chosen is None:
            try:
                chosen = self._validators[key] = validator(*key)
            except UnknownSetError as error:
                return [_unknown_set(raw_set, error)]
        segments = _bounded(raw_set.segments, interchange.separators.element.encode("latin-1"))
        if raw_set.complete and not self.always_explain and chosen.verdict(segments):
            return []
        found = chosen.explain(segments, raw_set.offsets)
        return found if raw_set.complete else [finding for finding in found if not _is_about_missing_se(finding)]


_DEFAULT_OPTIONS: Final = ValidationOptions()


def _with_own(own: Verdict, groups: list[CheckedGroup]) -> Verdict:
    """The verdict of its groups, lowered from accepted when the envelope itself has warnings."""
    verdict = combine(group.verdict for group in groups)
    return own if verdict == "accepted" else verdict


def _rejected(group: CheckedGroup) -> CheckedGroup:
    """The group with all its sets rejected, because what they came in was."""
    return replace(group, verdict="rejected", sets=tuple(map(_rejected_set, group.sets)))


def _rejected_set(checked: CheckedSet) -> CheckedSet:
    """The set rejected; one that nothing is wrong with itself says why."""
    if any(finding.severity == "error" or finding.code == _WITH_ENVELOPE for finding in checked.findings):
        return replace(checked, verdict="rejected")
    state = "was not checked" if checked.release is None else "has no errors of its own"
    note = Finding(_WITH_ENVELOPE, "note", f"The set {state}; it is rejected with the envelope it came in.")
    return replace(checked, verdict="rejected", findings=(*checked.findings, note))


def _bounded(segments: list[bytes], element: bytes) -> list[bytes]:
    """The segments with monstrous ones cut after more elements than any segment has, so that explaining ends soon."""
    if max(map(len, segments)) <= _LONG_SEGMENT:
        return segments
    return [
        element.join(segment.split(element, _MOST_ELEMENTS)[:_MOST_ELEMENTS])
        if len(segment) > _LONG_SEGMENT
        else segment
        for segment in segments
    ]


def _clipped(findings: list[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= _MOST_FINDINGS:
        return tuple(findings)
    left = len(findings) - _MOST_FINDINGS
    note = Finding("NOTE-more-findings", "note", f"{left:,} further findings of this set are not listed.")
    return (*findings[:_MOST_FINDINGS], note)


def _is_about_missing_se(finding: Finding) -> bool:
    """What the walker says about the end of a set whose SE is known to be missing is said already."""
    return finding.segment == "SE" and finding.code in ("AK304-3", "AK502-2", "AK502-3", "AK502-4")


def _envelope_of_set(raw_set: RawSet, numbers: set[str], group: Group) -> list[Finding]:
    """ST against the group it stands in: its control number, and whether it belongs there."""
    offset = raw_set.offsets[0] if raw_set.control in numbers else None
    if offset is not None:
        return [
            Finding(
                "AK502-23",
                "error",
                f"ST02 (control number) {quoted(raw_set.control)} was used before in the group {group.control}.",
                "Ask the sender to number the sets of a group differently and to send this one again.",
                "ST",
                1,
                2,
                value=raw_set.control,
                offset=offset,
            )
        ]
    expected = FUNCTIONAL_GROUPS.get(raw_set.set_id)
    if expected is None or expected == group.code:
        return []
    is_mixed_up = group.code == "FA"
    return [
        Finding(
            "AK502-1" if is_mixed_up else "NOTE-group-code",
            "error" if is_mixed_up else "note",
            f"GS01 is {quoted(group.code)}, but set {raw_set.set_id} travels in groups {quoted(expected)}.",
            "Ask the sender to put the set into a group of its own." if is_mixed_up else "",
            "GS",
            element=1,
            value=group.code,
            offset=group.offset,
        )
    ]


def _duplicate_group(group: Group, release: str | None) -> Finding:
    code = "AK905-19" if (release or "") >= "005010" else "AK905-6"
    message = f"GS06 (group control number) {quoted(group.control)} was used before in this interchange."
    fix = "Ask the sender to number the groups of an interchange differently and to send this one again."
    return Finding(code, "error", message, fix, "GS", element=6, value=group.control, offset=group.offset)


def _unknown_version(group: Group) -> Finding:
    known = ", ".join(known_releases())
    return Finding(
        "AK905-2",
        "error",
        f"GS08 (version) is {quoted(group.version)}; the releases installed here are {known}.",
        f"Ask the partner to send one of {known}, or install a schema for this release.",
        "GS",
        element=8,
        value=group.version,
        offset=group.offset,
    )


def _unknown_set(raw_set: RawSet, error: UnknownSetError) -> Finding:
    return Finding(
        "AK502-1",
        "error",
        f"ST01 (transaction set) is {quoted(raw_set.set_id)}, which release {error.release} does not have here.",
        "Agree with the partner which sets are exchanged, or add the set to the schema.",
        "ST",
        1,
        1,
        value=raw_set.set_id,
        offset=raw_set.offsets[0],
    )


def _nearest_release(version: str, set_id: str) -> str | None:
    """The last installed release with this set that is not after the version, else the first one."""
    having = [name for name in known_releases() if set_id in load_release(name).sets]
    earlier = [name for name in having if name <= version[:6]]
    return earlier[-1] if earlier else having[0] if having else None


def _nearest_note(group: Group, release: str | None) -> Finding:
    message = f"GS08 is {quoted(group.version)}, which is not installed; the set was checked as {release}."
    return Finding(
        "NOTE-nearest-release",
        "note",
        message,
        segment="GS",
        element=8,
        value=group.version,
        offset=group.offset,
    )
