"""Hostile XML against the check and `gateway inspect`, all of it in one process that is watched from outside.

The process must fetch nothing, read nothing but the file it was given, stay small, and end every file in a refusal
that says what is wrong and what to do.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gateway.standards.xml.limits import DEFAULT_LIMITS, cost_of
from tests.attacks import xml_inputs as inputs

CANARY = "canary-7f1d9c3e-that-nobody-may-see"
MOST_MEMORY = 128 * 1024 * 1024
#: Seconds after which one file is taken to hang; far above what any needs.
HANGS = 120
SECRET = "open sesame"
#: When the secret file was last read, as set by us; a reading after its last change would be noted.
_LONG_AGO = 1_000_000_000


class Watched:
    """A process that examines files, the secrets around it, and a web server that counts visitors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.visits: list[str] = []
        visits = self.visits

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                visits.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        canary, pipe = folder / "canary.txt", folder / "pipe"
        canary.write_text(CANARY)
        os.utime(canary, (_LONG_AGO, canary.stat().st_mtime))
        os.mkfifo(pipe)
        self.targets = inputs.Targets(str(canary), str(pipe), f"http://127.0.0.1:{self.server.server_port}")
        child = [sys.executable, str(Path(__file__).with_name("xml_child.py"))]
        self.process = subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answers: dict[str, dict[str, Any]] = {}

    def examine(self, name: str, data: bytes) -> dict[str, Any]:
        file = self.folder / "input"
        file.write_bytes(data)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], HANGS)
        assert ready, f"{name}: no answer"
        line = self.process.stdout.readline()
        assert line, f"{name}: the process died"
        answer = json.loads(line)
        answer["size"] = len(data)
        self.answers[name] = answer
        return answer

    def was_read(self) -> bool:
        """Whether anybody read the secret file, as far as the file system tells."""
        return os.stat(self.targets.file).st_atime != _LONG_AGO

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    process = Watched(tmp_path_factory.mktemp("attacked"))
    try:
        yield process
    finally:
        process.close()


def warm(process: Watched) -> int:
    """Memory of the process when it has read right and wrong documents of each family: schemas are loaded then."""
    order, cxml = inputs.order(), inputs.cxml()
    for data in (
        order,
        inputs.sbdh(),
        order.replace(">1</cbc:Quantity>", ">ten</cbc:Quantity>"),
        inputs.order(extra="<cac:OrderLine><cbc:Evil/></cac:OrderLine>"),
        cxml,
        cxml.replace("ProfileRequest", "EvilRequest"),
        inputs.cxml(extra="<evil/>"),
    ):
        process.examine("warm-up", data.encode())
    return int(process.examine("warm-up", order.encode())["peak"])


@pytest.fixture(scope="module")
def baseline(watched: Watched) -> int:
    return warm(watched)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, int]]:
    """A second process for the largest files that are still read, and its memory before."""
    process = Watched(tmp_path_factory.mktemp("large"))
    try:
        yield process, warm(process)
    finally:
        process.close()


@pytest.fixture(scope="module")
def examined(watched: Watched, baseline: int) -> dict[str, dict[str, Any]]:
    """The answers to every hostile file."""
    watched.answers.clear()
    for name, make in inputs.hostile(watched.targets):
        watched.examine(name, make())
    return dict(watched.answers)


def test_there_are_at_least_two_hundred_hostile_files(examined):
    assert len(examined) >= 200


def test_every_hostile_file_ends_in_a_refusal(examined):
    taken = {
        name: (answer["verdict"], answer["inspected"])
        for name, answer in examined.items()
        if {answer["verdict"], answer["inspected"]} - {"rejected", "unreadable"}
    }
    assert taken == {}


def test_every_refusal_says_what_is_wrong_and_what_to_do(examined):
    for name, answer in examined.items():
        errors = [finding for finding in answer["findings"] if finding[1] == "error"]
        assert errors, name
        for code, _, message, fix in errors:
            assert code.partition("-")[0] in ("XML", "XSD"), (name, code)
            assert len(message) > 10, (name, message)
            assert message.endswith((".", ".…")), (name, message)
            assert len(message) < 1_000, (name, message)
            assert fix, (name, code, message)
        if answer["inspected"] == "unreadable":
            assert answer["told"], name


