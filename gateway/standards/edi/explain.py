"""The explanation of one set: every finding with its code, place, value, plain sentence and suggestion.

Element findings come from `segments`, order from `order`, levels from `hierarchy`, counts from `totals`, the
partner's own rules from `guide`; here they get their place in words, their severity and their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.standards.edi.guide import check_guide
from gateway.standards.edi.hierarchy import HierarchyProblem, check_hierarchy
from gateway.standards.edi.model import Finding, Severity
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.order import OrderProblem, OrderReport, examine_order
from gateway.standards.edi.parse import parse_segment
from gateway.standards.edi.schema import Release
from gateway.standards.edi.segments import Problem, SegmentRules, SegmentTable
from gateway.standards.edi.structure import Structure
from gateway.standards.edi.text import clip, printable
from gateway.standards.edi.totals import (
    LINE_SEGMENTS,
    SetProblem,
    check_line_count,
    check_trailer,
    set_problem_code,
)
from gateway.standards.edi.wording import element_location, problem_fix, problem_message

__all__ = ["FINDINGS_LIMIT", "SetRules", "explain_set"]

#: Most findings of one severity that are told of one set: enough for any reader, little enough for any memory.
FINDINGS_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class SetRules:
    """All that a set must keep to: the tables of both tiers."""

    release: Release
    set_id: str
    table: SegmentTable
    structure: Structure
    options: ValidationOptions


def explain_set(rules: SetRules, segments: Sequence[bytes], offsets: Sequence[int] | None) -> list[Finding]:
    """Every finding of a set, in the order of its segments."""
    return _Explanation(rules, segments, offsets).findings()


class _Explanation:
    """One set under examination."""

    def __init__(self, rules: SetRules, segments: Sequence[bytes], offsets: Sequence[int] | None) -> None:
        self.rules = rules
        self.segments = segments
        self.offsets = offsets
        self.separator = rules.table.element_separator
        self.tags = [raw.partition(self.separator)[0].decode("latin-1") for raw in segments]
        self.order: OrderReport = examine_order(rules.structure, self.tags, rules.release.segments)
        self.line = LINE_SEGMENTS.get(rules.set_id, "")
        self.lines = self._number_lines()
        #: Findings so far by severity, those left out included.
        self.counts: Counter[Severity] = Counter()

    def findings(self) -> list[Finding]:
        """All findings, sorted by segment; within one segment order comes before elements."""
        found = [*self._order_findings(), *self._element_findings()]
        if "HL" in self.rules.structure.by_tag:
            found.extend(self._level_findings())
        said = {(finding.code, finding.position) for finding in found}
        for problem in self._set_problems():
            if (problem.code, problem.index + 1) not in said:
                found.append(self._set_finding(problem))
        if self.rules.options.guide is not None:
            found.extend(self._guide_findings())
        found.extend(self._rest())
        return sorted(found, key=lambda finding: finding.position or 0)

    def _room(self, severity: Severity) -> bool:
        """Counts a finding; False when there are already enough of its weight to tell."""
        self.counts[severity] += 1
        return self.counts[severity] <= FINDINGS_LIMIT

    def _rest(self) -> Iterator[Finding]:
        if max(self.counts.values(), default=0) > FINDINGS_LIMIT:
            yield Finding(
                code="NOTE-more-findings",
                severity="note",
                message=f"There is more of the kind: of each weight only the first {FINDINGS_LIMIT} findings are told.",
                position=len(self.segments),
            )

    # Places in words

    def _number_lines(self) -> list[int]:
        """For each segment the number of the line that it belongs to, 0 outside of lines."""
        numbers, seen, current = [], 0, 0
        for tag, loop in zip(self.tags, self.order.loops, strict=True):
            if tag == self.line:
                seen += 1
                current = seen
            elif not loop:
                current = 0
            numbers.append(current)
        return numbers

    def _place(self, index: int) -> str:
        """A segment's place in words: "PO1 line 3", "PID (segment 14, in PO1 line 3)", "BEG (segment 2)"."""
        tag = self.tags[index]
        if not tag:
            tag = "an empty segment"
        elif not (tag.isascii() and tag.isalnum()):
            tag = f'"{printable(tag[:10])}"'
        line = self.lines[index]
        if not line:
            return f"{tag} (segment {index + 1})"
        if tag == self.line:
            return f"{tag} line {line}"
        return f"{tag} (segment {index + 1}, in {self.line} line {line})"

    def _offset(self, index: int, at: int = 0) -> int | None:
        return self.offsets[index] + at if self.offsets is not None else None

    def _element_offset(self, index: int, element: int | None) -> int | None:
        """Where an element begins, or would begin had the segment gone on."""
        before = self.segments[index].split(self.separator)[:element] if element else []
        return self._offset(index, sum(len(field) + 1 for field in before) if before else 0)

    # Elements

    def _element_findings(self) -> Iterator[Finding]:
        table = self.rules.table
        by_tag = self.rules.structure.by_tag
        for index, (tag, raw) in enumerate(zip(self.tags, self.segments, strict=True)):
            rules = table.rules(tag) if tag in by_tag else None
            if rules is None:
                continue
            for problem in table.check(raw, rules):
                code = set_problem_code(tag, problem.code, problem.element)
                where = table.where(tag, problem.element, problem.component)
                severity = self.rules.options.severity(code, where)
                if self._room(severity):
                    yield self._element_finding(index, rules, problem, code, severity)
            if self.counts["error"] > FINDINGS_LIMIT:
                return

    def _element_finding(
        self, index: int, rules: SegmentRules, problem: Problem, code: str, severity: Severity
    ) -> Finding:
        location = element_location(rules, problem)
        message = problem_message(self.rules.release, rules, problem)
        sentence = f"{self._place(index)}, {location}" if location else self._place(index)
        joint = ": " if message.startswith('"') else " "
        return Finding(
            code=code,
            severity=severity,
            message=f"{sentence}{joint}{message}",
            fix=problem_fix(self.rules.release, rules, problem),
            segment=rules.tag,
            position=index + 1,
            element=problem.element,
            component=problem.component,
            repeat=problem.repeat,
            value=clip(problem.value),
            offset=self._offset(index, problem.at),
            loop=self.order.loops[index] or None,
        )

    # Order

    def _order_findings(self) -> Iterator[Finding]:
        for problem in self.order.problems:
            severity = self.rules.options.severity(problem.code, problem.tag)
            if not self._room(severity):
                continue
            message, fix = self._order_words(problem)
            yield Finding(
                code=problem.code,
                severity=severity,
                message=message,
                fix=fix,
                segment=problem.tag,
                position=problem.index + 1,
                offset=self._offset(problem.index),
                loop=problem.loop or None,
            )

    def _order_words(self, problem: OrderProblem) -> tuple[str, str]:
        known = self.rules.release.segments.get(problem.tag)
        name = known.name.lower() if known else ""
        words = {
            "place": self._place(problem.index),
            "tag": problem.tag,
            "name": name,
            "release": self.rules.release.name,
            "set": self.rules.set_id,
            "most": problem.place.most if problem.place else "",
            "owner": self._owner(problem),
        }
        message, fix = _ORDER_WORDS[problem.code]
        return message.format(**words), fix.format(**words)

    def _owner(self, problem: OrderProblem) -> str:
        """The loop that a missing place belongs to, in words."""
        if problem.place is None:
            return ""
        parent = self.rules.structure.places[problem.place.parent]
        return f"loop {parent.loop}" if parent.loop else f"set {self.rules.set_id}"

    # Levels, totals and the partner's guide

    def _level_findings(self) -> Iterator[Finding]:
        for problem in check_hierarchy(self.segments, self.separator):
            label = f"HL{problem.element:02d}"
            severity = self.rules.options.severity(problem.code, label)
            if self._room(severity):
                yield self._level_finding(problem, label, severity)

    def _level_finding(self, problem: HierarchyProblem, label: str, severity: Severity) -> Finding:
        element = self.rules.release.element_at("HL", problem.element)
        name = f" ({element.name.lower()})" if element else ""
        value = f': "{printable(problem.value)}"' if problem.value else " is empty"
        return Finding(
            code=problem.code,
            severity=severity,
            message=f"{self._place(problem.index)}, element {label}{name}{value} does not fit: {problem.reason}.",
            fix="Ask the partner to number the levels anew, each under the one it belongs to.",
            segment="HL",
            position=problem.index + 1,
            element=problem.element,
            value=clip(problem.value) or None,
            offset=self._element_offset(problem.index, problem.element),
            loop=self.order.loops[problem.index] or None,
        )

    def _set_problems(self) -> Iterator[SetProblem]:
        yield from check_trailer(self.segments, self.separator)
        if self.line and "CTT" in self.tags:
            index = self.tags.index("CTT")
            count = self.tags.count(self.line)
            yield from check_line_count(self.segments[index], index, count, self.line, self.separator)

    def _set_finding(self, problem: SetProblem) -> Finding:
        where = self.rules.table.where(problem.segment, problem.element)
        return Finding(
            code=problem.code,
            severity=self.rules.options.severity(problem.code, where),
            message=problem.message,
            fix=problem.fix,
            segment=problem.segment,
            position=problem.index + 1,
            element=problem.element,
            value=clip(problem.value),
            offset=self._element_offset(problem.index, problem.element),
            loop=self.order.loops[problem.index] or None,
        )

    def _guide_findings(self) -> Iterator[Finding]:
        guide = self.rules.options.guide
        if guide is None:
            return
        encoding = self.rules.table.legal.encoding
        parsed = [
            parse_segment(
                raw,
                self.rules.table.separators,
                encoding,
                index + 1,
                -1 if self.offsets is None else self.offsets[index],
            )
            for index, raw in enumerate(self.segments)
        ]
        named = dict(self.rules.options.severities)
        for finding in check_guide(guide, self.rules.structure.tree(parsed), self.rules.set_id):
            yield replace(finding, severity=named.get(finding.code, finding.severity))


