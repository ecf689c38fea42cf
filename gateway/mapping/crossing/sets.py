"""Which transaction set, document or request of a standard carries a document, and the document in its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.documents import (
    AcknowledgedLine,
    Document,
    Invoice,
    Order,
    OrderAcknowledgment,
    OrderChange,
    OrderChangeAcknowledgment,
)
from gateway.documents.base import Code, DocumentModel
from gateway.documents.order import ChangedLine, OrderLine
from gateway.mapping.crossing.values import Report
from gateway.mapping.errors import MappingError, Problem

__all__ = ["SET_OF_KIND", "in_kind_of", "is_refusal", "set_for"]

#: Standard → kind of document → the set that usually carries it.
SET_OF_KIND: Final[Mapping[str, Mapping[str, str]]] = {
    "x12": {
        "order": "850",
        "order_acknowledgment": "855",
        "order_change": "860",
        "order_change_acknowledgment": "865",
        "ship_notice": "856",
        "invoice": "810",
        "inventory_advice": "846",
    },
    "ubl": {
        "order": "Order",
        "order_acknowledgment": "OrderResponse",
        "order_change": "OrderChange",
        "order_change_acknowledgment": "OrderResponse",
        "ship_notice": "DespatchAdvice",
        "invoice": "Invoice",
        "inventory_advice": "InventoryReport",
        "receipt_advice": "ReceiptAdvice",
        "application_response": "ApplicationResponse",
    },
    "cxml": {
        "order": "OrderRequest",
        "order_acknowledgment": "ConfirmationRequest",
        "order_change": "OrderRequest",
        "order_change_acknowledgment": "ConfirmationRequest",
        "ship_notice": "ShipNoticeRequest",
        "invoice": "InvoiceDetailRequest",
    },
}
_NAMES: Final = {"x12": "X12", "ubl": "UBL", "cxml": "cXML"}
#: Outcomes that say yes or no to the whole order, which is all that OrderResponseSimple can say.
_YES: Final = frozenset({"accepted", "accepted_no_detail"})
_NO: Final = frozenset({"rejected", "rejected_no_detail", "rejected_not_as_agreed", "rejected_violates_practice"})
_CANCELS: Final = frozenset({"cancellation", "delete"})


def is_refusal(outcome: Code | None) -> bool:
    """Whether an answer says no to the whole order."""
    return outcome is not None and outcome.value in _NO


def set_for(document: Document, standard: str) -> str:
    """The set of a standard that carries a document. Raises MappingError when it has none."""
    usual = SET_OF_KIND.get(standard, {}).get(document.kind)
    if usual is None:
        known = " or ".join(name for each, name in _NAMES.items() if document.kind in SET_OF_KIND[each])
        what = document.kind.replace("_", " ")
        message = (
            f'{_NAMES.get(standard, standard)} has no document here that says what "{what}" says. Send it as {known}.'
        )
        raise MappingError([Problem("kind", message)])
    chosen = _CHOICES.get((standard, document.kind))
    return chosen(document) or usual if chosen else usual


def _answer(document: Document) -> str | None:
    outcome = getattr(document, "outcome", None)
    plain = outcome is not None and outcome.value in _YES | _NO
    return "OrderResponseSimple" if plain and not getattr(document, "lines", None) else None


def _cancels(document: Document) -> str | None:
    return "OrderCancellation" if _is_cancelled(document) else None


def _credit(document: Document) -> str | None:
    return "CreditNote" if isinstance(document, Invoice) and document.is_credit else None


_CHOICES: Final[Mapping[tuple[str, str], Callable[[Document], str | None]]] = {
    ("ubl", "order"): _cancels,
    ("ubl", "order_change"): _cancels,
    ("ubl", "order_acknowledgment"): _answer,
    ("ubl", "order_change_acknowledgment"): _answer,
    ("ubl", "invoice"): _credit,
}


def _is_cancelled(document: Document) -> bool:
    return document.purpose is not None and document.purpose.value in _CANCELS


def in_kind_of(document: Document, standard: str, set_id: str, report: Report) -> Document:
    """The document as the kind that the set carries: a cancelled order as a change, a change as an order."""
    change = _KIND_CHANGES.get((document.kind, standard, set_id))
    return change(document, report) if change else document


def _order_to_change(document: Document, report: Report) -> Document:
    report.changed("kind", "a cancelled order is written as the cancellation of an order")
    change = OrderChange.model_validate(_shared(document, OrderChange))
    change.order_date = document.issue_date
    return change


def _change_to_order(document: Document, report: Report) -> Document:
    if not isinstance(document, OrderChange):
        return document
    report.changed("kind", "a change of an order is written as an order, which cXML uses for both")
    order = Order.model_validate(_shared(document, Order))
    if document.order_date is not None:
        order.issue_date = document.order_date
        if document.issue_date not in (None, document.order_date):
            report.not_carried("issue_date", "the order is named with its own date", document.issue_date)
    _lines(order, document, OrderLine, report)
    for index, line in enumerate(document.lines):
        if line.change is not None and line.change.value == "delete":
            report.changed(f"lines[{index}]", "a deleted line is written with the quantity 0")
            order.lines[index].quantity = type(line.quantity or order.lines[index].quantity or 0)(0)  # type: ignore[assignment]
    return order


def _change_answer(document: Document, report: Report) -> Document:
    report.changed("kind", "the answer to a change is written as the answer to the order")
    answer = OrderAcknowledgment.model_validate(_shared(document, OrderAcknowledgment))
    if isinstance(document, OrderChangeAcknowledgment):
        _lines(answer, document, AcknowledgedLine, report)
    return answer


def _shared(document: Document, target: type[DocumentModel]) -> dict[str, object]:
    return {
        name: getattr(document, name)
        for name in document.model_fields_set
        if name in target.model_fields and name not in {"kind", "lines"}
    }


def _lines(
    target: Order | OrderAcknowledgment,
    document: OrderChange | OrderChangeAcknowledgment,
    model: type[OrderLine | AcknowledgedLine],
    report: Report,
) -> None:
    for index, line in enumerate(document.lines):
        target.lines.append(_line(line, model, f"lines[{index}]", report))  # type: ignore[arg-type]


def _line(line: ChangedLine, model: type[OrderLine | AcknowledgedLine], path: str, report: Report) -> DocumentModel:
    values = {name: getattr(line, name) for name in line.model_fields_set}
    for name in [name for name in values if name not in model.model_fields]:
        lost = values.pop(name)
        if lost not in (None, []):
            report.not_carried(f"{path}.{name}", "only a change says this", lost)
    return model.model_validate(values)


_KIND_CHANGES: Final[Mapping[tuple[str, str, str], Callable[[Document, Report], Document]]] = {
    ("order", "ubl", "OrderCancellation"): _order_to_change,
    ("order_change", "cxml", "OrderRequest"): _change_to_order,
    ("order_change_acknowledgment", "ubl", "OrderResponse"): _change_answer,
    ("order_change_acknowledgment", "ubl", "OrderResponseSimple"): _change_answer,
    ("order_change_acknowledgment", "cxml", "ConfirmationRequest"): _change_answer,
}
