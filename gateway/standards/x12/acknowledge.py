"""Builds the acknowledgement interchange for a received one: TA1, and a 997 or 999 for each functional group.

Acknowledgements are never acknowledged. Sender and receiver change places at both levels; version, usage and
separators follow the received interchange. Control numbers and the time are arguments: nothing here counts or
reads a clock. `read_acknowledgements` is the other direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gateway.standards.edi.charset import legal_characters, separator_characters
from gateway.standards.edi.model import Segment, Separators
from gateway.standards.edi.schema import known_releases
from gateway.standards.edi.types import is_date, is_time
from gateway.standards.x12.answer import AckForm, SetAnswer, ack_form, answer_group
from gateway.standards.x12.checked import CheckedGroup, CheckedInterchange
from gateway.standards.x12.codes import TA105_LETTER
from gateway.standards.x12.header import separator_fault
from gateway.standards.x12.reconcile import GroupAcknowledgment, SetAcknowledgment, read_acknowledgements
from gateway.standards.x12.transmission import Ta1
from gateway.standards.x12.writer import (
    DEFAULT_SEPARATORS,
    EnvelopeOut,
    GroupOut,
    isa_version,
    write_interchange,
    write_set,
)

__all__ = [
    "AckControls",
    "GroupAcknowledgment",
    "SetAcknowledgment",
    "SetAnswer",
    "Ta1",
    "acknowledge",
    "acknowledgement_groups",
    "read_acknowledgements",
]

_IMPLEMENTATION_ACK_VERSION: Final = "005010X231A1"
_FIRST_WITH_999: Final = "005010"
_PLAIN_VERSION: Final = "004010"
_RELEASE_FORM: Final = re.compile(r"00\d{4}")
_ID_WIDTH: Final = 15


@dataclass(frozen=True, slots=True)
class AckControls:
    """Control numbers of the acknowledgement, taken from the counters of the partner beforehand."""

    #: ISA13.
    isa13: int
    #: GS06 of the first group; further groups count up (`acknowledgement_groups` says how many there are).
    gs06: int
    #: ST02 of the first set; further sets count up.
    st02_start: int | str = 1


def acknowledgement_groups(checked: CheckedInterchange) -> int:
    """How many group control numbers `acknowledge` can use at most for this interchange."""
    return len({_address(group) for group in _answerable(checked)})


def acknowledge(
    checked: CheckedInterchange,
    *,
    controls: AckControls,
    now: datetime,
    kind: Literal["997", "999"] = "997",
    ta1: Literal["on_error", "always", "never"] = "on_error",
    ak2: Literal["all", "rejected"] = "all",
    separators: Separators | None = None,
    extra_ta1_code: str | None = None,
    extra_ta1_letter: Literal["E", "R"] | None = None,
    set_answers: Mapping[tuple[int, int], SetAnswer] | None = None,
) -> bytes | None:
    """The acknowledgement interchange, or None when none is due or the sender cannot be addressed.

    ``ta1="on_error"`` sends a TA1 when there is an error or the sender asks for one (ISA14). A TA1 that
    rejects (R) stands alone; with ``ta1="never"`` each group is rejected by its 997 instead. ``kind="999"``
    answers groups of 5010 and later by a 999, earlier ones by a 997. ``extra_ta1_code`` is what the caller
    knows ("025" duplicate, "009" unknown receiver), ``set_answers`` what it decides about single sets, by
    (group index, set index). ``now`` is the time in the partner's zone.
    """
    interchange = checked.interchange
    if interchange.unreadable or checked.is_acknowledgement or not interchange.sender_id:
        return None
    letter, code = _ta1_answer(checked, extra_ta1_code, extra_ta1_letter)
    has_ta1 = ta1 == "always" or (ta1 == "on_error" and (letter != "A" or interchange.ack_requested))
    stands_alone = has_ta1 and letter == "R"
    groups = () if stands_alone else _answerable(checked)
    if not has_ta1 and not groups:
        return None
    envelope = _envelope(checked, controls.isa13, now, separators, groups)
    answers = set_answers or {}
    positions = {id(group): index for index, group in enumerate(checked.groups)}
    written = _Numbers(controls)
    out: dict[tuple[str, str, str], list[tuple[Segment, ...]]] = {}
    for group in groups:
        form = _form(group, kind, envelope)
        own = {at: answer for (index, at), answer in answers.items() if index == positions[id(group)]}
        segments = answer_group(group, own, form, refused=letter == "R", only_rejected=ak2 == "rejected")
        key = (*_address(group)[:2], form.version)
        out.setdefault(key, []).append(write_set(segments, written.next_set()))
    lines = [_ta1_segment(checked, letter, code, now)] if has_ta1 else []
    return write_interchange(envelope, [_group_out(key, sets, written, envelope) for key, sets in out.items()], lines)


class _Numbers:
    """Hands out the control numbers of groups and sets in a row."""

    def __init__(self, controls: AckControls) -> None:
        start = controls.st02_start
        self._set = int(start)
        self._width = max(4, len(start)) if isinstance(start, str) else 4
        self._group = controls.gs06

    def next_set(self) -> str:
        number, self._set = self._set, self._set + 1
        return f"{number:0{self._width}d}"

    def next_group(self) -> int:
        number, self._group = self._group, self._group + 1
        return number


def _answerable(checked: CheckedInterchange) -> tuple[CheckedGroup, ...]:
    """The groups that a 997 can name: not acknowledgements themselves, with a GS01 that can be repeated."""
    return tuple(
        group
        for group in checked.groups
        if not group.is_acknowledgement and re.fullmatch("[A-Z0-9]{2}", group.group.code)
    )


def _address(group: CheckedGroup) -> tuple[str, str, str]:
    """Who sent the group to whom in which version; groups that agree are answered in one group."""
    return group.group.receiver, group.group.sender, group.group.version[:6]


def _ta1_answer(
    checked: CheckedInterchange, extra: str | None, extra_letter: Literal["E", "R"] | None
) -> tuple[str, str]:
    """(TA104, TA105): the first code that rejects, else the first error."""
    own = (checked.ta1_letter, checked.ta1_code)
    if extra is None or own[0] == "R":
        return own
    added = (extra_letter or TA105_LETTER.get(extra, "R"), extra)
    return added if added[0] == "R" or own[0] == "A" else own


def _ta1_segment(checked: CheckedInterchange, letter: str, code: str, now: datetime) -> Segment:
    """TA1 with the received number, date and time where they are valid, else the nearest that is."""
    source = checked.interchange
    digits = "".join(character for character in source.control if character in "0123456789")
    date = source.date if len(source.date) == 6 and is_date(source.date) else f"{now:%y%m%d}"
    time = source.time if len(source.time) == 4 and is_time(source.time) else f"{now:%H%M}"
    return Segment("TA1", (digits[-9:].zfill(9), date, time, letter, code))


def _envelope(
    checked: CheckedInterchange,
    control: int,
    now: datetime,
    separators: Separators | None,
    groups: tuple[CheckedGroup, ...],
) -> EnvelopeOut:
    """The envelope of the answer: sender and receiver exchanged, the rest as received where it is valid."""
    source = checked.interchange
    ids = [source.sender_id, source.receiver_id]
    for group in groups:
        ids += [group.group.sender, group.group.receiver]
    chosen = separators or _usable_separators(source.separators, "".join(ids))
    is_version = len(source.version) == 5 and source.version.isascii() and source.version.isdigit()
    version = source.version if is_version else isa_version(groups[0].release or "" if groups else "") or "00401"
    return EnvelopeOut(
        sender_qualifier=_qualifier(checked, 7),
        sender_id=_clean(source.receiver_id, chosen) or "UNKNOWN",
        receiver_qualifier=_qualifier(checked, 5),
        receiver_id=_clean(source.sender_id, chosen) or "UNKNOWN",
        control=control,
        when=now,
        separators=chosen,
        version=version,
        usage=source.usage if source.usage in ("P", "T", "I") else "P",
    )


def _usable_separators(separators: Separators, ids: str) -> Separators:
    if separator_fault(separators) is not None or separator_characters(separators) & set(ids):
        return DEFAULT_SEPARATORS
    return separators


def _qualifier(checked: CheckedInterchange, element: int) -> str:
    """ISA05 or ISA07 as received, "ZZ" where it was found invalid."""
    faults = {finding.element for finding in checked.findings if finding.code in ("TA105-005", "TA105-007")}
    return "ZZ" if element in faults else checked.interchange.isa[element - 1].strip()


def _clean(value: str, separators: Separators) -> str:
    """An id without what cannot be sent, cut to its width."""
    return legal_characters("extended", _PLAIN_VERSION, separators).illegal.sub("", value)[:_ID_WIDTH].strip()


def _form(group: CheckedGroup, kind: str, envelope: EnvelopeOut) -> AckForm:
    """997 in the release of the group, or 999 where that is wanted and the release has it."""
    version = group.group.version[:6]
    version = version if _RELEASE_FORM.fullmatch(version) else _PLAIN_VERSION
    earlier = [name for name in known_releases() if name <= version]
    release = group.release or (earlier[-1] if earlier else known_releases()[0])
    legal = legal_characters(envelope.charset, version, envelope.separators)
    if kind == "999" and release >= _FIRST_WITH_999:
        return ack_form("999", _IMPLEMENTATION_ACK_VERSION, release, legal)
    return ack_form("997", version, release, legal)


def _group_out(
    key: tuple[str, str, str], sets: list[tuple[Segment, ...]], numbers: _Numbers, envelope: EnvelopeOut
) -> GroupOut:
    sender, receiver, version = key
    return GroupOut(
        sender=_application_id(sender, envelope.sender_id, envelope.separators),
        receiver=_application_id(receiver, envelope.receiver_id, envelope.separators),
        control=numbers.next_group(),
        sets=sets,
        version=version,
        code="FA",
    )


def _application_id(value: str, fallback: str, separators: Separators) -> str:
    """GS02 or GS03; the interchange id where the received one has no two legal characters."""
    cleaned = _clean(value, separators)
    return cleaned if len(cleaned) >= 2 else fallback if len(fallback) >= 2 else "UNKNOWN"
