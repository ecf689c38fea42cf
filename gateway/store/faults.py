"""Named fault points: places where a test makes the process die, to prove that nothing acknowledged is lost.

With ``GATEWAY_FAULT=<name>`` in the environment the process kills itself (SIGKILL, no clean-up) when it
comes to ``fault_point(<name>)``; ``<name>:3`` means the third time. Without the variable a fault point does
nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
from functools import cache

__all__ = ["FAULT_VARIABLE", "fault_point"]

#: The environment variable that arms one fault point.
FAULT_VARIABLE = "GATEWAY_FAULT"

_passes: dict[str, itertools.count[int]] = {}


def fault_point(name: str) -> None:
    """Die here when this point is armed; otherwise return at once."""
    wanted, nth = _armed()
    if name != wanted:
        return
    if next(_passes.setdefault(name, itertools.count(1))) >= nth:
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def _armed() -> tuple[str, int]:
    """The armed point and its how manieth passing; read once, because every message comes by several points."""
    wanted, _, nth = os.environ.get(FAULT_VARIABLE, "").partition(":")
    return wanted, int(nth or 1)


if hasattr(os, "register_at_fork"):  # a forked process may have been given another environment
    os.register_at_fork(after_in_child=_armed.cache_clear)
