"""Pydantic's errors in plain words: where, what is wrong, and the nearest valid name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

__all__ = ["FieldError", "clipped", "explain"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in a JSON document."""

    #: Where, as a path ("lines[2].quantity"); "" for the document itself.
    path: str
    #: What is wrong and what to do, as a sentence.
    message: str


def explain(model: type[BaseModel], error: dict[str, Any]) -> FieldError:
    """One error of a validation against `model` as a sentence with its path."""
    location: tuple[Any, ...] = error["loc"]
    path = _path(location)
    if error["type"] == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        names = list(owner.model_fields) if owner else []
        near = difflib.get_close_matches(str(location[-1]), names, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else f" Valid here: {', '.join(names)}."
        return FieldError(path, f"there is no field of this name.{hint}")
    shown = clipped(error.get("input"))
    if error["type"] == "literal_error":
        return FieldError(path, f'"{shown}" is not allowed here; it is one of {error["ctx"]["expected"]}.')
    sentence = _WORDS.get(error["type"], f"is not usable here: {error['msg']}.")
    return FieldError(path, f'"{shown}" {sentence}')


def clipped(value: object) -> str:
    """A value short enough for a sentence."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


_WORDS: dict[str, str] = {
    "decimal_parsing": "is not a number. Write digits with a point, such as 12.50, without thousands marks.",
    "decimal_type": "is not a number. Write digits with a point, such as 12.50.",
    "finite_number": "is not a number that can be used. Write digits with a point.",
    "day": "is not a date. Write YYYY-MM-DD.",
    "date_from_datetime_parsing": "is not a date. Write YYYY-MM-DD.",
    "date_parsing": "is not a date. Write YYYY-MM-DD.",
    "clock": "is not a time. Write HH:MM or HH:MM:SS.",
    "time_parsing": "is not a time. Write HH:MM or HH:MM:SS.",
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
}


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
