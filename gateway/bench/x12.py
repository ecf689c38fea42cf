"""`bench x12`: full validation and the 997 of a large 850 file, ours against pyx12's, in one run.

Each measurement is a process of its own (`gateway.bench.x12_work`), so that memory is that of the work alone; time is
CPU time of the work without imports, because other load on the machine must not count. Both read the same file. pyx12
gets a map of only the segments that occur, with the same elements, codes and syntax notes as ours: a larger map would
slow it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gateway.bench.generate import purchase_order_file
from gateway.bench.pyx12_maps import write_map_folder

__all__ = ["FULL_SEGMENTS", "QUICK_SEGMENTS", "run"]

#: Segments of the file that the project's target speaks of.
FULL_SEGMENTS = 200_000
#: Segments of the same-shaped file for a quick look.
QUICK_SEGMENTS = 20_000
#: Segments of the file that a process has seen before the clock starts: patterns are compiled, maps are loaded.
FIRST_SEGMENTS = 8_000
_ROUNDS = 2
_WORK = "validate and write the 997 of an 850/004010 file"


def run(
    segments: int = FULL_SEGMENTS, *, quick: bool = False, tell: Callable[[str], None] = lambda _line: None
) -> list[dict[str, Any]]:
    """The rows of `gateway bench x12`: segments per CPU second of ours and of pyx12, their ratio, our peak memory.

    `quick` measures a file of `QUICK_SEGMENTS`; `tell` gets a line before each step. Raises RuntimeError when a
    measured process fails or a validator calls the file bad.
    """
    size = QUICK_SEGMENTS if quick else segments
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        source = Path(folder) / "orders.x12"
        tell(f"writing an 850 file of {size:,} segments")
        source.write_bytes(purchase_order_file(size))
        first = Path(folder) / "first.x12"
        first.write_bytes(purchase_order_file(FIRST_SEGMENTS, seed=2))
        peer, note = None, None
        rounds = _rounds(source, first, tell)
        if find_spec("pyx12") is None:
            note = "pyx12 is not installed (it comes with the test extra)"
        else:
            tell("measuring pyx12, about a minute for 200,000 segments")
            maps = Path(folder) / "maps"
            write_map_folder(maps)
            peer = _measure("pyx12", source, maps, first)
            for before, after in zip(rounds, _rounds(source, first, tell), strict=True):
                before.extend(after)
    running, fresh, verdict_only = rounds
    count = running[0]["segments"]
    rows = [
        _row("validate+997", f"{_WORK}, in a process that has seen a small one", running, peer, count),
        _row("validate+997 fresh", f"{_WORK}, the first of its process", fresh, peer, count),
        _row("validate", "read and validate the same file, no acknowledgement", verdict_only, None, count),
    ]
    if note:
        rows[0]["note"] = rows[1]["note"] = note
    rows[2]["note"] = "pyx12 has no validation without its acknowledgement"
    return rows


def _rounds(source: Path, first: Path, tell: Callable[[str], None]) -> tuple[list[dict[str, Any]], ...]:
    """Ours in a running and in a fresh process, and without 997: some before and some after the peer, so that a busy
    minute does not decide."""
    tell("measuring ours")
    works = (("ours", source, first), ("ours", source), ("verdict", source, first))
    return tuple([_measure(*work) for _ in range(_ROUNDS)] for work in works)


def _row(
    variant: str, work: str, ours: list[dict[str, Any]], peer: dict[str, Any] | None, count: int
) -> dict[str, Any]:
    speed = count / statistics.median(result["seconds"] for result in ours)
    peer_speed = count / peer["seconds"] if peer else None
    return {
        "benchmark": "x12",
        "variant": variant,
        "work": f"{work}, {count:,} segments",
        "ours": round(speed),
        "unit": "segments per CPU second",
        "peer": "pyx12",
        "peer_value": round(peer_speed) if peer_speed else None,
        "ratio": round(speed / peer_speed, 1) if peer_speed else None,
        "rss_mib": round(max(result["rss_mib"] for result in ours), 1),
    }


def _measure(what: str, *arguments: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "gateway.bench.x12_work", what, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
    if done.returncode != 0:
        raise RuntimeError(f"Measuring {what} failed: {done.stderr.strip() or done.stdout.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
