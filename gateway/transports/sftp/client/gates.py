"""Whether a partner's server may be contacted now: a wrong host key closes it, repeated failures pause it.

A wrong host key closes both directions until the profile changes; nothing opens it by itself. Failures pause one
direction, longer each time; the first success ends the pause. A changed profile forgets every failure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.transports.sftp.client.errors import ConnectError, HostKeyMismatchError
from gateway.transports.sftp.client.target import SftpTarget

__all__ = ["Direction", "Gates", "pause_minutes"]

Direction = Literal["fetch", "send"]
#: Failures in a row before the first pause; a refused login pauses at once, because servers lock accounts.
FAILURES_ALLOWED = 3
#: Minutes of the first pause; doubled each time up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 5, 80


def pause_minutes(failures: int) -> int:
    """Minutes to wait after so many failures in a row; 0 = none."""
    over = failures - FAILURES_ALLOWED
    return 0 if over < 0 else int(min(FIRST_PAUSE * 2 ** min(over, 10), LONGEST_PAUSE))


@dataclass(slots=True)
class _State:
    """What happened with one partner under one version of its profile."""

    version: int
    failures: int = 0
    closed_until: datetime | None = None
    reason: str = ""


class Gates:
    """Remembers failures of all partners. Thread-safe; shared by the poller and the delivery.

    ``on_host_key_mismatch`` gets (partner, host, seen fingerprint), once for each version of a profile;
    ``on_problem`` gets (partner, subject, sentence) when a direction is first paused.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        on_host_key_mismatch: Callable[[str, str, str], None] | None = None,
        on_problem: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._on_mismatch = on_host_key_mismatch
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._wrong_key: dict[str, tuple[int, str]] = {}
        self._states: dict[tuple[str, Direction], _State] = {}

    def why_closed(self, target: SftpTarget, direction: Direction) -> str:
        """Why the server is not to be contacted now, as a sentence; "" when it may be."""
        with self._lock:
            blocked = self._wrong_key.get(target.partner)
            if blocked is not None and blocked[0] == target.version:
                return blocked[1]
            state = self._states.get((target.partner, direction))
            if state is None or state.version != target.version or state.closed_until is None:
                return ""
            if self._clock() >= state.closed_until:
                return ""
            until = state.closed_until.strftime("%H:%M:%S UTC")
            return f"{target.place} is left alone until {until} after {state.failures} failures: {state.reason}"

    def succeeded(self, target: SftpTarget, direction: Direction) -> None:
        """A connection worked: earlier failures count no more."""
        with self._lock:
            self._states.pop((target.partner, direction), None)

    def failed(self, target: SftpTarget, direction: Direction, error: ConnectError) -> None:
        """A connection failed; alerts when that closes or first pauses the server."""
        if isinstance(error, HostKeyMismatchError):
            self._close(target, error)
            return
        key = (target.partner, direction)
        with self._lock:
            state = self._states.get(key)
            if state is None or state.version != target.version:
                state = self._states[key] = _State(target.version)
            paused_before = state.closed_until is not None
            state.failures += 1
            if error.login_refused:
                state.failures = max(state.failures, FAILURES_ALLOWED)
            state.reason = str(error)
            minutes = pause_minutes(state.failures)
            if minutes:
                state.closed_until = self._clock() + timedelta(minutes=minutes)
        if minutes and not paused_before and self._on_problem is not None:
            self._on_problem(target.partner, f"sftp-{direction}", f"{error} It is tried again in {minutes} minutes.")

    def _close(self, target: SftpTarget, error: HostKeyMismatchError) -> None:
        with self._lock:
            blocked = self._wrong_key.get(target.partner)
            new = blocked is None or blocked[0] != target.version
            self._wrong_key[target.partner] = (target.version, str(error))
        if new and self._on_mismatch is not None:
            self._on_mismatch(target.partner, target.host, error.fingerprint)
