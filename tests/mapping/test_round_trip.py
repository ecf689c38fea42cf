"""Reading and writing are inverse: over all fixtures, over damaged fixtures, over generated documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.documents import KINDS, Document, dump_document, parse_document
from gateway.mapping import (
    CompiledMap,
    MapError,
    MappingError,
    coverage,
    load_map,
    maps_available,
    read_document,
    write_document,
)
from gateway.mapping.targets import resolve
from gateway.mapping.uncarried import Carried
from gateway.standards.edi.model import LoopInstance, Segment, Separators
from gateway.standards.edi.validator import validator
from gateway.standards.x12.check import CheckedSet
from tests.mapping.mapkit import FIXTURES, fixtures, name_of, sets_of

SEPARATORS = Separators("*", ">", "~")
#: Without the phase that explains a failure: it prints whole maps.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
Plain = list[tuple[str, tuple[str, ...]]]


def _plain(segments: list[Segment]) -> Plain:
    """Segments without SE and the control number of ST, which belong to the envelope."""
    found = [(segment.tag, segment.elements) for segment in segments if segment.tag != "SE"]
    tag, elements = found[0]
    return [(tag, (*elements[:1], "0001", *elements[2:])), *found[1:]]


def _map_of(found: CheckedSet) -> CompiledMap | None:
    try:
        return load_map("x12", str(found.release), found.set_id)
    except MapError:
        return None


def _again(cmap: CompiledMap, tree: LoopInstance) -> tuple[Document, Plain]:
    document = parse_document(dump_document(read_document(cmap, tree).document))
    return document, _plain(write_document(cmap, document).segments)


# Fixtures ------------------------------------------------------------------------------------------------------------


def test_every_fixture_is_written_as_it_was_read() -> None:
    total, differing, shares = 0, [], []
    for path in [*fixtures("x12"), *fixtures("demo")]:
        for found in sets_of(path):
            cmap = _map_of(found)
            if cmap is None or not found.accepted:
                continue
            total += 1
            document, written = _again(cmap, found.tree())
            shares.append(coverage(cmap, document))
            if written != _plain(found.segments()):
                differing.append(name_of(path))
    share = 100 * (total - len(differing)) / total
    print(f"{share:.1f} % of {total} sets identical, mean coverage {sum(shares) / total:.3f}")
    assert total >= 60 and not differing
    assert sum(shares) / total >= 0.95


def test_every_accepted_set_of_the_corpus_is_written_as_it_was_read() -> None:
    corpus = os.environ.get("GATEWAY_CORPUS")
    if not corpus:
        pytest.skip("GATEWAY_CORPUS is not set: the sample corpus is not here")
    total, differing, shares = 0, [], []
    for path in sorted((Path(corpus) / "x12").glob("8*/*")):
        for found in sets_of(path):
            cmap = _map_of(found)
            if cmap is None or not found.accepted:
                continue
            total += 1
            document, written = _again(cmap, found.tree())
            shares.append(coverage(cmap, document))
            if written != _plain(found.segments()):
                differing.append(path.name)
    print(
        f"{100 * (total - len(differing)) / total:.1f} % of {total} sets identical, {sum(shares) / total:.3f} carried"
    )
    assert total >= 15 and not differing


# Damage --------------------------------------------------------------------------------------------------------------


@cache
def _pool() -> list[tuple[CompiledMap, list[Segment]]]:
    pool = []
    for path in fixtures("x12"):
        for found in sets_of(path):
            cmap = _map_of(found)
            if cmap is not None:
                pool.append((cmap, found.segments()))
    return pool


_TAGS = st.sampled_from(
    ["REF", "N1", "N3", "SAC", "PO4", "TC2", "LM", "LQ", "MSG", "DTM", "HL", "CTT", "PO1", "IT1", "X9"]
)
_VALUES = st.sampled_from(["", "00", "1", "0010", ".5", "20260302", "UP", "A\x1fB", "A\x1eB", "Text", "ZZ", "-3"])
_SEGMENTS = st.builds(lambda tag, values: Segment(tag, _trimmed(tuple(values))), _TAGS, st.lists(_VALUES, max_size=9))


def _trimmed(elements: tuple[str, ...]) -> tuple[str, ...]:
    while elements and not elements[-1]:
        elements = elements[:-1]
    return elements


@dataclass(frozen=True, repr=False)
class Case:
    """A set after damage, printed as its lines."""

    cmap: CompiledMap
    segments: list[Segment]

    def __repr__(self) -> str:
        lines = ["*".join([segment.tag, *segment.elements]) for segment in self.segments]
        return f"{self.cmap.version} {self.cmap.set_id}: " + "~".join(lines)

    def tree(self) -> LoopInstance:
        return validator(self.cmap.version, self.cmap.set_id, SEPARATORS).tree(self.segments)


@st.composite
def _damaged(draw: st.DrawFn) -> Case:
    pool = _pool()
    cmap, original = pool[draw(st.integers(0, len(pool) - 1))]
    segments = list(original)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(1, max(1, len(segments) - 1)))
        match draw(st.sampled_from(["insert", "drop", "double", "swap", "change"])):
            case "insert":
                segments.insert(place, draw(_SEGMENTS))
            case "drop" if len(segments) - 1 > 1 and place < len(segments) - 1:
                del segments[place]
            case "double" if place < len(segments) - 1:
                segments.insert(place, segments[place])
            case "swap" if place < len(segments) - 2:
                segments[place], segments[place + 1] = segments[place + 1], segments[place]
            case "change" if place < len(segments) - 1:
                elements = list(segments[place].elements) or [""]
                elements[draw(st.integers(0, len(elements) - 1))] = draw(_VALUES)
                segments[place] = Segment(segments[place].tag, _trimmed(tuple(elements)))
            case _:
                continue
    return Case(cmap, segments)


@settings(max_examples=150, deadline=None, phases=PHASES)
@given(_damaged())
def test_whatever_a_set_holds_it_is_written_as_it_was_read(case: Case) -> None:
    _, written = _again(case.cmap, case.tree())
    assert written == _plain(case.segments)


# Edits ---------------------------------------------------------------------------------------------------------------


def _objects(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            if name not in {"extensions", "envelope"}:
                yield from _objects(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


@settings(max_examples=120, deadline=None, phases=PHASES)
@given(_damaged(), st.data())
def test_any_edit_of_lists_leaves_a_document_that_can_be_written(case: Case, data: st.DataObject) -> None:
    cmap = case.cmap
    document = read_document(cmap, case.tree()).document
    holders = [
        (found, name)
        for found in _objects(document)
        for name in type(found).model_fields
        if name not in {"extensions", "links"} and isinstance(getattr(found, name), list) and getattr(found, name)
    ]
    for _ in range(data.draw(st.integers(1, 4))):
        if not holders:
            break
        found, name = holders[data.draw(st.integers(0, len(holders) - 1))]
        items = getattr(found, name)
        match data.draw(st.sampled_from(["drop", "copy", "reverse"])):
            case "drop" if items:
                del items[data.draw(st.integers(0, len(items) - 1))]
            case "copy" if items:
                items.append(items[0].model_copy(deep=True) if isinstance(items[0], BaseModel) else items[0])
            case _:
                items.reverse()
    try:
        written = write_document(cmap, document)
    except MappingError as error:
        assert all(problem.path and problem.message for problem in error.problems)
        return
    assert written.segments[0].tag == "ST" and written.segments[-1].elements[0] == str(len(written.segments))


# Generated documents -------------------------------------------------------------------------------------------------

_ALWAYS = {"code", "qualifier", "number", "line_id", "quantity", "change", "text", "id", "value", "amount", "total"}
_WORDS = {"type", "scheme", "second_type"}
_TEXT = st.text("ABC0123456789 .-", min_size=1, max_size=12).map(str.strip).filter(bool)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "text": _TEXT,
    "decimal": st.decimals(min_value=0, max_value=99999, places=2, allow_nan=False),
    "integer": st.integers(0, 999),
    "date": st.dates(),
    "time": st.times().map(lambda found: found.replace(second=0, microsecond=0)),
    "code": _TEXT.map(lambda text: {"code": text}),
}


def _generated(draw: Any, model: type[BaseModel], carried: Carried, depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, node in carried.inner.items():
        if name in _WORDS:
            continue
        target = resolve(model, (name,))
        always = depth == 0 or name in _ALWAYS or (target.kind == "code" and name in {"level", "status", "indicator"})
        if target.kind in _SCALARS:
            if always or draw(st.integers(0, 2)) == 0:
                values[name] = draw(_SCALARS[target.kind])
        elif target.kind == "part" and target.model is not None:
            if depth == 0 or draw(st.booleans()):
                values[name] = _generated(draw, target.model, node, depth + 1)
        elif target.kind == "list" and depth < 4:
            # The 810 of 004010 has room for one N9 loop in its header.
            most = 1 if depth == 0 and name == "notes" else 2
            count = draw(st.integers(1 if depth == 0 and name in {"lines", "units"} else 0, most))
            if target.model is None:
                values[name] = [draw(_TEXT) for _ in range(count or (name == "text"))]
            else:
                values[name] = [_generated(draw, target.model, node, depth + 1) for _ in range(count)]
    return values


@pytest.mark.parametrize("key", [key for key in maps_available() if key[0] == "x12"], ids="-".join)
@settings(max_examples=15, deadline=None, phases=PHASES)
@given(st.data())
def test_a_generated_document_survives_writing_and_reading(key: tuple[str, str, str], data: st.DataObject) -> None:
    cmap = load_map(*key)
    values = _generated(data.draw, KINDS[cmap.kind], cmap.carried, 0)
    first = write_document(cmap, cmap.model.model_validate({"kind": cmap.kind, **values}))
    tree = validator(cmap.version, cmap.set_id, SEPARATORS).tree(first.segments)
    result = read_document(cmap, tree)
    assert not result.findings
    assert result.document.extensions == [], "our own writing needs nothing kept beside the fields"
    assert _plain(write_document(cmap, result.document).segments) == _plain(first.segments)


def test_there_is_a_map_for_each_set_of_the_main_job_in_both_releases() -> None:
    wanted = {("x12", version, name) for version in ("004010", "005010") for name in ("850", "855", "856", "810")}
    assert wanted <= set(maps_available())
    assert FIXTURES.is_dir()
