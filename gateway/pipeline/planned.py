"""What is to become of a received transmission, as values: the same shape for every standard.

An X12 interchange is one `PlannedInterchange`; so is each XML document, which is its own envelope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.messages.orders import OrderFacts
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.problems import Problem
from gateway.standards.edi.model import Finding
from gateway.standards.x12.checked import CheckedInterchange
from gateway.standards.x12.reconcile import GroupAcknowledgment
from gateway.standards.x12.transmission import Ta1

if TYPE_CHECKING:
    from gateway.standards.xml.acknowledge import XmlAcknowledgment
    from gateway.standards.xml.checked import CheckedXmlDocument

__all__ = ["EnvelopeFacts", "PlannedDocument", "PlannedInterchange", "TransmissionPlan"]


@dataclass(frozen=True, slots=True)
class EnvelopeFacts:
    """Who sent it to whom under which number, as the envelope says."""

    #: "ZZ:HARBORRETAIL" (ISA05/06), "0088:5790000435975", "NetworkID:AN01000000001"; "" when it names nobody.
    sender: str
    receiver: str
    #: ISA13, a cXML payloadID, or the id of a UBL document.
    control: str
    #: ISA12, "ubl-2.1", "cxml-1.2".
    version: str
    #: What people call it: "Interchange 000000001", "Order PO-1".
    name: str
    #: True when the sender may never use the number for anything else (ISA13, payloadID).
    control_is_unique: bool = True
    #: Why the envelope cannot be read; "" when it can.
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One transaction set or XML document and what is to become of it."""

    id: str
    kind: str
    #: "850", or the root element.
    set_id: str
    standard: str
    number: str | None
    group_code: str
    group_control: str
    set_control: str
    #: Place in the interchange, from 1, over all groups.
    position: int
    #: Index of interchange, group and set in the transmission, each from 0.
    place: tuple[int, int, int]
    accepted: bool
    findings: tuple[Finding, ...]
    #: Canonical JSON, None when it was rejected or could not be mapped.
    body: bytes | None = None
    business_key: str | None = None
    #: Canonical purpose ("original", "duplicate", "change" …).
    purpose: str | None = None
    map_identity: str | None = None
    amount: str | None = None
    currency: str | None = None
    problem: Problem | None = None
    #: The schema that judged it, with its digest; None = that of ``standard``.
    schema_identity: str | None = None
    #: What became of a document that is nothing for the back office; "" = it answers something that we sent.
    settled: str = ""
    #: What it says of orders.
    order: OrderFacts | None = None


@dataclass(frozen=True, slots=True)
class PlannedInterchange:
    """One interchange, or one XML document as its own envelope, and what is to become of it."""

    id: str
    index: int
    checked: CheckedInterchange | CheckedXmlDocument
    envelope: EnvelopeFacts
    #: SHA-256 (hex) of its bytes.
    sha256: str
    partner: PartnerProfile | None
    test: bool
    documents: tuple[PlannedDocument, ...] = ()
    acknowledgements: tuple[GroupAcknowledgment | Ta1 | XmlAcknowledgment, ...] = ()
    #: Why nothing of it is processed and no answer is given: it is held for a person.
    hold: Problem | None = None
    #: Why it is refused as a whole by an answer; the refusal itself stands in ``checked``.
    refusal: Problem | None = None

    @property
    def code(self) -> str:
        """TA105 of the answer; "000" when none is needed, and for XML."""
        return self.checked.ta1_code if isinstance(self.checked, CheckedInterchange) else "000"

    @property
    def answer_name(self) -> str:
        """What the partner is told by when the whole is refused, with its article."""
        return "a TA1" if isinstance(self.checked, CheckedInterchange) else "an application response"


@dataclass(frozen=True, slots=True)
class TransmissionPlan:
    """What is to become of one received transmission."""

    #: Why nothing can be read, when nothing can.
    unreadable: Problem | None = None
    interchanges: tuple[PlannedInterchange, ...] = field(default=())
