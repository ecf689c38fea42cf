"""Gateways that start in a moment: forked from a process that has everything imported, then run as the command does.

A start of ``gateway up`` takes seconds, nearly all of them for imports. A story with fifty kills pays them once: the
nursery imports the gateway and waits; for each start it forks a child, which gives itself the environment and the
output that it is told, and runs the command line from there. The child is a process of its own with its own database
connections, threads and sockets: ``kill -9`` takes it as it takes any other. When its owner goes, so does the nursery
with every child.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from gateway.demo.company import GatewayProcess

__all__ = ["Nursery"]


class Nursery:
    """Start and end it as a context; ``launch`` fits ``Company.launch``."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def launch(self, arguments: list[str], environment: dict[str, str], output: Path) -> GatewayProcess:
        """Start ``gateway`` with these arguments."""
        pid = self._ask({"arguments": arguments, "environment": environment, "output": str(output)})["pid"]
        return _Child(pid, self)

    def ended(self, pid: int) -> int | None:
        """The return code of a child as ``subprocess`` has it, None while it runs."""
        code: int | None = self._ask({"ended": pid})["code"]
        return code

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("The nursery has ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass
class _Child:
    """One started gateway; has what ``GatewayProcess`` asks for."""

    pid: int
    nursery: Nursery
    code: int | None = field(default=None)

    def poll(self) -> int | None:
        if self.code is None:
            self.code = self.nursery.ended(self.pid)
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        give_up = time.monotonic() + (math.inf if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > give_up:
                raise subprocess.TimeoutExpired("gateway", timeout or 0.0)
            time.sleep(0.005)
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


# -- in the nursery's process ------------------------------------------------------------------------------------

#: What a start needs. The reactor's module is only imported here; the child that runs it installs it.
_NEEDED = ("gateway.cli.main", "gateway.cli.up", "gateway.service.run", "twisted.internet.asyncioreactor")


def _serve() -> None:
    """Answer questions, one line each, until there are no more; then end every child."""
    for name in _NEEDED:
        importlib.import_module(name)
    _build()
    answers = os.dup(1)
    os.dup2(2, 1)
    running: set[int] = set()
    for line in sys.stdin:
        question = json.loads(line)
        if "ended" in question:
            answer = {"code": _code(question["ended"], running)}
        else:
            answer = {"pid": _fork(question, answers)}
            running.add(answer["pid"])
        os.write(answers, json.dumps(answer).encode() + b"\n")
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _build() -> None:
    """What is made or loaded when it is first used, so that not each child does it anew."""
    from gateway.documents import KINDS
    from gateway.partners.profile import PartnerProfile
    from gateway.service import OPERATIONS

    for model in (*KINDS.values(), PartnerProfile):
        model.model_rebuild()
    assert all(OPERATIONS[name] for name in OPERATIONS)


def _code(pid: int, running: set[int]) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    if found == 0:
        return None
    running.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _fork(question: dict[str, Any], answers: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.close(answers)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(question["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.clear()
        os.environ.update(question["environment"])
        code = _command(question["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(arguments: list[str]) -> int:
    from gateway.cli.main import main

    sys.argv = ["gateway", *arguments]
    try:
        main()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0


if __name__ == "__main__":
    _serve()
