"""The part of the service that runs alerts: it looks every few seconds, in a thread of its own, until stopped."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from gateway.alerts.context import Alerting
from gateway.alerts.events import sweep_events
from gateway.alerts.sender import Sender
from gateway.alerts.watch import run_checks

__all__ = ["EVERY", "Runner"]

logger = logging.getLogger(__name__)

#: Seconds between two looks.
EVERY = 5.0


class Runner:
    """Finds alerts and has them sent."""

    def __init__(self, alerting: Alerting, every: float = EVERY) -> None:
        self._alerting = alerting
        self._every = every
        self._last_run: dict[str, datetime] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self.sender = Sender(alerting)

    def start(self) -> None:
        """Start looking; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that runs, and after what is being sent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.sender.stop()

    def look(self) -> int:
        """One look: what happened, what the clock says, and what is due to be sent; how many alerts were made."""
        made = sweep_events(self._alerting, self._stopping.is_set)
        if not self._stopping.is_set():
            made += run_checks(self._alerting, self._last_run)
        self.sender.dispatch()
        return made

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.look()
            except Exception:
                # The database is away or the disk is full: the next look tries again.
                logger.exception("Looking for alerts failed; the next look follows in %.0f s", self._every)
