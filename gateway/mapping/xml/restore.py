"""Putting back what the extensions keep, into the elements as we write them.

On an unedited document this gives exactly what was received. Where a field was edited the edit wins; what finds no
place any more is reported as lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.documents import Extension
from gateway.mapping.xml.kept import ordered_keys
from gateway.mapping.xml.markup import elements_of
from gateway.mapping.xml.notes import ABSENT
from gateway.mapping.xml.out import Out, child_place
from gateway.mapping.xml.places import Names, tag_of
from gateway.mapping.xml.plan import rank_of
from gateway.mapping.xml.session import Key, WriteSession

__all__ = ["restore"]

#: (extension, what of it is lost)
Lost = tuple[Extension, str]
_LONGEST = 100


def restore(extensions: Sequence[Extension], session: WriteSession, names: Names) -> list[Lost]:
    """Apply the entries to the elements written; returns those that found no place."""
    lost: list[Lost] = []
    values = [entry for entry in extensions if entry.form == "values" and not (entry.tag or "").startswith("table:")]
    lost += _values(values, session)
    lost += _kept([entry for entry in extensions if entry.form == "xml"], session, names)
    for entry in extensions:
        if entry.form == "order":
            _reorder(entry, session)
    return lost


def _object(entry: Extension, session: WriteSession) -> Out | None:
    key: Key = (entry.anchor, entry.entry or "")
    return session.placed.get(key)


def _steps(path: str) -> list[tuple[str, int]]:
    """Names and numbers of the rules along a path: "cac:PaymentMeans[2]" was taken by the second rule of the name."""
    found = []
    for step in _split(path):
        name, bracket, number = step.rpartition("[")
        if bracket and number.endswith("]") and number[:-1].isdigit():
            found.append((name, int(number[:-1]) - 1))
        else:
            found.append((step, 0))
    return found


def _split(path: str) -> list[str]:
    """Steps of a path; the address of a namespace in braces may hold slashes itself."""
    steps: list[str] = []
    depth, start = 0, 0
    for place, character in enumerate(path):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            steps.append(path[start:place])
            start = place + 1
    return [step for step in [*steps, path[start:]] if step]


# -- spellings and attributes ----------------------------------------------------------------------------------


def _values(entries: Sequence[Extension], session: WriteSession) -> list[Lost]:
    lost: list[Lost] = []
    for entry in entries:
        out = _object(entry, session)
        way: list[Out] = []
        for name, number in _steps(entry.path or ""):
            if out is not None:
                way.append(out)
                out = out.find(name, number)
        pairs = {key: (pair.received, pair.written) for key, pair in (entry.elements or {}).items()}
        if out is None:
            shown = [f"{key}={received}" for key, (received, _) in pairs.items() if received is not ABSENT]
            if shown:
                lost.append((entry, f"{entry.path} {' '.join(shown)}"))
            continue
        for key, (received, written) in pairs.items():
            _put(out, key, received, "" if written is None else str(written))
        _prune(out, way)
    return lost


def _put(out: Out, key: str, received: Any, written: str) -> None:
    """The received form, while we still write what we wrote then."""
    if key == ".":
        if (out.text or "") == written:
            out.text = None if received is ABSENT else str(received)
    elif (out.attributes.get(key[1:]) or "") == written:
        if received is ABSENT:
            out.attributes.pop(key[1:], None)
        else:
            out.attributes[key[1:]] = str(received)


def _prune(out: Out, way: list[Out]) -> None:
    """Take away what a received absence left empty."""
    while way and out.is_empty:
        above = way.pop()
        above.children = [child for child in above.children if child is not out]
        out = above


# -- kept elements ---------------------------------------------------------------------------------------------


def _kept(entries: Sequence[Extension], session: WriteSession, names: Names) -> list[Lost]:
    lost: list[Lost] = []
    parents: dict[tuple[str | None, ...], Out | None] = {}
    by_parent: dict[int, tuple[Out, list[tuple[int, Out]]]] = {}
    found = elements_of([entry.xml or "" for entry in entries], names)
    for entry, element in zip(entries, found, strict=True):
        key = (entry.anchor, entry.entry, entry.path)
        if key not in parents:
            parents[key] = _parent(entry, session)
        parent = parents[key]
        if parent is None or element is None:
            lost.append((entry, entry.xml or ""))
            continue
        name = names.name(tag_of(element))
        kept = Out(name, child_place(parent.place, name), rank_of(parent.place, name))
        kept.element = element
        by_parent.setdefault(id(parent), (parent, []))[1].append((max(0, entry.ordinal), kept))
    for parent, additions in by_parent.values():
        _merge(parent, additions)
    return lost


def _parent(entry: Extension, session: WriteSession) -> Out | None:
    """The element that a kept one stood in; steps to it are made again, its object is not."""
    parent = _object(entry, session)
    for name, number in _steps(entry.path or ""):
        parent = parent.step(name, number) if parent is not None else None
    return parent


def _merge(parent: Out, additions: Sequence[tuple[int, Out]]) -> None:
    """Each kept element goes behind as many of its name as stood before it."""
    by_name: dict[str, list[Out]] = {}
    for child in parent.children:
        by_name.setdefault(child.name, []).append(child)
    kept_by_name: dict[str, list[tuple[int, Out]]] = {}
    for ordinal, child in additions:
        kept_by_name.setdefault(child.name, []).append((ordinal, child))
    for name, kept in kept_by_name.items():
        written = iter(by_name.get(name, []))
        merged: list[Out] = []
        for ordinal, child in sorted(kept, key=lambda pair: pair[0]):
            while len(merged) < ordinal and (own := next(written, None)) is not None:
                merged.append(own)
            merged.append(child)
        by_name[name] = [*merged, *written]
    children = [child for group in by_name.values() for child in group]
    keys = ordered_keys([child.name for child in children], parent.place)
    parent.children = [child for _, child in sorted(zip(keys, children, strict=True), key=lambda pair: pair[0])]


def _reorder(entry: Extension, session: WriteSession) -> None:
    """The received order, while the same elements stand there."""
    out = _object(entry, session)
    for name, number in _steps(entry.path or ""):
        out = out.find(name, number) if out is not None else None
    if out is None:
        return
    by_key: dict[str, Out] = {}
    keys = ordered_keys([child.name for child in out.children], out.place)
    for (_, name, place), child in zip(keys, out.children, strict=True):
        by_key[f"{name}[{place + 1}]"] = child
    wanted = entry.order or []
    if len(wanted) == len(out.children) and set(wanted) == set(by_key):
        out.children = [by_key[key] for key in wanted]


def lost_text(text: str) -> str:
    """Short enough for a sentence."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
