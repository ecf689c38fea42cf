"""The settings of how long content is kept when a partner's profile does not say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.settings.section import Section

__all__ = ["RetentionSettings"]

_Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSettings(Section):
    """Days that the content of finished messages is kept; 0 = for ever. A profile's group ``keep`` goes before them."""

    #: What crossed the wire.
    raw_days: _Days = 0
    #: Our JSON documents.
    document_days: _Days = 0
    #: Receipts (MDN) and acknowledgements.
    evidence_days: _Days = 0
