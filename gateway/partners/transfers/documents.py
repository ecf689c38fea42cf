"""What holds for single kinds of document, by direction."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.partners.fields import Group, GuideName, Many, SetId, VersionText

__all__ = ["DocumentSettings", "Documents", "FollowUp", "Tolerances"]

_OVERLAY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\.ya?ml")


def _overlay(value: str) -> str:
    if not _OVERLAY.fullmatch(value):
        raise ValueError("must name a .yaml file below the maps folder, without ..")
    return value


class Tolerances(Group):
    """How far a document may differ from the order before a person looks."""

    hold: bool = Field(
        default=False,
        description="True = a received document that differs by more waits for a person before it goes on.",
    )
    price_percent: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Unit price, in percent.")
    quantity_percent: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Quantity, in percent.")
    total_amount: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Document total, in its currency.")
    date_days: Annotated[int, Field(ge=0)] = Field(default=0, description="Dates, in days.")


class FollowUp(Group):
    """A document that must follow another one in time."""

    set: SetId = Field(description="Transaction set id that must follow.")
    hours: Annotated[float, Field(gt=0)] = Field(description="Hours within which it must follow.")


class DocumentSettings(Group):
    """What holds for one kind of document in one direction."""

    version: VersionText | None = Field(default=None, description="Version (GS08); empty = the envelope's.")
    map_overlay: Annotated[str, AfterValidator(_overlay)] | None = Field(
        default=None, description="File of map overrides for this partner, below the maps folder."
    )
    guide: GuideName | None = Field(default=None, description="The partner's guide: file name under schemas/guides/.")
    auto_post: bool = Field(default=True, description="False = a person approves each one before it goes on.")
    hl_order: Literal["SOPI", "SOIP", "SOI", "SOTPI"] | None = Field(
        default=None,
        description="Order of levels in a ship notice that we write; empty = as the document says.",
    )
    tolerances: Tolerances = Field(default=Tolerances.by_default(), description="Allowed differences from the order.")
    follow_up: Annotated[tuple[FollowUp, ...], Many] = Field(default=(), description="Documents that must follow.")


class Documents(Group):
    """Settings for single kinds of document, by transaction set id."""

    received: dict[SetId, DocumentSettings] = Field(default_factory=dict, description="What the partner sends us.")
    sent: dict[SetId, DocumentSettings] = Field(default_factory=dict, description="What we send to the partner.")
