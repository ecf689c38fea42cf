"""Quantities with a meaning and quantities spread over dates."""

from __future__ import annotations

from gateway.documents.base import Clock, Code, Day, DocumentModel, Number, new_list
from gateway.documents.facts import BusinessDate, Reference

__all__ = ["Quantity", "Schedule"]


class Schedule(DocumentModel):
    """A part of a line's quantity for one date (X12: SCH loop)."""

    quantity: Number | None = None
    """SCH01."""
    unit: str | None = None
    """SCH02."""
    party: Code | None = None
    """SCH03."""
    party_name: str | None = None
    """SCH04."""
    type: str | None = None
    """What happens then (SCH05)."""
    code: str | None = None
    """The partner's qualifier (SCH05)."""
    date: Day | None = None
    """SCH06."""
    time: Clock | None = None
    """SCH07."""
    second_type: Code | None = None
    """SCH08."""
    second_date: Day | None = None
    """SCH09."""
    second_time: Clock | None = None
    """SCH10."""
    request_reference: str | None = None
    """SCH11."""
    assigned_id: str | None = None
    """SCH12."""
    references: list[Reference] = new_list()
    """References of this part."""


class Quantity(DocumentModel):
    """A qualified quantity (X12: QTY)."""

    type: str | None = None
    """on_hand, available, on_order, backordered …"""
    code: str | None = None
    """The partner's qualifier (QTY01)."""
    quantity: Number | None = None
    """QTY02."""
    unit: str | None = None
    """QTY03."""
    text: str | None = None
    """QTY04."""
    dates: list[BusinessDate] = new_list()
    """Dates of this quantity (DTM below QTY)."""
    schedule: list[Schedule] = new_list()
    """What of it comes when (SCH below QTY)."""
