"""Map files as text: YAML with line numbers, `extends` and `use` followed, changes and blocks put in place.

Every scalar is read as text (an X12 code such as 01 or NO stays what it is). What comes out is one `Source`: the
sections with all blocks expanded, the tables and field sets merged, and a digest of every file that took part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.mapping.errors import MapError, nearest

__all__ = ["RULES", "SECTIONS", "Rows", "Source", "Table", "load_source", "shared_tables"]

#: Sections of an X12 map; a map of XML documents has the one section `rules`.
SECTIONS = ("header", "detail", "summary")
RULES = "rules"
_SECTIONS = (*SECTIONS, RULES)
_TOP_KEYS = {
    "standard",
    "version",
    "set",
    "document",
    "use",
    "extends",
    "change",
    "tables",
    "fields",
    "blocks",
    *_SECTIONS,
}
_SHARED_KEYS = {"tables", "fields", "blocks", "use"}
_OVERLAY_KEYS = {"change", "tables", "fields", "blocks"}
_CHANGE_KEYS = {"at", "replace", "remove", "before", "after", "fields"}
_RULE_NAMES = ("id", "segment", "loop")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Table(dict[str, Any]):
    """A YAML mapping that knows its file and the line of each key."""

    file: str = ""
    line: int = 0
    lines: dict[str, int]

    def line_of(self, key: str) -> int:
        """Line of a key, 1-based."""
        return self.lines.get(key, self.line)

    def error(self, message: str, key: str = "") -> MapError:
        """An error at a key of this mapping."""
        return MapError(message, self.file, self.line_of(key))

    def copied(self) -> Table:
        """A shallow copy with the same marks."""
        copy = Table(self)
        copy.file, copy.line, copy.lines = self.file, self.line, dict(self.lines)
        return copy


class Rows(list[Any]):
    """A YAML sequence that knows its file and the line of each entry."""

    file: str = ""
    line: int = 0
    lines: list[int]


@dataclass(slots=True)
class Source:
    """A map as text, everything in place."""

    file: str
    top: Table
    tables: dict[str, Table] = field(default_factory=dict)
    fields: dict[str, Table] = field(default_factory=dict)
    blocks: dict[str, Rows] = field(default_factory=dict)
    sections: dict[str, Rows] = field(default_factory=dict)
    #: SHA-256 over the bytes of every file, in the order they were read.
    digest: str = ""
    #: Every file that took part.
    files: tuple[Path, ...] = ()


def load_source(path: Path, overlay: Path | None = None) -> Source:
    """Read a map with everything it extends and uses, then the overlay. Raises MapError with file and line."""
    digest = _Reading()
    source = _load(path, digest, [])
    if overlay is not None:
        top = _read(overlay, digest)
        _check_keys(top, _OVERLAY_KEYS, "an overlay")
        _merge(source, top)
        _apply_changes(source, top)
    source.sections = {name: _expand(rows, source, ()) for name, rows in source.sections.items()}
    source.digest, source.files = digest.hash.hexdigest(), tuple(digest.files)
    return source


class _Reading:
    """What has been read so far: the files, and the digest over their bytes."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.files: list[Path] = []


def shared_tables(path: Path) -> dict[str, Table]:
    """The code tables of a shared file, every scalar as text. Raises MapError when it is not such a file."""
    top = _read(path, _Reading())
    _check_keys(top, _SHARED_KEYS, "a shared file")
    return dict(_table(top, "tables"))


def _load(path: Path, digest: _Reading, chain: list[Path]) -> Source:
    if path in chain:
        raise MapError("this file extends itself. Remove the circle of `extends`.", path.name)
    top = _read(path, digest)
    _check_keys(top, _TOP_KEYS, "a map")
    if "extends" in top:
        source = _load(_beside(path, top, "extends", str(top["extends"])), digest, [*chain, path])
        merged = source.top.copied()
        merged.update({key: top[key] for key in ("standard", "version", "set", "document") if key in top})
        merged.file, merged.line = top.file, top.line
        merged.lines.update(top.lines)
        source.top, source.file = merged, top.file
    else:
        source = Source(file=top.file, top=top)
    for name in _texts(top, "use"):
        shared = _read(_beside(path, top, "use", name), digest)
        _check_keys(shared, _SHARED_KEYS, "a shared file")
        _merge(source, shared)
    _merge(source, top)
    for name in _SECTIONS:
        if name in top:
            source.sections[name] = _rows(top, name)
    _apply_changes(source, top)
    return source


