"""Fields of an XML map: which text or attribute, which field of the document, which converter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from gateway.mapping.checks import check_keys, resolve_path
from gateway.mapping.converters import CodeTable
from gateway.mapping.errors import nearest
from gateway.mapping.rules import Path
from gateway.mapping.source import Table
from gateway.mapping.xml.places import Place, PlaceError
from gateway.mapping.xml.rules import At, Source, XmlField
from gateway.mapping.xml.values import (
    PLAIN_XML,
    XmlConverter,
    code_value,
    datetime_value,
    translate_value,
    word_value,
)

__all__ = ["FieldParser"]

_FIELD_KEYS = frozenset({"field", "as", "default", "required", "constant", "optional", "from"})
_CONVERTERS = (*PLAIN_XML, "datetime", "code:TABLE", "word:TABLE", "translate:TABLE")
_TABLES = {"code": code_value, "word": word_value, "translate": translate_value}
#: Converter → most fields it fills.
_WIDTHS = {"word": 2, "instant": 3}
#: Kinds of the fields that a converter of several fields fills, in order.
_KINDS = {"word": ("text", "text"), "instant": ("date", "time", "text")}


class FieldParser:
    """Reads `fields`; the tables and field sets of the map are its own."""

    def __init__(self, tables: Mapping[str, CodeTable], sets: Mapping[str, Table]) -> None:
        """`sets` are the named field sets."""
        self.tables = tables
        self.sets = sets
        self._made: dict[str, XmlConverter] = {}

    def fields(
        self, row: Table, place: Place, model: type[BaseModel] | None, *, scalar: bool = False
    ) -> tuple[XmlField, ...]:
        """The `fields` of a rule: a mapping, or the name of a field set. Raises MapError."""
        raw = row["fields"]
        table = self.sets.get(raw) if isinstance(raw, str) else raw
        if not isinstance(table, Table):
            raise row.error(f'there is no field set "{raw}".{nearest(raw, self.sets)}', "fields")
        return tuple(self._field(table, key, place, model, scalar=scalar) for key in table)

    def at(self, owner: Table, key: str, place: Place, text: str | None = None, *, text_wanted: bool = True) -> At:
        """A path such as "cbc:ID", "cac:Price/cbc:PriceAmount", "@listID" or "." at an element. Raises MapError."""
        steps = (text if text is not None else key).split("/")
        attribute = steps.pop()[1:] if steps[-1].startswith("@") else ""
        if steps == ["."]:
            steps = []
        try:
            end = place.walk(steps)
            if attribute:
                end.check_attribute(attribute)
            elif text_wanted:
                end.check_text()
        except PlaceError as error:
            raise owner.error(str(error), key) from None
        return At(tuple(steps), attribute)

    def _field(self, table: Table, key: str, place: Place, model: type[BaseModel] | None, *, scalar: bool) -> XmlField:
        at = self.at(table, key, place)
        value = table[key]
        if isinstance(value, Table):
            return self._field_table(value, at, model, scalar=scalar)
        if not isinstance(value, str) or not value:
            raise table.error("a field is a text such as `quantity decimal`, or a mapping.", key)
        if value.startswith("="):
            return XmlField(at, constant=value[1:])
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
        return self._plain(table, key, spec, at, model, scalar=scalar)

    def _field_table(self, table: Table, at: At, model: type[BaseModel] | None, *, scalar: bool) -> XmlField:
        check_keys(table, _FIELD_KEYS, "field")
        if "constant" in table:
            optional = table.get("optional") == "true"
            constant = str(table["constant"])
            return XmlField(at, constant=constant, default=constant if optional else None)
        if "from" in table:
            return self._following(table, at, model)
        return self._plain(table, "field", dict(table), at, model, scalar=scalar)

    def _following(self, table: Table, at: At, model: type[BaseModel] | None) -> XmlField:
        if not at.attribute:
            raise table.error("`from` is for attributes; give an element a field of its own.", "from")
        own = None
        if "field" in table:
            own = tuple(str(table["field"]).split("."))
            if resolve_path(table, "field", model, own).kind != "text":
                raise table.error(f'"{table["field"]}" is not a text field.', "field")
        name = str(table["from"])
        if name != "currency" and resolve_path(table, "from", model, (name,)).kind != "text":
            raise table.error(f'"{name}" is not a text field.', "from")
        converter = self.converter(table, "as", str(table.get("as", "text")))
        return XmlField(at, converter=converter, source=Source(name, own))

    def _plain(
        self,
        owner: Table,
        key: str,
        spec: Mapping[str, Any],
        at: At,
        model: type[BaseModel] | None,
        *,
        scalar: bool,
    ) -> XmlField:
        text = str(spec.get("field", ""))
        paths: list[Path] = [() if name == "." else tuple(name.split(".")) for name in text.split(",")]
        targets = [resolve_path(owner, key, None if scalar else model, path) for path in paths]
        name = str(spec.get("as", "text"))
        if name == "text" and targets[0].kind == "list" and targets[0].model is None:
            name = "lines"
        converter = datetime_value(len(paths)) if name == "datetime" else self.converter(owner, key, name)
        most = _WIDTHS.get(converter.type, 1)
        if len(paths) > most or (converter.type == "word" and len(paths) != 2):
            raise owner.error(f'"{text}": converter {name} takes {most} field{"s" if most > 1 else ""}.', key)
        wanted_kinds = _KINDS.get(converter.type, ("list" if converter.type == "texts" else converter.type,))
        for path, target, wanted in zip(paths, targets, wanted_kinds, strict=False):
            if target.kind != wanted or (wanted == "list" and target.model is not None):
                raise owner.error(
                    f'"{".".join(path)}" is a {target.kind} field, and converter {converter.name} gives a {wanted}.',
                    key,
                )
        return XmlField(
            at,
            paths=tuple(paths),
            converter=converter,
            default=spec.get("default"),
            required=spec.get("required") == "true",
        )

    def converter(self, owner: Table, key: str, name: str) -> XmlConverter:
        """A converter by its name. Raises MapError with the nearest one."""
        if name in PLAIN_XML:
            return PLAIN_XML[name]
        if name in self._made:
            return self._made[name]
        kind, _, argument = name.partition(":")
        if kind not in _TABLES:
            raise owner.error(f'"{name}" is not a converter.{nearest(name, _CONVERTERS)}', key)
        table = self.tables.get(argument)
        if table is None:
            raise owner.error(f'there is no table "{argument}".{nearest(argument, self.tables)}', key)
        self._made[name] = _TABLES[kind](table)
        return self._made[name]
