"""The text of an XML map to rules, everything checked: keys, fields of the document, places in the schema, tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.documents import KINDS
from gateway.mapping.checks import check_keys, resolve_path, where_of
from gateway.mapping.converters import CodeTable
from gateway.mapping.errors import nearest
from gateway.mapping.rules import Path
from gateway.mapping.source import RULES, Rows, Source, Table
from gateway.mapping.targets import Target
from gateway.mapping.xml.fields import FieldParser
from gateway.mapping.xml.places import Place, PlaceError
from gateway.mapping.xml.rules import At, Condition, Constants, ElementRule, PriceRule, UnderLevel, Wrapper, XmlField
from gateway.standards.xml.structure import Structure, load_structure

__all__ = ["ParsedXmlMap", "parse_xml_map"]

_ELEMENT_KEYS = frozenset(
    {
        "element",
        "id",
        "list",
        "to",
        "anchor",
        "constants",
        "fields",
        "rules",
        "when",
        "unless",
        "where",
        "under",
        "wrapper",
    }
)
_FIELDS_KEYS = frozenset({"fields", "id"})
_PRICE_KEYS = frozenset({"amount", "quantity", "unit", "field", "base"})
_WRAPPER_KEYS = frozenset({"fields", "rules"})
_UNDER_KEYS = frozenset({"constants", "anchor", "key", "fields", "rules", "optional"})


@dataclass(frozen=True, slots=True)
class ParsedXmlMap:
    """A checked map."""

    standard: str
    version: str
    set_id: str
    kind: str
    structure: Structure
    place: Place
    #: The whole document as one rule without steps.
    rule: ElementRule
    digest: str


def parse_xml_map(source: Source) -> ParsedXmlMap:
    """Check a map against the document class and the schema's facts. Raises MapError with file and line."""
    top = source.top
    for key in ("standard", "version", "set", "document"):
        if not isinstance(top.get(key), str):
            raise top.error(f'a map says its {key}. Add "{key}: …".')
    if top["document"] not in KINDS:
        raise top.error(f'"{top["document"]}" is not a kind of document.{nearest(top["document"], KINDS)}', "document")
    try:
        structure = load_structure(top["standard"], top["version"])
    except FileNotFoundError:
        raise top.error(f"there are no facts for {top['standard']} {top['version']}.", "version") from None
    root = structure.root(top["set"]) or structure.element_type(top["set"])
    if root is None:
        raise top.error(f'there is no document "{top["set"]}".{nearest(top["set"], structure.roots)}', "set")
    place = Place(structure, top["set"], root)
    parser = _Parser({name: CodeTable.of(name, table) for name, table in source.tables.items()}, source.fields)
    fields, prices, rules = parser.rules(source.sections.get(RULES, Rows()), place, KINDS[top["document"]])
    rule = ElementRule(top["set"], (), fields, prices, rules)
    return ParsedXmlMap(
        top["standard"], top["version"], top["set"], top["document"], structure, place, rule, source.digest
    )


_Parts = tuple[tuple[XmlField, ...], tuple[PriceRule, ...], tuple[ElementRule, ...]]


