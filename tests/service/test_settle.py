"""A running gateway does not stop to look through what it made while starting."""

from __future__ import annotations

import subprocess
import sys

CHILD = """
import gc
from gateway.service.run import settle
settle()
made = [[] for _ in range(5)]
print(gc.get_freeze_count() > 50_000, len(gc.get_objects()) < 5_000, gc.isenabled(), gc.get_threshold()[0])
"""


def test_the_collector_passes_over_what_stays() -> None:
    ended = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.split() == ["True", "True", "True", "10000"]
