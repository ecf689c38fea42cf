"""What coverage is measured of, and how the heap of a long run is kept cheap.

Measuring slows every line of Python by more than half. A test that only puts more inputs through code that others
have gone through already is run without it: a property test, one marked ``volume``, and every case of a parametrized
test after its second. Nor is the search for tests measured; our modules are imported before it.

Statements that were compiled to SQL for the database of one test serve those of all others.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

import gateway

#: Cases of one parametrized test that are measured.
_MEASURED_CASES = 2
#: How child processes are told to measure themselves.
_TOLD = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")

#: Statement → its SQL. Engines keep such a cache each; a test that opens a new database would begin anew.
_compiled: LRUCache[Any, Any] = LRUCache(3000)


#: All dialects of this kind are the same to the cache, whose keys begin with the dialect.
SQLiteDialect_pysqlite.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
SQLiteDialect_pysqlite.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]


@event.listens_for(Engine, "engine_connect")
def _share_compiled(connection: Connection) -> None:
    if isinstance(connection.dialect, SQLiteDialect_pysqlite):
        connection.engine._compiled_cache = _compiled


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seen: Counter[tuple[Any, ...]] = Counter()
    for item in items:
        function = (item.path, getattr(item, "cls", None), getattr(item, "originalname", item.name))
        seen[function] += 1
        is_property = getattr(getattr(item, "function", None), "is_hypothesis_test", False)
        is_volume = item.get_closest_marker("volume") is not None
        item.stash[_MEASURED] = not is_property and not is_volume and seen[function] <= _MEASURED_CASES


_MEASURED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    if _is_measured():
        for module in walk_packages(gateway.__path__, "gateway."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                import_module(module.name)
    with _unmeasured():
        return (yield)


def pytest_collection_finish() -> None:
    """What was imported stays until the end: nobody need look through it for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.stash[_MEASURED]:
        return (yield)
    with _unmeasured():
        return (yield)


def _is_measured() -> bool:
    return type(sys.gettrace()).__module__.startswith("coverage")


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Coverage's tracer is off in this thread, in those begun meanwhile, and in child processes. Another stays on."""
    if not _is_measured():
        yield
        return
    tracer = sys.gettrace()
    begun = threading.gettrace()
    told = {name: os.environ.pop(name) for name in _TOLD if name in os.environ}
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]  # how it is switched off
    try:
        yield
    finally:
        threading.settrace(begun)  # type: ignore[arg-type]
        sys.settrace(tracer)
        os.environ.update(told)
