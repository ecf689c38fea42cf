"""Loading what a command needs: the collector of garbage waits until it is there."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading"]


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded nobody looks for garbage among what they make, and afterwards never again.

    Modules stay until the process ends. Looking through their several hundred thousand objects again and again took a
    quarter of a start.
    """
    collecting, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if collecting:
            gc.enable()
