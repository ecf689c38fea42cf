"""An XML document or a JSON document as a form: a group for each element or object, a field for each value in it."""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.standards.xml.fields import (
    XmlField,
    XmlValueError,
    elements_of,
    fields_of,
    with_values,
    without_element,
    written_twice,
)
from gateway.standards.xml.parsing import XmlRefused, parse_xml
from gateway.web.view.grid import FIELD, Field, Grid, Group, page_of

__all__ = ["TreeUnreadableError", "build", "merge", "remove", "repeat"]

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>\s*")


class TreeUnreadableError(ValueError):
    """The text is no XML or JSON document, so it has no fields; the text says why."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of either format."""

    number: int
    path: str
    name: str
    value: str
    rule: str
    group: int
    group_path: str
    depth: int
    #: Whether the group can be repeated and removed.
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """Values of one element or object that follow each other; none for one that only holds others."""

    group: int
    path: str
    depth: int
    repeats: bool
    values: list[_Value] = field(default_factory=list)


# -- to the form -----------------------------------------------------------------------------------------------


def build(
    form: str,
    text: str,
    findings: Sequence[Mapping[str, Any]],
    refused: Mapping[str, str],
    typed: Mapping[str, str],
    *,
    first: int = 0,
    only_wrong: bool = False,
) -> Grid:
    """One page of a document. Raises TreeUnreadableError. ``refused`` and ``typed`` keep what could not be taken."""
    values = list(_values(form, text))
    runs = _runs(form, text, values)
    at = _findings(values, runs, findings, refused)
    numbers = [index for index, run in enumerate(runs) if not only_wrong or _has(at, run, index)]
    shown, start = page_of(numbers, first)
    groups = [_group(runs[index], index, at, refused, typed) for index in shown]
    return Grid(tuple(groups), len(numbers), start)


def _runs(form: str, text: str, values: Sequence[_Value]) -> list[_Run]:
    """The values that stand together, and every element or object that holds none itself, in document order."""
    if form == "json":
        holders = [
            (number, path, depth, in_list) for number, (path, _, depth, in_list) in enumerate(_objects(_json(text)))
        ]
    else:
        holders = [(number, path, depth, number > 0) for number, path, depth in elements_of(parse_xml(_bytes(text)))]
    known = {number: (path, depth, repeats) for number, path, depth, repeats in holders}
    waiting = deque(number for number, *_ in holders)
    runs: list[_Run] = []
    for value in values:
        while waiting and waiting[0] <= value.group:
            number = waiting.popleft()
            if number != value.group:
                runs.append(_Run(number, *known[number]))
        if runs and runs[-1].group == value.group:
            runs[-1].values.append(value)
        else:
            first = all(run.group != value.group for run in runs[-50:])
            runs.append(_Run(value.group, value.group_path, value.depth, value.repeats and first, [value]))
    return runs


def _has(at: Mapping[str, list[dict[str, Any]]], run: _Run, index: int) -> bool:
    return bool(at.get(f"group-{index}")) or any(f"{value.number}" in at for value in run.values)


def _findings(
    values: Sequence[_Value],
    runs: Sequence[_Run],
    findings: Sequence[Mapping[str, Any]],
    refused: Mapping[str, str],
) -> dict[str, list[dict[str, Any]]]:
    """Number of a value, or "group-<index>", → the findings there: at its own path, else at the nearest around it."""
    at: dict[str, list[dict[str, Any]]] = defaultdict(list)
    by_path = {value.path: value for value in values}
    for found in findings:
        path = str(found.get("path") or "")
        exact = by_path.get(path)
        if exact is not None:
            at[str(exact.number)].append(dict(found))
            continue
        near = next((i for i, run in enumerate(runs) if path and run.path == path), None)
        if near is not None:
            at[f"group-{near}"].append(dict(found))
    for name, sentence in refused.items():
        at[name.removeprefix(FIELD)].append({"severity": "error", "message": sentence})
    return dict(at)


def _group(
    run: _Run,
    index: int,
    at: Mapping[str, list[dict[str, Any]]],
    refused: Mapping[str, str],
    typed: Mapping[str, str],
) -> Group:
    tag = _last(run.path) or "Document"
    name = tag.split("[")[0]
    fields = []
    for value in run.values:
        key = f"{FIELD}{value.number}"
        shown = typed.get(key, value.value) if key in refused else value.value
        fields.append(
            Field(
                name=key,
                place=value.name,
                title="",
                value=shown,
                rule=value.rule,
                findings=tuple(at.get(str(value.number), ())),
                width=max(8, min(len(shown) + 2, 40)),
            )
        )
    return Group(
        number=run.group,
        shown=str(index + 1),
        tag=tag,
        title=run.path,
        depth=min(run.depth, 6),
        fields=tuple(fields),
        findings=tuple(at.get(f"group-{index}", ())),
        repeat=f"Repeat this {name}" if run.repeats else "",
        remove=f"Remove this {name}" if run.repeats else "",
    )


def _last(path: str) -> str:
    return re.split(r"[/.]", path)[-1].split(":")[-1]


# -- values ----------------------------------------------------------------------------------------------------


def _values(form: str, text: str) -> Iterator[_Value]:
    if form == "json":
        yield from _of_json(_json(text))
        return
    try:
        values = fields_of(parse_xml(_bytes(text)))
    except XmlRefused as error:
        raise TreeUnreadableError(str(error)) from error
    for each in values:
        yield _Value(
            number=each.number,
            path=each.path,
            name=_xml_name(each),
            value=each.value,
            rule="attribute" if each.is_attribute else "",
            group=each.owner,
            group_path=each.owner_path,
            depth=each.depth,
            repeats=each.owner > 0,
        )


