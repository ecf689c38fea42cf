"""Reading an EDIFACT file into interchanges, groups and messages; every break of its frame is a finding in words.

Total: any bytes give a value, within limits. Codes are those of CONTRL (UN/EDIFACT data element 0085) where one fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.standards.edi.model import COMPONENT, REPETITION, VALUE_LIMIT, Finding, Segment
from gateway.standards.edifact.charset import CHARSETS, codec_of, first_outside
from gateway.standards.edifact.model import (
    DEFAULT,
    EdifactFile,
    EdifactGroup,
    EdifactInterchange,
    EdifactMessage,
    ServiceString,
)
from gateway.standards.edifact.scan import MAX_SEGMENT, RawSegment, parse_elements, read_una, scan

__all__ = ["MAX_FINDINGS", "MAX_SEGMENTS", "read_edifact"]

#: Segments that are read, and findings that one part of a file keeps.
MAX_SEGMENTS, MAX_FINDINGS = 200_000, 200
_TAG: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_BOM: Final = "\xef\xbb\xbf"


def read_edifact(data: bytes) -> EdifactFile:
    """Read a file. Never raises."""
    text = data.decode("iso8859-1")
    start = len(_BOM) if text.startswith(_BOM) else 0
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    if text[start : start + 3] not in ("UNA", "UNB", "UNG", "UNH"):
        return EdifactFile((), "No EDIFACT interchange begins here: there is no UNB.")
    reader = _Reader(text)
    reader.run(start)
    if not reader.done:
        return EdifactFile((), "The file holds a UNA and nothing else.", tuple(reader.stray))
    return EdifactFile(tuple(reader.done), "", tuple(reader.stray))


@dataclass(slots=True)
class _Open:
    """One part that has begun and not ended: its first segment, what is in it, and what is wrong with it."""

    head: Segment
    parts: list[Any] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: Of an interchange: its groups; ``parts`` are the messages since the last one that stand in none.
    groups: list[EdifactGroup] = field(default_factory=list)

    def close_loose(self) -> None:
        """What stands in no group becomes one without a header."""
        if self.parts:
            self.groups.append(EdifactGroup("", None, tuple(self.parts), ()))
            self.parts = []


class _Reader:
    """Takes segment after segment; what is open stands in three places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.service: ServiceString = DEFAULT
        self.syntax, self.codec = "", "iso8859-1"
        self.done: list[EdifactInterchange] = []
        #: Findings outside every interchange.
        self.stray: list[Finding] = []
        self.interchange: _Open | None = None
        self.group: _Open | None = None
        self.message: _Open | None = None
        self.references: set[str] = set()
        #: A character outside the character set was told: once for each interchange.
        self.outside = False
        #: The file is longer than what is read: ends that are missing then are our doing.
        self.cut = False
        self._has_header = True

    def run(self, at: int) -> None:
        """Read the whole text; a UNA starts new service characters."""
        left = MAX_SEGMENTS
        next_una: int | None = at
        while next_una is not None and left > 0:
            self.service, at = read_una(self.text, next_una)
            self._judge_una(at)
            next_una, count = self._run_with(at, left)
            left -= count + 1
        if left <= 0:
            self.cut = True
            said = f"The file is long: only its first {MAX_SEGMENTS:,} segments were read."
            self._say("EDIFACT-limit", said, None, severity="note")
        self._end_interchange(None)

    def _run_with(self, at: int, left: int) -> tuple[int | None, int]:
        """(where a new UNA begins, segments read); None at the end of the file."""
        count = 0
        for raw in scan(self.text, at, self.service, left):
            if raw.text.startswith("UNA") and raw.offset > at and len(raw.text) >= 8:
                self._end_interchange(None)
                return raw.offset, count
            count += 1
            self._take(raw)
        return None, count

    def _judge_una(self, at: int) -> None:
        service = self.service
        if not service.stated:
            if self.text[at : at + 3] == "UNA":
                self._say("CONTRL-20", "The UNA is cut off: six characters follow it.", None, offset=at)
            return
        marks = [service.component, service.element, service.release, service.repetition, service.segment]
        given = [mark for mark in marks if mark]
        if len(set(given)) < len(given):
            self._say("CONTRL-20", "Two service characters of the UNA are the same.", None, offset=at - 9)
        if any(mark.isalnum() for mark in given):
            self._say("CONTRL-20", "A letter or digit cannot be a service character (UNA).", None, offset=at - 9)
        if service.decimal not in ".,":
            text = f'The decimal mark of the UNA is "{_shown(service.decimal)}"; it is "." or ",".'
            self._say("CONTRL-19", text, None, offset=at - 9)

    # -- segments ----------------------------------------------------------------------------------------------

    def _take(self, raw: RawSegment) -> None:
        if raw.text.startswith("UNB"):
            self._begin_charset(raw)
        tag, elements = parse_elements(raw.text, self.service, self.codec)
        position = len(self.message.parts) + 1 if self.message is not None else 0
        segment = Segment(tag, elements, 1 if tag == "UNH" else position, raw.offset)
        handle = {
            "UNB": self._unb,
            "UNZ": self._unz,
            "UNG": self._ung,
            "UNE": self._une,
            "UNH": self._unh,
            "UNT": self._unt,
        }.get(tag, self._plain)
        handle(segment)
        self._judge_segment(segment, raw)

    def _begin_charset(self, raw: RawSegment) -> None:
        _, elements = parse_elements(raw.text, self.service, "iso8859-1")
        self.syntax = _part(elements, 1, 1)
        self.codec, self.outside = codec_of(self.syntax), False
        if _part(elements, 1, 2) != "4":
            self.service = replace(self.service, repetition="")
        elif not self.service.stated:
            self.service = replace(self.service, repetition="*")

    def _judge_segment(self, segment: Segment, raw: RawSegment) -> None:
        if not _TAG.fullmatch(segment.tag):
            text = f'"{_shown(segment.tag)}" is no segment: a segment begins with three capitals or digits.'
            self._say("CONTRL-15", text, segment)
        if not raw.ended:
            text = f"The file ends inside {_shown(segment.tag)}: its end mark {self.service.segment} is missing."
            self._say("CONTRL-13", text, segment, fix="Ask the sender for the whole file.")
        if len(raw.text) >= MAX_SEGMENT:
            self._say("CONTRL-39", f"{_shown(segment.tag)} is longer than {MAX_SEGMENT:,} characters.", segment)
        if self.outside or self.syntax not in CHARSETS:
            return
        text = "".join(segment.elements).replace(COMPONENT, "").replace(REPETITION, "")
        outside = first_outside(self.syntax, text)
        if outside is not None:
            self.outside = True
            said = f"{_shown(segment.tag)} holds {_named(outside)}, which {self.syntax} does not have."
            self._say("CONTRL-21", said, segment, severity="warning", value=text)

    def _plain(self, segment: Segment) -> None:
        if self.message is not None:
            self.message.parts.append(segment)
        else:
            text = f"{_shown(segment.tag)} stands outside every message."
            self._say("CONTRL-33", text, segment, fix="A message begins with UNH.")

    # -- interchange -------------------------------------------------------------------------------------------

    def _unb(self, segment: Segment) -> None:
        if self.interchange is not None:
            self._end_interchange(None)
        self.interchange, self.references, self._has_header = _Open(segment), set(), True
        syntax, version = _part(segment.elements, 1, 1), _part(segment.elements, 1, 2)
        if syntax not in CHARSETS:
            self._say("CONTRL-2", f'The syntax identifier "{_shown(syntax)}" (UNB 0001) is not known.', segment)
        if version not in ("1", "2", "3", "4"):
            self._say("CONTRL-2", f'The syntax version "{_shown(version)}" (UNB 0002) is not 1 to 4.', segment)
        needed = (
            (2, "the sender (UNB S002)"),
            (3, "the recipient (UNB S003)"),
            (4, "date and time (UNB S004)"),
            (5, "the control reference (UNB 0020)"),
        )
        for element, what in needed:
            if not _part(segment.elements, element, 1):
                self._say("CONTRL-13", f"UNB lacks {what}.", segment, element=element)
        date, time = _part(segment.elements, 4, 1), _part(segment.elements, 4, 2)
        if date and not re.fullmatch(r"\d{6}|\d{8}", date):
            self._say("CONTRL-12", f'"{_shown(date)}" is no date (UNB 0017): YYMMDD, or YYYYMMDD.', segment, element=4)
        if time and not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", time):
            self._say("CONTRL-12", f'"{_shown(time)}" is no time of day (UNB 0019): HHMM.', segment, element=4)

    def _unz(self, segment: Segment) -> None:
        if self.interchange is None:
            self._say("CONTRL-33", "UNZ ends an interchange that did not begin.", segment)
            return
        self._end_interchange(segment)

    def _need_interchange(self, segment: Segment) -> _Open:
        """The open interchange; one without a header is begun where there is none."""
        if self.interchange is None:
            self.interchange, self.references, self._has_header = _Open(Segment("UNB", ())), set(), False
            text = f"{segment.tag} comes without UNB, so sender, recipient and character set are not known."
            self._say("CONTRL-13", text, segment, fix="Ask the sender for the whole interchange.")
        return self.interchange

    def _end_interchange(self, trailer: Segment | None) -> None:
        self._end_message(None)
        self._end_group(None)
        opened, self.interchange = self.interchange, None
        if opened is None:
            return
        opened.close_loose()
        head = opened.head.elements
        groups = [group for group in opened.groups if group.reference is not None]
        messages = sum(len(group.messages) for group in opened.groups)
        control = _part(head, 5, 1)
        if trailer is None and not self.cut:
            text = "The interchange has no end (UNZ): the file was cut off, or parts of it are lost."
            _keep(opened.findings, Finding("CONTRL-13", "error", text, "Ask the sender for the whole file.", "UNZ"))
        elif trailer is not None:
            what, count = ("groups", len(groups)) if groups else ("messages", messages)
            opened.findings += _judge_trailer(trailer, count, control, f"interchange, {what}", "UNB 0020")
            if groups and len(groups) < len([group for group in opened.groups if group.messages]):
                text = "Some messages stand in groups and some do not."
                _keep(opened.findings, Finding("CONTRL-30", "error", text, segment="UNG"))
        if not messages:
            _keep(opened.findings, Finding("CONTRL-32", "error", "The interchange holds no message.", segment="UNB"))
        self.done.append(
            EdifactInterchange(
                syntax=_part(head, 1, 1),
                syntax_version=_part(head, 1, 2),
                sender=_part(head, 2, 1),
                sender_qualifier=_part(head, 2, 2),
                receiver=_part(head, 3, 1),
                receiver_qualifier=_part(head, 3, 2),
                date=_part(head, 4, 1),
                time=_part(head, 4, 2),
                control=control,
                test=_part(head, 11, 1) == "1",
                wants_answer=_part(head, 9, 1) == "1",
                service=self.service,
                charset=self.codec,
                groups=tuple(opened.groups),
                findings=tuple(opened.findings),
                has_header=self._has_header,
            )
        )

    # -- groups ------------------------------------------------------------------------------------------------

    def _ung(self, segment: Segment) -> None:
        self._end_message(None)
        self._end_group(None)
        self._need_interchange(segment).close_loose()
        self.group = _Open(segment)

    def _une(self, segment: Segment) -> None:
        if self.group is None:
            self._say("CONTRL-33", "UNE ends a group that did not begin.", segment)
            return
        self._end_message(None)
        self._end_group(segment)

    def _end_group(self, trailer: Segment | None) -> None:
        opened, self.group = self.group, None
        if opened is None or self.interchange is None:
            return
        reference = _part(opened.head.elements, 5, 1)
        if trailer is None and not self.cut:
            _keep(opened.findings, Finding("CONTRL-13", "error", "The group has no end (UNE).", segment="UNE"))
        elif trailer is not None:
            opened.findings += _judge_trailer(trailer, len(opened.parts), reference, "group, messages", "UNG 0048")
        kind = _part(opened.head.elements, 1, 1)
        self.interchange.groups.append(EdifactGroup(kind, reference, tuple(opened.parts), tuple(opened.findings)))

    # -- messages ----------------------------------------------------------------------------------------------

    def _unh(self, segment: Segment) -> None:
        self._end_message(None)
        self._need_interchange(segment)
        self.message = _Open(segment, [segment])
        reference = _part(segment.elements, 1, 1)
        if not reference:
            self._say("CONTRL-13", "UNH lacks the message reference (0062).", segment, element=1)
        elif reference in self.references:
            text = f'The message reference "{_shown(reference)}" (UNH 0062) was used before in this interchange.'
            self._say("CONTRL-26", text, segment, element=1)
        self.references.add(reference)
        if not re.fullmatch(r"[A-Z]{6}", _part(segment.elements, 2, 1)):
            self._say("CONTRL-12", "UNH does not say what message it is (0065): six capitals.", segment, element=2)

    def _unt(self, segment: Segment) -> None:
        if self.message is None:
            self._say("CONTRL-33", "UNT ends a message that did not begin.", segment)
            return
        self.message.parts.append(segment)
        self._end_message(segment)

    def _end_message(self, trailer: Segment | None) -> None:
        opened, self.message = self.message, None
        if opened is None or self.interchange is None:
            return
        head, count = opened.head.elements, len(opened.parts)
        reference = _part(head, 1, 1)
        if trailer is None and not self.cut:
            text = f"The message {_shown(reference)} has no end (UNT)."
            _keep(opened.findings, Finding("CONTRL-13", "error", text, "Ask the sender for it again.", "UNT"))
        elif trailer is not None:
            opened.findings += _judge_trailer(trailer, count, reference, "message, segments", "UNH 0062")
        number = next((_number_of(each) for each in opened.parts[:10] if each.tag == "BGM"), "")
        message = EdifactMessage(
            type=_part(head, 2, 1),
            version=":".join(filter(None, (_part(head, 2, 2), _part(head, 2, 3)))),
            association=_part(head, 2, 5),
            reference=reference,
            number=number,
            segments=tuple(opened.parts),
            findings=tuple(opened.findings),
        )
        if self.group is not None:
            self.group.parts.append(message)
            return
        self.interchange.parts.append(message)

    # -- findings ----------------------------------------------------------------------------------------------

    def _say(
        self,
        code: str,
        text: str,
        segment: Segment | None,
        *,
        severity: Any = "error",
        fix: str = "",
        element: int | None = None,
        value: str = "",
        offset: int | None = None,
    ) -> None:
        """A finding at the innermost part that is open."""
        opened = self.message or self.group or self.interchange
        place = self.stray if opened is None else opened.findings
        inside = self.message is not None and segment is not None
        _keep(
            place,
            Finding(
                code,
                severity,
                text,
                fix,
                segment=None if segment is None else _shown(segment.tag),
                position=segment.position if inside and segment is not None else None,
                element=element,
                value=value[:VALUE_LIMIT] or None,
                offset=segment.offset if segment is not None else offset,
            ),
        )


