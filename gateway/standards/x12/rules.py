"""The rules of the ISA and GS segments, element by element, as tables.

An ISA element that breaks its rule is reported by its TA105 code; GS has codes of its own only for its type,
control number and version (AK905), so its other elements are reported under names of ours and do not stop the
group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from gateway.standards.edi.model import VALUE_LIMIT, Finding, Severity
from gateway.standards.edi.schema import known_releases, load_release
from gateway.standards.edi.types import is_date, is_time
from gateway.standards.x12.codes import ta105_severity
from gateway.standards.x12.groups import interchange_finding
from gateway.standards.x12.header import quoted
from gateway.standards.x12.transmission import Group, Interchange, RawSet

__all__ = ["check_group_header", "check_isa", "check_sense"]

_REPETITION_SINCE: Final = "00402"
_EIGHT_DIGIT_DATES: Final = "004010"
#: Set id → (segment, element, acknowledgment types that promise detail, segment of a line).
_PROMISED_LINES: Final[Mapping[str, tuple[bytes, int, frozenset[bytes], bytes]]] = {
    "855": (b"BAK", 2, frozenset({b"AC", b"AD", b"RD"}), b"PO1"),
    "865": (b"BCA", 2, frozenset({b"AC", b"AD", b"RD"}), b"POC"),
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of one element."""

    element: int
    code: str
    name: str
    wanted: str
    holds: Callable[[str], bool]


@cache
def _codes(ref: str) -> frozenset[str]:
    """All values of a coded envelope element in any release that is installed."""
    found: set[str] = set()
    for name in known_releases():
        element = load_release(name).elements.get(ref)
        found.update(element.codes or () if element else ())
    return frozenset(found)


def _digits(text: str, least: int, most: int) -> bool:
    return least <= len(text) <= most and text.isascii() and text.isdigit()


def _is_in(ref: str) -> Callable[[str], bool]:
    return lambda text: text.strip() in _codes(ref)


_ISA_RULES: Final = (
    _Rule(1, "010", "authorization qualifier", "00, or another code of the list", _is_in("I01")),
    _Rule(3, "012", "security qualifier", "00 or 01", _is_in("I03")),
    _Rule(5, "005", "qualifier of the sender id", "a code of the list, such as ZZ, 01 or 14", _is_in("I05")),
    _Rule(6, "006", "sender id", "an id that is not blank", lambda text: bool(text.strip())),
    _Rule(7, "007", "qualifier of the receiver id", "a code of the list, such as ZZ, 01 or 14", _is_in("I05")),
    _Rule(8, "008", "receiver id", "an id that is not blank", lambda text: bool(text.strip())),
    _Rule(9, "014", "date", "a real day as YYMMDD", lambda text: len(text) == 6 and is_date(text)),
    _Rule(10, "015", "time", "HHMM from 0000 to 2359", lambda text: len(text) == 4 and is_time(text)),
    _Rule(12, "017", "control version", "five digits, such as 00401", lambda text: _digits(text.strip(), 5, 5)),
    _Rule(13, "018", "control number", "nine digits", lambda text: _digits(text, 9, 9)),
    _Rule(14, "019", "acknowledgement request", "0 or 1", lambda text: text in ("0", "1")),
    _Rule(15, "020", "usage indicator", "P, T or I", lambda text: text in ("P", "T", "I")),
)

_GS_RULES: Final = (
    _Rule(2, "RULE-gs-sender", "application sender", "2 to 15 characters", lambda text: 2 <= len(text) <= 15),
    _Rule(3, "RULE-gs-receiver", "application receiver", "2 to 15 characters", lambda text: 2 <= len(text) <= 15),
    _Rule(4, "RULE-gs-date", "date", "a real day as CCYYMMDD", lambda text: len(text) == 8 and is_date(text)),
    _Rule(5, "RULE-gs-time", "time", "HHMM or HHMMSS", is_time),
    _Rule(6, "AK905-6", "group control number", "1 to 9 digits", lambda text: _digits(text, 1, 9)),
    _Rule(7, "RULE-gs-agency", "agency", "X, or T", _is_in("455")),
)

_GS_SEVERITY: Final[Mapping[str, Severity]] = {"AK905-6": "error"}


