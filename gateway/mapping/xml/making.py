"""Making objects of a document from values that were read and checked already, without checking them again.

A maker is compiled for one class and one set of fields. It makes what `model_validate` makes of the same values; only
classes are taken whose validation changes nothing of values that have the right type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gateway.documents import Code
from gateway.mapping.targets import TargetError, resolve

__all__ = ["Hole", "Maker", "NoForm", "maker_of"]

#: Values of a form → the object.
Maker = Callable[[list[Any]], Any]
_new: Final = object.__new__
#: What every object of pydantic holds beside its class; its own `__setattr__` would check each name.
_SLOTS: Final = vars(BaseModel)
_set_fields: Final = _SLOTS["__dict__"].__set__
_set_given: Final = _SLOTS["__pydantic_fields_set__"].__set__
_set_extra: Final = _SLOTS["__pydantic_extra__"].__set__
_set_private: Final = _SLOTS["__pydantic_private__"].__set__


class NoForm(Exception):  # noqa: N818 - the answer to a question, not an error
    """What becomes of such an element hangs on its texts, or has to be validated: it is read the general way."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that differs from object to object: its place among the values."""

    index: int

    def __str__(self) -> str:
        """Whoever asks for the text decides by it. Raises NoForm."""
        raise NoForm


@cache
def _defaults(model: type[BaseModel]) -> tuple[Mapping[str, Any], frozenset[str]]:
    """The fields of a class with their defaults, in order, and those that are empty lists."""
    decorators = model.__pydantic_decorators__
    before = {} if model is Code else decorators.model_validators
    if before or decorators.field_validators or decorators.validators or decorators.root_validators:
        raise NoForm(f"{model.__name__} has validators of its own.")
    if model.__pydantic_post_init__ or model.__private_attributes__ or model.model_config.get("extra") != "forbid":
        raise NoForm(f"{model.__name__} does more than hold its fields.")
    defaults: dict[str, Any] = {}
    lists: set[str] = set()
    for name, field in model.model_fields.items():
        if field.default_factory is list:
            lists.add(name)
            defaults[name] = None
        elif field.default_factory is None and isinstance(field.default, str | int | None):
            defaults[name] = field.default
        elif field.default is PydanticUndefined and field.default_factory is None:
            defaults[name] = None
        else:
            raise NoForm(f"{model.__name__}.{name} has a default that is made anew.")
    return defaults, frozenset(lists)


def maker_of(model: type[BaseModel], content: Mapping[str, Any]) -> Maker:
    """The maker of objects with these fields: constants, holes, parts (mappings) and lists of these.

    Raises NoForm.
    """
    defaults, lists = _defaults(model)
    template = dict(defaults)
    holes: list[tuple[str, int]] = []
    parts: list[tuple[str, Maker]] = []
    listed: list[tuple[str, tuple[Maker, ...]]] = []
    for name, value in content.items():
        if name not in template:
            raise NoForm(f"{model.__name__} has no field {name}.")
        if isinstance(value, Hole):
            holes.append((name, value.index))
        elif isinstance(value, Mapping):
            parts.append((name, maker_of(_class(model, name), value)))
        elif isinstance(value, list):
            listed.append((name, tuple(_item(model, name, each) for each in value)))
        elif _is_code(model, name):
            parts.append((name, maker_of(Code, {"value": value})))
        else:
            template[name] = value
    empty = tuple(name for name in model.model_fields if name in lists and name not in content)
    return _maker(model, template, empty, holes, parts, listed, frozenset(content))


def _maker(
    model: type[BaseModel],
    template: dict[str, Any],
    empty: Sequence[str],
    holes: Sequence[tuple[str, int]],
    parts: Sequence[tuple[str, Maker]],
    listed: Sequence[tuple[str, tuple[Maker, ...]]],
    given: frozenset[str],
) -> Maker:
    fresh, names = template.copy, set(given).copy

    def made(held: dict[str, Any]) -> Any:
        one = _new(model)
        _set_fields(one, held)
        _set_given(one, names())
        _set_extra(one, None)
        _set_private(one, None)
        return one

    def make(values: list[Any]) -> Any:
        held = fresh()
        for name in empty:
            held[name] = []
        for name, index in holes:
            held[name] = values[index]
        for name, inner in parts:
            held[name] = inner(values)
        for name, makers in listed:
            held[name] = [inner(values) for inner in makers]
        return made(held)

    def make_small(values: list[Any]) -> Any:
        """One value and constants: most objects there are, so without a loop or a call."""
        held = fresh()
        held[lone] = values[place]
        one = _new(model)
        _set_fields(one, held)
        _set_given(one, names())
        _set_extra(one, None)
        _set_private(one, None)
        return one

    if len(holes) == 1 and not (empty or parts or listed):
        lone, place = holes[0]
        return make_small
    return make


def _is_code(model: type[BaseModel], name: str) -> bool:
    return resolve(model, (name,)).kind == "code"


def _class(model: type[BaseModel], name: str) -> type[BaseModel]:
    try:
        found = resolve(model, (name,))
    except TargetError as error:
        raise NoForm(str(error)) from None
    if found.kind == "code":
        return Code
    if found.model is None:
        raise NoForm(f"{model.__name__}.{name} holds no object.")
    return found.model


def _item(model: type[BaseModel], name: str, value: Any) -> Maker:
    """What makes one entry of a list: an object, or a text."""
    if isinstance(value, Mapping):
        return maker_of(_class(model, name), value)
    if isinstance(value, Hole):
        index = value.index
        return lambda values: values[index]
    return lambda _values: value
