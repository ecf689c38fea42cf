"""The text of a map to rules, everything checked: keys, fields of the document, places in the set, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from gateway.documents import KINDS
from gateway.mapping.checks import check_keys, resolve_path, where_of
from gateway.mapping.converters import PLAIN, CodeTable, Converter, code_converter, implied, word_converter
from gateway.mapping.errors import nearest
from gateway.mapping.places import Place, section_place
from gateway.mapping.rules import (
    Conditions,
    Field,
    Groups,
    HierarchyRule,
    LoopRule,
    Path,
    Rule,
    SegmentRule,
)
from gateway.mapping.source import SECTIONS, Rows, Source, Table
from gateway.mapping.targets import Target
from gateway.standards.edi.schema import Release, load_release

__all__ = ["ParsedMap", "parse_map"]

_SEGMENT_KEYS = frozenset(
    {"segment", "id", "list", "to", "spread", "fields", "groups", "when", "unless", "where", "always"}
)
_LOOP_KEYS = frozenset({"loop", "id", "list", "to", "anchor", "rules", "when", "unless", "where"})
_HIERARCHY_KEYS = frozenset({"hierarchy", "id", "children", "anchor", "level", "rules", "levels"})
_FIELD_KEYS = frozenset({"field", "as", "default", "required", "compute", "of", "if"})
_GROUP_KEYS = frozenset({"from", "to", "list", "fields"})
_CONVERTERS = (*PLAIN, "implied:2", "code:TABLE", "word:TABLE")


@dataclass(frozen=True, slots=True)
class ParsedMap:
    """A checked map."""

    standard: str
    version: str
    set_id: str
    kind: str
    sections: Mapping[str, tuple[Rule, ...]]
    places: Mapping[str, Place]
    digest: str


def parse_map(source: Source) -> ParsedMap:
    """Check a map against the document class and the set's schema. Raises MapError with file and line."""
    top = source.top
    for key in ("standard", "version", "set", "document"):
        if not isinstance(top.get(key), str):
            raise top.error(f'a map says its {key}. Add "{key}: …".')
    if top["document"] not in KINDS:
        raise top.error(f'"{top["document"]}" is not a kind of document.{nearest(top["document"], KINDS)}', "document")
    try:
        release = load_release(top["version"])
        definition = release.set_type(top["set"])
    except LookupError as error:
        raise top.error(str(error), "version") from None
    parser = _Parser(source, release)
    places = {name: section_place(definition, name) for name in SECTIONS}
    model = KINDS[top["document"]]
    sections = {name: parser.rules(source.sections.get(name, Rows()), places[name], model) for name in SECTIONS}
    return ParsedMap(top["standard"], top["version"], top["set"], top["document"], sections, places, source.digest)


