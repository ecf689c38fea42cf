"""What is wrong with a profile's data: one plain sentence for each mistake, with the nearest valid name."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gateway.partners.errors import Problem
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamltext import Path, dotted

__all__ = ["explain", "field_paths", "model_at", "nearest", "nearest_line"]

#: pydantic error type → our sentence; {…} are filled from the error's context.
_SENTENCES: dict[str, str] = {
    "missing": "is missing.",
    "string_type": "must be text.",
    "string_pattern_mismatch": "does not have the form that is meant ({pattern}).",
    "string_too_short": "must have at least {min_length} characters.",
    "string_too_long": "must have at most {max_length} characters.",
    "int_parsing": "must be a whole number.",
    "int_type": "must be a whole number.",
    "int_from_float": "must be a whole number.",
    "float_parsing": "must be a number.",
    "float_type": "must be a number.",
    "bool_parsing": "must be true or false.",
    "bool_type": "must be true or false.",
    "greater_than": "must be more than {gt}.",
    "greater_than_equal": "must be {ge} or more.",
    "less_than": "must be less than {lt}.",
    "less_than_equal": "must be {le} or less.",
    "too_short": "needs {min_length} entry or more.",
    "tuple_type": "must be a list.",
    "dict_type": "must be a group of names and values.",
    "model_type": "must be a group of settings.",
    "model_attributes_type": "must be a group of settings.",
    "date_from_datetime_parsing": "must be a day such as 2026-03-31.",
    "date_from_datetime_inexact": "must be a day such as 2026-03-31, without a time.",
    "date_parsing": "must be a day such as 2026-03-31.",
    "date_type": "must be a day such as 2026-03-31.",
    "datetime_from_date_parsing": "must be a day or an instant such as 2026-03-31T12:00:00Z.",
    "datetime_parsing": "must be a day or an instant such as 2026-03-31T12:00:00Z.",
    "datetime_type": "must be a day or an instant such as 2026-03-31T12:00:00Z.",
}


def explain(
    error: ValidationError, data: Mapping[str, Any], lines: Mapping[Path, tuple[str, int]], file: str
) -> list[Problem]:
    """Every mistake of ``data`` as a problem with its file and line, in the order of the lines."""
    problems = []
    for item in error.errors(include_url=False):
        path = _known_part(tuple(part for part in item["loc"] if part != "[key]"), data)
        place, line = nearest_line(path, lines, file)
        message, fix = _sentence(item["type"], item.get("ctx", {}), path, _value(path, data))
        problems.append(Problem(place, line, dotted(path), message or f"{item['msg']}.", fix))
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


def _sentence(kind: str, context: Mapping[str, Any], path: Path, value: Any) -> tuple[str, str]:
    """(what is wrong, what to do) for one pydantic error."""
    if kind == "extra_forbidden":
        return "is not a field of a partner's profile.", _nearest_name(path)
    if kind in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        shown = f'"{value}" is not one of' if isinstance(value, str) else "must be one of"
        return f"{shown} {', '.join(choices)}.", nearest(value, choices) if isinstance(value, str) else ""
    if kind == "value_error":
        return f"{context.get('error')}.", ""
    template = _SENTENCES.get(kind)
    if template is None:
        return "", ""
    description = _description(path) if kind == "missing" else ""
    return template.format_map(context), description


def _known_part(loc: tuple[Any, ...], data: Any) -> Path:
    """The part of an error's location that leads through the data; pydantic adds names of union branches."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        inside = isinstance(data, Mapping) and part in data
        inside = inside or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        if not inside:
            # A single value stands for a list of one: its index is not in the data.
            if isinstance(part, int) or index < len(loc) - 1:
                continue
            return (*path, part)
        path.append(part)
        data = data[part]
    return tuple(path)


def _value(path: Path, data: Any) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def nearest_line(path: Path, lines: Mapping[Path, tuple[str, int]], file: str) -> tuple[str, int]:
    """(file, line) where a value stands, or the nearest group around it; line 0 when nothing is known."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return file, 0


def nearest(word: str, names: Sequence[str]) -> str:
    """The question that names the valid name most like ``word``, or "" when none is."""
    begins = [name for name in names if word and name.startswith(word)]
    close = begins or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    close = close or sorted((name for name in names if name in word), key=len, reverse=True)
    return f"Did you mean {close[0]}?" if close else ""


def _nearest_name(path: Path) -> str:
    """The field that an unknown name probably means: in its own group, or the same name in another one."""
    name = str(path[-1])
    model = model_at(path[:-1])
    own = sorted(model.model_fields) if model is not None else []
    elsewhere = [known for known in field_paths() if known.rsplit(".", 1)[-1] == name]
    if elsewhere and not difflib.get_close_matches(name, own, n=1, cutoff=0.8):
        return f"Did you mean {elsewhere[0]}?"
    return nearest(name, own) or (f"Known here: {', '.join(own)}." if own else "")


def _description(path: Path) -> str:
    model = model_at(path[:-1])
    found = model.model_fields.get(str(path[-1])) if model is not None else None
    return found.description or "" if found is not None else ""


def model_at(path: Path) -> type[BaseModel] | None:
    """The group of settings that stands at ``path`` in a profile, or None when none does."""
    annotation: Any = PartnerProfile
    for part in path:
        annotation = _inside(annotation, part)
        if annotation is None:
            return None
    models = list(_models(annotation))
    return models[0] if models else None


def _inside(annotation: Any, part: str | int) -> Any:
    """The type of what stands under ``part`` in a value of type ``annotation``."""
    if isinstance(part, str):
        for model in _models(annotation):
            found = model.model_fields.get(part)
            return found.annotation if found is not None else None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Annotated, Union, types.UnionType}:
        inner = (_inside(argument, part) for argument in arguments if argument is not type(None))
        return next((found for found in inner if found is not None), None)
    if origin is tuple and isinstance(part, int):
        return arguments[0]
    return arguments[1] if origin is dict and isinstance(part, str) else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The groups that a value of this type is, or lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, Union, types.UnionType, tuple}:
        for argument in get_args(annotation):
            yield from _models(argument)


@lru_cache(maxsize=1)
def field_paths() -> tuple[str, ...]:
    """The dotted path of every field of a profile: shallow ones first, those inside lists last."""
    found: list[tuple[int, str]] = []

    def walk(model: type[BaseModel], prefix: str, depth: int) -> None:
        for name, info in model.model_fields.items():
            found.append((depth, f"{prefix}{name}"))
            listed = 10 if "tuple" in str(info.annotation) else 0
            for inner in _models(info.annotation):
                walk(inner, f"{prefix}{name}.", depth + 1 + listed)

    walk(PartnerProfile, "", 0)
    return tuple(path for _, path in sorted(found, key=lambda pair: pair[0]))