def _keep(findings: list[Finding], finding: Finding) -> None:
    if len(findings) < MAX_FINDINGS:
        findings.append(finding)


def _judge_trailer(trailer: Segment, count: int, reference: str, what: str, place: str) -> list[Finding]:
    """Count and reference of UNT, UNE or UNZ against what is there."""
    found = []
    stated, named = _part(trailer.elements, 1, 1), _part(trailer.elements, 2, 1)
    outer, inner = what.split(", ")
    position = trailer.position or None
    if not (stated.isascii() and stated.isdecimal()) or len(stated) > 9 or int(stated) != count:
        said = f'"{_shown(stated)}"' if stated else "nothing"
        text = f"{trailer.tag} says that the {outer} has {said} {inner}; there are {count:,}."
        found.append(_at(trailer, "CONTRL-29", text, 1, position))
    if named != reference:
        began = f'the {outer} began with "{_shown(reference)}" ({place})'
        text = f'{trailer.tag} names the reference "{_shown(named)}"; {began}.'
        found.append(_at(trailer, "CONTRL-28", text, 2, position))
    return found


def _at(segment: Segment, code: str, text: str, element: int, position: int | None) -> Finding:
    fix = "Parts may be lost or doubled: ask the sender."
    return Finding(code, "error", text, fix, segment.tag, position, element, offset=segment.offset)


def _number_of(bgm: Segment) -> str:
    return _part(bgm.elements, 2, 1)


def _part(elements: tuple[str, ...], element: int, component: int) -> str:
    """One component of one element, both from 1; "" when it is not there."""
    if len(elements) < element:
        return ""
    parts = elements[element - 1].split(COMPONENT)
    return parts[component - 1].strip() if len(parts) >= component else ""


def _shown(text: str) -> str:
    """Text of a file inside a sentence: short, on one line, printable."""
    clipped = text if len(text) <= 35 else f"{text[:34]}…"
    return "".join(each if each.isprintable() else "�" for each in clipped)


def _named(character: str) -> str:
    return f'"{character}"' if character.isprintable() else f"the control character {ord(character):02X} (hex)"
