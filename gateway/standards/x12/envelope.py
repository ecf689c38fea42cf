"""Reads a transmission into interchanges, functional groups and transaction sets, whatever state it is in.

`read_transmission` is total: any bytes give a `Transmission`. What is damaged is kept as far as it can be,
with a finding that carries the code of the acknowledgement that will report it (TA105, AK905, AK502) and the
byte offset. Nothing is validated below the envelope here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.standards.edi.model import Finding, Separators
from gateway.standards.x12.groups import GroupReader, interchange_finding
from gateway.standards.x12.header import ISA_WIDTHS, IsaHeader, decode, find_isa, read_isa, separator_fault
from gateway.standards.x12.recognise import recognise
from gateway.standards.x12.scan import cut_body
from gateway.standards.x12.transmission import (
    DEFAULT_LIMITS,
    Group,
    Interchange,
    Limits,
    RawSet,
    Ta1,
    Transmission,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Group",
    "Interchange",
    "Limits",
    "RawSet",
    "Ta1",
    "Transmission",
    "read_transmission",
]

_BOM: Final = b"\xef\xbb\xbf"
_PADDING: Final = b" \t\r\n\x00\x1a"


def read_transmission(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Transmission:
    """Reads any bytes; never raises. Interchanges may follow each other, each with its own separators."""
    if len(data) > limits.max_bytes:
        what = f"The file has {len(data):,} bytes; the limit is {limits.max_bytes:,}."
        return Transmission("unknown", f"{what} Ask the sender to split it, or raise the limit.", ())
    start = _first_interchange(data)
    if isinstance(start, str):
        known, reason = recognise(data)
        detail = f"{start[0].upper()}{start[1:]}. Ask the sender to send the whole file again." if start else reason
        return Transmission(known, detail, ())
    interchanges: list[Interchange] = []
    skipped = _skipped_finding(data, 0, start)
    while start >= 0:
        if len(interchanges) == limits.max_interchanges:
            reason = f"The file holds more than {limits.max_interchanges:,} interchanges. Ask the sender to split it."
            return Transmission("x12", reason, ())
        interchange, rest = _read_interchange(data, start, len(interchanges), limits, skipped)
        interchanges.append(interchange)
        start, skipped = _next_interchange(data, rest)
        if start < 0 and skipped:
            interchanges[-1] = replace(interchange, findings=interchange.findings + skipped)
    return Transmission("x12", "", tuple(interchanges))


def _first_interchange(data: bytes) -> int | str:
    """Offset of the first ISA; else why the ISA at the start is unreadable, or "" when there is none."""
    head = _skip_padding(data, len(_BOM) if data.startswith(_BOM) else 0)
    reason = ""
    if data.startswith(b"ISA", head):
        header = read_isa(data, head)
        if isinstance(header, IsaHeader):
            return head
        reason = header
    elif recognise(data)[0] in ("edifact", "ubl", "cxml", "xml"):
        return ""
    found = find_isa(data, head, len(data))
    if found < 0:
        return reason
    return head if reason else found


def _next_interchange(data: bytes, rest: int) -> tuple[int, tuple[Finding, ...]]:
    """Offset of the next ISA (-1 at the end), and what was skipped before it."""
    at = _skip_padding(data, rest)
    if data.startswith(b"ISA", at):
        return at, ()
    found = find_isa(data, at, len(data))
    return found, _skipped_finding(data, rest, found if found >= 0 else len(data))


def _skip_padding(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in _PADDING:
        at += 1
    return at


def _skipped_finding(data: bytes, start: int, end: int) -> tuple[Finding, ...]:
    at = start + len(_BOM) if start == 0 and data.startswith(_BOM) else start
    at = _skip_padding(data, at)
    if at >= end:
        return ()
    return (
        Finding(
            code="RULE-skipped-bytes",
            severity="warning",
            message=f"{end - at:,} bytes from byte {at} stand outside any interchange and were skipped.",
            fix="If these bytes hold a document, ask the sender to send it again inside ISA and IEA.",
            value=decode(data[at : min(end, at + 40)]),
            offset=at,
        ),
    )


def _read_interchange(
    data: bytes, start: int, index: int, limits: Limits, before: tuple[Finding, ...]
) -> tuple[Interchange, int]:
    """The interchange that begins at ``start``, and the offset at which reading goes on."""
    header = read_isa(data, start)
    if isinstance(header, str):
        return _unreadable(data, start, index, header, before)
    following = find_isa(data, header.end, len(data))
    limit = following if following >= 0 else len(data)
    findings = [*before, *_header_findings(header)]
    fault = separator_fault(header.separators)
    if fault is not None:
        code, reason = fault
        findings.append(interchange_finding(code, f"ISA: {reason}.", header.offset, segment="ISA"))
        return _interchange(data, header, index, limit, findings), limit
    element = header.separators.element.encode("latin-1")
    body = cut_body(data, header.end, limit, element, header.separators.segment.encode("latin-1"))
    reader = GroupReader(header, body, limits, findings)
    reader.run()
    end = body.end
    return _interchange(data, header, index, end, findings, reader=reader), end


def _interchange(
    data: bytes,
    header: IsaHeader,
    index: int,
    end: int,
    findings: list[Finding],
    *,
    reader: GroupReader | None = None,
) -> Interchange:
    return Interchange(
        index=index,
        offset=header.offset,
        length=end - header.offset,
        isa=header.elements,
        separators=header.separators,
        groups=tuple(reader.groups) if reader else (),
        ta1=tuple(reader.ta1) if reader else (),
        findings=tuple(findings),
        complete=reader.complete if reader else False,
        source=data,
    )


def _unreadable(
    data: bytes, start: int, index: int, reason: str, before: tuple[Finding, ...]
) -> tuple[Interchange, int]:
    following = find_isa(data, start + 3, len(data))
    end = following if following >= 0 else len(data)
    sentence = f"{reason[0].upper()}{reason[1:]}."
    finding = Finding(
        "TA105-022", "error", sentence, "Ask the sender to send this interchange again.", "ISA", offset=start
    )
    interchange = Interchange(
        index,
        start,
        end - start,
        (),
        Separators("*", ":", "~"),
        (),
        (),
        (*before, finding),
        complete=False,
        unreadable=sentence,
        source=data,
    )
    return interchange, end


def _header_findings(header: IsaHeader) -> list[Finding]:
    if header.whole:
        return []
    wrong = [
        f"ISA{number:02d} has {len(value)} characters instead of {width}"
        for number, (value, width) in enumerate(zip(header.elements, ISA_WIDTHS, strict=True), 1)
        if len(value) != width
    ]
    length = header.end - header.offset
    message = f"ISA: the segment has {length} bytes instead of 106 ({', '.join(wrong) or 'extra bytes'})."
    fix = "Ask the sender to pad every ISA element to its full width; the interchange was read all the same."
    return [Finding("TA105-022", "warning", message, fix, "ISA", offset=header.offset)]
