"""Qualified facts of a document or line: references, dates, contacts and notes."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from gateway.documents.base import Clock, Day, DocumentModel, Texts, new_list

__all__ = ["BusinessDate", "Communication", "Contact", "Note", "Reference", "date_of", "reference_of"]


class Reference(DocumentModel):
    """A number of someone's that belongs to the document or line (X12: REF)."""

    type: str | None = None
    """What it is: department, vendor_number, promotion, contract, bill_of_lading …"""
    code: str | None = None
    """The partner's qualifier (REF01)."""
    value: str | None = None
    """The reference itself, verbatim (REF02)."""
    description: str | None = None
    """Text beside it (REF03)."""


class BusinessDate(DocumentModel):
    """A date with a meaning (X12: DTM), in no zone unless `zone` says one."""

    type: str | None = None
    """What happens then: requested_ship, requested_delivery, cancel_after, ship_not_before …"""
    code: str | None = None
    """The partner's qualifier (DTM01)."""
    date: Day | None = None
    """The day (DTM02)."""
    time: Clock | None = None
    """The time of day (DTM03)."""
    zone: str | None = None
    """Time code as received ("ET", "UT") (DTM04)."""
    period_format: str | None = None
    """Format qualifier of a period ("RD8") (DTM05)."""
    period: str | None = None
    """The period as received ("20260901-20260915") (DTM06)."""


class Communication(DocumentModel):
    """One way to reach a contact."""

    type: str | None = None
    """telephone, email, fax …"""
    code: str | None = None
    """The partner's qualifier (PER03)."""
    value: str | None = None
    """The number or address (PER04)."""


class Contact(DocumentModel):
    """A person or desk (X12: PER)."""

    type: str | None = None
    """What they do: buyer, order_contact, information, accounts_payable …"""
    code: str | None = None
    """The partner's function code (PER01)."""
    name: str | None = None
    """PER02."""
    communications: list[Communication] = new_list()
    """Up to three ways to reach them, in order of use (PER03-08)."""
    inquiry_reference: str | None = None
    """PER09."""


class Note(DocumentModel):
    """Free text for people (X12: N9 with MSG or MTX, NTE, or MSG alone)."""

    type: str | None = None
    """What it is about; absent for plain text."""
    code: str | None = None
    """The partner's qualifier (N901, NTE01); absent for plain text."""
    reference: str | None = None
    """A reference that heads it (N902)."""
    title: str | None = None
    """Free-form heading (N903)."""
    date: Day | None = None
    """N904."""
    time: Clock | None = None
    """N905."""
    text: Texts = new_list()
    """The lines; a single string is one line."""


def date_of(dates: Iterable[BusinessDate], *types: str) -> datetime.date | None:
    """The first date whose type is one of `types`, in the order of the types."""
    known = list(dates)
    return next((entry.date for wanted in types for entry in known if entry.type == wanted and entry.date), None)


def reference_of(references: Iterable[Reference], *types: str) -> str | None:
    """The first reference whose type is one of `types`, in the order of the types."""
    known = list(references)
    return next((entry.value for wanted in types for entry in known if entry.type == wanted and entry.value), None)
