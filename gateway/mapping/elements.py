"""Writing one element: getters along field paths, and functions that put a field, part or computed value in place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from typing import Any

from gateway.mapping.rules import Field, Path, Where
from gateway.mapping.scopes import Written, flatten
from gateway.mapping.state import WriteState
from gateway.standards.edi.model import COMPONENT

__all__ = ["Fill", "Get", "accepts", "filler", "getter", "needed_names"]

Get = Callable[[Any], Any]
#: (object, elements, state) → whether there was a value to put in.
Fill = Callable[[Any, list[str], WriteState], bool]


def getter(path: Path) -> Get:
    """A function that follows a path through objects; None where something on the way is missing."""
    if not path:
        return lambda target: target
    if len(path) == 1:
        return attrgetter(path[0])

    def get(target: Any) -> Any:
        for name in path:
            if target is None:
                return None
            target = getattr(target, name)
        return target

    return get


def accepts(item: Any, where: Where) -> bool:
    """Whether an entry meets the `where` of a rule."""
    for paths, wanted in where:
        values = [value for path in paths if (value := getter(path)(item)) is not None and value != []]
        if isinstance(wanted, frozenset):
            if not any(str(value) in wanted for value in values):
                return False
        elif bool(values) is not bool(wanted):
            return False
    return True


def needed_names(item: Field) -> tuple[str, str] | None:
    """The attributes of the object that must be set for the field to have a value; None when it is not that simple."""
    if item.compute is not None or not item.path:
        return None
    return item.path[0], (item.raw_path or item.path)[0]


def filler(item: Field) -> Fill:
    """A function that puts one field into its element; True when there was a value."""
    if item.compute is not None:
        return _computer(item, item.compute)
    index, component, path = item.element - 1, item.component, item.path
    converter = item.converter
    if converter is None:
        return _constant(index, item.constant or "")
    write, warn = converter.write, converter.warn
    get = getter(path) if item.raw_path is None else _pair(getter(path), getter(item.raw_path))

    def fill(source: Any, elements: list[str], state: WriteState) -> bool:
        value = get(source) if source is not None else None
        if value is None:
            return False
        try:
            text = write(value)
        except ValueError as error:
            state.problem(path, str(error))
            return False
        if not text:
            return False
        if warn is not None and (message := warn(text)):
            state.doubtful(path, message)
        elements[index] = _with_component(elements[index], component, text) if component else text
        return True

    return fill


def _constant(index: int, text: str) -> Fill:
    def fill(_source: Any, elements: list[str], _state: WriteState) -> bool:
        elements[index] = text
        return False

    return fill


def _pair(word: Get, code: Get) -> Get:
    def get(target: Any) -> Any:
        found = (word(target), code(target))
        return found if found[0] or found[1] else None

    return get


def _with_component(current: str, component: int, text: str) -> str:
    parts = current.split(COMPONENT) if current else []
    parts += [""] * (component - len(parts))
    parts[component - 1] = text
    return COMPONENT.join(parts)


def _computer(item: Field, compute: tuple[str, str, int]) -> Fill:
    kind, tag, element = compute
    condition = getter(item.condition) if item.condition else None

    def fill(source: Any, elements: list[str], state: WriteState) -> bool:
        if condition is not None and condition(source) is None:
            return False
        segments = [found for scope in state.scopes for found in flatten(scope) if found[0] == tag]
        elements[item.element - 1] = str(len(segments)) if kind == "count" else _sum(segments, element)
        return True

    return fill


def _sum(segments: list[Written], element: int) -> str:
    total = Decimal(0)
    for _, elements in segments:
        if len(elements) >= element and elements[element - 1]:
            try:
                total += Decimal(elements[element - 1])
            except InvalidOperation:
                continue
    text = format(total, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