def _texts(top: Table, key: str) -> list[str]:
    value = top.get(key, [])
    return [value] if isinstance(value, str) else list(value)


def _beside(path: Path, top: Table, key: str, name: str) -> Path:
    target = (path.parent / name).resolve()
    if not target.is_file():
        raise top.error(f'{key}: there is no file "{name}" beside this one. Check the path.', key)
    return target


def _check_keys(table: Table, allowed: set[str], what: str) -> None:
    for key in table:
        if key not in allowed:
            raise table.error(f'"{key}" is not a part of {what}.{nearest(key, allowed)}', key)


def _merge(source: Source, top: Table) -> None:
    for name, table in _table(top, "tables").items():
        base = source.tables.get(name)
        merged = base.copied() if base is not None else Table()
        if base is None:
            merged.file, merged.line, merged.lines = table.file, table.line, {}
        merged.update(table)
        source.tables[name] = merged
    source.fields.update(_table(top, "fields"))
    source.blocks.update(_table(top, "blocks"))


def _table(owner: Table, key: str) -> Table:
    value = owner.get(key)
    if value is None:
        empty = Table()
        empty.lines = {}
        return empty
    if not isinstance(value, Table):
        raise owner.error(f"{key} must be a mapping (name: value).", key)
    return value


def _rows(owner: Table, key: str) -> Rows:
    value = owner[key]
    if not isinstance(value, Rows):
        raise owner.error(f"{key} must be a list of rules (each with a leading dash).", key)
    return value


def _expand(rows: Rows, source: Source, within: tuple[str, ...]) -> Rows:
    """The rules with blocks in place, as fresh values all the way down."""
    out = Rows()
    out.file, out.line, out.lines = rows.file, rows.line, []
    for rule, line in zip(rows, rows.lines, strict=True):
        if not isinstance(rule, Table):
            raise MapError("a rule is a mapping such as {segment: REF, …}.", rows.file, line)
        for expanded, at in _expand_rule(rule, line, source, within):
            out.append(expanded)
            out.lines.append(at)
    return out


def _expand_rule(rule: Table, line: int, source: Source, within: tuple[str, ...]) -> Iterator[tuple[Any, int]]:
    name = rule.get("block")
    if name is not None:
        if set(rule) != {"block"}:
            raise rule.error("a block stands alone: remove the other keys, or write the rules out.", "block")
        if name not in source.blocks:
            raise rule.error(f'there is no block "{name}".{nearest(name, source.blocks)}', "block")
        if name in within:
            raise rule.error(f'block "{name}" contains itself.', "block")
        inner = _expand(source.blocks[name], source, (*within, name))
        yield from zip(inner, inner.lines, strict=True)
        return
    copy = rule.copied()
    if "rules" in copy:
        copy["rules"] = _expand(_rows(rule, "rules"), source, within)
    if isinstance(copy.get("under"), Rows):
        copy["under"] = _expand_levels(copy["under"], source, within)
    if isinstance(copy.get("levels"), Table):
        levels = copy["levels"].copied()
        for level in levels:
            levels[level] = _expand(_rows(levels, level), source, within)
        copy["levels"] = levels
    yield copy, line


def _expand_levels(levels: Rows, source: Source, within: tuple[str, ...]) -> Rows:
    """The levels of `under`, with the blocks of their rules in place."""
    out = Rows()
    out.file, out.line, out.lines = levels.file, levels.line, list(levels.lines)
    for level in levels:
        copy = level.copied() if isinstance(level, Table) else level
        if isinstance(copy, Table) and "rules" in copy:
            copy["rules"] = _expand(_rows(copy, "rules"), source, within)
        out.append(copy)
    return out


def _apply_changes(source: Source, top: Table) -> None:
    if "change" not in top:
        return
    for name in list(source.sections):
        source.sections[name] = _expand(source.sections[name], source, ())
    for change in _rows(top, "change"):
        if not isinstance(change, Table):
            raise top.error("each change is a mapping with `at` and what to do there.", "change")
        _check_keys(change, _CHANGE_KEYS, "a change")
        _change(source, change)


