"""The parties of a trade: roles, identifications, addresses and contacts."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.documents.base import Code, DocumentModel, Texts, new_list
from gateway.documents.facts import BusinessDate, Contact, Reference
from gateway.documents.quantities import Quantity

__all__ = ["Address", "Party", "PartyId", "party_of"]


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
    quantities: list[Quantity] = new_list()
    """The part of a line that is for this party (QTY in the N1 loop of a line)."""
    dates: list[BusinessDate] = new_list()
    """Dates of this party's part of a line (DTM in the N1 loop of a line)."""

    def id_under(self, scheme: str) -> str | None:
        """The identification under a scheme ("gln"), or None."""
        return next((entry.value for entry in self.ids if entry.scheme == scheme), None)


def party_of(parties: Iterable[Party], *types: str) -> Party | None:
    """The first party whose type is one of `types`, in the order of the types."""
    known = list(parties)
    return next((entry for wanted in types for entry in known if entry.type == wanted), None)
