"""What `gateway inspect` says about an EDIFACT file, in the shape of every standard."""

from __future__ import annotations

from typing import Any, Final

from gateway.standards.edi.model import Finding
from gateway.standards.edifact.model import EdifactFile, EdifactGroup, EdifactInterchange, EdifactMessage
from gateway.standards.edifact.names import DOCUMENTS
from gateway.standards.edifact.reader import read_edifact
from gateway.standards.x12.recognise import recognise

__all__ = ["ONLY_LOOKED_AT", "inspect_edifact", "is_edifact"]

#: What is said of every EDIFACT file.
ONLY_LOOKED_AT: Final = (
    "The gateway reads EDIFACT for looking only: a message like this would be held. "
    "Ask the partner for X12, UBL or cXML."
)


def is_edifact(data: bytes) -> bool:
    """Whether the file begins as an EDIFACT interchange does."""
    return data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:2] == b"UN" and recognise(data)[0] == "edifact"


def inspect_edifact(name: str, data: bytes | EdifactFile) -> dict[str, Any]:
    """The inspection of one file, or of one that was read already, as JSON-able value. Never raises.

    The verdict is "held" for a file whose frame is right, "faulty" for one with errors: both would be held.
    """
    read = data if isinstance(data, EdifactFile) else read_edifact(data)
    result: dict[str, Any] = {"file": name, "format": "edifact", "verdict": _verdict(read)}
    result["reason"] = f"{read.unreadable} {ONLY_LOOKED_AT}".strip()
    result["interchanges"] = [_interchange(each) for each in read.interchanges]
    if read.findings:
        stray = [_finding(each) for each in read.findings]
        if result["interchanges"]:
            result["interchanges"][0]["findings"] = stray + result["interchanges"][0]["findings"]
        else:
            result["interchanges"] = [{**_NOTHING, "findings": stray}]
    result["ack"] = None
    return result


_NOTHING: Final[dict[str, Any]] = {
    "sender": None,
    "receiver": None,
    "control": None,
    "version": None,
    "findings": [],
    "groups": [],
}


def _verdict(read: EdifactFile) -> str:
    if not read.interchanges:
        return "unreadable"
    every = [*read.findings]
    for interchange in read.interchanges:
        every += interchange.findings
        for group in interchange.groups:
            every += group.findings
            for message in group.messages:
                every += message.findings
    return "faulty" if any(finding.severity == "error" for finding in every) else "held"


def _interchange(read: EdifactInterchange) -> dict[str, Any]:
    version = f"{read.syntax} {read.syntax_version}".strip()
    return {
        "sender": _address(read.sender_qualifier, read.sender),
        "receiver": _address(read.receiver_qualifier, read.receiver),
        "control": read.control if read.has_header else None,
        "version": version + (", test" if read.test else ""),
        "findings": [_finding(each) for each in read.findings],
        "groups": [_group(each) for each in read.groups],
    }


def _address(qualifier: str, identity: str) -> str | None:
    return f"{qualifier}:{identity}" if qualifier else identity or None


def _group(read: EdifactGroup) -> dict[str, Any]:
    return {
        "code": read.type,
        "control": read.reference,
        "version": next((message.version for message in read.messages), ""),
        "findings": [_finding(each) for each in read.findings],
        "sets": [_message(each) for each in read.messages],
    }


def _message(read: EdifactMessage) -> dict[str, Any]:
    wrong = any(finding.severity == "error" for finding in read.findings)
    return {
        "set": read.type,
        "control": read.reference,
        "document": DOCUMENTS.get(read.type),
        "number": read.number or None,
        "verdict": "faulty" if wrong else "held",
        "findings": [_finding(each) for each in read.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
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
