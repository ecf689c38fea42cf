"""The rows that every benchmark gives, and how they are shown."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

__all__ = ["Row", "peak_rss_mib", "row"]

#: {"benchmark", "variant", "work", "ours", "unit", "peer", "peer_value", "ratio", "rss_mib"}, and "note" where a peer
#: could not be measured. ``ratio`` says how many times better ours is than the peer.
Row = dict[str, Any]


def row(
    benchmark: str,
    variant: str,
    work: str,
    ours: float,
    unit: str,
    *,
    peer: str | None = None,
    peer_value: float | None = None,
    note: str = "",
    rss_mib: float | None = None,
) -> Row:
    """One row; a figure where more is better. Without ``peer_value`` the ratio is None and ``note`` says why.

    ``rss_mib``: the largest resident memory of what was measured, where that is another process than this one.
    """
    found: Row = {
        "benchmark": benchmark,
        "variant": variant,
        "work": work,
        "ours": round(ours, 1),
        "unit": unit,
        "peer": peer,
        "peer_value": None if peer_value is None else round(peer_value, 1),
        "ratio": None if not peer_value else _ratio(ours / peer_value),
        "rss_mib": round(peak_rss_mib() if rss_mib is None else rss_mib, 1),
    }
    return {**found, "note": note} if note else found


def _ratio(value: float) -> float:
    """Two decimals; two digits that count for what is below a tenth."""
    return round(value, 2) if value >= 0.1 else float(f"{value:.2g}")


def peak_rss_mib() -> float:
    """Largest resident memory of this program so far, in MiB.

    Linux counts what the parent had before this program was started into ``ru_maxrss``; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024
