"""What every step of the pipeline works with: our own company, the store, the partners and the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.messages.corrections import SecondPerson
from gateway.messages.ports import DeliveryPort, PostingPort, Work
from gateway.messages.retention import Days
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile
from gateway.partners.registry import list_partners
from gateway.standards.edi.model import Finding, Severity
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.store.engine import Store

__all__ = ["SOFTWARE", "Company", "Pipeline"]

#: Remembered with every document.
SOFTWARE = f"edi-gateway {__version__}"


@dataclass(frozen=True, slots=True)
class Company:
    """Our own identity on the wire."""

    code: str
    name: str
    isa_qualifier: str
    isa_id: str
    gs_id: str
    as2_name: str
    time_zone: str = "UTC"
    #: Our identifiers in XML documents, "scheme:value" ("0088:5790000435975", "NetworkID:AN01000000001").
    xml_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Pipeline:
    """The pipeline of one running gateway."""

    company: Company
    store: Store
    work: Work
    directory: Directory
    clock: Callable[[], datetime]
    #: Transport name → how it sends.
    delivery: Mapping[str, DeliveryPort] = field(default_factory=dict)
    posting: PostingPort | None = None
    #: Opens a stored secret by name (ISA02 and ISA04 of a profile).
    secrets: Callable[[str], bytes] | None = None
    #: Opens a message again that its transport refused: partner, facts and wire bytes to payload. Raises ValueError
    #: with the reason when it still cannot be opened.
    reopen: Callable[[str, Mapping[str, Any], bytes], bytes] | None = None
    #: True while the disk has room above the reserve; below it nothing new is taken in.
    has_room: Callable[[], bool] = lambda: True
    #: What a document that its schema accepts breaks of the operator's official rule sets (Schematron), with the
    #: severities of the partner.
    official_rules: Callable[[CheckedXmlDocument, Mapping[str, Severity]], tuple[Finding, ...]] | None = None
    #: Where an operator's own maps and schemas are looked up first.
    workdir: Path | None = None
    #: When a correction needs somebody besides its author.
    second_person: SecondPerson = SecondPerson.NEVER
    #: How long content is kept where a partner's profile does not say it.
    keep: Days = field(default_factory=Days)
    #: Called after partners' profiles changed, so that the doors work with the new ones.
    profiles_changed: Callable[[], None] = lambda: None

    def trouble(self) -> str:
        """Why nothing is taken in now: a sentence that anybody may read, or ""."""
        if not self.has_room():
            return "The disk is full up to its reserve."
        return "The database does not answer." if self.store.away else ""

    @property
    def message_host(self) -> str:
        """The right side of our AS2 Message-IDs: ours alone, and never a name that can be looked up."""
        return f"{self.company.code}.gateway.invalid"

    def profile(self, code: str) -> PartnerProfile | None:
        """The profile of a partner in force, or None."""
        found = self.directory.find(code)
        return None if found is None else found[1]

    def version(self, code: str | None) -> int | None:
        """The number of that profile's version, None for no or an unknown partner."""
        found = self.directory.find(code) if code else None
        return None if found is None else found[0]

    def codes(self) -> list[str]:
        """Every partner's code, for suggestions."""
        with self.store.read() as session:
            return [profile.code for _, profile in list_partners(session)]
