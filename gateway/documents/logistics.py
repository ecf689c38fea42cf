"""Transport: carriers and routing, loads, equipment, special handling, marks and packaging."""

from __future__ import annotations

from gateway.documents.base import Code, DocumentModel, Number, new_list

__all__ = ["Equipment", "Handling", "Load", "Mark", "Packaging", "Paperwork", "Routing"]


class Routing(DocumentModel):
    """The carrier and how it goes (X12: TD5)."""

    sequence: Code | None = None
    """TD501."""
    scheme: Code | None = None
    """Whose code `carrier` is: scac … (TD502)."""
    carrier: str | None = None
    """The carrier's code, usually a SCAC (TD503)."""
    mode: Code | None = None
    """motor, air, less_than_truckload … (TD504)."""
    routing: str | None = None
    """Routing in words (TD505)."""
    status: Code | None = None
    """complete, partial … (TD506)."""
    place_type: Code | None = None
    """TD507."""
    place: str | None = None
    """TD508."""
    direction: Code | None = None
    """TD509."""
    transit_type: Code | None = None
    """TD510."""
    transit_time: Number | None = None
    """TD511."""
    service_levels: list[str] = new_list()
    """Up to three service level codes (TD512-514)."""
    country: str | None = None
    """TD515."""


class Load(DocumentModel):
    """Packages, weight and volume (X12: TD1)."""

    packaging: str | None = None
    """Packaging code ("CTN25") (TD101)."""
    count: int | None = None
    """Number of packages (TD102)."""
    commodity_type: str | None = None
    """TD103."""
    commodity: str | None = None
    """TD104."""
    description: str | None = None
    """TD105."""
    weight_type: Code | None = None
    """gross, net … (TD106)."""
    weight: Number | None = None
    """TD107."""
    weight_unit: str | None = None
    """TD108."""
    volume: Number | None = None
    """TD109."""
    volume_unit: str | None = None
    """TD110."""


class Equipment(DocumentModel):
    """A trailer or container (X12: TD3)."""

    type: Code | None = None
    """trailer, container … (TD301)."""
    initial: str | None = None
    """TD302."""
    number: str | None = None
    """TD303."""
    weight_type: Code | None = None
    """TD304."""
    weight: Number | None = None
    """TD305."""
    weight_unit: str | None = None
    """TD306."""
    ownership: str | None = None
    """TD307."""
    seal_status: Code | None = None
    """TD308."""
    seal: str | None = None
    """TD309."""
    size_type: str | None = None
    """TD310."""


class Handling(DocumentModel):
    """Special handling or hazardous material (X12: TD4)."""

    code: str | None = None
    """TD401."""
    hazard_class_type: str | None = None
    """TD402."""
    hazard_class: str | None = None
    """TD403."""
    description: str | None = None
    """TD404."""
    answer: str | None = None
    """TD405."""


class Mark(DocumentModel):
    """A mark or number on a package (X12: MAN)."""

    type: str | None = None
    """sscc_18, sscc_20 (with application identifier 00), carrier_package, pallet …"""
    code: str | None = None
    """The partner's qualifier (MAN01)."""
    value: str | None = None
    """The mark (MAN02)."""
    value_to: str | None = None
    """End of a range (MAN03)."""
    second_type: str | None = None
    """Kind of the second mark."""
    second_code: str | None = None
    """MAN04."""
    second_value: str | None = None
    """MAN05."""
    second_value_to: str | None = None
    """MAN06."""


class Packaging(DocumentModel):
    """Packing and marking instructions (X12: PKG)."""

    type: Code | None = None
    """PKG01."""
    characteristic: Code | None = None
    """PKG02."""
    agency: str | None = None
    """PKG03."""
    code: str | None = None
    """PKG04."""
    text: str | None = None
    """PKG05."""
    unit_load: str | None = None
    """PKG06."""


class Paperwork(DocumentModel):
    """A paper that goes with the goods (X12: PWK)."""

    type: Code | None = None
    """PWK01."""
    transmission: Code | None = None
    """PWK02."""
    copies: int | None = None
    """PWK03."""
    party: Code | None = None
    """PWK04."""
    party_id_scheme: Code | None = None
    """PWK05."""
    party_id: str | None = None
    """PWK06."""
    description: str | None = None
    """PWK07."""
