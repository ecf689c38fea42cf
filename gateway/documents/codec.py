"""Documents to JSON and back: one strict reader that names every mistake, one writer with a stable order."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.documents.application_response import ApplicationResponse
from gateway.documents.explain import FieldError, clipped, explain
from gateway.documents.inventory_advice import InventoryAdvice
from gateway.documents.invoice import Invoice
from gateway.documents.order import Order, OrderAcknowledgment, OrderChange, OrderChangeAcknowledgment
from gateway.documents.receipt_advice import ReceiptAdvice
from gateway.documents.ship_notice import ShipNotice

__all__ = [
    "KINDS",
    "Document",
    "DocumentError",
    "FieldError",
    "business_key",
    "dump_document",
    "json_schemas",
    "load_list",
    "parse_document",
    "to_jsonable",
]

#: Any canonical document.
Document = (
    Order
    | OrderAcknowledgment
    | OrderChange
    | OrderChangeAcknowledgment
    | ShipNotice
    | ReceiptAdvice
    | Invoice
    | InventoryAdvice
    | ApplicationResponse
)

#: The class of each kind.
KINDS: dict[str, type[Document]] = {
    "order": Order,
    "order_acknowledgment": OrderAcknowledgment,
    "order_change": OrderChange,
    "order_change_acknowledgment": OrderChangeAcknowledgment,
    "ship_notice": ShipNotice,
    "receipt_advice": ReceiptAdvice,
    "invoice": Invoice,
    "inventory_advice": InventoryAdvice,
    "application_response": ApplicationResponse,
}

_SCHEMA_BASE = "https://json-schema.org/draft/2020-12/schema"


class DocumentError(ValueError):
    """A JSON document that is not one of ours; carries every mistake with its path."""

    def __init__(self, errors: list[FieldError]) -> None:
        """Keep the mistakes; the text lists them all."""
        self.errors = errors
        super().__init__("; ".join(f"{e.path or 'document'}: {e.message}" for e in errors))


def parse_document(data: bytes | str | Mapping[str, Any]) -> Document:
    """Read one canonical document from JSON bytes, text or an already parsed object.

    Raises DocumentError with every mistake: broken JSON (line and column), unknown or missing kind, unknown field
    (with the nearest valid name), wrong value.
    """
    raw = data if isinstance(data, Mapping) else _load(data)
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise DocumentError([_kind_error(kind)])
    model = KINDS[kind]
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise DocumentError([explain(model, dict(item)) for item in error.errors()]) from None


def load_list(data: bytes | str) -> list[Any]:
    """The parts of a JSON list of documents, unparsed; raises DocumentError when it is not JSON or not a list."""
    parsed = _json(data)
    if not isinstance(parsed, list):
        raise DocumentError([FieldError("", "this is not a list of documents. Put them in [ ].")])
    return parsed


def _json(data: bytes | str) -> Any:
    try:
        return json.loads(data, parse_float=Decimal)
    except UnicodeDecodeError as error:
        message = f"the bytes are not UTF-8 (at byte {error.start}). Save the file as UTF-8."
        raise DocumentError([FieldError("", message)]) from None
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise DocumentError([FieldError("", message)]) from None
    except RecursionError:
        raise DocumentError([FieldError("", "this JSON is nested too deeply to be a document.")]) from None


def _load(data: bytes | str) -> Mapping[str, Any]:
    parsed = _json(data)
    if not isinstance(parsed, dict):
        found = type(parsed).__name__
        message = f'a document is a JSON object with a "kind", but this is a {found}. Send one object.'
        raise DocumentError([FieldError("", message)])
    return parsed


def _kind_error(kind: object) -> FieldError:
    known = ", ".join(KINDS)
    if kind is None:
        return FieldError("kind", f'every document says what it is. Add "kind" with one of: {known}.')
    near = difflib.get_close_matches(str(kind), KINDS, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return FieldError("kind", f'"{clipped(kind)}" is not a kind of document (one of: {known}).{hint}')


def to_jsonable(document: BaseModel) -> dict[str, Any]:
    """The document as plain JSON values, without empty parts, in the order of the fields."""
    dumped = document.model_dump(mode="json", exclude_none=True)
    cleaned = _prune(dumped)
    if not dumped.get("test", True):
        cleaned.pop("test", None)
    kind = cleaned.pop("kind", None)
    return {"kind": kind, **cleaned} if kind is not None else cleaned


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        cleaned = {key: value[key] if key in _VERBATIM else _prune(value[key]) for key in value}
        return {key: item for key, item in cleaned.items() if key in _VERBATIM or item not in ({}, [], None)}
    return [_prune(item) for item in value] if isinstance(value, list) else value


#: Parts of an extension whose emptiness means something.
_VERBATIM = frozenset({"received", "written", "segment", "omitted"})


def dump_document(document: Document) -> bytes:
    """The JSON bytes of a document: UTF-8, two spaces of indent, fields in a fixed order, no empty parts."""
    return (json.dumps(to_jsonable(document), ensure_ascii=False, indent=2) + "\n").encode()


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each kind of document, for `schemas/documents/<kind>.json`."""
    schemas: dict[str, dict[str, Any]] = {}
    for kind, model in KINDS.items():
        schema = model.model_json_schema(mode="validation")
        schema["required"] = ["kind", *[name for name in schema.get("required", []) if name != "kind"]]
        schemas[kind] = {"$schema": _SCHEMA_BASE, "$id": f"urn:edi-gateway:document:{kind}:1.0", **schema}
    return schemas


def business_key(document: Document) -> str:
    """What makes the document the same business fact again, for one partner (kind and number, and what varies).

    Order: number and release; its acknowledgment: also the date and number of the answer. Change: number, release and
    sequence (or the number of the change itself). Invoice: number, year and type. Ship notice, receipt advice,
    inventory advice and application response: number. Parts are joined by "/"; the partner is the caller's part.
    """
    parts: list[object] = [document.number or ""]
    if isinstance(document, Order | OrderAcknowledgment):
        parts.append(document.release or "")
    if isinstance(document, OrderAcknowledgment):
        parts.append(document.issue_date or "")
        parts += [document.response_number] if document.response_number else []
    if isinstance(document, OrderChange):
        parts += [document.release or "", document.sequence or document.change_number or ""]
    if isinstance(document, OrderChangeAcknowledgment):
        parts += [document.release or "", document.sequence or ""]
    if isinstance(document, Invoice):
        parts += [document.issue_date.year if document.issue_date else "", str(document.invoice_type or "")]
    return "/".join([document.kind, *(str(part) for part in parts)])