class _Parser(FieldParser):
    """Holds what every rule needs while one map is parsed."""

    def rules(self, rows: Rows, place: Place, model: type[BaseModel] | None, *, scalar: bool = False) -> _Parts:
        """Fields, prices and element rules of one list at one element."""
        fields: list[XmlField] = []
        prices: list[PriceRule] = []
        rules: list[ElementRule] = []
        for row in rows:
            if "element" in row:
                rules.append(self._element(row, place, model))
            elif "price" in row:
                prices.append(self._price(row, place, model))
            elif "fields" in row:
                check_keys(row, _FIELDS_KEYS, "rule without an element")
                fields += self.fields(row, place, model, scalar=scalar)
            else:
                raise row.error(
                    "a rule names an element, fields, a price or a block."
                    + nearest(next(iter(row), ""), _ELEMENT_KEYS | {"price", "block"})
                )
        return tuple(fields), tuple(prices), tuple(rules)

    def _element(self, row: Table, place: Place, model: type[BaseModel] | None) -> ElementRule:
        check_keys(row, _ELEMENT_KEYS, "rule of an element")
        path = str(row["element"])
        steps = () if path == "." else tuple(path.split("/"))
        try:
            inner = place.walk(steps)
        except PlaceError as error:
            raise row.error(str(error), "element") from None
        target, items, part = self._target(row, model)
        scalar = items is not None and target.model is None
        own = self.fields(row, inner, target.model, scalar=scalar) if "fields" in row else ()
        fields, prices, rules = self.rules(_rows(row), inner, target.model, scalar=scalar)
        fields = (*own, *fields)
        if scalar and not any(field.paths == ((),) for field in fields):
            raise row.error("entries that are plain text need a field `.`, the entry itself.", "list")
        constants = self._constants(row, target.model)
        if items is None and part is None and (row.get("where") or row.get("anchor")):
            raise row.error(
                "where and anchor belong to the entries of a list.", "where" if "where" in row else "anchor"
            )
        when = self._conditions(row, "when", inner)
        return ElementRule(
            id=str(row.get("id", steps[-1] if steps else ".")),
            steps=steps,
            fields=fields,
            prices=prices,
            rules=rules,
            items=items,
            scalar=scalar,
            part=part,
            anchor=self._anchor(row, target),
            constants=constants,
            when=self._complete(row, (*when, *_constant_conditions(fields, items)), _carried(fields, rules)),
            unless=self._conditions(row, "unless", inner),
            where=where_of(row, target.model),
            under=self._under(row, inner, target),
            children=items[-1] if items and "under" in row else "",
            wrapper=self._wrapper(row, steps, place, target.model),
        )

    def _wrapper(
        self, row: Table, steps: tuple[str, ...], place: Place, model: type[BaseModel] | None
    ) -> Wrapper | None:
        raw = row.get("wrapper")
        if raw is None:
            return None
        if not isinstance(raw, Table) or len(steps) < 2 or "list" not in row or "anchor" not in row:
            raise row.error(
                "wrapper is a mapping {fields, rules} for the last step but one of an anchored list.", "wrapper"
            )
        check_keys(raw, _WRAPPER_KEYS, "wrapper")
        around = place.walk(steps[:-1])
        own = self.fields(raw, around, model) if "fields" in raw else ()
        fields, prices, rules = self.rules(_rows(raw), around, model)
        if prices or any(_has_lists(rule) for rule in rules):
            raise raw.error("a wrapper has fields, and parts with fields; no lists and no prices.")
        return Wrapper((*own, *fields), rules)

    def _complete(self, row: Table, conditions: tuple[Condition, ...], carried: Set[At]) -> tuple[Condition, ...]:
        """Conditions that writing can meet: by a field that carries the value, or by a single constant."""
        for condition in conditions:
            if condition.present is None and condition.at not in carried and len(condition.values) != 1:
                raise row.error(
                    f"writing cannot tell which value of {condition.at} to take. Give one value, or a field for it.",
                    "when",
                )
        return conditions

    def _target(self, row: Table, model: type[BaseModel] | None) -> tuple[Target, Path | None, Path | None]:
        if "list" in row and "to" in row:
            raise row.error("list and to do not go together.", "to")
        for key, wanted in (("list", "list"), ("to", "part")):
            if key in row:
                path = tuple(str(row[key]).split("."))
                target = resolve_path(row, key, model, path)
                if target.kind != wanted:
                    raise row.error(f'"{row[key]}" is a {target.kind}, and `{key}` needs a {wanted}.', key)
                return target, (path if key == "list" else None), (path if key == "to" else None)
        return Target("part", model), None, None

    def _anchor(self, row: Table, target: Target) -> str:
        anchor = str(row.get("anchor", ""))
        if anchor and (target.model is None or "anchor" not in target.model.model_fields):
            raise row.error("these objects have no `anchor` field. Leave the anchor out.", "anchor")
        return anchor

    def _constants(self, row: Table, model: type[BaseModel] | None) -> Constants:
        raw = row.get("constants")
        if raw is None:
            return ()
        if not isinstance(raw, Table):
            raise row.error("constants is a mapping from field to value.", "constants")
        found = []
        for name, value in raw.items():
            path = tuple(name.split("."))
            kind = resolve_path(raw, name, model, path).kind
            if kind not in {"text", "code"}:
                raise raw.error(f'"{name}" is a {kind} field; a constant is for text and coded fields.', name)
            found.append((path, str(value)))
        return tuple(found)

    def _conditions(self, row: Table, key: str, place: Place) -> tuple[Condition, ...]:
        raw = row.get(key)
        if raw is None:
            return ()
        if not isinstance(raw, Table):
            raise row.error(f'{key} is a mapping from a path such as "@listID" or cbc:TypeCode to values.', key)
        found = []
        for name, values in raw.items():
            if values in ("present", "absent"):
                found.append(Condition(self.at(raw, name, place, text_wanted=False), present=values == "present"))
                continue
            at = self.at(raw, name, place)
            if isinstance(values, Table):
                check_keys(values, frozenset({"matches"}), "condition")
                try:
                    found.append(Condition(at, pattern=re.compile(str(values.get("matches", "")))))
                except re.error as error:
                    raise values.error(f"this is not a pattern: {error}.", "matches") from None
            else:
                allowed = values if isinstance(values, Rows) else [values]
                found.append(Condition(at, frozenset(str(value) for value in allowed)))
        return tuple(found)

    def _price(self, row: Table, place: Place, model: type[BaseModel] | None) -> PriceRule:
        check_keys(row, frozenset({"price", "id"}), "price rule")
        table = row["price"]
        if not isinstance(table, Table):
            raise row.error("price is a mapping {amount, quantity, unit, field, base}.", "price")
        check_keys(table, _PRICE_KEYS, "price rule")
        for key in ("amount", "quantity", "field", "base"):
            if not isinstance(table.get(key), str):
                raise table.error(f"a price rule names its {key}.")
        field, base = (tuple(table[key].split(".")) for key in ("field", "base"))
        if resolve_path(table, "field", model, field).kind != "decimal":
            raise table.error(f'"{table["field"]}" is not a number field.', "field")
        target = resolve_path(table, "base", model, base)
        for name in ("amount", "quantity", "unit"):
            resolve_path(table, "base", target.model, (name,))
        quantity = self.at(table, "quantity", place, table["quantity"])
        unit, converter = None, None
        if "unit" in table:
            name, _, option = str(table["unit"]).partition(" ")
            unit = self.at(table, "unit", place, name)
            converter = self.converter(table, "unit", option.strip() or "text")
        return PriceRule(
            amount=self.at(table, "amount", place, table["amount"]),
            quantity=quantity,
            unit=unit,
            unit_converter=converter,
            field=field,
            base=base,
        )

    def _under(self, row: Table, place: Place, target: Target) -> tuple[UnderLevel, ...]:
        raw = row.get("under")
        if raw is None:
            return ()
        if not isinstance(raw, Rows) or "list" not in row or not row.get("constants") or not row.get("anchor"):
            raise row.error("under is a list of levels; the rule also needs `list`, `constants`, `anchor`.", "under")
        children = str(row["list"]).rpartition(".")[2]
        if target.model is None or resolve_path(row, "list", target.model, (children,)) != target:
            raise row.error(f'"{children}" must be a list of the same objects within each of them.', "list")
        return tuple(self._level(row, level, place, target.model) for level in raw)

    def _level(self, row: Table, level: Any, place: Place, model: type[BaseModel]) -> UnderLevel:
        if not isinstance(level, Table):
            raise row.error("each level of under is a mapping {constants, key, fields}.", "under")
        check_keys(level, _UNDER_KEYS, "level of under")
        constants = self._constants(level, model)
        if not constants:
            raise level.error("a level needs constants, to know its units by (level: order).")
        keys = level.get("key", Rows())
        names = keys if isinstance(keys, Rows) else [keys]
        own = self.fields(level, place, model) if "fields" in level else ()
        fields, prices, rules = self.rules(_rows(level), place, model)
        if prices:
            raise level.error("a price belongs to the leaf, not to a level above it.", "rules")
        return UnderLevel(
            constants=constants,
            key=tuple(self.at(level, "key", place, str(name)) for name in names),
            fields=(*own, *fields),
            rules=rules,
            anchor=self._anchor(level, Target("part", model)),
            optional=level.get("optional") == "true",
        )


def _has_lists(rule: ElementRule) -> bool:
    return rule.items is not None or bool(rule.prices) or any(_has_lists(inner) for inner in rule.rules)


def _rows(row: Mapping[str, Any]) -> Rows:
    rows = row.get("rules")
    return rows if isinstance(rows, Rows) else Rows()


def _carried(fields: Sequence[XmlField], rules: Sequence[ElementRule]) -> set[At]:
    """Places below an element whose value a field of the same object carries."""
    found = {field.at for field in fields if field.paths}
    for rule in rules:
        if rule.items is None:
            below = _carried(rule.fields, rule.rules)
            found |= {At((*rule.steps, *at.steps), at.attribute) for at in below}
    return found


def _constant_conditions(fields: Sequence[XmlField], items: Path | None) -> tuple[Condition, ...]:
    """A constant `"=X"` of an entry: only elements that have it are its."""
    if items is None:
        return ()
    return tuple(
        Condition(field.at, frozenset({field.constant}))
        for field in fields
        if field.constant is not None and not field.default
    )
