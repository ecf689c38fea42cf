"""Checks the files named on standard input, one answer for each, and tells what Python opened and how memory grew."""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

opened: list[str] = []
_FILES = ("open", "urllib.Request")
_OURS = re.compile(r"/(?:site-packages|schemas)/")
_NOTICED = (
    "open",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "urllib.Request",
)


def notice(event: str, arguments: tuple[object, ...]) -> None:
    """Note what is opened or called, except our own schemas, which are looked at when something is wrong."""
    what = str(arguments[0]) if arguments else ""
    if event in _NOTICED and not (event in _FILES and what.endswith(".xsd") and _OURS.search(what)):
        opened.append(f"{event} {what}")


def peak() -> int:
    """The most memory in use since `forget`, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def examine(name: str) -> dict[str, object]:
    from click.testing import CliRunner

    from gateway.cli.inspect import inspect_command
    from gateway.standards.inspect import inspect_file
    from gateway.standards.xml.check import check_xml
    from gateway.standards.xml.memory import give_back

    began = time.monotonic()
    forget()
    data = Path(name).read_bytes()
    opened.clear()
    checked = check_xml(data)
    findings = [
        [each.code, each.severity, each.message, each.fix]
        for each in (*checked.findings, *(each for document in checked.documents for each in document.findings))
    ]
    verdict, reason = checked.verdict, checked.unreadable
    del checked
    give_back(len(data))
    found = inspect_file("file", data, ack=True, now=datetime(2026, 3, 2, tzinfo=UTC))
    # A file that never begins like XML is a matter for the readers of other formats.
    page = json.dumps(found)
    noticed = list(opened)
    if len(data) < 1_000_000:
        page += CliRunner().invoke(inspect_command, ["-"], input=data).output
    return {
        "verdict": verdict,
        "reason": reason,
        "findings": findings[:5],
        "inspected": found["verdict"],
        "told": found.get("reason", ""),
        "shown": page if len(page) < 2_000_000 else page[:2_000_000],
        "noticed": noticed,
        "peak": peak(),
        "seconds": time.monotonic() - began,
    }


def main() -> None:
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        codecs.lookup(codec)
    sys.addaudithook(notice)
    for line in sys.stdin:
        print(json.dumps(examine(line.rstrip("\n"))), flush=True)


if __name__ == "__main__":
    main()
