"""Named fault points: places where a test makes the process die, to prove that nothing acknowledged is lost.

With ``GATEWAY_FAULT=<name>`` in the environment the process kills itself (SIGKILL, no clean-up) when it
comes to ``fault_point(<name>)``; ``<name>:3`` means the third time. Without the variable a fault point does
nothing.
"""

from __future__ import annotations

import itertools
import os
import signal

__all__ = ["FAULT_VARIABLE", "fault_point"]

#: The environment variable that arms one fault point.
FAULT_VARIABLE = "GATEWAY_FAULT"

#: Read once: a process is armed when it starts.
_armed_name, _, _nth = os.environ.get(FAULT_VARIABLE, "").partition(":")
_passes: dict[str, itertools.count[int]] = {}


def fault_point(name: str) -> None:
    """Die here when this point is armed; otherwise return at once."""
    if name != _armed_name:
        return
    if next(_passes.setdefault(name, itertools.count(1))) >= int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
