"""Documents to JSON and back: one strict reader that names every mistake, one writer with a stable order."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.documents.inventory_advice import InventoryAdvice
from gateway.documents.invoice import Invoice
from gateway.documents.order import Order, OrderAcknowledgment, OrderChange, OrderChangeAcknowledgment
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
    Order | OrderAcknowledgment | OrderChange | OrderChangeAcknowledgment | ShipNotice | Invoice | InventoryAdvice
)

#: The class of each kind.
KINDS: dict[str, type[Document]] = {
    "order": Order,
    "order_acknowledgment": OrderAcknowledgment,
    "order_change": OrderChange,
    "order_change_acknowledgment": OrderChangeAcknowledgment,
    "ship_notice": ShipNotice,
    "invoice": Invoice,
    "inventory_advice": InventoryAdvice,
}

_SCHEMA_BASE = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in a JSON document."""

    #: Where, as a path ("lines[2].quantity"); "" for the document itself.
    path: str
    #: What is wrong and what to do, as a sentence.
    message: str


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
        raise DocumentError([_explain(model, raw, dict(item)) for item in error.errors()]) from None


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
    return FieldError("kind", f'"{_clip(kind)}" is not a kind of document (one of: {known}).{hint}')


def _explain(model: type[BaseModel], raw: object, error: dict[str, Any]) -> FieldError:
    location = tuple(part for part in error["loc"] if part != "function-before[_from_text()]")
    path = _path(location)
    if error["type"] == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        names = list(owner.model_fields) if owner else []
        near = difflib.get_close_matches(str(location[-1]), names, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else f" Valid here: {', '.join(names)}."
        return FieldError(path, f"there is no field of this name.{hint}")
    return FieldError(path, _WORDS.get(error["type"], _plain)(error))


def _clip(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(error: dict[str, Any]) -> str:
    return f'"{_clip(error.get("input"))}" is not usable here: {error["msg"]}.'


_WORDS: dict[str, Any] = {
    kind: (lambda sentence: lambda error: f'"{_clip(error.get("input"))}" {sentence}')(sentence)
    for kind, sentence in {
        "decimal_parsing": "is not a number. Write digits with a point, such as 12.50, without thousands marks.",
        "decimal_type": "is not a number. Write digits with a point, such as 12.50.",
        "finite_number": "is not a number that can be used. Write digits with a point.",
        "date_from_datetime_parsing": "is not a date. Write YYYY-MM-DD.",
        "date_parsing": "is not a date. Write YYYY-MM-DD.",
        "date_type": "is not a date. Write YYYY-MM-DD.",
        "date_from_datetime_inexact": "is a date with a time. Write only YYYY-MM-DD.",
        "time_parsing": "is not a time. Write HH:MM or HH:MM:SS.",
        "time_type": "is not a time. Write HH:MM or HH:MM:SS.",
        "string_type": 'is not text. Put it in quotation marks ("001", not 001).',
        "list_type": "is not a list. Put the entries in [ ].",
        "model_type": "is not an object. Put the fields in { }.",
        "model_attributes_type": "is not an object. Put the fields in { }.",
        "int_parsing": "is not a whole number.",
        "int_type": "is not a whole number.",
        "int_from_float": "is not a whole number.",
        "bool_parsing": "is neither true nor false.",
        "bool_type": "is neither true nor false.",
        "uuid_parsing": "is not a UUID. Leave the id out: the gateway makes it.",
    }.items()
}
_WORDS["literal_error"] = lambda error: (
    f'"{_clip(error.get("input"))}" is not allowed here; it is one of {error["ctx"]["expected"]}.'
)


def _path(location: tuple[Any, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _model_at(model: type[BaseModel] | None, location: tuple[Any, ...]) -> type[BaseModel] | None:
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model is not None else None
        model = _model_in(field.annotation) if field is not None else None
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


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

    Order: number and release. Change: number, release and sequence. Ship notice: number. Invoice: number, year and
    type. Inventory advice: number. Parts are joined by "/"; the partner is the caller's part of the key.
    """
    parts: list[object] = [document.number or ""]
    if isinstance(document, Order | OrderAcknowledgment):
        parts.append(document.release or "")
    if isinstance(document, OrderAcknowledgment):
        parts.append(document.issue_date or "")
    if isinstance(document, OrderChange | OrderChangeAcknowledgment):
        parts += [document.release or "", document.sequence or ""]
    if isinstance(document, Invoice):
        parts += [document.issue_date.year if document.issue_date else "", str(document.invoice_type or "")]
    return "/".join([document.kind, *(str(part) for part in parts)])
