"""Coroutines that begin at once: what needs no waiting is done before anybody else gets a turn.

A task of asyncio begins with the loop's next round and costs a round more when it ends. Most requests of a session wait
for nothing; begun like this they cost no more than a call.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

__all__ = ["begin", "rest"]

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T]) -> Any:
    """Run a coroutine up to where it waits; what it waits for, to be given to ``rest``.

    Raises StopIteration with its value when it waited for nothing, and what it raised.
    """
    return work.send(None)


@types.coroutine
def rest(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Await the rest of a coroutine that was begun and waits for ``awaited``."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - a cancelled task: told to the coroutine as if it were its own
            step = partial(work.throw, error)
        else:
            step = partial(work.send, sent)
        try:
            awaited = step()
        except StopIteration as done:
            value: T = done.value
            return value
