"""What `gateway inspect` says about one file: its format, its verdict, every finding, and the answer it would
get.

Pure: bytes in, a JSON-able value out. The shape is public interface (DESIGN §9).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from gateway.standards.edi.model import Finding
from gateway.standards.edi.options import ValidationOptions
from gateway.standards.x12.acknowledge import AckControls, acknowledge
from gateway.standards.x12.check import OptionsFor, check_transmission
from gateway.standards.x12.checked import CheckedGroup, CheckedInterchange, CheckedSet, CheckedTransmission
from gateway.standards.x12.codes import DOCUMENT_KINDS

__all__ = ["inspect_bytes"]

_OPTIONAL_KEYS: Final = ("component", "repeat")
#: Files larger than this many bytes are explained only where they fail, so that an inspection stays quick.
_NOTES_UP_TO: Final = 1_000_000
_NO_DATE: Final = datetime(2000, 1, 1)


def inspect_bytes(
    name: str,
    data: bytes,
    *,
    options: OptionsFor | ValidationOptions | None = None,
    ack: bool = False,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The inspection of one file. Never raises. Notes about sets that are right are found in files up to 1 MB only.

    With ``ack`` the key "ack" holds one acknowledgement interchange for each ISA, with control number 1 and
    the time ``now`` (by default the time that the received ISA names), as text; None when there is nothing to
    acknowledge.
    """
    checked = check_transmission(data, options, always_explain=len(data) <= _NOTES_UP_TO)
    transmission = checked.transmission
    result: dict[str, Any] = {"file": name, "format": transmission.format, "verdict": checked.verdict}
    if transmission.unreadable:
        result["reason"] = transmission.unreadable
    result["interchanges"] = [_interchange(interchange) for interchange in checked.interchanges]
    result["ack"] = _acknowledgements(checked, now) if ack else None
    return result


def _acknowledgements(checked: CheckedTransmission, now: datetime | None) -> str | None:
    controls = AckControls(isa13=1, gs06=1, st02_start=1)
    answers = [
        acknowledge(interchange, controls=controls, now=now or _stated_time(interchange))
        for interchange in checked.interchanges
    ]
    return b"".join(answer for answer in answers if answer is not None).decode("latin-1") or None


def _stated_time(checked: CheckedInterchange) -> datetime:
    try:
        return datetime.strptime(checked.interchange.date + checked.interchange.time, "%y%m%d%H%M")
    except ValueError:
        return _NO_DATE


def _interchange(checked: CheckedInterchange) -> dict[str, Any]:
    source = checked.interchange
    is_readable = not source.unreadable
    return {
        "sender": f"{source.sender_qualifier}:{source.sender_id}" if is_readable else None,
        "receiver": f"{source.receiver_qualifier}:{source.receiver_id}" if is_readable else None,
        "control": source.control if is_readable else None,
        "version": source.version if is_readable else None,
        "findings": [_finding(finding) for finding in checked.findings],
        "groups": [_group(group) for group in checked.groups],
    }


def _group(checked: CheckedGroup) -> dict[str, Any]:
    return {
        "code": checked.group.code,
        "control": checked.group.control,
        "version": checked.group.version,
        "findings": [_finding(finding) for finding in checked.findings],
        "sets": [_set(each) for each in checked.sets],
    }


def _set(checked: CheckedSet) -> dict[str, Any]:
    return {
        "set": checked.set_id,
        "control": checked.control,
        "document": DOCUMENT_KINDS.get(checked.set_id),
        "number": checked.number,
        "verdict": checked.verdict,
        "findings": [_finding(finding) for finding in checked.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": finding.code,
        "severity": finding.severity,
        "segment": finding.segment,
        "position": finding.position,
        "element": finding.element,
        "value": finding.value,
        "offset": finding.offset,
        "message": finding.message,
        "fix": finding.fix,
    }
    for key in _OPTIONAL_KEYS:
        value = getattr(finding, key)
        if value is not None:
            shown[key] = value
    return {key: _printable(value) if isinstance(value, str) else value for key, value in shown.items()}


def _printable(text: str) -> str:
    """Text that can be written as UTF-8: bytes that the partner's character set lacks become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
