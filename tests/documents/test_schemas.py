"""The JSON Schemas in `schemas/documents` are those of the code, and describe every field."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gateway.documents import KINDS, generate
from gateway.documents import json_schemas as made_schemas
from gateway.documents.generate import main
from gateway.resources import find

rendered_schemas = cache(generate.rendered_schemas)
json_schemas = cache(made_schemas)


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_the_one_of_the_code(kind: str) -> None:
    committed = find(f"schemas/documents/{kind}.json").read_text("utf-8")
    assert committed == rendered_schemas()[f"{kind}.json"], "run: python -m gateway.documents.generate"


def test_the_generator_writes_every_schema(tmp_path: Path) -> None:
    assert main([str(tmp_path / "schemas")]) == 0
    assert {path.name for path in (tmp_path / "schemas").iterdir()} == set(rendered_schemas())


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_description_and_unknown_fields_are_forbidden(kind: str) -> None:
    schema = json_schemas()[kind]
    objects = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    for part in objects:
        assert part["additionalProperties"] is False, part["title"]
        for name, prop in part["properties"].items():
            assert prop.get("description"), f"{part['title']}.{name}"
    assert schema["required"][0] == "kind" and schema["properties"]["kind"]["const"] == kind
