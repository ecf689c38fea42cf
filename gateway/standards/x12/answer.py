"""The body of one acknowledgement: what a 997 or 999 says about one functional group (X12.20, TR3 X231).

Findings become AK3/AK4 (IK3/IK4) segments in document order; whatever would make the acknowledgement itself
invalid is clipped or left out, never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.standards.edi.charset import Legal
from gateway.standards.edi.model import COMPONENT, Finding, Segment
from gateway.standards.edi.schema import Release, load_release
from gateway.standards.x12.checked import CheckedGroup, CheckedSet

__all__ = ["AckForm", "Letter", "SetAnswer", "ack_form", "answer_group", "group_letter", "set_letter"]

Letter = Literal["A", "E", "P", "R"]

_MOST_AK4: Final = 99
_MOST_CODES: Final = 5
#: The last element position that AK401 has room for.
_LAST_POSITION: Final = 99
_LONGEST_COPY: Final = 99
_SERIOUS: Final = ("error", "warning")
#: Codes of later releases and guides → the nearest one that every 997 has.
_PLAIN_AK304: Final[Mapping[str, str]] = {"I4": "2", "I6": "3", "I7": "3", "I8": "3", "I9": "2"}
_PLAIN_AK403: Final[Mapping[str, str]] = {
    "12": "3",
    "13": "3",
    "I6": "7",
    "I9": "2",
    "I10": "10",
    "I11": "1",
    "I12": "7",
    "I13": "10",
}
#: AK403 codes whose bad value is not repeated: there is none, or it cannot be written.
_NO_COPY: Final = frozenset({"1", "2", "6"})


@dataclass(frozen=True, slots=True)
class SetAnswer:
    """What the caller decides about a set beyond its validation, for example that it could not be mapped."""

    letter: Literal["A", "E", "R"]
    #: AK502 codes to be named, such as "5".
    codes: tuple[str, ...] = ()
    #: Findings to be reported as if validation had made them.
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AckForm:
    """In which shape a group is answered."""

    #: "997" or "999".
    set_id: str
    #: GS08 of the acknowledgement.
    version: str
    #: Tables of the nearest installed release, which say what may stand in the acknowledgement.
    release: Release
    #: Characters of a value that can be repeated in the acknowledgement.
    legal: Legal

    @property
    def is_999(self) -> bool:
        """The segments are called IK3, IK4 and IK5."""
        return self.set_id == "999"

    @property
    def knows_repeats(self) -> bool:
        """From 5010 on positions have a repetition, and AK1 and AK2 a version."""
        return self.release.name >= "005010"

    def tag(self, number: int) -> str:
        """AK3 or IK3, AK4 or IK4, AK5 or IK5."""
        return f"{'IK' if self.is_999 else 'AK'}{number}"

    def may_hold(self, tag: str, element: int, code: str) -> bool:
        """The code list of an element of the acknowledgement has this code."""
        found = self.release.element_at(tag, element)
        return found is None or found.codes is None or code in found.codes


def ack_form(set_id: str, version: str, release: str, legal: Legal) -> AckForm:
    """The shape of an acknowledgement; ``release`` is an installed one."""
    return AckForm(set_id, version, load_release(release), legal)


def set_letter(checked: CheckedSet, answer: SetAnswer | None) -> Letter:
    """AK501 of a set: "R" with errors, "E" with warnings only, "A" without either."""
    severities = {finding.severity for finding in _findings(checked, answer)}
    if "error" in severities or (answer is not None and answer.letter == "R"):
        return "R"
    return "E" if "warning" in severities or (answer is not None and answer.letter == "E") else "A"


def group_letter(group: CheckedGroup, letters: Iterable[Letter], *, refused: bool) -> Letter:
    """AK901 of a group from the letters of its sets; ``refused`` when the whole interchange is."""
    given = list(letters)
    accepted = [letter for letter in given if letter != "R"]
    if refused or any(finding.severity == "error" for finding in group.findings) or not accepted:
        return "R"
    if len(accepted) < len(given):
        return "P"
    return "E" if "E" in given or _codes(group.findings, "AK905") else "A"


def answer_group(
    group: CheckedGroup,
    answers: Mapping[int, SetAnswer],
    form: AckForm,
    *,
    refused: bool,
    only_rejected: bool,
) -> tuple[Segment, ...]:
    """The segments from ST (control number still empty) to AK9 that answer one group.

    ``answers`` are the caller's decisions by set index; ``only_rejected`` leaves AK2 loops of accepted sets
    out.
    """
    letters = [set_letter(checked, answers.get(index)) for index, checked in enumerate(group.sets)]
    letter = group_letter(group, letters, refused=refused)
    wholly = refused or any(finding.severity == "error" for finding in group.findings)
    source = group.group
    version = (_text(source.version, form, 1, 12),) if form.knows_repeats else ()
    guide = (form.version,) if form.is_999 else ()
    segments = [
        Segment("ST", (form.set_id, "", *guide)),
        Segment("AK1", (source.code, _number(source.control, 9) or "0", *version)),
    ]
    for index, checked in enumerate(group.sets):
        named = letters[index] == "R" or not (wholly or only_rejected)
        if named and group.release is not None:
            segments.extend(_answer_set(checked, letters[index], answers.get(index), form))
    received = sum(1 for checked in group.sets if checked.set_id)
    accepted = 0 if letter == "R" else sum(1 for index, given in enumerate(letters) if given != "R")
    declared = received if source.declared_count is None else source.declared_count
    codes = [code for code in _codes(group.findings, "AK905") if form.may_hold("AK9", 5, code)]
    counts = (str(declared), str(received), str(accepted))
    segments.append(Segment("AK9", (letter, *counts, *codes[:_MOST_CODES])))
    return tuple(segments)


def _findings(checked: CheckedSet, answer: SetAnswer | None) -> tuple[Finding, ...]:
    return checked.findings + (answer.findings if answer else ())


def _codes(findings: Iterable[Finding], family: str) -> list[str]:
    """The codes of one family that weigh something, each once, in the order found."""
    found = [
        finding.code.removeprefix(f"{family}-")
        for finding in findings
        if finding.severity in _SERIOUS and finding.code.startswith(f"{family}-")
    ]
    return list(dict.fromkeys(found))


def _answer_set(checked: CheckedSet, letter: Letter, answer: SetAnswer | None, form: AckForm) -> Iterable[Segment]:
    """AK2 to AK5 of one set; nothing when its id or number cannot be repeated."""
    set_id = _text(checked.set_id, form, 3, 3)
    control = _text(checked.control, form, 4, 9)
    if not set_id or not control:
        return
    guide = _text(checked.raw_set.guide, form, 1, 35) if form.knows_repeats else ""
    yield Segment("AK2", (set_id, control, guide) if guide else (set_id, control))
    if letter == "A":
        yield Segment(form.tag(5), ("A",))
        return
    findings = [finding for finding in _findings(checked, answer) if finding.severity in _SERIOUS]
    errors = list(_segment_errors(findings, checked, form))
    yield from errors
    codes = [*(answer.codes if answer else ()), *_codes(findings, "AK502")]
    if errors or not codes or any(map(_is_inside, findings)):
        codes.append("5")
    known = [code for code in dict.fromkeys(codes) if form.may_hold(form.tag(5), 2, code)]
    yield Segment(form.tag(5), (letter, *known[:_MOST_CODES]))


def _is_inside(finding: Finding) -> bool:
    """The finding is about a segment of the set, not about its envelope."""
    return not finding.code.startswith("AK502-")


def _segment_errors(findings: list[Finding], checked: CheckedSet, form: AckForm) -> Iterable[Segment]:
    """AK3 and AK4 in document order: one AK3 for each segment and code, element errors after the AK3 with
    code 8.
    """
    places: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        tag = _text((finding.segment or "")[:3], form, 2, 3)
        if tag and finding.position and _code_of(finding, form) is not None:
            places.setdefault((finding.position, tag), []).append(finding)
    for (position, tag), found in sorted(places.items(), key=lambda place: place[0][0]):
        most = 9_999_999_999 if form.knows_repeats else 999_999
        head = (tag, str(min(position, most)), "")
        coded = [(_code_of(finding, form), finding) for finding in found]
        structural = dict.fromkeys(code[1] for code, _ in coded if code and code[0] == "AK304")
        for code in structural:
            yield Segment(form.tag(3), (*head, code))
        elements = [(code[1], finding) for code, finding in coded if code and code[0] == "AK403"]
        if elements:
            yield Segment(form.tag(3), (*head, "8"))
            told = [(code, finding) for code, finding in elements if (finding.element or 1) <= _LAST_POSITION]
            yield from (_element_error(code, finding, checked, form) for code, finding in told[:_MOST_AK4])


def _code_of(finding: Finding, form: AckForm) -> tuple[str, str] | None:
    """("AK304" or "AK403", code) under which a finding is reported, None when it has no place of its own.

    Rules of ours and of partner guides have no code in the standard and take the nearest one. A broken rule
    about no element in particular shows in AK502 only.
    """
    family, _, code = finding.code.partition("-")
    if family == "AK304":
        return family, code if form.is_999 else _PLAIN_AK304.get(code, code)
    if family == "AK403":
        plain = {} if form.knows_repeats and not code.startswith("I") else _PLAIN_AK403
        return family, code if form.is_999 else plain.get(code, code)
    if family not in ("RULE", "MAP"):
        return None
    if finding.code == "RULE-lines-missing":
        return "AK304", "3"
    return None if finding.element is None else ("AK403", "7" if finding.value else "1")


def _element_error(code: str, finding: Finding, checked: CheckedSet, form: AckForm) -> Segment:
    position = [str(finding.element or 1)]
    if finding.component or (finding.repeat and form.knows_repeats):
        position.append(str(finding.component or ""))
    if finding.repeat and form.knows_repeats:
        position.append(str(finding.repeat))
    reference = _reference(finding, checked)
    copy = "" if code in _NO_COPY else _text((finding.value or "")[:_LONGEST_COPY], form, 1, _LONGEST_COPY)
    return Segment(form.tag(4), (COMPONENT.join(position), reference, code, copy))


def _reference(finding: Finding, checked: CheckedSet) -> str:
    """AK402, the element's number in the data element dictionary; "" when it has none of up to four digits."""
    if checked.release is None or finding.segment is None or finding.element is None:
        return ""
    element = load_release(checked.release).element_at(finding.segment, finding.element, finding.component)
    return element.ref if element is not None and element.ref.isdigit() and len(element.ref) <= 4 else ""


def _text(value: str, form: AckForm, least: int, most: int) -> str:
    """A value that may be repeated as it is, clipped to its longest; "" when it cannot be."""
    clipped = value[:most].rstrip()
    return "" if len(clipped) < least or form.legal.illegal.search(clipped) else clipped


def _number(value: str, most: int) -> str:
    digits = "".join(character for character in value if character in "0123456789")
    return digits[:most]
