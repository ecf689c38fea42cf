"""What is made when it is first asked for is made once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.service import OPERATIONS
from gateway.service.later import Later, PortsLater


def test_threads_that_ask_at_once_get_the_same_value() -> None:
    made: list[object] = []
    together = threading.Barrier(8)

    def make() -> object:
        made.append(object())
        return made[-1]

    later = Later(make)

    def ask(_: int) -> object:
        together.wait(10)
        return later.get()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == set(made)
    assert len(made) == 1


def test_a_value_that_could_not_be_made_is_tried_again() -> None:
    answers = iter([OSError("no disk"), "made"])

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    later = Later(make)
    with pytest.raises(OSError, match="no disk"):
        later.get()
    assert later.get() == later.get() == "made"


def test_ports_are_made_when_one_is_asked_for() -> None:
    made: list[str] = []
    port = object()

    def make() -> dict[str, object]:
        made.append("ports")
        return {"as2": port}

    ports = PortsLater(make)  # type: ignore[arg-type]
    assert not made
    assert ports.get("pigeon") is None and ports["as2"] is port
    assert (list(ports), len(ports), made) == (["as2"], 1, ["ports"])


def test_every_operation_is_found_by_its_name_and_stands_once() -> None:
    names = list(OPERATIONS)
    assert len(names) == len(set(names)) == len(OPERATIONS)
    assert all(callable(OPERATIONS[name]) for name in names)
    assert OPERATIONS.get("partner.unheard") is None


def test_a_context_knows_every_table_whatever_else_is_loaded() -> None:
    code = (
        "from gateway.service.context import TABLES\n"
        "import importlib, pkgutil, gateway\n"
        "for found in pkgutil.walk_packages(gateway.__path__, 'gateway.'):\n"
        "    if found.name.rpartition('.')[2].endswith('models') and '.bench.' not in found.name:\n"
        "        importlib.import_module(found.name)\n"
        "import gateway.service.run, gateway.service.operations\n"
        "assert list(gateway.service.operations.OPERATIONS)\n"
        "from gateway.store.base import Base\n"
        "print(sorted(set(Base.metadata.tables) - TABLES))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
