"""A Twisted reactor for tests, of its own on a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["Reactor"]


class Reactor:
    """A Twisted reactor of its own on a thread; nothing global is installed."""

    def __init__(self) -> None:
        ready: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        self.reactor = ready.result(20)

    @staticmethod
    def _run(ready: Future[Any]) -> None:
        from twisted.internet.asyncioreactor import AsyncioSelectorReactor

        reactor = AsyncioSelectorReactor(asyncio.new_event_loop())
        reactor.callWhenRunning(ready.set_result, reactor)
        reactor.run(installSignalHandlers=False)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        from twisted.internet.defer import maybeDeferred

        result: Future[Any] = Future()

        def run() -> None:
            done = maybeDeferred(function, *arguments)
            done.addCallbacks(result.set_result, lambda failure: result.set_exception(failure.value))

        self.reactor.callFromThread(run)
        return result.result(20)

    def stop(self) -> None:
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(20)
