"""The parties of a trade: roles, identifications, addresses and contacts."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.documents.base import Code, DocumentModel, Texts, new_list
from gateway.documents.facts import BusinessDate, Contact, Reference
from gateway.documents.quantities import Quantity

__all__ = ["Address", "LegalEntity", "Party", "PartyId", "PartyTaxId", "Person", "party_of"]


class PartyId(DocumentModel):
    """An identification of a party under a scheme (X12: N103 and N104)."""

    scheme: str | None = None
    """duns, duns_4, gln, assigned_by_buyer, assigned_by_seller, san …"""
    code: str | None = None
    """The partner's qualifier (N103)."""
    value: str | None = None
    """The identification, verbatim (N104; UBL PartyIdentification/ID)."""
    agency: str | None = None
    """Who keeps the scheme (UBL schemeAgencyID)."""


class Address(DocumentModel):
    """A postal address (X12: N3 and N4; UBL PostalAddress, DeliveryAddress, Location/Address)."""

    lines: Texts = new_list()
    """Street lines; a single string is one line (N3; UBL StreetName, AdditionalStreetName, AddressLine)."""
    building_number: str | None = None
    """House number when it stands apart from the street (UBL BuildingNumber)."""
    building: str | None = None
    """Name of the building (UBL BuildingName)."""
    post_box: str | None = None
    """UBL Postbox."""
    department: str | None = None
    """Department at the address (UBL Department)."""
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


class PartyTaxId(DocumentModel):
    """A party's registration for a tax (UBL PartyTaxScheme; X12 has the header segment TAX instead)."""

    id: str | None = None
    """The tax or VAT number (CompanyID)."""
    id_scheme: str | None = None
    """Whose number it is, as received (CompanyID schemeID)."""
    type: Code | None = None
    """value_added, goods_and_services … (TaxScheme/ID)."""
    type_code: str | None = None
    """The scheme's own type code (TaxScheme/TaxTypeCode)."""
    name: str | None = None
    """Name the party is registered under (RegistrationName)."""
    exemption_reason: str | None = None
    """Why it is exempt (ExemptionReason)."""
    address: Address | None = None
    """Where it is registered (RegistrationAddress)."""


class LegalEntity(DocumentModel):
    """The party as a legal person (UBL PartyLegalEntity)."""

    name: str | None = None
    """Registered name (RegistrationName)."""
    id: str | None = None
    """Company registration number (CompanyID)."""
    id_scheme: str | None = None
    """Whose number it is, as received (CompanyID schemeID)."""
    form: str | None = None
    """Legal form and the like (CompanyLegalForm)."""
    address: Address | None = None
    """Registered seat (RegistrationAddress)."""


class Person(DocumentModel):
    """A person who stands for a party (UBL Person)."""

    first_name: str | None = None
    """FirstName."""
    middle_name: str | None = None
    """MiddleName."""
    family_name: str | None = None
    """FamilyName."""
    job_title: str | None = None
    """JobTitle."""


class Party(DocumentModel):
    """One party of the trade with its identifications, address and contacts (X12: N1 loop; UBL Party)."""

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
    endpoint: PartyId | None = None
    """Electronic address that documents are sent to (UBL EndpointID)."""
    tax_ids: list[PartyTaxId] = new_list()
    """Registrations for taxes (UBL PartyTaxScheme)."""
    legal_entities: list[LegalEntity] = new_list()
    """The party as a legal person (UBL PartyLegalEntity)."""
    people: list[Person] = new_list()
    """Persons who stand for it (UBL Person)."""
    website: str | None = None
    """UBL WebsiteURI, cXML URL."""

    def id_under(self, scheme: str) -> str | None:
        """The identification under a scheme ("gln"), or None."""
        return next((entry.value for entry in self.ids if entry.scheme == scheme), None)


def party_of(parties: Iterable[Party], *types: str) -> Party | None:
    """The first party whose type is one of `types`, in the order of the types."""
    known = list(parties)
    return next((entry for wanted in types for entry in known if entry.type == wanted), None)
