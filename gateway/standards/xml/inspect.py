"""What `gateway inspect` says about one XML file, in the same shape as for X12.

Each business document is one interchange with one group and one set. Pure: bytes in, a JSON-able value out. The
shape is public interface (DESIGN §9); findings carry "line" and "path" beside what those of X12 have.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from lxml import etree

from gateway.standards.edi.model import Finding
from gateway.standards.x12.recognise import recognise
from gateway.standards.xml.acknowledge import acknowledge_xml
from gateway.standards.xml.check import DEFAULT_OPTIONS, CheckedXml, CheckedXmlDocument, XmlCheckOptions, check_xml
from gateway.standards.xml.memory import give_back
from gateway.standards.xml.parsing import masked, parse_xml, serialise

__all__ = ["inspect_xml"]

_FAMILY: Final = {"ubl": "UBL", "cxml": "cXML", "xml": "XML"}
_XML_FORMATS: Final = tuple(_FAMILY)
#: Refusals of files that are not XML at all.
_NOT_XML: Final = ("XML-web-page", "XML-not-xml", "XML-empty")


#: When an answer was made, where nobody says.
_NO_DATE: Final = datetime(2000, 1, 1, tzinfo=UTC)


def inspect_xml(
    name: str,
    data: bytes,
    *,
    options: XmlCheckOptions = DEFAULT_OPTIONS,
    ack: bool = False,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The inspection of one XML file. Never raises.

    With ``ack`` the key "ack" holds the answers to its documents as text (UBL ApplicationResponse, cXML Response),
    made at the time ``now``; None when there is nothing to answer.
    """
    result = _inspect(name, data, options, now or _NO_DATE, ack)
    give_back(len(data))
    return result


def _inspect(name: str, data: bytes, options: XmlCheckOptions, now: datetime, ack: bool) -> dict[str, Any]:
    checked = check_xml(data, options)
    result: dict[str, Any] = {"file": name, "format": _format(checked, data), "verdict": checked.verdict}
    if checked.unreadable:
        result["reason"] = _printable(checked.unreadable)
    refused = [_refused(checked.findings)] if checked.findings else []
    result["interchanges"] = refused + [_interchange(document) for document in checked.documents]
    result["ack"] = _answers(checked, now) if ack else None
    return result


def _format(checked: CheckedXml, data: bytes) -> str:
    """The family; of a file that was refused, what its first bytes say."""
    if checked.tree is not None:
        return checked.format
    if any(finding.code in _NOT_XML for finding in checked.findings):
        return "unknown"
    recognised = recognise(data)[0]
    return recognised if recognised in _XML_FORMATS else "xml"


def _answers(checked: CheckedXml, now: datetime) -> str | None:
    """The answers as one file: a single one as it is, several below one element."""
    answers = [
        answer
        for position, document in enumerate(checked.documents, 1)
        if (answer := acknowledge_xml(document, now=now, message_id=f"ACK-{position}")) is not None
    ]
    if len(answers) > 1:
        root = etree.Element("Answers")
        root.extend(parse_xml(answer).root for answer in answers)
        return serialise(root).decode()
    return answers[0].decode() if answers else None


def _refused(findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "sender": None,
        "receiver": None,
        "control": None,
        "version": None,
        "findings": [_finding(finding) for finding in findings],
        "groups": [],
    }


def _interchange(document: CheckedXmlDocument) -> dict[str, Any]:
    identity = document.identity
    control = _printable(document.control)
    each = {
        "set": _printable(document.set_id),
        "control": control,
        "document": document.kind,
        "number": _printable(document.number) if document.number is not None else None,
        "verdict": document.verdict,
        "findings": [_finding(finding) for finding in document.findings],
    }
    version = _printable(document.standard)
    group = {
        "code": _FAMILY[identity.format],
        "control": control,
        "version": version,
        "findings": [],
        "sets": [each],
    }
    return {
        "sender": _printable(str(identity.sender[0])) if identity.sender else None,
        "receiver": _printable(str(identity.receiver[0])) if identity.receiver else None,
        "control": control,
        "version": version,
        "findings": [],
        "groups": [group],
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
        "line": finding.line,
        "path": finding.path,
    }
    return {key: _printable(value) if isinstance(value, str) else value for key, value in shown.items()}


def _printable(text: str) -> str:
    """Text without shared secrets, which can be written as UTF-8."""
    return masked(text).encode("utf-8", "backslashreplace").decode("utf-8")
