"""Charts drawn by the server: shapes with classes, which the style sheet colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Trend", "trend"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: where its column stands, and the part of it that went wrong."""

    x: float
    width: float
    y: float
    height: float
    bad_y: float
    bad_height: float
    label: str
    total: int
    bad: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A column for each day in a box of ``width`` × ``height`` units."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    most: int


def trend(days: Sequence[tuple[str, int, int]], width: int = 560, height: int = 120) -> Trend:
    """Columns of (label, total, of which wrong); a day with any keeps a column that can be seen."""
    most = max((total for _, total, _ in days), default=0)
    step = width / max(1, len(days))
    bars = []
    for index, (label, total, bad) in enumerate(days):
        tall = 0.0 if not total else max(3.0, height * total / most)
        low = 0.0 if not bad else max(3.0, tall * bad / total)
        bars.append(
            Bar(
                x=round(index * step + step * 0.14, 2),
                width=round(step * 0.72, 2),
                y=round(height - tall, 2),
                height=round(tall, 2),
                bad_y=round(height - low, 2),
                bad_height=round(low, 2),
                label=label,
                total=total,
                bad=bad,
            )
        )
    return Trend(width, height, tuple(bars), most)
