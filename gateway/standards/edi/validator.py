"""The validator of one transaction set: a quick verdict, a careful explanation, and the loop tree.

The verdict tier runs on every set and builds nothing: one pattern match and one character per segment, one
match of the set's pattern over those characters, then the counts. What a pattern refuses is looked at once
more by the careful check, because a pattern may refuse what is only worth a note (blanks at the end of a
value). The explanation runs only on sets that failed. `verdict` is true exactly when `explain` finds nothing
above a note.

A segment's pattern costs tens of milliseconds to compile, so the first `PATTERN_AFTER` segments of each id
are judged by the careful check; a small file never pays for patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Final, cast

from gateway.standards.edi.explain import SetRules, explain_set
from gateway.standards.edi.hierarchy import check_hierarchy
from gateway.standards.edi.model import Finding, LoopInstance, Segment, Separators
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.parse import parse_segment
from gateway.standards.edi.schema import load_release
from gateway.standards.edi.segments import segment_table
from gateway.standards.edi.structure import structure
from gateway.standards.edi.totals import (
    LINE_SEGMENTS,
    SetProblem,
    check_line_count,
    check_trailer,
    set_problem_code,
)

__all__ = ["PATTERN_AFTER", "SetValidator", "parse_segment", "validator"]

#: How many segments of an id the careful check judges before its pattern is compiled.
PATTERN_AFTER: Final = 200
#: Most segment texts that one validator remembers as good.
_MEMO_LIMIT: Final = 4096
#: Segments that are never the same twice.
_UNIQUE: Final = frozenset({"ST", "SE", "HL"})


class _Judge:
    """Says of one segment id's texts whether they are good: carefully at first, by pattern once they are
    many.
    """

    __slots__ = ("accepts", "character", "memo", "seen", "tag", "validator")

    def __init__(self, validator: SetValidator, tag: str, character: str) -> None:
        self.validator = validator
        self.tag = tag
        self.character = character
        self.memo = tag not in _UNIQUE
        self.seen = 0
        #: Truthy for a good segment; False may still mean one that deserves a note only.
        self.accepts: Callable[[bytes], object] = self._carefully

    def _carefully(self, raw: bytes) -> bool:
        self.seen += 1
        if self.seen > PATTERN_AFTER:
            self.accepts = self.validator.rules.table.match(self.tag)
        return self.validator.segment_is_good(raw)


class SetValidator:
    """Validates one transaction set of one release under one interchange's separators and one partner's
    options.

    Made by `validator`, which shares equal ones. Safe for use by several threads.
    """

    def __init__(self, rules: SetRules) -> None:
        self.rules = rules
        self.release = rules.release
        self.set_id = rules.set_id
        self.structure = rules.structure
        self._separator = rules.table.element_separator
        self._judges = self._make_judges()
        self._memo: dict[bytes, str] = {}
        self._line = LINE_SEGMENTS.get(rules.set_id, "")
        self._has_levels = "HL" in rules.structure.by_tag
        #: True when the partner's options turn some rejecting finding into a note.
        self._lenient = any(severity == "note" for _, severity in rules.options.severities)

    def _make_judges(self) -> dict[bytes, _Judge]:
        """Judges by the first three bytes of a segment: its id, of two letters with the separator."""
        judges = {}
        for tag, character in self.structure.characters.items():
            judge = _Judge(self, tag, character)
            judges[tag.encode() if len(tag) == 3 else tag.encode() + self._separator] = judge
        return judges

    # Verdict

    def verdict(self, segments: Sequence[bytes]) -> bool:
        """True when `explain` would find nothing above a note.

        `segments` are the raw segments from ST to SE, without terminators and line ends.
        """
        if not segments:
            return False
        if self._is_good(segments):
            return True
        if not self._lenient:
            return False
        return all(finding.severity == "note" for finding in self.explain(segments))

    def _is_good(self, segments: Sequence[bytes]) -> bool:
        characters = self._characters(segments)
        if characters is None:
            return False
        structure = self.structure
        if structure.pattern_is_exact:
            if structure.pattern.fullmatch(characters) is None:
                return False
        elif not structure.accepts(map(self._tag, segments)):
            return False
        return self._totals_are_good(segments, characters)

    def _characters(self, segments: Sequence[bytes]) -> str | None:
        """The set as one character per segment; None when a segment is not good."""
        memo, judge_of = self._memo, self._judges.get
        # Segments seen before cost one look-up in C; the loop below visits only the others.
        characters: list[str | None] = list(map(memo.get, segments))
        index, room = -1, len(memo) < _MEMO_LIMIT
        for _ in range(characters.count(None)):
            index = characters.index(None, index + 1)
            raw = segments[index]
            judge = judge_of(raw[:3])
            if judge is None or not judge.accepts(raw):
                characters[index] = self._second_look(raw)
                if characters[index] is None:
                    return None
            else:
                characters[index] = judge.character
                if judge.memo and room:
                    memo[raw] = judge.character
        return "".join(cast("list[str]", characters))

    def _second_look(self, raw: bytes) -> str | None:
        """The character of a segment that its pattern refused but the careful check lets pass."""
        character = self.structure.characters.get(self._tag(raw))
        if character is None or not self.segment_is_good(raw):
            return None
        if len(self._memo) < _MEMO_LIMIT:
            self._memo[raw] = character
        return character

    def _tag(self, raw: bytes) -> str:
        return raw.partition(self._separator)[0].decode("latin-1")

    def segment_is_good(self, raw: bytes) -> bool:
        """True when the careful check finds nothing above a note in one segment of the set."""
        tag = self._tag(raw)
        table = self.rules.table
        segment = table.rules(tag)
        if segment is None or tag not in self.structure.characters:
            return False
        severity = self.rules.options.severity
        return all(
            severity(
                set_problem_code(tag, problem.code, problem.element),
                table.where(tag, problem.element, problem.component),
            )
            == "note"
            for problem in table.check(raw, segment)
        )

    def _totals_are_good(self, segments: Sequence[bytes], characters: str) -> bool:
        separator, options = self._separator, self.rules.options
        for problem in chain(check_trailer(segments, separator), self._line_count(segments, characters)):
            if not options.is_note(problem.code, self.rules.table.where(problem.segment, problem.element)):
                return False
        if self._has_levels:
            for level in check_hierarchy(segments, separator):
                if not options.is_note(level.code, f"HL{level.element:02d}"):
                    return False
        return options.guide is None or all(finding.severity == "note" for finding in self.explain(segments))

    def _line_count(self, segments: Sequence[bytes], characters: str) -> Iterable[SetProblem]:
        known = self.structure.characters
        total = known.get("CTT")
        if not self._line or total is None:
            return ()
        index = characters.find(total)
        if index < 0:
            return ()
        count = characters.count(known[self._line])
        return check_line_count(segments[index], index, count, self._line, self._separator)

    # Explanation and tree

    def explain(self, segments: Sequence[bytes], offsets: Sequence[int] | None = None) -> list[Finding]:
        """Every finding of a set, notes included, in the order of its segments.

        `segments` as for `verdict`; `offsets` are their byte offsets in the transmission. Never raises on any
        bytes.
        """
        return explain_set(self.rules, segments, offsets) if segments else []

    def tree(self, segments: Sequence[Segment]) -> LoopInstance:
        """The segments in the loops of the set, innermost first; never raises.

        A segment that has no place goes to the innermost loop that is open where it stands.
        """
        return self.structure.tree(segments)


def validator(
    release: str, set_id: str, separators: Separators, options: ValidationOptions | None = None
) -> SetValidator:
    """The validator of a set; equal arguments share one.

    Raises UnknownReleaseError and UnknownSetError (`gateway.standards.edi.schema`).
    """
    return _validator(release, set_id, replace(separators, suffix=""), options or ValidationOptions())


@lru_cache(maxsize=256)
def _validator(release: str, set_id: str, separators: Separators, options: ValidationOptions) -> SetValidator:
    tables = load_release(release)
    places = structure(release, set_id)
    return SetValidator(SetRules(tables, set_id, segment_table(release, separators, options), places, options))
