"""Asking the process that runs official rules, within a time limit, and putting its answer into our words.

A document that cannot be judged in time is "not checked": a warning, never a block. The process starts with the first
document that a rule set is for, and again after it was ended for taking too long or too much memory.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from lxml import etree

from gateway.pipeline.schematron.rulesets import OfficialRuleSet, load_rule_sets
from gateway.pipeline.schematron.worker import MOST_FAILED
from gateway.standards.edi.model import Finding, Severity
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.standards.xml.parsing import local_name

__all__ = ["INSTALL", "SECONDS", "OfficialRules"]

logger = logging.getLogger(__name__)

#: Seconds that one file of rules may take for one document, compiling included.
SECONDS = 10.0
INSTALL = "pip install the schematron extra (saxonche), then restart the gateway"
#: A worker that has grown beyond this many KiB is replaced after its answer.
_MOST_KIB = 1024 * 1024
_NOT_IN_CODE = re.compile(r"[^A-Za-z0-9]+")
_MOST_TEXT = 500
#: Bytes that a pipe takes at a time.
_PIPE = 4096


class _NotCheckedError(Exception):
    """A document could not be judged; the text says why."""


class OfficialRules:
    """The official rule sets of one working directory. Thread-safe; ``close`` ends its process."""

    def __init__(self, workdir: Path | None, *, seconds: float = SECONDS) -> None:
        self._workdir = workdir
        self._seconds = seconds
        self._lock = Lock()
        self._worker: subprocess.Popen[bytes] | None = None

    def check(
        self, document: CheckedXmlDocument, severities: Mapping[str, Severity] | None = None
    ) -> tuple[Finding, ...]:
        """What a document breaks of every rule set that is for it, one "SCH-<rule>" each.

        ``severities``: how bad a finding is for this partner, by code or for all of "SCH".
        """
        rule_sets, problems = load_rule_sets(self._workdir)
        root, customization = document.set_id, _customization(document.identity.content)
        chosen = severities or {}
        found = [_not_checked(problem, "Mend it; `gateway schematron list` shows all.") for problem in problems]
        text: str | None = None
        for rules in rule_sets:
            if not rules.covers(root, customization):
                continue
            if text is None:  # written out by the hardened parser: no DOCTYPE and no entity is left in it
                text = etree.tostring(document.identity.content, encoding="unicode", with_tail=False)
            found += self._findings(rules, text)
        return tuple(
            Finding(
                code=one.code,
                severity=chosen.get(one.code, chosen.get("SCH", one.severity)),
                message=one.message,
                fix=one.fix,
                segment=one.segment,
                path=one.path,
            )
            for one in found
        )

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _findings(self, rules: OfficialRuleSet, text: str) -> Iterator[Finding]:
        for file in rules.files:
            try:
                failed = self._ask(file, text)
            except _NotCheckedError as error:
                yield _not_checked(
                    f"The rules {rules.name} were not checked: {error}.", "Look at the document by hand."
                )
                continue
            for one in failed:
                yield _finding(rules, one)
            if len(failed) >= MOST_FAILED:
                yield _not_checked(f"{rules.name}: more than {MOST_FAILED} rules are broken; the rest is not told.", "")

    def _ask(self, file: Path, text: str) -> list[dict[str, str]]:
        """The broken rules of one file. Raises _NotCheckedError."""
        if find_spec("saxonche") is None:
            raise _NotCheckedError(f"Saxon is not installed; {INSTALL}")
        request = json.dumps({"rules": str(file), "document": text}).encode() + b"\n"
        with self._lock:
            try:
                answer = json.loads(self._exchange(request))
            except TimeoutError as error:
                self._end()
                raise _NotCheckedError(f"they took longer than {self._seconds:g} s") from error
            except (OSError, ValueError) as error:
                self._end()
                raise _NotCheckedError("the process that runs them ended") from error
            if answer["rss_kib"] > _MOST_KIB:
                logger.info("The process of the official rules has grown large and is replaced")
                self._end()
        if "error" in answer:
            raise _NotCheckedError(answer["error"])
        found: list[dict[str, str]] = answer["found"]
        return found

    def _exchange(self, request: bytes) -> bytes:
        """Send one line and wait for one. Raises TimeoutError, OSError, ValueError when the process is gone."""
        worker = self._running()
        assert worker.stdin is not None
        assert worker.stdout is not None
        until = time.monotonic() + self._seconds
        writing, reading = worker.stdin.fileno(), worker.stdout.fileno()
        rest, answer = memoryview(request), bytearray()
        with selectors.DefaultSelector() as pipes:
            pipes.register(reading, selectors.EVENT_READ)
            pipes.register(writing, selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                left = until - time.monotonic()
                ready = {key.fd for key, _ in pipes.select(left)} if left > 0 else set()
                if not ready:
                    raise TimeoutError
                if writing in ready:
                    rest = rest[os.write(writing, rest[:_PIPE]) :]
                    if not rest:
                        pipes.unregister(writing)
                if reading in ready:
                    part = os.read(reading, 1 << 20)
                    if not part:
                        raise ValueError("no answer")
                    answer += part
        return bytes(answer)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._worker is None or self._worker.poll() is not None:
            self._end()
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "gateway.pipeline.schematron.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ},
            )
            assert self._worker.stdin is not None
            os.set_blocking(self._worker.stdin.fileno(), False)
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _customization(root: Any) -> str:
    """The CustomizationID of a UBL document, "" when it has none."""
    for child in root.iterchildren(tag=etree.Element):
        if local_name(child) == "CustomizationID":
            return (child.text or "").strip()
    return ""


def _finding(rules: OfficialRuleSet, failed: Mapping[str, str]) -> Finding:
    rule = _NOT_IN_CODE.sub("-", failed["id"]).strip("-")[:60] or "rule"
    text = failed["text"].removeprefix(f"[{failed['id']}]").removeprefix("-").strip()[:_MOST_TEXT]
    return Finding(
        code=f"SCH-{rule}",
        severity="warning" if failed["severity"] == "warning" else "note" if failed["severity"] == "note" else "error",
        message=f"{rules.name}, rule {failed['id'] or 'without a name'}: {text}",
        fix=f"Correct the document, or make SCH-{rule} a warning under inbound.severities in the partner's profile.",
        segment=failed["path"].rpartition("/")[2].partition("[")[0] or None,
        path=failed["path"] or None,
    )


def _not_checked(sentence: str, fix: str) -> Finding:
    return Finding("SCH-not-checked", "warning", sentence, fix)
