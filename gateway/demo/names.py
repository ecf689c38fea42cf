"""What the four documents of a trade are called in each standard."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["X12_NAMES", "Names"]


@dataclass(frozen=True, slots=True)
class Names:
    """Transaction set ids or root elements."""

    order: str
    acknowledgment: str
    ship_notice: str
    invoice: str


X12_NAMES = Names("850", "855", "856", "810")
