"""Qualified facts and parties: references, dates, notes, contacts and the parties of a trade."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from gateway.documents.base import Code, DocumentModel, Texts, new_list

__all__ = [
    "Address",
    "BusinessDate",
    "Communication",
    "Contact",
    "Note",
    "Party",
    "PartyId",
    "Reference",
    "date_of",
    "party_of",
    "reference_of",
]


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
    date: datetime.date | None = None
    """The day (DTM02)."""
    time: datetime.time | None = None
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
    date: datetime.date | None = None
    """N904."""
    time: datetime.time | None = None
    """N905."""
    text: Texts = new_list()
    """The lines; a single string is one line."""


class PartyId(DocumentModel):
    """An identification of a party under a scheme (X12: N103 and N104)."""

    scheme: str | None = None
    """duns, duns_4, gln, assigned_by_buyer, assigned_by_seller, san …"""
    code: str | None = None
    """The partner's qualifier (N103)."""
    value: str | None = None
    """The identification, verbatim (N104)."""


class Address(DocumentModel):
    """A postal address (X12: N3 and N4)."""

    lines: Texts = new_list()
    """Street lines; a single string is one line (N3)."""
    city: str | None = None
    """N401."""
    region: str | None = None
    """State or province (N402)."""
    postcode: str | None = None
    """N403."""
    country: str | None = None
    """N404."""
    location: Code | None = None
    """What `location_id` identifies (N405)."""
    location_id: str | None = None
    """N406."""
    subdivision: str | None = None
    """Country subdivision other than `region` (N407, from 005010 on)."""


class Party(DocumentModel):
    """One party of the trade with its identifications, address and contacts (X12: N1 loop)."""

    anchor: str | None = None
    """Set by the reader; leave it out in a document written by hand."""
    type: str | None = None
    """buyer, seller, ship_to, bill_to, remit_to, ship_from, mark_for …"""
    code: str | None = None
    """The partner's entity code (N101)."""
    name: str | None = None
    """N102."""
    ids: list[PartyId] = new_list()
    """Identifications; X12 carries one for each N1 loop."""
    relation: Code | None = None
    """Relation to another entity (N105)."""
    related_type: Code | None = None
    """The other entity's role (N106)."""
    names: Texts = new_list()
    """Further lines of the name (N2)."""
    address: Address | None = None
    """Where they are."""
    references: list[Reference] = new_list()
    """References of this party (REF in the N1 loop)."""
    contacts: list[Contact] = new_list()
    """Contacts of this party (PER in the N1 loop)."""

    def id_under(self, scheme: str) -> str | None:
        """The identification under a scheme ("gln"), or None."""
        return next((entry.value for entry in self.ids if entry.scheme == scheme), None)


def date_of(dates: Iterable[BusinessDate], *types: str) -> datetime.date | None:
    """The first date whose type is one of `types`, in the order of the types."""
    known = list(dates)
    return next(
        (entry.date for wanted in types for entry in known if entry.type == wanted and entry.date), None
    )


def reference_of(references: Iterable[Reference], *types: str) -> str | None:
    """The first reference whose type is one of `types`, in the order of the types."""
    known = list(references)
    return next(
        (entry.value for wanted in types for entry in known if entry.type == wanted and entry.value), None
    )


def party_of(parties: Iterable[Party], *types: str) -> Party | None:
    """The first party whose type is one of `types`, in the order of the types."""
    known = list(parties)
    return next((entry for wanted in types for entry in known if entry.type == wanted), None)
