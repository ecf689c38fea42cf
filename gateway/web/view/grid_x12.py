"""A transaction set as a form: a group for each segment, and a field for each element with its rule beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from gateway.standards.edi.schema import (
    ElementType,
    ElementUse,
    Release,
    UnknownReleaseError,
    labels_of,
    load_release,
    release_for,
)
from gateway.standards.edi.structure import structure
from gateway.web.view.grid import FIELD, Field, Grid, Group, page_of
from gateway.web.view.grid_segments import Place, X12Text, at_or, field_place, places_of, repetitions_of

__all__ = ["build"]

#: Codes that a list offers; a longer one helps nobody.
MOST_CODES = 120
_KINDS = {
    "AN": "text",
    "ID": "code",
    "DT": "date CCYYMMDD",
    "TM": "time HHMM",
    "R": "number",
    "N0": "whole number",
    "B": "bytes",
}
_DATES = {6: "date YYMMDD", 8: "date CCYYMMDD"}


def build(
    x12: X12Text,
    findings: Sequence[Mapping[str, Any]],
    refused: Mapping[str, str],
    typed: Mapping[str, str],
    *,
    first: int = 0,
    only_wrong: bool = False,
    opened: Collection[int] = (),
    adding: int | None = None,
) -> Grid:
    """One page of the set. ``opened`` are segments with all their elements, ``adding`` one that gets another behind it.

    ``refused`` and ``typed`` keep what could not be taken at its field.
    """
    places = places_of(x12)
    at: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for found in findings:
        if found.get("position"):
            at[int(found["position"]) - 1].append(dict(found))
    for name, sentence in refused.items():
        place = field_place(name)
        if place is not None:
            where = {"element": place[1], "repeat": place[2], "component": place[3]}
            at[place[0]].append({"severity": "error", "message": sentence, "name": name, **where})
    numbers = [number for number in range(len(places)) if not only_wrong or number in at or number == adding]
    shown, start = page_of(numbers, first)
    release = _release(x12.version)
    lists: dict[str, Sequence[tuple[str, str]]] = {}
    groups = [
        _group(x12, release, places, number, at[number], typed, number in opened, number == adding, lists)
        for number in shown
    ]
    return Grid(tuple(groups), len(numbers), start, lists)


def _release(version: str) -> Release | None:
    name = release_for(version)
    try:
        return load_release(name) if name else None
    except UnknownReleaseError:
        return None


def _group(
    x12: X12Text,
    release: Release | None,
    places: Sequence[Place],
    number: int,
    findings: Sequence[dict[str, Any]],
    typed: Mapping[str, str],
    opened: bool,
    adding: bool,
    lists: dict[str, Sequence[tuple[str, str]]],
) -> Group:
    place, segment = places[number], x12.segments[number]
    values = segment.split(x12.element)[1:]
    known = release.segments.get(place.tag) if release else None
    uses = known.elements if known else ()
    wrong = {int(found["element"]) for found in findings if found.get("element")}
    needed = max([len(values), *wrong, *(at for at, use in enumerate(uses, 1) if use.mandatory), 0 if uses else 1])
    most = max(needed, len(uses)) if opened else needed
    fields = [
        one
        for element in range(1, most + 1)
        for one in _fields(
            x12,
            release,
            place.tag,
            number,
            element,
            _use(uses, element),
            at_or(values, element - 1, ""),
            findings,
            typed,
            lists,
        )
    ]
    named = {id(each) for one in fields for each in one.findings}
    ends = number in (0, len(places) - 1)
    what = f"this {place.loop} loop" if place.loop and place.end > number + 1 else "this segment"
    return Group(
        number=number,
        shown=str(number + 1),
        tag=place.tag,
        title=known.name if known else "",
        depth=place.depth,
        fields=tuple(fields),
        findings=tuple(found for found in findings if id(found) not in named),
        repeat="" if ends else f"Repeat {what}",
        remove="" if ends else f"Remove {what}",
        can_add=number < len(places) - 1,
        choices=tuple(_choices(x12, release, place)) if adding else (),
        more=max(0, len(uses) - most),
    )


def _use(uses: Sequence[ElementUse], element: int) -> ElementUse | None:
    return uses[element - 1] if element <= len(uses) else None


def _choices(x12: X12Text, release: Release | None, place: Place) -> Iterator[tuple[str, str]]:
    """Segments that may stand behind this one, the nearest first; any of the release where that is not known."""
    if release is None:
        return
    name = release_for(x12.version)
    if place.node is None or name is None:
        yield from ((tag, segment.name) for tag, segment in sorted(release.segments.items()) if tag not in _ENDS)
        return
    seen: set[str] = set()
    for move in structure(name, x12.set_id).ahead(place.node):
        if move.place.tag not in seen and move.place.tag not in _ENDS:
            seen.add(move.place.tag)
            segment = release.segments.get(move.place.tag)
            yield move.place.tag, segment.name if segment else ""
        if move.place.mandatory and not move.again:
            return


_ENDS = frozenset({"ST", "SE", "ISA", "GS", "GE", "IEA"})


def _fields(
    x12: X12Text,
    release: Release | None,
    tag: str,
    number: int,
    element: int,
    use: ElementUse | None,
    value: str,
    findings: Sequence[dict[str, Any]],
    typed: Mapping[str, str],
    lists: dict[str, Sequence[tuple[str, str]]],
) -> Iterator[Field]:
    """A field for each repetition and component of one element."""
    composite = release.composites.get(use.ref) if release and use else None
    repetitions = repetitions_of(x12, value)
    left = [found for found in findings if found.get("element") == element]
    for repetition, one in enumerate(repetitions, 1):
        components = one.split(x12.component)
        count = max(len(components), len(composite.elements) if composite else 1)
        for component in range(1, count + 1):
            inner = _use(composite.elements, component) if composite else (use if component == 1 else None)
            known = release.element_at(tag, element, component if composite else None) if release and inner else None
            name = f"{FIELD}{number}-{element}-{repetition}-{component}"
            suffix = (f"-{component}" if count > 1 else "") + (f" ({repetition})" if len(repetitions) > 1 else "")
            required = bool(use and use.mandatory and inner and inner.mandatory)
            here = [found for found in left if _is_at(found, component, repetition)]
            left = [found for found in left if found not in here]
            shown = at_or(components, component - 1, "")
            if any(found.get("name") == name for found in here):  # refused: what was typed stays in its field
                shown = typed.get(name, shown)
            made = _field(release, known, name, f"{tag}{element:02d}{suffix}", shown, required, lists)
            yield replace(made, findings=tuple(here))


def _is_at(found: Mapping[str, Any], component: int, repetition: int) -> bool:
    return found.get("component") in (None, component) and found.get("repeat") in (None, repetition)


def _field(
    release: Release | None,
    known: ElementType | None,
    name: str,
    place: str,
    value: str,
    required: bool,
    lists: dict[str, Sequence[tuple[str, str]]],
) -> Field:
    if known is None or release is None:
        return Field(name, place, "", value, "not defined here", width=max(8, min(len(value) + 2, 40)))
    labels = _codes(release.name, known.ref)
    if labels:
        lists[f"codes-{known.ref}"] = labels
    meaning = labels_of(release.name, known.ref).get(value, "") if known.type == "ID" else ""
    return Field(
        name=name,
        place=place,
        title=known.name,
        value=value,
        rule=_rule(known, required),
        meaning=meaning,
        options=f"codes-{known.ref}" if labels else "",
        width=max(4, min(known.max, 40), min(len(value) + 1, 40)),
        required=required,
    )


def _rule(known: ElementType, required: bool) -> str:
    kind = _KINDS.get(known.type, "")
    if known.type == "DT":
        kind = _DATES.get(known.max, kind)
    elif known.type[:1] == "N" and not kind:
        kind = f"number, the last {known.type[1:]} digits behind the point"
    unit = "digits" if known.type[:1] in ("N", "R") else "characters"
    length = f"{known.max} {unit}" if known.min == known.max else f"{known.min} to {known.max} {unit}"
    return ", ".join(filter(None, (kind, "" if known.type == "DT" else length, "required" if required else "")))


@lru_cache(maxsize=512)
def _codes(release: str, ref: str) -> tuple[tuple[str, str], ...]:
    """The codes of an element with their names, where the list is short."""
    known = load_release(release).elements.get(ref)
    labels = labels_of(release, ref)
    if known is None or known.type != "ID" or not labels or len(labels) > MOST_CODES:
        return ()
    allowed = known.codes
    return tuple((code, name) for code, name in sorted(labels.items()) if allowed is None or code in allowed)