def test_nothing_is_fetched_or_opened(watched, examined):
    assert watched.visits == []
    assert {name: answer["noticed"] for name, answer in examined.items() if answer["noticed"]} == {}
    assert watched.was_read() is False


def test_no_secret_is_shown(examined):
    shown = {name for name, answer in examined.items() if CANARY in json.dumps(answer) or SECRET in json.dumps(answer)}
    assert shown == set()


def test_memory_stays_within_bounds(examined, baseline):
    above = {
        name: f"{(answer['peak'] - baseline) / 1024 / 1024:.0f} MiB for {answer['size']:,} bytes"
        for name, answer in examined.items()
        if answer["peak"] - baseline > MOST_MEMORY
    }
    assert above == {}


def test_what_must_not_be_looked_up_is_not_and_does_no_harm(watched, baseline):
    for name, make in inputs.harmless(watched.targets):
        answer = watched.examine(name, make())
        assert answer["verdict"] in ("accepted", "accepted_with_errors"), (name, answer["findings"])
        assert answer["noticed"] == [], name
        assert CANARY not in json.dumps(answer), name
    assert watched.visits == []


def _largest(make: Callable[[int], bytes]) -> bytes:
    """The largest file of a shape that the limits let through."""
    low, high = 1, 1
    while _passes(make(high)):
        low, high = high, high * 2
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (middle, high) if _passes(make(middle)) else (low, middle)
    return make(low)


def _passes(data: bytes) -> bool:
    cost = cost_of(data, DEFAULT_LIMITS)
    within = cost.elements <= DEFAULT_LIMITS.max_elements and cost.memory <= DEFAULT_LIMITS.max_memory
    return len(data) <= DEFAULT_LIMITS.max_bytes and within


SHAPES: dict[str, Callable[[int], bytes]] = {
    "empty elements": lambda n: b"<a>" + b"<b/>" * n + b"</a>",
    "elements and texts": lambda n: b"<a>" + b"<b/>text" * n + b"</a>",
    "texts of 17 characters": lambda n: b"<a>" + (b"<b/>" + b"x" * 17) * n + b"</a>",
    "texts of 9.9 MB": lambda n: b"<a>" + (b"<b>" + b"x" * 9_900_000 + b"</b>") * n + b"</a>",
    "attributes": lambda n: b"<a>" + b'<b c="xxxx" d="yyyy"/>' * n + b"</a>",
    "many attributes": lambda n: b"<a>" + (b"<b " + inputs.attributes(250).encode() + b"/>") * n + b"</a>",
    "namespaces": lambda n: b"<a>" + b"".join(b'<n%d:b xmlns:n%d="u%d"/>' % (i, i, i) for i in range(n)) + b"</a>",
    "names": lambda n: b"<a>" + b"".join(b"<n%d/>" % i for i in range(n)) + b"</a>",
    "long names": lambda n: b"<a>" + b"".join(b"<n%d%s/>" % (i, b"x" * 40) for i in range(n)) + b"</a>",
    "comments": lambda n: b"<a>" + b"<!---->" * n + b"</a>",
    "instructions": lambda n: b"<a>" + b"<?a b?>" * n + b"</a>",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_largest_file_of_a_shape_that_is_still_read_stays_within_bounds(fresh, shape):
    process, before = fresh
    answer = process.examine(shape, _largest(SHAPES[shape]))
    assert answer["peak"] - before < MOST_MEMORY


def test_names_of_many_files_do_not_add_up(fresh):
    def file(number: int) -> bytes:
        return b"<a>" + b"".join(b"<n%d_%d_%s/>" % (number, i, b"x" * 60) for i in range(60_000)) + b"</a>"

    process, before = fresh
    for number in range(40):
        answer = process.examine(f"names {number}", file(number))
    assert answer["peak"] - before < MOST_MEMORY
