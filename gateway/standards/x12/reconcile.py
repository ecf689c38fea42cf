"""Reads TA1, 997 and 999 as values, to be matched to the documents that a partner speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.standards.edi.model import COMPONENT, REPETITION, Segment
from gateway.standards.edi.schema import load_release
from gateway.standards.x12.checked import CheckedInterchange, CheckedSet
from gateway.standards.x12.codes import (
    ACKNOWLEDGEMENT_SETS,
    AK304_TEXT,
    AK403_TEXT,
    AK502_TEXT,
    AK905_TEXT,
)
from gateway.standards.x12.transmission import Ta1

__all__ = ["GroupAcknowledgment", "SetAcknowledgment", "read_acknowledgements"]


@dataclass(frozen=True, slots=True)
class SetAcknowledgment:
    """What the other side says about one of our transaction sets (AK2 to AK5, IK5)."""

    #: AK201 and AK202: set id and control number (ST02) that we sent.
    set_id: str
    control: str
    #: AK501: "A" accepted, "E" accepted with errors, "R" (or M, W, X) rejected.
    letter: str
    #: AK502 to AK506.
    codes: tuple[str, ...]
    #: One plain sentence for each AK3, AK4 and AK5 code.
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupAcknowledgment:
    """What the other side says about one of our functional groups (one 997 or 999)."""

    #: AK101 and AK102: group code and control number (GS06) that we sent.
    code: str
    control: str
    #: AK103, "" before 5010.
    version: str
    #: AK901: "A", "E", "P" partly accepted, "R".
    letter: str
    #: AK902 to AK904: sets included, received and accepted; None where it is not a number.
    included: int | None
    received: int | None
    accepted: int | None
    #: AK905 to AK909.
    codes: tuple[str, ...]
    #: One plain sentence for each AK9 code.
    errors: tuple[str, ...]
    #: The sets that are named; a partner may leave accepted ones out.
    sets: tuple[SetAcknowledgment, ...]

    def letter_for(self, set_id: str, control: str) -> str:
        """The letter of one of our sets: its own when it is named, else what the group's letter says of it.

        A set that a partly accepting answer does not name counts as accepted: partners leave accepted sets
        out.
        """
        for named in self.sets:
            if named.control == control and named.set_id == set_id:
                return named.letter
        return "A" if self.letter in ("P", "E") else self.letter


def read_acknowledgements(checked: CheckedInterchange) -> list[GroupAcknowledgment | Ta1]:
    """Every TA1 and every 997 or 999 of an interchange, TA1 first. Total, whatever state they are in."""
    found: list[GroupAcknowledgment | Ta1] = list(checked.interchange.ta1)
    for group in checked.groups:
        found.extend(_read_set(answer) for answer in group.sets if answer.set_id in ACKNOWLEDGEMENT_SETS)
    return found


def _read_set(answer: CheckedSet) -> GroupAcknowledgment:
    header: tuple[str, ...] = ()
    trailer: tuple[str, ...] = ()
    sets: list[SetAcknowledgment] = []
    open_set: list[Segment] = []
    for segment in answer.segments():
        match segment.tag:
            case "AK1":
                header = segment.elements
            case "AK9":
                trailer = segment.elements
            case "AK2":
                open_set = [segment]
            case "AK5" | "IK5" if open_set:
                sets.append(_set_acknowledgment([*open_set, segment], answer.release))
                open_set = []
            case _ if open_set:
                open_set.append(segment)
    letter, included, received, accepted, *codes = [*trailer, *[""] * 4]
    named = tuple(code for code in codes if code)
    return GroupAcknowledgment(
        code=_at(header, 1),
        control=_at(header, 2),
        version=_at(header, 3),
        letter=letter,
        included=_count(included),
        received=_count(received),
        accepted=_count(accepted),
        codes=named,
        errors=tuple(f"Group {_at(header, 2)}: {AK905_TEXT.get(code, f'error code {code}')}." for code in named),
        sets=tuple(sets),
    )


def _set_acknowledgment(segments: list[Segment], release: str | None) -> SetAcknowledgment:
    header, *body, trailer = segments
    set_id, control = _at(header.elements, 1), _at(header.elements, 2)
    codes = tuple(code for code in trailer.elements[1:] if code)
    errors = [*_sentences(body, release)]
    errors.extend(
        f"Set {control}: {AK502_TEXT.get(code, f'error code {code}')}." for code in codes if code != "5" or not errors
    )
    return SetAcknowledgment(set_id, control, _at(trailer.elements, 1), codes, tuple(errors))


def _sentences(body: Iterable[Segment], release: str | None) -> Iterable[str]:
    """One sentence for each AK3 and AK4; an AK3 with code 8 only announces the AK4s after it."""
    place = ""
    announced = False
    for segment in body:
        if segment.tag in ("AK3", "IK3"):
            if announced:
                yield f"{place}: {AK304_TEXT['8']}."
            tag, position, code = (_at(segment.elements, number) for number in (1, 2, 4))
            place = f"Segment {position} ({tag})"
            announced = code == "8"
            if not announced:
                yield f"{place}: {AK304_TEXT.get(code, f'error code {code}') if code else 'in error'}."
        elif segment.tag in ("AK4", "IK4"):
            announced = False
            yield _element_sentence(segment, place, release)
    if announced:
        yield f"{place}: {AK304_TEXT['8']}."


def _element_sentence(segment: Segment, place: str, release: str | None) -> str:
    position = _at(segment.elements, 1).replace(REPETITION, COMPONENT).split(COMPONENT)
    names = ("element", "component", "repetition")
    where = ", ".join(f"{name} {number}" for name, number in zip(names, position, strict=False) if number)
    element = load_release(release).elements.get(_at(segment.elements, 2)) if release else None
    named = f" ({element.name.lower()})" if element else ""
    code, value = _at(segment.elements, 3), _at(segment.elements, 4)
    copy = f': "{value}"' if value else ""
    return f"{place}, {where}{named}: {AK403_TEXT.get(code, f'error code {code}')}{copy}."


def _at(elements: tuple[str, ...], number: int) -> str:
    return elements[number - 1] if len(elements) >= number else ""


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
