"""The parties that XML documents must have, found among those that the document names or that a profile knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.documents import Document, ShipNotice
from gateway.documents.parties import Party, party_of
from gateway.mapping.crossing.values import CrossingHints, Report

__all__ = ["Need", "add_parties", "we_sell"]

#: Kinds of document that a buyer sends.
_FROM_BUYERS: Final = frozenset({"order", "order_change", "receipt_advice"})


@dataclass(frozen=True, slots=True)
class Need:
    """A party that must be there."""

    #: The type it is given when it has to be made.
    type: str
    #: Types that do as they are.
    same: tuple[str, ...]
    #: Types that are copied, in this order.
    instead: tuple[str, ...]
    #: Which side of the trade it is: "seller" or "buyer".
    side: str


_BUYER: Final = Need(
    "buyer", ("buyer",), ("sold_to", "sold_and_ship_to", "ordered_by", "bill_to", "bill_and_ship_to"), "buyer"
)
_SELLER: Final = Need("seller", ("seller", "vendor", "supplier"), ("remit_to", "ship_from", "manufacturer"), "seller")
_BILL_TO: Final = Need(
    "bill_to", ("bill_to",), ("bill_and_ship_to", "payer", "buyer", "sold_to", "invoice_recipient"), "buyer"
)
_SHIP_FROM: Final = Need(
    "ship_from", ("ship_from",), ("shipper", "seller", "supplier", "vendor", "warehouse"), "seller"
)
_SHIP_TO: Final = Need(
    "ship_to",
    ("ship_to",),
    ("bill_and_ship_to", "sold_and_ship_to", "ultimate_consignee", "consignee", "store"),
    "buyer",
)
_WAREHOUSE: Final = Need("warehouse", ("warehouse",), ("ship_from", "seller", "supplier", "vendor"), "seller")
_CXML_BILL_TO: Final = Need("bill_to", ("bill_to",), (*_BUYER.instead, "buyer", "ship_to"), "buyer")

#: Set → the parties that its schema asks for.
_NEEDS: Final[Mapping[str, tuple[Need, ...]]] = {
    "Order": (_BUYER, _SELLER),
    "OrderResponse": (_SELLER, _BUYER),
    "OrderResponseSimple": (_SELLER, _BUYER),
    "OrderChange": (_BUYER, _SELLER),
    "OrderCancellation": (_BUYER, _SELLER),
    "DespatchAdvice": (_SHIP_FROM, _SHIP_TO),
    "ReceiptAdvice": (_SHIP_TO, _SHIP_FROM),
    "Invoice": (_SELLER, _BILL_TO),
    "CreditNote": (_SELLER, _BILL_TO),
    "InventoryReport": (_BUYER, _WAREHOUSE),
    "OrderRequest": (_CXML_BILL_TO,),
}


def we_sell(document: Document) -> bool:
    """Whether we are the seller; by the kind of document where it does not say, for one that we send."""
    if document.role is not None:
        return document.role == "sell"
    return (document.kind in _FROM_BUYERS) == (document.direction == "inbound")


def add_parties(document: Document, set_id: str, hints: CrossingHints, report: Report) -> None:
    """Add the parties that the set must have and the document does not name; in place."""
    owner, where = _owner(document)
    for need in _NEEDS.get(set_id, ()):
        if party_of(owner, *need.same) is not None:
            continue
        copied = party_of(owner, *need.instead)
        path = f"{where}parties[{len(owner)}]"
        if copied is not None:
            report.assumed(path, f"{set_id} must name the {_name(need)}; the {copied.type} is taken for it.")
            owner.append(copied.model_copy(update={"type": need.type, "code": None, "anchor": None}))
            continue
        known = hints.ours if (need.side == "seller") == we_sell(document) else hints.theirs
        if not known.name and not known.ids:
            message = (
                f"{set_id} must name the {_name(need)}, and the document does not. Add a party of type {need.type}."
            )
            report.problem(f"{where}parties", message)
            continue
        report.assumed(path, f"{set_id} must name the {_name(need)}; it is taken from the partner's profile.")
        owner.append(known.model_copy(update={"type": need.type}, deep=True))


def _owner(document: Document) -> tuple[list[Party], str]:
    """The list that the parties stand in: a ship notice has them in its shipment."""
    if isinstance(document, ShipNotice):
        if document.units:
            return document.units[0].parties, "units[0]."
        return [], ""
    parties: list[Party] = document.parties
    return parties, ""


def _name(need: Need) -> str:
    return need.type.replace("_", " ")
