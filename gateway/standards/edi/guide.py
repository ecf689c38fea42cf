"""A partner's guide: what they ask of a set beyond the standard, as rules in data.

Three kinds of rule cover the guides we have read: how often a segment with certain values stands somewhere
(`SegmentRule`: required, forbidden, counted by qualifier), what an element holds (`ElementRule`), and which
of several segments is there (`OneOfRule`). Each may be limited to a scope (the whole set, its header, each
pass of a loop, each HL of one level) and to sets in which other segments are present (`when`).

`guide_data` reads the form that YAML files have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.standards.edi.model import COMPONENT, VALUE_LIMIT, Finding, LoopInstance, Segment, Severity
from gateway.standards.edi.totals import LINE_SEGMENTS

__all__ = [
    "ElementRule",
    "Guide",
    "Match",
    "OneOfRule",
    "Scope",
    "SegmentRule",
    "check_guide",
    "has_sscc_check_digit",
]


@dataclass(frozen=True, slots=True)
class Match:
    """Which segments are meant: an id, and values that elements must hold."""

    segment: str
    #: (1-based element number, values any of which fits).
    where: tuple[tuple[int, frozenset[str]], ...] = ()

    def fits(self, segment: Segment) -> bool:
        """True for a segment of this id that holds these values."""
        return segment.tag == self.segment and all(_element(segment, number) in values for number, values in self.where)

    def __str__(self) -> str:
        values = (f"{self.segment}{number:02d}={'|'.join(sorted(of))}" for number, of in self.where)
        return " ".join(values) or self.segment


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a rule applies, each place on its own."""

    #: "" for the whole set, "header" for what stands before the first line, else a loop id ("PO1", "HL").
    loop: str = ""
    #: HL03 of the levels that count, "" for every level.
    level: str = ""
    #: Segments that must all be present in the set for the rule to apply.
    when: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    #: Short name; the finding's code is "RULE-<name>".
    name: str
    severity: Severity = "error"
    scope: Scope = field(default_factory=Scope)
    #: The partner's own words about it, shown as the fix.
    text: str = ""


@dataclass(frozen=True, slots=True)
class SegmentRule(_Rule):
    """How often a segment stands in the scope; `most` 0 forbids it."""

    match: Match = field(default_factory=lambda: Match(""))
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class ElementRule(_Rule):
    """What one element of the matching segments holds."""

    match: Match = field(default_factory=lambda: Match(""))
    element: int = 1
    #: 1-based component of a composite; None for the element as a whole.
    component: int | None = None
    required: bool = False
    forbidden: bool = False
    #: The only values allowed; empty for any.
    values: frozenset[str] = frozenset()
    #: A regular expression that the whole value must fit; "" for none.
    pattern: str = ""
    max_length: int | None = None
    #: True when the value must be an SSCC: 18 digits, or 20 with the application identifier 00.
    sscc: bool = False


@dataclass(frozen=True, slots=True)
class OneOfRule(_Rule):
    """Of several segments, between `least` and `most` kinds are present in the scope."""

    matches: tuple[Match, ...] = ()
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Guide:
    """A partner's rules over one set."""

    name: str = ""
    rules: tuple[SegmentRule | ElementRule | OneOfRule, ...] = ()


def check_guide(guide: Guide, root: LoopInstance, set_id: str) -> Iterator[Finding]:
    """What a set breaks of a guide, rule by rule; `root` is the set's loop tree."""
    everything = list(_segments(root))
    for rule in guide.rules:
        if not all(any(map(match.fits, everything)) for match in rule.scope.when):
            continue
        for segments in _scopes(rule.scope, root, everything, set_id):
            yield from _check(rule, segments)


def _segments(instance: LoopInstance) -> Iterator[Segment]:
    for item in instance.items:
        if isinstance(item, Segment):
            yield item
        else:
            yield from _segments(item)


def _scopes(scope: Scope, root: LoopInstance, everything: list[Segment], set_id: str) -> Iterator[list[Segment]]:
    if not scope.loop:
        yield everything
    elif scope.loop == "header":
        line = LINE_SEGMENTS.get(set_id, "")
        tags = [segment.tag for segment in everything]
        yield everything[: tags.index(line)] if line in tags else everything
    else:
        for instance in _instances(root, scope.loop):
            segments = list(_segments(instance))
            if not scope.level or _element(segments[0], 3) == scope.level:
                yield segments


def _instances(instance: LoopInstance, loop: str) -> Iterator[LoopInstance]:
    for item in instance.items:
        if isinstance(item, LoopInstance):
            if item.loop == loop:
                yield item
            yield from _instances(item, loop)


