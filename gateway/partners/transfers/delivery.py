"""How hard we try to deliver, who is told about problems, and how long messages are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gateway.partners.fields import Group, HttpUrlText, Many
from gateway.partners.transfers.types import Span

__all__ = ["Alerts", "Delivery", "Keep"]


class Delivery(Group):
    """How hard we try to deliver."""

    transport: Literal["as2", "sftp", "folder", "http"] | None = Field(
        default=None,
        description="How we send; empty = AS2 when it has a url, else SFTP when it has a host, else folder.",
    )
    retry_seconds: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Many, Field(min_length=1)] = Field(
        default=(60, 300, 900, 3600, 14_400),
        description="Seconds before each further try; the last one repeats until giving up.",
    )
    give_up_hours: Annotated[float, Field(gt=0, le=720)] = Field(
        default=72.0, description="Hours after which a delivery has failed."
    )
    ordered: bool = Field(default=True, description="One at a time, in the order in which they were made.")
    max_per_minute: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Most deliveries in a minute.")


class Alerts(Group):
    """Who is told about problems with this partner."""

    mail: Annotated[tuple[str, ...], Many] = Field(default=(), description="Mail addresses.")
    webhook: HttpUrlText | None = Field(default=None, description="Address that gets a signed notice.")
    quiet_hours: Span | None = Field(
        default=None, description="Span of the day without alerts, in the partner's time zone."
    )
    quiet_after_hours: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Tell staff when nothing came for so many hours; empty = when it is unusual for the partner.",
    )


#: Days that some content is kept; 0 = for ever, empty = as the gateway's settings say.
_Days = Annotated[int, Field(ge=0, le=36_500)] | None


class Keep(Group):
    """How long the content of finished messages is kept. Facts, history, digests and the ledger always stay."""

    raw_days: _Days = Field(
        default=None,
        description="Days that what crossed the wire is kept; 0 = for ever, empty = [retention] of the settings.",
    )
    document_days: _Days = Field(
        default=None, description="Days that our JSON documents are kept; 0 = for ever, empty = [retention]."
    )
    evidence_days: _Days = Field(
        default=None,
        description="Days that receipts (MDN) and acknowledgements are kept; 0 = for ever, empty = [retention].",
    )
    legal_hold: bool = Field(default=False, description="True = nothing of this partner is removed.")

    @model_validator(mode="before")
    @classmethod
    def _earlier_name(cls, data: Any) -> Any:
        """Take ``payload_days``, the name of ``raw_days`` in profiles that were stored before anything acted on it."""
        if not isinstance(data, Mapping) or "payload_days" not in data:
            return data
        rest = {name: value for name, value in data.items() if name != "payload_days"}
        return rest if data["payload_days"] is None else {"raw_days": data["payload_days"], **rest}
