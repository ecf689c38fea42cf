"""Who a partner is: contacts, the names it uses on the wire, and the names that we use towards it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gateway.partners.fields import Group, Many, SetId

__all__ = [
    "As2Name",
    "BackOfficeNumbers",
    "Contact",
    "CxmlId",
    "GsId",
    "IsaAddress",
    "IsaId",
    "Link",
    "OurIds",
    "PartnerIds",
    "XmlId",
]

_QUALIFIER = re.compile(r"[A-Z0-9]{2}")
_ISA_ID = re.compile(r"[ -~]{1,15}")
_GS_ID = re.compile(r"[ -~]{2,15}")
_AS2_NAME = re.compile(r"[ -~]{1,128}")
_GLN_WEIGHTS = (1, 3) * 6


def _qualifier(value: str) -> str:
    if not _QUALIFIER.fullmatch(value):
        raise ValueError("must be two capital letters or digits, such as ZZ, 01 or 12 (ISA05, ISA07)")
    return value


def _isa_id(value: str) -> str:
    value = value.rstrip(" ")
    if not _ISA_ID.fullmatch(value):
        raise ValueError("must be 1 to 15 printable characters (ISA06, ISA08); trailing blanks are added by us")
    return value


def _gs_id(value: str) -> str:
    value = value.rstrip(" ")
    if not _GS_ID.fullmatch(value):
        raise ValueError("must be 2 to 15 printable characters (GS02, GS03)")
    return value


def _as2_name(value: str) -> str:
    if not _AS2_NAME.fullmatch(value) or value != value.strip(" "):
        raise ValueError("must be 1 to 128 printable ASCII characters without blanks at either end (RFC 4130 6.2)")
    return value


def _gln(value: str) -> str:
    if not re.fullmatch(r"\d{13}", value):
        raise ValueError("must be the 13 digits of a GS1 location number")
    total = sum(int(digit) * weight for digit, weight in zip(value[:12], _GLN_WEIGHTS, strict=True))
    check = -total % 10
    if int(value[12]) != check:
        raise ValueError(f"has a wrong check digit: the last digit must be {check} for {value[:12]}")
    return value


Qualifier = Annotated[str, AfterValidator(_qualifier)]
IsaText = Annotated[str, AfterValidator(_isa_id)]
#: A GS02/GS03 application code.
GsId = Annotated[str, AfterValidator(_gs_id)]
#: An AS2-From/AS2-To name, unquoted; case counts.
As2Name = Annotated[str, AfterValidator(_as2_name)]
#: An identifier of a party in XML documents: "0088:5790000435975", "NetworkID:AN01000000001", or a plain value.
XmlId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class Contact(Group):
    """A person or desk at the partner."""

    name: str = Field(min_length=1, description="Name of the person or desk.")
    role: str = Field(default="business", description="What for: business, technical, escalation.")
    mail: Mail | None = Field(default=None, description="Mail address.")
    phone: str | None = Field(default=None, description="Telephone number as dialled.")
    hours: str | None = Field(default=None, description="When they answer, in their own time zone.")


class Link(Group):
    """A page worth having at hand: the partner's portal, its guide."""

    name: str = Field(min_length=1, description="What the page is.")
    url: str = Field(min_length=1, description="Its address.")


class IsaAddress(Group):
    """An interchange identity: qualifier and id (ISA05/06 or ISA07/08)."""

    qualifier: Qualifier = Field(default="ZZ", description="Two-character qualifier (ISA05, ISA07).")
    id: IsaText = Field(description="Identification, 1 to 15 characters, case counts (ISA06, ISA08).")

    @property
    def key(self) -> str:
        """The form in which identities are compared and shown: "ZZ:HARBORRETAIL"."""
        return f"{self.qualifier}:{self.id}"


class IsaId(IsaAddress):
    """One of the partner's interchange identities."""

    test: bool = Field(default=False, description="True when the partner uses this identity for tests only.")


class CxmlId(Group):
    """A cXML credential identity (From/To/Sender Credential)."""

    domain: str = Field(min_length=1, description="Credential domain: NetworkId, DUNS.")
    identity: str = Field(min_length=1, description="Identity within the domain.")


class PartnerIds(Group):
    """The names by which the partner is known on the wire and in registers."""

    isa: Annotated[tuple[IsaId, ...], Many] = Field(
        default=(),
        description="Interchange identities; the first is the one we send to, the others are aliases.",
    )
    gs: Annotated[tuple[GsId, ...], Many] = Field(
        default=(), description="Application codes; the first is the one we send to, the others are aliases."
    )
    gs_by_set: dict[SetId, GsId] = Field(
        default_factory=dict, description="Application code we send to for one kind of document, by set id."
    )
    as2: As2Name | None = Field(default=None, description="Their AS2 name (AS2-From of what they send); case counts.")
    peppol: Annotated[tuple[str, ...], Many] = Field(
        default=(), description="Peppol participant ids with their scheme, such as 0088:5790000435975."
    )
    cxml: Annotated[tuple[CxmlId, ...], Many] = Field(default=(), description="cXML credential identities.")
    xml: Annotated[tuple[XmlId, ...], Many] = Field(
        default=(), description='Other identifiers in XML documents, "scheme:value" or the value alone.'
    )
    duns: Annotated[str, StringConstraints(pattern=r"^\d{9}$")] | None = Field(
        default=None, description="D-U-N-S number, 9 digits."
    )
    gln: Annotated[str, AfterValidator(_gln)] | None = Field(
        default=None, description="GS1 global location number, 13 digits with a right check digit."
    )
    scac: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}$")] | None = Field(
        default=None, description="Standard carrier alpha code, 2 to 4 capital letters."
    )

    @model_validator(mode="after")
    def _each_name_once(self) -> PartnerIds:
        seen: set[str] = set()
        for address in self.isa:
            if address.key in seen:
                raise ValueError(f"isa lists {address.key} twice; each identity stands once, either as test or not")
            seen.add(address.key)
        if len(set(self.gs)) != len(self.gs):
            raise ValueError("gs lists an application code twice")
        return self


class OurIds(Group):
    """Names that we use towards this partner instead of the company's own."""

    isa: IsaAddress | None = Field(default=None, description="Our interchange identity; empty = the company's.")
    gs: GsId | None = Field(default=None, description="Our application code; empty = the company's.")
    as2: As2Name | None = Field(default=None, description="Our AS2 name; empty = the company's.")
    xml: Annotated[tuple[XmlId, ...], Many] = Field(
        default=(),
        description='Our identifiers in XML documents, "scheme:value", the first is written; empty = the company\'s.',
    )


class BackOfficeNumbers(Group):
    """How the back office knows this partner."""

    customer: str | None = Field(default=None, description="Customer number in the back office.")
    vendor: str | None = Field(default=None, description="Vendor number in the back office.")
    business_unit: str | None = Field(default=None, description="Our business unit that trades with the partner.")
