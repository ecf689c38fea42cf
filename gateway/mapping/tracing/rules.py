"""Maps that mark: the rules of a map with converters that note on every value which rule took or made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gateway.mapping.converters import Converter
from gateway.mapping.parse import ParsedMap
from gateway.mapping.rules import Field, Groups, HierarchyRule, LoopRule, Rule, SegmentRule
from gateway.mapping.source import RULES, Rows, Source, Table
from gateway.mapping.tracing.marks import Mark, RulePlace, leaves, mark, mark_of
from gateway.mapping.xml.parse import ParsedXmlMap
from gateway.mapping.xml.rules import ElementRule, PriceRule, UnderLevel, Wrapper, XmlField
from gateway.mapping.xml.values import XmlConverter

__all__ = ["Marker", "Wrote", "is_marking", "with_marks", "with_marks_xml"]

#: Appended to a converter's name, so that no reader takes a short cut around it.
_MARKING = "+trace"
C = TypeVar("C", Converter, XmlConverter)


@dataclass(frozen=True, slots=True)
class Wrote:
    """One value that the writer made."""

    #: Fields that it was made from.
    fields: tuple[str, ...]
    rule: RulePlace
    text: str


@dataclass(slots=True)
class Marker:
    """Wraps the converters of one map; what they write is noted in order."""

    source: Source
    #: What the writer made so far, in order.
    wrote: list[Wrote] = field(default_factory=list)

    def converter(self, converter: C, rule: RulePlace) -> C:
        """The converter with marks."""
        return replace(
            converter,
            name=converter.name + _MARKING,
            read=_reading(converter.read, rule),
            write=self._writing(converter.write, rule),
        )

    def _writing(self, write: Callable[[Any], str], rule: RulePlace) -> Callable[[Any], str]:
        def marked(value: Any) -> str:
            text = write(value)
            fields = tuple(_fields_of(value))
            if not text or not fields:
                return text
            self.wrote.append(Wrote(fields, rule, str(text)))
            return mark(text, Mark(fields, rule))  # type: ignore[no-any-return]

        return marked

    def table_of(self, row: Table) -> Table:
        """The `fields` of a rule: its own, or the field set that it names."""
        raw = row.get("fields")
        found = self.source.fields.get(raw) if isinstance(raw, str) else raw
        return found if isinstance(found, Table) else Table()


def _reading(read: Callable[[str], Any], rule: RulePlace) -> Callable[[str], Any]:
    def marked(raw: str) -> Any:
        value = read(raw)
        note = mark_of(raw)
        return value if note is None else mark(value, Mark(note.origin, rule))

    return marked


def _fields_of(value: Any) -> Iterator[str]:
    """The fields that a value to be written was taken from."""
    parts = value if isinstance(value, tuple | list) else [value]
    for part in parts:
        held = part if isinstance(part, dict) else getattr(part, "__dict__", {}) if mark_of(part) is None else part
        for _, leaf in leaves(held):
            note = mark_of(leaf)
            if note is not None and isinstance(note.origin, tuple):
                yield from note.origin


def is_marking(converter: Converter | XmlConverter) -> bool:
    """Whether a converter was made here."""
    return converter.name.endswith(_MARKING)


def _line(table: Table, key: str) -> int:
    return table.line_of(key) if hasattr(table, "lines") else 0


def _named(ids: Iterable[str]) -> Iterator[str]:
    """Ids of the rules of one list as `at` writes them: the second of a name is "REF[2]"."""
    counts: dict[str, int] = {}
    for name in ids:
        counts[name] = counts.get(name, 0) + 1
        yield name if counts[name] == 1 else f"{name}[{counts[name]}]"


# -- X12 -----------------------------------------------------------------------------------------------------


def with_marks(parsed: ParsedMap, marker: Marker) -> ParsedMap:
    """The map with marking converters."""
    source = marker.source
    sections = {
        name: _rules(marker, rules, source.sections.get(name, Rows()), name) for name, rules in parsed.sections.items()
    }
    return replace(parsed, sections=sections)


def _rules(marker: Marker, rules: Iterable[Rule], rows: Rows, above: str) -> tuple[Rule, ...]:
    together = list(zip(rules, rows, strict=True))
    names = _named(rule.id for rule, _ in together)
    return tuple(_rule(marker, rule, row, f"{above}.{name}") for (rule, row), name in zip(together, names, strict=True))


def _rule(marker: Marker, rule: Rule, row: Table, at: str) -> Rule:
    if isinstance(rule, SegmentRule):
        table = marker.table_of(row)
        fields = tuple(_field(marker, each, at, key, table) for each, key in zip(rule.fields, table, strict=True))
        groups = tuple(_groups(marker, group, at, row) for group in rule.groups)
        return replace(rule, fields=fields, groups=groups)
    if isinstance(rule, LoopRule):
        return replace(rule, rules=_rules(marker, rule.rules, row.get("rules", Rows()), at))
    return _hierarchy(marker, rule, row, at)


def _hierarchy(marker: Marker, rule: HierarchyRule, row: Table, at: str) -> HierarchyRule:
    by_level: Mapping[str, Any] = row.get("levels") or {}
    levels = {
        level: _rules(marker, rules, by_level.get(level, row.get("rules", Rows())), at)
        for level, rules in rule.levels.items()
    }
    level = _field(marker, rule.level, at, "level", row)
    return replace(rule, level=level, levels=levels)


def _field(marker: Marker, each: Field, at: str, key: str, table: Table) -> Field:
    if each.converter is None:
        return each
    place = RulePlace(at, key, each.converter.name, table.file, _line(table, key))
    return replace(each, converter=marker.converter(each.converter, place))


def _groups(marker: Marker, group: Groups, at: str, row: Table) -> Groups:
    key = f"groups {group.first}-{group.last}"
    fields = []
    for each in group.fields:
        place = RulePlace(at, key, each.converter.name if each.converter else "", row.file, _line(row, "groups"))
        fields.append(
            replace(each, converter=marker.converter(each.converter, place)) if each.converter is not None else each
        )
    return replace(group, fields=tuple(fields))


# -- XML -----------------------------------------------------------------------------------------------------


def with_marks_xml(parsed: ParsedXmlMap, marker: Marker) -> ParsedXmlMap:
    """The map with marking converters; parts of a price and implied currencies have theirs in the plan."""
    rows = marker.source.sections.get(RULES, Rows())
    rule = replace(parsed.rule, **_content(marker, parsed.rule, Table(), rows, ""))
    return replace(parsed, rule=rule)


def _content(
    marker: Marker, rule: ElementRule | UnderLevel | Wrapper, row: Table, rows: Rows, at: str
) -> dict[str, Any]:
    """Fields and rules of one element with marks."""
    tables = [marker.table_of(each) for each in (row, *rows) if each is row or "element" not in each]
    elements = [each for each in rows if "element" in each]
    names = list(_named(each.id for each in rule.rules))
    below = [f"{at}.{name}" if at else name for name in names]
    return {
        "fields": tuple(_xml_field(marker, each, at or "fields", tables) for each in rule.fields),
        "rules": tuple(
            _element(marker, each, inner, place) for each, inner, place in zip(rule.rules, elements, below, strict=True)
        ),
    }


def _element(marker: Marker, rule: ElementRule, row: Table, at: str) -> ElementRule:
    changed = _content(marker, rule, row, row.get("rules", Rows()), at)
    if rule.under:
        changed["under"] = tuple(
            replace(level, **_content(marker, level, inner, inner.get("rules", Rows()), f"{at}.under[{number}]"))
            for number, (level, inner) in enumerate(zip(rule.under, row["under"], strict=True), 1)
        )
    if rule.wrapper is not None:
        inner = row["wrapper"]
        changed["wrapper"] = replace(
            rule.wrapper, **_content(marker, rule.wrapper, inner, inner.get("rules", Rows()), f"{at}.wrapper")
        )
    changed["prices"] = tuple(_price(marker, price, at, row) for price in rule.prices)
    return replace(rule, **changed)


def _xml_field(marker: Marker, each: XmlField, at: str, tables: list[Table]) -> XmlField:
    if each.converter is None:
        return each
    key = str(each.at)
    table = next((table for table in tables if key in table), Table())
    place = RulePlace(at, key, each.converter.name, table.file, _line(table, key))
    return replace(each, converter=marker.converter(each.converter, place))


def _price(marker: Marker, price: PriceRule, at: str, row: Table) -> PriceRule:
    if price.unit_converter is None:
        return price
    place = RulePlace(f"{at}.price", str(price.unit), price.unit_converter.name, row.file, row.line)
    return replace(price, unit_converter=marker.converter(price.unit_converter, place))
