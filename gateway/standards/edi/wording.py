"""Findings in plain words: where it is, what is wrong, why, and what to do.

The sentences follow the house form, `PO1 line 3, element PO103 (unit or basis for measurement code): "XX" is
not a code of 004010.` What each code means stands in one table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Final

from gateway.standards.edi.schema import Release, SyntaxNote, labels_of
from gateway.standards.edi.segments import ElementRule, Problem, SegmentRules
from gateway.standards.edi.text import printable
from gateway.standards.edi.types import ValueRule

__all__ = ["element_location", "problem_fix", "problem_message", "suggest_code"]

_TYPE_WORDS: Final = {
    "AN": "text",
    "ID": "a code",
    "DT": "a date",
    "TM": "a time",
    "R": "a decimal number",
    "B": "binary data",
}
_FORMAT_HINTS: Final = {
    "R": "digits with at most one decimal point, a leading minus if negative, no commas",
    "N": "digits only, a leading minus if negative, no decimal point",
}


def element_location(rules: SegmentRules, problem: Problem) -> str:
    """Where in the segment: "element PO103 (unit or basis for measurement code)"."""
    number = problem.element
    if number is None:
        return ""
    label = f"{rules.tag}{number:02d}"
    element = rules.elements[number - 1] if number <= len(rules.elements) else None
    name = _name_at(element, problem.component)
    text = f"element {label}"
    if problem.component:
        text += f" component {problem.component}"
    if name:
        text += f" ({name.lower()})"
    return text + (f", repetition {problem.repeat}" if problem.repeat else "")


def _name_at(element: ElementRule | None, component: int | None) -> str:
    if element is None:
        return ""
    if component and component <= len(element.components):
        return element.components[component - 1][0].name
    return element.name


def problem_message(release: Release, rules: SegmentRules, problem: Problem) -> str:
    """What is wrong, as the second half of a sentence whose first half is the location."""
    return _MESSAGES[problem.code](release, rules, problem)


def problem_fix(release: Release, rules: SegmentRules, problem: Problem) -> str:
    """What to do about it."""
    fix = _FIXES.get(problem.code)
    return fix(release, rules, problem) if fix else ""


def suggest_code(release: Release, rule: ValueRule, value: str) -> tuple[str, str] | None:
    """(code, its name) of the code that was probably meant, None without a good guess."""
    codes = rule.codes or frozenset()
    labels = labels_of(release.name, rule.ref)
    wanted = value.strip().upper()
    found = _by_spelling(wanted, codes) or _by_name(wanted, codes, labels) or _by_likeness(wanted, codes)
    return (found, labels.get(found, "")) if found else None


def _by_spelling(wanted: str, codes: Collection[str]) -> str | None:
    by_upper = {code.upper(): code for code in codes}
    stripped = wanted.lstrip("0")
    candidates = (wanted, stripped, "0" + wanted, wanted.replace("-", ""))
    return next((by_upper[candidate] for candidate in candidates if candidate in by_upper), None)


def _by_name(wanted: str, codes: Collection[str], labels: Callable[[], None] | object) -> str | None:
    if len(wanted) < 3 or not isinstance(labels, dict):
        return None
    for code, label in labels.items():
        if code in codes and label.upper() == wanted:
            return str(code)
    starts = [code for code, label in labels.items() if code in codes and label.upper().startswith(wanted)]
    return str(starts[0]) if len(starts) == 1 else None


def _by_likeness(wanted: str, codes: Collection[str]) -> str | None:
    if len(wanted) == 2:
        swapped = wanted[::-1]
        return swapped if swapped in codes and swapped != wanted else None
    near = [code for code in codes if code[:1] == wanted[:1] and abs(len(code) - len(wanted)) < 2]
    close = get_close_matches(wanted, near, n=2, cutoff=0.75) if len(wanted) > 2 else []
    return close[0] if len(close) == 1 else None


def _quoted(problem: Problem) -> str:
    return f'"{printable(problem.value or "")}"'


def _length(rule: ValueRule | None) -> str:
    if rule is None:
        return "a fixed number of characters"
    unit = "digit" if rule.type[:1] == "N" or rule.type == "R" else "character"
    if rule.min == rule.max:
        return f"exactly {rule.max} {unit}{'s' if rule.max != 1 else ''}"
    return f"{rule.min} to {rule.max} {unit}s"


def _bad_character(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    rule = problem.rule
    if rule is not None and (rule.type == "R" or rule.type[:1] == "N"):
        what = "a decimal number" if rule.type == "R" else "a whole number"
        return f"{_quoted(problem)} is not {what} ({_FORMAT_HINTS[rule.type[:1]]})."
    value = problem.value or ""
    if not value.strip(" "):
        return "holds only blanks, which this partner's settings do not allow."
    illegal = rule.legal.illegal.search(value) if rule is not None else None
    if illegal:
        character = _character(illegal.group())
        return f"{_quoted(problem)} holds the character {character}, which data may not hold here."
    if value.endswith(" "):
        return f"{_quoted(problem)} ends in blanks, which this partner's settings do not allow."
    return f"{_quoted(problem)} holds a separator where none may stand."


def _character(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no text in the partner's encoding
        return f"byte {number - 0xDC00:#04x}"
    return f'"{printable(character)}"'


def _note_words(rules: SegmentRules, note: SyntaxNote | None, component: int | None, element: int | None) -> str:
    if note is None:
        return "a rule between elements"
    if component:
        names = [f"component {position}" for position in note.positions]
    else:
        names = [f"{rules.tag}{position:02d}" for position in note.positions]
    first, rest = names[0], names[1:]
    words = {
        "P": f"{_join(names, 'and')} go together: all of them or none",
        "R": f"at least one of {_join(names, 'and')} must be present",
        "E": f"at most one of {_join(names, 'and')} may be present",
        "C": f"with {first} present, {_join(rest, 'and')} must be present too",
        "L": f"with {first} present, at least one of {_join(rest, 'and')} must be present",
    }
    return f"{words[note.kind]} (syntax note {note.text})"


def _join(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _conditional(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    words = _note_words(rules, problem.note, problem.component, problem.element)
    return f"is missing; {words}."


def _exclusion(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    words = _note_words(rules, problem.note, problem.component, problem.element)
    return f"may not be present here; {words}."


def _bad_code(release: Release, _rules: SegmentRules, problem: Problem) -> str:
    element = release.elements.get(problem.rule.ref) if problem.rule else None
    own = problem.rule is not None and element is not None and problem.rule.codes != element.codes
    of_whom = f"that this partner may send in {release.name}" if own else f"of {release.name}"
    return f"{_quoted(problem)} is not a code {of_whom}."


def _too_many_elements(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    if problem.element is not None and problem.element <= len(rules.elements):
        components = len(rules.elements[problem.element - 1].components)
        return f"{_quoted(problem)} has more than {components} components."
    return f"{_quoted(problem)} is one element too many: {rules.tag} has {len(rules.elements)} elements."


def _too_many_components(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    components = len(rules.elements[(problem.element or 1) - 1].components)
    most = f"at most {components} components" if components else "no components"
    return f"{_quoted(problem)} has too many components: there are {most} here."


def _too_many_repeats(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    most = rules.elements[(problem.element or 1) - 1].repeat
    return f"{_quoted(problem)} is repeated too often: at most {most} here."


def _type_words(rule: ValueRule | None) -> str:
    return _TYPE_WORDS.get(rule.type, "a whole number") if rule else "a value"


_MESSAGES: Final[dict[str, Callable[[Release, SegmentRules, Problem], str]]] = {
    "AK304-8": lambda _r, _s, _p: "ends in separators, which this partner's settings do not allow.",
    "AK403-1": lambda _r, _s, _p: "is mandatory but empty.",
    "AK403-2": _conditional,
    "AK403-3": _too_many_elements,
    "AK403-4": lambda _r, _s, p: f"{_quoted(p)} is too short: {_type_words(p.rule)} of {_length(p.rule)} is due.",
    "AK403-5": lambda _r, _s, p: f"{_quoted(p)} is too long: {_type_words(p.rule)} of {_length(p.rule)} is due.",
    "AK403-6": _bad_character,
    "AK403-7": _bad_code,
    "AK403-8": lambda _r, _s, p: f"{_quoted(p)} is not a day that exists (CCYYMMDD, or YYMMDD in six digits).",
    "AK403-9": lambda _r, _s, p: f"{_quoted(p)} is not a time (HHMM, HHMMSS, HHMMSSD or HHMMSSDD, 0000 to 2359).",
    "AK403-10": _exclusion,
    "AK403-12": _too_many_repeats,
    "AK403-13": _too_many_components,
    "NOTE-trailing-separator": lambda _r, _s, _p: "ends in separators that separate nothing.",
    "NOTE-blank-element": lambda _r, _s, _p: "holds nothing but blanks or separators and counts as empty.",
    "NOTE-trailing-space": lambda _r, _s, p: f"{_quoted(p)} ends in blanks, which are not passed on.",
}


def _fix_code(release: Release, rules: SegmentRules, problem: Problem) -> str:
    suggestion = suggest_code(release, problem.rule, problem.value or "") if problem.rule else None
    ask = "Ask the partner, or add the code to their list."
    if suggestion is None:
        return ask
    code, name = suggestion
    return f'Probably "{code}"{f" ({name})" if name else ""} was meant. {ask}'


def _fix_length(release: Release, rules: SegmentRules, problem: Problem) -> str:
    if problem.rule is not None and problem.rule.codes is not None:
        return _fix_code(release, rules, problem)
    return "Ask the partner to correct the value."


def _fix_missing(_release: Release, rules: SegmentRules, problem: Problem) -> str:
    return f"Ask the partner to send {element_location(rules, problem).removeprefix('element ')}."


_FIXES: Final[dict[str, Callable[[Release, SegmentRules, Problem], str]]] = {
    "AK304-8": lambda _r, _s, _p: "Ask the partner to end segments after the last value, or accept it in the profile.",
    "AK403-1": _fix_missing,
    "AK403-2": _fix_missing,
    "AK403-3": lambda _r, s, _p: f"Ask the partner to end {s.tag} after its last element, or to check the separators.",
    "AK403-4": _fix_length,
    "AK403-5": _fix_length,
    "AK403-6": lambda _r, _s, _p: "Ask the partner to correct the value, or widen the character set in the profile.",
    "AK403-7": _fix_code,
    "AK403-8": lambda _r, _s, _p: "Ask the partner for the right date.",
    "AK403-9": lambda _r, _s, _p: "Ask the partner for the right time.",
    "AK403-10": lambda _r, _s, _p: "Ask the partner which of the values is meant and to leave out the other.",
    "AK403-12": lambda _r, _s, _p: "Ask the partner to send fewer repetitions.",
    "AK403-13": lambda _r, _s, _p: "Ask the partner to check the component separator, or to send fewer components.",
}
