"""Walks the segments of one interchange and sorts them into functional groups and transaction sets.

Only envelope segments are looked at; what lies between ST and SE is handed on as it is. After damage the walk
goes on at the next envelope segment: a set without SE, a group without GE and segments that belong to no set
each become a finding, and nothing is dropped without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress
from operator import itemgetter
from typing import Final

from gateway.standards.edi.model import VALUE_LIMIT, Finding
from gateway.standards.x12.codes import ta105_severity
from gateway.standards.x12.header import IsaHeader, decode, quoted
from gateway.standards.x12.scan import Body
from gateway.standards.x12.transmission import Group, Limits, RawSet, Ta1

__all__ = ["GroupReader", "interchange_finding"]

_PREFIXES: Final = frozenset({b"ST", b"SE", b"GS", b"GE", b"TA", b"IS", b"IE"})
_RESEND: Final = "Ask the sender to correct the envelope and send the interchange again."


def interchange_finding(
    code: str,
    message: str,
    offset: int | None,
    *,
    segment: str | None = None,
    element: int | None = None,
    value: str | None = None,
    fix: str = _RESEND,
) -> Finding:
    """A finding about the interchange as a whole, with the severity that its TA105 code has by default."""
    clipped = None if value is None else value[:VALUE_LIMIT]
    return Finding(
        f"TA105-{code}",
        ta105_severity(code),
        message,
        fix,
        segment,
        element=element,
        value=clipped,
        offset=offset,
    )


@dataclass(slots=True)
class _OpenGroup:
    """A group whose GE has not been met yet."""

    elements: list[str]
    offset: int
    #: Sets came without a GS: the group is only a place to keep them.
    implied: bool = False
    sets: list[RawSet] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class GroupReader:
    """State of the walk through one interchange."""

    def __init__(self, header: IsaHeader, body: Body, limits: Limits, findings: list[Finding]) -> None:
        self._header = header
        self._body = body
        self._limits = limits
        self._findings = findings
        self._element = header.separators.element.encode("latin-1")
        self._group: _OpenGroup | None = None
        #: Index of the open ST, and of the first segment that belongs to nothing yet.
        self._set_start: int | None = None
        self._loose = 0
        self.groups: list[Group] = []
        self.ta1: list[Ta1] = []
        self.complete = False

    def run(self) -> None:
        """Walks all segments once; results stand in `groups`, `ta1`, `complete` and the findings list."""
        steps = {
            "ST": self._begin_set,
            "SE": self._end_set,
            "GS": self._begin_group,
            "GE": self._end_group,
            "TA1": self._take_ta1,
            "ISB": self._take_service_segment,
            "ISE": self._take_service_segment,
            "IEA": self._end_interchange,
        }
        segments = self._body.segments
        may_be_envelope = map(_PREFIXES.__contains__, map(itemgetter(slice(2)), segments))
        for index in compress(range(len(segments)), may_be_envelope):
            tag = segments[index].split(self._element, 1)[0].decode("latin-1")
            step = steps.get(tag)
            if step is not None:
                step(index)
        self._finish()

    def _elements(self, index: int) -> list[str]:
        return [decode(part) for part in self._body.segments[index].split(self._element)[1:]]

    # Transaction sets

    def _begin_set(self, index: int) -> None:
        self._close_set(index)
        self._set_start = index

    def _end_set(self, index: int) -> None:
        if self._set_start is None:
            self._keep_loose(index + 1)
        else:
            self._add_set(self._set_start, index + 1, complete=True)
            self._set_start = None
        self._loose = index + 1

    def _close_set(self, end: int) -> None:
        """Ends what is open before an envelope segment that cannot stand inside a set."""
        if self._set_start is not None:
            self._add_set(self._set_start, end, complete=False)
            self._set_start = None
        else:
            self._keep_loose(end)
        self._loose = end

    def _add_set(self, start: int, end: int, *, complete: bool) -> None:
        header = [*self._elements(start), "", "", ""]
        offset = self._body.offset
        findings: list[Finding] = []
        if not complete:
            findings.append(
                Finding(
                    "AK502-2",
                    "error",
                    f"ST {header[1]}: the set has no SE; it ends after segment {end - start}.",
                    "Ask the sender to send the set again: its end was lost.",
                    "SE",
                    position=end - start + 1,
                    offset=offset(end - 1),
                )
            )
        if end - start > self._limits.max_set_segments:
            findings.append(
                Finding(
                    "RULE-set-size",
                    "error",
                    f"ST {header[1]}: the set has {end - start:,} segments; "
                    f"the limit is {self._limits.max_set_segments:,}.",
                    "Ask the sender to split it, or raise the limit.",
                    offset=offset(start),
                )
            )
        raw = RawSet(
            set_id=header[0],
            control=header[1],
            guide=header[2],
            segments=self._body.segments[start:end],
            first_segment_index=start,
            complete=complete,
            findings=tuple(findings),
            body=self._body,
        )
        self._place(raw)

    def _keep_loose(self, end: int) -> None:
        """Segments that no ST opened: kept as a set without name, so that somebody sees them."""
        start = self._loose
        if end <= start:
            return
        if self._group is None:
            self._loose_outside(start, end)
            return
        last = self._body.segments[end - 1].split(self._element)
        closed = last[0] == b"SE"
        control = decode(last[2]) if closed and len(last) > 2 else ""
        what = f"up to SE {control}" if closed else "between the sets"
        finding = Finding(
            "AK502-6",
            "error",
            f"{end - start} segments {what} belong to no set: their ST is missing.",
            "Ask the sender to send the set again: its beginning was lost.",
            "ST",
            position=1,
            value=decode(self._body.segments[start])[:VALUE_LIMIT],
            offset=self._body.offset(start),
        )
        kept = self._body.segments[start:end]
        self._place(RawSet("", control, "", kept, start, closed, (finding,), self._body))

    def _loose_outside(self, start: int, end: int) -> None:
        first = decode(self._body.segments[start])
        self._findings.append(
            interchange_finding(
                "024",
                f"{end - start} segments stand outside any group, the first is {quoted(first[:40])}.",
                self._body.offset(start),
                segment=None,
                value=first,
            )
        )

    def _place(self, raw_set: RawSet) -> None:
        """Puts a set into the open group, or into a nameless one with a finding about the interchange."""
        if self._group is None:
            offset = self._body.offset(raw_set.first_segment_index)
            self._group = _OpenGroup([], offset, implied=True)
            message = f"ST {raw_set.control}: the set stands in no group: its GS is missing."
            self._findings.append(interchange_finding("024", message, offset, segment="GS"))
        self._group.sets.append(raw_set)

    # Groups

    def _begin_group(self, index: int) -> None:
        self._close_set(index)
        self._close_group(None, index)
        self._group = _OpenGroup(self._elements(index), self._body.offset(index))
        self._loose = index + 1

    def _end_group(self, index: int) -> None:
        self._close_set(index)
        self._loose = index + 1
        if self._group is None:
            message = f"GE {' '.join(self._elements(index))}: the trailer closes no group: its GS is missing."
            self._findings.append(interchange_finding("024", message, self._body.offset(index), segment="GE"))
            return
        self._close_group(index, index)

    def _close_group(self, trailer: int | None, end: int) -> None:
        group = self._group
        if group is None:
            return
        self._group = None
        header = [*group.elements, *[""] * 8]
        declared = None
        if trailer is not None:
            declared = self._check_trailer(group, header[5], trailer)
        elif not group.implied:
            group.findings.append(
                Finding(
                    "AK905-3",
                    "error",
                    f"GS {header[5]}: the group has no GE.",
                    "Ask the sender to send the group again: its end was lost.",
                    "GE",
                    offset=self._body.offset(max(end - 1, 0)) if self._body.segments else group.offset,
                )
            )
        self.groups.append(
            Group(
                code=header[0],
                sender=header[1].strip(),
                receiver=header[2].strip(),
                date=header[3],
                time=header[4],
                control=header[5],
                agency=header[6],
                version=header[7].strip(),
                sets=tuple(group.sets),
                declared_count=declared,
                complete=trailer is not None,
                offset=group.offset,
                findings=tuple(group.findings),
            )
        )

    def _check_trailer(self, group: _OpenGroup, control: str, index: int) -> int | None:
        """GE01 against the sets counted, GE02 against GS06. Returns GE01 as a number."""
        count, closing, *_ = [*self._elements(index), "", ""]
        offset = self._body.offset(index)
        counted = sum(1 for raw in group.sets if raw.set_id)
        declared = int(count) if count.isascii() and count.isdigit() and len(count) <= 6 else None
        if declared != counted:
            group.findings.append(
                Finding(
                    "AK905-5",
                    "warning",
                    f"GE01 (number of sets) is {quoted(count)}, but the group {control} holds {counted}.",
                    "Ask the sender whether a set was lost.",
                    "GE",
                    element=1,
                    value=count[:VALUE_LIMIT],
                    offset=offset,
                )
            )
        if closing != control and not group.implied:
            group.findings.append(
                Finding(
                    "AK905-4",
                    "error",
                    f"GE02 (control number) is {quoted(closing)}, but GS06 is {quoted(control)}.",
                    "Ask the sender to send the group again with the same number in both.",
                    "GE",
                    element=2,
                    value=closing[:VALUE_LIMIT],
                    offset=offset,
                )
            )
        return declared

    # The interchange

    def _take_ta1(self, index: int) -> None:
        if self._set_start is not None:
            return  # inside a set it is a segment like any other: the set's validation reports it
        self._keep_loose(index)
        self._loose = index + 1
        control, date, time, letter, code, *_ = [*self._elements(index), "", "", "", "", ""]
        self.ta1.append(Ta1(control, date, time, letter, code, self._body.offset(index)))
        if self._group is not None or self.groups:
            message = f"TA1 {control} stands after the first group; its place is directly after ISA."
            self._note("NOTE-late-ta1", message, index, "TA1")

    def _take_service_segment(self, index: int) -> None:
        if self._set_start is not None:
            return
        self._keep_loose(index)
        self._loose = index + 1
        tag = decode(self._body.segments[index][:3])
        self._note("NOTE-service-segment", f"{tag}: the interchange service segment was passed over.", index, tag)

    def _note(self, code: str, message: str, index: int, tag: str) -> None:
        self._findings.append(Finding(code, "note", message, segment=tag, offset=self._body.offset(index)))

    def _end_interchange(self, index: int) -> None:
        self._close_set(index)
        self._close_group(None, index)
        self._loose = index + 1
        count, closing, *_ = [*self._elements(index), "", ""]
        control = self._header.elements[12]
        if not self._body.terminated and closing != control:
            return  # the file was cut inside IEA
        self.complete = True
        offset = self._body.offset(index)
        declared = int(count) if count.isascii() and count.isdigit() and len(count) <= 5 else None
        if declared and not self.groups and declared == len(self.ta1):
            message = "IEA01 counts the TA1; an interchange with nothing but TA1 holds 0 groups."
            self._note("NOTE-ta1-count", message, index, "IEA")
        elif declared != len(self.groups):
            message = f"IEA01 (number of groups) is {quoted(count)}, but the interchange holds {len(self.groups)}."
            self._findings.append(
                interchange_finding(
                    "021",
                    message,
                    offset,
                    segment="IEA",
                    element=1,
                    value=count,
                    fix="Ask the sender whether a group was lost.",
                )
            )
        if closing != control:
            message = f"IEA02 (control number) is {quoted(closing)}, but ISA13 is {quoted(control)}."
            self._findings.append(interchange_finding("001", message, offset, segment="IEA", element=2, value=closing))

    def _finish(self) -> None:
        end = len(self._body.segments)
        if not self.complete:
            self._close_set(end)
            self._close_group(None, end)
            self._findings.append(
                interchange_finding(
                    "023",
                    "The interchange ends without IEA: the file was cut off or its trailer was lost.",
                    self._body.end,
                    segment="IEA",
                    fix="Ask the sender to send the whole interchange again.",
                )
            )
        if self.complete and not self.groups and not self.ta1:
            message = "The interchange holds neither a group nor a TA1."
            self._findings.append(interchange_finding("024", message, self._header.offset, segment="ISA"))
        if not self._body.terminated and end:
            self._note(
                "NOTE-unterminated-segment",
                "The last segment of the file has no segment terminator; it was read all the same.",
                end - 1,
                decode(self._body.segments[-1][:3]),
            )
        if self._body.empty and self._header.separators.segment not in "\r\n":
            self._findings.append(
                Finding("NOTE-empty-segment", "note", f"{self._body.empty} empty segments were passed over.")
            )