def check_isa(interchange: Interchange) -> list[Finding]:
    """What is wrong with the elements of a readable ISA."""
    findings = [
        _isa_finding(interchange, rule) for rule in _ISA_RULES if not rule.holds(interchange.isa[rule.element - 1])
    ]
    findings.extend(_check_standards_id(interchange))
    return sorted(findings, key=lambda finding: finding.element or 0)


def _isa_finding(interchange: Interchange, rule: _Rule, severity: Severity | None = None) -> Finding:
    value = interchange.isa[rule.element - 1]
    return Finding(
        f"TA105-{rule.code}",
        severity or ta105_severity(rule.code),
        f"ISA{rule.element:02d} ({rule.name}) is {quoted(value)}; it must be {rule.wanted}.",
        "Ask the sender to correct the ISA segment and send the interchange again.",
        "ISA",
        element=rule.element,
        value=value[:VALUE_LIMIT],
        offset=interchange.offset,
    )


def _check_standards_id(interchange: Interchange) -> list[Finding]:
    """ISA11 is U, or from 00402 on a repetition separator that is unlike the others."""
    value = interchange.isa[10]
    if value == "U" or interchange.separators.repetition is not None:
        return []
    if interchange.version >= _REPETITION_SINCE:
        wanted, name = "a separator that is not used elsewhere, such as ^", "repetition separator"
    else:
        wanted, name = f"U in version {interchange.version}", "standards id"
    is_mark = len(value) == 1 and not value.isalnum() and value != " "
    rule = _Rule(11, "016", name, wanted, bool)
    return [_isa_finding(interchange, rule, "warning" if is_mark else None)]


def check_group_header(group: Group) -> tuple[list[Finding], list[Finding]]:
    """What is wrong with a GS: findings about the group, and findings about the interchange.

    A GS01 that no acknowledgement can repeat is a fault of the interchange (TA105 024).
    """
    values = (
        "",
        group.code,
        group.sender,
        group.receiver,
        group.date,
        group.time,
        group.control,
        group.agency,
    )
    findings = [
        _gs_finding(group, rule, values[rule.element])
        for rule in _GS_RULES
        if not rule.holds(values[rule.element]) and not _is_old_date(group, rule)
    ]
    if len(group.code) == 2 and group.code.isascii() and group.code.isalnum():
        if group.code not in _codes("479"):
            rule = _Rule(1, "AK905-1", "group code", "a code of the list, such as PO or IN", bool)
            findings.insert(0, _gs_finding(group, rule, group.code, "error"))
        return findings, []
    message = f"GS01 (group code) is {quoted(group.code)}; it must be two letters, such as PO or IN."
    broken = interchange_finding("024", message, group.offset, segment="GS", element=1, value=group.code)
    return findings, [broken]


def _is_old_date(group: Group, rule: _Rule) -> bool:
    """Releases before 4010 write GS04 as YYMMDD."""
    return rule.element == 4 and group.version < _EIGHT_DIGIT_DATES and len(group.date) == 6 and is_date(group.date)


def check_sense(raw_set: RawSet, element: bytes) -> list[Finding]:
    """What the first segment of a set promises and the set does not keep: lines, in an answer "with detail"."""
    promise = _PROMISED_LINES.get(raw_set.set_id)
    if promise is None:
        return []
    tag, number, codes, line = promise
    for position, segment in enumerate(raw_set.segments[1:4], 2):
        parts = segment.split(element, number + 1)
        if parts[0] != tag or len(parts) <= number or parts[number] not in codes:
            continue
        if any(each.startswith(line + element) for each in raw_set.segments):
            return []
        code, first, wanted = parts[number].decode(), tag.decode(), line.decode()
        return [
            Finding(
                "RULE-lines-missing",
                "warning",
                f"{first}{number:02d} (acknowledgment type) is {quoted(code)}, with detail, but has no {wanted}.",
                "Ask the partner which lines the answer is about, or to send a type without detail.",
                wanted,
                len(raw_set.segments),
                value=None,
                offset=raw_set.offsets[position - 1],
            )
        ]
    return []


def _gs_finding(group: Group, rule: _Rule, value: str, severity: Severity | None = None) -> Finding:
    return Finding(
        rule.code,
        severity or _GS_SEVERITY.get(rule.code, "warning"),
        f"GS{rule.element:02d} ({rule.name}) is {quoted(value)}; it must be {rule.wanted}.",
        "Ask the sender to correct the GS segment.",
        "GS",
        element=rule.element,
        value=value[:VALUE_LIMIT],
        offset=group.offset,
    )
