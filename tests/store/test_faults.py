"""A fault point kills the process only when it is armed, and at the pass that was asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
from gateway.store.faults import fault_point
for n in range(4):
    fault_point("here")
    fault_point("there")
    print(n, flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "passes", "code"),
    [(None, 4, 0), ("elsewhere", 4, 0), ("here", 0, -9), ("there:3", 2, -9), ("here:9", 4, 0)],
)
def test_the_process_dies_where_it_was_told(armed: str | None, passes: int, code: int) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GATEWAY_FAULT"}
    if armed is not None:
        environment["GATEWAY_FAULT"] = armed
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert (len(run.stdout.split()), run.returncode) == (passes, code)