def _change(source: Source, change: Table) -> None:
    rows, index = _find(source, change)
    rule: Table = rows[index]
    if "fields" in change:
        _change_fields(source, change, rule)
    for key, shift in (("before", 0), ("after", 1)):
        if key in change:
            _splice(rows, index + shift, 0, _expand(_rows(change, key), source, ()))
            index += len(change[key]) if key == "before" else 0
    if "replace" in change:
        _splice(rows, index, 1, _expand(_rows(change, "replace"), source, ()))
    elif change.get("remove", "false") == "true":
        _splice(rows, index, 1, None)


def _splice(rows: Rows, index: int, count: int, new: Rows | None) -> None:
    rows[index : index + count] = new or []
    rows.lines[index : index + count] = new.lines if new is not None else []


def _change_fields(source: Source, change: Table, rule: Table) -> None:
    old = rule.get("fields", {})
    if isinstance(old, str):
        if old not in source.fields:
            raise rule.error(f'there is no field set "{old}".{nearest(old, source.fields)}', "fields")
        old = source.fields[old]
    fields = old.copied() if isinstance(old, Table) else Table()
    new = _table(change, "fields")
    if not isinstance(old, Table):
        fields.file, fields.line, fields.lines = new.file, new.line, {}
    for key, value in new.items():
        if value in (None, "null", "~", ""):
            fields.pop(key, None)
        else:
            fields[key] = value
            fields.lines[key] = new.line_of(key)
    rule["fields"] = fields


def _find(source: Source, change: Table) -> tuple[Rows, int]:
    path = change.get("at")
    if not isinstance(path, str):
        raise change.error("a change needs `at`: the path of a rule such as header.N1.PER.")
    section, *names = path.split(".")
    if RULES in source.sections:
        section, names = RULES, path.split(".")
    if section not in source.sections or not names:
        raise change.error(
            f'"{path}" does not start with a section and a rule.{nearest(section, source.sections)}', "at"
        )
    rows = source.sections[section]
    for depth, name in enumerate(names):
        index = _index_of(rows, name, change)
        if depth == len(names) - 1:
            return rows, index
        inner = rows[index].get("rules")
        if not isinstance(inner, Rows):
            raise change.error(f'"{name}" of "{path}" holds no rules.', "at")
        rows = inner
    raise change.error(f'"{path}" names no rule.', "at")


def _index_of(rows: Rows, name: str, change: Table) -> int:
    bare, _, count = name.partition("[")
    wanted = int(count.rstrip("]")) if count.rstrip("]").isdigit() else 1
    ids = [_rule_id(rule) for rule in rows]
    places = [index for index, found in enumerate(ids) if found == bare]
    if len(places) < wanted:
        raise change.error(f'there is no rule "{name}" at this place.{nearest(bare, ids)}', "at")
    return places[wanted - 1]


def _rule_id(rule: Table) -> str:
    named = next((str(rule[key]) for key in _RULE_NAMES if key in rule), None)
    if named is None and "element" in rule:
        return str(rule["element"]).rpartition("/")[2]
    return named or next((key for key in ("hierarchy", "price") if key in rule), "fields")


def _read(path: Path, digest: _Reading) -> Table:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MapError(f"the file cannot be read: {error.strerror}.", path.name) from error
    digest.hash.update(data)
    digest.hash.update(b"\0")
    digest.files.append(path)
    name = "/".join(path.parts[-3:])
    try:
        node = yaml.compose(data, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise MapError(f"this is not YAML: {error.problem}.", name, line) from None
    except yaml.YAMLError as error:
        raise MapError(f"this is not YAML: {error}.", name) from None
    top = _construct(node, name)
    if not isinstance(top, Table):
        raise MapError("a map file is a mapping (standard: x12 …).", name, 1)
    return top


def _construct(node: Any, file: str) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        rows = Rows(_construct(item, file) for item in node.value)
        rows.file, rows.line = file, node.start_mark.line + 1
        rows.lines = [item.start_mark.line + 1 for item in node.value]
        return rows
    if not isinstance(node, yaml.MappingNode):
        return None
    table = Table()
    table.file, table.line, table.lines = file, node.start_mark.line + 1, {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in table:
            raise MapError(f'"{key}" stands here twice. Remove one.', file, line)
        table[key] = _construct(value_node, file)
        table.lines[key] = line
    return table