class _Parser:
    """Holds what every rule needs while one map is parsed."""

    def __init__(self, source: Source, release: Release) -> None:
        self.source = source
        self.release = release
        self.tables = {name: CodeTable.of(name, table) for name, table in source.tables.items()}

    def rules(self, rows: Rows, place: Place, model: type[BaseModel] | None) -> tuple[Rule, ...]:
        """The rules of one list at one place of the set."""
        return tuple(self._rule(row, place, model) for row in rows)

    def _rule(self, row: Table, place: Place, model: type[BaseModel] | None) -> Rule:
        if "segment" in row:
            return self._segment(row, place, model)
        if "loop" in row:
            return self._loop(row, place, model)
        if "hierarchy" in row:
            return self._hierarchy(row, place, model)
        raise row.error(
            "a rule names a segment, a loop, a hierarchy or a block."
            + nearest(next(iter(row), ""), _SEGMENT_KEYS | _HIERARCHY_KEYS | {"loop", "block"})
        )

    # -- segments ---------------------------------------------------------------------------------------------------

    def _segment(self, row: Table, place: Place, model: type[BaseModel] | None) -> SegmentRule:
        check_keys(row, _SEGMENT_KEYS, "segment rule")
        tag = str(row["segment"])
        if tag not in place.segments:
            raise row.error(f"segment {tag} does not stand in {place.name}.{nearest(tag, place.segments)}", "segment")
        target, paths = self._target(row, model, ("list", "to", "spread"))
        spread = paths["spread"] is not None
        inner = target.model if not spread or target.model is not None else None
        fields = self._fields(row, tag, inner, scalar=spread and target.model is None)
        groups = self._groups(row, tag, inner, spread=spread)
        if spread and len(groups) != 1:
            raise row.error("a spread needs `groups`: which elements make one entry.", "spread")
        return SegmentRule(
            id=str(row.get("id", tag)),
            tag=tag,
            fields=fields,
            groups=groups,
            items=paths["list"],
            part=paths["to"],
            spread=paths["spread"],
            when=self._conditions(row, "when", tag),
            unless=self._conditions(row, "unless", tag),
            where=where_of(row, inner),
            always=row.get("always") == "true" or any(field.required for field in fields),
        )

    def _target(
        self, row: Table, model: type[BaseModel] | None, keys: Iterable[str]
    ) -> tuple[Target, dict[str, Path | None]]:
        paths: dict[str, Path | None] = dict.fromkeys(("list", "to", "spread"))
        named = [key for key in keys if key in row]
        if len(named) > 1:
            raise row.error(f"{named[0]} and {named[1]} do not go together.", named[1])
        if not named:
            return Target("part", model), paths
        key = named[0]
        path = tuple(str(row[key]).split("."))
        target = resolve_path(row, key, model, path)
        wanted = "part" if key == "to" else "list"
        if target.kind != wanted:
            raise row.error(f'"{row[key]}" is a {target.kind}, and `{key}` needs a {wanted}.', key)
        paths[key] = path
        return target, paths

    def _fields(
        self, row: Table, tag: str, model: type[BaseModel] | None, *, scalar: bool = False
    ) -> tuple[Field, ...]:
        raw = row.get("fields")
        if raw is None:
            return ()
        table = self.source.fields.get(raw) if isinstance(raw, str) else raw
        if not isinstance(table, Table):
            raise row.error(f'there is no field set "{raw}".{nearest(raw, self.source.fields)}', "fields")
        return tuple(self._element(table, key, tag, model, scalar=scalar) for key in table)

    def _element(self, table: Table, key: str, tag: str, model: type[BaseModel] | None, *, scalar: bool) -> Field:
        number, _, component = key.partition(".")
        if not number.isdigit() or (component and not component.isdigit()):
            raise table.error(f'"{key}" is not an element number (3, or "5.1" for a component).', key)
        element = int(number)
        self._check_element(table, key, tag, element, int(component or 0))
        field = self._field(table, key, table[key], model, scalar=scalar)
        return replace(field, element=element, component=int(component or 0))

    def _check_element(self, table: Table, key: str, tag: str, element: int, component: int) -> None:
        uses = self.release.segments[tag].elements
        if not 1 <= element <= len(uses):
            raise table.error(f"{tag} has {len(uses)} elements in {self.release.name}, not {element}.", key)
        composite = self.release.composites.get(uses[element - 1].ref)
        if component and composite is None:
            raise table.error(f"element {element} of {tag} has no components.", key)
        if composite is not None and component > len(composite.elements):
            raise table.error(f"element {element} of {tag} has {len(composite.elements)} components.", key)

    def _field(
        self, owner: Table, key: str, value: Any, model: type[BaseModel] | None, *, scalar: bool = False
    ) -> Field:
        if isinstance(value, Table):
            return self._field_table(value, model)
        if not isinstance(value, str) or not value:
            raise owner.error("a field is a text such as `quantity decimal`, or a mapping.", key)
        if value.startswith("="):
            return Field(element=0, constant=value[1:])
        path, *options = value.split()
        spec: dict[str, str] = {"field": path}
        for option in options:
            name, colon, argument = option.partition(":")
            if option == "required":
                spec["required"] = "true"
            elif name == "default" and colon:
                spec["default"] = argument
            else:
                spec["as"] = option
        return self._plain_field(owner, key, spec, model, scalar=scalar)

    def _field_table(self, table: Table, model: type[BaseModel] | None) -> Field:
        check_keys(table, _FIELD_KEYS, "field")
        if "compute" not in table:
            return self._plain_field(table, "field", dict(table), model)
        kind, of = str(table["compute"]), str(table.get("of", ""))
        tag, _, element = of.partition(".")
        if kind not in {"count", "sum"} or not tag or (kind == "sum") != element.isdigit():
            raise table.error("compute is `count` of a tag (of: PO1) or `sum` of an element (of: PO1.2).", "compute")
        condition = tuple(str(table["if"]).split(".")) if "if" in table else None
        converter = None
        if condition is not None:
            resolve_path(table, "if", model, condition)
            converter = self._converter(table, "as", str(table.get("as", "decimal")))
        return Field(
            element=0,
            compute=(kind, tag, int(element or 0)),
            condition=condition,
            path=condition or (),
            converter=converter,
        )

    def _plain_field(
        self,
        owner: Table,
        key: str,
        spec: Mapping[str, Any],
        model: type[BaseModel] | None,
        *,
        scalar: bool = False,
    ) -> Field:
        converter = self._converter(owner, key, str(spec.get("as", "text")))
        text = str(spec.get("field", ""))
        names = text.split(",")
        if (len(names) == 2) != (converter.type == "word"):
            raise owner.error(f'"{text}": the word converter, and only it, takes two fields (type,code).', key)
        paths = [() if name == "." else tuple(name.split(".")) for name in names]
        for path in paths:
            target = resolve_path(owner, key, None if scalar else model, path)
            wanted = "text" if converter.type == "word" else converter.type
            if target.kind != wanted:
                raise owner.error(
                    f'"{".".join(path)}" is a {target.kind} field, and converter {converter.name} gives a {wanted}.',
                    key,
                )
        return Field(
            element=0,
            path=paths[0],
            raw_path=paths[1] if len(paths) == 2 else None,
            converter=converter,
            default=spec.get("default"),
            required=spec.get("required") == "true",
        )

    def _converter(self, owner: Table, key: str, name: str) -> Converter:
        if name in PLAIN:
            return PLAIN[name]
        kind, _, argument = name.partition(":")
        if kind == "implied" and argument.isdigit():
            return implied(int(argument))
        if kind in {"code", "word"}:
            table = self.tables.get(argument)
            if table is None:
                raise owner.error(f'there is no table "{argument}".{nearest(argument, self.tables)}', key)
            return code_converter(table) if kind == "code" else word_converter(table)
        raise owner.error(f'"{name}" is not a converter.{nearest(name, _CONVERTERS)}', key)

    def _groups(self, row: Table, tag: str, model: type[BaseModel] | None, *, spread: bool) -> tuple[Groups, ...]:
        raw = row.get("groups")
        if raw is None:
            return ()
        tables = list(raw) if isinstance(raw, Rows) else [raw]
        return tuple(self._group(row, table, tag, model, spread=spread) for table in tables)

    def _group(self, row: Table, table: Any, tag: str, model: type[BaseModel] | None, *, spread: bool) -> Groups:
        if not isinstance(table, Table):
            raise row.error("groups is a mapping {from, to, list, fields}.", "groups")
        check_keys(table, _GROUP_KEYS, "groups")
        first, last = (str(table.get(key, "")) for key in ("from", "to"))
        specs = table.get("fields")
        if not first.isdigit() or not last.isdigit() or not isinstance(specs, Rows) or not specs:
            raise table.error("groups needs from, to (element numbers) and fields (a list).")
        self._check_element(table, "to", tag, int(last), 0)
        if (int(last) - int(first) + 1) % len(specs):
            raise table.error(f"elements {first} to {last} do not divide into groups of {len(specs)}.", "to")
        entry, scalar, items = model, model is None, None
        if spread == ("list" in table):
            raise table.error("groups names its `list`, except in a spread.", "list")
        if not spread:
            items = tuple(str(table["list"]).split("."))
            target = resolve_path(table, "list", model, items)
            if target.kind != "list":
                raise table.error(f'"{table["list"]}" is not a list.', "list")
            entry, scalar = target.model, target.model is None
        fields = tuple(
            replace(self._field(table, "fields", spec, entry, scalar=scalar), element=place)
            for place, spec in enumerate(specs, 1)
        )
        return Groups(int(first), int(last), fields, items)

    # -- loops ------------------------------------------------------------------------------------------------------

    def _loop(self, row: Table, place: Place, model: type[BaseModel] | None) -> LoopRule:
        check_keys(row, _LOOP_KEYS, "loop rule")
        name = str(row["loop"])
        inner = place.loops.get(name)
        if inner is None:
            raise row.error(f"loop {name} does not stand in {place.name}.{nearest(name, place.loops)}", "loop")
        target, paths = self._target(row, model, ("list", "to"))
        anchor = self._anchor(row, target)
        if anchor and paths["list"] is None:
            raise row.error("an anchor belongs to the entries of a list.", "anchor")
        return LoopRule(
            id=str(row.get("id", name)),
            loop=name,
            trigger=inner.trigger,
            rules=self.rules(row.get("rules", Rows()), inner, target.model),
            items=paths["list"],
            part=paths["to"],
            anchor=anchor,
            when=self._conditions(row, "when", inner.trigger),
            unless=self._conditions(row, "unless", inner.trigger),
            where=where_of(row, target.model),
            ranks=inner.ranks,
        )

    def _anchor(self, row: Table, target: Target) -> str:
        anchor = str(row.get("anchor", ""))
        if anchor and (target.model is None or "anchor" not in target.model.model_fields):
            raise row.error("these objects have no `anchor` field. Leave the anchor out.", "anchor")
        return anchor

    def _hierarchy(self, row: Table, place: Place, model: type[BaseModel] | None) -> HierarchyRule:
        check_keys(row, _HIERARCHY_KEYS, "hierarchy rule")
        inner = place.loops.get("HL")
        if inner is None:
            raise row.error(f"there is no HL loop in {place.name}.", "hierarchy")
        items = tuple(str(row["hierarchy"]).split("."))
        target = resolve_path(row, "hierarchy", model, items)
        children = str(row.get("children", ""))
        if resolve_path(row, "children", target.model, (children,)) != target:
            raise row.error(f'"{children}" must hold the same kind of objects as "{row["hierarchy"]}".', "children")
        levels = row.get("levels")
        if isinstance(levels, Table):
            blocks = {str(key): self.rules(rules, inner, target.model) for key, rules in levels.items()}
        else:
            blocks = {"*": self.rules(row.get("rules", Rows()), inner, target.model)}
        return HierarchyRule(
            id=str(row.get("id", "hierarchy")),
            loop="HL",
            items=items,
            children=children,
            anchor=self._anchor(row, target) or "U",
            level=replace(self._field(row, "level", row.get("level"), target.model), element=3),
            levels=blocks,
            ranks=inner.ranks,
        )

    # -- conditions -------------------------------------------------------------------------------------------------

    def _conditions(self, row: Table, key: str, tag: str) -> Conditions:
        raw = row.get(key)
        if raw is None:
            return ()
        if not isinstance(raw, Table):
            raise row.error(f"{key} is a mapping from element number to values.", key)
        conditions = []
        for number, values in raw.items():
            if not number.isdigit():
                raise raw.error(f'"{number}" is not an element number.', number)
            self._check_element(raw, number, tag, int(number), 0)
            allowed = values if isinstance(values, Rows) else [values]
            conditions.append((int(number), frozenset(str(value) for value in allowed)))
        return tuple(conditions)
