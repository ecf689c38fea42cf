"""Single segments: one compiled pattern each for the verdict, and a careful check that says what is wrong.

Both are made from the same `SegmentRules`, which are the release's tables with the separators of the
interchange and the partner's switches worked in. A `SegmentTable` makes them as segments are met and is
shared by all sets that have release, separators and options in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.standards.edi.charset import legal_characters, separator_characters
from gateway.standards.edi.model import Separators
from gateway.standards.edi.notes import broken_notes, group_name, note_pattern, positions_named
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edi.schema import ElementUse, SyntaxNote, load_release
from gateway.standards.edi.types import BAD_CHARACTER, BAD_CODE, ValueRule, check_value, value_pattern

__all__ = [
    "MANDATORY_MISSING",
    "TOO_MANY_ELEMENTS",
    "TRAILING_SEPARATOR",
    "ElementRule",
    "Problem",
    "SegmentRules",
    "SegmentTable",
    "segment_table",
]

MANDATORY_MISSING = "AK403-1"
TOO_MANY_ELEMENTS = "AK403-3"
TOO_MANY_REPEATS = "AK403-12"
TOO_MANY_COMPONENTS = "AK403-13"
TRAILING_SEPARATOR = "NOTE-trailing-separator"
BLANK_ELEMENT = "NOTE-blank-element"
ELEMENT_ERRORS = "AK304-8"

Match = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class ElementRule:
    """One position of a segment: a simple value, or the components of a composite."""

    ref: str
    name: str
    mandatory: bool
    #: Most repetitions, 1 where the interchange or the release knows none; None for no bound.
    repeat: int | None
    #: The rule of a simple element; None for a composite.
    value: ValueRule | None
    #: The rules of a composite's components, with "mandatory" each; empty for a simple element.
    components: tuple[tuple[ValueRule, bool], ...] = ()
    notes: tuple[SyntaxNote, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """All that one segment must keep to."""

    tag: str
    name: str
    elements: tuple[ElementRule, ...]
    notes: tuple[SyntaxNote, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding in the making: what the careful check saw, before it is put into words."""

    code: str
    #: 1-based element number; None for the segment as a whole.
    element: int | None = None
    component: int | None = None
    repeat: int | None = None
    value: str | None = None
    #: Bytes from the start of the segment.
    at: int = 0
    rule: ValueRule | None = None
    note: SyntaxNote | None = None


