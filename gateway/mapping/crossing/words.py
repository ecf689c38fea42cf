"""Words that a standard has no code for, and the nearest one that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents import Document
from gateway.documents.base import Code
from gateway.mapping.crossing.foreign import models_in
from gateway.mapping.crossing.values import Report

__all__ = ["nearest_words"]

_TAXES: Final = {
    "state_sales": "sales",
    "state_and_local_sales": "sales",
    "city_sales": "sales",
    "county_sales": "sales",
    "local_sales": "sales",
    "sales_and_use": "sales",
    "state_and_local": "sales",
    "goods_and_services_on_goods": "goods_and_services",
    "goods_and_services_on_services": "goods_and_services",
    "state_or_province": "other",
    "provincial_on_goods": "other",
    "provincial_on_services": "other",
    "federal_excise": "other",
    "state_excise": "other",
    "municipal": "other",
    "all_taxes": "other",
    "mutually_defined": "other",
}
_LINE_ANSWERS: Final = {
    "quantity_changed": "changed",
    "price_changed": "changed",
    "rescheduled": "changed",
    "accepted_price_pending": "accepted",
    "accepted_and_shipped": "accepted",
    "accepted_and_released": "accepted",
    "deleted": "rejected",
    "rejected_not_on_contract": "rejected",
    "rejected_unknown_item": "rejected",
    "rejected_unit": "rejected",
    "rejected_contract_item_unavailable": "rejected",
    "rejected_reorder_just_in_time": "rejected",
    "rejected_reorder_extended_delivery": "rejected",
    "rejected_reorder_drop_ship": "rejected",
    "rejected_reorder_surge": "rejected",
}
_CHANGES: Final = dict.fromkeys(
    (
        "quantity_increase",
        "quantity_decrease",
        "price_change",
        "price_and_quantity_change",
        "price_and_date_change",
        "date_change",
        "date_terms_change",
        "terms_change",
        "line_allowance_change",
        "total_allowance_change",
        "reschedule",
        "reschedule_and_quantity_change",
        "replace_all_dates",
        "multiple_price_quantity_reschedule",
    ),
    "change",
) | {"replacement_item": "replace", "replacement_item_modified": "replace", "cancel_order": "delete"}
_OUTCOMES: Final = {
    "accepted_no_detail": "accepted",
    "product_replenishment": "accepted_with_changes",
    "rejected_no_detail": "rejected",
    "rejected_exceptions_only": "rejected",
    "rejected_not_as_agreed": "rejected",
    "rejected_with_counter_offer": "accepted_with_changes",
    "rejected_violates_practice": "rejected",
    "mutually_defined": "accepted_with_changes",
}
_ORDER_TYPES: Final = {
    "drop_ship": "direct_ship",
    "blanket_agreement": "blanket",
    "blanket_estimated": "blanket",
    "change_to_release": "release",
    "emergency": "rush",
}
_INVOICES: Final = {
    "product_or_service": "invoice",
    "drop_ship_invoice": "invoice",
    "sample_invoice": "invoice",
    "memorandum": "pro_forma_invoice",
}
_ALLOWANCES: Final = {"special_buy": "special_discount"}
#: Standard → class and field → word → the nearest word of that standard. cXML lists several words for a code itself.
_NEAREST: Final[Mapping[str, Mapping[tuple[str, str], Mapping[str, str]]]] = {
    "ubl": {
        ("Tax", "type"): _TAXES,
        ("LineAcknowledgment", "status"): _LINE_ANSWERS,
        ("ChangedLine", "change"): _CHANGES,
        ("OrderAcknowledgment", "outcome"): _OUTCOMES,
        ("Order", "order_type"): _ORDER_TYPES,
        ("OrderAcknowledgment", "order_type"): _ORDER_TYPES,
        ("OrderChange", "order_type"): _ORDER_TYPES,
        ("Invoice", "invoice_type"): _INVOICES,
        ("AllowanceCharge", "service"): _ALLOWANCES,
    },
    "x12": {
        ("Tax", "type"): {"sales": "sales_and_use", "environmental": "environmental", "harmonized": "other"},
        ("LineAcknowledgment", "status"): {"already_delivered": "accepted_and_shipped"},
        ("ChangedLine", "change"): {"reopened": "add"},
        ("Invoice", "invoice_type"): {
            "self_billed_invoice": "invoice",
            "self_billed_credit_note": "credit_note",
            "pro_forma_invoice": "memorandum",
            "corrected": "corrected",
        },
        ("Order", "order_type"): {"repair_and_return": "repair_and_return"},
    },
    "cxml": {("Tax", "type"): {"sales_and_use": "sales"}},
}


def nearest_words(document: Document, standard: str, report: Report) -> None:
    """Replace the words that the standard has no code for by the nearest it has, each with a finding; in place."""
    table = _NEAREST[standard]
    fields: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for (name, field), words in table.items():
        fields.setdefault(name, []).append((field, words))
    for path, model in models_in(document):
        for field, words in fields.get(type(model).__name__, ()):
            _replace(model, field, words, f"{path}.{field}" if path else field, report)


def _replace(model: BaseModel, field: str, words: Mapping[str, str], path: str, report: Report) -> None:
    held: Any = getattr(model, field)
    word = held.value if isinstance(held, Code) else held
    other = words.get(word or "")
    if other is None or other == word:
        return
    report.changed(path, f'"{word}" is written as "{other}", the nearest word there is')
    setattr(model, field, Code(value=other) if isinstance(held, Code) else other)