#: Order problems: message and fix, with the places that `_order_words` fills in.
_ORDER_WORDS: Final = {
    "AK304-1": (
        "{place}: no segment of release {release} has this id.",
        "Check the segment terminator and the element separator, or ask the partner what is meant.",
    ),
    "AK304-2": (
        "{place}: {tag} ({name}) may not stand here in set {set}.",
        "Ask the partner which segment it belongs to; the one that opens its loop may be missing before it.",
    ),
    "AK304-3": (
        "{place}: {tag} ({name}) is mandatory in {owner} and missing before this segment.",
        "Ask the partner to send {tag}.",
    ),
    "AK304-4": (
        "{place}: loop {tag} ({name}) is repeated too often; at most {most} are allowed in {owner}.",
        "Ask the partner to spread the data over several sets.",
    ),
    "AK304-5": (
        "{place}: {tag} ({name}) is used too often; at most {most} are allowed in {owner}.",
        "Ask the partner to leave out what is too much.",
    ),
    "AK304-6": (
        "{place}: {tag} ({name}) is not used in set {set} of release {release}.",
        "Ask the partner to leave it out, or to say where the data should go.",
    ),
    "AK304-7": (
        "{place}: {tag} ({name}) stands out of order in {owner}: it belongs further up.",
        "Ask the partner to send the segments in the order of the standard.",
    ),
}
