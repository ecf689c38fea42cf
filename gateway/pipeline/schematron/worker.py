"""The process that runs compiled Schematron: a request a line on standard input, an answer a line on standard output.

It gets the text of a document that was parsed and written out again by the hardened parser, so there is no DOCTYPE and
no entity in it; Saxon may read nothing by address, call nothing outside and write no file. Whoever asks keeps the time
and ends this process when it takes too long.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path
from typing import Any

from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.refusal import XmlRefused

__all__ = ["MOST_FAILED", "main", "read_report"]

#: Failed assertions that are told of one file of rules.
MOST_FAILED = 200
#: Bytes of a report that are read.
_REPORT = XmlLimits(max_bytes=64 * 1024 * 1024)
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
#: How a step of a location is written by the usual compilers: /*:Name[namespace-uri()='…'][1], or with local-name().
_STEP = re.compile(r"/\*:([\w.-]+)\[namespace-uri\(\)\s*=\s*'[^']*'\](?:\[(\d+)\])?")
_STEP_BY_NAME = re.compile(r"/\*\[local-name\(\)\s*=\s*'([\w.-]+)'[^\]]*\](?:\[(\d+)\])?")
_SEVERITY = {"warning": "warning", "warn": "warning", "information": "note", "info": "note"}


def main() -> None:
    """Answer requests until standard input ends."""
    saxon = _Saxon()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            found = saxon.check(Path(request["rules"]), request["document"])
            answer: dict[str, Any] = {"found": found}
        except Exception as error:  # noqa: BLE001 - the one who asks says it; this process goes on
            answer = {"error": " ".join(str(error).split())[:500] or type(error).__name__}
        answer["rss_kib"] = _resident_kib()
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _resident_kib() -> int:
    """Resident memory now. The highest so far would be wrong: a child starts with its parent's."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    except OSError:
        return 0


class _Saxon:
    """Saxon with its doors closed, and the rules that it has compiled."""

    def __init__(self) -> None:
        from saxonche import PySaxonProcessor

        self._processor = PySaxonProcessor(license=False)
        self._processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "")
        self._processor.set_configuration_property("http://saxon.sf.net/feature/allow-external-functions", "off")
        self._xslt = self._processor.new_xslt30_processor()
        self._compiled: dict[Path, tuple[tuple[int, int], Any]] = {}

    def check(self, rules: Path, document: str) -> list[dict[str, str]]:
        """What a document breaks of the rules in a file. Raises what Saxon and the reader of its report raise."""
        stat = rules.stat()
        known = self._compiled.get(rules)
        if known is None or known[0] != (stat.st_mtime_ns, stat.st_size):
            compiled = self._xslt.compile_stylesheet(stylesheet_text=rules.read_text(encoding="utf-8-sig"))
            known = self._compiled[rules] = ((stat.st_mtime_ns, stat.st_size), compiled)
        report = known[1].transform_to_string(xdm_node=self._processor.parse_xml(xml_text=document))
        if not report:
            raise ValueError("the rules gave no report; they must be compiled Schematron that makes SVRL")
        return read_report(report)


def read_report(report: str) -> list[dict[str, str]]:
    """The failed assertions and reports of an SVRL report: {"id", "severity", "text", "path"}, at most MOST_FAILED.

    Raises ValueError for what is no report.
    """
    try:
        root = parse_xml(report.encode(), _REPORT).root
    except XmlRefused as error:
        raise ValueError(f"the report of the rules cannot be read: {error}") from error
    if root.tag != f"{_SVRL}schematron-output":
        raise ValueError("the rules gave no SVRL report; they must be compiled Schematron")
    found = []
    for element in root.iterchildren(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        flag = (element.get("flag") or element.get("role") or "fatal").lower()
        words = element.find(f"{_SVRL}text")
        text = " ".join("".join(words.itertext()).split()) if words is not None else ""
        found.append(
            {
                "id": element.get("id") or "",
                "severity": _SEVERITY.get(flag, "error"),
                "text": text or element.get("test") or "",
                "path": _path(element.get("location") or ""),
            }
        )
        if len(found) == MOST_FAILED:
            break
    return found


def _path(location: str) -> str:
    def step(match: re.Match[str]) -> str:
        number = match[2] or "1"
        return f"/{match[1]}" + (f"[{number}]" if number != "1" else "")

    return _STEP_BY_NAME.sub(step, _STEP.sub(step, location))


if __name__ == "__main__":
    main()
