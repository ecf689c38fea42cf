"""Tests of partners' servers that run beside the pages: begun by one request, looked at by others until they end.

A test takes up to minutes before a silent server, so it has a thread of its own; two run at a time, one for each
partner. What came of them lives in the memory of this process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Trial", "Trials"]

_MOST_AT_A_TIME, _MOST_KEPT = 2, 100


@dataclass
class Trial:
    """One test."""

    partner: str
    #: Who began it, and when.
    author: str
    began: datetime
    #: {"ok", "steps"}; None while it runs.
    result: dict[str, Any] | None = None
    #: Why it could not be made, when it could not.
    failure: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return not self.ended.is_set()


class Trials:
    """The tests of a process; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Trial] = {}

    def find(self, partner: str) -> Trial | None:
        """The last test of a partner."""
        with self._lock:
            return self._kept.get(partner)

    def start(
        self,
        partner: str,
        author: str,
        now: datetime,
        work: Callable[[], dict[str, Any]],
        told: Callable[[Exception], str],
    ) -> Trial | None:
        """Begin a test, or give the one that runs for this partner; None when too many run already.

        ``told`` gives the sentence for what ``work`` raises.
        """
        with self._lock:
            before = self._kept.get(partner)
            if before is not None and before.runs:
                return before
            if sum(trial.runs for trial in self._kept.values()) >= _MOST_AT_A_TIME:
                return None
            trial = Trial(partner, author, now)
            self._kept.pop(partner, None)
            self._kept = dict(list(self._kept.items())[-_MOST_KEPT:]) | {partner: trial}
        threading.Thread(target=_run, args=(trial, work, told), name="partner-test", daemon=True).start()
        return trial


def _run(trial: Trial, work: Callable[[], dict[str, Any]], told: Callable[[Exception], str]) -> None:
    try:
        trial.result = work()
    except Exception as error:  # noqa: BLE001 - ``told`` makes a sentence of it and logs what nobody foresaw
        trial.failure = told(error)
    finally:
        trial.ended.set()
