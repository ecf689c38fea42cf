"""What a field path means in a document class: used to check a map when it is loaded."""

from __future__ import annotations

import datetime
import types
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.documents.base import Code
from gateway.mapping.errors import nearest

__all__ = ["Target", "TargetError", "resolve"]


class TargetError(ValueError):
    """A path names something the document does not have; the text says what is there instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """The end of a path."""

    #: "text", "date", "time", "decimal", "integer", "code", "part" (an object), "list" or "other".
    kind: str
    #: Class of the object or of the list's entries; None for plain values.
    model: type[BaseModel] | None = None


_TYPES: dict[type, str] = {
    str: "text",
    datetime.date: "date",
    datetime.time: "time",
    Decimal: "decimal",
    int: "integer",
}


def resolve(model: type[BaseModel] | None, path: tuple[str, ...]) -> Target:
    """Follow a path from a class; () is the entry of a list of text. Raises TargetError."""
    if not path:
        return Target("text") if model is None else Target("part", model)
    target = Target("part", model)
    for name in path:
        owner: type[BaseModel] | None = target.model
        if target.kind != "part" or owner is None:
            raise TargetError(f'"{".".join(path)}": "{name}" has nothing to belong to.')
        field = owner.model_fields.get(name)
        if field is None:
            raise TargetError(f'"{name}" is not a field of {owner.__name__}.{nearest(name, owner.model_fields)}')
        target = _target(field.annotation)
    return target


def _target(annotation: Any) -> Target:
    for option in _options(annotation):
        if get_origin(option) is list:
            return Target("list", _model(get_args(option)[0]))
        if isinstance(option, type):
            if issubclass(option, Code):
                return Target("code")
            if issubclass(option, BaseModel):
                return Target("part", option)
            if option in _TYPES:
                return Target(_TYPES[option])
    return Target("other")


def _options(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for part in get_args(annotation) for option in _options(part)]
    if get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    return [annotation]


def _model(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
