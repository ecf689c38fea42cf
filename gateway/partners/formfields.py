"""What each field of a profile is for a form: derived from the profile's model, so that a new field appears by itself.

A kind says how a value is typed: on one line, on several, chosen, switched, or as rows of further fields. What a type
does not tell stands at the field itself (``json_schema_extra``): ``lines`` for a text of several lines, ``options`` for
the words of a text that has only so many.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from gateway.partners.fields import SecretRef

__all__ = ["LISTS", "FormField", "FormKind", "defaults_of", "form_fields"]


class FormKind(StrEnum):
    """How a field is typed in a form."""

    #: One line of text.
    TEXT = "text"
    #: Several lines of text.
    LONG = "long"
    #: A whole or decimal number, a day, a day or instant: one line, with what belongs there as its hint.
    WHOLE = "whole"
    DECIMAL = "decimal"
    DAY = "day"
    INSTANT = "instant"
    #: Yes or no.
    SWITCH = "switch"
    #: One of some words, or several of them.
    CHOICE = "choice"
    CHOICES = "choices"
    #: A list of texts or numbers, one on each line.
    LINES = "lines"
    #: The name of a stored secret; a list of such names, one on each line.
    SECRET = "secret"  # noqa: S105 - a kind of field
    SECRETS = "secrets"
    #: Fields of its own; one that may be absent is there when one of its fields is.
    GROUP = "group"
    #: A list of groups.
    ROWS = "rows"
    #: Groups by a name that is typed too, and single values by such a name.
    ENTRIES = "entries"
    PAIRS = "pairs"
    #: A list of texts, each of which may be a group instead.
    MIXED = "mixed"


#: The kinds whose value is a list.
LISTS = frozenset({FormKind.LINES, FormKind.SECRETS, FormKind.CHOICES, FormKind.ROWS, FormKind.MIXED})

_SCALARS: tuple[tuple[type, FormKind], ...] = (
    (bool, FormKind.SWITCH),
    (int, FormKind.WHOLE),
    (float, FormKind.DECIMAL),
    (datetime, FormKind.INSTANT),
    (date, FormKind.DAY),
    (str, FormKind.TEXT),
)


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a group, for a form."""

    name: str
    kind: FormKind
    #: What it means, from the model.
    about: str
    #: The words of a choice.
    options: tuple[str, ...] = ()
    #: The group of a GROUP, ROWS, ENTRIES or MIXED, and the field that a value of PAIRS is.
    model: type[BaseModel] | None = None
    value: FormField | None = None
    required: bool = False
    #: Whether it takes an empty text or list, which says something else than no value.
    may_be_empty: bool = False


@lru_cache(maxsize=128)
def form_fields(model: type[BaseModel]) -> tuple[FormField, ...]:
    """The fields of a group in their order."""
    return tuple(_field(name, info) for name, info in model.model_fields.items())


@lru_cache(maxsize=128)
def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """The defaults of a group as plain JSON; None for what has none."""
    return {
        name: None if info.is_required() else to_jsonable_python(info.get_default(call_default_factory=True))
        for name, info in model.model_fields.items()
    }


def _field(name: str, info: FieldInfo) -> FormField:
    found = _of(name, info.annotation, info.description or "")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    words, kind = extra.get("options"), FormKind.LONG if extra.get("lines") else found.kind
    options = tuple(str(word) for word in words) if isinstance(words, list) else found.options
    kind = FormKind.CHOICE if isinstance(words, list) else kind
    return FormField(
        name,
        kind,
        found.about,
        options,
        found.model,
        found.value,
        required=info.is_required(),
        may_be_empty=_may_be_empty(info, kind),
    )


def _of(name: str, annotation: Any, about: str) -> FormField:
    """The field of one type. Raises TypeError for a type that no form has a kind for."""
    inner, origin = _bare(annotation), get_origin(_bare(annotation))
    if origin is Literal:
        return FormField(name, FormKind.CHOICE, about, tuple(str(word) for word in get_args(inner)))
    if origin is tuple:
        return _of_list(name, get_args(inner)[0], about)
    if origin is dict:
        held = _of("value", get_args(inner)[1], "")
        if held.kind is FormKind.GROUP:
            return FormField(name, FormKind.ENTRIES, about, model=held.model)
        return FormField(name, FormKind.PAIRS, about, value=held)
    if isinstance(inner, type):
        if issubclass(inner, Enum):
            return FormField(name, FormKind.CHOICE, about, tuple(str(member.value) for member in inner))
        if issubclass(inner, SecretRef):
            return FormField(name, FormKind.SECRET, about)
        if issubclass(inner, BaseModel):
            return FormField(name, FormKind.GROUP, about, model=inner)
        for kind_of, kind in _SCALARS:
            if issubclass(inner, kind_of):
                return FormField(name, kind, about)
    raise TypeError(f"no form has a field for {name}: {annotation}")


def _of_list(name: str, annotation: Any, about: str) -> FormField:
    groups = [each for each in _members(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    if groups and len(groups) < len(list(_members(annotation))):
        return FormField(name, FormKind.MIXED, about, model=groups[0])
    held = _of(name, annotation, about)
    kind = {
        FormKind.GROUP: FormKind.ROWS,
        FormKind.CHOICE: FormKind.CHOICES,
        FormKind.SECRET: FormKind.SECRETS,
    }.get(held.kind, FormKind.LINES)
    return FormField(name, kind, about, held.options, held.model)


def _bare(annotation: Any) -> Any:
    """The type without what is annotated and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    members = list(_members(annotation))
    return _bare(members[0]) if len(members) == 1 and members[0] is not annotation else annotation


def _members(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, without None."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, types.UnionType}:
        for member in get_args(annotation):
            if member is not type(None):
                yield from _members(member)
    else:
        yield annotation


def _may_be_empty(info: FieldInfo, kind: FormKind) -> bool:
    if kind not in LISTS | {FormKind.TEXT, FormKind.LONG}:
        return False
    try:
        whole: Any = Annotated[info.annotation, "", *info.metadata]
        TypeAdapter(whole).validate_python([] if kind in LISTS else "")
    except ValidationError:
        return False
    return True
