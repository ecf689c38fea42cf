"""Checks that the maps of every standard share: keys of a rule, field paths, and which entries a rule writes."""

from __future__ import annotations

from collections.abc import Set

from pydantic import BaseModel

from gateway.mapping.errors import nearest
from gateway.mapping.rules import Path, Where
from gateway.mapping.source import Rows, Table
from gateway.mapping.targets import Target, TargetError, resolve

__all__ = ["check_keys", "resolve_path", "where_of"]


def check_keys(table: Table, allowed: Set[str], what: str) -> None:
    """Raises MapError for a key that has no place there."""
    for key in table:
        if key not in allowed:
            raise table.error(f'"{key}" is not a part of a {what}.{nearest(key, allowed)}', key)


def resolve_path(owner: Table, key: str, model: type[BaseModel] | None, path: Path) -> Target:
    """What a field path means in a class. Raises MapError at the key that names it."""
    try:
        return resolve(model, path)
    except TargetError as error:
        raise owner.error(str(error), key) from None


def where_of(row: Table, model: type[BaseModel] | None) -> Where:
    """The `where` of a rule. Raises MapError for a field that the entries do not have."""
    raw = row.get("where")
    if raw is None:
        return ()
    if not isinstance(raw, Table):
        raise row.error("where is a mapping from field to absent, present or values.", "where")
    tests: list[tuple[tuple[Path, ...], frozenset[str] | bool | None]] = []
    for names, values in raw.items():
        paths = tuple(tuple(name.split(".")) for name in names.split(","))
        for path in paths:
            resolve_path(raw, names, model, path)
        if values in ("absent", "present"):
            tests.append((paths, None if values == "absent" else True))
        else:
            allowed = values if isinstance(values, Rows) else [values]
            tests.append((paths, frozenset(str(value) for value in allowed)))
    return tuple(tests)
