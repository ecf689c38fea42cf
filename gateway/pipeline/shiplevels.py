"""The levels of a ship notice that we send: in the order that the partner's profile names, or the notice is refused.

A partner books a shipment in by its levels (HL03): one that wants every carton with its label cannot use a notice that
lists items only, and charges for it. Nothing is moved here: which item lies in which package, only the shipper knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.documents import Document, ShipNotice
from gateway.documents.base import Code
from gateway.documents.ship_notice import Unit
from gateway.partners.profile import PartnerProfile
from gateway.partners.rules import document_settings
from gateway.pipeline.outgoing import Reason, RefusedError

__all__ = ["with_levels"]

#: Letter of `hl_order` → level of a unit.
_LEVELS: Final = {"S": "shipment", "O": "order", "T": "tare", "P": "pack", "I": "item"}
#: `hl_order` → what BSN05 says of it (data element 1005); it has no code that names the tare.
_STRUCTURES: Final = {
    "SOPI": "shipment_order_pack_item",
    "SOTPI": "shipment_order_pack_item",
    "SOIP": "shipment_order_item_pack",
    "SOI": "shipment_order_item",
}
#: Mistakes that are told; all of a shipment are mostly the same one.
_MOST: Final = 5


def with_levels(document: Document, profile: PartnerProfile) -> Document:
    """A ship notice with its `structure` (BSN05) filled in; any other document as it is.

    Raises RefusedError when `documents.sent.856.hl_order` is set and the units stand in another order. A tare (pallet)
    may be missing: cartons also travel without one.
    """
    order = document_settings(profile, "856", "out").hl_order
    if order is None or not isinstance(document, ShipNotice):
        return document
    wanted = [_LEVELS[letter] for letter in order]
    reasons = [
        Reason(path, _said(profile, wanted, found), _fix(wanted, found))
        for path, found in _chains(document)
        if found not in (wanted, [level for level in wanted if level != "tare"])
    ]
    structure = document.structure.value if document.structure else None
    if not reasons and structure not in (None, _STRUCTURES[order]):
        message = (
            f'The structure is "{structure}", but the units are {", ".join(wanted)}, as {profile.name} takes them.'
        )
        reasons = [Reason("structure", message, f'Set structure to "{_STRUCTURES[order]}", or leave it out.')]
    if reasons:
        raise RefusedError([*reasons[:_MOST], *_more(len(reasons) - _MOST)])
    return document if structure else document.model_copy(update={"structure": Code(value=_STRUCTURES[order])})


def _chains(notice: ShipNotice) -> Iterator[tuple[str, list[str]]]:
    """The levels from the top to each unit that has none below it, with the path of that unit."""
    waiting: list[tuple[str, list[str], Unit]] = [
        (f"units[{index}]", [], unit) for index, unit in reversed(list(enumerate(notice.units)))
    ]
    while waiting:
        path, above, unit = waiting.pop()
        levels = [*above, str(unit.level or "no level")]
        if not unit.units:
            yield path, levels
        waiting += [(f"{path}.units[{index}]", levels, inner) for index, inner in reversed(list(enumerate(unit.units)))]


def _said(profile: PartnerProfile, wanted: list[str], found: list[str]) -> str:
    return (
        f"{profile.name} takes a ship notice as {', '.join(wanted)} (hl_order in its profile); here the levels are "
        f"{', '.join(found)}."
    )


def _fix(wanted: list[str], found: list[str]) -> str:
    missing = [level for level in wanted if level not in found and level != "tare"]
    if missing == ["pack"]:
        return (
            "Name the carton of each item: on the order's page its SSCC beside the line, in JSON a unit of the level "
            "pack around the item, with the SSCC in its marks."
        )
    if missing:
        return f"Add the level {missing[0]}, or change documents.sent.856.hl_order in the profile."
    return "Bring the levels into that order, or change documents.sent.856.hl_order in the profile."


def _more(count: int) -> list[Reason]:
    if count <= 0:
        return []
    return [Reason("units", f"{count:,} more units stand in another order of levels.", "Mend them in the same way.")]