def _check(rule: SegmentRule | ElementRule | OneOfRule, segments: list[Segment]) -> Iterator[Finding]:
    if isinstance(rule, SegmentRule):
        return _check_segments(rule, segments)
    if isinstance(rule, OneOfRule):
        return _check_one_of(rule, segments)
    return _check_elements(rule, segments)


def _check_segments(rule: SegmentRule, segments: list[Segment]) -> Iterator[Finding]:
    found = [segment for segment in segments if rule.match.fits(segment)]
    place = _place(segments[0])
    if len(found) < rule.least:
        what = f"{place}: {rule.match} is due {_times(rule.least)} and stands {_times(len(found))}"
        yield _finding(rule, segments[0], what)
    if rule.most is not None and len(found) > rule.most:
        limit = "not allowed" if rule.most == 0 else f"allowed {_times(rule.most)}"
        what = f"{place}: {rule.match} is {limit} and stands {_times(len(found))}"
        yield _finding(rule, found[rule.most], what)


def _check_one_of(rule: OneOfRule, segments: list[Segment]) -> Iterator[Finding]:
    kinds = [match for match in rule.matches if any(map(match.fits, segments))]
    if len(kinds) >= rule.least and (rule.most is None or len(kinds) <= rule.most):
        return
    choice = ", ".join(map(str, rule.matches))
    bounds = f"{rule.least}" if rule.most == rule.least else f"{rule.least} to {rule.most or 'all'}"
    yield _finding(
        rule, segments[0], f"{_place(segments[0])}: {bounds} of {choice} must be present, found {len(kinds)}"
    )


def _check_elements(rule: ElementRule, segments: list[Segment]) -> Iterator[Finding]:
    for segment in segments:
        if not rule.match.fits(segment):
            continue
        value = _element(segment, rule.element, rule.component)
        for applies, wrong, words in _ELEMENT_CHECKS:
            if applies(rule) and wrong(rule, value):
                where = f"{_place(segment)}, element {segment.tag}{rule.element:02d}"
                yield _finding(rule, segment, f"{where}: {words(rule, value)}", rule.element, value)
                break


def _bad_sscc(_rule: ElementRule, value: str) -> bool:
    return bool(value) and not has_sscc_check_digit(value)


#: (does the rule ask for it, is it broken, in words), the first one that is broken is told.
_ELEMENT_CHECKS: Final[
    tuple[
        tuple[
            Callable[[ElementRule], bool],
            Callable[[ElementRule, str], bool],
            Callable[[ElementRule, str], str],
        ],
        ...,
    ]
] = (
    (
        lambda r: r.required,
        lambda _r, v: not v,
        lambda _r, _v: "is required by the partner's guide and empty",
    ),
    (
        lambda r: r.forbidden,
        lambda _r, v: bool(v),
        lambda _r, v: f'"{v}" may not be sent by the partner\'s guide',
    ),
    (
        lambda r: bool(r.values),
        lambda r, v: bool(v) and v not in r.values,
        lambda r, v: f'"{v}" is not one of {", ".join(sorted(r.values))}',
    ),
    (
        lambda r: bool(r.pattern),
        lambda r, v: bool(v) and not re.fullmatch(r.pattern, v),
        lambda r, v: f'"{v}" does not have the form {r.pattern}',
    ),
    (
        lambda r: r.max_length is not None,
        lambda r, v: len(v) > (r.max_length or 0),
        lambda r, v: f'"{v}" is longer than {r.max_length} characters',
    ),
    (lambda r: r.sscc, _bad_sscc, lambda _r, v: f'"{v}" is not an SSCC with a right check digit'),
)


def has_sscc_check_digit(value: str) -> bool:
    """True for 18 digits (or 20 that start with 00) of which the last is the GS1 check digit."""
    digits = value.removeprefix("00") if len(value) == 20 else value
    if len(digits) != 18 or not (digits.isascii() and digits.isdigit()):
        return False
    weighted = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits[:17]))
    return (10 - weighted % 10) % 10 == int(digits[17])


def _element(segment: Segment, number: int, component: int | None = None) -> str:
    value = segment.elements[number - 1] if number <= len(segment.elements) else ""
    if component is None:
        return value
    parts = value.split(COMPONENT)
    return parts[component - 1] if component <= len(parts) else ""


def _place(segment: Segment) -> str:
    return f"{segment.tag} (segment {segment.position})"


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _finding(rule: _Rule, segment: Segment, message: str, element: int | None = None, value: str = "") -> Finding:
    return Finding(
        code=f"RULE-{rule.name}",
        severity=rule.severity,
        message=f"{message}.",
        fix=rule.text or "Ask the partner to keep to their guide, or correct the guide.",
        segment=segment.tag,
        position=segment.position,
        element=element,
        value=value[:VALUE_LIMIT] or None,
        offset=segment.offset if segment.offset >= 0 else None,
    )