class SegmentTable:
    """The segments of a release under one interchange's separators and one partner's options."""

    def __init__(self, release: str, separators: Separators, options: ValidationOptions) -> None:
        self.release = load_release(release)
        self.separators = separators
        self.options = options
        self.legal = legal_characters(options.charset, release, separators)
        self.element_separator = separators.element.encode("latin-1")
        self._rules: dict[str, SegmentRules | None] = {}
        self._matches: dict[str, Match] = {}

    def rules(self, tag: str) -> SegmentRules | None:
        """The rules of a segment, None when the release does not know it."""
        if tag not in self._rules:
            self._rules[tag] = self._make_rules(tag)
        return self._rules[tag]

    def match(self, tag: str) -> Match:
        """`fullmatch` of the segment's pattern: a match means that `check` finds nothing above a note."""
        found = self._matches.get(tag)
        if found is None:
            rules = self.rules(tag)
            assert rules is not None, f"{tag} is not a segment of {self.release.name}"
            found = re.compile(self.pattern(rules)).fullmatch
            self._matches[tag] = found
        return found

    def where(self, tag: str, element: int | None, component: int | None = None) -> str:
        """How options name a position: "PO103", "REF04-1"."""
        if element is None:
            return tag
        return f"{tag}{element:02d}" + (f"-{component}" if component else "")

    def weighty(self, tag: str, problem: Problem) -> bool:
        """True when a problem is more than a note."""
        where = self.where(tag, problem.element, problem.component)
        return not self.options.is_note(problem.code, where)

    # Rules

    def _make_rules(self, tag: str) -> SegmentRules | None:
        segment = self.release.segments.get(tag)
        if segment is None:
            return None
        elements = (self._element_rule(tag, number, use) for number, use in enumerate(segment.elements, 1))
        return SegmentRules(tag, segment.name, tuple(elements), segment.notes)

    def _element_rule(self, tag: str, number: int, use: ElementUse) -> ElementRule:
        repeat = use.repeat if self.separators.repetition else 1
        composite = self.release.composites.get(use.ref)
        if composite is None:
            value = self._value_rule(use.ref, self.where(tag, number))
            return ElementRule(use.ref, value.name, use.mandatory, repeat, value)
        components = tuple(
            (self._value_rule(part.ref, self.where(tag, number, index)), part.mandatory)
            for index, part in enumerate(composite.elements, 1)
        )
        return ElementRule(use.ref, composite.name, use.mandatory, repeat, None, components, composite.notes)

    def _value_rule(self, ref: str, where: str) -> ValueRule:
        element = self.release.elements[ref]
        options = self.options
        codes = options.codes_for(ref, where, element.codes)
        if codes is not None:
            separators = separator_characters(self.separators)
            codes = frozenset(code for code in codes if code and separators.isdisjoint(code))
        return ValueRule(
            ref=ref,
            name=element.name,
            type=element.type,
            min=element.min,
            max=element.max,
            codes=codes,
            legal=self.legal,
            codes_bind=not options.is_note(BAD_CODE, where),
            bare_point=options.integer_point == "accept",
            strict_spaces=options.trailing_spaces == "reject",
        )

    # The verdict's pattern

    def pattern(self, rules: SegmentRules) -> bytes:
        """The bytes pattern of a whole segment.

        Elements up to the last mandatory one are written flat, the rest are nested so that the segment may
        stop early. Syntax notes follow as conditionals on the groups that the elements named in them have
        set.
        """
        separator = re.escape(self.element_separator)
        named = positions_named(rules.notes)
        parts = []
        for number, element in enumerate(rules.elements, 1):
            present = self._element_pattern(number, element)
            if number in named:
                present = b"(?P<%s>%s)" % (group_name(number).encode(), present)
            else:
                present = b"(?:" + present + b")"
            parts.append((present, element.mandatory))
        notes = b"".join(map(note_pattern, rules.notes))
        mild = self._surplus() == TRAILING_SEPARATOR and self.options.is_note(TRAILING_SEPARATOR, rules.tag)
        end = separator + b"*+" if mild else b"(?<!" + separator + b")"
        return re.escape(rules.tag.encode()) + _sequence(parts, separator) + end + notes

    def _element_pattern(self, number: int, element: ElementRule) -> bytes:
        once = self._once_pattern(number, element)
        if element.repeat == 1:
            return once
        if element.notes:
            return b"(?!)"  # groups outlive a repetition, so the notes cannot be asked here: left to the check
        again = re.escape((self.separators.repetition or "").encode("latin-1")) + once
        most = b"" if element.repeat is None else b"%d" % (element.repeat - 1)
        return once + b"(?:" + again + b"){0," + most + b"}"

    def _once_pattern(self, number: int, element: ElementRule) -> bytes:
        if element.value is not None:
            return value_pattern(element.value)
        separator = re.escape(self.separators.component.encode("latin-1"))
        named = positions_named(element.notes)
        prefix = f"{number}_"
        parts = []
        for index, (rule, mandatory) in enumerate(element.components, 1):
            pattern = value_pattern(rule)
            if index in named:
                pattern = b"(?P<%s>%s)" % (group_name(index, prefix).encode(), pattern)
            else:
                pattern = b"(?:" + pattern + b")"
            parts.append((pattern, mandatory))
        first, first_mandatory = parts[0]
        body = (first if first_mandatory else first + b"?") + _sequence(parts[1:], separator)
        notes = b"".join(note_pattern(note, prefix) for note in element.notes)
        # A composite is present only with a component in it, and does not end in a separator.
        return b"(?:" + body + notes + b"(?<!" + separator + b")" + b"(?<!" + self._before() + b"))"

    def _before(self) -> bytes:
        """What stands before an element that turned out to be empty."""
        marks = [self.separators.element, self.separators.repetition or ""]
        return b"[" + b"".join(rb"\x%02x" % ord(mark) for mark in marks if mark) + b"]"

    # The careful check

    def check(self, raw: bytes, rules: SegmentRules) -> list[Problem]:
        """Everything that is wrong with a segment, in the order of its elements; notes included."""
        found: list[Problem] = []
        pieces = raw.split(self.element_separator)
        starts, at = [], 0
        for piece in pieces:
            starts.append(at)
            at += len(piece) + 1
        given = len(pieces) - 1
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        present: set[int] = set()
        for number, element in enumerate(rules.elements, 1):
            piece = pieces[number] if number < len(pieces) else b""
            start = starts[number] if number < len(starts) else len(raw)
            problems = list(self._check_element(number, element, piece, start))
            absent = not piece or any(problem.code == BLANK_ELEMENT and not problem.component for problem in problems)
            if not absent:
                present.add(number)
            elif element.mandatory:
                found.append(Problem(MANDATORY_MISSING, number, at=start))
            found.extend(problems)
        found.extend(self._check_beyond(rules, pieces, starts))
        for note, code, number in broken_notes(rules.notes, present):
            start = starts[number] if number < len(starts) else len(raw)
            value = self.legal.decode(pieces[number]) if number in present else None
            found.append(Problem(code, number, value=value, at=start, note=note))
        if given >= len(pieces):
            found.append(Problem(self._surplus(), at=starts[len(pieces)] - 1))
        return found

    def _check_beyond(self, rules: SegmentRules, pieces: list[bytes], starts: list[int]) -> Iterator[Problem]:
        for number in range(len(rules.elements) + 1, len(pieces)):
            if pieces[number]:
                value = self.legal.decode(pieces[number])
                yield Problem(TOO_MANY_ELEMENTS, number, value=value, at=starts[number])
                return

    def _check_element(self, number: int, element: ElementRule, piece: bytes, start: int) -> Iterator[Problem]:
        if not piece:
            return
        text = self.legal.decode(piece)
        repetition = self.separators.repetition
        hollow = " " + (repetition or "") + (self.separators.component if element.components else "")
        if not text.strip(hollow):
            yield from self._check_hollow(number, text, start)
            return
        repeats = text.split(repetition) if repetition else [text]
        most = element.repeat
        if most is not None and len(repeats) > most:
            code = TOO_MANY_REPEATS if self.release.has_repeats else BAD_CHARACTER
            yield Problem(code, number, value=text, at=start)
            return
        many = len(repeats) > 1
        for index, repeat in enumerate(repeats, 1):
            yield from self._check_once(number, element, repeat, start, index if many else None)
            start += len(repeat.encode(self.legal.encoding, "surrogateescape")) + 1

    def _check_hollow(self, number: int, text: str, start: int) -> Iterator[Problem]:
        """An element that holds only blanks or only inner separators counts as empty."""
        if not text.strip(" ") and self.options.trailing_spaces == "reject":
            yield Problem(BAD_CHARACTER, number, value=text, at=start)
            return
        yield Problem(BLANK_ELEMENT, number, value=text, at=start)
        if text.strip(" ") and self.options.trailing_separators == "reject":
            yield Problem(ELEMENT_ERRORS, number, value=text, at=start)

    def _surplus(self) -> str:
        """The code for separators that separate nothing."""
        return TRAILING_SEPARATOR if self.options.trailing_separators == "accept" else ELEMENT_ERRORS

    def _check_once(
        self, number: int, element: ElementRule, text: str, start: int, repeat: int | None
    ) -> Iterator[Problem]:
        if element.value is None:
            yield from self._check_composite(number, element, text, start, repeat)
            return
        if not text:
            yield Problem(self._surplus(), number, repeat=repeat, at=start)
            return
        if self.release.has_repeats and self.separators.component in text and element.value.type not in ("", "B"):
            yield Problem(TOO_MANY_COMPONENTS, number, repeat=repeat, value=text, at=start)
            return
        code = check_value(element.value, text)
        if code is not None:
            yield Problem(code, number, None, repeat, text, start, element.value)

    def _check_composite(
        self, number: int, element: ElementRule, text: str, start: int, repeat: int | None
    ) -> Iterator[Problem]:
        parts = text.split(self.separators.component)
        given = len(parts)
        while parts and not parts[-1]:
            parts.pop()
        if len(parts) < given:
            yield Problem(self._surplus(), number, repeat=repeat, at=start)
        if not parts:
            return
        if len(parts) > len(element.components):
            code = TOO_MANY_COMPONENTS if self.release.has_repeats else TOO_MANY_ELEMENTS
            yield Problem(code, number, repeat=repeat, value=text, at=start)
        present = {index for index, part in enumerate(parts, 1) if part.strip(" ")}
        for index, (rule, mandatory) in enumerate(element.components, 1):
            part = parts[index - 1] if index <= len(parts) else ""
            if index in present:
                code_found = check_value(rule, part)
                if code_found is not None:
                    yield Problem(code_found, number, index, repeat, part, start, rule)
                start += len(part.encode(self.legal.encoding, "surrogateescape")) + 1
                continue
            if part:
                code = BAD_CHARACTER if self.options.trailing_spaces == "reject" else BLANK_ELEMENT
                yield Problem(code, number, index, repeat, part, start, rule)
            if mandatory:
                yield Problem(MANDATORY_MISSING, number, index, repeat, None, start, rule)
            start += len(part.encode(self.legal.encoding, "surrogateescape")) + 1
        for note, code, index in broken_notes(element.notes, present):
            yield Problem(code, number, index, repeat, None, start, None, note)


def _sequence(parts: list[tuple[bytes, bool]], separator: bytes) -> bytes:
    """Elements with their separators: flat up to the last mandatory one, nested after it."""
    last = max((index for index, (_, mandatory) in enumerate(parts, 1) if mandatory), default=0)
    flat = b"".join(separator + (part if mandatory else part + b"?") for part, mandatory in parts[:last])
    nested = b""
    for part, _ in reversed(parts[last:]):
        nested = b"(?:" + separator + part + b"?" + nested + b")?"
    return flat + nested


@lru_cache(maxsize=64)
def segment_table(release: str, separators: Separators, options: ValidationOptions) -> SegmentTable:
    """The table for these three, made once; raises UnknownReleaseError."""
    return SegmentTable(release, separators, options)
