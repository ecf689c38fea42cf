"""The settings of how staff work together."""

from __future__ import annotations

from typing import Literal

from gateway.settings.section import Section

__all__ = ["StaffSettings"]


class StaffSettings(Section):
    """How staff work together."""

    #: When a correction needs somebody besides its author: "never", "amounts" (prices, amounts or quantities
    #: change), "always".
    second_person: Literal["never", "amounts", "always"] = "never"