def _xml_name(one: XmlField) -> str:
    """ "Quantity", "Quantity @unitCode", "@payloadID"."""
    inside = one.path[len(one.owner_path) :].strip("/") if one.path.startswith(one.owner_path) else one.name
    parts = [part.split(":")[-1] for part in inside.split("/")]
    return " ".join(parts)


def _json(text: str) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TreeUnreadableError(f"This is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise TreeUnreadableError("A document is a JSON object.")
    return document


def _of_json(document: dict[str, Any]) -> Iterator[_Value]:
    """Every value with its place; objects are numbered in the order in which they are met."""
    at = 0
    for number, (path, part, depth, in_list) in enumerate(_objects(document)):
        rows = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in rows:
            if isinstance(value, dict) or (
                isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
            ):
                continue
            cells = [(f"{key}[{i}]", one) for i, one in enumerate(value)] if isinstance(value, list) else [(key, value)]
            for name, cell in cells:
                step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else name
                yield _Value(at, f"{path}{step}", str(name), _shown(cell), _rule(cell), number, path, depth, in_list)
                at += 1


def _objects(part: Any, path: str = "", depth: int = 0, in_list: bool = False) -> Iterator[tuple[str, Any, int, bool]]:
    """Each object of a document before those inside it: (path, object, depth, whether it is one of a list)."""
    if isinstance(part, dict):
        yield path, part, depth, in_list
        for key, value in part.items():
            if isinstance(value, dict | list):
                yield from _objects(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(part, list):
        for index, value in enumerate(part):
            if isinstance(value, dict | list):
                yield from _objects(value, f"{path}[{index}]", depth, in_list=True)


def _shown(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _rule(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "number" if isinstance(value, int | float) else ""


# -- from the form ---------------------------------------------------------------------------------------------


def merge(form: str, text: str, typed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The text with what was typed, and field → sentence for what cannot be taken. Raises TreeUnreadableError."""
    values = {int(key): value for key, value in _numbers(typed)}
    before = {value.number: value for value in _values(form, text)}
    changed = {number: value for number, value in values.items() if number in before and before[number].value != value}
    if not changed:
        return text, {}
    if form == "json":
        return _json_with(text, changed, before)
    try:
        return _around(text, with_values(_bytes(text), changed)), {}
    except XmlValueError as error:
        wrong = next(number for number in changed if before[number].path == error.path)
        left = {f"{FIELD}{number}": value for number, value in changed.items() if number != wrong}
        merged, refused = merge(form, text, left)
        return merged, {**refused, f"{FIELD}{wrong}": f"{error.path}: {error}"}


def _numbers(typed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in typed.items():
        number = name.removeprefix(FIELD)
        if number.isascii() and number.isdecimal() and len(number) < 8:
            yield number, value


def _json_with(text: str, changed: Mapping[int, str], before: Mapping[int, _Value]) -> tuple[str, dict[str, str]]:
    document = _json(text)
    refused = {}
    for number, value in changed.items():
        holder, key = _holder(document, before[number].path)
        old = holder[key]
        if isinstance(old, str) or old is None:
            holder[key] = value
            continue
        try:
            new = json.loads(value)
        except ValueError:
            new = value
        if isinstance(old, bool) is not isinstance(new, bool) or not isinstance(new, int | float):
            refused[f"{FIELD}{number}"] = f'{before[number].path}: "{value[:40]}" is not {_rule(old) or "a value"}.'
        else:
            holder[key] = new
    return json.dumps(document, indent=2, ensure_ascii=False), refused


def _holder(document: Any, path: str) -> tuple[Any, Any]:
    """The object or list that holds the value at a path, and its key there."""
    steps: list[Any] = [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    here = document
    for step in steps[:-1]:
        here = here[step]
    return here, steps[-1]


def repeat(form: str, text: str, group: int) -> str:
    """The text with one group once more behind itself. Raises TreeUnreadableError."""
    return _changed(form, text, group, twice=True)


def remove(form: str, text: str, group: int) -> str:
    """The text without one group. Raises TreeUnreadableError."""
    return _changed(form, text, group, twice=False)


def _changed(form: str, text: str, group: int, *, twice: bool) -> str:
    if form == "json":
        document = _json(text)
        found = next(
            (path for at, (path, _, _, in_list) in enumerate(_objects(document)) if at == group and in_list), ""
        )
        if found:
            holder, key = _holder(document, found)
            if twice:
                holder.insert(key + 1, copy.deepcopy(holder[key]))
            else:
                del holder[key]
        return json.dumps(document, indent=2, ensure_ascii=False)
    try:
        change = written_twice if twice else without_element
        return _around(text, change(_bytes(text), group))
    except XmlRefused as error:
        raise TreeUnreadableError(str(error)) from error
    except LookupError:
        return text


def _bytes(text: str) -> bytes:
    """The text for the parser, without a declaration: it would name an encoding that is not that of these bytes."""
    return (
        _DECLARATION.sub("", text, count=1).encode("utf-8", "replace")
        if text.lstrip().startswith("<?xml")
        else text.encode("utf-8", "replace")
    )


def _around(text: str, data: bytes) -> str:
    """The new content behind the declaration of the old one."""
    body = _DECLARATION.sub("", data.decode("utf-8"), count=1)
    found = _DECLARATION.match(text)
    return (found[0] if found else "") + body
