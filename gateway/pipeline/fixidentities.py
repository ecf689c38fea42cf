"""Fixes that give an identity its partner: an alias of a sender, one that moves, and a name of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.registry import list_partners
from gateway.pipeline.fixes import Case, Fix, Offer, one_way

__all__ = ["moved_sender", "receiver", "sender"]


def sender(case: Case) -> Iterator[Offer]:
    """The sender's identifier becomes an alias of a partner, chosen from all; the one that delivered it first."""
    if not case.sender:
        return
    with case.pipeline.store.read() as session:
        profiles = [profile for _, profile in list_partners(session) if profile.status is not Status.RETIRED]
    profiles.sort(key=lambda profile: (profile.code != case.carrier, profile.name.casefold()))
    case.others.update({profile.code: profile for profile in profiles})
    yield Offer(
        tuple(
            Fix(
                "alias",
                "isa" if case.is_x12 else "xml",
                case.sender,
                profile.code,
                f"{case.sender} is {profile.name}",
                f"What names {case.sender} as its sender counts as {profile.name}'s from now on.",
                {profile.code: {"ids": _with_identity(case, profile)}},
                profile.name,
            )
            for profile in profiles
        ),
        "Whose it is",
    )


def _with_identity(case: Case, profile: PartnerProfile) -> dict[str, Any]:
    ids = profile.ids.model_dump(mode="json")
    if not case.is_x12:
        return {"xml": [*ids["xml"], case.sender]}
    qualifier, _, identity = case.sender.partition(":")
    return {"isa": [*ids["isa"], {"qualifier": qualifier, "id": identity}]}


def moved_sender(case: Case) -> Iterator[Offer]:
    """An identifier moves to the partner that delivers under it; not the one that its owner is written to by."""
    owner = case.other("|".join(case.rule).partition(">")[2])
    carrier = case.other(case.carrier) if case.carrier else None
    if owner is None or carrier is None or not case.sender:
        return
    ids = owner.ids.model_dump(mode="json")
    key = "isa" if case.is_x12 else "xml"
    if key == "isa":
        rest = [each for each in ids["isa"] if f"{each['qualifier']}:{each['id']}" != case.sender]
    else:
        rest = [each for each in ids["xml"] if each != case.sender]
    if len(rest) == len(ids[key]) or rest[:1] != ids[key][:1]:
        return
    fix = Fix(
        "alias",
        key,
        case.sender,
        carrier.code,
        f"Let {carrier.name} send as {case.sender}",
        f"It belongs to {carrier.name} from now on, no longer to {owner.name}.",
        {carrier.code: {"ids": _with_identity(case, carrier)}, owner.code: {"ids": {key: rest}}},
    )
    yield Offer((fix,))


def receiver(case: Case) -> Iterator[Offer]:
    """The name under which the partner addresses us becomes one of ours."""
    if case.profile is None or not case.receiver:
        return
    title, name = f"{case.receiver} is us, for {case.name}", case.name
    if not case.is_x12:
        known = case.profile.ours.xml or case.pipeline.company.xml_ids
        after = f"What {name} addresses to it is taken."
        patch: dict[str, Any] = {"ours": {"xml": [*known, case.receiver]}}
    elif case.profile.ours.isa is None:
        qualifier, _, identity = case.receiver.partition(":")
        after = f"What {name} addresses to it is taken, and what we send them names it as the sender."
        patch = {"ours": {"isa": {"qualifier": qualifier, "id": identity}}}
    else:
        return
    yield one_way(case, "ours", "isa" if case.is_x12 else "xml", case.receiver, title, after, patch)
