"""Coroutines that begin at once: what needs no waiting is done before anybody else gets a turn.

A task of asyncio begins with the loop's next round and costs a round more when it ends. Most requests of a session wait
for nothing; begun like this they cost no more than a call. Many others wait for one commit: ``Commit`` lets whoever
began them go on in the very round in which the loop hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import types
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

__all__ = ["Commit", "begin", "rest"]

T = TypeVar("T")


class Commit(Generic[T]):
    """Awaits what another thread does, as ``asyncio.wrap_future`` does in a task.

    Outside of any task it is what ``begin`` gives: ``tell`` says when the coroutine can be begun again to go on.
    """

    def __init__(self, future: Future[T]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, Any, T]:
        if not self._future.done():
            if asyncio.current_task() is None:
                yield self
            else:
                yield from asyncio.wrap_future(self._future)
        return self._future.result()

    def tell(self, loop: asyncio.AbstractEventLoop, heard: Callable[[], None]) -> None:
        """Call ``heard`` in the loop once it is done; nobody is called when the loop has ended by then."""

        def done(_future: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(heard)

        self._future.add_done_callback(done)


def begin(work: Coroutine[Any, Any, T]) -> Any:
    """Run a coroutine up to where it waits, or on from there; what it waits for, to be given to ``rest``.

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
