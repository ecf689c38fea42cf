"""The back office of the demonstration: a seller that answers orders, as an ERP would, in plain JSON.

It sees only canonical documents. One rule makes it interesting: an order whose fulfilment terms allow back orders is
shipped in part, so its acknowledgment splits a line and its ship notice and invoice hold only what left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from gateway.documents.sscc import make_sscc

__all__ = ["acknowledgment", "invoice", "ship_notice", "shipped_quantities"]

Json = dict[str, Any]

#: Invented GS1 company prefix of the seller's serial shipping container codes.
_SSCC_PREFIX = "0614141"
#: Pieces in one carton.
_CARTON = Decimal(48)
_MOST_CARTONS_PER_LINE = 4
_BACKORDER_TERMS = {"partial_backorder", "backorder"}


def shipped_quantities(order: Mapping[str, Any]) -> list[Decimal]:
    """What of each line leaves now: everything, or of the first line two thirds when back orders are allowed."""
    quantities = [Decimal(line["quantity"]) for line in order["lines"]]
    if _allows_backorder(order):
        quantities[0] = (quantities[0] * 2 / 3).to_integral_value()
    return quantities


def _allows_backorder(order: Mapping[str, Any]) -> bool:
    policies = {(term.get("policy") or {}).get("value") for term in order.get("fulfilment", [])}
    return bool(policies & _BACKORDER_TERMS)


def _common(line: Mapping[str, Any]) -> Json:
    keys = ("line_id", "unit", "price", "price_basis", "item_ids")
    return {key: line[key] for key in keys if key in line}


def _currency(order: Mapping[str, Any]) -> Json:
    """The order's currency, where it names one: answers are in the same."""
    return {key: order[key] for key in ("currency",) if key in order}


def acknowledgment(order: Mapping[str, Any], today: date) -> Json:
    """The 855: every line accepted for shipping in two days, what is not there back-ordered for two weeks later."""
    lines = []
    for line, shipped in zip(order["lines"], shipped_quantities(order), strict=True):
        ordered = Decimal(line["quantity"])
        parts = [_part("accepted", shipped, line, today + timedelta(days=2))]
        if shipped < ordered:
            parts.append(_part("backordered", ordered - shipped, line, today + timedelta(days=16)))
        lines.append({**_common(line), "quantity": line["quantity"], "acknowledgments": parts})
    split = any(len(line["acknowledgments"]) > 1 for line in lines)
    return {
        "kind": "order_acknowledgment",
        "receiver": order["sender"],
        "number": order["number"],
        "issue_date": today.isoformat(),
        "purpose": "original",
        **_currency(order),
        "outcome": "accepted_with_changes" if split else "accepted",
        "order_date": order["issue_date"],
        "seller_order_number": f"SO-{order['number']}",
        "lines": lines,
    }


def _part(status: str, quantity: Decimal, line: Mapping[str, Any], day: date) -> Json:
    return {
        "status": status,
        "quantity": str(quantity),
        "unit": line.get("unit"),
        "date_type": "scheduled_ship",
        "date": day.isoformat(),
    }


def ship_notice(order: Mapping[str, Any], today: date, serial: int) -> Json:
    """The 856: shipment, order, cartons with their SSCC, items (S-O-P-I)."""
    cartons: list[Json] = []
    for line, shipped in zip(order["lines"], shipped_quantities(order), strict=True):
        cartons += _cartons(line, shipped, serial + len(cartons))
    shipment = {
        "level": "shipment",
        "loads": [{"packaging": "CTN25", "count": len(cartons)}],
        "references": [{"type": "bill_of_lading", "value": f"BL{serial:07d}"}],
        "dates": [{"type": "shipped", "date": today.isoformat()}],
        "parties": [_bare(party) for party in order.get("parties", []) if party.get("type") == "ship_to"],
        "units": [
            {
                "level": "order",
                "order": {"number": order["number"], "date": order["issue_date"]},
                "units": cartons,
            }
        ],
    }
    return {
        "kind": "ship_notice",
        "receiver": order["sender"],
        "number": f"SH-{order['number']}",
        "issue_date": today.isoformat(),
        "issue_time": "09:30",
        "purpose": "original",
        "structure": "shipment_order_pack_item",
        "units": [shipment],
    }


def _cartons(line: Mapping[str, Any], shipped: Decimal, serial: int) -> list[Json]:
    found: list[Json] = []
    left = shipped
    while left > 0:
        last = len(found) == _MOST_CARTONS_PER_LINE - 1
        quantity = left if last else min(left, _CARTON)
        sscc = make_sscc(0, _SSCC_PREFIX, serial + len(found))
        item = {
            "level": "item",
            "line_id": line.get("line_id"),
            "item_ids": line.get("item_ids", []),
            "shipped": str(quantity),
            "unit": line.get("unit"),
        }
        found.append({"level": "pack", "marks": [{"type": "sscc_20", "value": f"00{sscc}"}], "units": [item]})
        left -= quantity
    return found


def invoice(order: Mapping[str, Any], today: date) -> Json:
    """The 810: what was shipped at the ordered price, with the allowances and charges of the order's header."""
    lines, total = [], Decimal(0)
    for line, shipped in zip(order["lines"], shipped_quantities(order), strict=True):
        lines.append({**_common(line), "quantity": str(shipped)})
        total += shipped * Decimal(line["price"])
    adjustments = [entry for entry in order.get("allowances_charges", []) if entry.get("amount")]
    for entry in adjustments:
        total += Decimal(entry["amount"]) * _sign(entry)
    total = total.quantize(Decimal("0.01"))
    return {
        "kind": "invoice",
        "receiver": order["sender"],
        "number": f"INV-{order['number']}",
        "issue_date": today.isoformat(),
        **_currency(order),
        "order_number": order["number"],
        "order_date": order["issue_date"],
        "payment_terms": [{"type": "basic", "basis": "invoice_date", "net_days": 30}],
        "lines": lines,
        "allowances_charges": [_bare(entry) for entry in adjustments],
        "totals": {"total": str(total)},
    }


def _sign(entry: Mapping[str, Any]) -> int:
    """Allowances lower the total, charges raise it, mere notes of a service do neither (SAC01)."""
    return {"allowance": -1, "charge": 1}.get((entry.get("indicator") or {}).get("value", ""), 0)


def _bare(value: Mapping[str, Any]) -> Json:
    """A part of another document without the place it had there."""
    return {key: item for key, item in value.items() if key != "anchor"}
