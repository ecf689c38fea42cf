"""Make `schemas/x12/<release>.json` and its code names from a folder of X12 facts.

Run by hand when the facts change: `python tools/build_x12_schemas.py FACTS_FOLDER [SCHEMAS_FOLDER]`. The
facts folder holds `<release>.json` and `codes-<release>.json` in the long form (one object per element, node
and composite); the schemas written are the compact form that `gateway.standards.edi.schema` reads, one line
per element, segment and top-level node, so that a change of one fact is a change of one line.

Compact form:
  elements    id -> [name, type, shortest, longest] or [..., "code code code"]
  composites  id -> [name, ["<ref> <usage>", ...], "note note"]
  segments    id -> [name, ["<ref> <usage>" or "<ref> <usage> <repeat>", ...], "note note"]
  incomplete  ids of segments whose syntax notes are known to be incomplete in this release
  sets        id -> {name, group, header, detail, summary}; a node is "<segment> <usage> <max>", a loop is a
  list
              that starts with "<loop> <usage> <repeat>"; "*" is no upper bound
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RELEASES = ("004010", "005010")
AREAS = ("header", "detail", "summary")


def compact_element(element: dict[str, Any]) -> list[Any]:
    """One element definition as a flat list."""
    fields: list[Any] = [element["name"], element["type"], element["min"], element["max"]]
    codes = element.get("codes")
    return [*fields, " ".join(sorted(set(codes)))] if codes else fields


def compact_parts(owner: dict[str, Any]) -> list[Any]:
    """A segment or composite: its name, its elements in order and its syntax notes."""
    parts = []
    for part in owner["elements"]:
        repeat = part.get("repeat", 1)
        suffix = "" if repeat == 1 else f" {bound(repeat)}"
        parts.append(f"{part['ref']} {part['usage']}{suffix}")
    return [owner["name"], parts, " ".join(owner.get("syntax") or [])]


def bound(value: int | str) -> str:
    """An upper bound; the facts write ">1" for none."""
    return "*" if value == ">1" else str(value)


def compact_node(node: dict[str, Any]) -> Any:
    """A node of a set's tree."""
    if "seg" in node:
        return f"{node['seg']} {node['usage']} {bound(node['max'])}"
    head = f"{node['loop']} {node['usage']} {bound(node['repeat'])}"
    return [head, *(compact_node(child) for child in node["children"])]


def one_line(value: Any) -> str:
    """A value without line breaks."""
    return json.dumps(value, ensure_ascii=False)


def lines_of(table: dict[str, Any]) -> str:
    """A table with one entry a line, in the order of its keys."""
    rows = (f"  {one_line(key)}: {one_line(table[key])}" for key in sorted(table))
    return "{\n" + ",\n".join(rows) + "\n }"


def render_set(definition: dict[str, Any]) -> str:
    """A set with one top-level node a line."""
    rows = [f'   "name": {one_line(definition["name"])}, "group": {one_line(definition["functional_group"])}']
    for area in AREAS:
        nodes = [compact_node(node) for node in definition["areas"].get(area, [])]
        body = ",\n".join(f"    {one_line(node)}" for node in nodes)
        rows.append(f'   "{area}": [' + (f"\n{body}\n   ]" if nodes else "]"))
    return "{\n" + ",\n".join(rows) + "\n  }"


def render_release(release: str, facts: dict[str, Any]) -> str:
    """The whole schema file of one release."""
    sets = ",\n".join(f"  {one_line(key)}: {render_set(facts['sets'][key])}" for key in sorted(facts["sets"]))
    parts = {
        "release": one_line(release),
        "elements": lines_of({key: compact_element(e) for key, e in facts["elements"].items()}),
        "composites": lines_of({key: compact_parts(c) for key, c in facts["composites"].items()}),
        "segments": lines_of({key: compact_parts(s) for key, s in facts["segments"].items()}),
        "incomplete": one_line(sorted(k for k, s in facts["segments"].items() if s.get("syntax_incomplete"))),
        "sets": "{\n" + sets + "\n }",
    }
    return "{\n" + ",\n".join(f' "{key}": {text}' for key, text in parts.items()) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Write the schemas of every release; returns the exit status."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: build_x12_schemas.py FACTS_FOLDER [SCHEMAS_FOLDER]\n")
        return 2
    facts_folder = Path(arguments[0])
    target = Path(arguments[1]) if len(arguments) == 2 else Path(__file__).parents[1] / "schemas" / "x12"
    for release in RELEASES:
        facts = json.loads((facts_folder / f"{release}.json").read_text("utf-8"))
        names = json.loads((facts_folder / f"codes-{release}.json").read_text("utf-8"))
        (target / f"{release}.json").write_text(render_release(release, facts), "utf-8")
        (target / f"codes-{release}.json").write_text(lines_of(names) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
