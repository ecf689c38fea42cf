"""Which partner a message is from: the identities of a profile, and the look-ups by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from gateway.partners.models import PartnerId
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.xmlids import partner_keys

__all__ = ["Identity", "Kind", "find_by_as2", "find_by_gs", "find_by_isa", "find_by_xml", "identities"]

Kind = Literal["isa", "isa-test", "as2", "gs", "xml"]

#: Which kinds of interchange identity are looked at, in order, for each usage indicator (ISA15).
_KINDS_BY_USAGE: dict[str, tuple[str, str]] = {"T": ("isa-test", "isa"), "P": ("isa", "isa-test")}

# Built once: these run for every message.
_OF_VALUE = PartnerId.value == bindparam("value")
_IS_ISA = (PartnerId.kind == "isa") | (PartnerId.kind == "isa-test")
_BY_ISA = select(PartnerId.kind, PartnerId.partner).where(_OF_VALUE, _IS_ISA)
_BY_AS2 = select(PartnerId.partner, PartnerId.ours).where(_OF_VALUE, PartnerId.kind == "as2")
_BY_XML = select(PartnerId.partner).where(_OF_VALUE, PartnerId.kind == "xml")
_BY_GS = select(PartnerId.partner).where(_OF_VALUE, PartnerId.kind == "gs").order_by(PartnerId.partner)


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity by which a partner is recognised."""

    kind: Kind
    #: "ZZ:HARBORRETAIL" for isa; the name itself for as2 and gs; a key of `gateway.partners.xmlids` for xml.
    value: str
    #: Our name that goes with it where the profile overrides the company's.
    ours: str | None = None


def identities(profile: PartnerProfile) -> list[Identity]:
    """Every identity that the profile claims; a retired partner claims none."""
    if profile.status is Status.RETIRED:
        return []
    found = [Identity("isa-test" if address.test else "isa", address.key) for address in profile.ids.isa]
    if profile.ids.as2 is not None:
        found.append(Identity("as2", profile.ids.as2, profile.ours.as2))
    codes = dict.fromkeys((*profile.ids.gs, *profile.ids.gs_by_set.values()))
    found += [Identity("gs", code) for code in codes]
    return [*found, *(Identity("xml", key) for key in partner_keys(profile.ids))]


def find_by_isa(session: Session, qualifier: str, id: str, usage: str = "P") -> str | None:
    """The code of the partner that sends under this interchange identity (ISA05/06), or None.

    Trailing blanks do not count, case does. With ``usage`` T a test identity goes before a usual one; both
    are recognised under either usage, because the usage indicator is the sender's to set. The partner may be
    a draft or paused: what that means for the message is the caller's to decide.
    """
    value = f"{qualifier.strip()}:{id.rstrip()}"
    owners = {row.kind: row.partner for row in session.execute(_BY_ISA, {"value": value})}
    for kind in _KINDS_BY_USAGE.get(usage, _KINDS_BY_USAGE["P"]):
        if kind in owners:
            return str(owners[kind])
    return None


def find_by_as2(
    session: Session, their_name: str, our_name: str | None = None, company_name: str | None = None
) -> str | None:
    """The code of the partner that sends under this AS2 name to ``our_name``, or None.

    The pair must fit: ``our_name`` must be the name that the profile says we use towards the partner, or
    ``company_name`` where it says none (not compared when ``company_name`` is not given). Case counts.
    """
    row = session.execute(_BY_AS2, {"value": their_name}).one_or_none()
    if row is None:
        return None
    expected = row.ours or company_name
    if our_name is not None and expected is not None and our_name != expected:
        return None
    return str(row.partner)


def find_by_xml(session: Session, key: str) -> str | None:
    """The code of the partner with this identifier in XML documents (`gateway.partners.xmlids.keys_of`), or None."""
    found = session.execute(_BY_XML, {"value": key}).scalar_one_or_none()
    return None if found is None else str(found)


def find_by_gs(session: Session, code: str) -> list[str]:
    """The codes of all partners that use this application code (GS02); it need not be unique."""
    return list(session.execute(_BY_GS, {"value": code}).scalars())
